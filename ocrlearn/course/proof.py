"""Proofs that a chapter keeps its promises: its exercises can be solved, its code is the library's.

Each function returns what is wrong, one line each, and an empty list when all is well. The tests
assert the empty list for every chapter, and ``python -m ocrlearn.course.build --check`` prints it.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from ocrlearn.course.answers import Task, check_frame, find_tasks, run_answer, stub_cell
from ocrlearn.course.chapters import Chapter
from ocrlearn.course.exercise import Exercise, Verdict, grade_on, load_exercises
from ocrlearn.course.notebook import read_lesson
from ocrlearn.course.same_as import difference, find_marks

__all__ = ["chapter_problems", "exercise_problems", "frame_problems", "same_as_problems"]

SOLUTION_SERIES = 40
WRONG_SERIES = 10
"""How many times an answer is graded. A check that refuses a right answer once in a hundred draws
must be found here and not by a learner, hence the many for solutions."""


def chapter_problems(chapter: Chapter) -> list[str]:
    """Return everything these proofs find wrong with a chapter."""
    cells = read_lesson(chapter).cells
    exercises = load_exercises(chapter.number)
    try:
        tasks = check_frame(cells, exercises, chapter.lesson.name)
    except ValueError as error:
        return [str(error)]
    found = []
    for exercise, task in zip(exercises, tasks, strict=True):
        found += exercise_problems(exercise, task, cells)
    return found + same_as_problems(cells) + frame_problems(cells, chapter.lesson.parent.parent)


def exercise_problems(exercise: Exercise, task: Task, cells: Sequence[Any]) -> list[str]:
    """Prove an exercise: the solution passes, the stub invites, wrong answers hear why.

    Parameters
    ----------
    exercise
        Its hints, check and wrong answers.
    task
        Where it stands among `cells`.
    cells
        Of the lesson, with the solution in place.
    """
    found = []
    try:
        solution = run_answer(cells, task)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        return [f"exercise {exercise.number}: the cell of its solution does not run alone: {what}"]
    for verdict in _series(exercise, solution, SOLUTION_SERIES):
        if verdict.status != "solved":
            found.append(f"its solution is {verdict.status} with seed {verdict.seed}: {verdict}")
            break
    found += _stub_problems(exercise, task, cells)
    messages: dict[str, set[str]] = {}
    for name, (answer, words) in exercise.wrong.items():
        verdicts = _series(exercise, answer, WRONG_SERIES)
        messages[name] = {verdict.message for verdict in verdicts}
        for verdict in verdicts:
            if verdict.status != "wrong":
                found.append(f"the wrong answer {name!r} is {verdict.status}")
                break
            if words not in verdict.message:
                found.append(
                    f"the wrong answer {name!r} must hear {words!r}, with seed {verdict.seed} it "
                    f"hears {verdict.message!r}"
                )
                break
    for name, (_, words) in exercise.wrong.items():
        for other, heard in messages.items():
            if other != name and any(words in message for message in heard):
                found.append(f"the wrong answers {name!r} and {other!r} hear the same, {words!r}")
    return [f"exercise {exercise.number}: {problem}" for problem in found]


def same_as_problems(cells: Sequence[Any]) -> list[str]:
    """Return which marked definitions differ from the library's, and in what."""
    found = []
    try:
        marks = list(find_marks(cells))
    except ValueError as error:
        return [str(error)]
    for mark in marks:
        try:
            differs = difference(mark)
        except LookupError as error:
            found.append(str(error))
            continue
        if differs:
            found.append(f"same-as: {mark.target} differs from the library\n{differs}")
    return found


def frame_problems(cells: Sequence[Any], root: Path) -> list[str]:
    """Return what the text lacks: closing sections, alt text, the targets of links."""
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = []
    for heading in ("Summary", "References"):
        if not re.search(rf"^## {heading}\s*$", text, flags=re.MULTILINE):
            found.append(f"there is no section '## {heading}'")
    if re.search(r"!\[\s*\]\(", text) or re.search(r"<img(?![^>]*\balt=\"[^\"]+\")", text):
        found.append("a picture in the text has no alt text")
    for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target) and not (root / "notebooks" / target).exists():
            found.append(f"a link leads nowhere: {target}")
    return found


def _series(exercise: Exercise, answer: Any, times: int) -> list[Verdict]:
    """Grade an answer several times over, each time on other inputs, the same in every run."""
    rounds = exercise.rounds
    return [grade_on(exercise, answer, range(1000 * i, 1000 * i + rounds)) for i in range(times)]


def _stub_problems(exercise: Exercise, task: Task, cells: Sequence[Any]) -> list[str]:
    assert task.answer_cell is not None  # check_frame has seen to it
    source = stub_cell(cells[task.answer_cell].source, exercise.number, exercise.stub)
    stubbed = list(cells)
    stubbed[task.answer_cell] = nbformat.v4.new_code_cell(source)
    task = next(other for other in find_tasks(stubbed) if other.number == task.number)
    verdict = _series(exercise, run_answer(stubbed, task), 1)[0]
    accepted = ("unsolved",) if exercise.stub is None else ("unsolved", "wrong")
    if verdict.status not in accepted:
        return [f"its stub is {verdict.status} instead of inviting: {verdict.message}"]
    return []

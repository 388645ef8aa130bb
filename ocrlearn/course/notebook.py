"""From a lesson to the learner's notebook, not executed yet: frame, stubs, hints, stable ids.

The same lesson always gives the same notebook, byte for byte, so that comparing the two finds every
drift.
"""

import hashlib
import re
from typing import Any

from ocrlearn.course.answers import HEADING, check_frame, exercise_heading, stub_cell
from ocrlearn.course.chapters import PARTS, Chapter
from ocrlearn.course.exercise import Exercise, exercise_file, hint_text, load_exercises

__all__ = ["compose", "read_lesson", "source_hash"]

FORMAT = 1
"""Raised when what this module makes of a lesson changes, so that all notebooks are rebuilt."""

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"}


def read_lesson(chapter: Chapter) -> Any:
    """Return the lesson as jupytext reads it: solutions in place, no frame, random ids."""
    import jupytext

    return jupytext.read(chapter.lesson, fmt="py:percent")


def source_hash(chapter: Chapter) -> str:
    """Return a SHA-256 of all that a notebook is made from: lesson, exercise module, format.

    The library is not part of it: whether the outputs still hold is for nbval to say.
    """
    digest = hashlib.sha256(f"{FORMAT}\n".encode())
    for path in (chapter.lesson, exercise_file(chapter.number)):
        if path is not None:
            digest.update(path.read_text(encoding="utf-8").encode())
    return digest.hexdigest()


def compose(chapter: Chapter, *, teacher: bool = False) -> Any:
    """Return the learner's notebook of `chapter`, not executed.

    Parameters
    ----------
    chapter
        The chapter.
    teacher
        Keep the solutions between their marks and add nbgrader's metadata (schema version 3), so
        that ``nbgrader generate_assignment`` makes the learners' version and grades the checks, a
        point for each star.

    Raises
    ------
    ValueError
        If the exercises of the lesson and of its exercise module do not fit together.
    """
    import nbformat

    lesson = read_lesson(chapter)
    exercises = {exercise.number: exercise for exercise in load_exercises(chapter.number)}
    where = f"{chapter.lesson.parent.name}/{chapter.lesson.name}"
    tasks = check_frame(lesson.cells, list(exercises.values()), where)
    answers = {task.answer_cell: exercises[task.number] for task in tasks}
    checks = {task.check_cell: exercises[task.number] for task in tasks}
    cells = [nbformat.v4.new_markdown_cell(frame(chapter))]
    for position, cell in enumerate(lesson.cells):
        source = cell.source
        if position in answers and not teacher:
            exercise = answers[position]
            source = stub_cell(source, exercise.number, exercise.stub)
        elif number := exercise_heading(cell):
            source = _with_hints(source, exercises[number])
        make = {
            "code": nbformat.v4.new_code_cell,
            "markdown": nbformat.v4.new_markdown_cell,
            "raw": nbformat.v4.new_raw_cell,
        }[cell.cell_type]
        metadata: dict[str, Any] = {"tags": tags(cell)} if tags(cell) else {}
        if teacher and position in answers:
            metadata["nbgrader"] = _nbgrader(answers[position], "answer")
        elif teacher and position in checks:
            metadata["nbgrader"] = _nbgrader(checks[position], "check")
        cells.append(make(source, metadata=metadata))
    _name_cells(cells)
    about: dict[str, Any] = {
        "kernelspec": dict(KERNEL),
        "language_info": dict(LANGUAGE),
        "ocrlearn": {
            "chapter": chapter.number,
            "title": chapter.title,
            "budget": chapter.budget,
            "source_hash": source_hash(chapter),
        },
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=about)


def frame(chapter: Chapter) -> str:
    """Return the first cell of the notebook: title, badges, what for, what first."""
    outcomes = "\n".join(f"- {item}" for item in chapter.outcomes)
    return (
        f"# {chapter.code} · {chapter.title}\n\n"
        f"`Part {chapter.part} · {PARTS[chapter.part]}` `{chapter.minutes} minutes` "
        f"`runs within {chapter.budget} s on two cores`\n\n"
        f"{chapter.summary}\n\n"
        f"**You will be able to**\n\n{outcomes}\n\n"
        f"**You need first:** {'; '.join(chapter.needs)}."
    )


def _with_hints(source: str, exercise: Exercise) -> str:
    """Complete the heading of an exercise and append its hints, folded, at the end of its cell."""
    title = f" · {exercise.title} {exercise.difficulty}"
    text = HEADING.sub(lambda match: match["text"] + title, source, count=1)
    hints = [
        f"<details><summary>Hint {level}</summary>\n\n{hint_text(exercise, level)}\n\n</details>"
        for level in range(1, len(exercise.hints) + 1)
    ]
    return "\n\n".join([text.strip(), *hints])


def _nbgrader(exercise: Exercise, kind: str) -> dict[str, Any]:
    """Return nbgrader's metadata of an answer's or a check's cell."""
    is_check = kind == "check"
    points = {"points": exercise.stars} if is_check else {}
    return {
        "grade": is_check,
        "grade_id": f"{kind}-{exercise.number.replace('.', '-')}",
        "locked": is_check,
        "schema_version": 3,
        "solution": not is_check,
        "task": False,
        **points,
    }


def _name_cells(cells: list[Any]) -> None:
    """Give every cell an id made from its kind and source, so that ids change only with content."""
    seen: set[str] = set()
    for cell in cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()
        name, count = digest[:12], 1
        while name in seen:
            count += 1
            name = f"{digest[:12]}-{count}"
        seen.add(name)
        cell.id = name


def tags(cell: Any) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def plain(text: str) -> str:
    """Return `text` without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)

"""Exercises: what one is made of, and the check that grades an answer and says what to mend.

In a chapter the learner meets a stub and below it a cell such as ``check("6.2", best_path)``. The
check draws inputs afresh, tries the answer on them and shows one of three verdicts: *solved*;
*wrong*, with one sentence about what is wrong and the seed that repeats the failing input; or
*unsolved*, an invitation to begin. None of them stops the notebook, because what follows never
depends on an answer. Under nbgrader, or with ``OCRLEARN_STRICT=1``, everything but *solved* raises
:class:`WrongAnswer` instead.
"""

import html
import importlib
import importlib.util
import linecache
import os
import pkgutil
import re
import textwrap
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ocrlearn.course._show import display

__all__ = [
    "Exercise",
    "Verdict",
    "WrongAnswer",
    "all_exercises",
    "check",
    "find_exercise",
    "grade",
    "hint",
    "require",
    "require_close",
]

_NUMBER = re.compile(r"[1-9]\d?\.[1-9]\d?")
_COLOURS = {"solved": "#009E73", "wrong": "#D55E00", "unsolved": "#0072B2"}
_SIGNS = {"solved": "✓", "wrong": "✗", "unsolved": "…"}


class WrongAnswer(AssertionError):  # noqa: N818 - what it is, in the course's words
    """An answer that does not do what the exercise asks; its message says what to mend."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter.

    Attributes
    ----------
    number
        Chapter and place in it, e.g. "6.2".
    title
        A few words.
    stars
        Difficulty: 1, a line or two; 2, an evening's thought; 3, a small project.
    hints
        One to three, from a nudge to nearly the answer. Markdown.
    check
        Called as ``check(answer, rng)`` with what the learner's cell defined, usually a function,
        and a NumPy random generator from which it draws its inputs. It calls :func:`require` or
        :func:`require_close` and returns nothing.
    wrong
        At least three answers that learners really give, by name: the answer, and words that occur
        in the message it must get and in no other's message.
    praise
        Said to the learner when the exercise is solved: what has been gained.
    rounds
        How many inputs are drawn.
    stub
        What the learner finds in place of the solution, where an empty function would ask too much
        or where, as in a bug hunt, there is something to mend. Indented as the solution is.
    """

    number: str
    title: str
    stars: int
    hints: Sequence[str]
    check: Callable[[Any, np.random.Generator], None]
    wrong: Mapping[str, tuple[Any, str]]
    praise: str = ""
    rounds: int = 5
    stub: str | None = None

    def __post_init__(self) -> None:
        where = f"exercise {self.number}"
        if not _NUMBER.fullmatch(self.number):
            raise ValueError(f"an exercise is numbered like '6.2', got {self.number!r}")
        if self.stars not in (1, 2, 3):
            raise ValueError(f"{where}: stars must be 1, 2 or 3, got {self.stars!r}")
        if isinstance(self.hints, str) or not 1 <= len(self.hints) <= 3:
            raise ValueError(f"{where}: hints must be a list of one to three texts")
        if len(self.wrong) < 3:
            raise ValueError(
                f"{where}: wrong must name at least three wrong answers, got {len(self.wrong)}"
            )

    @property
    def difficulty(self) -> str:
        """The stars as printed, such as ★★☆."""
        return "★" * self.stars + "☆" * (3 - self.stars)


@dataclass(frozen=True)
class Verdict:
    """What a check found: a status, a message in words, and the seed of the input it was found on.

    Printed as text and shown as a small card in Jupyter.
    """

    number: str
    status: Literal["solved", "wrong", "unsolved"]
    message: str
    seed: int | None = None

    @property
    def headline(self) -> str:
        """The verdict in three words."""
        what = {"solved": "solved", "wrong": "not yet", "unsolved": "waiting for you"}
        return f"{_SIGNS[self.status]} Exercise {self.number}: {what[self.status]}."

    @property
    def repeat(self) -> str:
        """How to meet the failing input again; empty where none failed."""
        return (
            ""
            if self.seed is None
            else f'The same input again: check("{self.number}", ..., seed={self.seed})'
        )

    def __str__(self) -> str:
        return "\n".join(part for part in (self.headline, self.message, self.repeat) if part)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _card(_COLOURS[self.status], self.headline, self.message, self.repeat)


def require(condition: Any, message: str) -> None:
    """Reject the answer with `message` unless `condition` holds."""
    if not condition:
        raise WrongAnswer(message)


def require_close(got: Any, wanted: Any, message: str, *, atol: float = 0.0) -> None:
    """Reject the answer unless `got` equals the array or number `wanted` within `atol`.

    An answer that is None, is not numeric, or has another shape is told just that; `message`
    explains a difference in the values, and small arrays are shown beside it.
    """
    if got is None:
        raise WrongAnswer("Your function returned None: is there a `return`?")
    target = np.asarray(wanted)
    try:
        array = np.asarray(got)
    except ValueError:
        raise WrongAnswer(f"An array of shape {target.shape} is wanted, got {got!r}.") from None
    if array.shape != target.shape:
        raise WrongAnswer(
            f"The result has shape {array.shape}, and shape {target.shape} is wanted."
            if target.shape
            else f"One number is wanted, got an array of shape {array.shape}."
        )
    numeric = np.issubdtype(array.dtype, np.number) or array.dtype == np.bool_
    if not numeric:
        raise WrongAnswer(f"Numbers are wanted, got {got!r}.")
    if not np.allclose(array, target, rtol=0.0, atol=atol, equal_nan=True):
        shown = f"\ngot    {array.tolist()}\nwanted {target.tolist()}" if target.size <= 12 else ""
        raise WrongAnswer(message + shown)


def grade(exercise: Exercise, answer: Any, seed: int | None = None) -> Verdict:
    """Try `answer` on freshly drawn inputs and return the verdict.

    Parameters
    ----------
    exercise
        The exercise.
    answer
        What the learner wrote: the function or value itself.
    seed
        Repeat the one input this seed draws, as printed with an earlier verdict.
    """
    if seed is not None:
        return grade_on(exercise, answer, [seed])
    first = int(np.random.SeedSequence().generate_state(1)[0])
    return grade_on(exercise, answer, range(first, first + exercise.rounds))


def grade_on(exercise: Exercise, answer: Any, seeds: Iterable[int]) -> Verdict:
    """Try `answer` on the inputs these seeds draw; the first that fails decides."""
    if answer is ...:
        return _invitation(exercise)
    for seed in seeds:
        try:
            exercise.check(answer, np.random.default_rng(seed))
        except NotImplementedError:
            return _invitation(exercise)
        except WrongAnswer as error:
            return Verdict(exercise.number, "wrong", str(error), seed)
        except Exception as error:
            return Verdict(exercise.number, "wrong", _describe(error, answer), seed)
    return Verdict(exercise.number, "solved", exercise.praise)


def check(number: str, answer: Any, seed: int | None = None) -> None:
    """Grade `answer` to exercise `number` and show the verdict.

    Raises
    ------
    LookupError
        If there is no such exercise.
    WrongAnswer
        Only under nbgrader or with ``OCRLEARN_STRICT=1``, if the exercise is not solved.
    """
    verdict = grade(find_exercise(number), answer, seed)
    if verdict.status != "solved" and _strict():
        raise WrongAnswer(str(verdict))
    display(verdict)


def hint(number: str, level: int = 1) -> None:
    """Show a hint to exercise `number`: level 1 is a nudge, the last is nearly the answer."""
    exercise = find_exercise(number)
    text = hint_text(exercise, level)
    if level < len(exercise.hints):
        text += f'\n\nNot enough? `hint("{number}", {level + 1})` says more.'
    display(_Note(f"Hint {level} of {len(exercise.hints)} to exercise {number}", text))


def hint_text(exercise: Exercise, level: int) -> str:
    """Return the hint of that level.

    Raises
    ------
    ValueError
        If the exercise has no such hint.
    """
    if not 1 <= level <= len(exercise.hints):
        raise ValueError(
            f"exercise {exercise.number} has hints 1 to {len(exercise.hints)}, got level {level}"
        )
    return textwrap.dedent(exercise.hints[level - 1]).strip()


def find_exercise(number: str) -> Exercise:
    """Return exercise `number`.

    Raises
    ------
    LookupError
        If there is none; the message lists those there are.
    """
    chapter, _, _ = str(number).partition(".")
    known = load_exercises(int(chapter)) if chapter.isdigit() else []
    for exercise in known:
        if exercise.number == str(number):
            return exercise
    names = [exercise.number for exercise in known or all_exercises()]
    raise LookupError(f"there is no exercise {number!r}; there are {', '.join(names) or 'none'}")


def load_exercises(chapter: int) -> list[Exercise]:
    """Return the exercises of a chapter in order; none if it has no exercise module.

    Raises
    ------
    ValueError
        If the module lists an exercise of another chapter, or one number twice.
    """
    name = f"ocrlearn.course.exercises.ch{chapter:02d}"
    if importlib.util.find_spec(name) is None:
        return []
    exercises = list(importlib.import_module(name).EXERCISES)
    numbers = [exercise.number for exercise in exercises]
    for number in numbers:
        if int(number.partition(".")[0]) != chapter:
            raise ValueError(f"ch{chapter:02d}.py lists exercise {number} of another chapter")
        if numbers.count(number) > 1:
            raise ValueError(f"ch{chapter:02d}.py lists exercise {number} twice")
    return exercises


def exercise_file(chapter: int) -> Path | None:
    """Return the file the exercises of a chapter are written in, or None if it has none."""
    spec = importlib.util.find_spec(f"ocrlearn.course.exercises.ch{chapter:02d}")
    return Path(spec.origin) if spec is not None and spec.origin else None


def all_exercises() -> list[Exercise]:
    """Return every exercise of the course, in order."""
    package = importlib.import_module("ocrlearn.course.exercises")
    names = {module.name for module in pkgutil.iter_modules(package.__path__)}
    numbers = sorted(int(name[2:]) for name in names if re.fullmatch(r"ch\d\d", name))
    return [exercise for number in numbers for exercise in load_exercises(number)]


def _invitation(exercise: Exercise) -> Verdict:
    number = exercise.number
    return Verdict(
        number,
        "unsolved",
        f"“{exercise.title}” ({exercise.difficulty}). Write your answer in the cell above, run it, "
        f"and run the check again. Stuck? Open a hint, or `ocrlearn hint {number}`.",
    )


def _describe(error: Exception, answer: Any) -> str:
    """Say where in the learner's own code `error` came from."""
    file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file
    ]
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if not frames:
        return f"The check could not work with your answer.\n{what}"
    lineno = frames[-1].lineno or 0
    line = linecache.getline(frames[-1].filename, lineno).strip()
    return f"Your code raised {what}\nin line {lineno} of its cell: {line}"


def _strict() -> bool:
    """Whether an unsolved exercise is an error: under nbgrader, or where one asks for it."""
    return any(os.environ.get(name) for name in ("NBGRADER_EXECUTION", "NBGRADER_VALIDATING")) or (
        os.environ.get("OCRLEARN_STRICT", "") not in ("", "0")
    )


@dataclass(frozen=True)
class _Note:
    headline: str
    message: str

    def __str__(self) -> str:
        return f"{self.headline}\n{self.message}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _card("#0072B2", self.headline, self.message)


def _card(colour: str, headline: str, *paragraphs: str) -> str:
    """Return a note with a coloured edge; its text keeps the colour of the page around it."""
    body = "".join(
        f'<div style="white-space: pre-wrap; margin-top: 4px;">{_inline(text)}</div>'
        for text in paragraphs
        if text
    )
    return (
        f'<div style="border-left: 4px solid {colour}; padding: 6px 12px; max-width: 46em;">'
        f"<strong>{html.escape(headline)}</strong>{body}</div>"
    )


def _inline(text: str) -> str:
    """Escape `text` and set what stands between backquotes as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))

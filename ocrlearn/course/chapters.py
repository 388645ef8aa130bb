"""Chapters: where they lie, and what each declares about itself in the header of its lesson.

A chapter is one hand-written file, ``lessons/NN_topic.py`` (jupytext's py:percent), from which
``notebooks/NN_topic.ipynb`` is built. The header of the lesson is YAML between two ``# ---`` lines;
:class:`Chapter` says what belongs in it.
"""

import itertools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["PARTS", "Chapter", "chapters", "find_chapter", "home", "read_chapter"]

PARTS = {
    "I": "Reading with image processing",
    "II": "Segmentation",
    "III": "Networks",
    "IV": "Finding text",
    "V": "Reading text",
    "VI": "End to end",
    "VII": "Actions",
    "VIII": "Speed and scale",
}
"""The parts of the course by their Roman numeral."""

DEFAULT_BUDGET = 90
_FILE_NAME = re.compile(r"(\d\d)_[a-z0-9_]+\.py")
_REQUIRED = ("title", "summary", "part", "minutes", "needs", "outcomes")
_OPTIONAL = ("budget",)


@dataclass(frozen=True)
class Chapter:
    """What the header of a lesson says, and the files the chapter lives in.

    Attributes
    ----------
    number
        From the file's name, 1 to 99.
    title
        A few words, without the number.
    summary
        One sentence for the map of chapters.
    part
        Roman numeral, a key of :data:`PARTS`.
    minutes
        How long reading and running takes a learner, without the exercises.
    needs
        What the reader should know first: markdown, one item each.
    outcomes
        What the reader will be able to do: markdown, each begins with a verb.
    budget
        The most seconds the notebook may take from top to bottom on two cores.
    lesson, notebook
        ``lessons/NN_topic.py`` and ``notebooks/NN_topic.ipynb``.
    """

    number: int
    title: str
    summary: str
    part: str
    minutes: int
    needs: tuple[str, ...]
    outcomes: tuple[str, ...]
    budget: int
    lesson: Path
    notebook: Path

    @property
    def code(self) -> str:
        """The number as two digits, as in the file names."""
        return f"{self.number:02d}"

    @property
    def name(self) -> str:
        """The file name without its ending, e.g. ``02_cleaning``."""
        return self.lesson.stem


def home() -> Path:
    """Return the folder that holds ``lessons/`` and ``notebooks/``.

    It is the environment variable ``OCRLEARN_HOME`` where that is set, and otherwise the checkout
    this package was installed from.

    Raises
    ------
    FileNotFoundError
        If there is no ``lessons`` folder there, as in an installation without a checkout.
    """
    named = os.environ.get("OCRLEARN_HOME")
    folder = Path(named) if named else Path(__file__).resolve().parents[2]
    if not (folder / "lessons").is_dir():
        raise FileNotFoundError(
            f"no lessons in {folder}: the chapters come with a checkout of ocrlearn "
            "(git clone); set OCRLEARN_HOME to its folder"
        )
    return folder


def allowed_seconds(budget: float) -> float:
    """Return how long a chapter of this budget may take here.

    On a machine known to be slow or busy, ``OCRLEARN_BUDGET_FACTOR=3`` allows three times as long.
    """
    return budget * float(os.environ.get("OCRLEARN_BUDGET_FACTOR", "1"))


def chapters(root: Path | None = None) -> list[Chapter]:
    """Return the chapters written so far, in order, after checking every header.

    Parameters
    ----------
    root
        A folder with ``lessons/``; :func:`home` by default.

    Raises
    ------
    ValueError
        If a header is wrong, or two lessons carry the same number.
    """
    root = root or home()
    found = [read_chapter(path) for path in sorted((root / "lessons").glob("*.py"))]
    for earlier, later in itertools.pairwise(found):
        if earlier.number == later.number:
            raise ValueError(f"{earlier.lesson.name} and {later.lesson.name} share a number")
    return found


def find_chapter(number: int | str, root: Path | None = None) -> Chapter:
    """Return chapter `number`, an integer or its digits.

    Only that chapter's own header is checked, so that one may be built while another is being
    written.

    Raises
    ------
    LookupError
        If there is no such chapter; the message lists those there are.
    """
    root = root or home()
    lessons = {path.name[:2]: path for path in sorted((root / "lessons").glob("*.py"))}
    wanted = str(number).zfill(2)
    if wanted not in lessons:
        raise LookupError(f"there is no chapter {number}; there are {', '.join(lessons) or 'none'}")
    return read_chapter(lessons[wanted])


def read_chapter(lesson: Path) -> Chapter:
    """Read and check the header of `lesson`.

    Raises
    ------
    ValueError
        Naming the lesson and the field, if something is missing, unknown or of the wrong kind.
    """
    import jupytext

    metadata = jupytext.read(lesson, fmt="py:percent").metadata
    return parse_header(metadata.get("ocrlearn"), lesson)


def parse_header(header: Any, lesson: Path) -> Chapter:
    """Check the mapping `header`, found in `lesson`, and return it as a :class:`Chapter`."""
    where = f"{lesson.parent.name}/{lesson.name}"
    match = _FILE_NAME.fullmatch(lesson.name)
    if match is None:
        raise ValueError(f"{where}: a lesson is called NN_topic.py, two digits and small letters")
    if not isinstance(header, Mapping):
        raise ValueError(
            f"{where}: the file must begin with a header, '# ---', '# jupyter:', '#   ocrlearn:', "
            f"then {', '.join(_REQUIRED)}, then '# ---'"
        )
    missing = [key for key in _REQUIRED if key not in header]
    if missing:
        raise ValueError(f"{where}: the header lacks {', '.join(missing)}")
    unknown = [key for key in header if key not in (*_REQUIRED, *_OPTIONAL)]
    if unknown:
        raise ValueError(
            f"{where}: the header does not know {', '.join(unknown)}; "
            f"it knows {', '.join((*_REQUIRED, *_OPTIONAL))}"
        )
    part = str(header["part"])
    if part not in PARTS:
        raise ValueError(f"{where}: part must be one of {', '.join(PARTS)}, got {part!r}")
    return Chapter(
        number=int(match[1]),
        title=_text(header, "title", where),
        summary=_text(header, "summary", where),
        part=part,
        minutes=_whole(header, "minutes", where, most=240),
        needs=_texts(header, "needs", where),
        outcomes=_texts(header, "outcomes", where),
        budget=_whole(header, "budget", where, most=600, default=DEFAULT_BUDGET),
        lesson=lesson,
        notebook=lesson.parent.parent / "notebooks" / f"{lesson.stem}.ipynb",
    )


def _text(header: Mapping[str, Any], key: str, where: str) -> str:
    value = header[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: {key} must be text, got {value!r}")
    return value.strip()


def _texts(header: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = header[key]
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError(
            f"{where}: {key} must be a list of texts, got {value!r} "
            "(an item with a colon must be quoted)"
        )
    return tuple(item.strip() for item in value)


def _whole(header: Mapping[str, Any], key: str, where: str, most: int, default: int = 0) -> int:
    value = header.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{where}: {key} must be a whole number from 1 to {most}, got {value!r}")
    return value

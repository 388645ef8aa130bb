"""Everything in the course that reads a page, by name.

The command line, the tour, the scoreboard and chapter 1 go through this one dictionary; a new
method joins all of them by one entry. Nothing is imported before :meth:`Method.load` is called.

>>> from ocrlearn.methods import METHODS
>>> reader = METHODS["classical"].load()  # doctest: +SKIP
>>> print(reader.read(image).text)  # doctest: +SKIP
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ocrlearn.document import Page

__all__ = ["METHODS", "Method", "Reader"]


class Reader(Protocol):
    """What :meth:`Method.load` returns."""

    def read(self, image: Any) -> Page:
        """Read the text of `image`, ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1]."""
        ...


@dataclass(frozen=True)
class Method:
    """One way to read a page.

    Attributes
    ----------
    name
        What the user types, as in ``ocrlearn read --method NAME``; also the `method` of the pages
        it returns.
    title
        What tables and figures call it.
    description
        One line: what it does to get from pixels to text.
    chapter
        Number of the chapter that builds it.
    load
        Load the parameters and return a reader. Slow; keep the reader for many images.
    """

    name: str
    title: str
    description: str
    chapter: int
    load: Callable[[], Reader]


def _classical(cuts: str, *, language: bool) -> Reader:
    from ocrlearn.classic.reader import ClassicalReader, ReaderConfig

    return ClassicalReader.load(ReaderConfig(cuts=cuts, language=language))


METHODS: dict[str, Method] = {
    method.name: method
    for method in [
        Method(
            name="components",
            title="Connected components",
            description="every blob of ink is a character: HoG and a linear classifier name it",
            chapter=5,
            load=lambda: _classical("components", language=False),
        ),
        Method(
            name="lattice",
            title="Over-segmentation",
            description="cut too often, then join the pieces by dynamic programming over scores",
            chapter=6,
            load=lambda: _classical("oversegment", language=False),
        ),
        Method(
            name="classical",
            title="Over-segmentation with language",
            description="the lattice, weighed with what English words and letter runs look like",
            chapter=7,
            load=lambda: _classical("oversegment", language=True),
        ),
    ]
}
"""Simplest first; the last is the one that a user wants by default."""

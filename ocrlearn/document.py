"""What a reader returns: a page of lines of words of characters, each with its place in the image.

Every method of the course returns a :class:`Page`, so that one program can print it, draw it, save
it as JSON or hOCR, and score it. Places are quads, ``(4, 2)`` float32 ``(x, y)`` in pixels of the
image as it was given, clockwise from the text's own top-left corner (see
:mod:`ocrlearn.geometry`); scores are probabilities in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Character", "Line", "Page", "Word"]

Quad = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Character:
    """One character: its `text`, its `quad` ``(4, 2)`` and the `score` its reader gives it."""

    text: str
    quad: Quad
    score: float


@dataclass(frozen=True, eq=False)
class Word:
    """Characters without a space between them; `characters` is empty where a reader has none."""

    text: str
    quad: Quad
    score: float
    characters: Sequence[Character] = ()


@dataclass(frozen=True, eq=False)
class Line:
    """Words in reading order on one text line."""

    quad: Quad
    words: Sequence[Word] = ()

    @property
    def text(self) -> str:
        """The words, joined by single spaces."""
        return " ".join(word.text for word in self.words)

    @property
    def score(self) -> float:
        """Mean score of the words, weighted by their length; 0 for an empty line."""
        lengths = [len(word.text) for word in self.words]
        if not sum(lengths):
            return 0.0
        return float(np.average([word.score for word in self.words], weights=lengths))


@dataclass(frozen=True, eq=False)
class Page:
    """Lines in reading order, with the size of the image they lie in.

    Attributes
    ----------
    lines
        In reading order.
    width, height
        Of the image as given, in pixels.
    method
        Name of the method that read the page.
    angle
        By how many radians the page's text was found turned, positive counter-clockwise as seen on
        the screen.
    """

    lines: Sequence[Line]
    width: int
    height: int
    method: str = ""
    angle: float = 0.0
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def text(self) -> str:
        """The lines, joined by newlines."""
        return "\n".join(line.text for line in self.lines)

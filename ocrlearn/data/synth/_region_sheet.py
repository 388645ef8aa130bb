"""A sheet that knows, besides its lines, what kind of thing each part of it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.lines import set_line
from ocrlearn.data.synth.sheet import Sheet

__all__ = ["REGION_KINDS", "Region", "RegionSheet", "printable"]

REGION_KINDS = (
    "header",
    "heading",
    "paragraph",
    "list",
    "table",
    "cell",
    "figure",
    "caption",
    "footnote",
    "footer",
)


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a page that belongs together.

    Attributes
    ----------
    kind
        One of :data:`REGION_KINDS`.
    polygon
        ``(N, 2)`` float32 outline in pixels, clockwise from its top-left corner.
    lines
        Numbers of the lines of text inside, in reading order.
    cell
        Of a cell of a table: first row, first column, number of rows, number of columns; else None.
    """

    kind: str
    polygon: NDArray[np.float32]
    lines: tuple[int, ...]
    cell: tuple[int, int, int, int] | None = None


class RegionSheet(Sheet):
    """A sheet with regions, rules and pictures on it.

    Attributes
    ----------
    regions
        What is on the sheet. A region stands before those that lie inside it.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__(shape)
        self.regions: list[Region] = []

    @contextmanager
    def region(
        self,
        kind: str,
        box: tuple[float, float, float, float] | None = None,
        cell: tuple[int, int, int, int] | None = None,
    ) -> Iterator[None]:
        """Make a region of what is drawn inside the ``with``.

        `box` is its left, top, right and bottom; without it the region is as large as its text, and
        there is none if no text was drawn.
        """
        first, place = len(self.lines), len(self.regions)
        yield
        lines = tuple(range(first, len(self.lines)))
        if box is None and not lines:
            return
        if box is None:
            corners = np.concatenate([self.lines[number].quad for number in lines])
            (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
        else:
            x0, y0, x1, y1 = box
        polygon = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
        self.regions.insert(place, Region(kind, polygon, lines, cell))

    def text(
        self,
        text: str,
        font: Font,
        size: float,
        x: float,
        baseline: float,
        anchor: str = "left",
    ) -> None:
        """Draw one line whose left end, middle or right end stands at `x`."""
        words, starts, width = set_line(text, font, size)
        left = x - {"left": 0.0, "middle": 0.5, "right": 1.0}[anchor] * width
        self.draw_line(words, [left + start for start in starts], baseline)

    def fill(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Print a rectangle, such as a rule: every pixel gets the share of it that is covered."""
        height, width = self.coverage.shape
        columns = _overlap_with_pixels(x0, x1, width)
        rows = _overlap_with_pixels(y0, y1, height)
        if columns[1].size and rows[1].size:
            target = self.coverage[rows[0] :, columns[0] :][: rows[1].size, : columns[1].size]
            np.minimum(target + rows[1][:, None] * columns[1][None, :], 1, out=target)

    def stamp(self, coverage: NDArray[np.float32], left: int, top: int) -> None:
        """Print `coverage` ``(h, w)`` with its first pixel at column `left`, row `top`."""
        height, width = coverage.shape
        target = self.coverage[top : top + height, left : left + width]
        np.minimum(target + coverage[: target.shape[0], : target.shape[1]], 1, out=target)


def _overlap_with_pixels(low: float, high: float, size: int) -> tuple[int, NDArray[np.float32]]:
    """Return the first pixel under [low, high], and how much of it and the next ones is covered."""
    low, high = max(low, -0.5), min(high, size - 0.5)
    if high <= low:
        return 0, np.zeros(0, np.float32)
    first, last = int(np.floor(low + 0.5)), int(np.ceil(high - 0.5))
    edges = np.arange(first, last + 1)
    cover = np.minimum(edges + 0.5, high) - np.maximum(edges - 0.5, low)
    return first, np.maximum(cover, 0)[: size - first].astype(np.float32)


def printable(text: str, font: Font) -> str:
    """Return `text` without what the font cannot print, and with single spaces."""
    return " ".join("".join(c for c in text if c in font.characters).split())

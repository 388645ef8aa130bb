"""A flat sheet of print and the exact truth about it, before anything happens to either."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.glyphs import GRID, advance, glyph, kerning
from ocrlearn.document import Character, Line, Page, Word

__all__ = ["Rendered", "SetWord", "Sheet", "grow_line", "move_line", "set_word"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Rendered:
    """An image of print with everything that is known about it.

    Attributes
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)`` uint8.
    page
        The truth: lines, words and characters with their quads, in reading order, with scores of 1.
        A character's quad is the box around its ink on the flat sheet, as far as the ink has run,
        carried to the image by the map that moved the pixels. Quads of words and lines enclose
        those of their characters.
    ink
        ``(H, W)`` bool: which pixels are at least half covered with ink.
    point_map
        From points of the flat sheet to points of `image`.
    look
        "clean", "scanned" or "photographed".
    fonts
        Names of the fonts that were used.
    details
        What was drawn by chance on the way, by name: for captions, and for finding out what makes a
        sample hard.
    """

    image: NDArray[np.uint8]
    page: Page
    ink: NDArray[np.bool_]
    point_map: PointMap
    look: str
    fonts: tuple[str, ...]
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text, one line of print to a line."""
        return self.page.text


@dataclass(frozen=True, eq=False)
class SetWord:
    """A word with the place of each of its characters.

    Attributes
    ----------
    text, font, size
        What to print; `size` in pixels per em.
    pens
        Where the pen stands for each character, in pixels from the start of the word.
    width
        How far the whole word moves the pen, in pixels.
    """

    text: str
    font: Font
    size: float
    pens: tuple[float, ...]
    width: float


def set_word(text: str, font: Font, size: float, *, tracking: float = 0.0) -> SetWord:
    """Place the characters of a word by their widths and kerning.

    `tracking` is added between neighbours, in ems.

    Deviations from fine typesetting: no ligatures (the truth would have to say which characters
    share a glyph) and no hyphenation.
    """
    pen, pens = 0.0, []
    for place, character in enumerate(text):
        if place:
            pen += (kerning(font, text[place - 1], character) + tracking) * size
        pens.append(pen)
        pen += advance(font, character) * size
    return SetWord(text, font, size, tuple(pens), pen)


class Sheet:
    """White paper of a given size that lines of print are drawn on.

    Attributes
    ----------
    coverage
        ``(H, W)`` float32 in [0, 1]: the share of each pixel that is covered with ink.
    lines
        The truth about what has been drawn, in this order.
    fonts
        Names of the fonts used so far.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.coverage = np.zeros(shape, dtype=np.float32)
        self.lines: list[Line] = []
        self.fonts: set[str] = set()

    def draw_line(self, words: Sequence[SetWord], starts: Sequence[float], baseline: float) -> None:
        """Draw `words` with their pens starting at `starts`, standing on `baseline` (pixels)."""
        truth = [
            self._draw_word(word, start, baseline)
            for word, start in zip(words, starts, strict=True)
        ]
        quads = np.concatenate([word.quad for word in truth])
        self.lines.append(Line(_enclosing_quad(quads), truth))

    def page(self) -> Page:
        """Return the truth so far."""
        height, width = self.coverage.shape
        return Page(tuple(self.lines), width, height, method="truth")

    def _draw_word(self, word: SetWord, start: float, baseline: float) -> Word:
        self.fonts.add(word.font.name)
        characters = []
        for character, pen in zip(word.text, word.pens, strict=True):
            box = self._draw_character(word.font, word.size, character, start + pen, baseline)
            characters.append(Character(character, _box_quad(box), 1.0))
        quads = np.concatenate([character.quad for character in characters])
        return Word(word.text, _enclosing_quad(quads), 1.0, tuple(characters))

    def _draw_character(self, font: Font, size: float, character: str, x: float, y: float) -> Box:
        """Add the ink of a character and return the box around it, in pixel edges."""
        column, phase_x = divmod(round(x * GRID), GRID)
        row, phase_y = divmod(round(y * GRID), GRID)
        drawn = glyph(font, size, character, phase_x, phase_y)
        if drawn.box is None:
            raise ValueError(f"{character!r} leaves no ink in font {font.name!r}")
        left, top = column + drawn.left, row + drawn.top
        height, width = drawn.coverage.shape
        if left < 0 or top < 0:
            raise ValueError(f"{character!r} at ({x:.1f}, {y:.1f}) sticks out of the sheet")
        target = self.coverage[top : top + height, left : left + width]
        if target.shape != drawn.coverage.shape:
            raise ValueError(f"{character!r} at ({x:.1f}, {y:.1f}) sticks out of the sheet")
        np.minimum(target + drawn.coverage, 1, out=target)
        x0, y0, x1, y1 = drawn.box
        return (column + x0, row + y0, column + x1, row + y1)


def _box_quad(box: Box) -> NDArray[np.float32]:
    """Quad of a box given by pixel edges: the edge of the first pixel is at -0.5."""
    x0, y0, x1, y1 = box
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float32)
    return corners - np.float32(0.5)


def _enclosing_quad(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Upright quad around points ``(N, 2)``."""
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float32)


# ---------------------------------------------------------------------------------------------
# Growing and moving the truth


def grow_line(line: Line, amount: float) -> Line:
    """Move every side of the upright quads of a line outwards by `amount` pixels, as its ink was.

    Words and lines grow with their characters, so all their quads grow by the same.
    """
    outwards = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float32)
    step = np.float32(amount) * outwards
    words = tuple(
        replace(
            word,
            quad=word.quad + step,
            characters=tuple(replace(c, quad=c.quad + step) for c in word.characters),
        )
        for word in line.words
    )
    return Line(line.quad + step, words)


def move_line(line: Line, point_map: PointMap) -> Line:
    """Carry a line and all its parts to where `point_map` takes them.

    A quad is carried by its corners. That is exact for projective maps. Where the map bends lines,
    the quad of a *line of text*, and only that, is replaced by the smallest rectangle along the
    text that holds the whole outline, because the chord between the ends of an arch would leave out
    its middle.
    """
    words = tuple(_move_word(word, point_map) for word in line.words)
    if point_map.matrix is not None:
        return Line(_moved(line.quad, point_map), words)
    return Line(_rectangle_along(line.quad, point_map), words)


def _move_word(word: Word, point_map: PointMap) -> Word:
    characters = tuple(
        replace(character, quad=_moved(character.quad, point_map)) for character in word.characters
    )
    return replace(word, quad=_moved(word.quad, point_map), characters=characters)


def _moved(quad: NDArray[np.float32], point_map: PointMap) -> NDArray[np.float32]:
    return point_map(quad).astype(np.float32)


def _rectangle_along(quad: NDArray[np.float32], point_map: PointMap) -> NDArray[np.float32]:
    """Rectangle around the moved outline of `quad`, parallel to the moved reading direction."""
    top_left, top_right, bottom_right, bottom_left = quad.astype(np.float64)
    share = np.linspace(0, 1, 33)[:, None]
    upper = point_map(top_left + share * (top_right - top_left))
    lower = point_map(bottom_left + share * (bottom_right - bottom_left))
    along = (upper[-1] + lower[-1]) - (upper[0] + lower[0])
    along /= np.linalg.norm(along)
    down = np.array([-along[1], along[0]])
    outline = np.concatenate([upper, lower])
    u, v = outline @ along, outline @ down
    corners = [(u.min(), v.min()), (u.max(), v.min()), (u.max(), v.max()), (u.min(), v.max())]
    return np.array([a * along + b * down for a, b in corners], dtype=np.float32)

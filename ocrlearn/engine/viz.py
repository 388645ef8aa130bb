"""A page drawn twice: the image with what was found in it, and the text set where it was read.

The second picture is what makes a reading easy to judge: the eye compares shapes at the same place
faster than it compares a photograph with a list of strings. Colours come from the palette of Okabe
and Ito, which readers with any of the common kinds of colour blindness can tell apart.

References
----------
M. Okabe and K. Ito, "Color Universal Design: how to make figures and presentations that are
friendly to colorblind people", 2002, https://jfly.uni-koeln.de/color/.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ocrlearn._validate import check_image, check_number
from ocrlearn.document import Line, Page, Word
from ocrlearn.geometry import quad_to_rotated_box
from ocrlearn.image.convert import to_uint8

__all__ = ["BLUE", "GREEN", "VERMILION", "draw_page"]

Color = tuple[int, int, int]

BLUE: Color = (0, 114, 178)
GREEN: Color = (0, 158, 115)
VERMILION: Color = (213, 94, 0)
"""Three of Okabe and Ito's eight colours, RGB."""

_LINE_COLORS = (BLUE, GREEN)
_UNSURE_COLOR = VERMILION
_PAPER: Color = (255, 255, 255)
_GROUND: Color = (238, 240, 243)
_INK: Color = (32, 36, 42)
_FAINT: Color = (106, 113, 122)

_LINE_HEIGHT = 36  # pixels a text line should have in the picture to be read with ease
_SHORTEST, _LONGEST = 1100, 2000  # pixels the long side of the drawn image should have
_MOST_ENLARGED = 8.0
_FINER = 2  # everything is drawn this much larger and then reduced, which smooths all edges


def draw_page(image: Any, page: Page, *, unsure: float = 0.5) -> NDArray[np.uint8]:
    """Draw what was found on the image, and beside or below it the text where it was read.

    Small images are enlarged until a text line is about 36 pixels high, large ones reduced until
    they fit a screen. Lines are tinted and words framed, line by line in turn blue and green; words
    whose score is below `unsure` are vermilion, underlined in the text.

    Parameters
    ----------
    image
        The image that was read, ``(H, W)`` or ``(H, W, 3)``.
    page
        What was read in it.
    unsure
        Words with a score below this are marked, in [0, 1].

    Returns
    -------
    array
        ``(H', W', 3)`` uint8.

    Raises
    ------
    ValueError
        If `page` was read in an image of another size.
    """
    array = to_uint8(check_image(image))
    check_number(unsure, "unsure", low=0, high=1)
    height, width = array.shape[:2]
    if (page.width, page.height) != (width, height):
        raise ValueError(
            f"page must have been read in this image of {width} x {height} pixels, "
            f"got a page of {page.width} x {page.height}"
        )
    scale = _FINER * _scale(page)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photo = Image.fromarray(array).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    facsimile = Image.new("RGB", size, _PAPER)
    font_sizes = _font_sizes(page, scale)
    for number, (line, font_size) in enumerate(zip(page.lines, font_sizes, strict=True)):
        pen = _Pen(_LINE_COLORS[number % len(_LINE_COLORS)], scale, unsure)
        _draw_frames(photo, line, pen)
        _draw_tint(facsimile, line, pen)
        _draw_text(facsimile, line, pen, font_size)
    panels = [panel.reduce(_FINER) for panel in (photo, facsimile)]
    return np.asarray(_mount(panels, page, unsure))


def _scale(page: Page) -> float:
    """By how much the image is enlarged in the picture (less than 1: reduced)."""
    long_side = max(page.width, page.height)
    heights = [_height(line) for line in page.lines]
    wanted = _SHORTEST / long_side
    if heights:
        wanted = max(wanted, _LINE_HEIGHT / max(float(np.median(heights)), 1.0))
    return min(wanted, _LONGEST / long_side, _MOST_ENLARGED)


def _height(line: Line) -> float:
    """Height of a line across its reading direction."""
    return float(np.linalg.norm(line.quad[3] - line.quad[0]))


@dataclass(frozen=True)
class _Pen:
    """How one line is drawn: its colour, pixels of the picture per pixel of the page, the mark."""

    color: Color
    scale: float
    unsure: float

    def word_color(self, word: Word) -> Color:
        return self.color if word.score >= self.unsure else _UNSURE_COLOR

    def place(self, points: Any) -> list[tuple[float, float]]:
        """Points of the page as points of the picture; pixel centres stay pixel centres."""
        placed = (np.asarray(points, dtype=np.float64) + 0.5) * self.scale - 0.5
        return [(float(x), float(y)) for x, y in placed]


# --- On the image ---------------------------------------------------------------------------------


def _draw_frames(photo: Image.Image, line: Line, pen: _Pen) -> None:
    """Tint the line, frame its words and mark the cuts between its characters."""
    draw = ImageDraw.Draw(photo, "RGBA")
    draw.polygon(pen.place(line.quad), fill=(*pen.color, 16))
    for word in line.words:
        color = pen.word_color(word)
        draw.polygon(pen.place(word.quad), fill=(*color, 20))
        for left, right in zip(word.characters, word.characters[1:], strict=False):
            top = (left.quad[1] + right.quad[0]) / 2
            bottom = (left.quad[2] + right.quad[3]) / 2
            draw.line(pen.place([top, bottom]), fill=(*color, 80), width=_FINER)
        corners = pen.place(word.quad)
        draw.line([*corners, *corners[:2]], fill=(*color, 235), width=2 * _FINER, joint="curve")


# --- The text -------------------------------------------------------------------------------------


def _draw_tint(paper: Image.Image, line: Line, pen: _Pen) -> None:
    draw = ImageDraw.Draw(paper, "RGBA")
    draw.polygon(pen.place(line.quad), fill=(*pen.color, 16))


def _draw_text(paper: Image.Image, line: Line, pen: _Pen, font_size: int) -> None:
    """Set the words of a line where they were read, along the line's direction.

    The line is set upright on a tile of its own, which is then turned and laid onto the paper.
    """
    if not _printable(line.text).strip():
        return
    center_x, center_y, width, _, angle = quad_to_rotated_box(line.quad).astype(float)
    font = _font(font_size)
    _, top, _, bottom = font.getbbox(_printable(line.text))
    margin = font_size
    length = min(width * pen.scale, 2 * max(paper.size))  # a line far outside costs no memory
    tile_size = (round(length + 2 * margin), round(bottom - top + 2 * margin))
    tile = Image.new("RGBA", tile_size, (*_PAPER, 0))
    along = np.array([np.cos(angle), -np.sin(angle)])
    free_from = 0.0
    for word in line.words:
        x = max(float((word.quad[0] - line.quad[0]) @ along) * pen.scale, free_from)
        _draw_word(tile, (margin + x, margin - top), word, pen, font)
        free_from = x + font.getlength(_printable(word.text)) + font_size / 4
    turned = tile.rotate(float(np.degrees(angle)), Image.Resampling.BICUBIC, expand=True)
    x, y = pen.place([(center_x, center_y)])[0]
    paper.paste(turned, (round(x - turned.width / 2), round(y - turned.height / 2)), turned)


def _draw_word(
    tile: Image.Image,
    corner: tuple[float, float],
    word: Word,
    pen: _Pen,
    font: ImageFont.FreeTypeFont,
) -> None:
    """Set one word with its top left at `corner`; an unsure one is coloured and underlined."""
    draw = ImageDraw.Draw(tile)
    if word.score >= pen.unsure:
        draw.text(corner, _printable(word.text), font=font, fill=_INK)
        return
    draw.text(corner, _printable(word.text), font=font, fill=_UNSURE_COLOR)
    x, y = corner[0], corner[1] + font.getmetrics()[0] + 0.16 * font.size
    rule = [(x, y), (x + font.getlength(_printable(word.text)), y)]
    draw.line(rule, fill=_UNSURE_COLOR, width=max(_FINER, round(font.size / 14)))


def _font_sizes(page: Page, scale: float) -> list[int]:
    """Size of each line's type in pixels: the same for all lines that are nearly the same."""
    sizes = np.array([_font_size(line, scale) for line in page.lines])
    if not len(sizes):
        return []
    usual = float(np.median(sizes))
    alike = np.abs(sizes / usual - 1) < 0.25
    return [int(size) for size in np.where(alike, usual, sizes)]


def _font_size(line: Line, scale: float) -> float:
    """Find the largest size with no ink higher than the line and most words no wider than read."""
    probe = 100
    font = _font(probe)
    _, top, _, bottom = font.getbbox(_printable(line.text))
    ratios = [
        float(np.linalg.norm(word.quad[1] - word.quad[0]))
        / max(font.getlength(_printable(word.text)), 1)
        for word in line.words
        if word.text.strip()
    ]
    by_width = float(np.quantile(ratios, 0.25)) if ratios else np.inf
    size = probe * scale * min(_height(line) / max(bottom - top, 1), by_width)
    return float(np.clip(size, 8, 400))


def _printable(text: str) -> str:
    """Text in which a font has nothing to stumble over: no newlines, no control characters."""
    return "".join(character if character.isprintable() else " " for character in text)


@lru_cache(maxsize=64)
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along, `size` pixels to the em."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


# --- The mount ------------------------------------------------------------------------------------


def _mount(panels: list[Image.Image], page: Page, unsure: float) -> Image.Image:
    """Put the panels side by side, or one below the other, under a line that says what they are."""
    width, height = panels[0].size
    gap, border = 20, 28
    below = width > 1.2 * height
    total_width = width if below else 2 * width + gap
    total_height = 2 * height + gap if below else height
    head = 56
    mount = Image.new("RGB", (total_width + 2 * border, total_height + head + border), _GROUND)
    for number, panel in enumerate(panels):
        x = border + (0 if below else number * (width + gap))
        y = head + (number * (height + gap) if below else 0)
        mount.paste(panel, (x, y))
    _draw_caption(mount, page, unsure, border, head)
    return mount


def _draw_caption(mount: Image.Image, page: Page, unsure: float, border: int, head: int) -> None:
    draw = ImageDraw.Draw(mount)
    words = [word for line in page.lines for word in line.words]
    doubtful = sum(word.score < unsure for word in words)
    y = head / 2
    x = float(border)
    for text, color, bold in [
        (page.method or "ocrlearn", _INK, True),
        (f"{_count(len(page.lines), 'line')}, {_count(len(words), 'word')}", _FAINT, False),
        (f"{doubtful} unsure" if doubtful else "", _UNSURE_COLOR, False),
    ]:
        font = _font(20, bold=bold)
        draw.text((x, y), text, font=font, fill=color, anchor="lm")
        x += font.getlength(text) + 18


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

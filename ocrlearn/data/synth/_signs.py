"""What stands on signs, and how it is set: blocks of lettering on a flat surface.

A :class:`Block` lives in the coordinates of its own surface: pixels of the picture as they would be
if the surface faced the camera, with (0, 0) in the block's middle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocrlearn.data.synth.curved import arc_map, bent_outline, sine_map
from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.lines import pick_font, set_line
from ocrlearn.data.synth.sheet import SetWord, Sheet
from ocrlearn.data.synth.texts import heading, number, sentence, vocabulary

__all__ = ["Block", "Board", "draw_block"]

WordSource = Callable[[], str]

_SHEET_EMS = (40.0, 80.0)
"""Pixels per em on the sheet. Smaller letters are set up to twice as large as they will be seen, so
that no detail is lost on the way, and larger ones smaller, which is quicker; their edges are made
sharp again when they are painted."""


@dataclass(frozen=True)
class Board:
    """A plate behind the text: a rectangle with round corners about the block's middle.

    Attributes
    ----------
    half
        Half its width and height.
    radius
        Of the corners.
    border
        Width of the line around it; 0 for none.
    inset
        Distance of that line from the edge.
    """

    half: tuple[float, float]
    radius: float
    border: float
    inset: float


@dataclass(frozen=True, eq=False)
class Block:
    """Some lines of lettering with the map that lays them on their surface.

    Attributes
    ----------
    sheet
        The flat letters, on which the lines keep their labels.
    placing
        From points of the sheet to points of the surface.
    half
        Half the width and height of all that the block covers, board included.
    board
        What the letters stand on, or None where they stand on the surface itself.
    bend
        "", "arc" or "wave".
    enlarged
        Pixels of the surface per pixel of the sheet.
    """

    sheet: Sheet
    placing: PointMap
    half: tuple[float, float]
    board: Board | None
    bend: str
    enlarged: float

    @property
    def word_count(self) -> int:
        """How many words it has."""
        return sum(len(line.words) for line in self.sheet.lines)


# ---------------------------------------------------------------------------------------------
# Words


def _word_source(rng: np.random.Generator, split: str, words: Sequence[str] | None) -> WordSource:
    """Return what draws single words: of `words` evenly, of English from the frequent to the rare.

    English words are drawn by the square of a uniform number along the list by frequency, so that
    rare ones come far oftener than in prose: a reader is to learn letters, not fifty words.
    """
    if words is not None:
        return lambda: words[int(rng.integers(len(words)))]
    source = vocabulary(split)[0]
    return lambda: source[int(len(source) * rng.random() ** 2)]


def _phrase(rng: np.random.Generator, split: str, words: Sequence[str] | None, most: int) -> str:
    """Return what one line of a sign says, at most `most` words."""
    draw = _word_source(rng, split, words)
    if words is not None:
        return " ".join(draw() for _ in range(rng.integers(1, min(most, 4) + 1)))
    kind = rng.random()
    if kind < 0.5:
        text = " ".join(draw() for _ in range(rng.choice([1, 2, 3], p=[0.5, 0.33, 0.17])))
    elif kind < 0.62:
        text = " ".join(heading(rng, split).split()[-3:])
    elif kind < 0.74:
        text = " ".join(sentence(rng, split).split()[:4])
    elif kind < 0.84:
        text = number(rng)
    elif kind < 0.88:
        text = f"{rng.integers(10, 1000)} {rng.integers(100, 1000)} {rng.integers(1000, 10000)}"
    elif kind < 0.92:
        text = f"{rng.integers(6, 12)}:{rng.choice(['00', '30'])} - {rng.integers(13, 23)}:00"
    elif kind < 0.96:
        text = f"www.{draw()}{draw()}.{rng.choice(['com', 'org', 'net'])}".replace("'", "")
    else:
        text = f"{draw()} & {draw()}"
    kept = text.split()[:most]
    while len(kept) > 1 and not any(map(str.isalnum, kept[-1])):
        kept.pop()  # no line ends with the dash or "&" before what was cut off
    return " ".join(kept)


def _cased(text: str, case: str) -> str:
    if case == "upper":
        return text.upper()
    if case == "title":
        return " ".join(word[:1].upper() + word[1:] for word in text.split())
    return text


# ---------------------------------------------------------------------------------------------
# Setting


def draw_block(
    rng: np.random.Generator,
    em: float,
    *,
    split: str,
    most_words: int,
    widest: float = 2000.0,
    bend: str = "",
    on_board: bool = True,
    fonts: Sequence[Font] | None = None,
    words: Sequence[str] | None = None,
) -> Block:
    """Write and set a block of one to four lines.

    Parameters
    ----------
    rng
        Source of words, font, alignment and shape.
    em
        Size of the largest letters in pixels per em.
    split, words
        Where words come from: the split's vocabulary, or the `words` given.
    most_words
        How many words the whole block may have, at least 1.
    widest
        How long the longest line may be in pixels; letters are made smaller for it.
    bend
        "arc" or "wave" for a single bent line, "" for straight ones.
    on_board
        Whether a board is behind it.
    fonts
        What to choose from.

    Raises
    ------
    ValueError
        If no font covers the text.
    """
    case = str(rng.choice(["upper", "title", "as it is"], p=[0.45, 0.35, 0.2]))
    count = 1 if bend else int(rng.choice([1, 2, 3, 4], p=[0.45, 0.3, 0.15, 0.1]))
    texts: list[str] = []
    for _ in range(count):
        left = most_words - sum(len(text.split()) for text in texts)
        if left < 1:
            break
        texts.append(_cased(_phrase(rng, split, words, left), case))
    font = pick_font(rng, " ".join(texts) + " ", fonts)
    over = float(np.clip(1.0, min(_SHEET_EMS[0] / em, 2.0), _SHEET_EMS[1] / em))
    sheet = _set(rng, texts, font, em * over, widest * over)
    bending = _draw_bend(rng, sheet, bend)
    if bending is None:
        bend, bending = "", PointMap.identity()
    stretch, slant = float(np.exp(rng.normal(0, 0.12))), 0.0
    if rng.random() < 0.1:
        slant = float(rng.uniform(-0.25, 0.25))
    placing = _centred(sheet, bending, np.array([[stretch, -slant], [0, 1]]) / over)
    extent = np.abs(np.concatenate([bent_outline(line.quad, placing) for line in sheet.lines]))
    half = (float(extent[:, 0].max()), float(extent[:, 1].max()))
    if not on_board:
        return Block(sheet, placing, (half[0] + 0.2 * em, half[1] + 0.2 * em), None, bend, 1 / over)
    board = _draw_board(rng, half, em)
    return Block(sheet, placing, board.half, board, bend, 1 / over)


def _set(
    rng: np.random.Generator, texts: Sequence[str], font: Font, size: float, widest: float
) -> Sheet:
    """Set lines of `texts` under each other; lines after the first may be smaller."""
    tracking = float(rng.uniform(0, 0.2)) if rng.random() < 0.25 else 0.0
    align = float(rng.choice([0.0, 0.5, 1.0], p=[0.4, 0.55, 0.05]))
    smaller = float(rng.uniform(0.5, 0.95)) if rng.random() < 0.5 else 1.0
    leading = rng.uniform(1.15, 1.5)

    def set_at(size: float) -> list[tuple[list[SetWord], list[float], float]]:
        sizes = [size] + [size * smaller] * (len(texts) - 1)
        return [
            set_line(text, font, own, tracking=tracking)
            for text, own in zip(texts, sizes, strict=True)
        ]

    lines = set_at(size)
    width = max(line[2] for line in lines)
    if width > widest:
        size *= widest / width
        lines = set_at(size)
        width = widest
    room = int(np.ceil(size)) + 2  # for what sticks out of its advance width
    steps = [leading * line[0][0].size for line in lines]
    sheet = Sheet((int(np.ceil(sum(steps))) + 2 * room, int(np.ceil(width)) + 2 * room))
    top = float(room)
    for (words, starts, line_width), step in zip(lines, steps, strict=True):
        left = room + align * (width - line_width)
        sheet.draw_line(words, [left + start for start in starts], top + 0.8 * step)
        top += step
    return sheet


def _draw_bend(rng: np.random.Generator, sheet: Sheet, bend: str) -> PointMap | None:
    """Draw an arc or a wave that the letters can follow; None where the text is too short."""
    if not bend:
        return None
    height, width = (int(side) for side in sheet.coverage.shape)
    (x0, y0), (x1, y1) = sheet.lines[0].quad[0], sheet.lines[0].quad[2]
    length, tall = float(x1 - x0), float(y1 - y0)
    if length < 2.5 * tall:
        return None
    if bend == "wave":
        wavelength = length * rng.uniform(0.6, 2.0)
        steepest = rng.uniform(0.2, 0.55)  # slope of the wave
        return sine_map(
            (height, width),
            amplitude=float(steepest * wavelength / (2 * np.pi)),
            wavelength=float(wavelength),
            phase=float(rng.uniform(0, 2 * np.pi)),
        )
    # The sheet bends with its margins, and the letters must keep off the centre of the circle.
    tightest = min(0.75 * length / tall, np.deg2rad(300))
    turned = rng.uniform(0.35, 1.0) * tightest if tightest < 1 else rng.uniform(0.5, tightest)
    angle = float(turned * width / length * (1 if rng.random() < 0.75 else -1))
    if abs(angle) >= 2 * np.pi or width / abs(angle) <= 0.55 * height:
        return None
    return arc_map((height, width), angle)


def _centred(sheet: Sheet, bending: PointMap, linear: NDArray[np.float64]) -> PointMap:
    """Return `bending` followed by `linear` and the shift that brings the middle to (0, 0)."""
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    moved = bending.then(PointMap.homography(matrix))
    outline = np.concatenate([bent_outline(line.quad, moved) for line in sheet.lines])
    matrix[:2, 2] = -(outline.min(axis=0) + outline.max(axis=0)) / 2
    return bending.then(PointMap.homography(matrix))


def _draw_board(rng: np.random.Generator, half: tuple[float, float], em: float) -> Board:
    """Draw a plate that holds lettering of extent `half`, with a margin in proportion."""
    padding = em * rng.uniform(0.25, 0.9)
    width, height = half[0] + padding * rng.uniform(0.8, 1.8), half[1] + padding
    border = max(1.0, em * rng.uniform(0.05, 0.14)) if rng.random() < 0.45 else 0.0
    inset = min(padding * 0.4, em * rng.uniform(0.0, 0.2)) if border else 0.0
    radius = min(width, height) * float(rng.choice([0.0, 0.1, 0.25, 0.6], p=[0.5, 0.25, 0.2, 0.05]))
    return Board((width, height), radius, border, inset)

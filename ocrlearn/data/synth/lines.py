"""Single lines of print with exact labels, the food of line recognisers."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.synth.fonts import Font, find_fonts
from ocrlearn.data.synth.glyphs import advance
from ocrlearn.data.synth.looks import LOOKS, expose
from ocrlearn.data.synth.sheet import Rendered, SetWord, Sheet, set_word
from ocrlearn.data.synth.texts import line_of_text, seeded_generator

__all__ = ["offered_fonts", "pick_font", "render_line", "set_line", "shipped_fonts"]


@lru_cache(maxsize=1)
def shipped_fonts() -> tuple[Font, ...]:
    """Return the fonts that matplotlib ships; see :func:`~ocrlearn.data.synth.fonts.find_fonts`."""
    return tuple(find_fonts())


def offered_fonts(fonts: Iterable[Font] | None) -> tuple[Font, ...]:
    """Return what there is to choose from: `fonts`, checked, or the shipped ones for None.

    Raises
    ------
    TypeError
        If `fonts` is anything but fonts, such as the path of a folder.
    ValueError
        If there are none.
    """
    if fonts is None:
        return shipped_fonts()
    if isinstance(fonts, Font | str | Path):
        raise TypeError(f"fonts must be a sequence of fonts, got {fonts!r}")
    offered = tuple(fonts)
    if not offered:
        raise ValueError("fonts must hold at least one font, got none")
    for font in offered:
        if not isinstance(font, Font):
            raise TypeError(f"fonts must hold fonts, as find_fonts lists them, got {font!r}")
    return offered


def pick_font(
    rng: np.random.Generator, text: str = "", fonts: Sequence[Font] | None = None
) -> Font:
    """Choose a font that covers `text`: a family first, then one of its faces.

    Families count equally however many faces they have, and half of all text is set in the face
    that is neither bold nor slanted, as in print.

    Raises
    ------
    TypeError
        If `fonts` are no fonts.
    ValueError
        If there are none, or none that covers `text`; says which characters are the trouble.
    """
    offered = offered_fonts(fonts)
    usable = [font for font in offered if font.covers(text)]
    if not usable:
        trouble = "".join(sorted({c for c in text if not any(f.covers(c) for f in offered)}))
        raise ValueError(
            f"no font covers the whole text {text!r}"
            + (f"; none at all has {trouble!r}" if trouble else "")
        )
    families = sorted({font.family for font in usable})
    family = families[int(rng.integers(len(families)))]
    faces = [font for font in usable if font.family == family]
    plain = [font for font in faces if not (font.bold or font.italic)]
    if plain and rng.random() < 0.5:
        faces = plain
    return faces[int(rng.integers(len(faces)))]


def set_line(
    text: str,
    font: Font,
    size: float,
    *,
    word_space: float = 1.0,
    tracking: float = 0.0,
) -> tuple[list[SetWord], list[float], float]:
    """Set the words of one line next to each other.

    Parameters
    ----------
    text
        Words separated by single spaces.
    font
        Must cover the text.
    size
        Pixels per em.
    word_space
        Width of the spaces in units of the font's own.
    tracking
        Extra distance between characters in ems.

    Returns
    -------
    words, starts, width
        The words, where the pen stands at the start of each, and at the end of the last.
    """
    space = (advance(font, " ") + tracking) * size * word_space
    words = [set_word(word, font, size, tracking=tracking) for word in text.split()]
    starts, pen = [], 0.0
    for word in words:
        starts.append(pen)
        pen += word.width + space
    return words, starts, pen - space


def render_line(
    seed: int = 0,
    index: int = 0,
    *,
    look: str = "clean",
    split: str = "training",
    text: str | None = None,
    font: Font | None = None,
    fonts: Sequence[Font] | None = None,
    size: float | None = None,
    tracking: float | None = None,
) -> Rendered:
    """Render line number `index` of a seeded, endless set of printed English lines.

    Parameters
    ----------
    seed, index
        Which line. The result depends on these and the other arguments alone (and on the versions
        of NumPy, Pillow and the fonts), never on what was rendered before. The same line in another
        look has the same text, font and size.
    look
        "clean", "scanned" or "photographed"; see :func:`ocrlearn.data.synth.looks.expose`.
    split
        "training" or "benchmark"; see :mod:`ocrlearn.data.synth.texts`.
    text, font, size, tracking
        Given, instead of drawn by chance. `size` is in pixels per em (drawn: 20 to 50, as 10 point
        print has at 150 to 360 dots per inch); `tracking` in ems.
    fonts
        What to choose from, by default the fonts that matplotlib ships.

    Returns
    -------
    Rendered
        With one line in its page.

    Raises
    ------
    ValueError
        If the text is empty or no font covers it.
    """
    if text is not None and not isinstance(text, str):
        raise TypeError(f"text must be a str, or None, got {text!r}")
    check_choice(look, "look", LOOKS)
    rng = seeded_generator(seed, index, split, "line")
    drawn_text = line_of_text(rng, split, characters=int(rng.integers(20, 75)))
    text = drawn_text if text is None else " ".join(text.split())
    if not text:
        raise ValueError("text must hold at least one character that is not a space")
    drawn_font = pick_font(rng, text, fonts) if font is None else font
    drawn_size = float(np.exp(rng.uniform(np.log(20), np.log(50))))
    justified = float(rng.uniform(0.75, 1.9)) if rng.random() < 0.5 else 1.0
    drawn_tracking = float(rng.uniform(-0.01, 0.06)) if rng.random() < 0.2 else 0.0
    margins = rng.integers(2, 9, size=4)
    size = drawn_size if size is None else check_number(size, "size", low=4, high=2000)
    tracking = drawn_tracking if tracking is None else check_number(tracking, "tracking")

    words, starts, width = set_line(text, drawn_font, size, word_space=justified, tracking=tracking)
    room = int(np.ceil(size)) + 8  # for what sticks out of its advance width; cut off below
    sheet = Sheet((int(np.ceil(2 * size)) + 2 * room, int(np.ceil(width)) + 2 * room))
    sheet.draw_line(words, [start + room for start in starts], room + round(1.2 * size))
    rendered = expose(
        _trimmed(sheet, margins) if look == "clean" else sheet,
        look,
        seeded_generator(seed, index, split, f"line {look}"),
        crop=True,
    )
    rendered.details.update(size=size, word_space=justified, tracking=tracking)
    return rendered


def _trimmed(sheet: Sheet, margins: np.ndarray) -> Sheet:
    """Cut the sheet to its line, leaving a margin of whole pixels on every side."""
    from ocrlearn.data.synth.degrade import PointMap
    from ocrlearn.data.synth.sheet import move_line

    line = sheet.lines[0]
    left, top = np.floor(line.quad.min(axis=0)).astype(int) - margins[:2]
    right, bottom = np.ceil(line.quad.max(axis=0)).astype(int) + margins[2:] + 1
    cut = Sheet((int(bottom - top), int(right - left)))
    cut.coverage = sheet.coverage[top:bottom, left:right].copy()
    shift = PointMap.homography([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
    cut.lines = [move_line(line, shift)]
    cut.fonts = sheet.fonts
    return cut

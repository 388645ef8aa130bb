"""Parts that pages are set from: their style, columns, headings and paragraphs.

Lengths are in pixels, except those of a :class:`PageStyle`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ocrlearn.data.synth import texts
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.glyphs import advance
from ocrlearn.data.synth.lines import offered_fonts, pick_font, set_line
from ocrlearn.data.synth.sheet import SetWord, Sheet, set_word

__all__ = [
    "BrokenLine",
    "Column",
    "PageStyle",
    "broken",
    "draw_centred",
    "draw_heading",
    "draw_paragraph_line",
    "draw_style",
    "fitting_heading",
    "set_paragraph",
]


@dataclass(frozen=True)
class PageStyle:
    """How a page is set. Lengths are in points (1/72 inch) unless said otherwise.

    Attributes
    ----------
    dpi
        Pixels per inch.
    width, height
        Of the sheet.
    margins
        Left, top, right, bottom.
    columns
        1 or 2.
    gutter
        Between two columns.
    body, bold, italic, heading, code
        The fonts. `bold` and `italic` belong to the family of `body` where it has them.
    size
        Of the body text, per em.
    leading
        From baseline to baseline of the body text.
    justified
        Whether lines are stretched to the full measure.
    indent
        Of the first line of a paragraph, in ems of the body; 0 sets a blank half line instead.
    running_head, page_number
        Whether they are printed.
    """

    dpi: float
    width: float
    height: float
    margins: tuple[float, float, float, float]
    columns: int
    gutter: float
    body: Font
    bold: Font
    italic: Font
    heading: Font
    code: Font
    size: float
    leading: float
    justified: bool
    indent: float
    running_head: bool
    page_number: bool

    @property
    def scale(self) -> float:
        """Pixels per point."""
        return self.dpi / 72


def draw_style(
    rng: np.random.Generator,
    *,
    dpi: float = 200,
    columns: int | None = None,
    justified: bool | None = None,
    fonts: Sequence[Font] | None = None,
) -> PageStyle:
    """Draw a style by chance: a small page (about A5) in 8.5 to 12 point print.

    What is given is kept. `fonts` is what to choose from, by default the fonts matplotlib ships.
    """
    pool = offered_fonts(fonts)
    proportional = [font for font in pool if not font.monospaced] or list(pool)
    monospaced = [font for font in pool if font.monospaced] or list(pool)
    plain = [font for font in proportional if not (font.bold or font.italic)] or proportional
    typewritten = rng.random() < 0.08
    body = pick_font(rng, fonts=monospaced if typewritten else plain)
    family = [font for font in pool if font.family == body.family]
    bold = next((f for f in family if f.bold and not f.italic), body)
    italic = next((f for f in family if f.italic and not f.bold), body)
    heading = bold if rng.random() < 0.6 else pick_font(rng, fonts=proportional)
    drawn_columns = 2 if rng.random() < 0.4 else 1
    drawn_justified = bool(rng.random() < 0.6)
    count = drawn_columns if columns is None else int(columns)
    low, high = (8.0, 9.5) if count == 2 else (9.0, 12.0)
    # Families differ in how large they look: equal x-heights make equal print.
    size = float(rng.uniform(low, high)) * 0.47 / _clamped_x_height(body)
    return PageStyle(
        dpi=float(dpi),
        width=float(rng.uniform(400, 440)),
        height=float(rng.uniform(560, 620)),
        margins=(
            float(rng.uniform(36, 62)),
            float(rng.uniform(44, 70)),
            float(rng.uniform(36, 62)),
            float(rng.uniform(44, 76)),
        ),
        columns=count,
        gutter=float(rng.uniform(12, 22)),
        body=body,
        bold=bold,
        italic=italic,
        heading=heading,
        code=pick_font(rng, fonts=monospaced),
        size=size,
        leading=size * float(rng.uniform(1.15, 1.5)),
        justified=drawn_justified if justified is None else bool(justified),
        indent=float(rng.choice([0.0, 1.0, 1.5])),
        running_head=bool(rng.random() < 0.5),
        page_number=bool(rng.random() < 0.6),
    )


def _clamped_x_height(font: Font) -> float:
    from ocrlearn.data.synth.glyphs import x_height

    return float(np.clip(x_height(font), 0.4, 0.56))


@dataclass(frozen=True)
class Column:
    """What of a page is to be filled with text, in pixels: left edge, width, top and bottom."""

    left: float
    width: float
    top: float
    bottom: float


def draw_heading(
    sheet: Sheet,
    column: Column,
    style: PageStyle,
    rng: np.random.Generator,
    split: str,
    baseline: float,
    *,
    factor: float,
) -> float:
    """Set a heading of one or more lines; returns its last baseline plus the space below it."""
    size = factor * style.size * style.scale
    text = texts.heading(rng, split)
    font = style.heading if style.heading.covers(text) else style.body
    words = [set_word(word, font, size) for word in text.split()]
    for line in broken(words, column.width, 0, font, size):
        baseline += 1.2 * size
        sheet.draw_line(line.words, [column.left + x for x in line.starts], baseline)
    return baseline + 0.3 * style.leading * style.scale


def fitting_heading(
    rng: np.random.Generator, split: str, font: Font, size: float, width: float
) -> str:
    """Return a heading that fits on one line."""
    while True:
        text = texts.heading(rng, split)
        if font.covers(text) and set_line(text, font, size)[2] <= width:
            return text


def draw_centred(
    sheet: Sheet, text: str, font: Font, size: float, column: Column, baseline: float
) -> None:
    """Set one line in the middle of a column."""
    words, starts, width = set_line(text, font, size)
    left = column.left + (column.width - width) / 2
    sheet.draw_line(words, [left + start for start in starts], baseline)


# ---------------------------------------------------------------------------------------------
# Paragraphs


@dataclass(frozen=True)
class BrokenLine:
    """Words of one line and their starts from the left edge of the column, unstretched."""

    words: list[SetWord]
    starts: list[float]
    is_last: bool

    @property
    def width(self) -> float:
        """From the left edge of the column to the end of the last word."""
        return self.starts[-1] + self.words[-1].width


def set_paragraph(
    style: PageStyle, rng: np.random.Generator, split: str, used: set[str]
) -> list[SetWord]:
    """Set the words of a paragraph, here and there one to four of them bold or slanted."""
    text = texts.paragraph(rng, split, words=int(rng.integers(30, 110)))
    while text in used:
        text = texts.paragraph(rng, split, words=int(rng.integers(30, 110)))
    used.add(text)
    words = text.split()
    size = style.size * style.scale
    emphasised: dict[int, Font] = {}
    if rng.random() < 0.3:
        start, length = int(rng.integers(len(words))), int(rng.integers(1, 5))
        font = style.italic if rng.random() < 0.6 else style.bold
        emphasised = dict.fromkeys(range(start, start + length), font)
    result = []
    for place, word in enumerate(words):
        font = emphasised.get(place, style.body)
        if not font.covers(word):
            font = style.body
        # Characters that not even the body font has are left out, as a printer without them would.
        printed = "".join(character for character in word if character in font.characters)
        if printed:
            result.append(set_word(printed, font, size))
    return result


def broken(
    words: Sequence[SetWord], width: float, indent: float, font: Font, size: float
) -> Iterator[BrokenLine]:
    """Break words into lines, each as full as it goes; a word too long gets a line of its own."""
    space = advance(font, " ") * size
    line: list[SetWord] = []
    starts: list[float] = []
    pen = indent
    for word in words:
        if line and pen + word.width > width:
            yield BrokenLine(line, starts, is_last=False)
            line, starts, pen = [], [], 0.0
        line.append(word)
        starts.append(pen)
        pen += word.width + space
    if line:
        yield BrokenLine(line, starts, is_last=True)


def draw_paragraph_line(
    sheet: Sheet, line: BrokenLine, column: Column, style: PageStyle, baseline: float
) -> None:
    """Draw a line, stretched to the full measure where the style and the line allow it."""
    gaps = len(line.words) - 1
    slack = column.width - line.width
    space = advance(style.body, " ") * style.size * style.scale
    stretch = 0.0
    if style.justified and not line.is_last and 0 < slack <= 2.5 * space * gaps:
        stretch = slack / gaps
    starts = [column.left + start + place * stretch for place, start in enumerate(line.starts)]
    sheet.draw_line(line.words, starts, baseline)

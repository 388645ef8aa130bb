"""Whole pages of print with exact labels: columns, headings, paragraphs, running heads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.synth import texts
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.glyphs import advance
from ocrlearn.data.synth.lines import pick_font, set_line, shipped_fonts
from ocrlearn.data.synth.looks import LOOKS, expose
from ocrlearn.data.synth.sheet import Rendered, SetWord, Sheet, set_word
from ocrlearn.data.synth.texts import seeded_generator

__all__ = ["PageStyle", "draw_style", "render_page"]


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
    pool = shipped_fonts() if fonts is None else tuple(fonts)
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


def render_page(
    seed: int = 0,
    index: int = 0,
    *,
    look: str = "clean",
    split: str = "training",
    dpi: float = 200,
    columns: int | None = None,
    justified: bool | None = None,
    fonts: Sequence[Font] | None = None,
    style: PageStyle | None = None,
) -> Rendered:
    """Render page number `index` of a seeded, endless set of printed English pages.

    A page has one or two columns with headings, paragraphs (now and then with bold or slanted
    words), here and there lines of code, perhaps a running head and a page number. Lines are listed
    in reading order: head, first column, second column, page number.

    Parameters
    ----------
    seed, index
        Which page. The result depends on these and the other arguments alone (and on the versions
        of NumPy, SciPy, Pillow and the fonts), never on what was rendered before. The same page in
        another look has the same text and style.
    look
        "clean", "scanned" or "photographed"; see :func:`ocrlearn.data.synth.looks.expose`.
    split
        "training" or "benchmark"; see :mod:`ocrlearn.data.synth.texts`.
    dpi
        Pixels per inch of paper. 200 gives pages of about 1150 x 1650 pixels.
    columns, justified
        Given instead of drawn by chance.
    fonts
        What to choose from, by default the fonts that matplotlib ships.
    style
        All about the looks of the print at once; the four arguments before are then not used.

    Returns
    -------
    Rendered
    """
    check_choice(look, "look", LOOKS)
    check_number(dpi, "dpi", low=36, high=1200)
    if columns is not None:
        check_number(columns, "columns", low=1, high=2, integer=True)
    if style is None:
        style = draw_style(
            seeded_generator(seed, index, split, "style"),
            dpi=dpi,
            columns=columns,
            justified=justified,
            fonts=fonts,
        )
    sheet = _print_page(style, seeded_generator(seed, index, split, "page"), split)
    rendered = expose(sheet, look, seeded_generator(seed, index, split, f"page {look}"))
    rendered.details.update(
        columns=style.columns,
        justified=style.justified,
        dpi=style.dpi,
        size_pixels=style.size * style.scale,
    )
    return rendered


# ---------------------------------------------------------------------------------------------
# Setting a page. Everything below is in pixels.


@dataclass(frozen=True)
class _Column:
    """A column while it is filled: `y` is where the next block's top goes."""

    left: float
    width: float
    top: float
    bottom: float


def _print_page(style: PageStyle, rng: np.random.Generator, split: str) -> Sheet:
    """Print head, columns and page number in reading order."""
    scale = style.scale
    width, height = style.width * scale, style.height * scale
    left, top, right, bottom = (margin * scale for margin in style.margins)
    sheet = Sheet((round(height), round(width)))
    body = _Column(left, width - left - right, top, height - bottom)
    small = 0.85 * style.size * scale
    if style.running_head:
        text = _fitting_heading(rng, split, style.italic, small, body.width)
        _draw_centred(sheet, text, style.italic, small, body, top - 1.2 * style.leading * scale)
    gutter = style.gutter * scale
    column_width = (body.width - (style.columns - 1) * gutter) / style.columns
    used: set[str] = set()
    for number in range(style.columns):
        column_left = left + number * (column_width + gutter)
        column = _Column(column_left, column_width, body.top, body.bottom)
        _fill_column(sheet, column, style, rng, split, used, first=number == 0)
    if style.page_number:
        number_text = str(rng.integers(1, 999))
        below = height - bottom + 1.8 * style.leading * scale
        _draw_centred(sheet, number_text, style.body, small, body, below)
    return sheet


def _fill_column(
    sheet: Sheet,
    column: _Column,
    style: PageStyle,
    rng: np.random.Generator,
    split: str,
    used: set[str],
    *,
    first: bool,
) -> None:
    """Set blocks below each other until the column is full; the last one is cut off.

    `used` holds the paragraphs that the page has already.
    """
    size, leading = style.size * style.scale, style.leading * style.scale
    baseline = column.top
    if first:
        baseline = _draw_heading(sheet, column, style, rng, split, baseline, factor=1.6)
    while baseline + leading <= column.bottom:
        kind = rng.random()
        if kind < 0.12 and baseline > column.top and baseline + 4 * leading <= column.bottom:
            baseline += 0.5 * leading
            baseline = _draw_heading(sheet, column, style, rng, split, baseline, factor=1.15)
        elif kind < 0.18:
            lines = _code_block(style, rng, column.width)
            baseline = _draw_code(sheet, lines, column, style, baseline)
        else:
            words = _set_paragraph(style, rng, split, used)
            indent = style.indent * size
            for line in _broken(words, column.width, indent, style.body, size):
                if baseline + leading > column.bottom:
                    return
                baseline += leading
                _draw_paragraph_line(sheet, line, column, style, baseline)
            if not style.indent:
                baseline += 0.5 * leading


def _draw_heading(
    sheet: Sheet,
    column: _Column,
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
    for line in _broken(words, column.width, 0, font, size):
        baseline += 1.2 * size
        sheet.draw_line(line.words, [column.left + x for x in line.starts], baseline)
    return baseline + 0.3 * style.leading * style.scale


def _fitting_heading(
    rng: np.random.Generator, split: str, font: Font, size: float, width: float
) -> str:
    """Return a heading that fits on one line."""
    while True:
        text = texts.heading(rng, split)
        if font.covers(text) and set_line(text, font, size)[2] <= width:
            return text


def _draw_centred(
    sheet: Sheet, text: str, font: Font, size: float, column: _Column, baseline: float
) -> None:
    words, starts, width = set_line(text, font, size)
    left = column.left + (column.width - width) / 2
    sheet.draw_line(words, [left + start for start in starts], baseline)


def _code_block(style: PageStyle, rng: np.random.Generator, width: float) -> list[list[SetWord]]:
    """Two to five lines of code that fit the column."""
    size = 0.9 * style.size * style.scale
    lines: list[list[SetWord]] = []
    wanted = int(rng.integers(2, 6))
    for _ in range(20):
        text = texts.code_line(rng)
        if style.code.covers(text) and set_line(text, style.code, size)[2] <= width:
            lines.append([set_word(word, style.code, size) for word in text.split()])
        if len(lines) == wanted:
            break
    return lines


def _draw_code(
    sheet: Sheet,
    lines: Sequence[Sequence[SetWord]],
    column: _Column,
    style: PageStyle,
    baseline: float,
) -> float:
    leading = style.leading * style.scale
    for words in lines:
        if baseline + leading > column.bottom:
            return baseline + leading  # the column is full
        baseline += leading
        space = advance(style.code, " ") * words[0].size
        starts, pen = [], column.left
        for word in words:
            starts.append(pen)
            pen += word.width + space
        sheet.draw_line(words, starts, baseline)
    return baseline + 0.5 * leading


# ---------------------------------------------------------------------------------------------
# Paragraphs


@dataclass(frozen=True)
class _BrokenLine:
    """Words of one line and their starts from the left edge of the column, unstretched."""

    words: list[SetWord]
    starts: list[float]
    is_last: bool

    @property
    def width(self) -> float:
        return self.starts[-1] + self.words[-1].width


def _set_paragraph(
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


def _broken(
    words: Sequence[SetWord], width: float, indent: float, font: Font, size: float
) -> Iterator[_BrokenLine]:
    """Break words into lines, each as full as it goes; a word too long gets a line of its own."""
    space = advance(font, " ") * size
    line: list[SetWord] = []
    starts: list[float] = []
    pen = indent
    for word in words:
        if line and pen + word.width > width:
            yield _BrokenLine(line, starts, is_last=False)
            line, starts, pen = [], [], 0.0
        line.append(word)
        starts.append(pen)
        pen += word.width + space
    if line:
        yield _BrokenLine(line, starts, is_last=True)


def _draw_paragraph_line(
    sheet: Sheet, line: _BrokenLine, column: _Column, style: PageStyle, baseline: float
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

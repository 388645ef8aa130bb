"""Whole pages of print with exact labels: columns, headings, paragraphs, running heads."""

from collections.abc import Sequence

import numpy as np

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.synth import texts
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.glyphs import advance
from ocrlearn.data.synth.lines import set_line
from ocrlearn.data.synth.looks import LOOKS, expose
from ocrlearn.data.synth.page_parts import (
    Column,
    PageStyle,
    broken,
    draw_centred,
    draw_heading,
    draw_paragraph_line,
    draw_style,
    fitting_heading,
    set_paragraph,
)
from ocrlearn.data.synth.sheet import Rendered, SetWord, Sheet, set_word
from ocrlearn.data.synth.texts import seeded_generator

__all__ = ["PageStyle", "draw_style", "render_page"]


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


def _print_page(style: PageStyle, rng: np.random.Generator, split: str) -> Sheet:
    """Print head, columns and page number in reading order."""
    scale = style.scale
    width, height = style.width * scale, style.height * scale
    left, top, right, bottom = (margin * scale for margin in style.margins)
    sheet = Sheet((round(height), round(width)))
    body = Column(left, width - left - right, top, height - bottom)
    small = 0.85 * style.size * scale
    if style.running_head:
        text = fitting_heading(rng, split, style.italic, small, body.width)
        draw_centred(sheet, text, style.italic, small, body, top - 1.2 * style.leading * scale)
    gutter = style.gutter * scale
    column_width = (body.width - (style.columns - 1) * gutter) / style.columns
    used: set[str] = set()
    for number in range(style.columns):
        column_left = left + number * (column_width + gutter)
        column = Column(column_left, column_width, body.top, body.bottom)
        _fill_column(sheet, column, style, rng, split, used, first=number == 0)
    if style.page_number:
        number_text = str(rng.integers(1, 999))
        below = height - bottom + 1.8 * style.leading * scale
        draw_centred(sheet, number_text, style.body, small, body, below)
    return sheet


def _fill_column(
    sheet: Sheet,
    column: Column,
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
        baseline = draw_heading(sheet, column, style, rng, split, baseline, factor=1.6)
    while baseline + leading <= column.bottom:
        kind = rng.random()
        if kind < 0.12 and baseline > column.top and baseline + 4 * leading <= column.bottom:
            baseline += 0.5 * leading
            baseline = draw_heading(sheet, column, style, rng, split, baseline, factor=1.15)
        elif kind < 0.18:
            lines = _code_block(style, rng, column.width)
            baseline = _draw_code(sheet, lines, column, style, baseline)
        else:
            words = set_paragraph(style, rng, split, used)
            indent = style.indent * size
            for line in broken(words, column.width, indent, style.body, size):
                if baseline + leading > column.bottom:
                    return
                baseline += leading
                draw_paragraph_line(sheet, line, column, style, baseline)
            if not style.indent:
                baseline += 0.5 * leading


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
    column: Column,
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

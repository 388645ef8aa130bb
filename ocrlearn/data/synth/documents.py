"""Pages as offices and journals print them, with every part labelled: for layout analysis.

:func:`render_document` sets headings, paragraphs, lists, tables, figures with captions and
footnotes in one or two columns, on sheets that may have been folded; its result knows the place
and kind of every region as well as every line, word and character.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.samples import Sample, TextInstance
from ocrlearn.data.synth import degrade, looks, texts
from ocrlearn.data.synth._moved_ink import tight_quad
from ocrlearn.data.synth._region_sheet import REGION_KINDS, Region, RegionSheet, printable
from ocrlearn.data.synth.degrade import Crease, PointMap
from ocrlearn.data.synth.figures import FIGURES, draw_figure
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.lines import set_line
from ocrlearn.data.synth.looks import LOOKS
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
from ocrlearn.data.synth.sheet import Rendered, grow_line, set_word
from ocrlearn.data.synth.tables import draw_table, make_table
from ocrlearn.data.synth.texts import seeded_generator
from ocrlearn.document import Line, Word
from ocrlearn.image.convert import to_uint8

__all__ = ["REGION_KINDS", "Document", "Region", "document_sample", "render_document"]

Details = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Document(Rendered):
    """A rendered page that knows its regions.

    Attributes
    ----------
    regions
        In reading order; a region stands before those that lie inside it, as a table before its
        cells. Their polygons are those of the flat sheet, carried to the image by the map that
        moved the pixels: four corners, or, where the paper bends, sixteen points to a side.
    """

    regions: tuple[Region, ...] = ()

    def kind_of_line(self, number: int) -> str:
        """Return the kind of the innermost region that holds line `number` of the page."""
        kinds = [region.kind for region in self.regions if number in region.lines]
        return kinds[-1]


def render_document(
    seed: int = 0,
    index: int = 0,
    *,
    look: str = "clean",
    split: str = "training",
    dpi: float = 200,
    columns: int | None = None,
    tables: int | None = None,
    figures: int | None = None,
    folds: bool | None = None,
    fonts: Sequence[Font] | None = None,
) -> Document:
    """Render page number `index` of a seeded, endless set of documents.

    Parameters
    ----------
    seed, index
        Which page. The result depends on these and the other arguments alone. The same page in
        another look has the same text, regions and style.
    look
        "clean", "scanned" or "photographed"; see :func:`ocrlearn.data.synth.looks.expose`.
    split
        "training" or "benchmark"; see :mod:`ocrlearn.data.synth.texts`.
    dpi
        Pixels per inch of paper. 200 gives pages of about 1150 x 1650 pixels.
    columns
        1 or 2, given instead of drawn by chance.
    tables, figures
        How many to set, 0 to 4; fewer if the page is full. Drawn by chance: mostly one or two.
    folds
        Whether the sheet was folded before it was scanned or photographed; drawn by chance: one
        sheet in four. Clean pages are flat.
    fonts
        What to choose from, by default the fonts that matplotlib ships.

    Returns
    -------
    Document
    """
    check_choice(look, "look", LOOKS)
    check_number(dpi, "dpi", low=72, high=600)
    if columns is not None:
        check_number(columns, "columns", low=1, high=2, integer=True)
    for name, wanted in (("tables", tables), ("figures", figures)):
        if wanted is not None:
            check_number(wanted, name, low=0, high=4, integer=True)
    style = draw_style(
        seeded_generator(seed, index, split, "document style"),
        dpi=dpi,
        columns=columns,
        fonts=fonts,
    )
    rng = seeded_generator(seed, index, split, "document")
    drawn = rng.choice([0, 1, 2], size=2, p=[0.25, 0.5, 0.25])
    floats = ["table"] * int(drawn[0] if tables is None else tables)
    floats += ["figure"] * int(drawn[1] if figures is None else figures)
    rng.shuffle(floats)
    sheet = _Setter(style, rng, split, floats).page()
    look_rng = seeded_generator(seed, index, split, f"document {look}")
    folded = look_rng.random() < 0.25 if folds is None else folds
    creases = _creases(look_rng) if folded and look != "clean" else ()
    document = _expose(sheet, look, look_rng, creases)
    document.details.update(
        columns=style.columns, dpi=style.dpi, size_pixels=style.size * style.scale
    )
    return document


def document_sample(
    seed: int = 0,
    index: int = 0,
    *,
    look: str = "clean",
    split: str = "training",
    dpi: float = 200,
    columns: int | None = None,
    tables: int | None = None,
    figures: int | None = None,
    folds: bool | None = None,
    fonts: Sequence[Font] | None = None,
) -> Sample:
    """Return :func:`render_document`'s page, made with the same arguments, as a sample.

    Returns
    -------
    Sample
        One instance of level "line" for each line, in reading order, whose `attributes` are the
        kind of its region and whose `parts` are words, and theirs characters. Mask "ink".
        ``details["regions"]`` is a list of objects with "kind", "polygon" (list of [x, y]), "lines"
        (numbers of instances) and, for cells, "cell" (first row, first column, rows, columns).
    """
    document = render_document(
        seed,
        index,
        look=look,
        split=split,
        dpi=dpi,
        columns=columns,
        tables=tables,
        figures=figures,
        folds=folds,
        fonts=fonts,
    )
    regions = [
        {
            "kind": region.kind,
            "polygon": region.polygon.tolist(),
            "lines": list(region.lines),
            **({"cell": list(region.cell)} if region.cell else {}),
        }
        for region in document.regions
    ]
    instances = tuple(
        _line_instance(line, document.kind_of_line(number))
        for number, line in enumerate(document.page.lines)
    )
    return Sample(
        image=document.image,
        text=document.text,
        instances=instances,
        width=document.page.width,
        height=document.page.height,
        masks={"ink": document.ink},
        details={**document.details, "look": look, "regions": regions},
    )


def _line_instance(line: Line, kind: str) -> TextInstance:
    words = tuple(_word_instance(word) for word in line.words)
    return TextInstance(line.quad, line.text, "line", parts=words, attributes=(kind,))


def _word_instance(word: Word) -> TextInstance:
    characters = tuple(TextInstance(c.quad, c.text, "character") for c in word.characters)
    return TextInstance(word.quad, word.text, "word", parts=characters)


# ---------------------------------------------------------------------------------------------
# Setting


class _Setter:
    """Sets one page. `floats` are the tables and figures still to come."""

    def __init__(
        self, style: PageStyle, rng: np.random.Generator, split: str, floats: list[str]
    ) -> None:
        self.style, self.rng, self.split, self.floats = style, rng, split, floats
        self.scale = style.scale
        self.size, self.leading = style.size * self.scale, style.leading * self.scale
        width, height = style.width * self.scale, style.height * self.scale
        self.sheet = RegionSheet((round(height), round(width)))
        self.used: set[str] = set()
        self.captions = {"table": int(rng.integers(1, 9)), "figure": int(rng.integers(1, 9))}

    def page(self) -> RegionSheet:
        """Set head, columns and page number in reading order."""
        style, height = self.style, self.sheet.coverage.shape[0]
        left, top, right, bottom = (margin * self.scale for margin in style.margins)
        body = Column(left, self.sheet.coverage.shape[1] - left - right, top, height - bottom)
        small = 0.85 * self.size
        if style.running_head:
            text = fitting_heading(self.rng, self.split, style.italic, small, body.width)
            with self.sheet.region("header"):
                draw_centred(self.sheet, text, style.italic, small, body, top - 1.2 * self.leading)
        gutter = style.gutter * self.scale
        width = (body.width - (style.columns - 1) * gutter) / style.columns
        for number in range(style.columns):
            column = Column(left + number * (width + gutter), width, body.top, body.bottom)
            self.fill(column, first=number == 0)
        if style.page_number:
            with self.sheet.region("footer"):
                number_text = str(self.rng.integers(1, 999))
                below = height - bottom + 1.8 * self.leading
                draw_centred(self.sheet, number_text, style.body, small, body, below)
        return self.sheet

    def fill(self, column: Column, *, first: bool) -> None:
        """Set blocks below each other until the column is full; `y` is where the next one goes."""
        note = self.note(column) if self.rng.random() < 0.35 else None
        full = column
        if note:
            column = replace(column, bottom=column.bottom - (len(note) + 0.8) * 0.95 * self.leading)
        y = column.top
        if first:
            y = self.heading(column, y, factor=1.6)
        elif self.floats and self.rng.random() < 0.5:
            y = self.floating(column, y)
        text_since = 0  # blocks of text since the last heading, table or figure
        while y + 1.2 * self.leading <= column.bottom:
            roomy = y + 4 * self.leading <= column.bottom
            if self.floats and text_since and self.rng.random() < 0.8:
                y, text_since = self.floating(column, y), 0
            elif text_since and roomy and self.rng.random() < 0.2:
                y, text_since = self.heading(column, y + 0.5 * self.leading, factor=1.15), 0
            elif roomy and self.rng.random() < 0.18:
                y, text_since = self.items(column, y), text_since + 1
            else:
                y = self.paragraph(
                    column, y, most=int(self.rng.integers(3, 7 if self.floats else 14))
                )
                text_since += 1
        if note:
            self.draw_note(full, note)

    def heading(self, column: Column, y: float, *, factor: float) -> float:
        """Set a heading."""
        with self.sheet.region("heading"):
            return draw_heading(
                self.sheet, column, self.style, self.rng, self.split, y, factor=factor
            )

    def paragraph(self, column: Column, y: float, most: int) -> float:
        """Set a paragraph of at most `most` lines, as far as the column goes."""
        words = set_paragraph(self.style, self.rng, self.split, self.used)
        indent = self.style.indent * self.size
        lines = list(broken(words, column.width, indent, self.style.body, self.size))[:most]
        with self.sheet.region("paragraph"):
            for line in lines:
                if y + 1.2 * self.leading > column.bottom:
                    return column.bottom
                y += self.leading
                draw_paragraph_line(self.sheet, line, column, self.style, y)
        return y + (0.2 if self.style.indent else 0.5) * self.leading

    def items(self, column: Column, y: float) -> float:
        """Set a list of two to five items, each with a mark and a hanging indent."""
        style, marks = self.style, _marks(self.rng, self.style.body)
        hang = 1.2 * self.size + max(set_line(mark, style.body, self.size)[2] for mark in marks)
        y += 0.25 * self.leading
        with self.sheet.region("list"):
            for mark in marks:
                text = printable(texts.sentence(self.rng, self.split), style.body)
                words = [set_word(word, style.body, self.size) for word in text.split()]
                lines = list(broken(words, column.width - hang, 0, style.body, self.size))[:2]
                if not lines or y + (len(lines) + 0.2) * self.leading > column.bottom:
                    break
                for number, line in enumerate(lines):
                    y += self.leading
                    starts = [column.left + hang + start for start in line.starts]
                    if number:
                        self.sheet.draw_line(line.words, starts, y)
                        continue
                    first = set_word(mark, style.body, self.size)
                    self.sheet.draw_line(
                        [first, *line.words], [column.left + 0.5 * self.size, *starts], y
                    )
        return y + 0.5 * self.leading

    def floating(self, column: Column, y: float) -> float:
        """Set the next table or figure with its caption, if there is room for it."""
        for place, kind in enumerate(self.floats * 3):  # each try draws another one
            block = self.table if kind == "table" else self.figure
            end = block(column, y + 0.5 * self.leading)
            if end is not None:
                self.floats.pop(place % len(self.floats))
                return end + 0.7 * self.leading
        return self.paragraph(column, y, most=6)

    def table(self, column: Column, y: float) -> float | None:
        """Set a table below its caption."""
        table = make_table(self.style, self.rng, self.split, column.width)
        draw_caption, height = self.caption("table", column)
        if table.width > column.width or y + height + table.height > column.bottom:
            return None
        y = draw_caption(y) + 0.6 * self.size
        left = column.left + (column.width - table.width) / 2
        draw_table(self.sheet, table, self.style, left, y)
        return y + table.height

    def figure(self, column: Column, y: float) -> float | None:
        """Set a figure above its caption."""
        kinds = list(FIGURES)
        kind = kinds[int(self.rng.integers(len(kinds)))]
        width = column.width * float(self.rng.choice([1.0, 1.0, 0.8]))
        height = max(width * float(self.rng.uniform(0.4, 0.7)), 10.5 * self.size)
        draw_caption, caption_height = self.caption("figure", column)
        if y + height + caption_height > column.bottom:
            return None
        left = column.left + (column.width - width) / 2
        box = (left, y, left + width, y + height)
        draw_figure(self.sheet, self.style, self.rng, self.split, box, kind)
        return draw_caption(y + height + 0.3 * self.size)

    def caption(self, kind: str, column: Column) -> tuple[Callable[[float], float], float]:
        """Write a caption; return what draws it below a given y, and its height."""
        style, size, leading = self.style, 0.87 * self.size, 0.9 * self.leading
        self.captions[kind] += 1
        name = {"table": ("Table", "TABLE"), "figure": ("Figure", "Fig.")}[kind]
        label = f"{name[int(self.rng.integers(2))]} {self.captions[kind]}"
        mark = str(self.rng.choice([".", ":"]))
        text = f"{label}{mark} {texts.sentence(self.rng, self.split)}"
        words = [set_word(w, style.body, size) for w in printable(text, style.body).split()]
        bold = printable(words[0].text, style.bold) == words[0].text and self.rng.random() < 0.5
        if bold:
            words[:2] = [set_word(word.text, style.bold, size) for word in words[:2]]
        lines = list(broken(words, column.width, 0, style.body, size))[:3]

        def draw(y: float) -> float:
            with self.sheet.region("caption"):
                for line in lines:
                    y += leading
                    left = column.left
                    if len(lines) == 1:
                        left += (column.width - line.width) / 2
                    self.sheet.draw_line(line.words, [left + start for start in line.starts], y)
            return y + 0.3 * size

        return draw, len(lines) * leading + size

    def note(self, column: Column) -> list[Any]:
        """Write a footnote of one to three lines."""
        style, size = self.style, 0.8 * self.size
        text = f"{self.rng.integers(1, 20)} {texts.sentence(self.rng, self.split)}"
        words = [set_word(word, style.body, size) for word in printable(text, style.body).split()]
        return list(broken(words, column.width, 0, style.body, size))[:3]

    def draw_note(self, column: Column, lines: list[Any]) -> None:
        """Set a footnote at the bottom of the column, below a short rule."""
        leading = 0.95 * self.leading
        y = column.bottom - len(lines) * leading
        self.sheet.fill(
            column.left, y, column.left + 0.3 * column.width, y + max(1.0, 0.5 * self.scale)
        )
        with self.sheet.region("footnote"):
            for line in lines:
                y += leading
                starts = [column.left + start for start in line.starts]
                self.sheet.draw_line(line.words, starts, y)


def _marks(rng: np.random.Generator, font: Font) -> list[str]:
    """Return the marks of two to five items: bullets, numbers or letters."""
    number = int(rng.integers(2, 6))
    bullets = [mark for mark in ("-", "*", "\N{BULLET}") if font.covers(mark)]
    style = int(rng.integers(4))
    if style == 0 and bullets:
        return [bullets[int(rng.integers(len(bullets)))]] * number
    if style == 1:
        return [f"({letter})" for letter in "abcde"[:number]]
    if style == 2:
        return [f"{count}." for count in range(1, number + 1)]
    return [f"{count})" for count in range(1, number + 1)]


# ---------------------------------------------------------------------------------------------
# Folds, and the looks


def _creases(rng: np.random.Generator) -> tuple[Crease, ...]:
    """Fold a sheet as letters are folded: in half, in thirds, or in half twice."""

    def angle() -> float:
        return float(rng.uniform(0.04, 0.22) * rng.choice([-1, 1]))

    def near(share: float) -> float:
        return share + float(rng.normal(0, 0.008))

    kind = int(rng.integers(3))
    if kind == 0:
        return (Crease("horizontal", near(0.5), angle()),)
    if kind == 1:
        return (
            Crease("horizontal", near(0.33), angle()),
            Crease("horizontal", near(0.67), angle()),
        )
    return (Crease("vertical", near(0.5), angle()), Crease("horizontal", near(0.5), angle()))


def _expose(
    sheet: RegionSheet, look: str, rng: np.random.Generator, creases: tuple[Crease, ...]
) -> Document:
    """Make an image of a sheet as :func:`looks.expose` does, folded along `creases` before."""
    if creases:
        rendered = _expose_folded(sheet, look, rng, creases)
    else:
        rendered = looks.expose(sheet, look, rng)
    regions = tuple(
        replace(region, polygon=_moved_outline(region.polygon, rendered.point_map))
        for region in sheet.regions
    )
    return Document(
        rendered.image,
        rendered.page,
        rendered.ink,
        rendered.point_map,
        rendered.look,
        rendered.fonts,
        rendered.details,
        regions,
    )


def _expose_folded(
    sheet: RegionSheet, look: str, rng: np.random.Generator, creases: tuple[Crease, ...]
) -> Rendered:
    """Make an image by the chain of a look with folds in it: worn ink, bent places, shaded panels.

    A scanner presses the sheet flat, so that a tenth of the slopes is left.
    """
    details: Details = {"creases": [[c.direction, c.position, c.angle] for c in creases]}
    shape = (sheet.coverage.shape[0], sheet.coverage.shape[1])
    if look == "scanned":
        pressed = [replace(crease, angle=crease.angle / 10) for crease in creases]
        bent, _ = degrade.fold_map(shape, pressed)
        turned, seen_shape = looks._place_scanned_page(sheet, rng, details)
    else:
        pressed = list(creases)
        bent, bent_shape = degrade.fold_map(shape, pressed)
        turned, seen_shape = looks._camera(bent_shape, rng, details, pitch=12, yaw=9, roll=2.5)
    placement = bent.then(turned), seen_shape
    printed = looks._print(sheet, rng, details)
    details["crease_loss"] = float(rng.uniform(0.1, 0.7))
    width = float(rng.uniform(0.3, 0.8)) * sheet.coverage.shape[0] / 1000
    worn = degrade.crease_wear(1 - printed, creases, rng, width=width, loss=details["crease_loss"])
    light = degrade.fold_light(
        np.ones(shape, np.float32),
        creases if look == "photographed" else pressed,
        elevation=float(rng.uniform(0.6, 1.3)),
        azimuth=float(rng.uniform(0, 2 * np.pi)),
        width=2 * width,
        relief=float(rng.uniform(0.03, 0.15)),
    )
    coverage = degrade.move(1 - worn, *placement, border=0.0)
    # Shade darkens paper as a thin wash of ink would, which is how the looks take it in.
    shaded = 1 - (1 - coverage) * degrade.move(light, *placement, border=1.0)
    finish = looks._scan if look == "scanned" else looks._photograph
    image = finish(sheet, shaded, placement, rng, details, False)
    rendered = looks._with_truth(sheet, to_uint8(image), coverage, placement[0], look, details)
    grown = [grow_line(line, details["ink_spread"]) for line in sheet.lines]
    lines = tuple(
        _around_bends(seen, flat, placement[0])
        for seen, flat in zip(rendered.page.lines, grown, strict=True)
    )
    return replace(rendered, page=replace(rendered.page, lines=lines))


def _around_bends(seen: Line, flat: Line, point_map: PointMap) -> Line:
    """Widen the quads of words that a crease bends until they hold the whole bent box.

    The chord between the corners would cut off what stands up along the crease. Words that lie on
    one panel, which are most, keep their corners.
    """
    words = []
    for word, flat_word in zip(seen.words, flat.words, strict=True):
        steps = np.linspace(0, 1, 17)[:, None]
        corners = flat_word.quad.astype(np.float64)
        ends = np.roll(corners, -1, axis=0)
        outline = (corners[:, None] + steps * (ends - corners)[:, None]).reshape(-1, 2)
        moved = word.quad.astype(np.float64)
        moved_ends = np.roll(moved, -1, axis=0)
        chords = (moved[:, None] + steps * (moved_ends - moved)[:, None]).reshape(-1, 2)
        bent = np.abs(point_map(outline) - chords).max() > 0.3
        words.append(replace(word, quad=tight_quad(outline, point_map)) if bent else word)
    return Line(seen.quad, tuple(words))


def _moved_outline(quad: NDArray[np.float32], point_map: PointMap) -> NDArray[np.float32]:
    """Carry the outline of a region: by its corners, or by 16 points a side where paper bends."""
    steps = 1 if point_map.matrix is not None else 16
    share = (np.arange(steps) / steps)[:, None]
    corners = quad.astype(np.float64)
    sides = [
        start + share * (end - start)
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]
    return point_map(np.concatenate(sides)).astype(np.float32)

"""Tables as print has them: ruled, half ruled or bare, with heads, numbers and spans."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ocrlearn.data.synth import texts
from ocrlearn.data.synth._region_sheet import RegionSheet, printable
from ocrlearn.data.synth.figures import halftone
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.lines import set_line
from ocrlearn.data.synth.page_parts import PageStyle

__all__ = ["TABLE_RULES", "Cell", "Table", "draw_table", "make_table"]

TABLE_RULES = ("grid", "three rules", "rows", "shaded", "none")
"""All cells framed; rules above, below and under the head; a rule under every row, but not through
cells of two; every other row on gray; nothing but alignment."""


_HANGING = frozenset(["a", "an", "and", "for", "notes", "of", "on", "the"])


@dataclass(frozen=True)
class Cell:
    """One cell: its place, the rows and columns it takes, and its text ("" for an empty one)."""

    row: int
    column: int
    text: str
    rows: int = 1
    columns: int = 1
    align: str = "left"
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """A table set for a page. Lengths in pixels.

    Attributes
    ----------
    cells
        In reading order; together they take every place of the grid exactly once.
    column_widths, row_height
        The grid.
    head
        Number of rows of the head.
    rules
        One of :data:`TABLE_RULES`.
    size
        Of the print, pixels per em.
    padding
        Between the edge of a cell and its text.
    """

    cells: tuple[Cell, ...]
    column_widths: tuple[float, ...]
    row_height: float
    head: int
    rules: str
    size: float
    padding: float

    @property
    def width(self) -> float:
        """Of the whole table."""
        return sum(self.column_widths)

    @property
    def rows(self) -> int:
        """Return the number of rows, head included."""
        return max(cell.row + cell.rows for cell in self.cells)

    @property
    def height(self) -> float:
        """Of the whole table."""
        return self.rows * self.row_height


def make_table(style: PageStyle, rng: np.random.Generator, split: str, width: float) -> Table:
    """Make up a table that fits `width`: labels to the left, columns of numbers to the right.

    Numbers of a column are of one kind, aligned right. There may be a second head above the
    columns that spans several of them, a label that spans two rows, and a bold row of sums.
    """
    size = style.size * style.scale * float(rng.uniform(0.82, 0.98))
    rules = TABLE_RULES[int(rng.integers(len(TABLE_RULES)))]
    padding = size * float(rng.uniform(0.35, 0.8))
    columns, rows = int(rng.integers(2, 7)), int(rng.integers(3, 10))
    body = _body(style, rng, split, rows, columns)
    while True:
        cells, head = _with_heads(body, columns, style, rng, split)
        widths = _natural_widths(cells, columns, style, size, padding)
        if sum(widths) <= width or columns == 2:
            break
        columns -= 1
        body = [cell for cell in body if cell.column < columns]
    if rng.random() < 0.6:
        stretch = max(width, sum(widths)) / sum(widths)
        widths = [one * stretch for one in widths]
    return Table(
        tuple(sorted(cells, key=lambda cell: (cell.row, cell.column))),
        tuple(widths),
        size * float(rng.uniform(1.3, 1.9)),
        head,
        rules,
        size,
        padding,
    )


def _body(
    style: PageStyle, rng: np.random.Generator, split: str, rows: int, columns: int
) -> list[Cell]:
    """Labels and numbers, rows counted from 0; now and then a label for two rows, or sums."""
    tall = int(rng.integers(1, rows - 2)) if rows > 3 and rng.random() < 0.3 else -2
    sums = rng.random() < 0.3
    cells = []
    for row in range(rows):
        if row != tall + 1:  # else the label above takes this place too
            label = "Total" if sums and row == rows - 1 else _label(rng, split)
            cells.append(Cell(row, 0, printable(label, style.body), rows=1 + (row == tall)))
    for column in range(1, columns):
        wordy = rng.random() < 0.2
        write = _number_writer(rng)
        for row in range(rows):
            text = _label(rng, split) if wordy else write()
            if rng.random() < 0.04:
                text = "-"
            align = "left" if wordy else "right"
            cells.append(Cell(row, column, printable(text, style.body), align=align))
    return cells


def _label(rng: np.random.Generator, split: str) -> str:
    """One to three words out of a heading, with nothing hanging at either end."""
    words: list[str] = []
    while not words:
        words = [word for word in texts.heading(rng, split).split() if word[0].isalpha()]
        count = int(rng.integers(1, 4))
        start = int(rng.integers(max(1, len(words) - count + 1)))
        words = words[start : start + count]
        while words and words[0].lower() in _HANGING:
            words.pop(0)
        while words and words[-1].lower() in _HANGING:
            words.pop()
    label = " ".join(words)
    return label.capitalize() if rng.random() < 0.7 else label


def _number_writer(rng: np.random.Generator) -> Callable[[], str]:
    """Return a function that writes numbers of one kind and about one size."""
    kind, size = int(rng.integers(6)), float(rng.uniform(0.5, 5.5))

    def write() -> str:
        value = float(np.exp(rng.normal(0, 0.7)) * 10**size)
        return (
            f"{value:,.0f}",
            f"{value / 100:.1f}",
            f"{value / 1000:.2f}",
            f"{min(99.9, value / 10**size * 30):.1f}%",
            f"${value / 10:,.2f}",
            f"{1900 + int(value) % 126}",
        )[kind]

    return write


def _with_heads(
    body: list[Cell], columns: int, style: PageStyle, rng: np.random.Generator, split: str
) -> tuple[list[Cell], int]:
    """Put one or two rows of heads on top: the upper one spans several columns."""
    spanned = columns > 2 and rng.random() < 0.4
    head = 2 if spanned else 1
    cells = [replace(cell, row=cell.row + head, bold=cell.text == "Total") for cell in body]
    for column in range(columns):
        text = printable(_label(rng, split), style.bold)
        align = "left" if column == 0 else "right"
        if spanned and column == 0:
            cells.append(Cell(0, 0, text, rows=2, bold=True))
        else:
            cells.append(Cell(head - 1, column, text, align=align, bold=True))
    if spanned:
        split_at = int(rng.integers(2, columns)) if columns > 3 and rng.random() < 0.5 else columns
        for start, end in ((1, split_at), (split_at, columns)):
            if end > start:
                text = printable(_label(rng, split), style.bold)
                cells.append(Cell(0, start, text, columns=end - start, align="middle", bold=True))
    return cells, head


def _font(cell: Cell, style: PageStyle) -> Font:
    return style.bold if cell.bold and style.bold.covers(cell.text) else style.body


def _natural_widths(
    cells: list[Cell], columns: int, style: PageStyle, size: float, padding: float
) -> list[float]:
    """Width that every column needs; what a spanning cell lacks is shared by its columns."""
    widths = [2 * padding + size] * columns
    for cell in sorted(cells, key=lambda cell: cell.columns):
        if not cell.text:
            continue
        needed = set_line(cell.text, _font(cell, style), size)[2] + 2 * padding
        own = range(cell.column, cell.column + cell.columns)
        lacking = needed - sum(widths[column] for column in own)
        for column in own:
            widths[column] += max(0.0, lacking) / cell.columns
    return widths


def draw_table(sheet: RegionSheet, table: Table, style: PageStyle, left: float, top: float) -> None:
    """Draw a table with its top-left corner at (left, top), with regions for it and its cells."""
    box = (left, top, left + table.width, top + table.height)
    x = left + np.concatenate([[0.0], np.cumsum(table.column_widths)])
    y = top + table.row_height * np.arange(table.rows + 1)
    thin = max(1.0, 0.5 * style.scale)
    with sheet.region("table", box):
        _draw_rules(sheet, table, x, y, thin, style)
        for cell in table.cells:
            frame = (
                float(x[cell.column]),
                float(y[cell.row]),
                float(x[cell.column + cell.columns]),
                float(y[cell.row + cell.rows]),
            )
            place = (cell.row, cell.column, cell.rows, cell.columns)
            with sheet.region("cell", frame, place):
                if cell.text:
                    _draw_cell(sheet, cell, frame, table, style)


def _draw_cell(
    sheet: RegionSheet,
    cell: Cell,
    frame: tuple[float, float, float, float],
    table: Table,
    style: PageStyle,
) -> None:
    x0, y0, x1, y1 = frame
    baseline = (y0 + y1) / 2 + 0.33 * table.size  # capitals stand in the middle
    places = {"left": x0 + table.padding, "middle": (x0 + x1) / 2, "right": x1 - table.padding}
    sheet.text(
        cell.text, _font(cell, style), table.size, places[cell.align], baseline, anchor=cell.align
    )


def _draw_rules(
    sheet: RegionSheet,
    table: Table,
    x: np.ndarray,
    y: np.ndarray,
    thin: float,
    style: PageStyle,
) -> None:
    left, right = float(x[0]), float(x[-1])

    def across(row: int, thickness: float, start: float = left, end: float = right) -> None:
        middle = float(y[row])
        sheet.fill(start, middle - thickness / 2, end, middle + thickness / 2)

    if table.rules == "grid":
        for cell in table.cells:  # frames of cells, so that spans stay open
            x0, x1 = float(x[cell.column]), float(x[cell.column + cell.columns])
            y0, y1 = float(y[cell.row]), float(y[cell.row + cell.rows])
            across(cell.row, thin, x0, x1)
            sheet.fill(x0 - thin / 2, y0, x0 + thin / 2, y1)
        across(table.rows, thin)
        sheet.fill(right - thin / 2, float(y[0]), right + thin / 2, float(y[-1]))
    if table.rules == "rows":
        across(table.head, thin)
        for cell in table.cells:  # not through a label of two rows
            if cell.row >= table.head:
                x0, x1 = float(x[cell.column]), float(x[cell.column + cell.columns])
                across(cell.row + cell.rows, thin, x0, x1)
    if table.rules in ("three rules", "shaded"):
        across(0, 2 * thin)
        across(table.head, thin)
        across(table.rows, 2 * thin)
        for cell in table.cells:
            if cell.columns > 1:
                inset = table.padding / 2
                x0, x1 = float(x[cell.column]), float(x[cell.column + cell.columns])
                across(cell.row + 1, thin, x0 + inset, x1 - inset)
    if table.rules == "shaded":
        for row in range(table.head, table.rows, 2):
            height, width = round(y[row + 1] - y[row]), round(right - left)
            gray = np.full((height, width), 0.14, np.float32)
            sheet.stamp(halftone(gray, style.dpi), round(left), round(float(y[row])))

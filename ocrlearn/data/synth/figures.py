"""Figures as print has them: plots, diagrams and half-toned photographs, with text inside.

A printer has one ink, and makes gray of it by dots (:func:`halftone`). Figures are therefore drawn
as pictures of *tone*, the share of paper to be inked, several times finer than the page, screened
into dots, and averaged. Text inside is set like all text, so that its labels are exact.

Deviations: one ink, and no text that stands on end along an axis.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from ocrlearn._validate import check_image, check_number
from ocrlearn.data.synth import texts
from ocrlearn.data.synth._region_sheet import RegionSheet, printable
from ocrlearn.data.synth.lines import set_line
from ocrlearn.data.synth.page_parts import PageStyle

__all__ = ["FIGURES", "draw_figure", "halftone"]

_FINE = 3  # drawn this many times finer than the page

Box = tuple[float, float, float, float]


def halftone(
    tone: NDArray[np.floating], dpi: float, *, ruling: float = 65.0
) -> NDArray[np.float32]:
    """Screen a picture of tones into round dots of ink at 45 degrees.

    The threshold at each place is a sum of two waves, so that dots grow with the tone, touch at one
    half, and leave holes that shrink beyond: clustered-dot ordered dither (Ulichney, "Digital
    Halftoning", MIT Press, 1987). Tones of 0 and 1 come out as they are.

    Parameters
    ----------
    tone
        ``(H, W)`` in [0, 1]: the share of ink wanted.
    dpi
        Pixels per inch of `tone`.
    ruling
        Rows of dots per inch: 65 newspapers, 150 magazines. Lowered where there would be fewer than
        three pixels to a dot.

    Returns
    -------
    array
        ``(H, W)`` float32 coverage with ink, mostly 0 and 1.
    """
    wanted = check_image(tone, "tone", gray=True).astype(np.float32)
    check_number(dpi, "dpi", low=0, low_open=True)
    check_number(ruling, "ruling", low=0, low_open=True)
    period = max(dpi / ruling, 3.0) * np.sqrt(2)  # of each wave, along the axes of the paper
    x, y = np.arange(wanted.shape[1])[None, :], np.arange(wanted.shape[0])[:, None]
    spots = np.cos(2 * np.pi * x / period) * np.cos(2 * np.pi * y / period)
    # Places below each level of the product of two cosines, so that tones keep their mean.
    levels = np.linspace(-1, 1, 129)
    turn = np.cos(np.linspace(0, 2 * np.pi, 400, endpoint=False))
    shares = np.searchsorted(np.sort(np.outer(turn, turn).ravel()), levels) / turn.size**2
    threshold = np.interp(spots, levels, shares).astype(np.float32)
    ink = np.clip((wanted - threshold) * 6 + 0.5, 0, 1)
    return np.where(wanted <= 0, 0, np.where(wanted >= 1, 1, ink)).astype(np.float32)


def draw_figure(
    sheet: RegionSheet,
    style: PageStyle,
    rng: np.random.Generator,
    split: str,
    box: Box,
    kind: str,
) -> None:
    """Draw a figure of one of the :data:`FIGURES` inside `box`, with a region for it.

    Parameters
    ----------
    sheet
        What to draw on.
    style
        Of the page.
    rng
        Source of what is shown.
    split
        Of the texts inside.
    box
        Left, top, right and bottom, in pixels.
    kind
        "lines", "bars", "points", "diagram" or "photograph".
    """
    with sheet.region("figure", box):
        FIGURES[kind](sheet, style, rng, split, box)


# ---------------------------------------------------------------------------------------------
# Drawing with primitives


class _Artwork:
    """A picture of tone for a box of the sheet, drawn in pixels of the sheet."""

    def __init__(self, box: Box) -> None:
        self.left, self.top = int(np.floor(box[0])), int(np.floor(box[1]))
        self.width = int(np.ceil(box[2])) - self.left + 1
        self.height = int(np.ceil(box[3])) - self.top + 1
        self.image = Image.new("L", (self.width * _FINE, self.height * _FINE))
        self.pen = ImageDraw.Draw(self.image)

    def at(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Carry points of the sheet to the drawing."""
        return [
            ((x - self.left + 0.5) * _FINE - 0.5, (y - self.top + 0.5) * _FINE - 0.5)
            for x, y in points
        ]

    def line(
        self,
        points: Sequence[tuple[float, float]],
        thickness: float,
        tone: float = 1.0,
        dash: float = 0.0,
    ) -> None:
        """Draw a polyline; `dash` is the length of strokes and gaps, 0 for an unbroken line."""
        width = max(1, round(thickness * _FINE))
        for piece in _dashes(points, dash) if dash else [points]:
            self.pen.line(self.at(piece), fill=round(255 * tone), width=width, joint="curve")

    def shape(self, name: str, box: Box, tone: float, thickness: float) -> None:
        """Draw a rectangle, ellipse, diamond or rounded_rectangle: filled, with a black rim."""
        corners = self.at([(box[0], box[1]), (box[2], box[3])])
        fill, width = round(255 * tone), max(1, round(thickness * _FINE))
        if name == "diamond":
            middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            tips = [
                (middle[0], box[1]),
                (box[2], middle[1]),
                (middle[0], box[3]),
                (box[0], middle[1]),
            ]
            self.pen.polygon(self.at(tips), fill=fill)
            self.line([*tips, tips[0], tips[1]], thickness)
        elif name == "rounded_rectangle":
            radius = 0.2 * (corners[1][1] - corners[0][1])
            self.pen.rounded_rectangle(corners, radius, fill=fill, outline=255, width=width)
        else:
            draw = getattr(self.pen, {"rectangle": "rectangle", "ellipse": "ellipse"}[name])
            draw(corners, fill=fill, outline=255, width=width)

    def paste(self, tone: NDArray[np.float32]) -> None:
        """Fill the whole with a picture of tone of any size."""
        picture = Image.fromarray(np.round(255 * np.clip(tone, 0, 1)).astype(np.uint8))
        self.image.paste(picture.resize(self.image.size, Image.Resampling.BICUBIC))

    def print_on(self, sheet: RegionSheet, dpi: float) -> None:
        """Screen the tones and print the result."""
        tone = np.asarray(self.image, np.float32) / np.float32(255)
        fine = halftone(tone, dpi * _FINE)
        blocks = fine.reshape(self.height, _FINE, self.width, _FINE)
        sheet.stamp(blocks.mean(axis=(1, 3)), self.left, self.top)


def _dashes(points: Sequence[tuple[float, float]], dash: float) -> list[list[tuple[float, float]]]:
    """Cut a polyline into strokes of length `dash` with gaps as long between them."""
    corners = np.asarray(points, np.float64)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    pieces = []
    for start in np.arange(0, along[-1], 2 * dash):
        end = min(start + dash, along[-1])
        stops = np.concatenate([[start], along[(along > start) & (along < end)], [end]])
        x, y = (np.interp(stops, along, corners[:, k]) for k in (0, 1))
        pieces.append([(float(a), float(b)) for a, b in zip(x, y, strict=True)])
    return pieces


# ---------------------------------------------------------------------------------------------
# Plots


def _word(rng: np.random.Generator, split: str, style: PageStyle) -> str:
    """One word for a label, with a capital or not."""
    words = [word for word in texts.heading(rng, split).split() if word.isalpha()]
    long = [word for word in words if len(word) > 3] or words or ["value"]
    word = long[int(rng.integers(len(long)))].lower()
    return printable(word.capitalize() if rng.random() < 0.6 else word, style.body) or "A"


def _axes(
    sheet: RegionSheet,
    art: _Artwork,
    style: PageStyle,
    rng: np.random.Generator,
    split: str,
    box: Box,
) -> tuple[Box, float]:
    """Draw a frame with ticks and their numbers up the side; return the frame and the print size.

    The title of the vertical axis stands above it, that of the horizontal one below the middle.
    """
    size = style.size * style.scale * float(rng.uniform(0.68, 0.82))
    thin = 0.5 * style.scale
    top_value = float(rng.choice([1, 2, 5, 8, 10, 25, 40, 100, 500, 2000]))
    ticks = int(rng.integers(3, 6))
    labels = [f"{top_value * k / (ticks - 1):g}" for k in range(ticks)]
    if any(len(label) > 5 for label in labels):
        labels = [f"{top_value * k / (ticks - 1):.1f}" for k in range(ticks)]
    widest = max(set_line(label, style.body, size)[2] for label in labels)
    frame = (box[0] + widest + 1.2 * size, box[1] + 2.0 * size, box[2] - size, box[3] - 3.2 * size)
    x0, y0, x1, y1 = frame
    grid = rng.random() < 0.4
    for k, label in enumerate(labels):
        y = y1 + (y0 - y1) * k / (ticks - 1)
        if grid and k:
            art.line([(x0, y), (x1, y)], 0.7 * thin, tone=0.5)
        art.line([(x0 - 0.3 * size, y), (x0, y)], thin)
        sheet.text(label, style.body, size, x0 - 0.55 * size, y + 0.33 * size, anchor="right")
    framed = rng.random() < 0.5
    outline = [(x0, y0), (x0, y1), (x1, y1)]
    art.line([*outline, (x1, y0), (x0, y0)] if framed else outline, thin)
    sheet.text(_word(rng, split, style), style.body, size, box[0] + 0.3 * size, box[1] + 1.2 * size)
    title = f"{_word(rng, split, style)} {_word(rng, split, style)}"
    sheet.text(title, style.body, size, (x0 + x1) / 2, y1 + 2.7 * size, anchor="middle")
    return frame, size


def _numbers_below(
    sheet: RegionSheet,
    art: _Artwork,
    style: PageStyle,
    rng: np.random.Generator,
    frame: Box,
    size: float,
) -> None:
    """Set numbers along the horizontal axis."""
    x0, _, x1, y1 = frame
    step = float(rng.choice([0.2, 1, 2, 5, 10, 50]))
    ticks = int(rng.integers(3, 6))
    start = 1900 + 10 * int(rng.integers(10)) if rng.random() < 0.2 else 0
    for k in range(ticks):
        x = x0 + (x1 - x0) * k / (ticks - 1)
        art.line([(x, y1), (x, y1 + 0.3 * size)], 0.5 * style.scale)
        sheet.text(f"{start + step * k:g}", style.body, size, x, y1 + 1.4 * size, anchor="middle")


def _lines_plot(
    sheet: RegionSheet, style: PageStyle, rng: np.random.Generator, split: str, box: Box
) -> None:
    """One to three curves, solid, dashed or gray, with a legend."""
    art = _Artwork(box)
    frame, size = _axes(sheet, art, style, rng, split, box)
    _numbers_below(sheet, art, style, rng, frame, size)
    x0, y0, x1, y1 = frame
    number = int(rng.integers(1, 4))
    for curve in range(number):
        knots = int(rng.integers(5, 40))
        walk = ndimage.gaussian_filter1d(
            np.cumsum(rng.normal(0, 1, knots)), float(rng.uniform(0.3, 2))
        )
        level = (walk - walk.min()) / max(float(np.ptp(walk)), 1e-6)
        # Between 5 and 70 % of the height: the legend stands above.
        level = 0.05 + 0.65 * (level * rng.uniform(0.4, 1) + rng.uniform(0, 0.3)) / 1.3
        points = [
            (x0 + (x1 - x0) * k / (knots - 1), y1 + (y0 - y1) * float(one))
            for k, one in enumerate(level)
        ]
        thickness, dash = style.scale * float(rng.uniform(0.6, 1.4)), curve * 0.35 * size
        tone = float(rng.choice([1.0, 1.0, 0.6]))
        art.line(points, thickness, tone, dash)
        if rng.random() < 0.4:
            for x, y in points[:: max(1, knots // 8)]:
                r = 0.25 * size
                art.shape("ellipse", (x - r, y - r, x + r, y + r), 1.0 - curve / 2, 0.5 * thickness)
        if number > 1 and y1 - y0 > 10 * size:
            row = y0 + (1.3 + 1.3 * curve) * size
            start = x0 + 0.55 * (x1 - x0)
            art.line(
                [(start, row - 0.33 * size), (start + 2 * size, row - 0.33 * size)],
                thickness,
                tone,
                dash,
            )
            sheet.text(_word(rng, split, style), style.body, size, start + 2.5 * size, row)
    art.print_on(sheet, style.dpi)


def _points_plot(
    sheet: RegionSheet, style: PageStyle, rng: np.random.Generator, split: str, box: Box
) -> None:
    """Draw a cloud of points with the line that fits it."""
    art = _Artwork(box)
    frame, size = _axes(sheet, art, style, rng, split, box)
    _numbers_below(sheet, art, style, rng, frame, size)
    x0, y0, x1, y1 = frame
    slope, spread = float(rng.uniform(-0.7, 0.7)), float(rng.uniform(0.03, 0.15))
    mark, r = ("ellipse", "rectangle")[int(rng.integers(2))], size * float(rng.uniform(0.12, 0.22))
    tone = float(rng.choice([0.0, 1.0]))
    for u in rng.random(int(rng.integers(15, 80))):
        v = float(np.clip(0.5 + slope * (u - 0.5) + rng.normal(0, spread), 0.03, 0.97))
        x, y = x0 + (x1 - x0) * float(np.clip(u, 0.02, 0.98)), y1 + (y0 - y1) * v
        art.shape(mark, (x - r, y - r, x + r, y + r), tone, 0.4 * style.scale)
    if rng.random() < 0.6:
        ends = [(x0, y1 + (y0 - y1) * (0.5 - slope / 2)), (x1, y1 + (y0 - y1) * (0.5 + slope / 2))]
        art.line(ends, 0.7 * style.scale)
    art.print_on(sheet, style.dpi)


def _bars_plot(
    sheet: RegionSheet, style: PageStyle, rng: np.random.Generator, split: str, box: Box
) -> None:
    """Bars in black, white or a gray, one or two to a group, with names below."""
    art = _Artwork(box)
    frame, size = _axes(sheet, art, style, rng, split, box)
    x0, y0, x1, y1 = frame
    groups, series = int(rng.integers(3, 8)), int(rng.integers(1, 3))
    tones = rng.choice([0.0, 0.15, 0.35, 0.6, 1.0], size=series, replace=False)
    pitch = (x1 - x0) / groups
    wide = pitch * float(rng.uniform(0.5, 0.85)) / series
    right_most = -np.inf
    for group in range(groups):
        middle = x0 + (group + 0.5) * pitch
        for one in range(series):
            left = middle + (one - series / 2) * wide
            height = float(rng.uniform(0.08, 0.95)) * (y1 - y0)
            art.shape(
                "rectangle",
                (left, y1 - height, left + wide, y1),
                float(tones[one]),
                0.5 * style.scale,
            )
        name = _word(rng, split, style)[:8] if rng.random() < 0.8 else str(group + 1)
        width = set_line(name, style.body, size)[2]
        if middle - width / 2 > right_most + 0.4 * size:  # else it would run into the last one
            sheet.text(name, style.body, size, middle, y1 + 1.4 * size, anchor="middle")
            right_most = middle + width / 2
    art.print_on(sheet, style.dpi)


# ---------------------------------------------------------------------------------------------
# Diagrams


def _diagram(
    sheet: RegionSheet, style: PageStyle, rng: np.random.Generator, split: str, box: Box
) -> None:
    """Boxes with words in them and arrows between: a chain, or one that parts into several."""
    art = _Artwork(box)
    size = style.size * style.scale * float(rng.uniform(0.72, 0.88))
    columns = int(rng.integers(2, 5))
    width = (box[2] - box[0]) / columns
    rows = max(1, min(int(rng.integers(1, 4)), int((box[3] - box[1]) / (3.6 * size))))
    height = (box[3] - box[1]) / rows
    shapes = ("rectangle", "rounded_rectangle", "ellipse", "diamond")
    shape = shapes[int(rng.integers(len(shapes)))]
    thin, tone = (
        style.scale * float(rng.uniform(0.5, 1.0)),
        float(rng.choice([0.0, 0.0, 0.12, 0.25])),
    )
    middle_row = (box[1] + box[3]) / 2
    single = [bool(rng.random() < 0.5) for _ in range(columns)]
    centres: list[list[tuple[float, float]]] = []
    half = 0.33 * width, min(0.36 * height, 1.9 * size)
    for column in range(columns):
        x = box[0] + (column + 0.5) * width
        rows_here = (
            [middle_row]
            if single[column]
            else [box[1] + (row + 0.5) * height for row in range(rows)]
        )
        centres.append([(x, y) for y in rows_here])
    for before, after in pairwise(centres):
        for start, end in _links(before, after):
            _arrow(art, (start[0] + half[0], start[1]), (end[0] - half[0], end[1]), thin, size)
    for column_centres in centres:
        for x, y in column_centres:
            frame = (x - half[0], y - half[1], x + half[0], y + half[1])
            art.shape(shape, frame, tone, thin)
            name = _word(rng, split, style)
            room = (0.9 if shape in ("ellipse", "diamond") else 1.7) * half[0]
            while set_line(name, style.body, size)[2] > room and len(name) > 1:
                name = name[:-1]
            if tone:  # letters on a screen of dots would be broken by it: leave them white ground
                wide = set_line(name, style.body, size)[2] / 2 + 0.2 * size
                clear = art.at([(x - wide, y - 0.65 * size), (x + wide, y + 0.65 * size)])
                art.pen.rectangle(clear, fill=0)
            sheet.text(name, style.body, size, x, y + 0.33 * size, anchor="middle")
    art.print_on(sheet, style.dpi)


def _links(
    before: list[tuple[float, float]], after: list[tuple[float, float]]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Join neighbours of two columns: each to the one beside it, or all to a single one."""
    if len(before) == len(after):
        return list(zip(before, after, strict=True))
    return [(start, end) for start in before for end in after]


def _arrow(
    art: _Artwork, start: tuple[float, float], end: tuple[float, float], thin: float, size: float
) -> None:
    art.line([start, end], thin)
    way = np.subtract(end, start)
    along = way / max(float(np.hypot(*way)), 1e-6)
    base = np.subtract(end, 0.55 * size * along)
    side = 0.22 * size * np.array([-along[1], along[0]])
    head = [end, tuple(base + side), tuple(base - side)]
    art.pen.polygon(art.at(head), fill=255)


# ---------------------------------------------------------------------------------------------
# Photographs


def _photograph(
    sheet: RegionSheet, style: PageStyle, rng: np.random.Generator, split: str, box: Box
) -> None:
    """Print a photograph: hills under a sky, shaded balls on a table, or something magnified."""
    del split
    art = _Artwork(box)
    shape = (art.height, art.width)
    picture = (_landscape, _still_life, _micrograph)[int(rng.integers(3))](shape, rng)
    picture = np.clip(picture + 0.02 * rng.standard_normal(shape), 0.02, 0.98)
    low, high = np.percentile(picture, (1, 99))
    light = 0.05 + 0.9 * (picture - low) / max(float(high - low), 1e-6)
    art.paste((1 - light).astype(np.float32))
    if rng.random() < 0.4:
        thin = 0.6 * style.scale
        frame = [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])]
        art.line([*frame, frame[0]], 2 * thin)
    art.print_on(sheet, style.dpi)


def _octaves(
    shape: tuple[int, int], rng: np.random.Generator, coarse: float
) -> NDArray[np.float64]:
    """Noise at several scales, each finer one weaker, with mean 0 and deviation 1."""
    total = np.zeros(shape)
    for octave in range(5):
        knots = [max(2, round(side / coarse * 2**octave)) + 2 for side in shape]
        noise = rng.standard_normal(knots)
        zoomed = ndimage.zoom(
            noise, [side / knot for side, knot in zip(shape, knots, strict=True)], order=1
        )
        total += zoomed[: shape[0], : shape[1]] / 2**octave
    return (total - total.mean()) / total.std()


def _landscape(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    height, width = shape
    y = np.linspace(0, 1, height)[:, None]
    light = 0.55 + 0.35 * y + 0.1 * np.clip(_octaves(shape, rng, height / 2), 0, 2)
    across = np.arange(width)
    for ridge in np.sort(rng.uniform(0.35, 0.9, size=int(rng.integers(2, 5)))):
        bumps = ndimage.gaussian_filter1d(rng.standard_normal(width), width / 25, mode="wrap")
        small = ndimage.gaussian_filter1d(rng.standard_normal(width), 2.0, mode="wrap")
        skyline = ridge + 0.06 * bumps / bumps.std() + 0.004 * small / small.std()
        ground = 0.62 - 0.5 * ridge + 0.08 * _octaves(shape, rng, height / 6)
        light = np.where(y > skyline[across][None, :], ground, light)
    return light


def _still_life(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    height, width = shape
    y, x = np.mgrid[0:height, 0:width] / height
    table = float(rng.uniform(0.4, 0.65))
    light = np.where(y > table, 0.55 + 0.3 * (y - table), 0.35 - 0.2 * y)
    light = light + 0.05 * _octaves(shape, rng, height / 4)
    lamp = np.array([rng.uniform(-0.7, 0.7), -0.6, 0.5])
    lamp /= np.linalg.norm(lamp)
    for _ in range(int(rng.integers(2, 6))):
        r = float(rng.uniform(0.1, 0.28))
        cx, cy = (
            float(rng.uniform(0, width / height)),
            table + float(rng.uniform(-0.1, 0.3)) - r / 2,
        )
        shade = ((x - cx + lamp[0] * r) / r) ** 2 + ((y - cy - 0.95 * r) / (0.3 * r)) ** 2
        light = light * (1 - 0.5 * np.exp(-0.5 * shade**2))
        u, v = (x - cx) / r, (y - cy) / r
        inside = u**2 + v**2 < 1
        z = np.sqrt(np.maximum(1 - u**2 - v**2, 0))
        facing = np.clip(u * lamp[0] + v * lamp[1] + z * lamp[2], 0, 1)
        albedo = float(rng.uniform(0.4, 1.0))
        light = np.where(inside, albedo * (0.08 + 0.85 * facing) + 0.4 * facing**30, light)
    return light


def _micrograph(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Cells with dark walls and nuclei: distances to the nearest of scattered points."""
    height, width = shape
    number = int(rng.integers(15, 60))
    seeds = rng.random((number, 2)) * (height, width)
    at = np.ones(shape, bool)
    rows, columns = seeds.astype(int).T
    at[rows, columns] = False
    distance, (near_y, near_x) = ndimage.distance_transform_edt(at, return_indices=True)
    wall = (np.abs(np.diff(near_y * width + near_x, axis=1, append=0)) > 0).astype(float)
    wall += np.abs(np.diff(near_y * width + near_x, axis=0, append=0)) > 0
    thick = ndimage.gaussian_filter(np.minimum(wall, 1), height / 150)
    light = 0.75 - 0.5 * thick / max(float(thick.max()), 1e-6)
    light -= 0.4 * np.exp(-0.5 * (distance / (0.02 * height)) ** 2)
    return light + 0.08 * _octaves(shape, rng, height / 5)


FIGURES = {
    "lines": _lines_plot,
    "bars": _bars_plot,
    "points": _points_plot,
    "diagram": _diagram,
    "photograph": _photograph,
}
"""What draws each kind of figure."""

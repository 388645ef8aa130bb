"""Number plates of China as traffic photographs show them, with the place of every character.

The plates follow GA 36, the standard for motor vehicle number plates: an aluminium sheet of 440 x
140 mm (blue for cars, yellow for lorries and buses) or 480 x 140 mm (green, for cars that run on
"new energy"), characters of 45 x 90 mm, 12 mm apart, and between the second and third a dot of
10 mm in a gap of 34. Everything is laid out in millimetres on the flat plate, and a camera in space
looks at it; what happens to pixels happens to the quads of the characters by the same projective
map.

The photograph follows CCPD (Xu, Yang, Meng, Lu, Huang, Ying and Huang, "Towards End-to-End License
Plate Detection and Recognition: A Large Dataset and Baseline", ECCV, 2018), whose plates were taken
by hand in car parks at all hours: tilted, blurred, in the dark and in glaring light; and the crops
of 94 x 24 pixels on which LPRNet is trained (Zherzdev and Gruzdev, "LPRNet: License Plate
Recognition via Deep Neural Networks", 2018).

Deviations
----------
The letters and digits are drawn from strokes of our own, close to the standard's in build and
weight, since its drawings are not free; the Chinese characters are those of the glyph bank, brought
to the same proportions. White, black and two-line plates are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from ocrlearn._validate import check_choice
from ocrlearn.data.samples import Sample, TextInstance
from ocrlearn.data.synth import degrade
from ocrlearn.data.synth._arguments import check_size
from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.data.synth.glyph_bank import GlyphBank, area_resample, ink_slices, smooth_enlarge
from ocrlearn.data.synth.texts import seeded_generator
from ocrlearn.image.convert import to_uint8

__all__ = ["KINDS", "LETTERS", "PROVINCES", "plate_text", "render_plate"]

Rng = np.random.Generator
FloatImage = NDArray[np.float32]
Details = dict[str, Any]

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
"""The one-character names of the 31 provinces, in the order of CCPD."""

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""I and O are not used, as they look like 1 and 0."""

_DIGITS = "0123456789"
_NEW_ENERGY = "DDDDFFFFABCEGHJK"  # D and F were the first to be given out

KINDS = ("blue", "green", "yellow")
_SHARES = (0.72, 0.18, 0.10)


@dataclass(frozen=True)
class _Layout:
    """Where characters stand on a flat plate: millimetres from its top-left corner."""

    width: float
    height: float
    cells: tuple[tuple[float, float, float, float], ...]  # x0, y0, x1, y1
    dot: tuple[float, float] | None  # its centre; 10 mm across


def _layout(widths: Sequence[float], gap: float, middle: float, width: float, dot: bool) -> _Layout:
    """Put characters side by side with `gap` between them, and `middle` after the second."""
    x, cells = 15.5, []
    for place, one in enumerate(widths):
        cells.append((x, 25.0, x + one, 115.0))
        x += one + (middle if place == 1 else gap)
    centre = ((cells[1][2] + cells[2][0]) / 2, 70.0) if dot else None
    return _Layout(width, 140.0, tuple(cells), centre)


_LAYOUTS = {
    "blue": _layout([45.0] * 7, 12.0, 34.0, 440.0, dot=True),
    "yellow": _layout([45.0] * 7, 12.0, 34.0, 440.0, dot=True),
    "green": _layout([45.0] + [43.0] * 7, 9.0, 49.0, 480.0, dot=False),
}


# ---------------------------------------------------------------------------------------------
# The text


def plate_text(rng: Rng, kind: str = "blue") -> str:
    """Return the text of a plate: province, letter of the city, and a serial.

    Parameters
    ----------
    rng
        Source of chance. All 31 provinces and 24 letters are equally likely.
    kind
        "blue" and "yellow" have five more characters with at most two letters among them ("yellow"
        may end in 学, of a driving school); "green" has six, a letter that tells the kind of drive,
        a letter or digit, and four digits.
    """
    check_choice(kind, "kind", KINDS)
    head = _pick(rng, PROVINCES) + _pick(rng, LETTERS)
    if kind == "green":
        second = _pick(rng, LETTERS) if rng.random() < 0.3 else _pick(rng, _DIGITS)
        return head + _pick(rng, _NEW_ENERGY) + second + "".join(_many(rng, _DIGITS, 4))
    serial = _many(rng, _DIGITS, 5)
    for place in rng.permutation(5)[: int(rng.choice(3, p=[0.25, 0.45, 0.30]))]:
        serial[place] = _pick(rng, LETTERS)
    if kind == "yellow" and rng.random() < 0.2:
        serial[4] = "学"
    return head + "".join(serial)


def _pick(rng: Rng, choices: str) -> str:
    return choices[int(rng.integers(len(choices)))]


def _many(rng: Rng, choices: str, number: int) -> list[str]:
    return [_pick(rng, choices) for _ in range(number)]


def _check_text(text: str, kind: str) -> str:
    """Check that `text` fits on a plate of `kind`."""
    number = len(_LAYOUTS[kind].cells)
    if not isinstance(text, str) or len(text) != number:
        raise ValueError(f"text must have {number} characters on a {kind} plate, got {text!r}")
    if text[0] not in PROVINCES:
        raise ValueError(f"text must begin with a province of {PROVINCES}, got {text[0]!r}")
    last = "学" if kind == "yellow" else ""
    for place, character in enumerate(text[1:], start=2):
        allowed = LETTERS if place == 2 else LETTERS + _DIGITS + (last if place == number else "")
        if character not in allowed:
            raise ValueError(
                f"text may have one of {allowed} in place {place}, got {character!r} in {text!r}"
            )
    return text


# ---------------------------------------------------------------------------------------------
# Letters and digits, from strokes

_STROKE = 9.5  # mm
_CHINESE = 0.92  # height of Chinese characters, as a share of that of the letters

# Centre lines in the unit square, y down; a number between two points of a line is the radius in mm
# by which the corner at the point before it is rounded.
_PATHS: dict[str, list[list[tuple[float, ...]]]] = {
    "0": [[(0.5, 0), (1, 0, 19), (1, 1, 19), (0, 1, 19), (0, 0, 19), (0.5, 0)]],
    "1": [[(0.5, 0), (0.5, 1)]],
    "2": [[(0, 0.24), (0, 0, 19), (1, 0, 19), (1, 0.42, 20), (0, 0.86, 10), (0, 1), (1, 1)]],
    "3": [
        [(0.02, 0), (0.96, 0), (0.46, 0.40), (1, 0.40, 18), (1, 1, 19), (0, 1, 19), (0, 0.78)],
    ],
    "4": [[(0.66, 1), (0.66, 0.42)], [(0.60, 0), (0, 0.76), (1, 0.76)]],
    "5": [[(0.94, 0), (0.1, 0), (0.03, 0.43), (1, 0.38, 18), (1, 1, 19), (0, 1, 19), (0, 0.80)]],
    "6": [
        [
            (0.62, 0), (0, 0.52, 16), (0, 1, 19), (1, 1, 19), (1, 0.42, 19), (0.1, 0.42, 12),
            (0, 0.6),
        ],
    ],
    "7": [[(0, 0), (1, 0), (0.42, 0.62, 24), (0.38, 1)]],
    "8": [
        [(0.5, 0), (0.95, 0, 16), (0.95, 0.46, 16), (0.05, 0.46, 16), (0.05, 0, 16), (0.5, 0)],
        [(0.5, 0.46), (1, 0.46, 19), (1, 1, 19), (0, 1, 19), (0, 0.46, 19), (0.5, 0.46)],
    ],
    "9": [
        [
            (0.38, 1), (1, 0.48, 16), (1, 0, 19), (0, 0, 19), (0, 0.58, 19), (0.9, 0.58, 12),
            (1, 0.4),
        ],
    ],
    "A": [[(0, 1), (0.5, 0), (1, 1)], [(0.14, 0.70), (0.86, 0.70)]],
    "B": [
        [(0, 0), (0, 1), (1, 1, 18), (1, 0.48, 16), (0, 0.48)],
        [(0, 0), (0.94, 0, 16), (0.94, 0.48, 16), (0, 0.48)],
    ],
    "C": [[(1, 0.26), (1, 0, 19), (0, 0, 19), (0, 1, 19), (1, 1, 19), (1, 0.74)]],
    "D": [[(0, 0), (0, 1), (1, 1, 22), (1, 0, 22), (0, 0)]],
    "E": [[(1, 0), (0, 0), (0, 1), (1, 1)], [(0, 0.48), (0.9, 0.48)]],
    "F": [[(1, 0), (0, 0), (0, 1)], [(0, 0.47), (0.9, 0.47)]],
    "G": [
        [(1, 0.26), (1, 0, 19), (0, 0, 19), (0, 1, 19), (1, 1, 19), (1, 0.56), (0.52, 0.56)],
    ],
    "H": [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 0.48), (1, 0.48)]],
    "J": [[(0.86, 0), (0.86, 1, 18), (0.02, 1, 18), (0.02, 0.74)]],
    "K": [[(0, 0), (0, 1)], [(0.96, 0), (0, 0.62)], [(0.34, 0.42), (1, 1)]],
    "L": [[(0, 0), (0, 1), (1, 1)]],
    "M": [[(0, 1), (0, 0), (0.5, 0.66), (1, 0), (1, 1)]],
    "N": [[(0, 1), (0, 0), (1, 1), (1, 0)]],
    "P": [[(0, 1), (0, 0), (1, 0, 19), (1, 0.54, 19), (0, 0.54)]],
    "Q": [
        [(0.5, 0), (1, 0, 19), (1, 1, 19), (0, 1, 19), (0, 0, 19), (0.5, 0)],
        [(0.56, 0.72), (1, 1)],
    ],
    "R": [[(0, 1), (0, 0), (1, 0, 18), (1, 0.5, 18), (0, 0.5)], [(0.5, 0.5), (1, 1)]],
    "S": [
        [
            (0.96, 0.24), (0.96, 0, 19), (0.02, 0, 19), (0.02, 0.44, 18), (1, 0.5, 18),
            (1, 1, 19), (0, 1, 19), (0, 0.76),
        ],
    ],
    "T": [[(0, 0), (1, 0)], [(0.5, 0), (0.5, 1)]],
    "U": [[(0, 0), (0, 1, 19), (1, 1, 19), (1, 0)]],
    "V": [[(0, 0), (0.5, 1), (1, 0)]],
    "W": [[(0, 0), (0.24, 1), (0.5, 0.34), (0.76, 1), (1, 0)]],
    "X": [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
    "Y": [[(0, 0), (0.5, 0.52), (1, 0)], [(0.5, 0.52), (0.5, 1)]],
    "Z": [[(0, 0), (1, 0), (0, 1), (1, 1)]],
}  # fmt: skip


@lru_cache(maxsize=512)
def _character_ink(character: str, width: int, height: int, scale: float) -> FloatImage:
    """Ink of a character that fills a cell of `width` x `height` pixels: ``(height, width)``."""
    if character in _PATHS:
        return _stroked(_PATHS[character], width, height, scale)
    bitmap = GlyphBank.load().face("sans").bitmap(character)
    fine = smooth_enlarge(bitmap, max(1, -(-height // 96)))
    fine = fine[ink_slices(fine)]
    tall = round(_CHINESE * height)
    # Squeezing a square character makes its upright strokes thin: they are given back their weight.
    bold = max(1, round(2.6 * scale))
    steps = ((width - bold + 1) / fine.shape[1], tall / fine.shape[0])
    coverage, _, _ = area_resample(fine, steps, (0.0, 0.0))
    padded = np.pad(coverage, ((0, 0), (bold - 1, bold - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, bold, axis=1)
    ink = np.zeros((height, width), np.float32)
    top = (height - tall) // 2
    ink[top : top + tall] = windows.max(axis=-1)[:tall, :width]
    return ink


def _stroked(
    paths: list[list[tuple[float, ...]]], width: int, height: int, scale: float
) -> FloatImage:
    """Draw lines of :data:`_STROKE` mm with round ends that reach the borders of the cell."""
    half = _STROKE / 2 * scale
    y, x = np.mgrid[:height, :width] + 0.5
    distance = np.full((height, width), np.inf)
    for path in paths:
        points = np.array([point[:2] for point in path]) * (width - 2 * half, height - 2 * half)
        radii = [point[2] * scale if len(point) > 2 else 0.0 for point in path]
        line = _rounded(points + half, radii)
        for start, end in pairwise(line):
            distance = np.minimum(distance, _distance(x, y, start, end))
    return np.clip(half - distance + 0.5, 0, 1).astype(np.float32)


def _rounded(points: NDArray[np.float64], radii: list[float]) -> NDArray[np.float64]:
    """Round the corners of a polyline by quadratic curves that begin up to a radius away."""
    line = [points[0]]
    for before, corner, after, radius in zip(
        points[:-2], points[1:-1], points[2:], radii[1:-1], strict=True
    ):
        if radius == 0:
            line.append(corner)
            continue
        incoming, outgoing = before - corner, after - corner
        reach = [min(radius, 0.5 * float(np.hypot(*way))) for way in (incoming, outgoing)]
        first = corner + incoming * (reach[0] / np.hypot(*incoming))
        last = corner + outgoing * (reach[1] / np.hypot(*outgoing))
        for t in np.linspace(0, 1, 7):
            # Between a circle (which a quadratic curve runs inside of) and the corner itself.
            line.append((1 - t) ** 2 * first + 2 * t * (1 - t) * corner + t**2 * last)
    line.append(points[-1])
    return np.array(line)


def _distance(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Distance of the points (x, y) from the segment between `start` and `end`."""
    way = end - start
    length = float(way @ way) or 1.0
    along = np.clip(((x - start[0]) * way[0] + (y - start[1]) * way[1]) / length, 0, 1)
    return np.hypot(x - start[0] - along * way[0], y - start[1] - along * way[1])


# ---------------------------------------------------------------------------------------------
# The flat plate


@dataclass(frozen=True, eq=False)
class _Flat:
    """A plate as it would be scanned, with the truth about it.

    `ink` is ``(H, W)`` in [0, 1], `owner` ``(H, W)`` uint8 says whose it is (1 for the first
    character, 0 for none), and `boxes` are those of the ink of each character, in pixel edges.
    """

    image: FloatImage
    ink: FloatImage
    owner: NDArray[np.uint8]
    boxes: list[tuple[float, float, float, float]]


def _draw_plate(text: str, kind: str, scale: float, rng: Rng, details: Details) -> _Flat:
    """Paint a plate at `scale` pixels per mm."""
    layout = _LAYOUTS[kind]
    shape = (round(layout.height * scale), round(layout.width * scale))
    ink, owner = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    boxes: list[tuple[float, float, float, float]] = []
    for number, (character, cell) in enumerate(zip(text, layout.cells, strict=True), start=1):
        left, top, right, bottom = (round(edge * scale) for edge in cell)
        drawn = _character_ink(character, right - left, bottom - top, scale)
        ink[top:bottom, left:right] = drawn
        owner[top:bottom, left:right] = np.where(drawn >= 0.5, number, 0)
        rows, columns = ink_slices(drawn >= 0.5)
        boxes.append((left + columns.start, top + rows.start, left + columns.stop, top + rows.stop))
    image = _painted(layout, kind, ink, scale, rng, details)
    return _Flat(image, ink, owner, boxes)


def _painted(
    layout: _Layout, kind: str, ink: FloatImage, scale: float, rng: Rng, details: Details
) -> FloatImage:
    """Colour ground, rim, characters, dot, bolts and dirt; the light falls from above."""
    ground, paint = (c.astype(np.float32) for c in _colours(kind, ink.shape, rng))
    x, y = _millimetres(ink.shape, scale)
    raised = ink.copy()
    if layout.dot is not None:
        away = np.hypot(x - layout.dot[0], y - layout.dot[1])
        raised = np.maximum(raised, np.clip((5 - away) * scale + 0.5, 0, 1))
    rim = _rim(layout, x, y, scale)
    worn = float(rng.uniform(0.0, 0.25)) * _clouds(ink.shape, rng, 12 * scale)
    painted = np.maximum(raised, rim) * np.clip(1 - worn, 0, 1)
    image = ground + painted[..., None] * (paint - ground)
    # Pressed from behind, edges that face the light are bright and the others dark.
    slope = ndimage.gaussian_filter(np.maximum(raised, rim), 0.9 * scale)
    details["embossing"] = float(rng.uniform(0.1, 0.5))
    image *= (1 + details["embossing"] * scale * np.gradient(slope, axis=0))[..., None]
    _dirt(image, scale, rng, details)
    _bolts(image, layout, scale, rng)
    return np.clip(image, 0, 1).astype(np.float32)


def _rgb(*values: float) -> FloatImage:
    """Return a colour."""
    return np.array(values, np.float32)


def _millimetres(shape: tuple[int, ...], scale: float) -> tuple[FloatImage, FloatImage]:
    """Where pixel centres lie on the plate: x ``(1, W)`` and y ``(H, 1)``."""
    across = (np.arange(shape[1], dtype=np.float32) + 0.5) / np.float32(scale)
    down = (np.arange(shape[0], dtype=np.float32) + 0.5) / np.float32(scale)
    return across[None, :], down[:, None]


def _colours(kind: str, shape: tuple[int, ...], rng: Rng) -> tuple[NDArray[Any], NDArray[Any]]:
    """Colour of the ground, ``(H, 1, 3)`` or ``(3,)``, and of the paint, as light they reflect."""
    jitter = rng.uniform(0.85, 1.15, size=3)
    if kind == "blue":
        ground = np.array([0.015, 0.13, 0.66]) * jitter + [0, rng.uniform(0, 0.12), 0]
        return ground, np.array([0.86, 0.88, 0.90]) * rng.uniform(0.9, 1.05)
    if kind == "yellow":
        return np.array([0.90, 0.62, 0.05]) * jitter, np.full(3, rng.uniform(0.02, 0.1))
    down = np.linspace(0, 1, shape[0])[:, None, None] ** rng.uniform(0.9, 1.6)
    ground = (
        np.array([0.88, 0.93, 0.90]) * (1 - down) + np.array([0.18, 0.75, 0.42]) * jitter * down
    )
    return ground, np.full(3, rng.uniform(0.02, 0.1))


def _rim(layout: _Layout, x: NDArray[Any], y: NDArray[Any], scale: float) -> FloatImage:
    """Draw the line of 2 mm that runs round the plate, 4 mm from its edge, with round corners."""
    outside = _outside(layout, x, y, inset=5.0, radius=8.0)
    return np.clip((1.0 - np.abs(outside)) * scale + 0.5, 0, 1).astype(np.float32)


def _outside(
    layout: _Layout, x: NDArray[Any], y: NDArray[Any], *, inset: float, radius: float
) -> NDArray[Any]:
    """Signed distance in mm from a rectangle with round corners, `inset` mm inside the plate."""
    half = np.array([layout.width, layout.height]) / 2
    over_x = np.abs(x - half[0]) - (half[0] - inset - radius)
    over_y = np.abs(y - half[1]) - (half[1] - inset - radius)
    beyond = np.hypot(np.maximum(over_x, 0), np.maximum(over_y, 0))
    return beyond + np.minimum(np.maximum(over_x, over_y), 0) - radius


def _clouds(shape: tuple[int, ...], rng: Rng, length: float) -> FloatImage:
    """Smooth noise in [0, 1] whose neighbours agree over about `length` pixels."""
    small = [max(3, int(size / length) + 3) for size in shape[:2]]
    noise = Image.fromarray(rng.random(small, dtype=np.float32))
    return np.asarray(noise.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def _dirt(image: FloatImage, scale: float, rng: Rng, details: Details) -> None:
    """Lay dust and splashed mud on the plate, more of it below."""
    details["dirt"] = float(rng.uniform(0, 0.15) if rng.random() < 0.7 else rng.uniform(0.15, 0.5))
    shape = image.shape[:2]
    patches = np.clip(2.2 * _clouds(shape, rng, 40 * scale) - 0.8, 0, 1)
    grains = 0.5 + 0.5 * _clouds(shape, rng, 3 * scale)
    below = np.linspace(0.5, 1, shape[0], dtype=np.float32)[:, None]
    cover = (details["dirt"] * np.clip(patches * grains + 0.3, 0, 1) * below)[..., None]
    image += cover * (_rgb(0.45, 0.40, 0.33) - image)


def _bolts(image: FloatImage, layout: _Layout, scale: float, rng: Rng) -> None:
    """Screw the plate on: two holes above and two below, some with bright or dark caps."""
    metal = rng.uniform(0.1, 0.9) * np.array([1.0, 1.0, rng.uniform(0.8, 1.0)])
    present = rng.random(4) < (0.9, 0.9, 0.5, 0.5)
    radius = rng.uniform(3.5, 6.5)
    for number in np.flatnonzero(present):
        centre_x = layout.width / 2 + (-110, 110)[number % 2] + rng.normal(0, 1.5)
        centre_y = (13.0, layout.height - 13.0)[number // 2] + rng.normal(0, 1.0)
        near = tuple(
            slice(max(0, int((middle - 12) * scale)), int((middle + 12) * scale))
            for middle in (centre_y, centre_x)
        )
        part = image[near]
        y, x = np.mgrid[: part.shape[0], : part.shape[1]]
        x = (x + near[1].start + 0.5) / scale - centre_x
        y = (y + near[0].start + 0.5) / scale - centre_y
        shadow = np.clip((radius + 2.5 - np.hypot(x, y - 1.5)) / 3, 0, 1)
        part *= (1 - 0.5 * shadow)[..., None]
        cover = np.clip((radius - np.hypot(x, y)) * scale + 0.5, 0, 1)[..., None]
        part += cover * (metal * (1 - 0.04 * y)[..., None] - part)


# ---------------------------------------------------------------------------------------------
# The photograph


def _pose(layout: _Layout, rng: Rng, details: Details) -> NDArray[np.float64]:
    """Return the corners of the plate seen by a camera, ``(4, 2)`` in mm at the plate's distance.

    The camera is 0.8 to 4 m away; four plates in nine are seen nearly from the front, the others
    from the side and from above, as one who walks by a parked car sees them.
    """
    oblique = rng.random() < 0.55
    yaw, pitch, roll = (
        np.deg2rad(rng.normal(0, spread)) for spread in ((28, 14, 6.5) if oblique else (9, 7, 2.0))
    )
    yaw, pitch = float(np.clip(yaw, -1.0, 1.0)), float(np.clip(pitch, -0.6, 0.6))
    roll = float(np.clip(roll, -0.35, 0.35))
    details["yaw_pitch_roll"] = [yaw, pitch, roll]
    distance = float(np.exp(rng.uniform(np.log(800), np.log(4000))))
    half = np.array([layout.width, layout.height]) / 2
    flat = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    about_z = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    space = np.column_stack([flat, np.zeros(4)]) @ (about_z @ about_x @ about_y).T
    return space[:, :2] * distance / (distance + space[:, 2:])


def _crop(corners: NDArray[np.float64], rng: Rng) -> NDArray[np.float64]:
    """Return the crop of a detector around `corners`: x0, y0, x1, y1, never through a character."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    spare = (high - low)[[0, 1, 0, 1]] * [0.02, 0.05, 0.02, 0.05]
    moved = rng.normal(0.25, 0.8, size=4).clip(-0.5, 3) * spare
    return np.concatenate([low, high]) + moved * [-1, -1, 1, 1]


def _surroundings(shape: tuple[int, int], rng: Rng) -> FloatImage:
    """Paint the bumper around the plate: car paint or black plastic, with edges across it."""
    dark = rng.random() < 0.55
    base = float(rng.uniform(0.02, 0.15) if dark else rng.uniform(0.2, 0.85))
    colour = base * (rng.uniform(0.6, 1.4, size=3) if rng.random() < 0.25 else np.ones(3))
    y, x = np.ogrid[: shape[0], : shape[1]]
    shade = 0.75 + 0.5 * _clouds(shape, rng, max(shape) / 3)
    for _ in range(rng.integers(1, 5)):
        angle, offset = float(rng.normal(0, 0.12)), float(rng.uniform(0, shape[0]))
        above = y + angle * (x - shape[1] / 2) < offset
        shade *= np.where(above, np.float32(rng.uniform(0.6, 1.3)), np.float32(1))
    return np.clip(shade[..., None] * colour.astype(np.float32), 0, 1)


def _light(image: FloatImage, rng: Rng, details: Details) -> FloatImage:
    """Sun, shade, glare and the exposure and colour that a phone makes of them."""
    image = degrade.light_ramp(
        image, float(rng.uniform(0, 0.45)), angle=float(rng.uniform(0, 2 * np.pi))
    )
    if rng.random() < 0.25:
        image = degrade.shadow(
            image,
            darkness=float(rng.uniform(0.25, 0.6)),
            angle=float(rng.uniform(0, 2 * np.pi)),
            offset=float(rng.normal(0, 0.4)),
            softness=float(rng.uniform(0.01, 0.15)),
        )
    veil = 0.0
    if rng.random() < 0.3:  # the sky mirrored in the plate
        veil = float(rng.uniform(0.05, 0.35))
        sky = np.clip(1.6 * _clouds(image.shape, rng, image.shape[1] / 2) - 0.3, 0, 1)
        image = image + veil * sky[..., None] * (_rgb(0.85, 0.92, 1.0) - image)
    details["veil"] = veil
    details["night"] = bool(rng.random() < 0.18)
    cast = rng.normal(1.0, 0.08, size=3).clip(0.75, 1.25).astype(np.float32)
    if details["night"]:
        cast = cast * _rgb(1.15, 0.95, 0.7) if rng.random() < 0.5 else cast
        exposure = float(rng.uniform(0.2, 0.5))
    else:
        exposure = float(np.exp(rng.normal(0.0, 0.33)))
    details["exposure"] = exposure
    exposed = 1 - np.exp(-1.9 * np.asarray(image) * cast * exposure)  # highlights run out slowly
    exposed = np.clip(exposed / (1 - np.exp(-1.9)), 0, 1)
    contrast = float(
        rng.uniform(0.2, 1.0)
    )  # of the S-shaped tone curve that phones give their pictures
    curved = exposed * exposed * (3 - 2 * exposed)
    return (exposed + contrast * (curved - exposed)).astype(np.float32)


def _camera(image: FloatImage, per_pixel: float, rng: Rng, details: Details) -> FloatImage:
    """Blur by lens and hand; lengths are in camera pixels, of which each is `per_pixel` wide here.

    The more pixels the camera has for a plate, the more of them its faults smear; what could not be
    read any more is not drawn.
    """
    finest = details["camera_width"] / 100  # a third of a stroke
    image = degrade.gaussian_blur(image, per_pixel * float(rng.uniform(0.35, 0.8)))
    fault = rng.random()
    details["defocus"] = details["motion"] = 0.0
    if fault < 0.25:
        details["defocus"] = float(rng.uniform(0.4, 1.1)) * finest
        image = degrade.defocus_blur(image, per_pixel * details["defocus"])
    elif fault < 0.5:
        details["motion"] = float(rng.uniform(0.8, 2.6)) * finest
        angle = float(rng.normal(0, 0.5) if rng.random() < 0.7 else rng.uniform(0, np.pi))
        image = degrade.motion_blur(image, per_pixel * details["motion"], angle=angle)
    return image


def _sharpened(image: FloatImage, rng: Rng, details: Details) -> FloatImage:
    """Sharpen as phones do, often too much: bright and dark seams along the edges."""
    details["sharpening"] = float(rng.uniform(0.3, 1.8)) if rng.random() < 0.7 else 0.0
    if not details["sharpening"]:
        return image
    blurred = degrade.gaussian_blur(image, float(rng.uniform(0.8, 1.6)))
    return np.clip(image + details["sharpening"] * (image - blurred), 0, 1)


def _resized(image: NDArray[np.uint8], shape: tuple[int, int], *, jagged: bool) -> NDArray[Any]:
    """Bring the crop to `shape`; `jagged` takes single points, as fast resizing does."""
    if not jagged:
        small = Image.fromarray(image).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
        return np.asarray(small)
    there = degrade.scale_map((image.shape[0], image.shape[1]), shape)
    return to_uint8(degrade.move(image, there, shape, border="edge"))


_FINE = 2  # the scene is rendered this many times finer than the camera's pixels
_SCALES = (1.0, 1.25, 1.5)  # of flat plates in pixels per mm: few, so that ink is reused


def render_plate(
    seed: int = 0,
    index: int = 0,
    *,
    split: str = "training",
    kind: str | None = None,
    text: str | None = None,
    shape: tuple[int, int] | None = (24, 94),
) -> Sample:
    """Render plate number `index` of a seeded, endless set of photographed number plates.

    Parameters
    ----------
    seed, index
        Which plate. The result depends on these and the other arguments alone.
    split
        "training" or "benchmark": equal seeds of both have nothing in common.
    kind
        "blue", "green" or "yellow"; drawn by chance (72, 18 and 10 in a hundred) if not given.
    text
        What is on it, such as "皖A12345"; drawn by :func:`plate_text` if not given.
    shape
        Height and width that the crop is brought to, whatever its own proportions, as recognisers
        take it; None for the camera's own pixels (the plate then is 70 to 240 of them wide).

    Returns
    -------
    Sample
        The image is ``(H, W, 3)`` RGB. `text` is that of the plate, without the dot. The one
        instance is a line whose polygon holds the four corners of the *plate* and whose parts are
        the characters, with the exact boxes of their ink seen from the camera. Masks: "ink" (bool)
        and "characters" (uint8: 1 for the first, 0 for none). `details` holds what was drawn by
        chance: the kind, the pose in radians, blur in camera pixels and more.

    Raises
    ------
    ValueError
        If the text does not fit the kind of plate, or another argument is out of range.
    """
    rng = seeded_generator(seed, index, split, "plate text")
    drawn_kind = KINDS[int(rng.choice(len(KINDS), p=_SHARES))]
    kind = drawn_kind if kind is None else check_choice(kind, "kind", KINDS)
    text = plate_text(rng, kind) if text is None else _check_text(text, kind)
    if shape is not None:
        shape = check_size(shape, low=8, high=4096, name="shape")

    details: Details = {"kind": kind}
    layout = _LAYOUTS[kind]
    rng = seeded_generator(seed, index, split, "plate camera")
    seen = _pose(layout, rng, details)
    crop = _crop(seen, rng)
    details["camera_width"] = float(np.exp(rng.uniform(np.log(70), np.log(240))))
    per_mm = details["camera_width"] / float(np.ptp(seen[:, 0]))  # camera pixels
    camera_shape = (
        max(8, round((crop[3] - crop[1]) * per_mm)),
        max(8, round((crop[2] - crop[0]) * per_mm)),
    )
    scene_shape = (_FINE * camera_shape[0], _FINE * camera_shape[1])
    scale = next(one for one in _SCALES if one >= min(_FINE * per_mm, _SCALES[-1]))
    flat = _draw_plate(text, kind, scale, seeded_generator(seed, index, split, "plate"), details)
    to_scene = _plate_to_scene(flat.ink.shape, seen, crop, scene_shape)

    rng = seeded_generator(seed, index, split, "plate light")
    scene = _scene(flat, layout, to_scene, scene_shape, scale, rng)
    photograph = _camera(_light(scene, rng, details), _FINE, rng, details)
    photograph, _ = degrade.downsample(photograph, _FINE)
    details["photons"] = float(np.exp(rng.uniform(np.log(300), np.log(6000))))
    photons = details["photons"] * (0.4 if details["night"] else 1.0)
    photograph = degrade.sensor_noise(photograph, rng, photons=photons, read=0.012, correlation=0.8)
    photograph = _sharpened(photograph, rng, details)
    details["jpeg_quality"] = int(rng.integers(45, 92))
    image = to_uint8(degrade.jpeg(photograph, details["jpeg_quality"]))
    if shape is not None:
        image = _resized(image, shape, jagged=bool(rng.random() < 0.5))
    return _as_sample(image, text, flat, to_scene, scene_shape, details)


def _plate_to_scene(
    flat_shape: tuple[int, ...],
    seen: NDArray[np.float64],
    crop: NDArray[np.float64],
    shape: tuple[int, int],
) -> PointMap:
    """Return the map from pixels of the flat plate to pixels of the scene."""
    from ocrlearn.image.rectify import homography

    height, width = flat_shape[:2]
    edges = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    share = (seen - crop[:2]) / (crop[2:] - crop[:2])
    return PointMap.homography(homography(edges, share * (shape[1], shape[0]) - 0.5))


def _scene(
    flat: _Flat,
    layout: _Layout,
    to_scene: PointMap,
    shape: tuple[int, int],
    scale: float,
    rng: Rng,
) -> FloatImage:
    """Put the plate before its surroundings, often in a dark frame."""
    scene = _surroundings(shape, rng)
    x, y = _millimetres(flat.ink.shape, scale)
    inside = np.clip(-_outside(layout, x, y, inset=0.0, radius=10.0) * scale + 0.5, 0, 1)
    cover = degrade.move(inside.astype(np.float32), to_scene, shape, border=0.0)
    around = ndimage.gaussian_filter(cover, 2.0 * _FINE)
    scene *= (1 - float(rng.uniform(0.2, 0.8)) * around)[..., None]  # its own shadow, or a frame
    plate = degrade.move(flat.image, to_scene, shape, border="edge")
    return (cover[..., None] * plate + (1 - cover[..., None]) * scene).astype(np.float32)


def _as_sample(
    image: NDArray[np.uint8],
    text: str,
    flat: _Flat,
    to_scene: PointMap,
    scene_shape: tuple[int, int],
    details: Details,
) -> Sample:
    """Carry the truth to the image, through the same map as the pixels."""
    height, width = image.shape[:2]
    to_image = to_scene.then(degrade.scale_map(scene_shape, (height, width)))
    parts = []
    for character, (x0, y0, x1, y1) in zip(text, flat.boxes, strict=True):
        box = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) - 0.5
        quad = to_image(box).astype(np.float32)
        language = "" if character.isascii() else "Chinese"
        parts.append(TextInstance(quad, character, "character", language=language))
    rows, columns = flat.ink.shape
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]]) - 0.5
    line = TextInstance(to_image(corners).astype(np.float32), text, "line", parts=tuple(parts))
    owner = _nearest(flat.owner, to_image, (height, width))
    masks = {"ink": owner > 0, "characters": owner}
    return Sample(image, text, (line,), width, height, masks=masks, details=details)


def _nearest(
    numbers: NDArray[np.uint8], point_map: PointMap, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Move a mask of numbers: every pixel takes that of the point its centre comes from."""
    x, y = np.moveaxis(np.rint(point_map.sources(shape)).astype(int), -1, 0)
    inside = (x >= 0) & (y >= 0) & (x < numbers.shape[1]) & (y < numbers.shape[0])
    moved = numbers[np.clip(y, 0, numbers.shape[0] - 1), np.clip(x, 0, numbers.shape[1] - 1)]
    return np.where(inside, moved, 0).astype(np.uint8)

"""A canvas for figures made of flat parts, which knows for every point whose it is.

Figures are drawn on a grid :data:`FINE` times finer than the picture, without antialiasing; the
picture is the mean over the fine pixels of each pixel, and a pixel of the mask belongs to whoever
has most of them. Picture and mask are thereby two views of one drawing and cannot disagree.

A figure lives in metres, with x to the right, y **up**, and its foot at the origin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

__all__ = [
    "FINE",
    "Canvas",
    "Figure",
    "Part",
    "Placed",
    "draw_colour",
    "ellipse",
    "limb",
    "noise_at",
    "rectangle",
    "smooth",
]

FINE = 3
"""Fine pixels along the side of a pixel."""

Array = NDArray[Any]
Colour = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Part:
    """One flat piece of a figure.

    Attributes
    ----------
    outline
        ``(N, 2)`` in metres.
    colour, second
        RGB in [0, 1]; `second` is for textures of two colours.
    texture
        A name in :data:`TEXTURES`.
    shape
        How light falls on it: as on a "flat" board, a "cylinder" or a "sphere".
    phase
        Shifts the texture, in metres, so that two of a kind differ.
    """

    outline: Array
    colour: Colour
    texture: str = "plain"
    shape: str = "flat"
    second: Colour = (0.9, 0.9, 0.9)
    phase: float = 0.0


Figure = Sequence[Part]
"""Parts in the order in which they are drawn."""


@dataclass(frozen=True)
class Placed:
    """The map from a figure's metres to points (x, y) of the picture.

    Attributes
    ----------
    foot
        Where the origin comes to lie.
    scale
        Pixels per metre.
    angle
        Turn about the foot in radians, counter-clockwise.
    mirrored
        Facing left instead of right.
    """

    foot: tuple[float, float]
    scale: float
    angle: float = 0.0
    mirrored: bool = False

    def _matrix(self) -> Array:
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[cosine, -sine], [-sine, -cosine]])  # y up becomes y down
        return self.scale * turn @ np.diag([-1.0 if self.mirrored else 1.0, 1.0])

    def __call__(self, points: ArrayLike) -> Array:
        return np.asarray(points, dtype=np.float64) @ self._matrix().T + self.foot

    def back(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Metres of points of the picture."""
        (a, b), (c, d) = np.linalg.inv(self._matrix())
        x, y = x - self.foot[0], y - self.foot[1]
        return a * x + b * y, c * x + d * y


class Canvas:
    """The fine grid: colours, and the number of the figure that each fine pixel shows.

    Parameters
    ----------
    ground
        ``(FINE H, FINE W, 3)`` float32 in [0, 1], what is drawn upon; it is changed.
    light
        Direction to the light: x to the right, y up, z to the viewer.
    """

    def __init__(self, ground: NDArray[np.float32], light: ArrayLike = (0.4, 0.7, 0.6)) -> None:
        self.colours = ground
        self.owners: NDArray[np.uint8] = np.zeros(ground.shape[:2], np.uint8)
        direction = np.asarray(light, dtype=np.float64)
        self.light = direction / np.linalg.norm(direction)

    def draw(self, figure: Figure, placed: Placed, owner: int) -> None:
        """Draw the parts of a figure, which then own what they cover."""
        for part in figure:
            area, inside, x, y = self._cover(placed(part.outline))
            if not inside.any():
                continue
            own_x, own_y = placed.back(x, y)
            mix, shade = TEXTURES[part.texture](own_x + part.phase, own_y)
            shade = shade * self._lit(part.shape, x, y, placed(part.outline))
            share, bright = (
                np.broadcast_to(field, inside.shape)[inside][:, None] for field in (mix, shade)
            )
            colour = np.asarray(part.colour) + share * np.subtract(part.second, part.colour)
            self.colours[area][inside] = np.clip(colour * bright, 0, 1)
            self.owners[area][inside] = owner

    def darken(self, outline: Array, factor: float, *, spare: bool = True) -> None:
        """Multiply what lies in an outline: a shadow. `spare` leaves figures as they are."""
        area, inside, _, _ = self._cover(outline)
        if spare:
            inside &= self.owners[area] == 0
        self.colours[area][inside] *= np.float32(factor)

    def stencil(self, figure: Figure, placed: Placed) -> NDArray[np.bool_]:
        """Return which fine pixels a figure would cover, without drawing it."""
        covered = np.zeros(self.owners.shape, bool)
        for part in figure:
            area, inside, _, _ = self._cover(placed(part.outline))
            covered[area] |= inside
        return covered

    def picture(self) -> NDArray[np.float32]:
        """Return the picture ``(H, W, 3)``, each pixel the mean of what it covers."""
        return np.asarray(_sums(self.colours) / FINE**2, dtype=np.float32)

    def majority(self, values: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Return for each pixel the number that most of its fine pixels have, ``(H, W)``.

        `values` are numbers on the fine grid, by default the owners. Of equals the lower number
        wins.
        """
        fine = self.owners if values is None else values
        numbers = np.flatnonzero(np.bincount(fine.ravel())).astype(np.uint8)
        counts = [_sums((fine == number).view(np.uint8)) for number in numbers]
        return numbers[np.argmax(counts, axis=0)]

    def _cover(self, outline: Array) -> tuple[tuple[slice, slice], NDArray[np.bool_], Array, Array]:
        """Fine pixels inside an outline: where they are, which, and their points x and y."""
        fine = (outline + 0.5) * FINE - 0.5
        height, width = self.owners.shape
        left, top = np.maximum(np.floor(fine.min(axis=0)), 0).astype(int).tolist()
        right = min(width, int(np.ceil(fine[:, 0].max())) + 1)
        bottom = min(height, int(np.ceil(fine[:, 1].max())) + 1)
        if right <= left or bottom <= top:
            nothing = np.zeros((0, 0))
            return np.s_[0:0, 0:0], nothing.astype(bool), nothing, nothing
        inside = _fill(fine - (left, top), bottom - top, right - left)
        x = (np.arange(left, right)[None, :] + 0.5) / FINE - 0.5
        y = (np.arange(top, bottom)[:, None] + 0.5) / FINE - 0.5
        return np.s_[top:bottom, left:right], inside, x, y

    def _lit(self, shape: str, x: Array, y: Array, outline: Array) -> Array:
        """Brightness by Lambert's law on the simplest body that has such an outline."""
        (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
        across = np.clip((2 * x - left - right) / max(right - left, 1e-6), -1, 1)
        up = np.clip((top + bottom - 2 * y) / max(bottom - top, 1e-6), -1, 1)
        lx, ly, lz = self.light
        if shape == "sphere":
            depth = np.sqrt(np.maximum(0, 1 - across**2 - up**2))
            return 0.5 + 0.65 * np.maximum(0, lx * across + ly * up + lz * depth)
        if shape == "cylinder":
            return 0.65 + 0.45 * np.maximum(0, lx * across + lz * np.sqrt(1 - across**2))
        return 0.92 + 0.08 * up + 0.06 * lx * across


def _sums(fine: Array) -> Array:
    """Sum over the fine pixels of each pixel."""
    total = fine[::FINE, ::FINE].copy()
    for row, column in np.ndindex(FINE, FINE):
        if row or column:
            total += fine[row::FINE, column::FINE]
    return total


def _fill(points: Array, height: int, width: int) -> NDArray[np.bool_]:
    """Return which pixel centres of a grid lie inside an outline, by the even-odd rule.

    In each row every side that crosses it turns inside into outside, or back, from the crossing
    on: the crossings are marked, and a running exclusive or along the row does the rest.
    """
    rows = np.arange(height)[:, None]
    (x0, y0), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    row, side = np.nonzero((y0 <= rows) != (y1 <= rows))
    across = (row - y0[side]) / (y1 - y0)[side]
    column = np.ceil(x0[side] + across * (x1 - x0)[side])
    turns = np.zeros((height, width + 1), bool)
    np.logical_xor.at(turns, (row, np.clip(column, 0, width).astype(int)), True)
    return np.logical_xor.accumulate(turns, axis=1)[:, :-1]


# --- Outlines -------------------------------------------------------------------------------------


def rectangle(left: float, bottom: float, right: float, top: float) -> Array:
    """Return the corners of an upright rectangle."""
    return np.array([[left, bottom], [left, top], [right, top], [right, bottom]])


def ellipse(x: float, y: float, width: float, height: float) -> Array:
    """Return 28 points of an ellipse about (x, y), by its two diameters."""
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.column_stack([x + width / 2 * np.cos(turn), y + height / 2 * np.sin(turn)])


def smooth(corners: ArrayLike, times: int = 2) -> Array:
    """Round an outline by cutting its corners at a quarter of its sides.

    G. M. Chaikin, "An algorithm for high-speed curve generation", Computer Graphics and Image
    Processing 3, 1974.
    """
    points = np.asarray(corners, dtype=np.float64)
    for _ in range(times):
        onward = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * onward, 0.25 * points + 0.75 * onward], axis=1)
        points = points.reshape(-1, 2)
    return points


def limb(start: ArrayLike, end: ArrayLike, thick: float, thin: float) -> Array:
    """Return a tapered bar from one point to another, with its two widths."""
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    along = (last - first) / max(float(np.linalg.norm(last - first)), 1e-9)
    across = np.array([-along[1], along[0]])
    corners = [
        first + across * thick / 2,
        last + across * thin / 2,
        last - across * thin / 2,
        first - across * thick / 2,
    ]
    return smooth(corners, 1)


# --- Colours and textures -------------------------------------------------------------------------


def draw_colour(rng: np.random.Generator) -> Colour:
    """Draw a colour of things: mostly muted, one in four strong, from dark to light."""
    hue, value = rng.uniform(0, 1), rng.uniform(0.25, 0.95)
    saturation = rng.uniform(0.55, 0.9) if rng.random() < 0.25 else rng.uniform(0.05, 0.5)
    wheel = np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    red, green, blue = value * (1 - saturation + saturation * np.clip(wheel, 0, 1))
    return float(red), float(green), float(blue)


@lru_cache(maxsize=1)
def _tile() -> NDArray[np.float32]:
    """Noise of mean 0 and variance 1 on a torus of 256 x 256, smooth over about 1.5 pixels."""
    noise = np.random.default_rng(1974).standard_normal((256, 256), dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, 1.5, mode="wrap")
    return noise / noise.std()


def noise_at(x: Array, y: Array) -> NDArray[np.float32]:
    """Noise at points ``(H, W)`` of the plane, periodic with 256, its grains about 3 units wide."""
    places = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    return _interpolated(_tile(), *map(np.ascontiguousarray, places))


@njit(cache=True, nogil=True)
def _interpolated(tile: NDArray[np.float32], x: Array, y: Array) -> NDArray[np.float32]:
    """Bilinear samples of a torus of 256 x 256."""
    result = np.empty(x.shape, np.float32)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            left, top = math.floor(x[i, j]), math.floor(y[i, j])
            across, down = x[i, j] - left, y[i, j] - top
            column, row = int(left) & 255, int(top) & 255
            right, below = (column + 1) & 255, (row + 1) & 255
            upper = tile[row, column] + across * (tile[row, right] - tile[row, column])
            lower = tile[below, column] + across * (tile[below, right] - tile[below, column])
            result[i, j] = upper + down * (lower - upper)
    return result


Texture = tuple[Array | float, Array | float]  # share of the second colour, and brightness


def _plain(x: Array, y: Array) -> Texture:
    return 0.0, 1.0


def _grain(x: Array, y: Array) -> Texture:
    return 0.0, 1 + 0.07 * noise_at(30 * x, 30 * y) + 0.05 * noise_at(6 * x, 6 * y)


def _bricks(x: Array, y: Array) -> Texture:
    course = np.floor(y / 0.22)
    along = x / 0.5 + 0.5 * (course % 2)
    mortar = (along % 1 < 0.1) | ((y / 0.22) % 1 < 0.18)
    each = noise_at(37 * np.floor(along), 53 * course + 0 * x)
    return 0.7 * mortar, 1 + 0.12 * each * ~mortar


def _planks(x: Array, y: Array) -> Texture:
    gap = (y / 0.25) % 1 < 0.14
    each = noise_at(0 * x + 5, 41 * np.floor(y / 0.25))
    return 0.0, (1 - 0.4 * gap) * (1 + 0.06 * each + 0.05 * noise_at(4 * x, 40 * y))


def _tiles(x: Array, y: Array) -> Texture:
    row = np.floor(y / 0.3)
    across = x / 0.3 + 0.5 * (row % 2)
    return 0.0, 0.8 + 0.25 * np.abs(np.sin(np.pi * across)) * (0.6 + 0.4 * ((y / 0.3) % 1))


def _foliage(x: Array, y: Array) -> Texture:
    leaves = 0.22 * noise_at(14 * x, 14 * y) + 0.16 * noise_at(4 * x, 4 * y)
    return np.clip(noise_at(9 * y, 9 * x) - 1, 0, 1), np.clip(0.9 + leaves, 0.35, 1.5)


def _bark(x: Array, y: Array) -> Texture:
    return 0.0, np.clip(1 + 0.2 * noise_at(40 * x, 6 * y), 0.5, 1.4)


def _fur(x: Array, y: Array) -> Texture:
    patches = np.clip(3 * noise_at(3.5 * x, 3.5 * y) - 1.5, 0, 1)
    return patches, 1 + 0.1 * noise_at(25 * x, 60 * y)


def _stripes(x: Array, y: Array) -> Texture:
    return ((y / 0.16) % 1 < 0.5) * 1.0 + 0 * x, 1 + 0.04 * noise_at(30 * x, 30 * y)


def _checks(x: Array, y: Array) -> Texture:
    return 0.5 * ((x / 0.14) % 1 < 0.5) + 0.5 * ((y / 0.14) % 1 < 0.5), 1.0


def _panels(x: Array, y: Array) -> Texture:
    return ((np.arctan2(y - 0.01, x + 1e-9) / (np.pi / 3)) % 2 < 1) * 1.0, 1.0


def _glass(x: Array, y: Array) -> Texture:
    return np.clip(np.sin(4 * x + 5 * y) - 0.3, 0, 0.6), 0.9 + 0.1 * noise_at(3 * x, 3 * y)


def _cloth(x: Array, y: Array) -> Texture:
    return 0.0, 1 + 0.08 * noise_at(9 * x, 5 * y)


TEXTURES = {
    "bark": _bark,
    "bricks": _bricks,
    "checks": _checks,
    "cloth": _cloth,
    "foliage": _foliage,
    "fur": _fur,
    "glass": _glass,
    "grain": _grain,
    "panels": _panels,
    "plain": _plain,
    "planks": _planks,
    "stripes": _stripes,
    "tiles": _tiles,
}
"""Functions of metres x and y, which say what varies within a part."""

"""Pictures to write on: surfaces of the built and the grown world, and photographs.

A detector that has met text only on plain colour takes every brick edge and railing for a letter.
:func:`render_background` makes walls, floors, foliage, sky and shop-fronts from a few kinds of
noise, without any download; :func:`photographs` lists real ones: those that scikit-image ships, or
those of any folder.

Surfaces are made flat (:func:`texture`) and may then be seen in perspective. The noise is value
noise: random lattices of growing fineness, interpolated and added, as textures have been made since
Perlin ("An Image Synthesizer", SIGGRAPH 1985). Leaves and stones are cells around scattered points
(Worley, "A Cellular Texture Basis Function", SIGGRAPH 1996).
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from ocrlearn._validate import check_choice
from ocrlearn.data.synth import degrade
from ocrlearn.data.synth._arguments import check_no_single_path, check_size
from ocrlearn.data.synth.texts import seeded_generator
from ocrlearn.image.convert import to_uint8

__all__ = [
    "KINDS",
    "SHIPPED_PHOTOGRAPHS",
    "crop_photograph",
    "light_falling",
    "photographs",
    "render_background",
    "texture",
]

FloatImage = NDArray[np.float32]
Size = tuple[int, int]

SHIPPED_PHOTOGRAPHS = (
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "grass.png",
    "gravel.png",
    "rocket.jpg",
)
"""Photographs that scikit-image installs and on which nothing can be read. Text in a background is
text without a label, so "astronaut", "motorcycle", "clock_motion" and the pages are left out."""

_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


# ---------------------------------------------------------------------------------------------
# Photographs


def photographs(folder: str | Path | None = None) -> tuple[Path, ...]:
    """List photographs to write on.

    Parameters
    ----------
    folder
        Holds pictures, in sub-folders too; they should show no text of their own. By default the
        folder of scikit-image, if it is installed; it is not imported.

    Returns
    -------
    tuple of Path
        Sorted by name. Empty without `folder` where scikit-image is not installed.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` is not a folder.
    ValueError
        If `folder` holds no picture.
    """
    if folder is None:
        package = find_spec("skimage")
        if package is None or package.origin is None:
            return ()
        shipped = Path(package.origin).parent / "data"
        return tuple(shipped / name for name in SHIPPED_PHOTOGRAPHS if (shipped / name).is_file())
    place = Path(folder)
    if not place.exists():
        raise FileNotFoundError(f"folder of photographs not found: {place}")
    if not place.is_dir():
        raise NotADirectoryError(f"folder of photographs is not a folder: {place}")
    found = sorted(p for p in place.rglob("*") if p.suffix.lower() in _PICTURE_SUFFIXES)
    if not found:
        raise ValueError(f"no picture ({', '.join(_PICTURE_SUFFIXES)}) in folder {place}")
    return tuple(found)


def crop_photograph(path: str | Path, rng: np.random.Generator, size: Size) -> FloatImage:
    """Cut a random part of the shape of `size` from a photograph and enlarge or reduce it.

    The part is between half and all of what fits; it may be mirrored. A gray picture is given the
    tint of some lamp or paint, since the world is not gray.

    Returns
    -------
    array
        float32 ``(*size, 3)`` in [0, 1].

    Raises
    ------
    ocrlearn.image.ImageReadError
        If the file is no picture.
    """
    from ocrlearn.image.read import read

    picture = read(Path(path))
    height, width = picture.shape[:2]
    fits = min(height / size[0], width / size[1]) * rng.uniform(0.5, 1.0)
    part_height, part_width = fits * size[0], fits * size[1]
    top, left = rng.uniform(0, height - part_height), rng.uniform(0, width - part_width)
    mirrored = rng.random() < 0.5
    tint = rng.uniform(0.75, 1.0, size=3)
    gray = picture.ndim == 2 or bool((np.ptp(picture[::8, ::8].astype(int), axis=2) < 4).all())
    cut = Image.fromarray(picture).convert("RGB")
    cut = cut.resize(
        (size[1], size[0]),
        Image.Resampling.BICUBIC,
        box=(left, top, left + part_width, top + part_height),
    )
    result = np.asarray(cut, dtype=np.float32) / 255
    if mirrored:
        result = result[:, ::-1]
    return np.ascontiguousarray(result * tint.astype(np.float32) if gray else result, np.float32)


# ---------------------------------------------------------------------------------------------
# Noise


def _noise(
    size: Size,
    rng: np.random.Generator,
    *,
    coarse: float = 160.0,
    octaves: int = 6,
    persistence: float = 0.5,
    stretch: float = 1.0,
) -> FloatImage:
    """Value noise of mean 0 and standard deviation 1.

    Lattices of normal numbers, `coarse` pixels apart and then half as far for each further octave,
    are interpolated and added, each `persistence` times as strong as the one before. `stretch` > 1
    makes it that much longer along x.
    """
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        step = coarse / 2**octave
        if step < 1:
            break
        lattice = (int(size[0] / step) + 4, int(size[1] / (step * stretch)) + 4)
        values = rng.standard_normal(lattice, dtype=np.float32)
        x, y = rng.random(2)
        box = (x, y, x + size[1] / (step * stretch), y + size[0] / step)
        enlarged = Image.fromarray(values).resize(
            (size[1], size[0]), Image.Resampling.BICUBIC, box=box
        )
        total += np.float32(persistence**octave) * np.asarray(enlarged)
    total -= total.mean()
    return total / np.float32(max(float(total.std()), 1e-6))


@njit(cache=True)
def _cells(
    height: int, width: int, cell: float, offsets: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """Worley's distances, in cells, to the nearest and second nearest point, and whose it is.

    `offsets` is ``(rows, columns, 2)``: one point for each square of side `cell`, at this share of
    it; the squares begin one before the picture.
    """
    first = np.empty((height, width), np.float32)
    second = np.empty((height, width), np.float32)
    owner = np.empty((height, width), np.int32)
    columns = offsets.shape[1]
    for y in range(height):
        v = y / cell + 1
        for x in range(width):
            u = x / cell + 1
            nearest, next_nearest, whose = 9.0, 9.0, 0
            for row in range(int(v) - 1, int(v) + 2):
                for column in range(int(u) - 1, int(u) + 2):
                    du = column + offsets[row, column, 0] - u
                    dv = row + offsets[row, column, 1] - v
                    distance = du * du + dv * dv
                    if distance < nearest:
                        next_nearest, nearest = nearest, distance
                        whose = row * columns + column
                    elif distance < next_nearest:
                        next_nearest = distance
            first[y, x], second[y, x], owner[y, x] = nearest**0.5, next_nearest**0.5, whose
    return first, second, owner


def _worley(
    size: Size, rng: np.random.Generator, cell: float
) -> tuple[FloatImage, FloatImage, NDArray[np.int32], int]:
    """Cells about `cell` pixels wide: both distances, the owner of each pixel, how many owners."""
    lattice = (int(size[0] / cell) + 4, int(size[1] / cell) + 4)
    offsets = rng.random((*lattice, 2), dtype=np.float32)
    return (*_cells(size[0], size[1], cell, offsets), lattice[0] * lattice[1])


def _colour(rng: np.random.Generator, *choices: tuple[float, float, float]) -> NDArray[np.float64]:
    """Pick one of the colours and move it a little, in brightness more than in hue."""
    base = np.array(choices[int(rng.integers(len(choices)))])
    return np.clip(base * rng.uniform(0.7, 1.25) * rng.uniform(0.93, 1.07, size=3), 0.02, 0.98)


def _tinted(colour: NDArray[np.float64], relative: NDArray[Any]) -> FloatImage:
    """One colour, brighter or darker from pixel to pixel."""
    return np.asarray(colour * relative[..., None], np.float32)


# ---------------------------------------------------------------------------------------------
# Surfaces


def _plaster(size: Size, rng: np.random.Generator) -> FloatImage:
    """Painted or bare render: nearly even, with stains that run down and a fine grain."""
    colour = _colour(
        rng, (0.8, 0.78, 0.72), (0.75, 0.68, 0.52), (0.62, 0.62, 0.62), (0.55, 0.62, 0.68),
        (0.72, 0.42, 0.34), (0.9, 0.9, 0.88), (0.4, 0.5, 0.45), (0.3, 0.33, 0.4),
    )  # fmt: skip
    relief = rng.uniform(0.005, 0.04) * _noise(size, rng, coarse=6, octaves=3, persistence=0.8)
    clouds = rng.uniform(0.01, 0.06) * _noise(size, rng, coarse=200, octaves=5)
    runs = _noise(size, rng, coarse=160, octaves=5, stretch=0.12)
    stains = rng.uniform(0, 0.08) * np.maximum(runs - 0.8, 0)
    return _tinted(colour, 1 + relief + clouds - stains)


def _courses(
    size: Size, rng: np.random.Generator, *, brick: tuple[float, float], joint: float, shift: float
) -> tuple[FloatImage, NDArray[np.int32]]:
    """Rows of rectangles ``(height, width)``: how much of each pixel is brick, and of which one.

    Each row begins `shift` of a width after the one before; joints are `joint` pixels wide.
    """
    high, wide = brick
    wobble = _noise(size, rng, coarse=24, octaves=3) * 0.06 * joint if joint > 2 else 0.0
    y = np.arange(size[0], dtype=np.float32)[:, None] + wobble
    x = np.arange(size[1], dtype=np.float32)[None, :] + wobble
    row = np.floor(y / high)
    x = x + row * (shift * wide) + rng.uniform(0, wide)
    column = np.floor(x / wide)
    within_y, within_x = y - row * high, x - column * wide
    edge = np.minimum(np.minimum(within_y, high - within_y), np.minimum(within_x, wide - within_x))
    cover = np.clip(edge - joint / 2 + 0.5, 0, 1).astype(np.float32)
    owner = (row.astype(np.int32) * 7919 + column.astype(np.int32)) % 4096
    return cover, np.broadcast_to(owner, size)


def _masonry(
    size: Size,
    rng: np.random.Generator,
    *,
    brick: tuple[float, float],
    joint: float,
    shift: float,
    colour: NDArray[np.float64],
    mortar: NDArray[np.float64],
    variety: float,
    roughness: float,
) -> FloatImage:
    """Bricks or tiles: each with a shade of its own, and mortar between."""
    cover, owner = _courses(size, rng, brick=brick, joint=joint, shift=shift)
    shades = (
        1 + variety * rng.standard_normal((4096, 1)) + variety / 8 * rng.standard_normal((4096, 3))
    )
    grain = _noise(size, rng, coarse=8, octaves=3, persistence=0.8)
    weather = _noise(size, rng, coarse=180, octaves=4)
    face = np.asarray(colour * shades, np.float32)[owner]
    between = mortar * (1 + 0.05 * grain[..., None])
    mixed = cover[..., None] * face + (1 - cover[..., None]) * between
    relative = 1 + roughness * grain + roughness / 2 * weather
    return np.asarray(mixed * relative[..., None], np.float32)


def _brick(size: Size, rng: np.random.Generator) -> FloatImage:
    """Lay bricks in stretcher bond."""
    high = float(np.exp(rng.uniform(np.log(12), np.log(48))))
    return _masonry(
        size,
        rng,
        brick=(high, high * rng.uniform(2.4, 3.4)),
        joint=max(1.2, high * rng.uniform(0.08, 0.18)),
        shift=0.5,
        colour=_colour(
            rng, (0.58, 0.3, 0.22), (0.5, 0.24, 0.18), (0.65, 0.5, 0.36), (0.75, 0.73, 0.7)
        ),
        mortar=_colour(rng, (0.65, 0.62, 0.57), (0.5, 0.47, 0.44), (0.3, 0.28, 0.27)),
        variety=rng.uniform(0.03, 0.16),
        roughness=rng.uniform(0.03, 0.1),
    )


def _tiles(size: Size, rng: np.random.Generator) -> FloatImage:
    """Glazed tiles or stone slabs, in a square grid or in bond, smooth and with thin joints."""
    high = float(np.exp(rng.uniform(np.log(25), np.log(150))))
    return _masonry(
        size,
        rng,
        brick=(high, high * float(rng.choice([1.0, 1.0, 1.5, 2.0]))),
        joint=rng.uniform(1.2, 3.5),
        shift=float(rng.choice([0.0, 0.0, 0.5])),
        colour=_colour(
            rng, (0.85, 0.85, 0.82), (0.55, 0.6, 0.62), (0.35, 0.5, 0.55), (0.7, 0.6, 0.5),
            (0.55, 0.53, 0.5),
        ),
        mortar=_colour(rng, (0.7, 0.7, 0.68), (0.4, 0.4, 0.4), (0.25, 0.25, 0.25)),
        variety=rng.uniform(0.005, 0.06),
        roughness=rng.uniform(0.004, 0.03),
    )  # fmt: skip


def _wood(size: Size, rng: np.random.Generator) -> FloatImage:
    """Boards with grain: lines of noise stretched along them, bent by slower noise."""
    colour = _colour(
        rng, (0.55, 0.38, 0.24), (0.36, 0.24, 0.16), (0.68, 0.56, 0.4), (0.5, 0.5, 0.48),
        (0.3, 0.4, 0.36), (0.6, 0.2, 0.15), (0.85, 0.83, 0.78),
    )  # fmt: skip
    board = float(rng.uniform(30, 160))
    upright = rng.random() < 0.4
    shape = (size[1], size[0]) if upright else size
    grain = _noise(shape, rng, coarse=24, octaves=5, persistence=0.75, stretch=18)
    cover, owner = _courses(shape, rng, brick=(board, 9 * board), joint=2.0, shift=0.37)
    shades = (1 + rng.uniform(0.02, 0.1) * rng.standard_normal(4096)).astype(np.float32)
    relative = (1 + rng.uniform(0.02, 0.11) * grain) * shades[owner] * (0.35 + 0.65 * cover)
    wall = _tinted(colour, relative)
    return np.ascontiguousarray(wall.transpose(1, 0, 2)) if upright else wall


def _metal(size: Size, rng: np.random.Generator) -> FloatImage:
    """Sheet metal: brushed, or painted and corrugated as shutters and containers, with rust."""
    painted = rng.random() < 0.6
    if painted:
        colour = _colour(
            rng, (0.2, 0.35, 0.55), (0.55, 0.15, 0.12), (0.2, 0.4, 0.28), (0.7, 0.7, 0.68),
            (0.75, 0.6, 0.15), (0.25, 0.25, 0.27),
        )  # fmt: skip
    else:
        colour = _colour(rng, (0.6, 0.61, 0.63), (0.45, 0.45, 0.47))
    brushed = _noise(size, rng, coarse=4, octaves=2, persistence=0.8, stretch=60)
    relative = 1 + (0.01 if painted else rng.uniform(0.02, 0.05)) * brushed
    relative += 0.08 * _noise(size, rng, coarse=320, octaves=2)  # reflections
    if rng.random() < 0.5:
        period = rng.uniform(14, 50)
        phase = 2 * np.pi * np.arange(size[0])[:, None] / period
        relative *= 1 + rng.uniform(0.05, 0.2) * np.tanh(2.5 * np.sin(phase))
    surface = _tinted(colour, relative)
    if painted and rng.random() < 0.5:
        rust = np.clip(_noise(size, rng, coarse=90, octaves=6, persistence=0.6) - 1.6, 0, 1)
        surface += rust[..., None] * (np.array([0.38, 0.2, 0.1], np.float32) - surface)
    return surface


def _sky(size: Size, rng: np.random.Generator) -> FloatImage:
    """Sky that pales towards the horizon, with clouds."""
    zenith, horizon = (
        _colour(rng, (0.3, 0.5, 0.78), (0.42, 0.58, 0.78)),
        _colour(rng, (0.72, 0.82, 0.9), (0.85, 0.83, 0.78)),
    )
    height = np.linspace(0, 1, size[0])[:, None, None]
    clear = zenith + height * (horizon - zenith)
    cloud = _noise(size, rng, coarse=220, octaves=7, persistence=0.55, stretch=1.8)
    cover = np.clip((cloud - rng.uniform(-0.8, 1.5)) / 1.2, 0, 1)[..., None]
    lit = 0.93 - 0.12 * np.clip(cloud, 0, 2)[..., None]
    return np.asarray(np.broadcast_to(clear, (*size, 3)) * (1 - cover) + cover * lit, np.float32)


def _foliage(size: Size, rng: np.random.Generator) -> FloatImage:
    """Leaves over leaves: three layers of cells, brighter towards the front, dark gaps between."""
    green = _colour(rng, (0.3, 0.42, 0.16), (0.22, 0.36, 0.14), (0.42, 0.42, 0.18))
    leaf = float(np.exp(rng.uniform(np.log(6), np.log(22))))
    picture = _tinted(0.25 * green, 1 + 0.2 * _noise(size, rng, coarse=40, octaves=3))
    clumps = _noise(size, rng, coarse=140, octaves=4)
    edges = _noise(size, rng, coarse=leaf, octaves=3)
    for layer in range(3):
        first, _, owner, count = _worley(size, rng, leaf * (0.7 + 0.25 * layer))
        shade = rng.uniform(0.45, 1.35, count) * (0.55 + 0.22 * layer)
        hue = rng.uniform(0.8, 1.2, (count, 3))
        colours = np.asarray(green * hue * shade[:, None], np.float32)
        ragged = 0.6 + 0.06 * clumps + 0.1 * edges - first
        cover = (
            np.clip(ragged * leaf / 2, 0, 1)[..., None]
            * (rng.random(count) < 0.6)[owner][..., None]
        )
        vein = 1 - 0.35 * first[..., None]
        picture += (cover * (colours[owner] * vein - picture)).astype(np.float32)
    return np.asarray(picture * (1 + 0.15 * clumps[..., None]), np.float32)


def _asphalt(size: Size, rng: np.random.Generator) -> FloatImage:
    """Road surface: small stones in binder, patches, and perhaps a crack."""
    first, second, owner, count = _worley(size, rng, float(rng.uniform(2.5, 5)))
    stones = rng.normal(1, rng.uniform(0.08, 0.22), count).astype(np.float32)
    relative = stones[owner] * (0.75 + 0.25 * np.clip(4 * (second - first), 0, 1))
    relative *= 1 + 0.06 * _noise(size, rng, coarse=200, octaves=4)
    if rng.random() < 0.4:
        near, far, _, _ = _worley(size, rng, float(rng.uniform(120, 300)))
        wander = 0.02 * _noise(size, rng, coarse=30, octaves=4)
        relative *= 0.5 + 0.5 * np.clip(120 * np.abs(far - near + wander), 0, 1)
    return _tinted(_colour(rng, (0.33, 0.33, 0.34), (0.5, 0.49, 0.47)), relative)


def _street(size: Size, rng: np.random.Generator) -> FloatImage:
    """Build a shop-front: wall and windows, a fascia, panes below, and a pavement."""
    height, width = size
    upper = texture(str(rng.choice(["brick", "plaster", "tiles"])), size, rng)
    fascia_top = int(height * rng.uniform(0.3, 0.45))
    fascia_bottom = int(fascia_top + height * rng.uniform(0.1, 0.17))
    pavement = int(height * rng.uniform(0.88, 0.96))
    _windows(upper, rng, fascia_top)
    fascia = texture(str(rng.choice(["plaster", "wood", "metal"])), size, rng)
    upper[fascia_top:fascia_bottom] = fascia[fascia_top:fascia_bottom]
    upper[fascia_bottom : fascia_bottom + 5] *= np.float32(0.5)
    left = -rng.uniform(0, 0.3) * width
    while left < width:
        wide = rng.uniform(0.12, 0.4) * width
        _pane(upper, rng, fascia_bottom + 5, int(left) + 4, pavement, int(left + wide) - 4)
        left += wide
    floor = _asphalt(size, rng) if rng.random() < 0.5 else _tiles(size, rng)
    upper[pavement:] = floor[pavement:]
    return upper


def _windows(wall: FloatImage, rng: np.random.Generator, bottom: int) -> None:
    """Put a row of windows into the part of `wall` above `bottom`."""
    width = wall.shape[1]
    spacing = rng.uniform(0.2, 0.4) * width
    high, wide = int(bottom * rng.uniform(0.45, 0.65)), int(spacing * rng.uniform(0.35, 0.6))
    top = int((bottom - high) * rng.uniform(0.3, 0.6))
    for left in np.arange(rng.uniform(-0.5, 0.2) * spacing, width, spacing).astype(int):
        _pane(wall, rng, top, left, top + high, left + wide)


def _pane(
    wall: FloatImage, rng: np.random.Generator, top: int, left: int, bottom: int, right: int
) -> None:
    """Glass in a frame: dark inside, and what it reflects; the wall is changed in place."""
    height, width = wall.shape[:2]
    frame = np.asarray(_colour(rng, (0.85, 0.85, 0.83), (0.2, 0.2, 0.2), (0.35, 0.22, 0.14)))
    edge = int(rng.integers(2, 7))
    top, bottom = max(top, 0), min(bottom, height)
    if bottom - top <= 2 * edge or min(right, width) - max(left, 0) <= 2 * edge:
        return
    wall[top:bottom, max(left, 0) : min(right, width)] = frame
    glass = wall[top + edge : bottom - edge, max(left + edge, 0) : max(min(right - edge, width), 0)]
    if glass.size == 0:
        return
    reflection = _noise(glass.shape[:2], rng, coarse=80, octaves=4, stretch=0.5)
    inside = _colour(rng, (0.12, 0.13, 0.14), (0.3, 0.33, 0.36), (0.5, 0.42, 0.3))
    glass[:] = _tinted(inside, 1 + rng.uniform(0.05, 0.4) * reflection)


_PAINTERS: dict[str, Callable[[Size, np.random.Generator], FloatImage]] = {
    "plaster": _plaster,
    "brick": _brick,
    "tiles": _tiles,
    "wood": _wood,
    "metal": _metal,
    "asphalt": _asphalt,
    "foliage": _foliage,
    "sky": _sky,
    "street": _street,
}

KINDS = tuple(_PAINTERS)
"""What :func:`render_background` can make."""


def texture(kind: str, size: Size, rng: np.random.Generator) -> FloatImage:
    """Paint a surface as it is seen from straight ahead in even light.

    Parameters
    ----------
    kind
        One of :data:`KINDS`.
    size
        ``(height, width)`` in pixels.
    rng
        Source of colours, sizes and places.

    Returns
    -------
    array
        float32 ``(*size, 3)`` in [0, 1]: which share of the light it reflects.
    """
    check_choice(kind, "kind", KINDS)
    return np.clip(_PAINTERS[kind](size, rng), 0.0, 1.0)


def seen_through(flat: FloatImage, matrix: ArrayLike, size: Size) -> FloatImage:
    """Look at an endless wall tiled with `flat` and its mirror images, by a homography.

    `matrix` carries points of `flat` to points of the picture.
    """
    from ocrlearn.image.rectify import source_map, warp

    sources = source_map(matrix, size)
    for axis, length in ((0, flat.shape[1]), (1, flat.shape[0])):
        folded = np.mod(np.nan_to_num(sources[..., axis]), 2 * (length - 1))
        sources[..., axis] = np.minimum(folded, 2 * (length - 1) - folded)
    return np.asarray(warp(flat, sources, border="edge"), np.float32)


# ---------------------------------------------------------------------------------------------
# Light


def light_falling(
    image: FloatImage, rng: np.random.Generator, details: dict[str, Any] | None = None
) -> FloatImage:
    """Light a scene: brighter on one side, perhaps a shadow's edge, or the dapple of leaves.

    Parameters
    ----------
    image
        float32 ``(H, W, 3)`` in [0, 1].
    rng
        Source of direction and strength.
    details
        Takes what was drawn, by name.
    """
    drawn: dict[str, Any] = {} if details is None else details
    height, width = image.shape[:2]
    half = max(height, width) / 2
    x = (np.arange(width, dtype=np.float32)[None, :] - width / 2) / np.float32(half)
    y = (np.arange(height, dtype=np.float32)[:, None] - height / 2) / np.float32(half)
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.float32(np.cos(angle)) - y * np.float32(np.sin(angle))
    drawn["light_ramp"] = float(rng.uniform(0.05, 0.4))
    light = 1 - drawn["light_ramp"] * (along - along.min()) / np.ptp(along)
    kind = rng.random()
    if kind < 0.25:
        drawn["shadow"] = float(rng.uniform(0.2, 0.55))
        edge = rng.uniform(0, 2 * np.pi)
        inside = x * np.float32(np.cos(edge)) - y * np.float32(np.sin(edge))
        softness = rng.uniform(0.004, 0.1)
        covered = np.clip((inside - rng.normal(0.2, 0.35)) / softness + 0.5, 0, 1)
        light = light * (1 - drawn["shadow"] * covered)
    elif kind < 0.35:
        drawn["dapple"] = float(rng.uniform(0.15, 0.45))
        leaves = _noise((height, width), rng, coarse=float(rng.uniform(60, 160)), octaves=3)
        light = light * (1 - drawn["dapple"] * np.clip(0.7 * leaves + 0.5, 0, 1))
    elif kind < 0.45:
        drawn["lamp"] = float(rng.uniform(0.2, 0.5))
        place = rng.uniform(-0.8, 0.8, size=2)
        reach = rng.uniform(0.3, 1.0)
        spot = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * reach**2))
        light = light * (1 - drawn["lamp"] + drawn["lamp"] * spot)
    return np.clip(image * light[..., None].astype(np.float32), 0, 1)


def render_background(
    seed: int = 0,
    index: int = 0,
    *,
    split: str = "training",
    size: Size = (480, 640),
    kind: str | None = None,
    photos: Sequence[str | Path] = (),
) -> NDArray[np.uint8]:
    """Render picture number `index` of an endless set of pictures without text.

    Parameters
    ----------
    seed, index, split
        Which one; see :func:`ocrlearn.data.synth.texts.seeded_generator`.
    size
        ``(height, width)`` in pixels, each at least 32.
    kind
        One of :data:`KINDS`, by default drawn by chance.
    photos
        Files such as :func:`photographs` lists; where there are some, every other picture is a part
        of one of them, unless `kind` is given.

    Returns
    -------
    array
        uint8 ``(*size, 3)`` RGB.
    """
    height, width = size = check_size(size, low=32, high=8192)
    check_no_single_path(photos, "photos")
    if kind is not None:
        check_choice(kind, "kind", KINDS)
    rng = seeded_generator(seed, index, split, "background")
    drawn = KINDS[int(rng.integers(len(KINDS)))]
    if kind is None and len(photos) and rng.random() < 0.5:
        return to_uint8(crop_photograph(photos[int(rng.integers(len(photos)))], rng, size))
    flat = texture(kind or drawn, (height, width), rng)
    lit = flat if (kind or drawn) == "sky" else light_falling(flat, rng)
    return to_uint8(degrade.sensor_noise(lit, rng, photons=2000, correlation=0.7))

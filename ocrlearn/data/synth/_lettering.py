"""From a block on its surface to the pixels of a picture: plates, letters, shadows, blending."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ocrlearn.data.synth._signs import Block, Board
from ocrlearn.data.synth.degrade import PointMap

__all__ = ["Look", "Seen", "look_at", "paint_block", "paint_panel", "poisson_blend", "word_numbers"]

FloatImage = NDArray[np.float32]
Colour = NDArray[np.float32]
Matrix = NDArray[np.float64]

_FINE = 2  # coverage is sampled this many times finer than the picture, along each axis


@dataclass(frozen=True, eq=False)
class Seen:
    """A surface as it is seen in a window of the picture.

    Attributes
    ----------
    rows, columns
        The window.
    matrix
        From the surface to pixels of the picture.
    surface
        ``(height, width, 2)``: where on the surface the samples lie, ``_FINE`` times finer than
        the window.
    """

    rows: slice
    columns: slice
    matrix: Matrix
    surface: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the window in pixels."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


@dataclass(frozen=True, eq=False)
class Look:
    """How a block is painted, all colours RGB in [0, 1].

    Attributes
    ----------
    ink, ground
        Colours of letters and of the board.
    opacity
        Of the letters.
    texture
        How much of the surface's texture shows in the letters, 0 to 1.
    outline
        Width of a line around the letters in pixels, and its colour; or None.
    shadow
        Shift (x, y) in pixels, blur and darkness of the shadow of letters or board; or None.
    poisson
        Whether the letters are blended in the gradient domain.
    sheen
        Relative brightness across the board or letters, from one side to the other.
    """

    ink: Colour
    ground: Colour
    opacity: float = 1.0
    texture: float = 0.0
    outline: tuple[float, Colour] | None = None
    shadow: tuple[tuple[float, float], float, float] | None = None
    poisson: bool = False
    sheen: float = 0.0


def look_at(
    matrix: Matrix, half: tuple[float, float], size: tuple[int, int], margin: float
) -> Seen | None:
    """Find the window in which a surface's rectangle is seen, `margin` pixels around included.

    Returns None where nothing of it is in the picture.
    """
    from ocrlearn.image.rectify import source_map

    corners = PointMap.homography(matrix)(_rectangle(half))
    left, top = np.maximum(np.floor(corners.min(axis=0) - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0) + margin) + 1, size[::-1]).astype(int)
    if right - left < 2 or bottom - top < 2:
        return None
    # Fine samples of a pixel at c lie at c - 1/4 and c + 1/4.
    to_fine = np.array(
        [
            [_FINE, 0, _FINE * (0.5 - left) - 0.5],
            [0, _FINE, _FINE * (0.5 - top) - 0.5],
            [0, 0, 1],
        ]
    )
    surface = source_map(to_fine @ matrix, (int(bottom - top) * _FINE, int(right - left) * _FINE))
    return Seen(slice(int(top), int(bottom)), slice(int(left), int(right)), matrix, surface)


def _rectangle(half: tuple[float, float]) -> NDArray[np.float64]:
    a, b = half
    return np.array([[-a, -b], [a, -b], [a, b], [-a, b]])


def _reduced(fine: NDArray[Any]) -> FloatImage:
    """Average the fine samples of each pixel."""
    height, width = fine.shape[0] // _FINE, fine.shape[1] // _FINE
    return fine.reshape(height, _FINE, width, _FINE).mean(axis=(1, 3)).astype(np.float32)


# ---------------------------------------------------------------------------------------------
# Coverage


def _inside(seen: Seen, half: tuple[float, float], radius: float) -> FloatImage:
    """How far inside a rectangle with round corners the fine samples lie, in units of the surface.

    Negative outside; the usual signed distance, its sign turned.
    """
    surface = seen.surface.astype(np.float32)
    radius = min(radius, *half)
    over_x = np.abs(surface[..., 0]) - np.float32(half[0] - radius)
    over_y = np.abs(surface[..., 1]) - np.float32(half[1] - radius)
    outside = np.hypot(np.maximum(over_x, 0), np.maximum(over_y, 0))
    return np.float32(radius) - outside - np.minimum(np.maximum(over_x, over_y), 0)


def _soft(distance: FloatImage) -> FloatImage:
    """Coverage of pixels whose fine samples are `distance` inside an edge."""
    return _reduced(np.clip(_FINE * distance + 0.5, 0, 1))


def letter_coverage(seen: Seen, block: Block) -> FloatImage:
    """Share of each pixel of the window that letters cover.

    On an enlarged sheet the edge of a letter is a ramp as wide as a pixel of the sheet; it is made
    as steep as the enlargement, about its middle, so that the edge stays where it is.
    """
    from ocrlearn.image.rectify import warp

    cover = warp(block.sheet.coverage, block.placing.back(seen.surface), border=0.0)
    if block.enlarged > 1:
        cover = np.clip((cover - 0.5) * np.float32(block.enlarged) + 0.5, 0, 1)
    return _reduced(cover)


def word_numbers(seen: Seen, block: Block) -> NDArray[np.uint8]:
    """Return which word of the block, from 1, each pixel of the window lies on, or 0."""
    from ocrlearn.image.rectify import warp

    flat = np.zeros(block.sheet.coverage.shape, np.uint8)
    words = [word for line in block.sheet.lines for word in line.words]
    for number, word in enumerate(words, 1):
        left, top = np.floor(word.quad[0]).astype(int) - 1
        right, bottom = np.ceil(word.quad[2]).astype(int) + 2
        flat[max(top, 0) : bottom, max(left, 0) : right] = number
    odd = _FINE // 2
    sources = block.placing.back(seen.surface[odd::_FINE, odd::_FINE])
    return np.asarray(warp(flat, sources, interpolation="nearest", border=0))


# ---------------------------------------------------------------------------------------------
# Painting


def _over(patch: FloatImage, layer: Any, cover: FloatImage) -> None:
    """Lay `layer`, a colour or an image, over `patch` in place."""
    patch += cover[..., None] * (np.asarray(layer, np.float32) - patch)


def _throw_shadow(
    patch: FloatImage, cover: FloatImage, shadow: tuple[tuple[float, float], float, float]
) -> None:
    """Darken `patch` in place by the shifted and blurred `cover`."""
    (right, down), blur, darkness = shadow
    moved = ndimage.shift(cover, (down, right), order=1, mode="nearest")
    patch *= 1 - np.float32(darkness) * ndimage.gaussian_filter(moved, blur)[..., None]


def _sheen(seen: Seen, half: tuple[float, float], strength: float) -> FloatImage:
    """Brightness that changes evenly from one corner of the surface to the other, about 1."""
    along = _reduced(seen.surface[..., 0]) / half[0] + _reduced(seen.surface[..., 1]) / half[1]
    return 1 + np.float32(strength / 2) * np.clip(along, -2, 2)


def paint_panel(
    picture: FloatImage, seen: Seen, board: Board, colour: Colour | FloatImage, look: Look
) -> FloatImage:
    """Paint a board without letters into `picture`, in place; returns its coverage.

    `colour` is one colour, or an image of the window's shape.
    """
    patch = picture[seen.rows, seen.columns]
    inside = _inside(seen, board.half, board.radius)
    cover = _soft(inside)
    if look.shadow is not None:
        _throw_shadow(patch, cover, look.shadow)
    shade = _sheen(seen, board.half, look.sheen)[..., None]
    _over(patch, np.clip(np.asarray(colour) * shade, 0, 1), cover)
    if board.border:
        line = np.minimum(inside - board.inset, board.inset + board.border - inside)
        _over(patch, np.clip(look.ink * shade, 0, 1), _soft(line))
    return cover


def paint_block(picture: FloatImage, seen: Seen, block: Block, look: Look) -> FloatImage:
    """Paint a block into `picture`, in place; returns the coverage of its letters."""
    patch = picture[seen.rows, seen.columns]
    if block.board is not None:
        paint_panel(picture, seen, block.board, look.ground, look)
    cover = letter_coverage(seen, block)
    if look.poisson:
        letters = look.ground + cover[..., None] * (look.ink - look.ground)
        patch[:] = poisson_blend(patch, letters.astype(np.float32))
        return cover
    if look.shadow is not None and block.board is None:
        _throw_shadow(patch, cover, look.shadow)
    if look.outline is not None:
        width, colour = look.outline
        distance = ndimage.distance_transform_edt(cover < 0.5).astype(np.float32)
        _over(patch, colour, np.maximum(cover, np.clip(width - distance + 1, 0, 1)))
    ink = look.ink * _sheen(seen, block.half, look.sheen)[..., None]
    if look.texture:
        ink = ink * _relief(patch) ** np.float32(look.texture)
    _over(patch, np.clip(ink, 0, 1), np.float32(look.opacity) * cover)
    return cover


def _relief(patch: FloatImage) -> FloatImage:
    """How much brighter or darker than its surroundings each pixel is, ``(H, W, 1)``."""
    gray = patch.mean(axis=-1) + np.float32(0.02)
    even = ndimage.uniform_filter(gray, 15, mode="nearest")
    return np.clip(gray / even, 0.4, 1.8)[..., None]


def poisson_blend(target: FloatImage, source: FloatImage) -> FloatImage:
    """Blend `source` into `target` in the gradient domain, with mixed gradients.

    The result keeps the border pixels of `target` and, between them, comes closest to a gradient
    field that has at every edge between two pixels the stronger difference of the two pictures. So
    letters bring their edges and the surface keeps its texture (Perez, Gangnet and Blake, "Poisson
    Image Editing", SIGGRAPH 2003). On a rectangle the Poisson equation is solved exactly by the
    discrete sine transform.

    Parameters
    ----------
    target, source
        float ``(H, W, 3)`` in [0, 1], of the same shape, at least 3 x 3.

    Returns
    -------
    array
        float32 of the same shape in [0, 1].
    """
    along_x = _stronger(np.diff(target, axis=1), np.diff(source, axis=1))
    along_y = _stronger(np.diff(target, axis=0), np.diff(source, axis=0))
    divergence = np.diff(along_x, axis=1)[1:-1] + np.diff(along_y, axis=0)[:, 1:-1]
    # What the fixed border contributes to the Laplacian moves to the right-hand side.
    divergence[0] -= target[0, 1:-1]
    divergence[-1] -= target[-1, 1:-1]
    divergence[:, 0] -= target[1:-1, 0]
    divergence[:, -1] -= target[1:-1, -1]
    height, width = divergence.shape[:2]
    eigenvalues = (
        2 * np.cos(np.pi * np.arange(1, height + 1) / (height + 1))[:, None]
        + 2 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1))[None, :]
        - 4
    )
    spectrum = fft.dstn(divergence, type=1, axes=(0, 1)) / eigenvalues[..., None]
    result = target.copy()
    result[1:-1, 1:-1] = fft.idstn(spectrum, type=1, axes=(0, 1))
    return np.clip(result, 0, 1).astype(np.float32)


def _stronger(one: FloatImage, other: FloatImage) -> FloatImage:
    return np.where(np.abs(one) > np.abs(other), one, other)

"""Single characters on flat sheets, moved to where a picture wants them, with their exact quads.

Everything is drawn :data:`FINE` times finer than the picture and averaged at the end, so that turns
and waves leave no steps at the edges of letters.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import ImageFont

from ocrlearn.data.synth.degrade import PointMap, move
from ocrlearn.data.synth.fonts import Font

__all__ = [
    "FINE",
    "FlatInk",
    "affine",
    "averaged",
    "draw_character",
    "flat_character",
    "flat_ink",
    "tight_quad",
    "to_picture",
]

FINE = 4
"""Drawn pixels per pixel of the picture, along each axis."""


@dataclass(frozen=True, eq=False)
class FlatInk:
    """Ink on a flat sheet before it is moved.

    Attributes
    ----------
    coverage
        ``(H, W)`` float32: the share of each pixel that is covered.
    outline
        ``(N, 2)`` float64: corners of pixels at least half covered, the outermost of each row and
        column. Nothing half covered lies outside of them.
    """

    coverage: NDArray[np.float32]
    outline: NDArray[np.float64]

    @property
    def box(self) -> NDArray[np.float64]:
        """Return left, top, right and bottom edge of the ink."""
        return np.concatenate([self.outline.min(axis=0), self.outline.max(axis=0)])

    def moved(self, point_map: PointMap, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return its coverage as seen through `point_map` on a drawing of `shape`."""
        seen = np.zeros(shape, np.float32)
        outline = point_map(self.outline)
        left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 2, 0)
        right, bottom = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 3, shape[::-1])
        if left < right and top < bottom:  # nothing elsewhere: move this part of the drawing only
            shift = PointMap.homography([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
            part = move(
                self.coverage, point_map.then(shift), (bottom - top, right - left), border=0
            )
            seen[top:bottom, left:right] = part
        return seen

    def quad(self, point_map: PointMap) -> NDArray[np.float32]:
        """Return the quad around it as seen through `point_map`; see :func:`tight_quad`."""
        return tight_quad(self.outline, point_map)


def flat_ink(coverage: NDArray[np.float32]) -> FlatInk:
    """Find the outline of what is drawn in `coverage`.

    Raises
    ------
    ValueError
        If no pixel is half covered.
    """
    inside = coverage >= 0.5
    if not inside.any():
        raise ValueError("coverage must hold ink: no pixel is half covered")
    corners = []
    for mask, upright in ((inside, False), (inside.T, True)):
        rows = np.flatnonzero(mask.any(axis=1))
        first = mask[rows].argmax(axis=1) - 0.5
        last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1) - 0.5
        for edge in (-0.5, 0.5):
            ends = np.concatenate([first, last])
            sides = np.tile(rows + edge, 2)
            corners.append(np.column_stack([sides, ends] if upright else [ends, sides]))
    return FlatInk(coverage, np.concatenate(corners))


@lru_cache(maxsize=64)
def _face(font: Font, em: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(
        str(font.path), em, index=font.index, layout_engine=ImageFont.Layout.BASIC
    )


@lru_cache(maxsize=4096)
def _raster(font: Font, em: int, character: str) -> tuple[NDArray[np.uint8], int, int]:
    """Coverage of a character in 256 steps, and its left column and top row seen from the pen."""
    mask, (left, top) = _face(font, em).getmask2(character, mode="L", anchor="ls")
    width, height = mask.size
    return np.frombuffer(bytes(mask), np.uint8).reshape(height, width), int(left), int(top)


def draw_character(
    coverage: NDArray[np.float32], font: Font, em: int, character: str, x: float, y: float
) -> None:
    """Add the ink of a character to `coverage`, its pen at (x, y) rounded to whole pixels.

    What sticks out is left out. For print at the size of the picture there is
    :meth:`ocrlearn.data.synth.sheet.Sheet.draw_line`, which places pens more finely; a drawing
    that is four times finer need not.

    Raises
    ------
    ValueError
        If the font cannot be trusted to hold the character.
    """
    if character not in font.characters:
        raise ValueError(f"font {font.name!r} cannot print {character!r}")
    ink, left, top = _raster(font, em, character)
    column, row = round(x) + left, round(y) + top
    cut_left, cut_top = max(0, -column), max(0, -row)
    target = coverage[max(row, 0) :, max(column, 0) :]
    seen = ink[cut_top : cut_top + target.shape[0], cut_left : cut_left + target.shape[1]]
    target = target[: seen.shape[0], : seen.shape[1]]
    np.minimum(target + seen.astype(np.float32) / 255, 1, out=target)


def flat_character(font: Font, em: int, character: str) -> FlatInk:
    """Draw one character at `em` pixels per em on a sheet of its own, just large enough."""
    if character not in font.characters:
        raise ValueError(f"font {font.name!r} cannot print {character!r}")
    return _flat_character(font, em, character)


@lru_cache(maxsize=1024)
def _flat_character(font: Font, em: int, character: str) -> FlatInk:
    ink, _, _ = _raster(font, em, character)
    return flat_ink(np.pad(ink, 2).astype(np.float32) / np.float32(255))


def tight_quad(outline: ArrayLike, point_map: PointMap) -> NDArray[np.float32]:
    """Return the smallest parallelogram along the moved axes that holds a moved outline.

    Its sides have the directions that `point_map` gives to the sheet's x and y axes in the middle
    of the outline. For an affine map this is the box on the sheet, carried by its corners; where
    the map bends, the corners of the box would leave out ink or take in too much paper, and every
    point of the outline is asked instead.

    Returns
    -------
    array
        ``(4, 2)`` float32, clockwise from the character's own top-left.
    """
    points = np.asarray(outline, dtype=np.float64)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    step = np.maximum(np.ptp(points, axis=0), 1) / 2
    ends = middle + np.array([[-step[0], 0], [step[0], 0], [0, -step[1]], [0, step[1]]])
    left, right, top, bottom = point_map(ends)
    axes = np.column_stack([right - left, bottom - top])
    seen = point_map(points) @ np.linalg.inv(axes).T
    (a0, b0), (a1, b1) = seen.min(axis=0), seen.max(axis=0)
    corners = np.array([[a0, b0], [a1, b0], [a1, b1], [a0, b1]])
    return (corners @ axes.T).astype(np.float32)


def affine(
    start: ArrayLike,
    end: ArrayLike,
    *,
    angle: float = 0.0,
    shear: float = 0.0,
    stretch: float = 1.0,
    scale: float = 1.0,
) -> PointMap:
    """Return the affine map that carries `start` to `end`, and scales, slants and turns about it.

    Parameters
    ----------
    start, end
        Points (x, y).
    angle
        Turn in radians, counter-clockwise on the screen.
    shear
        Slant to the right, as italics have: sideways shift per height.
    stretch
        Width divided by former width; the height stays.
    scale
        Of both.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    linear = scale * turn @ np.array([[stretch, -shear], [0, 1]])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.asarray(end, np.float64) - linear @ np.asarray(start, np.float64)
    return PointMap.homography(matrix)


def averaged(drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the picture of a drawing: the mean of each FINE x FINE block."""
    height, width = drawn.shape[0] // FINE, drawn.shape[1] // FINE
    blocks = drawn[: height * FINE, : width * FINE].reshape(height, FINE, width, FINE)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def to_picture(points: ArrayLike) -> NDArray[np.float32]:
    """Carry points of a drawing to the picture that :func:`averaged` makes of it."""
    return ((np.asarray(points, np.float64) + 0.5) / FINE - 0.5).astype(np.float32)

"""Moving places: the maps, and pictures moved by them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ocrlearn._validate import check_image, check_number
from ocrlearn.data.synth.degrade._common import FloatImage, Points, working_copy

__all__ = [
    "PointMap",
    "curl",
    "curl_map",
    "move",
    "perspective",
    "perspective_map",
    "rotate",
    "scale_map",
]


@dataclass(frozen=True, eq=False)
class PointMap:
    """Where points go when an image is moved, and where they came from.

    Attributes
    ----------
    forward
        Function of ``(N, 2)`` points (x, y) of the old image to ``(N, 2)`` of the new one, float64.
    inverse
        The way back, which is what moving pixels needs.
    matrix
        The ``(3, 3)`` homography that does the same, or None for a map that bends straight lines.
    parts
        The two maps that this one is made of, in order, or None.
    """

    forward: Callable[[Points], Points]
    inverse: Callable[[Points], Points]
    matrix: Points | None = None
    parts: tuple["PointMap", "PointMap"] | None = None

    def __call__(self, points: ArrayLike) -> Points:
        """Map points of shape ``(..., 2)``, such as quads ``(N, 4, 2)``."""
        array = np.asarray(points, dtype=np.float64)
        return self.forward(array.reshape(-1, 2)).reshape(array.shape)

    def back(self, points: ArrayLike) -> Points:
        """Map points of the new image, of shape ``(..., 2)``, to the old one."""
        array = np.asarray(points, dtype=np.float64)
        return self.inverse(array.reshape(-1, 2)).reshape(array.shape)

    def sources(self, shape: tuple[int, int]) -> Points:
        """Return where each pixel of a result of `shape` comes from, ``(height, width, 2)``."""
        from ocrlearn.image.rectify import source_map

        if self.matrix is not None:
            return source_map(self.matrix, shape)
        if self.parts is not None:
            return self.parts[0].back(self.parts[1].sources(shape))
        x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
        return self.back(np.stack([x, y], axis=-1))

    def then(self, after: "PointMap") -> "PointMap":
        """Return this map followed by `after`."""
        if self.matrix is not None and after.matrix is not None:
            return PointMap.homography(after.matrix @ self.matrix)
        return PointMap(
            forward=lambda points: after.forward(self.forward(points)),
            inverse=lambda points: self.inverse(after.inverse(points)),
            parts=(self, after),
        )

    @staticmethod
    def identity() -> "PointMap":
        """Return the map that moves nothing."""
        return PointMap.homography(np.eye(3))

    @staticmethod
    def homography(matrix: ArrayLike) -> "PointMap":
        """Return the projective map of a ``(3, 3)`` matrix acting on (x, y, 1)."""
        from ocrlearn.geometry import transform_points

        forward = np.asarray(matrix, dtype=np.float64)
        inverse = np.linalg.inv(forward)
        return PointMap(
            forward=lambda points: transform_points(points, forward),
            inverse=lambda points: transform_points(points, inverse),
            matrix=forward,
        )


def move(
    image: Any,
    point_map: PointMap,
    shape: tuple[int, int],
    *,
    border: float | ArrayLike | str = 1.0,
) -> FloatImage:
    """Move the pixels of `image` as `point_map` moves points, with bilinear interpolation.

    Parameters
    ----------
    image
        Any image.
    point_map
        From points of `image` to points of the result.
    shape
        ``(height, width)`` of the result.
    border
        Brightness in [0, 1] of what lies outside `image`, one number or one for each channel; or
        "edge", which continues its border pixels outwards.

    Returns
    -------
    array
        float32, ``(height, width)`` or ``(height, width, 3)``.
    """
    from ocrlearn.image.rectify import warp

    paper = working_copy(image)
    if point_map.matrix is not None:
        return warp(paper, point_map.matrix, shape, border=border)
    return warp(paper, point_map.sources(shape), border=border)


def scale_map(old_shape: tuple[int, int], new_shape: tuple[int, int]) -> PointMap:
    """Return the map of a resize from `old_shape` to `new_shape`, both (height, width).

    Pixel centres lie at whole numbers, so the edge of the picture is at -0.5 on both sides.
    """
    x_ratio, y_ratio = new_shape[1] / old_shape[1], new_shape[0] / old_shape[0]
    # (x + 0.5) * ratio - 0.5
    x_shift, y_shift = (x_ratio - 1) / 2, (y_ratio - 1) / 2
    return PointMap.homography(np.array([[x_ratio, 0, x_shift], [0, y_ratio, y_shift], [0, 0, 1]]))


def perspective_map(shape: tuple[int, int], corners: ArrayLike) -> PointMap:
    """Return the projective map that carries a picture's corners to four given points.

    Parameters
    ----------
    shape
        ``(height, width)`` of the picture.
    corners
        ``(4, 2)``: where its top-left, top-right, bottom-right and bottom-left pixel centres go.

    Raises
    ------
    ValueError
        If `corners` are not the corners of a convex quad, clockwise as seen on the screen.
    """
    from ocrlearn.geometry import is_clockwise, is_convex
    from ocrlearn.image.rectify import homography

    target = np.asarray(corners, dtype=np.float64)
    if target.shape != (4, 2):
        raise ValueError(f"corners must have shape (4, 2), got {target.shape}")
    if not (is_convex(target) and is_clockwise(target)):
        raise ValueError(
            "corners must be the corners of a convex quad, clockwise as seen on the screen, "
            f"got {target.tolist()}"
        )
    bottom, right = shape[0] - 1, shape[1] - 1
    own_corners = [[0, 0], [right, 0], [right, bottom], [0, bottom]]
    return PointMap.homography(homography(own_corners, target))


def curl_map(
    shape: tuple[int, int], *, height: float, centre: float = 0.5, spread: float = 0.3
) -> tuple[PointMap, tuple[int, int]]:
    """Return the map of a page that bulges like an open book, and the shape that holds it.

    The sheet is bent about vertical axes only: its height above the table is the Gaussian
    ``h(x) = height * exp(-((x / width - centre) / spread) ** 2 / 2)``, and it is looked at from a
    long way off at 45 degrees from below, so that a point raised by h appears h higher. Lines of
    text become arches. Paper does not stretch: what is bent is seen narrower, because a step along
    the sheet is the hypotenuse of a step across the table and one upwards.

    Parameters
    ----------
    shape
        ``(height, width)`` of the flat sheet in pixels.
    height
        Of the bulge in pixels; negative for a hollow.
    centre, spread
        Place and standard deviation of the bulge, as shares of the width.
    """
    check_number(height, "height")
    check_number(centre, "centre")
    check_number(spread, "spread", low=0, low_open=True)
    sheet_height, width = shape
    across = np.linspace(0, width - 1, max(2, 4 * width))  # on the table, finely sampled
    lift = height * np.exp(-0.5 * ((across / width - centre) / spread) ** 2)
    # The place on the sheet that lies above `across`; the sheet ends before the table does.
    along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(across), np.diff(lift)))])
    highest, lowest = float(lift.max()), float(lift.min())
    seen_width = float(np.interp(width - 1, along, across))

    # Beyond the sheet both functions go on with slope one, so that the map stays invertible.
    def to_table(sheet: Points) -> Points:
        inside = np.interp(sheet, along, across)
        return inside + np.minimum(sheet, 0) + np.maximum(sheet - along[-1], 0)

    def to_sheet(table: Points) -> Points:
        inside = np.interp(table, across, along)
        return inside + np.minimum(table, 0) + np.maximum(table - across[-1], 0)

    def forward(points: Points) -> Points:
        x = to_table(points[:, 0])
        return np.column_stack([x, points[:, 1] + highest - np.interp(x, across, lift)])

    def inverse(points: Points) -> Points:
        x = points[:, 0]
        return np.column_stack([to_sheet(x), points[:, 1] - highest + np.interp(x, across, lift)])

    seen_shape = (int(np.ceil(sheet_height + highest - lowest)), int(np.ceil(seen_width)) + 1)
    return PointMap(forward, inverse), seen_shape


def rotate(
    image: Any, angle: float, *, border: float | ArrayLike | str = 1.0
) -> tuple[FloatImage, PointMap]:
    """Turn a picture by `angle` radians, counter-clockwise; the result holds all of it.

    `border` is as in :func:`move`.
    """
    from ocrlearn.image.rectify import rotation

    paper = check_image(image)
    matrix, shape = rotation(paper.shape[:2], angle)
    turned = PointMap.homography(matrix)
    return move(paper, turned, shape, border=border), turned


def perspective(
    image: Any,
    corners: ArrayLike,
    *,
    shape: tuple[int, int] | None = None,
    border: float | ArrayLike | str = 1.0,
) -> tuple[FloatImage, PointMap]:
    """Look at a flat picture from an angle: carry its corners to `corners`.

    `shape` is the height and width of the result, by default those of `image`. See
    :func:`perspective_map` for `corners` and :func:`move` for `border`.
    """
    paper = check_image(image)
    height, width = paper.shape[:2]
    seen = perspective_map((height, width), corners)
    return move(paper, seen, shape or (height, width), border=border), seen


def curl(
    image: Any,
    *,
    height: float,
    centre: float = 0.5,
    spread: float = 0.3,
    border: float | ArrayLike | str = 1.0,
) -> tuple[FloatImage, PointMap]:
    """Bend a picture as the page of an open book: see :func:`curl_map` and :func:`move`."""
    paper = check_image(image)
    bent, shape = curl_map(
        (paper.shape[0], paper.shape[1]), height=height, centre=centre, spread=spread
    )
    return move(paper, bent, shape, border=border), bent

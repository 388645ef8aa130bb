"""Straighten a flat page that was photographed at an angle: homographies and resampling.

A camera maps a plane, such as a page on a table, to the picture by a *homography*: a ``(3, 3)``
matrix acting on homogeneous points (x, y, 1), with the result divided by its third component. Four
points of the page fix it; knowing it, every pixel of the upright page can be fetched from where it
lies in the photograph. This module finds the matrix (:func:`homography`), finds the page in a
photograph (:func:`find_page_quad`), and fetches the pixels (:func:`warp`, :func:`rectify`,
:func:`rotate`). The other geometric repairs, :mod:`~ocrlearn.image.deskew`,
:mod:`~ocrlearn.image.dewarp` and :mod:`~ocrlearn.image.undistort`, fetch theirs with the same
:func:`warp`.

Points are (x, y) with pixel centres at whole numbers, so a picture of width W spans from x = -0.5
to x = W - 0.5.
"""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ocrlearn._dispatch import pick
from ocrlearn._validate import check_choice, check_image, check_number
from ocrlearn.geometry import (
    convex_hull,
    is_clockwise,
    is_convex,
    order_quad,
    point_in_polygon,
    rotation_matrix,
    transform_points,
)
from ocrlearn.image.binarize import otsu_threshold
from ocrlearn.image.convert import to_float, to_gray
from ocrlearn.ops.components import connected_components_with_stats

__all__ = [
    "RUNGS",
    "Rotation",
    "estimate_aspect",
    "find_page_quad",
    "homography",
    "rectify",
    "rotate",
    "rotation",
    "source_map",
    "warp",
    "warp_reference",
]

Points = NDArray[np.float64]
Matrix = NDArray[np.float64]

# ---------------------------------------------------------------------------------------------
# Homographies


def homography(source: ArrayLike, target: ArrayLike) -> Matrix:
    """Find the projective map that carries the points `source` to the points `target`.

    Each pair (x, y) -> (u, v) gives two equations that are linear in the nine entries of the
    matrix; the *direct linear transform* takes the unit vector that comes closest to solving them
    all, the last right singular vector. Four pairs are met exactly, more in the sense of least
    squares. Both point sets are first moved and scaled to lie about the origin at a mean distance
    of sqrt(2): in pixels the entries of the equations differ by a factor of a million (x * u
    against 1), and least squares would care for the large ones only.

    Parameters
    ----------
    source, target
        ``(N, 2)`` points (x, y) with N >= 4, in the same order.

    Returns
    -------
    matrix
        ``(3, 3)`` float64, scaled so that its last entry is 1 (or, where the origin is sent to
        infinity and that is impossible, to unit length). Apply it with
        :func:`ocrlearn.geometry.transform_points`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or the points do not fix a homography: fewer
        than four different points, or no four of them without three on one line.

    References
    ----------
    R. Hartley, "In Defense of the Eight-Point Algorithm", IEEE TPAMI 19(6), 1997.
    R. Hartley and A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition,
    Cambridge University Press, 2004, section 4.4 (algorithm 4.2).
    """
    source, target = _check_pairs(source, target)
    to_unit_source, to_unit_target = _normalisation(source), _normalisation(target)
    equations = []
    for (x, y), (u, v) in zip(
        transform_points(source, to_unit_source),
        transform_points(target, to_unit_target),
        strict=True,
    ):
        equations.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        equations.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    _, singular, right = np.linalg.svd(np.array(equations))
    unit_matrix = right[-1].reshape(3, 3)
    _refuse_degenerate(singular, unit_matrix)
    matrix = np.linalg.inv(to_unit_target) @ unit_matrix @ to_unit_source
    matrix /= np.linalg.norm(matrix)
    return matrix / matrix[2, 2] if abs(matrix[2, 2]) > 1e-12 else matrix


def _normalisation(points: Points) -> Matrix:
    """Similarity that moves the centroid to the origin and the mean distance from it to sqrt(2)."""
    centre = points.mean(axis=0)
    distance = np.linalg.norm(points - centre, axis=1).mean()
    scale = np.sqrt(2) / distance
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])


def _check_pairs(source: ArrayLike, target: ArrayLike) -> tuple[Points, Points]:
    arrays = []
    for name, value in (("source", source), ("target", target)):
        points = np.asarray(value, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 4:
            raise ValueError(f"{name} must have shape (N, 2) with N >= 4, got {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity")
        different = len(np.unique(points, axis=0))
        if different < 4:
            raise ValueError(
                f"{name} must hold at least four different points to fix a homography, "
                f"got {different}"
            )
        arrays.append(points)
    if len(arrays[0]) != len(arrays[1]):
        raise ValueError(
            f"source and target must have as many points, got {len(arrays[0])} and {len(arrays[1])}"
        )
    return arrays[0], arrays[1]


def _refuse_degenerate(singular: NDArray[np.float64], unit_matrix: Matrix) -> None:
    """Refuse equations with more than one solution, and a solution that flattens the plane.

    The first happens when the same three points lie on a line on both sides, the second when they
    do on one side only.
    """
    ambiguous = singular[7] < 1e-9 * singular[0]
    if ambiguous or np.linalg.cond(unit_matrix) > 1e9:
        raise ValueError(
            "source and target do not fix a homography: "
            "four pairs are needed of which no three points lie on one line"
        )


# ---------------------------------------------------------------------------------------------
# Resampling


class _Border(NamedTuple):
    """What lies outside a picture: its nearest border pixel, or one value per channel."""

    continues: bool
    value: NDArray[np.float64]


def warp(
    image: Any,
    transform: ArrayLike,
    shape: tuple[int, int] | None = None,
    *,
    interpolation: str = "bilinear",
    border: float | ArrayLike | str = 0,
    rung: str | None = None,
) -> NDArray[Any]:
    """Move the pixels of `image` by a homography or a map.

    Going through the *result* and fetching every pixel from where it lies in `image` leaves no
    holes, which pushing the pixels of `image` forward would. The place is rarely the centre of a
    pixel, so its neighbours are weighed together.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``; uint8, bool or float in [0, 1].
    transform
        Either a ``(3, 3)`` matrix that carries points of `image` to points of the result (as
        :func:`homography` finds it), or a map of shape ``(height, width, 2)`` that holds for each
        pixel of the result the point (x, y) of `image` it comes from. Note the opposite directions:
        each is the one in which it is naturally known.
    shape
        ``(height, width)`` of the result. By default that of `image` for a matrix; a map has its
        own.
    interpolation
        "nearest"; "bilinear" (the four pixels around, by nearness); or "bicubic" (sixteen pixels,
        the cubic of Keys with a = -1/2), which keeps small letters crisper.
    border
        Value of everything outside `image`, one number or one for each channel, in the image's own
        range; or "edge", which continues the border pixels outwards.
    rung
        "reference" or "fast"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    array
        ``(height, width)`` or ``(height, width, 3)`` in the dtype of `image`. uint8 results are
        rounded to nearest; a bool result is True where the weighed mean is at least one half.

    Raises
    ------
    ValueError
        If the matrix is singular, or the shape, interpolation or border make no sense.

    Notes
    -----
    No filter is applied before shrinking: to make a picture much smaller, blur it first.

    References
    ----------
    R. Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE Transactions on
    Acoustics, Speech, and Signal Processing 29(6), 1981.
    """
    array = check_image(image)
    check_choice(interpolation, "interpolation", INTERPOLATIONS)
    resample = pick(RUNGS, array, rung=rung)
    outside = _check_border(border, array)
    matrix_or_map, (height, width) = _check_transform(transform, shape, array)

    planes = np.ascontiguousarray(array.reshape(*array.shape[:2], -1))
    if planes.dtype == np.bool_:
        planes = planes.view(np.uint8)
    result = np.empty((height, width, planes.shape[2]), array.dtype)
    rows_at_once = max(1, 2**18 // width)  # one block of coordinates and values fits the cache
    for top in range(0, height, rows_at_once):
        bottom = min(top + rows_at_once, height)
        if matrix_or_map.ndim == 3:
            block = np.ascontiguousarray(matrix_or_map[top:bottom], np.float64)
        else:
            block = source_map(matrix_or_map, (bottom - top, width), top=top)
        values = resample(planes, block, interpolation, outside)
        result[top:bottom] = _to_dtype(values, array.dtype)
    return result.reshape(height, width, *array.shape[2:])


def source_map(matrix: ArrayLike, shape: tuple[int, int], *, top: int = 0) -> Points:
    """Return the map, ``(height, width, 2)``, that fetches a result of `shape` through `matrix`.

    The inverse of `matrix` is applied to every pixel of the result, the rows counted from `top`.
    Pixels on the line that it sends to infinity come out infinite or NaN, which :func:`warp` takes
    for outside.
    """
    height, width = shape
    inverse = np.linalg.inv(np.asarray(matrix, dtype=np.float64))
    u, v = np.arange(width), np.arange(top, top + height)[:, None]
    places = np.empty((height, width, 2))
    scale = inverse[2, 0] * u + (inverse[2, 1] * v + inverse[2, 2])
    with np.errstate(divide="ignore", invalid="ignore"):
        for axis, row in enumerate(inverse[:2]):
            np.divide(row[0] * u + (row[1] * v + row[2]), scale, out=places[..., axis])
    return places


def _check_border(border: float | ArrayLike | str, image: NDArray[Any]) -> _Border:
    channels = 1 if image.ndim == 2 else image.shape[2]
    if isinstance(border, str):
        check_choice(border, "border", ("edge",))
        return _Border(True, np.zeros(channels))
    value = np.asarray(border, dtype=np.float64)
    if value.shape not in ((), (channels,)):
        raise ValueError(
            f"border must be 'edge', a number or one number for each of {channels} channels, "
            f"got shape {value.shape}"
        )
    highest = 255 if image.dtype == np.uint8 else 1
    if not ((value >= 0) & (value <= highest)).all():
        raise ValueError(f"border must lie in [0, {highest}], as the image does, got {border!r}")
    return _Border(False, np.broadcast_to(value, channels).copy())


def _check_transform(
    transform: ArrayLike, shape: tuple[int, int] | None, image: NDArray[Any]
) -> tuple[NDArray[np.floating[Any]], tuple[int, int]]:
    array = np.asarray(transform)
    if array.ndim == 3 and array.shape[2] == 2 and array.size:
        if shape is not None and tuple(shape) != array.shape[:2]:
            raise ValueError(
                f"shape must be left out or that of the map, {array.shape[:2]}, got {shape}"
            )
        return array, (array.shape[0], array.shape[1])
    if array.shape != (3, 3):
        raise ValueError(
            "transform must be a (3, 3) matrix or a map of shape (height, width, 2), "
            f"got shape {array.shape}"
        )
    matrix = array.astype(np.float64)
    if not np.isfinite(matrix).all() or np.linalg.matrix_rank(matrix, rtol=1e-12) < 3:
        raise ValueError("transform must be a finite matrix with an inverse")
    height, width = image.shape[:2] if shape is None else shape
    return matrix, (
        int(check_number(height, "shape[0]", low=1, integer=True)),
        int(check_number(width, "shape[1]", low=1, integer=True)),
    )


def _to_dtype(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Back to the image's own range and dtype; bicubic weights can overshoot it."""
    if dtype == np.bool_:
        return values >= 0.5
    if dtype == np.uint8:
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return np.clip(values, 0, 1).astype(dtype)


INTERPOLATIONS = {"nearest": 1, "bilinear": 2, "bicubic": 4}
"""Kinds of interpolation, with the number of pixels each weighs along either axis."""


def _weights(interpolation: str, beyond: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Weight of each pixel along one axis for a point that lies `beyond` the floor pixel.

    The pixels are at 0 for "nearest" (where `beyond` is measured from the nearest pixel), at 0 and
    1 for "bilinear", and at -1, 0, 1 and 2 for "bicubic".
    """
    t = beyond
    if interpolation == "nearest":
        return [np.ones_like(t)]
    if interpolation == "bilinear":
        return [1 - t, t]
    return [
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    ]


def warp_reference(
    image: NDArray[Any], places: Points, interpolation: str, border: _Border
) -> NDArray[np.float64]:
    """Fetch ``(h, w, C)`` values of an ``(H, W, C)`` image at ``(h, w, 2)`` places (x, y).

    One array operation for each of the pixels that are weighed.
    """
    height, width, _ = image.shape
    taps = INTERPOLATIONS[interpolation]
    far = 2.0 * max(height, width) + taps
    x, y = np.moveaxis(np.nan_to_num(places, nan=-far, posinf=far, neginf=-far), -1, 0)
    x, y = np.clip(x, -far, far), np.clip(y, -far, far)
    shift = 0.5 if interpolation == "nearest" else 0.0
    left, top = np.floor(x + shift), np.floor(y + shift)
    weights_x, weights_y = _weights(interpolation, x - left), _weights(interpolation, y - top)
    first = -1 if taps == 4 else 0

    total = np.zeros((*places.shape[:2], image.shape[2]))
    for j in range(taps):
        for i in range(taps):
            column = left.astype(int) + first + i
            row = top.astype(int) + first + j
            values = image[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
            if not border.continues:
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
                values = np.where(inside[..., None], values, border.value)
            total += (weights_y[j] * weights_x[i])[..., None] * values
    return total


@njit(cache=True, inline="always")
def _fill_weights(taps: int, t: float, weights: NDArray[np.float64]) -> None:
    """Do for one point what `_weights` does for many."""
    if taps == 1:
        weights[0] = 1.0
    elif taps == 2:
        weights[0], weights[1] = 1 - t, t
    else:
        weights[0] = ((2 - t) * t - 1) * t / 2
        weights[1] = ((3 * t - 5) * t * t + 2) / 2
        weights[2] = ((4 - 3 * t) * t + 1) * t / 2
        weights[3] = (t - 1) * t * t / 2


@njit(cache=True)
def _warp_pixels(
    image: NDArray[Any],
    places: Points,
    taps: int,
    continues: bool,
    border: NDArray[np.float64],
    result: NDArray[np.float64],
) -> None:
    """Fetch pixel after pixel; `result` comes filled with zeros."""
    height, width, channels = image.shape
    shift = 0.5 if taps == 1 else 0.0
    first = -1 if taps == 4 else 0
    far = 2.0 * max(height, width) + taps
    weights_x, weights_y = np.empty(4), np.empty(4)
    for v in range(places.shape[0]):
        for u in range(places.shape[1]):
            x, y = places[v, u, 0], places[v, u, 1]
            x = -far if np.isnan(x) else min(max(x, -far), far)
            y = -far if np.isnan(y) else min(max(y, -far), far)
            left, top = int(np.floor(x + shift)), int(np.floor(y + shift))
            if taps == 2 and 0 <= left < width - 1 and 0 <= top < height - 1:
                # Most pixels of most warps; written out, it takes half the time.
                a, b = x - left, y - top
                for channel in range(channels):
                    result[v, u, channel] = (
                        (1 - b) * (1 - a) * image[top, left, channel]
                        + (1 - b) * a * image[top, left + 1, channel]
                        + b * (1 - a) * image[top + 1, left, channel]
                        + b * a * image[top + 1, left + 1, channel]
                    )
                continue
            _fill_weights(taps, x - left, weights_x)
            _fill_weights(taps, y - top, weights_y)
            left += first
            top += first
            if left >= 0 and left + taps <= width and top >= 0 and top + taps <= height:
                for j in range(taps):
                    for i in range(taps):
                        weight = weights_y[j] * weights_x[i]
                        for channel in range(channels):
                            result[v, u, channel] += weight * image[top + j, left + i, channel]
                continue
            for j in range(taps):
                row = min(max(top + j, 0), height - 1)
                for i in range(taps):
                    column = min(max(left + i, 0), width - 1)
                    inside = continues or (row == top + j and column == left + i)
                    weight = weights_y[j] * weights_x[i]
                    for channel in range(channels):
                        value = image[row, column, channel] if inside else border[channel]
                        result[v, u, channel] += weight * value


def _warp_fast(
    image: NDArray[Any], places: Points, interpolation: str, border: _Border
) -> NDArray[np.float64]:
    result = np.zeros((*places.shape[:2], image.shape[2]))
    taps = INTERPOLATIONS[interpolation]
    _warp_pixels(image, places, taps, border.continues, border.value, result)
    return result


RUNGS = {"reference": warp_reference, "fast": _warp_fast}


# ---------------------------------------------------------------------------------------------
# Turning


class Rotation(NamedTuple):
    """How :func:`rotate` turns a picture.

    Attributes
    ----------
    matrix
        ``(3, 3)`` float64, from points of the picture to points of the turned one.
    shape
        ``(height, width)`` of the turned picture.
    """

    matrix: Matrix
    shape: tuple[int, int]


def rotation(shape: tuple[int, int], angle: float, *, expand: bool = True) -> Rotation:
    """Return the turn of a picture about its centre, for :func:`warp`.

    Parameters
    ----------
    shape
        ``(height, width)`` of the picture.
    angle
        In radians, positive counter-clockwise as seen on the screen.
    expand
        Make the result large enough to hold all of the turned picture; otherwise it keeps `shape`
        and loses the corners.
    """
    check_number(angle, "angle")
    height, width = shape[:2]
    cosine, sine = abs(np.cos(angle)), abs(np.sin(angle))
    new_height, new_width = height, width
    if expand:
        # Whole turns by 90 degrees must not grow by a pixel for the sake of rounding errors.
        new_width = int(np.ceil(width * cosine + height * sine - 1e-9))
        new_height = int(np.ceil(width * sine + height * cosine - 1e-9))
    matrix = rotation_matrix(angle, ((width - 1) / 2, (height - 1) / 2))
    matrix[:2, 2] += [(new_width - width) / 2, (new_height - height) / 2]
    return Rotation(matrix, (new_height, new_width))


def rotate(
    image: Any,
    angle: float,
    *,
    expand: bool = True,
    interpolation: str = "bilinear",
    border: float | ArrayLike | str = 0,
    rung: str | None = None,
) -> NDArray[Any]:
    """Turn `image` by `angle` radians about its centre, counter-clockwise as seen on the screen.

    See :func:`rotation` for `angle` and `expand` (and for where points go), :func:`warp` for the
    others.
    """
    array = check_image(image)
    matrix, shape = rotation((array.shape[0], array.shape[1]), angle, expand=expand)
    return warp(array, matrix, shape, interpolation=interpolation, border=border, rung=rung)


# ---------------------------------------------------------------------------------------------
# Flattening a quadrilateral


def rectify(
    image: Any,
    quad: ArrayLike,
    shape: tuple[int, int] | None = None,
    *,
    aspect: str = "sides",
    interpolation: str = "bilinear",
    border: float | ArrayLike | str = "edge",
    rung: str | None = None,
) -> NDArray[Any]:
    """Cut a flat page out of a photograph and look at it from straight above.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``; uint8, bool or float in [0, 1].
    quad
        ``(4, 2)`` corners (x, y) of the page in the photograph, clockwise from its top-left. They
        become the centres of the result's corner pixels.
    shape
        ``(height, width)`` of the result. By default as large as the longest sides of `quad`, so
        that no detail is lost, with the proportions that `aspect` says.
    aspect
        Where the proportions come from, if `shape` does not give them. "sides": from the lengths of
        the sides as they appear, which is right for a page seen nearly from above. "camera": from
        :func:`estimate_aspect`, which is right from all sides, but only if `image` is a whole
        photograph and was not cropped.
    interpolation, border, rung
        As for :func:`warp`.

    Returns
    -------
    array
        The upright page in the dtype of `image`.

    Raises
    ------
    ValueError
        If `quad` is not four corners of a convex quadrilateral in clockwise order.
    """
    array = check_image(image)
    corners = _check_quad(quad)
    check_choice(aspect, "aspect", ("sides", "camera"))
    if shape is None:
        sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
        width, height = max(sides[0], sides[2]), max(sides[1], sides[3])
        if aspect == "camera":
            proportion = estimate_aspect(corners, array.shape[:2])
            width, height = max(width, height * proportion), max(height, width / proportion)
        shape = (round(height) + 1, round(width) + 1)
    right, bottom = shape[1] - 1, shape[0] - 1
    if right < 1 or bottom < 1:
        raise ValueError(f"shape must be at least (2, 2), got {shape}")
    upright = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]])
    matrix = homography(corners, upright)
    return warp(array, matrix, shape, interpolation=interpolation, border=border, rung=rung)


def _check_quad(quad: ArrayLike) -> Points:
    corners = np.asarray(quad, dtype=np.float64)
    if corners.shape != (4, 2):
        raise ValueError(f"quad must have shape (4, 2), got {corners.shape}")
    if not (np.isfinite(corners).all() and is_convex(corners) and is_clockwise(corners)):
        raise ValueError(
            "quad must be the corners of a convex quadrilateral, clockwise as seen on the screen "
            f"(ocrlearn.geometry.order_quad sorts them), got {corners.tolist()}"
        )
    return corners


def estimate_aspect(
    quad: ArrayLike, image_shape: tuple[int, ...], focal_length: float | None = None
) -> float:
    """Width divided by height of the rectangle that appears as `quad` in a photograph.

    A homography of the unit square to the quad has the columns ``h1 = w K r1`` and ``h2 = h K r2``
    (up to one common factor), where w and h are the rectangle's sides, r1 and r2 two columns of a
    rotation, and K the camera, which is known except for its focal length: square pixels, and the
    optical axis through the middle of the picture. That r1 and r2 are perpendicular gives the focal
    length; that they are equally long then gives w / h.

    Parameters
    ----------
    quad
        ``(4, 2)`` corners (x, y) of the rectangle, clockwise from its top-left.
    image_shape
        Shape of the uncropped photograph.
    focal_length
        In pixels, if it is known. By default it is found as described, which needs a page whose
        both pairs of sides are seen to converge; otherwise it is taken to be 0.8 times the longer
        side of the picture, about that of a telephone's main camera.

    References
    ----------
    Z. Zhang and L.-W. He, "Whiteboard scanning and image enhancement", Digital Signal Processing
    17(2), 2007.
    """
    corners = _check_quad(quad)
    height, width = image_shape[:2]
    if focal_length is not None:
        check_number(focal_length, "focal_length", low=0, low_open=True)
    from_axis = corners - [(width - 1) / 2, (height - 1) / 2]
    matrix = homography([[0, 0], [1, 0], [1, 1], [0, 1]], from_axis)
    (along, across, _) = (matrix / matrix[2, 2]).T
    if focal_length is None:
        focal_length = 0.8 * max(height, width)
        if min(abs(along[2]), abs(across[2])) > 0.02:
            squared = -(along[:2] @ across[:2]) / (along[2] * across[2])
            # Outside this range, corners off by a pixel are likelier than such a lens.
            if 0.3 < np.sqrt(max(squared, 0)) / max(height, width) < 5:
                focal_length = float(np.sqrt(squared))
    unproject = np.array([1 / focal_length, 1 / focal_length, 1])
    return float(np.linalg.norm(along * unproject) / np.linalg.norm(across * unproject))


def find_page_quad(image: Any) -> NDArray[np.float32] | None:
    """Find the corners of a bright page on a darker ground.

    The picture is thresholded at several levels about Otsu's. At each, the largest bright patch,
    its holes (the text) filled, is a candidate. The largest quadrilateral between the corners of
    its convex hull is nearly the page; straight lines fitted to the patch's outline along the four
    sides then meet in the corners, which also works where a corner is worn or folded. The candidate
    that its quadrilateral covers best wins.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1].

    Returns
    -------
    array or None
        ``(4, 2)`` float32 corners, clockwise from the top-left. None if no bright patch of at least
        a tenth of the picture is a quadrilateral (to nine tenths of intersection over union), or if
        more than one of its sides is the picture's own.

    Notes
    -----
    A page on a ground as bright as itself, or lying across another page, is not found.
    """
    gray = to_float(to_gray(image)).astype(np.float64)
    step = max(1, max(gray.shape) // 500)
    rows, columns = (length // step * step for length in gray.shape)
    if min(rows, columns) < 16 * step:
        return None
    blocks = gray[:rows, :columns].reshape(rows // step, step, columns // step, step)
    small = ndimage.gaussian_filter(blocks.mean(axis=(1, 3)), 1.0)

    best_quad, best_overlap = None, 0.89
    middle = otsu_threshold(small)
    dark, bright = small[small <= middle], small[small > middle]
    if bright.size == 0:
        return None
    for share in (0.5, 0.4, 0.6, 0.25, 0.75):  # halfway, an even edge is found where it is
        level = np.median(dark) + share * (np.median(bright) - np.median(dark))
        patch = _largest_patch(small > level)
        # An edge runs half a pixel of `small` outside the centres of the patch's outermost pixels,
        # and half a pixel of `image` outside the centres of the page's.
        quad = _fit_quad(patch, outwards=0.5 - 0.5 / step)
        if quad is None or patch.mean() < 0.1 or _sides_on_border(quad, patch.shape) > 1:
            continue
        overlap = _overlap(patch, quad)
        if overlap > best_overlap + 0.01:
            best_quad, best_overlap = quad, overlap
        if best_overlap > 0.97:
            break
    if best_quad is None:
        return None
    corners = order_quad((best_quad + 0.5) * step - 0.5)
    return corners.astype(np.float32)


def _largest_patch(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest component of a mask, thin bridges cut and holes filled."""
    cut = ndimage.binary_opening(mask, iterations=2)
    labels, stats = connected_components_with_stats(cut, connectivity=4)
    if len(stats) == 1:
        return np.zeros_like(mask)
    return ndimage.binary_fill_holes(labels == 1 + np.argmax(stats.area[1:]))


def _sides_on_border(quad: Points, shape: tuple[int, ...]) -> int:
    """How many sides of a quad run along the border of the picture."""
    x, y = quad.T
    margin = 0.01 * max(shape)
    right, bottom = shape[1] - 1 - margin, shape[0] - 1 - margin
    at_border = np.stack([x < margin, y < margin, x > right, y > bottom])
    return int((at_border & np.roll(at_border, -1, axis=1)).sum())


def _fit_quad(patch: NDArray[np.bool_], outwards: float) -> Points | None:
    """Lines along the four sides of a patch, moved outwards and intersected, or None."""
    outline = patch & ~ndimage.binary_erosion(patch)
    y, x = np.nonzero(outline)
    points = np.stack([x, y], axis=1).astype(np.float64)
    if len(points) < 16:
        return None
    hull = np.asarray(convex_hull(points), dtype=np.float64)
    if len(hull) < 4:
        return None
    corners = _largest_quad(hull)
    sides = [
        _side_line(points, start, end)
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]
    centre = corners.mean(axis=0)
    for side in sides:
        side[2] += outwards * np.sign(side @ [*centre, 1])
    # Homogeneous lines meet in their cross product; corner i lies between sides i - 1 and i.
    meetings = np.cross(np.roll(sides, 1, axis=0), sides)
    if (np.abs(meetings[:, 2]) < 1e-9).any():
        return None
    quad = meetings[:, :2] / meetings[:, 2:]
    reach = 0.1 * np.ptp(hull, axis=0).max()
    near = np.abs(quad - corners).max() < reach
    return quad if near and is_convex(quad) and is_clockwise(quad) else None


def _largest_quad(hull: Points) -> Points:
    """Return the four corners of a convex polygon that enclose the largest area.

    Down to 24 corners, the one is dropped that cuts off least; then all choices of four are tried.
    """
    corners = hull
    while len(corners) > 24:
        before, after = (
            np.roll(corners, 1, axis=0) - corners,
            np.roll(corners, -1, axis=0) - corners,
        )
        lost = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])
        corners = np.delete(corners, np.argmin(lost), axis=0)
    choices = np.array(list(combinations(range(len(corners)), 4)))
    a, b, c, d = np.moveaxis(corners[choices], 1, 0)
    area = (c - a)[:, 0] * (d - b)[:, 1] - (c - a)[:, 1] * (d - b)[:, 0]  # by the diagonals
    return corners[choices[np.argmax(area)]]


def _side_line(points: Points, start: Points, end: Points) -> Points:
    """Homogeneous line through the outline's points along the side from `start` to `end`.

    Total least squares, repeated without the points furthest from the line. The ends of the side,
    where the outline may turn, are left out.
    """
    length = np.linalg.norm(end - start)
    direction = (end - start) / length
    along = (points - start) @ direction
    away = np.abs((points - start) @ [-direction[1], direction[0]])
    side = points[(along > 0.1 * length) & (along < 0.9 * length) & (away < 0.03 * length + 2)]
    if len(side) < 2:
        side = np.stack([start, end])
    normal, centre = np.array([-direction[1], direction[0]]), start
    for _ in range(5):
        centre = side.mean(axis=0)
        normal = np.linalg.svd(side - centre, full_matrices=False)[2][1]
        distance = np.abs((side - centre) @ normal)
        kept = distance <= max(2 * np.median(distance), 0.5)
        if kept.all():
            break
        side = side[kept]
    return np.array([*normal, -normal @ centre])


def _overlap(patch: NDArray[np.bool_], quad: Points) -> float:
    """Intersection over union of a patch and a quadrilateral."""
    height, width = patch.shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    inside = point_in_polygon(grid.reshape(-1, 2), quad).reshape(patch.shape)
    return float((inside & patch).sum() / (inside | patch).sum())

"""Straighten what a wide-angle lens bends: radial and tangential distortion.

A pinhole camera keeps straight lines straight. A real lens enlarges the rim of the picture more, or
less, than its middle, and page edges near the rim bulge. Brown's model describes this by a few
coefficients (k1, k2, p1, p2, k3) acting on *normalised* points, which are pixels after the camera
matrix has been undone: (0, 0) is where the optical axis meets the picture, and a distance of 1 is
the focal length. With r^2 = x^2 + y^2,

    radial = 1 + k1 r^2 + k2 r^4 + k3 r^6
    x' = x radial + 2 p1 x y + p2 (r^2 + 2 x^2)
    y' = y radial + p1 (r^2 + 2 y^2) + 2 p2 x y

carries a point (x, y), where the pinhole would have put it, to (x', y'), where the lens did.
Negative k1 is *barrel* distortion, as wide-angle lenses have it, positive *pincushion*. Order,
signs and units of the coefficients are those of OpenCV.

To straighten a picture this direction is all one needs: each pixel of the straight picture is
fetched from where the lens put it. For points found in the distorted picture the equations have to
be solved, which :func:`undistort_points` does by Newton's method.

The coefficients come from photographs of a checkerboard as a rule. :func:`calibrate_from_lines`
does without: it needs some lines in one photograph that are straight in the world, such as the
edges and rules of pages, and finds the coefficients that make them straight.

References
----------
D. C. Brown, "Decentering Distortion of Lenses", Photogrammetric Engineering 32(3), 1966.
D. C. Brown, "Close-Range Camera Calibration", Photogrammetric Engineering 37(8), 1971.
F. Devernay and O. Faugeras, "Straight lines have to be straight", Machine Vision and Applications
13, 2001.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from ocrlearn._validate import check_choice, check_image, check_number
from ocrlearn.image.rectify import warp

__all__ = [
    "Calibration",
    "calibrate_from_lines",
    "camera_matrix",
    "distort",
    "distort_points",
    "undistort",
    "undistort_points",
    "undistortion_map",
]

Points = NDArray[np.float64]
Matrix = NDArray[np.float64]


def camera_matrix(shape: tuple[int, ...], focal_length: float | None = None) -> Matrix:
    """Return the camera matrix of a picture of which little is known.

    Parameters
    ----------
    shape
        Of the uncropped picture, whose middle is taken for the optical axis.
    focal_length
        In pixels; by default the longer side of the picture. What is assumed here only scales the
        distortion coefficients, as long as the same matrix is used throughout.

    Returns
    -------
    array
        ``(3, 3)``, ``[[f, 0, cx], [0, f, cy], [0, 0, 1]]``.
    """
    height, width = shape[:2]
    focal = float(max(height, width)) if focal_length is None else focal_length
    check_number(focal, "focal_length", low=0, low_open=True)
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])


def distort(points: Points, distortion: NDArray[np.float64]) -> Points:
    """Carry normalised points to where the lens puts them: the model, as written above."""
    k1, k2, p1, p2, k3 = distortion
    x, y = points[..., 0], points[..., 1]
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    distorted_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
    distorted_y = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
    return np.stack([distorted_x, distorted_y], axis=-1)


def _jacobian(points: Points, distortion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the derivative of :func:`distort` with respect to the point: ``(..., 2, 2)``."""
    k1, k2, p1, p2, k3 = distortion
    x, y = points[..., 0], points[..., 1]
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    slope = 2 * (k1 + 2 * k2 * r2 + 3 * k3 * r2**2)  # d radial / dx = slope * x
    mixed = slope * x * y + 2 * p1 * x + 2 * p2 * y
    along_x = radial + slope * x**2 + 2 * p1 * y + 6 * p2 * x
    along_y = radial + slope * y**2 + 6 * p1 * y + 2 * p2 * x
    return np.stack([np.stack([along_x, mixed], -1), np.stack([mixed, along_y], -1)], -2)


def undistort_normalised(points: Points, distortion: NDArray[np.float64]) -> Points:
    """Solve ``distort(result) = points`` by Newton's method, starting from the points themselves.

    NaN where there is no solution near by: a point further out than the lens can put any.
    """
    estimate = points.copy()
    for _ in range(50):
        error = distort(estimate, distortion) - points
        step = np.linalg.solve(_safe(_jacobian(estimate, distortion)), error[..., None])[..., 0]
        # No step longer than a quarter of the focal length, lest it jump past the fold.
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        estimate = estimate - step * np.minimum(1, 0.25 / np.maximum(length, 1e-12))
        if np.abs(error).max(initial=0.0) < 1e-14:
            break
    is_solved = np.abs(distort(estimate, distortion) - points).max(axis=-1) < 1e-9
    is_solved &= np.linalg.det(_jacobian(estimate, distortion)) > 0
    return np.where(is_solved[..., None], estimate, np.nan)


def _safe(jacobian: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace Jacobians without an inverse by the identity."""
    is_flat = np.abs(np.linalg.det(jacobian)) < 1e-6
    return np.where(is_flat[..., None, None], np.eye(2), jacobian)


def distort_points(points: ArrayLike, camera: ArrayLike, distortion: ArrayLike) -> Points:
    """Carry ``(..., 2)`` pixels of the straightened picture to the picture as taken.

    See :func:`undistort` for `camera` and `distortion`.
    """
    matrix, coefficients = _check_lens(camera, distortion)
    normalised = _normalise(_check_points(points), matrix)
    return _to_pixels(distort(normalised, coefficients), matrix)


def undistort_points(points: ArrayLike, camera: ArrayLike, distortion: ArrayLike) -> Points:
    """Carry ``(..., 2)`` pixels of the picture as taken to the straightened picture.

    See :func:`undistort` for `camera` and `distortion`. The result is NaN for points that the model
    can put nowhere: strong barrel distortion maps the whole plane into a disc.
    """
    matrix, coefficients = _check_lens(camera, distortion)
    normalised = _normalise(_check_points(points), matrix)
    return _to_pixels(undistort_normalised(normalised, coefficients), matrix)


def _normalise(pixels: Points, matrix: Matrix) -> Points:
    y = (pixels[..., 1] - matrix[1, 2]) / matrix[1, 1]
    x = (pixels[..., 0] - matrix[0, 2] - matrix[0, 1] * y) / matrix[0, 0]
    return np.stack([x, y], axis=-1)


def _to_pixels(normalised: Points, matrix: Matrix) -> Points:
    return normalised @ matrix[:2, :2].T + matrix[:2, 2]


def _check_points(points: ArrayLike) -> Points:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != 2:
        raise ValueError(f"points must have shape (..., 2), got {array.shape}")
    return array


def _check_lens(camera: ArrayLike, distortion: ArrayLike) -> tuple[Matrix, NDArray[np.float64]]:
    matrix = np.asarray(camera, dtype=np.float64)
    if matrix.shape != (3, 3):
        raise ValueError(f"camera must have shape (3, 3), got {matrix.shape}")
    lower = [matrix[1, 0], matrix[2, 0], matrix[2, 1]]
    if not np.isfinite(matrix).all() or any(lower) or matrix[2, 2] != 1:
        raise ValueError("camera must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with finite numbers")
    if matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise ValueError(
            f"camera must have positive focal lengths, got {matrix[0, 0]:g} and {matrix[1, 1]:g}"
        )
    given = np.asarray(distortion, dtype=np.float64).ravel()
    if given.size not in (1, 2, 4, 5) or not np.isfinite(given).all():
        raise ValueError(
            "distortion must be finite (k1), (k1, k2), (k1, k2, p1, p2) or (k1, k2, p1, p2, k3), "
            f"got {given.tolist()}"
        )
    return matrix, np.pad(given, (0, 5 - given.size))


def undistortion_map(
    shape: tuple[int, int], camera: ArrayLike, distortion: ArrayLike
) -> NDArray[np.float64]:
    """Return where each pixel of the straightened picture lies in the one taken.

    ``(height, width, 2)`` for :func:`ocrlearn.image.rectify.warp`. Where a strong distortion folds
    the picture over itself, beyond the reach of the lens, the map is NaN.
    """
    matrix, coefficients = _check_lens(camera, distortion)
    pixels = np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0])), axis=-1)
    normalised = _normalise(pixels.astype(np.float64), matrix)
    places = _to_pixels(distort(normalised, coefficients), matrix)
    radius = np.linalg.norm(normalised, axis=-1)
    places[radius > _fold(coefficients, radius.max())] = np.nan
    return places


def _fold(distortion: NDArray[np.float64], reach: float) -> float:
    """Radius up to `reach` at which radial distortion stops growing and turns back."""
    k1, k2, _, _, k3 = distortion
    # The derivative of r + k1 r^3 + k2 r^5 + k3 r^7, as a polynomial of r^2.
    roots = np.roots([7 * k3, 5 * k2, 3 * k1, 1])
    squares = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)]
    return float(np.sqrt(squares.min())) if squares.size else reach


def undistort(
    image: Any,
    camera: ArrayLike,
    distortion: ArrayLike,
    *,
    interpolation: str = "bilinear",
    border: float | ArrayLike | str = 0,
    rung: str | None = None,
) -> NDArray[Any]:
    """Straighten a picture taken through a distorting lens.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``; uint8, bool or float in [0, 1].
    camera
        ``(3, 3)`` camera matrix ``[[fx, s, cx], [0, fy, cy], [0, 0, 1]]`` in pixels, see
        :func:`camera_matrix`. The straightened picture is that of a pinhole camera with the same
        matrix.
    distortion
        (k1), (k1, k2), (k1, k2, p1, p2) or (k1, k2, p1, p2, k3).
    interpolation, border, rung
        As for :func:`ocrlearn.image.rectify.warp`.

    Returns
    -------
    array
        The shape and dtype of `image`.
    """
    array = check_image(image)
    places = undistortion_map((array.shape[0], array.shape[1]), camera, distortion)
    return warp(array, places, interpolation=interpolation, border=border, rung=rung)


# ---------------------------------------------------------------------------------------------
# Calibration


class Calibration(NamedTuple):
    """What :func:`calibrate_from_lines` found.

    Attributes
    ----------
    distortion
        ``(5,)``: k1, k2, p1, p2, k3, for the camera matrix that was given; those not asked for are
        0.
    before, after
        Root mean square distance of the points from straight lines, in pixels, in the picture as
        taken and in the straightened one.
    """

    distortion: NDArray[np.float64]
    before: float
    after: float


def calibrate_from_lines(
    lines: Sequence[ArrayLike], camera: ArrayLike, *, model: str = "k1"
) -> Calibration:
    """Find the distortion that makes curves straight which ought to be: plumb-line calibration.

    Brown hung plumb lines before the camera, since a lens that shows any straight line bent is
    distorted, and one that keeps enough lines straight all over the picture is not. The points of
    each curve are undistorted, a line is fitted to them by total least squares, and the
    coefficients that minimise the points' distances from their lines are sought by
    Levenberg-Marquardt. A soft loss keeps single false points from deciding.

    A distortion that shrinks everything would make all distances small. Therefore each curve's
    distances are measured in units of its length after over its length before.

    Parameters
    ----------
    lines
        Curves, each ``(N, 2)`` points (x, y) with N >= 3, in pixels of the picture as taken. Some
        should run near the rim; lines through the middle stay straight whatever the lens does.
    camera
        ``(3, 3)`` camera matrix; :func:`camera_matrix` makes one if none is known. Lines alone
        cannot tell the focal length.
    model
        Which coefficients to look for: "k1" (one line near the rim can do), "k1 k2", or "k1 k2 p1
        p2" (needs lines all around).

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        If there is no line, or a line has fewer than three points or no extent.
    """
    matrix, _ = _check_lens(camera, [0.0])
    check_choice(model, "model", MODELS)
    curves = [_check_curve(line, f"lines[{i}]") for i, line in enumerate(lines)]
    if not curves:
        raise ValueError("lines must hold at least one curve, got none")
    normalised = [_normalise(curve, matrix) for curve in curves]
    lengths = [np.linalg.norm(np.ptp(points, axis=0)) for points in normalised]
    focal = np.sqrt(matrix[0, 0] * matrix[1, 1])
    slots = MODELS[model]

    def distances(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance in pixels of every point from its curve's line."""
        coefficients = np.zeros(5)
        coefficients[slots] = parameters
        parts = []
        for points, length in zip(normalised, lengths, strict=True):
            straight = undistort_normalised(points, coefficients)
            if np.isnan(straight).any():  # beyond the model's reach: as bad as can be
                parts.append(np.full(len(points), focal))
                continue
            now = np.linalg.norm(np.ptp(straight, axis=0))
            parts.append(_off_line(straight) * focal * length / now)
        return np.concatenate(parts)

    nothing = np.zeros(len(slots))
    solution = least_squares(distances, nothing, loss="soft_l1", x_scale=0.1)
    coefficients = np.zeros(5)
    coefficients[slots] = solution.x
    return Calibration(
        distortion=coefficients,
        before=float(np.sqrt(np.mean(distances(nothing) ** 2))),
        after=float(np.sqrt(np.mean(distances(solution.x) ** 2))),
    )


MODELS = {"k1": [0], "k1 k2": [0, 1], "k1 k2 p1 p2": [0, 1, 2, 3]}
"""Where the coefficients that are looked for stand among k1, k2, p1, p2, k3."""


def _off_line(points: Points) -> NDArray[np.float64]:
    """Signed distances of points from the line that fits them best, by total least squares."""
    centred = points - points.mean(axis=0)
    along = np.linalg.svd(centred, full_matrices=False)[2][0]
    if along @ (points[-1] - points[0]) < 0:  # its sign is arbitrary and must not flip meanwhile
        along = -along
    return centred @ np.array([-along[1], along[0]])


def _check_curve(line: ArrayLike, name: str) -> Points:
    points = np.asarray(line, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise ValueError(f"{name} must have shape (N, 2) with N >= 3, got {points.shape}")
    if not np.isfinite(points).all() or np.ptp(points, axis=0).max() == 0:
        raise ValueError(f"{name} must be finite points with some extent")
    return points

"""Elastic distortion: smooth random displacement of every place."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ocrlearn._validate import check_image, check_number
from ocrlearn.data.synth.degrade._common import FloatImage, Points, smooth_noise
from ocrlearn.data.synth.degrade.geometry import PointMap, move

__all__ = ["elastic", "elastic_map"]

_STEEPEST = 0.9  # the displacement of neighbours may differ by this share of their distance
_MOST_STEPS = 400
_CLOSE_ENOUGH = 1e-9  # pixels


def elastic_map(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    amplitude: float = 1.4,
    sigma: float = 4.0,
) -> PointMap:
    """Return a smooth random displacement as a map, exact in both directions.

    Every pixel of the result is taken from a place displaced by two independent fields of noise,
    one for x and one for y, each smoothed by a Gaussian (Simard, Steinkraus and Platt, "Best
    Practices for Convolutional Neural Networks Applied to Visual Document Analysis", ICDAR, 2003).
    The way back from the result is therefore explicit, ``p = q + d(q)``. The way forward, which
    labels take, solves this equation for q by fixed-point iteration, ``q <- p - d(q)``, which
    converges because d changes more slowly than q.

    Deviations: the paper draws uniform noise in [-1, 1] and scales the smoothed field by a factor
    alpha. Here the field is described by its standard deviation in pixels; both agree at
    ``amplitude = alpha / (2 * sqrt(3 * pi) * sigma)``, so that the paper's alpha of 34 and sigma of
    4 for digits of 29 pixels are the defaults. The noise is Gaussian. A field that changes by more
    than 0.9 pixels per pixel anywhere is lowered as a whole until it does not, since a steeper
    one would tear the picture or fold it over.

    Parameters
    ----------
    shape
        ``(height, width)`` of the picture; it keeps its size. Beyond it, the displacement of its
        border goes on.
    rng
        Source of the displacement.
    amplitude
        Standard deviation of the displacement along x and along y, in pixels.
    sigma
        Standard deviation of the smoothing Gaussian in pixels: 2 trembles, 4 is handwriting, a
        quarter of the picture hardly differs from an affine map.
    """
    check_number(shape[0], "shape[0]", low=1, integer=True)
    check_number(shape[1], "shape[1]", low=1, integer=True)
    check_number(amplitude, "amplitude", low=0)
    check_number(sigma, "sigma", low=0, low_open=True)
    # A slow field need not be known at every pixel: bilinear between knots is the map itself.
    step = max(1, int(sigma / 4))
    knots = -(-(shape[0] - 1) // step) + 1, -(-(shape[1] - 1) // step) + 1
    noise = np.stack([smooth_noise(knots, rng, sigma / step) for _ in range(2)], axis=-1)
    field = amplitude * noise.astype(np.float64)
    steepest = _steepness(field) / step
    if steepest > _STEEPEST:
        field *= _STEEPEST / steepest

    def inverse(points: Points) -> Points:
        return points + _bilinear(field, points / step)

    def forward(points: Points) -> Points:
        solution = points - _bilinear(field, points / step)
        for _ in range(_MOST_STEPS):
            closer = points - _bilinear(field, solution / step)
            change = np.abs(closer - solution).max(initial=0)
            solution = closer
            if change < _CLOSE_ENOUGH:
                break
        return solution

    return PointMap(forward, inverse)


def _steepness(field: NDArray[np.float64]) -> float:
    """Most that `field` ``(H, W, 2)`` changes from knot to knot: its largest spectral norm.

    Between four knots the Jacobian of a bilinear field mixes the two differences along x and the
    two along y, so that its norm is greatest at one of their four pairings.
    """
    wide = np.pad(field, ((0, 1), (0, 1), (0, 0)), mode="edge")  # a single row is a field too
    along_x, along_y = np.diff(wide, axis=1), np.diff(wide, axis=0)
    steepest = 0.0
    for x_part in (along_x[:-1], along_x[1:]):
        for y_part in (along_y[:, :-1], along_y[:, 1:]):
            total = (x_part**2 + y_part**2).sum(axis=-1)
            determinant = x_part[..., 0] * y_part[..., 1] - x_part[..., 1] * y_part[..., 0]
            root = np.sqrt(np.maximum(total**2 - 4 * determinant**2, 0))
            steepest = max(steepest, float(np.sqrt((total + root) / 2).max()))
    return steepest


def _bilinear(field: NDArray[np.float64], points: Points) -> Points:
    """Values ``(N, 2)`` of `field` at points (x, y), those outside taken from the border."""
    height, width = field.shape[:2]
    x = np.clip(points[:, 0], 0, width - 1)
    y = np.clip(points[:, 1], 0, height - 1)
    column = np.minimum(x.astype(np.intp), max(width - 2, 0))
    row = np.minimum(y.astype(np.intp), max(height - 2, 0))
    right, below = np.minimum(column + 1, width - 1), np.minimum(row + 1, height - 1)
    u, v = (x - column)[:, None], (y - row)[:, None]
    upper = field[row, column] * (1 - u) + field[row, right] * u
    lower = field[below, column] * (1 - u) + field[below, right] * u
    result: Points = upper * (1 - v) + lower * v
    return result


def elastic(
    image: Any,
    rng: np.random.Generator,
    *,
    amplitude: float = 1.4,
    sigma: float = 4.0,
    border: float | ArrayLike | str = 1.0,
) -> tuple[FloatImage, PointMap]:
    """Distort a picture as a sheet of rubber: see :func:`elastic_map` and :func:`move`.

    Returns the picture, of the same size, and the map of its points.
    """
    paper = check_image(image)
    shape = (paper.shape[0], paper.shape[1])
    distorted = elastic_map(shape, rng, amplitude=amplitude, sigma=sigma)
    return move(paper, distorted, shape, border=border), distorted

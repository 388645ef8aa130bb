"""The argument check that the clustering of points shares."""

from typing import Any

import numpy as np

from ocrlearn._dispatch import array_module

__all__ = ["check_points"]


def check_points(points: Any, name: str = "points", *, least: int = 1) -> Any:
    """Return `points` as an ``(N, D)`` float32 array of the library it came from.

    NumPy and CuPy arrays of any real dtype are accepted. That all values are finite is checked for
    NumPy arrays only: asking a GPU would wait for it.

    Parameters
    ----------
    points
        What the caller passed.
    name
        The caller's name for it, used in messages.
    least
        Least number of points.

    Raises
    ------
    TypeError
        If it is no array, or not of a real dtype.
    ValueError
        If it has not two axes, has too few points or no coordinates, or a value is not finite
        in float32.
    """
    if not hasattr(points, "ndim"):
        raise TypeError(f"{name} must be an array of shape (N, D), got {type(points).__name__}")
    xp = array_module(points)
    if points.ndim != 2:
        raise ValueError(f"{name} must have shape (N, D), got {points.shape}")
    if points.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {points.dtype}")
    if points.shape[0] < least or points.shape[1] < 1:
        raise ValueError(
            f"{name} must have at least {least} row{'s' * (least > 1)} and 1 column, "
            f"got shape {points.shape}"
        )
    with np.errstate(over="ignore"):  # reported below
        array = points.astype(xp.float32, copy=False)
    if xp is np and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite in float32, got NaN, infinity or more than 3.4e38")
    return array

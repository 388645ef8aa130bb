"""Argument checks shared by the library: each names the argument, what came and what is wanted."""

from typing import Any

import numpy as np

from ocrlearn._dispatch import as_array, is_cupy

__all__ = ["check_choice", "check_image", "check_number", "check_odd_window"]


def check_image(image: Any, name: str = "image", *, gray: bool = False, min_size: int = 1) -> Any:
    """Return `image` as an array after checking that it is one of the library's images.

    An image is ``(H, W)`` gray or ``(H, W, 3)`` RGB, either ``uint8`` in [0, 255], ``bool``, or
    floating in [0, 1]. A CuPy array stays on its GPU, and its values are not looked at, as that
    would wait for the GPU.

    Parameters
    ----------
    image
        What the caller passed.
    name
        The caller's name for it, used in messages.
    gray
        Accept only ``(H, W)``.
    min_size
        Least height and width in pixels.

    Raises
    ------
    TypeError
        If the dtype is none of uint8, bool and floating.
    ValueError
        If the shape is wrong, the image is too small, or a value is not finite or out of range.
    """
    array = as_array(image)
    wanted = "(H, W)" if gray else "(H, W) or (H, W, 3)"
    if array.ndim != 2 and (gray or array.ndim != 3 or array.shape[2] != 3):
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")
    if min(array.shape[:2]) < min_size:
        raise ValueError(
            f"{name} must be at least {min_size} x {min_size} pixels, got shape {array.shape}"
        )
    if array.dtype == np.uint8 or array.dtype == np.bool_:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(
            f"{name} must be uint8, bool or float in [0, 1], got dtype {array.dtype}; "
            "ocrlearn.image.to_uint8 converts other integer images"
        )
    if is_cupy(array):
        return array
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    if low < 0.0 or high > 1.0:
        raise ValueError(f"float {name} must lie in [0, 1], got values in [{low:g}, {high:g}]")
    return array


def check_number(
    value: Any,
    name: str,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    low_open: bool = False,
    integer: bool = False,
) -> float:
    """Check that `value` is a finite real number in [low, high] and return it.

    With `low_open` the lower limit itself is refused; with `integer` the number must be whole, and
    an ``int`` is returned.
    """
    kind = "an integer" if integer else "a number"
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be {kind}, got {value!r}")
    if not isinstance(value, int) and not np.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if integer and value != int(value):
        raise ValueError(f"{name} must be {kind}, got {value!r}")
    if value < low or value > high or (low_open and value == low):
        opening = "(" if low_open else "["
        raise ValueError(f"{name} must lie in {opening}{low:g}, {high:g}], got {value!r}")
    return int(value) if integer else float(value)


def check_odd_window(value: Any, name: str = "window") -> int:
    """Check that `value` is an odd integer of at least 3, the side of a square neighbourhood."""
    number = int(check_number(value, name, low=3, integer=True))
    if number % 2 == 0:
        raise ValueError(f"{name} must be odd so that it has a centre pixel, got {number}")
    return number


def check_choice(value: Any, name: str, choices: Any) -> str:
    """Check that `value` is one of the strings in `choices` and return it."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return str(value)

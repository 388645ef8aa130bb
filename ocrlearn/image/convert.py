"""Between the library's image forms: gray and RGB, uint8 in [0, 255] and float in [0, 1].

CuPy images are converted where they are, on the GPU.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._dispatch import array_module, as_array
from ocrlearn._validate import check_image

__all__ = ["LUMA", "to_float", "to_gray", "to_uint8"]

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in the luma of ITU-R BT.601, as used by Pillow and OpenCV."""

_LUMA_65536 = (19595, 38470, 7471)  # LUMA in units of 1/65536; they add up to 65536 exactly


def to_float(image: Any) -> NDArray[np.floating[Any]]:
    """Return `image` as float in [0, 1].

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``; uint8, bool or float in [0, 1].

    Returns
    -------
    array
        float32 for integer input; floating input keeps its dtype and is not copied.
    """
    array = check_image(image)
    if array.dtype == np.uint8:
        return array.astype(np.float32) / np.float32(255)
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    return array


def to_uint8(image: Any) -> NDArray[np.uint8]:
    """Return `image` as uint8 in [0, 255], rounded to nearest (floats halfway between: to even).

    Accepts what :func:`to_float` accepts, and uint16 images in [0, 65535]. A uint8 image is
    returned as it is, without a copy.
    """
    array = as_array(image)
    if array.dtype == np.uint16:
        return check_image(((array.astype(np.uint32) + 128) // 257).astype(np.uint8))
    array = check_image(array)
    if array.dtype == np.uint8:
        return array
    return array_module(array).rint(array.astype(np.float64) * 255).astype(np.uint8)


def to_gray(image: Any) -> NDArray[Any]:
    """Return the luma of `image`, ``(H, W)``, keeping its dtype (bool becomes uint8).

    An ``(H, W)`` image is returned as it is, without a copy, unless it is bool. uint8 results are
    rounded to nearest and equal Pillow's: the weights are multiples of 1/65536, which spares a
    floating-point copy of the image and moves the luma by less than 0.001 of a level.
    """
    array = check_image(image)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    if array.ndim == 2:
        return array
    if array.dtype == np.uint8:
        luma = _weighted_sum(array, [np.uint32(weight) for weight in _LUMA_65536])
        return ((luma + np.uint32(32768)) >> np.uint32(16)).astype(np.uint8)
    working = np.result_type(array.dtype, np.float32).type
    luma = _weighted_sum(array, [working(weight) for weight in LUMA])
    return array_module(luma).clip(luma, 0, 1).astype(array.dtype)


def _weighted_sum(rgb: NDArray[Any], weights: Sequence[np.generic]) -> NDArray[Any]:
    """Sum of the channels of `rgb` times `weights`, in the type of the weights."""
    total = rgb[..., 0] * weights[0]
    for channel in (1, 2):
        total += rgb[..., channel] * weights[channel]
    return total

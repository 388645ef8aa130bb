"""Between the library's image forms: gray and RGB, uint8 in [0, 255] and float in [0, 1]."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_image

__all__ = ["LUMA", "to_float", "to_gray", "to_uint8"]

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in the luma of ITU-R BT.601, as used by Pillow and OpenCV."""


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
    """Return `image` as uint8 in [0, 255], rounded to nearest.

    Accepts what :func:`to_float` accepts, and uint16 images in [0, 65535]. A uint8 image is
    returned as it is, without a copy.
    """
    array = np.asarray(image)
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    array = check_image(array)
    if array.dtype == np.uint8:
        return array
    return np.round(array.astype(np.float64) * 255).astype(np.uint8)


def to_gray(image: Any) -> NDArray[Any]:
    """Return the luma of `image`, ``(H, W)``, keeping its dtype (bool becomes uint8).

    An ``(H, W)`` image is returned as it is, without a copy. uint8 results are rounded to nearest.
    """
    array = check_image(image)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    if array.ndim == 2:
        return array
    luma = array @ np.array(LUMA, dtype=np.float64)
    if array.dtype == np.uint8:
        return np.round(luma).astype(np.uint8)
    return np.clip(luma, 0, 1).astype(array.dtype)

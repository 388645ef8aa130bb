"""The course's first image: a photograph of a printed page that scikit-image brings along.

It is small, bent, unevenly lit and cut off at the bottom, and everybody who can run the chapters
has it already.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PAGE_TEXT", "page_image"]

PAGE_TEXT = """\
Region-based segmentation
Let us first determine markers of the coins and the
background. These markers are pixels that we can label
unambiguously as either object or background. Here,
the markers are found at the two extreme parts of the
histogram of grey values:
>>> markers = np.zeros_like(coins)"""
"""What stands on it, typed from the photograph. The address at the lower edge, of which the border
leaves only the upper half, is not part of it."""


def page_image() -> NDArray[np.uint8]:
    """Return the photograph, ``skimage.data.page()``: gray, ``(191, 384)`` uint8."""
    from skimage import data

    image: Any = data.page()
    return np.asarray(image, dtype=np.uint8)

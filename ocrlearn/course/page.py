"""The course's first image: a photograph of a printed page that scikit-image brings along.

It is small, bent, unevenly lit and cut off at the bottom, and everybody who can run the chapters
has it already. The address at its lower edge, of which the border leaves only the upper half, is
not part of its text.
"""

import numpy as np
from numpy.typing import NDArray

from ocrlearn.data.benchmarks import PHOTOGRAPH_TEXT as PAGE_TEXT
from ocrlearn.data.benchmarks import photograph

__all__ = ["PAGE_TEXT", "page_image"]


def page_image() -> NDArray[np.uint8]:
    """Return the photograph, ``skimage.data.page()``: gray, ``(191, 384)`` uint8."""
    return photograph().image

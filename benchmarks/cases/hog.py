"""Histograms of oriented gradients, with the paper's cells, blocks and bins."""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.classic.hog import RUNGS, hog

SKIMAGE, OPENCV = "scikit-image", "OpenCV"


def describe() -> Runners:
    """Describe a photograph of 512 x 512 in 63 x 63 blocks."""
    import cv2
    from skimage.data import camera
    from skimage.feature import hog as skimage_hog

    image = camera()
    side = image.shape[0]
    opencv = cv2.HOGDescriptor(
        *((side, side), (16, 16), (8, 8), (8, 8), 9, 1, 8.0),
        *(cv2.HOGDESCRIPTOR_L2HYS, 0.2, False),
    )
    return {
        OURS: lambda: hog(image),
        SKIMAGE: lambda: skimage_hog(image, cells_per_block=(2, 2), block_norm="L2-Hys"),
        OPENCV: lambda: opencv.compute(image),
    }


def similar(ours: Any, theirs: Any) -> bool:
    """Whether descriptions agree as far as their definitions do.

    OpenCV orders blocks and cells by columns and centres its Gaussian half a pixel off.
    scikit-image has no Gaussian and gives a pixel's vote to one direction in one cell, so its
    blocks only resemble ours.
    """
    rows, cols, block, _, bins = ours.shape
    opencv = theirs.reshape(cols, rows, block, block, bins).transpose(1, 0, 3, 2, 4)
    if np.abs(ours - opencv).max() < 0.05:
        return True
    skimage = theirs.reshape(ours.shape)
    return float(np.corrcoef(ours.ravel(), skimage.ravel())[0, 1]) > 0.7


CPU = [CpuCase("HoG", "512 x 512", describe, similar, {SKIMAGE: 0.1, OPENCV: 1.5})]

PARAMETERS = (8, 2, 9, False, 8.0, 0.2, 0.01)


def windows(seed: int, side: int) -> tuple[Any, ...]:
    """Return one window of smooth noise ``(1, side, side, 1)``, and the paper's parameters."""
    from scipy.ndimage import uniform_filter

    noise = np.random.default_rng(seed).random((side, side), np.float32)
    return (uniform_filter(noise, 3)[None, :, :, None], *PARAMETERS)


def close(result: Any, expected: Any) -> None:
    """Compare entries of blocks of unit length."""
    np.testing.assert_allclose(result, expected, atol=1e-5)


N = 4096**2
# No GPU library that is still maintained describes images by HoG, so there is no peer.
GPU = [
    GpuCase(
        "HoG",
        "4096 x 4096",
        RUNGS,
        make=lambda seed: windows(seed, 4096),
        small=lambda seed: windows(seed, 100),
        compare=close,
        bytes=4 * N + 511**2 * 36 * 4,
        operations=40 * N,
    ),
]

"""Lens, movement and the number of pixels: everything that blurs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, signal

from ocrlearn._validate import check_number
from ocrlearn.data.synth.degrade._common import FloatImage, per_channel, working_copy
from ocrlearn.data.synth.degrade.geometry import PointMap, scale_map

__all__ = ["defocus_blur", "downsample", "gaussian_blur", "low_resolution", "motion_blur"]


def gaussian_blur(image: Any, sigma: float) -> FloatImage:
    """Blur by a Gaussian of standard deviation `sigma` pixels: the sum of many small blurs."""
    check_number(sigma, "sigma", low=0)
    paper = working_copy(image)
    if sigma == 0:
        return paper
    return per_channel(lambda one: ndimage.gaussian_filter(one, sigma, mode="nearest"), paper)


def defocus_blur(image: Any, radius: float) -> FloatImage:
    """Put the lens out of focus: every point becomes a disc of `radius` pixels.

    The disc is the image of the lens opening (the circle of confusion). Its edge pixels count by
    the share of them that is covered.
    """
    check_number(radius, "radius", low=0)
    reach = int(np.ceil(radius))
    fine = 8  # sub-samples per pixel side, to weigh the pixels on the rim
    steps = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = np.hypot(steps[None, :], steps[:, None]) <= radius
    size = 2 * reach + 1
    kernel = inside.reshape(size, fine, size, fine).sum(axis=(1, 3)).astype(np.float64)
    if kernel.sum() == 0:
        return working_copy(image)
    return _convolve(working_copy(image), kernel / kernel.sum())


def motion_blur(image: Any, length: float, *, angle: float = 0.0) -> FloatImage:
    """Move the camera in a straight line while the shutter is open.

    Parameters
    ----------
    image
        Any image.
    length
        Way travelled, in pixels.
    angle
        Direction in radians, counter-clockwise from right; opposite directions are the same blur.
    """
    check_number(length, "length", low=0)
    check_number(angle, "angle")
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    samples = max(1, int(np.ceil(length * 16)))
    along = ((np.arange(samples) + 0.5) / samples - 0.5) * length
    for x, y in zip(along * np.cos(angle), -along * np.sin(angle), strict=True):
        column, row = int(np.floor(x)), int(np.floor(y))
        right, down = x - column, y - row
        kernel[row + reach, column + reach] += (1 - right) * (1 - down)
        kernel[row + reach, column + reach + 1] += right * (1 - down)
        kernel[row + reach + 1, column + reach] += (1 - right) * down
        kernel[row + reach + 1, column + reach + 1] += right * down
    return _convolve(working_copy(image), kernel / kernel.sum())


def _convolve(image: FloatImage, kernel: NDArray[np.float64]) -> FloatImage:
    """Convolve with a small kernel; the border pixels are continued outwards."""
    reach = kernel.shape[0] // 2

    def convolved(channel: FloatImage) -> NDArray[Any]:
        padded = np.pad(channel, reach, mode="edge")
        return signal.oaconvolve(padded, kernel.astype(np.float32), mode="valid")

    return per_channel(convolved, image)


def downsample(image: Any, factor: float) -> tuple[FloatImage, PointMap]:
    """Sample with fewer, larger pixels, each the mean of the area it covers.

    Parameters
    ----------
    image
        Any image.
    factor
        Old pixels per new pixel along each axis, at least 1. The new size is rounded to whole
        pixels.

    Returns
    -------
    image, map
        The smaller image, and the map from points of `image` to points of it.
    """
    check_number(factor, "factor", low=1)
    paper = working_copy(image)
    height, width = paper.shape[:2]
    shape = (max(1, round(height / factor)), max(1, round(width / factor)))
    return _resize(paper, shape, Image.Resampling.BOX), scale_map((height, width), shape)


def low_resolution(image: Any, factor: float) -> FloatImage:
    """Lose detail and keep the size: sample by area, then enlarge by cubic interpolation.

    This is a picture taken with too few pixels and shown larger. `factor` is as in
    :func:`downsample`.
    """
    small, _ = downsample(image, factor)
    height, width = np.asarray(image).shape[:2]
    return _resize(small, (height, width), Image.Resampling.BICUBIC)


def _resize(image: FloatImage, shape: tuple[int, int], resampling: Any) -> FloatImage:
    """Resize to `shape` (height, width) in floating point, through Pillow."""
    size = (shape[1], shape[0])
    return per_channel(lambda one: np.asarray(Image.fromarray(one).resize(size, resampling)), image)

"""What the degradations share: working copies, channels, coordinates and smooth noise."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ocrlearn._validate import check_image
from ocrlearn.image.convert import to_float

__all__ = [
    "FloatImage",
    "Points",
    "per_channel",
    "smooth_noise",
    "times",
    "unit_square",
    "working_copy",
]

FloatImage = NDArray[np.float32]
Points = NDArray[np.float64]


def working_copy(image: Any) -> FloatImage:
    """Return a float32 copy of any accepted image."""
    return to_float(check_image(image)).astype(np.float32, copy=True)


def per_channel(operation: Callable[[FloatImage], NDArray[Any]], image: FloatImage) -> FloatImage:
    """Apply a filter for ``(H, W)`` images to each channel."""
    if image.ndim == 2:
        return np.clip(operation(image), 0, 1).astype(np.float32)
    channels = [operation(image[..., c]) for c in range(image.shape[2])]
    return np.clip(np.stack(channels, axis=-1), 0, 1).astype(np.float32)


def times(image: FloatImage, field: NDArray[Any]) -> FloatImage:
    """Multiply every channel by the ``(H, W)`` `field`."""
    shaped = field if image.ndim == 2 else field[..., None]
    return np.clip(image * shaped, 0, 1).astype(np.float32)


def unit_square(shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pixel coordinates with the centre at 0 and the longer side spanning [-1, 1]: (x, y)."""
    height, width = shape[:2]
    half = max(height, width) / 2
    y = ((np.arange(height) - (height - 1) / 2) / half).astype(np.float32)
    x = ((np.arange(width) - (width - 1) / 2) / half).astype(np.float32)
    return x[None, :], y[:, None]


def smooth_noise(
    shape: tuple[int, ...], rng: np.random.Generator, correlation: float
) -> FloatImage:
    """Gaussian noise of mean 0 and variance 1 whose neighbours agree over `correlation` pixels.

    Slow fields are made small and enlarged, since a field that hardly changes from pixel to pixel
    need not be computed at every one.
    """
    step = max(1, int(correlation / 2))
    small = tuple(-(-size // step) + 3 for size in shape[:2])
    noise = rng.standard_normal(small, dtype=np.float32)
    sigma = correlation / step
    noise = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    kernel = ndimage.gaussian_filter1d(np.eye(1, 8 * int(sigma) + 9, 4 * int(sigma) + 4)[0], sigma)
    noise /= np.float32(np.sum(kernel**2))  # the same sum along both axes: root of their product
    if step > 1:
        noise = ndimage.zoom(noise, step, order=1)
    return noise[: shape[0], : shape[1]]

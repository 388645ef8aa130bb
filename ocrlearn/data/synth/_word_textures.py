"""Textures for the grounds and the inks of words."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TEXTURE_SIZE", "textures"]

TEXTURE_SIZE = 128

Array = NDArray[Any]


@lru_cache(maxsize=1)
def textures() -> Array:
    """Textures of mean 0 and variance 1 that repeat without a seam, ``(n, 128, 128)`` float32.

    Clouds of several roughnesses and directions (noise whose spectrum falls as a power of the
    frequency, as that of photographs does), dead leaves (discs that hide each other, which have the
    edges of photographs too), speckle, stripes, bricks, a grid and a dot screen.
    """
    rng = np.random.default_rng(20130815)
    size = TEXTURE_SIZE
    textures = []
    for power, stretch in (
        (0.6, 1.0), (0.9, 1.0), (1.2, 1.0), (1.6, 1.0), (2.0, 1.0), (1.2, 4.0), (1.4, 10.0),
        (1.0, 0.2), (1.5, 0.1),
    ):  # fmt: skip
        textures.append(_clouds(rng, size, power, stretch))
    textures += [_dead_leaves(rng, size, number) for number in (60, 250, 900)]
    y, x = np.mgrid[:size, :size]
    fine = 0.35 * _clouds(rng, size, 0.8, 1.0)
    textures.append((rng.random((size, size)) < 0.08) - 0.6 * (rng.random((size, size)) < 0.08))
    textures += [np.sin(2 * np.pi * n * y / size) + fine for n in (4, 16, 32)]
    textures.append(((x // 8) % 2) * 1.0 + fine)
    rows = y // 16
    seams = (y % 16 < 2) | ((x + 16 * (rows % 2)) % 32 < 2)
    bricks = 0.6 * rng.standard_normal((8, 4))[rows, (x + 16 * (rows % 2)) // 32 % 4]
    textures.append(np.where(seams, -1.5, bricks))
    textures.append(((x % 8 < 1) | (y % 8 < 1)) * -1.0 + fine)
    textures.append(np.cos(np.pi * x / 4) * np.cos(np.pi * y / 4) + fine)
    bank = np.stack(textures).astype(np.float32)
    bank -= bank.mean(axis=(1, 2), keepdims=True)
    bank /= bank.std(axis=(1, 2), keepdims=True)
    return np.ascontiguousarray(np.clip(bank, -3, 3))


def _clouds(rng: np.random.Generator, size: int, power: float, stretch: float) -> Array:
    """Noise whose amplitudes fall as the frequency to minus `power`, drawn out along x."""
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size), indexing="ij")
    frequency = np.hypot(fy, fx * stretch)
    frequency[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal((size, size))) / frequency**power
    clouds = np.fft.ifft2(spectrum).real
    return np.asarray(clouds / clouds.std())


def _dead_leaves(rng: np.random.Generator, size: int, number: int) -> Array:
    """Discs of random grey that hide each other, on a torus."""
    image = np.zeros((size, size))
    y, x = np.mgrid[:size, :size]
    for _ in range(number):
        cx, cy = rng.random(2) * size
        radius = 3 + size / 3 * rng.random() ** 6 + 8 * rng.random()
        dx, dy = np.abs(x - cx), np.abs(y - cy)
        dx, dy = np.minimum(dx, size - dx), np.minimum(dy, size - dy)
        image[np.hypot(dx, dy) < radius] = rng.standard_normal()
    return image

"""The bilateral filter, and the message of the fully connected CRF."""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.ops import bilateral_filter
from ocrlearn.ops.bilateral import FILTER_RUNGS, MESSAGE_RUNGS

OPENCV = "OpenCV"
RADIUS = 5
DISC = 81  # pixels of a disc of radius 5


def noisy_page(seed: int, height: int, width: int) -> np.ndarray:
    """Return stripes of ink in noise, float32 in [0, 1]."""
    random = np.random.default_rng(seed)
    ink = (np.arange(height)[:, None] // 9 + np.arange(width) // 5) % 3 == 0
    return np.clip(0.8 - 0.6 * ink + random.normal(0, 0.1, ink.shape), 0, 1).astype(np.float32)


def of_floats() -> Runners:
    """Return the runners for a float32 image."""
    import cv2

    image = noisy_page(0, 512, 512)
    return {
        OURS: lambda: bilateral_filter(image, 3.0, 0.1, RADIUS),
        OPENCV: lambda: cv2.bilateralFilter(image, 2 * RADIUS + 1, 0.1, 3.0),
    }


def of_bytes() -> Runners:
    """Return the runners for a uint8 image."""
    import cv2

    image = np.rint(255 * noisy_page(0, 512, 512)).astype(np.uint8)
    return {
        OURS: lambda: bilateral_filter(image, 3.0, 25.0, RADIUS),
        OPENCV: lambda: cv2.bilateralFilter(image, 2 * RADIUS + 1, 25.0, 3.0),
    }


def same_inside(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Compare away from the edges, where OpenCV mirrors the image."""
    inside = (slice(RADIUS, -RADIUS), slice(RADIUS, -RADIUS))
    tolerance = 1 if ours.dtype == np.uint8 else 3e-4
    apart = np.abs(ours[inside].astype(float) - theirs[inside].astype(float))
    return float(apart.max()) <= tolerance


CPU = [
    CpuCase(
        "bilateral filter, float32",
        "512 x 512, sigma 3, radius 5",
        of_floats,
        same_inside,
        {OPENCV: 1.5},
    ),
    CpuCase("bilateral filter, uint8", "512 x 512, sigma 3, radius 5", of_bytes, same_inside, {}),
]


def filter_by_kornia(image: Any, spatial_sigma: float, range_sigma: float, radius: int) -> Any:
    """Call kornia, which has a square window and materialises it in memory."""
    import kornia
    import torch

    batch = torch.from_dlpack(image)[None, None]
    size = 2 * radius + 1
    return lambda: kornia.filters.bilateral_blur(
        batch, (size, size), range_sigma, (spatial_sigma, spatial_sigma)
    )


def message_arguments(seed: int, size: int, alpha: float) -> tuple[Any, ...]:
    """Return a page, the probabilities of ink and paper, sigmas and radius."""
    guide = noisy_page(seed, size, size)
    return guide, np.stack([guide, 1 - guide]), alpha, 0.1, round(3 * alpha)


def near(result: np.ndarray, expected: np.ndarray) -> None:
    """Compare within what float32 and the GPU's fast exponential lose."""
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


# A weight takes a difference, its square, two products, a sum, the exponential and two additions.
GPU = [
    GpuCase(
        "bilateral filter",
        "4096 x 4096, radius 5",
        FILTER_RUNGS,
        make=lambda seed: (noisy_page(seed, 4096, 4096), 3.0, 0.1, RADIUS),
        small=lambda seed: (noisy_page(seed, 60, 90), 3.0, 0.1, RADIUS),
        compare=near,
        bytes=2 * 4 * 4096**2,
        operations=10 * DISC * 4096**2,
        peers={"kornia": filter_by_kornia},
    ),
    GpuCase(
        "bilateral message",
        "512 x 512, 2 labels, theta 20, radius 60",
        MESSAGE_RUNGS,
        make=lambda seed: message_arguments(seed, 512, 20.0),
        small=lambda seed: message_arguments(seed, 40, 5.0),
        compare=near,
        bytes=5 * 4 * 512**2,
        operations=12 * 11_300 * 512**2,
    ),
]

"""Normalised cross-correlation of a page with a piece of it."""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.classic.template import RUNGS, normalized_cross_correlation

OPENCV = "OpenCV"
SKIMAGE = "scikit-image"
SIDE, TEMPLATE = 1536, 64


def page() -> tuple[np.ndarray, np.ndarray]:
    """Return a photographed page, repeated to 1536 x 1536 pixels, and 64 x 64 pixels of it."""
    from skimage import data

    photo = data.page()
    image = np.tile(photo, (-(-SIDE // photo.shape[0]), -(-SIDE // photo.shape[1])))
    image = np.ascontiguousarray(image[:SIDE, :SIDE])
    return image, image[500 : 500 + TEMPLATE, 700 : 700 + TEMPLATE].copy()


def of_a_page() -> Runners:
    """From gray images in uint8 to the map of scores."""
    import cv2
    from skimage.feature import match_template

    image, template = page()
    return {
        OURS: lambda: normalized_cross_correlation(image, template),
        OPENCV: lambda: cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED),
        SKIMAGE: lambda: match_template(image, template),
    }


def same_scores(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether the maps agree: scikit-image's and ours do to 3e-6, OpenCV's only to 0.002."""
    return bool(np.abs(ours - theirs).max() < 5e-3)


CPU = [
    CpuCase(
        "normalised cross-correlation",
        "1536 x 1536, template 64 x 64",
        of_a_page,
        same_scores,
        {OPENCV: 1.0, SKIMAGE: 0.5},
    )
]


def noise(seed: int, side: int, template: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random grays and a piece of them."""
    image = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    return image, image[side // 3 :, side // 2 :][:template, :template].copy()


def close(result: np.ndarray, expected: np.ndarray) -> None:
    """Numerators are float32."""
    np.testing.assert_allclose(result, expected, rtol=0, atol=2e-5)


def by_cucim(image: Any, template: Any) -> Any:
    """Use cucim's version of scikit-image's match_template."""
    from cucim.skimage.feature import match_template

    return lambda: match_template(image, template)


LARGE = 4096
SCORES = (LARGE - TEMPLATE + 1) ** 2

# Directly, a pixel is read and a score written; what counts is a product and a sum for each pixel
# of the template under each score. By transforms, everything goes through memory several times:
# the conversion (1 + 4 bytes a pixel), two passes of each real transform (2 x 16), the product of
# the spectra (8), two tables of sums (2 x (2 + 4)), and the division (4 + 8 + 4).
GPU = [
    GpuCase(
        "normalised cross-correlation, direct",
        f"4,096 x 4,096, template {TEMPLATE} x {TEMPLATE}",
        RUNGS,
        make=lambda seed: noise(seed, LARGE, TEMPLATE),
        small=lambda seed: noise(seed, 150, 37),
        options={"method": "direct"},
        compare=close,
        bytes=LARGE**2 + 4 * SCORES,
        operations=2.0 * SCORES * TEMPLATE**2,
        peers={"cucim": by_cucim},
    ),
    GpuCase(
        "normalised cross-correlation, by FFT",
        f"4,096 x 4,096, template {TEMPLATE} x {TEMPLATE}",
        RUNGS,
        make=lambda seed: noise(seed, LARGE, TEMPLATE),
        small=lambda seed: noise(seed, 150, 37),
        options={"method": "fft"},
        compare=close,
        bytes=LARGE**2 * (5 + 32 + 8 + 12 + 16),
        operations=LARGE**2 * (2 * 2.5 * 24 + 20),
        peers={"cucim": by_cucim},
    ),
]

"""Global and local thresholds, and the ink they find."""

from typing import Any

import numpy as np

from ocrlearn.image.binarize import (
    KERNELS,
    OTSU_INK_RUNGS,
    OTSU_RUNGS,
    SAUVOLA_INK_RUNGS,
    SAUVOLA_RUNGS,
)
from parity import Case, Operation, close, equal

rng = np.random.default_rng(12)
NOISE = rng.integers(0, 256, (29, 41), dtype=np.uint8)
FLOATS = rng.random((13, 37))
PAPER = np.clip(rng.normal(210, 8, (60, 61)), 0, 255).astype(np.uint8)
PAPER[20:40, 10:50:3] //= 4

GRAYS = {
    "random": NOISE,
    "ink on paper": PAPER,
    "one pixel": np.full((1, 1), 77, np.uint8),
    "single gray": np.full((9, 31), 0, np.uint8),
    "black and white": np.uint8([[0, 255, 255]]),
    "equally good thresholds": np.repeat(np.uint8([[10, 250]]), 8, axis=0),
    "every gray once": np.arange(256, dtype=np.uint8).reshape(16, 16),
    "every other column": NOISE[:, ::2],
    "beginning in the middle of a word": NOISE.ravel()[3:603].reshape(20, 30),
}
MORE_THAN_ONE_BLOCK = Case("more than one block", (np.tile(PAPER, (4, 3)),), small=False)
OTSU_CASES = [*(Case(name, (image,)) for name, image in GRAYS.items()), MORE_THAN_ONE_BLOCK]

WINDOWS = {
    "random": (NOISE, 5, 0.2, 127.5),
    "ink on paper": (PAPER, 15, 0.34, 127.5),
    "one pixel": (NOISE[:1, :1], 3, 0.2, 127.5),
    "window larger than the image": (NOISE[:5, :7], 25, 0.5, 128.0),
    "single gray": (np.full((6, 35), 255, np.uint8), 7, 0.2, 127.5),
    "thresholds equal to pixels": (
        np.repeat(np.uint8([[7, 255]]), 9, 1).repeat(8, 0),
        3,
        0.0,
        127.5,
    ),
    "every other column": (NOISE[:, ::2], 5, 0.2, 127.5),
    "floats": (FLOATS, 7, 0.2, 0.5),
    "single precision": (FLOATS.astype(np.float32), 7, 0.2, 0.5),
    "flat fields of floats": (np.repeat([[0.1, 0.7, 0.3]], 11, 1).repeat(17, 0), 5, 0.2, 0.5),
    "sums of 64 bits": (NOISE[:2, :3], 259, 0.2, 127.5),
}
WINDOW_CASES = [Case(name, args, small=name != "sums of 64 bits") for name, args in WINDOWS.items()]


def otsu_by_scikit_image(image: Any) -> Any:
    from skimage.filters import threshold_otsu

    return int(threshold_otsu(image))


def otsu_ink_by_scikit_image(image: Any) -> Any:
    return (image <= otsu_by_scikit_image(image)) & (image.min() != image.max())


def sauvola_by_scikit_image(image: Any, window: int, k: float, dynamic_range: float) -> Any:
    from skimage.filters import threshold_sauvola

    if min(image.shape) <= window // 2:
        return None  # it continues an image by one reflection only
    return threshold_sauvola(image, window, k, dynamic_range)


def sauvola_ink_by_scikit_image(image: Any, *args: Any) -> Any:
    threshold = sauvola_by_scikit_image(image, *args)
    return None if threshold is None else image <= threshold


# Name, rungs, cases, comparison and oracle of each operation.
OPERATIONS = [
    Operation(*described, kernels=KERNELS)
    for described in (
        ("otsu threshold", OTSU_RUNGS, OTSU_CASES, equal, otsu_by_scikit_image),
        ("otsu ink", OTSU_INK_RUNGS, OTSU_CASES, equal, otsu_ink_by_scikit_image),
        (
            "sauvola threshold",
            SAUVOLA_RUNGS,
            WINDOW_CASES,
            close(atol=1e-6),
            sauvola_by_scikit_image,
        ),
        ("sauvola ink", SAUVOLA_INK_RUNGS, WINDOW_CASES, equal, sauvola_ink_by_scikit_image),
    )
]

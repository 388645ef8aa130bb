"""Which pixels are ink: thresholds, summed-area tables, and the contrast before them."""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.image.binarize import OTSU_INK_RUNGS, SAUVOLA_INK_RUNGS, binarize
from ocrlearn.ops import integral

SKIMAGE, OPENCV, CUCIM = "scikit-image", "OpenCV", "cuCIM"
PAGE_SIZE = "page of 1528 x 1536"


def page() -> Any:
    """Return skimage.data.page(), a photograph of printed text, tiled to (1528, 1536) uint8."""
    from skimage.data import page

    return np.tile(page(), (8, 4))


def otsu() -> Runners:
    """From the page to the ink mask by Otsu's threshold."""
    import cv2
    from skimage.filters import threshold_otsu

    image = page()
    return {
        OURS: lambda: binarize(image, "otsu"),
        SKIMAGE: lambda: image <= threshold_otsu(image),
        OPENCV: lambda: cv2.threshold(image, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)[1],
    }


def sauvola() -> Runners:
    """From the page to the ink mask by Sauvola's threshold in windows of 25 x 25 pixels."""
    from skimage.filters import threshold_sauvola

    image = page()
    return {
        OURS: lambda: binarize(image, "sauvola", window=25, k=0.2),
        SKIMAGE: lambda: image <= threshold_sauvola(image, window_size=25, k=0.2),
    }


def clahe() -> Runners:
    """CLAHE with 8 x 8 tiles and a clip limit of 2."""
    import cv2

    from ocrlearn.image.enhance import clahe

    image = page()
    opencv = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8))
    return {
        OURS: lambda: clahe(image, clip_limit=2.0, tiles=(8, 8)),
        OPENCV: lambda: opencv.apply(image),
    }


def same_mask(ours: Any, theirs: Any) -> bool:
    """Whether two ink masks are equal (OpenCV's holds 255 for ink)."""
    return bool((ours == (theirs != 0)).all())


def same_gray(ours: Any, theirs: Any) -> bool:
    """Whether two gray images differ by at most one level."""
    return int(np.abs(ours.astype(int) - theirs).max()) <= 1


CPU = [
    CpuCase("Otsu", PAGE_SIZE, otsu, same_mask, {OPENCV: 1.5}),
    CpuCase("Sauvola", PAGE_SIZE, sauvola, same_mask, {SKIMAGE: 0.2}),
    CpuCase("CLAHE", PAGE_SIZE, clahe, same_gray, {OPENCV: 1.5}),
]


def scan(seed: int, side: int) -> Any:
    """Return a page of ``(side, side)`` pixels; every seed begins at another place of it."""
    return np.resize(np.roll(page(), (137 * seed, 61 * seed), axis=(0, 1)), (side, side))


def otsu_by_cucim(image: Any) -> Any:
    """Otsu's threshold and the comparison with it."""
    from cucim.skimage.filters import threshold_otsu

    return lambda: image <= threshold_otsu(image)


def sauvola_by_cucim(image: Any, window: int, k: float, dynamic_range: float) -> Any:
    """Sauvola's thresholds and the comparison with them."""
    from cucim.skimage.filters import threshold_sauvola

    return lambda: image <= threshold_sauvola(image, window, k, dynamic_range)


def table_by_cucim(image: Any) -> Any:
    """Take running sums along both axes; there is no row and column of zeros."""
    from cucim.skimage.transform import integral_image

    return lambda: integral_image(image)


def equal(result: Any, expected: Any) -> None:
    """Compare masks and tables, which are exact."""
    np.testing.assert_array_equal(result, expected)


def nearly_equal(result: Any, expected: Any) -> None:
    """Compare masks where a gray may equal its threshold to the last digit but one."""
    assert np.mean(result != expected) < 1e-4


N = 4096**2
SAUVOLA = (25, 0.2, 127.5)
# Sauvola by integral images writes two tables of 32 bits and reads them once, every other access
# being served by the cache: 16 bytes a pixel, beside the image, read twice, and the mask.
GPU = [
    GpuCase(
        "Otsu's ink",
        "4096 x 4096 bytes",
        OTSU_INK_RUNGS,
        make=lambda seed: (scan(seed, 4096),),
        small=lambda seed: (scan(seed, 200),),
        compare=equal,
        bytes=3 * N,
        operations=2 * N,
        peers={CUCIM: otsu_by_cucim},
    ),
    GpuCase(
        "Sauvola's ink",
        "4096 x 4096 bytes, window 25",
        SAUVOLA_INK_RUNGS,
        make=lambda seed: (scan(seed, 4096), *SAUVOLA),
        small=lambda seed: (scan(seed, 200), *SAUVOLA),
        compare=nearly_equal,
        bytes=19 * N,
        operations=30 * N,
        peers={CUCIM: sauvola_by_cucim},
    ),
    GpuCase(
        "integral image",
        "4096 x 4096 bytes, sums of 64 bits",
        integral.INTEGRAL_RUNGS,
        make=lambda seed: (scan(seed, 4096),),
        small=lambda seed: (scan(seed, 200),),
        compare=equal,
        bytes=9 * N,
        operations=2 * N,
        peers={CUCIM: table_by_cucim},
    ),
]

"""Normalised cross-correlation, directly and by Fourier transforms."""

import numpy as np

from ocrlearn.classic.template import KERNELS, RUNGS
from parity import Case, Operation, close

RNG = np.random.default_rng(0)


def bytes_(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


NOISE = bytes_(41, 57)
WAVES = np.sin(np.arange(70) / 5) * np.cos(np.arange(50) / 4)[:, None]
SMOOTH = (127 + 100 * WAVES + RNG.normal(0, 5, (50, 70))).astype(np.uint8)
BRIGHT = RNG.integers(250, 256, (30, 40), dtype=np.uint8)  # little contrast at a large mean
PATCHES = np.where(np.indices((30, 40)).sum(0) < 40, 255, NOISE[:30, :40]).astype(np.uint8)
FLOAT = RNG.random((31, 45), np.float32)
FAINT = (0.9 + 1e-3 * RNG.random((24, 33))).astype(np.float32)
INPUTS = [
    ("noise", NOISE, NOISE[10:17, 20:31]),
    ("a template found", SMOOTH, SMOOTH[12:33, 30:49]),
    ("bright", BRIGHT, BRIGHT[3:9, 5:12]),
    ("flat windows", PATCHES, NOISE[11:18, 25:34]),
    ("flat image", np.full((12, 17), 200, np.uint8), NOISE[:5, :4]),
    ("flat template", NOISE[:12, :17], np.full((3, 4), 7, np.uint8)),
    ("float", FLOAT, FLOAT[4:12, 9:18]),
    ("float and bytes", FLOAT, NOISE[:9, :5]),
    ("faint float", FAINT, FAINT[2:10, 3:11]),
    ("flat float", np.full((12, 17), 0.3, np.float32), FLOAT[:5, :4]),
    ("template of one pixel", NOISE[:7, :9], NOISE[:1, :1]),
    ("template as large as the image", NOISE[:19, :21], NOISE[20:39, 30:51]),
    ("one row", NOISE[:1], NOISE[1:2, 5:16]),
    ("one column", NOISE[:, :1], NOISE[3:20, 1:2]),
    ("not contiguous", NOISE[::-2, 1::2], SMOOTH.T[3:11, 4:9]),
    ("template wider than a piece of it", NOISE, NOISE[3:8, 10:31]),
    ("template larger than a piece of it", SMOOTH, SMOOTH[5:38, 7:27]),
]


def oracle(image, template, method):
    """scikit-image, in float64. It leaves rounding errors where the contrast is 0."""
    from skimage.feature import match_template

    if (image == image[0, 0]).all() or (template == template[0, 0]).all():
        return np.zeros((image.shape[0] - template.shape[0] + 1,
                         image.shape[1] - template.shape[1] + 1))  # fmt: skip
    if image.dtype == np.float32 and image.std() < 1e-2:
        return None  # its sums of squares cancel
    scores = match_template(image.astype(np.float64), template.astype(np.float64))
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    return np.where(windows.max(axis=(2, 3)) == windows.min(axis=(2, 3)), 0, scores)


OPERATIONS = [
    Operation(
        "normalized_cross_correlation",
        rungs=RUNGS,
        cases=[
            Case(f"{name}, {method}", (image, template), {"method": method})
            for name, image, template in INPUTS
            for method in ("direct", "fft")
        ]
        + [
            Case("sums beyond 32 bits", (bytes_(300, 290), bytes_(270, 265)),
                 {"method": "fft"}, small=False),
            Case("a wide image", (bytes_(52, 600), bytes_(12, 14)), {"method": "fft"},
                 small=False),
        ],
        compare=close(atol=2e-5),
        oracle=oracle,
        kernels=KERNELS,
    )
]  # fmt: skip

"""SLIC superpixels, and their conversion to CIELAB. Labels must be identical on every rung."""

import numpy as np

from ocrlearn.cluster.slic import KERNELS, LAB_RUNGS, LAB_UNIT, RUNGS
from parity import Case, Operation, close, equal


def blobs(height, width, seed=0):
    """A smooth colour image with some noise, and so with superpixels of every shape."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    phase = rng.uniform(0, 6, (3, 2))
    waves = [np.sin(x / 7 + a) * np.cos(y / 5 + b) for a, b in phase]
    return (127 + 100 * np.stack(waves, axis=-1) + rng.normal(0, 9, (height, width, 3))).astype(
        np.uint8
    )


def every_colour(step=17):
    """All combinations of levels 0, `step`, 2 `step` ... of R, G and B, as one image."""
    levels = np.arange(0, 256, step, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(len(levels), -1, 3)


def lab_oracle(image):
    """scikit-image on floats; its matrix of sRGB differs from ours in the sixth digit."""
    from skimage.color import gray2rgb, rgb2lab

    rgb = gray2rgb(image) if image.ndim == 2 else image
    return LAB_UNIT * np.moveaxis(rgb2lab(rgb / 255 if rgb.dtype == np.uint8 else rgb), -1, 0)


RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
GRAY = blobs(45, 61)[..., 1]
ARGUMENTS = ["segments", "compactness", "iterations", "connected"]


def case(name, image, *values, small=True):
    return Case(name, (image,), dict(zip(ARGUMENTS, values, strict=True)), small=small)


OPERATIONS = [
    Operation(
        "rgb_to_lab",
        rungs=LAB_RUNGS,
        cases=[
            Case("every colour", (every_colour(),)),
            Case("gray levels", (np.arange(256, dtype=np.uint8)[None],)),
            Case("float", (RNG.random((13, 31, 3), np.float32),)),
            Case("float gray, dark", (np.linspace(0, 0.02, 97, dtype=np.float32)[:, None],)),
            Case("one pixel", (np.full((1, 1, 3), 255, np.uint8),)),
            Case("not contiguous", (NOISE[:, ::-1][::2, ::3],)),
        ],
        compare=close(atol=1),  # a unit of 1 / 256, by rounding and the tables
        oracle=lab_oracle,
        compare_oracle=close(atol=2),
    ),
    Operation(
        "slic",
        rungs=RUNGS,
        cases=[
            case("blobs", blobs(48, 64), 20, 10.0, 3, True),
            case("noise", NOISE, 30, 5.0, 2, True),
            case("gray", GRAY, 12, 20.0, 2, True),
            case("clusters only", NOISE, 30, 10.0, 2, False),
            case("float", blobs(30, 41).astype(np.float32) / 255, 9, 10.0, 2, True),
            case("constant: all ties", np.full((33, 40), 128, np.uint8), 12, 10.0, 2, True),
            case("black and white by turns", np.indices((20, 24)).sum(0).astype(np.uint8) % 2 * 255,
                 6, 1.0, 2, True),
            case("colour alone", NOISE, 12, 0.0, 2, True),
            case("one cluster", GRAY, 1, 10.0, 1, True),
            case("one pixel", GRAY[:1, :1], 400, 10.0, 2, True),
            case("one row", GRAY[:1], 5, 10.0, 2, True),
            case("one column", GRAY[:, :1], 5, 10.0, 2, True),
            case("every pixel a cluster", NOISE[:9, :11], 99, 10.0, 1, True),
            case("more clusters than pixels", NOISE[:5, :6], 1000, 10.0, 2, True),
            case("not contiguous", NOISE[::-2, 1::2], 10, 10.0, 2, True),
            case("cells wider than a block", blobs(18, 700), 2, 10.0, 1, True),
            case("page of blobs", blobs(150, 211, seed=1), 60, 10.0, 3, True, small=False),
        ],
        compare=equal,
        kernels=KERNELS,
    ),
]  # fmt: skip

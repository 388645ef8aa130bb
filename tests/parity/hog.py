"""Histograms of oriented gradients."""

import functools
from typing import Any

import numpy as np

from ocrlearn.classic.hog import KERNELS, RUNGS
from parity import Case, Operation, close

rng = np.random.default_rng(14)
# Cell, block, bins, signed, sigma, clip, epsilon.
PAPER = (8, 2, 9, False, 8.0, 0.2, 0.01)
SIGNED = (8, 2, 9, True, 8.0, 0.2, 0.01)
THREE = (6, 3, 8, False, 9.0, 0.2, 0.01)
ODD = (5, 1, 4, True, 2.5, 0.3, 0.1)


def smooth(*shape: int) -> Any:
    """Waves in all directions, in [0, 1]: gradients that are long and of every direction."""
    n, y, x, channel = np.indices(shape)
    phase = rng.uniform(0, 6, shape[0])[n] + channel
    waves = np.sin(0.21 * x + 0.34 * y + phase) + np.sin(0.17 * x * y / 30 - phase)
    return (0.5 + waves / 4).astype(np.float32)


NOISE = rng.random((1, 30, 41, 1), np.float32)
EDGE = np.zeros((1, 20, 24, 1), np.float32)
EDGE[:, :, 11:] = 1
STEPS = np.round(4 * smooth(1, 33, 35, 1)) / 4  # gradients of exactly 0, 45 and 90 degrees

CASES = [
    Case("the paper's parameters", (smooth(1, 40, 48, 1), *PAPER)),
    Case("noise", (NOISE, *PAPER)),
    Case("several tiles", (smooth(1, 89, 97, 1), *PAPER), small=False),
    Case("several windows", (smooth(3, 16, 25, 1), *PAPER)),
    Case("no window", (smooth(1, 16, 16, 1)[:0], *PAPER)),
    Case("one block", (smooth(1, 16, 16, 1), *SIGNED)),
    Case("colour, signed", (smooth(1, 29, 34, 3), *SIGNED)),
    Case("blocks of three cells, an even number of bins", (smooth(2, 27, 39, 1), *THREE)),
    Case("odd cells that do not overlap", (smooth(1, 23, 31, 1), *ODD)),
    Case("constant", (np.full((1, 17, 19, 1), 0.3, np.float32), *PAPER)),
    Case("one edge", (EDGE, *PAPER)),
    Case("directions on the borders of bins", (STEPS, *SIGNED)),
    Case("not contiguous", (smooth(1, 64, 70, 1)[:, ::2, ::2], *PAPER)),
]


def wide(rung: Any, windows: Any, cell: int, block: int, bins: int, signed: bool) -> Any:
    """Run a rung with a Gaussian so wide that it makes no difference."""
    return rung(windows, cell, block, bins, signed, 1e6, 0.2, 0.01)


WIDE_RUNGS = {name: functools.partial(wide, rung) for name, rung in RUNGS.items()}
BYTES = np.float32(255)
OPENCV_CASES = [
    Case("the paper's window", (np.round(255 * smooth(1, 64, 32, 1)) / BYTES, *PAPER[:4])),
    Case("signed", (np.round(255 * smooth(1, 24, 40, 1)) / BYTES, *SIGNED[:4])),
    Case("colour", (np.round(255 * smooth(1, 24, 32, 3)) / BYTES, *PAPER[:4])),
]


def describe_by_opencv(windows: Any, cell: int, block: int, bins: int, signed: bool) -> Any:
    """OpenCV's descriptor takes bytes; it centres its Gaussian half a pixel off ours."""
    import cv2

    _, height, width, _ = windows.shape
    side = block * cell
    descriptor = cv2.HOGDescriptor(
        *((width, height), (side, side), (cell, cell), (cell, cell), bins, 1, 1e6),
        *(cv2.HOGDESCRIPTOR_L2HYS, 0.2, False, 64, signed),
    )
    image = np.round(255 * windows[0]).astype(np.uint8)
    rows, cols = height // cell - block + 1, width // cell - block + 1
    found = descriptor.compute(image).reshape(cols, rows, block, block, bins)
    return found.transpose(1, 0, 3, 2, 4)[None]


OPERATIONS = [
    Operation("hog", RUNGS, CASES, close(atol=1e-5), kernels=KERNELS),
    Operation(
        "hog without the gaussian",
        WIDE_RUNGS,
        OPENCV_CASES,
        close(atol=1e-5),
        describe_by_opencv,
        close(atol=5e-3),
        kernels=KERNELS,
    ),
]

"""Summed-area tables and local statistics."""

from typing import Any

import numpy as np

from ocrlearn.ops.integral import INTEGRAL_RUNGS, KERNELS, LOCAL_RUNGS
from parity import Case, Operation

rng = np.random.default_rng(11)
BYTES = rng.integers(0, 256, (19, 23), dtype=np.uint8)
FLOATS = rng.random((17, 33))
WIDE = rng.integers(0, 256, (35, 300), dtype=np.uint8)  # three bands, two tiles

IMAGES = {
    "random bytes": BYTES,
    "several bands and tiles": WIDE,
    "one pixel": np.full((1, 1), 255, np.uint8),
    "one row": BYTES[:1],
    "one column": BYTES[:, :1],
    "exactly one tile": np.full((16, 256), 255, np.uint8),
    "constant": np.full((9, 5), 137, np.uint8),
    "mask": BYTES > 100,
    "negative numbers": BYTES.astype(np.int16) - 128,
    "large numbers": BYTES.astype(np.int64) * 2**40,
    "floats": FLOATS,
    "single precision": FLOATS.astype(np.float32),
    "every other column": BYTES[:, ::2],
    "columns first": np.asfortranarray(FLOATS),
}


def compare_tables(result: Any, expected: Any) -> None:
    """Exact for whole numbers; sums of floats may be added in another order."""
    assert result.dtype == expected.dtype
    tolerance = 1e-13 if expected.dtype == np.float64 else 0
    np.testing.assert_allclose(result, expected, rtol=tolerance)


def cumulated_by_scipy(image: Any) -> Any:
    """Running sums by a recursive filter, which adds the last output to each input."""
    from scipy.signal import lfilter

    if image.dtype.kind != "f" and np.abs(image).max() > 2**30:
        return None  # the filter computes in float64
    rows = lfilter([1], [1, -1], image.astype(np.float64), axis=0)
    table = np.pad(lfilter([1], [1, -1], rows, axis=1), ((1, 0), (1, 0)))
    return table if image.dtype.kind == "f" else table.astype(np.int64)


# Flat but for rounding errors, which make the difference that is the variance less than 0 here and
# there.
FIELDS = np.repeat([[0.1, 0.7, 0.3]], 11, axis=1).repeat(17, axis=0)

STATISTICS = {
    "random bytes": (BYTES, 5),
    "several bands and tiles": (WIDE, 25),
    "window larger than the image": (BYTES[:4, :6], 21),
    "one pixel": (BYTES[:1, :1], 3),
    "one row": (BYTES[:1], 3),
    "constant": (np.full((9, 5), 255, np.uint8), 3),
    "floats": (FLOATS, 7),
    "single precision": (FLOATS.astype(np.float32), 7),
    "flat fields of floats": (FIELDS, 5),
    "every other column": (BYTES[:, ::2], 3),
    "half black half white": (np.repeat(np.uint8([[0, 255]]), 12, axis=1).repeat(9, axis=0), 5),
}
# White, so that the sum of squares in a window would not fit 32 bits.
BEYOND_32_BITS = (np.full((3, 5), 255, np.uint8), 259)
LARGEST_IN_32_BITS = (np.full((3, 5), 255, np.uint8), 257)


def compare_statistics(result: Any, expected: Any) -> None:
    """Of bytes the sums are exact; a variance of floats is the difference of rounded numbers."""
    np.testing.assert_allclose(result[0], expected[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(result[1], expected[1], rtol=1e-7, atol=1e-7)


def filtered_by_scipy(image: Any, window: int) -> Any:
    from scipy.ndimage import uniform_filter

    exact = image.astype(np.float64)
    centred = exact - exact.mean()  # SciPy calls this reflection "mirror"
    mean = uniform_filter(centred, window, mode="mirror")
    variance = uniform_filter(centred**2, window, mode="mirror") - mean**2
    return mean + exact.mean(), np.sqrt(np.maximum(variance, 0))


OPERATIONS = [
    Operation(
        "integral image",
        INTEGRAL_RUNGS,
        [Case(name, (image,)) for name, image in IMAGES.items()],
        compare_tables,
        oracle=cumulated_by_scipy,
        kernels=KERNELS,
    ),
    Operation(
        "local mean and std",
        LOCAL_RUNGS,
        [Case(name, args) for name, args in STATISTICS.items()]
        + [
            Case("largest window of 32-bit sums", LARGEST_IN_32_BITS, small=False),
            Case("smallest window of 64-bit sums", BEYOND_32_BITS, small=False),
        ],
        compare_statistics,
        oracle=filtered_by_scipy,
        kernels=KERNELS,
    ),
]

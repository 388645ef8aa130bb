"""Mean shift: the filter of an image, and the modes of a set of points."""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.cluster.mean_shift import RUNGS, SEEK_RUNGS, mean_shift_filter, mean_shift_modes

OPENCV = "OpenCV"
SKLEARN = "scikit-learn"


def filter_of_a_photograph() -> Runners:
    """Filter with radii of 8 pixels and 16 levels, at most 5 steps, on one level of the pyramid."""
    import cv2
    from skimage import data

    image = np.ascontiguousarray(data.astronaut())
    return {
        OURS: lambda: mean_shift_filter(image, 8, 16),
        OPENCV: lambda: cv2.pyrMeanShiftFiltering(image, 8, 16, maxLevel=0),
    }


def same_image(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether 99.9 % of the pixels are the same, and none differs by more than 2 levels."""
    difference = np.abs(ours.astype(int) - theirs).max(axis=2)
    return bool((difference == 0).mean() > 0.999 and difference.max() <= 2)


def blobs(seed: int, count: int) -> np.ndarray:
    """Return points around five others in the plane."""
    random = np.random.default_rng(seed)
    centres = random.uniform(0, 40, (5, 2))
    points = centres[np.arange(count) % 5] + random.normal(size=(count, 2))
    return points.astype(np.float32)


def modes_of_points() -> Runners:
    """Climb from each of 1,500 points."""
    from sklearn.cluster import MeanShift

    points = blobs(0, 1500)
    return {
        OURS: lambda: mean_shift_modes(points, 2.0).modes,
        SKLEARN: lambda: MeanShift(bandwidth=2.0).fit(points).cluster_centers_,
    }


def same_modes(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether the modes are the same within a hundredth of the bandwidth."""
    return ours.shape == theirs.shape and bool(np.abs(ours - theirs).max() < 0.02)


CPU = [
    CpuCase(
        "mean shift filter",
        "512 x 512 RGB, radii 8 and 16",
        filter_of_a_photograph,
        same_image,
        {OPENCV: 1.0},
    ),
    CpuCase("mean shift modes", "1,500 x 2", modes_of_points, same_modes, {SKLEARN: 1.0}),
]


def scene(seed: int, height: int, width: int) -> tuple[np.ndarray, int, int, int, int]:
    """Return noisy fields of colour, and the filter's usual radii and rule for stopping."""
    random = np.random.default_rng(seed)
    ys, xs = np.mgrid[:height, :width]
    fields = (np.sin(xs / 17 + ys / 29) > 0).astype(int) + 2 * (np.sin(ys / 23 - xs / 41) > 0)
    colours = random.integers(30, 226, (4, 3))
    image = colours[fields] + random.integers(-12, 13, (height, width, 3))
    return image.astype(np.uint8), 8, 16**2, 5, 1


def climbs(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, float, int, float]:
    """Return points, the same as seeds, the bandwidth and 20 steps from each."""
    points = blobs(seed, count)
    return points, points, 2.0, 20, 0.0


def same(result: Any, expected: Any) -> None:
    """Compare colours and places, which are integers."""
    for one, other in zip(result, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def close(result: Any, expected: Any) -> None:
    """Compare ends; a point on the rim of a window may fall to either side."""
    near = np.abs(result[0] - expected[0]).max(axis=1) < 1e-3
    assert near.mean() > 0.99


PIXELS = 1920 * 1080
POINTS = 16_384

# A pixel of a window costs 3 differences, 3 products, 2 sums and a comparison, and where it is near
# enough 5 more sums. Of the 5 steps allowed, these images take about 3.
GPU = [
    GpuCase(
        "mean shift filter",
        "1920 x 1080 RGB, radii 8 and 16",
        RUNGS,
        make=lambda seed: scene(seed, 1080, 1920),
        small=lambda seed: scene(seed, 40, 50),
        compare=same,
        bytes=PIXELS * (3 + 3 + 8),
        operations=PIXELS * 3 * 17 * 17 * 12,
    ),
    GpuCase(
        "mean shift modes",
        "16,384 x 2, 20 steps from each",
        SEEK_RUNGS,
        make=lambda seed: climbs(seed, POINTS),
        small=lambda seed: climbs(seed, 400),
        compare=close,
        bytes=POINTS * (8 + 8 + 8 + 4),
        operations=20.0 * POINTS**2 * 8,
    ),
]

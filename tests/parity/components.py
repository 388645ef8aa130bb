"""Connected components: labels, counts and measures are identical on every rung."""

import dataclasses
from typing import Any

import numpy as np

from ocrlearn.ops.components import (
    KERNELS,
    LABELS_WITH_STATS_RUNGS,
    RUNGS,
    STATS_RUNGS,
    ComponentStats,
)
from parity import Case, Operation, equal

rng = np.random.default_rng(13)


def serpentine(height: int, width: int) -> Any:
    """One stroke that runs right, down two, left, down two: the longest way to its root."""
    mask = np.zeros((height, width), bool)
    mask[::2] = True
    mask[1::4, -1] = True
    mask[3::4, 0] = True
    return mask


def comb(height: int, width: int) -> Any:
    """Teeth joined by the last row alone."""
    mask = np.zeros((height, width), bool)
    mask[:, ::2] = True
    mask[-1] = True
    return mask


def corners(size: int) -> Any:
    """Ink that touches at corners only, also at the corners of tiles."""
    return np.indices((size, size)).sum(axis=0) % 2 == 1


MASKS = {
    "sparse noise": rng.random((37, 70)) < 0.3,
    "noise about to join into one": rng.random((45, 67)) < 0.6,
    "serpentine": serpentine(41, 67),
    "comb": comb(35, 66),
    "comb upside down": comb(35, 66)[::-1],
    "corners": corners(40),
    "diagonal down": np.eye(70, dtype=bool),
    "diagonal up": np.eye(70, dtype=bool)[::-1],
    "full": np.ones((33, 65), bool),
    "blank": np.zeros((5, 9), bool),
    "one pixel": np.ones((1, 1), bool),
    "one row": rng.random((1, 100)) < 0.7,
    "one column": rng.random((100, 1)) < 0.7,
    "exactly one tile": rng.random((32, 32)) < 0.5,
    "no rows": np.zeros((0, 7), bool),
    "every other column": (rng.random((40, 130)) < 0.5)[:, ::2],
    "transposed": (rng.random((66, 40)) < 0.6).T,
}
LARGE = rng.random((150, 211)) < 0.55


def mask_cases() -> list[Case]:
    cases = [Case(f"{name}, 8", (mask, 8)) for name, mask in MASKS.items()]
    cases += [Case(f"{name}, 4", (MASKS[name], 4)) for name in list(MASKS)[:7]]
    return [*cases, Case("several blocks", (LARGE, 8), small=False)]


def label_by_scipy(mask: Any, connectivity: int) -> Any:
    from scipy import ndimage

    labels, count = ndimage.label(
        mask, ndimage.generate_binary_structure(2, 2 if connectivity == 8 else 1)
    )
    return labels.astype(np.int32), count


def compare_stats(result: ComponentStats, expected: ComponentStats) -> None:
    for field in dataclasses.fields(ComponentStats):
        equal(getattr(result, field.name), getattr(expected, field.name))


def compare_labels_and_stats(result: Any, expected: Any) -> None:
    equal(result[0], expected[0])
    compare_stats(result[1], expected[1])


def measure_by_scikit_image(labels: Any, count: int) -> Any:
    """Region properties; scikit-image leaves out label 0, so the labels are raised by one."""
    from skimage.measure import regionprops

    stats = ComponentStats(
        *(np.zeros(count + 1, np.int32) for _ in range(4)),
        np.zeros(count + 1, np.int64),
        np.full((count + 1, 2), np.nan),
    )
    for region in regionprops(labels.astype(np.int64) + 1) if labels.size else ():
        row = region.label - 1
        top, left, bottom, right = region.bbox
        stats.left[row], stats.top[row] = left, top
        stats.width[row], stats.height[row] = right - left, bottom - top
        stats.area[row] = region.num_pixels
        stats.centroid[row] = region.centroid[::-1]
    return stats


def nearly(result: ComponentStats, expected: ComponentStats) -> None:
    """As compare_stats, but centroids may be rounded another way."""
    np.testing.assert_allclose(result.centroid, expected.centroid, rtol=1e-12)
    compare_stats(dataclasses.replace(result, centroid=expected.centroid), expected)


def label_and_measure(mask: Any, connectivity: int) -> Any:
    labels, count = label_by_scipy(mask, connectivity)
    return labels, measure_by_scikit_image(labels, count)


def nearly_with_labels(result: Any, expected: Any) -> None:
    equal(result[0], expected[0])
    nearly(result[1], expected[1])


LABELS = rng.integers(0, 5, (30, 45)).astype(np.int32)
LABEL_IMAGES = {
    "random labels": (LABELS, 4),
    "labels without pixels": (2 * LABELS, 11),
    "no paper": (LABELS + 1, 5),
    "one label": (np.full((131, 33), 1, np.int32), 1),
    "paper only": (np.zeros((3, 40), np.int32), 0),
    "no rows": (np.zeros((0, 4), np.int32), 2),
    "one pixel": (np.ones((1, 1), np.int32), 1),
    "every other column": (LABELS[:, ::2], 4),
    "wide stretches": (np.arange(100, dtype=np.int32).repeat(40).reshape(1, -1) // 30, 3),
}

OPERATIONS = [
    Operation("components", RUNGS, mask_cases(), equal, label_by_scipy, kernels=KERNELS),
    Operation(
        "component stats",
        STATS_RUNGS,
        [Case(name, args) for name, args in LABEL_IMAGES.items()],
        compare_stats,
        measure_by_scikit_image,
        nearly,
        kernels=KERNELS,
    ),
    Operation(
        "components with stats",
        LABELS_WITH_STATS_RUNGS,
        mask_cases()[:3] + mask_cases()[-1:],
        compare_labels_and_stats,
        label_and_measure,
        nearly_with_labels,
        kernels=KERNELS,
    ),
]

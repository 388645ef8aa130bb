"""Connected components, with and without their measures."""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from cases.binarize import OPENCV, PAGE_SIZE, SKIMAGE, page, scan
from ocrlearn.image.binarize import binarize
from ocrlearn.ops import components

SCIPY = "SciPy"


def label() -> Runners:
    """Label image of the page's ink with 8 neighbours."""
    import cv2
    from scipy import ndimage
    from skimage.measure import label

    ink = binarize(page(), "sauvola")
    ink_bytes = ink.astype(np.uint8)
    eight = np.ones((3, 3), bool)
    return {
        OURS: lambda: components.connected_components(ink, 8)[0],
        SKIMAGE: lambda: label(ink, connectivity=2),
        SCIPY: lambda: ndimage.label(ink, eight)[0],
        OPENCV: lambda: cv2.connectedComponents(ink_bytes, connectivity=8)[1],
    }


def label_and_measure() -> Runners:
    """Label image, boxes, areas and centroids of the page's ink with 8 neighbours."""
    import cv2

    ink = binarize(page(), "sauvola")
    ink_bytes = ink.astype(np.uint8)
    return {
        OURS: lambda: components.connected_components_with_stats(ink, 8),
        OPENCV: lambda: cv2.connectedComponentsWithStats(ink_bytes, connectivity=8)[1:],
    }


def same_labels(ours: Any, theirs: Any) -> bool:
    """Whether two label images name the same components, in whatever order."""
    pairs = np.unique(np.stack([ours.ravel(), theirs.ravel()]), axis=1)
    return len(pairs[0]) == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))


def same_stats(ours: Any, theirs: Any) -> bool:
    """Whether labels agree, and with them every component's box, area and centroid."""
    labels, stats = ours
    their_labels, their_stats, their_centroids = theirs
    order = np.zeros(len(stats), int)
    order[labels] = their_labels
    table = np.stack([stats.left, stats.top, stats.width, stats.height, stats.area], axis=1)
    return (
        same_labels(labels, their_labels)
        and bool((table == their_stats[order]).all())
        and np.allclose(stats.centroid, their_centroids[order])
    )


CPU = [
    CpuCase("components", PAGE_SIZE, label, same_labels, {OPENCV: 1.5, SCIPY: 1.0}),
    CpuCase("components with stats", PAGE_SIZE, label_and_measure, same_stats, {OPENCV: 1.5}),
]


def ink(seed: int, side: int) -> tuple[Any, int]:
    """Return the ink of a page of ``(side, side)`` pixels, and 8 neighbours."""
    return binarize(scan(seed, side), "sauvola"), 8


def label_by_cupy(mask: Any, connectivity: int) -> Any:
    """Labels by CuPy."""
    import cupy
    from cupyx.scipy import ndimage

    structure = cupy.ones((3, 3), int) if connectivity == 8 else None
    return lambda: ndimage.label(mask, structure)


def label_by_cucim(mask: Any, connectivity: int) -> Any:
    """Labels by cuCIM."""
    from cucim.skimage.measure import label

    return lambda: label(mask, connectivity=connectivity // 4)


def same(result: Any, expected: Any) -> None:
    """Compare labels and counts, or labels and measures; all are exact."""
    np.testing.assert_array_equal(result[0], expected[0])
    if not isinstance(result[1], components.ComponentStats):
        assert result[1] == expected[1]
        return
    for name in ("left", "top", "width", "height", "area", "centroid"):
        np.testing.assert_array_equal(getattr(result[1], name), getattr(expected[1], name))


N = 4096**2
# The mask is read and a forest of 4 bytes a pixel written; roots are counted, then numbered, which
# reads the forest twice; labels are read off it and written.
LABEL_BYTES = (1 + 4 + 4 + 4 + 8) * N
GPU = [
    GpuCase(
        "components",
        "4096 x 4096, 8 neighbours",
        components.RUNGS,
        make=lambda seed: ink(seed, 4096),
        small=lambda seed: ink(seed, 300),
        compare=same,
        bytes=LABEL_BYTES,
        operations=20 * N,
        peers={"CuPy": label_by_cupy, "cuCIM": label_by_cucim},
    ),
    GpuCase(
        "components with stats",
        "4096 x 4096, 8 neighbours",
        components.LABELS_WITH_STATS_RUNGS,
        make=lambda seed: ink(seed, 4096),
        small=lambda seed: ink(seed, 300),
        compare=same,
        bytes=LABEL_BYTES + 4 * N,
        operations=40 * N,
    ),
]

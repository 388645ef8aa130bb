"""K-means on the colours of an image."""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.cluster.kmeans import ASSIGN_RUNGS, RUNGS, UPDATE_RUNGS, KMeansResult, assign, kmeans

OPENCV = "OpenCV"
SKLEARN = "scikit-learn"
ITERATIONS = 10


def photograph() -> tuple[np.ndarray, np.ndarray]:
    """Return the colours of a photograph of 512 x 512 pixels, and 16 of them to begin with."""
    from skimage import data

    colours = data.astronaut().reshape(-1, 3).astype(np.float32)
    chosen = np.random.default_rng(0).choice(len(colours), 16, replace=False)
    return colours, colours[chosen]


def of_a_photograph() -> Runners:
    """Iterate ten times from the same centres; OpenCV takes the labels that they give."""
    import cv2
    from sklearn.cluster import KMeans

    points, centres = photograph()
    labels = assign(points, centres)[0][:, None]
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, ITERATIONS, 0.0)

    def by_opencv() -> Any:
        # It begins with the update, so that its last assignment is our last.
        start = labels.copy()
        return cv2.kmeans(points, 16, start, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)[0]

    def by_sklearn() -> Any:
        model = KMeans(
            16, init=centres, n_init=1, max_iter=ITERATIONS, tol=0, algorithm="lloyd", copy_x=False
        )
        return model.fit(points).inertia_

    return {
        OURS: lambda: kmeans(points, 16, iterations=ITERATIONS, init=centres).inertia,
        OPENCV: by_opencv,
        SKLEARN: by_sklearn,
    }


def same_inertia(ours: float, theirs: float) -> bool:
    """Whether both got equally far; scikit-learn sums in float32, OpenCV may do one step less."""
    return abs(ours - theirs) < 0.02 * theirs


CPU = [
    CpuCase(
        "K-means",
        "262,144 x 3, K = 16, 10 iterations",
        of_a_photograph,
        same_inertia,
        {OPENCV: 1.0, SKLEARN: 1.0},
    )
]


def colours(seed: int, count: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return whole colours around `k` others, and centres among them."""
    random = np.random.default_rng(seed)
    around = random.integers(20, 236, (k, 3))
    points = around[random.integers(0, k, count)] + random.normal(0, 12, (count, 3))
    points = points.clip(0, 255).round().astype(np.float32)
    return points, points[random.choice(count, k, replace=False)]


def labelled(seed: int, count: int, k: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return points and labels for the update."""
    points, _ = colours(seed, count, k)
    return points, np.random.default_rng(seed).integers(0, k, count, dtype=np.int32), k


def nearest_by_torch(points: Any, centres: Any) -> Any:
    """Compute all distances as one matrix, then take the least of each row."""
    import torch

    their_points, their_centres = torch.from_dlpack(points), torch.from_dlpack(centres)
    return lambda: torch.cdist(their_points, their_centres).min(dim=1)


def means_by_torch(points: Any, labels: Any, k: int) -> Any:
    """Add by index_add_, which uses atomics."""
    import torch

    their_points, their_labels = torch.from_dlpack(points), torch.from_dlpack(labels).long()

    def run() -> Any:
        sums = torch.zeros(k, points.shape[1], device=their_points.device)
        sums.index_add_(0, their_labels, their_points)
        return sums / torch.bincount(their_labels, minlength=k)[:, None]

    return run


def same_assignment(result: Any, expected: Any) -> None:
    """Whole coordinates give exact distances, so labels must be the same."""
    np.testing.assert_array_equal(result[0], expected[0])
    np.testing.assert_allclose(result[1], expected[1], rtol=1e-6)


def same_update(result: Any, expected: Any) -> None:
    """Compare means and counts."""
    np.testing.assert_allclose(result[0], expected[0], rtol=1e-5)
    np.testing.assert_array_equal(result[1], expected[1])


def same_result(result: KMeansResult, expected: KMeansResult) -> None:
    """Compare centres; a point half way between two may go to either after some rounding."""
    np.testing.assert_allclose(result.centres, expected.centres, rtol=1e-3)
    np.testing.assert_allclose(result.inertias, expected.inertias, rtol=1e-4)
    assert (result.labels == expected.labels).mean() > 0.999


COUNT, K = 2**22, 64

# A pair costs a difference, a product and a sum for each coordinate, and a comparison. Points are
# read as 12 bytes, labels and distances written as 4 each.
GPU = [
    GpuCase(
        "K-means assignment",
        "4,194,304 x 3, K = 64",
        ASSIGN_RUNGS,
        make=lambda seed: colours(seed, COUNT, K),
        small=lambda seed: colours(seed, 3000, 20),
        compare=same_assignment,
        bytes=COUNT * (12 + 4 + 4),
        operations=COUNT * K * 10,
        peers={"torch": nearest_by_torch},
    ),
    GpuCase(
        "K-means update",
        "4,194,304 x 3, K = 64",
        UPDATE_RUNGS,
        make=lambda seed: labelled(seed, COUNT, K),
        small=lambda seed: labelled(seed, 3000, 20),
        compare=same_update,
        bytes=COUNT * (12 + 4),
        operations=COUNT * 4,
        peers={"torch": means_by_torch},
    ),
    GpuCase(
        "K-means",
        "4,194,304 x 3, K = 64, 10 iterations",
        RUNGS,
        make=lambda seed: (*colours(seed, COUNT, K), ITERATIONS, 0.0),
        small=lambda seed: (*colours(seed, 1500, 6), 5, 0.0),
        compare=same_result,
        bytes=COUNT * (11 * (12 + 4 + 4) + 10 * (12 + 4)),
        operations=COUNT * (11 * K * 10 + 10 * 4),
    ),
]

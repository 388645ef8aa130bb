"""K-means: assignment, update and the whole iteration.

Points with whole coordinates and centres at halves make every squared distance exact in float32, so
that ties are ties on every rung, with or without fused multiply-add.
"""

from typing import Any

import numpy as np

from ocrlearn.cluster.kmeans import ASSIGN_RUNGS, KERNELS, RUNGS, UPDATE_RUNGS, KMeansResult
from parity import Case, Operation


def whole(seed: int, count: int, dimensions: int, low: int = 0, high: int = 256) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(low, high, (count, dimensions)).astype(np.float32)


def real(seed: int, count: int, dimensions: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def labels_of(seed: int, count: int, k: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, k, count).astype(np.int32)


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def strided(array: np.ndarray) -> np.ndarray:
    """Return the same values as every second item of a wider array."""
    return np.repeat(array, 2, axis=-1)[..., ::2]


TWINS = np.tile(whole(3, 4, 3), (2, 1))  # centre 4 + i lies on centre i

ASSIGN_CASES = [
    Case("colours", (whole(0, 1100, 3), whole(1, 16, 3))),
    Case("five coordinates", (real(2, 517, 5), real(3, 9, 5))),
    Case("ties go to the lowest index", (whole(4, 300, 3, 0, 4), TWINS % 4)),
    Case("half way between two centres", (whole(5, 64, 1, 0, 5), column(4, 0, 2))),
    Case("one point, one centre", (whole(6, 1, 3), whole(7, 1, 3))),
    Case("one point, many centres", (whole(6, 1, 3), whole(7, 40, 3))),
    Case("more centres than points", (whole(8, 3, 2), whole(9, 70, 2))),
    Case("all the same", (np.full((33, 3), 7, np.float32), np.full((5, 3), 7, np.float32))),
    Case("many coordinates", (real(10, 70, 16), real(11, 5, 16))),
    Case("far from the origin", (whole(12, 257, 3) + 8192, whole(13, 6, 3) + 8192)),
    Case(
        "huge distances", (np.array([[1e30], [-1e30], [0]], "f4"), np.array([[2], [1e-30]], "f4"))
    ),
    Case("not contiguous", (strided(whole(30, 130, 3)), strided(whole(31, 6, 3)))),
    Case("more centres than shared memory", (whole(14, 40, 16), whole(15, 1100, 16)), small=False),
]

UPDATE_CASES = [
    Case("colours", (whole(0, 1100, 3), labels_of(1, 1100, 16), 16)),
    Case("five coordinates", (real(2, 517, 5), labels_of(3, 517, 4), 4)),
    Case("one point", (whole(4, 1, 2), np.zeros(1, np.int32), 1)),
    Case("one cluster", (whole(5, 300, 3), np.zeros(300, np.int32), 1)),
    Case("as many clusters as points", (whole(6, 40, 3), np.arange(40, dtype=np.int32)[::-1], 40)),
    Case("an empty cluster", (whole(7, 100, 3), labels_of(8, 100, 3) + 1, 4)),
    Case("only the last has points", (whole(9, 100, 2), np.full(100, 6, np.int32), 7)),
    Case("nowhere to go", (np.full((9, 3), 5, np.float32), np.full(9, 1, np.int32), 4)),
    Case("not contiguous", (strided(whole(30, 130, 3)), strided(labels_of(31, 130, 6)), 6)),
    Case("more clusters than shared memory", (whole(10, 1100, 16), labels_of(11, 1100, 60), 60)),
    Case(
        "more points than threads",
        (whole(12, 32900, 16), labels_of(13, 32900, 22), 22),
        small=False,
    ),
]


def start(points: np.ndarray, k: int) -> np.ndarray:
    return np.ascontiguousarray(points[:: len(points) // k][:k])


BLOBS = np.concatenate([real(seed, 60, 2) + np.float32(9 * seed) for seed in range(4)])
FAR_OFF = np.array([[0, 0], [1e4, 0], [1, 1], [-1e4, 0]], np.float32)
COLOURS = whole(20, 700, 3)

CASES = [
    Case("colours", (COLOURS, start(COLOURS, 8), 6, 0.0)),
    Case("until at rest", (BLOBS, start(BLOBS, 4), 50, 0.0)),
    Case("until nearly at rest", (COLOURS, start(COLOURS, 5), 50, 3.0)),
    Case("no iteration", (COLOURS, start(COLOURS, 5), 0, 0.0)),
    Case("an empty cluster", (BLOBS, FAR_OFF, 9, 0.0)),
    Case("not contiguous", (strided(BLOBS), start(BLOBS, 3), 5, 0.0)),
    Case("one point", (COLOURS[:1], COLOURS[:1], 3, 0.0)),
    Case("all the same", (np.full((9, 2), 3, np.float32), np.zeros((3, 2), np.float32), 5, 0.0)),
]


def same_assignment(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result[0], expected[0])
    np.testing.assert_allclose(result[1], expected[1], rtol=2e-6, atol=1e-12)
    assert result[0].dtype == np.int32
    assert result[1].dtype == np.float32


def same_update(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result[0], expected[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(result[1], expected[1])
    assert result[0].dtype == np.float32
    assert result[1].dtype == np.int64


def same_clusters(result: KMeansResult, expected: KMeansResult) -> None:
    np.testing.assert_allclose(result.centres, expected.centres, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(result.labels, expected.labels)
    np.testing.assert_allclose(result.inertia, expected.inertia, rtol=1e-5)


def same_iteration(result: KMeansResult, expected: KMeansResult) -> None:
    same_clusters(result, expected)
    np.testing.assert_allclose(result.inertias, expected.inertias, rtol=1e-5)
    assert result.inertia == result.inertias[-1]
    assert result.iterations == expected.iterations == len(result.inertias) - 1
    assert (result.centres.dtype, result.labels.dtype) == (np.float32, np.int32)


def scipy_assign(points: np.ndarray, centres: np.ndarray) -> Any:
    from scipy.spatial.distance import cdist

    squared = cdist(points.astype(np.float64), centres.astype(np.float64), "sqeuclidean")
    return squared.argmin(axis=1).astype(np.int32), squared.min(axis=1).astype(np.float32)


def scipy_update(points: np.ndarray, labels: np.ndarray, k: int) -> Any:
    from scipy import ndimage

    counts = np.bincount(labels, minlength=k).astype(np.int64)
    if not counts.all():
        return None
    means = [ndimage.mean(column, labels, np.arange(k)) for column in points.T.astype(np.float64)]
    return np.stack(means, axis=1).astype(np.float32), counts


def sklearn_kmeans(
    points: np.ndarray, centres: np.ndarray, iterations: int, tolerance: float
) -> Any:
    from sklearn.cluster import KMeans

    k = len(centres)
    fills_all = len(np.unique(scipy_assign(points, centres)[0])) == k
    if iterations == 0 or tolerance or not fills_all:
        return None  # no such thing there, or another rule for empty clusters
    model = KMeans(k, init=centres.astype(np.float64), n_init=1, max_iter=iterations, tol=0,
                   algorithm="lloyd").fit(points.astype(np.float64))  # fmt: skip
    return KMeansResult(
        model.cluster_centers_, model.labels_, model.inertia_, np.empty(0), model.n_iter_
    )


OPERATIONS = [
    Operation(
        name="kmeans_assign",
        rungs=ASSIGN_RUNGS,
        cases=ASSIGN_CASES,
        compare=same_assignment,
        oracle=scipy_assign,
        kernels=KERNELS,
    ),
    Operation(
        name="kmeans_update",
        rungs=UPDATE_RUNGS,
        cases=UPDATE_CASES,
        compare=same_update,
        oracle=scipy_update,
        kernels=KERNELS,
    ),
    Operation(
        name="kmeans",
        rungs=RUNGS,
        cases=CASES,
        compare=same_iteration,
        oracle=sklearn_kmeans,
        compare_oracle=same_clusters,
        kernels=KERNELS,
    ),
]

"""Mean shift: climbs in images and among points, and the joining of pixels with close modes."""

from typing import Any

import numpy as np

from ocrlearn.cluster.mean_shift import JOIN_RUNGS, KERNELS, RUNGS, SEEK_RUNGS
from parity import Case, Operation, equal


def noise(seed: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, channels), dtype=np.uint8)


def scene(seed: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Return noisy fields of four colours with a slanted edge and a step."""
    random = np.random.default_rng(seed)
    ys, xs = np.mgrid[:height, :width]
    field = (xs > width // 2).astype(int) + 2 * (xs + 2 * ys > height + width // 2)
    colours = random.integers(30, 226, (4, channels))
    return (colours[field] + random.integers(-9, 10, (height, width, channels))).astype(np.uint8)


CHECKER = (np.indices((13, 14)).sum(axis=0)[..., None] % 2 * 9).astype(np.uint8)

# Arguments: image, spatial radius, greatest squared colour distance, iterations, tolerance.
CONVERGE_CASES = [
    Case("scene", (scene(0, 19, 37), 3, 16**2, 5, 1)),
    Case("gray", (scene(1, 17, 20, channels=1), 2, 20**2, 5, 1)),
    Case("noise", (noise(2, 13, 16), 4, 120**2, 7, 0)),
    Case("until at rest", (scene(3, 12, 15), 2, 30**2, 100, 0)),
    Case("one iteration", (scene(4, 9, 33), 3, 25**2, 1, 1)),
    Case("halves", (np.tile(CHECKER, (1, 1, 3)), 1, 3 * 81, 3, 0)),
    Case("one colour", (np.full((9, 10, 3), 255, np.uint8), 2, 16**2, 5, 1)),
    Case("only equal colours", (noise(5, 8, 9) // 128, 2, 0, 5, 1)),
    Case("every colour", (noise(6, 8, 9), 2, 3 * 255**2, 5, 1)),
    Case("a window larger than the image", (scene(7, 5, 6), 40, 30**2, 5, 1)),
    Case("one pixel", (noise(8, 1, 1), 1, 16**2, 5, 1)),
    Case("one row", (scene(9, 1, 70), 3, 40**2, 5, 1)),
    Case("one column", (scene(10, 70, 1), 3, 40**2, 5, 1)),
    Case("not contiguous", (scene(11, 14, 22)[:, ::2, ::-1], 3, 30**2, 5, 1)),
    Case("photograph's radii", (scene(12, 26, 30), 8, 16**2, 5, 1), small=False),
]


def own_places(height: int, width: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.int32)


def serpentine(size: int) -> np.ndarray:
    """Return a line that winds down the image: its pixels hold together only one by one."""
    line = np.zeros((size, size, 3), np.uint8)
    line[::2] = 200
    line[1::4, -1] = 200
    line[3::4, 0] = 200
    return line


# Arguments: colours, positions, spatial radius, greatest squared colour distance.
JOIN_CASES = [
    Case("colours alone", (noise(20, 21, 35) // 86 * 86, own_places(21, 35), 3, 30**2)),
    Case("modes far apart", (np.zeros((9, 40, 3), np.uint8), own_places(9, 40) // 7 * 7, 3, 0)),
    Case("a chain of small steps", (np.arange(0, 240, 6, np.uint8).reshape(1, 40, 1),
                                    own_places(1, 40), 1, 36)),
    Case("serpentine", (serpentine(33), own_places(33, 33), 1, 100)),
    Case("checkers hold by their corners", (CHECKER, own_places(13, 14), 1, 4)),
    Case("gray", (noise(21, 15, 12, 1) // 100 * 50, own_places(15, 12), 5, 0)),
    Case("ends of rows apart", (np.tile(np.uint8([[[0], [200], [0]]]), (6, 1, 3)),
                                own_places(6, 3), 5, 0)),
    Case("all apart", (noise(22, 7, 8), np.zeros((7, 8, 2), np.int32), 1, 0)),
    Case("one colour", (np.full((9, 33, 3), 255, np.uint8), own_places(9, 33), 1, 0)),
    Case("one pixel", (noise(23, 1, 1), own_places(1, 1), 1, 16**2)),
    Case("not contiguous", (noise(24, 9, 24)[:, ::2] // 128, own_places(9, 24)[:, ::2], 2, 0)),
]  # fmt: skip


def blobs(seed: int, count: int, dimensions: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = 10 * random.integers(0, 3, (3, dimensions))
    points = centres[np.arange(count) % 3] + random.normal(size=(count, dimensions))
    return points.astype(np.float32)


GRID = np.stack(np.meshgrid(np.arange(6.0), np.arange(4.0)), axis=-1).reshape(-1, 2).astype("f4")

# Arguments: points, seeds, bandwidth, iterations, tolerance.
SEEK_CASES = [
    Case("plane", (blobs(30, 300, 2), blobs(30, 300, 2)[::4], 2.5, 300, 2.5e-3)),
    Case("line", (blobs(31, 130, 1), blobs(31, 130, 1)[:20], 3.0, 300, 0.0)),
    Case("colours", (blobs(32, 260, 3), blobs(32, 260, 3)[:9], 3.0, 50, 3e-3)),
    Case("five coordinates", (blobs(33, 140, 5), blobs(33, 140, 5)[::9], 4.0, 50, 4e-3)),
    Case("points on the rim", (GRID, GRID, 2.0, 1, 0.0)),
    Case("one step", (blobs(34, 150, 2), blobs(34, 150, 2)[:140], 2.5, 1, 0.0)),
    Case("nothing near the seed", (GRID, np.array([[50, 50], [2, 2]], "f4"), 1.5, 9, 0.0)),
    Case("one point", (GRID[:1], GRID[:1] + np.float32(0.25), 1.0, 9, 0.0)),
    Case("all the same", (np.full((40, 2), 7, "f4"), np.full((3, 2), 7, "f4"), 1.0, 5, 0.0)),
    Case("not contiguous", (blobs(35, 100, 4)[:, ::2], blobs(35, 100, 4)[::7, ::2], 3.0, 50, 3e-3)),
]  # fmt: skip


def same_ends(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result[0], expected[0], rtol=1e-5, atol=2e-5)
    np.testing.assert_array_equal(result[1], expected[1])
    assert (result[0].dtype, result[1].dtype) == (np.float32, np.int32)


def opencv_filter(
    image: np.ndarray, spatial_radius: int, squared_range: int, iterations: int, tolerance: int
) -> Any:
    import cv2

    if image.shape[2] != 3:
        return None
    criteria = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, iterations, tolerance)
    radius = squared_range**0.5
    return cv2.pyrMeanShiftFiltering(
        np.ascontiguousarray(image), spatial_radius, radius, maxLevel=0, termcrit=criteria
    )


def nearly_as_opencv(result: Any, answer: np.ndarray) -> None:
    """The same but where a mean falls half way between two numbers; see the module."""
    difference = np.abs(result[0].astype(int) - answer).max(axis=2)
    assert (difference == 0).mean() >= 0.97
    assert difference.max() <= 2


def scipy_join(
    colours: np.ndarray, positions: np.ndarray, spatial_radius: int, squared_range: int
) -> Any:
    from scipy import sparse

    height, width = colours.shape[:2]
    numbers = np.arange(height * width).reshape(height, width)
    modes, places = colours.astype(np.int64), positions.astype(np.int64)
    ones, others = [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = np.s_[: height - dy, max(-dx, 0) : width - max(dx, 0)]
        there = np.s_[dy:, max(dx, 0) : width + min(dx, 0)]
        close = ((modes[here] - modes[there]) ** 2).sum(axis=2) <= squared_range
        close &= (np.abs(places[here] - places[there]) <= spatial_radius).all(axis=2)
        ones.append(numbers[here][close])
        others.append(numbers[there][close])
    rows, columns = np.concatenate(ones), np.concatenate(others)
    graph = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=2 * (height * width,))
    count, labels = sparse.csgraph.connected_components(graph, directed=False)
    return labels.reshape(height, width), count


def same_partition(result: Any, answer: Any) -> None:
    assert result[1] == answer[1]
    pairs = np.unique(np.stack([result[0].ravel(), answer[0].ravel()]), axis=1)
    assert pairs.shape[1] == answer[1]  # every label meets one label only


def balltree_seek(
    points: np.ndarray, seeds: np.ndarray, bandwidth: float, iterations: int, tolerance: float
) -> Any:
    from sklearn.neighbors import BallTree

    tree = BallTree(points.astype(np.float64))
    ends, counts = seeds.astype(np.float64), np.zeros(len(seeds), np.int32)
    for i in range(len(seeds)):
        for _ in range(iterations):
            near = tree.query_radius(ends[i : i + 1], bandwidth)[0]
            counts[i] = len(near)
            if not len(near):
                break
            mean = points[near].astype(np.float64).mean(axis=0)
            step, ends[i] = np.linalg.norm(mean - ends[i]), mean
            if step <= max(tolerance, 1e-6):
                break
    return ends.astype(np.float32), counts


OPERATIONS = [
    Operation(
        name="mean_shift_converge",
        rungs=RUNGS,
        cases=CONVERGE_CASES,
        compare=equal,
        oracle=opencv_filter,
        compare_oracle=nearly_as_opencv,
        kernels=KERNELS,
    ),
    Operation(
        name="mean_shift_join",
        rungs=JOIN_RUNGS,
        cases=JOIN_CASES,
        compare=equal,
        oracle=scipy_join,
        compare_oracle=same_partition,
        kernels=KERNELS,
    ),
    Operation(
        name="mean_shift_seek",
        rungs=SEEK_RUNGS,
        cases=SEEK_CASES,
        compare=same_ends,
        oracle=balltree_seek,
        kernels=KERNELS,
    ),
]

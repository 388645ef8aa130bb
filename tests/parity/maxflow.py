"""Minimum cuts of grids: the value and the one cut with the smallest source side."""

from typing import Any

import numpy as np

from ocrlearn.ops import maxflow
from parity import Case, Operation


def grid(
    height: int,
    width: int,
    low: int = 0,
    high: int = 20,
    *,
    eight: bool = False,
    seed: int = 0,
    dtype: Any = np.int32,
    sparse: float = 0.0,
) -> tuple[np.ndarray, ...]:
    """Random capacities in [low, high]; `sparse` is the share of them that is 0."""
    rng = np.random.default_rng(seed)
    shapes = [(height, width)] * 2 + [(height, width - 1)] * 2 + [(height - 1, width)] * 2
    shapes += [(height - 1, width - 1)] * 4 * eight
    return tuple(
        (rng.integers(low, high, shape, endpoint=True) * (rng.random(shape) >= sparse)).astype(
            dtype
        )
        for shape in shapes
    )


def seeds_apart(height: int, width: int, seed: int) -> tuple[np.ndarray, ...]:
    """Source on the left edge, sink on the right: every path is as long as the grid is wide."""
    capacities = grid(height, width, 1, 9, seed=seed)
    source, sink = np.zeros_like(capacities[0]), np.zeros_like(capacities[1])
    source[:, 0] = sink[:, -1] = 1000
    return source, sink, *capacities[2:]


def weak_terminals() -> tuple[np.ndarray, ...]:
    source, sink, *links = grid(17, 33, 0, 40, seed=2)
    return source // 8, sink // 8, *links


def spiral() -> tuple[np.ndarray, ...]:
    """One path that winds through the grid row by row, with a dead end at every turn."""
    height, width = 9, 37
    zeros = [np.zeros_like(array) for array in grid(height, width)]
    source, sink, right, left, down, up = zeros
    right[::2] = left[1::2] = 7
    down[::2, -1] = down[1::2, 0] = 5
    up[:] = 2
    source[0, 0] = 9
    sink[-1, -1] = 9
    return source, sink, right, left, down, up


def noisy_segmentation() -> tuple[np.ndarray, ...]:
    """A disc in noise: terminal links from the grey values, neighbour links from the contrast."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:40, :70]
    image = 0.3 + 0.4 * ((x - 30) ** 2 + (y - 18) ** 2 < 144) + rng.normal(0, 0.2, x.shape)
    source = np.rint(500 * (image - 0.3) ** 2).astype(np.int32)
    sink = np.rint(500 * (image - 0.7) ** 2).astype(np.int32)
    right, down = (
        np.rint(40 * np.exp(-(np.diff(image, axis=axis) ** 2) / 0.1)).astype(np.int32)
        for axis in (1, 0)
    )
    return source, sink, right, right, down, down


def strided(capacities: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Return the same numbers with gaps between them in memory."""
    return tuple(np.repeat(array, 2, axis=-1)[..., ::2] for array in capacities)


def one(*numbers: int) -> np.ndarray:
    return np.array([numbers], np.int32)


NO_ROW, NO_PIXEL = np.zeros((0, 1), np.int32), np.zeros((1, 0), np.int32)
HUGE = 2**31 - 1

CASES = [
    Case("random", grid(13, 37)),
    Case("eight neighbours", grid(11, 35, eight=True, seed=1)),
    Case("weak terminals", weak_terminals()),
    Case("capacities of 0 and 1", grid(9, 40, 0, 1, seed=4)),
    Case("sparse", grid(19, 45, sparse=0.5, seed=5)),
    Case("sparse, eight neighbours", grid(19, 45, eight=True, sparse=0.7, seed=6)),
    Case("seeds apart", seeds_apart(10, 70, 7)),
    Case("spiral", spiral()),
    Case("segmentation", noisy_segmentation(), small=False),
    Case("float64", tuple(a / 4 for a in grid(12, 34, seed=8)), small=False),
    Case(
        "float64, eight neighbours",
        tuple(a / 4 for a in grid(9, 33, eight=True, seed=9)),
        small=False,
    ),
    Case("huge", grid(5, 33, HUGE - 5, HUGE, seed=10)),
    Case(
        "huge, eight neighbours",
        grid(9, 33, HUGE // 2, HUGE, eight=True, sparse=0.3, seed=11),
        small=False,
    ),
    Case("not contiguous", strided(grid(9, 33, seed=12))),
    Case("constant", tuple(np.full_like(a, 3) for a in grid(8, 32))),
    Case("ties", tuple(np.minimum(a, 2) for a in grid(10, 20, seed=13))),
    Case("one pixel", (one(5), one(3), NO_PIXEL, NO_PIXEL, NO_ROW, NO_ROW)),
    Case("one row", grid(1, 40, seed=14)),
    Case("one column", grid(20, 1, seed=15)),
    Case("no capacity", grid(4, 5, 0, 0)),
    Case("all source", tuple(a * (i != 1) for i, a in enumerate(grid(5, 7, seed=16)))),
    Case("all sink", tuple(a * (i != 0) for i, a in enumerate(grid(5, 7, seed=17)))),
    Case("terminals only", tuple(a * (i < 2) for i, a in enumerate(grid(9, 33, seed=18)))),
]


def by_scipy(source: Any, sink: Any, *links: Any) -> Any:
    """SciPy's maximum flow on a sparse matrix; the side is found by a search of what is left."""
    from scipy.sparse import coo_array, csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    capacities = (source, sink, *links)
    if any(array.dtype.kind == "f" for array in capacities):
        capacities = tuple(np.rint(4 * array).astype(np.int32) for array in capacities)
        value, side = by_scipy(*capacities)
        return value / 4, side
    if max((int(array.max()) for array in capacities if array.size), default=0) > 2**20:
        return None  # it adds up in 32 bits
    height, width = source.shape
    number = np.arange(height * width).reshape(height, width)
    begin, end = height * width, height * width + 1
    tails = [np.full(number.size, begin), number.ravel()]
    heads = [number.ravel(), np.full(number.size, end)]
    pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:]),
             (number[:-1, :-1], number[1:, 1:]), (number[:-1, 1:], number[1:, :-1])]  # fmt: skip
    for one_end, other_end in pairs[: len(links) // 2]:
        tails += [one_end.ravel(), other_end.ravel()]
        heads += [other_end.ravel(), one_end.ravel()]
    data = np.concatenate([array.ravel() for array in capacities])
    keep = data > 0
    where = (np.concatenate(tails)[keep], np.concatenate(heads)[keep])
    graph = csr_array(coo_array((data[keep], where), (end + 1, end + 1)))
    answer = maximum_flow(graph, begin, end)
    left = csr_array(graph - answer.flow)
    left.eliminate_zeros()
    side = np.zeros(end + 1, np.bool_)
    side[breadth_first_order(left, begin, return_predecessors=False)] = True
    return answer.flow_value, side[:begin].reshape(height, width)


def same(result: Any, expected: Any) -> None:
    assert result.value == expected.value
    assert type(result.value) is type(expected.value)
    np.testing.assert_array_equal(result.source_side, expected.source_side)


def same_as_scipy(result: Any, expected: Any) -> None:
    value, side = expected
    assert result.value == value
    np.testing.assert_array_equal(result.source_side, side)


OPERATIONS = [
    Operation(
        "grid max-flow",
        rungs=maxflow.RUNGS,
        cases=CASES,
        compare=same,
        oracle=by_scipy,
        compare_oracle=same_as_scipy,
        kernels=maxflow.KERNELS,
    )
]

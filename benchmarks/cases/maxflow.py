"""Minimum cuts of grids with four neighbours."""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.ops import grid_max_flow
from ocrlearn.ops.maxflow import RUNGS, MaxFlow

PYMAXFLOW = "PyMaxflow"
Capacities = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def segmentation(seed: int, size: int) -> Capacities:
    """Return source, sink, right and down for figures in noise, links weakened by contrast."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    figure = (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.1
    figure |= (np.abs(x - 0.2) < 0.05) & (np.abs(y - 0.5) < 0.4)
    image = 0.3 + 0.4 * figure + random.normal(0, 0.25, figure.shape)
    source = np.rint(500 * (image - 0.3) ** 2).astype(np.int32)
    sink = np.rint(500 * (image - 0.7) ** 2).astype(np.int32)
    right, down = (
        np.rint(5 + 200 * np.exp(-(np.diff(image, axis=axis) ** 2) / 0.05)).astype(np.int32)
        for axis in (1, 0)
    )
    return source, sink, right, down


def long_paths(seed: int, size: int) -> Capacities:
    """Return random capacities with terminal links that settle nothing near by."""
    random = np.random.default_rng(seed)
    shapes = ((size, size), (size, size), (size, size - 1), (size - 1, size))
    source, sink, right, down = (
        random.integers(0, most, shape, dtype=np.int32)
        for most, shape in zip((20, 20, 40, 40), shapes, strict=True)
    )
    return source, sink, right, down


def by_pymaxflow(source: Any, sink: Any, right: Any, down: Any) -> int:
    """Build the graph and solve it, as the library does in one call."""
    import maxflow

    graph = maxflow.GraphInt(source.size, 2 * source.size)
    nodes = graph.add_grid_nodes(source.shape)
    to_right, to_below = np.zeros((3, 3)), np.zeros((3, 3))
    to_right[1, 2] = to_below[2, 1] = 1
    padded = np.pad(right, ((0, 0), (0, 1)))
    graph.add_grid_edges(nodes, padded, structure=to_right, symmetric=True)
    padded = np.pad(down, ((0, 1), (0, 0)))
    graph.add_grid_edges(nodes, padded, structure=to_below, symmetric=True)
    graph.add_grid_tedges(nodes, source, sink)
    value = graph.maxflow()
    graph.get_grid_segments(nodes)
    return value


def runners(capacities: Capacities) -> Runners:
    """Return who solves these capacities."""
    return {
        OURS: lambda: grid_max_flow(*capacities).value,
        PYMAXFLOW: lambda: by_pymaxflow(*capacities),
    }


CPU = [
    CpuCase(
        "max-flow, segmentation",
        "512 x 512, 4 neighbours, with building the graph",
        lambda: runners(segmentation(0, 512)),
        lambda ours, theirs: ours == theirs,
        {PYMAXFLOW: 1.5},
    ),
    CpuCase(
        "max-flow, long paths",
        "512 x 512, 4 neighbours, with building the graph",
        lambda: runners(long_paths(0, 512)),
        lambda ours, theirs: ours == theirs,
        {PYMAXFLOW: 1.5},
    ),
]


def both_ways(capacities: Capacities) -> tuple[np.ndarray, ...]:
    """Return the capacities as the rungs take them: right, left, down, up."""
    source, sink, right, down = capacities
    return source, sink, right, right, down, down


def same_cut(result: MaxFlow, expected: MaxFlow) -> None:
    """Compare what is unique."""
    assert result.value == expected.value
    np.testing.assert_array_equal(result.source_side, expected.source_side)


# One sweep over the image reads and writes four links, the terminal link, the excess of eight bytes
# and the label. How many sweeps are needed depends on the image; one is the floor.
GPU = [
    GpuCase(
        "max-flow, segmentation",
        "1024 x 1024, 4 neighbours",
        RUNGS,
        make=lambda seed: both_ways(segmentation(seed, 1024)),
        small=lambda seed: both_ways(segmentation(seed, 40)),
        compare=same_cut,
        bytes=1024**2 * 2 * (4 * 4 + 4 + 8 + 4),
        operations=1024**2 * 40,
    ),
]

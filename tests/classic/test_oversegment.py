"""Cuts: the rungs agree, paths are the cheapest, and true gaps are among the cuts."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ocrlearn.classic.oversegment import (
    RUNGS,
    candidate_windows,
    cheapest_paths,
    component_cuts,
    oversegment,
    runs_of_primitives,
)

inks = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 12)),
    elements=st.sampled_from([0, 0.5, 1]),
)


def strip_of(*boxes, width=60, height=48):
    """A blank strip with solid boxes ``(left, top, right, bottom)`` of ink."""
    ink = np.zeros((height, width), np.float32)
    for left, top, right, bottom in boxes:
        ink[top:bottom, left:right] = 1
    return ink


@given(ink=inks, step_cost=st.sampled_from([0.0, 0.12, 2.0]))
@settings(max_examples=80, deadline=None)
def test_rungs_agree(ink, step_cost):
    found = [cheapest_paths(ink, step_cost, rung=rung) for rung in RUNGS]
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-5)


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("seed", range(3))
def test_costs_are_shortest_paths_of_a_graph(rung, seed):
    ink = np.random.default_rng(seed).random((6, 7), dtype=np.float32)
    graph = nx.DiGraph()
    for row, col in itertools.product(range(6), range(7)):
        before = [(row - 1, col + step) for step in (-1, 0, 1)] if row else ["start"]
        for place in before:
            if place == "start" or place in graph:
                aside = 0 if place == "start" or place[1] == col else 0.12
                graph.add_edge(place, (row, col), weight=float(ink[row, col]) + aside)
    lengths = nx.single_source_dijkstra_path_length(graph, "start")
    cost, step = cheapest_paths(ink, rung=rung)
    for (row, col), found in np.ndenumerate(cost):
        assert found == pytest.approx(lengths[row, col], abs=1e-5)
    # Following the steps back costs what the table says.
    col, spent = 3, 0.0
    for row in range(5, -1, -1):
        spent += float(ink[row, col]) + 0.12 * abs(int(step[row, col]))
        col += int(step[row, col])
    assert spent == pytest.approx(float(cost[5, 3]), abs=1e-5)


def test_a_gap_is_cut_and_a_stem_is_not():
    ink = strip_of((10, 15, 14, 35), (24, 15, 28, 35))
    cuts = oversegment(ink, 20, 35)
    assert len(cuts.paths) == 3
    assert np.all(cuts.paths[1] > 13)
    assert np.all(cuts.paths[1] <= 24)
    np.testing.assert_allclose(cuts.costs, 0, atol=0.5)


def test_touching_letters_are_cut_at_the_thin_bridge():
    ink = strip_of((10, 15, 16, 35), (16, 33, 20, 35), (20, 15, 26, 35))
    cuts = oversegment(ink, 20, 35)
    inner = cuts.paths[1:-1]
    assert any(np.all((path >= 16) & (path <= 20)) for path in inner)
    assert component_cuts(ink).paths.shape[0] == 2  # one component: never cut


def test_a_slanted_gap_that_no_column_passes_is_followed():
    rows = np.arange(48)
    ink = np.zeros((48, 80), np.float32)
    for row in rows[5:40]:
        left = 40 - row // 3
        ink[row, left - 6 : left] = 1
        ink[row, left + 4 : left + 10] = 1
    assert (ink.max(axis=0)[30:40] == 1).all()  # the projection has no gap
    cuts = oversegment(ink, 20, 35)
    assert cuts.costs.min() == 0
    assert len(component_cuts(ink).paths) == 3


def test_a_dot_stays_with_its_stem():
    ink = strip_of((10, 15, 13, 35), (10, 8, 13, 11), (20, 15, 23, 35))
    cuts = component_cuts(ink)
    candidates = runs_of_primitives(ink, cuts, 20, max_pieces=1)
    np.testing.assert_array_equal(candidates.boxes, [[10, 8, 13, 35], [20, 15, 23, 35]])


@given(ink=hnp.arrays(np.float32, (48, 40), elements=st.sampled_from([0, 0.3, 1]), fill=st.just(0)))
@settings(max_examples=40, deadline=None)
def test_cuts_never_cross_and_no_primitive_is_empty(ink):
    cuts = oversegment(ink, 20, 35)
    if not (ink > 0.5).any():
        assert len(cuts.paths) == 0
        return
    assert np.all(np.diff(cuts.paths, axis=0) >= 0)
    candidates = runs_of_primitives(ink, cuts, 20)
    assert np.all(candidates.boxes[:, 2:] > candidates.boxes[:, :2])
    # The primitives hold all ink, each pixel once.
    single = candidates.end - candidates.start == 1
    assert single.sum() == len(cuts.paths) - 1
    columns = np.arange(40)
    held = np.zeros(ink.shape, int)
    for left, right in itertools.pairwise(cuts.paths):
        held += (columns >= left[:, None]) & (columns < right[:, None])
    assert np.all(held[ink > 0.5] == 1)


def test_runs_obey_their_limits_but_a_wide_primitive_stays():
    ink = strip_of(
        *[(10 * i, 15, 10 * i + 5, 35) for i in range(1, 5)], (60, 20, 160, 30), width=180
    )
    cuts = component_cuts(ink)
    runs = runs_of_primitives(ink, cuts, 20, max_pieces=3, max_width=1.5)
    found = set(zip(runs.start.tolist(), runs.end.tolist(), strict=True))
    # Three bars are 25 pixels wide, four would be 35; the last primitive alone is 100.
    assert found == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4), (4, 5)}


def test_windows_show_the_candidate_alone_and_centred():
    ink = strip_of((10, 15, 14, 35), (18, 15, 22, 35), (26, 10, 30, 35))
    cuts = component_cuts(ink)
    runs = runs_of_primitives(ink, cuts, 20)
    windows = candidate_windows(ink, cuts, runs, 24)
    assert windows.shape == (len(runs), 48, 24)
    pair = int(np.flatnonzero((runs.start == 0) & (runs.end == 2))[0])
    expected = np.zeros((48, 24), np.float32)
    expected[15:35, 6:10] = expected[15:35, 14:18] = 1
    np.testing.assert_array_equal(windows[pair], expected)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"ink must have shape \(H, W\)"):
        oversegment(np.zeros((4, 4, 3)), 20, 35)
    with pytest.raises(ValueError, match="x_height"):
        oversegment(np.zeros((48, 10)), 0, 35)
    with pytest.raises(ValueError, match="step_cost"):
        cheapest_paths(np.zeros((3, 3)), -1)

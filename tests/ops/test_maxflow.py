"""Minimum cuts of grids: their value, which of them is found, and finding them again."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.ops import GridCut, grid_max_flow
from ocrlearn.ops.maxflow import DIRECTIONS, RUNGS

NO_ROW = np.zeros((0, 3), int)


def random_grid(
    height: int, width: int, eight: bool, seed: int, high: int = 9
) -> tuple[np.ndarray, ...]:
    """Source, sink, then right, left, down, up and the diagonals, as the rungs take them."""
    rng = np.random.default_rng(seed)
    shapes = [(height, width)] * 2 + [(height, width - 1)] * 2 + [(height - 1, width)] * 2
    shapes += [(height - 1, width - 1)] * 4 * eight
    arrays = [rng.integers(0, high, shape, endpoint=True) for shape in shapes]
    return tuple((array * (rng.random(array.shape) < 0.7)).astype(np.int32) for array in arrays)


def cut_capacity(source_side: np.ndarray, source: np.ndarray, sink: np.ndarray, *links) -> int:
    """Sum the capacities of the links from the source's side to the sink's, link by link."""
    height, width = source.shape
    capacity = int(source[~source_side].sum()) + int(sink[source_side].sum())
    for (dx, dy), link in zip(DIRECTIONS, links, strict=False):
        for y, x in itertools.product(range(height), range(width)):
            if 0 <= x + dx < width and 0 <= y + dy < height:
                crossing = source_side[y, x] and not source_side[y + dy, x + dx]
                capacity += int(link[min(y, y + dy), min(x, x + dx)]) * crossing
    return capacity


grids = st.builds(
    random_grid, st.integers(1, 7), st.integers(1, 7), st.booleans(), st.integers(0, 10**6)
)


@pytest.mark.parametrize("rung", RUNGS)
def test_by_hand(rung: str):
    # source -9-> [a] -5-> [b] -4-> [c] -9-> sink: the link of capacity 4 is the bottleneck.
    flow = grid_max_flow([[9, 0, 0]], [[0, 0, 9]], right=[[5, 4]], down=NO_ROW, rung=rung)
    assert flow.value == 4
    assert type(flow.value) is int
    assert flow.source_side.tolist() == [[True, True, False]]


@pytest.mark.parametrize("rung", RUNGS)
def test_directions_have_their_own_capacity(rung: str):
    # Only "left" leads from the source, on the right, to the sink.
    args = {"source": [[0, 0, 9]], "sink": [[9, 0, 0]], "down": NO_ROW, "rung": rung}
    assert grid_max_flow(right=[[7, 7]], left=[[2, 3]], **args).value == 2
    assert grid_max_flow(right=[[7, 7]], left=[[0, 3]], **args).value == 0


@pytest.mark.parametrize("rung", RUNGS)
def test_diagonal_links_lead_where_their_names_say(rung: str):
    zeros = np.zeros((2, 2), int)
    straight = {"right": np.zeros((2, 1), int), "down": np.zeros((1, 2), int)}
    nothing = np.zeros((1, 1), int)
    corners = {"down_right": ((0, 0), (1, 1)), "up_left": ((1, 1), (0, 0)),
               "down_left": ((0, 1), (1, 0)), "up_right": ((1, 0), (0, 1))}  # fmt: skip
    for name, (start, end) in corners.items():
        source, sink = zeros.copy(), zeros.copy()
        source[start] = sink[end] = 9
        links = {**dict.fromkeys(corners, nothing), name: np.full((1, 1), 5)}
        assert grid_max_flow(source, sink, **straight, **links, rung=rung).value == 5
        links = {**dict.fromkeys(corners, np.full((1, 1), 5)), name: nothing}
        assert grid_max_flow(source, sink, **straight, **links, rung=rung).value == 0


@pytest.mark.parametrize("eight", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_no_cut_of_all_512_is_less_and_the_side_is_the_smallest(seed: int, eight: bool):
    capacities = random_grid(3, 3, eight, seed)
    sides = [np.array(bits).reshape(3, 3) for bits in itertools.product([False, True], repeat=9)]
    costs = np.array([cut_capacity(side, *capacities) for side in sides])
    least = [side for side, cost in zip(sides, costs, strict=True) if cost == costs.min()]
    smallest = np.logical_and.reduce(least)  # minimum cuts are closed under intersection
    for rung in RUNGS.values():
        flow = rung(*capacities)
        assert flow.value == costs.min()
        np.testing.assert_array_equal(flow.source_side, smallest)


@settings(max_examples=60, deadline=None)
@given(grids)
def test_flow_is_worth_its_cut(capacities):
    flow = RUNGS["fast"](*capacities)
    assert flow.value == cut_capacity(flow.source_side, *capacities)


@settings(max_examples=60, deadline=None)
@given(grids)
def test_flow_is_conserved_and_within_capacities(capacities):
    source, sink, *links = capacities
    graph = GridCut(source, sink, *(links[i] for i in (0, 2, 1, 3)), **diagonals(links))
    value = graph.solve().value
    left = graph.residual
    assert (left >= 0).all()
    height, width = source.shape
    net = np.zeros((height, width), int)  # what leaves each pixel through its neighbour links
    for direction, (dx, dy) in enumerate(DIRECTIONS[: len(links)]):
        for y, x in itertools.product(range(height), range(width)):
            if 0 <= x + dx < width and 0 <= y + dy < height:
                place = min(y, y + dy), min(x, x + dx)
                net[y, x] += links[direction][place] - left[direction, y, x]
                both = links[direction][place] + links[direction ^ 1][place]
                assert left[direction, y, x] <= both
    received = source.astype(int) - sink - graph.terminal_residual
    np.testing.assert_array_equal(net, received)
    assert (np.abs(graph.terminal_residual) <= np.maximum(source, sink)).all()
    from_source = source - np.maximum(graph.terminal_residual, 0)
    to_sink = sink - np.maximum(-graph.terminal_residual, 0)
    assert from_source.sum() == to_sink.sum() == value


def diagonals(links) -> dict[str, np.ndarray]:
    names = ("down_right", "up_left", "down_left", "up_right")
    return dict(zip(names, links[4:], strict=False))


@settings(max_examples=40, deadline=None)
@given(grids, st.data())
def test_more_capacity_never_lessens_the_flow(capacities, data):
    before = RUNGS["fast"](*capacities).value
    which = data.draw(st.sampled_from([i for i, a in enumerate(capacities) if a.size]))
    more = [array.copy() for array in capacities]
    place = data.draw(st.integers(0, more[which].size - 1))
    more[which].flat[place] += data.draw(st.integers(1, 20))
    after = RUNGS["fast"](*more).value
    assert before <= after <= before + int(more[which].sum() - capacities[which].sum())


@settings(max_examples=30, deadline=None)
@given(grids)
def test_mirroring_the_image_mirrors_the_cut(capacities):
    source, sink, right, left, down, up = (array[:, ::-1] for array in capacities[:6])
    flow = RUNGS["fast"](*capacities[:6])
    mirrored = RUNGS["fast"](source, sink, left, right, down, up)
    assert flow.value == mirrored.value
    np.testing.assert_array_equal(flow.source_side, mirrored.source_side[:, ::-1])


@pytest.mark.parametrize("eight", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_networkx_finds_the_same_value(seed: int, eight: bool):
    import networkx

    source, sink, *links = random_grid(8, 9, eight, seed)
    graph = networkx.DiGraph()
    height, width = source.shape
    for y, x in itertools.product(range(height), range(width)):
        graph.add_edge("source", (y, x), capacity=int(source[y, x]))
        graph.add_edge((y, x), "sink", capacity=int(sink[y, x]))
        for (dx, dy), link in zip(DIRECTIONS, links, strict=False):
            if 0 <= x + dx < width and 0 <= y + dy < height:
                capacity = int(link[min(y, y + dy), min(x, x + dx)])
                graph.add_edge((y, x), (y + dy, x + dx), capacity=capacity)
    value = networkx.maximum_flow_value(graph, "source", "sink")
    assert RUNGS["fast"](source, sink, *links).value == value


def test_pymaxflow_finds_the_same_value_on_a_large_grid():
    import maxflow

    source, sink, right, _, down, _ = random_grid(120, 150, False, 1, high=100)
    graph = maxflow.GraphInt()
    nodes = graph.add_grid_nodes(source.shape)
    for capacity, step in ((np.pad(right, ((0, 0), (0, 1))), (1, 2)),
                           (np.pad(down, ((0, 1), (0, 0))), (2, 1))):  # fmt: skip
        structure = np.zeros((3, 3))
        structure[step] = 1
        graph.add_grid_edges(nodes, capacity, structure, symmetric=True)
    graph.add_grid_tedges(nodes, source, sink)
    assert grid_max_flow(source, sink, right, down).value == graph.maxflow()


@pytest.mark.parametrize("dtype", [np.int32, np.float64])
@pytest.mark.parametrize("eight", [False, True])
def test_a_graph_solved_again_equals_a_new_one(eight: bool, dtype: type):
    rng = np.random.default_rng(3)
    source, sink, *links = random_grid(12, 17, eight, 5)
    graph = GridCut._of(*(array.astype(dtype) for array in (source, sink, *links)))
    assert graph.solve().value == graph.solve().value  # nothing changed
    for step in range(30):
        changed = rng.random(source.shape) < (0.03 if step % 3 else 0.5)
        source = np.where(changed, rng.integers(0, 30, source.shape), source)
        sink = np.where(changed, rng.integers(0, 30, sink.shape), sink)
        if step % 4 == 0:  # seeds moved away: many pixels lose both of their links
            source, sink = source * (rng.random(source.shape) < 0.3), sink * ~changed
        graph.set_terminals(source.astype(dtype), sink.astype(dtype))
        again = graph.solve()
        new = RUNGS["fast"](*(array.astype(dtype) for array in (source, sink, *links)))
        assert again.value == new.value
        np.testing.assert_array_equal(again.source_side, new.source_side)


@pytest.mark.parametrize("rung", RUNGS)
def test_sums_beyond_int32_do_not_overflow(rung: str):
    most = 2**31 - 1
    terminal = np.array([[most, most, most, 0, 0, 0]])
    link = np.full((1, 5), most)
    flow = grid_max_flow(terminal, terminal[:, ::-1], link, np.zeros((0, 6), int), rung=rung)
    assert flow.value == most  # the link in the middle
    both = grid_max_flow(terminal, terminal, link, np.zeros((0, 6), int), rung=rung)
    assert both.value == 3 * most


@pytest.mark.parametrize("rung", RUNGS)
def test_no_link_at_all(rung: str):
    flow = grid_max_flow([[0]], [[0]], np.zeros((1, 0), int), np.zeros((0, 1), int), rung=rung)
    assert flow.value == 0
    assert not flow.source_side.any()


def test_floating_capacities_are_computed_in_float64():
    capacities = [array.astype(np.float32) / 8 for array in random_grid(9, 9, False, 2)]
    exact = RUNGS["fast"](*random_grid(9, 9, False, 2)).value / 8
    flow = grid_max_flow(*(capacities[i] for i in (0, 1, 2, 4, 3, 5)))
    assert type(flow.value) is float
    assert flow.value == exact


def test_inputs_are_not_modified():
    capacities = random_grid(6, 7, True, 0)
    copies = [array.copy() for array in capacities]
    for rung in RUNGS.values():
        rung(*capacities)
    for array, copy in zip(capacities, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


GOOD = {
    "source": np.ones((2, 3), int),
    "sink": np.ones((2, 3), int),
    "right": np.ones((2, 2), int),
    "down": np.ones((1, 3), int),
}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"source": np.ones(3)}, ValueError, r"source must have shape \(H, W\).*got \(3,\)"),
        ({"source": np.ones((0, 3))}, ValueError, "source must have shape"),
        ({"sink": np.ones((3, 2))}, ValueError, r"sink must have shape \(2, 3\), got \(3, 2\)"),
        ({"right": np.ones((2, 3))}, ValueError, r"right must have shape \(2, 2\), got \(2, 3\)"),
        ({"up": np.ones((2, 3))}, ValueError, r"up must have shape \(1, 3\), got \(2, 3\)"),
        ({"down": -np.ones((1, 3), int)}, ValueError, "down must not be negative"),
        ({"left": np.full((2, 2), np.nan)}, ValueError, "left must be finite"),
        ({"sink": np.full((2, 3), 2**31)}, ValueError, "sink must fit int32.*2147483648"),
        ({"source": np.ones((2, 3), complex)}, TypeError, "source must hold integers or floats"),
        ({"source": np.ones((2, 3), np.float16)}, TypeError, "source must be float32 or float64"),
        ({"source": np.ones((2, 3), bool)}, TypeError, "got dtype bool"),
        (
            {"down_right": np.ones((1, 2))},
            ValueError,
            "down_left is missing; down_right and down_l",
        ),
        ({"right": None}, ValueError, "right is missing; right and down must be given"),
        ({"rung": "slow"}, ValueError, "no rung 'slow'"),
    ],
)
def test_errors_name_the_argument(changes, error, message):
    with pytest.raises(error, match=message):
        grid_max_flow(**{**GOOD, **changes})


def test_an_integer_graph_refuses_floats_later():
    graph = GridCut(**GOOD)
    with pytest.raises(TypeError, match=r"source must hold integers .* got dtype float64"):
        graph.set_terminals(np.ones((2, 3)), np.ones((2, 3), int))

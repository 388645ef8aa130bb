"""Best paths through lattices: with and without language, with ties, with a beam."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ocrlearn.ops.lattice import KERNELS, RUNGS, Automata, Lattice, PackedLattices
from parity import Case, Operation, equal

SYMBOLS = 4
# Three characters, among them a ligature of two symbols, which fills its row, and a label that is
# passed over in silence.
EMITS = np.array([[0, -1], [1, -1], [3, 1], [2, -1], [-1, -1]], np.int32)
NO_BEAM = 2**40


def random_lattice(
    rng: np.random.Generator, nodes: int, choices: int = 3, *, ties: bool = False
) -> Lattice:
    """Every arc that spans one to three nodes, in random order; scores are whole for ties."""
    arcs = np.array([(a, b) for a in range(nodes) for b in range(a + 1, min(nodes, a + 4))])
    start, end = rng.permutation(arcs.reshape(-1, 2)).T
    labels = rng.integers(0, len(EMITS), (len(start), choices))
    scores = rng.integers(-1, 2, labels.shape) if ties else rng.normal(size=labels.shape)
    return Lattice(nodes, start, end, labels, scores.astype(np.float64))


def random_automata(
    rng: np.random.Generator, count: int, rows: int = 3, *, ties: bool = False
) -> Automata:
    """Automata of a few rows each; the later ones tell fewer symbols apart."""
    shape = (max(rows * count, 1), SYMBOLS)
    score = rng.integers(-1, 2, shape) if ties else rng.normal(size=shape)
    next_row = [rng.integers(rows * m, rows * (m + 1), (rows, SYMBOLS)) for m in range(count)]
    return Automata(
        score.astype(np.float32),
        np.concatenate(next_row or [np.zeros((1, SYMBOLS))]).astype(np.int32),
        np.array([np.arange(SYMBOLS) // (m + 1) for m in range(count)], np.int32).reshape(
            count, SYMBOLS
        ),
        np.arange(0, rows * count, rows, dtype=np.int32),
    )


def arguments(
    lattices: Sequence[Lattice], automata: Automata, beam: int = NO_BEAM
) -> tuple[Any, ...]:
    packed = PackedLattices.pack(lattices)
    return (
        packed.first_node,
        packed.first_arc,
        packed.start,
        packed.labels,
        packed.scores,
        automata.score,
        automata.next_row,
        automata.column,
        automata.first_row,
        EMITS,
        beam,
    )


def drawn(
    seed: int,
    sizes: Sequence[int],
    count: int,
    *,
    beam: int = NO_BEAM,
    rows: int = 3,
    ties: bool = False,
) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    lattices = [random_lattice(rng, nodes, ties=ties) for nodes in sizes]
    return arguments(lattices, random_automata(rng, count, rows, ties=ties), beam)


def one_arc(nodes: int, start: Any, end: Any, score: float = 0.0) -> Lattice:
    start, end = np.array(start, np.intp), np.array(end, np.intp)
    shape = (len(start), 1)
    return Lattice(nodes, start, end, np.zeros(shape, np.intp), np.full(shape, score))


def unreachable() -> tuple[Any, ...]:
    """A gap, a closed arc, no arc at all, and between them a path."""
    lattices = [
        one_arc(4, [0, 2], [1, 3]),
        one_arc(2, [0], [1], -np.inf),
        one_arc(3, [0, 1], [1, 2], -0.5),
        one_arc(2, [], []),
        one_arc(1, [], []),
    ]
    return arguments(lattices, random_automata(np.random.default_rng(0), 1))


def forbidden() -> tuple[Any, ...]:
    """An automaton that forbids half of what may follow what."""
    args = drawn(8, [6, 7], 1)
    score = args[5].copy()
    score[np.indices(score.shape).sum(axis=0) % 2 == 0] = -np.inf
    return (*args[:5], score, *args[6:])


def every_other(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same lattices, their scores every other element of a wider array."""
    wide = np.full((len(args[4]), 2 * args[4].shape[1]), np.nan)
    wide[:, ::2] = args[4]
    return (*args[:4], wide[:, ::2], *args[5:])


CASES = [
    Case("one-automaton", drawn(1, [6, 2, 9], 1)),
    Case("no-language", drawn(2, [7, 1, 12, 3], 0)),
    Case("two-automata", drawn(3, [6, 5], 2)),
    # Of their joint states many have one sum, and some one place in a table.
    Case("mingled-states", drawn(20, [6] * 12, 2, rows=8)),
    Case("three-automata", drawn(4, [5], 3)),
    Case("ties", drawn(5, [6, 7], 2, ties=True)),
    Case("ties-and-beam", drawn(6, [8, 8], 2, beam=3, ties=True)),
    Case("greedy", drawn(7, [9, 4], 2, beam=1)),
    Case("constant", (*drawn(1, [7], 0)[:4], np.zeros((15, 3)), *drawn(1, [7], 0)[5:])),
    Case("unreachable", unreachable()),
    Case("forbidden", forbidden()),
    Case("non-contiguous", every_other(drawn(1, [6, 2, 9], 1))),
    Case("no-lattices", arguments([], random_automata(np.random.default_rng(0), 1))),
    Case("many-states", drawn(9, [20, 13], 1, rows=90), small=False),
    Case("many-lattices", drawn(10, range(2, 22), 2, beam=8), small=False),
]


def longest_way(
    first_node: Any,
    first_arc: Any,
    start: Any,
    labels: Any,
    scores: Any,
    table_score: Any,
    next_row: Any,
    column: Any,
    first_row: Any,
    emits: Any,
    beam: int,
) -> Any:
    """Best scores by networkx, as longest ways in the graph of all (node, states)."""
    import networkx as nx

    if beam < NO_BEAM:
        return None
    totals = np.full(len(first_node) - 1, -np.inf)
    for i, origin in enumerate(first_node[:-1]):
        last = first_node[i + 1] - origin - 1
        source = (0, tuple(first_row.tolist()))
        graph = nx.DiGraph()
        graph.add_node(source)
        for node in range(1, last + 1):
            for arc in range(first_arc[origin + node], first_arc[origin + node + 1]):
                for before in [place for place in graph if place[0] == start[arc]]:
                    for label, score in zip(labels[arc], scores[arc], strict=True):
                        states = list(before[1])
                        for symbol in [s for s in emits[label] if s >= 0]:
                            columns = column[:, symbol]
                            score = score + table_score[states, columns].sum(dtype=np.float64)
                            states = next_row[states, columns].tolist()
                        after = (node, tuple(states))
                        known = graph.get_edge_data(before, after, {"weight": np.inf})["weight"]
                        if -score < known:
                            graph.add_edge(before, after, weight=-score)
        ways = nx.single_source_bellman_ford_path_length(graph, source)
        totals[i] = max((-way for place, way in ways.items() if place[0] == last), default=-np.inf)
    return totals


def same_totals(result: Any, totals: Any) -> None:
    np.testing.assert_allclose(result[3], totals, rtol=1e-12)
    np.testing.assert_array_equal(result[0] >= 0, np.isfinite(totals))


OPERATIONS = [
    Operation(
        "lattice_best_paths",
        rungs=RUNGS,
        cases=CASES,
        compare=equal,
        oracle=longest_way,
        compare_oracle=same_totals,
        kernels=KERNELS,
    )
]

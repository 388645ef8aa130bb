"""The best path through a lattice of labelled arcs, with a language walked alongside.

A *lattice* is an acyclic graph whose nodes are places in a text line, from its left end to its
right, and whose arcs are guesses: "from here to there lies an ``m``, score -0.2". A path from the
first node to the last is one complete reading, cut into characters; its score is the sum of the
scores of its arcs. There are exponentially many paths, but the best one is found by dynamic
programming in one sweep from left to right, because the best path to a node is the best path to one
of its predecessors and one more arc (the Viterbi algorithm).

What a character may follow is said by an *automaton*: a table of states, and for each state and
symbol a score and the state it leads to. An n-gram model is one (a state is the last n - 1
characters), a word list is one (a state is a place in the tree of prefixes), and several may be
walked at once. The sweep then keeps the best path for every (node, states) instead of every node;
where that is too many, a *beam* keeps only the best few at each node.

Andrew J. Viterbi, "Error Bounds for Convolutional Codes and an Asymptotically Optimum Decoding
Algorithm", IEEE Transactions on Information Theory, 1967. For character strings with classifier,
geometry and language: Qiu-Feng Wang, Fei Yin and Cheng-Lin Liu, "Handwritten Chinese Text
Recognition by Integrating Multiple Contexts", IEEE TPAMI, 2012.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocrlearn._dispatch import pick
from ocrlearn._validate import check_number

__all__ = ["RUNGS", "Automata", "Lattice", "Path", "best_path"]


@dataclass(frozen=True, eq=False)
class Lattice:
    """Arcs between nodes ``0 ... nodes - 1``, each with a few labels to choose from.

    Attributes
    ----------
    nodes
        Number of nodes. Paths lead from node 0 to node ``nodes - 1``.
    start, end
        int ``(A,)``: nodes an arc leaves and reaches; ``start < end``.
    labels
        int ``(A, K)``: what the arc may read.
    scores
        float ``(A, K)``: log scores, larger is better; -inf for an unused place.
    """

    nodes: int
    start: NDArray[np.intp]
    end: NDArray[np.intp]
    labels: NDArray[np.intp]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        check_number(self.nodes, "nodes", low=1, integer=True)
        arcs = np.shape(self.start)
        if len(arcs) != 1 or np.shape(self.end) != arcs:
            raise ValueError(
                f"start and end must have one and the same length, got shapes {arcs} and "
                f"{np.shape(self.end)}"
            )
        if np.ndim(self.labels) != 2 or len(self.labels) != arcs[0]:
            raise ValueError(f"labels must have shape ({arcs[0]}, K), got {np.shape(self.labels)}")
        if np.shape(self.scores) != np.shape(self.labels):
            raise ValueError(
                f"scores must have the shape of labels, {np.shape(self.labels)}, "
                f"got {np.shape(self.scores)}"
            )
        if arcs[0] and not (
            np.min(self.start) >= 0
            and np.all(np.asarray(self.start) < self.end)
            and np.max(self.end) < self.nodes
        ):
            raise ValueError(f"arcs must lead forward between the nodes 0 to {self.nodes - 1}")
        if np.isnan(self.scores).any() or np.isposinf(self.scores).any():
            raise ValueError("scores must be numbers or -inf, got NaN or +inf")


@dataclass(frozen=True, eq=False)
class Automata:
    """One or more automata in one table of rows; a state is the number of its row.

    Attributes
    ----------
    score, next_row
        float32 and int32 ``(R, W)``: what reading a column costs in a row and where it leads.
    column
        int ``(M, S)``: for each automaton, the column of each symbol. Symbols may share a column:
        an automaton that does not tell upper from lower case maps both to one.
    first_row
        int ``(M,)``: the state in which each automaton begins.
    """

    score: NDArray[np.float32]
    next_row: NDArray[np.int32]
    column: NDArray[np.intp]
    first_row: NDArray[np.intp]

    def __post_init__(self) -> None:
        if np.shape(self.score) != np.shape(self.next_row) or np.ndim(self.score) != 2:
            raise ValueError(
                f"score and next_row must be tables of one shape, got {np.shape(self.score)} and "
                f"{np.shape(self.next_row)}"
            )
        if np.ndim(self.column) != 2 or len(self.column) != len(self.first_row):
            raise ValueError("column needs one row per automaton, and first_row one entry")
        if len(self.score) ** len(self.first_row) >= 2**62:
            raise ValueError(
                f"{len(self.first_row)} automata with {len(self.score)} rows have too many joint "
                "states to be numbered"
            )

    @classmethod
    def none(cls, symbols: int) -> "Automata":
        """No language at all: every symbol may follow every symbol, at no cost."""
        return cls(
            np.zeros((1, 1), np.float32),
            np.zeros((1, 1), np.int32),
            np.zeros((0, symbols), np.intp),
            np.zeros(0, np.intp),
        )


@dataclass(frozen=True, eq=False)
class Path:
    """A complete path: its arcs in order, the label chosen on each, and its total score."""

    arcs: NDArray[np.intp]
    labels: NDArray[np.intp]
    score: float


Found = tuple[list[int], list[int], float]


def _best_path_reference(
    lattice: Lattice, automata: Automata, emits: NDArray[np.intp], beam: int
) -> Found | None:
    """Arcs, labels and score of the best path; None if the last node cannot be reached."""
    arriving: list[list[int]] = [[] for _ in range(lattice.nodes)]
    for arc, node in enumerate(lattice.end):
        arriving[node].append(arc)
    # kept[node][states] = (score, arc, label, previous states)
    kept: list[dict[tuple[int, ...], tuple[float, int, int, tuple[int, ...]]]]
    kept = [{} for _ in range(lattice.nodes)]
    kept[0][tuple(int(row) for row in automata.first_row)] = (0.0, -1, -1, ())
    for node in range(1, lattice.nodes):
        best = kept[node]
        for arc in arriving[node]:
            for before, (score_before, _, _, _) in kept[lattice.start[arc]].items():
                for choice in range(lattice.labels.shape[1]):
                    score = score_before + lattice.scores[arc, choice]
                    if score == -np.inf:
                        continue
                    label = int(lattice.labels[arc, choice])
                    states = list(before)
                    for symbol in emits[label]:
                        if symbol < 0:
                            break
                        for m, row in enumerate(states):
                            column = automata.column[m, symbol]
                            score += automata.score[row, column]
                            states[m] = int(automata.next_row[row, column])
                    after = tuple(states)
                    if score > -np.inf and (after not in best or score > best[after][0]):
                        best[after] = (score, arc, label, before)
        if len(best) > beam:
            ranked = sorted(best.items(), key=lambda item: -item[1][0])
            kept[node] = dict(ranked[:beam])
    if not kept[-1]:
        return None
    final = max(kept[-1], key=lambda joint: kept[-1][joint][0])
    total = kept[-1][final][0]
    node, arcs, labels = lattice.nodes - 1, [], []
    while node != 0:
        _, arc, label, final = kept[node][final]
        arcs.append(arc)
        labels.append(label)
        node = int(lattice.start[arc])
    return arcs[::-1], labels[::-1], float(total)


def _best_path_fast(
    lattice: Lattice, automata: Automata, emits: NDArray[np.intp], beam: int
) -> Found | None:
    """As the reference, with arrays for dictionaries, compiled by Numba on first use."""
    from ocrlearn.ops._lattice_numba import sweep

    order = np.argsort(lattice.end, kind="stable")
    first = np.searchsorted(np.asarray(lattice.end)[order], np.arange(lattice.nodes + 1))
    arcs, labels, score = sweep(
        lattice.nodes,
        np.ascontiguousarray(lattice.start, dtype=np.int64),
        order.astype(np.int64),
        first.astype(np.int64),
        np.ascontiguousarray(lattice.labels, dtype=np.int64),
        np.ascontiguousarray(lattice.scores, dtype=np.float64),
        automata.score,
        automata.next_row,
        np.ascontiguousarray(automata.column, dtype=np.int64),
        np.ascontiguousarray(automata.first_row, dtype=np.int64),
        np.ascontiguousarray(emits, dtype=np.int64),
        beam,
    )
    if score == -np.inf:
        return None
    return list(arcs), list(labels), float(score)


RUNGS: dict[str, Callable[[Lattice, Automata, NDArray[np.intp], int], Found | None]] = {
    "reference": _best_path_reference,
    "fast": _best_path_fast,
}


def best_path(
    lattice: Lattice,
    automata: Automata | None = None,
    emits: Sequence[Sequence[int]] | None = None,
    *,
    beam: int | None = None,
    rung: str | None = None,
) -> Path:
    """Find the path of greatest score from the first node of a lattice to its last.

    Parameters
    ----------
    lattice
        The arcs.
    automata
        Language walked along the path; none by default.
    emits
        The symbols each label stands for, in order: one for an ordinary character, two for the
        ligature ``fi``, none for something passed over in silence. By default label i emits
        symbol i.
    beam
        Hypotheses kept at each node; all by default, which makes the result exact.
    rung
        Force "reference" or "fast".

    Returns
    -------
    Path
        Of equally good paths, one; which may depend on the rung.

    Raises
    ------
    ValueError
        If no path reaches the last node, or a label or symbol is unknown.

    Notes
    -----
    The work is proportional to the number of arcs times the labels of each times the hypotheses
    kept at its start: without a beam at most the number of joint states of the automata.
    """
    limit = 2**62 if beam is None else int(check_number(beam, "beam", low=1, integer=True))
    used = int(np.max(lattice.labels, initial=-1)) + 1
    if emits is None:
        table = np.arange(used, dtype=np.intp)[:, None]
    else:
        longest = max((len(symbols) for symbols in emits), default=0)
        table = np.full((len(emits), longest + 1), -1, dtype=np.intp)
        for label, symbols in enumerate(emits):
            table[label, : len(symbols)] = symbols
    if used > len(table) or np.min(lattice.labels, initial=0) < 0:
        raise ValueError(f"labels must lie in [0, {len(table)}), the labels that emits describes")
    symbols_used = int(np.max(table, initial=-1)) + 1
    if automata is None:
        automata = Automata.none(symbols_used)
    if symbols_used > automata.column.shape[1]:
        raise ValueError(
            f"the labels emit symbol {symbols_used - 1}, but the automata know only "
            f"{automata.column.shape[1]} symbols"
        )
    if lattice.nodes == 1:
        return Path(np.zeros(0, np.intp), np.zeros(0, np.intp), 0.0)
    found = pick(RUNGS, lattice.scores, rung=rung)(lattice, automata, table, limit)
    if found is None:
        raise ValueError("no path of finite score leads from the first node to the last")
    return Path(np.array(found[0], dtype=np.intp), np.array(found[1], dtype=np.intp), found[2])

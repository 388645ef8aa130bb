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

Many lattices, such as all lines of a page, are packed into flat arrays (:class:`PackedLattices`),
which is the form that all three rungs work on; the CUDA rung gives a block to each lattice.

Of equally good hypotheses the one that was met first wins, on every rung: arcs are met in their
order, for each the hypotheses at its start in falling order of score, for each the labels in their
order.

Andrew J. Viterbi, "Error Bounds for Convolutional Codes and an Asymptotically Optimum Decoding
Algorithm", IEEE Transactions on Information Theory, 1967. For character strings with classifier,
geometry and language: Qiu-Feng Wang, Fei Yin and Cheng-Lin Liu, "Handwritten Chinese Text
Recognition by Integrating Multiple Contexts", IEEE TPAMI, 2012.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, is_cupy, pick
from ocrlearn._validate import check_number

__all__ = [
    "KERNELS",
    "RUNGS",
    "Automata",
    "Lattice",
    "PackedLattices",
    "Path",
    "best_path",
    "best_paths",
]

KERNELS = cuda.KernelFile.beside(__file__)


@dataclass(frozen=True, eq=False)
class Lattice:
    """Arcs between nodes ``0 ... nodes - 1``, each with a few labels to choose from.

    Lists are taken as well and become arrays.

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

    Raises
    ------
    TypeError
        If an array does not hold numbers, or `start`, `end` or `labels` others than integers.
    ValueError
        If a shape is wrong, an arc does not lead forward, or a score is NaN or +inf.

    Examples
    --------
    >>> one_or_two = Lattice(3, [0, 0, 1], [2, 1, 2], [[7], [8], [9]], [[-0.7], [-0.3], [-0.3]])
    >>> best_path(one_or_two).labels
    array([8, 9])
    """

    nodes: int
    start: NDArray[np.intp]
    end: NDArray[np.intp]
    labels: NDArray[np.intp]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        # A frozen instance is set up through object.__setattr__; lists become arrays here.
        nodes = int(check_number(self.nodes, "nodes", low=1, integer=True))
        object.__setattr__(self, "nodes", nodes)
        for name in ("start", "end", "labels", "scores"):
            array = np.asarray(getattr(self, name))
            kinds = "iuf" if name == "scores" else "iu"
            if array.size and array.dtype.kind not in kinds:
                wanted = "numbers" if name == "scores" else "integers"
                raise TypeError(f"{name} must hold {wanted}, got dtype {array.dtype}")
            object.__setattr__(self, name, array)
        self._check_shapes()
        if len(self.start) and not (
            self.start.min() >= 0 and np.all(self.start < self.end) and self.end.max() < self.nodes
        ):
            raise ValueError(f"arcs must lead forward between the nodes 0 to {self.nodes - 1}")
        if np.isnan(self.scores).any() or np.isposinf(self.scores).any():
            raise ValueError("scores must be numbers or -inf, got NaN or +inf")

    def _check_shapes(self) -> None:
        arcs = self.start.shape
        if len(arcs) != 1 or self.end.shape != arcs:
            raise ValueError(
                f"start and end must have one and the same length, got shapes {arcs} and "
                f"{self.end.shape}"
            )
        if self.labels.ndim != 2 or len(self.labels) != arcs[0]:
            raise ValueError(f"labels must have shape ({arcs[0]}, K), got {self.labels.shape}")
        if self.scores.shape != self.labels.shape:
            raise ValueError(
                f"scores must have the shape of labels, {self.labels.shape}, "
                f"got {self.scores.shape}"
            )


@dataclass(frozen=True, eq=False)
class Automata:
    """One or more automata in one table of rows; a state is the number of its row.

    The arrays may be CuPy arrays, for packed lattices on the GPU; NumPy arrays are copied there.

    Attributes
    ----------
    score, next_row
        float32 and int32 ``(R, W)``: the log score of reading a column in a row, -inf where that
        cannot be, and the row it leads to.
    column
        int ``(M, S)``: for each automaton, the column of each symbol. Symbols may share a column:
        an automaton that does not tell upper from lower case maps both to one.
    first_row
        int ``(M,)``: the state in which each automaton begins.

    Raises
    ------
    ValueError
        If the shapes do not fit, the joint states are too many to be numbered or, in NumPy arrays,
        a row or column does not exist or a score is NaN or +inf.
    """

    score: NDArray[np.float32]
    next_row: NDArray[np.int32]
    column: NDArray[np.intp]
    first_row: NDArray[np.intp]

    def __post_init__(self) -> None:
        if self.score.shape != self.next_row.shape or self.score.ndim != 2:
            raise ValueError(
                f"score and next_row must be tables of one shape, got {self.score.shape} and "
                f"{self.next_row.shape}"
            )
        if self.column.ndim != 2 or len(self.column) != len(self.first_row):
            raise ValueError("column needs one row per automaton, and first_row one entry")
        if len(self.score) ** len(self.first_row) >= 2**62:
            raise ValueError(
                f"{len(self.first_row)} automata with {len(self.score)} rows have too many joint "
                "states to be numbered"
            )
        rows, columns = self.score.shape
        for name, high in (("next_row", rows), ("first_row", rows), ("column", columns)):
            array = getattr(self, name)
            if is_cupy(array) or not array.size:
                continue
            if array.dtype.kind not in "iu":
                raise TypeError(f"{name} must hold integers, got dtype {array.dtype}")
            if not 0 <= array.min() <= array.max() < high:
                raise ValueError(
                    f"{name} must lie in [0, {high}), got values from {array.min()} to "
                    f"{array.max()}"
                )
        if not is_cupy(self.score) and not (self.score < np.inf).all():
            raise ValueError("score must hold numbers or -inf, got NaN or +inf")

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


@dataclass(frozen=True, eq=False)
class PackedLattices:
    """Many lattices in flat arrays, their arcs sorted by the node they reach.

    Made by :meth:`pack`; :meth:`to` copies it to a GPU.

    Attributes
    ----------
    first_node
        int32 ``(N + 1,)``: lattice i has the nodes ``first_node[i]`` to ``first_node[i + 1] - 1``.
    first_arc
        int32 ``(V + 1,)``: the arcs ``first_arc[v]`` to ``first_arc[v + 1] - 1`` reach node v.
    start
        int32 ``(A,)``: the node each arc leaves, counted from its lattice's first.
    labels, scores
        int32 and float64 ``(A, K)``, as in :class:`Lattice`; lattices with fewer choices are filled
        up with scores of -inf.
    arc
        intp ``(A,)``: each arc's number in its own lattice. Stays on the CPU.
    label_count
        One more than the greatest label.
    """

    first_node: Any
    first_arc: Any
    start: Any
    labels: Any
    scores: Any
    arc: NDArray[np.intp]
    label_count: int

    @classmethod
    def pack(cls, lattices: Sequence[Lattice]) -> "PackedLattices":
        """Put lattices one after another.

        Raises
        ------
        ValueError
            If a label is negative or beyond 31 bits, or there are too many arcs to be numbered in
            31 bits.
        TypeError
            If `lattices` holds anything but lattices.
        """
        for lattice in lattices:
            if not isinstance(lattice, Lattice):
                raise TypeError(f"lattices must hold Lattice objects, got {lattice!r}")
        choices = max((lattice.labels.shape[1] for lattice in lattices), default=0)
        sizes = [len(lattice.start) for lattice in lattices]
        if max(sum(sizes), sum(lattice.nodes for lattice in lattices)) >= 2**31:
            raise ValueError(f"lattices must have fewer than 2**31 arcs in all, got {sum(sizes)}")
        first_node = np.cumsum([0] + [lattice.nodes for lattice in lattices])
        start = np.zeros(sum(sizes), np.int32)
        arc = np.zeros(sum(sizes), np.intp)
        arriving = np.zeros(first_node[-1] + 1, np.int32)  # shifted by one, for the sum below
        labels = np.zeros((sum(sizes), choices), np.int32)
        scores = np.full((sum(sizes), choices), -np.inf)
        begin = 0
        for lattice, origin, size in zip(lattices, first_node, sizes, strict=False):
            order = np.argsort(lattice.end, kind="stable")
            here = slice(begin, begin + size)
            start[here] = lattice.start[order]
            arc[here] = order
            if lattice.labels.min(initial=0) < 0:
                raise ValueError(f"labels must not be negative, got {lattice.labels.min()}")
            if lattice.labels.max(initial=0) >= 2**31 - 1:
                raise ValueError(f"labels must be below 2**31 - 1, got {lattice.labels.max()}")
            width = lattice.labels.shape[1]
            labels[here, :width] = lattice.labels[order]
            scores[here, :width] = lattice.scores[order]
            np.add.at(arriving, origin + 1 + np.asarray(lattice.end, np.intp), 1)
            begin += size
        return cls(
            first_node.astype(np.int32),
            np.cumsum(arriving, dtype=np.int32),
            start,
            labels,
            scores,
            arc,
            int(np.max(labels, initial=-1)) + 1,
        )

    def to(self, module: ModuleType) -> "PackedLattices":
        """Return a copy whose arrays belong to `module`: ``packed.to(cupy)`` goes to the GPU."""
        names = ("first_node", "first_arc", "start", "labels", "scores")
        return replace(self, **{name: module.asarray(getattr(self, name)) for name in names})

    def __len__(self) -> int:
        """Return the number of lattices."""
        return len(self.first_node) - 1


# --- The reference --------------------------------------------------------------------------------

Found = tuple[list[int], list[int], float]
# For each lattice its path's length (-1 if there is none), arcs and labels, padded, and score.
Paths = tuple[Any, Any, Any, Any]


def _walk(
    automata: Automata, states: tuple[int, ...], symbols: NDArray[np.int32], score: float
) -> tuple[tuple[int, ...], float]:
    """Read symbols up to the first -1; return the states they lead to and the new score."""
    now = list(states)
    for symbol in symbols:
        if symbol < 0:
            break
        for m, row in enumerate(now):
            column = automata.column[m, symbol]
            score += automata.score[row, column]
            now[m] = int(automata.next_row[row, column])
    return tuple(now), score


def _sweep_reference(
    nodes: int,
    first_arc: NDArray[np.int32],
    start: NDArray[np.int32],
    labels: NDArray[np.int32],
    scores: NDArray[np.float64],
    automata: Automata,
    emits: NDArray[np.int32],
    beam: int,
) -> Found | None:
    """Arcs, labels and score of one lattice's best path; None if its last node is out of reach."""
    # kept[node][states] = (score, arc, label, previous states), best first
    kept: list[dict[tuple[int, ...], tuple[float, int, int, tuple[int, ...]]]]
    kept = [{} for _ in range(nodes)]
    kept[0][tuple(int(row) for row in automata.first_row)] = (0.0, -1, -1, ())
    for node in range(1, nodes):
        best: dict[tuple[int, ...], tuple[float, int, int, tuple[int, ...]]] = {}
        for arc in range(first_arc[node], first_arc[node + 1]):
            for before, (score_before, _, _, _) in kept[start[arc]].items():
                for choice in range(labels.shape[1]):
                    score = score_before + scores[arc, choice]
                    if score == -np.inf:
                        continue
                    label = int(labels[arc, choice])
                    after, score = _walk(automata, before, emits[label], score)
                    if score > -np.inf and (after not in best or score > best[after][0]):
                        best[after] = (score, arc, label, before)
        ranked = sorted(best.items(), key=lambda item: -item[1][0])
        kept[node] = dict(ranked[:beam])
    if not kept[-1]:
        return None
    final = next(iter(kept[-1]))
    total = kept[-1][final][0]
    node, arcs, chosen = nodes - 1, [], []
    while node != 0:
        _, arc, label, final = kept[node][final]
        arcs.append(arc)
        chosen.append(label)
        node = int(start[arc])
    return arcs[::-1], chosen[::-1], float(total)


# --- The fast rung --------------------------------------------------------------------------------


def _sweep_fast(
    nodes: int,
    first_arc: NDArray[np.int32],
    start: NDArray[np.int32],
    labels: NDArray[np.int32],
    scores: NDArray[np.float64],
    automata: Automata,
    emits: NDArray[np.int32],
    beam: int,
) -> Found | None:
    """As the reference, with arrays for dictionaries, compiled by Numba on first use."""
    from ocrlearn.ops._lattice_numba import sweep

    tables = automata.score, automata.next_row, automata.column, automata.first_row
    arcs, chosen, score = sweep(nodes, first_arc, start, labels, scores, *tables, emits, beam)
    return (arcs, chosen, float(score)) if score > -np.inf else None


def _one_by_one(sweep: Callable[..., Found | None]) -> Callable[..., Paths]:
    """Make a rung of a function that does one lattice."""

    def rung(
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
    ) -> Paths:
        automata = Automata(
            np.ascontiguousarray(table_score),
            np.ascontiguousarray(next_row),
            np.ascontiguousarray(column),
            np.ascontiguousarray(first_row),
        )
        rest = [np.ascontiguousarray(array) for array in (start, labels, scores)]
        emits = np.ascontiguousarray(emits)
        nodes = np.diff(first_node)
        path_arcs = np.full((len(nodes), max(nodes, default=1) - 1), -1, np.int32)
        path_labels = np.full_like(path_arcs, -1)
        lengths = np.full(len(nodes), -1, np.int32)
        totals = np.full(len(nodes), -np.inf)
        for i, count in enumerate(nodes):
            arriving = np.ascontiguousarray(first_arc[first_node[i] : first_node[i + 1] + 1])
            found = sweep(int(count), arriving, *rest, automata, emits, beam)
            if found is not None:
                lengths[i] = len(found[0])
                path_arcs[i, : lengths[i]] = found[0]
                path_labels[i, : lengths[i]] = found[1]
                totals[i] = found[2]
        return lengths, path_arcs, path_labels, totals

    return rung


# --- The CUDA rung --------------------------------------------------------------------------------

MOST_BYTES = 2**32  # of scratch memory on the cuda rung
MOST_AUTOMATA = 3


def _on_host(array: Any) -> NDArray[Any]:
    return array if isinstance(array, np.ndarray) else array.get()


def _cuda(
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
) -> Paths:
    """Give a block to each lattice; see ``lattice.cu``. Scratch memory is sized on the CPU."""
    from ocrlearn.ops._lattice_numba import bounds

    xp = array_module(scores)
    automata, symbols = column.shape
    rows, columns = table_score.shape
    if automata > MOST_AUTOMATA:
        raise ValueError(
            f"the cuda rung walks up to {MOST_AUTOMATA} automata at once, got {automata}"
        )
    nodes_of = _on_host(first_node)
    joint_states = min(rows**automata, 2**40)
    hypotheses_of, slots_of = bounds(
        nodes_of, _on_host(first_arc), _on_host(start), labels.shape[1], joint_states, beam
    )
    hypotheses, slots = int(hypotheses_of.sum()), int(slots_of.sum())
    needed = hypotheses * (8 + 4 * automata + 12) + slots * 36
    if needed > MOST_BYTES:
        raise ValueError(
            f"the cuda rung would need {needed / 2**30:.3g} GiB for the hypotheses of these "
            f"lattices, and takes {MOST_BYTES / 2**30:.3g}; give a beam, or fewer lattices at once"
        )

    def scratch(size: Any, dtype: str) -> Any:
        return cuda.empty(size, dtype, like=scores)

    lattices = len(nodes_of) - 1
    longest = int(np.diff(nodes_of).max(initial=1)) - 1
    lengths, totals = scratch(lattices, "int32"), scratch(lattices, "float64")
    path_arcs = xp.full((lattices, longest), -1, "int32")
    path_labels = xp.full((lattices, longest), -1, "int32")
    given = {
        "first_node": first_node,
        "first_arc": first_arc,
        "start": start,
        "labels": labels,
        "scores": scores,
        "table_score": table_score,
        "next_row": next_row,
        "column": column,
        "first_row": first_row,
        "emits": emits,
    }
    cuda.launch(
        KERNELS.kernel("best_path", Automata=automata),
        lattices,
        128,
        **{name: xp.ascontiguousarray(array) for name, array in given.items()},
        lattices=lattices,
        nodes=len(hypotheses_of),
        arcs=len(start),
        choices=labels.shape[1],
        rows=rows,
        columns=columns,
        symbols=symbols,
        known=emits.shape[0],
        emitted=emits.shape[1],
        beam=min(beam, 2**31 - 1),
        longest=longest,
        joint_states=joint_states,
        hypotheses=hypotheses,
        slots=slots,
        first_hypothesis=xp.asarray(np.append(0, np.cumsum(hypotheses_of))),
        first_slot=xp.asarray(np.append(0, np.cumsum(slots_of))),
        total=scratch(hypotheses, "float64"),
        states=scratch(hypotheses * automata, "int32"),
        by_arc=scratch(hypotheses, "int32"),
        by_choice=scratch(hypotheses, "int32"),
        parent=scratch(hypotheses, "int32"),
        kept=scratch(len(hypotheses_of), "int32"),
        keys=scratch(slots, "uint64"),
        best=scratch(slots, "uint64"),
        earliest=scratch(slots, "uint64"),
        winner=scratch(slots, "uint64"),
        ranked=scratch(slots, "int32"),
        path_arcs=path_arcs,
        path_labels=path_labels,
        path_length=lengths,
        path_score=totals,
    )
    return lengths, path_arcs, path_labels, totals


RUNGS: dict[str, Callable[..., Paths]] = {
    "reference": _one_by_one(_sweep_reference),
    "fast": _one_by_one(_sweep_fast),
    "cuda": _cuda,
}


# --- Public functions -----------------------------------------------------------------------------


def _emits_table(emits: Sequence[Sequence[int]] | None, labels: int) -> NDArray[np.int32]:
    """Symbols of every label, filled up with -1."""
    if emits is None:
        return np.arange(labels, dtype=np.int32)[:, None]
    longest = max((len(symbols) for symbols in emits), default=0)
    table = np.full((len(emits), longest + 1), -1, dtype=np.int32)
    for label, symbols in enumerate(emits):
        table[label, : len(symbols)] = symbols
    if (table >= 0).sum() != sum(map(len, emits)):
        raise ValueError("emits must hold symbols from 0 on, got a negative one")
    return table


def _search(
    packed: PackedLattices,
    automata: Automata | None,
    emits: Sequence[Sequence[int]] | None,
    beam: int | None,
    rung: str | None,
) -> list[Path | None]:
    limit = 2**40 if beam is None else int(check_number(beam, "beam", low=1, integer=True))
    table = _emits_table(emits, packed.label_count)
    if packed.label_count > len(table):
        raise ValueError(f"labels must lie in [0, {len(table)}), the labels that emits describes")
    symbols_used = int(np.max(table, initial=-1)) + 1
    if automata is None:
        automata = Automata.none(symbols_used)
    if not isinstance(automata, Automata):
        raise TypeError(f"automata must be Automata or None, got {automata!r}")
    if symbols_used > automata.column.shape[1]:
        raise ValueError(
            f"the labels emit symbol {symbols_used - 1}, but the automata know only "
            f"{automata.column.shape[1]} symbols"
        )
    xp = array_module(packed.scores)
    lengths, arcs, labels, scores = pick(RUNGS, packed.scores, rung=rung)(
        packed.first_node,
        packed.first_arc,
        packed.start,
        packed.labels,
        packed.scores,
        xp.asarray(automata.score, np.float32),
        xp.asarray(automata.next_row, np.int32),
        xp.asarray(automata.column, np.int32),
        xp.asarray(automata.first_row, np.int32),
        xp.asarray(table),
        min(limit, 2**40),
    )
    lengths, arcs, labels, scores = map(_on_host, (lengths, arcs, labels, scores))
    return [
        Path(packed.arc[arcs[i, :n]], labels[i, :n].astype(np.intp), float(scores[i]))
        if n >= 0
        else None
        for i, n in enumerate(lengths)
    ]


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
        Force "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    Path
        Of equally good paths, one, and the same on every rung.

    Raises
    ------
    TypeError
        If `lattice` or `automata` are something else.
    ValueError
        If no path reaches the last node, or a label or symbol is unknown. On the "cuda" rung also
        if there are more than three automata, or if without a beam there may be more hypotheses
        than fit into 4 GiB.

    Notes
    -----
    The work is proportional to the number of arcs times the labels of each times the hypotheses
    kept at its start: without a beam at most the number of joint states of the automata.
    """
    path = _search(PackedLattices.pack([lattice]), automata, emits, beam, rung)[0]
    if path is None:
        raise ValueError("no path of finite score leads from the first node to the last")
    return path


def best_paths(
    lattices: Sequence[Lattice] | PackedLattices,
    automata: Automata | None = None,
    emits: Sequence[Sequence[int]] | None = None,
    *,
    beam: int | None = None,
    rung: str | None = None,
) -> list[Path | None]:
    """Find the best path of each of many lattices; on a GPU all at once.

    Parameters
    ----------
    lattices
        A sequence, or packed already. ``best_paths(PackedLattices.pack(lattices).to(cupy))`` runs
        on the GPU; the paths come back to the CPU.
    automata, emits, beam, rung
        As for :func:`best_path`, the same for all lattices.

    Returns
    -------
    list
        For each lattice its path, or None where the last node cannot be reached: one bad line
        should not cost the page.

    Raises
    ------
    TypeError, ValueError
        As :func:`best_path`.
    """
    if not isinstance(lattices, PackedLattices):
        lattices = PackedLattices.pack(lattices)
    return _search(lattices, automata, emits, beam, rung)

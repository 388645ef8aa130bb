"""Best paths through the lattices of a page's lines.

No maintained library searches such lattices, on the CPU or on a GPU, so the peer is our reference.
"""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.ops import lattice
from ocrlearn.ops.lattice import Lattice, PackedLattices

REFERENCE = "plain Python"
SYMBOLS, CONTEXTS = 90, 400  # characters, and states of the language model
SPAN, CHOICES, BEAM = 4, 5, 24  # pieces in a character at most, labels of an arc


def line(rng: np.random.Generator, pieces: int) -> Lattice:
    """Draw a text line cut into pieces, of which one to four make a character."""
    arcs = [(a, b) for a in range(pieces) for b in range(a + 1, min(pieces, a + SPAN) + 1)]
    start, end = np.array(arcs).T
    labels = rng.integers(0, SYMBOLS, (len(arcs), CHOICES))
    return Lattice(pieces + 1, start, end, labels, -rng.exponential(2.0, labels.shape))


def page(seed: int, lines: int, pieces: int, beam: int = BEAM) -> tuple[Any, ...]:
    """Draw the lines of a page, and one automaton that stands for a bigram model."""
    rng = np.random.default_rng(seed)
    packed = PackedLattices.pack([line(rng, pieces) for _ in range(lines)])
    return (
        packed.first_node,
        packed.first_arc,
        packed.start,
        packed.labels,
        packed.scores,
        -rng.exponential(3.0, (CONTEXTS, SYMBOLS)).astype(np.float32),
        rng.integers(0, CONTEXTS, (CONTEXTS, SYMBOLS)).astype(np.int32),
        np.arange(SYMBOLS, dtype=np.int32)[None],
        np.zeros(1, np.int32),
        np.arange(SYMBOLS, dtype=np.int32)[:, None],
        beam,
    )


def search() -> Runners:
    """Ten lines of sixty pieces with a beam."""
    args = page(0, 10, 60)
    return {
        OURS: lambda: lattice.RUNGS["fast"](*args),
        REFERENCE: lambda: lattice.RUNGS["reference"](*args),
    }


def same(ours: Any, theirs: Any) -> bool:
    """Whether lengths, arcs, labels and scores are identical."""
    return all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


def identical(result: Any, expected: Any) -> None:
    """As `same`, for an assertion."""
    for one, other in zip(result, expected, strict=True):
        np.testing.assert_array_equal(one, other)


CPU = [
    CpuCase(
        name="lattice search",
        size=f"10 lines of 60 pieces, {CHOICES} labels an arc, beam {BEAM}, bigrams",
        runners=search,
        agree=same,
        bars={},
    )
]

LINES, PIECES = 2000, 120
ARCS = LINES * PIECES * SPAN
ARRIVALS = ARCS * CHOICES * BEAM
SLOTS = 1024  # of a node's hash table: twice its 480 arrivals, at most half full

GPU = [
    GpuCase(
        name="lattice search",
        size=f"{LINES} lines of {PIECES} pieces, {CHOICES} labels an arc, beam {BEAM}, bigrams",
        rungs=lattice.RUNGS,
        make=lambda seed: page(seed, LINES, PIECES),
        small=lambda seed: page(seed, 3, 20),
        compare=identical,
        # Arcs and hypotheses, read and written once; what the hash tables and the language model
        # need stays in the caches.
        bytes=ARCS * (4 + CHOICES * 12) + 2 * LINES * PIECES * BEAM * 24,
        # Two passes over the arrivals, some 20 operations each, and the sort: 45 rounds for 512.
        operations=40 * ARRIVALS + LINES * PIECES * 45 * (SLOTS / 2) * 4,
    )
]

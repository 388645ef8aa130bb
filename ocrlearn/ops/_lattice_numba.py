"""The compiled sweep of :mod:`ocrlearn.ops.lattice`, apart so that Numba is imported on first use.

Hypotheses live in growing arrays, one block per node. At each node all arrivals are pooled, those
with the same joint state are merged through a small hash table, and the best `beam` are appended.
"""

from typing import Any

import numpy as np
from numba import njit

__all__ = ["bounds", "sweep"]


@njit(cache=True, nogil=True)
def _grown(array: Any, size: int) -> Any:
    """Return `array` with room for at least `size` entries along its first axis."""
    bigger = np.empty((max(size, 2 * len(array)), *array.shape[1:]), array.dtype)
    bigger[: len(array)] = array
    return bigger


@njit(cache=True, nogil=True)
def _trace_back(last: int, by_arc: Any, by_label: Any, parent: Any) -> Any:
    """Return the arcs and labels by which hypothesis `last` was reached, in order."""
    length = 0
    walk = last
    while by_arc[walk] >= 0:
        length += 1
        walk = parent[walk]
    arcs, chosen = np.empty(length, np.int64), np.empty(length, np.int64)
    walk = last
    while by_arc[walk] >= 0:
        length -= 1
        arcs[length], chosen[length] = by_arc[walk], by_label[walk]
        walk = parent[walk]
    return arcs, chosen


@njit(cache=True, nogil=True)
def sweep(
    nodes: int,
    first: Any,
    start: Any,
    labels: Any,
    scores: Any,
    table_score: Any,
    table_next: Any,
    column: Any,
    first_row: Any,
    emits: Any,
    beam: int,
) -> Any:
    """Arcs, labels and score of the best path; the score is -inf if there is none.

    Arcs that end at node n are numbers ``first[n]`` to ``first[n + 1] - 1``; the rest is as in the
    lattice.
    """
    automata, choices, rows = len(first_row), labels.shape[1], len(table_score)
    # Hypotheses kept so far, node after node.
    capacity = 1024
    total = np.empty(capacity, np.float64)
    states = np.empty((capacity, automata), np.int64)
    by_arc = np.empty(capacity, np.int64)
    by_label = np.empty(capacity, np.int64)
    parent = np.empty(capacity, np.int64)
    begin = np.zeros(nodes + 1, np.int64)
    total[0], by_arc[0], by_label[0], parent[0] = 0.0, -1, -1, -1
    states[0] = first_row
    begin[1] = 1
    now = np.empty(automata, np.int64)
    for node in range(1, nodes):
        arrivals = 0
        for place in range(first[node], first[node + 1]):
            source = start[place]
            arrivals += (begin[source + 1] - begin[source]) * choices
        size = 16
        while size < 2 * arrivals:
            size *= 2
        slot_of = np.full(size, -1, np.int64)
        key = np.empty(arrivals, np.int64)
        pool_total = np.empty(arrivals, np.float64)
        pool_states = np.empty((arrivals, automata), np.int64)
        pool_arc = np.empty(arrivals, np.int64)
        pool_label = np.empty(arrivals, np.int64)
        pool_parent = np.empty(arrivals, np.int64)
        pooled = 0
        for arc in range(first[node], first[node + 1]):
            for before in range(begin[start[arc]], begin[start[arc] + 1]):
                for choice in range(choices):
                    score = total[before] + scores[arc, choice]
                    if score == -np.inf:
                        continue
                    label = labels[arc, choice]
                    now[:] = states[before]
                    for symbol in emits[label]:
                        if symbol < 0:
                            break
                        for m in range(automata):
                            col = column[m, symbol]
                            score += table_score[now[m], col]
                            now[m] = table_next[now[m], col]
                    if score == -np.inf:
                        continue
                    number = 0
                    for m in range(automata):
                        number = number * rows + now[m]
                    slot = (number * 0x9E3779B97F4A7C1 >> 20) & (size - 1)
                    while slot_of[slot] >= 0 and key[slot_of[slot]] != number:
                        slot = (slot + 1) & (size - 1)
                    index = slot_of[slot]
                    if index >= 0 and pool_total[index] >= score:
                        continue
                    if index < 0:
                        index = pooled
                        slot_of[slot] = index
                        key[index] = number
                        pool_states[index] = now
                        pooled += 1
                    pool_total[index] = score
                    pool_arc[index] = arc
                    pool_label[index] = label
                    pool_parent[index] = before
        ranked = np.argsort(-pool_total[:pooled], kind="mergesort")[: min(beam, pooled)]
        end = begin[node] + len(ranked)
        if end > len(total):
            total, states = _grown(total, end), _grown(states, end)
            by_arc, by_label = _grown(by_arc, end), _grown(by_label, end)
            parent = _grown(parent, end)
        for rank in range(len(ranked)):
            index, place = ranked[rank], begin[node] + rank
            total[place] = pool_total[index]
            states[place] = pool_states[index]
            by_arc[place] = pool_arc[index]
            by_label[place] = pool_label[index]
            parent[place] = pool_parent[index]
        begin[node + 1] = end
    if begin[nodes] == begin[nodes - 1]:
        return np.empty(0, np.int64), np.empty(0, np.int64), -np.inf
    best = begin[nodes - 1]
    arcs, chosen = _trace_back(best, by_arc, by_label, parent)
    return arcs, chosen, total[best]


@njit(cache=True, nogil=True)
def bounds(
    first_node: Any, first_arc: Any, start: Any, choices: int, joint_states: int, beam: int
) -> Any:
    """Most hypotheses of every node, and most slots of a hash table that each lattice needs.

    A node keeps no more hypotheses than arrive, than there are joint states, and than the beam. A
    table has a power of two of slots and is at most half full.
    """
    most = np.zeros(len(first_arc) - 1, np.int64)
    slots = np.zeros(len(first_node) - 1, np.int64)
    for lattice in range(len(slots)):
        origin = first_node[lattice]
        most[origin] = 1
        slots[lattice] = 16
        for node in range(origin + 1, first_node[lattice + 1]):
            arrivals = 0
            for arc in range(first_arc[node], first_arc[node + 1]):
                arrivals += most[origin + start[arc]] * choices
            distinct = min(arrivals, joint_states)
            while slots[lattice] < 2 * distinct:
                slots[lattice] *= 2
            most[node] = min(distinct, beam)
    return most, slots

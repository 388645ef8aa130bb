"""The best path through a lattice: every rung against brute force over all paths and labels."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.ops import lattice as module
from ocrlearn.ops.lattice import RUNGS, Automata, Lattice, PackedLattices, best_path, best_paths

SYMBOLS = 4
EMITS = [(0,), (1,), (2,), (3, 1), ()]  # three characters, a ligature, nothing


def random_lattice(rng, nodes, choices=3):
    """Every arc that spans one to three nodes."""
    arcs = [(a, b) for a in range(nodes) for b in range(a + 1, min(nodes, a + 4))]
    start, end = np.array(arcs).T
    labels = rng.integers(0, len(EMITS), (len(arcs), choices))
    return Lattice(nodes, start, end, labels, rng.normal(size=labels.shape))


def random_automata(rng, count=2):
    """Automata of three rows each; the second tells fewer symbols apart than the first."""
    score = rng.normal(size=(3 * count, SYMBOLS)).astype(np.float32)
    next_row = np.concatenate([rng.integers(3 * m, 3 * m + 3, (3, SYMBOLS)) for m in range(count)])
    column = np.stack([np.arange(SYMBOLS) // (m + 1) for m in range(count)])
    return Automata(score, next_row.astype(np.int32), column, 3 * np.arange(count))


def all_paths(lattice, node=0):
    """Every sequence of arcs from `node` to the last node."""
    if node == lattice.nodes - 1:
        yield ()
    for arc in np.flatnonzero(lattice.start == node):
        for rest in all_paths(lattice, lattice.end[arc]):
            yield (arc, *rest)


def score_of(lattice, automata, arcs, choices):
    """Score of one path with one choice of labels, computed independently of the sweep."""
    total = sum(lattice.scores[arc, choice] for arc, choice in zip(arcs, choices, strict=True))
    text = [s for a, c in zip(arcs, choices, strict=True) for s in EMITS[lattice.labels[a, c]]]
    for m, row in enumerate(automata.first_row):
        for symbol in text:
            column = automata.column[m, symbol]
            total += automata.score[row, column]
            row = automata.next_row[row, column]
    return total


def brute_force(lattice, automata):
    return max(
        score_of(lattice, automata, arcs, choices)
        for arcs in all_paths(lattice)
        for choices in itertools.product(range(lattice.labels.shape[1]), repeat=len(arcs))
    )


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("automata_count", [0, 1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_equals_brute_force(rung, automata_count, seed):
    rng = np.random.default_rng(seed)
    lattice = random_lattice(rng, nodes=int(rng.integers(2, 6)))
    automata = random_automata(rng, automata_count) if automata_count else Automata.none(SYMBOLS)
    path = best_path(lattice, automata, EMITS, rung=rung)
    assert path.score == pytest.approx(brute_force(lattice, automata), abs=1e-5)
    choices = [
        next(c for c in np.argsort(-lattice.scores[a]) if lattice.labels[a, c] == label)
        for a, label in zip(path.arcs, path.labels, strict=True)
    ]
    assert score_of(lattice, automata, path.arcs, choices) == pytest.approx(path.score, abs=1e-5)


@given(seed=st.integers(0, 10**6), beam=st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_a_beam_never_helps_and_a_wide_one_never_hurts(seed, beam):
    rng = np.random.default_rng(seed)
    lattice, automata = random_lattice(rng, nodes=7), random_automata(rng)
    exact = best_path(lattice, automata, EMITS).score
    assert best_path(lattice, automata, EMITS, beam=beam).score <= exact + 1e-9
    # Two automata of three states have nine joint states, so a beam of nine drops nothing.
    assert best_path(lattice, automata, EMITS, beam=9).score == pytest.approx(exact)


def with_ties(rng, lattice):
    """The same arcs with scores of 0 and 1, so that many paths are equally good."""
    scores = rng.integers(0, 2, lattice.scores.shape).astype(float)
    return Lattice(lattice.nodes, lattice.start, lattice.end, lattice.labels, scores)


@given(
    seed=st.integers(0, 10**6),
    beam=st.sampled_from([1, 3, None]),
    count=st.integers(0, 3),
    ties=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_rungs_agree_to_the_last_bit_and_in_ties(seed, beam, count, ties):
    rng = np.random.default_rng(seed)
    lattice = random_lattice(rng, nodes=8)
    automata = random_automata(rng, count) if count else Automata.none(SYMBOLS)
    if ties:
        lattice = with_ties(rng, lattice)
        whole = np.round(automata.score)
        automata = Automata(whole, automata.next_row, automata.column, automata.first_row)
    expected = best_path(lattice, automata, EMITS, beam=beam, rung="reference")
    for rung in RUNGS:
        found = best_path(lattice, automata, EMITS, beam=beam, rung=rung)
        np.testing.assert_array_equal(found.arcs, expected.arcs)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.score == expected.score


@given(seed=st.integers(0, 10**6), gain=st.sampled_from([-2.0, 0.5, 8.0]))
@settings(max_examples=30, deadline=None)
def test_a_bonus_for_every_node_passed_changes_the_score_but_not_the_path(seed, gain):
    rng = np.random.default_rng(seed)
    lattice, automata = random_lattice(rng, nodes=7), random_automata(rng)
    # Every path passes all nodes, so an arc that spans n of them gets n times the bonus.
    scores = lattice.scores + gain * (lattice.end - lattice.start)[:, None]
    raised = Lattice(lattice.nodes, lattice.start, lattice.end, lattice.labels, scores)
    before, after = best_path(lattice, automata, EMITS), best_path(raised, automata, EMITS)
    np.testing.assert_array_equal(after.arcs, before.arcs)
    assert after.score == pytest.approx(before.score + 6 * gain)


@pytest.mark.parametrize("rung", RUNGS)
def test_of_equally_good_paths_the_first_met_wins(rung):
    # From 0 to 2 directly, or by way of 1: all score 0, and the arc listed first is met first.
    for order, arcs in [([0, 1, 2], [0]), ([1, 2, 0], [0, 1])]:
        start, end = np.array([0, 0, 1])[order], np.array([2, 1, 2])[order]
        lattice = Lattice(3, start, end, np.array([[1, 0]] * 3), np.zeros((3, 2)))
        path = best_path(lattice, rung=rung)
        assert path.arcs.tolist() == arcs
        assert set(path.labels.tolist()) == {1}  # the first of two equal labels


@pytest.mark.parametrize("rung", RUNGS)
def test_many_lattices_at_once_are_each_as_alone(rung):
    rng = np.random.default_rng(7)
    lattices = [
        random_lattice(rng, nodes=5),
        Lattice(1, *(np.zeros(0, int),) * 2, np.zeros((0, 2), int), np.zeros((0, 2))),
        Lattice(2, np.array([0]), np.array([1]), np.array([[0]]), np.array([[-np.inf]])),
        random_lattice(rng, nodes=9, choices=1),
    ]
    automata = random_automata(rng)
    found = best_paths(lattices, automata, EMITS, rung=rung)
    again = best_paths(PackedLattices.pack(lattices), automata, EMITS, rung=rung)
    assert [path is None for path in found] == [False, False, True, False]
    for lattice, path, other in zip(lattices, found, again, strict=True):
        if path is None:
            continue
        alone = best_path(lattice, automata, EMITS)
        for one in (path, other):
            np.testing.assert_array_equal(one.arcs, alone.arcs)
            np.testing.assert_array_equal(one.labels, alone.labels)
            assert one.score == alone.score
    assert best_paths([], automata, EMITS, rung=rung) == []


def test_inputs_are_not_modified():
    rng = np.random.default_rng(0)
    lattice, automata = random_lattice(rng, nodes=6), random_automata(rng)
    arrays = [lattice.start, lattice.end, lattice.labels, lattice.scores, *vars(automata).values()]
    copies = [array.copy() for array in arrays]
    for rung in RUNGS:
        best_path(lattice, automata, EMITS, rung=rung)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_what_the_cuda_rung_does_not_take_is_refused_in_words(monkeypatch):
    rng = np.random.default_rng(0)
    lattice = random_lattice(rng, nodes=6)
    with pytest.raises(ValueError, match="up to 3 automata at once, got 4"):
        best_path(lattice, random_automata(rng, 4), EMITS, rung="cuda")
    monkeypatch.setattr(module, "MOST_BYTES", 4000)
    with pytest.raises(ValueError, match=r"would need .* GiB .* give a beam"):
        best_path(lattice, random_automata(rng), EMITS, rung="cuda")
    assert best_path(lattice, random_automata(rng), EMITS, beam=2, rung="cuda").score


@pytest.mark.parametrize("rung", RUNGS)
def test_greedy_falls_for_two_narrow_letters_and_language_does_not(rung):
    # Two pieces: together they look like "m" (-0.7), apart like "r" and "n" (-0.3 each).
    m, r, n = 0, 1, 2
    lattice = Lattice(
        3,
        np.array([0, 0, 1]),
        np.array([2, 1, 2]),
        np.array([[m], [r], [n]]),
        np.array([[-0.7], [-0.3], [-0.3]]),
    )
    assert best_path(lattice, rung=rung).labels.tolist() == [r, n]
    # A language in which n after r costs 1: state 0 = anything, state 1 = after r.
    score = np.array([[0, 0, 0], [0, 0, -1]], np.float32)
    next_row = np.array([[0, 1, 0], [0, 1, 0]], np.int32)
    language = Automata(score, next_row, np.arange(3)[None], np.array([0]))
    path = best_path(lattice, language, rung=rung)
    assert path.labels.tolist() == [m]
    assert path.score == pytest.approx(-0.7)


@pytest.mark.parametrize("rung", RUNGS)
def test_degenerate_lattices(rung):
    nothing = np.zeros(0, np.intp), np.zeros(0, np.intp)
    alone = Lattice(1, *nothing, np.zeros((0, 1), np.intp), np.zeros((0, 1)))
    assert len(best_path(alone, rung=rung).arcs) == 0
    apart = Lattice(2, *nothing, np.zeros((0, 1), np.intp), np.zeros((0, 1)))
    with pytest.raises(ValueError, match="no path"):
        best_path(apart, rung=rung)
    closed = Lattice(2, np.array([0]), np.array([1]), np.array([[0]]), np.array([[-np.inf]]))
    with pytest.raises(ValueError, match="no path"):
        best_path(closed, rung=rung)
    # A gap that no arc bridges in the middle of a longer lattice.
    broken = Lattice(
        4, np.array([0, 2]), np.array([1, 3]), np.array([[0], [0]]), np.array([[0.0], [0.0]])
    )
    with pytest.raises(ValueError, match="no path"):
        best_path(broken, rung=rung)


@pytest.mark.parametrize("rung", RUNGS)
def test_many_hypotheses_outgrow_the_first_block_of_memory(rung):
    rng = np.random.default_rng(3)
    states = 60
    automata = Automata(
        rng.normal(size=(states, SYMBOLS)).astype(np.float32),
        rng.integers(0, states, (states, SYMBOLS)).astype(np.int32),
        np.arange(SYMBOLS)[None],
        np.array([0]),
    )
    lattice = random_lattice(rng, nodes=30)
    exact = best_path(lattice, automata, EMITS, rung="reference").score
    assert best_path(lattice, automata, EMITS, rung=rung).score == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("label", [2**31 - 1, 2**31, 2**40])
def test_a_label_beyond_31_bits_is_refused_and_does_not_wrap_around(label):
    lattice = Lattice(2, [0], [1], [[label]], [[0.0]])
    with pytest.raises(ValueError, match=rf"labels must be below 2\*\*31 - 1, got {label}"):
        best_path(lattice)


def test_lists_make_the_same_lattice_as_arrays():
    lattice = Lattice(3.0, [0, 0, 1], [2, 1, 2], [[0], [1], [2]], [[-0.7], [-0.3], [-0.3]])
    assert lattice.nodes == 3
    path = best_path(lattice)
    assert path.labels.tolist() == [1, 2]
    assert path.arcs.tolist() == [1, 2]
    assert path.score == pytest.approx(-0.6)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("next_row", [[0, 2]], r"next_row must lie in \[0, 1\), got values from 0 to 2"),
        ("next_row", [[-1, 0]], r"next_row must lie in \[0, 1\), got values from -1 to 0"),
        ("column", [[0, 2]], r"column must lie in \[0, 2\), got values from 0 to 2"),
        ("first_row", [1], r"first_row must lie in \[0, 1\), got values from 1 to 1"),
        ("score", [[0.0, np.nan]], "score must hold numbers or -inf"),
        ("score", [[0.0, np.inf]], "score must hold numbers or -inf"),
    ],
)
def test_automata_do_not_lead_out_of_their_tables(name, value, message):
    tables = {"score": [[0.0, -np.inf]], "next_row": [[0, 0]], "column": [[0, 1]], "first_row": [0]}
    Automata(**{key: np.array(table) for key, table in tables.items()})
    with pytest.raises(ValueError, match=message):
        Automata(**{key: np.array(table) for key, table in (tables | {name: value}).items()})


def test_bad_arguments_are_named():
    one = np.array([0]), np.array([1])
    with pytest.raises(ValueError, match="forward"):
        Lattice(2, np.array([1]), np.array([1]), np.array([[0]]), np.array([[0.0]]))
    with pytest.raises(ValueError, match="one and the same length"):
        Lattice(2, np.array([0, 0]), np.array([1]), np.array([[0]]), np.array([[0.0]]))
    with pytest.raises(ValueError, match="labels must have shape"):
        Lattice(2, *one, np.array([0]), np.array([[0.0]]))
    with pytest.raises(ValueError, match="shape of labels"):
        Lattice(2, *one, np.array([[0]]), np.array([[0.0, 1.0]]))
    with pytest.raises(ValueError, match="NaN"):
        Lattice(2, *one, np.array([[0]]), np.array([[np.nan]]))
    lattice = Lattice(2, *one, np.array([[5]]), np.array([[0.0]]))
    with pytest.raises(ValueError, match=r"\[0, 2\)"):
        best_path(lattice, emits=[(0,), (1,)])
    negative = Lattice(2, *one, np.array([[-1]]), np.array([[0.0]]))
    with pytest.raises(ValueError, match="labels must not be negative, got -1"):
        best_path(negative)
    with pytest.raises(ValueError, match="know only 3 symbols"):
        best_path(lattice, Automata.none(3))
    with pytest.raises(ValueError, match="beam"):
        best_path(lattice, beam=0)
    with pytest.raises(ValueError, match="no rung"):
        best_path(lattice, rung="slow")
    with pytest.raises(TypeError, match="labels must hold integers, got dtype float64"):
        Lattice(2, *one, np.array([[0.5]]), np.array([[0.0]]))
    with pytest.raises(TypeError, match="scores must hold numbers, got dtype <U1"):
        Lattice(2, *one, np.array([[0]]), np.array([["a"]]))
    with pytest.raises(ValueError, match=r"emits must hold symbols from 0 on"):
        best_path(Lattice(2, *one, [[0]], [[0.0]]), emits=[(-1,)])
    with pytest.raises(TypeError, match="lattices must hold Lattice objects, got 'a'"):
        best_paths(["a"])
    with pytest.raises(TypeError, match="automata must be Automata or None, got 'words'"):
        best_path(lattice, "words")
    with pytest.raises(ValueError, match="tables of one shape"):
        Automata(np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((1, 3)), np.zeros(1))
    with pytest.raises(ValueError, match="one row per automaton"):
        Automata(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(1))
    with pytest.raises(ValueError, match="joint states"):
        Automata(
            np.zeros((2**16, 1), np.float32),
            np.zeros((2**16, 1), np.int32),
            np.zeros((4, 1), np.intp),
            np.zeros(4, np.intp),
        )

"""CTC: every rung against the sum over all alignments, finite differences and torch."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn import cuda
from ocrlearn.ops.ctc import (
    MAX_LABELS,
    RUNGS,
    best_path_decode,
    check_ctc_feasible,
    ctc_backward,
    ctc_feasible,
    ctc_forward,
    ctc_loss,
    ctc_loss_and_gradient,
    ctc_loss_from_logits,
)
from ocrlearn.text import ctc_collapse


def log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def brute_force(log_probs, target, blank):
    """Loss and gradient of one sample ``(T, C)`` by walking through every alignment."""
    frames, classes = log_probs.shape
    total, occupancy = 0.0, np.zeros_like(log_probs)
    for path in itertools.product(range(classes), repeat=frames):
        if list(ctc_collapse(path, blank)) == list(target):
            probability = np.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
            total += probability
            for t, c in enumerate(path):
                occupancy[t, c] += probability
    return (-np.log(total), -occupancy / total) if total else (np.inf, occupancy)


def sample(log_probs, target):
    """The arguments for a batch of one."""
    length = len(target)
    return (
        log_probs[:, None],
        np.array(target, np.int32).reshape(1, length),
        np.array([len(log_probs)]),
        np.array([length]),
    )


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_equals_the_sum_over_all_alignments(rung, blank, frames):
    rng = np.random.default_rng(frames)
    log_probs = log_softmax(rng.normal(size=(frames, 3)))
    labels = [c for c in range(3) if c != blank]
    for length in range(4):
        for target in itertools.product(labels, repeat=length):
            loss, gradient = brute_force(log_probs, target, blank)
            found = ctc_loss_and_gradient(*sample(log_probs, target), blank, rung=rung)
            assert found[0][0] == pytest.approx(loss, rel=1e-10)
            np.testing.assert_allclose(found[1][:, 0], gradient, atol=1e-10)
            assert ctc_loss(*sample(log_probs, target), blank, rung=rung)[0] == found[0][0]


def test_worked_by_hand():
    # Two frames, blank and "a": a is spelled by aa, -a and a-, and only -- does not spell it.
    log_probs = np.log(np.array([[0.6, 0.4], [0.7, 0.3]]))
    losses, gradient = ctc_loss_and_gradient(*sample(log_probs, [1]))
    spelled = 1 - 0.6 * 0.7
    assert losses[0] == pytest.approx(-np.log(spelled))
    blank_first, blank_second = 0.6 * 0.3, 0.4 * 0.7
    np.testing.assert_allclose(
        gradient[:, 0],
        [
            [-blank_first / spelled, blank_first / spelled - 1],
            [-blank_second / spelled, blank_second / spelled - 1],
        ],
    )


def test_the_tables_of_the_lesson():
    rng = np.random.default_rng(0)
    log_probs = log_softmax(rng.normal(size=(6, 4)))
    alpha, beta = ctc_forward(log_probs, [1, 1, 3]), ctc_backward(log_probs, [1, 1, 3])
    assert alpha.shape == beta.shape == (6, 7)
    # A walk begins in the first two states, ends in the last two, and moves at most two a frame.
    assert np.isfinite(alpha[0]).tolist() == [True] * 2 + [False] * 5
    assert np.isfinite(beta[-1]).tolist() == [False] * 5 + [True] * 2
    assert np.isneginf(alpha[1, 3])  # from "a" to the same "a" only by way of a blank
    loss = ctc_loss(*sample(log_probs, [1, 1, 3]))[0]
    # Every walk is somewhere at every frame.
    np.testing.assert_allclose(np.logaddexp.reduce(alpha + beta, axis=1), -loss)
    np.testing.assert_allclose(np.logaddexp.reduce(alpha[-1, -2:]), -loss)
    # Read backwards in time, the text backwards is as probable, and alpha is beta and the frame.
    states = [0, 3, 0, 1, 0, 1, 0]
    mirrored = ctc_backward(log_probs[::-1], [3, 1, 1])[::-1, ::-1] + log_probs[:, states[::-1]]
    np.testing.assert_allclose(mirrored, alpha)


@pytest.mark.parametrize("rung", RUNGS)
def test_gradient_equals_finite_differences(rung):
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(5, 2, 4))
    rest = np.array([[1, 1, 3], [2, 0, 0]]), np.array([5, 3]), np.array([3, 1])
    for loss_of in (ctc_loss_and_gradient, ctc_loss_from_logits):
        gradient = loss_of(scores, *rest, rung=rung)[1]
        expected = np.zeros_like(scores)
        for place in np.ndindex(scores.shape):
            step = np.zeros_like(scores)
            step[place] = 1e-5
            up, down = (loss_of(scores + s, *rest, rung="reference")[0] for s in (step, -step))
            expected[place] = (up - down).sum() / 2e-5
        np.testing.assert_allclose(gradient, expected, atol=1e-8)


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_torch_through_a_log_softmax(rung, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    logits = rng.normal(scale=3, size=(20, 4, 12)).astype(dtype)
    targets = rng.integers(1, 12, (4, 6)).astype(np.int32)
    lengths, target_lengths = np.array([20, 17, 9, 20]), np.array([6, 3, 1, 0])
    leaf = torch.tensor(logits, requires_grad=True)
    log_probs = torch.log_softmax(leaf, -1)
    log_probs.retain_grad()
    losses = torch.nn.functional.ctc_loss(
        log_probs,
        torch.tensor(targets),
        torch.tensor(lengths),
        torch.tensor(target_lengths),
        reduction="none",
    )
    losses.sum().backward()
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    ours, gradient = ctc_loss_and_gradient(
        log_probs.detach().numpy(), targets, lengths, target_lengths, rung=rung
    )
    assert ours.dtype == gradient.dtype == np.dtype(dtype)
    np.testing.assert_allclose(ours, losses.detach().numpy(), rtol=tolerance)
    # The two gradients of log_probs differ by exp(log_probs) ...
    inside = np.arange(20)[:, None] < lengths
    softmax = np.where(inside[..., None], np.exp(log_probs.detach().numpy()), 0)
    np.testing.assert_allclose(gradient + softmax, log_probs.grad.numpy(), atol=tolerance)
    # ... and become the same one through the log-softmax.
    through = torch.autograd.grad(torch.log_softmax(leaf, -1), leaf, torch.tensor(gradient))[0]
    np.testing.assert_allclose(through.numpy(), leaf.grad.numpy(), atol=tolerance)
    fused = ctc_loss_from_logits(logits, targets, lengths, target_lengths, rung=rung)
    np.testing.assert_allclose(fused[0], losses.detach().numpy(), rtol=tolerance)
    np.testing.assert_allclose(fused[1], leaf.grad.numpy(), atol=tolerance)


@given(seed=st.integers(0, 10**6), frames=st.integers(0, 12), spread=st.sampled_from([1, 30, 900]))
@settings(max_examples=80, deadline=None)
def test_rungs_agree_and_occupancies_sum_to_one(seed, frames, spread):
    rng = np.random.default_rng(seed)
    log_probs = log_softmax(rng.normal(scale=spread, size=(frames, 3, 4)))
    targets = rng.integers(0, 3, (3, 4))
    arguments = log_probs, targets, rng.integers(0, frames + 1, 3), rng.integers(0, 5, 3), 3
    expected = ctc_loss_and_gradient(*arguments, rung="reference")
    losses, gradient = ctc_loss_and_gradient(*arguments)
    np.testing.assert_allclose(losses, expected[0], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(gradient, expected[1], atol=1e-9)
    np.testing.assert_array_equal(np.isfinite(losses), ctc_feasible(targets, *arguments[2:4]))
    taught = (np.arange(frames)[:, None] < arguments[2]) & np.isfinite(losses)
    np.testing.assert_allclose(gradient.sum(axis=2), np.where(taught, -1.0, 0.0), atol=1e-9)
    assert (gradient <= 0).all()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_text_backwards_in_time_is_as_probable(seed):
    rng = np.random.default_rng(seed)
    log_probs, target = log_softmax(rng.normal(size=(9, 5))), rng.integers(1, 5, 3)
    losses, gradient = ctc_loss_and_gradient(*sample(log_probs, target))
    mirrored = ctc_loss_and_gradient(*sample(log_probs[::-1], target[::-1]))
    np.testing.assert_allclose(mirrored[0], losses)
    np.testing.assert_allclose(mirrored[1][::-1], gradient, atol=1e-12)


@pytest.mark.parametrize("rung", RUNGS)
def test_padding_and_frames_beyond_a_sample_count_for_nothing(rung):
    rng = np.random.default_rng(4)
    log_probs = log_softmax(rng.normal(size=(6, 2, 4)))
    targets, lengths = np.array([[1, 2, 2], [3, 1, 1]]), np.array([4, 6])
    clean = ctc_loss_and_gradient(log_probs, targets, lengths, np.array([1, 2]), rung=rung)
    log_probs[4:, 0] = np.nan
    targets[0, 1:], targets[1, 2:] = 999, -7
    dirty = ctc_loss_and_gradient(log_probs, targets, lengths, np.array([1, 2]), rung=rung)
    np.testing.assert_array_equal(dirty[0], clean[0])
    np.testing.assert_array_equal(dirty[1], clean[1])
    assert not dirty[1][4:, 0].any()


@pytest.mark.parametrize("rung", RUNGS)
def test_a_walk_that_underflows_a_double_is_not_lost(rung):
    # The only walk is "1" at the first frame, which is 1e-391 as probable as the blank, and "2".
    log_probs = np.array([[0.0, -900.0, -2000.0], [0.0, -2000.0, -0.5]])
    losses, gradient = ctc_loss_and_gradient(*sample(log_probs, [1, 2]), rung=rung)
    assert losses[0] == pytest.approx(900.5)
    np.testing.assert_allclose(gradient[:, 0], [[0, -1, 0], [0, 0, -1]], atol=1e-12)


@pytest.mark.parametrize("rung", RUNGS)
def test_an_impossible_target_teaches_nothing_and_spoils_nothing(rung):
    log_probs = log_softmax(np.random.default_rng(3).normal(size=(3, 3, 4)))
    targets, lengths = np.array([[1, 1], [1, 2], [1, 1]]), np.array([3, 3, 2])
    target_lengths = np.array([2, 2, 2])
    losses, gradient = ctc_loss_and_gradient(log_probs, targets, lengths, target_lengths, rung=rung)
    assert np.isfinite(losses).tolist() == [True, True, False]
    assert not gradient[:, 2].any()
    alone = ctc_loss_and_gradient(log_probs[:, :2], targets[:2], lengths[:2], target_lengths[:2])
    np.testing.assert_allclose(gradient[:, :2], alone[1], atol=1e-12)
    assert ctc_feasible(targets, lengths, target_lengths).tolist() == [True, True, False]
    check_ctc_feasible(targets[:2], lengths[:2], target_lengths[:2])
    with pytest.raises(ValueError, match=r"1 of 3 .* sample 2: its 2 labels need 3 frames.*it 2"):
        check_ctc_feasible(targets, lengths, target_lengths)
    blocked = log_probs.copy()
    blocked[1, 0] = -np.inf  # no class is possible at this frame
    losses, gradient = ctc_loss_and_gradient(blocked, targets, lengths, target_lengths, rung=rung)
    assert losses[0] == np.inf
    assert not gradient[:, 0].any()
    assert not np.isnan(gradient).any()


def test_feasible_looks_only_inside_the_target():
    targets = np.array([[1, 1, 1], [1, 1, 1], [2, 2, 5]])
    assert ctc_feasible(targets, np.array([1, 2, 4]), np.array([1, 2, 3])).tolist() == [
        True,
        False,
        True,
    ]
    assert ctc_feasible(np.zeros((2, 0), int), np.array([0, 3]), np.array([0, 0])).all()


def test_inputs_are_not_modified():
    log_probs = log_softmax(np.random.default_rng(3).normal(size=(4, 1, 3)))
    arguments = log_probs, np.array([[1, 2]]), np.array([4]), np.array([2])
    copies = [array.copy() for array in arguments]
    for rung in RUNGS:
        ctc_loss_and_gradient(*arguments, rung=rung)
        ctc_loss_from_logits(*arguments, rung=rung)
        ctc_loss(*arguments, rung=rung)
    for array, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_lists_of_integers_are_taken():
    log_probs = log_softmax(np.random.default_rng(3).normal(size=(4, 2, 3)))
    lists = [[1, 2], [2, 0]], [4, 3], [2, 1]
    arrays = tuple(np.array(numbers) for numbers in lists)
    np.testing.assert_array_equal(ctc_loss(log_probs, *lists), ctc_loss(log_probs, *arrays))
    assert ctc_feasible(*lists).all()
    with pytest.raises(ValueError, match=r"sample 0: its 2 labels need 3 frames.* gives it 2"):
        check_ctc_feasible([[1, 1]], [2], [2])


@pytest.mark.parametrize("place", [1, 2, 3])
def test_integers_beyond_31_bits_do_not_wrap_around(place):
    arguments = [np.zeros((4, 1, 3)), np.array([[1]]), np.array([4]), np.array([1])]
    arguments[place] = arguments[place] + 2**32
    with pytest.raises(ValueError, match=r"must fit int32, got values from 429496"):
        ctc_loss(*arguments)


def test_arrays_on_the_gpu_are_not_mixed_with_others(cupy):
    arguments = np.zeros((4, 1, 3)), np.array([[1]]), np.array([4]), np.array([1])
    expected = ctc_loss(*arguments)
    moved = [cupy.asarray(array) for array in arguments]
    np.testing.assert_allclose(ctc_loss(*moved).get(), expected)
    assert ctc_feasible(*moved[1:]).get().tolist() == [True]
    for place in range(4):
        mixed = [*moved[:place], arguments[place], *moved[place + 1 :]]
        with pytest.raises(TypeError, match="mixture of NumPy and CuPy arrays"):
            ctc_loss(*mixed)
        if place:
            with pytest.raises(TypeError, match="mixture of NumPy and CuPy arrays"):
                ctc_feasible(*mixed[1:])


@pytest.mark.parametrize("function", [ctc_forward, ctc_backward])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((4, 1, 3)), [1]), ValueError, r"log_probs must have shape \(T, C\)"),
        ((np.zeros((4, 3)), [[1]]), ValueError, r"target must have shape \(L,\), got \(1, 1\)"),
        ((np.zeros((4, 3)), [1.5]), TypeError, "target must be integers, got dtype float64"),
        ((np.zeros((4, 3)), [1, -1]), ValueError, r"target must lie in \[0, 3\).*from -1 to 1"),
        ((np.zeros((4, 3)), [1, 3]), ValueError, r"target must lie in \[0, 3\).*from 1 to 3"),
        ((np.zeros((4, 3)), [1, 0]), ValueError, "target must not hold the blank, 0"),
        ((np.zeros((4, 3)), [1], 3), ValueError, r"blank must lie in \[0, 2\], got 3"),
    ],
)
def test_bad_arguments_of_one_sample_are_named(function, arguments, error, message):
    with pytest.raises(error, match=message):
        function(*arguments)


def test_best_path_merges_repeats_and_drops_blanks():
    path = np.array([0, 1, 1, 0, 1, 2, 2, 0])
    scores = np.eye(3)[np.stack([path, path[::-1]], axis=1)]
    assert [read.tolist() for read in best_path_decode(scores)] == [[1, 1, 2], [2, 1, 1]]
    shorter = best_path_decode(scores, np.array([2, 0]))
    assert [read.tolist() for read in shorter] == [[1], []]
    assert best_path_decode(scores, blank=2)[0].tolist() == [0, 1, 0, 1, 0]
    with pytest.raises(ValueError, match=r"log_probs must have shape \(T, B, C\)"):
        best_path_decode(scores[0])
    with pytest.raises(TypeError, match="log_probs must be a NumPy or CuPy array, got list"):
        best_path_decode([[[1.0]]])
    with pytest.raises(ValueError, match=r"input_lengths must lie in \[0, 8\]"):
        best_path_decode(scores, np.array([9, 1]))


def test_bad_arguments_are_named():
    good = (np.zeros((4, 2, 3)), np.ones((2, 2), int), np.array([4, 4]), np.array([2, 1]))

    def replaced(place, value):
        return (*good[:place], value, *good[place + 1 :])

    for place, value, error, words in [
        (0, np.zeros((4, 2, 3), int), TypeError, "log_probs must be a float32 or float64"),
        (0, [[1.0]], TypeError, "log_probs must be .* got list"),
        (0, np.zeros((4, 3)), ValueError, r"log_probs must have shape \(T, B, C\)"),
        (0, np.full((4, 2, 3), np.nan), ValueError, "got NaN or .inf in sample 0"),
        (0, np.full((4, 2, 3), np.inf), ValueError, "got NaN or .inf in sample 0"),
        (1, np.ones((2, 2)), TypeError, "targets must be integers, got dtype float64"),
        (1, np.ones((3, 2), int), ValueError, r"targets must have shape \(2, S\), got \(3, 2\)"),
        (1, np.full((2, 2), 3), ValueError, r"targets must lie in \[0, 3\)"),
        (1, np.zeros((2, 2), int), ValueError, "targets must not hold the blank, 0"),
        (2, np.array([4, 5]), ValueError, r"input_lengths must lie in \[0, 4\].*from 4 to 5"),
        (2, np.array([4]), ValueError, r"input_lengths must have shape \(2,\), got \(1,\)"),
        (3, np.array([2, 3]), ValueError, r"target_lengths must lie in \[0, 2\]"),
        (3, np.array([-1, 2]), ValueError, r"target_lengths must lie in \[0, 2\]"),
    ]:
        for function in (ctc_loss, ctc_loss_and_gradient):
            for rung in RUNGS:
                with pytest.raises(error, match=words), np.errstate(invalid="ignore"):
                    function(*replaced(place, value), rung=rung)
    with pytest.raises(ValueError, match="blank must lie in"):
        ctc_loss(*good, blank=3)
    with pytest.raises(ValueError, match="no rung 'slow'"):
        ctc_loss(*good, rung="slow")
    with pytest.raises(ValueError, match="logits must be numbers"), np.errstate(invalid="ignore"):
        ctc_loss_from_logits(np.full((4, 2, 3), np.nan), *good[1:])
    long = np.ones((1, MAX_LABELS + 1), int)
    with pytest.raises(ValueError, match=f"up to {MAX_LABELS} labels long on the cuda rung"):
        ctc_loss(np.zeros((4, 1, 3)), long, np.array([4]), np.array([2]), rung="cuda")


def test_single_precision_does_not_drift_on_the_gpu():
    """The kernels' sums are shifted every few frames, so a long line is as exact as a short one."""
    rng = np.random.default_rng(5)
    log_probs = log_softmax(rng.normal(scale=2, size=(400, 20)))
    target = rng.integers(1, 20, 20)
    exact = ctc_loss_and_gradient(*sample(log_probs, target))
    with cuda.emulation():
        found = ctc_loss_and_gradient(*sample(log_probs.astype(np.float32), target), rung="cuda")
    assert found[0][0] == pytest.approx(exact[0][0], rel=1e-6)
    np.testing.assert_allclose(found[1], exact[1], atol=3e-5)

"""Suppression: which detections survive, by hand and by meaning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn import cuda
from ocrlearn.geometry import rotated_box_to_box, rotated_box_to_quad
from ocrlearn.ops import nms as module
from ocrlearn.ops.nms import locality_aware_nms, mask_nms, nms, quad_nms, rotated_nms

every_rung = pytest.mark.parametrize("rung", module.RUNGS)

# Three parallel lines of text, 100 x 10 pixels, 14 pixels apart, at 45 degrees.
ACROSS = np.array([np.sin(np.pi / 4), np.cos(np.pi / 4)]) * 14
LINES = np.array([[60 + k * ACROSS[0], 60 + k * ACROSS[1], 100, 10, np.pi / 4] for k in range(3)])
SCORES = [0.9, 0.8, 0.7]


@every_rung
def test_the_best_of_a_heap_survives(rung):
    boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [0, 1, 10, 11]]
    assert nms(boxes, [0.6, 0.9, 0.3, 0.5], 0.5, rung=rung).tolist() == [1, 2]


@every_rung
def test_only_survivors_suppress(rung):
    """The second overlaps both neighbours and falls to the first, so the third stays."""
    boxes = [[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]]
    assert nms(boxes, [3, 2, 1], 0.4, rung=rung).tolist() == [0, 2]


@every_rung
def test_equal_scores_keep_the_order_given(rung):
    boxes = [[9, 9, 12, 12], [0, 0, 10, 10], [0, 0, 10, 10]]
    assert nms(boxes, [1, 1, 1], 0.5, rung=rung).tolist() == [0, 1]


@every_rung
def test_an_overlap_equal_to_the_threshold_is_allowed(rung):
    boxes = [[0, 0, 4, 2], [0, 0, 2, 2]]
    assert nms(boxes, [2, 1], 0.5, rung=rung).tolist() == [0, 1]
    assert nms(boxes, [2, 1], 0.49, rung=rung).tolist() == [0]


@every_rung
def test_slanted_lines_need_masks_or_rotated_boxes(rung):
    """Upright boxes take neighbouring slanted lines for one; pixels and rotated boxes do not."""
    y, x = np.mgrid[:140, :140]
    along = (x - LINES[:, None, None, 0]) * np.cos(np.pi / 4)
    along = along - (y - LINES[:, None, None, 1]) * np.sin(np.pi / 4)
    down = (x - LINES[:, None, None, 0]) * np.sin(np.pi / 4)
    down = down + (y - LINES[:, None, None, 1]) * np.cos(np.pi / 4)
    masks = (np.abs(along) <= 50) & (np.abs(down) <= 5)
    assert nms(rotated_box_to_box(LINES), SCORES, 0.5, rung=rung).tolist() == [0, 2]
    assert rotated_nms(LINES, SCORES, 0.5, rung=rung).tolist() == [0, 1, 2]
    assert mask_nms(masks, SCORES, 0.5, rung=rung).tolist() == [0, 1, 2]


@every_rung
def test_a_word_inside_a_line_is_the_same_text_by_its_mask(rung):
    masks = np.zeros((2, 20, 100), bool)
    masks[0, 5:15, :] = True
    masks[1, 6:14, 40:60] = True
    assert mask_nms(masks, [2, 1], 0.5, rung=rung).tolist() == [0]
    boxes = [[0, 5, 100, 15], [40, 6, 60, 14]]
    assert nms(boxes, [2, 1], 0.5, rung=rung).tolist() == [0, 1]


@every_rung
def test_masks_without_ink_overlap_nothing(rung):
    masks = np.zeros((3, 4, 4), bool)
    masks[1] = True
    assert mask_nms(masks, [1, 2, 3], 0.0, rung=rung).tolist() == [2, 1, 0]


@every_rung
def test_two_quads_merge_into_their_weighted_mean(rung):
    quad = rotated_box_to_quad(np.array([20, 20, 20, 10, 0.0]))
    shifted = np.roll(quad + np.array([3, 0]), 1, axis=0)  # the same corners, named otherwise
    merged, scores = locality_aware_nms([quad, shifted], [1.0, 3.0], rung=rung)
    np.testing.assert_allclose(merged, [quad + np.array([3 * 3 / 4, 0])], atol=1e-5)
    np.testing.assert_allclose(scores, [4.0])


@every_rung
def test_only_neighbours_in_the_list_merge(rung):
    quad = rotated_box_to_quad(np.array([20, 20, 20, 10, 0.0]))
    merged, scores = locality_aware_nms([quad, quad + 100, quad], [1.0, 3.0, 2.0], rung=rung)
    np.testing.assert_allclose(merged, [quad + 100, quad], atol=1e-5)
    np.testing.assert_allclose(scores, [3.0, 2.0])  # the first is suppressed, not merged


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.floats(0, 1))
def test_survivors_leave_each_other_alone(seed, count, threshold):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 50, (count, 2))
    boxes = np.column_stack([corner, corner + rng.uniform(1, 30, (count, 2))])
    scores = rng.random(count)
    kept = nms(boxes, scores, threshold)
    assert len(set(kept.tolist())) == len(kept)
    assert (np.diff(scores[kept]) <= 0).all()
    assert (count == 0) == (len(kept) == 0)
    # Suppressing the survivors again changes nothing, and whoever went had a better rival.
    np.testing.assert_array_equal(nms(boxes[kept], scores[kept], threshold), np.arange(len(kept)))
    from ocrlearn.geometry import box_iou

    for gone in set(range(count)) - set(kept.tolist()):
        rivals = kept[scores[kept] >= scores[gone]]
        assert (box_iou(boxes[[gone]], boxes[rivals]) > threshold - 1e-6).any()


@pytest.mark.parametrize("count", [1, 64, 65, 20_000])
def test_the_walk_over_survivors(count):
    """More candidates than the walk's threads have words: 20,000 bits are 313 words."""
    rng = np.random.default_rng(count)
    words = -(-count // 64)
    later = np.zeros((count, words), np.uint64)
    pairs = np.sort(rng.integers(0, count, (3 * count, 2)), axis=1)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    np.bitwise_or.at(
        later,
        (pairs[:, 0], pairs[:, 1] // 64),
        np.uint64(1) << (pairs[:, 1] % 64).astype(np.uint64),
    )
    gone = np.zeros(count, bool)
    for suppressor, suppressed in pairs[np.argsort(pairs[:, 0], kind="stable")]:
        gone[suppressed] |= not gone[suppressor]
    with cuda.emulation("check" if count < 100 else "fast"):
        survivors = module._survivors(later, np.arange(count))
    np.testing.assert_array_equal(survivors, np.flatnonzero(~gone))


def test_upright_rotated_boxes_and_quads_agree_with_boxes():
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, 80, (60, 2))
    size = rng.uniform(5, 40, (60, 2))
    boxes = np.column_stack([corner, corner + size])
    rotated = np.column_stack([corner + size / 2, size, np.zeros(60)])
    scores = rng.random(60)
    expected = nms(boxes, scores, 0.3)
    np.testing.assert_array_equal(rotated_nms(rotated, scores, 0.3), expected)
    np.testing.assert_array_equal(quad_nms(rotated_box_to_quad(rotated), scores, 0.3), expected)


def test_a_quad_that_crosses_itself_does_no_harm():
    # Its overlap means nothing, but the kernel's list of corners once ran over.
    quads = np.array(
        [[[15, 6], [0, 7], [13, 5], [6, 15]], [[4, 19], [7, 0], [9, 5], [12, 5]]], np.float64
    )
    kept = [quad_nms(quads, [2.0, 1.0], 0.5, rung=rung) for rung in ("fast", "cuda")]
    np.testing.assert_array_equal(*kept)


@pytest.mark.parametrize("function", [nms, rotated_nms, quad_nms, mask_nms])
def test_of_no_detections_none_is_kept(function):
    assert function([], []).shape == (0,)


def test_inputs_are_left_alone():
    boxes, scores = np.array([[0.0, 0, 4, 4], [0, 0, 4, 4]]), np.array([1.0, 2])
    before = boxes.copy(), scores.copy()
    nms(boxes, scores)
    np.testing.assert_array_equal(boxes, before[0])
    np.testing.assert_array_equal(scores, before[1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nms([[0, 0, 1]], [1]),
            ValueError,
            r"boxes must have shape \(N, 4\), got \(1, 3\)",
        ),
        (lambda: nms([[2, 0, 1, 1]], [1]), ValueError, "boxes must be .* with x0 <= x1 and y0"),
        (lambda: nms([[0, 0, 1, 1]], [1, 2]), ValueError, "one number for each of 1 boxes, got 2"),
        (lambda: nms([[0, 0, 1, 1]], [np.nan]), ValueError, "scores must be finite"),
        (lambda: nms([[0, 0, 1, 1]], [1], 1.5), ValueError, r"iou_threshold must lie in \[0, 1\]"),
        (lambda: nms([[0, 0, 1, 1]], [1], rung="gpu"), ValueError, "no rung 'gpu'"),
        (lambda: rotated_nms([[0, 0, 1, -1, 0]], [1]), ValueError, "boxes must not have negative"),
        (lambda: quad_nms([[[0, 0]]], [1]), ValueError, r"quads must have shape \(N, 4, 2\)"),
        (lambda: mask_nms(np.ones((2, 2), bool), [1]), ValueError, r"masks must have shape \(N, H"),
        (lambda: mask_nms(np.ones((1, 2, 2)), [1]), TypeError, "masks must be bool, got dtype"),
        (
            lambda: mask_nms(pytest.importorskip("torch").ones((1, 2, 2)) > 0, [1]),
            TypeError,
            r"expected NumPy or CuPy arrays, got torch\.Tensor",
        ),
        (
            lambda: locality_aware_nms(np.zeros((1, 4, 2)), [0.0]),
            ValueError,
            "scores must be positive, as they are weights; got 0",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()

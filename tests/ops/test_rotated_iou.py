"""Overlap of rotated boxes: by hand, by symmetry, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.ops.rotated_iou import RUNGS, rotated_iou

every_rung = pytest.mark.parametrize("rung", RUNGS)

boxes = st.tuples(
    st.floats(-50, 50),
    st.floats(-50, 50),
    st.floats(0.5, 60),
    st.floats(0.5, 60),
    st.floats(-7, 7),
)


def iou(first, second, rung="fast") -> float:
    one, other = (np.array([box], np.float64) for box in (first, second))
    return float(rotated_iou(one, other, rung=rung)[0, 0])


@every_rung
def test_two_squares_worked_by_hand(rung):
    square = (0, 0, 2, 2, 0)
    assert iou(square, square, rung) == pytest.approx(1)
    assert iou(square, (1, 0, 2, 2, 0), rung) == pytest.approx(2 / 6)
    # Turned by 45 degrees it cuts the square's corners off: an octagon is left.
    octagon = 8 * (np.sqrt(2) - 1)
    assert iou(square, (0, 0, 2, 2, np.pi / 4), rung) == pytest.approx(octagon / (8 - octagon))


@every_rung
def test_a_cross_shares_its_middle(rung):
    assert iou((5, 7, 100, 10, 0), (5, 7, 100, 10, np.pi / 2), rung) == pytest.approx(100 / 1900)


@pytest.mark.parametrize(("degrees", "rounded"), [(0, 1.0), (15, 0.28), (30, 0.19), (45, 0.165)])
def test_upright_boxes_say_little_about_slanted_lines(degrees, rounded):
    """The upright box around a line of 100 x 10 against the line itself."""
    angle = np.deg2rad(degrees)
    width = 100 * np.cos(angle) + 10 * np.sin(angle)
    height = 100 * np.sin(angle) + 10 * np.cos(angle)
    overlap = iou((0, 0, 100, 10, angle), (0, 0, width, height, 0))
    assert overlap == pytest.approx(100 * 10 / (width * height))
    assert overlap == pytest.approx(rounded, abs=0.005)


@given(boxes, boxes)
def test_it_is_symmetric_and_a_share(one, other):
    forth, back = iou(one, other), iou(other, one)
    assert 0 <= forth <= 1 + 1e-12
    assert forth == pytest.approx(back, abs=1e-9)


@given(boxes, boxes, st.floats(-3, 3), st.floats(-100, 100))
def test_it_does_not_see_where_the_picture_is_turned_or_shifted(one, other, angle, shift):
    cosine, sine = np.cos(angle), np.sin(angle)

    def moved(box):
        x, y, w, h, turn = box
        return (cosine * x + sine * y + shift, -sine * x + cosine * y - shift, w, h, turn + angle)

    assert iou(moved(one), moved(other)) == pytest.approx(iou(one, other), abs=1e-9)


@given(boxes)
def test_a_box_is_itself_in_all_its_spellings(box):
    x, y, w, h, angle = box
    for same in [(x, y, h, w, angle + np.pi / 2), (x, y, w, h, angle + np.pi)]:
        assert iou(box, same) == pytest.approx(1, abs=1e-9)


@every_rung
def test_types_of_the_result(rung):
    box = np.array([[0, 0, 2, 2, 0]])
    assert (
        rotated_iou(box.astype(np.float32), box.astype(np.float32), rung=rung).dtype == np.float32
    )
    assert (
        rotated_iou(box.astype(np.float64), box.astype(np.float64), rung=rung).dtype == np.float64
    )
    assert rotated_iou(box.tolist(), box.tolist(), rung=rung).dtype == np.float32
    assert rotated_iou([], box.tolist(), rung=rung).shape == (0, 1)


@pytest.mark.parametrize(
    ("first", "error", "message"),
    [
        ([[0, 0, 1, 1]], ValueError, r"first must have shape \(N, 5\), got \(1, 4\)"),
        ([0, 0, 1, 1, 0], ValueError, r"first must have shape \(N, 5\), got \(5,\)"),
        ([[0, 0, -1, 1, 0]], ValueError, "first must not have negative sides, got -1"),
        ([[0, 0, 1, np.nan, 0]], ValueError, "first must be finite, got NaN or infinity"),
        ([["a", "b", "c", "d", "e"]], TypeError, "first must hold numbers, got dtype <U1"),
    ],
)
def test_bad_boxes_are_refused(first, error, message):
    with pytest.raises(error, match=message):
        rotated_iou(first, [[0, 0, 1, 1, 0]])

"""Reading order: the two rules by hand, and orders that must not change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.layout.reading_order import reading_order


def line(x0, y0, x1):
    return (x0, y0, x1, y0 + 8)


def test_one_column_goes_from_top_to_bottom():
    assert reading_order([line(0, 40, 90), line(5, 0, 80), line(0, 20, 60)]) == [1, 2, 0]


def test_two_columns_are_read_one_after_the_other():
    left = [line(0, y, 40) for y in (0, 10, 20)]
    right = [line(50, y, 90) for y in (1, 11, 21)]
    assert reading_order([*right, *left]) == [3, 4, 5, 0, 1, 2]


def test_a_heading_across_columns_divides_them():
    boxes = [
        line(0, 0, 90),  # heading
        line(0, 10, 40),
        line(0, 20, 40),
        line(50, 10, 90),
        line(50, 20, 90),
        line(0, 30, 90),  # second heading
        line(0, 40, 40),
        line(50, 40, 90),
    ]
    assert reading_order(boxes) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_degenerate_pages():
    assert reading_order(np.zeros((0, 4))) == []
    assert reading_order([line(3, 3, 9)]) == [0]
    with pytest.raises(ValueError, match="finite"):
        reading_order([[0, 0, np.nan, 1]])


@given(
    st.lists(
        st.tuples(st.integers(0, 80), st.integers(0, 80), st.integers(1, 60)),
        max_size=12,
        unique_by=lambda t: t[1],
    )
)
@settings(max_examples=100, deadline=None)
def test_every_line_is_read_once_whatever_the_layout(places):
    boxes = [line(x, y, x + w) for x, y, w in places]
    assert sorted(reading_order(boxes)) == list(range(len(boxes)))


@given(st.lists(st.integers(0, 500), unique=True, max_size=12))
@settings(max_examples=50, deadline=None)
def test_lines_that_share_their_width_are_sorted_by_height(tops):
    boxes = [line(i % 5, y, 100 + i % 7) for i, y in enumerate(tops)]
    assert reading_order(boxes) == list(np.argsort(tops))

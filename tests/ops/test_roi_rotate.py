"""RoIRotate: worked cases, invariances, and what it shares with RoIAlign and the geometry."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.geometry import rotated_box_to_quad
from ocrlearn.ops.roi_align import roi_align
from ocrlearn.ops.roi_rotate import roi_rotate, roi_rotate_gradient, roi_rotate_widths

RUNGS = ["reference", "fast", "cuda"]


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("quarter", range(4))
def test_text_at_right_angles_comes_out_upright(quarter: int, rung: str):
    text = np.arange(12.0).reshape(3, 4)
    page = np.zeros((1, 1, 9, 9))
    turned = np.rot90(text, quarter)  # counter-clockwise on the screen
    page[0, 0, 2 : 2 + turned.shape[0], 1 : 1 + turned.shape[1]] = turned
    cx, cy = 1 + (turned.shape[1] - 1) / 2, 2 + (turned.shape[0] - 1) / 2
    roi = np.array([[0, cx, cy, 4, 3, quarter * math.pi / 2]])
    crops, widths = roi_rotate(page, roi, height=3, rung=rung)
    np.testing.assert_allclose(crops[0, 0], text, atol=1e-12)
    assert widths.tolist() == [4]


@pytest.mark.parametrize("rung", RUNGS)
def test_padding_and_squeezing(rung: str):
    maps = np.ones((1, 1, 40, 40))
    rois = np.array([[0, 20, 20, 12, 4, 0.3], [0, 20, 20, 30, 3, 0.1], [0, 20, 20, 0, 8, 0]])
    crops, widths = roi_rotate(maps, rois, 4, 20, rung=rung)
    assert widths.tolist() == [12, 20, 1]
    np.testing.assert_allclose(crops[0, 0, :, :12], 1)
    np.testing.assert_allclose(crops[1], 1)
    assert not crops[0, 0, :, 12:].any()
    assert roi_rotate(maps, rois, 4, rung=rung)[0].shape == (3, 1, 4, 40)
    # The gradient of the padding goes nowhere: 4 x 12 + 4 x 20 + 4 x 1 samples have one.
    gradient = roi_rotate_gradient(np.ones_like(crops), rois, maps.shape, rung=rung)
    np.testing.assert_allclose(gradient.sum(), 4 * (12 + 20 + 1))


@settings(max_examples=40, deadline=None)
@given(
    st.floats(4, 12), st.floats(4, 12), st.floats(1, 8), st.floats(1, 5), st.floats(-4, 4),
    st.integers(1, 5),
)  # fmt: skip
def test_samples_lie_where_the_geometry_says(cx, cy, w, h, angle, height):
    """A map of x and one of y show where each sample was taken."""
    y, x = np.mgrid[-10:30, -10:30].astype(np.float64)
    box = np.array([cx, cy, w, h, angle])
    moved = np.array([[0, cx + 10, cy + 10, w, h, angle]])
    crops, widths = roi_rotate(np.stack([x, y])[None], moved, height, 16)
    columns = int(widths[0])
    top_left, top_right, _, bottom_left = rotated_box_to_quad(box)
    for i in range(height):
        for j in range(columns):
            place = top_left + (top_right - top_left) * (j + 0.5) / columns
            place = place + (bottom_left - top_left) * (i + 0.5) / height
            np.testing.assert_allclose(crops[0, :, i, j], place, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.floats(-2, 12), st.floats(-2, 12), st.floats(1, 9), st.floats(1, 4), st.integers(1, 3))
def test_an_upright_box_is_aligned_pooling_with_one_sample(cx, cy, w, h, height):
    maps = np.random.default_rng(7).standard_normal((1, 2, 10, 11))
    crops, widths = roi_rotate(maps, np.array([[0, cx, cy, w, h, 0]]), height, 12, 0.5)
    corners = np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]) + 0.5
    columns = int(widths[0])
    expected = roi_align(maps, np.array([[0, *corners]]), (height, columns), 0.5, 1)
    np.testing.assert_allclose(crops[..., :columns], expected, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_gradient_is_the_adjoint(seed):
    generator = np.random.default_rng(seed)
    maps = generator.standard_normal((2, 3, 7, 8))
    rois = np.column_stack([generator.integers(0, 2, 4), generator.uniform(0, 9, (4, 4)),
                            generator.uniform(-4, 4, 4)])  # fmt: skip
    crops, _ = roi_rotate(maps, rois, 3, 6, 0.8)
    incoming = generator.standard_normal(crops.shape)
    back = roi_rotate_gradient(incoming, rois, maps.shape, 0.8)
    np.testing.assert_allclose((crops * incoming).sum(), (maps * back).sum(), atol=1e-9)


def test_widths():
    rois = np.array([[0, 5, 5, 10, 4, 0], [0, 5, 5, 1, 40, 0], [0, 5, 5, 10, 0, 0.0]])
    assert roi_rotate_widths(rois, 8).tolist() == [20, 1, 4096]
    assert roi_rotate_widths(rois, 8, 15).tolist() == [15, 1, 15]


def test_no_box():
    crops, widths = roi_rotate(np.zeros((1, 2, 5, 5)), np.zeros((0, 6)))
    assert crops.shape == (0, 2, 8, 1)
    assert widths.shape == (0,)


def test_wrong_arguments():
    maps, rois = np.zeros((1, 4, 5, 5)), np.zeros((1, 6))
    with pytest.raises(ValueError, match=r"rois must have shape \(R, 6\), \[image, cx, cy, w, h"):
        roi_rotate(maps, np.zeros((1, 5)))
    with pytest.raises(ValueError, match="height must lie in"):
        roi_rotate(maps, rois, 0)
    with pytest.raises(ValueError, match=r"max_width must be an integer, got 2\.5"):
        roi_rotate(maps, rois, 8, 2.5)
    with pytest.raises(ValueError, match="rois must have w >= 0 and h >= 0"):
        roi_rotate(maps, np.array([[0, 1, 1, 3, -2, 0.0]]))
    with pytest.raises(ValueError, match=r"gradient must have the shape of the output, \(1, 4,"):
        roi_rotate_gradient(np.zeros((1, 3, 8, 9)), rois, maps.shape)

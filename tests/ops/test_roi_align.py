"""RoIAlign and its position-sensitive form: worked cases, properties, torchvision where it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.ops.roi_align import (
    ps_roi_align,
    ps_roi_align_gradient,
    roi_align,
    roi_align_gradient,
)

RUNGS = ["reference", "fast", "cuda"]


def plane(height: int, width: int, dx: float = 1.0, dy: float = 10.0) -> np.ndarray:
    """Return a map that is linear in x and y, which bilinear interpolation gives back exactly."""
    y, x = np.mgrid[:height, :width]
    return (dx * x + dy * y)[None, None].astype(np.float64)


@pytest.mark.parametrize("rung", RUNGS)
def test_worked_example(rung: str):
    # Aligned, the box from edge 1 to edge 5 covers the pixels 1 to 4, whose centres have these
    # indices; two bins are centred on 1.5 and 3.5, however many samples each takes.
    roi = np.array([[0.0, 1, 1, 5, 5]])
    expected = [[16.5, 18.5], [36.5, 38.5]]
    for ratio in (1, 2, 5, 0):
        pooled = roi_align(plane(8, 8), roi, 2, 1.0, ratio, rung=rung)
        np.testing.assert_allclose(pooled[0, 0], expected)
    # Not aligned, the same numbers are indices: everything lies half a pixel further on.
    pooled = roi_align(plane(8, 8), roi, 2, 1.0, 2, aligned=False, rung=rung)
    np.testing.assert_allclose(pooled[0, 0], np.array(expected) + 5.5)


@pytest.mark.parametrize("rung", RUNGS)
def test_samples_outside_the_map(rung: str):
    maps = np.full((1, 1, 4, 4), 3.0)
    # One bin of 4 x 1 samples at x = -1.5, -0.5, 0.5 and 1.5: the first is 0, the second the edge.
    roi = np.array([[0.0, -1.5, 1, 2.5, 2]])
    assert roi_align(maps, roi, 1, 1.0, 0, rung=rung).item() == 3 * 3 / 4
    far = np.array([[0.0, 50, 50, 60, 60]])
    assert roi_align(maps, far, 1, 1.0, 0, rung=rung).item() == 0


@pytest.mark.parametrize("rung", RUNGS)
def test_gradient_of_a_worked_example(rung: str):
    # One sample at (1.25, 2.5) of the indices: a quarter of the way in x, half in y.
    roi = np.array([[0.0, 1.25, 2.5, 2.25, 3.5]])
    gradient = roi_align_gradient(np.ones((1, 1, 1, 1)), roi, (1, 1, 5, 5), 1.0, 1, rung=rung)
    expected = np.zeros((5, 5))
    expected[2:4, 1:3] = [[0.375, 0.125], [0.375, 0.125]]
    np.testing.assert_allclose(gradient[0, 0], expected)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(1, 5), st.floats(1, 5), st.floats(0.1, 6), st.floats(0.1, 6), st.integers(0, 3),
    st.floats(-2, 2), st.floats(-2, 2),
)  # fmt: skip
def test_a_linear_map_gives_the_centres_of_the_bins(x, y, width, height, ratio, dx, dy):
    pooled = roi_align(
        plane(12, 12, dx, dy), np.array([[0.0, x, y, x + width, y + height]]), (2, 3), 1.0, ratio
    )
    across = x + width * (np.arange(3) + 0.5) / 3 - 0.5
    down = y + height * (np.arange(2) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(pooled[0, 0], dx * across + dy * down[:, None], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 3), st.booleans(), st.booleans())
def test_gradient_is_the_adjoint(seed, ratio, aligned, position_sensitive):
    generator = np.random.default_rng(seed)
    maps = generator.standard_normal((2, 6, 7, 8))
    corners = np.sort(generator.uniform(-3, 11, (4, 2, 2)), axis=1).reshape(4, 4)
    rois = np.column_stack([generator.integers(0, 2, 4), corners])
    if position_sensitive:
        pooled = ps_roi_align(maps, rois, (2, 3), 0.8, ratio)
        incoming = generator.standard_normal(pooled.shape)
        back = ps_roi_align_gradient(incoming, rois, maps.shape, 0.8, ratio)
    else:
        pooled = roi_align(maps, rois, (2, 3), 0.8, ratio, aligned)
        incoming = generator.standard_normal(pooled.shape)
        back = roi_align_gradient(incoming, rois, maps.shape, 0.8, ratio, aligned)
    np.testing.assert_allclose((pooled * incoming).sum(), (maps * back).sum(), atol=1e-9)


def test_scale_and_batch():
    generator = np.random.default_rng(1)
    maps = generator.standard_normal((2, 3, 9, 9))
    roi = np.array([[1.0, 2.2, 1.3, 7.9, 6.4]])
    pooled = roi_align(maps, roi, 3)
    np.testing.assert_allclose(roi_align(maps, roi * [1, 4, 4, 4, 4], 3, 0.25), pooled)
    np.testing.assert_allclose(roi_align(maps[1:], roi * [0, 1, 1, 1, 1], 3), pooled)


def test_each_bin_of_the_position_sensitive_form_reads_its_channel():
    generator = np.random.default_rng(2)
    maps = generator.standard_normal((1, 2 * 6, 9, 9))
    roi = np.array([[0.0, 2.2, 1.3, 7.9, 6.4]])
    pooled = ps_roi_align(maps, roi, (2, 3), 1.0, 2)
    every = roi_align(maps, roi, (2, 3), 1.0, 2)[0].reshape(2, 6, 6)
    np.testing.assert_allclose(pooled[0].reshape(2, 6), np.einsum("cbb->cb", every))


def test_agrees_with_torchvision():
    torch = pytest.importorskip("torch")
    tv = pytest.importorskip("torchvision.ops", reason="torchvision is not installed here")
    generator = np.random.default_rng(4)
    maps = generator.standard_normal((2, 12, 20, 24))
    corners = generator.uniform(-10, 110, (30, 2, 2))
    low, high = corners.min(axis=1), corners.max(axis=1)
    rois = np.column_stack([generator.integers(0, 2, 30), low, high])
    tensors = torch.tensor(maps), torch.tensor(rois)
    for ratio in (-1, 2):
        for aligned in (False, True):
            expected = tv.roi_align(*tensors, (2, 3), 0.25, ratio, aligned)
            result = roi_align(maps, rois, (2, 3), 0.25, ratio, aligned)
            np.testing.assert_allclose(result, expected.numpy(), atol=1e-9)
        expected = tv.ps_roi_align(*tensors, (2, 3), 0.25, ratio)
        result = ps_roi_align(maps, rois, (2, 3), 0.25, ratio)
        np.testing.assert_allclose(result, expected.numpy(), atol=1e-9)


def test_wrong_arguments():
    maps, rois = np.zeros((1, 4, 5, 5)), np.zeros((1, 5))
    with pytest.raises(ValueError, match="sampling_ratio must lie in"):
        roi_align(maps, rois, 2, 1.0, -2)
    with pytest.raises(TypeError, match="aligned must be a bool, got 'yes'"):
        roi_align(maps, rois, 2, aligned="yes")
    with pytest.raises(ValueError, match="multiple of 3 x 3 = 9 channels, one for each bin, got 4"):
        ps_roi_align(maps, rois, 3)
    with pytest.raises(ValueError, match=r"gradient must have the shape of the output, \(1, 4,"):
        roi_align_gradient(np.zeros((1, 3, 2, 2)), rois, maps.shape)
    with pytest.raises(ValueError, match=r"gradient must have the shape of the output, \(1, 1,"):
        ps_roi_align_gradient(np.zeros((1, 4, 2, 2)), rois, maps.shape)
    for bins in ((0, 2), (2, 0)):
        with pytest.raises(
            ValueError, match=rf"height, width\), got \(1, 4, {bins[0]}, {bins[1]}\)"
        ):
            roi_align_gradient(np.zeros((1, 4, *bins)), rois, maps.shape)
    for shape in ((1, 4, 5), 4, (1, 4, 5, 5, 5)):
        with pytest.raises(ValueError, match=r"features_shape must be \(N, C, H, W\), got"):
            roi_align_gradient(np.zeros((1, 4, 2, 2)), rois, shape)
    with pytest.raises(ValueError, match=r"features_shape must lie in \[1, 524287\], got 524288"):
        roi_align_gradient(np.zeros((1, 4, 2, 2)), rois, (1, 4, 5, 2**19))
    with pytest.raises(ValueError, match="no rung 'quick'"):
        roi_align(maps, rois, 2, rung="quick")

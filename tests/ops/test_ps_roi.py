"""Position-sensitive RoI pooling: worked cases, properties, and torchvision where it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.ops.ps_roi import ps_roi_pool, ps_roi_pool_gradient

RUNGS = ["reference", "fast", "cuda"]


@pytest.mark.parametrize("rung", RUNGS)
def test_worked_example(rung: str):
    # Columns 1 to 3 in two bins: 1-2 and 2-3; rows 0 to 1 in one. Channel b is b tens up.
    maps = np.stack([10 * b + np.arange(20.0).reshape(4, 5) for b in range(2)])[None]
    rois = np.array([[0.0, 1, 0, 4, 2]])
    pooled = ps_roi_pool(maps, rois, (1, 2), rung=rung)
    assert pooled[0, 0].tolist() == [[(1 + 2 + 6 + 7) / 4, 10 + (2 + 3 + 7 + 8) / 4]]
    gradient = ps_roi_pool_gradient(np.full((1, 1, 1, 2), 4.0), rois, maps.shape, rung=rung)
    expected = np.zeros((2, 4, 5))
    expected[0, :2, 1:3] = expected[1, :2, 2:4] = 1
    np.testing.assert_array_equal(gradient[0], expected)


@pytest.mark.parametrize("rung", RUNGS)
def test_parts_beyond_the_map_are_left_out_of_the_mean(rung: str):
    maps = np.full((1, 4, 3, 3), 5.0)
    pooled = ps_roi_pool(maps, np.array([[0.0, 1, 1, 5, 5]]), 2, rung=rung)
    assert pooled[0, 0].tolist() == [[5, 0], [0, 0]]
    # The last row and column count, other than in torchvision.
    corner = np.zeros((1, 1, 3, 3))
    corner[..., 2, 2] = 1
    assert ps_roi_pool(corner, np.array([[0.0, 2, 2, 3, 3]]), 1, rung=rung).item() == 1


def test_a_box_in_its_place_scores_more_than_a_shifted_one():
    # An object of 6 x 6 pixels: each ninth of it is marked in the map of that ninth.
    maps = np.zeros((1, 9, 16, 16))
    for b in range(9):
        i, j = divmod(b, 3)
        maps[0, b, 5 + 2 * i : 7 + 2 * i, 5 + 2 * j : 7 + 2 * j] = 1
    votes = ps_roi_pool(maps, np.array([[0.0, 5, 5, 11, 11], [0, 7, 5, 13, 11]]), 3).mean((1, 2, 3))
    assert votes.tolist() == [1, 0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 3))
def test_gradient_is_the_adjoint(seed, rows, columns):
    generator = np.random.default_rng(seed)
    maps = generator.standard_normal((2, 2 * rows * columns, 7, 8))
    corners = np.sort(generator.uniform(-3, 11, (4, 2, 2)), axis=1).reshape(4, 4)
    rois = np.column_stack([generator.integers(0, 2, 4), corners])
    pooled = ps_roi_pool(maps, rois, (rows, columns), 0.8)
    incoming = generator.standard_normal(pooled.shape)
    back = ps_roi_pool_gradient(incoming, rois, maps.shape, 0.8)
    np.testing.assert_allclose((pooled * incoming).sum(), (maps * back).sum(), atol=1e-9)


def test_agrees_with_torchvision_away_from_the_last_row_and_column():
    torch = pytest.importorskip("torch")
    tv = pytest.importorskip("torchvision.ops", reason="torchvision is not installed here")
    generator = np.random.default_rng(4)
    maps = generator.standard_normal((2, 8, 30, 30))
    corners = np.sort(generator.uniform(-10, 110, (30, 2, 2)), axis=1).reshape(30, 4)
    rois = np.column_stack([generator.integers(0, 2, 30), corners])
    expected = tv.ps_roi_pool(torch.tensor(maps), torch.tensor(rois), 2, 0.25)
    np.testing.assert_allclose(ps_roi_pool(maps, rois, 2, 0.25), expected.numpy(), atol=1e-9)


def test_wrong_arguments():
    maps, rois = np.zeros((1, 4, 5, 5)), np.zeros((1, 5))
    with pytest.raises(ValueError, match="multiple of 3 x 1 = 3 channels, one for each bin, got 4"):
        ps_roi_pool(maps, rois, (3, 1))
    with pytest.raises(ValueError, match=r"gradient must have the shape of the output, \(1, 1,"):
        ps_roi_pool_gradient(np.zeros((1, 4, 2, 2)), rois, maps.shape)
    with pytest.raises(ValueError, match="multiple of 3 x 3 = 9 channels"):
        ps_roi_pool_gradient(np.zeros((1, 1, 3, 3)), rois, maps.shape)
    with pytest.raises(TypeError, match="gradient must be float32 or float64, got dtype int64"):
        ps_roi_pool_gradient(np.zeros((1, 1, 2, 2), np.int64), rois, maps.shape)

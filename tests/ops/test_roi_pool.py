"""RoIPool and rotated RoI pooling: worked cases, invariances, and torchvision where it is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.geometry import box_to_rotated_box
from ocrlearn.ops.roi_pool import roi_pool, roi_pool_gradient, rotated_roi_pool

RUNGS = ["reference", "fast", "cuda"]


def counted(height: int, width: int) -> np.ndarray:
    """Return a map whose features are their own places, so that a maximum is bottom right."""
    return np.arange(height * width, dtype=np.float32).reshape(1, 1, height, width)


@pytest.mark.parametrize("rung", RUNGS)
def test_worked_example(rung: str):
    # 5 columns in 2 bins: floor(0)..ceil(2.5) and floor(2.5)..5, columns 1-3 and 3-5 of the map.
    # 3 rows in 2 bins: rows 2-3 and 3-4.
    maps = counted(6, 8)
    pooled, argmax = roi_pool(maps, np.array([[0.0, 1, 2, 5, 4]]), 2, rung=rung)
    expected = [[3 * 8 + 3, 3 * 8 + 5], [4 * 8 + 3, 4 * 8 + 5]]
    np.testing.assert_array_equal(pooled[0, 0], expected)
    np.testing.assert_array_equal(argmax[0, 0], expected)
    gradient = roi_pool_gradient(
        np.ones_like(pooled), argmax, np.zeros((1, 5)), maps.shape, rung=rung
    )
    assert np.argwhere(gradient).tolist() == [[0, 0, y, x] for y in (3, 4) for x in (3, 5)]
    assert gradient.sum() == 4


@pytest.mark.parametrize("rung", RUNGS)
def test_corners_are_rounded_away_from_zero_after_scaling(rung: str):
    pooled, _ = roi_pool(counted(9, 9), np.array([[0.0, 8, 24, 40, 56]]), 1, 1 / 16, rung=rung)
    # 0.5, 1.5, 2.5, 3.5 become 1, 2, 3, 4; (3, 4) is the last pixel.
    assert pooled.item() == 4 * 9 + 3


@pytest.mark.parametrize("rung", RUNGS)
def test_bins_without_pixels_are_0_and_have_no_gradient(rung: str):
    maps = np.full((1, 2, 4, 4), -7.0)
    rois = np.array([[0.0, 2, 2, 9, 9], [0, -20, 0, -10, 3]])
    pooled, argmax = roi_pool(maps, rois, 2, rung=rung)
    assert pooled[0, 0].tolist() == [[-7, 0], [0, 0]]
    assert argmax[0, 0].tolist() == [[2 * 4 + 2, -1], [-1, -1]]
    assert not pooled[1].any()
    assert (argmax[1] == -1).all()
    gradient = roi_pool_gradient(np.ones_like(pooled), argmax, rois, maps.shape, rung=rung)
    assert gradient.sum() == 2


@pytest.mark.parametrize("rung", RUNGS)
def test_rotated_worked_example(rung: str):
    # Text that reads upwards: the box is 2 columns wide and 4 rows high on the screen, its first
    # column of bins is at the bottom, its top row of bins on the left.
    maps = counted(6, 6)
    roi = np.array([[0, 2.5, 2.5, 4, 2, math.pi / 2]])
    pooled, _ = rotated_roi_pool(maps, roi, (2, 4), rung=rung)
    assert pooled[0, 0].tolist() == [[4 * 6 + 2, 3 * 6 + 2, 2 * 6 + 2, 1 * 6 + 2],
                                     [4 * 6 + 3, 3 * 6 + 3, 2 * 6 + 3, 1 * 6 + 3]]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 8), st.integers(0, 8), st.integers(1, 3), st.integers(1, 3),
    st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**31),
)  # fmt: skip
def test_rotated_pooling_at_0_is_roi_pooling(x, y, bin_width, bin_height, columns, rows, seed):
    maps = np.random.default_rng(seed).standard_normal((1, 2, 10, 11))
    x1, y1 = x + bin_width * columns - 1, y + bin_height * rows - 1
    expected = roi_pool(maps, np.array([[0.0, x, y, x1, y1]]), (rows, columns))
    # The library's box of these pixels reaches to their outer edges.
    box = box_to_rotated_box(np.array([x - 0.5, y - 0.5, x1 + 0.5, y1 + 0.5]))
    result = rotated_roi_pool(maps, np.array([[0.0, *box]]), (rows, columns))
    for one, other in zip(result, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 9), st.floats(0, 9), st.floats(1, 9), st.floats(1, 6), st.floats(-3, 3))
def test_turning_map_and_box_together_changes_nothing(cx, cy, w, h, angle):
    maps = np.random.default_rng(3).standard_normal((1, 1, 10, 10))
    pooled, _ = rotated_roi_pool(maps, np.array([[0, cx, cy, w, h, angle]]), (2, 3))
    turned = np.ascontiguousarray(np.rot90(maps, axes=(2, 3)))  # counter-clockwise on the screen
    box = np.array([[0, cy, 9 - cx, w, h, angle + math.pi / 2]])
    np.testing.assert_array_equal(rotated_roi_pool(turned, box, (2, 3))[0], pooled)


def test_agrees_with_torchvision():
    torch = pytest.importorskip("torch")
    tv = pytest.importorskip("torchvision.ops", reason="torchvision is not installed here")
    generator = np.random.default_rng(4)
    maps = generator.standard_normal((2, 3, 20, 24)).astype(np.float32)
    corners = generator.uniform(-10, 110, (30, 2, 2))
    low, high = corners.min(axis=1), corners.max(axis=1)
    rois = np.column_stack([generator.integers(0, 2, 30), low, high]).astype(np.float32)
    expected = tv.roi_pool(torch.tensor(maps), torch.tensor(rois), 4, 0.25)
    np.testing.assert_array_equal(roi_pool(maps, rois, 4, 0.25)[0], expected.numpy())


MAPS = np.zeros((2, 3, 5, 6), np.float32)
ROIS = np.zeros((1, 5), np.float32)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((MAPS.tolist(), ROIS, 2), TypeError, "features must be a NumPy or CuPy array, got list"),
        ((MAPS.astype(int), ROIS, 2), TypeError, "features must be float32 or float64, got dtype"),
        ((MAPS[0], ROIS, 2), ValueError, r"features must have shape \(N, C, H, W\).*\(3, 5, 6\)"),
        ((MAPS[:, :0], ROIS, 2), ValueError, "features must have shape .* no side 0"),
        ((np.broadcast_to(MAPS[0, 0, 0, 0], (1, 1, 2**16, 2**16)), ROIS, 2), ValueError,
         "features must have at most 2147483647 pixels a channel"),
        ((MAPS, ROIS[0], 2), ValueError, r"rois must have shape \(R, 5\), .*got \(5,\)"),
        ((MAPS, np.zeros((1, 6)), 2), ValueError, r"rois must have shape \(R, 5\)"),
        ((MAPS, ROIS + np.nan, 2), ValueError, "rois must be finite"),
        ((MAPS, ROIS + 2, 2), ValueError, "rois must name in column 0 one of the 2 images, got 2"),
        ((MAPS, ROIS + 0.5, 2), ValueError, "rois must name in column 0"),
        ((MAPS, ROIS * 0 + [0, 0, 0, 1e9, 1], 2), ValueError, "rois must lie within"),
        ((MAPS, ROIS, 0), ValueError, "output_size must lie in"),
        ((MAPS, ROIS, (2, 2, 2)), ValueError, r"output_size must be one number or \(height, width"),
        ((MAPS, ROIS, 2.5), ValueError, "output_size must be an integer"),
        ((MAPS, ROIS, 2, 0), ValueError, "spatial_scale must lie in"),
        ((MAPS, ROIS, 2, None), TypeError, "spatial_scale must be a number"),
    ],
)  # fmt: skip
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        roi_pool(*arguments)


def test_wrong_arguments_of_the_others():
    with pytest.raises(ValueError, match="rois must have w >= 0 and h >= 0"):
        rotated_roi_pool(MAPS, np.array([[0, 1, 1, -2, 3, 0.0]]), 2)
    pooled, argmax = roi_pool(MAPS, ROIS, 2)
    with pytest.raises(TypeError, match="argmax must be int32, got int64"):
        roi_pool_gradient(pooled, argmax.astype(np.int64), ROIS, MAPS.shape)
    with pytest.raises(ValueError, match=r"argmax must lie in \[-1, 30\)"):
        roi_pool_gradient(pooled, argmax + 30, ROIS, MAPS.shape)
    with pytest.raises(ValueError, match="argmax must have the shape of gradient"):
        roi_pool_gradient(pooled, argmax[..., :1], ROIS, MAPS.shape)
    with pytest.raises(ValueError, match=r"gradient must have the shape of the output, \(1, 3,"):
        roi_pool_gradient(pooled[:, :2], argmax, ROIS, MAPS.shape)
    with pytest.raises(ValueError, match=r"features_shape must be \(N, C, H, W\)"):
        roi_pool_gradient(pooled, argmax, ROIS, (3, 5, 6))
    with pytest.raises(ValueError, match="features_shape must have at most 2147483647 pixels"):
        roi_pool_gradient(pooled, argmax, ROIS, (2, 3, 2**16, 2**16))

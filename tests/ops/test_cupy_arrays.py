"""Public functions take CuPy arrays and return them; tried on a stand-in, with emulated kernels."""

import dataclasses

import numpy as np
import pytest

from ocrlearn import ops
from ocrlearn.classic.hog import hog, hog_windows
from ocrlearn.cuda import emulation
from ocrlearn.ops import ps_roi, roi_align, roi_pool, roi_rotate

rng = np.random.default_rng(21)
BYTES = rng.integers(0, 256, (37, 45), dtype=np.uint8)
MASK = BYTES > 110
RGB = rng.integers(0, 256, (19, 26, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("function", "array"),
    [
        (ops.integral_image, BYTES),
        (ops.integral_image, BYTES[:, ::2] / 255),
        (hog, BYTES),
        (hog, BYTES / 255),
        (hog, MASK),
        (hog, RGB),
        (hog_windows, rng.random((3, 16, 24))),
    ],
)
def test_array_in_array_out(cupy, function, array):
    result = function(cupy.asarray(array))
    assert isinstance(result, cupy.ndarray)
    np.testing.assert_allclose(result.get(), function(array), atol=1e-5)


@pytest.mark.parametrize("array", [BYTES, BYTES / 255, MASK], ids=["bytes", "floats", "mask"])
def test_local_statistics(cupy, array):
    result = ops.local_mean_std(cupy.asarray(array), 7)
    for one, other in zip(result, ops.local_mean_std(array, 7), strict=True):
        assert isinstance(one, cupy.ndarray)
        np.testing.assert_allclose(one.get(), other, atol=1e-7)


def test_components(cupy):
    labels, count = ops.connected_components(cupy.asarray(MASK), 4)
    expected, expected_count = ops.connected_components(MASK, 4)
    assert count == expected_count
    np.testing.assert_array_equal(labels.get(), expected)
    both = ops.connected_components_with_stats(cupy.asarray(MASK), 4)
    np.testing.assert_array_equal(both[0].get(), expected)
    theirs = ops.component_stats(expected, count)
    for stats in (both[1], ops.component_stats(labels, count)):
        assert len(stats) == count + 1
        for field in dataclasses.fields(stats):
            ours = getattr(stats, field.name)
            assert isinstance(ours, cupy.ndarray)
            np.testing.assert_array_equal(ours.get(), getattr(theirs, field.name))


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_kernels_stay_inside_their_arrays_whatever_the_rois_hold(cupy):
    # The values of CuPy arrays are not looked at, so NaN reaches the kernels.
    maps = cupy.asarray(rng.random((2, 4, 6, 6)))
    odd = np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0, 1.0, 4.5])
    upright, rotated = (cupy.asarray(rng.choice(odd, (100, columns))) for columns in (5, 6))
    with emulation("check"):
        for pooled in (
            roi_pool.roi_pool(maps, upright, 2)[0],
            roi_pool.rotated_roi_pool(maps, rotated, 2)[0],
            ps_roi.ps_roi_pool(maps, upright, 2),
            roi_align.roi_align(maps, upright, 2),
            roi_rotate.roi_rotate(maps, rotated, 3, 5)[0],
        ):
            assert len(pooled) == 100


def test_bad_arguments_are_named(cupy):
    with pytest.raises(TypeError, match="the 'reference' rung works on NumPy arrays, got CuPy"):
        ops.connected_components(cupy.asarray(MASK), rung="reference")
    with pytest.raises(TypeError, match=r"mask must be bool.*uint8"):
        ops.connected_components(cupy.asarray(BYTES))
    with pytest.raises(TypeError, match=r"image must be uint8, bool or float.*int64"):
        hog(cupy.asarray(BYTES.astype(int)))
    with pytest.raises(
        ValueError, match=r"image must have shape \(H, W\) or \(H, W, 3\), got \(45,"
    ):
        hog(cupy.asarray(BYTES[0]))
    with pytest.raises(ValueError, match=r"image must have shape \(H, W\), got \(19, 26, 3\)"):
        ops.local_mean_std(cupy.asarray(RGB), 3)

"""Public functions take CuPy arrays and return them; tried on a stand-in, with emulated kernels."""

import dataclasses

import numpy as np
import pytest

from ocrlearn import ops
from ocrlearn.classic.hog import hog, hog_windows

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

"""Summed-area tables and local statistics against scikit-image, SciPy and OpenCV."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.transform import integral_image as skimage_integral_image

from ocrlearn import ops
from ocrlearn.ops.integral import INTEGRAL_RUNGS, LOCAL_RUNGS, reflected_indices

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
byte_images = hnp.arrays(np.uint8, shapes)
float_images = hnp.arrays(np.float64, shapes, elements=st.floats(0, 1))
rng = np.random.default_rng(1)
BYTES = rng.integers(0, 256, (37, 53), dtype=np.uint8)
FLOATS = rng.random((37, 53))

MEAN_TOLERANCE = 1e-12  # of the image's range
STD_TOLERANCE = 1e-6  # sqrt of the rounding of a variance that should be 0


def test_table_worked_by_hand():
    for rung in INTEGRAL_RUNGS:
        table = ops.integral_image(np.array([[1, 2, 3], [4, 5, 6]]), rung=rung)
        assert table.tolist() == [[0, 0, 0, 0], [0, 1, 3, 6], [0, 5, 12, 21]]
        assert ops.box_sum(table, 0, 1, 2, 3) == 2 + 3 + 5 + 6


@given(image=st.one_of(byte_images, hnp.arrays(bool, shapes), hnp.arrays(np.int16, shapes)))
@settings(max_examples=60, deadline=None)
def test_integer_tables_are_exact(image):
    tables = [ops.integral_image(image, rung=rung) for rung in INTEGRAL_RUNGS]
    np.testing.assert_array_equal(tables[0], tables[1])
    assert all(table.dtype == np.int64 for table in tables)
    height, width = image.shape
    for top, left in ((0, 0), (height // 2, width // 3)):
        expected = int(image[top:, left:].sum(dtype=np.int64))
        assert ops.box_sum(tables[1], top, left, height, width) == expected


def test_tables_equal_scikit_image_and_opencv():
    expected = skimage_integral_image(BYTES)
    np.testing.assert_array_equal(ops.integral_image(BYTES)[1:, 1:], expected)
    np.testing.assert_array_equal(ops.integral_image(BYTES), cv2.integral(BYTES))
    table = ops.integral_image(FLOATS)
    np.testing.assert_allclose(table, cv2.integral(FLOATS), rtol=1e-13)
    np.testing.assert_allclose(table, ops.integral_image(FLOATS, rung="reference"), rtol=1e-13)


def test_bright_page_does_not_overflow():
    page = np.full((3000, 3000), 255, np.uint8)
    assert ops.integral_image(page)[-1, -1] == 255 * 3000 * 3000  # beyond 2**31


def test_box_sum_takes_arrays_of_sides():
    table = ops.integral_image(BYTES)
    top, left = np.indices((5, 7))
    sums = ops.box_sum(table, top, left, top + 4, left + 6)
    assert sums[2, 3] == BYTES[2:6, 3:9].sum()


@given(size=st.integers(1, 8), radius=st.integers(0, 30))
def test_reflection_is_numpys(size, radius):
    values = np.arange(size) ** 2
    expected = np.pad(values, radius, mode="reflect")
    np.testing.assert_array_equal(values[reflected_indices(size, radius)], expected)


@pytest.mark.parametrize("window", [3, 5, 15, 37, 81])
def test_mean_and_std_equal_scipy(window):
    # SciPy calls the reflection that does not repeat the border pixel "mirror".
    for image in (BYTES, FLOATS):
        exact = image.astype(np.float64)
        mean = ndimage.uniform_filter(exact, window, mode="mirror")
        variance = ndimage.uniform_filter((exact - exact.mean()) ** 2, window, mode="mirror")
        std = np.sqrt(variance - (mean - exact.mean()) ** 2)
        for rung in LOCAL_RUNGS:
            ours = ops.local_mean_std(image, window, rung=rung)
            np.testing.assert_allclose(ours[0], mean, rtol=1e-9)
            np.testing.assert_allclose(ours[1], std, rtol=1e-9)


@given(image=st.one_of(byte_images, float_images), window=st.sampled_from([3, 5, 9, 21]))
@settings(max_examples=100, deadline=None)
def test_local_rungs_agree(image, window):
    scale = 255 if image.dtype == np.uint8 else 1
    mean, std = ops.local_mean_std(image, window)
    expected_mean, expected_std = ops.local_mean_std(image, window, rung="reference")
    np.testing.assert_allclose(mean, expected_mean, atol=MEAN_TOLERANCE * scale)
    tolerance = 1e-9 if image.dtype == np.uint8 else STD_TOLERANCE
    np.testing.assert_allclose(std, expected_std, atol=tolerance)


def test_local_statistics_worked_by_hand():
    image = np.array([[0, 3, 6]], np.uint8)  # with reflection: 3 | 0 3 6 | 3, in three equal rows
    for rung in LOCAL_RUNGS:
        mean, std = ops.local_mean_std(image, 3, rung=rung)
        np.testing.assert_allclose(mean, [[2, 3, 4]])
        np.testing.assert_allclose(std, np.sqrt([[2, 6, 2]]))


def test_flat_windows_have_no_spread():
    for gray in (0, 137, 255):
        mean, std = ops.local_mean_std(np.full((8, 9), gray, np.uint8), 5)
        assert (mean == gray).all()
        assert (std == 0).all()
    mean, std = ops.local_mean_std(np.full((8, 9), 0.3), 5)
    np.testing.assert_allclose(mean, 0.3, rtol=1e-15)
    assert std.max() < 1e-7


def test_sums_do_not_drift_down_a_tall_float_page():
    image = np.zeros((4000, 8))
    image[:10] = np.random.default_rng(0).random((10, 8))
    std = ops.local_mean_std(image, 9)[1]
    assert std[20:].max() < STD_TOLERANCE


def test_wrapping_32_bit_tables_on_the_gpu_rung_leave_windows_exact():
    # 255**2 summed over 400 x 300 pixels is beyond 2**32, so the table of squares wraps around.
    page = np.full((400, 300), 255, np.uint8)
    page[200:] = np.random.default_rng(4).integers(0, 256, (200, 300))
    result = ops.local_mean_std(page, 25, rung="cuda")
    for one, other in zip(result, ops.local_mean_std(page, 25), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_masks_and_views():
    mask = BYTES > 100
    mean = ops.local_mean_std(mask, 5)[0]
    np.testing.assert_allclose(mean, ndimage.uniform_filter(mask * 1.0, 5, mode="mirror"))
    for view in (BYTES.T, BYTES[::2, ::3], FLOATS[::-1, ::-1]):
        contiguous = ops.local_mean_std(np.ascontiguousarray(view), 7)
        np.testing.assert_array_equal(ops.local_mean_std(view, 7), contiguous)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"image must have shape \(H, W\).*\(0, 3\)"):
        ops.integral_image(np.zeros((0, 3)))
    with pytest.raises(TypeError, match=r"image must be boolean, integer or floating.*complex"):
        ops.integral_image(np.zeros((2, 2), complex))
    with pytest.raises(ValueError, match="window must be odd"):
        ops.local_mean_std(BYTES, 4)
    with pytest.raises(ValueError, match="window must lie in"):
        ops.local_mean_std(BYTES, 1)
    with pytest.raises(ValueError, match=r"image must have shape \(H, W\)"):
        ops.local_mean_std(np.zeros((4, 4, 3), np.uint8), 3)
    with pytest.raises(ValueError, match="image must be finite"):
        ops.local_mean_std(np.full((4, 4), np.nan), 3)
    with pytest.raises(ValueError, match="no rung 'gpu'"):
        ops.local_mean_std(BYTES, 3, rung="gpu")


def test_exports_are_lazy_and_complete():
    assert set(ops.__all__) <= set(dir(ops))
    assert all(getattr(ops, name) is not None for name in ops.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ops.nonsense

import numpy as np
import pytest

from ocrlearn._validate import check_choice, check_image, check_number, check_odd_window

GRAY = np.zeros((4, 5), dtype=np.uint8)
RGB = np.zeros((4, 5, 3), dtype=np.uint8)


# --- Images


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (4, 5, 3)])
def test_images_are_returned_as_they_are(shape, dtype):
    image = np.ones(shape, dtype=dtype)
    assert check_image(image) is image


def test_nested_lists_become_arrays():
    image = check_image([[0.0, 0.5], [1.0, 0.25]])
    assert image.dtype == np.float64
    assert image.shape == (2, 2)


def test_views_are_accepted_as_they_are():
    view = np.zeros((8, 10, 3), dtype=np.uint8)[::2, ::-1]
    assert check_image(view) is view


@pytest.mark.parametrize("shape", [(), (5,), (4, 5, 1), (4, 5, 4), (2, 4, 5, 3)])
def test_shapes_that_are_no_image(shape):
    with pytest.raises(ValueError, match=r"image must have shape \(H, W\) or \(H, W, 3\), got"):
        check_image(np.zeros(shape, dtype=np.uint8))


def test_gray_only():
    assert check_image(GRAY, gray=True) is GRAY
    with pytest.raises(ValueError, match=r"page must have shape \(H, W\), got \(4, 5, 3\)"):
        check_image(RGB, "page", gray=True)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 5, 3)])
def test_empty_images_are_refused(shape):
    with pytest.raises(ValueError, match="image must be at least 1 x 1 pixels, got shape"):
        check_image(np.zeros(shape, dtype=np.uint8))


def test_least_size():
    assert check_image(GRAY, min_size=4) is GRAY
    with pytest.raises(ValueError, match=r"at least 5 x 5 pixels, got shape \(4, 5\)"):
        check_image(GRAY, min_size=5)


@pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.int8, complex, object, "U1"])
def test_dtypes_that_are_no_image(dtype):
    with pytest.raises(TypeError, match=r"image must be uint8, bool or float in .*got dtype"):
        check_image(np.zeros((4, 5), dtype=dtype))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(bad):
    image = np.zeros((4, 5))
    image[2, 3] = bad
    with pytest.raises(ValueError, match="image must be finite, got NaN or infinity"):
        check_image(image)


@pytest.mark.parametrize(("value", "shown"), [(255.0, r"\[0, 255\]"), (-0.5, r"\[-0.5, 0\]")])
def test_floats_out_of_range(value, shown):
    image = np.zeros((4, 5))
    image[0, 0] = value
    with pytest.raises(ValueError, match=f"float image must lie in .*, got values in {shown}"):
        check_image(image)


# --- Numbers


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3), np.uint8(3)])
def test_numbers_become_python_numbers(value):
    number = check_number(value, "k")
    assert number == 3
    assert type(number) is float
    whole = check_number(value, "k", integer=True)
    assert whole == 3
    assert type(whole) is int


@pytest.mark.parametrize("value", ["3", None, [3], np.array([3]), True, np.False_, 1j])
def test_not_numbers(value):
    with pytest.raises(TypeError, match="k must be a number, got"):
        check_number(value, "k")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float32("nan")])
def test_numbers_that_are_not_finite(value):
    with pytest.raises(ValueError, match="k must be finite"):
        check_number(value, "k")


def test_limits_belong_to_the_range_unless_open():
    assert check_number(0, "k", low=0, high=1) == 0
    assert check_number(1, "k", low=0, high=1) == 1
    with pytest.raises(ValueError, match=r"k must lie in \[0, 1\], got 1.5"):
        check_number(1.5, "k", low=0, high=1)
    with pytest.raises(ValueError, match=r"k must lie in \[0, inf\], got -1"):
        check_number(-1, "k", low=0)
    with pytest.raises(ValueError, match=r"k must lie in \(0, 1\], got 0"):
        check_number(0, "k", low=0, high=1, low_open=True)


def test_integers_of_any_size_are_compared():
    assert check_number(10**30, "k", integer=True) == 10**30
    with pytest.raises(ValueError, match=r"k must lie in \[0, 5\], got 1000000000000000000000"):
        check_number(10**21, "k", low=0, high=5, integer=True)


def test_fractions_are_not_integers():
    with pytest.raises(ValueError, match=r"k must be an integer, got 2\.5"):
        check_number(2.5, "k", integer=True)
    with pytest.raises(TypeError, match="k must be an integer, got 'two'"):
        check_number("two", "k", integer=True)


# --- Windows and choices


def test_odd_windows():
    assert check_odd_window(3) == 3
    assert check_odd_window(np.int32(15)) == 15
    with pytest.raises(ValueError, match=r"window must be odd .*centre pixel, got 4"):
        check_odd_window(4)
    with pytest.raises(ValueError, match=r"size must lie in \[3, inf\], got 1"):
        check_odd_window(1, "size")
    with pytest.raises(ValueError, match=r"window must be an integer, got 3\.5"):
        check_odd_window(3.5)


def test_choices():
    assert check_choice("wolf", "method", ("otsu", "wolf")) == "wolf"
    with pytest.raises(ValueError, match="method must be one of 'otsu', 'wolf', got 'sauvola'"):
        check_choice("sauvola", "method", ("otsu", "wolf"))
    with pytest.raises(ValueError, match="got None"):
        check_choice(None, "method", ("otsu", "wolf"))
    with pytest.raises(ValueError, match=r"got \['otsu'\]"):
        check_choice(["otsu"], "method", {"otsu": 1, "wolf": 2})

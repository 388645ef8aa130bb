"""The bilateral filter keeps edges, and the message of the fully connected CRF is its sum."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from ocrlearn.ops import bilateral_filter, bilateral_message
from ocrlearn.ops.bilateral import FILTER_RUNGS, MESSAGE_RUNGS

images = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.floats(0, 1, width=32),
)


def noisy_edge(height: int = 30, width: int = 40, channels: int = 0) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (height, width, channels) if channels else (height, width)
    image = rng.normal(0.2, 0.03, shape)
    image[:, width // 2 :] += 0.6
    return np.clip(image, 0, 1).astype(np.float32)


@pytest.mark.parametrize("rung", FILTER_RUNGS)
def test_filter_by_hand(rung: str):
    # Neighbours at distance 1 weigh exp(-1/2) for their place; exp(-1/2) more for differing by 1/2.
    image = np.array([[0.5, 0.5, 1.0]])
    near, far = np.exp(-0.5), np.exp(-1.0)
    expected = [[0.5, (0.5 * near + 0.5 + far) / (near + 1 + far), (0.5 * far + 1) / (far + 1)]]
    np.testing.assert_allclose(bilateral_filter(image, 1.0, 0.5, 1, rung=rung), expected, rtol=1e-6)


@pytest.mark.parametrize("rung", MESSAGE_RUNGS)
def test_message_by_hand(rung: str):
    guide = np.array([[0.5, 0.5, 1.0]])
    values = np.array([[[1, 2, 4]], [[0, 0, 1]]], np.float32)
    near, far, two = np.exp(-0.5), np.exp(-1.0), np.exp(-2.5)  # two pixels apart, other colour
    expected = [[[1 + 2 * near + 4 * two, near + 2 + 4 * far, two + 2 * far + 4]],
                [[two, far, 1]]]  # fmt: skip
    message = bilateral_message(guide, values, 1.0, 0.5, rung=rung)
    np.testing.assert_allclose(message, expected, rtol=1e-6)
    assert message.dtype == np.float32


def test_noise_goes_and_the_edge_stays():
    image = noisy_edge()
    smooth = bilateral_filter(image, 3.0, 0.15)
    blurred = ndimage.gaussian_filter(image, 3.0)
    assert smooth[:, :20].std() < 0.3 * image[:, :20].std()
    assert (smooth[:, 20] - smooth[:, 19]).mean() > 0.55
    assert (blurred[:, 20] - blurred[:, 19]).mean() < 0.15


def test_wide_range_is_a_gaussian_filter():
    image = noisy_edge()
    smooth = bilateral_filter(image, 1.0, 1e6, 4)
    blurred = ndimage.gaussian_filter(image, 1.0, radius=4)
    inside = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(smooth[inside], blurred[inside], atol=3e-4)  # disc against square


def test_narrow_range_changes_nothing():
    image = noisy_edge()
    np.testing.assert_allclose(bilateral_filter(image, 3.0, 1e-6), image, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "sigma", "tolerance"), [(np.uint8, 25, 1), (np.float32, 0.1, 2e-4)]
)
def test_opencv_agrees_away_from_the_edges(dtype: type, sigma: float, tolerance: float):
    # Its window is a disc as well; but it mirrors the image at the edges, and looks weights up.
    image = noisy_edge() if dtype == np.float32 else np.rint(255 * noisy_edge()).astype(np.uint8)
    expected = cv2.bilateralFilter(image, 11, sigma, 3.0)
    inside = (slice(5, -5), slice(5, -5))
    np.testing.assert_allclose(
        bilateral_filter(image, 3.0, sigma, 5)[inside].astype(float),
        expected[inside].astype(float),
        atol=tolerance,
    )


@settings(max_examples=40, deadline=None)
@given(images, st.floats(0.5, 5), st.floats(0.05, 2), st.integers(0, 6))
def test_result_lies_between_the_least_and_the_greatest(image, spatial, colour, radius):
    smooth = bilateral_filter(image, spatial, colour, radius)
    assert smooth.min() >= image.min() - 1e-6
    assert smooth.max() <= image.max() + 1e-6


@settings(max_examples=40, deadline=None)
@given(images, st.floats(0.5, 5), st.floats(0.05, 2))
def test_filter_is_the_message_divided_by_that_of_ones(image, spatial, colour):
    values = np.stack([image, np.ones_like(image)])
    summed, weight = bilateral_message(image, values, spatial, colour)
    whole = sum(image.shape)
    np.testing.assert_allclose(
        summed / weight, bilateral_filter(image, spatial, colour, whole), atol=1e-5
    )


def test_message_is_symmetric():
    # The weight of p for q is that of q for p, so <a, K b> = <K a, b>.
    rng = np.random.default_rng(1)
    guide = noisy_edge(12, 15, 3)
    a, b = rng.random((2, 1, 12, 15)).astype(np.float32)
    forth = np.sum(a * bilateral_message(guide, b, 4.0, 0.1, 9))
    back = np.sum(b * bilateral_message(guide, a, 4.0, 0.1, 9))
    assert forth == pytest.approx(back, rel=1e-5)


def test_turning_the_image_turns_the_result():
    image = noisy_edge()
    turned = bilateral_filter(np.rot90(image), 2.0, 0.1)
    np.testing.assert_allclose(np.rot90(turned, -1), bilateral_filter(image, 2.0, 0.1), rtol=1e-5)


def test_bytes_and_floats_agree_within_rounding():
    image = np.rint(255 * noisy_edge()).astype(np.uint8)
    in_bytes = bilateral_filter(image, 3.0, 25.5)
    in_floats = bilateral_filter(image / 255, 3.0, 0.1)
    assert in_bytes.dtype == np.uint8
    assert np.abs(in_bytes - 255 * in_floats).max() <= 0.501


def test_default_radius_is_three_sigma():
    image = noisy_edge()
    expected = bilateral_filter(image, 1.5, 0.1, 5)
    np.testing.assert_array_equal(bilateral_filter(image, 1.5, 0.1), expected)


@pytest.mark.parametrize("rung", FILTER_RUNGS)
def test_inputs_are_not_modified(rung: str):
    image, values = noisy_edge(9, 12), np.ones((2, 9, 12), np.float32)
    before = image.copy()
    bilateral_filter(image, 2.0, 0.1, rung=rung)
    bilateral_message(image, values, 2.0, 0.1, rung=rung)
    np.testing.assert_array_equal(image, before)
    assert (values == 1).all()


IMAGE = np.zeros((4, 5), np.float32)
VALUES = np.zeros((2, 4, 5), np.float32)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((np.zeros(4), 1.0, 1.0), ValueError, r"image must have shape .* got \(4,\)"),
        ((np.zeros((4, 5, 4)), 1.0, 1.0), ValueError, "image must have shape"),
        ((IMAGE.astype(int), 1.0, 1.0), TypeError, "image must be uint8.* got dtype int64"),
        ((IMAGE.astype(bool), 1.0, 1.0), TypeError, r"image must be uint8 or float.*bool"),
        ((IMAGE + 2, 1.0, 1.0), ValueError, r"image must lie in \[0, 1\]"),
        ((IMAGE, 0.0, 1.0), ValueError, "spatial_sigma must lie in"),
        ((IMAGE, 1.0, -1.0), ValueError, "range_sigma must lie in"),
        ((IMAGE, 1.0, 1.0, -1), ValueError, "radius must lie in"),
        ((IMAGE, 1.0, 1.0, 1.5), ValueError, "radius must be an integer"),
        ((IMAGE, "wide", 1.0), TypeError, "spatial_sigma must be a number"),
    ],
)
def test_filter_errors_name_the_argument(args, error, message):
    with pytest.raises(error, match=message):
        bilateral_filter(*args)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((np.zeros(4), VALUES, 1.0, 1.0), ValueError, "guide must have shape"),
        ((IMAGE, VALUES[0], 1.0, 1.0), ValueError, r"values must have shape \(L, 4, 5\)"),
        ((IMAGE, VALUES[:, :3], 1.0, 1.0), ValueError, r"got \(2, 3, 5\)"),
        ((IMAGE, VALUES.astype(float), 1.0, 1.0), TypeError, "values must be float32"),
        ((IMAGE, VALUES, -1.0, 1.0), ValueError, "theta_alpha must lie in"),
        ((IMAGE, VALUES, 1.0, 0.0), ValueError, "theta_beta must lie in"),
        ((IMAGE, VALUES, 1.0, 1.0, -2), ValueError, "radius must lie in"),
    ],
)
def test_message_errors_name_the_argument(args, error, message):
    with pytest.raises(error, match=message):
        bilateral_message(*args)


@pytest.mark.parametrize("rung", FILTER_RUNGS)
@pytest.mark.parametrize("sigma", [1e-300, 1e-30, 1e-15])
def test_a_vanishing_sigma_leaves_the_image_as_it_is(rung, sigma):
    image = np.random.default_rng(0).random((4, 6)).astype(np.float32)
    for sigmas in ((2.0, sigma), (sigma, 0.1), (sigma, sigma)):
        np.testing.assert_array_equal(bilateral_filter(image, *sigmas, 2, rung=rung), image)


@pytest.mark.parametrize("rung", FILTER_RUNGS)
def test_an_endless_sigma_takes_the_plain_mean(rung):
    image = np.random.default_rng(0).random((4, 6))
    filtered = bilateral_filter(image, 1e308, 1e30, rung=rung)
    np.testing.assert_allclose(filtered, image.mean(), rtol=1e-5)


def test_a_radius_beyond_shared_memory_is_refused_by_the_kernel():
    image = np.zeros((1, 1000), np.float32)
    with pytest.raises(ValueError, match=r"radius must be at most 752 .* got 900"):
        bilateral_filter(image, 300.0, 1.0, 900, rung="cuda")


def test_distances_whose_squares_leave_31_bits_are_refused_by_the_kernel():
    guide, values = np.zeros((2, 50_000), np.float32), np.ones((1, 2, 50_000), np.float32)
    with pytest.raises(ValueError, match="it reaches 46340 pixels far, got 50002"):
        bilateral_message(guide, values, 1.0, 1.0, rung="cuda")
    message = bilateral_message(guide[:, :100], values[..., :100], 1e9, 1.0, 10**6, rung="cuda")
    np.testing.assert_allclose(message, 200, rtol=1e-5)

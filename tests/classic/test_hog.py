"""HoG: the rungs agree, OpenCV agrees, and the properties it was invented for hold."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.classic.hog import RUNGS, hog, hog_windows, image_gradient


def textured(shape, seed=0):
    """A smooth random image that uses the whole range of uint8."""
    noise = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return np.round(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("cell", "block", "bins"), [(8, 2, 9), (6, 3, 7), (5, 1, 4)])
def test_rungs_agree(cell, block, bins, signed):
    image = textured((35, 41))
    settings_ = {"cell": cell, "block": block, "bins": bins, "signed": signed}
    expected = hog(image, **settings_, rung="reference")
    for rung in ("fast", "cuda"):
        np.testing.assert_allclose(hog(image, **settings_, rung=rung), expected, atol=1e-5)


@pytest.mark.parametrize("rung", RUNGS)
@given(angle=st.floats(0, 2 * np.pi), signed=st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_ramp_votes_for_the_two_directions_beside_its_own(rung, angle, signed):
    y, x = np.indices((32, 32)) - 15.5
    ramp = 0.5 + (np.cos(angle) * x + np.sin(angle) * y) / 64
    middle = hog(ramp, signed=signed, epsilon=1e-6, clip=1e6, rung=rung)[1, 1]  # away from borders
    position = angle / (2 * np.pi if signed else np.pi) * 9 - 0.5
    expected = np.zeros(9)
    expected[int(np.floor(position)) % 9] += 1 - position % 1
    expected[int(np.floor(position) + 1) % 9] += position % 1
    votes = middle.sum(axis=(0, 1))
    np.testing.assert_allclose(votes / votes.sum(), expected, atol=1e-4)


def test_opencv_agrees_on_the_window_of_the_paper():
    image = textured((128, 64))
    # OpenCV centres its Gaussian half a pixel off; a very wide one makes no difference.
    wide = 1e6
    descriptor = cv2.HOGDescriptor(
        (64, 128), (16, 16), (8, 8), (8, 8), 9, 1, wide, cv2.HOGDESCRIPTOR_L2HYS, 0.2, False
    )
    # OpenCV orders blocks and cells by columns.
    theirs = descriptor.compute(image).reshape(7, 15, 2, 2, 9).transpose(1, 0, 3, 2, 4)
    ours = hog(image, sigma=wide)
    assert ours.size == 3780
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_opencv_nearly_agrees_with_the_gaussian():
    image = textured((64, 64), seed=1)
    descriptor = cv2.HOGDescriptor(
        (64, 64), (16, 16), (8, 8), (8, 8), 9, 1, 8.0, cv2.HOGDESCRIPTOR_L2HYS, 0.2, False
    )
    theirs = descriptor.compute(image).reshape(7, 7, 2, 2, 9).transpose(1, 0, 3, 2, 4)
    np.testing.assert_allclose(hog(image), theirs, atol=0.02)  # the half pixel


def test_one_vertical_edge_by_hand():
    # Dark left of column 8, light from it on: [-1, 0, 1] sees the edge in columns 7 and 8, and its
    # direction is 0, on the border of the first and the last of nine bins, which share the vote.
    image = np.zeros((16, 16), np.float32)
    image[:, 8:] = 1
    found = hog(image, sigma=1e9, epsilon=1e-6)[0, 0]
    assert found[..., 1:8].max() == 0
    np.testing.assert_allclose(found[..., 0], found[..., 8])
    # All four cells are alike by symmetry, so eight equal entries of unit length: 1 / sqrt(8),
    # clipped to 0.2 and scaled back.
    np.testing.assert_allclose(found[..., 0], 1 / np.sqrt(8), atol=1e-5)


def test_signed_directions_tell_dark_to_light_from_light_to_dark():
    image = textured((24, 24)).astype(np.float32) / 255
    np.testing.assert_allclose(hog(image), hog(1 - image), atol=1e-5)
    assert np.abs(hog(image, signed=True) - hog(1 - image, signed=True)).max() > 0.1


@given(gain=st.floats(0.3, 1.0), offset=st.floats(0.0, 0.3))
@settings(max_examples=30, deadline=None)
def test_brightness_and_contrast_make_no_difference(gain, offset):
    image = 0.7 * textured((24, 24)).astype(np.float32) / 255
    np.testing.assert_allclose(
        hog(image, epsilon=1e-4), hog(gain * image + offset, epsilon=1e-4), atol=2e-3
    )


def test_entries_are_normalised_per_block():
    blocks = hog(textured((40, 40)))
    lengths = np.sqrt((blocks**2).sum(axis=(2, 3, 4)))
    np.testing.assert_allclose(lengths, 1, atol=1e-3)


def test_colour_uses_the_channel_of_largest_gradient():
    gray = textured((16, 16))
    faint = np.full_like(gray, 128)
    np.testing.assert_array_equal(hog(np.dstack([faint, gray, faint])), hog(gray))


def test_gradient_is_a_centred_difference_and_zero_across_the_border():
    dx, dy = image_gradient(np.array([[0, 10, 30], [5, 5, 5]], np.uint8))
    np.testing.assert_allclose(dx * 255, [[0, 30, 0], [0, 0, 0]], atol=1e-4)
    np.testing.assert_allclose(dy, 0)


def test_stack_equals_single_windows_and_may_be_empty():
    windows = np.stack([textured((24, 32), seed).astype(np.float32) / 255 for seed in range(3)])
    together = hog_windows(windows, cell=8)
    for window, found in zip(windows, together, strict=True):
        np.testing.assert_allclose(hog(window), found, atol=1e-6)
    assert hog_windows(windows[:0]).shape == (0, 2, 3, 2, 2, 9)


@pytest.mark.parametrize("rung", RUNGS)
def test_constant_and_non_contiguous_images(rung):
    assert not hog(np.full((16, 16), 77, np.uint8), rung=rung).any()
    image = textured((34, 34))
    np.testing.assert_array_equal(
        hog(image[::2, ::2], rung=rung), hog(image[::2, ::2].copy(), rung=rung)
    )


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="at least one block of 16 x 16 pixels, got 15 x 20"):
        hog(np.zeros((15, 20)))
    with pytest.raises(ValueError, match="bins"):
        hog(np.zeros((16, 16)), bins=1)
    with pytest.raises(ValueError, match="sigma"):
        hog(np.zeros((16, 16)), sigma=0)
    with pytest.raises(ValueError, match=r"windows must have shape \(N, H, W\)"):
        hog_windows(np.zeros((16, 16)))
    with pytest.raises(TypeError, match="windows must be floating, got dtype uint8"):
        hog_windows(np.zeros((1, 16, 16), np.uint8))
    with pytest.raises(ValueError, match="windows must be finite"):
        hog_windows(np.full((1, 16, 16), np.nan))
    with pytest.raises(TypeError, match="signed must be True or False, got 'no'"):
        hog(np.zeros((16, 16)), signed="no")
    with pytest.raises(ValueError, match="finite"):
        hog(np.full((16, 16), np.nan))
    with pytest.raises(ValueError, match="no rung 'gpu'"):
        hog(np.zeros((16, 16)), rung="gpu")
    with pytest.raises(ValueError, match="16 x 16 pixels with 5000 bins is too large for the cuda"):
        hog(np.zeros((16, 16)), bins=5000, rung="cuda")

"""How much a page is turned, from the sharpness of its projection profile."""

import numpy as np
import pytest
import skimage.data
import skimage.transform
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.image.deskew import (
    RUNGS,
    deskew,
    find_skew,
    ink_weights,
    projection_energies,
    projection_energy,
)
from ocrlearn.image.rectify import rotation


@pytest.fixture(scope="module")
def level(text_page, shrink):
    return shrink(text_page())


# --- the projection profile ----------------------------------------------------------------------


def test_energy_worked_by_hand():
    """Rows of ink 40 wide, smoothed by s: the slope of each is 40 times a Gaussian's derivative.

    The integral of the squared derivative of a normal density is 1 / (4 sqrt(pi) s^3).
    """
    ink = np.zeros((41, 40), bool)
    ink[[10, 30]] = True
    expected = 2 * 40**2 / (4 * np.sqrt(np.pi) * 1.5**3)
    assert projection_energy(ink, 0.0, blur=1.5) == pytest.approx(expected, rel=0.01)


def test_energy_agrees_with_the_rotated_picture(level):
    """The profile without rotating is the row sum of the rotated picture, for all but its edges."""
    angle = np.radians(4)
    weights = ink_weights(level).astype(np.float64)
    turned = skimage.transform.rotate(weights, -4, resize=True, order=3)
    by_rotation = projection_energy(np.clip(turned, 0, 1), 0.0, blur=2.0)
    assert projection_energy(weights, angle, blur=2.0) == pytest.approx(by_rotation, rel=0.1)
    assert projection_energy(weights, 0.0, blur=2.0) > 5 * by_rotation


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32, np.float64])
def test_rungs_agree(dtype):
    rng = np.random.default_rng(0)
    ink = (rng.random((37, 52)) < 0.1).astype(dtype)
    angles = np.radians([-45, -3.3, 0, 0.01, 2, 14.9])
    for mask in (ink, ink[::-1, ::3]):
        reference, fast = (projection_energies(mask, angles, rung=rung) for rung in RUNGS)
        np.testing.assert_allclose(fast, reference, rtol=1e-12)
        assert (reference > 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(-0.7, 0.7))
def test_energy_does_not_depend_on_where_the_ink_lies(dx, dy, angle):
    ink = np.zeros((100, 100), bool)
    shape = np.random.default_rng(1).random((30, 30)) < 0.2
    ink[:30, :30] = shape
    moved = np.zeros_like(ink)
    moved[dy : dy + 30, dx : dx + 30] = shape
    # Up to rounding to a quarter of a pixel, which matters the less the stronger the blur.
    before, after = (projection_energies(mask, [angle], blur=3.0) for mask in (ink, moved))
    np.testing.assert_allclose(after, before, rtol=0.05)


def test_small_angles_are_not_drawn_to_zero():
    """Without counting in fractions of a pixel, two lines with a drift of one pixel look level."""
    angle = np.radians(0.15)
    y, x = np.mgrid[:100, :400]
    along = y + x * np.tan(angle)
    ink = np.clip(3 - np.abs(np.mod(along, 20) - 10), 0, 1)  # stripes with soft edges
    angles = np.radians(np.linspace(-0.6, 0.6, 241))
    assert angles[np.argmax(projection_energies(ink, angles))] == pytest.approx(angle, abs=3e-4)


@pytest.mark.parametrize("ink", [np.zeros((5, 7), bool), np.zeros((1, 1))])
def test_no_ink_has_no_energy(ink):
    for rung in RUNGS:
        np.testing.assert_array_equal(projection_energies(ink, [0.0, 0.1], rung=rung), [0, 0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"ink": np.zeros((3, 4, 3))}, ValueError, "ink must have shape"),
        ({"angles": 0.1}, ValueError, "angles must be a list"),
        ({"angles": [np.nan]}, ValueError, "angles must be a list"),
        ({"blur": 0}, ValueError, "blur must lie in"),
        ({"blur": "much"}, TypeError, "blur must be a number"),
    ],
)
def test_projection_energies_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        projection_energies(**{"ink": np.ones((4, 4), bool), "angles": [0.0], **arguments})


# --- ink_weights ---------------------------------------------------------------------------------


def test_weights_ignore_shadow_and_keep_soft_edges():
    page = np.tile(np.linspace(0.4, 1, 300), (200, 1))  # a shadow over blank paper
    assert ink_weights(page).max() == 0
    page[100:104, 40:260] *= 0.2
    page[104, 40:260] *= 0.6  # half covered
    weights = ink_weights(page)
    assert (weights[:, :40] == 0).all()
    assert (weights[101, 45:255] > 0.6).all()
    assert (weights[104, 45:255] > 0.1).all()
    assert (weights[104, 45:255] < weights[103, 45:255]).all()


def test_dark_margins_are_left_out(level):
    page = level.copy()
    page[:, :25] = 0
    page[-10:, 200:] = 0
    weights = ink_weights(page)
    assert (weights[:, :25] == 0).all()
    assert (weights[-10:, 200:] == 0).all()
    assert weights.sum() > 1000
    mask = page < 128
    np.testing.assert_array_equal(ink_weights(mask)[:, :25], 0)


# --- find_skew -----------------------------------------------------------------------------------

ANGLES = [-14.2, -7.77, -2.5, -0.31, -0.06, 0, 0.08, 0.2, 1.03, 4.4, 12.6]


@pytest.mark.parametrize("font", ["DejaVuSerif.ttf", "STIXGeneralItalic.ttf"])
def test_angle_is_found_to_a_tenth_of_a_degree(text_page, shrink, font):
    page = text_page(font=font)
    for degrees in ANGLES:
        skew = find_skew(shrink(page, degrees))
        assert np.degrees(skew.angle) == pytest.approx(degrees, abs=0.1)
        assert skew.sharpness > 20


def test_ink_masks_and_colour_are_accepted(text_page, shrink):
    page = shrink(text_page(), 3.21)
    for image in (page < 128, np.repeat(page[..., None], 3, 2), (page / 255).astype(np.float32)):
        assert np.degrees(find_skew(image).angle) == pytest.approx(3.21, abs=0.1)


def test_capitals_alone_will_do(text_page, shrink):
    page = shrink(text_page(text="CAPITALS HAVE NEITHER HEIGHTS NOR DEPTHS. " * 3), -1.4)
    assert np.degrees(find_skew(page).angle) == pytest.approx(-1.4, abs=0.1)


def test_the_straight_edge_of_a_dark_margin_does_not_decide(text_page, shrink):
    page = shrink(text_page(), 5).copy()
    page[:, :20] = 20
    page[:12] = 20
    assert np.degrees(find_skew(page).angle) == pytest.approx(5, abs=0.1)


def test_the_curve_has_one_sharp_peak(level):
    skew = find_skew(level)
    assert (np.diff(skew.angles) > 0).all()
    np.testing.assert_allclose(skew.angles[[0, -1]], np.radians([-15, 15]))
    high = skew.angles[skew.energies > 0.5 * skew.energies.max()]
    assert np.abs(high).max() < np.radians(1.5)
    typical = np.median(
        projection_energies(ink_weights(level), np.radians(np.arange(-15, 15.1, 0.5)))
    )
    assert skew.sharpness == pytest.approx(skew.energies.max() / typical)


@pytest.mark.parametrize(
    "image",
    [
        np.full((40, 60), 255, np.uint8),
        np.zeros((40, 60), np.uint8),
        np.zeros((1, 1), bool),
        np.ones((30, 30), bool),
        np.pad(np.ones((1, 1), bool), 20),
        np.pad(np.ones((2, 2), bool), ((3, 30), (40, 5))),
    ],
    ids=["white", "black", "pixel", "full mask", "dot", "speck"],
)
def test_pages_without_lines_have_no_skew(image):
    assert find_skew(image).angle == 0


def test_noise_and_photographs_have_no_skew():
    rng = np.random.default_rng(0)
    for image in (rng.random((300, 300)), skimage.data.camera(), skimage.data.gravel()):
        skew = find_skew(image)
        assert skew.angle == 0
        assert skew.sharpness < 3


def test_angles_beyond_the_limit_are_not_looked_for(text_page, shrink):
    skew = find_skew(shrink(text_page(), 4), limit=np.radians(2))
    assert np.abs(skew.angles).max() <= np.radians(2) + 1e-12
    assert abs(skew.angle) <= np.radians(2) + 1e-12


@pytest.mark.parametrize("limit", [0, -1, 1, np.nan])
def test_find_skew_refuses_other_limits(limit):
    with pytest.raises(ValueError, match="limit must"):
        find_skew(np.zeros((9, 9), bool), limit=limit)


# --- deskew --------------------------------------------------------------------------------------


def test_deskew_levels_the_page(text_page, shrink):
    tilted = shrink(text_page(), 6.5)
    before = tilted.copy()
    straight = deskew(tilted)
    np.testing.assert_array_equal(tilted, before)
    assert straight.dtype == np.uint8
    assert abs(np.degrees(find_skew(straight).angle)) < 0.1
    assert straight.shape == rotation(tilted.shape, np.radians(-6.5)).shape
    assert straight[0, 0] == 255  # paper beside the page
    assert deskew(tilted, expand=False).shape == tilted.shape


def test_deskew_of_a_level_page_is_a_copy():
    blank = np.full((20, 30, 3), 200, np.uint8)
    result = deskew(blank)
    np.testing.assert_array_equal(result, blank)
    assert result is not blank
    assert not np.shares_memory(result, blank)


def test_deskew_keeps_masks_masks(text_page, shrink):
    straight = deskew(shrink(text_page(), 3) < 128)
    assert straight.dtype == np.bool_
    assert abs(np.degrees(find_skew(straight).angle)) < 0.1

"""Homographies, resampling, turning, and pages cut out of photographs."""

import cv2
import numpy as np
import pytest
import skimage.transform
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ocrlearn.geometry import transform_points
from ocrlearn.image.rectify import (
    RUNGS,
    estimate_aspect,
    find_page_quad,
    homography,
    rectify,
    rotate,
    rotation,
    source_map,
    warp,
)

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
QUAD = np.array([[120.0, 80.0], [610.0, 130.0], [570.0, 420.0], [90.0, 380.0]])


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.random((60, 80, 3)), (2, 2, 0))
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return np.round(255 * smooth).astype(np.uint8)


# --- homography ----------------------------------------------------------------------------------


def test_homography_worked_by_hand():
    # (x, y) -> (x, y) / (1 + x) sends the unit square's right side to x = 1/2, half as high.
    target = [[0, 0], [0.5, 0], [0.5, 0.5], [0, 1]]
    expected = [[1, 0, 0], [0, 1, 0], [1, 0, 1]]
    np.testing.assert_allclose(homography(SQUARE, target), expected, atol=1e-12)


def test_homography_of_four_pairs_agrees_with_opencv():
    matrix = homography(SQUARE * 999, QUAD)
    oracle = cv2.getPerspectiveTransform((SQUARE * 999).astype(np.float32), np.float32(QUAD))
    np.testing.assert_allclose(matrix, oracle, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(transform_points(SQUARE * 999, matrix), QUAD, atol=1e-9)


def test_homography_of_many_noisy_pairs_agrees_with_scikit_image():
    rng = np.random.default_rng(1)
    source = rng.uniform(0, 500, (40, 2))
    clean = transform_points(source, homography(SQUARE * 500, QUAD))
    noisy = clean + rng.normal(0, 1, clean.shape)
    oracle = skimage.transform.ProjectiveTransform.from_estimate(source, noisy).params
    np.testing.assert_allclose(homography(source, noisy), oracle / oracle[2, 2], rtol=1e-4)
    error = np.linalg.norm(transform_points(source, homography(source, noisy)) - clean, axis=1)
    assert error.max() < 1.5  # the fit averages noise of sigma 1 out


def test_least_squares_needs_normalised_points():
    """In plain pixels the same equations lose most of their digits."""
    source = SQUARE * 1e-2 + 5e3
    target = QUAD + 1e4
    found = transform_points(source, homography(source, target))
    np.testing.assert_allclose(found, target, atol=1e-3)


def test_homography_can_send_the_origin_to_infinity():
    # (x, y) -> (y / x, 1 / x)
    source = np.array([[1.0, 1.0], [2.0, 1.0], [2.0, 3.0], [1.0, 4.0]])
    target = np.stack([source[:, 1] / source[:, 0], 1 / source[:, 0]], axis=1)
    matrix = homography(source, target)
    assert np.linalg.norm(matrix) == pytest.approx(1)
    np.testing.assert_allclose(transform_points(source, matrix), target, atol=1e-9)


corners = arrays(np.float64, (4, 2), elements=st.floats(-20, 20))


@settings(max_examples=60, deadline=None)
@given(corners, corners)
def test_homographies_there_and_back_are_inverse(jitter_a, jitter_b):
    square = np.array([[0.0, 0.0], [200.0, 0.0], [200.0, 200.0], [0.0, 200.0]])
    source, target = square + jitter_a, square + jitter_b
    there, back = homography(source, target), homography(target, source)
    product = there @ back
    np.testing.assert_allclose(product / product[2, 2], np.eye(3), atol=1e-6)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (SQUARE[:3], SQUARE[:3], "source must have shape"),
        (SQUARE, SQUARE[:, :1], "target must have shape"),
        (SQUARE, np.tile(SQUARE, (2, 1)), "as many points"),
        (np.where(SQUARE == 0, np.nan, SQUARE), SQUARE, "source must be finite"),
        (SQUARE[[0, 1, 2, 2]], SQUARE, "source must hold at least four different points"),
        ([[0, 0], [1, 0], [2, 0], [0, 1]], [[0, 0], [1, 0], [2, 0], [0, 1]], "three points lie"),
        ([[0, 0], [1, 0], [2, 0], [0, 1]], SQUARE, "three points lie"),
        (SQUARE, [[0, 0], [1, 0], [2, 0], [0, 1]], "three points lie"),
        ([[i, 2 * i] for i in range(6)], [[i, 2 * i] for i in range(6)], "three points lie"),
    ],
)
def test_homography_refuses_what_fixes_none(source, target, message):
    with pytest.raises(ValueError, match=message):
        homography(source, target)


# --- warp ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("border", [0, "edge", (10, 200, 30)])
def test_rungs_agree(picture, interpolation, border):
    matrix = homography(QUAD / 8, SQUARE * [79, 59])
    results = [
        warp(image, matrix, (50, 91), interpolation=interpolation, border=border, rung=rung)
        for image in (picture, picture[::-1, ::2])  # the second is not contiguous
        for rung in RUNGS
    ]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[2], results[3])
    assert results[0].shape == (50, 91, 3)


@pytest.mark.parametrize(
    ("interpolation", "flag"),
    [
        ("nearest", cv2.INTER_NEAREST),
        ("bilinear", cv2.INTER_LINEAR),
        ("bicubic", cv2.INTER_CUBIC),
    ],
)
def test_warp_agrees_with_opencv(picture, interpolation, flag):
    """OpenCV rounds places to 1/32 of a pixel, and its cubic has a = -3/4 instead of -1/2."""
    matrix = homography(QUAD / 8, SQUARE * [79, 59])
    ours = warp(picture, matrix, interpolation=interpolation, border=(10, 200, 30))
    oracle = cv2.warpPerspective(picture, matrix, (80, 60), flags=flag, borderValue=(10, 200, 30))
    difference = np.abs(ours.astype(int) - oracle)
    assert difference.max() <= 6
    assert difference.mean() < 0.6


def test_warp_agrees_with_scikit_image(picture):
    gray = picture[..., 0] / 255
    matrix = homography(QUAD / 8, SQUARE * [79, 59])
    ours = warp(gray, matrix, border="edge")
    oracle = skimage.transform.warp(gray, np.linalg.inv(matrix), order=1, mode="edge")
    np.testing.assert_allclose(ours, oracle, atol=1e-9)


def test_bilinear_worked_by_hand():
    image = np.array([[0, 100], [200, 40]], np.uint8)
    places = np.array([[[0.5, 0.0], [0.5, 0.5], [0.25, 1.0], [1.5, 0.0]]])
    # 0/100; the mean of all; 3/4 of 200 and 1/4 of 40; half of 100 and half of the border.
    np.testing.assert_array_equal(warp(image, places, border=20), [[50, 85, 160, 60]])
    np.testing.assert_array_equal(warp(image, places, border="edge"), [[50, 85, 160, 100]])


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("rung", RUNGS)
def test_identity_changes_nothing(picture, interpolation, rung):
    same = warp(picture, np.eye(3), interpolation=interpolation, rung=rung)
    np.testing.assert_array_equal(same, picture)
    assert same is not picture


def test_bicubic_reproduces_a_parabola():
    """Keys chose a = -1/2 so that quadratic functions are met exactly."""
    x = np.arange(20.0)
    image = np.tile(x**2 / 400, (6, 1))
    places = np.stack([np.linspace(3, 15, 37), np.full(37, 2.3)], axis=-1)[None]
    expected = places[..., 0] ** 2 / 400
    np.testing.assert_allclose(warp(image, places, interpolation="bicubic"), expected, atol=1e-12)
    assert np.abs(warp(image, places) - expected).max() > 1e-4


def test_dtypes_are_kept_and_inputs_not_changed(picture):
    matrix = rotation((60, 80), 0.3, expand=False).matrix
    for image in (picture, picture[..., 0] > 128, (picture / 255).astype(np.float32)):
        before = image.copy()
        assert warp(image, matrix).dtype == image.dtype
        np.testing.assert_array_equal(image, before)


def test_bool_is_true_where_half_covered():
    mask = np.array([[False, True, True, False]])
    shifted = [[[0.4, 0], [0.6, 0], [2.4, 0], [2.6, 0]]]
    np.testing.assert_array_equal(warp(mask, shifted), [[False, True, True, False]])


def test_one_pixel():
    image = np.full((1, 1), 77, np.uint8)
    np.testing.assert_array_equal(warp(image, np.eye(3), (2, 2), border=1), [[77, 1], [1, 1]])


def test_places_beyond_the_horizon_are_outside(picture):
    places = np.array([[[np.nan, 3], [np.inf, 3], [-np.inf, -np.inf], [1e300, 0]]])
    for rung in RUNGS:
        assert (warp(picture, places, border=9, rung=rung) == 9).all()


def test_a_matrix_and_its_map_do_the_same(picture):
    matrix = homography(QUAD / 8, SQUARE * [79, 59])
    by_map = warp(picture, source_map(matrix, (60, 80)))
    np.testing.assert_array_equal(by_map, warp(picture, matrix))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"transform": np.zeros((2, 2))}, r"\(3, 3\) matrix or a map"),
        ({"transform": np.zeros((3, 3))}, "with an inverse"),
        ({"transform": np.diag([1, 1, np.nan])}, "finite matrix"),
        ({"transform": np.zeros((0, 5, 2))}, r"\(3, 3\) matrix or a map"),
        ({"transform": np.zeros((4, 5, 2)), "shape": (5, 4)}, "shape must be left out"),
        ({"transform": np.eye(3), "shape": (0, 4)}, r"shape\[0\]"),
        ({"transform": np.eye(3), "interpolation": "cubic"}, "interpolation must be one of"),
        ({"transform": np.eye(3), "border": "wrap"}, "border must be one of"),
        ({"transform": np.eye(3), "border": 256}, "border must lie in"),
        ({"transform": np.eye(3), "border": (1, 2)}, "border must be 'edge'"),
        ({"transform": np.eye(3), "rung": "slow"}, "no rung"),
        ({"transform": np.eye(3), "image": np.zeros((0, 5), np.uint8)}, "at least 1 x 1"),
    ],
)
def test_warp_refuses(picture, arguments, message):
    with pytest.raises(ValueError, match=message):
        warp(**{"image": picture, **arguments})


# --- rotate --------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_quarter_turns_are_exact(picture, turns):
    turned = rotate(picture, turns * np.pi / 2)
    np.testing.assert_array_equal(turned, np.rot90(picture, turns))


def test_positive_angles_turn_counter_clockwise_on_the_screen():
    image = np.zeros((21, 21), np.uint8)
    image[10, 20] = 255  # right of the centre
    y, x = np.unravel_index(np.argmax(rotate(image, np.radians(30), expand=False)), (21, 21))
    assert (x, y) == (round(10 + 10 * np.cos(np.radians(30))), 5)  # now above it


def test_rotation_agrees_with_scikit_image(picture):
    gray = picture[..., 1] / 255
    oracle = skimage.transform.rotate(gray, 17, order=1, mode="edge")
    np.testing.assert_allclose(
        rotate(gray, np.radians(17), expand=False, border="edge"), oracle, atol=1e-6
    )


def test_expanded_turn_holds_all_of_the_picture():
    matrix, (height, width) = rotation((50, 90), 0.4)
    outline = np.array([[-0.5, -0.5], [89.5, -0.5], [89.5, 49.5], [-0.5, 49.5]])
    x, y = transform_points(outline, matrix).T
    assert min(x.min(), y.min()) >= -0.5 - 1e-9
    assert x.max() <= width - 0.5 + 1e-9
    assert y.max() <= height - 0.5 + 1e-9
    assert width - np.ptp(x) < 1


# --- rectify -------------------------------------------------------------------------------------


def photograph(aspect: float, angles: tuple[float, float, float], focal: float) -> np.ndarray:
    """Corners of a rectangle of height 1 seen by a camera of 1200 x 900 pixels."""
    corners = (SQUARE - 0.5) * [aspect, 1]
    turned = np.c_[corners, np.zeros(4)] @ Rotation.from_euler(
        "xyz", angles, degrees=True
    ).as_matrix().T + [0, 0, 2]
    return focal * turned[:, :2] / turned[:, 2:] + [599.5, 449.5]


def test_rectify_brings_a_warped_page_back(picture):
    quad = np.array([[60.0, 40.0], [330.0, 70.0], [300.0, 270.0], [40.0, 220.0]])
    page = np.kron(picture, np.ones((4, 4, 1))).astype(np.uint8)  # 240 x 320
    photo = warp(page, homography(SQUARE * [319, 239], quad), (300, 400))
    back = rectify(photo, quad, (240, 320))
    inner = (slice(4, -4), slice(4, -4))
    difference = np.abs(back.astype(int) - ndimage.gaussian_filter(page, (1, 1, 0)))[inner]
    assert difference.mean() < 6


def test_rectify_of_an_upright_rectangle_crops(picture):
    quad = [[10, 20], [40, 20], [40, 50], [10, 50]]
    np.testing.assert_array_equal(rectify(picture, quad), picture[20:51, 10:41])


@pytest.mark.parametrize("aspect", [0.5, 0.707, 1.0, 1.8])
@pytest.mark.parametrize("angles", [(35, 20, 10), (-25, 30, 0), (20, -15, 80)])
def test_true_proportions_from_the_camera(aspect, angles):
    quad = photograph(aspect, angles, focal=1000)
    assert estimate_aspect(quad, (900, 1200)) == pytest.approx(aspect, rel=1e-6)
    assert estimate_aspect(quad, (900, 1200), 1000) == pytest.approx(aspect, rel=1e-6)


def test_known_focal_length_where_only_one_pair_of_sides_converges():
    quad = photograph(0.707, (55, 0, 0), focal=1000)
    assert estimate_aspect(quad, (900, 1200), 1000) == pytest.approx(0.707, rel=1e-6)
    assert estimate_aspect(quad, (900, 1200)) == pytest.approx(0.707, rel=0.03)
    sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    assert max(sides[0], sides[2]) / max(sides[1], sides[3]) > 1  # what the sides alone suggest


def test_rectify_with_the_cameras_proportions():
    quad = photograph(0.707, (50, 10, 0), focal=1000)
    image = np.zeros((900, 1200), np.uint8)
    height, width = rectify(image, quad, aspect="camera").shape
    assert (width - 1) / (height - 1) == pytest.approx(0.707, rel=0.01)
    height, width = rectify(image, quad).shape
    assert (width - 1) / (height - 1) > 1


@pytest.mark.parametrize(
    ("quad", "message"),
    [
        (SQUARE[:3], "quad must have shape"),
        (SQUARE[::-1] * 20, "clockwise"),
        (SQUARE[[0, 2, 1, 3]] * 20, "convex"),
        ([[0, 0], [9, 0], [3, 3], [0, 9]], "convex"),
        (SQUARE * np.nan, "convex"),
    ],
)
def test_rectify_refuses_other_quads(picture, quad, message):
    with pytest.raises(ValueError, match=message):
        rectify(picture, quad)


# --- find_page_quad ------------------------------------------------------------------------------


def page_on_desk(seed: int, quad: np.ndarray) -> np.ndarray:
    """A page with dark bars for text on a blotchy desk, unevenly lit, with noise."""
    rng = np.random.default_rng(seed)
    page = np.full((400, 300), 0.95)
    page[40:360:12, 30:270] = 0.15
    page[41:360:12, 30:270] = 0.15
    matrix = homography(SQUARE * [299, 399], quad)
    shape = (480, 640)
    covered = warp(np.ones_like(page), matrix, shape)
    desk = ndimage.gaussian_filter(rng.random(shape), 3)
    desk = 0.4 * (desk - desk.min()) / np.ptp(desk)
    light = np.linspace(0.65, 1, 640)
    photo = (warp(page, matrix, shape) + desk * (1 - covered)) * light
    return np.clip(photo + rng.normal(0, 0.02, shape), 0, 1)


@pytest.mark.parametrize(
    "quad",
    [
        [[150, 50], [430, 60], [470, 430], [120, 420]],
        [[230, 40], [500, 130], [400, 440], [110, 350]],  # turned by 18 degrees
        [[200, 90], [420, 90], [560, 400], [60, 400]],  # seen from far below
    ],
)
def test_the_page_is_found(quad):
    quad = np.array(quad, dtype=np.float64)
    for seed in range(3):
        photo = page_on_desk(seed, quad)
        found = find_page_quad(photo)
        assert found.dtype == np.float32
        assert np.abs(found - quad).max() < 2.5
    rgb = np.repeat(np.round(photo * 255).astype(np.uint8)[..., None], 3, axis=2)
    np.testing.assert_allclose(find_page_quad(rgb), found, atol=0.5)


def test_a_sharp_page_is_found_to_the_pixel():
    image = np.full((300, 400), 60, np.uint8)
    image[50:250, 100:300] = 220
    np.testing.assert_allclose(
        find_page_quad(image), [[100, 50], [299, 50], [299, 249], [100, 249]], atol=0.1
    )


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((100, 100)),
        np.ones((100, 100)),
        np.random.default_rng(0).random((200, 200)),
        np.ones((3, 200)),
        np.tile(np.linspace(0, 1, 200), (100, 1)),  # a shadow is no page
        np.hypot(*np.mgrid[-100:100, -100:100]) < 60,  # nor is a plate
    ],
    ids=["black", "white", "noise", "thin", "ramp", "disc"],
)
def test_no_page_is_found_where_there_is_none(image):
    assert find_page_quad(image) is None

"""Lens distortion: the model, its inverse, straightened pictures, calibration from lines."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ocrlearn.image.rectify import RUNGS
from ocrlearn.image.undistort import (
    calibrate_from_lines,
    camera_matrix,
    distort,
    distort_points,
    undistort,
    undistort_points,
    undistortion_map,
)

CAMERA = np.array([[520.0, 0, 310], [0, 500, 245], [0, 0, 1]])
LENSES = {
    "none": (0.0,),
    "barrel": (-0.28,),
    "pincushion": (0.2, 0.05),
    "tangential": (-0.1, 0.02, 0.01, -0.008),
    "full": (-0.3, 0.12, 0.001, -0.002, -0.03),
}


def grid(height=480, width=640, step=40):
    x, y = np.meshgrid(np.arange(0.0, width, step), np.arange(0.0, height, step))
    return np.stack([x, y], axis=-1)


# --- points --------------------------------------------------------------------------------------


def test_distortion_worked_by_hand():
    # At (0.5, 0): radial 1 + 0.1 / 4 = 1.025, tangential p1 (r2) = 0.04 / 4 and p2 (3 r2) = 0.06.
    placed = distort(np.array([0.5, 0.0]), np.array([0.1, 0, 0.04, 0.08, 0]))
    np.testing.assert_allclose(placed, [0.5 * 1.025 + 0.08 * 0.75, 0.04 * 0.25])


@pytest.mark.parametrize("name", LENSES)
def test_points_agree_with_opencv(name):
    lens = np.pad(LENSES[name], (0, 5 - len(LENSES[name])))
    points = grid().reshape(-1, 2)
    rays = np.c_[(points - CAMERA[:2, 2]) / np.diag(CAMERA)[:2], np.ones(len(points))]
    oracle = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), CAMERA, lens)[0][:, 0]
    np.testing.assert_allclose(distort_points(points, CAMERA, LENSES[name]), oracle, atol=1e-9)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 300, 1e-12)
    middle = points[np.linalg.norm(rays[:, :2], axis=1) < 0.6]  # where its iteration converges
    oracle = cv2.undistortPointsIter(middle, CAMERA, lens, None, CAMERA, criteria)[:, 0]
    np.testing.assert_allclose(undistort_points(middle, CAMERA, LENSES[name]), oracle, atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(0, 639),
    st.floats(0, 479),
    st.floats(-0.25, 0.5),
    st.floats(-0.02, 0.1),
    st.floats(-0.01, 0.01),
    st.floats(-0.01, 0.01),
)
def test_there_and_back(x, y, k1, k2, p1, p2):
    lens = (k1, k2, p1, p2)
    placed = distort_points([x, y], CAMERA, lens)
    np.testing.assert_allclose(undistort_points(placed, CAMERA, lens), [x, y], atol=1e-5)


def test_points_out_of_the_lenss_reach_are_nan():
    """r - r^3 / 3 is at most 2/3, at r = 1."""
    camera = np.diag([100.0, 100, 1])
    found = undistort_points([[66.0, 0], [68.0, 0], [0.0, -300]], camera, [-1 / 3])
    assert np.isfinite(found[0]).all()
    assert 85 < found[0, 0] < 100
    assert np.isnan(found[1:]).all()


def test_shapes_are_kept():
    for shape in ((2,), (0, 2), (3, 4, 2)):
        points = np.ones(shape)
        assert distort_points(points, CAMERA, [0.1]).shape == shape
        assert undistort_points(points, CAMERA, [0.1]).shape == shape


# --- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LENSES)
def test_undistort_agrees_with_opencv(name):
    """OpenCV rounds places to 1/32 of a pixel."""
    rng = np.random.default_rng(0)
    picture = ndimage.gaussian_filter(rng.random((480, 640)), 2)
    picture = np.round(255 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8)
    lens = np.array(LENSES[name])
    oracle = cv2.undistort(picture, CAMERA, np.pad(lens, (0, 5 - lens.size)))
    ours = undistort(picture, CAMERA, lens)
    assert ours.dtype == np.uint8
    difference = np.abs(ours.astype(int) - oracle)[2:-2, 2:-2]
    # But for beyond the fold, where OpenCV shows the picture a second time.
    beyond = np.isnan(undistortion_map(picture.shape, CAMERA, lens)).any(axis=-1)[2:-2, 2:-2]
    assert beyond.mean() < 0.02
    assert difference[~beyond].max() <= 4
    assert difference[~beyond].mean() < 0.5


def test_straight_lines_become_straight():
    """A grid photographed through a barrel lens, and taken back."""
    lens = [-0.25, 0.03]
    y, x = np.mgrid[:480, :640].astype(float)
    straight = undistort_points(np.stack([x, y], axis=-1), CAMERA, lens)
    photo = np.minimum(*(np.abs(np.mod(straight, 60) - 30)[..., i] for i in (0, 1))) > 2
    result = undistort(photo, CAMERA, lens)
    assert result.dtype == np.bool_
    lines = ~result[100:380, 100:540]
    on_grid = np.minimum(*(np.abs(np.mod(v, 60) - 30) for v in (x, y)))[100:380, 100:540]
    assert on_grid[lines].max() <= 3
    assert lines.mean() == pytest.approx(1 - (56 / 60) ** 2, rel=0.15)  # lines 4 wide, 60 apart


def test_nothing_to_undistort():
    picture = np.random.default_rng(0).integers(0, 256, (30, 41, 3), dtype=np.uint8)
    for rung in RUNGS:
        result = undistort(picture, camera_matrix(picture.shape), [0], rung=rung)
        np.testing.assert_array_equal(result, picture)
    one = np.full((1, 1), 7, np.uint8)
    np.testing.assert_array_equal(undistort(one, camera_matrix((1, 1)), [0.3]), one)


def test_rungs_agree():
    picture = np.random.default_rng(0).random((37, 50))
    camera = camera_matrix(picture.shape)
    reference, fast = (
        undistort(picture, camera, LENSES["full"], border=0.5, rung=rung) for rung in RUNGS
    )
    np.testing.assert_allclose(fast, reference, atol=1e-12)


def test_camera_of_an_unknown_picture():
    np.testing.assert_array_equal(
        camera_matrix((480, 640, 3)), [[640, 0, 319.5], [0, 640, 239.5], [0, 0, 1]]
    )
    assert camera_matrix((480, 640), 800)[1, 1] == 800


def test_skew_of_the_axes_is_honoured():
    skewed = CAMERA.copy()
    skewed[0, 1] = 12
    points = grid().reshape(-1, 2)
    placed = distort_points(points, skewed, [-0.1])
    np.testing.assert_allclose(undistort_points(placed, skewed, [-0.1]), points, atol=1e-6)
    assert np.abs(placed - distort_points(points, CAMERA, [-0.1])).max() > 0.1


@pytest.mark.parametrize(
    ("camera", "lens", "message"),
    [
        (np.eye(2), [0], "camera must have shape"),
        (np.diag([1.0, 1, 2]), [0], r"camera must be \[\[fx"),
        (np.diag([0.0, 1, 1]), [0], "positive focal lengths"),
        (np.diag([np.nan, 1, 1]), [0], "finite numbers"),
        (np.eye(3), [0, 0, 0], "distortion must be finite"),
        (np.eye(3), [], "distortion must be finite"),
        (np.eye(3), [np.inf], "distortion must be finite"),
    ],
)
def test_other_lenses_are_refused(camera, lens, message):
    for call in (
        lambda: undistort(np.zeros((4, 4)), camera, lens),
        lambda: distort_points([0, 0], camera, lens),
        lambda: undistort_points([0, 0], camera, lens),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match="points must have shape"):
        distort_points([1, 2, 3], np.eye(3), [0])


# --- calibration ---------------------------------------------------------------------------------


def photographed_lines(lens, noise=0.0, seed=0):
    """Edges and rules of a page all over a picture of 640 x 480, as the lens bends them."""
    rng = np.random.default_rng(seed)
    ends = [
        [[40, 30], [600, 45]],
        [[30, 450], [610, 430]],
        [[35, 40], [50, 440]],
        [[600, 50], [590, 450]],
        [[60, 150], [590, 160]],
        [[60, 330], [590, 320]],
    ]
    lines = []
    for start, end in np.array(ends, dtype=float):
        straight = start + np.linspace(0, 1, 40)[:, None] * (end - start)
        bent = distort_points(straight, camera_matrix((480, 640)), lens)
        lines.append(bent + rng.normal(0, noise, bent.shape))
    return lines


@pytest.mark.parametrize(
    ("lens", "model"),
    [((-0.2,), "k1"), ((0.15,), "k1"), ((-0.3, 0.1), "k1 k2"), ((-0.2, 0.05, 0.01, -0.005), None)],
)
def test_calibration_from_clean_lines_is_exact(lens, model):
    lines = photographed_lines(lens)
    found = calibrate_from_lines(lines, camera_matrix((480, 640)), model=model or "k1 k2 p1 p2")
    assert found.before > 1
    assert found.after < 1e-4
    np.testing.assert_allclose(found.distortion[: len(lens)], lens, atol=1e-3)
    np.testing.assert_array_equal(found.distortion[len(lens) :], 0)


def test_calibration_from_noisy_lines_with_false_points():
    lines = photographed_lines((-0.2,), noise=0.5)
    lines[0][7] += [0, 15]
    found = calibrate_from_lines(lines, camera_matrix((480, 640)))
    assert found.distortion[0] == pytest.approx(-0.2, abs=0.01)
    rim = np.array([[0.0, 0.0], [639, 479], [0, 240], [320, 0]])
    camera = camera_matrix((480, 640))
    expected = undistort_points(rim, camera, [-0.2])
    assert np.abs(undistort_points(rim, camera, found.distortion) - expected).max() < 5


def test_straight_lines_calibrate_to_nothing():
    found = calibrate_from_lines(photographed_lines((0.0,)), camera_matrix((480, 640)))
    np.testing.assert_allclose(found.distortion, 0, atol=1e-6)


def test_another_focal_length_only_rescales_the_coefficient():
    lines = photographed_lines((-0.2,))
    other = camera_matrix((480, 640), 320)
    found = calibrate_from_lines(lines, other)
    assert found.distortion[0] == pytest.approx(-0.2 / 4, abs=1e-3)
    straight = [undistort_points(line, other, found.distortion) for line in lines]
    for line in straight:
        assert np.linalg.svd(line - line.mean(axis=0))[1][1] < 0.01


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "at least one curve"),
        ([[[0, 0], [1, 1]]], r"lines\[0\] must have shape"),
        ([[[0, 0], [1, 1], [2, 2]], [[5, 5]] * 4], r"lines\[1\] must be finite points"),
        ([[[0, 0], [1, np.nan], [2, 2]]], r"lines\[0\] must be finite points"),
    ],
)
def test_calibration_refuses(lines, message):
    with pytest.raises(ValueError, match=message):
        calibrate_from_lines(lines, camera_matrix((480, 640)))


def test_calibration_refuses_other_models():
    with pytest.raises(ValueError, match="model must be one of"):
        calibrate_from_lines(photographed_lines((0.0,)), CAMERA, model="k3")

"""Mean shift: steps worked by hand, edges that stay, OpenCV and scikit-learn as yardsticks."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import data
from sklearn.cluster import MeanShift

from ocrlearn.cluster.mean_shift import (
    RUNGS,
    mean_shift_convergence,
    mean_shift_filter,
    mean_shift_modes,
    mean_shift_path,
    mean_shift_segment,
    mode_path,
)

images = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))
rungs = pytest.mark.parametrize("rung", RUNGS)


@rungs
class TestByHand:
    def test_one_step(self, rung):
        # The window of the pixel of 10 holds 10, 20, 24 (30 is too far in space, 90 in colour): the
        # mean is 18 at x = 2.
        image = np.array([[90, 10, 20, 24, 30]], np.uint8)
        colours, places = mean_shift_convergence(image, 2, 20, iterations=1, rung=rung)
        assert colours[0, 1] == 18
        assert places[0, 1].tolist() == [2, 0]

    def test_distances_are_euclidean_and_inclusive(self, rung):
        image = np.array([[[0, 0, 0], [2, 3, 6]]], np.uint8)  # 7 apart
        joined = mean_shift_filter(image, 1, 7, iterations=1, rung=rung)
        apart = mean_shift_filter(image, 1, 6.99, iterations=1, rung=rung)
        assert joined.tolist() == [[[1, 2, 3], [1, 2, 3]]]  # 1.5 is rounded to 2, the even number
        np.testing.assert_array_equal(apart, image)

    def test_the_window_is_a_square(self, rung):
        # Only the corners, 2.8 pixels away, have the colour of the centre.
        image = np.full((5, 5), 200, np.uint8)
        image[::4, ::4] = 103
        image[2, 2] = 100
        assert mean_shift_filter(image, 2, 10, iterations=1, rung=rung)[2, 2] == 102  # 102.4
        assert mean_shift_filter(image, 1, 10, iterations=1, rung=rung)[2, 2] == 100

    def test_halves_go_to_the_even_number(self, rung):
        image = np.array([[10, 11]], np.uint8)
        assert mean_shift_filter(image, 1, 5, iterations=1, rung=rung).tolist() == [[10, 10]]
        image = np.array([[11, 12]], np.uint8)
        assert mean_shift_filter(image, 1, 5, iterations=1, rung=rung).tolist() == [[12, 12]]

    def test_segments(self, rung):
        image = np.array([[10, 12, 90], [11, 13, 92], [91, 90, 91], [200, 10, 11]], np.uint8)
        labels, count = mean_shift_segment(image, 1, 10, rung=rung)
        assert labels.tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 1], [2, 3, 3]]
        assert count == 4

    def test_modes_on_a_line(self, rung):
        points = np.array([[0], [1], [2], [10], [11]], np.float32)
        found = mean_shift_modes(points, 3.0, rung=rung)
        assert found.modes.ravel().tolist() == [1, 10.5]
        assert found.counts.tolist() == [3, 2]
        assert found.labels.tolist() == [0, 0, 0, 1, 1]


class TestFilter:
    def test_equals_opencv_but_for_halves(self):
        image = np.ascontiguousarray(data.astronaut()[60:190, 150:310])
        for spatial, colour in ((8, 16), (4, 30), (15, 8)):
            expected = cv2.pyrMeanShiftFiltering(image, spatial, colour, maxLevel=0)
            difference = np.abs(mean_shift_filter(image, spatial, colour).astype(int) - expected)
            # OpenCV multiplies sums by a rounded 1 / count, so a few exact halves go the other way,
            # and what follows such a step may differ by a little more.
            assert (difference == 0).all(axis=2).mean() > 0.998
            assert difference.max() <= 2

    def test_noise_goes_and_the_edge_stays(self):
        random = np.random.default_rng(0)
        image = np.where(np.arange(40) < 20, 60, 180) + random.normal(0, 5, (30, 40))
        filtered = mean_shift_filter(image.astype(np.uint8), 6, 30, iterations=20)
        left, right = filtered[:, :20], filtered[:, 20:]
        assert np.abs(left.astype(int) - 60).max() <= 3
        assert np.abs(right.astype(int) - 180).max() <= 3

    @given(image=images, radius=st.integers(1, 4), colour=st.integers(0, 100))
    def test_colours_stay_within_the_range_of_the_image(self, image, radius, colour):
        filtered = mean_shift_filter(image, radius, colour)
        assert (filtered >= image.min(axis=(0, 1))).all()
        assert (filtered <= image.max(axis=(0, 1))).all()

    @given(image=images)
    def test_with_a_range_of_0_nothing_changes_its_colour(self, image):
        np.testing.assert_array_equal(mean_shift_filter(image, 3, 0), image)

    @given(image=images, colour=st.integers(1, 60))
    def test_channels_are_alike(self, image, colour):
        filtered = mean_shift_filter(image, 2, colour)
        swapped = mean_shift_filter(image[..., ::-1], 2, colour)
        np.testing.assert_array_equal(swapped, filtered[..., ::-1])

    def test_gray_is_a_colour_image_of_one_channel(self):
        gray = data.camera()[200:240, 200:250]
        alone = mean_shift_filter(gray, 4, 20)
        # In three equal channels every distance is longer by the root of 3.
        colour = mean_shift_filter(np.repeat(gray[..., None], 3, axis=2), 4, 20 * 3**0.5 + 1e-9)
        assert alone.shape == gray.shape
        # The rule for stopping counts the change of each channel, so a last step may be left out.
        assert (np.abs(colour[..., 0].astype(int) - alone) <= 1).mean() > 0.99

    def test_input_is_not_modified(self):
        image = np.random.default_rng(1).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        before = image.copy()
        mean_shift_segment(image, 2, 50)
        np.testing.assert_array_equal(image, before)


class TestPath:
    def test_leads_from_the_pixel_to_its_mode(self):
        image = np.ascontiguousarray(data.astronaut()[100:130, 100:140])
        colours, places = mean_shift_convergence(image, 5, 25)
        for y, x in ((0, 0), (29, 39), (15, 20), (7, 31)):
            path = mean_shift_path(image, x, y, 5, 25)
            assert path[0].tolist() == [x, y, *image[y, x]]
            assert path[-1].tolist() == [*places[y, x], *colours[y, x]]
            assert len(path) <= 6

    def test_steps_stay_in_the_window(self):
        image = np.random.default_rng(2).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        path = mean_shift_path(image, 3, 10, 4, 150, iterations=50, tolerance=0)
        assert np.abs(np.diff(path[:, :2], axis=0)).max() <= 4
        assert np.linalg.norm(np.diff(path[:, 2:], axis=0), axis=1).max() <= 150

    def test_a_step_of_at_most_the_tolerance_is_the_last(self):
        image = np.array([[10, 12, 14, 16]], np.uint8)
        path = mean_shift_path(image, 0, 0, 2, 10, iterations=9, tolerance=0)
        assert path.tolist() == [[0, 0, 10], [1, 0, 12], [2, 0, 13], [2, 0, 13]]
        # The first step goes 1 pixel and 2 gray levels: 1 + 2 * 2.
        assert len(mean_shift_path(image, 0, 0, 2, 10, iterations=9, tolerance=5)) == 2
        assert len(mean_shift_path(image, 0, 0, 2, 10, iterations=9, tolerance=4)) == 3

    def test_among_points(self):
        points = np.array([[0], [1], [2], [10]], np.float32)
        path = mode_path(points, [0.0], 1.5)
        assert path.ravel().tolist() == [0, 0.5, 1, 1]


class TestSegment:
    def test_letters_come_out_whole(self):
        image = np.full((30, 60, 3), 230, np.uint8)
        cv2.putText(image, "HI", (5, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 20, 90), 4)
        noisy = image + np.random.default_rng(3).integers(-6, 7, image.shape)
        labels, count = mean_shift_segment(noisy.clip(0, 255).astype(np.uint8), 4, 40)
        ink = image.max(axis=2) < 150
        solid = cv2.erode(ink.astype(np.uint8), np.ones((3, 3))) > 0
        assert count >= 3
        assert len(np.unique(labels[solid])) == 2  # an H and an I
        assert (
            len(np.unique(labels[~cv2.dilate(ink.astype(np.uint8), np.ones((3, 3))).astype(bool)]))
            == 1
        )

    @given(image=images, radius=st.integers(1, 3), colour=st.integers(0, 120))
    def test_labels_are_numbered_in_raster_order_and_connected(self, image, radius, colour):
        labels, count = mean_shift_segment(image, radius, colour)
        values, first = np.unique(labels, return_index=True)
        assert values.tolist() == list(range(count))
        assert (np.diff(first) > 0).all()
        for label in range(count):
            assert cv2.connectedComponents((labels == label).astype(np.uint8))[0] == 2


class TestModes:
    @pytest.mark.parametrize("dimensions", [1, 2, 3])
    def test_as_scikit_learn(self, dimensions):
        random = np.random.default_rng(4)
        centres = 9 * random.permutation(4)[:, None] * np.ones(dimensions)
        points = np.concatenate(
            [random.normal(c, 1, (30 + 20 * i, dimensions)) for i, c in enumerate(centres)]
        )
        found = mean_shift_modes(points, 3.0)
        model = MeanShift(bandwidth=3.0).fit(points)
        np.testing.assert_allclose(found.modes, model.cluster_centers_, atol=0.02)
        np.testing.assert_array_equal(found.labels, model.labels_)

    @given(
        points=hnp.arrays(
            np.float32,
            st.tuples(st.integers(1, 25), st.integers(1, 3)),
            elements=st.integers(-20, 20).map(np.float32),
        ),
        bandwidth=st.integers(1, 15),
    )
    def test_modes_are_apart_and_populated(self, points, bandwidth):
        found = mean_shift_modes(points, bandwidth)
        apart = np.linalg.norm(found.modes[:, None] - found.modes, axis=2)
        assert (apart[~np.eye(len(apart), dtype=bool)] > bandwidth * (1 - 1e-6)).all()
        assert (found.counts >= 1).all()
        assert (np.diff(found.counts) <= 0).all()
        assert found.labels.max() < len(found.modes)

    def test_one_point_is_its_own_mode(self):
        found = mean_shift_modes(np.array([[3.0, 4.0]]), 1.0)
        assert (found.modes.tolist(), found.counts.tolist()) == ([[3, 4]], [1])

    def test_few_seeds_may_find_few_modes(self):
        points = np.array([[0.0], [1.0], [50.0]])
        found = mean_shift_modes(points, 3.0, seeds=np.array([[1.0], [200.0]]))
        assert found.modes.ravel().tolist() == [0.5]
        assert found.labels.tolist() == [0, 0, 0]


IMAGE = np.zeros((4, 5, 3), np.uint8)
POINTS = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: mean_shift_filter([[1]]), TypeError, "image must be a uint8 array, got list"),
        (lambda: mean_shift_filter(IMAGE[..., :2]), ValueError, r"image must have shape \(H, W\)"),
        (lambda: mean_shift_filter(IMAGE[:0]), ValueError, "with at least one pixel, got"),
        (lambda: mean_shift_filter(IMAGE / 255), TypeError, "image must be uint8, got dtype float"),
        (lambda: mean_shift_filter(IMAGE, 0), ValueError, r"spatial_radius must lie in \[1, 500\]"),
        (lambda: mean_shift_filter(IMAGE, 1.5), ValueError, "spatial_radius must be an integer"),
        (lambda: mean_shift_filter(IMAGE, 2, -1), ValueError, "range_radius must lie in"),
        (lambda: mean_shift_filter(IMAGE, iterations=0), ValueError, "iterations must lie in"),
        (lambda: mean_shift_filter(IMAGE, tolerance=-1), ValueError, "tolerance must lie in"),
        (lambda: mean_shift_filter(IMAGE, rung="gpu"), ValueError, "no rung 'gpu'"),
        (lambda: mean_shift_segment(IMAGE, "8"), TypeError, "spatial_radius must be an integer"),
        (lambda: mean_shift_path(IMAGE, 5, 0), ValueError, r"x must lie in \[0, 4\], got 5"),
        (lambda: mean_shift_path(IMAGE, 0, -1), ValueError, r"y must lie in \[0, 3\], got -1"),
        (lambda: mean_shift_modes(POINTS, 0), ValueError, r"bandwidth must lie in \(0, inf\], got"),
        (lambda: mean_shift_modes(POINTS, 1, iterations=0), ValueError, "iterations must lie in"),
        (lambda: mean_shift_modes(POINTS, 1, tolerance=-1), ValueError, "tolerance must lie in"),
        (lambda: mean_shift_modes(POINTS[0], 1), ValueError, r"points must have shape \(N, D\)"),
        (
            lambda: mean_shift_modes(POINTS, 1, seeds=POINTS[:, :1]),
            ValueError,
            "seeds must have as",
        ),
        (
            lambda: mean_shift_modes(POINTS, 1, seeds=POINTS + 99),
            ValueError,
            "no point lies within",
        ),
        (lambda: mean_shift_modes(np.ones((2, 97)), 1, rung="cuda"), ValueError, "up to 96 coord"),
        (lambda: mode_path(POINTS, [1.0], 1), ValueError, "start must have as many coordinates"),
        (
            lambda: mode_path(POINTS, [[1.0, 2.0]], 1),
            ValueError,
            r"start must have shape \(D,\), got",
        ),
    ],
)
def test_errors_say_what_came_and_what_is_wanted(call, error, words):
    with pytest.raises(error, match=words):
        call()

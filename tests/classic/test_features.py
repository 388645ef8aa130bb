"""What the classifier sees: place tells letters apart, size and neighbours do not."""

import numpy as np
import pytest

from ocrlearn.classic import features
from ocrlearn.classic.hog import hog
from ocrlearn.classic.oversegment import component_cuts, runs_of_primitives


def strip_of(*boxes, width=80):
    ink = np.zeros((features.STRIP_HEIGHT, width), np.float32)
    for left, top, right, bottom in boxes:
        ink[top:bottom, left:right] = 1
    return ink


def describe(ink, max_pieces=1):
    cuts = component_cuts(ink)
    candidates = runs_of_primitives(ink, cuts, features.X_HEIGHT, max_pieces=max_pieces)
    return features.describe(ink, cuts, candidates), candidates


def test_moving_along_the_line_changes_nothing_but_moving_up_does():
    here, _ = describe(strip_of((10, 15, 20, 35)))
    there, _ = describe(strip_of((41, 15, 51, 35)))
    above, _ = describe(strip_of((10, 5, 20, 25)))
    np.testing.assert_allclose(here, there, atol=1e-5)
    assert np.abs(here - above).max() > 0.3


def test_neighbours_are_not_seen():
    alone, _ = describe(strip_of((30, 15, 40, 35)))
    among, _ = describe(strip_of((22, 10, 28, 35), (30, 15, 40, 35), (43, 15, 60, 40)))
    np.testing.assert_allclose(alone[0], among[1], atol=1e-5)


def test_the_own_box_fills_the_square_whatever_its_size():
    ink = strip_of((10, 15, 26, 31))
    cuts = component_cuts(ink)
    candidates = runs_of_primitives(ink, cuts, features.X_HEIGHT)
    windows = np.zeros((1, features.STRIP_HEIGHT, features.WINDOW_WIDTH), np.float32)
    windows[0, 15:31, 16:32] = 1
    square = features._scaled_boxes(windows, candidates.boxes)[0]
    assert square.shape == (features.BOX_SIDE, features.BOX_SIDE)
    # 16 pixels and one more on each side are shown on 32: the ink's edge is at 32 / 18.
    profile = square[16]
    assert profile[:1].max() < 0.5 < profile[2:30].min()
    assert profile[31] < 0.5
    assert profile[16] == 1


def test_geometry_is_in_x_heights():
    numbers, _ = describe(strip_of((10, 15, 20, 35), (26, 15, 30, 25)), max_pieces=2)
    geometry = numbers[:, -22:-11]  # squares follow
    # Candidates: the first bar, both, the second bar.
    np.testing.assert_allclose(geometry[:, 0], [1, 1, 1], atol=1e-6)  # top above the baseline
    np.testing.assert_allclose(geometry[:, 1], [0, 0, -0.5], atol=1e-6)  # bottom below it
    np.testing.assert_allclose(geometry[:, 2], [0.5, 1, 0.2], atol=1e-6)  # width
    np.testing.assert_allclose(geometry[:, 7], [0, 0.3, 0], atol=1e-6)  # gap inside
    np.testing.assert_allclose(numbers[:, -11:], geometry**2, atol=1e-6)


def test_line_window_is_the_plain_descriptor():
    ink = strip_of((16, 15, 32, 35), width=48)
    numbers, _ = describe(ink)
    plain = hog(ink, cell=features.CELL).ravel()
    np.testing.assert_allclose(numbers[0, : len(plain)], plain, atol=1e-6)


def test_contrast_is_stretched_to_the_inside_of_the_strokes():
    ink = strip_of((10, 15, 20, 35)) * 0.4
    np.testing.assert_allclose(features.normalise_contrast(ink), ink / 0.4, atol=1e-6)
    assert not features.normalise_contrast(np.zeros((48, 5), np.float32)).any()


@pytest.mark.parametrize("width", [1, 100])
def test_extreme_widths_give_finite_numbers(width):
    numbers, candidates = describe(strip_of((5, 20, 5 + width, 24), width=120))
    assert numbers.shape == (len(candidates), 1246)
    assert np.isfinite(numbers).all()

"""Pages on a bent sheet before a camera."""

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.image.deskew import ink_weights
from ocrlearn.image.dewarp import TextLine, baseline_deviation, find_curl, find_text_lines
from ocrlearn.image.rectify import warp
from ocrlearn.image.sheet import Sheet, find_sheet

SHAPE = (480, 600)
FOCAL_LENGTH = 600.0


@pytest.fixture(scope="module")
def flat_page(text_page, shrink):
    return shrink(text_page(540, 400))


def photograph(page, turn, bend):
    """Print the page on a sheet and take its picture; the map carries its points to the picture."""
    sheet = Sheet(SHAPE, FOCAL_LENGTH, np.array(turn, dtype=float), bend)
    middle = (np.array(page.shape[::-1]) - 1) / 2
    pixels = np.stack(np.meshgrid(np.arange(SHAPE[1]), np.arange(SHAPE[0])), axis=-1)
    picture = warp(page, sheet.to_flat(pixels) + middle, border=255)
    return picture, lambda points: sheet.to_source(points - middle)


# --- the model -----------------------------------------------------------------------------------


def test_a_flat_frontal_sheet_is_its_picture():
    sheet = Sheet(SHAPE, FOCAL_LENGTH, np.zeros(3), (0.0, 0.0))
    points = np.array([[0.0, 0.0], [599, 0], [123.4, 56.7]])
    np.testing.assert_allclose(sheet.to_flat(points), points - [299.5, 239.5], atol=1e-9)


def test_projection_worked_by_hand():
    """Turned by 90 degrees about its rulings, one unit across is one unit closer or further."""
    sheet = Sheet((101, 101), 100.0, np.array([0, np.pi / 2, 0]), (0.0, 0.0))
    # (u, v) = (25, 10) lies at x = 0, y = 10, z = -25, that is at a distance of 75.
    np.testing.assert_allclose(sheet.project(np.array([[25.0, 10.0]])), [[50, 50 + 1000 / 75]])
    # A parabola of height 101 (1/2)^2 a at half the unit, seen from above.
    sheet = Sheet((101, 101), 100.0, np.zeros(3), (0.4, 0.0))
    height, slope = sheet.height_and_slope(np.array([50.5]))
    np.testing.assert_allclose([height[0], slope[0]], [10.1, 0.4])
    seen = sheet.project(np.array([[50.5, 20.0]]))
    np.testing.assert_allclose(seen, [[50 + 50.5 * 100 / 110.1, 50 + 20 * 100 / 110.1]])


def test_arc_length_of_a_parabola():
    """The length of z = a u^2 / w is known in closed form."""
    sheet = Sheet((101, 101), 100.0, np.zeros(3), (0.5, 0.0))
    u = 80.0
    slope = u / 101
    expected = 101 / 2 * (slope * np.hypot(1, slope) + np.arcsinh(slope))
    arc = sheet.to_flat(sheet.project(np.array([[u, 0.0]])))[0, 0]
    assert arc == pytest.approx(expected, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*(st.floats(-0.4, 0.4),) * 3),
    st.tuples(*(st.floats(-0.4, 0.4),) * 2),
    st.floats(0, 599),
    st.floats(0, 479),
)
def test_there_and_back(turn, bend, x, y):
    sheet = Sheet(SHAPE, 1000.0, np.array(turn), bend)
    np.testing.assert_allclose(sheet.to_source(sheet.to_flat([x, y])), [x, y], atol=1e-4)


# --- found sheets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "bend"),
    [
        ((0.45, 0.0, 0.0), (0.4, 0.0)),
        ((0.45, 0.1, 0.03), (0.3, -0.4)),
        ((-0.4, -0.15, 0.0), (-0.3, 0.3)),
    ],
)
def test_angles_and_bends_are_recovered(flat_page, turn, bend):
    picture, to_picture = photograph(flat_page, turn, bend)
    sheet = find_sheet(picture, focal_length=FOCAL_LENGTH)
    np.testing.assert_allclose(sheet.turn, turn, atol=0.03)
    np.testing.assert_allclose(sheet.bend, bend, atol=0.06)

    grid = np.stack(np.meshgrid(np.linspace(40, 500, 30), np.linspace(40, 360, 10)), axis=-1)
    placed = sheet.to_flat(to_picture(grid))
    level = placed[..., 1] - placed[..., 1].mean(axis=1, keepdims=True)
    assert np.abs(level).max() < 1
    scale = np.polyfit(grid[..., 0].ravel(), placed[..., 0].ravel(), 1)
    assert np.abs(placed[..., 0] - np.polyval(scale, grid[..., 0])).max() < 4

    flattened = sheet.flatten(picture)
    assert flattened.shape == sheet.flat_shape
    assert baseline_deviation(find_text_lines(ink_weights(flattened) > 0.1)) < 0.3


def test_widths_come_back_that_the_field_cannot_see(flat_page):
    picture, to_picture = photograph(flat_page, (0.4, 0.0, 0.0), (0.5, 0.0))
    grid = np.stack(np.meshgrid(np.linspace(40, 500, 30), np.linspace(40, 360, 10)), axis=-1)
    misplaced = {}
    for found in (find_sheet(picture, focal_length=FOCAL_LENGTH), find_curl(picture)):
        x = found.to_flat(to_picture(grid))[..., 0]
        misplaced[type(found)] = np.std(
            x - np.polyval(np.polyfit(grid[0, :, 0], x.T, 1), grid.T[0]).T
        )
    sheets, curls = misplaced.values()
    assert sheets < 1
    assert curls > 5 * sheets


def test_a_photograph_whose_camera_is_unknown_still_comes_out_level():
    """Cropped, so its middle is not the optical axis. Half as straight as by the field."""
    page = skimage.data.page()
    sheet = find_sheet(page)
    lines = [
        TextLine(flat, flat, line.height)
        for line in sheet.lines[:7]
        for flat in [sheet.to_flat(line.baseline)]
    ]
    assert baseline_deviation(lines) < 0.5 < baseline_deviation(sheet.lines[:7])


def test_all_of_the_picture_is_on_the_flat_page(flat_page):
    picture, _ = photograph(flat_page, (0.2, 0.05, 0.03), (0.2, 0.1))
    sheet = find_sheet(picture)
    height, width = SHAPE
    outline = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1], [width / 2, 0]]
    x, y = sheet.to_flat(outline).T
    assert min(x.min(), y.min()) >= -0.01
    assert x.max() <= sheet.flat_shape[1] - 0.99
    assert y.max() <= sheet.flat_shape[0] - 0.99
    places = sheet.source_map()
    rows, columns = np.mgrid[: sheet.flat_shape[0] : 9, : sheet.flat_shape[1] : 9]
    exact = sheet.to_source(np.stack([columns, rows], axis=-1))
    np.testing.assert_allclose(places[::9, ::9], exact, atol=0.1)


@pytest.mark.parametrize("shape", [(30, 50), (1, 1), (2, 90)])
def test_without_text_the_picture_is_taken_for_flat(shape):
    blank = np.full(shape, 220, np.uint8)
    sheet = find_sheet(blank)
    assert sheet.bend == (0.0, 0.0)
    np.testing.assert_array_equal(sheet.turn, 0)
    assert sheet.flat_shape == shape
    np.testing.assert_array_equal(sheet.flatten(blank), blank)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="focal_length must lie in"):
        find_sheet(np.zeros((9, 9)), focal_length=0)
    with pytest.raises(ValueError, match="image must have shape"):
        find_sheet(np.zeros((9, 9, 2)))
    with pytest.raises(ValueError, match="the shape the page was found on"):
        find_sheet(np.zeros((9, 9))).flatten(np.zeros((9, 8)))

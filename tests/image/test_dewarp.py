"""Curled pages, flattened along their lines of text."""

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.geometry import transform_points
from ocrlearn.image.deskew import find_skew, ink_weights
from ocrlearn.image.dewarp import (
    TextLine,
    baseline_deviation,
    dewarp,
    find_curl,
    find_text_lines,
    robust_cubic,
)
from ocrlearn.image.rectify import homography, rotate, rotation, warp


@pytest.fixture(scope="module")
def level(text_page, shrink):
    return shrink(text_page(640, 400))


def arch(x, height=30.0, centre=0.4, width=0.25, page_width=640):
    """Rise of an open book's page, seen from below."""
    return height * np.exp(-0.5 * ((x / page_width - centre) / width) ** 2)


def bend(page: np.ndarray, rise, shear_with_y: float = 0.0):
    """Move each column up by `rise(x)`, more so further down; returns the picture and the map.

    The map carries points of the flat page to the picture.
    """
    height, width = page.shape[:2]
    room = int(np.ceil(rise(np.arange(width)).max() * (1 + shear_with_y))) + 5

    def to_picture(points):
        x, y = np.moveaxis(np.asarray(points, dtype=float), -1, 0)
        return np.stack([x, y + room - rise(x) * (1 + shear_with_y * y / height)], axis=-1)

    x, y = np.meshgrid(np.arange(width, dtype=float), np.arange(height + 2 * room, dtype=float))
    lift = rise(x)
    flat_y = (y - room + lift) / (1 - shear_with_y * lift / height)
    return warp(page, np.stack([x, flat_y], axis=-1), border=255), to_picture


def straightness(curl, to_picture, rows=(50, 150, 250, 350), columns=(40, 600)):
    """Largest distance of the images of level lines from being level, on the flattened page."""
    x = np.linspace(*columns, 50)
    worst = 0.0
    for y in rows:
        line = curl.to_flat(to_picture(np.stack([x, np.full(50, float(y))], axis=-1)))
        worst = max(worst, np.abs(line[:, 1] - line[:, 1].mean()).max())
    return worst


# --- lines of text -------------------------------------------------------------------------------


def test_every_line_of_a_page_is_found(text_page, shrink):
    for count in (1, 3, 7):
        lines = find_text_lines(shrink(text_page(640, 400, lines=count)) < 128)
        assert len(lines) == count
        starts = [line.baseline[0, 1] for line in lines]
        np.testing.assert_allclose(np.diff(starts), 24, atol=4)  # drawn 24 pixels apart
        for line in lines:
            assert (np.diff(line.baseline[:, 0]) >= -2).all()  # from left to right
            assert (line.top[:, 1] < line.baseline[:, 1]).all()
            assert 6 <= line.height <= 14


def test_the_baseline_is_where_it_was_drawn():
    """Ten black squares, the fourth hanging below the line and the seventh standing out above."""
    ink = np.zeros((60, 220), bool)
    for i in range(10):
        top, bottom = 20 - 6 * (i == 6), 32 + 5 * (i == 3)
        ink[top:bottom, 10 + 20 * i : 22 + 20 * i] = True
    (line,) = find_text_lines(ink)
    assert line.height == 12
    assert np.median(line.baseline[:, 1]) == 31.5  # the lower edge of row 31
    assert np.median(line.top[:, 1]) == 19.5
    np.testing.assert_allclose(robust_cubic(line.baseline, 12), 31.5, atol=1e-6)
    assert line.baseline[:, 1].max() == 36.5
    assert line.top[:, 1].min() == 13.5
    assert baseline_deviation([line]) < 1e-6


def test_deviation_worked_by_hand():
    """A parabola over [-1, 1] is x^2 - 1/3 about its mean: RMS sqrt(1/5 - 1/9)."""
    x = np.linspace(0, 200, 2001)
    points = np.stack([x, 9 * ((x - 100) / 100) ** 2], axis=1)
    line = TextLine(points, points - [0, 10], 10.0)
    assert baseline_deviation([line]) == pytest.approx(9 * np.sqrt(1 / 5 - 1 / 9), rel=1e-3)
    assert baseline_deviation([]) == 0


@pytest.mark.parametrize("degrees", [-12, 8])
def test_lines_are_followed_along_a_given_angle(text_page, shrink, degrees):
    page = shrink(text_page(640, 400, lines=8))
    level = find_text_lines(page < 128)
    ink = rotate(page, np.radians(degrees), border=255) < 128
    lines = find_text_lines(ink, angle=np.radians(degrees))
    assert len(lines) == 8
    reach = np.cos(np.radians(degrees)) * np.array([np.ptp(line.top[:, 0]) for line in level])
    lines.sort(key=lambda line: line.baseline[:, 1].mean())
    for line, extent in zip(lines, reach, strict=True):
        assert np.ptp(line.top[:, 0]) == pytest.approx(extent, abs=12)
        slope = np.polyfit(*line.baseline.T, 1)[0]
        assert np.degrees(np.arctan(-slope)) == pytest.approx(degrees, abs=0.4)


@pytest.mark.parametrize(
    "ink",
    [
        np.zeros((0, 0), bool),
        np.zeros((5, 5), bool),
        np.ones((50, 50), bool),
        np.eye(40, dtype=bool),
        np.random.default_rng(0).random((80, 80)) < 0.02,
    ],
    ids=["empty", "blank", "full", "diagonal", "specks"],
)
def test_no_lines(ink):
    if ink.size == 0:
        with pytest.raises(ValueError, match="at least 1 x 1"):
            find_text_lines(ink)
    else:
        assert find_text_lines(ink) == []


def test_gray_images_are_not_masks():
    with pytest.raises(TypeError, match="ink must be bool"):
        find_text_lines(np.zeros((5, 5), np.uint8))


# --- curled pages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rise", "shear"),
    [
        (arch, 0.0),
        (lambda x: arch(x, height=-25, centre=0.6), 0.0),
        (lambda x: arch(x, height=50, centre=0.0, width=0.2), 0.0),  # the fold on the left
        (arch, 0.8),  # nearly twice as bent at the bottom as at the top
        (lambda x: 0.1 * x, 0.3),  # lines that converge
    ],
    ids=["arch", "hollow", "fold", "growing", "perspective"],
)
def test_known_curls_are_undone(level, rise, shear):
    picture, to_picture = bend(level, rise, shear)
    curl = find_curl(picture)
    assert not curl.is_flat
    x = np.linspace(40, 600, 50)
    before = np.ptp(to_picture(np.stack([x, 0 * x + 200], axis=-1))[:, 1])
    assert before > 15
    assert straightness(curl, to_picture) < 1.5
    flattened = curl.flatten(picture)
    assert flattened.shape == curl.flat_shape
    assert baseline_deviation(find_text_lines(ink_weights(flattened) > 0.1)) < 0.4


def test_a_few_lines_are_enough(text_page, shrink):
    picture, to_picture = bend(shrink(text_page(640, 200, lines=3)), arch)
    assert straightness(find_curl(picture), to_picture, rows=(40, 65, 88)) < 1.0


def test_a_curled_page_that_lies_askew(level):
    picture, to_picture = bend(level, arch)
    turn, shape = rotation(picture.shape, np.radians(7))
    askew = warp(picture, turn, shape, border=255)
    curl = find_curl(askew)
    assert 3 < np.degrees(curl.angle) < 9
    assert straightness(curl, lambda points: transform_points(to_picture(points), turn)) < 1.5


def test_a_flat_page_seen_at_an_angle(level):
    height, width = level.shape
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    quad = corners + np.array([[20, 30], [-10, 0], [5, 20], [-15, 0]])
    view = homography(corners, quad)
    picture = warp(level, view, (height + 40, width + 20), border=255)
    curl = find_curl(picture)
    assert straightness(curl, lambda points: transform_points(points, view)) < 1.0


def test_the_photographed_page():
    """The bars: every baseline straight to a quarter of a pixel, ten times better than before."""
    page = skimage.data.page()
    before = baseline_deviation(find_text_lines(ink_weights(page) > 0.1))
    curl = find_curl(page)
    assert len(curl.lines) >= 7
    for line in curl.lines[:7]:  # not the one that the border of the picture cuts through
        flat = curl.to_flat(line.baseline)
        assert baseline_deviation([TextLine(flat, flat, line.height)]) < 0.25
    after = baseline_deviation(find_text_lines(ink_weights(dewarp(page)) > 0.1)[:7])
    assert before > 1.4
    assert after < 0.25


def test_the_title_of_the_photographed_page_guides_the_rest():
    """Each line is predicted by the others: leave one out and straighten it all the same."""
    page = skimage.data.page()
    ink = ink_weights(page) > 0.1
    lines = find_text_lines(ink)
    for left_out in (1, 3):
        low = int(lines[left_out].top[:, 1].min()) + 2
        high = int(lines[left_out].baseline[:, 1].max()) - 2
        without = ink.copy()
        without[low:high] = False
        curl = find_curl(without)
        flat = curl.to_flat(lines[left_out].baseline)
        before = baseline_deviation([lines[left_out]])
        assert baseline_deviation([TextLine(flat, flat, 9.0)]) < min(0.5, before)


# --- the map -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def askew_curl(level):
    picture, _ = bend(level, arch, 0.5)
    turn, shape = rotation(picture.shape, np.radians(3))
    return find_curl(warp(picture, turn, shape, border=255))


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 660), st.floats(0, 450))
def test_there_and_back(askew_curl, x, y):
    """Any point, on the page or beside it."""
    point = np.array([x, y])
    np.testing.assert_allclose(askew_curl.to_source(askew_curl.to_flat(point)), point, atol=1e-6)
    np.testing.assert_allclose(askew_curl.to_flat(askew_curl.to_source(point)), point, atol=1e-6)


def test_points_and_pixels_go_the_same_way(askew_curl):
    places = askew_curl.source_map()
    assert places.shape == (*askew_curl.flat_shape, 2)
    y, x = np.mgrid[: askew_curl.flat_shape[0] : 7, : askew_curl.flat_shape[1] : 7]
    exact = askew_curl.to_source(np.stack([x, y], axis=-1))
    np.testing.assert_allclose(places[::7, ::7], exact, atol=0.1)


def test_all_of_the_picture_is_on_the_flat_page(askew_curl):
    height, width = askew_curl.shape
    outline = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1], [width / 2, 0]]
    x, y = askew_curl.to_flat(outline).T
    assert min(x.min(), y.min()) >= 0
    assert x.max() <= askew_curl.flat_shape[1] - 1
    assert y.max() <= askew_curl.flat_shape[0] - 1


def test_quads_keep_their_shape(askew_curl):
    quads = np.arange(24.0).reshape(3, 4, 2) * 10
    assert askew_curl.to_source(quads).shape == (3, 4, 2)
    assert askew_curl.to_flat(quads).shape == (3, 4, 2)


@pytest.mark.parametrize("kind", ["mask", "color", "float"])
def test_flatten_keeps_kinds_of_images(level, kind):
    picture, _ = bend(level, arch)
    image = {
        "mask": picture < 128,
        "color": np.repeat(picture[..., None], 3, axis=2),
        "float": (picture / 255).astype(np.float32),
    }[kind]
    before = image.copy()
    flat = dewarp(image)
    np.testing.assert_array_equal(image, before)
    assert flat.dtype == image.dtype
    assert flat.ndim == image.ndim
    ink = flat if kind == "mask" else ink_weights(flat) > 0.1
    assert baseline_deviation(find_text_lines(ink)) < 0.5


def test_beside_the_picture_lies_paper():
    """No new edges: the picture's own shade goes on, also where it is dark."""
    flat = dewarp(skimage.data.page())
    corner = flat[-4:, :10].astype(float)  # below the dark lower left of the photograph
    assert corner.mean() == pytest.approx(skimage.data.page()[-30:, :10].max(), abs=45)
    assert flat[-4:, 350:].min() > 150  # below its bright lower right


def test_flatten_refuses_other_pictures(askew_curl):
    with pytest.raises(ValueError, match="the shape the page was found on"):
        askew_curl.flatten(np.zeros((5, 5), np.uint8))


# --- pages with nothing to undo ------------------------------------------------------------------


def test_a_flat_page_is_spared(level):
    curl = find_curl(level)
    assert curl.is_flat
    result = dewarp(level)
    np.testing.assert_array_equal(result, level)
    assert not np.shares_memory(result, level)


def test_a_page_askew_is_turned_not_sheared(text_page, shrink):
    curl = find_curl(shrink(text_page(640, 400), 5))
    assert np.degrees(curl.angle) == pytest.approx(5, abs=0.15)
    square = np.array([[300.0, 200.0], [310.0, 200.0], [300.0, 210.0]])
    a, b, c = curl.to_flat(square)
    assert abs((b - a) @ (c - a)) < 2  # still a right angle, of sides 10


@pytest.mark.parametrize(
    "image",
    [
        np.full((30, 50), 255, np.uint8),
        np.zeros((30, 50), np.uint8),
        np.zeros((1, 1), bool),
        np.full((2, 300, 3), 200, np.uint8),
        np.random.default_rng(0).random((90, 120)),
    ],
    ids=["white", "black", "pixel", "two rows", "noise"],
)
def test_pages_without_text_stay_as_they_are(image):
    curl = find_curl(image)
    assert curl.is_flat
    assert curl.flat_shape == image.shape[:2]
    np.testing.assert_array_equal(dewarp(image), image)
    points = np.array([[0.0, 0.0], [0.5, 0.25]])
    np.testing.assert_allclose(curl.to_flat(points), points)
    np.testing.assert_allclose(curl.to_source(points), points)


def test_skew_alone_would_not_do(level):
    """What deskewing leaves of an arch is most of it."""
    picture, to_picture = bend(level, arch)
    skew = find_skew(picture)
    turn, _ = rotation(picture.shape, -skew.angle)
    x = np.linspace(40, 600, 50)
    turned = transform_points(to_picture(np.stack([x, 0 * x + 200], axis=-1)), turn)
    assert np.ptp(turned[:, 1]) > 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pieces": (8,)}, "pieces must be two numbers"),
        ({"pieces": (0, 2)}, r"pieces\[0\] must lie in"),
        ({"pieces": (8, 65)}, r"pieces\[1\] must lie in"),
        ({"smoothness": 0}, "smoothness must lie in"),
        ({"image": np.zeros((4, 4, 4), np.uint8)}, "image must have shape"),
    ],
)
def test_find_curl_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_curl(**{"image": np.zeros((9, 9), bool), **arguments})

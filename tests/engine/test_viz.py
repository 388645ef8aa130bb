"""The annotated picture: right places, right colours, readable sizes, no harm to the input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.document import Character, Line, Page, Word
from ocrlearn.engine.viz import BLUE, GREEN, VERMILION, draw_page
from ocrlearn.geometry import rotated_box_to_quad


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def one_word(width: int, height: int, quad: np.ndarray, score: float = 0.9, text: str = "word"):
    return Page([Line(quad, [Word(text, quad, score)])], width, height, "classical")


def near(picture: np.ndarray, color: tuple[int, int, int], tolerance: int = 40) -> np.ndarray:
    return (np.abs(picture.astype(int) - color) <= tolerance).all(axis=2)


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    """First and last column and row, as (x0, y0, x1, y1)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1], rows[-1]


def panels(picture: np.ndarray, color=(255, 255, 255)) -> np.ndarray:
    """Rows on which the white of a white image and of the paper begins and ends."""
    white = near(picture, color, 0).mean(axis=1) > 0.5
    return np.flatnonzero(np.diff(white.astype(int)))


@pytest.mark.parametrize(
    ("width", "line_height", "drawn"),
    [
        (120, 10, 960),  # eight times, the most
        (400, 10, 1440),  # until a line has 36 pixels
        (400, 40, 1100),  # until the picture is wide enough
        (6000, 200, 1100),  # large letters: reduced to the same
        (6000, 20, 2000),  # small letters: reduced no more than the largest width asks for
    ],
)
def test_size_of_the_picture(width, line_height, drawn):
    height = width // 4
    quad = box(10, 10, width / 2, 10 + line_height)
    picture = draw_page(np.full((height, width), 255, np.uint8), one_word(width, height, quad))
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.shape[1] == drawn + 56  # and a border


def test_frame_lies_where_the_word_is():
    """The frame of columns 20 to 80, rows 30 to 50 of a 200 x 100 page, by hand."""
    image = np.full((100, 200), 255, np.uint8)
    picture = draw_page(image, one_word(200, 100, box(19.5, 29.5, 80.5, 50.5)))
    edges = panels(picture)
    assert len(edges) >= 2
    top = edges[0] + 1
    scale = 1100 / 200
    x0, y0, x1, y1 = extent(near(picture, BLUE)[: picture.shape[0] // 2])
    left = int(np.flatnonzero(near(picture, (255, 255, 255), 0)[top + 4])[0])
    assert (x0 - left) / scale == pytest.approx(20, abs=0.6)
    assert (x1 - left + 1) / scale == pytest.approx(81, abs=0.6)
    assert (y0 - top) / scale == pytest.approx(30, abs=0.6)
    assert (y1 - top + 1) / scale == pytest.approx(51, abs=0.6)


def test_text_is_set_where_it_was_read():
    image = np.full((100, 200), 255, np.uint8)
    quad = box(19.5, 29.5, 80.5, 50.5)
    picture = draw_page(image, one_word(200, 100, quad))
    half = picture.shape[0] // 2
    frame = extent(near(picture, BLUE)[:half])
    ink = extent((picture.max(axis=2) < 90)[half:])
    below = (picture.shape[0] - 56 - 28 - 20) // 2 + 20  # one panel's height and the gap
    x0, y0, x1, y1 = ink[0], ink[1] + half - below, ink[2], ink[3] + half - below
    assert frame[0] - 3 <= x0
    assert frame[1] - 3 <= y0
    assert x1 <= frame[2] + 3
    assert y1 <= frame[3] + 3
    assert x1 - x0 > 0.6 * (frame[2] - frame[0]) or y1 - y0 > 0.6 * (frame[3] - frame[1])


def test_an_unsure_word_is_marked_and_counted():
    image = np.full((100, 200), 255, np.uint8)
    quad = box(20, 30, 80, 50)
    sure = draw_page(image, one_word(200, 100, quad, score=0.5))
    unsure = draw_page(image, one_word(200, 100, quad, score=0.49))
    assert not near(sure, VERMILION, 20).any()
    assert near(sure, BLUE).any()
    half = unsure.shape[0] // 2
    assert near(unsure, VERMILION, 20)[56:half].any()
    assert near(unsure, VERMILION, 20)[half:].any()
    assert near(unsure, VERMILION, 20)[:56].any()  # "1 unsure" in the caption


def test_lines_alternate_in_colour():
    image = np.full((100, 200), 255, np.uint8)
    quads = [box(20, 10, 180, 30), box(20, 50, 180, 70)]
    page = Page([Line(quad, [Word("w", quad, 1.0)]) for quad in quads], 200, 100)
    picture = draw_page(image, page)
    half = picture.shape[0] // 2
    blue, green = (extent(near(picture, color)[:half]) for color in (BLUE, GREEN))
    assert blue[3] < green[1]


def test_a_turned_line_is_set_along_its_direction():
    """The principal axis of the ink points along the line, 0.4 radians up."""
    quad = rotated_box_to_quad(np.array([200, 200, 300, 30, 0.4], np.float32))
    image = np.full((400, 400), 255, np.uint8)
    picture = draw_page(image, one_word(400, 400, quad, text="mmmmmmmmmmmmmmmm"))
    ink = (picture.max(axis=2) < 90)[60:]
    y, x = np.nonzero(ink)
    assert x.min() > picture.shape[1] // 2  # beside the image, for it is not wide
    _, vectors = np.linalg.eigh(np.cov(x, -y))
    along = vectors[:, 1]
    assert abs(np.arctan(along[1] / along[0]) - 0.4) < 0.02


def test_characters_are_divided():
    image = np.full((100, 200), 255, np.uint8)
    quad = box(20, 30, 80, 50)
    letters = [Character("a", box(20, 30, 50, 50), 1.0), Character("b", box(50, 30, 80, 50), 1.0)]
    page = Page([Line(quad, [Word("ab", quad, 1.0, letters)])], 200, 100, "classical")
    with_cut, without = draw_page(image, page), draw_page(image, one_word(200, 100, quad, 1, "ab"))
    changed = extent((with_cut != without).any(axis=2))
    assert changed[2] - changed[0] <= 4
    assert changed[3] - changed[1] > 80


@pytest.mark.parametrize("kind", ["uint8", "bool", "float32", "rgb", "strided"])
def test_every_kind_of_image(kind):
    rng = np.random.default_rng(0)
    gray = rng.integers(0, 2, (60, 90), dtype=np.uint8) * np.uint8(255)
    image = {
        "uint8": gray,
        "bool": gray > 0,
        "float32": (gray / 255).astype(np.float32),
        "rgb": np.stack([gray] * 3, axis=2),
        "strided": np.repeat(gray, 2, axis=1)[:, ::2],
    }[kind]
    before = image.copy()
    page = one_word(90, 60, box(10, 10, 50, 30))
    picture = draw_page(image, page)
    np.testing.assert_array_equal(picture, draw_page(gray, page))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_degenerate_images_and_empty_pages(shape):
    height, width = shape
    picture = draw_page(np.zeros(shape, np.uint8), Page([], width, height))
    assert picture.ndim == 3


@settings(max_examples=30, deadline=None)
@given(
    st.text(max_size=6),
    st.floats(-1e4, 1e4, width=32),
    st.floats(-1e4, 1e4, width=32),
    st.floats(0, 1e5, width=32),
    st.floats(0, 1e5, width=32),
    st.floats(-3, 3, width=32),
)
def test_any_text_anywhere_can_be_drawn(text, x, y, w, h, angle):
    quad = rotated_box_to_quad(np.array([x, y, w, h, angle], np.float64)).astype(np.float32)
    letters = [Character(letter, quad, 0.5) for letter in text]
    page = Page([Line(quad, [Word(text, quad, 0.4, letters)]), Line(quad)], 40, 30)
    assert draw_page(np.zeros((30, 40), np.uint8), page).ndim == 3


def test_a_page_of_another_size_is_refused():
    with pytest.raises(ValueError, match="this image of 200 x 100 pixels, got a page of 100 x 200"):
        draw_page(np.zeros((100, 200), np.uint8), Page([], 100, 200))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="unsure must lie in"):
        draw_page(np.zeros((5, 5), np.uint8), Page([], 5, 5), unsure=1.5)
    with pytest.raises(ValueError, match="image must have shape"):
        draw_page(np.zeros((5, 5, 4), np.uint8), Page([], 5, 5))


def test_colours_are_those_of_the_figures():
    from ocrlearn.course import figures

    for ours, theirs in [
        (BLUE, figures.BLUE),
        (GREEN, figures.GREEN),
        (VERMILION, figures.VERMILION),
    ]:
        assert "#{:02X}{:02X}{:02X}".format(*ours) == theirs

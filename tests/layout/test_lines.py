"""Text lines: what is found on rendered pages, straight, bent, sloping and in columns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from ocrlearn.data.synth.fonts import matplotlib_font_folder
from ocrlearn.layout.lines import TextLine, find_lines, straighten, typical_height

FONT = ImageFont.truetype(str(matplotlib_font_folder() / "DejaVuSans.ttf"), 30)
X_HEIGHT = -FONT.getbbox("x", anchor="ls")[1]
TEXT = [
    "The quick brown fox jumps over",
    "the lazy dog, and some more text",
    "follows on a third line.",
]


def page(lines, width=620, height=200):
    """Ink of lines ``(x, baseline, text)``."""
    picture = Image.new("L", (width, height))
    for x, y, text in lines:
        ImageDraw.Draw(picture).text((x, y), text, font=FONT, fill=255, anchor="ls")
    return np.asarray(picture) > 127


def three_lines():
    return page([(20, 50 + 50 * i, text) for i, text in enumerate(TEXT)])


def test_frames_of_straight_lines():
    lines, labels = find_lines(three_lines())
    assert len(lines) == 3
    for index, line in enumerate(lines):
        # Pillow's baseline is a pixel edge: ink stands on row 49 + 50 i, whose edge is half beyond.
        assert line.baseline(300.0) == pytest.approx(49.5 + 50 * index, abs=0.6)
        assert line.x_height == pytest.approx(X_HEIGHT, abs=1.2)
        assert line.x_height_is_sure
        assert not line.is_cut
        assert abs(line.slope) < 0.002
    everything = np.concatenate([line.members for line in lines])
    assert sorted(everything) == list(range(1, labels.max() + 1))


@pytest.mark.parametrize("bend", [0, -25, 25])
@pytest.mark.parametrize("slope", [-0.06, 0.06])
def test_bent_and_sloping_lines_are_followed(bend, slope):
    ink = page([(40, 90 + 60 * i, text) for i, text in enumerate(TEXT)], height=330)
    x = np.arange(620)
    shift = slope * (x - 310) + bend * ((x - 310) / 310) ** 2
    rows = np.arange(330)[:, None] - shift
    bent = ndimage.map_coordinates(
        ink.astype(float), [rows, np.broadcast_to(x, rows.shape)], order=1
    )
    lines, _ = find_lines(bent > 0.5)
    assert len(lines) == 3
    for index, line in enumerate(lines):
        inside = x[int(line.left) : int(line.right)]
        truth = 89.5 + 60 * index + shift[inside]
        assert np.abs(line.baseline(inside) - truth).max() < 2
        assert line.x_height == pytest.approx(X_HEIGHT, abs=1.5)


def test_marks_belong_to_their_line():
    lines, _ = find_lines(page([(20, 50, "I've it: “no,” i.e."), (20, 110, "- so. (1)")]))
    assert len(lines) == 2
    assert lines[0].right > 20 + FONT.getlength("I've it: “no,” i.e.") - 8
    assert lines[1].left < 26


def test_columns_are_kept_apart_and_wide_word_spaces_are_not():
    column = [(20, 40 + 40 * i, "left column ab") for i in range(5)]
    column += [(300, 40 + 40 * i, "right column") for i in range(5)]
    lines, _ = find_lines(page(column, height=240))
    assert len(lines) == 10
    lines, _ = find_lines(page([(20, 50, "one   wide   space   here")]))
    assert len(lines) == 1


def test_capitals_alone_leave_the_x_height_open():
    lines, _ = find_lines(page([(20, 60, "NATIONAL RECORD 1993")]))
    assert len(lines) == 1
    assert not lines[0].x_height_is_sure


def test_a_rule_is_no_text():
    ink = three_lines()
    ink[60:62, 10:600] = True
    assert len(find_lines(ink)[0]) == 3


def test_a_line_cut_by_the_border_is_marked():
    ink = three_lines()[: 50 + 50 * 2 - 8]
    lines, _ = find_lines(ink)
    assert [line.is_cut for line in lines] == [False, False, True]
    alone, _ = find_lines(three_lines()[20:50])  # a tight crop is all there is
    assert [line.is_cut for line in alone] == [False]


@pytest.mark.parametrize(
    "ink",
    [np.zeros((40, 40), bool), np.ones((40, 40), bool), np.eye(1, dtype=bool), np.eye(7) > 2],
)
def test_pages_without_text(ink):
    lines, labels = find_lines(ink)
    assert labels.shape == ink.shape
    assert all(line.right > line.left for line in lines)


def test_noise_gives_no_error():
    rng = np.random.default_rng(0)
    for density in (0.01, 0.1, 0.5):
        find_lines(rng.random((80, 120)) < density)


def test_typical_height_ignores_specks_and_rules():
    letters = np.array([[10.0 * i, 0, 10 * i + 8, 12] for i in range(5)])
    specks = np.array([[10.0 * i, 3, 10 * i + 1, 4] for i in range(30)])
    rule = np.array([[0.0, 20, 300, 22]])
    assert typical_height(np.concatenate([letters, specks, rule])) == 12
    assert typical_height(np.zeros((0, 4))) == 0


def flat_line(left=10.0, right=90.0, baseline=30.0, x_height=10.0):
    box = np.array([[left, baseline - x_height, right, baseline]])
    return TextLine(np.array([1]), box, Polynomial([baseline]), x_height)


def test_straightening_puts_baseline_and_x_height_where_they_belong():
    image = np.zeros((50, 100), np.float32)
    image[20:30, 10:90] = 1  # rows 20 to 29: from the edge 19.5 to the edge 29.5
    line = flat_line(left=9.5, right=89.5, baseline=29.5)
    strip = straighten(image, line, x_height=20, height=48, baseline_row=35)
    filled = np.flatnonzero(strip.image[:, strip.image.shape[1] // 2] > 0.5)
    assert (filled.min(), filled.max()) == (15, 34)


@given(
    x=st.floats(0, 100), y=st.floats(0, 48), bend=st.floats(-0.01, 0.01), x_height=st.floats(5, 40)
)
@settings(max_examples=50, deadline=None)
def test_the_way_back_inverts_the_straightening(x, y, bend, x_height):
    image = np.zeros((100, 200), np.float32)
    line = TextLine(
        np.array([1]), np.array([[20.0, 30, 180, 60]]), Polynomial([50, 0.1, bend]), x_height
    )
    strip = straighten(image, line, x_height=20, height=48, baseline_row=35)
    image_x, image_y = strip.to_image(x, y)
    # The definition: columns are spaced by the scale, rows count from the baseline.
    scale = x_height / 20
    assert image_x == pytest.approx(20 - 0.5 * x_height + (x - 0.5) * scale)
    assert image_y == pytest.approx(line.baseline(image_x) + (y - 35) * scale)
    quad = strip.quad((x, y, x + 5, y + 6))
    np.testing.assert_allclose(quad[0], [image_x, image_y], rtol=1e-5)
    assert quad[2, 1] > quad[1, 1]


def test_a_bent_line_is_straight_afterwards():
    x = np.arange(300)
    baseline = Polynomial([60, 0.02, -0.0004])
    image = np.zeros((100, 300), np.float32)
    for column, base in zip(x, baseline(x.astype(float)), strict=True):
        image[round(base) - 9 : round(base) + 1, column] = 1
    line = TextLine(np.array([1]), np.array([[0.0, 20, 299, 60]]), baseline, 10.0)
    strip = straighten(image, line, x_height=10, height=30, baseline_row=20).image
    bottoms = [np.flatnonzero(column > 0.5).max() for column in strip.T if (column > 0.5).any()]
    assert np.ptp(bottoms) <= 1


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"ink must be a bool mask of shape \(H, W\), got uint8"):
        find_lines(np.zeros((5, 5), np.uint8))
    with pytest.raises(ValueError, match="reach"):
        find_lines(np.zeros((5, 5), bool), reach=0)
    with pytest.raises(ValueError, match="x_height"):
        straighten(np.zeros((5, 5)), flat_line(), x_height=0, height=10, baseline_row=5)

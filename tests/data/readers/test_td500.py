"""MSRA-TD500: boxes turned clockwise about their centres."""

import numpy as np
import pytest
from data.readers.made_up import checked, image, plain, text_file, upright
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.data.readers import DataFormatError
from ocrlearn.data.readers._files import Line
from ocrlearn.data.readers.td500 import _read_line, read_td500


def folder(root, text):
    image(root / "MSRA-TD500" / "train" / "IMG_0030.JPG")
    text_file(root / "MSRA-TD500" / "train" / "IMG_0030.gt", text)
    return root


def test_lines_by_hand(tmp_path):
    quarter = np.pi / 2
    folder(tmp_path, f"0 0 10 20 100 30 0.0\n1 1 0 0 40 20 {quarter}\n")
    for root in (tmp_path, tmp_path / "MSRA-TD500"):
        (sample,) = checked(read_td500(root))
        straight, turned = (plain(line) for line in sample.instances)
        assert straight == {"polygon": upright(10, 20, 110, 50), "text": None, "level": "line"}
        # About (20, 10), clockwise by a quarter: text that is read downwards, its top at the right.
        expected = [[30, -10], [30, 30], [10, 30], [10, -10]]
        np.testing.assert_allclose(turned.pop("polygon"), expected, atol=1e-5)
        rest = {"text": None, "level": "line", "ignore": True, "attributes": ("difficult",)}
        assert turned == rest


def test_a_positive_angle_descends_to_the_right():
    quad = _read_line(Line("gt", 1, "0 0 300 675 1232 112 0.053651")).polygon
    slope = (quad[1] - quad[0])[1] / (quad[1] - quad[0])[0]
    assert slope == pytest.approx(np.tan(0.053651), rel=1e-4)
    assert quad.mean(axis=0) == pytest.approx([916, 731])


def test_a_steep_line_is_read_along_its_long_side():
    # The long side of the tall box climbs at 90 degrees less the angle: text starts at its foot.
    quad = _read_line(Line("gt", 1, "0 0 950 231 56 244 0.716654")).polygon
    along = (quad[1] - quad[0]).astype(float)
    assert np.arctan2(-along[1], along[0]) == pytest.approx(np.pi / 2 - 0.716654, abs=1e-4)
    assert np.hypot(*along) == pytest.approx(244, abs=1e-2)
    falling = _read_line(Line("gt", 1, "0 0 950 231 56 244 -0.716654")).polygon
    along = (falling[1] - falling[0]).astype(float)
    assert np.arctan2(-along[1], along[0]) == pytest.approx(0.716654 - np.pi / 2, abs=1e-4)


def test_a_column_begins_at_its_top_left():
    quad = _read_line(Line("gt", 1, "0 0 10 20 30 200 0.0")).polygon
    assert quad.tolist() == upright(10, 20, 40, 220)


@given(
    *[st.integers(0, 2000)] * 2,
    *[st.integers(5, 900)] * 2,
    st.floats(-1.57, 1.57).map(lambda angle: round(angle, 6)),
)
def test_what_is_written_is_read(left, top, width, height, angle):
    height = min(width, height)
    quad = _read_line(Line("gt", 1, f"3 0 {left} {top} {width} {height} {angle}")).polygon
    center = quad.astype(float).mean(axis=0)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    box = (quad - center) @ back.T + center
    np.testing.assert_allclose(box, upright(left, top, left + width, top + height), atol=2e-3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0 1 2 3 4", "expected 7 numbers"),
        ("0 0 1 2 3 4 5 6", "expected 7 numbers"),
        ("0 0 1 2 3 4 x", "expected 7 numbers"),
        ("0 2 1 2 3 4 0.1", "expected 0 or 1"),
        ("0 0 1 2 -3 4 0.1", "expected a width and a height of at least 0"),
    ],
)
def test_malformed_lines_are_named(tmp_path, line, message):
    folder(tmp_path, f"0 0 10 20 100 30 0.0\n{line}\n")
    with pytest.raises(DataFormatError, match=rf"IMG_0030\.gt, line 2: {message}"):
        list(read_td500(tmp_path))


def test_an_image_without_labels_is_reported(tmp_path):
    image(folder(tmp_path, "") / "MSRA-TD500" / "train" / "IMG_0031.JPG")
    with pytest.raises(FileNotFoundError, match=r"IMG_0031\.JPG has no label file"):
        read_td500(tmp_path)

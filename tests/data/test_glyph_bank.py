import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ocrlearn.data.synth.fonts import find_fonts, gb2312_characters
from ocrlearn.data.synth.glyph_bank import (
    STYLES,
    FontFace,
    GlyphBank,
    area_resample,
    as_face,
    bank_faces,
    ink_slices,
    smooth_enlarge,
)

BANK = GlyphBank.load()
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


def test_the_bank_holds_what_it_should():
    needed = (
        gb2312_characters(1)
        + PROVINCES
        + string.printable.strip()
        + "，。、；：？！“”《》（）—…０９Ａｚ"
    )
    for style in STYLES:
        face = BANK.face(style)
        assert face.missing(needed) == ""
        assert face.covers(" \u3000")
        assert face.missing("a\U00020000中") == "\U00020000"
    assert len(BANK.characters & set(gb2312_characters(2))) == 1000
    assert BANK.source["characters"] == len(BANK.characters)
    assert "Open Font License" in BANK.source["licence"]
    assert GlyphBank.load() is BANK


@pytest.mark.parametrize("style", STYLES)
def test_every_character_has_ink_of_its_own(style):
    face = BANK.face(style)
    pictures = {}
    for character in BANK.characters:
        pictures.setdefault(face.rows[face.places[character]].tobytes(), []).append(character)
    alike = {frozenset(group) for group in pictures.values() if len(group) > 1}
    # Spaces, and a few signs that the designers drew alike (Greek and Latin letters are not here).
    assert frozenset(" \u3000") in alike
    assert all(not any("一" <= c <= "龥" for c in group) for group in alike), alike
    assert sum(map(len, alike)) <= 12, alike


@pytest.mark.parametrize("style", STYLES)
def test_characters_are_the_ones_they_are_called(style):
    face = BANK.face(style)
    parts = {"一": 1, "二": 2, "三": 3, "川": 3, "品": 3, "口": 1, "八": 2, "小": 3}
    holes = {"口": 1, "日": 2, "田": 4, "品": 3, "回": 1, "一": 0, "十": 0, "中": 2}
    corners = np.ones((3, 3))
    for character, number in parts.items():
        assert ndimage.label(face.bitmap(character), corners)[1] == number, character
    for character, number in holes.items():
        # "回" has its inner mouth standing free: a ring in a ring, whose paper falls in two.
        expected = number + 1 if character == "回" else number
        assert ndimage.label(~face.bitmap(character))[1] - 1 == expected, character


def test_latin_letters_look_like_those_of_another_font():
    other = next(font for font in find_fonts() if font.name == "DejaVu Sans Book")
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
    theirs = {c: _normalised(as_face(other), c) for c in letters}
    ours = {c: _normalised(BANK.face("sans"), c) for c in letters}
    nearest = {c: min(letters, key=lambda d: np.abs(ours[c] - theirs[d]).sum()) for c in letters}
    assert sum(c == d for c, d in nearest.items()) >= 24  # one by chance


def _normalised(face, character):
    ink = face.glyph(character, 60.0).coverage
    rows = np.linspace(0, ink.shape[0] - 1, 20).round().astype(int)
    columns = np.linspace(0, ink.shape[1] - 1, 14).round().astype(int)
    return ink[np.ix_(rows, columns)]


def test_advances():
    for style in STYLES:
        face = BANK.face(style)
        assert {face.advance(c) for c in gb2312_characters(1)} == {1.0}
        assert 0.2 < face.advance("i") < face.advance("n") < face.advance("W") < 1.1
        assert face.advance(" ") > 0.1


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from("永国鹰g。—W"),
    st.floats(6, 300),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(STYLES),
)
def test_glyphs_keep_their_area_and_lie_in_their_box(character, size, phase_x, phase_y, style):
    face = BANK.face(style)
    drawn = face.glyph(character, size, phase_x, phase_y)
    assert drawn.coverage.dtype == np.float32
    assert 0 <= drawn.coverage.min() <= drawn.coverage.max() <= 1
    area = float(face.bitmap(character).sum()) * (size / face.em) ** 2
    assert drawn.coverage.sum() == pytest.approx(area, rel=1e-4 if size <= face.em else 0.02)
    x0, y0, x1, y1 = drawn.box
    height, width = drawn.coverage.shape
    assert (drawn.left, drawn.top) == (np.floor(x0), np.floor(y0))
    assert (drawn.left + width, drawn.top + height) == (np.ceil(x1), np.ceil(y1))
    moved = face.glyph(character, size)
    np.testing.assert_allclose(np.array(drawn.box)[::2] - phase_x / 4, np.array(moved.box)[::2])
    np.testing.assert_allclose(np.array(drawn.box)[1::2] - phase_y / 4, np.array(moved.box)[1::2])


def test_where_a_character_stands():
    for style in STYLES:
        box = BANK.face(style).glyph("国", 100.0).box
        assert 0 < box[0] < 15
        assert 85 < box[2] < 100
        assert -88 < box[1] < -70  # above the baseline
        assert 0 < box[3] < 12  # and a little below it
        assert BANK.face(style).glyph("。", 100.0).box[2] < 50  # in the left half of its square
        assert BANK.face(style).glyph("E", 100.0).box[3] == pytest.approx(0, abs=1.1)


def test_a_space_leaves_no_ink():
    drawn = BANK.coverage(" ", 30)
    assert drawn.coverage.shape == (0, 0)
    assert drawn.box is None


def test_coverage_is_the_same_as_the_face_gives():
    drawn, same = BANK.coverage("永", 31.5, (1, 2), style="serif"), BANK.face("serif")
    np.testing.assert_array_equal(drawn.coverage, same.glyph("永", 31.5, 1, 2).coverage)
    assert [face.name for face in bank_faces()] == ["Noto Sans CJK SC", "Noto Serif CJK SC"]


def test_an_installed_font_is_a_face_too():
    font = find_fonts()[0]
    face = as_face(font)
    assert isinstance(face, FontFace)
    assert as_face(face) is face
    assert (face.name, face.characters) == (font.name, font.characters)
    assert face.advance("m") > face.advance("i")
    assert face.glyph("m", 20.0).box is not None


@pytest.mark.parametrize(
    ("steps", "origin"),
    [((0.25, 0.5), (1.5, -2.25)), ((1, 1), (0, 0)), ((2.5, 1.25), (-3.5, 0.75))],
)
def test_area_resampling_equals_counting_fine_squares(steps, origin):
    bitmap = np.random.default_rng(3).random((11, 7)) < 0.5
    fine = 8  # every length above is a whole number of eighths
    across, down = int(steps[0] * fine), int(steps[1] * fine)
    counted = np.zeros((60 * fine, 60 * fine))
    large = np.repeat(np.repeat(bitmap, down, axis=0), across, axis=1)
    x, y = int((origin[0] + 20) * fine), int((origin[1] + 20) * fine)
    counted[y : y + large.shape[0], x : x + large.shape[1]] = large
    counted = counted.reshape(60, fine, 60, fine).mean(axis=(1, 3))
    coverage, left, top = area_resample(bitmap, steps, origin)
    height, width = coverage.shape
    np.testing.assert_allclose(
        coverage, counted[top + 20 : top + 20 + height, left + 20 : left + 20 + width], atol=1e-6
    )
    assert coverage.sum() == pytest.approx(counted.sum(), rel=1e-6)


def test_enlarged_edges_are_smooth_and_stay_in_place():
    staircase = np.add.outer(np.arange(24), np.arange(24)) < 24  # a diagonal edge
    large = smooth_enlarge(staircase, 8)
    y, x = np.mgrid[:192, :192]
    inside = x + y + 1 < 24.5 * 8  # halfway between the inner and outer corners of the stairs
    middle = slice(32, 160)
    blocks = np.repeat(np.repeat(staircase, 8, axis=0), 8, axis=1)
    wrong = (large != inside)[middle, middle].sum()
    assert wrong < 0.3 * (blocks != inside)[middle, middle].sum()
    bar = np.zeros((9, 9), bool)
    bar[4] = True
    assert ink_slices(smooth_enlarge(bar, 5)) == (slice(20, 25), slice(0, 45))


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match="no '㊣'"):
        BANK.coverage("㊣", 30)
    with pytest.raises(ValueError, match="no '㊣'"):
        BANK.face("serif").advance("㊣")
    with pytest.raises(ValueError, match=r"style.*'bold'"):
        BANK.face("bold")
    with pytest.raises(ValueError, match="size"):
        BANK.coverage("中", 0)

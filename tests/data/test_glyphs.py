import shutil
import string
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont, features

from ocrlearn.data.synth import glyphs
from ocrlearn.data.synth.fonts import find_fonts
from ocrlearn.data.synth.glyphs import GRID, advance, glyph, kerning, x_height

FONTS = {font.name: font for font in find_fonts()}
SERIF = FONTS["DejaVu Serif Book"]


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow was built without raqm")
@pytest.mark.parametrize("name", sorted(FONTS))
def test_widths_and_kerning_agree_with_harfbuzz(name):
    font = FONTS[name]
    harfbuzz = ImageFont.truetype(str(font.path), 1000, layout_engine=ImageFont.Layout.RAQM)
    for pair in ("AV", "To", "Wa", "P,", "ab", "11", "r."):
        ours = 1000 * (advance(font, pair[0]) + advance(font, pair[1]) + kerning(font, *pair))
        theirs = harfbuzz.getlength(pair, features=["kern", "-liga"])
        assert ours == pytest.approx(theirs, abs=1), pair  # a thousandth of an em


def test_kerning_by_hand():
    # DejaVu Serif: 2048 units per em; its table moves V towards A by 102.
    assert kerning(SERIF, "A", "V") == pytest.approx(-102 / 2048, abs=1e-4)
    assert kerning(FONTS["DejaVu Sans Mono Book"], "A", "V") == 0
    assert kerning(FONTS["Computer Modern Roman"], "A", "V") == 0  # neither GPOS nor kern


def test_metrics_are_read_once_and_the_file_is_closed(tmp_path):
    # Processes that inherit an open file share its position, and then read each other's tables.
    copy = tmp_path / "copy.ttf"
    shutil.copy(SERIF.path, copy)
    font = replace(SERIF, path=copy)
    assert advance(font, "i") == advance(SERIF, "i")
    copy.unlink()
    assert advance(font, "M") == advance(SERIF, "M")
    assert kerning(font, "A", "V") == kerning(SERIF, "A", "V")


def test_threads_may_measure_fonts_for_the_first_time_together():
    letters = string.ascii_letters

    def measured(_):
        return [
            (advance(font, one), kerning(font, one, other))
            for font in FONTS.values()
            for one, other in zip(letters, letters[1:] + "a", strict=True)
        ]

    wanted = measured(0)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        glyphs._metrics.cache_clear()
        with ThreadPoolExecutor(4) as threads:
            assert all(found == wanted for found in threads.map(measured, range(4)))
    finally:
        sys.setswitchinterval(interval)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from("aegijlMQ.,'"),
    st.integers(8, 60),
    st.integers(0, GRID - 1),
    st.integers(0, GRID - 1),
)
def test_box_is_where_the_ink_is_and_moves_with_the_pen(character, size, phase_x, phase_y):
    still = glyph(SERIF, size, character)
    moved = glyph(SERIF, size, character, phase_x, phase_y)
    shift = np.array([phase_x, phase_y, phase_x, phase_y]) / GRID
    np.testing.assert_allclose(np.array(moved.box) - still.box, shift, atol=1e-9)
    # Moving ink between pixels neither makes nor destroys any.
    assert moved.coverage.sum() == pytest.approx(still.coverage.sum(), rel=1e-4)
    x0, y0, x1, y1 = moved.box
    height, width = moved.coverage.shape
    # Within the raster, up to the rim that is less than half covered.
    assert moved.left <= x0
    assert x1 <= moved.left + width
    assert moved.top <= y0
    assert y1 <= moved.top + height
    assert moved.coverage.min() >= 0
    assert moved.coverage.max() <= 1


@pytest.mark.parametrize("name", sorted(FONTS))
def test_the_raster_ends_where_the_ink_ends(name):
    for character in "i.,-'W":
        drawn = glyph(FONTS[name], 20.3, character, 1, 2).coverage
        assert drawn[[0, -1]].any(axis=1).all()
        assert drawn[:, [0, -1]].any(axis=0).all()


def test_area_average_of_a_full_stop():
    dot = glyph(FONTS["DejaVu Sans Book"], 64, ".")  # a square in this font
    x0, y0, x1, y1 = dot.box
    assert dot.coverage.sum() == pytest.approx((x1 - x0) * (y1 - y0), rel=0.05)
    assert y1 == pytest.approx(0, abs=0.13)  # it stands on the baseline


def test_space_has_width_and_no_ink():
    blank = glyph(SERIF, 30, " ")
    assert blank.box is None
    assert blank.coverage.size == 0
    assert advance(SERIF, " ") > 0.2


def test_x_heights_are_those_of_the_designs():
    assert x_height(FONTS["DejaVu Sans Book"]) == pytest.approx(1120 / 2048, abs=0.005)
    assert x_height(FONTS["Computer Modern Roman"]) == pytest.approx(0.431, abs=0.005)


def test_a_character_that_is_not_covered_is_refused():
    with pytest.raises(ValueError, match=r"'Computer Modern Roman' cannot print '<'"):
        glyph(FONTS["Computer Modern Roman"], 20, "<")
    with pytest.raises(ValueError, match="cannot print"):
        advance(SERIF, "\u4e2d")

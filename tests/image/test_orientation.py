"""Pages on their side and upside down."""

import numpy as np
import pytest
import skimage.data

from ocrlearn.image.orientation import Orientation, find_orientation, turn_upright


@pytest.mark.parametrize("font", ["DejaVuSans.ttf", "STIXGeneral.ttf", "cmr10.ttf"])
def test_all_four_ways_are_told_apart(text_page, shrink, font):
    page = shrink(text_page(font=font), 1.5)
    for turns in range(4):
        turned = np.rot90(page, turns)
        orientation = find_orientation(turned)
        assert orientation.quarter_turns == turns
        assert np.degrees(orientation.angle) == pytest.approx(1.5, abs=0.1)
        assert orientation.upright_evidence > 2
        np.testing.assert_array_equal(turn_upright(turned), page)


def test_photograph_of_a_page():
    for turns in range(4):
        assert find_orientation(np.rot90(skimage.data.page(), turns)).quarter_turns == turns


def test_masks_are_accepted(text_page, shrink):
    assert find_orientation(np.rot90(shrink(text_page()), 2) < 128).quarter_turns == 2


def test_capitals_are_turned_level_but_tell_no_more(text_page, shrink):
    page = shrink(text_page(text="CAPITALS, EVEN WITH COMMAS, HAVE NEITHER HEIGHTS NOR DEPTHS. "))
    for turns in range(4):
        orientation = find_orientation(np.rot90(page, turns))
        assert orientation.quarter_turns % 2 == turns % 2
        assert orientation.quarter_turns in (0, 1)
        assert orientation.upright_evidence == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (60, 40)])
def test_blank_pages_are_left_alone(shape):
    blank = np.full(shape, 255, np.uint8)
    assert find_orientation(blank) == Orientation(0, 0.0, 0.0, 0.0)
    result = turn_upright(blank)
    np.testing.assert_array_equal(result, blank)
    assert not np.shares_memory(result, blank)


def test_noise_is_left_alone():
    assert find_orientation(np.random.default_rng(0).random((200, 200))).quarter_turns == 0


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="image must have shape"):
        find_orientation(np.zeros((3, 4, 5)))

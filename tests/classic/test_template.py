"""Template matching: scores by meaning, invariances, peaks, and what is refused."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import data

from ocrlearn.classic.template import (
    RUNGS,
    _tiling,
    match_template,
    normalized_cross_correlation,
)

RNG = np.random.default_rng(0)
PAGE = data.page()
FAST = [("fast", "direct"), ("fast", "fft")]
ALL = [*FAST, ("reference", "auto"), ("cuda", "direct"), ("cuda", "fft")]


def correlate(image, template, way):
    rung, method = way
    return normalized_cross_correlation(image, template, method, rung=rung)


@pytest.mark.parametrize("way", ALL)
def test_by_hand(way):
    """Windows (0, 2), (2, 1), (1, 1): up as the template goes up, down, and flat."""
    image = np.array([[0, 2, 1, 1]], np.uint8)
    scores = correlate(image, np.array([[10, 50]], np.uint8), way)
    np.testing.assert_allclose(scores, [[1, -1, 0]], atol=1e-6)
    # (1, 2, 4) and (3, 2, 7): deviations (-4, -1, 5) / 3 and (-1, -2, 3), product 21 / 3, squares
    # 42 / 9 and 14.
    scores = correlate(np.array([[1, 2, 4]], np.uint8), np.array([[3, 2, 7]], np.uint8), way)
    np.testing.assert_allclose(scores, [[7 / np.sqrt(42 / 9 * 14)]], atol=1e-6)


@pytest.mark.parametrize("way", FAST)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_score_is_the_correlation_coefficient_of_its_window(way, data):
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    image = data.draw(hnp.arrays(np.uint8, (height, width)))
    sides = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    template = data.draw(hnp.arrays(np.uint8, sides))
    scores = correlate(image, template, way)
    assert scores.shape == (height - sides[0] + 1, width - sides[1] + 1)
    for y, x in np.ndindex(scores.shape):
        window = image[y : y + sides[0], x : x + sides[1]].ravel()
        if window.std() == 0 or template.std() == 0:
            assert scores[y, x] == 0
        else:
            expected = np.corrcoef(window, template.ravel())[0, 1]
            # In float32 a nearly flat window beside strong ones loses digits.
            tolerance = 1e-5 if way[1] == "direct" else 1e-6 + 3e-6 * 255 / window.std()
            assert abs(scores[y, x] - expected) <= tolerance


@pytest.mark.parametrize("way", FAST)
@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0), (0.8, 0.2), (0.25, 0.7), (0.01, 0.99)])
def test_gain_and_offset_of_the_image_do_not_count(way, gain, offset):
    image = RNG.random((60, 80))
    template = image[20:33, 40:57]
    expected = correlate(image, template, way)
    np.testing.assert_allclose(correlate(gain * image + offset, template, way), expected, atol=2e-5)
    np.testing.assert_allclose(correlate(1 - image, template, way), -expected, atol=2e-5)


@pytest.mark.parametrize("way", FAST)
def test_a_copy_of_the_template_scores_one_where_it_lies(way):
    scores = correlate(PAGE, PAGE[100:131, 200:245], way)
    assert np.unravel_index(scores.argmax(), scores.shape) == (100, 200)
    assert scores.max() == pytest.approx(1, abs=1e-5)
    assert np.abs(scores).max() <= 1


@pytest.mark.parametrize("way", FAST)
def test_little_contrast_at_a_large_mean_keeps_its_digits(way):
    """Grays of 254 and 255 only: sums of squares of 65,000 that differ in the last places."""
    image = np.where(RNG.random((200, 200)) < 0.5, 254, 255).astype(np.uint8)
    template = image[90:120, 50:90]
    expected = correlate((image - 254) * np.uint8(255), template, way)
    np.testing.assert_allclose(correlate(image, template, way), expected, atol=1e-5)


@pytest.mark.parametrize("way", FAST)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_windows_without_contrast_score_zero(way, dtype):
    image = np.full((70, 90), 200, np.uint8)
    image[30:40, 30:40] = PAGE[:10, :10]
    image = image if dtype == np.uint8 else (image / 255).astype(dtype)
    scores = correlate(image, image[28:36, 28:36], way)
    assert (scores[:22] == 0).all()
    assert (scores[:, 41:] == 0).all()
    assert scores[28, 28] == pytest.approx(1, abs=1e-5)


def test_a_flat_template_scores_zero_everywhere():
    scores = normalized_cross_correlation(PAGE, np.full((20, 20), 0.3))
    assert (scores == 0).all()


@pytest.mark.parametrize("way", FAST)
def test_agrees_with_opencv(way):
    template = PAGE[60:92, 100:140]
    expected = cv2.matchTemplate(PAGE, template, cv2.TM_CCOEFF_NORMED)
    np.testing.assert_allclose(correlate(PAGE, template, way), expected, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 7), (1473, 1473), (50, 5000)])
@pytest.mark.parametrize("template", [(1, 1), (64, 64), (3, 500)])
def test_tiles_are_filled_and_not_too_many(shape, template):
    transform, tile = _tiling(shape, template)
    assert all(tile[i] + template[i] - 1 == transform[i] and tile[i] >= 1 for i in (0, 1))
    work = np.prod(transform) * np.prod([-(-s // t) for s, t in zip(shape, tile, strict=True)])
    assert work <= 8 * np.prod(np.add(shape, template))


def test_scores_do_not_depend_on_the_tiles(monkeypatch):
    template = PAGE[50:62, 60:71]
    expected = normalized_cross_correlation(PAGE, template, "direct")
    for transform in ((20, 24), (64, 36), (192, 400)):
        tile = transform[0] - 11, transform[1] - 10
        monkeypatch.setattr("ocrlearn.classic.template._tiling", lambda *_, a=(transform, tile): a)
        np.testing.assert_allclose(
            normalized_cross_correlation(PAGE, template, "fft"), expected, atol=1e-4
        )


@pytest.mark.parametrize("rung", RUNGS)
def test_matches_are_peaks_without_their_neighbours(rung):
    image = np.full((60, 90), 230, np.uint8)
    glyph = RNG.integers(0, 256, (9, 7), dtype=np.uint8)
    places = [(5, 8), (40, 8), (41, 20), (70, 45)]
    for x, y in places:
        image[y : y + 9, x : x + 7] = glyph
    image[8 + 1, 5 + 1] ^= 64  # one copy is worse than the others
    found = match_template(image, glyph, 0.9, rung=rung)
    assert found.positions.dtype == np.int32
    assert [tuple(p) for p in found.positions.tolist()] == [*places[1:], places[0]]
    assert (np.diff(found.scores) <= 1e-6).all()
    assert len(found) == 4


def test_lists_are_taken_as_arrays():
    found = match_template([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 1.0, 0.0]])
    assert found.positions.tolist() == [[0, 1]]


def test_matches_nearer_than_half_a_template_are_one():
    image = np.tile(np.array([[0, 255]], np.uint8), (8, 20))  # a period of 2: a peak every 2 pixels
    found = match_template(image, image[:4, :8], 0.99)
    places = {tuple(p) for p in found.positions.tolist()}
    for x, y in places:
        assert not any(
            abs(x - u) + abs(y - v) > 0 and abs(x - u) < 4 and abs(y - v) < 2 for u, v in places
        )
    assert {x for x, _ in places} == {0, 4, 8, 12, 16, 20, 24, 28, 32}


def test_the_number_of_matches_can_be_limited_and_zero():
    assert len(match_template(PAGE, PAGE[40:60, 40:60], 0.2, max_matches=3)) == 3
    nothing = match_template(PAGE, RNG.integers(0, 256, (30, 30), dtype=np.uint8), 0.99)
    assert nothing.positions.shape == (0, 2)
    assert nothing.scores.shape == (0,)


GOOD = np.zeros((8, 9), np.uint8)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((GOOD[None], GOOD), ValueError, r"image must have shape \(H, W\), got \(1, 8, 9\)"),
        ((GOOD, GOOD[..., None]), ValueError, "template must have shape"),
        ((GOOD.astype(int), GOOD), TypeError, "image must be uint8, bool or float"),
        ((GOOD, GOOD + 2.0), ValueError, r"float template must lie in \[0, 1\]"),
        ((GOOD, GOOD.T), ValueError, r"template must fit into the image of shape \(8, 9\)"),
        ((GOOD, GOOD[:0]), ValueError, "template must be at least 1 x 1"),
        ((GOOD, GOOD, "fourier"), ValueError, "method must be one of 'auto', 'direct', 'fft'"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        normalized_cross_correlation(*arguments)


def test_bad_limits_are_named():
    with pytest.raises(ValueError, match=r"threshold must lie in \[-1, 1\], got 2"):
        match_template(GOOD, GOOD, 2)
    with pytest.raises(ValueError, match="max_matches must lie in"):
        match_template(GOOD, GOOD, 0.5, 0)
    wide = np.zeros((2**12, 2**11 + 1), bool)
    with pytest.raises(ValueError, match="template must have at most 8388608 pixels"):
        normalized_cross_correlation(wide, wide)

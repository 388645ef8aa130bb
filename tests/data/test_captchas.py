"""Captchas: quads against the ink of each character alone, order of difficulty, repeatability."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from ocrlearn.data.samples import check_sample
from ocrlearn.data.synth._moved_ink import FINE, FlatInk
from ocrlearn.data.synth.captchas import ALPHABET, DIFFICULTIES, render_captcha, wave_map
from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.image.rectify import homography


def overlap(quad, ink):
    """IoU of a quad and of the box around all ink, in the frame of the quad's own axes."""
    to_unit = PointMap.homography(homography(quad, [[0, 0], [1, 0], [1, 1], [0, 1]]))
    y, x = np.nonzero(ink)
    half = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    u, v = to_unit((np.column_stack([x, y])[:, None] + half).reshape(-1, 2)).T
    common = max(min(u.max(), 1) - max(u.min(), 0), 0) * max(min(v.max(), 1) - max(v.min(), 0), 0)
    return common / (np.ptp(u) * np.ptp(v) + 1 - common)


@pytest.mark.parametrize("difficulty", range(4))
def test_quads_hold_the_ink_of_their_characters(difficulty, monkeypatch):
    """Each character's ink alone, on the drawing, which is finer than the picture."""
    drawings = []
    moved = FlatInk.moved

    def watched(self, point_map, shape):
        drawings.append(moved(self, point_map, shape))
        return drawings[-1]

    monkeypatch.setattr(FlatInk, "moved", watched)
    samples = [
        render_captcha(2, index, difficulty=difficulty, length=(5, 6)) for index in range(10)
    ]
    parts = [part for sample in samples for part in sample.instances[0].parts]
    assert len(parts) == len(drawings) > 50  # four times: more than 200 characters
    overlaps = [
        overlap((part.quad + 0.5) * FINE - 0.5, drawn >= 0.5)
        for part, drawn in zip(parts, drawings, strict=True)
    ]
    assert np.mean(np.array(overlaps) > 0.9) >= 0.99, np.sort(overlaps)[:5]


@pytest.mark.parametrize("difficulty", range(4))
def test_samples_are_sound(difficulty):
    for index in range(3):
        sample = render_captcha(3, index, difficulty=difficulty)
        check_sample(sample)
        (word,) = sample.instances
        assert word.text == sample.text == "".join(part.text for part in word.parts)
        assert 4 <= len(sample.text) <= 6
        assert set(sample.text) <= set(ALPHABET)
        assert sample.image.shape == (64, 192, 3)
        corners = np.concatenate([part.quad for part in word.parts])
        assert corners.min() > -12
        assert (corners.max(axis=0) < (192 + 12, 64 + 12)).all()
        np.testing.assert_array_equal(sample.mask("characters") > 0, sample.mask("ink"))
        assert set(np.unique(sample.mask("characters"))) <= set(range(len(sample.text) + 1))


def test_almost_all_ink_is_in_the_picture():
    """Characters are made to fit: their quads lie within the borders, but for a tip."""
    outside = []
    for difficulty in range(4):
        for index in range(5):
            sample = render_captcha(6, index, difficulty=difficulty)
            for part in sample.instances[0].parts:
                quad = Polygon(part.quad)
                frame = Polygon([(-0.5, -0.5), (191.5, -0.5), (191.5, 63.5), (-0.5, 63.5)])
                outside.append(1 - quad.intersection(frame).area / quad.area)
    assert np.mean(np.array(outside) > 0.05) < 0.03
    assert max(outside) < 0.4


def neighbours_overlap(sample):
    quads = [Polygon(part.quad) for part in sample.instances[0].parts]
    shared = [a.intersection(b).area for a, b in pairwise(quads)]
    return sum(shared) / sum(quad.area for quad in quads)


def test_the_harder_the_more_characters_overlap_turn_and_are_crossed():
    overlaps, turns, strokes = [], [], []
    for difficulty in range(4):
        samples = [render_captcha(4, index, difficulty=difficulty) for index in range(6)]
        overlaps.append(np.mean([neighbours_overlap(s) for s in samples]))
        steps = [p.quad[1] - p.quad[0] for s in samples for p in s.instances[0].parts]
        turns.append(np.mean([abs(np.arctan2(step[1], step[0])) for step in steps]))
        strokes.append(np.mean([s.details["strokes"] + s.details["cuts"] for s in samples]))
    assert overlaps[0] == 0
    for measured in (overlaps, turns, strokes):
        assert measured == sorted(measured)
        assert measured[3] > measured[1]


def test_easy_captchas_are_read_by_a_threshold_and_hard_ones_are_not():
    """What is darkest (or lightest) is the ink at 0; at 3 lines and neighbours join it."""
    from scipy import ndimage

    agreement = []
    for difficulty in (0, 3):
        counts = []
        for index in range(12):
            sample = render_captcha(8, index, difficulty=difficulty, alphabet="BCDEFGHKLMNPRSTUVXZ")
            gray = sample.image.mean(axis=-1)
            dark = gray if sample.details["light_ground"] else 255 - gray
            ink = dark < (np.median(dark) + dark[sample.mask("ink")].mean()) / 2
            labels, number = ndimage.label(ink, structure=np.ones((3, 3)))
            sizes = ndimage.sum_labels(ink, labels, np.arange(1, number + 1))
            counts.append(np.count_nonzero(sizes > 60) == len(sample.text))
        agreement.append(np.mean(counts))
    assert agreement[0] > 0.8
    assert agreement[1] < 0.4


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(*[st.floats(-30, 30)] * 2),
    st.tuples(*[st.floats(5, 300)] * 2),
    st.tuples(*[st.floats(-7, 7)] * 2),
)
def test_waves_are_undone_by_their_inverse(amplitudes, lengths, phases):
    waves = wave_map(amplitudes, lengths, phases)
    points = np.random.default_rng(0).uniform(-50, 250, (40, 2))
    np.testing.assert_allclose(waves.back(waves(points)), points, atol=1e-8)


def test_a_wave_by_hand():
    waves = wave_map((3.0, 0.0), (40.0, 1.0))
    np.testing.assert_allclose(waves([[0, 5], [10, 5], [30, 5.0]]), [[0, 5], [10, 8], [30, 2]])


def digest(sample):
    polygons = b"".join(part.polygon.tobytes() for part in sample.instances[0].parts)
    return hashlib.sha256(sample.image.tobytes() + polygons + sample.text.encode()).hexdigest()


@pytest.mark.parametrize("difficulty", [0, 3])
def test_same_seed_and_index_give_the_same_bytes_in_any_order(difficulty):
    def make(index, seed=11, **more):
        return digest(render_captcha(seed, index, difficulty=difficulty, **more))

    forwards = [make(index) for index in range(4)]
    backwards = [make(index) for index in reversed(range(4))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 4
    assert make(0, seed=12) != forwards[0]
    assert make(0, split="benchmark") != forwards[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: render_captcha(difficulty=4), "difficulty must lie in"),
        (lambda: render_captcha(length=(0, 3)), r"length\[0\] must lie in"),
        (lambda: render_captcha(length=(4, 3)), r"length\[1\] must lie in"),
        (lambda: render_captcha(size=(64, 5)), r"size\[1\] must lie in"),
        (lambda: render_captcha(size=64), r"size must be \(height, width\)"),
        (lambda: render_captcha(length=5), r"length must be \(least, greatest\)"),
        (lambda: render_captcha(alphabet=""), "alphabet must be a string"),
        (lambda: render_captcha(alphabet="a\n"), "alphabet must be a string"),
        (lambda: render_captcha(alphabet="\u4e2d"), "no font covers"),
        (lambda: render_captcha(split="test"), "split must be one of"),
        (lambda: render_captcha(-1), "seed must lie in"),
        (lambda: wave_map((1, 1), (0, 5)), r"lengths\[0\] must lie in"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_there_are_four_degrees():
    assert len(DIFFICULTIES) == 4
    for easier, harder in pairwise(DIFFICULTIES):
        assert harder.rotation > easier.rotation
        assert harder.gap[1] < easier.gap[1]
        assert harder.dots > easier.dots
        assert harder.wave >= easier.wave

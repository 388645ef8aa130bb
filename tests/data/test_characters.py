"""Single characters: quads against ink that knows nothing of them, labels, repeatability."""

import hashlib
import string

import numpy as np
import pytest

from ocrlearn.data.samples import check_sample
from ocrlearn.data.synth import characters
from ocrlearn.data.synth._moved_ink import FINE, FlatInk, affine, averaged, flat_ink, tight_quad
from ocrlearn.data.synth.characters import CHARACTER_LOOKS, CLASSES, render_character
from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.geometry import is_clockwise
from ocrlearn.image.rectify import homography


def overlap(quad, ink):
    """IoU of a quad and of the box around all ink, in the frame of the quad's own axes."""
    to_unit = PointMap.homography(homography(quad, [[0, 0], [1, 0], [1, 1], [0, 1]]))
    y, x = np.nonzero(ink)
    half = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    u, v = to_unit((np.column_stack([x, y])[:, None] + half).reshape(-1, 2)).T
    common = max(min(u.max(), 1) - max(u.min(), 0), 0) * max(min(v.max(), 1) - max(v.min(), 0), 0)
    return common / (np.ptp(u) * np.ptp(v) + 1 - common)


@pytest.fixture
def drawings(monkeypatch):
    """Every character's ink as it is moved, at the resolution of the drawing."""
    seen = []
    moved = FlatInk.moved

    def watched(self, point_map, shape):
        seen.append(moved(self, point_map, shape))
        return seen[-1]

    monkeypatch.setattr(FlatInk, "moved", watched)
    return seen


@pytest.mark.parametrize("look", CHARACTER_LOOKS)
def test_quads_hold_the_ink_of_their_characters(look, drawings):
    """On the drawing, because a mask of 32 x 32 pixels knows the edges of ink to half a pixel."""
    samples = [render_character(1, index, look=look, size=32) for index in range(80)]
    overlaps = [
        overlap((sample.instances[0].quad + 0.5) * FINE - 0.5, drawn >= 0.5)
        for sample, drawn in zip(samples, drawings, strict=True)
    ]
    assert np.mean(np.array(overlaps) > 0.9) >= 0.99, np.sort(overlaps)[:5]
    for sample, drawn in zip(samples, drawings, strict=True):
        np.testing.assert_array_equal(sample.mask("ink"), averaged(drawn) >= 0.5)


@pytest.mark.parametrize("look", CHARACTER_LOOKS)
def test_samples_are_sound(look):
    for index in range(20):
        sample = render_character(3, index, look=look, size=28)
        check_sample(sample)
        assert sample.image.shape == ((28, 28, 3) if look == "scene" else (28, 28))
        assert sample.label == sample.text == sample.instances[0].text
        assert sample.label in CLASSES
        assert is_clockwise(sample.instances[0].polygon)
        assert sample.mask("ink").any()


def test_plain_characters_are_black_on_white_where_the_mask_says():
    for index in range(20):
        sample = render_character(0, index, size=32)
        np.testing.assert_array_equal(sample.image < 128, sample.mask("ink"))
        x, y = sample.instances[0].quad.mean(axis=0)
        assert (x, y) == pytest.approx((15.5, 15.5), abs=0.3)
        assert np.ptp(sample.instances[0].quad, axis=0).max() == pytest.approx(24, abs=0.2)


def test_scenes_are_light_on_dark_as_often_as_dark_on_light():
    light = [
        render_character(5, index, look="scene").details["light_on_dark"] for index in range(60)
    ]
    assert 0.3 < np.mean(light) < 0.7


def test_the_ink_is_seen_in_every_look():
    """Ink and ground differ in the picture as the drawn colours say, if not by much in all."""
    for look in ("printed", "scene"):
        differences = []
        for index in range(40):
            sample = render_character(7, index, look=look)
            gray = sample.image if sample.image.ndim == 2 else sample.image.mean(axis=-1)
            ink = sample.mask("ink")
            differences.append(gray[ink].mean() - gray[~ink].mean())
        signs = np.sign(differences)
        if look == "printed":
            assert np.mean(signs < 0) > 0.95
        else:
            assert 0.2 < np.mean(signs < 0) < 0.8
            assert np.median(np.abs(differences)) > 15


def test_neighbours_reach_in_but_belong_to_no_mask(monkeypatch):
    cuts = []
    plain = characters._printed

    def watched(cut, rng, details):
        cuts.append(cut)
        return plain(cut, rng, details)

    monkeypatch.setattr(characters, "_printed", watched)
    for index in range(40):
        sample = render_character(2, index, look="printed")
        np.testing.assert_array_equal(cuts[-1].own >= 0.5, sample.mask("ink"))
    crowded = [cut.others.max() > 0.5 for cut in cuts]
    assert 0.3 < np.mean(crowded) < 1.0


def test_classes_are_drawn_equally_often_and_fonts_vary():
    samples = [render_character(0, index, classes="01abXY", size=8) for index in range(300)]
    _, counts = np.unique([s.label for s in samples], return_counts=True)
    assert len(counts) == 6
    assert counts.min() > 25
    assert len({s.details["font"] for s in samples}) > 15
    assert set(CLASSES) == set(string.ascii_letters + string.digits)


def digest(sample):
    content = sample.image.tobytes() + sample.instances[0].polygon.tobytes()
    return hashlib.sha256(content + sample.label.encode()).hexdigest()


@pytest.mark.parametrize("look", CHARACTER_LOOKS)
def test_same_seed_and_index_give_the_same_bytes_in_any_order(look):
    forwards = [digest(render_character(11, index, look=look)) for index in range(6)]
    backwards = [digest(render_character(11, index, look=look)) for index in reversed(range(6))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 6
    assert digest(render_character(12, 0, look=look)) != forwards[0]
    assert digest(render_character(11, 0, look=look, split="benchmark")) != forwards[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: render_character(look="faxed"), "look must be one of"),
        (lambda: render_character(size=4), "size must lie in"),
        (lambda: render_character(size=32.5), "size must be an integer"),
        (lambda: render_character(classes=""), "classes must be a string"),
        (lambda: render_character(classes="a b"), "classes must be a string"),
        (lambda: render_character(classes="\u4e2d"), "no font covers"),
        (lambda: render_character(-1), "seed must lie in"),
        (lambda: render_character(split="test"), "split must be one of"),
        (lambda: flat_ink(np.zeros((5, 5), np.float32)), "coverage must hold ink"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- The geometry below ---------------------------------------------------------------------------


def test_tight_quad_of_an_affine_map_is_the_box_carried_by_its_corners():
    ink = np.zeros((20, 30), np.float32)
    ink[5:12, 8:25] = 1
    ink[5, 8] = ink[11, 24] = 0  # the box does not depend on its corners
    point_map = affine((3, 4), (10, 20), angle=0.4, shear=0.2, stretch=1.3, scale=2.0)
    box = np.array([[7.5, 4.5], [24.5, 4.5], [24.5, 11.5], [7.5, 11.5]])
    np.testing.assert_allclose(
        tight_quad(flat_ink(ink).outline, point_map), point_map(box), atol=1e-4
    )


def test_tight_quad_holds_all_ink_where_the_map_bends_and_touches_it_on_every_side():
    ink = np.ones((20, 30), np.float32)

    def forward(points):
        return np.column_stack([points[:, 0], points[:, 1] + 4 * np.sin(points[:, 0] / 8)])

    def inverse(points):
        return np.column_stack([points[:, 0], points[:, 1] - 4 * np.sin(points[:, 0] / 8)])

    point_map = PointMap(forward, inverse)
    quad = tight_quad(flat_ink(ink).outline, point_map)
    dense = np.stack(np.meshgrid(np.linspace(-0.5, 29.5, 90), np.linspace(-0.5, 19.5, 60)), -1)
    seen = point_map(dense.reshape(-1, 2))
    to_unit = PointMap.homography(homography(quad, [[0, 0], [1, 0], [1, 1], [0, 1]]))
    unit = to_unit(seen)
    np.testing.assert_allclose(unit.min(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(unit.max(axis=0), 1, atol=0.01)


def test_affine_turns_counter_clockwise_and_slants_to_the_right():
    np.testing.assert_allclose(affine((1, 1), (5, 5))((2, 3)), (6, 7))
    np.testing.assert_allclose(affine((0, 0), (0, 0), angle=np.pi / 2)((1, 0)), (0, -1), atol=1e-12)
    np.testing.assert_allclose(affine((0, 0), (0, 0), shear=0.5)((0, -2)), (1, -2))
    np.testing.assert_allclose(affine((0, 0), (0, 0), stretch=3, scale=2)((1, 1)), (6, 2))

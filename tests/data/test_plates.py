from collections import Counter

import cv2
import numpy as np
import pytest
from shapely.geometry import Polygon

from ocrlearn.data.samples import check_sample
from ocrlearn.data.synth import plates
from ocrlearn.data.synth.plates import KINDS, LETTERS, PROVINCES, plate_text, render_plate

LARGE = (190, 600)


@pytest.fixture(scope="module")
def large_plates():
    """More than the camera saw, so that pixels are small beside characters."""
    return [render_plate(1, index, shape=LARGE) for index in range(100)]


def test_quads_hold_the_ink_of_their_characters(large_plates):
    overlaps = [
        _overlap(plate.mask("characters") == number, part.quad)
        for plate in large_plates
        for number, part in enumerate(plate.instances[0].parts, start=1)
    ]
    assert len(overlaps) > 700
    assert np.mean(np.array(overlaps) > 0.9) > 0.99, sorted(overlaps)[:10]


def _overlap(ink, quad):
    """IoU of a quad with the box around its ink, both seen as the quad sees itself."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    to_square = cv2.getPerspectiveTransform(quad, square)
    rows, columns = np.nonzero(ink)
    # All four corners of a pixel, since a box around centres would be too small.
    corners = np.concatenate(
        [np.stack([columns + dx, rows + dy], axis=1) for dx in (-0.5, 0.5) for dy in (-0.5, 0.5)]
    )
    points = cv2.perspectiveTransform(corners[None].astype(np.float32), to_square)[0]
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    found = Polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    unit = Polygon(square)
    return found.intersection(unit).area / found.union(unit).area


def test_the_picture_shows_the_plate_where_the_label_says(large_plates):
    """Characters differ from the ground around them, in the picture itself."""
    contrasts = []
    for plate in large_plates:
        gray = plate.pixels().astype(float).mean(axis=-1)
        ink = plate.mask("ink")
        near = cv2.dilate(ink.astype(np.uint8), np.ones((23, 23))) > ink
        sign = 1 if plate.details["kind"] == "blue" else -1
        contrasts.append(sign * (gray[ink].mean() - gray[near].mean()))
    assert np.mean(np.array(contrasts) > 3) > 0.97
    assert np.median(contrasts) > 20


def test_labels_are_consistent(large_plates):
    for plate in large_plates:
        check_sample(plate)
        (line,) = plate.instances
        assert line.level == "line"
        assert plate.text == line.text == "".join(part.text for part in line.parts)
        outline = Polygon(line.quad)
        assert all(outline.contains(Polygon(part.quad)) for part in line.parts)
        assert np.all(np.diff([part.quad[:, 0].mean() for part in line.parts]) > 0)
        whole = np.concatenate([part.quad for part in line.parts])
        assert whole.min() > -0.5
        assert np.all(whole.max(axis=0) < (LARGE[1] - 0.5, LARGE[0] - 0.5))
        assert set(np.unique(plate.mask("characters"))) == set(range(len(plate.text) + 1))
        np.testing.assert_array_equal(plate.mask("ink"), plate.mask("characters") > 0)


def test_what_is_written_follows_the_standard(large_plates):
    kinds = Counter(plate.details["kind"] for plate in large_plates)
    assert kinds["blue"] > kinds["green"] > kinds["yellow"] > 5
    for plate in large_plates:
        assert len(plate.text) == (8 if plate.details["kind"] == "green" else 7)
    assert len({plate.text for plate in large_plates}) == 100


def test_texts_use_every_character_but_i_and_o():
    rng = np.random.default_rng(0)
    texts = {kind: [plate_text(rng, kind) for _ in range(1500)] for kind in KINDS}
    for kind, drawn in texts.items():
        assert {text[0] for text in drawn} == set(PROVINCES)
        assert {text[1] for text in drawn} == set(LETTERS)
        assert not set("".join(drawn)) & set("IO")
        counts = Counter(text[0] for text in drawn)
        assert max(counts.values()) < 2.2 * min(counts.values()), kind  # 48 expected of each
    serials = [text[2:] for text in texts["blue"]]
    assert set("".join(serials)) == set(LETTERS + "0123456789")
    assert max(sum(c.isalpha() for c in serial) for serial in serials) == 2
    assert all(text[-4:].isdigit() and text[2] in "DFABCEGHJK" for text in texts["green"])
    school = sum(text.endswith("学") for text in texts["yellow"])
    assert 220 < school < 380
    assert len(PROVINCES) == len(set(PROVINCES)) == 31
    assert len(LETTERS) == 24


def test_layout_in_millimetres():
    """GA 36: characters of 45 x 90 mm, 12 mm apart, 34 mm about the dot, centred on the sheet."""
    flat = plates._draw_plate("京BHHEMM", "blue", 2.0, np.random.default_rng(0), {})
    assert flat.image.shape == (280, 880, 3)
    boxes = np.array(flat.boxes) / 2
    left, right = 15.5 + np.array([0, 57, 136, 193, 250, 307, 364]), 15.5 + 45
    np.testing.assert_allclose(boxes[1:, 0], left[1:], atol=0.5)
    np.testing.assert_allclose(boxes[1:, 2] - boxes[1:, 0], 45, atol=1.0)
    np.testing.assert_allclose(boxes[1:, [1, 3]], [[25, 115]] * 6, atol=1.0)
    assert boxes[0, [1, 3]].mean() == pytest.approx(70, abs=1)  # Chinese is a little less tall
    assert boxes[0, 0] == pytest.approx(15.5, abs=1)
    assert boxes[0, 2] == pytest.approx(right, abs=1)
    assert 440 - boxes[-1, 2] == pytest.approx(15.5, abs=0.5)
    dot = flat.image[140, int(2 * 134.5) - 30 : int(2 * 134.5) + 30].mean(axis=-1)
    assert np.sum(dot > (dot.max() + dot.min()) / 2) / 2 == pytest.approx(10, abs=1.5)
    green = plates._draw_plate("沪AD12345", "green", 1.0, np.random.default_rng(0), {})
    assert green.image.shape == (140, 480, 3)
    assert green.boxes[-1][2] == pytest.approx(480 - 15.5, abs=1.5)


def test_letters_and_digits_are_told_apart():
    drawn = {c: plates._character_ink(c, 45, 90, 1.0) for c in LETTERS + "0123456789"}
    for one, ink in drawn.items():
        assert ink.shape == (90, 45)
        assert ink.max() == 1
        assert np.ptp(np.flatnonzero((ink > 0.5).any(axis=1))) >= 87, one  # all are 90 mm high
        for other, theirs in drawn.items():
            if one < other:
                shared = np.minimum(ink, theirs).sum() / np.maximum(ink, theirs).sum()
                assert shared < 0.93, (one, other)
    # The holes in them.
    one_ring, two_rings = "069ADPQR", "8B"  # the 4 is open
    for character in drawn:
        framed = np.pad(drawn[character] < 0.5, 1, constant_values=True).astype(np.uint8)
        rings = cv2.connectedComponents(framed, connectivity=4)[0] - 2
        expected = 1 if character in one_ring else 2 if character in two_rings else 0
        assert rings == expected, character


def test_the_same_arguments_give_the_same_plate():
    first = render_plate(3, 7)
    render_plate(3, 8)
    second = render_plate(3, 7)
    np.testing.assert_array_equal(first.pixels(), second.pixels())
    np.testing.assert_array_equal(first.mask("characters"), second.mask("characters"))
    assert first.details == second.details
    assert render_plate(3, 7, split="benchmark").text != first.text
    other = render_plate(3, 7, text="皖A12345", kind="blue")
    assert other.details["camera_width"] == first.details["camera_width"]  # the same photograph


def test_shapes_only_stretch_the_picture():
    small, large, own = (render_plate(3, 7, shape=shape) for shape in ((24, 94), (48, 188), None))
    assert small.pixels().shape == (24, 94, 3)
    assert small.pixels().dtype == np.uint8
    assert (small.width, small.height) == (94, 24)
    np.testing.assert_allclose(
        2 * (small.instances[0].quad + 0.5), large.instances[0].quad + 0.5, atol=1e-3
    )
    seen = np.ptp(own.instances[0].quad[:, 0])
    assert seen == pytest.approx(own.details["camera_width"], rel=0.03)


def test_a_text_of_ones_own():
    plate = render_plate(0, 0, text="粤Z8888学", kind="yellow")
    assert plate.text == "粤Z8888学"
    assert plate.details["kind"] == "yellow"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"kind": "white"}, "kind"),
        ({"split": "test"}, "split"),
        ({"index": -1}, "index"),
        ({"shape": (4, 94)}, r"shape\[0\]"),
        ({"kind": "blue", "text": "皖A1234"}, "7 characters"),
        ({"kind": "green", "text": "皖A12345"}, "8 characters"),
        ({"kind": "blue", "text": "AA12345"}, "province"),
        ({"kind": "blue", "text": "皖112345"}, "place 2"),
        ({"kind": "blue", "text": "皖AI2345"}, "'I'"),
        ({"kind": "blue", "text": "皖A1234学"}, "place 7"),
    ],
)
def test_errors_name_the_argument(arguments, named):
    with pytest.raises(ValueError, match=named):
        render_plate(**arguments)

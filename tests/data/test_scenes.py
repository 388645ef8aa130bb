"""Scenes: what the labels say, against the ink itself."""

import cv2
import numpy as np
import pytest
from shapely import Polygon

from ocrlearn.data.samples import check_sample
from ocrlearn.data.synth import _lettering, _signs
from ocrlearn.data.synth._planes import Camera, draw_camera
from ocrlearn.data.synth._regions import even_regions
from ocrlearn.data.synth.curved import arc_map, bent_outline, sine_map
from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.data.synth.lines import shipped_fonts
from ocrlearn.data.synth.scenes import (
    LEAST_CONTRAST,
    LEAST_HEIGHT,
    _contrast,
    _labelled,
    render_scene,
)
from ocrlearn.data.synth.sheet import Sheet
from ocrlearn.image.rectify import warp

SCENES = 28


@pytest.fixture(scope="module")
def scenes():
    return [render_scene(7, index, masks=True, curved=0.3) for index in range(SCENES)]


def words_of(sample):
    return [word for line in sample.instances for word in line.parts]


def unrolled_extent(polygon, centres, side=1.0):
    """Extent of ink along and across the strip that a polygon of 2 x N points is.

    Each of its N - 1 quads is carried to a unit square by OpenCV. `centres` are those of inked
    pixels (x, y), squares of this side. Returns (u0, u1, v0, v1), of which an exact polygon gives
    (0, 1, 0, 1).
    """
    half = len(polygon) // 2
    top, bottom = polygon[:half], polygon[half:][::-1]
    corners = centres[:, None] + side / 2 * np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])
    pixels = corners.reshape(-1, 1, 2).astype(np.float32)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    places = []
    for i in range(half - 1):
        quad = np.array([top[i], top[i + 1], bottom[i + 1], bottom[i]], np.float32)
        matrix = cv2.getPerspectiveTransform(quad, square)
        places.append(cv2.perspectiveTransform(pixels, matrix)[:, 0])
    places = np.array(places)
    nearest = np.abs(places - 0.5).max(axis=-1).argmin(axis=0)
    u, v = places[nearest, np.arange(places.shape[1])].T
    u = (u + nearest) / (half - 1)
    return u.min(), u.max(), v.min(), v.max()


def iou_with_unit_square(extent):
    u0, u1, v0, v1 = extent
    inside = max(0, min(u1, 1) - max(u0, 0)) * max(0, min(v1, 1) - max(v0, 0))
    return inside / ((u1 - u0) * (v1 - v0) + 1 - inside)


# --- Labels against ink ---------------------------------------------------------------------------


def test_polygons_of_words_fit_their_ink(scenes):
    overlaps, bent = [], 0
    for sample in scenes:
        for number, word in enumerate(words_of(sample), 1):
            ink = sample.mask("words") == number
            if word.ignore or ink.sum() < 100:  # of 9 rows, one more or less is too much
                continue
            overlaps.append(
                iou_with_unit_square(unrolled_extent(word.polygon, np.argwhere(ink)[:, ::-1]))
            )
            bent += len(word.polygon) > 4
    assert len(overlaps) >= 200
    assert bent >= 15
    assert np.mean(np.array(overlaps) > 0.9) >= 0.99


class _RecordingSheet(Sheet):
    """Remembers the ink that each character added."""

    inks: list

    def _draw_character(self, *arguments):
        before = self.coverage.copy()
        box = super()._draw_character(*arguments)
        self.__dict__.setdefault("inks", []).append(self.coverage - before)
        return box


def test_quads_of_characters_fit_their_ink(monkeypatch):
    """Every character is carried to the picture alone, as the sheet recorded it when it was drawn.

    It is looked for in its quad and 15 pixels around, at half a pixel's resolution, so that an l
    that is seen 5 pixels wide says nothing.
    """
    monkeypatch.setattr(_signs, "Sheet", _RecordingSheet)
    rng = np.random.default_rng(3)
    overlaps = []
    for number in range(50):
        bend = ("", "arc", "wave")[number % 3]
        block = _signs.draw_block(rng, 60, split="training", most_words=2, bend=bend)
        camera = draw_camera((900, 1600), rng)
        matrix = camera.plane((800, 450), yaw=rng.uniform(-0.8, 0.8))
        point_map = block.placing.then(PointMap.homography(matrix))
        labelled = [_labelled(line, block, point_map) for line in block.sheet.lines]
        characters = [c for line in labelled for word in line.parts for c in word.parts]
        assert len(characters) == len(block.sheet.inks)
        for character, ink in zip(characters, block.sheet.inks, strict=True):
            start, end = character.polygon.min(axis=0) - 15, character.polygon.max(axis=0) + 15
            x, y = np.meshgrid(*(np.arange(a, b, 0.5) for a, b in zip(start, end, strict=True)))
            places = np.stack([x, y], axis=-1)
            inked = warp(ink, point_map.back(places), border=0.0) >= 0.5
            sides = np.linalg.norm(
                np.roll(character.polygon, -1, axis=0) - character.polygon, axis=1
            )
            if inked.sum() >= 240 and sides.min() >= 10:
                extent = unrolled_extent(character.polygon, places[inked], side=0.5)
                overlaps.append(iou_with_unit_square(extent))
    assert len(overlaps) >= 250
    assert np.mean(np.array(overlaps) > 0.9) >= 0.99


def test_lines_hold_their_words_and_words_their_characters(scenes):
    for sample in scenes:
        check_sample(sample)
        assert 3 <= len(words_of(sample)) <= 25
        assert sample.text == "\n".join(line.text for line in sample.instances)
        for line in sample.instances:
            assert line.level == "line"
            assert line.text == " ".join(word.text for word in line.parts)
            outline = Polygon(line.polygon).buffer(1.5)
            for word in line.parts:
                assert word.text == "".join(one.text for one in word.parts)
                assert all(one.level == "character" for one in word.parts)
                assert outline.contains(Polygon(word.polygon).buffer(0))


def test_words_of_different_blocks_do_not_overlap(scenes):
    for sample in scenes:
        lines = iter(sample.instances)
        blocks = [
            [Polygon(word.polygon).buffer(0) for _ in range(count) for word in next(lines).parts]
            for count in sample.details["lines_of_blocks"]
        ]
        assert next(lines, None) is None
        for place, block in enumerate(blocks):
            others = [word for other in blocks[:place] for word in other]
            assert not any(word.intersects(other) for word in block for other in others)


def test_what_cannot_be_read_is_ignored_and_nothing_else(scenes):
    reasons = {"low": 0, "cut": 0, "none": 0}
    for sample in scenes:
        contrast = _contrast(sample.mask("words"), sample.image, len(words_of(sample)))
        for place, word in enumerate(words_of(sample)):
            assert all(one.ignore == word.ignore for one in word.parts)
            x, y = word.polygon.T
            if x.min() < 0 or y.min() < 0 or x.max() >= 640 or y.max() >= 480:
                assert word.ignore
                reasons["cut"] += 1
                continue
            if len(word.polygon) > 4 or len(word.text) < 4:
                continue  # the shorter side of the smallest rectangle is not the height
            height = min(cv2.minAreaRect(word.polygon)[1])
            if height < 0.85 * LEAST_HEIGHT:
                assert word.ignore
                reasons["low"] += 1
            elif height > 1.15 * LEAST_HEIGHT:
                assert word.ignore == (contrast[place] < LEAST_CONTRAST)
                reasons["none"] += 1
        for line in sample.instances:
            assert line.ignore == any(word.ignore for word in line.parts)
    assert min(reasons.values()) >= 3


def test_contrast_is_measured_against_what_is_around_the_ink():
    numbers = np.zeros((40, 60), np.uint8)
    numbers[10:14, 10:30], numbers[25:29, 10:30] = 1, 2
    image = np.full((40, 60, 3), 200, np.uint8)
    image[numbers == 1] = 49
    image[numbers == 2] = [200, 200, 149]
    expected = [151 / 255, 51 / 255 / np.sqrt(3), 0]  # the third word has no ink
    np.testing.assert_allclose(_contrast(numbers, image, 3), expected)


def test_the_ink_mask_is_where_the_letters_are():
    """Black letters alone on white: the mask is what is dark."""
    rng = np.random.default_rng(5)
    block = _signs.draw_block(rng, 40, split="training", most_words=3, on_board=False)
    matrix = Camera((300, 700), 900.0, np.eye(3)).plane((350, 150), yaw=0.4)
    picture = np.ones((300, 700, 3), np.float32)
    seen = _lettering.look_at(matrix, block.half, (300, 700), margin=2)
    black, white = np.zeros(3, np.float32), np.ones(3, np.float32)
    cover = _lettering.paint_block(picture, seen, block, _lettering.Look(black, white))
    np.testing.assert_allclose(
        picture[seen.rows, seen.columns], 1 - cover[..., None].repeat(3, -1), atol=1e-6
    )
    numbers = _lettering.word_numbers(seen, block)
    assert (numbers[cover >= 0.5] > 0).all()
    assert set(np.unique(numbers)) == set(range(block.word_count + 1))


# --- The set --------------------------------------------------------------------------------------


def _same(one, other):
    return (
        np.array_equal(one.image, other.image)
        and np.array_equal(one.mask("words"), other.mask("words"))
        and all(
            np.array_equal(a.polygon, b.polygon) and a.text == b.text and a.ignore == b.ignore
            for a, b in zip(words_of(one), words_of(other), strict=True)
        )
    )


def test_a_scene_depends_on_its_arguments_alone(scenes):
    for index in (5, 2):
        again = render_scene(7, index, masks=True, curved=0.3)
        assert _same(again, scenes[index])
        assert again.details == scenes[index].details
    small = {"size": (120, 160)}
    pictures = [
        render_scene(7, 2, **small).image,
        render_scene(8, 2, **small).image,
        render_scene(7, 3, **small).image,
        render_scene(7, 2, split="benchmark", **small).image,
    ]
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_masks_are_made_on_demand_and_change_nothing():
    plain, masked = (render_scene(1, 4, size=(160, 200), masks=masks) for masks in (False, True))
    assert not plain.masks
    assert np.array_equal(plain.image, masked.image)
    assert np.array_equal(masked.mask("ink"), masked.mask("words") > 0)
    assert masked.mask("ink").dtype == bool


@pytest.mark.parametrize(("curved", "straight"), [(0.0, True), (1.0, False)])
def test_how_much_is_bent_can_be_chosen(curved, straight):
    samples = [render_scene(2, index, size=(240, 320), curved=curved) for index in range(4)]
    sides = [len(word.polygon) for sample in samples for word in words_of(sample)]
    assert (max(sides) == 4) == straight


def test_given_words_are_written():
    sample = render_scene(0, 3, size=(200, 300), words=["koffie", "thee"])
    assert {word.text.lower() for word in words_of(sample)} <= {"koffie", "thee"}


def test_photographs_are_written_on(tmp_path):
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[..., 2] = 255
    path = tmp_path / "blue.png"
    cv2.imwrite(str(path), photo[..., ::-1])
    samples = [render_scene(0, i, size=(96, 128), backgrounds=[path]) for i in range(8)]
    blue = [s for s in samples if s.details["background"] == "photograph"]
    assert 1 <= len(blue) < 8
    for sample in blue:
        red, _, middle = np.median(sample.image.reshape(-1, 3), axis=0)
        assert middle > red + 60


def test_a_scene_can_be_stored_and_read_back(tmp_path):
    from ocrlearn.data.samples import read_jsonl, save_samples

    sample = render_scene(0, 1, size=(96, 128), masks=True)
    save_samples(tmp_path, [sample])
    (back,) = read_jsonl(tmp_path / "labels.jsonl")
    assert np.array_equal(back.mask("words"), sample.mask("words"))
    assert back.details == sample.details
    assert [word.text for word in words_of(back)] == [word.text for word in words_of(sample)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (95, 640)}, r"size\[0\] must lie in \[96"),
        ({"size": 480}, r"size must be \(height, width\)"),
        ({"curved": 1.5}, "curved must lie in"),
        ({"split": "validation"}, "split must be one of"),
        ({"seed": -1}, "seed must lie in"),
        ({"words": []}, "words must be a sequence of at least one word"),
        ({"words": "one"}, "words must be a sequence"),
        ({"words": ["two words"]}, "without spaces, got 'two words'"),
        ({"words": ["\u4e2d"], "fonts": shipped_fonts()}, "no font covers"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_scene(**{"size": (96, 128), **arguments})


# --- Regions, planes, bends, blending -------------------------------------------------------------


def test_even_regions_follow_edges_of_colour_and_not_texture():
    rng = np.random.default_rng(0)
    image = np.full((60, 80, 3), 0.3, np.float32)
    image[:, 40:] = [0.7, 0.5, 0.2]
    image += 0.02 * rng.standard_normal(image.shape, dtype=np.float32)
    labels = even_regions(image)
    assert len(np.unique(labels[:, :37])) == len(np.unique(labels[:, 43:])) == 1
    assert labels[0, 0] != labels[0, -1]


def test_small_regions_join_a_neighbour():
    image = np.zeros((40, 40, 3), np.float32)
    image[10:14, 10:14] = 1
    assert even_regions(image, least=60).max() == 0
    assert even_regions(image, least=4, smoothing=0.0).max() == 1


def test_planes_are_seen_as_opencv_projects_them():
    camera = draw_camera((480, 640), np.random.default_rng(4))
    yaw, centre = 0.6, np.array([200.0, 150.0])
    matrix = camera.plane(centre, yaw=yaw)
    lens = np.array([[camera.focal, 0, 319.5], [0, camera.focal, 239.5], [0, 0, 1]])
    where = camera.focal * np.linalg.solve(lens, [*centre, 1])
    flat = np.array([[0, 0], [50, 0], [50, 30], [-20, 10]], float)
    right, down = np.array([np.cos(yaw), 0, np.sin(yaw)]), np.array([0.0, 1, 0])
    world = flat[:, :1] * right + flat[:, 1:] * down
    turn = cv2.Rodrigues(camera.rotation)[0]
    expected = cv2.projectPoints(world, turn, where, lens, None)[0][:, 0]
    np.testing.assert_allclose(PointMap.homography(matrix)(flat), expected, atol=1e-6)


def test_a_wall_that_faces_the_camera_is_not_distorted():
    matrix = Camera((480, 640), 700.0, np.eye(3)).plane((100, 200), yaw=0.0, scale=2.0)
    points = PointMap.homography(matrix)([[0, 0], [10, -5]])
    np.testing.assert_allclose(points, [[100, 200], [120, 190]])


def test_a_floor_is_read_from_where_the_camera_stands():
    matrix = Camera((480, 640), 700.0, np.eye(3)).plane((320, 400), yaw=0.2, level=True)
    quad = PointMap.homography(matrix)([[-20, -20], [20, -20], [20, 20], [-20, 20]])
    assert quad[0, 1] < quad[3, 1]
    assert quad[0, 0] < quad[1, 0]
    assert np.linalg.norm(quad[1] - quad[0]) < np.linalg.norm(quad[2] - quad[3])


def test_half_a_circle():
    bent = arc_map((20, 200), np.pi)
    radius = 200 / np.pi
    left, right, top = bent([[-0.5, 9.5], [199.5, 9.5], [99.5, 9.5]])
    np.testing.assert_allclose(top, [99.5, 9.5])
    np.testing.assert_allclose(left, [99.5 - radius, 9.5 + radius])
    np.testing.assert_allclose(right, [99.5 + radius, 9.5 + radius])


@pytest.mark.parametrize(
    "bent",
    [
        arc_map((30, 200), 2.0),
        arc_map((30, 200), -4.0),
        arc_map((30, 200), 2 * np.pi),
        sine_map((30, 200), amplitude=12, wavelength=90, phase=1.0),
    ],
)
def test_bends_can_be_undone_and_keep_orientation(bent):
    x, y = np.meshgrid(np.linspace(0, 199, 23), np.linspace(0, 29, 7))
    points = np.stack([x, y], axis=-1)
    np.testing.assert_allclose(bent.back(bent(points)), points, atol=1e-9)
    across, down = (bent(points + np.array(step)) - bent(points) for step in ([0.01, 0], [0, 0.01]))
    assert (across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0] > 0).all()


def test_a_bend_past_the_centre_is_refused():
    with pytest.raises(ValueError, match="cannot be bent"):
        arc_map((100, 200), 4.1)
    with pytest.raises(ValueError, match="must not be 0"):
        arc_map((100, 200), 0.0)


def test_outlines_have_as_many_points_as_their_bend_asks_for():
    box = [[0, 10], [199, 10], [199, 29], [0, 29]]
    straight = bent_outline(box, PointMap.identity())
    np.testing.assert_allclose(
        straight, [[0, 10], [99.5, 10], [199, 10], [199, 29], [99.5, 29], [0, 29]]
    )
    arc = arc_map((40, 200), 2.5)
    rough, fine = bent_outline(box, arc, tolerance=0.1), bent_outline(box, arc, tolerance=0.005)
    assert len(straight) < len(rough) < len(fine)
    share = np.linspace(0, 1, 500)[:, None]
    edge = np.concatenate([arc([0, y] + share * [199, 0]) for y in (10, 29)])
    assert cv2_distance(rough, edge) < 0.1 * 19
    assert cv2_distance(fine, edge) < 0.005 * 19


def cv2_distance(polygon, points):
    """Greatest distance of points from the outline of a polygon, by OpenCV."""
    outline = polygon.reshape(-1, 1, 2)
    return max(abs(cv2.pointPolygonTest(outline, tuple(map(float, p)), True)) for p in points)


def test_poisson_blending_solves_its_equation():
    from scipy.sparse import lil_matrix
    from scipy.sparse.linalg import spsolve

    rng = np.random.default_rng(6)
    target = (0.4 + 0.1 * rng.random((7, 9, 3))).astype(np.float32)
    source = target.copy()
    source[2:5, 3:6] += 0.2
    inside = [(y, x) for y in range(1, 6) for x in range(1, 8)]
    number = {place: i for i, place in enumerate(inside)}
    system, right = lil_matrix((len(inside), len(inside))), np.zeros((len(inside), 3))
    for (y, x), i in number.items():
        for ny, nx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            steps = target[y, x] - target[ny, nx], source[y, x] - source[ny, nx]
            right[i] += np.where(np.abs(steps[0]) > np.abs(steps[1]), *steps)
            system[i, i] += 1
            if (ny, nx) in number:
                system[i, number[ny, nx]] -= 1
            else:
                right[i] += target[ny, nx]
    expected = target.copy()
    expected[1:-1, 1:-1] = spsolve(system.tocsr(), right).reshape(5, 7, 3)
    blended = _lettering.poisson_blend(target, source)
    np.testing.assert_allclose(blended, expected, atol=1e-5)
    np.testing.assert_allclose(_lettering.poisson_blend(target, target), target, atol=1e-6)


def test_one_path_is_not_taken_for_several():
    with pytest.raises(TypeError, match="backgrounds must be a sequence of files"):
        render_scene(size=(96, 128), backgrounds="wall.png")

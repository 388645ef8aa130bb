from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage
from shapely import Polygon, box

from ocrlearn.data.samples import check_sample
from ocrlearn.data.synth._canvas import Canvas, Part, Placed, _tile, noise_at
from ocrlearn.data.synth.objects import OBJECT_CLASSES, SURFACES, VOID, render_objects

STANDS_ON = {
    "car": {"road"},
    "bus": {"road"},
    "boat": {"water"},
    "balloon": {"sky"},
    "house": {"grass", "pavement"},
    "tree": {"grass", "pavement"},
}


@lru_cache(maxsize=256)
def scene(index, split="training"):
    return render_objects(7, index, split=split, size=(48, 72))


SCENES = range(80)


def test_a_scene_depends_on_its_arguments_alone():
    first = [render_objects(2, index, size=(48, 48)) for index in (0, 1, 2)]
    for index in (2, 0, 1):
        np.random.seed(index)  # noqa: NPY002  global state must not matter
        again = render_objects(2, index, size=(48, 48))
        np.testing.assert_array_equal(again.image, first[index].image)
        for name in ("classes", "objects", "surfaces"):
            np.testing.assert_array_equal(again.masks[name], first[index].masks[name])
        assert again.details == first[index].details
    assert (first[0].image != first[1].image).any()
    other = render_objects(2, 0, size=(48, 48), split="benchmark")
    assert (other.image != first[0].image).any()


def test_masks_and_description_agree():
    for index in SCENES:
        sample = scene(index)
        check_sample(sample)
        classes, objects = sample.masks["classes"], sample.masks["objects"]
        described = sample.details["objects"]
        assert objects.max() == len(described) <= 8
        for number, thing in enumerate(described, start=1):
            own = classes[objects == number]
            assert thing["pixels"] == (objects == number).sum()
            assert set(own) <= {OBJECT_CLASSES.index(thing["class"]), VOID}
            assert 0 <= thing["hidden"] <= 1
        assert set(classes[objects == 0]) <= {0, VOID}
        assert sample.masks["surfaces"].max() < len(SURFACES)


def test_noise_is_interpolated_between_the_places_of_its_tile():
    x, y = np.arange(-4, 300)[None, :], np.arange(250, 260)[:, None]
    np.testing.assert_array_equal(noise_at(x, y), _tile()[y % 256, x % 256])
    half = noise_at(x + 0.5, y)
    np.testing.assert_allclose(half, (noise_at(x, y) + noise_at(x + 1, y)) / 2, atol=1e-6)
    upright = noise_at(x, y + 0.25)
    expected = 0.75 * noise_at(x, y) + 0.25 * noise_at(x, y + 1)
    np.testing.assert_allclose(upright, expected, atol=1e-6)


def test_void_is_where_neighbours_differ():
    sample = scene(3)
    objects = sample.masks["objects"].astype(int)
    cross = ndimage.generate_binary_structure(2, 1)
    low = ndimage.minimum_filter(objects, footprint=cross, mode="nearest")
    high = ndimage.maximum_filter(objects, footprint=cross, mode="nearest")
    np.testing.assert_array_equal(sample.masks["classes"] == VOID, low != high)
    plain = render_objects(7, 3, size=(48, 72), void=False)
    assert VOID not in plain.masks["classes"]
    kept = sample.masks["classes"] != VOID
    np.testing.assert_array_equal(plain.masks["classes"][kept], sample.masks["classes"][kept])


def test_the_same_scene_twice_as_large_has_the_same_objects_in_the_same_places():
    for index in range(6):
        small, large = (
            render_objects(1, index, size=(side, side), clean=True, void=False)
            for side in (64, 128)
        )
        classes = small.masks["classes"]
        # Of four pixels of the large mask, most are of the class of the pixel of the small one,
        # but for borders, and for what is too thin to be seen in the small one.
        quarters = large.masks["classes"].reshape(64, 2, 64, 2).transpose(0, 2, 1, 3)
        agree = (quarters.reshape(64, 64, 4) == classes[..., None]).sum(-1) >= 2
        low = ndimage.minimum_filter(classes, 5)
        even = (low == ndimage.maximum_filter(classes, 5)) & (classes > 0)
        assert agree[even].all()
        assert agree.mean() > 0.97


@pytest.mark.parametrize("seed", range(5))
def test_mask_and_picture_are_two_views_of_one_drawing(seed):
    """White on black, a pixel is as bright as it is covered, and owned if covered by half."""
    rng = np.random.default_rng(seed)
    turn = np.sort(rng.uniform(0, 2 * np.pi, 9))
    outline = rng.uniform(3, 9, (9, 1)) * np.column_stack([np.cos(turn), np.sin(turn)])
    canvas = Canvas(np.zeros((3 * 40, 3 * 50, 3), np.float32))
    placed = Placed((24.3, 20.8), 1.7, rng.uniform(-3, 3), bool(seed % 2))
    canvas.draw([Part(outline, (1.0, 1.0, 1.0), "plain", "cylinder")], placed, 4)
    canvas.colours[canvas.owners == 4] = 1
    np.testing.assert_array_equal(canvas.majority() == 4, canvas.picture()[..., 0] > 0.5)
    # The drawing is where the outline is, by an independent rasteriser.
    shape = Polygon(placed(outline)).buffer(0)
    covered = np.array(
        [
            [shape.intersection(box(x - 0.5, y - 0.5, x + 0.5, y + 0.5)).area for x in range(50)]
            for y in range(40)
        ]
    )
    difference = np.abs(canvas.picture()[..., 0] - covered)
    assert difference.max() < 0.34  # nine fine pixels can do no better
    assert difference[(covered == 0) | (covered > 1 - 1e-9)].max() == 0
    signed = (canvas.picture()[..., 0] - covered)[(covered > 0) & (covered < 1)]
    assert abs(signed.mean()) < 0.02  # neither grown nor shrunk
    np.testing.assert_allclose(placed.back(*placed(outline).T), outline.T, atol=1e-9)


def test_things_are_where_they_belong():
    counts = dict.fromkeys(OBJECT_CLASSES[1:], 0)
    for index in SCENES:
        for thing in scene(index).details["objects"]:
            counts[thing["class"]] += 1
            if thing["class"] in STANDS_ON:
                assert thing["surface"] in STANDS_ON[thing["class"]]
    assert min(counts.values()) >= 4, counts
    # All settings occur, and most scenes have several objects, some of them in part hidden.
    assert {scene(index).details["setting"] for index in SCENES} == {
        "street",
        "meadow",
        "lake",
        "room",
    }
    numbers = [len(scene(index).details["objects"]) for index in SCENES]
    assert np.mean(np.array(numbers) >= 2) > 0.95
    hidden = [thing["hidden"] for index in SCENES for thing in scene(index).details["objects"]]
    assert 0.1 < np.mean(np.array(hidden) > 0.05) < 0.6


def test_sizes_span_more_than_a_factor_of_ten():
    areas = [
        thing["pixels"]
        for index in SCENES
        for thing in scene(index).details["objects"]
        if thing["hidden"] < 0.1
    ]
    small, large = np.percentile(np.sqrt(areas), [2, 98])
    assert large / small > 10


def pixels_of(indices):
    """Colours and classes of the pixels of objects."""
    colours, classes = [], []
    for index in indices:
        sample = scene(index)
        own = (sample.masks["classes"] > 0) & (sample.masks["classes"] != VOID)
        colours.append(sample.image[own])
        classes.append(sample.masks["classes"][own])
    return np.concatenate(colours), np.concatenate(classes)


def shapes_of(indices):
    """Outlines of whole objects, 12 x 12 in their boxes, with their classes."""
    shapes, classes = [], []
    for index in indices:
        sample = scene(index)
        objects = sample.masks["objects"]
        for number, place in enumerate(ndimage.find_objects(objects), start=1):
            thing = sample.details["objects"][number - 1]
            if place is None or thing["hidden"] > 0.1 or thing["pixels"] < 40:
                continue
            own = (objects[place] == number).astype(float)
            zoom = [12 / size for size in own.shape]
            small = ndimage.zoom(own, zoom, order=1, grid_mode=True, mode="nearest")
            proportion = np.full(12, np.log(own.shape[0] / own.shape[1]))
            shapes.append(np.concatenate([small.ravel(), proportion]))
            classes.append(OBJECT_CLASSES.index(thing["class"]))
    return np.array(shapes), np.array(classes)


def mean_recall(truth, guess):
    return np.mean([(guess[truth == one] == one).mean() for one in np.unique(truth)])


def test_colour_does_not_tell_the_class_and_the_outline_does():
    training, testing = range(54), range(54, 80)

    # The best that colour alone can do: Bayes' rule on a histogram of 8 x 8 x 8 colours.
    colours, classes = pixels_of(training)
    table = np.full((512, len(OBJECT_CLASSES)), 1e-3)
    np.add.at(table, ((colours // 32) @ [64, 8, 1], classes), 1)
    table /= table.sum(axis=0)
    colours, classes = pixels_of(testing)
    by_colour = mean_recall(classes, table[(colours // 32) @ [64, 8, 1]].argmax(axis=1))

    # Something simple with outlines: the nearest neighbour.
    known, names = shapes_of(training)
    shapes, truth = shapes_of(testing)
    nearest = ((shapes[:, None] - known[None]) ** 2).sum(-1).argmin(axis=1)
    by_outline = mean_recall(truth, names[nearest])

    assert by_colour < 0.3
    assert by_outline > 0.6


def test_classes_and_settings_can_be_chosen():
    for index in range(10):
        sample = render_objects(0, index, size=(48, 48), classes=("boat", "tree"), setting="lake")
        assert {thing["class"] for thing in sample.details["objects"]} <= {"boat", "tree"}
        assert sample.details["setting"] == "lake"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"size": (16, 64)}, r"size\[0\]"),
        ({"size": (64, 9999)}, r"size\[1\]"),
        ({"size": 64}, r"size must be \(height, width\)"),
        ({"classes": ("dragon",)}, "classes"),
        ({"classes": ()}, "classes must name"),
        ({"setting": "moon"}, "setting"),
        ({"setting": "room", "classes": ("boat",)}, "setting 'room' has none of the classes"),
        ({"split": "test"}, "split"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        render_objects(**arguments)

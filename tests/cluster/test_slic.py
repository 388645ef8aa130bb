"""SLIC: colours, seeds, assignment, connected pieces, and how well superpixels follow edges."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import data, segmentation

from ocrlearn.cluster.slic import (
    LAB_UNIT,
    RUNGS,
    Grid,
    _assign_and_sum,
    _connect_fast,
    _lab_fast,
    _seeds,
    assign_reference,
    connect_reference,
    rgb_to_lab,
    slic,
    slic_steps,
)

PHOTO = data.astronaut()[100:228, 150:310]
LAB = _lab_fast(PHOTO)


def is_connected(labels):
    return all(ndimage.label(labels == label)[1] == 1 for label in np.unique(labels))


# --- colour


@pytest.mark.parametrize("rung", ["reference", "fast", "cuda"])
def test_colours_known_by_heart(rung):
    """White, black, the gray of L = 53.59, and the red, green and blue of sRGB."""
    colours = [(255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
    expected = [
        (100, 0, 0),
        (0, 0, 0),
        (53.585, 0, 0),
        (53.241, 80.092, 67.203),
        (87.735, -86.183, 83.179),
        (32.297, 79.188, -107.860),
    ]
    lab = rgb_to_lab(np.array([colours], np.uint8), rung=rung)
    assert lab.dtype == np.float32
    np.testing.assert_allclose(lab[0], expected, atol=0.02)


def test_gray_images_have_no_colour():
    lab = rgb_to_lab(np.arange(256, dtype=np.uint8)[None])
    assert (lab[..., 1:] == 0).all()
    assert (np.diff(lab[0, :, 0]) > 0).all()


# --- grid and seeds


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 500))
@settings(max_examples=200, deadline=None)
def test_cells_cover_the_image_and_differ_by_one_pixel(height, width, segments):
    grid = Grid.of(height, width, segments)
    assert 1 <= grid.clusters <= height * width
    for cells, edges in zip(grid.cells_of(), grid.edges(), strict=True):
        sizes = np.bincount(cells)
        assert sizes.min() >= 1
        assert sizes.max() - sizes.min() <= 1
        np.testing.assert_array_equal(np.diff(edges), sizes)


@pytest.mark.parametrize(
    ("shape", "segments"), [((512, 512), 400), ((300, 400), 250), ((90, 70), 7)]
)
def test_the_number_of_clusters_is_near_the_one_asked_for(shape, segments):
    assert Grid.of(*shape, segments).clusters == pytest.approx(segments, rel=0.15)


def test_seeds_leave_edges():
    """Cells of 10 x 10; a step runs through the middle of each, where a seed would start."""
    image = np.zeros((30, 30), np.uint8)
    image[:, 5:15] = 255
    image[:, 25:] = 255
    seeds = next(slic_steps(image, segments=9)).centres
    assert {tuple(seed) for seed in seeds[:, 3:].tolist()} == {
        (x, y) for x in (6, 16, 26) for y in (4, 14, 24)
    }


# --- assignment


def brute_force(lab, centres, grid, weight, allowed):
    """Nearest of the clusters that `allowed` admits, one pixel at a time, in float64."""
    labels = np.empty((grid.height, grid.width), int)
    distances = np.empty((grid.height, grid.width))
    cluster_rows, cluster_columns = np.divmod(np.arange(grid.clusters), grid.columns)
    rows, columns = grid.cells_of()
    for y, x in np.ndindex(labels.shape):
        colour = ((lab[:, y, x, None] - centres[:3].astype(float)) ** 2).sum(axis=0)
        place = (centres[3] - x) ** 2 + (centres[4] - y) ** 2
        distance = colour + float(weight) * place
        distance[~allowed(y, x, rows[y], columns[x], cluster_rows, cluster_columns)] = np.inf
        labels[y, x], distances[y, x] = distance.argmin(), distance.min()
    return labels, distances


def nine_cells(y, x, row, column, cluster_rows, cluster_columns):
    return (abs(cluster_rows - row) <= 1) & (abs(cluster_columns - column) <= 1)


def after(iterations):
    grid = Grid.of(*PHOTO.shape[:2], 80)
    centres = _seeds(LAB, grid)
    for step in itertools.islice(slic_steps(PHOTO, 80), 1, 1 + iterations):
        centres = step.centres.T * np.array([[LAB_UNIT]] * 3 + [[1]] * 2, np.float32)
    return grid, centres


@pytest.mark.parametrize("iterations", [0, 4])
def test_every_pixel_gets_the_nearest_of_nine_clusters(iterations):
    grid, centres = after(iterations)
    weight = grid.weight(10)
    labels = assign_reference(LAB, centres, grid, weight)
    expected, least = brute_force(LAB, centres, grid, weight, nine_cells)
    differ = labels != expected
    assert differ.mean() < 1e-3  # by rounding only: the distances are the same
    y, x = np.nonzero(differ)
    mine = ((LAB[:, y, x] - centres[:3, labels[y, x]]) ** 2).sum(axis=0) + weight * (
        (centres[3, labels[y, x]] - x) ** 2 + (centres[4, labels[y, x]] - y) ** 2
    )
    np.testing.assert_allclose(mine, least[y, x], rtol=1e-5)


def test_nine_cells_give_nearly_the_labels_of_the_papers_windows():
    """The deviation in figures: windows of 2S x 2S against the nine cells, on a photograph."""
    grid, centres = after(9)

    def window(y, x, row, column, cluster_rows, cluster_columns):
        return (abs(centres[3] - x) <= grid.step) & (abs(centres[4] - y) <= grid.step)

    by_window, distance = brute_force(LAB, centres, grid, grid.weight(10), window)
    labels = assign_reference(LAB, centres, grid, grid.weight(10))
    reached = np.isfinite(distance)
    assert reached.mean() > 0.98
    assert (labels == by_window)[reached].mean() > 0.97


def test_sums_are_over_the_pixels_of_each_cluster():
    grid, centres = after(2)
    labels = np.empty((grid.height, grid.width), np.int32)
    arguments = (LAB, centres, grid.weight(10), *grid.edges(), 0, grid.rows, labels)
    sums = _assign_and_sum(*arguments)
    y, x = np.indices(labels.shape)
    for cluster in range(grid.clusters):
        mine = labels == cluster
        expected = [mine.sum(), *LAB[:, mine].sum(axis=1, dtype=int), x[mine].sum(), y[mine].sum()]
        assert sums[cluster].tolist() == expected


@pytest.mark.parametrize("rung", RUNGS)
def test_steps_are_the_iterations_of_slic(rung):
    steps = list(itertools.islice(slic_steps(PHOTO[:40, :50], 20, rung=rung), 4))
    assert steps[0].centres.shape == (20, 5)
    expected = slic(PHOTO[:40, :50], 20, iterations=3, connected=False, rung=rung)
    np.testing.assert_array_equal(steps[3].labels, expected)
    y, x = np.indices(expected.shape)
    lab = rgb_to_lab(PHOTO[:40, :50], rung=rung)
    for cluster, centre in enumerate(steps[3].centres):
        mine = expected == cluster
        means = [*lab[mine].mean(axis=0), x[mine].mean(), y[mine].mean()]
        np.testing.assert_allclose(centre, means, atol=1e-3)


# --- connected pieces


def test_pieces_by_hand():
    labels = np.array(
        [
            [0, 0, 0, 1, 1],
            [0, 2, 0, 1, 1],
            [0, 0, 0, 1, 0],
            [3, 3, 4, 1, 1],
        ],
        np.int32,
    )
    expected = np.array(
        [
            [0, 0, 0, 1, 1],
            [0, 0, 0, 1, 1],
            [0, 0, 0, 1, 1],
            [2, 2, 0, 1, 1],
        ]
    )
    for connect in (connect_reference, _connect_fast):
        np.testing.assert_array_equal(connect(labels, 2), expected)


label_images = hnp.arrays(
    np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)
)


@given(label_images, st.integers(1, 30))
@settings(max_examples=150, deadline=None)
def test_pieces_are_connected_large_enough_and_numbered(labels, smallest):
    pieces = _connect_fast(labels, smallest)
    np.testing.assert_array_equal(pieces, connect_reference(labels, smallest))
    assert is_connected(pieces)
    first = [np.flatnonzero(pieces == piece)[0] for piece in range(pieces.max() + 1)]
    assert first == sorted(first)
    assert np.bincount(pieces.ravel()).min() >= min(smallest, labels.size)
    # Nothing is torn apart: a piece of the input is within one of the result.
    for label in np.unique(labels):
        components, count = ndimage.label(labels == label)
        for component in range(1, count + 1):
            assert len(np.unique(pieces[components == component])) == 1


@pytest.mark.parametrize("segments", [1, 30, 150])
@pytest.mark.parametrize("compactness", [0.5, 10, 80])
def test_superpixels_are_connected_and_not_too_small(segments, compactness):
    labels = slic(PHOTO, segments, compactness)
    assert is_connected(labels)
    assert set(np.unique(labels)) == set(range(labels.max() + 1))
    assert np.bincount(labels.ravel()).min() >= Grid.of(*PHOTO.shape[:2], segments).smallest


# --- the whole


def test_a_large_compactness_gives_the_grid():
    labels = slic(PHOTO, 20, compactness=1e4, connected=False)
    grid = Grid.of(*PHOTO.shape[:2], 20)
    rows, columns = grid.cells_of()
    cells = rows[:, None] * grid.columns + columns[None, :]
    assert (labels == cells).mean() > 0.95


def test_an_edge_of_full_contrast_is_followed_exactly():
    image = np.zeros((40, 60, 3), np.uint8)
    y, x = np.indices((40, 60))
    right = x > 20 + y / 2
    image[right] = (255, 220, 40)
    labels = slic(image, 24, compactness=5)
    for label in np.unique(labels):
        assert len(np.unique(right[labels == label])) == 1


def achievable_accuracy(labels, truth):
    """Share of pixels that are right if every superpixel takes the commonest true label."""
    table = np.zeros((labels.max() + 1, truth.max() + 1), int)
    np.add.at(table, (labels.ravel(), truth.ravel()), 1)
    return table.max(axis=1).sum() / truth.size


def boundary_recall(labels, truth):
    """Share of the true boundary with a boundary of the superpixels within two pixels."""
    mine = ndimage.binary_dilation(segmentation.find_boundaries(labels), np.ones((5, 5)))
    return mine[segmentation.find_boundaries(truth)].mean()


@pytest.mark.parametrize("segments", [60, 200])
def test_follows_edges_as_well_as_scikit_image(segments):
    """Voronoi cells of random colours, blurred and with noise, whose true labels are known."""
    rng = np.random.default_rng(3)
    y, x = np.indices((150, 180))
    sites = rng.uniform(0, 1, (25, 2)) * (180, 150)
    truth = ((x[..., None] - sites[:, 0]) ** 2 + (y[..., None] - sites[:, 1]) ** 2).argmin(-1)
    image = rng.integers(30, 226, (25, 3))[truth] + rng.normal(0, 8, (150, 180, 3))
    image = ndimage.gaussian_filter(image, (0.7, 0.7, 0)).clip(0, 255).astype(np.uint8)
    mine = slic(image, segments)
    peer = segmentation.slic(image, segments, compactness=10, start_label=0)
    for measure in (achievable_accuracy, boundary_recall):
        assert measure(mine, truth) > measure(peer, truth) - 0.02
        assert measure(mine, truth) > 0.97


def test_float_and_uint8_images_agree():
    as_float = (PHOTO / 255).astype(np.float32)
    assert (slic(as_float, 60) == slic(PHOTO, 60)).mean() > 0.99
    ink = PHOTO[..., 0] > 128
    np.testing.assert_array_equal(slic(ink, 20), slic(ink.astype(np.uint8) * 255, 20))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((PHOTO[0, 0],), ValueError, r"image must have shape \(H, W\) or \(H, W, 3\), got \(3,\)"),
        ((PHOTO.astype(int),), TypeError, "image must be uint8, bool or float"),
        ((PHOTO, 0), ValueError, "segments must lie in"),
        ((PHOTO, 10.5), ValueError, "segments must be an integer, got 10.5"),
        ((PHOTO, 10, -1), ValueError, "compactness must lie in"),
        ((PHOTO, 10, 10, 0), ValueError, "iterations must lie in"),
        ((PHOTO, 10, 10, 1, "yes"), TypeError, "connected must be True or False, got 'yes'"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        slic(*arguments)


def test_bad_arguments_of_the_steps_are_named_at_once():
    with pytest.raises(ValueError, match="segments must lie in"):
        slic_steps(PHOTO, 0)
    with pytest.raises(ValueError, match="no rung 'gpu'"):
        slic_steps(PHOTO, rung="gpu")

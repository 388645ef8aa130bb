"""Connected components: the rungs agree with each other, with SciPy and with OpenCV."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from ocrlearn import ops
from ocrlearn.ops.components import RUNGS

STRUCTURE = {4: ndimage.generate_binary_structure(2, 1), 8: np.ones((3, 3), bool)}
masks = hnp.arrays(bool, st.tuples(st.integers(0, 12), st.integers(0, 12)))


def serpentine(height, width):
    """One stroke that runs right, down two, left, down two ...: a single component."""
    mask = np.zeros((height, width), bool)
    mask[::2] = True
    mask[1::4, -1] = True
    mask[3::4, 0] = True
    return mask


def spiral(size):
    """A one-pixel stroke winding inwards with one pixel of paper between its turns."""
    mask = np.zeros((size, size), bool)
    y, x, dy, dx = 0, 0, 0, 1
    mask[0, 0] = True
    turned = 0
    while turned < 2:
        ahead, beyond = (y + dy, x + dx), (y + 2 * dy, x + 2 * dx)
        inside = 0 <= ahead[0] < size and 0 <= ahead[1] < size
        ends = 0 <= beyond[0] < size and 0 <= beyond[1] < size and mask[beyond]
        if not inside or ends:
            dy, dx = dx, -dy
            turned += 1
        else:
            y, x = ahead
            mask[y, x] = True
            turned = 0
    return mask


def comb(height, width):
    """Teeth that are joined only by the last row, so that every tooth starts a label of its own."""
    mask = np.zeros((height, width), bool)
    mask[:, ::2] = True
    mask[-1] = True
    return mask


SHAPES = {
    "serpentine": serpentine(33, 130),
    "spiral": spiral(41),
    "comb": comb(9, 141),
    "comb upside down": comb(9, 141)[::-1],
    "checkerboard": np.indices((17, 70)).sum(axis=0) % 2 == 0,
    "full": np.ones((5, 200), bool),
    "blank": np.zeros((5, 200), bool),
    "one pixel": np.ones((1, 1), bool),
    "one row": np.array([[1, 1, 0, 1, 0, 0, 1]], bool),
    "one column": np.array([[1, 1, 0, 1, 0, 0, 1]], bool).T,
    "runs that meet the edges of 64-pixel words": np.arange(3 * 192).reshape(3, 192) % 64 != 31,
    "noise": np.random.default_rng(0).random((83, 197)) < 0.4,
}
ONE_COMPONENT = {"serpentine", "spiral", "comb", "comb upside down", "full", "one pixel"}


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("name", SHAPES)
def test_labels_equal_scipy_on_adversarial_shapes(name, connectivity, rung):
    expected, expected_count = ndimage.label(SHAPES[name], STRUCTURE[connectivity])
    labels, count = ops.connected_components(SHAPES[name], connectivity, rung=rung)
    assert count == expected_count
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, expected)
    if name in ONE_COMPONENT:
        assert count == 1


@pytest.mark.parametrize("rung", RUNGS)
@given(mask=masks, connectivity=st.sampled_from([4, 8]))
@settings(max_examples=200, deadline=None)
def test_labels_equal_scipy_on_any_mask(rung, mask, connectivity):
    expected, expected_count = ndimage.label(mask, STRUCTURE[connectivity])
    labels, count = ops.connected_components(mask, connectivity, rung=rung)
    assert count == expected_count
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("rung", RUNGS)
def test_worked_by_hand(rung):
    mask = np.array(
        [
            [0, 1, 0, 0, 1],
            [1, 0, 0, 1, 1],
            [1, 0, 0, 0, 0],
            [0, 0, 1, 1, 0],
        ],
        bool,
    )
    labels, stats = ops.connected_components_with_stats(mask, 8, rung=rung)
    assert labels.tolist() == [
        [0, 1, 0, 0, 2],
        [1, 0, 0, 2, 2],
        [1, 0, 0, 0, 0],
        [0, 0, 3, 3, 0],
    ]
    assert len(stats) == 4
    assert stats.area.tolist() == [12, 3, 3, 2]
    assert stats.left.tolist() == [0, 0, 3, 2]
    assert stats.top.tolist() == [0, 0, 0, 3]
    assert stats.width.tolist() == [5, 2, 2, 2]
    assert stats.height.tolist() == [4, 3, 2, 1]
    np.testing.assert_allclose(stats.centroid[1], [1 / 3, 1.0])
    np.testing.assert_allclose(stats.centroid[3], [2.5, 3.0])
    assert ops.connected_components(mask, 4, rung=rung)[1] == 4


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("name", [name for name in SHAPES if name != "full"])
def test_stats_equal_opencv(name, connectivity):
    mask = SHAPES[name]
    labels, stats = ops.connected_components_with_stats(mask, connectivity)
    count, cv_labels, cv_stats, cv_centroids = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=connectivity
    )
    assert len(stats) == count
    to_cv = np.zeros(count, int)  # OpenCV may number the components in another order
    to_cv[labels] = cv_labels
    present = stats.area > 0
    ours = np.stack([stats.left, stats.top, stats.width, stats.height, stats.area], axis=1)
    np.testing.assert_array_equal(ours[present], cv_stats[to_cv][present])
    np.testing.assert_allclose(stats.centroid[present], cv_centroids[to_cv][present], rtol=1e-12)


@given(mask=masks, connectivity=st.sampled_from([4, 8]))
@settings(max_examples=100, deadline=None)
def test_stats_from_runs_and_from_labels_agree(mask, connectivity):
    labels, from_runs = ops.connected_components_with_stats(mask, connectivity)
    from_labels = ops.component_stats(labels, len(from_runs) - 1)
    for name in ("left", "top", "width", "height", "area", "centroid"):
        np.testing.assert_array_equal(getattr(from_runs, name), getattr(from_labels, name))


@given(mask=masks)
@settings(max_examples=100, deadline=None)
def test_every_ink_pixel_belongs_to_one_component(mask):
    labels, stats = ops.connected_components_with_stats(mask)
    np.testing.assert_array_equal(labels > 0, mask)
    assert stats.area.sum() == mask.size
    assert (stats.area[1:] > 0).all()


@pytest.mark.parametrize("rung", RUNGS)
def test_label_without_pixels_has_an_empty_row(rung):
    stats = ops.component_stats(np.array([[2, 2]]), 3, rung=rung)
    assert stats.area.tolist() == [0, 0, 2, 0]
    assert stats.width.tolist() == [0, 0, 2, 0]
    assert stats.left.tolist() == stats.top.tolist() == [0, 0, 0, 0]
    assert np.isnan(stats.centroid[1]).all()
    assert stats.centroid[2].tolist() == [0.5, 0.0]


def test_non_contiguous_views_give_the_same_labels():
    mask = SHAPES["noise"]
    for view in (mask.T, mask[::2, ::3], mask[::-1, ::-1]):
        expected = ops.connected_components(np.ascontiguousarray(view))[0]
        np.testing.assert_array_equal(ops.connected_components(view)[0], expected)
        stats = ops.component_stats(expected.T, expected.max())
        np.testing.assert_array_equal(stats.area, np.bincount(expected.ravel()))


def test_input_is_not_modified():
    mask = SHAPES["noise"].copy()
    ops.connected_components_with_stats(mask)
    np.testing.assert_array_equal(mask, SHAPES["noise"])


@pytest.mark.parametrize("rung", RUNGS)
def test_a_connectivity_may_be_any_whole_number_type(rung):
    mask = np.eye(3, dtype=bool)
    assert ops.connected_components(mask, 8.0, rung=rung)[1] == 1
    assert ops.connected_components_with_stats(mask, np.int8(4), rung=rung)[1].area.size == 4


def test_bad_arguments_are_named():
    mask = np.zeros((3, 3), bool)
    with pytest.raises(TypeError, match=r"mask must be bool.*uint8"):
        ops.connected_components(mask.astype(np.uint8))
    with pytest.raises(ValueError, match=r"mask must have shape \(H, W\), got \(3,\)"):
        ops.connected_components_with_stats(mask[0])
    with pytest.raises(ValueError, match="connectivity must be 4 or 8, got 6"):
        ops.connected_components(mask, 6)
    with pytest.raises(ValueError, match=r"no rung 'gpu'.*reference, fast, cuda"):
        ops.connected_components(mask, rung="gpu")
    with pytest.raises(ValueError, match="no rung 'gpu'"):
        ops.component_stats(mask.astype(int), 1, rung="gpu")
    with pytest.raises(TypeError, match="labels must be integers"):
        ops.component_stats(np.zeros((2, 2)), 1)
    with pytest.raises(ValueError, match=r"labels must have shape \(H, W\)"):
        ops.component_stats(np.zeros(4, int), 1)
    with pytest.raises(TypeError, match="count must be an integer, got None"):
        ops.component_stats(np.zeros((2, 2), int), None)
    with pytest.raises(ValueError, match=r"count must lie in \[0, .*got -1"):
        ops.component_stats(np.zeros((0, 2), int), -1)
    with pytest.raises(ValueError, match=r"count must be an integer, got 1\.5"):
        ops.component_stats(np.zeros((2, 2), int), 1.5)
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 1\].*\[0, 2\]"):
        ops.component_stats(np.array([[0, 2]]), 1)

"""K-means: the two steps worked by hand, the inertia that never rises, empty clusters, seeding."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.cluster import kmeans_plusplus

from ocrlearn.cluster.kmeans import RUNGS, assign, kmeans, kmeans_plus_plus, update

# Whole numbers up to 50 and few of them, so that ties, repeated points and empty clusters occur.
point_sets = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 4)),
    elements=st.integers(-50, 50).map(np.float32),
)
rungs = pytest.mark.parametrize("rung", RUNGS)


@rungs
class TestByHand:
    def test_assignment(self, rung):
        points = np.array([[0, 0], [3, 4], [10, 0], [5, 0]], np.float32)
        labels, squared = assign(points, np.array([[0, 0], [10, 0]]), rung=rung)
        assert labels.tolist() == [0, 0, 1, 0]  # (5, 0) is half way: the lower index
        assert squared.tolist() == [0, 25, 0, 25]

    def test_update(self, rung):
        points = np.array([[0, 0], [2, 4], [10, 1], [11, 3]], np.float32)
        centres, counts = update(points, np.array([1, 1, 0, 0]), 2, rung=rung)
        assert centres.tolist() == [[10.5, 2], [1, 2]]
        assert counts.tolist() == [2, 2]

    def test_two_iterations_on_a_line(self, rung):
        # Centres 0 and 2 take {0, 1} and {2, 9}: 1 lies half way. They move to 0.5 and 5.5, take
        # {0, 1, 2} and {9}; then to 1 and 9, where they rest.
        points = np.array([[0], [1], [2], [9]], np.float32)
        result = kmeans(points, 2, init=points[[0, 2]], rung=rung)
        assert result.centres.ravel().tolist() == [1, 9]
        assert result.labels.tolist() == [0, 0, 0, 1]
        assert result.inertias.tolist() == [1 + 49, 0.25 + 0.25 + 2.25 + 12.25, 2, 2]
        assert result.iterations == 3  # the third finds that nothing moves
        assert result.inertia == 2

    def test_an_empty_cluster_goes_to_the_farthest_point(self, rung):
        points = np.array([[0], [1], [2], [9], [20]], np.float32)
        # The means are 1 for {0, 1, 2} and 14.5 for {9, 20}, from which both are 5.5 away.
        centres, counts = update(points, np.array([0, 0, 0, 2, 2]), 3, rung=rung)
        assert centres.ravel().tolist() == [1, 9, 14.5]
        assert counts.tolist() == [3, 0, 2]

    def test_two_empty_clusters_go_to_different_points(self, rung):
        # All belong to the mean 6: 0 and 12 are farthest. When 0 is taken, 12 still is.
        points = np.array([[0], [0], [5], [7], [12], [12]], np.float32)
        centres, counts = update(points, np.ones(6, np.int32), 3, rung=rung)
        assert centres.ravel().tolist() == [0, 6, 12]
        assert counts.tolist() == [0, 6, 0]


@rungs
@given(points=point_sets, k=st.integers(1, 6), seed=st.integers(0, 5))
def test_inertia_never_rises(rung, points, k, seed):
    # Centres drawn from anywhere leave clusters empty, also again and again.
    k = min(k, len(points))
    init = np.random.default_rng(seed).integers(-80, 80, (k, points.shape[1]))
    result = kmeans(points, k, iterations=8, init=init, rung=rung)
    assert len(result.inertias) == result.iterations + 1
    # The centres are rounded to float32, by which a sum of squares of 100 moves by 1e-4 at most.
    assert (np.diff(result.inertias) <= 1e-6 * result.inertias[:-1] + 1e-4).all()


@given(points=point_sets, k=st.integers(1, 6))
def test_a_result_is_what_its_parts_say(points, k):
    k = min(k, len(points))
    result = kmeans(points, k, iterations=5, seed=3)
    labels, squared = assign(points, result.centres)
    np.testing.assert_array_equal(result.labels, labels)
    assert result.inertia == pytest.approx(squared.sum(dtype=float))


@given(points=point_sets)
def test_every_point_has_its_own_centre_where_there_are_enough(points):
    different = np.unique(points, axis=0)
    result = kmeans(points, len(different), seed=1)
    assert result.inertia == 0
    np.testing.assert_array_equal(np.unique(result.centres, axis=0), different)


def test_the_order_of_points_does_not_matter_for_the_centres():
    random = np.random.default_rng(0)
    points = random.integers(0, 256, (500, 3)).astype(np.float32)
    order = random.permutation(500)
    one = kmeans(points, 6, iterations=10, init=points[:6])
    other = kmeans(points[order], 6, iterations=10, init=points[:6])
    np.testing.assert_allclose(other.centres, one.centres, rtol=1e-6)
    np.testing.assert_array_equal(other.labels, one.labels[order])


def test_moving_all_points_moves_the_centres_along():
    points = np.random.default_rng(1).integers(0, 64, (200, 2)).astype(np.float32)
    here = kmeans(points, 4, init=points[:4])
    there = kmeans(points + 4096, 4, init=points[:4] + 4096)
    np.testing.assert_array_equal(there.labels, here.labels)
    np.testing.assert_allclose(there.centres - 4096, here.centres, atol=1e-3)


def test_blobs_are_found_from_every_seed():
    random = np.random.default_rng(2)
    truth = np.repeat(np.arange(5), 40)
    points = 100 * np.eye(5)[truth] + random.normal(size=(200, 5))
    for seed in range(10):
        labels = kmeans(points, 5, seed=seed).labels
        assert len(set(zip(truth, labels.tolist(), strict=True))) == 5


def test_the_tolerance_ends_the_iteration():
    points = np.random.default_rng(3).normal(size=(400, 2))
    to_rest = kmeans(points, 8, init=points[:8])
    early = kmeans(points, 8, init=points[:8], tolerance=0.05)
    assert early.iterations < to_rest.iterations
    assert early.inertia == pytest.approx(to_rest.inertias[early.iterations])
    assert kmeans(points, 8, init=points[:8], iterations=0).centres.tolist() == (
        points[:8].astype(np.float32).tolist()
    )


def test_the_number_of_threads_does_not_matter():
    points = np.random.default_rng(9).normal(size=(20_000, 3)).astype(np.float32)
    threads = numba.get_num_threads()
    try:
        results = []
        for number in (1, threads):
            numba.set_num_threads(number)
            results.append(kmeans(points, 7, init=points[:7], iterations=5))
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(results[0].centres, results[1].centres)
    np.testing.assert_array_equal(results[0].inertias, results[1].inertias)


class TestSeeding:
    def test_centres_are_points_and_all_different(self):
        points = np.random.default_rng(4).integers(0, 9, (80, 2)).astype(np.float32)
        centres = kmeans_plus_plus(points, 20, seed=1)
        assert len(np.unique(centres, axis=0)) == 20
        assert set(map(tuple, centres.tolist())) <= set(map(tuple, points.tolist()))

    def test_draws_in_proportion_to_the_squared_distance(self):
        # From 0 the squared distances are 1, 4 and 25, so 5 is drawn 25 times in 30.
        points = np.array([[0], [1], [2], [5]], np.float32)
        drawn = [kmeans_plus_plus(points, 2, seed=s, candidates=1).ravel() for s in range(4000)]
        seconds = [second for first, second in drawn if first == 0]
        shares = [seconds.count(value) / len(seconds) for value in (0, 1, 2, 5)]
        # Of about 1,000 draws, four standard deviations are 0.047 at most.
        np.testing.assert_allclose(shares, [0, 1 / 30, 4 / 30, 25 / 30], atol=0.05)

    def test_is_as_good_as_the_one_of_scikit_learn(self):
        points = np.random.default_rng(5).normal(size=(600, 3)).astype(np.float32)
        ours = [assign(points, kmeans_plus_plus(points, 12, seed=s))[1].sum() for s in range(30)]
        theirs = [
            assign(points, kmeans_plusplus(points, 12, random_state=s)[0])[1].sum()
            for s in range(30)
        ]
        assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.05)

    def test_more_candidates_leave_less_inertia(self):
        points = np.random.default_rng(6).normal(size=(600, 2)).astype(np.float32)
        left = [
            np.mean([assign(points, kmeans_plus_plus(points, 9, seed=s, candidates=c))[1].sum()
                     for s in range(30)])
            for c in (1, 20)
        ]  # fmt: skip
        assert left[1] < left[0]

    def test_the_seed_decides(self):
        points = np.random.default_rng(7).normal(size=(100, 2))
        one, same, other = (kmeans_plus_plus(points, 5, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, other)

    def test_random_centres_are_different_points(self):
        points = np.arange(6.0)[:, None]
        result = kmeans(points, 6, init="random", iterations=0, seed=9)
        assert sorted(result.centres.ravel().tolist()) == list(range(6))


POINTS = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: kmeans([[1, 2]], 1), TypeError, "points must be an array .* got list"),
        (lambda: kmeans(np.arange(3.0), 1), ValueError, r"points must have shape \(N, D\), got"),
        (lambda: kmeans(POINTS * 1j, 1), TypeError, "points must hold real numbers, got"),
        (lambda: kmeans(POINTS[:0], 1), ValueError, "points must have at least 1 row and"),
        (lambda: kmeans(POINTS * np.nan, 1), ValueError, "points must be finite"),
        (lambda: kmeans(POINTS * 1e40, 1), ValueError, "points must be finite in float32"),
        (lambda: kmeans(POINTS, 7), ValueError, "k must be at most the number of points, 6, got 7"),
        (lambda: kmeans(POINTS, 0), ValueError, r"k must lie in \[1, inf\], got 0"),
        (lambda: kmeans(POINTS, 2.5), ValueError, "k must be an integer, got 2.5"),
        (lambda: kmeans(POINTS, 2, iterations=-1), ValueError, "iterations must lie in"),
        (lambda: kmeans(POINTS, 2, tolerance=-1), ValueError, "tolerance must lie in"),
        (lambda: kmeans(POINTS, 2, seed=-1), ValueError, "seed must lie in"),
        (lambda: kmeans(POINTS, 2, init="best"), ValueError, "init must be 'k-means\\+\\+'"),
        (lambda: kmeans(POINTS, 2, init=POINTS), ValueError, r"init must have shape \(2, D\), got"),
        (lambda: kmeans(POINTS, 6, init=np.ones((6, 3))), ValueError, "init must have as many col"),
        (lambda: kmeans(POINTS, 2, rung="gpu"), ValueError, "no rung 'gpu'"),
        (lambda: kmeans_plus_plus(POINTS, 2, candidates=0), ValueError, "candidates must lie in"),
        (lambda: assign(POINTS, POINTS[:, :1]), ValueError, "centres must have as many columns"),
        (lambda: update(POINTS, np.zeros(5, int), 2), ValueError, r"labels must have shape \(6,\)"),
        (lambda: update(POINTS, np.zeros(6), 2), TypeError, "labels must be integers, got dtype"),
        (lambda: update(POINTS, np.arange(6), 2), ValueError, r"labels must lie in \[0, 2\), got"),
        (lambda: update(POINTS, [0] * 6, 2), TypeError, "labels must be an array .* got list"),
        (lambda: kmeans(np.ones((2, 400)), 1, rung="cuda"), ValueError, "up to 383 coordinates"),
    ],
)
def test_errors_say_what_came_and_what_is_wanted(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_other_dtypes_are_computed_with_as_float32_and_left_alone():
    points = np.random.default_rng(8).integers(0, 255, (50, 3), dtype=np.uint8)
    before = points.copy()
    result = kmeans(points, 4)
    np.testing.assert_array_equal(points, before)
    np.testing.assert_array_equal(result.labels, kmeans(points.astype(float), 4).labels)

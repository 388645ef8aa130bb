"""K-means: group points around the centres that leave the least sum of squared distances.

S. P. Lloyd's iteration ("Least Squares Quantization in PCM", IEEE Transactions on Information
Theory, 1982) repeats two steps: *assign* every point to its nearest centre, then *update* every
centre to the mean of its points. Neither step can raise the inertia, the sum of the squared
distances, so the iteration settles, though perhaps in a local minimum that depends on where it
began. The usual beginning is k-means++ (D. Arthur and S. Vassilvitskii, "k-means++: The Advantages
of Careful Seeding", SODA, 2007): every further centre is drawn from the points with a probability
in proportion to the squared distance from the centres drawn before.

Squared distances are sums of squared differences. The expanded form ``|x|^2 - 2 x.c + |c|^2`` needs
half the arithmetic and is a matrix product, but it cancels: 10,000 away from the origin, float32
leaves nothing of a distance of 1.

**Deviations from the papers.**
Lloyd says nothing about a cluster that has lost all its points. Here its centre is moved onto the
point that is farthest from its own centre; see :func:`update`. Seeding draws several candidates for
each centre and keeps the best, as Arthur and Vassilvitskii propose in their conclusion.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, pick
from ocrlearn._validate import check_number
from ocrlearn.cluster._points import check_points

__all__ = [
    "ASSIGN_RUNGS",
    "RUNGS",
    "UPDATE_RUNGS",
    "KMeansResult",
    "assign",
    "assign_reference",
    "kmeans",
    "kmeans_plus_plus",
    "update",
    "update_reference",
]

KERNELS = cuda.KernelFile.beside(__file__)


@dataclass(frozen=True, eq=False)
class KMeansResult:
    """What K-means found.

    Attributes
    ----------
    centres
        ``(k, D)`` float32.
    labels
        ``(N,)`` int32, for every point the index of its nearest centre.
    inertia
        The sum of the squared distances of the points from their centres.
    inertias
        ``(iterations + 1,)`` float64, the inertia of the initial centres and after every iteration.
        It never rises, but for the rounding of the centres to float32.
    iterations
        How many were made: fewer than allowed where the centres came to rest.
    """

    centres: Any
    labels: Any
    inertia: float
    inertias: Any
    iterations: int


# ---------------------------------------------------------------------------------------- reference


def assign_reference(
    points: NDArray[np.float32], centres: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Measure every point against every centre and take the first of the nearest."""
    difference = points[:, None, :] - centres[None, :, :]  # (N, K, D)
    squared = (difference * difference).sum(axis=2)  # (N, K)
    labels = squared.argmin(axis=1)
    return labels.astype(np.int32), squared[np.arange(len(points)), labels]


def update_reference(
    points: NDArray[np.float32], labels: NDArray[np.int32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Average the points of every cluster, then give the empty ones a point."""
    sums = np.zeros((k, points.shape[1]))
    counts = np.zeros(k, np.int64)
    np.add.at(sums, labels, points)
    np.add.at(counts, labels, 1)
    centres = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    _move_empty_clusters(points, labels, centres, np.flatnonzero(counts == 0))
    return centres, counts


def _move_empty_clusters(points: Any, labels: Any, centres: Any, empty: NDArray[np.intp]) -> None:
    """Move each empty cluster's centre onto the point farthest from its centre, in place.

    Having been moved, a centre counts as that of the points it is nearer to, so that a second empty
    cluster goes elsewhere. This is rare, so one form serves all rungs.
    """
    if not len(empty):
        return
    xp = array_module(points)
    squared = ((points - centres[labels]) ** 2).sum(axis=1)
    for cluster in empty.tolist():
        point = points[int(squared.argmax())]
        centres[cluster] = point
        squared = xp.minimum(squared, ((points - point) ** 2).sum(axis=1))


Assign = Callable[[Any, Any], tuple[Any, Any]]
Update = Callable[[Any, Any, int], tuple[Any, Any]]


def _lloyd(
    points: Any, centres: Any, iterations: int, tolerance: float, assign: Assign, update: Update
) -> KMeansResult:
    """Repeat assignment and update until the centres rest; the loop of every rung but the fast."""
    inertias = []
    done = 0
    while True:
        labels, squared = assign(points, centres)
        inertias.append(squared.sum(dtype=np.float64))
        if done == iterations:
            break
        moved, _ = update(points, labels, len(centres))
        done += 1
        at_rest = _greatest_move(centres, moved) <= tolerance
        centres = moved
        if at_rest:
            iterations = done  # assign once more, to the final centres
    values = array_module(points).stack(inertias)
    return KMeansResult(centres, labels, float(values[-1]), values, done)


def _greatest_move(before: Any, after: Any) -> float:
    """Return how far the centre went that went farthest."""
    return math.sqrt(float(((after - before) ** 2).sum(axis=1).max()))


def _kmeans_reference(
    points: NDArray[np.float32], centres: NDArray[np.float32], iterations: int, tolerance: float
) -> KMeansResult:
    return _lloyd(points, centres, iterations, tolerance, assign_reference, update_reference)


# --------------------------------------------------------------------------------------------- fast

# Points are worked on a tile at a time, so that all that is written about them stays in the
# first-level cache; a tile is also the unit that threads share, and its sums are added in order,
# so that the result does not depend on the number of threads.
_TILE = 2048


@njit(cache=True, nogil=True)
def _nearest_in_tile(
    columns: NDArray[np.float32],
    start: int,
    centres: NDArray[np.float32],
    labels: NDArray[np.int32],
    squared: NDArray[np.float32],
    distance: NDArray[np.float32],
) -> None:
    """Assign the points from `start` on, as many as `labels` holds.

    The innermost loops run over points and not over centres: they need no branch, read `columns`
    (one row a coordinate) in order, and become vector instructions.
    """
    count = labels.size
    squared[:] = np.inf
    labels[:] = 0
    for cluster in range(centres.shape[0]):
        for d in range(centres.shape[1] - 1):
            column = columns[d, start : start + count]
            centre = centres[cluster, d]
            if d == 0:
                for i in range(count):
                    distance[i] = (column[i] - centre) * (column[i] - centre)
            else:
                for i in range(count):
                    distance[i] += (column[i] - centre) * (column[i] - centre)
        column = columns[centres.shape[1] - 1, start : start + count]
        centre = centres[cluster, centres.shape[1] - 1]
        for i in range(count):
            total = distance[i] + (column[i] - centre) * (column[i] - centre)
            closer = total < squared[i]
            squared[i] = total if closer else squared[i]
            labels[i] = cluster if closer else labels[i]


@njit(cache=True, nogil=True)
def _sum_tile(
    points: NDArray[np.float32],
    labels: NDArray[np.int32],
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> None:
    """Fill `sums` and `counts` with the sum and the number of each cluster's points."""
    sums[:] = 0
    counts[:] = 0
    for i in range(labels.size):
        cluster = labels[i]
        counts[cluster] += 1
        for d in range(points.shape[1]):
            sums[cluster, d] += points[i, d]


# The functions that share tiles among threads fill arrays that they are given, and leave it to
# NumPy to add up the tiles: in them every whole-array operation would be shared out as well, and
# wait for the slowest thread once more.


@njit(cache=True, nogil=True, parallel=True)
def _assign_tiles(
    columns: NDArray[np.float32],
    centres: NDArray[np.float32],
    labels: NDArray[np.int32],
    squared: NDArray[np.float32],
) -> None:
    for tile in prange((labels.size + _TILE - 1) // _TILE):
        start = tile * _TILE
        stop = min(start + _TILE, labels.size)
        distance = np.zeros(stop - start, np.float32)
        _nearest_in_tile(columns, start, centres, labels[start:stop], squared[start:stop], distance)


@njit(cache=True, nogil=True, parallel=True)
def _sum_tiles(
    points: NDArray[np.float32],
    labels: NDArray[np.int32],
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> None:
    for tile in prange(len(sums)):
        start = tile * _TILE
        stop = min(start + _TILE, labels.size)
        _sum_tile(points[start:stop], labels[start:stop], sums[tile], counts[tile])


@njit(cache=True, nogil=True, parallel=True)
def _assign_and_sum_tiles(
    points: NDArray[np.float32],
    columns: NDArray[np.float32],
    centres: NDArray[np.float32],
    labels: NDArray[np.int32],
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
    inertias: NDArray[np.float64],
) -> None:
    """Do both steps in one pass, and add up the squared distances of each tile."""
    for tile in prange(len(sums)):
        start = tile * _TILE
        stop = min(start + _TILE, labels.size)
        squared = np.empty(stop - start, np.float32)
        distance = np.zeros(stop - start, np.float32)
        own_labels = labels[start:stop]
        _nearest_in_tile(columns, start, centres, own_labels, squared, distance)
        _sum_tile(points[start:stop], own_labels, sums[tile], counts[tile])
        total = 0.0
        for i in range(squared.size):
            total += squared[i]
        inertias[tile] = total


def _empty_sums(
    points: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Allocate the sums and counts of every tile."""
    tiles = -(-len(points) // _TILE)
    return np.empty((tiles, k, points.shape[1])), np.empty((tiles, k), np.int64)


def _assign_fast(
    points: NDArray[np.float32], centres: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    labels = np.empty(len(points), np.int32)
    squared = np.empty(len(points), np.float32)
    columns = np.ascontiguousarray(points.T)
    _assign_tiles(columns, np.ascontiguousarray(centres), labels, squared)
    return labels, squared


def _update_fast(
    points: NDArray[np.float32], labels: NDArray[np.int32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    sums, counts = _empty_sums(points, k)
    _sum_tiles(np.ascontiguousarray(points), np.ascontiguousarray(labels), sums, counts)
    return _to_centres(points, labels, sums, counts)


def _to_centres(
    points: NDArray[np.float32],
    labels: NDArray[np.int32],
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Join the tiles and divide; also return the counts of all."""
    count = counts.sum(axis=0)
    centres = (sums.sum(axis=0) / np.maximum(count, 1)[:, None]).astype(np.float32)
    _move_empty_clusters(points, labels, centres, np.flatnonzero(count == 0))
    return centres, count


def _kmeans_fast(
    points: NDArray[np.float32], centres: NDArray[np.float32], iterations: int, tolerance: float
) -> KMeansResult:
    points, centres = np.ascontiguousarray(points), np.ascontiguousarray(centres)
    columns = np.ascontiguousarray(points.T)
    labels = np.empty(len(points), np.int32)
    sums, counts = _empty_sums(points, len(centres))
    of_tiles = np.empty(len(sums))
    inertias = []
    for done in range(iterations + 1):
        _assign_and_sum_tiles(points, columns, centres, labels, sums, counts, of_tiles)
        inertias.append(float(of_tiles.sum()))
        if done == iterations:
            break
        moved, _ = _to_centres(points, labels, sums, counts)
        at_rest = _greatest_move(centres, moved) <= tolerance
        centres = moved
        if at_rest:
            iterations = done + 1
    return KMeansResult(centres, labels, inertias[-1], np.array(inertias), len(inertias) - 1)


# --------------------------------------------------------------------------------------------- cuda

_ASSIGN_MEMORY = 16 * 1024  # so that four blocks fit a multiprocessor even of the smaller GPUs
_ASSIGN_BLOCK = 256
_MOST_BLOCKS = 1024  # enough to fill the largest GPU several times over


def _assign_cuda(points: Any, centres: Any) -> tuple[Any, Any]:
    count, dimensions = points.shape
    xp = array_module(points)
    labels = cuda.empty(count, np.int32, like=points)
    squared = cuda.empty(count, np.float32, like=points)
    points_each = 4 if dimensions <= 8 else 1
    # Few centres take little room; of many, a tile at a time is copied to shared memory.
    tile = min(len(centres), _ASSIGN_MEMORY // 4 // dimensions)
    if tile == 0:
        raise ValueError(f"the cuda rung takes points of up to 4096 coordinates, got {dimensions}")
    cuda.launch(
        KERNELS.kernel("assign", D=dimensions),
        cuda.blocks_for(count, _ASSIGN_BLOCK * points_each),
        _ASSIGN_BLOCK,
        shared_memory=4 * tile * dimensions,
        points=xp.ascontiguousarray(points),
        centres=xp.ascontiguousarray(centres),
        count=count,
        clusters=len(centres),
        tile=tile,
        labels=labels,
        squared=squared,
    )
    return labels, squared


def _update_cuda(points: Any, labels: Any, k: int) -> tuple[Any, Any]:
    xp = array_module(points)
    count, dimensions = points.shape
    entries = dimensions + 1  # of a cluster: its sums and its count
    # Every thread has its own sums, so shared memory limits how many threads or clusters fit.
    tile = min(k, cuda.DEFAULT_SHARED_MEMORY // (4 * 32 * entries))
    if tile == 0:
        raise ValueError(f"the cuda rung takes points of up to 383 coordinates, got {dimensions}")
    threads = 256
    while threads > 32 and 4 * threads * tile * entries > cuda.DEFAULT_SHARED_MEMORY:
        threads //= 2
    blocks = min(cuda.blocks_for(count, threads)[0], _MOST_BLOCKS)
    partial = cuda.empty((k * entries, blocks), np.float32, like=points)
    cuda.launch(
        KERNELS.kernel("partial_sums", D=dimensions),
        (blocks, *cuda.blocks_for(k, tile)),
        threads,
        shared_memory=4 * threads * tile * entries,
        points=xp.ascontiguousarray(points),
        labels=xp.ascontiguousarray(labels),
        count=count,
        clusters=k,
        tile=tile,
        partial=partial,
    )
    centres = cuda.empty((k, dimensions), np.float32, like=points)
    counts = cuda.empty(k, np.int64, like=points)
    cuda.launch(
        KERNELS.kernel("finish", D=dimensions),
        k,
        32,
        partial=partial,
        clusters=k,
        blocks=blocks,
        centres=centres,
        counts=counts,
    )
    empty = counts == 0
    if bool(empty.any()):
        indices = np.array([cluster for cluster, none in enumerate(empty.tolist()) if none])
        _move_empty_clusters(points, labels, centres, indices)
    return centres, counts


def _kmeans_cuda(points: Any, centres: Any, iterations: int, tolerance: float) -> KMeansResult:
    return _lloyd(points, centres, iterations, tolerance, _assign_cuda, _update_cuda)


# ------------------------------------------------------------------------------------------- public

ASSIGN_RUNGS = {"reference": assign_reference, "fast": _assign_fast, "cuda": _assign_cuda}
UPDATE_RUNGS = {"reference": update_reference, "fast": _update_fast, "cuda": _update_cuda}
RUNGS = {"reference": _kmeans_reference, "fast": _kmeans_fast, "cuda": _kmeans_cuda}


def _check_k(k: Any, count: int) -> int:
    number = int(check_number(k, "k", low=1, integer=True))
    if number > count:
        raise ValueError(f"k must be at most the number of points, {count}, got {number}")
    return number


def _check_centres(centres: Any, points: Any, name: str) -> Any:
    checked = check_points(centres, name)
    array_module(points, checked)  # one library
    if checked.shape[1] != points.shape[1]:
        raise ValueError(
            f"{name} must have as many columns as points, {points.shape[1]}, "
            f"got shape {checked.shape}"
        )
    return checked


def assign(points: Any, centres: Any, *, rung: str | None = None) -> tuple[Any, Any]:
    """Find the nearest centre of every point.

    Parameters
    ----------
    points
        ``(N, D)`` of any real dtype, N of at least 1; computed with as float32. NumPy or CuPy.
    centres
        ``(K, D)``, likewise.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    labels
        ``(N,)`` int32, the index of the nearest centre, the lowest where several are equally near.
    squared
        ``(N,)`` float32, the squared distance from it.

    Raises
    ------
    TypeError
        If an argument is no array or not of a real dtype, or NumPy and CuPy arrays are mixed.
    ValueError
        If a shape is wrong or a value not finite; the latter is checked for NumPy arrays only.

    Examples
    --------
    >>> points = np.array([[0.0, 0.0], [3.0, 4.0], [9.0, 0.0]], np.float32)
    >>> labels, squared = assign(points, points[[0, 2]])
    >>> labels.tolist(), squared.tolist()
    ([0, 0, 1], [0.0, 25.0, 0.0])
    """
    checked = check_points(points)
    others = _check_centres(centres, checked, "centres")
    return pick(ASSIGN_RUNGS, checked, rung=rung)(checked, others)


def update(points: Any, labels: Any, k: int, *, rung: str | None = None) -> tuple[Any, Any]:
    """Move every centre to the mean of its points.

    A cluster without points has no mean. Its centre is moved onto the point that is farthest from
    the mean of its own cluster, the first of several; with more than one empty cluster this is
    repeated, in the order of their indices, each point then measured from the nearest of its mean
    and the centres already moved. The labels are not changed, so the count of such a cluster is
    0: the next assignment gives it its points. An added centre brings no point farther from its
    nearest, so the inertia still cannot rise.

    Parameters
    ----------
    points
        ``(N, D)`` of any real dtype, computed with as float32. NumPy or CuPy.
    labels
        ``(N,)`` of an integer dtype, with values in [0, k); the range is checked for NumPy arrays
        only, and on a GPU points with other labels are left out of the sums.
    k
        The number of clusters, 1 to N.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    centres
        ``(k, D)`` float32.
    counts
        ``(k,)`` int64, how many points each cluster has.

    Raises
    ------
    TypeError
        If `points` is no array of a real dtype, or `labels` none of an integer dtype.
    ValueError
        If a shape is wrong, `k` or a label is out of range, or a value is not finite.
    """
    checked = check_points(points)
    number = _check_k(k, len(checked))
    if not hasattr(labels, "shape"):
        raise TypeError(f"labels must be an array of integers, got {type(labels).__name__}")
    xp = array_module(checked, labels)
    if labels.shape != (len(checked),):
        raise ValueError(
            f"labels must have shape ({len(checked)},), one for each point, got {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, got dtype {labels.dtype}")
    if xp is np and not 0 <= labels.min() <= labels.max() < number:
        raise ValueError(
            f"labels must lie in [0, {number}), got values in [{labels.min()}, {labels.max()}]"
        )
    whole = labels.astype(xp.int32, copy=False)
    return pick(UPDATE_RUNGS, checked, rung=rung)(checked, whole, number)


def kmeans_plus_plus(points: Any, k: int, *, seed: int = 0, candidates: int | None = None) -> Any:
    """Draw `k` of the points as initial centres, far apart and where points are many.

    The first is drawn evenly. For every further one, `candidates` points are drawn with a
    probability in proportion to their squared distance from the nearest centre so far, and the one
    that leaves the least inertia is taken. With one candidate this is the algorithm of Arthur and
    Vassilvitskii (SODA, 2007), whose expected inertia is within 8 (ln k + 2) of the best there is.

    Parameters
    ----------
    points
        ``(N, D)`` of any real dtype, computed with as float32. NumPy or CuPy.
    k
        How many centres, 1 to N.
    seed
        Of the random draws, at least 0.
    candidates
        How many points are tried for each centre; 2 + ln k by default, as scikit-learn has it.

    Returns
    -------
    centres
        ``(k, D)`` float32, of the library of `points`. Points are repeated only where fewer than
        `k` are different.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range; `points` are checked as in :func:`assign`.
    """
    checked = check_points(points)
    number = _check_k(k, len(checked))
    tries = 2 + int(math.log(number))
    if candidates is not None:
        tries = int(check_number(candidates, "candidates", low=1, integer=True))
    return _seed(checked, number, _generator(seed), tries)


def _generator(seed: Any) -> np.random.Generator:
    return np.random.default_rng(int(check_number(seed, "seed", low=0, integer=True)))


def _seed(points: Any, k: int, random: np.random.Generator, tries: int) -> Any:
    xp = array_module(points)
    columns = xp.ascontiguousarray(points.T)
    chosen = [int(random.integers(len(points)))]
    nearest = _squared_from(columns, points[chosen[0]])
    while len(chosen) < k:
        # The sum up to each point; a number drawn from [0, total) falls into the share of one.
        reach = xp.cumsum(nearest, dtype=np.float64)
        drawn = xp.asarray(random.random(tries)) * reach[-1]
        indices = xp.minimum(xp.searchsorted(reach, drawn, side="right"), len(points) - 1)
        trials = []
        for index in indices.tolist():
            left = xp.minimum(nearest, _squared_from(columns, points[index]))
            trials.append((float(left.sum(dtype=np.float64)), index, left))
        _, index, nearest = min(trials, key=lambda trial: trial[0])
        chosen.append(index)
    return points[xp.asarray(chosen)]


def _squared_from(columns: Any, point: Any) -> Any:
    """Return every point's squared distance from one, `columns` holding a row a coordinate."""
    squared = (columns[0] - point[0]) ** 2
    for d in range(1, len(columns)):
        squared += (columns[d] - point[d]) ** 2
    return squared


def kmeans(
    points: Any,
    k: int,
    *,
    iterations: int = 100,
    tolerance: float = 0.0,
    seed: int = 0,
    init: Any = "k-means++",
    rung: str | None = None,
) -> KMeansResult:
    """Group points into `k` clusters by Lloyd's iteration.

    Takes O(iterations N k D) operations, and beyond the points O(N + k D) of memory, but for the
    reference, which keeps all N k distances. The kernels take points of up to 383 coordinates, for
    which the sums of one cluster fit shared memory.

    Parameters
    ----------
    points
        ``(N, D)`` of any real dtype, computed with as float32. NumPy or CuPy. For the colours of an
        RGB image, ``image.reshape(-1, 3)``.
    k
        The number of clusters, 1 to N.
    iterations
        At most so many are made, at least 0.
    tolerance
        The iteration ends when no centre moves farther than this, in the units of `points`. With 0
        it ends when every centre stays where it is.
    seed
        Of the random numbers of `init`, at least 0.
    init
        "k-means++" (:func:`kmeans_plus_plus`), "random" (different points, evenly drawn), or the
        ``(k, D)`` initial centres themselves, of the library of `points`.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    KMeansResult
        The labels are those of the returned centres, ties going to the lowest index. What becomes
        of an empty cluster is told in :func:`update`.

    Raises
    ------
    TypeError
        If an array is none, is not of a real dtype, or NumPy and CuPy arrays are mixed.
    ValueError
        If a shape is wrong, a number out of range or `init` unknown, or (checked for NumPy arrays
        only) a value is not finite.

    Examples
    --------
    >>> points = np.array([[0.0], [1.0], [10.0], [12.0]])
    >>> result = kmeans(points, 2, init=points[:2])
    >>> result.centres.ravel().tolist(), result.labels.tolist(), result.inertia
    ([0.5, 11.0], [0, 0, 1, 1], 2.5)
    """
    checked = check_points(points)
    number = _check_k(k, len(checked))
    most = int(check_number(iterations, "iterations", low=0, integer=True))
    least_move = check_number(tolerance, "tolerance", low=0)
    random = _generator(seed)
    if not isinstance(init, str):
        centres = _check_centres(init, checked, "init")
        if len(centres) != number:
            raise ValueError(f"init must have shape ({number}, D), got {centres.shape}")
    elif init == "k-means++":
        centres = _seed(checked, number, random, 2 + int(math.log(number)))
    elif init == "random":
        chosen = random.choice(len(checked), number, replace=False)
        centres = checked[array_module(checked).asarray(chosen)]
    else:
        raise ValueError(f"init must be 'k-means++', 'random' or initial centres, got {init!r}")
    return pick(RUNGS, checked, rung=rung)(checked, centres, most, least_move)

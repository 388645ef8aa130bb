"""Connected components of an ink mask, with their boxes, areas and centroids.

Two ink pixels belong to the same component when a path of neighbouring ink pixels joins them. The
reference is the two-pass algorithm of Rosenfeld and Pfaltz ("Sequential Operations in Digital
Picture Processing", Journal of the ACM, 1966): give each pixel the label of a neighbour already
seen, note which labels turn out to be one component, then replace each by its representative. The
notes are kept in a union-find forest. The fast rung does the same with *runs*, the stretches of ink
along a row, as proposed by He, Chao and Suzuki ("A Run-Based Two-Scan Labeling Algorithm", IEEE
Transactions on Image Processing, 2008): a page has far fewer runs than pixels. They keep the
equivalent labels in linked lists; here it is the reference's union-find forest again.

The CUDA rung (``components.cu``) has no order to go by, so all pixels join their neighbours at
once in one union-find forest, with atomic operations (Komura, "GPU-based cluster-labeling algorithm
without the use of conventional iteration", Computer Physics Communications, 2015; Playne and
Hawick, "A New Algorithm for Parallel Connected-Component Labelling on GPUs", IEEE Transactions on
Parallel and Distributed Systems, 2018), first within tiles, then across their borders. The roots,
which are the components' first pixels, are then numbered in raster order, so that all rungs return
the same.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, as_array, pick
from ocrlearn._validate import check_number

__all__ = [
    "KERNELS",
    "LABELS_WITH_STATS_RUNGS",
    "RUNGS",
    "STATS_RUNGS",
    "ComponentStats",
    "component_stats",
    "component_stats_reference",
    "connected_components",
    "connected_components_reference",
    "connected_components_with_stats",
]

KERNELS = cuda.KernelFile.beside(__file__)
TILE, CHUNK, STRIP = 32, 1024, 128  # as in components.cu
# Their indices fit 31 bits, with room for a block that runs past the end.
MOST_PIXELS = 2**31 - 2**16


@dataclass(frozen=True, eq=False)
class ComponentStats:
    """Where the components of an image lie and how large they are, one row per label.

    Row 0 describes the background, so that an array can be indexed with a label image:
    ``(stats.area >= 10)[labels]`` marks all pixels whose component has at least ten. A label
    without pixels has an empty box at (0, 0), area 0 and a centroid of NaN. The arrays are NumPy's
    or CuPy's, as the labels were.

    Attributes
    ----------
    left, top
        ``(N,)`` int32, the least x and y of the component's pixels.
    width, height
        ``(N,)`` int32, the size of its box: the rightmost pixel has ``x = left + width - 1``.
    area
        ``(N,)`` int64, its number of pixels.
    centroid
        ``(N, 2)`` float64, its mean (x, y).
    """

    left: NDArray[np.int32]
    top: NDArray[np.int32]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    area: NDArray[np.int64]
    centroid: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of labels, the background among them."""
        return len(self.area)


# --- The reference --------------------------------------------------------------------------------


def connected_components_reference(
    mask: NDArray[np.bool_], connectivity: int
) -> tuple[NDArray[np.int32], int]:
    """Two passes over the pixels, with a union-find forest of provisional labels."""
    height, width = mask.shape
    seen_before = [(0, -1), (-1, 0)] if connectivity == 4 else [(0, -1), (-1, -1), (-1, 0), (-1, 1)]
    labels = np.zeros((height, width), np.int32)
    parent = [0]  # parent[label] <= label; equal at the root

    def find(label: int) -> int:
        while parent[label] != label:
            label = parent[label]
        return label

    for y in range(height):
        for x in range(width):
            if not mask[y, x]:
                continue
            roots = []
            for dy, dx in seen_before:
                if y + dy >= 0 and 0 <= x + dx < width and mask[y + dy, x + dx]:
                    roots.append(find(labels[y + dy, x + dx]))
            if not roots:
                roots = [len(parent)]
                parent.append(len(parent))
            labels[y, x] = min(roots)
            for root in roots:
                parent[root] = min(roots)

    # A root is the first label its component was given, so counting the roots in order numbers the
    # components in raster order of their first pixels.
    final = [0] * len(parent)
    count = 0
    for label in range(1, len(parent)):
        if parent[label] == label:
            count += 1
            final[label] = count
        else:
            final[label] = final[parent[label]]
    return np.array(final, np.int32)[labels], count


# --- The fast rung --------------------------------------------------------------------------------

# Multiplying a power of two by this de Bruijn number puts a different six bits on top for each of
# the 64 powers, which finds the place of a lone bit without a loop.
_DE_BRUIJN = 0x03F79D71B4CB0A89
_PLACE_OF_BIT = np.empty(64, np.int64)
for _place in range(64):
    _PLACE_OF_BIT[((_DE_BRUIJN << _place) & (2**64 - 1)) >> 58] = _place


def _pack_rows(mask: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack each row to one bit a pixel, 64 pixels a word, the first pixel in the lowest bit."""
    height, width = mask.shape
    packed = np.zeros((height, 8 * math.ceil(width / 64)), np.uint8)
    packed[:, : math.ceil(width / 8)] = np.packbits(mask, axis=1, bitorder="little")
    return packed.view("<u8").astype(np.uint64, copy=False)


@njit(cache=True, nogil=True)
def _find_runs(
    words: NDArray[np.uint64], width: int, edges: NDArray[np.int32], first_run: NDArray[np.int64]
) -> None:
    """Find the runs of ink: run `i` covers ``edges[2 * i] <= x < edges[2 * i + 1]``.

    Row `y` owns the runs ``first_run[y]`` to ``first_run[y + 1] - 1``. A run begins or ends where a
    pixel differs from the one on its left, so a word XOR itself shifted by one pixel has a bit at
    every edge, and blank paper is skipped 64 pixels at a time.
    """
    one, last_bit = np.uint64(1), np.uint64(63)
    found = 0
    for y in range(words.shape[0]):
        first_run[y] = found // 2
        left_pixel = np.uint64(0)
        for column in range(words.shape[1]):
            word = words[y, column]
            changes = word ^ ((word << one) | left_pixel)
            left_pixel = word >> last_bit
            while changes:
                lowest = changes & (~changes + one)
                place = _PLACE_OF_BIT[(lowest * np.uint64(_DE_BRUIJN)) >> np.uint64(58)]
                edges[found] = 64 * column + place
                found += 1
                changes ^= lowest
        if left_pixel:
            edges[found] = width
            found += 1
    first_run[words.shape[0]] = found // 2


@njit(cache=True, nogil=True)
def _join_runs(
    runs: NDArray[np.int32], first_run: NDArray[np.int64], reach: int, parent: NDArray[np.int32]
) -> int:
    """Join runs that touch a run of the row above, then number the components in `parent`.

    `reach` is 1 where diagonal neighbours count and else 0. Returns the number of components; then
    ``parent[run]`` is the component's number, from 1.
    """
    height = first_run.size - 1
    for y in range(height):
        above = first_run[max(y - 1, 0)]
        last_above = first_run[y]
        for run in range(first_run[y], first_run[y + 1]):
            start, end = runs[run, 0] - reach, runs[run, 1] + reach
            while above < last_above and runs[above, 1] <= start:
                above += 1
            root = run
            parent[run] = run
            touching = above
            while touching < last_above and runs[touching, 0] < end:
                other = touching
                while parent[other] != other:
                    other = parent[other]
                if other < root:
                    parent[root] = other
                    root = other
                else:
                    parent[other] = root
                touching += 1
            parent[run] = root
    # The earlier root is always the parent, so a parent is numbered before its children, and the
    # numbers follow the raster order of the components' first pixels.
    count = 0
    for run in range(first_run[height]):
        if parent[run] == run:
            count += 1
            parent[run] = count
        else:
            parent[run] = parent[parent[run]]
    return count


@njit(cache=True, nogil=True)
def _paint_runs(
    runs: NDArray[np.int32],
    first_run: NDArray[np.int64],
    component: NDArray[np.int32],
    labels: NDArray[np.int32],
) -> None:
    """Write the component of every run into the label image, which comes filled with 0."""
    for y in range(first_run.size - 1):
        for run in range(first_run[y], first_run[y + 1]):
            labels[y, runs[run, 0] : runs[run, 1]] = component[run]


@njit(cache=True, nogil=True)
def _add_run(
    label: int,
    y: int,
    start: int,
    end: int,
    box: NDArray[np.int32],
    area: NDArray[np.int64],
    moment: NDArray[np.int64],
) -> None:
    """Add the pixels (start ... end - 1, y) to a label's box (x0, y0, x1, y1), area and moments."""
    length = end - start
    box[label, 0] = min(box[label, 0], start)
    box[label, 1] = min(box[label, 1], y)
    box[label, 2] = max(box[label, 2], end)
    box[label, 3] = max(box[label, 3], y + 1)
    area[label] += length
    moment[label, 0] += length * (start + end - 1) // 2
    moment[label, 1] += length * y


@njit(cache=True, nogil=True)
def _measure_runs(
    runs: NDArray[np.int32],
    first_run: NDArray[np.int64],
    component: NDArray[np.int32],
    width: int,
    box: NDArray[np.int32],
    area: NDArray[np.int64],
    moment: NDArray[np.int64],
) -> None:
    """Measure the components, and the background between the runs as label 0."""
    for y in range(first_run.size - 1):
        after_last = 0
        for run in range(first_run[y], first_run[y + 1]):
            start, end = runs[run]
            if start > after_last:
                _add_run(0, y, after_last, start, box, area, moment)
            _add_run(component[run], y, start, end, box, area, moment)
            after_last = end
        if width > after_last:
            _add_run(0, y, after_last, width, box, area, moment)


@njit(cache=True, nogil=True)
def _measure_labels(
    labels: NDArray[np.int32],
    box: NDArray[np.int32],
    area: NDArray[np.int64],
    moment: NDArray[np.int64],
) -> None:
    """Measure a label image: stretches of one label along a row are its runs."""
    height, width = labels.shape
    for y in range(height):
        start = 0
        for x in range(1, width + 1):
            if x == width or labels[y, x] != labels[y, start]:
                _add_run(labels[y, start], y, start, x, box, area, moment)
                start = x


def _empty_measures(
    rows: int,
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Boxes, areas and moments of `rows` labels that have no pixel yet."""
    limits = np.iinfo(np.int32)
    box = np.empty((rows, 4), np.int32)
    box[:, :2] = limits.max
    box[:, 2:] = limits.min
    return box, np.zeros(rows, np.int64), np.zeros((rows, 2), np.int64)


def _to_stats(box: Any, area: Any, moment: Any) -> ComponentStats:
    xp = array_module(area)
    present = area[:, None] > 0
    box = box * present
    centroid = xp.where(present, moment / xp.maximum(area, 1)[:, None], np.nan)
    left, top, right, bottom = (xp.ascontiguousarray(box[:, side]) for side in range(4))
    return ComponentStats(left, top, right - left, bottom - top, area, centroid)


class _Runs:
    """The runs of a mask, row by row, and the component each belongs to."""

    def __init__(self, mask: NDArray[np.bool_], connectivity: int) -> None:
        height, width = mask.shape
        self.shape = mask.shape
        most = height * ((width + 1) // 2)  # every other pixel; untouched memory costs nothing
        edges = np.empty(2 * most, np.int32)
        self.first_run = np.empty(height + 1, np.int64)
        _find_runs(_pack_rows(mask), width, edges, self.first_run)
        self.runs = edges.reshape(most, 2)[: self.first_run[-1]]
        self.component = np.empty(len(self.runs), np.int32)
        reach = 1 if connectivity == 8 else 0
        self.count = int(_join_runs(self.runs, self.first_run, reach, self.component))

    def labels(self) -> NDArray[np.int32]:
        labels = np.zeros(self.shape, np.int32)
        _paint_runs(self.runs, self.first_run, self.component, labels)
        return labels

    def stats(self) -> ComponentStats:
        measures = _empty_measures(self.count + 1)
        _measure_runs(self.runs, self.first_run, self.component, self.shape[1], *measures)
        return _to_stats(*measures)


def _connected_components_fast(
    mask: NDArray[np.bool_], connectivity: int
) -> tuple[NDArray[np.int32], int]:
    runs = _Runs(mask, connectivity)
    return runs.labels(), runs.count


# --- The CUDA rung --------------------------------------------------------------------------------


def _connected_components_cuda(mask: Any, connectivity: int) -> tuple[Any, int]:
    height, width = mask.shape
    if mask.size > MOST_PIXELS:
        raise ValueError(
            f"mask must have at most {MOST_PIXELS} pixels on the cuda rung, got {mask.shape}"
        )
    xp = array_module(mask)
    if mask.size == 0:
        return xp.zeros((height, width), np.int32), 0
    image = {
        "mask": xp.ascontiguousarray(mask),
        "height": height,
        "width": width,
        "connectivity": connectivity,
        "parent": cuda.empty((height, width), np.int32, like=mask),
    }
    tiles_across, tiles_down = cuda.blocks_for((width, height), (TILE, TILE))
    cuda.launch(KERNELS.kernel("label_tiles"), (tiles_across, tiles_down), (32, 8), **image)
    blocks = (*cuda.blocks_for(width, 256), tiles_down - 1)
    cuda.launch(KERNELS.kernel("join_rows"), blocks, 256, **image)
    blocks = (*cuda.blocks_for(height, 256), tiles_across - 1)
    cuda.launch(KERNELS.kernel("join_columns"), blocks, 256, **image)
    return _number_components(image["parent"])


def _number_components(parent: Any) -> tuple[Any, int]:
    """Turn the union-find forest of the kernels, which is used up, into labels and their count."""
    size, xp = parent.size, array_module(parent)
    chunks = cuda.blocks_for(size, CHUNK)
    counts = cuda.empty(chunks, np.int32, like=parent)
    cuda.launch(KERNELS.kernel("flatten"), chunks, 256, size=size, parent=parent, counts=counts)
    up_to = xp.cumsum(counts, dtype=np.int32)
    cuda.launch(
        KERNELS.kernel("number_roots"), chunks, 256, size=size, counts_up_to=up_to, parent=parent
    )
    labels = cuda.empty(parent.shape, np.int32, like=parent)
    blocks = cuda.blocks_for(size, 256)
    cuda.launch(KERNELS.kernel("relabel"), blocks, 256, size=size, parent=parent, labels=labels)
    return labels, int(up_to[-1])


RUNGS = {
    "reference": connected_components_reference,
    "fast": _connected_components_fast,
    "cuda": _connected_components_cuda,
}


# --- Boxes, areas and centroids -------------------------------------------------------------------


def component_stats_reference(labels: NDArray[np.int32], count: int) -> ComponentStats:
    """Gather the pixels of one label after the other."""
    left, top, width, height = np.zeros((4, count + 1), np.int32)
    area = np.zeros(count + 1, np.int64)
    centroid = np.full((count + 1, 2), np.nan)
    for label in range(count + 1):
        y, x = np.nonzero(labels == label)
        if y.size == 0:
            continue
        left[label], top[label] = x.min(), y.min()
        width[label], height[label] = x.max() - x.min() + 1, y.max() - y.min() + 1
        area[label] = y.size
        centroid[label] = x.sum() / y.size, y.sum() / y.size
    return ComponentStats(left, top, width, height, area, centroid)


def _component_stats_fast(labels: NDArray[np.int32], count: int) -> ComponentStats:
    measures = _empty_measures(count + 1)
    _measure_labels(np.ascontiguousarray(labels), *measures)
    return _to_stats(*measures)


def _component_stats_cuda(labels: Any, count: int) -> ComponentStats:
    xp = array_module(labels)
    height, width = labels.shape
    box, area, moment = (xp.asarray(measure) for measure in _empty_measures(count + 1))
    cuda.launch(
        KERNELS.kernel("measure"),
        cuda.blocks_for((width, height), (32, STRIP)),
        (32, 8),
        labels=xp.ascontiguousarray(labels),
        height=height,
        width=width,
        count=count,
        box=box,
        area=area.view(np.uint64),  # there is no atomicAdd of a signed number of 64 bits
        moment=moment.view(np.uint64),
    )
    return _to_stats(box, area, moment)


STATS_RUNGS = {
    "reference": component_stats_reference,
    "fast": _component_stats_fast,
    "cuda": _component_stats_cuda,
}


# --- Labels and measures at once ------------------------------------------------------------------


def _labels_with_stats_reference(
    mask: NDArray[np.bool_], connectivity: int
) -> tuple[NDArray[np.int32], ComponentStats]:
    labels, count = connected_components_reference(mask, connectivity)
    return labels, component_stats_reference(labels, count)


def _labels_with_stats_fast(
    mask: NDArray[np.bool_], connectivity: int
) -> tuple[NDArray[np.int32], ComponentStats]:
    """Measure the runs, which are far fewer than the pixels."""
    runs = _Runs(mask, connectivity)
    return runs.labels(), runs.stats()


def _labels_with_stats_cuda(mask: Any, connectivity: int) -> tuple[Any, ComponentStats]:
    labels, count = _connected_components_cuda(mask, connectivity)
    return labels, _component_stats_cuda(labels, count)


LABELS_WITH_STATS_RUNGS = {
    "reference": _labels_with_stats_reference,
    "fast": _labels_with_stats_fast,
    "cuda": _labels_with_stats_cuda,
}


# --- Public functions -----------------------------------------------------------------------------


def _check_mask(mask: Any, connectivity: Any) -> Any:
    array = as_array(mask)
    if array.ndim != 2:
        raise ValueError(f"mask must have shape (H, W), got {array.shape}")
    if array.dtype != np.bool_:
        raise TypeError(
            f"mask must be bool, True where there is ink, got dtype {array.dtype}; "
            "write for instance image <= threshold"
        )
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 4 or 8, got {connectivity!r}")
    return array


def connected_components(
    mask: Any, connectivity: int = 8, *, rung: str | None = None
) -> tuple[NDArray[np.int32], int]:
    """Label the connected components of an ink mask.

    Parameters
    ----------
    mask
        ``(H, W)`` bool, True = ink, NumPy or CuPy. May be empty.
    connectivity
        4: pixels that share a side are neighbours; 8: pixels that share a corner are as well. Thin
        diagonal strokes hold together only with 8.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    labels
        ``(H, W)`` int32: 0 on paper, else the number of the component. Components are numbered from
        1 in raster order of their first pixels, as ``scipy.ndimage.label`` numbers them.
    count
        The number of components.

    Raises
    ------
    TypeError
        If `mask` is not bool.
    ValueError
        If it does not have two axes, or `connectivity` is neither 4 nor 8.

    Examples
    --------
    >>> mask = np.array([[1, 0, 1], [0, 1, 0]], bool)
    >>> connected_components(mask, 8)[1], connected_components(mask, 4)[1]
    (1, 3)
    """
    array = _check_mask(mask, connectivity)
    return pick(RUNGS, array, rung=rung)(array, int(connectivity))


def connected_components_with_stats(
    mask: Any, connectivity: int = 8, *, rung: str | None = None
) -> tuple[NDArray[np.int32], ComponentStats]:
    """Label the components and measure them; faster than :func:`component_stats` afterwards.

    Takes the arguments of :func:`connected_components` and raises the same errors.

    Returns
    -------
    labels
        As of :func:`connected_components`.
    stats
        What :func:`component_stats` returns for them.
    """
    array = _check_mask(mask, connectivity)
    return pick(LABELS_WITH_STATS_RUNGS, array, rung=rung)(array, int(connectivity))


def component_stats(labels: Any, count: int, *, rung: str | None = None) -> ComponentStats:
    """Measure every label of a label image.

    Parameters
    ----------
    labels
        ``(H, W)`` of any integer dtype, NumPy or CuPy, with values in [0, count]. The values of a
        CuPy array are not checked; pixels outside the range are left out.
    count
        The number of components, so that a label without pixels has its row as well.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    ComponentStats
        ``count + 1`` rows; row 0 is the background.

    Raises
    ------
    TypeError
        If `labels` is not of an integer dtype, or `count` is not a number.
    ValueError
        If `labels` does not have two axes, or holds a value outside [0, count], or `count` is
        negative or not whole.

    Examples
    --------
    >>> stats = component_stats([[0, 1, 1], [0, 1, 0]], 1)
    >>> stats.area.tolist(), stats.left[1], stats.width[1]
    ([3, 3], np.int32(1), np.int32(2))
    """
    array = as_array(labels)
    if array.ndim != 2:
        raise ValueError(f"labels must have shape (H, W), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, got dtype {array.dtype}")
    count = int(check_number(count, "count", low=0, high=2**31 - 2, integer=True))
    on_host = array_module(array) is np
    if on_host and array.size and not 0 <= array.min() <= array.max() <= count:
        raise ValueError(
            f"labels must lie in [0, {count}], got values in [{array.min()}, {array.max()}]"
        )
    return pick(STATS_RUNGS, array, rung=rung)(array.astype(np.int32, copy=False), count)

"""SLIC superpixels: an image cut into compact pieces of about one colour each.

Achanta, Shaji, Smith, Lucchi, Fua and Süsstrunk, "SLIC Superpixels Compared to State-of-the-Art
Superpixel Methods", IEEE Transactions on Pattern Analysis and Machine Intelligence, 2012. SLIC is
K-means over the pixels, each a point (L, a, b, x, y) of colour in CIELAB and place, with a search
that is local: the clusters start on a grid of step S = sqrt(pixels / clusters), a pixel is compared
only with clusters nearby, and so the cost does not grow with their number. The distance is

    D = sqrt(dc^2 + (ds / S)^2 m^2),

with dc the distance of the colours, ds that of the places and m the compactness. In the end, small
pieces that are cut off from their cluster are joined to a neighbour, so that every superpixel is
connected.

All arithmetic that decides something is exact or pinned, so that the three rungs return the same
labels: colours are stored as whole multiples of 1 / 256, clusters are summed in integers, and the
distance is float32 with every operation rounded by itself.

Deviations from the paper
-------------------------
- A pixel is compared with the clusters of the nine grid cells around its own, instead of those
  whose window of 2S x 2S holds it. The paper's loop over clusters would have the threads of a GPU
  write to the same pixels; from the pixel's side nobody has to wait. It is the definition of gSLIC
  (Ren and Reid, "gSLIC: a Real-Time Implementation of SLIC Superpixel Segmentation", 2011; Ren,
  Prisacariu and Reid, "gSLICr: SLIC Superpixels at over 250Hz", 2015). While no cluster has moved
  by more than S / 2 from the middle of its cell, the nine hold all clusters whose window holds the
  pixel, and some whose window does not: those win where the colours nearby are all unlike the
  pixel's. No pixel is without a cluster, as can happen with windows. On a photograph, 98 % of the
  labels were those of the windows in the tenth iteration, 94 % in the first.
- The iterations stop after a number of them, not when the clusters have stopped moving.
- Pieces smaller than a quarter of S^2 are joined to the largest of the pieces beside them, again
  and again until none is left. The paper leaves the choice open; its published program takes the
  neighbour it has seen last in raster order, which cannot be done in parallel. A larger piece that
  is cut off from its cluster becomes a superpixel of its own, as in that program.
"""

import functools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, pick
from ocrlearn._validate import check_image, check_number

__all__ = ["LAB_RUNGS", "RUNGS", "Grid", "SlicStep", "rgb_to_lab", "slic", "slic_steps"]

KERNELS = cuda.KernelFile.beside(__file__)

LAB_UNIT = 256
"""Colours are stored in multiples of 1 / 256, so that |b| < 108 fits int16."""

MOMENTS = 6  # what is summed for a cluster: pixels, L, a, b, x, y


Result = TypeVar("Result")


def _in_bands(work: Callable[[int, int], Result], rows: int) -> list[Result]:
    """Call ``work(first, last)`` for bands of rows, one for each of Numba's threads, side by side.

    The work must release the interpreter's lock. Threads that sleep while they wait do not slow a
    busy machine down, as Numba's own threads do, and the compiler needs a tenth of the time.
    """
    bands = min(get_num_threads(), rows)
    edges = [rows * band // bands for band in range(bands + 1)]
    if bands == 1:
        return [work(0, rows)]
    with ThreadPoolExecutor(bands) as pool:
        return list(pool.map(work, edges[:-1], edges[1:]))


# --- colour ---------------------------------------------------------------------------------------

# From linear sRGB to CIE XYZ (IEC 61966-2-1). Divided by its sum, each row gives 1 for white, which
# is the division by the white point D65 that CIELAB starts with.
_SRGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
TO_XYZ = (_SRGB_TO_XYZ / _SRGB_TO_XYZ.sum(axis=1, keepdims=True)).astype(np.float32)
CURVE_CELLS = 255 * 16  # every uint8 level falls on an entry of the table
ROOT_CELLS = 8192


def _linear(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo the curve of sRGB: from the stored value in [0, 1] to the light's intensity."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _root(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB's cube root, straight near 0 where the cube root would be infinitely steep."""
    return np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)


@functools.cache
def _colour_tables() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Tabulate the two curves of the conversion at equal steps over [0, 1]."""
    curve = _linear(np.linspace(0, 1, CURVE_CELLS + 1)).astype(np.float32)
    root = _root(np.linspace(0, 1, ROOT_CELLS + 1)).astype(np.float32)
    return curve, root


def lab_reference(image: NDArray[Any]) -> NDArray[np.int16]:
    """Return L, a and b as ``(3, H, W)`` int16 in multiples of 1 / 256, by the formulas."""
    values = image.astype(np.float64) / (255 if image.dtype == np.uint8 else 1)
    if values.ndim == 2:
        values = np.stack([values] * 3, axis=-1)
    x, y, z = np.moveaxis(_root(_linear(values) @ TO_XYZ.astype(np.float64).T), -1, 0)
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])
    return np.rint(LAB_UNIT * lab).astype(np.int16)


@njit(cache=True, nogil=True, inline="always")
def _look_up(table: NDArray[np.float32], place: np.float32) -> np.float32:
    """Read a table between two entries, in a straight line from one to the other."""
    cell = min(max(np.int32(place), np.int32(0)), np.int32(table.size - 2))
    return table[cell] + (place - np.float32(cell)) * (table[cell + np.int32(1)] - table[cell])


@njit(cache=True, nogil=True)
def _convert(
    image: NDArray[Any],
    scale: np.float32,
    curve: NDArray[np.float32],
    root: NDArray[np.float32],
    to_xyz: NDArray[np.float32],
    lab: NDArray[np.int16],
) -> None:
    """Convert row by row: each step runs along the row, which the compiler can vectorise."""
    height, width, channels = image.shape
    linear = np.empty((3, width), np.float32)
    roots = np.empty((3, width), np.float32)
    cells = np.float32(root.size - 1)
    unit = np.float32(LAB_UNIT)
    for y in range(height):
        for c in range(3):
            if c < channels:
                for x in range(width):
                    linear[c, x] = _look_up(curve, np.float32(image[y, x, c]) * scale)
            else:
                linear[c] = linear[0]
        red, green, blue = linear
        for c in range(3):
            of_red, of_green, of_blue = to_xyz[c]
            for x in range(width):
                ratio = of_red * red[x] + of_green * green[x] + of_blue * blue[x]
                roots[c, x] = _look_up(root, cells * ratio)
        fx, fy, fz = roots
        for x in range(width):
            lab[0, y, x] = np.rint(unit * (np.float32(116) * fy[x] - np.float32(16)))
            lab[1, y, x] = np.rint(unit * (np.float32(500) * (fx[x] - fy[x])))
            lab[2, y, x] = np.rint(unit * (np.float32(200) * (fy[x] - fz[x])))


def _curve_scale(dtype: np.dtype[Any]) -> np.float32:
    """Return the factor from a stored value to its place in the table of the curve."""
    return np.float32(CURVE_CELLS // 255 if dtype == np.uint8 else CURVE_CELLS)


def _lab_fast(image: NDArray[Any]) -> NDArray[np.int16]:
    pixels = image[:, :, None] if image.ndim == 2 else image
    lab = np.empty((3, *image.shape[:2]), np.int16)
    scale, (curve, root) = _curve_scale(image.dtype), _colour_tables()

    def convert(first: int, last: int) -> None:
        _convert(pixels[first:last], scale, curve, root, TO_XYZ, lab[:, first:last])

    _in_bands(convert, image.shape[0])
    return lab


def _lab_cuda(image: Any) -> Any:
    xp = array_module(image)
    height, width = image.shape[:2]
    lab = cuda.empty((3, height, width), np.int16, like=image)
    kernel = KERNELS.kernel(
        "rgb_to_lab",
        Pixel="unsigned char" if image.dtype == np.uint8 else "float",
        CHANNELS=1 if image.ndim == 2 else 3,
    )
    curve, root = _colour_tables()
    cuda.launch(
        kernel,
        cuda.blocks_for(height * width, 256),
        256,
        image=xp.ascontiguousarray(image),
        pixels=height * width,
        scale=_curve_scale(image.dtype),
        curve=xp.asarray(curve),
        curve_cells=CURVE_CELLS,
        root=xp.asarray(root),
        root_cells=ROOT_CELLS,
        to_xyz=xp.asarray(TO_XYZ),
        lab=lab,
    )
    return lab


LAB_RUNGS: dict[str, Callable[[Any], Any]] = {
    "reference": lab_reference,
    "fast": _lab_fast,
    "cuda": _lab_cuda,
}


# --- the grid of clusters -------------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """The image cut into `rows` x `columns` cells, one for each cluster, numbered in raster order.

    Rows differ in height by one pixel at most, and columns in width: pixel (x, y) is in column
    ``x * columns // width`` and row ``y * rows // height``.
    """

    height: int
    width: int
    rows: int
    columns: int

    @classmethod
    def of(cls, height: int, width: int, segments: int) -> "Grid":
        """Cut an image into about `segments` cells that are about square."""
        step = math.sqrt(height * width / segments)
        rows = min(max(round(height / step), 1), height)
        columns = min(max(round(segments / rows), 1), width)
        return cls(height, width, rows, columns)

    @property
    def clusters(self) -> int:
        """Number of cells."""
        return self.rows * self.columns

    @property
    def step(self) -> float:
        """S of the paper, the side of a square with as many pixels as a cell has on average."""
        return math.sqrt(self.height * self.width / self.clusters)

    @property
    def smallest(self) -> int:
        """The least number of pixels of a superpixel, a quarter of a cell, rounded up."""
        return -(-self.height * self.width // (4 * self.clusters))

    def cells_of(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the row of cells of every y, and the column of cells of every x."""
        return (
            np.arange(self.height) * self.rows // self.height,
            np.arange(self.width) * self.columns // self.width,
        )

    def edges(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return where the rows and the columns of cells begin, and where the last ends."""
        return (
            -(-np.arange(self.rows + 1) * self.height // self.rows),
            -(-np.arange(self.columns + 1) * self.width // self.columns),
        )

    def weight(self, compactness: float) -> np.float32:
        """(m / S)^2, in the units of the stored colours: what ds^2 counts beside dc^2."""
        return np.float32((LAB_UNIT * compactness / self.step) ** 2)


def _seeds(lab: NDArray[np.int16], grid: Grid) -> NDArray[np.float32]:
    """Put a cluster in the middle of each cell, and move it to the lowest gradient in 3 x 3.

    Returns ``(5, clusters)``: L, a, b, x and y. The gradient is the paper's: the squared difference
    of the colours to the right and left, and that of the colours below and above. Of
    equal gradients the middle one is preferred, then the first in raster order.
    """
    rows, columns = np.arange(grid.rows), np.arange(grid.columns)
    middle_y = np.repeat((2 * rows + 1) * grid.height // (2 * grid.rows), grid.columns)
    middle_x = np.tile((2 * columns + 1) * grid.width // (2 * grid.columns), grid.rows)
    around = [(0, 0)] + [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    best = np.full(grid.clusters, np.iinfo(np.int64).max)
    seed_y, seed_x = middle_y.copy(), middle_x.copy()
    for dy, dx in around:
        y = np.clip(middle_y + dy, 0, grid.height - 1)
        x = np.clip(middle_x + dx, 0, grid.width - 1)
        gradient = _gradient(lab, y, x)
        better = gradient < best
        best[better] = gradient[better]
        seed_y[better], seed_x[better] = y[better], x[better]
    return np.concatenate([lab[:, seed_y, seed_x], [seed_x], [seed_y]]).astype(np.float32)


def _gradient(
    lab: NDArray[np.int16], y: NDArray[np.intp], x: NDArray[np.intp]
) -> NDArray[np.int64]:
    height, width = lab.shape[1:]
    right, left = np.minimum(x + 1, width - 1), np.maximum(x - 1, 0)
    below, above = np.minimum(y + 1, height - 1), np.maximum(y - 1, 0)
    across = lab[:, y, right].astype(np.int64) - lab[:, y, left]
    down = lab[:, below, x].astype(np.int64) - lab[:, above, x]
    return (across**2 + down**2).sum(axis=0)


# --- assignment and update ------------------------------------------------------------------------


def assign_reference(
    lab: NDArray[np.int16], centres: NDArray[np.float32], grid: Grid, weight: np.float32
) -> NDArray[np.int32]:
    """Give every pixel the nearest cluster of the nine cells around it, of equals the first."""
    light, green_red, blue_yellow = lab.astype(np.float32)
    y, x = np.indices((grid.height, grid.width)).astype(np.float32)
    cell_rows, cell_columns = grid.cells_of()
    labels = np.zeros((grid.height, grid.width), np.int32)
    nearest = np.full((grid.height, grid.width), np.inf, np.float32)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            rows = cell_rows[:, None] + down
            columns = cell_columns[None, :] + across
            exists = (rows >= 0) & (rows < grid.rows) & (columns >= 0) & (columns < grid.columns)
            cluster = np.where(exists, rows * grid.columns + columns, 0)
            centre = centres[:, cluster]
            colour = (light - centre[0]) ** 2 + (green_red - centre[1]) ** 2
            colour = colour + (blue_yellow - centre[2]) ** 2
            place = (x - centre[3]) ** 2 + (y - centre[4]) ** 2
            distance = colour + weight * place
            better = exists & (distance < nearest)
            nearest[better] = distance[better]
            labels[better] = cluster[better]
    return labels


def _sums_reference(
    lab: NDArray[np.int16], labels: NDArray[np.int32], clusters: int
) -> NDArray[np.int64]:
    """Count the pixels of every cluster, and sum their colours and places."""
    y, x = np.indices(labels.shape)
    sums = np.zeros((clusters, MOMENTS), np.int64)
    for moment, values in enumerate([np.ones_like(x), *lab, x, y]):
        np.add.at(sums[:, moment], labels, values)
    return sums


def _move(centres: NDArray[np.float32], sums: NDArray[np.int64]) -> NDArray[np.float32]:
    """Move every cluster to the mean of its pixels; one without pixels stays where it is."""
    moved = centres.copy()
    taken = sums[:, 0] > 0
    moved[:, taken] = (sums[taken, 1:] / sums[taken, :1]).T
    return moved


def _iterate_reference(
    lab: NDArray[np.int16], centres: NDArray[np.float32], grid: Grid, weight: np.float32
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    labels = assign_reference(lab, centres, grid, weight)
    return labels, _move(centres, _sums_reference(lab, labels, grid.clusters))


@njit(cache=True, nogil=True)
def _assign_row(
    colours: NDArray[np.float32],
    places: NDArray[np.float32],
    y: int,
    centres: NDArray[np.float32],
    weight: np.float32,
    row: int,
    rows: int,
    edges: NDArray[np.intp],
    nearest: NDArray[np.float32],
    labels: NDArray[np.int32],
) -> None:
    """Assign one row of pixels, which lies in row `row` of the cells.

    The clusters are the outer loop: each visits the three cells of the row that may choose it, a
    stretch of pixels that the processor works through eight or sixteen at a time.
    """
    columns = edges.size - 1
    nearest[:] = np.inf
    for cell_row in range(max(row - 1, 0), min(row + 2, rows)):
        for column in range(columns):
            cluster = np.int32(cell_row * columns + column)
            centre_l, centre_a, centre_b, centre_x, centre_y = centres[:, cluster]
            dy = np.float32(y) - centre_y
            dy_squared = dy * dy
            # Slices that start at 0 spare the compiler the question of negative indices.
            cells = slice(edges[max(column - 1, 0)], edges[min(column + 2, columns)])
            light, green_red, blue_yellow = colours[0, cells], colours[1, cells], colours[2, cells]
            place, least, label = places[cells], nearest[cells], labels[cells]
            for x in range(place.size):
                dl, da = light[x] - centre_l, green_red[x] - centre_a
                db, dx = blue_yellow[x] - centre_b, place[x] - centre_x
                distance = (dl * dl + da * da + db * db) + weight * (dx * dx + dy_squared)
                better = distance < least[x]
                least[x] = distance if better else least[x]
                label[x] = cluster if better else label[x]


@njit(cache=True, nogil=True)
def _add_row(
    lab: NDArray[np.int16], y: int, labels: NDArray[np.int32], sums: NDArray[np.int64]
) -> None:
    """Add a row of pixels to the sums of their clusters, one run at a time."""
    width = labels.size
    x = 0
    while x < width:
        cluster = labels[x]
        start = x
        light, green_red, blue_yellow = 0, 0, 0
        while x < width and labels[x] == cluster:
            light += lab[0, y, x]
            green_red += lab[1, y, x]
            blue_yellow += lab[2, y, x]
            x += 1
        pixels = x - start
        moments = sums[cluster]
        moments[0] += pixels
        moments[1] += light
        moments[2] += green_red
        moments[3] += blue_yellow
        moments[4] += pixels * (start + x - 1) // 2
        moments[5] += pixels * y


@njit(cache=True, nogil=True)
def _assign_and_sum(
    lab: NDArray[np.int16],
    centres: NDArray[np.float32],
    weight: np.float32,
    row_edges: NDArray[np.intp],
    column_edges: NDArray[np.intp],
    first: int,
    last: int,
    labels: NDArray[np.int32],
) -> NDArray[np.int64]:
    """Assign the pixels of the rows of cells `first` to `last`, and return the sums over them."""
    width, rows = lab.shape[2], row_edges.size - 1
    places = np.arange(width).astype(np.float32)
    colours = np.empty((3, width), np.float32)
    nearest = np.empty(width, np.float32)
    sums = np.zeros((centres.shape[1], MOMENTS), np.int64)
    for row in range(first, last):
        for y in range(row_edges[row], row_edges[row + 1]):
            colours[:] = lab[:, y]
            _assign_row(colours, places, y, centres, weight, row, rows, column_edges, nearest,
                        labels[y])  # fmt: skip
            _add_row(lab, y, labels[y], sums)
    return sums


def _iterate_fast(
    lab: NDArray[np.int16], centres: NDArray[np.float32], grid: Grid, weight: np.float32
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    labels = np.empty((grid.height, grid.width), np.int32)
    edges = grid.edges()

    def assign(first: int, last: int) -> NDArray[np.int64]:
        sums: NDArray[np.int64] = _assign_and_sum(lab, centres, weight, *edges, first, last, labels)
        return sums

    return labels, _move(centres, np.sum(_in_bands(assign, grid.rows), axis=0))


# --- connected superpixels ------------------------------------------------------------------------


def connect_reference(labels: NDArray[np.int32], smallest: int) -> NDArray[np.int32]:
    """Make every label one connected piece, and join pieces of less than `smallest` pixels.

    A piece is a set of pixels of one label that hang together by their sides. In each round, every
    piece that is too small is joined to the largest piece beside it, of equals to the one whose
    first pixel comes first. Rounds follow until nothing is too small or one piece is left. The
    result is numbered in raster order of the first pixels.
    """
    pieces = _pieces(labels)
    while True:
        area = np.bincount(pieces.ravel())
        best: dict[int, tuple[int, int]] = {}
        for piece, other in _touching(pieces):
            if area[piece] < smallest:
                best[piece] = max(best.get(piece, (0, 0)), (int(area[other]), -other))
        if not best:
            return pieces
        parent = list(range(len(area)))  # parent[piece] <= piece; equal at the root
        for piece, (_, negative) in best.items():
            one, other = _root_of(parent, piece), _root_of(parent, -negative)
            parent[max(one, other)] = min(one, other)
        roots = np.array([_root_of(parent, piece) for piece in range(len(area))])
        _, numbers = np.unique(roots[pieces], return_inverse=True)
        pieces = numbers.reshape(labels.shape).astype(np.int32)


def _pieces(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Flood the connected pieces of equal label, numbered in raster order."""
    height, width = labels.shape
    pieces = np.full((height, width), -1, np.int32)
    count = 0
    for start in np.ndindex(height, width):
        if pieces[start] >= 0:
            continue
        pieces[start] = count
        flooded = [start]
        while flooded:
            y, x = flooded.pop()
            for beside in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
                inside = 0 <= beside[0] < height and 0 <= beside[1] < width
                if inside and pieces[beside] < 0 and labels[beside] == labels[start]:
                    pieces[beside] = count
                    flooded.append(beside)
        count += 1
    return pieces


def _touching(pieces: NDArray[np.int32]) -> set[tuple[int, int]]:
    """Return the pairs of pieces that share a side of a pixel, each in both orders."""
    beside = np.stack([pieces[:, :-1].ravel(), pieces[:, 1:].ravel()])
    below = np.stack([pieces[:-1].ravel(), pieces[1:].ravel()])
    pairs = np.concatenate([beside, below], axis=1)
    pairs = np.unique(pairs[:, pairs[0] != pairs[1]], axis=1)
    return {(int(a), int(b)) for a, b in pairs.T} | {(int(b), int(a)) for a, b in pairs.T}


def _root_of(parent: list[int], piece: int) -> int:
    while parent[piece] != piece:
        piece = parent[piece]
    return piece


@njit(cache=True, nogil=True)
def _find_root(parent: NDArray[np.int32], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(cache=True, nogil=True)
def _unite(parent: NDArray[np.int32], one: int, other: int) -> None:
    one, other = _find_root(parent, one), _find_root(parent, other)
    parent[max(one, other)] = min(one, other)


@njit(cache=True, nogil=True)
def _find_runs(
    labels: NDArray[np.int32], starts: NDArray[np.int32], first_run: NDArray[np.int64]
) -> int:
    """Cut every row into runs of one label; row `y` owns ``first_run[y]`` to ``first_run[y + 1]``.

    One more start of 0 follows the last run, so that a run always ends where the next one starts,
    or, where that is 0 and so in the next row, at the end of its row.
    """
    height, width = labels.shape
    found = 0
    for y in range(height):
        first_run[y] = found
        row = labels[y]
        starts[found] = 0
        found += 1
        for x in range(1, width):
            if row[x] != row[x - 1]:
                starts[found] = x
                found += 1
    first_run[height] = found
    starts[found] = 0
    return found


@njit(cache=True, nogil=True)
def _join_runs(
    labels: NDArray[np.int32],
    starts: NDArray[np.int32],
    first_run: NDArray[np.int64],
    parent: NDArray[np.int32],
    pairs: NDArray[np.int32],
) -> int:
    """Join runs of equal label that touch from row to row, and list those of different label."""
    height, width = labels.shape
    listed = 0
    for y in range(1, height):
        above, run = first_run[y - 1], first_run[y]
        while above < first_run[y] and run < first_run[y + 1]:
            if labels[y - 1, starts[above]] == labels[y, starts[run]]:
                _unite(parent, above, run)
            else:
                pairs[listed, 0], pairs[listed, 1] = above, run
                listed += 1
            end_above = starts[above + 1] if starts[above + 1] > 0 else width
            end = starts[run + 1] if run + 1 < first_run[y + 1] else width
            above += end_above <= end
            run += end <= end_above
    return listed


@njit(cache=True, nogil=True)
def _propose(
    one: int, other: int, area: NDArray[np.int64], smallest: int, best: NDArray[np.int64]
) -> None:
    """Let each of two pieces, if it is too small, take the other if that is the best so far."""
    if one == other:
        return
    for _ in range(2):
        if area[one] < smallest:
            seen = best[one]
            if seen < 0 or (area[other], -other) > (area[seen], -seen):
                best[one] = other
        one, other = other, one


@njit(cache=True, nogil=True)
def _connect(labels: NDArray[np.int32], smallest: int, result: NDArray[np.int32]) -> None:
    """Do what :func:`connect_reference` does on runs instead of pixels."""
    height, width = labels.shape
    starts = np.empty(labels.size + 1, np.int32)
    first_run = np.empty(height + 1, np.int64)
    runs = _find_runs(labels, starts, first_run)
    parent = np.arange(runs).astype(np.int32)
    pairs = np.empty((2 * runs, 2), np.int32)  # two rows of n and m runs touch n + m - 1 times
    pairs = pairs[: _join_runs(labels, starts, first_run, parent, pairs)]

    area, best = np.empty(runs, np.int64), np.empty(runs, np.int64)
    joined = True
    while joined:
        area[:] = 0
        best[:] = -1
        for run in range(runs):
            parent[run] = parent[parent[run]]  # the root: a parent comes before its children
            end = starts[run + 1] if starts[run + 1] > 0 else width
            area[parent[run]] += end - starts[run]
        for run in range(1, runs):
            if starts[run] > 0:
                _propose(parent[run - 1], parent[run], area, smallest, best)
        for pair in range(len(pairs)):
            _propose(parent[pairs[pair, 0]], parent[pairs[pair, 1]], area, smallest, best)
        joined = False
        for run in range(runs):
            if best[run] >= 0:
                _unite(parent, run, best[run])
                joined = True

    # The root is the piece's first run, so counting the roots numbers the pieces in raster order.
    count = 0
    for y in range(height):
        for run in range(first_run[y], first_run[y + 1]):
            if parent[run] == run:
                area[run] = count
                count += 1
            end = starts[run + 1] if starts[run + 1] > 0 else width
            result[y, starts[run] : end] = area[parent[run]]


def _connect_fast(labels: NDArray[np.int32], smallest: int) -> NDArray[np.int32]:
    result = np.empty(labels.shape, np.int32)
    _connect(labels, smallest, result)
    return result


# --- kernels --------------------------------------------------------------------------------------

RUN = 8  # pixels of a column that one thread assigns, as in the source
BLOCK = (32, 8)  # of the kernels that work on single pixels


def _kernel(name: str) -> cuda.Kernel:
    """Return a kernel that does not touch the image itself; any form of the file will do."""
    return KERNELS.kernel(name, Pixel="unsigned char", CHANNELS=3)


def _seeds_cuda(lab: Any, grid: Grid) -> Any:
    centres = cuda.empty((5, grid.clusters), np.float32, like=lab)
    cuda.launch(
        _kernel("place_seeds"),
        cuda.blocks_for(grid.clusters, 64),
        64,
        lab=lab,
        height=grid.height,
        width=grid.width,
        rows=grid.rows,
        columns=grid.columns,
        centres=centres,
    )
    return centres


def _iterate_cuda(lab: Any, centres: Any, grid: Grid, weight: np.float32) -> tuple[Any, Any]:
    xp = array_module(lab)
    labels = cuda.empty((grid.height, grid.width), np.int32, like=lab)
    sums = xp.zeros((grid.clusters, MOMENTS), np.uint64)
    widest, tallest = -(-grid.width // grid.columns), -(-grid.height // grid.rows)
    columns_of_pixels = widest * -(-tallest // RUN)  # of RUN pixels each, in the largest cell
    threads = min(32 * -(-columns_of_pixels // 32), 256)
    cuda.launch(
        _kernel("assign"),
        (grid.clusters, -(-columns_of_pixels // threads)),
        threads,
        lab=lab,
        height=grid.height,
        width=grid.width,
        rows=grid.rows,
        columns=grid.columns,
        weight=weight,
        centres=centres,
        labels=labels,
        sums=sums,
    )
    moved = cuda.empty(centres.shape, np.float32, like=lab)
    cuda.launch(
        _kernel("move_centres"),
        cuda.blocks_for(grid.clusters, 256),
        256,
        centres=centres,
        sums=sums,
        clusters=grid.clusters,
        moved=moved,
    )
    return labels, moved


def _connect_cuda(labels: Any, smallest: int) -> Any:
    xp = array_module(labels)
    height, width = labels.shape
    pixels = height * width
    grid = cuda.blocks_for((width, height), BLOCK)
    parent = cuda.empty(pixels, np.int32, like=labels)
    roots = cuda.empty(pixels, np.int32, like=labels)
    size = {"height": height, "width": width}
    cuda.launch(_kernel("start_pieces"), grid, BLOCK, labels=labels, **size, parent=parent)
    cuda.launch(_kernel("join_pieces"), grid, BLOCK, labels=labels, **size, parent=parent)
    while True:
        cuda.launch(
            _kernel("find_roots"),
            cuda.blocks_for(pixels, 256),
            256,
            parent=parent,
            pixels=pixels,
            roots=roots,
        )
        area = xp.zeros(pixels, np.int32)
        best = xp.zeros(pixels, np.uint64)
        joined = xp.zeros(1, np.int32)
        cuda.launch(_kernel("measure_pieces"), grid, BLOCK, roots=roots, **size, area=area)
        cuda.launch(
            _kernel("choose_neighbours"),
            grid,
            BLOCK,
            roots=roots,
            area=area,
            **size,
            smallest=smallest,
            best=best,
        )
        parent, roots = roots, parent
        cuda.launch(
            _kernel("join_small"),
            cuda.blocks_for(pixels, 256),
            256,
            best=best,
            pixels=pixels,
            parent=parent,
            joined=joined,
        )
        if not int(joined[0]):
            break
    # Nothing was joined in the last round, so `parent` still holds the roots.
    number = xp.cumsum(parent == xp.arange(pixels, dtype=np.int32), dtype=np.int32) - np.int32(1)
    return number[parent].reshape(height, width)


# --- the whole ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Parts:
    """The parts that the rungs do differently."""

    to_lab: Callable[[Any], Any]
    seeds: Callable[[Any, Grid], Any]
    iterate: Callable[[Any, Any, Grid, np.float32], tuple[Any, Any]]
    connect: Callable[[Any, int], Any]


# The reference takes its colours from the tables as well, so that labels can be compared exactly;
# the tables are compared with the formulas by themselves.
_PARTS = {
    "reference": _Parts(_lab_fast, _seeds, _iterate_reference, connect_reference),
    "fast": _Parts(_lab_fast, _seeds, _iterate_fast, _connect_fast),
    "cuda": _Parts(_lab_cuda, _seeds_cuda, _iterate_cuda, _connect_cuda),
}


def _slic(
    parts: _Parts, image: Any, segments: int, compactness: float, iterations: int, connected: bool
) -> Any:
    lab = parts.to_lab(image)
    height, width = image.shape[:2]
    grid = Grid.of(height, width, segments)
    centres = parts.seeds(lab, grid)
    labels = None
    for _ in range(iterations):
        labels, centres = parts.iterate(lab, centres, grid, grid.weight(compactness))
    return parts.connect(labels, grid.smallest) if connected else labels


RUNGS: dict[str, Callable[..., Any]] = {
    name: functools.partial(_slic, parts) for name, parts in _PARTS.items()
}


def _check_pixels(image: Any) -> Any:
    """Return a NumPy or CuPy image as uint8 or float32."""
    image = check_image(image)
    if image.shape[0] * image.shape[1] >= 2**31:
        raise ValueError(f"image must have less than 2**31 pixels, got shape {image.shape}")
    if image.dtype == np.bool_:
        return image.astype(np.uint8) * np.uint8(255)
    return image if image.dtype == np.uint8 else image.astype(np.float32)


def rgb_to_lab(image: Any, *, rung: str | None = None) -> Any:
    """Convert an sRGB image to CIELAB under the white point D65.

    Parameters
    ----------
    image
        ``(H, W, 3)`` RGB or ``(H, W)`` gray; uint8, bool or float in [0, 1]. NumPy or CuPy. The
        range of a CuPy image is not checked, which would have to wait for the GPU; values outside
        are converted by continuing the curves in a straight line.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    array
        ``(H, W, 3)`` float32: L in [0, 100], a in [-87, 99], b in [-108, 95], in multiples of
        1 / 256. Two colours at a distance of 2.3 are just told apart by the eye.

    Raises
    ------
    TypeError, ValueError
        If `image` is not an image.
    """
    pixels = _check_pixels(image)
    lab = pick(LAB_RUNGS, pixels, rung=rung)(pixels)
    xp = array_module(lab)
    return xp.moveaxis(lab, 0, -1).astype(np.float32) / np.float32(LAB_UNIT)


def slic(
    image: Any,
    segments: int = 400,
    compactness: float = 10.0,
    iterations: int = 10,
    connected: bool = True,
    *,
    rung: str | None = None,
) -> Any:
    """Cut an image into superpixels by SLIC (Achanta et al., PAMI 2012).

    Parameters
    ----------
    image
        ``(H, W, 3)`` RGB or ``(H, W)`` gray; uint8, bool or float in [0, 1]. NumPy or CuPy; the
        range of a CuPy image is not checked.
    segments
        About how many superpixels to make, at least 1. The clusters form a grid of about square
        cells, whose number is near this one.
    compactness
        m of the paper, in units of CIELAB, at least 0: how much being near counts against being
        alike. 1 follows every edge, 40 gives squares.
    iterations
        How often all pixels are assigned, at least 1.
    connected
        Make every superpixel one connected piece of at least a quarter of a cell. Without it, a
        label is the number of its cluster, and some may have no pixel at all.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    labels
        ``(H, W)`` int32. Connected superpixels are numbered 0, 1, 2 ... in raster order of their
        first pixels, and are joined by the sides of pixels. The same input gives the same labels on
        every rung.

    Raises
    ------
    TypeError, ValueError
        If `image` is not an image, or a number is out of range.

    Examples
    --------
    >>> image = np.zeros((8, 8), np.uint8)
    >>> image[:, 3:] = 255
    >>> slic(image, segments=2, compactness=1)[0].tolist()
    [0, 0, 0, 1, 1, 1, 1, 1]
    """
    pixels = _check_pixels(image)
    segments = int(check_number(segments, "segments", low=1, integer=True))
    compactness = check_number(compactness, "compactness", low=0)
    iterations = int(check_number(iterations, "iterations", low=1, integer=True))
    if not isinstance(connected, bool | np.bool_):
        raise TypeError(f"connected must be True or False, got {connected!r}")
    return pick(RUNGS, pixels, rung=rung)(pixels, segments, compactness, iterations, connected)


@dataclass(frozen=True, eq=False)
class SlicStep:
    """The state after one iteration.

    Attributes
    ----------
    labels
        ``(H, W)`` int32, the cluster of every pixel.
    centres
        ``(clusters, 5)`` float32: L, a, b, x and y of the clusters after they have moved.
    """

    labels: Any
    centres: Any


def slic_steps(
    image: Any, segments: int = 400, compactness: float = 10.0, *, rung: str | None = None
) -> Iterator[SlicStep]:
    """Iterate SLIC, and yield every state: the first is the grid with its seeds.

    Takes the arguments of :func:`slic`, and goes on for as long as it is asked. The labels of the
    tenth step after the first are those of ``slic(image, ..., iterations=10, connected=False)``.

    >>> steps = slic_steps(np.zeros((4, 6), np.uint8), segments=6)
    >>> next(steps).labels.tolist()
    [[0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5], [3, 3, 4, 4, 5, 5]]
    """
    pixels = _check_pixels(image)
    segments = int(check_number(segments, "segments", low=1, integer=True))
    compactness = check_number(compactness, "compactness", low=0)
    return _steps(pick(_PARTS_OF, pixels, rung=rung)(), pixels, segments, compactness)


# As functions, for `pick` chooses among functions.
_PARTS_OF = {name: functools.partial(_PARTS.__getitem__, name) for name in _PARTS}


def _steps(parts: _Parts, image: Any, segments: int, compactness: float) -> Iterator[SlicStep]:
    xp = array_module(image)
    unit = xp.asarray(np.array([LAB_UNIT, LAB_UNIT, LAB_UNIT, 1, 1], np.float32))
    height, width = image.shape[:2]
    grid = Grid.of(height, width, segments)
    cell_rows, cell_columns = grid.cells_of()
    cells = cell_rows[:, None] * grid.columns + cell_columns[None, :]
    lab = parts.to_lab(image)
    centres = parts.seeds(lab, grid)
    yield SlicStep(xp.asarray(cells.astype(np.int32)), centres.T / unit)
    while True:
        labels, centres = parts.iterate(lab, centres, grid, grid.weight(compactness))
        yield SlicStep(labels, centres.T / unit)

"""Mean shift: climb from every point to a mode of the density, and smooth or segment by the modes.

D. Comaniciu and P. Meer ("Mean Shift: A Robust Approach Toward Feature Space Analysis", IEEE
Transactions on Pattern Analysis and Machine Intelligence, 2002) repeat one step: move to the mean
of the points within a radius. With a flat kernel, as here, the step leads uphill in the density
that the Epanechnikov kernel would estimate, and the iteration ends after finitely many steps.

An image is a set of points in the *joint domain* of place and colour, and has a radius for each.
The filter gives every pixel the colour of the mode it climbs to: it smooths within regions and
leaves the edges between them. Neighbouring pixels whose modes lie within both radii of one another
make a segment.

Deviations from the paper
-------------------------
The filter follows the conventions of OpenCV's ``pyrMeanShiftFiltering`` with ``maxLevel=0``, with
which it can be compared pixel by pixel:

- The spatial window is a square of side ``2 * spatial_radius + 1``, cut off at the border of the
  image. (The paper's is a disc.) In colour it is a ball: the Euclidean distance is at most
  `range_radius`.
- Distances are taken in the colour space in which the image comes. The paper uses CIE L*u*v*, where
  equal distances look equally large; convert the image to have that.
- Place and colour are rounded to whole numbers after every step, halves to even, so that the step
  is integer arithmetic and every rung gives the same result exactly. (OpenCV multiplies by a
  rounded reciprocal, by which a few halves fall to the other side: of a photograph, 99.95 % of the
  pixels come out the same and the others within 2 levels.)
- A climb ends when its place stays the same, or place and colour together move by no more than
  `tolerance`, or after `iterations` steps; 5, as in OpenCV, often stop short of the mode.

The paper may at last merge segments of less than M pixels into others. That is left out: it belongs
to no mode, and small segments are the letters that a reader looks for.
"""

from collections import deque
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
from ocrlearn.cluster.kmeans import assign

__all__ = [
    "JOIN_RUNGS",
    "RUNGS",
    "SEEK_RUNGS",
    "MeanShiftModes",
    "join_reference",
    "mean_shift_convergence",
    "mean_shift_filter",
    "mean_shift_modes",
    "mean_shift_path",
    "mean_shift_segment",
    "mode_path",
]

KERNELS = cuda.KernelFile.beside(__file__)

# Sums over a larger window could leave the kernel's 32 bits.
_MOST_SPATIAL_RADIUS = 500
_GREATEST_SQUARED = 3 * 255 * 255


@dataclass(frozen=True, eq=False)
class MeanShiftModes:
    """The modes of a set of points.

    Attributes
    ----------
    modes
        ``(M, D)`` float32, no two within the bandwidth of one another, those with the most points
        around them first.
    counts
        ``(M,)`` int32, the number of points within the bandwidth of each mode.
    labels
        ``(N,)`` int32, for every point the index of its nearest mode.
    """

    modes: Any
    counts: Any
    labels: Any


# ---------------------------------------------------------------------------------------- reference


def _climb_image(
    image: NDArray[np.uint8],
    x: int,
    y: int,
    spatial_radius: int,
    squared_range: int,
    iterations: int,
    tolerance: int,
) -> list[list[int]]:
    """Climb from the pixel (x, y); return the states [x, y, *colour] from the start to the mode."""
    height, width = image.shape[:2]
    state = [x, y, *image[y, x].tolist()]
    path = [state]
    for _ in range(iterations):
        x, y = state[:2]
        left, top = max(x - spatial_radius, 0), max(y - spatial_radius, 0)
        right, bottom = min(x + spatial_radius, width - 1), min(y + spatial_radius, height - 1)
        window = image[top : bottom + 1, left : right + 1].astype(int)
        inside = ((window - state[2:]) ** 2).sum(axis=2) <= squared_range
        ys, xs = np.nonzero(inside)
        if not len(xs):
            break  # a mean between two colours may have no pixel near it
        members = np.column_stack([xs + left, ys + top, window[inside]])
        last, state = state, [_rounded_mean(sum(axis), len(xs)) for axis in members.T.tolist()]
        path.append(state)
        moved = abs(state[0] - last[0]) + abs(state[1] - last[1])
        recoloured = sum((new - old) ** 2 for new, old in zip(state[2:], last[2:], strict=True))
        if moved == 0 or moved + recoloured <= tolerance:
            break
    return path


def _rounded_mean(total: int, count: int) -> int:
    """Return total / count rounded to the nearest whole number, halves to even."""
    whole, rest = divmod(total, count)
    return whole + (2 * rest > count or (2 * rest == count and whole % 2 == 1))


def _converge_reference(
    image: NDArray[np.uint8],
    spatial_radius: int,
    squared_range: int,
    iterations: int,
    tolerance: int,
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Climb from every pixel in turn and keep the ends of the paths."""
    colours = np.empty_like(image)
    positions = np.empty((*image.shape[:2], 2), np.int32)
    for y, x in np.ndindex(image.shape[:2]):
        path = _climb_image(image, x, y, spatial_radius, squared_range, iterations, tolerance)
        positions[y, x], colours[y, x] = path[-1][:2], path[-1][2:]
    return colours, positions


def join_reference(
    colours: NDArray[np.uint8],
    positions: NDArray[np.int32],
    spatial_radius: int,
    squared_range: int,
) -> tuple[NDArray[np.int32], int]:
    """Flood each segment from its first pixel, over neighbours whose modes are close."""
    height, width = colours.shape[:2]
    labels = np.full((height, width), -1, np.int32)
    count = 0
    for start in np.ndindex(height, width):
        if labels[start] >= 0:
            continue
        labels[start] = count
        waiting = deque([start])
        while waiting:
            y, x = waiting.popleft()
            for ny in range(max(y - 1, 0), min(y + 2, height)):
                for nx in range(max(x - 1, 0), min(x + 2, width)):
                    apart = np.abs(positions[ny, nx] - positions[y, x]).max()
                    difference = colours[ny, nx].astype(int) - colours[y, x]
                    close = apart <= spatial_radius and (difference**2).sum() <= squared_range
                    if close and labels[ny, nx] < 0:
                        labels[ny, nx] = count
                        waiting.append((ny, nx))
        count += 1
    return labels, count


def _climb_points(
    points: NDArray[np.float32],
    start: NDArray[np.float32],
    bandwidth: float,
    iterations: int,
    tolerance: float,
) -> tuple[list[NDArray[np.float32]], int]:
    """Climb from `start`; return the path, and how many points the last window held."""
    path, count = [start], 0
    for _ in range(iterations):
        offsets = points - path[-1]
        inside = (offsets**2).sum(axis=1) <= np.float32(bandwidth) ** 2
        count = int(inside.sum())
        if count == 0:
            break
        step = offsets[inside].mean(axis=0)
        path.append(path[-1] + step)
        if (step**2).sum() <= tolerance**2:
            break
    return path, count


def _seek_reference(
    points: NDArray[np.float32],
    seeds: NDArray[np.float32],
    bandwidth: float,
    iterations: int,
    tolerance: float,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Climb from every seed in turn."""
    ends = np.empty_like(seeds)
    counts = np.empty(len(seeds), np.int32)
    for i, seed in enumerate(seeds):
        path, counts[i] = _climb_points(points, seed, bandwidth, iterations, tolerance)
        ends[i] = path[-1]
    return ends, counts


# --------------------------------------------------------------------------------------------- fast


@njit(cache=True, nogil=True)
def _mean_from(base: Any, total: Any, count: Any) -> Any:
    """Return base + total / count rounded to the nearest whole number, halves to even."""
    whole = total // count
    rest = total - whole * count
    whole += base
    if 2 * rest > count or (2 * rest == count and whole & 1):
        whole += 1
    return whole


@njit(cache=True, nogil=True)
def _window_sums(
    red: NDArray[np.uint8],
    green: NDArray[np.uint8],
    blue: NDArray[np.uint8],
    colour: tuple[Any, Any, Any],
    squared_range: int,
) -> tuple[int, int, int, int, int, int]:
    """Count the pixels of a window within the range, and add up x, y and the colours' offsets.

    All the time goes into the inner loop. It has no branch and reads one plane a colour, and so
    becomes vector instructions. Its rows are short, 17 pixels for a radius of 8: four lanes of 64
    bits fill twice as well as unrolled vectors of eight lanes of 32, and were measured to be twice
    as fast.
    """
    r, g, b = colour
    count, sum_x, sum_y, sum_r, sum_g, sum_b = 0, 0, 0, 0, 0, 0
    for row in range(red.shape[0]):
        reds, greens, blues = red[row], green[row], blue[row]
        in_row = 0
        for i in range(reds.size):
            dr, dg, db = np.int64(reds[i]) - r, np.int64(greens[i]) - g, np.int64(blues[i]) - b
            inside = dr * dr + dg * dg + db * db <= squared_range
            in_row += inside
            sum_x += i if inside else 0
            sum_r += dr if inside else 0
            sum_g += dg if inside else 0
            sum_b += db if inside else 0
        count += in_row
        sum_y += in_row * row
    return count, sum_x, sum_y, sum_r, sum_g, sum_b


@njit(cache=True, nogil=True)
def _climb_planes(
    planes: NDArray[np.uint8],
    x: Any,
    y: Any,
    radius: int,
    squared_range: int,
    iterations: int,
    tolerance: int,
) -> tuple[Any, Any, Any, Any, Any]:
    """Climb from the pixel (x, y) and return the x, y, red, green and blue of the end."""
    height, width = planes.shape[1:]
    # Signed: Numba would add an unsigned and a signed number as floats.
    r, g, b = np.int64(planes[0, y, x]), np.int64(planes[1, y, x]), np.int64(planes[2, y, x])
    for _ in range(iterations):
        left, right = max(x - radius, 0), min(x + radius + 1, width)
        top, bottom = max(y - radius, 0), min(y + radius + 1, height)
        count, sum_x, sum_y, sum_r, sum_g, sum_b = _window_sums(
            planes[0, top:bottom, left:right],
            planes[1, top:bottom, left:right],
            planes[2, top:bottom, left:right],
            (r, g, b),
            squared_range,
        )
        if count == 0:
            break
        last_x, last_y, last_r, last_g, last_b = x, y, r, g, b
        x, y = _mean_from(left, sum_x, count), _mean_from(top, sum_y, count)
        r, g = _mean_from(r, sum_r, count), _mean_from(g, sum_g, count)
        b = _mean_from(b, sum_b, count)
        moved = abs(x - last_x) + abs(y - last_y)
        recoloured = (r - last_r) ** 2 + (g - last_g) ** 2 + (b - last_b) ** 2
        if moved == 0 or moved + recoloured <= tolerance:
            break
    return x, y, r, g, b


@njit(cache=True, nogil=True, parallel=True)
def _converge_rows(
    planes: NDArray[np.uint8],
    radius: int,
    squared_range: int,
    iterations: int,
    tolerance: int,
    colours: NDArray[np.uint8],
    positions: NDArray[np.int32],
) -> None:
    """Climb from every pixel; rows are shared among the threads."""
    for row in prange(planes.shape[1]):
        start_y = np.int64(row)  # a parallel index is unsigned
        for start_x in range(planes.shape[2]):
            x, y, r, g, b = _climb_planes(
                planes, start_x, start_y, radius, squared_range, iterations, tolerance
            )
            positions[row, start_x, 0] = x
            positions[row, start_x, 1] = y
            colours[row, start_x, 0] = r
            colours[row, start_x, 1] = g
            colours[row, start_x, 2] = b


def _converge_fast(
    image: NDArray[np.uint8],
    spatial_radius: int,
    squared_range: int,
    iterations: int,
    tolerance: int,
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    height, width, channels = image.shape
    planes = np.zeros((3, height, width), np.uint8)  # gray: the other two stay 0
    planes[:channels] = image.transpose(2, 0, 1)
    colours = np.empty((height, width, 3), np.uint8)
    positions = np.empty((height, width, 2), np.int32)
    _converge_rows(planes, spatial_radius, squared_range, iterations, tolerance, colours, positions)
    return np.ascontiguousarray(colours[..., :channels]), positions


@njit(cache=True, nogil=True)
def _root(parent: NDArray[np.int32], item: int) -> int:
    """Return the root of `item`, halving the path to it."""
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


@njit(cache=True, nogil=True)
def _join_pixels(
    colours: NDArray[np.uint8],
    positions: NDArray[np.int32],
    radius: int,
    squared_range: int,
    labels: NDArray[np.int32],
) -> int:
    """Join pixels in a union-find forest, where the first pixel of a segment becomes its root."""
    height, width, channels = colours.shape
    parent = np.arange(height * width).astype(np.int32)
    for y in range(height):
        for x in range(width):
            for ny, nx in ((y, x - 1), (y - 1, x - 1), (y - 1, x), (y - 1, x + 1)):
                if ny < 0 or nx < 0 or nx >= width:
                    continue
                squared = 0
                for c in range(channels):
                    difference = int(colours[y, x, c]) - int(colours[ny, nx, c])
                    squared += difference * difference
                if (
                    squared > squared_range
                    or abs(positions[y, x, 0] - positions[ny, nx, 0]) > radius
                    or abs(positions[y, x, 1] - positions[ny, nx, 1]) > radius
                ):
                    continue
                one, other = _root(parent, y * width + x), _root(parent, ny * width + nx)
                parent[max(one, other)] = min(one, other)
    count = 0
    flat = labels.reshape(-1)
    for i in range(parent.size):
        if parent[i] == i:
            flat[i] = count
            count += 1
        else:
            flat[i] = flat[_root(parent, i)]
    return count


def _join_fast(
    colours: NDArray[np.uint8],
    positions: NDArray[np.int32],
    spatial_radius: int,
    squared_range: int,
) -> tuple[NDArray[np.int32], int]:
    labels = np.empty(colours.shape[:2], np.int32)
    colours, positions = np.ascontiguousarray(colours), np.ascontiguousarray(positions)
    return labels, int(_join_pixels(colours, positions, spatial_radius, squared_range, labels))


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def _add_offsets(
    columns: NDArray[np.float32],
    place: NDArray[np.float32],
    squared_bandwidth: np.float32,
    squared: NDArray[np.float32],
    start: int,
    step: NDArray[np.float64],
) -> int:
    """Add the offsets of the points within the bandwidth to `step`; return how many they are.

    Looks at the points from `start` on, as many as `squared` holds. Sums may be reordered, which
    lets them become vector instructions.
    """
    size = squared.size
    squared[:] = 0
    for d in range(columns.shape[0]):
        column, centre = columns[d, start : start + size], place[d]
        for i in range(size):
            squared[i] += (column[i] - centre) * (column[i] - centre)
    count = 0
    for i in range(size):
        count += squared[i] <= squared_bandwidth
    if count:
        for d in range(columns.shape[0]):
            column, centre = columns[d, start : start + size], place[d]
            total = np.float32(0)
            for i in range(size):
                offset = column[i] - centre
                total += offset if squared[i] <= squared_bandwidth else np.float32(0)
            step[d] += total
    return count


@njit(cache=True, nogil=True, parallel=True)
def _seek_seeds(
    columns: NDArray[np.float32],
    seeds: NDArray[np.float32],
    squared_bandwidth: np.float32,
    iterations: int,
    tolerance: float,
    ends: NDArray[np.float32],
    counts: NDArray[np.int32],
) -> None:
    tile = 1024
    for seed in prange(seeds.shape[0]):
        place = seeds[seed].copy()
        squared = np.empty(tile, np.float32)
        step = np.empty(place.size)
        count = 0
        for _ in range(iterations):
            step[:] = 0
            count = 0
            for start in range(0, columns.shape[1], tile):
                part = squared[: min(tile, columns.shape[1] - start)]
                count += _add_offsets(columns, place, squared_bandwidth, part, start, step)
            if count == 0:
                break
            moved = 0.0
            for d in range(place.size):
                place[d] += step[d] / count
                moved += (step[d] / count) ** 2
            if moved <= tolerance * tolerance:
                break
        ends[seed] = place
        counts[seed] = count


def _seek_fast(
    points: NDArray[np.float32],
    seeds: NDArray[np.float32],
    bandwidth: float,
    iterations: int,
    tolerance: float,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    ends = np.empty(seeds.shape, np.float32)
    counts = np.empty(len(seeds), np.int32)
    columns, seeds = np.ascontiguousarray(points.T), np.ascontiguousarray(seeds)
    squared_bandwidth = np.float32(bandwidth) ** 2
    _seek_seeds(columns, seeds, squared_bandwidth, iterations, tolerance, ends, counts)
    return ends, counts


# --------------------------------------------------------------------------------------------- cuda


def _converge_cuda(
    image: Any, spatial_radius: int, squared_range: int, iterations: int, tolerance: int
) -> tuple[Any, Any]:
    xp = array_module(image)
    height, width, channels = image.shape
    packed = xp.zeros((height, width, 4), xp.uint8)  # a pixel is read as one word of 32 bits
    packed[..., :channels] = image
    colours = cuda.empty((height, width, 4), np.uint8, like=image)
    positions = cuda.empty((height, width, 2), np.int32, like=image)
    cuda.launch(
        KERNELS.kernel("converge"),
        cuda.blocks_for((width, height), (32, 8)),
        (32, 8),
        image=packed,
        height=height,
        width=width,
        radius=spatial_radius,
        squared_range=squared_range,
        iterations=iterations,
        tolerance=tolerance,
        colours=colours,
        positions=positions,
    )
    return xp.ascontiguousarray(colours[..., :channels]), positions


def _join_cuda(
    colours: Any, positions: Any, spatial_radius: int, squared_range: int
) -> tuple[Any, int]:
    xp = array_module(colours, positions)
    height, width, channels = colours.shape
    packed = xp.zeros((height, width, 4), xp.uint8)
    packed[..., :channels] = colours
    parent = xp.arange(height * width, dtype=xp.int32)
    cuda.launch(
        KERNELS.kernel("join"),
        cuda.blocks_for((width, height), (32, 8)),
        (32, 8),
        colours=packed,
        positions=xp.ascontiguousarray(positions),
        height=height,
        width=width,
        radius=spatial_radius,
        squared_range=squared_range,
        parent=parent,
    )
    roots = cuda.empty(height * width, np.int32, like=colours)
    cuda.launch(
        KERNELS.kernel("flatten"),
        cuda.blocks_for(height * width, 256),
        256,
        parent=parent,
        count=height * width,
        roots=roots,
    )
    # The root of a segment is its first pixel; counting the roots in order numbers the segments.
    numbers = xp.cumsum(roots == xp.arange(height * width, dtype=xp.int32), dtype=xp.int32)
    return (numbers[roots] - 1).reshape(height, width), int(numbers[-1])


_SEEK_BLOCK = 128


def _seek_cuda(
    points: Any, seeds: Any, bandwidth: float, iterations: int, tolerance: float
) -> tuple[Any, Any]:
    xp = array_module(points, seeds)
    count, dimensions = points.shape
    if 4 * _SEEK_BLOCK * dimensions > cuda.DEFAULT_SHARED_MEMORY:
        raise ValueError(f"the cuda rung takes points of up to 96 coordinates, got {dimensions}")
    ends = cuda.empty(seeds.shape, np.float32, like=points)
    counts = cuda.empty(len(seeds), np.int32, like=points)
    cuda.launch(
        KERNELS.kernel("seek", D=dimensions),
        cuda.blocks_for(len(seeds), _SEEK_BLOCK),
        _SEEK_BLOCK,
        points=xp.ascontiguousarray(points),
        count=count,
        seeds=xp.ascontiguousarray(seeds),
        climbers=len(seeds),
        squared_bandwidth=float(np.float32(bandwidth) ** 2),
        iterations=iterations,
        squared_tolerance=tolerance**2,
        ends=ends,
        counts=counts,
    )
    return ends, counts


# ------------------------------------------------------------------------------------------- public

RUNGS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "reference": _converge_reference,
    "fast": _converge_fast,
    "cuda": _converge_cuda,
}
JOIN_RUNGS = {"reference": join_reference, "fast": _join_fast, "cuda": _join_cuda}
SEEK_RUNGS = {"reference": _seek_reference, "fast": _seek_fast, "cuda": _seek_cuda}


def _check_image(image: Any) -> Any:
    """Return an (H, W) or (H, W, 3) uint8 image as (H, W, C), of the library it came from."""
    if not hasattr(image, "shape"):
        raise TypeError(f"image must be a uint8 array, got {type(image).__name__}")
    array_module(image)
    shape = image.shape
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or 0 in shape:
        raise ValueError(
            f"image must have shape (H, W) or (H, W, 3) with at least one pixel, got {shape}"
        )
    if image.dtype != np.uint8:
        raise TypeError(
            f"image must be uint8, got dtype {image.dtype}; ocrlearn.image.to_uint8 converts others"
        )
    return image if len(shape) == 3 else image[..., None]


def _check_radii(spatial_radius: Any, range_radius: Any) -> tuple[int, int]:
    """Return the spatial radius, and the greatest squared colour distance within the range."""
    spatial = check_number(
        spatial_radius, "spatial_radius", low=1, high=_MOST_SPATIAL_RADIUS, integer=True
    )
    squared = check_number(range_radius, "range_radius", low=0) ** 2
    return int(spatial), int(min(squared, _GREATEST_SQUARED))


def _check_stop(iterations: Any, tolerance: Any) -> tuple[int, int]:
    """Return both as integers; the change of a state is one, so the tolerance may be cut down."""
    most = int(check_number(iterations, "iterations", low=1, high=2**31 - 1, integer=True))
    least = check_number(tolerance, "tolerance", low=0)
    return most, int(min(least, 2**31 - 1))


def mean_shift_convergence(
    image: Any,
    spatial_radius: int = 8,
    range_radius: float = 16.0,
    *,
    iterations: int = 5,
    tolerance: float = 1.0,
    rung: str | None = None,
) -> tuple[Any, Any]:
    """Climb from every pixel of an image and return where the climbs end.

    Parameters
    ----------
    image
        ``(H, W)`` gray or ``(H, W, 3)`` colour, uint8, NumPy or CuPy, with at least one pixel.
    spatial_radius
        In pixels, 1 to 500: the window covers ``x - spatial_radius`` to ``x + spatial_radius``.
    range_radius
        In gray levels, at least 0: the greatest Euclidean distance of colours in the window.
    iterations
        At most so many steps are made, at least 1.
    tolerance
        A climb ends when the sum of ``|dx| + |dy|``, in pixels, and the squared distance of the
        colours, in gray levels, of one step is no greater. It also ends when dx and dy are 0.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    colours
        The shape of `image`, uint8: the colour of every pixel's mode.
    positions
        ``(H, W, 2)`` int32, the (x, y) of every pixel's mode.

    Raises
    ------
    TypeError
        If `image` is no uint8 array, or another argument no number.
    ValueError
        If the shape of `image` is wrong or a number is out of range.
    """
    checked = _check_image(image)
    radii, stop = _check_radii(spatial_radius, range_radius), _check_stop(iterations, tolerance)
    colours, positions = pick(RUNGS, checked, rung=rung)(checked, *radii, *stop)
    return colours.reshape(image.shape), positions


def mean_shift_filter(
    image: Any,
    spatial_radius: int = 8,
    range_radius: float = 16.0,
    *,
    iterations: int = 5,
    tolerance: float = 1.0,
    rung: str | None = None,
) -> Any:
    """Smooth an image within its regions and keep the edges between them.

    Every pixel gets the colour of the mode it climbs to (Comaniciu and Meer, "Mean Shift", IEEE
    PAMI, 2002, section 4.1). With the defaults this is what OpenCV's ``pyrMeanShiftFiltering(image,
    8, 16, maxLevel=0)`` computes; the module's docstring tells the conventions.

    Takes the arguments of :func:`mean_shift_convergence`, raises the same errors, and returns the
    first of its results: the shape of `image`, uint8.

    Examples
    --------
    >>> step = np.array([[10, 12, 14, 200, 202, 204]], np.uint8)
    >>> mean_shift_filter(step, 2, 20).tolist()
    [[12, 12, 12, 202, 202, 202]]
    """
    colours, _ = mean_shift_convergence(
        image, spatial_radius, range_radius, iterations=iterations, tolerance=tolerance, rung=rung
    )
    return colours


def mean_shift_path(
    image: Any,
    x: int,
    y: int,
    spatial_radius: int = 8,
    range_radius: float = 16.0,
    *,
    iterations: int = 5,
    tolerance: float = 1.0,
) -> NDArray[np.int32]:
    """Return the steps of one pixel's climb, for looking at.

    Parameters
    ----------
    image
        As for :func:`mean_shift_convergence`, but NumPy only.
    x, y
        The pixel it begins at.
    spatial_radius, range_radius, iterations, tolerance
        As for :func:`mean_shift_convergence`.

    Returns
    -------
    path
        ``(S + 1, 2 + C)`` int32 for S steps: x, y and the colour, first of the pixel itself, last
        as :func:`mean_shift_convergence` returns them.

    Raises
    ------
    TypeError, ValueError
        As there; also if (x, y) lies outside the image.
    """
    checked = _check_image(image)
    if array_module(checked) is not np:
        raise TypeError("mean_shift_path works on NumPy arrays, got a CuPy array")
    height, width = checked.shape[:2]
    column = int(check_number(x, "x", low=0, high=width - 1, integer=True))
    row = int(check_number(y, "y", low=0, high=height - 1, integer=True))
    radii, stop = _check_radii(spatial_radius, range_radius), _check_stop(iterations, tolerance)
    return np.array(_climb_image(checked, column, row, *radii, *stop), np.int32)


def mean_shift_segment(
    image: Any,
    spatial_radius: int = 8,
    range_radius: float = 16.0,
    *,
    iterations: int = 5,
    tolerance: float = 1.0,
    rung: str | None = None,
) -> tuple[Any, int]:
    """Divide an image into segments whose pixels climb to one mode.

    Two pixels that share a side or a corner are joined when their modes are within both radii of
    one another: the colours at most `range_radius` apart, and x and y each at most
    `spatial_radius`. A segment is what is joined, directly or through others.

    Takes the arguments of :func:`mean_shift_convergence` and raises the same errors.

    Returns
    -------
    labels
        ``(H, W)`` int32, numbered from 0 in raster order of the segments' first pixels.
    count
        The number of segments.

    Examples
    --------
    >>> step = np.array([[10, 12, 14, 200, 202, 204]], np.uint8)
    >>> mean_shift_segment(step, 2, 20)[0].tolist()
    [[0, 0, 0, 1, 1, 1]]
    """
    checked = _check_image(image)
    radii, stop = _check_radii(spatial_radius, range_radius), _check_stop(iterations, tolerance)
    colours, positions = pick(RUNGS, checked, rung=rung)(checked, *radii, *stop)
    return pick(JOIN_RUNGS, checked, rung=rung)(colours, positions, *radii)


def mode_path(
    points: Any,
    start: Any,
    bandwidth: float,
    *,
    iterations: int = 300,
    tolerance: float | None = None,
) -> NDArray[np.float32]:
    """Return the steps of one climb among points, for looking at.

    Parameters
    ----------
    points, bandwidth, iterations, tolerance
        As for :func:`mean_shift_modes`, but NumPy only.
    start
        ``(D,)``, where the climb begins.

    Returns
    -------
    path
        ``(S + 1, D)`` float32 for S steps, from `start` to the mode.

    Raises
    ------
    TypeError, ValueError
        As for :func:`mean_shift_modes`.
    """
    checked = check_points(points)
    if array_module(checked) is not np:
        raise TypeError("mode_path works on NumPy arrays, got a CuPy array")
    if np.ndim(start) != 1:
        raise ValueError(f"start must have shape (D,), got {np.shape(start)}")
    seeds = _check_seeds(np.asarray(start)[None], checked, "start")
    stop = _check_seeking(bandwidth, iterations, tolerance)
    return np.stack(_climb_points(checked, seeds[0], *stop)[0])


def _check_seeds(seeds: Any, points: Any, name: str) -> Any:
    checked = check_points(seeds, name)
    array_module(points, checked)  # one library
    if checked.shape[1] != points.shape[1]:
        raise ValueError(
            f"{name} must have as many coordinates as points, {points.shape[1]}, "
            f"got {checked.shape[1]}"
        )
    return checked


def _check_seeking(bandwidth: Any, iterations: Any, tolerance: Any) -> tuple[float, int, float]:
    radius = check_number(bandwidth, "bandwidth", low=0, low_open=True)
    most = int(check_number(iterations, "iterations", low=1, high=2**31 - 1, integer=True))
    if tolerance is None:
        return radius, most, 1e-3 * radius
    return radius, most, check_number(tolerance, "tolerance", low=0)


def mean_shift_modes(
    points: Any,
    bandwidth: float,
    *,
    seeds: Any = None,
    iterations: int = 300,
    tolerance: float | None = None,
    rung: str | None = None,
) -> MeanShiftModes:
    """Find the modes of a set of points, and so clusters without knowing their number.

    A climb from every seed moves to the mean of the points within `bandwidth` until it comes to
    rest. Ends within `bandwidth` of one another are one mode: the one with the most points around
    it stays. Takes O(steps S N D) operations for S seeds. The kernel takes points of up to 96
    coordinates.

    Parameters
    ----------
    points
        ``(N, D)`` of any real dtype, N of at least 1; computed with as float32. NumPy or CuPy.
    bandwidth
        The radius of the window, above 0, in the units of `points`.
    seeds
        ``(S, D)``, where to begin; by default at every point. Fewer are faster, but may miss modes.
    iterations
        At most so many steps are made from each, at least 1.
    tolerance
        A climb ends when a step is no longer than this; 0.001 of the bandwidth by default.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    MeanShiftModes
        The modes, the most populous first, how many points each has around it, and the nearest mode
        of every point.

    Raises
    ------
    TypeError
        If an array is none or not of a real dtype, or NumPy and CuPy arrays are mixed.
    ValueError
        If a shape is wrong, a number out of range, no point is within `bandwidth` of any seed, or
        (checked for NumPy arrays only) a value is not finite.

    Examples
    --------
    >>> points = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
    >>> found = mean_shift_modes(points, 3.0)
    >>> found.modes.ravel().tolist(), found.counts.tolist(), found.labels.tolist()
    ([1.0, 10.5], [3, 2], [0, 0, 0, 1, 1])
    """
    checked = check_points(points)
    starts = checked if seeds is None else _check_seeds(seeds, checked, "seeds")
    stop = _check_seeking(bandwidth, iterations, tolerance)
    ends, counts = pick(SEEK_RUNGS, checked, rung=rung)(checked, starts, *stop)
    modes, counts = _merge(ends, counts, stop[0])
    labels, _ = assign(checked, modes, rung=rung)
    return MeanShiftModes(modes, counts, labels)


def _merge(ends: Any, counts: Any, bandwidth: float) -> tuple[Any, Any]:
    """Keep the ends that are not within the bandwidth of one with more points around it.

    Of ends with equally many the greater stays, by the first coordinate in which they differ.
    """
    xp = array_module(ends, counts)
    # lexsort sorts by the last row first.
    keys = xp.concatenate([-ends.T[::-1].astype(np.float64), -counts[None].astype(np.float64)])
    order = xp.lexsort(keys)
    ends, counts = ends[order], counts[order]
    waiting = counts > 0  # where no point was near the seed there is no mode
    kept = []
    while bool(waiting.any()):
        first = int(waiting.argmax())
        kept.append(first)
        squared = ((ends - ends[first]) ** 2).sum(axis=1)
        waiting = waiting & (squared > bandwidth**2)
        waiting[first] = False
    if not kept:
        raise ValueError(
            f"no point lies within bandwidth = {bandwidth:g} of any of the seeds; "
            "a larger one or other seeds are wanted"
        )
    indices = xp.asarray(np.array(kept))
    return ends[indices], counts[indices]

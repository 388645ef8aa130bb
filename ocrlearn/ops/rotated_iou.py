"""How much rotated boxes overlap: the area they share, over the area they cover together.

Two rectangles at different angles share a convex polygon of up to eight corners. It is found by
cutting one rectangle with the four sides of the other in turn (Sutherland and Hodgman, "Reentrant
Polygon Clipping", Communications of the ACM, 1974), and its area by the shoelace formula. RRPN (Ma
et al., "Arbitrary-Oriented Scene Text Detection via Rotation Proposals", IEEE Transactions on
Multimedia, 2018) calls the ratio *skew IoU*; it decides which proposals match a line of text, and
which of two proposals is dropped (:mod:`ocrlearn.ops.nms`).

Conventions of boxes, angles and corners are those of :mod:`ocrlearn.geometry`.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ocrlearn import cuda, geometry
from ocrlearn._dispatch import array_module, pick
from ocrlearn.ops._c_types import c_type

__all__ = [
    "KERNELS",
    "RUNGS",
    "check_floats",
    "intersection_area",
    "quads_of",
    "rotated_iou",
    "rotated_iou_reference",
]

KERNELS = cuda.KernelFile.beside(__file__)


def rotated_iou(first: Any, second: Any, *, rung: str | None = None) -> Any:
    """Intersection over union of every rotated box of one list with every one of another.

    Parameters
    ----------
    first, second
        ``(N, 5)`` and ``(M, 5)`` rotated boxes ``(cx, cy, w, h, angle)`` in pixels and radians,
        floating; either may be empty. NumPy or CuPy arrays, or lists.
    rung
        "reference", "fast" or "cuda"; by default what fits the arrays.

    Returns
    -------
    array
        ``(N, M)`` in [0, 1]; 0 for boxes without area. float64 if both lists are float64, else
        float32. On a CPU the arithmetic is in float64 either way, on a GPU in the type returned.

    Raises
    ------
    TypeError
        If the boxes are not numbers, or the two lists belong to different libraries.
    ValueError
        If the shape is wrong, a number is not finite or a side is negative. The values of CuPy
        arrays are not looked at, as that would wait for the GPU.
    """
    a = check_floats(first, "first", (None, 5), sides=(2, 3))
    b = check_floats(second, "second", (None, 5), sides=(2, 3))
    dtype = np.result_type(a.dtype, b.dtype)
    return pick(RUNGS, a, b, rung=rung)(a.astype(dtype), b.astype(dtype))


def check_floats(
    value: Any, name: str, shape: tuple[int | None, ...], *, sides: tuple[int, ...] = ()
) -> Any:
    """Check an array of boxes, quads or scores, and return it as float32 or float64.

    `shape` has None where any length will do; `sides` are the columns that must not be negative.
    Python lists become float32. Values are checked on the CPU only.
    """
    array = value if hasattr(value, "dtype") else np.asarray(value)
    module = array_module(array)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold numbers, got dtype {array.dtype}")
    if array.size == 0 and array.ndim == 1 and len(shape) > 1:
        array = array.reshape(0, *(length or 0 for length in shape[1:]))
    wanted = "(" + ", ".join("N" if length is None else str(length) for length in shape) + ")"
    fits = array.ndim == len(shape) and all(
        length in (None, side) for length, side in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{name} must have shape {wanted.replace('(N)', '(N,)')}, got {array.shape}"
        )
    array = array.astype(np.float64 if value is array and array.dtype == np.float64 else np.float32)
    if module is np:
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity")
        if any((array[:, side] < 0).any() for side in sides):
            raise ValueError(f"{name} must not have negative sides, got {array[:, sides].min():g}")
    return array


# --- The reference --------------------------------------------------------------------------------


def rotated_iou_reference(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Clip every pair of quads with the functions of :mod:`ocrlearn.geometry`, one by one."""
    overlaps = np.zeros((len(first), len(second)), first.dtype)
    for i, quad in enumerate(geometry.rotated_box_to_quad(first.astype(np.float64))):
        for j, other in enumerate(geometry.rotated_box_to_quad(second.astype(np.float64))):
            if geometry.polygon_area(quad) > 0 and geometry.polygon_area(other) > 0:
                overlaps[i, j] = geometry.polygon_iou(quad, other)
    return overlaps


# --- The fast rung --------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _area(polygon: NDArray[np.float64], count: int) -> float:
    """Area of the first `count` corners of a clockwise polygon, by the shoelace formula."""
    total = 0.0
    for i in range(2, count):
        ax, ay = polygon[i - 1, 0] - polygon[0, 0], polygon[i - 1, 1] - polygon[0, 1]
        bx, by = polygon[i, 0] - polygon[0, 0], polygon[i, 1] - polygon[0, 1]
        total += ax * by - ay * bx
    return total / 2


@njit(cache=True, nogil=True)
def intersection_area(
    subject: NDArray[np.float64], window: NDArray[np.float64], work: NDArray[np.float64]
) -> float:
    """Area shared by two clockwise convex quads ``(4, 2)``, for use in compiled code.

    `work` is ``(2, 9, 2)`` float64, memory to work in.
    """
    now = 0  # which half of `work` holds the polygon; the other one receives what is left of it
    for i in range(4):
        work[0, i, 0], work[0, i, 1] = subject[i, 0], subject[i, 1]
    count = 4
    for edge in range(4):
        x, y = window[edge, 0], window[edge, 1]
        dx, dy = window[(edge + 1) % 4, 0] - x, window[(edge + 1) % 4, 1] - y
        found = 0
        from_x, from_y = work[now, count - 1, 0], work[now, count - 1, 1]
        side_from = dx * (from_y - y) - dy * (from_x - x)
        for i in range(count):
            to_x, to_y = work[now, i, 0], work[now, i, 1]
            side_to = dx * (to_y - y) - dy * (to_x - x)
            if (side_from >= 0) != (side_to >= 0) and found < 8:
                part = side_from / (side_from - side_to)
                work[1 - now, found, 0] = from_x + part * (to_x - from_x)
                work[1 - now, found, 1] = from_y + part * (to_y - from_y)
                found += 1
            if side_to >= 0 and found < 8:
                work[1 - now, found, 0], work[1 - now, found, 1] = to_x, to_y
                found += 1
            from_x, from_y, side_from = to_x, to_y, side_to
        now, count = 1 - now, found
        if count == 0:
            return 0.0
    return max(_area(work[now], count), 0.0)


@njit(cache=True, nogil=True, parallel=True)
def _pairwise(
    quads: NDArray[np.float64], others: NDArray[np.float64], overlaps: NDArray[Any]
) -> None:
    for i in prange(len(quads)):
        work = np.empty((2, 9, 2))
        area = _area(quads[i], 4)
        low_x, high_x = quads[i, :, 0].min(), quads[i, :, 0].max()
        low_y, high_y = quads[i, :, 1].min(), quads[i, :, 1].max()
        for j in range(len(others)):
            other = others[j]
            overlaps[i, j] = 0
            if other[:, 0].max() <= low_x or other[:, 0].min() >= high_x:
                continue
            if other[:, 1].max() <= low_y or other[:, 1].min() >= high_y:
                continue
            shared = intersection_area(quads[i], other, work)
            joined = area + _area(other, 4) - shared
            if joined > 0:
                overlaps[i, j] = shared / joined


def _rotated_iou_fast(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    overlaps = np.empty((len(first), len(second)), first.dtype)
    if overlaps.size:
        quads, others = (
            geometry.rotated_box_to_quad(boxes.astype(np.float64)) for boxes in (first, second)
        )
        _pairwise(quads, others, overlaps)
    return overlaps


# --- The CUDA rung --------------------------------------------------------------------------------


def quads_of(boxes: Any) -> Any:
    """Corners of rotated boxes, ``(N, 5)`` to ``(N, 4, 2)``, computed where the array lives."""
    boxes = array_module(boxes).ascontiguousarray(boxes)
    quads = cuda.empty((len(boxes), 4, 2), boxes.dtype, like=boxes)
    kernel = KERNELS.kernel("to_quads", Real=c_type(boxes.dtype))
    grid = cuda.blocks_for(len(boxes), 256)
    cuda.launch(kernel, grid, 256, boxes=boxes, count=len(boxes), quads=quads)
    return quads


def _rotated_iou_cuda(first: Any, second: Any) -> Any:
    xp = array_module(first, second)
    overlaps = cuda.empty((len(first), len(second)), first.dtype, like=first)
    block = (32, 4)
    cuda.launch(
        KERNELS.kernel("pairwise", Real=c_type(first.dtype)),
        cuda.blocks_for((len(second), len(first)), block),
        block,
        first=xp.ascontiguousarray(first),
        second=xp.ascontiguousarray(second),
        count_first=len(first),
        count_second=len(second),
        overlaps=overlaps,
    )
    return overlaps


RUNGS = {
    "reference": rotated_iou_reference,
    "fast": _rotated_iou_fast,
    "cuda": _rotated_iou_cuda,
}

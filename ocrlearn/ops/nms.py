"""Non-maximum suppression: of many overlapping detections, keep the best of each heap.

A detector answers one word with dozens of boxes. *Greedy* suppression takes them by falling score
and keeps each that does not overlap one already kept by more than a threshold. What "overlap" means
makes the difference:

- :func:`nms` compares upright boxes by intersection over union;
- :func:`rotated_nms` and :func:`quad_nms` compare slanted ones, as the upright boxes around
  neighbouring slanted lines overlap though the lines do not;
- :func:`mask_nms` compares the pixels themselves (Dai et al., "Fused Text Segmentation Networks for
  Multi-Oriented Scene Text Detection", ICPR 2018);
- :func:`locality_aware_nms` first merges neighbours in row order into averages, weighted by score,
  and suppresses among the few that are left (Zhou et al., "EAST: An Efficient and Accurate Scene
  Text Detector", CVPR 2017).

Two detections with the same score are taken in the order given, and an overlap equal to the
threshold is allowed.

**Deviations from the papers.** EAST's paper averages corners of the same number. Here a quad is
first turned so that its corners meet those of the mean, as not every detector begins with the same
one.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ocrlearn import cuda, geometry
from ocrlearn._dispatch import array_module, pick
from ocrlearn._validate import check_number
from ocrlearn.ops import rotated_iou as overlap
from ocrlearn.ops._c_types import c_type

__all__ = [
    "KERNELS",
    "LOCALITY_AWARE_RUNGS",
    "MASK_RUNGS",
    "QUAD_RUNGS",
    "ROTATED_RUNGS",
    "RUNGS",
    "locality_aware_nms",
    "mask_nms",
    "nms",
    "quad_nms",
    "rotated_nms",
]

KERNELS = cuda.KernelFile.beside(__file__)
WORDS = 8  # of 32 pixels, that a warp packs, as in the source

Kept = NDArray[np.int64]


def nms(boxes: Any, scores: Any, iou_threshold: float = 0.5, *, rung: str | None = None) -> Any:
    """Suppress upright boxes.

    Parameters
    ----------
    boxes
        ``(N, 4)`` boxes ``(x0, y0, x1, y1)``, floating; N may be 0.
    scores
        ``(N,)``, floating; only their order matters.
    iou_threshold
        In [0, 1]. A box that overlaps a kept one by more than this intersection over union goes.
    rung
        "reference", "fast" or "cuda"; by default what fits the arrays.

    Returns
    -------
    array
        ``(K,)`` int64, the places of the kept boxes in the input by falling score.

    Raises
    ------
    TypeError
        If an argument is not numeric, or NumPy and CuPy arrays are mixed.
    ValueError
        If a shape, a value or the threshold is out of range. The values of CuPy arrays are not
        looked at, as that would wait for the GPU.

    Examples
    --------
    >>> boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]])
    >>> nms(boxes, np.array([0.8, 0.9, 0.7]))
    array([1, 2])
    """
    boxes = overlap.check_floats(boxes, "boxes", (None, 4))
    if array_module(boxes) is np and (boxes[:, 2:] < boxes[:, :2]).any():
        raise ValueError("boxes must be (x0, y0, x1, y1) with x0 <= x1 and y0 <= y1")
    return _suppress(RUNGS, boxes, scores, iou_threshold, "boxes", "iou_threshold", rung)


def rotated_nms(
    boxes: Any, scores: Any, iou_threshold: float = 0.5, *, rung: str | None = None
) -> Any:
    """Suppress rotated boxes.

    Parameters
    ----------
    boxes
        ``(N, 5)`` boxes ``(cx, cy, w, h, angle)`` of :mod:`ocrlearn.geometry`, floating, in pixels
        and radians; w and h not negative.
    scores, iou_threshold, rung
        As for :func:`nms`.

    Returns
    -------
    array
        As of :func:`nms`.

    Raises
    ------
    TypeError, ValueError
        As :func:`nms`.
    """
    boxes = overlap.check_floats(boxes, "boxes", (None, 5), sides=(2, 3))
    return _suppress(ROTATED_RUNGS, boxes, scores, iou_threshold, "boxes", "iou_threshold", rung)


def quad_nms(
    quads: Any, scores: Any, iou_threshold: float = 0.5, *, rung: str | None = None
) -> Any:
    """Suppress quads.

    Parameters
    ----------
    quads
        ``(N, 4, 2)`` corners (x, y), floating, clockwise on the screen and convex. Neither is
        checked: the overlap of other quads comes out wrong.
    scores, iou_threshold, rung
        As for :func:`nms`.

    Returns
    -------
    array
        As of :func:`nms`.

    Raises
    ------
    TypeError, ValueError
        As :func:`nms`.
    """
    quads = _check_quads(quads)
    return _suppress(QUAD_RUNGS, quads, scores, iou_threshold, "quads", "iou_threshold", rung)


def mask_nms(masks: Any, scores: Any, threshold: float = 0.5, *, rung: str | None = None) -> Any:
    """Suppress masks by the share of the smaller one that the larger one covers.

    The overlap is FTSN's *mask-maximum-intersection*: the pixels both have, over the pixels of the
    smaller mask. A word inside a line counts as the same text, which its intersection over union
    would deny; two slanted lines side by side do not, though their boxes overlap by half. An empty
    mask overlaps nothing.

    Parameters
    ----------
    masks
        ``(N, H, W)`` bool.
    scores, rung
        As for :func:`nms`.
    threshold
        In [0, 1]. A mask that overlaps a kept one by more than this goes.

    Returns
    -------
    array
        As of :func:`nms`.

    Raises
    ------
    TypeError, ValueError
        As :func:`nms`; also if `masks` are not bool.
    """
    array = masks if hasattr(masks, "dtype") else np.asarray(masks)
    array_module(array)
    if array.size == 0 and array.ndim == 1:
        array = np.zeros((0, 0, 0), np.bool_)  # an empty list
    if array.ndim != 3:
        raise ValueError(f"masks must have shape (N, H, W), got {array.shape}")
    if array.dtype != np.bool_:
        raise TypeError(f"masks must be bool, got dtype {array.dtype}")
    return _suppress(MASK_RUNGS, array, scores, threshold, "masks", "threshold", rung)


def locality_aware_nms(
    quads: Any,
    scores: Any,
    merge_threshold: float = 0.2,
    iou_threshold: float = 0.2,
    *,
    rung: str | None = None,
) -> tuple[Any, Any]:
    """Merge neighbouring quads into weighted means, then suppress among the means.

    EAST predicts a quad at every pixel of a word, so neighbours in row order nearly agree. Each
    quad that overlaps the mean of the last group joins it: corners are averaged with the scores as
    weights, after turning the quad so that they correspond, and the scores add up. Where few groups
    are left, the cost is linear in the number of quads instead of quadratic, and a mean of many
    predictions is sharper than the best one.

    Parameters
    ----------
    quads
        ``(N, 4, 2)`` clockwise convex quads **in row order**, as a detector's score map gives them.
    scores
        ``(N,)``, positive.
    merge_threshold
        Quads that overlap the running mean by more than this intersection over union join it.
    iou_threshold
        For the suppression among the merged quads.
    rung
        "reference", "fast" or "cuda"; by default what fits the arrays.

    Returns
    -------
    quads, scores
        ``(K, 4, 2)`` merged quads and ``(K,)`` sums of their members' scores, by falling score.

    Raises
    ------
    TypeError, ValueError
        As :func:`nms`; also if a score is not positive.
    """
    quads = _check_quads(quads)
    scores = _check_scores(scores, len(quads), quads.dtype)
    if array_module(scores) is np and (scores <= 0).any():
        raise ValueError(f"scores must be positive, as they are weights; got {scores.min():g}")
    check_number(merge_threshold, "merge_threshold", low=0, high=1)
    check_number(iou_threshold, "iou_threshold", low=0, high=1)
    merge = pick(LOCALITY_AWARE_RUNGS, quads, scores, rung=rung)
    merged, sums = merge(quads, scores, float(merge_threshold))
    kept = quad_nms(merged, sums, iou_threshold, rung=rung)
    return merged[kept], sums[kept]


def _suppress(
    rungs: dict[str, Callable[..., Any]],
    items: Any,
    scores: Any,
    threshold: float,
    items_name: str,
    threshold_name: str,
    rung: str | None,
) -> Any:
    """Check scores and threshold, and run one of the suppressions."""
    scores = _check_scores(scores, len(items), np.float64, items_name)
    check_number(threshold, threshold_name, low=0, high=1)
    return pick(rungs, items, scores, rung=rung)(items, scores, float(threshold))


def _check_quads(quads: Any) -> Any:
    return overlap.check_floats(quads, "quads", (None, 4, 2))


def _check_scores(scores: Any, count: int, dtype: Any, of: str = "quads") -> Any:
    scores = overlap.check_floats(scores, "scores", (None,))
    if len(scores) != count:
        raise ValueError(f"scores must have one number for each of {count} {of}, got {len(scores)}")
    return scores.astype(dtype)


# --- The reference --------------------------------------------------------------------------------


def by_falling_score(scores: Any) -> Any:
    """Places of the scores from the highest to the lowest; equal ones in the order given."""
    return array_module(scores).argsort(-scores, kind="stable")


def _greedy(scores: NDArray[Any], too_much: Callable[[int, int], bool]) -> Kept:
    """Keep each candidate that does not overlap a better one that was kept too much."""
    kept: list[int] = []
    for candidate in by_falling_score(scores):
        if not any(too_much(candidate, better) for better in kept):
            kept.append(int(candidate))
    return np.array(kept, np.int64)


def _nms_reference(boxes: NDArray[Any], scores: NDArray[Any], threshold: float) -> Kept:
    overlaps = geometry.box_iou(boxes, boxes)
    return _greedy(scores, lambda i, j: overlaps[i, j] > threshold)


def _rotated_nms_reference(boxes: NDArray[Any], scores: NDArray[Any], threshold: float) -> Kept:
    quads = geometry.rotated_box_to_quad(boxes.astype(np.float64))
    return _quad_nms_reference(quads, scores, threshold)


def _quad_nms_reference(quads: NDArray[Any], scores: NDArray[Any], threshold: float) -> Kept:
    return _greedy(scores, lambda i, j: _quad_iou(quads[i], quads[j]) > threshold)


def _quad_iou(quad: NDArray[Any], other: NDArray[Any]) -> float:
    if geometry.polygon_area(quad) == 0 or geometry.polygon_area(other) == 0:
        return 0.0
    return geometry.polygon_iou(quad.astype(np.float64), other.astype(np.float64))


def _mask_nms_reference(masks: NDArray[np.bool_], scores: NDArray[Any], threshold: float) -> Kept:
    def too_much(i: int, j: int) -> bool:
        shared = np.count_nonzero(masks[i] & masks[j])
        smaller = min(np.count_nonzero(masks[i]), np.count_nonzero(masks[j]))
        return bool(shared > threshold * smaller)

    return _greedy(scores, too_much)


def _merge_reference(
    quads: NDArray[Any], scores: NDArray[Any], threshold: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    merged: list[NDArray[Any]] = []
    sums: list[float] = []
    for quad, score in zip(quads.astype(np.float64), scores, strict=True):
        if merged and _quad_iou(merged[-1], quad) > threshold:
            turns = [np.roll(quad, -turn, axis=0) for turn in range(4)]
            nearest = min(turns, key=lambda turned: ((turned - merged[-1]) ** 2).sum())
            sums[-1] += score
            merged[-1] = merged[-1] + score / sums[-1] * (nearest - merged[-1])
        else:
            merged.append(quad)
            sums.append(score)
    return np.array(merged, quads.dtype).reshape(-1, 4, 2), np.array(sums, scores.dtype)


# --- The fast rung --------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _suppress_boxes(boxes: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Greedy suppression of boxes in falling order; tells which are kept."""
    count = len(boxes)
    kept = np.ones(count, np.bool_)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for i in range(count):
        if not kept[i]:
            continue
        x0, y0, x1, y1 = boxes[i]
        for j in range(i + 1, count):
            width = min(x1, boxes[j, 2]) - max(x0, boxes[j, 0])
            height = min(y1, boxes[j, 3]) - max(y0, boxes[j, 1])
            if width > 0 and height > 0:
                shared = width * height
                if shared > threshold * (area[i] + area[j] - shared):
                    kept[j] = False
    return kept


@njit(cache=True, nogil=True)
def _suppress_quads(quads: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Greedy suppression of convex quads in falling order.

    The upright boxes around two quads bound what they can share, which settles most pairs.
    """
    count = len(quads)
    kept = np.ones(count, np.bool_)
    area = np.empty(count)
    box = np.empty((count, 4))
    for i in range(count):
        area[i] = _quad_area(quads[i])
        box[i, 0], box[i, 2] = quads[i, :, 0].min(), quads[i, :, 0].max()
        box[i, 1], box[i, 3] = quads[i, :, 1].min(), quads[i, :, 1].max()
    work = np.empty((2, 9, 2))
    for i in range(count):
        if not kept[i]:
            continue
        x0, y0, x1, y1 = box[i]
        for j in range(i + 1, count):
            width = min(x1, box[j, 2]) - max(x0, box[j, 0])
            height = min(y1, box[j, 3]) - max(y0, box[j, 1])
            if not kept[j] or width <= 0 or height <= 0:
                continue
            most = min(width * height, area[i], area[j])
            if most <= threshold * (area[i] + area[j] - most) * (1 - 1e-9):
                continue
            shared = overlap.intersection_area(quads[i], quads[j], work)
            if shared > threshold * (area[i] + area[j] - shared):
                kept[j] = False
    return kept


@njit(cache=True, nogil=True)
def _suppress_rotated(boxes: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Greedy suppression of rotated boxes in falling order.

    Seen in the frame of one box, the other lies between two upright boxes: the one around it, and
    one inscribed in it. What these share with the first bounds the intersection from above and
    below, and settles most pairs, both near duplicates and strangers, without clipping.
    """
    count = len(boxes)
    kept = np.ones(count, np.bool_)
    cosine, sine = np.cos(boxes[:, 4]), np.sin(boxes[:, 4])
    half_w, half_h = boxes[:, 2] / 2, boxes[:, 3] / 2
    radius = np.sqrt(half_w**2 + half_h**2)
    quad, other, work = np.empty((4, 2)), np.empty((4, 2)), np.empty((2, 9, 2))
    for i in range(count):
        if not kept[i]:
            continue
        area = 4 * half_w[i] * half_h[i]
        _corners_of(boxes[i], cosine[i], sine[i], quad)
        for j in range(i + 1, count):
            dx, dy = boxes[j, 0] - boxes[i, 0], boxes[j, 1] - boxes[i, 1]
            reach = radius[i] + radius[j]
            if not kept[j] or dx * dx + dy * dy >= reach * reach:
                continue
            along, down = dx * cosine[i] - dy * sine[i], dx * sine[i] + dy * cosine[i]
            c = abs(cosine[i] * cosine[j] + sine[i] * sine[j])
            s = abs(sine[j] * cosine[i] - cosine[j] * sine[i])
            w, h = half_w[j], half_h[j]
            areas = area + 4 * w * h
            around = (w * c + h * s, w * s + h * c)
            most = _shared(along, down, around, half_w[i], half_h[i])
            if most <= threshold * (areas - most) * (1 - 1e-9):
                continue
            scale = c * c - s * s
            if abs(scale) > 1e-6:
                within = ((w * c - h * s) / scale, (h * c - w * s) / scale)
                least = _shared(along, down, within, half_w[i], half_h[i])
                if least > threshold * (areas - least) * (1 + 1e-9):
                    kept[j] = False
                    continue
            _corners_of(boxes[j], cosine[j], sine[j], other)
            shared = overlap.intersection_area(quad, other, work)
            if shared > threshold * (areas - shared):
                kept[j] = False
    return kept


@njit(cache=True, nogil=True)
def _corners_of(
    box: NDArray[np.float64], cosine: float, sine: float, quad: NDArray[np.float64]
) -> None:
    """Write the corners of one rotated box, as :func:`ocrlearn.geometry.rotated_box_to_quad`."""
    along_x, along_y = cosine * box[2] / 2, -sine * box[2] / 2
    down_x, down_y = sine * box[3] / 2, cosine * box[3] / 2
    for corner in range(4):
        right = 1 if corner in (1, 2) else -1
        below = 1 if corner >= 2 else -1
        quad[corner, 0] = box[0] + right * along_x + below * down_x
        quad[corner, 1] = box[1] + right * along_y + below * down_y


@njit(cache=True, nogil=True)
def _shared(x: float, y: float, half: tuple[float, float], half_w: float, half_h: float) -> float:
    """Area that a box of half sides `half` around (x, y) shares with one around the origin."""
    if half[0] <= 0 or half[1] <= 0:
        return 0.0
    width = min(x + half[0], half_w) - max(x - half[0], -half_w)
    height = min(y + half[1], half_h) - max(y - half[1], -half_h)
    return width * height if width > 0 and height > 0 else 0.0


@njit(cache=True, nogil=True)
def _quad_area(quad: NDArray[np.float64]) -> float:
    across = (quad[2, 0] - quad[0, 0]) * (quad[3, 1] - quad[1, 1])
    return (across - (quad[2, 1] - quad[0, 1]) * (quad[3, 0] - quad[1, 0])) / 2


def _nms_fast(boxes: NDArray[Any], scores: NDArray[Any], threshold: float) -> Kept:
    order = by_falling_score(scores)
    return order[_suppress_boxes(boxes[order].astype(np.float64), threshold)]


def _quad_nms_fast(quads: NDArray[Any], scores: NDArray[Any], threshold: float) -> Kept:
    order = by_falling_score(scores)
    return order[_suppress_quads(quads[order].astype(np.float64), threshold)]


def _rotated_nms_fast(boxes: NDArray[Any], scores: NDArray[Any], threshold: float) -> Kept:
    order = by_falling_score(scores)
    return order[_suppress_rotated(boxes[order].astype(np.float64), threshold)]


@njit(cache=True, nogil=True)
def _count_bits(word: np.uint64) -> int:
    """Count the ones in a word, summing in parallel in ever wider fields."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    word = (word & pairs) + ((word >> np.uint64(2)) & pairs)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True, parallel=True)
def _suppress_masks(packed: NDArray[np.uint64], threshold: float) -> NDArray[np.bool_]:
    """Greedy suppression of masks of 64 pixels a word, in falling order."""
    count, words = packed.shape
    kept = np.ones(count, np.bool_)
    area = np.zeros(count, np.int64)
    first, last = np.full(count, words), np.full(count, -1)
    for i in prange(count):
        for word in range(words):
            if packed[i, word]:
                area[i] += _count_bits(packed[i, word])
                first[i], last[i] = min(first[i], word), word
    for i in range(count):
        if not kept[i]:
            continue
        for j in prange(i + 1, count):
            shared = 0
            for word in range(max(first[i], first[j]), min(last[i], last[j]) + 1):
                shared += _count_bits(packed[i, word] & packed[j, word])
            if shared > threshold * min(area[i], area[j]):
                kept[j] = False
    return kept


def _mask_nms_fast(masks: NDArray[np.bool_], scores: NDArray[Any], threshold: float) -> Kept:
    order = by_falling_score(scores)
    bits = np.packbits(masks.reshape(len(masks), math.prod(masks.shape[1:])), axis=1)
    words = np.zeros((len(masks), 8 * -(-bits.shape[1] // 8)), np.uint8)
    words[:, : bits.shape[1]] = bits
    return order[_suppress_masks(words.view(np.uint64)[order], threshold)]


@njit(cache=True, nogil=True)
def _merge(
    quads: NDArray[np.float64],
    scores: NDArray[np.float64],
    threshold: float,
    merged: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> int:
    """Merge quads into the running mean; returns the number of groups."""
    work = np.empty((2, 9, 2))
    last = -1
    for i in range(len(quads)):
        joins = False
        if last >= 0:
            area, other_area = _quad_area(merged[last]), _quad_area(quads[i])
            if area > 0 and other_area > 0:  # a point has no sides to cut with
                shared = overlap.intersection_area(merged[last], quads[i], work)
                joined = area + other_area - shared
                joins = joined > 0 and shared / joined > threshold
        if not joins:
            last += 1
            merged[last] = quads[i]
            sums[last] = scores[i]
            continue
        best, least = 0, np.inf
        for turn in range(4):
            distance = 0.0
            for k in range(4):
                for axis in range(2):
                    distance += (quads[i, (k + turn) % 4, axis] - merged[last, k, axis]) ** 2
            if distance < least:
                best, least = turn, distance
        sums[last] += scores[i]
        part = scores[i] / sums[last]
        for k in range(4):
            for axis in range(2):
                step = quads[i, (k + best) % 4, axis] - merged[last, k, axis]
                merged[last, k, axis] += part * step
    return last + 1


def _merge_fast(
    quads: NDArray[Any], scores: NDArray[Any], threshold: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    merged, sums = np.empty(quads.shape), np.empty(len(quads))
    count = _merge(quads.astype(np.float64), scores.astype(np.float64), threshold, merged, sums)
    return merged[:count].astype(quads.dtype), sums[:count].astype(scores.dtype)


# --- The CUDA rung --------------------------------------------------------------------------------


def _survivors(later: Any, order: Any) -> Any:
    """Walk down the rows of bits and return the places of the survivors, by falling score."""
    count, words = later.shape
    kept = cuda.empty(count, np.uint8, like=later)
    kernel = KERNELS.kernel("sweep", Real="float")
    cuda.launch(
        kernel, 1, 256, shared_memory=8 * words, later=later, count=count, words=words, kept=kept
    )
    return order[kept.astype(bool)]


def _compare_tiles(kernel: Any, threshold: float, **items: Any) -> Any:
    """Launch a kernel that compares sorted items 64 by 64, and return the rows of bits."""
    ((name, array),) = items.items()
    xp = array_module(array)
    count = len(array)
    words = -(-count // 64)
    later = xp.zeros((count, words), np.uint64)
    cuda.launch(
        kernel,
        (words, words),
        64,
        count=count,
        threshold=threshold,
        words=words,
        later=later,
        **{name: xp.ascontiguousarray(array)},
    )
    return later


def _nms_cuda(boxes: Any, scores: Any, threshold: float) -> Any:
    order = by_falling_score(scores)
    if not len(order):
        return order
    kernel = KERNELS.kernel("suppress_boxes", Real=c_type(boxes.dtype))
    return _survivors(_compare_tiles(kernel, threshold, boxes=boxes[order]), order)


def _quad_nms_cuda(quads: Any, scores: Any, threshold: float) -> Any:
    order = by_falling_score(scores)
    if not len(order):
        return order
    kernel = overlap.KERNELS.kernel("suppress_quads", Real=c_type(quads.dtype))
    return _survivors(_compare_tiles(kernel, threshold, quads=quads[order]), order)


def _rotated_nms_cuda(boxes: Any, scores: Any, threshold: float) -> Any:
    return _quad_nms_cuda(overlap.quads_of(boxes), scores, threshold)


def _mask_nms_cuda(masks: Any, scores: Any, threshold: float) -> Any:
    xp = array_module(masks, scores)
    order = by_falling_score(scores)
    count, pixels = len(masks), math.prod(masks.shape[1:])
    if not count or not pixels:
        return order
    words = -(-pixels // 32)
    masks = xp.ascontiguousarray(masks[order]).reshape(count, pixels)
    packed = cuda.empty((count, words), np.uint32, like=masks)
    first, last = xp.full(count, words, np.int32), xp.full(count, -1, np.int32)
    cuda.launch(
        KERNELS.kernel("pack_masks", Real="float"),
        (*cuda.blocks_for(32 * words, 256 * WORDS), count),
        256,
        masks=masks,
        count=count,
        pixels=pixels,
        words=words,
        packed=packed,
        first=first,
        last=last,
    )
    later_words = -(-count // 64)
    later = xp.zeros((count, later_words), np.uint64)
    cuda.launch(
        KERNELS.kernel("suppress_masks", Real="float"),
        (*cuda.blocks_for(32 * count, 256), count),
        256,
        packed=packed,
        areas=masks.sum(axis=1, dtype=np.int32),
        first=first,
        last=last,
        count=count,
        words=words,
        threshold=threshold,
        later_words=later_words,
        later=later,
    )
    return _survivors(later, order)


def _merge_cuda(quads: Any, scores: Any, threshold: float) -> tuple[Any, Any]:
    xp = array_module(quads, scores)
    quads = xp.ascontiguousarray(quads)
    merged = cuda.empty(quads.shape, quads.dtype, like=quads)
    sums = cuda.empty(scores.shape, scores.dtype, like=quads)
    groups = xp.zeros(1, np.int32)
    cuda.launch(
        overlap.KERNELS.kernel("merge_in_order", Real=c_type(quads.dtype)),
        1,
        32,
        quads=quads,
        scores=scores,
        count=len(quads),
        threshold=threshold,
        merged=merged,
        merged_scores=sums,
        merged_count=groups,
    )
    count = int(groups[0])
    return merged[:count], sums[:count]


RUNGS = {"reference": _nms_reference, "fast": _nms_fast, "cuda": _nms_cuda}
ROTATED_RUNGS = {
    "reference": _rotated_nms_reference,
    "fast": _rotated_nms_fast,
    "cuda": _rotated_nms_cuda,
}
QUAD_RUNGS = {"reference": _quad_nms_reference, "fast": _quad_nms_fast, "cuda": _quad_nms_cuda}
MASK_RUNGS = {"reference": _mask_nms_reference, "fast": _mask_nms_fast, "cuda": _mask_nms_cuda}
LOCALITY_AWARE_RUNGS = {
    "reference": _merge_reference,
    "fast": _merge_fast,
    "cuda": _merge_cuda,
}

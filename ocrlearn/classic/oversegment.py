"""Cut a straightened text line into pieces no larger than a character, then offer runs of pieces.

Where one letter ends and the next begins cannot be told before the letters are known: ``rn`` and
``m`` have the same strokes. So the line is cut wherever a cut is cheap, too often rather than too
seldom, into *primitives*; every run of a few neighbouring primitives becomes a *candidate*
character; and the reader later chooses, among all ways to tile the line with candidates, the one
that classifier, geometry and language like best (:mod:`ocrlearn.ops.lattice`).

A cut is a path from the top of the line to its bottom. It may step one pixel sideways per row, so
that it can follow a slanted gap or creep under the overhang of an ``f``; it pays for the ink it
crosses and a little for each sideways step. The cheapest path through every column is found by
dynamic programming, from the top down and from the bottom up at once, and cuts are placed at the
local minima of that cost. Congedo, Dimauro, Impedovo and Pirlo, "Segmentation of Numeric Strings",
ICDAR 1995, let a drop of water fall through the line by local rules (*drop-fall*); the cheapest
path answers the same question with a global optimum, and a vertical cut at a projection minimum is
its special case with sideways steps forbidden.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._dispatch import pick
from ocrlearn._validate import check_image, check_number

__all__ = [
    "RUNGS",
    "Candidates",
    "Cuts",
    "candidate_windows",
    "cheapest_paths",
    "component_cuts",
    "oversegment",
    "runs_of_primitives",
    "window_start",
]

STEP_COST = 0.12
"""What one sideways step of a cut costs, in units of one pixel of full ink."""


def _paths_reference(
    ink: NDArray[np.float32], step_cost: float
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Cheapest way from the top row to each pixel, and the sideways step that led to it."""
    height, width = ink.shape
    cost = np.empty((height, width), dtype=np.float32)
    step = np.zeros((height, width), dtype=np.int8)
    for col in range(width):
        cost[0, col] = ink[0, col]
    for row in range(1, height):
        for col in range(width):
            best, came_by = cost[row - 1, col], 0
            if col > 0 and cost[row - 1, col - 1] + step_cost < best:
                best, came_by = cost[row - 1, col - 1] + step_cost, -1
            if col + 1 < width and cost[row - 1, col + 1] + step_cost < best:
                best, came_by = cost[row - 1, col + 1] + step_cost, 1
            cost[row, col] = best + ink[row, col]
            step[row, col] = came_by
    return cost, step


def _paths_fast(
    ink: NDArray[np.float32], step_cost: float
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """As the reference, one row at a time."""
    height, width = ink.shape
    cost = np.empty((height, width), dtype=np.float32)
    step = np.zeros((height, width), dtype=np.int8)
    cost[0] = ink[0]
    for row in range(1, height):
        padded = np.full(width + 2, np.inf, dtype=np.float32)
        padded[1:-1] = cost[row - 1]
        # In order of preference: straight down, from the left, from the right.
        choices = np.stack(
            [padded[1:-1], padded[:-2] + np.float32(step_cost), padded[2:] + np.float32(step_cost)]
        )
        best = np.argmin(choices, axis=0)
        cost[row] = choices[best, np.arange(width)] + ink[row]
        step[row] = np.array([0, -1, 1], dtype=np.int8)[best]
    return cost, step


RUNGS: dict[str, Callable[..., tuple[NDArray[np.float32], NDArray[np.int8]]]] = {
    "reference": _paths_reference,
    "fast": _paths_fast,
}


def cheapest_paths(
    ink: Any, step_cost: float = STEP_COST, *, rung: str | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Cost of the cheapest path from the top row down to every pixel.

    Parameters
    ----------
    ink
        ``(H, W)`` float in [0, 1], 1 = full ink; a path pays the ink of its pixels.
    step_cost
        Price of moving one column sideways between two rows.
    rung
        Force "reference" or "fast".

    Returns
    -------
    cost
        float32 ``(H, W)``, the ink of the pixel itself included.
    step
        int8 ``(H, W)``: column of the path's previous pixel, in the row above, minus the pixel's
        own column: -1, 0 or 1. On ties straight down wins, then from the left.
    """
    array = np.asarray(check_image(ink, "ink", gray=True), dtype=np.float32)
    step_cost = check_number(step_cost, "step_cost", low=0)
    return pick(RUNGS, array, rung=rung)(array, np.float32(step_cost))


@dataclass(frozen=True, eq=False)
class Cuts:
    """Cuts across a line, from left to right; primitive i lies between cuts i and i + 1.

    Attributes
    ----------
    paths
        int ``(K, H)``: in each row the first column to the right of the cut. The first cut lies
        left of all ink and the last right of it, so there are K - 1 primitives.
    costs
        float32 ``(K,)``: ink each cut runs through, in pixels.
    """

    paths: NDArray[np.intp]
    costs: NDArray[np.float32]


def _through_cost(
    ink: NDArray[np.float32], row: int, step_cost: float = STEP_COST
) -> tuple[NDArray[np.float32], Any, Any]:
    """Cost of the cheapest full path through each column of `row`, and both halves' steps."""
    above, step_above = cheapest_paths(ink[: row + 1], step_cost)
    below, step_below = cheapest_paths(ink[row:][::-1], step_cost)
    return above[-1] + below[-1] - ink[row], step_above, step_below


def _trace(steps: NDArray[np.int8], start: NDArray[np.intp]) -> NDArray[np.intp]:
    """Follow paths from `start` in the last row of `steps` back to its first, ``(H, K)``."""
    height = len(steps)
    columns = np.empty((height, len(start)), dtype=np.intp)
    columns[-1] = start
    for row in range(height - 1, 0, -1):
        columns[row - 1] = columns[row] + steps[row, columns[row]]
    return columns


def _valley_centres(cost: NDArray[np.float32]) -> NDArray[np.intp]:
    """Centres of the local minima of a profile; a flat valley has one centre."""
    change = np.flatnonzero(np.abs(np.diff(cost)) > 1e-6) + 1
    starts = np.concatenate([[0], change])
    ends = np.concatenate([change, [len(cost)]])
    level = cost[starts]
    left = np.concatenate([[np.inf], level[:-1]])
    right = np.concatenate([level[1:], [np.inf]])
    valley = (level < left) & (level < right)
    return (starts[valley] + ends[valley] - 1) // 2


def oversegment(
    ink: Any, x_height: float, baseline: float, *, max_cost: float = 0.5, min_gap: float = 0.12
) -> Cuts:
    """Cut a straightened line at every local minimum of the cheapest-path cost.

    Parameters
    ----------
    ink
        ``(H, W)`` float in [0, 1], 1 = full ink.
    x_height, baseline
        Height of an ``x`` in pixels, and the row its feet stand on.
    max_cost
        Dearest cut to make, in x-heights of full ink. A cut through the middle of an ``o`` crosses
        two strokes, about a third of the x-height.
    min_gap
        Least distance of two cuts at mid x-height, in x-heights; of two nearer ones the dearer is
        dropped.

    Returns
    -------
    Cuts
        Every primitive has ink; K is 0 if the line has none. Cuts never cross.
    """
    array = np.asarray(check_image(ink, "ink", gray=True), dtype=np.float32)
    x_height = check_number(x_height, "x_height", low=0, low_open=True)
    row = int(np.clip(round(baseline - x_height / 2), 0, len(array) - 1))
    cost, step_above, step_below = _through_cost(array, row)
    centres = _valley_centres(cost)
    centres = centres[cost[centres] <= max_cost * x_height]
    kept: list[int] = []
    for centre in centres:
        if kept and centre - kept[-1] < min_gap * x_height:
            if cost[centre] < cost[kept[-1]]:
                kept[-1] = int(centre)
        else:
            kept.append(int(centre))
    middle = np.array(kept, dtype=np.intp)
    upper = _trace(step_above, middle)
    lower = _trace(step_below, middle)[::-1]
    paths = np.concatenate([upper, lower[1:]]).T
    paths = np.maximum.accumulate(paths, axis=0) if len(paths) else paths
    return _with_ink(array, paths, cost[middle])


def _with_ink(ink: NDArray[np.float32], paths: NDArray[np.intp], costs: Any) -> Cuts:
    """Add cuts at both ends and drop those that leave a primitive without ink."""
    height, width = ink.shape
    paths = np.concatenate(
        [np.zeros((1, height), np.intp), paths, np.full((1, height), width, np.intp)]
    )
    costs = np.concatenate([[0], costs, [0]]).astype(np.float32)
    running = np.zeros((height, width + 1))
    np.cumsum(ink > 0.5, axis=1, out=running[:, 1:])
    rows = np.arange(height)
    kept: list[int] = []
    ink_before = 0.0
    for index in range(len(paths)):
        ink_left = float(running[rows, paths[index]].sum())
        if kept and ink_left == ink_before:
            # Nothing between this cut and the last: keep the cheaper, or the inner at the left end.
            if len(kept) == 1 or costs[index] < costs[kept[-1]]:
                kept[-1] = index
            continue
        kept.append(index)
        ink_before = ink_left
    if len(kept) < 2:
        kept = []
    return Cuts(paths[kept], costs[kept])


def component_cuts(ink: Any) -> Cuts:
    """Cut a line only where it is blank from top to bottom along some path.

    Each primitive is then one connected stroke with whatever stands above or below it, such as the
    dot of an ``i``: what a reader without over-segmentation would take for a character.
    """
    array = np.asarray(check_image(ink, "ink", gray=True), dtype=np.float32)
    solid = (array > 0.5).astype(np.float32)
    row = len(array) // 2
    cost, step_above, step_below = _through_cost(solid, row, 1e-3)
    middle = _valley_centres(cost)
    middle = middle[cost[middle] < 1]
    paths = np.concatenate([_trace(step_above, middle), _trace(step_below, middle)[::-1][1:]]).T
    paths = np.maximum.accumulate(paths, axis=0) if len(paths) else paths
    return _with_ink(array, paths, np.zeros(len(middle)))


@dataclass(frozen=True, eq=False)
class Candidates:
    """Runs of primitives that may be characters.

    Attributes
    ----------
    start, end
        int ``(N,)``: the run holds primitives ``start`` to ``end - 1``.
    boxes
        float32 ``(N, 4)``: left, top, right, bottom edges of the run's ink, in pixels of the strip,
        where pixel i reaches from i to i + 1.
    pieces
        float32 ``(P, 4)``: the same for each primitive.
    """

    start: NDArray[np.intp]
    end: NDArray[np.intp]
    boxes: NDArray[np.float32]
    pieces: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.start)


def primitive_boxes(ink: NDArray[np.float32], cuts: Cuts) -> NDArray[np.float32]:
    """Left, top, right and bottom edges of each primitive's ink (darker than half), ``(P, 4)``."""
    height = ink.shape[0]
    rows = np.arange(height)[:, None]
    boxes = np.zeros((max(0, len(cuts.paths) - 1), 4), dtype=np.float32)
    for index in range(len(boxes)):
        left, right = cuts.paths[index], cuts.paths[index + 1]
        first, last = int(left.min()), int(right.max())
        columns = np.arange(first, last)[None, :]
        inside = (columns >= left[:, None]) & (columns < right[:, None])
        y, x = np.nonzero(inside & (ink[:, first:last] > 0.5) & (rows >= 0))
        boxes[index] = first + x.min(), y.min(), first + x.max() + 1, y.max() + 1
    return boxes


def runs_of_primitives(
    ink: Any, cuts: Cuts, x_height: float, *, max_pieces: int = 7, max_width: float = 2.4
) -> Candidates:
    """List the runs of neighbouring primitives that may be characters.

    A run has at most `max_pieces` primitives and is at most `max_width` x-heights wide. A single
    primitive is always a candidate, however wide, so that a line can always be tiled.
    """
    array = np.asarray(check_image(ink, "ink", gray=True), dtype=np.float32)
    pieces = primitive_boxes(array, cuts)
    start, end, boxes = [], [], []
    for first in range(len(pieces)):
        left, top, right, bottom = pieces[first]
        for last in range(first, min(len(pieces), first + max_pieces)):
            left, right = min(left, pieces[last, 0]), max(right, pieces[last, 2])
            top, bottom = min(top, pieces[last, 1]), max(bottom, pieces[last, 3])
            if last > first and right - left > max_width * x_height:
                break
            start.append(first)
            end.append(last + 1)
            boxes.append((left, top, right, bottom))
    return Candidates(
        np.array(start, dtype=np.intp),
        np.array(end, dtype=np.intp),
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        pieces,
    )


def window_start(boxes: NDArray[np.float32], width: int) -> NDArray[np.intp]:
    """First column of the window `width` pixels wide that is centred on each box."""
    return np.floor((boxes[:, 0] + boxes[:, 2] - width) / 2 + 0.5).astype(np.intp)


def candidate_windows(
    ink: Any, cuts: Cuts, candidates: Candidates, width: int
) -> NDArray[np.float32]:
    """Picture of each candidate alone, as high as the line and centred on the candidate's ink.

    Returns
    -------
    array
        float32 ``(N, H, width)``; what lies beyond the candidate's own cuts is blank, and what does
        not fit into `width` is left out.
    """
    array = np.asarray(check_image(ink, "ink", gray=True), dtype=np.float32)
    height, total = array.shape
    padded = np.zeros((height, total + 2 * width), dtype=np.float32)
    padded[:, width : width + total] = array
    windows = np.zeros((len(candidates), height, width), dtype=np.float32)
    columns = np.arange(width)
    starts = window_start(candidates.boxes, width)
    for index, first in enumerate(starts):
        cut_left = cuts.paths[candidates.start[index]][:, None] - first
        cut_right = cuts.paths[candidates.end[index]][:, None] - first
        inside = (columns >= cut_left) & (columns < cut_right)
        windows[index] = padded[:, first + width : first + 2 * width] * inside
    return windows

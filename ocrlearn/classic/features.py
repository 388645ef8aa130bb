"""What the letter classifier sees of a candidate: its strokes, and its place on the line.

A letter on a straightened line has a shape and a place, and both are needed: ``o`` and ``O``,
``p`` and ``P``, a comma and an apostrophe differ only by size and height above the baseline. Three
views are put side by side:

- HoG of a window that hangs on the *line*: baseline and x-height lie in fixed rows, the candidate's
  ink is centred sideways, nothing is stretched;
- HoG of the candidate's *own box*, scaled to fill a square, which forgives a misjudged x-height;
- a few numbers in units of the x-height: top and bottom of the ink, width, and how much ink there
  is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn.classic.hog import hog_windows
from ocrlearn.classic.oversegment import Candidates, Cuts, candidate_windows, window_start

__all__ = [
    "BASELINE",
    "BOX_SIDE",
    "CONFIG",
    "STRIP_HEIGHT",
    "WINDOW_WIDTH",
    "X_HEIGHT",
    "describe",
    "normalise_contrast",
]

X_HEIGHT = 20
"""Height of an ``x`` on a straightened line, in pixels."""

BASELINE = 35
"""Row edge on which letters stand, with row 34 the last above the baseline."""

STRIP_HEIGHT = 48
"""Height of a straightened line, 1.75 x-heights above the baseline and 0.65 below."""

WINDOW_WIDTH = 48
"""Width of the window around a candidate, 2.4 x-heights, enough for W and an em dash."""

BOX_SIDE = 32
"""Side of the square to which the candidate's own box is scaled."""

CELL = 8

CONFIG = {
    "features": "line window, own box, geometry; version 3",
    "x_height": X_HEIGHT,
    "baseline": BASELINE,
    "strip_height": STRIP_HEIGHT,
    "window_width": WINDOW_WIDTH,
    "box_side": BOX_SIDE,
    "cell": CELL,
}
"""What a classifier must have been trained with to understand these features."""


def normalise_contrast(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch a line's ink so that the inside of its strokes is 1, as float32 in [0, 1].

    The ink of a blurred or faint line stays well below 1 everywhere; its strokes' level is taken
    as the 80th percentile of what is darker than 0.3 of the line's darkest.
    """
    darkest = float(ink.max(initial=0))
    if darkest <= 0:
        return np.zeros(ink.shape, dtype=np.float32)
    level = float(np.percentile(ink[ink > 0.3 * darkest], 80))
    return np.clip(ink / level, 0, 1).astype(np.float32)


def _scaled_boxes(windows: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each candidate's own box, scaled by linear interpolation to fill ``(BOX_SIDE, BOX_SIDE)``.

    A box keeps its shape up to an elongation of 2 : 1 (its shorter side is padded); stretching an
    ``l`` or a dash to a full square would blow up its edges' noise. One pixel more is shown on each
    side, so that the outermost edges are seen.
    """
    count, height, width = windows.shape
    size = np.stack([boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]], axis=1)
    shown = np.maximum(size, size.max(axis=1, keepdims=True, initial=1) / 2)
    step = (shown + 2) / BOX_SIDE
    offset = np.arange(BOX_SIDE) - (BOX_SIDE - 1) / 2
    centre_x = (boxes[:, 0] + boxes[:, 2]) / 2 - window_start(boxes, width) - 0.5
    centre_y = (boxes[:, 1] + boxes[:, 3]) / 2 - 0.5
    x = centre_x[:, None] + step[:, :1] * offset
    y = centre_y[:, None] + step[:, 1:] * offset
    x0, y0 = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right_share, lower_share = (x - x0)[:, None, :], (y - y0)[:, :, None]
    padded = np.pad(windows, ((0, 0), (1, 2), (1, 2)))  # blank all round, and one to the right
    n = np.arange(count)[:, None, None]
    row = np.clip(y0 + 1, 0, height + 1)[:, :, None]
    col = np.clip(x0 + 1, 0, width + 1)[:, None, :]
    upper = padded[n, row, col] * (1 - right_share) + padded[n, row, col + 1] * right_share
    lower = padded[n, row + 1, col] * (1 - right_share) + padded[n, row + 1, col + 1] * right_share
    return (upper * (1 - lower_share) + lower * lower_share).astype(np.float32)


def _geometry(
    windows: NDArray[np.float32], cuts: Cuts, candidates: Candidates
) -> NDArray[np.float32]:
    """Place, size, ink and cuts of each candidate in units of the x-height, and their squares.

    A cut through ink is often a wrong one, and a wide gap inside a candidate means that it is more
    than one character, unless it is a quotation mark.
    """
    left, top, right, bottom = candidates.boxes.T
    ink = windows.sum(axis=(1, 2))
    width, height = right - left, bottom - top
    gaps = np.maximum(0, candidates.pieces[1:, 0] - candidates.pieces[:-1, 2])
    inner_gap = np.zeros(len(candidates), dtype=np.float32)
    inner_cut = np.full(len(candidates), 0.5 * X_HEIGHT, dtype=np.float32)
    for index, (start, end) in enumerate(zip(candidates.start, candidates.end, strict=True)):
        if end - start > 1:
            inner_gap[index] = gaps[start : end - 1].max()
            inner_cut[index] = cuts.costs[start + 1 : end].min()
    numbers = np.stack(
        [
            (BASELINE - top) / X_HEIGHT,
            (bottom - BASELINE) / X_HEIGHT,
            width / X_HEIGHT,
            height / X_HEIGHT,
            ink / X_HEIGHT**2,
            ink / np.maximum(1, width * height),
            np.log(np.maximum(1, width) / np.maximum(1, height)),
            np.minimum(inner_gap / X_HEIGHT, 1),
            inner_cut / X_HEIGHT,
            cuts.costs[candidates.start] / X_HEIGHT,
            cuts.costs[candidates.end] / X_HEIGHT,
        ],
        axis=1,
    )
    return np.concatenate([numbers, numbers**2], axis=1).astype(np.float32)


def describe(ink: Any, cuts: Cuts, candidates: Candidates) -> NDArray[np.float32]:
    """Feature vectors of all candidates of a straightened line.

    Parameters
    ----------
    ink
        ``(STRIP_HEIGHT, W)`` float in [0, 1], 1 = full ink, with the baseline at :data:`BASELINE`
        and an x-height of :data:`X_HEIGHT` pixels.
    cuts, candidates
        From :mod:`ocrlearn.classic.oversegment`.

    Returns
    -------
    array
        float32 ``(N, D)``.
    """
    windows = candidate_windows(ink, cuts, candidates, WINDOW_WIDTH)
    boxes = candidates.boxes
    on_line = hog_windows(windows, cell=CELL).reshape(len(windows), -1)
    in_box = hog_windows(_scaled_boxes(windows, boxes), cell=CELL).reshape(len(windows), -1)
    return np.concatenate([on_line, in_box, _geometry(windows, cuts, candidates)], axis=1)

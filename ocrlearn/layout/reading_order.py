"""Put the lines of a page into the order in which they are read.

Two rules say which of two lines comes first, and they suffice for columns, headings across columns
and captions: a line comes before another that lies *below it and shares some of its width*; and a
line wholly to the *left* of another comes first, unless some line between the two in height reaches
over both, as a heading across two columns does. The rules give a partial order, which is completed
by topological sorting.

Thomas M. Breuel, "High Performance Document Layout Analysis", Symposium on Document Image
Understanding Technology, 2003.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["reading_order"]


def _comes_before(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Matrix of the two rules: entry (a, b) says that a is read before b."""
    x0, y0, x1, y1 = boxes.T
    middle = (y0 + y1) / 2
    share_width = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0) > 0
    before = share_width & (middle[:, None] < middle)
    left_of = ~share_width & (x0[:, None] < x0)
    for a, b in zip(*np.nonzero(left_of), strict=True):
        low, high = sorted((middle[a], middle[b]))
        between = (middle > low) & (middle < high)
        over_both = share_width[a] & share_width[b] & between
        if not over_both.any():
            before[a, b] = True
    return before


def reading_order(boxes: Any) -> list[int]:
    """Order of the lines with the given boxes.

    Parameters
    ----------
    boxes
        ``(N, 4)``: ``(x0, y0, x1, y1)`` of each line, on a page held level.

    Returns
    -------
    list of int
        Indices of the lines, first to last. Where the rules contradict each other, as on a page
        without clear columns, the topmost of the lines in question goes first.
    """
    array = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    if not np.isfinite(array).all():
        raise ValueError("boxes must be finite, got NaN or infinity")
    before = _comes_before(array)
    waiting_for = before.sum(axis=0)
    left = set(range(len(array)))
    order: list[int] = []
    while left:
        free = [index for index in left if waiting_for[index] == 0]
        # Of the free lines follow the leftmost column, from its top.
        candidates = free or [min(left, key=lambda i: (waiting_for[i], array[i, 1]))]
        chosen = min(candidates, key=lambda i: (array[i, 1], array[i, 0]))
        order.append(chosen)
        left.remove(chosen)
        waiting_for -= before[chosen]
    return order

"""Histograms of oriented gradients: where the edges of a window lie and which way they run.

A character is recognised by its strokes, and strokes are edges with a place and a direction. HoG
writes down just that: the window is divided into *cells*, each cell keeps a histogram of gradient
directions weighted by gradient magnitude, and neighbouring cells, grouped into overlapping
*blocks*, are normalised together, so that a faint print and a dark one give the same numbers.

Navneet Dalal and Bill Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
The details that make it work are all here: gradients by [-1, 0, 1] without smoothing; the channel
of largest gradient in colour images; votes shared linearly between the two nearest orientations and
the four nearest cells (*trilinear* voting); a Gaussian window over each block; L2-Hys normalisation
(unit length, clip, unit length again).

Deviations from the paper
-------------------------
None in the algorithm. The paper's detector looks at 64 x 128 windows of people; window, cell and
block sizes are parameters here, because letters are smaller.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._dispatch import pick
from ocrlearn._validate import check_image, check_number
from ocrlearn.image.convert import to_float

__all__ = ["RUNGS", "hog", "hog_windows", "image_gradient"]


def image_gradient(image: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Horizontal and vertical gradient of an image by the centred difference [-1, 0, 1].

    Parameters
    ----------
    image
        ``(H, W)`` gray or ``(H, W, 3)`` RGB, uint8, bool or float in [0, 1].

    Returns
    -------
    dx, dy
        float32, ``(H, W)``: of the channel whose gradient is longest where there are three. On the
        border, where one neighbour is missing, the image is mirrored about its outermost pixels, so
        the component across the border is 0.
    """
    values = np.asarray(to_float(image), dtype=np.float32)
    dx, dy = np.zeros_like(values), np.zeros_like(values)
    dx[:, 1:-1] = values[:, 2:] - values[:, :-2]
    dy[1:-1] = values[2:] - values[:-2]
    if values.ndim == 3:
        strongest = np.argmax(dx * dx + dy * dy, axis=2)[:, :, None]
        dx = np.take_along_axis(dx, strongest, axis=2)[:, :, 0]
        dy = np.take_along_axis(dy, strongest, axis=2)[:, :, 0]
    return dx, dy


def _bell(side: int, sigma: float) -> NDArray[np.float32]:
    """Gaussian over the `side` pixels of a block: pixels near its edge count less."""
    offset = np.arange(side) - (side - 1) / 2
    return np.exp(-(offset**2) / (2 * sigma**2)).astype(np.float32)


def _vote_reference(
    dx: NDArray[np.float32],
    dy: NDArray[np.float32],
    out: NDArray[np.float32],
    bell: NDArray[np.float32],
    cell: int,
    span: float,
) -> None:
    """Fill the block histograms `out` ``(N, rows, cols, block, block, bins)`` of N windows.

    `dx` and `dy` are ``(N, H, W)``, `bell` is the Gaussian along one side of a block and `span` is
    pi for unsigned directions (a stroke's two edges count as one direction) or 2 pi for signed.
    """
    count, block_rows, block_cols, block, _, bins = out.shape
    side = block * cell
    for n in range(count):
        for block_row in range(block_rows):
            for block_col in range(block_cols):
                for row in range(side):
                    for col in range(side):
                        gx = dx[n, block_row * cell + row, block_col * cell + col]
                        gy = dy[n, block_row * cell + row, block_col * cell + col]
                        if gx == 0.0 and gy == 0.0:
                            continue
                        weight = math.sqrt(gx * gx + gy * gy) * bell[row] * bell[col]
                        # Positions in units of bins and cells, whole at bin and cell centres.
                        turn = (math.atan2(gy, gx) % span) / span * bins - 0.5
                        down = (row + 0.5) / cell - 0.5
                        right = (col + 0.5) / cell - 0.5
                        bin0, row0, col0 = math.floor(turn), math.floor(down), math.floor(right)
                        for b in range(2):
                            share_b = 1.0 - abs(turn - (bin0 + b))
                            for i in range(2):
                                if not 0 <= row0 + i < block:
                                    continue
                                share_i = 1.0 - abs(down - (row0 + i))
                                for j in range(2):
                                    if not 0 <= col0 + j < block:
                                        continue
                                    share_j = 1.0 - abs(right - (col0 + j))
                                    out[
                                        n,
                                        block_row,
                                        block_col,
                                        row0 + i,
                                        col0 + j,
                                        (bin0 + b) % bins,
                                    ] += weight * share_b * share_i * share_j


def _shares_along(
    pixels: int, blocks: int, block: int, bell: NDArray[np.float32], cell: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each pixel row, the rows of cells it votes for and how much; the same for columns.

    Trilinear voting and the Gaussian are products of a share along y and one along x, so both can
    be tabulated. Cell rows are numbered ``block index * block + cell in block``; a pixel lies in at
    most `block` blocks and votes for at most two cells in each. Unused places hold -1.
    """
    places = np.full((pixels, 2 * block), -1, dtype=np.int64)
    shares = np.zeros((pixels, 2 * block), dtype=np.float32)
    for pixel in range(pixels):
        found = 0
        for index in range(blocks):
            inside = pixel - index * cell
            if not 0 <= inside < block * cell:
                continue
            position = (inside + 0.5) / cell - 0.5
            for near in (math.floor(position), math.floor(position) + 1):
                if 0 <= near < block:
                    places[pixel, found] = index * block + near
                    shares[pixel, found] = (1 - abs(position - near)) * bell[inside]
                    found += 1
    return places, shares


def _cast_votes(
    dx: NDArray[np.float32],
    dy: NDArray[np.float32],
    cells: NDArray[np.float32],
    down: NDArray[np.int64],
    down_share: NDArray[np.float32],
    right: NDArray[np.int64],
    right_share: NDArray[np.float32],
    span: float,
) -> None:
    """Add every pixel's votes to `cells` ``(N, cell rows, cell columns, bins)``; compiled."""
    count, height, width = dx.shape
    bins = cells.shape[3]
    for n in range(count):
        for row in range(height):
            for col in range(width):
                gx, gy = dx[n, row, col], dy[n, row, col]
                if gx == 0.0 and gy == 0.0:
                    continue
                magnitude = math.sqrt(gx * gx + gy * gy)
                turn = (math.atan2(gy, gx) % span) / span * bins - 0.5
                lower = math.floor(turn)
                upper_vote = (turn - lower) * magnitude
                lower_vote = magnitude - upper_vote
                bin0, bin1 = lower % bins, (lower + 1) % bins
                for i in range(down.shape[1]):
                    if down[row, i] < 0:
                        break
                    for j in range(right.shape[1]):
                        if right[col, j] < 0:
                            break
                        share = down_share[row, i] * right_share[col, j]
                        cells[n, down[row, i], right[col, j], bin0] += share * lower_vote
                        cells[n, down[row, i], right[col, j], bin1] += share * upper_vote


_compiled: Callable[..., None] | None = None


def _vote_fast(
    dx: NDArray[np.float32],
    dy: NDArray[np.float32],
    out: NDArray[np.float32],
    bell: NDArray[np.float32],
    cell: int,
    span: float,
) -> None:
    """As the reference, with tabulated shares; compiled by Numba on first use."""
    global _compiled
    if _compiled is None:
        from numba import njit

        _compiled = njit(cache=True, nogil=True)(_cast_votes)
    count, rows, cols, block, _, bins = out.shape
    cells = np.zeros((count, rows * block, cols * block, bins), dtype=np.float32)
    down = _shares_along(dx.shape[1], rows, block, bell, cell)
    right = _shares_along(dx.shape[2], cols, block, bell, cell)
    _compiled(dx, dy, cells, *down, *right, span)
    out[:] = cells.reshape(count, rows, block, cols, block, bins).transpose(0, 1, 3, 2, 4, 5)


RUNGS: dict[str, Callable[..., None]] = {"reference": _vote_reference, "fast": _vote_fast}


def _normalise(histograms: NDArray[np.float32], clip: float, epsilon: float) -> None:
    """L2-Hys, in place: each block to unit length, no entry above `clip`, unit length again."""
    for limit in (clip, np.inf):
        length = np.sqrt(np.sum(histograms**2, axis=(-3, -2, -1), keepdims=True) + epsilon**2)
        histograms /= length
        np.minimum(histograms, limit, out=histograms)


def _describe(
    dx: NDArray[np.float32],
    dy: NDArray[np.float32],
    *,
    cell: int,
    block: int,
    bins: int,
    signed: bool,
    sigma: float | None,
    clip: float,
    epsilon: float,
    rung: str | None,
) -> NDArray[np.float32]:
    cell = int(check_number(cell, "cell", low=2, integer=True))
    block = int(check_number(block, "block", low=1, integer=True))
    bins = int(check_number(bins, "bins", low=2, integer=True))
    clip = check_number(clip, "clip", low=0, low_open=True)
    epsilon = check_number(epsilon, "epsilon", low=0, low_open=True)
    if sigma is None:
        sigma = block * cell / 2
    sigma = check_number(sigma, "sigma", low=0, low_open=True)
    count, height, width = dx.shape
    rows, cols = height // cell - block + 1, width // cell - block + 1
    if rows < 1 or cols < 1:
        raise ValueError(
            f"a window must hold at least one block of {block * cell} x {block * cell} pixels, "
            f"got {height} x {width}"
        )
    histograms = np.zeros((count, rows, cols, block, block, bins), dtype=np.float32)
    span = 2 * math.pi if signed else math.pi
    vote = pick(RUNGS, dx, dy, rung=rung)
    vote(dx, dy, histograms, _bell(block * cell, sigma), cell, span)
    _normalise(histograms, clip, epsilon)
    return histograms


def hog(
    image: Any,
    *,
    cell: int = 8,
    block: int = 2,
    bins: int = 9,
    signed: bool = False,
    sigma: float | None = None,
    clip: float = 0.2,
    epsilon: float = 1e-2,
    rung: str | None = None,
) -> NDArray[np.float32]:
    """Describe one window by its histograms of oriented gradients.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, uint8, bool or float in [0, 1]. Rows and columns beyond the
        last whole cell are not looked at.
    cell
        Side of a cell in pixels.
    block
        Side of a block in cells. Blocks overlap: each begins one cell after the last.
    bins
        Number of directions.
    signed
        Whether a dark-to-light edge differs from a light-to-dark one. The paper found it best not
        to tell them apart (directions over half a turn).
    sigma
        Of the Gaussian over each block, in pixels; half the side of a block by default, as in the
        paper.
    clip
        Largest entry after the first normalisation: one strong edge may not drown the others.
    epsilon
        Gradient length, for images in [0, 1], below which a block counts as blank.
    rung
        Force "reference" or "fast".

    Returns
    -------
    array
        float32 ``(rows, cols, block, block, bins)``: rows and columns of blocks, rows and columns
        of cells within the block, directions. Flatten it for a classifier. The paper's 64 x 128
        window gives 15 * 7 * 2 * 2 * 9 = 3780 numbers.

    Raises
    ------
    TypeError, ValueError
        For anything that is no image, an image smaller than a block, or a parameter out of range.

    References
    ----------
    Navneet Dalal and Bill Triggs, "Histograms of Oriented Gradients for Human Detection",
    CVPR 2005.
    """
    dx, dy = image_gradient(check_image(image))
    return _describe(
        dx[None],
        dy[None],
        cell=cell,
        block=block,
        bins=bins,
        signed=signed,
        sigma=sigma,
        clip=clip,
        epsilon=epsilon,
        rung=rung,
    )[0]


def hog_windows(
    windows: Any,
    *,
    cell: int = 8,
    block: int = 2,
    bins: int = 9,
    signed: bool = False,
    sigma: float | None = None,
    clip: float = 0.2,
    epsilon: float = 1e-2,
    rung: str | None = None,
) -> NDArray[np.float32]:
    """Describe a stack of gray windows of equal size at once, as :func:`hog` describes one.

    Parameters
    ----------
    windows
        ``(N, H, W)`` floats; N may be 0.

    Returns
    -------
    array
        float32 ``(N, rows, cols, block, block, bins)``.
    """
    stack = np.ascontiguousarray(windows, dtype=np.float32)
    if stack.ndim != 3:
        raise ValueError(f"windows must have shape (N, H, W), got {stack.shape}")
    dx, dy = np.zeros_like(stack), np.zeros_like(stack)
    dx[:, :, 1:-1] = stack[:, :, 2:] - stack[:, :, :-2]
    dy[:, 1:-1] = stack[:, 2:] - stack[:, :-2]
    return _describe(
        dx,
        dy,
        cell=cell,
        block=block,
        bins=bins,
        signed=signed,
        sigma=sigma,
        clip=clip,
        epsilon=epsilon,
        rung=rung,
    )

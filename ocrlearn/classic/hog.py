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

A vote's share along y and its share along x are independent of each other. The fast rung uses that:
it collects the votes of one row of pixels in the columns of cells, and adds the finished row, as a
whole, to the rows of cells it belongs to. The CUDA kernel (``hog.cu``) does the same in shared
memory.

Deviations from the paper
-------------------------
None in the algorithm. The paper's detector looks at 64 x 128 windows of people; window, cell and
block sizes are parameters here, because letters are smaller.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, as_array, is_cupy, pick
from ocrlearn._validate import check_number
from ocrlearn.image.convert import to_float

__all__ = ["KERNELS", "RUNGS", "hog", "hog_reference", "hog_windows", "image_gradient"]

KERNELS = cuda.KernelFile.beside(__file__)


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
    return _gradient(np.asarray(to_float(image), dtype=np.float32))


def _gradient(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
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


def _normalise(histograms: NDArray[np.float32], clip: float, epsilon: float) -> None:
    """L2-Hys, in place: each block to unit length, no entry above `clip`, unit length again."""
    for limit in (clip, np.inf):
        length = np.sqrt(np.sum(histograms**2, axis=(-3, -2, -1), keepdims=True) + epsilon**2)
        histograms /= length
        np.minimum(histograms, limit, out=histograms)


def _block_counts(shape: tuple[int, ...], cell: int, block: int) -> tuple[int, int]:
    """How many rows and columns of blocks windows ``(N, H, W, C)`` hold."""
    return shape[1] // cell - block + 1, shape[2] // cell - block + 1


def hog_reference(
    windows: NDArray[np.float32],
    cell: int,
    block: int,
    bins: int,
    signed: bool,
    sigma: float,
    clip: float,
    epsilon: float,
) -> NDArray[np.float32]:
    """Gradients, votes and normalisation of ``(N, H, W, C)`` windows, one step after the other."""
    shape = (len(windows), *_block_counts(windows.shape, cell, block), block, block, bins)
    histograms = np.zeros(shape, np.float32)
    if len(windows) == 0:
        return histograms
    dx, dy = (np.stack(parts) for parts in zip(*map(_gradient, windows), strict=True))
    span = 2 * math.pi if signed else math.pi
    _vote_reference(dx, dy, histograms, _bell(block * cell, sigma), cell, span)
    _normalise(histograms, clip, epsilon)
    return histograms


def _shares(cell: int, block: int, sigma: float) -> NDArray[np.float32]:
    """``(block, block * cell)``: what each pixel along a block's side gives each cell along it.

    Voting shared between the nearest cells and the Gaussian are products of a share along y and one
    along x; the table serves both.
    """
    inside = np.arange(block * cell)
    distance = np.abs((inside + 0.5) / cell - 0.5 - np.arange(block)[:, None])
    return (np.maximum(1 - distance, 0) * _bell(block * cell, sigma)).astype(np.float32)


def _shares_of_pixels(
    pixels: int, blocks: int, shares: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """For each pixel along an axis, the places it gives to, and its shares; -1 ends the places.

    Cells are counted once for each block they are in: place ``block * index + cell``. A pixel lies
    in at most `block` blocks and gives to at most two cells of each.
    """
    block, side = shares.shape
    cell = side // block
    places = np.full((pixels, 2 * block + 1), -1, np.int32)
    of_pixels = np.zeros((pixels, 2 * block + 1), np.float32)
    found = np.zeros(pixels, np.intp)
    pixel = np.arange(pixels)
    for back in reversed(range(block)):  # the block that began `back` cells ago
        index = pixel // cell - back
        exists = (index >= 0) & (index < blocks)
        for near in range(block):
            share = shares[near, pixel % cell + back * cell]
            giving = np.flatnonzero(exists & (share > 0))
            places[giving, found[giving]] = index[giving] * block + near
            of_pixels[giving, found[giving]] = share[giving]
            found[giving] += 1
    return places, of_pixels


# atan(q) = pi (a0 q + a1 q**3 + ... + a8 q**17) for 0 <= q <= 1, to within 6e-9: a least-squares
# fit at Chebyshev nodes, its weights moved to where the error was largest. Unlike math.atan2 it can
# be computed for many pixels at once.
_ARCTANGENT = np.array(
    [
        *(0.31830985, -0.106100951, 0.0636171135, -0.0450765695, 0.0334191054),
        *(-0.0230291169, 0.012662594, -0.00458400064, 0.000781977417),
    ],
    np.float32,
)


@njit(cache=True, nogil=True, error_model="numpy")
def _row_gradient(
    window: NDArray[np.float32], y: int, gx: NDArray[np.float32], gy: NDArray[np.float32]
) -> None:
    """Gradient along row `y` of a window ``(H, W, C)``, of the channel where it is longest."""
    height, width, channels = window.shape
    zero = np.float32(0)
    vertical = np.float32(1) if 0 < y < height - 1 else zero  # none across the border
    gx[:], gy[:] = zero, zero
    for channel in range(channels):
        here = window[y, :, channel]
        above, below = window[max(y - 1, 0), :, channel], window[min(y + 1, height - 1), :, channel]
        if channel == 0:
            for x in range(width - 2):
                gx[x + 1] = here[x + 2] - here[x]
            for x in range(width):
                gy[x] = (below[x] - above[x]) * vertical
            continue
        for x in range(width):
            dx = here[x + 1] - here[x - 1] if 0 < x < width - 1 else zero
            dy = (below[x] - above[x]) * vertical
            if dx * dx + dy * dy > gx[x] * gx[x] + gy[x] * gy[x]:
                gx[x], gy[x] = dx, dy


@njit(cache=True, nogil=True, error_model="numpy")
def _row_votes(
    gx: NDArray[np.float32],
    gy: NDArray[np.float32],
    bins: int,
    signed: bool,
    lower_bin: NDArray[np.int32],
    lower_vote: NDArray[np.float32],
    upper_vote: NDArray[np.float32],
) -> None:
    """Share each gradient's length between the two bins nearest to its direction.

    There is neither a branch nor a call in the loop, and a division by zero does not raise, so that
    the compiler can work on several pixels at once.
    """
    zero, half, one, two = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
    tiny = np.float32(1e-30)
    half_turn = np.float32(bins / 2 if signed else bins)  # in bins
    for x in range(gx.size):
        dx, dy = abs(gx[x]), abs(gy[x])
        ratio = min(dx, dy) / max(dx, dy, tiny)
        square = ratio * ratio
        turn = _ARCTANGENT[8] * square + _ARCTANGENT[7]
        turn = turn * square + _ARCTANGENT[6]
        turn = turn * square + _ARCTANGENT[5]
        turn = turn * square + _ARCTANGENT[4]
        turn = turn * square + _ARCTANGENT[3]
        turn = turn * square + _ARCTANGENT[2]
        turn = turn * square + _ARCTANGENT[1]
        turn = (turn * square + _ARCTANGENT[0]) * ratio  # in half turns, at most 1 / 4
        turn = half - turn if dy > dx else turn
        if signed:
            turn = one - turn if gx[x] < zero else turn
            turn = two - turn if gy[x] < zero else turn
        else:
            turn = one - turn if (gx[x] < zero) != (gy[x] < zero) else turn
        position = turn * half_turn - half  # whole at the centres of bins
        lower = np.floor(position)
        length = np.sqrt(dx * dx + dy * dy)
        upper = length * (position - lower)
        lower_bin[x] = np.int32(lower)
        upper_vote[x] = upper
        lower_vote[x] = length - upper


@njit(cache=True, nogil=True, error_model="numpy")
def _collect_row(
    bins: int,
    lower_bin: NDArray[np.int32],
    lower_vote: NDArray[np.float32],
    upper_vote: NDArray[np.float32],
    places: NDArray[np.int32],
    shares: NDArray[np.float32],
    of_row: NDArray[np.float32],
) -> None:
    """Collect the votes of a row of pixels in the columns of cells."""
    of_row[:] = np.float32(0)
    for x in range(lower_bin.size):
        bin0 = lower_bin[x] if lower_bin[x] >= 0 else bins - 1
        bin1 = lower_bin[x] + 1 if lower_bin[x] + 1 < bins else 0
        low, high = lower_vote[x], upper_vote[x]
        i = 0
        while places[x, i] >= 0:
            first, share = places[x, i] * bins, shares[x, i]
            of_row[first + bin0] += share * low
            of_row[first + bin1] += share * high
            i += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _normalise_block(
    cells: NDArray[np.float32], clip: np.float32, epsilon: np.float32, out: NDArray[np.float32]
) -> None:
    """L2-Hys: copy the cells of a block to `out`, both ``(block, block * bins)``, normalised."""
    rows, length = cells.shape
    one = np.float32(1)
    total = epsilon * epsilon
    for i in range(rows):
        for k in range(length):
            total += cells[i, k] * cells[i, k]
    scale = one / np.sqrt(total)
    total = epsilon * epsilon
    for i in range(rows):
        for k in range(length):
            entry = min(cells[i, k] * scale, clip)
            out[i, k] = entry
            total += entry * entry
    scale = one / np.sqrt(total)
    for i in range(rows):
        for k in range(length):
            out[i, k] *= scale


@njit(cache=True, nogil=True, error_model="numpy")
def _describe_windows(
    windows: NDArray[np.float32],
    bins: int,
    signed: bool,
    down: NDArray[np.int32],
    down_shares: NDArray[np.float32],
    right: NDArray[np.int32],
    right_shares: NDArray[np.float32],
    clip: np.float32,
    epsilon: np.float32,
    out: NDArray[np.float32],
) -> None:
    """Fill `out` ``(N, rows, cols, block, block, bins)``; the tables: `_shares_of_pixels`."""
    count, height, width, _ = windows.shape
    _, rows, cols, block, _, _ = out.shape
    gx, gy = np.empty(width, np.float32), np.empty(width, np.float32)
    lower_bin = np.empty(width, np.int32)
    lower_vote, upper_vote = np.empty(width, np.float32), np.empty(width, np.float32)
    of_row = np.empty(cols * block * bins, np.float32)
    cells = np.empty((rows * block, cols * block * bins), np.float32)
    for n in range(count):
        cells[:] = np.float32(0)
        for y in range(height):
            if down[y, 0] < 0:
                continue
            _row_gradient(windows[n], y, gx, gy)
            _row_votes(gx, gy, bins, signed, lower_bin, lower_vote, upper_vote)
            _collect_row(bins, lower_bin, lower_vote, upper_vote, right, right_shares, of_row)
            i = 0
            while down[y, i] >= 0:
                row, share = cells[down[y, i]], down_shares[y, i]
                for k in range(of_row.size):
                    row[k] += share * of_row[k]
                i += 1
        length = block * bins
        for r in range(rows):
            for c in range(cols):
                here = cells[r * block : (r + 1) * block, c * length : (c + 1) * length]
                _normalise_block(here, clip, epsilon, out[n, r, c].reshape(block, length))


def _hog_fast(
    windows: NDArray[np.float32],
    cell: int,
    block: int,
    bins: int,
    signed: bool,
    sigma: float,
    clip: float,
    epsilon: float,
) -> NDArray[np.float32]:
    count, height, width, _ = windows.shape
    rows, cols = _block_counts(windows.shape, cell, block)
    shares = _shares(cell, block, sigma)
    down = _shares_of_pixels(height, rows, shares)
    right = _shares_of_pixels(width, cols, shares)
    out = np.empty((count, rows, cols, block, block, bins), np.float32)
    limits = np.float32(clip), np.float32(epsilon)
    _describe_windows(np.ascontiguousarray(windows), bins, signed, *down, *right, *limits, out)
    return out


def _tiling(cell: int, block: int, bins: int, largest: int) -> tuple[int, int] | None:
    """Blocks along a side of a tile, and pixel rows of a band, for which shared memory suffices."""
    for tile in (8, 4, 2, 1):
        if tile > 1 and tile // 2 >= largest:
            continue  # half of it would hold the whole window
        for band in (16, 4, 1):
            pixels = band * ((tile + block - 1) * cell | 1) * 2
            of_rows = tile * block * band * (bins | 1)
            of_blocks = tile**2 * block**2 * bins
            shares = block**2 * cell
            if 4 * (pixels + of_rows + of_blocks + shares) <= cuda.DEFAULT_SHARED_MEMORY:
                return tile, band
    return None


def _hog_cuda(
    windows: Any,
    cell: int,
    block: int,
    bins: int,
    signed: bool,
    sigma: float,
    clip: float,
    epsilon: float,
) -> Any:
    xp = array_module(windows)
    count, height, width, channels = windows.shape
    rows, cols = _block_counts(windows.shape, cell, block)
    tiling = _tiling(cell, block, bins, max(rows, cols))
    if tiling is None:
        raise ValueError(
            f"a block of {block * cell} x {block * cell} pixels with {bins} bins is too large "
            "for the cuda rung; make cell, block or bins smaller"
        )
    tile, band = tiling
    out = cuda.empty((count, rows, cols, block, block, bins), np.float32, like=windows)
    sizes = {"CELL": cell, "BLOCK": block, "BINS": bins, "TILE": tile, "BAND": band}
    across, down = cuda.blocks_for((cols, rows), (tile, tile))
    cuda.launch(
        KERNELS.kernel("describe", CHANNELS=channels, SIGNED=int(signed), **sizes),
        across * down * count,
        256,
        windows=xp.ascontiguousarray(windows),
        shares=xp.asarray(_shares(cell, block, sigma)),
        count=count,
        height=height,
        width=width,
        rows=rows,
        cols=cols,
        clip=clip,
        epsilon=epsilon,
        blocks=out,
    )
    return out


RUNGS: dict[str, Callable[..., Any]] = {
    "reference": hog_reference,
    "fast": _hog_fast,
    "cuda": _hog_cuda,
}


def _describe(
    windows: Any,
    *,
    cell: int,
    block: int,
    bins: int,
    signed: bool,
    sigma: float | None,
    clip: float,
    epsilon: float,
    rung: str | None,
) -> Any:
    """Check the parameters, and describe ``(N, H, W, C)`` float32 windows."""
    cell = int(check_number(cell, "cell", low=2, integer=True))
    block = int(check_number(block, "block", low=1, integer=True))
    bins = int(check_number(bins, "bins", low=2, integer=True))
    clip = check_number(clip, "clip", low=0, low_open=True)
    epsilon = check_number(epsilon, "epsilon", low=0, low_open=True)
    if not isinstance(signed, bool | np.bool_):
        raise TypeError(f"signed must be True or False, got {signed!r}")
    if sigma is None:
        sigma = block * cell / 2
    sigma = check_number(sigma, "sigma", low=0, low_open=True)
    _, height, width, _ = windows.shape
    if min(_block_counts(windows.shape, cell, block)) < 1:
        raise ValueError(
            f"a window must hold at least one block of {block * cell} x {block * cell} pixels, "
            f"got {height} x {width}"
        )
    describe = pick(RUNGS, windows, rung=rung)
    return describe(windows, cell, block, bins, bool(signed), sigma, clip, epsilon)


def _to_float32(image: Any) -> Any:
    """Check an image and return it as float32 in [0, 1]."""
    return to_float(image).astype(np.float32, copy=False)


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
        ``(H, W)`` or ``(H, W, 3)``, uint8, bool or float in [0, 1], NumPy or CuPy. Rows and columns
        beyond the last whole cell are not looked at. Whether the values of a CuPy array are in
        range is not checked.
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
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`. They agree to 1e-5.

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
    values = _to_float32(image)
    return _describe(
        values.reshape(1, *values.shape[:2], -1),
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
        ``(N, H, W)`` floats, NumPy or CuPy; N may be 0. That they are finite is checked for NumPy
        arrays only.
    cell, block, bins, signed, sigma, clip, epsilon, rung
        As for :func:`hog`.

    Returns
    -------
    array
        float32 ``(N, rows, cols, block, block, bins)``.

    Raises
    ------
    TypeError, ValueError
        If `windows` is no such stack, holds NaN or infinity, or as for :func:`hog`.
    """
    stack = as_array(windows)
    if stack.ndim != 3:
        raise ValueError(f"windows must have shape (N, H, W), got {stack.shape}")
    if stack.dtype.kind != "f":
        raise TypeError(f"windows must be floating, got dtype {stack.dtype}")
    if not is_cupy(stack) and not np.isfinite(stack).all():
        raise ValueError("windows must be finite, got NaN or infinity")
    return _describe(
        stack.astype(np.float32, copy=False)[:, :, :, None],
        cell=cell,
        block=block,
        bins=bins,
        signed=signed,
        sigma=sigma,
        clip=clip,
        epsilon=epsilon,
        rung=rung,
    )

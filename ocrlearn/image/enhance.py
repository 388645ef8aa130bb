"""Enhancement: stretch the contrast and even out the light before anything is read.

Two families, for two faults of a photographed page. *Histogram* methods spend the 256 grey levels
where the image has its pixels: :func:`equalize_histogram` once for the whole image, :func:`clahe`
tile by tile and with a bound on how steep the mapping may become. *Illumination* methods take the
image for a product of light and reflectance and remove the light: :func:`divide_background` knows
that the reflectance is a page (bright paper, thin ink), :func:`single_scale_retinex` and
:func:`multi_scale_retinex` know only that light changes slowly.

The functions named ``*_reference`` are the algorithms as they are explained, on arguments that have
been checked already; the public functions check, convert and call them.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ocrlearn._dispatch import pick
from ocrlearn._validate import check_image, check_number, check_odd_window
from ocrlearn.image.convert import to_float, to_gray, to_uint8

__all__ = [
    "RUNGS",
    "clahe",
    "clahe_reference",
    "clip_histogram_reference",
    "divide_background",
    "divide_background_reference",
    "equalize_histogram",
    "equalize_histogram_reference",
    "estimate_background",
    "estimate_background_reference",
    "gaussian_surround_reference",
    "multi_scale_retinex",
    "retinex_reference",
    "single_scale_retinex",
    "tile_neighbours_reference",
]

Floats = NDArray[np.floating[Any]]

HALF_LEVEL = 1 / 510
"""Half of one of 255 grey levels. Darker pixels are raised to it before a division or logarithm."""


PIXELS_PER_THREAD = 2**18
"""Least number of pixels worth a thread of its own."""


# --- Histogram equalisation ----------------------------------------------------------------------


def equalize_histogram_reference(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Send every grey level to the fraction of the pixels that are not brighter than it."""
    counts = np.bincount(gray.ravel(), minlength=256)
    cumulative = np.cumsum(counts)
    darkest = cumulative[gray.min()]  # how many pixels have the darkest level present
    if darkest == gray.size:
        return gray.copy()  # a constant image: there is nothing to stretch
    level_map = (cumulative - darkest) * (255 / (gray.size - darkest))
    return np.round(np.maximum(level_map, 0)).astype(np.uint8)[gray]


def equalize_histogram(image: Any) -> NDArray[np.uint8]:
    """Equalise the histogram of an image: make all grey levels about equally frequent.

    The map from old to new levels is the cumulative histogram itself, so that a range of levels
    gets the more room the more pixels it holds. That is just what a page does not need: most of its
    pixels are paper, so most of the room goes to the grain of the paper. :func:`clahe` bounds this.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``; uint8, bool or float in [0, 1]. Colour is reduced to luma and
        floats are rounded to 256 levels first, for the method is about a histogram of grey levels.

    Returns
    -------
    array
        ``(H, W)`` uint8. The darkest level present becomes 0 and the brightest 255; the order of
        levels is kept (levels may merge). A constant image is returned unchanged.

    Raises
    ------
    TypeError, ValueError
        If `image` is not an image as described above.

    References
    ----------
    E. L. Hall, "Almost uniform distributions for computer image enhancement", IEEE Transactions on
    Computers C-23(2), 1974.
    """
    return equalize_histogram_reference(to_uint8(to_gray(image)))


# --- CLAHE ---------------------------------------------------------------------------------------


def clip_histogram_reference(counts: NDArray[np.integer[Any]], limit: int) -> NDArray[np.int64]:
    """Cut the bins of a 256-bin histogram at `limit` and deal the excess out to all bins evenly."""
    excess = int(np.maximum(counts - limit, 0).sum())
    share, remainder = divmod(excess, 256)
    clipped = np.minimum(counts, limit) + share
    if remainder:
        step = max(256 // remainder, 1)  # one more for every step-th bin until none is left
        clipped[::step][:remainder] += 1
    return clipped


def tile_neighbours_reference(
    length: int, tile_length: int, tiles: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each pixel along one axis: the tiles whose centres lie around it, and how far between."""
    place = np.arange(length, dtype=np.float32) * np.float32(1 / tile_length) - np.float32(0.5)
    before = np.floor(place).astype(np.intp)
    weight = place - before.astype(np.float32)  # 0 at the centre of `before`, 1 at that of `after`
    return np.maximum(before, 0), np.minimum(before + 1, tiles - 1), weight


def clahe_reference(
    gray: NDArray[np.uint8], clip_limit: float, tiles: tuple[int, int]
) -> NDArray[np.uint8]:
    """Equalise each tile's clipped histogram, and blend the maps of the four nearest tiles."""
    (height, width), (rows, columns) = gray.shape, tiles
    padded = np.pad(gray, ((0, -height % rows), (0, -width % columns)), mode="reflect")
    tile_height, tile_width = padded.shape[0] // rows, padded.shape[1] // columns
    area = tile_height * tile_width
    limit = max(int(clip_limit * area / 256), 1)  # clip_limit times the mean count of a bin

    maps = np.empty((rows, columns, 256), np.float32)
    for row in range(rows):
        for column in range(columns):
            top, left = row * tile_height, column * tile_width
            tile = padded[top : top + tile_height, left : left + tile_width]
            counts = clip_histogram_reference(np.bincount(tile.ravel(), minlength=256), limit)
            cumulative = np.cumsum(counts).astype(np.float32)
            maps[row, column] = np.round(cumulative * np.float32(255 / area))

    above, below, down = tile_neighbours_reference(height, tile_height, rows)
    left, right, across = tile_neighbours_reference(width, tile_width, columns)
    above, below, down = above[:, None], below[:, None], down[:, None]
    upper = maps[above, left, gray] * (1 - across) + maps[above, right, gray] * across
    lower = maps[below, left, gray] * (1 - across) + maps[below, right, gray] * across
    return np.round(upper * (1 - down) + lower * down).astype(np.uint8)


@numba.njit(cache=True, nogil=True)
def _tile_maps(padded, tile_height, tile_width, limit, maps, first, last):  # type: ignore[no-untyped-def]
    """Fill ``maps[first:last]``, the maps of some rows of tiles."""
    scale = np.float32(255 / (tile_height * tile_width))
    # Neighbouring pixels often share a level, and adding to one bin twice in a row has to wait for
    # the first addition. Counting four columns into four histograms avoids the wait.
    counts = np.empty((4, 256), np.int64)
    for row in range(first, last):
        for column in range(maps.shape[1]):
            counts[:] = 0
            for y in range(row * tile_height, (row + 1) * tile_height):
                tile_row = padded[y, column * tile_width : (column + 1) * tile_width]
                quads = tile_width // 4 * 4
                for x in range(0, quads, 4):
                    counts[0, tile_row[x]] += 1
                    counts[1, tile_row[x + 1]] += 1
                    counts[2, tile_row[x + 2]] += 1
                    counts[3, tile_row[x + 3]] += 1
                for x in range(quads, tile_width):
                    counts[0, tile_row[x]] += 1
            excess = 0
            for level in range(256):
                count = counts[:, level].sum()
                excess += max(count - limit, 0)
                counts[0, level] = min(count, limit)
            share, remainder = divmod(excess, 256)
            step = max(256 // remainder, 1) if remainder else 256
            cumulative = 0
            for level in range(256):
                extra = level % step == 0 and level // step < remainder
                cumulative += counts[0, level] + share + extra
                maps[row, column, level] = np.rint(np.float32(cumulative) * scale)


@numba.njit(cache=True, nogil=True)
def _blend_maps(gray, maps, tile_height, tile_width, edges, output, first, last):  # type: ignore[no-untyped-def]
    """Fill ``output[first:last]``; between ``edges`` the two columns of tiles stay the same."""
    rows, columns = maps.shape[:2]
    one, half = np.float32(1), np.float32(0.5)
    per_height, per_width = np.float32(1 / tile_height), np.float32(1 / tile_width)
    for y in range(first, last):
        place = np.float32(y) * per_height - half
        down = place - np.floor(place)
        above, below = max(int(np.floor(place)), 0), min(int(np.floor(place)) + 1, rows - 1)
        for column in range(columns + 1):
            left, right = max(column - 1, 0), min(column, columns - 1)
            above_left, above_right = maps[above, left], maps[above, right]
            below_left, below_right = maps[below, left], maps[below, right]
            centre = np.float32(column - 1)
            for x in range(edges[column], edges[column + 1]):
                level = gray[y, x]
                across = (np.float32(x) * per_width - half) - centre
                upper = above_left[level] * (one - across) + above_right[level] * across
                lower = below_left[level] * (one - across) + below_right[level] * across
                output[y, x] = np.uint8(np.rint(upper * (one - down) + lower * down))


def _run_in_bands(kernel: Callable[[int, int], None], length: int, pixels: int) -> None:
    """Call ``kernel(first, last)`` on consecutive ranges that cover [0, length), side by side.

    The kernels release Python's lock, so plain threads will do. Threads that live for one call,
    unlike Numba's own pool, do not get in the way of a program that forks later. Starting one costs
    about as much as a few ten thousand pixels, hence the least share of a thread.
    """
    threads: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    bands = min(threads, length, pixels // PIXELS_PER_THREAD)
    if bands < 2:
        kernel(0, length)
        return
    limits = [length * band // bands for band in range(bands + 1)]
    with ThreadPoolExecutor(bands - 1) as pool:
        others = pool.map(kernel, limits[1:-1], limits[2:])
        kernel(limits[0], limits[1])  # this thread takes the first band itself
        list(others)  # waits, and raises here what was raised there


def _clahe_fast(
    gray: NDArray[np.uint8], clip_limit: float, tiles: tuple[int, int]
) -> NDArray[np.uint8]:
    (height, width), (rows, columns) = gray.shape, tiles
    padded = np.ascontiguousarray(gray)
    if height % rows or width % columns:
        padded = np.pad(gray, ((0, -height % rows), (0, -width % columns)), mode="reflect")
    tile_height, tile_width = padded.shape[0] // rows, padded.shape[1] // columns
    limit = max(int(clip_limit * tile_height * tile_width / 256), 1)

    maps = np.empty((rows, columns, 256), np.float32)
    place = np.arange(width, dtype=np.float32) * np.float32(1 / tile_width) - np.float32(0.5)
    edges = np.searchsorted(np.floor(place), np.arange(-1, columns + 1))
    output = np.empty((height, width), np.uint8)

    def make_maps(first: int, last: int) -> None:
        _tile_maps(padded, tile_height, tile_width, limit, maps, first, last)

    def blend(first: int, last: int) -> None:
        _blend_maps(padded, maps, tile_height, tile_width, edges, output, first, last)

    _run_in_bands(make_maps, rows, gray.size)
    _run_in_bands(blend, height, gray.size)
    return output


RUNGS: dict[str, Callable[..., NDArray[np.uint8]]] = {
    "reference": clahe_reference,
    "fast": _clahe_fast,
}
"""Implementations of CLAHE, ``rung(gray, clip_limit, tiles)`` of a uint8 image, equal in result."""


def clahe(
    image: Any,
    *,
    clip_limit: float = 2.0,
    tiles: tuple[int, int] = (8, 8),
    rung: str | None = None,
) -> NDArray[np.uint8]:
    """Contrast-limited adaptive histogram equalisation (CLAHE).

    The image is cut into tiles, and each tile gets a map from old to new grey levels: its own
    cumulative histogram, as in :func:`equalize_histogram`. Before it is summed, the histogram is
    clipped at `clip_limit` times its mean and the excess is dealt out to all bins, once. A bin is
    the slope of the map at its level, so clipping bounds how much the grain of blank paper can be
    amplified: no map is steeper than about ``clip_limit + 1``. Each pixel is sent through the maps
    of the four tiles whose centres surround it, and the four answers are interpolated bilinearly,
    so that no seams show between tiles.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``; uint8, bool or float in [0, 1]. Colour is reduced to luma and
        floats are rounded to 256 levels first.
    clip_limit
        Greatest count of a histogram bin, as a multiple of the mean count, in (0, 256]. Small
        values leave the image nearly as it is; 256 never clips, which is adaptive histogram
        equalisation without a limit.
    tiles
        Number of rows and columns of tiles, each in [1, 256]. An image that does not divide evenly
        is extended at the bottom and right by reflection until it does.
    rung
        Force "reference" or "fast" (see :mod:`ocrlearn._dispatch`).

    Returns
    -------
    array
        ``(H, W)`` uint8.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described above.

    Notes
    -----
    The result equals OpenCV's ``createCLAHE(clip_limit, tiles[::-1]).apply(image)`` at every pixel,
    with one exception: where only one of height and width divides evenly, OpenCV extends the other
    one too, by a whole row or column of pixels per tile.

    Deviations from the paper
    -------------------------
    As in OpenCV, the excess is dealt out once; Zuiderveld deals again what this lifts above the
    limit, until the whole excess is placed below it. The bound on the slope is therefore
    ``clip_limit`` plus what was dealt (less than 1), not ``clip_limit`` itself.

    References
    ----------
    K. Zuiderveld, "Contrast limited adaptive histogram equalization", in Graphics Gems IV, 1994.
    """
    gray = to_uint8(to_gray(image))
    limit = check_number(clip_limit, "clip_limit", low=0, low_open=True, high=256)
    rows, columns = (
        int(check_number(number, f"tiles[{axis}]", low=1, high=256, integer=True))
        for axis, number in enumerate(_check_numbers(tiles, "tiles", 2))
    )
    return pick(RUNGS, gray, rung=rung)(gray, limit, (rows, columns))


# --- Division by the background ------------------------------------------------------------------


def estimate_background_reference(channel: Floats, window: int) -> Floats:
    """Guess what a page would look like without its ink: blur a little, close, blur."""
    calm = ndimage.uniform_filter(channel, window // 4 | 1)  # the grain of the paper averages out
    closed = ndimage.grey_closing(calm, size=(window, window))  # marks thinner than the window go
    return ndimage.uniform_filter(closed, window)  # and the closing's square plateaus melt


def divide_background_reference(channel: Floats, window: int) -> Floats:
    """Divide a page by its blank paper, so that paper becomes 1 wherever the light was."""
    paper = estimate_background_reference(channel, window)
    return np.minimum(channel / np.maximum(paper, HALF_LEVEL), 1)


def estimate_background(image: Any, *, window: int | None = None) -> Floats:
    """Estimate the brightness of the blank paper at every pixel of a page.

    A grey-level closing (the greatest value in a window, then the least of those) fills every dark
    mark that the window does not fit into and leaves bright ground as it is. It is chosen over a
    running median, which needs ink to be in the minority in each window and so a much larger one
    over dense text, and over a running percentile, which is as good but many times slower. The
    closing follows the brightest grain of the paper, so the image is averaged over a quarter of the
    window before it, and its square plateaus are averaged over a whole window after it. Borders are
    mirrored; where the light falls off steeply towards one, as in the corners of a vignette, the
    estimate is too bright within a window of it.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, dark ink on brighter paper; uint8, bool or float in [0, 1].
        Colour channels are handled one by one, so tinted light is found as such.
    window
        Side of the closing's window in pixels, odd, at least 3. It must be wider than the thickest
        stroke, yet small against the distance over which the light changes. By default a twentieth
        of the shorter side of the image, and at least 15.

    Returns
    -------
    array
        The shape of `image`, float in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described above.
    """
    pixels = to_float(image)
    side = _background_window(pixels, window)
    return _by_channel(pixels, lambda channel: estimate_background_reference(channel, side))


def divide_background(image: Any, *, window: int | None = None) -> NDArray[Any]:
    """Even out the light of a page by dividing it by its blank paper.

    What a camera records is reflectance times light. The estimate of the blank paper (see
    :func:`estimate_background`) is the reflectance of paper times the same light, and the quotient
    is free of the light: paper becomes white, ink keeps its darkness relative to the paper around
    it. This holds for the gamma-encoded values that files hold, because a power of a product is the
    product of the powers. Anything dark that `window` fits into (a photograph, a dark margin) is
    taken for paper and bleached.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, dark ink on brighter paper; uint8, bool or float in [0, 1].
        Colour channels are divided one by one, which whitens tinted light or paper too.
    window
        As for :func:`estimate_background`.

    Returns
    -------
    array
        The shape and dtype of `image` (bool becomes uint8); quotients above 1 are cut to white.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described above.
    """
    pixels = to_float(image)
    side = _background_window(pixels, window)
    even = _by_channel(pixels, lambda channel: divide_background_reference(channel, side))
    return _in_dtype_of(image, even)


def _background_window(pixels: Floats, window: int | None) -> int:
    if window is not None:
        return check_odd_window(window)
    return max(15, min(pixels.shape[:2]) // 20) | 1  # the next odd number


# --- Retinex -------------------------------------------------------------------------------------


def gaussian_surround_reference(channel: Floats, scale: float) -> Floats:
    """Blur with exp(-(r / scale)^2), borders mirrored, by damping the cosine transform's waves.

    A scale of 250 pixels would need a kernel of more than a thousand taps. The cosine transform
    writes the mirrored image as a sum of waves, and a Gaussian blur only makes each wave lower.
    """
    rows, columns = (np.pi * np.arange(length) / length for length in channel.shape)
    squared_frequency = rows[:, None] ** 2 + columns**2
    waves = fft.dctn(channel, norm="ortho")
    return fft.idctn(waves * np.exp(-(scale**2) * squared_frequency / 4), norm="ortho")


def retinex_reference(channel: Floats, scales: Sequence[float]) -> Floats:
    """Return how much brighter each pixel is than its surround, as a mean of logarithms."""
    visible = np.maximum(channel, HALF_LEVEL)
    log_ratio = np.zeros_like(visible)
    for scale in scales:
        surround = np.maximum(gaussian_surround_reference(visible, scale), HALF_LEVEL)
        log_ratio += np.log(visible / surround) / len(scales)
    return log_ratio


def single_scale_retinex(
    image: Any, *, scale: float = 80.0, percentiles: tuple[float, float] = (1.0, 99.0)
) -> NDArray[Any]:
    """Remove slowly changing light: the logarithm of each pixel over its Gaussian surround.

    With image = reflectance x light and a surround so wide that it sees mostly the light,
    ``log image - log surround`` is about the logarithm of the reflectance relative to its mean
    nearby. A small `scale` compresses the range of light strongly and lets blank areas fade to
    grey; a large one keeps the tones and leaves shadows standing. :func:`multi_scale_retinex`
    averages several.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``; uint8, bool or float in [0, 1]. Colour channels are handled one
        by one, which removes a tint of the light as well.
    scale
        The surround's space constant c in ``exp(-r^2 / c^2)``, in pixels, greater than 0 (a
        Gaussian of standard deviation ``c / sqrt(2)``). The default of 80 is the compromise the
        authors arrived at.
    percentiles
        Which percentiles of the log ratios, over all channels together, become 0 and 1; what lies
        beyond is cut off. ``0 <= first < second <= 100``.

    Returns
    -------
    array
        The shape and dtype of `image` (bool becomes uint8). Log ratios are mapped linearly to the
        display range as `percentiles` says; where they differ by less than one grey level
        everywhere, as in a constant image, the result is mid-grey.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described above.

    Deviations from the paper
    -------------------------
    The authors map the log ratios to the display by a gain and an offset that are the same for
    every image. Percentiles of the image itself serve pages better, whose histograms are alike in
    shape and not in place. Pixels darker than half a grey level are raised to that before the
    logarithm.

    References
    ----------
    D. J. Jobson, Z. Rahman, G. A. Woodell, "Properties and performance of a center/surround
    retinex", IEEE Transactions on Image Processing 6(3), 1997.
    """
    number = check_number(scale, "scale", low=0, low_open=True)
    return _retinex(image, [number], percentiles)


def multi_scale_retinex(
    image: Any,
    *,
    scales: Sequence[float] = (15.0, 80.0, 250.0),
    percentiles: tuple[float, float] = (1.0, 99.0),
) -> NDArray[Any]:
    """Average :func:`single_scale_retinex` over several scales, with equal weights.

    The small scale brings out detail in shadows, the large one keeps the tones; their mean has
    some of both.

    Parameters
    ----------
    image, percentiles
        As for :func:`single_scale_retinex`.
    scales
        Space constants of the surrounds in pixels, at least one.

    Returns
    -------
    array
        As for :func:`single_scale_retinex`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described there.

    Deviations from the paper
    -------------------------
    Those of :func:`single_scale_retinex`; and the colour restoration of the paper is left out,
    for ink and paper are what is looked for and colours are not.

    References
    ----------
    D. J. Jobson, Z. Rahman, G. A. Woodell, "A multiscale retinex for bridging the gap between color
    images and the human observation of scenes", IEEE Transactions on Image Processing 6(7), 1997.
    """
    numbers = [
        check_number(scale, f"scales[{index}]", low=0, low_open=True)
        for index, scale in enumerate(_check_numbers(scales, "scales"))
    ]
    return _retinex(image, numbers, percentiles)


def _retinex(image: Any, scales: Sequence[float], percentiles: tuple[float, float]) -> NDArray[Any]:
    low_percent, high_percent = (
        check_number(number, f"percentiles[{index}]", low=0, high=100)
        for index, number in enumerate(_check_numbers(percentiles, "percentiles", 2))
    )
    if low_percent >= high_percent:
        raise ValueError(f"percentiles must increase, got {percentiles!r}")
    log_ratio = _by_channel(to_float(image), lambda channel: retinex_reference(channel, scales))
    low, high = np.percentile(log_ratio, [low_percent, high_percent])
    if high - low < 1 / 255:
        return _in_dtype_of(image, np.full_like(log_ratio, 0.5))
    return _in_dtype_of(image, np.clip((log_ratio - low) / (high - low), 0, 1))


# --- Shared --------------------------------------------------------------------------------------


def _check_numbers(values: Any, name: str, count: int | None = None) -> Sequence[Any]:
    """Check that `values` is a sequence of `count` items, or of at least one."""
    wanted = f"{count} numbers" if count else "one or more numbers"
    is_sequence = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str)
    if not is_sequence or (len(values) != count if count else len(values) == 0):
        raise ValueError(f"{name} must be {wanted}, got {values!r}")
    return values


def _by_channel(pixels: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """Apply a function of one ``(H, W)`` channel to a gray image or to each colour channel."""
    if pixels.ndim == 2:
        return function(pixels)
    return np.stack([function(pixels[..., channel]) for channel in range(3)], axis=-1)


def _in_dtype_of(image: Any, result: Floats) -> NDArray[Any]:
    """Return a float result as `image` came: floating in its own dtype, anything else as uint8."""
    dtype = check_image(image).dtype
    return result.astype(dtype) if np.issubdtype(dtype, np.floating) else to_uint8(result)

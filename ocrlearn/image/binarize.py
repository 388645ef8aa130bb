"""Which pixels are ink: global and local thresholds.

Ink is taken to be darker than paper; for light text on a dark ground, invert the image first. A
threshold is a number for the whole page, or one number a pixel. Everywhere in this module a pixel
is **ink when its gray value is at most the threshold**: ties are ink.

Otsu's threshold suits an evenly lit page. Where a shadow falls, the darker paper is as dark as the
brighter ink, and no single number can part them. Niblack, Sauvola and Wolf compute a threshold for
every pixel from the mean ``m`` and the standard deviation ``s`` of the gray values in the window
around it:

=======  ===============================  ================================================
method   threshold                        on blank paper, where ``s`` is small
=======  ===============================  ================================================
Niblack  ``m + k s``, k < 0               follows the noise: salt and pepper
Sauvola  ``m (1 + k (s / R - 1))``        falls to ``(1 - k) m``: stays blank
Wolf     ``m - k (1 - s / R) (m - M)``    falls towards ``M``, the darkest gray of the page
=======  ===============================  ================================================

``R`` is the largest standard deviation to expect: half the range of the gray values for Sauvola,
the largest found in the image for Wolf.

All but :func:`clean_binarize` run on a GPU as well (``binarize.cu``), for CuPy arrays.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, pick
from ocrlearn._validate import check_choice, check_number, check_odd_window
from ocrlearn.image.convert import to_float, to_gray
from ocrlearn.image.enhance import divide_background
from ocrlearn.ops.components import connected_components_with_stats
from ocrlearn.ops.integral import (
    WindowTables,
    box_sum,
    integral_image_reference,
    local_mean_std,
    slide_windows,
    window_plan,
)

__all__ = [
    "KERNELS",
    "OTSU_INK_RUNGS",
    "OTSU_RUNGS",
    "SAUVOLA_INK_RUNGS",
    "SAUVOLA_RUNGS",
    "THRESHOLDS",
    "binarize",
    "clean_binarize",
    "niblack_threshold",
    "otsu_threshold",
    "otsu_threshold_reference",
    "sauvola_threshold",
    "sauvola_threshold_reference",
    "stroke_width",
    "wolf_threshold",
]

KERNELS = cuda.KernelFile.beside(__file__)
CHUNK = 32768  # pixels that a block of the kernel "histogram" counts
BYTES = {"Pixel": "unsigned char", "Sum": "unsigned int"}


def otsu_threshold_reference(image: NDArray[np.uint8]) -> int:
    """Try every gray level as the threshold; keep the one that parts the two classes best."""
    counts = np.bincount(image.ravel(), minlength=256).tolist()
    dark_count, dark_sum = 0, 0
    bright_count, bright_sum = image.size, sum(level * count for level, count in enumerate(counts))
    best_level, best_variance = int(image[0, 0]), 0.0
    for level, count in enumerate(counts):
        dark_count += count
        bright_count -= count
        dark_sum += level * count
        bright_sum -= level * count
        if dark_count == 0 or bright_count == 0:
            continue
        distance = bright_sum / bright_count - dark_sum / dark_count
        between_class_variance = dark_count * bright_count * distance**2
        if between_class_variance > best_variance:
            best_level, best_variance = level, between_class_variance
    return best_level


@njit(cache=True, nogil=True)
def _otsu_threshold_kernel(pixels: NDArray[np.uint8]) -> int:
    # Four histograms, since neighbouring pixels are often equal and would wait for each other.
    counts = np.zeros((4, 256), np.int64)
    quarter = pixels.size // 4
    for i in range(quarter):
        counts[0, pixels[4 * i]] += 1
        counts[1, pixels[4 * i + 1]] += 1
        counts[2, pixels[4 * i + 2]] += 1
        counts[3, pixels[4 * i + 3]] += 1
    for i in range(4 * quarter, pixels.size):
        counts[0, pixels[i]] += 1
    counts[0] += counts[1] + counts[2] + counts[3]

    dark_count, dark_sum = 0, 0
    bright_count, bright_sum = 0, 0
    for level, count in enumerate(counts[0]):
        bright_count += count
        bright_sum += level * count
    best_level, best_variance = int(pixels[0]), 0.0
    for level, count in enumerate(counts[0]):
        dark_count += count
        bright_count -= count
        dark_sum += level * count
        bright_sum -= level * count
        if dark_count == 0 or bright_count == 0:
            continue
        distance = bright_sum / bright_count - dark_sum / dark_count
        between_class_variance = dark_count * bright_count * distance**2
        if between_class_variance > best_variance:
            best_level, best_variance = level, between_class_variance
    return best_level


def _otsu_threshold_fast(image: NDArray[np.uint8]) -> int:
    return int(_otsu_threshold_kernel(np.ascontiguousarray(image).reshape(-1)))


def _split_cuda(pixels: Any) -> Any:
    """Return Otsu's threshold and whether there are two grays, as two int32 on the GPU."""
    counts = array_module(pixels).zeros(256, np.uint64)
    split = cuda.empty(2, np.int32, like=pixels)
    blocks = cuda.blocks_for(pixels.size, CHUNK)
    cuda.launch(
        KERNELS.kernel("histogram", **BYTES),
        blocks,
        256,
        pixels=pixels,
        size=pixels.size,
        counts=counts,
    )
    cuda.launch(KERNELS.kernel("otsu", **BYTES), 1, 256, counts=counts, split=split)
    return split


def _otsu_threshold_cuda(image: Any) -> int:
    return int(_split_cuda(array_module(image).ascontiguousarray(image))[0])


OTSU_RUNGS = {
    "reference": otsu_threshold_reference,
    "fast": _otsu_threshold_fast,
    "cuda": _otsu_threshold_cuda,
}


def _ink_below(image: Any, threshold: Any) -> Any:
    """Ink is what lies at or below the threshold; an image of a single gray has none."""
    if image.min() == image.max():
        return array_module(image).zeros(image.shape, np.bool_)
    return image <= threshold


def _otsu_ink_cuda(image: Any) -> Any:
    """Histogram, threshold and comparison one after the other; the host need not wait."""
    pixels = array_module(image).ascontiguousarray(image)
    mask = cuda.empty(pixels.shape, np.bool_, like=pixels)
    cuda.launch(
        KERNELS.kernel("part_at", **BYTES),
        cuda.blocks_for(pixels.size, 16 * 256),
        256,
        pixels=pixels,
        size=pixels.size,
        split=_split_cuda(pixels),
        mask=mask,
    )
    return mask


OTSU_INK_RUNGS: dict[str, Callable[..., Any]] = {
    "reference": lambda image: _ink_below(image, otsu_threshold_reference(image)),
    "fast": lambda image: _ink_below(image, _otsu_threshold_fast(image)),
    "cuda": _otsu_ink_cuda,
}


def otsu_threshold(image: Any, *, rung: str | None = None) -> float:
    """Return the threshold that parts the gray values into the two most distinct classes.

    Of all thresholds, Otsu's maximises the variance between the classes,
    ``w0 w1 (m0 - m1)**2`` with the classes' shares ``w`` of the pixels and their mean grays ``m``;
    that is the same as minimising the variance within them. It looks at the histogram only, so the
    place of a pixel does not matter.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1]; colour is turned to gray.
        NumPy or CuPy.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    int or float
        Threshold in the units of the image: the largest gray value of the dark class, so that ink
        is ``image <= threshold``. Of several equally good thresholds the lowest is returned, and
        for an image of a single gray that gray. A floating image is divided into 256 equal bins
        between its extremes, and the result is the centre of a bin.

    References
    ----------
    N. Otsu, "A Threshold Selection Method from Gray-Level Histograms", IEEE Transactions on
    Systems, Man, and Cybernetics, 1979.
    """
    gray = to_gray(image)
    rung_function = pick(OTSU_RUNGS, gray, rung=rung)
    if gray.dtype == np.uint8:
        return rung_function(gray)
    lowest, highest = float(gray.min()), float(gray.max())
    if lowest == highest:
        return lowest
    bin_width = (highest - lowest) / 256
    levels = (gray.astype(np.float64) - lowest) / bin_width
    levels = array_module(gray).minimum(levels, 255).astype(np.uint8)
    return lowest + (rung_function(levels) + 0.5) * bin_width


def niblack_threshold(
    image: Any, window: int = 25, k: float = -0.2, *, rung: str | None = None
) -> NDArray[np.float64]:
    """Local threshold ``m + k s``: some standard deviations below the local mean.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1]; colour is turned to gray.
        NumPy or CuPy.
    window
        Side of the square window in pixels, odd. It should hold both ink and paper, that is, span
        a character or two.
    k
        Weight of the standard deviation; negative for dark ink, as in the book. scikit-image writes
        ``m - k s`` and takes a positive k.
    rung
        "reference", "fast" or "cuda", of :func:`ocrlearn.ops.integral.local_mean_std`.

    Returns
    -------
    array
        ``(H, W)`` float64 thresholds in the units of the image.

    Notes
    -----
    In a window without ink ``s`` is the paper's noise, and a fixed share of the noise is declared
    ink, however faint it is. In a window of a single gray the threshold equals the pixel, which
    makes it ink. Both are the method's own; they are what Sauvola's formula mends.

    References
    ----------
    W. Niblack, "An Introduction to Digital Image Processing", Prentice-Hall, 1986.
    """
    k = check_number(k, "k")
    mean, std = local_mean_std(to_gray(image), window, rung=rung)
    return mean + k * std


def sauvola_threshold_reference(
    image: NDArray[Any], window: int, k: float, dynamic_range: float
) -> NDArray[np.float64]:
    """Sauvola's formula at every pixel, its window's sums from two summed-area tables."""
    height, width = image.shape
    padded = np.pad(image.astype(np.float64), window // 2, mode="reflect")
    sums = integral_image_reference(padded)
    sums_of_squares = integral_image_reference(padded**2)
    threshold = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            sides = (y, x, y + window, x + window)  # top, left, bottom, right
            mean = box_sum(sums, *sides) / window**2
            mean_square = box_sum(sums_of_squares, *sides) / window**2
            std = math.sqrt(max(mean_square - mean**2, 0.0))
            threshold[y, x] = mean * (1 + k * (std / dynamic_range - 1))
    return threshold


# Numba's cache notices changes of this file only: after changing slide_windows, empty __pycache__.
@njit(cache=True, nogil=True)
def _sauvola_threshold_kernel(
    image: NDArray[Any],
    offset: Any,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    work: NDArray[Any],
    k: float,
    dynamic_range: float,
    threshold: NDArray[np.float64],
) -> None:
    height, width = image.shape
    area = float((rows.size - height + 1) ** 2)
    sums, squares = work[2], work[3]
    for y in range(height):
        slide_windows(image, offset, y, rows, columns, work[0], work[1], sums, squares)
        for x in range(width):
            centred = sums[x] / area
            variance = squares[x] / area - centred * centred
            std = np.sqrt(max(variance, 0.0))
            threshold[y, x] = (centred + offset) * (1 + k * (std / dynamic_range - 1))


def _sauvola_threshold_fast(
    image: NDArray[Any], window: int, k: float, dynamic_range: float
) -> NDArray[np.float64]:
    threshold = np.empty(image.shape)
    _sauvola_threshold_kernel(*window_plan(image, window), k, dynamic_range, threshold)
    return threshold


def _window_arguments(
    tables: WindowTables, window: int, k: float, dynamic_range: float
) -> dict[str, Any]:
    """Collect what both of Sauvola's kernels are given."""
    height, width = tables.image.shape
    return {
        "sums": tables.sums,
        "squares": tables.squares,
        "offset": tables.offset,
        "height": height,
        "width": width,
        "window": window,
        "k": k,
        "dynamic_range": dynamic_range,
    }


def _sauvola_threshold_cuda(image: Any, window: int, k: float, dynamic_range: float) -> Any:
    tables = WindowTables(image, window)
    threshold = cuda.empty(image.shape, np.float64, like=image)
    cuda.launch(
        KERNELS.kernel("sauvola_threshold", **tables.types),
        cuda.blocks_for(image.shape[::-1], (32, 8)),
        (32, 8),
        threshold=threshold,
        **_window_arguments(tables, window, k, dynamic_range),
    )
    return threshold


SAUVOLA_RUNGS = {
    "reference": sauvola_threshold_reference,
    "fast": _sauvola_threshold_fast,
    "cuda": _sauvola_threshold_cuda,
}


def _sauvola_ink_cuda(image: Any, window: int, k: float, dynamic_range: float) -> Any:
    """Compare in the kernel that computes the threshold; the host need not wait."""
    tables = WindowTables(image, window)
    mask = cuda.empty(image.shape, np.bool_, like=image)
    cuda.launch(
        KERNELS.kernel("sauvola_ink", **tables.types),
        cuda.blocks_for(image.shape[::-1], (32, 8)),
        (32, 8),
        image=tables.image,
        lowest=tables.image.min().reshape(1),
        highest=tables.image.max().reshape(1),
        mask=mask,
        **_window_arguments(tables, window, k, dynamic_range),
    )
    return mask


SAUVOLA_INK_RUNGS: dict[str, Callable[..., Any]] = {
    "reference": lambda image, *args: _ink_below(image, sauvola_threshold_reference(image, *args)),
    "fast": lambda image, *args: _ink_below(image, _sauvola_threshold_fast(image, *args)),
    "cuda": _sauvola_ink_cuda,
}


def sauvola_threshold(
    image: Any,
    window: int = 25,
    k: float = 0.2,
    dynamic_range: float | None = None,
    *,
    rung: str | None = None,
) -> NDArray[np.float64]:
    """Local threshold ``m (1 + k (s / R - 1))``: lower where the window is flat.

    Where a window holds ink and paper, ``s`` nears ``R`` and the threshold nears the mean. Where it
    holds blank paper, ``s`` is small and the threshold falls to ``(1 - k) m``, well below the
    paper's noise, so that blank paper stays blank. That rests on paper being bright: the fall is a
    share of the mean itself.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1]; colour is turned to gray.
        NumPy or CuPy.
    window
        Side of the square window in pixels, odd. It should span a character or two; a window that
        fits inside a stroke finds it flat and hollows it out.
    k
        How far the threshold falls on flat paper, in [0, 1]. The paper uses 0.5, for strong black
        ink on white; fainter ink needs less, and 0.2 is scikit-image's choice as well.
    dynamic_range
        ``R``, the largest standard deviation to expect, in the units of the image. Half the range
        of the dtype by default: 127.5 for uint8 (the paper has 128), 0.5 for floating images
        (scikit-image takes 1.0 there, since it counts floats from -1).
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    array
        ``(H, W)`` float64 thresholds in the units of the image. Beyond the borders the image is
        continued by reflection. The rungs agree to 1e-9 for uint8 and 1e-6 for floats.

    References
    ----------
    J. Sauvola and M. Pietikäinen, "Adaptive document image binarization", Pattern Recognition,
    2000. F. Shafait, D. Keysers and T. M. Breuel, "Efficient implementation of local adaptive
    thresholding techniques using integral images", Document Recognition and Retrieval XV, 2008.
    """
    gray = to_gray(image)
    parameters = _check_sauvola(gray, window, k, dynamic_range)
    return pick(SAUVOLA_RUNGS, gray, rung=rung)(gray, *parameters)


def _check_sauvola(
    gray: Any, window: int = 25, k: float = 0.2, dynamic_range: float | None = None
) -> tuple[int, float, float]:
    """Check Sauvola's parameters, and fill in the range of the image's dtype."""
    window = check_odd_window(window)
    k = check_number(k, "k", low=0, high=1)
    if dynamic_range is None:
        dynamic_range = 127.5 if gray.dtype == np.uint8 else 0.5
    return window, k, check_number(dynamic_range, "dynamic_range", low=0, low_open=True)


def wolf_threshold(
    image: Any, window: int = 25, k: float = 0.5, *, rung: str | None = None
) -> NDArray[np.float64]:
    """Local threshold ``m - k (1 - s / R) (m - M)``: Sauvola's, freed from the absolute grays.

    Sauvola's constants suppose black ink on white paper. Wolf and Jolion measure contrast in the
    image's own terms: ``M`` is its darkest gray and ``R`` the largest standard deviation of any of
    its windows. A page of low contrast then gets the same ink as a crisp one.

    Parameters
    ----------
    image, window, rung
        As for :func:`sauvola_threshold`.
    k
        How far the threshold falls towards ``M`` on flat paper, in [0, 1]. The paper uses 0.5.

    Returns
    -------
    array
        ``(H, W)`` float64 thresholds in the units of the image.

    Notes
    -----
    ``M`` and ``R`` are extremes of the whole page: a single black blot or a sharp paper edge sets
    them for all of it.

    References
    ----------
    C. Wolf and J.-M. Jolion, "Extraction and recognition of artificial text in multimedia
    documents", Pattern Analysis and Applications, 2004.
    """
    gray = to_gray(image)
    k = check_number(k, "k", low=0, high=1)
    mean, std = local_mean_std(gray, window, rung=rung)
    largest_std = std.max()
    if largest_std == 0:  # a single gray: m = M everywhere
        return mean
    return mean - k * (1 - std / largest_std) * (mean - float(gray.min()))


THRESHOLDS: dict[str, Callable[..., Any]] = {
    "otsu": otsu_threshold,
    "niblack": niblack_threshold,
    "sauvola": sauvola_threshold,
    "wolf": wolf_threshold,
}


@njit(cache=True, nogil=True)
def _row_run_lengths(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """At every ink pixel, the length of the run of ink along the row it belongs to; else 0."""
    height, width = mask.shape
    lengths = np.zeros((height, width), np.int32)
    for y in range(height):
        x = 0
        while x < width:
            start = x
            while x < width and mask[y, x]:
                x += 1
            lengths[y, start:x] = x - start
            x += 1
    return lengths


def stroke_width(mask: Any, *, widest: float = math.inf) -> float:
    """Estimate how wide the strokes of an ink mask are, in pixels.

    The width at an ink pixel is taken as the shorter of the two runs of ink through it, along its
    row and along its column; the estimate is the median over all ink pixels. A diagonal stroke
    counts up to 1.4 times too wide, which is near enough to choose a window by.

    Parameters
    ----------
    mask
        ``(H, W)`` bool, True = ink.
    widest
        Pixels whose width is larger belong to no stroke, but to a picture or to the dark margin of
        a scan, which may well hold more pixels than all letters together; they do not count.

    Returns
    -------
    float
        Pixels; 0 where there is no stroke.
    """
    ink = np.asarray(mask)
    if ink.ndim != 2 or ink.dtype != np.bool_:
        raise ValueError(f"mask must be bool of shape (H, W), got {ink.dtype} {ink.shape}")
    widest = widest if widest == math.inf else check_number(widest, "widest", low=0, low_open=True)
    along_rows = _row_run_lengths(np.ascontiguousarray(ink))
    along_columns = _row_run_lengths(np.ascontiguousarray(ink.T)).T
    widths = np.minimum(along_rows, along_columns)[ink]
    strokes = widths[widths <= widest]
    return float(np.median(strokes)) if strokes.size else 0.0


def clean_binarize(
    image: Any,
    *,
    window: int | None = None,
    k: float = 1.0,
    background_window: int | None = None,
    min_contrast: float = 0.1,
) -> NDArray[np.bool_]:
    """Return the ink mask of a degraded page: Sauvola's threshold between two cleanings.

    Sauvola's constants suppose that ink is black, paper white and the window as large as the
    letters. Instead of tuning them to each page, bring the page to where they hold:

    1. Divide it by its blank paper (:func:`ocrlearn.image.enhance.divide_background`), so that
       paper becomes 1 everywhere.
    2. Part the grays with Otsu's threshold, only to measure the page: the *ink level* is the median
       of the darker class, and :func:`stroke_width` of that class, of what is narrower than the
       background window, gives the scale. Stretch the
       grays so that the ink level becomes 0 and paper stays 1.
    3. Take Sauvola's threshold, in a window of four stroke widths: a stroke and the paper on both
       its sides. Now ``R`` = 0.5 is the standard deviation of half ink, half paper, and ``k`` = 1
       lets the threshold of blank paper fall to the ink level itself and not further.
    4. Drop the components that are nowhere at least three quarters as dark as the ink (stains, show
       through from the other side), or smaller than a quarter of a squared stroke width (specks).
       Fill pinholes of that size.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1]; colour is turned to gray.
    window
        Side of Sauvola's window in pixels, odd; four stroke widths by default.
    k
        Sauvola's ``k`` on the stretched page, in [0, 1]. Less keeps fainter strokes, and stains.
    background_window
        Side of the window that finds the blank paper, in pixels, odd. It must be wider than the
        thickest stroke of the page, or that stroke is hollowed out; stains larger than the window
        are taken for paper. A twentieth of the shorter side by default, at least 31.
    min_contrast
        A page whose ink level lies closer than this to its paper (1 = black on white) is taken to
        be blank, and the darker class to be its grain.

    Returns
    -------
    array
        ``(H, W)`` bool, True = ink.

    Notes
    -----
    To guess the paper, divide by it, threshold and clean up after is the course taken by Gatos,
    Pratikakis and Perantonis. That a component needs one strong pixel to be kept is the hysteresis
    of Canny's edge detector. With the ink level in the place of the darkest gray, step 3 is Wolf's
    formula as well, with extremes that a single blot cannot move.

    Strokes of one or two pixels are blurred to a fraction of the ink's darkness and come out about
    a pixel too wide; enlarge such a page first.

    References
    ----------
    J. Sauvola and M. Pietikäinen, "Adaptive document image binarization", Pattern Recognition,
    2000. B. Gatos, I. Pratikakis and S. J. Perantonis, "Adaptive degraded document image
    binarization", Pattern Recognition, 2006. J. Canny, "A Computational Approach to Edge
    Detection", IEEE Transactions on Pattern Analysis and Machine Intelligence, 1986.
    """
    page = to_float(to_gray(image))
    k = check_number(k, "k", low=0, high=1)
    min_contrast = check_number(min_contrast, "min_contrast", low=0, high=1, low_open=True)
    if background_window is None:
        background_window = _odd(max(31, min(page.shape) / 20))
    even = divide_background(page, window=background_window)
    dark = even <= otsu_threshold(even)
    ink_level = float(np.median(even[dark]))
    if dark.all() or 1 - ink_level < min_contrast:
        return np.zeros(page.shape, np.bool_)
    stretched = np.clip((even - ink_level) / (1 - ink_level), 0, 1)
    stroke = stroke_width(dark, widest=background_window) or background_window
    window = _odd(4 * stroke) if window is None else window
    ink = stretched <= sauvola_threshold(stretched, window, k, dynamic_range=0.5)
    speck = (stroke / 2) ** 2
    return _fill_pinholes(_drop_specks_and_stains(ink, stretched, speck), speck)


def _odd(length: float) -> int:
    """Nearest odd integer, at least 3."""
    return max(3, 2 * round((length - 1) / 2) + 1)


def _drop_specks_and_stains(
    ink: NDArray[np.bool_], stretched: NDArray[np.floating[Any]], speck: float
) -> NDArray[np.bool_]:
    """Keep the components that reach 3/4 of the ink's darkness and are no smaller than a speck."""
    labels, stats = connected_components_with_stats(ink)
    keep = np.zeros(len(stats), np.bool_)
    keep[labels[ink & (stretched <= 0.25)]] = True
    keep &= stats.area >= speck
    keep[0] = False
    return keep[labels]


def _fill_pinholes(ink: NDArray[np.bool_], speck: float) -> NDArray[np.bool_]:
    """Fill the stretches of paper smaller than a speck."""
    labels, stats = connected_components_with_stats(~ink, connectivity=4)
    fill = stats.area < speck
    fill[0] = True  # label 0 is the ink
    return fill[labels]


def binarize(image: Any, method: str = "clean", **parameters: Any) -> NDArray[np.bool_]:
    """Return the ink mask of `image`.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1]; ink is darker than paper.
        NumPy or CuPy.
    method
        "otsu", "niblack", "sauvola" or "wolf" compare the image with that threshold; "clean" is
        :func:`clean_binarize`, for NumPy arrays only.
    **parameters
        Passed to the method's function, such as ``window``, ``k`` and ``rung``.

    Returns
    -------
    array
        ``(H, W)`` bool, True = ink: the pixels at or below the threshold. An image of a single gray
        has no ink, whatever the gray.

    Examples
    --------
    >>> page = np.full((9, 9), 200, np.uint8)
    >>> page[4, 2:7] = 60
    >>> int(binarize(page, "otsu").sum())
    5
    """
    check_choice(method, "method", (*THRESHOLDS, "clean"))
    gray = to_gray(image)
    if method == "clean":
        if array_module(gray) is not np:
            raise TypeError(
                "method 'clean' works on NumPy arrays, got a CuPy array; "
                "on a GPU there are 'otsu', 'niblack', 'sauvola' and 'wolf'"
            )
        return clean_binarize(gray, **parameters)
    if method == "sauvola":
        rung = parameters.pop("rung", None)
        checked = _check_sauvola(gray, **parameters)
        return pick(SAUVOLA_INK_RUNGS, gray, rung=rung)(gray, *checked)
    if method == "otsu" and gray.dtype == np.uint8 and not parameters.keys() - {"rung"}:
        return pick(OTSU_INK_RUNGS, gray, **parameters)(gray)
    return _ink_below(gray, THRESHOLDS[method](gray, **parameters))

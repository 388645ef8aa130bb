"""Template matching by normalised cross-correlation.

The score of a template t at a place of the image f is the correlation coefficient of the template
with the window under it,

    sum (f - mean f) (t - mean t) / sqrt(sum (f - mean f)^2 sum (t - mean t)^2),

between -1 and 1, and the same whatever the gain and the offset of the image. Lewis ("Fast
Normalized Cross-Correlation", Vision Interface, 1995) gets all of them for the price of one
correlation. With the template's mean taken off, the image's drops out of the numerator, which is
then a plain cross-correlation: short sums for a small template, Fourier transforms for a large one.
The sums under the root follow from running sums of f and f^2, whatever the size of the template.

The transforms are not of the whole image but of tiles that fit the processor's cache and overlap by
the template (overlap-save), one thread to a tile.

A window without contrast has no correlation coefficient; its score is 0 here. For uint8 images the
sums are exact and only windows of one level are flat. For floating images, sums are taken in
float64 about the image's mean, and a standard deviation of at most 1e-5 counts as flat, 0.003 of a
level of an 8-bit image.
"""

import functools
import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numba import get_num_threads, njit
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, as_array, pick
from ocrlearn._validate import check_choice, check_image, check_number
from ocrlearn.ops.integral import table_on_gpu

__all__ = ["RUNGS", "Matches", "match_template", "normalized_cross_correlation"]

KERNELS = cuda.KernelFile.beside(__file__)

FLAT = 1e-5
"""Standard deviation up to which a window of a floating image counts as flat."""

LARGEST_TEMPLATE = 2**23  # pixels: n * sum f^2 of uint8 then fits int64
DIRECT_ON_CPU = 100  # pixels of a template up to which the sums are faster than the transforms
DIRECT_ON_GPU = 400  # the same for the kernels, by estimate
WIDEST_TILE = 2048  # scores of a row of a tile: long rows are transformed fastest, by measurement
CACHED_TILE = 2**19  # floats: a tile or its transform then fits a second-level cache of 2 MB


def _flat_variance(image: Any) -> float:
    """Return the variance up to which a window of `image` is flat."""
    return 0.0 if image.dtype == np.uint8 else FLAT**2


def ncc_reference(
    image: NDArray[Any], template: NDArray[Any], method: str = "auto"
) -> NDArray[np.float32]:
    """Correlation coefficient of every window by its definition; `method` makes no difference."""
    height, width = template.shape
    wanted = template.astype(np.float64) - template.mean(dtype=np.float64)
    scores = np.zeros((image.shape[0] - height + 1, image.shape[1] - width + 1), np.float32)
    for y, x in np.ndindex(scores.shape):
        window = image[y : y + height, x : x + width].astype(np.float64)
        found = window - window.mean()
        flat = (found**2).mean() <= _flat_variance(image)
        if not flat and (wanted**2).mean() > _flat_variance(template):
            norm = np.sqrt((found**2).sum() * (wanted**2).sum())
            scores[y, x] = np.clip((found * wanted).sum() / norm, -1, 1)
    return scores


# --- fast -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Template:
    """A template without its mean, and the numerator's factor: 1 / its norm, or 0 if it is flat."""

    centred: Any  # (h, w) float64
    scale: Any  # float64, () in the library of the template

    @classmethod
    def of(cls, template: Any) -> "_Template":
        xp = array_module(template)
        # n t - sum t is exact for uint8, and 0 everywhere for a template of one level.
        values = xp.ascontiguousarray(template, dtype=np.float64)
        centred = (values * template.size - values.sum()) / template.size
        squared = (centred * centred).sum()
        flat = squared <= _flat_variance(template) * template.size
        return cls(centred, xp.where(flat, 0.0, 1.0 / xp.sqrt(xp.where(flat, 1.0, squared))))


@njit(cache=True, nogil=True, error_model="numpy")  # a test for 0 / 0 would stop vectorisation
def _normalise(
    image: NDArray[Any],
    offset: float,
    size: tuple[int, int],
    numerator: NDArray[np.floating[Any]],
    scale: float,
    flat_variance: float,
    scores: NDArray[np.float32],
) -> None:
    """Divide the numerators by what the contrast of the windows demands, by running sums.

    Each column keeps its sums over the height of the template: one pixel enters, one leaves. Along
    the row, one column enters and one leaves. Of uint8 pixels with an offset of 0, all sums are
    whole numbers far below 2**53, and exact.
    """
    height, width = size
    rows, columns = scores.shape
    pixels = float(height * width)
    column_sums, column_squares = np.zeros(columns + width - 1), np.zeros(columns + width - 1)
    changes, square_changes = np.empty(columns), np.empty(columns)
    sums, squares = np.empty(columns), np.empty(columns)
    least = flat_variance * pixels * pixels
    factor = np.float32(scale * np.sqrt(pixels))
    for y in range(rows):
        # The row that leaves does so only after the first window.
        for row in range(0 if y == 0 else height - 1, height):
            entering = image[y + row]
            for x in range(column_sums.size):
                value = entering[x] - offset
                column_sums[x] += value
                column_squares[x] += value * value
        if y > 0:
            leaving = image[y - 1]
            for x in range(column_sums.size):
                value = leaving[x] - offset
                column_sums[x] -= value
                column_squares[x] -= value * value
        entering_sums, entering_squares = column_sums[width:], column_squares[width:]
        for x in range(columns - 1):
            changes[x] = entering_sums[x] - column_sums[x]
            square_changes[x] = entering_squares[x] - column_squares[x]
        total, total_square = column_sums[:width].sum(), column_squares[:width].sum()
        sums[0], squares[0] = total, total_square
        for x in range(columns - 1):
            total += changes[x]
            total_square += square_changes[x]
            sums[x + 1], squares[x + 1] = total, total_square
        row_scores, row_numerator = scores[y], numerator[y]
        for x in range(columns):
            contrast = pixels * squares[x] - sums[x] * sums[x]  # n^2 times the variance
            flat = contrast <= least
            root = np.sqrt(np.float32(1.0 if flat else contrast))
            score = np.float32(row_numerator[x]) * factor / root
            score = min(max(score, np.float32(-1)), np.float32(1))
            row_scores[x] = np.float32(0) if flat else score


def _normalise_part(
    part: NDArray[Any],
    image_mean: float,
    wanted: _Template,
    numerator: NDArray[np.floating[Any]],
    scores: NDArray[np.float32],
) -> None:
    """Call :func:`_normalise` with sums of the pixels of uint8, and else about the mean."""
    _normalise(
        part,
        0.0 if part.dtype == np.uint8 else image_mean,
        wanted.centred.shape,
        numerator,
        float(wanted.scale),
        _flat_variance(part),
        scores,
    )


@njit(cache=True, nogil=True)
def _correlate(
    image: NDArray[Any], offset: float, template: NDArray[np.float64], result: NDArray[np.float64]
) -> None:
    """Sum up the products at every place, one tap of the template after the other.

    Each tap is added along a whole row of the result, which the compiler can vectorise.
    """
    rows, columns = result.shape
    height, width = template.shape
    centred = np.empty((height, columns + width - 1))  # a ring of the rows under the template
    for y in range(-height + 1, rows):
        bottom = y + height - 1
        centred[bottom % height] = image[bottom] - offset
        if y < 0:
            continue
        sums = result[y]
        sums[:] = 0
        for dy in range(height):
            under = centred[(y + dy) % height]
            for dx in range(width):
                tap, shifted = template[dy, dx], under[dx : dx + columns]
                for x in range(columns):
                    sums[x] += tap * shifted[x]


def _direct(image: NDArray[Any], template: NDArray[Any]) -> NDArray[np.float32]:
    wanted = _Template.of(template)
    height, width = template.shape
    scores = np.empty((image.shape[0] - height + 1, image.shape[1] - width + 1), np.float32)
    mean = float(image.mean(dtype=np.float64))

    def band(first: int, last: int) -> None:
        window = image[first : last + height - 1]
        numerator = np.empty((last - first, scores.shape[1]))
        _correlate(window, mean, wanted.centred, numerator)
        _normalise_part(window, mean, wanted, numerator, scores[first:last])

    bands = min(get_num_threads(), len(scores))
    edges = [len(scores) * i // bands for i in range(bands + 1)]
    _in_threads(band, list(itertools.pairwise(edges)))
    return scores


def _in_threads(work: Callable[[int, int], None], jobs: list[tuple[int, int]]) -> None:
    """Do all jobs, as many at a time as Numba would use threads."""
    with ThreadPoolExecutor(min(get_num_threads(), len(jobs))) as pool:
        for _ in pool.map(lambda job: work(*job), jobs):
            pass


@functools.lru_cache(maxsize=64)
def _tiling(
    scores: tuple[int, int], template: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Choose the size of tiles: return that of their transforms, and that of the scores of each.

    The scores are cut across into pieces of at most WIDEST_TILE, and down into 1, 2, 3 ... equal
    pieces. A piece of p scores needs p + h - 1 pixels, and a transform of at least that length with
    small prime factors. The cheapest height is taken, by the count of operations; a tile beyond the
    cache counts half as much again.
    """
    rows, columns = scores
    across = -(-columns // WIDEST_TILE)
    width = scipy.fft.next_fast_len(-(-columns // across) + template[1] - 1, real=True)
    candidates = []
    for down in range(1, min(rows, 64) + 1):
        height = scipy.fft.next_fast_len(-(-rows // down) + template[0] - 1, real=True)
        beyond = 1.5 if height * width > CACHED_TILE else 1.0
        candidates.append((beyond * down * height * math.log2(height * width + 1), height))
    transform = min(candidates)[1], width
    # The transforms may be longer than asked for: use them to the full.
    return transform, (transform[0] - template[0] + 1, transform[1] - template[1] + 1)


def _by_fft(image: NDArray[Any], template: NDArray[Any]) -> NDArray[np.float32]:
    wanted = _Template.of(template)
    height, width = template.shape
    scores = np.empty((image.shape[0] - height + 1, image.shape[1] - width + 1), np.float32)
    transform, tile = _tiling(scores.shape, template.shape)
    spectrum = np.conj(scipy.fft.rfft2(wanted.centred.astype(np.float32), transform))
    mean = float(image.mean(dtype=np.float64))

    def match_tile(top: int, left: int) -> None:
        part = scores[top : top + tile[0], left : left + tile[1]]
        window = image[top : top + len(part) + height - 1, left : left + part.shape[1] + width - 1]
        # Without the mean the numbers are small, and so are their rounding errors.
        centred = np.zeros(transform, np.float32)
        filled = centred[: window.shape[0], : window.shape[1]]
        filled[...] = window
        filled -= np.float32(mean)
        product = scipy.fft.rfft2(centred, overwrite_x=True)
        product *= spectrum
        # Rows that no window starts in are left out before the second half of the way back.
        product = scipy.fft.ifft(product, axis=0, overwrite_x=True)[: len(part)]
        numerator = scipy.fft.irfft(product, transform[1], axis=1, overwrite_x=True)
        _normalise_part(window, mean, wanted, numerator, part)

    tops, lefts = range(0, scores.shape[0], tile[0]), range(0, scores.shape[1], tile[1])
    _in_threads(match_tile, [(top, left) for top in tops for left in lefts])
    return scores


def _ncc_fast(
    image: NDArray[Any], template: NDArray[Any], method: str = "auto"
) -> NDArray[np.float32]:
    if method == "auto":
        method = "direct" if template.size <= DIRECT_ON_CPU else "fft"
    return _direct(image, template) if method == "direct" else _by_fft(image, template)


# --- kernels --------------------------------------------------------------------------------------

BLOCK = (32, 8)
OUTPUTS = 8  # scores below each other that a thread of the direct kernel works on, as in the source


def _types(image: Any, template: Any) -> tuple[dict[str, str], Any]:
    """Return the types to compile the kernels with, and the dtype of the summed-area tables."""
    if image.dtype != np.uint8:
        return {"Pixel": "float", "Sum": "double", "Wide": "double"}, np.float64
    if template.size * 255**2 < 2**32:
        return {"Pixel": "unsigned char", "Sum": "unsigned int", "Wide": "long long"}, np.uint32
    return {"Pixel": "unsigned char", "Sum": "long long", "Wide": "long long"}, np.int64


def _ncc_cuda(image: Any, template: Any, method: str = "auto") -> Any:
    xp = array_module(image, template)
    image = xp.ascontiguousarray(image)
    wanted = _Template.of(template)
    if method == "auto":
        method = "direct" if template.size <= DIRECT_ON_GPU else "fft"
    mean = image.mean(dtype=np.float64)
    centred, mean32 = wanted.centred.astype(np.float32), mean.astype(np.float32)
    if method == "direct":
        numerator, origin = _numerator_direct(image, mean32, centred), 0
    else:
        numerator = _numerator_fft(image, mean32, centred)
        origin = (template.shape[0] - 1) * numerator.shape[1] + template.shape[1] - 1
    types, sums = _types(image, template)
    offset = xp.zeros(1, sums) if image.dtype == np.uint8 else mean.reshape(1)
    height, width = image.shape
    rows, columns = height - template.shape[0] + 1, width - template.shape[1] + 1
    scores = cuda.empty((rows, columns), np.float32, like=image)
    cuda.launch(
        KERNELS.kernel("normalise", **types),
        cuda.blocks_for((columns, rows), BLOCK),
        BLOCK,
        sums=table_on_gpu(image, sums, offset),
        squares=table_on_gpu(image, sums, offset, power=2),
        height=height,
        width=width,
        template_height=template.shape[0],
        template_width=template.shape[1],
        numerator=numerator,
        origin=origin,
        stride=numerator.shape[1],
        scale=wanted.scale.reshape(1),
        flat_variance=_flat_variance(image),
        scores=scores,
    )
    return scores


def _numerator_direct(image: Any, mean: Any, template: Any) -> Any:
    height, width = image.shape
    rows, columns = height - template.shape[0] + 1, width - template.shape[1] + 1
    numerator = cuda.empty((rows, columns), np.float32, like=image)
    cuda.launch(
        KERNELS.kernel("correlate", **_types(image, template)[0]),
        cuda.blocks_for((columns, rows), (BLOCK[0], BLOCK[1] * OUTPUTS)),
        BLOCK,
        image=image,
        mean=mean.reshape(1),
        height=height,
        width=width,
        wanted=template,
        template_height=template.shape[0],
        template_width=template.shape[1],
        numerator=numerator,
    )
    return numerator


def _numerator_fft(image: Any, mean: Any, template: Any) -> Any:
    """Correlate by one transform of the whole image: a GPU has no use for tiles.

    Correlation is convolution with the template turned round. The sum for the window at (x, y) is
    then at (x + w - 1, y + h - 1), and what wraps around the borders only spoils places before.
    """
    xp = array_module(image)
    size = tuple(scipy.fft.next_fast_len(side, real=True) for side in image.shape)
    product = xp.fft.rfft2(image.astype(np.float32) - mean, size)
    product *= xp.fft.rfft2(template[::-1, ::-1], size)
    return xp.ascontiguousarray(xp.fft.irfft2(product, size), dtype=np.float32)


RUNGS: dict[str, Callable[..., Any]] = {
    "reference": ncc_reference,
    "fast": _ncc_fast,
    "cuda": _ncc_cuda,
}


# --- the public functions -------------------------------------------------------------------------


def _check_gray(image: Any, name: str) -> Any:
    """Return a NumPy or CuPy image as uint8 or float32."""
    image = check_image(image, name, gray=True)
    if image.dtype == np.uint8:
        return image
    return image.astype(np.uint8 if image.dtype == np.bool_ else np.float32)


def normalized_cross_correlation(
    image: Any, template: Any, method: str = "auto", *, rung: str | None = None
) -> Any:
    """Correlation coefficient of a template with every window of an image (Lewis, 1995).

    Parameters
    ----------
    image
        ``(H, W)`` gray: uint8, bool or float in [0, 1]. NumPy or CuPy; the range of a CuPy image is
        not checked.
    template
        ``(h, w)``, the same, in the same library; at most as high and wide as the image and at most
        2**23 pixels. It may have another dtype than the image: gain and offset do not count.
    method
        "direct" sums up products, "fft" multiplies Fourier transforms, and "auto" takes what is
        likely to be faster: "direct" for templates up to 10 x 10 pixels, or 20 x 20 on a GPU.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    scores
        ``(H - h + 1, W - w + 1)`` float32 in [-1, 1]. Entry ``[y, x]`` belongs to the window whose
        top left pixel is (x, y). 0 where the window, or the template, has no contrast; see the
        module.

    Raises
    ------
    TypeError, ValueError
        If an argument is no gray image, `template` is too large, or `method` is unknown.

    Notes
    -----
    "fft", and the kernels, compute numerators in float32. The error of a score is about 1e-6 for a
    window of ordinary contrast, and grows as that contrast falls against that of its surroundings.

    Examples
    --------
    >>> image = np.array([[0, 0, 0, 0], [0, 9, 5, 0]], np.uint8)
    >>> normalized_cross_correlation(image, np.array([[50, 30]], np.uint8)).round(3).tolist()
    [[0.0, 0.0, 0.0], [-1.0, 1.0, 1.0]]
    """
    image, template = _check_gray(image, "image"), _check_gray(template, "template")
    if template.shape[0] > image.shape[0] or template.shape[1] > image.shape[1]:
        raise ValueError(
            f"template must fit into the image of shape {image.shape}, got shape {template.shape}"
        )
    if template.size > LARGEST_TEMPLATE:
        raise ValueError(
            f"template must have at most {LARGEST_TEMPLATE} pixels, got shape {template.shape}"
        )
    method = check_choice(method, "method", ("auto", "direct", "fft"))
    return pick(RUNGS, image, template, rung=rung)(image, template, method)


@dataclass(frozen=True, eq=False)
class Matches:
    """Where a template was found, the best first.

    Attributes
    ----------
    positions
        ``(M, 2)`` int32, (x, y) of the top left pixel under the template.
    scores
        ``(M,)`` float32, the correlation coefficients there.
    """

    positions: Any
    scores: Any

    def __len__(self) -> int:
        """Return the number of matches."""
        return len(self.scores)


def match_template(
    image: Any,
    template: Any,
    threshold: float = 0.8,
    max_matches: int | None = None,
    *,
    method: str = "auto",
    rung: str | None = None,
) -> Matches:
    """Find a template in an image: the peaks of the correlation, without their neighbours.

    The best place is taken, and all are ruled out where the template would lie over it by more than
    half of its width and half of its height; then the best of the rest, and so on.

    Parameters
    ----------
    image, template, method, rung
        As in :func:`normalized_cross_correlation`. For CuPy arrays the scores are computed on the
        GPU and the places above the threshold are sorted on the host, which waits for the GPU.
    threshold
        Least score of a match, in [-1, 1].
    max_matches
        Stop after that many, at least 1. All by default.

    Returns
    -------
    Matches
        Sorted by falling score; of equal scores, the first in raster order comes first.

    Raises
    ------
    TypeError, ValueError
        As above, or if `threshold` or `max_matches` is out of range.
    """
    threshold = check_number(threshold, "threshold", low=-1, high=1)
    most: float = math.inf
    if max_matches is not None:
        most = check_number(max_matches, "max_matches", low=1, integer=True)
    scores = normalized_cross_correlation(image, template, method, rung=rung)
    xp = array_module(scores)
    candidates = xp.flatnonzero(scores >= np.float32(threshold))
    # Lists, because they are copied to the host from CuPy and NumPy arrays alike.
    places = np.array(candidates.tolist(), np.int64)
    values = np.array(scores.ravel()[candidates].tolist(), np.float32)
    kept = _suppress(places, values, scores.shape, as_array(template).shape, most)
    y, x = np.divmod(places[kept], scores.shape[1])
    positions = np.stack([x, y], axis=-1).astype(np.int32)
    return Matches(xp.asarray(positions), xp.asarray(values[kept]))


def _suppress(
    places: NDArray[np.int64],
    values: NDArray[np.float32],
    shape: tuple[int, int],
    template: tuple[int, int],
    most: float,
) -> NDArray[np.intp]:
    """Return which places to keep, the best first; see :func:`match_template`."""
    down, across = (-(-side // 2) - 1 for side in template)  # the greatest distance ruled out
    ruled_out = np.zeros(shape, bool)
    kept: list[int] = []
    for i in np.lexsort((places, -values)):
        y, x = divmod(int(places[i]), shape[1])
        if ruled_out[y, x]:
            continue
        kept.append(int(i))
        if len(kept) >= most:
            break
        ruled_out[max(y - down, 0) : y + down + 1, max(x - across, 0) : x + across + 1] = True
    return np.array(kept, np.intp)

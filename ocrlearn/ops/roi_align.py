"""RoIAlign: the features inside a box as a grid of fixed size, sampled without rounding.

RoIAlign (He et al., "Mask R-CNN", ICCV 2017) cuts a box into bins and takes the mean of a few
regularly spaced samples of each, with bilinear interpolation between the four nearest features.
Nothing is rounded, so a box moved by a tenth of a pixel gives slightly other features, where
RoIPool (:mod:`ocrlearn.ops.roi_pool`) gives the same ones or jumps.

The position-sensitive form (Dai et al., "R-FCN: Object Detection via Region-based Fully
Convolutional Networks", NIPS 2016, with He et al.'s sampling) reads each bin from a channel of its
own; see :mod:`ocrlearn.ops.ps_roi`.

**Where a sample lies.** With ``aligned=True`` the edges of pixels lie at whole numbers of the
coordinates, so that feature ``[y, x]`` is the square from (x, y) to (x + 1, y + 1) and a box is
moved by half a pixel when it is read as indices. ``aligned=False`` is what the first
implementations did: no half pixel, and boxes widened to at least one pixel. Both are as torchvision
documents them.

**Outside the map.** A sample more than one pixel beyond the outermost pixel centres is 0 and counts
in the mean. One nearer than that has the value of the edge. A sample that lies just on that limit
may fall to either side, by the last bit of its place, and so differ from rung to rung.

The fast rung uses that the samples of a bin form a grid, so that the mean over them is a weighted
sum along x followed by one along y: it works out once per box, for every column of bins, which
features count and how much, and for every row likewise. Samples that fall between the same features
are added up beforehand, and the sums along x are shared by all samples of a row. The gradient is
the same two sums the other way round.
"""

import math
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, pick
from ocrlearn.ops import _roi
from ocrlearn.ops._c_types import c_type

__all__ = [
    "GRADIENT_RUNGS",
    "KERNELS",
    "RUNGS",
    "ps_roi_align",
    "ps_roi_align_gradient",
    "roi_align",
    "roi_align_gradient",
]

KERNELS = cuda.KernelFile.beside(__file__)
BLOCK = 256
CHANNELS_PER_THREAD = 4  # also in roi_align.cu


# --- The reference --------------------------------------------------------------------------------


def _bin_of_features(
    roi: NDArray[np.float64],
    i: int,
    j: int,
    output_size: tuple[int, int],
    map_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> list[tuple[int, int, float]]:
    """Return the features (row, column, weight) that make up bin (i, j) of a box."""
    offset = 0.5 if aligned else 0.0
    x0, y0, x1, y1 = roi[1:] * spatial_scale - offset
    box_width, box_height = x1 - x0, y1 - y0
    if not aligned:
        box_width, box_height = max(box_width, 1.0), max(box_height, 1.0)
    bin_height, bin_width = box_height / output_size[0], box_width / output_size[1]
    rows = columns = sampling_ratio
    if sampling_ratio <= 0:
        rows = min(max(math.ceil(bin_height), 0), _roi.MOST_SAMPLES)
        columns = min(max(math.ceil(bin_width), 0), _roi.MOST_SAMPLES)
    found = []
    for row in range(rows):
        y = y0 + (i + (row + 0.5) / rows) * bin_height
        for column in range(columns):
            x = x0 + (j + (column + 0.5) / columns) * bin_width
            for yy, xx, weight in _roi.corners_and_weights(x, y, *map_size):
                found.append((yy, xx, weight / (rows * columns)))
    return found


def _input_channels(channels: int, bin_number: int, position_sensitive: bool, bins: int) -> slice:
    """Return the channels of the features that a bin's output channels are read from."""
    if position_sensitive:
        return slice(bin_number, channels * bins, bins)
    return slice(0, channels)


def roi_align_reference(
    features: NDArray[Any],
    rois: NDArray[Any],
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    position_sensitive: bool,
) -> NDArray[Any]:
    """Box by box, bin by bin, sample by sample."""
    bins_y, bins_x = output_size
    bins = bins_y * bins_x
    channels = features.shape[1] // bins if position_sensitive else features.shape[1]
    pooled = np.zeros((len(rois), channels, bins_y, bins_x), features.dtype)
    for r, roi in enumerate(rois.astype(np.float64)):
        for i, j in np.ndindex(bins_y, bins_x):
            read = _input_channels(channels, i * bins_x + j, position_sensitive, bins)
            for y, x, weight in _bin_of_features(
                roi, i, j, output_size, features.shape[2:], spatial_scale, sampling_ratio, aligned
            ):
                pooled[r, :, i, j] += weight * features[int(roi[0]), read, y, x]
    return pooled


def roi_align_gradient_reference(
    gradient: NDArray[Any],
    rois: NDArray[Any],
    features_shape: tuple[int, int, int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    position_sensitive: bool,
) -> NDArray[Any]:
    """Hand each bin's gradient to the features that made it up, by their weights."""
    channels, bins_y, bins_x = gradient.shape[1:]
    result = np.zeros(features_shape, gradient.dtype)
    size = (bins_y, bins_x)
    for r, roi in enumerate(rois.astype(np.float64)):
        for i, j in np.ndindex(bins_y, bins_x):
            read = _input_channels(channels, i * bins_x + j, position_sensitive, bins_y * bins_x)
            for y, x, weight in _bin_of_features(
                roi, i, j, size, features_shape[2:], spatial_scale, sampling_ratio, aligned
            ):
                result[int(roi[0]), read, y, x] += weight * gradient[r, :, i, j]
    return result


# --- The fast rung --------------------------------------------------------------------------------


@njit(cache=True)
def _weigh_axis(
    start: float,
    bin_size: float,
    samples: int,
    length: int,
    first: NDArray[np.int32],
    count: NDArray[np.int32],
    weights: NDArray[np.float64],
) -> None:
    """Work out for every bin along one axis which features count and how much.

    Bin `i` is the sum of ``weights[i, k]`` times feature ``first[i] + k`` for ``k < count[i]``.
    """
    for i in range(len(first)):
        first[i], count[i] = 0, 0
        for step in range(samples):
            sample = step if bin_size >= 0 else samples - 1 - step  # from low places to high ones
            place = start + (i + (sample + 0.5) / samples) * bin_size
            if place < -1 or place > length:
                continue
            place = min(max(place, 0.0), length - 1.0)
            low = int(place)
            high = min(low + 1, length - 1)
            if count[i] == 0:
                first[i] = low
            while first[i] + count[i] <= high:  # a sample further on may reach new features
                weights[i, count[i]] = 0.0
                count[i] += 1
            weights[i, low - first[i]] += (1.0 - (place - low)) / samples
            weights[i, high - first[i]] += (place - low) / samples


@njit(cache=True, parallel=True)
def _weigh(
    bins: NDArray[np.float64],
    samples: NDArray[np.int32],
    axis: int,
    length: int,
    first: NDArray[np.int32],
    count: NDArray[np.int32],
    weights: NDArray[np.float64],
) -> None:
    """Work out the weights of all boxes along x (axis 0) or y (axis 1)."""
    for r in prange(len(bins)):
        _weigh_axis(bins[r, axis], bins[r, 2 + axis], samples[r, axis], length,
                    first[r], count[r], weights[r])  # fmt: skip


@njit(cache=True)
def _rows_used(first: NDArray[np.int32], count: NDArray[np.int32]) -> tuple[int, int]:
    """Return the first row that any bin uses, and the one after the last."""
    top, bottom = 2**30, 0
    for i in range(len(first)):
        if count[i]:
            top = min(top, first[i])
            bottom = max(bottom, first[i] + count[i])
    return min(top, bottom), bottom


@njit(cache=True, parallel=True)
def _align(
    features: NDArray[Any],
    images: NDArray[np.int32],
    first_x: NDArray[np.int32],
    count_x: NDArray[np.int32],
    weights_x: NDArray[np.float64],
    first_y: NDArray[np.int32],
    count_y: NDArray[np.int32],
    weights_y: NDArray[np.float64],
    pooled: NDArray[Any],
) -> None:
    """Sum along x for every row that the box uses, then along y."""
    rois, channels, bins_y, bins_x = pooled.shape
    for r in prange(rois):
        top, bottom = _rows_used(first_y[r], count_y[r])
        sums = np.empty((bottom - top, bins_x), np.float64)
        for c in range(channels):
            plane = features[images[r], c]
            for y in range(top, bottom):
                for j in range(bins_x):
                    total = 0.0
                    for k in range(count_x[r, j]):
                        total += weights_x[r, j, k] * plane[y, first_x[r, j] + k]
                    sums[y - top, j] = total
            for i in range(bins_y):
                for j in range(bins_x):
                    total = 0.0
                    for k in range(count_y[r, i]):
                        total += weights_y[r, i, k] * sums[first_y[r, i] + k - top, j]
                    pooled[r, c, i, j] = total


@njit(cache=True, parallel=True)
def _align_gradient(
    gradient: NDArray[Any],
    images: NDArray[np.int32],
    first_x: NDArray[np.int32],
    count_x: NDArray[np.int32],
    weights_x: NDArray[np.float64],
    first_y: NDArray[np.int32],
    count_y: NDArray[np.int32],
    weights_y: NDArray[np.float64],
    result: NDArray[Any],
) -> None:
    """Spread along y, then along x; boxes overlap, so the threads share channels."""
    rois, channels, bins_y, bins_x = gradient.shape
    height = result.shape[2]
    for c in prange(channels):
        sums = np.empty((height, bins_x), np.float64)
        for r in range(rois):
            top, bottom = _rows_used(first_y[r], count_y[r])
            sums[top:bottom] = 0.0
            for i in range(bins_y):
                for k in range(count_y[r, i]):
                    for j in range(bins_x):
                        sums[first_y[r, i] + k, j] += weights_y[r, i, k] * gradient[r, c, i, j]
            plane = result[images[r], c]
            for y in range(top, bottom):
                for j in range(bins_x):
                    for k in range(count_x[r, j]):
                        plane[y, first_x[r, j] + k] += weights_x[r, j, k] * sums[y, j]


@njit(cache=True, parallel=True)
def _ps_align(
    features: NDArray[Any],
    images: NDArray[np.int32],
    first_x: NDArray[np.int32],
    count_x: NDArray[np.int32],
    weights_x: NDArray[np.float64],
    first_y: NDArray[np.int32],
    count_y: NDArray[np.int32],
    weights_y: NDArray[np.float64],
    pooled: NDArray[Any],
) -> None:
    """Sum each bin in its own channel: no two bins share a row, so there is nothing to keep."""
    rois, channels, bins_y, bins_x = pooled.shape
    for r in prange(rois):
        for c in range(channels):
            for i in range(bins_y):
                for j in range(bins_x):
                    plane = features[images[r], (c * bins_y + i) * bins_x + j]
                    total = 0.0
                    for ky in range(count_y[r, i]):
                        along = 0.0
                        for kx in range(count_x[r, j]):
                            along += (
                                weights_x[r, j, kx] * plane[first_y[r, i] + ky, first_x[r, j] + kx]
                            )
                        total += weights_y[r, i, ky] * along
                    pooled[r, c, i, j] = total


@njit(cache=True, parallel=True)
def _ps_align_gradient(
    gradient: NDArray[Any],
    images: NDArray[np.int32],
    first_x: NDArray[np.int32],
    count_x: NDArray[np.int32],
    weights_x: NDArray[np.float64],
    first_y: NDArray[np.int32],
    count_y: NDArray[np.int32],
    weights_y: NDArray[np.float64],
    result: NDArray[Any],
) -> None:
    """Spread each bin in its own channel; the threads share channels."""
    rois, _, bins_y, bins_x = gradient.shape
    for channel in prange(result.shape[1]):
        c, i, j = channel // (bins_y * bins_x), channel // bins_x % bins_y, channel % bins_x
        for r in range(rois):
            plane = result[images[r], channel]
            for ky in range(count_y[r, i]):
                share = gradient[r, c, i, j] * weights_y[r, i, ky]
                for kx in range(count_x[r, j]):
                    plane[first_y[r, i] + ky, first_x[r, j] + kx] += share * weights_x[r, j, kx]


def _all_weights(
    rois: NDArray[Any],
    output_size: tuple[int, int],
    map_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> list[NDArray[Any]]:
    """Return first, count and weights along x and then along y; see :func:`_weigh_axis`."""
    bins, samples = _roi.bin_grids(rois, output_size, spatial_scale, sampling_ratio, aligned)
    answer: list[NDArray[Any]] = []
    for axis in (0, 1):
        number, length = output_size[1 - axis], map_size[1 - axis]
        # The samples of a bin reach one feature less than this, and never more than there are.
        widest = math.ceil(float(np.abs(bins[:, 2 + axis]).max(initial=0.0))) + 3
        first = np.empty((len(rois), number), np.int32)
        count = np.empty((len(rois), number), np.int32)
        weights = np.empty((len(rois), number, min(widest, length)), np.float64)
        _weigh(bins, samples, axis, length, first, count, weights)
        answer += [first, count, weights]
    return answer


def _roi_align_fast(
    features: NDArray[Any],
    rois: NDArray[Any],
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    position_sensitive: bool,
) -> NDArray[Any]:
    bins = output_size[0] * output_size[1]
    channels = features.shape[1] // bins if position_sensitive else features.shape[1]
    pooled = np.empty((len(rois), channels, *output_size), features.dtype)
    weights = _all_weights(
        rois, output_size, features.shape[2:], spatial_scale, sampling_ratio, aligned
    )
    images = _roi.image_numbers(rois, len(features))
    perform: Any = _ps_align if position_sensitive else _align
    perform(np.ascontiguousarray(features), images, *weights, pooled)
    return pooled


def _roi_align_gradient_fast(
    gradient: NDArray[Any],
    rois: NDArray[Any],
    features_shape: tuple[int, int, int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    position_sensitive: bool,
) -> NDArray[Any]:
    result = np.zeros(features_shape, gradient.dtype)
    size = (gradient.shape[2], gradient.shape[3])
    weights = _all_weights(rois, size, features_shape[2:], spatial_scale, sampling_ratio, aligned)
    images = _roi.image_numbers(rois, features_shape[0])
    perform: Any = _ps_align_gradient if position_sensitive else _align_gradient
    perform(np.ascontiguousarray(gradient), images, *weights, result)
    return result


# --- The CUDA rung --------------------------------------------------------------------------------


def _arguments(
    rois: Any,
    shape: tuple[int, ...],
    output: tuple[int, ...],
    dtype: Any,
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    position_sensitive: bool,
) -> dict[str, Any]:
    """Return what both kernels take: the boxes, and the shapes of the features and the output."""
    images, input_channels, height, width = shape
    _, channels, bins_y, bins_x = output
    bins, samples = _roi.bin_grids(rois, (bins_y, bins_x), spatial_scale, sampling_ratio, aligned)
    return {
        "images": _roi.image_numbers(rois, images),
        "boxes": bins.astype(dtype),
        "samples": samples,
        "batch": images,
        "input_channels": input_channels,
        "height": height,
        "width": width,
        "rois": len(rois),
        "channels": channels,
        "bins_y": bins_y,
        "bins_x": bins_x,
        "position_sensitive": position_sensitive,
    }


def _grid(output: tuple[int, ...]) -> tuple[int, ...]:
    """Return the blocks in which a thread takes one bin in a few channels."""
    rois, channels, bins_y, bins_x = output
    threads = rois * math.ceil(channels / CHANNELS_PER_THREAD) * bins_y * bins_x
    return cuda.blocks_for(threads, BLOCK)


def _roi_align_cuda(
    features: Any,
    rois: Any,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    position_sensitive: bool,
) -> Any:
    xp = array_module(features)
    bins = output_size[0] * output_size[1]
    channels = features.shape[1] // bins if position_sensitive else features.shape[1]
    pooled = cuda.empty((len(rois), channels, *output_size), features.dtype, like=features)
    arguments = _arguments(rois, features.shape, pooled.shape, features.dtype, spatial_scale,
                           sampling_ratio, aligned, position_sensitive)  # fmt: skip
    cuda.launch(
        KERNELS.kernel("align", Real=c_type(features.dtype)),
        _grid(pooled.shape),
        BLOCK,
        features=xp.ascontiguousarray(features),
        pooled=pooled,
        **arguments,
    )
    return pooled


def _roi_align_gradient_cuda(
    gradient: Any,
    rois: Any,
    features_shape: tuple[int, int, int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    position_sensitive: bool,
) -> Any:
    xp = array_module(gradient)
    result = xp.zeros(features_shape, gradient.dtype)
    arguments = _arguments(rois, features_shape, gradient.shape, gradient.dtype, spatial_scale,
                           sampling_ratio, aligned, position_sensitive)  # fmt: skip
    cuda.launch(
        KERNELS.kernel("align_gradient", Real=c_type(gradient.dtype)),
        _grid(gradient.shape),
        BLOCK,
        gradient=xp.ascontiguousarray(gradient),
        result=result,
        **arguments,
    )
    return result


RUNGS = {"reference": roi_align_reference, "fast": _roi_align_fast, "cuda": _roi_align_cuda}
GRADIENT_RUNGS = {
    "reference": roi_align_gradient_reference,
    "fast": _roi_align_gradient_fast,
    "cuda": _roi_align_gradient_cuda,
}


# --- Public functions -----------------------------------------------------------------------------


def roi_align(
    features: Any,
    rois: Any,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    aligned: bool = True,
    *,
    rung: str | None = None,
) -> Any:
    """Take the mean of a few samples in each bin of each box (RoIAlign).

    Parameters
    ----------
    features
        ``(N, C, H, W)`` float32 or float64 feature maps.
    rois
        ``(R, 5)`` float32 or float64, a row ``[image, x0, y0, x1, y1]`` for each box, in pixels of
        the image. With `aligned`, the edges of pixels lie at whole numbers: add 0.5 to the four
        coordinates of a box of :mod:`ocrlearn.geometry`, which has the centres there.
    output_size
        Number of bins, one number or (height, width).
    spatial_scale
        Resolution of the feature map over that of the image, above 0.
    sampling_ratio
        Samples of a bin along each side; the paper takes 2. With 0 or -1 there are as many as the
        bin is pixels of the feature map wide or high, rounded up, and at most 1024, so that a box
        of absurd size does not stop the program.
    aligned
        Whether to move the box by half a pixel of the feature map when reading it as indices; see
        the module's text. torchvision's default is False, for the sake of old models.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    pooled
        ``(R, C, height, width)`` of the features' dtype. Samples more than a pixel outside the map
        count as 0. A box that is inside out gives 0 with an adaptive `sampling_ratio`.

    Raises
    ------
    TypeError
        If an array is not float32 or float64, or `aligned` is not a bool.
    ValueError
        If a shape, a number or, for NumPy arrays, a RoI is not as described. On a GPU an image
        number out of range is moved to the nearest image, because looking would wait.

    Notes
    -----
    He, Gkioxari, Dollár and Girshick, "Mask R-CNN", ICCV 2017. The same as
    ``torchvision.ops.roi_align``.

    Examples
    --------
    >>> features = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_align(features, np.array([[0.0, 0, 0, 4, 4]]), 2)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    _roi.check_features(features)
    scale, ratio = _roi.check_sampling(spatial_scale, sampling_ratio, aligned)
    _roi.check_rois(rois, len(features), scale)
    size = _roi.check_output_size(output_size)
    perform = pick(RUNGS, features, rois, rung=rung)
    return perform(features, rois, size, scale, ratio, bool(aligned), False)


def roi_align_gradient(
    gradient: Any,
    rois: Any,
    features_shape: Any,
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    aligned: bool = True,
    *,
    rung: str | None = None,
) -> Any:
    """Return the gradient of :func:`roi_align` with respect to the features.

    Parameters
    ----------
    gradient
        ``(R, C, height, width)`` float32 or float64: the gradient with respect to `pooled`.
    rois, spatial_scale, sampling_ratio, aligned
        What :func:`roi_align` was given.
    features_shape
        ``(N, C, H, W)``.
    rung
        As for :func:`roi_align`. On a GPU boxes are added in no fixed order, so that the last bits
        may differ from run to run.

    Returns
    -------
    array
        ``(N, C, H, W)`` of the gradient's dtype. There is no gradient with respect to the boxes.

    Raises
    ------
    TypeError, ValueError
        As :func:`roi_align`; also where the shape of `gradient` does not fit.
    """
    shape = _roi.check_features_shape(features_shape)
    return _gradient(
        gradient, rois, shape, shape[1], spatial_scale, sampling_ratio, aligned, False, rung
    )


def ps_roi_align(
    features: Any,
    rois: Any,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    *,
    rung: str | None = None,
) -> Any:
    """Take the mean of a few samples in each bin, read from the bin's own channel.

    The aligned form of :func:`ocrlearn.ops.ps_roi.ps_roi_pool`: with k bins in a box, output
    channel ``c`` of bin ``b`` is read from input channel ``c * k + b``.

    Parameters
    ----------
    features
        ``(N, C * height * width, H, W)`` float32 or float64.
    rois, output_size, spatial_scale, sampling_ratio, rung
        As for :func:`roi_align` with ``aligned=True``.

    Returns
    -------
    pooled
        ``(R, C, height, width)``. The same as ``torchvision.ops.ps_roi_align``.

    Raises
    ------
    TypeError, ValueError
        As :func:`roi_align`; also where the channels are not a multiple of the bins.
    """
    _roi.check_features(features)
    scale, ratio = _roi.check_sampling(spatial_scale, sampling_ratio, True)
    _roi.check_rois(rois, len(features), scale)
    size = _roi.check_output_size(output_size)
    _roi.check_position_sensitive(features.shape[1], size)
    perform = pick(RUNGS, features, rois, rung=rung)
    return perform(features, rois, size, scale, ratio, True, True)


def ps_roi_align_gradient(
    gradient: Any,
    rois: Any,
    features_shape: Any,
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    *,
    rung: str | None = None,
) -> Any:
    """Return the gradient of :func:`ps_roi_align` with respect to the features.

    Parameters
    ----------
    gradient
        ``(R, C, height, width)`` float32 or float64: the gradient with respect to `pooled`.
    rois, spatial_scale, sampling_ratio
        What :func:`ps_roi_align` was given.
    features_shape
        ``(N, C * height * width, H, W)``.
    rung
        As for :func:`roi_align_gradient`.

    Returns
    -------
    array
        ``(N, C * height * width, H, W)`` of the gradient's dtype.

    Raises
    ------
    TypeError, ValueError
        As :func:`ps_roi_align`; also where the shape of `gradient` does not fit.
    """
    shape = _roi.check_features_shape(features_shape)
    channels = _roi.channels_of_gradient(gradient, shape[1])
    return _gradient(
        gradient, rois, shape, channels, spatial_scale, sampling_ratio, True, True, rung
    )


def _gradient(
    gradient: Any,
    rois: Any,
    shape: tuple[int, int, int, int],
    channels: int,
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    position_sensitive: bool,
    rung: str | None,
) -> Any:
    scale, ratio = _roi.check_sampling(spatial_scale, sampling_ratio, aligned)
    _roi.check_rois(rois, shape[0], scale)
    _roi.check_gradient(gradient, len(rois), channels)
    perform = pick(GRADIENT_RUNGS, gradient, rois, rung=rung)
    return perform(gradient, rois, shape, scale, ratio, bool(aligned), position_sensitive)

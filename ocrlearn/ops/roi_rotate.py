"""RoIRotate: lines of text at any angle, sampled upright at one height.

Liu et al. ("FOTS: Fast Oriented Text Spotting with a Unified Network", CVPR 2018) join a detector
and a recogniser in one network: the features inside a rotated box are sampled with bilinear
interpolation on a grid that is turned with the text, of fixed height and of the width that keeps
the proportions. Recognition then reads the features upright, and its gradient reaches the
detector's backbone.

Row ``i`` and column ``j`` of a crop of ``height x width`` samples is the centre of its cell when
the box is divided into that many cells. Columns beyond the box's width are 0, so that boxes of
different widths fit one array; the width of each is returned beside it.

**Outside the map** a sample is treated as in :mod:`ocrlearn.ops.roi_align`: 0 from one pixel beyond
the outermost pixel centres, nearer than that the value of the edge. An upright box gives what
RoIAlign gives with one sample for each bin.

**Deviations from the paper.** The paper gives the transformation for boxes described by distances
to the sides; here it is that of a rotated box, which says the same. Widths are rounded to whole
samples, and the box is divided evenly among them, so the last sample never lies outside it; a box
wider than `max_width` allows is squeezed instead of cut.
"""

import math
from typing import Any

import numba
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
    "roi_rotate",
    "roi_rotate_gradient",
    "roi_rotate_widths",
]

KERNELS = cuda.KernelFile.beside(__file__)
BLOCK = 256
CHANNELS_PER_THREAD = 4  # also in roi_rotate.cu
WIDEST = 4096  # columns where the caller sets no limit: enough for a line of 500 characters
FLATTEST = 1e-6  # pixels: the height of a box that has none

Crops = tuple[NDArray[Any], NDArray[np.int32]]


# --- The reference --------------------------------------------------------------------------------


def _crop_width(w: float, h: float, height: int, max_width: int) -> int:
    """Return how many columns keep the proportions of a w x h box that is sampled `height` high."""
    return min(max(math.floor(height * w / max(h, FLATTEST) + 0.5), 1), max_width)


def _sample_place(
    roi: NDArray[np.float64], i: int, j: int, height: int, width: int, spatial_scale: float
) -> tuple[float, float]:
    """Return where on the feature map row `i` and column `j` of a box's crop are taken."""
    _, cx, cy, w, h, angle = roi
    along = ((j + 0.5) / width - 0.5) * w  # from the centre, in pixels of the image
    down = ((i + 0.5) / height - 0.5) * h
    x = cx + along * math.cos(angle) + down * math.sin(angle)
    y = cy - along * math.sin(angle) + down * math.cos(angle)
    return (x + 0.5) * spatial_scale - 0.5, (y + 0.5) * spatial_scale - 0.5


def roi_rotate_reference(
    features: NDArray[Any], rois: NDArray[Any], height: int, max_width: int, spatial_scale: float
) -> Crops:
    """Box by box, row by row, sample by sample."""
    crops = np.zeros((len(rois), features.shape[1], height, max_width), features.dtype)
    widths = np.zeros(len(rois), np.int32)
    for r, roi in enumerate(rois.astype(np.float64)):
        widths[r] = _crop_width(roi[3], roi[4], height, max_width)
        for i, j in np.ndindex(height, int(widths[r])):
            x, y = _sample_place(roi, i, j, height, int(widths[r]), spatial_scale)
            for row, column, weight in _roi.corners_and_weights(x, y, *features.shape[2:]):
                crops[r, :, i, j] += weight * features[int(roi[0]), :, row, column]
    return crops, widths


def roi_rotate_gradient_reference(
    gradient: NDArray[Any],
    rois: NDArray[Any],
    features_shape: tuple[int, int, int, int],
    spatial_scale: float,
) -> NDArray[Any]:
    """Hand each sample's gradient to the features it was interpolated from, by their weights."""
    height, max_width = gradient.shape[2:]
    result = np.zeros(features_shape, gradient.dtype)
    for r, roi in enumerate(rois.astype(np.float64)):
        width = _crop_width(roi[3], roi[4], height, max_width)
        for i, j in np.ndindex(height, width):
            x, y = _sample_place(roi, i, j, height, width, spatial_scale)
            for row, column, weight in _roi.corners_and_weights(x, y, *features_shape[2:]):
                result[int(roi[0]), :, row, column] += weight * gradient[r, :, i, j]
    return result


# --- What the fast path and the kernels share -----------------------------------------------------


def _widths(rois: Any, height: int, max_width: int) -> Any:
    """Return the columns of every box, ``(R,)`` int32."""
    xp = array_module(rois)
    boxes = rois[:, 3:5].astype(np.float64)
    proportional = xp.floor(height * boxes[:, 0] / xp.maximum(boxes[:, 1], FLATTEST) + 0.5)
    return xp.clip(proportional, 1, max_width).astype(np.int32)


def _frames(rois: Any, widths: Any, height: int, spatial_scale: float) -> Any:
    """Return ``(R, 6)`` float64: x, y of the first sample, the step to the next column, to the row.

    In indices of the feature map, two numbers each.
    """
    xp = array_module(rois)
    centre, sides, along, down = _roi.rotated_frames(rois, spatial_scale)
    next_column = along * (sides[:, :1] / widths[:, None])
    next_row = down * (sides[:, 1:] / height)
    first = centre - 0.5 * (widths[:, None] - 1) * next_column - 0.5 * (height - 1) * next_row
    return xp.ascontiguousarray(xp.concatenate([first, next_column, next_row], axis=1))


# --- The fast rung --------------------------------------------------------------------------------


@njit(cache=True)
def _find_corners(
    frame: NDArray[np.float64],
    crop_height: int,
    crop_width: int,
    height: int,
    width: int,
    places: NDArray[np.int32],
    weights: NDArray[np.float64],
) -> None:
    """Write the four features of every sample of a crop, and their weights; all 0 outside."""
    for i in range(crop_height):
        for j in range(crop_width):
            x = frame[0] + j * frame[2] + i * frame[4]
            y = frame[1] + j * frame[3] + i * frame[5]
            sample = i * crop_width + j
            if not (-1 <= x <= width and -1 <= y <= height):
                places[sample] = 0
                weights[sample] = 0.0
                continue
            x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
            left, top = int(x), int(y)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            u, v = x - left, y - top
            places[sample, 0], weights[sample, 0] = top * width + left, (1 - v) * (1 - u)
            places[sample, 1], weights[sample, 1] = top * width + right, (1 - v) * u
            places[sample, 2], weights[sample, 2] = bottom * width + left, v * (1 - u)
            places[sample, 3], weights[sample, 3] = bottom * width + right, v * u


@njit(cache=True, parallel=True)
def _rotate(
    features: NDArray[Any],
    map_width: int,
    images: NDArray[np.int32],
    frames: NDArray[np.float64],
    widths: NDArray[np.int32],
    crops: NDArray[Any],
) -> None:
    """Sample, the boxes shared among the threads; a box's places serve all channels.

    `features` are ``(N, C, H * W)``.
    """
    rois, channels, crop_height, max_width = crops.shape
    map_height = features.shape[2] // map_width
    for r in prange(rois):
        crop_width = widths[r]
        places = np.empty((crop_height * crop_width, 4), np.int32)
        weights = np.empty((crop_height * crop_width, 4), np.float64)
        _find_corners(frames[r], crop_height, crop_width, map_height, map_width, places, weights)
        for c in range(channels):
            plane = features[images[r], c]
            for i in range(crop_height):
                for j in range(crop_width):
                    k = i * crop_width + j
                    crops[r, c, i, j] = (
                        weights[k, 0] * plane[places[k, 0]]
                        + weights[k, 1] * plane[places[k, 1]]
                        + weights[k, 2] * plane[places[k, 2]]
                        + weights[k, 3] * plane[places[k, 3]]
                    )
                for j in range(crop_width, max_width):
                    crops[r, c, i, j] = 0


@njit(cache=True, parallel=True)
def _rotate_gradient(
    gradient: NDArray[Any],
    map_width: int,
    images: NDArray[np.int32],
    frames: NDArray[np.float64],
    widths: NDArray[np.int32],
    threads: int,
    result: NDArray[Any],
) -> None:
    """Spread the gradient; boxes overlap, so each thread takes some channels of all boxes."""
    rois, channels, crop_height, _ = gradient.shape
    map_height = result.shape[2] // map_width
    for thread in prange(threads):
        for r in range(rois):
            crop_width = widths[r]
            places = np.empty((crop_height * crop_width, 4), np.int32)
            weights = np.empty((crop_height * crop_width, 4), np.float64)
            _find_corners(
                frames[r], crop_height, crop_width, map_height, map_width, places, weights
            )
            for c in range(thread, channels, threads):
                plane = result[images[r], c]
                for i in range(crop_height):
                    for j in range(crop_width):
                        k = i * crop_width + j
                        for corner in range(4):
                            plane[places[k, corner]] += weights[k, corner] * gradient[r, c, i, j]


def _roi_rotate_fast(
    features: NDArray[Any], rois: NDArray[Any], height: int, max_width: int, spatial_scale: float
) -> Crops:
    images, channels, map_height, map_width = features.shape
    crops = np.empty((len(rois), channels, height, max_width), features.dtype)
    widths = _widths(rois, height, max_width)
    _rotate(
        np.ascontiguousarray(features).reshape(images, channels, map_height * map_width),
        map_width,
        _roi.image_numbers(rois, images),
        _frames(rois, widths, height, spatial_scale),
        widths,
        crops,
    )
    return crops, widths


def _roi_rotate_gradient_fast(
    gradient: NDArray[Any],
    rois: NDArray[Any],
    features_shape: tuple[int, int, int, int],
    spatial_scale: float,
) -> NDArray[Any]:
    images, channels, map_height, map_width = features_shape
    height, max_width = gradient.shape[2:]
    result = np.zeros((images, channels, map_height * map_width), gradient.dtype)
    widths = _widths(rois, height, max_width)
    _rotate_gradient(
        np.ascontiguousarray(gradient),
        map_width,
        _roi.image_numbers(rois, images),
        _frames(rois, widths, height, spatial_scale),
        widths,
        min(numba.get_num_threads(), channels),
        result,
    )
    return result.reshape(features_shape)


# --- The CUDA rung --------------------------------------------------------------------------------


def _arguments(
    rois: Any,
    shape: tuple[int, ...],
    output: tuple[int, ...],
    widths: Any,
    dtype: Any,
    spatial_scale: float,
) -> dict[str, Any]:
    """Return what both kernels take: the boxes, and the shapes of the features and the crops."""
    return {
        "images": _roi.image_numbers(rois, shape[0]),
        "frames": _frames(rois, widths, output[2], spatial_scale).astype(dtype),
        "widths": widths,
        "batch": shape[0],
        "channels": shape[1],
        "height": shape[2],
        "width": shape[3],
        "rois": output[0],
        "crop_height": output[2],
        "crop_width": output[3],
    }


def _grid(output: tuple[int, ...]) -> tuple[int, ...]:
    """Return the blocks in which a thread takes one sample in a few channels."""
    rois, channels, height, width = output
    threads = rois * math.ceil(channels / CHANNELS_PER_THREAD) * height * width
    return cuda.blocks_for(threads, BLOCK)


def _roi_rotate_cuda(
    features: Any, rois: Any, height: int, max_width: int, spatial_scale: float
) -> tuple[Any, Any]:
    xp = array_module(features)
    shape = (len(rois), features.shape[1], height, max_width)
    crops = cuda.empty(shape, features.dtype, like=features)
    widths = _widths(rois, height, max_width)
    cuda.launch(
        KERNELS.kernel("rotate", Real=c_type(features.dtype)),
        _grid(shape),
        BLOCK,
        features=xp.ascontiguousarray(features),
        crops=crops,
        **_arguments(rois, features.shape, shape, widths, features.dtype, spatial_scale),
    )
    return crops, widths


def _roi_rotate_gradient_cuda(
    gradient: Any, rois: Any, features_shape: tuple[int, int, int, int], spatial_scale: float
) -> Any:
    xp = array_module(gradient)
    result = xp.zeros(features_shape, gradient.dtype)
    widths = _widths(rois, gradient.shape[2], gradient.shape[3])
    shape = tuple(gradient.shape)
    cuda.launch(
        KERNELS.kernel("rotate_gradient", Real=c_type(gradient.dtype)),
        _grid(shape),
        BLOCK,
        gradient=xp.ascontiguousarray(gradient),
        result=result,
        **_arguments(rois, features_shape, shape, widths, gradient.dtype, spatial_scale),
    )
    return result


RUNGS = {"reference": roi_rotate_reference, "fast": _roi_rotate_fast, "cuda": _roi_rotate_cuda}
GRADIENT_RUNGS = {
    "reference": roi_rotate_gradient_reference,
    "fast": _roi_rotate_gradient_fast,
    "cuda": _roi_rotate_gradient_cuda,
}


# --- Public functions -----------------------------------------------------------------------------


def roi_rotate_widths(rois: Any, height: int = 8, max_width: int | None = None) -> Any:
    """Return how many columns :func:`roi_rotate` samples for each box.

    Parameters
    ----------
    rois, height, max_width
        As for :func:`roi_rotate`.

    Returns
    -------
    widths
        ``(R,)`` int32 in [1, max_width]: ``height * w / h``, rounded.

    Raises
    ------
    TypeError, ValueError
        As :func:`roi_rotate`.

    Examples
    --------
    >>> roi_rotate_widths(np.array([[0, 20, 10, 40, 10, 0.3]]), height=8)
    array([32], dtype=int32)
    """
    rows = _roi.check_side(height, "height")
    limit = WIDEST if max_width is None else _roi.check_side(max_width, "max_width")
    _roi.check_rois(rois, 2**31 - 1, 0.0, rotated=True)
    return _widths(rois, rows, limit)


def roi_rotate(
    features: Any,
    rois: Any,
    height: int = 8,
    max_width: int | None = None,
    spatial_scale: float = 1.0,
    *,
    rung: str | None = None,
) -> tuple[Any, Any]:
    """Sample the features of rotated boxes upright, at one height and proportional widths.

    Parameters
    ----------
    features
        ``(N, C, H, W)`` float32 or float64 feature maps.
    rois
        ``(R, 6)`` float32 or float64, a row ``[image, cx, cy, w, h, angle]`` for each box: a
        rotated box of :mod:`ocrlearn.geometry` in pixels of the image, the angle in radians,
        positive counter-clockwise as seen on the screen.
    height
        Rows of every crop; 8 in the paper.
    max_width
        Columns of the result; narrower boxes are padded with 0, wider ones squeezed. By default as
        many as the widest box needs, at most 4096; on a GPU that must wait for the boxes.
    spatial_scale
        Resolution of the feature map over that of the image, above 0.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    crops
        ``(R, C, height, max_width)`` of the features' dtype.
    widths
        ``(R,)`` int32: the columns of each crop that are not padding.

    Raises
    ------
    TypeError
        If an array is not float32 or float64.
    ValueError
        If a shape, a number or, for NumPy arrays, a RoI is not as described. On a GPU an image
        number out of range is moved to the nearest image, because looking would wait.

    Notes
    -----
    Liu, Liang, Yan, Chen, Qiao and Yan, "FOTS: Fast Oriented Text Spotting with a Unified Network",
    CVPR 2018.

    Examples
    --------
    >>> features = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> crops, widths = roi_rotate(features, np.array([[0, 1.5, 1.5, 4, 2, 0.0]]), height=2)
    >>> crops[0, 0]
    array([[ 4.,  5.,  6.,  7.],
           [ 8.,  9., 10., 11.]])
    """
    _roi.check_features(features)
    scale = _roi.check_scale(spatial_scale)
    _roi.check_rois(rois, len(features), scale, rotated=True)
    perform = pick(RUNGS, features, rois, rung=rung)
    widths = roi_rotate_widths(rois, height, max_width)
    if max_width is None:
        max_width = int(widths.max()) if len(rois) else 1
    return perform(features, rois, int(height), int(max_width), scale)


def roi_rotate_gradient(
    gradient: Any,
    rois: Any,
    features_shape: Any,
    spatial_scale: float = 1.0,
    *,
    rung: str | None = None,
) -> Any:
    """Return the gradient of :func:`roi_rotate` with respect to the features.

    Parameters
    ----------
    gradient
        ``(R, C, height, max_width)`` float32 or float64: the gradient with respect to `crops`. What
        it holds in the columns of padding does not matter.
    rois, spatial_scale
        What :func:`roi_rotate` was given.
    features_shape
        ``(N, C, H, W)``.
    rung
        As for :func:`roi_rotate`. On a GPU boxes are added in no fixed order, so that the last bits
        may differ from run to run.

    Returns
    -------
    array
        ``(N, C, H, W)`` of the gradient's dtype. There is no gradient with respect to the boxes.

    Raises
    ------
    TypeError, ValueError
        As :func:`roi_rotate`; also where the shape of `gradient` does not fit.
    """
    shape = _roi.check_features_shape(features_shape)
    scale = _roi.check_scale(spatial_scale)
    _roi.check_rois(rois, shape[0], scale, rotated=True)
    _roi.check_gradient(gradient, len(rois), shape[1])
    return pick(GRADIENT_RUNGS, gradient, rois, rung=rung)(gradient, rois, shape, scale)

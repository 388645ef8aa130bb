"""Position-sensitive RoI pooling: each bin of a box is the mean of a channel of its own.

Dai, Li, He and Sun ("R-FCN: Object Detection via Region-based Fully Convolutional Networks", NIPS
2016) let a network answer with k x k maps for every class, one for "the top left of such a thing is
here" and so on, and pool each bin of a box from the map of that bin. A box that sits right then
scores high in all bins, a shifted one does not, and nothing is computed for each box but means.

Bin (i, j) of a box of h x w pixels takes the pixels from ``floor(i * h / k)`` up to, but without,
``ceil((i + 1) * h / k)`` of its rows, and likewise of its columns: equation 1 of the paper. The
parts that reach over the map are left out of the mean. A bin without pixels gives 0.

The corners of a box are rounded, halves away from zero, and (x1, y1) is the first pixel after the
box; a box has at least one pixel. torchvision's ``ps_roi_pool`` is the same but for two things: it
leaves out the last row and the last column of the map in the forward pass (its gradient does count
them), and it computes the limits of bins in floating point. The form with bilinear samples instead
of rounding is :func:`ocrlearn.ops.roi_align.ps_roi_align`.
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

__all__ = ["GRADIENT_RUNGS", "KERNELS", "RUNGS", "ps_roi_pool", "ps_roi_pool_gradient"]

KERNELS = cuda.KernelFile.beside(__file__)
BLOCK = 256


# --- The reference --------------------------------------------------------------------------------


def _bin_slices(
    roi: NDArray[np.float64],
    i: int,
    j: int,
    output_size: tuple[int, int],
    map_size: tuple[int, int],
    spatial_scale: float,
) -> tuple[slice, slice]:
    """Return the rows and columns of bin (i, j), clipped to the map; perhaps empty."""
    x0, y0, x1, y1 = (_roi.round_half_away(corner * spatial_scale) for corner in roi[1:])
    width, height = max(x1 - x0, 1), max(y1 - y0, 1)
    top = y0 + math.floor(i * height / output_size[0])
    bottom = y0 + math.ceil((i + 1) * height / output_size[0])
    left = x0 + math.floor(j * width / output_size[1])
    right = x0 + math.ceil((j + 1) * width / output_size[1])
    return (
        slice(max(top, 0), max(min(bottom, map_size[0]), 0)),
        slice(max(left, 0), max(min(right, map_size[1]), 0)),
    )


def ps_roi_pool_reference(
    features: NDArray[Any], rois: NDArray[Any], output_size: tuple[int, int], spatial_scale: float
) -> NDArray[Any]:
    """Box by box and bin by bin."""
    bins_y, bins_x = output_size
    bins = bins_y * bins_x
    pooled = np.zeros((len(rois), features.shape[1] // bins, bins_y, bins_x), features.dtype)
    for r, roi in enumerate(rois.astype(np.float64)):
        for i, j in np.ndindex(bins_y, bins_x):
            rows, columns = _bin_slices(roi, i, j, output_size, features.shape[2:], spatial_scale)
            window = features[int(roi[0]), i * bins_x + j :: bins, rows, columns]
            if window.size:
                pooled[r, :, i, j] = window.mean(axis=(1, 2))
    return pooled


def ps_roi_pool_gradient_reference(
    gradient: NDArray[Any],
    rois: NDArray[Any],
    features_shape: tuple[int, int, int, int],
    spatial_scale: float,
) -> NDArray[Any]:
    """Share each bin's gradient equally among its features."""
    bins_y, bins_x = gradient.shape[2:]
    size = (bins_y, bins_x)
    result = np.zeros(features_shape, gradient.dtype)
    for r, roi in enumerate(rois.astype(np.float64)):
        for i, j in np.ndindex(bins_y, bins_x):
            rows, columns = _bin_slices(roi, i, j, size, features_shape[2:], spatial_scale)
            window = result[int(roi[0]), i * bins_x + j :: bins_y * bins_x, rows, columns]
            if window.size:
                pixels = window.shape[1] * window.shape[2]
                window += gradient[r, :, i, j, None, None] / pixels
    return result


# --- The fast rung --------------------------------------------------------------------------------


@njit(cache=True)
def _limits(start: int, size: int, i: int, bins: int, length: int) -> tuple[int, int]:
    """Return the first pixel of bin `i` along one axis and the one after its last."""
    low = max(start + i * size // bins, 0)
    return low, max(min(start + ((i + 1) * size + bins - 1) // bins, length), low)


@njit(cache=True, parallel=True)
def _pool(
    features: NDArray[Any],
    images: NDArray[np.int32],
    boxes: NDArray[np.int32],
    pooled: NDArray[Any],
) -> None:
    """Take the means, the boxes shared among the threads."""
    height, width = features.shape[2:]
    rois, channels, bins_y, bins_x = pooled.shape
    for r in prange(rois):
        for c in range(channels):
            for i in range(bins_y):
                top, bottom = _limits(boxes[r, 1], boxes[r, 3], i, bins_y, height)
                for j in range(bins_x):
                    left, right = _limits(boxes[r, 0], boxes[r, 2], j, bins_x, width)
                    plane = features[images[r], (c * bins_y + i) * bins_x + j]
                    total = 0.0
                    for y in range(top, bottom):
                        for x in range(left, right):
                            total += plane[y, x]
                    pooled[r, c, i, j] = total / max((bottom - top) * (right - left), 1)


@njit(cache=True, parallel=True)
def _pool_gradient(
    gradient: NDArray[Any],
    images: NDArray[np.int32],
    boxes: NDArray[np.int32],
    result: NDArray[Any],
) -> None:
    """Share the gradient; boxes overlap, so the threads share channels."""
    height, width = result.shape[2:]
    rois, _, bins_y, bins_x = gradient.shape
    for channel in prange(result.shape[1]):
        c, i, j = channel // (bins_y * bins_x), channel // bins_x % bins_y, channel % bins_x
        for r in range(rois):
            top, bottom = _limits(boxes[r, 1], boxes[r, 3], i, bins_y, height)
            left, right = _limits(boxes[r, 0], boxes[r, 2], j, bins_x, width)
            share = gradient[r, c, i, j] / max((bottom - top) * (right - left), 1)
            plane = result[images[r], channel]
            for y in range(top, bottom):
                for x in range(left, right):
                    plane[y, x] += share


def _ps_roi_pool_fast(
    features: NDArray[Any], rois: NDArray[Any], output_size: tuple[int, int], spatial_scale: float
) -> NDArray[Any]:
    channels = features.shape[1] // (output_size[0] * output_size[1])
    pooled = np.empty((len(rois), channels, *output_size), features.dtype)
    boxes = _roi.pixel_boxes(rois, spatial_scale, last_pixel=0)
    _pool(np.ascontiguousarray(features), _roi.image_numbers(rois, len(features)), boxes, pooled)
    return pooled


def _ps_roi_pool_gradient_fast(
    gradient: NDArray[Any],
    rois: NDArray[Any],
    features_shape: tuple[int, int, int, int],
    spatial_scale: float,
) -> NDArray[Any]:
    result = np.zeros(features_shape, gradient.dtype)
    boxes = _roi.pixel_boxes(rois, spatial_scale, last_pixel=0)
    images = _roi.image_numbers(rois, features_shape[0])
    _pool_gradient(np.ascontiguousarray(gradient), images, boxes, result)
    return result


# --- The CUDA rung --------------------------------------------------------------------------------


def _arguments(
    rois: Any, shape: tuple[int, ...], output: tuple[int, ...], spatial_scale: float
) -> dict[str, Any]:
    """Return what both kernels take: the boxes, and the shapes of the features and the output."""
    return {
        "images": _roi.image_numbers(rois, shape[0]),
        "boxes": _roi.pixel_boxes(rois, spatial_scale, last_pixel=0),
        "batch": shape[0],
        "height": shape[2],
        "width": shape[3],
        "rois": output[0],
        "channels": output[1],
        "bins_y": output[2],
        "bins_x": output[3],
    }


def _ps_roi_pool_cuda(
    features: Any, rois: Any, output_size: tuple[int, int], spatial_scale: float
) -> Any:
    xp = array_module(features)
    channels = features.shape[1] // (output_size[0] * output_size[1])
    pooled = cuda.empty((len(rois), channels, *output_size), features.dtype, like=features)
    cuda.launch(
        KERNELS.kernel("ps_pool", Real=c_type(features.dtype)),
        cuda.blocks_for(pooled.size, BLOCK),
        BLOCK,
        features=xp.ascontiguousarray(features),
        pooled=pooled,
        **_arguments(rois, features.shape, pooled.shape, spatial_scale),
    )
    return pooled


def _ps_roi_pool_gradient_cuda(
    gradient: Any, rois: Any, features_shape: tuple[int, int, int, int], spatial_scale: float
) -> Any:
    xp = array_module(gradient)
    result = xp.zeros(features_shape, gradient.dtype)
    cuda.launch(
        KERNELS.kernel("ps_pool_gradient", Real=c_type(gradient.dtype)),
        cuda.blocks_for(gradient.size, BLOCK),
        BLOCK,
        gradient=xp.ascontiguousarray(gradient),
        result=result,
        **_arguments(rois, features_shape, gradient.shape, spatial_scale),
    )
    return result


RUNGS = {"reference": ps_roi_pool_reference, "fast": _ps_roi_pool_fast, "cuda": _ps_roi_pool_cuda}
GRADIENT_RUNGS = {
    "reference": ps_roi_pool_gradient_reference,
    "fast": _ps_roi_pool_gradient_fast,
    "cuda": _ps_roi_pool_gradient_cuda,
}


# --- Public functions -----------------------------------------------------------------------------


def ps_roi_pool(
    features: Any,
    rois: Any,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    *,
    rung: str | None = None,
) -> Any:
    """Take the mean of each bin of each box, read from the bin's own channel.

    Parameters
    ----------
    features
        ``(N, C * height * width, H, W)`` float32 or float64: output channel ``c`` of bin ``b`` is
        read from input channel ``c * height * width + b``, the bins counted row by row.
    rois
        ``(R, 5)`` float32 or float64, a row ``[image, x0, y0, x1, y1]`` for each box, in pixels of
        the image. The corners times `spatial_scale`, rounded, are the first pixel of the box and
        the first one after it. Boxes may reach over the map's edges.
    output_size
        Number of bins, one number or (height, width); in the paper 7.
    spatial_scale
        Resolution of the feature map over that of the image, above 0.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    pooled
        ``(R, C, height, width)`` of the features' dtype, 0 in a bin without pixels.

    Raises
    ------
    TypeError
        If an array is not float32 or float64.
    ValueError
        If a shape, a number or, for NumPy arrays, a RoI is not as described, or the channels are
        not a multiple of the bins. On a GPU an image number out of range is moved to the nearest
        image, because looking would wait.

    Notes
    -----
    Dai, Li, He and Sun, "R-FCN: Object Detection via Region-based Fully Convolutional Networks",
    NIPS 2016. The module's text says where ``torchvision.ops.ps_roi_pool`` differs.

    Examples
    --------
    >>> features = np.arange(4.0).reshape(1, 4, 1, 1) * np.ones((2, 2))
    >>> ps_roi_pool(features, np.array([[0.0, 0, 0, 2, 2]]), 2)[0, 0]
    array([[0., 1.],
           [2., 3.]])
    """
    _roi.check_features(features)
    scale = _roi.check_scale(spatial_scale)
    _roi.check_rois(rois, len(features), scale)
    size = _roi.check_output_size(output_size)
    _roi.check_position_sensitive(features.shape[1], size)
    return pick(RUNGS, features, rois, rung=rung)(features, rois, size, scale)


def ps_roi_pool_gradient(
    gradient: Any,
    rois: Any,
    features_shape: Any,
    spatial_scale: float = 1.0,
    *,
    rung: str | None = None,
) -> Any:
    """Return the gradient of :func:`ps_roi_pool` with respect to the features.

    Parameters
    ----------
    gradient
        ``(R, C, height, width)`` float32 or float64: the gradient with respect to `pooled`.
    rois, spatial_scale
        What :func:`ps_roi_pool` was given.
    features_shape
        ``(N, C * height * width, H, W)``.
    rung
        As for :func:`ps_roi_pool`. On a GPU boxes are added in no fixed order, so that the last
        bits may differ from run to run.

    Returns
    -------
    array
        ``(N, C * height * width, H, W)`` of the gradient's dtype.

    Raises
    ------
    TypeError, ValueError
        As :func:`ps_roi_pool`; also where the shape of `gradient` does not fit.
    """
    shape = _roi.check_features_shape(features_shape)
    scale = _roi.check_scale(spatial_scale)
    _roi.check_rois(rois, shape[0], scale)
    _roi.check_gradient(gradient, len(rois), _roi.channels_of_gradient(gradient, shape[1]))
    return pick(GRADIENT_RUNGS, gradient, rois, rung=rung)(gradient, rois, shape, scale)

"""Max pooling of regions of interest: RoIPool, and its form for rotated boxes.

RoIPool (Girshick, "Fast R-CNN", ICCV 2015) turns the features inside a box of any size into a grid
of fixed size, so that a fully connected layer can follow. The box is rounded to whole pixels and
cut into bins, and each bin keeps its greatest feature. Rounding twice, the box and the bins, costs
up to a pixel of the feature map, which is many pixels of the image; :mod:`ocrlearn.ops.roi_align`
does not round.

Rotated RoI pooling (Ma et al., "Arbitrary-Oriented Scene Text Detection via Rotation Proposals",
IEEE Transactions on Multimedia, 2018) does the same inside a rotated box: the box is cut into bins
along its own sides, and each keeps the greatest of the features whose pixel centres lie in it.

Both remember the place of the greatest feature, and the gradient goes there. Where several are
equal it is the first in reading order. A bin without pixels, outside the map or narrower than a
pixel, gives 0 and has no gradient.

**Deviations.** RoIPool computes the limits of the bins in whole numbers, ``floor(i * h / bins)`` to
``ceil((i + 1) * h / bins)``; torchvision computes the same limits in floating point, where rounding
can push one of them over a pixel. In rotated pooling a pixel counts as inside up to 1/1000 pixel
beyond the border of a bin: centres that lie exactly on a border, as they do at right angles, are
then inside on every machine, whatever the rounding of the cosine. Boxes less than a pixel of the
feature map wide or high are widened to one, as RoIPool does.
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
    "ROTATED_RUNGS",
    "RUNGS",
    "roi_pool",
    "roi_pool_gradient",
    "rotated_roi_pool",
]

KERNELS = cuda.KernelFile.beside(__file__)
BLOCK = 256
CHANNELS_PER_THREAD = 4  # also in roi_pool.cu
BORDER = 1e-3  # pixels beyond its border that a rotated bin still takes in; also in roi_pool.cu

Pooled = tuple[NDArray[Any], NDArray[np.int32]]


# --- The reference --------------------------------------------------------------------------------


def _keep_greatest(
    window: NDArray[Any], inside: NDArray[np.bool_], x0: int, y0: int, width: int
) -> Pooled:
    """Return for every channel the greatest feature inside a bin and its place in the map.

    `window` is ``(C, h, w)``, the part of the map from (x0, y0) that the bin lies in, and `inside`
    says which of its pixels are the bin's.
    """
    channels = len(window)
    if not inside.any():
        return np.zeros(channels, window.dtype), np.full(channels, -1, np.int32)
    rows, columns = np.nonzero(inside)  # in reading order
    first = window[:, rows, columns].argmax(axis=1)
    places = (y0 + rows[first]) * width + x0 + columns[first]
    return window[np.arange(channels), rows[first], columns[first]], places.astype(np.int32)


def roi_pool_reference(
    features: NDArray[Any], rois: NDArray[Any], output_size: tuple[int, int], spatial_scale: float
) -> Pooled:
    """Box by box and bin by bin."""
    channels, height, width = features.shape[1:]
    bins_y, bins_x = output_size
    pooled = np.empty((len(rois), channels, bins_y, bins_x), features.dtype)
    argmax = np.empty(pooled.shape, np.int32)
    for r, roi in enumerate(rois.astype(np.float64)):
        image = features[int(roi[0])]
        x0, y0, x1, y1 = (_roi.round_half_away(corner * spatial_scale) for corner in roi[1:])
        box_width, box_height = max(x1 - x0 + 1, 1), max(y1 - y0 + 1, 1)
        for i in range(bins_y):
            top = max(y0 + i * box_height // bins_y, 0)
            bottom = min(y0 - (-(i + 1) * box_height // bins_y), height)
            for j in range(bins_x):
                left = max(x0 + j * box_width // bins_x, 0)
                right = min(x0 - (-(j + 1) * box_width // bins_x), width)
                window = image[:, top : max(bottom, top), left : max(right, left)]
                inside = np.ones(window.shape[1:], bool)
                pooled[r, :, i, j], argmax[r, :, i, j] = _keep_greatest(
                    window, inside, left, top, width
                )
    return pooled, argmax


def rotated_roi_pool_reference(
    features: NDArray[Any], rois: NDArray[Any], output_size: tuple[int, int], spatial_scale: float
) -> Pooled:
    """Box by box and bin by bin; every pixel of the map is asked whether it lies in the bin."""
    channels, height, width = features.shape[1:]
    bins_y, bins_x = output_size
    pooled = np.empty((len(rois), channels, bins_y, bins_x), features.dtype)
    argmax = np.empty(pooled.shape, np.int32)
    y, x = np.mgrid[:height, :width]
    for r, (image, cx, cy, w, h, angle) in enumerate(rois.astype(np.float64)):
        # From the box's centre to each pixel, in steps along the text and down the text.
        dx = x - ((cx + 0.5) * spatial_scale - 0.5)
        dy = y - ((cy + 0.5) * spatial_scale - 0.5)
        along = dx * math.cos(angle) - dy * math.sin(angle)
        down = dx * math.sin(angle) + dy * math.cos(angle)
        box_width, box_height = max(w * spatial_scale, 1.0), max(h * spatial_scale, 1.0)
        for i in range(bins_y):
            top = (i / bins_y - 0.5) * box_height
            bottom = ((i + 1) / bins_y - 0.5) * box_height
            for j in range(bins_x):
                left = (j / bins_x - 0.5) * box_width
                right = ((j + 1) / bins_x - 0.5) * box_width
                inside = (along >= left - BORDER) & (along <= right + BORDER)
                inside &= (down >= top - BORDER) & (down <= bottom + BORDER)
                pooled[r, :, i, j], argmax[r, :, i, j] = _keep_greatest(
                    features[int(image)], inside, 0, 0, width
                )
    return pooled, argmax


def roi_pool_gradient_reference(
    gradient: NDArray[Any],
    argmax: NDArray[np.int32],
    rois: NDArray[Any],
    features_shape: tuple[int, int, int, int],
) -> NDArray[Any]:
    """Add what came for each bin to the feature that the bin kept."""
    width = features_shape[3]
    result = np.zeros(features_shape, gradient.dtype)
    for r, c, i, j in np.ndindex(gradient.shape):
        place = int(argmax[r, c, i, j])
        if place >= 0:
            result[int(rois[r, 0]), c, place // width, place % width] += gradient[r, c, i, j]
    return result


# --- The fast rung --------------------------------------------------------------------------------


@njit(cache=True, parallel=True)
def _pool(
    features: NDArray[Any],
    images: NDArray[np.int32],
    boxes: NDArray[np.int32],
    pooled: NDArray[Any],
    argmax: NDArray[np.int32],
) -> None:
    """RoIPool, the boxes shared among the threads."""
    channels, height, width = features.shape[1:]
    bins_y, bins_x = pooled.shape[2:]
    for r in prange(len(boxes)):
        x0, y0 = np.int64(boxes[r, 0]), np.int64(boxes[r, 1])
        box_width, box_height = np.int64(boxes[r, 2]), np.int64(boxes[r, 3])
        for c in range(channels):
            plane = features[images[r], c]
            for i in range(bins_y):
                top = max(y0 + i * box_height // bins_y, 0)
                bottom = min(y0 + ((i + 1) * box_height + bins_y - 1) // bins_y, height)
                for j in range(bins_x):
                    left = max(x0 + j * box_width // bins_x, 0)
                    right = min(x0 + ((j + 1) * box_width + bins_x - 1) // bins_x, width)
                    if top >= bottom or left >= right:
                        pooled[r, c, i, j], argmax[r, c, i, j] = 0, -1
                        continue
                    greatest, best_y, best_x = plane[top, left], top, left
                    for y in range(top, bottom):
                        for x in range(left, right):
                            if plane[y, x] > greatest:
                                greatest, best_y, best_x = plane[y, x], y, x
                    pooled[r, c, i, j] = greatest
                    argmax[r, c, i, j] = best_y * width + best_x


@njit(cache=True)
def _pixels_inside(
    bin_: NDArray[np.float64],
    length: float,
    depth: float,
    height: int,
    width: int,
    places: NDArray[np.int32],
) -> int:
    """List the pixels of one rotated bin in reading order and return how many there are.

    The bin is (x, y) of its top-left corner, the unit vector along it and the one down it; `length`
    and `depth` are its sides. Only the pixels of its bounding box are asked.
    """
    x0, y0, along_x, along_y, down_x, down_y = bin_
    across_x, across_y = length * along_x, length * along_y
    down_by_x, down_by_y = depth * down_x, depth * down_y
    low_x = x0 + min(across_x, 0.0) + min(down_by_x, 0.0) - BORDER
    low_y = y0 + min(across_y, 0.0) + min(down_by_y, 0.0) - BORDER
    high_x = x0 + max(across_x, 0.0) + max(down_by_x, 0.0) + BORDER
    high_y = y0 + max(across_y, 0.0) + max(down_by_y, 0.0) + BORDER
    count = 0
    for y in range(max(math.ceil(low_y), 0), min(math.floor(high_y), height - 1) + 1):
        for x in range(max(math.ceil(low_x), 0), min(math.floor(high_x), width - 1) + 1):
            along = (x - x0) * along_x + (y - y0) * along_y
            down = (x - x0) * down_x + (y - y0) * down_y
            if -BORDER <= along <= length + BORDER and -BORDER <= down <= depth + BORDER:
                places[count] = y * width + x
                count += 1
    return count


@njit(cache=True, parallel=True)
def _pool_rotated(
    features: NDArray[Any],
    images: NDArray[np.int32],
    frames: NDArray[np.float64],
    pooled: NDArray[Any],
    argmax: NDArray[np.int32],
) -> None:
    """Rotated pooling, the boxes shared among the threads; a bin's pixels serve all channels."""
    channels, height, width = features.shape[1:]
    bins_y, bins_x = pooled.shape[2:]
    for r in prange(len(frames)):
        length, depth = frames[r, 6], frames[r, 7]
        # A rotated bin holds at most as many pixels as its area and a band round it.
        most = int((length + 3) * (depth + 3))
        places = np.empty(min(most, height * width), np.int32)
        bin_ = frames[r, :6].copy()
        for i in range(bins_y):
            for j in range(bins_x):
                bin_[0] = frames[r, 0] + j * length * bin_[2] + i * depth * bin_[4]
                bin_[1] = frames[r, 1] + j * length * bin_[3] + i * depth * bin_[5]
                count = _pixels_inside(bin_, length, depth, height, width, places)
                for c in range(channels):
                    plane = features[images[r], c].reshape(-1)
                    greatest, place = plane[0], -1
                    for k in range(count):
                        if place < 0 or plane[places[k]] > greatest:
                            place = places[k]
                            greatest = plane[place]
                    pooled[r, c, i, j] = greatest if place >= 0 else 0
                    argmax[r, c, i, j] = place


@njit(cache=True, parallel=True)
def _scatter(
    gradient: NDArray[Any],
    argmax: NDArray[np.int32],
    images: NDArray[np.int32],
    result: NDArray[Any],
) -> None:
    """Add the gradient where the maxima were; boxes overlap, so the threads share channels."""
    rois, channels, bins = gradient.shape
    for c in prange(channels):
        for r in range(rois):
            for k in range(bins):
                place = argmax[r, c, k]
                if place >= 0:
                    result[images[r], c, place] += gradient[r, c, k]


def _rotated_bins(rois: Any, output_size: tuple[int, int], spatial_scale: float) -> Any:
    """Return ``(R, 8)`` float64 rows for rotated pooling.

    Each is the x and y of the box's top-left corner, the unit vector along the text, the one down
    the text, and the width and height of a bin, on the feature map.
    """
    xp = array_module(rois)
    centre, sides, along, down = _roi.rotated_frames(rois, spatial_scale)
    sides = xp.maximum(sides, 1.0)
    corner = centre - 0.5 * (sides[:, :1] * along + sides[:, 1:] * down)
    bin_sides = sides / xp.asarray([output_size[1], output_size[0]], dtype=np.float64)
    return xp.ascontiguousarray(xp.concatenate([corner, along, down, bin_sides], axis=1))


def _roi_pool_fast(
    features: NDArray[Any], rois: NDArray[Any], output_size: tuple[int, int], spatial_scale: float
) -> Pooled:
    pooled = np.empty((len(rois), features.shape[1], *output_size), features.dtype)
    argmax = np.empty(pooled.shape, np.int32)
    boxes = _roi.pixel_boxes(rois, spatial_scale, last_pixel=1)
    images = _roi.image_numbers(rois, len(features))
    _pool(np.ascontiguousarray(features), images, boxes, pooled, argmax)
    return pooled, argmax


def _rotated_roi_pool_fast(
    features: NDArray[Any], rois: NDArray[Any], output_size: tuple[int, int], spatial_scale: float
) -> Pooled:
    pooled = np.empty((len(rois), features.shape[1], *output_size), features.dtype)
    argmax = np.empty(pooled.shape, np.int32)
    frames = _rotated_bins(rois, output_size, spatial_scale)
    images = _roi.image_numbers(rois, len(features))
    _pool_rotated(np.ascontiguousarray(features), images, frames, pooled, argmax)
    return pooled, argmax


def _roi_pool_gradient_fast(
    gradient: NDArray[Any],
    argmax: NDArray[np.int32],
    rois: NDArray[Any],
    features_shape: tuple[int, int, int, int],
) -> NDArray[Any]:
    images, channels, height, width = features_shape
    result = np.zeros((images, channels, height * width), gradient.dtype)
    bins = (len(rois), channels, gradient.shape[2] * gradient.shape[3])
    _scatter(
        np.ascontiguousarray(gradient).reshape(bins),
        np.ascontiguousarray(argmax).reshape(bins),
        _roi.image_numbers(rois, images),
        result,
    )
    return result.reshape(features_shape)


# --- The CUDA rung --------------------------------------------------------------------------------


def _launch_pooling(
    kernel: str, features: Any, images: Any, boxes: Any, output_size: tuple[int, int]
) -> tuple[Any, Any]:
    """Run one of the two forward kernels; a thread pools one bin in a few channels."""
    xp = array_module(features)
    channels, height, width = features.shape[1:]
    bins_y, bins_x = output_size
    shape = (len(boxes), channels, bins_y, bins_x)
    pooled = cuda.empty(shape, features.dtype, like=features)
    argmax = cuda.empty(shape, np.int32, like=features)
    threads = len(boxes) * math.ceil(channels / CHANNELS_PER_THREAD) * bins_y * bins_x
    cuda.launch(
        KERNELS.kernel(kernel, Real=c_type(features.dtype)),
        cuda.blocks_for(threads, BLOCK),
        BLOCK,
        features=xp.ascontiguousarray(features),
        images=images,
        boxes=boxes,
        batch=len(features),
        channels=channels,
        height=height,
        width=width,
        rois=len(boxes),
        bins_y=bins_y,
        bins_x=bins_x,
        pooled=pooled,
        argmax=argmax,
    )
    return pooled, argmax


def _roi_pool_cuda(
    features: Any, rois: Any, output_size: tuple[int, int], spatial_scale: float
) -> tuple[Any, Any]:
    boxes = _roi.pixel_boxes(rois, spatial_scale, last_pixel=1)
    images = _roi.image_numbers(rois, len(features))
    return _launch_pooling("pool", features, images, boxes, output_size)


def _rotated_roi_pool_cuda(
    features: Any, rois: Any, output_size: tuple[int, int], spatial_scale: float
) -> tuple[Any, Any]:
    frames = _rotated_bins(rois, output_size, spatial_scale).astype(features.dtype)
    images = _roi.image_numbers(rois, len(features))
    return _launch_pooling("pool_rotated", features, images, frames, output_size)


def _roi_pool_gradient_cuda(
    gradient: Any, argmax: Any, rois: Any, features_shape: tuple[int, int, int, int]
) -> Any:
    xp = array_module(gradient)
    images, channels, height, width = features_shape
    result = xp.zeros(features_shape, gradient.dtype)
    bins = gradient.shape[2] * gradient.shape[3]
    cuda.launch(
        KERNELS.kernel("scatter", Real=c_type(gradient.dtype)),
        cuda.blocks_for(gradient.size, BLOCK),
        BLOCK,
        gradient=xp.ascontiguousarray(gradient),
        argmax=xp.ascontiguousarray(argmax),
        images=_roi.image_numbers(rois, images),
        batch=images,
        channels=channels,
        plane=height * width,
        rois=len(rois),
        bins=bins,
        result=result,
    )
    return result


RUNGS = {"reference": roi_pool_reference, "fast": _roi_pool_fast, "cuda": _roi_pool_cuda}
ROTATED_RUNGS = {
    "reference": rotated_roi_pool_reference,
    "fast": _rotated_roi_pool_fast,
    "cuda": _rotated_roi_pool_cuda,
}
GRADIENT_RUNGS = {
    "reference": roi_pool_gradient_reference,
    "fast": _roi_pool_gradient_fast,
    "cuda": _roi_pool_gradient_cuda,
}


# --- Public functions -----------------------------------------------------------------------------


def roi_pool(
    features: Any,
    rois: Any,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    *,
    rung: str | None = None,
) -> tuple[Any, Any]:
    """Keep the greatest feature in each bin of each box (RoIPool).

    Parameters
    ----------
    features
        ``(N, C, H, W)`` float32 or float64 feature maps.
    rois
        ``(R, 5)`` float32 or float64, a row ``[image, x0, y0, x1, y1]`` for each box, in pixels of
        the image. The corners times `spatial_scale`, rounded, are the first and the last pixel of
        the box. Boxes may reach over the map's edges.
    output_size
        Number of bins, one number or (height, width).
    spatial_scale
        Resolution of the feature map over that of the image, above 0.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    pooled
        ``(R, C, height, width)`` of the features' dtype: the greatest feature, 0 in a bin without
        pixels.
    argmax
        The same shape, int32: where it was, ``y * W + x``, or -1. See :func:`roi_pool_gradient`.

    Raises
    ------
    TypeError
        If an array is not float32 or float64.
    ValueError
        If a shape, a number or, for NumPy arrays, a RoI is not as described. On a GPU an image
        number out of range is moved to the nearest image, because looking would wait.

    Notes
    -----
    Girshick, "Fast R-CNN", ICCV 2015. The same as ``torchvision.ops.roi_pool``.

    Examples
    --------
    >>> features = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> pooled, argmax = roi_pool(features, np.array([[0.0, 0, 0, 3, 3]]), 2)
    >>> pooled[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    _roi.check_features(features)
    scale = _roi.check_scale(spatial_scale)
    _roi.check_rois(rois, len(features), scale)
    size = _roi.check_output_size(output_size)
    return pick(RUNGS, features, rois, rung=rung)(features, rois, size, scale)


def rotated_roi_pool(
    features: Any,
    rois: Any,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    *,
    rung: str | None = None,
) -> tuple[Any, Any]:
    """Keep the greatest feature in each bin of each rotated box.

    Parameters
    ----------
    features
        ``(N, C, H, W)`` float32 or float64 feature maps.
    rois
        ``(R, 6)`` float32 or float64, a row ``[image, cx, cy, w, h, angle]`` for each box: a
        rotated box of :mod:`ocrlearn.geometry` in pixels of the image, the angle in radians,
        positive counter-clockwise as seen on the screen.
    output_size
        Number of bins, one number or (height, width), across and along the text.
    spatial_scale, rung
        As for :func:`roi_pool`.

    Returns
    -------
    pooled, argmax
        As of :func:`roi_pool`. Row 0 is the top of the text, column 0 its beginning. A pixel on the
        border of two bins counts in both.

    Raises
    ------
    TypeError, ValueError
        As :func:`roi_pool`; also where a width or height is negative.

    Notes
    -----
    Ma et al., "Arbitrary-Oriented Scene Text Detection via Rotation Proposals", IEEE Transactions
    on Multimedia, 2018.
    """
    _roi.check_features(features)
    scale = _roi.check_scale(spatial_scale)
    _roi.check_rois(rois, len(features), scale, rotated=True)
    size = _roi.check_output_size(output_size)
    return pick(ROTATED_RUNGS, features, rois, rung=rung)(features, rois, size, scale)


def roi_pool_gradient(
    gradient: Any, argmax: Any, rois: Any, features_shape: Any, *, rung: str | None = None
) -> Any:
    """Return the gradient of :func:`roi_pool` or :func:`rotated_roi_pool` for the features.

    Parameters
    ----------
    gradient
        ``(R, C, height, width)`` float32 or float64: the gradient with respect to `pooled`.
    argmax
        What the forward pass returned beside it, int32.
    rois
        What it was given.
    features_shape
        ``(N, C, H, W)``.
    rung
        As for :func:`roi_pool`. On a GPU boxes are added in no fixed order, so that the last bits
        may differ from run to run.

    Returns
    -------
    array
        ``(N, C, H, W)`` of the gradient's dtype.

    Raises
    ------
    TypeError, ValueError
        If a dtype or shape is not as described, or a NumPy `argmax` holds a place outside the map.
    """
    shape = _roi.check_features_shape(features_shape)
    _roi.check_rois_of_gradient(rois, shape)
    if getattr(argmax, "dtype", None) != np.int32:
        raise TypeError(f"argmax must be int32, got {getattr(argmax, 'dtype', type(argmax))}")
    _roi.check_gradient(gradient, len(rois), shape[1])
    if tuple(argmax.shape) != tuple(gradient.shape):
        raise ValueError(
            f"argmax must have the shape of gradient, {tuple(gradient.shape)}, "
            f"got {tuple(argmax.shape)}"
        )
    plane = shape[2] * shape[3]
    if isinstance(argmax, np.ndarray) and ((argmax < -1) | (argmax >= plane)).any():
        raise ValueError(f"argmax must lie in [-1, {plane}), the places of the map")
    perform = pick(GRADIENT_RUNGS, gradient, argmax, rois, rung=rung)
    return perform(gradient, argmax, rois, shape)

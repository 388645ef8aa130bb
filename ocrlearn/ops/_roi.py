"""What the operations on regions of interest share: argument checks and the geometry of the boxes.

A *region of interest* (RoI) is a box in an image, with the number of the image in its batch, whose
features are wanted as a grid of fixed size. Feature maps are ``(N, C, H, W)``, and
``spatial_scale`` is their resolution over that of the image, 1/16 for a network of stride 16.

**Two conventions of coordinates** meet here, because the operations of the literature are older
than this library:

- ``(R, 5)`` rois ``(image, x0, y0, x1, y1)`` follow the detection literature and torchvision. For
  RoIPool and position-sensitive pooling they are indices of pixels; for RoIAlign with
  ``aligned=True`` the edges of pixels lie at whole numbers, so a box of the library's geometry,
  which has the *centres* there, is handed over with 0.5 added to its four coordinates.
- ``(R, 6)`` rotated rois ``(image, cx, cy, w, h, angle)`` are rotated boxes exactly as in
  :mod:`ocrlearn.geometry`. The point ``p`` of the image is the point ``(p + 0.5) * spatial_scale -
  0.5`` of the feature map.

The few numbers that each box needs are worked out here once, in double precision and with functions
that NumPy and CuPy share, and handed to the fast CPU path and to the kernels as a small table.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ocrlearn._dispatch import array_module
from ocrlearn._validate import check_number

LARGEST_OUTPUT = 1024  # bins along one side
MOST_SAMPLES = 1024  # of RoIAlign, along one side of a bin
MOST = 2**31 - 1  # images, channels, and pixels of one channel
FARTHEST = 2**19  # pixels of the feature map: bin * width then fits 31 bits in every kernel


def check_features(features: Any, name: str = "features") -> None:
    """Check that `features` is a ``(N, C, H, W)`` array of float32 or float64."""
    _check_floats(features, name)
    if features.ndim != 4 or 0 in features.shape:
        raise ValueError(
            f"{name} must have shape (N, C, H, W) with no side 0, got {tuple(features.shape)}"
        )
    if features.shape[2] >= FARTHEST or features.shape[3] >= FARTHEST:
        raise ValueError(f"{name} must be smaller than {FARTHEST} pixels a side, got "
                         f"{tuple(features.shape)}")  # fmt: skip
    if features.shape[2] * features.shape[3] > MOST:
        raise ValueError(f"{name} must have at most {MOST} pixels a channel, got "
                         f"{tuple(features.shape)}")  # fmt: skip


def _check_floats(array: Any, name: str) -> None:
    if not hasattr(array, "dtype") or not hasattr(array, "ndim"):
        raise TypeError(f"{name} must be a NumPy or CuPy array, got {type(array).__name__}")
    array_module(array)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got dtype {array.dtype}")


def check_rois(rois: Any, images: int, spatial_scale: float, *, rotated: bool = False) -> None:
    """Check regions of interest; their values only where they are NumPy arrays.

    On a GPU, looking at values would wait for everything before. There, image numbers out of range
    and coordinates beyond the largest feature map are moved to the nearest allowed value by
    :func:`image_numbers` and the tables below, so that no kernel leaves its arrays.
    """
    _check_floats(rois, "rois")
    columns = "image, cx, cy, w, h, angle" if rotated else "image, x0, y0, x1, y1"
    count = 6 if rotated else 5
    if rois.ndim != 2 or rois.shape[1] != count:
        raise ValueError(
            f"rois must have shape (R, {count}), [{columns}] a row, got {tuple(rois.shape)}"
        )
    if not isinstance(rois, np.ndarray):
        return
    if not np.isfinite(rois).all():
        raise ValueError("rois must be finite, got NaN or infinity")
    numbers = rois[:, 0]
    wrong = (numbers != np.floor(numbers)) | (numbers < 0) | (numbers >= images)
    if wrong.any():
        raise ValueError(
            f"rois must name in column 0 one of the {images} images, got {numbers[wrong][0]:g}"
        )
    if rois.size and np.abs(rois[:, 1:5]).max() * spatial_scale > FARTHEST:
        raise ValueError(f"rois must lie within {FARTHEST} pixels of the feature map's origin, "
                         f"got {np.abs(rois[:, 1:5]).max() * spatial_scale:g}")  # fmt: skip
    if rotated and (rois[:, 3:5] < 0).any():
        raise ValueError("rois must have w >= 0 and h >= 0, got a negative one")


def check_rois_of_gradient(rois: Any, features_shape: tuple[int, int, int, int]) -> None:
    """Check the ``(R, 5)`` or ``(R, 6)`` rois of which a gradient needs the image numbers only."""
    rotated = getattr(rois, "ndim", 0) == 2 and rois.shape[1] == 6
    check_rois(rois, features_shape[0], 0.0, rotated=rotated)


def check_scale(spatial_scale: Any) -> float:
    """Check the resolution of the feature map over that of the image."""
    return check_number(spatial_scale, "spatial_scale", low=0.0, low_open=True)


def check_sampling(spatial_scale: Any, sampling_ratio: Any, aligned: Any) -> tuple[float, int]:
    """Check what RoIAlign takes beside the features and the boxes."""
    scale = check_scale(spatial_scale)
    ratio = int(
        check_number(sampling_ratio, "sampling_ratio", low=-1, high=MOST_SAMPLES, integer=True)
    )
    if not isinstance(aligned, bool | np.bool_):
        raise TypeError(f"aligned must be a bool, got {aligned!r}")
    return scale, ratio


def check_side(value: Any, name: str) -> int:
    """Check the height or width of a crop."""
    return int(check_number(value, name, low=1, high=2**16, integer=True))


def check_output_size(output_size: Any) -> tuple[int, int]:
    """Return the number of bins along y and x of an int or a pair (height, width)."""
    if isinstance(output_size, Sequence) and not isinstance(output_size, str):
        sides = tuple(output_size)
        if len(sides) != 2:
            raise ValueError(f"output_size must be one number or (height, width), got {sides}")
    else:
        sides = (output_size, output_size)
    height, width = (
        int(check_number(side, "output_size", low=1, high=LARGEST_OUTPUT, integer=True))
        for side in sides
    )
    return height, width


def check_features_shape(features_shape: Any) -> tuple[int, int, int, int]:
    """Check the shape that a gradient with respect to the features is to have."""
    shape = tuple(features_shape) if isinstance(features_shape, Iterable) else ()
    if len(shape) != 4:
        raise ValueError(f"features_shape must be (N, C, H, W), got {features_shape!r}")
    n, c, h, w = (
        int(check_number(side, "features_shape", low=1, high=high, integer=True))
        for side, high in zip(shape, (MOST, MOST, FARTHEST - 1, FARTHEST - 1), strict=True)
    )
    if h * w > MOST:
        raise ValueError(f"features_shape must have at most {MOST} pixels a channel, got {shape}")
    return n, c, h, w


def check_gradient(gradient: Any, rois: int, channels: int) -> None:
    """Check the gradient ``(R, C, height, width)`` with respect to an operation's output."""
    _check_floats(gradient, "gradient")
    fits = gradient.ndim == 4 and tuple(gradient.shape[:2]) == (rois, channels)
    if not fits or 0 in gradient.shape[2:]:
        raise ValueError(
            f"gradient must have the shape of the output, ({rois}, {channels}, height, width), "
            f"got {tuple(gradient.shape)}"
        )


def check_position_sensitive(channels: int, output_size: tuple[int, int]) -> int:
    """Return the number of output channels of a position-sensitive operation."""
    bins = output_size[0] * output_size[1]
    if channels % bins:
        raise ValueError(
            f"features must have a multiple of {output_size[0]} x {output_size[1]} = {bins} "
            f"channels, one for each bin, got {channels}"
        )
    return channels // bins


def channels_of_gradient(gradient: Any, channels: int) -> int:
    """Return the output channels that go with a position-sensitive gradient and its features."""
    bins = tuple(getattr(gradient, "shape", ()))[2:]
    return check_position_sensitive(channels, bins) if len(bins) == 2 and all(bins) else 0


def image_numbers(rois: Any, images: int) -> Any:
    """Return the image number of every RoI, ``(R,)`` int32, moved into [0, images)."""
    xp = array_module(rois)
    # As whole numbers first: NaN would pass through a comparison, and become any number afterwards.
    return xp.clip(rois[:, 0].astype(np.int32), 0, images - 1)


def pixel_boxes(rois: Any, spatial_scale: float, last_pixel: int) -> Any:
    """Round boxes to whole pixels of the feature map.

    Returns ``(R, 4)`` int32 of x, y, width and height, the sides at least 1. `last_pixel` is 1
    where the box includes the pixel that (x1, y1) rounds to, else 0. Halves are rounded away from
    zero, as C's ``round`` does.
    """
    xp = array_module(rois)
    corners = rois[:, 1:].astype(np.float64) * spatial_scale
    corners = xp.trunc(corners + xp.copysign(0.5, corners))
    corners = xp.clip(corners, -FARTHEST, FARTHEST).astype(np.int32)
    sides = xp.maximum(corners[:, 2:] - corners[:, :2] + last_pixel, 1)
    return xp.ascontiguousarray(xp.concatenate([corners[:, :2], sides], axis=1))


def bin_grids(
    rois: Any,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> tuple[Any, Any]:
    """Return where RoIAlign's bins lie and how many samples each has along x and y.

    Returns
    -------
    bins
        ``(R, 4)`` float64: the x and y where the first bin begins, and a bin's width and height,
        in indices of the feature map.
    samples
        ``(R, 2)`` int32: samples along x and y of every bin; 0 where the box is inside out.
    """
    xp = array_module(rois)
    bins_y, bins_x = output_size
    corners = rois[:, 1:].astype(np.float64) * spatial_scale
    corners = xp.clip(corners, -FARTHEST, FARTHEST)
    sides = corners[:, 2:] - corners[:, :2]
    starts = corners[:, :2] - 0.5 * aligned
    if not aligned:
        sides = xp.maximum(sides, 1.0)
    bin_sides = sides / xp.asarray([bins_x, bins_y], dtype=np.float64)
    if sampling_ratio > 0:
        samples = xp.full(bin_sides.shape, sampling_ratio, dtype=np.int32)
    else:
        samples = xp.clip(xp.ceil(bin_sides), 0, MOST_SAMPLES).astype(np.int32)
    bins = xp.concatenate([starts, bin_sides], axis=1)
    return xp.ascontiguousarray(bins), xp.ascontiguousarray(samples)


def rotated_frames(rois: Any, spatial_scale: float) -> tuple[Any, Any, Any, Any]:
    """Return centres, sides and directions of rotated boxes on the feature map.

    Returns
    -------
    centre
        ``(R, 2)`` float64, in indices of the feature map.
    sides
        ``(R, 2)`` float64, width and height in its pixels.
    along, down
        ``(R, 2)`` float64: the unit vectors of the reading direction and of the one across it.
    """
    xp = array_module(rois)
    far = FARTHEST / spatial_scale
    boxes = xp.clip(rois[:, 1:5].astype(np.float64), -far, far)
    angle = rois[:, 5].astype(np.float64)
    cosine, sine = xp.cos(angle), xp.sin(angle)
    along = xp.stack([cosine, -sine], axis=1)
    down = xp.stack([sine, cosine], axis=1)
    return (boxes[:, :2] + 0.5) * spatial_scale - 0.5, boxes[:, 2:] * spatial_scale, along, down


def round_half_away(value: float) -> int:
    """Round to the nearest whole number, halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def corners_and_weights(
    x: float, y: float, height: int, width: int
) -> list[tuple[int, int, float]]:
    """Return the features (row, column, weight) that interpolate a map at (x, y).

    There are none where the point lies more than a pixel beyond the outermost pixel centres; a
    point nearer than that has the value of the edge. Plain Python, for the references.
    """
    if x < -1 or x > width or y < -1 or y > height:
        return []
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    u, v = x - left, y - top
    return [
        (top, left, (1 - v) * (1 - u)),
        (top, right, (1 - v) * u),
        (bottom, left, v * (1 - u)),
        (bottom, right, v * u),
    ]

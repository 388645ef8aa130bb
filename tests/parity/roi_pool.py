"""Cases of RoIPool and rotated RoI pooling, checked against torch's pooling and shapely."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn.ops import roi_pool as module
from parity import Case, Operation, close, equal

rng = np.random.default_rng(20)


def features(*shape: int, dtype: Any = np.float32) -> NDArray[Any]:
    return rng.standard_normal(shape).astype(dtype)


def boxes(count: int, images: int, height: float, width: float, dtype: Any = np.float32) -> Any:
    """Random boxes, some of them reaching over the edges of a map of this size."""
    x = np.sort(rng.uniform(-0.2 * width, 1.2 * width, (count, 2)), axis=1)
    y = np.sort(rng.uniform(-0.2 * height, 1.2 * height, (count, 2)), axis=1)
    image = rng.integers(0, images, count)
    return np.column_stack([image, x[:, 0], y[:, 0], x[:, 1], y[:, 1]]).astype(dtype)


def rotated_boxes(count: int, images: int, height: float, width: float, dtype: Any = np.float32):
    """Random rotated boxes, some of them reaching over the edges of a map of this size."""
    return np.column_stack(
        [
            rng.integers(0, images, count),
            rng.uniform(-0.1 * width, 1.1 * width, count),
            rng.uniform(-0.1 * height, 1.1 * height, count),
            rng.uniform(0, 0.9 * width, count),
            rng.uniform(0, 0.7 * height, count),
            rng.uniform(-4, 4, count),
        ]
    ).astype(dtype)


# Halves that must be rounded away from zero, boxes of one pixel, inside out, outside on every side,
# over everything, and more bins than pixels.
ODD_BOXES = np.array(
    [
        [0, 0.5, 1.5, 4.5, 6.5],
        [1, -0.5, -1.5, 2.5, 3.5],
        [0, 3, 3, 3, 3],
        [1, 6, 5, 2, 1],
        [0, -9, -9, -5, -5],
        [0, 40, 2, 50, 4],
        [1, 2, 40, 4, 50],
        [1, -100, -100, 100, 100],
        [0, 1, 2, 3, 3],
    ],
    np.float32,
)
# Right angles, at which pixel centres lie on the borders of bins; boxes without width or height;
# outside; over everything; more bins than pixels.
ODD_ROTATED = np.array(
    [
        [0, 4, 4, 6, 4, 0],
        [1, 4, 4, 6, 4, math.pi / 2],
        [0, 4, 4, 6, 4, math.pi],
        [1, 4.5, 3.5, 6, 4, -math.pi / 2],
        [0, 4, 4, 0, 0, 0.3],
        [1, 5, 2, 8, 0, 0.8],
        [0, -30, 4, 6, 4, 1],
        [1, 5, 5, 200, 200, 2],
        [0, 3.25, 3.5, 1.5, 1.5, 0.7],
    ],
    np.float32,
)
CONSTANT = np.full((2, 3, 9, 11), -2, np.float32)
TIES = rng.integers(-1, 2, (2, 5, 9, 11)).astype(np.float32)
STRIDED = features(2, 6, 9, 22)[:, ::2, :, ::2]

POOL_CASES = [
    Case("random", (features(2, 6, 13, 17), boxes(7, 2, 52, 68), (3, 4), 0.25)),
    Case("float64", (features(1, 5, 9, 8, dtype=np.float64), boxes(5, 1, 9, 8), (2, 2), 1.0)),
    Case("odd boxes", (features(2, 3, 9, 11), ODD_BOXES, (3, 2), 1.0)),
    Case("ties", (TIES, ODD_BOXES, (2, 3), 1.0)),
    Case("constant", (CONSTANT, ODD_BOXES, (1, 1), 1.0)),
    Case("non-contiguous", (STRIDED, np.asfortranarray(ODD_BOXES), (2, 2), 0.9)),
    Case("no box", (features(1, 2, 4, 4), boxes(0, 1, 4, 4), (2, 2), 1.0)),
    Case("one pixel", (features(1, 1, 1, 1), boxes(3, 1, 1, 1), (1, 1), 1.0)),
    Case("large", (features(2, 16, 40, 50), boxes(60, 2, 640, 800), (7, 7), 1 / 16), small=False),
]
ROTATED_CASES = [
    Case("random", (features(2, 6, 13, 17), rotated_boxes(6, 2, 52, 68), (3, 4), 0.25)),
    Case("float64", (features(1, 5, 9, 8, dtype=np.float64),
                     rotated_boxes(5, 1, 9, 8, np.float64), (2, 2), 1.0)),
    Case("odd boxes", (features(2, 3, 9, 11), ODD_ROTATED, (3, 2), 1.0)),
    Case("ties", (TIES, ODD_ROTATED, (2, 3), 1.0)),
    Case("constant", (CONSTANT, ODD_ROTATED, (1, 1), 1.0)),
    Case("non-contiguous", (STRIDED, np.asfortranarray(ODD_ROTATED), (2, 2), 0.9)),
    Case("no box", (features(1, 2, 4, 4), rotated_boxes(0, 1, 4, 4), (2, 2), 1.0)),
    Case("one pixel", (features(1, 1, 1, 1), rotated_boxes(3, 1, 1, 1), (1, 1), 1.0)),
    Case("large", (features(2, 16, 40, 50), rotated_boxes(12, 2, 640, 800), (4, 16), 1 / 16),
         small=False),
]  # fmt: skip


def gradient_case(case: Case, forward: Any) -> Case:
    """Return the case of the gradient: what comes back is random, the maxima those of `case`."""
    maps, rois = case.args[:2]
    _, argmax = forward(*case.args)
    return Case(case.name, (features(*argmax.shape, dtype=maps.dtype), argmax, rois, maps.shape),
                small=case.small)  # fmt: skip


GRADIENT_CASES = [
    *(gradient_case(case, module.roi_pool_reference) for case in POOL_CASES[:-1]),
    gradient_case(Case("rotated", ROTATED_CASES[0].args), module.rotated_roi_pool_reference),
    Case("non-contiguous gradient", (
        features(2, 2, 4, 8)[..., ::2], np.full((2, 2, 4, 4), 3, np.int32),
        np.zeros((2, 5), np.float32), (1, 2, 2, 3))),
]  # fmt: skip


def adaptive_pooling(maps: Any, rois: Any, output_size: Any, scale: float) -> Any:
    """Crop each box and pool the crop with torch, which draws the same limits between bins.

    Around the map lie features of minus infinity, which no maximum takes.
    """
    import torch

    channels, height, width = maps.shape[1:]
    pooled = np.zeros((len(rois), channels, *output_size), maps.dtype)
    argmax = np.full(pooled.shape, -1, np.int32)
    for r, roi in enumerate(rois.astype(np.float64)):
        x0, y0, x1, y1 = (np.trunc(v + np.copysign(0.5, v)).astype(int) for v in roi[1:] * scale)
        x, y = np.arange(x0, max(x0, x1) + 1), np.arange(y0, max(y0, y1) + 1)
        outside = ((y < 0) | (y >= height))[:, None] | ((x < 0) | (x >= width))
        crop = maps[int(roi[0])][:, y.clip(0, height - 1)][:, :, x.clip(0, width - 1)]
        values, places = torch.nn.functional.adaptive_max_pool2d(
            torch.tensor(np.where(outside, -np.inf, crop)), output_size, return_indices=True
        )
        found = np.isfinite(values.numpy())
        row, column = np.divmod(places.numpy(), len(x))
        pooled[r] = np.where(found, values.numpy(), 0)
        argmax[r] = np.where(found, (row + y0) * width + column + x0, -1)
    return pooled, argmax


def polygons(maps: Any, rois: Any, output_size: Any, scale: float) -> Any:
    """Cut each box with the library's geometry, and ask shapely which pixels a bin covers."""
    import shapely

    from ocrlearn.geometry import rotated_box_to_quad

    bins_y, bins_x = output_size
    channels, height, width = maps.shape[1:]
    y, x = np.mgrid[:height, :width]
    pixels = shapely.points(x, y)
    pooled = np.zeros((len(rois), channels, bins_y, bins_x), maps.dtype)
    argmax = np.full(pooled.shape, -1, np.int32)
    for r, roi in enumerate(rois.astype(np.float64)):
        box = np.array(
            [*((roi[1:3] + 0.5) * scale - 0.5), *np.maximum(roi[3:5] * scale, 1), roi[5]]
        )
        a, b, _, d = rotated_box_to_quad(box)
        for i, j in np.ndindex(bins_y, bins_x):
            corners = [
                a + (b - a) * u / bins_x + (d - a) * v / bins_y
                for u, v in [(j, i), (j + 1, i), (j + 1, i + 1), (j, i + 1)]
            ]
            inside = shapely.distance(shapely.Polygon(corners), pixels) <= module.BORDER
            if inside.any():
                found = np.where(inside, maps[int(roi[0])], -np.inf).reshape(channels, -1)
                pooled[r, :, i, j] = found.max(axis=1)
                argmax[r, :, i, j] = found.argmax(axis=1)
    return pooled, argmax


def scatter_with_torch(gradient: Any, argmax: Any, rois: Any, shape: Any) -> Any:
    """Let torch's autograd carry the gradient back through indexing."""
    import torch

    maps = torch.zeros(shape, dtype=torch.tensor(gradient).dtype, requires_grad=True)
    planes = maps.flatten(2)[torch.tensor(rois[:, 0].astype(np.int64))]
    places = torch.tensor(argmax.astype(np.int64)).flatten(2)
    pooled = torch.where(places >= 0, planes.gather(2, places.clamp(min=0)), 0.0)
    pooled.backward(torch.tensor(gradient.copy()).flatten(2))
    return maps.grad.numpy()


OPERATIONS = [
    Operation("roi_pool", module.RUNGS, POOL_CASES, equal, adaptive_pooling,
              kernels=module.KERNELS),
    Operation("rotated_roi_pool", module.ROTATED_RUNGS, ROTATED_CASES, equal, polygons,
              kernels=module.KERNELS),
    Operation("roi_pool_gradient", module.GRADIENT_RUNGS, GRADIENT_CASES,
              close(rtol=1e-5, atol=1e-5), scatter_with_torch,
              kernels=module.KERNELS),
]  # fmt: skip

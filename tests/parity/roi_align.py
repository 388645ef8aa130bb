"""Cases of RoIAlign and its position-sensitive form, checked against torch's grid_sample."""

from typing import Any

import numpy as np

from ocrlearn.ops import roi_align as module
from parity import Case, Operation, close
from parity.roi_pool import CONSTANT, ODD_BOXES, STRIDED, boxes, features

FORWARD = ("output_size", "spatial_scale", "sampling_ratio", "aligned", "position_sensitive")


def case(name: str, maps: Any, rois: Any, *options: Any, small: bool = True) -> Case:
    """Return a case of the forward pass; `options` in the order of FORWARD."""
    return Case(name, (maps, rois, *options), small=small)


CASES = [
    case("random", features(2, 6, 13, 17), boxes(6, 2, 52, 68), (3, 4), 0.25, 2, True, False),
    case("adaptive", features(2, 3, 13, 17), boxes(5, 2, 52, 68), (2, 3), 0.25, 0, True, False),
    case("not aligned", features(1, 5, 13, 9), boxes(5, 1, 26, 18), (2, 3), 0.5, -1, False, False),
    case("float64", features(1, 4, 9, 8, dtype=np.float64), boxes(5, 1, 9, 8, np.float64),
         (2, 2), 1.0, 3, True, False),
    case("odd boxes", features(2, 3, 9, 11), ODD_BOXES, (3, 2), 0.9, 0, True, False),
    case("odd boxes, not aligned", features(2, 3, 9, 11), ODD_BOXES, (3, 2), 0.9, 1, False, False),
    case("constant", CONSTANT, ODD_BOXES[:4], (1, 1), 1.0, 2, True, False),
    case("non-contiguous", STRIDED, np.asfortranarray(ODD_BOXES), (2, 2), 0.7, 1, True, False),
    case("no box", features(1, 2, 4, 4), boxes(0, 1, 4, 4), (2, 2), 1.0, 2, True, False),
    case("one pixel", features(1, 1, 1, 1), boxes(3, 1, 1, 1), (1, 1), 1.0, 2, True, False),
    case("position-sensitive", features(2, 12, 11, 13), boxes(6, 2, 44, 52), (2, 3), 0.25, 2, True,
         True),
    case("position-sensitive, adaptive", features(2, 30, 9, 11, dtype=np.float64), ODD_BOXES,
         (3, 2), 0.9, 0, True, True),
    case("large", features(2, 16, 40, 50), boxes(30, 2, 640, 800), (7, 7), 1 / 16, 2, True, False,
         small=False),
]  # fmt: skip


def gradient_case(forward: Case) -> Case:
    """Return the gradient's case: what comes back is random, everything else as in `forward`."""
    maps, rois, size, *options = forward.args
    channels = maps.shape[1] // (size[0] * size[1]) if options[-1] else maps.shape[1]
    gradient = features(len(rois), channels, *size, dtype=maps.dtype)
    return Case(forward.name, (gradient, rois, maps.shape, *options), small=forward.small)


GRADIENT_CASES = [
    *map(gradient_case, CASES),
    Case("non-contiguous gradient", (
        features(3, 2, 4, 8)[..., ::2], boxes(3, 1, 9, 7), (1, 2, 9, 7), 1.0, 2, True, False)),
]  # fmt: skip


def sample(maps: Any, rois: Any, output_size: Any, scale: float, ratio: int, aligned: bool,
           position_sensitive: bool) -> Any:  # fmt: skip
    """Sample with grid_sample, whose "border" padding repeats the edge, and take the means.

    grid_sample puts -1 and 1 on the outermost pixel centres with ``align_corners=True``. What lies
    more than a pixel outside is set to 0 afterwards.
    """
    import torch

    bins_y, bins_x = output_size
    height, width = maps.shape[2:]

    def places(start: float, end: float, bins: int) -> Any:
        size = end - start if aligned else max(end - start, 1.0)
        count = ratio if ratio > 0 else max(int(np.ceil(size / bins)), 0)
        step = size / (bins * count) if count else 0.0
        first = start - 0.5 * aligned + 0.5 * step
        return first + step * torch.arange(bins * count, dtype=torch.float64), count

    pooled = []
    for roi in rois.astype(np.float64):
        x0, y0, x1, y1 = roi[1:] * scale
        (x, columns), (y, rows) = places(x0, x1, bins_x), places(y0, y1, bins_y)
        grid = torch.stack(
            torch.meshgrid(
                2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1, indexing="xy"
            ),
            dim=-1,
        )
        image = maps[int(roi[0])][None].double()
        if rows * columns == 0:
            values = torch.zeros((1, maps.shape[1], bins_y, bins_x))
        else:
            values = torch.nn.functional.grid_sample(
                image, grid[None], padding_mode="border", align_corners=True
            )
            far_x, far_y = (x < -1) | (x > width), (y < -1) | (y > height)
            values = values.masked_fill(far_y[:, None] | far_x, 0.0)
            values = torch.nn.functional.avg_pool2d(values, (rows, columns))
        if position_sensitive:
            values = values.reshape(-1, bins_y * bins_x, bins_y * bins_x)
            values = values.diagonal(dim1=1, dim2=2).reshape(1, -1, bins_y, bins_x)
        pooled.append(values)
    return torch.cat(pooled) if pooled else None  # fmt: skip


def forward_oracle(maps: Any, *arguments: Any) -> Any:
    import torch

    pooled = sample(torch.tensor(maps), *arguments)
    return None if pooled is None else pooled.numpy()


def gradient_oracle(gradient: Any, rois: Any, shape: Any, *options: Any) -> Any:
    """Let autograd differentiate the oracle of the forward pass."""
    import torch

    maps = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    pooled = sample(maps, rois, gradient.shape[2:], *options)
    if pooled is None:
        return None
    pooled.backward(torch.tensor(gradient.copy()).to(pooled.dtype))
    return maps.grad.numpy()


OPERATIONS = [
    Operation("roi_align", module.RUNGS, CASES, close(rtol=1e-4, atol=1e-5), forward_oracle,
              kernels=module.KERNELS),
    Operation("roi_align_gradient", module.GRADIENT_RUNGS, GRADIENT_CASES,
              close(rtol=1e-4, atol=1e-5), gradient_oracle, kernels=module.KERNELS),
]  # fmt: skip

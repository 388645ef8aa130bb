"""Cases of position-sensitive RoI pooling, checked against sums over an integral image in torch."""

from typing import Any

import numpy as np

from ocrlearn.ops import ps_roi as module
from parity import Case, Operation, close
from parity.roi_pool import ODD_BOXES, STRIDED, boxes, features

CASES = [
    Case("random", (features(2, 12, 13, 17), boxes(7, 2, 52, 68), (2, 3), 0.25)),
    Case("float64", (features(1, 8, 9, 8, dtype=np.float64), boxes(5, 1, 9, 8), (2, 2), 1.0)),
    Case("odd boxes", (features(2, 18, 9, 11), ODD_BOXES, (3, 2), 1.0)),
    Case("constant", (np.full((2, 4, 9, 11), 0.5, np.float32), ODD_BOXES, (2, 2), 1.0)),
    Case("non-contiguous", (STRIDED, np.asfortranarray(ODD_BOXES), (3, 1), 0.9)),
    Case("no box", (features(1, 4, 4, 4), boxes(0, 1, 4, 4), (2, 2), 1.0)),
    Case("one pixel", (features(1, 1, 1, 1), boxes(3, 1, 1, 1), (1, 1), 1.0)),
    Case("large", (features(2, 98, 40, 50), boxes(40, 2, 640, 800), (7, 7), 1 / 16), small=False),
]


def gradient_case(forward: Case) -> Case:
    maps, rois, size, scale = forward.args
    gradient = features(len(rois), maps.shape[1] // (size[0] * size[1]), *size, dtype=maps.dtype)
    return Case(forward.name, (gradient, rois, maps.shape, scale), small=forward.small)


GRADIENT_CASES = [
    *map(gradient_case, CASES[:-1]),
    Case("non-contiguous gradient", (features(3, 2, 2, 4)[..., ::2], boxes(3, 1, 9, 7),
                                     (1, 8, 9, 7), 1.0)),
]  # fmt: skip


def integral(maps: Any, rois: Any, output_size: Any, scale: float) -> Any:
    """Take every mean from a summed-area table, whose corners are looked up clipped to the map."""
    import torch

    bins_y, bins_x = output_size
    height, width = maps.shape[2:]
    table = torch.nn.functional.pad(maps.double().cumsum(2).cumsum(3), (1, 0, 1, 0))
    pooled = torch.zeros((len(rois), maps.shape[1] // (bins_y * bins_x), bins_y, bins_x))
    pooled = pooled.double()
    for r, roi in enumerate(rois.astype(np.float64)):
        x0, y0, x1, y1 = np.trunc(roi[1:] * scale + np.copysign(0.5, roi[1:])).astype(int)
        for b in range(bins_y * bins_x):
            i, j = divmod(b, bins_x)
            size_y, size_x = max(y1 - y0, 1), max(x1 - x0, 1)
            top, bottom = np.clip(
                [y0 + i * size_y // bins_y, y0 - (-(i + 1) * size_y // bins_y)], 0, height
            )
            left, right = np.clip(
                [x0 + j * size_x // bins_x, x0 - (-(j + 1) * size_x // bins_x)], 0, width
            )
            own = table[int(roi[0]), b :: bins_y * bins_x]
            total = own[:, bottom, right] - own[:, top, right]
            total = total - own[:, bottom, left] + own[:, top, left]
            pooled[r, :, i, j] = total / max((bottom - top) * (right - left), 1)
    return pooled  # fmt: skip


def forward_oracle(maps: Any, *arguments: Any) -> Any:
    import torch

    return integral(torch.tensor(maps), *arguments).numpy()


def gradient_oracle(gradient: Any, rois: Any, shape: Any, scale: float) -> Any:
    """Let autograd differentiate the oracle of the forward pass."""
    import torch

    if not len(rois):
        return np.zeros(shape)
    maps = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    integral(maps, rois, gradient.shape[2:], scale).backward(torch.tensor(gradient).double())
    return maps.grad.numpy()


OPERATIONS = [
    Operation("ps_roi_pool", module.RUNGS, CASES, close(rtol=1e-4, atol=1e-5), forward_oracle,
              kernels=module.KERNELS),
    Operation("ps_roi_pool_gradient", module.GRADIENT_RUNGS, GRADIENT_CASES,
              close(rtol=1e-4, atol=1e-5), gradient_oracle, kernels=module.KERNELS),
]  # fmt: skip

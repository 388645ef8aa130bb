"""Cases of RoIRotate, checked against torch's affine_grid and grid_sample."""

from typing import Any

import numpy as np

from ocrlearn.ops import roi_rotate as module
from parity import Case, Operation, close
from parity.roi_pool import ODD_ROTATED, STRIDED, features, rotated_boxes


def float64_boxes(count: int, images: int, height: float, width: float) -> Any:
    return rotated_boxes(count, images, height, width, np.float64)


# Upright, its outermost samples exactly one pixel outside a map of 2 x 4: these still count.
ONE_PIXEL_OUTSIDE = np.array([[0, 1.5, 0.5, 6, 4, 0]], np.float32)

CASES = [
    Case("random", (features(2, 6, 13, 17), rotated_boxes(6, 2, 52, 68), 4, 9, 0.25)),
    Case("float64", (features(1, 5, 9, 8, dtype=np.float64), float64_boxes(5, 1, 9, 8), 3, 7, 1.0)),
    Case("odd boxes", (features(2, 3, 9, 11), ODD_ROTATED, 4, 8, 1.0)),
    Case("constant", (np.full((2, 2, 9, 11), 0.5, np.float32), ODD_ROTATED, 2, 3, 1.0)),
    Case("one row", (features(2, 3, 9, 11), ODD_ROTATED, 1, 1, 2.0)),
    Case("non-contiguous", (STRIDED, np.asfortranarray(ODD_ROTATED), 2, 5, 0.9)),
    Case("no box", (features(1, 2, 4, 4), rotated_boxes(0, 1, 4, 4), 2, 5, 1.0)),
    Case("one pixel", (features(1, 1, 1, 1), rotated_boxes(3, 1, 1, 1), 2, 3, 1.0)),
    Case("one pixel outside", (features(1, 2, 2, 4), ONE_PIXEL_OUTSIDE, 4, 6, 1.0)),
    Case("large", (features(2, 16, 40, 50), rotated_boxes(20, 2, 160, 200), 8, 64, 0.25),
         small=False),
]  # fmt: skip


def gradient_case(forward: Case) -> Case:
    maps, rois, height, width, scale = forward.args
    gradient = features(len(rois), maps.shape[1], height, width, dtype=maps.dtype)
    return Case(forward.name, (gradient, rois, maps.shape, scale), small=forward.small)


GRADIENT_CASES = [
    *map(gradient_case, CASES),
    Case("non-contiguous gradient", (features(3, 2, 2, 8)[..., ::2], rotated_boxes(3, 1, 9, 7),
                                     (1, 2, 9, 7), 1.0)),
]  # fmt: skip


def sample(maps: Any, rois: Any, height: int, max_width: int, scale: float) -> Any:
    """Map each crop onto the features by an affine matrix, in torch's coordinates.

    With ``align_corners=False`` -1 and 1 are the outer edges of the first and the last pixel, in
    the crop and in the map alike, so the half pixels that the library adds and takes away are
    torch's own business here.
    """
    import torch

    map_height, map_width = maps.shape[2:]
    crops = []
    widths = np.zeros(len(rois), np.int32)
    for r, (image, cx, cy, w, h, angle) in enumerate(rois.astype(np.float64)):
        width = int(np.clip(np.floor(height * w / max(h, 1e-6) + 0.5), 1, max_width))
        cosine, sine = np.cos(angle), np.sin(angle)
        # Half the box along its own sides, and its centre from the map's corner, in half maps.
        half_x, half_y = map_width / 2, map_height / 2
        matrix = torch.tensor(
            [
                [
                    w / 2 * cosine * scale / half_x,
                    h / 2 * sine * scale / half_x,
                    (cx + 0.5) * scale / half_x - 1,
                ],
                [
                    -w / 2 * sine * scale / half_y,
                    h / 2 * cosine * scale / half_y,
                    (cy + 0.5) * scale / half_y - 1,
                ],
            ]
        )
        grid = torch.nn.functional.affine_grid(
            matrix[None], (1, 1, height, width), align_corners=False
        )
        crop = torch.nn.functional.grid_sample(
            maps[int(image)][None].double(), grid, padding_mode="border", align_corners=False
        )
        x, y = (grid[..., 0] + 1) * half_x - 0.5, (grid[..., 1] + 1) * half_y - 0.5
        outside = (x < -1) | (x > map_width) | (y < -1) | (y > map_height)
        crop = crop.masked_fill(outside[:, None], 0.0)
        crops.append(torch.nn.functional.pad(crop, (0, max_width - width)))
        widths[r] = width
    return (torch.cat(crops) if crops else None), widths  # fmt: skip


def forward_oracle(maps: Any, *arguments: Any) -> Any:
    import torch

    crops, widths = sample(torch.tensor(maps), *arguments)
    return None if crops is None else (crops.numpy(), widths)


def gradient_oracle(gradient: Any, rois: Any, shape: Any, scale: float) -> Any:
    """Let autograd differentiate the oracle of the forward pass."""
    import torch

    maps = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    crops, _ = sample(maps, rois, *gradient.shape[2:], scale)
    if crops is None:
        return None
    crops.backward(torch.tensor(gradient.copy()).double())
    return maps.grad.numpy()


OPERATIONS = [
    Operation("roi_rotate", module.RUNGS, CASES, close(rtol=1e-4, atol=1e-4), forward_oracle,
              kernels=module.KERNELS),
    Operation("roi_rotate_gradient", module.GRADIENT_RUNGS, GRADIENT_CASES,
              close(rtol=1e-4, atol=1e-4), gradient_oracle, kernels=module.KERNELS),
]  # fmt: skip

"""Regions of interest: pooling, aligned sampling, rotation, and their gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.ops import ps_roi, roi_align, roi_pool, roi_rotate

TORCH = "torch"
TORCHVISION = "torchvision"
FLOAT = 4  # bytes

BINS = (7, 7)
STRIDE = 1 / 16
CROP_HEIGHT, CROP_WIDTH, CROP_STRIDE = 8, 64, 1 / 4


def boxes(rng: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """Boxes of image 0 as a detector proposes them: inside the image, of many sizes."""
    sides = np.exp(rng.uniform(np.log(40), np.log(400), (count, 2)))
    corner = rng.uniform(0, 1, (count, 2)) * np.maximum([width, height] - sides - 16, 1)
    return np.column_stack([np.zeros(count), corner, corner + sides]).astype(np.float32)


def lines(rng: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """Rotated boxes of image 0 around lines of text, none wider than a crop allows."""
    text_height = rng.uniform(16, 48, count)
    return np.column_stack(
        [
            np.zeros(count),
            rng.uniform(0.35, 0.65, (count, 2)) * [width, height],
            text_height * rng.uniform(2, CROP_WIDTH / CROP_HEIGHT - 0.1, count),
            text_height,
            rng.uniform(-0.6, 0.6, count),
        ]
    ).astype(np.float32)


def proposals(
    seed: int, count: int, channels: int, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return features at stride 16 and boxes in them."""
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((1, channels, *size), dtype=np.float32)
    return maps, boxes(rng, count, 16 * size[0], 16 * size[1])


def text_lines(
    seed: int, count: int, channels: int, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return features at stride 4 and lines of text in them."""
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((1, channels, *size), dtype=np.float32)
    return maps, lines(rng, count, 4 * size[0], 4 * size[1])


# --- torch's own functions as peers ---------------------------------------------------------------


def align_with_torch(maps: Any, rois: Any) -> Callable[[], Any]:
    """RoIAlign of 2 x 2 samples in one grid_sample for all boxes of the image."""
    import torch

    samples = torch.arange(2 * BINS[0], device=maps.device).add(0.5).div(2 * BINS[0])

    def run() -> Any:
        corners = rois[:, 1:] * STRIDE - 0.5
        x = corners[:, :1] + (corners[:, 2:3] - corners[:, :1]) * samples
        y = corners[:, 1:2] + (corners[:, 3:] - corners[:, 1:2]) * samples
        x = (x + 0.5) * (2 / maps.shape[3]) - 1
        y = (y + 0.5) * (2 / maps.shape[2]) - 1
        shape = (len(rois), len(samples), len(samples))
        grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=-1)
        values = torch.nn.functional.grid_sample(
            maps, grid.reshape(1, -1, len(samples), 2), padding_mode="border", align_corners=False
        )
        values = torch.nn.functional.avg_pool2d(values, 2)
        return values.reshape(maps.shape[1], len(rois), *BINS).transpose(0, 1)

    return run


def pool_with_torch(maps: Any, rois: Any) -> Callable[[], Any]:
    """RoIPool by a loop over the boxes: crop, and pool adaptively."""
    import torch

    def run() -> Any:
        corners = (rois[:, 1:] * STRIDE + 0.5).floor().int().tolist()
        return torch.stack(
            [
                torch.nn.functional.adaptive_max_pool2d(maps[0, :, y0 : y1 + 1, x0 : x1 + 1], BINS)
                for x0, y0, x1, y1 in corners
            ]
        )

    return run


def rotate_with_torch(maps: Any, rois: Any) -> Callable[[], Any]:
    """RoIRotate by affine_grid and one grid_sample for all boxes of the image.

    Every crop is sampled over the full width, the padding too, and then masked.
    """
    import torch

    half_x, half_y = maps.shape[3] / 2, maps.shape[2] / 2

    def run() -> Any:
        _, cx, cy, w, h, angle = rois.T
        columns = (CROP_HEIGHT * w / h + 0.5).floor().clamp(1, CROP_WIDTH)
        half_w, half_h = w * CROP_STRIDE * CROP_WIDTH / columns / 2, h * CROP_STRIDE / 2
        cosine, sine = angle.cos(), angle.sin()
        # The crop's left edge stays at the box's, and its right edge moves out by the padding.
        shift = half_w - w * CROP_STRIDE / 2
        x = (cx + 0.5) * CROP_STRIDE + shift * cosine
        y = (cy + 0.5) * CROP_STRIDE - shift * sine
        matrix = torch.stack(
            [
                torch.stack([half_w * cosine / half_x, half_h * sine / half_x, x / half_x - 1], -1),
                torch.stack(
                    [-half_w * sine / half_y, half_h * cosine / half_y, y / half_y - 1], -1
                ),
            ],
            dim=1,
        )
        grid = torch.nn.functional.affine_grid(
            matrix, [len(rois), 1, CROP_HEIGHT, CROP_WIDTH], align_corners=False
        )
        values = torch.nn.functional.grid_sample(
            maps, grid.reshape(1, -1, CROP_WIDTH, 2), padding_mode="border", align_corners=False
        )
        values = values.reshape(maps.shape[1], len(rois), CROP_HEIGHT, CROP_WIDTH).transpose(0, 1)
        kept = torch.arange(CROP_WIDTH, device=maps.device) < columns[:, None]
        return values * kept[:, None, None, :]

    return run


def gradient_with_torch(
    forward: Callable[[Any, Any], Callable[[], Any]], gradient: Any, rois: Any, shape: Any
) -> Callable[[], Any]:
    """Return the backward pass of one of the above, without the forward pass."""
    import torch

    maps = torch.zeros(shape, device=gradient.device, requires_grad=True)
    result = forward(maps, rois)()
    return lambda: torch.autograd.grad(result, maps, gradient, retain_graph=True)[0]


# --- CPU ------------------------------------------------------------------------------------------


def cpu_runners(
    ours: Callable[[Any, Any], Any],
    theirs: Callable[..., Any],
    make: Callable[..., Any],
    *size: Any,
) -> Callable[[], Runners]:
    """Return what makes the input, and prepares the library and torch for it."""

    def runners() -> Runners:
        import torch

        maps, rois = make(0, *size)
        peer = theirs(torch.from_numpy(maps), torch.from_numpy(rois))
        return {OURS: lambda: ours(maps, rois), TORCH: lambda: peer().numpy()}

    return runners


def rotate_gradients() -> Runners:
    """Prepare the backward passes alone."""
    import torch

    maps, rois = text_lines(0, 128, 32, (160, 160))
    gradient = np.random.default_rng(1).standard_normal(
        (len(rois), maps.shape[1], CROP_HEIGHT, CROP_WIDTH), dtype=np.float32
    )
    peer = gradient_with_torch(
        rotate_with_torch, torch.from_numpy(gradient), torch.from_numpy(rois), maps.shape
    )
    return {
        OURS: lambda: roi_rotate.roi_rotate_gradient(gradient, rois, maps.shape, CROP_STRIDE),
        TORCH: lambda: peer().numpy(),
    }


def close(ours: Any, theirs: Any) -> bool:
    """Whether features agree; places in float32 are good to about 1e-5 pixels."""
    return bool(np.allclose(ours, theirs, rtol=1e-3, atol=1e-3))


CPU = [
    CpuCase(
        name="RoIPool",
        size="200 boxes, 7x7 bins, 256x50x64",
        runners=cpu_runners(
            lambda maps, rois: roi_pool.roi_pool(maps, rois, BINS, STRIDE)[0],
            pool_with_torch, proposals, 200, 256, (50, 64),
        ),
        agree=lambda ours, theirs: bool(np.array_equal(ours, theirs)),
        bars={},
    ),
    CpuCase(
        name="RoIAlign",
        size="200 boxes, 7x7 bins, 2x2 samples, 256x50x64",
        runners=cpu_runners(
            lambda maps, rois: roi_align.roi_align(maps, rois, BINS, STRIDE, 2),
            align_with_torch, proposals, 200, 256, (50, 64),
        ),
        agree=close,
        bars={},
    ),
    CpuCase(
        name="RoIRotate",
        size="128 lines, 8x64, 32x160x160",
        runners=cpu_runners(
            lambda maps, rois: roi_rotate.roi_rotate(
                maps, rois, CROP_HEIGHT, CROP_WIDTH, CROP_STRIDE)[0],
            rotate_with_torch, text_lines, 128, 32, (160, 160),
        ),
        agree=close,
        bars={},
    ),
    CpuCase(
        name="RoIRotate, gradient",
        size="128 lines, 8x64, 32x160x160",
        runners=rotate_gradients,
        agree=close,
        bars={},
    ),
]  # fmt: skip


# --- GPU ------------------------------------------------------------------------------------------


def as_tensors(*arrays: Any) -> list[Any]:
    """Hand CuPy arrays to torch; nothing is copied."""
    import torch

    return [torch.from_dlpack(array) for array in arrays]


def torchvision_pool(maps: Any, rois: Any, size: Any, scale: float) -> Callable[[], Any]:
    """Prepare torchvision's RoIPool."""
    from torchvision.ops import roi_pool as peer

    maps, rois = as_tensors(maps, rois)
    return lambda: peer(maps, rois, size, scale)


def torchvision_ps_pool(maps: Any, rois: Any, size: Any, scale: float) -> Callable[[], Any]:
    """Prepare torchvision's position-sensitive pooling, which leaves out the map's last pixels."""
    from torchvision.ops import ps_roi_pool as peer

    maps, rois = as_tensors(maps, rois)
    return lambda: peer(maps, rois, size, scale)


def torchvision_align(maps: Any, rois: Any, size: Any, *options: Any) -> Callable[[], Any]:
    """Prepare torchvision's RoIAlign."""
    from torchvision.ops import roi_align as peer

    maps, rois = as_tensors(maps, rois)
    scale, ratio, aligned, _ = options
    return lambda: peer(maps, rois, size, scale, ratio, aligned)


def torchvision_align_gradient(
    gradient: Any, rois: Any, shape: Any, *options: Any
) -> Callable[[], Any]:
    """Prepare the backward pass of torchvision's RoIAlign."""
    import torch

    gradient, rois = as_tensors(gradient, rois)
    maps = torch.zeros(shape, device=gradient.device, requires_grad=True)
    result = torchvision_align(maps, rois, tuple(gradient.shape[2:]), *options)()
    return lambda: torch.autograd.grad(result, maps, gradient, retain_graph=True)[0]


def torch_rotate(maps: Any, rois: Any, *_: Any) -> Callable[[], Any]:
    """Prepare RoIRotate with grid_sample."""
    return rotate_with_torch(*as_tensors(maps, rois))


def torch_rotate_gradient(gradient: Any, rois: Any, shape: Any, _: Any) -> Callable[[], Any]:
    """Prepare the backward pass of RoIRotate with grid_sample."""
    return gradient_with_torch(rotate_with_torch, *as_tensors(gradient, rois), shape)


def same(result: Any, expected: Any) -> None:
    """Compare maxima and their places, which are not rounded."""
    for one, other in zip(result, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def near(result: Any, expected: Any) -> None:
    """Compare interpolated features: places in float32 are good to about 1e-5 pixels."""
    if isinstance(expected, tuple):
        same(result[1:], expected[1:])
        result, expected = result[0], expected[0]
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3)


MAP = (100, 128)  # 1600 x 2048 pixels at stride 16
ROIS, CHANNELS = 1000, 256
PS_CHANNELS = 21 * BINS[0] * BINS[1]  # 20 classes and the background
LINES, LINE_CHANNELS, LINE_MAP = 512, 64, (256, 256)  # 1024 x 1024 pixels at stride 4
SMALL = (6, 5, (20, 24))  # boxes, channels, map: for the reference

POOLED = ROIS * CHANNELS * BINS[0] * BINS[1]
SAMPLED = LINES * LINE_CHANNELS * CROP_HEIGHT * CROP_WIDTH
MAP_BYTES = FLOAT * CHANNELS * MAP[0] * MAP[1]
LINE_MAP_BYTES = FLOAT * LINE_CHANNELS * LINE_MAP[0] * LINE_MAP[1]
ALIGN = (STRIDE, 2, True, False)


def align_gradient_arguments(seed: int, *size: Any) -> tuple[Any, ...]:
    """Return the arguments of RoIAlign's gradient."""
    maps, rois = proposals(seed, *size)
    shape = (len(rois), maps.shape[1], *BINS)
    gradient = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return gradient, rois, maps.shape, *ALIGN


def rotate_gradient_arguments(seed: int, *size: Any) -> tuple[Any, ...]:
    """Return the arguments of RoIRotate's gradient."""
    maps, rois = text_lines(seed, *size)
    shape = (len(rois), maps.shape[1], CROP_HEIGHT, CROP_WIDTH)
    gradient = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return gradient, rois, maps.shape, CROP_STRIDE


# The sizes in bytes are what device memory must move: the map once, the results (and the places of
# maxima) once. The operations are the comparisons or multiplications and additions.
GPU = [
    GpuCase(
        name="RoIPool",
        size="1000 boxes, 7x7 bins, 256x100x128",
        rungs=roi_pool.RUNGS,
        make=lambda seed: (*proposals(seed, ROIS, CHANNELS, MAP), BINS, STRIDE),
        small=lambda seed: (*proposals(seed, *SMALL), BINS, STRIDE),
        compare=same,
        bytes=MAP_BYTES + 2 * FLOAT * POOLED,
        operations=6 * POOLED,
        peers={TORCHVISION: torchvision_pool},
    ),
    GpuCase(
        name="rotated RoI pooling",
        size="512 lines, 8x16 bins, 64x256x256",
        rungs=roi_pool.ROTATED_RUNGS,
        make=lambda seed: (
            *text_lines(seed, LINES, LINE_CHANNELS, LINE_MAP), (8, 16), CROP_STRIDE),
        small=lambda seed: (*text_lines(seed, 3, 4, (64, 64)), (2, 4), CROP_STRIDE),
        compare=same,
        bytes=LINE_MAP_BYTES + 2 * FLOAT * LINES * LINE_CHANNELS * 8 * 16,
        operations=12 * LINES * LINE_CHANNELS * 8 * 16,
    ),
    GpuCase(
        name="RoIAlign",
        size="1000 boxes, 7x7 bins, 2x2 samples, 256x100x128",
        rungs=roi_align.RUNGS,
        make=lambda seed: (*proposals(seed, ROIS, CHANNELS, MAP), BINS, *ALIGN),
        small=lambda seed: (*proposals(seed, *SMALL), BINS, *ALIGN),
        compare=near,
        bytes=MAP_BYTES + FLOAT * POOLED,
        operations=4 * 8 * POOLED,
        peers={TORCHVISION: torchvision_align},
    ),
    GpuCase(
        name="RoIAlign, gradient",
        size="1000 boxes, 7x7 bins, 2x2 samples, 256x100x128",
        rungs=roi_align.GRADIENT_RUNGS,
        make=lambda seed: align_gradient_arguments(seed, ROIS, CHANNELS, MAP),
        small=lambda seed: align_gradient_arguments(seed, *SMALL),
        compare=near,
        bytes=2 * MAP_BYTES + FLOAT * POOLED,
        operations=4 * 8 * POOLED,
        peers={TORCHVISION: torchvision_align_gradient},
    ),
    GpuCase(
        name="position-sensitive RoI pooling",
        size="1000 boxes, 7x7 bins, 1029x100x128",
        rungs=ps_roi.RUNGS,
        make=lambda seed: (*proposals(seed, ROIS, PS_CHANNELS, MAP), BINS, STRIDE),
        small=lambda seed: (*proposals(seed, 6, 98, (20, 24)), BINS, STRIDE),
        compare=near,
        bytes=FLOAT * PS_CHANNELS * MAP[0] * MAP[1] + FLOAT * ROIS * PS_CHANNELS,
        operations=6 * ROIS * PS_CHANNELS,
        peers={TORCHVISION: torchvision_ps_pool},
    ),
    GpuCase(
        name="RoIRotate",
        size="512 lines, 8x64, 64x256x256",
        rungs=roi_rotate.RUNGS,
        make=lambda seed: (*text_lines(seed, LINES, LINE_CHANNELS, LINE_MAP),
                           CROP_HEIGHT, CROP_WIDTH, CROP_STRIDE),
        small=lambda seed: (*text_lines(seed, 3, 4, (64, 64)),
                            CROP_HEIGHT, CROP_WIDTH, CROP_STRIDE),
        compare=near,
        bytes=LINE_MAP_BYTES + FLOAT * SAMPLED,
        operations=8 * SAMPLED,
        peers={TORCH: torch_rotate},
    ),
    GpuCase(
        name="RoIRotate, gradient",
        size="512 lines, 8x64, 64x256x256",
        rungs=roi_rotate.GRADIENT_RUNGS,
        make=lambda seed: rotate_gradient_arguments(seed, LINES, LINE_CHANNELS, LINE_MAP),
        small=lambda seed: rotate_gradient_arguments(seed, 3, 4, (64, 64)),
        compare=near,
        bytes=2 * LINE_MAP_BYTES + FLOAT * SAMPLED,
        operations=8 * SAMPLED,
        peers={TORCH: torch_rotate_gradient},
    ),
]  # fmt: skip

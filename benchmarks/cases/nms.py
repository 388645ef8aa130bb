"""Rotated overlap and non-maximum suppression."""

from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.ops import nms, rotated_iou

OPENCV = "OpenCV"
SHAPELY = "shapely"
THRESHOLD = 0.3


def detections(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotated boxes as a detector gives them, many around each word, and their scores.

    All boxes of a word have its size, so that none lies within another, which OpenCV would call a
    complete overlap.
    """
    rng = np.random.default_rng(seed)
    words = max(1, count // 40)
    side = 60 * np.sqrt(words)
    centre = rng.uniform(0, side, (words, 2))
    size = np.column_stack([rng.uniform(30, 120, words), rng.uniform(10, 30, words)])
    word = rng.integers(0, words, count)
    boxes = np.column_stack(
        [
            centre[word] + rng.normal(0, 3, (count, 2)),
            size[word],
            rng.uniform(-0.7, 0.7, words)[word] + rng.normal(0, 0.05, count),
        ]
    )
    return boxes.astype(np.float32), rng.random(count)


def rotated_suppression() -> Runners:
    """2,000 boxes around 50 words, in a library's own form of a rotated box."""
    import cv2

    boxes, scores = detections(0, 2000)
    theirs = [
        ((float(x), float(y)), (float(w), float(h)), float(-np.degrees(angle)))
        for x, y, w, h, angle in boxes
    ]
    their_scores = scores.tolist()
    return {
        OURS: lambda: nms.rotated_nms(boxes, scores, THRESHOLD),
        OPENCV: lambda: cv2.dnn.NMSBoxesRotated(theirs, their_scores, 0.0, THRESHOLD),
    }


def rotated_overlaps() -> Runners:
    """All overlaps of 300 boxes with 300 others."""
    import shapely

    from ocrlearn.geometry import rotated_box_to_quad

    first, second = detections(1, 300)[0], detections(2, 300)[0]

    def by_shapely() -> Any:
        one = shapely.polygons(rotated_box_to_quad(first))[:, None]
        other = shapely.polygons(rotated_box_to_quad(second))[None]
        shared = shapely.area(shapely.intersection(one, other))
        return shared / (shapely.area(one) + shapely.area(other) - shared)

    return {OURS: lambda: rotated_iou.rotated_iou(first, second), SHAPELY: by_shapely}


def same_survivors(ours: Any, theirs: Any) -> bool:
    """Whether nearly all survivors are the same; OpenCV's overlaps are in float32 throughout."""
    one, other = set(np.ravel(ours).tolist()), set(np.ravel(theirs).tolist())
    return len(one & other) >= 0.99 * max(len(one), len(other))


def same_overlaps(ours: Any, theirs: Any) -> bool:
    """Whether all overlaps agree to four digits."""
    return bool(np.abs(ours - theirs).max() < 1e-4)


CPU = [
    CpuCase("rotated NMS", "2,000 boxes", rotated_suppression, same_survivors, {OPENCV: 0.1}),
    CpuCase("rotated IoU", "300 x 300 boxes", rotated_overlaps, same_overlaps, {SHAPELY: 1.0}),
]


def upright(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Upright boxes, their scores and a threshold."""
    from ocrlearn.geometry import rotated_box_to_box

    boxes, scores = detections(seed, count)
    return rotated_box_to_box(boxes), scores, 0.5


def by_torchvision(boxes: Any, scores: Any, threshold: float) -> Any:
    """Torchvision's suppression of upright boxes."""
    import torch
    import torchvision

    their_boxes, their_scores = torch.from_dlpack(boxes), torch.from_dlpack(scores).float()
    return lambda: torchvision.ops.nms(their_boxes, their_scores, threshold)


def masks(seed: int, count: int, side: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Slanted bands, as thick as a line of text."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    offset, slope = rng.uniform(0, side, count), rng.uniform(-1, 1, count)
    bands = np.stack([np.abs(y - o - s * x) < 8 for o, s in zip(offset, slope, strict=True)])
    return bands, rng.random(count), 0.5


def same(result: Any, expected: Any) -> None:
    """Compare survivors."""
    np.testing.assert_array_equal(result, expected)


def close(result: Any, expected: Any) -> None:
    """Compare overlaps, which a GPU computes in float32."""
    np.testing.assert_allclose(result, expected, atol=1e-4)


# Comparing two boxes takes about 15 operations; clipping one quad with another about 160, but only
# one pair in a hundred or so is not told apart by its upright boxes, which takes about 30.
GPU = [
    GpuCase(
        "NMS",
        "10,000 boxes",
        nms.RUNGS,
        make=lambda seed: upright(seed, 10_000),
        small=lambda seed: upright(seed, 500),
        compare=same,
        bytes=10_000 * (16 + 8) + 2 * 10_000**2 / 8 / 2,
        operations=15 * 10_000**2 / 2,
        peers={"torchvision": by_torchvision},
    ),
    GpuCase(
        "rotated NMS",
        "10,000 boxes",
        nms.ROTATED_RUNGS,
        make=lambda seed: (*detections(seed, 10_000), THRESHOLD),
        small=lambda seed: (*detections(seed, 150), THRESHOLD),
        compare=same,
        bytes=10_000 * (20 + 8) + 2 * 10_000**2 / 8 / 2,
        operations=(30 + 160 / 100) * 10_000**2 / 2,
    ),
    GpuCase(
        "mask NMS",
        "300 masks of 512 x 512",
        nms.MASK_RUNGS,
        make=lambda seed: masks(seed, 300, 512),
        small=lambda seed: masks(seed, 40, 64),
        compare=same,
        bytes=300 * 512**2 * (1 + 2 / 8),
        operations=300**2 / 2 * 512**2 / 32 * 3,
    ),
    GpuCase(
        "rotated IoU",
        "4,096 x 4,096 boxes",
        rotated_iou.RUNGS,
        make=lambda seed: (detections(seed, 4096)[0], detections(seed + 1, 4096)[0]),
        small=lambda seed: (detections(seed, 40)[0], detections(seed + 1, 50)[0]),
        compare=close,
        bytes=4096**2 * 4,
        operations=(60 + 160 / 100) * 4096**2,
    ),
]

"""Cases of rotated overlap and of all kinds of non-maximum suppression."""

import numpy as np

from ocrlearn.geometry import rotated_box_to_quad
from ocrlearn.ops import nms, rotated_iou
from parity import Case, Operation, close, equal


def rotated_boxes(seed: int, count: int, size: float = 150.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    columns = [
        rng.uniform(0, size, (count, 2)),
        rng.uniform(10, 80, count),
        rng.uniform(4, 25, count),
        rng.uniform(-4, 4, count),
    ]
    return np.column_stack(columns).astype(np.float32)


def upright_boxes(seed: int, count: int, size: float = 150.0) -> np.ndarray:
    boxes = rotated_boxes(seed, count, size)
    return np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]])


def scores(seed: int, count: int, levels: int | None = None) -> np.ndarray:
    """Random scores in (0, 1]; with `levels`, many of them equal."""
    rng = np.random.default_rng(seed)
    return 1 - rng.random(count) if levels is None else rng.integers(1, levels + 1, count) / levels


def strided(array: np.ndarray) -> np.ndarray:
    return np.repeat(array, 2, axis=-1)[..., ::2]


# The same square four times: as it is, turned by a quarter, by a whole turn, and mirrored in w, h.
SAME = np.array(
    [
        [50, 50, 20, 20, 0],
        [50, 50, 20, 20, np.pi / 2],
        [50, 50, 20, 20, 2 * np.pi],
        [50, 50, 20, 20, -np.pi / 2],
    ],
    np.float32,
)
# Inside another, touching along a side, touching in a corner, without area, far away.
TOUCHING = np.array(
    [
        [0, 0, 8, 4, 0],
        [0, 0, 4, 2, 0],
        [8, 0, 8, 4, 0],
        [8, 4, 8, 4, 0],
        [0, 0, 8, 0, 0.3],
        [0, 0, 0, 0, 0],
        [9000, 9000, 30, 10, 1.0],
        [9003, 9001, 30, 10, 1.2],
    ],
    np.float32,
)


# Where a float32 has a hundredth of a pixel left: corners must be taken relative to a box.
FAR = rotated_boxes(6, 12, 40.0) + np.float32([1e5, 1e5, 0, 0, 0])

# Boxes, and a point near the centre of each.
POINTS = np.concatenate(
    [rotated_boxes(8, 20), rotated_boxes(8, 20) * [1, 1, 0, 0, 1] + [1, 1, 0, 0, 0]]
)

INTERLEAVED = POINTS.reshape(2, 20, 5).swapaxes(0, 1).reshape(40, 5)

# Half of the first: an overlap of exactly 1/2, which a threshold of 1/2 allows.
HALVES = np.float32([[2, 1, 4, 2, 0], [1, 1, 2, 2, 0]])


def iou_oracle(first, second):
    from shapely import Polygon

    overlaps = np.zeros((len(first), len(second)))
    for i, quad in enumerate(rotated_box_to_quad(first.astype(np.float64))):
        for j, other in enumerate(rotated_box_to_quad(second.astype(np.float64))):
            a, b = Polygon(quad), Polygon(other)
            shared = a.intersection(b).area if a.area and b.area else 0.0
            overlaps[i, j] = shared / (a.area + b.area - shared) if shared else 0.0
    return overlaps


def greedy_by_matrix(overlaps, order, threshold):
    """Suppress with boolean algebra on the whole matrix of overlaps, a round at a time."""
    undecided = np.ones(len(order), bool)
    too_much = overlaps[np.ix_(order, order)] > threshold
    kept = []
    while undecided.any():
        best = int(np.flatnonzero(undecided)[0])
        kept.append(order[best])
        undecided &= ~too_much[best]
        undecided[best] = False
    return np.array(kept, np.int64)


def falling(values):
    return np.lexsort((np.arange(len(values)), -values))


def nms_oracle(boxes, values, threshold):
    from shapely import area, box, intersection

    shapes = box(*boxes.T.astype(np.float64))
    shared = area(intersection(shapes[:, None], shapes[None]))
    joined = area(shapes)[:, None] + area(shapes)[None] - shared
    overlaps = np.divide(shared, joined, out=np.zeros_like(shared), where=joined > 0)
    return greedy_by_matrix(overlaps, falling(values), threshold)


def rotated_oracle(boxes, values, threshold):
    return greedy_by_matrix(iou_oracle(boxes, boxes), falling(values), threshold)


def mask_oracle(masks, values, threshold):
    flat = masks.reshape(len(masks), masks[0].size if len(masks) else 0).astype(np.int64)
    shared, areas = flat @ flat.T, flat.sum(axis=1)
    smaller = np.minimum(areas[:, None], areas)
    overlaps = np.divide(shared, smaller, out=np.zeros(shared.shape), where=smaller > 0)
    return greedy_by_matrix(overlaps, falling(values), threshold)


def masks(seed: int, count: int, shape: tuple[int, int]) -> np.ndarray:
    """Slanted bands of different thickness, one of them empty, one of them everything."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    offset, slope, half = rng.uniform(0, shape[0], count), rng.uniform(-1, 1, count), 4
    bands = np.abs(y - offset[:, None, None] - slope[:, None, None] * x) < half
    bands[0], bands[-1] = False, True
    return bands


def row_order(boxes: np.ndarray) -> np.ndarray:
    return rotated_box_to_quad(boxes[np.lexsort((boxes[:, 0], np.round(boxes[:, 1])))])


def words(seed: int) -> np.ndarray:
    """Quads as EAST predicts them: some 40 for each of a few words, nearly agreeing."""
    rng = np.random.default_rng(seed)
    centres = rotated_boxes(seed, 4, 300.0)
    boxes = np.repeat(centres, 40, axis=0)
    boxes += rng.normal(0, [1, 1, 1, 0.5, 0.03], boxes.shape).astype(np.float32)
    quads = rotated_box_to_quad(np.abs(boxes))
    turned = np.array([np.roll(quad, rng.integers(4), axis=0) for quad in quads])
    return turned.astype(np.float32)


OPERATIONS = [
    Operation(
        "rotated_iou",
        rotated_iou.RUNGS,
        [
            Case("random", (rotated_boxes(0, 37), rotated_boxes(1, 41))),
            Case("double", (rotated_boxes(2, 9).astype(float), rotated_boxes(3, 5).astype(float))),
            Case("same square, turned", (SAME, SAME)),
            Case("touching, inside, empty, far", (TOUCHING, TOUCHING)),
            Case("one box", (TOUCHING[:1], TOUCHING[:1])),
            Case("far from the origin", (FAR, FAR)),
            Case("none against some", (TOUCHING[:0], TOUCHING)),
            Case("points inside", (POINTS, POINTS)),
            Case("points inside, single", (POINTS.astype(np.float32), POINTS.astype(np.float32))),
            Case("many", (rotated_boxes(4, 70), rotated_boxes(5, 66)), small=False),
        ],
        close(atol=2e-5),
        iou_oracle,
        kernels=rotated_iou.KERNELS,
    ),
    Operation(
        "nms",
        nms.RUNGS,
        [
            Case("random", (upright_boxes(0, 130), scores(0, 130), 0.3)),
            Case("equal scores", (upright_boxes(1, 70), scores(1, 70, levels=3), 0.2)),
            Case("double", (upright_boxes(2, 65).astype(float), scores(2, 65), 0.5)),
            Case("the same box", (np.tile(upright_boxes(3, 1), (66, 1)), scores(3, 66, 2), 0.99)),
            Case(
                "threshold met exactly",
                (np.float32([[0, 0, 4, 2], [0, 0, 2, 2]]), np.float64([2, 1]), 0.5),
            ),
            Case(
                "without area", (np.float32([[1, 1, 1, 1], [1, 1, 1, 1]]), np.float64([1, 2]), 0.0)
            ),
            Case("threshold 0", (upright_boxes(4, 64), scores(4, 64), 0.0)),
            Case("one", (upright_boxes(5, 1), scores(5, 1), 0.5)),
            Case("none", (upright_boxes(5, 0), scores(5, 0), 0.5)),
            Case("strided", (strided(upright_boxes(6, 67)), scores(6, 67)[::1], 0.4)),
            Case("many", (upright_boxes(7, 400, 400), scores(7, 400), 0.4), small=False),
        ],
        equal,
        nms_oracle,
        kernels=nms.KERNELS,
    ),
    Operation(
        "rotated_nms",
        nms.ROTATED_RUNGS,
        [
            Case("random", (rotated_boxes(0, 90), scores(0, 90), 0.3)),
            Case("equal scores", (rotated_boxes(1, 66), scores(1, 66, levels=2), 0.15)),
            Case("double", (rotated_boxes(2, 33).astype(float), scores(2, 33), 0.5)),
            Case("same square, turned", (SAME, np.float64([1, 1, 2, 1]), 0.9)),
            Case("touching, inside, empty", (TOUCHING, np.arange(8.0), 0.1)),
            Case("threshold met exactly", (HALVES, np.float64([2, 1]), 0.5)),
            Case("none", (TOUCHING[:0], np.zeros(0), 0.5)),
            Case("points inside", (POINTS, -np.arange(40.0), 0.5)),
            Case("many", (rotated_boxes(3, 130, 400), scores(3, 130), 0.4), small=False),
        ],
        equal,
        rotated_oracle,
        kernels=rotated_iou.KERNELS,
    ),
    Operation(
        "quad_nms",
        nms.QUAD_RUNGS,
        [
            Case("random", (rotated_box_to_quad(rotated_boxes(0, 70)), scores(0, 70), 0.3)),
            Case("none", (np.zeros((0, 4, 2), np.float32), np.zeros(0), 0.5)),
        ],
        equal,
    ),
    Operation(
        "mask_nms",
        nms.MASK_RUNGS,
        [
            Case("bands", (masks(0, 20, (37, 45)), scores(0, 20), 0.5)),
            Case("equal scores", (masks(1, 70, (9, 13)), scores(1, 70, levels=2), 0.4)),
            Case("64 pixels", (masks(2, 5, (8, 8)), scores(2, 5), 0.5)),
            Case("one pixel", (np.ones((3, 1, 1), bool), scores(3, 3), 0.5)),
            Case("no pixel", (np.ones((3, 0, 4), bool), scores(4, 3), 0.5)),
            Case("none", (np.ones((0, 3, 4), bool), scores(4, 0), 0.5)),
            Case("strided", (masks(5, 8, (20, 41))[:, ::2, ::-1], scores(5, 8), 0.3)),
        ],
        equal,
        mask_oracle,
        kernels=nms.KERNELS,
    ),
    Operation(
        "locality_aware_merge",
        nms.LOCALITY_AWARE_RUNGS,
        [
            Case("words", (words(0), scores(0, 160).astype(np.float32), 0.2)),
            Case(
                "random", (row_order(rotated_boxes(1, 60)), scores(1, 60).astype(np.float32), 0.1)
            ),
            Case("double", (words(2).astype(float), scores(2, 160), 0.3)),
            Case("threshold met exactly", (rotated_box_to_quad(HALVES), np.float32([2, 1]), 0.5)),
            Case("points inside", (rotated_box_to_quad(INTERLEAVED), np.ones(40), 0.2)),
            Case("one", (words(3)[:1], np.ones(1, np.float32), 0.2)),
            Case("none", (words(3)[:0], np.ones(0, np.float32), 0.2)),
        ],
        close(rtol=1e-4, atol=1e-3),
        kernels=rotated_iou.KERNELS,
    ),
]

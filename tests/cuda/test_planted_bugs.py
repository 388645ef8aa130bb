"""Fifteen mistakes of the kind that one makes, planted in good kernels: check mode finds fourteen.

Each bug is one replacement in the text of a kernel of ``tests/cuda/kernels``. The finding must be
of the right kind, and one of the lines that it names must be the line at fault. The fifteenth
breaks no rule of CUDA, so that only a wrong answer shows it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, spatial

from ocrlearn import cuda

KERNELS = Path(__file__).parent / "kernels"
RNG = np.random.default_rng(0)
POINTS = RNG.random((4096, 3), np.float32)
CENTRES = RNG.random((16, 3), np.float32)
MASK = RNG.random((64, 64)) < 0.6
NARROW = np.ascontiguousarray(MASK[:, :50])
BOXES = np.column_stack([
    RNG.uniform(0, 200, (130, 2)), RNG.uniform(10, 80, 130), RNG.uniform(4, 25, 130),
    RNG.uniform(-3, 3, 130),
]).astype(np.float32)  # fmt: skip


# ---- how each file of kernels is launched --------------------------------------------------------


def kmeans(file: cuda.KernelFile) -> tuple[np.ndarray, np.ndarray]:
    count, clusters = len(POINTS), len(CENTRES)
    labels = cuda.empty(count, np.int32, like=POINTS)
    distances = cuda.empty(count, np.float32, like=POINTS)
    cuda.launch(
        file.kernel("assign"), cuda.blocks_for(count, 256), 256, points=POINTS, centres=CENTRES,
        count=count, clusters=clusters, labels=labels, distances=distances,
        shared_memory=4 * clusters * (3 + 1),
    )  # fmt: skip
    return labels, distances


def reduce(file: cuda.KernelFile) -> float:
    partial = cuda.empty(4, np.float32, like=POINTS)
    total = np.zeros(1, np.float32)
    cuda.launch(file.kernel("sum"), 4, 256, values=POINTS.ravel(), count=POINTS.size,
                partial=partial, total=total)  # fmt: skip
    return float(total[0])


def components(file: cuda.KernelFile, mask: np.ndarray = MASK) -> np.ndarray:
    height, width = mask.shape
    labels = cuda.empty(mask.shape, np.int32, like=mask)
    grid, block = cuda.blocks_for((width, height), (32, 8)), (32, 8)
    shape = {"height": height, "width": width}
    cuda.launch(file.kernel("prepare"), grid, block, mask=mask, labels=labels, **shape)
    cuda.launch(file.kernel("connect"), grid, block, mask=mask, labels=labels, **shape)
    cuda.launch(file.kernel("flatten"), cuda.blocks_for(mask.size, 256), 256, count=mask.size,
                labels=labels)  # fmt: skip
    return labels


def narrow_components(file: cuda.KernelFile) -> np.ndarray:
    return components(file, NARROW)


def overlaps(file: cuda.KernelFile) -> np.ndarray:
    words = -(-len(BOXES) // 64)
    matrix = cuda.empty((len(BOXES), words), np.uint64, like=BOXES)
    cuda.launch(file.kernel("overlaps"), (words, words), 64, count=len(BOXES), threshold=0.3,
                boxes=BOXES, matrix=matrix)  # fmt: skip
    return matrix


# ---- the bugs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bug:
    """Where `old` becomes `new`, a finding of `kind` must name the line that holds `at`."""

    title: str
    file: str
    run: Callable[[cuda.KernelFile], object]
    old: str
    new: str
    kind: str
    at: str

    def __str__(self) -> str:
        return f"{self.file}: {self.title}"

    def plant(self) -> cuda.KernelFile:
        text = (KERNELS / self.file).read_text(encoding="utf-8")
        assert self.old in text
        return cuda.KernelFile(self.file, text.replace(self.old, self.new, 1))


BUGS = [
    Bug("no barrier after the copy", "kmeans.cu", kmeans,
        "    __syncthreads();  // centres are copied\n", "",
        "race", "centre[i] = centres[i];"),
    Bug("no barrier after the norms", "kmeans.cu", kmeans,
        "    __syncthreads();  // norms are known\n", "",
        "race", "half_norm[j] = 0.5f * sum;"),
    Bug("one point too many", "kmeans.cu", kmeans,
        "i < count;", "i <= count;",
        "out-of-bounds", "point[d] = points[i * D + d];"),
    Bug("norms one float too far in shared memory", "kmeans.cu", kmeans,
        "centre + clusters * D;", "centre + clusters * D + 1;",
        "out-of-bounds", "half_norm[j] = 0.5f * sum;"),
    Bug("norms never written", "kmeans.cu", kmeans,
        "half_norm[j] = 0.5f * sum;", "sum += 0.0f;",
        "uninitialised", "float score = half_norm[j];"),
    Bug("no barrier between the warps", "reduce.cu", reduce,
        "    __syncthreads();\n", "",
        "race", "of_warp[warp] = value;"),
    Bug("a sum without an atomic", "reduce.cu", reduce,
        "atomicAdd(total, value);", "*total += value;",
        "race", "*total += value;"),
    Bug("slots of warps that do not exist", "reduce.cu", reduce,
        "lane < blockDim.x / 32 ? of_warp[lane] : 0.0f", "of_warp[lane]",
        "uninitialised", "value = of_warp[lane];"),
    Bug("a barrier for one warp only", "reduce.cu", reduce,
        "    __syncthreads();\n    if (warp == 0) {\n",
        "    if (warp == 0) {\n    __syncthreads();\n",
        "divergent barrier", "__syncthreads();"),
    Bug("a full mask for half of a warp", "reduce.cu", reduce,
        "        value = warp_sum(value);\n        if",
        "        if (lane < 16) value = warp_sum(value);\n        if",
        "warp-mask", "value += __shfl_down_sync(0xffffffffu, value, offset);"),
    Bug("a minimum without an atomic", "components.cu", components,
        "int old = atomicMin(&labels[high], low);",
        "int old = labels[high]; if (low < old) labels[high] = low;",
        "race", "int old = labels[high]; if (low < old) labels[high] = low;"),
    Bug("no test of the image's border", "components.cu", narrow_components,
        "    if (x >= width || y >= height)\n        return;\n", "",
        "out-of-bounds", "labels[i] = mask[i] ? i : -1;"),
    Bug("no barrier after the boxes", "overlap.cu", overlaps,
        "    __syncthreads();\n", "",
        "race", "others[threadIdx.x * 5 + d] = boxes["),
    Bug("no test for the last, short block", "overlap.cu", overlaps,
        "    if (threadIdx.x < columns)\n", "",
        "out-of-bounds", "others[threadIdx.x * 5 + d] = boxes["),
]  # fmt: skip

# The neighbour to the upper right of the last pixel of a row is taken to be the first pixel of the
# same row. That is inside the image, it is read and written by atomics, and no rule of CUDA is
# broken: only the answer is wrong.
INVISIBLE = Bug(
    "the right border wraps around", "components.cu", components,
    "x + 1 < width && mask[i - width + 1]", "mask[i - width + 1]",
    "", "",
)  # fmt: skip


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_check_mode_finds_the_bug(bug: Bug):
    file = bug.plant()
    with cuda.emulation("check", raise_faults=False) as run:
        bug.run(file)
    numbers = {number for number, line in enumerate(file.text.splitlines(), 1) if bug.at in line}
    assert numbers, "the line at fault is not in the kernel"
    hits = [f for f in run.findings if f.kind == bug.kind and numbers & set(f.lines)]
    assert hits, "\n".join(map(str, run.findings))
    for finding in run.findings:
        assert finding.file == bug.file
        assert finding.source == file.text.splitlines()[finding.line - 1].strip()
        assert str(finding).startswith(f"{bug.file}:{finding.line}: `{finding.source}`: ")


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_the_bug_raises(bug: Bug):
    with cuda.emulation("check"), pytest.raises(cuda.KernelFault) as caught:
        bug.run(bug.plant())
    assert caught.value.findings
    assert str(caught.value.findings[0]) in str(caught.value)


def test_an_index_that_wraps_inside_its_array_is_found_by_an_oracle_only():
    ends = np.zeros((9, 40), bool)
    ends[5, [0, 39]] = True  # two pixels, far apart
    with cuda.emulation("check") as run:
        labels = components(INVISIBLE.plant(), ends)
    assert not run.findings
    assert not same_partition(labels, ends)
    assert same_partition(components(cuda.KernelFile.read(KERNELS / INVISIBLE.file), ends), ends)


# ---- the clean kernels ---------------------------------------------------------------------------


def same_partition(labels: np.ndarray, mask: np.ndarray) -> bool:
    expected, count = ndimage.label(mask, np.ones((3, 3)))
    pairs = set(zip(labels[mask].tolist(), expected[mask].tolist(), strict=True))
    return len(pairs) == count == len(set(labels[mask].tolist())) and (labels[~mask] == -1).all()


def right_kmeans(file: cuda.KernelFile) -> bool:
    labels, distances = kmeans(file)
    expected = spatial.distance.cdist(POINTS, CENTRES, "sqeuclidean")
    np.testing.assert_allclose(distances, expected.min(axis=1), atol=1e-6)
    return (labels == expected.argmin(axis=1)).mean() > 0.999  # ties within rounding


def right_sum(file: cuda.KernelFile) -> bool:
    return abs(reduce(file) - POINTS.sum(dtype=float)) < 1e-2


def right_components(file: cuda.KernelFile) -> bool:
    return same_partition(components(file), MASK) and same_partition(
        components(file, NARROW), NARROW
    )


def right_overlaps(file: cuda.KernelFile) -> bool:
    shapely = pytest.importorskip("shapely")
    x, y, w, h, angle = BOXES.astype(float).T[:, :, None]
    a, b = np.array([-1, 1, 1, -1]) * w / 2, np.array([-1, -1, 1, 1]) * h / 2
    corners = np.stack([x + a * np.cos(angle) + b * np.sin(angle),
                        y - a * np.sin(angle) + b * np.cos(angle)], axis=-1)  # fmt: skip
    polygons = shapely.polygons(corners)
    shared = shapely.area(shapely.intersection(polygons[:, None], polygons[None]))
    area = shapely.area(polygons)
    iou = shared / (area[:, None] + area - shared)
    expected = np.triu(iou > 0.3, k=1)
    matrix = overlaps(file)
    bits = np.unpackbits(matrix.view(np.uint8), axis=1, bitorder="little")[:, : len(BOXES)]
    return bool(((bits == 1) == expected)[abs(iou - 0.3) > 1e-4].all())


CLEAN = [("kmeans.cu", right_kmeans), ("reduce.cu", right_sum),
         ("components.cu", right_components), ("overlap.cu", right_overlaps)]  # fmt: skip


@pytest.mark.parametrize("schedule", ["forward", "reversed", "random", "preempting"])
@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize(("name", "is_right"), CLEAN)
def test_nothing_is_found_in_a_good_kernel(
    name: str, is_right: Callable[[cuda.KernelFile], bool], mode: str, schedule: str
):
    with cuda.emulation(mode, schedule, seed=3) as run:
        assert is_right(cuda.KernelFile.read(KERNELS / name))
    assert not run.findings


def test_a_bug_shows_on_an_unlucky_schedule_even_without_the_checker():
    """The atomic that is missing gives a wrong answer only if a thread is interrupted."""
    [bug] = [bug for bug in BUGS if bug.title == "a minimum without an atomic"]
    file = bug.plant()
    assert same_partition(components(file), MASK)
    answers = []
    for seed in range(5):
        with cuda.emulation("fast", "preempting", seed):
            answers.append(same_partition(components(file), MASK))
    assert not all(answers)


# ---- wrong launches ------------------------------------------------------------------------------

WRONG_LAUNCHES = {
    "wrong dtype": ({"points": POINTS.astype(float)}, TypeError,
                    "points must have dtype float32 for float*, got float64"),
    "a fraction for an int": ({"count": 9.5}, TypeError,
                              "count must be a whole number for int, got 9.5"),
    "one short": ({"labels": None}, TypeError, "missing labels"),
    "not contiguous": ({"points": np.zeros((9, 6), np.float32)[:, ::2]}, ValueError,
                       "points must be C-contiguous"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_LAUNCHES)
def test_a_wrong_launch_is_refused(name: str):
    changed, error, message = WRONG_LAUNCHES[name]
    arguments = {"points": POINTS[:9], "centres": CENTRES, "count": 9, "clusters": 16,
                 "labels": np.zeros(9, np.int32), "distances": np.zeros(9, np.float32)}  # fmt: skip
    arguments = {key: value for key, value in {**arguments, **changed}.items() if value is not None}
    file = cuda.KernelFile.read(KERNELS / "kmeans.cu")
    with pytest.raises(error, match=message.replace("*", r"\*")):
        cuda.launch(file.kernel("assign"), 1, 32, shared_memory=256, **arguments)

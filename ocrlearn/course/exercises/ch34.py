"""Exercises of chapter 34, "CUDA kernels with CuPy, without a GPU".

An answer is the text of a kernel. It is run in the emulator's check mode on drawn inputs; first its
values are compared with those of named mistakes, then what check mode found is said in words.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn.course.exercise import Exercise, require, require_close
from ocrlearn.course.kernels import require_clean, try_kernel
from ocrlearn.cuda import blocks_for


def _same(got: NDArray[Any], wanted: NDArray[Any]) -> bool:
    return bool(np.array_equal(got, wanted))


# --- 34.1 Brighter, at every size -----------------------------------------------------------------

UNTOUCHED = 77  # what the results hold before the kernel runs

_BRIGHTEN = """
extern "C" __global__ void
brighten(const unsigned char* image,  // [height * width]
         int height, int width, int amount,
         unsigned char* result)       // [height * width]
{
    %s
}
"""
_PLACE = """int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    """


def check_brighten(text: Any, rng: np.random.Generator) -> None:
    """Brighten and darken an image of two by three blocks, its sides no multiples of 16."""
    height, width = int(rng.integers(19, 31)), int(rng.integers(35, 46))
    image = rng.integers(0, 256, (height, width), dtype=np.uint8)
    image[0, :3] = [250, 3, 128]
    for amount in (int(rng.integers(60, 90)), -int(rng.integers(60, 90))):
        _try_brighten(text, image, amount)


def _try_brighten(text: Any, image: NDArray[np.uint8], amount: int) -> None:
    height, width = image.shape
    result = np.full_like(image, UNTOUCHED)
    trial = try_kernel(
        text, "brighten", blocks_for((width, height), (16, 16)), (16, 16),
        image=image, height=height, width=width, amount=amount, result=result,
    )  # fmt: skip
    exact = image.astype(int) + amount
    beyond_first_block = np.ones(image.shape, bool)
    beyond_first_block[:16, :16] = False
    require(
        (result[~beyond_first_block] == UNTOUCHED).all()
        or (result[beyond_first_block] != UNTOUCHED).any(),
        "Only the first 16 by 16 pixels were written. Does your thread know which block it is in?",
    )
    require(
        trial.findings or not _same(result, exact.astype(np.uint8)),
        f"With amount {amount}, one pixel goes from {image[0, 0]} to {result[0, 0]} and another from "
        f"{image[0, 1]} to {result[0, 1]}: a byte wraps around. Add in an `int`, then bound it at "
        "both ends.",
    )
    kinds = {finding.kind for finding in trial.findings}
    require(
        kinds != {"race"},
        "Two threads write one pixel. The index of a thread beyond the right edge is that of a pixel "
        "in the next row: guard x and y, not the index.",
    )
    require_clean(trial)
    wanted = exact.clip(0, 255)
    missed = int(((result == UNTOUCHED) & (wanted != UNTOUCHED)).sum())
    require(
        missed == 0,
        f"Of {result.size} pixels of an image of {height} rows and {width} columns, {missed} were not "
        "written. Does x go with the width, and y with the height, everywhere?",
    )
    require_close(result, wanted, "Compare with the kernel `invert`.")


BRIGHTEN = Exercise(
    number="34.1",
    title="Brighter, at every size",
    stars=1,
    hints=[
        "Begin with `invert` and its guard. What has to change in its last line?",
        "An `unsigned char` cannot hold 300 or -5: `int value = image[...] + amount;`",
        "`result[...] = min(max(value, 0), 255);`",
    ],
    check=check_brighten,
    stub='''\
BRIGHTEN = r"""
extern "C" __global__ void
brighten(const unsigned char* image,  // [height * width]
         int height, int width, int amount,
         unsigned char* result)       // [height * width]
{
    // Your code here, in place of this line.
}
"""''',
    wrong={
        "has no guard": (
            _BRIGHTEN
            % (_PLACE + "result[y * width + x] = min(max(image[y * width + x] + amount, 0), 255);"),
            "but image has",
        ),
        "guards the index": (
            _BRIGHTEN
            % (
                _PLACE
                + "int i = y * width + x;\n    if (i < height * width)\n"
                + "        result[i] = min(max(image[i] + amount, 0), 255);"
            ),
            "in the next row",
        ),
        "lets a byte wrap": (
            _BRIGHTEN
            % (
                _PLACE
                + "if (x < width && y < height)\n"
                + "        result[y * width + x] = image[y * width + x] + amount;"
            ),
            "wraps around",
        ),
        "forgets the blocks": (
            _BRIGHTEN
            % (
                "int x = threadIdx.x, y = threadIdx.y;\n    if (x < width && y < height)\n"
                "        result[y * width + x] = min(max(image[y * width + x] + amount, 0), 255);"
            ),
            "which block it is in",
        ),
        "exchanges rows and columns": (
            _BRIGHTEN
            % (
                _PLACE
                + "if (x < height && y < width)\n        "
                + "result[x * width + y] = min(max(image[x * width + y] + amount, 0), 255);"
            ),
            "x go with the width",
        ),
    },
    praise="Any size, any block: that guard stands in nearly every kernel there is.",
)


# --- 34.2 The ink of each row ---------------------------------------------------------------------

_ROW_INK = """
extern "C" __global__ void
row_ink(const unsigned char* ink,  // [height * width]
        int height, int width,
        int* profile)              // [height]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (%s)
        %s;
}
"""
_INSIDE = "x < width && y < height"


def check_row_ink(text: Any, rng: np.random.Generator) -> None:
    """Count the ink in the rows of an image that is higher than wide, and of odd size."""
    width = int(rng.integers(35, 45))
    height = width + int(rng.integers(2, 6))
    ink = (rng.random((height, width)) < 0.3).astype(np.uint8)
    profile = np.zeros(height, np.int32)
    trial = try_kernel(
        text, "row_ink", blocks_for((width, height), (32, 8)), (32, 8),
        ink=ink, height=height, width=width, profile=profile,
    )  # fmt: skip
    wanted = ink.sum(axis=1)
    columns = np.zeros(height, int)
    columns[:width] = ink.sum(axis=0)
    require(
        not _same(profile, columns) or _same(columns, wanted),
        "Those are the sums of the columns. Which counter does a pixel in row y belong to?",
    )
    require(
        not _same(profile, width - wanted), "You counted paper: where `ink` is 0 there is none."
    )
    require(
        _same(profile, wanted) or not _same(profile, np.minimum(wanted, 1)),
        "Every counter is 0 or 1: the threads of a row overwrite each other's 1. Add.",
    )
    require_clean(trial)
    require_close(profile, wanted, "One thread, one pixel: add 1 where there is ink.")


ROW_INK = Exercise(
    number="34.2",
    title="The ink of each row, without a race",
    stars=1,
    hints=[
        "It is a histogram. Its bin is not the value of the pixel, but its row.",
        "All threads of a row want the same counter, so `++` is a race. What did the second kernel do?",
        "`if (... && ink[y * width + x]) atomicAdd(&profile[y], 1);`",
    ],
    check=check_row_ink,
    stub='''\
ROW_INK = r"""
extern "C" __global__ void
row_ink(const unsigned char* ink,  // [height * width]
        int height, int width,
        int* profile)              // [height]
{
    // Your code here, in place of this line.
}
"""''',
    wrong={
        "counts without an atomic": (
            _ROW_INK % (_INSIDE + " && ink[y * width + x]", "profile[y]++"),
            "race on profile",
        ),
        "counts columns": (
            _ROW_INK % (_INSIDE + " && ink[y * width + x]", "atomicAdd(&profile[x], 1)"),
            "sums of the columns",
        ),
        "counts paper": (
            _ROW_INK % (_INSIDE + " && !ink[y * width + x]", "atomicAdd(&profile[y], 1)"),
            "counted paper",
        ),
        "sets instead of adding": (
            _ROW_INK % (_INSIDE + " && ink[y * width + x]", "atomicExch(&profile[y], 1)"),
            "overwrite each other",
        ),
        "guards one side": (
            _ROW_INK % ("y < height && ink[y * width + x]", "atomicAdd(&profile[y], 1)"),
            "but ink has",
        ),
    },
    praise="And where one counter is too few for so many threads, give each block its own.",
)


# --- 34.3 A tournament ----------------------------------------------------------------------------

_MAXIMUM = """
extern "C" __global__ void __launch_bounds__(256)
block_maximum(const int* numbers,  // [count]
              int count,
              int* maxima)         // [gridDim.x]
{
    __shared__ int best[256];
    int t = threadIdx.x;
    int i = blockIdx.x * blockDim.x + t;
    best[t] = %s;
    %s
    for (int half = 128; half > 0; half /= 2) {
        %s
    }
    if (t == 0)
        maxima[blockIdx.x] = best[0];
}
"""
_LOAD = "i < count ? numbers[i] : -2147483647 - 1"
_WAIT = "__syncthreads();"
_ROUND = """if (t < half)
            best[t] = max(best[t], best[t + half]);
        """


def check_block_maximum(text: Any, rng: np.random.Generator) -> None:
    """Try three blocks, the last of them short, with numbers of either sign."""
    count = 512 + int(rng.integers(20, 200))
    numbers = rng.integers(-1000, 1000, count).astype(np.int32)
    numbers[256:512] = -np.abs(numbers[256:512]) - 3
    numbers[512:] = -np.abs(numbers[512:]) - 3
    # Where a tournament that begins too late or ends too early does not look.
    numbers[[129 + 2 * int(rng.integers(60)), 511, count - 1]] = [1000, -2, -2]
    maxima = np.full(3, 12345, np.int32)
    trial = try_kernel(text, "block_maximum", 3, 256, numbers=numbers, count=count, maxima=maxima)
    blocks = np.split(numbers, [256, 512])
    wanted = np.array([block.max() for block in blocks])
    require(
        trial.findings or maxima[2] != 0 or wanted[2] == 0,
        "The last block's numbers are all negative, and its maximum came out as 0. What should a "
        "thread without a number bring to the tournament?",
    )
    require(
        trial.findings or not _same(maxima, np.repeat(wanted.max(), 3)),
        "Every block got the maximum of all. Each has its own 256 numbers.",
    )
    require(
        trial.findings or not _same(maxima, np.array([block[:128].max() for block in blocks])),
        "The upper half of each block never played. Whom should thread 0 meet in the first round?",
    )
    require(
        trial.findings or not _same(maxima, np.array([block[::2].max() for block in blocks])),
        "Only the numbers in even places count: the final, thread 0 against thread 1, is missing.",
    )
    require_clean(trial)
    require_close(maxima, wanted, "Play the tournament on paper with four threads.")


BLOCK_MAXIMUM = Exercise(
    number="34.3",
    title="A tournament for the maximum",
    stars=2,
    hints=[
        "Take `otsu`'s loop over `half`. What do its threads compare, and what do they keep?",
        "A thread without a number must not lose the others' tournament: let it bring the least int.",
        (
            "`best[t] = i < count ? numbers[i] : -2147483647 - 1;` and `__syncthreads();`, then the "
            "rounds, each with its barrier outside the `if`."
        ),
    ],
    check=check_block_maximum,
    stub='''\
BLOCK_MAXIMUM = r"""
extern "C" __global__ void __launch_bounds__(256)
block_maximum(const int* numbers,  // [count]
              int count,
              int* maxima)         // [gridDim.x]
{
    // Your code here, in place of this line.
}
"""''',
    wrong={
        "has no barrier in the loop": (_MAXIMUM % (_LOAD, _WAIT, _ROUND), "here too"),
        "has no barrier before the loop": (
            _MAXIMUM % (_LOAD, "", _ROUND + _WAIT),
            "best[t] = i < count",
        ),
        "waits in the if": (
            _MAXIMUM
            % (
                _LOAD,
                _WAIT,
                _ROUND.replace("(t < half)", "(t < half) {") + _WAIT + "}",
            ),
            "without coming to",
        ),
        "starts from zero": (
            _MAXIMUM % ("i < count ? numbers[i] : 0", _WAIT, _ROUND + _WAIT),
            "came out as 0",
        ),
        "begins with the second round": (
            (_MAXIMUM % (_LOAD, _WAIT, _ROUND + _WAIT)).replace("half = 128", "half = 64"),
            "upper half of each block",
        ),
        "leaves out the final": (
            (_MAXIMUM % (_LOAD, _WAIT, _ROUND + _WAIT)).replace("half > 0", "half > 1"),
            "the final",
        ),
        "never halves": (
            (_MAXIMUM % (_LOAD, _WAIT, _ROUND + _WAIT)).replace("half /= 2", "half = half"),
            "condition ever change",
        ),
        "reads too far": (_MAXIMUM % ("numbers[i]", _WAIT, _ROUND + _WAIT), "but numbers has"),
    },
    praise="Sum, maximum, nearest centre, best threshold: every reduction has this shape.",
)


# --- 34.4 Bug hunt --------------------------------------------------------------------------------

_THICKEN = """
extern "C" __global__ void
thicken(const unsigned char* ink,  // [height * width]
        int height, int width,
        unsigned char* result)     // [height * width]
{
    __shared__ int tile[%(tile)s];  // 64 pixels, and 3 more at either end
    int x = blockIdx.x * 64 + threadIdx.x;
    int y = blockIdx.y;
%(early)s
    for (int k = threadIdx.x; k < 70; k += 64) {
        int u = blockIdx.x * 64 + k - 3;
        tile[k] = %(guard)s ? ink[y * width + u] : 0;
    }
%(wait)s
    int most = 0;
    for (int k = 0; k %(window)s 6; ++k)
        most = max(most, tile[threadIdx.x + k]);
    if (x < width)
        result[y * width + x] = most;
}
"""
_RIGHT = {
    "tile": "70",
    "early": "",
    "guard": "u >= 0 && u < width",
    "wait": "    __syncthreads();",
    "window": "<=",
}
_FAULTS = {
    "tile": "64",
    "early": "    if (x >= width)\n        return;",
    "guard": "u < width",
    "wait": "",
    "window": "<",
}


def _thicken(*faults: str) -> str:
    return _THICKEN % {**_RIGHT, **{fault: _FAULTS[fault] for fault in faults}}


def check_thicken(text: Any, rng: np.random.Generator) -> None:
    """Thicken strokes in an image of an odd width, with ink right and left of every pixel."""
    height, width = int(rng.integers(2, 4)), int(rng.integers(75, 110))
    ink = (rng.random((height, width)) < 0.1).astype(np.uint8)
    ink[:, 20:28] = [0, 0, 0, 0, 1, 0, 0, 0]
    result = np.full_like(ink, UNTOUCHED)
    trial = try_kernel(
        text, "thicken", (blocks_for(width, 64)[0], height), 64,
        ink=ink, height=height, width=width, result=result,
    )  # fmt: skip
    require_clean(trial)
    padded = np.pad(ink, ((0, 0), (3, 3)))
    wanted = np.max([padded[:, k : k + width] for k in range(7)], axis=0)
    short = np.max([padded[:, k : k + width] for k in range(6)], axis=0)
    require(
        not _same(result, short) or _same(short, wanted),
        "Nothing is found any more, and the answer is wrong: no checker knows what you *meant*. The "
        "lone pixel at x = 24 should thicken to x = 21 ... 27; count your window.",
    )
    require_close(result, wanted, "Pixel x becomes the maximum of the pixels x - 3 to x + 3.")


HUNT = Exercise(
    number="34.4",
    title="Bug hunt: five faults in a kernel",
    stars=3,
    hints=[
        "Mend one at a time and run the check again: it names the line of the next.",
        (
            "How large must the tile be for 64 threads with 3 neighbours at either side? And do the "
            "threads beyond the right edge have work to do before they may go?"
        ),
        (
            "Tile of 70; `u >= 0 &&` before `u < width`; no `return` before the barrier; "
            "`__syncthreads()` between writing and reading the tile; and a window of seven."
        ),
    ],
    check=check_thicken,
    stub='THICKEN = r"""' + _thicken(*_FAULTS) + '"""',
    wrong={
        "leaves the small tile": (_thicken("tile"), "but tile has"),
        "leaves the open left edge": (_thicken("guard"), "but ink has"),
        "leaves the early return": (_thicken("early"), "without coming to"),
        "leaves out the barrier": (_thicken("wait"), "race on tile"),
        "leaves the short window": (_thicken("window"), "what you *meant*"),
    },
    praise="Four that the checker sees, and one that only a comparison with the truth can see.",
)


EXERCISES = [BRIGHTEN, ROW_INK, BLOCK_MAXIMUM, HUNT]

# ---
# jupyter:
#   ocrlearn:
#     title: CUDA kernels with CuPy, without a GPU
#     summary: Write real CUDA kernels, watch their threads race, mend them and count what they cost, all on a laptop.
#     part: VIII
#     minutes: 60
#     needs: [chapter 02, "reading simple C: variables, `if`, `for`, arrays", "a C++ compiler: `ocrlearn doctor` tells whether there is one"]
#     outcomes:
#       - cover an image with blocks of threads, and guard its edges
#       - recognise a race in a report that names line, threads and array element, and mend it
#       - move work from global to shared memory, and count what that saves
#       - say from sizes alone how fast a kernel can be on a given GPU
#     budget: 90
# ---

# %%
import functools

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from ocrlearn import cuda
from ocrlearn._dispatch import array_module
from ocrlearn.course import check, claim, figures, kernels, player, three_speeds
from ocrlearn.course.page import page_image

figures.use_style()
page = page_image()
height, width = page.shape

# %% [markdown]
# ## A large page and a little arithmetic
#
# To tell ink from paper, one comparison a pixel is enough. But there are many pixels. How long must
# it take? Two things bound it: the arithmetic, and the *traffic*, since every pixel has to come
# from memory and go back. Let us look at the traffic first, for a page scanned at 600 dots an inch,
# on this machine and on two GPUs whose makers publish how many bytes and operations a second they
# can do at best.

# %%
import time

A4 = round(11.69 * 600) * round(8.27 * 600)  # pixels
GPUS = {  # bytes and 32-bit floating-point operations a second, from NVIDIA's data sheets
    "T4": (320e9, 8.1e12),
    "H100 SXM": (3.35e12, 67e12),
}
block = np.ones(A4, np.uint8)
target = np.empty_like(block)
seconds = []
for _ in range(5):
    start = time.perf_counter()
    np.copyto(target, block)
    seconds.append(time.perf_counter() - start)
print(f"a page of {A4 / 1e6:.0f} million pixels, one byte read and one written for each")
print(f"{'this machine, copying:':<24}{1e3 * min(seconds):8.2f} ms")
for name, (bandwidth, _) in GPUS.items():
    print(f"{name + ', at best:':<24}{1e3 * 2 * A4 / bandwidth:8.2f} ms")
del block, target

# %% [markdown]
# And the arithmetic? In the time a GPU needs to fetch and store one pixel, how many operations
# could it do with it?

# %% tags=["nbval-check-output"]
for name, (bandwidth, operations) in GPUS.items():
    print(f"{name}: {2 * operations / bandwidth:.0f} operations for each pixel read and written")
claim(
    "both could do more than 30 operations where a threshold does one",
    all(2 * operations / bandwidth > 30 for bandwidth, operations in GPUS.values()),
)

# %% [markdown]
# So a GPU does not *think* about a threshold, it waits for memory. That is why nearly everything in
# this chapter is about memory: who reads it, who writes it, in which order, and how often.
#
# A GPU reaches such rates by having tens of thousands of threads on the way at once: while some
# wait for their pixels, others compute. You write the program of *one* thread, a **kernel**, and
# say how many threads are to run it.
#
# You need no GPU for any of this. Where there is none, `ocrlearn` compiles the very same text for
# the processor and runs its threads in an **emulator**. It is slower than a GPU, but it sees what
# no GPU shows: every access of every thread. What it needs is a C++ compiler.

# %%
print(cuda.why_no_gpu() or "There is a GPU here: the cells below run on it as well.")
print(cuda.why_no_emulator() or "There is a compiler: the emulator works.")

# %% [markdown]
# ## One thread, one pixel
#
# Threads come in **blocks** of up to 1,024, and the blocks of a launch form a **grid**. Both may
# have two dimensions, which suits an image. Inside the kernel each thread finds out who it is:
# `threadIdx` is its place in its block, `blockIdx` is its block's place in the grid, and `blockDim`
# is the size of a block. So its pixel is
#
# $$x = \text{blockIdx.x} \cdot \text{blockDim.x} + \text{threadIdx.x}, \qquad
#   y = \text{blockIdx.y} \cdot \text{blockDim.y} + \text{threadIdx.y}.$$
#
# All blocks have the same size, and an image is rarely a multiple of it. The grid must cover the
# image, so it *overhangs*.

# %%
crop = page[40:110, 205:384]
BLOCK = (32, 8)
grid = cuda.blocks_for((crop.shape[1], crop.shape[0]), BLOCK)
figure, (left, right) = figures.subplots(1, 2, height=2.9, width_ratios=[1.6, 1])
left.imshow(crop, cmap="gray", vmin=0, vmax=255)
covered = grid[0] * BLOCK[0], grid[1] * BLOCK[1]
rest = crop.shape[1] - 0.5, crop.shape[0] - 0.5
overhang = {"facecolor": figures.ORANGE, "alpha": 0.45, "hatch": "///", "edgecolor": "white"}
left.add_patch(Rectangle((rest[0], -0.5), covered[0] - crop.shape[1], covered[1], **overhang))
left.add_patch(Rectangle((-0.5, rest[1]), crop.shape[1], covered[1] - crop.shape[0], **overhang))
for y in range(grid[1]):
    for x in range(grid[0]):
        corner = x * BLOCK[0] - 0.5, y * BLOCK[1] - 0.5
        chosen = (x, y) == (2, 3)
        style = (figures.VERMILION, 2.5, 3) if chosen else (figures.BLUE, 0.8, 2)
        left.add_patch(
            Rectangle(corner, *BLOCK, fill=False, ec=style[0], lw=style[1], zorder=style[2])
        )
left.set(xlim=(-3, covered[0] + 2), ylim=(covered[1] + 2, -3), title="a grid of 6 by 9 blocks")
left.set_axis_off()
for warp in range(BLOCK[1]):
    colour = figures.SKY if warp % 2 else "#D9EEFA"
    right.add_patch(Rectangle((-0.5, warp - 0.5), 32, 1, facecolor=colour))
    right.plot(np.arange(32), [warp] * 32, ".", color=figures.INK, markersize=2.5)
    right.text(32.2, warp, f"warp {warp}", va="center", fontsize=8)
right.plot(5, 3, "o", color=figures.VERMILION, markersize=7)
right.annotate("thread (5, 3)", (5, 3), (9, 8.6), arrowprops={"arrowstyle": "-"}, fontsize=9)
right.set(xlim=(-1, 39), ylim=(9.2, -1), title="block (2, 3), magnified: 32 by 8 threads")
right.set_axis_off()
figures.show(
    figure,
    alt="Left: a piece of the page covered by a grid of rectangular blocks; the blocks of the last column and the last row hang over the edge, hatched in orange. Right: one block as eight rows of 32 dots, one warp a row, one thread marked.",
)
x, y = 2 * BLOCK[0] + 5, 3 * BLOCK[1] + 3
print(f"thread (5, 3) of block (2, 3) has the pixel x = {x}, y = {y}")
claim(f"the grid is {grid[0]} by {grid[1]} blocks", grid == (6, 9))
idle = 1 - crop.size / (covered[0] * covered[1])
print(f"{idle:.0%} of the threads hang over the edge and have no pixel")

# %% [markdown]
# The hardware runs a block in **warps** of 32 threads that take their steps together while they go
# the same way. In a block 32 wide, a warp is a row. Remember the warp: it will decide what memory
# costs.
#
# Here is a first kernel. `extern "C" __global__ void` says that it is one, `const unsigned char*`
# points to the first of the pixels (C knows no shape: pixel (x, y) is number `y * width + x`), and
# the comments in square brackets say how many items each array has. They are for you *and* for
# `cuda.launch`, which reads them.

# %%
first = kernels.source(
    "first.cu",
    r"""
extern "C" __global__ void
invert(const unsigned char* image,  // [height * width]
       int height, int width,
       unsigned char* result)       // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height)    // the guard: others have no pixel
        result[y * width + x] = 255 - image[y * width + x];
}

extern "C" __global__ void
invert_unguarded(const unsigned char* image,  // [height * width]
                 int height, int width,
                 unsigned char* result)       // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    result[y * width + x] = 255 - image[y * width + x];
}

extern "C" __global__ void
invert_half_guarded(const unsigned char* image,  // [height * width]
                    int height, int width,
                    unsigned char* result)       // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (y * width + x < height * width)
        result[y * width + x] = 255 - image[y * width + x];
}

// For the section on memory: neighbours in a warp take neighbours in a column.
extern "C" __global__ void
invert_by_columns(const unsigned char* image,  // [height * width]
                  int height, int width,
                  unsigned char* result)       // [height * width]
{
    int y = blockIdx.x * blockDim.x + threadIdx.x;
    int x = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height)
        result[y * width + x] = 255 - image[y * width + x];
}
""",
)


def invert(image, kernel="invert", block=BLOCK):
    """Launch one of the kernels above; NumPy arrays run in the emulator, CuPy arrays on the GPU."""
    height, width = image.shape
    result = cuda.empty(image.shape, np.uint8, like=image)
    covered = (height, width) if kernel == "invert_by_columns" else (width, height)
    grid = cuda.blocks_for(covered, block)
    cuda.launch(
        first.kernel(kernel), grid, block, image=image, height=height, width=width, result=result
    )
    return result


# %%
crop = np.ascontiguousarray(crop)
negative = invert(crop)
figures.show_images(
    [crop, negative],
    ["crop", "inverted, one thread a pixel"],
    alt="A piece of the page, and the same with light letters on dark paper.",
)
claim("the kernel does what NumPy does", np.array_equal(negative, 255 - crop))
kernels.also_on_gpu(invert, crop)

# %% [markdown]
# ### Without the guard
#
# What do the overhanging threads do if nobody stops them? On a GPU: most often *nothing you would
# notice*. They write past the array, into whatever lies there. Later something else is wrong. The
# emulator's **check mode** watches every access instead.

# %%
faults = kernels.examine(first, lambda: invert(crop, "invert_unguarded"))
claim("an access past the array is found", any(f.kind == "out-of-bounds" for f in faults))

# %% [markdown]
# The finding "out of bounds" names the line, the thread and the element: the array has so many, and
# the thread wanted one more. But there is another finding before it, a *race*. Where does that come
# from? It stays when the guard is put on the *index* instead of on x and y, so that nothing can leave
# the array any more:

# %%
faults = kernels.examine(first, lambda: invert(crop, "invert_half_guarded"))
claim("the race is still there", [f.kind for f in faults] == ["race"])
claim("the right kernel has none", not kernels.examine(first, lambda: invert(crop)))

# %% [markdown]
# A thread that hangs over the right edge, at x = width, has the index of the first pixel of the
# *next row*, and so has another thread. Two threads write one element, and nobody says in which
# order: that is a **race**. This time both write the same value. Do not count on it.
#
# There is a third class of mistakes, in the call rather than in the kernel: an array of another
# type is read as garbage, an array that is too small is overrun. `cuda.launch` compares what it is
# given with what the kernel declares.

# %% tags=["nbval-check-output"]
for image in (crop.astype(np.float32), np.ascontiguousarray(crop[:-1])):
    try:
        cuda.launch(first.kernel("invert"), grid, BLOCK, image=image, result=crop.copy(),
                    height=crop.shape[0], width=crop.shape[1])  # fmt: skip
    except (TypeError, ValueError) as error:
        print(error)

# %% [markdown]
# ### And with CuPy?
#
# On a GPU the arrays are CuPy's, which looks like NumPy and keeps its arrays in the GPU's memory.
# `invert(cupy.asarray(page))` is all there is to change: `cuda.launch` looks at the arrays it is
# given, and sends CuPy's to the GPU and NumPy's to the emulator. Written out, a launch with CuPy is
#
# ```python
# kernel = cupy.RawModule(code=first.text).get_function("invert")
# kernel(grid, block, (image, np.int32(height), np.int32(width), result))
# ```
#
# and here nothing is checked: a plain `0.5` would be passed as eight bytes, of which a kernel that
# takes a `float` reads the first four, and finds 0. Nor does the call wait. The kernel is on its way
# when the next line of Python runs, so an error shows up at some later line, and whoever measures
# time must wait for the GPU first. (`with cuda.debugging():` makes every launch wait, and blame
# itself.)

# %% [markdown]
# ## Exercise 34.1
#
# Write the kernel `brighten`: every pixel becomes brighter by `amount` (which may be negative), and
# stays between 0 and 255. It is launched with blocks of 16 by 16 threads on images of any size. The
# check runs your text in the emulator's check mode.

# %%
### BEGIN SOLUTION
BRIGHTEN = r"""
extern "C" __global__ void
brighten(const unsigned char* image,  // [height * width]
         int height, int width, int amount,
         unsigned char* result)       // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height)
        return;
    int value = image[y * width + x] + amount;
    result[y * width + x] = min(max(value, 0), 255);
}
"""
### END SOLUTION

# %% tags=["nbval-check-output"]
check("34.1", BRIGHTEN)

# %% [markdown]
# ## Memory, in three sizes
#
# | memory | who sees it | how much | how far away |
# | --- | --- | --- | --- |
# | registers: the variables of a kernel | one thread | up to 255 numbers a thread | in the core |
# | shared: `__shared__` | the threads of a block | 48 kB a block and more | on the chip |
# | global: the arrays | all threads, and the next launch | gigabytes | on the bus |
#
# Global memory hands out not bytes but **sectors**, 32 bytes at a time, to a whole warp. If the 32
# threads of a warp ask for 32 bytes that lie side by side, one sector serves them all: the access
# is *coalesced*. If they ask for bytes of 32 different rows, that takes 32 sectors, and of each but
# one byte is used.
#
# `invert_by_columns` above is the same kernel with x and y exchanged, so that neighbours in a warp
# take neighbours in a *column*. The answer is the same. **Profile mode** counts what it costs:

# %%
sectors = {}
for kernel in ("invert", "invert_by_columns"):
    with cuda.emulation("profile") as run:
        claim(f"{kernel} is right", np.array_equal(invert(page, kernel), 255 - page))
    print(cuda.profile_table(run.profile))
    sectors[kernel] = sum(row.transactions for row in run.profile)
claim(
    "by columns, ten times as many sectors and more",
    sectors["invert_by_columns"] > 10 * sectors["invert"],
)

# %% [markdown]
# Unless a cache helps, that is so many times the waiting. The rule: *let `threadIdx.x` run along the
# rows.*
#
# ## A histogram, and its race
#
# Chapter 02 found the threshold of a page from its histogram, by Otsu's method. Counting is the
# simplest thing in the world: for every pixel, `histogram[v]++`. Let tens of thousands of threads
# do just that at once. Three ways to count follow, each the answer to what went wrong before it.

# %%
counting = kernels.source(
    "counting.cu",
    r"""
extern "C" __global__ void
naive(const unsigned char* image,  // [count]
      int count,
      int* histogram)              // [256]
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        histogram[image[i]]++;
}

extern "C" __global__ void
atomic(const unsigned char* image,  // [count]
       int count,
       int* histogram)              // [256]
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        atomicAdd(&histogram[image[i]], 1);
}

extern "C" __global__ void
privatised(const unsigned char* image,  // [count]
           int count,
           int* histogram)              // [256]
{
    __shared__ int counts[256];         // one for each block, on the chip
    for (int v = threadIdx.x; v < 256; v += blockDim.x)
        counts[v] = 0;
    __syncthreads();                    // nobody counts before all are zero

    int step = gridDim.x * blockDim.x;  // a thread takes many pixels
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step)
        atomicAdd(&counts[image[i]], 1);
    __syncthreads();                    // nobody adds up before all have counted

    for (int v = threadIdx.x; v < 256; v += blockDim.x)
        atomicAdd(&histogram[v], counts[v]);
}

// The naive way for a single counter, which tells what each thread saw.
extern "C" __global__ void
witness(int* counter,  // [1]
        int* saw)      // [blockDim.x]
{
    int before = counter[0];
    counter[0] = before + 1;
    saw[threadIdx.x] = before;
}
""",
)


def count(image, kernel, blocks=None):
    """Return the histogram of a uint8 image as one of the kernels above counts it."""
    histogram = array_module(image).zeros(256, np.int32)  # NumPy's or CuPy's
    grid = blocks or cuda.blocks_for(image.size, 256)
    cuda.launch(
        counting.kernel(kernel), grid, 256, image=image, count=image.size, histogram=histogram
    )
    return histogram


truth = np.bincount(page.ravel(), minlength=256)
claim("the naive kernel counts right", np.array_equal(count(page, "naive"), truth))

# %% [markdown]
# So where is the problem? In the word "right". The emulator ran the threads one after the other,
# which is *one* order among many, and a GPU promises none of them. `++` is three steps: read the
# count, add one, write it back. The **preempting** schedule lets threads interrupt each other
# between the steps, at random, as a GPU does:

# %%
schedule = {"schedule": "preempting", "raise_faults": False}
lost = []
for seed in range(5):
    with cuda.emulation("check", seed=seed, **schedule):
        lost.append(int((truth - count(page, "naive")).sum()))
print(f"of {page.size} pixels, five runs lost {lost}")
claim("every run loses some", min(lost) > 0)

# %% [markdown]
# Pixels are lost, and each time others. One small experiment shows how: 16 threads, one counter,
# and each thread writes down what it saw when it looked.

# %%
for seed in range(100):
    with cuda.emulation("check", seed=seed, **schedule):
        counter, saw = np.zeros(1, np.int32), np.zeros(16, np.int32)
        cuda.launch(counting.kernel("witness"), 1, 16, counter=counter, saw=saw)
    if len(np.unique(saw)) < 8:
        break
figure, axis = figures.subplots(height=2.4)
for value in np.unique(saw):
    threads = np.flatnonzero(saw == value)
    colour = figures.BLUE if len(threads) == 1 else figures.VERMILION
    axis.plot(threads, [value] * len(threads), "o-", color=colour, linewidth=1.2)
axis.set(
    xlabel="thread",
    ylabel="count it saw",
    xticks=range(16),
    title=f"16 threads count, and the counter ends at {counter[0]}",
)
figures.show(
    figure,
    alt="For each of 16 threads the count it saw. Several threads saw the same count; they are joined by horizontal lines.",
)
groups = len(np.unique(saw))
claim("threads that saw the same count wrote the same, and count once", counter[0] <= groups)

# %% [markdown]
# Threads on one horizontal line all saw the same count, all added one to it, and all wrote the same
# number: of all of them only one was counted.
#
# An interruption at random may or may not happen. Check mode needs no luck: it knows which accesses
# are *ordered*, by a barrier or by the end of a launch, and reports a pair that is not, even where
# the answer happened to be right.

# %%
faults = kernels.examine(counting, lambda: count(page, "naive"))
claim("the race is found in a run whose answer is right", faults[0].kind == "race")

# %% [markdown]
# ### Atomics: one at a time
#
# `atomicAdd` reads, adds and writes in one step that nothing can come between. On a GPU it is not
# the thread's core that adds but the second-level cache, for all cores.

# %%
claim("nothing is found any more", not kernels.examine(counting, lambda: count(page, "atomic")))
with cuda.emulation("check", seed=1, **schedule):
    claim("right under interruptions", np.array_equal(count(page, "atomic"), truth))
kernels.also_on_gpu(lambda image: count(image, "atomic"), page)

# %% [markdown]
# ### The queue before one counter
#
# Right, but how fast? Atomics on *different* addresses go on side by side. Atomics on the *same*
# address form a queue. Now think of what a page is: paper. Here is the length of each counter's
# queue, which is nothing but the histogram itself.

# %%
with cuda.emulation("profile") as run:
    count(page, "atomic")
print(cuda.profile_table(run.profile))
queue = max(row.contention for row in run.profile)
figure, axis = figures.subplots(height=2.2)
axis.bar(range(256), truth, width=1, color=figures.BLUE)
axis.bar(truth.argmax(), queue, width=1.5, color=figures.VERMILION)
axis.annotate(f"{queue} wait here", (truth.argmax(), queue), (truth.argmax() + 8, 0.9 * queue))
axis.set(xlabel="counter, one for each grey value", ylabel="atomics it receives")
figures.show(
    figure,
    alt="The histogram of the page, read as the length of the queue before each counter; the tallest bar is marked.",
)
claim("the longest queue is the highest bar of the histogram", queue == truth.max())
claim("and every pixel is an atomic in global memory", page.size == run.profile[-1].accesses)

# %% [markdown]
# ### Shared memory: a histogram for every block
#
# Every block has a little memory of its own on the chip, `__shared__`: some dozens of kilobytes,
# many times nearer than the global memory that all blocks see. So let each block count for itself,
# and add its 256 sums to the common histogram at the end. This is called *privatisation*. It needs
# two **barriers**: `__syncthreads()` lets no thread of a block go on before all have arrived, and
# what was written before it may be read after it.
#
# With few blocks, each thread takes many pixels (the loop with `step`, a *grid-stride loop*), and
# the number of global atomics no longer depends on the size of the page at all.

# %%
BLOCKS = 16
claim(
    "nothing is found",
    not kernels.examine(counting, lambda: count(page, "privatised", BLOCKS)),
)
claim("the counts are right", np.array_equal(count(page, "privatised", BLOCKS), truth))
kernels.also_on_gpu(lambda image: count(image, "privatised", BLOCKS), page)
with cuda.emulation("profile") as run:
    count(page, "privatised", BLOCKS)
print(cuda.profile_table(run.profile))
atomics = {row.memory: row for row in run.profile if row.access == "atomic"}
figure, axes = figures.subplots(1, 2, height=1.7)
for axis, title, before, after in (
    (axes[0], "atomics in global memory", page.size, atomics["global"].accesses),
    (axes[1], "longest queue in global memory", queue, atomics["global"].contention),
):
    bars = axis.barh(
        ["atomic", "privatised"], [before, after], color=[figures.ORANGE, figures.BLUE]
    )
    axis.bar_label(bars, padding=3)
    axis.set(title=title, xscale="log", xlim=(1, 1e6))
    axis.invert_yaxis()
figures.show(
    figure,
    alt="Two pairs of bars on a logarithmic scale: privatisation needs far fewer global atomics, and its longest queue is as long as there are blocks.",
)
claim(
    "global atomics: 256 a block, and no queue longer than the blocks are many",
    atomics["global"].accesses == 256 * BLOCKS and atomics["global"].contention == BLOCKS,
)

# %% [markdown]
# The queues have not vanished. They have moved into the blocks, where a place in the queue costs far
# less, and the blocks queue side by side. How many times faster that is on a given GPU, no count can
# say; that takes a measurement, and we come to it at the end.

# %% [markdown]
# ## Exercise 34.2
#
# Chapter 02 found the lines of a page by its **profile**: how much ink is in each row? Write the
# kernel `row_ink`. One thread looks at one pixel (blocks of 32 by 8 threads), and `profile`, which
# comes filled with zeros, is to hold the number of ink pixels of each row. All threads of a row
# want the same counter.

# %%
### BEGIN SOLUTION
ROW_INK = r"""
extern "C" __global__ void
row_ink(const unsigned char* ink,  // [height * width]
        int height, int width,
        int* profile)              // [height]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height && ink[y * width + x])
        atomicAdd(&profile[y], 1);
}
"""
### END SOLUTION

# %% tags=["nbval-check-output"]
check("34.2", ROW_INK)

# %% [markdown]
# ## From many to one: reduction
#
# With the histogram at hand, Otsu's method tries 256 thresholds and keeps the one that parts the
# two classes best. One thread for each threshold: each works out its own number, and then the best
# of 256 is wanted. One thread could look through all of them, while 255 wait. Or each could fight
# for a common maximum by an atomic, in a queue. Better is a tournament: in each round half of the
# threads compare two numbers and keep one. That is a **reduction**: 8 rounds instead of 255
# steps. (`__launch_bounds__(256)` in the text below is a promise to the compiler that no block will
# have more threads, so that it knows how many registers each may use.)
#
# Here it is for the sum of 16 numbers, once with a barrier after each round and once without. Each
# thread also writes down what it found.

# %%
reducing = kernels.source(
    "reducing.cu",
    r"""
// Sum up 16 numbers with 16 threads; tell what each thread had after each round.
extern "C" __global__ void
tournament(const int* numbers,  // [16]
           bool wait,           // for each other, after each round?
           int* had)            // [5 * 16]
{
    __shared__ int sums[16];
    int t = threadIdx.x;
    sums[t] = numbers[t];
    had[t] = sums[t];
    __syncthreads();
    for (int half = 8, round = 1; half > 0; half /= 2, ++round) {
        if (t < half) {
            sums[t] += sums[t + half];
            had[round * 16 + t] = sums[t];
        }
        if (wait)
            __syncthreads();
    }
}

// Otsu's threshold of a histogram: one block, one thread for each candidate.
extern "C" __global__ void __launch_bounds__(256)
otsu(const int* histogram,  // [256]
     int* threshold)        // [1]
{
    __shared__ int counts[256];
    __shared__ int best[256];
    __shared__ double spread[256];
    int t = threadIdx.x;
    counts[t] = histogram[t];
    __syncthreads();

    double dark = 0, dark_sum = 0, bright = 0, bright_sum = 0;
    for (int v = 0; v < 256; ++v) {
        if (v <= t) {
            dark += counts[v];
            dark_sum += (double)v * counts[v];
        } else {
            bright += counts[v];
            bright_sum += (double)v * counts[v];
        }
    }
    double distance = dark && bright ? bright_sum / bright - dark_sum / dark : 0;
    spread[t] = dark * bright * distance * distance;
    best[t] = t;
    __syncthreads();

    for (int half = 128; half > 0; half /= 2) {
        if (t < half) {
            double mine = spread[t], other = spread[t + half];
            if (other > mine || (other == mine && best[t + half] < best[t])) {
                spread[t] = other;
                best[t] = best[t + half];
            }
        }
        __syncthreads();
    }
    if (t == 0)
        *threshold = best[0];
}

extern "C" __global__ void
binarise(const unsigned char* image,  // [count]
         int count,
         const int* threshold,        // [1]
         bool* ink)                   // [count]
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        ink[i] = image[i] <= *threshold;
}
""",
)


def tournament(numbers, wait):
    """Return what each of 16 threads had after each round."""
    had = np.zeros((5, 16), np.int32)
    cuda.launch(reducing.kernel("tournament"), 1, 16, numbers=numbers, wait=wait, had=had)
    return had


numbers = np.random.default_rng(34).integers(1, 10, 16).astype(np.int32)
for seed in range(100):
    with cuda.emulation("check", seed=seed, **schedule):
        ordered, hasty = tournament(numbers, wait=True), tournament(numbers, wait=False)
    if hasty[4, 0] != numbers.sum():
        break

steps = player.Recorder()
for step in range(5):
    figure, axes = figures.subplots(1, 2, height=3.0)
    for axis, had, name in zip(
        axes, (ordered, hasty), ("with barriers", "without barriers"), strict=True
    ):
        for row in range(step + 1):
            half = 16 >> row
            for t in range(half):
                wrong = had[row, t] != ordered[row, t]
                colour = figures.VERMILION if wrong else figures.BLUE
                axis.text(t, row, had[row, t], ha="center", va="center", color=colour, fontsize=9)
                if row == step and row > 0:
                    for source in (t, t + half):
                        axis.plot([source, t], [row - 0.75, row - 0.25], color="#9AA0A8", lw=0.8)
        axis.set(xlim=(-0.7, 15.7), ylim=(4.6, -0.6), xlabel="thread", title=name)
        axis.set(yticks=range(5), yticklabels=["start", "round 1", "2", "3", "4"])
        axis.grid(visible=False)
    if step == 0:
        caption = "The 16 numbers, each in the hands of one thread"
    else:
        wrong = int((hasty[step, : 16 >> step] != ordered[step, : 16 >> step]).sum())
        caption = (
            f"Round {step}: {16 >> step} threads add; without barriers {wrong} of them wrongly"
        )
    steps.add(figure, caption=caption)
steps.play(
    alt="A tournament of sums, 16 numbers halved in each round; on the right, without barriers, wrong sums in orange."
)
claim("with barriers the winner is the sum", ordered[4, 0] == numbers.sum())
claim(f"without: {hasty[4, 0]} instead of {numbers.sum()}", hasty[4, 0] != numbers.sum())

# %% [markdown]
# Without barriers a fast thread takes its neighbour's number before the neighbour has finished it.
# All of that was recorded from a run, by the threads themselves. Check mode says the same in one
# line:

# %%
faults = kernels.examine(reducing, lambda: tournament(numbers, wait=False))
claim("a race on shared memory", any(f.kind == "race" and f.array == "sums" for f in faults))

# %% [markdown]
# Now all three steps of chapter 02's global threshold: histogram, Otsu, ink. Note what does *not*
# happen between them: nothing comes back to the host. The threshold stays in an array of one
# element, and the third kernel reads it there. Launches run one after the other, so a launch is
# also a barrier, the only one between blocks.

# %%
from ocrlearn.image.binarize import otsu_threshold


def ink_of(image):
    """Return the ink of a uint8 image by Otsu's threshold."""
    threshold = cuda.empty(1, np.int32, like=image)
    ink = cuda.empty(image.shape, bool, like=image)
    histogram = count(image, "privatised", BLOCKS)
    cuda.launch(reducing.kernel("otsu"), 1, 256, histogram=histogram, threshold=threshold)
    cuda.launch(reducing.kernel("binarise"), cuda.blocks_for(image.size, 256), 256,
                image=image, count=image.size, threshold=threshold, ink=ink)  # fmt: skip
    return ink


with cuda.emulation("check"):  # raises if there is anything to find
    ink = ink_of(page)
claim("the ink is the library's", np.array_equal(ink, page <= otsu_threshold(page)))
kernels.also_on_gpu(ink_of, page)

# %% [markdown]
# ## Exercise 34.3
#
# Write the kernel `block_maximum`: `maxima[b]` is the largest of the 256 numbers that block b is
# responsible for, by a tournament in shared memory. The launch has blocks of 256 threads; the last
# block may have fewer than 256 numbers left, and numbers may be negative.

# %%
### BEGIN SOLUTION
BLOCK_MAXIMUM = r"""
extern "C" __global__ void __launch_bounds__(256)
block_maximum(const int* numbers,  // [count]
              int count,
              int* maxima)         // [gridDim.x]
{
    __shared__ int best[256];
    int t = threadIdx.x;
    int i = blockIdx.x * blockDim.x + t;
    best[t] = i < count ? numbers[i] : -2147483647 - 1;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if (t < half)
            best[t] = max(best[t], best[t + half]);
        __syncthreads();
    }
    if (t == 0)
        maxima[blockIdx.x] = best[0];
}
"""
### END SOLUTION

# %% tags=["nbval-check-output"]
check("34.3", BLOCK_MAXIMUM)

# %% [markdown]
# ## Connected components
#
# The next step of chapter 01 was to find the blobs of ink. Its two passes over the page go from
# left to right and from top to bottom, each pixel after the one before: the opposite of
# thousands of threads at once.
#
# **First idea.** Every ink pixel starts with a label of its own, its index. Then every pixel takes
# the smallest label among its neighbours' and its own, again and again, until nothing changes. To
# be safe from races, a launch reads one array and writes another.
#
# **Second idea.** Keep a *forest*: a pixel's label is the index of another pixel of the same
# component, its parent, and the root is its own parent. Every thread looks at its pixel's
# neighbours, climbs from both to the roots, and hangs the larger root under the smaller one:
# *union-find*. Three launches, whatever the picture. But now threads write into each other's trees.

# %%
labelling = kernels.source(
    "labelling.cu",
    r"""
// The first idea: one step of spreading the smallest label.
extern "C" __global__ void
spread(const bool* ink,    // [height * width]
       int height, int width,
       const int* before,  // [height * width]
       int* after,         // [height * width]
       int* changed)       // [1]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height)
        return;
    int i = y * width + x;
    int least = before[i];
    if (ink[i])
        for (int v = max(y - 1, 0); v <= min(y + 1, height - 1); ++v)
            for (int u = max(x - 1, 0); u <= min(x + 1, width - 1); ++u)
                if (ink[v * width + u])
                    least = min(least, before[v * width + u]);
    after[i] = least;
    if (least != before[i])
        atomicExch(changed, 1);
}

// The second idea, three kernels: every pixel its own tree, ...
extern "C" __global__ void
plant(const bool* ink,  // [count]
      int count,
      int* parent)      // [count]
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        parent[i] = ink[i] ? i : -1;
}

// A volatile read is done again each time: another thread may have moved the tree meanwhile.
__device__ int root_of(const volatile int* parent, int i)
{
    while (parent[i] != i)
        i = parent[i];
    return i;
}

__device__ void unite_by_store(int* parent, int a, int b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a != b)
        parent[max(a, b)] = min(a, b);
}

__device__ void unite(int* parent, int a, int b)
{
    while (true) {
        a = root_of(parent, a);
        b = root_of(parent, b);
        if (a == b)
            return;
        int high = max(a, b), low = min(a, b);
        int found = atomicMin(&parent[high], low);
        if (found == high)   // it was a root still: done
            return;
        a = found;           // somebody was faster: unite with what it hangs under now
        b = low;
    }
}

// ... unite each ink pixel with the four neighbours that come before it, ...
extern "C" __global__ void
merge(const bool* ink,  // [height * width]
      int height, int width, bool by_store,
      int* parent)      // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height || !ink[y * width + x])
        return;
    int i = y * width + x;
    int before[4] = {i - 1, i - width - 1, i - width, i - width + 1};
    bool there[4] = {x > 0, x > 0 && y > 0, y > 0, x + 1 < width && y > 0};
    for (int k = 0; k < 4; ++k)
        if (there[k] && ink[before[k]]) {
            if (by_store)
                unite_by_store(parent, i, before[k]);
            else
                unite(parent, i, before[k]);
        }
}

// ... and note the root of every pixel, in another array, so that nobody's path moves.
extern "C" __global__ void
flatten(const int* parent,  // [count]
        int count,
        int* roots)         // [count]
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        roots[i] = parent[i] < 0 ? -1 : root_of(parent, i);
}
""",
)


def spread_labels(ink, frames=None):
    """Label by spreading; return the labels (-1 on paper) and the number of launches."""
    height, width = ink.shape
    xp = array_module(ink)
    labels = xp.where(ink, xp.arange(ink.size, dtype=np.int32).reshape(ink.shape), np.int32(-1))
    launches = 0
    while True:
        after, changed = cuda.empty(ink.shape, np.int32, like=ink), xp.zeros(1, np.int32)
        cuda.launch(labelling.kernel("spread"), cuda.blocks_for((width, height), BLOCK), BLOCK,
                    ink=ink, height=height, width=width,
                    before=labels, after=after, changed=changed)  # fmt: skip
        labels, launches = after, launches + 1
        if frames is not None:
            frames.append(labels.copy())
        if not int(changed[0]):
            return labels, launches


def union_find(ink, by_store=False):
    """Label by union-find, with three launches; return the labels, -1 on paper."""
    height, width = ink.shape
    parent = cuda.empty(ink.shape, np.int32, like=ink)
    roots = cuda.empty(ink.shape, np.int32, like=ink)
    line, count = cuda.blocks_for(ink.size, 256), ink.size
    cuda.launch(labelling.kernel("plant"), line, 256, ink=ink, count=count, parent=parent)
    cuda.launch(labelling.kernel("merge"), cuda.blocks_for((width, height), BLOCK), BLOCK,
                ink=ink, height=height, width=width, by_store=by_store, parent=parent)  # fmt: skip
    cuda.launch(labelling.kernel("flatten"), line, 256, parent=parent, count=count, roots=roots)
    return roots


# %% [markdown]
# Spreading is right, and slow where the way is long. A worst case is a serpentine, and here it is
# at work. Each step of the player is some launches.


# %%
def serpentine(side):
    """Return a path that winds through a square, row by row."""
    ink = np.zeros((side, side), bool)
    ink[::2] = True
    ink[1::4, -1] = True
    ink[3::4, 0] = True
    return ink


def paint(labels):
    """Draw the part of a path that has its final label in orange, the rest in blue."""
    picture = np.full((*labels.shape, 3), 252, np.uint8)
    picture[labels > 0] = np.multiply(to_rgb(figures.SKY), 255)
    picture[labels == 0] = np.multiply(to_rgb(figures.VERMILION), 255)
    return picture


snake = serpentine(21)
frames = []
spread_labels(snake, frames)
shown = [0, 5, 10, 20, 40, 80, 120, 160, 200, len(frames) - 1]
steps = player.Recorder()
for number in shown:
    names = len(np.unique(frames[number][snake]))
    caption = f"After launch {number + 1}: {names} different labels on one path"
    steps.add(paint(frames[number]), caption=caption)
steps.play(
    alt="A winding path; the part that has the final label, in orange, grows along it from the upper left.",
    scale=16,
)

sides = [9, 13, 17, 21, 25]
launches = [spread_labels(serpentine(side))[1] for side in sides]
lengths = [int(serpentine(side).sum()) for side in sides]
figure, axis = figures.subplots(height=2.3)
axis.plot(lengths, launches, "o-", label="spreading")
axis.plot(lengths, [3] * len(sides), "s-", label="union-find")
axis.set(xlabel="length of the path in pixels", ylabel="launches")
axis.legend()
figures.show(
    figure,
    alt="The launches of spreading rise in a straight line with the length of the path; those of union-find stay at three.",
)
claim(
    "spreading takes a launch for nearly every pixel of the path", launches[-1] > 0.9 * lengths[-1]
)

# %% [markdown]
# Now the forest, on the ink of the page. First with a plain store: *this root now hangs under that
# one*. We compare with `connected_components` of the library, which numbers the
# components 1, 2, 3 in the order of their first pixels; the roots are in that order, too.


# %%
from ocrlearn.ops import connected_components


def numbered(parent):
    """Turn roots into 0 for paper and 1, 2, 3 ... for the components."""
    return np.unique(parent, return_inverse=True)[1].reshape(parent.shape)


blobs = np.ascontiguousarray(ink[:132, 190:])
wanted, number = connected_components(blobs)
torn = []
for seed in range(8):
    with cuda.emulation("check", seed=seed, **schedule):
        torn.append(numbered(union_find(blobs, by_store=True)))
pieces = [int(labels.max()) for labels in torn]
print(f"{number} components; with a plain store, in eight runs: {pieces}")
claim("unions are lost", max(pieces) > number)
torn = torn[int(np.argmax(pieces))]
faults = kernels.examine(labelling, lambda: union_find(blobs, by_store=True))

# %% [markdown]
# Two threads climb to the same root and hang it under two different trees. The second store wipes
# out the first, one union is lost, and a component falls apart, each time another one. Most are
# whole: their unions are made more than once, by other neighbours. A program like that passes its
# tests and fails on the customer's page.

# %%
view = np.full((*blobs.shape, 3), 255, np.uint8)
view[blobs] = 190
for k in range(1, number + 1):
    names = np.unique(torn[wanted == k])
    if len(names) > 1:
        view[wanted == k] = np.multiply(to_rgb(figures.VERMILION), 255)
        view[(wanted == k) & (torn == names[0])] = np.multiply(to_rgb(figures.BLUE), 255)
figures.show_images(
    [view],
    [f"{torn.max() - number} lost unions: blue and orange should be one component"],
    alt="The page's ink in grey; a few components are torn, one part blue and the other orange.",
)

# %% [markdown]
# The cure is not simply an atomic. `atomicMin(&parent[high], low)` hangs the root under the smaller
# one *and returns what was there before*. If that was still a root, all is well. If not, somebody
# was faster and has hung it elsewhere; then the two trees that now meet in it must be united, so
# the loop goes round once more. This is the scheme of Komura (2015), as Playne and Hawick (2018)
# describe it.

# %%
for seed in range(3):
    with cuda.emulation("check", "preempting", seed):  # raises if there is anything to find
        claim(
            f"schedule {seed}: the library's components",
            np.array_equal(numbered(union_find(blobs)), wanted),
        )
labels, launched = spread_labels(blobs)
claim("spreading agrees", np.array_equal(numbered(labels), wanted))
print(f"spreading took {launched} launches, union-find 3")
kernels.also_on_gpu(union_find, blobs)

# %% [markdown]
# ## K-means: many points, few centres
#
# Chapter 08 groups colours: **K-means** assigns every pixel to the nearest of K colours, moves each
# colour to the mean of its pixels, and repeats. A page printed in three inks has only a handful of
# colours, whatever the light and the noise of the sensor make of them.

# %%
from PIL import Image, ImageDraw, ImageFont

from ocrlearn.data.synth.lines import shipped_fonts

rng = np.random.default_rng(34)
sheet = Image.new("RGB", (300, 120), (246, 240, 222))
pen = ImageDraw.Draw(sheet)
path = {font.name: font.path for font in shipped_fonts()}["DejaVu Serif Bold"]
pen.text((14, 12), "Reading room", (30, 34, 40), font=ImageFont.truetype(str(path), 32))
pen.text((14, 66), "open until nine", (20, 70, 150), font=ImageFont.truetype(str(path), 22))
pen.ellipse((222, 50, 284, 110), outline=(190, 40, 30), width=7)
light = np.linspace(1, 0.8, 300)[None, :, None]
picture = (np.asarray(sheet) * light + rng.normal(0, 7, (120, 300, 3))).clip(0, 255)
picture = picture.round().astype(np.uint8)

# %% [markdown]
# The assignment is made for a GPU: one thread a pixel, no thread needs another, and *all threads
# read the same few centres*. So a block first copies the centres into shared memory, every thread a
# part, and then every thread reads them all from there. Between the two belongs a barrier.
#
# The update is a histogram again, with a sum for each channel. And the ladder is the same: atomics
# on global memory, or partial sums in each block first. All of it in whole numbers, colours
# included, so that the order of the additions cannot matter. (With floats it would: `a + b + c`
# depends on what is added first, and atomics come in any order.)

# %%
clustering = kernels.source(
    "clustering.cu",
    r"""
extern "C" __global__ void __launch_bounds__(256)
assign(const unsigned char* pixels,  // [count * 3]
       int count,
       const int* centres,           // [K * 3]
       bool wait,                    // until all centres have been copied?
       unsigned char* nearest)       // [count]
{
    __shared__ int palette[K * 3];
    for (int k = threadIdx.x; k < K * 3; k += blockDim.x)
        palette[k] = centres[k];
    if (wait)
        __syncthreads();

    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count)
        return;
    int best = 0, least = 2147483647;
    for (int k = 0; k < K; ++k) {
        int red = pixels[3 * i] - palette[3 * k];
        int green = pixels[3 * i + 1] - palette[3 * k + 1];
        int blue = pixels[3 * i + 2] - palette[3 * k + 2];
        int distance = red * red + green * green + blue * blue;
        if (distance < least) {
            least = distance;
            best = k;
        }
    }
    nearest[i] = best;
}

extern "C" __global__ void
update_by_atomics(const unsigned char* pixels,   // [count * 3]
                  int count,
                  const unsigned char* nearest,  // [count]
                  int* sums)                     // [K * 4]
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count)
        return;
    int* sum = sums + 4 * nearest[i];
    for (int channel = 0; channel < 3; ++channel)
        atomicAdd(&sum[channel], pixels[3 * i + channel]);
    atomicAdd(&sum[3], 1);
}

extern "C" __global__ void
update_by_blocks(const unsigned char* pixels,   // [count * 3]
                 int count,
                 const unsigned char* nearest,  // [count]
                 int* sums)                     // [K * 4]
{
    __shared__ int partial[K * 4];
    for (int k = threadIdx.x; k < K * 4; k += blockDim.x)
        partial[k] = 0;
    __syncthreads();
    int step = gridDim.x * blockDim.x;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
        int* sum = partial + 4 * nearest[i];
        for (int channel = 0; channel < 3; ++channel)
            atomicAdd(&sum[channel], pixels[3 * i + channel]);
        atomicAdd(&sum[3], 1);
    }
    __syncthreads();
    for (int k = threadIdx.x; k < K * 4; k += blockDim.x)
        atomicAdd(&sums[k], partial[k]);
}
""",
)
K = 6


def assign(pixels, centres, wait=True):
    count = pixels.size // 3
    nearest = cuda.empty(count, np.uint8, like=pixels)
    cuda.launch(clustering.kernel("assign", K=K), cuda.blocks_for(count, 256), 256,
                pixels=pixels, count=count, centres=centres, wait=wait, nearest=nearest)  # fmt: skip
    return nearest


def update(pixels, nearest, kernel="update_by_blocks"):
    count = pixels.size // 3
    sums = array_module(pixels).zeros((K, 4), np.int32)
    grid = 8 if kernel == "update_by_blocks" else cuda.blocks_for(count, 256)
    cuda.launch(clustering.kernel(kernel, K=K), grid, 256,
                pixels=pixels, count=count, nearest=nearest, sums=sums)  # fmt: skip
    return sums


def centres_of(sums):
    """Return the mean colours, rounded to whole numbers."""
    members = array_module(sums).maximum(sums[:, 3:], 1)
    return ((sums[:, :3] + members // 2) // members).astype(np.int32)


# %% [markdown]
# The barrier first, or rather the lack of one:

# %%
chosen = [(5, 5), (60, 150), (115, 295), (28, 22), (80, 18), (80, 225)]  # paper, and each ink
start = np.array([picture[y, x] for y, x in chosen], np.int32)
faults = kernels.examine(clustering, lambda: assign(picture, start, wait=False))
claim("the missing barrier is found", any(f.array == "palette" for f in faults))
claim("with it nothing is", not kernels.examine(clustering, lambda: assign(picture, start)))

# %% [markdown]
# Then all of it, twelve rounds, on the GPU or in the emulator, beside the same in NumPy.


# %%
def k_means(pixels, centres, rounds=12):
    for _ in range(rounds):
        nearest = assign(pixels, centres)
        centres = centres_of(update(pixels, nearest))
    return centres[nearest]


def k_means_numpy(pixels, centres, rounds=12):
    points = pixels.reshape(-1, 3).astype(np.int32)
    for _ in range(rounds):
        nearest = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        sums = np.zeros((K, 4), np.int32)
        np.add.at(sums, nearest, np.column_stack([points, np.ones(len(points), np.int32)]))
        centres = centres_of(sums)
    return centres[nearest]


few = k_means(picture, start)
claim("every pixel's colour is NumPy's", np.array_equal(few, k_means_numpy(picture, start)))
figures.show_images(
    [picture, few.reshape(picture.shape).astype(np.uint8)],
    [f"{len(np.unique(picture.reshape(-1, 3), axis=0))} colours", f"{K} colours"],
    alt="A noisy colour print with a dark heading, a blue line and a red ring; and the same in six flat colours.",
)
kernels.also_on_gpu(k_means, picture, start)

# %% [markdown]
# The two kernels for the update, under the profiler. Four atomics a pixel are many when there are
# six colours to wait for:

# %%
nearest = assign(picture, start)
members = np.bincount(nearest, minlength=K)
longest = {}
for kernel in ("update_by_atomics", "update_by_blocks"):
    with cuda.emulation("profile") as run:
        sums = update(picture, nearest, kernel)
    claim(f"{kernel} counts every member", np.array_equal(sums[:, 3], members))
    atomics = [row for row in run.profile if row.access == "atomic" and row.memory == "global"]
    longest[kernel] = max(row.contention for row in atomics)
    print(f"    global atomics {sum(row.accesses for row in atomics)}, on one {longest[kernel]}")
claim(
    "by atomics the queue is as long as the largest colour has pixels",
    longest["update_by_atomics"] == members.max(),
)
claim("by blocks it is as long as there are blocks", longest["update_by_blocks"] == 8)

# %% [markdown]
# ## Three transposes
#
# One more lesson in memory, and the classic one: swap the rows and columns of a table of floats. No
# arithmetic at all. Each thread reads one number and writes it, so *every* order of access costs
# the same, one should think.
#
# What memory delivers, however, is not numbers but **sectors** of 32 bytes. When the 32 threads of
# a warp read 32 floats that lie side by side, that is 128 bytes: 4 sectors. When they read 32
# floats from 32 different rows, that is 32 sectors, of which one eighth is used.
#
# Reading along rows and writing along columns (or the other way round) is just what a transpose
# does. The way out is a detour over shared memory: a block reads a tile along its rows, and writes
# it along the rows of the *result*; the turning is done inside the tile, on the chip.
#
# Shared memory has a rule of its own. It consists of 32 **banks**, each 4 bytes wide: word number w
# lies in bank w mod 32. Different banks serve a warp at once; different words of *one* bank follow
# one after the other. In a tile of 32 by 32 floats a column lies in a single bank! One unused column
# more, 33, and the words of a column lie in 32 different banks.

# %%
turning = kernels.source(
    "turning.cu",
    r"""
extern "C" __global__ void
naive(const float* table,  // [height * width]
      int height, int width,
      float* turned)       // [width * height]
{
    int x = blockIdx.x * 32 + threadIdx.x;
    int y = blockIdx.y * 32 + threadIdx.y;
    if (x < width && y < height)
        turned[x * height + y] = table[y * width + x];
}

extern "C" __global__ void
tiled(const float* table,  // [height * width]
      int height, int width,
      float* turned)       // [width * height]
{
    __shared__ float tile[32][COLUMNS];  // 32, or 33 with an unused column
    int x = blockIdx.x * 32 + threadIdx.x;
    int y = blockIdx.y * 32 + threadIdx.y;
    if (x < width && y < height)
        tile[threadIdx.y][threadIdx.x] = table[y * width + x];
    __syncthreads();

    x = blockIdx.y * 32 + threadIdx.x;   // now a place in the result
    y = blockIdx.x * 32 + threadIdx.y;
    if (x < height && y < width)
        turned[y * height + x] = tile[threadIdx.x][threadIdx.y];
}
""",
)


def transpose(table, kernel, columns=32):
    height, width = table.shape
    turned = cuda.empty((width, height), np.float32, like=table)
    grid = cuda.blocks_for((width, height), (32, 32))
    cuda.launch(turning.kernel(kernel, COLUMNS=columns), grid, (32, 32),
                table=table, height=height, width=width, turned=turned)  # fmt: skip
    return turned


VERSIONS = {"naive": ("naive", 32), "tiled": ("tiled", 32), "padded": ("tiled", 33)}
odd = np.random.default_rng(1).random((45, 70), dtype=np.float32)
for name, version in VERSIONS.items():
    with cuda.emulation("check"):
        claim(f"{name}: turned", np.array_equal(transpose(odd, *version), odd.T))
kernels.also_on_gpu(lambda table: transpose(table, "tiled", 33), odd)

# %% [markdown]
# Predict before you measure. Where does each lane of a warp look, in memory and in the tile?

# %%
figure, axes = figures.subplots(1, 3, height=3.3, width_ratios=[1, 1, 1])
memory = np.full((32, 8, 3), 255, np.uint8)  # a sector, 8 floats, is a field
memory[:, 0] = np.multiply(to_rgb(figures.ORANGE), 255)
memory[0, :4] = np.multiply(to_rgb(figures.BLUE), 255)
axes[0].imshow(memory, aspect="auto", extent=(0, 8, 32, 0))
axes[0].text(1.2, 3.2, "32 floats along a row:\n4 sectors", color=figures.BLUE, va="center")
axes[0].text(1.2, 18, "32 floats along a column:\n32 sectors", color="#9A6A00", va="center")
axes[0].set(title="global memory", xlabel="sectors of a row", ylabel="row")
axes[0].set_xticks(range(9))
for axis, columns in zip(axes[1:], (32, 33), strict=True):
    bank = np.arange(32 * columns).reshape(32, columns) % 32
    axis.imshow(bank == 5, cmap="Blues", vmin=0, vmax=1.3, extent=(0, columns, 32, 0))
    axis.add_patch(Rectangle((5, 0), 1, 32, fill=False, edgecolor=figures.ORANGE, linewidth=2))
    ways = np.bincount(bank[:, 5]).max()
    said = f"column 5: {ways}-way conflict" if ways > 1 else "column 5: no conflict"
    axis.set(title=f"bank 5, in a tile of {columns} columns", xlabel=said)
for axis in axes:
    axis.grid(visible=False)
    axis.tick_params(labelsize=7)
figures.show(
    figure,
    alt="Left: a warp that reads along a row touches four sectors, blue; along a column 32, orange. Middle: in a tile of 32 columns the words of bank 5 are just column 5. Right: with 33 columns they lie on a diagonal, and column 5 meets each bank once.",
)

# %% [markdown]
# So here is the prediction, for a table of 64 by 64 floats: how many sectors, or for shared memory
# how many rounds of the banks (*wavefronts*), does one request of a warp need?

# %% tags=["nbval-check-output"]
REQUESTS = [("global", "load"), ("global", "store"), ("shared", "store"), ("shared", "load")]
PREDICTED = {"naive": (4, 32), "tiled": (4, 4, 1, 32), "padded": (4, 4, 1, 1)}
table = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)
moved = {}
for name, version in VERSIONS.items():
    with cuda.emulation("profile") as run:
        transpose(table, *version)
    counted = {(row.memory, row.access): row.per_request for row in run.profile}
    predicted = dict(zip(REQUESTS, PREDICTED[name], strict=False))
    told = ", ".join(f"{memory} {access} {n}" for (memory, access), n in predicted.items())
    claim(f"{name}: {told}", counted == predicted)
    moved[name] = sum(row.bytes_moved for row in run.profile) / (2 * table.nbytes)
claim("the naive transpose moves 4.5 times the bytes it needs", moved["naive"] == 4.5)
claim("the tiled ones move just what they need", moved["tiled"] == moved["padded"] == 1)

# %% [markdown]
# To the last digit: the tile heals the memory, and the unused column heals the tile.
#
# ## What the checker knows
#
# How does the emulator see all that? The compiler offers to report every access to memory (it is the
# option `-fsanitize=thread`, made for finding races in ordinary programs), and the emulator takes
# the reports itself. For each element it remembers who touched it last, in which line, and before
# which barrier.
#
# Races and overruns you have seen. Here is the rest of the collection in one text: a barrier that
# half of the threads never reach, a shared array that is too short, a number that nobody has
# written, and threads that wait for ever.

# %%
faulty = kernels.source(
    "faulty.cu",
    r"""
extern "C" __global__ void
half_at_a_barrier(int* result)  // [blockDim.x]
{
    if (threadIdx.x < 32) {
        result[threadIdx.x] = 1;
        __syncthreads();
    } else {
        __syncthreads();
    }
}

extern "C" __global__ void
tile_too_short(int* result)  // [blockDim.x]
{
    __shared__ int tile[32];
    tile[threadIdx.x] = threadIdx.x;
    __syncthreads();
    result[threadIdx.x] = tile[threadIdx.x];
}

extern "C" __global__ void
never_written(int* result)  // [blockDim.x]
{
    __shared__ int tile[64];
    if (threadIdx.x > 0)
        tile[threadIdx.x] = threadIdx.x;
    __syncthreads();
    result[threadIdx.x] = tile[63 - threadIdx.x];
}

extern "C" __global__ void
half_a_warp_waits(int* result)  // [blockDim.x]
{
    int sum = threadIdx.x;
    if (threadIdx.x % 2)
        sum += __shfl_xor_sync(0xffffffff, sum, 1);
    result[threadIdx.x] = sum;
}
""",
)


def run_faulty(name):
    cuda.launch(faulty.kernel(name), 1, 64, result=np.zeros(64, np.int32))


for name in faulty.kernels:
    print(f"{name}:")
    claim("found", kernels.examine(faulty, functools.partial(run_faulty, name)))

# %% [markdown]
# And what it cannot know: what you *meant*. A window that is one too short, a sign that is wrong,
# an index that stays inside its array and is the index of another pixel: such a kernel is clean and
# false. Only a comparison with a second, plainer program finds that, which is why every kernel of
# this library has its **reference** beside it.
#
# ## Exercise 34.4
#
# **A bug hunt.** `thicken` makes strokes bolder: pixel x becomes the maximum of the pixels x - 3 to
# x + 3 of its row. A block of 64 threads copies its 64 pixels and three more at either end into
# shared memory, and reads them there. There are five faults in it. The checker sees four of them.

# %%
### BEGIN SOLUTION
THICKEN = r"""
extern "C" __global__ void
thicken(const unsigned char* ink,  // [height * width]
        int height, int width,
        unsigned char* result)     // [height * width]
{
    __shared__ int tile[70];  // 64 pixels, and 3 more at either end
    int x = blockIdx.x * 64 + threadIdx.x;
    int y = blockIdx.y;
    for (int k = threadIdx.x; k < 70; k += 64) {
        int u = blockIdx.x * 64 + k - 3;
        tile[k] = u >= 0 && u < width ? ink[y * width + u] : 0;
    }
    __syncthreads();
    int most = 0;
    for (int k = 0; k <= 6; ++k)
        most = max(most, tile[threadIdx.x + k]);
    if (x < width)
        result[y * width + x] = most;
}
"""
### END SOLUTION

# %%
check("34.4", THICKEN)  # draws a page of another size each time

# %% [markdown]
# ## Same answer, three speeds
#
# The operations of the library have up to three *rungs*: a reference to read, a fast path for the
# processor, and a CUDA kernel. All three must give the same answer, and the tests see to it for
# every operation, in the emulator where there is no GPU. Otsu's ink, as above, and the components:

# %%
from ocrlearn.image.binarize import OTSU_INK_RUNGS
from ocrlearn.ops.components import RUNGS as COMPONENTS_RUNGS

three_speeds(OTSU_INK_RUNGS, page)
three_speeds(COMPONENTS_RUNGS, blobs, 8)

# %% [markdown]
# On a GPU the last line is a time; elsewhere it says why not. The kernels themselves run anywhere,
# when they are asked for by name:

# %%
from ocrlearn.cluster.kmeans import assign as assign_points
from ocrlearn.cluster.slic import slic

points = picture[::3, ::3].reshape(-1, 3).astype(np.float32)
centres = start.astype(np.float32)
operations = {
    "binarize": lambda rung: OTSU_INK_RUNGS[rung](page),
    "connected_components": lambda rung: connected_components(blobs, rung=rung)[0],
    "kmeans.assign": lambda rung: assign_points(points, centres, rung=rung)[0],
    "slic": lambda rung: slic(picture[:60, :120], segments=40, iterations=3, rung=rung),
}
for name, call in operations.items():
    with cuda.emulation() as run:
        answer = call("cuda")
    used = len(set(run.launches))
    claim(f"{name}, kernels: {used}, as the reference", np.array_equal(answer, call("reference")))

# %% [markdown]
# ## What a GPU would add
#
# The emulator counts; it does not time. How fast these kernels *can* be on a GPU follows from their
# sizes: the bytes that must cross the memory bus, divided by the bandwidth. That is the **floor**,
# and a kernel is good when it comes near it. (Arithmetic has a floor as well, the operations divided
# by the peak, and the larger of the two counts: that is the *roofline* model.) The bytes below are
# counted by hand: every array that a kernel must read or write, once. So are the operations,
# roughly, and one of whole numbers is taken for one of floats.

# %%
work = {  # bytes and operations for each pixel
    "invert, binarise": (2, 1),
    "histogram": (1, 1),
    "union-find, three kernels": (18, 8),
    f"K-means, K = {K}, one round": (8, 9 * K),
    f"K-means, K = {64}, one round": (8, 9 * 64),
    "transpose of floats": (8, 0),
}
print(f"floor in µs, for {A4 / 1e6:.0f} million pixels:")
print(f"{'':<28}" + "".join(f"{name:>10}" for name in GPUS))
for name, (bytes_moved, operations) in work.items():
    floors = [1e6 * A4 * max(bytes_moved / b, operations / o) for b, o in GPUS.values()]
    print(f"{name:<28}" + "".join(f"{floor:10.0f}" for floor in floors))

# %%
figure, axis = figures.subplots(height=3.3)
intensity = np.logspace(-1, 3, 200)
for (gpu, (bandwidth, peak)), colour in zip(
    GPUS.items(), (figures.ORANGE, figures.BLUE), strict=True
):
    axis.loglog(intensity, np.minimum(bandwidth * intensity, peak) / 1e12, color=colour, label=gpu)
    axis.axvline(peak / bandwidth, color=colour, linewidth=0.7, linestyle=":")
bandwidth, peak = GPUS["H100 SXM"]
drawn = {name: numbers for name, numbers in work.items() if numbers[1] > 0}
for number, (bytes_moved, operations) in enumerate(drawn.values(), start=1):
    x = operations / bytes_moved
    y = min(bandwidth * x, peak) / 1e12
    axis.plot(x, y, "o", color=figures.BLUE)
    offset = (5, -12) if number == 1 else (-9, 7)
    axis.annotate(str(number), (x, y), offset, textcoords="offset points", fontsize=9)
listed = "\n".join(f"{number}  {name}" for number, name in enumerate(drawn, start=1))
axis.text(1.02, 0.98, listed, transform=axis.transAxes, va="top", fontsize=8)
axis.set(xlabel="operations for each byte", ylabel="at best, 10¹² operations a second")
axis.legend(loc="lower right")
figures.show(
    figure,
    alt="A roofline for two GPUs: a slope where bandwidth is the limit and a flat roof where arithmetic is. All kernels of the chapter lie on the slope but K-means with 64 centres, which lies on the roof.",
)
ridge = peak / bandwidth
slope = {name: ops / size < ridge for name, (size, ops) in work.items()}
claim(
    "all are bound by memory, but K-means with 64 centres",
    [name for name, below in slope.items() if not below] == ["K-means, K = 64, one round"],
)

# %% [markdown]
# Those are bounds, not measurements. What has been measured is kept with the program, and says on
# which machine:

# %%
kernels.show_recorded()

# %% [markdown]
# ## Where it fails
#
# **The emulator is slow.** It runs one thread after another. That is enough for a page and not for
# a data set:

# %%
seconds = {}
for mode in ("fast", "check"):
    with cuda.emulation(mode):
        begin = time.perf_counter()
        invert(page)
        seconds[mode] = time.perf_counter() - begin
begin = time.perf_counter()
255 - page
seconds["NumPy"] = time.perf_counter() - begin
for name, duration in seconds.items():
    print(f"{name:<8}{1e3 * duration:8.2f} ms to invert {page.size} pixels")

# %% [markdown]
# **In its fast mode it trusts you.** Without check mode nobody looks at an index before it is used: a
# wild one, or a division by zero, ends the whole notebook, and a loop without an end hangs it. Run a
# new kernel in check mode first.
#
# **It is too kind.** On the processor, what one thread has written the others see, in the order it
# was written. A GPU promises much less (a *weak* memory model), and a program that hands data from
# block to block by a flag may work in the emulator for ever. Check mode therefore reports *every*
# such hand-over that is not atomic, even a correct one that uses fences.
#
# **It rounds otherwise.** A GPU's compiler joins `a * b + c` into one instruction with one
# rounding. Compare floats with a tolerance, or write `fmaf` where it matters; whole numbers are
# the same everywhere.
#
# **It does not have everything.** No textures, no cooperative groups, no tensor cores, no inline
# assembly: kernels for it are plain CUDA C++.
#
# **It counts, it does not time.** Sectors and conflicts say which of two kernels wastes less. How
# long it takes in the end also depends on how many threads are on their way at once, on caches, on
# the compiler. That is what the GPU, and a profiler on it, are for.
#
# And three answers that look nearly right, which is the worst kind. Which line is missing in each?

# %%
negative = np.full(page.shape, 200, np.uint8)
rounded_down = (width // 40, height // 20)
cuda.launch(first.kernel("invert"), rounded_down, (40, 20),
            image=page, height=height, width=width, result=negative)  # fmt: skip
with cuda.emulation("check", seed=3, **schedule):
    hasty = start[assign(picture, start, wait=False).clip(0, K - 1)]
figures.show_images(
    [
        negative,
        hasty.reshape(picture.shape).astype(np.uint8),
        paint(frames[60])[:9],
    ],
    ["a grid that was rounded down", "centres without their barrier", "labels after 60 launches"],
    columns=3,
    alt="An inverted page with an untouched strip at the right and the bottom; the colour print, sprinkled all over with wrong colours; a winding path of which only a part has its final label.",
)
claim(
    "the strips are what rounding down leaves",
    (negative == 200)[:, 9 * 40 :].all() and (negative == 200)[9 * 20 :].all(),
)

# %% [markdown]
# A division that was rounded down instead of up, a barrier, and a loop that ended too early.
#
# ## Summary
#
# - A kernel is the program of one thread. Blocks of threads cover the image and overhang its edges;
#   the guard on x *and* y keeps the rest out.
# - Two threads at one element, one of which writes, and nothing that orders them: a race. Between
#   threads of a block a barrier orders, between blocks only an atomic or the end of a launch.
# - That an answer is right proves nothing about races: another order, another answer. Check mode
#   looks at the order itself.
# - The ladder is always the same: naive, then atomics, then a private copy for each block in shared
#   memory, and one atomic at the end.
# - A launch costs little, but not nothing. Algorithms that need a launch for every pixel of a path
#   lose against those that need three.
# - Most of what is done to a page is bound by memory. Count the bytes, divide by the bandwidth, and
#   you know how good it can get; count the sectors, and you know where it went.
#
# **Next:** chapter 35 leaves the single device and trains on more than one.
#
# ## References
#
# - NVIDIA, "CUDA C++ Programming Guide": the thread hierarchy, memory, atomics and barriers;
#   <https://docs.nvidia.com/cuda/cuda-c-programming-guide/>.
# - M. Harris, "Optimizing Parallel Reduction in CUDA", NVIDIA, 2007.
# - G. Ruetsch and P. Micikevicius, "Optimizing Matrix Transpose in CUDA", NVIDIA, 2009; M. Harris,
#   "An Efficient Matrix Transpose in CUDA C/C++", NVIDIA Developer Blog, 2013.
# - V. Podlozhnyuk, "Histogram calculation in CUDA", NVIDIA, 2007: a histogram for each block.
# - Y. Komura, "GPU-based cluster-labeling algorithm without the use of conventional iteration",
#   Computer Physics Communications, 2015; D. P. Playne and K. Hawick, "A New Algorithm for Parallel
#   Connected-Component Labelling on GPUs", IEEE Transactions on Parallel and Distributed Systems,
#   2018.
# - S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory, 1982:
#   K-means.
# - S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual performance model for
#   multicore architectures", Communications of the ACM, 2009.
# - NVIDIA, data sheets of the T4 (2019) and the H100 (2023): bandwidth and peak of the two GPUs.
# - N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on Systems,
#   Man, and Cybernetics, 1979.

"""Summed-area tables, and the mean and standard deviation around every pixel.

A summed-area table (Crow, "Summed-Area Tables for Texture Mapping", SIGGRAPH 1984), also called an
integral image, holds at each corner of the pixel grid the sum of all pixels above and to the left.
The sum over any rectangle is then four look-ups, whatever its size. That makes every method cheap
that asks for the mean or the spread in a window around each pixel: the local thresholds of
:mod:`ocrlearn.image.binarize`, normalised cross-correlation, fast filters.

Sums of integers are exact, in int64. Sums of floating images are taken in float64; differences of
large sums lose digits, so the variance of a floating image is computed about the image's mean.

The CUDA rung builds tables by running sums over bands of rows (``integral.cu``). Its local
statistics come from two such tables, of the values and of their squares, which cost the same for
every window. For uint8 and windows up to 257 pixels the tables are of 32 bits and wrap around,
which leaves the sums over windows exact.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, as_array, pick
from ocrlearn._validate import check_image, check_odd_window
from ocrlearn.ops._c_types import c_type

__all__ = [
    "INTEGRAL_RUNGS",
    "KERNELS",
    "LOCAL_RUNGS",
    "WindowTables",
    "box_sum",
    "integral_image",
    "integral_image_reference",
    "local_mean_std",
    "local_mean_std_reference",
    "reflected_indices",
]

KERNELS = cuda.KernelFile.beside(__file__)
BAND, TILE = 16, 256  # rows of a band and threads of a block, as in integral.cu
WIDEST_WRAPPING = 257  # 257**2 * 255**2 < 2**32: no window's sum of squares wraps around


# --- The summed-area table ------------------------------------------------------------------------


def integral_image_reference(image: NDArray[Any]) -> NDArray[Any]:
    """Summed-area table by Crow's recurrence, one pixel at a time."""
    height, width = image.shape
    exact = np.float64 if image.dtype.kind == "f" else np.int64
    table = np.zeros((height + 1, width + 1), exact)
    for y in range(height):
        for x in range(width):
            above_and_left = table[y, x + 1] + table[y + 1, x] - table[y, x]
            table[y + 1, x + 1] = above_and_left + image[y, x]
    return table


def _integral_image_fast(image: NDArray[Any]) -> NDArray[Any]:
    """Summed-area table by a running sum down the columns, then along the rows."""
    height, width = image.shape
    exact = np.float64 if image.dtype.kind == "f" else np.int64
    table = np.zeros((height + 1, width + 1), exact)
    inside = table[1:, 1:]
    np.cumsum(image, axis=0, dtype=exact, out=inside)
    np.cumsum(inside, axis=1, out=inside)
    return table


def _kernel_image(image: Any) -> Any:
    """Return `image` contiguous and in a dtype that the kernels are compiled for."""
    xp = array_module(image)
    if image.dtype.kind in "biu":
        dtype = image.dtype if image.dtype in (np.bool_, np.uint8) else np.int64
    else:
        dtype = image.dtype if image.dtype == np.float32 else np.float64
    return xp.ascontiguousarray(image, dtype=dtype)


def table_on_gpu(image: Any, sums: Any, offset: Any, radius: int = 0, power: int = 1) -> Any:
    """Table of ``(image - offset) ** power``, continued by `radius` pixels, in the dtype `sums`."""
    height, width = image.shape
    rows, columns = height + 2 * radius, width + 2 * radius
    bands = -(-rows // BAND)
    pixel = "uint8" if image.dtype == np.bool_ else image.dtype.name
    types = {"Pixel": c_type(pixel), "Sum": c_type(sums)}
    totals = cuda.empty((bands, columns), sums, like=image)
    above = cuda.empty((bands, columns), sums, like=image)
    table = cuda.empty((rows + 1, columns + 1), sums, like=image)
    across = cuda.blocks_for(columns, TILE)[0]
    source = {
        "image": image,
        "height": height,
        "width": width,
        "radius": radius,
        "power": power,
        "offset": offset,
        "bands": bands,
    }
    cuda.launch(
        KERNELS.kernel("sum_bands", **types), (across, bands), TILE, **source, totals=totals
    )
    cuda.launch(
        KERNELS.kernel("scan_bands", **types),
        across,
        TILE,
        totals=totals,
        bands=bands,
        columns=columns,
        above=above,
    )
    cuda.launch(
        KERNELS.kernel("scan_tiles", **types), bands, TILE, **source, above=above, table=table
    )
    return table


def _integral_image_cuda(image: Any) -> Any:
    image = _kernel_image(image)
    exact = np.float64 if image.dtype.kind == "f" else np.int64
    return table_on_gpu(image, exact, offset=array_module(image).zeros(1, exact))


INTEGRAL_RUNGS = {
    "reference": integral_image_reference,
    "fast": _integral_image_fast,
    "cuda": _integral_image_cuda,
}


def integral_image(image: Any, *, rung: str | None = None) -> NDArray[Any]:
    """Return the summed-area table of `image`.

    Parameters
    ----------
    image
        ``(H, W)``, of any boolean, integer or floating dtype; not only an image in the library's
        sense, since squares and products are summed as well. NumPy or CuPy.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    array
        ``(H + 1, W + 1)``: entry ``[y, x]`` is the sum of ``image[:y, :x]``, so the first row and
        column are zero. int64 for boolean and integer input, exact as long as the total fits;
        float64 for floating input.

    Raises
    ------
    TypeError
        If the dtype is none of boolean, integer and floating.
    ValueError
        If `image` does not have two axes, or is empty.

    Examples
    --------
    >>> table = integral_image(np.array([[1, 2], [3, 4]]))
    >>> table.tolist()
    [[0, 0, 0], [0, 1, 3], [0, 4, 10]]
    >>> int(box_sum(table, 0, 1, 2, 2))
    6
    """
    array = as_array(image)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"image must have shape (H, W) and not be empty, got {array.shape}")
    if array.dtype.kind not in "buif":
        raise TypeError(f"image must be boolean, integer or floating, got dtype {array.dtype}")
    return pick(INTEGRAL_RUNGS, array, rung=rung)(array)


def box_sum(table: NDArray[Any], top: Any, left: Any, bottom: Any, right: Any) -> Any:
    """Sum of ``image[top:bottom, left:right]``, from its summed-area `table`.

    Parameters
    ----------
    table
        ``(H + 1, W + 1)``, made by :func:`integral_image`.
    top, bottom, left, right
        Integers, or integer arrays that broadcast together. They must lie in [0, H] and [0, W],
        which is not checked: it would cost more than the sum. Negative ones count from the end, as
        indices do, and give the sum over another rectangle.

    Returns
    -------
    number or array
        Of the dtype of `table`, in the shape the sides broadcast to.
    """
    return table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]


# --- Mean and standard deviation in windows -------------------------------------------------------


def reflected_indices(size: int, radius: int) -> NDArray[np.intp]:
    """Return the indices ``-radius ... size - 1 + radius``, reflected into ``[0, size)``.

    Reflection is about the centre of the border pixel, which is not repeated (``dcb|abcd|cba``), as
    in ``numpy.pad(mode="reflect")``; a radius beyond the axis is reflected again.

    >>> reflected_indices(4, 2).tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    return np.pad(np.arange(size), radius, mode="reflect")


def local_mean_std_reference(
    image: NDArray[Any], window: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation by visiting every window: the definition."""
    height, width = image.shape
    padded = np.pad(image.astype(np.float64), window // 2, mode="reflect")
    mean = np.empty((height, width))
    std = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            neighbourhood = padded[y : y + window, x : x + window]
            mean[y, x] = neighbourhood.mean()
            std[y, x] = neighbourhood.std()
    return mean, std


@njit(cache=True, nogil=True)
def slide_windows(
    image: NDArray[Any],
    offset: Any,
    y: int,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    column_sums: NDArray[Any],
    column_squares: NDArray[Any],
    sums: NDArray[Any],
    squares: NDArray[Any],
) -> None:
    """Move the windows of row ``y - 1`` down to row `y`: sums of ``image - offset`` and squares.

    Each column keeps the sum over the window's height: one pixel enters, one leaves. Sliding along
    the row, one column enters, one leaves. So a pixel costs the same for every window, as with
    summed-area tables, and the few sums in use stay in the cache. `rows` and `columns` are
    :func:`reflected_indices`. Call for ``y = 0, 1, 2 ...`` with the same work arrays.
    """
    height, width = image.shape
    window = rows.size - height + 1
    if y == 0:
        column_sums[:] = 0
        column_squares[:] = 0
        for row in rows[:window]:
            for x in range(width):
                value = image[row, x] - offset
                column_sums[x] += value
                column_squares[x] += value * value
    else:
        entering, leaving = rows[y + window - 1], rows[y - 1]
        for x in range(width):
            new, old = image[entering, x] - offset, image[leaving, x] - offset
            column_sums[x] += new - old
            column_squares[x] += new * new - old * old

    total, total_square = column_sums[0] * 0, column_squares[0] * 0
    for column in columns[:window]:
        total += column_sums[column]
        total_square += column_squares[column]
    sums[0], squares[0] = total, total_square
    for x in range(1, width):
        entering, leaving = columns[x + window - 1], columns[x - 1]
        total += column_sums[entering] - column_sums[leaving]
        total_square += column_squares[entering] - column_squares[leaving]
        sums[x], squares[x] = total, total_square


@njit(cache=True, nogil=True)
def _local_mean_std_kernel(
    image: NDArray[Any],
    offset: Any,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    work: NDArray[Any],
    mean: NDArray[np.float64],
    std: NDArray[np.float64],
) -> None:
    height, width = image.shape
    area = float((rows.size - height + 1) ** 2)
    sums, squares = work[2], work[3]
    for y in range(height):
        slide_windows(image, offset, y, rows, columns, work[0], work[1], sums, squares)
        for x in range(width):
            centred = sums[x] / area
            variance = squares[x] / area - centred * centred
            mean[y, x] = centred + offset
            std[y, x] = np.sqrt(max(variance, 0.0))


def window_plan(
    image: NDArray[Any], window: int
) -> tuple[NDArray[Any], Any, NDArray[np.intp], NDArray[np.intp], NDArray[Any]]:
    """Prepare for :func:`slide_windows`: contiguous image, offset, rows, columns, work arrays."""
    height, width = image.shape
    rows = reflected_indices(height, window // 2)
    columns = reflected_indices(width, window // 2)
    if image.dtype == np.uint8:
        work = np.empty((4, width), np.int64)
        return np.ascontiguousarray(image), np.int64(0), rows, columns, work
    exact = np.ascontiguousarray(image, dtype=np.float64)
    return exact, exact.mean(), rows, columns, np.empty((4, width), np.float64)


def _local_mean_std_fast(
    image: NDArray[Any], window: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, std = np.empty(image.shape), np.empty(image.shape)
    _local_mean_std_kernel(*window_plan(image, window), mean, std)
    return mean, std


class WindowTables:
    """What the kernels need for the statistics of windows: two tables on the GPU, and their types.

    `sums` and `squares` are the tables of ``image - offset`` and its square, of the image continued
    by half a window; `offset` is an array of one element in the same dtype. `image` is contiguous
    and of a dtype that kernels are compiled for, and `types` are the definitions to compile with.
    """

    def __init__(self, image: Any, window: int) -> None:
        self.image = image = _kernel_image(image)
        xp = array_module(image)
        if image.dtype.kind == "f":
            sums: Any = np.float64
            self.offset = image.mean(dtype=sums).reshape(1)
        else:
            sums = np.uint32 if window <= WIDEST_WRAPPING else np.int64
            self.offset = xp.zeros(1, sums)
        pixel = "uint8" if image.dtype == np.bool_ else image.dtype.name
        self.types = {"Pixel": c_type(pixel), "Sum": c_type(sums)}
        self.sums = table_on_gpu(image, sums, self.offset, radius=window // 2)
        self.squares = table_on_gpu(image, sums, self.offset, radius=window // 2, power=2)


def _local_mean_std_cuda(image: Any, window: int) -> tuple[Any, Any]:
    height, width = image.shape
    tables = WindowTables(image, window)
    mean = cuda.empty((height, width), np.float64, like=image)
    std = cuda.empty((height, width), np.float64, like=image)
    cuda.launch(
        KERNELS.kernel("mean_and_std", **tables.types),
        cuda.blocks_for((width, height), (32, 8)),
        (32, 8),
        sums=tables.sums,
        squares=tables.squares,
        offset=tables.offset,
        height=height,
        width=width,
        window=window,
        mean=mean,
        std=std,
    )
    return mean, std


LOCAL_RUNGS = {
    "reference": local_mean_std_reference,
    "fast": _local_mean_std_fast,
    "cuda": _local_mean_std_cuda,
}


def local_mean_std(
    image: Any, window: int, *, rung: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation in the square window around every pixel.

    Parameters
    ----------
    image
        ``(H, W)`` gray image, uint8 or float in [0, 1] (bool counts as 0 and 1). NumPy or CuPy;
        whether a CuPy image lies in [0, 1] is not checked.
    window
        Side of the window in pixels, odd and at least 3. It may be larger than the image.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    mean, std
        ``(H, W)`` float64, in the units of the image. The standard deviation is the population's
        (divided by the number of pixels). Beyond its borders the image is continued by reflection,
        ``dcb|abcd|cba``.

    Raises
    ------
    TypeError
        If `image` is neither uint8 nor bool nor floating, or `window` is not a number.
    ValueError
        If `image` is not ``(H, W)``, or holds a value out of range, or `window` is even or too
        small.

    Notes
    -----
    The fast rung takes the variance as the mean of squares less the square of the mean. For uint8
    both sums are exact integers and it agrees with the reference to 1e-9. For floating images the
    sums are taken about the image's mean in float64; where a window is constant, the standard
    deviation may come out as much as 1e-6 instead of 0. The CUDA rung computes the same from tables
    of the whole image, whose entries grow with it: the same figure holds up to a few megapixels.
    """
    array = check_image(image, gray=True)
    window = check_odd_window(window)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    return pick(LOCAL_RUNGS, array, rung=rung)(array, window)

"""Bilateral filtering: means over pixels that are near in the image and near in colour.

A Gaussian filter weighs neighbours by their distance and so blurs edges. The bilateral filter of
Tomasi and Manduchi ("Bilateral Filtering for Gray and Color Images", ICCV 1998) multiplies that
weight by one that falls with the difference in colour, so that pixels beyond an edge hardly count::

    weight(p, q) = exp(-|p - q|^2 / (2 spatial_sigma^2) - |I_p - I_q|^2 / (2 range_sigma^2))

The same weights, much wider, are the messages of the fully connected CRF of Krähenbühl and Koltun
("Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials", NIPS 2011), in which
every pixel sends its label distribution to all others. There the sum is wanted and not the mean.

The fast rung takes one neighbour offset after the other and works on whole rows, so that the
processor handles several pixels at once; the exponential is a polynomial for the same reason. For
the kernels see ``bilateral.cu``.

**Deviations from the papers.**
Colours differ by their Euclidean distance in the image's own space; Tomasi and Manduchi recommend
CIE-Lab, which the caller may convert to. The neighbourhood is a disc of finite radius. Krähenbühl
and Koltun leave the pixel itself out of the sum and approximate the rest with the permutohedral
lattice; here the sum is exact within the radius and holds the pixel itself, with weight 1: subtract
the values to leave it out. Its time grows with the square of the radius.
"""

import math
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, as_array, pick
from ocrlearn._validate import check_image, check_number

__all__ = [
    "FILTER_RUNGS",
    "KERNELS",
    "MESSAGE_RUNGS",
    "bilateral_filter",
    "bilateral_filter_reference",
    "bilateral_message",
    "bilateral_message_reference",
]

KERNELS = cuda.KernelFile.beside(__file__)

TILE = (32, 8)  # pixels along x and y: TILE_WIDTH and TILE_HEIGHT of the kernels
BAND = 8  # rows of a band of the filter's kernel
FARTHEST = 46340  # pixels: the square of a distance, which the kernels hold in 31 bits
SIGMAS = (1e-12, 1e12)  # beyond these the weights are the same, and their squares leave float32


def _disc(radius: int, height: int, width: int) -> list[tuple[int, int]]:
    """List the offsets (dx, dy) no longer than `radius` that fit into the image."""
    tall, wide = min(radius, height - 1), min(radius, width - 1)
    return [
        (dx, dy)
        for dy in range(-tall, tall + 1)
        for dx in range(-wide, wide + 1)
        if dx * dx + dy * dy <= radius * radius
    ]


def _shifted(size: int, offset: int) -> tuple[slice, slice]:
    """Return the slices of the pixels whose neighbour at `offset` exists, and of the neighbours."""
    return (
        slice(max(0, -offset), size - max(0, offset)),
        slice(max(0, offset), size - max(0, -offset)),
    )


def _planes(xp: Any, image: Any, dtype: Any) -> Any:
    """Return the image as ``(C, H, W)``, with one channel for a gray one."""
    planes = image[None] if image.ndim == 2 else xp.moveaxis(image, -1, 0)
    return xp.ascontiguousarray(planes.astype(dtype))


def _as_image(xp: Any, planes: Any, like: Any) -> Any:
    """Turn planes back into an image of the shape and dtype of `like`."""
    image = planes[0] if like.ndim == 2 else xp.ascontiguousarray(xp.moveaxis(planes, 0, -1))
    if like.dtype == xp.uint8:
        image = xp.clip(xp.floor(image + 0.5), 0, 255)
    return image.astype(like.dtype)


# --- The reference --------------------------------------------------------------------------------


def bilateral_filter_reference(
    image: Any, spatial_sigma: float, range_sigma: float, radius: int
) -> Any:
    """Add up all neighbours' colours and weights, one offset after the other, and divide."""
    guide = _planes(np, image, np.float64)
    ones = np.ones((1, *image.shape[:2]))
    sums = bilateral_message_reference(
        image, np.concatenate([guide, ones]), spatial_sigma, range_sigma, radius
    )
    return _as_image(np, sums[:-1] / sums[-1], like=image)


def bilateral_message_reference(
    guide: Any, values: Any, theta_alpha: float, theta_beta: float, radius: int
) -> Any:
    """Add up all neighbours' values by their weights, one offset after the other, in float64."""
    planes = _planes(np, guide, np.float64)
    height, width = guide.shape[:2]
    message = np.zeros(values.shape, np.float64)
    for dx, dy in _disc(radius, height, width):
        y, from_y = _shifted(height, dy)
        x, from_x = _shifted(width, dx)
        difference = np.sum((planes[:, y, x] - planes[:, from_y, from_x]) ** 2, axis=0)
        weight = np.exp(
            -(dx * dx + dy * dy) / (2 * theta_alpha**2) - difference / (2 * theta_beta**2)
        )
        message[:, y, x] += weight * values[:, from_y, from_x]
    return message.astype(values.dtype)


# --- The fast rung --------------------------------------------------------------------------------


@njit(cache=True, nogil=True, fastmath=True)
def _add_squares(
    here: NDArray[np.float32],
    there: NDArray[np.float32],
    scale: np.float32,
    exponent: NDArray[np.float32],
) -> None:
    """Add the scaled squared difference of two stretches of a row."""
    for x in range(exponent.size):
        difference = there[x] - here[x]
        exponent[x] += difference * difference * scale


@njit(cache=True, nogil=True, fastmath=True)
def _exponential(t: NDArray[np.float32]) -> None:
    """Replace every t, which is not negative, by exp(-t).

    That is the 32nd power of exp(-t / 32), for which five terms of the series are enough: the error
    is below 1e-6, less than what float32 loses in the sum. Unlike a call of ``exp`` this is plain
    arithmetic, which the compiler turns into vector instructions.
    """
    one = np.float32(1)
    for x in range(t.size):
        part = min(t[x], np.float32(64)) * np.float32(1 / 32)
        power = one - part * np.float32(1 / 5)
        power = one - part * np.float32(1 / 4) * power
        power = one - part * np.float32(1 / 3) * power
        power = one - part * np.float32(1 / 2) * power
        power = one - part * power
        power *= power
        power *= power
        power *= power
        power *= power
        t[x] = power * power


@njit(cache=True, nogil=True, fastmath=True)
def _add_products(
    weight: NDArray[np.float32], there: NDArray[np.float32], total: NDArray[np.float32]
) -> None:
    """Add the weighted values of a stretch of a row."""
    for x in range(weight.size):
        total[x] += weight[x] * there[x]


@njit(cache=True, nogil=True)
def _add_row(
    y: int,
    guide: NDArray[np.float32],
    values: NDArray[np.float32],
    offsets: NDArray[np.int64],
    spatial: NDArray[np.float32],
    range_scale: np.float32,
    sums: NDArray[np.float32],
) -> None:
    """Add to ``sums[:, y]`` the weighted values of all neighbours, one offset after the other."""
    height, width = guide.shape[1:]
    weights = np.empty(width, np.float32)
    for k in range(offsets.shape[0]):
        dx, from_y = offsets[k, 0], y + offsets[k, 1]
        if from_y < 0 or from_y >= height:
            continue
        start, end = max(0, -dx), min(width, width - dx)
        weight = weights[: end - start]
        weight[:] = spatial[k]
        for c in range(guide.shape[0]):
            here = guide[c, y, start:end]
            there = guide[c, from_y, start + dx : end + dx]
            _add_squares(here, there, range_scale, weight)
        _exponential(weight)
        for plane in range(values.shape[0]):
            there = values[plane, from_y, start + dx : end + dx]
            _add_products(weight, there, sums[plane, y, start:end])


@njit(cache=True, nogil=True, parallel=True)
def _add_weighted(
    guide: NDArray[np.float32],
    values: NDArray[np.float32],
    offsets: NDArray[np.int64],
    spatial: NDArray[np.float32],
    range_scale: np.float32,
    sums: NDArray[np.float32],
) -> None:
    """Add to ``sums[:, y, x]`` the weighted values of all neighbours."""
    for y in prange(guide.shape[1]):
        _add_row(y, guide, values, offsets, spatial, range_scale, sums)


def _sums(
    guide: NDArray[np.float32],
    values: NDArray[np.float32],
    spatial_sigma: float,
    range_sigma: float,
    radius: int,
) -> NDArray[np.float32]:
    offsets = np.array(_disc(radius, *guide.shape[1:]), np.int64)
    spatial = (offsets**2).sum(axis=1) / (2 * spatial_sigma**2)
    sums = np.zeros(values.shape, np.float32)
    scale = np.float32(1 / (2 * range_sigma**2))
    _add_weighted(guide, values, offsets, spatial.astype(np.float32), scale, sums)
    return sums


def _bilateral_filter_fast(
    image: Any, spatial_sigma: float, range_sigma: float, radius: int
) -> Any:
    guide = _planes(np, image, np.float32)
    ones = np.ones((1, *image.shape[:2]), np.float32)
    sums = _sums(guide, np.concatenate([guide, ones]), spatial_sigma, range_sigma, radius)
    return _as_image(np, sums[:-1] / sums[-1], like=image)


def _bilateral_message_fast(
    guide: Any, values: Any, theta_alpha: float, theta_beta: float, radius: int
) -> Any:
    planes = _planes(np, guide, np.float32)
    flat = np.ascontiguousarray(values, np.float32)
    return _sums(planes, flat, theta_alpha, theta_beta, radius)


# --- The CUDA rung --------------------------------------------------------------------------------


def _bilateral_filter_cuda(
    image: Any, spatial_sigma: float, range_sigma: float, radius: int
) -> Any:
    xp = array_module(image)
    planes = _planes(xp, image, xp.float32)
    channels, height, width = planes.shape
    filtered = cuda.empty(planes.shape, xp.float32, like=image)
    shared_memory = 4 * channels * BAND * (TILE[0] + 2 * radius)
    if shared_memory > cuda.DEFAULT_SHARED_MEMORY:
        most = (cuda.DEFAULT_SHARED_MEMORY // (4 * channels * BAND) - TILE[0]) // 2
        raise ValueError(f"radius must be at most {most} for the kernel, got {radius}")
    cuda.launch(
        KERNELS.kernel("bilateral_filter", CHANNELS=channels, LABELS=1),
        cuda.blocks_for((width, height), TILE),
        TILE,
        shared_memory=shared_memory,
        image=planes,
        height=height,
        width=width,
        radius=radius,
        spatial_scale=1 / (2 * spatial_sigma**2),
        range_scale=1 / (2 * range_sigma**2),
        filtered=filtered,
    )
    return _as_image(xp, filtered, like=image)


def _bilateral_message_cuda(
    guide: Any, values: Any, theta_alpha: float, theta_beta: float, radius: int
) -> Any:
    xp = array_module(guide, values)
    planes = _planes(xp, guide, xp.float32)
    channels, height, width = planes.shape
    # The kernel goes over whole tiles, and so a little beyond the radius and the image.
    across, down = (min(2 * side + radius, side + pixels)
                    for side, pixels in zip(TILE, (width, height), strict=True))  # fmt: skip
    if math.hypot(across, down) > FARTHEST:
        raise ValueError(
            f"radius must be smaller for the kernel and a guide of shape {guide.shape}: it reaches "
            f"{FARTHEST} pixels far, got {radius}"
        )
    labels = values.shape[0]
    at_once = 1 if labels == 1 else 2 if labels == 2 else 4
    message = cuda.empty(values.shape, xp.float32, like=values)
    cuda.launch(
        KERNELS.kernel("bilateral_message", CHANNELS=channels, LABELS=at_once),
        (*cuda.blocks_for((width, height), TILE), -(-labels // at_once)),
        TILE,
        guide=planes,
        values=xp.ascontiguousarray(values),
        labels=labels,
        height=height,
        width=width,
        radius=min(radius, FARTHEST),
        spatial_scale=1 / (2 * theta_alpha**2),
        range_scale=1 / (2 * theta_beta**2),
        message=message,
    )
    return message


FILTER_RUNGS = {
    "reference": bilateral_filter_reference,
    "fast": _bilateral_filter_fast,
    "cuda": _bilateral_filter_cuda,
}
MESSAGE_RUNGS = {
    "reference": bilateral_message_reference,
    "fast": _bilateral_message_fast,
    "cuda": _bilateral_message_cuda,
}


# --- Public functions -----------------------------------------------------------------------------


def _check_guide(image: Any, name: str) -> Any:
    """Check an image; the values of a CuPy array are not looked at."""
    image = check_image(image, name)
    if image.dtype.kind != "f" and image.dtype != np.uint8:
        raise TypeError(f"{name} must be uint8 or float in [0, 1], got dtype {image.dtype}")
    return image


def _check_sigma(sigma: Any, name: str) -> float:
    """Return a standard deviation whose square can be reckoned with in float32."""
    sigma = check_number(sigma, name, low=0, low_open=True)
    return min(max(sigma, SIGMAS[0]), SIGMAS[1])


def _check_radius(radius: Any, shape: tuple[int, ...]) -> int:
    """Return a radius no larger than the image's diagonal can be."""
    return min(int(check_number(radius, "radius", low=0, integer=True)), shape[0] + shape[1])


def bilateral_filter(
    image: Any,
    spatial_sigma: float,
    range_sigma: float,
    radius: int | None = None,
    *,
    rung: str | None = None,
) -> Any:
    """Smooth an image and keep its edges.

    Every pixel becomes the mean of the pixels in a disc around it, weighted by nearness in space
    and in colour (Tomasi and Manduchi, "Bilateral Filtering for Gray and Color Images", ICCV 1998).
    Pixels outside the image have no weight. Computed in float32, and in float64 by the reference.

    Parameters
    ----------
    image
        ``(H, W)`` gray or ``(H, W, 3)`` RGB, uint8 or float in [0, 1]. The values of CuPy arrays
        are not checked.
    spatial_sigma
        Standard deviation of the weight by distance, in pixels, greater than 0.
    range_sigma
        Standard deviation of the weight by difference in colour, in the image's own units: about
        25 for uint8, 0.1 for floats. Of RGB the Euclidean distance counts. Greater than 0.
    radius
        Pixels farther than this have no weight, at least 0; by default three times `spatial_sigma`,
        rounded up. The CUDA kernel takes at most 752 for gray and 240 for RGB.
    rung
        "reference", "fast" or "cuda"; by default what fits the array.

    Returns
    -------
    array
        Of the shape and dtype of `image`; uint8 is rounded.

    Raises
    ------
    TypeError
        If `image` is neither uint8 nor floating, or a parameter is not a number.
    ValueError
        If the shape is wrong, a value or parameter is out of range, or `radius` is too large for
        the memory that a block of the CUDA kernel has.

    Examples
    --------
    >>> step = np.array([[10, 12, 10, 200, 202, 200]], np.uint8)
    >>> bilateral_filter(step, 2.0, 20.0).tolist()
    [[11, 11, 11, 201, 201, 201]]
    """
    image = _check_guide(image, "image")
    spatial_sigma = _check_sigma(spatial_sigma, "spatial_sigma")
    range_sigma = _check_sigma(range_sigma, "range_sigma")
    if radius is None:
        radius = math.ceil(3 * spatial_sigma)
    radius = _check_radius(radius, image.shape)
    chosen = pick(FILTER_RUNGS, image, rung=rung)
    return chosen(image, spatial_sigma, range_sigma, radius)


def bilateral_message(
    guide: Any,
    values: Any,
    theta_alpha: float,
    theta_beta: float,
    radius: int | None = None,
    *,
    rung: str | None = None,
) -> Any:
    """Sum the values of all pixels, weighted by nearness in the image and in colour.

    The message passing of the fully connected CRF (Krähenbühl and Koltun, "Efficient Inference in
    Fully Connected CRFs with Gaussian Edge Potentials", NIPS 2011)::

        message[l, p] = sum over q of values[l, q]
            * exp(-|p - q|^2 / (2 theta_alpha^2) - |I_p - I_q|^2 / (2 theta_beta^2))

    The pixel itself is in the sum, with weight 1. Nothing is approximated but for the radius: time
    grows with the number of pixels times the area of the disc.

    Parameters
    ----------
    guide
        ``(H, W)`` gray or ``(H, W, 3)`` RGB image I, uint8 or float in [0, 1].
    values
        ``(L, H, W)`` float32: for instance the probability of every label. Not looked at: a NaN
        spreads as far as the radius reaches.
    theta_alpha
        Standard deviation of the weight by distance, in pixels, greater than 0.
    theta_beta
        Standard deviation of the weight by difference in colour, in units of `guide`, greater than
        0.
    radius
        Pixels farther than this are left out; by default none is. The CUDA kernel reaches 46340
        pixels far, which matters for images longer than that only.
    rung
        "reference", "fast" or "cuda"; by default what fits the arrays.

    Returns
    -------
    array
        ``(L, H, W)`` float32.

    Raises
    ------
    TypeError
        If a dtype is wrong, or a parameter is not a number.
    ValueError
        If a shape is wrong, or a value or parameter is out of range.
    """
    guide = _check_guide(guide, "guide")
    values = as_array(values)
    array_module(guide, values)
    if values.ndim != 3 or values.shape[1:] != guide.shape[:2]:
        raise ValueError(
            f"values must have shape (L, {guide.shape[0]}, {guide.shape[1]}) to fit guide, "
            f"got {values.shape}"
        )
    if values.dtype != np.float32:
        raise TypeError(f"values must be float32, got dtype {values.dtype}")
    theta_alpha = _check_sigma(theta_alpha, "theta_alpha")
    theta_beta = _check_sigma(theta_beta, "theta_beta")
    radius = _check_radius(sum(guide.shape[:2]) if radius is None else radius, guide.shape)
    chosen = pick(MESSAGE_RUNGS, guide, values, rung=rung)
    return chosen(guide, values, theta_alpha, theta_beta, radius)

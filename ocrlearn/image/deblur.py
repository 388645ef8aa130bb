"""Undo a blur that is known: inverse filter, Wiener filter, Richardson-Lucy iteration.

A lens out of focus, or a hand that moved, spreads every point of the page over a small patch, the
*point spread function* (PSF), and the picture is the sum of these patches: a convolution, plus
noise. In the frequency domain convolution is multiplication by the PSF's transfer function H, so

- the *inverse filter* divides by H, and multiplies the noise by a million where H is a millionth;
- the *Wiener filter* divides where the signal is stronger than the noise, and gives up elsewhere;
- *Richardson-Lucy* never divides by H. It asks again and again how the estimate would look blurred,
  and corrects it by what is missing. Since it multiplies corrections, no pixel turns negative.

What every method must assume about the scene beyond the picture's border:

==========  ====================================================================================
boundary    the picture goes on ...
==========  ====================================================================================
"periodic"  from its right edge at its left one, as the discrete Fourier transform has it. Exact
            for pictures blurred that way in an experiment; in a photograph the edges do not fit
            together, and the jump rings all over the result.
"reflect"   mirrored at its edges, so that there is no jump. The choice for photographs. Exact for
            pictures blurred that way by a PSF that is its own mirror image.
"taper"     as "periodic", with a rim as wide as the PSF blended into a blurred copy of the
            picture, which is how the other side would shine in.
==========  ====================================================================================

PSFs are arrays with an odd number of rows and columns whose middle is the pixel itself, so that
nothing is shifted, and are scaled to a sum of 1, so that nothing gets brighter. A blur adds up
*light*. Files hold gamma-encoded values; for a strong blur over strong contrasts, convert to linear
light first. The functions named ``*_reference`` work on one periodic channel of floats and return
it as it comes out, also below 0 or above 1; the public functions return images.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage

from ocrlearn._dispatch import pick
from ocrlearn._validate import check_choice, check_image, check_number
from ocrlearn.image.convert import to_float, to_gray, to_uint8

__all__ = [
    "BOUNDARIES",
    "CONVOLVE_RUNGS",
    "INVERSE_RUNGS",
    "RICHARDSON_LUCY_RUNGS",
    "WIENER_RUNGS",
    "convolve",
    "convolve_reference",
    "defocus_psf",
    "estimate_noise",
    "gaussian_psf",
    "inverse_filter",
    "inverse_filter_reference",
    "motion_psf",
    "richardson_lucy",
    "richardson_lucy_reference",
    "taper_edges",
    "transfer_function",
    "wiener",
    "wiener_reference",
]

Picture = NDArray[np.float64]
Psf = NDArray[np.float64]

# ---------------------------------------------------------------------------------------------
# Point spread functions


def gaussian_psf(sigma: float) -> Psf:
    """PSF of many small blurs together: a Gaussian of standard deviation `sigma` pixels.

    Cut off at four standard deviations, as by ``scipy.ndimage.gaussian_filter``.
    """
    check_number(sigma, "sigma", low=0, low_open=True)
    reach = int(4 * sigma + 0.5)
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.outer(profile, profile) / profile.sum() ** 2


def defocus_psf(radius: float) -> Psf:
    """PSF of a lens out of focus: a disc of `radius` pixels, the image of the lens opening.

    A pixel on the rim counts by the share of it that the disc covers, sampled 16 x 16 times.
    """
    check_number(radius, "radius", low=0, low_open=True)
    reach = max(0, int(np.ceil(radius - 0.5)))
    size, fine = 2 * reach + 1, 16
    steps = (np.arange(size * fine) + 0.5) / fine - size / 2
    is_inside = steps**2 + steps[:, None] ** 2 <= radius**2
    covered = is_inside.reshape(size, fine, size, fine).mean(axis=(1, 3))
    return covered / covered.sum()


def motion_psf(length: float, angle: float = 0.0) -> Psf:
    """PSF of a camera that moved `length` pixels in a straight line during the exposure.

    Parameters
    ----------
    length
        In pixels. A length of 1 or less hardly blurs.
    angle
        Direction in radians, counter-clockwise from right as seen on the screen. Opposite
        directions are the same blur.

    Returns
    -------
    array
        Each pixel holds the share of the way that lies within it.
    """
    check_number(length, "length", low=0, low_open=True)
    check_number(angle, "angle")
    samples = 64 * int(np.ceil(length))
    along = length * ((np.arange(samples) + 0.5) / samples - 0.5)
    columns = np.rint(along * np.cos(angle)).astype(int)
    rows = np.rint(-along * np.sin(angle)).astype(int)
    reach_y, reach_x = np.abs(rows).max(), np.abs(columns).max()
    psf = np.zeros((2 * reach_y + 1, 2 * reach_x + 1))
    np.add.at(psf, (rows + reach_y, columns + reach_x), 1 / samples)
    return psf


def transfer_function(psf: Psf, shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """Return what a blur does to each wave of a picture of `shape`: the PSF's Fourier transform.

    The middle of the PSF is moved to pixel (0, 0), which the transform takes for the place of the
    pixel itself; without that, the result would be shifted by half a PSF.
    """
    padded = np.zeros(shape)
    padded[: psf.shape[0], : psf.shape[1]] = psf
    padded = np.roll(padded, (-(psf.shape[0] // 2), -(psf.shape[1] // 2)), axis=(0, 1))
    return np.fft.fft2(padded)


# ---------------------------------------------------------------------------------------------
# The methods, for one periodic channel


def convolve_reference(picture: Picture, psf: Psf) -> Picture:
    """Blur: every pixel of the PSF adds a shifted copy of the picture."""
    middle_y, middle_x = psf.shape[0] // 2, psf.shape[1] // 2
    blurred = np.zeros_like(picture)
    for y in range(psf.shape[0]):
        for x in range(psf.shape[1]):
            shifted = np.roll(picture, (y - middle_y, x - middle_x), axis=(0, 1))
            blurred += psf[y, x] * shifted
    return blurred


def inverse_filter_reference(picture: Picture, psf: Psf, epsilon: float) -> Picture:
    """Divide each wave by what the blur made of it, unless that was less than `epsilon`."""
    transfer = transfer_function(psf, picture.shape)
    is_alive = np.abs(transfer) >= epsilon
    gain = np.where(is_alive, 1 / np.where(is_alive, transfer, 1), 0)
    return np.fft.ifft2(gain * np.fft.fft2(picture)).real


def wiener_reference(picture: Picture, psf: Psf, noise_to_signal: ArrayLike) -> Picture:
    """Divide each wave by what the blur made of it, as far as it stands out from the noise."""
    transfer = transfer_function(psf, picture.shape)
    gain = np.conj(transfer) / (np.abs(transfer) ** 2 + noise_to_signal)
    return np.fft.ifft2(gain * np.fft.fft2(picture)).real


def richardson_lucy_reference(
    picture: Picture, psf: Psf, iterations: int, start: Picture
) -> Picture:
    """Compare the picture with the blurred estimate, and spread the ratio back over the estimate.

    Spreading back is correlation with the PSF, which multiplies by the conjugate of the transfer
    function.
    """
    transfer = transfer_function(psf, picture.shape)
    estimate = start.copy()
    for _ in range(iterations):
        expected = np.fft.ifft2(transfer * np.fft.fft2(estimate)).real
        ratio = picture / np.maximum(expected, 1e-12)
        correction = np.fft.ifft2(np.conj(transfer) * np.fft.fft2(ratio)).real
        estimate *= np.maximum(correction, 0)  # rounding may leave -1e-17
    return estimate


# A real picture has a spectrum of which one half mirrors the other, so the fast rungs work on half.


def _half(transfer: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(transfer[:, : transfer.shape[1] // 2 + 1])


def _filter_fast(picture: Picture, gain: NDArray[Any]) -> Picture:
    return fft.irfft2(fft.rfft2(picture) * gain, s=picture.shape, overwrite_x=True)


def _convolve_fast(picture: Picture, psf: Psf) -> Picture:
    return _filter_fast(picture, _half(transfer_function(psf, picture.shape)))


def _inverse_filter_fast(picture: Picture, psf: Psf, epsilon: float) -> Picture:
    transfer = _half(transfer_function(psf, picture.shape))
    is_alive = np.abs(transfer) >= epsilon
    gain = np.zeros_like(transfer)
    np.divide(1, transfer, out=gain, where=is_alive)
    return _filter_fast(picture, gain)


def _wiener_fast(picture: Picture, psf: Psf, noise_to_signal: ArrayLike) -> Picture:
    transfer = _half(transfer_function(psf, picture.shape))
    noise = np.asarray(noise_to_signal, dtype=np.float64)
    noise = noise if noise.ndim == 0 else noise[:, : transfer.shape[1]]
    return _filter_fast(picture, np.conj(transfer) / (np.abs(transfer) ** 2 + noise))


def _richardson_lucy_fast(picture: Picture, psf: Psf, iterations: int, start: Picture) -> Picture:
    transfer = _half(transfer_function(psf, picture.shape))
    adjoint = np.conj(transfer)
    estimate = start.copy()
    for _ in range(iterations):
        expected = _filter_fast(estimate, transfer)
        correction = _filter_fast(picture / np.maximum(expected, 1e-12), adjoint)
        estimate *= np.maximum(correction, 0)
    return estimate


CONVOLVE_RUNGS = {"reference": convolve_reference, "fast": _convolve_fast}
INVERSE_RUNGS = {"reference": inverse_filter_reference, "fast": _inverse_filter_fast}
WIENER_RUNGS = {"reference": wiener_reference, "fast": _wiener_fast}
RICHARDSON_LUCY_RUNGS = {"reference": richardson_lucy_reference, "fast": _richardson_lucy_fast}


# ---------------------------------------------------------------------------------------------
# Images


def convolve(
    image: Any, psf: ArrayLike, *, boundary: str = "reflect", rung: str | None = None
) -> NDArray[Any]:
    """Blur an image by a PSF.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``; uint8, bool or float in [0, 1]. Channels are blurred alike.
    psf
        ``(h, w)`` with h and w odd, not negative, not all zero; see :func:`gaussian_psf`,
        :func:`defocus_psf` and :func:`motion_psf`. Scaled to a sum of 1.
    boundary
        "reflect", "periodic" or "taper"; see the module's description.
    rung
        "reference" or "fast"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    array
        The shape and dtype of `image` (bool becomes uint8).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or `psf` is larger than `image`.
    """
    array, kernel = _check(image, psf)
    method = pick(CONVOLVE_RUNGS, array, rung=rung)
    return _per_channel(array, kernel, boundary, lambda channel: method(channel, kernel))


def inverse_filter(
    image: Any,
    psf: ArrayLike,
    *,
    epsilon: float = 1e-3,
    boundary: str = "reflect",
    rung: str | None = None,
) -> NDArray[Any]:
    """Deblur by division in the frequency domain: exact without noise, useless with it.

    A blur by a Gaussian of two pixels leaves of the finest waves one part in a hundred million.
    Division brings them back, together with a hundred million times their noise, and rounding to
    256 levels is noise enough. Waves of which less than `epsilon` is left are therefore dropped,
    which bounds the amplification by ``1 / epsilon``.

    Parameters
    ----------
    image, psf, boundary, rung
        As for :func:`convolve`.
    epsilon
        Least magnitude of the transfer function that is divided by, greater than 0.

    Returns
    -------
    array
        The shape and dtype of `image` (bool becomes uint8), cut to its range. For the values as
        they come out, call :func:`inverse_filter_reference`.
    """
    array, kernel = _check(image, psf)
    check_number(epsilon, "epsilon", low=0, low_open=True)
    method = pick(INVERSE_RUNGS, array, rung=rung)
    return _per_channel(array, kernel, boundary, lambda channel: method(channel, kernel, epsilon))


def wiener(
    image: Any,
    psf: ArrayLike,
    *,
    noise_to_signal: float | None = None,
    prior: str = "flat",
    boundary: str = "reflect",
    rung: str | None = None,
) -> NDArray[Any]:
    """Deblur by the linear filter of least mean squared error.

    For a picture of power S in some wave and noise of power N, the estimate
    ``F = conj(H) G / (|H|^2 + N / S)`` has the least expected squared error of all linear ones.
    Where the blur left plenty (``|H|^2`` large against N / S) it is the inverse filter; where it
    left less than the noise it tends to zero instead of infinity. The mean, which no blur changes
    and noise hardly, is taken out before and put back after, or it would lose K of itself.

    Parameters
    ----------
    image, psf, boundary, rung
        As for :func:`convolve`.
    noise_to_signal
        N / S, often called K. By default the square of :func:`estimate_noise` over the variance of
        the image. More gives a smoother result.
    prior
        What is supposed about S. "flat": all waves are equally strong, the textbook's filter with
        a scalar K. "smooth": fine waves are weaker than coarse ones, as the inverse of a
        Laplacian's squared gain; K is multiplied by that squared gain and divided by its mean, 20.
        This is the constrained least squares filter of Hunt, and ``skimage.restoration.wiener``
        with ``balance = K / 20``. On pages of text it is better by one or two decibels.

    Returns
    -------
    array
        The shape and dtype of `image` (bool becomes uint8), cut to its range. For the values as
        they come out, call :func:`wiener_reference`.

    References
    ----------
    N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series", MIT Press,
    1949. B. R. Hunt, "The application of constrained least squares estimation to image restoration
    by digital computer", IEEE Transactions on Computers C-22(9), 1973.
    """
    array, kernel = _check(image, psf)
    check_choice(prior, "prior", ("flat", "smooth"))
    if noise_to_signal is None:
        variance = float(to_float(to_gray(array)).var())
        noise_to_signal = estimate_noise(array) ** 2 / variance if variance > 0 else 1.0
        noise_to_signal = max(noise_to_signal, 1e-8)
    check_number(noise_to_signal, "noise_to_signal", low=0)
    method = pick(WIENER_RUNGS, array, rung=rung)

    def restore(channel: Picture) -> Picture:
        ratio: ArrayLike = noise_to_signal
        if prior == "smooth":
            ratio = noise_to_signal * _laplacian(channel.shape) ** 2 / 20
        mean = channel.mean()
        return mean + method(channel - mean, kernel, ratio)

    return _per_channel(array, kernel, boundary, restore)


def _laplacian(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Transfer function of the five-point Laplacian; its square has the mean 4^2 + 4 = 20."""
    down = 2 - 2 * np.cos(2 * np.pi * np.arange(shape[0]) / shape[0])
    across = 2 - 2 * np.cos(2 * np.pi * np.arange(shape[1]) / shape[1])
    return down[:, None] + across


def richardson_lucy(
    image: Any,
    psf: ArrayLike,
    *,
    iterations: int = 20,
    start: Any | None = None,
    boundary: str = "reflect",
    rung: str | None = None,
) -> NDArray[Any]:
    """Deblur by Richardson-Lucy iteration, which climbs the likelihood of counted light.

    If the picture counts photons (Poisson noise), each iteration makes the estimate explain it
    better. No pixel ever turns negative, and each iteration keeps the total light. Edges come back
    first, noise later: after too many iterations rings grow around edges and grain appears, so
    stopping early is the regularisation.

    Parameters
    ----------
    image, psf, boundary, rung
        As for :func:`convolve`.
    iterations
        At least 0. Ten to fifty for pictures with little noise.
    start
        Estimate to start from, an image of the same shape, for continuing an earlier run. By
        default `image` itself, which is closer to the goal than a flat field.

    Returns
    -------
    array
        The shape and dtype of `image` (bool becomes uint8), cut to its range. For the values as
        they come out, call :func:`richardson_lucy_reference`.

    References
    ----------
    W. H. Richardson, "Bayesian-Based Iterative Method of Image Restoration", Journal of the Optical
    Society of America 62(1), 1972. L. B. Lucy, "An iterative technique for the rectification of
    observed distributions", The Astronomical Journal 79(6), 1974.
    """
    array, kernel = _check(image, psf)
    count = int(check_number(iterations, "iterations", low=0, integer=True))
    method = pick(RICHARDSON_LUCY_RUNGS, array, rung=rung)
    if start is None:
        return _per_channel(
            array, kernel, boundary, lambda channel: method(channel, kernel, count, channel)
        )
    first = check_image(start, "start")
    if first.shape != array.shape:
        raise ValueError(f"start must have the shape of image, {array.shape}, got {first.shape}")
    begun = iter([_extend(channel, kernel, boundary) for channel in _channels(first)])
    return _per_channel(
        array, kernel, boundary, lambda channel: method(channel, kernel, count, next(begun))
    )


BOUNDARIES = ("reflect", "periodic", "taper")


def _check(image: Any, psf: ArrayLike) -> tuple[NDArray[Any], Psf]:
    array = check_image(image)
    kernel = np.asarray(psf, dtype=np.float64)
    if kernel.ndim != 2 or kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise ValueError(f"psf must have an odd number of rows and columns, got {kernel.shape}")
    if not np.isfinite(kernel).all() or kernel.min() < 0 or kernel.sum() <= 0:
        raise ValueError("psf must be finite, not negative and not all zero")
    if kernel.shape[0] > array.shape[0] or kernel.shape[1] > array.shape[1]:
        raise ValueError(
            f"psf must not be larger than the image, got {kernel.shape} for {array.shape[:2]}"
        )
    return array, kernel / kernel.sum()


def _per_channel(
    image: NDArray[Any], psf: Psf, boundary: str, method: Callable[[Picture], Picture]
) -> NDArray[Any]:
    """Extend each channel beyond its border, apply a periodic method and cut the border off."""
    height, width = image.shape[:2]
    results = [
        method(_extend(channel, psf, boundary))[:height, :width] for channel in _channels(image)
    ]
    return _as_image(results, image)


def _channels(image: NDArray[Any]) -> list[Picture]:
    pixels = to_float(image).astype(np.float64)
    return [pixels] if pixels.ndim == 2 else list(np.moveaxis(pixels, -1, 0))


def _as_image(channels: list[Picture], like: NDArray[Any]) -> NDArray[Any]:
    """Channels as an image of the shape and dtype of `like`, cut to [0, 1]."""
    pixels = np.clip(np.stack(channels, axis=-1).reshape(like.shape), 0, 1)
    return pixels.astype(like.dtype) if like.dtype.kind == "f" else to_uint8(pixels)


def _extend(channel: Picture, psf: Psf, boundary: str) -> Picture:
    """Make a channel periodic without a jump; its own pixels come first."""
    check_choice(boundary, "boundary", BOUNDARIES)
    if boundary == "reflect":
        height, width = channel.shape
        return np.pad(channel, ((0, height), (0, width)), mode="symmetric")
    return taper_edges(channel, psf) if boundary == "taper" else channel


def taper_edges(picture: ArrayLike, psf: Psf) -> Picture:
    """Blend the rim of a picture into a periodically blurred copy, so that opposite edges meet.

    The weight of the picture at a distance from an edge is one minus the PSF's normalised
    autocorrelation at that distance: zero at the edge itself, and one where the blur no longer
    reaches the other side.

    Parameters
    ----------
    picture
        ``(H, W)`` float.
    psf
        As for :func:`convolve`.
    """
    pixels = np.asarray(picture, dtype=np.float64)
    weights = np.ones(pixels.shape)
    for axis in (0, 1):
        profile = psf.sum(axis=1 - axis)
        spectrum = np.abs(np.fft.fft(profile, pixels.shape[axis] - 1)) ** 2
        overlap = np.fft.ifft(spectrum).real
        overlap = np.append(overlap, overlap[0]) / overlap.max()
        weights *= (1 - overlap).reshape((-1, 1) if axis == 0 else (1, -1))
    return weights * pixels + (1 - weights) * _convolve_fast(pixels, psf / psf.sum())


def estimate_noise(image: Any) -> float:
    """Guess the standard deviation of the noise of an image, for images in [0, 1].

    The difference of two Laplacians, ``[[1, -2, 1], [-2, 4, -2], [1, -2, 1]]``, takes away flat
    and evenly sloping ground, straight edges along the axes and most of anything blurred, and turns
    white noise of deviation s into noise of deviation 6 s. The mean magnitude of a normal variable
    is sqrt(2 / pi) times its deviation.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, at least 3 x 3; colour is turned to gray. Fine texture counts
        as noise.

    References
    ----------
    J. Immerkær, "Fast Noise Variance Estimation", Computer Vision and Image Understanding 64(2),
    1996.
    """
    gray = to_float(to_gray(check_image(image, min_size=3))).astype(np.float64)
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    response = ndimage.convolve(gray, mask)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) * np.abs(response).mean() / 6)

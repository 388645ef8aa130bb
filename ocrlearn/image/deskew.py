"""Find by how much a page's text is turned, and turn it back.

Seen along its lines, a page of text is stripes: rows full of ink between rows of paper. Add up the
ink along parallel rays and the sums swing sharply when the rays run along the lines, and blur into
one another when they do not. The *projection-profile* method (Postl 1986) tries directions and
keeps the one with the sharpest profile.

Nothing is rotated to do so. A pixel at (x, y) lies on the ray number ``y cos(a) + x sin(a)`` of the
family of rays that runs at angle ``a``, so one pass over the *ink* pixels gives the profile for an
angle.

Whether a page lies on its side or upside down is told by :mod:`ocrlearn.image.orientation`.

References
----------
W. Postl, "Detection of Linear Oblique Structures and Skew Scan in Digitized Documents",
International Conference on Pattern Recognition, 1986.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ocrlearn._dispatch import pick
from ocrlearn._validate import check_image, check_number
from ocrlearn.image.convert import to_gray
from ocrlearn.image.rectify import rotate
from ocrlearn.ops.components import connected_components_with_stats
from ocrlearn.ops.integral import local_mean_std

__all__ = [
    "RUNGS",
    "Skew",
    "deskew",
    "find_skew",
    "ink_weights",
    "projection_energies",
    "projection_energy",
]

BINS_PER_PIXEL = 4
"""Rays per pixel in a profile."""


def projection_energy(ink: ArrayLike, angle: float, blur: float = 1.0) -> float:
    """Sharpness of the sums of ink along rays at `angle`: the energy of the profile's slope.

    Parameters
    ----------
    ink
        ``(H, W)``, True or a positive weight where there is ink.
    angle
        Of the rays, in radians, positive counter-clockwise as seen on the screen.
    blur
        Standard deviation in pixels of the Gaussian by which the profile is smoothed.

    Returns
    -------
    float
        Integral of the squared slope of the profile; large where `angle` is that of the text.

    Notes
    -----
    It is tempting to round each pixel to a whole ray. At angle 0 that rounds nothing, at any other
    angle it blurs the profile by a fraction of a pixel, and so 0 wins over small angles. Counting
    in quarters of a pixel and smoothing the profile by about a pixel treats all angles alike.
    """
    weights = np.asarray(ink)
    y, x = np.nonzero(weights)
    if y.size == 0:
        return 0.0
    ray = np.floor((y * np.cos(angle) + x * np.sin(angle)) * BINS_PER_PIXEL + 0.5).astype(int)
    margin = int(np.ceil(4 * blur * BINS_PER_PIXEL)) + 1
    profile = np.bincount(ray - ray.min() + margin, weights[y, x]) * BINS_PER_PIXEL
    profile = np.pad(profile, (0, margin))
    profile = ndimage.gaussian_filter1d(profile, blur * BINS_PER_PIXEL, mode="constant")
    slope = np.diff(profile) * BINS_PER_PIXEL
    return float(np.sum(slope**2) / BINS_PER_PIXEL)


def _energies_reference(
    weights: NDArray[Any], angles: NDArray[np.float64], blur: float
) -> NDArray[np.float64]:
    return np.array([projection_energy(weights, angle, blur) for angle in angles])


@njit(cache=True)
def _count_rays(
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    weights: NDArray[np.float64],
    cosine: float,
    sine: float,
    first: float,
    profile: NDArray[np.float64],
) -> None:
    """Add the points' weights to the bins of their rays; bin 0 is the ray number `first`."""
    for i in range(x.size):
        profile[int(np.floor(y[i] * cosine + x[i] * sine + 0.5) - first)] += weights[i]


def _energies_fast(
    weights: NDArray[Any], angles: NDArray[np.float64], blur: float
) -> NDArray[np.float64]:
    y, x = np.nonzero(weights)
    energies = np.zeros(len(angles))
    if y.size == 0:
        return energies
    at_points = weights[y, x].astype(np.float64)
    corners_x, corners_y = np.array([x.min(), x.max()] * 2), np.repeat([y.min(), y.max()], 2)
    margin = int(np.ceil(4 * blur * BINS_PER_PIXEL)) + 1
    for i, angle in enumerate(angles):
        cosine, sine = np.cos(angle) * BINS_PER_PIXEL, np.sin(angle) * BINS_PER_PIXEL
        at_corners = np.floor(corners_y * cosine + corners_x * sine + 0.5)
        first = at_corners.min() - margin
        profile = np.zeros(int(at_corners.max() - first) + margin + 1)
        _count_rays(x, y, at_points, cosine, sine, first, profile)
        profile = ndimage.gaussian_filter1d(
            profile * BINS_PER_PIXEL, blur * BINS_PER_PIXEL, mode="constant"
        )
        slope = np.diff(profile) * BINS_PER_PIXEL
        energies[i] = np.sum(slope**2) / BINS_PER_PIXEL
    return energies


RUNGS = {"reference": _energies_reference, "fast": _energies_fast}


def projection_energies(
    ink: Any, angles: ArrayLike, *, blur: float = 1.0, rung: str | None = None
) -> NDArray[np.float64]:
    """Return :func:`projection_energy` for many angles.

    Parameters
    ----------
    ink
        ``(H, W)``, bool (True = ink) or weights in [0, 1] as of :func:`ink_weights`.
    angles
        ``(N,)`` in radians, positive counter-clockwise as seen on the screen.
    blur
        Standard deviation in pixels of the Gaussian by which the profiles are smoothed.
    rung
        "reference" or "fast"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    array
        ``(N,)`` float64. Each costs a pass over the ink pixels.
    """
    weights = check_image(ink, "ink", gray=True)
    check_number(blur, "blur", low=0, low_open=True)
    candidates = np.asarray(angles, dtype=np.float64)
    if candidates.ndim != 1 or not np.isfinite(candidates).all():
        raise ValueError(f"angles must be a list of finite numbers, got {angles!r}")
    return pick(RUNGS, weights, rung=rung)(weights, candidates, blur)


def ink_weights(image: Any) -> NDArray[np.float32]:
    """How much each pixel looks like ink, from 0 (paper) to 1, without a hard threshold.

    The gray value is compared with the mean around it, so that a shadow does not count as ink. A
    pixel that is less than a tenth darker than its surroundings weighs nothing. Between ink and
    paper lie the half-covered pixels on the edge of a stroke: their weights hold the place of the
    edge to a fraction of a pixel, which a mask rounds to whole pixels. On a page turned by a tenth
    of a degree that is the difference between a slope and a few steps.

    Dark margins, as a scanner leaves them around a page, are left out: a patch that touches the
    border of the image and stretches over more than a quarter of its longer side. Their straight
    edges would otherwise outweigh the text.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1], ink darker than paper; or an ink mask
        (bool, True = ink), whose weights are 0 and 1.

    Returns
    -------
    array
        ``(H, W)`` float32.
    """
    array = check_image(image)
    if array.dtype == np.bool_ and array.ndim == 2:
        weights = array.astype(np.float32)
    else:
        gray = to_gray(array)
        window = max(15, max(gray.shape) // 20) | 1
        around, _ = local_mean_std(gray, window)
        brightness = gray / np.maximum(around, 1e-6)
        weights = np.maximum(1 - brightness / 0.9, 0).astype(np.float32)
    weights[_dark_margin(weights > 0)] = 0
    return weights


def _dark_margin(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mask of the components that lie along the border of the image for a quarter of its side."""
    labels, stats = connected_components_with_stats(ink)
    height, width = ink.shape
    right, bottom = stats.left + stats.width, stats.top + stats.height
    long = max(height, width) / 4
    at_side = ((stats.left == 0) | (right == width)) & (stats.height > long)
    at_end = ((stats.top == 0) | (bottom == height)) & (stats.width > long)
    margin = at_side | at_end
    margin[0] = False
    return margin[labels]


@dataclass(frozen=True, eq=False)
class Skew:
    """By how much a page's text is turned, and how sure that is.

    Attributes
    ----------
    angle
        How the text runs, in radians, positive counter-clockwise as seen on the screen: text that
        climbs to the right has a positive angle, and rotating the page by ``-angle`` straightens
        it. 0 where no lines of text were found.
    sharpness
        Energy at the best angle divided by the median energy over all angles tried. A page of text
        reaches 20 to several hundred, photographs and noise about 1 to 3; 0 without ink.
    angles, energies
        ``(N,)`` float64: every angle tried, in rising order, and the profile's energy there. The
        coarse and the fine search are both in it, the coarse one re-computed with the fine one's
        blur.
    """

    angle: float
    sharpness: float
    angles: NDArray[np.float64]
    energies: NDArray[np.float64]


def find_skew(image: Any, *, limit: float = np.radians(15), least_sharpness: float = 3.0) -> Skew:
    """Find by how much the text of a page is turned.

    Half-degree steps over the whole range find the peak of the projection energy, steps of 0.05 and
    then 0.01 degrees around it sharpen it, and a parabola through the best three energies gives the
    angle between steps.

    Parameters
    ----------
    image
        A page, ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1], ink darker than paper; an ink
        mask (bool, True = ink) works as well but is a little less exact, see :func:`ink_weights`.
    limit
        Largest angle to look for, in radians, at most pi / 4.
    least_sharpness
        Below it the page is said to have no lines, and the angle is 0.

    Returns
    -------
    Skew

    Notes
    -----
    On rendered pages of 800 x 1000 pixels the error is about 0.01 degrees. The less text, the more:
    a single line of 400 pixels may be 0.3 degrees off, two pixels from end to end. A page without
    ink, or with too little of it to have a direction, has angle 0.
    """
    check_number(limit, "limit", low=0, high=np.pi / 4, low_open=True)
    weights = ink_weights(image)
    steps = int(np.ceil(limit / np.radians(0.5)))
    coarse = np.linspace(-limit, limit, 2 * steps + 1)
    # Twice the blur widens the peak, so that no step can jump over it.
    start = coarse[np.argmax(projection_energies(weights, coarse, blur=2.0))]
    angles, energies = coarse, projection_energies(weights, coarse)
    for step in np.radians([0.05, 0.01]):
        fine = start + step * np.arange(-10, 11)
        fine = fine[np.abs(fine) <= limit]
        angles = np.concatenate([angles, fine])
        energies = np.concatenate([energies, projection_energies(weights, fine)])
        start = angles[np.argmax(energies)]
    angle = _between_steps(fine, energies[-len(fine) :])
    typical = float(np.median(energies[: len(coarse)]))
    sharpness = float(energies.max()) / typical if typical > 0 else 0.0
    angles, first = np.unique(angles, return_index=True)
    return Skew(angle if sharpness >= least_sharpness else 0.0, sharpness, angles, energies[first])


def _between_steps(angles: NDArray[np.float64], energies: NDArray[np.float64]) -> float:
    """Angle at the top of the parabola through the largest energy and its neighbours."""
    best = int(np.argmax(energies))
    if not 0 < best < len(angles) - 1:
        return float(angles[best])
    before, peak, after = energies[best - 1 : best + 2]
    bend = before - 2 * peak + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(angles[best] + shift * (angles[best + 1] - angles[best]))


def deskew(
    image: Any,
    *,
    limit: float = np.radians(15),
    expand: bool = True,
    border: float | ArrayLike | str | None = None,
) -> NDArray[Any]:
    """Turn a page so that its lines of text run level.

    Parameters
    ----------
    image
        As for :func:`find_skew`.
    limit
        Largest angle to look for, in radians.
    expand
        Whether the result grows to hold the corners; see :func:`ocrlearn.image.rectify.rotate`.
    border
        What to put beside the turned page; see :func:`ocrlearn.image.rectify.warp`. By default the
        median of the page's own border pixels, which is the shade of its paper.

    Returns
    -------
    array
        The turned page in the dtype of `image`; a copy of `image` where no skew was found. To carry
        points between the two, use :func:`ocrlearn.image.rectify.rotation` with ``-angle``.
    """
    array = check_image(image)
    angle = find_skew(array, limit=limit).angle
    if angle == 0:
        return array.copy()
    return rotate(array, -angle, expand=expand, border=_paper(array) if border is None else border)


def _paper(image: NDArray[Any]) -> NDArray[np.float64]:
    """Median colour of the pixels along the four sides."""
    frame = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return np.median(frame.astype(np.float64), axis=0)

"""Printing and paper: ink that runs, fibres, the other side, dust."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from ocrlearn._validate import check_image, check_number
from ocrlearn.data.synth.degrade._common import (
    FloatImage,
    per_channel,
    smooth_noise,
    times,
    working_copy,
)
from ocrlearn.image.convert import to_float

__all__ = ["bleed_through", "ink_spread", "paper_texture", "specks"]


def ink_spread(
    image: Any,
    amount: float,
    *,
    sigma: float = 1.0,
    roughness: float = 0.0,
    rng: np.random.Generator | None = None,
) -> FloatImage:
    """Let ink run into the paper, or fail to reach the edges of the letters.

    The ink (one minus the image) is blurred and thresholded again. Across a straight edge the
    blurred ink falls as the normal distribution function, so the threshold ``Phi(-amount / sigma)``
    moves every straight edge outwards by exactly `amount`; corners are rounded, thin gaps fill and
    thin strokes break, as in print.

    Parameters
    ----------
    image
        Dark ink on white paper, best as it comes from rendering.
    amount
        How far edges move outwards, in pixels; negative erodes. In [-2 sigma, 2 sigma].
    sigma
        Radius of the blur in pixels: how far the ink feels its surroundings.
    roughness
        Standard deviation, in pixels, by which the edge wanders as the paper's fibres take more or
        less ink. Needs `rng`.
    rng
        Source of the roughness.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `roughness` is asked for without `rng`.
    """
    check_number(sigma, "sigma", low=0, low_open=True)
    check_number(amount, "amount", low=-2 * sigma, high=2 * sigma)
    check_number(roughness, "roughness", low=0)
    if roughness and rng is None:
        raise ValueError("roughness needs rng, a numpy.random.Generator")
    paper = working_copy(image)
    shift: Any = np.float32(amount)
    if rng is not None and roughness:
        wander = smooth_noise(paper.shape[:2], rng, correlation=1.5)
        shift = np.clip(amount + roughness * wander, -2 * sigma, 2 * sigma)
    threshold = special.ndtr(-shift / sigma)
    slope = np.exp(-0.5 * (shift / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))

    def spread(channel: FloatImage) -> NDArray[Any]:
        ink = ndimage.gaussian_filter(1 - channel, sigma, mode="nearest")
        return 1 - np.clip((ink - threshold) / slope + 0.5, 0, 1)

    return per_channel(spread, paper)


def paper_texture(
    image: Any, rng: np.random.Generator, *, strength: float = 0.03, grain: float = 1.5
) -> FloatImage:
    """Make the sheet uneven: fibres and clouds reflect a little more or less light.

    The image is multiplied by one plus noise at the scale of fibres (`grain` pixels) and, half as
    strong, at ten times that scale, where formed paper is cloudy.

    Parameters
    ----------
    image
        Any image.
    rng
        Source of the texture.
    strength
        Standard deviation of the reflectance at the scale of fibres, as a share of white.
    grain
        Correlation length of the fibres in pixels.
    """
    check_number(strength, "strength", low=0, high=1)
    check_number(grain, "grain", low=0, low_open=True)
    paper = working_copy(image)
    fibres = smooth_noise(paper.shape, rng, grain)
    clouds = smooth_noise(paper.shape, rng, 10 * grain)
    return times(paper, 1 + strength * fibres + strength / 2 * clouds)


def bleed_through(image: Any, other_side: Any, *, strength: float = 0.1) -> FloatImage:
    """Let the print of the other side shine through the paper.

    The other side is seen mirrored and scattered by the paper (a Gaussian blur of 2 pixels), and
    darkens the sheet by at most `strength`.

    Parameters
    ----------
    image
        The front, any image.
    other_side
        The back as it would be read from its own side, ``(H, W)`` with the height and width of
        `image`.
    strength
        Share of the light that full ink on the back takes away.
    """
    check_number(strength, "strength", low=0, high=1)
    paper = working_copy(image)
    back = to_float(check_image(other_side, "other_side", gray=True))
    if back.shape != paper.shape[:2]:
        raise ValueError(
            f"other_side must have the height and width of image {paper.shape[:2]}, "
            f"got {back.shape}"
        )
    scattered = ndimage.gaussian_filter(1 - back[:, ::-1], 2.0, mode="nearest")
    return times(paper, 1 - strength * scattered)


def specks(
    image: Any,
    rng: np.random.Generator,
    *,
    density: float = 20.0,
    radius: tuple[float, float] = (0.4, 1.5),
    value: float = 0.0,
) -> FloatImage:
    """Scatter round specks: dust and toner (dark), or holes in the ink ("salt", bright).

    Parameters
    ----------
    image
        Any image.
    rng
        Source of number, places and sizes.
    density
        Expected number of specks per 100,000 pixels; the number is Poisson distributed.
    radius
        Least and greatest radius in pixels; small specks are the more frequent (log-uniform).
    value
        Brightness of a speck: 0 black, 1 white.
    """
    check_number(density, "density", low=0)
    check_number(value, "value", low=0, high=1)
    low = check_number(radius[0], "radius[0]", low=0, low_open=True)
    high = check_number(radius[1], "radius[1]", low=low)
    paper = working_copy(image)
    height, width = paper.shape[:2]
    number = int(rng.poisson(density * height * width / 1e5))
    centres = rng.random((number, 2)) * (width, height) - 0.5
    radii = np.exp(rng.uniform(np.log(low), np.log(high), number))
    for (x, y), r in zip(centres, radii, strict=True):
        reach = r + 1
        left, right = max(0, int(x - reach)), min(width, int(x + reach) + 2)
        top, bottom = max(0, int(y - reach)), min(height, int(y + reach) + 2)
        distance = np.hypot(
            np.arange(left, right)[None, :] - x, np.arange(top, bottom)[:, None] - y
        )
        cover = np.clip(r - distance + 0.5, 0, 1).astype(np.float32)
        if paper.ndim == 3:
            cover = cover[..., None]
        patch = paper[top:bottom, left:right]
        patch += cover * (value - patch)
    return paper

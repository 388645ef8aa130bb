"""Sensor and file: noise, JPEG, one bit per pixel."""

import io
from typing import Any

import numpy as np
from PIL import Image

from ocrlearn._validate import check_number
from ocrlearn.data.synth.degrade._common import FloatImage, smooth_noise, working_copy
from ocrlearn.image.convert import to_uint8

__all__ = ["jpeg", "sensor_noise", "threshold_scan"]


def sensor_noise(
    image: Any,
    rng: np.random.Generator,
    *,
    photons: float = 1000.0,
    read: float = 0.005,
    correlation: float = 0.0,
) -> FloatImage:
    """Add the noise of a sensor: shot noise that grows with the light, and read-out noise.

    A pixel that expects ``n = value * photons`` electrons collects a Poisson number of them, here
    by its normal approximation of variance ``n``; the amplifier then adds noise that does not
    depend on the light. In units of white the variance is ``value / photons + read ** 2`` (Foi,
    Trimeche, Katkovnik and Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting
    for single-image raw-data", IEEE Transactions on Image Processing, 2008).

    Parameters
    ----------
    image
        Any image.
    rng
        Source of the noise.
    photons
        Electrons that a white pixel collects: 10,000 in good light, 100 in a dark room.
    read
        Standard deviation of the read-out noise as a share of white.
    correlation
        Radius in pixels over which the noise agrees with itself, as it does after a camera has
        interpolated colours and smoothed. Its variance is kept.
    """
    check_number(photons, "photons", low=0, low_open=True)
    check_number(read, "read", low=0)
    check_number(correlation, "correlation", low=0)
    paper = working_copy(image)
    deviation = np.sqrt(paper / np.float32(photons) + np.float32(read**2))

    def draw() -> FloatImage:
        if correlation:
            return smooth_noise(paper.shape[:2], rng, correlation)
        return rng.standard_normal(paper.shape[:2], dtype=np.float32)

    if paper.ndim == 3:
        noise = np.stack([draw() for _ in range(paper.shape[2])], axis=-1)
    else:
        noise = draw()
    return np.clip(paper + deviation * noise, 0, 1).astype(np.float32)


def jpeg(image: Any, quality: int) -> FloatImage:
    """Store as JPEG and read back: blocks of 8 x 8 and ringing at the edges of letters.

    Parameters
    ----------
    image
        Any image; colour is stored with half the resolution (4:2:0), as cameras do.
    quality
        libjpeg's quality from 1 to 95; phones use about 90, the web about 75, faxed-around
        pictures 30 and less.
    """
    check_number(quality, "quality", low=1, high=95, integer=True)
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(image)).save(buffer, "JPEG", quality=int(quality), subsampling=2)
    return working_copy(np.asarray(Image.open(buffer)))


def threshold_scan(image: Any, level: float = 0.5) -> FloatImage:
    """Scan in black and white: what is darker than `level` becomes 0, all else 1.

    Fax machines and much of the last century's scanning kept one bit per pixel. A level above one
    half makes strokes fat, a level below it breaks them.
    """
    check_number(level, "level", low=0, high=1)
    paper = working_copy(image)
    if paper.ndim == 3:
        paper = paper.mean(axis=-1)
        return np.repeat((paper >= level)[..., None], 3, axis=-1).astype(np.float32)
    return (paper >= level).astype(np.float32)

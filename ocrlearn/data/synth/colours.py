"""Colours of letters and of what they stand on, as photographs and signs have them.

A third of the colours come from photographs: ``colours.json`` holds, for a few hundred small
windows of natural photographs, the two colours that a window divides into
(``recipes/scene_colours.py``), after the colour model of SynthText (Gupta, Vedaldi and Zisserman,
"Synthetic data for text localisation in natural images", CVPR 2016). Their contrast is that of
nature, mostly low. People choose their signs to be seen, so the others are sign colours: black,
white and grey paint, and saturated paint on or under a light or dark one, seen in light that is
never quite white. A photograph dims and tints both.

Deviation from SynthText: it learns the pairs from crops of real words (IIIT5K), which are not ours
to use; windows of photographs replace them, and sign colours replace what those windows lack.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ColourPair", "lab_to_rgb", "random_pair", "scene_pairs"]

RGB = tuple[float, float, float]

_FROM_PHOTOGRAPHS = 0.33

_SIGN_HUES: tuple[RGB, ...] = (
    (0.72, 0.05, 0.10),  # signal red
    (0.55, 0.08, 0.12),  # wine
    (0.90, 0.40, 0.08),  # orange
    (0.97, 0.72, 0.05),  # traffic yellow
    (0.85, 0.75, 0.35),  # brass
    (0.05, 0.42, 0.22),  # traffic green
    (0.35, 0.60, 0.15),  # leaf green
    (0.05, 0.28, 0.58),  # signal blue
    (0.10, 0.12, 0.35),  # navy
    (0.20, 0.55, 0.80),  # sky blue
    (0.45, 0.20, 0.50),  # purple
    (0.85, 0.25, 0.50),  # magenta
    (0.38, 0.24, 0.15),  # brown
    (0.10, 0.45, 0.48),  # teal
)
"""Paints, sRGB in [0, 1], with everyday values near the colours of the RAL Classic names given."""


class ColourPair(NamedTuple):
    """Colours of letters and ground, sRGB in [0, 255].

    Attributes
    ----------
    ink, ground
        The two colours.
    ink_spread, ground_spread
        By how much each varies in brightness: a standard deviation, in the same unit.
    """

    ink: RGB
    ground: RGB
    ink_spread: float
    ground_spread: float


def lab_to_rgb(lab: ArrayLike) -> NDArray[np.float64]:
    """Convert CIE L*a*b* (D65, 2 degrees) to sRGB in [0, 1]; colours out of gamut are clipped.

    Parameters
    ----------
    lab
        ``(..., 3)``: L* in [0, 100], a* and b*.
    """
    values = np.asarray(lab, np.float64)
    if values.ndim == 0 or values.shape[-1] != 3:
        raise ValueError(f"lab must have shape (..., 3), got {values.shape}")
    fy = (values[..., 0] + 16) / 116
    f = np.stack([fy + values[..., 1] / 500, fy, fy - values[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    xyz = xyz * (0.95047, 1.0, 1.08883)
    to_linear = np.array(  # IEC 61966-2-1
        [
            [3.2404542, -1.5371385, -0.4985314],
            [-0.9692660, 1.8760108, 0.0415560],
            [0.0556434, -0.2040259, 1.0572252],
        ]
    )
    linear = np.clip(xyz @ to_linear.T, 0, 1)
    curve = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curve)


@lru_cache(maxsize=1)
def scene_pairs() -> tuple[tuple[RGB, RGB, float, float], ...]:
    """Return the learnt pairs: two sRGB colours in [0, 255] and the spread of brightness of each.

    Which of the two was in front is unknown, so a pair may be used either way round.
    """
    source = resources.files("ocrlearn.data.synth").joinpath("colours.json")
    data: Any = json.loads(source.read_text(encoding="utf-8"))
    table = np.array(data["pairs"], np.float64)  # (n, 2 colours, 3 of Lab and the spread of L*)
    colours = 255 * lab_to_rgb(table[..., :3])
    spreads = 2.55 * table[..., 3]  # L* is nearly proportional to sRGB's own scale of grey
    return tuple(
        ((*first,), (*second,), one, two)
        for (first, second), (one, two) in zip(colours.tolist(), spreads.tolist(), strict=True)
    )


def random_pair(uniforms: Iterator[float]) -> ColourPair:
    """Draw colours for letters and ground.

    Parameters
    ----------
    uniforms
        Iterator over uniform numbers in [0, 1); 16 of them are taken, whatever comes out.
    """
    (kind, pick, swap, shade, hue_jitter, light, *rest) = [next(uniforms) for _ in range(16)]
    if kind < _FROM_PHOTOGRAPHS:
        pairs = scene_pairs()
        first, second, one, two = pairs[int(pick * len(pairs))]
        first, second = _pushed_apart(first, second, least=50 + 100 * shade)
    else:
        first, second = _sign(kind, pick, shade, rest[:5])
        one, two = 2 + 6 * rest[5], 2 + 10 * rest[5]
    if swap < 0.5:
        first, second, one, two = second, first, two, one
    # What the light leaves of both: dim to full, a little tinted.
    level = 1.0 - 0.5 * light**3 if kind >= _FROM_PHOTOGRAPHS else 1.0
    tint = (level * (0.94 + 0.12 * rest[6]), level, level * (0.92 + 0.16 * rest[7]))
    haze = 40 * rest[8] ** 3 * hue_jitter  # stray light lifts what is dark
    return ColourPair(_lit(first, tint, haze), _lit(second, tint, haze), one, two)


def _sign(kind: float, pick: float, shade: float, rest: list[float]) -> tuple[RGB, RGB]:
    """Two colours of a painted sign: greys, or paint with white, black, cream or other paint."""
    dark, bright = 8 + 55 * rest[0], 255 - 60 * rest[1] ** 2
    if kind < 0.64:
        middle = shade < 0.3  # grey stone or metal under dark or bright letters
        grey = 90 + 100 * rest[2]
        warm = 14 * (rest[3] - 0.4)
        base: RGB = (grey + warm, grey, grey - warm)
        other = dark if rest[4] < 0.5 else bright
        pale: RGB = (bright, bright - 3 * abs(warm) * (shade > 0.8), bright - 5 * (warm > 0))
        return ((dark,) * 3, pale) if not middle else ((other,) * 3, base)
    r, g, b = _SIGN_HUES[int(pick * len(_SIGN_HUES))]
    depth = 0.65 + 0.5 * rest[2]
    paint: RGB = (min(255, 255 * r * depth), min(255, 255 * g * depth), min(255, 255 * b * depth))
    if shade < 0.15:
        r, g, b = _SIGN_HUES[int(rest[3] * len(_SIGN_HUES))]
        return _pushed_apart((255 * r, 255 * g, 255 * b), paint, least=70)
    if 0.299 * paint[0] + 0.587 * paint[1] + 0.114 * paint[2] > 140:
        return (dark,) * 3, paint
    if rest[4] < 0.2:
        return (bright, 0.9 * bright, 0.35 * bright), paint  # yellow and gold letters
    return (bright,) * 3, paint


def _pushed_apart(first: RGB, second: RGB, least: float) -> tuple[RGB, RGB]:
    """Move two colours away from each other until one is `least` brighter (of 255)."""
    one = 0.299 * first[0] + 0.587 * first[1] + 0.114 * first[2]
    two = 0.299 * second[0] + 0.587 * second[1] + 0.114 * second[2]
    chroma = max(abs(a - b) for a, b in zip(first, second, strict=True))
    lacking = least - max(abs(one - two), 0.6 * chroma)
    if lacking <= 0:
        return first, second
    lower, upper = (first, second) if one < two else (second, first)
    down = min(lacking / 2, min(one, two))
    up = lacking - down
    moved = (
        (max(0.0, lower[0] - down), max(0.0, lower[1] - down), max(0.0, lower[2] - down)),
        (min(255.0, upper[0] + up), min(255.0, upper[1] + up), min(255.0, upper[2] + up)),
    )
    return moved if one < two else (moved[1], moved[0])


def _lit(colour: RGB, tint: RGB, haze: float) -> RGB:
    values = [min(255.0, c * t + haze) for c, t in zip(colour, tint, strict=True)]
    return values[0], values[1], values[2]

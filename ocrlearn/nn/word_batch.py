"""Batches of words made on the device that trains: warped, coloured, blurred, lit and noisy.

Where a GPU waits for two CPU cores, the cores should only do what they alone can: choose words and
draw letters (``ocrlearn.data.synth.words.word_coverages``: how much of each pixel is ink, some
tenths of a millisecond a word). The rest is arithmetic on whole batches, and is done here, on the
device of the tensors.

All random numbers come from one ``torch.Generator`` on the CPU: the numbers that belong to a word
(angle, blur, colours of the light) directly, those that belong to a pixel from a generator on the
device, which the first one seeds. The same seed gives the same batch on the same kind of device;
on another kind, pixels get other noise and all else stays equal up to rounding.

Deviations from :func:`ocrlearn.data.synth.words.render_word`: no shadows, borders, reliefs or
neighbours, no JPEG, blurs are Gaussians that may be longer one way than the other, and few pixels
are half or a third as many. Nothing keeps faint words legible.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ocrlearn._validate import check_number

__all__ = ["WordStyle", "compose_words"]

_REACH = 4  # of a blur, in pixels


@dataclass(frozen=True)
class WordStyle:
    """How far a batch of words goes from clean print; the defaults resemble scenes.

    Attributes
    ----------
    angle
        Standard deviation of the angle that a word is turned by, in radians.
    shear
        Standard deviation of the sideways shift per height.
    perspective
        Standard deviation of the change of size from one end of a word to the other.
    wave
        Greatest amplitude of a waving baseline, as a share of the height.
    blur
        Greatest standard deviation of the blur, in pixels; most words get much less.
    texture
        Greatest standard deviation of the ground's texture, as a share of the contrast.
    light
        Standard deviation of the change of light across a word.
    noise
        Greatest standard deviation of the noise, of values in [0, 1]; most words get much less.
    coarse
        Share of the words that have half or a third of the pixels.
    """

    angle: float = 0.04
    shear: float = 0.12
    perspective: float = 0.12
    wave: float = 0.05
    blur: float = 1.8
    texture: float = 0.2
    light: float = 0.15
    noise: float = 0.06
    coarse: float = 0.3

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            high = 1.0 if name == "coarse" else math.inf
            check_number(getattr(self, name), name, low=0, high=high)


def compose_words(
    coverage: Tensor,
    ink: Tensor,
    ground: Tensor,
    generator: torch.Generator,
    *,
    widths: Tensor | None = None,
    style: WordStyle | None = None,
) -> Tensor:
    """Make pictures of words from how much of each pixel is ink.

    Parameters
    ----------
    coverage
        ``(N, H, W)``: uint8 in [0, 255] or floating in [0, 1].
    ink, ground
        ``(N, 3)``: sRGB colours, of the same kind and on the same device.
    generator
        On the CPU; see above. Its state moves on.
    widths
        ``(N,)``: how many columns each word has, from the left; None if all of them. Words are
        turned about their own middle.
    style
        None for ``WordStyle()``.

    Returns
    -------
    Tensor
        ``(N, 3, H, W)`` float32 in [0, 1] on the device of `coverage`.

    Raises
    ------
    TypeError, ValueError
        If a tensor has a wrong type, shape or device, or `generator` is not on the CPU.
    """
    style = style or WordStyle()
    cover = _fractions(coverage, "coverage", ("N", "H", "W"))
    front = _fractions(ink, "ink", (len(cover), 3))[..., None, None]
    back = _fractions(ground, "ground", (len(cover), 3))[..., None, None]
    for name, colours in (("ink", ink), ("ground", ground)):
        if colours.device != coverage.device:
            raise ValueError(f"{name} is on {colours.device}, coverage on {coverage.device}")
    if generator.device.type != "cpu":
        raise ValueError(f"generator must be on the CPU, got one on {generator.device}")
    chance = _Chance(generator, cover)
    flow = _warp(chance, cover, _lengths(widths, cover), style)
    cover = nn.functional.grid_sample(
        cover[:, None], flow, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    contrast = (front - back).abs().amax(dim=1, keepdim=True)
    spread = style.texture * chance.uniform() ** 2 * contrast
    image = back + spread * _clouds(chance, cover)
    image = image + cover * (front - image)
    image = _lit(chance, image, style)
    image = _blurred(chance, image, style)
    image = image + style.noise * chance.uniform() ** 3 * chance.pixels(image.shape)
    image = _coarsened(chance, image, style)
    return image.clamp(0, 1)


def _lengths(widths: Tensor | None, cover: Tensor) -> Tensor:
    """Check widths and return them as ``(N,)`` float32 on the device of `cover`."""
    number, _, width = cover.shape
    if widths is None:
        return torch.full((number,), float(width), device=cover.device)
    if not isinstance(widths, Tensor):
        raise TypeError(f"widths must be a torch.Tensor, got {type(widths).__name__}")
    if widths.shape != (number,) or not ((widths >= 1) & (widths <= width)).all():
        raise ValueError(
            f"widths must be {number} numbers from 1 to {width}, got {widths.tolist()}"
        )
    return widths.to(cover.device, torch.float32)


def _fractions(values: Any, name: str, shape: tuple[Any, ...]) -> Tensor:
    """Check a tensor and return it as float32 in [0, 1]."""
    if not isinstance(values, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(values).__name__}")
    fits = values.ndim == len(shape) and all(
        isinstance(want, str) or got == want for got, want in zip(values.shape, shape, strict=True)
    )
    if not fits or 0 in values.shape:
        wanted = ", ".join(str(size) for size in shape)
        raise ValueError(f"{name} must have shape ({wanted}), got {tuple(values.shape)}")
    if values.dtype == torch.uint8:
        return values.float() / 255
    if not values.is_floating_point():
        raise TypeError(f"{name} must be uint8 or floating, got {values.dtype}")
    return values.float()


class _Chance:
    """Random numbers for a batch: one a word, drawn on the CPU, or one a pixel, on the device."""

    def __init__(self, generator: torch.Generator, like: Tensor) -> None:
        self._generator, self._like = generator, like
        self._pixels = torch.Generator(like.device)
        self._pixels.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))

    def uniform(self) -> Tensor:
        """``(N, 1, 1, 1)`` in [0, 1)."""
        drawn = torch.rand(len(self._like), generator=self._generator)
        return drawn.to(self._like.device)[:, None, None, None]

    def normal(self) -> Tensor:
        """``(N, 1, 1, 1)`` of variance 1, at most 3."""
        drawn = torch.randn(len(self._like), generator=self._generator).clamp(-3, 3)
        return drawn.to(self._like.device)[:, None, None, None]

    def pixels(self, shape: Any) -> Tensor:
        """Return a number of variance 1 for every element."""
        return torch.randn(tuple(shape), generator=self._pixels, device=self._like.device)


def _grid(like: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels' x and y in units of half the height, from the middle: ``(1, H, W)`` each."""
    height, width = like.shape[-2:]
    y = (torch.arange(height, device=like.device) + 0.5) * 2 / height - 1
    x = ((torch.arange(width, device=like.device) + 0.5) * 2 - width) / height
    return x[None, None, :].expand(1, height, width), y[None, :, None].expand(1, height, width)


def _warp(chance: _Chance, cover: Tensor, widths: Tensor, style: WordStyle) -> Tensor:
    """Where the pixels of the new image look in the old one: ``(N, H, W, 2)`` for grid_sample.

    Rotation, shear and perspective about a word's middle, then a sine along the line. Words become
    smaller by as much as these would move their ends out of the image.
    """
    height, width = cover.shape[-2:]
    x, y = _grid(cover)
    half = widths[:, None, None] / height  # of a word's length, in the unit of x
    middle = half - width / height
    x = x - middle
    angle = (style.angle * chance.normal())[:, 0] * (2 / half).clamp(max=1)
    shear = (style.shear * chance.normal())[:, 0]
    tilt = (style.perspective * chance.normal())[:, 0].clamp(-0.6, 0.6)
    frequency = 0.3 + 1.5 * chance.uniform()[:, 0]
    phase = 2 * math.pi * chance.uniform()[:, 0]
    amplitude = 2 * style.wave * chance.uniform()[:, 0] ** 2
    leaves = tilt.abs() + angle.abs() * half + shear.abs() / half + amplitude
    smaller = (1 + 0.12 * chance.uniform()[:, 0]) * (1 + leaves)
    depth = (1 + tilt * x / half).clamp(min=0.3)
    u = (angle.cos() * x + (shear - angle.sin()) * y) * smaller / depth
    v = (angle.sin() * x + angle.cos() * y) * smaller / depth
    v = v + amplitude * torch.sin(frequency * u + phase)
    return torch.stack([(u + middle) * height / width, v], dim=-1)


def _clouds(chance: _Chance, cover: Tensor) -> Tensor:
    """Noise of two scales and of variance near 1, ``(N, 1, H, W)``."""
    number, _, height, width = cover.shape
    total = torch.zeros_like(cover)
    for step in (4, 12):
        small = chance.pixels((number, 1, height // step + 2, width // step + 2))
        total += nn.functional.interpolate(
            small, (height, width), mode="bicubic", align_corners=False
        )
    return total


def _lit(chance: _Chance, image: Tensor, style: WordStyle) -> Tensor:
    """Light that falls off in some direction, weaker or stronger on the whole, a little tinted."""
    x, y = _grid(image)
    height, width = image.shape[-2:]
    across = chance.normal() * x[:, None] * height / max(width, height)
    light = 1 + style.light * (across + 0.5 * chance.normal() * y[:, None] + chance.normal())
    tints = [1 + 0.2 * style.light * chance.normal() for _ in range(3)]
    return image * light.clamp(min=0.2) * torch.cat(tints, dim=1)


def _blurred(chance: _Chance, image: Tensor, style: WordStyle) -> Tensor:
    """Blur every word by a Gaussian of its own: round as a lens's, or long as a moving hand's."""
    if style.blur == 0:
        return image
    sigma = 0.15 + style.blur * chance.uniform() ** 2
    other = sigma * torch.where(chance.uniform() < 0.7, 1.0, 0.3)
    angle = math.pi * chance.uniform()
    steps = torch.arange(-_REACH, _REACH + 1, device=image.device, dtype=torch.float32)
    x, y = steps[None, :], steps[:, None]
    along = angle.cos() * x - angle.sin() * y
    aside = angle.sin() * x + angle.cos() * y
    kernels = torch.exp(-0.5 * ((along / sigma) ** 2 + (aside / other.clamp(min=0.15)) ** 2))
    kernels = kernels / kernels.sum(dim=(-2, -1), keepdim=True)
    number, channels = image.shape[:2]
    padded = nn.functional.pad(image, (_REACH,) * 4, mode="replicate")
    rows = padded.reshape(1, number * channels, *padded.shape[-2:])
    weights = kernels.repeat_interleave(channels, dim=0)
    return nn.functional.conv2d(rows, weights, groups=number * channels).reshape(image.shape)


def _coarsened(chance: _Chance, image: Tensor, style: WordStyle) -> Tensor:
    """Give some words a half or a third of the pixels, and enlarge them again."""
    coarse, third = chance.uniform() < style.coarse, chance.uniform() < 0.4
    height, width = image.shape[-2:]
    result = image
    for factor, chosen in ((2, coarse & ~third), (3, coarse & third)):
        size = max(1, round(height / factor)), max(1, round(width / factor))
        small = nn.functional.interpolate(image, size, mode="bilinear", antialias=True)
        result = torch.where(
            chosen, nn.functional.interpolate(small, (height, width), mode="bicubic"), result
        )
    return result

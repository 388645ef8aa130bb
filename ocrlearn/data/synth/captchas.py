"""Captchas as web sites have used them, in four degrees of difficulty, with exact labels.

A captcha ("completely automated public Turing test to tell computers and humans apart"; von Ahn,
Blum, Hopper and Langford, "CAPTCHA: Using Hard AI Problems for Security", EUROCRYPT, 2003) is text
made hard on purpose. What made it hard is known as well: turned and slanted characters hardly
trouble a classifier, while characters that touch and overlap cannot be cut apart (Chellapilla,
Larson, Simard and Czerwinski, "Computers beat Humans at Single Character Recognition in Reading
based Human Interaction Proofs", CEAS, 2005). The degrees here follow that insight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ocrlearn._validate import check_number
from ocrlearn.data.samples import Sample, TextInstance
from ocrlearn.data.synth import degrade
from ocrlearn.data.synth._arguments import check_size
from ocrlearn.data.synth._moved_ink import (
    FINE,
    FlatInk,
    affine,
    averaged,
    flat_character,
    to_picture,
)
from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.lines import pick_font
from ocrlearn.data.synth.texts import seeded_generator
from ocrlearn.image.convert import to_uint8

__all__ = ["ALPHABET", "DIFFICULTIES", "Difficulty", "render_captcha", "wave_map"]

FloatImage = NDArray[np.float32]
Details = dict[str, Any]

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz"
"""Letters and digits without 0 and O, 1, I, l, i and o, as sites leave out what looks alike."""

_EM = 256  # pixels per em of the flat characters, before they are scaled


@dataclass(frozen=True)
class Difficulty:
    """How much of everything. Lengths are shares of the height of the picture.

    Attributes
    ----------
    rotation, shear
        Most that a character is turned (degrees) and slanted, either way.
    scale
        Most by which a character is larger or smaller than another, as a share.
    lift
        Most that a character stands above or below the middle.
    gap
        Least and greatest distance between the ink of neighbours; negative where they overlap.
    wave
        Amplitude of the waves that bend everything.
    elastic
        Standard deviation of an elastic distortion on top.
    fonts
        Fonts in one captcha at most.
    coloured
        Whether each character has a colour of its own.
    strokes
        Least and greatest number of lines and arcs across.
    cuts
        Most lines in the colour of the ground, which cut characters in pieces.
    dots
        Expected number of dots per 1000 pixels of a picture 64 pixels high.
    contrast
        Least difference in brightness between ground and characters.
    """

    rotation: float
    shear: float
    scale: float
    lift: float
    gap: tuple[float, float]
    wave: float
    elastic: float
    fonts: int
    coloured: bool
    strokes: tuple[int, int]
    cuts: int
    dots: float
    contrast: float


DIFFICULTIES = (
    Difficulty(
        rotation=4,
        shear=0.03,
        scale=0.05,
        lift=0.03,
        gap=(0.08, 0.22),
        wave=0.0,
        elastic=0.0,
        fonts=1,
        coloured=False,
        strokes=(0, 0),
        cuts=0,
        dots=1.5,
        contrast=0.55,
    ),
    Difficulty(
        rotation=14,
        shear=0.12,
        scale=0.12,
        lift=0.07,
        gap=(0.02, 0.12),
        wave=0.02,
        elastic=0.0,
        fonts=2,
        coloured=True,
        strokes=(1, 1),
        cuts=0,
        dots=5.0,
        contrast=0.45,
    ),
    Difficulty(
        rotation=22,
        shear=0.2,
        scale=0.18,
        lift=0.06,
        gap=(-0.07, 0.04),
        wave=0.045,
        elastic=0.004,
        fonts=3,
        coloured=True,
        strokes=(1, 3),
        cuts=0,
        dots=9.0,
        contrast=0.35,
    ),
    Difficulty(
        rotation=28,
        shear=0.3,
        scale=0.25,
        lift=0.07,
        gap=(-0.11, -0.03),
        wave=0.07,
        elastic=0.012,
        fonts=4,
        coloured=False,
        strokes=(2, 4),
        cuts=2,
        dots=12.0,
        contrast=0.35,
    ),
)
"""From 0, which a threshold and a classifier solve, to 3, where no cut separates characters."""


def render_captcha(
    seed: int = 0,
    index: int = 0,
    *,
    split: str = "training",
    length: tuple[int, int] = (4, 6),
    difficulty: int = 1,
    size: tuple[int, int] = (64, 192),
    alphabet: str = ALPHABET,
    fonts: tuple[Font, ...] | None = None,
) -> Sample:
    """Render captcha number `index` of a seeded, endless set.

    Parameters
    ----------
    seed, index
        Which captcha. The result depends on these and the other arguments alone.
    split
        "training" or "benchmark"; see :mod:`ocrlearn.data.synth.texts`.
    length
        Least and greatest number of characters, 1 to 12.
    difficulty
        0 to 3, see :data:`DIFFICULTIES`.
    size
        ``(height, width)`` of the picture in pixels. The characters are made to fit.
    alphabet
        Characters to choose from, all equally often, with repetition.
    fonts
        What to choose from, by default the fonts that matplotlib ships.

    Returns
    -------
    Sample
        `image` ``(height, width, 3)`` uint8; `text`; one instance of level "word" whose `parts` are
        the characters. A character's quad is the smallest parallelogram along its own, moved axes
        that holds its ink; the word's polygon goes along the tops and back along the bottoms of
        these. Masks: "ink" (bool), of characters and not of the lines across; "characters" (uint8):
        0 where there is none, else the number, from 1, of the character whose ink is on top.

    Raises
    ------
    ValueError
        If an argument is out of range, or no font has a character of `alphabet`.
    """
    most = len(DIFFICULTIES) - 1
    difficulty = int(check_number(difficulty, "difficulty", low=0, high=most, integer=True))
    if not isinstance(length, Sequence) or len(length) != 2:
        raise ValueError(f"length must be (least, greatest) number of characters, got {length!r}")
    shortest = int(check_number(length[0], "length[0]", low=1, high=12, integer=True))
    longest = int(check_number(length[1], "length[1]", low=shortest, high=12, integer=True))
    size = check_size(size, low=16, high=512, widest=2048)
    if not isinstance(alphabet, str) or not alphabet or any(c.isspace() for c in alphabet):
        raise ValueError(f"alphabet must be a string of characters with ink, got {alphabet!r}")
    rng = seeded_generator(seed, index, split, f"captcha {difficulty}")
    number = int(rng.integers(shortest, longest + 1))
    text = "".join(alphabet[int(i)] for i in rng.integers(len(alphabet), size=number))
    level = DIFFICULTIES[difficulty]
    placed = _place(text, level, size, rng, fonts)
    layers = [averaged(one.ink.moved(one.point_map, _drawn(size))) for one in placed]
    details: Details = {"difficulty": difficulty, "fonts": sorted({one.font for one in placed})}
    image = to_uint8(_paint(layers, level, rng, details))
    return Sample(
        image=image,
        text=text,
        instances=(_truth(placed, text),),
        width=size[1],
        height=size[0],
        masks={"ink": np.max(layers, axis=0) >= 0.5, "characters": _on_top(layers)},
        details=details,
    )


# ---------------------------------------------------------------------------------------------
# Where the characters stand


@dataclass(frozen=True, eq=False)
class _Placed:
    """A flat character and the map from its sheet to the drawing."""

    ink: FlatInk
    point_map: PointMap
    font: str


def _drawn(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] * FINE, size[1] * FINE


def _place(
    text: str,
    level: Difficulty,
    size: tuple[int, int],
    rng: np.random.Generator,
    fonts: tuple[Font, ...] | None,
) -> list[_Placed]:
    """Turn, slant and scale each character, set them side by side to fit, and bend them all."""
    height, width = _drawn(size)
    faces = [pick_font(rng, text, fonts) for _ in range(level.fonts)]
    chosen = [faces[int(rng.integers(level.fonts))] for _ in text]
    inks = [flat_character(font, _EM, one) for font, one in zip(chosen, text, strict=True)]
    bent = _bend(level, size, rng)
    turned = [_turned(ink, level, rng) for ink in inks]
    # Boxes of the turned characters, in em of _EM: they are set by these, then scaled as a whole.
    boxes = [
        np.ptp(point_map(ink.outline), axis=0) for ink, point_map in zip(inks, turned, strict=True)
    ]
    widths = np.array([box[0] for box in boxes])
    unit = float(np.median([box[1] for box in boxes])) / 0.55  # taken for the picture's height
    gaps = rng.uniform(*level.gap, size=len(text)) * unit
    # Neighbours overlap by less than half of the narrower, so that each can still be seen.
    gaps[1:] = np.maximum(gaps[1:], -0.4 * np.minimum(widths[:-1], widths[1:]))
    ends = np.cumsum(widths + np.concatenate([[0.0], gaps[1:]]))
    room = 0.92 * width, (0.9 - level.wave - 2 * level.lift) * height
    tallest = max(float(box[1]) for box in boxes)
    scale = min(room[0] / float(ends[-1]), room[1] / tallest) * float(rng.uniform(0.9, 1.0))
    start = (width - scale * ends[-1]) * float(rng.uniform(0.3, 0.7))
    result = []
    for ink, point_map, font, end, one_width in zip(
        inks, turned, chosen, ends, widths, strict=True
    ):
        middle = point_map(ink.outline)
        middle = (middle.min(axis=0) + middle.max(axis=0)) / 2
        target = start + scale * (end - one_width / 2), height * (0.5 + _either(rng, level.lift))
        result.append(
            _Placed(ink, point_map.then(affine(middle, target, scale=scale)).then(bent), font.name)
        )
    return result


def _either(rng: np.random.Generator, most: float) -> float:
    return float(rng.uniform(-most, most))


def _turned(ink: FlatInk, level: Difficulty, rng: np.random.Generator) -> PointMap:
    middle = (ink.box[:2] + ink.box[2:]) / 2
    return affine(
        middle,
        middle,
        angle=np.deg2rad(_either(rng, level.rotation)),
        shear=_either(rng, level.shear),
        stretch=1 + _either(rng, level.scale) / 2,
        scale=1 + _either(rng, level.scale),
    )


def _bend(level: Difficulty, size: tuple[int, int], rng: np.random.Generator) -> PointMap:
    """Return the waves, and what an elastic distortion adds, for a whole drawing."""
    height, width = _drawn(size)
    if not level.wave:
        return PointMap.identity()
    bent = wave_map(
        (level.wave * height * float(rng.uniform(0.5, 1)), level.wave * height * _either(rng, 0.6)),
        (height * float(rng.uniform(1.4, 2.6)), height * float(rng.uniform(1.4, 2.6))),
        (float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0, 2 * np.pi))),
    )
    if not level.elastic:
        return bent
    return bent.then(
        degrade.elastic_map(
            (height, width), rng, amplitude=level.elastic * height, sigma=0.12 * height
        )
    )


def wave_map(
    amplitudes: tuple[float, float],
    lengths: tuple[float, float],
    phases: tuple[float, float] = (0.0, 0.0),
) -> PointMap:
    """Return the map of two waves, one after the other, exact in both directions.

    The first moves points up and down, ``y + a[0] sin(2 pi x / l[0] + p[0])``; the second, of the
    points so moved, sideways: ``x + a[1] sin(2 pi y / l[1] + p[1])``.

    Parameters
    ----------
    amplitudes, lengths
        In pixels; lengths are positive.
    phases
        In radians.
    """
    for name, pair in (("amplitudes", amplitudes), ("phases", phases)):
        for place, value in enumerate(pair):
            check_number(value, f"{name}[{place}]")
    for place, value in enumerate(lengths):
        check_number(value, f"lengths[{place}]", low=0, low_open=True)

    def down(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return amplitudes[0] * np.sin(2 * np.pi * x / lengths[0] + phases[0])

    def right(y: NDArray[np.float64]) -> NDArray[np.float64]:
        return amplitudes[1] * np.sin(2 * np.pi * y / lengths[1] + phases[1])

    def forward(points: NDArray[np.float64]) -> NDArray[np.float64]:
        y = points[:, 1] + down(points[:, 0])
        return np.column_stack([points[:, 0] + right(y), y])

    def inverse(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x = points[:, 0] - right(points[:, 1])
        return np.column_stack([x, points[:, 1] - down(x)])

    return PointMap(forward, inverse)


def _truth(placed: list[_Placed], text: str) -> TextInstance:
    parts = tuple(
        TextInstance(to_picture(one.ink.quad(one.point_map)), character, level="character")
        for one, character in zip(placed, text, strict=True)
    )
    tops = [corner for part in parts for corner in part.polygon[:2]]
    bottoms = [corner for part in parts[::-1] for corner in part.polygon[2:]]
    return TextInstance(np.array(tops + bottoms, np.float32), text, level="word", parts=parts)


def _on_top(layers: list[FloatImage]) -> NDArray[np.uint8]:
    numbers = np.zeros(layers[0].shape, np.uint8)
    for number, layer in enumerate(layers, start=1):
        numbers[layer >= 0.5] = number
    return numbers


# ---------------------------------------------------------------------------------------------
# Paint


def _paint(
    layers: list[FloatImage], level: Difficulty, rng: np.random.Generator, details: Details
) -> FloatImage:
    """Ground, dots, characters, lines, then what the file does to them."""
    size = layers[0].shape[0], layers[0].shape[1]
    light_ground = bool(rng.random() < 0.8)
    brightness = float(rng.uniform(0.75, 1.0) if light_ground else rng.uniform(0.05, 0.3))
    ink_brightness = (
        float(rng.uniform(0.0, brightness - level.contrast))
        if light_ground
        else float(rng.uniform(brightness + level.contrast, 1.0))
    )
    image = _ground(size, brightness, level, rng)
    common = _tinted(ink_brightness, rng)
    image = _dots(image, level, common, rng)
    for layer in layers:
        colour = _tinted(ink_brightness, rng) if level.coloured else common
        image = image + layer[..., None] * (colour - image)
    strokes = int(rng.integers(level.strokes[0], level.strokes[1] + 1))
    cuts = int(rng.integers(level.cuts + 1))
    details.update(strokes=strokes, cuts=cuts, light_ground=light_ground)
    for number in range(strokes + cuts):
        colour = common if number < strokes else _tinted(brightness, rng, saturation=0.05)
        if level.coloured:
            colour = _tinted(ink_brightness, rng)
        image = image + _stroke(size, rng)[..., None] * (colour - image)
    image = np.clip(image, 0, 1).astype(np.float32)
    if rng.random() < 0.5:
        return degrade.jpeg(image, int(rng.integers(50, 93)))
    return image  # the others were GIF and PNG


def _tinted(brightness: float, rng: np.random.Generator, saturation: float = 0.5) -> FloatImage:
    """Draw a colour of about this brightness (ITU-R BT.601 luma)."""
    hue = rng.random(3)
    tint = hue - np.array([0.299, 0.587, 0.114]) @ hue
    return np.clip(brightness + saturation * tint, 0, 1).astype(np.float32)


def _ground(
    size: tuple[int, int], brightness: float, level: Difficulty, rng: np.random.Generator
) -> FloatImage:
    """Paint one colour, a gradient between two, or a grid, the harder the likelier."""
    first = _tinted(brightness, rng, saturation=0.15)
    image = np.broadcast_to(first, (*size, 3)).astype(np.float32)
    if level.strokes[1] and rng.random() < 0.6:
        second = _tinted(brightness, rng, saturation=0.3)
        x, y = np.meshgrid(np.linspace(-1, 1, size[1]), np.linspace(-1, 1, size[0]))
        angle = float(rng.uniform(0, 2 * np.pi))
        along = np.clip((x * np.cos(angle) + y * np.sin(angle)) / 2 + 0.5, 0, 1)[..., None]
        image = image + along.astype(np.float32) * (second - image)
    if level.strokes[1] and rng.random() < 0.3:
        step = int(rng.integers(8, 16) * size[0] / 64) + 2
        faint = np.float32(0.8 if brightness > 0.5 else 1.5)
        image[rng.integers(step) :: step] *= faint
        image[:, rng.integers(step) :: step] *= faint
    if level.wave:
        strength = float(rng.uniform(0.0, 0.06))
        image = degrade.paper_texture(np.clip(image, 0, 1), rng, strength=strength, grain=1.0)
    return np.clip(image, 0, 1)


def _dots(
    image: FloatImage, level: Difficulty, colour: FloatImage, rng: np.random.Generator
) -> FloatImage:
    """Scatter dots, of the size of a full stop and less, in the colour of text or any other."""
    unit = image.shape[0] / 64
    cover = 1 - degrade.specks(
        np.ones(image.shape[:2], np.float32),
        rng,
        density=100 * level.dots / unit**2,
        radius=(0.5 * unit, 1.4 * unit),
    )
    dots = _tinted(float(rng.random()), rng) if rng.random() < 0.5 else colour
    return image + cover[..., None] * (dots - image)


def _stroke(size: tuple[int, int], rng: np.random.Generator) -> FloatImage:
    """Coverage by a straight line or an arc across the picture (a quadratic Bezier curve)."""
    height, width = _drawn(size)
    start = np.array([rng.uniform(-0.05, 0.3) * width, rng.uniform(0.1, 0.9) * height])
    end = np.array([rng.uniform(0.7, 1.05) * width, rng.uniform(0.1, 0.9) * height])
    pull = (start + end) / 2
    if rng.random() < 0.6:
        pull = pull + np.array([0, _either(rng, 1.2) * height])
    t = np.linspace(0, 1, 60)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * pull + t**2 * end
    drawing = Image.new("L", (width, height))
    thickness = max(1, round(float(rng.uniform(0.012, 0.045)) * height))
    ImageDraw.Draw(drawing).line(
        [(float(x), float(y)) for x, y in curve], fill=255, width=thickness, joint="curve"
    )
    return averaged(np.asarray(drawing, np.float32) / np.float32(255))

"""Single characters as segmenters cut them out: the food of character classifiers."""

import string
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.samples import Sample, TextInstance
from ocrlearn.data.synth import degrade
from ocrlearn.data.synth._moved_ink import (
    FINE,
    FlatInk,
    affine,
    averaged,
    draw_character,
    flat_ink,
    to_picture,
)
from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.lines import pick_font
from ocrlearn.data.synth.sheet import set_word
from ocrlearn.data.synth.texts import seeded_generator
from ocrlearn.geometry import is_convex
from ocrlearn.image.convert import to_uint8
from ocrlearn.image.rectify import homography

__all__ = ["CHARACTER_LOOKS", "CLASSES", "render_character"]

FloatImage = NDArray[np.float32]
Details = dict[str, Any]

CLASSES = string.digits + string.ascii_uppercase + string.ascii_lowercase
"""The 62 classes of EMNIST's "byclass" and of Chars74K, which are 0-9, A-Z and a-z."""

CHARACTER_LOOKS = ("plain", "printed", "scene")


def render_character(
    seed: int = 0,
    index: int = 0,
    *,
    split: str = "training",
    classes: str = CLASSES,
    size: int = 32,
    look: str = "plain",
    fonts: tuple[Font, ...] | None = None,
) -> Sample:
    """Render character number `index` of a seeded, endless set for classification.

    The picture is a square window around one character, as a segmenter leaves it: the character
    fills most of it, more or less centred, and what stands next to it reaches in at the border, or
    was cut away with a straight cut. Because the window fits the character, it does not tell c from
    C, o from O from 0, or s from S; in looks other than "plain" the neighbours and the share of the
    window that is filled sometimes do. No classifier can be right about all of them.

    Parameters
    ----------
    seed, index
        Which character. The result depends on these and the other arguments alone.
    split
        "training" or "benchmark"; see :mod:`ocrlearn.data.synth.texts`.
    classes
        Characters to choose from, all equally often.
    size
        Height and width in pixels, 8 to 256.
    look
        "plain": black on white, upright, alone, in any font; gray. "printed": out of a line of
        print that was scanned: neighbours, ink that ran, a little askew, paper, noise, one bit per
        pixel now and then; gray. "scene": off a sign: coloured, on an uneven ground, in
        perspective, with outlines and shadows, blurred, of too few pixels, in JPEG; RGB.
    fonts
        What to choose from, by default the fonts that matplotlib ships.

    Returns
    -------
    Sample
        `image` ``(size, size)`` or, for "scene", ``(size, size, 3)`` uint8; `label` and `text` are
        the character; one instance of level "character" with the quad around its ink; mask "ink"
        of the character alone, without its neighbours; `details` says what was drawn by chance.

    Raises
    ------
    ValueError
        If an argument is out of range, `classes` is empty or holds a character that no font has.
    """
    check_choice(look, "look", CHARACTER_LOOKS)
    check_number(size, "size", low=8, high=256, integer=True)
    if not isinstance(classes, str) or not classes or any(c.isspace() for c in classes):
        raise ValueError(f"classes must be a string of characters with ink, got {classes!r}")
    rng = seeded_generator(seed, index, split, "character")
    character = classes[int(rng.integers(len(classes)))]
    font = pick_font(rng, character, fonts)
    look_rng = seeded_generator(seed, index, split, f"character {look}")
    details: Details = {"look": look, "font": font.name}
    cut = _cut_out(character, font, size, look, look_rng, details)
    image = {"plain": _plain, "printed": _printed, "scene": _scene}[look](cut, look_rng, details)
    instance = TextInstance(cut.quad, character, level="character")
    return Sample(
        image=to_uint8(image),
        text=character,
        instances=(instance,),
        width=size,
        height=size,
        label=character,
        masks={"ink": cut.own >= 0.5},
        details=details,
    )


# ---------------------------------------------------------------------------------------------
# The window


@dataclass(frozen=True, eq=False)
class _CutOut:
    """Coverage ``(size, size)`` by the character itself and by what stands around it."""

    own: FloatImage
    others: FloatImage
    quad: NDArray[np.float32]

    @property
    def size(self) -> int:
        return len(self.own)

    @property
    def ink(self) -> FloatImage:
        return np.minimum(self.own + self.others, 1)


def _cut_out(
    character: str,
    font: Font,
    size: int,
    look: str,
    rng: np.random.Generator,
    details: Details,
) -> _CutOut:
    """Set a character among its neighbours, move it into the window and let ink run."""
    plain = look == "plain"
    filled = 0.75 if plain else float(rng.uniform(0.6, 0.95))
    # Few sizes and a scaling: a glyph of each is kept, and rasterising is what takes the time.
    em = 2 ** min(int(np.ceil(np.log2(size * FINE))), 9)
    own, others = _set(character, font, em, rng, alone=plain)
    placement = _placement(own, size * FINE, filled, look, rng, details)
    shape = (size * FINE, size * FINE)
    quad = to_picture(own.quad(placement))
    drawn_own = own.moved(placement, shape)
    drawn_others = degrade.move(others, placement, shape, border=0.0)
    if not plain and rng.random() < 0.4:
        details["cut"] = True
        drawn_others *= _inside_cut(own.quad(placement), shape, rng)
    return _CutOut(averaged(drawn_own), averaged(drawn_others), quad)


def _set(
    character: str, font: Font, em: int, rng: np.random.Generator, *, alone: bool
) -> tuple[FlatInk, FloatImage]:
    """Draw a character at `em` pixels per em, and around it those of a text."""
    neighbours = [c for c in CLASSES + ".,-" if c in font.characters]
    before, after = (neighbours[int(i)] for i in rng.integers(len(neighbours), size=2))
    line = [neighbours[int(i)] for i in rng.integers(len(neighbours), size=3)]
    tracking = float(rng.uniform(-0.04, 0.08))
    below = float(rng.uniform(1.0, 1.5)) * (1 if rng.random() < 0.5 else -1)
    crowd = rng.random(3) < (0.75, 0.75, 0.25)
    pens = set_word(before + character + after, font, float(em), tracking=tracking).pens
    left, baseline = 1.5 * em, 1.5 * em
    own, others = np.zeros((2, 3 * em, 6 * em), np.float32)
    draw_character(own, font, em, character, left + pens[1], baseline)
    if alone:
        return flat_ink(own), others
    for one, pen, wanted in zip((before, after), pens[::2], crowd[:2], strict=True):
        if wanted:
            draw_character(others, font, em, one, left + pen, baseline)
    if crowd[2]:
        for one, pen in zip(line, pens, strict=True):
            draw_character(others, font, em, one, left + pen, baseline + below * em)
    return flat_ink(own), others


def _placement(
    own: FlatInk,
    side: int,
    filled: float,
    look: str,
    rng: np.random.Generator,
    details: Details,
) -> PointMap:
    """Turn and slant the character, scale it to fill its share of the window, and put it there."""
    turned = PointMap.identity()
    if look != "plain":
        turn, slant, stretch = {"printed": (2.0, 0.02, 0.06), "scene": (7.0, 0.15, 0.18)}[look]
        details["rotation_degrees"] = float(np.clip(rng.normal(0, turn), -3 * turn, 3 * turn))
        details["shear"] = float(rng.normal(0, slant))
        turned = affine(
            own.outline.mean(axis=0),
            own.outline.mean(axis=0),
            angle=np.deg2rad(details["rotation_degrees"]),
            shear=details["shear"],
            stretch=float(np.exp(rng.normal(0, stretch))),
        )
    if look == "scene":
        x0, y0, x1, y1 = own.box
        corners = turned([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        pulled = corners + rng.uniform(-0.08, 0.08, (4, 2)) * max(x1 - x0, y1 - y0) / 2
        if is_convex(pulled):  # a thin I may be pulled inside out, and then stays as it is
            turned = PointMap.homography(
                homography([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], pulled)
            )
    outline = turned(own.outline)
    low, high = outline.min(axis=0), outline.max(axis=0)
    scale = filled * side / float((high - low).max())
    target = np.full(2, (side - 1) / 2)
    if look != "plain":
        free = np.minimum((side - scale * (high - low)) / 2, 0.08 * side)
        target += rng.uniform(-1, 1, size=2) * free
    return turned.then(affine((low + high) / 2, target, scale=scale))


def _inside_cut(
    quad: NDArray[np.float32], shape: tuple[int, int], rng: np.random.Generator
) -> FloatImage:
    """1 within straight cuts close to the character's box, 0 beyond."""
    margins = rng.uniform(0.0, 0.12, size=4) * shape[0]
    left, top = quad.min(axis=0) - margins[:2]
    right, bottom = quad.max(axis=0) + margins[2:]
    x, y = np.arange(shape[1]), np.arange(shape[0])
    inside = ((y >= top) & (y <= bottom))[:, None] & ((x >= left) & (x <= right))[None, :]
    return inside.astype(np.float32)


# ---------------------------------------------------------------------------------------------
# Looks


def _plain(cut: _CutOut, rng: np.random.Generator, details: Details) -> FloatImage:
    del rng, details
    return 1 - cut.own


def _printed(cut: _CutOut, rng: np.random.Generator, details: Details) -> FloatImage:
    """Ink that runs or fails, paper, lamp, sensor and file, as a scanner leaves them."""
    unit = cut.size / 32  # what print and lens do is in proportion to the character
    details["ink_spread"] = float(np.clip(rng.normal(0.1, 0.25), -0.45, 0.7)) * unit
    paper = degrade.ink_spread(
        1 - cut.ink,
        details["ink_spread"],
        sigma=0.7 * unit,
        roughness=float(rng.uniform(0, 0.2)) * unit,
        rng=rng,
    )
    white, black = rng.uniform(0.75, 1.0), rng.uniform(0.0, 0.35)
    image = (black + paper * (white - black)).astype(np.float32)
    image = degrade.paper_texture(image, rng, strength=float(rng.uniform(0.0, 0.03)))
    image = degrade.specks(image, rng, density=float(rng.exponential(40)), radius=(0.4, 1.2))
    if rng.random() < 0.3:
        image = degrade.specks(
            image, rng, density=float(rng.exponential(200)), radius=(0.4, 1.0), value=float(white)
        )
    image = degrade.gaussian_blur(image, float(rng.uniform(0.2, 0.9)) * unit)
    details["low_resolution"] = float(rng.uniform(1.0, 2.4)) if rng.random() < 0.4 else 1.0
    image = degrade.low_resolution(image, details["low_resolution"])
    image = degrade.sensor_noise(
        image, rng, photons=float(np.exp(rng.uniform(np.log(150), np.log(4000)))), read=0.01
    )
    details["bilevel"] = bool(rng.random() < 0.3)
    if details["bilevel"]:
        level = float(np.clip(rng.normal(0.52, 0.07), 0.35, 0.68))
        return degrade.threshold_scan(image, black + level * (white - black))
    return degrade.jpeg(image, int(rng.integers(35, 93)))


def _scene(cut: _CutOut, rng: np.random.Generator, details: Details) -> FloatImage:
    """Paint on an uneven ground, perhaps outlined or with a shadow; then light, lens, sensor."""
    unit = cut.size / 32
    ground, colour = _two_colours(rng, details)
    image = _ground(cut.size, ground, rng)
    ink = cut.ink[..., None]
    if rng.random() < 0.2:
        details["outline"] = True
        rim = ndimage.gaussian_filter(cut.ink, float(rng.uniform(0.8, 1.6)) * unit)
        rim_colour = rng.random(3).astype(np.float32)
        image = image + np.clip(4 * rim, 0, 1)[..., None] * (rim_colour - image)
    elif rng.random() < 0.2:
        details["drop_shadow"] = True
        away = rng.uniform(-2, 2, size=2) * unit
        blurred = ndimage.gaussian_filter(cut.ink, float(rng.uniform(0.2, 1.2)) * unit)
        cast = ndimage.shift(blurred, away, order=1, mode="nearest")
        image = image * (1 - 0.6 * np.clip(cast, 0, 1)[..., None])
    image = np.clip(image + ink * (colour - image), 0, 1).astype(np.float32)
    image = degrade.light_ramp(
        image, float(rng.uniform(0, 0.5)), angle=float(rng.uniform(0, 2 * np.pi))
    )
    if rng.random() < 0.2:
        image = degrade.shadow(
            image,
            darkness=float(rng.uniform(0.2, 0.6)),
            angle=float(rng.uniform(0, 2 * np.pi)),
            offset=float(rng.uniform(-0.8, 0.8)),
            softness=float(rng.uniform(0.02, 0.3)),
        )
    return _camera(image, unit, rng, details)


def _camera(
    image: FloatImage, unit: float, rng: np.random.Generator, details: Details
) -> FloatImage:
    image = degrade.gaussian_blur(image, float(rng.uniform(0.2, 0.8)) * unit)
    fault = rng.random()
    if fault < 0.2:
        image = degrade.defocus_blur(image, float(rng.uniform(0.8, 2.0)) * unit)
    elif fault < 0.4:
        image = degrade.motion_blur(
            image, float(rng.uniform(1.0, 4.0)) * unit, angle=float(rng.uniform(0, np.pi))
        )
    details["low_resolution"] = float(rng.uniform(1.0, 3.0)) if rng.random() < 0.5 else 1.0
    image = degrade.low_resolution(image, details["low_resolution"])
    photons = float(np.exp(rng.uniform(np.log(100), np.log(3000))))
    image = degrade.sensor_noise(image, rng, photons=photons, read=0.01, correlation=0.5)
    details["jpeg_quality"] = int(rng.integers(30, 93))
    return degrade.jpeg(image, details["jpeg_quality"])


def _two_colours(rng: np.random.Generator, details: Details) -> tuple[FloatImage, FloatImage]:
    """Draw ground and letters: signs are light on dark as often as dark on light.

    Deviations: colours are drawn by chance, gray as likely as not, and kept apart in brightness;
    they are not learnt from photographs.
    """
    dark, light = sorted(rng.uniform(0.03, 0.97, size=2))
    least = float(rng.uniform(0.18, 0.5))
    if light - dark < least:
        middle = float(np.clip((dark + light) / 2, least / 2, 1 - least / 2))
        dark, light = middle - least / 2, middle + least / 2
    colours = [_colour_of(value, rng) for value in (dark, light)]
    details["light_on_dark"] = bool(rng.random() < 0.5)
    if not details["light_on_dark"]:
        colours.reverse()
    return colours[0], colours[1]


def _colour_of(brightness: float, rng: np.random.Generator) -> FloatImage:
    """Draw a colour of about this brightness, more or less saturated."""
    saturation = float(rng.beta(1.0, 2.0))
    hue = rng.random(3)
    weights = np.array([0.299, 0.587, 0.114])  # of ITU-R BT.601 luma
    tint = hue - weights @ hue
    return np.clip(brightness + saturation * tint, 0, 1).astype(np.float32)


def _ground(size: int, colour: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Paint an even or textured surface, perhaps with the edge of another one."""
    image = np.broadcast_to(colour, (size, size, 3)).astype(np.float32)
    if rng.random() < 0.6:
        image = degrade.paper_texture(
            image,
            rng,
            strength=float(rng.uniform(0.0, 0.12)),
            grain=float(rng.uniform(0.6, 4.0)) * size / 32,
        )
    if rng.random() < 0.3:
        angle = float(rng.uniform(0, 2 * np.pi))
        x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
        beyond = (x * np.cos(angle) - y * np.sin(angle)) > rng.uniform(0.7, 1.2)
        image = np.where(beyond[..., None], rng.random(3).astype(np.float32), image)
    return image.astype(np.float32)

"""All that is decided about a cropped word before it is drawn: :class:`Plan`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ocrlearn._validate import check_image
from ocrlearn.data.synth import _words_numba as kernels
from ocrlearn.data.synth._word_textures import TEXTURE_SIZE, textures
from ocrlearn.data.synth.atlas import Atlas, Typeface, atlas, pen_positions
from ocrlearn.data.synth.colours import random_pair
from ocrlearn.data.synth.word_texts import Chance, cased, vocabulary_word
from ocrlearn.image.read import read

__all__ = [
    "WIDEST",
    "Lettering",
    "Manner",
    "Picture",
    "Plan",
    "around",
    "block_outline",
    "letter_word",
    "plan_plain",
    "plan_word",
]

Array = NDArray[Any]

Picture = str | Path | Array

_LARGEST = 1024  # pixels that a photograph may keep along its longer side
WIDEST = 24  # a crop is at most this many times as wide as high


@dataclass(eq=False)
class Lettering:
    """Letters on a flat word: one row of each array for each."""

    places: Array  # (n, 3), of the atlas
    origins: Array  # (n, 2), of the atlas
    letters: Array  # (n, 4): pen, baseline, scale across, scale down


@dataclass(eq=False)
class Manner:
    """How letters are cut: what makes many faces of one."""

    face: Typeface
    stretch: float  # widths of letters, 1 as designed
    tracking: float  # extra distance in ems
    slant: float  # shift to the right per height
    weight: float  # how far edges move outwards, in ems


@dataclass(eq=False)
class Camera:
    """How the picture is spoilt once it is painted; lengths in drawn pixels."""

    gaussian: tuple[float, float] = (0.0, 0.0)
    defocus: float = 0.0
    motion: tuple[float, float] = (0.0, 0.0)  # length, angle
    sharpen: float = 0.0
    seed: int = 0
    shot: float = 0.0
    read: float = 0.0
    colour_noise: float = 0.0
    contrast: float = 1.0
    lift: float = 0.0
    jpeg: int = 0
    smooth_resize: bool = True


@dataclass(eq=False)
class Plan:
    """All that is decided about a word, before anything is drawn."""

    text: str
    manner: Manner
    word: Lettering
    clutter: Lettering
    boxes: Array  # (n, 4) around the ink of each character, flat
    geometry: Array
    look: Array
    size: tuple[int, int]  # height and width when drawn
    output: tuple[int, int]  # height and width when handed out
    camera: Camera
    backdrop: Array
    effects: list[str]


@lru_cache(maxsize=16)
def _weights(faces: tuple[Typeface, ...]) -> list[float]:
    """Return running sums of how often a face is chosen: signs prefer upright sans serif."""
    families: dict[str, int] = {}
    for face in faces:
        families[face.family] = families.get(face.family, 0) + 1
    weights = []
    for face in faces:
        name = face.family.lower()
        sans = any(part in name for part in ("sans", "helvetica", "arial", "gothic", "grotesk"))
        weight = 0.4 if face.monospaced else 3.0 if sans else 1.0
        weight *= 1.5 if "helvetica" in name else 1.0
        weight *= 0.5 if face.italic else 1.0
        weights.append(weight / families[face.family])
    sums = np.cumsum(weights)
    return (sums / sums[-1]).tolist()


def _choose_face(chance: Chance, text: str, faces: tuple[Typeface, ...]) -> Typeface:
    face = faces[chance.weighted(_weights(faces))]
    if face.characters.issuperset(text):
        return face
    usable = tuple(one for one in faces if one.characters.issuperset(text))
    if not usable:
        missing = sorted({c for c in text if not any(c in one.characters for one in faces)})
        raise ValueError(
            f"no font covers the whole text {text!r}"
            + (f"; none at all has {''.join(missing)!r}" if missing else "")
        )
    return usable[int(next(chance) * len(usable))]


def _set(
    letters: Atlas, text: str, stretch: float, tracking: float, pen: float, base: float
) -> tuple[Lettering, float]:
    """Set `text` on a straight baseline; also return where the pen is then."""
    rows = np.array([letters.rows[character] for character in text])
    pens = pen_positions(letters, rows) * stretch
    pens += pen + tracking * np.arange(len(pens))
    table = np.empty((len(rows), 4))
    table[:, 0] = pens[:-1]
    table[:, 1] = base
    table[:, 2] = stretch
    table[:, 3] = 1.0
    return Lettering(letters.places[rows], letters.origins[rows], table), float(pens[-1])


def letter_word(
    chance: Chance, text: str, faces: tuple[Typeface, ...], effects: list[str]
) -> tuple[Manner, Lettering, Array]:
    """Choose a face and how to vary it, set the word, and measure the boxes of its letters."""
    face = _choose_face(chance, text, faces)
    letters = atlas(face)
    stretch = math.exp(chance.bell(0.2)) if chance.happens(0.75) else 1.0
    stretch = min(max(stretch, 0.55), 1.6)
    tracking = _tracking(chance) if not face.monospaced else chance.uniform(-0.08, 0.0)
    slant = 0.0 if face.italic or not chance.happens(0.15) else chance.uniform(-0.1, 0.35)
    weight = _weight(chance, letters)
    word, _ = _set(letters, text, stretch, tracking, 0.0, 0.0)
    _vary_sizes(chance, word, text, effects)
    boxes = kernels.ink_boxes(
        letters.distances, word.places, word.origins, word.letters, slant, weight
    )
    return Manner(face, stretch, tracking, slant, weight), word, boxes


def plan_word(
    chance: Chance,
    text: str,
    height: int,
    faces: tuple[Typeface, ...],
    split: str,
    backgrounds: Sequence[Picture],
) -> Plan:
    """Decide everything about a word in a scene."""
    effects: list[str] = []
    manner, word, boxes = letter_word(chance, text, faces, effects)
    letters = atlas(manner.face)
    block = around(boxes)
    native = _native_height(chance, height)
    geometry, width, scale = _place_word(chance, block, native, effects)
    if chance.happens(0.22):
        clutter = _neighbours(chance, letters, manner, block, split, effects)
    else:
        clutter = _no_lettering()
    backdrop = _backdrop(chance, backgrounds, native, width)
    look = _look(chance, letters, manner.weight, scale, (native, width), block, backdrop, effects)
    camera = _camera(chance, scale * letters.x_height, native, height, effects)
    _keep_legible(look, camera)
    output = (height, max(4, round(width * height / native)))
    return Plan(
        text, manner, word, clutter, boxes, geometry, look,
        (native, width), output, camera, backdrop, effects,
    )  # fmt: skip


def _no_lettering() -> Lettering:
    return Lettering(np.empty((0, 3), np.int64), np.empty((0, 2)), np.empty((0, 4)))


def around(boxes: Array) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the box around all `boxes`, ``(n, 4)``."""
    left, top = boxes[:, :2].min(axis=0).tolist()
    right, bottom = boxes[:, 2:].max(axis=0).tolist()
    return left, top, right, bottom


def _tracking(chance: Chance) -> float:
    kind = next(chance)
    if kind < 0.55:
        return chance.bell(0.012)
    if kind < 0.85:
        return chance.uniform(-0.04, 0.12)
    return 0.5 * next(chance) ** 2


def _weight(chance: Chance, letters: Atlas) -> float:
    """How much bolder the strokes become on either side, in ems; hairlines must survive."""
    kind = next(chance)
    wanted = chance.bell(0.006) if kind < 0.5 else chance.uniform(-0.03, 0.04)
    return max(wanted, 0.012 - letters.hairline / 2)


def _vary_sizes(chance: Chance, word: Lettering, text: str, effects: list[str]) -> None:
    kind = next(chance)
    count = len(text)
    if kind < 0.03 and count > 2 and text.isupper():  # small capitals
        scales = np.full(count, chance.uniform(0.7, 0.88))
        scales[0] = 1.0
        effects.append("small capitals")
    elif 0.03 <= kind < 0.06:
        scales = np.array([math.exp(chance.bell(0.06)) for _ in text])
        word.letters[:, 1] += [chance.bell(0.03) for _ in text]
        effects.append("uneven letters")
    else:
        return
    steps = np.diff(word.letters[:, 0]) * (scales[:-1] + scales[1:]) / 2
    word.letters[1:, 0] = np.cumsum(steps)
    word.letters[:, 2:] *= scales[:, None]


def _native_height(chance: Chance, height: int) -> int:
    """Pixels that the crop has before it is scaled: as many, fewer, or some more."""
    kind = next(chance)
    if kind < 0.45:
        return height
    if kind < 0.85:
        return max(8, round(height * (0.4 + 0.6 * next(chance))))
    return round(height * chance.uniform(1.0, 1.7))


def _place_word(
    chance: Chance,
    block: tuple[float, float, float, float],
    native: int,
    effects: list[str],
) -> tuple[Array, int, float]:
    """Bend the word, turn it, see it in perspective and crop it: geometry, width, pixels per em."""
    left, top, right, bottom = block
    length, thick = right - left, bottom - top
    geometry = np.zeros(1, kernels.GEOMETRY)
    g = geometry[0]
    middle = (left + right) / 2
    g["middle"] = middle
    kind = next(chance)
    if kind < 0.05 and length > 1.5 * thick:
        bend = chance.uniform(0.15, 0.9) * (1 if chance.happens(0.75) else -1)
        g["radius"] = length / bend
        effects.append("arc")
    elif kind < 0.12:
        g["arch"] = chance.bell(0.12) * thick / max(length / 2, 0.7) ** 2
        effects.append("arch")
    elif kind < 0.22:
        g["wave"] = chance.uniform(0.01, 0.06) * thick
        g["frequency"] = chance.uniform(0.8, 3.0) / max(thick, 0.5)
        g["phase"] = chance.uniform(0, 6.2832)
        effects.append("wave")
    elif kind < 0.25:
        g["fold"] = chance.uniform(-0.12, 0.12)
        g["crease"] = chance.uniform(left, right)
        effects.append("fold")
    kind = next(chance)
    angle = chance.bell(0.022) if kind < 0.8 else chance.uniform(-0.25, 0.25)
    shear = chance.bell(0.05) if chance.happens(0.6) else 0.0
    aspect = math.exp(chance.bell(0.08))
    tilt, nod = 0.0, 0.0
    if chance.happens(0.45):  # change of size towards the end and towards the bottom
        tilt = chance.bell(0.13) * min(1.0, 4 * thick / length) / max(length / 2, thick)
        nod = chance.bell(0.06) / thick
    cosine, sine = math.cos(angle), math.sin(angle)
    centre = np.array([[1, 0, -middle], [0, 1, -(top + bottom) / 2], [0, 0, 1]])
    affine = np.array(
        [
            [cosine * aspect, cosine * shear + sine, 0],
            [-sine * aspect, cosine - sine * shear, 0],
            [tilt, nod, 1],
        ]
    )
    g["forth"] = affine @ centre
    outline = kernels.to_image(geometry, block_outline(block, 13))
    x0, y0 = outline.min(axis=0).tolist()
    x1, y1 = outline.max(axis=0).tolist()
    margins = _margins(chance)
    scale = native / ((y1 - y0) * (1 + margins[1] + margins[3]))
    room = (y1 - y0) * scale
    width = max(6, round((x1 - x0) * scale + room * (margins[0] + margins[2])))
    if width > WIDEST * native:  # a very long word is seen from the side
        squeeze = (WIDEST * native) / width
        width = WIDEST * native
    else:
        squeeze = 1.0
    fit = np.array(
        [
            [scale * squeeze, 0, (room * margins[0] - x0 * scale) * squeeze - 0.5],
            [0, scale, room * margins[1] - y0 * scale - 0.5],
            [0, 0, 1],
        ]
    )
    g["forth"] = fit @ g["forth"]
    g["back"] = kernels.inverse(g["forth"])
    return geometry, width, scale


def _margins(chance: Chance) -> tuple[float, float, float, float]:
    """Left, top, right and bottom margins of the crop, in heights of the word."""
    kind = next(chance)
    if kind < 0.6:  # tight
        low, high = -0.01, 0.14
    elif kind < 0.85:
        low, high = 0.05, 0.3
    elif kind < 0.93:  # loose
        low, high = 0.15, 0.6
    else:  # cutting
        low, high = -0.07, 0.06
    across = min(high, 0.35)
    return (
        chance.uniform(low, across),
        chance.uniform(low, high),
        chance.uniform(low, across),
        chance.uniform(low, high),
    )


def block_outline(block: tuple[float, float, float, float], points: int) -> Array:
    """Points along the top of a box to the right and along its bottom back, ``(2 points, 2)``."""
    left, top, right, bottom = block
    along = left + (right - left) / (points - 1) * np.arange(points)
    outline = np.empty((2 * points, 2))
    outline[:points, 0], outline[:points, 1] = along, top
    outline[points:, 0], outline[points:, 1] = along[::-1], bottom
    return outline


def _neighbours(
    chance: Chance,
    letters: Atlas,
    manner: Manner,
    block: tuple[float, float, float, float],
    split: str,
    effects: list[str],
) -> Lettering:
    """Words of the lines above and below and on the same line, of which a crop shows a bit."""
    left, _, right, _ = block
    stretch, tracking = manner.stretch, manner.tracking
    kind = next(chance)
    parts = []
    gap = chance.uniform(0.22, 0.5)
    if kind < 0.75:
        leading = chance.uniform(0.95, 1.5)
        for direction in ((1,), (-1,), (1, -1))[chance.below(3)]:
            pen = left - chance.uniform(0, 1.5)
            while pen < right:
                text = _known(cased(vocabulary_word(chance, split), chance), letters)
                part, end = _set(letters, text, stretch, tracking, pen, direction * leading)
                parts.append(part)
                pen = end + gap
    if kind > 0.65:
        for after in (False, True) if chance.happens(0.3) else (chance.happens(0.5),):
            text = _known(cased(vocabulary_word(chance, split), chance), letters)
            part, end = _set(letters, text, stretch, tracking, 0.0, 0.0)
            part.letters[:, 0] += right + gap if after else left - gap - end
            parts.append(part)
    effects.append("neighbours")
    return Lettering(
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.origins for part in parts]),
        np.concatenate([part.letters for part in parts]),
    )


def _known(text: str, letters: Atlas) -> str:
    return "".join(character for character in text if character in letters.rows)


def _backdrop(chance: Chance, backgrounds: Sequence[Picture], height: int, width: int) -> Array:
    """Return a crop of one of the pictures, scaled; without pixels where there are none."""
    if not len(backgrounds):
        return np.empty((0, 0, 3), np.float32)
    picture = _opened(chance.pick(backgrounds))
    rows, columns = picture.shape[:2]
    share = chance.uniform(0.5, 3.0)
    high = min(rows, max(4, int(height * share)))
    wide = min(columns, max(4, int(width * share)))
    y, x = chance.below(rows - high + 1), chance.below(columns - wide + 1)
    crop = Image.fromarray(picture[y : y + high, x : x + wide]).convert("RGB")
    return np.asarray(crop.resize((width, height), Image.Resampling.BILINEAR), np.float32)


def _opened(picture: Picture) -> Array:
    return _file(picture) if isinstance(picture, str | Path) else picture


@lru_cache(maxsize=32)
def _file(path: str | Path) -> Array:
    """Read a picture that further words will want too, reduced where it is very large."""
    picture = check_image(read(path), f"picture {path}", min_size=4)
    reduced = Image.fromarray(picture)
    reduced.thumbnail((_LARGEST, _LARGEST), Image.Resampling.BOX)
    return np.asarray(reduced) if reduced.size != picture.shape[1::-1] else picture


def _look(
    chance: Chance,
    letters: Atlas,
    weight: float,
    scale: float,
    size: tuple[int, int],
    block: tuple[float, float, float, float],
    backdrop: Array,
    effects: list[str],
) -> Array:
    """Decide how the word is painted."""
    look = np.zeros(1, kernels.LOOK)
    s = look[0]
    pair = random_pair(chance)
    ink, ground = np.array(pair.ink), np.array(pair.ground)
    if backdrop.size:
        ink, ground = _against(backdrop, ink)
        effects.append("backdrop")
    s["scale"], s["sharpness"], s["opacity"] = scale, chance.uniform(0.9, 1.5), 1.0
    s["ink"], s["ground"] = ink, ground
    s["light"] = 1.0, 0.0, 0.0
    difference = ink - ground
    contrast = float(np.abs(difference).max())
    _decide_ground(chance, s, pair.ground_spread, contrast, scale, size, effects)
    s["ink_texture"] = chance.uniform(0, 0.6) if chance.happens(0.4) else 0.0
    if chance.happens(0.10):
        s["ink_fall"] = chance.bell(0.35) * contrast
        effects.append("shaded ink")
    if chance.happens(0.05):
        s["wear"], s["wear_texture"] = chance.uniform(0.2, 0.9), chance.below(len(textures()))
        effects.append("wear")
    if chance.happens(0.08):
        s["opacity"] = chance.uniform(0.45, 0.9)
        effects.append("faint")
    _decide_lettering(chance, s, letters.stem / 2 + weight, scale, effects)
    s["clutter_colour"] = ink if chance.happens(0.8) else np.array(random_pair(chance).ink)
    if chance.happens(0.04):
        s["bar"] = (
            chance.uniform(0.12, 0.4)
            if chance.happens(0.7)
            else block[1] - chance.uniform(0.1, 0.3),
            chance.uniform(0.015, 0.06),
        )
        effects.append("rule")
    _decide_light(chance, s, size, effects)
    return look


def _against(backdrop: Array, ink: Array) -> tuple[Array, Array]:
    """Make an ink that differs from a picture's mean brightness by 80 of 255 or more."""
    mean = backdrop.mean(axis=(0, 1))
    weights = np.array([0.299, 0.587, 0.114])
    lacking = 80 - abs(float((ink - mean) @ weights))
    if lacking > 0:
        brighter = float(mean @ weights) < 128
        ink = np.clip(ink + (lacking if brighter else -lacking) * 1.3, 0, 255)
        if abs(float((ink - mean) @ weights)) < 60:
            ink = np.full(3, 250.0 if brighter else 8.0)
    return ink, mean


def _decide_ground(
    chance: Chance,
    s: Any,
    spread: float,
    contrast: float,
    scale: float,
    size: tuple[int, int],
    effects: list[str],
) -> None:
    height, width = size
    if chance.happens(0.4):
        tint = np.array([chance.bell(0.1), 0.0, chance.bell(0.1)])
        s["fall"][0] = chance.bell(0.16) * contrast * (1 + tint)
        s["fall"][1] = chance.bell(0.12) * contrast * (1 + tint)
    s["texture"] = chance.below(len(textures()))
    kind = next(chance)
    strength = chance.uniform(0.0, 0.6) if kind < 0.6 else chance.uniform(0.3, 1.4)
    strength = min(strength * spread, 0.22 * contrast)
    if kind > 0.93:
        strength = chance.uniform(0.2, 0.38) * contrast
        effects.append("busy ground")
    s["texture_colour"] = strength * np.array([1 + chance.bell(0.15), 1.0, 1 + chance.bell(0.15)])
    zoom = math.exp(chance.uniform(-1.2, 1.1)) * 32 / scale
    angle = chance.bell(0.1) if chance.happens(0.7) else chance.uniform(0, 6.2832)
    cosine, sine = zoom * math.cos(angle), zoom * math.sin(angle)
    offset_x, offset_y = TEXTURE_SIZE * next(chance), TEXTURE_SIZE * next(chance)
    s["texture_map"] = cosine, -sine, offset_x, sine, cosine, offset_y
    s["panel"][:, 2] = -1e6
    number = 0 if not chance.happens(0.2) else 1 + chance.below(2)
    for k in range(number):  # the end of a board, a frame, a gap: at one side, hardly in the word
        tilt = chance.bell(0.06) * min(1.0, 3 * height / width)
        inwards = chance.uniform(0.0, 0.14) * height
        side = chance.below(4)
        if side == 0:
            s["panel"][k] = tilt, -1.0, inwards - tilt * width / 2
        elif side == 1:
            s["panel"][k] = tilt, 1.0, inwards - height - tilt * width / 2
        elif side == 2:
            s["panel"][k] = -1.0, tilt, inwards
        else:
            s["panel"][k] = 1.0, tilt, inwards - width
        other = random_pair(chance)
        s["panel_colour"][k] = other.ground if chance.happens(0.6) else s["ink"]
    if number:
        effects.append("edge")


def _decide_lettering(
    chance: Chance, s: Any, half_stem: float, scale: float, effects: list[str]
) -> None:
    kind = next(chance)
    ink, ground = s["ink"].copy(), s["ground"].copy()
    if kind < 0.035 and half_stem * scale > 2.0:
        s["hollow"] = chance.uniform(1.0, 1.5) / scale + 0.01
        effects.append("hollow")
    elif kind < 0.10:
        s["border"] = chance.uniform(0.03, 0.1)
        bright = 0.299 * ink[0] + 0.587 * ink[1] + 0.114 * ink[2] > 128
        plain = np.full(3, chance.uniform(0, 50) if bright else chance.uniform(200, 255))
        s["border_colour"] = plain if chance.happens(0.7) else np.array(random_pair(chance).ink)
        effects.append("border")
    elif kind < 0.14:
        s["relief"] = _direction(chance, chance.uniform(40, 130))
        s["ink"] = ink + (ground - ink) * chance.uniform(0.5, 1.0)
        s["opacity"] = 1.0
        effects.append("relief")
    elif kind < 0.18:
        s["relief"] = _direction(chance, chance.uniform(20, 80))
        effects.append("bevel")
    if chance.happens(0.13):
        x, y, _ = _direction(chance, 1.0)
        reach = chance.uniform(0.04, 0.13) * scale
        s["shadow"] = x * reach, y * reach, chance.uniform(0.4, 1.0)
        s["shadow_softness"] = chance.uniform(1.0, 1.0 + reach)
        s["shadow_steps"] = 1
        s["shadow_colour"] = ground * chance.uniform(0.1, 0.6)
        if chance.happens(0.35):
            s["shadow_steps"], s["shadow_softness"] = 3, 1.0
            mixed = chance.uniform(0.2, 0.7)
            s["shadow_colour"] = (ink * mixed + ground * (1 - mixed)) * chance.uniform(0.3, 1.0)
            effects.append("solid")
        else:
            effects.append("shadow")
    if chance.happens(0.06):
        s["glow"] = chance.uniform(0.02, 0.08), chance.uniform(0.25, 0.8)
        s["glow_colour"] = ink
        effects.append("glow")


def _direction(chance: Chance, strength: float) -> tuple[float, float, float]:
    angle = chance.uniform(0, 6.2832)
    return math.cos(angle), math.sin(angle), strength


def _decide_light(chance: Chance, s: Any, size: tuple[int, int], effects: list[str]) -> None:
    height, width = size
    if chance.happens(0.35):
        ramp_x, ramp_y = chance.bell(0.16), chance.bell(0.1)
        middle = chance.uniform(0.75, 1.1)
        s["light"] = middle - ramp_x / 2 - ramp_y / 2, ramp_x, ramp_y
    if chance.happens(0.08):
        angle = chance.uniform(0, 6.2832)
        a, b = math.cos(angle), math.sin(angle)
        through_x, through_y = width * next(chance), height * next(chance)
        softness = math.exp(chance.uniform(-1.0, 1.5))
        s["shade"] = a, b, -a * through_x - b * through_y, softness, chance.uniform(0.2, 0.65)
        effects.append("cast shadow")
    if chance.happens(0.06):
        s["spot"] = (
            width * next(chance),
            height * next(chance),
            height * chance.uniform(0.3, 1.5),
            chance.uniform(30, 120),
        )
        effects.append("shine")


def _camera(
    chance: Chance, x_height: float, native: int, height: int, effects: list[str]
) -> Camera:
    """Decide blur, noise and file; blur is measured against the letters, most of which survive."""
    camera = Camera(seed=int(next(chance) * 2**53), smooth_resize=chance.happens(0.6))
    unit = max(x_height, 4.0) / 16
    kind = next(chance)
    if kind < 0.45:
        sigma = chance.uniform(0.1, 0.8)
        camera.gaussian = (sigma, sigma) if sigma > 0.3 else (0.0, 0.0)  # less cannot be seen
    elif kind < 0.62:
        sigma = chance.uniform(0.6, 2.0) * unit
        camera.gaussian = (sigma, sigma * chance.uniform(0.6, 1.1))
        effects.append("blur")
    elif kind < 0.74:
        camera.defocus = chance.uniform(0.7, 2.7) * unit
        effects.append("defocus")
    elif kind < 0.85:
        camera.motion = (chance.uniform(1.5, 5.5) * unit, chance.uniform(0, 3.1416))
        effects.append("motion")
    if chance.happens(0.2):
        camera.sharpen = chance.uniform(0.4, 1.8)
        effects.append("sharpened")
    if chance.happens(0.75):
        camera.read = 6 * next(chance) ** 3
        camera.shot = 16 * next(chance) ** 3
        camera.colour_noise = chance.uniform(0, 0.8)
    kind = next(chance)
    if kind < 0.07:
        camera.contrast, camera.lift = chance.uniform(1.2, 1.8), chance.uniform(10, 70)
        effects.append("overexposed")
    elif kind < 0.14:
        camera.contrast, camera.lift = chance.uniform(0.35, 0.7), chance.uniform(-60, 60)
        effects.append("low contrast")
    elif kind < 0.6:
        camera.contrast, camera.lift = chance.uniform(0.75, 1.2), chance.uniform(-25, 25)
    if chance.happens(0.6):
        camera.jpeg = int(95 - 65 * next(chance) ** 1.7)
    return camera


def _keep_legible(look: Array, camera: Camera) -> None:
    """Undo what the light and the exposure do where they leave too little between ink and ground.

    Whoever collects words keeps those that can be read.
    """
    s = look[0]
    ink = s["ink"].tolist()
    opacity = float(s["opacity"])
    light = float(s["light"][0] + s["light"][1] / 2 + s["light"][2] / 2)

    def difference() -> float:
        most = 0.0
        for front, back in zip(ink, s["ground"].tolist(), strict=True):
            values = [
                (min(max(tone * light, 0.0), 255.0) - 127.5) * camera.contrast + 127.5 + camera.lift
                for tone in (back + opacity * (front - back), back)
            ]
            one, two = (min(max(value, 0.0), 255.0) for value in values)
            most = max(most, abs(one - two))
        return most

    if difference() < 30:
        camera.contrast, camera.lift = 1.0, 0.0
    if difference() < 30:
        s["light"] = 1.0, 0.0, 0.0
        light, s["opacity"] = 1.0, 1.0


def plan_plain(chance: Chance, text: str, height: int, faces: tuple[Typeface, ...]) -> Plan:
    """Black on white, upright and regular, unbent, sharp: what text rendering gives by itself."""
    plain = tuple(face for face in faces if not (face.bold or face.italic)) or faces
    face = _choose_face(chance, text, plain)
    letters = atlas(face)
    word, _ = _set(letters, text, 1.0, 0.0, 0.0, 0.0)
    boxes = kernels.ink_boxes(letters.distances, word.places, word.origins, word.letters, 0.0, 0.0)
    left, top, right, bottom = around(boxes)
    scale = height / (1.2 * (bottom - top))
    margin = 0.1 * height / 1.2
    width = max(6, round((right - left) * scale + 2 * margin))
    squeeze = min(1.0, WIDEST * height / width)  # a very long word is made narrower
    width = round(width * squeeze)
    geometry = np.zeros(1, kernels.GEOMETRY)
    geometry[0]["forth"] = [
        [scale * squeeze, 0, (margin - left * scale) * squeeze - 0.5],
        [0, scale, margin - top * scale - 0.5],
        [0, 0, 1],
    ]
    geometry[0]["back"] = np.linalg.inv(geometry[0]["forth"])
    look = np.zeros(1, kernels.LOOK)
    look[0]["scale"], look[0]["sharpness"], look[0]["opacity"] = scale, 1.0, 1.0
    look[0]["ground"], look[0]["light"] = 255.0, (1.0, 0.0, 0.0)
    look[0]["panel"][:, 2] = -1e6
    size = (height, width)
    return Plan(
        text, Manner(face, 1.0, 0.0, 0.0, 0.0), word, _no_lettering(), boxes, geometry, look,
        size, size,
        Camera(), np.empty((0, 0, 3), np.float32), [],
    )  # fmt: skip

"""Words as photographs of signs, shops and screens show them, a thousand a second and more.

:func:`render_word` makes one cropped word with its text, the places of its characters and, if
asked, its ink. A word is decided first and drawn then:

1. **What it says**: words of English with flattened frequencies, names, numbers, prices, codes,
   in the cases that signs have.
2. **What it looks like**: a face (:mod:`~ocrlearn.data.synth.atlas`), made narrower or wider,
   slanted, bolder or lighter, spaced; filled, hollow, bordered, shadowed, raised or glowing;
   colours of photographs and signs (:mod:`~ocrlearn.data.synth.colours`) on even, sloping or
   textured ground; other lines, frames and rules beside it.
3. **Where it is**: bent along an arc or a wave, folded, turned, sheared, seen in perspective, and
   cropped tightly, loosely, or a little into the letters.
4. **What the camera does**: light that falls off, shadows and shine; blur of the lens or the hand;
   noise, sharpening, overexposure; JPEG; few pixels, enlarged.

Everything is drawn at once, straight into the final pixels, from distance fields
(:mod:`ocrlearn.data.synth._words_numba`), so nothing is resampled but what a real crop resamples.

Deviations from :mod:`~ocrlearn.data.synth.degrade`, for speed: blurs are cut at three standard
deviations, the disc of a lens is sampled 4 x 4 times per pixel, noise is a sum of four uniform
numbers from a counter, and values stay in [0, 255] floats until one rounding before JPEG. Light
falls off linearly and shadows have logistic edges.

A sample depends on ``(seed, index, split)`` and the arguments alone.
"""

import io
import math
import string
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ocrlearn._validate import check_choice, check_image, check_number
from ocrlearn.data.samples import Sample, TextInstance
from ocrlearn.data.synth import _words_numba as kernels
from ocrlearn.data.synth.atlas import (
    EM,
    REACH,
    Atlas,
    Typeface,
    atlas,
    pen_positions,
    typeface,
    typefaces,
)
from ocrlearn.data.synth.colours import random_pair
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.texts import _WORDS, seeded_generator, vocabulary

__all__ = ["REALISMS", "render_word", "render_words", "word_arrays", "word_coverages", "word_text"]

REALISMS = ("scene", "plain")

Array = NDArray[Any]

_TEXTURE_SIZE = 128
_WIDEST = 24  # a crop is at most this many times as wide as high


class Chance(Iterator[float]):
    """Uniform numbers in [0, 1), drawn by the hundred and given out one by one."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._numbers = iter(rng.random(192).tolist())

    def __next__(self) -> float:
        for number in self._numbers:
            return float(number)
        self._numbers = iter(self._rng.random(192).tolist())
        return next(self)

    def happens(self, probability: float) -> bool:
        """Whether an event of the given probability takes place."""
        return next(self) < probability

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * next(self)

    def bell(self, deviation: float = 1.0) -> float:
        """Return a number of mean 0 and that standard deviation, within three of them."""
        return deviation * 2 * (next(self) + next(self) + next(self) - 1.5)

    def below(self, number: int) -> int:
        """Return a whole number from 0 to `number` - 1."""
        return int(next(self) * number)

    def pick(self, choices: Sequence[Any]) -> Any:
        """Return one of `choices`."""
        return choices[int(next(self) * len(choices))]


# --- What it says ---------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _flattened(split: str, power: float) -> tuple[tuple[str, ...], list[float]]:
    """Words without apostrophes, and running sums of their frequencies to the given power."""
    words, cumulative = vocabulary(split)
    weights = np.diff(cumulative, prepend=0.0) ** power
    kept = [
        k for k, word in enumerate(words) if "'" not in word and (len(word) > 1 or word in "ai")
    ]
    sums = np.cumsum(weights[kept])
    return tuple(words[k] for k in kept), (sums / sums[-1]).tolist()


def _vocabulary_word(chance: Chance, split: str) -> str:
    """Draw a third nearly as often as English has them, for its short words, the rest flatter."""
    words, cumulative = _flattened(split, 0.75 if chance.happens(0.35) else 0.3)
    return words[_place(cumulative, next(chance))]


def _place(cumulative: Sequence[float], value: float) -> int:
    return min(bisect_right(cumulative, value), len(cumulative) - 1)


def word_text(chance: Chance, split: str = "training") -> str:
    """Draw what a word says.

    Of a hundred words about eighty are words and names (four in ten in capitals, three with a
    capital, the others small), a dozen are numbers, prices, times or dates, and the rest codes,
    abbreviations and letters at random, which no vocabulary can guess.
    """
    kind = next(chance)
    if kind < 0.76:
        word = _vocabulary_word(chance, split)
    elif kind < 0.82:
        word = str(chance.pick(_WORDS["names"] + _WORDS["places"])).split()[-1].lower()
    elif kind < 0.91:
        return _number(chance)
    elif kind < 0.95:
        return _code(chance)
    else:
        length = 1 + chance.below(8)
        letters = string.ascii_lowercase if chance.happens(0.7) else string.ascii_letters
        word = "".join(chance.pick(letters) for _ in range(length))
        if letters is string.ascii_letters:
            return word
    return _punctuated(_cased(word, chance), chance)


def _cased(word: str, chance: Chance) -> str:
    kind = next(chance)
    if kind < 0.44:
        return word.upper()
    if kind < 0.74:
        return word[:1].upper() + word[1:]
    if kind < 0.76 and len(word) > 5:
        middle = 2 + chance.below(len(word) - 4)
        return word[:middle].capitalize() + word[middle:].capitalize()
    return word


def _punctuated(word: str, chance: Chance) -> str:
    kind = next(chance)
    if kind < 0.92:
        return word
    if kind < 0.96:
        return word + str(chance.pick(".,.,:!?;"))
    if kind < 0.98:
        left, right = chance.pick(("()", '""', "''", "[]", "--", "(", ")"))[:2].ljust(2)
        return (left + word + right).strip()
    return word + ("'S" if word.isupper() else "'s")


def _digits(chance: Chance, number: int) -> str:
    return "".join(chance.pick(string.digits) for _ in range(number))


def _number(chance: Chance) -> str:
    kind = next(chance)
    if kind < 0.45:
        return _digits(chance, 1 + int(5 * next(chance) ** 1.3))
    if kind < 0.55:
        return str(1900 + chance.below(130))
    if kind < 0.67:
        sign = chance.pick("$$$#")
        return f"{sign}{chance.below(200)}" + (f".{_digits(chance, 2)}" if sign == "$" else "")
    if kind < 0.73:
        return f"{1 + chance.below(99)}%"
    if kind < 0.81:
        mark = chance.pick(":.")
        return f"{chance.below(24)}{mark}{chance.below(60):02d}" + chance.pick(("", "", "am", "pm"))
    if kind < 0.88:
        return f"{1 + chance.below(28)}/{1 + chance.below(12)}/{_digits(chance, 2)}"
    if kind < 0.94:
        return _digits(chance, 1 + chance.below(3)) + chance.pick(
            ("st", "nd", "rd", "th", "p", "m", "km", "kg", "ml", "g", "x", "A", "B")
        )
    return f"{1 + chance.below(999)},{_digits(chance, 3)}"


def _code(chance: Chance) -> str:
    capitals = string.ascii_uppercase
    kind = next(chance)
    if kind < 0.35:
        return "".join(chance.pick(capitals) for _ in range(2 + chance.below(3)))
    if kind < 0.45:
        return ".".join(chance.pick(capitals) for _ in range(2 + chance.below(2))) + "."
    if kind < 0.65:
        return chance.pick(capitals) + _digits(chance, 1 + chance.below(4))
    if kind < 0.8:
        letters = "".join(chance.pick(capitals) for _ in range(1 + chance.below(3)))
        return f"{letters}-{_digits(chance, 1 + chance.below(4))}"
    mixed = capitals + string.digits
    return "".join(chance.pick(mixed) for _ in range(3 + chance.below(6)))


# --- What it looks like ---------------------------------------------------------------------------


@dataclass(eq=False)
class _Lettering:
    """Letters on a flat word: one row of each array for each."""

    places: Array  # (n, 3), of the atlas
    origins: Array  # (n, 2), of the atlas
    letters: Array  # (n, 4): pen, baseline, scale across, scale down


@dataclass(eq=False)
class _Manner:
    """How letters are cut: what makes many faces of one."""

    face: Typeface
    stretch: float  # widths of letters, 1 as designed
    tracking: float  # extra distance in ems
    slant: float  # shift to the right per height
    weight: float  # how far edges move outwards, in ems


@dataclass(eq=False)
class _Plan:
    """All that is decided about a word, before anything is drawn."""

    text: str
    manner: _Manner
    word: _Lettering
    clutter: _Lettering
    boxes: Array  # (n, 4) around the ink of each character, flat
    geometry: Array
    look: Array
    size: tuple[int, int]  # height and width when drawn
    output: tuple[int, int]  # height and width when handed out
    camera: "_Camera"
    backdrop: Array
    effects: list[str]


@dataclass(eq=False)
class _Camera:
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
    face = faces[_place(_weights(faces), next(chance))]
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
) -> tuple[_Lettering, float]:
    """Set `text` on a straight baseline; also return where the pen is then."""
    rows = np.array([letters.rows[character] for character in text])
    pens = pen_positions(letters, rows) * stretch
    pens += pen + tracking * np.arange(len(pens))
    table = np.empty((len(rows), 4))
    table[:, 0] = pens[:-1]
    table[:, 1] = base
    table[:, 2] = stretch
    table[:, 3] = 1.0
    return _Lettering(letters.places[rows], letters.origins[rows], table), float(pens[-1])


def _letter(
    chance: Chance, text: str, faces: tuple[Typeface, ...], effects: list[str]
) -> tuple[_Manner, _Lettering, Array]:
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
    return _Manner(face, stretch, tracking, slant, weight), word, boxes


def _plan_word(
    chance: Chance,
    text: str,
    height: int,
    faces: tuple[Typeface, ...],
    split: str,
    backgrounds: Sequence[Array],
) -> _Plan:
    """Decide everything about a word in a scene."""
    effects: list[str] = []
    manner, word, boxes = _letter(chance, text, faces, effects)
    letters = atlas(manner.face)
    block = _around(boxes)
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
    return _Plan(
        text, manner, word, clutter, boxes, geometry, look,
        (native, width), output, camera, backdrop, effects,
    )  # fmt: skip


def _no_lettering() -> _Lettering:
    return _Lettering(np.empty((0, 3), np.int64), np.empty((0, 2)), np.empty((0, 4)))


def _around(boxes: Array) -> tuple[float, float, float, float]:
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


def _vary_sizes(chance: Chance, word: _Lettering, text: str, effects: list[str]) -> None:
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
    outline = kernels.to_image(geometry, _outline(block, 13))
    x0, y0 = outline.min(axis=0).tolist()
    x1, y1 = outline.max(axis=0).tolist()
    margins = _margins(chance)
    scale = native / ((y1 - y0) * (1 + margins[1] + margins[3]))
    room = (y1 - y0) * scale
    width = max(6, round((x1 - x0) * scale + room * (margins[0] + margins[2])))
    if width > _WIDEST * native:  # a very long word is seen from the side
        squeeze = (_WIDEST * native) / width
        width = _WIDEST * native
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


def _outline(block: tuple[float, float, float, float], points: int) -> Array:
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
    manner: _Manner,
    block: tuple[float, float, float, float],
    split: str,
    effects: list[str],
) -> _Lettering:
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
                text = _known(_cased(_vocabulary_word(chance, split), chance), letters)
                part, end = _set(letters, text, stretch, tracking, pen, direction * leading)
                parts.append(part)
                pen = end + gap
    if kind > 0.65:
        for after in (False, True) if chance.happens(0.3) else (chance.happens(0.5),):
            text = _known(_cased(_vocabulary_word(chance, split), chance), letters)
            part, end = _set(letters, text, stretch, tracking, 0.0, 0.0)
            part.letters[:, 0] += right + gap if after else left - gap - end
            parts.append(part)
    effects.append("neighbours")
    return _Lettering(
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.origins for part in parts]),
        np.concatenate([part.letters for part in parts]),
    )


def _known(text: str, letters: Atlas) -> str:
    return "".join(character for character in text if character in letters.rows)


def _backdrop(chance: Chance, backgrounds: Sequence[Array], height: int, width: int) -> Array:
    """Return a crop of one of the pictures, scaled; without pixels where there are none."""
    if not len(backgrounds):
        return np.empty((0, 0, 3), np.float32)
    picture = chance.pick(backgrounds)
    rows, columns = picture.shape[:2]
    share = chance.uniform(0.5, 3.0)
    high = min(rows, max(4, int(height * share)))
    wide = min(columns, max(4, int(width * share)))
    y, x = chance.below(rows - high + 1), chance.below(columns - wide + 1)
    crop = Image.fromarray(picture[y : y + high, x : x + wide]).convert("RGB")
    return np.asarray(crop.resize((width, height), Image.Resampling.BILINEAR), np.float32)


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
        s["wear"], s["wear_texture"] = chance.uniform(0.2, 0.9), chance.below(len(_bank()))
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
    s["texture"] = chance.below(len(_bank()))
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
    offset_x, offset_y = _TEXTURE_SIZE * next(chance), _TEXTURE_SIZE * next(chance)
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
) -> _Camera:
    """Decide blur, noise and file; blur is measured against the letters, most of which survive."""
    camera = _Camera(seed=int(next(chance) * 2**53), smooth_resize=chance.happens(0.6))
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


def _keep_legible(look: Array, camera: _Camera) -> None:
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


@lru_cache(maxsize=1)
def _bank() -> Array:
    """Textures of mean 0 and variance 1 that repeat without a seam, ``(n, 128, 128)`` float32.

    Clouds of several roughnesses and directions (noise whose spectrum falls as a power of the
    frequency, as that of photographs does), dead leaves (discs that hide each other, which have the
    edges of photographs too), speckle, stripes, bricks, a grid and a dot screen.
    """
    rng = np.random.default_rng(20130815)
    size = _TEXTURE_SIZE
    textures = []
    for power, stretch in (
        (0.6, 1.0), (0.9, 1.0), (1.2, 1.0), (1.6, 1.0), (2.0, 1.0), (1.2, 4.0), (1.4, 10.0),
        (1.0, 0.2), (1.5, 0.1),
    ):  # fmt: skip
        textures.append(_clouds(rng, size, power, stretch))
    textures += [_dead_leaves(rng, size, number) for number in (60, 250, 900)]
    y, x = np.mgrid[:size, :size]
    fine = 0.35 * _clouds(rng, size, 0.8, 1.0)
    textures.append((rng.random((size, size)) < 0.08) - 0.6 * (rng.random((size, size)) < 0.08))
    textures += [np.sin(2 * np.pi * n * y / size) + fine for n in (4, 16, 32)]
    textures.append(((x // 8) % 2) * 1.0 + fine)
    rows = y // 16
    seams = (y % 16 < 2) | ((x + 16 * (rows % 2)) % 32 < 2)
    bricks = 0.6 * rng.standard_normal((8, 4))[rows, (x + 16 * (rows % 2)) // 32 % 4]
    textures.append(np.where(seams, -1.5, bricks))
    textures.append(((x % 8 < 1) | (y % 8 < 1)) * -1.0 + fine)
    textures.append(np.cos(np.pi * x / 4) * np.cos(np.pi * y / 4) + fine)
    bank = np.stack(textures).astype(np.float32)
    bank -= bank.mean(axis=(1, 2), keepdims=True)
    bank /= bank.std(axis=(1, 2), keepdims=True)
    return np.ascontiguousarray(np.clip(bank, -3, 3))


def _clouds(rng: np.random.Generator, size: int, power: float, stretch: float) -> Array:
    """Noise whose amplitudes fall as the frequency to minus `power`, drawn out along x."""
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size), indexing="ij")
    frequency = np.hypot(fy, fx * stretch)
    frequency[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal((size, size))) / frequency**power
    clouds = np.fft.ifft2(spectrum).real
    return np.asarray(clouds / clouds.std())


def _dead_leaves(rng: np.random.Generator, size: int, number: int) -> Array:
    """Discs of random grey that hide each other, on a torus."""
    image = np.zeros((size, size))
    y, x = np.mgrid[:size, :size]
    for _ in range(number):
        cx, cy = rng.random(2) * size
        radius = 3 + size / 3 * rng.random() ** 6 + 8 * rng.random()
        dx, dy = np.abs(x - cx), np.abs(y - cy)
        dx, dy = np.minimum(dx, size - dx), np.minimum(dy, size - dy)
        image[np.hypot(dx, dy) < radius] = rng.standard_normal()
    return image


# --- Drawing --------------------------------------------------------------------------------------


def _field(manner: _Manner, lettering: _Lettering, u: Array, v: Array, geometry: Array) -> Array:
    """Distances to the edge of some letters, in ems, for the pixels that show points (u, v)."""
    letters = atlas(manner.face)
    field = np.full(u.shape, -REACH / EM, np.float32)
    if len(lettering.letters):
        kernels.draw_letters(
            field, u, v, geometry, letters.distances, lettering.places, lettering.origins,
            lettering.letters, manner.slant, manner.weight,
        )  # fmt: skip
    return field


def _draw(plan: _Plan) -> NDArray[np.uint8]:
    """Draw a word and take its picture: ``(H, W, 3)`` uint8."""
    u, v = kernels.look_back(plan.geometry, *plan.size)
    field = _field(plan.manner, plan.word, u, v, plan.geometry)
    clutter = _field(plan.manner, plan.clutter, u, v, plan.geometry)
    image = kernels.paint(plan.look, field, clutter, v, _bank(), plan.backdrop)
    camera = plan.camera
    if camera.gaussian[0]:
        image = kernels.gaussian(image, *camera.gaussian)
    if camera.defocus:
        image = kernels.defocus(image, camera.defocus)
    if camera.motion[0]:
        image = kernels.motion(image, *camera.motion)
    if camera.sharpen:
        image = kernels.unsharp(image, camera.sharpen)
    exposed = kernels.expose(
        image, camera.seed, camera.shot, camera.read, camera.colour_noise,
        camera.contrast, camera.lift,
    )  # fmt: skip
    if not camera.jpeg and plan.size == plan.output:
        return np.asarray(exposed)
    picture = Image.fromarray(exposed)
    if camera.jpeg:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=camera.jpeg, subsampling=2)
        # Image.open would parse the header in Python, which takes longer than the decoder.
        picture = Image.frombytes("RGB", picture.size, buffer.getvalue(), "jpeg", "RGB", "")
    if plan.size != plan.output:
        how = Image.Resampling.BICUBIC if camera.smooth_resize else Image.Resampling.BILINEAR
        picture = picture.resize(plan.output[::-1], how)
    return np.asarray(picture)


def _plan_plain(chance: Chance, text: str, height: int, faces: tuple[Typeface, ...]) -> _Plan:
    """Black on white, upright and regular, unbent, sharp: what text rendering gives by itself."""
    plain = tuple(face for face in faces if not (face.bold or face.italic)) or faces
    face = _choose_face(chance, text, plain)
    letters = atlas(face)
    word, _ = _set(letters, text, 1.0, 0.0, 0.0, 0.0)
    boxes = kernels.ink_boxes(letters.distances, word.places, word.origins, word.letters, 0.0, 0.0)
    left, top, right, bottom = _around(boxes)
    scale = height / (1.2 * (bottom - top))
    margin = 0.1 * height / 1.2
    width = max(6, round((right - left) * scale + 2 * margin))
    squeeze = min(1.0, _WIDEST * height / width)  # a very long word is made narrower
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
    return _Plan(
        text, _Manner(face, 1.0, 0.0, 0.0, 0.0), word, _no_lettering(), boxes, geometry, look,
        size, size,
        _Camera(), np.empty((0, 0, 3), np.float32), [],
    )  # fmt: skip


# --- Public functions -----------------------------------------------------------------------------


def _decide(
    seed: int,
    index: int,
    split: str,
    text: str | None,
    height: int,
    faces: tuple[Typeface, ...],
    realism: str,
    backgrounds: Sequence[Array],
) -> _Plan:
    rng = seeded_generator(seed, index, split, "word")
    words, look = Chance(rng), Chance(rng)
    if text is None:
        text = word_text(words, split)
    if realism == "plain":
        return _plan_plain(look, text, height, faces)
    return _plan_word(look, text, height, faces, split, backgrounds)


def _checked_faces(fonts: Iterable[Font | Typeface] | None) -> tuple[Typeface, ...]:
    if fonts is None:
        return typefaces()
    faces = tuple(typeface(font) if isinstance(font, Font) else font for font in fonts)
    if not faces or not all(isinstance(face, Typeface) for face in faces):
        raise ValueError(f"fonts must be some fonts or typefaces, or None, got {fonts!r}")
    return faces


def _checked_backgrounds(backgrounds: Sequence[Any] | None) -> list[Array]:
    pictures = []
    for number, picture in enumerate(backgrounds or ()):
        array = np.asarray(check_image(picture, f"backgrounds[{number}]", min_size=4))
        if array.dtype != np.uint8:
            raise TypeError(f"backgrounds[{number}] must be uint8, got dtype {array.dtype}")
        pictures.append(array)
    return pictures


def _check(height: int, realism: str, text: str | None) -> None:
    check_number(height, "height", low=8, high=512, integer=True)
    check_choice(realism, "realism", REALISMS)
    if text is not None and (not isinstance(text, str) or text.split() != [text]):
        raise ValueError(f"text must be one word without spaces, or None, got {text!r}")


def render_word(
    seed: int,
    index: int,
    *,
    split: str = "training",
    text: str | None = None,
    height: int = 32,
    colour: bool = True,
    fonts: Iterable[Font | Typeface] | None = None,
    realism: str = "scene",
    backgrounds: Sequence[Any] | None = None,
    masks: bool = False,
) -> Sample:
    """Draw one cropped word.

    Parameters
    ----------
    seed, index
        Not negative; together with the other arguments they decide every pixel.
    split
        "training" or "benchmark", whose rarer words and random choices differ.
    text
        What to write, or None to draw that too; see :func:`word_text`. The look of a word does not
        depend on whether its text was given.
    height
        Height of the image in pixels.
    colour
        False gives grey images ``(H, W)``.
    fonts
        Fonts (:func:`~ocrlearn.data.synth.fonts.find_fonts`) or typefaces
        (:func:`~ocrlearn.data.synth.atlas.typefaces`) to choose from; None for all of the latter.
    realism
        "scene", or "plain": black on white in a regular, upright face, and nothing else.
    backgrounds
        Images ``(H, W)`` or ``(H, W, 3)`` uint8, crops of which lie under the word in place of an
        even ground.
    masks
        Also make the mask "ink".

    Returns
    -------
    Sample
        ``image``: ``(height, W, 3)`` or ``(height, W)`` uint8. ``instances``: one word, whose
        outline has four corners, or 26 where the baseline is bent, and whose ``parts`` are the
        characters; outlines are tight around the ink, may leave the image where the crop cuts into
        the word, and go through the same map as the pixels. ``masks["ink"]``: bool ``(height, W)``,
        pixels whose centre is in the ink of the word, sharp and whatever hides it. ``details``:
        "font", "effects" (what was done, in words), "native_height" (pixels before scaling).

    Raises
    ------
    ValueError
        If an argument is out of range or no font can write `text`; names the characters.
    """
    _check(height, realism, text)
    faces = _checked_faces(fonts)
    pictures = _checked_backgrounds(backgrounds)
    plan = _decide(seed, index, split, text, height, faces, realism, pictures)
    return _sample(plan, colour, masks)


def render_words(
    seed: int, indices: Iterable[int], *, colour: bool = True, masks: bool = False, **options: Any
) -> list[Sample]:
    """Draw several words: ``[render_word(seed, index, ...) for index in indices]``."""
    return [render_word(seed, index, colour=colour, masks=masks, **options) for index in indices]


def word_arrays(
    seed: int,
    start: int,
    count: int,
    *,
    width: int | None = None,
    height: int = 32,
    colour: bool = True,
    split: str = "training",
    fonts: Iterable[Font | Typeface] | None = None,
    realism: str = "scene",
    backgrounds: Sequence[Any] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[str]]:
    """Draw the words ``start .. start + count - 1`` into one array, for training.

    The pixels are those of :func:`render_word`; no places are worked out.

    Parameters
    ----------
    seed, start, count
        Which words.
    width
        Width of the array. Words that are wider are squeezed into it (bilinearly); None for that of
        the widest word.
    height, colour, split, fonts, realism, backgrounds
        As for :func:`render_word`.

    Returns
    -------
    images
        ``(count, height, width, 3)`` or ``(count, height, width)`` uint8; words lie at the left,
        and their last column is repeated to the right.
    widths
        ``(count,)``: how many columns each word has.
    texts
        What they say.
    """
    _check(height, realism, None)
    check_number(count, "count", low=1, integer=True)
    if width is not None:
        check_number(width, "width", low=4, integer=True)
    faces, pictures = _checked_faces(fonts), _checked_backgrounds(backgrounds)
    images, texts = [], []
    for index in range(start, start + count):
        plan = _decide(seed, index, split, None, height, faces, realism, pictures)
        image = _draw(plan)
        if width is not None and image.shape[1] > width:
            squeezed = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
            image = np.asarray(squeezed)
        images.append(image if colour else _grey(image))
        texts.append(plan.text)
    widths = np.array([image.shape[1] for image in images])
    wide = int(widths.max()) if width is None else width
    batch = np.empty((count, height, wide, *images[0].shape[2:]), np.uint8)
    for row, image in zip(batch, images, strict=True):
        row[:, : image.shape[1]] = image
        row[:, image.shape[1] :] = image[:, -1:]
    return batch, widths, texts


def word_coverages(
    seed: int,
    start: int,
    count: int,
    *,
    width: int | None = None,
    height: int = 32,
    split: str = "training",
    fonts: Iterable[Font | Typeface] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64], list[str]]:
    """Draw only how much of each pixel is ink, and choose colours: what a GPU makes words from.

    Letters vary as in :func:`render_word`; words are straight, upright and sharp. The rest is left
    to :func:`ocrlearn.nn.word_batch.compose_words`.

    Parameters
    ----------
    seed, start, count, width, height, split, fonts
        As for :func:`word_arrays`.

    Returns
    -------
    coverages
        ``(count, height, width)`` uint8: 255 where ink covers the whole pixel, 0 right of a word.
    inks, grounds
        ``(count, 3)`` uint8 sRGB.
    widths, texts
        As for :func:`word_arrays`.
    """
    _check(height, "plain", None)
    check_number(count, "count", low=1, integer=True)
    if width is not None:
        check_number(width, "width", low=4, integer=True)
    faces = _checked_faces(fonts)
    images, texts = [], []
    inks, grounds = np.empty((count, 3), np.uint8), np.empty((count, 3), np.uint8)
    for place in range(count):
        rng = seeded_generator(seed, start + place, split, "word coverage")
        words, chance = Chance(rng), Chance(rng)
        text = word_text(words, split)
        pair = random_pair(chance)
        inks[place], grounds[place] = pair.ink, pair.ground
        images.append(_coverage(chance, text, height, faces, width or _WIDEST * height))
        texts.append(text)
    widths = np.array([image.shape[1] for image in images])
    batch = np.zeros((count, height, int(widths.max()) if width is None else width), np.uint8)
    for row, image in zip(batch, images, strict=True):
        row[:, : image.shape[1]] = image
    return batch, inks, grounds, widths, texts


def _coverage(
    chance: Chance, text: str, height: int, faces: tuple[Typeface, ...], widest: int
) -> NDArray[np.uint8]:
    """Draw the letters of a straight word with small margins, no wider than `widest`."""
    manner, word, boxes = _letter(chance, text, faces, [])
    left, top, right, bottom = _around(boxes)
    margin = chance.uniform(0.04, 0.16) * (bottom - top)
    scale = height / (bottom - top + 2 * margin)
    length = (right - left + 2 * margin) * scale
    width = min(widest, max(6, round(length)))
    across = scale * width / length
    geometry = np.zeros(1, kernels.GEOMETRY)
    geometry[0]["forth"] = [
        [across, 0, (margin - left) * across - 0.5],
        [0, scale, (margin - top) * scale - 0.5],
        [0, 0, 1],
    ]
    geometry[0]["back"] = np.linalg.inv(geometry[0]["forth"])
    u, v = kernels.look_back(geometry, height, width)
    field = _field(manner, word, u, v, geometry)
    return (255 * np.clip(field * scale + 0.5, 0, 1) + 0.5).astype(np.uint8)


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma of ITU-R BT.601, as JPEG has it."""
    return np.asarray(Image.fromarray(image).convert("L"))


def _scaled_geometry(plan: _Plan) -> Array:
    """From the flat word to the image that is handed out."""
    geometry = plan.geometry.copy()
    sy, sx = plan.output[0] / plan.size[0], plan.output[1] / plan.size[1]
    zoom = np.array([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5], [0, 0, 1]])
    geometry[0]["forth"] = zoom @ geometry[0]["forth"]
    geometry[0]["back"] = np.linalg.inv(geometry[0]["forth"])
    return geometry


def _sample(plan: _Plan, colour: bool, masks: bool) -> Sample:
    image = _draw(plan)
    geometry = _scaled_geometry(plan)
    corners = plan.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    quads = kernels.to_image(geometry, corners).reshape(-1, 4, 2).astype(np.float32)
    bent = bool(set(plan.effects) & {"arc", "arch", "wave", "fold"})
    outline = kernels.to_image(geometry, _outline(_around(plan.boxes), 13 if bent else 2))
    characters = tuple(
        TextInstance(quad, character, "character")
        for quad, character in zip(quads, plan.text, strict=True)
    )
    word = TextInstance(outline.astype(np.float32), plan.text, "word", parts=characters)
    return Sample(
        image=image if colour else _grey(image),
        text=plan.text,
        instances=(word,),
        width=plan.output[1],
        height=plan.output[0],
        masks={"ink": _ink(plan, geometry)} if masks else {},
        details={
            "font": plan.manner.face.name,
            "effects": list(plan.effects),
            "native_height": plan.size[0],
        },
    )


def _ink(plan: _Plan, geometry: Array, only: int | None = None) -> NDArray[np.bool_]:
    """Pixels of the final image whose centres are in the ink of the word, or of one letter."""
    word = plan.word
    if only is not None:
        chosen = slice(only, only + 1)
        word = _Lettering(word.places[chosen], word.origins[chosen], word.letters[chosen])
    u, v = kernels.look_back(geometry, *plan.output)
    field = _field(plan.manner, word, u, v, geometry)
    hollow = float(plan.look[0]["hollow"])
    return np.asarray((field > 0) & ((field < hollow) | (hollow == 0)))

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
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ocrlearn._validate import check_choice, check_image, check_number
from ocrlearn.data.samples import Sample, TextInstance
from ocrlearn.data.synth import _words_numba as kernels
from ocrlearn.data.synth._arguments import check_no_single_path
from ocrlearn.data.synth._word_plans import (
    WIDEST,
    Lettering,
    Manner,
    Picture,
    Plan,
    around,
    block_outline,
    letter_word,
    plan_plain,
    plan_word,
)
from ocrlearn.data.synth._word_textures import textures
from ocrlearn.data.synth.atlas import EM, REACH, Typeface, atlas, typeface, typefaces
from ocrlearn.data.synth.colours import random_pair
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.texts import seeded_generator
from ocrlearn.data.synth.word_texts import Chance, word_text

__all__ = ["REALISMS", "render_word", "render_words", "word_arrays", "word_coverages"]

REALISMS = ("scene", "plain")

Array = NDArray[Any]


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
    backgrounds: Sequence[Picture] | None = None,
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
        Pictures, crops of which lie under the word in place of an even ground: paths, such as
        :func:`ocrlearn.data.synth.backgrounds.photographs` lists, or arrays ``(H, W)`` or
        ``(H, W, 3)`` uint8. At least 4 x 4 pixels. Pictures in files are reduced to 1024 pixels
        along the longer side, as crops of larger ones would show next to nothing.
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
    backgrounds: Sequence[Picture] | None = None,
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
        images.append(_coverage(chance, text, height, faces, width or WIDEST * height))
        texts.append(text)
    widths = np.array([image.shape[1] for image in images])
    batch = np.zeros((count, height, int(widths.max()) if width is None else width), np.uint8)
    for row, image in zip(batch, images, strict=True):
        row[:, : image.shape[1]] = image
    return batch, inks, grounds, widths, texts


# --- Arguments and decisions ----------------------------------------------------------------------


def _decide(
    seed: int,
    index: int,
    split: str,
    text: str | None,
    height: int,
    faces: tuple[Typeface, ...],
    realism: str,
    backgrounds: Sequence[Picture],
) -> Plan:
    rng = seeded_generator(seed, index, split, "word")
    words, look = Chance(rng), Chance(rng)
    if text is None:
        text = word_text(words, split)
    if realism == "plain":
        return plan_plain(look, text, height, faces)
    return plan_word(look, text, height, faces, split, backgrounds)


def _checked_faces(fonts: Iterable[Font | Typeface] | None) -> tuple[Typeface, ...]:
    if fonts is None:
        return typefaces()
    if not isinstance(fonts, Iterable):
        raise TypeError(f"fonts must be some fonts or typefaces, or None, got {fonts!r}")
    faces = tuple(typeface(font) if isinstance(font, Font) else font for font in fonts)
    if not faces or not all(isinstance(face, Typeface) for face in faces):
        raise ValueError(f"fonts must be some fonts or typefaces, or None, got {fonts!r}")
    return faces


def _checked_backgrounds(backgrounds: Sequence[Picture] | None) -> list[Picture]:
    """Check arrays now, and files when they are needed: there may be many."""
    check_no_single_path(backgrounds, "backgrounds")
    pictures: list[Picture] = []
    for number, picture in enumerate(() if backgrounds is None else backgrounds):
        if isinstance(picture, str | Path):
            pictures.append(picture)
            continue
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


# --- Drawing --------------------------------------------------------------------------------------


def _field(manner: Manner, lettering: Lettering, u: Array, v: Array, geometry: Array) -> Array:
    """Distances to the edge of some letters, in ems, for the pixels that show points (u, v)."""
    letters = atlas(manner.face)
    field = np.full(u.shape, -REACH / EM, np.float32)
    if len(lettering.letters):
        kernels.draw_letters(
            field, u, v, geometry, letters.distances, lettering.places, lettering.origins,
            lettering.letters, manner.slant, manner.weight,
        )  # fmt: skip
    return field


def _draw(plan: Plan) -> NDArray[np.uint8]:
    """Draw a word and take its picture: ``(H, W, 3)`` uint8."""
    u, v = kernels.look_back(plan.geometry, *plan.size)
    field = _field(plan.manner, plan.word, u, v, plan.geometry)
    clutter = _field(plan.manner, plan.clutter, u, v, plan.geometry)
    image = kernels.paint(plan.look, field, clutter, v, textures(), plan.backdrop)
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


def _coverage(
    chance: Chance, text: str, height: int, faces: tuple[Typeface, ...], widest: int
) -> NDArray[np.uint8]:
    """Draw the letters of a straight word with small margins, no wider than `widest`."""
    manner, word, boxes = letter_word(chance, text, faces, [])
    left, top, right, bottom = around(boxes)
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


# --- The sample -----------------------------------------------------------------------------------


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma of ITU-R BT.601, as JPEG has it."""
    return np.asarray(Image.fromarray(image).convert("L"))


def _scaled_geometry(plan: Plan) -> Array:
    """From the flat word to the image that is handed out."""
    geometry = plan.geometry.copy()
    sy, sx = plan.output[0] / plan.size[0], plan.output[1] / plan.size[1]
    zoom = np.array([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5], [0, 0, 1]])
    geometry[0]["forth"] = zoom @ geometry[0]["forth"]
    geometry[0]["back"] = np.linalg.inv(geometry[0]["forth"])
    return geometry


def _sample(plan: Plan, colour: bool, masks: bool) -> Sample:
    image = _draw(plan)
    geometry = _scaled_geometry(plan)
    corners = plan.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    quads = kernels.to_image(geometry, corners).reshape(-1, 4, 2).astype(np.float32)
    bent = bool(set(plan.effects) & {"arc", "arch", "wave", "fold"})
    outline = kernels.to_image(geometry, block_outline(around(plan.boxes), 13 if bent else 2))
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


def _ink(plan: Plan, geometry: Array, only: int | None = None) -> NDArray[np.bool_]:
    """Pixels of the final image whose centres are in the ink of the word, or of one letter."""
    word = plan.word
    if only is not None:
        chosen = slice(only, only + 1)
        word = Lettering(word.places[chosen], word.origins[chosen], word.letters[chosen])
    u, v = kernels.look_back(geometry, *plan.output)
    field = _field(plan.manner, word, u, v, geometry)
    hollow = float(plan.look[0]["hollow"])
    return np.asarray((field > 0) & ((field < hollow) | (hollow == 0)))

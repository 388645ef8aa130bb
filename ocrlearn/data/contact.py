"""Contact sheets: many samples of a data set in one picture, with their labels drawn in.

A look at thirty samples finds what no count finds: boxes shifted by an offset, texts of the wrong
line, masks the wrong way round. Colours are from the palette of Okabe and Ito, which readers with
any of the common kinds of colour blindness can tell apart.
"""

import colorsys
import random
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ocrlearn._fields import counted
from ocrlearn._validate import check_number
from ocrlearn.data.samples import Clip, Sample, TextInstance

__all__ = ["contact_sheet", "draw_samples"]

_PAPER = (255, 255, 255)
_GROUND = (238, 240, 243)
_INK = (32, 36, 42)
_FAINT = (106, 113, 122)
_COLOURS = {"line": (0, 114, 178), "word": (0, 158, 115), "character": (204, 121, 167)}
_IGNORED = (213, 94, 0)
_MASK = np.array((213, 94, 0), dtype=np.float32)

_GAP = 8  # pixels between cells
_TEXT = 13  # pixels, size of captions
_CAPTION = 2 * (_TEXT + 4)
_FRAMES = 6  # of a clip, in two rows
_SMALL = 10  # pixels; texts drawn lower than this get a thin outline and no parts
_WRITTEN = 25  # more texts than this in one picture would hide it
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def draw_samples(
    samples: Iterable[Sample | Clip], count: int, seed: int = 0
) -> list[Sample | Clip]:
    """Draw `count` samples at random in one pass, without keeping the others; sorted as they came.

    References
    ----------
    J. S. Vitter, "Random sampling with a reservoir", ACM TOMS 1985, algorithm R.
    """
    check_number(count, "count", low=1, integer=True)
    chance = random.Random(seed)
    kept: list[tuple[int, Sample | Clip]] = []
    for number, sample in enumerate(samples):
        if len(kept) < count:
            kept.append((number, sample))
        elif (place := chance.randrange(number + 1)) < count:
            kept[place] = (number, sample)
    return [sample for _, sample in sorted(kept, key=lambda pair: pair[0])]


def contact_sheet(
    samples: Iterable[Sample | Clip],
    *,
    columns: int = 4,
    cell: tuple[int, int] = (320, 240),
    count: int | None = None,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Draw samples side by side with what their labels say.

    Texts are outlined, blue for lines, green for words, purple for characters, vermilion for what
    is to be ignored, with a dot at the text's own top-left corner; up to 25 of them have their
    transcription beside, where it hides no other. Below stands the text of the whole image. The
    first mask is laid over the image, ink and objects in vermilion, classes in colours of their
    own. A clip is a strip of six frames, from left to right in two rows; of a video file, which
    takes a decoder to open, only the name is shown.

    Parameters
    ----------
    samples
        What to draw; with `count`, as many of them drawn by chance and `seed`.
    columns
        Pictures in a row.
    cell
        Width and height of a picture in pixels; below it are two lines of text.

    Returns
    -------
    ndarray
        ``(H, W, 3)`` uint8.

    Raises
    ------
    ValueError
        If there is no sample, or a number is out of range.

    Notes
    -----
    A character that no installed font can draw is written as its code point, as in ‹U+5927›. What
    cannot be read is named in its cell, and the rest is drawn.
    """
    columns = int(check_number(columns, "columns", low=1, integer=True))
    for number, length in enumerate(cell):
        check_number(length, f"cell[{number}]", low=32, high=4096, integer=True)
    chosen = list(samples) if count is None else draw_samples(samples, count, seed)
    if not chosen:
        raise ValueError("samples must hold at least one sample, got none")
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    step_x, step_y = cell[0] + _GAP, cell[1] + _CAPTION + _GAP
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), _GROUND)
    for place, sample in enumerate(chosen):
        row, column = divmod(place, columns)
        picture = _cell(sample, cell)
        sheet.paste(picture, (_GAP + column * step_x, _GAP + row * step_y))
    return np.array(sheet)


def _cell(sample: Sample | Clip, size: tuple[int, int]) -> Image.Image:
    """Draw one sample with its caption."""
    cell = Image.new("RGB", (size[0], size[1] + _CAPTION), _PAPER)
    draw = ImageDraw.Draw(cell)
    try:
        picture = _strip(sample, size) if isinstance(sample, Clip) else _labelled(sample, size)
    except Exception as error:  # decoders let many kinds of error through from damaged files
        lines = _wrapped(f"cannot be read: {error}", size[0])
        draw.multiline_text((6, 6), "\n".join(lines), _IGNORED, _font("a", _TEXT))
    else:
        at = ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2)
        cell.paste(picture, at)
    for line, (text, colour) in enumerate(zip(_caption(sample), (_INK, _FAINT), strict=True)):
        _write(draw, (4, size[1] + 2 + line * (_TEXT + 3)), text, colour, _TEXT, size[0] - 8)
    return cell


def _caption(sample: Sample | Clip) -> tuple[str, str]:
    """Say what the whole sample is labelled, and what it is called."""
    if isinstance(sample, Clip):
        name = sample.name or (sample.frames.name if isinstance(sample.frames, Path) else "")
        return " · ".join(filter(None, (sample.label, sample.text))), name
    if sample.text is not None:
        texts = " | ".join(sample.text.split("\n"))
    else:
        texts = " | ".join(filter(None, (instance.text for instance in sample.instances)))
    name = sample.image.name if isinstance(sample.image, Path) else ""
    masks = f"mask {next(iter(sample.masks))}" if sample.masks else ""
    number = len(sample.instances)
    told = counted(number, "text") if number else ""
    return " · ".join(filter(None, (sample.label, texts))), "  ".join(
        filter(None, (name, told, masks))
    )


# --- Images ---------------------------------------------------------------------------------------


def _labelled(sample: Sample, size: tuple[int, int]) -> Image.Image:
    pixels = sample.pixels()
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=2)
    if sample.masks:
        pixels = _overlaid(pixels, np.asarray(sample.mask(next(iter(sample.masks)))))
    image = Image.fromarray(pixels)
    scale = min(size[0] / image.width, size[1] / image.height, 4.0)
    image = image.resize(_scaled(image.size, scale), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    for instance in _with_parts(sample.instances, scale):
        _outline(draw, instance, scale)
    if len(sample.instances) <= _WRITTEN:
        told = [one for one in sample.instances if one.text and one.text != sample.text]
        taken: list[_Box] = []
        for instance in told:
            _label(draw, instance, scale, taken)
    return image


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _with_parts(instances: Sequence[TextInstance], scale: float) -> Iterator[TextInstance]:
    """Yield the parts before the whole, so that its outline lies on top; none of tiny texts."""
    for instance in instances:
        if _height(instance, scale) >= _SMALL:
            yield from _with_parts(instance.parts, scale)
        yield instance


def _height(instance: TextInstance, scale: float) -> float:
    """Return the shorter side of a text as it is drawn, in pixels."""
    sides = np.linalg.norm(np.roll(instance.quad, -1, axis=0) - instance.quad, axis=1)
    return float(sides.min()) * scale


def _outline(draw: ImageDraw.ImageDraw, instance: TextInstance, scale: float) -> None:
    # A corner at pixel centre x lies at (x + 0.5) * scale - 0.5 in the picture of another size.
    points = [tuple(point) for point in (instance.polygon + 0.5) * scale - 0.5]
    colour = _IGNORED if instance.ignore else _COLOURS[instance.level]
    slight = instance.level == "character" or _height(instance, scale) < _SMALL
    draw.line([*points, points[0]], colour, 1 if slight else 2, joint="curve")
    if not slight:
        x, y = points[0]
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), colour)


def _label(
    draw: ImageDraw.ImageDraw, instance: TextInstance, scale: float, taken: list["_Box"]
) -> None:
    """Write a transcription above its outline, unless that would hide one that is `taken`."""
    left, top = instance.polygon.min(axis=0) * scale
    at = (max(0.0, float(left)), max(0.0, float(top) - 13))
    colour = _IGNORED if instance.ignore else _COLOURS[instance.level]
    box = (at[0], at[1], at[0] + 7 * len(instance.text or ""), at[1] + 13)
    if not any(_overlap(box, other) for other in taken):
        taken.append(box)
        _write(draw, at, instance.text or "", _PAPER, 11, 160, behind=colour)


_Box = tuple[float, float, float, float]


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _overlaid(pixels: NDArray[np.uint8], mask: NDArray[Any]) -> NDArray[np.uint8]:
    """Tint an image by a mask: half and half where it says something, as it was elsewhere."""
    if mask.shape != pixels.shape[:2]:
        height, width = pixels.shape[:2]
        raise ValueError(f"mask of {mask.shape} for an image of {(height, width)}")
    if int(mask.max(initial=0)) <= 1:
        tint, where = _MASK, mask.astype(bool)
    else:
        numbers, place = np.unique(mask, return_inverse=True)
        tint, where = _class_colours(numbers)[place.reshape(mask.shape)], mask > 0
    mixed = 0.5 * pixels + 0.5 * tint
    return np.where(where[:, :, None], mixed, pixels).astype(np.uint8)


def _class_colours(numbers: NDArray[Any]) -> NDArray[np.float32]:
    """Return a colour for each number, far apart for numbers that are close."""
    hues = [(0.13 + 0.618034 * float(number)) % 1.0 for number in numbers]
    rgb = [colorsys.hsv_to_rgb(hue, 0.85, 0.95) for hue in hues]
    return np.array(rgb, dtype=np.float32) * 255


# --- Clips ----------------------------------------------------------------------------------------


def _strip(clip: Clip, size: tuple[int, int]) -> Image.Image:
    """Draw frames of a clip, evenly spread over its time, in two rows."""
    frames = _frames(clip)
    columns = -(-len(frames) // 2) if len(frames) > 1 else 1
    rows = -(-len(frames) // columns)
    room = (size[0] // columns - 2, size[1] // rows - 2)
    strip = Image.new("RGB", size, _INK)
    for place, frame in enumerate(frames):
        scale = min(room[0] / frame.width, room[1] / frame.height)
        small = frame.resize(_scaled(frame.size, scale), Image.Resampling.LANCZOS)
        row, column = divmod(place, columns)
        x = column * (room[0] + 2) + 1 + (room[0] - small.width) // 2
        strip.paste(small, (x, row * (room[1] + 2) + 1 + (room[1] - small.height) // 2))
    return strip


def _frames(clip: Clip) -> list[Image.Image]:
    if isinstance(clip.frames, np.ndarray):
        return [Image.fromarray(clip.frames[place]) for place in _spread(len(clip.frames))]
    if clip.frames.is_dir():
        files = sorted(path for path in clip.frames.iterdir() if path.suffix.lower() in _SUFFIXES)
        if not files:
            raise ValueError(f"{clip.frames} holds no frames")
        return [Image.open(files[place]).convert("RGB") for place in _spread(len(files))]
    raise ValueError("a video file, which needs a decoder to be shown")


def _spread(length: int) -> list[int]:
    return [int(place) for place in np.linspace(0, length - 1, min(_FRAMES, length)).round()]


# --- Text -----------------------------------------------------------------------------------------


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    colour: tuple[int, int, int],
    size: int,
    width: int,
    behind: tuple[int, int, int] | None = None,
) -> None:
    """Write one line of text, cut to `width` pixels."""
    text = " ".join(text.split())[:200]
    if not text:
        return
    font = _font(text, size)
    text = _drawable(text, font)
    while len(text) > 1 and draw.textlength(text, font) > width:
        text = text[: max(1, int(len(text) * 0.9) - 1)] + "…"
    if behind is not None:
        draw.rectangle(draw.textbbox(at, text, font), behind)
    draw.text(at, text, colour, font)


def _wrapped(text: str, width: int) -> list[str]:
    most = max(8, (width - 12) // (_TEXT // 2 + 1))
    return [text[start : start + most] for start in range(0, min(len(text), 8 * most), most)]


@lru_cache(maxsize=4096)
def _font(text: str, size: int) -> Any:
    """Return DejaVu Sans, or an installed font where that covers more of `text`."""
    faces = [_dejavu()]
    lacking = [char for char in text if ord(char) not in _covered(*faces[0]) and not char.isspace()]
    if lacking:
        faces += filter(None, [_installed_face(lacking[0])])
    path, index = max(faces, key=lambda face: sum(ord(char) in _covered(*face) for char in text))
    return ImageFont.truetype(path, size, index=index)


def _dejavu() -> tuple[str, int]:
    from ocrlearn.data.synth.fonts import matplotlib_font_folder

    return str(matplotlib_font_folder() / "DejaVuSans.ttf"), 0


@lru_cache(maxsize=4096)
def _installed_face(char: str) -> tuple[str, int] | None:
    """Ask fontconfig for a font with a character: its file, and which face of it."""
    program = shutil.which("fc-match")
    if program is None:
        return None
    asked = [program, "--format", "%{file}\n%{index}", f":charset={ord(char):x}"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
        path, index = told.split("\n")
        face = (path, int(index) & 0xFFFF)  # above that stands the instance of a variable font
        _covered(*face)
    except Exception:  # a font that fontTools cannot read, or a fontconfig without an answer
        return None
    return face


@lru_cache(maxsize=64)
def _covered(path: str, index: int) -> frozenset[int]:
    """Return the code points that a font draws."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    number = index if path.lower().endswith((".ttc", ".otc")) else -1
    with TTFont(path, fontNumber=number, lazy=True) as font:
        return frozenset(font.getBestCmap() or ())


def _drawable(text: str, font: Any) -> str:
    """Replace what a font lacks by code points."""
    covered = _covered(font.path, font.index)
    return "".join(
        char if ord(char) in covered or char.isspace() else f"‹U+{ord(char):04X}›" for char in text
    )

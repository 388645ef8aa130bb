"""What every data set is turned into: images with their text, places, masks; and clips.

Two dozen public sets have two dozen formats (:mod:`ocrlearn.data.readers`), and our generators
(:mod:`ocrlearn.data.synth`) need none. Both give the same three types, so that training, scoring
and drawing know nothing of where a picture came from:

- :class:`Sample`: an image, with as much of the truth as its owner tells: a text, a class, places
  of texts, masks;
- :class:`TextInstance`: one piece of text in an image, with its outline, and its own pieces where
  they are known: a line's words, a word's characters;
- :class:`Clip`: a short video, with its class.

One JSON form
-------------
:func:`write_jsonl` writes one sample to a line, :func:`read_jsonl` reads them back, and
:func:`save_samples` also writes the pictures. A line holds an object; only ``file`` (or ``clip``)
is required, and a field that is misspelt is refused by name.

==================  ================================================================================
field               value
==================  ================================================================================
``file``            the image's path, relative to the folder of the JSON Lines file, with ``/``
``text``            what stands on the whole image, lines separated by newlines
``label``           the class of the whole image
``width, height``   in pixels
``instances``       array of text instances, see below
``lexicon``         array of the words that come with the image, to choose from
``masks``           object from a mask's name to the path of its image
``details``         object, of which nothing is asked
==================  ================================================================================

A **text instance** has a ``polygon``, at least four ``[x, y]`` pairs, clockwise from the text's own
top-left corner; and, where they are known, ``text``, ``level`` (``"line"``, ``"word"`` or
``"character"``; a word if not given), ``ignore`` (true where the owner says that it counts neither
way), ``language``, ``attributes`` (array of the owner's words) and ``parts`` (array of instances).
A **clip** has ``clip``, the path of a video or a folder of frames, and where they are known
``label``, ``name``, ``text``, ``placeholders``, ``frame_rate`` and ``details``.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn import geometry
from ocrlearn._fields import Fields, shown
from ocrlearn.document import Character, Line, Page, Word

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "LEVELS",
    "Clip",
    "DataFormatError",
    "Sample",
    "TextInstance",
    "check_sample",
    "page_from_sample",
    "read_jsonl",
    "sample_from_json",
    "sample_from_page",
    "sample_to_json",
    "save_samples",
    "write_jsonl",
]

LEVELS = ("line", "word", "character")
"""What a text instance may be, each made of the next."""


class DataFormatError(ValueError):
    """A file of a data set is not what its format promises; the message names file and place."""


@dataclass(frozen=True, eq=False)
class TextInstance:
    """A piece of text in an image.

    Attributes
    ----------
    polygon
        ``(N, 2)`` float32 outline in pixels, N at least 4, clockwise on the screen from the text's
        own top-left corner.
    text
        The transcription, or None where the owner gives none.
    level
        "line", "word" or "character".
    ignore
        "Don't care": finding it is neither rewarded nor punished.
    language
        Language or script in the owner's word, such as "Latin"; empty if unknown.
    parts
        The words of a line or the characters of a word, in reading order, where they are known.
    attributes
        What the owner says of it, such as "occluded".
    """

    polygon: NDArray[np.float32]
    text: str | None = None
    level: str = "word"
    ignore: bool = False
    language: str = ""
    parts: tuple["TextInstance", ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def quad(self) -> NDArray[np.float32]:
        """The polygon, or the smallest rectangle around one of more corners, (4, 2) float32."""
        if len(self.polygon) == 4:
            return self.polygon
        box = geometry.min_area_rectangle(self.polygon)
        return _turned_to_start(geometry.rotated_box_to_quad(box), self.polygon)


def _turned_to_start(quad: NDArray[Any], polygon: NDArray[Any]) -> NDArray[np.float32]:
    """Renumber the corners of `quad` so that it begins near where the reading begins.

    The first and last corner of a polygon lie at the start of the text, the two in its middle at
    the end.
    """
    half = len(polygon) // 2
    ends = polygon[[0, half - 1, half, -1]]
    turns = [np.roll(quad, -turn, axis=0) for turn in range(4)]
    return min(turns, key=lambda turned: float(((turned - ends) ** 2).sum())).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with what is known about it.

    Attributes
    ----------
    image
        Where the pixels are, or the pixels: ``(H, W)`` or ``(H, W, 3)`` RGB uint8.
    text
        What stands on the whole image, lines separated by newlines; None if unknown.
    instances
        Texts with their places.
    width, height
        In pixels; None where only the image itself would tell.
    label
        Class of the whole image, in sets for classification.
    lexicon
        Words that come with the image, to choose from.
    masks
        Maps ``(H, W)`` by name, or where they are: "ink" (bool), "classes" (uint8 or uint16),
        "objects" (numbers of instances, 0 for none), or the owner's own.
    details
        What else is known, as JSON has it: what a generator drew by chance, an owner's own fields.
    """

    image: Path | NDArray[np.uint8]
    text: str | None = None
    instances: tuple[TextInstance, ...] = ()
    width: int | None = None
    height: int | None = None
    label: str | None = None
    lexicon: tuple[str, ...] = ()
    masks: Mapping[str, Path | NDArray[Any]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path of its image, or its size, by which messages call it."""
        if isinstance(self.image, Path):
            return str(self.image)
        height, width = self.image.shape[:2]
        return f"image of {width} x {height} pixels"

    def pixels(self) -> NDArray[np.uint8]:
        """Return the image, reading it where it is a file.

        Its EXIF orientation is left alone: owners give places in the pixels as they are stored.
        (Some photographs of ICDAR 2015, MLT-2017 and Total-Text have one; programs that turn them
        find their labels elsewhere.)

        Raises
        ------
        ocrlearn.image.ImageReadError, OSError
            If the file cannot be read.
        """
        if isinstance(self.image, np.ndarray):
            return self.image
        from ocrlearn.image import read

        return read(self.image, mode="keep", upright=False)

    def mask(self, name: str) -> NDArray[Any]:
        """Return a mask ``(H, W)``, reading it where it is a file.

        Raises
        ------
        KeyError
            If there is none of that name.
        DataFormatError, OSError
            If the file is no mask, or cannot be read.
        """
        if name not in self.masks:
            known = ", ".join(self.masks) or "none"
            raise KeyError(f"there is no mask {name!r}; there are {known}")
        mask = self.masks[name]
        return mask if isinstance(mask, np.ndarray) else _read_mask(mask)

    def size(self) -> tuple[int, int]:
        """Return width and height in pixels, from the header of the file if need be."""
        if isinstance(self.image, np.ndarray):
            height, width = self.image.shape[:2]
            return width, height
        if self.width is not None and self.height is not None:
            return self.width, self.height
        from PIL import Image

        with Image.open(self.image) as image:
            return image.size


@dataclass(frozen=True, eq=False)
class Clip:
    """A short video with what is known about it.

    Attributes
    ----------
    frames
        A video file, a folder of numbered frames, or ``(T, H, W, 3)`` RGB uint8.
    label
        The class; None where it is withheld, as in a test set.
    name
        The owner's name for the clip.
    text
        A sentence about what happens.
    placeholders
        The things of which `label` says "[something]".
    frame_rate
        Frames a second, where the annotation tells.
    details
        As for :class:`Sample`.
    """

    frames: Path | NDArray[np.uint8]
    label: str | None = None
    name: str = ""
    text: str | None = None
    placeholders: tuple[str, ...] = ()
    frame_rate: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


# --- Checks ---------------------------------------------------------------------------------------

_MASK_KINDS = "biu"  # numpy's letters for truth values and for whole numbers


def check_sample(item: Sample | Clip) -> None:
    """Check everything about a sample that can be checked without reading its files.

    Raises
    ------
    TypeError
        If `item` is neither a sample nor a clip.
    ValueError
        If a field is not as its class describes it. The message names the field, as in
        ``instances[2].parts[0].polygon``.
    """
    if isinstance(item, Clip):
        _check_clip(item)
    elif isinstance(item, Sample):
        _check_image_sample(item)
    else:
        raise TypeError(f"item must be a Sample or a Clip, got {type(item).__name__}")


def _require(holds: bool, name: str, wanted: str, found: Any) -> None:
    if not holds:
        raise ValueError(f"{name} must be {wanted}, got {shown(found)}")


def _check_image_sample(sample: Sample) -> None:
    if isinstance(sample.image, np.ndarray):
        image = sample.image
        shape = image.shape
        fits = image.size > 0 and (image.ndim == 2 or (image.ndim == 3 and shape[2] == 3))
        wanted = "(H, W) or (H, W, 3) uint8 of at least one pixel"
        _require(fits and image.dtype == np.uint8, "image", wanted, f"shape {shape}, {image.dtype}")
        given = (sample.width, sample.height)
        _require(
            given in ((None, None), (shape[1], shape[0])),
            "width and height",
            f"those of the image, {shape[1]} x {shape[0]}",
            given,
        )
    else:
        _require(isinstance(sample.image, Path), "image", "a path or an array", sample.image)
    for name, length in (("width", sample.width), ("height", sample.height)):
        whole = isinstance(length, int) and not isinstance(length, bool) and length >= 1
        _require(length is None or whole, name, "a whole number of at least 1", length)
    for name, text in (("text", sample.text), ("label", sample.label)):
        _require(text is None or isinstance(text, str), name, "a string or None", text)
    _check_strings(sample.lexicon, "lexicon")
    for number, instance in enumerate(sample.instances):
        _check_instance(instance, f"instances[{number}]", LEVELS)
    for name, mask in sample.masks.items():
        plain = isinstance(name, str) and name.replace("_", "").replace("-", "").isalnum()
        _require(plain, "a mask's name", "made of letters, digits, _ and -", name)
        _check_mask(mask, f"masks[{name!r}]", sample)
    _check_details(sample.details)


def _check_strings(values: Any, name: str) -> None:
    """Check a tuple of strings; a string alone would pass for one of letters."""
    _require(isinstance(values, tuple | list), name, "a tuple of strings", values)
    for number, value in enumerate(values):
        _require(isinstance(value, str), f"{name}[{number}]", "a string", value)


def _check_instance(instance: TextInstance, name: str, levels: tuple[str, ...]) -> None:
    _require(isinstance(instance, TextInstance), name, "a TextInstance", instance)
    polygon = instance.polygon
    fits = (
        isinstance(polygon, np.ndarray)
        and polygon.dtype == np.float32
        and polygon.ndim == 2
        and polygon.shape[1] == 2
        and len(polygon) >= 4
    )
    _require(fits, f"{name}.polygon", "(N, 2) float32 with N at least 4", polygon)
    _require(bool(np.isfinite(polygon).all()), f"{name}.polygon", "finite", polygon.tolist())
    _require(
        instance.text is None or isinstance(instance.text, str),
        f"{name}.text",
        "a string or None",
        instance.text,
    )
    _require(
        instance.level in levels, f"{name}.level", f"one of {', '.join(levels)}", instance.level
    )
    _require(isinstance(instance.ignore, bool), f"{name}.ignore", "a bool", instance.ignore)
    language = instance.language
    _require(isinstance(language, str), f"{name}.language", "a string", language)
    _check_strings(instance.attributes, f"{name}.attributes")
    lower = LEVELS[LEVELS.index(instance.level) + 1 :]
    _require(bool(lower) or not instance.parts, f"{name}.parts", "empty", instance.parts)
    for number, part in enumerate(instance.parts):
        _check_instance(part, f"{name}.parts[{number}]", lower)


def _check_mask(mask: Path | NDArray[Any], name: str, sample: Sample) -> None:
    if isinstance(mask, Path):
        return
    fits = isinstance(mask, np.ndarray) and mask.ndim == 2 and mask.dtype.kind in _MASK_KINDS
    _require(fits, name, "a path or (H, W) of truth values or whole numbers", mask)
    if isinstance(sample.image, np.ndarray):
        wanted = sample.image.shape[:2]
        _require(mask.shape == wanted, name, f"of the image's shape {wanted}", mask.shape)


def _check_clip(clip: Clip) -> None:
    if isinstance(clip.frames, np.ndarray):
        frames = clip.frames
        fits = frames.ndim == 4 and frames.shape[3] == 3 and frames.dtype == np.uint8
        found = f"shape {frames.shape}, {frames.dtype}"
        wanted = "(T, H, W, 3) uint8 of at least one pixel"
        _require(bool(frames.size) and fits, "frames", wanted, found)
    else:
        _require(isinstance(clip.frames, Path), "frames", "a path or an array", clip.frames)
    for name, text in (("label", clip.label), ("text", clip.text)):
        _require(text is None or isinstance(text, str), name, "a string or None", text)
    _require(isinstance(clip.name, str), "name", "a string", clip.name)
    _check_strings(clip.placeholders, "placeholders")
    rate = clip.frame_rate
    known = isinstance(rate, int | float) and np.isfinite(rate) and rate > 0
    _require(rate is None or bool(known), "frame_rate", "positive", rate)
    _check_details(clip.details)


def _check_details(details: Mapping[str, Any]) -> None:
    try:
        json.dumps(dict(details), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"details must be values that JSON can hold: {error}") from None


# --- To and from JSON -----------------------------------------------------------------------------


def sample_to_json(item: Sample | Clip, folder: str | Path = ".") -> str:
    """Write a sample as one line of JSON; the module's docstring describes its fields.

    Parameters
    ----------
    item
        Its image, masks or frames must be files: :func:`save_samples` writes them.
    folder
        Where the line will lie; paths are written relative to it.

    Raises
    ------
    ValueError
        If the sample is not as its class describes it, its pixels are in memory, or a file lies
        outside of `folder`.
    """
    check_sample(item)
    base = Path(folder)
    record = _clip_record(item, base) if isinstance(item, Clip) else _sample_record(item, base)
    return json.dumps(record, ensure_ascii=False, allow_nan=False)


def _sample_record(sample: Sample, folder: Path) -> dict[str, Any]:
    masks = {
        name: _relative(mask, f"masks[{name!r}]", folder) for name, mask in sample.masks.items()
    }
    return {
        "file": _relative(sample.image, "image", folder),
        **_given(
            text=sample.text,
            label=sample.label,
            width=sample.width,
            height=sample.height,
            instances=[_instance_record(instance) for instance in sample.instances] or None,
            lexicon=list(sample.lexicon) or None,
            masks=masks or None,
            details=dict(sample.details) or None,
        ),
    }


def _instance_record(instance: TextInstance) -> dict[str, Any]:
    return {
        "polygon": [[float(str(value)) for value in point] for point in instance.polygon],
        **_given(
            text=instance.text,
            level=instance.level if instance.level != "word" else None,
            ignore=instance.ignore or None,
            language=instance.language or None,
            attributes=list(instance.attributes) or None,
            parts=[_instance_record(part) for part in instance.parts] or None,
        ),
    }


def _clip_record(clip: Clip, folder: Path) -> dict[str, Any]:
    return {
        "clip": _relative(clip.frames, "frames", folder),
        **_given(
            label=clip.label,
            name=clip.name or None,
            text=clip.text,
            placeholders=list(clip.placeholders) or None,
            frame_rate=clip.frame_rate,
            details=dict(clip.details) or None,
        ),
    }


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _relative(path: Path | NDArray[Any], name: str, folder: Path) -> str:
    if not isinstance(path, Path):
        raise ValueError(f"{name} is in memory and cannot be written as JSON; see save_samples")
    full, base = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    if not full.is_relative_to(base):
        raise ValueError(f"{name} must lie in the folder {folder}, got {path}")
    relative = full.relative_to(base)
    if not relative.parts or "\\" in relative.as_posix() or ":" in relative.parts[0]:
        raise ValueError(
            f"{name} must be a path in the folder {folder} without \\ and a drive's :, got {path}"
        )
    return relative.as_posix()


def sample_from_json(text: str | bytes, folder: str | Path = ".") -> Sample | Clip:
    """Read what :func:`sample_to_json` or another program wrote.

    Parameters
    ----------
    text
        One object.
    folder
        What its paths are relative to. A path that leaves the folder is refused.

    Raises
    ------
    ValueError
        If `text` is not JSON or not a sample. The message names the field, as in
        ``instances[2].parts[0].polygon``, what was found there and what belongs there.
    """
    try:
        return _item_from_json(text, Path(folder))
    except RecursionError:
        raise ValueError(
            "the sample is not JSON that can be read: it is nested too deeply"
        ) from None


def _item_from_json(text: str | bytes, folder: Path) -> Sample | Clip:
    try:
        record = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the sample is not valid JSON: {error}") from None
    fields = Fields(record, "the sample")
    item = _read_clip(fields, folder) if "clip" in fields else _read_sample(fields, folder)
    fields.finish()
    check_sample(item)
    return item


def _read_sample(fields: Fields, folder: Path) -> Sample:
    return Sample(
        image=_inside(fields, "file", fields.string("file"), folder),
        text=_optional(fields, "text", fields.string),
        label=_optional(fields, "label", fields.string),
        width=_optional(fields, "width", fields.count),
        height=_optional(fields, "height", fields.count),
        instances=fields.items("instances", _read_instance, ()),
        lexicon=fields.strings("lexicon", ()),
        masks={
            name: _inside(fields, f"masks[{name!r}]", path, folder)
            for name, path in fields.mapping("masks", {}).items()
        },
        details=fields.mapping("details", {}),
    )


def _read_instance(fields: Fields) -> TextInstance:
    instance = TextInstance(
        polygon=fields.polygon("polygon"),
        text=_optional(fields, "text", fields.string),
        level=fields.string("level", "word"),
        ignore=fields.boolean("ignore", False),
        language=fields.string("language", ""),
        attributes=fields.strings("attributes", ()),
        parts=fields.items("parts", _read_instance, ()),
    )
    fields.finish()
    return instance


def _read_clip(fields: Fields, folder: Path) -> Clip:
    return Clip(
        frames=_inside(fields, "clip", fields.string("clip"), folder),
        label=_optional(fields, "label", fields.string),
        name=fields.string("name", ""),
        text=_optional(fields, "text", fields.string),
        placeholders=fields.strings("placeholders", ()),
        frame_rate=_optional(fields, "frame_rate", fields.number),
        details=fields.mapping("details", {}),
    )


def _optional(fields: Fields, key: str, take: Callable[[str], Any]) -> Any:
    return take(key) if key in fields else None


def _inside(fields: Fields, key: str, path: Any, folder: Path) -> Path:
    """Join a relative path to `folder`, refusing what would leave it."""
    if isinstance(path, str) and path and "\\" not in path and "\0" not in path:
        parts = PurePosixPath(path)
        names = parts.parts
        if names and not parts.is_absolute() and ".." not in names and ":" not in names[0]:
            return folder / parts
    raise fields.wrong(key, path, "a path inside the folder, with / between its parts")


# --- JSON Lines -----------------------------------------------------------------------------------


def read_jsonl(path: str | Path) -> Iterator[Sample | Clip]:
    """Yield the samples of a JSON Lines file in order; empty lines are passed over.

    Raises
    ------
    OSError
        If the file cannot be read.
    DataFormatError
        If a line is not UTF-8 or not a sample; the message names file, line and field.
    """
    source = Path(path)
    with source.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                item = sample_from_json(
                    line.decode("utf-8-sig" if number == 1 else "utf-8"), source.parent
                )
            except ValueError as error:
                raise DataFormatError(f"{source}, line {number}: {error}") from None
            yield item


def write_jsonl(path: str | Path, items: Iterable[Sample | Clip]) -> int:
    """Write samples whose pixels are files to a JSON Lines file, and return how many.

    The file appears under its name when it is complete; an old one survives a failure.

    Raises
    ------
    ValueError
        As for :func:`sample_to_json`, with the number of the sample.
    OSError
        If the file cannot be written.
    """
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    count = 0
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as lines:
            for count, item in enumerate(items, start=1):
                try:
                    lines.write(sample_to_json(item, target.parent) + "\n")
                except ValueError as error:
                    raise ValueError(f"sample {count}: {error}") from None
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def save_samples(
    folder: str | Path, items: Iterable[Sample | Clip], *, suffix: str = ".png"
) -> list[Sample | Clip]:
    """Write pictures, masks and frames that are in memory as files, and ``labels.jsonl`` beside.

    Parameters
    ----------
    folder
        Made if it does not exist. Pictures go to ``images/000000.png`` and so on, masks to
        ``masks/000000.NAME.png``, frames to ``clips/000000/00001.png``. What is a file already
        must lie in the folder and stays where it is.
    items
        Samples and clips.
    suffix
        ".png", or ".jpg" for pictures and frames that may lose a little; masks are always PNG.

    Returns
    -------
    list
        The samples as they would be read back.

    Raises
    ------
    ValueError
        If a sample is not as its class describes it, or lies elsewhere.
    OSError
        If a file cannot be written.
    """
    base = Path(folder)
    base.mkdir(parents=True, exist_ok=True)
    saved: list[Sample | Clip] = []
    for number, item in enumerate(items):
        check_sample(item)
        if isinstance(item, Clip):
            saved.append(_save_clip(item, base, number, suffix))
        else:
            saved.append(_save_sample(item, base, number, suffix))
    write_jsonl(base / "labels.jsonl", saved)
    return saved


def _save_sample(sample: Sample, folder: Path, number: int, suffix: str) -> Sample:
    image, masks = sample.image, dict(sample.masks)
    if isinstance(image, np.ndarray):
        image = _write(folder / "images" / f"{number:06d}{suffix}", image)
    for name, mask in masks.items():
        if isinstance(mask, np.ndarray):
            path = folder / "masks" / f"{number:06d}.{name}.png"
            masks[name] = _write_mask(path, mask, name)
    width, height = sample.size()
    return replace(sample, image=image, masks=masks, width=width, height=height)


def _save_clip(clip: Clip, folder: Path, number: int, suffix: str) -> Clip:
    if isinstance(clip.frames, Path):
        return clip
    home = folder / "clips" / f"{number:06d}"
    for place, frame in enumerate(clip.frames, start=1):
        _write(home / f"{place:05d}{suffix}", frame)
    return replace(clip, frames=home)


def _write(path: Path, image: NDArray[np.uint8]) -> Path:
    from ocrlearn.image.read import write

    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, image)
    return path


def _write_mask(path: Path, mask: NDArray[Any], name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask_picture(mask, name).save(path)
    return path


def mask_picture(mask: NDArray[Any], name: str) -> "Image.Image":
    """Return a mask as a picture to be kept as PNG, of 1, 8 or 16 bits.

    bool, uint8 and uint16 come back from :func:`mask_values` as they are, other whole numbers as
    uint8 or uint16, whichever is enough.

    Raises
    ------
    ValueError
        If a number is below 0 or above 65535.
    """
    from PIL import Image

    if mask.dtype not in (np.bool_, np.uint8, np.uint16):
        low, high = (int(mask.min()), int(mask.max())) if mask.size else (0, 0)
        if low < 0 or high > 65535:
            raise ValueError(f"mask {name!r} must lie in [0, 65535], got [{low}, {high}]")
        mask = mask.astype(np.uint8 if high < 256 else np.uint16)
    return Image.fromarray(mask)


def mask_values(image: "Image.Image") -> NDArray[Any]:
    """Return a mask ``(H, W)`` from its picture: bool, uint8 or uint16; of a palette, the numbers.

    Raises
    ------
    ValueError
        If the picture has more than one channel.
    OSError, SyntaxError
        If it is damaged.
    """
    if image.mode not in ("1", "L", "P", "I", "I;16"):
        raise ValueError(f"a mask must have one channel, got mode {image.mode!r}")
    values = np.array(image)
    return values.astype(np.uint16) if image.mode == "I" else values


def _read_mask(path: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(path) as image:
        try:
            return mask_values(image)
        except (ValueError, SyntaxError) as error:
            raise DataFormatError(f"{path}: {error}") from None


# --- Pages ----------------------------------------------------------------------------------------


def sample_from_page(image: Path | NDArray[np.uint8], page: Page, **fields: Any) -> Sample:
    """Return a page of lines, words and characters as a sample, with its text.

    Parameters
    ----------
    image
        The picture, or where it is.
    page
        What stands on it.
    fields
        Further fields of :class:`Sample`, such as `masks`.
    """
    lines = tuple(
        TextInstance(
            _polygon(line.quad), line.text, "line", parts=tuple(map(_from_word, line.words))
        )
        for line in page.lines
    )
    return Sample(
        image, text=page.text, instances=lines, width=page.width, height=page.height, **fields
    )


def _from_word(word: Word) -> TextInstance:
    characters = tuple(
        TextInstance(_polygon(character.quad), character.text, "character")
        for character in word.characters
    )
    return TextInstance(_polygon(word.quad), word.text, "word", parts=characters)


def _polygon(quad: Any) -> NDArray[np.float32]:
    return np.asarray(quad, dtype=np.float32)


def page_from_sample(sample: Sample) -> Page:
    """Return the texts of a sample as a page, for scoring, drawing and hOCR.

    Words and characters that are not part of a line become lines of their own, in the order given.
    What is to be ignored, and what has no transcription, is left out; polygons become quads.
    """
    width, height = sample.size()
    lines = [_to_line(item) for item in sample.instances if _counts(item)]
    return Page(tuple(lines), width, height, method="truth")


def _counts(instance: TextInstance) -> bool:
    return not instance.ignore and instance.text is not None


def _to_line(instance: TextInstance) -> Line:
    if instance.level == "line" and instance.parts and instance.parts[0].level == "word":
        words = tuple(_to_word(part) for part in instance.parts if _counts(part))
    else:
        words = (_to_word(instance),)
    return Line(instance.quad, words)


def _to_word(instance: TextInstance) -> Word:
    characters = tuple(
        Character(part.text or "", part.quad, 1.0)
        for part in instance.parts
        if part.level == "character" and _counts(part)
    )
    return Word(instance.text or "", instance.quad, 1.0, characters)

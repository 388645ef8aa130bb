"""CTW, Chinese Text in the Wild: a million characters in 32,285 street views, each in a quad.

Owner: Tai-Ling Yuan and colleagues, Tsinghua University and Tencent; CC BY-NC-SA 4.0
(https://ctwdataset.github.io/, whose tutorial describes the format).

Paper: T.-L. Yuan, Z. Zhu, K. Xu, C.-J. Li, T.-J. Mu, S.-M. Hu, "A Large Chinese Text Dataset in the
Wild", Journal of Computer Science and Technology 34(3), 2019.

Not to be mixed up with SCUT-CTW1500 (curved text) or CTW-12k, another name of RCTW-17.

Layout
------
::

    annotations/train.jsonl, val.jsonl, test_cls.jsonl, info.json
    images/trainval/0000172.jpg
    images/test/2000001.jpg

Lines
-----
JSON Lines in UTF-8, an image to a line. ``annotations`` holds sentences, lists of characters; every
image is 2048 x 2048::

    {"image_id": "0000172", "file_name": "0000172.jpg", "width": 2048, "height": 2048,
     "annotations": [[{"polygon": [[140.2, 897.0], [162.4, 896.9], [162.7, 919.5], [140.3, 919.8]],
                       "text": "金", "is_chinese": true, "attributes": ["bgcomplex", "raised"],
                       "adjusted_bbox": [140.2, 896.9, 22.4, 22.8]}]],
     "ignore": [{"polygon": [...], "bbox": [...]}]}

``ignore`` holds regions whose characters nobody could read: "don't care". Attributes are occluded,
bgcomplex, distorted, raised, wordart and handwritten. ``adjusted_bbox`` follows from ``polygon``,
see :func:`adjusted_box`. In ``test_cls.jsonl``, characters are ``proposals`` without text, and
``info.json`` lists the images of all splits, among them those of ``test_det``, of which nothing
else is told.

Traps
-----
- Only Chinese characters are annotated completely, letters and digits here and there.
- A sentence has no outline of its own. Ours is the smallest rectangle around its characters, which
  may take in what lies between them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn import geometry
from ocrlearn._fields import Fields
from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    clockwise,
    existing,
    find_file,
    find_folder,
    inside,
    located,
    read_json,
    read_json_lines,
)
from ocrlearn.data.samples import Sample, TextInstance

__all__ = ["adjusted_box", "read_ctw"]

SPLITS = ("train", "val", "test_cls", "test_det")


def read_ctw(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the street views with their lines of text, whose parts are characters.

    Parameters
    ----------
    folder
        Where annotations and images are; see the module's docstring.
    split
        "train", "val", "test_cls" (characters without text) or "test_det" (no instances).

    Raises
    ------
    FileNotFoundError
        If a file is missing, or an image of which it speaks.
    DataFormatError
        If it is not in the format; the message names file, line and field.
    """
    check_choice(split, "split", SPLITS)
    images = "trainval" if split in ("train", "val") else "test"
    images_at = find_folder(folder, (f"images/{images}", images), f"the {split} images")
    name = "info.json" if split == "test_det" else f"{split}.jsonl"
    path = find_file(folder, (f"annotations/{name}", name), f"the {split} annotations")
    return _listed(path, images_at, split) if split == "test_det" else _annotated(path, images_at)


def _listed(path: Path, images_at: Path, split: str) -> Iterator[Sample]:
    with located(str(path)):
        records = Fields(read_json(path), "the file").items(split, lambda fields: fields)
    for number, fields in enumerate(records):
        yield _sample(fields, images_at, f"{path}, {split}[{number}]")


def _annotated(path: Path, images_at: Path) -> Iterator[Sample]:
    for line, fields in read_json_lines(path, "an image"):
        with located(line.place):
            sentences = _lists(fields, "annotations")
            instances = [_read_sentence(sentence, n) for n, sentence in enumerate(sentences)]
            instances += fields.items("proposals", _read_character, ())
            instances += fields.items("ignore", _read_ignored, ())
        yield _sample(fields, images_at, line.place, tuple(instances))


def _sample(
    fields: Fields, images_at: Path, place: str, instances: tuple[TextInstance, ...] = ()
) -> Sample:
    with located(place):
        name = inside(images_at, fields.string("file_name"), place)
        width, height = fields.count("width"), fields.count("height")
    return Sample(existing(name, place), instances=instances, width=width, height=height)


def _lists(fields: Fields, key: str) -> list[Any]:
    value = fields.anything(key, [])
    if not isinstance(value, list) or not all(isinstance(part, list) and part for part in value):
        raise fields.wrong(key, value, "an array of arrays, none of them empty")
    return value


def _read_sentence(sentence: list[Any], number: int) -> TextInstance:
    characters = tuple(
        _read_character(Fields(character, "a character", f"annotations[{number}][{place}]"))
        for place, character in enumerate(sentence)
    )
    text = "".join(character.text or "" for character in characters)
    outline = _around([character.polygon for character in characters])
    return TextInstance(outline, text, "line", parts=characters)


def _read_character(fields: Fields) -> TextInstance:
    text = fields.string("text") if "text" in fields else None
    if text is not None and len(text) != 1:
        raise fields.wrong("text", text, "one character")
    chinese = fields.boolean("is_chinese", False)
    attributes = fields.strings("attributes", ())
    language = "Chinese" if chinese else ""
    return TextInstance(_quad(fields), text, "character", language=language, attributes=attributes)


def _read_ignored(fields: Fields) -> TextInstance:
    return TextInstance(_quad(fields), None, "line", ignore=True)


def _quad(fields: Fields) -> NDArray[np.float32]:
    return clockwise(fields.quad("polygon"))


def _around(quads: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the smallest rectangle around characters, numbered as the characters are.

    Its top is the side that runs most nearly as the tops of the characters do, so that a column of
    upright characters begins at its top-left as a row does.
    """
    if len(quads) == 1:
        return quads[0]
    corners = np.stack(quads)
    rectangle = geometry.min_area_rectangle(corners.reshape(-1, 2))
    outline = np.asarray(geometry.rotated_box_to_quad(rectangle), dtype=np.float32)
    rightwards = (corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]).sum(axis=0)
    sides = np.roll(outline, -1, axis=0) - outline
    lengths = np.maximum(np.hypot(sides[:, 0], sides[:, 1]), np.finfo(np.float32).tiny)
    return np.roll(outline, -int(np.argmax(sides @ rightwards / lengths)), axis=0)


def adjusted_box(quad: NDArray[Any]) -> NDArray[np.float64]:
    """Return the box that CTW's ``adjusted_bbox`` gives for the quad of a character.

    It surrounds the points at one and two thirds of each side, and so is tighter than the box
    around the corners where the quad is slanted.

    Parameters
    ----------
    quad
        ``(4, 2)``.

    Returns
    -------
    array
        ``(4,)`` float64, left, top, right, bottom. (The file has left, top, width, height.)
    """
    corners = np.asarray(quad, dtype=np.float64)
    following = np.roll(corners, -1, axis=0)
    thirds = np.concatenate([(2 * corners + following) / 3, (corners + 2 * following) / 3])
    return np.concatenate([thirds.min(axis=0), thirds.max(axis=0)])

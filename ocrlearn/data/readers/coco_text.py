"""COCO-Text: the text that happens to be in 63,686 photographs of MS COCO.

Owner: Andreas Veit and colleagues, Cornell Tech; the text annotations are CC BY 4.0
(https://bgshih.github.io/cocotext/). The images are COCO's.

Paper: A. Veit, T. Matera, L. Neumann, J. Matas, S. Belongie, "COCO-Text: Dataset and Benchmark for
Text Detection and Recognition in Natural Images", arXiv:1601.07140, 2016.

Layout
------
::

    cocotext.v2.json                                version 2, or
    COCO_Text.json                                  version 1.4
    train2014/COCO_train2014_000000540965.jpg       images of all splits are of COCO's train2014

Form
----
One JSON object, whose images and annotations are stored by number::

    {"imgs":  {"217925": {"id": 217925, "set": "train", "width": 640, "height": 360,
                          "file_name": "COCO_train2014_000000217925.jpg"}},
     "anns":  {"45346": {"id": 45346, "image_id": 217925, "utf8_string": "New",
                         "legibility": "legible", "language": "english",
                         "class": "machine printed", "bbox": [468.9, 286.7, 24.1, 9.1],
                         "mask": [468.9, 286.7, 468.9, 295.2, 493.0, 295.8, 493.0, 287.2]}},
     "imgToAnns": {"217925": [45346]}}

``bbox`` is left, top, width, height. The outline is a flat list of x and y, called ``polygon`` in
version 1 and ``mask`` in version 2. ``utf8_string`` may be missing. Illegible words, and those
without a text, are "don't care".

Traps
-----
- Outlines go either way round; ours go clockwise from the owner's first corner, which mostly is the
  text's top-left.
- An outline with fewer than four corners is no region: the box stands in, with the attribute "box".
- ``language`` is "english", "not english" or "na". Papers that read English alone also ignore what
  is not; that is left to the caller.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._fields import Fields, shown
from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    clockwise,
    existing,
    extent_quad,
    find_file,
    find_folder,
    inside,
    located,
    read_json,
)
from ocrlearn.data.samples import Sample, TextInstance

__all__ = ["read_coco_text"]

SPLITS = ("train", "val", "test")
_FILES = ("cocotext.v2.json", "cocotext.v2/cocotext.v2.json", "COCO_Text.json")


def read_coco_text(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the photographs with their texts, version 2 if both versions are there.

    Parameters
    ----------
    folder
        Where annotations and images are; see the module's docstring.
    split
        "train", "val" or "test", as the field ``set`` has it.

    Raises
    ------
    FileNotFoundError
        If the annotations are missing, or an image of which they speak.
    DataFormatError
        If they are not in the format; the message names the field.
    """
    check_choice(split, "split", SPLITS)
    path = find_file(folder, _FILES, "the annotations")
    images_at = find_folder(folder, ("train2014", "images", "."), "the images")
    return _samples(path, images_at, split)


def _samples(path: Path, images_at: Path, split: str) -> Iterator[Sample]:
    with located(str(path)):
        whole = Fields(read_json(path), "the file")
        images, annotations = whole.mapping("imgs"), whole.mapping("anns")
        annotations_of = whole.mapping("imgToAnns")
        chosen = sorted((key for key in images if _is_in(images, key, split)), key=_by_number)
    for key in chosen:
        place = f"{path}, imgs[{key!r}]"
        with located(str(path)):
            image = Fields(images[key], "an image", f"imgs[{key!r}]")
            name = inside(images_at, image.string("file_name"), place)
            width, height = image.count("width"), image.count("height")
            numbers = annotations_of.get(key, [])
            if not isinstance(numbers, list):
                raise ValueError(f"imgToAnns[{key!r}] must be an array, got {shown(numbers)}")
            instances = tuple(_read_instance(annotations, number, key) for number in numbers)
        yield Sample(existing(name, place), instances=instances, width=width, height=height)


def _is_in(images: dict[str, Any], key: str, split: str) -> bool:
    owner = Fields(images[key], "an image", f"imgs[{key!r}]")
    chosen = owner.string("set")
    if chosen not in SPLITS:
        raise owner.wrong("set", chosen, f"one of {', '.join(SPLITS)}")
    return chosen == split


def _by_number(key: str) -> tuple[int, str]:
    return (len(key), key)


def _read_instance(annotations: dict[str, Any], number: Any, image: str) -> TextInstance:
    key = str(number)
    if key not in annotations:
        raise ValueError(
            f"imgToAnns[{image!r}] must hold numbers of annotations, got {shown(number)}"
        )
    fields = Fields(annotations[key], "an annotation", f"anns[{key!r}]")
    text = fields.string("utf8_string", "") or None
    legible = fields.string("legibility") == "legible"
    polygon, attributes = _outline(fields, f"anns[{key!r}]")
    language = fields.string("language", "")
    kind = fields.string("class", "")
    return TextInstance(
        polygon,
        text,
        ignore=not legible or text is None,
        language="" if language == "na" else language,
        attributes=((kind,) if kind else ()) + attributes,
    )


def _outline(fields: Fields, place: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the polygon of an annotation, or its box with the attribute that says so."""
    name = "mask" if "mask" in fields else "polygon"
    corners = fields.anything(name, [])
    usable = isinstance(corners, list) and len(corners) >= 8
    found = corners if usable else fields.anything("bbox")
    try:
        return (clockwise(found), ()) if usable else (extent_quad(found), ("box",))
    except ValueError as error:
        raise ValueError(f"{place}.{name if usable else 'bbox'}: {error}") from None

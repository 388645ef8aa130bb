"""FSNS, French Street Name Signs: a million signs, each seen up to four times by Street View.

Owner: Google.

Paper: R. Smith, C. Gu, D.-S. Lee, H. Hu, R. Unnikrishnan, J. Ibarz, S. Arnoud, S. Lin, "End-to-End
Interpretation of the French Street Name Signs Dataset", ECCV Workshops 2016.

Layout and records
------------------
::

    charset_size=134.txt        0<TAB><SPACE>    ...    133<TAB><nul>
    train/train-00000-of-00512
    validation/validation-00000-of-00064
    test/test-00000-of-00064

The files are TFRecord files of ``tf.train.Example`` (:mod:`ocrlearn.data.tfrecord`), with

==========================  ======================================================================
feature                     value
==========================  ======================================================================
``image/encoded``           PNG, 600 x 150: four views of 150 x 150 side by side
``image/format``            "PNG"
``image/height``            150
``image/width``             600
``image/orig_width``        the width that holds views, a multiple of 150; the rest is padding
``image/class``             37 numbers of characters, padded at the end with 133
``image/unpadded_class``    the same without the padding
``image/text``              UTF-8
==========================  ======================================================================

The character table has a number, a tab and a character on each line; ``<nul>`` is the padding.

Traps
-----
- Character 0 is the space: whoever strips the lines of the table loses it.
- Signs on two or three lines are one text with spaces between; the words are in title case
  ("Rue de la Gare") whatever the sign shows.
- Where there are fewer than four views, the padding is no picture of the sign: look at "views".

Deviations
----------
Pictures lie in the records, so they are decoded as the samples are taken, one at a time, and
``Sample.image`` is an array. Splits of 158 GB are never opened twice or sorted: files in natural
order, records as they stand.
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    find_file,
    find_folder,
    in_natural_order,
    inside,
    located,
    parse_whole,
)
from ocrlearn.data.samples import Sample
from ocrlearn.data.tfrecord import Feature, parse_example, read_records

__all__ = ["MOST_CHARACTERS", "VIEW_WIDTH", "read_characters", "read_fsns"]

MOST_CHARACTERS = 37
VIEW_WIDTH = 150


def read_fsns(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read FSNS: pictures of four views of a sign, with the `text` on it.

    Parameters
    ----------
    folder
        The one with the character table and a folder for each split.
    split
        "train" (1,044,868 signs), "validation" (16,150) or "test" (20,404).

    Returns
    -------
    iterator of Sample
        ``details["views"]`` is how many of the four views, from the left, show the sign. Where the
    numbers of characters spell something else than the text, ``details["text_of_classes"]`` has it.

    Raises
    ------
    FileNotFoundError
        If the table or the files of the split are not there.
    DataFormatError
        If a record is damaged or not as described above. The message names file and record.
    """
    check_choice(split, "split", ("train", "validation", "test"))
    characters = read_characters(folder)
    home = find_folder(folder, (split,), f"the files of the {split} split")
    paths = [path for path in in_natural_order(home.iterdir()) if path.name.startswith(split)]
    if not paths:
        raise FileNotFoundError(f"expected files like {home / split}-00000-of-00512, got none")
    return _samples([inside(home, path.name) for path in paths], characters)


def read_characters(folder: str | Path) -> dict[int, str]:
    """Return the character of every number; the padding's is the empty string."""
    path = find_file(folder, ("charset_size=134.txt",), "the character table")
    characters: dict[int, str] = {}
    for number, row in enumerate(path.read_bytes().split(b"\n"), start=1):
        with located(f"{path}, line {number}"):
            if row.strip():
                code, character = _table_row(row)
                if code in characters:
                    raise ValueError(f"expected a new number, got {code} again")
                characters[code] = character
    return characters


def _table_row(row: bytes) -> tuple[int, str]:
    code, tab, character = _utf8(row).removeprefix("\ufeff").removesuffix("\r").partition("\t")
    number = parse_whole(code)
    if number is None or not (tab and character):
        raise ValueError(f"expected a number, a tab and a character, got {row!r}")
    return number, "" if character == "<nul>" else character


def _samples(paths: list[Path], characters: Mapping[int, str]) -> Iterator[Sample]:
    for path in paths:
        for number, record in enumerate(read_records(path), start=1):
            with located(f"{path}, record {number}"):
                sample = _sample(parse_example(record), characters)
            yield sample


def _sample(features: Mapping[str, Feature], characters: Mapping[int, str]) -> Sample:
    image = _decoded(_one_text(features, "image/encoded"))
    height, width = image.shape[:2]
    classes = _numbers(features, "image/class", most=MOST_CHARACTERS)
    unknown = [code for code in classes if code not in characters]
    if unknown:
        raise ValueError(f"expected classes of the character table, got {unknown[0]}")
    text = _utf8(_one_text(features, "image/text"))
    spelt = "".join(characters[code] for code in classes)
    (used,) = _numbers(features, "image/orig_width", most=1)
    if used % VIEW_WIDTH or not VIEW_WIDTH <= used <= width:
        raise ValueError(f"expected a multiple of {VIEW_WIDTH} as image/orig_width, got {used}")
    details: dict[str, Any] = {"views": used // VIEW_WIDTH}
    if spelt != text:
        details["text_of_classes"] = spelt
    return Sample(image, text=text, width=width, height=height, details=details)


def _one_text(features: Mapping[str, Feature], name: str) -> bytes:
    values: Any = features.get(name)
    if not isinstance(values, list) or len(values) != 1:
        raise ValueError(f"expected one byte string as {name}, got {_described(values)}")
    return bytes(values[0])


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"expected text in UTF-8, got {data!r}") from None


def _numbers(features: Mapping[str, Feature], name: str, most: int) -> list[int]:
    values: Any = features.get(name)
    fits = isinstance(values, np.ndarray) and values.dtype == np.int64
    if not fits or not 1 <= len(values) <= most:
        raise ValueError(f"expected 1 to {most} whole numbers as {name}, got {_described(values)}")
    return [int(value) for value in values]


def _described(values: Any) -> str:
    return "none" if values is None else f"{len(values)} of {type(values).__name__}"


def _decoded(data: bytes) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"expected a picture as image/encoded: {error}") from None

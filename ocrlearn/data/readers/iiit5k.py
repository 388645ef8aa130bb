"""IIIT 5K-Word: 5,000 words cropped from photographs and born-digital images found by Google.

Owner: Centre for Visual Information Technology, IIIT Hyderabad.

Paper: A. Mishra, K. Alahari, C. V. Jawahar, "Scene Text Recognition using Higher Order Language
Priors", BMVC 2012.

Layout and records
------------------
::

    IIIT5K/traindata.mat        2,000 records: ImgName 'train/1009_2.png', GroundTruth 'YOU',
                                smallLexi {1 x 50}, mediumLexi {1 x 1000}
    IIIT5K/testdata.mat         3,000 records
    IIIT5K/trainCharBound.mat   ImgName, chars 'YOU', charBB 3 x 4: left, top, width, height
    IIIT5K/testCharBound.mat
    IIIT5K/lexicon.txt          half a million English words, not read here
    IIIT5K/train/1009_2.png

The two files of a split hold the structure arrays ``traindata`` and ``trainCharBound``. Both lists
are in the same order, but the order is not relied upon.

Traps
-----
- Boxes count pixels from 1, as MATLAB does: over all 5,000 words no left and no top is less than 1,
  and left + width goes up to one more than the image is wide. Here they count from 0.
- Words are in capitals whatever the image shows; compare without case.
- Recognition "with the small lexicon" means: choose among 50 words, one of which is right.

Deviations
----------
The quad of a word is the box around its characters; the owner gives none.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    box_quad,
    find_file,
    find_folder,
    inside,
    located,
    read_mat,
)
from ocrlearn.data.readers._matlab import cells, records, text
from ocrlearn.data.samples import DataFormatError, Sample, TextInstance

__all__ = ["read_iiit5k"]

LEXICONS = {"small": "smallLexi", "medium": "mediumLexi", "none": ""}


def read_iiit5k(
    folder: str | Path,
    split: str = "train",
    *,
    lexicon: str = "small",
    characters: bool = False,
) -> Iterator[Sample]:
    """Read IIIT 5K-Word: images of one word, with `text` and `lexicon`.

    Parameters
    ----------
    folder
        ``IIIT5K``, or the one it was unpacked in.
    split
        "train" (2,000) or "test" (3,000).
    lexicon
        "small" (50 words), "medium" (1,000) or "none".
    characters
        Whether to read the boxes of characters as well: each sample then has one instance, the
        word, with the characters as its parts.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    DataFormatError
        If a file is not as described above, or a path leaves the folder. The message names the
        record, counted from 1.
    """
    check_choice(split, "split", ("train", "test"))
    check_choice(lexicon, "lexicon", tuple(LEXICONS))
    base = find_folder(folder, ("IIIT5K", "."), "the folder of IIIT 5K-Word")
    data = find_file(base, (f"{split}data.mat",), f"the words of the {split} split")
    boxes = None
    if characters:
        boxes = find_file(base, (f"{split}CharBound.mat",), f"the boxes of the {split} split")
    return _samples(base, data, boxes, LEXICONS[lexicon])


def _samples(base: Path, data: Path, boxes: Path | None, lexicon: str) -> Iterator[Sample]:
    instances = {} if boxes is None else _instances(boxes)
    names = ("ImgName", "GroundTruth", *([lexicon] if lexicon else []))
    for place, record in _records(data, names):
        name = text(record["ImgName"], f"{place}, ImgName")
        image = inside(base, name, place)
        words = cells(record[lexicon], f"{place}, {lexicon}") if lexicon else ()
        if boxes is not None and name not in instances:
            raise DataFormatError(f"{boxes}: expected a record of {name}, got none")
        yield Sample(
            image,
            text=text(record["GroundTruth"], f"{place}, GroundTruth"),
            lexicon=tuple(text(word, f"{place}, {lexicon}") for word in words),
            instances=(instances[name],) if boxes is not None else (),
        )


def _records(path: Path, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Give place and record of each element of the structure that a file is named after."""
    variables = read_mat(path)
    if path.stem not in variables:
        raise DataFormatError(f"{path}: expected the variable {path.stem}, got {sorted(variables)}")
    for number, record in enumerate(records(variables[path.stem], names, str(path)), start=1):
        yield f"{path}, record {number}", record


def _instances(path: Path) -> dict[str, TextInstance]:
    """Return the word of every image with its characters."""
    instances = {}
    for place, record in _records(path, ("ImgName", "chars", "charBB")):
        letters = text(record["chars"], f"{place}, chars")
        with located(f"{place}, charBB"):
            instances[text(record["ImgName"], place)] = _word(letters, record["charBB"])
    return instances


def _word(letters: str, boxes: NDArray[Any]) -> TextInstance:
    if boxes.shape != (len(letters), 4) or boxes.dtype.kind not in "iuf" or not len(letters):
        raise ValueError(
            f"expected {len(letters)} x 4 numbers, one row for each character of {letters!r}, "
            f"got {boxes.dtype} of shape {boxes.shape}"
        )
    left, top, width, height = boxes.astype(np.float64).T
    left, top = left - 1, top - 1  # MATLAB's first pixel is number 1
    right, bottom = left + width, top + height
    parts = tuple(
        TextInstance(box_quad(*sides), letter, "character")
        for letter, *sides in zip(letters, left, top, right, bottom, strict=True)
    )
    return TextInstance(
        box_quad(left.min(), top.min(), right.max(), bottom.max()), letters, "word", parts=parts
    )

"""CCPD, the Chinese City Parking Dataset: number plates of parked cars, 300,000 photographs.

Owner: Zhenbo Xu and colleagues, University of Science and Technology of China.

Paper: Z. Xu, W. Yang, A. Meng, N. Lu, H. Huang, C. Ying, L. Huang, "Towards End-to-End License
Plate Detection and Recognition: A Large Dataset and Baseline", ECCV 2018. The photographs are those
of CCPD2019; CCPD-Green (CCPD2020) adds 11,776 green plates of electric cars.

Layout and names
----------------
::

    CCPD2019/ccpd_base/NAME.jpg         also ccpd_blur, ccpd_challenge, ccpd_db, ccpd_fn, ccpd_np,
    CCPD2019/...                        ccpd_rotate, ccpd_tilt, ccpd_weather
    CCPD2019/splits/train.txt           ccpd_base/NAME.jpg
    CCPD2020/ccpd_green/train/NAME.jpg  also test and val

There is no annotation file: the truth is the name, seven fields separated by ``-``::

    025-95_113-154&383_386&473-386&473_177&454_154&383_363&402-0_0_22_27_27_33_16-37-15.jpg
    |   |      |               |                               |                  |  |
    |   |      |               four corners                    characters         |  blurriness
    |   |      box: left, top, right, bottom                                      brightness
    |   tilt, horizontal and vertical, in degrees
    area of the plate over that of the image: the digits behind "0."

- **Corners** begin at the *bottom right* and go clockwise on the screen: bottom right, bottom left,
  top left, top right. So the third is the text's own top-left, with which our quads begin. (All
  91,979 names of the lists of ``ccpd_blur`` to ``ccpd_tilt`` go this way round.)
- **Characters** are numbers in three tables: of provinces for the first, of letters for the second,
  of letters and digits for the rest, five on blue plates and six on green ones. There is no I, and
  no letter O: the last entry of every table is O and means that there is no character.

Traps
-----
- ``ccpd_np`` shows cars without plates. Its names mean nothing, and its samples have no instances.
- Nearly nine in ten plates are of Anhui (皖; 88 % of those lists): who trains on CCPD alone learns
  to print 皖.
- A number plate is personal data in some countries.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocrlearn._fields import shown
from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    clockwise,
    find_file,
    find_folder,
    images_by_stem,
    inside,
    read_lines,
)
from ocrlearn.data.samples import DataFormatError, Sample, TextInstance

__all__ = ["LETTERS", "LETTERS_AND_DIGITS", "PROVINCES", "read_ccpd", "read_ccpd_green"]

PROVINCES = "皖沪津渝冀晋蒙辽吉黑苏浙京闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新警学O"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZO"
LETTERS_AND_DIGITS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789O"
NO_CHARACTER = "O"

LISTED = ("train", "val", "test")
FOLDERS = ("base", "blur", "challenge", "db", "fn", "np", "rotate", "tilt", "weather")


def read_ccpd(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read CCPD2019: photographs of one plate, with its quad, box and characters.

    Parameters
    ----------
    folder
        ``CCPD2019``, or the one it was unpacked in.
    split
        "train", "val" or "test", by the owner's lists; or a sub-set, all of its folder: "base",
        "blur", "challenge", "db", "fn", "np", "rotate", "tilt" or "weather".

    Returns
    -------
    iterator of Sample
        With one instance (none in "np"), a word; and in ``details`` "area", "tilt", "box",
        "brightness" and "blurriness".

    Raises
    ------
    FileNotFoundError
        If the list or the folder is not there.
    DataFormatError
        If a name is not as described above, or a path leaves the folder.
    """
    check_choice(split, "split", LISTED + FOLDERS)
    base = find_folder(folder, ("CCPD2019", "."), "the folder of CCPD")
    if split in FOLDERS:
        return _in_folder(find_folder(base, (f"ccpd_{split}",), f"the sub-set {split}"), 7)
    lists = (f"splits/{split}.txt", f"split/{split}.txt")
    return _listed(find_file(base, lists, f"the list of the {split} split"), base)


def read_ccpd_green(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read CCPD-Green: photographs of one green plate of eight characters; see :func:`read_ccpd`.

    Parameters
    ----------
    folder
        ``ccpd_green``, or the one it was unpacked in.
    split
        "train", "val" or "test".
    """
    check_choice(split, "split", LISTED)
    bases = ("CCPD2020/ccpd_green", "ccpd_green", ".")
    base = find_folder(folder, bases, "the folder of CCPD-Green")
    return _in_folder(find_folder(base, (split,), f"the {split} split"), 8)


def _in_folder(folder: Path, characters: int) -> Iterator[Sample]:
    for image in images_by_stem(folder).values():
        yield _sample(image, characters, str(image))


def _listed(path: Path, base: Path) -> Iterator[Sample]:
    for line in read_lines(path):
        yield _sample(inside(base, line.text.strip(), line.place), 7, line.place)


def _sample(image: Path, characters: int, place: str) -> Sample:
    if image.parent.name == "ccpd_np":
        return Sample(image)
    fields = image.stem.split("-")
    if len(fields) != 7:
        raise DataFormatError(
            f"{place}: expected a name of 7 fields separated by -, got {len(fields)} in "
            f"{shown(image.name)}"
        )
    area, tilt, box, corners, plate, brightness, blurriness = fields
    quad = _points(corners, 4, f"{place}, corners")
    instance = TextInstance(
        polygon=clockwise(np.roll(quad, 2, axis=0)),
        text=_text(plate, characters, place),
    )
    details = {
        "area": float(f"0.{_digits(area, f'{place}, area', most=40)}"),
        "tilt": _integers(tilt, 2, f"{place}, tilt"),
        "box": _points(box, 2, f"{place}, box").ravel().tolist(),
        "brightness": _integers(brightness, 1, f"{place}, brightness")[0],
        "blurriness": _integers(blurriness, 1, f"{place}, blurriness")[0],
    }
    return Sample(image, instances=(instance,), details=details)


def _text(plate: str, characters: int, place: str) -> str:
    numbers = _integers(plate, characters, f"{place}, characters")
    tables = (PROVINCES, LETTERS, *[LETTERS_AND_DIGITS] * (characters - 2))
    for number, table in zip(numbers, tables, strict=True):
        if number >= len(table):
            raise DataFormatError(
                f"{place}, characters: expected a number below {len(table)}, got {number}"
            )
    text = (table[number] for number, table in zip(numbers, tables, strict=True))
    return "".join(character for character in text if character != NO_CHARACTER)


def _points(text: str, count: int, place: str) -> NDArray[np.int64]:
    """Parse ``x&y_x&y`` as ``(count, 2)``."""
    pairs = text.split("_")
    if len(pairs) != count or any(pair.count("&") != 1 for pair in pairs):
        wanted = f"{count} points like 386&473 with _ between them"
        raise DataFormatError(f"{place}: expected {wanted}, got {shown(text)}")
    return np.array([_integers(pair, 2, place, "&") for pair in pairs], dtype=np.int64)


def _integers(text: str, count: int, place: str, separator: str = "_") -> list[int]:
    parts = text.split(separator)
    if len(parts) != count:
        wanted = f"{count} whole numbers" if count > 1 else "a whole number"
        raise DataFormatError(f"{place}: expected {wanted}, got {shown(text)}")
    return [int(_digits(part, place, most=9)) for part in parts]


def _digits(text: str, place: str, most: int) -> str:
    if not (text.isascii() and text.isdecimal() and len(text) <= most):
        raise DataFormatError(f"{place}: expected at most {most} digits, got {shown(text)}")
    return text

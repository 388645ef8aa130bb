r"""ICDAR 2013, Focused Scene Text: photographs of which text is the subject, and cropped words.

Owner: Robust Reading Competition, Computer Vision Center, Barcelona; Challenge 2. Formats after its
page of tasks (https://rrc.cvc.uab.es/?ch=2&com=tasks).

Paper: D. Karatzas, F. Shafait, S. Uchida, M. Iwamura, L. Gomez i Bigorda, S. Robles Mestre, J. Mas,
D. Fernandez Mota, J. Almazan Almazan, L. P. de las Heras, "ICDAR 2013 Robust Reading Competition",
ICDAR 2013.

Layout
------
The archives, each unpacked into a folder of its own, under the owner's name or the short one::

    Challenge2_Training_Task12_Images/100.jpg      or train_images/
    Challenge2_Training_Task1_GT/gt_100.txt        or train_gt/
    Challenge2_Test_Task12_Images/img_1.jpg        or test_images/
    Challenge2_Test_Task1_GT/gt_img_1.txt          or test_gt/
    Challenge2_Training_Task3_Images_GT/word_1.png and gt.txt       or train_words/
    Challenge2_Test_Task3_Images/word_1.png                         or test_words/
    Challenge2_Test_Task3_GT.txt                                    or test_words/gt.txt

Lines
-----
A word: left, top, right, bottom, text. Files for training have spaces, those for the test commas::

    158 128 411 181 "Footpath"
    38, 43, 920, 215, "Tiredness"

A cropped word: ``word_1.png, "PROPER"``. In both, a backslash stands before ``"`` and ``\`` in the
text. Files are ASCII with CRLF.

Traps
-----
- Nothing is marked "don't care".
- Of 1,095 cropped test words, papers on recognition use 1,015 (letters and digits only) or 857
  (these, at least three long). The lists of these are not the owner's: filter, and say how.

Deviations
----------
The characters and pixel masks of Task 2 (segmentation) are not read.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    Line,
    annotated_images,
    box_quad,
    files_by_stem,
    find_file,
    find_folder,
    images_by_stem,
    located,
    numbers,
    pairs_by_stem,
    quoted_words,
    unquote,
)
from ocrlearn.data.samples import Sample, TextInstance

__all__ = ["read_icdar2013", "read_icdar2013_words"]

_OWNERS_NAME = {"train": "Training", "test": "Test"}
_FIELDS = re.compile(r"\s*" + r"([^\s,]+)[\s,]\s*" * 4 + r'(".*")\s*')
_WANTED = "4 numbers and a text in quotation marks, separated by spaces or commas"


def read_icdar2013(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the photographs with their words (Task 2.1).

    Parameters
    ----------
    folder
        Where the archives have been unpacked; see the module's docstring.
    split
        "train" (229 images) or "test" (233).

    Raises
    ------
    FileNotFoundError
        If a folder is missing, or an image or its label file.
    DataFormatError
        If a line is not in the format; the message names file and line.
    """
    check_choice(split, "split", tuple(_OWNERS_NAME))
    name = f"Challenge2_{_OWNERS_NAME[split]}"
    images_at = find_folder(
        folder, (f"{name}_Task12_Images", f"{split}_images"), f"the {split} images"
    )
    labels_at = find_folder(folder, (f"{name}_Task1_GT", f"{split}_gt"), f"the {split} labels")
    images, labels = images_by_stem(images_at), files_by_stem(labels_at, (".txt",), "gt_")
    return annotated_images(pairs_by_stem(images, labels, images_at, labels_at), _read_word)


def _read_word(line: Line) -> TextInstance:
    fields = _FIELDS.fullmatch(line.text)
    if fields is None:
        raise line.wrong(_WANTED)
    *sides, text = fields.groups()
    left, top, right, bottom = numbers(sides, line, _WANTED)
    with located(line.place):
        return TextInstance(box_quad(left, top, right, bottom), unquote(text))


def read_icdar2013_words(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the cropped words (Task 2.3): 848 for training, 1,095 for the test.

    Parameters and errors are those of :func:`read_icdar2013`.
    """
    check_choice(split, "split", tuple(_OWNERS_NAME))
    if split == "train":
        folders = ("Challenge2_Training_Task3_Images_GT", "train_words")
        lists = tuple(f"{name}/gt.txt" for name in folders)
    else:
        folders = ("Challenge2_Test_Task3_Images", "test_words")
        lists = ("Challenge2_Test_Task3_GT.txt", "test_words/gt.txt")
    images_at = find_folder(folder, folders, f"the cropped {split} words")
    labels = find_file(folder, lists, f"the texts of the cropped {split} words")
    return quoted_words(labels, images_at)

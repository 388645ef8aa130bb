r"""ICDAR 2015, Incidental Scene Text: street scenes in which text was not aimed at; cropped words.

Owner: Robust Reading Competition, Computer Vision Center, Barcelona; Challenge 4. Formats after its
page of tasks (https://rrc.cvc.uab.es/?ch=4&com=tasks).

Paper: D. Karatzas, L. Gomez-Bigorda, A. Nicolaou, S. Ghosh, A. Bagdanov, M. Iwamura, J. Matas,
L. Neumann, V. R. Chandrasekhar, S. Lu, F. Shafait, S. Uchida, E. Valveny, "ICDAR 2015 Competition
on Robust Reading", ICDAR 2015.

Layout
------
The archives, each unpacked into a folder of its own, under the owner's name or the short one::

    ch4_training_images/img_1.jpg                                   or train_images/
    ch4_training_localization_transcription_gt/gt_img_1.txt         or train_gt/
    ch4_test_images/img_1.jpg                                       or test_images/
    Challenge4_Test_Task4_GT/gt_img_1.txt  (or Task1)               or test_gt/
    ch4_training_word_images_gt/word_1.png and gt.txt               or train_words/
    ch4_test_word_images_gt/word_1.png                              or test_words/
    Challenge4_Test_Task3_GT.txt                                    or test_words/gt.txt

Lines
-----
A word: four corners, clockwise from the text's own top-left, and the text. All that follows the
eighth comma is text, as it stands; nothing is escaped::

    377,117,463,117,465,130,378,130,Genaxis Theatre
    374,155,409,155,409,170,374,170,###

``###`` is "don't care": text that could not be read. A cropped word: ``word_1.png, "[06]"``, where
a backslash stands before ``"`` and ``\``. Files are UTF-8 with CRLF and often a byte-order mark.

Traps
-----
- Cropped test words: 2,077 in all; papers also use 1,811, without signs other than letters and
  digits. The list of these is not the owner's.
- The crops are upright boxes around tilted words; where the word lies in its crop (``coords.txt``)
  is not read.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    Line,
    annotated_images,
    files_by_stem,
    find_file,
    find_folder,
    images_by_stem,
    pairs_by_stem,
    quad_and_rest,
    quoted_words,
)
from ocrlearn.data.samples import Sample, TextInstance

__all__ = ["read_icdar2015", "read_icdar2015_words"]

_ILLEGIBLE = "###"
_IMAGES = {
    "train": ("ch4_training_images", "train_images"),
    "test": ("ch4_test_images", "test_images"),
}
_LABELS = {
    "train": ("ch4_training_localization_transcription_gt", "train_gt"),
    "test": ("Challenge4_Test_Task4_GT", "Challenge4_Test_Task1_GT", "test_gt"),
}


def read_icdar2015(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the photographs with their words (Tasks 4.1 and 4.4).

    Parameters
    ----------
    folder
        Where the archives have been unpacked; see the module's docstring.
    split
        "train" (1,000 images) or "test" (500).

    Raises
    ------
    FileNotFoundError
        If a folder is missing, or an image or its label file.
    DataFormatError
        If a line is not in the format; the message names file and line.
    """
    check_choice(split, "split", tuple(_IMAGES))
    images_at = find_folder(folder, _IMAGES[split], f"the {split} images")
    labels_at = find_folder(folder, _LABELS[split], f"the {split} labels")
    images, labels = images_by_stem(images_at), files_by_stem(labels_at, (".txt",), "gt_")
    return annotated_images(pairs_by_stem(images, labels, images_at, labels_at), _read_word)


def _read_word(line: Line) -> TextInstance:
    quad, (text,) = quad_and_rest(line, ["a text"])
    illegible = text == _ILLEGIBLE
    return TextInstance(quad, None if illegible else text, ignore=illegible)


def read_icdar2015_words(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the cropped words (Task 4.3): 4,468 for training, 2,077 for the test.

    Parameters and errors are those of :func:`read_icdar2015`.
    """
    check_choice(split, "split", tuple(_IMAGES))
    if split == "train":
        folders = ("ch4_training_word_images_gt", "train_words")
        lists = tuple(f"{name}/gt.txt" for name in folders)
    else:
        folders = ("ch4_test_word_images_gt", "test_words")
        lists = ("Challenge4_Test_Task3_GT.txt", "test_words/gt.txt")
    images_at = find_folder(folder, folders, f"the cropped {split} words")
    labels = find_file(folder, lists, f"the texts of the cropped {split} words")
    return quoted_words(labels, images_at)

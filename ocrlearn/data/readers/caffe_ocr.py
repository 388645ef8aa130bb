"""The Chinese lines of caffe_ocr: 3.6 million rendered lines of ten characters, 5,990 classes.

Owner: senlinuc, with the project ``caffe_ocr``; passed on by YCG09's ``chinese_ocr``. There is no
paper. The text is cut from Chinese corpora, also with Latin letters, digits and punctuation, in
several fonts, sizes, greys, with blur, perspective and stretching; every picture is 280 x 32.

Layout and lines
----------------
::

    data_train.txt              20436312_1683447152.jpg 263 82 29 56 35 435 890 293 126 129
    data_test.txt
    char_std_5990.txt           one character a line
    images/20436312_1683447152.jpg

A line holds the image and the classes of its ten characters. Class *k* is line *k* of the character
table, **counted from 0**, and line 0 is the word ``blank``, the blank of CTC, which no line of text
uses. (Networks that put the blank last subtract 1.)

Traps
-----
- A line of the table may be a space that is not ASCII: it is a character, and a reader that drops
  blank lines moves all classes after it by one.
- The table is UTF-8 in the copy that goes with the Keras project; for copies in a Chinese encoding
  there is `encoding`, such as "gb18030".
- Lines are cut every ten characters wherever that falls in a sentence, and neighbours overlap.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import Line, find_file, find_folder, parse_whole, read_lines
from ocrlearn.data.readers._many import ManyFiles
from ocrlearn.data.samples import DataFormatError, Sample

__all__ = ["read_caffe_ocr", "read_characters"]

LISTS = {"train": ("data_train.txt", "train.txt"), "test": ("data_test.txt", "test.txt")}


def read_caffe_ocr(
    folder: str | Path, split: str = "train", *, encoding: str = "utf-8-sig"
) -> Iterator[Sample]:
    """Read caffe_ocr's lines: images of ten characters, with `text`.

    Parameters
    ----------
    folder
        The one with the lists and the character table; images lie there or in ``images``.
    split
        "train" (3.6 million) or "test" (36,440).
    encoding
        Of the character table.

    Raises
    ------
    FileNotFoundError
        If the list, the table or the folder is not there.
    DataFormatError
        If a line is not as described above, a class is not in the table, or a path leaves the
        folder.
    """
    check_choice(split, "split", tuple(LISTS))
    path = find_file(folder, LISTS[split], f"the list of the {split} split")
    characters = read_characters(folder, encoding=encoding)
    return _samples(path, find_folder(folder, ("images", "."), "the images"), characters)


def read_characters(folder: str | Path, *, encoding: str = "utf-8-sig") -> dict[int, str]:
    """Return the character of every class but the blank, which is 0."""
    choices = ("char_std_5990.txt", "char_std_5991.txt", "label.txt")
    path = find_file(folder, choices, "the table of characters")
    table = {line - 1: text for line, text in _table_lines(path, encoding)}
    if table.pop(0, None) != "blank":
        raise DataFormatError(f"{path}, line 1: expected the word blank, which CTC needs")
    return table


def _table_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Give the lines with their numbers, blank ones as well: a space is a character."""
    data = path.read_bytes()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataFormatError(
            f"{path}, line {line}: expected text in {encoding}, got the byte "
            f"0x{data[error.start]:02x}; the table may be in another encoding, such as gb18030"
        ) from None
    for number, row in enumerate(text.split("\n"), start=1):
        character = row.removesuffix("\r")
        if number > 1 and len(character) > 1:
            raise DataFormatError(f"{path}, line {number}: expected one character, got {row!r}")
        if character:
            yield number, character


def _samples(path: Path, images: Path, characters: dict[int, str]) -> Iterator[Sample]:
    files = ManyFiles(images)
    for line in read_lines(path):
        name, *classes = line.text.split()
        if not classes:
            raise line.wrong("an image and the classes of its characters")
        text = "".join(_character(value, characters, line) for value in classes)
        yield Sample(files.inside(name, line.place), text=text)


def _character(value: str, characters: dict[int, str], line: Line) -> str:
    number = parse_whole(value)
    if number is None or number not in characters:
        raise line.wrong(f"classes from 1 to {max(characters, default=0)}", value)
    return characters[number]

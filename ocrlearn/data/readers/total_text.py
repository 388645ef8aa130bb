r"""Total-Text: words along curves, in polygons; also horizontal and tilted ones.

Owner: Chee Kheng Ch'ng, Chee Seng Chan, University of Malaya
(https://github.com/cs-chan/Total-Text-Dataset); for research that is not commercial.

Paper: C. K. Ch'ng, C. S. Chan, C. Liu, "Total-Text: Towards Orientation Robustness in Scene Text
Detection", International Journal on Document Analysis and Recognition 23, 2020; first at ICDAR
2017.

Layout
------
::

    Images/Train/img11.jpg, Images/Test/img1.jpg
    Annotations/Train/poly_gt_img11.txt, ...        legacy text files, or
    Groundtruth/Polygon/Train/poly_gt_img11.mat     legacy MATLAB files, or
    TT_new_train_GT/Train/gt_img11.mat              the newer truth, for training only

Form
----
The text files look like Python, though they are not to be evaluated. An entry is a word, and breaks
over lines where its arrays are long::

    x: [[259 313 389 427
     354 302]], y: [[542 462 417 459 507 582]], ornt: [u'c'], transcriptions: [u'PAUL']
    x: [[400 478 494 436]], y: [[398 380 448 465]], ornt: [u'#'], transcriptions: [u'#']

A MATLAB file holds cells of six columns, ``'x:'``, the numbers, ``'y:'``, the numbers, the text and
the orientation, in the variable ``polygt``; the newer truth calls it ``gt``.

The orientation is c (curved), h (horizontal), m (multi-oriented) or #. Where it or the text is
``#``, nobody could read the word: "don't care".

Traps
-----
- In the legacy truth, polygons go either way round and may begin at any corner; ours are turned
  clockwise and begin where the owner's do. In the newer one, each has ten corners and begins at the
  text's top-left.
- A polygon with three corners gets its last one twice, since ours have four; one with fewer has no
  area, and is "don't care" with the attribute "fewer than three corners".
- Some images are ``.JPG``.

Deviations
----------
The masks of text regions and of characters are not read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._fields import shown
from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    clockwise,
    files_by_stem,
    find_folder,
    images_by_stem,
    located,
    pairs_by_stem,
    parse_number,
    read_mat,
)
from ocrlearn.data.samples import DataFormatError, Sample, TextInstance

__all__ = ["read_total_text"]

_OWNERS_NAME = {"train": "Train", "test": "Test"}
_LABELS = ("Annotations", "txt_format", "gt", "Groundtruth/Polygon", "Polygon", "TT_new_train_GT")
_PREFIXES = ("poly_gt_", "gt_")
_ATTRIBUTES = {"c": ("curved",), "h": ("horizontal",), "m": ("multi-oriented",), "#": ()}
_ILLEGIBLE = "#"


def read_total_text(
    folder: str | Path, split: str = "train", *, labels: str | None = None
) -> Iterator[Sample]:
    """Read the photographs with their words.

    Parameters
    ----------
    folder
        Where the archives have been unpacked; see the module's docstring.
    split
        "train" (1,255 images) or "test" (300).
    labels
        Which folder of labels to take, without "/Train" or "/Test", such as "TT_new_train_GT"; the
        first in the order of the layout above if not given.

    Raises
    ------
    FileNotFoundError
        If a folder is missing, or an image or its label file.
    DataFormatError
        If a file is not in the format; the message names file and line, or file and row.
    """
    check_choice(split, "split", tuple(_OWNERS_NAME))
    name = _OWNERS_NAME[split]
    homes = _LABELS if labels is None else (labels,)
    images_at = find_folder(folder, (f"Images/{name}",), f"the {split} images")
    labels_at = find_folder(folder, [f"{home}/{name}" for home in homes], f"the {split} labels")
    images = images_by_stem(images_at)
    return _samples(pairs_by_stem(images, _label_files(labels_at), images_at, labels_at))


def _label_files(folder: Path) -> Mapping[str, Path]:
    """Return the label files by the stem of their images: text files, or else MATLAB files."""
    for suffix in (".txt", ".mat"):
        for prefix in _PREFIXES:
            files = files_by_stem(folder, (suffix,), prefix)
            if files:
                return files
    raise FileNotFoundError(f"there is no poly_gt_*.txt, poly_gt_*.mat or gt_*.mat in {folder}")


def _samples(pairs: Sequence[tuple[Path, Path]]) -> Iterator[Sample]:
    for image, label in pairs:
        read = _read_text_file if label.suffix.lower() == ".txt" else _read_mat_file
        yield Sample(image, instances=tuple(read(label)))


def _word(x: Sequence[float], y: Sequence[float], text: str, orientation: str) -> TextInstance:
    """Make an instance of what either format says of a word."""
    if len(x) != len(y) or not x:
        raise ValueError(f"expected as many x as y, got {len(x)} and {len(y)}")
    if orientation not in _ATTRIBUTES:
        raise ValueError(f"expected the orientation c, h, m or #, got {shown(orientation)}")
    corners = list(zip(x, y, strict=True))
    attributes: tuple[str, ...] = _ATTRIBUTES[orientation]
    if len(corners) < 3:
        attributes += ("fewer than three corners",)
    illegible = _ILLEGIBLE in (text, orientation)
    polygon = clockwise(corners + corners[-1:] * (4 - len(corners)))
    return TextInstance(
        polygon,
        None if illegible else text,
        ignore=illegible or len(corners) < 3,
        attributes=attributes,
    )


# --- Text files -----------------------------------------------------------------------------------

_BLANKS = re.compile(r"\s*")
_ARRAY = re.compile(r"\[\[([^\[\]]*)\]\]")
_STRING = re.compile(
    r"""[uU]?(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")""",
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")
_PLAIN_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


class _Scanner:
    """Reads the entries of a text file piece by piece."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataFormatError(f"{path}: expected UTF-8, got byte {error.start}") from None
        self._text = text.replace("\r\n", "\n")
        self._at = 0

    @property
    def place(self) -> str:
        return f"{self._path}, line {self._text.count(chr(10), 0, self._at) + 1}"

    def at_end(self) -> bool:
        self._skip_blanks()
        return self._at == len(self._text)

    def _skip_blanks(self) -> None:
        blanks = _BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks else self._at

    def wrong(self, wanted: str) -> DataFormatError:
        found = self._text[self._at : self._at + 40]
        return DataFormatError(f"{self.place}: expected {wanted}, got {shown(found)}")

    def take(self, mark: str) -> None:
        """Step over `mark`, which must be next."""
        self._skip_blanks()
        if not self._text.startswith(mark, self._at):
            raise self.wrong(shown(mark))
        self._at += len(mark)

    def next_is(self, mark: str) -> bool:
        self._skip_blanks()
        return self._text.startswith(mark, self._at)

    def array(self) -> list[float]:
        """Take numbers such as ``[[1 2 3]]``."""
        self._skip_blanks()
        found = _ARRAY.match(self._text, self._at)
        values = [parse_number(word) for word in found[1].split()] if found else [None]
        if found is None or None in values:
            raise self.wrong("numbers in [[ and ]]")
        self._at = found.end()
        return [value for value in values if value is not None]

    def strings(self) -> list[str]:
        """Take strings as Python writes them, such as ``[u'a']``."""
        self.take("[")
        found: list[str] = []
        while not self.next_is("]"):
            if found:
                self.take(",")
                self._skip_blanks()
            string = _STRING.match(self._text, self._at)
            if string is None:
                raise self.wrong("a text in quotation marks")
            self._at = string.end()
            found.append(_ESCAPE.sub(_unescaped, string[1] or string[2] or ""))
        self.take("]")
        return found


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    if len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number <= 0x10FFFF else escape[0]
    return _PLAIN_ESCAPES.get(code, escape[0])


def _read_text_file(path: Path) -> Iterator[TextInstance]:
    scanner = _Scanner(path)
    while not scanner.at_end():
        place = scanner.place
        scanner.take("x:")
        x = scanner.array()
        scanner.take(",")
        scanner.take("y:")
        y = scanner.array()
        scanner.take(",")
        scanner.take("ornt:")
        orientation = scanner.strings()
        scanner.take(",")
        scanner.take("transcriptions:")
        texts = scanner.strings()
        with located(place):
            yield _word(x, y, _single(texts, "transcription"), _single(orientation, "orientation"))


def _single(values: Sequence[str], what: str) -> str:
    """Return the only string; an empty list stands for what nobody could read."""
    if len(values) > 1:
        raise ValueError(f"expected one {what}, got {shown(list(values))}")
    return values[0] if values else _ILLEGIBLE


# --- MATLAB files ---------------------------------------------------------------------------------


def _read_mat_file(path: Path) -> Iterator[TextInstance]:
    variables = read_mat(path)
    cells = variables.get("polygt", variables.get("gt"))
    if cells is None or cells.dtype != object or cells.ndim != 2:
        raise DataFormatError(f"{path}: expected cells named polygt or gt, got {list(variables)}")
    if len(cells) and cells.shape[1] != 6:
        raise DataFormatError(f"{path}: expected cells of 6 columns, got {cells.shape[1]}")
    for number, row in enumerate(cells, start=1):
        with located(f"{path}, row {number}"):
            text, orientation = _cell_text(row[4]), _cell_text(row[5])
            yield _word(_cell_numbers(row[1], "x"), _cell_numbers(row[3], "y"), text, orientation)


def _cell_numbers(cell: Any, name: str) -> list[float]:
    numbers: NDArray[Any] = np.asarray(cell)
    if numbers.dtype.kind not in "iuf":
        raise ValueError(f"expected numbers as {name}, got {shown(cell)}")
    return [float(number) for number in numbers.ravel()]


def _cell_text(cell: Any) -> str:
    texts: NDArray[Any] = np.asarray(cell)
    if texts.size == 0:
        return _ILLEGIBLE
    if texts.dtype.kind != "U" or texts.size > 1:
        raise ValueError(f"expected a text, got {shown(cell)}")
    return str(texts.ravel()[0])

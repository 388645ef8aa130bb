"""What the readers of data sets share: lines, fields, numbers, corners, XML, JSON and MATLAB files.

A data set is a stranger's file. So that a wrong one is found by its reader and not by whoever
trains on it, everything here is strict and names the file and the place in every error; and so that
a hostile one does no harm, nothing is evaluated or unpickled, XML may not declare entities, and no
path leaves the folder that the user named.
"""

import json
import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NoReturn
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from ocrlearn import geometry
from ocrlearn._fields import Fields, shown
from ocrlearn.data.readers._mat_load import load
from ocrlearn.data.samples import DataFormatError, Sample, TextInstance

__all__ = [
    "IMAGE_SUFFIXES",
    "DataFormatError",
    "Element",
    "Line",
    "annotated_images",
    "box_quad",
    "clockwise",
    "existing",
    "extent_quad",
    "files_by_stem",
    "find_file",
    "find_folder",
    "images_by_stem",
    "in_natural_order",
    "inside",
    "located",
    "numbers",
    "pairs_by_stem",
    "parse_number",
    "parse_whole",
    "quad_and_rest",
    "quoted_words",
    "read_json",
    "read_json_lines",
    "read_lines",
    "read_mat",
    "read_picture",
    "read_xml",
    "reading_order",
    "split_fields",
    "unquote",
]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp")

# --- Where files lie ------------------------------------------------------------------------------


def find_folder(root: str | Path, choices: Sequence[str], what: str) -> Path:
    """Return the first of the sub-folders `choices` of `root` that exists.

    Parameters
    ----------
    root
        The folder the user named.
    choices
        Relative paths, the owner's own name first; "." is `root` itself.
    what
        What is looked for, such as "the training images", for the message.

    Raises
    ------
    FileNotFoundError
        If there is none. The message says what was expected where.
    """
    return _find(root, choices, what, Path.is_dir)


def find_file(root: str | Path, choices: Sequence[str], what: str) -> Path:
    """Return the first of the files `choices` below `root` that exists; see :func:`find_folder`."""
    return _find(root, choices, what, Path.is_file)


def _find(root: str | Path, choices: Sequence[str], what: str, exists: Any) -> Path:
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}; expected {what} in it")
    for choice in choices:
        path = root / choice
        if exists(path):
            return inside(root, choice)
    expected = " or ".join(str(root / choice) for choice in choices)
    raise FileNotFoundError(f"{what} are not there: expected {expected}")


def inside(folder: Path, name: str, place: str = "") -> Path:
    """Return ``folder / name`` after making sure that it stays in the folder.

    Parameters
    ----------
    folder
        Where it must lie.
    name
        A relative path with ``/`` as a data set has it.
    place
        Where `name` stands, such as "gt.txt, line 7", for the message.

    Raises
    ------
    DataFormatError
        If `name` is empty, absolute, contains ``..`` or a drive, or is a link that leads out of the
        folder. Whether the file exists is not looked at.
    """
    start = f"{place}: " if place else ""
    pure = PurePosixPath(name)
    leaves = pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name
    if not name or leaves or PureWindowsPath(name).drive:
        raise DataFormatError(f"{start}expected a path inside {folder}, got {shown(name)}")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataFormatError(f"{start}{path} is a link that leads out of {folder}")
    return path


def existing(path: Path, place: str) -> Path:
    """Return `path` if it is a file; `place` says who speaks of it, for the message."""
    if not path.is_file():
        raise FileNotFoundError(f"{place}: there is no file {path}")
    return path


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sort paths as people do, ``img_2`` before ``img_10``."""

    def key(path: Path) -> tuple[list[tuple[int, str]], str]:
        parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
        return [(int(part), "") if part[0] in digits else (-1, part) for part in parts], str(path)

    digits = frozenset("0123456789")
    return sorted(paths, key=key)


def files_by_stem(folder: Path, suffixes: Sequence[str], prefix: str = "") -> dict[str, Path]:
    """Return the files of a folder by their stems, in natural order.

    The stem is the name without the `prefix`, which a file must have, and without its last suffix,
    so that ``tb.x.1.txt`` has the stem ``tb.x.1``. Suffixes are compared without case; files whose
    names begin with a dot are left out.

    Raises
    ------
    DataFormatError
        If two files have one stem, or a file is a link that leads out of the folder.
    """
    found: dict[str, Path] = {}
    for path in in_natural_order(folder.iterdir()):
        hidden = path.name.startswith(".")
        if hidden or path.suffix.lower() not in suffixes or not path.name.startswith(prefix):
            continue
        stem = path.stem[len(prefix) :]
        if stem in found:
            raise DataFormatError(
                f"{folder}: {path.name} and {found[stem].name} stand for one sample"
            )
        found[stem] = inside(folder, path.name) if path.is_symlink() else path
    return found


def images_by_stem(folder: Path) -> dict[str, Path]:
    """Return the images of a folder by their stems, in natural order; see `files_by_stem`."""
    return files_by_stem(folder, IMAGE_SUFFIXES)


def pairs_by_stem(
    images: Mapping[str, Path], labels: Mapping[str, Path], images_at: Path, labels_at: Path
) -> list[tuple[Path, Path]]:
    """Pair every image with its label file, in the order of the images.

    Raises
    ------
    FileNotFoundError
        If one is without the other, or there are none at all.
    """
    if not images:
        raise FileNotFoundError(f"there are no images in {images_at}")
    for stem, image in images.items():
        if stem not in labels:
            raise FileNotFoundError(f"{image} has no label file in {labels_at}")
    for stem, label in labels.items():
        if stem not in images:
            raise FileNotFoundError(f"{label} has no image in {images_at}")
    return [(image, labels[stem]) for stem, image in images.items()]


# --- Text files -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of a text file, which knows where it stands."""

    path: Path
    number: int
    text: str

    @property
    def place(self) -> str:
        """``FILE, line 7``, with which messages begin."""
        return f"{self.path}, line {self.number}"

    def wrong(self, wanted: str, found: Any = None) -> DataFormatError:
        """Return the error that says what was wanted, and what came: the whole line by default."""
        got = shown(self.text if found is None else found)
        return DataFormatError(f"{self.place}: expected {wanted}, got {got}")


def read_lines(path: Path, encoding: str = "utf-8-sig") -> Iterator[Line]:
    """Give the lines of a text file that are not blank, with their numbers from 1 on.

    A byte-order mark is dropped, and lines may end in LF or CRLF. Other characters that Python
    counts as line ends, such as U+2028, may stand in a transcription and do not end a line.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataFormatError
        If a line is not in the encoding.
    """
    with open(path, "rb") as file:
        for number, data in enumerate(file, start=1):
            # Only the first line has a mark; inside a file U+FEFF is a character like others.
            codec = encoding if number == 1 else encoding.removesuffix("-sig")
            try:
                text = data.decode(codec).removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                raise DataFormatError(
                    f"{path}, line {number}: expected text in {codec}, got the byte "
                    f"0x{data[error.start]:02x} in column {error.start + 1}"
                ) from None
            if text.strip():
                yield Line(path, number, text)


def split_fields(line: Line, count: int, wanted: str, separator: str = ",") -> list[str]:
    """Split a line into exactly `count` fields; the last keeps whatever separators it has.

    Parameters
    ----------
    line
        From :func:`read_lines`.
    count
        Number of fields, at least 1.
    wanted
        What the line should hold, such as "8 numbers and a text", for the message.
    separator
        One character; " " splits at any run of spaces and tabs.
    """
    fields = line.text.split(None if separator == " " else separator, count - 1)
    if len(fields) != count:
        raise line.wrong(wanted)
    return fields


_NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)


def parse_number(text: str) -> float | None:
    """Return the finite number that ASCII `text` writes, or None if it writes none.

    Python's ``float`` also takes "nan", "1_000" and digits of other scripts.
    """
    if _NUMBER.fullmatch(text) is None:
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def parse_whole(text: str) -> int | None:
    """Return the number that one to nine ASCII digits write, or None if `text` is anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None


def numbers(fields: Sequence[str], line: Line, wanted: str) -> list[float]:
    """Return the numbers that the fields of a line write; see :func:`parse_number`."""
    found = [parse_number(text) for text in fields]
    if None in found:
        raise line.wrong(wanted)
    return [number for number in found if number is not None]


_ESCAPED = re.compile(r'\\(["\\])')


def unquote(text: str) -> str:
    r"""Take away the quotation marks around a text and the backslashes before ``"`` and ``\``.

    A text without quotation marks on both sides comes back as it is, but for spaces around it.
    """
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return _ESCAPED.sub(r"\1", text[1:-1])
    return text


# --- Places in an image ---------------------------------------------------------------------------

_LONG = 1.5  # a line of text is at least this much longer than high
_STEEP = np.deg2rad(60)  # a long side steeper than this is that of a column


def clockwise(values: Any) -> NDArray[np.float32]:
    """Return corners as ``(N, 2)`` float32, clockwise on the screen, the first corner kept.

    Parameters
    ----------
    values
        ``x0, y0, x1, y1, ...`` as one flat list, or ``(N, 2)``; N at least 4.

    Raises
    ------
    ValueError
        If they are not finite numbers or too few. Wrap it in :func:`located`.
    """
    points = np.asarray(values)
    if points.dtype.kind not in "iuf":
        raise ValueError(f"corners must be numbers, got {shown(values)}")
    if points.ndim == 1 and points.size % 2 == 0:
        points = points.reshape(-1, 2)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 4:
        raise ValueError(f"there must be at least 4 corners of 2 numbers, got {shown(values)}")
    with np.errstate(over="ignore"):
        points = points.astype(np.float32)
    if not np.isfinite(points).all():
        raise ValueError(f"corners must be finite, got {shown(values)}")
    return geometry.make_clockwise(points)


def reading_order(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put the corners of a line of text in order when nothing is known of their order.

    Text is taken to be upright or tilted, not upside down. A quad that is clearly longer one way is
    read along its long side, from left to right, unless that side is steeper than 60 degrees: then
    it is a column of upright characters. Every other quad begins at the corner that is top-left on
    the screen.

    Parameters
    ----------
    corners
        ``(4, 2)`` float32.

    Returns
    -------
    array
        ``(4, 2)`` float32, clockwise from the text's own top-left.
    """
    quad = np.asarray(geometry.order_quad(corners), dtype=np.float32)
    across = (quad[1] - quad[0] + quad[2] - quad[3]) / 2
    down = (quad[3] - quad[0] + quad[2] - quad[1]) / 2
    steepness = np.arctan2(abs(down[1]), abs(down[0]))
    if np.hypot(*down) < _LONG * np.hypot(*across) or steepness > _STEEP:
        return quad
    # Its top is the side from corner 1 to 2 if it is read downwards, and from 3 to 0 if upwards.
    return np.roll(quad, -1 if down[0] > 0 else 1, axis=0)


def box_quad(left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    """Return the quad of an upright box for text that reads to the right.

    Raises
    ------
    ValueError
        If its sides are in the wrong order or not finite. Wrap it in :func:`located`.
    """
    if not (left <= right and top <= bottom):
        raise ValueError(
            f"a box must have left <= right and top <= bottom, got {left:g}, {top:g}, "
            f"{right:g}, {bottom:g}"
        )
    return clockwise([left, top, right, top, right, bottom, left, bottom])


def extent_quad(values: Any) -> NDArray[np.float32]:
    """Return the quad of an upright box given as ``[left, top, width, height]``, as COCO has it.

    Raises
    ------
    ValueError
        If these are not four finite numbers, the last two at least 0. Wrap it in :func:`located`.
    """
    box = np.asarray(values)
    if box.shape != (4,) or box.dtype.kind not in "iuf" or (box[2:] < 0).any():
        raise ValueError(f"a box must be [left, top, width, height], got {shown(values)}")
    left, top, width, height = box.astype(np.float64).tolist()
    return box_quad(left, top, left + width, top + height)


@contextmanager
def located(place: str) -> Iterator[None]:
    """Turn every ValueError inside into a :class:`DataFormatError` that begins with `place`."""
    try:
        yield
    except DataFormatError:
        raise
    except ValueError as error:
        raise DataFormatError(f"{place}: {error}") from None


# --- Samples whose labels are lines of text -------------------------------------------------------


def quad_and_rest(line: Line, names: Sequence[str]) -> tuple[NDArray[np.float32], list[str]]:
    """Split ``x0,y0,x1,y1,x2,y2,x3,y3,REST`` into a quad and the fields of the rest.

    Parameters
    ----------
    line
        Its corners are taken to begin at the text's own top-left; those of a counter-clockwise
        quad are reversed.
    names
        What the fields of the rest are; the last keeps its commas.
    """
    wanted = f"8 numbers and {' and '.join(names)}, separated by commas"
    fields = split_fields(line, 8 + len(names), wanted)
    corners = numbers(fields[:8], line, wanted)
    with located(line.place):
        return clockwise(corners), fields[8:]


def annotated_images(
    pairs: Iterable[tuple[Path, Path]], read_line: Callable[[Line], TextInstance]
) -> Iterator[Sample]:
    """Give a sample for every image and its text file, each line of which is one instance."""
    for image, label in pairs:
        yield Sample(image, instances=tuple(map(read_line, read_lines(label))))


def quoted_words(labels: Path, images: Path) -> Iterator[Sample]:
    r"""Give the cropped words of a list whose lines are ``word_1.png, "text"``.

    ``"`` and ``\`` inside the text are escaped by a backslash.
    """
    wanted = "the name of an image, a comma and a text in quotation marks"
    for line in read_lines(labels):
        name, text = split_fields(line, 2, wanted)
        text = text.strip()
        if len(text) < 2 or not text[0] == text[-1] == '"':
            raise line.wrong(wanted)
        path = existing(inside(images, name.strip(), line.place), line.place)
        yield Sample(path, text=unquote(text))


# --- JSON -----------------------------------------------------------------------------------------


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("not JSON that can be read: it is nested too deeply") from None
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text else ""
        where = f"{line}column {error.colno}"
        raise ValueError(f"not valid JSON at {where}: {error.msg}") from None


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    DataFormatError
        If it is not JSON in UTF-8. The message names line and column.
    """
    with located(str(path)):
        try:
            return _parse_json(path.read_bytes().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8 at byte {error.start}") from None


def read_json_lines(path: Path, whole: str) -> Iterator[tuple[Line, Fields]]:
    """Give the objects of a JSON Lines file, each with its line; `whole` is what one is called."""
    for line in read_lines(path):
        with located(line.place):
            fields = Fields(_parse_json(line.text), whole)
        yield line, fields


# --- XML ------------------------------------------------------------------------------------------


@dataclass
class Element:
    """An element of an XML file, which knows where it stands."""

    path: Path
    line: int
    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    @property
    def place(self) -> str:
        """``FILE, line 7``, with which messages begin."""
        return f"{self.path}, line {self.line}"

    def wrong(self, wanted: str, found: Any) -> DataFormatError:
        """Return the error that says what was wanted, and what came."""
        return DataFormatError(f"{self.place}: expected {wanted}, got {shown(found)}")

    def all(self, tag: str) -> list["Element"]:
        """Return the children of that tag."""
        return [child for child in self.children if child.tag == tag]

    def find(self, tag: str) -> "Element | None":
        """Return the only child of that tag, or None if there is none."""
        found = self.all(tag)
        if len(found) > 1:
            raise found[1].wrong(f"one <{tag}> in <{self.tag}>", f"{len(found)}")
        return found[0] if found else None

    def one(self, tag: str) -> "Element":
        """Return the only child of that tag, which must be there."""
        found = self.find(tag)
        if found is None:
            raise self.wrong(f"a <{tag}> in <{self.tag}>", "none")
        return found

    def number(self, name: str) -> float:
        """Return an attribute that must be a finite number."""
        text = self.attributes.get(name)
        value = None if text is None else parse_number(text)
        if value is None:
            raise self.wrong(f"a number as {name} of <{self.tag}>", text)
        return value


def read_xml(path: Path) -> Element:
    """Return the root element of an XML file.

    Entities of the file's own are refused: with them a short file can grow without limit or draw
    in others.

    Raises
    ------
    DataFormatError
        If it is not well formed or declares entities.
    """
    parser = expat.ParserCreate()
    top = Element(path, 0, "", {})
    opened = [top]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(path, parser.CurrentLineNumber, tag, attributes)
        opened[-1].children.append(element)
        opened.append(element)

    def end(tag: str) -> None:
        opened.pop()

    def data(text: str) -> None:
        opened[-1].text += text

    def entity(name: str, *_: Any) -> None:
        raise DataFormatError(
            f"{path}, line {parser.CurrentLineNumber}: expected no entity declarations, "
            f"got one of {shown(name)}"
        )

    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, DataFormatError):
            raise
        raise DataFormatError(f"{path}: not well-formed XML: {error}") from None
    return top.children[0]


# --- Pictures that are labels ---------------------------------------------------------------------


def read_picture(path: Path, mode: str) -> NDArray[np.uint8]:
    """Return a picture as ``(H, W)`` or ``(H, W, 3)`` uint8, in Pillow's `mode` "L" or "RGB".

    Raises
    ------
    OSError
        If there is no such file, or it may not be read.
    DataFormatError
        If it is no picture, damaged, or of far too many pixels.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode))
    except Exception as error:  # decoders let many kinds of error through from damaged files
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataFormatError(f"{path}: expected a picture: {error}") from None


# --- MATLAB ---------------------------------------------------------------------------------------


def read_mat(path: Path) -> dict[str, Any]:
    """Return the variables of a MATLAB file of version 5 to 7.2, as ``scipy.io.loadmat`` has them.

    Cells come as object arrays, structures as structured arrays, both of at least two dimensions.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataFormatError
        If it is not such a file, or one of version 7.3, which is HDF5.
    """
    data = path.read_bytes()
    with located(str(path)), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of variables stored twice
        return load(data)

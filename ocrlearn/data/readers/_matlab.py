"""What the readers of MATLAB's ``.mat`` files share: texts, cells and structures, checked.

``scipy.io.loadmat`` gives a cell array as an object array, a structure as a structured array and a
text as an array of strings, each of at least two dimensions, so that the name of one image may come
as an array in an array in an array. Here each is taken out, or refused with its place.

Large files
-----------
``loadmat`` reads whole variables. SynthText's four rows of 858,750 cells would take several GB
before the first sample, so :func:`stream_cells` reads them side by side, a thousand cells at a
time. It knows no more of the format (MathWorks, "MAT-File Format", level 5) than is needed to cut a
row of cells into pieces: a file is a header of 128 bytes and a row of elements, each a tag (type,
length) and its data; type 14 is an array, type 15 the same compressed by zlib; a cell array is its
flags, dimensions and name and then its cells, each again an array element. A thousand of these
behind a header of our own are a small file, and that ``loadmat`` can read.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ocrlearn._fields import shown
from ocrlearn.data.readers._mat_load import load
from ocrlearn.data.samples import DataFormatError

__all__ = ["cells", "records", "stream_cells", "text"]


def text(value: Any, place: str) -> str:
    """Return the text that MATLAB stored as a row of characters, perhaps in a cell of its own."""
    while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size <= 1:
        return str(value.item()) if value.size else ""
    if isinstance(value, np.ndarray) and value.size == 0 and value.dtype != object:
        return ""  # MATLAB's '' may come as an array of no numbers
    raise DataFormatError(f"{place}: expected a text, got {_described(value)}")


def cells(value: Any, place: str) -> NDArray[Any]:
    """Return the cells of a cell array ``1 x n`` or ``n x 1`` as an object array ``(n,)``."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.size == max(value.shape):
        return value.ravel()
    if isinstance(value, np.ndarray) and value.size == 0:
        return np.empty(0, dtype=object)
    raise DataFormatError(f"{place}: expected a row of cells, got {_described(value)}")


def records(value: Any, names: tuple[str, ...], place: str) -> NDArray[Any]:
    """Return the records of a structure array as ``(n,)``, which must have fields of these names.

    A field of one record is ``record[name]``.
    """
    if not isinstance(value, np.ndarray) or value.dtype.names is None:
        raise DataFormatError(f"{place}: expected a structure, got {_described(value)}")
    missing = [name for name in names if name not in value.dtype.names]
    if missing:
        raise DataFormatError(
            f"{place}: expected the fields {', '.join(names)}, got {', '.join(value.dtype.names)}"
        )
    return value.ravel()


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return shown(value)


# --- Large files ----------------------------------------------------------------------------------

_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15  # types of elements
_CELL_ARRAY = 1  # a class of arrays
_CELLS_AT_ONCE = 1000
_LARGEST_CELL = 1 << 26  # bytes, against files that promise anything


def stream_cells(path: Path, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Give the cells of several cell arrays of one length side by side, without reading them whole.

    Parameters
    ----------
    path
        A MATLAB file of version 5 to 7.2.
    names
        The variables, each a cell array.

    Yields
    ------
    tuple
        A cell of each, as ``scipy.io.loadmat`` has it.

    Raises
    ------
    DataFormatError
        If it is not such a file, lacks a variable, or the lengths differ.
    """
    with ExitStack() as opened:
        try:
            arrays = [_CellArray(opened.enter_context(path.open("rb")), name) for name in names]
            lengths = {array.name: array.length for array in arrays}
            if len(set(lengths.values())) != 1:
                raise ValueError(f"expected as many cells in each variable, got {lengths}")
            for start in range(0, arrays[0].length, _CELLS_AT_ONCE):
                count = min(_CELLS_AT_ONCE, arrays[0].length - start)
                yield from zip(*[array.take(count) for array in arrays], strict=True)
        except (ValueError, struct.error, zlib.error) as error:
            raise DataFormatError(f"{path}: {error}") from None


class _CellArray:
    """A variable of a file, a cell array, from which cells are taken in order."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._header = file.read(128)
        self._order = {b"IM": "<", b"MI": ">"}.get(self._header[126:128], "")
        version = self._header[124:126] if self._order == ">" else self._header[125:123:-1]
        if version != b"\x01\x00" or not self._order:
            raise ValueError("expected a MATLAB file of version 5 to 7.2")
        self._stream, self.length = self._find(file)

    def take(self, count: int) -> NDArray[Any]:
        """Return the next `count` cells as ``(count,)``."""
        data = [self._element(_UINT32, struct.pack(f"{self._order}II", _CELL_ARRAY, 0))]
        data.append(self._element(_INT32, struct.pack(f"{self._order}ii", 1, count)))
        data.append(self._element(_INT8, b"c"))
        data.extend(self._next_cell() for _ in range(count))
        header = self._header[:116] + bytes(8) + self._header[124:]
        small = header + self._element(_MATRIX, b"".join(data))
        try:
            return np.asarray(load(small)["c"]).ravel()
        except ValueError as error:
            raise ValueError(f"cells of {self.name} cannot be read: {error}") from None

    def _find(self, file: BinaryIO) -> tuple["_Stream", int]:
        """Return the stream behind the head of the variable, and the number of its cells."""
        known = []
        while len(tag := file.read(8)) == 8:
            kind, length = struct.unpack(f"{self._order}II", tag)
            after = file.tell() + length
            if kind not in (_MATRIX, _COMPRESSED):
                raise ValueError(f"expected arrays, got an element of type {kind}")
            if kind == _COMPRESSED:
                stream = _Stream(file, length, zlib.decompressobj())
                stream.read(8)  # the tag of the array inside
            else:
                stream = _Stream(file, length)
            flags, dimensions, name = (self._read_element(stream) for _ in range(3))
            known.append(name.decode("latin-1"))
            if known[-1] == self.name:
                kind = struct.unpack(f"{self._order}I", flags[:4])[0] & 0xFF
                sizes = struct.unpack(f"{self._order}{len(dimensions) // 4}i", dimensions)
                if kind != _CELL_ARRAY or max(sizes) != np.prod(sizes):
                    raise ValueError(f"expected a row of cells as {self.name}")
                return stream, max(sizes)
            file.seek(after)
        raise ValueError(f"expected the variable {self.name}, got {', '.join(known) or 'none'}")

    def _next_cell(self) -> bytes:
        tag = self._stream.read(8)
        kind, length = struct.unpack(f"{self._order}II", tag)
        if kind != _MATRIX or length > _LARGEST_CELL:
            raise ValueError(f"expected a cell in {self.name}, got {length} bytes of type {kind}")
        return tag + self._stream.read(length)

    def _read_element(self, stream: "_Stream") -> bytes:
        """Return the data of an element of the head: up to 4 bytes stand in the tag itself."""
        kind, length = struct.unpack(f"{self._order}II", tag := stream.read(8))
        if kind >> 16:
            return tag[4 : 4 + min(kind >> 16, 4)]
        if length > 1 << 16:
            raise ValueError(f"expected the head of an array, got {length} bytes")
        return stream.read(length + -length % 8)[:length]

    def _element(self, kind: int, data: bytes) -> bytes:
        return struct.pack(f"{self._order}II", kind, len(data)) + data + bytes(-len(data) % 8)


class _Stream:
    """Reads the `length` bytes that follow in a file, decompressed if need be."""

    def __init__(self, file: BinaryIO, length: int, inflate: Any = None) -> None:
        self._file, self._left, self._inflate = file, length, inflate
        self._ready = bytearray()
        self._place = 0  # of `_ready`, up to which it has been read

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        while len(self._ready) - self._place < count:
            more = self._more()
            if not more:
                raise ValueError("the file is cut off")
            del self._ready[: self._place]
            self._place = 0
            self._ready += more
        self._place += count
        return bytes(self._ready[self._place - count : self._place])

    def _more(self) -> bytes:
        """Return some more bytes; none at the end."""
        if self._inflate is None:
            return self._raw()
        while not self._inflate.eof:
            waiting = self._inflate.unconsumed_tail or self._raw()
            part = self._inflate.decompress(waiting, 1 << 20)
            if part or not waiting:
                return bytes(part)
        return b""

    def _raw(self) -> bytes:
        data = self._file.read(min(1 << 16, self._left))
        self._left -= len(data)
        return data

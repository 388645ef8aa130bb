"""MATLAB files that are looked through before SciPy reads them.

``scipy.io.loadmat`` trusts what a file says of its own structure: a number that stands for no type,
or cells within cells ten thousand deep, end Python without a message. So :func:`load` first follows
the structure itself (MathWorks, "MAT-File Format", level 5) and refuses what does not fit. It knows
the kinds of arrays that data sets hold: numbers, characters, cells and structures.
"""

import io
import struct
import zlib
from typing import Any

__all__ = ["load"]

# Bytes of a number, by type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
_TEXTS = (1, 2, 3, 4, 16, 17, 18)  # types in which characters are kept
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED, _UTF8 = 1, 5, 6, 14, 15, 16
_CELLS, _STRUCTURES, _CHARACTERS, _NUMBERS = 1, 2, 4, range(6, 16)  # classes of arrays
_DEEPEST = 20
_LARGEST = 1 << 30  # bytes that one variable may come to


def load(data: bytes) -> dict[str, Any]:
    """Return the variables of a MATLAB file of version 5 to 7.2, as ``scipy.io.loadmat`` has them.

    Raises
    ------
    ValueError
        If it is not such a file, or holds other arrays than of numbers, characters, cells and
        structures.
    """
    from scipy.io import loadmat

    order = {b"IM": "<", b"MI": ">"}.get(data[126:128], "")
    version = data[124:126] if order == ">" else data[125:123:-1]
    if version == b"\x02\x00":
        raise ValueError("expected a MATLAB file of version 5 to 7.2, got version 7.3 (HDF5)")
    if version != b"\x01\x00" or not order:
        raise ValueError("expected a MATLAB file of version 5 to 7.2")
    _Structure(data, order).check(128)
    try:
        variables: dict[str, Any] = loadmat(io.BytesIO(data))
    except Exception as error:  # whatever is left that sets off something in SciPy's parser
        raise ValueError(f"not a MATLAB file: {error}") from None
    return {name: value for name, value in variables.items() if not name.startswith("__")}


class _Structure:
    """Elements of a file, one after another: each a tag of type and length, and its data."""

    def __init__(self, data: bytes, order: str) -> None:
        self._data = data
        self._order = order

    def check(self, start: int) -> None:
        """Follow the variables of a file to its end."""
        at = start
        while at < len(self._data):
            kind, first, last, after = self._element(at, len(self._data))
            if kind == _COMPRESSED:
                inflate = zlib.decompressobj()
                try:
                    inside = inflate.decompress(self._data[first:last], _LARGEST)
                except zlib.error as error:
                    raise ValueError(f"damaged: {error}") from None
                if inflate.unconsumed_tail:
                    raise ValueError(f"a variable comes to more than {_LARGEST:,} bytes")
                _Structure(inside, self._order)._variable()
                after = last  # compressed variables are not padded
            elif kind == _MATRIX:
                self._array(first, last, 0)
            else:
                raise ValueError(f"expected arrays, got an element of type {kind}")
            at = after

    def _variable(self) -> None:
        kind, first, last, _ = self._element(0, len(self._data))
        if kind != _MATRIX:
            raise ValueError(f"expected an array, got an element of type {kind}")
        self._array(first, last, 0)

    def _element(self, at: int, end: int) -> tuple[int, int, int, int]:
        """Return the type of an element, where its data begin and end, and where the next is."""
        if at + 8 > end:
            raise ValueError("the file is cut off")
        kind, length = struct.unpack_from(f"{self._order}II", self._data, at)
        if kind >> 16:  # up to four bytes stand in the tag itself
            kind, length = kind & 0xFFFF, kind >> 16
            if length > 4:
                raise ValueError(f"expected up to 4 bytes in a short element, got {length}")
            return kind, at + 4, at + 4 + length, at + 8
        if length > end - at - 8:
            raise ValueError("the file is cut off")
        last = at + 8 + length
        return kind, at + 8, last, min(last + -length % 8, end)

    def _expect(self, at: int, end: int, kinds: Any, what: str) -> tuple[int, int, int, int]:
        element = self._element(at, end)
        if element[0] not in kinds:
            raise ValueError(f"expected {what}, got an element of type {element[0]}")
        return element

    def _array(self, at: int, end: int, depth: int) -> None:
        """Follow an array: flags, lengths and name, and then what its class says."""
        if at == end:
            return  # how MATLAB writes []
        if depth > _DEEPEST:
            raise ValueError(f"expected cells in cells up to {_DEEPEST} deep, got more")
        _, first, last, at = self._expect(at, end, (_UINT32,), "an array's flags")
        if last - first != 8:
            raise ValueError(f"expected 8 bytes of flags, got {last - first}")
        (flags,) = struct.unpack_from(f"{self._order}I", self._data, first)
        _, first, last, at = self._expect(at, end, (_INT32,), "an array's lengths")
        if last - first < 8 or (last - first) % 4:
            raise ValueError(f"expected at least two lengths of 4 bytes, got {last - first} bytes")
        lengths = struct.unpack_from(f"{self._order}{(last - first) // 4}i", self._data, first)
        count = 1
        for length in lengths:
            count *= length
        if min(lengths) < 0 or count > end:
            raise ValueError(f"expected no more items than bytes, got {lengths}")
        *_, at = self._expect(at, end, (_INT8, _UTF8), "an array's name")
        self._contents(at, end, flags, count, depth)

    def _contents(self, at: int, end: int, flags: int, count: int, depth: int) -> None:
        kind = flags & 0xFF
        if kind == _CHARACTERS:
            self._expect(at, end, _TEXTS, "characters")
        elif kind in _NUMBERS:
            for _ in range(2 if flags & 0x0800 else 1):  # of complex numbers two parts
                found, first, last, at = self._expect(at, end, _SIZES, "numbers")
                if last - first != count * _SIZES[found]:
                    raise ValueError(f"expected {count} numbers, got {last - first} bytes")
        elif kind in (_CELLS, _STRUCTURES):
            fields = 1
            if kind == _STRUCTURES:
                fields, at = self._fields(at, end)
            for _ in range(count * fields):
                _, first, last, at = self._expect(at, end, (_MATRIX,), "an array")
                self._array(first, last, depth + 1)
        else:
            raise ValueError(f"expected numbers, characters, cells or structures, got class {kind}")

    def _fields(self, at: int, end: int) -> tuple[int, int]:
        """Return how many fields a structure has, and where its contents begin."""
        _, first, last, at = self._expect(at, end, (_INT32,), "the length of fields' names")
        length = struct.unpack_from(f"{self._order}i", self._data, first)[0] if last > first else 0
        _, first, last, at = self._expect(at, end, (_INT8,), "the names of fields")
        if last - first and (length < 1 or (last - first) % length):
            raise ValueError(f"expected names of {length} bytes, got {last - first} bytes")
        return ((last - first) // length if length > 0 else 0), at

"""TFRecord files without TensorFlow: the framing, its checksums, and ``tf.train.Example``.

A TFRecord file is a row of records, and nothing else; a set is cut into many such files
(``train-00000-of-00512``). Each record is framed as

======  ===============================================================================
bytes   what
======  ===============================================================================
8       length ``n`` of the data, unsigned, little-endian
4       masked checksum of these eight bytes
``n``   the data
4       masked checksum of the data
======  ===============================================================================

The checksum is CRC32C, the cyclic redundancy check of Castagnoli's polynomial (RFC 3720, appendix
B.4, gives the test vectors). It is *masked*, ``rotate_right(crc, 15) + 0xa282ead8``, because the
check of data that contains its own check is poor. (TensorFlow, ``core/lib/io/record_writer.h``.)

The data of a record is by custom a ``tf.train.Example`` (TensorFlow, ``core/example/example.proto``
and ``feature.proto``), a dictionary from names to lists, in the wire format of Protocol Buffers::

    Example   { Features features = 1; }
    Features  { map<string, Feature> feature = 1; }
    Feature   { one of BytesList = 1, FloatList = 2, Int64List = 3; }
    xxxList   { repeated value = 1; }        numbers packed or not: both occur

The wire format is a row of fields. Each begins with a number in base 128 (a *varint*: seven bits a
byte, the lowest first, the eighth bit set on all but the last byte) that holds the field's number
and, in its low three bits, how its value is written: 0 a varint, 1 eight bytes, 2 a varint's worth
of bytes, 5 four bytes. Fields that are not known are passed over, as Protocol Buffers want it.

Deviations
----------
Files compressed as a whole (``TFRecordOptions("GZIP")``) are not read; FSNS, for which this module
is, is not compressed. Of a list that is given in several pieces the pieces are joined, and of two
entries of a map with one name the later counts, as the specification says; a ``Feature`` that holds
two kinds of list, which no writer makes, is refused instead of losing the first.
"""

import os
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ocrlearn.data.samples import DataFormatError

__all__ = ["Feature", "crc32c", "masked_crc32c", "parse_example", "read_records"]

Feature = list[bytes] | NDArray[np.float32] | NDArray[np.int64]
"""The values of one name, which are byte strings, float32 numbers or int64 numbers."""

_CASTAGNOLI = 0x82F63B78  # 0x1EDC6F41, lowest bit first
_MASK = 0xA282EAD8


# --- The checksum ---------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _crc_table() -> NDArray[np.uint32]:
    """Return the checksum's change for each of the 256 values of its low byte."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_CASTAGNOLI), table >> 1)
    return table


@njit(cache=True, nogil=True)
def _update(crc: np.uint32, data: NDArray[np.uint8], table: NDArray[np.uint32]) -> np.uint32:
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> np.uint32(8))
    return crc


def crc32c(data: bytes) -> int:
    """CRC32C (Castagnoli) of `data`, as 32 bits; 0 for no data."""
    values = np.frombuffer(data, dtype=np.uint8)
    return int(_update(np.uint32(0xFFFFFFFF), values, _crc_table())) ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """CRC32C of `data`, rotated and shifted as TFRecord files hold it."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


# --- The framing ----------------------------------------------------------------------------------


def read_records(path: str | Path) -> Iterator[bytes]:
    """Yield the data of the records of a TFRecord file, one at a time, both checksums checked.

    Raises
    ------
    OSError
        If the file cannot be read.
    DataFormatError
        If a record is cut off or a checksum is wrong. The message names the file and the record,
        counted from 1, and the byte at which it begins.
    """
    source = Path(path)
    with source.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        number = 0
        while (start := file.tell()) < size:
            number += 1
            try:
                data = _read_record(file, size)
            except ValueError as error:
                place = f"{source}, record {number} (byte {start})"
                raise DataFormatError(f"{place}: {error}") from None
            yield data


def _read_record(file: BinaryIO, size: int) -> bytes:
    header = _read_exactly(file, 12, size)
    length, length_crc = struct.unpack("<QI", header)
    _compare("the length", header[:8], length_crc)
    data = _read_exactly(file, length, size)
    (data_crc,) = struct.unpack("<I", _read_exactly(file, 4, size))
    _compare("the data", data, data_crc)
    return data


def _read_exactly(file: BinaryIO, count: int, size: int) -> bytes:
    left = size - file.tell()
    if count > left:
        raise ValueError(f"expected {count} more bytes, got {left}: the file is cut off")
    return file.read(count)


def _compare(what: str, data: bytes, stored: int) -> None:
    computed = masked_crc32c(data)
    if computed != stored:
        raise ValueError(f"expected checksum {computed:#010x} of {what}, got {stored:#010x}")


# --- tf.train.Example -----------------------------------------------------------------------------

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # the wire format's types


def parse_example(data: bytes) -> dict[str, Feature]:
    """Return the lists of a serialised ``tf.train.Example`` by name.

    Raises
    ------
    ValueError
        If `data` is not in the wire format, or not an example. The message tells what was expected.
    """
    features: dict[str, Feature] = {}
    for part in _messages(data, 1, "features"):
        for entry in _messages(part, 1, "feature"):
            name, feature = _parse_entry(entry)
            features[name] = feature
    return features


def _parse_entry(entry: bytes) -> tuple[str, Feature]:
    """Parse one entry of the map: field 1 is the name, field 2 the feature."""
    names = _messages(entry, 1, "a feature's name")
    try:
        name = names[-1].decode("utf-8") if names else ""
    except UnicodeDecodeError:
        raise ValueError(f"expected a feature's name in UTF-8, got {names[-1]!r}") from None
    return name, _parse_feature(b"".join(_messages(entry, 2, "a feature")), name)


def _parse_feature(data: bytes, name: str) -> Feature:
    pieces: dict[int, list[bytes]] = {1: [], 2: [], 3: []}
    for number, wire_type, value in _fields(data):
        if number in pieces:
            pieces[number].append(_as_bytes(wire_type, value, f"the list of {name!r}"))
    kinds = [kind for kind in pieces if pieces[kind]]
    if len(kinds) > 1:
        raise ValueError(f"expected one kind of list in {name!r}, got {len(kinds)}")
    if not kinds:
        return []
    values = b"".join(pieces[kinds[0]])
    if kinds[0] == 1:
        return _messages(values, 1, "a byte string")
    return _parse_float_list(values) if kinds[0] == 2 else _parse_int64_list(values)


def _parse_float_list(data: bytes) -> NDArray[np.float32]:
    raw = b"".join(
        _number_bytes(wire_type, value, _FOUR_BYTES)
        for number, wire_type, value in _fields(data)
        if number == 1
    )
    if len(raw) % 4:
        raise ValueError(f"expected packed floats of 4 bytes each, got {len(raw)} bytes")
    return np.frombuffer(raw, dtype="<f4").astype(np.float32)


def _parse_int64_list(data: bytes) -> NDArray[np.int64]:
    numbers: list[int] = []
    for number, wire_type, value in _fields(data):
        if number != 1:
            continue
        if isinstance(value, int):
            numbers.append(value)
            continue
        packed = _number_bytes(wire_type, value, _BYTES)
        place = 0
        while place < len(packed):
            one, place = _varint(packed, place)
            numbers.append(one)
    return np.array(numbers, dtype=np.uint64).astype(np.int64)  # negative ones wrap around


def _number_bytes(wire_type: int, value: int | bytes, single: int) -> bytes:
    """Return the bytes of a list of numbers: packed, or of a single one of wire type `single`."""
    if wire_type not in (_BYTES, single) or isinstance(value, int):
        raise ValueError(f"expected a list of numbers, got a field of wire type {wire_type}")
    return value


def _messages(data: bytes, wanted: int, name: str) -> list[bytes]:
    """Return the values of the fields with number `wanted`, each of which must be bytes."""
    return [
        _as_bytes(wire_type, value, name)
        for number, wire_type, value in _fields(data)
        if number == wanted
    ]


def _as_bytes(wire_type: int, value: int | bytes, name: str) -> bytes:
    if wire_type != _BYTES or isinstance(value, int):
        raise ValueError(f"expected bytes for {name}, got a field of wire type {wire_type}")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yield number, wire type and value of each field: an int for a varint, or else bytes."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("expected a field number of at least 1, got 0")
        if wire_type == _VARINT:
            value, place = _varint(data, place)
            yield number, wire_type, value
            continue
        if wire_type == _BYTES:
            length, place = _varint(data, place)
        elif wire_type in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if wire_type == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"expected wire type 0, 1, 2 or 5, got {wire_type}")
        if length > len(data) - place:
            raise ValueError(f"expected {length} more bytes in field {number}, got a message's end")
        yield number, wire_type, data[place : place + length]
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Return the number in base 128 that begins at `place`, and the place after it."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("expected the rest of a varint, got a message's end")
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, place
    raise ValueError("expected a varint of at most 10 bytes, got a longer one")

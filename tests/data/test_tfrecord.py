"""TFRecord files: checksums, framing and the wire format, against an independent writer."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.data.samples import DataFormatError
from ocrlearn.data.tfrecord import crc32c, masked_crc32c, parse_example, read_records

# One record, written with Google's protobuf 6 and crc32c libraries: "class" int64, "score" float32,
# "text" bytes, and "none", an empty list of int64.
GOOGLES = bytes.fromhex(
    "7d0000000000000061558d7e0a7b0a2e0a05636c61737312251a230a2100018501ffffffffffffffffff01ffffff"
    "ffffffffff7f808080808080808080010a0a0a046e6f6e6512021a000a190a0573636f72651210120e0a0c000000"
    "3f0000a0bfe6b1617f0a220a0474657874121a0a180a12527565206465206c612052c3a9756e696f6e0a0200ff8c"
    "23ed6f"
)


# --- A writer of its own: one bit at a time, and unpacked numbers -------------------------------


def slow_crc32c(data):
    """CRC32C bit by bit, by polynomial division of the reflected message."""
    remainder = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            low = (remainder ^ (byte >> bit)) & 1
            remainder >>= 1
            if low:
                remainder ^= 0x82F63B78
    return remainder ^ 0xFFFFFFFF


def masked(data):
    crc = slow_crc32c(data)
    return ((crc >> 15 | crc << 17) % 2**32 + 0xA282EAD8) % 2**32


def framed(data):
    length = struct.pack("<Q", len(data))
    checks = struct.pack("<I", masked(length)), struct.pack("<I", masked(data))
    return length + checks[0] + data + checks[1]


def varint(number):
    number %= 2**64
    low = []
    while number >= 128:
        low.append(number % 128 + 128)
        number //= 128
    return bytes([*low, number])


def message(number, data):
    return varint(number * 8 + 2) + varint(len(data)) + data


def a_list(values):
    if values and isinstance(values[0], bytes):
        return message(1, b"".join(message(1, value) for value in values))
    if values and isinstance(values[0], float):
        return message(2, b"".join(varint(1 * 8 + 5) + struct.pack("<f", v) for v in values))
    return message(3, b"".join(varint(1 * 8 + 0) + varint(value) for value in values))


def example(features):
    entries = [message(1, name.encode()) + message(2, a_list(v)) for name, v in features.items()]
    return message(1, b"".join(message(1, entry) for entry in entries))


# --- Checksums ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        # RFC 3720, B.4, whose bytes stand in the order of the wire
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),  # the check value of every catalogue of CRCs
        (b"", 0),
    ],
)
def test_published_checksums(data, crc):
    assert crc32c(data) == crc


@given(st.binary(max_size=200))
def test_the_checksum_is_that_of_dividing_bit_by_bit(data):
    assert crc32c(data) == slow_crc32c(data)
    assert masked_crc32c(data) == masked(data)


# --- Framing ------------------------------------------------------------------------------------


def test_records_come_back_in_order(tmp_path):
    records = [b"first", b"", bytes(1000)]
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"".join(map(framed, records)))
    assert list(read_records(path)) == records


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "a").touch()
    assert list(read_records(tmp_path / "a")) == []


def test_records_before_a_damaged_one_are_read(tmp_path):
    path = tmp_path / "a"
    damaged = bytearray(framed(b"second"))
    damaged[13] ^= 1
    path.write_bytes(framed(b"first") + damaged)
    records = read_records(path)
    assert next(records) == b"first"
    with pytest.raises(
        DataFormatError, match=r"a, record 2 \(byte 21\): expected checksum .* data"
    ):
        next(records)


def test_any_flipped_bit_is_found(tmp_path):
    whole = framed(b"abc")
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            (tmp_path / "a").write_bytes(damaged)
            with pytest.raises(DataFormatError, match="record 1"):
                list(read_records(tmp_path / "a"))


@pytest.mark.parametrize("kept", [1, 11, 12, 14, 18])
def test_a_file_that_is_cut_off(tmp_path, kept):
    (tmp_path / "a").write_bytes(framed(b"abc")[:kept])
    with pytest.raises(DataFormatError, match="cut off"):
        list(read_records(tmp_path / "a"))


def test_a_length_beyond_the_file_is_not_believed(tmp_path):
    length = struct.pack("<Q", 2**62)
    (tmp_path / "a").write_bytes(length + struct.pack("<I", masked(length)) + b"abc")
    with pytest.raises(DataFormatError, match=r"expected 4611686018427387904 more bytes, got 3"):
        list(read_records(tmp_path / "a"))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(read_records(tmp_path / "none"))


# --- Examples -----------------------------------------------------------------------------------


def test_a_record_of_googles_libraries(tmp_path):
    (tmp_path / "a").write_bytes(GOOGLES)
    (record,) = read_records(tmp_path / "a")
    features = parse_example(record)
    assert set(features) == {"class", "none", "score", "text"}
    assert features["text"] == ["Rue de la Réunion".encode(), b"\0\xff"]
    np.testing.assert_array_equal(features["class"], [0, 1, 133, -1, 2**63 - 1, -(2**63)])
    assert features["class"].dtype == np.int64
    np.testing.assert_array_equal(features["score"], np.float32([0.5, -1.25, 3e38]))
    assert features["score"].dtype == np.float32
    assert len(features["none"]) == 0


integers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(width=32, allow_nan=False)
lists = st.lists(integers) | st.lists(floats) | st.lists(st.binary())


@given(st.dictionaries(st.text(), lists, max_size=4))
def test_what_was_written_unpacked_is_read(features):
    parsed = parse_example(example(features))
    assert {name: list(values) for name, values in parsed.items()} == features


@given(st.binary(max_size=60))
def test_other_bytes_are_parsed_or_refused_in_words(data):
    said = ""
    try:
        parse_example(data)
    except ValueError as error:
        said = str(error)
    assert not said or said.startswith("expected")


@given(st.data())
def test_an_example_that_is_cut_off(data):
    whole = example({"a": [1, 2, 300], "b": [b"xyz"], "c": [0.5]})
    kept = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(ValueError, match="expected"):
        parse_example(whole[:kept])


def test_fields_that_are_not_known_are_passed_over():
    others = varint(7 * 8 + 0) + varint(300) + varint(8 * 8 + 1) + bytes(8) + message(9, b"xyz")
    assert list(parse_example(others + example({"a": [5]}))["a"]) == [5]


def test_no_bytes_are_an_example_without_features():
    assert parse_example(b"") == {}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (message(1, message(1, message(1, b"\xff") + message(2, b""))), "name in UTF-8"),
        (varint(8), "rest of a varint"),
        (b"\x80" * 11, "at most 10 bytes"),
        (varint(1 * 8 + 3), "expected wire type 0, 1, 2 or 5, got 3"),
        (varint(2), "field number of at least 1"),
        (varint(1 * 8 + 0) + b"\0", "expected bytes for features, got a field of wire type 0"),
        (
            message(1, message(1, message(2, a_list([1]) + a_list([b"a"])))),
            "one kind of list in '', got 2",
        ),
        (message(1, message(1, message(2, message(2, message(1, b"abc"))))), "4 bytes each, got 3"),
        (
            message(1, message(1, message(2, message(3, varint(1 * 8 + 5) + bytes(4))))),
            "list of numbers, got a field of wire type 5",
        ),
    ],
)
def test_malformed_examples(data, said):
    with pytest.raises(ValueError, match=said):
        parse_example(data)

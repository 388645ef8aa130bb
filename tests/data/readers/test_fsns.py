"""FSNS: records written by an independent writer, pictures, padding, the character table."""

import io
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ocrlearn.data.readers.fsns import read_characters, read_fsns
from ocrlearn.data.samples import DataFormatError, check_sample

# --- A writer of TFRecord files and examples ----------------------------------------------------


def crc32c(data):
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0x82F63B78 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def framed(data):
    def masked(part):
        crc = crc32c(part)
        return struct.pack("<I", ((crc >> 15 | crc << 17) % 2**32 + 0xA282EAD8) % 2**32)

    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def varint(number):
    low = []
    while number >= 128:
        low.append(number % 128 + 128)
        number //= 128
    return bytes([*low, number])


def message(number, data):
    return varint(number * 8 + 2) + varint(len(data)) + data


def feature(value):
    if isinstance(value, bytes):
        return message(1, message(1, value))
    return message(3, message(1, b"".join(map(varint, value))))


def example(**features):
    entries = [
        message(1, message(1, f"image/{name}".encode()) + message(2, feature(value)))
        for name, value in features.items()
    ]
    return message(1, b"".join(entries))


# --- A made-up set ------------------------------------------------------------------------------

CHARACTERS = {0: " ", 1: "R", 2: "u", 3: "e", 4: "é", 133: "<nul>"}
PICTURE = np.random.default_rng(0).integers(0, 256, (150, 600, 3)).astype(np.uint8)


def png(picture=PICTURE):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", compress_level=0)
    return file.getvalue()


def street(**changes):
    """Return the features of a sign "Rue é", seen twice."""
    spelt = [1, 2, 3, 0, 4]
    features = {
        "encoded": PNG,
        "format": b"PNG",
        "width": [600],
        "orig_width": [300],
        "class": spelt + [133] * (37 - len(spelt)),
        "unpadded_class": spelt,
        "text": "Rue é".encode(),
    }
    return {name: value for name, value in (features | changes).items() if value is not None}


TINY_PNG = png(np.zeros((1, 600, 3), dtype=np.uint8))
PNG = png(PICTURE[:4, :600])  # low, so that the slow checksums above stay quick


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "validation", "test"):
        (tmp_path / split).mkdir()
    rows = [f"{code}\t{character}" for code, character in CHARACTERS.items()]
    (tmp_path / "charset_size=134.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def write(folder, *signs, name="train/train-00000-of-00512"):
    (folder / name).write_bytes(b"".join(framed(example(**sign)) for sign in signs))


def test_signs(folder):
    write(folder, street(), street(orig_width=[600]), name="train/train-00001-of-00512")
    write(folder, street(text=b"Rue"), name="train/train-00000-of-00512")
    (folder / "train" / "README").touch()
    odd, first, second = read_fsns(folder)
    check_sample(first)
    np.testing.assert_array_equal(first.pixels(), PICTURE[:4])
    assert (first.width, first.height) == (600, 4)
    assert (first.text, first.details) == ("Rue é", {"views": 2})
    assert second.details == {"views": 4}
    # Text and numbers of characters differ: the text counts, and nothing is lost.
    assert (odd.text, odd.details["text_of_classes"]) == ("Rue", "Rue é")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([0, 1, 2, 3, 4]), max_size=37), st.integers(1, 4))
def test_what_was_written_is_read(folder, classes, views):
    text = "".join(CHARACTERS[code] for code in classes)
    write(
        folder,
        street(
            encoded=TINY_PNG,
            text=text.encode(),
            orig_width=[150 * views],
            unpadded_class=classes or None,
            **{"class": classes + [133] * (37 - len(classes))},
        ),
    )
    (sample,) = read_fsns(folder)
    assert (sample.text, sample.details) == (text, {"views": views})


def test_a_whole_picture_and_another_split(folder):
    name = "validation/validation-00000-of-00064"
    write(folder, street(encoded=png()), name=name)
    (sample,) = read_fsns(folder, "validation")
    np.testing.assert_array_equal(sample.pixels(), PICTURE)


def test_the_space_is_a_character(folder):
    assert read_characters(folder) == {0: " ", 1: "R", 2: "u", 3: "e", 4: "é", 133: ""}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"encoded": None}, "expected one byte string as image/encoded, got none"),
        ({"encoded": b"\x89PNG, but no more"}, "expected a picture as image/encoded"),
        ({"encoded": PNG[:200]}, "expected a picture as image/encoded"),
        ({"class": None}, "expected 1 to 37 whole numbers as image/class, got none"),
        ({"class": [133] * 38}, "expected 1 to 37 whole numbers as image/class, got 38"),
        ({"class": b"x"}, "expected 1 to 37 whole numbers as image/class, got 1 of list"),
        ({"class": [5]}, "expected classes of the character table, got 5"),
        ({"text": b"\xff"}, "expected text in UTF-8"),
        ({"text": [1]}, "expected one byte string as image/text"),
        ({"orig_width": [200]}, "expected a multiple of 150 as image/orig_width, got 200"),
        ({"orig_width": [750]}, "expected a multiple of 150 as image/orig_width, got 750"),
        ({"orig_width": [0]}, "expected a multiple of 150 as image/orig_width, got 0"),
    ],
)
def test_malformed_records(folder, changes, said):
    write(folder, street(), street(**changes))
    samples = read_fsns(folder)
    next(samples)
    with pytest.raises(DataFormatError, match=rf"train-00000-of-00512, record 2: {said}"):
        next(samples)


def test_a_damaged_file(folder):
    write(folder, street())
    path = folder / "train" / "train-00000-of-00512"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataFormatError, match=r"record 1 \(byte 0\): .* cut off"):
        list(read_fsns(folder))
    path.write_bytes(framed(b"no example"))
    with pytest.raises(DataFormatError, match="train-00000-of-00512, record 1: expected"):
        list(read_fsns(folder))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"0\t \n1 x\n", "line 2: expected a number, a tab and a character"),
        (b"0\t \nx\ty\n", "line 2: expected a number, a tab and a character"),
        (b"0\t \n0\tx\n", "line 2: expected a new number, got 0 again"),
        (b"0\t \n1\t\xff\n", "line 2: expected text in UTF-8"),
    ],
)
def test_malformed_tables(folder, table, said):
    (folder / "charset_size=134.txt").write_bytes(table)
    with pytest.raises(DataFormatError, match=said):
        read_fsns(folder)


def test_a_link_that_leads_out(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.touch()
    (folder / "train" / "train-00000-of-00512").symlink_to(outside)
    with pytest.raises(DataFormatError, match="a link that leads out"):
        read_fsns(folder)


def test_what_is_missing_is_said_at_once(folder):
    with pytest.raises(FileNotFoundError, match="train-00000-of-00512, got none"):
        read_fsns(folder)
    with pytest.raises(ValueError, match="split must be one of"):
        read_fsns(folder, "val")
    (folder / "charset_size=134.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"charset_size=134\.txt"):
        read_fsns(folder)

"""SynthText: MATLAB's habits with one word, texts over lines, and cells streamed from a file."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from ocrlearn.data.readers import _matlab
from ocrlearn.data.readers._matlab import stream_cells
from ocrlearn.data.readers.synthtext import read_synthtext
from ocrlearn.data.samples import DataFormatError, check_sample


def cells(values):
    row = np.empty((1, len(values)), dtype=object)
    for place, value in enumerate(values):
        row[0, place] = value
    return row


def quads(count, start=0):
    """Return `count` upright quads as SynthText has them, ``2 x 4 x count`` or ``2 x 4``."""
    left = start + 10.0 * np.arange(count)
    x = np.stack([left, left + 8, left + 8, left])
    y = np.broadcast_to([[0.5], [1.0], [6.0], [5.5]], (4, count))
    corners = np.stack([x, y]).astype(np.float32)
    return corners[..., 0] if count == 1 else corners


def write(folder, rows, compressed=True):
    names, texts, words, characters = zip(*rows, strict=True)
    variables = {"charBB": characters, "wordBB": words, "imnames": names, "txt": texts}
    savemat(
        folder / "gt.mat",
        {name: cells(values) for name, values in variables.items()},
        do_compression=compressed,
    )


ROWS = [
    ("8/ballet_106_0.jpg", np.array(["Lines:\nI lost", "Kevin      "]), quads(4), quads(16)),
    ("9/one.jpg", np.array(["a"]), quads(1), quads(1)),
]


@pytest.mark.parametrize("compressed", [True, False])
def test_words_and_their_characters(tmp_path, compressed):
    write(tmp_path, ROWS, compressed)
    first, second = read_synthtext(tmp_path)
    check_sample(first)
    assert first.image == tmp_path / "8" / "ballet_106_0.jpg"
    assert [word.text for word in first.instances] == ["Lines:", "I", "lost", "Kevin"]
    assert first.details == {"texts": ["Lines:\nI lost", "Kevin"]}
    np.testing.assert_array_equal(
        first.instances[1].polygon, [[10, 0.5], [18, 1], [18, 6], [10, 5.5]]
    )
    lost = first.instances[2]
    assert [part.text for part in lost.parts] == list("lost")
    # "Lines:" and "I" come before it: its first character is the eighth.
    np.testing.assert_array_equal(lost.parts[0].polygon[0], [70, 0.5])
    check_sample(second)
    (word,) = second.instances
    assert (word.text, len(word.parts)) == ("a", 1)
    np.testing.assert_array_equal(word.polygon, quads(1).T)


def test_words_alone(tmp_path):
    (tmp_path / "SynthText").mkdir()
    write(tmp_path / "SynthText", [(*row[:3], np.zeros((5, 5))) for row in ROWS])
    first, _ = read_synthtext(tmp_path, characters=False)
    assert [len(word.parts) for word in first.instances] == [0, 0, 0, 0]
    assert first.image == tmp_path / "SynthText" / "8" / "ballet_106_0.jpg"


WORD = st.text("ab1'é", min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.lists(
        st.lists(st.text("ab1'é", min_size=1), min_size=1, max_size=4), min_size=1, max_size=4
    ),
    st.sampled_from([" ", "\n", " \n ", "  "]),
)
def test_what_was_written_is_read(tmp_path, images, gap):
    rows = [
        (f"1/{number}.jpg", np.array([gap.join(words)]), quads(len(words)), quads(letters))
        for number, words in enumerate(images)
        for letters in [sum(map(len, words))]
    ]
    write(tmp_path, rows)
    read = [[word.text for word in sample.instances] for sample in read_synthtext(tmp_path)]
    assert read == images


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("../a.jpg", np.array(["a"]), quads(1), quads(1)), "expected a path inside"),
        (
            ("a.jpg", np.array(["a b"]), quads(1), quads(2)),
            r"expected 2 x 4 x 2 numbers in wordBB for 2 words, got shape \(2, 4, 1\)",
        ),
        (("a.jpg", np.array(["ab"]), quads(1), quads(3)), "in charBB for 2 characters"),
        (("a.jpg", np.array(["a"]), quads(1) * np.nan, quads(1)), "finite numbers in wordBB"),
        (("a.jpg", np.array(["a"]), "x", quads(1)), "expected numbers in wordBB"),
        (("a.jpg", np.arange(3), quads(1), quads(1)), "expected rows of characters in txt"),
        ((np.arange(3), np.array(["a"]), quads(1), quads(1)), "of imnames: expected a text"),
    ],
)
def test_malformed_cells(tmp_path, row, said):
    write(tmp_path, [ROWS[0], row])
    samples = read_synthtext(tmp_path)
    next(samples)
    with pytest.raises(DataFormatError, match=rf"gt\.mat, cell 2.*{said}"):
        next(samples)


def test_what_is_missing_is_said_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gt\.mat"):
        read_synthtext(tmp_path)
    with pytest.raises(ValueError, match="split must be one of 'train'"):
        read_synthtext(tmp_path, "test")


# --- Cells streamed from a file ----------------------------------------------------------------


@pytest.mark.parametrize("compressed", [True, False])
def test_streamed_cells_are_those_that_scipy_reads_whole(tmp_path, monkeypatch, compressed):
    monkeypatch.setattr(_matlab, "_CELLS_AT_ONCE", 7)  # so that pieces end within the row
    rng = np.random.default_rng(0)
    values = [rng.random((2, 4, int(rng.integers(1, 5)))) for _ in range(20)]
    values[3] = np.zeros((0, 0))
    values[4] = np.array(["é", "ab"])
    variables = {"other": np.arange(9), "a": cells(values), "long_name": cells(values[::-1])}
    path = tmp_path / "a.mat"
    savemat(path, variables, do_compression=compressed)
    whole = loadmat(path)
    streamed = list(stream_cells(path, ("long_name", "a")))
    assert len(streamed) == 20
    for place, (second, first) in enumerate(streamed):
        np.testing.assert_array_equal(first, whole["a"][0, place])
        np.testing.assert_array_equal(second, whole["long_name"][0, place])


def test_cells_before_damage_are_given(tmp_path, monkeypatch):
    monkeypatch.setattr(_matlab, "_CELLS_AT_ONCE", 1)
    path = tmp_path / "a.mat"
    savemat(path, {"a": cells([np.arange(5), np.arange(6)])})
    path.write_bytes(path.read_bytes()[:-20])
    streamed = stream_cells(path, ("a",))
    np.testing.assert_array_equal(next(streamed)[0], [np.arange(5)])
    with pytest.raises(DataFormatError, match=r"a\.mat: the file is cut off"):
        next(streamed)


def test_files_that_are_none(tmp_path):
    path = tmp_path / "a.mat"
    for data in (b"", b"nothing of the kind", bytes(500)):
        path.write_bytes(data)
        with pytest.raises(DataFormatError, match=r"a\.mat: expected a MATLAB file of version 5"):
            list(stream_cells(path, ("a",)))
    hdf5 = b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H", 0x0200) + b"IM"
    path.write_bytes(hdf5 + bytes(400))
    with pytest.raises(DataFormatError, match=r"version 5 to 7\.2"):
        list(stream_cells(path, ("a",)))


def test_variables_that_are_none(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"a": cells([1, 2]), "b": cells([1]), "n": np.arange(3)})
    with pytest.raises(DataFormatError, match="expected the variable c, got a, b, n"):
        list(stream_cells(path, ("c",)))
    with pytest.raises(DataFormatError, match="expected a row of cells as n"):
        list(stream_cells(path, ("n",)))
    with pytest.raises(DataFormatError, match="as many cells in each variable"):
        list(stream_cells(path, ("a", "b")))


def test_any_damage_is_an_error_in_words(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"a": cells([np.arange(5), "text"])}, do_compression=True)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    damaged_in_words = 0
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[int(rng.integers(124, len(whole)))] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            list(stream_cells(path, ("a",)))
        except DataFormatError as error:
            damaged_in_words += str(path) in str(error)
    assert damaged_in_words > 100  # zlib's own checksum is at the end, which is not read


def test_a_cell_that_promises_too_much(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"a": cells([np.arange(5)])})
    whole = path.read_bytes()
    # Tag, flags, dimensions and name are 48 bytes; the tag of the first cell follows.
    array = zlib.compress(whole[128:176] + struct.pack("<II", 14, 1 << 31))
    path.write_bytes(whole[:128] + struct.pack("<II", 15, len(array)) + array)
    with pytest.raises(DataFormatError, match=r"expected a cell in a, got 2147483648 bytes"):
        list(stream_cells(path, ("a",)))

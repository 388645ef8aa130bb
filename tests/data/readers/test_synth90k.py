"""Synth90k: annotation files, the lexicon, broken pictures."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.data.readers._files import Line
from ocrlearn.data.readers.synth90k import _parse, read_lexicon, read_synth90k
from ocrlearn.data.samples import DataFormatError, check_sample


@pytest.fixture
def base(tmp_path):
    base = tmp_path / "mnt" / "ramdisk" / "max" / "90kDICT32px"
    base.mkdir(parents=True)
    return base


@pytest.mark.parametrize(
    ("split", "name"),
    [
        ("train", "annotation_train.txt"),
        ("validation", "annotation_val.txt"),
        ("test", "annotation_test.txt"),
        ("all", "annotation.txt"),
    ],
)
def test_samples_of_each_split(tmp_path, base, split, name):
    (base / name).write_text(
        "./3000/7/182_slinking_71711.jpg 71711\n./2194/2/334_EFFLORESCENT_24742.jpg 24742\n"
    )
    first, second = read_synth90k(tmp_path, split)
    check_sample(first)
    assert first.image == base / "3000" / "7" / "182_slinking_71711.jpg"
    assert (first.text, first.details) == ("slinking", {"lexicon_index": 71711})
    assert second.text == "EFFLORESCENT"
    assert next(read_synth90k(base, split)).image == first.image


def test_a_broken_picture_is_noticed_by_whoever_looks_at_it(tmp_path, base):
    (base / "annotation_train.txt").write_text("./1/2/3_word_4.jpg 4\n")
    (base / "1" / "2").mkdir(parents=True)
    (base / "1" / "2" / "3_word_4.jpg").write_bytes(b"\xff\xd8\xff")
    (sample,) = read_synth90k(tmp_path)
    with pytest.raises((OSError, ValueError), match="3_word_4"):
        sample.pixels()


def test_the_lexicon_counts_from_0(tmp_path, base):
    (base / "lexicon.txt").write_text("a\nb's\nzebra\n")
    assert read_lexicon(tmp_path) == ["a", "b's", "zebra"]
    (base / "lexicon.txt").write_text("a\n\nzebra\n")
    with pytest.raises(DataFormatError, match=r"lexicon\.txt, line 3: expected no blank line"):
        read_lexicon(tmp_path)


@given(
    st.integers(0, 10**6), st.text("abcXYZ'é", min_size=1), st.integers(0, 88172), st.integers(0, 9)
)
def test_what_was_written_is_read(number, word, index, folder):
    name = f"./{folder}/{folder}/{number}_{word}_{index}.jpg"
    assert _parse(Line(Path("a.txt"), 1, f"{name} {index}")) == (name, word, index)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("./3000/7/182_slinking_71711.jpg", "expected an image and the number of its word"),
        ("./3000/7/182_slinking_71711.jpg x", "expected an image and the number of its word"),
        ("./3000/7/182_slinking_71711.jpg -1", "expected an image and the number of its word"),
        ("./3000/7/182_slinking_71711.jpg 5", "expected a name like 182_slinking_5.jpg"),
        ("./3000/7/slinking.jpg 5", "expected a name like"),
        ("../182_slinking_5.jpg 5", "expected a path inside"),
    ],
)
def test_malformed_lines(tmp_path, base, line, said):
    (base / "annotation_train.txt").write_text(f"./1_a_2.jpg 2\n{line}\n")
    samples = read_synth90k(tmp_path)
    next(samples)
    with pytest.raises(DataFormatError, match=rf"annotation_train\.txt, line 2: {said}"):
        next(samples)


def test_what_is_missing_is_said_at_once(tmp_path, base):
    with pytest.raises(FileNotFoundError, match=r"annotation_val\.txt"):
        read_synth90k(tmp_path, "validation")
    with pytest.raises(ValueError, match="split must be"):
        read_synth90k(tmp_path, "val")

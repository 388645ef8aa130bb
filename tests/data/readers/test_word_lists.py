"""SVT-Perspective and CUTE80, whose lists share a form."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.data.readers._files import Line
from ocrlearn.data.readers.cute80 import read_cute80
from ocrlearn.data.readers.svtp import _parse, read_svtp
from ocrlearn.data.samples import DataFormatError, check_sample


def test_svtp(tmp_path):
    (tmp_path / "list.txt").write_bytes(
        b"13_15_0_par.jpg WYNDHAM 2 WYNDHAM,HOTEL\r\n\r\n17_2_1_par.jpg 7TH 1 7TH\r\n"
    )
    first, second = read_svtp(tmp_path)
    check_sample(first)
    assert first.image == tmp_path / "13_15_0_par.jpg"
    assert (first.text, first.lexicon) == ("WYNDHAM", ("WYNDHAM", "HOTEL"))
    assert (second.text, second.lexicon) == ("7TH", ("7TH",))


@pytest.mark.parametrize("home", ["par1", "IMG", "image"])
def test_lists_of_two_fields_with_images_in_a_folder(tmp_path, home):
    (tmp_path / "test_label.txt").write_text("a.jpg one\nb.jpg two\n")
    (tmp_path / home).mkdir()
    (tmp_path / home / "a.jpg").touch()
    first, second = read_svtp(tmp_path)
    assert (first.image, first.text, first.lexicon) == (tmp_path / home / "a.jpg", "one", ())
    assert second.image == tmp_path / home / "b.jpg"


def test_cute80(tmp_path):
    (tmp_path / "gt.txt").write_text("timage/001.jpg RONALDO 1 RONALDO\n")
    (sample,) = read_cute80(tmp_path)
    assert sample.image == tmp_path / "timage" / "001.jpg"
    assert (sample.text, sample.lexicon) == ("RONALDO", ("RONALDO",))


words = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1)


@given(words, st.lists(words.filter(lambda word: "," not in word), min_size=1))
def test_what_was_written_is_read(word, lexicon):
    line = f"x/y.jpg {word} {len(lexicon)} {','.join(lexicon)}"
    assert _parse(Line(Path("list.txt"), 1, line)) == ("x/y.jpg", word, tuple(lexicon))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.jpg", "expected a file, a word, and a lexicon's length and words or neither"),
        ("a.jpg one 1", "expected a file, a word"),
        ("a.jpg one two 1 one", "expected a file, a word"),
        ("a.jpg one x one", "expected a file, a word"),
        ("a.jpg one 3 one,two", "expected a lexicon of 3 words, got '2'"),
        ("../a.jpg one", "expected a path inside"),
        ("/a.jpg one", "expected a path inside"),
    ],
)
@pytest.mark.parametrize("read", [read_svtp, read_cute80])
def test_malformed_lines(tmp_path, read, line, said):
    (tmp_path / "gt.txt").write_text(f"good.jpg good\n{line}\n")
    samples = read(tmp_path)
    assert next(samples).text == "good"
    with pytest.raises(DataFormatError, match=rf"gt\.txt, line 2: {said}"):
        next(samples)


@pytest.mark.parametrize("read", [read_svtp, read_cute80])
def test_what_is_missing_is_said_at_once(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=r"list\.txt"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read(tmp_path / "none")
    with pytest.raises(ValueError, match="split must be one of 'test', got 'train'"):
        read(tmp_path, "train")

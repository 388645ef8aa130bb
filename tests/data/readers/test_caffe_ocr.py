"""The Chinese lines of caffe_ocr: classes, the table, and characters that look like nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrlearn.data.readers.caffe_ocr import read_caffe_ocr, read_characters
from ocrlearn.data.samples import DataFormatError, check_sample

TABLE = "blank\n这\n是\n\u3000\n，\nA\n"  # the third character is an ideographic space


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "char_std_5990.txt").write_text(TABLE, encoding="utf-8")
    (tmp_path / "images").mkdir()
    return tmp_path


def test_class_k_is_line_k_from_0(folder):
    (folder / "data_train.txt").write_bytes(b"20436312_1683447152.jpg 1 2 3 4 5\r\n1_2.jpg 5\r\n")
    first, second = read_caffe_ocr(folder)
    check_sample(first)
    assert first.image == folder / "images" / "20436312_1683447152.jpg"
    assert first.text == "这是\u3000，A"
    assert second.text == "A"


def test_the_test_list_and_images_beside_it(folder):
    (folder / "images").rmdir()
    (folder / "data_test.txt").write_text("1.jpg 1\n")
    (sample,) = read_caffe_ocr(folder, "test")
    assert (sample.image, sample.text) == (folder / "1.jpg", "这")


def test_a_table_in_another_encoding(folder):
    (folder / "char_std_5990.txt").write_bytes("blank\r\n这\r\n是\r\n".encode("gbk"))
    assert read_characters(folder, encoding="gb18030") == {1: "这", 2: "是"}
    with pytest.raises(DataFormatError, match=r"char_std_5990\.txt, line 2: .* in utf-8-sig"):
        read_characters(folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 5), min_size=1, max_size=10))
def test_what_was_written_is_read(folder, classes):
    (folder / "data_train.txt").write_text(f"a.jpg {' '.join(map(str, classes))}\n")
    (sample,) = read_caffe_ocr(folder)
    assert sample.text == "".join("这是\u3000，A"[number - 1] for number in classes)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.jpg", "expected an image and the classes"),
        ("a.jpg 1 0", "expected classes from 1 to 5, got '0'"),  # no line of text has the blank
        ("a.jpg 6", "expected classes from 1 to 5, got '6'"),
        ("a.jpg -1", "expected classes from 1 to 5"),
        ("a.jpg ٣", "expected classes from 1 to 5"),
        (f"a.jpg {'9' * 5000}", "expected classes from 1 to 5"),
        ("../a.jpg 1", "expected a path inside"),
    ],
)
def test_malformed_lines(folder, line, said):
    (folder / "data_train.txt").write_text(f"good.jpg 1\n{line}\n", encoding="utf-8")
    samples = read_caffe_ocr(folder)
    next(samples)
    with pytest.raises(DataFormatError, match=rf"data_train\.txt, line 2: {said}"):
        next(samples)


def test_malformed_tables(folder):
    (folder / "data_train.txt").write_text("a.jpg 1\n")
    (folder / "char_std_5990.txt").write_text("这\n是\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"line 1: expected the word blank"):
        read_caffe_ocr(folder)
    (folder / "char_std_5990.txt").write_text("blank\n这是\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"line 2: expected one character, got '这是'"):
        read_caffe_ocr(folder)


def test_what_is_missing_is_said_at_once(folder):
    with pytest.raises(FileNotFoundError, match=r"data_train\.txt"):
        read_caffe_ocr(folder)
    (folder / "data_train.txt").touch()
    (folder / "char_std_5990.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"char_std_5990\.txt"):
        read_caffe_ocr(folder)

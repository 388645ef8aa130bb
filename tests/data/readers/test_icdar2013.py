"""ICDAR 2013: boxes with spaces or commas, quoted texts with escapes, cropped words."""

import pytest
from data.readers.made_up import checked, image, plain, text_file, transcriptions, upright
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.data.readers import DataFormatError
from ocrlearn.data.readers._files import Line
from ocrlearn.data.readers.icdar2013 import _read_word, read_icdar2013, read_icdar2013_words

TRAIN = "Challenge2_Training_Task12_Images", "Challenge2_Training_Task1_GT"
TEST = "Challenge2_Test_Task12_Images", "Challenge2_Test_Task1_GT"


def folder(root, names, stem, text):
    image(root / names[0] / f"{stem}.jpg")
    text_file(root / names[1] / f"gt_{stem}.txt", text, crlf=True)
    return root


def test_both_forms_of_line(tmp_path):
    folder(tmp_path, TRAIN, "100", '158 128 411 181 "Foot\\"path"\n0 1 2 3 "to, and fro"\n')
    folder(tmp_path, TEST, "img_1", '158, 128, 411, 181, "A \\\\ B"\n')
    (train,) = checked(read_icdar2013(tmp_path))
    assert train.image.name == "100.jpg"
    assert [plain(word) for word in train.instances] == [
        {"polygon": upright(158, 128, 411, 181), "text": 'Foot"path', "level": "word"},
        {"polygon": upright(0, 1, 2, 3), "text": "to, and fro", "level": "word"},
    ]
    (test,) = checked(read_icdar2013(tmp_path, "test"))
    assert [word.text for word in test.instances] == ["A \\ B"]


def test_short_names_of_folders_and_natural_order(tmp_path):
    for stem in ("img_10", "img_9"):
        folder(tmp_path, ("test_images", "test_gt"), stem, "")
    samples = checked(read_icdar2013(tmp_path, "test"))
    assert [sample.image.stem for sample in samples] == ["img_9", "img_10"]
    assert [sample.instances for sample in samples] == [(), ()]


@pytest.mark.parametrize(
    "line",
    [
        '158 128 411 "Footpath"',
        "158 128 411 181 Footpath",
        '158 128 411 181 "Footpath',
        '158 128 x 181 "Footpath"',
        '158 128 nan 181 "Footpath"',
    ],
)
def test_malformed_lines_are_named(tmp_path, line):
    folder(tmp_path, TRAIN, "100", f'0 0 9 9 "fine"\n\n{line}\n')
    with pytest.raises(DataFormatError, match=r"gt_100\.txt, line 3: expected 4 numbers and a"):
        list(read_icdar2013(tmp_path))


def test_a_box_inside_out_is_named(tmp_path):
    folder(tmp_path, TRAIN, "100", '9 0 0 9 "x"\n')
    with pytest.raises(
        DataFormatError, match=r"gt_100\.txt, line 1: a box must have left <= right"
    ):
        list(read_icdar2013(tmp_path))


@given(
    st.lists(st.integers(0, 5000), min_size=4, max_size=4), transcriptions, st.sampled_from(", |")
)
def test_what_is_written_is_read(numbers, text, separator):
    left, top, right, bottom = (
        *map(min, numbers[:2], numbers[2:]),
        *map(max, numbers[:2], numbers[2:]),
    )
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    separator = {",": ", ", " ": " ", "|": ","}[separator]
    line = separator.join([*map(str, (left, top, right, bottom)), f'"{escaped}"'])
    assert plain(_read_word(Line("gt.txt", 1, line))) == {
        "polygon": upright(left, top, right, bottom),
        "text": text,
        "level": "word",
    }


def test_cropped_words(tmp_path):
    crops = tmp_path / "Challenge2_Training_Task3_Images_GT"
    image(crops / "word_1.png"), image(crops / "word_2.png")
    text_file(crops / "gt.txt", 'word_1.png, "PROPER"\nword_2.png, "say \\"a, b\\""\n', crlf=True)
    image(tmp_path / "Challenge2_Test_Task3_Images" / "word_1.png")
    text_file(tmp_path / "Challenge2_Test_Task3_GT.txt", 'word_1.png, "Tiredness"\n')
    train = checked(read_icdar2013_words(tmp_path))
    assert [(word.image.name, word.text) for word in train] == [
        ("word_1.png", "PROPER"),
        ("word_2.png", 'say "a, b"'),
    ]
    assert [word.text for word in checked(read_icdar2013_words(tmp_path, "test"))] == ["Tiredness"]


@pytest.mark.parametrize("line", ["word_1.png", "word_1.png, PROPER", 'word_1.png, "PROPER'])
def test_malformed_lists_are_named(tmp_path, line):
    image(tmp_path / "train_words" / "word_1.png")
    text_file(tmp_path / "train_words" / "gt.txt", line)
    with pytest.raises(DataFormatError, match=r"gt\.txt, line 1: expected the name of an image, a"):
        list(read_icdar2013_words(tmp_path))


def test_a_list_cannot_name_what_lies_outside_or_is_not_there(tmp_path):
    image(tmp_path / "secret.png"), image(tmp_path / "train_words" / "word_1.png")
    gt = text_file(tmp_path / "train_words" / "gt.txt", '../secret.png, "x"')
    with pytest.raises(DataFormatError, match=r"gt\.txt, line 1: expected a path inside"):
        list(read_icdar2013_words(tmp_path))
    text_file(gt, 'word_7.png, "x"')
    with pytest.raises(FileNotFoundError, match=r"gt\.txt, line 1: there is no file .*word_7\.png"):
        list(read_icdar2013_words(tmp_path))

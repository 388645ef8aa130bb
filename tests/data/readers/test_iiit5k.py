"""IIIT 5K-Word: records of MATLAB files, lexicons, boxes of characters."""

import numpy as np
import pytest
from scipy.io import savemat

from ocrlearn.data.readers.iiit5k import read_iiit5k
from ocrlearn.data.samples import DataFormatError, check_sample


def cells(values):
    row = np.empty((1, len(values)), dtype=object)
    row[0] = values
    return row


def structure(**fields):
    """Return a MATLAB structure array, one record for each value of the fields."""
    length = len(next(iter(fields.values())))
    records = np.empty((1, length), dtype=[(name, object) for name in fields])
    for name, values in fields.items():
        for place, value in enumerate(values):
            records[name][0, place] = value
    return records


def write_words(folder, split, names, words, small, medium):
    data = structure(
        ImgName=names,
        GroundTruth=words,
        smallLexi=[cells(row) for row in small],
        mediumLexi=[cells(row) for row in medium],
    )
    savemat(folder / f"{split}data.mat", {f"{split}data": data})


def write_boxes(folder, split, names, words, boxes):
    data = structure(ImgName=names, chars=words, charBB=boxes)
    savemat(folder / f"{split}CharBound.mat", {f"{split}CharBound": data})


BOXES = [np.array([[1, 2, 10, 20], [11, 3, 5, 18]]), np.array([[1, 1, 4, 9.25]])]


@pytest.fixture
def folder(tmp_path):
    names, words = ["train/1009_2.png", "train/10_1.png"], ["MY", "7"]
    write_words(
        tmp_path, "train", names, words, [["MY", "HER"], ["7"]], [["A", "MY", "I'M"], ["7", "8"]]
    )
    write_boxes(tmp_path, "train", names[::-1], words[::-1], BOXES[::-1])  # in another order
    return tmp_path


def test_words_and_the_small_lexicon(folder):
    first, second = read_iiit5k(folder)
    check_sample(first)
    assert first.image == folder / "train" / "1009_2.png"
    assert (first.text, first.lexicon, first.instances) == ("MY", ("MY", "HER"), ())
    assert (second.text, second.lexicon) == ("7", ("7",))


def test_other_lexicons(folder):
    assert [s.lexicon for s in read_iiit5k(folder, lexicon="medium")] == [
        ("A", "MY", "I'M"),
        ("7", "8"),
    ]
    assert [s.lexicon for s in read_iiit5k(folder, lexicon="none")] == [(), ()]


def test_characters_are_found_by_the_name_of_the_image_and_count_pixels_from_0(folder):
    first, second = read_iiit5k(folder, characters=True)
    check_sample(first)
    (word,) = first.instances
    assert (word.text, word.level) == ("MY", "word")
    np.testing.assert_array_equal(word.polygon, [[0, 1], [15, 1], [15, 21], [0, 21]])
    assert [(part.text, part.level) for part in word.parts] == [
        ("M", "character"),
        ("Y", "character"),
    ]
    np.testing.assert_array_equal(word.parts[1].polygon, [[10, 2], [15, 2], [15, 20], [10, 20]])
    np.testing.assert_array_equal(second.instances[0].polygon[2], [4, 9.25])


def test_a_folder_above_and_the_other_split(tmp_path):
    (tmp_path / "IIIT5K").mkdir()
    write_words(tmp_path / "IIIT5K", "test", ["test/1_1.png"], ["A"], [["A"]], [["A"]])
    (sample,) = read_iiit5k(tmp_path, "test")
    assert sample.image == tmp_path / "IIIT5K" / "test" / "1_1.png"


def test_malformed_files(folder):
    good = ["train/a.png"], ["A"], [["A"]], [["A"]]
    path = folder / "traindata.mat"
    write_words(folder, "train", ["../a.png"], *good[1:])
    with pytest.raises(DataFormatError, match=r"traindata\.mat, record 1: expected a path inside"):
        list(read_iiit5k(folder))
    write_words(folder, "train", *good[:2], [["A", 5]], good[3])
    with pytest.raises(DataFormatError, match=r"record 1, smallLexi: expected a text"):
        list(read_iiit5k(folder))
    write_words(folder, "train", good[0], [np.arange(3)], *good[2:])
    with pytest.raises(DataFormatError, match=r"record 1, GroundTruth: expected a text"):
        list(read_iiit5k(folder))
    savemat(path, {"traindata": structure(ImgName=["a"])})
    with pytest.raises(DataFormatError, match="expected the fields ImgName, GroundTruth"):
        list(read_iiit5k(folder))
    savemat(path, {"traindata": np.arange(3)})
    with pytest.raises(DataFormatError, match="expected a structure, got an array"):
        list(read_iiit5k(folder))
    savemat(path, {"testdata": np.arange(3)})
    with pytest.raises(DataFormatError, match="expected the variable traindata"):
        list(read_iiit5k(folder))
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataFormatError, match=r"traindata\.mat"):
        list(read_iiit5k(folder))


def test_boxes_that_do_not_fit(folder):
    names = ["train/1009_2.png"]
    write_boxes(folder, "train", names, ["MY"], [BOXES[1]])
    with pytest.raises(DataFormatError, match=r"record 1, charBB: expected 2 x 4 numbers"):
        list(read_iiit5k(folder, characters=True))
    write_boxes(folder, "train", names, ["M"], [np.array([[5, 5, -1, 3]])])
    with pytest.raises(DataFormatError, match=r"record 1, charBB: a box must have left <= right"):
        list(read_iiit5k(folder, characters=True))
    write_boxes(folder, "train", names, ["MY"], [BOXES[0]])
    with pytest.raises(DataFormatError, match=r"expected a record of train/10_1\.png, got none"):
        list(read_iiit5k(folder, characters=True))


def test_what_is_missing_is_said_at_once(folder):
    with pytest.raises(FileNotFoundError, match=r"testdata\.mat"):
        read_iiit5k(folder, "test")
    (folder / "trainCharBound.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"trainCharBound\.mat"):
        read_iiit5k(folder, characters=True)
    with pytest.raises(ValueError, match="lexicon must be one of"):
        read_iiit5k(folder, lexicon="large")

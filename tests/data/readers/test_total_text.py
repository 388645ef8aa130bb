"""Total-Text: polygons, in text that looks like Python and in MATLAB cells."""

import numpy as np
import pytest
from data.readers.made_up import checked, corners, image, plain, text_file, transcriptions
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from ocrlearn.data.readers import DataFormatError
from ocrlearn.data.readers.total_text import _read_text_file, read_total_text

GOLDEN = """x: [[259 313 389 427
 354 302]], y: [[542 462 417 459 507 582]], ornt: [u'c'], transcriptions: [u'PAUL']
x: [[400 478 494 436]], y: [[398 380 448 465]], ornt: [u'#'], transcriptions: [u'#']
x: [[  0  -9.5 9 9]], y: [[ 0 9 9 0]], ornt: [u'm'], transcriptions: [u"JOE'S, \\u20ac5"]

x: [[0 9 9 0]], y: [[0 0 9 9]], ornt: [u'h'], transcriptions: []
"""
PAUL = corners(259, 542, 313, 462, 389, 417, 427, 459, 354, 507, 302, 582)


def folder(root, text=GOLDEN, form=".txt", home="Annotations", **options):
    image(root / "Images" / "Train" / "img11.JPG")
    text_file(root / home / "Train" / f"poly_gt_img11{form}", text, **options)
    return root


@pytest.mark.parametrize("options", [{}, {"bom": True, "crlf": True}])
def test_the_legacy_text_file(tmp_path, options):
    (sample,) = checked(read_total_text(folder(tmp_path, **options)))
    assert sample.image.name == "img11.JPG"
    assert [plain(word) for word in sample.instances] == [
        {"polygon": PAUL, "text": "PAUL", "level": "word", "attributes": ("curved",)},
        {
            "polygon": corners(400, 398, 478, 380, 494, 448, 436, 465),
            "text": None,
            "level": "word",
            "ignore": True,
        },
        {
            "polygon": corners(0, 0, 9, 0, 9, 9, -9.5, 9),  # counter-clockwise in the file
            "text": "JOE'S, €5",
            "level": "word",
            "attributes": ("multi-oriented",),
        },
        {
            "polygon": corners(0, 0, 9, 0, 9, 9, 0, 9),
            "text": None,
            "level": "word",
            "ignore": True,
            "attributes": ("horizontal",),
        },
    ]


def test_polygons_of_fewer_than_four_corners(tmp_path):
    entry = "x: [[{}]], y: [[{}]], ornt: [u'h'], transcriptions: [u'a']\n"
    text = entry.format("0 9 9", "0 0 9") + entry.format("3 4", "5 6")
    (sample,) = checked(read_total_text(folder(tmp_path, text)))
    triangle, stroke = sample.instances
    assert triangle.polygon.tolist() == corners(0, 0, 9, 0, 9, 9, 9, 9)
    assert not triangle.ignore
    assert stroke.polygon.tolist() == corners(3, 5, 4, 6, 4, 6, 4, 6)
    assert stroke.ignore
    assert stroke.attributes == ("horizontal", "fewer than three corners")


def cells(rows):
    table = np.empty((len(rows), 6), dtype=object)
    for number, (x, y, text, orientation) in enumerate(rows):
        table[number] = ["x:", None, "y:", None, text, orientation]
        table[number, 1], table[number, 3] = x, y
    return table


@pytest.mark.parametrize(
    ("variable", "name", "home"),
    [
        ("polygt", "poly_gt_img11.mat", "Groundtruth/Polygon"),
        ("gt", "gt_img11.mat", "TT_new_train_GT"),
    ],
)
def test_matlab_files(tmp_path, variable, name, home):
    image(tmp_path / "Images" / "Train" / "img11.jpg")
    (tmp_path / home / "Train").mkdir(parents=True)
    x, y = np.array(PAUL, dtype=np.int16).T
    rows = [
        (x[np.newaxis], y[np.newaxis], "PAUL", "c"),
        (
            x[:4, np.newaxis],
            y[:4, np.newaxis],
            "咖啡",
            "h",
        ),  # as columns, as the newer truth has it
        (x[np.newaxis], y[np.newaxis], "#", "#"),
        (x[np.newaxis], y[np.newaxis], "", "m"),
    ]
    savemat(tmp_path / home / "Train" / name, {variable: cells(rows)})
    (sample,) = checked(read_total_text(tmp_path))
    curved, horizontal, *illegible = (plain(word) for word in sample.instances)
    assert curved == {"polygon": PAUL, "text": "PAUL", "level": "word", "attributes": ("curved",)}
    assert (horizontal["text"], horizontal["polygon"]) == ("咖啡", PAUL[:4])
    assert [(word["text"], word["ignore"]) for word in illegible] == [(None, True)] * 2


def test_the_labels_can_be_chosen(tmp_path):
    folder(tmp_path)
    folder(tmp_path, GOLDEN.replace("PAUL", "NEW"), home="mine")
    texts = [
        next(read_total_text(tmp_path, labels=name)).instances[0].text for name in (None, "mine")
    ]
    assert texts == ["PAUL", "NEW"]
    with pytest.raises(FileNotFoundError, match=r"the train labels .*other/Train"):
        read_total_text(tmp_path, labels="other")
    text_file(tmp_path.parent / "Annotations" / "Train" / "poly_gt_img11.txt", GOOD)
    with pytest.raises(DataFormatError, match="expected a path inside"):
        read_total_text(tmp_path, labels="../Annotations")


def python_string(text, quote):
    """Write a string as Python 2 did: escaped, in ASCII, in either kind of quotation marks."""
    escaped = text.encode("unicode_escape").decode().replace(quote, "\\" + quote)
    return f"u{quote}{escaped}{quote}"


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-99, 9999), st.integers(-99, 9999)), min_size=4, max_size=40),
    transcriptions.filter(lambda text: text != "#"),
    st.sampled_from("'\""),
    st.sampled_from("chm"),
)
@example([(0, 0), (9, 0), (9, 9), (0, 9)], "'\"\\", "'", "h")
@example([(0, 0), (9, 0), (9, 9), (0, 9)], "\\u0041", '"', "h")
def test_what_is_written_is_read(tmp_path_factory, points, text, quote, orientation):
    x, y = (np.array2string(np.array(side)[np.newaxis]) for side in zip(*points, strict=True))
    entry = (
        f"x: {x}, y: {y}, ornt: [u'{orientation}'], transcriptions: [{python_string(text, quote)}]"
    )
    path = text_file(tmp_path_factory.mktemp("t") / "poly_gt_img1.txt", f"{entry}\n{entry}\n")
    for word in _read_text_file(path):
        assert word.text == text
        assert word.polygon[0].tolist() == list(points[0])
        assert sorted(word.polygon.tolist()) == sorted(map(list, points))


GOOD = "x: [[0 9 9 0]], y: [[0 0 9 9]], ornt: [u'h'], transcriptions: [u'a']"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("x: ", "", "expected 'x:', got"),
        ("y: [[0 0 9 9]]", "y: [[0 0 9]]", "expected as many x as y, got 4 and 3"),
        ("[[0 9 9 0]]", "[[0 9 nan 0]]", "expected numbers in"),
        ("[[0 9 9 0]]", "[[0, 9, 9, 0]]", "expected numbers in"),
        ("[[0 9 9 0]]", "[[]]", "expected as many x as y, got 0 and 4"),
        ("u'h'", "u'q'", "expected the orientation c, h, m or #, got 'q'"),
        ("u'a'", "a", "expected a text in quotation marks, got 'a]'"),
        ("u'a'", "u'a', u'b'", "expected one transcription"),
        ("u'a']", "u'a'", "expected ','"),
        ("u'a'", "__import__('os').abort()", "expected a text in quotation marks"),
    ],
)
def test_malformed_text_is_named(tmp_path, old, new, message):
    assert old in GOOD
    folder(tmp_path, f"{GOOD}\n" + GOOD.replace(old, new))
    with pytest.raises(DataFormatError, match=rf"poly_gt_img11\.txt, line 2: {message}"):
        list(read_total_text(tmp_path))


def test_the_line_is_counted_within_an_entry(tmp_path):
    folder(tmp_path, GOLDEN.replace("[u'c']", "[u'c'"))
    with pytest.raises(DataFormatError, match=r"line 2: expected a text in quotation marks"):
        list(read_total_text(tmp_path))


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"other": 1}, "expected cells named polygt or gt, got"),
        ({"polygt": np.zeros((2, 6))}, "expected cells named polygt or gt"),
        (
            {"polygt": cells([([0, 9], [0, 0], "a", "h")])[:, :5]},
            "expected cells of 6 columns, got 5",
        ),
        ({"polygt": np.empty((2, 0), dtype=object)}, "expected cells of 6 columns, got 0"),
    ],
)
def test_malformed_matlab_files_are_named(tmp_path, variables, message):
    folder(tmp_path, "", ".mat")
    savemat(tmp_path / "Annotations/Train/poly_gt_img11.mat", variables)
    with pytest.raises(DataFormatError, match=rf"poly_gt_img11\.mat: {message}"):
        list(read_total_text(tmp_path))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((["a"], [0], "a", "h"), "expected numbers as x"),
        (([0, 1, 2, 3], [0], "a", "h"), "expected as many x as y"),
        (([0, 9, 9, 0], [0, 0, 9, 9], 5, "h"), "expected a text"),
        (([0, 9, 9, 0], [0, 0, 9, np.nan], "a", "h"), "corners must be finite"),
    ],
)
def test_malformed_rows_are_named(tmp_path, row, message):
    folder(tmp_path, "", ".mat")
    good = ([0, 9, 9, 0], [0, 0, 9, 9], "a", "h")
    savemat(tmp_path / "Annotations/Train/poly_gt_img11.mat", {"polygt": cells([good, row])})
    with pytest.raises(DataFormatError, match=rf"poly_gt_img11\.mat, row 2: {message}"):
        list(read_total_text(tmp_path))


def test_a_folder_without_labels_is_explained(tmp_path):
    folder(tmp_path, "", ".csv")
    with pytest.raises(FileNotFoundError, match=r"there is no poly_gt_\*\.txt"):
        read_total_text(tmp_path)

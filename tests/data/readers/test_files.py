"""What readers share: strict parsing, errors that name the place, nothing outside of the folder."""

import contextlib
import json
import struct

import numpy as np
import pytest
from data.readers.made_up import corners, image, text_file
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from ocrlearn.data.readers import (
    _files,
    ctw,
    icdar2013,
    icdar2015,
    mlt2017,
    mtwi2018,
    rctw17,
    td500,
    total_text,
)
from ocrlearn.data.readers._files import DataFormatError, Line

# --- Paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/../../x.jpg", "/etc/passwd", "C:\\x", "c:/x", "a\\..\\x", "", "a\0b"]
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, name):
    with pytest.raises(DataFormatError, match=r"gt\.txt, line 3: expected a path inside"):
        _files.inside(tmp_path, name, "gt.txt, line 3")


@pytest.mark.parametrize("name", ["x.jpg", "a/b/x.jpg", "./x.jpg", "..x.jpg", "a..b/x", "图.jpg"])
def test_other_paths_are_not(tmp_path, name):
    assert _files.inside(tmp_path, name) == tmp_path / name


def test_a_link_that_leads_out_is_refused_and_one_that_stays_is_not(tmp_path):
    inner, outer = tmp_path / "set", image(tmp_path / "outside.png")
    image(inner / "real.png")
    (inner / "out.png").symlink_to(outer)
    (inner / "in.png").symlink_to(inner / "real.png")
    assert _files.inside(inner, "in.png") == inner / "in.png"
    with pytest.raises(DataFormatError, match=r"out\.png is a link that leads out of"):
        _files.inside(inner, "out.png")
    with pytest.raises(DataFormatError, match="leads out"):
        _files.images_by_stem(inner)


def test_files_come_by_stem_in_natural_order(tmp_path):
    for name in ("img_10.jpg", "img_2.PNG", "tb.x.1.jpg", ".hidden.jpg", "notes.txt"):
        text_file(tmp_path / name, "")
    found = _files.images_by_stem(tmp_path)
    assert list(found) == ["img_2", "img_10", "tb.x.1"]
    assert found["img_2"] == tmp_path / "img_2.PNG"


def test_two_files_of_one_stem_are_refused(tmp_path):
    text_file(tmp_path / "a.jpg", "")
    text_file(tmp_path / "a.png", "")
    with pytest.raises(DataFormatError, match=r"a\.png and a\.jpg stand for one sample"):
        _files.images_by_stem(tmp_path)


def test_an_image_or_a_label_alone_is_reported(tmp_path):
    a, b = tmp_path / "a.jpg", tmp_path / "b.txt"
    with pytest.raises(FileNotFoundError, match=r"a\.jpg has no label file in LABELS"):
        _files.pairs_by_stem({"a": a}, {}, "IMAGES", "LABELS")
    with pytest.raises(FileNotFoundError, match=r"b\.txt has no image in IMAGES"):
        _files.pairs_by_stem({"a": a}, {"a": b, "b": b}, "IMAGES", "LABELS")
    with pytest.raises(FileNotFoundError, match="there are no images in IMAGES"):
        _files.pairs_by_stem({}, {"b": b}, "IMAGES", "LABELS")


# --- Lines ----------------------------------------------------------------------------------------


def test_lines_with_mark_crlf_blanks_and_numbers(tmp_path):
    path = text_file(
        tmp_path / "gt.txt", "one \n\n  \ntwo\u2028three\x85\n﻿four", bom=True, crlf=True
    )
    found = [(line.number, line.text) for line in _files.read_lines(path)]
    assert found == [(1, "one "), (4, "two\u2028three\x85"), (5, "﻿four")]


def test_what_is_not_utf8_is_named_with_line_and_column(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_bytes(b"fine\nbr\xfcnn\n")
    with pytest.raises(DataFormatError, match=r"gt\.txt, line 2: .*0xfc in column 3"):
        list(_files.read_lines(path))


def test_commas_stay_in_the_last_field():
    line = Line("gt.txt", 7, "1,2,a,b,,c")
    assert _files.split_fields(line, 3, "x") == ["1", "2", "a,b,,c"]
    with pytest.raises(DataFormatError, match=r"^gt\.txt, line 7: expected 8 things, got '1,2"):
        _files.split_fields(line, 8, "8 things")


@pytest.mark.parametrize("text", ["nan", "inf", "1_0", "", " ", "0x1", "1,2", "٣", "1e999", "1 2"])
def test_what_python_might_take_for_a_number_but_is_none(text):
    assert _files.parse_number(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**12), 10**12))
def test_numbers_are_read_as_they_were_written(number):
    assert _files.parse_number(f" {number} ") == number


@given(st.text())
@example('"')
@example("\\")
@example('\\"')
def test_a_quoted_text_is_read_as_it_was_escaped(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert _files.unquote(f' "{escaped}" ') == text


# --- Places ---------------------------------------------------------------------------------------


def test_corners_are_made_clockwise_and_keep_their_first():
    flat = [10, 10, 10, 40, 90, 40, 90, 10]
    assert _files.clockwise(flat).tolist() == corners(10, 10, 90, 10, 90, 40, 10, 40)
    assert _files.clockwise(corners(*flat)).dtype == np.float32


@pytest.mark.parametrize(
    "values", [[1, 2, 3], [0, 0, 1, 0, 1, 1], ["a"] * 8, [True] * 8, [1e300] * 8, [[1, 2, 3]] * 4]
)
def test_what_is_no_outline_is_refused(values):
    with pytest.raises(ValueError, match="corners"):
        _files.clockwise(values)


@pytest.mark.parametrize("values", [[1, 2, 3], [1, 2, -3, 4], ["1", 2, 3, 4], None, {"a": 1}])
def test_what_is_no_box_is_refused(values):
    with pytest.raises(ValueError, match=r"left, top, width, height"):
        _files.extent_quad(values)


def test_a_box_inside_out_is_refused():
    with pytest.raises(ValueError, match="left <= right"):
        _files.box_quad(5, 0, 4, 9)


# --- JSON, XML, MATLAB ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b" 2}', r"x\.json: not valid JSON at line 2, column 6"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_broken_json_is_named(tmp_path, text, message):
    with pytest.raises(DataFormatError, match=message):
        _files.read_json(text_file(tmp_path / "x.json", text))


def test_json_lines_name_the_line(tmp_path):
    path = text_file(tmp_path / "x.jsonl", '{"a": 1}\n\n[2]\n', bom=True)
    objects = _files.read_json_lines(path, "an image")
    assert next(objects)[1].anything("a") == 1
    with pytest.raises(DataFormatError, match=r"x\.jsonl, line 3: an image must be a JSON object"):
        next(objects)


BILLION_LAUGHS = """<!DOCTYPE a [<!ENTITY l "ha"><!ENTITY m "&l;&l;&l;">]>
<a>&m;</a>"""
FROM_ELSEWHERE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<a>&x;</a>'


@pytest.mark.parametrize("text", [BILLION_LAUGHS, FROM_ELSEWHERE])
def test_xml_may_not_declare_entities(tmp_path, text):
    with pytest.raises(DataFormatError, match=r"x\.xml, line 1: expected no entity declarations"):
        _files.read_xml(text_file(tmp_path / "x.xml", text))


@pytest.mark.parametrize(
    "text", ["<a><b></a>", "", "no", '<?xml version="1.0" encoding="no"?><a/>']
)
def test_broken_xml_is_named(tmp_path, text):
    with pytest.raises(DataFormatError, match=r"x\.xml: not well-formed XML"):
        _files.read_xml(text_file(tmp_path / "x.xml", text))


def test_xml_elements_know_their_lines(tmp_path):
    text = '<a>\n<b x="1.5">caf&#233; &amp; &lt;3</b>\n<b x="wide"/></a>'
    root = _files.read_xml(text_file(tmp_path / "x.xml", text))
    first, second = root.all("b")
    assert (first.text, first.number("x"), first.line) == ("café & <3", 1.5, 2)
    with pytest.raises(DataFormatError, match=r"x\.xml, line 3: expected a number as x of <b>"):
        second.number("x")
    with pytest.raises(DataFormatError, match="line 3: expected one <b> in <a>"):
        root.one("b")
    with pytest.raises(DataFormatError, match="line 1: expected a <c> in <a>"):
        root.one("c")


def test_latin_1_is_read_where_xml_declares_it(tmp_path):
    path = tmp_path / "x.xml"
    path.write_bytes('<?xml version="1.0" encoding="iso-8859-1"?><a>£5</a>'.encode("latin-1"))
    assert _files.read_xml(path).text == "£5"


def test_matlab_files_and_what_is_none(tmp_path):
    savemat(tmp_path / "x.mat", {"a": np.arange(3)})
    assert _files.read_mat(tmp_path / "x.mat")["a"].tolist() == [[0, 1, 2]]
    for data in (b"", b"no MATLAB file at all", b"\x80\x04K\x01."):
        (tmp_path / "y.mat").write_bytes(data)
        with pytest.raises(DataFormatError, match=r"y\.mat: expected a MATLAB file of version 5"):
            _files.read_mat(tmp_path / "y.mat")


def matlab_file(path, **options):
    """Write numbers, a text, cells and a structure."""
    row = np.empty((1, 2), dtype=object)
    row[0] = [np.arange(3.0), "text"]
    record = np.array([[(np.eye(2, dtype=np.uint16), "é")]], dtype=[("map", "O"), ("name", "O")])
    savemat(path, {"c": row, "s": record, "z": np.array([[1 + 2j]]), "e": []}, **options)
    return path.read_bytes()


@pytest.mark.parametrize("do_compression", [False, True])
def test_every_kind_of_matlab_array_is_read(tmp_path, do_compression):
    path = tmp_path / "a.mat"
    matlab_file(path, do_compression=do_compression)
    found = _files.read_mat(path)
    assert found["c"][0, 0].tolist() == [[0, 1, 2]]
    assert found["c"][0, 1].item() == "text"
    assert found["s"]["map"][0, 0].tolist() == [[1, 0], [0, 1]]
    assert found["s"]["name"][0, 0].item() == "é"
    assert found["z"].item() == 1 + 2j
    assert found["e"].size == 0


def test_no_damage_to_a_matlab_file_ends_python(tmp_path):
    path = tmp_path / "a.mat"
    whole = matlab_file(path)
    refused = 0
    for at in range(128, len(whole)):
        for change in (0x15, 0xFF):  # SciPy alone crashes on some of these
            damaged = bytearray(whole)
            damaged[at] ^= change
            path.write_bytes(damaged)
            try:
                _files.read_mat(path)
            except DataFormatError as error:
                refused += str(path) in str(error)
    assert refused > len(whole) // 2


def test_cells_in_cells_have_an_end(tmp_path):
    def array(kind, inner, name=b""):
        head = struct.pack("<IIII", 6, 8, kind, 0) + struct.pack("<IIii", 5, 8, 1, 1)
        data = head + struct.pack("<II", 1, len(name)) + name + inner
        return struct.pack("<II", 14, len(data)) + data

    number = array(6, struct.pack("<IId", 9, 8, 1.5))
    path = tmp_path / "a.mat"
    header = b"MATLAB 5".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    path.write_bytes(header + array(1, number, b"thecells"))
    assert _files.read_mat(path)["thecells"].item().tolist() == [[1.5]]
    for _ in range(2000):
        number = array(1, number)
    path.write_bytes(header + array(1, number, b"thecells"))
    with pytest.raises(DataFormatError, match="cells in cells up to 20 deep"):
        _files.read_mat(path)


# --- Whatever comes, an error that names the place ------------------------------------------------

READ_LINE = (
    icdar2013._read_word,
    icdar2015._read_word,
    mlt2017._read_word,
    rctw17._read_line,
    mtwi2018._read_line,
    td500._read_line,
)
PIECES = st.sampled_from(
    [
        "0",
        "1",
        "-7",
        "12.5",
        "1e9",
        "1e39",
        "nan",
        "9" * 400,
        ",",
        " ",
        '"',
        "\\",
        "###",
        "Latin",
        "a",
    ]
)


@pytest.mark.parametrize("read", READ_LINE, ids=lambda read: read.__module__.rpartition(".")[2])
@given(st.lists(PIECES | st.text(max_size=3), max_size=24), st.sampled_from(["", ",", " "]))
def test_any_line_is_either_read_or_named(read, pieces, separator):
    line = Line("gt.txt", 7, separator.join(pieces))
    message = ""
    try:
        instance = read(line)
    except DataFormatError as error:
        message = str(error)
    if message:
        assert message.startswith("gt.txt, line 7: ")
    else:
        assert instance.polygon.shape == (4, 2)
        assert np.isfinite(instance.polygon).all()


MARKS = ["x:", "y:", "ornt:", "transcriptions:", "[[", "]]", "[", "]", ",", "u'", "'", '"', "\\u12"]


@given(st.lists(st.sampled_from([*MARKS, "1 2 3 4", "h", "#", "\n"]) | st.text(max_size=2)))
def test_any_text_of_total_text_is_either_read_or_named(tmp_path_factory, pieces):
    path = text_file(tmp_path_factory.mktemp("t") / "poly_gt_img1.txt", " ".join(pieces))
    with contextlib.suppress(DataFormatError):
        assert isinstance(list(total_text._read_text_file(path)), list)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
FIELDS = ["file_name", "width", "height", "annotations", "ignore", "proposals"]


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_object_of_ctw_is_either_read_or_named(tmp_path_factory, record):
    path = text_file(tmp_path_factory.mktemp("c") / "train.jsonl", json.dumps(record))
    with pytest.raises((DataFormatError, FileNotFoundError), match=r"train\.jsonl, line 1: "):
        list(ctw._annotated(path, path.parent))

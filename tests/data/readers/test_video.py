"""Clips: UCF101, HMDB51 and both versions of Something-Something."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrlearn.data.readers.hmdb51 import read_hmdb51
from ocrlearn.data.readers.something import read_something_v1, read_something_v2
from ocrlearn.data.readers.ucf101 import read_ucf101
from ocrlearn.data.samples import DataFormatError, check_sample

# Folders are made once for all examples: each example writes its file anew.
few = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
printed = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)

# --- UCF101 -------------------------------------------------------------------------------------


@pytest.fixture
def ucf(tmp_path):
    (tmp_path / "UCF-101").mkdir()
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_bytes(b"1 ApplyEyeMakeup\r\n2 HandstandPushups\r\n")
    (lists / "trainlist01.txt").write_bytes(
        b"ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\r\n"
        b"HandstandPushups/v_HandStandPushups_g09_c02.avi 2\r\n"
    )
    (lists / "testlist01.txt").write_bytes(b"ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\r\n")
    (lists / "testlist03.txt").write_bytes(b"ApplyEyeMakeup/v_ApplyEyeMakeup_g02_c07.avi\r\n")
    return tmp_path


def test_ucf101(ucf):
    first, second = read_ucf101(ucf)
    check_sample(first)
    assert first.frames == ucf / "UCF-101" / "ApplyEyeMakeup" / "v_ApplyEyeMakeup_g08_c01.avi"
    assert (first.label, first.name) == ("ApplyEyeMakeup", "v_ApplyEyeMakeup_g08_c01")
    assert first.details == {"group": 8, "clip": 1}
    assert second.label == "HandstandPushups"  # not HandStandPushups, as the file
    (test,) = read_ucf101(ucf, "test")
    assert test.label == "ApplyEyeMakeup"
    (third,) = read_ucf101(ucf, "test", division=3)
    assert third.details == {"group": 2, "clip": 7}


@few
@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 25), st.integers(1, 7))))
def test_what_was_written_is_read_from_ucf101(ucf, rows):
    labels = {1: "ApplyEyeMakeup", 2: "HandstandPushups"}
    lines = [
        f"{labels[number]}/v_{labels[number]}_g{group:02d}_c{clip:02d}.avi"
        for number, group, clip in rows
    ]
    numbered = [f"{line} {row[0]}" for line, row in zip(lines, rows, strict=True)]
    (ucf / "ucfTrainTestlist" / "trainlist01.txt").write_text("\n".join(numbered))
    (ucf / "ucfTrainTestlist" / "testlist01.txt").write_text("\n".join(lines))
    for split in ("train", "test"):
        read = [(c.label, c.details["group"], c.details["clip"]) for c in read_ucf101(ucf, split)]
        assert read == [(labels[number], group, clip) for number, group, clip in rows]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi", "a file and the number of its class"),
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 3", "a file and the number of its class"),
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 2", "in the folder of its class Handstand"),
        ("Other/v_ApplyEyeMakeup_g08_c01.avi 1", "a clip in the folder of its class"),
        ("ApplyEyeMakeup/clip.avi 1", "a clip named like"),
        ("../ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1", "the folder of its class"),
    ],
)
def test_malformed_lines_of_ucf101(ucf, line, said):
    path = ucf / "ucfTrainTestlist" / "trainlist01.txt"
    path.write_text(f"ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\n{line}\n")
    clips = read_ucf101(ucf)
    next(clips)
    with pytest.raises(DataFormatError, match=rf"trainlist01\.txt, line 2: expected .*{said}"):
        next(clips)


def test_malformed_classes_of_ucf101(ucf):
    for text in ("1 A\n1 B\n", "1 A\nx B\n", "1 A\nB\n"):
        (ucf / "ucfTrainTestlist" / "classInd.txt").write_text(text)
        with pytest.raises(DataFormatError, match=r"classInd\.txt, line 2: expected a new number"):
            read_ucf101(ucf)


def test_what_is_missing_of_ucf101(ucf):
    with pytest.raises(FileNotFoundError, match=r"trainlist02\.txt"):
        read_ucf101(ucf, division=2)
    with pytest.raises(ValueError, match="division must lie in"):
        read_ucf101(ucf, division=4)
    with pytest.raises(FileNotFoundError, match=r"ucfTrainTestlist/classInd\.txt"):
        read_ucf101(ucf / "UCF-101")
    (ucf / "UCF-101").rmdir()
    with pytest.raises(FileNotFoundError, match="UCF-101"):
        read_ucf101(ucf)


# --- HMDB51 -------------------------------------------------------------------------------------


@pytest.fixture
def hmdb(tmp_path):
    lists = tmp_path / "testTrainMulti_7030_splits"
    lists.mkdir()
    for label in ("brush_hair", "wave"):
        (tmp_path / "hmdb51_org" / label).mkdir(parents=True)
    (lists / "brush_hair_test_split1.txt").write_bytes(
        b"April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1 \r\n"
        b"#20_[x]_brush+hair!_0.avi 2 \r\n"
        b"c.avi 0 \r\n"
    )
    (lists / "wave_test_split1.txt").write_text("d.avi 1 \n")
    (lists / "wave_test_split2.txt").write_text("d.avi 2 \n")
    return tmp_path


def test_hmdb51(hmdb):
    first, second = read_hmdb51(hmdb)
    check_sample(first)
    name = "April_09_brush_hair_u_nm_np1_ba_goo_0"
    assert first.frames == hmdb / "hmdb51_org" / "brush_hair" / f"{name}.avi"
    assert (first.label, first.name) == ("brush_hair", name)
    assert (second.label, second.name) == ("wave", "d")
    assert [clip.name for clip in read_hmdb51(hmdb, "test")] == ["#20_[x]_brush+hair!_0"]
    assert [clip.name for clip in read_hmdb51(hmdb, "unused")] == ["c"]
    assert [clip.name for clip in read_hmdb51(hmdb, "test", division=2)] == ["d"]


@few
@given(st.lists(st.tuples(printed.filter(lambda s: not set("/\\:") & set(s)), st.integers(0, 2))))
def test_what_was_written_is_read_from_hmdb51(hmdb, rows):
    lines = "".join(f"{name}.avi {use} \n" for name, use in rows)
    path = hmdb / "testTrainMulti_7030_splits" / "wave_test_split2.txt"
    path.write_text(lines, encoding="utf-8")
    for use, split in enumerate(("unused", "train", "test")):
        read = [clip.name for clip in read_hmdb51(hmdb, split, division=2)]
        assert read == [name for name, found in rows if found == use]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.avi", "expected a clip and 0, 1 or 2"),
        ("a.avi 3", "expected a clip and 0, 1 or 2"),
        ("a.mp4 1", "expected a clip and 0, 1 or 2"),
        ("../a.avi 2", "expected a path inside"),
    ],
)
def test_malformed_lines_of_hmdb51(hmdb, line, said):
    path = hmdb / "testTrainMulti_7030_splits" / "wave_test_split2.txt"
    path.write_text(f"a.avi 1\n{line}\n")
    with pytest.raises(DataFormatError, match=rf"wave_test_split2\.txt, line 2: {said}"):
        list(read_hmdb51(hmdb, division=2))


def test_what_is_missing_of_hmdb51(hmdb):
    with pytest.raises(FileNotFoundError, match="brush_hair_test_split3"):
        read_hmdb51(hmdb, division=3)
    (hmdb / "hmdb51_org" / "wave").rmdir()
    with pytest.raises(FileNotFoundError, match=r"clips of a class are not there: .*wave"):
        read_hmdb51(hmdb)
    with pytest.raises(FileNotFoundError, match="testTrainMulti_7030_splits"):
        read_hmdb51(hmdb / "hmdb51_org")


# --- Something-Something V1 ---------------------------------------------------------------------

TEARING = "Tearing something into two pieces"


@pytest.fixture
def v1(tmp_path):
    (tmp_path / "20bn-something-something-v1").mkdir()
    for name, text in {
        "labels": f"{TEARING}\nHolding something\n",
        "train": f"4711;{TEARING}\n12;Holding something\n",
        "validation": "13;Holding something\n",
        "test": "14\n",
    }.items():
        (tmp_path / f"something-something-v1-{name}.csv").write_text(text)
    return tmp_path


def test_something_v1(v1):
    first, second = read_something_v1(v1)
    check_sample(first)
    assert first.frames == v1 / "20bn-something-something-v1" / "4711"
    assert (first.label, first.name, first.frame_rate) == (TEARING, "4711", 12.0)
    assert second.label == "Holding something"
    assert [clip.name for clip in read_something_v1(v1, "validation")] == ["13"]
    (test,) = read_something_v1(v1, "test")
    assert (test.label, test.name) == (None, "14")


@few
@given(st.lists(st.tuples(st.integers(0, 10**6), printed), min_size=1))
def test_what_was_written_is_read_from_something_v1(v1, rows):
    (v1 / "something-something-v1-labels.csv").write_text(
        "".join(f"{label}\n" for _, label in rows), encoding="utf-8"
    )
    (v1 / "something-something-v1-train.csv").write_text(
        "".join(f"{number};{label}\n" for number, label in rows), encoding="utf-8"
    )
    assert [(int(clip.name), clip.label) for clip in read_something_v1(v1)] == rows


@pytest.mark.parametrize(
    ("split", "line", "said"),
    [
        ("train", "4711", "expected a clip; its class"),
        ("train", ";Holding something", "expected a clip; its class"),
        ("train", "4711;Holding nothing", "expected one of the classes, got 'Holding nothing'"),
        ("train", "../4711;Holding something", "expected a path inside"),
        ("test", "4711;Holding something", "expected a clip without a class"),
    ],
)
def test_malformed_lines_of_something_v1(v1, split, line, said):
    (v1 / f"something-something-v1-{split}.csv").write_text(f"\n{line}\n")
    with pytest.raises(DataFormatError, match=rf"v1-{split}\.csv, line 2: {said}"):
        list(read_something_v1(v1, split))


# --- Something-Something V2 ---------------------------------------------------------------------

HOLDING = {
    "id": "4711",
    "label": "holding pen next to cup",
    "template": "Holding [something] next to [something]",
    "placeholders": ["pen", "cup"],
}


@pytest.fixture(params=["something-something-v2-{}.json", "labels/{}.json"])
def v2(tmp_path, request):
    (tmp_path / "20bn-something-something-v2").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "names").write_text(request.param)
    write_v2(tmp_path, "labels", {"Holding something next to something": "76"})
    write_v2(tmp_path, "train", [HOLDING])
    write_v2(tmp_path, "test", [{"id": "1420"}])
    return tmp_path


def write_v2(folder, name, content):
    path = folder / (folder / "names").read_text().format(name)
    path.write_text(json.dumps(content))


def test_something_v2(v2):
    (clip,) = read_something_v2(v2)
    check_sample(clip)
    assert clip.frames == v2 / "20bn-something-something-v2" / "4711.webm"
    assert clip.label == "Holding something next to something"
    assert clip.text == "holding pen next to cup"
    assert clip.placeholders == ("pen", "cup")
    (test,) = read_something_v2(v2, "test")
    assert (test.label, test.text, test.name) == (None, None, "1420")


@few
@given(st.lists(st.tuples(st.integers(0, 10**6), st.text(), st.lists(st.text()))))
def test_what_was_written_is_read_from_something_v2(v2, rows):
    entries = [
        HOLDING | {"id": str(number), "label": said, "placeholders": things}
        for number, said, things in rows
    ]
    write_v2(v2, "train", entries)
    read = [(int(c.name), c.text, list(c.placeholders)) for c in read_something_v2(v2)]
    assert read == rows


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": 4711}, r"\[1\]\.id must be a string, got 4711"),
        ({"id": "../4711"}, r"\[1\]\.id: expected a path inside"),
        ({"template": "Eating [something]"}, r"\[1\]\.template must be one of the classes"),
        ({"placeholders": "pen"}, r"\[1\]\.placeholders must be an array"),
        ({"label": None}, r"\[1\]\.label must be a string, got null"),
    ],
)
def test_malformed_entries_of_something_v2(v2, changes, said):
    write_v2(v2, "train", [HOLDING, HOLDING | changes])
    clips = read_something_v2(v2)
    next(clips)
    with pytest.raises(DataFormatError, match=rf"train\.json: {said}"):
        next(clips)


def test_malformed_files_of_something_v2(v2):
    write_v2(v2, "train", {"id": "1"})
    with pytest.raises(DataFormatError, match=r"train\.json: expected an array of clips"):
        list(read_something_v2(v2))
    write_v2(v2, "train", ["4711"])
    with pytest.raises(DataFormatError, match=r"train\.json: \[0\] must be a JSON object"):
        list(read_something_v2(v2))
    write_v2(v2, "labels", [1])
    with pytest.raises(DataFormatError, match=r"labels\.json: expected an object"):
        read_something_v2(v2)


@pytest.mark.parametrize("read", [read_something_v1, read_something_v2])
def test_what_is_missing_of_something(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="something-something-v"):
        read(tmp_path)
    with pytest.raises(ValueError, match="split must be one of 'train', 'validation', 'test'"):
        read(tmp_path, "val")

"""CTW: sentences of characters in JSON Lines, regions to ignore, characters without text."""

import json

import numpy as np
import pytest
from data.readers.made_up import checked, convex_quads, corners, image, plain, text_file, upright
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from ocrlearn.data.readers import DataFormatError
from ocrlearn.data.readers.ctw import adjusted_box, read_ctw

SLANTED = [[2, 1], [11, 2], [12, 18], [3, 16]]


def character(polygon, text="金", **more):
    record = {"polygon": polygon, "text": text, "is_chinese": True, "attributes": []} | more
    left, top, right, bottom = adjusted_box(np.array(polygon, float)).tolist()
    return record | {"adjusted_bbox": [left, top, right - left, bottom - top]}


def record(number=2000001, **more):
    name = {"image_id": f"{number:07d}", "file_name": f"{number:07d}.jpg"}
    return name | {"width": 2048, "height": 2048} | more


def folder(root, records, split="train", images="trainval"):
    for line in records:
        if isinstance(line, dict) and "/" not in line.get("file_name", "/"):
            image(root / "images" / images / line["file_name"])
    lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
    text_file(root / "annotations" / f"{split}.jsonl", "\n".join(lines))
    return root


def test_sentences_characters_and_regions_to_ignore(tmp_path):
    sentence = [
        character(upright(0, 0, 20, 20), "看"),
        character(upright(25, 0, 45, 20), "K", is_chinese=False, attributes=["occluded", "raised"]),
    ]
    ignored = {"polygon": upright(1, 1, 5, 3), "bbox": [1, 1, 4, 2]}
    folder(tmp_path, [record(annotations=[sentence, [character(SLANTED)]], ignore=[ignored])])
    (sample,) = checked(read_ctw(tmp_path))
    assert (sample.width, sample.height) == (2048, 2048)
    line, single, region = (plain(instance) for instance in sample.instances)
    np.testing.assert_allclose(line.pop("polygon"), upright(0, 0, 45, 20), atol=1e-4)
    assert line == {
        "text": "看K",
        "level": "line",
        "parts": [
            {
                "polygon": upright(0, 0, 20, 20),
                "text": "看",
                "level": "character",
                "language": "Chinese",
            },
            {
                "polygon": upright(25, 0, 45, 20),
                "text": "K",
                "level": "character",
                "attributes": ("occluded", "raised"),
            },
        ],
    }
    assert (single["polygon"], single["text"], single["level"]) == (SLANTED, "金", "line")
    assert region == {
        "polygon": upright(1, 1, 5, 3),
        "text": None,
        "level": "line",
        "ignore": True,
    }


def test_a_column_begins_at_the_top_left_of_its_first_character(tmp_path):
    column = [character(upright(10, top, 30, top + 20)) for top in (0, 25, 50, 75)]
    folder(tmp_path, [record(annotations=[column])])
    (sample,) = checked(read_ctw(tmp_path))
    np.testing.assert_allclose(sample.instances[0].polygon, upright(10, 0, 30, 95), atol=1e-4)


def test_text_on_its_head_begins_at_its_own_top_left(tmp_path):
    turned = [np.roll(upright(left, 0, left + 20, 20), 4).tolist() for left in (50, 25, 0)]
    folder(tmp_path, [record(annotations=[list(map(character, turned))])])
    (sample,) = checked(read_ctw(tmp_path))
    expected = np.roll(upright(0, 0, 70, 20), 4)
    np.testing.assert_allclose(sample.instances[0].polygon, expected, atol=1e-4)


def test_splits_for_testing(tmp_path):
    proposals = [{"polygon": SLANTED, "adjusted_bbox": [0, 0, 1, 1]}]
    folder(tmp_path, [record(proposals=proposals)], "test_cls", "test")
    (sample,) = checked(read_ctw(tmp_path, "test_cls"))
    assert [plain(part) for part in sample.instances] == [
        {"polygon": SLANTED, "text": None, "level": "character"}
    ]
    info = {"train": [], "test_det": [record(7), record(8)]}
    text_file(tmp_path / "annotations" / "info.json", json.dumps(info))
    image(tmp_path / "images/test/0000007.jpg"), image(tmp_path / "images/test/0000008.jpg")
    samples = checked(read_ctw(tmp_path, "test_det"))
    assert [(s.image.stem, s.instances, s.width) for s in samples] == [
        ("0000007", (), 2048),
        ("0000008", (), 2048),
    ]


def test_the_adjusted_box_by_hand():
    # The points at thirds of the sides of SLANTED: x from 2 1/3 to 11 2/3, y from 1 1/3 to 17 1/3.
    np.testing.assert_allclose(adjusted_box(np.array(SLANTED)), [7 / 3, 4 / 3, 35 / 3, 52 / 3])
    np.testing.assert_allclose(
        adjusted_box(np.array(upright(0, 0, 30, 60))), [0, 0, 30, 60], atol=1e-12
    )


@settings(max_examples=40)
@given(st.lists(st.tuples(convex_quads(), st.characters(whitelist_categories=["Lo"])), min_size=1))
def test_what_is_written_is_read(tmp_path_factory, characters):
    root = tmp_path_factory.mktemp("ctw")
    sentence = [character(corners(*numbers), text) for numbers, text in characters]
    folder(root, [record(annotations=[sentence], ignore=[])])
    (line,) = next(read_ctw(root)).instances
    assert line.text == "".join(text for _, text in characters)
    assert [part.polygon.tolist() for part in line.parts] == [corners(*n) for n, _ in characters]
    outline = Polygon(line.polygon.astype(float)).buffer(0.01)
    for part in line.parts:
        assert outline.area >= 0.98 * Polygon(part.polygon).area
        if len(characters) > 1:
            assert outline.contains(Polygon(part.polygon).buffer(-0.01))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("{", "not valid JSON at column 2"),
        ("[]", "an image must be a JSON object"),
        (record(annotations=[[]]), "annotations must be an array of arrays, none of them empty"),
        (record(annotations=[["a"]]), r"annotations\[0\]\[0\] must be a JSON object, got 'a'"),
        (
            record(annotations=[[character(SLANTED)], [character(SLANTED, "two")]]),
            r"annotations\[1\]\[0\]\.text must be one character, got 'two'",
        ),
        (
            record(annotations=[[{"polygon": SLANTED[:3], "text": "a"}]]),
            r"annotations\[0\]\[0\]\.polygon must be four \[x, y\] pairs",
        ),
        (record(ignore=[{"bbox": [1, 2, 3, 4]}]), r"the field 'polygon' is missing in ignore\[0\]"),
        (record(annotations=[], width=0), "width must be a whole number of at least 1"),
        (record(annotations=[]) | {"file_name": "../x.jpg"}, "expected a path inside"),
        ({"width": 1, "height": 1}, "the field 'file_name' is missing"),
    ],
)
def test_malformed_lines_are_named(tmp_path, broken, message):
    folder(tmp_path, [record(annotations=[[character(SLANTED)]]), broken])
    samples = read_ctw(tmp_path)
    assert next(samples).instances[0].text == "金"
    with pytest.raises(DataFormatError, match=rf"train\.jsonl, line 2: {message}"):
        next(samples)


def test_a_missing_image_is_named(tmp_path):
    folder(tmp_path, [record()])
    (tmp_path / "images/trainval/2000001.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"line 1: there is no file .*2000001\.jpg"):
        list(read_ctw(tmp_path))

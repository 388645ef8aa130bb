"""COCO-Text: one JSON file of images and annotations, in two versions."""

import json

import pytest
from data.readers.made_up import (
    checked,
    convex_quads,
    corners,
    image,
    plain,
    text_file,
    transcriptions,
    upright,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.data.readers import DataFormatError
from ocrlearn.data.readers.coco_text import read_coco_text

NEW = {
    "id": 45346,
    "image_id": 217925,
    "utf8_string": "New",
    "legibility": "legible",
    "language": "english",
    "class": "machine printed",
    "bbox": [468.5, 286.5, 24.5, 9.5],
    "area": 206.06,
    "mask": [468.5, 286.5, 468.5, 295, 493, 296, 493, 287],
}


def entry(number, chosen="train"):
    name = f"COCO_train2014_{number:012d}.jpg"
    return {"id": number, "set": chosen, "width": 640, "height": 360, "file_name": name}


def whole(*annotations, images=None):
    images = images or [entry(217925)]
    of = {str(image["id"]): [] for image in images}
    for annotation in annotations:
        of[str(annotation["image_id"])].append(annotation["id"])
    return {
        "cats": {},
        "info": {},
        "imgs": {str(image["id"]): image for image in images},
        "anns": {str(annotation["id"]): annotation for annotation in annotations},
        "imgToAnns": of,
    }


def folder(root, record, name="cocotext.v2.json"):
    for picture in record["imgs"].values():
        if "/" not in picture["file_name"]:
            image(root / "train2014" / picture["file_name"])
    text_file(root / name, json.dumps(record))
    return root


def test_version_2(tmp_path):
    illegible = NEW | {"id": 2, "legibility": "illegible", "language": "na", "class": "others"}
    del illegible["utf8_string"]
    wordless = NEW | {"id": 3, "utf8_string": "", "mask": [1, 2, 3, 4], "language": "not english"}
    (sample,) = checked(read_coco_text(folder(tmp_path, whole(NEW, illegible, wordless))))
    assert (sample.image.name, sample.width) == ("COCO_train2014_000000217925.jpg", 640)
    polygon = corners(468.5, 286.5, 493, 287, 493, 296, 468.5, 295)  # made clockwise
    assert [plain(word) for word in sample.instances] == [
        {
            "polygon": polygon,
            "text": "New",
            "level": "word",
            "language": "english",
            "attributes": ("machine printed",),
        },
        {
            "polygon": polygon,
            "text": None,
            "level": "word",
            "ignore": True,
            "attributes": ("others",),
        },
        {
            "polygon": upright(468.5, 286.5, 493, 296),
            "text": None,
            "level": "word",
            "ignore": True,
            "language": "not english",
            "attributes": ("machine printed", "box"),
        },
    ]


def test_version_1_calls_the_outline_polygon(tmp_path):
    old = {key: value for key, value in NEW.items() if key != "mask"}
    old["polygon"] = [0, 0, 9, 0, 9, 9, 0, 9]
    folder(tmp_path, whole(old), "COCO_Text.json")
    (sample,) = checked(read_coco_text(tmp_path))
    assert sample.instances[0].polygon.tolist() == upright(0, 0, 9, 9)
    folder(tmp_path, whole(NEW | {"utf8_string": "newer"}))
    assert next(read_coco_text(tmp_path)).instances[0].text == "newer"


def test_splits_and_order(tmp_path):
    chosen = ("val", "test", "val", "val")
    images = [entry(number, split) for number, split in zip((100, 5, 9, 20), chosen, strict=True)]
    folder(tmp_path, whole(images=images))
    found = {
        split: [sample.image.stem[-3:] for sample in checked(read_coco_text(tmp_path, split))]
        for split in ("train", "val", "test")
    }
    assert found == {"train": [], "val": ["009", "020", "100"], "test": ["005"]}


@settings(max_examples=40)
@given(st.lists(st.tuples(convex_quads(), transcriptions)))
def test_what_is_written_is_read(tmp_path_factory, words):
    annotations = [
        NEW | {"id": number, "mask": mask, "utf8_string": text}
        for number, (mask, text) in enumerate(words)
    ]
    root = folder(tmp_path_factory.mktemp("coco"), whole(*annotations))
    (sample,) = read_coco_text(root)
    found = [(word.polygon.tolist(), word.text, word.ignore) for word in sample.instances]
    assert found == [(corners(*mask), text, False) for mask, text in words]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"legibility": 1}, r"anns\['45346'\]\.legibility must be a string, got 1"),
        ({"utf8_string": None}, r"anns\['45346'\]\.utf8_string must be a string, got null"),
        ({"mask": [0] * 9}, r"anns\['45346'\]\.mask: there must be at least 4 corners"),
        ({"mask": ["0"] * 8}, r"anns\['45346'\]\.mask: corners must be numbers"),
        ({"mask": [], "bbox": [1, 2, 3]}, r"anns\['45346'\]\.bbox: a box must be \[left, top"),
        ({"mask": [], "bbox": [1, 2, -3, 4]}, r"anns\['45346'\]\.bbox: a box must be \[left, top"),
    ],
)
def test_malformed_annotations_are_named(tmp_path, change, message):
    folder(tmp_path, whole(NEW | change))
    with pytest.raises(DataFormatError, match=rf"cocotext\.v2\.json: {message}"):
        list(read_coco_text(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imgs": []}, "json: imgs must be an object"),
        ({"imgs": {"1": entry(1) | {"set": "x"}}}, r"imgs\['1'\]\.set must be one of train, val"),
        ({"imgs": {"1": entry(1) | {"width": "9"}}}, r"imgs\['1'\]\.width must be a whole number"),
        ({"imgs": {"1": entry(1) | {"file_name": "../x.jpg"}}}, "expected a path inside"),
        ({"imgToAnns": {"217925": [7]}}, r"imgToAnns\['217925'\] must hold numbers of annot"),
        ({"imgToAnns": {"217925": 7}}, r"imgToAnns\['217925'\] must be an array, got 7"),
    ],
)
def test_malformed_files_are_named(tmp_path, change, message):
    folder(tmp_path, whole(NEW))
    text_file(tmp_path / "cocotext.v2.json", json.dumps(whole(NEW) | change))
    with pytest.raises(DataFormatError, match=message):
        list(read_coco_text(tmp_path))


def test_a_missing_image_is_named(tmp_path):
    folder(tmp_path, whole(NEW))
    (tmp_path / "train2014" / entry(217925)["file_name"]).unlink()
    with pytest.raises(FileNotFoundError, match=r"imgs\['217925'\]: there is no file"):
        list(read_coco_text(tmp_path))

"""Something-Something: short clips of people doing something with something, in 174 classes.

Owner: Twenty Billion Neurons, now Qualcomm.

Paper: R. Goyal and colleagues, "The 'Something Something' Video Database for Learning and
Evaluating Visual Common Sense", ICCV 2017.

Here the order of frames decides: "Pushing something from left to right" and the opposite class hold
the same frames.

Version 1 (108,499 clips)
-------------------------
::

    something-something-v1-labels.csv       Holding something                (one class a line)
    something-something-v1-train.csv        100218;Something falling like a feather or paper
    something-something-v1-validation.csv
    something-something-v1-test.csv         100218                           (no class)
    20bn-something-something-v1/100218/00001.jpg                             (12 frames a second)

Version 2 (220,847 clips)
-------------------------
::

    something-something-v2-labels.json      {"Holding something next to something": "76"}
    something-something-v2-train.json       [{"id": "4711",
                                              "label": "holding pen next to cup",
                                              "template": "Holding [something] next to [something]",
                                              "placeholders": ["pen", "cup"]}]
    something-something-v2-validation.json
    something-something-v2-test.json        [{"id": "1420"}]
    20bn-something-something-v2/4711.webm

The later release calls the files ``labels/train.json`` and so on.

Traps
-----
- "label" of version 2 is not the class but what the person who filmed it wrote; the class is
  "template" without its brackets. It becomes `label` here, the sentence `text`.
- A clip mirrored left to right is of another class in several cases.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn._fields import Fields
from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    find_file,
    find_folder,
    inside,
    located,
    read_json,
    read_lines,
)
from ocrlearn.data.samples import Clip, DataFormatError

__all__ = ["read_something_v1", "read_something_v2"]

SPLITS = ("train", "validation", "test")


def read_something_v1(folder: str | Path, split: str = "train") -> Iterator[Clip]:
    """Read Something-Something V1: folders of frames, with their class.

    Parameters
    ----------
    folder
        The one with the lists and the folder ``20bn-something-something-v1``.
    split
        "train", "validation" or "test"; the classes of "test" are withheld.

    Raises
    ------
    FileNotFoundError
        If a list or the folder of clips is not there.
    DataFormatError
        If a line is not as described above, a class is not in the list of classes, or a path leaves
        the folder.
    """
    check_choice(split, "split", SPLITS)
    lists = ("something-something-v1-{}.csv", "annotations/something-something-v1-{}.csv")
    path = find_file(folder, [name.format(split) for name in lists], f"the {split} list")
    labels = find_file(folder, [name.format("labels") for name in lists], "the list of classes")
    videos = find_folder(folder, ("20bn-something-something-v1", "rawframes"), "the clips")
    classes = {line.text.strip() for line in read_lines(labels)}
    return _clips_v1(path, videos, classes, labelled=split != "test")


def _clips_v1(path: Path, videos: Path, classes: set[str], labelled: bool) -> Iterator[Clip]:
    for line in read_lines(path):
        name, separator, rest = line.text.partition(";")
        name, label = name.strip(), rest.strip()
        if not name or bool(separator) != labelled:
            raise line.wrong("a clip; its class" if labelled else "a clip without a class")
        if labelled and label not in classes:
            raise line.wrong("one of the classes", label)
        yield Clip(
            inside(videos, name, line.place),
            label=label if labelled else None,
            name=name,
            frame_rate=12.0,
        )


def read_something_v2(folder: str | Path, split: str = "train") -> Iterator[Clip]:
    """Read Something-Something V2: videos, with class, sentence and what the somethings are.

    Parameters
    ----------
    folder
        The one with the lists and the folder ``20bn-something-something-v2``.
    split
        "train", "validation" or "test"; nothing is told of the clips of "test".

    Raises
    ------
    FileNotFoundError
        If a list or the folder of clips is not there.
    DataFormatError
        If an entry is not as described above, a class is not in the list of classes, or a path
        leaves the folder. The message names the entry, counted from 0, and the field.
    """
    check_choice(split, "split", SPLITS)
    lists = ("something-something-v2-{}.json", "labels/{}.json")
    path = find_file(folder, [name.format(split) for name in lists], f"the {split} list")
    labels = find_file(folder, [name.format("labels") for name in lists], "the list of classes")
    videos = find_folder(folder, ("20bn-something-something-v2", "videos"), "the clips")
    return _clips_v2(path, videos, _classes_v2(labels), labelled=split != "test")


def _classes_v2(path: Path) -> set[str]:
    classes = read_json(path)
    if not isinstance(classes, dict):
        raise DataFormatError(f"{path}: expected an object from class to number")
    return set(classes)


def _clips_v2(path: Path, videos: Path, classes: set[str], labelled: bool) -> Iterator[Clip]:
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DataFormatError(f"{path}: expected an array of clips")
    for number, entry in enumerate(entries):
        with located(str(path)):
            fields = Fields(entry, "a clip", f"[{number}]")
            name = fields.string("id")
            video = inside(videos, f"{name}.webm", f"{path}: [{number}].id")
            clip = _clip_v2(fields, name, video, classes, labelled)
        yield clip


def _clip_v2(fields: Fields, name: str, video: Path, classes: set[str], labelled: bool) -> Clip:
    if not labelled:
        return Clip(video, name=name)
    template = fields.string("template")
    label = template.replace("[", "").replace("]", "")
    if label not in classes:
        raise fields.wrong("template", template, "one of the classes, with brackets")
    return Clip(
        video,
        label=label,
        name=name,
        text=fields.string("label"),
        placeholders=fields.strings("placeholders"),
    )

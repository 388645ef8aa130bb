"""UCF101: 13,320 clips of 101 human actions, from YouTube.

Owner: Center for Research in Computer Vision, University of Central Florida.

Paper: K. Soomro, A. R. Zamir, M. Shah, "UCF101: A Dataset of 101 Human Actions Classes From Videos
in The Wild", CRCV-TR-12-01, 2012.

Layout and lines
----------------
::

    UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi
    ucfTrainTestlist/classInd.txt       1 ApplyEyeMakeup
    ucfTrainTestlist/trainlist01.txt    ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
    ucfTrainTestlist/testlist01.txt     ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi

Classes count from 1. Lists for testing have no class: it is the folder's name. There are three
divisions into training and testing, 01 to 03; figures are the mean over the three, or of 01 alone.

Traps
-----
- Clips of one *group* (``g08``) are cut from one video. The divisions never separate a group; a
  division made by drawing clips at random does, and its figures are far too good.
- The folder ``HandstandPushups`` holds clips named ``v_HandStandPushups``: names do not give the
  class, folders do.
- Lists end their lines in CRLF.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.readers._files import Line, find_file, find_folder, inside, read_lines
from ocrlearn.data.samples import Clip

__all__ = ["read_ucf101"]

_NAME = re.compile(r"v_[A-Za-z]+_g([0-9]{2})_c([0-9]{2})\.avi", re.ASCII)


def read_ucf101(folder: str | Path, split: str = "train", *, division: int = 1) -> Iterator[Clip]:
    """Read UCF101: clips with their class.

    Parameters
    ----------
    folder
        The one that holds ``UCF-101`` and ``ucfTrainTestlist``.
    split
        "train" or "test".
    division
        1, 2 or 3: which of the owner's three divisions into training and testing.

    Returns
    -------
    iterator of Clip
        ``details["group"]`` is the number of the video it is cut from, within its class.

    Raises
    ------
    FileNotFoundError
        If a list or the folder of clips is not there.
    DataFormatError
        If a line is not as described above, class and folder disagree, or a path leaves the
        folder.
    """
    check_choice(split, "split", ("train", "test"))
    check_number(division, "division", low=1, high=3, integer=True)
    choices = ("ucfTrainTestlist/classInd.txt", "classInd.txt")
    classes = find_file(folder, choices, "the classes of UCF101")
    name = f"{split}list{division:02d}.txt"
    path = find_file(classes.parent, (name,), f"the list of the {split} split")
    videos = find_folder(folder, ("UCF-101", "UCF101", "videos"), "the clips of UCF101")
    return _clips(path, videos, _classes(classes), numbered=split == "train")


def _classes(path: Path) -> dict[str, str]:
    """Return the names of the classes by their numbers, as written."""
    names: dict[str, str] = {}
    for line in read_lines(path):
        fields = line.text.split()
        if len(fields) != 2 or not fields[0].isdecimal() or fields[0] in names:
            raise line.wrong("a new number and the name of a class")
        names[fields[0]] = fields[1]
    return names


def _clips(path: Path, videos: Path, classes: dict[str, str], numbered: bool) -> Iterator[Clip]:
    known = set(classes.values())
    for line in read_lines(path):
        name, label = _parse(line, classes, numbered)
        folder, _, file = name.rpartition("/")
        matched = _NAME.fullmatch(file)
        if matched is None:
            raise line.wrong("a clip named like v_ApplyEyeMakeup_g08_c01.avi", name)
        if folder not in known or label not in (None, folder):
            raise line.wrong(f"a clip in the folder of its class {label or ''}".rstrip(), name)
        yield Clip(
            inside(videos, name, line.place),
            label=folder,
            name=file.removesuffix(".avi"),
            details={"group": int(matched[1]), "clip": int(matched[2])},
        )


def _parse(line: Line, classes: dict[str, str], numbered: bool) -> tuple[str, str | None]:
    """Return the file, and the class of its number where there is one."""
    fields = line.text.split()
    if not numbered and len(fields) == 1:
        return fields[0], None
    if len(fields) != 2 or fields[1] not in classes:
        wanted = "a file and the number of its class" if numbered else "a file"
        raise line.wrong(wanted)
    return fields[0], classes[fields[1]]

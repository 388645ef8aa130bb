"""HMDB51: 6,766 clips of 51 human actions, from films and YouTube.

Owner: Serre Lab, Brown University.

Paper: H. Kuehne, H. Jhuang, E. Garrote, T. Poggio, T. Serre, "HMDB: A Large Video Database for
Human Motion Recognition", ICCV 2011.

Layout and lines
----------------
Two archives, the first of which holds an archive for each class::

    hmdb51_org/brush_hair/NAME.avi
    testTrainMulti_7030_splits/brush_hair_test_split1.txt       NAME.avi 1

There is a list for every class and each of three divisions. The number says what the clip is for: 1
training, 2 testing, 0 neither, so that each class has 70 clips to train and 30 to test. Figures are
the mean over the three divisions.

Traps
-----
- Names hold ``#``, ``!``, ``&``, ``+``, ``[`` and brackets: do not use them as patterns or in
  addresses.
- Lines end in a space before the line end.
- A class with a list and without a folder was not unpacked: that is an error, not an empty class.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.readers._files import find_folder, in_natural_order, inside, read_lines
from ocrlearn.data.samples import Clip

__all__ = ["read_hmdb51"]

USES = {"unused": "0", "train": "1", "test": "2"}


def read_hmdb51(folder: str | Path, split: str = "train", *, division: int = 1) -> Iterator[Clip]:
    """Read HMDB51: clips with their class, class by class.

    Parameters
    ----------
    folder
        The one that holds ``hmdb51_org`` and ``testTrainMulti_7030_splits``.
    split
        "train", "test", or "unused": neither.
    division
        1, 2 or 3: which of the owner's three divisions into training and testing.

    Raises
    ------
    FileNotFoundError
        If the lists, the folder of clips or that of a class is not there.
    DataFormatError
        If a line is not as described above, or a path leaves the folder.
    """
    check_choice(split, "split", tuple(USES))
    check_number(division, "division", low=1, high=3, integer=True)
    lists = find_folder(
        folder, ("testTrainMulti_7030_splits", "test_train_splits"), "the lists of HMDB51"
    )
    videos = find_folder(folder, ("hmdb51_org", "videos"), "the clips of HMDB51")
    ending = f"_test_split{division}.txt"
    paths = [path for path in in_natural_order(lists.iterdir()) if path.name.endswith(ending)]
    if not paths:
        raise FileNotFoundError(f"expected lists like {lists / ('brush_hair' + ending)}, got none")
    homes = [
        find_folder(videos, (path.name.removesuffix(ending),), "the clips of a class")
        for path in paths
    ]
    return _clips(list(zip(paths, homes, strict=True)), USES[split])


def _clips(classes: list[tuple[Path, Path]], use: str) -> Iterator[Clip]:
    for path, home in classes:
        for line in read_lines(path):
            matched = re.fullmatch(r"\s*(\S+\.avi)\s+([012])\s*", line.text)
            if matched is None:
                raise line.wrong("a clip and 0, 1 or 2")
            name, found = matched.groups()
            video = inside(home, name, line.place)
            if found == use:
                yield Clip(video, label=home.name, name=name.removesuffix(".avi"))

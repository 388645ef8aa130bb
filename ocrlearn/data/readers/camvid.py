"""CamVid: 701 frames from a driving car, each pixel with one of 32 classes.

Owner: Gabriel Brostow and colleagues, University of Cambridge.

Paper: G. J. Brostow, J. Fauqueur, R. Cipolla, "Semantic Object Classes in Video: A High-Definition
Ground Truth Database", Pattern Recognition Letters, 2009. The division into 367 frames for
training, 101 for validation and 233 for testing, and the eleven classes, are those of P. Sturgess
and colleagues, "Combining Appearance and Structure from Motion Features for Road Scene
Understanding", BMVC 2009, as V. Badrinarayanan, A. Kendall and R. Cipolla, "SegNet", PAMI 2017,
number them.

Layout
------
The owner's, 720 x 960::

    701_StillsRaw_full/0006R0_f00930.png
    LabeledApproved_full/0006R0_f00930_L.png    a colour for each class
    label_colors.txt                            64 128 64<TAB>Animal

SegNet's, 360 x 480, with numbers in place of colours (eleven classes, 11 for everything else)::

    train/0006R0_f00930.png     trainannot/0006R0_f00930.png      also val and test

The owner does not divide the frames. The names do: of the sequence ``0001TP`` the first half (up to
frame 8520) is for training and the rest for testing; ``0006R0`` is for training; of ``0016E5`` the
frames 7959 to 8159 are for validation and all others for training; ``Seq05VD`` is for testing.

Eleven classes from 32
----------------------
See :data:`CLASSES_11`: Bridge counts as Building, SUVPickupTruck as Car, and so on. Void, and what
is not in the table, gets :data:`UNLABELLED`.

Traps
-----
- Frames of one sequence are alike; a random division tests on what was trained on.
- Some copies of the archive hold a broken ``Seq05VD_f02610.png``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    find_file,
    find_folder,
    images_by_stem,
    pairs_by_stem,
    parse_whole,
    read_lines,
    read_picture,
)
from ocrlearn.data.samples import DataFormatError, Sample

__all__ = ["CLASSES_11", "UNLABELLED", "read_camvid", "read_colors", "read_mask"]

Color = tuple[int, int, int]

CLASSES_11: Mapping[str, tuple[str, ...]] = {
    "Sky": ("Sky",),
    "Building": ("Building", "Archway", "Bridge", "Tunnel", "Wall"),
    "Pole": ("Column_Pole", "TrafficCone"),
    "Road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "Pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "Tree": ("Tree", "VegetationMisc"),
    "SignSymbol": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "Fence": ("Fence",),
    "Car": ("Car", "OtherMoving", "SUVPickupTruck", "Train", "Truck_Bus"),
    "Pedestrian": ("Pedestrian", "Animal", "CartLuggagePram", "Child"),
    "Bicyclist": ("Bicyclist", "MotorcycleScooter"),
}
"""The eleven classes in SegNet's order, each with those of the 32 that it unites."""

UNLABELLED = 11
"""The number of pixels that belong to none of the eleven classes; it is not scored."""

SPLITS = ("train", "val", "test")


def read_camvid(
    folder: str | Path, split: str = "train", *, classes: int = 11, load_masks: bool = True
) -> Iterator[Sample]:
    """Read CamVid: frames with the mask "classes".

    Parameters
    ----------
    folder
        In the owner's layout or in SegNet's.
    split
        "train" (367), "val" (101), "test" (233) or "all".
    classes
        11, or 32 (the owner's layout alone), which are numbered as in `label_colors.txt`.
    load_masks
        Whether to turn the owner's colours into numbers: ``masks["classes"]`` is then ``(H, W)``
        uint8. Otherwise ``masks`` is empty, and :func:`read_mask` does it for the path in
        ``details["truth"]``. SegNet's masks are numbers as they are, and always there.

    Raises
    ------
    FileNotFoundError
        If a folder is not there, or a frame is without its labels.
    DataFormatError
        If a table, a frame's name or a colour is not as described above.
    """
    check_choice(split, "split", (*SPLITS, "all"))
    if classes not in (11, 32):
        raise ValueError(f"classes must be 11 or 32, got {classes!r}")
    if (Path(folder) / "trainannot").is_dir():
        if classes == 32:
            raise ValueError("classes must be 11 in SegNet's layout of CamVid, got 32")
        return _in_segnets_layout(Path(folder), SPLITS if split == "all" else (split,))
    images_at = find_folder(folder, ("701_StillsRaw_full", "images"), "the frames of CamVid")
    labels_at = find_folder(folder, ("LabeledApproved_full", "labels"), "the labels of CamVid")
    labels = images_by_stem(labels_at)
    labels = {stem.removesuffix("_L"): path for stem, path in labels.items()}
    pairs = pairs_by_stem(images_by_stem(images_at), labels, images_at, labels_at)
    table = find_file(folder, ("label_colors.txt", "labels/label_colors.txt"), "the colours")
    numbers = _numbers(read_colors(table), classes, table)
    pairs = [pair for pair in pairs if split == "all" or _split(pair[0]) == split]
    return _in_owners_layout(pairs, numbers if load_masks else None)


def _in_segnets_layout(folder: Path, splits: tuple[str, ...]) -> Iterator[Sample]:
    for split in splits:
        images_at = find_folder(folder, (split,), f"the frames of the {split} split")
        labels_at = find_folder(folder, (f"{split}annot",), f"the labels of the {split} split")
        images, labels = images_by_stem(images_at), images_by_stem(labels_at)
        for image, label in pairs_by_stem(images, labels, images_at, labels_at):
            yield Sample(image, masks={"classes": label}, details={"truth": str(label)})


def _in_owners_layout(
    pairs: list[tuple[Path, Path]], numbers: dict[Color, int] | None
) -> Iterator[Sample]:
    for image, label in pairs:
        details = {"truth": str(label)}
        if numbers is None:
            yield Sample(image, details=details)
            continue
        mask = read_mask(label, numbers)
        height, width = mask.shape
        yield Sample(image, width=width, height=height, masks={"classes": mask}, details=details)


def _split(frame: Path) -> str:
    """Return the split a frame belongs to by its sequence and number."""
    sequence, _, number = frame.stem.partition("_")
    number = number.removeprefix("f")
    if sequence in ("0001TP", "0006R0", "0016E5", "Seq05VD") and number.isdecimal():
        if sequence == "0016E5":
            return "val" if 7959 <= int(number) <= 8159 else "train"
        test = sequence == "Seq05VD" or (sequence == "0001TP" and int(number) > 8520)
        return "test" if test else "train"
    raise DataFormatError(f"{frame}: expected a frame named like 0006R0_f00930.png")


# --- Colours --------------------------------------------------------------------------------------


def read_colors(path: str | Path) -> dict[str, Color]:
    """Return the colour of each class of ``label_colors.txt``, in the file's order.

    Raises
    ------
    DataFormatError
        If a line is not three numbers from 0 to 255 and a name, or one comes twice.
    """
    colors: dict[str, Color] = {}
    for line in read_lines(Path(path)):
        red, green, blue, name = ([*line.text.split(None, 3), "", "", "", ""])[:4]
        values = [parse_whole(part) for part in (red, green, blue)]
        known = [value for value in values if value is not None and value <= 255]
        if len(known) != 3 or not name.strip():
            raise line.wrong("three numbers from 0 to 255 and the name of a class")
        color = (known[0], known[1], known[2])
        if name.strip() in colors or color in colors.values():
            raise line.wrong("a new class and a new colour")
        colors[name.strip()] = color
    return colors


def _numbers(colors: dict[str, Color], classes: int, path: Path) -> dict[Color, int]:
    """Return the number of each colour, among 32 classes or eleven."""
    if classes == 32:
        return {color: number for number, color in enumerate(colors.values())}
    homes = {part: number for number, parts in enumerate(CLASSES_11.values()) for part in parts}
    missing = homes.keys() - colors.keys()
    if missing:
        raise DataFormatError(f"{path}: expected all of CamVid's classes, got no {min(missing)}")
    return {color: homes.get(name, UNLABELLED) for name, color in colors.items()}


def read_mask(path: str | Path, numbers: Mapping[Color, int]) -> NDArray[np.uint8]:
    """Return the classes of an image of colours, ``(H, W)`` uint8.

    Parameters
    ----------
    path
        A file of ``LabeledApproved_full``.
    numbers
        The number of each colour that may occur.

    Raises
    ------
    DataFormatError
        If another colour occurs, and the message says where; or if it is no image.
    """
    colors = read_picture(Path(path), "RGB").astype(np.int32)
    codes = (colors[..., 0] << 16) | (colors[..., 1] << 8) | colors[..., 2]
    known = sorted((r << 16 | g << 8 | b, number) for (r, g, b), number in numbers.items())
    keys, values = np.array(known, dtype=np.int32).reshape(-1, 2).T
    places = np.minimum(np.searchsorted(keys, codes), len(keys) - 1)
    unknown = np.argwhere(keys[places] != codes)
    if len(unknown):
        y, x = unknown[0]
        raise DataFormatError(
            f"{path}: expected colours of classes, got {tuple(colors[y, x].tolist())} at "
            f"x = {x}, y = {y}"
        )
    return values.astype(np.uint8)[places]

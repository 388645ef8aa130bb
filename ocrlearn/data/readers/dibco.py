"""DIBCO: scanned documents, written and printed, and which of their pixels are ink, 2009 to 2019.

Owner: the organisers of the Document Image Binarization Contests, Ioannis Pratikakis, Basilis Gatos
and Konstantinos Ntirogiannis.

Paper: B. Gatos, K. Ntirogiannis, I. Pratikakis, "ICDAR 2009 Document Image Binarization Contest
(DIBCO 2009)", ICDAR 2009, and a report for each later contest; H-DIBCO has handwriting alone.

Layout
------
No two years are alike. Unpack each contest in a folder of its own, with the year in its name::

    DIBCO-2009/     DIBC02009_Test_images-handwritten/H01.bmp       (a zero in DIBC0)
                    DIBCO2009-GT-Test-images_handwritten/H01.tiff   also -printed, P01 to P05
    H-DIBCO-2010/   H01.tif         H01_estGT.tiff      H01_skelGT.tiff, the skeletons
    DIBCO-2011/     HW1.png         HW1_GT.tiff         also PR1 to PR8
    H-DIBCO-2012/   H01.png         H01_GT.tif
    DIBCO-2013/     OriginalImages/HW01.bmp             GTimages/HW01_estGT.tiff
    H-DIBCO-2014/   H01.png         H01_estGT.tiff
    H-DIBCO-2016/   DIPCO2016_dataset/1.bmp             DIPCO2016_Dataset_GT/1_gt.bmp
    DIBCO-2017/     Dataset/1.bmp                       GT/1_gt.bmp
    H-DIBCO-2018/   dataset/1.bmp                       gt/1_gt.bmp
    DIBCO-2019/     Dataset/1.bmp                       GT/1.bmp

So a file is taken for a truth if its stem ends in ``_gt`` or ``_estGT``, in whatever case, or if a
folder on its way is called GT, alone or in a longer name. Truth and image have the same stem but
for that ending, and belong to the same year. Skeletons (``_skelGT``) and tables of weights
(``.dat``) serve the contests' pseudo F-measure and are not read.

In a truth **ink is black**: 0, and 255 paper, with one bit, eight bits or three channels.

Traps
-----
- Contests train on the years before: 2009 is not "train" and 2011 "test" unless a paper says so.
- Track B of 2019 shows papyri, unlike all others.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    IMAGE_SUFFIXES,
    in_natural_order,
    inside,
    read_picture,
)
from ocrlearn.data.samples import DataFormatError, Sample

__all__ = ["read_dibco", "read_ink"]

YEARS = ("2009", "2010", "2011", "2012", "2013", "2014", "2016", "2017", "2018", "2019")

_ENDING = re.compile(r"_(est)?gt$", re.IGNORECASE)
_SKELETON = re.compile(r"_skelgt$", re.IGNORECASE)
_FOLDER = re.compile(r"(?<![a-z])gt(images)?(?![a-z])", re.IGNORECASE)
_YEAR = re.compile(r"(20(?:09|1[0-9]))|DI[BP]C[O0]-?(09|1[0-9])(?![0-9])", re.IGNORECASE)

_Key = tuple[str, str]  # year and stem


def read_dibco(
    folder: str | Path, split: str = "all", *, load_masks: bool = True
) -> Iterator[Sample]:
    """Read DIBCO: images of documents with the mask "ink".

    Parameters
    ----------
    folder
        That of one contest, or one that holds those of several.
    split
        The year of a contest, or "all" that is there.
    load_masks
        Whether to read the truths: ``masks["ink"]`` is then ``(H, W)`` bool. Otherwise ``masks`` is
        empty.

    Returns
    -------
    iterator of Sample
        By year and name. ``details["year"]`` is the contest's, as far as the folders tell, and
        ``details["truth"]`` the path of the truth, for :func:`read_ink`.

    Raises
    ------
    FileNotFoundError
        If there is no image, an image has no truth, or a truth no image.
    DataFormatError
        If two images of one year have one stem, a file is a link that leads out of the folder, or a
        truth is no image.
    """
    check_choice(split, "split", ("all", *YEARS))
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}; expected one or more contests in it")
    images, truths = _sorted_out(root, split)
    if not images:
        year = "" if split == "all" else f" of {split}"
        raise FileNotFoundError(f"there are no images{year} in {root}")
    for key in sorted(images.keys() ^ truths.keys()):
        path, missing = (images[key], "truth") if key in images else (truths[key], "image")
        raise FileNotFoundError(f"{path} has no {missing} in {root}")
    pairs = [(year, images[year, stem], truths[year, stem]) for year, stem in images]
    return _samples(pairs, load_masks)


def read_ink(path: str | Path) -> NDArray[np.bool_]:
    """Return where a truth of DIBCO is ink, ``(H, W)`` bool.

    Raises
    ------
    OSError
        If there is no such file.
    DataFormatError
        If it is no image, or a damaged one.
    """
    return read_picture(Path(path), "L") < 128


def _samples(pairs: list[tuple[str, Path, Path]], load_masks: bool) -> Iterator[Sample]:
    for year, image, truth in pairs:
        masks = {"ink": read_ink(truth)} if load_masks else {}
        height, width = masks["ink"].shape if load_masks else (None, None)
        details = {"truth": str(truth), **({"year": year} if year else {})}
        yield Sample(image, width=width, height=height, masks=masks, details=details)


def _sorted_out(root: Path, split: str) -> tuple[dict[_Key, Path], dict[_Key, Path]]:
    """Return images and truths below `root` by year and stem."""
    images: dict[_Key, Path] = {}
    truths: dict[_Key, Path] = {}
    files = [path for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    for path in sorted(in_natural_order(files), key=lambda path: _year(path, root)):
        year = _year(path, root)
        if _SKELETON.search(path.stem) or split not in ("all", year):
            continue
        inside(root, path.relative_to(root).as_posix())
        stem = _ENDING.sub("", path.stem)
        kind = truths if stem != path.stem or _in_truth_folder(path, root) else images
        if (year, stem) in kind:
            other = kind[year, stem]
            raise DataFormatError(
                f"{path} and {other} stand for one sample; expected a folder for each contest, "
                "with the year in its name"
            )
        kind[year, stem] = path
    return images, truths


def _in_truth_folder(path: Path, root: Path) -> bool:
    return any(_FOLDER.search(part) for part in path.relative_to(root).parts[:-1])


def _year(path: Path, root: Path) -> str:
    """Return the year in the names of the folders below `root`, or else in that of `root`."""
    for part in (*path.relative_to(root).parts[:-1], root.resolve().name):
        matched = _YEAR.search(part)
        if matched:
            return matched[1] or f"20{matched[2]}"
    return ""

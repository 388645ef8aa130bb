"""BSDS500: 500 photographs, each cut into regions by about five people.

Owner: Computer Vision Group, University of California, Berkeley.

Paper: P. Arbelaez, M. Maire, C. Fowlkes, J. Malik, "Contour Detection and Hierarchical Image
Segmentation", PAMI 2011. 300 of the photographs were first published by D. Martin, C. Fowlkes, D.
Tal, J. Malik, "A Database of Human Segmented Natural Images", ICCV 2001.

Layout and records
------------------
::

    BSR/BSDS500/data/images/train/2092.jpg          200; also val, 100, and test, 200
    BSR/BSDS500/data/groundTruth/train/2092.mat

Each ``.mat`` file holds ``groundTruth``, a row of cells, one for each person. A cell holds a
structure of two maps of the image's size: ``Segmentation``, uint16 numbers of regions from 1, and
``Boundaries``, 1 where a region borders on another.

Traps
-----
- People disagree, and that is the point: a boundary is scored against all of them.
- ``Boundaries`` are a pixel wide and lie on one side of the border between regions.
- The folders hold a ``Thumbs.db``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    files_by_stem,
    find_folder,
    images_by_stem,
    pairs_by_stem,
    read_mat,
)
from ocrlearn.data.readers._matlab import cells, records
from ocrlearn.data.samples import DataFormatError, Sample

__all__ = ["read_bsds500", "read_masks"]


def read_bsds500(
    folder: str | Path, split: str = "train", *, load_masks: bool = True
) -> Iterator[Sample]:
    """Read BSDS500: photographs with the regions and boundaries that people drew.

    Parameters
    ----------
    folder
        Where the archive was unpacked, or any folder on the way to ``data``.
    split
        "train" (200), "val" (100) or "test" (200).
    load_masks
        Whether to read the maps: ``masks`` then holds what :func:`read_masks` returns. Otherwise it
        is empty.

    Returns
    -------
    iterator of Sample
        ``details["truth"]`` is the path of the ``.mat`` file.

    Raises
    ------
    FileNotFoundError
        If a folder is not there, or an image is without its maps.
    DataFormatError
        If a file is not as described above.
    """
    check_choice(split, "split", ("train", "val", "test"))
    bases = ("BSR/BSDS500/data", "BSDS500/data", "data", ".")
    base = next((base for base in bases if (Path(folder) / base / "images").is_dir()), bases[0])
    images_at = find_folder(folder, (f"{base}/images/{split}",), f"the images of {split}")
    labels_at = find_folder(folder, (f"{base}/groundTruth/{split}",), f"the maps of {split}")
    images, labels = images_by_stem(images_at), files_by_stem(labels_at, (".mat",))
    return _samples(pairs_by_stem(images, labels, images_at, labels_at), load_masks)


def _samples(pairs: list[tuple[Path, Path]], load_masks: bool) -> Iterator[Sample]:
    for image, label in pairs:
        masks = read_masks(label) if load_masks else {}
        height, width = masks["segmentation_1"].shape if masks else (None, None)
        yield Sample(image, width=width, height=height, masks=masks, details={"truth": str(label)})


def read_masks(path: str | Path) -> dict[str, NDArray[Any]]:
    """Return the maps of one image by name, for each person.

    Returns
    -------
    dict
        "segmentation_1", ``(H, W)`` uint16 numbers of regions, "boundaries_1", ``(H, W)`` bool, and
        so on.

    Raises
    ------
    DataFormatError
        If the file is not as the module's docstring describes it.
    """
    variables = read_mat(Path(path))
    if "groundTruth" not in variables:
        raise DataFormatError(f"{path}: expected the variable groundTruth, got {sorted(variables)}")
    people = cells(variables["groundTruth"], f"{path}, groundTruth")
    if not len(people):
        raise DataFormatError(f"{path}: expected at least one segmentation, got none")
    masks: dict[str, NDArray[Any]] = {}
    for number, person in enumerate(people, start=1):
        place = f"{path}, groundTruth {number}"
        found = records(person, ("Segmentation", "Boundaries"), place)
        if len(found) != 1:
            raise DataFormatError(f"{place}: expected one structure, got {len(found)}")
        record = found[0]
        shape = next(iter(masks.values())).shape if masks else None
        regions = _map(record["Segmentation"], shape, f"{place}, Segmentation")
        borders = _map(record["Boundaries"], regions.shape, f"{place}, Boundaries")
        masks[f"segmentation_{number}"] = regions.astype(np.uint16)
        masks[f"boundaries_{number}"] = borders != 0
    return masks


def _map(value: Any, shape: tuple[int, ...] | None, place: str) -> NDArray[Any]:
    """Return a map, which must be of whole numbers and of the shape of those before it."""
    fits = isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "biu"
    if not fits or (shape is not None and value.shape != shape):
        wanted = "(H, W)" if shape is None else f"{shape}"
        got = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else value
        raise DataFormatError(f"{place}: expected whole numbers of shape {wanted}, got {got}")
    if value.size and (value.min() < 0 or value.max() > 65535):
        raise DataFormatError(
            f"{place}: expected numbers from 0 to 65535, got {value.min()} to {value.max()}"
        )
    return value

"""MTWI 2018: Chinese and English in pictures of online shops, of any font, layout and slant.

Owner: Alibaba and South China University of Technology; contest of ICPR 2018 at Tianchi
(https://tianchi.aliyun.com/competition/entrance/231651).

Paper: M. He, Y. Liu, Z. Yang, S. Zhang, C. Luo, F. Gao, Q. Zheng, Y. Wang, X. Zhang, L. Jin,
"ICPR2018 Contest on Robust Reading for Multi-Type Web Images", ICPR 2018.

Layout
------
Directly in the folder or in ``mtwi_2018_train`` or ``mtwi_2018_test``::

    image_train/TB1.x.1.jpg
    txt_train/TB1.x.1.txt
    image_test/TB1.y.jpg

Lines
-----
Four corners with decimals, and the text, which is all that follows the eighth comma::

    18.0,20.0,18.0,57.5,210.0,57.5,210.0,20.0,包邮
    45.45,226.83,11.87,181.79,183.84,13.1,233.79,49.95,###

``###`` is "don't care": text that could not be read. Files are UTF-8.

Traps
-----
- **The corners come in no fixed order**: upright boxes are mostly listed counter-clockwise from the
  top-left, tilted ones begin anywhere and go either way.
  :func:`~ocrlearn.data.readers._files.reading_order` puts them in order by how lines mostly lie.
- Names hold dots: the stem is all but the last suffix.
- Some ``.jpg`` files are GIF inside.
- The truth of the test images is not published: they come without instances.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    Line,
    annotated_images,
    files_by_stem,
    find_folder,
    images_by_stem,
    pairs_by_stem,
    quad_and_rest,
    reading_order,
)
from ocrlearn.data.samples import Sample, TextInstance

__all__ = ["read_mtwi2018"]

_ILLEGIBLE = "###"


def read_mtwi2018(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the pictures with their lines of text.

    Parameters
    ----------
    folder
        Where the archives have been unpacked; see the module's docstring.
    split
        "train" (10,000 images) or "test" (10,000, without instances).

    Raises
    ------
    FileNotFoundError
        If a folder is missing, or an image or its label file.
    DataFormatError
        If a line is not in the format; the message names file and line.
    """
    check_choice(split, "split", ("train", "test"))
    images_at = _find(folder, "image", split, "images")
    images = images_by_stem(images_at)
    if split == "test":
        return (Sample(image) for image in images.values())
    labels_at = _find(folder, "txt", split, "labels")
    labels = files_by_stem(labels_at, (".txt",))
    return annotated_images(pairs_by_stem(images, labels, images_at, labels_at), _read_line)


def _find(folder: str | Path, name: str, split: str, what: str) -> Path:
    choices = (f"{name}_{split}", f"mtwi_2018_{split}/{name}_{split}")
    return find_folder(folder, choices, f"the {split} {what}")


def _read_line(line: Line) -> TextInstance:
    corners, (text,) = quad_and_rest(line, ["a text"])
    illegible = text == _ILLEGIBLE
    quad = reading_order(corners)
    return TextInstance(quad, None if illegible else text, "line", ignore=illegible)

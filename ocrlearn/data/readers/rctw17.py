"""RCTW-17: Chinese text in the wild, line by line; the owner also calls it CTW-12k.

Owner: Media and Communication Lab (now VLR Lab), Huazhong University of Science and Technology
(https://rctw.vlrlab.net). Not to be mixed up with :mod:`~ocrlearn.data.readers.ctw`.

Paper: B. Shi, C. Yao, M. Liao, M. Yang, P. Xu, L. Cui, S. Belongie, S. Lu, X. Bai, "ICDAR2017
Competition on Reading Chinese Text in the Wild (RCTW-17)", ICDAR 2017.

Layout
------
::

    train_images/image_0.jpg        train_images.zip.001 and .002, joined
    train_gts/image_0.txt
    test_images/image_0.jpg

Lines
-----
Four corners, clockwise from the text's own top-left; ``difficult``; the text in quotation marks,
with whatever commas it has::

    390,902,1856,902,1856,1225,390,1225,0,"大酒店"
    10,10,90,12,90,40,10,38,1,"看,不清"

``difficult`` is 1 for text that counts neither way. ``###`` is text that could not be read, and is
taken likewise. Files are UTF-8, some with a byte-order mark.

Traps
-----
- Some code on the net takes ``difficult`` the other way round.
- The paper counts 12,263 images, some surveys 12,514.
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
)
from ocrlearn.data.samples import Sample, TextInstance

__all__ = ["read_rctw17"]

_ILLEGIBLE = "###"


def read_rctw17(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the photographs with their lines of text.

    Parameters
    ----------
    folder
        Where the archives have been unpacked; see the module's docstring.
    split
        "train" (8,034 images) or "test" (4,229, without instances).

    Raises
    ------
    FileNotFoundError
        If a folder is missing, or an image or its label file.
    DataFormatError
        If a line is not in the format; the message names file and line.
    """
    check_choice(split, "split", ("train", "test"))
    images_at = find_folder(folder, (f"{split}_images",), f"the {split} images")
    images = images_by_stem(images_at)
    if split == "test":
        return (Sample(image) for image in images.values())
    labels_at = find_folder(folder, ("train_gts", "train_gt"), "the train labels")
    labels = files_by_stem(labels_at, (".txt",))
    return annotated_images(pairs_by_stem(images, labels, images_at, labels_at), _read_line)


def _read_line(line: Line) -> TextInstance:
    quad, (difficult, text) = quad_and_rest(line, ["0 or 1", "a text in quotation marks"])
    difficult, text = difficult.strip(), text.strip()
    if difficult not in ("0", "1"):
        raise line.wrong('0 or 1 as "difficult" in the ninth field', difficult)
    if len(text) < 2 or not text[0] == text[-1] == '"':
        raise line.wrong("a text in quotation marks after the ninth comma", text)
    text = text[1:-1]
    illegible = text == _ILLEGIBLE
    return TextInstance(
        quad,
        None if illegible else text,
        "line",
        ignore=illegible or difficult == "1",
        attributes=("difficult",) if difficult == "1" else (),
    )

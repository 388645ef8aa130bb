"""MSRA-TD500: lines of English and Chinese text at any angle, without transcription.

Owner: Cong Yao, Huazhong University of Science and Technology, with Microsoft Research Asia.

Paper: C. Yao, X. Bai, W. Liu, Y. Ma, Z. Tu, "Detecting Texts of Arbitrary Orientations in Natural
Images", CVPR 2012.

Layout
------
Images and labels side by side::

    MSRA-TD500/train/IMG_0030.JPG and IMG_0030.gt
    MSRA-TD500/test/IMG_0059.JPG and IMG_0059.gt

Lines
-----
A line of text: its number, ``difficult``, left, top, width and height of an upright box, and the
angle in radians by which this box is turned about its centre::

    0 0 502 385 297 54 -0.061989

The angle is positive *clockwise* on the screen, contrary to ours: the line above, of ``IMG_0158``,
climbs to the right. ``difficult`` is 1 for what counts neither way.

Traps
-----
- The box is that before turning, so its left and top are not those of the text.
- Angles lie between -45 and 45 degrees. A steeper line is a box higher than wide, whose top is not
  that of the text; :func:`~ocrlearn.data.readers._files.reading_order` decides how it is read. Of
  1,719 lines, 129 are clearly higher than wide. Lines on their head are not told from others.
- The unit is a line, not a word.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn import geometry
from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    Line,
    annotated_images,
    clockwise,
    files_by_stem,
    find_folder,
    images_by_stem,
    located,
    numbers,
    pairs_by_stem,
    reading_order,
    split_fields,
)
from ocrlearn.data.samples import Sample, TextInstance

__all__ = ["read_td500"]

_WANTED = "7 numbers: index, difficult, left, top, width, height, angle"


def read_td500(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the photographs with their lines of text.

    Parameters
    ----------
    folder
        The folder ``MSRA-TD500``, or that which holds it.
    split
        "train" (300 images) or "test" (200).

    Raises
    ------
    FileNotFoundError
        If a folder is missing, or an image or its label file.
    DataFormatError
        If a line is not in the format; the message names file and line.
    """
    check_choice(split, "split", ("train", "test"))
    files_at = find_folder(folder, (f"MSRA-TD500/{split}", split), f"the {split} images")
    images, labels = images_by_stem(files_at), files_by_stem(files_at, (".gt",))
    return annotated_images(pairs_by_stem(images, labels, files_at, files_at), _read_line)


def _read_line(line: Line) -> TextInstance:
    fields = split_fields(line, 7, _WANTED, " ")
    _, difficult, left, top, width, height, angle = numbers(fields, line, _WANTED)
    if difficult not in (0, 1):
        raise line.wrong('0 or 1 as "difficult" in the second field', fields[1])
    if width < 0 or height < 0:
        raise line.wrong("a width and a height of at least 0")
    box = (left + width / 2, top + height / 2, width, height, -angle)
    with located(line.place):
        quad = clockwise(geometry.rotated_box_to_quad(box))
    quad = reading_order(quad) if height > width else quad
    hard = difficult == 1
    attributes = ("difficult",) if hard else ()
    return TextInstance(quad, level="line", ignore=hard, attributes=attributes)

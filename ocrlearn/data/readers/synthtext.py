r"""SynthText in the Wild: 858,750 photographs with 7 million rendered words in them.

Owner: Visual Geometry Group, University of Oxford.

Paper: A. Gupta, A. Vedaldi, A. Zisserman, "Synthetic Data for Text Localisation in Natural Images",
CVPR 2016.

Layout and records
------------------
::

    SynthText/gt.mat
    SynthText/8/ballet_106_0.jpg        200 folders

``gt.mat`` is one MATLAB file for all images, four rows of as many cells:

=============  =================================================================================
``imnames``    the image, ``8/ballet_106_0.jpg``
``wordBB``     ``2 x 4 x n``: x and y, of four corners, of the *n* words
``charBB``     ``2 x 4 x m``: the same of the *m* characters, words one after another
``txt``        texts as they were drawn: several words each, over several lines
=============  =================================================================================

Corners go clockwise from the text's own top-left, counted from 0.

Traps
-----
- With one word, or one character, MATLAB drops the last dimension: ``2 x 4``.
- A text holds line ends and runs of spaces (``"Lines:\nI lost\nKevin "``), and all texts of an
  image are padded with spaces to one length. Its words, split at white space, are the words of
  ``wordBB``, so the texts have to be joined before words are counted.
- Corners may lie outside of the image.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn import geometry
from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import find_file, located
from ocrlearn.data.readers._many import ManyFiles
from ocrlearn.data.readers._matlab import stream_cells, text
from ocrlearn.data.samples import Sample, TextInstance

__all__ = ["read_synthtext"]


def read_synthtext(
    folder: str | Path, split: str = "train", *, characters: bool = True
) -> Iterator[Sample]:
    """Read SynthText: photographs with the quads of words, and of their characters.

    Parameters
    ----------
    folder
        ``SynthText``, or the one it was unpacked in.
    split
        "train": there is nothing else.
    characters
        Whether to read the characters too, as parts of their words.

    Returns
    -------
    iterator of Sample
        ``details["texts"]`` are the texts as they were drawn, with their lines.

    Raises
    ------
    FileNotFoundError
        If ``gt.mat`` is not there.
    DataFormatError
        If it is not as described above, words or characters and quads differ in number, or a path
        leaves the folder. The message names the cell, counted from 1.
    """
    check_choice(split, "split", ("train",))
    path = find_file(folder, ("gt.mat", "SynthText/gt.mat"), "the annotations of SynthText")
    return _samples(path, characters)


def _samples(path: Path, characters: bool) -> Iterator[Sample]:
    names = ("imnames", "txt", "wordBB", *(("charBB",) if characters else ()))
    files = ManyFiles(path.parent)
    for number, cells in enumerate(stream_cells(path, names), start=1):
        place = f"{path}, cell {number}"
        image, texts, words, *boxes = cells
        with located(place):
            yield Sample(
                files.inside(text(image, f"{place} of imnames"), place),
                instances=_instances(_texts(texts), words, boxes[0] if boxes else None),
                details={"texts": _texts(texts)},
            )


def _texts(values: Any) -> list[str]:
    if not isinstance(values, np.ndarray) or values.dtype.kind != "U":
        raise ValueError(f"expected rows of characters in txt, got {values!r}")
    return [str(value).strip() for value in values.ravel()]


def _instances(
    texts: list[str], word_corners: Any, character_corners: Any
) -> tuple[TextInstance, ...]:
    words = " ".join(texts).split()
    quads = _quads(word_corners, len(words), "wordBB", "words")
    if character_corners is None:
        return tuple(TextInstance(quad, word) for quad, word in zip(quads, words, strict=True))
    letters = [letter for word in words for letter in word]
    corners = _quads(character_corners, len(letters), "charBB", "characters")
    parts = iter(
        TextInstance(quad, letter, "character")
        for quad, letter in zip(corners, letters, strict=True)
    )
    return tuple(
        TextInstance(quad, word, parts=tuple(next(parts) for _ in word))
        for quad, word in zip(quads, words, strict=True)
    )


def _quads(corners: Any, count: int, name: str, what: str) -> NDArray[np.float32]:
    """Return the quads ``(count, 4, 2)`` of ``2 x 4 x count`` numbers, or of ``2 x 4`` for one."""
    if not isinstance(corners, np.ndarray) or corners.dtype.kind not in "iuf":
        raise ValueError(f"expected numbers in {name}, got {corners!r}")
    if corners.ndim == 2:
        corners = corners[..., None]
    if corners.shape != (2, 4, count):
        raise ValueError(
            f"expected 2 x 4 x {count} numbers in {name} for {count} {what}, got shape "
            f"{corners.shape}"
        )
    quads = corners.transpose(2, 1, 0).astype(np.float32)
    if not np.isfinite(quads).all():
        raise ValueError(f"expected finite numbers in {name}")
    return geometry.make_clockwise(quads)

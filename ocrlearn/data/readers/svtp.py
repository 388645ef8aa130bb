"""SVT-Perspective: 645 words seen at an angle, cropped from Google Street View.

Owner: Trung Quy Phan and colleagues, National University of Singapore.

Paper: T. Q. Phan, P. Shivakumara, S. Tian, C. L. Tan, "Recognizing Text with Perspective Distortion
in Natural Scenes", ICCV 2013.

Layout and lines
----------------
The set travels as a folder of crops with one list::

    svtp/list.txt           13_15_0_par.jpg WYNDHAM 50 A,WYNDHAM,...
    svtp/13_15_0_par.jpg

or, as newer toolboxes pass it on, without lexicons::

    gt.txt                  13_15_0_par.jpg WYNDHAM
    par1/13_15_0_par.jpg

A line holds the file, the word, the number of words in its lexicon, and the lexicon separated by
commas; the last two may be missing. Words are separated by spaces and hold none. Every image comes
from a page of Street View, and its lexicon lists the words of shops nearby, 50 for each image.

Traps
-----
- Words are in capitals whatever the image shows; compare without case.
- Copies differ in size: 645 crops are the usual ones, 639 appear in surveys.
- The crops are upright rectangles around slanted words, so neighbours look in at the corners.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import Line, find_file, inside, parse_whole, read_lines
from ocrlearn.data.samples import Sample

__all__ = ["read_svtp", "word_samples"]

LISTS = ("list.txt", "gt.txt", "test_label.txt", "label.txt")
IMAGE_FOLDERS = (".", "par1", "IMG", "image")


def read_svtp(folder: str | Path, split: str = "test") -> Iterator[Sample]:
    """Read SVT-Perspective: images of one word, with `text` and `lexicon`.

    Parameters
    ----------
    folder
        The one with the list.
    split
        "test": there is nothing to train on.

    Raises
    ------
    FileNotFoundError
        If the list is not there.
    DataFormatError
        If a line is not as described above, or a path leaves the folder.
    """
    check_choice(split, "split", ("test",))
    path = find_file(folder, LISTS, "the list of SVT-Perspective")
    return word_samples(path, IMAGE_FOLDERS)


def word_samples(path: Path, image_folders: Sequence[str] = (".",)) -> Iterator[Sample]:
    """Give a sample for each line ``FILE WORD [COUNT WORD,WORD,...]`` of a list.

    Parameters
    ----------
    path
        The list.
    image_folders
        Where its images may lie, relative to the list: the first that is there and holds the first
        image; or else the first.
    """
    base: Path | None = None
    for line in read_lines(path):
        name, text, lexicon = _parse(line)
        base = base or _image_folder(path, name, image_folders, line.place)
        yield Sample(inside(base, name, line.place), text=text, lexicon=lexicon)


def _image_folder(path: Path, name: str, choices: Sequence[str], place: str) -> Path:
    for choice in choices:
        if inside(path.parent / choice, name, place).is_file():
            return path.parent / choice
    return path.parent


def _parse(line: Line) -> tuple[str, str, tuple[str, ...]]:
    fields = line.text.split()
    if len(fields) == 2:
        return fields[0], fields[1], ()
    count = parse_whole(fields[2]) if len(fields) == 4 else None
    if count is None:
        raise line.wrong("a file, a word, and a lexicon's length and words or neither")
    lexicon = tuple(fields[3].split(","))
    if len(lexicon) != count:
        raise line.wrong(f"a lexicon of {count} words", f"{len(lexicon)}")
    return fields[0], fields[1], lexicon

"""Synth90k, also called MJSynth: nine million rendered images of 90,000 English words.

Owner: Visual Geometry Group, University of Oxford.

Paper: M. Jaderberg, K. Simonyan, A. Vedaldi, A. Zisserman, "Synthetic Data and Artificial Neural
Networks for Natural Scene Text Recognition", NIPS Deep Learning Workshop 2014.

Layout and lines
----------------
The archive unpacks to the path the pictures had on the owner's machine::

    mnt/ramdisk/max/90kDICT32px/annotation_train.txt    ./3000/7/182_slinking_71711.jpg 71711
    mnt/ramdisk/max/90kDICT32px/annotation_val.txt
    mnt/ramdisk/max/90kDICT32px/annotation_test.txt
    mnt/ramdisk/max/90kDICT32px/annotation.txt          all of them
    mnt/ramdisk/max/90kDICT32px/lexicon.txt             one word a line
    mnt/ramdisk/max/90kDICT32px/3000/7/182_slinking_71711.jpg

A line holds the image and the number of its word: the line of ``lexicon.txt``, counted from 0. The
word as it is *printed*, with its capitals, stands in the middle of the file's name; the number
comes again at its end. Images are 32 pixels high, of any width.

Traps
-----
- Some images are truncated or empty, ``2194/2/334_EFFLORESCENT_24742.jpg`` among them. Only
  :meth:`~ocrlearn.data.samples.Sample.pixels` can notice that; whoever trains has to pass them
  over.
- Do not sort the nine million lines: they are read one by one, in the owner's order, which goes
  folder by folder. Training has to shuffle.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import Line, find_file, find_folder, parse_whole, read_lines
from ocrlearn.data.readers._many import ManyFiles
from ocrlearn.data.samples import Sample

__all__ = ["read_lexicon", "read_synth90k"]

SPLITS = {
    "train": "annotation_train.txt",
    "validation": "annotation_val.txt",
    "test": "annotation_test.txt",
    "all": "annotation.txt",
}


def read_synth90k(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read Synth90k: images of one word, with `text` as printed and its number in the lexicon.

    Parameters
    ----------
    folder
        Where the archive was unpacked, or ``90kDICT32px`` itself.
    split
        "train" (7.2 million), "validation" (0.8), "test" (0.9) or "all".

    Returns
    -------
    iterator of Sample
        ``details["lexicon_index"]`` is the number of the word in :func:`read_lexicon`.

    Raises
    ------
    FileNotFoundError
        If the folder or its annotation file is not there.
    DataFormatError
        If a line is not as described above, or a path leaves the folder.
    """
    check_choice(split, "split", tuple(SPLITS))
    base = _base(folder)
    return _samples(find_file(base, (SPLITS[split],), "the annotation file"), base)


def read_lexicon(folder: str | Path) -> list[str]:
    """Return the 90,000 words; `details["lexicon_index"]` counts in them from 0."""
    path = find_file(_base(folder), ("lexicon.txt",), "the lexicon")
    words: list[str] = []
    for line in read_lines(path):
        if line.number != len(words) + 1:
            raise line.wrong("no blank line before this one: lines are numbers of words")
        words.append(line.text.strip())
    return words


def _base(folder: str | Path) -> Path:
    choices = ("mnt/ramdisk/max/90kDICT32px", "90kDICT32px", ".")
    return find_folder(folder, choices, "the folder of Synth90k")


def _samples(path: Path, base: Path) -> Iterator[Sample]:
    files = ManyFiles(base)
    for line in read_lines(path):
        name, text, index = _parse(line)
        yield Sample(files.inside(name, line.place), text=text, details={"lexicon_index": index})


def _parse(line: Line) -> tuple[str, str, int]:
    fields = line.text.split()
    index = parse_whole(fields[1]) if len(fields) == 2 else None
    if index is None:
        raise line.wrong("an image and the number of its word")
    stem = fields[0].rpartition("/")[2].rpartition(".")[0]
    parts = stem.split("_")
    if len(parts) != 3 or not parts[1] or parts[2] != fields[1]:
        raise line.wrong(f"a name like 182_slinking_{fields[1]}.jpg", fields[0])
    return fields[0], parts[1], index

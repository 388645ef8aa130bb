"""CUTE80: words along curves, 80 photographs and 288 crops of words from them.

Owner: Anhar Risnumawan, Palaiahankote Shivakumara, Chee Seng Chan and Chew Lim Tan, University of
Malaya.

Paper: A. Risnumawan, P. Shivakumara, C. S. Chan, C. L. Tan, "A Robust Arbitrary Text Detection
System for Natural Scene Images", Expert Systems with Applications, 2014. The crops are those with
which recognisers have been compared since B. Shi and colleagues, "Robust Scene Text Recognition
with Automatic Rectification", CVPR 2016.

Layout and lines
----------------
::

    cute80/gt.txt           timage/001.jpg RONALDO 1 RONALDO
    cute80/timage/001.jpg

A line holds the file, the word, the number of words in the lexicon and the lexicon, which here is
the word itself: CUTE80 has none, and the fields are kept because the lists of several sets share
one form (:mod:`ocrlearn.data.readers.svtp`). Lists with the first two fields alone are read too.

Traps
-----
- Some labels of the first lists are misspelt; the benchmark of J. Baek and colleagues, "What Is
  Wrong With Scene Text Recognition Model Comparisons?", ICCV 2019, came with corrected ones, so
  figures differ by the list they were measured with.
- Words are in capitals or not whatever the image shows; compare without case.
- A lexicon of one word gives the answer away. It is read as it stands; do not recognise with it.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import find_file
from ocrlearn.data.readers.svtp import LISTS, word_samples
from ocrlearn.data.samples import Sample

__all__ = ["read_cute80"]


def read_cute80(folder: str | Path, split: str = "test") -> Iterator[Sample]:
    """Read CUTE80's crops: images of one word, with `text` and `lexicon`.

    Parameters
    ----------
    folder
        The one with the list, ``gt.txt``.
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
    lists = ("gt.txt", *(name for name in LISTS if name != "gt.txt"))
    return word_samples(find_file(folder, lists, "the list of CUTE80"))

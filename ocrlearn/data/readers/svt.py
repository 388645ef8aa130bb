"""SVT, Street View Text: shop signs in Google Street View, with a lexicon for every image.

Owner: Kai Wang and Serge Belongie, University of California, San Diego.

Paper: K. Wang, B. Babenko, S. Belongie, "End-to-End Scene Text Recognition", ICCV 2011.

Layout
------
::

    svt1/train.xml          100 images
    svt1/test.xml           249 images
    svt1/img/14_03.jpg

Form
----
The words in capitals, in upright boxes (:mod:`~ocrlearn.data.readers._tagset`), and what somebody
searching near this address might look for, about 50 words, as lexicon::

    <image>
      <imageName>img/14_03.jpg</imageName>
      <address>341 Southwest 10th Avenue Portland OR</address>
      <lex>LIVING,ROOM,THEATERS,KENNY,ZUKE</lex>
      <Resolution x="1280" y="880"/>
      <taggedRectangles>
        <taggedRectangle height="75" width="236" x="375" y="253"><tag>LIVING</tag></taggedRectangle>
      </taggedRectangles>
    </image>

Traps
-----
- Only words of the lexicon are annotated. Other text is not marked as "don't care", so that a
  detector's precision means little without the lexicon.
- Cropped words (647 in the test) are cut out of these images by whoever needs them.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import find_file
from ocrlearn.data.readers._tagset import (
    image_path,
    image_size,
    images,
    rectangles,
    tagged_word,
)
from ocrlearn.data.samples import Sample

__all__ = ["read_svt"]


def read_svt(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the photographs with their words and lexicons; the address is in ``details``.

    Parameters
    ----------
    folder
        The folder ``svt1``, or that which holds it.
    split
        "train" or "test".

    Raises
    ------
    FileNotFoundError
        If the XML file is missing, or an image of which it speaks.
    DataFormatError
        If it is not in the format; the message names file and line.
    """
    check_choice(split, "split", ("train", "test"))
    path = find_file(folder, (f"svt1/{split}.xml", f"{split}.xml"), f"the {split} labels")
    return _samples(path)


def _samples(path: Path) -> Iterator[Sample]:
    for image in images(path):
        width, height = image_size(image)
        address, lexicon = image.find("address"), image.find("lex")
        words = () if lexicon is None else lexicon.text.split(",")
        yield Sample(
            image_path(image, path.parent),
            instances=tuple(map(tagged_word, rectangles(image))),
            width=width,
            height=height,
            lexicon=tuple(word.strip() for word in words if word.strip()),
            details={} if address is None else {"address": address.text.strip()},
        )

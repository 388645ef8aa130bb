"""ICDAR 2003, Robust Reading: the first scene text set in wide use; words, and single characters.

Owner: Simon Lucas and colleagues, University of Essex
(http://algoval.essex.ac.uk/icdar/Datasets.html).

Paper: S. M. Lucas, A. Panaretos, L. Sosa, A. Tang, S. Wong, R. Young, "ICDAR 2003 Robust Reading
Competitions", ICDAR 2003.

Layout
------
Scenes, cropped words and cropped characters come in archives of their own. TrialTrain and TrialTest
are what everybody uses; the images of the competition itself were kept back::

    SceneTrialTrain/locations.xml, words.xml, segmentation.xml      or TrialTrain/
    SceneTrialTrain/apanar_06.08.2002/IMG_1261.JPG
    SceneTrialTest/...                                              or TrialTest/

    TrialTrain/word.xml, TrialTrain/word/1/1.jpg                    or WordTrialTrain/
    TrialTrain/char.xml, TrialTrain/char/1/1.jpg                    or CharTrialTrain/

Form
----
All three files of the scenes hold upright boxes (:mod:`~ocrlearn.data.readers._tagset`).
``locations.xml`` has nothing else, ``words.xml`` adds the text (and a ``<segmentation />`` that is
always empty), and ``segmentation.xml`` also where a word is cut into characters, counted from the
left side of its box; a word of three characters has two cuts::

    <taggedRectangle x="513.0" y="89.0" width="154.0" height="75.0" offset="0.0" rotation="0.0"
                     userName="admin">
      <tag>ARE</tag>
      <segmentation><xOff>55.0</xOff><xOff>106.0</xOff></segmentation>
    </taggedRectangle>

Cropped words and characters are listed as ``<image file="word/1/1.jpg" tag="self" />`` in an
``<imagelist>``, in ISO 8859-1.

Traps
-----
- Not every readable word is annotated, and nothing is marked "don't care".
- Two photographs of TrialTest are in none of its files: 251 lie in the folders, 249 are listed.
- ``offset`` and ``rotation`` tell of slanted and tilted words. Of the 1,107 test words 92 have an
  offset, and all a rotation of zero. Others than zero are kept as attributes, such as
  ``offset=8.0``, and not applied: the box is upright.
- Papers on cropped words use 867 or 860 of the test words: letters and digits only, three or more.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    Element,
    box_quad,
    existing,
    find_file,
    inside,
    parse_number,
    read_xml,
)
from ocrlearn.data.readers._tagset import (
    image_path,
    image_size,
    images,
    rectangles,
    tagged_word,
)
from ocrlearn.data.samples import Sample, TextInstance

__all__ = ["read_icdar2003", "read_icdar2003_characters", "read_icdar2003_words"]

_OWNERS_NAME = {"train": "TrialTrain", "test": "TrialTest"}
_TRUTHS = ("words", "segmentation", "locations")


def read_icdar2003(
    folder: str | Path, split: str = "train", *, truth: str = "words"
) -> Iterator[Sample]:
    """Read the photographs with their words.

    Parameters
    ----------
    folder
        Where the archives have been unpacked; see the module's docstring.
    split
        "train" (258 images) or "test" (249).
    truth
        Which of the owner's files to read: "words", "segmentation", whose words have their
        characters as parts, or "locations", whose words have no text. A word whose cuts do not fit
        its text has no parts, and the attribute "cuts do not fit".

    Raises
    ------
    FileNotFoundError
        If the XML file is missing, or an image of which it speaks.
    DataFormatError
        If it is not in the format; the message names file and line.
    """
    check_choice(split, "split", tuple(_OWNERS_NAME))
    check_choice(truth, "truth", _TRUTHS)
    name = _OWNERS_NAME[split]
    choices = (f"Scene{name}/{truth}.xml", f"{name}/{truth}.xml")
    return _scenes(find_file(folder, choices, f"the {split} labels"), truth == "segmentation")


def _scenes(path: Path, cut: bool) -> Iterator[Sample]:
    for image in images(path):
        width, height = image_size(image)
        yield Sample(
            image_path(image, path.parent),
            instances=tuple(_read_word(rectangle, cut) for rectangle in rectangles(image)),
            width=width,
            height=height,
        )


def _read_word(rectangle: Element, cut: bool) -> TextInstance:
    """Read a word, with its characters where the file is one that cuts words."""
    attributes = tuple(
        f"{name}={rectangle.attributes[name]}"
        for name in ("offset", "rotation")
        if name in rectangle.attributes and rectangle.number(name) != 0
    )
    segmentation = rectangle.find("segmentation") if cut else None
    if segmentation is None:
        return tagged_word(rectangle, attributes=attributes)
    tag = rectangle.one("tag").text.strip()
    edges = [0.0, *map(_offset, segmentation.all("xOff")), rectangle.number("width")]
    if len(edges) != len(tag) + 1 or edges != sorted(edges):
        return tagged_word(rectangle, attributes=(*attributes, "cuts do not fit"))
    return tagged_word(rectangle, _characters(rectangle, tag, edges), attributes)


def _offset(element: Element) -> float:
    value = parse_number(element.text)
    if value is None:
        raise element.wrong("a number in <xOff>", element.text)
    return value


def _characters(rectangle: Element, tag: str, edges: list[float]) -> tuple[TextInstance, ...]:
    left, top = rectangle.number("x"), rectangle.number("y")
    bottom = top + rectangle.number("height")
    return tuple(
        TextInstance(box_quad(left + start, top, left + end, bottom), letter, "character")
        for letter, start, end in zip(tag, edges, edges[1:], strict=False)
    )


def read_icdar2003_words(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the cropped words, about 1,100 a split.

    Parameters and errors are those of :func:`read_icdar2003`.
    """
    return _crops(folder, split, "word", "Word")


def read_icdar2003_characters(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the cropped characters, about 6,000 a split, each with its character as ``label``.

    Parameters and errors are those of :func:`read_icdar2003`.
    """
    crops = _crops(folder, split, "char", "Char")
    return (replace(crop, label=crop.text) for crop in crops)


def _crops(folder: str | Path, split: str, kind: str, prefix: str) -> Iterator[Sample]:
    check_choice(split, "split", tuple(_OWNERS_NAME))
    name = _OWNERS_NAME[split]
    choices = (f"{name}/{kind}.xml", f"{prefix}{name}/{kind}.xml")
    return _listed(find_file(folder, choices, f"the list of cropped {split} images"))


def _listed(path: Path) -> Iterator[Sample]:
    root = read_xml(path)
    if root.tag != "imagelist":
        raise root.wrong("<imagelist> as the outermost element", f"<{root.tag}>")
    for image in root.all("image"):
        file, tag = image.attributes.get("file"), image.attributes.get("tag")
        if file is None or tag is None:
            raise image.wrong("the attributes file and tag of <image>", image.attributes)
        yield Sample(existing(inside(path.parent, file, image.place), image.place), text=tag)

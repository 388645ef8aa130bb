"""The XML of tagged rectangles in which ICDAR 2003 and, after it, SVT give their words.

::

    <tagset>
      <image>
        <imageName>FOLDER/IMAGE.JPG</imageName>
        <resolution x="1280" y="960" />
        <taggedRectangles>
          <taggedRectangle x="174.0" y="392.0" width="274.0" height="195.0">
            <tag>LIVING</tag>
          </taggedRectangle>
        </taggedRectangles>
      </image>
    </tagset>

Rectangles are upright; x and y are those of their top-left corner.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn.data.readers._files import Element, box_quad, existing, inside, located, read_xml
from ocrlearn.data.samples import TextInstance

__all__ = ["image_path", "image_size", "images", "rectangles", "tagged_word"]


def images(path: Path) -> Iterator[Element]:
    """Give the ``<image>`` elements of a file."""
    root = read_xml(path)
    if root.tag != "tagset":
        raise root.wrong("<tagset> as the outermost element", f"<{root.tag}>")
    yield from root.all("image")


def image_path(image: Element, folder: Path) -> Path:
    """Return where the image is; it must be there, inside `folder`."""
    name = image.one("imageName")
    return existing(inside(folder, name.text.strip(), name.place), name.place)


def image_size(image: Element) -> tuple[int | None, int | None]:
    """Return width and height, or None twice where the file does not tell."""
    resolution = image.find("resolution") or image.find("Resolution")
    if resolution is None:
        return None, None
    sides = resolution.number("x"), resolution.number("y")
    if min(sides) < 1 or any(side != int(side) for side in sides):
        raise resolution.wrong("x and y to be whole numbers of at least 1", resolution.attributes)
    return int(sides[0]), int(sides[1])


def rectangles(image: Element) -> list[Element]:
    """Return the rectangles of an image."""
    return image.one("taggedRectangles").all("taggedRectangle")


def tagged_word(
    rectangle: Element, parts: tuple[TextInstance, ...] = (), attributes: tuple[str, ...] = ()
) -> TextInstance:
    """Return a rectangle with its tag, if it has one, as a word."""
    left, top = rectangle.number("x"), rectangle.number("y")
    right, bottom = left + rectangle.number("width"), top + rectangle.number("height")
    tag = rectangle.find("tag")
    text = None if tag is None else tag.text.strip()
    with located(rectangle.place):
        quad = box_quad(left, top, right, bottom)
    return TextInstance(quad, text, parts=parts, attributes=attributes)

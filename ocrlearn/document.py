"""What a reader returns: a page of lines of words of characters, each with its place in the image.

Every method of the course returns a :class:`Page`, so that one program can print it, draw it, save
it as JSON or hOCR, and score it. Places are quads, ``(4, 2)`` float32 ``(x, y)`` in pixels of the
image as it was given, clockwise from the text's own top-left corner (see
:mod:`ocrlearn.geometry`); scores are probabilities in [0, 1].

JSON
----
:func:`page_to_json` writes one page as one JSON object, on one line unless it is asked to indent,
so that the pages of many files make a JSON Lines stream. :func:`page_from_json` reads it back: the
same page, to the last bit of every number. Fields are written in this order; the optional ones may
be left out of a page that is written by another program.

======================  ============================================================================
field                   value
======================  ============================================================================
``format``              the string ``"ocrlearn-page"``
``version``             1
``source``              optional; where the image came from: a path, ``"-"`` for standard input
``page_number``         optional; which page of that source, counted from 1
``method``              optional; name of the method that read it
``width``, ``height``   size of the image in pixels, whole numbers of at least 1
``angle``               optional; by how many radians the text is turned, counter-clockwise positive
``notes``               optional; array of strings: what the method wants to tell its user
``text``                optional; the lines joined by newlines, for convenience: ignored in reading
``lines``               array of lines in reading order
======================  ============================================================================

A **line** has ``quad`` and ``words``; its ``text`` and ``score`` follow from the words, are written
for convenience and ignored in reading. A **word** has ``text``, ``quad``, ``score`` and, where a
method places them, ``characters``. A **character** has ``text``, ``quad`` and ``score``. A ``quad``
is ``[[x, y], [x, y], [x, y], [x, y]]`` and a ``score`` lies in [0, 1]. There are no other fields;
one that is misspelt is refused by name.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._fields import Fields, shown

__all__ = [
    "Character",
    "Line",
    "Page",
    "Word",
    "page_from_json",
    "page_to_json",
]

Quad = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Character:
    """One character: its `text`, its `quad` ``(4, 2)`` and the `score` its reader gives it."""

    text: str
    quad: Quad
    score: float


@dataclass(frozen=True, eq=False)
class Word:
    """Characters without a space between them; `characters` is empty where a reader has none."""

    text: str
    quad: Quad
    score: float
    characters: Sequence[Character] = ()


@dataclass(frozen=True, eq=False)
class Line:
    """Words in reading order on one text line."""

    quad: Quad
    words: Sequence[Word] = ()

    @property
    def text(self) -> str:
        """The words, joined by single spaces."""
        return " ".join(word.text for word in self.words)

    @property
    def score(self) -> float:
        """Mean score of the words, weighted by their length; 0 for an empty line."""
        lengths = [len(word.text) for word in self.words]
        if not sum(lengths):
            return 0.0
        return float(np.average([word.score for word in self.words], weights=lengths))


@dataclass(frozen=True, eq=False)
class Page:
    """Lines in reading order, with the size of the image they lie in.

    Attributes
    ----------
    lines
        In reading order.
    width, height
        Of the image as given, in pixels.
    method
        Name of the method that read the page.
    angle
        By how many radians the page's text was found turned, positive counter-clockwise as seen on
        the screen.
    notes
        What the method wants to tell its user, a sentence each.
    source
        Where the image came from, as the user named it; empty for an array.
    page_number
        Which page of a source of several, counted from 1.
    """

    lines: Sequence[Line]
    width: int
    height: int
    method: str = ""
    angle: float = 0.0
    notes: Sequence[str] = field(default_factory=tuple)
    source: str = ""
    page_number: int = 1

    @property
    def text(self) -> str:
        """The lines, joined by newlines."""
        return "\n".join(line.text for line in self.lines)


_FORMAT, _VERSION = "ocrlearn-page", 1


def page_to_json(page: Page, *, indent: int | None = None) -> str:
    """Write `page` as a JSON object; the module's docstring describes its fields.

    Parameters
    ----------
    page
        What a reader returned.
    indent
        Spaces to indent by; by default everything stands on one line, without a newline at the
        end.

    Raises
    ------
    ValueError
        If a coordinate, score or angle is not a finite number, which JSON cannot hold.
    """
    return json.dumps(_page_record(page), ensure_ascii=False, allow_nan=False, indent=indent)


def _page_record(page: Page) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "source": page.source,
        "page_number": int(page.page_number),
        "method": page.method,
        "width": int(page.width),
        "height": int(page.height),
        "angle": float(page.angle),
        "notes": list(page.notes),
        "text": page.text,
        "lines": [_line_record(line) for line in page.lines],
    }


def _line_record(line: Line) -> dict[str, Any]:
    return {
        "text": line.text,
        "score": line.score,
        "quad": _quad_record(line.quad),
        "words": [_word_record(word) for word in line.words],
    }


def _word_record(word: Word) -> dict[str, Any]:
    return {
        **_character_record(word),
        "characters": [_character_record(character) for character in word.characters],
    }


def _character_record(item: Word | Character) -> dict[str, Any]:
    return {"text": item.text, "score": float(item.score), "quad": _quad_record(item.quad)}


def _quad_record(quad: Quad) -> list[list[float]]:
    """Four [x, y] pairs, in the fewest digits that name each float32: 0.1, not 0.10000000149."""
    return [[float(str(np.float32(value))) for value in point] for point in quad]


def page_from_json(text: str | bytes) -> Page:
    """Read a page that :func:`page_to_json` or another program wrote.

    Raises
    ------
    ValueError
        If `text` is not JSON or not such a page. The message names the field, as in
        ``lines[2].words[0].score``, what was found there and what belongs there.
    """
    try:
        record = json.loads(text)
    except RecursionError:
        raise ValueError("the page is not JSON that can be read: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the page is not valid JSON: {error}") from None
    return _read_page(Fields(record, "the page"))


def _read_page(fields: Fields) -> Page:
    kind = fields.string("format")
    if kind != _FORMAT:
        raise ValueError(f"format must be {_FORMAT!r}, got {shown(kind)}")
    version = fields.count("version")
    if version != _VERSION:
        raise ValueError(f"version must be {_VERSION}, the only one there is, got {version}")
    fields.ignore("text")
    page = Page(
        source=fields.string("source", ""),
        page_number=fields.count("page_number", 1),
        method=fields.string("method", ""),
        width=fields.count("width"),
        height=fields.count("height"),
        angle=fields.number("angle", 0.0),
        notes=fields.strings("notes", ()),
        lines=fields.items("lines", _read_line),
    )
    fields.finish()
    return page


def _read_line(fields: Fields) -> Line:
    fields.ignore("text", "score")
    line = Line(quad=fields.quad("quad"), words=fields.items("words", _read_word))
    fields.finish()
    return line


def _read_word(fields: Fields) -> Word:
    word = Word(
        text=fields.string("text"),
        quad=fields.quad("quad"),
        score=fields.number("score", low=0, high=1),
        characters=fields.items("characters", _read_character, ()),
    )
    fields.finish()
    return word


def _read_character(fields: Fields) -> Character:
    character = Character(
        text=fields.string("text"),
        quad=fields.quad("quad"),
        score=fields.number("score", low=0, high=1),
    )
    fields.finish()
    return character

"""Letters as distance fields: made once per typeface, then drawn at any size, weight and shape.

A picture of a letter fits one size. A *signed distance field* holds, for every point around the
letter, how far the nearest edge is: positive in the ink, negative outside. Interpolated and cut at
zero it gives back the letter at any size; cut elsewhere it gives a bolder or a lighter one; the
points at a certain distance are its outline, those a little further off its halo (Green, "Improved
alpha-tested magnification for vector textures and special effects", SIGGRAPH courses, 2007). So a
few dozen typefaces become hundreds, and drawing needs no font engine.

:func:`typefaces` lists what there is to draw with: the fonts of
:func:`~ocrlearn.data.synth.fonts.find_fonts`, and the twelve faces inside PDFium that stand in for
Helvetica, Times and Courier, the first of which is the commonest letter on signs. :func:`atlas`
makes the fields of one face on first use and keeps them in memory.
"""

import io
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from PIL import ImageFont

from ocrlearn.data.synth.fonts import Font, find_fonts, pdfium_fonts
from ocrlearn.data.synth.glyphs import kerning

__all__ = [
    "CHARACTERS",
    "EM",
    "REACH",
    "Atlas",
    "Typeface",
    "atlas",
    "pen_positions",
    "typeface",
    "typefaces",
]

CHARACTERS = frozenset(string.ascii_letters + string.digits + "!\"#$%&'()*+,-./:;=?@[]_")
"""Letters, digits and the common marks, of which words are made."""

EM = 64
"""Samples of a field per em."""

REACH = 10
"""How far a field goes beyond the ink's box, in samples; distances end there."""

_FINE = 4  # the raster that distances are measured in is this many times finer


@dataclass(frozen=True, eq=False)
class Typeface:
    """One face to draw words with.

    Attributes
    ----------
    family, style
        Its name.
    characters
        What it can be trusted to draw, as far as :data:`CHARACTERS` goes.
    bold, italic, monospaced
        What it says about itself.
    source
        The :class:`~ocrlearn.data.synth.fonts.Font`, or the bytes of a font file.
    """

    family: str
    style: str
    characters: frozenset[str] = field(repr=False)
    bold: bool
    italic: bool
    monospaced: bool
    source: Font | bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Family and style in one string."""
        return f"{self.family} {self.style}"


@dataclass(frozen=True, eq=False)
class Atlas:
    """Distance fields of all characters of one face, one behind the other.

    Positions and lengths are in ems from the pen, y down, except where they are said to be samples.

    Attributes
    ----------
    rows
        From a character to its row in the arrays below.
    distances
        All fields, each row by row: float32 distances to the nearest edge in ems, positive in ink.
    places
        ``(n, 3)`` int64: where a field starts in `distances`, its height, its width.
    origins
        ``(n, 2)``: x and y of a field's first sample.
    advances
        ``(n,)``: how far the pen moves.
    kerning
        ``(n, n)``: correction of the distance between two neighbours.
    stem, hairline
        Thickness of the vertical stroke and of the crossbar of the H.
    cap_height, x_height
        Heights of H and x.
    """

    rows: dict[str, int]
    distances: NDArray[np.float32]
    places: NDArray[np.int64]
    origins: NDArray[np.float64]
    advances: NDArray[np.float64]
    kerning: NDArray[np.float64]
    stem: float
    hairline: float
    cap_height: float
    x_height: float

    def field(self, character: str) -> NDArray[np.float32]:
        """Return the field of one character, ``(height, width)``, as a view."""
        start, height, width = self.places[self.rows[character]]
        return self.distances[start : start + height * width].reshape(height, width)


@lru_cache(maxsize=8)
def typefaces(folder: str | Path | None = None) -> tuple[Typeface, ...]:
    """List the faces to draw words with, sorted by name.

    Parameters
    ----------
    folder
        A further folder of fonts; see :func:`~ocrlearn.data.synth.fonts.find_fonts`.
    """
    found = [typeface(font) for font in find_fonts(folder)]
    return tuple(sorted([*found, *_pdfium_faces()], key=lambda face: face.name))


@lru_cache(maxsize=4096)
def typeface(font: Font) -> Typeface:
    """Return the typeface of a font file, the same object for the same font."""
    characters = font.characters & CHARACTERS
    return Typeface(
        font.family, font.style, characters, font.bold, font.italic, font.monospaced, font
    )


def _pdfium_faces() -> list[Typeface]:
    return [
        Typeface(
            f"PDFium {family}",
            style or "Regular",
            CHARACTERS,
            bold="Bold" in style,
            italic=style.endswith(("Oblique", "Italic")),
            monospaced=family == "Courier",
            source=data,
        )
        for family, style, data in pdfium_fonts()
    ]


@lru_cache(maxsize=512)
def atlas(face: Typeface) -> Atlas:
    """Make the distance fields of a face, a few hundredths of a second at the first call.

    Distances are exact Euclidean ones, measured in a raster four times as fine as the field.
    """
    characters = sorted(face.characters)
    pillow = _pillow_font(face, EM * _FINE)
    fields, origins, advances = [], [], []
    for character in characters:
        distances, origin = _field_of(pillow, character)
        fields.append(distances)
        origins.append(origin)
        advances.append(pillow.getlength(character) / (EM * _FINE))
    sizes = [one.size for one in fields]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    places = [(start, *one.shape) for start, one in zip(starts, fields, strict=True)]
    rows = {character: row for row, character in enumerate(characters)}
    bar = fields[rows["H"]]
    top, bottom = REACH, bar.shape[0] - REACH
    return Atlas(
        rows=rows,
        distances=np.concatenate([one.ravel() for one in fields]),
        places=np.array(places, np.int64),
        origins=np.array(origins, np.float64),
        advances=np.array(advances, np.float64),
        kerning=_kerning_matrix(face, characters),
        stem=2 * float(np.median(bar[top + 3 : (3 * top + bottom) // 4].max(axis=1))),
        hairline=2 * float(bar[:, bar.shape[1] // 2].max()),
        cap_height=(bottom - top) / EM,
        x_height=(len(fields[rows["x"]]) - 2 * REACH) / EM,
    )


def _pillow_font(face: Typeface, size: int) -> ImageFont.FreeTypeFont:
    source, index = face.source, 0
    if isinstance(source, Font):
        file: Any = str(source.path)
        index = source.index
    else:
        file = io.BytesIO(source)
    return ImageFont.truetype(file, size, index=index, layout_engine=ImageFont.Layout.BASIC)


def _field_of(
    font: ImageFont.FreeTypeFont, character: str
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Return the field of a character in ems, and x and y of its first sample from the pen."""
    mask, (left, top) = font.getmask2(character, mode="L", anchor="ls")
    width, height = mask.size
    if not width or not height:
        raise ValueError(f"{font.getname()} draws nothing for {character!r}")
    ink = np.frombuffer(bytes(mask), np.uint8).reshape(height, width) >= 128
    pad = REACH * _FINE
    padded = np.pad(ink, ((pad, pad + _FINE - 1), (pad, pad + _FINE - 1)))
    fine = _signed_distances(padded, _FINE)
    distances = np.clip(fine / (EM * _FINE), -REACH / EM, REACH / EM).astype(np.float32)
    # The middle of fine pixel (0, 0) of the padded raster lies half a pixel inside its corner.
    first = _FINE // 2 + 0.5 - pad
    return distances, ((left + first) / (EM * _FINE), (top + first) / (EM * _FINE))


@njit(cache=True, nogil=True)
def _signed_distances(ink: NDArray[np.bool_], step: int) -> NDArray[np.float32]:
    """Distance of every `step`-th pixel centre to the edge of the ink, in pixels, positive inside.

    The first is that of pixel ``(step // 2, step // 2)``. The edge lies half-way between
    neighbouring centres, hence the half.
    """
    inside = np.sqrt(_squared_distances(~ink, step))
    outside = np.sqrt(_squared_distances(ink, step))
    chosen = ink[step // 2 :: step, step // 2 :: step]
    return np.where(chosen, inside - np.float32(0.5), np.float32(0.5) - outside)


@njit(cache=True, nogil=True)
def _squared_distances(target: NDArray[np.bool_], step: int) -> NDArray[np.float32]:
    """Squared distance of every `step`-th pixel to the nearest pixel of `target`, 0 in it.

    The lower envelope of parabolas, columns first (Felzenszwalb and Huttenlocher, "Distance
    transforms of sampled functions", Theory of Computing, 2012). The columns are binary, so two
    sweeps do for them; rows and places that nobody asks for are passed over.
    """
    height, width = target.shape
    column = _distances_in_columns(target)
    squared = np.empty(((height - step // 2 - 1) // step + 1, (width - step // 2 - 1) // step + 1))
    vertices = np.empty(width, np.int64)
    borders = np.empty(width + 1)
    for row in range(squared.shape[0]):
        y = step // 2 + row * step
        count = 0
        vertices[0], borders[0], borders[1] = 0, -np.inf, np.inf
        for x in range(1, width):
            value = column[y, x] ** 2 + x * x
            while True:
                v = vertices[count]
                border = (value - (column[y, v] ** 2 + v * v)) / (2 * (x - v))
                if border > borders[count]:
                    break
                count -= 1
            count += 1
            vertices[count], borders[count], borders[count + 1] = x, border, np.inf
        count = 0
        for place in range(squared.shape[1]):
            x = step // 2 + place * step
            while borders[count + 1] < x:
                count += 1
            v = vertices[count]
            squared[row, place] = (x - v) ** 2 + column[y, v] ** 2
    return squared.astype(np.float32)


@njit(cache=True, nogil=True)
def _distances_in_columns(target: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance of every pixel to the nearest one of `target` above or below it."""
    height, width = target.shape
    distances = np.full((height, width), float(height + width))
    distances[0] = np.where(target[0], 0.0, distances[0])
    for y in range(1, height):
        for x in range(width):
            distances[y, x] = 0.0 if target[y, x] else distances[y - 1, x] + 1.0
    for y in range(height - 2, -1, -1):
        for x in range(width):
            distances[y, x] = min(distances[y, x], distances[y + 1, x] + 1.0)
    return distances


def _kerning_matrix(face: Typeface, characters: Sequence[str]) -> NDArray[np.float64]:
    """Kerning of all pairs in ems; none for PDFium's faces, which come without metrics of pairs."""
    matrix = np.zeros((len(characters), len(characters)))
    if isinstance(face.source, Font):
        for i, first in enumerate(characters):
            for j, second in enumerate(characters):
                matrix[i, j] = kerning(face.source, first, second)
    return matrix


def pen_positions(letters: Atlas, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return where the pen stands for each character and behind the last, in ems.

    Parameters
    ----------
    letters
        The face.
    rows
        ``(n,)``: rows of the characters, from ``letters.rows``.
    """
    pens = np.zeros(len(rows) + 1)
    pens[1:] = letters.advances[rows]
    pens[1:-1] += letters.kerning[rows[:-1], rows[1:]]
    return pens.cumsum()

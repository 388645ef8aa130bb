"""Chinese to print with where no Chinese font is installed: a bank of bitmaps.

No font that comes with a Python package holds Chinese, and a font file with it weighs ten megabytes
and more. The bank holds the characters that make up nearly all of modern print, in a style without
and one with serifs, as bitmaps of 96 pixels per em and one bit per pixel: 1.8 megabytes. They were
rendered once, by ``recipes/glyph_bank.py``, from Noto Sans CJK SC and Noto Serif CJK SC (SIL Open
Font License 1.1, see ``OFL.txt`` beside this file, under which the bank stands too).

One bit at 96 pixels holds more than four bits at 48 and takes less room, because long runs of equal
pixels compress so well. It is resampled by area, so at the sizes of text lines (20 to 50 pixels)
every pixel receives the share of it that the ink covers, as with outlines.

Printing asks of either source only what :class:`Face` says: :class:`FontFace` gives it for an
installed font, :class:`BankFace` for the bank.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.glyphs import GRID, Glyph, advance, glyph

__all__ = ["STYLES", "BankFace", "Face", "FontFace", "GlyphBank", "area_resample", "smooth_enlarge"]

STYLES = ("sans", "serif")


class Face(Protocol):
    """What is needed of a typeface to print single characters with it."""

    @property
    def name(self) -> str:
        """Family and style."""

    @property
    def characters(self) -> frozenset[str]:
        """What it can print, each a string of length one."""

    def advance(self, character: str) -> float:
        """Return how far `character` moves the pen, in ems."""

    def glyph(self, character: str, size: float, phase_x: int = 0, phase_y: int = 0) -> Glyph:
        """Return its pixels, as :func:`ocrlearn.data.synth.glyphs.glyph` does."""


@dataclass(frozen=True)
class FontFace:
    """An installed font as a :class:`Face`."""

    font: Font

    @property
    def name(self) -> str:
        """Family and style as the font names itself."""
        return self.font.name

    @property
    def characters(self) -> frozenset[str]:
        """The characters that the font can be trusted to print."""
        return self.font.characters

    def advance(self, character: str) -> float:
        """Return how far `character` moves the pen, in ems."""
        return advance(self.font, character)

    def glyph(self, character: str, size: float, phase_x: int = 0, phase_y: int = 0) -> Glyph:
        """Rasterise the outline; see :func:`ocrlearn.data.synth.glyphs.glyph`."""
        return glyph(self.font, size, character, phase_x, phase_y)


@dataclass(frozen=True, eq=False)
class BankFace:
    """One style of the bank as a :class:`Face`.

    Attributes
    ----------
    name
        "Noto Sans CJK SC" or "Noto Serif CJK SC", the font it was rendered from.
    style
        "sans" or "serif".
    em
        Pixels of a bitmap per em.
    pen, baseline
        The column and row of a bitmap, counted in pixel edges, where the pen stands.
    rows
        ``(N, H / 8, W)`` uint8: the bitmaps, eight rows of pixels packed into one of bytes.
    advances
        ``(N,)`` float32 in ems.
    places
        From a character to its number in `rows`.
    """

    name: str
    style: str
    em: int
    pen: int
    baseline: int
    rows: NDArray[np.uint8] = field(repr=False)
    advances: NDArray[np.float32] = field(repr=False)
    places: dict[str, int] = field(repr=False)

    @property
    def characters(self) -> frozenset[str]:
        """The characters that the bank holds."""
        return _keys(self)

    def covers(self, text: str) -> bool:
        """Whether every character of `text` can be printed."""
        return self.characters.issuperset(text)

    def missing(self, text: str) -> str:
        """Return the characters of `text` that cannot be printed, sorted, each once."""
        return "".join(sorted(set(text) - self.characters))

    def advance(self, character: str) -> float:
        """Return how far `character` moves the pen, in ems: 1 for a Chinese character."""
        return float(self.advances[self._place(character)])

    def bitmap(self, character: str) -> NDArray[np.bool_]:
        """Return the bitmap of `character`, ``(H, W)`` bool."""
        return np.unpackbits(self.rows[self._place(character)], axis=0).astype(np.bool_)

    def glyph(self, character: str, size: float, phase_x: int = 0, phase_y: int = 0) -> Glyph:
        """Resample `character` to `size` pixels per em.

        Parameters
        ----------
        character, size
            What to draw. The size need not be whole.
        phase_x, phase_y
            Where in its pixel the pen stands, in steps of 1 / GRID pixel to the right and down.

        Returns
        -------
        Glyph
            The share of each pixel that is covered, and the box around the ink, which is exact for
            the bitmap: to 1/96 em.

        Raises
        ------
        ValueError
            If the bank does not hold the character.

        Deviations
        ----------
        Above 96 pixels per em, edges are smoothed but no detail comes back. There is no kerning.
        """
        check_number(size, "size", low=0, low_open=True)
        return _resampled(self, character, float(size), phase_x, phase_y)

    def _place(self, character: str) -> int:
        try:
            return self.places[character]
        except KeyError:
            raise ValueError(f"the glyph bank has no {character!r}") from None


@dataclass(frozen=True, eq=False)
class GlyphBank:
    """The bank: a face of each style, and where it comes from.

    Attributes
    ----------
    faces
        By style: "sans" and "serif". Both hold the same characters.
    source
        From ``glyph_bank.json``: fonts, versions, copyright and licence.
    """

    faces: dict[str, BankFace]
    source: dict[str, Any]

    @staticmethod
    def load() -> "GlyphBank":
        """Return the bank that comes with the library; it is read once."""
        return _load()

    @property
    def characters(self) -> frozenset[str]:
        """The characters that the bank holds."""
        return self.faces[STYLES[0]].characters

    def face(self, style: str = "sans") -> BankFace:
        """Return the face of a style, "sans" or "serif"."""
        return self.faces[check_choice(style, "style", STYLES)]

    def coverage(
        self, character: str, size: float, phase: tuple[int, int] = (0, 0), *, style: str = "sans"
    ) -> Glyph:
        """Return the pixels of a character; see :meth:`BankFace.glyph`."""
        return self.face(style).glyph(character, size, *phase)


@cache
def _load() -> GlyphBank:
    folder = resources.files("ocrlearn.data.synth")
    source = json.loads(folder.joinpath("glyph_bank.json").read_text(encoding="utf-8"))
    with folder.joinpath("glyph_bank.npz").open("rb") as file, np.load(file) as arrays:
        places = {chr(code): place for place, code in enumerate(arrays["codes"])}
        faces = {
            style: BankFace(
                name=source["styles"][style]["font"],
                style=style,
                em=source["em"],
                pen=source["pen"],
                baseline=source["baseline"],
                rows=arrays[f"{style}_rows"],
                advances=arrays[f"{style}_advances"],
                places=places,
            )
            for style in STYLES
        }
    return GlyphBank(faces, source)


@lru_cache(maxsize=8)
def _keys(face: BankFace) -> frozenset[str]:
    return frozenset(face.places)


# ---------------------------------------------------------------------------------------------
# Resampling


@lru_cache(maxsize=8192)
def _resampled(face: BankFace, character: str, size: float, phase_x: int, phase_y: int) -> Glyph:
    bitmap = face.bitmap(character)
    if not bitmap.any():
        return Glyph(np.zeros((0, 0), np.float32), 0, 0, None)
    enlargement = max(1, int(np.ceil(size / face.em)))
    fine = smooth_enlarge(bitmap, enlargement)
    ink = ink_slices(fine)
    step = size / face.em / enlargement  # of a fine pixel, in pixels of the image
    x0 = phase_x / GRID + (ink[1].start - enlargement * face.pen) * step
    y0 = phase_y / GRID + (ink[0].start - enlargement * face.baseline) * step
    coverage, left, top = area_resample(fine[ink], (step, step), (x0, y0))
    height, width = fine[ink].shape
    return Glyph(coverage, left, top, (x0, y0, x0 + width * step, y0 + height * step))


def ink_slices(bitmap: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns that hold the ink of `bitmap`, which must have some."""
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def smooth_enlarge(bitmap: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    """Enlarge a bitmap by a whole `factor` and turn its stairs into smooth edges.

    The enlarged bitmap is blurred by 0.6 old pixels and cut at one half: straight edges stay
    where they are, corners are rounded by a fraction of an old pixel.
    """
    if factor == 1:
        return bitmap
    large = np.repeat(np.repeat(bitmap, factor, axis=0), factor, axis=1).astype(np.float32)
    return ndimage.gaussian_filter(large, 0.6 * factor, mode="nearest", truncate=3.0) >= 0.5


def area_resample(
    bitmap: NDArray[Any], steps: tuple[float, float], origin: tuple[float, float]
) -> tuple[NDArray[np.float32], int, int]:
    """Lay a bitmap over a grid of pixels and return the share of each that it covers.

    Parameters
    ----------
    bitmap
        ``(h, w)``, bool or float in [0, 1].
    steps
        Width and height of a bitmap pixel in units of the grid's.
    origin
        Where the top-left corner of the bitmap lies: (x, y) in the grid, whose pixels span from
        their number to the next.

    Returns
    -------
    coverage, left, top
        ``(H, W)`` float32 in [0, 1], exact up to rounding, and the column and row of the grid that
        its first pixel is.
    """
    across, left = _overlaps(bitmap.shape[1], steps[0], origin[0])
    down, top = _overlaps(bitmap.shape[0], steps[1], origin[1])
    coverage = down @ bitmap.astype(np.float32) @ across.T
    return np.minimum(coverage, 1), left, top


def _overlaps(count: int, step: float, start: float) -> tuple[NDArray[np.float32], int]:
    """Lengths that `count` intervals of length `step` have in common with intervals of length 1.

    Returns ``(pixels, count)`` float32 and the number of the first pixel.
    """
    edges = start + step * np.arange(count + 1)
    first = int(np.floor(edges[0]))
    pixels = np.arange(first, max(first + 1, int(np.ceil(edges[-1]))))[:, None]
    common = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return np.maximum(common, 0).astype(np.float32), first


def as_face(font: Font | Face) -> Face:
    """Return `font` itself if it is a face, else the face of the font."""
    return FontFace(font) if isinstance(font, Font) else font


def bank_faces() -> Sequence[Face]:
    """Return the faces of the bank, in the order of :data:`STYLES`."""
    bank = GlyphBank.load()
    return [bank.face(style) for style in STYLES]

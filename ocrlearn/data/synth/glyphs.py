"""One character of a font: how far it moves the pen, and which pixels it covers.

A program that draws text on a screen moves the pen by whole pixels and bends the outlines to fit
them. Print has no pixels: characters stand where the designer's widths and kerning put them, and a
scanner or camera lays its own grid over them later. So widths come from the font's tables as real
numbers, outlines are rasterised eight times finer than the image, and every pixel receives the
share of it that the ink covers.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from ocrlearn.data.synth.fonts import Font

__all__ = ["GRID", "Glyph", "advance", "glyph", "kerning", "x_height"]

GRID = 4
"""Characters stand on a grid of this many positions per pixel, in x and in y."""

_FINE = 8  # rasterised this many times finer than the image; a multiple of GRID


@dataclass(frozen=True, eq=False)
class Glyph:
    """The ink of a character, relative to the pixel that the pen is in.

    Attributes
    ----------
    coverage
        ``(h, w)`` float32: which share of each pixel the ink covers. ``(0, 0)`` for a space.
    left, top
        Where its first column and row lie, in whole pixels from the pen's; y points down.
    box
        ``(x0, y0, x1, y1)`` around the ink, to an eighth of a pixel, in the same frame; a pixel
        spans from its number to the next. None for a character without ink.
    """

    coverage: NDArray[np.float32]
    left: int
    top: int
    box: tuple[float, float, float, float] | None


@lru_cache(maxsize=8192)
def glyph(font: Font, size: float, character: str, phase_x: int = 0, phase_y: int = 0) -> Glyph:
    """Rasterise `character` at `size` pixels per em.

    Parameters
    ----------
    font, size, character
        What to draw. The size need not be whole.
    phase_x, phase_y
        Where in its pixel the pen stands, in steps of 1 / GRID pixel to the right and down.

    Raises
    ------
    ValueError
        If the font cannot be trusted to hold the character.
    """
    _check_covered(font, character)
    mask, (offset_x, offset_y) = _pillow_font(font, size * _FINE).getmask2(
        character, mode="L", anchor="ls"
    )
    fine = np.frombuffer(bytes(mask), np.uint8).reshape(mask.size[::-1])
    rows, columns = np.flatnonzero(fine.any(axis=1)), np.flatnonzero(fine.any(axis=0))
    if len(rows) == 0:
        return Glyph(np.zeros((0, 0), np.float32), 0, 0, None)
    # Pillow's raster reaches from the pen to where it goes next, however little of that is ink.
    fine = fine[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = fine.shape
    x = int(offset_x) + int(columns[0]) + phase_x * (_FINE // GRID)
    y = int(offset_y) + int(rows[0]) + phase_y * (_FINE // GRID)
    left, top = x // _FINE, y // _FINE
    right, bottom = -(-(x + width) // _FINE), -(-(y + height) // _FINE)
    padded = np.zeros(((bottom - top) * _FINE, (right - left) * _FINE), np.float32)
    padded[y - top * _FINE :, x - left * _FINE :][:height, :width] = fine
    blocks = padded.reshape(bottom - top, _FINE, right - left, _FINE)
    return Glyph(blocks.mean(axis=(1, 3)) / 255, left, top, _ink_box(fine, x, y))


def _ink_box(fine: NDArray[np.uint8], x: int, y: int) -> tuple[float, float, float, float] | None:
    """Box, in pixels, around what is at least half covered in the fine raster at (x, y)."""
    columns = np.flatnonzero((fine >= 128).any(axis=0))
    rows = np.flatnonzero((fine >= 128).any(axis=1))
    if len(columns) == 0:
        return None
    return (
        (x + int(columns[0])) / _FINE,
        (y + int(rows[0])) / _FINE,
        (x + int(columns[-1]) + 1) / _FINE,
        (y + int(rows[-1]) + 1) / _FINE,
    )


def advance(font: Font, character: str) -> float:
    """Return how far `character` moves the pen, in ems."""
    _check_covered(font, character)
    metrics = _metrics(font)
    return metrics.advances[metrics.names[ord(character)]] / metrics.units


def kerning(font: Font, first: str, second: str) -> float:
    """Return the correction of the distance between two neighbours, in ems; mostly negative.

    From the font's OpenType positioning table (GPOS) or else from its older ``kern`` table. 0 where
    the font has neither, as TeX's fonts in their TrueType form.
    """
    _check_covered(font, first)
    _check_covered(font, second)
    metrics = _metrics(font)
    pair = metrics.kerning(metrics.names[ord(first)], metrics.names[ord(second)])
    return pair / metrics.units


def x_height(font: Font) -> float:
    """Return the height of the small x in ems, by which the size of print is judged."""
    box = glyph(font, 100.0, "x").box
    assert box is not None
    return -box[1] / 100


def _check_covered(font: Font, character: str) -> None:
    if character not in font.characters:
        raise ValueError(f"font {font.name!r} cannot print {character!r}")


@lru_cache(maxsize=64)
def _pillow_font(font: Font, size: float) -> ImageFont.FreeTypeFont:
    engine = ImageFont.Layout.BASIC  # one character at a time: nothing to lay out
    return ImageFont.truetype(str(font.path), size, index=font.index, layout_engine=engine)


@dataclass(frozen=True, eq=False)
class _Metrics:
    """What the tables of a font say of widths, in its own units, `units` to the em."""

    units: float
    names: dict[int, str]  # from code points to names of glyphs
    advances: dict[str, float]
    kerning: Callable[[str, str], float]


@lru_cache(maxsize=256)
def _metrics(font: Font) -> _Metrics:
    """Read a font's metrics, all at once, and close the file.

    fontTools would read and decode tables when they are first looked at. Two threads that look at
    the same time, or two processes that have inherited one open file, get in each other's way.
    """
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    # TeX's fonts carry impossible dates, of which fontTools would warn at every run.
    logging.getLogger("fontTools.ttLib.tables._h_e_a_d").setLevel(logging.ERROR)
    number = font.index if font.path.suffix.lower() in (".ttc", ".otc") else -1
    with TTFont(str(font.path), lazy=True, fontNumber=number) as tables:
        return _Metrics(
            units=float(tables["head"].unitsPerEm),
            names=dict(tables.getBestCmap()),
            advances={name: float(one[0]) for name, one in tables["hmtx"].metrics.items()},
            kerning=_pair_kerning(tables),
        )


def _pair_kerning(tables: Any) -> Callable[[str, str], float]:
    """Return the font's function from two glyph names to the kerning in font units."""
    positioning = tables["GPOS"].table if "GPOS" in tables else None
    subtables = _pair_subtables(positioning) if positioning else []
    if subtables:
        for subtable in subtables:
            subtable.ensureDecompiled(recurse=True)
        return lru_cache(maxsize=None)(lambda first, second: _gpos(subtables, first, second))
    if "kern" in tables:
        pairs: dict[tuple[str, str], int] = {}
        for table in tables["kern"].kernTables:
            pairs.update(getattr(table, "kernTable", {}))
        return lambda first, second: pairs.get((first, second), 0)
    return lambda first, second: 0


def _pair_subtables(positioning: Any) -> list[Any]:
    """List the pair-adjustment subtables of the lookups that belong to the feature "kern"."""
    if not positioning.FeatureList or not positioning.LookupList:
        return []
    indices: set[int] = set()
    for record in positioning.FeatureList.FeatureRecord:
        if record.FeatureTag == "kern":
            indices.update(record.Feature.LookupListIndex)
    subtables = []
    for index in sorted(indices):
        for subtable in positioning.LookupList.Lookup[index].SubTable:
            if subtable.LookupType == 9:  # an extension only points to the real subtable
                subtable = subtable.ExtSubTable
            if subtable.LookupType == 2:
                subtables.append(subtable)
    return subtables


def _gpos(subtables: list[Any], first: str, second: str) -> float:
    """Look a pair up: the first subtable that speaks of it decides."""
    for subtable in subtables:
        if first not in subtable.Coverage.glyphs:
            continue
        if subtable.Format == 1:  # pairs listed one by one
            pair_set = subtable.PairSet[subtable.Coverage.glyphs.index(first)]
            for record in pair_set.PairValueRecord:
                if record.SecondGlyph == second:
                    return getattr(record.Value1, "XAdvance", 0) or 0
        else:  # pairs of classes; glyphs without a class belong to class 0
            row = subtable.Class1Record[subtable.ClassDef1.classDefs.get(first, 0)]
            record = row.Class2Record[subtable.ClassDef2.classDefs.get(second, 0)]
            return getattr(record.Value1, "XAdvance", 0) or 0
    return 0

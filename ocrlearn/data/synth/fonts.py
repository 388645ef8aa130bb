"""Which fonts are there to print with, and which characters each can really print.

matplotlib ships about a dozen text fonts (DejaVu Sans, Serif and Mono, STIX, and Knuth's Computer
Modern), so text can be rendered on any machine where the library is installed. A folder of further
fonts makes the print more varied.

A font's character map cannot be believed blindly. TeX's Computer Modern fonts put ``¡`` where
Unicode has ``<`` and an accent where it has ``_``; matplotlib's copies of the TeX symbol fonts
claim to hold ``A`` and draw a part of a bracket; a "last resort" font draws the same box for every
letter. Text printed with a wrong map would be labelled wrongly, and whatever learns from it would
learn the error. :func:`find_fonts` therefore believes an entry of the map only where the *name* of
the glyph agrees with the character (Adobe Glyph List), and keeps a font only if its letters and
digits are all there and all different.
"""

import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

__all__ = ["Font", "find_fonts", "matplotlib_font_folder"]

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_NEEDED = frozenset(string.ascii_letters + string.digits)

_SAME_IN_PRINT = {"'": "’", '"': "”"}
"""Printed books set curly quotes where a transcript has the straight ones: both are accepted."""

_TEX_NAMES = {
    "cmr10": ("Computer Modern", "Roman"),
    "cmb10": ("Computer Modern", "Bold"),
    "cmti10": ("Computer Modern", "Italic"),
    "cmss10": ("Computer Modern Sans", "Regular"),
    "cmtt10": ("Computer Modern Typewriter", "Regular"),
}
"""TeX's fonts name themselves "cmr10 Regular" and say nothing of weight and slope."""

_MISNAMED = {"cmti10": frozenset("$")}
"""Glyphs whose very name is wrong: TeX's text italic draws a pound sign and calls it "dollar"."""


@dataclass(frozen=True)
class Font:
    """One face of one font file.

    Attributes
    ----------
    path
        The file.
    index
        Which face of a collection (``.ttc``); 0 for a plain file.
    family, style
        As the font names itself, for example "DejaVu Serif" and "Bold Italic".
    characters
        The characters it can be trusted to print, each a string of length one. A space is included
        where the font has an advance width for it.
    monospaced, bold, italic
        What the font says about itself.
    """

    path: Path
    index: int
    family: str
    style: str
    characters: frozenset[str] = field(repr=False)
    monospaced: bool = False
    bold: bool = False
    italic: bool = False

    @property
    def name(self) -> str:
        """Family and style in one string, such as "STIXGeneral Italic"."""
        return f"{self.family} {self.style}"

    def covers(self, text: str) -> bool:
        """Whether every character of `text` can be printed."""
        return self.characters.issuperset(text)

    def missing(self, text: str) -> str:
        """Return the characters of `text` that cannot be printed, sorted, each once."""
        return "".join(sorted(set(text) - self.characters))


def matplotlib_font_folder() -> Path:
    """Return the folder with the TrueType fonts that matplotlib ships.

    Importing matplotlib's top level package is enough to know it; ``matplotlib.pyplot``, which is
    slow and sets up a display, is not touched.
    """
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def find_fonts(folder: str | Path | None = None) -> list[Font]:
    """List the fonts fit for printing English text.

    Parameters
    ----------
    folder
        A further folder, searched with all its sub-folders for TrueType and OpenType files. The
        fonts that matplotlib ships are always included.

    Returns
    -------
    list of Font
        Sorted by family, style and file name, so that the order (and with it every seeded choice)
        does not depend on the file system. A face found twice, by family and style, is listed once,
        and matplotlib's copy is the one kept. Symbol fonts, and files that are no readable font,
        are left out.

    Raises
    ------
    FileNotFoundError
        If `folder` does not exist.
    NotADirectoryError
        If `folder` is not a folder.
    """
    folders = [matplotlib_font_folder()]
    if folder is not None:
        extra = Path(folder)
        if not extra.exists():
            raise FileNotFoundError(f"folder of fonts not found: {extra}")
        if not extra.is_dir():
            raise NotADirectoryError(f"folder of fonts is not a folder: {extra}")
        folders.append(extra)
    faces: dict[tuple[str, str], Font] = {}
    for place in folders:
        files = (p for p in place.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
        for path in sorted(files):
            for font in _faces(path):
                faces.setdefault((font.family, font.style), font)
    return sorted(faces.values(), key=lambda font: (font.family, font.style, font.path.name))


@lru_cache(maxsize=1024)
def _faces(path: Path) -> tuple[Font, ...]:
    """Return the usable faces of a file: none when it is damaged or not a font for text."""
    from fontTools.ttLib import TTCollection, TTFont  # type: ignore[import-untyped]

    try:
        if path.suffix.lower() in (".ttc", ".otc"):
            tables: Iterable[Any] = TTCollection(str(path), lazy=True).fonts
        else:
            tables = [TTFont(str(path), lazy=True)]
        described = [_describe(path, index, table) for index, table in enumerate(tables)]
    except Exception:  # fontTools lets many kinds of error through from damaged files
        return ()
    return tuple(font for font in described if font is not None)


def _describe(path: Path, index: int, tables: Any) -> Font | None:
    """Read what :class:`Font` holds from fontTools' `tables`; None for a symbol font."""
    character_map = tables.getBestCmap()  # None where no Unicode map is there
    if not character_map or not all(ord(char) in character_map for char in _NEEDED):
        return None
    needed_glyphs = {
        character_map[ord(char)] for char in _NEEDED if _agrees(char, character_map[ord(char)])
    }
    if len(needed_glyphs) < len(_NEEDED):
        return None
    characters = frozenset(
        chr(code) for code, glyph in character_map.items() if _agrees(chr(code), glyph)
    ) - _MISNAMED.get(path.stem.lower(), frozenset())
    names = tables["name"]
    family, style = _TEX_NAMES.get(path.stem.lower()) or (
        names.getBestFamilyName() or path.stem,
        names.getBestSubFamilyName() or "Regular",
    )
    return Font(
        path=path,
        index=index,
        family=family,
        style=style,
        characters=characters,
        monospaced=bool(tables["post"].isFixedPitch) or family.endswith("Typewriter"),
        bold="bold" in style.lower(),
        italic="italic" in style.lower() or "oblique" in style.lower(),
    )


@cache
def _agrees(char: str, glyph: str) -> bool:
    """Whether the name of a glyph allows that it shows `char`.

    A name on the Adobe Glyph List must stand for the character. A mere number ("glyph00042",
    "cid1234") says nothing and is believed. Any other name is refused for ASCII, whose characters
    all have proper names: that is how symbol fonts give themselves away ("bracketleftBigg",
    "zerooldstyle").
    """
    from fontTools import agl  # type: ignore[import-untyped]

    named = agl.toUnicode(glyph)
    if named:
        return named in (char, _SAME_IN_PRINT.get(char))
    numbered = glyph.lower().startswith(("glyph", "cid", "gid", "index", "uni", "u+"))
    return numbered or not char.isascii()

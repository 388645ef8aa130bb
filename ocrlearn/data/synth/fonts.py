"""Which fonts are there to print with, and which characters each can really print.

matplotlib ships about a dozen text fonts (DejaVu Sans, Serif and Mono, STIX, and Knuth's Computer
Modern), so text can be rendered on any machine where the library is installed. A folder of further
fonts, or all fonts that are installed (as fontconfig lists them), make the print more varied. None
of matplotlib's prints Chinese: see :func:`find_chinese_fonts`, and
:mod:`ocrlearn.data.synth.glyph_bank` for machines that have no such font.

A font's character map cannot be believed blindly. TeX's Computer Modern fonts put ``¡`` where
Unicode has ``<`` and an accent where it has ``_``; matplotlib's copies of the TeX symbol fonts
claim to hold ``A`` and draw a part of a bracket; a "last resort" font draws the same box for every
letter. Text printed with a wrong map would be labelled wrongly, and whatever learns from it would
learn the error. :func:`find_fonts` therefore believes an entry of the map only where the *name* of
the glyph agrees with the character (Adobe Glyph List), and keeps a font only if its letters and
digits are all there and all different. Chinese glyphs have numbers for names, which agree with
everything; there a glyph that stands for many characters gives the placeholder away, and
:func:`find_chinese_fonts` also draws a few and looks whether they differ.
"""

import ctypes
import shutil
import string
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = [
    "Font",
    "find_chinese_fonts",
    "find_fonts",
    "fonts_covering",
    "gb2312_characters",
    "matplotlib_font_folder",
    "pdfium_fonts",
]

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_NEEDED = frozenset(string.ascii_letters + string.digits)

_SAME_IN_PRINT = {"'": "’", '"': "”", " ": "\u00a0", "-": "\u00ad", ";": "\u037e"}
"""Characters whose glyph may be named after another. Printed books set curly quotes where a
transcript has straight ones, and Liberation names its space, hyphen and semicolon after the
no-break space, the soft hyphen and the Greek question mark."""

_PDFIUM = threading.Lock()
"""PDFium crashes where two threads call it at once."""

_MOST_SHARED = 8
"""A glyph that more characters than this are mapped to is a placeholder, not their picture."""

_TEX_NAMES = {
    "cmr10": ("Computer Modern", "Roman"),
    "cmb10": ("Computer Modern", "Bold"),
    "cmti10": ("Computer Modern", "Italic"),
    "cmss10": ("Computer Modern Sans", "Regular"),
    "cmtt10": ("Computer Modern Typewriter", "Regular"),
}
"""TeX's fonts name themselves "cmr10 Regular" and say nothing of weight and slope."""

_MISNAMED = {"cmti10": frozenset("$")}
"""Glyphs whose very name is wrong. TeX's text italic draws a pound sign and calls it "dollar"."""


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


def find_fonts(folder: str | Path | None = None, *, system: bool = False) -> list[Font]:
    """List the fonts fit for printing English text.

    Parameters
    ----------
    folder
        A further folder, searched with all its sub-folders for TrueType and OpenType files. The
        fonts that matplotlib ships are always included.
    system
        Include every font that fontconfig knows, which on Linux is every installed one. Then what
        is found, and every seeded choice among it, differs from machine to machine.

    Returns
    -------
    list of Font
        Sorted by family, style and file name, so that the order (and with it every seeded choice)
        does not depend on the file system. A face found twice, by family and style, is listed once;
        matplotlib's copy is kept before one in `folder`, and that before one of the system. Symbol
        fonts, and files that are no readable font, are left out.

    Raises
    ------
    FileNotFoundError
        If `folder` does not exist, or `system` is asked for where fontconfig's ``fc-list`` is not
        installed.
    NotADirectoryError
        If `folder` is not a folder.
    """
    files = _font_files(matplotlib_font_folder())
    if folder is not None:
        extra = Path(folder)
        if not extra.exists():
            raise FileNotFoundError(f"folder of fonts not found: {extra}")
        if not extra.is_dir():
            raise NotADirectoryError(f"folder of fonts is not a folder: {extra}")
        files += _font_files(extra)
    if system:
        files += _system_font_files()
    faces: dict[tuple[str, str], Font] = {}
    for path in files:
        for font in _faces(path):
            faces.setdefault((font.family, font.style), font)
    return sorted(faces.values(), key=lambda font: (font.family, font.style, font.path.name))


def fonts_covering(text: str, fonts: Iterable[Font]) -> list[Font]:
    """Return those of `fonts` that can print every character of `text`, in their order.

    Spaces and line breaks ask for nothing.
    """
    needed = frozenset("".join(text.split()))
    return [font for font in fonts if font.characters >= needed]


def find_chinese_fonts(
    folder: str | Path | None = None, *, system: bool = True, characters: str | None = None
) -> list[Font]:
    """List the fonts fit for printing simplified Chinese.

    Parameters
    ----------
    folder, system
        Where to look, as in :func:`find_fonts`.
    characters
        What a font must be able to print, by default the 3,755 characters of GB 2312 level 1.

    Returns
    -------
    list of Font
        Maybe empty. Forty of the `characters`, evenly spread, are drawn with each, and a font that
        leaves one blank or draws two alike is left out, whatever its character map says.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        As in :func:`find_fonts`.

    Deviations
    ----------
    Fonts made for Japan, Korea or Taiwan count where they hold the characters. A few of theirs have
    regional shapes, which a reader of photographs has to know as well. A font without Latin letters
    and digits is left out, as everywhere here.
    """
    wanted = gb2312_characters(1) if characters is None else "".join(characters.split())
    sample = wanted[:: max(1, len(wanted) // 40)][:40]
    covering = fonts_covering(wanted, find_fonts(folder, system=system))
    return [font for font in covering if _draws_apart(font, sample)]


@lru_cache(maxsize=2)
def gb2312_characters(level: int) -> str:
    """Return the Chinese characters of the national standard GB 2312-80, in its order.

    Parameters
    ----------
    level
        1 for the 3,755 characters in common use, in the order of their pronunciation; 2 for the
        3,008 less common ones, ordered by radical.

    Raises
    ------
    ValueError
        For any other level.
    """
    if level not in (1, 2):
        raise ValueError(f"level must be 1 or 2, got {level!r}")
    rows = range(0xB0, 0xD8) if level == 1 else range(0xD8, 0xF8)
    codes = b"".join(bytes([row, cell]) for row in rows for cell in range(0xA1, 0xFF))
    return codes.decode("gb2312", errors="ignore")  # the last row of level 1 has five empty cells


def _font_files(folder: Path) -> list[Path]:
    """List the font files in a folder and its sub-folders, sorted."""
    return sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
    )


def _system_font_files() -> list[Path]:
    """Ask fontconfig for the installed font files, sorted."""
    program = shutil.which("fc-list")
    if program is None:
        raise FileNotFoundError(
            "system=True needs fontconfig's program fc-list, which is not on the PATH; "
            "install fontconfig, or pass the folder that holds the fonts"
        )
    listed = subprocess.run(
        [program, "--format", "%{file}\n"], capture_output=True, check=True, timeout=60
    )
    names = {line for line in listed.stdout.decode(errors="surrogateescape").split("\n") if line}
    paths = (Path(name) for name in names)
    return sorted(path for path in paths if path.suffix.lower() in _SUFFIXES and path.is_file())


def _draws_apart(font: Font, sample: str) -> bool:
    """Whether every character of `sample` leaves ink, and no two the same."""
    from PIL import ImageFont

    try:
        drawn = ImageFont.truetype(str(font.path), 32, index=font.index)
        pictures = [bytes(drawn.getmask(character, mode="L")) for character in sample]
    except (OSError, ValueError):  # FreeType is stricter than fontTools
        return False
    return all(map(any, pictures)) and len(set(pictures)) == len(set(sample))


@lru_cache(maxsize=1024)
def _faces(path: Path) -> tuple[Font, ...]:
    """Return the usable faces of a file: none when it is damaged or not a font for text."""
    from fontTools.ttLib import TTCollection, TTFont  # type: ignore[import-untyped]

    def described(index: int, number: int) -> Font | None:
        with TTFont(str(path), lazy=True, fontNumber=number) as tables:
            return _describe(path, index, tables)

    try:
        if path.suffix.lower() in (".ttc", ".otc"):
            with TTCollection(str(path), lazy=True) as collection:
                count = len(collection)
            # One face at a time: the tables of a Chinese collection fill hundreds of megabytes.
            return _share_characters(described(index, index) for index in range(count))
        return _share_characters([described(0, -1)])
    except Exception:  # fontTools lets many kinds of error through from damaged files
        return ()


def _share_characters(fonts: Iterable[Font | None]) -> tuple[Font, ...]:
    """Let faces with equal character sets hold one set: in Chinese collections it is large."""
    sets: dict[frozenset[str], frozenset[str]] = {}
    return tuple(
        replace(font, characters=sets.setdefault(font.characters, font.characters))
        for font in fonts
        if font is not None
    )


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
    uses = Counter(character_map.values())
    characters = frozenset(
        chr(code)
        for code, glyph in character_map.items()
        if glyph != ".notdef" and uses[glyph] <= _MOST_SHARED and _agrees(chr(code), glyph)
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


@lru_cache(maxsize=1 << 14)
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


def pdfium_fonts() -> list[tuple[str, str, bytes]]:
    """Return the fonts inside PDFium that stand in for the standard fonts of PDF.

    Every PDF program must be able to print Courier, Helvetica and Times, so PDFium, which
    ``pypdfium2`` brings, holds look-alikes of them.

    Returns
    -------
    list
        Family, style ("" for a regular face) and font file of twelve faces, family by family.
    """
    import pypdfium2
    from pypdfium2 import raw

    with _PDFIUM:
        document = pypdfium2.PdfDocument.new()
        fonts = []
        for family, styles in {
            "Courier": ("", "-Bold", "-Oblique", "-BoldOblique"),
            "Helvetica": ("", "-Bold", "-Oblique", "-BoldOblique"),
            "Times": ("-Roman", "-Bold", "-Italic", "-BoldItalic"),
        }.items():
            for style in styles:
                font = raw.FPDFText_LoadStandardFont(document.raw, (family + style).encode())
                size = ctypes.c_size_t()
                raw.FPDFFont_GetFontData(font, None, 0, ctypes.byref(size))
                data = (ctypes.c_uint8 * size.value)()
                raw.FPDFFont_GetFontData(font, data, size.value, ctypes.byref(size))
                raw.FPDFFont_Close(font)
                fonts.append((family, style.lstrip("-"), bytes(data)))
        document.close()
    return fonts

import shutil
import string
import subprocess
import sys

import numpy as np
import pytest
from fontTools import agl
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw, ImageFont

from ocrlearn.data.synth.fonts import (
    find_chinese_fonts,
    find_fonts,
    fonts_covering,
    gb2312_characters,
    matplotlib_font_folder,
)

PRINTABLE = string.ascii_letters + string.digits + ".,;:!?'\"()-&%/"


@pytest.fixture(scope="module")
def fonts():
    return find_fonts()


def test_symbol_fonts_are_left_out(fonts):
    names = {font.path.stem for font in fonts}
    assert {"DejaVuSans", "STIXGeneral", "cmr10", "cmtt10"} <= names
    for symbols in ("cmex10", "cmsy10", "cmmi10", "STIXNonUni", "STIXSizOneSymReg"):
        assert symbols not in names
    assert "LastResortHE-Regular" not in names  # claims every character, draws one box


def test_every_font_covers_english_and_draws_each_character_differently(fonts):
    for font in fonts:
        assert font.covers(PRINTABLE), (font.name, font.missing(PRINTABLE))
        drawn = {_picture(font, character).tobytes() for character in string.ascii_letters}
        assert len(drawn) == 52, font.name


def _picture(font, character):
    image = Image.new("L", (60, 60), 255)
    drawer = ImageDraw.Draw(image)
    drawer.text((10, 5), character, font=ImageFont.truetype(str(font.path), 36), fill=0)
    return np.asarray(image)


def test_wrong_character_maps_are_not_believed(fonts):
    by_name = {font.path.stem: font for font in fonts}
    # TeX's text encoding has an exclamation mark upside down in the place of "<".
    assert by_name["cmr10"].missing("a<b>c_d{e}") == "<>_{}"
    assert by_name["cmti10"].missing("$5") == "$"  # its dollar is a pound sign
    assert by_name["cmtt10"].covers("a<b>c_d{e}")
    assert by_name["DejaVuSans"].covers("".join(map(chr, range(32, 127))))


def test_glyphs_may_be_named_after_what_looks_the_same(tmp_path):
    look_alikes = {
        " ": "uni00A0",
        "-": "uni00AD",
        ";": "uni037E",
        "+": "twosuperior",
        "=": "uni2215",
    }
    _build_font(tmp_path / "liberal.ttf", "Liberal", look_alikes)
    (font,) = (font for font in find_fonts(tmp_path) if font.family == "Liberal")
    assert font.missing(" -;+=") == "+="


def test_families_and_faces(fonts):
    modern = {font.style: font for font in fonts if font.family == "Computer Modern"}
    assert set(modern) == {"Roman", "Bold", "Italic"}
    assert modern["Bold"].bold
    assert modern["Italic"].italic
    assert not modern["Roman"].bold
    assert not modern["Roman"].italic
    assert {f.family for f in fonts if f.monospaced} == {
        "DejaVu Sans Mono",
        "Computer Modern Typewriter",
    }
    assert fonts == sorted(fonts, key=lambda font: (font.family, font.style))


def test_a_folder_adds_fonts_and_damaged_files_are_passed_over(tmp_path, fonts):
    source = matplotlib_font_folder() / "cmr10.ttf"
    shutil.copy(source, tmp_path / "same.ttf")  # the same names but another file name
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "broken.ttf").write_bytes(source.read_bytes()[:2000])
    (tmp_path / "empty.otf").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not a font")
    found = find_fonts(tmp_path)
    added = [font for font in found if font not in fonts]
    assert [font.path.name for font in added] == ["same.ttf"]


def test_bad_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_fonts(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file"):
        find_fonts(tmp_path / "file")


def test_pyplot_is_not_imported():
    code = (
        "import sys; from ocrlearn.data.synth.fonts import find_fonts; find_fonts();"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------------------------------------
# Installed fonts


@pytest.fixture
def fake_fontconfig(tmp_path, monkeypatch):
    """Return a function that puts an fc-list on the PATH which lists the given files."""

    def install(*files):
        folder = tmp_path / "programs"
        folder.mkdir()
        lines = "".join(f"echo '{file}'\n" for file in files)
        (folder / "fc-list").write_text(f"#!/bin/sh\n{lines}")
        (folder / "fc-list").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return install


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for fc-list is a shell script")
def test_system_fonts_are_those_that_fontconfig_lists(tmp_path, fake_fontconfig, fonts):
    installed = _build_font(tmp_path / "Installed.ttf", "Installed", {})
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(installed.read_bytes()[:300])
    bitmap = tmp_path / "old.pcf.gz"
    bitmap.write_bytes(b"")
    fake_fontconfig(installed, installed, broken, bitmap, tmp_path / "vanished.ttf")
    added = [font for font in find_fonts(system=True) if font not in fonts]
    assert [font.path for font in added] == [installed]
    assert find_fonts() == fonts  # and only when asked for


def test_without_fontconfig_the_answer_is_clear(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="fc-list"):
        find_fonts(system=True)
    assert find_chinese_fonts(system=False) == []  # matplotlib's fonts have no Chinese


# ---------------------------------------------------------------------------------------------
# Chinese


def test_characters_of_the_national_standard():
    level_1, level_2 = gb2312_characters(1), gb2312_characters(2)
    assert (len(level_1), len(level_2)) == (3755, 3008)  # GB 2312-80
    assert (level_1[0], level_1[-1], level_2[0], level_2[-1]) == ("啊", "座", "亍", "齄")
    assert len(set(level_1 + level_2)) == 6763
    with pytest.raises(ValueError, match="level"):
        gb2312_characters(3)


def test_fonts_covering_a_text(fonts):
    assert fonts_covering("a \n b", fonts) == fonts
    assert {font.family for font in fonts_covering("Щ", fonts)} == {
        family for family in {f.family for f in fonts} if family.startswith(("DejaVu", "STIX"))
    }
    assert fonts_covering("中", fonts) == []


def test_chinese_fonts_must_draw_what_they_promise(tmp_path):
    promised = gb2312_characters(1)[:60]
    apart = {character: f"cid{place:05d}" for place, character in enumerate(promised)}
    _build_font(tmp_path / "honest.ttf", "Honest", apart)
    _build_font(tmp_path / "box.ttf", "One Box", dict.fromkeys(promised, "cid00000"))
    _build_font(tmp_path / "blank.ttf", "Blanks", apart, blank={"cid00007"})
    _build_font(
        tmp_path / "pairs.ttf", "Pairs", {c: f"cid{i // 2:05d}" for c, i in _numbered(apart)}
    )
    _build_font(tmp_path / "wrong.ttf", "Wrong Name", apart | {promised[3]: "Zcaron"})
    _build_font(tmp_path / "few.ttf", "Few", dict(list(apart.items())[:30]))
    found = find_chinese_fonts(tmp_path, system=False, characters=promised[:40])
    assert [font.family for font in found] == ["Honest"]
    assert find_chinese_fonts(tmp_path, system=False) == []  # none has all of level 1


def _numbered(mapping):
    return [(character, place) for place, character in enumerate(mapping)]


def _build_font(path, family, chinese, blank=()):
    """Write a TrueType font of rectangles, each glyph of its own size."""
    names = {ord(c): agl.UV2AGL[ord(c)] for c in string.ascii_letters + string.digits}
    character_map = names | {ord(c): glyph for c, glyph in chinese.items()}
    order = [".notdef", *sorted(set(character_map.values()))]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(character_map)
    glyphs = {}
    for place, name in enumerate(order):
        pen = TTGlyphPen(None)
        if name not in blank:
            right, top = 100 + 40 * (place % 20), 100 + 40 * (place // 20)
            pen.moveTo((0, 0))
            for point in ((0, top), (right, top), (right, 0)):
                pen.lineTo(point)
            pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(order, (1000, 0)))
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path

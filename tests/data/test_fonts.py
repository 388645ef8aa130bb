import shutil
import string
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrlearn.data.synth.fonts import find_fonts, matplotlib_font_folder

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

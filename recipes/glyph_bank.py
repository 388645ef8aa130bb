"""Render the bank of Chinese glyphs that the library prints with where no font is installed.

    sudo apt-get install fonts-noto-cjk     # Debian and Ubuntu; or download the two .ttc files
    python recipes/glyph_bank.py            # two minutes; --fonts FOLDER if they lie elsewhere

Two files are written beside ``ocrlearn/data/synth/glyph_bank.py``: ``glyph_bank.npz`` with the
bitmaps and ``glyph_bank.json``, which says what they were made from. The same fonts and the same
version of FreeType give the same bitmaps.

The characters are those of GB 2312 level 1, the thousand of level 2 that Chinese uses most
(wordfreq), what number plates need, and the punctuation, digits and letters of GB 2312 and ASCII.
Every glyph is rendered eight times finer than it is stored, and a pixel is ink where the outline
covers half of it.
"""

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wordfreq
from fontTools.ttLib import TTFont
from PIL import Image, ImageFont
from tqdm import tqdm

from ocrlearn.data.synth import glyph_bank
from ocrlearn.data.synth.fonts import gb2312_characters

EM = 96
PEN, BASELINE = 8, 96  # where the pen stands in a cell
WIDTH, HEIGHT = 128, 128  # of a cell; the height is a multiple of eight rows
FINE = 8

LESS_COMMON = 1000  # characters of level 2
PLATES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼学警港澳挂使领"
ASCII = "".join(map(chr, range(32, 127)))
TODAY = "—·–"  # dash and middle dot as text has them now; Python's GB 2312 gives them other codes

FONTS = {"sans": "NotoSansCJK-Regular.ttc", "serif": "NotoSerifCJK-Regular.ttc"}
SIMPLIFIED = 2  # the collections hold JP, KR, SC, TC and HK, in this order


@dataclass(frozen=True)
class Face:
    """A face opened twice: for its outlines and for its tables."""

    outlines: ImageFont.FreeTypeFont
    tables: TTFont

    @classmethod
    def open(cls, path: Path) -> "Face":
        """Open the face for simplified Chinese of a collection."""
        outlines = ImageFont.truetype(
            str(path), EM * FINE, index=SIMPLIFIED, layout_engine=ImageFont.Layout.BASIC
        )
        return cls(outlines, TTFont(str(path), lazy=True, fontNumber=SIMPLIFIED))

    def name(self, number: int) -> str:
        """One entry of the font's name table."""
        return str(self.tables["name"].getDebugName(number))

    def advance(self, character: str) -> float:
        """Return how far `character` moves the pen, in ems."""
        glyph = self.tables.getBestCmap()[ord(character)]
        return self.tables["hmtx"][glyph][0] / self.tables["head"].unitsPerEm


def characters() -> str:
    """Return what the bank holds, each character once, sorted by code point."""
    symbols = symbols_of_gb2312()
    chinese = gb2312_characters(1) + "".join(less_common(LESS_COMMON)) + PLATES
    return "".join(sorted(set(ASCII + TODAY + symbols + chinese)))


def symbols_of_gb2312() -> str:
    """Return rows 1 and 3 of GB 2312: punctuation, signs, and full-width digits and letters."""
    codes = (bytes([row, cell]) for row in (0xA1, 0xA3) for cell in range(0xA1, 0xFF))
    return b"".join(codes).decode("gb2312")


def less_common(number: int) -> list[str]:
    """Return the `number` most frequent characters of GB 2312 level 2."""
    level_2 = set(gb2312_characters(2))
    uses: Counter[str] = Counter()
    for word, frequency in wordfreq.get_frequency_dict("zh").items():
        for character in level_2.intersection(word):
            uses[character] += frequency
    ranked = sorted(uses, key=lambda character: (-uses[character], character))
    return ranked[:number]


def render(face: Face, character: str) -> np.ndarray:
    """Render one character as a ``(HEIGHT, WIDTH)`` bool bitmap."""
    mask, (x, y) = face.outlines.getmask2(character, mode="L", anchor="ls")
    width, height = mask.size
    cell = np.zeros((HEIGHT * FINE, WIDTH * FINE), np.uint8)
    if width and height:
        left, top = PEN * FINE + int(x), BASELINE * FINE + int(y)
        if left < 0 or top < 0 or left + width > cell.shape[1] or top + height > cell.shape[0]:
            raise ValueError(f"{character!r} does not fit into its cell")
        ink = np.frombuffer(bytes(mask), np.uint8).reshape(height, width)
        cell[top : top + height, left : left + width] = ink
    return np.asarray(Image.fromarray(cell).resize((WIDTH, HEIGHT), Image.Resampling.BOX)) >= 128


def main() -> None:
    """Render both styles and write the bank."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts/opentype/noto"))
    parser.add_argument("--out", type=Path, default=Path(glyph_bank.__file__).parent)
    arguments = parser.parse_args()

    text = characters()
    arrays = {"codes": np.array([ord(character) for character in text], np.uint32)}
    styles = {}
    for style, file in FONTS.items():
        face = Face.open(arguments.fonts / file)
        absent = [c for c in text if ord(c) not in face.tables.getBestCmap()]
        if absent:
            raise ValueError(f"{file} lacks {''.join(absent)!r}")
        bitmaps = np.stack([render(face, character) for character in tqdm(text, desc=style)])
        arrays[f"{style}_rows"] = np.packbits(bitmaps, axis=1)
        arrays[f"{style}_advances"] = np.array([face.advance(c) for c in text], np.float32)
        styles[style] = {
            "font": face.name(4),
            "version": face.name(5),
            "copyright": face.name(0),
            "file": file,
            "face": SIMPLIFIED,
        }
    np.savez_compressed(arguments.out / "glyph_bank.npz", **arrays)
    described = {
        "em": EM,
        "pen": PEN,
        "baseline": BASELINE,
        "characters": len(text),
        "licence": "SIL Open Font License 1.1 (OFL.txt)",
        "source": "https://github.com/googlefonts/noto-cjk (Debian package fonts-noto-cjk)",
        "styles": styles,
    }
    text_form = json.dumps(described, ensure_ascii=False, indent=2) + "\n"
    (arguments.out / "glyph_bank.json").write_text(text_form, encoding="utf-8")
    for path in (arguments.out / "glyph_bank.npz", arguments.out / "glyph_bank.json"):
        print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()

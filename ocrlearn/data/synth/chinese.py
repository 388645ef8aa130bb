"""Lines of printed Chinese with the place of every character.

Text is made of words drawn as often as Chinese uses them (``wordfreq``, whose lists need no word
segmenter to be read), with the punctuation, numbers and Latin words of a newspaper between them:
true in the statistics of characters and of their neighbours within words, but without syntax. That
is also where it is hard: of the thousands of characters, half of all text uses the commonest
hundred and fifty, and some are met once in a million. `rare` therefore mixes in characters that are
dealt out evenly, each once before any comes twice.

Chinese is set solid: every character stands in a square of one em, and a line of ten is ten ems
long. The data sets that Chinese line recognisers are commonly trained on are cut that way, ten
characters on 280 x 32 pixels.

Printing uses the glyph bank, or any installed font (:func:`~ocrlearn.data.synth.fonts.\
find_chinese_fonts`).
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.samples import Sample, TextInstance
from ocrlearn.data.synth.fonts import Font, gb2312_characters
from ocrlearn.data.synth.glyph_bank import Face, GlyphBank, as_face, bank_faces
from ocrlearn.data.synth.glyphs import GRID, Glyph
from ocrlearn.data.synth.looks import LOOKS, expose
from ocrlearn.data.synth.sheet import Rendered, Sheet
from ocrlearn.data.synth.texts import SPLITS, seeded_generator
from ocrlearn.document import Character, Line, Word

__all__ = ["chinese_characters", "chinese_text", "chinese_vocabulary", "render_chinese_line"]

_SHARED_WORDS = 500  # the most frequent words, without which nothing can be written

_UNFIT = (
    "尸", "奸", "淫", "屌", "婊", "妓", "嫖", "屠", "杀", "色情", "毒品", "吸毒", "性交", "做爱",
    "裸体", "裸照", "裸聊", "裸女", "裸胸", "全裸", "乳头", "乳房", "巨乳", "他妈", "妈的", "我操",
    "贱人", "贱货", "狗屎", "狗屁", "狗日", "母狗", "屁眼", "傻逼", "黑鬼", "鬼子", "支那",
    "血腥", "恐怖", "纳粹", "邪教", "法轮", "反共", "反华", "台独", "港独",
)  # fmt: skip
"""Words with these parts are left out, as they could not be shown to a class."""

_LATIN = (
    "AI",
    "APP",
    "CEO",
    "CPU",
    "GDP",
    "GPS",
    "IT",
    "iPhone",
    "KTV",
    "NBA",
    "TV",
    "USB",
    "WiFi",
)

Rng = np.random.Generator


# ---------------------------------------------------------------------------------------------
# What is written


@lru_cache(maxsize=1)
def chinese_characters() -> str:
    """Return the Chinese characters that the generator may write, sorted by code point.

    The 3,755 of GB 2312 level 1 and those further ones that the glyph bank holds: 4,755.
    """
    held = (c for c in GlyphBank.load().characters if "一" <= c <= "龥")
    return "".join(sorted(set(gb2312_characters(1)).union(held)))


@lru_cache(maxsize=2)
def chinese_vocabulary(split: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the words that a split may use, and the running sum of their probabilities.

    The 60,000 most frequent words of ``wordfreq`` that are written with
    :func:`chinese_characters` alone and can be shown to a class. Of those beyond the first 500,
    "training" lacks the tenth whose checksums are divisible by ten.
    """
    from wordfreq import get_frequency_dict

    check_choice(split, "split", SPLITS)
    allowed = frozenset(chinese_characters())
    frequencies = get_frequency_dict("zh")
    words = sorted(
        (word for word in frequencies if allowed.issuperset(word) and _fit(word)),
        key=lambda word: (-frequencies[word], word),
    )[:60_000]
    if split == "training":
        words = words[:_SHARED_WORDS] + [
            word for word in words[_SHARED_WORDS:] if zlib.crc32(word.encode()) % 10
        ]
    cumulative = np.cumsum([frequencies[word] for word in words])
    return tuple(words), cumulative / cumulative[-1]


def _fit(word: str) -> bool:
    """Whether a word may appear in front of a class."""
    return not any(part in word for part in _UNFIT)


def chinese_text(
    rng: Rng, characters: int = 10, split: str = "training", *, vertical: bool = False
) -> str:
    """Return a piece of running text of exactly `characters` characters.

    It is cut out where it happens to be, as a line is cut out of a column, but does not begin with
    a mark that Chinese typesetting keeps from the start of a line.

    Parameters
    ----------
    rng
        Source of chance.
    characters
        How many, at least 1; spaces do not occur.
    split
        "training" or "benchmark": which words may be used.
    vertical
        Only what stands upright in vertical lines: no Latin, brackets or quotation marks, and
        Chinese numerals.
    """
    check_number(characters, "characters", low=1, integer=True)
    check_choice(split, "split", SPLITS)
    text = ""
    while len(text) < characters + 12:
        text += _clause(rng, split, vertical)
    start = int(rng.integers(0, len(text) - characters + 1))
    turned = (text + text)[start:].lstrip("，。、！？：；”）》…%")
    return turned[:characters]


def _clause(rng: Rng, split: str, vertical: bool) -> str:
    """Return a few words and the mark after them."""
    parts = []
    for _ in range(rng.integers(2, 9)):
        word = _word(rng, split)
        kind = rng.random()
        if kind < 0.035:
            word = _chinese_number(rng) if vertical else _number(rng)
        elif vertical:
            pass
        elif kind < 0.05:
            word = _pick(rng, _LATIN)
        elif kind < 0.065:
            opening, closing = _pick(rng, ("“”", "《》", "（）"))
            word = opening + word + closing
        elif kind < 0.075:
            word += "、" + _word(rng, split)
        parts.append(word)
    marks = "，，，，。。。、！？" if vertical else "，，，，，，，。。。。、：；！？"
    return "".join(parts) + _pick(rng, marks)


def _word(rng: Rng, split: str) -> str:
    words, cumulative = chinese_vocabulary(split)
    return words[int(np.searchsorted(cumulative, rng.random(), side="right"))]


def _number(rng: Rng) -> str:
    """Return a date, amount, share or count as newspapers write them."""
    kind = rng.integers(7)
    if kind == 0:
        return f"{rng.integers(1, 13)}月{rng.integers(1, 31)}日"
    if kind == 1:
        return f"{rng.integers(1949, 2030)}年"
    if kind == 2:
        return f"{rng.integers(1, 100)}.{rng.integers(0, 10)}%"
    if kind == 3:
        return f"{rng.integers(1, 1000)}万元"
    if kind == 4:
        return f"{rng.integers(2, 300)}{_pick(rng, '个名家次人年天岁')}"
    if kind == 5:
        return f"{rng.integers(0, 24)}:{rng.integers(0, 60):02d}"
    return str(rng.integers(1, 100_000))


def _chinese_number(rng: Rng) -> str:
    """Return a number in Chinese numerals."""
    digits = "零一二三四五六七八九"
    if rng.random() < 0.4:
        return "".join(digits[int(d)] for d in str(rng.integers(1949, 2030))) + "年"
    tens, ones = int(rng.integers(1, 10)), int(rng.integers(0, 10))
    return (digits[tens] if tens > 1 else "") + "十" + (digits[ones] if ones else "")


def _pick(rng: Rng, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _with_rare(rng: Rng, text: str, share: float, seed: int, index: int, split: str) -> str:
    """Replace a `share` of the Chinese characters by others that are dealt out evenly."""
    dealt = _dealt(seed, split, index * len(text), len(text))
    chosen = rng.random(len(text)) < share
    return "".join(
        new if replaced and (share == 1 or "一" <= old <= "龥") else old
        for old, new, replaced in zip(text, dealt, chosen, strict=True)
    )


def _dealt(seed: int, split: str, first: int, count: int) -> str:
    """Characters `first` to `first + count` of an endless sequence of shuffled decks."""
    deck = len(chinese_characters())
    return "".join(
        _shuffled(seed, split, place // deck)[place % deck] for place in range(first, first + count)
    )


@lru_cache(maxsize=8)
def _shuffled(seed: int, split: str, deck: int) -> str:
    order = seeded_generator(seed, deck, split, "chinese deck").permutation(
        len(chinese_characters())
    )
    return "".join(chinese_characters()[place] for place in order)


# ---------------------------------------------------------------------------------------------
# How it is set


@dataclass(frozen=True, eq=False)
class _Placed:
    """A character with its pixels, and the pixel that its pen stands in."""

    character: str
    drawn: Glyph
    column: int
    row: int

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Box around the ink, in pixel edges."""
        assert self.drawn.box is not None
        x0, y0, x1, y1 = self.drawn.box
        return self.column + x0, self.row + y0, self.column + x1, self.row + y1


def _set(face: Face, size: float, pens: Iterable[tuple[str, float, float]]) -> list[_Placed]:
    """Place characters with their pens at (x, y), to a quarter of a pixel."""
    placed = []
    for character, x, y in pens:
        column, phase_x = divmod(round(x * GRID), GRID)
        row, phase_y = divmod(round(y * GRID), GRID)
        drawn = face.glyph(character, size, phase_x, phase_y)
        if drawn.box is None:
            raise ValueError(f"{character!r} leaves no ink in font {face.name!r}")
        placed.append(_Placed(character, drawn, column, row))
    return placed


def _horizontal_pens(
    text: str, face: Face, size: float, tracking: float, quad_space: float
) -> Iterable[tuple[str, float, float]]:
    """Pens along a line. `quad_space` is set between Chinese and Latin, in ems."""
    x, before = 0.0, ""
    for character in text:
        if before and _is_latin(before) != _is_latin(character) and " " not in (before, character):
            x += quad_space * size
        if character != " ":
            yield character, x, 0.0
        x += (face.advance(character) + tracking) * size
        before = character


def _is_latin(character: str) -> bool:
    """Whether a quarter space sets it off from Chinese: ASCII letters and digits."""
    return character.isascii() and character.isalnum()


def _vertical_pens(
    text: str, face: Face, size: float, tracking: float
) -> Iterable[tuple[str, float, float]]:
    """Pens down a line whose axis is x = 0; marks move to the upper right of their square."""
    for place, character in enumerate(text):
        x = -face.advance(character) / 2
        y = place * (1 + tracking)
        if character in "，。、":
            x, y = x + 0.55, y - 0.55
        if character != " ":
            yield character, x * size, y * size


def _printed(placed: list[_Placed], face: Face, margins: NDArray[np.int_], vertical: bool) -> Sheet:
    """Print on a sheet that leaves `margins` (left, top, right, bottom) around the ink."""
    boxes = np.array([one.box for one in placed])
    left, top = np.floor(boxes[:, :2].min(axis=0)).astype(int) - margins[:2]
    right, bottom = np.ceil(boxes[:, 2:].max(axis=0)).astype(int) + margins[2:]
    sheet = Sheet((int(bottom - top), int(right - left)))
    sheet.fonts.add(face.name)
    characters = []
    for one in placed:
        row, column = one.row + one.drawn.top - top, one.column + one.drawn.left - left
        height, width = one.drawn.coverage.shape
        target = sheet.coverage[row : row + height, column : column + width]
        np.minimum(target + one.drawn.coverage, 1, out=target)
        quad = _quad(one.box) - np.array([left, top], np.float32)
        characters.append(Character(one.character, quad, 1.0))
    # A look judges the size of print by the height of its lines: down a vertical line, it has to
    # see every character as a line of its own.
    groups = [[one] for one in characters] if vertical else [characters]
    for group in groups:
        quad = _enclosing(np.concatenate([one.quad for one in group]))
        word = Word("".join(one.text for one in group), quad, 1.0, tuple(group))
        sheet.lines.append(Line(quad, (word,)))
    return sheet


def _quad(box: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """Quad of a box given by pixel edges: the edge of the first pixel is at -0.5."""
    x0, y0, x1, y1 = box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32) - np.float32(0.5)


def _enclosing(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Upright quad around points ``(N, 2)``."""
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


# ---------------------------------------------------------------------------------------------
# The generator


def render_chinese_line(
    seed: int = 0,
    index: int = 0,
    *,
    split: str = "training",
    look: str = "clean",
    characters: int = 10,
    rare: float = 0.0,
    text: str | None = None,
    font: Font | Face | None = None,
    size: float | None = None,
    vertical: bool = False,
) -> Sample:
    """Render line number `index` of a seeded, endless set of printed Chinese lines.

    Parameters
    ----------
    seed, index
        Which line. The result depends on these and the other arguments alone, never on what was
        rendered before. The same line in another look has the same text, font and size.
    split
        "training" or "benchmark"; see :func:`chinese_vocabulary`.
    look
        "clean", "scanned" or "photographed"; see :func:`ocrlearn.data.synth.looks.expose`.
    characters
        How many, where `text` is not given.
    rare
        Share of the Chinese characters that is replaced by characters dealt out evenly from
        :func:`chinese_characters`. At 1 the line consists of such characters alone, and the first
        476 lines of ten (4,755 / 10, rounded up) hold each of them.
    text, size
        Given, instead of drawn by chance. `size` is in pixels per em (drawn: 20 to 50).
    font
        An installed font, or a face of the glyph bank; by default the bank's sans or serif, by
        chance. Text that is drawn by chance is drawn so that the font covers it.
    vertical
        From top to bottom. Brackets, quotation marks and Latin letters are not written then; in a
        `text` that is given they stand upright.

    Returns
    -------
    Sample
        `text` is what is printed; one instance of level "line" whose parts are the characters, with
        the exact boxes of their ink, carried to the image by the map that moved the pixels (spaces
        have none); the mask "ink" (bool); and in `details` what was drawn by chance.

    Raises
    ------
    ValueError
        If the text is empty, or the font does not cover it; says which characters are the trouble.
    """
    check_choice(look, "look", LOOKS)
    check_number(rare, "rare", low=0, high=1)
    check_number(characters, "characters", low=1, integer=True)
    rng = seeded_generator(seed, index, split, "chinese line")
    face = _pick(rng, bank_faces())
    face = face if font is None else as_face(font)
    drawn_size = float(np.exp(rng.uniform(np.log(20), np.log(50))))
    size = drawn_size if size is None else check_number(size, "size", low=4, high=2000)
    tracking = float(rng.uniform(-0.02, 0.12)) if rng.random() < 0.3 else 0.0
    quad_space = 0.25 if rng.random() < 0.5 else 0.0
    margins = rng.integers(2, 9, size=4)

    def draw(attempt: int) -> str:
        own = seeded_generator(seed, index, split, f"chinese text {attempt}")
        written = chinese_text(own, characters, split, vertical=vertical)
        return _with_rare(own, written, rare, seed, index, split) if rare else written

    text = _covered_text(draw, face) if text is None else _checked_text(text, face)
    pens = (
        _vertical_pens(text, face, size, tracking)
        if vertical
        else _horizontal_pens(text, face, size, tracking, quad_space)
    )
    # Beyond the print there is paper for scanners and cameras to show.
    room = margins if look == "clean" else np.full(4, int(np.ceil(size)) + 8)
    sheet = _printed(_set(face, size, pens), face, room, vertical)
    rendered = expose(
        sheet, look, seeded_generator(seed, index, split, f"chinese {look}"), crop=True
    )
    drawn = {"look": look, "font": face.name, "size": size, "tracking": tracking}
    return _as_sample(rendered, sheet, text, vertical, drawn | {"vertical": vertical})


def _covered_text(draw: Callable[[int], str], face: Face) -> str:
    """Draw until the face covers the text; a font made for Chinese does at once, or nearly."""
    text = ""
    for attempt in range(50):
        text = draw(attempt)
        if face.characters.issuperset(text):
            return text
    return _checked_text(text, face)


def _checked_text(text: str, face: Face) -> str:
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, or None, got {text!r}")
    text = " ".join(text.split())
    if not text:
        raise ValueError("text must hold at least one character that is not a space")
    missing = "".join(sorted(set(text) - face.characters))
    if missing:
        raise ValueError(f"font {face.name!r} cannot print {missing!r} of text {text!r}")
    return text


def _as_sample(
    rendered: Rendered, sheet: Sheet, text: str, vertical: bool, drawn: dict[str, Any]
) -> Sample:
    """Gather what is known of a line into a sample."""
    page = rendered.page
    parts = tuple(
        TextInstance(np.asarray(one.quad, np.float32), one.text, "character", language="Chinese")
        for line in page.lines
        for word in line.words
        for one in word.characters
    )
    if vertical:
        spread = np.float32(rendered.details.get("ink_spread", 0.0))
        flat = _enclosing(np.concatenate([line.quad for line in sheet.lines]))
        outwards = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
        polygon = rendered.point_map(flat + spread * outwards).astype(np.float32)
    else:
        polygon = np.asarray(page.lines[0].quad, np.float32)
    line = TextInstance(polygon, text, "line", language="Chinese", parts=parts)
    height, width = rendered.image.shape[:2]
    return Sample(
        rendered.image,
        text,
        (line,),
        width,
        height,
        masks={"ink": rendered.ink},
        details=drawn | rendered.details,
    )

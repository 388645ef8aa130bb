"""hOCR: well-formed, within the grammar of version 1.2, and true to the page."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ocrlearn
from ocrlearn.document import Character, Line, Page, Word
from ocrlearn.engine.hocr import pages_to_hocr

XHTML = "{http://www.w3.org/1999/xhtml}"

# The specification's grammar for the title attribute: words without space or semicolon, or strings
# of printable ASCII between double quotes.
VALUE = r'(?:"[\x20-\x21\x23-\x7e]+"|[\x21-\x3a\x3c-\x7e]+)'
PROPERTY = rf"[a-z][a-z0-9_]*(?: {VALUE})+"
TITLE = re.compile(rf"{PROPERTY}(?:; {PROPERTY})*")


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def one_word_page(text: str, source: str = "a.png", number: int = 1, **word) -> Page:
    quad = word.pop("quad", box(2, 3, 10, 8))
    score = word.pop("score", 0.5)
    return Page(
        [Line(quad, [Word(text, quad, score, **word)])],
        20,
        12,
        "classical",
        source=source,
        page_number=number,
    )


def parse(*pages: Page) -> ElementTree.Element:
    return ElementTree.fromstring(pages_to_hocr(pages).encode("utf-8"))


def elements(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if element.get("class") == name]


def properties(element: ElementTree.Element) -> dict[str, str]:
    title = element.get("title", "")
    assert TITLE.fullmatch(title), title
    return dict(re.findall(rf"([a-z][a-z0-9_]*) ((?:{VALUE} ?)+)(?:; |$)", title))


def test_by_hand():
    word = Word("Hi", box(2, 3, 10, 8), 0.876)
    line = Line(box(2, 3, 17.4, 9.2), [word, Word("you", box(12, 3, 17.4, 9.2), 1.0)])
    root = parse(Page([line], 20, 12, "classical", source="a.png"))
    (page,) = elements(root, "ocr_page")
    assert page.get("title") == 'image "a.png"; bbox 0 0 20 12'
    # From pixel centres to pixel corners, and out to whole pixels.
    (ocr_line,) = elements(root, "ocr_line")
    assert ocr_line.get("title") == "bbox 2 3 18 10"
    first, second = elements(root, "ocrx_word")
    assert first.get("title") == "bbox 2 3 11 9; x_wconf 88"
    assert second.get("title") == "bbox 12 3 18 10; x_wconf 100"
    assert "".join(ocr_line.itertext()) == "Hi you"


def test_metadata():
    root = parse(one_word_page("a"), one_word_page("b", "b.png"))
    names = [meta.get("name") for meta in root.iter(XHTML + "meta")]
    content = {meta.get("name"): meta.get("content") for meta in root.iter(XHTML + "meta")}
    assert len(names) == len(set(names))
    assert content["ocr-system"] == f"ocrlearn {ocrlearn.__version__} classical"
    assert content["ocr-number-of-pages"] == "2"
    title = next(root.iter(XHTML + "title"))
    assert title.text == "a.png, b.png"


def test_every_class_used_is_declared_as_a_capability():
    characters = [Character("a", box(2, 3, 10, 8), 0.5)]
    root = parse(one_word_page("a", characters=characters))
    (declared,) = [m for m in root.iter(XHTML + "meta") if m.get("name") == "ocr-capabilities"]
    used = {e.get("class") for e in root.iter() if e.get("class")}
    assert used == {"ocr_page", "ocr_line", "ocrx_word", "ocr_cinfo"}
    assert used <= set(declared.get("content", "").split())


def test_characters_are_listed_for_each_code_point():
    characters = [Character("a", box(2, 3, 5, 8), 0.25), Character("b", box(6, 3, 10, 8), 1.0)]
    (info,) = elements(parse(one_word_page("ab", characters=characters)), "ocr_cinfo")
    assert info.get("title") == "x_bboxes 2 3 6 9 6 3 11 9; x_confs 25 100"
    assert info.text == "ab"


def test_characters_that_do_not_spell_the_word_are_left_out():
    characters = [Character("fi", box(2, 3, 5, 8), 0.25)]
    assert not elements(parse(one_word_page("fi", characters=characters)), "ocr_cinfo")


def test_physical_page_numbers_only_within_one_source():
    one = parse(one_word_page("a", "a.pdf", 1), one_word_page("b", "a.pdf", 2))
    assert [properties(p)["ppageno"] for p in elements(one, "ocr_page")] == ["0", "1"]
    two = parse(one_word_page("a", "a.pdf", 1), one_word_page("b", "b.pdf", 1))
    assert not any("ppageno" in properties(p) for p in elements(two, "ocr_page"))


def test_ids_are_unique():
    root = parse(one_word_page("a"), one_word_page("b"))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids)) == 6


@given(text=st.text(st.characters(), max_size=8), source=st.text(max_size=8))
def test_any_text_and_any_name_make_well_formed_hocr(text, source):
    """Mark-up, control characters, quotes, lone surrogates: all parse, and all titles conform."""
    root = parse(one_word_page(text, source))
    for element in root.iter():
        if (element.get("class") or "").startswith("ocr"):
            properties(element)
    (word,) = elements(root, "ocrx_word")
    kept = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
    assert "".join(word.itertext()) == re.sub("\r\n?", "\n", kept)  # as XML reads line ends


@given(
    st.lists(st.floats(-50, 50, width=32), min_size=8, max_size=8),
    st.integers(1, 30),
    st.integers(1, 30),
)
def test_boxes_are_whole_not_empty_and_inside_the_page(values, width, height):
    quad = np.array(values, np.float32).reshape(4, 2)
    root = parse(Page([Line(quad)], width, height))
    (line,) = elements(root, "ocr_line")
    x0, y0, x1, y1 = map(int, properties(line)["bbox"].split())
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height


def test_scores_are_percentages():
    titles = [one_word_page("a", score=score) for score in (0.0, 0.004, 0.996, 1.0)]
    words = elements(parse(*titles), "ocrx_word")
    assert [properties(word)["x_wconf"] for word in words] == ["0", "0", "100", "100"]


def test_an_image_path_keeps_to_the_grammar():
    (page,) = elements(parse(one_word_page("a", 'my "scäns"/1 %.png')), "ocr_page")
    assert properties(page)["image"] == '"my %22sc%C3%A4ns%22/1 %25.png"'


def test_an_empty_page_is_a_page():
    assert elements(parse(Page([], 5, 5)), "ocr_page")


def test_no_pages_are_refused():
    with pytest.raises(ValueError, match="at least one page"):
        pages_to_hocr([])

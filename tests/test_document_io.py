"""Pages to JSON and back: nothing is lost, and what is wrong is named."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.document import Character, Line, Page, Word, page_from_json, page_to_json


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def small_page() -> Page:
    characters = [Character("H", box(1, 2, 3, 9), 0.75), Character("i", box(4, 2, 5, 9), 1.0)]
    words = [Word("Hi", box(1, 2, 5, 9), 0.875, characters), Word("you", box(8.1, 2, 20, 11), 0.5)]
    return Page([Line(box(1, 2, 20, 11), words)], 30, 12, "classical", 0.01, ["a note"], "a.png", 3)


def same(left: Page, right: Page) -> bool:
    """Whether two pages agree in every field, to the last bit."""

    def flat(page: Page) -> list:
        head = [page.width, page.height, page.method, page.angle, list(page.notes)]
        head += [page.source, page.page_number]
        for line in page.lines:
            head.append(("line", line.quad.tobytes()))
            for word in line.words:
                head.append(("word", word.text, word.score, word.quad.tobytes()))
                head += [("character", c.text, c.score, c.quad.tobytes()) for c in word.characters]
        return head

    return flat(left) == flat(right)


def test_text_and_score_of_a_line_by_hand():
    line = small_page().lines[0]
    assert line.text == "Hi you"
    assert line.score == pytest.approx((2 * 0.875 + 3 * 0.5) / 5)
    assert Line(box(0, 0, 1, 1)).score == 0.0


def test_json_by_hand():
    record = json.loads(page_to_json(small_page()))
    assert list(record)[:4] == ["format", "version", "source", "page_number"]
    assert record["format"] == "ocrlearn-page"
    assert record["version"] == 1
    assert record["page_number"] == 3
    assert record["text"] == "Hi you"
    word = record["lines"][0]["words"][1]
    assert word["quad"] == [[8.1, 2.0], [20.0, 2.0], [20.0, 11.0], [8.1, 11.0]]  # not 8.10000038
    assert word["characters"] == []


def test_json_is_one_line_of_utf8_unless_indented():
    page = Page([Line(box(0, 0, 9, 9), [Word("naïve 文\n", box(0, 0, 9, 9), 1.0)])], 9, 9)
    text = page_to_json(page)
    assert "\n" not in text
    assert "naïve 文" in text
    assert page_to_json(page, indent=2).startswith('{\n  "format"')


float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)
quads = st.lists(float32s, min_size=8, max_size=8).map(
    lambda values: np.array(values, np.float32).reshape(4, 2)
)
scores = st.floats(0, 1)
characters = st.builds(Character, st.text(max_size=2), quads, scores)
words = st.builds(Word, st.text(max_size=5), quads, scores, st.lists(characters, max_size=3))
lines = st.builds(Line, quads, st.lists(words, max_size=3))
sizes = st.integers(1, 100_000)
angles = st.floats(-3.2, 3.2)
pages = st.builds(
    Page,
    st.lists(lines, max_size=3),
    sizes,
    sizes,
    st.text(max_size=5),
    angles,
    st.lists(st.text(max_size=5), max_size=2),
    st.text(max_size=5),
    sizes,
)


@given(pages)
def test_json_round_trip_is_exact(page):
    assert same(page_from_json(page_to_json(page)), page)
    assert same(page_from_json(page_to_json(page, indent=1).encode()), page)


def test_the_largest_number_comes_back():
    quad = box(0, 0, 1, np.finfo(np.float32).max)
    again = page_from_json(page_to_json(Page([Line(quad)], 3, 3)))
    np.testing.assert_array_equal(again.lines[0].quad, quad)


@given(pages)
def test_json_agrees_with_itself(page):
    text = page_to_json(page)
    assert page_to_json(page_from_json(text)) == text


def test_numpy_numbers_are_written():
    quad = box(0, 0, 1, 1).astype(np.float64)
    page = Page(
        [Line(quad, [Word("a", quad, np.float32(0.5))])],
        np.int64(4),  # type: ignore[arg-type]
        np.int32(5),  # type: ignore[arg-type]
        angle=np.float32(0.5),
    )
    again = page_from_json(page_to_json(page))
    assert (again.width, again.height, again.angle) == (4, 5, 0.5)
    assert again.lines[0].words[0].quad.dtype == np.float32


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number_cannot_be_written(value):
    quad = box(0, 0, 1, value)
    with pytest.raises(ValueError, match="not JSON compliant"):
        page_to_json(Page([Line(quad)], 3, 3))


def test_optional_fields_may_be_left_out():
    page = page_from_json(
        '{"format": "ocrlearn-page", "version": 1, "width": 3, "height": 4, "lines": []}'
    )
    assert same(page, Page([], 3, 4))


def test_derived_fields_are_ignored():
    record = json.loads(page_to_json(small_page()))
    record["text"] = "something else"
    record["lines"][0]["score"] = "high"
    assert same(page_from_json(json.dumps(record)), small_page())


QUAD = "must be four [x, y] pairs of finite numbers"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["format"], "alto", "format must be 'ocrlearn-page', got 'alto'"),
        (["version"], 2, "version must be 1, the only one there is, got 2"),
        (["version"], True, "version must be a whole number of at least 1, got true"),
        (["source"], None, "source must be a string, got null"),
        (["page_number"], 0, "page_number must be a whole number of at least 1, got 0"),
        (["width"], 0, "width must be a whole number of at least 1, got 0"),
        (["width"], 3.0, "width must be a whole number of at least 1, got 3.0"),
        (["angle"], "0", "angle must be a finite number, got '0'"),
        (["notes"], "x", "notes must be an array, got 'x'"),
        (["notes"], ["x", 1], "notes[1] must be a string, got 1"),
        (["lines"], {}, "lines must be an array, got {}"),
        (["lines", 0], 7, "lines[0] must be a JSON object, got 7"),
        (["lines", 0, "quad"], [[0, 0]] * 3, f"lines[0].quad {QUAD}, got [[0, 0], [0, 0], [0, 0]]"),
        (["lines", 0, "words", 1, "text"], 5, "lines[0].words[1].text must be a string, got 5"),
        (["lines", 0, "words", 1, "score"], 1.5, "words[1].score must lie in [0, 1], got 1.5"),
        (["lines", 0, "words", 1, "score"], True, "words[1].score must be a finite number, got t"),
        (["lines", 0, "words", 1, "score"], 10**400, "words[1].score must be a finite number"),
        (["lines", 0, "words", 0, "quad"], [[0, 0, 0]] * 4, f"words[0].quad {QUAD}"),
        (["lines", 0, "words", 0, "quad"], [[0, "a"]] * 4, f"words[0].quad {QUAD}"),
        (["lines", 0, "words", 0, "quad"], [[0, 1e300]] * 4, f"words[0].quad {QUAD}"),
        (["lines", 0, "words", 0, "characters"], None, "characters must be an array, got null"),
        (["lines", 0, "words", 0, "characters", 1, "score"], -1, "characters[1].score must lie in"),
        (["lines", 0, "words", 0, "wrods"], [], "lines[0].words[0] has unknown fields: 'wrods'"),
        (["author"], "me", "the page has unknown fields: 'author'"),
    ],
)
def test_what_is_wrong_is_named(path, value, message):
    record = json.loads(page_to_json(small_page()))
    target = record
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    with pytest.raises(ValueError) as error:  # noqa: PT011
        page_from_json(json.dumps(record))
    assert message in str(error.value)


@pytest.mark.parametrize("missing", ["format", "version", "width", "height", "lines"])
def test_a_missing_field_is_named(missing):
    record = json.loads(page_to_json(small_page()))
    del record[missing]
    with pytest.raises(ValueError, match=f"the field '{missing}' is missing"):
        page_from_json(json.dumps(record))


def test_a_missing_field_inside_is_named_with_its_place():
    record = json.loads(page_to_json(small_page()))
    del record["lines"][0]["words"][1]["score"]
    with pytest.raises(ValueError, match=r"'score' is missing in lines\[0\]\.words\[1\]"):
        page_from_json(json.dumps(record))


@pytest.mark.parametrize("text", ["", "{", "[1", b"\xff\xfe\xfa", "{'a': 1}"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ValueError, match="not valid JSON"):
        page_from_json(text)


@pytest.mark.parametrize("text", ["[]", "3", "null", '"page"'])
def test_what_is_not_an_object_is_refused(text):
    with pytest.raises(ValueError, match="the page must be a JSON object"):
        page_from_json(text)


def test_deep_nesting_is_refused():
    with pytest.raises(ValueError, match=r"nested too deeply|not valid JSON"):
        page_from_json("[" * 100_000)


def test_nan_literals_are_refused():
    text = page_to_json(small_page()).replace('"angle": 0.01', '"angle": NaN')
    with pytest.raises(ValueError, match="angle must be a finite number, got nan"):
        page_from_json(text)

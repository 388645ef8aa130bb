import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.document import Character, Line, Page, Word

QUAD = np.array([(0, 0), (4, 0), (4, 2), (0, 2)], dtype=np.float32)


def word(text, score=1.0):
    return Word(text, QUAD, score)


def test_text_joins_words_by_spaces_and_lines_by_newlines():
    first = Line(QUAD, [word("two"), word("words")])
    page = Page([first, Line(QUAD), Line(QUAD, [word("one")])], width=10, height=5)
    assert first.text == "two words"
    assert page.text == "two words\n\none"
    assert Page([], width=1, height=1).text == ""


def test_score_of_a_line_weighs_words_by_length():
    line = Line(QUAD, [word("a", 0.0), word("abc", 1.0)])
    assert line.score == pytest.approx(0.75)
    assert Line(QUAD, [word("alone", 0.25)]).score == 0.25


def test_score_of_nothing_is_0():
    assert Line(QUAD).score == 0
    assert Line(QUAD, [word("", 0.9)]).score == 0


def test_empty_words_do_not_change_the_score():
    assert Line(QUAD, [word("", 0.0), word("ab", 0.5)]).score == 0.5


@given(st.lists(st.tuples(st.text("ab", max_size=5), st.floats(0, 1)), max_size=5))
def test_score_of_a_line_lies_between_those_of_its_words(pairs):
    line = Line(QUAD, [word(text, score) for text, score in pairs])
    assert type(line.score) is float
    scores = [score for text, score in pairs if text]
    if scores:
        assert min(scores) - 1e-12 <= line.score <= max(scores) + 1e-12
    else:
        assert line.score == 0


def test_defaults():
    page = Page([], width=10, height=5)
    assert (page.method, page.angle, tuple(page.notes)) == ("", 0.0, ())
    assert word("x").characters == ()
    assert Line(QUAD).words == ()


def test_results_cannot_be_changed_and_are_themselves_only():
    character = Character("x", QUAD, 0.5)
    for thing, name in [
        (character, "text"),
        (word("x"), "score"),
        (Line(QUAD), "words"),
        (Page([], width=1, height=1), "width"),
    ]:
        with pytest.raises(AttributeError, match=f"cannot assign to field '{name}'"):
            setattr(thing, name, None)
    # Comparing quads would give arrays of truth values, so things are equal only to themselves.
    assert character == character
    assert character != Character("x", QUAD, 0.5)
    assert len({character, Character("x", QUAD, 0.5)}) == 2

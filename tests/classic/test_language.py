"""The automata of English: probabilities add up, n-grams are right, and odd text scores low."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.classic.language import END, LETTERS, combine, english, orthography, spelling

SYMBOLS = [chr(code) for code in range(32, 127)] + list("‘’“”—")
WORDS = {"the": 8.0, "then": 2.0, "hat": 1.0, "don't": 1.0}


@pytest.fixture(scope="module")
def language():
    return english(SYMBOLS)


def score(automata, text):
    """Sum of all automata's scores along `text`."""
    total, rows = 0.0, list(automata.first_row)
    for character in text:
        symbol = SYMBOLS.index(character)
        for m, row in enumerate(rows):
            column = automata.column[m, symbol]
            total += float(automata.score[row, column])
            rows[m] = int(automata.next_row[row, column])
    return total


def test_every_context_has_a_distribution():
    automaton = spelling(WORDS, SYMBOLS, order=4)
    inside = np.arange(len(automaton.score)) != automaton.first_row
    total = np.exp(automaton.score[inside, : END + 1]).sum(axis=1)
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_bigrams_by_hand():
    # Words "aa" and "ab", once each: after the start an a, twice; after a: a, b, end, once each;
    # after b: end. Witten and Bell: P(c | h) = (n(h c) + T(h) P(c)) / (n(h) + T(h)).
    automaton = spelling({"aa": 1.0, "ab": 1.0}, SYMBOLS, order=2)
    uniform = 1 / (END + 1)
    unigram = {c: (n + 3 * uniform) / (6 + 3) for c, n in {"a": 3, "b": 1, "end": 2}.items()}
    after_a = automaton.next_row[automaton.first_row, 0]
    a, b = LETTERS.index("a"), LETTERS.index("b")
    found = np.exp(automaton.score)
    assert found[automaton.first_row, a] == pytest.approx((2 + unigram["a"]) / (2 + 1))
    assert found[after_a, a] == pytest.approx((1 + 3 * unigram["a"]) / (3 + 3))
    assert found[after_a, b] == pytest.approx((1 + 3 * unigram["b"]) / (3 + 3))
    assert found[after_a, END] == pytest.approx((1 + 3 * unigram["end"]) / (3 + 3))
    # A bigram remembers one letter: after "aa" it is where it was after "a".
    assert automaton.next_row[after_a, a] == after_a


def test_a_context_never_reaches_across_the_start_of_a_word():
    automaton = spelling(WORDS, SYMBOLS, order=5)
    after_word = automaton.next_row[automaton.next_row[automaton.first_row, 0], END]
    assert after_word == automaton.first_row


@given(st.text(alphabet=LETTERS + " .-A0", max_size=30))
@settings(max_examples=60, deadline=None)
def test_every_text_is_possible_and_states_stay_in_the_table(text):
    automata = combine([spelling(WORDS, SYMBOLS, order=4), orthography(SYMBOLS)], [1.0, 1.0])
    assert np.isfinite(score(automata, text))


def test_longer_memory_spells_better():
    text = "then the hat"
    scores = []
    for order in (1, 2, 4):
        automaton = spelling(WORDS, SYMBOLS, order)
        scores.append(score(combine([automaton], [1.0]), text))
    assert scores[0] < scores[1] < scores[2]


@pytest.mark.parametrize(
    ("likely", "unlikely"),
    [
        ("the quick brown fox", "tbe qnick brovvn fox"),
        ("number", "nurnber"),
        ("It rains. The", "It rains. the"),
        ("in the house", "in tHe house"),
        ("NASA and", "NaSA and"),
        ("in 1993 and", "in l993 and"),
        ("don't", "don(t"),
        ("word, and", "word ,and"),
        ("conduct-", "conduct="),
        ("spinel phase", "spine1 phase"),
    ],
)
def test_english_prefers(language, likely, unlikely):
    assert score(language, likely) > score(language, unlikely) + 1


def test_weight_multiplies(language):
    half = english(SYMBOLS, weight=0.5)
    assert score(half, "reading") == pytest.approx(score(language, "reading") / 2, rel=1e-4)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="at least one word"):
        spelling({"Ünïcödé": 1.0, "": 2.0}, SYMBOLS)
    with pytest.raises(ValueError, match="order"):
        spelling(WORDS, SYMBOLS, order=0)
    with pytest.raises(ValueError, match="1 automata and 2 weights"):
        combine([orthography(SYMBOLS)], [1.0, 1.0])

import re
import string
from collections import Counter

import numpy as np
import pytest
from wordfreq import top_n_list, word_frequency

from ocrlearn.data.synth import texts
from ocrlearn.data.synth.texts import (
    code_line,
    heading,
    line_of_text,
    number,
    paragraph,
    seeded_generator,
    sentence,
    vocabulary,
)


def _lines(split, count, seed=0):
    return [line_of_text(seeded_generator(seed, i, split, "test"), split) for i in range(count)]


def test_letters_are_as_frequent_as_in_english():
    counted = Counter("".join(_lines("training", 1500)).lower())
    expected = Counter()
    for word in top_n_list("en", 5000):
        for letter in word:
            expected[letter] += word_frequency(word, "en")
    ours = np.array([counted[letter] for letter in string.ascii_lowercase], float)
    english = np.array([expected[letter] for letter in string.ascii_lowercase])
    ours, english = ours / ours.sum(), english / english.sum()
    assert 0.5 * np.abs(ours - english).sum() < 0.06  # total variation; measured 0.03
    assert (ours > 0.0005).all()


def test_lines_hold_what_print_holds():
    lines = _lines("training", 1500)
    text = "".join(lines)
    assert set(string.ascii_letters + string.digits + ".,;:!?'\"()-%$/") <= set(text)
    assert set(text) <= set(map(chr, range(32, 127)))
    assert max(map(len, lines)) <= 60
    assert all(line and line == " ".join(line.split()) for line in lines)
    assert len(set(lines)) > 0.9 * len(lines)  # prose repeats, the rest does not


def test_code_lines_hold_the_characters_that_prose_does_not_use():
    rng = np.random.default_rng(0)
    text = "".join(code_line(rng) for _ in range(300))
    assert set("<>_{}[]=*+#@`\\|~^&") <= set(text)


def test_splits_share_no_line_and_no_rare_word():
    training, benchmark = _lines("training", 1500), _lines("benchmark", 1500)
    long_lines = {line for line in training if len(line.split()) > 3}
    assert not long_lines & set(benchmark)
    assert not set(texts._PASSAGES["training"]) & set(texts._PASSAGES["benchmark"])
    missing = set(vocabulary("benchmark")[0]) - set(vocabulary("training")[0])
    assert 0.08 < len(missing) / len(vocabulary("benchmark")[0]) < 0.12
    assert not set(vocabulary("training")[0]) - set(vocabulary("benchmark")[0])
    assert {"the", "of", "because"} <= set(vocabulary("training")[0])


def test_words_are_fit_for_a_class():
    words = set(vocabulary("benchmark")[0])
    assert not {word.removesuffix("'s") for word in words} & set(texts._UNFIT["whole_words"])
    assert not {"titty", "dumbass", "shit's"} & words
    assert {"classic", "assistant", "analysis", "shirt", "cocktail", "title"} <= words


@pytest.mark.parametrize("make", [sentence, heading, number, paragraph, code_line, line_of_text])
def test_same_generator_same_text(make):
    def draw():
        return [make(np.random.default_rng(5)) for _ in range(3)]

    assert draw() == draw()
    assert make(np.random.default_rng(5)) != make(np.random.default_rng(6))


def test_generators_are_told_apart_by_everything():
    draws = {
        seeded_generator(seed, index, split, purpose).integers(2**60)
        for seed in (0, 1)
        for index in (0, 1)
        for split in ("training", "benchmark")
        for purpose in ("line", "page")
    }
    assert len(draws) == 16


def test_sentences_begin_with_a_capital_or_a_number_and_end_with_a_mark():
    rng = np.random.default_rng(1)
    for _ in range(200):
        assert re.match(r"""^["(]?[A-Z0-9$].*[.?!]$""", sentence(rng))


def test_plurals():
    forms = [texts._plural(noun) for noun in ("box", "city", "child", "day", "church", "lamp")]
    assert forms == ["boxes", "cities", "children", "days", "churches", "lamps"]


def test_bad_arguments():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="split must be one of"):
        sentence(rng, "test")
    with pytest.raises(ValueError, match="characters must lie in"):
        line_of_text(rng, characters=3)
    with pytest.raises(ValueError, match="index must lie in"):
        seeded_generator(0, -1, "training", "line")

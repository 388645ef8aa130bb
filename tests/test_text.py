import doctest
import functools
import random
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ocrlearn import text as t
from ocrlearn.text import AttentionCodec, Charset, CTCCodec

few_letters = st.text("abc", max_size=8)
lines = st.text("ab cé-1", max_size=12)


def distance_by_definition(a, b):
    """Levenshtein's recursion, written as it is defined."""

    @functools.cache
    def d(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return d(len(a), len(b))


# --- Character sets


def test_charset_places_follow_the_order_given():
    charset = Charset("cab")
    assert len(charset) == 3
    assert list(charset) == ["c", "a", "b"]
    assert [charset.index(c) for c in "abc"] == [1, 2, 0]
    assert charset[0] == "c"
    assert "b" in charset
    assert "d" not in charset
    assert "" not in charset
    np.testing.assert_array_equal(charset.encode("abba"), [1, 2, 2, 1])
    assert charset.encode("").shape == (0,)
    assert charset.encode("").dtype == np.int64


def test_charset_is_saved_as_a_plain_string():
    charset = Charset("äöü天")
    again = Charset(charset.characters)
    assert again == charset
    assert hash(again) == hash(charset)
    assert Charset("öäü天") != charset


@pytest.mark.parametrize(
    ("characters", "error", "message"),
    [
        ("", ValueError, "must not be empty"),
        ("abca", ValueError, r"'a' \(U\+0061 LATIN SMALL LETTER A\) at positions 0 and 3"),
        (["a", "b"], TypeError, "must be a string"),
    ],
)
def test_charset_refuses(characters, error, message):
    with pytest.raises(error, match=message):
        Charset(characters)


def test_unknown_characters_are_named_with_their_position():
    with pytest.raises(
        ValueError, match=r"'l' \(U\+006C .*SMALL LETTER L\) at position 1 of '1l1'"
    ):
        t.DIGITS.encode("1l1")
    with pytest.raises(ValueError, match=r"U\+00AD SOFT HYPHEN"):
        t.LATIN.encode("soft\u00adhyphen")
    with pytest.raises(ValueError, match=r"U\+0007 no name"):
        t.DIGITS.index("\a")
    with pytest.raises(ValueError, match="'12' is not in the character set"):
        t.DIGITS.index("12")


def test_unknown_characters_can_be_skipped_or_replaced():
    charset = Charset("ab?")
    assert charset.decode(charset.encode("axb", unknown="skip")) == "ab"
    assert charset.decode(charset.encode("axb", unknown="?")) == "a?b"
    with pytest.raises(ValueError, match="unknown must be 'error', 'skip' or a character"):
        charset.encode("ab", unknown="x")
    with pytest.raises(ValueError, match="unknown must be"):
        CTCCodec(charset, unknown="!")
    with pytest.raises(ValueError, match="unknown must be"):
        AttentionCodec(charset, unknown="ignore")
    assert CTCCodec(charset, unknown="skip").decode(CTCCodec(charset, "skip").encode("xa")) == "a"


@pytest.mark.parametrize("indices", [[0, 10], [-1]])
def test_decode_refuses_places_that_do_not_exist(indices):
    with pytest.raises(ValueError, match=r"must lie in \[0, 9\]"):
        t.DIGITS.decode(indices)


def test_decode_refuses_scores():
    with pytest.raises(
        TypeError, match=r"one-dimensional sequence of integers, got shape \(4, 10\)"
    ):
        t.DIGITS.decode(np.zeros((4, 10)))
    with pytest.raises(TypeError, match="float64"):
        t.DIGITS.decode(np.zeros(4))


def test_ready_made_sets():
    assert t.DIGITS.characters == "0123456789"
    assert len(t.LETTERS) == 52
    assert t.ALPHANUMERIC.characters == "0123456789abcdefghijklmnopqrstuvwxyz"
    assert len(t.LATIN) == 95
    assert all(c.isprintable() and c.isascii() for c in t.LATIN)


@given(st.text("0123456789"))
def test_charset_round_trip(text):
    assert t.DIGITS.decode(t.DIGITS.encode(text)) == text


# --- CTC


def test_ctc_collapse_merges_before_it_drops():
    np.testing.assert_array_equal(t.ctc_collapse([1, 1, 0, 1, 2, 2, 0]), [1, 1, 2])
    np.testing.assert_array_equal(t.ctc_collapse([1, 1, 1]), [1])
    np.testing.assert_array_equal(t.ctc_collapse([0, 0]), [])
    np.testing.assert_array_equal(t.ctc_collapse([]), [])
    np.testing.assert_array_equal(t.ctc_collapse([2, 0, 2, 1], blank=2), [0, 1])


def test_ctc_collapse_refuses_scores():
    with pytest.raises(TypeError, match="argmax"):
        t.ctc_collapse(np.zeros((5, 3)))


def test_ctc_decodes_a_path_written_with_dashes_for_blanks():
    codec = CTCCodec(t.ALPHANUMERIC)
    path = [0 if c == "-" else 1 + t.ALPHANUMERIC.index(c) for c in "a-----v--a-i-l-a-bb-l-e---"]
    assert codec.decode(path) == "available"
    assert len(codec) == 37


def test_ctc_decode_refuses_classes_that_do_not_exist():
    codec = CTCCodec(Charset("ab"))
    assert codec.decode([2, 2, 0]) == "b"
    with pytest.raises(ValueError, match=r"\[0, 2\], got 0..3"):
        codec.decode([3, 0])


@given(few_letters, st.data())
def test_ctc_every_path_of_a_text_decodes_to_it(text, data):
    codec = CTCCodec(Charset("abc"))
    path, before = [], None
    for k in codec.encode(text):
        blanks = data.draw(st.integers(1 if k == before else 0, 3))
        path += [0] * blanks + [int(k)] * data.draw(st.integers(1, 3))
        before = k
    path += [0] * data.draw(st.integers(0, 3))
    assert codec.decode(path) == text
    assert len(path) >= codec.steps_needed(text)


@given(st.lists(st.integers(0, 2), max_size=7))
def test_ctc_steps_needed_is_never_more_than_a_path_has(path):
    codec = CTCCodec(Charset("ab"))
    assert codec.steps_needed(codec.decode(path)) <= len(path)


def test_ctc_steps_needed_is_reached():
    codec = CTCCodec(Charset("abel"))
    assert codec.steps_needed("") == 0
    assert codec.steps_needed("bell") == 5
    assert codec.steps_needed("aaa") == 5


def test_ctc_batch():
    targets, lengths = CTCCodec(Charset("abc")).encode_batch(["ab", "", "cab"])
    np.testing.assert_array_equal(targets, [[1, 2, 0], [0, 0, 0], [3, 1, 2]])
    np.testing.assert_array_equal(lengths, [2, 0, 3])
    targets, lengths = CTCCodec(Charset("abc")).encode_batch([])
    assert targets.shape == (0, 0)
    assert lengths.shape == (0,)


# --- Attention


def test_attention_marks_and_padding():
    codec = AttentionCodec(Charset("abc"))
    assert len(codec) == 6
    assert len({codec.pad, codec.start, codec.end}) == 3
    np.testing.assert_array_equal(codec.encode(""), [codec.start, codec.end])
    rows = codec.encode_batch(["cab", "a"])
    np.testing.assert_array_equal(rows, [[1, 5, 3, 4, 2], [1, 3, 2, 0, 0]])
    assert rows.dtype == np.int64
    assert codec.encode_batch(["a"], length=6).shape == (1, 6)
    assert codec.encode_batch([]).shape == (0, 0)


def test_attention_stops_at_the_first_end():
    codec = AttentionCodec(Charset("abc"))
    assert codec.decode([1, 3, 4, 2, 5, 5]) == "ab"
    assert codec.decode([3, 4]) == "ab"
    assert codec.decode([2]) == ""
    assert codec.decode([]) == ""


def test_attention_refuses():
    codec = AttentionCodec(Charset("abc"))
    with pytest.raises(ValueError, match="at least 5 for the start, 'cab' and the end, got 4"):
        codec.encode_batch(["a", "cab"], length=4)
    with pytest.raises(ValueError, match="length must lie in"):
        codec.encode_batch([""], length=1)
    with pytest.raises(ValueError, match=r"\[0, 5\]"):
        codec.decode([6])


@given(st.lists(few_letters, min_size=1, max_size=4))
def test_attention_round_trip(texts):
    codec = AttentionCodec(Charset("abc"))
    rows = codec.encode_batch(texts)
    assert [codec.decode(row) for row in rows] == texts
    assert [codec.decode(row[1:]) for row in rows] == texts


# --- Normalisation


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("  two\t lines\r\nof  text \n", "two lines of text"),
        ("cafe\u0301", "caf\u00e9"),
        ("no\u00a0break\u3000wide", "no break wide"),
        ("Keep Case, ﬁ and ”!", "Keep Case, ﬁ and ”!"),
        (" \n", ""),
    ],
)
def test_normalize(text, wanted):
    assert t.normalize(text) == wanted


@pytest.mark.parametrize(
    ("text", "ascii_rule", "unicode_rule"),
    [
        ("It's 5 o'CLOCK!", "its5oclock", "its5oclock"),
        ("ＡＢ１２", "ab12", "ab12"),
        ("ﬁne", "fine", "fine"),
        ("Größe", "gre", "größe"),
        ("皖A·00E66", "a00e66", "皖a00e66"),
        ("--", "", ""),
    ],
)
def test_normalize_alphanumeric(text, ascii_rule, unicode_rule):
    assert t.normalize_alphanumeric(text) == ascii_rule
    assert t.normalize_alphanumeric(text, "unicode") == unicode_rule


def test_normalize_alphanumeric_refuses_other_alphabets():
    with pytest.raises(ValueError, match="alphabet must be one of 'ascii', 'unicode', got 'greek'"):
        t.normalize_alphanumeric("a", "greek")


@given(st.text())
@example("\u1e9b\u0323 \u0130")
def test_normalize_settles_what_it_promises(text):
    once = t.normalize(text)
    assert t.normalize(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "  " not in once
    assert once == once.strip()
    assert set(t.normalize_alphanumeric(text)) <= set(t.ALPHANUMERIC.characters)


# --- Edit distance


@pytest.mark.parametrize("rung", sorted(t.RUNGS))
@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("aaa", "aa", 1),
        ("ab", "ba", 2),
        ("a", "a", 0),
        (["to", "be"], ["to", "bee", "or"], 2),
        ((1, 2, 3), [1, 3], 1),
    ],
)
def test_edit_distance_by_hand(a, b, distance, rung):
    assert t.edit_distance(a, b, rung=rung) == distance


@given(few_letters, few_letters)
def test_edit_distance_is_its_definition(a, b):
    wanted = distance_by_definition(a, b)
    assert t.edit_distance(a, b, rung="reference") == wanted
    assert t.edit_distance(a, b, rung="fast") == wanted


@pytest.mark.parametrize("lengths", [(63, 64), (64, 65), (130, 40), (1, 200), (300, 300)])
def test_edit_distance_rungs_agree_across_word_boundaries(lengths):
    rng = random.Random(sum(lengths))
    a, b = ("".join(rng.choices("abcd", k=k)) for k in lengths)
    assert t.edit_distance(a, b) == t.edit_distance(a, b, rung="reference")


@given(few_letters, few_letters, few_letters)
def test_edit_distance_is_a_metric(a, b, c):
    assert t.edit_distance(a, b) == t.edit_distance(b, a)
    assert (t.edit_distance(a, b) == 0) == (a == b)
    assert t.edit_distance(a, c) <= t.edit_distance(a, b) + t.edit_distance(b, c)


@given(few_letters, few_letters)
def test_edit_distance_bounds(a, b):
    assert abs(len(a) - len(b)) <= t.edit_distance(a, b) <= max(len(a), len(b))


def test_edit_distance_of_pages():
    rng = random.Random(0)
    page = "".join(rng.choices(t.LATIN.characters, k=5000))
    holes = set(rng.sample(range(5000), 137))
    assert t.edit_distance(page, "".join(c for i, c in enumerate(page) if i not in holes)) == 137


def test_edit_distance_refuses_other_rungs():
    with pytest.raises(ValueError, match="no rung 'cuda' for this operation"):
        t.edit_distance("a", "b", rung="cuda")


# --- Alignment


def test_align_by_hand():
    assert t.align("kitten", "sitting") == [
        ("substitute", 0, 0, "k", "s"),
        ("match", 1, 1, "i", "i"),
        ("match", 2, 2, "t", "t"),
        ("match", 3, 3, "t", "t"),
        ("substitute", 4, 4, "e", "i"),
        ("match", 5, 5, "n", "n"),
        ("insert", 6, 6, "", "g"),
    ]
    assert t.align("", "") == []
    assert t.align("ab", "") == [("delete", 0, 0, "a", ""), ("delete", 1, 0, "b", "")]
    assert t.align("", "a") == [("insert", 0, 0, "", "a")]


@pytest.mark.parametrize(
    ("truth", "read", "operations"),
    [
        ("ab", "ba", ["substitute", "substitute"]),  # and not insert, match, delete
        ("abc", "x", ["substitute", "delete", "delete"]),
        ("x", "abc", ["substitute", "insert", "insert"]),
        ("aab", "ab", ["match", "delete", "match"]),
        ("ab", "aab", ["match", "insert", "match"]),
        ("acab", "abab", ["match", "substitute", "match", "match"]),
    ],
)
def test_align_prefers_in_the_order_stated(truth, read, operations):
    assert [edit.operation for edit in t.align(truth, read)] == operations


@given(few_letters, few_letters)
def test_align_is_a_shortest_way_through_both(a, b):
    edits = t.align(a, b)
    assert "".join(e.truth for e in edits) == a
    assert "".join(e.read for e in edits) == b
    assert sum(e.operation != "match" for e in edits) == distance_by_definition(a, b)
    i = j = 0
    for edit in edits:
        assert (edit.truth_position, edit.read_position) == (i, j)
        assert (edit.operation == "match") == (edit.truth == edit.read)
        assert (edit.operation == "insert") == (edit.truth == "")
        assert (edit.operation == "delete") == (edit.read == "")
        i += edit.operation != "insert"
        j += edit.operation != "delete"


def test_align_works_on_words():
    edits = t.align(["to", "be", "or", "not"], ["to", "bee", "not"])
    assert [(e.truth, e.read) for e in edits if e.operation != "match"] == [
        ("be", "bee"),
        ("or", ""),
    ]


# --- Scores


def test_cer_and_wer_of_one_pair():
    assert t.cer("the quick fox", "the qvick fx") == pytest.approx(2 / 13)
    assert t.wer("the quick fox", "the qvick fx") == pytest.approx(2 / 3)
    assert t.cer("abc", "abc") == 0
    assert t.cer("a", "abcd") == 3


def test_scores_of_lists_are_micro_averages():
    # 1 error in 2 characters and none in 8 make 1 in 10, not the mean of 1/2 and 0.
    assert t.cer(["ab", "abcdefgh"], ["ax", "abcdefgh"]) == pytest.approx(0.1)
    assert t.wer(["a b", "c d e"], ["a x", "c d"]) == pytest.approx(2 / 5)
    assert t.cer(["ab"], ["ax"]) == t.cer("ab", "ax")


def test_scores_are_normalised_unless_asked_not_to():
    assert t.cer("a  b\n", "a b") == 0
    assert t.cer("a  b\n", "a b", normalization=None) == pytest.approx(2 / 5)
    assert t.cer("Exit!", "EXIT", normalization=t.normalize_alphanumeric) == 0
    assert t.wer("a\u0301", "\u00e1") == 0


def test_empty_truth():
    assert t.cer("", "") == 0
    assert t.cer("", "x") == float("inf")
    assert t.wer(" ", "x y") == float("inf")
    assert t.cer([], []) == 0


@given(lines, lines)
def test_cer_is_edit_distance_over_length(a, b):
    x, y = t.normalize(a), t.normalize(b)
    if x:
        assert t.cer(a, b) == pytest.approx(distance_by_definition(x, y) / len(x))


def test_entry_accuracy():
    assert t.entry_accuracy("a b", "a  b") == 1
    assert t.entry_accuracy(["12", "34", "56", "78"], ["12", "34", "58", ""]) == 0.5
    words = (["EXIT", "Way-Out"], ["exit", "wayout"])
    assert t.entry_accuracy(*words) == 0
    assert t.entry_accuracy(*words, normalization=t.normalize_alphanumeric) == 1
    with pytest.raises(ValueError, match="must not be empty"):
        t.entry_accuracy([], [])


def test_confusions_count_pairs_and_gaps():
    counts = t.confusions(["modern form", "form"], ["rnodem fonn", "fonn"])
    assert counts == {
        ("m", "r"): 1,
        ("", "n"): 1,
        ("r", "m"): 1,
        ("n", ""): 1,
        ("r", "n"): 2,
        ("m", "n"): 2,
    }
    assert t.confusions("il1 a", "ili") == {("1", "i"): 1, (" ", ""): 1, ("a", ""): 1}
    assert t.confusions("same", "same") == {}


@given(st.lists(st.tuples(lines, lines), max_size=4))
def test_confusions_add_up_to_the_edit_distance(pairs):
    truths, reads = [a for a, _ in pairs], [b for _, b in pairs]
    total = sum(t.edit_distance(t.normalize(a), t.normalize(b)) for a, b in pairs)
    counts = t.confusions(truths, reads)
    assert sum(counts.values()) == total
    assert all(truth != read for truth, read in counts)


@pytest.mark.parametrize("score", [t.cer, t.wer, t.entry_accuracy, t.confusions])
def test_scores_refuse_what_does_not_pair_up(score):
    with pytest.raises(TypeError, match="both be strings or both be lists of strings, got str"):
        score("ab", ["ab"])
    with pytest.raises(ValueError, match="same length, got 1 and 2 strings"):
        score(["ab"], ["ab", "c"])
    with pytest.raises(TypeError, match="must hold strings, got None"):
        score(["ab"], [None])


def test_examples_in_docstrings():
    results = doctest.testmod(t)
    assert results.attempted > 10
    assert results.failed == 0

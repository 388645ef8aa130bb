"""What English looks like, as automata for the reader's dynamic programming.

Two automata are walked together along every hypothesis (:class:`ocrlearn.ops.lattice.Automata`):

*Spelling* is a character n-gram model over letters without case. Its state is the beginning of the
current word, or its last few letters; it says which letter comes next or that the word ends. It is
estimated from a list of words with their frequencies. Contexts are interpolated by the rule of
Witten and Bell: the more different letters have been seen after a context, the more weight goes to
the next shorter one,

    P(c | h) = (n(h c) + T(h) P(c | h')) / (n(h) + T(h)),

where n counts, T(h) is the number of distinct characters seen after h, and h' is h without its
first character. Words on the list thus become likely, and any other string remains possible.

*Orthography* is what comes with writing words down: that a sentence begins with a capital and goes
on in small letters, which marks end a word, that digits come in runs.

The word list is that of the package *wordfreq* (Robyn Speer, 2022; data CC BY-SA 4.0), read from
the installed package when the model is built; nothing derived from it is shipped. Building takes
about a second and is done once per process.

I. H. Witten and T. C. Bell, "The zero-frequency problem: Estimating the probabilities of novel
events in adaptive text compression", IEEE Transactions on Information Theory, 1991.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_number
from ocrlearn.ops.lattice import Automata

__all__ = ["Automaton", "combine", "english", "orthography", "spelling"]

LETTERS = string.ascii_lowercase + "'"
END = len(LETTERS)
"""Column of the spelling automaton for the end of a word."""

HYPHEN = END + 1
"""Column for a hyphen, which may break off a word at the end of a line."""


@dataclass(frozen=True, eq=False)
class Automaton:
    """One automaton, before it is put together with others.

    Attributes
    ----------
    score, next_row
        float32 and int32 ``(R, W)``: what reading a column costs in a state and where it leads.
    column
        int ``(S,)``: the column of each of the reader's symbols.
    first_row
        The state before anything is read.
    """

    score: NDArray[np.float32]
    next_row: NDArray[np.int32]
    column: NDArray[np.intp]
    first_row: int


def combine(automata: Sequence[Automaton], weights: Sequence[float]) -> Automata:
    """Put several automata into one table, each with its scores multiplied by its weight."""
    if len(automata) != len(weights) or not automata:
        raise ValueError(f"got {len(automata)} automata and {len(weights)} weights")
    width = max(a.score.shape[1] for a in automata)
    scores, successors, first_rows, offset = [], [], [], 0
    for automaton, weight in zip(automata, weights, strict=True):
        spare = ((0, 0), (0, width - automaton.score.shape[1]))
        scores.append(np.pad(automaton.score * np.float32(weight), spare))
        successors.append(np.pad(automaton.next_row + np.int32(offset), spare))
        first_rows.append(automaton.first_row + offset)
        offset += len(automaton.score)
    return Automata(
        np.concatenate(scores),
        np.concatenate(successors),
        np.stack([a.column for a in automata]),
        np.array(first_rows, dtype=np.intp),
    )


# --- spelling -----------------------------------------------------------------------------------


def _encode(words: Mapping[str, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """All words end to end, each between two END codes, and for each code its word's weight."""
    code_of = np.zeros(128, dtype=np.int64)
    for code, letter in enumerate(LETTERS):
        code_of[ord(letter)] = code
    code_of[ord("\n")] = END
    kept = {w: v for w, v in words.items() if v > 0 and w and not w.strip(LETTERS)}
    if not kept:
        raise ValueError("words must hold at least one word of the letters a to z")
    text = "\n" + "\n".join(kept) + "\n"
    codes = code_of[np.frombuffer(text.encode("ascii"), dtype=np.uint8)]
    lengths = np.array([len(w) + 1 for w in kept])
    weights = np.concatenate([[0.0], np.repeat(np.array(list(kept.values())), lengths)])
    return codes, weights


def _count_contexts(
    codes: NDArray[np.int64], weights: NDArray[np.float64], order: int
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """For each context length 0 ... order - 1: the contexts seen and counts of what followed.

    A context is numbered by its codes as digits in base 32. It never reaches across a word's
    beginning: END can only be its first code.
    """
    symbols = END + 1
    position = np.arange(len(codes))
    begin = np.maximum.accumulate(np.where(codes == END, position, 0))
    # A code is predicted from the END before its word onwards; END itself belongs to its own word.
    begin[1:] = np.where(codes[1:] == END, begin[:-1], begin[1:])
    found = []
    context = np.zeros(len(codes), dtype=np.int64)
    for length in range(order):
        if length:
            context = context + (np.roll(codes, length) << (5 * (length - 1)))
        usable = np.flatnonzero((position - length >= begin) & (position > 0) & (weights > 0))
        contexts, inverse = np.unique(context[usable], return_inverse=True)
        counts = np.bincount(
            inverse * symbols + codes[usable],
            weights=weights[usable],
            minlength=len(contexts) * symbols,
        )
        table = counts.astype(np.float64).reshape(len(contexts), symbols)
        found.append((contexts, table))
    return found


def spelling(words: Mapping[str, float], symbols: Sequence[str], order: int = 6) -> Automaton:
    """Build the spelling automaton from words and their weights.

    Parameters
    ----------
    words
        Weight (a count, or a damped frequency) of each word; words that hold anything but small
        letters and apostrophes are left out.
    symbols
        The characters the reader may emit. Capitals count as their small letters; everything that
        is neither letter nor apostrophe ends a word.
    order
        Length n of the n-grams: the state remembers n - 1 characters.

    Returns
    -------
    Automaton
        Scores are natural logarithms. After the end of a word the letters are scored *given* that a
        letter follows; what follows is up to :func:`orthography`.
    """
    order = int(check_number(order, "order", low=1, high=12, integer=True))
    levels = _count_contexts(*_encode(words), order)
    first_of_level = np.concatenate([[0], np.cumsum([len(c) for c, _ in levels])])
    rows = int(first_of_level[-1])
    probability = np.zeros((rows, END + 1))
    next_row = np.zeros((rows, HYPHEN + 1), dtype=np.int32)
    backoff = np.zeros(rows, dtype=np.intp)
    for length, (contexts, counts) in enumerate(levels):
        part = slice(first_of_level[length], first_of_level[length + 1])
        if length == 0:
            lower = np.full((1, END + 1), 1 / (END + 1))
        else:
            shorter = contexts & ((1 << (5 * (length - 1))) - 1)
            backoff[part] = first_of_level[length - 1] + np.searchsorted(
                levels[length - 1][0], shorter
            )
            lower = probability[backoff[part]]
        distinct = (counts > 0).sum(axis=1, keepdims=True)
        total = counts.sum(axis=1, keepdims=True)
        probability[part] = (counts + distinct * lower) / (total + distinct)
    word_start = int(first_of_level[1] + np.searchsorted(levels[1][0], END)) if order > 1 else 0
    for length, (contexts, _) in enumerate(levels):
        part = slice(first_of_level[length], first_of_level[length + 1])
        for code in range(END):
            # The longest known context that ends the text so far: this one and the code if that is
            # known, else whatever the next shorter context leads to.
            successor = next_row[backoff[part], code] if length else np.zeros(1, dtype=np.int32)
            if length + 1 < order:
                longer = (contexts << 5) | code
                known = levels[length + 1][0]
                place = np.minimum(np.searchsorted(known, longer), len(known) - 1)
                successor = np.where(
                    known[place] == longer, first_of_level[length + 1] + place, successor
                )
            next_row[part, code] = successor
        next_row[part, END:] = word_start
    score = np.empty((rows, HYPHEN + 1), dtype=np.float32)
    score[:, : END + 1] = np.log(probability)
    # A hyphen ends a word, or breaks it off anywhere.
    score[:, HYPHEN] = np.log(np.maximum(0.02 * probability[:, END], 0.002))
    score[word_start, END:] = 0.0
    column = np.full(len(symbols), END, dtype=np.intp)
    for index, symbol in enumerate(symbols):
        if symbol == "-":
            column[index] = HYPHEN
        elif symbol == "’":
            column[index] = LETTERS.index("'")
        elif len(symbol) == 1 and symbol.lower() in LETTERS:
            column[index] = LETTERS.index(symbol.lower())
    return Automaton(score, next_row, column, word_start)


# --- orthography --------------------------------------------------------------------------------

_MARKS_AFTER_WORD = {
    " ": 0.80, ",": 0.065, ".": 0.06, "-": 1.0, ")": 0.015, ":": 0.008, ";": 0.006, '"': 0.006,
    "”": 0.006, "?": 0.004, "!": 0.002, "/": 0.003, "]": 0.001, "(": 0.001, "—": 0.002, "_": 0.001,
    "=": 0.0005, "@": 0.0003, "‘": 0.0001, "“": 0.0001, "`": 0.0001,
}  # fmt: skip
"""Which mark ends a word, given that it ends; a hyphen has its probability from the spelling."""

_MARKS_AFTER_MARK = {
    " ": 0.25, ",": 0.03, ".": 0.04, "-": 0.01, ")": 0.02, ":": 0.005, ";": 0.004, '"': 0.02,
    "”": 0.01, "“": 0.015, "‘": 0.006, "’": 0.004, "'": 0.004, "?": 0.002, "!": 0.002, "/": 0.003,
    "]": 0.004, "(": 0.02, "[": 0.004, "%": 0.005, "$": 0.004, "—": 0.002, "`": 0.001, "=": 0.002,
    "_": 0.001, ">": 0.002, "<": 0.002, "*": 0.002, "&": 0.003, "•": 0.002, "#": 0.001,
    "£": 0.001, "§": 0.001, "°": 0.001, "+": 0.001, "©": 0.001,
}  # fmt: skip
"""Which mark follows a space, a mark or a digit, roughly; `orthography` adapts it to each."""

_RARE = 1e-4
"""Probability of a mark that is not in the tables."""

_STATES = ("start", "space", "sentence", "lower", "capital", "capitals", "digit", "open", "close",
           "stop", "mark")  # fmt: skip


def orthography(symbols: Sequence[str]) -> Automaton:
    """Build the automaton of capitals, digits and punctuation.

    Its state is the kind of character that came last. The probabilities are round figures for
    English prose; the reader needs no more than that ``. the`` is odd and ``. The`` is not.
    """
    marks = sorted({symbol for symbol in symbols if not symbol.isalnum()})
    columns = ["a", "A", "0", *marks]  # one for all small letters, capitals, digits; each mark
    column = [
        columns.index("0" if s.isdigit() else s if s in marks else "A" if s.isupper() else "a")
        for s in symbols
    ]
    # P(small letter), P(capital), P(digit) after each state; marks have the rest. After a letter
    # these are given that the word goes on or ends, which the spelling decides.
    shares = {
        "start": (0.60, 0.28, 0.05),
        "space": (0.82, 0.10, 0.04),
        "sentence": (0.05, 0.82, 0.04),
        "lower": (0.99, 0.01, 0.0002),
        "capital": (0.88, 0.12, 0.01),
        "capitals": (0.08, 0.92, 0.02),
        "digit": (0.01, 0.01, 0.55),
        "open": (0.50, 0.28, 0.14),
        "close": (0.02, 0.01, 0.02),
        "stop": (0.02, 0.03, 0.06),
        "mark": (0.40, 0.15, 0.25),
    }
    score = np.full((len(_STATES), len(columns)), np.log(_RARE), dtype=np.float32)
    next_row = np.zeros((len(_STATES), len(columns)), dtype=np.int32)
    for row, state in enumerate(_STATES):
        in_word = state in ("lower", "capital", "capitals")
        small, capital, digit = shares[state]
        score[row, :3] = np.log([small, capital, digit / 10])
        table = dict(_MARKS_AFTER_WORD if in_word else _MARKS_AFTER_MARK)
        if state in ("close", "stop"):
            table[" "] = 0.80
        elif state == "digit":
            table.update({" ": 0.22, ",": 0.06, ".": 0.08, "-": 0.03, ")": 0.04, "(": 0.005})
        elif state in ("start", "space", "sentence"):
            table[" "] = 1e-4
            table.update({",": 0.002, ".": 0.002, ")": 0.001, ":": 0.001, ";": 0.001, "]": 0.001})
        if in_word:
            table.update({"'": 1.0, "’": 1.0})  # left to the spelling
        score[row, 3:] = np.log([max(_RARE, table.get(mark, 0)) for mark in marks])
        next_row[row] = [_STATES.index(_state_after(state, symbol)) for symbol in columns]
    return Automaton(score, next_row, np.array(column, dtype=np.intp), 0)


def _state_after(state: str, symbol: str) -> str:
    """Orthographic state after `symbol` has been read in `state`."""
    if symbol == " ":
        return "sentence" if state == "stop" else "space"
    if symbol.isdigit():
        return "digit"
    if symbol.isalpha():
        if symbol.islower():
            return "lower"
        return "capitals" if state in ("capital", "capitals") else "capital"
    if symbol in "'’":
        return {"lower": "lower", "capital": "lower", "capitals": "capitals"}.get(state, "open")
    if symbol in "([{“‘`":
        return "open"
    if symbol == '"':
        return "open" if state in ("start", "space", "sentence") else "close"
    if symbol in ".!?":
        return "stop"
    return "close" if symbol in ",;:)]}”" else "mark"


@lru_cache(maxsize=4)
def _english_spelling(symbols: tuple[str, ...], order: int, size: int, damping: float) -> Automaton:
    from wordfreq import get_frequency_dict

    frequency = get_frequency_dict("en", wordlist="large")
    words: dict[str, float] = {}
    for word, value in frequency.items():  # most frequent first
        if word.isascii() and not word.strip(LETTERS):
            words[word] = max(1.0, (value * 1e8) ** damping)
            if len(words) == size:
                break
    return spelling(words, symbols, order)


def english(
    symbols: Sequence[str],
    *,
    weight: float = 1.0,
    order: int = 7,
    size: int = 60_000,
    damping: float = 0.75,
) -> Automata:
    """English as automata over `symbols`.

    Parameters
    ----------
    symbols
        What the reader may emit, the space among them.
    weight
        By which log probabilities are multiplied: how much the language counts against the eyes.
    order, size
        Length of the n-grams, and how many of the most frequent words they are counted on.
    damping
        Exponent on word frequencies. 1 takes them as they are; less gives the rare words, of which
        technical text is full, more room.
    """
    spelled: Any = _english_spelling(tuple(symbols), order, size, damping)
    return combine([spelled, orthography(symbols)], [weight, weight])

"""English text to print, without a download: prose, made-up sentences, headings, lists, code.

Whoever learns to read learns the statistics of the language as well, so random strings will not do.
Three sources are mixed here:

- *prose*: short passages written for this project, natural in every respect but few;
- *grammar*: sentences built by a small phrase-structure grammar, endless and well formed, if odd;
- *frequent words*: words drawn by how often English uses them (``wordfreq``, 30,000 words), endless
  and true to the letters of English within words, but without syntax.

Two splits never meet. Prose is divided by passage; sentences are drawn from different seeds; and
one in ten of the rarer words is kept for the benchmark, so that a network which has only memorised
words is found out. A generator of random numbers is passed to every function; the same state gives
the same text.
"""

import json
import string
import zlib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice, check_number

__all__ = [
    "SPLITS",
    "code_line",
    "heading",
    "line_of_text",
    "number",
    "paragraph",
    "seeded_generator",
    "sentence",
    "vocabulary",
]

SPLITS = ("training", "benchmark")

_SHARED_WORDS = 500  # the most frequent words, without which nothing can be written

# Prose written for this project, and the words that the grammar below puts together.
_ENGLISH = json.loads(
    resources.files("ocrlearn.data.synth").joinpath("english.json").read_text(encoding="utf-8")
)
_PASSAGES: dict[str, list[str]] = _ENGLISH["passages"]
_WORDS: dict[str, list[str]] = _ENGLISH["words"]
_UNFIT: dict[str, list[str]] = _ENGLISH["unfit_for_class"]
_IRREGULAR_PLURALS = {
    "child": "children",
    "knife": "knives",
    "leaf": "leaves",
    "shelf": "shelves",
}


def seeded_generator(seed: int, index: int, split: str, purpose: str) -> np.random.Generator:
    """Return the random generator of sample `index`, the same whatever was drawn before.

    Parameters
    ----------
    seed, index
        Not negative. Every sample of a seeded set has its own generator, so that samples can be
        made in any order, or by any number of workers.
    split
        "training" or "benchmark": equal seeds of different splits have nothing in common.
    purpose
        What the numbers are for, such as "content" or "look". Drawing more numbers for one purpose
        leaves the others as they are.
    """
    check_number(seed, "seed", low=0, integer=True)
    check_number(index, "index", low=0, integer=True)
    check_choice(split, "split", SPLITS)
    key = (SPLITS.index(split), zlib.crc32(purpose.encode()))
    return np.random.default_rng(np.random.SeedSequence([seed, index], spawn_key=key))


def _fit(word: str) -> bool:
    """Whether a word may appear in front of a class."""
    if word.removesuffix("'s") in _UNFIT["whole_words"]:
        return False
    return not any(part in word for part in _UNFIT["anywhere_in_the_word"])


@lru_cache(maxsize=2)
def vocabulary(split: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the words that a split may use, and the running sum of their probabilities.

    The 30,000 most frequent English words of ``wordfreq``, as far as they are made of letters and
    apostrophes and can be shown to a class. Of those beyond the first 500, "training" lacks the
    tenth whose checksums are divisible by ten.
    """
    from wordfreq import top_n_list, word_frequency

    check_choice(split, "split", SPLITS)
    allowed = set(string.ascii_lowercase + "'")
    words = [word for word in top_n_list("en", 30_000) if allowed.issuperset(word) and _fit(word)]
    if split == "training":
        words = [
            word
            for rank, word in enumerate(words)
            if rank < _SHARED_WORDS or zlib.crc32(word.encode()) % 10
        ]
    weights = np.array([word_frequency(word, "en") for word in words])
    cumulative = np.cumsum(weights)
    return tuple(words), cumulative / cumulative[-1]


def sentence(rng: np.random.Generator, split: str = "training") -> str:
    """Return one sentence with its final mark, by grammar or by frequent words, half and half."""
    check_choice(split, "split", SPLITS)
    if rng.random() < 0.5:
        return _grammatical_sentence(rng, split)
    return _frequent_words_sentence(rng, split)


def paragraph(rng: np.random.Generator, split: str = "training", *, words: int = 70) -> str:
    """Return a paragraph: a prose passage (one time in three), or sentences of about `words` words.

    `words` does not apply to a passage, which is given whole (about 75 words).
    """
    check_choice(split, "split", SPLITS)
    check_number(words, "words", low=1, integer=True)
    if rng.random() < 1 / 3:
        return _pick(rng, _PASSAGES[split])
    sentences: list[str] = []
    while sum(len(s.split()) for s in sentences) < words:
        sentences.append(sentence(rng, split))
    return " ".join(sentences)


def heading(rng: np.random.Generator, split: str = "training") -> str:
    """Return a heading of two to seven words: numbered or not, in capitals or in title case."""
    adjective, noun, other = (
        _pick(rng, _WORDS["adjectives"]),
        _pick(rng, _WORDS["nouns"]),
        _pick(rng, _WORDS["nouns"]),
    )
    topic = _frequent_word(rng, split)
    while len(topic) < 5:  # not "notes on of"
        topic = _frequent_word(rng, split)
    phrase = _pick(
        rng,
        (
            f"the {adjective} {noun}",
            f"{noun} and {other}",
            f"on the {noun} of {_pick(rng, _WORDS['places'])}",
            f"{adjective} {_plural(noun)}",
            f"{_with_article(noun)} for the {adjective} {other}",
            f"notes on {topic} and {noun}",
            f"{_pick(rng, _WORDS['names'])} and the {noun}",
        ),
    )
    style = rng.integers(3)
    if style == 0:
        text = phrase.upper()
    elif style == 1:
        small = {"the", "and", "of", "on", "for", "a"}
        text = " ".join(w if w in small else _capitalised(w) for w in phrase.split())
        text = _capitalised(text)
    else:
        text = _capitalised(phrase)
    prefix = rng.integers(5)
    if prefix == 0:
        return f"{rng.integers(1, 20)}. {text}"
    if prefix == 1:
        return f"{rng.integers(1, 9)}.{rng.integers(1, 12)} {text}"
    return text


def number(rng: np.random.Generator) -> str:
    """Return a number as print has them: a count, year, price, share, time, date, code."""
    kind = rng.integers(9)
    if kind == 0:
        return str(rng.integers(2, 100))
    if kind == 1:
        return str(rng.integers(1650, 2030))
    if kind == 2:
        return f"{rng.integers(1_000, 1_000_000):,}"
    if kind == 3:
        return f"${rng.integers(1, 900)}.{rng.integers(0, 100):02d}"
    if kind == 4:
        return f"{rng.integers(1, 100)}%"
    if kind == 5:
        return f"{rng.integers(0, 24)}:{rng.integers(0, 60):02d}"
    if kind == 6:
        return f"{rng.integers(0, 100)}.{rng.integers(0, 1000)}"
    if kind == 7:
        return f"{rng.integers(1, 29)}/{rng.integers(1, 13)}/{rng.integers(0, 100):02d}"
    letters = "".join(_pick(rng, tuple("ABCDEFGHJKLMNPQRSTUVWXYZ")) for _ in range(2))
    return f"{letters}-{rng.integers(100, 10_000)}"


def code_line(rng: np.random.Generator) -> str:
    """Return a line of Python-like code, for the characters that prose does not use."""
    name, other = _pick(rng, _WORDS["nouns"]), _pick(rng, _WORDS["nouns"])
    verb, count = _pick(rng, _WORDS["verbs"]), int(rng.integers(0, 300))
    return _pick(
        rng,
        (
            f">>> {name} = np.zeros({count})",
            f"def {verb}_{name}({other}, *, size={count}):",
            f"    return {name}[{count}] + {other}[-1] * 2",
            f"{name}_{other} = {{'{verb}': {count}, '{other}': None}}",
            f"if {name} >= {count} and {name} != {other}:",
            f"for {name} in {_plural(other)}[{count}:]:",
            f"$ {verb} --{name}={count} ~/{other}/{name}.txt | sort",
            f"x = (a ^ b) & 0x{count:04x}  # {verb} the {name}",
            f"print(f'{{{name}}} <{other}@{name}.org>')",
            f"`{name}` \\ `{other}`",
        ),
    )


def line_of_text(rng: np.random.Generator, split: str = "training", *, characters: int = 60) -> str:
    """Return whole words of running text, at most `characters` characters: one printed line.

    Most are cut out of paragraphs and begin in mid-sentence, as lines do; some are headings, list
    items or short.
    """
    check_number(characters, "characters", low=12, integer=True)
    kind = rng.random()
    if kind < 0.06:
        text = heading(rng, split)
    elif kind < 0.12:
        text = f"{_pick(rng, ('-', '*', '(a)', '1.', '(2)'))} {sentence(rng, split)}"
    else:
        words = paragraph(rng, split, words=30).split()
        text = " ".join(words[rng.integers(max(1, len(words) - 12)) :])
    if len(text) <= characters:
        return text
    cut = text[: characters + 1].rfind(" ")
    return text[: cut if cut > 0 else characters]


# ---------------------------------------------------------------------------------------------
# Sentences


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _plural(noun: str) -> str:
    if noun in _IRREGULAR_PLURALS:
        return _IRREGULAR_PLURALS[noun]
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def _with_article(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _capitalised(text: str) -> str:
    """Make the first letter a capital, also behind a quotation mark or bracket."""
    start = len(text) - len(text.lstrip("\"'("))
    return text[:start] + text[start : start + 1].upper() + text[start + 1 :]


def _frequent_word(rng: np.random.Generator, split: str) -> str:
    words, cumulative = vocabulary(split)
    return words[int(np.searchsorted(cumulative, rng.random(), side="right"))]


def _frequent_words_sentence(rng: np.random.Generator, split: str) -> str:
    """Words by frequency, with the commas, brackets, quotes, names and numbers of prose."""
    words: list[str] = []
    for _ in range(rng.integers(5, 19)):
        kind = rng.random()
        word = _frequent_word(rng, split)
        if kind < 0.03:
            word = number(rng)
        elif kind < 0.06:
            word = _pick(rng, _WORDS["names"])
        elif kind < 0.07:
            word = word.upper()
        elif kind < 0.08:
            word = f"({word})"
        elif kind < 0.09:
            word = f'"{word}"'
        elif kind < 0.10:
            word = f"{word}-{_frequent_word(rng, split)}"
        words.append("I" + word[1:] if word == "i" or word.startswith("i'") else word)
    for place in range(len(words) - 1):
        if rng.random() < 0.09:
            words[place] += _pick(rng, (",", ",", ",", ",", ";", ":"))
    return _capitalised(" ".join(words)) + _pick(rng, (".", ".", ".", ".", ".", "?", "!"))


def _grammatical_sentence(rng: np.random.Generator, split: str) -> str:
    """Build a sentence from a small phrase-structure grammar."""
    clause = _clause(rng, split)
    form = rng.random()
    if form < 0.25:
        clause = f"{clause}, {_pick(rng, _WORDS['connectives'])} {_clause(rng, split)}"
    elif form < 0.35:
        clause = f"in {_pick(rng, _WORDS['months'])} {rng.integers(1700, 2030)}, {clause}"
    elif form < 0.42:
        return f'"{_capitalised(clause)}," said {_pick(rng, _WORDS["names"])}.'
    elif form < 0.50:
        clause = f"{clause} ({_pick(rng, ('see p.', 'about', 'no.', 'Fig.'))} {number(rng)})"
    elif form < 0.58:
        clause = f"{clause}; {_clause(rng, split)}"
    return _capitalised(clause) + _pick(rng, (".", ".", ".", ".", ".", ".", "?", "!"))


def _clause(rng: np.random.Generator, split: str) -> str:
    parts = [_noun_phrase(rng, split)]
    if rng.random() < 0.2:
        parts.append(_pick(rng, _WORDS["adverbs"]))
    parts += [_pick(rng, _WORDS["verbs"]), _noun_phrase(rng, split)]
    for _ in range(rng.choice(3, p=[0.45, 0.4, 0.15])):
        parts += [_pick(rng, _WORDS["prepositions"]), _noun_phrase(rng, split)]
    return " ".join(parts)


def _noun_phrase(rng: np.random.Generator, split: str) -> str:
    form = rng.random()
    if form < 0.1:
        title = _pick(rng, ("", "", "Mr. ", "Mrs. ", "Dr. "))
        return f"{title}{_pick(rng, _WORDS['names'])}"
    if form < 0.16:
        return _pick(rng, _WORDS["places"])
    if form < 0.24:
        adjective, nouns = _pick(rng, _WORDS["adjectives"]), _plural(_pick(rng, _WORDS["nouns"]))
        return f"{number(rng)} {adjective} {nouns}"
    if form < 0.32:
        return f"{_pick(rng, _WORDS['names'])}'s {_pick(rng, _WORDS['nouns'])}"
    if form < 0.36:
        return f"the {_frequent_word(rng, split)}"
    noun = _pick(rng, _WORDS["nouns"])
    if rng.random() < 0.5:
        noun = f"{_pick(rng, _WORDS['adjectives'])} {noun}"
    article = _pick(rng, ("the", "the", "the", "a", "this", "every", "his", "her", "our"))
    return _with_article(noun) if article == "a" else f"{article} {noun}"

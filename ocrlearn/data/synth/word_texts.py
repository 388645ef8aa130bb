"""What a cropped word says: words, names, numbers, prices, codes, in the cases of signs."""

import string
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ocrlearn.data.synth.texts import _WORDS, vocabulary

__all__ = ["Chance", "word_text"]


class Chance(Iterator[float]):
    """Uniform numbers in [0, 1), drawn by the hundred and given out one by one."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._numbers = iter(rng.random(192).tolist())

    def __next__(self) -> float:
        for number in self._numbers:
            return float(number)
        self._numbers = iter(self._rng.random(192).tolist())
        return next(self)

    def happens(self, probability: float) -> bool:
        """Whether an event of the given probability takes place."""
        return next(self) < probability

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * next(self)

    def bell(self, deviation: float = 1.0) -> float:
        """Return a number of mean 0 and that standard deviation, within three of them."""
        return deviation * 2 * (next(self) + next(self) + next(self) - 1.5)

    def below(self, number: int) -> int:
        """Return a whole number from 0 to `number` - 1."""
        return int(next(self) * number)

    def pick(self, choices: Sequence[Any]) -> Any:
        """Return one of `choices`."""
        return choices[int(next(self) * len(choices))]

    def weighted(self, cumulative: Sequence[float]) -> int:
        """Return a row, drawn by running sums of weights that end at 1."""
        return min(bisect_right(cumulative, next(self)), len(cumulative) - 1)


@lru_cache(maxsize=4)
def _flattened(split: str, power: float) -> tuple[tuple[str, ...], list[float]]:
    """Words without apostrophes, and running sums of their frequencies to the given power."""
    words, cumulative = vocabulary(split)
    weights = np.diff(cumulative, prepend=0.0) ** power
    kept = [
        k for k, word in enumerate(words) if "'" not in word and (len(word) > 1 or word in "ai")
    ]
    sums = np.cumsum(weights[kept])
    return tuple(words[k] for k in kept), (sums / sums[-1]).tolist()


def vocabulary_word(chance: Chance, split: str) -> str:
    """Draw a third nearly as often as English has them, for its short words, the rest flatter."""
    words, cumulative = _flattened(split, 0.75 if chance.happens(0.35) else 0.3)
    return words[chance.weighted(cumulative)]


def word_text(chance: Chance, split: str = "training") -> str:
    """Draw what a word says.

    Of a hundred words about eighty are words and names (four in ten in capitals, three with a
    capital, the others small), a dozen are numbers, prices, times or dates, and the rest codes,
    abbreviations and letters at random, which no vocabulary can guess.
    """
    kind = next(chance)
    if kind < 0.76:
        word = vocabulary_word(chance, split)
    elif kind < 0.82:
        word = str(chance.pick(_WORDS["names"] + _WORDS["places"])).split()[-1].lower()
    elif kind < 0.91:
        return _number(chance)
    elif kind < 0.95:
        return _code(chance)
    else:
        length = 1 + chance.below(8)
        letters = string.ascii_lowercase if chance.happens(0.7) else string.ascii_letters
        word = "".join(chance.pick(letters) for _ in range(length))
        if letters is string.ascii_letters:
            return word
    return _punctuated(cased(word, chance), chance)


def cased(word: str, chance: Chance) -> str:
    kind = next(chance)
    if kind < 0.44:
        return word.upper()
    if kind < 0.74:
        return word[:1].upper() + word[1:]
    if kind < 0.76 and len(word) > 5:
        middle = 2 + chance.below(len(word) - 4)
        return word[:middle].capitalize() + word[middle:].capitalize()
    return word


def _punctuated(word: str, chance: Chance) -> str:
    kind = next(chance)
    if kind < 0.92:
        return word
    if kind < 0.96:
        return word + str(chance.pick(".,.,:!?;"))
    if kind < 0.98:
        left, right = chance.pick(("()", '""', "''", "[]", "--", "( ", " )"))
        return str(left + word + right).strip()
    return word + ("'S" if word.isupper() else "'s")


def _digits(chance: Chance, number: int) -> str:
    return "".join(chance.pick(string.digits) for _ in range(number))


def _number(chance: Chance) -> str:
    kind = next(chance)
    if kind < 0.45:
        return _digits(chance, 1 + int(5 * next(chance) ** 1.3))
    if kind < 0.55:
        return str(1900 + chance.below(130))
    if kind < 0.67:
        sign = chance.pick("$$$#")
        return f"{sign}{chance.below(200)}" + (f".{_digits(chance, 2)}" if sign == "$" else "")
    if kind < 0.73:
        return f"{1 + chance.below(99)}%"
    if kind < 0.81:
        mark = chance.pick(":.")
        return f"{chance.below(24)}{mark}{chance.below(60):02d}" + chance.pick(("", "", "am", "pm"))
    if kind < 0.88:
        return f"{1 + chance.below(28)}/{1 + chance.below(12)}/{_digits(chance, 2)}"
    if kind < 0.94:
        return _digits(chance, 1 + chance.below(3)) + chance.pick(
            ("st", "nd", "rd", "th", "p", "m", "km", "kg", "ml", "g", "x", "A", "B")
        )
    return f"{1 + chance.below(999)},{_digits(chance, 3)}"


def _code(chance: Chance) -> str:
    capitals = string.ascii_uppercase
    kind = next(chance)
    if kind < 0.35:
        return "".join(chance.pick(capitals) for _ in range(2 + chance.below(3)))
    if kind < 0.45:
        return ".".join(chance.pick(capitals) for _ in range(2 + chance.below(2))) + "."
    if kind < 0.65:
        return chance.pick(capitals) + _digits(chance, 1 + chance.below(4))
    if kind < 0.8:
        letters = "".join(chance.pick(capitals) for _ in range(1 + chance.below(3)))
        return f"{letters}-{_digits(chance, 1 + chance.below(4))}"
    mixed = capitals + string.digits
    return "".join(chance.pick(mixed) for _ in range(3 + chance.below(6)))

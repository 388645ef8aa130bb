"""Exercises of chapter 01, "The whole journey on one page"."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ocrlearn.course.exercise import Exercise, require, require_close
from ocrlearn.text import edit_distance

# --- 1.1 The edit distance ------------------------------------------------------------------------


def check_distance(distance: Callable[[str, str], Any], rng: np.random.Generator) -> None:
    """Try special cases that tell the usual mistakes apart, then random words of few letters."""
    word = _word(rng, 6)
    require(
        distance(word, word) is not None,
        "The function returned nothing: is there a `return` at its end?",
    )
    require(
        distance(word, word) == 0,
        f"The distance from {word!r} to itself must be 0, got {distance(word, word)!r}. Letters that "
        "agree cost nothing.",
    )
    require(
        distance("", word) == len(word) and distance(word, "") == len(word),
        f"Between {word!r} and an empty string lie {len(word)} insertions or deletions. What stands in "
        "the first row and the first column of the table?",
    )
    shifted = word[1:] + "z"
    require(
        distance(word, shifted) <= 2,
        f"From {word!r} to {shifted!r} it takes 2 steps, not {distance(word, shifted)}: delete the "
        "first letter and insert one at the end. Comparing letter by letter misses that.",
    )
    swapped = "ab" + word, "ba" + word
    require(
        distance(*swapped) == 2,
        f"From {swapped[0]!r} to {swapped[1]!r} it takes 2 steps, got {distance(*swapped)}. The order "
        "of letters counts.",
    )
    require(
        distance(word, "Z" * len(word)) == len(word),
        f"From {word!r} to {'Z' * len(word)!r} it takes {len(word)} substitutions, got "
        f"{distance(word, 'Z' * len(word))}: a substitution costs 1, not a deletion and an insertion.",
    )
    for _ in range(5):
        a, b = _word(rng, 9), _word(rng, 9)
        require(
            distance(a, b) == edit_distance(a, b),
            f"From {a!r} to {b!r} it takes {edit_distance(a, b)} steps, got {distance(a, b)}. Does each "
            "cell look at all three neighbours: above, left, and above left?",
        )


def _word(rng: np.random.Generator, length: int) -> str:
    """Return a word of `length` letters in which neighbours differ."""
    letters = [str(rng.choice(list("abc")))]
    while len(letters) < length:
        letters.append(str(rng.choice([c for c in "abcd" if c != letters[-1]])))
    return "".join(letters)


def _letter_by_letter(truth: str, read: str) -> int:
    return sum(a != b for a, b in zip(truth, read, strict=False)) + abs(len(truth) - len(read))


def _bag_of_letters(truth: str, read: str) -> int:
    counts = [abs(truth.count(letter) - read.count(letter)) for letter in {*truth, *read}]
    return max((sum(counts) + abs(len(truth) - len(read))) // 2, abs(len(truth) - len(read)))


def _table(
    truth: Sequence[str], read: Sequence[str], *, substitute: int = 1, border: int = 1
) -> int:
    """Fill the table; with `substitute` 2 or `border` 0 it is one that learners really fill."""
    above = [border * j for j in range(len(read) + 1)]
    for i, wanted in enumerate(truth, start=1):
        row = [border * i]
        for j, letter in enumerate(read, start=1):
            keep_or_substitute = above[j - 1] + substitute * (wanted != letter)
            row.append(min(keep_or_substitute, above[j] + 1, row[j - 1] + 1))
        above = row
    return above[-1]


def _matches_cost(truth: str, read: str) -> int:
    """Fill the table with a substitution that is charged even where the letters agree."""
    above = list(range(len(read) + 1))
    for i in range(1, len(truth) + 1):
        row = [i]
        for j in range(1, len(read) + 1):
            row.append(min(above[j - 1] + 1, above[j] + 1, row[j - 1] + 1))
        above = row
    return above[-1]


EDIT_DISTANCE = Exercise(
    number="1.1",
    title="The fewest corrections",
    stars=2,
    hints=[
        (
            "Keep one row of the table. Row 0 is the cost of making the first `j` letters out of nothing: "
            "`list(range(len(read) + 1))`."
        ),
        (
            "Row `i` begins with `i`. Each further cell is the least of three: the cell above plus 1, the "
            "cell to the left plus 1, and the cell above left plus 0 or 1."
        ),
        "`row.append(min(above[j - 1] + (truth[i - 1] != read[j - 1]), above[j] + 1, row[j - 1] + 1))`",
    ],
    check=check_distance,
    wrong={
        "compares letter by letter": (_letter_by_letter, "letter by letter misses"),
        "compares bags of letters": (_bag_of_letters, "order of letters counts"),
        "substitution costs two": (
            lambda a, b: _table(a, b, substitute=2),
            "not a deletion and an",
        ),
        "borders of the table are zero": (lambda a, b: _table(a, b, border=0), "first row and the"),
        "charges letters that agree": (_matches_cost, "agree cost nothing"),
        "forgets to return": (lambda a, b: None, "is there a `return`"),
    },
    praise="The same idea, with scores for steps, cuts words into letters and aligns sounds and genes.",
)


# --- 1.2 The accuracy that is needed --------------------------------------------------------------


def check_needed_accuracy(needed_accuracy: Callable[..., Any], rng: np.random.Generator) -> None:
    """Try one stage, then several, and put the answer back into the formula."""
    entry = float(rng.uniform(0.5, 0.9))
    length = int(rng.integers(3, 40))
    got = needed_accuracy(entry, length)
    require(got is not None, "Nothing came back: does the function end with `return`?")
    require(
        not np.isclose(got, entry**length),
        f"That is the share of right entries at a character accuracy of {entry:.2f}. Here the share of "
        "entries is given and the character accuracy is wanted: the inverse.",
    )
    require(
        not np.isclose(got, 1 - (1 - entry) / length),
        "Sharing out the errors equally, 1 - (1 - entry) / length, is only near the truth for few "
        "errors. Probabilities of independent events multiply.",
    )
    require_close(got, entry ** (1 / length), "Which number to the power `length` is `entry`?")
    stages = int(rng.integers(2, 5))
    got = needed_accuracy(entry, length, stages)
    require(
        not np.isclose(got, entry ** (1 / length)),
        f"With {stages} stages the answer may not stay what it is with one: every stage multiplies.",
    )
    require_close(
        got,
        entry ** (1 / (length * stages)),
        f"Each of {length} characters has to survive {stages} stages: how many factors are there?",
    )


NEEDED_ACCURACY = Exercise(
    number="1.2",
    title="The accuracy that is needed",
    stars=1,
    hints=[
        "If $p^n = e$, what is $p$?",
        "With several stages, every character is a factor once for each stage.",
        "`entry ** (1 / (length * stages))`",
    ],
    check=check_needed_accuracy,
    wrong={
        "computes the other direction": (lambda e, n, s=1: e ** (n * s), "the inverse"),
        "shares the errors out": (lambda e, n, s=1: 1 - (1 - e) / (n * s), "events multiply"),
        "forgets the stages": (lambda e, n, s=1: e ** (1 / n), "every stage multiplies"),
        "divides by the stages outside": (lambda e, n, s=1: e ** (1 / n) / s, "how many factors"),
        "forgets to return": (lambda e, n, s=1: None, "end with `return`"),
    },
    praise=f"For 95 % of 18-character entries through two stages, {0.95 ** (1 / 36):.2%} each. Now you "
    "know why a last tenth of a percent is fought over.",
)


# --- 1.3 A digit under a stain --------------------------------------------------------------------

_WEIGHTS = [pow(2, 17 - place, 11) for place in range(17)]


def _check_character(digits: str) -> str:
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True))
    return "10X98765432"[total % 11]


def _is_valid(number: str) -> bool:
    return _check_character(number[:17]) == number[17]


def check_restore(restore: Callable[[str], Any], rng: np.random.Generator) -> None:
    """Cover one digit of random numbers, at both ends among others."""
    for place in (int(rng.integers(1, 16)), 0, 16):
        digits = "".join(str(d) for d in rng.integers(0, 10, 17))
        number = digits + _check_character(digits)
        covered = number[:place] + "?" + number[place + 1 :]
        got = restore(covered)
        require(
            got is not None,
            f"Nothing was returned for {covered}. Are all ten digits tried, and is the valid number "
            "returned?",
        )
        require(
            isinstance(got, str),
            f"Return the number as a string of 18 characters, got {type(got).__name__}.",
        )
        require(len(got) != 1, f"Return the whole number, not the digit {got!r} alone.")
        require("?" not in got, f"The stain is still there: {got}.")
        require(
            got[-1:] == number[-1],
            f"The check character {number[-1]!r} is known; it is the digit under the stain that is "
            "wanted.",
        )
        require(
            got == number,
            f"{covered} can only be {number}, got {got}. Only one digit makes the check character right.",
        )


def _restore(number: str, digits: str = "0123456789") -> str | None:
    for digit in digits:
        candidate = number.replace("?", digit)
        if _is_valid(candidate):
            return candidate
    return None


def _recompute(number: str) -> str:
    digits = number[:17].replace("?", "0")
    return digits + _check_character(digits)


def _digit_alone(number: str) -> str:
    return str(_restore(number))[number.index("?")]


RESTORE = Exercise(
    number="1.3",
    title="A digit under a stain",
    stars=2,
    hints=[
        "There are only ten possibilities. How can you tell whether one of them is right?",
        "`number.replace('?', digit)` for each digit in '0123456789', and `is_valid`.",
    ],
    check=check_restore,
    wrong={
        "always takes zero": (lambda number: number.replace("?", "0"), "Only one digit makes"),
        "computes a new check character": (_recompute, "is known"),
        "returns the digit alone": (_digit_alone, "not the digit"),
        "returns an integer": (lambda number: 0, "as a string of 18"),
        "leaves the stain": (lambda number: number, "still there"),
        "forgets to return": (lambda number: None, "Nothing was returned"),
    },
    praise="A reader that knows the rules of what it reads can mend what it cannot see. Chapter 07 does "
    "this with words.",
)


EXERCISES = [EDIT_DISTANCE, NEEDED_ACCURACY, RESTORE]

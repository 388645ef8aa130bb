"""Text as a recogniser sees it, and how far what it read is from the truth.

Three things live here:

- :class:`Charset`, the characters a recogniser can read, and two codecs between strings and the
  class numbers of a network: :class:`CTCCodec` and :class:`AttentionCodec`.
- Normalisations, the rules by which two strings count as the same text: :func:`normalize` for pages
  and lines, :func:`normalize_alphanumeric` for words in scenes.
- Measures: :func:`edit_distance` and the alignment behind it (:func:`align`), the character and
  word error rates (:func:`cer`, :func:`wer`), :func:`entry_accuracy` and :func:`confusions`.

The functions that compare always take the truth first and what was read second.

>>> cer("the quick fox", "the qvick fx")
0.15384615384615385
>>> confusions("the quick fox", "the qvick fx")
Counter({('u', 'v'): 1, ('o', ''): 1})
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocrlearn._dispatch import pick
from ocrlearn._validate import check_choice, check_number

__all__ = [
    "ALPHANUMERIC",
    "DIGITS",
    "LATIN",
    "LETTERS",
    "RUNGS",
    "AttentionCodec",
    "CTCCodec",
    "Charset",
    "Edit",
    "align",
    "cer",
    "confusions",
    "ctc_collapse",
    "edit_distance",
    "entry_accuracy",
    "normalize",
    "normalize_alphanumeric",
    "wer",
]

Indices = NDArray[np.int64]
Normalization = Callable[[str], str]


# --- Character sets -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Charset:
    """The characters a recogniser can tell apart, each with its place in a fixed order.

    The order is part of the set: a network's output k means the character it meant in training. A
    set is saved by writing down :attr:`characters` and loaded by passing that string back.

    A character is one Unicode code point. A letter followed by a combining accent is two; text
    in the composed form that :func:`normalize` gives has one wherever Unicode knows one.

    Parameters
    ----------
    characters
        All of them, none twice.

    Raises
    ------
    ValueError
        If `characters` is empty or holds a character twice.

    Examples
    --------
    >>> vowels = Charset("aeiou")
    >>> vowels.encode("eau")
    array([1, 0, 4])
    >>> vowels.decode([1, 0, 4])
    'eau'
    >>> len(vowels), vowels.index("i"), vowels[2], "y" in vowels
    (5, 2, 'i', False)
    """

    characters: str
    _places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.characters, str):
            raise TypeError(f"characters must be a string, got {self.characters!r}")
        if not self.characters:
            raise ValueError("characters must not be empty")
        places: dict[str, int] = {}
        for place, character in enumerate(self.characters):
            if character in places:
                raise ValueError(
                    f"characters must differ, got {_name(character)} at positions "
                    f"{places[character]} and {place}"
                )
            places[character] = place
        object.__setattr__(self, "_places", places)

    def __len__(self) -> int:
        return len(self.characters)

    def __iter__(self) -> Iterator[str]:
        return iter(self.characters)

    def __contains__(self, character: object) -> bool:
        return character in self._places

    def __getitem__(self, index: int) -> str:
        return self.characters[index]

    def index(self, character: str) -> int:
        """Place of one character; ValueError if it is not in the set."""
        if character not in self._places:
            raise ValueError(f"{_name(character)} is not in the character set")
        return self._places[character]

    def encode(self, text: str, unknown: str = "error") -> Indices:
        """Places of the characters of `text`.

        Parameters
        ----------
        text
            Any string.
        unknown
            What to do about a character outside the set: "error" refuses the text, "skip" leaves
            the character out, and a character of the set, such as "?", takes its place.

        Returns
        -------
        array
            int64, ``(L,)``.

        Raises
        ------
        ValueError
            If a character is outside the set; the message names it and where it stands.
        """
        _check_unknown(unknown, self)
        places = []
        for position, character in enumerate(text):
            if character in self._places:
                places.append(self._places[character])
            elif unknown == "error":
                raise ValueError(
                    f"text must be within the character set, got {_name(character)} at position "
                    f"{position} of {_shortened(text)}"
                )
            elif unknown != "skip":
                places.append(self._places[unknown])
        return np.array(places, dtype=np.int64)

    def decode(self, indices: Any) -> str:
        """Characters at the given places, joined; ValueError if a place does not exist."""
        return "".join(self.characters[k] for k in _check_indices(indices, len(self)))


def _name(character: str) -> str:
    """Spell a character out so that look-alikes and invisible ones can be told apart."""
    if len(character) != 1:
        return repr(character)
    name = unicodedata.name(character, "no name")
    return f"{character!r} (U+{ord(character):04X} {name})"


def _shortened(text: str, length: int = 40) -> str:
    return repr(text) if len(text) <= length else repr(text[:length]) + "..."


def _check_unknown(unknown: str, charset: Charset) -> str:
    if unknown not in ("error", "skip") and unknown not in charset:
        raise ValueError(
            f"unknown must be 'error', 'skip' or a character of the set, got {unknown!r}"
        )
    return unknown


def _check_indices(indices: Any, size: int) -> list[int]:
    array = np.asarray(indices)
    if array.size == 0:
        return []
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(
            f"indices must be a one-dimensional sequence of integers, got shape {array.shape} "
            f"and dtype {array.dtype}"
        )
    if array.min() < 0 or array.max() >= size:
        raise ValueError(f"indices must lie in [0, {size - 1}], got {array.min()}..{array.max()}")
    return [int(index) for index in array]


DIGITS = Charset(string.digits)
"""0 to 9."""

LETTERS = Charset(string.ascii_uppercase + string.ascii_lowercase)
"""A to Z, then a to z."""

ALPHANUMERIC = Charset(string.digits + string.ascii_lowercase)
"""The 36 characters of the scene-text literature, 0 to 9, then a to z; case is not told apart."""

LATIN = Charset("".join(chr(code) for code in range(0x20, 0x7F)))
"""The 95 printable characters of ASCII, from the space to the tilde, in their order there."""


# --- Codecs ---------------------------------------------------------------------------------------


def ctc_collapse(path: Any, blank: int = 0) -> Indices:
    """Collapse a CTC path: merge repeats, then drop blanks.

    Repeats are merged *first*, so ``a a`` is one a, and ``a blank a`` is two.

    Parameters
    ----------
    path
        ``(T,)`` class of each time step.
    blank
        The class that stands for no character.

    Returns
    -------
    array
        int64, ``(L,)`` with L <= T.

    References
    ----------
    A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, "Connectionist temporal classification:
    labelling unsegmented sequence data with recurrent neural networks", ICML 2006 (the map B).

    Examples
    --------
    >>> ctc_collapse([1, 1, 0, 1, 2, 2, 0])
    array([1, 1, 2])
    """
    steps = np.asarray(path)
    if steps.size == 0:
        return np.empty(0, dtype=np.int64)
    if steps.ndim != 1 or steps.dtype.kind not in "iu":
        raise TypeError(
            f"path must be a one-dimensional sequence of integers, got shape {steps.shape} "
            f"and dtype {steps.dtype}; take the argmax over the classes first"
        )
    starts_run = np.ones(len(steps), dtype=bool)
    starts_run[1:] = steps[1:] != steps[:-1]
    return steps[starts_run & (steps != blank)].astype(np.int64)


@dataclass(frozen=True)
class CTCCodec:
    """Between strings and the classes of a network trained with CTC.

    Class 0 is the blank; class k + 1 is character k of the set.

    Parameters
    ----------
    charset
        What the network can read.
    unknown
        What :meth:`encode` does about other characters; see :meth:`Charset.encode`.

    Examples
    --------
    >>> codec = CTCCodec(Charset("abc"))
    >>> codec.encode("cab")
    array([3, 1, 2])
    >>> codec.decode([0, 3, 3, 0, 1, 1, 1, 0, 2])
    'cab'
    """

    charset: Charset
    unknown: str = "error"

    blank = 0

    def __post_init__(self) -> None:
        _check_unknown(self.unknown, self.charset)

    def __len__(self) -> int:
        """Return the number of classes: one for each character, and the blank."""
        return len(self.charset) + 1

    def encode(self, text: str) -> Indices:
        """Classes of the characters of `text`, int64 ``(L,)``, without blanks."""
        return self.charset.encode(text, self.unknown) + 1

    def encode_batch(self, texts: Sequence[str]) -> tuple[Indices, Indices]:
        """Targets ``(B, L)``, filled up with blanks at the end, and their lengths ``(B,)``."""
        rows = [self.encode(text) for text in texts]
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return _stack(rows, max(lengths, default=0), fill=self.blank), lengths

    def decode(self, path: Any) -> str:
        """Read a path, one class per time step: merge repeats, drop blanks, look up the rest.

        The most probable path of scores ``(T, K)`` is ``scores.argmax(axis=1)``. (Decoding it is
        called best-path decoding; the most probable *text*, which sums over all its paths, may be
        another.)
        """
        _check_indices(path, len(self))
        return self.charset.decode(ctc_collapse(path, self.blank) - 1)

    def steps_needed(self, text: str) -> int:
        """Fewest time steps in which `text` can be written.

        One for each character, and one for the blank between each two neighbours that are equal.
        With fewer steps than this the text has no path, and its CTC loss is infinite.
        """
        classes = self.encode(text)
        return len(classes) + int((classes[1:] == classes[:-1]).sum())


@dataclass(frozen=True)
class AttentionCodec:
    """Between strings and the classes of a decoder that writes one character at a time.

    Class 0 fills up short rows of a batch (:attr:`pad`), class 1 starts a text (:attr:`start`),
    class 2 ends it (:attr:`end`), and class k + 3 is character k of the set.

    A row of :meth:`encode_batch` gives both sides of teacher forcing: the decoder is fed
    ``row[:-1]``, which begins with the start, and is asked for ``row[1:]``, which finishes with the
    end.

    Parameters
    ----------
    charset
        What the network can read.
    unknown
        What :meth:`encode` does about other characters; see :meth:`Charset.encode`.

    Examples
    --------
    >>> codec = AttentionCodec(Charset("abc"))
    >>> codec.encode("cab")
    array([1, 5, 3, 4, 2])
    >>> codec.decode([5, 3, 4, 2, 0, 0])
    'cab'
    """

    charset: Charset
    unknown: str = "error"

    pad = 0
    start = 1
    end = 2

    def __post_init__(self) -> None:
        _check_unknown(self.unknown, self.charset)

    def __len__(self) -> int:
        """Return the number of classes: one for each character, and the three marks."""
        return len(self.charset) + 3

    def encode(self, text: str) -> Indices:
        """Classes of the start, the characters of `text` and the end, int64 ``(L + 2,)``."""
        classes = self.charset.encode(text, self.unknown) + 3
        return np.concatenate([[self.start], classes, [self.end]]).astype(np.int64)

    def encode_batch(self, texts: Sequence[str], length: int | None = None) -> Indices:
        """Rows ``(B, length)`` of encoded texts, filled up with the pad at the end.

        Parameters
        ----------
        texts
            B strings.
        length
            Of a row, with start and end. By default that of the longest.

        Raises
        ------
        ValueError
            If a text does not fit in `length`.
        """
        rows = [self.encode(text) for text in texts]
        longest = max((len(row) for row in rows), default=0)
        if length is None:
            return _stack(rows, longest, fill=self.pad)
        check_number(length, "length", low=2, integer=True)
        if longest > length:
            text = texts[int(np.argmax([len(row) for row in rows]))]
            raise ValueError(
                f"length must be at least {longest} for the start, {_shortened(text)} and the end, "
                f"got {length}"
            )
        return _stack(rows, length, fill=self.pad)

    def decode(self, classes: Any) -> str:
        """Text up to the first end, or all of it if there is none; starts and pads are left out."""
        letters = []
        for k in _check_indices(classes, len(self)):
            if k == self.end:
                break
            if k not in (self.start, self.pad):
                letters.append(k - 3)
        return self.charset.decode(letters)


def _stack(rows: Sequence[Indices], length: int, fill: int) -> Indices:
    stacked = np.full((len(rows), length), fill, dtype=np.int64)
    for row, values in zip(stacked, rows, strict=True):
        row[: len(values)] = values
    return stacked


# --- When two strings are the same text -----------------------------------------------------------


def normalize(text: str) -> str:
    """Bring a text into the form in which pages and lines are compared.

    Unicode's composed form NFC, so that an accent counts once however it was typed; every run of
    white space, line ends included, becomes one space; none at the beginning and the end. Case,
    punctuation and ligatures are kept: a reader is asked for what is printed.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def normalize_alphanumeric(text: str, alphabet: Literal["ascii", "unicode"] = "ascii") -> str:
    """Bring a text into the form in which words in scenes are compared.

    Unicode's compatibility form NFKC (full-width digits become plain ones, ligatures fall apart),
    lower case, and then nothing but letters and digits is kept: 0-9 and a-z by default, which is
    the rule of the scene-text literature, or with ``alphabet="unicode"`` those of every script, for
    number plates and Chinese.
    """
    check_choice(alphabet, "alphabet", ("ascii", "unicode"))
    lowered = unicodedata.normalize("NFKC", text).lower()
    if alphabet == "ascii":
        return re.sub("[^0-9a-z]", "", lowered)
    return "".join(character for character in lowered if character.isalnum())


# --- Edit distance --------------------------------------------------------------------------------


def _edit_distance_reference(truth: Sequence[Hashable], read: Sequence[Hashable]) -> int:
    """Fill the table of distances between all beginnings, row by row."""
    above = list(range(len(read) + 1))  # from nothing: insert every item
    for i, wanted in enumerate(truth, start=1):
        row = [i]  # to nothing: delete every item
        for j, item in enumerate(read, start=1):
            keep_or_substitute = above[j - 1] + (wanted != item)
            delete = above[j] + 1
            insert = row[j - 1] + 1
            row.append(min(keep_or_substitute, delete, insert))
        above = row
    return above[-1]


def _edit_distance_fast(truth: Sequence[Hashable], read: Sequence[Hashable]) -> int:
    """Fill the same table a whole column at a time, its steps held as the bits of two integers."""
    for column in _columns(truth, read):
        up, down = column
    return len(read) + up.bit_count() - down.bit_count()


def _columns(truth: Sequence[Hashable], read: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """Columns of the table of edit distances, from left to right, as two bit-vectors each.

    Let D[i, j] be the distance between the first i items of `truth` and the first j of `read`.
    Going down a column, D changes by +1, 0 or -1 at each row. Bit i of `up` says that
    D[i + 1, j] - D[i, j] is +1, and bit i of `down` that it is -1. Since D[0, j] is j, the two
    integers hold the whole column. Myers found that the next column follows from them by a
    handful of integer operations, of which the addition carries the minimum over "delete" down the
    column. Python's integers are as long as they need to be, so one word serves any length.

    Yields
    ------
    up, down
        For j = 0, 1, ..., len(read).
    """
    every_row = (1 << len(truth)) - 1
    rows_of: dict[Hashable, int] = {}
    for i, item in enumerate(truth):
        rows_of[item] = rows_of.get(item, 0) | (1 << i)

    up, down = every_row, 0  # column 0: D[i, 0] = i
    yield up, down
    for item in read:
        equal = rows_of.get(item, 0)
        # Where the diagonal step is free: D[i + 1, j] = D[i, j - 1].
        free = (((equal & up) + up) ^ up) | equal | down
        # The differences along the rows, D[i + 1, j] - D[i + 1, j - 1], are +1 and -1 here.
        right_up, right_down = down | ~(free | up), up & free
        # Shifted by one bit they are those of the row above; in row 0, D always grows by 1.
        above_up, above_down = (right_up << 1) | 1, right_down << 1
        # Diagonal and row differences give those down the new column.
        up, down = (above_down | ~(free | above_up)) & every_row, free & above_up & every_row
        yield up, down


RUNGS = {"reference": _edit_distance_reference, "fast": _edit_distance_fast}


def edit_distance(
    truth: Sequence[Hashable], read: Sequence[Hashable], *, rung: str | None = None
) -> int:
    """Levenshtein's distance: fewest insertions, deletions and substitutions from one to the other.

    Strings are compared by code points, other sequences by items; a list of words gives the
    distance in words. The two are compared as they are: see :func:`normalize`.

    The reference rung fills the textbook table in O(M N) steps. The fast one computes a column of
    it by a few operations on integers of M bits, after Myers in Hyyrö's formulation; 5,000 against
    5,000 characters take about 10 ms.

    Parameters
    ----------
    truth, read
        Strings, or other sequences of hashable items. The distance is symmetric.
    rung
        "reference" or "fast" (default).

    References
    ----------
    V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions and reversals",
    Soviet Physics Doklady 10(8), 1966. G. Myers, "A fast bit-vector algorithm for approximate
    string matching based on dynamic programming", Journal of the ACM 46(3), 1999. H. Hyyrö, "A
    bit-vector algorithm for computing Levenshtein and Damerau edit distances", Nordic Journal of
    Computing 10(1), 2003.

    Examples
    --------
    >>> edit_distance("kitten", "sitting")
    3
    >>> edit_distance("to be or not".split(), "to bee or".split())
    2
    """
    return int(pick(RUNGS, rung=rung)(truth, read))


class Edit(NamedTuple):
    """One step of an alignment.

    Attributes
    ----------
    operation
        "match", "substitute", "delete" (an item of the truth is missing from what was read) or
        "insert" (an item was read that is not in the truth).
    truth_position, read_position
        Where the step stands in both sequences. For an insertion `truth_position` is that of the
        item before which it happened, and for a deletion `read_position` likewise.
    truth, read
        The two items; "" for the one that is not there.
    """

    operation: Literal["match", "substitute", "delete", "insert"]
    truth_position: int
    read_position: int
    truth: Any
    read: Any


def align(truth: Sequence[Hashable], read: Sequence[Hashable]) -> list[Edit]:
    """Explain the edit distance: one shortest way from `truth` to `read`, step by step.

    Shortest ways are rarely unique. This one walks both sequences from the beginning and takes,
    wherever several steps are on a shortest way, a match before a substitution before a deletion
    before an insertion; the same input always gives the same answer. The distances between what
    remains of both are looked up in bit-vectors (two texts of 5,000 characters need about 7 MB).

    Returns
    -------
    list of Edit
        In order. Those that are no match number ``edit_distance(truth, read)``.

    Examples
    --------
    >>> for edit in align("form", "fonn"):
    ...     print(edit.operation, edit.truth, edit.read)
    match f f
    match o o
    substitute r n
    substitute m n
    """
    # The columns for the reversed sequences hold the distances between all their *endings*.
    columns = list(_columns(truth[::-1], read[::-1]))

    def remaining(i: int, j: int) -> int:
        """Edit distance between truth[i:] and read[j:]."""
        up, down = columns[len(read) - j]
        rows = (1 << (len(truth) - i)) - 1
        return len(read) - j + (up & rows).bit_count() - (down & rows).bit_count()

    edits = []
    i = j = 0
    left = remaining(0, 0)
    while i < len(truth) or j < len(read):
        in_both = i < len(truth) and j < len(read)
        if in_both and truth[i] == read[j]:
            edits.append(Edit("match", i, j, truth[i], read[j]))
            i, j = i + 1, j + 1
            continue
        if in_both and remaining(i + 1, j + 1) == left - 1:
            edits.append(Edit("substitute", i, j, truth[i], read[j]))
            i, j = i + 1, j + 1
        elif i < len(truth) and remaining(i + 1, j) == left - 1:
            edits.append(Edit("delete", i, j, truth[i], ""))
            i += 1
        else:
            edits.append(Edit("insert", i, j, "", read[j]))
            j += 1
        left -= 1
    return edits


# --- Scores ---------------------------------------------------------------------------------------


def _pairs(
    truth: str | Iterable[str], read: str | Iterable[str], normalization: Normalization | None
) -> list[tuple[str, str]]:
    """Check the two arguments of a score and return normalised pairs of strings."""
    if isinstance(truth, str) != isinstance(read, str):
        raise TypeError(
            "truth and read must both be strings or both be lists of strings, "
            f"got {type(truth).__name__} and {type(read).__name__}"
        )
    truths = [truth] if isinstance(truth, str) else list(truth)
    reads = [read] if isinstance(read, str) else list(read)
    if len(truths) != len(reads):
        raise ValueError(
            f"truth and read must have the same length, got {len(truths)} and {len(reads)} strings"
        )
    for text in (*truths, *reads):
        if not isinstance(text, str):
            raise TypeError(f"truth and read must hold strings, got {text!r}")
    change = str if normalization is None else normalization
    return [(change(a), change(b)) for a, b in zip(truths, reads, strict=True)]


def _error_rate(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> float:
    errors = length = 0
    for truth, read in pairs:
        errors += edit_distance(truth, read)
        length += len(truth)
    if length == 0:
        return float("inf") if errors else 0.0
    return errors / length


def cer(
    truth: str | Iterable[str],
    read: str | Iterable[str],
    normalization: Normalization | None = normalize,
) -> float:
    """Character error rate: edit distance divided by the number of characters in the truth.

    Over several texts the distances and the lengths are added up before dividing (the micro
    average), so that a long text counts for more than a short one.

    Parameters
    ----------
    truth, read
        Two strings, or two equally long lists of strings.
    normalization
        Applied to every string first; None compares them as they are.

    Returns
    -------
    float
        0 is perfect. More than 1 is possible if much was read that is not there. If the truth is
        empty: 0 if nothing was read, else infinity.

    Raises
    ------
    TypeError
        If one argument is a string and the other a list.
    ValueError
        If the lists differ in length.
    """
    return _error_rate(_pairs(truth, read, normalization))


def wer(
    truth: str | Iterable[str],
    read: str | Iterable[str],
    normalization: Normalization | None = normalize,
) -> float:
    """Word error rate: the same as :func:`cer` with words, split at white space, for characters."""
    pairs = _pairs(truth, read, normalization)
    return _error_rate((a.split(), b.split()) for a, b in pairs)


def entry_accuracy(
    truth: str | Iterable[str],
    read: str | Iterable[str],
    normalization: Normalization | None = normalize,
) -> float:
    """Share of the strings that were read without any error, in [0, 1].

    What counts for forms, plates and identity numbers, where one wrong character spoils the entry:
    if each of n characters is read rightly with probability p, independently, it is about p ** n.
    With ``normalization=normalize_alphanumeric`` and cropped words, it is the word accuracy of the
    scene-text literature.

    Raises
    ------
    ValueError
        If the lists are empty or differ in length.
    """
    pairs = _pairs(truth, read, normalization)
    if not pairs:
        raise ValueError("truth and read must not be empty: there is no entry to score")
    return sum(a == b for a, b in pairs) / len(pairs)


def confusions(
    truth: str | Iterable[str],
    read: str | Iterable[str],
    normalization: Normalization | None = normalize,
) -> Counter[tuple[str, str]]:
    """Count which character was read as which, over one text or many.

    Returns
    -------
    Counter
        How often each pair ``(in the truth, as read)`` of *different* characters occurs in the
        alignments (:func:`align`). ``("i", "")`` is an i that was left out, ``("", "i")`` one that
        was read out of nothing. The counts add up to the edit distance, and ``most_common()`` lists
        the worst first.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for a, b in _pairs(truth, read, normalization):
        counts.update((e.truth, e.read) for e in align(a, b) if e.operation != "match")
    return counts

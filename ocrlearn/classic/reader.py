"""Read a page with image processing, a linear classifier and dynamic programming.

From pixels to text in six steps, each a module of its own:

1. even out the light and binarise (:mod:`ocrlearn.image`);
2. find the lines, turn the page should they slope or be unreadable as they stand, and straighten
   each to one size (:mod:`ocrlearn.layout.lines`);
3. cut each line into pieces no larger than a character, and offer runs of pieces as candidates
   (:mod:`ocrlearn.classic.oversegment`);
4. describe each candidate by histograms of oriented gradients and let a linear classifier say how
   likely it is each character, or none (:mod:`ocrlearn.classic.features`, ``classifier``);
5. lay the candidates out as a lattice, with the gaps between them as possible spaces;
6. find the best path through it, weighing classifier, geometry and English
   (:mod:`ocrlearn.ops.lattice`, :mod:`ocrlearn.classic.language`).

>>> reader = ClassicalReader.load()  # doctest: +SKIP
>>> print(reader.read(image).text)  # doctest: +SKIP

The combination of scores along a path follows Qiu-Feng Wang, Fei Yin and Cheng-Lin Liu,
"Handwritten Chinese Text Recognition by Integrating Multiple Contexts", IEEE TPAMI, 2012: a
candidate's log probability is weighted by its number of primitives, lest readings of few, wide
characters win for having fewer terms.

Deviations from the paper
-------------------------
The paper trains separate models for the geometry of single characters and of pairs. Here the place,
size and cuts of a candidate are features of the one classifier, because on a straightened line of
print they mean the same for every writer; of pairs only the gap is scored, as a space or none. The
weights of the scores were chosen on rendered lines by their error rate, not by the paper's
minimum-classification-error training: there are only three.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ocrlearn._validate import check_choice, check_image, check_number
from ocrlearn.classic import features
from ocrlearn.classic.classifier import LinearClassifier, log_softmax
from ocrlearn.classic.language import english
from ocrlearn.classic.oversegment import (
    Candidates,
    component_cuts,
    oversegment,
    runs_of_primitives,
)
from ocrlearn.document import Character, Line, Page, Word
from ocrlearn.image.binarize import binarize
from ocrlearn.image.convert import to_float, to_gray
from ocrlearn.image.enhance import divide_background
from ocrlearn.image.rectify import rotate, rotation
from ocrlearn.layout.lines import (
    CAPITAL_TO_X,
    Strip,
    TextLine,
    find_lines,
    straighten,
    typical_height,
)
from ocrlearn.layout.reading_order import reading_order
from ocrlearn.ops.components import connected_components_with_stats
from ocrlearn.ops.lattice import Automata, Lattice, Path, best_path

__all__ = ["ClassicalReader", "LineReading", "ReaderConfig"]

WEIGHTS = FilePath(__file__).with_name("glyphs.safetensors")

WINDOW = 31
"""Side of Sauvola's window on the working image, about a letter."""

CLEAR = 0.65
"""Mean probability of the characters above which a page is taken to lie upright. Text read upright
reaches 0.85 to 0.97, upside down 0.3 to 0.6, on its side 0.15 to 0.35."""

UNREADABLE = 0.35
"""Mean probability of the characters below which a line is taken to be no text."""

SKIP_SCORE, SKIP_SCORE_PER_AREA = -8.0, -100.0
"""Log score of passing a primitive over in silence, and what each squared x-height of it adds: a
speck may be skipped when nothing else fits, a stroke may not."""

USUAL_SPACE = 0.45
"""Gap, in x-heights, from which on a space is likely, in most fonts."""

PLAIN = {"‘": "'", "’": "'", "“": '"', "”": '"'}
"""Typographic quotes and the keyboard's."""


@dataclass(frozen=True)
class ReaderConfig:
    """How a :class:`ClassicalReader` reads.

    Attributes
    ----------
    cuts
        "oversegment": cut too often and let dynamic programming choose among runs of pieces;
        "components": every connected component, with what stands above or below it, is one
        character, the most likely one.
    language
        Whether English has a say. Without it, dynamic programming weighs classifier and geometry
        alone; "components" never listens to it.
    language_weight
        By which the language's log probabilities are multiplied.
    length_power
        A candidate's log probability is multiplied by its number of primitives to this power.
    character_cost
        Subtracted for every character read; negative values favour many, narrow characters.
    space_softness
        Width, in x-heights, over which a gap turns from surely none to surely a space.
    choices
        Characters kept per candidate.
    beam
        Hypotheses kept per place.
    any_side_up
        Whether to try quarter turns where the page as it lies is hard to read.
    plain_quotes
        Write typographic quotes as the keyboard's.
    """

    cuts: str = "oversegment"
    language: bool = True
    language_weight: float = 0.4
    length_power: float = 0.8
    character_cost: float = -1.5
    space_softness: float = 0.05
    choices: int = 6
    beam: int = 24
    any_side_up: bool = True
    plain_quotes: bool = True

    def __post_init__(self) -> None:
        check_choice(self.cuts, "cuts", ("components", "oversegment"))
        check_number(self.language_weight, "language_weight", low=0)
        check_number(self.length_power, "length_power", low=0)
        check_number(self.character_cost, "character_cost")
        check_number(self.space_softness, "space_softness", low=0, low_open=True)
        check_number(self.choices, "choices", low=1, integer=True)
        check_number(self.beam, "beam", low=1, integer=True)

    @property
    def method(self) -> str:
        """Name under which the course's tables list this configuration."""
        if self.cuts == "components":
            return "components"
        return "classical" if self.language else "lattice"


@dataclass(frozen=True, eq=False)
class LineReading:
    """What was read on one straightened line.

    Attributes
    ----------
    text
        Its characters, with spaces.
    boxes
        float32 ``(N, 4)``: left, top, right, bottom of each character on the strip; NaN for spaces.
    scores
        float32 ``(N,)``: probability the classifier gives each character; NaN for spaces.
    path_score
        Of the whole line, per primitive; tells how well a frame fits.
    """

    text: str
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    path_score: float

    @property
    def clarity(self) -> float:
        """Mean probability of the characters; 0 for an empty line."""
        read = self.scores[~np.isnan(self.scores)]
        return float(read.mean()) if len(read) else 0.0


NOTHING_READ = LineReading("", np.zeros((0, 4), np.float32), np.zeros(0, np.float32), -np.inf)


def _space_threshold(gaps: NDArray[np.float64]) -> float:
    """Gap, in x-heights, at which a space is as likely as none.

    Gaps inside words and between words form two groups whose place depends on font and tracking.
    The threshold of least variance within both groups (Otsu's criterion) separates them; it is
    blended with what is usual and kept within sane limits, since a short line may hold but one
    group.
    """
    gaps = np.sort(gaps[gaps > 0])
    if len(gaps) < 4:
        return USUAL_SPACE
    sizes = np.arange(1, len(gaps))
    below = np.cumsum(gaps)[:-1] / sizes
    above = (gaps.sum() - np.cumsum(gaps)[:-1]) / (len(gaps) - sizes)
    between = sizes * (len(gaps) - sizes) * (above - below) ** 2
    split = int(np.argmax(between))
    found = (gaps[split] + gaps[split + 1]) / 2
    trust = min(1.0, len(gaps) / 20)
    return float(np.clip(trust * found + (1 - trust) * USUAL_SPACE, 0.3, 0.8))


class ClassicalReader:
    """Reader of printed English; make one with :meth:`load` and keep it for many images.

    Parameters
    ----------
    classifier
        Of glyphs, with one more class, "", for what is no character.
    config
        See :class:`ReaderConfig`.
    """

    def __init__(self, classifier: LinearClassifier, config: ReaderConfig | None = None) -> None:
        self.classifier = classifier
        self.config = config or ReaderConfig()
        self.glyphs = [c for c in classifier.classes if c]
        self.symbols = [*sorted({character for glyph in self.glyphs for character in glyph}), " "]
        index = {symbol: i for i, symbol in enumerate(self.symbols)}
        # Labels of the lattice: the glyphs, a space, and nothing at all.
        self.space, self.nothing = len(self.glyphs), len(self.glyphs) + 1
        self.emits = [tuple(index[c] for c in glyph) for glyph in self.glyphs]
        self.emits += [(index[" "],), ()]
        if self.config.language and self.config.cuts == "oversegment":
            self.automata = english(self.symbols, weight=self.config.language_weight)
        else:
            self.automata = Automata.none(len(self.symbols))

    @classmethod
    def load(
        cls, config: ReaderConfig | None = None, weights: str | FilePath | None = None
    ) -> "ClassicalReader":
        """Make a reader from shipped or given classifier weights.

        Parameters
        ----------
        config
            Defaults to everything there is.
        weights
            File written by ``recipes/classical_reader.py``; the shipped one by default.

        Raises
        ------
        FileNotFoundError, ValueError
            If the weights are missing or were trained for other features; the message says what
            differs.
        """
        path = FilePath(weights) if weights is not None else WEIGHTS
        return cls(LinearClassifier.load(path, features.CONFIG), config)

    # --- one line -------------------------------------------------------------------------------

    def read_strip(self, ink: Any) -> LineReading:
        """Read a straightened line, ``(STRIP_HEIGHT, W)`` float, 1 = ink, in the standard frame."""
        strip = features.normalise_contrast(np.asarray(ink, dtype=np.float32))
        components = self.config.cuts == "components"
        if components:
            cuts = component_cuts(strip)
        else:
            cuts = oversegment(strip, features.X_HEIGHT, features.BASELINE)
        if len(cuts.paths) < 2:
            return NOTHING_READ
        candidates = runs_of_primitives(
            strip, cuts, features.X_HEIGHT, max_pieces=1 if components else 7
        )
        log_p = self.classifier.log_probabilities(features.describe(strip, cuts, candidates))
        log_p = log_p[:, [bool(c) for c in self.classifier.classes]]
        if components:  # every component must be a character
            log_p = log_softmax(log_p)
        lattice = self._lattice(candidates, log_p)
        path = best_path(lattice, self.automata, self.emits, beam=self.config.beam)
        return self._reading(path, candidates, log_p)

    def _lattice(self, candidates: Candidates, log_p: NDArray[np.float32]) -> Lattice:
        """Glyph arcs, then gap arcs.

        Boundary b between two primitives has two nodes, 2 b - 1 before its gap and 2 b after it. A
        glyph arc leads from after the gap on its left to before the gap on its right, and a gap arc
        from before to after a gap.
        """
        glyph_labels, glyph_scores = self._glyph_arcs(candidates, log_p)
        gap_scores = self._gap_arcs(candidates.pieces)
        unused = glyph_labels.shape[1] - 2
        gap_labels = np.full((len(gap_scores), 2 + unused), self.nothing, dtype=np.intp)
        gap_labels[:, 0] = self.space
        gap_scores = np.pad(gap_scores, ((0, 0), (0, unused)), constant_values=-np.inf)
        boundary = np.arange(1, len(candidates.pieces))
        return Lattice(
            2 * len(candidates.pieces),
            np.concatenate([2 * candidates.start, 2 * boundary - 1]),
            np.concatenate([2 * candidates.end - 1, 2 * boundary]),
            np.concatenate([glyph_labels, gap_labels]),
            np.concatenate([glyph_scores, gap_scores]),
        )

    def _glyph_arcs(
        self, candidates: Candidates, log_p: NDArray[np.float32]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Labels and scores of the likeliest glyphs of each candidate, and of passing it over."""
        config = self.config
        components = config.cuts == "components"
        choices = 1 if components else min(config.choices, log_p.shape[1])
        labels = np.full((len(candidates), choices + 1), self.nothing, dtype=np.intp)
        scores = np.full(labels.shape, -np.inf)
        likeliest = np.argsort(-log_p, axis=1)[:, :choices]
        length = (candidates.end - candidates.start).astype(np.float64)
        weighted = (
            np.take_along_axis(log_p, likeliest, axis=1) * length[:, None] ** config.length_power
        )
        labels[:, :choices] = likeliest
        scores[:, :choices] = weighted - config.character_cost
        if not components:
            single = length == 1
            size = candidates.boxes[single] / features.X_HEIGHT
            area = (size[:, 2] - size[:, 0]) * (size[:, 3] - size[:, 1])
            scores[single, choices] = SKIP_SCORE + SKIP_SCORE_PER_AREA * area
        return labels, scores

    def _gap_arcs(self, pieces: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log probabilities of a space and of none at each boundary, ``(boundaries, 2)``."""
        gaps = (pieces[1:, 0] - pieces[:-1, 2]).astype(np.float64) / features.X_HEIGHT
        odds = (gaps - _space_threshold(gaps)) / self.config.space_softness
        odds = np.clip(odds, -20, 20)
        return np.stack([-np.logaddexp(0, -odds), -np.logaddexp(0, odds)], axis=1)

    def _reading(
        self, path: Path, candidates: Candidates, log_p: NDArray[np.float32]
    ) -> LineReading:
        """Text, boxes and scores of a path; a ligature's box is shared out among its letters."""
        blank = np.full(4, np.nan)
        read: list[tuple[str, Any, float]] = []
        for arc, label in zip(path.arcs, path.labels, strict=True):
            if label == self.space:
                if read and read[-1][0] != " ":
                    read.append((" ", blank, np.nan))
            elif label != self.nothing:
                glyph = self.glyphs[label]
                left, top, right, bottom = candidates.boxes[arc]
                edges = np.linspace(left, right, len(glyph) + 1)
                score = float(np.exp(log_p[arc, label]))
                for place, character in enumerate(glyph):
                    box = (edges[place], top, edges[place + 1], bottom)
                    read.append((character, box, score))
        if read and read[-1][0] == " ":
            read.pop()
        characters = [character for character, _, _ in read]
        if self.config.plain_quotes:
            characters = [PLAIN.get(character, character) for character in characters]
        return LineReading(
            "".join(characters),
            np.array([box for _, box, _ in read], dtype=np.float32).reshape(-1, 4),
            np.array([score for _, _, score in read], dtype=np.float32),
            path.score / len(candidates.pieces),
        )

    # --- a page ---------------------------------------------------------------------------------

    def read(self, image: Any) -> Page:
        """Read the text of an image: a page, a part of one, or a single line.

        Parameters
        ----------
        image
            ``(H, W)`` or ``(H, W, 3)``, uint8, bool or float in [0, 1]; dark print on light ground
            or the reverse.

        Returns
        -------
        Page
            Lines in reading order; places are in pixels of `image`. `notes` says what was left out.
        """
        gray = np.asarray(to_float(to_gray(check_image(image))), dtype=np.float32)
        height, width = gray.shape
        if _is_reversed(gray):
            gray = 1 - gray
        page, readings = self._upright(gray)
        lines, notes, unreadable = [], [], 0
        if abs(page.angle) > np.pi / 4:
            notes.append(f"the text is turned by {np.degrees(page.angle):.0f} degrees")
        for line in page.ordered():
            where = f"near x = {page.place(line)[0]:.0f}, y = {page.place(line)[1]:.0f}"
            if line.is_cut:
                notes.append(f"a line {where} is cut by the border of the image and was not read")
                continue
            if line not in readings:
                readings[line] = self._read_line(page, line)
            reading, strip = readings[line]
            if not reading.text:
                continue
            if reading.clarity < UNREADABLE:
                unreadable += 1
                continue
            lines.append(_to_line(reading, strip, page))
        if unreadable:
            notes.append(f"places that look like lines but could not be read: {unreadable}")
        return Page(lines, width, height, self.config.method, page.text_angle, tuple(notes))

    def _upright(
        self, gray: NDArray[np.float32]
    ) -> tuple["_Prepared", dict[TextLine, tuple[LineReading, Strip]]]:
        """Turn a page the way its text is read best; also returns the lines read on the way.

        Letters lying on their side or on their head are given low probabilities. The longest lines
        are read as the page lies, and only if that goes badly after each of three quarter turns.
        """
        zoom = _zoom(gray)
        best: tuple[float, _Prepared, dict[TextLine, tuple[LineReading, Strip]]] | None = None
        for quarter_turn in (0, 2, 1, 3) if self.config.any_side_up else (0,):
            page = _Prepared.level(gray, zoom, quarter_turn * np.pi / 2)
            whole = [line for line in page.lines if not line.is_cut]
            longest = sorted(whole, key=lambda line: line.left - line.right)[:3]
            readings = {line: self._read_line(page, line) for line in longest}
            lengths = [len(reading.text) for reading, _ in readings.values()]
            clarity = (
                float(np.average([r.clarity for r, _ in readings.values()], weights=lengths))
                if sum(lengths)
                else 0.0
            )
            if best is None or clarity > best[0] + 0.15:
                best = clarity, page, readings
            if clarity > CLEAR or not page.lines:
                break
        assert best is not None
        return best[1], best[2]

    def _read_line(self, page: "_Prepared", line: TextLine) -> tuple[LineReading, Strip]:
        """Read a line in its frame, or in the likelier frame where that is in doubt."""
        frames = [line]
        if not line.x_height_is_sure:
            frames.append(replace(line, x_height=line.x_height / CAPITAL_TO_X))
        best: tuple[LineReading, Strip] | None = None
        for frame in frames:
            strip = page.strip(frame)
            reading = self.read_strip(strip.image)
            if best is None or reading.path_score > best[0].path_score:
                best = reading, strip
        assert best is not None
        return best


def _to_line(reading: LineReading, strip: Strip, page: "_Prepared") -> Line:
    """Words and characters with their places in the image as it was given."""

    def place(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        around = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
        return page.to_image(strip.quad(around))

    words = []
    start = 0
    for text in reading.text.split(" "):
        part = slice(start, start + len(text))
        start += len(text) + 1
        boxes, scores = reading.boxes[part], reading.scores[part]
        characters = tuple(
            Character(character, place(boxes[i : i + 1]), float(scores[i]))
            for i, character in enumerate(text)
        )
        words.append(Word(text, place(boxes), float(scores.mean()), characters))
    return Line(place(reading.boxes[~np.isnan(reading.boxes[:, 0])]), tuple(words))


def _is_reversed(gray: NDArray[np.float32]) -> bool:
    """Whether print is lighter than its ground.

    Print covers the smaller part of its surroundings, so deviations from the local mean are few and
    large towards the print and many and small towards the ground: their skewness has the sign of
    the print. Unlike the mean level it does not depend on the light.
    """
    sigma = float(np.clip(min(gray.shape) / 8, 4, 25))
    deviation = gray - ndimage.gaussian_filter(gray, sigma)
    return float((deviation**3).mean()) > 0


def _zoom(gray: NDArray[np.float32]) -> float:
    """Factor that brings the page's letters to a size at which strokes are some pixels wide."""
    ink = binarize(divide_background(gray), "sauvola")
    _, stats = connected_components_with_stats(ink)
    boxes = np.stack([stats.left, stats.top, stats.left + stats.width, stats.top + stats.height], 1)
    letter = typical_height(boxes[1:].astype(np.float64)) if len(stats) > 1 else 0.0
    if letter < 3:
        return 1.0
    return float(np.clip(28 / letter, 1, 4)) if letter < 28 else min(1.0, 60 / letter)


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A page at working size, level, evenly lit, with its lines.

    Attributes
    ----------
    darkness
        ``(H, W)`` float in [0, 1], 1 = ink.
    labels
        The components of ink, among them those that `lines` name.
    back
        ``(3, 3)``: takes points of the working image to points of the image as given.
    angle
        By which the text is turned in the image as given, in (-pi, pi]; slopes of less than two
        degrees are left in the working image.
    """

    darkness: NDArray[np.float32]
    labels: NDArray[np.int32]
    lines: Sequence[TextLine]
    back: NDArray[np.float64]
    angle: float

    @classmethod
    def level(cls, gray: NDArray[np.float32], zoom: float, angle: float) -> "_Prepared":
        """Prepare a page turned by about `angle`, and turn it level should its lines slope."""
        page = cls.of(gray, zoom, angle)
        if abs(page.slope) > np.tan(np.radians(2)):
            page = cls.of(gray, zoom, angle - float(np.arctan(page.slope)))
        return page

    @classmethod
    def of(cls, gray: NDArray[np.float32], zoom: float, angle: float) -> "_Prepared":
        """Prepare a page whose text is turned by `angle`."""
        # Working pixel centre p shows the given image at (p + 0.5) / zoom - 0.5.
        shift = 0.5 / zoom - 0.5
        back = np.array([[1 / zoom, 0, shift], [0, 1 / zoom, shift], [0, 0, 1]])
        if zoom != 1:
            gray = _resized(gray, zoom)
        if angle:
            turned = rotation(gray.shape, -angle)
            gray = np.asarray(
                rotate(gray, -angle, interpolation="bicubic", border=float(np.median(gray))),
                dtype=np.float32,
            )
            back = back @ np.linalg.inv(turned.matrix)
        even = np.asarray(divide_background(np.clip(gray, 0, 1)), dtype=np.float32)
        lines, labels = find_lines(binarize(even, "sauvola", window=WINDOW))
        return cls(1 - even, labels, lines, back, _principal(angle))

    @property
    def slope(self) -> float:
        """Mean slope dy/dx of the lines, the long ones counting for more."""
        if not self.lines:
            return 0.0
        lengths = [line.right - line.left for line in self.lines]
        return float(np.average([line.slope for line in self.lines], weights=lengths))

    @property
    def text_angle(self) -> float:
        """By how much the text is turned in the image as given, the remaining slope included."""
        return _principal(self.angle - float(np.arctan(self.slope)))

    def place(self, line: TextLine) -> NDArray[np.float32]:
        """Where a line begins, in the image as given."""
        return self.to_image([line.left, line.middle])

    def to_image(self, points: Any) -> NDArray[np.float32]:
        """Points of the image as given for points of the working image."""
        array = np.asarray(points, dtype=np.float64)
        return (array @ self.back[:2, :2].T + self.back[:2, 2]).astype(np.float32)

    def ordered(self) -> list[TextLine]:
        """Return the lines in reading order."""
        boxes = [
            [line.left, line.middle - line.x_height, line.right, line.middle + line.x_height]
            for line in self.lines
        ]
        return [self.lines[index] for index in reading_order(boxes)]

    def strip(self, line: TextLine) -> Strip:
        """Straighten a line, with the ink of all other lines wiped out."""
        reach = int(2.5 * line.x_height)
        y = line.baseline(np.linspace(line.left, line.right, 20))
        top = int(max(0, y.min() - reach))
        part = slice(top, int(min(len(self.darkness), y.max() + reach)))
        labels = self.labels[part]
        is_member = np.zeros(max(int(labels.max()), int(line.members.max())) + 1, dtype=bool)
        is_member[line.members] = True
        own = is_member[labels]
        foreign = (labels > 0) & ~own
        # Blur spreads ink beyond its mask: wipe a rim as well, but never the line's own.
        rim = ndimage.binary_dilation(foreign, iterations=2) & ~own
        darkness = np.where(rim, 0, self.darkness[part]).astype(np.float32)
        shifted = replace(line, baseline=line.baseline - top)
        strip = straighten(
            darkness,
            shifted,
            x_height=features.X_HEIGHT,
            height=features.STRIP_HEIGHT,
            baseline_row=features.BASELINE,
        )
        return replace(strip, baseline=line.baseline)


def _principal(angle: float) -> float:
    """Bring an angle into (-pi, pi]."""
    return float(np.pi - (np.pi - angle) % (2 * np.pi))


def _resized(gray: NDArray[np.float32], zoom: float) -> NDArray[np.float32]:
    """Enlarge an image `zoom` times by cubic interpolation; where it shrinks it is averaged."""
    from PIL import Image

    size = (max(1, round(gray.shape[1] * zoom)), max(1, round(gray.shape[0] * zoom)))
    resized = Image.fromarray(gray).resize(size, Image.Resampling.BICUBIC)
    return np.clip(np.asarray(resized), 0, 1)

"""Score methods on benchmarks, keep the scores, and print them as tables.

One method on one benchmark gives one :class:`Score`. ``make scoreboard`` measures all of them and
stores them in ``benchmarks/results/scoreboard.json``; the tables in the documentation and in
chapter 1 are printed from there, never typed.

What is measured:

- **CER and WER**: edit distance between what was read and the truth, in characters and in words,
  over the length of the truth (:func:`ocrlearn.text.cer`).
- **Lines found**: precision, recall and their harmonic mean F of the quads of text lines, where a
  line found counts if it overlaps a line of the truth by an intersection over union of at least one
  half, and each is matched once.
- **F-measure of ink**: harmonic mean of precision and recall of the pixels that a binarisation
  calls ink (:func:`ocrlearn.engine.metrics.f_measure`).
- **Milliseconds**: median wall time for one image, after a first image that is not counted, because
  the first pays for compilation.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ocrlearn.document import Page
from ocrlearn.engine.metrics import f_measure
from ocrlearn.geometry import box_iou, polygon_iou, polygon_to_box
from ocrlearn.text import cer, wer

__all__ = [
    "Finding",
    "Score",
    "best_by_benchmark",
    "detail_table",
    "find_overlaps",
    "glance_table",
    "load_scores",
    "replace_between_markers",
    "results_path",
    "save_scores",
    "score_binarization",
    "score_reading",
]

IOU_THRESHOLD = 0.5


class Labelled(Protocol):
    """What a benchmark yields; see :class:`ocrlearn.data.benchmarks.LabelledImage`."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """Return the image."""
        ...

    @property
    def text(self) -> str:
        """Return its text."""
        ...

    @property
    def page(self) -> Page | None:
        """Return its text with places, where known."""
        ...

    @property
    def ink(self) -> NDArray[np.bool_] | None:
        """Return its ink, where known."""
        ...


class Reader(Protocol):
    """What reads; see :class:`ocrlearn.methods.Reader`."""

    def read(self, image: Any) -> Page:
        """Read an image."""
        ...


@dataclass(frozen=True)
class Finding:
    """How well places were found: counts over a whole benchmark.

    Attributes
    ----------
    matched, found, present
        How many of the `present` places of the truth were matched by one of those `found`.
    """

    matched: int
    found: int
    present: int

    @property
    def precision(self) -> float:
        """Share of what was found that is there; 0 if nothing was found."""
        return self.matched / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of what is there that was found; 0 if nothing is there."""
        return self.matched / self.present if self.present else 0.0

    @property
    def f(self) -> float:
        """Harmonic mean of precision and recall, ``2 matched / (found + present)``."""
        total = self.found + self.present
        return 2 * self.matched / total if total else 0.0


@dataclass(frozen=True)
class Score:
    """One method on one benchmark.

    Attributes
    ----------
    benchmark, method
        Their names.
    unit
        "line" or "page".
    images
        How many were scored.
    milliseconds
        Median wall time for one image.
    cer, wer
        Of what was read, as shares; None where nothing is read.
    lines
        How well lines were found; None where their places are not known or each image is a line.
    ink_f
        Mean F-measure of the ink over the images; None where no ink is told from paper.
    parameters
        How many trained numbers the method has; None if unknown.
    peer
        Whether this is another program, listed for comparison.
    """

    benchmark: str
    method: str
    unit: str
    images: int
    milliseconds: float
    cer: float | None = None
    wer: float | None = None
    lines: Finding | None = None
    ink_f: float | None = None
    parameters: int | None = None
    peer: bool = False


# ---------------------------------------------------------------------------------------------
# Measuring


def score_reading(
    reader: Reader,
    samples: Iterable[Labelled],
    *,
    method: str,
    benchmark: str,
    unit: str,
    parameters: int | None = None,
    peer: bool = False,
    warm_up: bool = True,
    after_each: Callable[[], object] = lambda: None,
) -> Score:
    """Let `reader` read `samples` and score the text, the lines found and the time.

    Parameters
    ----------
    reader
        Anything with a method ``read(image) -> Page``.
    samples
        Labelled images, at least one.
    method, benchmark, unit, parameters, peer
        Kept in the score.
    warm_up
        Read the first image twice and count the second time.
    after_each
        Called after every image, to move a progress bar.

    Raises
    ------
    ValueError
        If there are no samples.
    """
    truths: list[str] = []
    readings: list[str] = []
    seconds: list[float] = []
    finding = Finding(0, 0, 0)
    for sample in samples:
        if warm_up and not seconds:
            reader.read(sample.image)
        start = time.perf_counter()
        page = reader.read(sample.image)
        seconds.append(time.perf_counter() - start)
        truths.append(sample.text)
        readings.append(page.text)
        if sample.page is not None:
            finding = _add_finding(finding, page, sample.page)
        after_each()
    if not seconds:
        raise ValueError(f"benchmark {benchmark!r} holds no samples")
    return Score(
        benchmark=benchmark,
        method=method,
        unit=unit,
        images=len(seconds),
        milliseconds=1000 * float(np.median(seconds)),
        cer=cer(truths, readings),
        wer=wer(truths, readings),
        lines=finding if unit == "page" and finding.present else None,
        parameters=parameters,
        peer=peer,
    )


def _add_finding(so_far: Finding, page: Page, truth: Page) -> Finding:
    found = [line.quad for line in page.lines]
    present = [line.quad for line in truth.lines]
    matched = len(find_overlaps(found, present))
    return Finding(
        so_far.matched + matched, so_far.found + len(found), so_far.present + len(present)
    )


def find_overlaps(
    found: Sequence[NDArray[Any]],
    present: Sequence[NDArray[Any]],
    threshold: float = IOU_THRESHOLD,
) -> list[tuple[int, int]]:
    """Match quads one to one by their overlap, the best overlapping pair first.

    Parameters
    ----------
    found, present
        Quads ``(4, 2)``.
    threshold
        Least intersection over union of a match.

    Returns
    -------
    list of (index into found, index into present)
        In falling order of overlap.
    """
    if not len(found) or not len(present):
        return []
    touching = box_iou(
        np.array([polygon_to_box(quad) for quad in found]),
        np.array([polygon_to_box(quad) for quad in present]),
    )
    overlaps = sorted(
        (
            (polygon_iou(found[i], present[j]), int(i), int(j))
            for i, j in zip(*np.nonzero(touching), strict=True)
        ),
        reverse=True,
    )
    matches: list[tuple[int, int]] = []
    used_found: set[int] = set()
    used_present: set[int] = set()
    for overlap, i, j in overlaps:
        if overlap >= threshold and i not in used_found and j not in used_present:
            matches.append((i, j))
            used_found.add(i)
            used_present.add(j)
    return matches


def score_binarization(
    binarize: Callable[[NDArray[np.uint8]], NDArray[np.bool_]],
    samples: Iterable[Labelled],
    *,
    method: str,
    benchmark: str,
    unit: str,
    after_each: Callable[[], object] = lambda: None,
) -> Score:
    """Let `binarize` find the ink of `samples` and score it by the mean F-measure.

    `binarize` takes an image and returns a bool mask, True = ink. The other parameters are those of
    :func:`score_reading`.
    """
    values: list[float] = []
    seconds: list[float] = []
    for sample in samples:
        if sample.ink is None:
            raise ValueError(f"benchmark {benchmark!r} does not know the ink of its images")
        if not seconds:
            binarize(sample.image)
        start = time.perf_counter()
        mask = binarize(sample.image)
        seconds.append(time.perf_counter() - start)
        values.append(f_measure(mask, sample.ink))
        after_each()
    if not seconds:
        raise ValueError(f"benchmark {benchmark!r} holds no samples")
    return Score(
        benchmark=benchmark,
        method=method,
        unit=unit,
        images=len(seconds),
        milliseconds=1000 * float(np.median(seconds)),
        ink_f=float(np.mean(values)),
    )


# ---------------------------------------------------------------------------------------------
# Keeping


def results_path() -> Path:
    """Return where a checkout of the project keeps its scores."""
    return Path(__file__).parents[2] / "benchmarks" / "results" / "scoreboard.json"


def save_scores(scores: Sequence[Score], path: str | Path, *, machine: Mapping[str, str]) -> None:
    """Write scores, and the machine they were measured on, as JSON."""
    record = {"machine": dict(machine), "scores": [asdict(score) for score in scores]}
    Path(path).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def load_scores(path: str | Path | None = None) -> tuple[list[Score], dict[str, str]]:
    """Read the scores that :func:`save_scores` wrote, and the machine.

    Parameters
    ----------
    path
        By default the project's own, :func:`results_path`.

    Raises
    ------
    FileNotFoundError
        If there are none; ``make scoreboard`` makes them.
    ValueError
        If the file is not such a record.
    """
    path = results_path() if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no scores in {path}; `make scoreboard` measures them")
    known = {field.name for field in fields(Score)}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        scores = []
        for number, entry in enumerate(record["scores"]):
            unknown = set(entry) - known
            if unknown:
                raise ValueError(f"score {number} has unknown fields {sorted(unknown)}")
            lines = entry.get("lines")
            scores.append(Score(**{**entry, "lines": Finding(**lines) if lines else None}))
        return scores, dict(record["machine"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a record of scores: {error}") from error


# ---------------------------------------------------------------------------------------------
# Printing


def glance_table(scores: Iterable[Score], titles: Mapping[str, str] | None = None) -> str:
    """Return the character error rates in Markdown: a row per method, a column per benchmark.

    Parameters
    ----------
    scores
        Those without a character error rate are left out.
    titles
        What to call methods and benchmarks, by name; a name without a title stands for itself.
    """
    read = [score for score in scores if score.cer is not None]
    benchmarks = list(dict.fromkeys(score.benchmark for score in read))
    table = {(score.method, score.benchmark): score for score in read}
    best = best_by_benchmark(read)
    rows = [["method", *(_title(name, titles) for name in benchmarks)]]
    for method, peer in dict.fromkeys((score.method, score.peer) for score in read):
        cells = []
        for benchmark in benchmarks:
            score = table.get((method, benchmark))
            text = _percent(score.cer if score else None)
            cells.append(f"**{text}**" if score and score is best[benchmark] else text)
        rows.append([_method_title(method, titles, peer=peer), *cells])
    return _markdown(rows)


def detail_table(scores: Iterable[Score], titles: Mapping[str, str] | None = None) -> str:
    """Return everything measured in Markdown: a row per benchmark and method.

    Columns that would be empty throughout are left out. `titles` is as in :func:`glance_table`.
    """
    scores = list(scores)
    columns: dict[str, Callable[[Score], str]] = {
        "images": lambda score: f"{score.images}",
        "CER": lambda score: _percent(score.cer),
        "word errors": lambda score: _percent(score.wer),
        "lines P": lambda score: _percent(score.lines.precision if score.lines else None),
        "lines R": lambda score: _percent(score.lines.recall if score.lines else None),
        "lines F": lambda score: _percent(score.lines.f if score.lines else None),
        "ink F": lambda score: _percent(score.ink_f),
        "ms per image": lambda score: f"{score.milliseconds:,.0f}",
        "parameters": lambda score: f"{score.parameters:,}" if score.parameters else _NONE,
    }
    cells = {name: [cell(score) for score in scores] for name, cell in columns.items()}
    kept = [name for name, column in cells.items() if any(text != _NONE for text in column)]
    rows = [["benchmark", "method", *kept]]
    for place, score in enumerate(scores):
        rows.append(
            [
                _title(score.benchmark, titles),
                _method_title(score.method, titles, peer=score.peer),
                *(cells[name][place] for name in kept),
            ]
        )
    return _markdown(rows)


def best_by_benchmark(scores: Iterable[Score]) -> dict[str, Score]:
    """Return for each benchmark the score with the least character error rate, peers included."""
    best: dict[str, Score] = {}
    for score in scores:
        if score.cer is None:
            continue
        leader = best.get(score.benchmark)
        if leader is None or leader.cer is None or score.cer < leader.cer:
            best[score.benchmark] = score
    return best


_NONE = "–"


def _title(name: str, titles: Mapping[str, str] | None) -> str:
    return (titles or {}).get(name, name)


def _method_title(name: str, titles: Mapping[str, str] | None, *, peer: bool) -> str:
    title = _title(name, titles)
    return f"*{title} (peer)*" if peer else title


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{100 * share:.1f} %"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table whose first row is the header; text columns left, numbers right."""
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(rows[0]))]
    numeric = [
        all(row[column][:1] in "0123456789*" + _NONE for row in rows[1:]) and column > 0
        for column in range(len(rows[0]))
    ]

    def line(row: Sequence[str]) -> str:
        cells = (
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(row, widths, numeric, strict=True)
        )
        return "| " + " | ".join(cells) + " |"

    rule = ("-" * (w - 1) + ":" if n else "-" * w for w, n in zip(widths, numeric, strict=True))
    return "\n".join(
        [line(rows[0]), "| " + " | ".join(rule) + " |", *(line(row) for row in rows[1:])]
    )


def replace_between_markers(document: str, name: str, content: str) -> str:
    """Put `content` between the comments ``<!-- NAME begin -->`` and ``<!-- NAME end -->``.

    Raises
    ------
    ValueError
        If a marker is missing, doubled, or the two are in the wrong order.
    """
    begin, end = f"<!-- {name} begin -->", f"<!-- {name} end -->"
    for marker in (begin, end):
        if document.count(marker) != 1:
            raise ValueError(f"document must hold {marker} once, got {document.count(marker)}")
    head, rest = document.split(begin)
    if end not in rest:
        raise ValueError(f"document must hold {begin} before {end}")
    return f"{head}{begin}\n{content.strip()}\n{end}{rest.split(end)[1]}"

"""Check a folder of a public data set: that all is there, can be read, and agrees with its card.

>>> from ocrlearn.data.check import check_folder
>>> report = check_folder("icdar2015", "datasets/downloads/icdar2015")  # doctest: +SKIP
>>> print(report.text())  # doctest: +SKIP

The set's reader goes over every split. Of every sample the labels and the header of its image are
checked, of some the pixels too; what is wrong is listed with file and place, and the number of
samples is compared with what is said on the card (:mod:`ocrlearn.data.cards`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ocrlearn._fields import counted
from ocrlearn._validate import check_number
from ocrlearn.data.cards import Card, Figures, card_names, find_card
from ocrlearn.data.contact import contact_sheet, draw_samples
from ocrlearn.data.readers import READERS, DataFormatError, Reader
from ocrlearn.data.samples import Clip, Sample, TextInstance, check_sample

__all__ = ["Problem", "Report", "Tally", "check_folder", "check_samples", "contact_sheet"]

_MALFORMED = "a file is not as its format promises"
_MOST = 20  # problems of one kind that are listed; the rest is counted
_DECODED = 50  # images of a split whose pixels are read
_SLACK = 2.0  # pixels that a corner may lie outside of the image, and so many ...
_SLACK_SHARE = 0.01  # ... of its longer side


@dataclass(frozen=True)
class Problem:
    """Something wrong with a sample or a split.

    Attributes
    ----------
    kind
        What is wrong, in the words shared by all problems of this kind.
    where
        File and place.
    detail
        What was found.
    serious
        Whether data is missing or cannot be used. Owners' own flaws, such as a corner outside of
        the image, are not.
    """

    kind: str
    where: str
    detail: str = ""
    serious: bool = True


@dataclass
class Tally:
    """What was counted in a split.

    Attributes
    ----------
    samples
        Images or clips.
    instances
        Annotated texts, as the reader gives them, without their parts.
    ignored
        Those of them that count neither way.
    untranscribed
        Those that do count, and have no text.
    texts
        Transcriptions: of the whole image and of instances that count.
    longest
        Characters of the longest of them.
    characters
        How often each character occurs in them.
    labels
        How often each class occurs.
    languages
        How often each language or script occurs.
    complete
        Whether the split was read to its end.
    """

    samples: int = 0
    instances: int = 0
    ignored: int = 0
    untranscribed: int = 0
    texts: int = 0
    longest: int = 0
    characters: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    complete: bool = False

    def add(self, item: Sample | Clip) -> None:
        """Count a sample."""
        self.samples += 1
        if item.label is not None:
            self.labels[item.label] += 1
        if isinstance(item, Clip):
            return
        self._add_text(item.text)
        for instance in item.instances:
            self.instances += 1
            self.ignored += instance.ignore
            if instance.language:
                self.languages[instance.language] += 1
            if not instance.ignore:
                self.untranscribed += instance.text is None
                self._add_text(instance.text)

    def _add_text(self, text: str | None) -> None:
        if text is not None:
            self.texts += 1
            self.longest = max(self.longest, len(text))
            self.characters.update(text)


@dataclass
class Report:
    """What was found in a folder.

    Attributes
    ----------
    name
        Of the set or the reader, as it was asked for.
    folder
        What was looked at.
    tallies
        What was counted, by split.
    absent
        Splits that are not there, and what was missing of them.
    problems
        What is wrong; of each kind at most 20 are kept.
    counts
        How many problems of each kind there were in all.
    chosen
        Samples drawn by chance, for :func:`ocrlearn.data.contact.contact_sheet`.
    """

    name: str
    folder: Path
    tallies: dict[str, Tally] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    chosen: list[Sample | Clip] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether there are samples and nothing serious is wrong with them."""
        filled = any(tally.samples for tally in self.tallies.values())
        return filled and not any(problem.serious for problem in self.problems)

    def add(self, problem: Problem) -> None:
        """Note a problem."""
        self.counts[problem.kind] += 1
        if self.counts[problem.kind] <= _MOST:
            self.problems.append(problem)

    def text(self) -> str:
        """Return all of it to read."""
        lines = [f"{self.name} in {self.folder}"]
        lines += [_tally_line(split, tally) for split, tally in self.tallies.items()]
        lines += [f"  {split}: not there ({why})" for split, why in self.absent.items()]
        for kind, count in self.counts.items():
            found = [problem for problem in self.problems if problem.kind == kind]
            lines.append(f"{'' if found[0].serious else 'remark: '}{kind} ({count:,})")
            lines += [
                f"  {problem.where}{f': {problem.detail}' if problem.detail else ''}"
                for problem in found
            ]
            if count > len(found):
                lines.append(f"  and {count - len(found):,} more")
        lines.append("sound" if self.sound else "NOT sound")
        return "\n".join(lines)


def _tally_line(split: str, tally: Tally) -> str:
    parts = [counted(tally.samples, "sample")]
    if tally.instances:
        parts.append(
            f"{counted(tally.instances, 'text')} in place, {tally.ignored:,} of them to ignore"
        )
    if tally.texts:
        parts.append(
            f"{tally.texts:,} transcribed with "
            f"{counted(len(tally.characters), 'different character')}, the longest of "
            f"{tally.longest:,}"
        )
    if tally.labels:
        parts.append(counted(len(tally.labels), "class"))
    if tally.languages:
        told = ", ".join(f"{name} {count:,}" for name, count in tally.languages.most_common(12))
        parts.append(told)
    more = "" if tally.complete else " (not read to the end)"
    return f"  {split}: {'; '.join(parts)}{more}"


def check_folder(
    name: str,
    folder: str | Path,
    *,
    limit: int | None = None,
    choose: int = 0,
    seed: int = 0,
    progress: bool | None = None,
) -> Report:
    """Check the folder of a public data set.

    Parameters
    ----------
    name
        Of a card (:func:`ocrlearn.data.cards.card_names`) or of a reader
        (:data:`ocrlearn.data.readers.READERS`).
    folder
        Where the set was unpacked.
    limit
        Read no more than so many samples of each split; their number is not compared then.
    choose
        So many samples of all splits, drawn by chance and `seed`, go into ``Report.chosen``.
    progress
        Show a bar; None shows it on a terminal.

    Raises
    ------
    LookupError
        If there is no such set.
    FileNotFoundError
        If there is no such folder, or nothing in it that belongs to the set.
    """
    if limit is not None:
        check_number(limit, "limit", low=1, integer=True)
    card, readers = _readers(name)
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    report = Report(name, folder)
    for reader in readers:
        for split in reader.splits:
            label = split if len(readers) == 1 else f"{reader.name} {split}"
            samples = _open_split(report, reader, split, label)
            if samples is not None:
                shown = _bar(islice(samples, limit), label, progress)
                _check_split(report, shown, label, choose, seed)
            if limit is None and card is not None and label in report.tallies:
                _compare(report, label, [row for row in card.figures if row.split == label])
    if not report.tallies and not report.problems:
        why = next(iter(report.absent.values()), "there is no reader for it")
        raise FileNotFoundError(f"nothing of {name} is in {folder}: {why}")
    if choose and report.chosen:
        apart = {_identity(item): item for item in report.chosen}  # splits may overlap
        report.chosen = draw_samples(apart.values(), choose, seed)
    return report


def _readers(name: str) -> tuple[Card | None, list[Reader]]:
    """Return the card and the readers that a name stands for."""
    cards = {reader: card for card in map(find_card, card_names()) for reader in card.readers}
    if name in card_names():
        card = find_card(name)
        return card, [READERS[reader] for reader in card.readers if reader in READERS]
    if name in READERS:
        return cards.get(name), [READERS[name]]
    known = ", ".join(sorted({*card_names(), *READERS}))
    raise LookupError(f"there is no data set {name!r}; there are {known}")


def _open_split(
    report: Report, reader: Reader, split: str, label: str
) -> Iterator[Sample | Clip] | None:
    """Have a split read; None if that cannot be begun, and the report says why."""
    try:
        return reader.read(report.folder, split)
    except FileNotFoundError as error:
        report.absent[label] = str(error)
    except DataFormatError as error:
        report.add(Problem(_MALFORMED, str(error)))
    return None


def _bar(samples: Iterable[Sample | Clip], label: str, progress: bool | None) -> Any:
    from tqdm import tqdm

    disable = None if progress is None else not progress
    return tqdm(samples, desc=label, unit=" samples", leave=False, disable=disable)


def _check_split(
    report: Report, samples: Iterable[Sample | Clip], label: str, choose: int, seed: int
) -> None:
    tally = report.tallies[label] = Tally()
    checked = check_samples(samples, report, tally)
    if choose:
        report.chosen += draw_samples(checked, choose, seed)
    else:
        for _ in checked:
            pass


def check_samples(
    samples: Iterable[Sample | Clip], report: Report, tally: Tally
) -> Iterator[Sample | Clip]:
    """Pass samples on, checking and counting them on the way.

    What is wrong goes to `report`, counts go to `tally`. An error of the reader ends the samples.
    """
    source = iter(samples)
    numbers = set(_decoded_numbers())
    while True:
        try:
            item = next(source)
        except StopIteration:
            tally.complete = True
            return
        except DataFormatError as error:
            report.add(Problem(_MALFORMED, str(error)))
            return
        except OSError as error:
            report.add(Problem("a file cannot be read", str(error)))
            return
        for problem in _problems(item, decode=tally.samples in numbers):
            report.add(problem)
        tally.add(item)
        yield item


def _decoded_numbers() -> Iterator[int]:
    """Say which images are decoded: the first twenty, then ever fewer, however many there are."""
    yield from range(20)
    number = 20.0
    for _ in range(_DECODED - 20):
        number *= 1.5
        yield int(number)


def _compare(report: Report, label: str, rows: list[Figures]) -> None:
    """Compare a split that was read to its end with what sources say of it."""
    tally = report.tallies[label]
    exact = [row for row in rows if not row.about]
    if tally.complete and exact and all(row.samples != tally.samples for row in exact):
        told = " or ".join(f"{row.samples:,} ({row.source})" for row in exact)
        report.add(
            Problem("another number of samples than the card says", label,
                    f"{tally.samples:,} are there, it says {told}")
        )  # fmt: skip


# --- One sample -----------------------------------------------------------------------------------


def _problems(item: Sample | Clip, *, decode: bool) -> Iterator[Problem]:
    where = _name(item)
    try:
        check_sample(item)
    except (TypeError, ValueError) as error:
        yield Problem("labels are not as they should be", where, str(error))
        return
    if isinstance(item, Clip):
        try:
            yield from _clip_problems(item, where)
        except OSError as error:  # a name that is too long for a file, for one
            yield Problem("a clip cannot be read", where, _brief(error))
        return
    size = None
    try:
        size = _image_size(item)
        if decode:
            item.pixels()
    except FileNotFoundError:
        yield Problem("an image is not there", where)
    except Exception as error:  # decoders let many kinds of error through from damaged files
        yield Problem("an image cannot be read", where, _brief(error))
    for name, mask in item.masks.items():
        if isinstance(mask, Path) and not mask.is_file():
            yield Problem("a mask is not there", str(mask), f"mask {name!r} of {where}")
    if size is not None:
        yield from _size_problems(item, size, where)
    for place, instance in _numbered(item.instances, "instances"):
        yield from _instance_problems(instance, place, where, size)


def _name(item: Sample | Clip) -> str:
    if isinstance(item, Sample):
        return item.name
    return str(item.frames) if isinstance(item.frames, Path) else item.name or "clip"


def _identity(item: Sample | Clip) -> Path | int:
    """Return what tells samples apart: the file, or the object where pixels are in memory."""
    source = item.image if isinstance(item, Sample) else item.frames
    return source if isinstance(source, Path) else id(item)


def _brief(error: Exception) -> str:
    return str(error) or type(error).__name__


def _image_size(item: Sample) -> tuple[int, int]:
    """Return width and height as the file's header has them."""
    if isinstance(item.image, np.ndarray):
        return item.image.shape[1], item.image.shape[0]
    try:
        with Image.open(item.image) as image:
            return image.size
    except UnidentifiedImageError:
        raise ValueError("this is no image, or of a format that is not known") from None


def _size_problems(item: Sample, size: tuple[int, int], where: str) -> Iterator[Problem]:
    told = (item.width or size[0], item.height or size[1])
    if told != size:
        detail = f"the labels say {told[0]} x {told[1]}, the file has {size[0]} x {size[1]}"
        yield Problem("an image has another size than its labels say", where, detail)
    for name, mask in item.masks.items():
        if isinstance(mask, np.ndarray) and mask.shape != (size[1], size[0]):
            detail = f"{name!r} is {mask.shape[1]} x {mask.shape[0]}, not {size[0]} x {size[1]}"
            yield Problem("a mask has another size than its image", where, detail)


def _clip_problems(clip: Clip, where: str) -> Iterator[Problem]:
    if not isinstance(clip.frames, Path):
        return
    if clip.frames.is_dir():
        if not any(clip.frames.iterdir()):
            yield Problem("a clip has no frames", where)
    elif not clip.frames.is_file():
        yield Problem("a clip is not there", where)
    elif clip.frames.stat().st_size == 0:
        yield Problem("a clip is an empty file", where)


def _numbered(instances: Iterable[TextInstance], name: str) -> Iterator[tuple[str, TextInstance]]:
    for number, instance in enumerate(instances):
        place = f"{name}[{number}]"
        yield place, instance
        yield from _numbered(instance.parts, f"{place}.parts")


def _instance_problems(
    instance: TextInstance, place: str, where: str, size: tuple[int, int] | None
) -> Iterator[Problem]:
    if instance.text is not None and not instance.text.strip() and not instance.ignore:
        yield Problem("a text is empty", f"{where}, {place}", repr(instance.text), serious=False)
    if size is None:
        return
    slack = max(_SLACK, _SLACK_SHARE * max(size))
    low, high = instance.polygon.min(axis=0), instance.polygon.max(axis=0)
    if (low < -0.5 - slack).any() or (high > np.array(size) - 0.5 + slack).any():
        x0, y0, x1, y1 = (float(value) for value in (*low, *high))
        detail = f"x {x0:g} to {x1:g}, y {y0:g} to {y1:g} in {size[0]} x {size[1]} pixels"
        kind = "a polygon lies outside of its image"
        yield Problem(kind, f"{where}, {place}", detail, serious=False)

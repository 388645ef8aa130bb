"""From pages that were read to files: text, JSON or hOCR in one stream or a folder, and pictures.

=======  ==============  ==========================================================================
format   ending          content
=======  ==============  ==========================================================================
text     ``.txt``        the text of each page and a newline, pages divided by form feeds
json     ``.jsonl``      a page on each line, as :func:`ocrlearn.document.page_to_json` writes it
hocr     ``.hocr``       one document of all pages, as :func:`ocrlearn.engine.hocr.pages_to_hocr`
                         writes it
=======  ==============  ==========================================================================
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

from ocrlearn._validate import check_choice
from ocrlearn.document import Page, page_to_json
from ocrlearn.engine.sources import Source, SourcePage

__all__ = [
    "FORMATS",
    "PICTURE_SUFFIXES",
    "FolderWriter",
    "Pictures",
    "StreamWriter",
    "Writer",
    "is_folder",
    "result_names",
]

FORMATS = {"text": ".txt", "json": ".jsonl", "hocr": ".hocr"}
"""The formats, and the ending of their files."""

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
"""Endings that a picture's name may have."""

FORM_FEED = "\f"


def _render(pages: Sequence[Page], format_name: str) -> str:
    """Write `pages`, at least one, as one document."""
    if format_name == "hocr":
        from ocrlearn.engine.hocr import pages_to_hocr

        return pages_to_hocr(pages)
    if format_name == "json":
        return "".join(page_to_json(page) + "\n" for page in pages)
    return FORM_FEED.join(page.text + "\n" if page.text else "" for page in pages)


def result_names(sources: Sequence[Source]) -> dict[Source, Path]:
    """Where below an output folder the results of each source go, without the format's ending.

    ``scan.png`` becomes ``scan``; where two would be one, ``scan.png`` and ``scan.jpg`` keep their
    endings; and where they still would (``a/scan.png`` and ``b/scan.png``), they are numbered.
    Capitals do not tell two names apart, as on the file systems of macOS and Windows.
    """
    plain = {source: _without_ending(source.relative_path) for source in sources}
    uses = Counter(_folded(path) for path in plain.values())
    names: dict[Source, Path] = {}
    taken: set[str] = set()
    for source, path in plain.items():
        if uses[_folded(path)] > 1:
            path = source.relative_path
        name, number = path, 1
        while _folded(name) in taken:
            number += 1
            name = path.with_name(f"{path.name}-{number}")
        taken.add(_folded(name))
        names[source] = name
    return names


def _without_ending(path: Path) -> Path:
    return path.with_suffix("") if path.stem.strip(".") else path


def _folded(path: Path) -> str:
    return str(path).casefold()


class Writer(Protocol):
    """Takes pages as they are read."""

    def add(self, page: Page, source_page: SourcePage) -> None:
        """Take the next page."""

    def finish(self, source: Source) -> None:
        """Be told that `source` has no more pages."""

    def close(self) -> None:
        """Be told that nothing more comes."""


class StreamWriter:
    """Writes all pages into one stream, each as soon as it is read; hOCR at the end.

    Parameters
    ----------
    stream
        Text file to write to.
    format_name
        A key of :data:`FORMATS`.
    several
        Whether the pages come from more than one source.
    terminal
        Whether a person looks at the stream as it is written. A form feed cannot be seen there, so
        the text of each page is headed by its name instead, unless there is but one.
    """

    def __init__(
        self, stream: TextIO, format_name: str, *, several: bool, terminal: bool = False
    ) -> None:
        self._stream = stream
        self._format = check_choice(format_name, "format_name", FORMATS)
        self._several = several
        self._terminal = terminal
        self._pages: list[Page] = []
        self._started = False

    def add(self, page: Page, source_page: SourcePage) -> None:
        """Write `page`, or keep it where the format needs all pages at once."""
        if self._format == "hocr":
            self._pages.append(page)
            return
        if self._format == "text":
            self._stream.write(self._division(source_page))
        self._stream.write(_render([page], self._format))
        self._stream.flush()
        self._started = True

    def _division(self, source_page: SourcePage) -> str:
        """Return what stands between the pages of a text, or above the first."""
        if self._terminal and (self._several or source_page.count > 1):
            return f"{chr(10) if self._started else ''}── {source_page.name} ──\n\n"
        return FORM_FEED if self._started else ""

    def finish(self, source: Source) -> None:
        """Do nothing: the pages of all sources make one stream."""

    def close(self) -> None:
        """Write what was kept."""
        if self._pages:
            self._stream.write(_render(self._pages, self._format))
        self._stream.flush()


class FolderWriter:
    """Writes one file for each source, when its last page is read.

    Parameters
    ----------
    folder
        Made where it is missing, like the folders below it.
    format_name
        A key of :data:`FORMATS`.
    names
        From :func:`result_names`.
    """

    def __init__(self, folder: Path, format_name: str, names: dict[Source, Path]) -> None:
        self._folder = folder
        self._format = check_choice(format_name, "format_name", FORMATS)
        self._names = names
        self._pages: list[Page] = []

    def add(self, page: Page, source_page: SourcePage) -> None:
        """Keep `page` until its source is finished."""
        self._pages.append(page)

    def finish(self, source: Source) -> None:
        """Write the pages kept; a source of which nothing was read gets no file."""
        if not self._pages:
            return
        path = _below(self._folder, self._names[source], FORMATS[self._format])
        path.write_text(_render(self._pages, self._format), encoding="utf-8", newline="\n")
        self._pages = []

    def close(self) -> None:
        """Do nothing: everything is written."""


class Pictures:
    """Draws each page beside its text and saves the picture.

    Parameters
    ----------
    target
        A picture for a single source; a source of several pages gets one each, numbered. A folder,
        if it ends with a slash or is one already, for any number of sources.
    names
        From :func:`result_names`.
    """

    def __init__(self, target: str, names: dict[Source, Path]) -> None:
        self._target = Path(target)
        self._is_folder = is_folder(target)
        self._names = names

    def add(self, image: Any, page: Page, source_page: SourcePage) -> None:
        """Draw `page` on `image` and save it."""
        from ocrlearn.engine.viz import draw_page
        from ocrlearn.image.read import write

        write(self._path(source_page), draw_page(image, page))

    def _path(self, page: SourcePage) -> Path:
        ending = f"-p{page.number}" if page.count > 1 else ""
        if self._is_folder:
            return _below(self._target, self._names[page.source], ending + ".png")
        return self._target.with_name(self._target.stem + ending + self._target.suffix)


def is_folder(target: str) -> bool:
    """Whether a user who names `target` means a folder: it is one, or ends with a slash."""
    return target.endswith(("/", os.sep)) or os.path.isdir(target)


def _below(folder: Path, name: Path, ending: str) -> Path:
    """Return the path of a result, after making its folder."""
    path = folder / name.with_name(name.name + ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path

"""From what a user names to page images: files, folders, standard input, PDF and its pages.

:func:`find_sources` turns arguments into a list of files, :func:`open_source` a file into its
pages, and :meth:`SourcePage.image` a page into an array, so that a program can say how much there
is to do before it begins and can carry on after a page that cannot be read. Whatever is wrong with
a file becomes a :class:`SourceError`, which names it.
"""

import math
import os
import re
import stat
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from ocrlearn._validate import check_number
from ocrlearn.image.read import MAX_PIXELS, ImageReadError, read_pages

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_BYTES",
    "PageSelection",
    "Source",
    "SourceError",
    "SourcePage",
    "find_sources",
    "open_source",
]

STANDARD_INPUT = "-"

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".webp", ".gif", ".bmp"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".pdf"),
)
"""What is taken from a folder, by the end of its name, in any case. A file that is named is always
tried, whatever it is called: its content decides."""

MAX_BYTES = 512 * 2**20
"""Standard input, and what is not a regular file, is read into memory up to this size."""

POINTS_PER_INCH = 72  # the unit of a PDF page


class SourceError(ValueError):
    """A file or a page that cannot be read; `source` names it, `reason` says why."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


# --- What to read ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """One file to read.

    Attributes
    ----------
    path
        As the user named it, or as found in a folder; ``-`` for standard input.
    folder
        The folder it was found in by :func:`find_sources`, empty if it was named itself.
    """

    path: str
    folder: str = ""

    @property
    def name(self) -> str:
        """The path in characters that can be printed, whatever bytes the file system holds."""
        return os.fsencode(self.path).decode("utf-8", errors="replace")

    @property
    def relative_path(self) -> Path:
        """Where its results belong below an output folder, which is the path inside `folder`."""
        if self.path == STANDARD_INPUT:
            return Path("stdin")
        return Path(
            os.path.relpath(self.path, self.folder) if self.folder else Path(self.path).name
        )


def find_sources(inputs: Sequence[str], on_error: Callable[[SourceError], None]) -> list[Source]:
    """List the files that `inputs` name, in order.

    A folder stands for the images and PDFs in it and in its sub-folders, in the order a person
    would put them (``page2`` before ``page10``); other files, hidden ones and links to folders are
    passed over. Files named themselves are kept as they are, even if they do not exist: opening
    them will say so.

    Parameters
    ----------
    inputs
        Files, folders, or ``-`` for standard input.
    on_error
        Called with a folder that cannot be listed or holds nothing to read.
    """
    sources: list[Source] = []
    for name in inputs:
        if name == STANDARD_INPUT or not os.path.isdir(name):
            sources.append(Source(name))
            continue
        found = list(_walk(name, on_error))
        if not found:
            on_error(SourceError(Source(name).name, "there is no image and no PDF in this folder"))
        sources.extend(Source(path, folder=name) for path in found)
    return sources


def _walk(folder: str, on_error: Callable[[SourceError], None]) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        on_error(SourceError(Source(error.filename).name, _reason(error)))

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted((f for f in folders if not f.startswith(".")), key=_natural)
        for file in sorted(files, key=_natural):
            if not file.startswith(".") and os.path.splitext(file)[1].lower() in IMAGE_SUFFIXES:
                yield os.path.join(place, file)


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sort key that compares runs of digits as numbers; ties are broken by the name itself."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], name


# --- Which pages ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class PageSelection:
    """Pages of a document, counted from 1: ranges ``(first, last)``, `last` None for the end."""

    ranges: tuple[tuple[int, int | None], ...]

    @classmethod
    def parse(cls, text: str) -> "PageSelection":
        """Read a list such as ``1-3,7,10-``.

        Raises
        ------
        ValueError
            If `text` is not such a list.
        """
        ranges: list[tuple[int, int | None]] = []
        for part in text.split(","):
            match = re.fullmatch(r"\s*([0-9]{1,9})\s*(?:(-)\s*([0-9]{1,9})?)?\s*", part)
            first, last = _range(match) if match else (0, 0)
            if first < 1 or (last is not None and last < first):
                raise ValueError(
                    f"pages must be numbers from 1 and ranges such as 1-3,7,10-, got {text!r}"
                )
            ranges.append((first, last))
        return cls(tuple(ranges))

    def of(self, count: int) -> list[int]:
        """List the chosen ones among pages 1 to `count`, in order, each once.

        Raises
        ------
        ValueError
            If a page is asked for that is not there.
        """
        for first, last in self.ranges:
            wanted = first if last is None else last
            if wanted > count:
                pages = "1 page" if count == 1 else f"{count} pages"
                raise ValueError(f"there is no page {wanted}, only {pages}")
        chosen: set[int] = set()
        for first, last in self.ranges:
            chosen.update(range(first, (count if last is None else last) + 1))
        return sorted(chosen)


def _range(match: re.Match[str]) -> tuple[int, int | None]:
    """Read ``7``, ``1-3`` or ``10-``."""
    first, dash, last = match.groups()
    if dash and not last:
        return int(first), None
    return int(first), int(last or first)


ALL_PAGES = PageSelection(((1, None),))


# --- Pages and their images -----------------------------------------------------------------------


@dataclass(frozen=True)
class SourcePage:
    """One page of a source, not yet read.

    Attributes
    ----------
    source
        The file it belongs to.
    number
        Counted from 1.
    count
        How many pages the file has.
    load
        Reads the image.
    """

    source: Source
    number: int
    count: int
    load: Callable[[], NDArray[Any]]

    @property
    def name(self) -> str:
        """The file's name, with the number of the page if it has several."""
        return f"{self.source.name}, page {self.number}" if self.count > 1 else self.source.name

    def image(self) -> NDArray[Any]:
        """Read the page: ``(H, W)`` or ``(H, W, 3)`` uint8.

        Raises
        ------
        SourceError
            If it cannot be read.
        """
        with _named(self.name):
            return self.load()


def open_source(
    source: Source,
    selection: PageSelection = ALL_PAGES,
    *,
    dpi: float = 300,
    max_pixels: int | None = None,
) -> list[SourcePage]:
    """List the chosen pages of a file, without reading them.

    Parameters
    ----------
    source
        An image file, a PDF, or standard input with the content of either. What it is, its content
        decides.
    selection
        Which pages of a PDF or of a TIFF file; other images have one.
    dpi
        Pixels per inch at which the pages of a PDF are drawn.
    max_pixels
        A page with more pixels is refused when its turn comes; by default
        :data:`ocrlearn.image.read.MAX_PIXELS`.

    Raises
    ------
    SourceError
        If the file is not there, may not be read, is an encrypted or a broken PDF, or has no page
        that was asked for. What is wrong with an image shows when it is read.
    """
    check_number(dpi, "dpi", low=0, low_open=True)
    limit = MAX_PIXELS if max_pixels is None else max_pixels
    with _named(source.name):
        content = _content(source)
        beginning = _beginning(content)
        pages: _Pages
        if b"%PDF-" in beginning:  # where PDF readers look for it
            pages = _PdfPages(content, dpi, limit)
        else:
            pages = _ImagePages(content, beginning, limit)
        numbers = selection.of(pages.count)
    return [SourcePage(source, n, pages.count, partial(pages.load, n)) for n in numbers]


_Content = str | bytes  # the path of a regular file, or what came out of anything else


def _content(source: Source) -> _Content:
    if source.path == STANDARD_INPUT:
        if sys.stdin.isatty():
            raise ValueError("standard input is the keyboard; pipe or redirect an image into it")
        return _read_all(sys.stdin.buffer)
    with open(source.path, "rb") as file:  # says so if it is not there or may not be read
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return source.path
        return _read_all(file)  # a pipe can be read only once


def _read_all(file: BinaryIO) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"there are more than {MAX_BYTES // 2**20} MiB; save it as a file first")
    if not data:
        raise ValueError("there is nothing in it")
    return data


def _beginning(content: _Content) -> bytes:
    """Return the first 1024 bytes."""
    if isinstance(content, bytes):
        return content[:1024]
    with open(content, "rb") as file:
        return file.read(1024)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Turn what goes wrong with a file into a :class:`SourceError` that names it."""
    try:
        yield
    except SourceError:
        raise
    except MemoryError:
        raise SourceError(name, "there is not enough memory for it") from None
    except (OSError, ValueError) as error:
        raise SourceError(name, _reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error) or type(error).__name__


class _Pages(Protocol):
    """The pages of one file, counted from 1."""

    count: int

    def load(self, number: int) -> NDArray[np.uint8]: ...


# --- Image files ----------------------------------------------------------------------------------


class _ImagePages:
    """Pages of a TIFF file, or the one of another image file.

    They are decoded one after another, each once if they are asked for in order; to go back, or to
    go on after a damaged page, decoding starts again.
    """

    def __init__(self, content: _Content, beginning: bytes, max_pixels: int) -> None:
        self._content = content
        self._max_pixels = max_pixels
        self._decoded: Iterator[NDArray[np.uint8]] = iter(())
        self._position = 0
        is_tiff = re.match(rb"II[*+]\0|MM\0[*+]", beginning) is not None
        self.count = _count_tiff_pages(content) if is_tiff else 1

    def load(self, number: int) -> NDArray[np.uint8]:
        try:
            if not 0 < self._position < number:
                self._decoded = read_pages(self._content, mode="keep", max_pixels=self._max_pixels)
                self._position = 0
            while self._position < number:
                image = next(self._decoded)
                self._position += 1
            return image
        except StopIteration:
            raise ValueError(f"the file ends after page {self._position}") from None
        except ImageReadError as error:
            self._position = 0
            raise ValueError(_without_name(error, self._content, number)) from None


def _count_tiff_pages(content: _Content) -> int:
    """Count the pages of a TIFF file without decoding them; 1 where even that fails.

    Then reading the first page says what is wrong.
    """
    file = BytesIO(content) if isinstance(content, bytes) else content
    try:
        with warnings.catch_warnings(), TiffImagePlugin.TiffImageFile(file) as image:
            warnings.simplefilter("ignore")
            return int(image.n_frames)
    except Exception:  # broken metadata raises what its parsing happens to meet
        return 1


def _without_name(error: ImageReadError, content: _Content, number: int) -> str:
    """Return the message without the name of the file and the page, which are said already."""
    name = "<bytes>" if isinstance(content, bytes) else content
    message = str(error)
    for prefix in (f"{name}, page {number}: ", f"{name}: ", f"{name}, "):
        if message.startswith(prefix):
            return message.removeprefix(prefix)
    return message


# --- PDF ------------------------------------------------------------------------------------------


class _PdfPages:
    """Pages of a PDF, drawn by PDFium."""

    def __init__(self, content: _Content, dpi: float, max_pixels: int) -> None:
        import pypdfium2

        try:
            self._document = pypdfium2.PdfDocument(content)
            self._document.init_forms()  # so that what was filled into forms is drawn
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                raise ValueError(
                    "the PDF is encrypted; save it without its password first, "
                    "for example with: qpdf --decrypt --password=... IN.pdf OUT.pdf"
                ) from None
            raise ValueError("the PDF is damaged and cannot be opened") from None
        self._scale = dpi / POINTS_PER_INCH
        self._max_pixels = max_pixels
        self.count = len(self._document)

    def load(self, number: int) -> NDArray[np.uint8]:
        import pypdfium2

        try:
            page = self._document[number - 1]
            self._check_size(*page.get_size())
            bitmap = page.render(scale=self._scale, rev_byteorder=True)
            pixels = bitmap.to_numpy()[:, :, :3]
            gray = (pixels == pixels[:, :, :1]).all()
            image = (pixels[:, :, 0] if gray else pixels).copy()  # its memory is PDFium's
            bitmap.close()
            page.close()
        except pypdfium2.PdfiumError:
            raise ValueError("the page is damaged and cannot be drawn") from None
        return image

    def _check_size(self, *points: float) -> None:
        width, height = (math.ceil(side * self._scale) for side in points)
        if width * height > self._max_pixels:
            dpi = self._scale * POINTS_PER_INCH
            raise ValueError(
                f"at {dpi:g} dpi the page would have {width} x {height} pixels, "
                f"more than the {self._max_pixels} allowed; ask for a lower dpi"
            )

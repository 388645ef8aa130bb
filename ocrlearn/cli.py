"""The command line: ``ocrlearn read``, ``methods``, ``tour``, ``doctor``, the learner's commands.

What a command needs is imported when it runs, so that ``ocrlearn --help`` is quick. Results go to
standard output, everything else to standard error; a file that cannot be read is named there and
does not stop the rest.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ocrlearn import __version__
from ocrlearn.course import cli as course
from ocrlearn.course.tour import tour
from ocrlearn.data import cli as data
from ocrlearn.document import Page, page_to_json
from ocrlearn.methods import METHODS

if TYPE_CHECKING:
    from ocrlearn.engine.results import Pictures, Writer
    from ocrlearn.engine.sources import PageSelection, Source, SourcePage
    from ocrlearn.methods import Reader

__all__ = ["app", "main"]

SOME_FAILED, INTERRUPTED = 1, 130  # exit status; 0 is success, 2 a wrong command

DEFAULT_METHOD = "classical"

app = typer.Typer(
    name="ocrlearn",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
Examples:

    ocrlearn read letter.jpg                  # its text
    ocrlearn read letter.jpg --show seen.png  # a picture of what was found
    ocrlearn read scans/ --output texts/      # a text file for each image
    ocrlearn tour                             # one photograph, every method
    ocrlearn start my-course                  # the chapters, to work in
    ocrlearn data list                        # data sets to get or to make
    ocrlearn doctor                           # what works on this computer

`ocrlearn COMMAND --help` says more about each.""",
)


def main() -> None:
    """Run the command line as a process: UTF-8 in pipes, and a closed pipe ends it quietly."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ocrlearn {__version__}")
        raise typer.Exit


@app.callback()
def _ocrlearn(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say which it is."),
    ] = False,
) -> None:
    """Read documents with methods you can understand, and learn how each of them works."""


# --- read -----------------------------------------------------------------------------------------


def _known_method(name: str) -> str:
    if name not in METHODS:
        raise typer.BadParameter(f"there is no {name!r}; there are {', '.join(METHODS)}")
    return name


@app.command(rich_help_panel="Read")
def read(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="Images, PDFs, folders of them (with sub-folders), or - for standard input.",
        ),
    ],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            "-m",
            metavar="NAME",
            callback=_known_method,
            help=f"{', '.join(METHODS)}; see `ocrlearn methods`.",
        ),
    ] = DEFAULT_METHOD,
    as_text: Annotated[
        bool, typer.Option("--text", help="Write plain text (the default).")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write each page as a line of JSON: words and places.")
    ] = False,
    as_hocr: Annotated[
        bool, typer.Option("--hocr", help="Write hOCR, for searchable PDFs and viewers.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Write into this file, or into a folder (FOLDER/), a file for each input.",
        ),
    ] = None,
    show: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Draw what was found beside its text: a picture, or a folder of pictures.",
        ),
    ] = None,
    pages: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Only these pages of a PDF or TIFF, such as 1-3,7,10-"),
    ] = None,
    dpi: Annotated[
        float,
        typer.Option(min=10, max=2400, metavar="N", help="Pixels per inch for the pages of a PDF."),
    ] = 300,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default=False,
            help="Refuse images with more pixels than this; 75 million by default.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress bar, no remarks; only errors.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where a method failed, for bug reports.")
    ] = False,
) -> None:
    """Read the text of images and documents.

    The text goes to standard output, pages divided by form feeds. A file that cannot be read is
    named on standard error and does not stop the rest. The exit status is 0 when all were read, 1
    when some could not be, 2 when the command itself was wrong.

        ocrlearn read page.jpg
        ocrlearn read page.jpg --show seen.png
        ocrlearn read scans/ --output texts/ --show pictures/
        ocrlearn read report.pdf --pages 1-3,7 --hocr -o report.hocr
        cat scan.png | ocrlearn read - --json | jq -r .text
    """
    from ocrlearn.engine.results import Pictures, result_names
    from ocrlearn.engine.sources import find_sources

    format_name = _one_format(text=as_text, json=as_json, hocr=as_hocr)
    selection = _selection(pages)
    messages = _Messages(quiet=quiet)
    sources = find_sources(inputs, messages.failure)
    names = result_names(sources)
    output = None if output == "-" else output
    _check_targets(names, output, show)
    if not sources:
        raise typer.Exit(SOME_FAILED)
    try:
        reader = _load(method)
        with _writer(names, format_name, output) as writer:
            job = _Job(
                method=method,
                reader=reader,
                selection=selection,
                dpi=dpi,
                max_pixels=max_pixels,
                writer=writer,
                pictures=Pictures(show, names) if show else None,
                messages=messages,
                traceback=traceback,
            )
            with _Progress(len(sources), shown=not quiet and _is_free(output)) as progress:
                job.run(sources, progress)
    except _FatalError as error:
        messages.say(str(error))
        raise typer.Exit(SOME_FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if messages.failures:
        raise typer.Exit(SOME_FAILED)


# --- What was asked for ---------------------------------------------------------------------------


def _one_format(**wanted: bool) -> str:
    chosen = [name for name, on in wanted.items() if on]
    if len(chosen) > 1:
        options = " and ".join(f"--{name}" for name in chosen)
        raise typer.BadParameter(f"{options} exclude each other")
    return chosen[0] if chosen else "text"


def _selection(pages: str | None) -> "PageSelection":
    from ocrlearn.engine.sources import ALL_PAGES, PageSelection

    try:
        return ALL_PAGES if pages is None else PageSelection.parse(pages)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--pages") from None


def _check_targets(names: dict["Source", Path], output: str | None, show: str | None) -> None:
    """Refuse targets that cannot be meant, before any work is done."""
    from ocrlearn.engine.results import is_folder

    for option, target in (("--output", output), ("--show", show)):
        if target is None:
            continue
        if any(_same_file(target, source.path) for source in names):
            raise typer.BadParameter(f"{target} is one of the inputs", param_hint=option)
        parent = Path(target).parent
        if not is_folder(target) and not parent.is_dir():
            raise typer.BadParameter(f"there is no folder {parent}", param_hint=option)
    if show is not None:
        problem = _folder_problem(names, show) if is_folder(show) else _picture_problem(names, show)
        if problem:
            raise typer.BadParameter(problem, param_hint="--show")


def _folder_problem(names: dict["Source", Path], show: str) -> str:
    """Say why pictures must not go into the folder `show`: they could replace what was read."""
    of_inputs = {os.path.realpath(os.path.dirname(source.path)) for source in names}
    of_pictures = {os.path.realpath(Path(show) / name.parent) for name in names.values()}
    return f"{show} holds inputs; name another folder" if of_inputs & of_pictures else ""


def _picture_problem(names: dict["Source", Path], show: str) -> str:
    """Say why `show` cannot be the name of the picture."""
    from ocrlearn.engine.results import PICTURE_SUFFIXES

    stem, suffix = os.path.splitext(show)
    if len(names) > 1:
        return f"there are several inputs; name a folder, such as {stem}/"
    if suffix.lower() not in PICTURE_SUFFIXES:
        return f"{show} must end in one of {', '.join(PICTURE_SUFFIXES)}, or in / for a folder"
    return ""


def _same_file(target: str, path: str) -> bool:
    return os.path.exists(target) and os.path.exists(path) and os.path.samefile(target, path)


# --- What the user is told ------------------------------------------------------------------------


def _is_free(output: str | None) -> bool:
    """Whether no text appears at the terminal, so that a progress bar may."""
    return output is not None or not sys.stdout.isatty()


class _FatalError(Exception):
    """What makes going on useless; the message says what."""


class _Messages:
    """Writes to standard error, and counts the failures."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.failures = 0

    def say(self, message: str) -> None:
        typer.echo(f"ocrlearn: {message}", err=True)

    def remark(self, message: str) -> None:
        if not self.quiet:
            self.say(message)

    def failure(self, error: Exception | str) -> None:
        self.failures += 1
        self.say(str(error))


class _Progress:
    """A progress bar on standard error, at a terminal and for more than one page only.

    Where the text itself appears on the same terminal there is none, for the text shows how far
    the work is.
    """

    def __init__(self, sources: int, *, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as TimeLeft

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft()
        self._bar = Progress(
            *columns,
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            disable=not (shown and sys.stderr.isatty()),
        )
        self._task = self._bar.add_task("", total=sources, visible=sources > 1)
        self._total = sources

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def more(self, pages: int) -> None:
        """Be told that a file holds so many pages more than the one that was counted for it."""
        self._total += pages
        self._bar.update(self._task, total=self._total, visible=self._total > 1)

    def at(self, name: str) -> None:
        """Be told what comes next."""
        from rich.markup import escape

        self._bar.update(self._task, description=escape(name))

    def done(self) -> None:
        """Be told that a page is done."""
        self._bar.advance(self._task)


# --- The work -------------------------------------------------------------------------------------


def _load(method: str) -> "Reader":
    try:
        return METHODS[method].load()
    except (ImportError, OSError, ValueError) as error:
        raise _FatalError(f"the method {method} cannot be loaded: {error}") from None


@contextmanager
def _writer(
    names: dict["Source", Path], format_name: str, output: str | None
) -> Iterator["Writer"]:
    """Open what the results are written to, and close it after the work."""
    from ocrlearn.engine.results import FolderWriter, StreamWriter, is_folder

    writer: Writer
    with _writing(output or "standard output"), ExitStack() as files:
        if output is None:
            writer = StreamWriter(
                sys.stdout, format_name, several=len(names) > 1, terminal=sys.stdout.isatty()
            )
        elif is_folder(output):
            writer = FolderWriter(Path(output), format_name, names)
        else:
            file = files.enter_context(open(output, "w", encoding="utf-8", newline="\n"))
            writer = StreamWriter(file, format_name, several=len(names) > 1)
        yield writer
        writer.close()


@contextmanager
def _writing(target: str) -> Iterator[None]:
    """Name what cannot be written. Nothing else in here raises an OSError."""
    try:
        yield
    except OSError as error:
        name = error.filename or target
        raise _FatalError(f"cannot write {name}: {error.strerror or error}") from None


@dataclass
class _Job:
    """What stays the same from page to page."""

    method: str
    reader: "Reader"
    selection: "PageSelection"
    dpi: float
    max_pixels: int | None
    writer: "Writer"
    pictures: "Pictures | None"
    messages: _Messages
    traceback: bool

    def run(self, sources: Sequence["Source"], progress: _Progress) -> None:
        """Read all `sources`; what cannot be read is named and passed over."""
        for source in sources:
            progress.at(source.name)
            pages = self._pages(source)
            progress.more(len(pages) - 1)
            for source_page in pages:
                progress.at(source_page.name)
                self._do_page(source_page)
                progress.done()
            self.writer.finish(source)

    def _pages(self, source: "Source") -> list["SourcePage"]:
        from ocrlearn.engine.sources import SourceError, open_source

        try:
            return open_source(source, self.selection, dpi=self.dpi, max_pixels=self.max_pixels)
        except SourceError as error:
            self.messages.failure(error)
            return []

    def _do_page(self, source_page: "SourcePage") -> None:
        from ocrlearn.engine.sources import SourceError

        try:
            image = source_page.image()
            page = self._read(image, source_page)
        except SourceError as error:
            self.messages.failure(error)
            return
        except Exception as error:  # a method's bug on one page must not stop the rest
            self._method_failed(source_page, error)
            return
        try:
            self.writer.add(page, source_page)
            if self.pictures:
                self.pictures.add(image, page, source_page)
        except ValueError as error:  # places that make no picture
            self._method_failed(source_page, error)

    def _method_failed(self, source_page: "SourcePage", error: Exception) -> None:
        if self.traceback:
            raise error
        self.messages.failure(
            f"{source_page.name}: the method {self.method} failed with "
            f"{type(error).__name__}: {error} (--traceback shows where)"
        )

    def _read(self, image: Any, source_page: "SourcePage") -> Page:
        page = self.reader.read(image)
        page_to_json(page)  # refuses places and scores that are no numbers
        for note in page.notes:
            self.messages.remark(f"{source_page.name}: {note}")
        return replace(page, source=source_page.source.name, page_number=source_page.number)


# --- The other commands ---------------------------------------------------------------------------


@app.command(rich_help_panel="Read")
def methods() -> None:
    """List what can read a page, simplest first."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("method", style="bold", no_wrap=True)
    table.add_column("how it reads")
    table.add_column("chapter", justify="right")
    for method in METHODS.values():
        table.add_row(method.name, f"{method.title}: {method.description}", f"{method.chapter:02d}")
    Console().print(table)


@app.command(rich_help_panel="Computer")
def doctor() -> None:
    """Say what works on this computer, and what would help.

    Looks at versions, the GPU, the CUDA emulator and the compile check.

    A missing GPU is no fault: the course needs none. Put the output into a bug report.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ocrlearn.doctor import examine

    table = Table.grid(padding=(0, 2))
    for finding in examine():
        mark = "[green]✓[/]" if finding.works else "[yellow]–[/]"
        text = Text(finding.text)
        if finding.advice:
            text.append(f"\n{finding.advice}", style="dim")
        table.add_row(mark, finding.subject, text)
    Console().print(table)


app.add_typer(data.app, rich_help_panel="Data")

for command in (tour, course.start, course.check, course.hint, course.solution):
    app.command(rich_help_panel="Learn")(command)


if __name__ == "__main__":
    main()

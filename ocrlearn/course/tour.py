"""``ocrlearn tour``: one photograph, read by every method there is, and the way to the chapters."""

import importlib.util
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ocrlearn.document import Page
from ocrlearn.methods import METHODS, Method

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["tour"]

WIDTH = 80
WRONG = "bold red underline"


@dataclass(frozen=True)
class _Reading:
    """How one method did: what it read, its character error rate, and how long it took."""

    method: Method
    page: Page
    error_rate: float
    seconds: float


def tour(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the annotated picture.")
    ] = Path("out"),
    lab: Annotated[
        bool, typer.Option("--lab/--no-lab", help="Open JupyterLab at the end, at a terminal.")
    ] = True,
) -> None:
    """Read one photograph with every method, and show the way to the chapters.

    The photograph is `skimage.data.page()`: small, bent and badly lit. The tour prints what each
    method reads in it and how many characters are wrong, and draws what the last one found.
    """
    from rich.console import Console

    try:
        from ocrlearn.course.page import PAGE_TEXT, page_image

        image = page_image()
    except ModuleNotFoundError as error:
        typer.echo(f"the tour needs {error.name}: pip install 'ocrlearn[course]'", err=True)
        raise typer.Exit(1) from None
    console = Console(highlight=False)
    console.width = min(console.width, WIDTH)
    console.print(f"\n[bold]One photograph, {len(METHODS)} methods[/]  skimage.data.page()")
    if console.color_system:
        console.print(
            f"Marked: what was [{WRONG}]read wrongly[/], [{WRONG}]_[/] where it is missing"
        )
    console.print()
    readings = []
    for method in METHODS.values():
        with console.status(f"{method.name} is reading ..."):
            readings.append(_read(method, image, PAGE_TEXT))
        _print_reading(console, readings[-1], PAGE_TEXT)
    _print_table(console, readings)
    _draw(console, image, readings[-1], output)
    folder = _print_chapters(console)
    if lab and folder is not None:
        _open_lab(console, folder)


def _read(method: Method, image: Any, truth: str) -> _Reading:
    """Read `image`; what is compiled on first use is compiled before the clock starts."""
    from ocrlearn.text import cer

    try:
        reader = method.load()
    except (ImportError, OSError, ValueError) as error:
        _give_up(f"the method {method.name} cannot be loaded: {error}")
    reader.read(image[: len(image) // 3])
    start = time.perf_counter()
    page = reader.read(image)
    seconds = time.perf_counter() - start
    return _Reading(method, page, cer(truth, page.text), seconds)


def _give_up(reason: str) -> NoReturn:
    typer.echo(f"ocrlearn: {reason}", err=True)
    raise typer.Exit(1)


# --- What is printed ------------------------------------------------------------------------------


def _print_reading(console: "Console", reading: _Reading, truth: str) -> None:
    from rich import box
    from rich.panel import Panel

    method = reading.method
    console.print(
        Panel(
            _text(truth, reading.page.text, marked=console.color_system is not None),
            title=f"[bold]{method.name}[/]  {method.title}",
            subtitle=f"{reading.error_rate:.1%} wrong  {reading.seconds:.1f} s",
            title_align="left",
            subtitle_align="right",
            box=box.ROUNDED,
            border_style="dim",
            padding=(0, 1),
        )
    )


def _text(truth: str, read: str, *, marked: bool) -> "Text":
    """Mark what was read wrongly, and put ``_`` where a character is missing; or neither."""
    from rich.text import Text

    from ocrlearn.text import align

    if not marked:
        return Text(read)
    text = Text()
    for edit in align(truth, read):
        if edit.truth == edit.read or (edit.truth.isspace() and edit.read.isspace()):
            text.append(edit.read)
        else:
            text.append(edit.read or "_", style=WRONG)
    return text


def _print_table(console: "Console", readings: list[_Reading]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("method", style="bold", no_wrap=True)
    table.add_column("how it reads")
    table.add_column("chapter", justify="right")
    table.add_column("characters\nwrong", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right")
    for reading in readings:
        method = reading.method
        table.add_row(
            method.name,
            method.description,
            f"{method.chapter:02d}",
            f"{reading.error_rate:.1%}",
            f"{reading.seconds:.1f}",
        )
    console.print(table)


# --- The picture and the chapters -----------------------------------------------------------------


def _draw(console: "Console", image: Any, reading: _Reading, folder: Path) -> None:
    from ocrlearn.engine.viz import draw_page
    from ocrlearn.image.read import write

    path = folder / "page.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(path, draw_page(image, reading.page))
    except OSError as error:
        _give_up(f"cannot write {path}: {error.strerror or error}")
    console.print(f"[bold]{path}[/]  what {reading.method.name} found, drawn on the photograph\n")


def _print_chapters(console: "Console") -> Path | None:
    """List the chapters and how to open them; return their folder, if they are here."""
    try:
        from ocrlearn.course.chapters import chapters, home

        found = [chapter for chapter in chapters() if chapter.notebook.is_file()]
        folder = home() / "notebooks"
    except (ModuleNotFoundError, FileNotFoundError):
        found, folder = [], Path()
    if not found:
        console.print("No chapters here: they come with a checkout; `make notebooks` builds them.")
        return None
    console.print("[bold]Chapters[/]")
    for chapter in found:
        console.print(f"  {chapter.code}  {chapter.title}  [dim]{chapter.minutes} minutes[/]")
    console.print("\n[bold]Next[/]")
    for command, effect in [
        ("ocrlearn start my-course", "a copy of the chapters to work in"),
        (f"jupyter lab {_short(folder)}", "open the chapters as they are"),
        ("ocrlearn read FILE", "read an image or a PDF of your own"),
    ]:
        console.print(f"  {_runnable(command)}", soft_wrap=True)
        console.print(f"      [dim]{effect}[/]")
    return folder


def _short(path: Path) -> Path:
    """`path` from the current folder, if it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _runnable(command: str) -> str:
    """`command` with the path of its program where the shell would not find it."""
    import shutil

    program, _, rest = command.partition(" ")
    beside = Path(sys.executable).with_name(program)
    if shutil.which(program) or not beside.exists():
        return command
    return f"{_short(beside)} {rest}"


def _at_terminal() -> bool:
    return sys.stdout.isatty()


def _open_lab(console: "Console", folder: Path) -> None:
    """Become JupyterLab, if there is somebody to use it."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # JupyterLab refuses to run as root
    installed = importlib.util.find_spec("jupyterlab") is not None
    if not _at_terminal() or os.environ.get("CI") or root or not installed:
        return
    console.print("\nOpening JupyterLab; Ctrl+C twice ends it.\n")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", str(folder)])

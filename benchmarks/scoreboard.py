"""Score every method of the course on every benchmark, and keep the table.

`make scoreboard` runs this. See `python benchmarks/scoreboard.py --help`.
"""

import os
import platform
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from peers import Tesseract
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ocrlearn.data.benchmarks import GENERATED, folder_benchmark, photograph_benchmark
from ocrlearn.engine import scoreboard as board
from ocrlearn.image.binarize import binarize, clean_binarize
from ocrlearn.image.convert import to_gray
from ocrlearn.methods import METHODS

DOCUMENT = Path(__file__).parents[1] / "docs" / "scoreboard.md"

BINARIZATIONS = {
    "otsu": ("Otsu", lambda image: binarize(to_gray(image), "otsu")),
    "niblack": ("Niblack", lambda image: binarize(to_gray(image), "niblack")),
    "sauvola": ("Sauvola", lambda image: binarize(to_gray(image), "sauvola")),
    "wolf": ("Wolf", lambda image: binarize(to_gray(image), "wolf")),
    "cleaned": ("Sauvola between two cleanings", clean_binarize),
}
QUICK = {"line": 6, "page": 1}

HELP = """
Score every method of the course on every benchmark.

The benchmarks are generated, from fixed seeds, with a truth that is exact; one
is a real photograph. The scores go to benchmarks/results/scoreboard.json, and
from there into the tables of docs/scoreboard.md and of chapter 1.

[bold]Examples[/], each after [bold]python benchmarks/scoreboard.py[/]:

  (nothing)                        measure and keep everything; some minutes
  --quick                          a glance; nothing is kept
  -m classical -b photograph       one method on one benchmark
  --update -m NAME                 add one method to the stored table
  --update --folder notes=DIR      add your own images to it

DIR holds images and a file labels.jsonl, which has on each line
{"file": "scan1.png", "text": "what stands there"}.
"""


def main(
    methods: Annotated[
        list[str] | None,
        typer.Option("--method", "-m", help="Only this method; may be repeated.", metavar="NAME"),
    ] = None,
    benchmarks: Annotated[
        list[str] | None,
        typer.Option(
            "--benchmark", "-b", help="Only this benchmark; may be repeated.", metavar="NAME"
        ),
    ] = None,
    folders: Annotated[
        list[str] | None,
        typer.Option("--folder", help="A benchmark of your own images.", metavar="NAME=DIR"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few images of each benchmark; nothing is kept.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Keep the stored scores that are not measured anew."),
    ] = False,
    peers: Annotated[
        bool, typer.Option(help="Also run other programs, where they are installed.")
    ] = True,
) -> None:
    """Run what was asked for, print the tables and keep them."""
    partial = bool(methods or benchmarks)
    console = Console()
    chosen = choose_benchmarks(benchmarks, folders)
    readers = choose_methods(methods)
    scores = measure(chosen, readers, console, quick=quick, peers=peers and not methods)
    titles = all_titles(chosen)
    console.print(Markdown(board.glance_table(scores, titles)))
    console.print(Markdown(board.detail_table(scores, titles)))
    if quick or (partial and not update):
        why = "a quick run" if quick else "a part of the table; --update would add it"
        console.print(f"Nothing was kept: this was {why}.")
        return
    machine = describe_machine()
    if update:
        scores = merged(scores, machine, console)
    board.save_scores(scores, board.results_path(), machine=machine)
    write_document(scores, machine, titles)
    console.print(f"Kept in {board.results_path()} and {DOCUMENT}.")


# --- What to run ----------------------------------------------------------------------------------


def choose_benchmarks(names, folders):
    """Return the benchmarks asked for, by name; all that come with the project by default."""
    known = {**GENERATED, "photograph": photograph_benchmark()}
    own = {}
    for argument in folders or []:
        name, equals, folder = argument.partition("=")
        if not (name and equals and folder):
            raise typer.BadParameter(f"--folder wants NAME=DIR, got {argument!r}")
        if name in known or name in own:
            raise typer.BadParameter(f"there is a benchmark {name!r} already; choose another name")
        try:
            own[name] = folder_benchmark(name, folder)
        except (OSError, ValueError) as error:
            raise typer.BadParameter(str(error)) from None
    if names is None:
        return {**known, **own}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"no benchmark {name!r}; there are {', '.join(known)}")
    return {**{name: known[name] for name in names}, **own}


def choose_methods(names):
    """Return the methods asked for, by name; all by default."""
    if names is None:
        return METHODS
    for name in names:
        if name not in METHODS:
            raise typer.BadParameter(f"no method {name!r}; there are {', '.join(METHODS)}")
    return {name: METHODS[name] for name in names}


def all_titles(benchmarks):
    """Return what tables call the benchmarks and methods."""
    return {
        **{name: benchmark.title for name, benchmark in GENERATED.items()},
        **{name: benchmark.title for name, benchmark in benchmarks.items()},
        "photograph": photograph_benchmark().title,
        **{name: method.title for name, method in METHODS.items()},
        **{name: title for name, (title, _) in BINARIZATIONS.items()},
    }


# --- Measuring ------------------------------------------------------------------------------------


def measure(benchmarks, methods, console, *, quick, peers):
    """Run every method on every benchmark and return the scores."""
    scores = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        loading = progress.add_task("loading the methods", total=len(methods))
        readers = {}
        for name, method in methods.items():
            readers[name] = method.load()
            progress.advance(loading)
        progress.remove_task(loading)
        for benchmark in benchmarks.values():
            limit = QUICK[benchmark.unit] if quick else None
            making = progress.add_task(f"{benchmark.title}: images", total=limit or benchmark.size)
            samples = []
            for sample in benchmark.images(limit):
                samples.append(sample)
                progress.advance(making)
            progress.remove_task(making)
            scores += score_one_benchmark(benchmark, samples, readers, progress, peers=peers)
    return scores


def score_one_benchmark(benchmark, samples, readers, progress, *, peers):
    """Run every method, and every peer that is installed, on the samples of one benchmark."""
    scores = []
    common = {"benchmark": benchmark.name, "unit": benchmark.unit}
    for name, reader in readers.items():
        task = progress.add_task(f"{benchmark.title}: {name}", total=len(samples))
        score = board.score_reading(
            reader,
            samples,
            method=name,
            parameters=count_parameters(reader),
            after_each=lambda task=task: progress.advance(task),
            **common,
        )
        scores.append(score)
        progress.remove_task(task)
    peer = Tesseract.version() if peers else None
    if peer:
        scores.append(
            board.score_reading(
                Tesseract(benchmark.unit), samples, method=peer, peer=True, warm_up=False, **common
            )
        )
    if benchmark.name == "pages_photographed":
        for name, (_, find_ink) in BINARIZATIONS.items():
            scores.append(board.score_binarization(find_ink, samples, method=name, **common))
    return scores


def count_parameters(reader):
    """Return how many trained numbers a reader has, or None if it does not tell."""
    classifier = getattr(reader, "classifier", None)
    if classifier is None:
        return None
    return sum(value.size for value in vars(classifier).values() if isinstance(value, np.ndarray))


# --- Keeping --------------------------------------------------------------------------------------


def describe_machine():
    """Return what the times were measured on and with."""
    return {
        "processor": processor_name(),
        "cores": str(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("ocrlearn", "numpy", "scipy", "numba", "pillow")},
        "load": load_average(),
        "date": date.today().isoformat(),
    }


def load_average():
    """Return how many processes wanted a core while the times were taken, ours included."""
    if not hasattr(os, "getloadavg"):
        return "unknown"
    return f"{os.getloadavg()[2]:.1f} on average over a quarter of an hour, this run included"


def processor_name():
    """Return the name of the processor as far as the system tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def merged(scores, machine, console):
    """Add `scores` to those stored, replacing what was measured anew."""
    try:
        stored, before = board.load_scores()
    except FileNotFoundError:
        return scores
    if before.get("processor") != machine["processor"]:
        console.print(
            f"[yellow]The stored times were measured on {before.get('processor')}; "
            "those not measured anew are not comparable.[/]"
        )
    new = {(score.benchmark, score.method) for score in scores}
    kept = [score for score in stored if (score.benchmark, score.method) not in new]
    order = list(dict.fromkeys(score.benchmark for score in stored + scores))
    return sorted(kept + scores, key=lambda score: order.index(score.benchmark))


def write_document(scores, machine, titles):
    """Put the tables between the markers of the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    read = [score for score in scores if score.cer is not None]
    found_ink = [score for score in scores if score.ink_f is not None]
    tables = {
        "at a glance": board.glance_table(read, titles),
        "in detail": board.detail_table(read, titles),
        "ink": board.detail_table(found_ink, titles),
        "machine": "\n".join(f"- {name}: {value}" for name, value in machine.items()),
    }
    for name, table in tables.items():
        text = board.replace_between_markers(text, name, table)
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)
    app.command(help=HELP)(main)
    app()

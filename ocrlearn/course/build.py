"""Build the notebooks: ``python -m ocrlearn.course.build [NN ...] [--force] [--check]``.

A teacher who grades with nbgrader adds ``--nbgrader source``: nothing is built, and the chapters
are written to that folder as assignments, solutions and all.

Each lesson becomes an executed notebook. One that is in step with its lesson is left alone; in step
means: made from the same lesson and exercise module (their hash is stored in the notebook), by the
same format, and executed from top to bottom without an error. A change of the library does not make
a notebook stale, because nbval runs every notebook against the library in the tests; ``--force``
rebuilds it all the same. ``--check`` builds nothing: it lists what is not in step, and what
:mod:`ocrlearn.course.proof` finds wrong with exercises and marked code.
"""

import argparse
import importlib
import os
import re
import sys
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from ocrlearn.course.chapters import Chapter, allowed_seconds, chapters, find_chapter, home
from ocrlearn.course.notebook import compose, plain, read_lesson, source_hash
from ocrlearn.course.proof import chapter_problems

__all__ = ["BuildError", "build", "main", "problems"]

KERNEL_SETTINGS = {
    "PYTHONHASHSEED": "0",
    "TQDM_DISABLE": "1",  # progress bars show how long things took, not what came out
    "OMP_NUM_THREADS": "2",
    "NUMBA_NUM_THREADS": "2",
}
"""What a chapter is executed with, so that its outputs come out the same on every machine."""


PICTURE_LIMIT = 150_000
PLAYER_LIMIT = 1_000_000
"""The most bytes of a figure, and of a piece of HTML that holds several."""


class BuildError(Exception):
    """A chapter that cannot be built; the message names lesson, cell and line."""


def build(chapter: Chapter, progress: Any = None) -> float:
    """Execute a chapter and write its notebook.

    Parameters
    ----------
    chapter
        From :func:`ocrlearn.course.chapters.chapters`.
    progress
        Called as ``progress(done, total)`` after every cell.

    Returns
    -------
    float
        Seconds the notebook ran for, kernel start included.

    Raises
    ------
    BuildError
        If a cell fails, or writes to standard error, or the run exceeds the chapter's budget.
    """
    import nbformat

    notebook = compose(chapter)
    chapter.notebook.parent.mkdir(parents=True, exist_ok=True)
    seconds = _execute(notebook, chapter, progress)
    _normalise(notebook)
    found = output_problems(notebook)
    if found:
        raise BuildError("\n".join(f"{chapter.lesson.name}: {problem}" for problem in found))
    if seconds > allowed_seconds(chapter.budget):
        raise BuildError(
            f"{chapter.lesson.name} ran for {seconds:.0f} s; its budget is {chapter.budget} s "
            "(OCRLEARN_BUDGET_FACTOR stretches it on a slow or busy machine)"
        )
    temporary = chapter.notebook.with_suffix(".tmp")
    nbformat.write(notebook, temporary)
    os.replace(temporary, chapter.notebook)
    return seconds


def problems(chapter: Chapter) -> list[str]:
    """Return in what the notebook of a chapter is not in step with its lesson; empty if it is."""
    import nbformat

    if not chapter.notebook.exists():
        return ["not built yet"]
    try:
        notebook = nbformat.read(chapter.notebook, as_version=4)
    except Exception as error:
        return [f"it cannot be read: {str(error)[:200]}"]
    stored = notebook.metadata.get("ocrlearn", {}).get("source_hash")
    if stored != source_hash(chapter):
        return ["the lesson or its exercises have changed since it was built"]
    wanted = compose(chapter)
    if notebook.metadata != wanted.metadata:
        return ["its metadata were changed by hand or by another version of the build"]
    if len(notebook.cells) != len(wanted.cells):
        return [f"it has {len(notebook.cells)} cells, its lesson makes {len(wanted.cells)}"]
    found = []
    for number, (cell, model) in enumerate(zip(notebook.cells, wanted.cells, strict=True), start=1):
        for key in ("cell_type", "id", "source", "metadata"):
            if cell[key] != model[key]:
                found.append(f"cell {number}: its {key} is not what its lesson makes")
    return found + output_problems(notebook)


def output_problems(notebook: Any) -> list[str]:
    """Return what is wrong with the outputs of an executed notebook, one line each."""
    found = []
    expected = 0
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code":
            continue
        if cell.source.strip():
            expected += 1
            if cell.execution_count != expected:
                found.append(
                    f"cell {number}: execution count {cell.execution_count}, expected {expected}"
                )
        compared = "nbval-check-output" in cell.metadata.get("tags", [])
        if compared and not cell.outputs:
            found.append(f"cell {number}: tagged nbval-check-output but has no output to compare")
        for output in cell.outputs:
            found += [f"cell {number}: {what}" for what in _output_problems(output, compared)]
    return found


def _output_problems(output: Any, compared: bool) -> list[str]:
    if output.output_type == "error":
        return [f"error output {output.ename}: {output.evalue}"]
    if output.output_type == "stream" and output.name == "stderr":
        first = plain(output.text).strip().split("\n")[0]
        return [f"writes to standard error ({first}); mend the cause or silence it"]
    data = {"text/plain": output.text} if output.output_type == "stream" else output.data
    found = _text_problems(str(data.get("text/plain", "")))
    pictures = _Pictures(str(data.get("text/html", "")))
    found += pictures.problems
    bare = sorted(kind for kind in data if kind.startswith("image/"))
    if bare:
        found.append(f"shows {bare[0]} without alt text; use figures.show(figure, alt=...)")
    if compared and (bare or pictures.count):
        found.append("tagged nbval-check-output but shows a picture; compare numbers instead")
    return found


def _text_problems(text: str) -> list[str]:
    found = []
    if address := re.search(r"\bat 0x[0-9a-f]+", text):
        found.append(f"prints an object's address ({address[0]}); end the last line with ';'")
    for private in (Path.home(), home().resolve()):
        if len(private.parts) > 1 and str(private) in text:
            found.append(f"prints the path {private} of this machine")
    return found


class _Pictures(HTMLParser):
    """What is wrong with the pictures in a piece of HTML."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.count = 0
        self.problems: list[str] = []
        self.feed(source)
        if len(source) > PLAYER_LIMIT:
            self.problems.append(f"shows {len(source) // 1000} kB of HTML; at most 1000 kB")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "img":
            return
        self.count += 1
        given = dict(attrs)
        source = given.get("src") or ""
        if not (given.get("alt") or "").strip():
            self.problems.append("shows a picture without alt text")
        if not source.startswith("data:"):
            self.problems.append(f"shows a picture from elsewhere, {source[:60]}; store it inside")
        size = len(source) * 3 // 4
        if size > PICTURE_LIMIT + 100:
            self.problems.append(f"shows a picture of {size // 1000} kB; at most 150 kB")


def _execute(notebook: Any, chapter: Chapter, progress: Any) -> float:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    done = 0
    current = 0

    def started(cell: Any, cell_index: int) -> None:
        nonlocal current
        current = cell_index

    def finished(cell: Any, cell_index: int, execute_reply: Any) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    client = NotebookClient(
        notebook,
        timeout=int(2 * allowed_seconds(chapter.budget)) + 30,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        on_cell_start=started,
        on_cell_executed=finished,
        resources={"metadata": {"path": str(chapter.notebook.parent)}},
    )
    # On a fresh machine matplotlib's font cache is built here, and not while a chapter runs, where
    # the message about it would count as a warning.
    importlib.import_module("matplotlib.font_manager")
    environment = {**os.environ, **KERNEL_SETTINGS}
    environment["OCRLEARN_HOME"] = str(chapter.lesson.parent.parent)
    for name in ("OCRLEARN_FULL", "OCRLEARN_STRICT", "NBGRADER_EXECUTION", "NBGRADER_VALIDATING"):
        environment.pop(name, None)
    start = time.perf_counter()
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        raise BuildError(_explain(chapter, notebook, current, error)) from None
    except (CellTimeoutError, DeadKernelError) as error:
        place = _place(chapter, current)
        raise BuildError(f"{place}: cell {current + 1}: {str(error).splitlines()[0]}") from None
    return time.perf_counter() - start


def _explain(chapter: Chapter, notebook: Any, position: int, error: Any) -> str:
    """Say which line of the lesson failed, show it among its neighbours, and say why."""
    trace = plain(error.traceback)
    inside = re.findall(r"Cell In\[\d+\], line (\d+)", trace)
    line = int(inside[0]) if inside else 1
    source = notebook.cells[position].source.split("\n")
    shown = [
        f"{'->' if number == line else '  '} {number:3d} | {text}"
        for number, text in enumerate(source, start=1)
        if abs(number - line) <= 3
    ]
    place = _place(chapter, position, line)
    head = f"{place}: cell {position + 1} failed with {error.ename}: {error.evalue}"
    elsewhere = re.findall(r"^File (.+?):(\d+)", trace, flags=re.MULTILINE)
    deepest = [f"raised in {elsewhere[-1][0]}:{elsewhere[-1][1]}"] if elsewhere else []
    return "\n".join([head, *shown, *deepest])


def _place(chapter: Chapter, position: int, line: int = 1) -> str:
    """Return ``lessons/NN_topic.py:LINE`` of a line in cell `position` of the notebook."""
    text = chapter.lesson.read_text(encoding="utf-8")
    start = end = 0
    for cell in read_lesson(chapter).cells[
        :position
    ]:  # the notebook begins with one more, its frame
        found = text.find(cell.source, end) if cell.cell_type == "code" else -1
        if found >= 0:
            start, end = found, found + len(cell.source)
    number = text.count("\n", 0, start) + line
    return f"{chapter.lesson.parent.name}/{chapter.lesson.name}:{number}"


def _normalise(notebook: Any) -> None:
    """Remove what differs between two runs of the same notebook and says nothing."""
    from ocrlearn.course.notebook import KERNEL, LANGUAGE

    notebook.metadata["kernelspec"] = dict(KERNEL)
    notebook.metadata["language_info"] = dict(LANGUAGE)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m ocrlearn.course.build",
        description="Build the notebooks whose lessons have changed.",
    )
    parser.add_argument("numbers", nargs="*", metavar="NN", help="chapters; all by default")
    parser.add_argument("--force", action="store_true", help="build even what is in step")
    parser.add_argument("--check", action="store_true", help="build nothing, list what is wrong")
    parser.add_argument(
        "--nbgrader", type=Path, metavar="DIR", help="write nbgrader's source version there instead"
    )
    options = parser.parse_args(arguments)
    try:
        chosen = [find_chapter(number) for number in options.numbers] or chapters()
    except (LookupError, ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command prints
        return 2
    if options.nbgrader is not None:
        return _export(chosen, options.nbgrader)
    return _check(chosen) if options.check else _build(chosen, options.force)


def _export(chosen: Sequence[Chapter], folder: Path) -> int:
    """Write each chapter where nbgrader expects an assignment of its name."""
    import nbformat

    for chapter in chosen:
        target = folder / chapter.name / f"{chapter.name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(compose(chapter, teacher=True), target)
        print(target)  # noqa: T201
    return 0


def _check(chosen: Sequence[Chapter]) -> int:
    stale = 0
    for chapter in chosen:
        found = problems(chapter) + chapter_problems(chapter)
        stale += bool(found)
        print("\n  ".join([f"{chapter.name}: {'needs work' if found else 'in step'}", *found]))  # noqa: T201
    return int(stale > 0)


def _build(chosen: Sequence[Chapter], force: bool) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(highlight=False, soft_wrap=True)
    failed = 0
    for chapter in chosen:
        try:
            if not force and not problems(chapter):
                console.print(f"{chapter.name}: in step", markup=False)
                continue
            with Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("cells"),
                TimeElapsedColumn(),
                console=console,
                transient=True,
                disable=not console.is_terminal,
            ) as bar:
                task = bar.add_task(chapter.name, total=None)
                seconds = build(
                    chapter,
                    lambda done, total, bar=bar, task=task: bar.update(
                        task, completed=done, total=total
                    ),
                )
        except (BuildError, ValueError) as error:
            failed += 1
            console.print(f"{chapter.name}: FAILED", style="red")
            console.print(str(error), markup=False)
        else:
            size = chapter.notebook.stat().st_size / 1e6
            console.print(
                f"{chapter.name}: built in {seconds:.0f} s of {chapter.budget} s, {size:.1f} MB",
                markup=False,
            )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

"""The learner's commands: ``ocrlearn start``, ``check``, ``hint`` and ``solution``.

Plain functions, typed and described for Typer; ``ocrlearn.cli`` registers them:

>>> app.command()(start)  # doctest: +SKIP
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["check", "hint", "solution", "start"]

Number = Annotated[str, typer.Argument(help="The exercise, chapter and place in it: 6.2.")]


def start(
    folder: Annotated[Path, typer.Argument(help="Where to put your copy; made if need be.")],
) -> None:
    """Copy the chapters to a folder of your own, to work in.

    Run it again after an update: new chapters are added, and what you already have is never
    touched, so your answers are safe.
    """
    with _plain_errors():
        from ocrlearn.course.chapters import home

        source = home() / "notebooks"
        if folder.resolve() == source.resolve():
            raise ValueError(f"{folder} holds the course itself; choose a folder of your own")
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file; name a folder")
        notebooks = sorted(source.glob("*.ipynb"))
        if not notebooks:
            raise FileNotFoundError(f"no chapters in {source}; `make notebooks` builds them")
        folder.mkdir(parents=True, exist_ok=True)
        added, kept, outdated = _copy(notebooks, folder)
    for title, names in (("Added", added), ("Left alone, yours", kept)):
        if names:
            typer.echo(f"{title}: {', '.join(names)}")
    if outdated:
        typer.echo(
            f"The course has a newer {', '.join(outdated)}. To get it, rename yours "
            "and run this command again."
        )
    typer.echo(f"Begin with: jupyter lab {folder / notebooks[0].name}")


def hint(
    number: Number,
    level: Annotated[int, typer.Argument(help="1 is a nudge, the last nearly the answer.")] = 1,
) -> None:
    """Give a hint to an exercise.

    `ocrlearn hint 6.2` is a nudge; `ocrlearn hint 6.2 2` says more.
    """
    with _plain_errors():
        from ocrlearn.course.exercise import find_exercise, hint_text

        exercise = find_exercise(number)
        text = hint_text(exercise, level)
    typer.echo(f"Exercise {number}, {exercise.title} {exercise.difficulty}\n\n{text}")
    if level < len(exercise.hints):
        typer.echo(f"\nNot enough? `ocrlearn hint {number} {level + 1}` says more.")


def solution(number: Number) -> None:
    """Show the course's solution to an exercise.

    Yours may look different and be as good: `ocrlearn check` tells.
    """
    with _plain_errors():
        from ocrlearn.course import answers
        from ocrlearn.course.exercise import find_exercise

        exercise = find_exercise(number)
        cells = _lesson_cells(number)
        task = _task(cells, number)
        source = answers.solution(cells[task.answer_cell].source)
    typer.echo(f"Exercise {number}, {exercise.title} {exercise.difficulty}\n")
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(source, "python", background_color="default", word_wrap=True))
    else:
        typer.echo(source)


def check(
    target: Annotated[
        str, typer.Argument(help="An exercise, 6.2, or a notebook or .py file of yours.")
    ],
    notebook: Annotated[
        Path | None,
        typer.Option("--notebook", "-n", help="Your copy, if it is not in this folder."),
    ] = None,
) -> None:
    """Check your answer to an exercise, or all answers in a file.

    `ocrlearn check 6.2` looks for your copy of chapter 6 in the folder you are in, runs the cell
    with your answer (not the whole chapter) and says what is wrong with it. Save the notebook
    first. `ocrlearn check 06_lattice.ipynb` checks every exercise of the chapter. The exit status
    is 0 when all that was checked is solved.
    """
    with _plain_errors():
        if re.fullmatch(r"\d+\.\d+", target):
            verdicts = [_check_one(target, notebook)]
        else:
            verdicts = _check_all(Path(target))
    for verdict in verdicts:
        typer.echo(f"{verdict}\n" if len(verdicts) > 1 else str(verdict))
    solved = sum(verdict.status == "solved" for verdict in verdicts)
    if len(verdicts) > 1:
        typer.echo(f"{solved} of {len(verdicts)} exercises solved")
    if solved < len(verdicts):
        raise typer.Exit(1)


def _copy(notebooks: list[Path], folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Copy what is not there yet; return the names added, kept, and kept but outdated."""
    added, kept, outdated = [], [], []
    for notebook in notebooks:
        target = folder / notebook.name
        if target.exists():
            kept.append(notebook.name)
            if _source_hash(target) not in (None, _source_hash(notebook)):
                outdated.append(notebook.name)
            continue
        # "x" refuses to overwrite, whatever happened since the question above.
        with open(target, "x", encoding="utf-8") as file:
            file.write(notebook.read_text(encoding="utf-8"))
        _trust(target)
        added.append(notebook.name)
    return added, kept, outdated


def _source_hash(notebook: Path) -> str | None:
    """Return the hash of the lesson a notebook was built from; None if it holds none."""
    import json

    try:
        metadata = json.loads(notebook.read_text(encoding="utf-8"))["metadata"]
        return str(metadata["ocrlearn"]["source_hash"])
    except (ValueError, LookupError, TypeError):
        return None


def _trust(notebook: Path) -> None:
    """Sign a fresh copy as `jupyter trust` does, so that JupyterLab runs its players at once."""
    try:
        import nbformat
        from nbformat.sign import NotebookNotary

        NotebookNotary().sign(nbformat.read(notebook, as_version=4))
    except Exception as error:  # a read-only home must not keep anybody from the course
        typer.echo(f"{notebook.name} could not be marked as trusted ({error})", err=True)


def _check_one(number: str, notebook: Path | None) -> Any:
    from ocrlearn.course.exercise import find_exercise

    find_exercise(number)
    chapter = number.partition(".")[0].zfill(2)
    if notebook is None:
        copies = sorted(Path.cwd().glob(f"{chapter}_*.ipynb"))
        if len(copies) != 1:
            what = "several copies" if copies else "no copy"
            raise FileNotFoundError(
                f"{what} of chapter {chapter} in {Path.cwd()}; name yours with --notebook "
                "(`ocrlearn start FOLDER` makes one)"
            )
        notebook = copies[0]
    cells = _read(notebook)
    return _verdict(cells, _task(cells, number, str(notebook)))


def _check_all(file: Path) -> list[Any]:
    from ocrlearn.course.answers import find_tasks

    cells = _read(file)
    tasks = find_tasks(cells)
    if not tasks:
        raise LookupError(f'{file} checks no exercise: there is no check("N.M", name) in it')
    return [_verdict(cells, task) for task in tasks]


def _verdict(cells: Any, task: Any) -> Any:
    """Run the learner's answer and grade it; what its cell raises is a verdict too."""
    from ocrlearn.course.answers import run_answer
    from ocrlearn.course.exercise import Verdict, find_exercise, grade

    exercise = find_exercise(task.number)
    try:
        answer = run_answer(cells, task)
    except Exception as error:
        what = f"The cell with your answer does not run: {type(error).__name__}: {error}"
        return Verdict(task.number, "wrong", what)
    return grade(exercise, answer)


def _read(file: Path) -> Any:
    """Return the cells of a notebook or of a Python file."""
    import jupytext

    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.suffix not in (".ipynb", ".py"):
        raise ValueError(f"{file} is neither a notebook (.ipynb) nor a Python file (.py)")
    try:
        return jupytext.read(file).cells
    except Exception as error:
        raise ValueError(f"{file} cannot be read: {error}") from None


def _lesson_cells(number: str) -> Any:
    from ocrlearn.course.chapters import find_chapter
    from ocrlearn.course.notebook import read_lesson

    return read_lesson(find_chapter(number.partition(".")[0])).cells


def _task(cells: Any, number: str, where: str = "the lesson") -> Any:
    from ocrlearn.course.answers import find_tasks

    for task in find_tasks(cells):
        if task.number == number:
            return task
    raise LookupError(f'there is no check("{number}", ...) in {where}')


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what a learner can mend into one sentence and exit status 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("jupytext", "nbformat"):
            raise
        typer.echo("this needs the course's tools: pip install 'ocrlearn[course]'", err=True)
        raise typer.Exit(2) from None
    except (LookupError, ValueError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None

"""The commands ``ocrlearn data list``, ``show``, ``fetch``, ``check`` and ``make``.

What a command needs is imported when it runs, so that ``ocrlearn --help`` is quick. Results go to
standard output, everything else to standard error. The exit status is 0 when all went well, 1 when
a set could not be had or a folder is not sound, 2 when the command itself was wrong.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ocrlearn._fields import counted

if TYPE_CHECKING:
    from ocrlearn.data.cards import Card

__all__ = ["app"]

FAILED, WRONG, INTERRUPTED = 1, 2, 130  # exit status

app = typer.Typer(
    name="data",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Data sets: what there is, get it, check it, make your own.",
    epilog="""
Examples:

    ocrlearn data list                                 # all sets, their terms, how to get them
    ocrlearn data show icdar2015                       # all that is known about one
    ocrlearn data fetch svt --to datasets/downloads    # download, check, unpack
    ocrlearn data check svt datasets/downloads/svt --sheet svt.png
    ocrlearn data make words my-words --count 1000 --sheet words.png

`ocrlearn data COMMAND --help` says more about each.""",
)

SetName = Annotated[
    str, typer.Argument(metavar="NAME", help="Of the set, as `ocrlearn data list` has it.")
]
SheetPath = Annotated[
    Path | None,
    typer.Option("--sheet", metavar="FILE", help="Draw samples with their labels: a PNG or JPEG."),
]


# --- What there is --------------------------------------------------------------------------------


@app.command("list")
def list_sets(
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="Only sets for this, such as recognition or video."),
    ] = None,
) -> None:
    """List the public data sets: for what, how large, on which terms, how to get them.

    ocrlearn data list
    ocrlearn data list --task recognition
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from ocrlearn.data.cards import TASKS, brief_size, card_names, find_card

    if task is not None and task not in TASKS:
        raise typer.BadParameter(f"there is no {task!r}; there are {', '.join(TASKS)}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("task", no_wrap=True)
    for column in ("size", "terms"):
        table.add_column(column)
    table.add_column("get it", no_wrap=True)
    with _plain_errors():
        for card in map(find_card, card_names()):
            if task in (None, card.task):
                table.add_row(card.name, card.task, brief_size(card), _terms(card), _way(card))
    Console().print(table)
    typer.echo("`ocrlearn data show NAME` shows all about one.", err=True)


def _terms(card: "Card") -> str:
    """Return the first words of the terms."""
    words = card.terms.split()
    short = " ".join(words[:7])
    return short if len(words) <= 7 else f"{short.rstrip('.,;:')} …"


def _way(card: "Card") -> str:
    if card.by_program:
        return "fetch"
    return "sign up" if card.download == "registration" else "by hand"


@app.command()
def show(name: SetName) -> None:
    """Show all that is known about a set: terms, figures, files, folder, traps, how to cite it.

    ocrlearn data show icdar2015
    ocrlearn data show icdar2015 > icdar2015.md
    """
    import sys

    from ocrlearn.data.cards import card_page, find_card

    with _plain_errors():
        page = card_page(find_card(name))
    if not sys.stdout.isatty():
        typer.echo(page, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(page))


# --- Get and check --------------------------------------------------------------------------------


@app.command("fetch")
def fetch_set(
    name: SetName,
    to: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where sets are kept, each in its own folder.")
    ] = Path("datasets/downloads"),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="I have read the owner's terms and accept them.")
    ] = False,
    mirror: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="A folder on the web that holds copies of the files; asked first. Repeatable.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> None:
    """Download a set, check it and unpack it.

    Shows the owner's terms and asks first. Interrupted, it goes on where it stopped when it is run
    again. A set that wants a login is explained: put the files where it says and run it again, and
    they are checked and unpacked.

        ocrlearn data fetch svt
        ocrlearn data fetch hmdb51 --to /mnt/data --yes
    """
    from ocrlearn.data.cards import find_card
    from ocrlearn.data.fetch import fetch

    with _plain_errors(), _pipes_break_loudly():
        card = find_card(name)
        folder = fetch(name, to, mirrors=mirror, accept_terms=yes, quiet=quiet)
    typer.echo(folder)
    if card.by_hand:
        typer.echo(f"\n{card.by_hand}", err=True)
    typer.echo(f"\nCheck it: ocrlearn data check {name} {folder}", err=True)


@app.command("check")
def check_set(
    name: SetName,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the set was unpacked.")],
    sheet: SheetPath = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Read no more than N samples of each split."),
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, max=400, metavar="N", help="Samples on the sheet.")
    ] = 24,
    seed: Annotated[int, typer.Option(metavar="N", help="Which samples are drawn.")] = 0,
) -> None:
    """Check that a folder holds a set as its owner packed it, whole and readable.

    Every label is read, every image opened, and the number of samples compared with the card. What
    is wrong is named with file and line. The exit status is 0 when the folder is sound, else 1.

        ocrlearn data check svt datasets/downloads/svt
        ocrlearn data check icdar2015 icdar2015/ --limit 100 --sheet look.png
    """
    from ocrlearn.data.check import check_folder

    _check_sheet(sheet)
    with _plain_errors():
        choose = count if sheet else 0
        report = check_folder(name, folder, limit=limit, choose=choose, seed=seed)
        typer.echo(report.text())
        if sheet and report.chosen:
            _save_sheet(report.chosen, sheet)
        elif sheet:
            typer.echo(f"there is no sample to draw, and so no {sheet}", err=True)
    if not report.sound:
        raise typer.Exit(FAILED)


# --- Make -----------------------------------------------------------------------------------------


@app.command("make")
def make_samples(
    generator: Annotated[
        str,
        typer.Argument(metavar="GENERATOR", help="What to make; a wrong name lists what there is."),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it goes; made if need be.")],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many samples.")] = 100,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="The same seed gives the same samples.")
    ] = 0,
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Pictures and labels.jsonl (the default).")
    ] = False,
    as_shards: Annotated[
        bool, typer.Option("--shards", help="WebDataset tar files, resumed after an interruption.")
    ] = False,
    shard_size: Annotated[int, typer.Option(min=1, metavar="N", help="Samples in a shard.")] = 1000,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes; one for each core if not given."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler, whose workers make the shards."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="For the generator, such as look=photographed or height=48. Repeatable. A value "
            "in JSON is taken as such, so a text of digits needs quotes: 'text=\"2024\"'.",
        ),
    ] = None,
    sheet: SheetPath = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Make labelled samples with one of our generators.

    Sample number N of a seed is always the same, with however many workers it is made. Shards that
    are complete are not made again, so an interrupted command can simply be repeated.

        ocrlearn data make words my-words --count 500 --sheet words.png
        ocrlearn data make lines lines/ --count 100000 --shards --workers 8
        ocrlearn data make pages pages/ --option look=photographed --option split=benchmark
        ocrlearn data make words /shared/words --shards --scheduler tcp://10.0.0.1:8786
    """
    if as_jsonl and as_shards:
        raise typer.BadParameter("--jsonl and --shards exclude each other")
    if scheduler and not as_shards:
        raise typer.BadParameter("--scheduler makes shards; add --shards")
    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is not a folder", param_hint="DIR")
    _check_sheet(sheet)
    with _plain_errors(), _pipes_break_loudly():
        target = _generator(generator)
        options = dict(_option(text) for text in option or ())
        _check_options(target, options)
        if as_shards:
            told = _make_shards(
                target,
                folder,
                count,
                seed=seed,
                shard_size=shard_size,
                options=options,
                workers=workers,
                scheduler=scheduler,
                progress=False if quiet else None,
            )
        else:
            told = _make_files(target, folder, count, seed, options, workers, quiet=quiet)
        if sheet:
            _save_sheet(_some(target, count, seed, options), sheet)
    typer.echo(told)


def _generator(name: str) -> str:
    """Return where a generator's function is, after a check that there is one."""
    from ocrlearn.data.synth.generators import GENERATORS

    if name in GENERATORS:
        return GENERATORS[name].target
    width = max(map(len, GENERATORS))
    known = "\n".join(f"  {key:{width}}  {one.description}" for key, one in GENERATORS.items())
    raise LookupError(f"there is no generator {name!r}; there are\n{known}")


def _option(text: str) -> tuple[str, Any]:
    """Take ``KEY=VALUE`` apart; a value that is no JSON is the text that it is."""
    import json

    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise ValueError(f"--option must look like KEY=VALUE, got {text!r}")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _check_options(target: str, options: dict[str, Any]) -> None:
    """Refuse an option that the generator does not have, before any work is done."""
    import inspect

    from ocrlearn.data._generate import resolve

    known = list(inspect.signature(resolve(target)).parameters)[2:]  # behind seed and index
    for key in options:
        if key not in known:
            raise ValueError(f"--option {key} is unknown here; there are {', '.join(known)}")


def _make_shards(target: str, folder: Path, count: int, **settings: Any) -> str:
    from ocrlearn.data.shards import write_shards

    shards = write_shards(target, folder, count, **settings)
    return f"{counted(count, 'sample')} in {counted(len(shards), 'shard')} in {folder}"


def _make_files(
    target: str,
    folder: Path,
    count: int,
    seed: int,
    options: dict[str, Any],
    workers: int | None,
    *,
    quiet: bool,
) -> str:
    from tqdm import tqdm

    from ocrlearn.data.samples import save_samples
    from ocrlearn.data.stream import generate_stream

    if folder.exists() and any(folder.iterdir()):
        raise ValueError(
            f"{folder} is not empty; name a new folder, or remove what an interrupted command left "
            "there"
        )
    made = generate_stream(target, seed, count=count, options=options, workers=workers)
    with tqdm(made, total=count, unit=" samples", disable=True if quiet else None) as bar:
        save_samples(folder, bar)
    return f"{counted(count, 'sample')} in {folder / 'labels.jsonl'}"


def _some(target: str, count: int, seed: int, options: dict[str, Any]) -> list[Any]:
    """Make the samples for a sheet: the first twenty-four."""
    from ocrlearn.data._generate import make

    return [make(target, seed, index, options) for index in range(min(count, 24))]


# --- Shared ---------------------------------------------------------------------------------------


def _check_sheet(sheet: Path | None) -> None:
    """Refuse a picture that cannot be meant, before any work is done."""
    if sheet is None:
        return
    if sheet.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise typer.BadParameter(f"{sheet} must end in .png or .jpg", param_hint="--sheet")
    if not sheet.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {sheet.parent}", param_hint="--sheet")


def _save_sheet(samples: list[Any], path: Path) -> None:
    from PIL import Image

    from ocrlearn.data.contact import contact_sheet

    Image.fromarray(contact_sheet(samples)).save(path)
    typer.echo(f"wrote {path}", err=True)


@contextmanager
def _pipes_break_loudly() -> Iterator[None]:
    """Make an error of a pipe or connection that breaks.

    The command line lets the system end it when its output is no longer read. Work with processes
    and servers would end as silently when one of these goes away.
    """
    import signal

    if not hasattr(signal, "SIGPIPE"):
        yield
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what the user can mend into one sentence and an exit status."""
    from ocrlearn.data.fetch import FetchError

    try:
        yield
    except (FetchError, OSError, RuntimeError) as error:
        typer.echo(f"ocrlearn: {error}", err=True)
        raise typer.Exit(FAILED) from None
    except (LookupError, ValueError, TypeError, ImportError) as error:
        if isinstance(error, KeyError | IndexError):  # a fault of ours
            raise
        typer.echo(f"ocrlearn: {error}", err=True)
        raise typer.Exit(WRONG) from None
    except KeyboardInterrupt:
        typer.echo("ocrlearn: interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None

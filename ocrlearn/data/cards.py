"""Cards of the public data sets: what each is, whose, on which terms, and how to get it.

A card is a TOML file in ``ocrlearn/data/card_files``, one for each set, named like its reader in
:mod:`ocrlearn.data.readers`. ``ocrlearn data list`` and ``ocrlearn data show NAME`` print cards,
:mod:`ocrlearn.data.fetch` downloads what they name, :mod:`ocrlearn.data.check` compares a folder
with their figures, and ``datasets/NAME.md`` is built from them::

    python -m ocrlearn.data.cards            # writes datasets/*.md and the table in its README

Nothing on a card is guessed. Terms are the owner's words or a summary with its source, or the
sentence "Not stated by the owner."; a checksum is there only where the owner or a widely used
registry publishes one, and the card says which; where sources disagree on a figure, both are there.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from ocrlearn._fields import Fields

__all__ = [
    "DOWNLOADS",
    "TASKS",
    "Card",
    "DataFile",
    "Figures",
    "brief_size",
    "build_pages",
    "card_names",
    "card_page",
    "find_card",
    "index_table",
    "read_card",
]

TASKS = ("detection", "recognition", "plates", "binarisation", "segmentation", "video")
"""What a set is mainly used for."""

DOWNLOADS = ("open", "registration", "dead")
"""A set is had freely, after signing up with its owner, or no more from its owner."""

_FOLDER = Path(__file__).parent / "card_files"
_HEX = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}
_TABLE = re.compile(r"<!-- cards begin -->\n.*<!-- cards end -->\n", re.DOTALL)


@dataclass(frozen=True)
class DataFile:
    """A file of a set that can be downloaded.

    Attributes
    ----------
    name
        What it is called on disk; archives (zip, tar, tar.gz, tar.bz2, tar.xz) are unpacked.
    urls
        Where it lies, the owner's address first, then mirrors. Empty where the owner wants a
        login: then it is downloaded by hand.
    size
        In bytes; None if unknown.
    sha256, md5
        Checksums, in lower-case hexadecimal; empty if nobody publishes them.
    registry
        Who publishes the checksum.
    into
        Folder it is unpacked into or moved to, relative to that of the set; empty for that itself.
    unpack
        Whether an archive is unpacked.
    """

    name: str
    urls: tuple[str, ...] = ()
    size: int | None = None
    sha256: str = ""
    md5: str = ""
    registry: str = ""
    into: str = ""
    unpack: bool = True


@dataclass(frozen=True)
class Figures:
    """How large a split is according to one source.

    Attributes
    ----------
    split
        As the reader calls it, such as "train"; "all" for the whole set.
    samples
        Number of images or clips.
    instances
        Number of annotated texts; None if unknown or if there are none.
    source
        Who says so.
    about
        Whether the number of samples is round, or a bound such as "over 250,000".
    """

    split: str
    samples: int
    instances: int | None = None
    source: str = ""
    about: bool = False


@dataclass(frozen=True)
class Card:
    """What is known about a public data set.

    Attributes
    ----------
    name
        Name of the card's file, and mostly of its reader in :mod:`ocrlearn.data.readers`.
    title
        The set's own name.
    description
        What it is, in a sentence or two.
    task
        One of :data:`TASKS`.
    size
        How much there is to download, in words, such as "about 250 MB".
    languages
        Languages or scripts of its texts; empty where there are none.
    annotation
        What is annotated and in which form.
    owner
        Who made it.
    terms
        On which terms, in the owner's words where these are short.
    terms_source
        Where the terms stand; empty where none are stated.
    address
        The owner's page.
    download
        One of :data:`DOWNLOADS`.
    by_hand
        What has to be done by hand, before or after the download; may be empty.
    layout
        The folder after unpacking, as :mod:`ocrlearn.data.readers` expects it.
    figures
        How large it is, by split and source.
    files
        What can be downloaded.
    traps
        What trips up those who use it.
    citation
        How to cite it, in BibTeX.
    sources
        Where the facts on the card come from.
    readers
        The readers of its parts; unless the card says otherwise, the one of its own name. Where
        there are several, splits in `figures` are named like "something_v1 train".
    """

    name: str
    title: str
    description: str
    task: str
    size: str
    languages: tuple[str, ...]
    annotation: str
    owner: str
    terms: str
    terms_source: str
    address: str
    download: str
    by_hand: str
    layout: str
    figures: tuple[Figures, ...]
    files: tuple[DataFile, ...]
    traps: tuple[str, ...]
    citation: str
    sources: tuple[str, ...]
    readers: tuple[str, ...]

    @property
    def by_program(self) -> bool:
        """Whether :func:`ocrlearn.data.fetch.fetch` can download it."""
        return self.download == "open" and any(file.urls for file in self.files)


# --- Reading --------------------------------------------------------------------------------------


def read_card(path: str | Path) -> Card:
    """Read a card and check it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no TOML (with the line), or a field is missing, unknown or wrong (with its name).
    """
    path = Path(path)
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
        return _card(path.stem, Fields(record, "the card"))
    except ValueError as error:  # tomllib's and Unicode's errors are ValueErrors too
        raise ValueError(f"{path}: {error}") from None


def _card(name: str, fields: Fields) -> Card:
    card = Card(
        name=name,
        title=_filled(fields, "title"),
        description=_filled(fields, "description"),
        task=_one_of(fields, "task", TASKS),
        size=_filled(fields, "size"),
        languages=fields.strings("languages"),
        annotation=_filled(fields, "annotation"),
        owner=_filled(fields, "owner"),
        terms=_filled(fields, "terms"),
        terms_source=fields.string("terms_source", ""),
        address=_address(fields, "address"),
        download=_one_of(fields, "download", DOWNLOADS),
        by_hand=fields.string("by_hand", "").strip(),
        layout=_filled(fields, "layout"),
        figures=fields.items("figures", _figures),
        files=fields.items("files", _file, ()),
        traps=fields.strings("traps"),
        citation=_filled(fields, "citation"),
        sources=fields.strings("sources"),
        readers=fields.strings("readers", (name,)),
    )
    fields.finish()
    if not card.by_program and not card.by_hand:
        raise ValueError("by_hand must say what to do where no file can be downloaded, got ''")
    return card


def _file(fields: Fields) -> DataFile:
    file = DataFile(
        name=_plain_name(fields),
        urls=fields.strings("urls", ()),
        size=fields.count("size") if "size" in fields else None,
        sha256=_checksum(fields, "sha256"),
        md5=_checksum(fields, "md5"),
        registry=fields.string("registry", ""),
        into=_inner_folder(fields),
        unpack=fields.boolean("unpack", True),
    )
    for number, url in enumerate(file.urls):
        if not url.startswith(("https://", "http://")):
            raise fields.wrong(f"urls[{number}]", url, "an address that begins with https://")
    if bool(file.sha256 or file.md5) != bool(file.registry):
        raise fields.wrong("registry", file.registry, "named where, and only where, a checksum is")
    fields.finish()
    return file


def _figures(fields: Fields) -> Figures:
    figures = Figures(
        split=_filled(fields, "split"),
        samples=fields.count("samples"),
        instances=fields.count("instances") if "instances" in fields else None,
        source=fields.string("source", ""),
        about=fields.boolean("about", False),
    )
    fields.finish()
    return figures


def _filled(fields: Fields, key: str) -> str:
    value = fields.string(key).strip()
    if not value:
        raise fields.wrong(key, value, "a text that is not empty")
    return value


def _one_of(fields: Fields, key: str, choices: tuple[str, ...]) -> str:
    value = fields.string(key)
    if value not in choices:
        raise fields.wrong(key, value, f"one of {', '.join(choices)}")
    return value


def _address(fields: Fields, key: str) -> str:
    value = fields.string(key)
    if not value.startswith(("https://", "http://")):
        raise fields.wrong(key, value, "an address that begins with https://")
    return value


def _checksum(fields: Fields, key: str) -> str:
    value = fields.string(key, "")
    if value and not _HEX[key].fullmatch(value):
        raise fields.wrong(key, value, "the checksum in lower-case hexadecimal")
    return value


def _plain_name(fields: Fields) -> str:
    value = fields.string("name")
    if not value or value.startswith(".") or re.search(r'[/\\:*?"<>|\x00-\x1f]', value):
        raise fields.wrong("name", value, "a plain file name, without folders")
    return value


def _inner_folder(fields: Fields) -> str:
    value = fields.string("into", "")
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or ":" in value:
        raise fields.wrong("into", value, "a relative folder inside that of the set")
    return value


def card_names() -> tuple[str, ...]:
    """Return the names of all cards, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


@cache
def find_card(name: str) -> Card:
    """Return the card of that name.

    Raises
    ------
    LookupError
        If there is none; the message names those that there are.
    """
    if name not in card_names():
        raise LookupError(f"there is no data set {name!r}; there are {', '.join(card_names())}")
    return read_card(_FOLDER / f"{name}.toml")


# --- Pages ----------------------------------------------------------------------------------------

_HOW = {
    "open": "free to download",
    "registration": "after signing up with the owner",
    "dead": "no more from its owner",
}


def card_page(card: Card) -> str:
    """Return a card as a page of Markdown."""
    parts = [
        f"# {card.title}",
        (
            f"<!-- Built from ocrlearn/data/card_files/{card.name}.toml by "
            "`python -m ocrlearn.data.cards`; edit that. -->"
        ),
        card.description,
        _facts(card),
        f"## Size\n\n{_figures_table(card)}",
        f"## Terms\n\n{card.terms}{_source(card.terms_source)}",
        f"## How to get it\n\n{_how_to_get(card)}",
        f"## Folder\n\n```text\n{card.layout}\n```",
        (
            f"Read with {_functions(card)} of "
            f"[`ocrlearn.data.readers`](../ocrlearn/data/readers/{card.name}.py); "
            f"`ocrlearn data check {card.name} FOLDER` tells whether all is there."
        ),
    ]
    if card.traps:
        parts.append("## Traps\n\n" + "\n".join(f"- {trap}" for trap in card.traps))
    parts.append(f"## Cite\n\n```bibtex\n{card.citation}\n```")
    if card.sources:
        parts.append("## Sources\n\n" + "\n".join(f"- {source}" for source in card.sources))
    return "\n\n".join(parts) + "\n"


def _functions(card: Card) -> str:
    return " and ".join(f"`read_{reader}(FOLDER)`" for reader in card.readers)


def _facts(card: Card) -> str:
    rows = [
        ("task", card.task),
        ("languages", ", ".join(card.languages) or "none"),
        ("annotation", card.annotation),
        ("owner", card.owner),
        ("address", f"<{card.address}>"),
    ]
    lines = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows)
    return f"| | |\n| --- | --- |\n{lines}"


def _figures_table(card: Card) -> str:
    things = "clips" if card.task == "video" else "images"
    rows = "\n".join(
        f"| {figures.split} | {figures.samples:,} | "
        f"{'' if figures.instances is None else f'{figures.instances:,}'} | "
        f"{_cell(figures.source)} |"
        for figures in card.figures
    )
    head = f"| split | {things} | texts | who says so |\n| --- | ---: | ---: | --- |"
    return f"Download: {card.size}.\n\n{head}\n{rows}"


def _how_to_get(card: Card) -> str:
    parts = [f"{_HOW[card.download].capitalize()}."]
    if card.by_program:
        parts.append(f"```console\n$ ocrlearn data fetch {card.name}\n```")
    if card.by_hand:
        parts.append(card.by_hand)
    if card.files:
        parts.append("\n".join(_file_line(file) for file in card.files))
    return "\n\n".join(parts)


def _file_line(file: DataFile) -> str:
    where = ", or ".join(f"<{url}>" for url in file.urls)
    size = f", {file.size:,} bytes" if file.size else ""
    sums = [f"{kind} `{getattr(file, kind)}`" for kind in _HEX if getattr(file, kind)]
    by = f" (published by {file.registry})" if file.registry else ""
    told = f"  \n  {' and '.join(sums)}{by}" if sums else ""
    return f"- `{file.name}`{size}{f': {where}' if where else ''}{told}"


def _source(source: str) -> str:
    return f"\n\nSource: {source}" if source else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def index_table() -> str:
    """Return the table of all cards for ``datasets/README.md``."""
    rows = [
        f"| [{card.title}]({card.name}.md) | {card.task} | {_cell(brief_size(card))} | "
        f"{_HOW[card.download]} |"
        for card in map(find_card, card_names())
    ]
    head = "| set | task | size | how to get it |\n| --- | --- | --- | --- |"
    return "\n".join((head, *rows))


def brief_size(card: Card) -> str:
    """Say how large the set is in a few words: its first figures, of the whole if there are any."""
    first = {figures.split: figures for figures in reversed(card.figures)}
    if "all" in first:
        counts = f"{'about ' if first['all'].about else ''}{first['all'].samples:,}"
    else:
        order = dict.fromkeys(figures.split for figures in card.figures)
        counts = " + ".join(f"{first[split].samples:,} {split}" for split in order)
    return f"{counts} {'clips' if card.task == 'video' else 'images'}"


def build_pages(folder: str | Path) -> list[Path]:
    """Write every card as ``FOLDER/NAME.md``, and the table between the marks of its README.

    Returns
    -------
    list of Path
        The files whose contents changed.

    Raises
    ------
    FileNotFoundError
        If there is no README in `folder`.
    ValueError
        If the README lacks the marks ``<!-- cards begin -->`` and ``<!-- cards end -->``.
    """
    folder = Path(folder)
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8")
    if not _TABLE.search(text):
        raise ValueError(f"{readme} has no lines <!-- cards begin --> and <!-- cards end -->")
    table = f"<!-- cards begin -->\n{index_table()}\n<!-- cards end -->\n"
    pages = {readme: _TABLE.sub(lambda _: table, text)}
    pages |= {folder / f"{name}.md": card_page(find_card(name)) for name in card_names()}
    return list(_written(pages.items()))


def _written(pages: Iterable[tuple[Path, str]]) -> Iterable[Path]:
    for path, text in pages:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            yield path


if __name__ == "__main__":
    for changed in build_pages(sys.argv[1] if len(sys.argv) > 1 else "datasets"):
        sys.stdout.write(f"wrote {changed}\n")

"""Cards: every set has one, every mistake in one is named, and the pages follow from them."""

import re
from pathlib import Path

import pytest

from ocrlearn.data import cards
from ocrlearn.data.cards import (
    build_pages,
    card_names,
    card_page,
    find_card,
    index_table,
    read_card,
)
from ocrlearn.data.readers import READERS
from ocrlearn.data.unpack import is_archive

ROOT = Path(__file__).resolve().parents[2]

ASKED_FOR = [
    "icdar2003",
    "icdar2013",
    "icdar2015",
    "mlt2017",
    "svt",
    "iiit5k",
    "svtp",
    "cute80",
    "total_text",
    "ctw",
    "rctw17",
    "mtwi2018",
    "coco_text",
    "fsns",
    "synthtext",
    "synth90k",
    "caffe_ocr",
    "ccpd",
    "td500",
    "bsds500",
    "dibco",
    "camvid",
    "ucf101",
    "hmdb51",
    "something",
]

GOOD = """
title = "A set"
description = "Pictures."
task = "detection"
size = "1 MB"
languages = ["English"]
annotation = "quads"
owner = "Somebody"
terms = "Not stated by the owner."
address = "https://example.org/"
download = "open"
layout = "a.png"
traps = []
citation = "@misc{a}"
sources = []

[[figures]]
split = "train"
samples = 3
source = "the owner"

[[files]]
name = "a.zip"
urls = ["https://example.org/a.zip"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "made_up.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_set_asked_for_has_a_card():
    assert set(card_names()) == set(ASKED_FOR)


@pytest.mark.parametrize("name", ASKED_FOR)
def test_a_card_is_whole(name):
    card = find_card(name)
    assert card.figures
    assert card.sources
    assert card.citation.startswith("@")
    assert card.citation.count("{") == card.citation.count("}")
    assert all(figures.source for figures in card.figures)
    names = [file.name for file in card.files]
    assert len(set(names)) == len(names)
    for file in card.files:  # what cannot be unpacked by the program is not said to be
        assert is_archive(file.name) or not file.unpack or not file.name.endswith((".rar", ".7z"))


@pytest.mark.parametrize("name", ASKED_FOR)
def test_the_page_of_a_card_is_up_to_date(name):
    page = (ROOT / "datasets" / f"{name}.md").read_text(encoding="utf-8")
    assert page == card_page(find_card(name)), "run python -m ocrlearn.data.cards"


def test_the_table_of_cards_is_up_to_date():
    readme = (ROOT / "datasets" / "README.md").read_text(encoding="utf-8")
    assert f"<!-- cards begin -->\n{index_table()}\n<!-- cards end -->" in readme


def test_every_reader_has_a_card():
    assert {reader.home for reader in READERS.values()} <= set(card_names())


def test_figures_speak_of_splits_that_the_reader_knows():
    for name in set(card_names()) & set(READERS):
        card = find_card(name)
        splits = {*READERS[name].splits, "all"}
        assert {figures.split for figures in card.figures} <= splits or len(card.readers) > 1, name


def test_a_good_card_is_read(tmp_path):
    card = read_card(write(tmp_path, GOOD))
    assert (card.name, card.readers, card.by_program) == ("made_up", ("made_up",), True)
    assert card.figures[0].samples == 3
    assert card.figures[0].instances is None
    assert card.files[0].size is None


WRONG = [
    ('title = "A set"', "", "the field 'title' is missing"),
    ('title = "A set"', 'title = " "', "title must be a text that is not empty"),
    ('title = "A set"', 'titel = "A set"\ntitle = "A set"', "unknown fields: 'titel'"),
    ('task = "detection"', 'task = "cooking"', "task must be one of detection, recognition"),
    ('download = "open"', 'download = "maybe"', "download must be one of open, registration, dead"),
    ('languages = ["English"]', 'languages = "English"', "languages must be an array"),
    ('"https://example.org/"', '"ftp://example.org/"', "address must be an address that begins"),
    ("samples = 3", "samples = 0", r"figures\[0\].samples must be a whole number of at least 1"),
    ("samples = 3", 'samples = "3"', r"figures\[0\].samples must be a whole number"),
    ('name = "a.zip"', 'name = "../a.zip"', r"files\[0\].name must be a plain file name"),
    (
        'name = "a.zip"',
        'name = "a.zip"\ninto = "../b"',
        r"files\[0\].into must be a relative folder",
    ),
    ('name = "a.zip"', 'name = "a.zip"\ninto = "/b"', r"files\[0\].into must be a relative folder"),
    ('name = "a.zip"', 'name = "a.zip"\nmd5 = "12"', r"files\[0\].md5 must be the checksum"),
    ('name = "a.zip"', f'name = "a.zip"\nmd5 = "{"a" * 32}"', r"files\[0\].registry must be named"),
    ('name = "a.zip"', 'name = "a.zip"\nregistry = "us"', r"files\[0\].registry must be named"),
    ('["https://example.org/a.zip"]', '["file:///a"]', r"files\[0\].urls\[0\] must be an address"),
    ('urls = ["https://example.org/a.zip"]', "", "by_hand must say what to do"),
    ('task = "detection"', "task = ", r"\(at line 4, column 8\)"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_mistakes_are_named_with_file_and_field(tmp_path, old, new, message):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as error:
        read_card(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_card_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_card(tmp_path / "none.toml")
    with pytest.raises(LookupError, match="there is no data set 'none'; there are bsds500, "):
        find_card("none")


def test_pages_are_written_once(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# Data\n")
    with pytest.raises(ValueError, match="cards begin"):
        build_pages(tmp_path)
    readme.write_text("# Data\n\n<!-- cards begin -->\nold\n<!-- cards end -->\n\nThe end.\n")
    assert len(build_pages(tmp_path)) == len(card_names()) + 1
    assert build_pages(tmp_path) == []
    text = readme.read_text()
    assert text.endswith("\n\nThe end.\n")
    assert "old" not in text
    links = re.findall(r"\]\((\w+\.md)\)", text)
    assert len(links) == len(card_names())
    assert all((tmp_path / link).exists() for link in links)


def test_cards_travel_with_the_package():
    patterns = (ROOT / "pyproject.toml").read_text()
    assert '"**/*.toml"' in patterns
    assert cards._FOLDER.is_dir()

"""Where results go: names below a folder never collide, and formats are what they promise."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.document import Line, Page, Word, page_from_json
from ocrlearn.engine.results import FolderWriter, StreamWriter, is_folder, result_names
from ocrlearn.engine.sources import Source, SourcePage

QUAD = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], np.float32)


def page(text: str) -> Page:
    return Page([Line(QUAD, [Word(text, QUAD, 1.0)])] if text else [], 5, 5)


def source_page(path: str = "a.png", number: int = 1, count: int = 1) -> SourcePage:
    return SourcePage(Source(path), number, count, lambda: np.zeros((5, 5), np.uint8))


def names(*paths: str) -> list[str]:
    return [path.as_posix() for path in result_names([Source(path) for path in paths]).values()]


def test_names_by_hand():
    assert names("x/scan.png", "letter.v2.jpg", "-") == ["scan", "letter.v2", "stdin"]
    assert names("scan.png", "scan.jpg") == ["scan.png", "scan.jpg"]
    assert names("a/scan.png", "b/scan.png", "c/scan.png") == [
        "scan.png",
        "scan.png-2",
        "scan.png-3",
    ]
    assert names("scan.png", "SCAN.PNG") == ["scan.png", "SCAN.PNG-2"]
    assert names("a.b.png", "a.b") == ["a.b", "a"]


def test_names_keep_folders_below_the_one_named():
    sources = [Source("in/x/a.png", folder="in"), Source("in/y/a.png", folder="in")]
    assert [path.as_posix() for path in result_names(sources).values()] == ["x/a", "y/a"]


paths = st.lists(
    st.text("aAb.-2/", min_size=1, max_size=6).map(lambda name: f"in/x{name}y"), unique=True
)


@given(paths)
def test_names_never_collide_and_stay_inside(found):
    sources = [Source(os.path.normpath(path), folder="in") for path in found]
    chosen = result_names(sources)
    assert list(chosen) == list(dict.fromkeys(sources))
    folded = [str(path).casefold() for path in chosen.values()]
    assert len(set(folded)) == len(folded)
    assert not any(path.is_absolute() or ".." in path.parts for path in chosen.values())


@given(st.lists(st.sampled_from(["", "one", "two\nlines"]), min_size=1, max_size=5))
def test_a_text_stream_can_be_split_into_its_pages(texts):
    stream = io.StringIO()
    writer = StreamWriter(stream, "text", several=True)
    for text in texts:
        writer.add(page(text), source_page())
    writer.close()
    pages = stream.getvalue().split("\f")
    assert pages == [text + "\n" if text else "" for text in texts]


def test_json_is_written_as_it_comes():
    stream = io.StringIO()
    writer = StreamWriter(stream, "json", several=False)
    writer.add(page("one"), source_page())
    assert page_from_json(stream.getvalue()).text == "one"
    assert stream.getvalue().endswith("}\n")


def test_hocr_is_written_at_the_end():
    stream = io.StringIO()
    writer = StreamWriter(stream, "hocr", several=False)
    writer.add(page("one"), source_page())
    assert stream.getvalue() == ""
    writer.finish(Source("a.png"))
    writer.close()
    assert stream.getvalue().count('class="ocr_page"') == 1


@pytest.mark.parametrize(
    ("format_name", "several", "count", "headed"),
    [
        ("text", True, 1, True),
        ("text", False, 2, True),
        ("text", False, 1, False),
        ("json", True, 2, False),
    ],
)
def test_pages_are_headed_at_a_terminal_if_there_are_several(format_name, several, count, headed):
    stream = io.StringIO()
    writer = StreamWriter(stream, format_name, several=several, terminal=True)
    name = "a.png, page 1" if count > 1 else "a.png"
    writer.add(page("one"), source_page(count=count))
    assert stream.getvalue().startswith(f"── {name} ──\n\none\n") == headed
    assert ("──" in stream.getvalue()) == headed


def test_a_folder_gets_a_file_when_a_source_is_finished(tmp_path):
    source = Source("x/a.png")
    writer = FolderWriter(tmp_path / "new", "text", {source: Path("deep/a")})
    writer.add(page("one"), source_page("x/a.png", 1))
    writer.add(page("two"), source_page("x/a.png", 2))
    assert not (tmp_path / "new").exists()
    writer.finish(source)
    writer.finish(Source("nothing.png"))
    writer.close()
    assert (tmp_path / "new" / "deep" / "a.txt").read_text() == "one\n\ftwo\n"
    assert len(list(tmp_path.rglob("*.txt"))) == 1


def test_what_counts_as_a_folder(tmp_path):
    assert is_folder("out/")
    assert is_folder(str(tmp_path))
    assert not is_folder(str(tmp_path / "out"))
    assert not is_folder(str(tmp_path / "out.txt"))


def test_unknown_formats_are_refused():
    with pytest.raises(ValueError, match="format_name must be one of 'text', 'json', 'hocr'"):
        StreamWriter(io.StringIO(), "pdf", several=False)

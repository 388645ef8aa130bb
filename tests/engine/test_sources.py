"""Files, folders, standard input, PDF and TIFF: what is found, in which order, what is refused."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocrlearn.engine import sources as module
from ocrlearn.engine.sources import (
    PageSelection,
    Source,
    SourceError,
    find_sources,
    open_source,
)


def save(path: Path, width: int = 8, height: int = 6, value: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (width, height), value).save(path)
    return path


def fail(error: SourceError) -> None:
    raise error


def small_pdf(body: str = "", box: str = "0 0 144 72", trailer: str = "") -> bytes:
    """Write a PDF of one page by hand; its cross-reference table is left for PDFium to rebuild."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 4 0 R >>",
        f"<< /Length {len(body)} >>\nstream\n{body}\nendstream",
    ]
    text = "%PDF-1.4\n"
    for number, content in enumerate(objects, start=1):
        text += f"{number} 0 obj\n{content}\nendobj\n"
    return (text + f"trailer\n<< /Root 1 0 R /Size 5 {trailer} >>\n%%EOF\n").encode("latin-1")


ENCRYPT = (
    "/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>] "
    f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'11' * 32}> /U <{'22' * 32}> >>"
)


# --- What to read


def test_a_folder_is_walked_in_the_order_a_person_expects(tmp_path):
    for name in ["page10.png", "page2.png", "Page1.PNG", "sub/b.jpg", "sub/a.tif", "a.pdf"]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for name in ["notes.txt", ".hidden.png", "thumbs.db", "sub/.x.png"]:
        (tmp_path / name).touch()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "c.png").touch()
    found = find_sources([str(tmp_path)], fail)
    assert [str(source.relative_path) for source in found] == [
        "a.pdf",
        "Page1.PNG",
        "page2.png",
        "page10.png",
        "sub/a.tif",
        "sub/b.jpg",
    ]


def test_named_files_are_kept_as_they_are():
    names = ["z.txt", "missing.png", "-", "a.png", "a.png"]
    assert [source.path for source in find_sources(names, fail)] == names


def test_links_to_folders_are_not_followed(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert len(find_sources([str(tmp_path)], fail)) == 1


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "x.txt").touch()
    errors: list[SourceError] = []
    assert find_sources([str(tmp_path)], errors.append) == []
    assert str(errors[0]) == f"{tmp_path}: there is no image and no PDF in this folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_named(tmp_path):
    save(tmp_path / "a.png")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    errors: list[SourceError] = []
    try:
        assert len(find_sources([str(tmp_path)], errors.append)) == 1
    finally:
        closed.chmod(0o700)
    assert str(errors[0]) == f"{closed}: permission denied"


def test_relative_paths_for_results():
    assert Source("scans/a.png").relative_path == Path("a.png")
    assert Source("scans/x/a.png", folder="scans").relative_path == Path("x/a.png")
    assert Source("-").relative_path == Path("stdin")


def test_a_name_that_is_not_utf8_can_be_printed():
    assert Source(os.fsdecode(b"caf\xe9.png")).name == "caf\ufffd.png"


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=2))
def test_natural_order_is_the_order_of_the_numbers(numbers):
    names = [f"page{number}.png" for number in numbers]
    assert (sorted(names, key=module._natural) == names) == (numbers == sorted(numbers))


@given(st.lists(st.text(max_size=6), max_size=6))
def test_natural_order_orders_any_names(names):
    assert sorted(names, key=module._natural) == sorted(sorted(names), key=module._natural)


# --- Which pages


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("1", [1]),
        ("2-4", [2, 3, 4]),
        ("4,2-3,3", [2, 3, 4]),
        ("5-", [5, 6]),
        (" 1 , 3 - 4 ", [1, 3, 4]),
    ],
)
def test_page_lists_by_hand(text, pages):
    assert PageSelection.parse(text).of(6) == pages


@pytest.mark.parametrize("text", ["", "0", "a", "3-2", "-3", "1,,2", "1-2-3", "1;2", "²", "1e3"])
def test_bad_page_lists_are_refused(text):
    with pytest.raises(ValueError, match="pages must be numbers from 1 and ranges such as"):
        PageSelection.parse(text)


@pytest.mark.parametrize(("text", "missing"), [("7", 7), ("5-9", 9), ("8-", 8)])
def test_pages_that_are_not_there_are_named(text, missing):
    with pytest.raises(ValueError, match=f"there is no page {missing}, only 6 pages"):
        PageSelection.parse(text).of(6)
    with pytest.raises(ValueError, match=r"only 1 page$"):
        PageSelection.parse(text).of(1)


@given(st.sets(st.integers(1, 40), min_size=1))
def test_a_list_of_single_pages_selects_them(pages):
    text = ",".join(map(str, pages))
    assert PageSelection.parse(text).of(40) == sorted(pages)


# --- Images


def test_an_image_file_has_one_page(tmp_path):
    path = save(tmp_path / "a.png", 8, 6, 123)
    (page,) = open_source(Source(str(path)))
    assert (page.number, page.count, page.name) == (1, 1, str(path))
    np.testing.assert_array_equal(page.image(), np.full((6, 8), 123, np.uint8))


def test_content_decides_not_the_name(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(small_pdf())
    (page,) = open_source(Source(str(path)), dpi=72)
    assert page.image().shape == (72, 144)


def make_tiff(path: Path, pages: int = 4, compression: str | None = None) -> Path:
    frames = [Image.new("L", (8, 6), 10 * number) for number in range(1, pages + 1)]
    frames[0].save(path, save_all=True, append_images=frames[1:], compression=compression)
    return path


@pytest.mark.parametrize("order", [[1, 2, 3, 4], [3, 1, 1, 4, 2]])
def test_pages_of_a_tiff_in_any_order(tmp_path, order):
    pages = open_source(Source(str(make_tiff(tmp_path / "a.tif"))))
    assert [page.number for page in pages] == [1, 2, 3, 4]
    assert pages[2].name.endswith("a.tif, page 3")
    for number in order:
        assert (pages[number - 1].image() == 10 * number).all()


def test_pages_of_a_tiff_in_order_are_decoded_once(tmp_path, monkeypatch):
    calls = []
    decode = module.read_pages
    monkeypatch.setattr(module, "read_pages", lambda *a, **k: calls.append(a) or decode(*a, **k))
    for page in open_source(Source(str(make_tiff(tmp_path / "a.tif")))):
        page.image()
    assert len(calls) == 1


def test_a_selection_of_a_tiff(tmp_path):
    path = make_tiff(tmp_path / "a.tif")
    pages = open_source(Source(str(path)), PageSelection.parse("2,4"))
    assert [int(page.image()[0, 0]) for page in pages] == [20, 40]


def test_a_damaged_page_is_named_and_pages_before_it_are_read(tmp_path):
    path = make_tiff(tmp_path / "a.tif", compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    with Image.open(path) as image:
        image.seek(2)
        (start,), (length,) = image.tag_v2[273], image.tag_v2[279]
    data[start : start + length] = b"\xff" * length
    path.write_bytes(data)
    pages = open_source(Source(str(path)))
    assert (pages[0].image() == 10).all()
    assert (pages[1].image() == 20).all()
    with pytest.raises(SourceError, match=r"a\.tif, page 3: this TIFF file is damaged"):
        pages[2].image()
    with pytest.raises(SourceError, match=r"a\.tif, page 4: page 3: this TIFF file is damaged"):
        pages[3].image()


def test_what_is_wrong_with_an_image_is_said_once(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"this is no image")
    (page,) = open_source(Source(str(path)))
    with pytest.raises(SourceError) as error:
        page.image()
    assert str(error.value).count("a.png") == 1
    assert str(error.value).startswith(f"{path}: not an image of a known format")


def test_large_images_are_refused(tmp_path):
    path = save(tmp_path / "a.png", 100, 50)
    (page,) = open_source(Source(str(path)), max_pixels=4999)
    with pytest.raises(SourceError, match="more than the 4999 allowed"):
        page.image()


@pytest.mark.parametrize("name", ["nothing.png", "folder-less/nothing.png"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(SourceError, match="no such file or directory") as error:
        open_source(Source(str(tmp_path / name)))
    assert error.value.source == str(tmp_path / name)


def test_an_empty_file_is_named(tmp_path):
    path = tmp_path / "empty.png"
    path.touch()
    (page,) = open_source(Source(str(path)))
    with pytest.raises(SourceError, match=r"empty\.png: the file is empty"):
        page.image()


# --- Standard input and pipes


class Input:
    def __init__(self, data: bytes, *, keyboard: bool = False) -> None:
        self.buffer = io.BytesIO(data)
        self.keyboard = keyboard

    def isatty(self) -> bool:
        return self.keyboard


def test_standard_input(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Input(save(tmp_path / "a.png").read_bytes()))
    (page,) = open_source(Source("-"))
    assert page.name == "-"
    assert page.image().shape == (6, 8)


def test_standard_input_can_hold_several_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Input(make_tiff(tmp_path / "a.tif").read_bytes()))
    assert [int(page.image()[0, 0]) for page in open_source(Source("-"))] == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("data", "keyboard", "message"),
    [
        (b"", False, "-: there is nothing in it"),
        (b"", True, "-: standard input is the keyboard; pipe or redirect an image into it"),
    ],
)
def test_standard_input_without_an_image(monkeypatch, data, keyboard, message):
    monkeypatch.setattr(sys, "stdin", Input(data, keyboard=keyboard))
    with pytest.raises(SourceError) as error:
        open_source(Source("-"))
    assert str(error.value) == message


def test_standard_input_that_does_not_end_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 2**20)
    monkeypatch.setattr(sys, "stdin", Input(bytes(2**20 + 1)))
    with pytest.raises(SourceError, match="-: there are more than 1 MiB; save it as a file first"):
        open_source(Source("-"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_read_once(tmp_path):
    import threading

    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    data = save(tmp_path / "a.png").read_bytes()
    thread = threading.Thread(target=lambda: pipe.write_bytes(data))
    thread.start()
    (page,) = open_source(Source(str(pipe)))
    thread.join()
    assert page.image().shape == (6, 8)


# --- PDF


def test_pdf_pages_made_by_another_program(tmp_path):
    """Three pages from Pillow, at 144 dpi; drawn at 288 dpi they are twice as large."""
    path = tmp_path / "a.pdf"
    frames = [Image.new("RGB", (60 + 10 * n, 40), (255, 0, 10 * n)) for n in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], resolution=144)
    pages = open_source(Source(str(path)), dpi=288)
    assert [page.image().shape for page in pages] == [(80, 120, 3), (80, 140, 3), (80, 160, 3)]
    assert pages[1].name.endswith("a.pdf, page 2")
    red, green, blue = pages[2].image()[40, 80]
    assert red > 240
    assert green < 10
    assert abs(int(blue) - 20) < 10  # RGB, not BGR; JPEG inside changes a little


def test_pdf_text_is_drawn_where_it_stands():
    """A black square by hand: 20 points from the left, 10 from the top of a 144 x 72 point page."""
    source = small_pdf("0 0 0 rg 20 42 20 20 re f")
    (page,) = _open_bytes(source, dpi=144)
    image = page.image()
    assert image.shape == (144, 288)
    rows, columns = np.nonzero(image < 128)
    assert (columns.min(), columns.max()) == (40, 79)
    assert (rows.min(), rows.max()) == (20, 59)


def _open_bytes(data: bytes, **options):
    content = Input(data)
    saved, sys.stdin = sys.stdin, content
    try:
        return open_source(Source("-"), **options)
    finally:
        sys.stdin = saved


def test_a_selection_of_a_pdf(tmp_path):
    path = tmp_path / "a.pdf"
    frames = [Image.new("L", (60, 40), 255) for _ in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    pages = open_source(Source(str(path)), PageSelection.parse("2-"))
    assert [page.number for page in pages] == [2, 3]
    with pytest.raises(SourceError, match=r"a\.pdf: there is no page 4, only 3 pages"):
        open_source(Source(str(path)), PageSelection.parse("4"))


def test_an_encrypted_pdf_says_so():
    with pytest.raises(SourceError, match="-: the PDF is encrypted; save it without its password"):
        _open_bytes(small_pdf(trailer=ENCRYPT))


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n",
        b"%PDF-1.7\n" + bytes(5000),
        small_pdf()[:60],
        b"\n\n%PDF-1.4 no objects %%EOF",
    ],
)
def test_a_broken_pdf_says_so(data):
    with pytest.raises(SourceError, match="-: the PDF is damaged"):
        _open_bytes(data)


def test_a_huge_pdf_page_is_refused_before_it_is_drawn():
    (page,) = _open_bytes(small_pdf(box="0 0 14400 14400"), dpi=144)
    with pytest.raises(SourceError, match="at 144 dpi the page would have 28800 x 28800 pixels"):
        page.image()


@pytest.mark.parametrize("box", ["0 0 0 0", "0 0 -5 10", "0 0 1e9 1e9", "0 0 0.01 0.01"])
def test_odd_page_sizes_end_in_an_image_or_an_error(box):
    (page,) = _open_bytes(small_pdf(box=box), dpi=72)
    try:
        assert page.image().size > 0
    except SourceError as error:
        assert "page would have" in str(error)  # noqa: PT017


@given(st.binary(max_size=60), st.integers(0, 300))
def test_a_mangled_pdf_gives_pages_or_a_source_error(junk, position):
    data = small_pdf("0 0 0 rg 20 42 20 20 re f")
    mangled = data[:position] + junk + data[position + len(junk) :]
    try:
        for page in _open_bytes(mangled, dpi=20, max_pixels=10**6):
            page.image()
    except SourceError:
        pass


@pytest.mark.parametrize("dpi", [0, -72, float("nan"), float("inf")])
def test_bad_resolutions_are_refused(dpi):
    with pytest.raises(ValueError, match="dpi must"):
        open_source(Source("a.pdf"), dpi=dpi)

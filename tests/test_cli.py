"""The command line as a user meets it: what it prints, writes, refuses, and its exit status.

A method made for these tests stands in for the real ones: it "reads" an image of one value as the
word ``v`` and that value, so that every output tells which image it belongs to.
"""

import inspect
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import ocrlearn
from ocrlearn import cli
from ocrlearn.document import Line, Page, Word, page_from_json
from ocrlearn.methods import METHODS, Method


class Fake:
    """Reads v as the word "v<v>", 66 as two lines, 77 with a note; 98 nowhere; fails on 99."""

    def read(self, image) -> Page:
        height, width = image.shape[:2]
        value = int(np.median(image))
        if value == 99:
            raise IndexError("a bug in the method")
        if value == 98:
            return Page([Line(np.full((4, 2), np.nan, np.float32))], width, height, "fake")
        quad = np.array([[1, 1], [5, 1], [5, 4], [1, 4]], np.float32)
        texts = {66: ["naïve", "文"], 55: []}.get(value, [f"v{value}"])
        lines = [Line(quad, [Word(text, quad, 0.75)]) for text in texts]
        notes = ["a remark"] if value == 77 else []
        return Page(lines, width, height, "fake", 0.0, notes)


FAKE = Method("fake", "A stand-in", "reads the gray value", 0, Fake)

# The same method in a process of its own.
DRIVER = f"""
import sys, time
import numpy as np
from ocrlearn import cli
from ocrlearn.document import Line, Page, Word
from ocrlearn.methods import METHODS, Method
{inspect.getsource(Fake)}
METHODS["fake"] = Method("fake", "", "", 0, Fake)
"""


@pytest.fixture(autouse=True)
def _fake_method(monkeypatch):
    monkeypatch.setitem(METHODS, "fake", FAKE)


def run(*arguments, input=None):  # noqa: A002
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], input=input)


def read(*arguments, input=None):  # noqa: A002
    return run("read", "--method", "fake", *arguments, input=input)


def process(*arguments, more: str = "", env: dict[str, str] | None = None, **options):
    """Start ``ocrlearn read --method fake`` as a process."""
    command = [sys.executable, "-c", f"{DRIVER}\n{more}\ncli.main()", "read", "--method", "fake"]
    return subprocess.Popen(
        [*command, *arguments],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
        **options,
    )


def image(path: Path, value: int = 10, size: tuple[int, int] = (20, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)
    return path


def pdf(path: Path, values=(10, 20, 30)) -> Path:
    frames = [Image.new("L", (20, 10), value) for value in values]
    frames[0].save(path, save_all=True, append_images=frames[1:], resolution=72)
    return path


# --- Text


def test_the_text_of_one_image(tmp_path):
    result = read(image(tmp_path / "a.png"))
    assert result.exit_code == 0
    assert result.stdout == "v10\n"
    assert result.stderr == ""


def test_pages_are_divided_by_form_feeds(tmp_path):
    result = read(image(tmp_path / "a.png", 66), image(tmp_path / "b.png", 20))
    assert result.stdout == "naïve\n文\n\fv20\n"


def test_a_page_without_text_keeps_its_place(tmp_path):
    images = [image(tmp_path / f"{value}.png", value) for value in (55, 20, 55)]
    assert read(*images).stdout == "\fv20\n\f"


def test_standard_input(tmp_path):
    result = read("-", input=image(tmp_path / "a.png").read_bytes())
    assert (result.exit_code, result.stdout) == (0, "v10\n")


# --- What cannot be read


def test_a_broken_file_is_named_and_the_rest_is_read(tmp_path):
    folder = tmp_path / "scans"
    for name, value in [("p1.png", 1), ("p10.png", 10), ("p2.png", 2)]:
        image(folder / name, value)
    (folder / "p3.png").write_bytes(image(tmp_path / "x.png", size=(99, 99)).read_bytes()[:60])
    (folder / "notes.txt").write_text("no image")
    result = read(folder)
    assert result.exit_code == 1
    assert result.stdout == "v1\n\fv2\n\fv10\n"
    assert result.stderr.startswith(f"ocrlearn: {folder / 'p3.png'}: this PNG file is damaged")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "truncated pdf"])
def test_everything_wrong_is_one_line_without_a_traceback(tmp_path, kind):
    path = tmp_path / "bad.png"
    content = {"empty": b"", "text": b"hello", "truncated pdf": b"%PDF-1.4 and then nothing"}
    if kind != "missing":
        path.write_bytes(content[kind])
    result = read(path, image(tmp_path / "good.png"))
    assert result.exit_code == 1
    assert result.stdout == "v10\n"
    assert result.stderr.startswith(f"ocrlearn: {path}: ")
    assert result.stderr.count("\n") == 1


def test_a_folder_without_images_is_named(tmp_path):
    result = read(tmp_path)
    assert result.exit_code == 1
    assert result.stderr == f"ocrlearn: {tmp_path}: there is no image and no PDF in this folder\n"


def test_a_method_that_fails_on_a_page_does_not_stop_the_rest(tmp_path):
    images = [image(tmp_path / f"{value}.png", value) for value in (10, 99, 20)]
    result = read(*images)
    assert result.exit_code == 1
    assert result.stdout == "v10\n\fv20\n"
    assert result.stderr == (
        f"ocrlearn: {images[1]}: the method fake failed with IndexError: "
        "a bug in the method (--traceback shows where)\n"
    )


@pytest.mark.parametrize("option", ["--json", "--hocr"])
def test_places_that_are_no_numbers_fail_for_their_page_only(tmp_path, option):
    paths = [image(tmp_path / f"{value}.png", value) for value in (10, 98, 20)]
    result = read(*paths, option, "--show", f"{tmp_path}/seen/")
    assert result.exit_code == 1
    assert "v10" in result.stdout
    assert "v20" in result.stdout
    assert result.stderr.startswith(f"ocrlearn: {paths[1]}: the method fake failed with ValueError")
    assert len(list((tmp_path / "seen").iterdir())) == 2


def test_traceback_shows_where_a_method_failed(tmp_path):
    result = read(image(tmp_path / "a.png", 99), "--traceback")
    assert result.exit_code == 1
    assert isinstance(result.exception, IndexError)


def test_a_method_that_cannot_be_loaded_says_so(tmp_path, monkeypatch):
    def missing():
        raise FileNotFoundError("no parameters here")

    broken = Method("fake", "", "", 0, missing)
    monkeypatch.setitem(METHODS, "fake", broken)
    result = read(image(tmp_path / "a.png"))
    assert result.exit_code == 1
    assert result.stderr == "ocrlearn: the method fake cannot be loaded: no parameters here\n"


def test_remarks_go_to_standard_error_unless_quiet(tmp_path):
    path = image(tmp_path / "a.png", 77)
    result = read(path)
    assert (result.exit_code, result.stdout) == (0, "v77\n")
    assert result.stderr == f"ocrlearn: {path}: a remark\n"
    assert read(path, "--quiet").stderr == ""


# --- PDF and TIFF


def test_the_pages_of_a_pdf(tmp_path):
    path = pdf(tmp_path / "a.pdf")
    assert read(path).stdout == "v10\n\fv20\n\fv30\n"
    assert read(path, "--pages", "1,3-").stdout == "v10\n\fv30\n"


def test_the_resolution_of_a_pdf(tmp_path):
    path = pdf(tmp_path / "a.pdf")
    page = page_from_json(read(path, "--json", "--pages", "2", "--dpi", "144").stdout)
    assert (page.width, page.height) == (40, 20)


def test_the_pages_of_a_tiff(tmp_path):
    frames = [Image.new("L", (20, 10), value) for value in (10, 20)]
    path = tmp_path / "a.tif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert read(path).stdout == "v10\n\fv20\n"


def test_a_page_that_is_not_there_fails_for_its_file_only(tmp_path):
    long, short = pdf(tmp_path / "long.pdf"), pdf(tmp_path / "short.pdf", [40])
    result = read(short, long, "--pages", "2")
    assert result.exit_code == 1
    assert result.stdout == "v20\n"
    assert result.stderr == f"ocrlearn: {short}: there is no page 2, only 1 page\n"


def test_matplotlib_pdf_by_the_real_default_resolution(tmp_path):
    from matplotlib.figure import Figure

    path = tmp_path / "plot.pdf"
    Figure(figsize=(2, 1)).savefig(path)
    page = page_from_json(read(path, "--json").stdout)
    assert (page.width, page.height) == (600, 300)


# --- JSON and hOCR


def test_json_is_one_page_a_line(tmp_path):
    document, single = pdf(tmp_path / "a.pdf", [10, 20]), image(tmp_path / "b.png", 66)
    lines = read(document, single, "--json").stdout.split("\n")
    assert lines.pop() == ""
    pages = [page_from_json(line) for line in lines]
    assert [page.text for page in pages] == ["v10", "v20", "naïve\n文"]
    assert [page.source for page in pages] == [str(document), str(document), str(single)]
    assert [page.page_number for page in pages] == [1, 2, 1]
    assert {page.method for page in pages} == {"fake"}


def test_hocr_is_one_document(tmp_path):
    document, single = pdf(tmp_path / "a.pdf", [10, 20]), image(tmp_path / "b.png", 30)
    output = read(document, single, "--hocr").stdout
    root = ElementTree.fromstring(output.encode())
    assert sum(e.get("class") == "ocr_page" for e in root.iter()) == 3
    words = [e.text for e in root.iter() if e.get("class") == "ocrx_word"]
    assert words == ["v10", "v20", "v30"]
    assert output.endswith("</html>\n")


def test_hocr_of_nothing_is_nothing(tmp_path):
    result = read(tmp_path / "missing.png", "--hocr")
    assert (result.exit_code, result.stdout) == (1, "")


# --- Files written


def test_output_into_a_file(tmp_path):
    target = tmp_path / "all.txt"
    result = read(image(tmp_path / "a.png"), image(tmp_path / "b.png", 66), "-o", target)
    assert (result.exit_code, result.stdout) == (0, "")
    assert target.read_bytes().decode("utf-8") == "v10\n\fnaïve\n文\n"


def test_a_dash_is_standard_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read(image(tmp_path / "a.png"), "--output", "-").stdout == "v10\n"
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(
    ("option", "suffix"), [("--text", ".txt"), ("--json", ".jsonl"), ("--hocr", ".hocr")]
)
def test_output_into_a_folder(tmp_path, option, suffix):
    scans = tmp_path / "scans"
    image(scans / "a.png", 10)
    image(scans / "deep" / "b.png", 20)
    pdf(scans / "c.pdf", [30, 40])
    result = read(scans, option, "--output", f"{tmp_path / 'new' / 'texts'}/")
    assert (result.exit_code, result.stdout) == (0, "")
    folder = tmp_path / "new" / "texts"
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert files == [f"a{suffix}", f"c{suffix}", f"deep/b{suffix}"]
    text = (folder / f"c{suffix}").read_text()
    assert text.index("v30") < text.index("v40")


def test_names_that_would_collide_do_not(tmp_path):
    paths = [
        image(tmp_path / "x" / "scan.png", 1),
        image(tmp_path / "y" / "scan.png", 2),
        image(tmp_path / "y" / "scan.bmp", 3),
        image(tmp_path / "y" / "SCAN.PNG.png", 4),
        image(tmp_path / "y" / "other.png", 5),
    ]
    target = tmp_path / "out"
    target.mkdir()
    assert read(*paths, "-o", target).exit_code == 0
    found = {path.name: path.read_text() for path in target.iterdir()}
    assert sorted(found.values()) == ["v1\n", "v2\n", "v3\n", "v4\n", "v5\n"]
    assert len({name.casefold() for name in found}) == 5
    assert found["scan.bmp.txt"] == "v3\n"
    assert found["other.txt"] == "v5\n"


def test_a_file_that_cannot_be_read_leaves_no_result(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    assert read(image(tmp_path / "a.png"), tmp_path / "missing.png", "-o", target).exit_code == 1
    assert [path.name for path in target.iterdir()] == ["a.txt"]


def test_show_draws_a_picture(tmp_path):
    target = tmp_path / "seen.png"
    result = read(image(tmp_path / "a.png"), "--show", target)
    assert (result.exit_code, result.stdout) == (0, "v10\n")
    with Image.open(target) as picture:
        assert picture.width > 100


def test_show_numbers_the_pages_of_a_document(tmp_path):
    assert read(pdf(tmp_path / "a.pdf", [10, 20]), "--show", tmp_path / "seen.jpg").exit_code == 0
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == ["seen-p1.jpg", "seen-p2.jpg"]


def test_show_fills_a_folder(tmp_path):
    scans = tmp_path / "scans"
    image(scans / "a.png")
    image(scans / "deep" / "b.png")
    pdf(scans / "c.pdf", [30, 40])
    assert read(scans, "--show", f"{tmp_path / 'seen'}/").exit_code == 0
    seen = tmp_path / "seen"
    files = sorted(str(p.relative_to(seen)) for p in seen.rglob("*.png"))
    assert files == ["a.png", "c-p1.png", "c-p2.png", "deep/b.png"]


def test_what_cannot_be_written_is_named(tmp_path):
    if os.geteuid() == 0:
        target = "/dev/full"
        if not os.path.exists(target):
            pytest.skip("root may write everywhere")
    else:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        target = str(closed / "a.txt")
    result = read(image(tmp_path / "a.png"), "-o", target)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"ocrlearn: cannot write {target}: ")
    assert result.stderr.count("\n") == 1


# --- Commands that are wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "--json", "--hocr"], "--json and --hocr exclude each other"),
        (["a.png", "--method", "magic"], "there is no 'magic'; there are components,"),
        (["a.png", "--pages", "0"], "pages must be numbers from 1"),
        (["a.png", "--dpi", "0"], "Invalid value for '--dpi'"),
        (["a.png", "--show", "x.xyz"], "x.xyz must end in one of .png"),
        (["a.png", "--show", "none/x.png"], "there is no folder none"),
        (["a.png", "-o", "none/x.txt"], "there is no folder none"),
        (["a.png", "b.png", "--show", "x.png"], "several inputs; name a folder, such as x/"),
        (["a.png", "--show", "a.png"], "a.png is one of the inputs"),
        (["a.png", "--output", "./a.png"], "./a.png is one of the inputs"),
        (["a.png", "--show", "./"], "./ holds inputs; name another folder"),
        ([".", "--show", "."], ". holds inputs; name another folder"),
        ([], "Missing argument 'INPUT"),
        (["a.png", "--nonsense"], "No such option"),
    ],
)
def test_wrong_commands_end_with_2(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    before = image(tmp_path / "a.png").read_bytes()
    image(tmp_path / "b.png")
    result = run("read", *arguments)
    assert result.exit_code == 2
    assert message in re.sub(r"[\s│]+", " ", result.stderr)
    assert result.stdout == ""
    assert (tmp_path / "a.png").read_bytes() == before


# --- The other commands


def test_version():
    assert run("--version").stdout == f"ocrlearn {ocrlearn.__version__}\n"


def test_help_teaches_by_examples():
    result = run("--help")
    assert result.exit_code == 0
    for command in ("read", "methods", "tour", "start", "check", "hint", "solution"):
        assert re.search(rf"│ {command} ", result.stdout), command
    assert "ocrlearn read letter.jpg --show seen.png" in result.stdout
    assert "ocrlearn read scans/ --output texts/ --show pictures/" in run("read", "-h").stdout


def test_methods_lists_every_method_within_80_columns():
    result = run("methods")
    assert result.exit_code == 0
    for name in METHODS:
        assert re.search(rf"^ {name} ", result.stdout, re.MULTILINE)
    assert max(map(len, result.stdout.splitlines())) <= 80


# --- As a process


def test_importing_the_command_line_loads_nothing_heavy():
    code = "import sys, ocrlearn.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "numba", "matplotlib", "scipy", "skimage", "sklearn", "PIL", "pypdfium2"}
    assert not heavy & set(loaded.stdout.split())


def test_a_pipe_in_and_a_pipe_out(tmp_path):
    path = image(tmp_path / "a.png", 66)
    with open(path, "rb") as file:
        started = process("-", stdin=file, env={"PYTHONIOENCODING": "latin-1", "LC_ALL": "C"})
        out, err = started.communicate()
    assert (started.returncode, err) == (0, b"")
    assert out == "naïve\n文\n".encode()  # UTF-8 whatever the environment says


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    images = [str(image(tmp_path / f"{n:03}.png", n)) for n in range(1, 50)]
    slow = "slept = lambda *a, f=Fake.read: (time.sleep(0.01), f(*a))[1]"
    slow += "\nFake.read = slept"
    started = process(*images, more=slow)
    assert started.stdout.readline() == b"v1\n"
    started.stdout.close()
    assert started.stderr.read() == b""
    assert started.wait(30) == -signal.SIGPIPE
    started.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_named(tmp_path):
    with open("/dev/full", "wb") as full:
        started = process(str(image(tmp_path / "a.png")), stdout=full)
        _, err = started.communicate()
    assert started.returncode == 1
    assert err.startswith(b"ocrlearn: cannot write standard output: ")
    assert err.count(b"\n") == 1


def test_control_c_ends_it_without_a_traceback(tmp_path):
    slow = "slept = lambda *a: (print('ready', file=sys.stderr, flush=True), time.sleep(60))"
    slow += "\nFake.read = slept"
    started = process(str(image(tmp_path / "a.png")), more=slow)
    assert started.stderr.readline() == b"ready\n"
    time.sleep(0.2)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=30)
    assert (started.returncode, out, err) == (130, b"", b"")


def test_a_name_that_is_not_utf8(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        with open(name, "wb") as file:
            file.write(image(tmp_path / "a.png").read_bytes())
    except OSError:
        pytest.skip("this file system wants UTF-8")
    out, err = process(os.fsdecode(name), "--json").communicate()
    assert err == b""
    assert page_from_json(out).source.endswith("caf\ufffd.png")


def test_status_as_a_process(tmp_path):
    good, bad = str(image(tmp_path / "a.png")), str(tmp_path / "missing.png")
    for arguments, status in [([good], 0), ([bad, good], 1), ([good, "--dpi", "x"], 2)]:
        started = process(*arguments)
        _, err = started.communicate()
        assert started.returncode == status
        assert b"Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("quiet", "shown"), [([], True), (["--quiet"], False)])
def test_a_progress_bar_at_a_terminal_only(tmp_path, quiet, shown):
    import pty

    images = [str(image(tmp_path / f"{value}.png", value)) for value in (10, 20, 30)]
    main, terminal = pty.openpty()
    environment = {"TERM": "xterm", "COLUMNS": "120"}
    started = process(*images, *quiet, stderr=terminal, env=environment)
    os.close(terminal)
    out, _ = started.communicate()
    seen = b""
    try:
        while chunk := os.read(main, 4096):
            seen += chunk
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(main)
    assert started.returncode == 0
    assert out == b"v10\n\fv20\n\fv30\n"
    assert (b"3/3" in seen) == shown


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_names_instead_of_form_feeds_at_a_terminal(tmp_path):
    import pty

    images = [str(image(tmp_path / f"{value}.png", value)) for value in (10, 20)]
    main, terminal = pty.openpty()
    started = process(*images, stdout=terminal)
    os.close(terminal)
    assert started.communicate()[1] == b""
    seen = os.read(main, 4096).decode().replace("\r\n", "\n")
    os.close(main)
    assert seen == f"── {images[0]} ──\n\nv10\n\n── {images[1]} ──\n\nv20\n"

"""The tour: what it prints within 80 columns, its picture, and when it opens JupyterLab."""

import os
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ocrlearn import cli
from ocrlearn.course import tour
from ocrlearn.course.page import PAGE_TEXT, page_image
from ocrlearn.document import Line, Page, Word
from ocrlearn.methods import METHODS, Method

LESSON = """\
# ---
# jupyter:
#   ocrlearn:
#     title: A first chapter
#     summary: It begins.
#     part: I
#     minutes: 40
#     needs: [nothing]
#     outcomes: [Begin]
# ---
# %% [markdown]
# # Hello
"""


def reading(text: str) -> Method:
    """Make a method that reads `text` in every image."""

    class Reader:
        def read(self, image) -> Page:
            height, width = image.shape
            quad = np.array([[9, 9], [99, 9], [99, 19], [9, 19]], np.float32)
            lines = [
                Line(quad, [Word(word, quad, 0.9) for word in line.split(" ")])
                for line in text.split("\n")
            ]
            return Page(lines, width, height, "fake")

    return Method("perfect" if text == PAGE_TEXT else "flawed", "A stand-in", "does so", 1, Reader)


FLAWED = PAGE_TEXT.replace("coins and", "[bold]c0ins[/] and")  # what Rich takes for mark-up


@pytest.fixture
def _two_methods(monkeypatch):
    methods = {"flawed": reading(FLAWED), "perfect": reading(PAGE_TEXT)}
    monkeypatch.setattr(tour, "METHODS", methods)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A course of one chapter."""
    (tmp_path / "lessons").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "lessons" / "01_first.py").write_text(LESSON)
    (tmp_path / "notebooks" / "01_first.ipynb").write_text("{}")
    monkeypatch.setenv("OCRLEARN_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, **options):
    return CliRunner().invoke(cli.app, ["tour", *arguments], **options)


def test_the_photograph_and_its_text():
    assert page_image().shape == (191, 384)
    assert page_image().dtype == np.uint8
    lines = PAGE_TEXT.split("\n")
    assert len(lines) == 7
    assert lines[0] == "Region-based segmentation"
    assert lines[-1] == ">>> markers = np.zeros_like(coins)"


@pytest.mark.usefixtures("_two_methods")
def test_what_the_tour_prints(home):
    result = run()
    assert result.exit_code == 0, result.output
    assert "[bold]c0ins[/]" in result.stdout
    # Nine characters of mark-up and a wrong digit.
    assert f"{10 / len(PAGE_TEXT):.1%} wrong" in result.stdout
    assert "0.0% wrong" in result.stdout
    for line in PAGE_TEXT.split("\n"):
        assert line in result.stdout
    assert "01  A first chapter" in result.stdout
    assert "ocrlearn start my-course" in result.stdout
    assert "lab notebooks" in result.stdout
    assert max(len(line.rstrip()) for line in result.stdout.splitlines()) <= 80


@pytest.mark.usefixtures("_two_methods")
def test_the_picture(home):
    assert "out/page.png" in run().stdout
    with Image.open(home / "out" / "page.png") as picture:
        assert picture.width > 384
    assert run("--output", str(home / "elsewhere")).exit_code == 0
    assert (home / "elsewhere" / "page.png").is_file()


@pytest.mark.usefixtures("_two_methods", "home")
def test_a_picture_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    result = run("--output", str(tmp_path / "file" / "out"))
    assert result.exit_code == 1
    assert result.stderr.startswith("ocrlearn: cannot write ")


@pytest.mark.usefixtures("_two_methods")
def test_without_a_checkout_it_says_where_the_chapters_are(tmp_path, monkeypatch):
    monkeypatch.setenv("OCRLEARN_HOME", str(tmp_path))
    result = run("-o", str(tmp_path))
    assert result.exit_code == 0
    assert "No chapters here: they come with a checkout" in result.stdout


@pytest.mark.usefixtures("_two_methods", "home")
def test_without_the_course_tools_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    result = run()
    assert result.exit_code == 1
    assert result.stderr == "the tour needs skimage: pip install 'ocrlearn[course]'\n"


@pytest.mark.usefixtures("_two_methods", "home")
def test_a_method_that_cannot_be_loaded_is_named(monkeypatch):
    def load():
        raise ValueError("parameters of another version")

    monkeypatch.setattr(tour, "METHODS", {"old": Method("old", "", "", 1, load)})
    result = run()
    assert result.exit_code == 1
    assert (
        result.stderr
        == "ocrlearn: the method old cannot be loaded: parameters of another version\n"
    )


@pytest.mark.parametrize(
    ("terminal", "environment", "user", "option", "opened"),
    [
        (True, {}, 1000, [], True),
        (False, {}, 1000, [], False),
        (True, {"CI": "true"}, 1000, [], False),
        (True, {}, 0, [], False),
        (True, {}, 1000, ["--no-lab"], False),
    ],
)
@pytest.mark.usefixtures("_two_methods")
def test_jupyterlab_opens_for_a_person_only(
    home, monkeypatch, terminal, environment, user, option, opened
):
    calls = []
    monkeypatch.delenv("CI", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "execv", lambda program, arguments: calls.append(arguments))
    monkeypatch.setattr(tour, "_at_terminal", lambda: terminal)
    assert run(*option).exit_code == 0
    assert bool(calls) == opened
    if opened:
        assert calls[0][1:] == ["-m", "jupyterlab", str(home / "notebooks")]


def test_marks_by_hand():
    text = tour._text("cat sits", "cot sts!", marked=True)
    assert text.plain == "cot s_ts!"
    wrong = [text.plain[span.start : span.end] for span in text.spans]
    assert wrong == ["o", "_", "!"]
    assert tour._text("cat", "c[b]t", marked=False).plain == "c[b]t"


def test_line_ends_count_as_spaces():
    assert not tour._text("a b", "a\nb", marked=True).spans


@pytest.mark.slow
def test_the_real_tour(home):
    result = run("--no-lab")
    assert result.exit_code == 0, result.output
    for name in METHODS:
        assert name in result.stdout
    assert max(len(line.rstrip()) for line in result.stdout.splitlines()) <= 80

import re

import nbformat
import pytest

from ocrlearn.course import build
from ocrlearn.course.chapters import find_chapter


@pytest.fixture
def chapter(built):
    return find_chapter(2, built)


def replace_body(course, body):
    """Keep the lesson's header and give it other cells, without exercises."""
    lesson = course / "lessons" / "02_ink.py"
    header = lesson.read_text("utf-8").split("\n# %%\n")[0]
    lesson.write_text(header + "\n# %%\n" + body, "utf-8")
    (course / "exercises" / "ch02.py").write_text("EXERCISES = []\n", "utf-8")
    return find_chapter(2, course)


def change_notebook(chapter, change):
    notebook = nbformat.read(chapter.notebook, as_version=4)
    change(notebook)
    nbformat.write(notebook, chapter.notebook)


def compared_cells(notebook):
    return [
        cell for cell in notebook.cells if "nbval-check-output" in cell.metadata.get("tags", [])
    ]


def test_built_notebook_is_in_step_and_executed_in_order(chapter):
    assert build.problems(chapter) == []
    notebook = nbformat.read(chapter.notebook, as_version=4)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert "280 pixels" in compared_cells(notebook)[0].outputs[0].text


def test_notebook_says_nothing_of_when_and_where(chapter):
    notebook = nbformat.read(chapter.notebook, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "ocrlearn"}
    assert "version" not in notebook.metadata.language_info
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


def test_learner_meets_an_invitation_and_the_notebook_runs_on(chapter):
    notebook = nbformat.read(chapter.notebook, as_version=4)
    text = compared_cells(notebook)[-1].outputs[0].data["text/plain"]
    assert "Exercise 2.1: waiting for you" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda nb: nb.cells.pop(), "cells, its lesson makes"),
        (
            lambda nb: nb.cells[1].update(source="import sys"),
            "cell 2: its source is not what its lesson makes",
        ),
        (lambda nb: nb.cells[1].update(id="abc"), "cell 2: its id is not"),
        (lambda nb: nb.cells[1].metadata.update(tags=["x"]), "cell 2: its metadata is not"),
        (lambda nb: nb.metadata.kernelspec.update(name="r"), "its metadata were changed"),
        (lambda nb: nb.metadata.ocrlearn.update(source_hash="0"), "have changed since it was bu"),
        (lambda nb: nb.cells[1].update(execution_count=None), "execution count None, expected 1"),
        (lambda nb: nb.cells[1].update(execution_count=7), "execution count 7, expected 1"),
        (
            lambda nb: compared_cells(nb)[0].update(execution_count=None),
            "execution count None, expected",
        ),
        (lambda nb: compared_cells(nb)[0].update(outputs=[]), "has no output to compare"),
        (
            lambda nb: nb.cells[1].outputs.append(
                nbformat.v4.new_output("error", ename="E", evalue="v")
            ),
            "error output E: v",
        ),
        (
            lambda nb: nb.cells[1].outputs.append(
                nbformat.v4.new_output("stream", name="stderr", text="Warning: x\n")
            ),
            r"writes to standard error \(Warning: x\)",
        ),
        (
            lambda nb: nb.cells[1].outputs.append(
                nbformat.v4.new_output("display_data", {"text/plain": "<X at 0x7f00>"})
            ),
            "prints an object's address",
        ),
        (
            lambda nb: nb.cells[1].outputs.append(
                nbformat.v4.new_output("display_data", {"image/png": "AAAA"})
            ),
            "shows image/png without alt text",
        ),
        (
            lambda nb: nb.cells[1].outputs.append(
                nbformat.v4.new_output("display_data", {"text/html": '<img src="data:x" alt=" ">'})
            ),
            "shows a picture without alt text",
        ),
        (
            lambda nb: nb.cells[1].outputs.append(
                nbformat.v4.new_output(
                    "display_data", {"text/html": '<img src="https://x.org/a.png" alt="a">'}
                )
            ),
            "shows a picture from elsewhere",
        ),
        (
            lambda nb: nb.cells[1].outputs.append(
                nbformat.v4.new_output(
                    "display_data",
                    {"text/html": f'<img src="data:{"A" * 210_000}" alt="a">'},
                )
            ),
            "shows a picture of 157 kB; at most 150 kB",
        ),
        (
            lambda nb: compared_cells(nb)[0].outputs.append(
                nbformat.v4.new_output("display_data", {"text/html": '<img src="data:A" alt="a">'})
            ),
            "tagged nbval-check-output but shows a picture",
        ),
    ],
)
def test_every_drift_is_found(chapter, change, message):
    change_notebook(chapter, change)
    found = build.problems(chapter)
    assert any(re.search(message, problem) for problem in found), found


def test_private_path_is_found(chapter, built):
    change_notebook(
        chapter,
        lambda nb: nb.cells[1].outputs.append(
            nbformat.v4.new_output("stream", text=f"{built.resolve()}/page.png\n")
        ),
    )
    assert any("prints the path" in problem for problem in build.problems(chapter))


def test_changed_lesson_and_missing_notebook_are_found(chapter):
    with open(chapter.lesson, "a", encoding="utf-8") as file:
        file.write("\n# one more remark\n")
    assert build.problems(chapter) == [
        "the lesson or its exercises have changed since it was built"
    ]
    chapter.notebook.write_text("{", "utf-8")
    assert build.problems(chapter)[0].startswith("it cannot be read")
    chapter.notebook.unlink()
    assert build.problems(chapter) == ["not built yet"]


def test_only_what_changed_is_built(chapter, capsys, monkeypatch):
    def refuse(*_):
        raise AssertionError("built although in step")

    monkeypatch.setattr(build, "build", refuse)
    assert build.main(["02"]) == 0
    assert "02_ink: in step" in capsys.readouterr().out
    built = []
    monkeypatch.setattr(build, "build", lambda chapter, progress: built.append(chapter) or 1.0)
    assert build.main(["--force"]) == 0
    chapter.lesson.write_text(chapter.lesson.read_text("utf-8") + "\n# more\n", "utf-8")
    assert build.main([]) == 0
    assert len(built) == 2


def test_check_mode_builds_nothing(chapter, capsys):
    assert build.main(["--check"]) == 0
    before = chapter.notebook.read_bytes()
    chapter.lesson.write_text(chapter.lesson.read_text("utf-8") + "\n# more\n", "utf-8")
    assert build.main(["--check"]) == 1
    assert "changed since it was built" in capsys.readouterr().out
    assert chapter.notebook.read_bytes() == before


def test_unknown_chapter_lists_those_there_are(chapter, capsys):
    assert build.main(["99"]) == 2
    assert "there is no chapter 99; there are 02" in capsys.readouterr().err


def test_failing_cell_is_named_with_its_line(course, capsys):
    chapter = replace_body(
        course, "a = 1\n\n# %%\nb = 2\n\n\ndef f():\n    return a / 0\n\n\n# %%\nc = 3\nf()\n"
    )
    line = chapter.lesson.read_text("utf-8").split("\n").index("f()") + 1
    assert build.main(["02"]) == 1
    out = capsys.readouterr().out
    assert f"lessons/02_ink.py:{line}: cell 4 failed with ZeroDivisionError" in out
    assert "->   2 | f()" in out
    assert not chapter.notebook.exists()


def test_warning_fails_the_build(course):
    chapter = replace_body(course, "import warnings\nwarnings.warn('old news')\n")
    with pytest.raises(build.BuildError, match="cell 2: writes to standard error"):
        build.build(chapter)


def test_budget_is_enforced(course):
    chapter = replace_body(course, "import time\ntime.sleep(1.1)\n")
    text = chapter.lesson.read_text("utf-8").replace("budget: 90", "budget: 1")
    chapter.lesson.write_text(text, "utf-8")
    with pytest.raises(build.BuildError, match="its budget is 1 s"):
        build.build(find_chapter(2, course))
    assert not chapter.notebook.exists()

import nbformat
import pytest
import typer
from nbformat.sign import NotebookNotary
from typer.testing import CliRunner

from ocrlearn.course import cli

SOLVED = "def ink_share(image, threshold):\n    return (image < threshold).mean()"
WRONG = "def ink_share(image, threshold):\n    return (image > threshold).mean()"


@pytest.fixture(autouse=True)
def own_jupyter(tmp_path, monkeypatch):
    """Keep signatures of notebooks out of the user's own store."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


@pytest.fixture
def run():
    app = typer.Typer()
    for command in (cli.start, cli.check, cli.hint, cli.solution):
        app.command()(command)

    def invoke(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def copy(built, run, tmp_path, monkeypatch):
    """The learner's own copy of the chapter, in the folder the learner is in."""
    folder = tmp_path / "mine"
    assert run("start", folder).exit_code == 0
    monkeypatch.chdir(folder)
    return folder / "02_ink.ipynb"


def answer(copy, source):
    notebook = nbformat.read(copy, as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.source.startswith("def ink_share")]
    cell.source = source
    nbformat.write(notebook, copy)


def test_start_copies_and_trusts(built, run, tmp_path):
    folder = tmp_path / "new" / "mine"
    result = run("start", folder)
    assert result.exit_code == 0
    assert "Added: 02_ink.ipynb" in result.output
    assert f"jupyter lab {folder / '02_ink.ipynb'}" in result.output.replace("\n", "")
    original = built / "notebooks" / "02_ink.ipynb"
    assert (folder / "02_ink.ipynb").read_text("utf-8") == original.read_text("utf-8")
    assert NotebookNotary().check_signature(nbformat.read(folder / "02_ink.ipynb", as_version=4))


def test_start_never_overwrites_and_brings_new_chapters(copy, built, run):
    answer(copy, SOLVED)
    mine = copy.read_bytes()
    original = built / "notebooks" / "02_ink.ipynb"
    text = original.read_text("utf-8")
    (built / "notebooks" / "03_lines.ipynb").write_text(text, "utf-8")
    result = run("start", copy.parent)
    assert "Added: 03_lines.ipynb" in result.output
    assert "Left alone, yours: 02_ink.ipynb" in result.output
    assert "newer" not in result.output
    assert copy.read_bytes() == mine
    notebook = nbformat.read(original, as_version=4)
    notebook.metadata.ocrlearn.source_hash = "another"
    nbformat.write(notebook, original)
    result = run("start", copy.parent)
    assert "The course has a newer 02_ink.ipynb." in result.output
    assert copy.read_bytes() == mine


def test_start_refuses_the_course_itself_and_files(built, run):
    result = run("start", built / "notebooks")
    assert result.exit_code == 2
    assert "holds the course itself" in result.output
    result = run("start", built / "lessons" / "02_ink.py")
    assert result.exit_code == 2
    assert "is a file; name a folder" in result.output


def test_start_without_notebooks(course, run, tmp_path):
    result = run("start", tmp_path / "mine")
    assert result.exit_code == 2
    assert "no chapters in" in result.output
    assert not (tmp_path / "mine").exists()


def test_hint_and_the_next(course, run):
    first = run("hint", "2.1")
    assert first.exit_code == 0
    assert "Exercise 2.1, The share of ink ★☆☆" in first.output
    assert "array of booleans" in first.output
    assert "`ocrlearn hint 2.1 2` says more" in first.output
    last = run("hint", "2.1", "2")
    assert "Its mean is a share." in last.output
    assert "says more" not in last.output
    result = run("hint", "2.1", "3")
    assert result.exit_code == 2
    assert "has hints 1 to 2, got level 3" in result.output


@pytest.mark.parametrize("command", ["hint", "solution", "check"])
def test_unknown_exercise_lists_those_there_are(course, run, command):
    result = run(command, "2.7")
    assert result.exit_code == 2
    assert result.output == "there is no exercise '2.7'; there are 2.1\n"


def test_solution_has_no_marks(course, run):
    result = run("solution", "2.1")
    assert result.exit_code == 0
    assert "    return np.mean(image < threshold)\n" in result.output
    assert "SOLUTION" not in result.output


def test_check_finds_the_copy_in_this_folder(copy, run):
    result = run("check", "2.1")
    assert result.exit_code == 1
    assert "waiting for you" in result.output
    answer(copy, WRONG)
    result = run("check", "2.1")
    assert result.exit_code == 1
    assert "Ink is dark" in result.output
    answer(copy, SOLVED)
    result = run("check", "2.1")
    assert result.exit_code == 0
    assert "✓ Exercise 2.1: solved." in result.output


def test_check_looks_where_it_is_told(copy, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("check", "2.1")
    assert result.exit_code == 2
    assert "no copy of chapter 02 in" in result.output
    answer(copy, SOLVED)
    assert run("check", "2.1", "--notebook", copy).exit_code == 0
    result = run("check", "2.1", "-n", tmp_path / "absent.ipynb")
    assert result.exit_code == 2
    assert "there is no file" in result.output


def test_check_does_not_choose_between_copies(copy, run):
    (copy.parent / "02_ink_again.ipynb").write_bytes(copy.read_bytes())
    result = run("check", "2.1")
    assert result.exit_code == 2
    assert "several copies of chapter 02" in result.output


def test_check_of_a_whole_file(copy, run):
    result = run("check", copy.name)
    assert result.exit_code == 1
    answer(copy, SOLVED)
    assert run("check", copy.name).exit_code == 0


def test_check_of_a_python_file(course, run, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(f"import numpy as np\n\n{SOLVED}\n\ncheck('2.1', ink_share)\n", "utf-8")
    assert run("check", file).exit_code == 0
    file.write_text("x = 1\n", "utf-8")
    result = run("check", file)
    assert result.exit_code == 2
    assert "checks no exercise" in result.output


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "def ink_share(image, threshold):\n    return (image <",
            "SyntaxError: '(' was never closed",
        ),
        ("ink_share = undefined", "does not run: NameError: name 'undefined' is not defined"),
        ("def ink_share(image, threshold):\n    return image[99, 99]", "line 2 of its cell"),
    ],
)
def test_broken_answers_are_explained(copy, run, source, message):
    answer(copy, source)
    result = run("check", "2.1")
    assert result.exit_code == 1
    assert message in result.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.ipynb", "{", "cannot be read"),
        ("broken.ipynb", "", "cannot be read"),
        ("page.txt", "x", "neither a notebook"),
    ],
)
def test_unreadable_files_are_named(course, run, tmp_path, name, content, message):
    file = tmp_path / name
    file.write_text(content, "utf-8")
    result = run("check", file)
    assert result.exit_code == 2
    assert message in result.output
    assert name in result.output.replace("\n", "")


@pytest.mark.parametrize("command", ["start", "check", "hint", "solution"])
def test_help_teaches(run, command):
    output = run(command, "--help").output
    assert {"start": "never touched", "check": "exit status", "hint": "nudge"}.get(
        command, "as good"
    ) in " ".join(output.split())

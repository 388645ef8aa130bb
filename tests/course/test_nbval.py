"""That nbval, called as `make test` calls it, really compares what is tagged to be compared."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from ocrlearn.course.build import output_problems

REPOSITORY = Path(__file__).parents[2]
SANITISER = REPOSITORY / "tests" / "nbval_sanitize.cfg"


def patterns():
    from nbval.plugin import get_sanitize_patterns

    return get_sanitize_patterns(SANITISER.read_text("utf-8"))


def sanitised(text):
    for pattern, replacement in patterns():
        text = re.sub(pattern, replacement, text)
    return text


def cell_that_prints(source, stored, count):
    """A compared cell with `stored` as the output it once had."""
    return nbformat.v4.new_code_cell(
        source,
        execution_count=count,
        outputs=[nbformat.v4.new_output("stream", text=stored)] if stored else [],
        metadata={"tags": ["nbval-check-output"]},
    )


def notebook_of(*cells, budget=90):
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(
        cells=list(cells), metadata={"kernelspec": kernel, "ocrlearn": {"budget": budget}}
    )


NOT_RUN = cell_that_prints("print(6 * 7)", "", None)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What becomes of cells under nbval, by name."""
    folder = tmp_path_factory.mktemp("nbval") / "notebooks"
    folder.mkdir()
    shutil.copy(REPOSITORY / "notebooks" / "conftest.py", folder)
    cells = {
        "intact": cell_that_prints("print(6 * 7)", "42\n", 1),
        "tampered": cell_that_prints("print(6 * 7)", "43\n", 2),
        "not run": NOT_RUN,
        "other time": cell_that_prints("print('fast  9.1 ms  3x')", "fast  123 µs  12.0x\n", 4),
        "too slow": cell_that_prints("print(6 * 7)", "42\n", 1),
    }
    *together, alone = cells.values()
    nbformat.write(notebook_of(*together), folder / "a.ipynb")
    nbformat.write(notebook_of(alone, budget=0), folder / "b.ipynb")
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--color=no"),
            *("--nbval-lax", "--nbval-sanitize-with", str(SANITISER), "--rootdir", str(folder)),
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTEST_ADDOPTS": "", "OCRLEARN_BUDGET_FACTOR": "1"},
    )
    found = re.findall(r"^(PASSED|FAILED) \S*?(\w\.ipynb::Cell \d)", result.stdout, re.MULTILINE)
    by_cell = {cell: outcome for outcome, cell in found}
    names = [f"a.ipynb::Cell {i}" for i in range(len(together))] + ["b.ipynb::Cell 0"]
    assert set(by_cell) == set(names), result.stdout + result.stderr
    return {name: by_cell[cell] for name, cell in zip(cells, names, strict=True)}


def test_intact_notebook_passes(outcomes):
    assert outcomes["intact"] == "PASSED"


def test_tampered_output_fails(outcomes):
    assert outcomes["tampered"] == "FAILED"


def test_cell_that_was_not_run_is_not_compared_by_nbval_but_found_by_the_guard(outcomes):
    assert outcomes["not run"] == "PASSED"
    assert output_problems(notebook_of(NOT_RUN)) == [
        "cell 1: execution count None, expected 1",
        "cell 1: tagged nbval-check-output but has no output to compare",
    ]


def test_times_may_differ(outcomes):
    assert outcomes["other time"] == "PASSED"


def test_budget_is_enforced_where_nbval_runs(outcomes):
    assert outcomes["too slow"] == "FAILED"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 12.3 ms", "took  456 µs"),
        ("took 1.5e-03 s", "took 2 minutes"),
        ("reference    3.44 ms      1.0x\n", "reference     988 ns    112.0x\n"),
        ("12x faster", "7.5× faster"),
        ("<f at 0x7f3a2b1c>", "<f at 0x55d0c0ffee>"),
        ("read /tmp/page.png", "read /home/ada/course/page.png"),
        ("cuda       needs a GPU\n", "cuda          12 µs    300.0x\n"),
        ("add seed=12", "add seed=3456"),
    ],
)
def test_sanitiser_removes(one, other):
    assert sanitised(one) == sanitised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CER 4.1 %", "CER 4.2 %"),
        ("threshold 128", "threshold 129"),
        ("3 x 4 pixels", "5 x 4 pixels"),
        ("shape (3, 4)", "shape (3, 5)"),
        ("5 sheets", "6 sheets"),
        ("a/b", "a/c"),
        ("seed 1", "seed 2"),
        ("12 maxima", "13 maxima"),
    ],
)
def test_sanitiser_keeps(one, other):
    assert sanitised(one) != sanitised(other)

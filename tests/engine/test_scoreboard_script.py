"""The script behind ``make scoreboard``: its choices and what it says about wrong ones."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from ocrlearn.engine.scoreboard import Score

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return load("scoreboard")
    finally:
        sys.path.remove(str(BENCHMARKS))
        sys.modules.pop("peers", None)


def test_help_teaches():
    answer = subprocess.run(
        [sys.executable, str(BENCHMARKS / "scoreboard.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "100", "PATH": "", "TERM": "dumb"},
    )
    for word in ("--quick", "--folder", "labels.jsonl", "--update", "NAME=DIR"):
        assert word in answer.stdout


def test_choices(script, tmp_path):
    everything = script.choose_benchmarks(None, None)
    assert "photograph" in everything
    assert len(everything) == 6
    assert list(script.choose_benchmarks(["photograph"], None)) == ["photograph"]
    with pytest.raises(typer.BadParameter, match="no benchmark 'x'; there are lines_clean"):
        script.choose_benchmarks(["x"], None)
    with pytest.raises(typer.BadParameter, match="NAME=DIR, got 'folder'"):
        script.choose_benchmarks(None, ["folder"])
    with pytest.raises(typer.BadParameter, match=r"found no file .*labels\.jsonl"):
        script.choose_benchmarks(None, [f"mine={tmp_path}"])
    with pytest.raises(typer.BadParameter, match="a benchmark 'photograph' already"):
        script.choose_benchmarks(None, [f"photograph={tmp_path}"])
    with pytest.raises(typer.BadParameter, match="no method 'x'; there are"):
        script.choose_methods(["x"])


def test_update_replaces_what_was_measured_anew(script, monkeypatch):
    def score(benchmark, method, cer):
        return Score(benchmark, method, "line", 1, 1.0, cer=cer)

    stored = [score("a", "m", 0.5), score("a", "n", 0.4), score("b", "m", 0.3)]
    monkeypatch.setattr(script.board, "load_scores", lambda: (stored, {"processor": "p"}))
    new = [score("a", "m", 0.1), score("c", "m", 0.2)]
    merged = script.merged(new, {"processor": "p"}, console=None)
    assert {(s.benchmark, s.method): s.cer for s in merged} == {
        ("a", "m"): 0.1,
        ("a", "n"): 0.4,
        ("b", "m"): 0.3,
        ("c", "m"): 0.2,
    }
    assert [s.benchmark for s in merged] == ["a", "a", "b", "c"]


def test_a_table_of_words_becomes_a_page():
    page_from_tsv = load("peers").page_from_tsv
    header = "level page_num block_num par_num line_num word_num left top width height conf text"
    rows = [
        "1 1 0 0 0 0 0 0 100 50 -1 ",
        "4 1 1 1 1 0 10 5 60 12 -1 ",
        "5 1 1 1 1 1 10 5 20 12 96.5 Two",
        "5 1 1 1 1 2 40 6 30 11 80 words",
        "4 1 1 1 2 0 10 25 60 12 -1 ",
        "5 1 1 1 2 1 10 25 9 9 95  ",  # noise that it read as a blank
        "4 1 2 1 1 0 10 45 60 12 -1 ",
        "5 1 2 1 1 1 10 45 25 9 50 more",
    ]
    table = "\n".join("\t".join(row.split(" ", 11)) for row in (header, *rows))
    page = page_from_tsv(table, 100, 50)
    assert page.text == "Two words\nmore"
    np.testing.assert_allclose(
        page.lines[0].quad, [[9.5, 4.5], [69.5, 4.5], [69.5, 16.5], [9.5, 16.5]]
    )
    assert page.lines[0].words[0].score == pytest.approx(0.965)

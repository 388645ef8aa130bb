"""The benchmarks' cases are complete, and the tables in the docs are the ones they give."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ocrlearn.cuda.compile import kernel_files

ROOT = Path(__file__).resolve().parents[1]
SPEED = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")


@pytest.fixture
def benchmarks(monkeypatch):
    """Import a script of the benchmarks by name, as if it were run."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    before = set(sys.modules)

    def load(name: str):
        spec = importlib.util.spec_from_file_location(
            f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("cases", "machine"):
            del sys.modules[name]


def test_cases_have_names_of_their_own(benchmarks):
    collect = benchmarks("cpu").collect
    for kind in ("CPU", "GPU"):
        names = [case.name for case in collect(kind)]
        assert len(set(names)) == len(names) > 0


def test_every_file_of_kernels_has_a_gpu_case(benchmarks):
    modules = {
        rung.__module__.rpartition(".")[2]
        for case in benchmarks("cpu").collect("GPU")
        for rung in case.rungs.values()
    }
    assert {path.stem for path in kernel_files()} - modules == set()


def test_the_floors_in_the_docs_are_those_of_the_cases(benchmarks):
    script = benchmarks("cuda")
    assert script.make_floors(script.collect("GPU")) in SPEED, (
        "run `python benchmarks/cuda.py --floors`"
    )


def test_the_recorded_results_are_of_the_present_cases(benchmarks):
    script = benchmarks("cpu")
    recorded = json.loads((ROOT / "benchmarks" / "results" / "cpu.json").read_text())
    assert [row["case"] for row in recorded["cases"]] == [c.name for c in script.collect("CPU")]
    assert script.make_page(recorded) in SPEED, "run `python benchmarks/cpu.py`"


def test_without_a_gpu_the_command_says_why():
    from ocrlearn import cuda

    if not cuda.why_no_gpu():
        pytest.skip("there is a GPU")
    command = [sys.executable, ROOT / "benchmarks" / "cuda.py"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert cuda.why_no_gpu() in result.stderr
    assert "Traceback" not in result.stderr

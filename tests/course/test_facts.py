import sys

import cupy_stand_in
import numpy as np
import pytest

from ocrlearn import cuda
from ocrlearn.course import facts
from ocrlearn.ops.integral import INTEGRAL_RUNGS


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("yes", True), ("0", False), ("", False)]
)
def test_full_follows_the_environment(monkeypatch, value, expected):
    monkeypatch.setenv("OCRLEARN_FULL", value)
    assert facts.full() is expected


def test_claim_prints_or_stops(capsys):
    facts.claim("two and two are 4", np.bool_(True))
    assert capsys.readouterr().out == "✓ two and two are 4\n"
    with pytest.raises(AssertionError, match="claims what does not hold: two and two are 5"):
        facts.claim("two and two are 5", np.bool_(False))
    assert capsys.readouterr().out == ""


def test_three_speeds_prints_a_row_for_each_rung(capsys):
    image = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    facts.three_speeds(INTEGRAL_RUNGS, image, repeat=1)
    rows = capsys.readouterr().out.split("\n")
    assert rows[0].split()[0] == "reference"
    assert rows[0].endswith("1.0x")
    assert rows[1].split()[0] == "fast"
    assert rows[2].split()[0] == "cuda"
    assert rows[3] == "answers identical"


@pytest.mark.parametrize(
    ("reference", "other", "tolerance", "same"),
    [
        (np.arange(3), np.arange(3), 0, True),
        (np.arange(3), np.array([0, 1, 3]), 0, False),
        (np.ones(3), np.ones(3) + 1e-6, 1e-5, True),
        (np.ones(3), np.ones(3) + 1e-4, 1e-5, False),
        (np.ones(3), np.ones(4), 1, False),
        ((np.ones(3), 2.0), (np.ones(3), 2.0), 0, True),
        ((np.ones(3), 2.0), (np.ones(3), 2.5), 0, False),
        ((1, 2), (1, 2, 3), 0, False),
        ({"a": 1}, {"a": 1}, 0, True),
        ({"a": 1}, {"b": 1}, 0, False),
        ({"a": 1}, {"a": 2}, 0, False),
        (3, 3, 0, True),
        ("abc", "abc", 0, True),
        ("abc", "abd", 0, False),
        ([np.nan], [np.nan], 0, True),
    ],
)
def test_three_speeds_compares_answers(reference, other, tolerance, same):
    rungs = {"reference": lambda: reference, "fast": lambda: other}
    if same:
        facts.three_speeds(rungs, tolerance=tolerance, repeat=1)
    else:
        with pytest.raises(AssertionError, match="fast and reference"):
            facts.three_speeds(rungs, tolerance=tolerance, repeat=1)


def test_cuda_rung_says_when_there_is_no_gpu(capsys, monkeypatch):
    monkeypatch.setattr(facts, "_on_gpu", lambda arguments: (arguments, None, "needs a GPU"))
    facts.three_speeds({"reference": abs, "cuda": None}, -1, repeat=1)
    assert "cuda       needs a GPU\n" in capsys.readouterr().out


def test_the_cuda_rung_runs_where_a_gpu_works(monkeypatch):
    monkeypatch.setattr(cuda, "why_no_gpu", lambda: "CuPy is not installed.")
    assert facts._on_gpu((1,))[2] == "needs a GPU"
    monkeypatch.setattr(cuda, "why_no_gpu", lambda: "")
    monkeypatch.setitem(sys.modules, "cupy", cupy_stand_in.make_module())
    (moved, number), wait, missing = facts._on_gpu((np.ones(2), 1))
    assert (type(moved), number, missing) == (cupy_stand_in.ndarray, 1, "")
    wait()


def test_cuda_rung_gets_arrays_on_the_gpu(capsys, monkeypatch):
    class OnGpu:
        def __init__(self, array):
            self.array = array

        def get(self):
            return self.array

    waits = []
    monkeypatch.setattr(
        facts,
        "_on_gpu",
        lambda arguments: (tuple(map(OnGpu, arguments)), lambda: waits.append(1), ""),
    )
    rungs = {"reference": np.sort, "cuda": lambda a: OnGpu(np.sort(a.array))}
    facts.three_speeds(rungs, np.array([3, 1, 2]), repeat=2)
    assert len(waits) == 3
    rungs["cuda"] = lambda a: a
    with pytest.raises(AssertionError, match="cuda and reference"):
        facts.three_speeds(rungs, np.array([3, 1, 2]))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2e-8, "20 ns"), (1.234e-5, "12.3 µs"), (0.0456, "45.6 ms"), (7, "7 s"), (123.4, "123 s")],
)
def test_durations_have_three_digits(seconds, text):
    assert facts.format_seconds(seconds) == text

"""Broken and odd image files: all 2,000 in continuous integration, the lighter half elsewhere."""

import importlib.util
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_read.py"


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz_read", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_read"] = module
    spec.loader.exec_module(module)
    return module


def test_every_file_becomes_an_image_or_is_refused(fuzz):
    everything = bool(os.environ.get("CI"))
    files = fuzz.cases(2000 if everything else 1000, heavy=everything)
    assert len(files) == (2000 if everything else 1000)
    reports = fuzz.run(files)
    assert not fuzz.failures(reports), fuzz.table(reports)
    outcomes = [report["outcome"] for _, report in reports]
    assert outcomes.count("image") > 100  # the bends are not all so rough that nothing is decoded
    assert outcomes.count("refused") > 100


def test_files_are_the_same_every_time(fuzz):
    files = fuzz.cases(900, seed=1, heavy=False)
    assert files == fuzz.cases(900, seed=1, heavy=False)
    assert files != fuzz.cases(900, seed=2, heavy=False)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (lambda fuzz: fuzz.ImageReadError("<bytes>: the file is empty"), "refused"),
        (lambda fuzz: fuzz.ImageReadError("broken"), "unclear message"),
        (lambda fuzz: fuzz.ImageReadError("<bytes>: two\nlines"), "unclear message"),
        (lambda fuzz: fuzz.ImageReadError("<bytes>: needs more memory"), "out of memory"),
        (lambda fuzz: struct.error("unpack requires"), "escaped"),
        (lambda fuzz: RecursionError(), "escaped"),
        (lambda fuzz: UserWarning("odd"), "escaped"),
    ],
)
def test_the_judge_tells_good_from_bad(fuzz, monkeypatch, error, outcome):
    def fail(content):
        raise error(fuzz)

    monkeypatch.setattr(fuzz, "read", fail)
    report = fuzz.examine(b"")
    assert report["outcome"] == outcome
    case = fuzz.Case("cut short", "some file", b"")
    assert bool(fuzz.failures([(case, report)])) == (outcome != "refused")


def test_the_judge_wants_an_image(fuzz, monkeypatch):
    monkeypatch.setattr(fuzz, "read", lambda content: np.zeros((0, 3, 3), np.uint8))
    assert fuzz.examine(b"")["outcome"] == "not an image"


def test_a_child_that_dies_or_hangs_is_replaced(fuzz, monkeypatch):
    with fuzz.Reader() as reader:
        assert reader.read(b"text")["outcome"] == "refused"
        reader._process.kill()
        reader._process.wait()
        assert reader.read(b"text")["outcome"] == "crash"
        assert reader.read(b"text")["outcome"] == "refused"
        monkeypatch.setattr(fuzz, "SECONDS", 0.0)
        large = fuzz.valid_files()["rgb.png"] + bytes(50_000_000)
        assert reader.read(large)["outcome"] == "hang"


def test_half_an_image_is_found(fuzz):
    whole = fuzz.valid_files()["gray.bmp"]
    other = fuzz.valid_files()["rgb.bmp"]
    reports = fuzz.run([fuzz.Case("cut short", "not the whole", other, whole)])
    assert fuzz.failures(reports)[0].startswith("not the whole: half an image")

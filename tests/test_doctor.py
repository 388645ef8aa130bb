"""``ocrlearn doctor`` looks at everything, explains what is missing and never fails."""

import sys
from importlib import metadata

import numpy as np
import pytest
from typer.testing import CliRunner

from ocrlearn import cli, cuda, doctor


def findings() -> dict[str, doctor.Finding]:
    return {finding.subject: finding for finding in doctor.examine()}


def test_versions_are_the_installed_ones():
    found = findings()
    assert found["numpy"] == doctor.Finding("numpy", True, np.__version__)
    assert found["Python"].text.startswith("{}.{}.{}".format(*sys.version_info))


def test_the_gpu_is_there_or_there_is_a_reason():
    gpu = findings()["GPU"]
    assert gpu.works == (not cuda.why_no_gpu())
    if not gpu.works:
        assert gpu.text == cuda.why_no_gpu()
        assert gpu.advice == cuda.what_would_help() != ""


def test_a_missing_package_is_named_with_its_command(monkeypatch):
    original = metadata.version

    def version(name):
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return original(name)

    monkeypatch.setattr(metadata, "version", version)
    assert findings()["torch"].advice.endswith("pip install torch.")


@pytest.mark.parametrize(
    ("installed", "works", "text"),
    [
        ({}, False, "not installed"),
        ({"cupy-cuda12x": "14.2.0"}, True, "cupy-cuda12x 14.2.0"),
        (
            {"cupy-cuda13x": "14.2.0", "cupy": "14.2.0"},
            False,
            "cupy-cuda13x 14.2.0 and cupy 14.2.0",
        ),
    ],
)
def test_cupy_is_installed_at_most_once(monkeypatch, installed, works, text):
    def version(name):
        if name in installed:
            return installed[name]
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    finding = doctor._examine_cupy()
    assert (finding.works, finding.text) == (works, text)


def test_an_emulator_that_fails_says_why(monkeypatch):
    def fail(*args, **kwargs):
        raise cuda.EmulatorError("no C++ compiler was found")

    monkeypatch.setattr(cuda, "launch", fail)
    emulator = findings()["CUDA emulator"]
    assert not emulator.works
    assert emulator.text == "no C++ compiler was found"


def test_the_command_prints_every_finding():
    result = CliRunner().invoke(cli.app, ["doctor"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for finding in doctor.examine():
        assert finding.subject in result.stdout
        assert finding.text.split(".")[0] in result.stdout

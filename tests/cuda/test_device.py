"""The GPU is looked for once, lazily, and a missing one is explained in a sentence."""

import builtins
import ctypes
import subprocess
import sys
import types

import numpy as np
import pytest

from ocrlearn.cuda import device


@pytest.fixture(autouse=True)
def ask_again():
    device.why_no_gpu.cache_clear()
    yield
    device.why_no_gpu.cache_clear()


class Kernel:
    """A kernel that writes an answer, as the trial kernel does."""

    answer = 7

    def get_function(self, name):
        return self

    def __call__(self, grid, block, arguments):
        arguments[0][0] = self.answer


@pytest.fixture
def cupy(monkeypatch):
    """A CuPy that finds one device and runs the trial kernel."""
    module = types.ModuleType("cupy")
    module.zeros = np.zeros
    module.RawModule = lambda code: Kernel()
    module.cuda = types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=lambda: 1))
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_a_working_gpu_needs_no_reason(cupy):
    assert device.why_no_gpu() == ""
    assert device.what_would_help() == ""


def test_no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    original = builtins.__import__

    def without_cupy(name, *args, **kwargs):
        if name == "cupy":
            raise ModuleNotFoundError("No module named 'cupy'", name="cupy")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_cupy)
    assert device.why_no_gpu() == "CuPy is not installed."


def test_no_device(cupy):
    cupy.cuda.runtime.getDeviceCount = lambda: 0
    assert device.why_no_gpu() == "CuPy sees no CUDA device."


def test_no_driver(cupy):
    def fail():
        raise RuntimeError("cudaErrorInsufficientDriver: the driver is too old.\nMore")

    cupy.cuda.runtime.getDeviceCount = fail
    assert device.why_no_gpu() == (
        "CuPy is installed, but finds no working GPU: RuntimeError: "
        "cudaErrorInsufficientDriver: the driver is too old."
    )


def test_a_gpu_that_computes_wrongly(cupy, monkeypatch):
    monkeypatch.setattr(Kernel, "answer", 8)
    assert device.why_no_gpu() == "A trial kernel gave a wrong answer."


def test_the_answer_is_kept(cupy):
    assert device.why_no_gpu() == ""
    cupy.cuda.runtime.getDeviceCount = lambda: 0
    assert device.why_no_gpu() == ""


def test_gpu_name(cupy):
    cupy.cuda.runtime.getDeviceProperties = lambda number: {"name": b"Tesla T4"}
    cupy.cuda.Device = lambda: types.SimpleNamespace(id=0)
    assert device.gpu_name() == "Tesla T4"


@pytest.mark.parametrize(
    ("encoded", "version", "advice"),
    [
        (13000, (13, 0), 'CUDA 13.0: install CuPy with pip install "cupy-cuda13x[ctk]".'),
        (12040, (12, 4), 'CUDA 12.4: install CuPy with pip install "cupy-cuda12x[ctk]".'),
        (11080, (11, 8), "CUDA 11.8; CuPy needs 12 or later: update NVIDIA's driver."),
    ],
)
def test_the_driver_decides_what_to_install(monkeypatch, encoded, version, advice):
    def answer(pointer):
        pointer._obj.value = encoded
        return 0

    library = types.SimpleNamespace(cuDriverGetVersion=answer)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(device, "why_no_gpu", lambda: "CuPy is not installed.")
    assert device.driver_version() == version
    assert device.what_would_help() == f"The driver supports {advice}"


def test_whoever_has_cupy_is_not_told_to_install_it_first(monkeypatch, cupy):
    monkeypatch.setattr(device, "driver_version", lambda: (12, 4))
    cupy.cuda.runtime.getDeviceCount = lambda: 0
    assert device.what_would_help() == (
        "The driver supports CUDA 12.4. Does nvidia-smi list a GPU that CUDA_VISIBLE_DEVICES does "
        'not hide? If so, CuPy may miss a part: pip install "cupy-cuda12x[ctk]".'
    )


def test_without_a_driver_the_emulator_is_named(monkeypatch, cupy):
    def missing(name):
        raise OSError("no such library")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    cupy.cuda.runtime.getDeviceCount = lambda: 0
    assert device.driver_version() is None
    assert "in the emulator instead" in device.what_would_help()


def test_asking_for_the_package_imports_nothing():
    code = "import sys, ocrlearn.cuda; print({'cupy', 'cuda', 'numba'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"

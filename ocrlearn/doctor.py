"""What works on this computer, what does not, and what would help: ``ocrlearn doctor``."""

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

import numpy as np

import ocrlearn
from ocrlearn import cuda
from ocrlearn.cuda.compile import why_no_compiler

__all__ = ["Finding", "examine"]

# Distributions whose versions matter when something goes wrong, and what each is for.
PACKAGES = {
    "numpy": "arrays",
    "scipy": "transforms, filters",
    "numba": "the fast CPU paths",
    "torch": "networks (parts III to VII)",
    "jupyterlab": "opening the chapters",
}
CUPY_PACKAGES = ("cupy-cuda13x", "cupy-cuda12x", "cupy")

_TRIAL = """
extern "C" __global__ void double_each(int* values) // [blockDim.x]
{
    values[threadIdx.x] *= 2;
}
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    subject
        What was looked at.
    works
        Whether it does. What is optional and absent does not.
    text
        What was found, in one sentence or a version.
    advice
        What would help, or "".
    """

    subject: str
    works: bool
    text: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Look at versions, the GPU, the emulator and the compile check, one after the other."""
    yield Finding("ocrlearn", True, ocrlearn.__version__)
    yield Finding("Python", True, f"{platform.python_version()} on {platform.platform(terse=True)}")
    for name, purpose in PACKAGES.items():
        yield _examine_package(name, purpose)
    yield _examine_cupy()
    yield _examine_gpu()
    yield _examine_emulator()
    yield _examine_nvrtc()


def _examine_package(name: str, purpose: str) -> Finding:
    try:
        return Finding(name, True, metadata.version(name))
    except metadata.PackageNotFoundError:
        advice = f"It is for {purpose}: pip install {name}."
        return Finding(name, False, "not installed", advice)


def _examine_cupy() -> Finding:
    installed = []
    for name in CUPY_PACKAGES:
        try:
            installed.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    if len(installed) > 1:
        advice = "Uninstall all of them and install one; together they break each other."
        return Finding("CuPy", False, " and ".join(installed), advice)
    if not installed:
        return Finding("CuPy", False, "not installed", "It is needed for CUDA on a GPU only.")
    return Finding("CuPy", True, installed[0])


def _examine_gpu() -> Finding:
    if reason := cuda.why_no_gpu():
        return Finding("GPU", False, reason, cuda.what_would_help())
    return Finding("GPU", True, cuda.gpu_name())


def _examine_emulator() -> Finding:
    """Run a kernel in the emulator, which compiles it first."""

    def run() -> str:
        values = np.arange(4, dtype=np.int32)
        kernel = cuda.KernelFile("trial.cu", _TRIAL).kernel("double_each")
        cuda.launch(kernel, 1, 4, values=values)
        return "" if values.tolist() == [0, 2, 4, 6] else f"A trial kernel gave {values.tolist()}."

    if reason := cuda.why_no_emulator():
        return Finding("CUDA emulator", False, *reason.split("\n", 1))
    finding = _attempt("CUDA emulator", run, "It runs CUDA kernels on the CPU.")
    if finding.works and not shutil.which("addr2line"):
        advice = "Without addr2line findings name no lines: sudo apt install binutils."
        return Finding(finding.subject, True, finding.text, advice)
    return finding


def _examine_nvrtc() -> Finding:
    return _attempt("NVRTC", why_no_compiler, "It compiles kernels for GPUs that are not here.")


def _attempt(subject: str, run: Callable[[], str], purpose: str) -> Finding:
    """Report whether `run` returns "" for success, or else its reason or its exception."""
    try:
        reason = run()
    except Exception as error:
        reason = str(error)
    return Finding(subject, not reason, reason or "works", purpose if reason else "")

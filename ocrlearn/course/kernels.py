"""Kernels in a chapter: their source as text, what the emulator finds in them, and a GPU's answer.

A chapter writes kernels as CUDA text, launches them on NumPy arrays, and asks what is wrong:

>>> TINY = kernels.source("tiny.cu", TEXT)  # doctest: +SKIP
>>> kernels.examine(TINY, lambda: cuda.launch(TINY.kernel("count"), ...))  # doctest: +SKIP
race: thread 3 of block 0 reads histogram[139], which thread 2 of block 0 writes in line 8, ...
    8 |     histogram[image[i]]++;

The check of an exercise runs the learner's text with :func:`try_kernel` and, when the values it
made have been looked at, hands what was found to :func:`require_clean`.
"""

import contextlib
import json
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ocrlearn import cuda
from ocrlearn.course.chapters import home
from ocrlearn.course.exercise import require
from ocrlearn.cuda.source import blank_comments

__all__ = [
    "Trial",
    "also_on_gpu",
    "examine",
    "require_clean",
    "show_recorded",
    "source",
    "try_kernel",
]

WIDTH = 92
"""Characters to a line of a printed finding."""


def source(name: str, text: str) -> cuda.KernelFile:
    """Return a text in a notebook as a kernel file; its first line that is not empty is line 1."""
    return cuda.KernelFile(name, textwrap.dedent(text).strip("\n") + "\n")


def examine(file: cuda.KernelFile, call: Callable[[], Any], **options: Any) -> list[cuda.Finding]:
    """Run `call` in check mode and print what is wrong with its kernels, and the lines concerned.

    Of several findings of one kind about one array the first is printed.

    Parameters
    ----------
    file
        Where the kernels come from.
    call
        Launches them on NumPy arrays.
    **options
        Further options of :func:`ocrlearn.cuda.emulation`, such as ``schedule="preempting"``.

    Returns
    -------
    list of cuda.Finding
        Empty where there are none.
    """
    findings = _watch(call, **options)
    if not findings:
        print("nothing found")  # noqa: T201 - a chapter prints
    first = {(finding.kind, finding.array): finding for finding in reversed(findings)}
    for finding in sorted(first.values(), key=findings.index):
        print(textwrap.fill(finding.message, WIDTH))  # noqa: T201
        print(_quote(finding, file))  # noqa: T201
    if len(findings) > len(first):
        print(f"and {len(findings) - len(first)} more of the kind in other lines")  # noqa: T201
    return findings


def also_on_gpu(function: Callable[..., Any], *arrays: Any) -> None:
    """Run `function` on the GPU as well, prove its answer equal to the emulator's, and say so.

    `function` launches kernels on the arrays and returns an array. Where there is no GPU, the
    reason is printed and nothing is missing: the emulator has run the same source.
    """
    reason = cuda.why_no_gpu()
    if reason:
        print(f"in the emulator only: {reason}")  # noqa: T201
        return
    import cupy

    moved = [cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in arrays]
    np.testing.assert_array_equal(function(*moved).get(), function(*arrays))
    print(f"the same on a GPU: {cuda.gpu_name()}")  # noqa: T201


def show_recorded() -> None:
    """Print the GPU timings that were recorded with this version, or say that there are none."""
    try:
        text = (home() / "benchmarks" / "results" / "cuda.json").read_text("utf-8")
    except FileNotFoundError:
        print(  # noqa: T201
            "Nothing has been measured on a GPU yet. On a machine with one, this records it:\n"
            "    python benchmarks/cuda.py"
        )
        return
    recorded = json.loads(text)
    print(f"measured on {recorded['gpu']}, {recorded['date'][:10]}")  # noqa: T201
    for case in recorded["cases"]:
        times = ", ".join(f"{who} {time:.3g} ms" for who, time in case["milliseconds"].items())
        print(  # noqa: T201
            f"{case['case']}, {case['size']}: {times}; floor {case['floor']:.3g} ms"
        )


@dataclass(frozen=True)
class Trial:
    """What came of running a learner's kernel: its file, and what check mode found."""

    file: cuda.KernelFile
    findings: Sequence[cuda.Finding]


def try_kernel(text: Any, name: str, grid: Any, block: Any, **arguments: Any) -> Trial:
    """Run the kernel `name` of a learner's text in check mode.

    Arrays among `arguments` that the kernel writes are written, as far as it got.

    Raises
    ------
    NotImplementedError
        If the text is still the stub: it says "Your code here", and there is none.
    WrongAnswer
        If it is no text, holds no such kernel, does not compile or has other parameters, or if
        there is no compiler. What is found while it runs is returned, for :func:`require_clean`.
    """
    require(isinstance(text, str), f"The kernel is wanted as a text, got {type(text).__name__}.")
    if "Your code here" in text and _EMPTY_BODY.search(blank_comments(text)):
        raise NotImplementedError
    try:
        file = source("answer.cu", text)
    except ValueError as error:
        require(False, f"Your kernel's parameters cannot be read: {error}.")
    require(name in file.kernels, _no_such_kernel(file, name))
    without_emulator = cuda.why_no_emulator()
    require(not without_emulator, f"No kernel can be run: {without_emulator}")
    problem = ""
    findings: list[cuda.Finding] = []
    try:
        findings = _watch(lambda: cuda.launch(file.kernel(name), grid, block, **arguments))
    except cuda.EmulatorError as error:
        problem = str(error)
        if "does not compile" not in problem:
            raise  # a reason that the learner cannot mend
    except (TypeError, ValueError) as error:
        problem = f"Your kernel cannot be launched as the exercise says: {error}."
    require(not problem, problem)
    return Trial(file, findings)


_EMPTY_BODY = re.compile(r"\)\s*\{\s*\}\s*$")


def _no_such_kernel(file: cuda.KernelFile, name: str) -> str:
    """Say which kernel is wanted, and which there are instead."""
    there = f"There is only {', '.join(file.kernels)}. " if file.kernels else ""
    return (
        f"There is no kernel {name!r} in your text. {there}"
        f'It must begin: extern "C" __global__ void {name}(...'
    )


def require_clean(trial: Trial) -> None:
    """Reject a kernel in which something was found: what, in which line, and what to think of.

    Raises
    ------
    WrongAnswer
        With the finding that matters most.
    """
    if trial.findings:
        worst = min(trial.findings, key=_rank)
        require(False, f"{worst.message}\n{_quote(worst, trial.file)}".rstrip())


# In this order: what an overrun or a lost barrier does to memory may look like anything else.
_KINDS = ("out-of-bounds", "divergent barrier", "race", "uninitialised")


def _rank(finding: cuda.Finding) -> int:
    return _KINDS.index(finding.kind) if finding.kind in _KINDS else -1


def _watch(call: Callable[[], Any], **options: Any) -> list[cuda.Finding]:
    """Return what check mode finds while `call` runs."""
    emulation = cuda.emulation("check", raise_faults=False, **options)
    with emulation as run, contextlib.suppress(cuda.KernelFault):  # its findings are in the list
        call()
    return list(run.findings)


def _quote(finding: cuda.Finding, file: cuda.KernelFile) -> str:
    """Return the lines a finding speaks of, with their numbers."""
    lines = file.text.splitlines()
    return "\n".join(f"{number:5} | {lines[number - 1]}" for number in sorted(finding.lines))

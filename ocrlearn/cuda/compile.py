"""Compile kernels for GPUs that are not here, and count what each thread would cost.

NVRTC, NVIDIA's run-time compiler, comes as a pip package and needs neither a GPU nor a driver.
Every kernel of the library is compiled with it as CuPy would compile it, for three generations of
GPUs:

>>> for report in compile_file(KernelFile.read("ocrlearn/ops/components.cu")):  # doctest: +SKIP
...     print(report)
components.cu:start sm_75: 16 registers

The *registers* a thread needs decide how many threads fit on a multiprocessor at once, and a kernel
that needs more than there are *spills*: values are kept in memory instead, which is slow. A kernel
states its budget in its source (see :mod:`ocrlearn.cuda.source`), and the tests hold it to that.

On the command line, ``python -m ocrlearn.cuda.compile [FILE.cu ...]`` prints the table.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrlearn.cuda._launch import compile_options
from ocrlearn.cuda.source import KernelFile

__all__ = [
    "ARCHITECTURES",
    "CompileError",
    "Compiled",
    "compile_file",
    "kernel_files",
    "why_no_compiler",
]

# Turing (T4), Ampere (A100) and Hopper (H100, H200).
ARCHITECTURES = ("sm_75", "sm_80", "sm_90")

# What CuPy's RawModule adds to a caller's options (cupy/cuda/compiler.py, CuPy 13 and 14).
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")


class CompileError(RuntimeError):
    """NVRTC refused a source, or is not there."""


@dataclass(frozen=True)
class Compiled:
    """What the compiler made of one kernel.

    Attributes
    ----------
    kernel
        File, kernel and definitions, as in ``"kmeans.cu:assign -DD=3"``.
    architecture
        Such as ``"sm_90"``.
    registers
        32-bit registers of a thread.
    spilled
        Bytes a thread writes to and reads from memory for want of registers.
    shared_memory
        Bytes of static shared memory of a block.
    budget
        The registers the source allows, or None.
    reason
        Why the source lets the kernel spill, or "".
    """

    kernel: str
    architecture: str
    registers: int
    spilled: int
    shared_memory: int
    budget: int | None
    reason: str

    @property
    def problem(self) -> str:
        """What is wrong with it, in a sentence, or ""."""
        where = f"{self.kernel} on {self.architecture}"
        if self.budget is None:
            return f"{where}: the source states no register budget"
        if self.registers > self.budget:
            return f"{where}: {self.registers} registers, the budget is {self.budget}"
        if self.spilled and not self.reason:
            return f"{where}: spills {self.spilled} bytes, and the source gives no reason"
        return ""

    def __str__(self) -> str:
        spilled = f", spills {self.spilled} bytes" if self.spilled else ""
        return f"{self.kernel} {self.architecture}: {self.registers} registers{spilled}"


def why_no_compiler() -> str:
    """Return "" where NVRTC can be used, and otherwise one sentence that says why it cannot."""
    try:
        from cuda.bindings import nvrtc

        status, *_ = nvrtc.nvrtcVersion()
    except ImportError:
        return "NVRTC is not installed: pip install cuda-bindings nvidia-cuda-nvrtc."
    except Exception as error:  # the library is missing, or is one for another system
        return f"NVRTC cannot be loaded: {type(error).__name__}: {error}."
    return "" if status == nvrtc.nvrtcResult.NVRTC_SUCCESS else f"NVRTC fails: {status.name}."


def kernel_files() -> list[Path]:
    """Return every ``.cu`` file of the library."""
    return sorted(Path(__file__).resolve().parents[1].rglob("*.cu"))


def compile_file(
    file: KernelFile, architectures: Sequence[str] = ARCHITECTURES
) -> Iterator[Compiled]:
    """Compile every variant of `file`, with 32-bit and 64-bit indices, for each architecture.

    The wider form is only compiled; registers are reported for the narrow one, which is what runs.

    Raises
    ------
    CompileError
        If NVRTC is missing or refuses the source; its message is passed on.
    """
    for variant in file.variants:
        for architecture in architectures:
            compile_text(file, variant, architecture, "int64")
            log = compile_text(file, variant, architecture, "int32")
            yield from _read_log(file, variant, architecture, log)


def compile_text(
    file: KernelFile, defines: Mapping[str, str], architecture: str, index: str
) -> str:
    """Compile one variant for one architecture and return the assembler's log."""
    if reason := why_no_compiler():
        raise CompileError(reason)
    from cuda.bindings import nvrtc

    options = [
        *compile_options(sorted(defines.items()), index),
        *CUPY_OPTIONS,
        f"-arch={architecture}",
        "--ptxas-options=-v",
    ]
    program = _checked(nvrtc.nvrtcCreateProgram(file.text.encode(), file.name.encode(), 0, [], []))
    try:
        encoded = [option.encode() for option in options]
        (status,) = nvrtc.nvrtcCompileProgram(program, len(encoded), encoded)
        log = b" " * _checked(nvrtc.nvrtcGetProgramLogSize(program))
        _checked(nvrtc.nvrtcGetProgramLog(program, log))
    finally:
        _checked(nvrtc.nvrtcDestroyProgram(program))
    text = log.decode(errors="replace").rstrip("\0 \n")
    if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise CompileError(f"{file.name} for {architecture} ({' '.join(options)}):\n{text}")
    return text


def _checked(result: Any) -> Any:
    """Unpack NVRTC's (status, values...), raising where the status is not success."""
    status, *values = result
    if status.value:
        raise CompileError(f"NVRTC fails: {status.name}")
    return values[0] if values else None


_ENTRY = re.compile(r"Compiling entry function '(?P<name>\w+)'")
_SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")


def _read_log(
    file: KernelFile, variant: Mapping[str, str], architecture: str, log: str
) -> Iterator[Compiled]:
    """Read what ``ptxas -v`` says about every kernel."""
    entries = list(_ENTRY.finditer(log))
    ends = [entry.start() for entry in entries[1:]] + [len(log)]
    for entry, end in zip(entries, ends, strict=True):
        if entry["name"] not in file.kernels:
            continue
        part = log[entry.end() : end]
        used, spills, shared = _USED.search(part), _SPILLS.search(part), _SHARED.search(part)
        if not used:
            raise CompileError(f"cannot read the assembler's log of {file.name}:\n{part}")
        declaration = file.kernels[entry["name"]]
        yield Compiled(
            kernel=str(file.kernel(entry["name"], **variant)),
            architecture=architecture,
            registers=int(used[1]),
            spilled=sum(map(int, spills.groups())) if spills else 0,
            shared_memory=int(shared[1]) if shared else 0,
            budget=declaration.registers,
            reason=declaration.reason,
        )


def main(paths: Sequence[str]) -> int:
    """Print a table of the given files, or of every kernel of the library."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Registers of a thread, as compiled by NVRTC with CuPy's options")
    table.add_column("kernel")
    for column in (*ARCHITECTURES, "budget", "shared memory", "spilled"):
        table.add_column(column, justify="right")
    problems = []
    for path in map(Path, paths) if paths else kernel_files():
        rows: dict[str, list[Compiled]] = {}
        for report in compile_file(KernelFile.read(path)):
            rows.setdefault(report.kernel, []).append(report)
            problems += [report.problem] * bool(report.problem)
        for kernel, reports in rows.items():
            table.add_row(
                kernel,
                *(str(report.registers) for report in reports),
                str(reports[0].budget or "none"),
                f"{max(report.shared_memory for report in reports)} B",
                f"{max(report.spilled for report in reports)} B",
            )
    Console().print(table)
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 - a command line tool
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

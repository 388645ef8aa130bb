"""Run CUDA kernels' own source on the CPU, and find the mistakes in it.

The ``.cu`` text is compiled by g++ against a small header (``dialect.h``) that gives meaning to
``__global__``, ``threadIdx``, ``__shared__``, barriers, warp intrinsics and atomics, and linked with
a runtime (``runtime.cpp``) that runs every CUDA thread on a fibre of its own.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ocrlearn.cuda.source import Kernel

__all__ = [
    "EmulatorError",
    "Emulation",
    "KernelFault",
    "current",
    "emulation",
    "execute",
    "mark_uninitialized",
]

Mode = Literal["fast", "check", "profile"]
Schedule = Literal["forward", "reversed", "random", "preempting"]


class EmulatorError(RuntimeError):
    """The emulator cannot be built or cannot run a kernel."""


class KernelFault(EmulatorError):
    """A kernel does what it must not: a race, an overrun, a deadlock.

    Attributes
    ----------
    findings
        One text for each fault, naming line, threads and array element.
    """

    def __init__(self, kernel: Kernel, findings: Sequence[str]) -> None:
        self.findings = tuple(findings)
        super().__init__(f"{kernel}:\n" + "\n".join(findings))


@dataclass
class Emulation:
    """How kernels are run inside ``with emulation(...)``, and what happened there."""

    mode: Mode = "fast"
    schedule: Schedule = "forward"
    seed: int = 0
    raise_faults: bool = True
    wide_index: bool = False
    threads: int = 1
    launches: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


_current: ContextVar[Emulation | None] = ContextVar("_current", default=None)


def current() -> Emulation | None:
    """Return the emulation that is in force, or None outside ``with emulation(...)``."""
    return _current.get()


@contextlib.contextmanager
def emulation(
    mode: Mode = "fast",
    schedule: Schedule = "forward",
    seed: int = 0,
    *,
    raise_faults: bool = True,
    wide_index: bool = False,
    threads: int = 1,
) -> Iterator[Emulation]:
    """Choose how launches on NumPy arrays are run inside the ``with`` block."""
    run = Emulation(mode, schedule, seed, raise_faults, wide_index, threads)
    token = _current.set(run)
    try:
        yield run
    finally:
        _current.reset(token)


def mark_uninitialized(array: np.ndarray) -> None:
    """Remember under check mode that nothing has been written to `array` yet."""


HERE = Path(__file__).parent
CACHE = Path(os.environ.get("OCRLEARN_CACHE", Path.home() / ".cache" / "ocrlearn")) / "emulator"
FLAGS = {
    "fast": ["-O2"],
    "check": ["-O1", "-gdwarf-4", "-fsanitize=thread", "--param", "tsan-distinguish-volatile=1"],
}
BASE = ["-std=c++17", "-fPIC", "-w", "-ffp-contract=off", "-fno-strict-aliasing"]
BASE += ["-U_FORTIFY_SOURCE", "-fno-stack-protector"]
COMPILER = "g++"


def _transform(src: str) -> str:
    src = re.sub(
        r"extern\s+__shared__\s+(?:__align__\(\d+\)\s*)?([\w:\s]+?)\s+(\w+)\s*\[\s*\]\s*;",
        r"EMU_DYN_SHARED(\1, \2);",
        src,
    )
    return re.sub(
        r"__shared__\s+(?:__align__\(\d+\)\s*)?([\w:<>,\s]+?)\s+(\w+)\s*((?:\[[^;\]]*\])*)\s*;",
        r"EMU_SHARED(\1, \2, \3);",
        src,
    )


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise EmulatorError("compile failed:\n" + result.stderr[-3000:])


@functools.cache
def _runtime(mode: str) -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    source = HERE / "runtime.cpp"
    defines = ["-DEMU_CHECK"] if mode == "check" else []
    key = hashlib.sha256(source.read_bytes() + repr((mode, COMPILER)).encode()).hexdigest()[:16]
    library = CACHE / f"libruntime_{mode}_{key}.so"
    if not library.exists():
        part = library.with_suffix(f".{os.getpid()}")
        _run([COMPILER, "-O2", "-std=c++17", "-fPIC", "-shared", "-w", "-U_FORTIFY_SOURCE",
              "-ftls-model=initial-exec", *defines, str(source), "-o", str(part), "-pthread"])  # fmt: skip
        part.replace(library)
    return library


@functools.cache
def _library(kernel_text: str, name: str, names: tuple[str, ...], mode: str,
             options: tuple[str, ...]) -> tuple[Any, Any, Path]:  # fmt: skip
    runtime = _runtime(mode)
    text = f'#include "{HERE}/dialect.h"\n#line 1 "{name}"\n' + _transform(kernel_text) + "\n"
    text += "\n".join(f"EMU_EXPORT({kernel})" for kernel in names) + "\n"
    content = text.encode() + (HERE / "dialect.h").read_bytes()
    key = hashlib.sha256(content + repr((mode, runtime.name, options)).encode()).hexdigest()[:16]
    library = CACHE / f"kernel_{mode}_{key}.so"
    if not library.exists():
        stem = CACHE / f"{library.stem}.{os.getpid()}"
        source, obj, part = (stem.with_suffix(s) for s in (".cpp", ".o", ".part"))
        source.write_text(text)
        _run([COMPILER, *BASE, "-ftls-model=initial-exec", *FLAGS[mode], *options, "-c",
              str(source), "-o", str(obj)])  # fmt: skip
        _run([COMPILER, "-shared", str(obj), "-o", str(part), f"-L{CACHE}", f"-l:{runtime.name}",
              f"-Wl,-rpath,{CACHE}"])  # fmt: skip
        part.replace(library)
        source.unlink()
        obj.unlink()
    rt = ctypes.CDLL(str(runtime))
    rt.emu_report.restype = ctypes.c_char_p
    return rt, ctypes.CDLL(str(library)), library


def execute(
    kernel: Kernel,
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
    arguments: Sequence[Any],
    shared_memory: int,
    index: str,
) -> None:
    """Run a kernel whose arguments :func:`ocrlearn.cuda.launch` has checked."""
    from ocrlearn.cuda._launch import compile_options

    run = _current.get() or Emulation()
    mode = "fast" if run.mode == "fast" else "check"
    options = compile_options(kernel.defines, index)[1:]
    rt, library, so = _library(
        kernel.file.text, kernel.file.name, tuple(kernel.file.kernels), mode, options
    )
    run.launches.append(kernel.name)
    hold: list[Any] = []
    pointers = (ctypes.c_void_p * max(1, len(arguments)))()
    registered = []
    for i, (value, parameter) in enumerate(zip(arguments, kernel.parameters, strict=True)):
        if isinstance(value, np.ndarray):
            held: Any = ctypes.c_void_p(value.ctypes.data)
            if mode == "check" and value.nbytes:
                registered.append((value, parameter))
        else:
            held = (ctypes.c_char * value.itemsize).from_buffer_copy(value.tobytes())
        hold.append(held)
        pointers[i] = ctypes.addressof(held)
    rt.emu_set_kernel(kernel.name.encode(), str(so).encode())
    order = {"forward": 0, "reversed": 1, "random": 2, "preempting": 2}[run.schedule]
    preempt = 4 if run.schedule == "preempting" and mode == "check" else 0
    rt.emu_options(order, ctypes.c_uint64(run.seed), 1 if mode == "check" else run.threads, 0xCD,
                   0, 20, preempt)  # fmt: skip
    for value, parameter in registered:
        rt.emu_register(ctypes.c_void_p(value.ctypes.data), ctypes.c_size_t(value.nbytes),
                        value.itemsize, parameter.name.encode(), 0)  # fmt: skip
    sizes = [(ctypes.c_uint * 3)(*sides) for sides in (grid, block)]
    failed = getattr(library, f"emu_launch_{kernel.name}")(
        pointers, *sizes, ctypes.c_size_t(shared_memory)
    )
    for value, _ in registered:
        rt.emu_unregister(ctypes.c_void_p(value.ctypes.data))
    report = rt.emu_report().decode()
    for pc in set(re.findall(r"@([0-9a-f]+)@", report)):
        line = subprocess.run(["addr2line", "-e", str(so), "0x" + pc], capture_output=True,
                              text=True).stdout.split(" (")[0].strip()  # fmt: skip
        report = report.replace(f"@{pc}@", os.path.basename(line))
    findings = report.splitlines()
    run.findings += findings
    if failed or (findings and run.raise_faults):
        raise KernelFault(kernel, findings)

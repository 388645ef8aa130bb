"""Run a kernel in the emulator, as the ``with emulation(...)`` around it says."""

import contextlib
import ctypes
import functools
import sys
import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from ocrlearn.cuda.emulator import memory
from ocrlearn.cuda.emulator.build import Build, EmulatorError, Library, can_fuse, library
from ocrlearn.cuda.emulator.findings import Fault, Finding, KernelFault, describe
from ocrlearn.cuda.emulator.profile import Cost, ProfileRow, collect
from ocrlearn.cuda.source import Kernel, compile_options

__all__ = ["Emulation", "current", "emulation", "execute", "mark_uninitialized"]

Mode = Literal["fast", "check", "profile"]
Schedule = Literal["forward", "reversed", "random", "preempting"]
Index = tuple[int, int, int]

ORDERS = {"forward": 0, "reversed": 1, "random": 2, "preempting": 2}
PREEMPT_ONE_IN = 4  # memory accesses


@dataclass
class Emulation:
    """How kernels are run inside ``with emulation(...)``, and what happened there.

    Attributes
    ----------
    mode, schedule, seed, raise_faults, wide_index, threads, fused
        As given to :func:`emulation`.
    launches
        The names of the kernels launched, in order.
    findings
        What is wrong with them, a list of :class:`Finding`.
    profile
        What they cost, a list of :class:`ProfileRow`; filled in profile mode.
    """

    mode: Mode = "fast"
    schedule: Schedule = "forward"
    seed: int = 0
    raise_faults: bool = True
    wide_index: bool = False
    threads: int = 1
    fused: bool = False
    launches: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    profile: list[ProfileRow] = field(default_factory=list)


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
    fused: bool = False,
) -> Iterator[Emulation]:
    """Choose how launches on NumPy arrays are run inside the ``with`` block.

    >>> with emulation("check") as run:  # doctest: +SKIP
    ...     launch(KERNELS.kernel("merge"), grid, block, labels=labels, ...)

    Parameters
    ----------
    mode
        "fast" runs kernels at full speed and trusts them: a wild index ends the Python process, and
        a kernel that never ends cannot be interrupted. "check" looks at every memory access, 10 to
        50 times slower, and reports races, overruns, reads of unwritten memory, barriers and warp
        operations that not all threads reach, divisions by zero, and endless loops. "profile"
        counts memory requests; of faults it sees all but races and unwritten reads.
    schedule
        In which order blocks and threads run, where CUDA leaves it open: "forward", "reversed",
        "random", or "preempting", which also interrupts threads at random between two memory
        accesses.
    seed
        Of "random" and "preempting": the same seed gives the same order.
    raise_faults
        Whether a launch with findings raises :class:`KernelFault`. If not, they are only collected;
        a launch that cannot go on after a fault still ends there.
    wide_index
        Compile kernels with a 64-bit ``Index`` whatever the size of the arrays.
    threads
        In fast mode, the number of operating-system threads that run blocks side by side.
    fused
        In fast mode, round ``a * b + c`` once instead of twice, as NVIDIA's compiler does where no
        ``__fmul_rn`` forbids it. The last bits then differ, as they do on a GPU, and a kernel whose
        answer hangs on them shows.

    Yields
    ------
    Emulation
        Its lists `launches`, `findings` and `profile` grow with every launch.
    """
    for name, value, known in (("mode", mode, Mode), ("schedule", schedule, Schedule)):
        if value not in get_args(known):
            raise ValueError(f"{name} must be one of {', '.join(get_args(known))}, got {value!r}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1:
        raise ValueError(f"threads must be a whole number of at least 1, got {threads!r}")
    if fused and (mode != "fast" or schedule == "preempting"):
        raise ValueError("fused arithmetic needs the mode 'fast' and a schedule but 'preempting'")
    if fused and not can_fuse():
        raise EmulatorError("this processor has no instruction that multiplies and adds at once")
    run = Emulation(mode, schedule, int(seed), raise_faults, wide_index, int(threads), fused)
    token = _current.set(run)
    try:
        yield run
    finally:
        _current.reset(token)


def mark_uninitialized(array: np.ndarray) -> None:
    """Remember, in check mode, that nothing has been written to `array` yet.

    See :mod:`ocrlearn.cuda.emulator.memory` for what counts as written.
    """
    run = _current.get()
    if run is not None and run.mode == "check":
        memory.mark(array)


class Request(ctypes.Structure):
    """EmulatorRequest of interface.h."""

    _fields_ = (
        ("arguments", ctypes.POINTER(ctypes.c_void_p)),
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("shared_bytes", ctypes.c_uint64),
        ("seed", ctypes.c_uint64),
        ("order", ctypes.c_int32),
        ("workers", ctypes.c_int32),
        ("preempt", ctypes.c_int32),
        ("check", ctypes.c_int32),
        ("profile", ctypes.c_int32),
    )


# The runtime has one launch in hand at a time.
_one_launch = threading.Lock()
_DEFAULT = Emulation()


@functools.lru_cache(maxsize=1024)
def _compiled(kernel: Kernel, index: str, build: Build) -> tuple[Library, Any]:
    """Return the library of a kernel and the function that launches it."""
    file = kernel.file
    # -std=c++17 is ours already; what remains are definitions.
    options = tuple(o for o in compile_options(kernel.defines, index) if o.startswith("-D"))
    built = library(file.text, file.name, tuple(file.kernels), options, build)
    function = getattr(built.kernels, f"emulator_launch_{kernel.name}")
    function.argtypes = (ctypes.POINTER(Request),)
    runtime = built.runtime
    runtime.emulator_faults.restype = ctypes.POINTER(Fault)
    if build == "instrumented":
        runtime.emulator_costs.restype = ctypes.POINTER(Cost)
        runtime.emulator_watch.argtypes = (
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p,
            ctypes.c_uint64,
        )  # fmt: skip
    return built, function


def execute(
    kernel: Kernel,
    grid: Index,
    block: Index,
    arguments: Sequence[Any],
    shared_memory: int,
    index: str,
) -> None:
    """Run a kernel whose arguments :func:`ocrlearn.cuda.launch` has checked.

    Raises
    ------
    KernelFault
        If a fault is found, unless the emulation only collects them.
    EmulatorError
        If the kernel cannot be compiled.
    """
    run = _current.get()
    number = 0
    if run is None:
        run = _DEFAULT
    else:
        number = len(run.launches)
        run.launches.append(kernel.name)
    watching = run.mode != "fast"
    build: Build = "fused" if run.fused else "plain"
    if watching or run.schedule == "preempting":
        build = "instrumented"
    built, function = _compiled(kernel, index, build)

    # Every argument lies in a slot of eight bytes: a scalar's value or an array's address.
    slots = (ctypes.c_uint64 * len(arguments))(*map(_slot, arguments))
    first = ctypes.addressof(slots)
    pointers = (ctypes.c_void_p * len(arguments))(*range(first, first + 8 * len(arguments), 8))
    request = Request(
        pointers, grid, block, shared_memory, (run.seed << 20) + number, ORDERS[run.schedule],
        1 if build == "instrumented" else run.threads,
        PREEMPT_ONE_IN if run.schedule == "preempting" else 0,
        run.mode == "check", run.mode == "profile",
    )  # fmt: skip
    with _one_launch:
        if build == "instrumented":
            flags = _watch(built, kernel, arguments, run.mode)
        fault_count = function(request)
        faults: list[Fault] = []
        if fault_count:
            faults = [_copy(fault) for fault in built.runtime.emulator_faults()[:fault_count]]
        costs: list[Cost] = []
        if build == "instrumented":
            if run.mode == "profile":
                number_of_costs = ctypes.c_size_t()
                found = built.runtime.emulator_costs(ctypes.byref(number_of_costs))
                costs = [_copy(cost) for cost in found[: number_of_costs.value]]
            built.runtime.emulator_forget()
            del flags
    if costs:
        run.profile += collect(costs, kernel, built.path)
    if not faults:
        return
    arrays = {p.name: value for p, value in zip(kernel.parameters, arguments, strict=True)
              if p.pointer}  # fmt: skip
    shapes = {name: array.shape for name, array in arrays.items()}
    findings = describe(faults, kernel, grid, block, shapes, built.path)
    if run is not _DEFAULT:
        run.findings += findings
    if run.raise_faults:
        raise KernelFault(kernel, findings)


def _slot(value: Any) -> int:
    """Return the bytes of an argument, as a number."""
    if isinstance(value, np.ndarray):
        return _address(value)
    return int.from_bytes(value.tobytes(), sys.byteorder)


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def _copy(value: Any) -> Any:
    """Copy a structure out of the runtime's memory."""
    return type(value).from_buffer_copy(value)


def _watch(built: Library, kernel: Kernel, arguments: Sequence[Any], mode: Mode) -> list[Any]:
    """Tell the checker where the arrays are; returns what must stay alive during the launch."""
    runtime = built.runtime
    runtime.emulator_use_library(str(built.path).encode())
    kept: list[Any] = []
    if mode == "fast":  # a preempting schedule that looks at nothing
        return kept
    for value, parameter in zip(arguments, kernel.parameters, strict=True):
        if not isinstance(value, np.ndarray):
            continue
        flags = memory.written_flags(value) if mode == "check" else None
        kept.append(flags)
        runtime.emulator_watch(
            _address(value), value.nbytes, value.itemsize, parameter.name.encode(),
            None if flags is None else _address(flags), _address(value) - _owner(value),
        )  # fmt: skip
    return kept


def _owner(array: np.ndarray) -> int:
    """Return the address of the allocation that an array, perhaps a view, lies in."""
    base: Any = array
    while isinstance(base.base, np.ndarray):
        base = base.base
    return min(_address(base), _address(array))

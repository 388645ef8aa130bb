"""One checked way to launch a kernel: on the GPU for CuPy arrays, on the CPU for NumPy arrays.

A wrong launch of a CUDA kernel rarely fails where the mistake is. A ``float64`` array given for a
``float*`` is read as garbage, a Python ``float`` is passed as eight bytes of which the kernel takes
the first four, and an array that is one row short is read past its end, all without a word.
:func:`launch` knows the kernel's declaration (see :mod:`ocrlearn.cuda.source`): it refuses such
arrays by name, and gives every number the declared type.
"""

import contextlib
import functools
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ocrlearn._dispatch import array_module
from ocrlearn.cuda.source import Kernel, Parameter, compile_options, evaluate_size

__all__ = ["blocks_for", "debugging", "empty", "launch"]

MAX_BLOCK = 1024
MAX_BLOCK_SIDES = (1024, 1024, 64)
MAX_GRID = (2**31 - 1, 65535, 65535)
DEFAULT_SHARED_MEMORY = 48 * 1024
"""Bytes that every GPU grants a block; more must be asked for, and not every GPU has it."""
MOST_SHARED_MEMORY = 227 * 1024  # of a block on the largest GPUs, sm_90
NARROW_INDEX = 2**31 - 2**16  # leaves room for the threads that run past the end of an array

Sizes = int | Sequence[int]

_debug: ContextVar[bool] = ContextVar("_debug", default=False)


def blocks_for(size: Sizes, block: Sizes) -> tuple[int, ...]:
    """Return how many blocks cover `size` items: the ceiling of size / block along each axis.

    >>> blocks_for(1000, 256)
    (4,)
    >>> blocks_for((1000, 30), (32, 8))
    (32, 4)
    """
    sizes, sides = _as_tuple(size), _as_tuple(block)
    if len(sizes) != len(sides):
        raise ValueError(f"size {sizes} and block {sides} must have the same number of axes")
    for name, numbers, least in (("size", sizes, 0), ("block", sides, 1)):
        if not all(isinstance(n, int | np.integer) and n >= least for n in numbers):
            raise ValueError(f"{name} must hold whole numbers of at least {least}, got {numbers}")
    return tuple(-(-items // side) for items, side in zip(sizes, sides, strict=True))


def empty(shape: Sizes, dtype: DTypeLike, like: Any) -> Any:
    """Allocate an array beside `like`, its content undefined: NumPy for NumPy, CuPy for CuPy.

    Under the emulator's check mode, reading an element before any kernel has written it is
    reported.
    """
    module = array_module(like)
    array = module.empty(shape, dtype)
    if module is np:
        from ocrlearn.cuda.emulator import mark_uninitialized

        mark_uninitialized(array)
    return array


@contextlib.contextmanager
def debugging(enabled: bool = True) -> Iterator[None]:
    """Wait for the GPU after every launch, so that an error is raised by the launch that caused it.

    Kernels run asynchronously: without this, an illegal address shows up at some later call. The
    environment variable ``OCRLEARN_CUDA_DEBUG=1`` does the same for a whole program.
    """
    token = _debug.set(enabled)
    try:
        yield
    finally:
        _debug.reset(token)


def launch(
    kernel: Kernel,
    grid: Sizes,
    block: Sizes,
    /,
    *,
    shared_memory: int = 0,
    **arguments: Any,
) -> None:
    """Run `kernel` on `grid` blocks of `block` threads, after checking every argument.

    CuPy arrays run on their GPU, on CuPy's current stream, and the call does not wait. NumPy arrays
    run in the emulator (:mod:`ocrlearn.cuda.emulator`), and the call returns when all is done.

    Parameters
    ----------
    kernel
        From :meth:`ocrlearn.cuda.KernelFile.kernel`.
    grid
        Number of blocks along x, y and z, one to three numbers. Where one of them is 0 there is
        nothing to do, and the kernel is not launched.
    block
        Number of threads of a block along x, y and z, 1 to 1024 together.
    shared_memory
        Bytes of dynamic shared memory a block.
    **arguments
        The kernel's parameters by name. Arrays must have the declared dtype, be C-contiguous and
        hold at least the declared number of items. Scalars are converted to the declared type if
        they fit.

    Raises
    ------
    TypeError
        If an argument is missing, unknown, of the wrong type or in the wrong library; if NumPy and
        CuPy arrays are mixed.
    ValueError
        If an array is too small, not contiguous or read-only though the kernel writes it, or shares
        memory with another against a ``__restrict__``; if a scalar does not fit; if the grid, block
        or shared memory is out of range, or the block larger than ``__launch_bounds__`` allow.
    """
    signature = _signature(kernel, grid, block, shared_memory, arguments)
    plan = _plans.get(signature) if signature is not None else None
    if plan is None:
        plan = _plan(kernel, grid, block, shared_memory, arguments)
        if signature is not None:
            if len(_plans) >= MOST_PLANS:
                _plans.clear()
            _plans[signature] = plan
    _check_addresses(kernel, arguments)
    if math.prod(plan.grid) == 0:
        return
    ordered = [
        arguments[name] if scalar is None else scalar(arguments[name])
        for name, scalar in plan.parameters
    ]
    if plan.module is np:
        from ocrlearn.cuda.emulator import execute

        execute(kernel, plan.grid, plan.block, ordered, int(shared_memory), plan.index)
    else:
        _launch_on_gpu(
            plan.module, kernel, plan.grid, plan.block, ordered, int(shared_memory), plan.index
        )


# --- The checks, and what they find out -----------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """What a launch that has been checked comes to; `parameters` are names and types of scalars."""

    module: Any
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    index: str
    parameters: tuple[tuple[str, Any], ...]


# A program launches the same kernel on arrays of the same shapes again and again, and the checks
# would take longer than many a kernel.
_plans: dict[Any, _Plan] = {}
MOST_PLANS = 4096


def _signature(
    kernel: Kernel, grid: Sizes, block: Sizes, shared_memory: int, arguments: Mapping[str, Any]
) -> Any:
    """Return all that the checks look at but addresses; None if that cannot be compared."""
    parts: list[Any] = [kernel, grid, type(grid), block, type(block), shared_memory,
                        type(shared_memory), _force_wide_index()]  # fmt: skip
    for name, value in arguments.items():
        kind = type(value)
        if kind is int or kind is float:
            parts.append((name, kind, value))
        elif isinstance(value, np.generic):
            parts.append((name, kind, value.item()))
        elif not hasattr(value, "dtype") or not hasattr(value, "flags") or value.ndim == 0:
            return None
        else:
            flags = value.flags
            writeable = getattr(flags, "writeable", True)
            parts.append((name, kind, value.dtype, value.shape, flags.c_contiguous, writeable))
    key = tuple(parts)
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _plan(
    kernel: Kernel, grid: Sizes, block: Sizes, shared_memory: int, arguments: Mapping[str, Any]
) -> _Plan:
    """Check everything about a launch but where the arrays lie."""
    _check_names(kernel, arguments)
    arrays = {p.name: arguments[p.name] for p in kernel.parameters if p.pointer}
    scalars = {p.name: arguments[p.name] for p in kernel.parameters if not p.pointer}
    for name, array in arrays.items():
        if (
            not hasattr(array, "dtype")
            or not hasattr(array, "flags")
            or isinstance(array, np.generic)
        ):
            raise TypeError(f"{kernel}: {name} must be an array, got {type(array).__name__}")
    module = array_module(*arrays.values())
    blocks = _check_extent(kernel, "grid", grid, MAX_GRID, least=0)
    threads = _check_extent(kernel, "block", block, MAX_BLOCK_SIDES, least=1)
    if math.prod(threads) > MAX_BLOCK:
        raise ValueError(
            f"{kernel}: a block has 1 to {MAX_BLOCK} threads, got {threads}, {math.prod(threads)}"
        )
    if kernel.most_threads is not None and math.prod(threads) > kernel.most_threads:
        raise ValueError(
            f"{kernel}: its __launch_bounds__ allow blocks of {kernel.most_threads} threads, "
            f"got {threads}, {math.prod(threads)}"
        )
    index = _index_type(arrays.values(), math.prod(blocks) * math.prod(threads))
    values = {p.name: _check_scalar(kernel, p, scalars, index) for p in kernel.parameters
              if not p.pointer}  # fmt: skip
    sizes = _names_in_sizes(kernel, values, blocks, threads)
    for parameter in kernel.parameters:
        if parameter.pointer:
            _check_array(kernel, parameter, arrays[parameter.name], index, sizes)
    if isinstance(shared_memory, bool) or not isinstance(shared_memory, int | np.integer):
        raise TypeError(f"{kernel}: shared_memory must be a whole number, got {shared_memory!r}")
    if shared_memory < 0:
        raise ValueError(f"{kernel}: shared_memory must be at least 0, got {shared_memory}")
    if shared_memory > MOST_SHARED_MEMORY:
        raise ValueError(
            f"{kernel}: shared_memory must be at most {MOST_SHARED_MEMORY} bytes, "
            f"which few GPUs have, got {shared_memory}"
        )
    types = {p.name: None if p.pointer else p.dtype(index)[0].type for p in kernel.parameters}
    return _Plan(module, blocks, threads, index, tuple(types.items()))


def _as_tuple(value: Sizes) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,)


def _check_names(kernel: Kernel, arguments: Mapping[str, Any]) -> None:
    wanted = [parameter.name for parameter in kernel.parameters]
    missing = [name for name in wanted if name not in arguments]
    unknown = [name for name in arguments if name not in wanted]
    if missing or unknown:
        problems = [f"missing {', '.join(missing)}"] * bool(missing)
        problems += [f"unknown {', '.join(unknown)}"] * bool(unknown)
        raise TypeError(f"{kernel} takes {', '.join(wanted)}: {'; '.join(problems)}")


def _check_extent(
    kernel: Kernel, name: str, value: Sizes, most: Sequence[int], least: int
) -> tuple[int, int, int]:
    """Return a grid or block as three whole numbers within the hardware's limits."""
    sides = _as_tuple(value)
    if not 1 <= len(sides) <= 3:
        raise ValueError(f"{kernel}: {name} must have 1 to 3 numbers, got {value!r}")
    for side, limit, axis in zip(sides, most, "xyz", strict=False):
        if isinstance(side, bool) or not isinstance(side, int | np.integer):
            raise TypeError(f"{kernel}: {name} must hold whole numbers, got {value!r}")
        if not least <= side <= limit:
            raise ValueError(
                f"{kernel}: {name} along {axis} must be {least} to {limit}, got {side}"
            )
    x, y, z = (*map(int, sides), 1, 1)[:3]
    return x, y, z


def _index_type(arrays: Any, threads: int) -> str:
    """Return the dtype of ``Index``: 32 bits unless an array or the grid needs more."""
    most = max([threads, *(array.size for array in arrays)])
    return "int64" if most > NARROW_INDEX or _force_wide_index() else "int32"


def _force_wide_index() -> bool:
    """Whether a test wants the 64-bit form of every kernel, whatever the size."""
    emulator = sys.modules.get("ocrlearn.cuda.emulator")  # not imported: not in force
    run = None if emulator is None else emulator.current()
    return run is not None and run.wide_index


def _check_scalar(
    kernel: Kernel, parameter: Parameter, scalars: Mapping[str, Any], index: str
) -> np.generic:
    """Return a scalar argument in the declared type, if it fits."""
    value = scalars[parameter.name]
    dtype, lanes = parameter.dtype(index)
    if lanes != 1:
        raise TypeError(f"{kernel}: {parameter.name} of type {parameter.type} cannot be passed")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating):
        raise TypeError(
            f"{kernel}: {parameter.name} must be a number for {parameter.type}, "
            f"got {type(value).__name__}"
        )
    if dtype.kind == "f":
        number = float(value)
        most = float(np.finfo(dtype).max)
        if most < abs(number) < math.inf:
            raise ValueError(
                f"{kernel}: {parameter.name} = {value} does not fit {parameter.type}, "
                f"which holds up to {most:.3g}"
            )
        return dtype.type(value)
    if isinstance(value, float | np.floating):
        raise TypeError(
            f"{kernel}: {parameter.name} must be a whole number for {parameter.type}, got {value!r}"
        )
    least, most = _limits(dtype)
    if not least <= value <= most:
        raise ValueError(
            f"{kernel}: {parameter.name} = {value} does not fit {parameter.type}, "
            f"which holds {least} to {most}"
        )
    return dtype.type(value)


@functools.cache
def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the least and the greatest value of a whole number or a bool."""
    return (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def _names_in_sizes(
    kernel: Kernel,
    values: Mapping[str, np.generic],
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
) -> dict[str, int]:
    """Collect what a size in the source may name: scalars, definitions, the grid and the block."""
    names = dict(kernel.constants)
    names.update((name, int(v)) for name, v in values.items() if v.dtype.kind in "biu")
    for axis, blocks, threads in zip("xyz", grid, block, strict=True):
        names[f"gridDim.{axis}"] = blocks
        names[f"blockDim.{axis}"] = threads
    return names


def _check_array(
    kernel: Kernel, parameter: Parameter, array: Any, index: str, sizes: Mapping[str, int]
) -> None:
    """Check one array's dtype, layout, permission and size."""
    dtype, lanes = parameter.dtype(index)
    # A bool is a byte that holds 0 or 1, so a kernel may take a mask as unsigned char.
    same = array.dtype == dtype or (array.dtype == np.bool_ and dtype == np.uint8)
    if not same:
        raise TypeError(
            f"{kernel}: {parameter.name} must have dtype {dtype} for {parameter.type}*, "
            f"got {array.dtype}"
        )
    if not array.flags.c_contiguous:
        raise ValueError(
            f"{kernel}: {parameter.name} must be C-contiguous, "
            f"got strides {array.strides} for shape {array.shape}"
        )
    if array.size % lanes:
        raise ValueError(
            f"{kernel}: {parameter.name} must hold whole items of {lanes} for {parameter.type}*, "
            f"got {array.size}"
        )
    if not parameter.constant and not getattr(array.flags, "writeable", True):
        raise ValueError(
            f"{kernel}: {parameter.name} is written by the kernel, but the array is read-only"
        )
    if parameter.size:
        needed = evaluate_size(parameter.size, sizes)
        if array.size // lanes < needed:
            raise ValueError(
                f"{kernel}: {parameter.name} must hold [{parameter.size}] = {needed} items, "
                f"got {array.size // lanes} in shape {array.shape}"
            )


def _check_addresses(kernel: Kernel, arguments: Mapping[str, Any]) -> None:
    """Check where the arrays lie, which is another place at every launch."""
    for parameter in kernel.parameters:
        if not parameter.pointer or not parameter.type.endswith(("2", "4")):
            continue
        # A GPU reads two or four items at once from multiples of their size only.
        dtype, lanes = parameter.dtype()
        alignment = min(16, lanes * dtype.itemsize)
        if _extent(arguments[parameter.name])[0] % alignment:
            raise ValueError(
                f"{kernel}: {parameter.name} must begin at a multiple of {alignment} bytes for "
                f"{parameter.type}*, as whole arrays do; give it a copy"
            )
    _check_overlap(kernel, arguments)


def _check_overlap(kernel: Kernel, arrays: Mapping[str, Any]) -> None:
    """Refuse arrays that share memory where a ``__restrict__`` promises that they do not.

    The compiler believes the promise and keeps values in registers that the other array changes.
    """
    pointers = [parameter for parameter in kernel.parameters if parameter.pointer]
    if all(p.constant for p in pointers) or not any(p.restrict for p in pointers):
        return
    extents = [_extent(arrays[parameter.name]) for parameter in pointers]
    for i, one in enumerate(pointers):
        for j, other in enumerate(pointers[:i]):
            promised = (one.restrict or other.restrict) and not (one.constant and other.constant)
            if promised and max(extents[i][0], extents[j][0]) < min(extents[i][1], extents[j][1]):
                raise ValueError(
                    f"{kernel}: {other.name} and {one.name} share memory, but the kernel is "
                    "compiled for arrays that do not (__restrict__); give it a copy"
                )


def _extent(array: Any) -> tuple[int, int]:
    """Return the addresses where a C-contiguous array begins and ends."""
    if isinstance(array, np.ndarray):
        begin = array.__array_interface__["data"][0]
    else:
        begin = array.data.ptr
    return begin, begin + array.nbytes


@functools.cache
def _raw_kernel(kernel: Kernel, index: str) -> Any:
    """Compile a kernel with CuPy, which keeps it for every device of this process."""
    import cupy

    module = cupy.RawModule(code=kernel.file.text, options=compile_options(kernel.defines, index))
    return module.get_function(kernel.name)


def _allow_shared_memory(kernel: Kernel, function: Any, device: Any, dynamic: int) -> None:
    """Ask for more shared memory than every GPU has, where the two kinds together come to more."""
    static = function.shared_size_bytes
    if static + dynamic <= DEFAULT_SHARED_MEMORY:
        return
    most = device.attributes["MaxSharedMemoryPerBlockOptin"]
    if static + dynamic > most:
        raise ValueError(
            f"{kernel}: shared_memory of {dynamic} bytes, with {static} declared in the source, "
            f"is more than this GPU's {most}"
        )
    function.max_dynamic_shared_size_bytes = dynamic


def _launch_on_gpu(
    cupy: Any,
    kernel: Kernel,
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
    arguments: list[Any],
    shared_memory: int,
    index: str,
) -> None:
    device = cupy.cuda.Device()
    for array in arguments:
        if isinstance(array, cupy.ndarray) and array.device.id != device.id:
            raise ValueError(
                f"{kernel}: an array is on GPU {array.device.id} but the current one is "
                f"{device.id}; call within cupy.cuda.Device({array.device.id})"
            )
    function = _raw_kernel(kernel, index)
    if shared_memory:
        _allow_shared_memory(kernel, function, device, shared_memory)
    function(grid, block, tuple(arguments), shared_mem=shared_memory)
    if _debug.get() or os.environ.get("OCRLEARN_CUDA_DEBUG", "0") not in ("", "0"):
        try:
            cupy.cuda.get_current_stream().synchronize()
        except Exception as error:
            raise RuntimeError(f"{kernel} failed on the GPU: {error}") from error

"""Which library owns these arrays, and which rung of an operation should run on them.

A core operation is written several times: a plain *reference* to read, a *fast* CPU path and, where
there is one, a *cuda* kernel. Each such module names its rungs in a dictionary,

>>> RUNGS = {"reference": _otsu_reference, "fast": _otsu_fast}  # doctest: +SKIP

and its public function asks :func:`pick` for the one that fits the arrays it was given. NumPy in,
NumPy out; CuPy in, CuPy out; a mixture raises. Nothing is moved between host and device silently,
and CuPy is never imported here: if an array is a CuPy array, its owner has imported CuPy already.

The "cuda" rung takes NumPy arrays too when it is asked for by name: its kernels then run in the
emulator (:mod:`ocrlearn.cuda.emulator`), slowly, but to the same result.
"""

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["array_module", "as_array", "is_cupy", "pick"]


def _owner(array: Any) -> str:
    """Name of the top-level package that defines the type of `array`."""
    return type(array).__module__.partition(".")[0]


def is_cupy(value: Any) -> bool:
    """Whether `value` is a CuPy array; CuPy is not imported to find out."""
    return _owner(value) == "cupy"


def as_array(value: Any) -> Any:
    """Leave a CuPy array where it is, and make a NumPy array of everything else."""
    return value if is_cupy(value) else np.asarray(value)


def array_module(*arrays: Any) -> ModuleType:
    """Return the module, ``numpy`` or ``cupy``, that owns all the given arrays.

    Parameters
    ----------
    *arrays
        NumPy or CuPy arrays. Python scalars and None are ignored, and so are NumPy scalars.

    Returns
    -------
    module
        ``numpy`` when nothing but scalars is given.

    Raises
    ------
    TypeError
        If the arrays mix libraries, or belong to neither (a list, a torch tensor).
    """
    owners: dict[str, Any] = {}
    for array in arrays:
        if array is None or isinstance(array, bool | int | float | complex | np.generic):
            continue
        owners.setdefault("numpy" if isinstance(array, np.ndarray) else _owner(array), array)
    for owner, array in owners.items():
        if owner not in ("numpy", "cupy"):
            kind = f"{type(array).__module__}.{type(array).__qualname__}"
            raise TypeError(f"expected NumPy or CuPy arrays, got {kind}; convert it first")
    if len(owners) > 1:
        raise TypeError(
            "got a mixture of NumPy and CuPy arrays; "
            "move them to one side first (cupy.asarray or cupy.asnumpy)"
        )
    return sys.modules["cupy"] if "cupy" in owners else np


def pick(
    rungs: Mapping[str, Callable[..., Any]], *arrays: Any, rung: str | None = None
) -> Callable[..., Any]:
    """Choose the implementation of an operation that fits `arrays`.

    Parameters
    ----------
    rungs
        The operation's implementations by name: "reference", "fast", "cuda".
    *arrays
        The arrays it is about to work on.
    rung
        Force one by name, for tests, benchmarks and lessons. By default NumPy arrays get "fast" and
        CuPy arrays get "cuda". NumPy arrays with "cuda" run the kernels in the emulator.

    Raises
    ------
    ValueError
        If there is no such rung, or no CUDA rung for CuPy arrays.
    TypeError
        If CuPy arrays are given to another rung than "cuda", or the arrays mix libraries.
    """
    on_gpu = array_module(*arrays) is not np
    name = rung if rung is not None else ("cuda" if on_gpu else "fast")
    if name not in rungs:
        raise ValueError(f"no rung {name!r} for this operation; there are {', '.join(rungs)}")
    if on_gpu and name != "cuda":
        raise TypeError(f"the {name!r} rung works on NumPy arrays, got CuPy arrays")
    return rungs[name]

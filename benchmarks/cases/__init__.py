"""What is measured: one module for each operation, with its cases for the CPU and the GPU.

``benchmarks/cpu.py`` runs every :class:`CpuCase` named in a module's ``CPU`` list, and
``benchmarks/cuda.py`` every :class:`GpuCase` in its ``GPU`` list. Peers are imported inside the
functions, after the number of threads has been set.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

OURS = "ocrlearn"

Runners = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class CpuCase:
    """One operation on the CPU: who performs it, when two outputs agree, how fast it should be.

    Attributes
    ----------
    name
        What the row of the table is called.
    size
        The size of the problem in words.
    runners
        Makes the input and returns a function without arguments for the library (``OURS``) and for
        each peer by its name.
    agree
        Takes the library's output and a peer's; False where they are not the same answer.
    bars
        For each peer that a bar is set against, the greatest part of its time the library may take:
        ``{"OpenCV": 1.5}`` reads "at most one and a half times as long as OpenCV".
    """

    name: str
    size: str
    runners: Callable[[], Runners]
    agree: Callable[[Any, Any], bool]
    bars: Mapping[str, float]


@dataclass(frozen=True)
class GpuCase:
    """One operation on the GPU: its inputs, its peers and what it must move and compute.

    Attributes
    ----------
    name, size
        As above.
    rungs
        The ``RUNGS`` of the library module; "cuda" is timed, and checked against "reference".
    make
        ``make(seed)`` returns the positional arguments at full size, as NumPy arrays and numbers.
    small
        ``small(seed)`` returns arguments on which the reference finishes within seconds.
    options
        Keyword arguments of every call.
    compare
        ``compare(result, expected)`` raises AssertionError where they differ.
    peers
        For each peer by name, ``prepare(*args)``: it imports the peer, takes the arguments as CuPy
        arrays and returns a function without arguments to time.
    bytes
        What the operation must at least read and write in device memory, in bytes.
    operations
        How many arithmetic operations it performs, about.
    """

    name: str
    size: str
    rungs: Mapping[str, Callable[..., Any]]
    make: Callable[[int], tuple[Any, ...]]
    small: Callable[[int], tuple[Any, ...]]
    compare: Callable[[Any, Any], None]
    bytes: float
    operations: float
    options: Mapping[str, Any] = field(default_factory=dict)
    peers: Mapping[str, Callable[..., Callable[[], Any]]] = field(default_factory=dict)


def collect(kind: str) -> list[Any]:
    """Return all cases of the modules' ``CPU`` or ``GPU`` lists, in the order of the modules."""
    cases: list[Any] = []
    for module in pkgutil.iter_modules(__path__):
        cases += getattr(importlib.import_module(f"{__name__}.{module.name}"), kind, [])
    return cases

"""One list of cases for every core operation, and the machinery that runs them everywhere.

Each module of this package defines ``OPERATIONS``, a list of :class:`Operation`. ``test_parity.py``
runs every case of every operation

- on the fast CPU rung, against the reference;
- on the CUDA rung in the emulator, against the reference: the library's own kernels, executed;
- in the emulator's check mode, which must find no fault, and under three thread schedules;
- with products fused with sums, as a GPU rounds them;
- with 64-bit indices;
- on a GPU through CuPy, where there is one;
- against an independent oracle.

To add an operation, write a module here; it is found by its ``OPERATIONS``.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ocrlearn.cuda import KernelFile


@dataclass(frozen=True)
class Case:
    """One set of arguments. `small` cases also run in check mode and under every schedule."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    small: bool = True

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Operation:
    """An operation, its rungs, its cases and what their results are compared with.

    Attributes
    ----------
    name
        The operation's name in test ids.
    rungs
        The module's ``RUNGS``, each called as ``rung(*case.args, **case.kwargs)``.
    cases
        Random, adversarial, degenerate, non-contiguous and odd-sized inputs, and ties.
    compare
        ``compare(result, expected)`` raises AssertionError where a rung's result differs from the
        reference's by more than it may. Results are NumPy arrays (or tuples, dataclasses, numbers).
    oracle
        An independent implementation, ``oracle(*case.args, **case.kwargs)``; it may return None
        where it cannot perform a case.
    compare_oracle
        Like `compare`, for the reference's result and the oracle's; `compare` by default.
    kernels
        The ``.cu`` file whose kernels the CUDA rung launches, if any.
    """

    name: str
    rungs: Mapping[str, Callable[..., Any]]
    cases: Sequence[Case]
    compare: Callable[[Any, Any], None]
    oracle: Callable[..., Any] | None = None
    compare_oracle: Callable[[Any, Any], None] | None = None
    kernels: KernelFile | None = None

    def __str__(self) -> str:
        return self.name


def equal(result: Any, expected: Any) -> None:
    """Compare arrays, or tuples of them, which must be identical in shape, dtype and value."""
    if isinstance(expected, tuple | list):
        assert len(result) == len(expected)
        for one, other in zip(result, expected, strict=True):
            equal(one, other)
        return
    result, expected = np.asarray(result), np.asarray(expected)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def close(rtol: float = 0.0, atol: float = 0.0) -> Callable[[Any, Any], None]:
    """Return a comparison of arrays, or tuples of them, within tolerances."""

    def compare(result: Any, expected: Any) -> None:
        if isinstance(expected, tuple | list):
            assert len(result) == len(expected)
            for one, other in zip(result, expected, strict=True):
                compare(one, other)
            return
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)

    return compare


def operations() -> list[Operation]:
    """Collect the operations of every module of this package."""
    found: list[Operation] = []
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("test_"):
            found += getattr(importlib.import_module(f"{__name__}.{module.name}"), "OPERATIONS", [])
    return found

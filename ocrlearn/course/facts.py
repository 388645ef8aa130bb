"""Saying things that are true: claims the notebook proves, and one answer at three speeds."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ocrlearn import cuda

__all__ = ["claim", "format_seconds", "full", "three_speeds"]


def full() -> bool:
    """Whether the long version of a chapter was asked for with ``OCRLEARN_FULL=1``.

    >>> pages = 200 if full() else 20
    """
    return os.environ.get("OCRLEARN_FULL", "").lower() not in ("", "0", "false", "no")


def claim(statement: str, holds: Any) -> None:
    """Print `statement` if it `holds`, and stop the chapter otherwise.

    A chapter says with it what an experiment has shown; numbers in the statement come from the run:

    >>> error, bound = 0.031, 0.05
    >>> claim(f"Sauvola's error {error:.3f} is below {bound}", error < bound)
    ✓ Sauvola's error 0.031 is below 0.05

    Raises
    ------
    AssertionError
        If it does not hold.
    """
    if not bool(holds):
        raise AssertionError(f"this chapter claims what does not hold: {statement}")
    print(f"✓ {statement}")  # noqa: T201 - a chapter prints


def three_speeds(
    rungs: Mapping[str, Callable[..., Any]],
    *arguments: Any,
    tolerance: float = 0.0,
    repeat: int = 3,
    **options: Any,
) -> None:
    """Run every rung of an operation on the same arguments, prove the answers equal, print times.

    Parameters
    ----------
    rungs
        The ``RUNGS`` of a library module; the first is the one the others are compared with.
    *arguments, **options
        Passed to every rung; for the "cuda" rung NumPy arrays are moved to the GPU beforehand.
    tolerance
        The largest absolute difference allowed between two answers.
    repeat
        How often each is timed after one call that is not (which may compile); the best counts.

    Raises
    ------
    AssertionError
        If a rung gives another answer than the first.
    """
    names = list(rungs)
    rows: list[tuple[str, str, str]] = []
    expected: Any = None
    slowest = 0.0
    for name in names:
        inputs, wait, missing = arguments, _nothing, ""
        if name == "cuda":
            inputs, wait, missing = _on_gpu(arguments)
        if missing:
            rows.append((name, missing, ""))
            continue
        result = rungs[name](*inputs, **options)
        wait()
        if expected is None:
            expected = result
        else:
            _same(result, expected, tolerance, f"{name} and {names[0]}")
        seconds = min(_time(rungs[name], inputs, options, wait) for _ in range(repeat))
        slowest = slowest or seconds
        rows.append((name, format_seconds(seconds), f"{slowest / seconds:.1f}x"))
    width = max(len(name) for name in names)
    same = "identical" if tolerance == 0 else f"equal within {tolerance:g}"
    for name, duration, ratio in rows:
        print(f"{name:<{width}}  {duration:>9}  {ratio:>8}".rstrip())  # noqa: T201
    print(f"answers {same}")  # noqa: T201


def format_seconds(seconds: float) -> str:
    """Return a duration with three digits and its unit, as the sanitiser of the tests knows it."""
    for factor, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def _nothing() -> None:
    pass


def _time(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    wait: Callable[[], None],
) -> float:
    start = time.perf_counter()
    function(*arguments, **options)
    wait()
    return time.perf_counter() - start


def _on_gpu(
    arguments: tuple[Any, ...],
) -> tuple[tuple[Any, ...], Callable[[], None], str]:
    """Return the arguments on the GPU, how to wait for it, and why not, where there is none."""
    if cuda.why_no_gpu():
        return arguments, _nothing, "needs a GPU"
    import cupy

    moved = tuple(cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments)
    return moved, cupy.cuda.get_current_stream().synchronize, ""


def _same(result: Any, expected: Any, tolerance: float, pair: str) -> None:
    """Raise AssertionError unless two answers, or sequences or mappings of answers, are equal."""
    if isinstance(expected, Mapping):
        assert list(result) == list(expected), f"{pair} return different keys"
        for key in expected:
            _same(result[key], expected[key], tolerance, pair)
    elif isinstance(expected, tuple | list):
        assert len(result) == len(expected), f"{pair} return different numbers of values"
        for one, other in zip(result, expected, strict=True):
            _same(one, other, tolerance, pair)
    else:
        one = result.get() if hasattr(result, "get") else result  # a CuPy array, on the host
        if np.asarray(expected).dtype.kind in "biufc":
            np.testing.assert_allclose(
                one, expected, rtol=0, atol=tolerance, err_msg=f"{pair} disagree"
            )
        else:
            assert one == expected, f"{pair} disagree: {one!r} and {expected!r}"

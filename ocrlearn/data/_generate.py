"""Calling generators by name, here and in other processes.

What makes samples is a function ``(seed, index, **options)``. A process elsewhere gets it by name:
a generator of :data:`ocrlearn.data.synth.generators.GENERATORS`, or ``package.module:function``.
"""

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, NoReturn

from ocrlearn._validate import check_number
from ocrlearn.data.samples import Clip, Sample

__all__ = ["Generate", "generator_name", "make", "process_pool", "worker_died", "worker_number"]

Generate = str | Callable[..., Any]
"""A generator's name, or a function ``(seed, index, **options)`` of some module."""


def generator_name(generate: Generate) -> str:
    """Return the name under which another process finds `generate`, after a check that it will.

    Raises
    ------
    TypeError
        If `generate` is neither a name nor a function that a module holds under its own name:
        lambdas, nested functions, bound methods and ``functools.partial`` have no such name.
    ValueError
        If nothing has that name.
    """
    if isinstance(generate, str):
        name = generate if ":" in generate else _registered(generate)
        resolve(name)
        return name
    module = getattr(generate, "__module__", None)
    qualified = getattr(generate, "__qualname__", "")
    if not callable(generate) or not module or not qualified.isidentifier():
        raise TypeError(
            "generate must be the name of a generator or a function defined at the top of a "
            f"module, which other processes can import, got {generate!r}; fixed arguments go into "
            "options"
        )
    return f"{module}:{qualified}"


def resolve(generate: Generate) -> Callable[..., Any]:
    """Return the function that `generate` names."""
    if not isinstance(generate, str):
        return generate
    name = generate if ":" in generate else _registered(generate)
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"generate names {generate!r}, which cannot be loaded: {error}") from None
    if not callable(found):
        raise ValueError(f"generate names {generate!r}, which is not a function")
    return found


def _registered(name: str) -> str:
    """Return where the function of a registered generator is."""
    from ocrlearn.data.synth.generators import GENERATORS

    if name not in GENERATORS:
        raise ValueError(
            f"generate must be one of {', '.join(sorted(GENERATORS))}, or 'package.module:"
            f"function', got {name!r}"
        )
    return GENERATORS[name].target


def make(generate: Generate, seed: int, index: int, options: Mapping[str, Any]) -> Sample | Clip:
    """Make one sample.

    Raises
    ------
    TypeError
        If what comes out is neither a sample nor a clip.
    """
    item = resolve(generate)(seed, index, **options)
    if isinstance(item, Sample | Clip):
        return item
    raise TypeError(
        f"{generator_name(generate)} must return a Sample or a Clip, "
        f"got {type(item).__name__} for index {index}"
    )


def worker_number(workers: int | None) -> int:
    """Return how many processes `workers` asks for: None is one for each core."""
    if workers is None:
        return os.cpu_count() or 1
    return int(check_number(workers, "workers", low=1, integer=True))


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of fresh processes, which end when this one does and at once on Ctrl-C.

    They are spawned, not forked: a fork copies locks in whatever state other threads hold them.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)


def _prepare_worker() -> None:
    """Let Ctrl-C end this process, and the end of its parent too.

    A KeyboardInterrupt would not do: an import or a finaliser may swallow it, and the process would
    begin its next piece of work. A pool whose parent was killed would wait for work forever.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def worker_died(error: BrokenProcessPool) -> NoReturn:
    """Say what may have happened to a process that vanished."""
    raise RuntimeError(
        "a worker process ended before its work was done: it was killed, often for want of "
        "memory (fewer workers need less), or could not start: a program that is run as a script "
        "must begin its own work under `if __name__ == '__main__':`"
    ) from error

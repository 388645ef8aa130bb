"""What a chapter needs beside the library: figures, players, exercises, and the notebooks' build.

A chapter begins with

>>> from ocrlearn.course import check, claim, figures, full  # doctest: +SKIP

and ``docs/writing-a-chapter.md`` says how one is written. Nothing here is imported before it is
used, so that ``ocrlearn.course`` costs nothing to those who only read pages.
"""

import importlib
from typing import Any

_HOME = {
    "check": "exercise",
    "hint": "exercise",
    "claim": "facts",
    "full": "facts",
    "three_speeds": "facts",
}
_MODULES = (
    "answers",
    "build",
    "chapters",
    "cli",
    "exercise",
    "facts",
    "figures",
    "kernels",
    "notebook",
    "player",
    "proof",
    "same_as",
)

__all__ = ["check", "claim", "figures", "full", "hint", "player", "three_speeds"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*_MODULES, *_HOME})

"""From ink to lines in reading order; each part is loaded when it is first used."""

import importlib
from typing import Any

_EXPORTS = {
    "Strip": "lines",
    "TextLine": "lines",
    "find_lines": "lines",
    "straighten": "lines",
}
_MODULES = ("lines", "reading_order")

__all__ = sorted([*_EXPORTS, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

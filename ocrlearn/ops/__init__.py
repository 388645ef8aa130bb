"""Primitives shared by many methods; each is loaded when it is first used."""

import importlib
from typing import Any

_EXPORTS = {
    "Automata": "lattice",
    "ComponentStats": "components",
    "Lattice": "lattice",
    "best_path": "lattice",
    "box_sum": "integral",
    "component_stats": "components",
    "connected_components": "components",
    "connected_components_with_stats": "components",
    "integral_image": "integral",
    "local_mean_std": "integral",
}
_MODULES = ("components", "integral", "lattice")

__all__ = sorted([*_EXPORTS, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

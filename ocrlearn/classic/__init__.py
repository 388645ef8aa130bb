"""Reading without networks; each part is loaded when it is first used."""

import importlib
from typing import Any

_EXPORTS = {
    "ClassicalReader": "reader",
    "LinearClassifier": "classifier",
    "ReaderConfig": "reader",
    "fit_logistic_regression": "classifier",
}
_MODULES = ("classifier", "features", "hog", "language", "oversegment", "reader")

__all__ = sorted([*_EXPORTS, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

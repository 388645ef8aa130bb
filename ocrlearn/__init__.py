"""ocrlearn: read documents with methods you can understand, from a threshold to a text spotter.

The package is the reference library behind the course. Importing it is cheap: no sub-package is
loaded before its first use, so ``import ocrlearn`` pulls in neither torch, CuPy, Numba nor
matplotlib.

>>> import ocrlearn
>>> page = ocrlearn.image.read("page.jpg")  # doctest: +SKIP
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

_SUBMODULES = (
    "classic",
    "cluster",
    "course",
    "cuda",
    "data",
    "doctor",
    "document",
    "engine",
    "geometry",
    "image",
    "layout",
    "methods",
    "nn",
    "ops",
    "text",
)

__all__ = ["__version__", *_SUBMODULES]


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

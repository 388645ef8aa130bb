"""Packages that load their parts on first use (PEP 562)."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["attach"]


def attach(
    package: str, exports: Mapping[str, str], modules: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return the ``__getattr__``, ``__dir__`` and ``__all__`` of a package with lazy parts.

    >>> __getattr__, __dir__, __all__ = attach(__name__, {"find_lines": "lines"})  # doctest: +SKIP

    Parameters
    ----------
    package
        The package's ``__name__``.
    exports
        For each name the package offers, the module of the package that defines it.
    modules
        Modules that are offered themselves.
    """
    names = sorted([*exports, *modules])

    def load(name: str) -> Any:
        if name in exports:
            return getattr(importlib.import_module(f"{package}.{exports[name]}"), name)
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load, lambda: names, names

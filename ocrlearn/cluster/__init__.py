"""Grouping pixels and points: K-means, mean shift and SLIC; each is loaded on first use."""

from ocrlearn._lazy import attach

_EXPORTS: dict[str, str] = {}
_MODULES: tuple[str, ...] = ()

__getattr__, __dir__, __all__ = attach(__name__, _EXPORTS, _MODULES)

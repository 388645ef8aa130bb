"""Grouping pixels and points: K-means, mean shift and SLIC; each is loaded on first use."""

from ocrlearn._lazy import attach

_EXPORTS = {
    "KMeansResult": "kmeans",
    "kmeans_plus_plus": "kmeans",
}
_MODULES = ("kmeans",)

__getattr__, __dir__, __all__ = attach(__name__, _EXPORTS, _MODULES)

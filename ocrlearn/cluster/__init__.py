"""Grouping pixels and points: K-means, mean shift and SLIC; each is loaded on first use."""

from ocrlearn._lazy import attach

_EXPORTS = {
    "KMeansResult": "kmeans",
    "MeanShiftModes": "mean_shift",
    "SlicStep": "slic",
    "kmeans_plus_plus": "kmeans",
    "mean_shift_convergence": "mean_shift",
    "mean_shift_filter": "mean_shift",
    "mean_shift_modes": "mean_shift",
    "mean_shift_path": "mean_shift",
    "mean_shift_segment": "mean_shift",
    "mode_path": "mean_shift",
    "rgb_to_lab": "slic",
    "slic_steps": "slic",
}
_MODULES = ("kmeans", "mean_shift", "slic")

__getattr__, __dir__, __all__ = attach(__name__, _EXPORTS, _MODULES)

"""Primitives shared by many methods; each is loaded when it is first used."""

from ocrlearn._lazy import attach

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

__getattr__, __dir__, __all__ = attach(__name__, _EXPORTS, _MODULES)

"""From ink to lines in reading order; each part is loaded when it is first used."""

from ocrlearn._lazy import attach

_EXPORTS = {
    "Strip": "lines",
    "TextLine": "lines",
    "find_lines": "lines",
    "straighten": "lines",
}
_MODULES = ("lines", "reading_order")

__getattr__, __dir__, __all__ = attach(__name__, _EXPORTS, _MODULES)

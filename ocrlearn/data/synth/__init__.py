"""Generators of printed text with exact labels: seeded, and made without any download.

:func:`render_line` and :func:`render_page` make images with everything that is known about them
(:class:`Rendered`). Below them, from the inside out:

- :mod:`~ocrlearn.data.synth.fonts`: which fonts there are, and what each can be trusted to print;
- :mod:`~ocrlearn.data.synth.texts`: English to print;
- :mod:`~ocrlearn.data.synth.glyphs`: widths, kerning and pixels of one character;
- :mod:`~ocrlearn.data.synth.sheet`: characters, words and lines on flat paper, and their places;
- :mod:`~ocrlearn.data.synth.degrade`: what ink, paper, light, lens, sensor and files do to print;
- :mod:`~ocrlearn.data.synth.looks`: chains of these that make clean, scanned and photographed
  images.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ocrlearn.data.synth.fonts import Font, find_fonts
    from ocrlearn.data.synth.lines import render_line
    from ocrlearn.data.synth.pages import PageStyle, render_page
    from ocrlearn.data.synth.sheet import Rendered

__all__ = ["Font", "PageStyle", "Rendered", "find_fonts", "render_line", "render_page"]

# Loaded on first use: fonts and text take a moment that `import ocrlearn.data` should not cost.
_HOMES = {
    "Font": "fonts",
    "PageStyle": "pages",
    "Rendered": "sheet",
    "find_fonts": "fonts",
    "render_line": "lines",
    "render_page": "pages",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""Networks, and the operations they need; torch enters the library here."""

from ocrlearn._lazy import attach

_MODULES = ("ops", "stream", "word_batch")

__getattr__, __dir__, __all__ = attach(__name__, {}, _MODULES)

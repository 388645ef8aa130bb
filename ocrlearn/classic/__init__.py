"""Reading without networks; each part is loaded when it is first used."""

from ocrlearn._lazy import attach

_EXPORTS = {
    "ClassicalReader": "reader",
    "LinearClassifier": "classifier",
    "Matches": "template",
    "ReaderConfig": "reader",
    "fit_logistic_regression": "classifier",
    "match_template": "template",
    "normalized_cross_correlation": "template",
}
_MODULES = ("classifier", "features", "hog", "language", "oversegment", "reader", "template")

__getattr__, __dir__, __all__ = attach(__name__, _EXPORTS, _MODULES)

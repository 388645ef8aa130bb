"""Images: reading, rectifying, cleaning and binarising them; each part loads when it is used.

>>> from ocrlearn.image import binarize, read
>>> ink = binarize(read("page.jpg", mode="gray"))  # doctest: +SKIP

Some functions bear the name of the module they live in. ``ocrlearn.image.read`` is always the
function; other names of such a module are imported from it by its full name, as in
``from ocrlearn.image.read import MAX_PIXELS``.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ocrlearn._lazy import attach

if TYPE_CHECKING:  # for type checkers, which cannot see that these are not the modules
    from ocrlearn.image.binarize import binarize as binarize
    from ocrlearn.image.deskew import deskew as deskew
    from ocrlearn.image.dewarp import dewarp as dewarp
    from ocrlearn.image.read import read as read
    from ocrlearn.image.rectify import rectify as rectify
    from ocrlearn.image.undistort import undistort as undistort

_EXPORTS = {
    "Calibration": "undistort",
    "ImageReadError": "read",
    "binarize": "binarize",
    "calibrate_from_lines": "undistort",
    "clahe": "enhance",
    "clean_binarize": "binarize",
    "defocus_psf": "deblur",
    "deskew": "deskew",
    "dewarp": "dewarp",
    "distort": "undistort",
    "divide_background": "enhance",
    "equalize_histogram": "enhance",
    "estimate_aspect": "rectify",
    "estimate_background": "enhance",
    "find_curl": "dewarp",
    "find_orientation": "orientation",
    "find_sheet": "sheet",
    "find_page_quad": "rectify",
    "find_skew": "deskew",
    "find_text_lines": "dewarp",
    "gaussian_psf": "deblur",
    "homography": "rectify",
    "inverse_filter": "deblur",
    "motion_psf": "deblur",
    "multi_scale_retinex": "enhance",
    "niblack_threshold": "binarize",
    "otsu_threshold": "binarize",
    "read": "read",
    "read_pages": "read",
    "rectify": "rectify",
    "richardson_lucy": "deblur",
    "rotate": "rectify",
    "rotation": "rectify",
    "sauvola_threshold": "binarize",
    "single_scale_retinex": "enhance",
    "stroke_width": "binarize",
    "to_float": "convert",
    "to_gray": "convert",
    "to_uint8": "convert",
    "turn_upright": "orientation",
    "undistort": "undistort",
    "warp": "rectify",
    "wiener": "deblur",
    "wolf_threshold": "binarize",
    "write": "read",
}
_MODULES = ("convert", "deblur", "enhance", "orientation")

__getattr__, __dir__, __all__ = attach(__name__, _EXPORTS, _MODULES)


class _Package(ModuleType):
    """A package whose functions are not replaced by submodules of the same name.

    Importing ``ocrlearn.image.read`` makes the import system set the attribute ``read`` of this
    package to the module, whatever was there; that is the one assignment refused here.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _EXPORTS and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

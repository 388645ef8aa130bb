"""What happens to print on its way into an image file, one small function per cause.

Printing, paper, light, lens, sensor and file format each leave their own trace, and a reader that
never met a trace in training stumbles over it. Every function here models one cause, takes that
cause's physical quantity (a radius in pixels, an angle in radians, a number of photons) and says in
its docstring what it means, so that a degraded picture can be explained and repeated.

*Photometric* functions change values and not places. They accept any image of the library, ``(H,
W)`` or ``(H, W, 3)``, uint8 or float in [0, 1], and return a float32 image of the same shape in
[0, 1], so that a chain of them rounds only once, at the end (:func:`ocrlearn.image.to_uint8`).
Values are taken as proportional to light; the tone curve of a camera is not modelled.

*Geometric* functions move places. They return the new image **and** the :class:`PointMap` that
carries points of the old image to the new one, the very map by which the pixels were moved, so that
labels stay exact.

Nothing is random unless a ``numpy.random.Generator`` is passed in; the same generator state gives
the same image.
"""

from ocrlearn.data.synth.degrade.distort import elastic, elastic_map
from ocrlearn.data.synth.degrade.folds import Crease, crease_wear, fold, fold_light, fold_map
from ocrlearn.data.synth.degrade.geometry import (
    PointMap,
    curl,
    curl_map,
    move,
    perspective,
    perspective_map,
    rotate,
    scale_map,
)
from ocrlearn.data.synth.degrade.lens import (
    defocus_blur,
    downsample,
    gaussian_blur,
    low_resolution,
    motion_blur,
)
from ocrlearn.data.synth.degrade.light import light_ramp, shadow, vignette
from ocrlearn.data.synth.degrade.printing import bleed_through, ink_spread, paper_texture, specks
from ocrlearn.data.synth.degrade.sensor import jpeg, sensor_noise, threshold_scan

__all__ = [
    "Crease",
    "PointMap",
    "bleed_through",
    "crease_wear",
    "curl",
    "curl_map",
    "defocus_blur",
    "downsample",
    "elastic",
    "elastic_map",
    "fold",
    "fold_light",
    "fold_map",
    "gaussian_blur",
    "ink_spread",
    "jpeg",
    "light_ramp",
    "low_resolution",
    "motion_blur",
    "move",
    "paper_texture",
    "perspective",
    "perspective_map",
    "rotate",
    "scale_map",
    "sensor_noise",
    "shadow",
    "specks",
    "threshold_scan",
    "vignette",
]

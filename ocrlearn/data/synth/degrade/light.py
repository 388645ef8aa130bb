"""Light that falls unevenly: from one side, through a lens, past an obstacle."""

from typing import Any

import numpy as np
from scipy import special

from ocrlearn._validate import check_number
from ocrlearn.data.synth.degrade._common import FloatImage, times, unit_square, working_copy

__all__ = ["light_ramp", "shadow", "vignette"]


def light_ramp(image: Any, strength: float, *, angle: float = 0.0) -> FloatImage:
    """Light that falls off evenly from one side of the page to the other.

    Parameters
    ----------
    image
        Any image.
    strength
        Share of the light missing at the dark end, in [0, 1]; the bright end keeps its values.
    angle
        Direction in which it gets darker, in radians: 0 to the right, pi/2 to the top.
    """
    check_number(strength, "strength", low=0, high=1)
    check_number(angle, "angle")
    paper = working_copy(image)
    x, y = unit_square(paper.shape)
    along = x * np.cos(angle) - y * np.sin(angle)
    span = float(np.ptp(along)) or 1.0
    return times(paper, 1 - strength * (along - along.min()) / span)


def vignette(
    image: Any, field_angle: float, *, centre: tuple[float, float] = (0.0, 0.0)
) -> FloatImage:
    """Natural vignetting: a lens lights its image by the fourth power of the cosine.

    Parameters
    ----------
    image
        Any image.
    field_angle
        Angle in radians between the optical axis and the ray to the middle of the longer side; the
        light there is ``cos(field_angle) ** 4`` of the light on the axis. In [0, pi/2).
    centre
        Where the axis meets the picture, in units of half the longer side from the middle.
    """
    check_number(field_angle, "field_angle", low=0, high=1.55)
    paper = working_copy(image)
    x, y = unit_square(paper.shape)
    tangent = np.tan(field_angle) * np.hypot(x - centre[0], y - centre[1])
    return times(paper, 1 / (1 + tangent**2) ** 2)


def shadow(
    image: Any,
    *,
    darkness: float = 0.5,
    angle: float = 0.5,
    offset: float = 0.0,
    softness: float = 0.1,
) -> FloatImage:
    """Throw the shadow of a straight edge, such as a hand or a phone, over one side.

    Parameters
    ----------
    image
        Any image.
    darkness
        Share of the light that is missing in the full shadow, in [0, 1].
    angle
        Direction from the lit into the shaded side, in radians, counter-clockwise from right.
    offset
        Signed distance of the edge from the middle, in that direction, in units of half the longer
        side.
    softness
        Width of the half-shadow (standard deviation), in the same unit: zero for a point light.
    """
    check_number(darkness, "darkness", low=0, high=1)
    check_number(angle, "angle")
    check_number(offset, "offset")
    check_number(softness, "softness", low=0)
    paper = working_copy(image)
    x, y = unit_square(paper.shape)
    inside = x * np.cos(angle) - y * np.sin(angle) - offset
    covered = special.ndtr(inside / softness) if softness else inside > 0
    return times(paper, 1 - darkness * covered)

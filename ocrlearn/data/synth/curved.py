"""Text that does not run straight: round the edge of a seal, over a door, along a waving banner.

A line is set on a flat sheet and the sheet is bent, the way letters are painted along an arch. The
bend is a :class:`~ocrlearn.data.synth.degrade.PointMap`, so pixels and labels go through one map.
The outline of a bent word is a polygon of 2 x N points, N along the top and N along the bottom,
as many as its bend asks for; Total-Text has such polygons (Ch'ng and Chan, "Total-Text: A
Comprehensive Dataset for Scene Text Detection and Recognition", ICDAR 2017).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ocrlearn._validate import check_number
from ocrlearn.data.synth.degrade import PointMap

__all__ = ["arc_map", "bent_outline", "sine_map"]

Points = NDArray[np.float64]


def arc_map(shape: tuple[int, int], angle: float) -> PointMap:
    """Return the map that bends a sheet into a ring segment, its mid-line into an arc.

    The mid-line keeps its length L and its middle point; what is above it is stretched and what is
    below compressed where the arc is an arch, by as much as their radii differ.

    Parameters
    ----------
    shape
        ``(height, width)`` of the flat sheet in pixels.
    angle
        How far the direction of reading turns along the sheet, in radians, clockwise: pi makes an
        arch over a door, -pi a smile. The radius is ``width / angle``. Not zero, at most 2 pi
        either way.

    Raises
    ------
    ValueError
        If the bend is so tight that the inner edge of the sheet would pass the centre.
    """
    check_number(angle, "angle", low=-2 * np.pi, high=2 * np.pi)
    if angle == 0:
        raise ValueError("angle must not be 0: a flat sheet needs no map")
    height, width = shape
    radius = width / angle  # signed: an arch has its centre below, where y is greater
    if abs(radius) <= height / 2:
        raise ValueError(
            f"a sheet of {height} x {width} pixels cannot be bent by {angle:.2f} radians: its "
            f"height must be less than {2 * abs(radius):.0f}"
        )
    x0, y0 = (width - 1) / 2, (height - 1) / 2
    side = np.sign(radius)

    def forward(points: Points) -> Points:
        turned = (points[:, 0] - x0) / radius
        distance = radius - (points[:, 1] - y0)
        x = x0 + distance * np.sin(turned)
        return np.column_stack([x, y0 + radius - distance * np.cos(turned)])

    def inverse(points: Points) -> Points:
        right, up = side * (points[:, 0] - x0), side * (y0 + radius - points[:, 1])
        distance = side * np.hypot(right, up)
        x = x0 + radius * np.arctan2(right, up)
        return np.column_stack([x, y0 + radius - distance])

    return PointMap(forward, inverse)


def sine_map(
    shape: tuple[int, int], *, amplitude: float, wavelength: float, phase: float = 0.0
) -> PointMap:
    """Return the map that makes the lines of a sheet run in waves.

    Every column is moved down by ``amplitude * sin(2 pi (x - x0) / wavelength + phase)``, x0 being
    the middle of the sheet: letters stay upright, as on a flag.

    Parameters
    ----------
    shape
        ``(height, width)`` of the flat sheet in pixels.
    amplitude, wavelength
        In pixels of the sheet.
    phase
        Of the wave in the middle of the sheet, in radians.
    """
    check_number(amplitude, "amplitude")
    check_number(wavelength, "wavelength", low=0, low_open=True)
    check_number(phase, "phase")
    middle = (shape[1] - 1) / 2

    def drop(x: Points) -> Points:
        return amplitude * np.sin(2 * np.pi * (x - middle) / wavelength + phase)

    return PointMap(
        forward=lambda points: points + [0, 1] * drop(points[:, :1]),
        inverse=lambda points: points - [0, 1] * drop(points[:, :1]),
    )


def bent_outline(
    quad: ArrayLike, point_map: PointMap, *, tolerance: float = 0.02
) -> NDArray[np.float32]:
    """Carry an upright box on the flat sheet to where `point_map` bends it.

    Parameters
    ----------
    quad
        ``(4, 2)`` corners on the sheet, clockwise from the text's top-left.
    point_map
        From the sheet to the image.
    tolerance
        How far the polygon's sides may lie from the true curve, as a share of the box's height in
        the image. They may where it takes more than 65 points a side to come nearer.

    Returns
    -------
    polygon
        ``(2 N, 2)`` float32: N points along the top in reading direction, and N back along the
        bottom; N is 3, 5, 9, 17, 33 or 65, the least that meets the tolerance.
    """
    check_number(tolerance, "tolerance", low=0, low_open=True)
    top_left, top_right, bottom_right, bottom_left = np.asarray(quad, np.float64)
    share: Any = np.linspace(0, 1, 129)[:, None]
    top = point_map(top_left + share * (top_right - top_left))
    bottom = point_map(bottom_left + share * (bottom_right - bottom_left))
    height = float(np.linalg.norm(bottom - top, axis=1).mean())
    step = 64
    while step > 2 and max(_sag(top, step), _sag(bottom, step)) > tolerance * height:
        step //= 2
    return np.concatenate([top[::step], bottom[::-step]]).astype(np.float32)


def _sag(curve: Points, step: int) -> float:
    """Return how far the middles between every `step`-th point lie from their chords."""
    ends, middles = curve[::step], curve[step // 2 :: step]
    chord = np.diff(ends, axis=0)
    away = middles - ends[:-1]
    across = chord[:, 0] * away[:, 1] - chord[:, 1] * away[:, 0]
    return float((np.abs(across) / np.linalg.norm(chord, axis=1)).max())

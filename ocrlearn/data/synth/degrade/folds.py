"""A sheet that was folded and laid flat again: its creases bend, shade and wear the print.

A crease is described once (:class:`Crease`); three functions say what it does. :func:`crease_wear`
takes ink off the flat sheet, :func:`fold_light` gives the light of the panels between the creases,
:func:`fold` moves the places.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, special

from ocrlearn._validate import check_choice, check_image, check_number
from ocrlearn.data.synth.degrade._common import (
    FloatImage,
    Points,
    smooth_noise,
    times,
    working_copy,
)
from ocrlearn.data.synth.degrade.geometry import PointMap, move

__all__ = ["Crease", "crease_wear", "fold", "fold_light", "fold_map"]

_STEEPEST = 0.7  # radians; at pi/4 a panel is looked at along its surface


@dataclass(frozen=True)
class Crease:
    """One straight crease from edge to edge of a sheet.

    Attributes
    ----------
    direction
        "horizontal" or "vertical".
    position
        Where it crosses the sheet, as a share of the height (horizontal) or width (vertical), in
        (0, 1).
    angle
        By how much the slope of the paper changes there, in radians, in [-0.5, 0.5]: positive for a
        ridge that points towards the viewer, negative for a valley.
    """

    direction: str
    position: float
    angle: float

    def __post_init__(self) -> None:
        check_choice(self.direction, "direction", ("horizontal", "vertical"))
        check_number(self.position, "position", low=0, high=1, low_open=True)
        if self.position == 1:
            raise ValueError("position must lie in (0, 1), got 1")
        check_number(self.angle, "angle", low=-0.5, high=0.5)


@dataclass(frozen=True, eq=False)
class _Profile:
    """A sheet seen from its edge: straight panels between creases.

    All in pixels, one entry per crease and one for each edge of the sheet: the place along the
    sheet, the place on the table below, and the height above the table. `slopes` are those of the
    panels, upwards in the direction of growing coordinates, in radians.
    """

    along: NDArray[np.float64]
    table: NDArray[np.float64]
    height: NDArray[np.float64]
    slopes: NDArray[np.float64]

    @property
    def length(self) -> float:
        return float(self.along[-1])


def _profile(length: float, creases: Sequence[Crease], direction: str) -> _Profile:
    """Lay panels one after another, the whole turned so that both edges lie about equally high."""
    own = sorted((c for c in creases if c.direction == direction), key=lambda c: c.position)
    along = np.array([0.0, *(c.position * length for c in own), length])
    panels = np.diff(along)
    # Past a ridge the paper goes down.
    slopes = np.concatenate([[0.0], -np.cumsum([c.angle for c in own])])
    slopes -= np.sum(slopes * panels) / length
    if np.abs(slopes).max() > _STEEPEST:
        raise ValueError(
            f"creases make a panel slope by {np.abs(slopes).max():.2f} radians; "
            f"at most {_STEEPEST} can be seen from above"
        )
    table = np.concatenate([[0.0], np.cumsum(panels * np.cos(slopes))])
    height = np.concatenate([[0.0], np.cumsum(panels * np.sin(slopes))])
    return _Profile(along, table, height, slopes)


def _interpolated(x: Points, nodes: NDArray[Any], values: NDArray[Any]) -> Points:
    """Piecewise linear through the nodes, going on with slope one beyond them."""
    beyond = np.minimum(x - nodes[0], 0) + np.maximum(x - nodes[-1], 0)
    return np.interp(x, nodes, values) + beyond


def fold_map(shape: tuple[int, int], creases: Sequence[Crease]) -> tuple[PointMap, tuple[int, int]]:
    """Return the map of a folded sheet laid on a table, and the shape that holds it.

    Between creases the paper is straight. As in :func:`curl_map` the sheet is seen from a long way
    off at 45 degrees from below: a point raised by h appears h higher, and a panel that slopes by
    an angle takes its cosine of the table. Lines of text get kinks at vertical creases and change
    their distance at horizontal ones. The map and its inverse are exact.

    Deviations: where creases of both directions cross, heights are added. A real sheet would have
    to stretch there, by a share of about the product of the two slopes; paper gives way in a small
    star of wrinkles instead.

    Parameters
    ----------
    shape
        ``(height, width)`` of the flat sheet in pixels.
    creases
        In any order; none leaves the sheet flat.

    Raises
    ------
    ValueError
        If the creases together make a panel steeper than 0.7 radians.
    """
    check_number(shape[0], "shape[0]", low=2, integer=True)
    check_number(shape[1], "shape[1]", low=2, integer=True)
    across = _profile(shape[1] - 1.0, creases, "vertical")
    down = _profile(shape[0] - 1.0, creases, "horizontal")
    seen_down = down.table - down.height  # grows, because no slope reaches 45 degrees
    top = float(across.height.max())

    def forward(points: Points) -> Points:
        x, y = points[:, 0], points[:, 1]
        lift = np.interp(x, across.along, across.height)
        seen_y = _interpolated(y, down.along, seen_down) - lift + top
        return np.column_stack([_interpolated(x, across.along, across.table), seen_y])

    def inverse(points: Points) -> Points:
        x = _interpolated(points[:, 0], across.table, across.along)
        lift = np.interp(x, across.along, across.height)
        y = _interpolated(points[:, 1] + lift - top, seen_down, down.along)
        return np.column_stack([x, y])

    seen_height = seen_down[-1] + top - float(across.height.min())
    seen_shape = (int(np.ceil(seen_height)) + 1, int(np.ceil(across.table[-1])) + 1)
    return PointMap(forward, inverse), seen_shape


def fold(
    image: Any, creases: Sequence[Crease], *, border: float | ArrayLike | str = 1.0
) -> tuple[FloatImage, PointMap]:
    """Lay a picture on the table as a folded sheet: see :func:`fold_map` and :func:`move`.

    Returns the picture and the exact map of its points. Light and wear are functions of their own,
    to be applied before: :func:`fold_light` and :func:`crease_wear`.
    """
    paper = check_image(image)
    folded, shape = fold_map((paper.shape[0], paper.shape[1]), creases)
    return move(paper, folded, shape, border=border), folded


def fold_light(
    image: Any,
    creases: Sequence[Crease],
    *,
    elevation: float = 0.9,
    azimuth: float = 2.0,
    width: float = 2.0,
    relief: float = 0.1,
) -> FloatImage:
    """Light a folded sheet from one side: panels differ, and each crease has a bright and dark rim.

    Paper scatters by Lambert's law: the light it sends back goes with the cosine between its normal
    and the direction of the lamp. The brightest panel keeps its values. Over `width` pixels on both
    sides of a crease the slope goes from one panel's to the next's, and the fibres that stand up
    along the crease itself catch more light on the side of the lamp and less on the other.

    Parameters
    ----------
    image
        The flat sheet, any image.
    creases
        As for :func:`fold_map`.
    elevation
        Of the lamp above the table, in radians, in (0, pi/2]; low lamps show folds best.
    azimuth
        Where the lamp stands, in radians, counter-clockwise from right.
    width
        Of half the crease, in pixels.
    relief
        Most that the standing fibres add to or take from the light, as a share of it, in [0, 1].
    """
    check_number(elevation, "elevation", low=0, high=np.pi / 2, low_open=True)
    check_number(azimuth, "azimuth")
    check_number(width, "width", low=0, low_open=True)
    check_number(relief, "relief", low=0, high=1)
    paper = working_copy(image)
    height, breadth = paper.shape[:2]
    to_lamp = np.cos(elevation) * np.array([np.cos(azimuth), -np.sin(azimuth)])  # x, y of the image
    slope_x, rim_x = _slope_and_rim(breadth, creases, "vertical", width)
    slope_y, rim_y = _slope_and_rim(height, creases, "horizontal", width)
    x, y = np.tan(slope_x)[None, :], np.tan(slope_y)[:, None]
    cosine = (np.sin(elevation) - x * to_lamp[0] - y * to_lamp[1]) / np.sqrt(1 + x**2 + y**2)
    cosine = np.maximum(cosine, 0)
    rim = rim_x[None, :] * np.sign(to_lamp[0]) + rim_y[:, None] * np.sign(to_lamp[1])
    return times(paper, cosine / max(float(cosine.max()), 1e-6) * (1 + relief * rim))


def _slope_and_rim(
    size: int, creases: Sequence[Crease], direction: str, width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope at every pixel of one axis, and an odd bump of height 1 at each crease of a ridge."""
    profile = _profile(max(size - 1.0, 1.0), creases, direction)
    place = np.arange(size, dtype=np.float64)
    panel = np.searchsorted(profile.along[1:-1], place, side="right")
    slope = ndimage.gaussian_filter1d(profile.slopes[panel], width, mode="nearest")
    rim = np.zeros(size)
    for crease in creases:
        if crease.direction == direction:
            distance = (place - crease.position * profile.length) / width
            rim += np.sign(crease.angle) * distance * np.exp(0.5 - 0.5 * distance**2)
    return slope, np.clip(rim, -1, 1)


def crease_wear(
    image: Any,
    creases: Sequence[Crease],
    rng: np.random.Generator,
    *,
    width: float = 1.5,
    loss: float = 0.5,
) -> FloatImage:
    """Break the ink along creases: where fibres snap, toner falls off and white paper shows.

    What is left of the ink at distance d from a crease is one where smooth noise of the fibres
    exceeds a threshold that falls with d; a strand of ink crossing the crease is broken here and
    whole there.

    Parameters
    ----------
    image
        Dark ink on white paper, flat.
    creases
        As for :func:`fold_map`; their angles do not matter.
    rng
        Source of the broken fibres.
    width
        Standard deviation of the distance at which ink is lost, in pixels.
    loss
        Share of the ink lost on the crease itself, in [0, 1].
    """
    check_number(width, "width", low=0, low_open=True)
    check_number(loss, "loss", low=0, high=1)
    paper = working_copy(image)
    height, breadth = paper.shape[:2]
    lost = np.zeros((height, breadth), np.float32)
    for crease in creases:
        upright = crease.direction == "vertical"
        length, size = (height, breadth) if upright else (breadth, height)
        place = np.arange(size, dtype=np.float32)[None, :]
        # No crease is a ruled line: it wanders by about its width.
        wander = width * smooth_noise((length, 1), rng, 12.0)
        distance = (place - crease.position * (size - 1) - wander) / width
        share = loss * np.exp(-0.5 * distance**2)
        near = np.flatnonzero(share.max(axis=0) > 1e-3)
        if len(near) == 0:
            continue
        band = np.s_[int(near[0]) : int(near[-1]) + 1]
        fibres = smooth_noise((length, len(place[0, band])), rng, 0.8)
        # The noise made uniform: a share `share` of the fibres snaps.
        gone = np.clip((share[:, band] - special.ndtr(fibres)) * 4 + 0.5, 0, 1)
        if upright:
            np.maximum(lost[:, band], gone, out=lost[:, band])
        else:
            np.maximum(lost[band], gone.T, out=lost[band])
    ink = (1 - paper) * (1 - lost if paper.ndim == 2 else (1 - lost)[..., None])
    return np.clip(1 - ink, 0, 1).astype(np.float32)

"""Flatten a curled page with a model of the sheet and the camera.

The displacement field of :mod:`ocrlearn.image.dewarp` supposes nothing but smoothness. This module
supposes that it knows what it looks at: a sheet of paper bent about one axis, so that its height
above the table is a cubic of the place across the page,

    z(u) = w (a (u / w)^2 + b (u / w)^3),

seen by a pinhole camera whose optical axis meets the middle of the picture. Five numbers describe
everything: three angles by which the sheet is turned, and the bends a and b (w is a unit of length,
the longer side of the picture). The place and size of the sheet need no numbers. Moving it along
its rulings only renames the lines; moving it across them changes z by a slope and a constant, which
are angles and a distance again; and the distance sets the scale, which no picture tells.

Every point of the picture lies on a ray, the ray meets the sheet in one point (u, v), and all
points of a baseline must have the same v. The five numbers, and one v for the baseline and one for
the tops of each line, are chosen so that the lines, drawn on the sheet and looked at through the
camera, fall on the ink: the sum of squared distances in the picture, the *reprojection error*, is
minimised, again and again without the points that disagree.

A model that knows more can say more. The sheet is unrolled by arc length, so letters squeezed by
the slope of the page get their width back, and where lines converge because the page recedes, the
letters are made equally large. And a model can be wrong: a cropped picture, an unknown lens or a
sheet that is no cubic break its suppositions, where the displacement field is at ease. What no
method sees that looks at lines of text alone is a flat page tipped straight away from the camera:
its lines stay level and parallel, and only its margins converge.

References
----------
H. Cao, X. Ding and C. Liu, "A Cylindrical Surface Model to Rectify the Bound Document Image",
ICCV 2003. J. Liang, D. DeMenthon and D. Doermann, "Geometric Rectification of Camera-Captured
Document Images", IEEE TPAMI 30(4), 2008. M. Zucker, "Page dewarping",
https://mzucker.github.io/2016/08/15/page-dewarping.html, 2016, where the cubic sheet comes from.

Deviations from the references: Zucker optimises rotation, translation, two slopes, and a place on
its line for every point. Here the translation is left out for the reasons above, and the points'
places follow from their rays, so that five numbers and the lines' levels remain; and the sheet is
unrolled by arc length.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.sparse import lil_matrix
from scipy.spatial.transform import Rotation as SpatialRotation

from ocrlearn._validate import check_image, check_number
from ocrlearn.image.deskew import ink_weights
from ocrlearn.image.dewarp import (
    TextLine,
    every_fourth,
    fetch_page,
    find_text_lines,
    stretch,
    tukey,
)

__all__ = ["Sheet", "find_sheet"]

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A bent sheet before a camera, and the way between its picture and the flat page.

    Found by :func:`find_sheet`. Points are (x, y) in pixels.

    Attributes
    ----------
    shape
        ``(height, width)`` of the picture.
    focal_length
        Of the camera, in pixels.
    turn
        ``(3,)`` rotation vector of the sheet, in radians; zero if it faces the camera.
    bend
        The numbers a and b of the sheet's cubic.
    lines
        The lines of text that the sheet was fitted to, in the picture.
    flat_shape
        ``(height, width)`` of the flattened page. It holds all of the picture, but for what lies
        further from the text than half the text's size.
    """

    shape: tuple[int, int]
    focal_length: float
    turn: NDArray[np.float64]
    bend: tuple[float, float]
    lines: Sequence[TextLine] = ()
    flat_shape: tuple[int, int] = (1, 1)
    _origin: tuple[float, float] = (0.0, 0.0)

    def height_and_slope(
        self, u: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Height of the sheet above its tangent plane at u = 0, and its slope."""
        unit = max(self.shape)
        across = u / unit
        a, b = self.bend
        return unit * (a * across**2 + b * across**3), 2 * a * across + 3 * b * across**2

    def project(self, sheet_points: Points) -> Points:
        """See ``(N, 2)`` points (u, v) of the sheet through the camera: pixels."""
        height, _ = self.height_and_slope(sheet_points[:, 0])
        in_space = np.column_stack([sheet_points, height]) @ self._matrix.T
        depth = in_space[:, 2:] + self.focal_length
        return in_space[:, :2] / depth * self.focal_length + self._centre

    def lift(self, pixels: Points) -> Points:
        """Follow the rays of ``(N, 2)`` pixels to the sheet: points (u, v), by Newton's method."""
        rays = np.column_stack([(pixels - self._centre) / self.focal_length, np.ones(len(pixels))])
        direction = rays @ self._matrix  # in the sheet's own axes, as is the camera
        camera = -self.focal_length * self._matrix[2]
        way = -camera[2] / direction[:, 2]  # to the tangent plane
        for _ in range(10):
            height, slope = self.height_and_slope(camera[0] + way * direction[:, 0])
            above = camera[2] + way * direction[:, 2] - height
            closing = direction[:, 2] - slope * direction[:, 0]
            way = way - above / np.where(np.abs(closing) > 1e-3, closing, 1e-3)
        return camera[:2] + way[:, None] * direction[:, :2]

    def to_flat(self, points: ArrayLike) -> Points:
        """Map ``(..., 2)`` points of the picture to the flattened page."""
        array = np.asarray(points, dtype=np.float64)
        u, v = self.lift(array.reshape(-1, 2)).T
        along, arc = self._arc_length
        return (np.stack([np.interp(u, along, arc), v], -1) - self._origin).reshape(array.shape)

    def to_source(self, points: ArrayLike) -> Points:
        """Map ``(..., 2)`` points of the flattened page to the picture, as boxes found on it."""
        array = np.asarray(points, dtype=np.float64)
        s, v = (array.reshape(-1, 2) + self._origin).T
        along, arc = self._arc_length
        return self.project(np.stack([np.interp(s, arc, along), v], -1)).reshape(array.shape)

    def source_map(self) -> NDArray[np.float32]:
        """Return where each pixel of the flattened page lies, ``(height, width, 2)``, for `warp`.

        Computed at every fourth pixel and interpolated between.
        """
        height, width = self.flat_shape
        grid = np.stack(np.meshgrid(every_fourth(width), every_fourth(height)), axis=-1)
        coarse = self.to_source(grid).astype(np.float32)
        return stretch(stretch(coarse, width, 1), height, 0)

    def flatten(self, image: Any, *, interpolation: str = "bicubic") -> NDArray[Any]:
        """Fetch the flattened page from `image`, which has the shape the sheet was found on.

        Whatever lies outside the picture gets the shade of the nearest blank paper.
        """
        return fetch_page(image, self.shape, self.source_map(), interpolation)

    @property
    def _matrix(self) -> NDArray[np.float64]:
        return SpatialRotation.from_rotvec(self.turn).as_matrix()

    @property
    def _centre(self) -> NDArray[np.float64]:
        return (np.array(self.shape[::-1]) - 1) / 2

    @property
    def _arc_length(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Table of u and the length of paper from 0 to u, about a pixel apart."""
        along = np.linspace(-2, 2, 4 * max(self.shape) + 1) * max(self.shape)
        _, slope = self.height_and_slope((along[1:] + along[:-1]) / 2)
        arc = np.concatenate([[0], np.cumsum(np.diff(along) * np.hypot(1, slope))])
        return along, arc - np.interp(0, along, arc)


def find_sheet(image: Any, *, focal_length: float | None = None) -> Sheet:
    """Find out how a page is bent and how it lies before the camera, from its lines of text.

    Parameters
    ----------
    image
        An uncropped photograph of a page, ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1],
        ink darker than paper; or an ink mask (bool, True = ink).
    focal_length
        Of the camera in pixels. By default 0.8 times the longer side of the picture, about that of
        a telephone's main camera.

    Returns
    -------
    Sheet
        Its :meth:`~Sheet.flatten` gives the flattened page, :meth:`~Sheet.to_source` carries points
        back. With fewer than two lines of text, flat and frontal.
    """
    array = check_image(image)
    shape = (array.shape[0], array.shape[1])
    if focal_length is None:
        focal_length = 0.8 * max(shape)
    check_number(focal_length, "focal_length", low=0, low_open=True)
    lines = find_text_lines(ink_weights(array) > 0.1)
    sheet = Sheet(shape, float(focal_length), np.zeros(3), (0.0, 0.0), lines)
    if len(lines) >= 2:
        fitted = _framed(_fit(sheet, lines))
        if max(fitted.flat_shape) <= 4 * max(shape):  # else no page explains these lines
            return fitted
    return _framed(sheet)


def _fit(sheet: Sheet, lines: Sequence[TextLine]) -> Sheet:
    """Minimise the reprojection error of the lines' baselines and tops."""
    edges = [edge for line in lines for edge in (line.baseline, line.top)]
    pixels = np.concatenate(edges)
    edge_of = np.repeat(np.arange(len(edges)), [len(edge) for edge in edges])
    height = np.repeat([line.height for line in lines for _ in range(2)], [len(e) for e in edges])
    every = max(1, len(pixels) // 1000)  # more points say no more about five numbers
    pixels, edge_of, height = pixels[::every], edge_of[::every], height[::every]

    def with_numbers(numbers: NDArray[np.float64]) -> Sheet:
        return replace(sheet, turn=numbers[:3], bend=(float(numbers[3]), float(numbers[4])))

    def errors(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height in letters of each point above its line's curve in the picture; then the prior."""
        bent = with_numbers(numbers)
        across = bent.lift(pixels)[:, 0]
        on_line = bent.project(np.stack([across, numbers[5:][edge_of]], axis=-1))
        error = root_weight * (on_line[:, 1] - pixels[:, 1]) / height
        return np.concatenate([error, prior * numbers[:5]])

    # Each point depends on the five numbers and on its own line's level.
    sparsity = lil_matrix((len(pixels) + 5, 5 + len(edges)), dtype=np.int8)
    sparsity[:, :5] = 1
    sparsity[np.arange(len(pixels)), 5 + edge_of] = 1
    # What the lines leave open is taken to be small: 0.5 radians weigh as all points off by 0.01.
    prior = 0.02 * np.sqrt(len(pixels))
    levels = [np.median(edge[:, 1]) - (sheet.shape[0] - 1) / 2 for edge in edges]
    numbers = np.concatenate([np.zeros(5), levels])
    root_weight = np.ones(len(pixels))
    for width in (1.0, 0.3, 0.3):
        solution = least_squares(
            errors, numbers, jac_sparsity=sparsity, x_scale="jac", max_nfev=40, ftol=1e-6
        )
        numbers = solution.x
        root_weight = np.ones(len(pixels))
        root_weight = np.sqrt(tukey(errors(numbers)[: len(pixels)], width))
    return with_numbers(numbers)


def _framed(sheet: Sheet) -> Sheet:
    """Choose origin and shape of the flat page.

    All of the picture is on it, but nothing further from the text than half the text's own size:
    towards the horizon of a tilted sheet, one pixel of the picture covers any amount of it.
    """
    x, y = every_fourth(sheet.shape[1]), every_fourth(sheet.shape[0])
    right, bottom = np.full_like(y, sheet.shape[1] - 1), np.full_like(x, sheet.shape[0] - 1)
    sides = [(x, 0 * x), (x, bottom), (0 * y, y), (right, y)]
    border = sheet.to_flat(np.concatenate([np.stack(side, axis=-1) for side in sides]))
    low, high = border.min(axis=0), border.max(axis=0)
    if sheet.lines:
        edges = [edge for line in sheet.lines for edge in (line.baseline, line.top)]
        text = sheet.to_flat(np.concatenate(edges))
        margin = np.ptp(text, axis=0) / 2
        low = np.maximum(low, text.min(axis=0) - margin)
        high = np.minimum(high, text.max(axis=0) + margin)
    width, height = (int(size) + 1 for size in np.ceil(high - low - 1e-6))
    return replace(sheet, flat_shape=(height, width), _origin=(float(low[0]), float(low[1])))

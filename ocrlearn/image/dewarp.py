"""Flatten a curled page: follow its lines of text, and find what makes all of them straight.

A page of an open book is no plane, so no homography straightens it. But its lines of text were
straight and level when it was printed, and that is enough to undo what bent them. In three steps:

1. :func:`find_text_lines` chains the connected components of ink into lines, and samples each
   line's *baseline*, on which the letters stand, and their tops.
2. A smooth *displacement field* f(x, y) says by how much the page must be moved down at each point.
   It is chosen so that ``y + f(x, y)`` is one constant along every baseline, and another along the
   tops of every line. Letters that hang below or stand out above their line disagree with the rest,
   so the fit is a robust one. All lines are fitted together: a short line, or a gap between two
   paragraphs, is guided by the lines around it.
3. Each pixel of the flat page is fetched from where the field says that it lies.

Why move pixels up and down only? A book page is curved about the direction of its spine, and seen
from above or below, the straight lines across its text, parallel to the spine, stay straight in the
picture while the lines of text become arches. Letters therefore keep their upright strokes and are
*sheared* along the arch, which moving them up and down undoes. Turning them with the baseline would
tilt the strokes. A page that lies askew is another matter: all of it is turned, strokes and lines
alike. The turn is taken to be the median slope of the lines and undone before the rest.

What the field cannot see is how the page's slope squeezes letters sideways; near a steep fold they
stay narrower than they were printed. :mod:`ocrlearn.image.sheet` can, at the price of knowing the
camera.

Flattening by text lines has been done with many models: A. Ulges, C. Lampert and T. Breuel,
"Document Image Dewarping using Robust Estimation of Curled Text Lines", ICDAR 2005, rectify each
cell between robustly fitted baselines; B. S. Kim, H. I. Koo and N. I. Cho, "Document dewarping via
text-line based optimization", Pattern Recognition 48(11), 2015, fit a cylinder and a camera to
points on the lines. The field used here is a tensor product of B-splines with a penalty on its
bending, after P. Eilers and B. Marx, "Flexible Smoothing with B-splines and Penalties", Statistical
Science 11(2), 1996, and supposes nothing about the camera, so that cropped pictures do as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline

from ocrlearn._validate import check_image, check_number
from ocrlearn.geometry import transform_points
from ocrlearn.image.deskew import find_skew, ink_weights
from ocrlearn.image.enhance import estimate_background
from ocrlearn.image.rectify import Rotation, rotation, warp
from ocrlearn.ops.components import connected_components_with_stats

__all__ = [
    "Curl",
    "TextLine",
    "baseline_deviation",
    "dewarp",
    "find_curl",
    "find_text_lines",
    "robust_cubic",
]

Points = NDArray[np.float64]

# ---------------------------------------------------------------------------------------------
# Lines of text


@dataclass(frozen=True, eq=False)
class TextLine:
    """Samples along one line of text, from left to right, about two for each letter.

    Attributes
    ----------
    baseline
        ``(N, 2)`` float64 (x, y) of the lowest ink; most of it stands on the baseline, some hangs
        below (g, p, commas) or ends above it.
    top
        ``(N, 2)`` float64 (x, y) of the highest ink; mostly the height of an x.
    height
        Median height of the line's components in pixels.
    """

    baseline: Points
    top: Points
    height: float


def find_text_lines(ink: Any, *, angle: float = 0.0) -> list[TextLine]:
    """Chain the components of an ink mask into lines of text, however they bend.

    A component's right neighbour is the nearest one that begins to its right, at most two and a
    half letter heights away, is of comparable size, and shares at least half of the smaller one's
    height. The closest pairs are linked first, each component once on either side, and a chain at
    least six letters long is a line. Shorter ones are left out: they say little and are often no
    text at all.

    Parameters
    ----------
    ink
        ``(H, W)`` bool, True = ink.
    angle
        How the lines run, roughly, in radians, positive where they climb to the right. Lines that
        climb or fall by some five degrees more are found as well.

    Returns
    -------
    list of TextLine
        From top to bottom by where they begin; empty for a page without text.
    """
    mask = check_image(ink, "ink", gray=True)
    if mask.dtype != np.bool_:
        raise TypeError(f"ink must be bool, True where there is ink, got dtype {mask.dtype}")
    labels, stats = connected_components_with_stats(mask)
    letters = np.flatnonzero(_letter_sized(stats.width, stats.height, stats.area)[1:]) + 1
    letters = letters[np.argsort(stats.left[letters], kind="stable")]
    left, top = stats.left[letters], stats.top[letters]
    boxes = np.stack([left, top, left + stats.width[letters], top + stats.height[letters]], axis=1)
    levelled = boxes.astype(np.float64)
    levelled[:, 1::2] += np.tan(angle) * levelled[:, ::2].mean(axis=1, keepdims=True)

    lines = []
    for chain in _chains(_right_neighbours(levelled)):
        height = float(np.median(boxes[chain, 3] - boxes[chain, 1]))
        if boxes[chain[-1], 2] - boxes[chain[0], 0] >= 6 * height:
            samples = [_edges_of(labels, letters[i], boxes[i], height) for i in chain]
            x, highest, lowest = np.concatenate(samples).T
            lines.append(TextLine(np.stack([x, lowest], 1), np.stack([x, highest], 1), height))
    return sorted(lines, key=lambda line: line.baseline[0, 1])


def _letter_sized(
    width: NDArray[np.int32], height: NDArray[np.int32], area: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mark components that may be letters or words: 0.6 to 4 times as high as is typical.

    Commas and hyphens, which lie below or above the middle of the line, would break a chain. The
    typical height is a median in which a component weighs as the root of its area, so that neither
    a thousand specks nor one large blot decide. Label 0, the background, does not count.
    """
    weight = np.sqrt(area)
    weight[0] = 0
    order = np.argsort(height)
    total = np.cumsum(weight[order])
    typical = height[order][np.searchsorted(total, total[-1] / 2)]
    return (height >= max(4.0, 0.6 * typical)) & (height <= 4 * typical) & (width <= 50 * typical)


def _right_neighbours(boxes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of the box to which each is linked on its right, or -1; `boxes` are sorted by left.

    All pairs that fit are taken from the closest to the furthest, and linked if both are free.
    """
    left, top, right, bottom = boxes.T
    height = bottom - top
    last = np.searchsorted(left, right + 2.5 * height, side="right")
    pairs = []
    for i in range(len(boxes)):
        near = np.arange(i + 1, last[i])
        smaller, larger = np.minimum(height[i], height[near]), np.maximum(height[i], height[near])
        shared = np.minimum(bottom[i], bottom[near]) - np.maximum(top[i], top[near])
        fits = (shared >= 0.5 * smaller) & (larger <= 2.5 * smaller) & (right[near] > right[i])
        gap = np.maximum(left[near] - right[i], 0) + 0.01 * (left[near] - left[i])
        distance = gap + height[i] * (1 - shared / smaller)
        pairs += [(distance[k], i, near[k]) for k in np.flatnonzero(fits)]
    neighbour, is_taken = np.full(len(boxes), -1), np.zeros(len(boxes), np.bool_)
    for _, i, j in sorted(pairs):
        if neighbour[i] < 0 and not is_taken[j]:
            neighbour[i], is_taken[j] = j, True
    return neighbour


def _chains(neighbour: NDArray[np.intp]) -> list[list[int]]:
    """Follow the links from every box that none points to."""
    starts = np.setdiff1d(np.arange(len(neighbour)), neighbour)
    chains = []
    for start in starts:
        chain = [int(start)]
        while neighbour[chain[-1]] >= 0:
            chain.append(int(neighbour[chain[-1]]))
        chains.append(chain)
    return chains


def _edges_of(
    labels: NDArray[np.int32], label: int, box: NDArray[np.int32], height: float
) -> NDArray[np.float64]:
    """Sample a component in upright strips 0.6 letters wide: rows of (x, highest y, lowest y).

    A component may be a letter or, where letters touch, a word; strips treat both alike.
    """
    left, top, right, bottom = box
    part = labels[top:bottom, left:right] == label
    columns = np.arange(right - left)
    samples = []
    for strip in np.array_split(columns, max(1, round(len(columns) / (0.6 * height)))):
        rows = np.flatnonzero(part[:, strip].any(axis=1))
        if rows.size:
            samples.append((left + strip.mean(), top + rows[0] - 0.5, top + rows[-1] + 0.5))
    return np.array(samples)


def baseline_deviation(lines: Sequence[TextLine]) -> float:
    """How crooked lines are: RMS distance of their baselines from level straight lines, in pixels.

    A cubic is fitted to the baseline of each line, robustly, so that descenders do not count, and
    compared with its own mean. 0 without lines.
    """
    squares: list[NDArray[np.float64]] = []
    for line in lines:
        level = robust_cubic(line.baseline, line.height)
        squares.append((level - level.mean()) ** 2)
    return float(np.sqrt(np.concatenate(squares).mean())) if squares else 0.0


def robust_cubic(points: Points, height: float) -> NDArray[np.float64]:
    """Fit y as a cubic of x to most of the points ``(N, 2)``, and return it at each of them.

    Reweighted least squares, beginning with all points; in the end those more than 0.3 `height`
    away do not count.
    """
    x, y = points.T
    powers = np.vander((x - x.mean()) / max(np.ptp(x), 1.0), 4)
    weight = np.ones(len(x))
    for width in np.geomspace(1.5, 0.3, 10):
        root = np.sqrt(weight)
        cubic = np.linalg.lstsq(powers * root[:, None], y * root, rcond=None)[0]
        weight = tukey((y - powers @ cubic) / height, width)
    return powers @ cubic


def tukey(residual: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Tukey's biweight: how much a residual counts, from 1 at 0 to nothing from `width` on."""
    return np.clip(1 - (residual / width) ** 2, 0, None) ** 2


# ---------------------------------------------------------------------------------------------
# The displacement field


def _spline_basis(values: NDArray[np.float64], length: int, pieces: int) -> NDArray[np.float64]:
    """Cubic B-splines over [0, length - 1] in equal pieces: ``(N, pieces + 3)``, rows sum to 1.

    Outside that range the border's values continue.
    """
    end = max(length - 1, 1)
    knots = end / pieces * np.arange(-3, pieces + 4)
    return BSpline.design_matrix(np.clip(values, 0, end), knots, 3).toarray()


def _bending(nx: int, ny: int) -> NDArray[np.float64]:
    """Quadratic form that penalises a field's bending, from second differences of coefficients.

    Moving whole rows up or down changes the place of lines, not their straightness, so the data say
    nothing about it; the last term keeps each row's mean at 0.
    """
    unit = np.eye(nx * ny).reshape(nx, ny, -1)
    along = np.diff(unit, 2, axis=0).reshape(-1, nx * ny)
    across = np.diff(unit, 2, axis=1).reshape(-1, nx * ny)
    twist = np.diff(np.diff(unit, axis=0), axis=1).reshape(-1, nx * ny)
    row_means = unit.sum(axis=0)
    bending = along.T @ along + across.T @ across + 0.3 * twist.T @ twist
    return bending + 1e4 * row_means.T @ row_means


ANNEALING = (np.inf, 3.0, 1.5, 0.75, 0.45, 0.3, 0.3, 0.3)
"""Widths of Tukey's biweight in letter heights, from one round of the fit to the next.

At first every sample counts and the field bends towards the lines; in the end those further than
0.3 letters from their line do not, and descenders and ascenders are further."""


def _fit_field(
    lines: Sequence[TextLine], shape: tuple[int, int], pieces: tuple[int, int], smoothness: float
) -> NDArray[np.float64]:
    """Coefficients ``(nx, ny)`` of the field that straightens `lines`, in their own frame.

    Each line has two unknown levels, of its baseline and of its tops. For given weights the best
    level is a weighted mean, so subtracting the weighted means from both sides of the equations
    leaves the field's coefficients as the only unknowns.
    """
    edges = [edge for line in lines for edge in (line.baseline, line.top)]
    x, y = np.concatenate(edges).T
    sizes = [len(edge) for edge in edges]
    first = np.cumsum([0, *sizes[:-1]])
    height = np.repeat([line.height for line in lines for _ in range(2)], sizes)

    along = _spline_basis(x, shape[1], pieces[0])
    across = _spline_basis(y, shape[0], pieces[1])
    equations = (along[:, :, None] * across[:, None, :]).reshape(len(x), -1)
    penalty = smoothness * _bending(along.shape[1], across.shape[1]) / np.median(height) ** 2

    def about_level(
        values: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        total = np.maximum(np.add.reduceat(weight, first), 1e-12)
        means = np.add.reduceat(values * weight[:, None], first) / total[:, None]
        return values - np.repeat(means, sizes, axis=0)

    residual = np.zeros(len(x))
    for width in ANNEALING:
        weight = tukey(residual, width) / height**2
        centred, target = about_level(equations, weight), about_level(y[:, None], weight)[:, 0]
        weighted = centred * weight[:, None]
        coefficients = np.linalg.solve(centred.T @ weighted + penalty, -weighted.T @ target)
        residual = (target + centred @ coefficients) / height
    return coefficients.reshape(along.shape[1], across.shape[1])


@dataclass(frozen=True, eq=False)
class Curl:
    """How a page is curled, and the way between its picture and the flat page.

    Found by :func:`find_curl`. Points are (x, y) in pixels.

    Attributes
    ----------
    shape
        ``(height, width)`` of the picture.
    angle
        By how much all of the page is turned, in radians, positive counter-clockwise as seen on the
        screen.
    coefficients
        ``(nx, ny)`` float64 B-spline coefficients of the displacement field over the turned
        picture.
    lines
        The lines of text that the field was fitted to, in the picture, for drawing.
    flat_shape
        ``(height, width)`` of the flattened page, which holds all of the picture.
    """

    shape: tuple[int, int]
    angle: float
    coefficients: NDArray[np.float64]
    lines: Sequence[TextLine]
    flat_shape: tuple[int, int]
    _origin: NDArray[np.float64]  # of the flat page, in the frame of the turned picture

    @property
    def is_flat(self) -> bool:
        """Whether there is nothing to undo, the lines being level to within half a pixel."""
        samples = _grid(self.shape)
        return bool(np.abs(self.to_flat(samples) + self._origin - samples).max() <= 0.5)

    def to_flat(self, points: ArrayLike) -> Points:
        """Map ``(..., 2)`` points of the picture to the flattened page."""
        turned = transform_points(np.asarray(points, dtype=np.float64), self._turn.matrix)
        x, y = np.moveaxis(turned, -1, 0)
        return np.stack([x, y + self._field(x, y)], axis=-1) - self._origin

    def to_source(self, points: ArrayLike) -> Points:
        """Map ``(..., 2)`` points of the flattened page to the picture, as boxes found on it.

        The equation ``y + f(x, y) = level`` is solved for y by Newton's method.
        """
        x, level = np.moveaxis(np.asarray(points, dtype=np.float64) + self._origin, -1, 0)
        y = level - self._field(x, level)
        for _ in range(20):
            stretch = 1 + self._field(x, y + 0.5) - self._field(x, y - 0.5)
            correction = (level - y - self._field(x, y)) / np.maximum(stretch, 0.1)
            y = y + correction
            if np.abs(correction).max(initial=0.0) < 1e-9:
                break
        return transform_points(np.stack([x, y], axis=-1), np.linalg.inv(self._turn.matrix))

    def source_map(self) -> NDArray[np.float32]:
        """Return where each pixel of the flattened page lies, ``(height, width, 2)``, for `warp`.

        Points move up and down only, so a column of the flat page is a column of the turned picture
        with its levels tabulated and read backwards. Columns and levels are taken every fourth
        pixel and interpolated between, which the field's smoothness allows.
        """
        height, width = self.flat_shape
        frame_height = self._turn.shape[0]
        x, wanted = every_fourth(width) + self._origin[0], every_fourth(height) + self._origin[1]
        y = every_fourth(frame_height)
        levels = y[:, None] + self._field_on_grid(x, y)
        places = np.empty((len(wanted), len(x), 2))
        places[..., 0] = x
        for column, level in enumerate(levels.T):
            beyond = np.minimum(wanted - level[0], 0) + np.maximum(wanted - level[-1], 0)
            places[:, column, 1] = np.interp(wanted, level, y) + beyond
        places = transform_points(places, np.linalg.inv(self._turn.matrix))
        return stretch(stretch(places.astype(np.float32), width, 1), height, 0)

    def flatten(self, image: Any, *, interpolation: str = "bicubic") -> NDArray[Any]:
        """Fetch the flattened page from `image`, which has the shape the curl was found on.

        Whatever lies outside the picture gets the shade of the nearest blank paper, so that its
        edges are not mistaken for ink.
        """
        return fetch_page(image, self.shape, self.source_map(), interpolation)

    @property
    def _turn(self) -> Rotation:
        """How the picture is turned into the frame that the field belongs to."""
        return rotation(self.shape, -self.angle)

    def _field(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displacement f at points of the turned picture."""
        along, across = self._bases(x.ravel(), y.ravel())
        return ((along @ self.coefficients) * across).sum(axis=1).reshape(x.shape)

    def _field_on_grid(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displacement on all pairs of x and y: ``(len(y), len(x))``."""
        along, across = self._bases(x, y)
        return across @ self.coefficients.T @ along.T

    def _bases(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        height, width = self._turn.shape
        pieces_x, pieces_y = (count - 3 for count in self.coefficients.shape)
        return _spline_basis(x, width, pieces_x), _spline_basis(y, height, pieces_y)


def fetch_page(
    image: Any, shape: tuple[int, int], places: NDArray[Any], interpolation: str
) -> NDArray[Any]:
    """Fetch a page from where its pixels lie in `image`, and paper from beyond its border."""
    array = check_image(image)
    if array.shape[:2] != shape:
        raise ValueError(
            f"image must have the shape the page was found on, {shape}, got {array.shape[:2]}"
        )
    if array.dtype == np.bool_:
        return warp(array, places, interpolation="bilinear", border=0)
    page = warp(array, places, interpolation=interpolation, border="edge")
    x, y = np.moveaxis(places, -1, 0)
    outside = (x < 0) | (x > shape[1] - 1) | (y < 0) | (y > shape[0] - 1)
    if outside.any():
        step = max(1, max(shape) // 400)  # blank paper needs no detail
        paper = np.clip(estimate_background(array[::step, ::step]), 0, 1)
        blank = warp(paper, places / step, interpolation="nearest", border="edge")[outside]
        page[outside] = np.rint(blank * 255) if array.dtype == np.uint8 else blank
    return page


def every_fourth(length: int) -> NDArray[np.float64]:
    """About every fourth pixel of an axis, evenly spaced, with both ends."""
    return np.linspace(0, length - 1, max(2, int(np.ceil((length - 1) / 4)) + 1))


def stretch(values: NDArray[np.float32], length: int, axis: int) -> NDArray[np.float32]:
    """Interpolate linearly along one axis to `length` samples, the ends staying where they are."""
    place = np.linspace(0, values.shape[axis] - 1, length)
    before = np.minimum(place.astype(int), values.shape[axis] - 2)
    share = (place - before).astype(np.float32)
    share = share.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    low, high = np.take(values, before, axis), np.take(values, before + 1, axis)
    return low + share * (high - low)


def find_curl(image: Any, *, pieces: tuple[int, int] = (8, 2), smoothness: float = 0.01) -> Curl:
    """Find out how a page is curled, from its lines of text.

    Parameters
    ----------
    image
        A page, ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1], ink darker than paper; or
        an ink mask (bool, True = ink).
    pieces
        Number of spline pieces across the width and down the height of the page. More can follow
        sharper folds, and need more text to be sure of.
    smoothness
        Weight of the bending penalty. Between 0.001 and 0.1 it hardly matters on pages full of
        text.

    Returns
    -------
    Curl
        Its :meth:`~Curl.flatten` gives the flattened page, :meth:`~Curl.to_source` carries points
        back. A page without lines of text is taken for flat.

    Notes
    -----
    Lines may climb by up to about 15 degrees on the whole, and bend by as much again. A fit that
    folds the page over itself is repeated with ten times the smoothness.
    """
    array = check_image(image)
    check_number(smoothness, "smoothness", low=0, low_open=True)
    if len(pieces) != 2:
        raise ValueError(f"pieces must be two numbers, across and down, got {pieces!r}")
    for axis, count in enumerate(pieces):
        check_number(count, f"pieces[{axis}]", low=1, high=64, integer=True)
    shape = (array.shape[0], array.shape[1])
    ink = ink_weights(array) > 0.1
    lines = _lines_at_best_angle(ink)
    curl = Curl(
        shape=shape,
        angle=0.0,
        coefficients=np.zeros((pieces[0] + 3, pieces[1] + 3)),
        lines=lines,
        flat_shape=shape,
        _origin=np.zeros(2),
    )
    if not lines:
        return curl
    askew = _fitted(curl, smoothness)
    return _framed(_fitted(replace(curl, angle=_median_slope(askew)), smoothness))


def _lines_at_best_angle(ink: NDArray[np.bool_]) -> list[TextLine]:
    """Lines found level or along the page's skew, whichever finds more text.

    The skew of a curled page may be that of a part of it, hence the choice.
    """
    level = find_text_lines(ink)
    angle = find_skew(ink).angle
    if abs(angle) < np.radians(1):
        return level
    along_skew = find_text_lines(ink, angle=angle)
    return max(level, along_skew, key=lambda lines: sum(len(line.baseline) for line in lines))


def _fitted(curl: Curl, smoothness: float) -> Curl:
    """Fit the field of `curl` to its lines, more smoothly if it folds the page over itself."""
    turn = curl._turn
    lines = [
        TextLine(
            transform_points(line.baseline, turn.matrix),
            transform_points(line.top, turn.matrix),
            line.height,
        )
        for line in curl.lines
    ]
    x, y = every_fourth(turn.shape[1]), every_fourth(turn.shape[0])
    pieces = (curl.coefficients.shape[0] - 3, curl.coefficients.shape[1] - 3)
    for factor in (1, 10, 100, 1000):
        field = _fit_field(lines, turn.shape, pieces, smoothness * factor)
        fitted = replace(curl, coefficients=field)
        level = y[:, None] + fitted._field_on_grid(x, y)
        if (np.diff(level, axis=0) > 0.3 * np.diff(y)[:, None]).all():
            return fitted
    return curl


def _median_slope(curl: Curl) -> float:
    """Angle at which half of the text climbs more and half less; 0 if it is less than 0.2 degrees.

    Half of the text of a page that is curled near its spine lies in its flat part, and the two
    sides of an arch balance. What is left over of so small an angle is a shear nobody sees.
    """
    x, y = np.concatenate([line.baseline for line in curl.lines]).T
    rise = curl._field(x + 1, y) - curl._field(x - 1, y)
    stretch = 2 + curl._field(x, y + 1) - curl._field(x, y - 1)
    angle = float(np.arctan(np.median(rise / stretch)))
    return angle if abs(angle) >= np.radians(0.2) else 0.0


def _grid(shape: tuple[int, int]) -> Points:
    """Return points all over a picture, ``(rows, columns, 2)``, its border included."""
    x, y = every_fourth(shape[1]), every_fourth(shape[0])
    return np.stack(np.meshgrid(x, y), axis=-1)


def _framed(curl: Curl) -> Curl:
    """Choose origin and shape of the flat page so that all of the picture's border is on it."""
    grid = _grid(curl.shape)
    border = curl.to_flat(np.concatenate([grid[0], grid[-1], grid[:, 0], grid[:, -1]]))
    low, high = np.floor(border.min(axis=0) + 1e-6), np.ceil(border.max(axis=0) - 1e-6)
    width, height = (int(size) + 1 for size in high - low)
    return replace(curl, flat_shape=(height, width), _origin=low)


def dewarp(image: Any) -> NDArray[Any]:
    """Flatten a curled page; see :func:`find_curl`, which also gives the way back.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1], ink darker than paper; or an ink mask
        (bool, True = ink).

    Returns
    -------
    array
        The flattened page in the dtype of `image`, a little higher than it as a rule. A page that
        is flat already is returned as it is, in a copy, to spare its letters the resampling.
    """
    array = check_image(image)
    curl = find_curl(array)
    return array.copy() if curl.is_flat else curl.flatten(array)

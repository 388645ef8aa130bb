"""Find the text lines of a page, follow their curvature, and straighten them.

Letters of a line are neighbours from left to right and overlap vertically, so connected components
of ink are chained: each to its nearest component on the right at its own height. A chain is a line.
Chaining is local, hence lines may run uphill or bend, as they do on a page photographed by hand,
where the row profile of the whole page shows no gaps any more.

A line has a *frame*: the baseline, on which most letters stand, and the height of an ``x`` above
it. The baseline is a polynomial fitted to the bottoms of the components by reweighted least squares
that ignore descenders; the x-height is the most frequent height of their tops. Straightening
resamples the line so that its baseline becomes a straight row and its x-height a given number of
pixels. That is worth the trouble: on the straightened line a comma and an apostrophe, ``o``, ``O``
and ``0``, ``p`` and ``P`` differ by their place alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy import ndimage

from ocrlearn._validate import check_image, check_number
from ocrlearn.ops.components import connected_components_with_stats

__all__ = ["Strip", "TextLine", "find_lines", "straighten", "typical_height"]

CAPITAL_TO_X = 1.42
"""Height of capitals in x-heights, about, in common text faces (Helvetica 1.37, Times 1.47)."""


@dataclass(frozen=True, eq=False)
class TextLine:
    """Components of one line and its frame, in pixels of the image the line was found in.

    Attributes
    ----------
    members
        int ``(N,)``: labels of the line's components, from left to right.
    boxes
        float64 ``(N, 4)``: their ``(x0, y0, x1, y1)`` with pixel edges at half integers.
    baseline
        y of the baseline as a function of x.
    x_height
        Height of an ``x``.
    x_height_is_sure
        Whether tops at two heights were seen, so that x-height and capital height cannot have been
        taken for each other. A line of capitals or digits alone leaves it open.
    is_cut
        Whether the border of the image cuts through the letters.
    """

    members: NDArray[np.intp]
    boxes: NDArray[np.float64]
    baseline: Polynomial
    x_height: float
    x_height_is_sure: bool = True
    is_cut: bool = False

    @property
    def left(self) -> float:
        """Left edge of the line's ink."""
        return float(self.boxes[:, 0].min())

    @property
    def right(self) -> float:
        """Right edge of the line's ink."""
        return float(self.boxes[:, 2].max())

    @property
    def middle(self) -> float:
        """Y at half the x-height in the middle of the line."""
        return float(self.baseline((self.left + self.right) / 2)) - self.x_height / 2

    @property
    def slope(self) -> float:
        """Mean slope dy/dx of the baseline."""
        width = max(1e-6, self.right - self.left)
        return float(self.baseline(self.right) - self.baseline(self.left)) / width


def typical_height(boxes: NDArray[np.float64]) -> float:
    """Height of a typical letter: the median over components, each weighted by its width.

    Weighting by width keeps specks, dots and noise from deciding. Components more than ten times as
    wide as high are rules, not letters, and do not count. 0 if there is none.
    """
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    letters = (width < 10 * height) & (height < 10 * width + 20)
    if not letters.any():
        return 0.0
    width, height = np.minimum(width, 2 * height)[letters], height[letters]
    order = np.argsort(height)
    weight = np.cumsum(width[order])
    return float(height[order][np.searchsorted(weight, weight[-1] / 2)])


def _right_neighbours(boxes: NDArray[np.float64], reach: float) -> NDArray[np.intp]:
    """Index of each box's nearest box to the right on its own line; -1 where there is none.

    A neighbour begins beyond the middle of the box, at most `reach` heights from its right edge,
    and overlaps it vertically by at least 40 % of the lower of the two.
    """
    order = np.argsort(boxes[:, 0], kind="stable")
    x0, y0, x1, y1 = boxes[order].T
    height = y1 - y0
    tallest = max(float(np.median(height)) * 3, 1.0)
    first = np.searchsorted(x0, (x0 + x1) / 2, side="right")
    last = np.searchsorted(x0, x1 + reach * np.maximum(height, tallest), side="right")
    neighbour = np.full(len(boxes), -1, dtype=np.intp)
    for index in range(len(boxes)):
        near = slice(first[index], last[index])
        overlap = np.minimum(y1[index], y1[near]) - np.maximum(y0[index], y0[near])
        gap = x0[near] - x1[index]
        fits = (overlap >= 0.4 * np.minimum(height[index], height[near])) & (
            gap <= reach * np.maximum(height[index], height[near])
        )
        if fits.any():
            shift = np.abs(y0[near] + y1[near] - y0[index] - y1[index]) / 2
            cost = np.where(fits, np.maximum(0, gap) + shift, np.inf)
            neighbour[order[index]] = order[first[index] + int(np.argmin(cost))]
    return neighbour


def _links(boxes: NDArray[np.float64], reach: float) -> NDArray[np.intp]:
    """Pairs (left, right) of neighbouring boxes, ``(N, 2)``.

    Neighbours are sought from either side: in ``I've`` the apostrophe is the right neighbour of the
    ``I`` but, having no height in common with the ``v``, does not lead on to it; the left neighbour
    of the ``v`` is the ``I``.
    """
    mirrored = boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1]
    right, left = _right_neighbours(boxes, reach), _right_neighbours(mirrored, reach)
    found = np.concatenate(
        [
            np.stack([np.flatnonzero(right >= 0), right[right >= 0]], axis=1),
            np.stack([left[left >= 0], np.flatnonzero(left >= 0)], axis=1),
        ]
    )
    return np.unique(found, axis=0)


def _within_columns(
    links: NDArray[np.intp], boxes: NDArray[np.float64], reach: float
) -> NDArray[np.intp]:
    """Links no longer than `reach` heights that do not cross a gutter between columns.

    A gutter differs from a wide word space by going on: the same stretch of x is blank in the lines
    above and below. A link crosses one when at least three others within eight letter heights
    bridge gaps as wide at the same place.
    """
    left, right = boxes[links[:, 0]], boxes[links[:, 1]]
    begin, end = left[:, 2], right[:, 0]
    size = np.maximum(left[:, 3] - left[:, 1], right[:, 3] - right[:, 1])
    wide = np.flatnonzero(end - begin > 0.9 * size)
    middle = (left[wide, 1] + left[wide, 3]) / 2
    shared = np.minimum(end[wide, None], end[wide]) - np.maximum(begin[wide, None], begin[wide])
    near = np.abs(middle[:, None] - middle) < 8 * size[wide, None]
    agreeing = (shared > 0.6 * size[wide, None]) & near
    crossing = wide[agreeing.sum(axis=1) > 3]
    kept = end - begin <= reach * size
    kept[crossing] = False
    return links[kept]


def _chains(links: NDArray[np.intp], count: int) -> list[NDArray[np.intp]]:
    """Group the `count` boxes that are joined by links (union-find)."""
    root = np.arange(count)

    def find(index: int) -> int:
        while root[index] != index:
            root[index] = root[root[index]]
            index = int(root[index])
        return index

    for left, right in links:
        root[find(int(left))] = find(int(right))
    roots = np.array([find(index) for index in range(count)], dtype=np.intp)
    return [np.flatnonzero(roots == r) for r in np.unique(roots)]


def _fit_baseline(
    x: NDArray[np.float64], bottom: NDArray[np.float64], degree: int, scale: float
) -> Polynomial:
    """Polynomial through most of the bottoms, descenders and raised marks ignored.

    Iteratively reweighted least squares: first towards the median (absolute residuals), then with
    Tukey's biweight, which gives no weight at all to residuals beyond a sixth of the letter height.
    """
    middle = (x.min() + x.max()) / 2
    half = max(0.5, (x.max() - x.min()) / 2)
    powers = np.vander((x - middle) / half, degree + 1, increasing=True)
    weight = np.ones(len(x))
    coefficients = np.zeros(degree + 1)
    coefficients[0] = np.median(bottom)
    for iteration in range(24):
        used = 1 + (min(degree, 1) if iteration < 6 else degree)
        if (weight > 0.05).sum() < used:
            break
        weighted = powers[:, :used] * weight[:, None]
        normal = weighted.T @ powers[:, :used] + 1e-9 * weight.sum() * np.eye(used)
        coefficients[:used] = np.linalg.solve(normal, weighted.T @ bottom)
        residual = np.abs(bottom - powers @ coefficients)
        if iteration < 12:
            weight = 1 / np.maximum(residual / scale, 0.02)
        else:
            weight = np.maximum(0, 1 - (residual / (scale / 6)) ** 2) ** 2
    return Polynomial(coefficients, domain=[middle - half, middle + half])


def _fit_x_height(height: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[float, bool]:
    """Most frequent height of tops above the baseline, and whether it must be the x-height.

    Heights of tops pile up at the x-height and at the ascenders, about 1.4 times as high. Where
    there are two such piles the lower one is the x-height, if it is not a mere fringe.
    """
    largest = float(np.percentile(height, 98))
    grid = np.linspace(0.2 * largest, 1.05 * largest, 200)
    spread = 0.035 * largest
    density = (weight[:, None] * np.exp(-((height[:, None] - grid) ** 2) / (2 * spread**2))).sum(
        axis=0
    ) / weight.sum()
    inner = density[1:-1]
    peaks = np.flatnonzero((inner >= density[:-2]) & (inner > density[2:])) + 1
    if not len(peaks):
        return largest, False
    best = peaks[np.argmax(density[peaks])]
    ratio = grid[peaks] / grid[best]
    higher = (ratio > 1.2) & (ratio < 1.8) & (density[peaks] > 0.1)
    lower = (ratio > 1 / 1.8) & (ratio < 1 / 1.2) & (density[peaks] > 0.2)
    if lower.any():
        under = peaks[lower][np.argmax(density[peaks[lower]])]
        return float(grid[under]), True
    return float(grid[best]), bool(higher.any())


def _frame(boxes: NDArray[np.float64], slope: float) -> tuple[Polynomial, float, bool]:
    """Baseline and x-height of a line's letters; `slope` is used where the line is too short."""
    x = (boxes[:, 0] + boxes[:, 2]) / 2
    scale = float(np.median(boxes[:, 3] - boxes[:, 1]))
    length = float(boxes[:, 2].max() - boxes[:, 0].min())
    if len(boxes) < 5 or length < 4 * scale:
        level = _fit_baseline(x, boxes[:, 3] - slope * x, 0, scale)(0.0)
        baseline = Polynomial([level, slope])
    else:
        degree = 1 + int(len(boxes) >= 10 and length > 10 * scale)
        degree += int(len(boxes) >= 20 and length > 25 * scale)
        baseline = _fit_baseline(x, boxes[:, 3], degree, scale)
    height = baseline(x) - boxes[:, 1]
    sound = height > 0.3 * scale
    if not sound.any():
        return baseline, scale, False
    x_height, sure = _fit_x_height(height[sound], np.ones(int(sound.sum())))
    return baseline, x_height, sure


def _touches_border(boxes: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    return (boxes[:, 1] <= 0) | (boxes[:, 3] >= shape[0] - 1)


@dataclass
class _Draft:
    """A line while it is being put together: its letters, which define its frame, and its marks."""

    letters: list[int]
    baseline: Polynomial
    x_height: float
    is_sure: bool
    marks: list[int] = field(default_factory=list)

    @property
    def members(self) -> list[int]:
        return self.letters + self.marks


def find_lines(ink: Any, *, reach: float = 2.0) -> tuple[list[TextLine], NDArray[np.int32]]:
    """Find the text lines of a page.

    Parameters
    ----------
    ink
        ``(H, W)`` bool, True = ink. Lines may bend, and run up- or downhill by some 10 degrees;
        turn steeper pages level first (:mod:`ocrlearn.image.deskew`).
    reach
        Widest gap bridged inside a line, in letter heights. It must lie between the widest word
        space and the gap between columns.

    Returns
    -------
    lines
        From top to bottom; :func:`ocrlearn.layout.reading_order.reading_order` puts them in reading
        order.
    labels
        int32 ``(H, W)``: the components that the lines' `members` name.
    """
    mask = np.asarray(ink)
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ValueError(
            f"ink must be a bool mask of shape (H, W), got {mask.dtype} of shape {mask.shape}"
        )
    check_number(reach, "reach", low=0, low_open=True)
    labels, stats = connected_components_with_stats(mask)
    x0, y0 = stats.left - 0.5, stats.top - 0.5
    boxes = np.stack([x0, y0, x0 + stats.width, y0 + stats.height], axis=1)[1:].astype(np.float64)
    letter = typical_height(boxes)
    if letter < 3:
        return [], labels
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    rule = (width > 12 * height) & (width > 4 * letter) & (height < 0.6 * letter)
    picture = (height > 7 * letter) | (width > 60 * letter)
    letters = np.flatnonzero((height > 0.45 * letter) & ~rule & ~picture)
    # Look farther than a line may leap, because gutters are recognised by their repetition.
    links = _within_columns(_links(boxes[letters], 2 * reach), boxes[letters], reach)
    chains = _chains(links, len(letters))
    drafts = _drafts([letters[chain] for chain in chains], boxes)
    marks = np.flatnonzero((height <= 0.45 * letter) & (height * width >= 4) & ~rule)
    _attach(drafts, boxes, marks)
    drafts = _absorb(_join_fragments(drafts, boxes), boxes)
    lines = []
    for draft in drafts:
        members = np.array(sorted(draft.members, key=lambda m: boxes[m, 0]), dtype=np.intp)
        if not _is_text(draft, boxes[members], letter):
            continue
        body = boxes[members][height[members] > 0.45 * letter]
        cut = bool(_touches_border(body, mask.shape).mean() > 0.4)
        lines.append(
            TextLine(
                members + 1, boxes[members], draft.baseline, draft.x_height, draft.is_sure, cut
            )
        )
    if len(lines) == 1:
        lines = [replace(lines[0], is_cut=False)]
    return sorted(lines, key=lambda line: line.middle), labels


def _drafts(chains: Sequence[NDArray[np.intp]], boxes: NDArray[np.float64]) -> list[_Draft]:
    """Fit a frame to each chain; short ones borrow the slope of the long ones."""
    drafts: list[_Draft] = []
    rise, run = 0.0, 0.0
    for chain in sorted(chains, key=len, reverse=True):
        slope = rise / run if run else 0.0
        baseline, x_height, sure = _frame(boxes[chain], slope)
        drafts.append(_Draft(list(chain), baseline, x_height, sure))
        if len(chain) >= 8:
            left, right = boxes[chain, 0].min(), boxes[chain, 2].max()
            rise += float(baseline(right) - baseline(left))
            run += right - left
    return drafts


def _join_fragments(drafts: list[_Draft], boxes: NDArray[np.float64]) -> list[_Draft]:
    """Join chains that continue each other on one baseline after no more than a word space.

    A line falls apart where neighbours have no height in common, as a low full stop followed by a
    raised quotation mark.
    """
    left = np.array([boxes[d.members, 0].min() for d in drafts])
    right = np.array([boxes[d.members, 2].max() for d in drafts])
    size = np.array([d.x_height for d in drafts])
    gap = left - right[:, None]  # from the end of the row's draft to the start of the column's
    lower = np.minimum(size[:, None], size)
    near = (gap > -0.5 * lower) & (gap < 1.6 * lower)
    alike = np.abs(np.log(size[:, None] / size)) < np.log(1.35)
    long = np.array([len(d.letters) > 3 for d in drafts], dtype=bool)
    pairs = []
    for a, b in np.argwhere(near & alike & (long[:, None] & long)):
        middle = (right[a] + left[b]) / 2
        if a != b and abs(drafts[a].baseline(middle) - drafts[b].baseline(middle)) < 0.3 * size[a]:
            pairs.append((a, b))
    joined = []
    for group in _chains(np.array(pairs, dtype=np.intp).reshape(-1, 2), len(drafts)):
        if len(group) == 1:
            joined.append(drafts[group[0]])
            continue
        letters = [member for index in group for member in drafts[index].letters]
        marks = [member for index in group for member in drafts[index].marks]
        joined.append(_Draft(letters, *_frame(boxes[letters], 0.0), marks))
    return joined


def _absorb(drafts: list[_Draft], boxes: NDArray[np.float64]) -> list[_Draft]:
    """Give chains of one to three components to a longer line in whose band they lie.

    Quotes, signs and letters set apart overlap no neighbour vertically, and chain only with each
    other.
    """
    long = [draft for draft in drafts if len(draft.letters) > 3]
    ends = np.array(
        [(boxes[d.members, 0].min(), boxes[d.members, 2].max(), d.x_height) for d in long]
    ).reshape(-1, 3)
    left, right, size = ends.T
    kept = long.copy()
    for draft in drafts:
        if len(draft.letters) > 3:
            continue
        x0, y0 = boxes[draft.members, :2].min(axis=0)
        x1, y1 = boxes[draft.members, 2:].max(axis=0)
        near = (np.maximum(left - x1, x0 - right) < 1.5 * size) & (draft.x_height < 1.8 * size)
        for index in np.flatnonzero(near):
            x = np.clip((x0 + x1) / 2, left[index], right[index])
            base = float(long[index].baseline(x))
            top, bottom = (base - y0) / size[index], (base - y1) / size[index]
            if -0.7 < bottom < 1.3 and 0.5 < top < 2.0:
                long[index].marks.extend(draft.members)
                break
        else:
            kept.append(draft)
    return kept


def _attach(drafts: list[_Draft], boxes: NDArray[np.float64], marks: NDArray[np.intp]) -> None:
    """Give each small component - a dot, a comma, a hyphen, a quote - to the line it belongs to."""
    if not drafts or not len(marks):
        return
    x = (boxes[marks, 0] + boxes[marks, 2]) / 2
    y = (boxes[marks, 1] + boxes[marks, 3]) / 2
    off = np.empty((len(drafts), len(marks)))
    for row, draft in enumerate(drafts):
        left, right = boxes[draft.members, 0].min(), boxes[draft.members, 2].max()
        beyond = np.maximum(0, np.maximum(left - x, x - right)) / draft.x_height
        above = (draft.baseline(np.clip(x, left, right)) - y) / draft.x_height
        near = (beyond < 1.5) & (above > -0.6) & (above < 1.9)
        off[row] = np.where(near, beyond + np.abs(above - 0.6), np.inf)
    owner = np.argmin(off, axis=0)
    for index, mark in enumerate(marks):
        if np.isfinite(off[owner[index], index]):
            drafts[owner[index]].marks.append(int(mark))


def _is_text(draft: _Draft, boxes: NDArray[np.float64], letter: float) -> bool:
    """Whether a chain looks like text rather than a speck or a blot."""
    height = boxes[:, 3] - boxes[:, 1]
    return bool(draft.x_height > 0.3 * letter and height.max() > 0.5 * letter)


@dataclass(frozen=True, eq=False)
class Strip:
    """A straightened line and the way back to the image.

    Attributes
    ----------
    image
        float32 ``(height, W)``.
    left, scale
        Column c of the strip shows ``x = left + c * scale`` of the image.
    baseline
        Of the line, in the image.
    baseline_row
        Row edge of the strip on which the baseline lies; rows reach from i to i + 1.
    """

    image: NDArray[np.float32]
    left: float
    scale: float
    baseline: Polynomial
    baseline_row: float

    def to_image(self, x: Any, y: Any) -> NDArray[np.float64]:
        """Points of the image ``(..., 2)`` for strip coordinates, with pixel i from i to i + 1."""
        image_x = self.left + (np.asarray(x, dtype=np.float64) - 0.5) * self.scale
        image_y = self.baseline(image_x) + (np.asarray(y) - self.baseline_row) * self.scale
        return np.stack(np.broadcast_arrays(image_x, image_y), axis=-1)

    def quad(self, box: Any) -> NDArray[np.float32]:
        """Quad in the image of a box ``(left, top, right, bottom)`` of the strip."""
        x0, y0, x1, y1 = box
        corners = self.to_image([x0, x1, x1, x0], [y0, y0, y1, y1])
        return corners.astype(np.float32)


def straighten(
    image: Any,
    line: TextLine,
    *,
    x_height: float,
    height: int,
    baseline_row: float,
    margin: float = 0.5,
) -> Strip:
    """Resample a line so that its baseline is a straight row and its x-height a given size.

    Columns of the strip are columns of the image, shifted up or down: letters of a slanting line
    are sheared a little rather than turned, which for the slopes left after deskewing makes no
    difference, and keeps the way back simple.

    Parameters
    ----------
    image
        ``(H, W)`` float in [0, 1], 0 = paper; outside it is taken to be paper as well.
    line
        A line of this image.
    x_height
        Of the strip, in pixels.
    height, baseline_row
        Height of the strip, and the row edge on which the baseline shall lie.
    margin
        Blank room at both ends, in x-heights.
    """
    array = np.asarray(check_image(image, gray=True), dtype=np.float32)
    scale = line.x_height / check_number(x_height, "x_height", low=0, low_open=True)
    left = line.left - margin * line.x_height
    columns = max(1, int(np.ceil((line.right - line.left + 2 * margin * line.x_height) / scale)))
    x = left + np.arange(columns) * scale
    base = line.baseline(np.clip(x, line.left, line.right))
    y = base + ((np.arange(height) + 0.5 - baseline_row) * scale)[:, None]
    if scale > 1:
        # Shrinking: smooth first, so that thin strokes are averaged rather than skipped.
        top = int(max(0, np.floor(y.min()) - 4 * scale))
        array = array.copy()
        part = slice(top, int(min(len(array), np.ceil(y.max()) + 4 * scale)))
        if array[part].size:
            array[part] = ndimage.gaussian_filter(array[part], 0.4 * (scale - 1) + 0.01)
    points = np.stack([y, np.broadcast_to(x, y.shape)])
    strip = ndimage.map_coordinates(array, points, order=1, mode="constant", cval=0.0)
    return Strip(strip.astype(np.float32), left, scale, line.baseline, baseline_row)

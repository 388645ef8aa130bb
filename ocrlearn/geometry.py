"""The geometry of the whole library: its conventions, its four shapes, and how they overlap.

**The image plane.** x runs to the right, y runs **down**, and the centre of a pixel lies at integer
coordinates: ``image[y, x]`` is the square from ``(x - 0.5, y - 0.5)`` to ``(x + 0.5, y + 0.5)``. A
point is ``(x, y)``, in this order everywhere; only array indices are ``[row, column]``. An angle is
in radians and positive **counter-clockwise as seen on the screen**, so a line of text that climbs
to the right has a positive angle.

**Four shapes**, all in pixels:

=========== ========== ============================================================================
box         ``(4,)``   ``(x0, y0, x1, y1)`` with ``x0 <= x1`` and ``y0 <= y1``, sides parallel to
                       the axes. Its width is ``x1 - x0``: no pixel is added or taken away.
rotated box ``(5,)``   ``(cx, cy, w, h, angle)``: centre, width **along the reading direction of
                       the text**, height across it, and the angle of the reading direction.
quad        ``(4, 2)`` Four corners, **clockwise as seen on the screen, from the text's own
                       top-left**: top-left, top-right, bottom-right, bottom-left of the text when
                       it is held upright, wherever they lie in the image.
polygon     ``(N, 2)`` N >= 3 corners in order round the shape, either way round.
=========== ========== ============================================================================

Every quad is a polygon, so what takes a polygon takes a quad. The same rotated box ``(cx, cy, w, h,
angle)`` at four angles, with the corners of its quad numbered::

    o-----> x   angle = 0            angle = pi/2     angle = pi           angle = -pi/2
    |
    |           0 ----------- 1      1 ------ 2       2 ----------- 3      3 ------ 0
    v y         |   reading   |      |   ^    |       |             |      |   |    |
                |   ------>   | h    |   |    |       |   <------   |      |   |    |
                |             |      |   |    |       |             |      |   v    |
                3 ----------- 2      0 ------ 3       1 ----------- 0      2 ------ 1
                       w                               (upside down)

With ``u = (cos(angle), -sin(angle))`` pointing along the text and ``v = (sin(angle), cos(angle))``
pointing down the text, the corners are ``c - w/2 u - h/2 v``, ``c + w/2 u - h/2 v``,
``c + w/2 u + h/2 v`` and ``c - w/2 u + h/2 v``.

**From one shape to another.**

=========== ========================== ======================== ================================
from        to a box                   to a rotated box         to a quad
=========== ========================== ======================== ================================
box                                    `box_to_rotated_box`     `box_to_quad`
rotated box `rotated_box_to_box`       `canonical_rotated_box`  `rotated_box_to_quad`
quad        `polygon_to_box`           `quad_to_rotated_box`    `order_quad`, `make_clockwise`
polygon     `polygon_to_box`           `min_area_rectangle`     by way of the rotated box
pixels      `slices_to_box`            `min_area_rectangle`     by way of the rotated box
=========== ========================== ======================== ================================

**Batches.** The conversions accept one shape or any batch of them, ``(..., 4)``, ``(..., 5)``,
``(..., 4, 2)``, and answer with the same leading dimensions. The overlaps of boxes are pairwise,
``(N, 4)`` and ``(M, 4)`` to ``(N, M)``.

**Types.** All arithmetic is done in float64. Coordinates come back as float64 where the argument
was a float64 array and as float32, the library's type for stored coordinates, for everything else;
areas and overlaps are float64.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice, check_number

__all__ = [
    "box_iou",
    "box_to_quad",
    "box_to_rotated_box",
    "box_to_slices",
    "canonical_rotated_box",
    "clip_polygon",
    "convex_hull",
    "is_clockwise",
    "is_convex",
    "make_clockwise",
    "min_area_rectangle",
    "order_quad",
    "point_in_polygon",
    "polygon_area",
    "polygon_iou",
    "polygon_to_box",
    "quad_to_rotated_box",
    "rotated_box_iou",
    "rotated_box_to_box",
    "rotated_box_to_quad",
    "rotation_matrix",
    "signed_area",
    "slices_to_box",
    "transform_points",
]

Array = NDArray[np.float64]

_NEARLY_VERTICAL = np.deg2rad(5)  # see canonical_rotated_box
_PAIRS_AT_ONCE = 50_000  # about 80 MB of intermediate arrays in rotated_box_iou


# --- Arguments and results ------------------------------------------------------------------------


def _numbers(value: Any, name: str) -> Array:
    """Return `value` as a float64 array of finite numbers."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array


def _boxes(value: Any, name: str) -> Array:
    boxes = _numbers(value, name)
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(f"{name} must have shape (..., 4), got {boxes.shape}")
    inverted = (boxes[..., 2:] < boxes[..., :2]).any(axis=-1)
    if inverted.any():
        raise ValueError(
            f"{name} must be (x0, y0, x1, y1) with x0 <= x1 and y0 <= y1, got {boxes[inverted][0]}"
        )
    return boxes


def _rotated_boxes(value: Any, name: str) -> Array:
    boxes = _numbers(value, name)
    if boxes.ndim == 0 or boxes.shape[-1] != 5:
        raise ValueError(f"{name} must have shape (..., 5), got {boxes.shape}")
    negative = (boxes[..., 2:4] < 0).any(axis=-1)
    if negative.any():
        raise ValueError(
            f"{name} must be (cx, cy, w, h, angle) with w >= 0 and h >= 0, got {boxes[negative][0]}"
        )
    return boxes


def _points(value: Any, name: str) -> Array:
    points = _numbers(value, name)
    if points.ndim == 0 or points.shape[-1] != 2:
        raise ValueError(f"{name} must have shape (..., 2), got {points.shape}")
    return points


def _polygons(value: Any, name: str) -> Array:
    points = _numbers(value, name)
    if points.ndim < 2 or points.shape[-1] != 2 or points.shape[-2] < 3:
        raise ValueError(f"{name} must have shape (..., N, 2) with N >= 3, got {points.shape}")
    return points


def _quads(value: Any, name: str) -> Array:
    points = _numbers(value, name)
    if points.ndim < 2 or points.shape[-2:] != (4, 2):
        raise ValueError(f"{name} must have shape (..., 4, 2), got {points.shape}")
    return points


def _one_list(value: Any, name: str, least: int = 1) -> Array:
    """Return `value` as one list ``(N, 2)`` of points, not a batch of lists."""
    points = _points(value, name)
    if points.ndim != 2 or len(points) < least:
        raise ValueError(f"{name} must have shape (N, 2) with N >= {least}, got {points.shape}")
    return points


def _typed(result: Array, argument: Any) -> NDArray[Any]:
    """Give `result` the type of coordinates that follows from the caller's argument."""
    double = isinstance(argument, np.ndarray) and argument.dtype == np.float64
    return result if double else result.astype(np.float32)


def _cross(a: Array, b: Array) -> Array:
    """Cross product of vectors, positive if `b` is clockwise of `a` as seen on the screen."""
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


# --- From one shape to another --------------------------------------------------------------------


def box_to_quad(box: Any) -> NDArray[Any]:
    """Corners of boxes ``(..., 4)`` as quads ``(..., 4, 2)``, for text that reads to the right."""
    boxes = _boxes(box, "box")
    corners = boxes[..., [0, 1, 2, 1, 2, 3, 0, 3]]
    return _typed(corners.reshape(*boxes.shape[:-1], 4, 2), box)


def box_to_rotated_box(box: Any) -> NDArray[Any]:
    """Boxes ``(..., 4)`` as rotated boxes ``(..., 5)`` of angle 0."""
    boxes = _boxes(box, "box")
    low, high = boxes[..., :2], boxes[..., 2:]
    angle = np.zeros((*boxes.shape[:-1], 1))
    return _typed(np.concatenate([(low + high) / 2, high - low, angle], axis=-1), box)


def polygon_to_box(polygon: Any) -> NDArray[Any]:
    """Smallest boxes ``(..., 4)`` around polygons or quads ``(..., N, 2)``, or around any points.

    Raises
    ------
    ValueError
        If the shape is wrong or there is no point.
    """
    points = _points(polygon, "polygon")
    if points.ndim < 2 or points.shape[-2] == 0:
        raise ValueError(f"polygon must have shape (..., N, 2) with N >= 1, got {points.shape}")
    return _typed(np.concatenate([points.min(axis=-2), points.max(axis=-2)], axis=-1), polygon)


def rotated_box_to_quad(rotated_box: Any) -> NDArray[Any]:
    """Corners of rotated boxes ``(..., 5)`` as quads ``(..., 4, 2)``.

    The first corner is the text's own top-left, so the angle survives the way back through
    :func:`quad_to_rotated_box`, up to whole turns.
    """
    return _typed(_corners(_rotated_boxes(rotated_box, "rotated_box")), rotated_box)


def _corners(boxes: Array) -> Array:
    """Quads ``(..., 4, 2)`` of rotated boxes ``(..., 5)`` that have been checked."""
    center, width, height, angle = boxes[..., :2], boxes[..., 2], boxes[..., 3], boxes[..., 4]
    cosine, sine = np.cos(angle), np.sin(angle)
    half_along = np.stack([cosine * width, -sine * width], axis=-1) / 2
    half_down = np.stack([sine * height, cosine * height], axis=-1) / 2
    corners = [
        center - half_along - half_down,
        center + half_along - half_down,
        center + half_along + half_down,
        center - half_along + half_down,
    ]
    return np.stack(corners, axis=-2)


def rotated_box_to_box(rotated_box: Any) -> NDArray[Any]:
    """Smallest boxes ``(..., 4)`` around rotated boxes ``(..., 5)``."""
    return polygon_to_box(rotated_box_to_quad(rotated_box))


def quad_to_rotated_box(quad: Any) -> NDArray[Any]:
    """Rotated boxes ``(..., 5)`` that stand for quads ``(..., 4, 2)``.

    Exact where the quad is a rectangle. For other quads the angle is that of the mean of the top
    and the bottom side, the centre is the mean of the corners, and width and height are the mean
    lengths of opposite sides; parts of the quad may then stick out. For a rectangle that covers
    everything, take :func:`min_area_rectangle`, which however does not know how the text reads.

    Returns
    -------
    array
        Angles lie in [-pi, pi]; for text that stands on its head rounding decides between the two.

    Raises
    ------
    ValueError
        If the shape is wrong or a quad is not clockwise; see :func:`make_clockwise` and
        :func:`order_quad`.
    """
    corners = _quads(quad, "quad")
    if (_signed_area(corners) < 0).any():
        raise ValueError(
            "quad must be clockwise as seen on the screen, got a counter-clockwise one; "
            "make_clockwise keeps its first corner, order_quad finds the top-left"
        )
    top_left, top_right, bottom_right, bottom_left = np.moveaxis(corners, -2, 0)
    top, bottom = top_right - top_left, bottom_right - bottom_left
    left, right = bottom_left - top_left, bottom_right - top_right
    width = (_length(top) + _length(bottom)) / 2
    height = (_length(left) + _length(right)) / 2
    reading = top + bottom
    # Adding zero turns -0.0 into 0.0, so that text read to the left gets pi and never -pi.
    angle = np.arctan2(-reading[..., 1] + 0.0, reading[..., 0])
    center = corners.mean(axis=-2)
    shape = np.stack([width, height, angle], axis=-1)
    return _typed(np.concatenate([center, shape], axis=-1), quad)


def _length(vectors: Array) -> Array:
    return np.asarray(np.hypot(vectors[..., 0], vectors[..., 1]))


def canonical_rotated_box(rotated_box: Any, convention: str = "upright") -> NDArray[Any]:
    """Describe rectangles ``(..., 5)`` anew, by the one of four ways that a convention asks for.

    A rectangle has four descriptions as a rotated box, a quarter turn apart. Which one is right
    depends on how the text reads; where that is unknown, one has to be chosen:

    - ``"upright"``: angle in [-pi/4, pi/4). Right for a character or a word of any shape on a page
      that is turned by less than 45 degrees.
    - ``"long_side"``: ``w >= h``, angle from -95 to 85 degrees. Right for lines of text at any
      angle that are not upside down. A line within 5 degrees of the vertical is taken to be read
      from top to bottom: were the range to end at 90 degrees, vertical lines would be turned up or
      down by the least tremor of their corners.

    Parameters
    ----------
    rotated_box
        ``(..., 5)``.
    convention
        "upright" or "long_side".
    """
    boxes = _rotated_boxes(rotated_box, "rotated_box").copy()
    check_choice(convention, "convention", ("upright", "long_side"))
    quarter_turns = np.floor(boxes[..., 4] / (np.pi / 2) + 0.5)
    angle = boxes[..., 4] - quarter_turns * (np.pi / 2)
    swap = quarter_turns % 2 == 1
    width = np.where(swap, boxes[..., 3], boxes[..., 2])
    height = np.where(swap, boxes[..., 2], boxes[..., 3])
    if convention == "long_side":
        tall = height > width
        width, height = np.where(tall, height, width), np.where(tall, width, height)
        angle = np.where(tall, angle - np.pi / 2, angle)
        angle = np.where(angle < -np.pi / 2 - _NEARLY_VERTICAL, angle + np.pi, angle)
    boxes[..., 2], boxes[..., 3], boxes[..., 4] = width, height, angle
    return _typed(boxes, rotated_box)


def slices_to_box(rows: slice, columns: slice) -> NDArray[np.float32]:
    """Box ``(4,)`` that just covers the pixels ``image[rows, columns]``.

    Pixel centres are integers, so the box of columns 3 to 5, ``slice(3, 6)``, runs from 2.5 to 5.5.
    """
    for name, part in (("rows", rows), ("columns", columns)):
        if part.start is None or part.stop is None or part.step not in (None, 1):
            raise ValueError(f"{name} must be a slice with start and stop and no step, got {part}")
        if not 0 <= part.start <= part.stop:
            raise ValueError(f"{name} must have 0 <= start <= stop, got {part}")
    corners = [columns.start, rows.start, columns.stop, rows.stop]
    return np.array(corners, dtype=np.float32) - np.float32(0.5)


def box_to_slices(box: Any, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Slices ``(rows, columns)`` of the pixels whose centres lie in `box` ``(4,)``.

    They are cut at the edges of an image of the given `shape`, ``(H, W)`` or ``(H, W, C)``, and may
    be empty. A centre on the left or upper side counts as inside, one on the right or lower side
    does not, so that boxes side by side share no pixel and :func:`slices_to_box` is undone exactly.
    """
    edges = _boxes(box, "box")
    if edges.ndim != 1:
        raise ValueError(f"box must have shape (4,), got {edges.shape}")
    height, width = shape[:2]
    x0, y0, x1, y1 = (int(edge) for edge in np.ceil(edges))
    columns = slice(min(max(x0, 0), width), min(max(x1, 0), width))
    rows = slice(min(max(y0, 0), height), min(max(y1, 0), height))
    return rows, columns


# --- Order of the corners -------------------------------------------------------------------------


def signed_area(polygon: Any) -> Any:
    """Area of polygons ``(..., N, 2)``, positive if clockwise as seen on the screen.

    The shoelace formula. (With y pointing up, the same formula is positive for counter-clockwise
    polygons; here y points down.) Parts that a self-crossing polygon encircles twice count twice,
    and a figure of eight counts its two halves with opposite signs.

    Returns
    -------
    float or array
        float64, ``(...)``.
    """
    return _signed_area(_polygons(polygon, "polygon"))[()]


def _signed_area(polygons: Array) -> Array:
    # Measured from the first corner: far from the origin the products would otherwise be huge and
    # their difference would lose the area in rounding.
    local = polygons - polygons[..., :1, :]
    return np.asarray(_cross(local, np.roll(local, -1, axis=-2)).sum(axis=-1) / 2)


def polygon_area(polygon: Any) -> Any:
    """Area of simple polygons ``(..., N, 2)``, whichever way round they go; float64 ``(...)``."""
    return np.abs(signed_area(polygon))


def is_clockwise(polygon: Any) -> Any:
    """Whether polygons ``(..., N, 2)`` go clockwise as seen on the screen; bool ``(...)``.

    False for counter-clockwise polygons and for those without area.
    """
    return signed_area(polygon) > 0


def make_clockwise(polygon: Any) -> NDArray[Any]:
    """Polygons ``(..., N, 2)`` with the counter-clockwise ones reversed, first corners kept.

    For labels that name the text's top-left corner first but go round the wrong way. Polygons
    without area are left alone.
    """
    points = _polygons(polygon, "polygon")
    backwards = np.roll(points[..., ::-1, :], 1, axis=-2)
    wrong = (_signed_area(points) < 0)[..., np.newaxis, np.newaxis]
    return _typed(np.where(wrong, backwards, points), polygon)


def order_quad(corners: Any) -> NDArray[Any]:
    """Put four corners in any order into the order of a quad: clockwise from the top-left.

    The corners are sorted by their angle about their centroid, which gives the way round, and the
    list then starts at the corner from which the top side, or more exactly the mean of the top and
    the bottom side, runs most nearly to the right. Of two sides at the same angle to the horizontal
    the one that runs downwards is taken; this is the choice of ``canonical_rotated_box(...,
    "upright")``.

    A widespread shortcut takes the corner with the smallest ``x + y`` as the top-left, the largest
    as the bottom-right, and the smallest and largest ``y - x`` as the other two. For a rectangle
    turned by 45 degrees two corners share the smallest sum and two the largest difference, so that
    one corner may be taken twice and another is lost; for a slanted quad that happens well before
    45 degrees. Sorting by angle cannot lose a corner.

    What no rule can know from four points is how the text reads: for a rectangle turned by more
    than 45 degrees the answer starts at the corner that is top-left on the screen, not at the
    text's own. Where labels give the order, keep it.

    Parameters
    ----------
    corners
        ``(..., 4, 2)``. Four corners in convex position are joined without crossing.

    Returns
    -------
    array
        ``(..., 4, 2)``, the same corners.
    """
    points = _quads(corners, "corners")
    from_center = points - points.mean(axis=-2, keepdims=True)
    # With y pointing down, a growing angle turns clockwise on the screen.
    angle = np.arctan2(from_center[..., 1], from_center[..., 0])
    by_angle = np.argsort(angle, axis=-1, kind="stable")
    quads = np.take_along_axis(points, by_angle[..., np.newaxis], axis=-2)

    sides = np.roll(quads, -1, axis=-2) - quads
    reading = sides - np.roll(sides, -2, axis=-2)  # the side from each corner, minus the opposite
    slope = np.arctan2(reading[..., 1], reading[..., 0])
    # Rounding hides ties at 45 degrees by about 1e-16; a bias of 1e-9 decides them for downwards.
    start = np.argmin(np.abs(slope - 1e-9), axis=-1)[..., np.newaxis]
    return _typed(
        np.take_along_axis(quads, ((start + np.arange(4)) % 4)[..., np.newaxis], axis=-2), corners
    )


# --- Polygons -------------------------------------------------------------------------------------


def is_convex(polygon: Any) -> bool:
    """Whether one polygon ``(N, 2)`` is convex: it turns only one way, and once round in all.

    Repeated corners and corners on a straight side are allowed, and so are turns the wrong way
    that are no more than the rounding of float32 coordinates. A polygon without area is convex.
    """
    return _is_convex(_one_list(polygon, "polygon", least=3))


def _is_convex(points: Array) -> bool:
    rounding = 4 * float(np.finfo(np.float32).eps) * float(np.abs(points).max())
    sides = np.roll(points, -1, axis=0) - points
    sides = sides[_length(sides) > rounding]
    if len(sides) < 3:
        return True
    following = np.roll(sides, -1, axis=0)
    # A corner that lies d pixels off the straight line through its neighbours makes a turn whose
    # cross product is d times the distance of the neighbours, at most the sum of the two sides.
    slack = rounding * (_length(sides) + _length(following))
    turns = _cross(sides, following)
    if (turns > slack).any() and (turns < -slack).any():
        return False
    dots = (sides * following).sum(axis=1)
    return bool(abs(np.arctan2(turns, dots).sum()) < 3 * np.pi)


def convex_hull(points: Any) -> NDArray[Any]:
    """Smallest convex polygon around points ``(N, 2)``.

    Andrew's monotone chain: the points are sorted by x, then the upper and the lower chain are
    built from left to right and back, dropping every point at which the chain does not turn
    clockwise. O(N log N).

    Parameters
    ----------
    points
        ``(N, 2)``, N >= 1, in any order, repeated or not.

    Returns
    -------
    array
        ``(K, 2)`` clockwise as seen on the screen from the leftmost point (the upper one of
        several). Points on a straight side are left out. K is 1 or 2 where all points are equal or
        on a line.

    References
    ----------
    A. M. Andrew, "Another efficient algorithm for convex hulls in two dimensions", Information
    Processing Letters 9(5), 1979.
    """
    return _typed(_hull(_one_list(points, "points")), points)


def _hull(points: Array) -> Array:
    by_x_then_y = points[np.lexsort((points[:, 1], points[:, 0]))]
    is_new = np.ones(len(points), dtype=bool)
    is_new[1:] = (by_x_then_y[1:] != by_x_then_y[:-1]).any(axis=1)
    ordered = [(x, y) for x, y in by_x_then_y[is_new].tolist()]
    if len(ordered) <= 2:
        return np.array(ordered)
    there, back = _half_hull(ordered), _half_hull(ordered[::-1])
    return np.array(there[:-1] + back[:-1])


def _half_hull(ordered: list[tuple[float, float]]) -> list[tuple[float, float]]:
    chain: list[tuple[float, float]] = []
    for x, y in ordered:
        while len(chain) >= 2:
            (x0, y0), (x1, y1) = chain[-2:]
            if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0:  # clockwise on the screen
                break
            chain.pop()
        chain.append((x, y))
    return chain


def min_area_rectangle(points: Any) -> NDArray[Any]:
    """Rotated box of least area around points ``(N, 2)``.

    One side of the smallest rectangle lies along a side of the convex hull. Rotating calipers try
    them all: as the supporting side moves on round the hull, the points that are farthest along it,
    across it and back move on round the hull too, so all rectangles together cost O(K) steps for a
    hull of K corners.

    Parameters
    ----------
    points
        ``(N, 2)``, N >= 1: ink, or the corners of a polygon.

    Returns
    -------
    array
        ``(5,)``, angle in [-pi/4, pi/4): points do not tell how a text reads. For lines of text
        see ``canonical_rotated_box(..., "long_side")``. Of several rectangles with the same area
        the one nearest to angle 0. Width or height is 0 where all points are equal or on a line.

    References
    ----------
    H. Freeman, R. Shapira, "Determining the minimum-area encasing rectangle for an arbitrary closed
    curve", Communications of the ACM 18(7), 1975. G. T. Toussaint, "Solving geometric problems with
    the rotating calipers", Proc. IEEE MELECON, 1983.
    """
    hull = _hull(_one_list(points, "points"))
    if len(hull) == 1:
        return _typed(np.array([*hull[0], 0.0, 0.0, 0.0]), points)
    angles, areas = _rotating_calipers(hull)
    angles = angles - np.floor(angles / (np.pi / 2) + 0.5) * (np.pi / 2)
    smallest = areas <= areas.min() * (1 + 1e-9)
    angle = min(angles[smallest], key=abs)
    return _typed(_enclose(hull, float(angle)), points)


def _rotating_calipers(hull: Array) -> tuple[Array, Array]:
    """Angle of each side of a clockwise hull, and the area of the rectangle that rests on it."""
    count = len(hull)
    sides = np.roll(hull, -1, axis=0) - hull
    lengths = _length(sides)
    areas = np.empty(count)
    ahead = across = behind = 1
    for i in range(count):
        along = sides[i] / lengths[i]
        down = np.array([-along[1], along[0]])
        ahead = max(ahead, i + 1)
        while sides[ahead % count] @ along > 0:
            ahead += 1
        across = max(across, ahead)
        while sides[across % count] @ down > 0:
            across += 1
        behind = max(behind, across)
        while sides[behind % count] @ along < 0:
            behind += 1
        width = (hull[ahead % count] - hull[behind % count]) @ along
        height = (hull[across % count] - hull[i]) @ down
        areas[i] = width * height
    return np.arctan2(-sides[:, 1], sides[:, 0]), areas


def _enclose(points: Array, angle: float) -> Array:
    """Smallest rotated box ``(5,)`` of the given angle around `points`."""
    along = np.array([np.cos(angle), -np.sin(angle)])
    down = np.array([np.sin(angle), np.cos(angle)])
    local = points - points[0]
    x, y = local @ along, local @ down
    center = points[0] + along * (x.min() + x.max()) / 2 + down * (y.min() + y.max()) / 2
    return np.array([*center, np.ptp(x), np.ptp(y), angle])


def point_in_polygon(points: Any, polygon: Any) -> Any:
    """Which of the points ``(..., 2)`` lie in one polygon ``(N, 2)``; bool ``(...)``.

    Counts how often a ray from the point to the right crosses the outline: an odd number of times
    means inside (the even-odd rule, so the doubly encircled middle of a five-pointed star drawn in
    one stroke is outside). A point exactly on the outline is inside. The polygon may be concave.
    """
    queries = _points(points, "points")
    corners = _one_list(polygon, "polygon", least=3)
    x, y = queries[..., 0], queries[..., 1]
    inside = np.zeros(queries.shape[:-1], dtype=bool)
    outline = np.zeros_like(inside)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        side = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        # One end is taken and the other left out, so that a ray through a corner counts once.
        spans = (y0 <= y) != (y1 <= y)
        inside ^= spans & ((side > 0) == (y1 > y0))
        within_x = (min(x0, x1) <= x) & (x <= max(x0, x1))
        within_y = (min(y0, y1) <= y) & (y <= max(y0, y1))
        outline |= (side == 0) & within_x & within_y
    return (inside | outline)[()]


def clip_polygon(subject: Any, clip: Any) -> NDArray[Any]:
    """Part of the polygon `subject` that lies in the convex polygon `clip`.

    Sutherland and Hodgman: `subject` is cut along each side of `clip` in turn. A cut keeps the
    corners on the inner side and adds one where the outline crosses the line.

    Parameters
    ----------
    subject
        ``(N, 2)``, simple. If it is concave and the clipping breaks it into pieces, these stay
        joined by bridges of no width along the sides of `clip`; the area is right even so.
    clip
        ``(M, 2)``, convex, either way round.

    Returns
    -------
    array
        ``(K, 2)`` in the orientation of `subject`; ``(0, 2)`` if nothing is left.

    Raises
    ------
    ValueError
        If `clip` is not convex.

    References
    ----------
    I. E. Sutherland, G. W. Hodgman, "Reentrant polygon clipping", Communications of the ACM 17(1),
    1974.
    """
    corners = _one_list(subject, "subject", least=3)
    window = _convex(clip, "clip")
    return _typed(_clip(corners, window), subject)


def _convex(polygon: Any, name: str) -> Array:
    """Return `polygon` clockwise and without superfluous corners, or refuse it."""
    corners = _one_list(polygon, name, least=3)
    if not _is_convex(corners):
        raise ValueError(
            f"{name} must be convex, got a concave or self-crossing polygon of {len(corners)} "
            "corners; order_quad mends four corners in a wrong order, convex_hull fills dents"
        )
    return _hull(corners)


def _clip(subject: Array, window: Array) -> Array:
    """Clip `subject` by a clockwise convex hull, which has no area if it has under 3 corners."""
    nothing = np.empty((0, 2))
    if len(window) < 3:
        return nothing
    polygon = subject
    for start, end in zip(window, np.roll(window, -1, axis=0), strict=True):
        side = _cross(end - start, polygon - start)  # > 0 inside
        next_side = np.roll(side, -1)
        inside, crosses = side >= 0, (side >= 0) != (next_side >= 0)
        fraction = side / np.where(crosses, side - next_side, 1.0)
        crossing = polygon + fraction[:, np.newaxis] * (np.roll(polygon, -1, axis=0) - polygon)
        # Each corner is followed by the crossing on the side that leaves it; keep what applies.
        candidates = np.stack([polygon, crossing], axis=1).reshape(-1, 2)
        polygon = candidates[np.stack([inside, crosses], axis=1).ravel()]
        if len(polygon) == 0:
            return nothing
    repeated = (polygon == np.roll(polygon, 1, axis=0)).all(axis=1)
    polygon = polygon[~repeated]
    return polygon if len(polygon) >= 3 else nothing


# --- Overlap --------------------------------------------------------------------------------------


def box_iou(first: Any, second: Any) -> Array:
    """Intersection over union of every box of one list with every box of another.

    Parameters
    ----------
    first, second
        ``(N, 4)`` and ``(M, 4)`` boxes; either may be empty.

    Returns
    -------
    array
        ``(N, M)`` float64 in [0, 1]. Boxes that only touch have 0, and so have boxes without area,
        even with themselves.
    """
    a, b = _box_list(first, "first"), _box_list(second, "second")
    low = np.maximum(a[:, np.newaxis, :2], b[:, :2])
    high = np.minimum(a[:, np.newaxis, 2:], b[:, 2:])
    intersection = np.prod(np.maximum(high - low, 0), axis=-1)
    area_a = np.prod(a[:, 2:] - a[:, :2], axis=-1)
    area_b = np.prod(b[:, 2:] - b[:, :2], axis=-1)
    return _over_union(intersection, area_a[:, np.newaxis], area_b)


def _box_list(value: Any, name: str) -> Array:
    array = np.asarray(value)
    boxes = _boxes(np.empty((0, 4)) if array.shape == (0,) else value, name)
    if boxes.ndim != 2:
        raise ValueError(f"{name} must have shape (N, 4), got {boxes.shape}")
    return boxes


def _rotated_box_list(value: Any, name: str) -> Array:
    array = np.asarray(value)
    boxes = _rotated_boxes(np.empty((0, 5)) if array.shape == (0,) else value, name)
    if boxes.ndim != 2:
        raise ValueError(f"{name} must have shape (N, 5), got {boxes.shape}")
    return boxes


def _over_union(intersection: Array, area_a: Array, area_b: Array) -> Array:
    """Intersection over union; 0 where the union is empty, and never above 1 by rounding."""
    union = area_a + area_b - intersection
    ratio = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
    return np.minimum(ratio, 1.0)


def polygon_iou(first: Any, second: Any) -> float:
    """Intersection over union of two convex polygons ``(N, 2)`` and ``(M, 2)``.

    Exact up to rounding: the intersection is found by clipping one with the other. Polygons without
    area have 0.

    Raises
    ------
    ValueError
        If a polygon is concave or crosses itself. The two have no single answer then that clipping
        could find; compare their rasters, or their convex hulls if that is what is meant.
    """
    a, b = _convex(first, "first"), _convex(second, "second")
    if len(a) < 3 or len(b) < 3:
        return 0.0
    origin = a.mean(axis=0)
    common = _clip(a - origin, b - origin)
    intersection = np.abs(_signed_area(common)) if len(common) else np.zeros(())
    return float(_over_union(intersection, np.abs(_signed_area(a)), np.abs(_signed_area(b))))


def rotated_box_iou(first: Any, second: Any) -> Array:
    """Intersection over union of every rotated box of one list with every one of another.

    The same clipping as in :func:`polygon_iou`, done for many pairs of rectangles at a time; pairs
    whose bounding boxes are disjoint are left out beforehand.

    Parameters
    ----------
    first, second
        ``(N, 5)`` and ``(M, 5)`` rotated boxes; either may be empty.

    Returns
    -------
    array
        ``(N, M)`` float64 in [0, 1]; 0 for boxes without area.
    """
    a, b = _rotated_box_list(first, "first"), _rotated_box_list(second, "second")
    quads_a, quads_b = _corners(a), _corners(b)
    low = np.maximum(quads_a.min(axis=1)[:, np.newaxis], quads_b.min(axis=1))
    high = np.minimum(quads_a.max(axis=1)[:, np.newaxis], quads_b.max(axis=1))
    rows, columns = np.nonzero((low < high).all(axis=-1))

    intersection = np.zeros((len(a), len(b)))
    for begin in range(0, len(rows), _PAIRS_AT_ONCE):
        i, j = rows[begin : begin + _PAIRS_AT_ONCE], columns[begin : begin + _PAIRS_AT_ONCE]
        intersection[i, j] = _intersection_areas(quads_a[i], quads_b[j])
    areas_a, areas_b = a[:, 2] * a[:, 3], b[:, 2] * b[:, 3]
    return _over_union(intersection, areas_a[:, np.newaxis], areas_b)


def _intersection_areas(subjects: Array, windows: Array) -> Array:
    """Area shared by each of K pairs of clockwise convex quads, ``(K, 4, 2)`` each.

    :func:`_clip` for K pairs at once. The polygons have different numbers of corners as soon as
    they are cut, so each row is filled up by repeating its first corner, which adds no area; a row
    with nothing left becomes a single point, repeated.
    """
    origin = windows.mean(axis=1, keepdims=True)
    polygons, windows = subjects - origin, windows - origin
    for k in range(windows.shape[1]):
        start, end = windows[:, k], windows[:, (k + 1) % windows.shape[1]]
        side = _cross((end - start)[:, np.newaxis], polygons - start[:, np.newaxis])
        next_side = np.roll(side, -1, axis=1)
        inside, crosses = side >= 0, (side >= 0) != (next_side >= 0)
        fraction = side / np.where(crosses, side - next_side, 1.0)
        onward = np.roll(polygons, -1, axis=1) - polygons
        crossing = polygons + fraction[..., np.newaxis] * onward
        candidates = np.stack([polygons, crossing], axis=2).reshape(len(polygons), -1, 2)
        kept = np.stack([inside, crosses], axis=2).reshape(len(polygons), -1)

        # A stable sort moves what is kept to the front of each row, in order.
        order = np.argsort(~kept, axis=1, kind="stable")
        counts = kept.sum(axis=1)
        slots = np.arange(max(int(counts.max(initial=0)), 1))
        slots = np.where(slots < counts[:, np.newaxis], slots, 0)
        chosen = np.take_along_axis(order, slots, axis=1)
        polygons = np.take_along_axis(candidates, chosen[..., np.newaxis], axis=1)
    return np.abs(_signed_area(polygons))


# --- Transformations ------------------------------------------------------------------------------


def transform_points(points: Any, matrix: Any) -> NDArray[Any]:
    """Apply a 3 x 3 matrix to points ``(..., 2)``: an affine map or a homography.

    Each point becomes ``(x, y, 1)``, is multiplied by `matrix` from the left, and the first two
    results are divided by the third. Polygons and batches of quads are points too.

    Raises
    ------
    ValueError
        If a shape is wrong, or a point has no image because the third result is 0: it lies on the
        line that a homography sends to infinity.
    """
    sources = _points(points, "points")
    transform = _numbers(matrix, "matrix")
    if transform.shape != (3, 3):
        raise ValueError(f"matrix must have shape (3, 3), got {transform.shape}")
    result = sources @ transform[:, :2].T + transform[:, 2]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        images = result[..., :2] / result[..., 2:]
    if not np.isfinite(images).all():
        raise ValueError(
            "points must have an image under matrix, got one that it sends to infinity"
        )
    return _typed(images, points)


def rotation_matrix(angle: float, center: Any = (0.0, 0.0)) -> Array:
    """3 x 3 matrix that turns points by `angle` counter-clockwise on the screen about `center`.

    It turns a rotated box of angle 0 into one of angle `angle` with the same centre.
    """
    turn = check_number(angle, "angle")
    cx, cy = _points(center, "center")
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.array(
        [
            [cosine, sine, cx - cosine * cx - sine * cy],
            [-sine, cosine, cy + sine * cx - cosine * cy],
            [0.0, 0.0, 1.0],
        ]
    )

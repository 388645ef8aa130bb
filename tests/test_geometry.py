import cv2
import numpy as np
import pytest
import shapely
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ocrlearn import geometry as g

SQUARE = np.array([(0, 0), (2, 0), (2, 2), (0, 2)], dtype=float)
PI = np.pi


# --- Random shapes


coordinates = st.floats(-100, 100).map(lambda x: round(x, 3))
whole = st.integers(-5, 5)
points = st.tuples(coordinates, coordinates)
grid_points = st.tuples(whole, whole)
angles = st.floats(-7, 7)
scales = st.sampled_from([1e-6, 1.0, 1e6])
seeds = st.integers(0, 2**32 - 1)


@st.composite
def boxes(draw, values=coordinates):
    x0, x1 = sorted([draw(values), draw(values)])
    y0, y1 = sorted([draw(values), draw(values)])
    return (x0, y0, x1, y1)


@st.composite
def rotated_boxes(draw):
    """Anything from a point to a 100 x 100 square, often with a side or a corner on a grid."""
    center = draw(points | grid_points)
    size = st.floats(0.01, 100) | st.integers(1, 6).map(float)
    angle = draw(angles | st.integers(-8, 8).map(lambda k: k * PI / 8))
    return (*center, draw(size), draw(size), angle)


@st.composite
def convex_polygons(draw, values=points | grid_points):
    """Hulls with an area: of points anywhere, or on a small grid, where they touch and nest."""
    corners = np.array(draw(st.lists(values, min_size=3, max_size=9)), dtype=float)
    hull = g.convex_hull(corners)
    assume(len(hull) >= 3 and g.polygon_area(hull) > 1e-3)
    return hull


def shapely_iou(a, b):
    first, second = shapely.Polygon(a), shapely.Polygon(b)
    union = first.union(second).area
    return first.intersection(second).area / union if union else 0.0


def same_polygon(a, b):
    """Equal up to the corner they start at."""
    a, b = np.asarray(a), np.asarray(b)
    return len(a) == len(b) and any(np.allclose(np.roll(a, k, axis=0), b) for k in range(len(a)))


# --- Conventions


def test_angle_is_counter_clockwise_on_the_screen():
    # A box 4 wide and 2 high about the origin; corners in the order of the text, y down.
    upright = [(-2, -1), (2, -1), (2, 1), (-2, 1)]
    climbing = [(-1, 2), (-1, -2), (1, -2), (1, 2)]  # read upwards: starts bottom left
    upside_down = [(2, 1), (-2, 1), (-2, -1), (2, -1)]  # starts bottom right
    falling = [(1, -2), (1, 2), (-1, 2), (-1, -2)]  # read downwards: starts top right
    for angle, corners in [
        (0, upright),
        (PI / 2, climbing),
        (PI, upside_down),
        (-PI / 2, falling),
        (2 * PI, upright),
    ]:
        quad = g.rotated_box_to_quad((0, 0, 4, 2, angle))
        np.testing.assert_allclose(quad, corners, atol=1e-6)
        assert g.is_clockwise(quad)


def test_a_line_that_climbs_to_the_right_has_a_positive_angle():
    quad = g.rotated_box_to_quad((50.0, 50.0, 40.0, 10.0, PI / 6))
    middle_of_left, middle_of_right = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
    assert middle_of_right[0] > middle_of_left[0]
    assert middle_of_right[1] < middle_of_left[1]
    np.testing.assert_allclose(np.hypot(*(quad[1] - quad[0])), 40, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*(quad[3] - quad[0])), 10, rtol=1e-6)


def test_a_quarter_turn_of_a_non_square_box_swaps_its_bounding_box():
    np.testing.assert_allclose(g.rotated_box_to_box((10, 20, 6, 2, 0)), (7, 19, 13, 21))
    np.testing.assert_allclose(g.rotated_box_to_box((10, 20, 6, 2, PI / 2)), (9, 17, 11, 23))


def test_clockwise_as_seen_on_the_screen():
    assert g.is_clockwise(SQUARE)  # right along the top, then down
    assert not g.is_clockwise(SQUARE[::-1])
    assert g.signed_area(SQUARE) == 4
    assert g.signed_area(SQUARE[::-1]) == -4


def test_types_of_coordinates():
    as_double = np.array([0.0, 0, 4, 2])
    assert g.box_to_quad(as_double).dtype == np.float64
    for box in [(0, 0, 4, 2), [0.0, 0.0, 4.0, 2.0], as_double.astype(np.float32), np.arange(4)]:
        assert g.box_to_quad(box).dtype == np.float32
    assert g.order_quad(SQUARE.astype(np.float32)).dtype == np.float32
    assert g.convex_hull(SQUARE).dtype == np.float64
    assert g.convex_hull(SQUARE.astype(int)).dtype == np.float32
    assert g.box_iou(as_double[np.newaxis], [[0, 0, 1, 1]]).dtype == np.float64


def test_arguments_are_not_modified():
    counter_clockwise = SQUARE[::-1].copy()
    box = np.array([[1.0, 2, 3, 4, 5]])
    for function in (g.make_clockwise, g.order_quad, g.convex_hull, g.min_area_rectangle):
        function(counter_clockwise)
    g.canonical_rotated_box(box, "long_side")
    np.testing.assert_array_equal(counter_clockwise, SQUARE[::-1])
    np.testing.assert_array_equal(box, [[1, 2, 3, 4, 5]])


# --- Conversions


def test_box_to_quad_by_hand():
    np.testing.assert_array_equal(g.box_to_quad((1, 2, 5, 4)), [(1, 2), (5, 2), (5, 4), (1, 4)])
    np.testing.assert_array_equal(g.box_to_rotated_box((1, 2, 5, 4)), (3, 3, 4, 2, 0))
    np.testing.assert_array_equal(g.polygon_to_box([(3, 1), (0, 2), (4, 7)]), (0, 1, 4, 7))


@given(boxes())
def test_box_round_trips(box):
    box = np.array(box)
    np.testing.assert_allclose(g.polygon_to_box(g.box_to_quad(box)), box)
    np.testing.assert_allclose(g.rotated_box_to_box(g.box_to_rotated_box(box)), box, atol=1e-12)
    np.testing.assert_allclose(
        g.rotated_box_to_quad(g.box_to_rotated_box(box)), g.box_to_quad(box), atol=1e-12
    )


@given(rotated_boxes())
@example((0, 0, 4, 2, PI))
@example((0, 0, 4, 2, -PI))
def test_rotated_box_round_trip_keeps_the_reading_direction(box):
    box = np.array(box)
    again = g.quad_to_rotated_box(g.rotated_box_to_quad(box))
    np.testing.assert_allclose(again[:4], box[:4], atol=1e-9)
    turns = (again[4] - box[4]) / (2 * PI)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)
    assert -PI <= again[4] <= PI


def test_text_read_to_the_left_has_angle_pi():
    assert g.quad_to_rotated_box([(2, 1), (-2, 1), (-2, -1), (2, -1)])[4] == np.float32(PI)


def test_quad_to_rotated_box_of_a_trapezoid():
    # Top 4 long, bottom 8, both sides 2 across and 3 down.
    box = g.quad_to_rotated_box([(2.0, 0), (6, 0), (8, 3), (0, 3)])
    np.testing.assert_allclose(box, (4, 1.5, 6, np.hypot(2, 3), 0), rtol=1e-6)


def test_quad_to_rotated_box_refuses_counter_clockwise_quads():
    with pytest.raises(ValueError, match="quad must be clockwise as seen on the screen"):
        g.quad_to_rotated_box(SQUARE[::-1])
    assert g.quad_to_rotated_box(g.make_clockwise(SQUARE[::-1])).shape == (5,)


@pytest.mark.parametrize("leading", [(), (0,), (3,), (2, 3)])
def test_conversions_keep_leading_dimensions(leading):
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 9, (*leading, 2, 2)), axis=-2)
    box = corners.reshape(*leading, 4)
    rotated = np.concatenate([box, rng.uniform(-9, 9, (*leading, 1))], axis=-1)
    quad = g.rotated_box_to_quad(rotated)
    for function, batch, tail in [
        (g.box_to_quad, box, (4, 2)),
        (g.box_to_rotated_box, box, (5,)),
        (g.rotated_box_to_quad, rotated, (4, 2)),
        (g.rotated_box_to_box, rotated, (4,)),
        (g.canonical_rotated_box, rotated, (5,)),
        (g.quad_to_rotated_box, quad, (5,)),
        (g.polygon_to_box, quad, (4,)),
        (g.order_quad, quad, (4, 2)),
        (g.make_clockwise, quad, (4, 2)),
        (g.polygon_area, quad, ()),
        (g.is_clockwise, quad, ()),
    ]:
        result = function(batch)
        assert np.shape(result) == leading + tail
        for index in np.ndindex(leading):
            np.testing.assert_array_equal(result[index], function(batch[index]))


@given(rotated_boxes(), st.sampled_from(["upright", "long_side"]))
def test_canonical_rotated_box_is_the_same_rectangle(box, convention):
    box = np.array(box)
    canonical = g.canonical_rotated_box(box, convention)
    before, after = g.rotated_box_to_quad(box), g.rotated_box_to_quad(canonical)
    distance = np.linalg.norm(before[:, np.newaxis] - after, axis=-1)
    np.testing.assert_allclose(distance.min(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(distance.min(axis=1), 0, atol=1e-9)
    if convention == "upright":
        assert -PI / 4 - 1e-9 <= canonical[4] < PI / 4 + 1e-9
    else:
        assert canonical[2] >= canonical[3]
        assert np.deg2rad(-95) - 1e-9 <= canonical[4] < np.deg2rad(85) + 1e-9


def test_canonical_rotated_box_by_hand():
    cases = [
        # (w, h, angle), upright, long side
        ((4, 2, 0), (4, 2, 0), (4, 2, 0)),
        ((4, 2, PI), (4, 2, 0), (4, 2, 0)),
        ((4, 2, PI / 2), (2, 4, 0), (4, 2, -PI / 2)),
        ((2, 4, 0), (2, 4, 0), (4, 2, -PI / 2)),
        ((4, 2, PI / 4), (2, 4, -PI / 4), (4, 2, PI / 4)),
        ((4, 2, 1.0), (2, 4, 1.0 - PI / 2), (4, 2, 1.0)),
        ((4, 2, PI / 2 + 0.01), (2, 4, 0.01), (4, 2, -PI / 2 + 0.01)),
        ((4, 2, PI / 2 - 0.01), (2, 4, -0.01), (4, 2, -PI / 2 - 0.01)),
        ((4, 2, PI / 2 - 0.1), (2, 4, -0.1), (4, 2, PI / 2 - 0.1)),
        ((3, 3, -PI / 4), (3, 3, -PI / 4), (3, 3, -PI / 4)),
    ]
    for box, upright, long_side in cases:
        box = np.array([0, 0, *box])
        np.testing.assert_allclose(g.canonical_rotated_box(box)[2:], upright, atol=1e-12)
        np.testing.assert_allclose(
            g.canonical_rotated_box(box, "long_side")[2:], long_side, atol=1e-12
        )
    with pytest.raises(ValueError, match="convention must be one of 'upright', 'long_side'"):
        g.canonical_rotated_box((0, 0, 1, 1, 0), "opencv")


def test_slices_and_boxes():
    np.testing.assert_array_equal(g.slices_to_box(slice(1, 4), slice(3, 6)), (2.5, 0.5, 5.5, 3.5))
    # The centres of pixels 3, 4 and 5 lie in [2.2, 5.5); of rows -1 and 0, one is in the image.
    assert g.box_to_slices((2.2, -1, 5.5, 1), (10, 10, 3)) == (slice(0, 1), slice(3, 6))
    assert g.box_to_slices((20, 20, 30, 30), (10, 10)) == (slice(10, 10), slice(10, 10))
    # Two boxes side by side share no pixel and leave none out.
    left, right = (0.0, 0, 5, 1), (5.0, 0, 9, 1)
    assert g.box_to_slices(left, (9, 9))[1].stop == g.box_to_slices(right, (9, 9))[1].start


@given(st.tuples(*[st.integers(0, 30)] * 4))
def test_slices_survive_the_way_through_a_box(edges):
    (top, bottom), (left, right) = sorted(edges[:2]), sorted(edges[2:])
    rows, columns = slice(top, bottom), slice(left, right)
    assert g.box_to_slices(g.slices_to_box(rows, columns), (30, 30)) == (rows, columns)


@pytest.mark.parametrize("part", [slice(None, 3), slice(0, 4, 2), slice(-2, 3), slice(3, 1)])
def test_slices_that_are_refused(part):
    with pytest.raises(ValueError, match="rows must"):
        g.slices_to_box(part, slice(0, 1))


# --- Order of the corners


@given(rotated_boxes(), st.permutations(range(4)))
def test_order_quad_restores_a_shuffled_rectangle(box, order):
    box = np.array(box)
    assume(abs(box[4] % (PI / 2) - PI / 4) > 1e-3)  # at 45 degrees see below
    quad = g.rotated_box_to_quad(g.canonical_rotated_box(box))
    np.testing.assert_array_equal(g.order_quad(quad[order]), quad)


@given(seeds)
def test_order_quad_never_loses_a_corner_and_never_crosses(seed):
    rng = np.random.default_rng(seed)
    four = rng.uniform(0, 100, (4, 2))
    quad = g.order_quad(four)
    assert sorted(map(tuple, quad)) == sorted(map(tuple, four))
    assert shapely.Polygon(quad).is_valid
    if len(g.convex_hull(four)) == 4:
        assert same_polygon(quad, g.convex_hull(four))


def order_by_sum_and_difference(corners):
    sums, differences = corners.sum(axis=1), corners[:, 1] - corners[:, 0]
    return corners[
        [np.argmin(sums), np.argmin(differences), np.argmax(sums), np.argmax(differences)]
    ]


def test_order_quad_where_sum_and_difference_fail():
    # At 45 degrees the upper and the left corner have the same x + y.
    diamond = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)], dtype=float)
    assert len(np.unique(order_by_sum_and_difference(diamond), axis=0)) < 4
    for k in range(4):
        np.testing.assert_array_equal(g.order_quad(np.roll(diamond, k, axis=0)), diamond)

    # Slanted letters on a line that falls by 35 degrees: two corners are lost already.
    slanted = np.array([(0, 0), (82, 57), (72, 65), (-10, 8)], dtype=float)
    assert len(np.unique(order_by_sum_and_difference(slanted), axis=0)) == 2
    for k in range(4):
        np.testing.assert_array_equal(g.order_quad(np.roll(slanted, k, axis=0)), slanted)


def test_order_quad_reads_a_sheared_line_along_its_length():
    # Text on a house front seen from the side: uprights stay upright, the line climbs steeply.
    sheared = np.array([(0, 0), (100, -120), (100, -100), (0, 20)], dtype=float)
    for k in range(4):
        np.testing.assert_array_equal(g.order_quad(np.roll(sheared, k, axis=0)), sheared)
    np.testing.assert_array_equal(g.order_quad(sheared[::-1]), sheared)


@given(angles, st.permutations(range(4)))
@example(PI / 4, [0, 1, 2, 3])
@example(-PI / 4, [2, 1, 0, 3])
def test_order_quad_does_not_depend_on_the_order_given(angle, order):
    quad = g.rotated_box_to_quad(np.array([7.0, 5, 30, 10, angle]))
    np.testing.assert_array_equal(g.order_quad(quad[order]), g.order_quad(quad))


def test_order_quad_at_45_degrees_runs_downwards():
    for angle in (PI / 4, -PI / 4, 3 * PI / 4):
        quad = g.order_quad(g.rotated_box_to_quad(np.array([7.0, 5, 30, 10, angle])))
        assert g.quad_to_rotated_box(quad)[4] == pytest.approx(-PI / 4)


def test_make_clockwise_keeps_the_first_corner():
    np.testing.assert_array_equal(
        g.make_clockwise([(0, 0), (0, 2), (2, 2), (2, 0)]), [(0, 0), (2, 0), (2, 2), (0, 2)]
    )
    both = np.stack([SQUARE, SQUARE[::-1]])
    assert g.is_clockwise(g.make_clockwise(both)).all()
    np.testing.assert_array_equal(g.make_clockwise(both)[0], SQUARE)
    flat = [(0, 0), (1, 1), (2, 2)]
    np.testing.assert_array_equal(g.make_clockwise(flat), flat)


# --- Areas, hulls, rectangles


def test_areas_by_hand():
    assert g.polygon_area([(0, 0), (4, 0), (0, 3)]) == 6
    assert g.polygon_area([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]) == 10  # a dent
    assert g.polygon_area([(0, 0), (1, 1), (2, 2)]) == 0
    assert g.signed_area([(0, 0), (2, 2), (2, 0), (0, 2)]) == 0  # a figure of eight


@given(seeds, st.integers(3, 12), scales, st.sampled_from([0.0, 1e4]), st.booleans())
def test_signed_area_is_shapelys(seed, count, scale, offset, backwards):
    rng = np.random.default_rng(seed)
    turn = (np.arange(count) + rng.uniform(0, 0.4, count)) * 2 * PI / count
    radius = scale * rng.uniform(0.2, 1, (count, 1))
    star = offset + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    sign = -1 if backwards else 1  # with y down, growing angles go clockwise
    wanted = sign * shapely.Polygon(star - offset).area
    rounding = 1e-12 * scale * max(scale, offset)
    assert g.signed_area(star[::sign]) == pytest.approx(wanted, rel=1e-9, abs=rounding)


def test_area_far_from_the_origin_is_not_lost():
    assert g.polygon_area(SQUARE * 1e-3 + 1e9) == pytest.approx(4e-6, rel=1e-3)


@given(st.lists(points | grid_points, min_size=1, max_size=20))
def test_convex_hull_is_shapelys(cloud):
    cloud = np.array(cloud, dtype=float)
    hull = g.convex_hull(cloud)
    wanted = shapely.MultiPoint(cloud).convex_hull
    if len(hull) >= 3:
        assert shapely.Polygon(hull).symmetric_difference(wanted).area < 1e-9
        assert g.is_clockwise(hull)
        assert g.is_convex(hull)
    else:
        assert wanted.area < 1e-9
    assert {tuple(p) for p in hull} <= {tuple(p) for p in cloud}


def test_convex_hull_by_hand():
    cloud = [(0, 0), (1, 0), (2, 0), (2, 2), (1, 1), (0, 2), (0, 0)]
    np.testing.assert_array_equal(g.convex_hull(cloud), SQUARE)
    np.testing.assert_array_equal(g.convex_hull([(3, 4)] * 5), [(3, 4)])
    np.testing.assert_array_equal(g.convex_hull([(2, 2), (0, 0), (1, 1)]), [(0, 0), (2, 2)])


@pytest.mark.parametrize(
    ("polygon", "convex"),
    [
        (SQUARE, True),
        (SQUARE[::-1], True),
        ([(0, 0), (1, 0), (2, 0), (2, 2), (2, 2), (0, 2)], True),  # straight and repeated corners
        ([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)], False),  # a dent
        ([(0, 0), (2, 2), (2, 0), (0, 2)], False),  # a figure of eight
        ([(np.cos(a), np.sin(a)) for a in 4 * PI / 5 * np.arange(5)], False),  # a pentagram
        ([*SQUARE, *SQUARE], False),  # twice round
        ([(0, 0), (1, 1), (3, 3)], True),  # no area
        ([(5, 5)] * 4, True),
    ],
)
def test_is_convex(polygon, convex):
    assert g.is_convex(polygon) is convex


@given(convex_polygons(), seeds)
def test_rounding_to_float32_does_not_make_a_convex_polygon_concave(hull, seed):
    # Corners put on the sides turn a little the wrong way once they are rounded.
    share = np.random.default_rng(seed).uniform(0, 1, (len(hull), 1))
    between = hull + share * (np.roll(hull, -1, axis=0) - hull)
    dense = np.stack([hull, between], axis=1).reshape(-1, 2) + 1000
    assert g.is_convex(dense.astype(np.float32))


def smallest_rectangle_by_trying_all(points):
    hull = g.convex_hull(points)
    sides = np.roll(hull, -1, axis=0) - hull
    areas = []
    for x, y in sides[np.hypot(*sides.T) > 0]:
        turned = hull @ np.array([[x, -y], [y, x]]) / np.hypot(x, y)
        areas.append(np.prod(np.ptp(turned, axis=0)))
    return min(areas)


@given(convex_polygons())
def test_min_area_rectangle_is_smallest_and_covers(cloud):
    box = g.min_area_rectangle(cloud)
    assert box[2] * box[3] == pytest.approx(smallest_rectangle_by_trying_all(cloud), rel=1e-6)
    assert -PI / 4 <= box[4] < PI / 4
    grown = np.concatenate([box[:2], box[2:4] + 1e-6, box[4:]])
    assert g.point_in_polygon(cloud, g.rotated_box_to_quad(grown)).all()


@given(st.integers(0, 1000))
def test_min_area_rectangle_has_opencvs_area(seed):
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(rng.integers(3, 60), 2)).astype(np.float32) * (30, 10)
    _, size, _ = cv2.minAreaRect(cloud.astype(np.float32))
    box = g.min_area_rectangle(cloud)
    assert box[2] * box[3] == pytest.approx(size[0] * size[1], rel=1e-4)


@given(rotated_boxes())
def test_min_area_rectangle_finds_a_rectangle_again(box):
    box = np.array(box)
    found = g.min_area_rectangle(g.rotated_box_to_quad(box))
    assert g.rotated_box_iou([box], [found])[0, 0] > 1 - 1e-6


@pytest.mark.parametrize("corners", [8, 16, 24, 32])
@pytest.mark.parametrize("radius", [1, 7.3, 1000])
def test_min_area_rectangle_takes_the_upright_one_of_equals(corners, radius):
    # A regular polygon fits as well at every multiple of the angle between its sides.
    turn = (np.arange(corners) + 0.5) * 2 * PI / corners
    box = g.min_area_rectangle(radius * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    side = 2 * radius * np.cos(PI / corners)
    np.testing.assert_allclose(box, (0, 0, side, side, 0), atol=1e-9 * radius)


@pytest.mark.parametrize(
    ("cloud", "box"),
    [
        ([(3.0, 4.0)], (3, 4, 0, 0, 0)),
        ([(3, 4), (3, 4)], (3, 4, 0, 0, 0)),
        ([(0, 0), (4, 0), (2, 0)], (2, 0, 4, 0, 0)),
        ([(0, 0), (0, 4)], (0, 2, 0, 4, 0)),
        ([(0, 0), (1, 1)], (0.5, 0.5, np.sqrt(2), 0, -PI / 4)),
        (SQUARE, (1, 1, 2, 2, 0)),
        ([(1, 0), (2, 1), (1, 2), (0, 1)], (1, 1, np.sqrt(2), np.sqrt(2), -PI / 4)),
    ],
)
def test_min_area_rectangle_by_hand(cloud, box):
    np.testing.assert_allclose(g.min_area_rectangle(cloud), box, atol=1e-6)


# --- Points and clipping


@given(st.lists(points | grid_points, min_size=3, max_size=8), st.lists(grid_points, min_size=1))
def test_point_in_polygon_agrees_with_shapely(corners, queries):
    polygon = shapely.Polygon(corners)
    assume(polygon.is_valid and polygon.area > 1e-3)
    inside = g.point_in_polygon(queries, corners)
    for query, answer in zip(queries, inside, strict=True):
        if shapely.distance(polygon.exterior, shapely.Point(query)) > 1e-9:
            assert answer == polygon.contains(shapely.Point(query))


def test_point_in_polygon_by_hand():
    dented = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]
    queries = [(2, 0.5), (2, 3), (1, 1), (5, 1), (-1, 0)]
    assert g.point_in_polygon(queries, dented).tolist() == [True, False, True, False, False]
    on_the_outline = [(0, 0), (4, 4), (2, 1), (2, 0), (4, 2), (0, 3), (3, 2.5), (1, 2.5)]
    assert g.point_in_polygon(on_the_outline, dented).all()
    assert not g.point_in_polygon(
        [(-1, 4), (2, 4), (5, 4), (5, 0)], dented
    ).any()  # level with corners
    assert g.point_in_polygon((1, 1), SQUARE)
    assert g.point_in_polygon((1, 1), SQUARE[::-1])
    assert g.point_in_polygon(np.zeros((3, 4, 2)), SQUARE).shape == (3, 4)


def test_point_in_polygon_leaves_out_the_middle_of_a_pentagram():
    star = [(np.cos(a), np.sin(a)) for a in 4 * PI / 5 * np.arange(5)]
    assert not g.point_in_polygon((0, 0), star)
    assert g.point_in_polygon((0.8, 0), star)


def test_clip_polygon_by_hand():
    window = SQUARE + 1
    assert same_polygon(g.clip_polygon(SQUARE, window), [(1, 1), (2, 1), (2, 2), (1, 2)])
    assert same_polygon(g.clip_polygon(SQUARE, window[::-1]), [(1, 1), (2, 1), (2, 2), (1, 2)])
    assert same_polygon(g.clip_polygon(SQUARE, SQUARE * 5 - 4), SQUARE)
    assert same_polygon(g.clip_polygon(SQUARE * 5 - 4, SQUARE), SQUARE)
    assert g.clip_polygon(SQUARE, SQUARE + 5).shape == (0, 2)
    assert g.clip_polygon(SQUARE, SQUARE + 2).shape == (0, 2)  # a corner touches
    assert g.clip_polygon(SQUARE, [(1, 1)] * 3).shape == (0, 2)
    assert g.clip_polygon(SQUARE, [(0, 0), (1, 1), (2, 2)]).shape == (0, 2)
    assert g.polygon_area(g.clip_polygon([(0, 0), (4, 0), (2, 4)], SQUARE)) == 3
    assert not g.is_clockwise(g.clip_polygon(SQUARE[::-1], window))


@given(st.lists(points | grid_points, min_size=3, max_size=8), convex_polygons())
def test_clip_polygon_has_the_area_of_the_intersection(corners, window):
    subject = shapely.Polygon(corners)
    assume(subject.is_valid and subject.area > 1e-3)
    clipped = g.clip_polygon(np.array(corners, dtype=float), window)
    area = g.polygon_area(clipped) if len(clipped) else 0.0
    wanted = subject.intersection(shapely.Polygon(window)).area
    assert area == pytest.approx(wanted, rel=1e-6, abs=1e-6)


# --- Overlap


def test_box_iou_by_hand():
    boxes = [(0, 0, 2, 2), (1, 1, 3, 3), (2, 0, 4, 2), (0, 0, 1, 2), (1, 1, 1, 1)]
    np.testing.assert_allclose(g.box_iou(boxes[:1], boxes), [[1, 1 / 7, 0, 1 / 2, 0]])
    assert g.box_iou([(1, 1, 1, 1)], [(1, 1, 1, 1)]) == 0


@given(st.lists(boxes(whole) | boxes(), max_size=4), st.lists(boxes(whole) | boxes(), max_size=4))
def test_box_iou_is_shapelys(first, second):
    iou = g.box_iou(first, second)
    assert iou.shape == (len(first), len(second))
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            assert iou[i, j] == pytest.approx(
                shapely_iou(g.box_to_quad(np.array(a)), g.box_to_quad(np.array(b))), abs=1e-9
            )


@given(convex_polygons(), convex_polygons(), scales)
def test_polygon_iou_is_shapelys(a, b, scale):
    iou = g.polygon_iou(a * scale, b * scale)
    assert iou == pytest.approx(shapely_iou(a, b), abs=1e-8)
    assert iou == pytest.approx(g.polygon_iou(b[::-1] * scale, a * scale), abs=1e-9)
    assert 1 - 1e-9 < g.polygon_iou(a * scale, a * scale) <= 1


def test_polygon_iou_by_hand():
    assert g.polygon_iou(SQUARE, SQUARE + 1) == pytest.approx(1 / 7)
    assert g.polygon_iou(SQUARE, SQUARE + np.array((2, 0))) == 0  # touching
    assert g.polygon_iou(SQUARE, SQUARE + np.array((9, 0))) == 0
    assert g.polygon_iou(SQUARE, SQUARE / 2) == 0.25  # nested, sharing a corner
    assert g.polygon_iou(SQUARE, [(0, 0), (1, 1), (2, 2)]) == 0  # without area
    # A square and the same square turned by 45 degrees share a regular octagon.
    diamond = g.rotated_box_to_quad(np.array([1, 1, 2, 2, PI / 4]))
    octagon = 8 * (np.sqrt(2) - 1)
    assert g.polygon_iou(SQUARE, diamond) == pytest.approx(octagon / (8 - octagon))


def test_polygon_iou_refuses_what_is_not_convex():
    dented = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]
    with pytest.raises(ValueError, match=r"first must be convex, got a concave .* of 5 corners"):
        g.polygon_iou(dented, SQUARE)
    with pytest.raises(ValueError, match=r"second must be convex.*order_quad mends"):
        g.polygon_iou(SQUARE, SQUARE[[0, 2, 1, 3]])
    with pytest.raises(ValueError, match="clip must be convex"):
        g.clip_polygon(SQUARE, dented)


@given(st.lists(rotated_boxes(), max_size=4), st.lists(rotated_boxes(), max_size=4), scales)
def test_rotated_box_iou_is_shapelys(first, second, scale):
    factor = np.array([scale] * 4 + [1])
    first, second = np.array(first).reshape(-1, 5), np.array(second).reshape(-1, 5)
    iou = g.rotated_box_iou(first * factor, second * factor)
    assert iou.shape == (len(first), len(second))
    for i, a in enumerate(g.rotated_box_to_quad(first)):
        for j, b in enumerate(g.rotated_box_to_quad(second)):
            assert iou[i, j] == pytest.approx(shapely_iou(a, b), abs=1e-7)


@given(st.lists(rotated_boxes(), min_size=1, max_size=5), seeds)
def test_rotated_box_iou_of_nearly_equal_boxes(boxes, seed):
    # Sides that coincide up to rounding are where clipping goes wrong if it goes wrong anywhere.
    boxes = np.array(boxes)
    noise = np.random.default_rng(seed).choice([0, 1e-15, -1e-15, 1e-12, -1e-12], boxes.shape)
    iou = np.diag(g.rotated_box_iou(boxes, boxes + noise))
    np.testing.assert_allclose(iou, 1, atol=1e-8)
    assert (iou <= 1).all()


def test_rotated_box_iou_is_box_iou_at_angle_0():
    rng = np.random.default_rng(3)
    boxes = np.sort(rng.integers(0, 6, (40, 2, 2)), axis=1).reshape(40, 4)
    rotated = g.box_to_rotated_box(boxes)
    np.testing.assert_allclose(
        g.rotated_box_iou(rotated, rotated), g.box_iou(boxes, boxes), atol=1e-12
    )


def test_rotated_box_iou_in_several_portions(monkeypatch):
    rng = np.random.default_rng(4)
    boxes = np.column_stack(
        [rng.uniform(0, 30, (50, 2)), rng.uniform(1, 20, (50, 2)), rng.uniform(-4, 4, 50)]
    )
    at_once = g.rotated_box_iou(boxes, boxes)
    monkeypatch.setattr(g, "_PAIRS_AT_ONCE", 7)
    np.testing.assert_allclose(g.rotated_box_iou(boxes, boxes), at_once, atol=1e-12)


def test_three_slanted_lines_overlap_as_boxes_but_not_as_rotated_boxes():
    # Lines of text 100 long and 10 high, 14 apart, at 45 degrees: why box NMS loses the middle one.
    down = np.array([np.sin(PI / 4), np.cos(PI / 4)])
    lines = np.array([[*(14 * k * down), 100, 10, PI / 4] for k in range(3)])
    assert g.rotated_box_iou(lines, lines).sum() == pytest.approx(3)
    bounds = g.rotated_box_to_box(lines)
    assert g.box_iou(bounds, bounds)[0, 1] == pytest.approx(0.615, abs=5e-4)


# --- Transformations


def test_rotation_matrix_turns_counter_clockwise_on_the_screen():
    quarter = g.rotation_matrix(PI / 2)
    np.testing.assert_allclose(g.transform_points((1.0, 0.0), quarter), (0, -1), atol=1e-7)
    about = g.rotation_matrix(0.7, center=(3, 4))
    np.testing.assert_allclose(g.transform_points((3, 4), about), (3, 4), rtol=1e-6)


@given(rotated_boxes(), angles)
def test_rotation_matrix_adds_to_the_angle_of_a_rotated_box(box, angle):
    box = np.array(box)
    turned = g.transform_points(g.rotated_box_to_quad(box), g.rotation_matrix(angle, box[:2]))
    wanted = g.rotated_box_to_quad(box + np.array([0, 0, 0, 0, angle]))
    np.testing.assert_allclose(turned, wanted, atol=1e-9)


@given(seeds)
def test_transform_points_is_opencvs_perspective(seed):
    rng = np.random.default_rng(seed)
    source, target = SQUARE * 50 + rng.uniform(0, 9, (2, 4, 2))
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    queries = rng.uniform(0, 100, (5, 6, 2))
    wanted = cv2.perspectiveTransform(queries, matrix)
    np.testing.assert_allclose(g.transform_points(queries, matrix), wanted, rtol=1e-9, atol=1e-9)


def test_transform_points_by_hand():
    shift = np.array([[1, 0, 5], [0, 1, -2], [0, 0, 1]])
    np.testing.assert_array_equal(g.transform_points([(1, 1), (0, 0)], shift), [(6, -1), (5, -2)])
    assert g.transform_points(np.zeros((0, 2)), shift).shape == (0, 2)
    horizon = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    with pytest.raises(ValueError, match="got one that it sends to infinity"):
        g.transform_points([(1, 0), (0, 5)], horizon)


# --- What is refused


@pytest.mark.parametrize(
    ("function", "argument", "message"),
    [
        (g.box_to_quad, (0, 0, 1), r"box must have shape \(..., 4\), got \(3,\)"),
        (g.box_to_quad, [(0, 0, 1, 1), (2, 0, 1, 1)], r"x0 <= x1 .*, got \[2\. 0\. 1\. 1\.\]"),
        (g.box_to_quad, 7, r"box must have shape \(..., 4\), got \(\)"),
        (g.box_to_rotated_box, (0, 0, np.nan, 1), "box must be finite"),
        (g.rotated_box_to_quad, (0, 0, 1, 1), r"rotated_box must have shape \(..., 5\)"),
        (g.rotated_box_to_quad, (0, 0, -1, 1, 0), "with w >= 0 and h >= 0"),
        (g.quad_to_rotated_box, SQUARE[:3], r"quad must have shape \(..., 4, 2\), got \(3, 2\)"),
        (g.order_quad, np.zeros((5, 2)), r"corners must have shape \(..., 4, 2\)"),
        (g.polygon_to_box, np.zeros((0, 2)), "N >= 1"),
        (g.polygon_area, np.zeros((2, 2)), r"polygon must have shape .* N >= 3, got \(2, 2\)"),
        (g.is_clockwise, np.zeros((4, 3)), "polygon must have shape"),
        (g.is_convex, np.zeros((2, 4, 2)), r"polygon must have shape \(N, 2\) with N >= 3"),
        (g.convex_hull, [], r"points must have shape \(..., 2\), got \(0,\)"),
        (g.convex_hull, np.zeros((0, 2)), r"points must have shape \(N, 2\) with N >= 1"),
        (g.convex_hull, [(0, np.inf)], "points must be finite"),
        (g.min_area_rectangle, np.zeros((0, 2)), "N >= 1"),
    ],
)
def test_refused_shapes_and_values(function, argument, message):
    with pytest.raises(ValueError, match=message):
        function(argument)


def test_refused_arguments_of_two():
    with pytest.raises(ValueError, match=r"second must have shape \(N, 4\), got \(4,\)"):
        g.box_iou([(0, 0, 1, 1)], (0, 0, 1, 1))
    with pytest.raises(ValueError, match=r"first must have shape \(N, 5\), got \(5,\)"):
        g.rotated_box_iou((0, 0, 1, 1, 0), [])
    with pytest.raises(ValueError, match=r"matrix must have shape \(3, 3\), got \(2, 3\)"):
        g.transform_points((0, 0), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"box must have shape \(4,\)"):
        g.box_to_slices([(0, 0, 1, 1)], (5, 5))
    with pytest.raises(ValueError, match=r"polygon must have shape \(N, 2\)"):
        g.point_in_polygon((0, 0), np.stack([SQUARE, SQUARE]))
    with pytest.raises(TypeError, match="angle must be a number"):
        g.rotation_matrix("90")


@pytest.mark.parametrize("argument", [[("0", "1")] * 3, [(True, False)] * 3, [(1j, 0)] * 3, [None]])
def test_refused_types(argument):
    with pytest.raises(TypeError, match="points must hold real numbers, got dtype"):
        g.convex_hull(argument)


def test_views_that_are_not_contiguous():
    wide = np.zeros((4, 4))
    wide[:, ::2] = SQUARE
    view = wide[:, ::2]
    assert g.polygon_area(view) == 4
    np.testing.assert_array_equal(g.order_quad(view), SQUARE)
    np.testing.assert_array_equal(g.convex_hull(view), SQUARE)

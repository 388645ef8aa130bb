import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.transform import ProjectiveTransform, downscale_local_mean

from ocrlearn.data.synth import degrade
from ocrlearn.data.synth.degrade import Crease
from ocrlearn.data.synth.degrade._common import smooth_noise

WHITE = np.full((40, 60), 255, np.uint8)
LETTER = (Crease("horizontal", 0.34, 0.1), Crease("horizontal", 0.67, -0.15))
QUARTO = (Crease("vertical", 0.5, -0.2), Crease("horizontal", 0.45, 0.12))


def edge_image(column=30, shape=(40, 60)):
    """Black on the left of `column`, white from there on."""
    image = np.ones(shape, np.float32)
    image[:, :column] = 0
    return image


def rng(seed=0):
    return np.random.default_rng(seed)


PHOTOMETRIC = {
    "ink_spread": lambda image: degrade.ink_spread(image, 0.3, roughness=0.1, rng=rng()),
    "paper_texture": lambda image: degrade.paper_texture(image, rng(), strength=0.05),
    "bleed_through": lambda image: degrade.bleed_through(
        image, np.zeros(image.shape[:2], np.float32), strength=0.2
    ),
    "specks": lambda image: degrade.specks(image, rng(), density=200),
    "light_ramp": lambda image: degrade.light_ramp(image, 0.5, angle=1.0),
    "vignette": lambda image: degrade.vignette(image, 0.5),
    "shadow": lambda image: degrade.shadow(image),
    "gaussian_blur": lambda image: degrade.gaussian_blur(image, 1.0),
    "defocus_blur": lambda image: degrade.defocus_blur(image, 1.7),
    "motion_blur": lambda image: degrade.motion_blur(image, 3.0, angle=0.7),
    "low_resolution": lambda image: degrade.low_resolution(image, 2.5),
    "sensor_noise": lambda image: degrade.sensor_noise(image, rng(), correlation=0.8),
    "jpeg": lambda image: degrade.jpeg(image, 50),
    "threshold_scan": lambda image: degrade.threshold_scan(image),
    "fold_light": lambda image: degrade.fold_light(image, QUARTO),
    "crease_wear": lambda image: degrade.crease_wear(image, QUARTO, rng()),
}
IMAGES = arrays(
    np.uint8,
    st.one_of(
        st.tuples(st.integers(1, 20), st.integers(1, 20)),
        st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)),
    ),
)


@pytest.mark.parametrize("name", PHOTOMETRIC)
@settings(max_examples=15, deadline=None)
@given(image=IMAGES)
def test_photometric_keeps_shape_range_and_input(name, image):
    before = image.copy()
    result = PHOTOMETRIC[name](image)
    assert result.shape == image.shape
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    np.testing.assert_array_equal(image, before)
    # The same again, from the same numbers, also when the array is not contiguous.
    strided = np.repeat(image, 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(PHOTOMETRIC[name](strided), result)


@pytest.mark.parametrize("name", PHOTOMETRIC)
def test_an_empty_image_is_refused(name):
    with pytest.raises(ValueError, match="at least 1 x 1"):
        PHOTOMETRIC[name](np.zeros((0, 5), np.uint8))


# --- Ink and paper --------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [-0.8, -0.25, 0.0, 0.5, 1.3])
def test_ink_spread_moves_a_straight_edge_by_its_amount(amount):
    spread = degrade.ink_spread(edge_image(), amount, sigma=1.0)
    ink_width = (1 - spread[20]).sum()
    assert ink_width == pytest.approx(30 + amount, abs=0.03)


def test_ink_spread_closes_gaps_and_breaks_hairlines():
    gap = np.zeros((20, 20), np.float32)
    gap[:, 10] = 1
    assert degrade.ink_spread(gap, 0.6, sigma=0.6)[10, 10] < 0.1
    hairline = 1 - gap
    assert degrade.ink_spread(hairline, -0.6, sigma=0.6)[10, 10] > 0.9


def test_roughness_makes_the_edge_wander():
    rough = degrade.ink_spread(edge_image(shape=(400, 60)), 0, roughness=0.3, rng=rng())
    widths = (1 - rough).sum(axis=1)
    assert widths.std() == pytest.approx(0.3, abs=0.1)
    with pytest.raises(ValueError, match="roughness needs rng"):
        degrade.ink_spread(edge_image(), 0, roughness=0.3)


@pytest.mark.parametrize("correlation", [0.4, 1.0, 3.0, 12.0])
def test_smooth_noise_has_unit_variance_and_its_correlation(correlation):
    noise = smooth_noise((600, 700), rng(), correlation)
    assert noise.shape == (600, 700)
    assert noise.std() == pytest.approx(1, abs=0.12)
    lag = max(1, round(2 * correlation))
    measured = np.mean(noise[:, lag:] * noise[:, :-lag]) / noise.var()
    expected = np.exp(-((lag / (2 * correlation)) ** 2))  # two Gaussians convolved
    if correlation >= 1:  # below, the sampled kernel is no Gaussian any more
        assert measured == pytest.approx(expected, abs=0.1)


def test_bleed_through_is_mirrored():
    back = np.ones((30, 40), np.float32)
    back[:, :10] = 0
    seen = degrade.bleed_through(np.ones((30, 40), np.float32), back, strength=0.2)
    assert seen[15, 35] == pytest.approx(0.8, abs=0.01)
    assert seen[15, 5] == pytest.approx(1.0, abs=0.01)
    with pytest.raises(ValueError, match=r"other_side must have the height and width"):
        degrade.bleed_through(WHITE, back)


def test_specks_have_the_density_and_darkness_asked_for():
    white = np.ones((1000, 1000), np.float32)
    specked = degrade.specks(white, rng(), density=30, radius=(1.5, 1.5), value=0.2)
    count = ndimage.label(specked < 0.6)[1]
    assert count == pytest.approx(300, abs=60)
    area = (1 - specked).sum() / 0.8
    assert area == pytest.approx(count * np.pi * 1.5**2, rel=0.1)
    salt = degrade.specks(np.zeros((100, 100), np.float32), rng(), density=500, value=1)
    assert salt.max() > 0.9


# --- Light, lens, sensor --------------------------------------------------------------------------


def test_light_falls_off_as_described():
    ramp = degrade.light_ramp(WHITE, 0.6, angle=np.pi / 2)  # darker towards the top
    assert ramp[0, 5] == pytest.approx(0.4, abs=1e-6)
    assert ramp[-1, 5] == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(np.diff(ramp[:, 5]), 0.6 / 39, atol=1e-6)
    lit = degrade.vignette(np.ones((101, 101), np.float32), 0.6)
    assert lit[50, 50] == pytest.approx(1)
    assert lit[50, 0] == pytest.approx(np.cos(np.arctan(np.tan(0.6) * 50 / 50.5)) ** 4, abs=1e-5)
    shaded = degrade.shadow(WHITE, darkness=0.4, angle=0.0, softness=0.0)
    np.testing.assert_allclose(shaded[:, :30], 1, atol=1e-6)
    np.testing.assert_allclose(shaded[:, 30:], 0.6, atol=1e-6)


def test_blurs_keep_the_light_and_have_their_width():
    point = np.zeros((61, 61), np.float32)
    point[30, 30] = 1
    y, x = np.mgrid[-30:31, -30:31]
    for blurred, spread_x, spread_y in (
        (degrade.gaussian_blur(point, 2.0), 4.0, 4.0),
        (degrade.defocus_blur(point, 5.0), 25 / 4, 25 / 4),  # a disc: r^2 / 4
        (degrade.motion_blur(point, 12.0), 12**2 / 12, 0.0),  # a line: l^2 / 12
        (degrade.motion_blur(point, 12.0, angle=np.pi / 2), 0.0, 12**2 / 12),
    ):
        assert blurred.sum() == pytest.approx(1, abs=1e-3)
        # Bilinear weights and whole pixels add up to a sixth of a square pixel.
        assert (blurred * x**2).sum() == pytest.approx(spread_x, abs=0.2)
        assert (blurred * y**2).sum() == pytest.approx(spread_y, abs=0.2)


def test_motion_has_the_direction_it_says():
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    streak = degrade.motion_blur(point, 14.0, angle=np.pi / 4)
    assert streak[16, 24] > 0.02  # up to the right, counter-clockwise on the screen
    assert streak[24, 24] < 1e-6


@pytest.mark.parametrize(
    "unchanged", [degrade.gaussian_blur, degrade.defocus_blur, degrade.motion_blur]
)
def test_no_blur_at_all_changes_nothing(unchanged):
    image = rng().random((20, 30)).astype(np.float32)
    np.testing.assert_allclose(unchanged(image, 0), image, atol=1e-6)
    np.testing.assert_allclose(degrade.low_resolution(image, 1), image, atol=1e-6)


def test_downsample_averages_areas_like_scikit_image():
    image = rng().random((40, 60)).astype(np.float32)
    small, point_map = degrade.downsample(image, 4)
    np.testing.assert_allclose(small, downscale_local_mean(image, (4, 4)), atol=1e-5)
    # The middle of the first four pixels is the centre of the first new one.
    np.testing.assert_allclose(point_map([1.5, 1.5]), [0, 0], atol=1e-12)
    odd, odd_map = degrade.downsample(image, 2.7)
    assert odd.shape == (15, 22)
    np.testing.assert_allclose(odd_map([59.5, 39.5]), [21.5, 14.5], atol=1e-9)
    assert odd.mean() == pytest.approx(image.mean(), abs=2e-3)


@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_sensor_noise_has_the_variance_of_its_formula(correlation):
    for level in (0.1, 0.5, 0.8):
        gray = np.full((300, 300), level, np.float32)
        noisy = degrade.sensor_noise(gray, rng(), photons=400, read=0.01, correlation=correlation)
        assert noisy.mean() == pytest.approx(level, abs=2e-3)
        assert noisy.var() == pytest.approx(level / 400 + 0.01**2, rel=0.05)


def test_jpeg_is_worse_at_lower_quality():
    image = np.zeros((64, 64, 3), np.uint8)
    cv2.putText(image, "ab", (5, 45), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (255, 255, 255), 3)
    errors = [np.abs(degrade.jpeg(image, q) - image / 255).mean() for q in (10, 50, 95)]
    assert errors[0] > errors[1] > errors[2] > 0


def test_threshold_scan():
    image = np.array([[0.0, 0.49, 0.5, 1.0]], np.float32)
    np.testing.assert_array_equal(degrade.threshold_scan(image), [[0, 0, 1, 1]])


# --- Geometry -------------------------------------------------------------------------------------

MAPS = {
    "scale": degrade.scale_map((100, 80), (37, 53)),
    "perspective": degrade.perspective_map((100, 80), [[5, 3], [70, -4], [90, 110], [-10, 95]]),
    "curl": degrade.curl_map((100, 80), height=17, centre=0.3, spread=0.2)[0],
    "hollow": degrade.curl_map((100, 80), height=-25, centre=1.0, spread=0.5)[0],
    "letter": degrade.fold_map((100, 80), LETTER)[0],
    "quarto": degrade.fold_map((100, 80), QUARTO)[0],
    "elastic": degrade.elastic_map((100, 80), rng(), amplitude=2.0, sigma=5.0),
    "violent": degrade.elastic_map((100, 80), rng(), amplitude=30.0, sigma=3.0),
}
MAPS["both"] = MAPS["curl"].then(MAPS["perspective"])
MAPS["projective"] = MAPS["scale"].then(MAPS["perspective"])
POINTS = arrays(np.float64, st.tuples(st.integers(1, 5), st.just(2)), elements=st.floats(-20, 120))


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=30, deadline=None)
@given(points=POINTS)
def test_maps_are_undone_by_their_inverses(name, points):
    point_map = MAPS[name]
    np.testing.assert_allclose(point_map.back(point_map(points)), points, atol=1e-5)
    assert point_map(points[None, :, :]).shape == (1, *points.shape)


@pytest.mark.parametrize("name", MAPS)
def test_sources_are_the_inverse_at_every_pixel(name):
    sources = MAPS[name].sources((7, 5))
    assert sources.shape == (7, 5, 2)
    np.testing.assert_allclose(sources[6, 2], MAPS[name].back([2, 6]), atol=1e-9)
    np.testing.assert_allclose(sources[0, 4], MAPS[name].back([4, 0]), atol=1e-9)


def test_perspective_map_agrees_with_scikit_image_and_opencv():
    corners = np.array([[5, 3], [70, -4], [90, 110], [-10, 95]], np.float64)
    source = np.array([[0, 0], [79, 0], [79, 99], [0, 99]], np.float64)
    points = rng().random((50, 2)) * 90
    expected = ProjectiveTransform.from_estimate(source, corners)(points)
    np.testing.assert_allclose(MAPS["perspective"](points), expected, atol=1e-6)
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), corners.astype(np.float32))
    ours = MAPS["perspective"].matrix
    np.testing.assert_allclose(ours / ours[2, 2], matrix, atol=1e-4)
    np.testing.assert_allclose(MAPS["perspective"](source), corners, atol=1e-9)


@pytest.mark.parametrize(
    "corners",
    [
        [[0, 0], [0, 50], [50, 50], [50, 0]],  # counter-clockwise
        [[0, 0], [50, 0], [10, 10], [0, 50]],  # not convex
        [[0, 0], [50, 0], [0, 50], [50, 50]],  # crossing
    ],
)
def test_impossible_corners_are_refused(corners):
    with pytest.raises(ValueError, match="convex quad, clockwise"):
        degrade.perspective_map((100, 80), corners)


def test_paper_does_not_stretch_when_it_curls():
    point_map, shape = degrade.curl_map((100, 200), height=40, centre=0.5, spread=0.15)
    sheet = np.column_stack([np.linspace(0, 199, 2000), np.full(2000, 50.0)])
    seen = point_map(sheet)
    # Along the sheet each step is the hypotenuse of its width and its change in height.
    steps = np.hypot(np.diff(seen[:, 0]), np.diff(seen[:, 1]))
    np.testing.assert_allclose(steps, 199 / 1999, rtol=1e-3)
    assert seen[:, 0].max() <= shape[1]
    highest = seen[np.argmin(seen[:, 1])]
    np.testing.assert_allclose(highest, [100, 50], atol=0.1)  # at the centre of the table
    assert seen[0, 1] > highest[1] + 39  # the ends lie lower: lines become arches


@pytest.mark.parametrize(
    "moved",
    [
        lambda image: degrade.rotate(image, 0.3),
        lambda image: degrade.rotate(image, np.pi / 2),
        lambda image: degrade.perspective(
            image, [[10, 12], [85, 5], [95, 98], [2, 90]], shape=(105, 100)
        ),
        lambda image: degrade.curl(image, height=12, centre=0.2),
        lambda image: degrade.downsample(image, 1.6),
        lambda image: degrade.fold(image, QUARTO),
        lambda image: degrade.elastic(image, rng(3), amplitude=1.5, sigma=14.0),
    ],
    ids=["rotate", "quarter turn", "perspective", "curl", "downsample", "fold", "elastic"],
)
def test_pixels_go_where_points_go(moved):
    """A dot is found, by its centre of mass, where the map says."""
    for dot in ([30.0, 40.0], [62.0, 25.0], [45.0, 75.0]):
        y, x = np.mgrid[0:100, 0:90]
        image = np.exp(-((x - dot[0]) ** 2 + (y - dot[1]) ** 2) / (2 * 2.5**2))
        result, point_map = moved(1 - image.astype(np.float32))
        ink = 1 - result
        ink[ink < 0.05] = 0
        centre = np.array(ndimage.center_of_mass(ink))[::-1]
        np.testing.assert_allclose(centre, point_map(dot), atol=0.15)


def test_a_quarter_turn_is_counter_clockwise_and_exact():
    image = rng().random((3, 5)).astype(np.float32)
    turned, point_map = degrade.rotate(image, np.pi / 2)
    np.testing.assert_allclose(turned, np.rot90(image), atol=1e-5)
    np.testing.assert_allclose(point_map([4.0, 0.0]), [0.0, 0.0], atol=1e-9)


# --- Folds ----------------------------------------------------------------------------------------


def test_paper_does_not_stretch_when_it_is_folded():
    """Over every panel the way along the sheet is the hypotenuse of width and rise."""
    creases = [Crease("vertical", 0.3, 0.3), Crease("vertical", 0.7, -0.2)]
    point_map, shape = degrade.fold_map((50, 201), creases)
    corners = point_map([[0, 20.0], [60, 20.0], [140, 20.0], [200, 20.0]])
    np.testing.assert_allclose(
        np.hypot(*np.diff(corners, axis=0).T), np.array([60, 80, 60]), rtol=1e-9
    )
    rise = -np.diff(corners[:, 1]) / np.diff(corners[:, 0])  # y points down
    np.testing.assert_allclose(np.diff(np.arctan(rise)), [-0.3, 0.2], atol=1e-9)
    everything = point_map([[0, 0], [60, 0], [140, 0], [200, 0], [60, 49], [140, 49], [200, 49.0]])
    assert everything.min() >= -1e-9
    assert everything[:, 0].max() <= shape[1] - 1
    assert everything[:, 1].max() <= shape[0] - 1


def test_a_sheet_without_creases_stays_as_it_is():
    point_map, shape = degrade.fold_map((40, 60), ())
    assert shape == (40, 60)
    np.testing.assert_allclose(point_map([[3.5, 7.0]]), [[3.5, 7.0]])
    image = rng().random((40, 60)).astype(np.float32)
    np.testing.assert_allclose(degrade.fold(image, ())[0], image, atol=1e-5)
    np.testing.assert_allclose(degrade.fold_light(image, ()), image, atol=1e-6)
    np.testing.assert_allclose(degrade.crease_wear(image, (), rng()), image, atol=1e-6)


@pytest.mark.parametrize(("azimuth", "brighter"), [(0.0, "right"), (np.pi, "left")])
def test_the_side_of_a_ridge_that_faces_the_lamp_is_brighter(azimuth, brighter):
    lit = degrade.fold_light(
        WHITE, [Crease("vertical", 0.5, 0.2)], azimuth=azimuth, elevation=0.8, relief=0.1
    )
    left, right = lit[:, 5].mean(), lit[:, 54].mean()
    bright, dark = (right, left) if brighter == "right" else (left, right)
    assert bright == pytest.approx(1, abs=0.02)
    # Lambert: the cosines between the lamp and panels turned by a tenth of a radian each way.
    assert dark / bright == pytest.approx(np.sin(0.8 - 0.1) / np.sin(0.8 + 0.1), abs=0.01)
    near = {"left": lit[20, 27], "right": lit[20, 32]}
    assert near[brighter] > near["right" if brighter == "left" else "left"] + 0.05


def test_a_horizontal_ridge_lit_from_above_is_dark_below():
    lit = degrade.fold_light(WHITE, [Crease("horizontal", 0.5, 0.2)], azimuth=np.pi / 2)
    assert lit[5].mean() > lit[34].mean() + 0.1


def test_ink_is_lost_on_the_crease_and_nowhere_else():
    black = np.zeros((4000, 61), np.float32)
    worn = degrade.crease_wear(black, [Crease("vertical", 0.5, 0.1)], rng(), width=1.0, loss=0.6)
    lost = worn.mean(axis=0)
    assert lost[28:33].max() == lost.max() > 0.35
    assert lost[:20].max() == lost[41:].max() == 0
    assert np.mean(worn[:, 30] > 0.9) > 0.2  # broken here
    assert np.mean(worn[:, 30] < 0.1) > 0.2  # whole there


def test_elastic_displacement_is_that_of_simard():
    """Its standard deviation is the amplitude, and the default is the paper's alpha of 34."""
    point_map = degrade.elastic_map((400, 400), rng(), amplitude=0.5, sigma=4.0)
    shift = point_map.sources((400, 400)) - np.stack(np.meshgrid(*[np.arange(400)] * 2), axis=-1)
    np.testing.assert_allclose(shift.std(axis=(0, 1)), 0.5, rtol=0.1)
    np.testing.assert_allclose(shift.mean(axis=(0, 1)), 0, atol=0.1)
    uniform = rng().uniform(-1, 1, (400, 400))  # what the paper smooths and multiplies by alpha
    assert (34 * ndimage.gaussian_filter(uniform, 4)).std() == pytest.approx(1.4, abs=0.1)


def test_a_violent_displacement_does_not_fold_the_picture_over():
    sources = MAPS["violent"].sources((100, 80))
    (xx, xy), (yx, yy) = (np.gradient(sources[..., k], axis=(1, 0)) for k in (0, 1))
    assert (xx * yy - xy * yx).min() > 0


def test_elastic_of_a_single_row_or_column():
    for shape in ((1, 1), (1, 30), (30, 1)):
        picture, point_map = degrade.elastic(np.ones(shape, np.float32), rng(), sigma=3.0)
        assert picture.shape == shape
        np.testing.assert_allclose(point_map.back(point_map([[0.0, 0.0]])), [[0, 0]], atol=1e-6)


def test_border():
    black = np.zeros((20, 20), np.uint8)
    assert degrade.rotate(black, 0.5)[0][0, 0] == 1
    assert degrade.rotate(black, 0.5, border="edge")[0].max() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: degrade.gaussian_blur(WHITE, -1), "sigma must lie in"),
        (lambda: degrade.downsample(WHITE, 0.5), "factor must lie in"),
        (lambda: degrade.jpeg(WHITE, 0), "quality must lie in"),
        (lambda: degrade.jpeg(WHITE, 50.5), "quality must be an integer"),
        (lambda: degrade.light_ramp(WHITE, 1.5), "strength must lie in"),
        (lambda: degrade.sensor_noise(WHITE, rng(), photons=0), "photons must lie in"),
        (lambda: degrade.ink_spread(WHITE, 3), "amount must lie in"),
        (lambda: degrade.curl_map((10, 10), height=1, spread=0), "spread must lie in"),
        (lambda: degrade.perspective_map((10, 10), [[0, 0]]), "corners must have shape"),
        (lambda: degrade.vignette(np.zeros((2, 2, 4)), 0.1), "image must have shape"),
        (lambda: degrade.shadow(np.full((2, 2), 7.0)), "must lie in"),
        (lambda: Crease("diagonal", 0.5, 0.1), "direction must be one of"),
        (lambda: Crease("vertical", 1, 0.1), "position must lie in"),
        (lambda: Crease("vertical", 0.5, 0.6), "angle must lie in"),
        (lambda: degrade.fold_map((9, 9), [Crease("vertical", 0.1, 0.5)] * 3), "panel slope"),
        (lambda: degrade.fold_light(WHITE, QUARTO, elevation=0), "elevation must lie in"),
        (lambda: degrade.crease_wear(WHITE, QUARTO, rng(), loss=2), "loss must lie in"),
        (lambda: degrade.elastic(WHITE, rng(), sigma=0), "sigma must lie in"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Enhancement against OpenCV, SciPy and scikit-image, and what each method promises of itself."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import data, exposure

from ocrlearn.image import enhance
from ocrlearn.image.convert import to_float, to_gray
from ocrlearn.image.enhance import (
    RUNGS,
    clahe,
    clip_histogram_reference,
    divide_background,
    equalize_histogram,
    estimate_background,
    gaussian_surround_reference,
    multi_scale_retinex,
    retinex_reference,
    single_scale_retinex,
)

PAGE = data.page()  # (191, 384) photograph, unevenly lit
COLOUR = data.astronaut()[100:300, 100:340]
byte_images = hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)))

ALL = {
    "equalize_histogram": equalize_histogram,
    "clahe": clahe,
    "divide_background": divide_background,
    "single_scale_retinex": single_scale_retinex,
    "multi_scale_retinex": multi_scale_retinex,
}


def text_page(height=240, width=320, seed=5):
    """A white page with rows of dark marks the size of letters, in [0, 1]."""
    rng = np.random.default_rng(seed)
    page = np.full((height, width), 0.9)
    for top in range(20, height - 20, 24):
        for left in range(15, width - 20, 12):
            if rng.random() < 0.8:
                page[top : top + 12, left : left + 3] = 0.15
                page[top + 5 : top + 8, left : left + 8] = 0.15
    return page


def level_map(before, after):
    """The map from grey levels to grey levels that took one image to the other, or None."""
    levels = np.unique(before)
    targets = [np.unique(after[before == level]) for level in levels]
    if any(len(target) > 1 for target in targets):
        return None
    return levels, np.array([target[0] for target in targets])


# Histogram equalisation


def test_equalisation_by_hand():
    # Of the 7 pixels beyond the darkest one, 3 are not brighter than 20, 4 than 30 and 7 than 40.
    image = np.array([[10, 20, 20, 20], [30, 40, 40, 40]], np.uint8)
    expected = [[0, 109, 109, 109], [146, 255, 255, 255]]  # 255 x 3/7, 4/7, 7/7
    np.testing.assert_array_equal(equalize_histogram(image), expected)


@given(image=byte_images)
@settings(max_examples=150, deadline=None)
def test_equalisation_equals_opencv(image):
    # OpenCV rounds in float32 and may differ by one level where that falls on a half.
    ours, theirs = equalize_histogram(image).astype(int), cv2.equalizeHist(image)
    np.testing.assert_allclose(ours, theirs, atol=1)
    np.testing.assert_array_equal(equalize_histogram(PAGE), cv2.equalizeHist(PAGE))


@given(image=byte_images)
@settings(max_examples=150, deadline=None)
def test_equalisation_is_a_monotone_map_onto_the_whole_range(image):
    equal = equalize_histogram(image)
    _, targets = level_map(image, equal)
    assert (np.diff(targets.astype(int)) >= 0).all()
    if np.ptp(image):
        assert (equal.min(), equal.max()) == (0, 255)
    else:
        np.testing.assert_array_equal(equal, image)


@given(image=byte_images)
@settings(max_examples=150, deadline=None)
def test_equalising_twice_changes_no_more_than_rounding(image):
    once = equalize_histogram(image)
    twice = equalize_histogram(once)
    # Where no levels merged, the cumulative histogram is the same again.
    if len(np.unique(once)) == len(np.unique(image)):
        np.testing.assert_array_equal(twice, once)
    order = np.argsort(once, axis=None)
    assert (np.diff(twice.ravel()[order].astype(int)) >= 0).all()


def test_equalised_levels_are_about_equally_frequent():
    equal = equalize_histogram(data.camera())
    # As many pixels below a level as the level says, but for the lumps that levels come in.
    lumps = np.bincount(data.camera().ravel(), minlength=256).max() / equal.size
    for level in range(0, 256, 16):
        assert abs((equal <= level).mean() - level / 255) <= lumps + 1 / 255
    close = exposure.equalize_hist(data.camera()) * 255
    assert np.abs(close - equal).max() <= 255 * lumps + 1


# CLAHE


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(
    ("shape", "tiles"),
    [
        ((64, 64), (8, 8)),
        ((61, 67), (8, 8)),
        ((200, 300), (5, 3)),
        ((41, 33), (1, 1)),
        ((50, 47), (1, 6)),
        ((3, 5), (8, 8)),
        ((1, 1), (4, 4)),
        ((1, 50), (3, 7)),
    ],
)
@pytest.mark.parametrize("clip_limit", [0.3, 1.0, 2.0, 7.5, 40.0, 256.0])
def test_clahe_equals_opencv(rung, shape, tiles, clip_limit):
    rng = np.random.default_rng(6)
    image = np.clip(rng.normal(140, 25, shape), 0, 255).astype(np.uint8)
    theirs = cv2.createCLAHE(clip_limit, tiles[::-1]).apply(image)
    # OpenCV extends a side that divides evenly too, if the other does not: compare on what both do.
    even = [length % count == 0 for length, count in zip(shape, tiles, strict=True)]
    if even[0] != even[1]:
        pads = [(0, -length % count) for length, count in zip(shape, tiles, strict=True)]
        padded = np.pad(image, pads, mode="reflect")
        theirs = cv2.createCLAHE(clip_limit, tiles[::-1]).apply(padded)[: shape[0], : shape[1]]
    ours = clahe(image, clip_limit=clip_limit, tiles=tiles, rung=rung)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("rung", RUNGS)
def test_clahe_of_a_photograph_equals_opencv(rung):
    for image in (PAGE[:184], data.camera(), data.text()[:168]):
        theirs = cv2.createCLAHE(2.0, (8, 8)).apply(image)
        np.testing.assert_array_equal(clahe(image, rung=rung), theirs)


@given(
    image=byte_images,
    clip_limit=st.floats(0.01, 256),
    tiles=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
@settings(max_examples=200, deadline=None)
def test_rungs_of_clahe_agree(image, clip_limit, tiles):
    results = [clahe(image, clip_limit=clip_limit, tiles=tiles, rung=rung) for rung in RUNGS]
    np.testing.assert_array_equal(results[0], results[1])


def test_rungs_agree_on_many_threads(monkeypatch):
    monkeypatch.setattr(enhance, "PIXELS_PER_THREAD", 1)
    monkeypatch.setattr(enhance.numba.config, "NUMBA_NUM_THREADS", 5)
    for tiles in ((8, 8), (1, 3), (3, 200)):
        np.testing.assert_array_equal(
            clahe(PAGE, tiles=tiles), clahe(PAGE, tiles=tiles, rung="reference")
        )


def test_clipping_by_hand():
    counts = np.zeros(256, int)
    counts[[3, 5]] = 600, 424
    # Limit 300: 300 + 124 are cut off; each of 256 bins gets 1, and of the 168 left over one each
    # goes to the first 168 bins (256 // 168 = 1, so every bin in turn).
    clipped = clip_histogram_reference(counts, 300)
    assert clipped[3] == clipped[5] == 302
    np.testing.assert_array_equal(clipped[:3], 2)
    np.testing.assert_array_equal(clipped[6:168], 2)
    np.testing.assert_array_equal(clipped[168:], 1)
    # Limit 500: 100 are cut off, and every second bin gets one until they are gone.
    clipped = clip_histogram_reference(counts, 500)
    np.testing.assert_array_equal(np.flatnonzero(clipped[6:]) + 6, np.arange(6, 200, 2))


@given(
    counts=hnp.arrays(np.int64, 256, elements=st.integers(0, 500)),
    limit=st.integers(1, 600),
)
@settings(max_examples=200, deadline=None)
def test_clipping_keeps_the_number_of_pixels(counts, limit):
    before = counts.copy()
    clipped = clip_histogram_reference(counts, limit)
    np.testing.assert_array_equal(counts, before)
    assert clipped.sum() == counts.sum()
    assert clipped.max() <= limit + -(-int(np.maximum(counts - limit, 0).sum()) // 256)
    if counts.max() <= limit:
        np.testing.assert_array_equal(clipped, counts)


@pytest.mark.parametrize("rung", RUNGS)
@given(image=byte_images, clip_limit=st.floats(0.5, 20))
@settings(max_examples=100, deadline=None)
def test_one_tile_is_a_monotone_map_no_steeper_than_the_limit(rung, image, clip_limit):
    result = clahe(image, clip_limit=clip_limit, tiles=(1, 1), rung=rung)
    levels, targets = level_map(image, result)
    rises = np.diff(targets.astype(float)) / np.diff(levels.astype(float))
    assert (rises >= 0).all()
    # A bin holds at most the limit, which is at least one pixel, and an equal share of the excess.
    # One level more is for rounding.
    limit = max(clip_limit, 256 / image.size) + 1 + 256 / image.size
    assert (np.diff(targets.astype(float)) <= limit * np.diff(levels.astype(float)) + 1).all()


@pytest.mark.parametrize("rung", RUNGS)
def test_constant_tiles_stay_flat(rung):
    for level in (0, 9, 255):
        image = np.full((40, 50), level, np.uint8)
        assert np.ptp(clahe(image, rung=rung)) == 0
        assert np.ptp(clahe(image, clip_limit=256, rung=rung)) == 0


def test_global_equalisation_amplifies_the_grain_of_paper_and_clahe_bounds_it():
    rng = np.random.default_rng(7)
    page = np.round(255 * text_page() + rng.normal(0, 2, (240, 320))).clip(0, 255).astype(np.uint8)
    paper = text_page() == 0.9
    grain = page[paper].std()
    limited = clahe(page, clip_limit=2.0)
    assert equalize_histogram(page)[paper].std() > 20 * grain
    assert clahe(page, clip_limit=256)[paper].std() > 15 * grain
    # Slope at most 3 on paper, and a little more for the differences between tiles.
    assert limited[paper].std() < 4 * grain


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"clip_limit": 0}, ValueError, r"clip_limit must lie in \(0, 256\], got 0"),
        ({"clip_limit": 257}, ValueError, r"clip_limit must lie in \(0, 256\]"),
        ({"clip_limit": "2"}, TypeError, "clip_limit must be a number, got '2'"),
        ({"tiles": 8}, ValueError, "tiles must be 2 numbers, got 8"),
        ({"tiles": (8, 8, 8)}, ValueError, "tiles must be 2 numbers"),
        ({"tiles": "88"}, ValueError, "tiles must be 2 numbers"),
        ({"tiles": (0, 8)}, ValueError, r"tiles\[0\] must lie in \[1, 256\], got 0"),
        ({"tiles": (8, 2.5)}, ValueError, r"tiles\[1\] must be an integer"),
        ({"rung": "cuda"}, ValueError, "no rung 'cuda'"),
    ],
)
def test_wrong_arguments_of_clahe(arguments, error, message):
    with pytest.raises(error, match=message):
        clahe(PAGE, **arguments)


# Division by the background


def lights(shape):
    """Three kinds of light between 0.3 and 1 that change slowly."""
    y, x = np.mgrid[: shape[0], : shape[1]] / np.array(shape).reshape(2, 1, 1)
    return {
        "ramp": 0.3 + 0.7 * x,
        "corner": 0.3 + 0.35 * (x + y),
        "vignette": 1 - 0.7 * ((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.5,
    }


@pytest.mark.parametrize("kind", ["ramp", "corner", "vignette"])
def test_division_takes_the_light_away(kind):
    page = text_page()
    light = lights(page.shape)[kind]
    even = divide_background(page * light)
    # The estimate lags behind the light by what it changes within a window: a few per cent, and
    # more within a window of the border, where the closing sees the brighter side only.
    inside = np.s_[15:-15, 15:-15]
    np.testing.assert_allclose(even[inside], divide_background(page)[inside], atol=0.06)
    np.testing.assert_allclose(even, divide_background(page), atol=0.2)
    np.testing.assert_allclose(even[page == 0.15], 0.15 / 0.9, atol=0.03)


@given(brightness=st.floats(0.05, 1.0))
@settings(max_examples=20, deadline=None)
def test_division_does_not_see_the_brightness(brightness):
    page = text_page(60, 80)
    np.testing.assert_allclose(
        divide_background(page * brightness), divide_background(page), rtol=1e-6, atol=1e-9
    )


def test_background_of_a_photograph_lies_on_its_paper():
    paper = estimate_background(PAGE)
    assert paper.shape == PAGE.shape
    pixels = to_float(PAGE)
    smooth = ndimage.gaussian_filter(paper, 3)
    np.testing.assert_allclose(paper, smooth, atol=0.03)  # no letters left in it
    below = (pixels < paper + 0.03).mean()
    assert below > 0.95  # paper or darker, but for grain and glare
    # A large median sees the paper as well, where letters are few.
    median = ndimage.median_filter(pixels, 61, mode="nearest")
    assert np.median(np.abs(median - paper)) < 0.05


def test_the_background_is_never_below_a_blank_page():
    blank = np.full((40, 50), 0.7)
    np.testing.assert_allclose(estimate_background(blank), 0.7, rtol=1e-12)
    np.testing.assert_allclose(divide_background(blank), 1.0, rtol=1e-12)


def test_each_colour_has_its_own_light():
    page = np.dstack([text_page()] * 3)
    tinted = page * [1.0, 0.8, 0.5]
    np.testing.assert_allclose(divide_background(tinted), divide_background(page), atol=1e-9)


def test_what_the_window_fits_into_is_taken_for_paper():
    page = np.full((100, 100), 0.9)
    page[30:70, 30:70] = 0.3
    assert divide_background(page, window=15)[50, 50] > 0.99
    assert divide_background(page, window=61)[50, 50] < 0.5


def test_black_has_no_quotient_but_a_result():
    np.testing.assert_array_equal(divide_background(np.zeros((20, 20), np.uint8)), 0)


@pytest.mark.parametrize("window", [2, 4, 1])
def test_wrong_window(window):
    with pytest.raises(ValueError, match="window must"):
        divide_background(PAGE, window=window)


# Retinex


@pytest.mark.parametrize("scale", [2.0, 5.0, 15.0, 80.0])
def test_surround_is_a_gaussian_with_mirrored_borders(scale):
    rng = np.random.default_rng(8)
    image = rng.random((60, 90))
    surround = gaussian_surround_reference(image, scale)
    sigma = scale / np.sqrt(2)  # exp(-r^2 / c^2) = exp(-r^2 / (2 sigma^2))
    theirs = ndimage.gaussian_filter(image, sigma, mode="reflect", truncate=8)
    # SciPy samples the kernel at the pixels, which lets in frequencies beyond half a wave a pixel;
    # at sigma 1.4 they come to exp(-(pi sigma)^2 / 2) = 5e-5, at the other scales to nothing.
    np.testing.assert_allclose(surround, theirs, atol=5e-5 if scale == 2 else 1e-9)
    assert surround.mean() == pytest.approx(image.mean())


def test_retinex_of_an_impulse_by_hand():
    # One pixel of value 1 on 0.5: far away the surround is 0.5 and the log ratio 0; at the pixel
    # the surround is 0.5 + 0.5 / (pi c^2), the Gaussian's value at its centre.
    image = np.full((101, 101), 0.5)
    image[50, 50] = 1.0
    log_ratio = retinex_reference(image, [4.0])
    assert log_ratio[50, 50] == pytest.approx(-np.log(0.5 + 0.5 / (np.pi * 16)), abs=1e-4)
    np.testing.assert_allclose(log_ratio[:20], 0, atol=1e-6)


def test_multi_scale_is_the_mean_of_single_scales():
    scales = (5.0, 20.0, 60.0)
    gray = to_float(PAGE)
    singles = [retinex_reference(gray, [scale]) for scale in scales]
    np.testing.assert_allclose(retinex_reference(gray, scales), np.mean(singles, axis=0), atol=1e-5)
    np.testing.assert_array_equal(
        multi_scale_retinex(PAGE, scales=[40]), single_scale_retinex(PAGE, scale=40)
    )


@pytest.mark.parametrize("function", [single_scale_retinex, multi_scale_retinex])
@given(brightness=st.floats(0.1, 1.0))
@settings(max_examples=10, deadline=None)
def test_retinex_does_not_see_the_brightness(function, brightness):
    page = text_page(60, 80)  # no pixel so dark that it is raised before the logarithm
    np.testing.assert_allclose(function(page * brightness), function(page), atol=1e-9)


def test_retinex_removes_a_ramp_of_light():
    page = text_page()
    ramp = lights(page.shape)["ramp"]
    paper = page == 0.9
    left, right = np.s_[:, 60:100], np.s_[:, 220:260]

    def unevenness(image):
        return abs(image[left][paper[left]].mean() - image[right][paper[right]].mean())

    assert unevenness(page * ramp) > 0.25
    for function in (single_scale_retinex, multi_scale_retinex):
        assert unevenness(function(page * ramp)) < 0.08
    wide = single_scale_retinex(page * ramp, scale=10_000)  # sees the whole page: removes nothing
    assert unevenness(wide) > 0.15


def test_percentiles_become_black_and_white():
    result = single_scale_retinex(to_float(PAGE), percentiles=(5, 90))
    assert (result == 0).mean() == pytest.approx(0.05, abs=0.005)
    assert (result == 1).mean() == pytest.approx(0.10, abs=0.005)
    whole = single_scale_retinex(to_float(PAGE), percentiles=(0, 100))
    assert (whole.min(), whole.max()) == (0, 1)
    assert ((whole == 0).sum(), (whole == 1).sum()) == (1, 1)


@pytest.mark.parametrize("level", [0, 1, 77, 255])
def test_constant_image_is_mid_grey(level):
    image = np.full((30, 40), level, np.uint8)
    np.testing.assert_array_equal(single_scale_retinex(image), 128)
    np.testing.assert_array_equal(multi_scale_retinex(image / 255), 0.5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: single_scale_retinex(PAGE, scale=0), ValueError, r"scale must lie in \(0, inf\]"),
        (lambda: single_scale_retinex(PAGE, scale="80"), TypeError, "scale must be a number"),
        (lambda: multi_scale_retinex(PAGE, scales=()), ValueError, "scales must be one or more"),
        (lambda: multi_scale_retinex(PAGE, scales=15), ValueError, "scales must be one or more"),
        (
            lambda: multi_scale_retinex(PAGE, scales=[15, -1]),
            ValueError,
            r"scales\[1\] must lie in",
        ),
        (
            lambda: single_scale_retinex(PAGE, percentiles=5),
            ValueError,
            "percentiles must be 2 numbers, got 5",
        ),
        (
            lambda: single_scale_retinex(PAGE, percentiles=(99, 1)),
            ValueError,
            r"percentiles must increase, got \(99, 1\)",
        ),
        (
            lambda: single_scale_retinex(PAGE, percentiles=(-1, 99)),
            ValueError,
            r"percentiles\[0\] must lie in \[0, 100\]",
        ),
    ],
)
def test_wrong_arguments_of_retinex(call, error, message):
    with pytest.raises(error, match=message):
        call()


# All of them


@pytest.mark.parametrize("name", ALL)
def test_shapes_and_dtypes(name):
    by_histogram = name in ("equalize_histogram", "clahe")
    for image in (PAGE, COLOUR, PAGE / 255, (COLOUR / 255).astype(np.float32), PAGE > 100):
        result = ALL[name](image)
        if by_histogram:
            assert (result.shape, result.dtype) == (image.shape[:2], np.uint8)
        else:
            assert result.shape == image.shape
            assert result.dtype == (np.uint8 if image.dtype == bool else image.dtype)


@pytest.mark.parametrize("name", ALL)
def test_input_is_not_modified_and_need_not_be_contiguous(name):
    for image in (PAGE, COLOUR):
        strided = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)[::2, ::2]
        assert not strided.flags.c_contiguous
        before = strided.copy()
        np.testing.assert_array_equal(ALL[name](strided), ALL[name](image))
        np.testing.assert_array_equal(strided, before)
        flipped = ALL[name](image[::-1, ::-1][::-1, ::-1])
        np.testing.assert_array_equal(flipped, ALL[name](image))


@pytest.mark.parametrize("name", ALL)
def test_one_pixel_and_one_row(name):
    for shape in ((1, 1), (1, 30), (30, 1), (2, 3)):
        image = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
        assert ALL[name](image).shape == shape


@pytest.mark.parametrize("name", ALL)
def test_wrong_images(name):
    with pytest.raises(ValueError, match="image must be at least 1 x 1 pixels"):
        ALL[name](np.zeros((0, 5), np.uint8))
    with pytest.raises(ValueError, match=r"image must have shape \(H, W\) or \(H, W, 3\)"):
        ALL[name](np.zeros((4, 5, 2), np.uint8))
    with pytest.raises(TypeError, match="image must be uint8, bool or float"):
        ALL[name](np.zeros((4, 5), np.int32))
    with pytest.raises(ValueError, match="image must be finite"):
        ALL[name](np.full((4, 5), np.nan))


def test_colour_is_reduced_to_luma_by_histogram_methods():
    for function in (equalize_histogram, clahe):
        np.testing.assert_array_equal(function(COLOUR), function(to_gray(COLOUR)))

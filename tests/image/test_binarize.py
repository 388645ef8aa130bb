"""Thresholds against scikit-image and OpenCV, the tie rule, and what a lighting ramp does."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import data, filters

from ocrlearn import cuda
from ocrlearn.image.binarize import (
    OTSU_RUNGS,
    SAUVOLA_RUNGS,
    THRESHOLDS,
    binarize,
    clean_binarize,
    niblack_threshold,
    otsu_threshold,
    sauvola_threshold,
    stroke_width,
    wolf_threshold,
)

METHODS = [*THRESHOLDS, "clean"]

PAGE = data.page()  # (191, 384) photograph, unevenly lit
NOISE = np.random.default_rng(2).integers(0, 256, (41, 57), dtype=np.uint8)
byte_images = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)))

BYTE_TOLERANCE = 1e-9  # of thresholds of uint8 images: sums are exact integers
FLOAT_TOLERANCE = 1e-6  # of thresholds of float images


def between_class_variance(image, threshold):
    dark, bright = image[image <= threshold], image[image > threshold]
    if dark.size == 0 or bright.size == 0:
        return 0.0
    return dark.size * bright.size * (dark.mean() - bright.mean()) ** 2


# Otsu


@pytest.mark.parametrize("rung", OTSU_RUNGS)
@given(image=byte_images)
@settings(max_examples=150, deadline=None)
def test_otsu_beats_every_other_threshold(rung, image):
    threshold = otsu_threshold(image, rung=rung)
    best = between_class_variance(image, threshold)
    assert threshold in image
    for other in np.unique(image):
        rival = between_class_variance(image, other)
        assert rival <= best * (1 + 1e-12)
        if other < threshold:
            assert rival < best  # of equals, the lowest


@pytest.mark.parametrize("rung", OTSU_RUNGS)
def test_otsu_equals_scikit_image(rung):
    rng = np.random.default_rng(3)
    images = [PAGE, NOISE, data.camera(), data.coins()]
    images += [rng.integers(0, high, (19, 23), dtype=np.uint8) for high in (2, 3, 20, 200)]
    for image in images:
        assert otsu_threshold(image, rung=rung) == filters.threshold_otsu(image)
        floats = image / 255.0
        expected = filters.threshold_otsu(floats)
        assert otsu_threshold(floats, rung=rung) == pytest.approx(expected, abs=1e-12)


def test_otsu_is_within_one_gray_level_of_opencv():
    for image in (PAGE, NOISE, data.camera(), data.coins(), data.text()):
        expected, _ = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        assert abs(otsu_threshold(image) - expected) <= 1


def test_otsu_worked_by_hand():
    # Thresholds 1 and 2 give the class means 1 | 6 and 4/3 | 8; the shares are 2/4 and 3/4 | 1/4:
    # 1/4 * 25 = 6.25 against 3/16 * 44.4 = 8.33.
    image = np.array([[1, 1], [2, 8]], np.uint8)
    for rung in OTSU_RUNGS:
        assert otsu_threshold(image, rung=rung) == 2
        assert otsu_threshold(np.full((3, 2), 77, np.uint8), rung=rung) == 77
        assert otsu_threshold(np.full((3, 2), 0.25), rung=rung) == 0.25
        assert otsu_threshold(np.array([[0, 255]], np.uint8), rung=rung) == 0


@given(image=byte_images, gain=st.sampled_from([1, 2, 3]), offset=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_otsu_follows_an_affine_change_of_the_grays(image, gain, offset):
    image = image // 4
    changed = (gain * image + offset).astype(np.uint8)
    assert otsu_threshold(changed) == gain * otsu_threshold(image) + offset


# Local thresholds


@pytest.mark.parametrize("rung", SAUVOLA_RUNGS)
@pytest.mark.parametrize(("window", "k"), [(3, 0.2), (15, 0.5), (25, 0.2), (61, 0.34)])
def test_sauvola_equals_scikit_image(window, k, rung):
    expected = filters.threshold_sauvola(NOISE, window, k)
    np.testing.assert_allclose(
        sauvola_threshold(NOISE, window, k, rung=rung), expected, atol=BYTE_TOLERANCE
    )
    floats = NOISE / 255
    expected = filters.threshold_sauvola(floats, window, k, r=0.5)
    np.testing.assert_allclose(
        sauvola_threshold(floats, window, k, rung=rung), expected, atol=FLOAT_TOLERANCE
    )


@pytest.mark.parametrize("rung", ["reference", "fast", "cuda"])
def test_niblack_equals_scikit_image_with_its_sign(rung):
    for image, tolerance in ((NOISE, BYTE_TOLERANCE), (NOISE / 255, FLOAT_TOLERANCE)):
        expected = filters.threshold_niblack(image, 15, k=0.2)
        ours = niblack_threshold(image, 15, k=-0.2, rung=rung)
        np.testing.assert_allclose(ours, expected, atol=tolerance)


def test_local_thresholds_worked_by_hand():
    image = np.array([[0, 3, 6]], np.uint8)  # means 2, 3, 4; deviations sqrt(2), sqrt(6), sqrt(2)
    mean, std = np.array([[2, 3, 4]]), np.sqrt([[2, 6, 2]])
    np.testing.assert_allclose(niblack_threshold(image, 3, k=-0.5), mean - 0.5 * std)
    expected = mean * (1 + 0.5 * (std / 128 - 1))
    np.testing.assert_allclose(sauvola_threshold(image, 3, k=0.5, dynamic_range=128), expected)
    expected = mean - 0.5 * (1 - std / np.sqrt(6)) * (mean - 0)
    np.testing.assert_allclose(wolf_threshold(image, 3, k=0.5), expected)


@given(image=byte_images, window=st.sampled_from([3, 5, 9]), k=st.sampled_from([0.0, 0.2, 1.0]))
@settings(max_examples=80, deadline=None)
def test_sauvola_rungs_agree(image, window, k):
    fast = sauvola_threshold(image, window, k)
    reference = sauvola_threshold(image, window, k, rung="reference")
    np.testing.assert_allclose(fast, reference, atol=BYTE_TOLERANCE)


@given(image=byte_images, gain=st.sampled_from([1, 2, 3]), offset=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_wolf_follows_an_affine_change_of_the_grays(image, gain, offset):
    image = image // 4
    changed = (gain * image + offset).astype(np.uint8)
    expected = gain * wolf_threshold(image, 5) + offset
    np.testing.assert_allclose(wolf_threshold(changed, 5), expected, atol=1e-9)


def test_thresholds_of_bytes_and_floats_agree():
    for threshold in (sauvola_threshold, niblack_threshold, wolf_threshold):
        np.testing.assert_allclose(threshold(PAGE) / 255, threshold(PAGE / 255), atol=1e-6)


# Ink masks


def test_ties_are_ink():
    image = np.array([[10, 20]], np.uint8)
    assert otsu_threshold(image) == 10
    assert binarize(image, "otsu").tolist() == [[True, False]]


@pytest.mark.parametrize("method", THRESHOLDS)
@pytest.mark.parametrize(
    "image", [np.uint8([[0]]), np.full((9, 7), 255, np.uint8), np.ones((4, 4))]
)
def test_a_page_of_one_gray_has_no_ink(method, image):
    assert not binarize(image, method).any()


@pytest.mark.parametrize("method", METHODS)
def test_masks_of_colour_bool_and_views(method):
    expected = binarize(PAGE, method)
    assert expected.dtype == np.bool_
    assert expected.shape == PAGE.shape
    np.testing.assert_array_equal(binarize(np.dstack([PAGE] * 3), method), expected)
    np.testing.assert_array_equal(binarize(np.asfortranarray(PAGE), method), expected)
    np.testing.assert_array_equal(binarize(PAGE.T, method), expected.T)
    assert binarize(PAGE > 100, method)[PAGE <= 100].mean() > 0.5


def test_inputs_are_not_modified():
    for image in (PAGE, PAGE / 255):
        before = image.copy()
        for method in METHODS:
            binarize(image, method)
        np.testing.assert_array_equal(image, before)


def test_lighting_ramp_defeats_otsu_and_niblack_but_not_sauvola():
    """Letters on paper that darkens to the right, with the sensor's noise."""
    rng = np.random.default_rng(4)
    letters = np.zeros((120, 400), np.uint8)
    for row in range(3):
        cv2.putText(letters, "threshold", (8, 32 + 38 * row), 0, 1.1, 255, 2)
    ink = letters > 127
    light = np.linspace(1.0, 0.25, 400)
    page = np.where(ink, 60.0, 220.0) * light + rng.normal(0, 3, ink.shape)
    page = np.clip(np.round(page), 0, 255).astype(np.uint8)

    def overlap(mask):
        return (mask & ink).sum() / (mask | ink).sum()

    blank = cv2.dilate(letters, np.ones((31, 31))) == 0
    assert blank.sum() > 1000
    assert overlap(binarize(page, "otsu")) < 0.4
    assert binarize(page, "niblack")[blank].mean() > 0.2
    assert overlap(binarize(page, "sauvola", k=0.3)) > 0.9
    assert not binarize(page, "sauvola", k=0.3)[blank].any()


# The cleaned mask


def print_page(height=160, width=480):
    """Print two lines of large letters; return the mask of their ink."""
    letters = np.zeros((height, width), np.uint8)
    cv2.putText(letters, "Degraded, but", (12, 60), 0, 1.8, 255, 5)
    cv2.putText(letters, "still legible.", (12, 130), 0, 1.8, 255, 5)
    return letters > 127


def photograph(ink, *, light=1.0, ink_gray=60.0, noise=4.0, seed=5):
    """Gray page with the ink, blurred a little, under `light`, with the sensor's noise."""
    page = np.where(ink, ink_gray, 215.0) * light
    page = cv2.GaussianBlur(page, (0, 0), 0.8)
    page += np.random.default_rng(seed).normal(0, noise, ink.shape)
    return np.clip(np.round(page), 0, 255).astype(np.uint8)


def f_measure(mask, truth):
    return 2 * (mask & truth).sum() / (mask.sum() + truth.sum())


def test_stroke_width_worked_by_hand():
    mask = np.zeros((20, 30), bool)
    assert stroke_width(mask) == 0
    mask[2:18, 4:7] = True  # 48 pixels with runs of 3 across and 16 down
    assert stroke_width(mask) == 3
    assert stroke_width(mask.T) == 3
    mask[2:4, 10:30] = True  # 40 pixels, 2 wide: the median stays at the larger share
    assert stroke_width(mask) == 3
    mask[10:12, 10:30] = True
    assert stroke_width(mask) == 2


@given(width=st.integers(1, 9), length=st.integers(12, 40), transpose=st.booleans())
def test_stroke_width_of_a_bar_is_its_width(width, length, transpose):
    mask = np.zeros((60, 60), bool)
    mask[5 : 5 + width, 3 : 3 + length] = True
    assert stroke_width(mask.T if transpose else mask) == width


def test_cleaning_beats_every_plain_threshold_on_a_stained_shaded_page():
    ink = print_page()
    light = np.linspace(1.0, 0.35, 480)
    stain = cv2.circle(np.zeros(ink.shape), (150, 85), 40, 1.0, -1)
    page = photograph(ink, light=light * (1 - 0.3 * stain), ink_gray=110, noise=5)
    scores = {method: f_measure(binarize(page, method), ink) for method in METHODS}
    errors = {method: 1 - score for method, score in scores.items()}
    assert errors["clean"] < 0.02
    assert errors["clean"] < 0.6 * min(errors[method] for method in THRESHOLDS)


@pytest.mark.parametrize("noise", [0, 1, 4, 8])
def test_cleaning_finds_no_ink_on_blank_paper(noise):
    blank = photograph(np.zeros((200, 300), bool), light=np.linspace(1, 0.4, 300), noise=noise)
    assert not clean_binarize(blank).any()
    assert noise == 0 or binarize(blank, "otsu").any()


def test_cleaning_keeps_a_clean_page_as_it_is():
    ink = print_page()
    np.testing.assert_array_equal(clean_binarize(~ink), ink)
    np.testing.assert_array_equal(clean_binarize(np.where(ink, 90, 240).astype(np.uint8)), ink)


def test_cleaning_ignores_how_strong_the_light_is():
    ink = print_page()
    bright = clean_binarize(photograph(ink, noise=0))
    dim = clean_binarize(photograph(ink, noise=0, light=0.5))
    assert f_measure(bright, dim) > 0.99


def test_cleaning_drops_show_through_and_specks_and_fills_pinholes():
    ink = print_page()
    page = photograph(ink, noise=0)
    clean = clean_binarize(page)
    ghost = np.zeros_like(ink)
    ghost[100:, :] = ink[:60, ::-1] & ~cv2.dilate(ink.astype(np.uint8), np.ones((9, 9)))[
        100:, :
    ].astype(bool)
    assert ghost.sum() > 500
    dirty = np.where(ghost, 165, page).astype(np.uint8)
    dirty[5, 5] = 40  # a speck, as dark as ink
    y, x = np.argwhere(cv2.erode(ink.astype(np.uint8), np.ones((5, 5))))[100]
    dirty[y, x] = 215  # a pinhole in the middle of a stroke
    mask = clean_binarize(dirty)
    assert not mask[5, 5]
    assert mask[y, x]
    assert mask[ghost].mean() < 0.01
    assert f_measure(mask, clean) > 0.98


def test_cleaning_does_not_hollow_out_strokes_narrower_than_the_background_window():
    ink = np.zeros((160, 480), bool)
    ink[20:140, 30:58] = ink[20:140, 120:148] = ink[20:48, 200:450] = True  # strokes of 28 pixels
    assert f_measure(clean_binarize(photograph(ink)), ink) > 0.98
    assert f_measure(clean_binarize(photograph(ink), background_window=15), ink) < 0.9


def test_cleaning_smaller_k_keeps_fainter_ink():
    ink = print_page()
    page = photograph(ink, noise=0)
    assert (clean_binarize(page, k=0.6) | ~clean_binarize(page)).all()


@pytest.mark.parametrize("image", [PAGE[:40, :90], PAGE[:40, :90] / 255], ids=["bytes", "floats"])
@pytest.mark.parametrize("method", THRESHOLDS)
def test_ink_is_the_same_on_every_rung(method, image):
    expected = binarize(image, method)
    assert 0 < expected.mean() < 1
    for rung in ("reference", "cuda"):
        np.testing.assert_array_equal(binarize(image, method, rung=rung), expected)
    blank = np.full((5, 7), image[0, 0], image.dtype)
    assert not binarize(blank, method, rung="cuda").any()


@pytest.mark.parametrize("dtype", ["bytes", "floats", "mask"])
@pytest.mark.parametrize("method", THRESHOLDS)
def test_cupy_in_cupy_out(cupy, method, dtype):
    page = PAGE[:40, :90]
    image = {"bytes": page, "floats": page / 255, "mask": page > 120}[dtype]
    ink = binarize(cupy.asarray(image), method)
    assert isinstance(ink, cupy.ndarray)
    np.testing.assert_array_equal(ink.get(), binarize(image, method))
    with pytest.raises(TypeError, match="the 'fast' rung works on NumPy arrays, got CuPy"):
        binarize(cupy.asarray(image), method, rung="fast")


def test_colour_is_turned_to_gray_on_the_gpu(cupy):
    colour = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    for image in (colour, colour / 255):
        ink = binarize(cupy.asarray(image), "otsu")
        assert isinstance(ink, cupy.ndarray)
        np.testing.assert_array_equal(ink.get(), binarize(image, "otsu"))


def test_what_does_not_run_on_a_gpu_says_so(cupy):
    with pytest.raises(TypeError, match="method 'clean' works on NumPy arrays, got a CuPy array"):
        binarize(cupy.asarray(PAGE))
    with pytest.raises(ValueError, match=r"image must have shape \(H, W\) or .*got \(4, 4, 2\)"):
        binarize(cupy.asarray(np.zeros((4, 4, 2))), "otsu")
    with pytest.raises(ValueError, match=r"at least 1 x 1 pixels, got shape \(0, 4\)"):
        sauvola_threshold(cupy.asarray(np.zeros((0, 4))))
    with pytest.raises(TypeError, match=r"image must be uint8, bool or float.*int64"):
        otsu_threshold(cupy.asarray(np.zeros((4, 4), int)))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"method must be one of 'otsu'.*got 'otsuu'"):
        binarize(PAGE, "otsuu")
    with pytest.raises(TypeError, match="windw"):
        binarize(PAGE, "sauvola", windw=3)
    with pytest.raises(TypeError, match="windw"):
        binarize(PAGE, "otsu", windw=3)
    with pytest.raises(ValueError, match="no rung 'gpu'"):
        binarize(PAGE, "sauvola", rung="gpu")
    with pytest.raises(ValueError, match="window must be odd"):
        binarize(PAGE, "sauvola", window=24)
    with pytest.raises(ValueError, match="window must be odd"):
        sauvola_threshold(PAGE, 24)
    with pytest.raises(ValueError, match=r"k must lie in \[0, 1\]"):
        sauvola_threshold(PAGE, k=-0.2)
    with pytest.raises(ValueError, match="dynamic_range must lie in"):
        sauvola_threshold(PAGE, dynamic_range=0)
    with pytest.raises(ValueError, match="image must be at least 1 x 1"):
        otsu_threshold(np.zeros((0, 4), np.uint8))
    with pytest.raises(TypeError, match="image must be uint8, bool or float"):
        niblack_threshold(PAGE.astype(int))
    with pytest.raises(ValueError, match=r"min_contrast must lie in \(0, 1\]"):
        clean_binarize(PAGE, min_contrast=0)
    with pytest.raises(ValueError, match="window must be odd"):
        clean_binarize(PAGE, background_window=20)
    with pytest.raises(ValueError, match="mask must be bool"):
        stroke_width(PAGE)
    with pytest.raises(ValueError, match="k must be finite"):
        niblack_threshold(PAGE, k=float("nan"))


def test_stroke_width_leaves_out_what_is_too_wide_for_a_stroke():
    mask = np.zeros((60, 90), bool)
    mask[10:50, 20:23] = True  # a stroke 3 wide
    mask[:, 40:] = True  # a dark margin with many more pixels
    assert stroke_width(mask) == 50
    assert stroke_width(mask, widest=20) == 3
    assert stroke_width(mask, widest=2) == 0
    with pytest.raises(ValueError, match="widest must lie in"):
        stroke_width(mask, widest=0)


def test_letters_survive_beside_a_large_dark_margin():
    page = np.full((400, 600), 255, np.uint8)
    page[250:] = 0  # the open lid of the scanner: more black than all letters hold
    letters = np.zeros(page.shape, bool)
    for left in range(20, 580, 12):
        letters[40:60, left : left + 4] = True
    page[letters] = 0
    ink = clean_binarize(page)
    assert ink[letters].mean() > 0.95
    assert not ink[70:240].any()


@pytest.mark.parametrize(("start", "size"), [(1, 600), (3, 5), (15, 17), (7, 12)])
def test_otsu_counts_pixels_that_begin_anywhere_in_memory(start, size):
    # The kernel reads 16 bytes at once, which must begin at a multiple of 16, and the rest singly.
    memory = np.random.default_rng(size).integers(0, 256, 1024, dtype=np.uint8)
    start += -memory.ctypes.data % 16
    image = memory[start : start + size].reshape(1, -1)
    assert image.ctypes.data % 16 != 0
    with cuda.emulation(mode="check"):
        found = otsu_threshold(image, rung="cuda")
    assert found == otsu_threshold(image, rung="reference")


def test_otsu_blocks_add_their_counts_without_a_race():
    image = np.tile(np.arange(0, 250, 10, dtype=np.uint8), 32768 // 25 + 1).reshape(1, -1)
    with cuda.emulation(mode="check"):
        found = otsu_threshold(image, rung="cuda")
    assert found == otsu_threshold(image, rung="reference")

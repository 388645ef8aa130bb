"""Known blurs undone: inverse filter, Wiener, Richardson-Lucy."""

import numpy as np
import pytest
import skimage.data
import skimage.restoration
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

from ocrlearn.image.deblur import (
    BOUNDARIES,
    CONVOLVE_RUNGS,
    INVERSE_RUNGS,
    RICHARDSON_LUCY_RUNGS,
    WIENER_RUNGS,
    convolve,
    convolve_reference,
    defocus_psf,
    estimate_noise,
    gaussian_psf,
    inverse_filter,
    inverse_filter_reference,
    motion_psf,
    richardson_lucy,
    richardson_lucy_reference,
    taper_edges,
    transfer_function,
    wiener,
    wiener_reference,
)

PSFS = {
    "gaussian": gaussian_psf(1.2),
    "defocus": defocus_psf(2.5),
    "motion": motion_psf(7, 0.6),
    "lopsided": np.array([[0.0, 0.1, 0.2], [0.0, 0.6, 0.1], [0.0, 0.0, 0.0]]),
}


@pytest.fixture(scope="module")
def sharp(text_page, shrink):
    return shrink(text_page(180, 128, 12)) / 255.0


def psnr(a, b):
    return 10 * np.log10(1 / np.mean((np.asarray(a) - b) ** 2))


# --- point spread functions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "psf",
    [
        *(gaussian_psf(sigma) for sigma in (0.1, 1, 3.3)),
        *(defocus_psf(radius) for radius in (0.2, 0.5, 1, 4.7)),
        *(motion_psf(length, angle) for length in (0.5, 1, 6.5, 20) for angle in (0, 1, 2.8)),
    ],
)
def test_psfs_are_centred_and_keep_the_light(psf):
    assert psf.shape[0] % 2 == 1
    assert psf.shape[1] % 2 == 1
    assert psf.min() >= 0
    assert psf.sum() == pytest.approx(1)
    np.testing.assert_allclose(psf, psf[::-1, ::-1], atol=1e-12)  # none of these has a direction


def test_gaussian_psf_agrees_with_scipy():
    impulse = np.zeros((31, 31))
    impulse[15, 15] = 1
    psf = gaussian_psf(2.3)
    reach = psf.shape[0] // 2
    inner = slice(15 - reach, 16 + reach)
    np.testing.assert_allclose(psf, ndimage.gaussian_filter(impulse, 2.3)[inner, inner])


def test_motion_worked_by_hand():
    np.testing.assert_allclose(motion_psf(5), np.full((1, 5), 0.2))
    np.testing.assert_allclose(motion_psf(3, np.pi / 2), np.full((3, 1), 1 / 3), atol=0.006)
    up_right = motion_psf(9, np.pi / 4)
    assert up_right[0, -1] > 0  # counter-clockwise from right is up on the screen
    assert up_right[0, 0] == 0


def test_disc_has_the_area_of_a_disc():
    psf = defocus_psf(6.3)
    assert psf[6, 6] == pytest.approx(1 / (np.pi * 6.3**2), rel=0.002)
    rim = np.hypot(*np.mgrid[-6:7, -6:7]) > 7
    assert (psf[rim] == 0).all()


@pytest.mark.parametrize("maker", [gaussian_psf, defocus_psf, motion_psf])
@pytest.mark.parametrize("extent", [0, -1, np.nan])
def test_psfs_need_an_extent(maker, extent):
    with pytest.raises(ValueError, match="must"):
        maker(extent)


# --- convolution ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PSFS)
def test_convolve_agrees_with_scipy(sharp, name):
    psf = PSFS[name]
    oracle = ndimage.convolve(sharp, psf, mode="wrap")
    np.testing.assert_allclose(convolve(sharp, psf, boundary="periodic"), oracle, atol=1e-12)
    if name in ("gaussian", "defocus"):
        oracle = ndimage.convolve(sharp, psf, mode="reflect")
        np.testing.assert_allclose(convolve(sharp, psf), oracle, atol=1e-12)


def test_convolution_worked_by_hand():
    picture = np.zeros((3, 4))
    picture[1, 0] = 1
    psf = np.array([[0, 0, 0], [0.5, 0, 0.25], [0, 0.25, 0]])
    expected = [[0, 0, 0, 0], [0, 0.25, 0, 0.5], [0.25, 0, 0, 0]]  # round the left edge
    np.testing.assert_allclose(convolve_reference(picture, psf), expected)


def test_transfer_function_of_a_single_pixel_is_one():
    for shape in ((5, 8), (4, 3)):
        delta = np.zeros((3, 3))
        delta[1, 1] = 1
        np.testing.assert_allclose(transfer_function(delta, shape), np.ones(shape), atol=1e-15)


@pytest.mark.parametrize("name", PSFS)
@pytest.mark.parametrize("shape", [(40, 51), (37, 36), (13, 13)])
def test_rungs_agree(sharp, name, shape):
    picture, psf = np.asfortranarray(sharp[: shape[0], : shape[1]]), PSFS[name]
    ratio = np.abs(np.random.default_rng(0).normal(0.01, 0.001, shape))
    ratio = (ratio + np.roll(ratio[::-1, ::-1], 1, axis=(0, 1))) / 2  # symmetric, as spectra are
    for rungs, arguments in (
        (CONVOLVE_RUNGS, ()),
        (INVERSE_RUNGS, (0.05,)),
        (WIENER_RUNGS, (0.01,)),
        (WIENER_RUNGS, (ratio,)),
        (RICHARDSON_LUCY_RUNGS, (7, picture)),
    ):
        before = picture.copy()
        reference, fast = (rung(picture, psf, *arguments) for rung in rungs.values())
        np.testing.assert_allclose(fast, reference, atol=1e-9)
        np.testing.assert_array_equal(picture, before)


# --- inverse filter ------------------------------------------------------------------------------


def test_inverse_filter_is_exact_without_noise(sharp):
    psf = defocus_psf(2.5)
    blurred = convolve(sharp, psf, boundary="periodic")
    restored = inverse_filter(blurred, psf, epsilon=1e-9, boundary="periodic")
    np.testing.assert_allclose(restored, sharp, atol=1e-6)


def test_inverse_filter_explodes_with_one_percent_noise_and_wiener_does_not(sharp):
    psf = gaussian_psf(1.5)
    noise = np.random.default_rng(0).normal(0, 0.01, sharp.shape)
    blurred = convolve(sharp, psf, boundary="periodic") + noise
    exploded = inverse_filter_reference(blurred, psf, 1e-6)
    assert np.abs(exploded).max() > 1000
    tamed = wiener_reference(blurred, psf, 1e-3)
    assert psnr(tamed, sharp) > psnr(blurred, sharp) + 1


def test_epsilon_bounds_the_amplification():
    noise = np.random.default_rng(0).normal(0, 1, (64, 64))
    for epsilon in (0.5, 0.1, 0.01):
        restored = inverse_filter_reference(noise, gaussian_psf(2), epsilon)
        assert np.linalg.norm(restored) <= np.linalg.norm(noise) / epsilon


# --- Wiener --------------------------------------------------------------------------------------


def test_wiener_agrees_with_the_formula_of_one_wave():
    """A cosine is multiplied by the blur's gain h, and by h / (h^2 + K) on the way back."""
    x = np.arange(32)
    wave = np.tile(np.cos(2 * np.pi * 3 * x / 32), (32, 1))
    gain = (1 + 2 * np.cos(2 * np.pi * 3 / 32)) / 3  # of a row of three equal pixels
    restored = wiener_reference(wave, motion_psf(3), 0.07)
    np.testing.assert_allclose(restored, wave * gain / (gain**2 + 0.07), atol=1e-12)


@pytest.mark.parametrize("name", PSFS)
def test_wiener_agrees_with_scikit_image(sharp, name):
    psf = PSFS[name]
    ours = wiener(sharp, psf, noise_to_signal=0.03, boundary="periodic")
    about_mean = sharp - sharp.mean()
    oracle = skimage.restoration.wiener(about_mean, psf, 0.03, reg=np.ones((1, 1)), clip=False)
    np.testing.assert_allclose(ours, np.clip(oracle + sharp.mean(), 0, 1), atol=1e-10)
    ours = wiener(sharp, psf, noise_to_signal=0.03, prior="smooth", boundary="periodic")
    oracle = skimage.restoration.wiener(about_mean, psf, 0.03 / 20, clip=False)
    np.testing.assert_allclose(ours, np.clip(oracle + sharp.mean(), 0, 1), atol=1e-10)


def test_wiener_without_noise_term_is_the_inverse_filter(sharp):
    psf = gaussian_psf(0.7)
    np.testing.assert_allclose(
        wiener_reference(sharp, psf, 0.0), inverse_filter_reference(sharp, psf, 1e-12), atol=1e-9
    )


@pytest.mark.parametrize("prior", ["flat", "smooth"])
@pytest.mark.parametrize("boundary", ["reflect", "periodic"])
def test_wiener_chooses_its_noise_level(sharp, prior, boundary):
    psf = gaussian_psf(1.5)
    noise = np.random.default_rng(1).normal(0, 0.01, sharp.shape)
    blurred = np.clip(convolve(sharp, psf, boundary=boundary) + noise, 0, 1)
    assert psnr(wiener(blurred, psf, prior=prior, boundary=boundary), sharp) > (
        psnr(blurred, sharp) + 1.5
    )


# --- Richardson-Lucy -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PSFS)
def test_richardson_lucy_agrees_with_scikit_image(sharp, name):
    """On a dark ground as wide as the PSF reaches, its zero border and our periodic one agree."""
    psf = PSFS[name] / PSFS[name].sum()
    island = np.pad(1 - sharp[40:80, 40:90], 16)
    blurred = np.clip(convolve(island, psf, boundary="periodic"), 0, 1)
    blurred[blurred < 1e-9] = 0
    oracle = skimage.restoration.richardson_lucy(blurred, psf, num_iter=12, clip=False)
    ours = richardson_lucy_reference(blurred, psf, 12, np.full(blurred.shape, 0.5))
    np.testing.assert_allclose(ours, oracle, atol=1e-6)


def test_richardson_lucy_worked_by_hand():
    """A pair of pixels blurred by [1/4, 1/2, 1/4] round a ring of two: H = [[1, 1], [1, 1]] / 2.

    From (1, 3) the blurred estimate is (2, 2); the ratios 3/2 and 1/2 average to 1.
    """
    picture, start = np.array([[3.0, 1.0]]), np.array([[1.0, 3.0]])
    psf = np.array([[0.25, 0.5, 0.25]])
    step = richardson_lucy_reference(np.tile(picture, 2), psf, 1, np.tile(start, 2))
    expected = start * 1.0
    np.testing.assert_allclose(step, np.tile(expected, 2))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(PSFS)), st.integers(1, 15))
def test_light_is_kept_and_never_negative(seed, name, iterations):
    picture = np.random.default_rng(seed).random((20, 23))
    for rung in RICHARDSON_LUCY_RUNGS.values():
        estimate = rung(picture, PSFS[name] / PSFS[name].sum(), iterations, picture)
        assert estimate.min() >= 0
        assert estimate.sum() == pytest.approx(picture.sum(), rel=1e-9)


def test_the_likelihood_never_falls(sharp):
    psf = PSFS["motion"]
    rng = np.random.default_rng(0)
    counted = rng.poisson(200 * convolve(sharp, psf, boundary="periodic")) / 200
    likelihoods = []
    estimate = counted + 0.01
    for _ in range(15):
        expected = convolve_reference(estimate, psf)
        likelihoods.append(np.sum(counted * np.log(expected) - expected))
        estimate = richardson_lucy_reference(counted, psf, 1, estimate)
    assert (np.diff(likelihoods) > 0).all()


def test_too_many_iterations_are_too_many(sharp):
    psf = defocus_psf(2.5)
    noise = np.random.default_rng(0).normal(0, 0.03, sharp.shape)
    blurred = np.clip(convolve(sharp, psf) + noise, 0, 1)
    quality = [
        psnr(richardson_lucy(blurred, psf, iterations=count), sharp) for count in (0, 10, 400)
    ]
    assert quality[1] > quality[0] + 0.5
    assert quality[1] > quality[2] + 0.5


def test_runs_can_be_continued(sharp):
    psf = PSFS["motion"]
    half = richardson_lucy(sharp, psf, iterations=4)
    whole = richardson_lucy(sharp, psf, iterations=8)
    assert half.max() <= 1
    continued = richardson_lucy_reference(
        sharp, psf, 4, richardson_lucy_reference(sharp, psf, 4, sharp)
    )
    np.testing.assert_allclose(
        continued, richardson_lucy_reference(sharp, psf, 8, sharp), atol=1e-12
    )
    rgb, rgb_half = (np.repeat(image[..., None], 3, axis=2) for image in (sharp, half))
    again = richardson_lucy(rgb, psf, iterations=4, start=rgb_half)
    np.testing.assert_allclose(again[..., 1], richardson_lucy(sharp, psf, iterations=4, start=half))
    assert np.abs(again[..., 1] - whole).mean() < 0.01  # but for cutting at 1 in between


# --- borders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gaussian", "defocus", "motion"])
def test_photographs_want_a_border_without_a_jump(name):
    """A picture cut from a blurred larger one: what lies beyond is unknown, and not periodic."""
    scene = skimage.data.camera()[100:300, 100:300] / 255.0
    psf = PSFS[name]
    cut = (slice(50, 150), slice(30, 150))
    blurred, sharp = convolve_reference(scene, psf)[cut], scene[cut]
    rim = np.ones(sharp.shape, bool)
    rim[8:-8, 8:-8] = False
    quality = {
        boundary: psnr(
            wiener(blurred, psf, noise_to_signal=1e-3, boundary=boundary)[rim], sharp[rim]
        )
        for boundary in BOUNDARIES
    }
    assert quality["reflect"] > quality["periodic"] + 1
    assert quality["taper"] > quality["periodic"] + 1


def test_tapered_edges_meet(sharp):
    psf = gaussian_psf(2)
    ramp = np.tile(np.linspace(0, 1, 60), (50, 1))
    tapered = taper_edges(ramp, psf)
    assert np.abs(tapered[:, 0] - tapered[:, -1]).max() < 0.25  # the ramp's jump is 1
    np.testing.assert_allclose(tapered[20:30, 20:40], ramp[20:30, 20:40], atol=1e-3)


# --- images --------------------------------------------------------------------------------------

METHODS = [convolve, inverse_filter, wiener, richardson_lucy]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_kinds_of_images(sharp, method, boundary):
    gray = np.round(sharp * 255).astype(np.uint8)
    psf = PSFS["lopsided"]
    result = method(gray, psf, boundary=boundary)
    assert result.dtype == np.uint8
    assert result.shape == gray.shape
    rgb = np.stack([gray, gray[::-1], 255 - gray], axis=-1)
    in_color = method(rgb, psf, boundary=boundary)
    assert in_color.shape == rgb.shape
    if method is not wiener:  # which measures the noise of all channels together
        np.testing.assert_array_equal(in_color[..., 0], result)
    single = method((gray / 255).astype(np.float32), psf, boundary=boundary)
    assert single.dtype == np.float32
    assert np.abs(single - result / 255).max() < 0.01
    assert method(gray > 100, psf, boundary=boundary).dtype == np.uint8


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0, 1])
def test_constant_images_stay(method, value):
    image = np.full((9, 12), value, np.float64)
    for rung in CONVOLVE_RUNGS:
        np.testing.assert_allclose(method(image, gaussian_psf(0.8), rung=rung), image, atol=2e-2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"psf": np.ones((2, 3))}, "odd number of rows and columns"),
        ({"psf": np.ones(3)}, "odd number of rows and columns"),
        ({"psf": np.zeros((3, 3))}, "not all zero"),
        ({"psf": [[-0.5, 2.0, -0.5]]}, "not negative"),
        ({"psf": [[np.nan]]}, "psf must be finite"),
        ({"psf": np.ones((3, 11))}, "must not be larger than the image"),
        ({"boundary": "zero"}, "boundary must be one of"),
        ({"rung": "slow"}, "no rung"),
        ({"image": np.full((9, 9), 2.0)}, "float image must lie in"),
    ],
)
def test_bad_arguments_are_refused(method, arguments, message):
    good = {"image": np.zeros((9, 9)), "psf": np.ones((3, 3))}
    with pytest.raises(ValueError, match=message):
        method(**{**good, **arguments})


def test_bad_parameters_are_refused(sharp):
    psf = gaussian_psf(1)
    with pytest.raises(ValueError, match="epsilon must lie in"):
        inverse_filter(sharp, psf, epsilon=0)
    with pytest.raises(ValueError, match="noise_to_signal must lie in"):
        wiener(sharp, psf, noise_to_signal=-1)
    with pytest.raises(ValueError, match="prior must be one of"):
        wiener(sharp, psf, prior="rough")
    with pytest.raises(ValueError, match="iterations must"):
        richardson_lucy(sharp, psf, iterations=-1)
    with pytest.raises(ValueError, match="start must have the shape"):
        richardson_lucy(sharp, psf, start=sharp[1:])


# --- noise ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("deviation", [0.005, 0.02, 0.08])
def test_noise_is_estimated(deviation):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:200, :200]
    smooth = 0.5 + 0.2 * np.sin(x / 30) * np.cos(y / 20)
    noisy = smooth + rng.normal(0, deviation, smooth.shape)
    assert estimate_noise(np.clip(noisy, 0, 1)) == pytest.approx(deviation, rel=0.05)
    assert estimate_noise(smooth) < 1e-3
    # The definition, by another way of convolving.
    mask = np.outer([1, -2, 1], [1, -2, 1])
    response = signal.convolve2d(np.clip(noisy, 0, 1), mask, mode="valid")
    expected = np.sqrt(np.pi / 2) * np.abs(response).mean() / 6
    assert estimate_noise(np.clip(noisy, 0, 1)) == pytest.approx(expected)


def test_noise_needs_three_pixels():
    with pytest.raises(ValueError, match="at least 3 x 3"):
        estimate_noise(np.zeros((2, 9)))

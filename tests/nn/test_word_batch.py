"""Words made in batches by torch."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from ocrlearn.data.synth.words import word_coverages
from ocrlearn.nn.word_batch import WordStyle, compose_words

STILL = WordStyle(
    angle=0, shear=0, perspective=0, wave=0, blur=0, texture=0, light=0, noise=0, coarse=0
)


def only(**options):
    return WordStyle(**(dict.fromkeys(STILL.__dataclass_fields__, 0) | options))


def batch(number=4, seed=0, height=32, width=80):
    drawn = np.random.default_rng(seed).random((number, height, width))
    smooth = ndimage.gaussian_filter(drawn, (0, 2, 2))
    coverage = torch.from_numpy((smooth > 0.5).astype(np.float32))
    colours = torch.from_numpy(np.random.default_rng(seed + 1).random((2, number, 3)))
    return coverage, colours[0].float(), colours[1].float()


def made(arguments, seed=0, **options):
    return compose_words(*arguments, torch.Generator().manual_seed(seed), **options)


def test_the_same_seed_gives_the_same_batch_and_another_does_not():
    arguments = batch()
    first = made(arguments)
    assert first.shape == (4, 3, 32, 80)
    assert first.dtype == torch.float32
    assert torch.equal(first, made(arguments))
    assert not torch.equal(first, made(arguments, seed=1))
    assert first.min() >= 0
    assert first.max() <= 1


def test_the_state_of_other_generators_neither_counts_nor_changes():
    arguments = batch()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = made(arguments)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(first, made(arguments))


def test_bytes_and_fractions_mean_the_same():
    coverage, ink, ground = batch()
    as_bytes = [(255 * values).round().to(torch.uint8) for values in (coverage, ink, ground)]
    difference = made(as_bytes) - made((coverage, ink, ground))
    assert difference.abs().max() < 0.02


def test_without_any_style_ink_and_ground_are_mixed_by_coverage():
    coverage, ink, ground = batch()
    # Words are made up to 12 % smaller, so even coverage is compared.
    even = torch.full_like(coverage, 0.25)
    image = made((even, ink, ground), style=STILL)
    wanted = 0.25 * ink + 0.75 * ground
    inner = image[:, :, 4:-4, 8:-8]
    torch.testing.assert_close(inner, wanted[:, :, None, None].expand_as(inner), atol=1e-5, rtol=0)


def test_words_grow_smaller_about_the_middle_and_never_leave():
    coverage = torch.zeros(16, 32, 96)
    coverage[:, 6:26, 10:86] = 1
    white, black = torch.ones(16, 3), torch.zeros(16, 3)
    image = made((coverage, white, black), style=STILL)
    areas = image[:, 0].sum(dim=(1, 2)) / coverage[0].sum()
    assert areas.min() > 1 / 1.12**2 - 0.01
    assert areas.max() < 1.01
    assert areas.std() > 0.01
    rows = torch.arange(32.0)
    centres = (image[:, 0].sum(dim=2) * rows).sum(dim=1) / image[:, 0].sum(dim=(1, 2))
    torch.testing.assert_close(centres, torch.full((16,), 15.5), atol=0.01, rtol=0)


def test_turned_words_turn_by_the_promised_angle():
    coverage = torch.zeros(64, 32, 64)
    coverage[:, 14:18, 8:56] = 1
    image = made((coverage, torch.ones(64, 3), torch.zeros(64, 3)), style=only(angle=0.1))[:, 0]
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(64.0), indexing="ij")
    mass = image.sum(dim=(1, 2))
    middle_x, middle_y = (image * x).sum(dim=(1, 2)) / mass, (image * y).sum(dim=(1, 2)) / mass
    dx, dy = x - middle_x[:, None, None], y - middle_y[:, None, None]
    xx, xy = (image * dx * dx).sum(dim=(1, 2)), (image * dx * dy).sum(dim=(1, 2))
    yy = (image * dy * dy).sum(dim=(1, 2))
    angles = 0.5 * torch.atan2(2 * xy, xx - yy)
    assert angles.std() == pytest.approx(0.1, rel=0.25)
    assert angles.mean().abs() < 0.04


def test_words_stay_in_their_part_of_the_image():
    """Hardly any ink is lost by turning, and words keep their place in a wide batch."""
    coverages, _, _, widths, _ = word_coverages(5, 0, 48, width=256)
    coverage, widths = torch.from_numpy(coverages), torch.from_numpy(widths)
    white, black = torch.ones(48, 3), torch.zeros(48, 3)
    style = only(angle=0.04, shear=0.12, perspective=0.12, wave=0.05)
    image = made((coverage, white, black), widths=widths, style=style)[:, 0]
    columns = torch.arange(256.0)
    for row, before, width in zip(image, coverage.float() / 255, widths.tolist(), strict=True):
        assert row[:, width + 2 :].sum() == 0
        edges = row[[0, -1]].sum() + row[:, [0, width - 1]].sum()
        assert edges < 0.12 * row.sum()
        middle = (row.sum(dim=0) * columns).sum() / row.sum()
        was = (before.sum(dim=0) * columns).sum() / before.sum()
        assert (middle - was).abs() < 0.12 * width + 3


def test_blur_keeps_the_mean_and_smooths_like_a_gaussian():
    coverage, _, _ = batch(number=8)
    colours = torch.ones(8, 3), torch.zeros(8, 3)
    sharp = made((coverage, *colours), style=STILL)
    blurred = made((coverage, *colours), style=only(blur=1.5))
    # Both are warped alike: the words' own numbers are drawn in a fixed order.
    for before, after in zip(sharp[:, 0].numpy(), blurred[:, 0].numpy(), strict=True):
        assert after[6:-6, 6:-6].mean() == pytest.approx(before[6:-6, 6:-6].mean(), abs=0.03)
    steps = [picture.diff(dim=-1).abs().mean(dim=(1, 2, 3)) for picture in (sharp, blurred)]
    assert (steps[1] < 1.0001 * steps[0]).all()  # a blur of a fraction of a pixel changes nothing
    assert (steps[1] < 0.9 * steps[0]).sum() >= 2
    softest = ndimage.gaussian_filter(sharp[0, 0].numpy(), 1.65)
    assert blurred[0, 0].std() >= softest.std() - 0.01


def test_noise_has_no_more_than_the_promised_strength():
    grey = torch.full((64, 32, 64), 0.5)
    image = made((grey, torch.ones(64, 3), torch.zeros(64, 3)), style=only(noise=0.1))
    deviations = image[:, :, 4:-4, 8:-8].std(dim=(1, 2, 3))
    assert 0.06 < deviations.max() < 0.11
    assert deviations.median() < 0.03


def test_coarse_words_have_fewer_details():
    coverage, _, _ = batch(number=32)
    colours = torch.ones(32, 3), torch.zeros(32, 3)
    sharp = made((coverage, *colours), style=STILL)
    coarse = made((coverage, *colours), style=only(coarse=1.0))
    steps = (
        sharp.diff(dim=-1).abs().mean(dim=(1, 2, 3)),
        coarse.diff(dim=-1).abs().mean((1, 2, 3)),
    )
    assert (steps[1] < 0.95 * steps[0]).all()
    half = made((coverage, *colours), style=only(coarse=0.5))
    untouched = (half == sharp).flatten(1).all(dim=1).float().mean()
    assert 0.2 < untouched < 0.8


def test_words_drawn_on_the_cpu_become_pictures():
    coverages, inks, grounds, widths, texts = word_coverages(3, 0, 6, width=128)
    assert coverages.shape == (6, 32, 128)
    assert coverages.dtype == np.uint8
    assert len(texts) == len(widths) == 6
    assert (coverages.reshape(6, -1).max(axis=1) > 200).all()
    for row, width in zip(coverages, widths, strict=True):
        assert row[:, width:].max(initial=0) == 0
    image = made([torch.from_numpy(values) for values in (coverages, inks, grounds)])
    assert image.shape == (6, 3, 32, 128)
    assert (image.flatten(1).std(dim=1) > 0.02).all()
    again = word_coverages(3, 2, 1, width=128)
    assert np.array_equal(again[0][0], coverages[2])
    assert again[4] == texts[2:3]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({0: np.zeros((4, 32, 80))}, TypeError, "coverage must be a torch.Tensor, got ndarray"),
        ({0: torch.zeros(4, 1, 32, 80)}, ValueError, r"coverage must have shape \(N, H, W\)"),
        ({1: torch.zeros(3, 3)}, ValueError, r"ink must have shape \(4, 3\), got \(3, 3\)"),
        ({2: torch.zeros(4, 3, dtype=torch.int64)}, TypeError, "ground must be uint8 or floating"),
    ],
)
def test_bad_tensors_are_named(change, error, message):
    arguments = [change.get(place, value) for place, value in enumerate(batch())]
    with pytest.raises(error, match=message):
        made(arguments)


def test_bad_widths_are_named():
    with pytest.raises(ValueError, match="widths must be 4 numbers from 1 to 80"):
        made(batch(), widths=torch.tensor([80, 80, 80, 81]))
    with pytest.raises(TypeError, match=r"widths must be a torch\.Tensor, got list"):
        made(batch(), widths=[80, 80, 80, 80])


def test_bad_styles_are_named():
    with pytest.raises(ValueError, match="coarse"):
        WordStyle(coarse=1.5)
    with pytest.raises(ValueError, match="blur"):
        WordStyle(blur=-1)

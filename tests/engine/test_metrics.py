"""Binarisation measures against scikit-learn, scikit-image and the definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import peak_signal_noise_ratio
from sklearn.metrics import f1_score, precision_score, recall_score

from ocrlearn.engine.metrics import (
    binarization_scores,
    distance_reciprocal_distortion,
    f_measure,
    negative_rate_metric,
    precision_recall,
    psnr,
)


@st.composite
def mask_pairs(draw):
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    return draw(hnp.arrays(bool, shape)), draw(hnp.arrays(bool, shape))


def drd_by_definition(mask, truth):
    """Sum over wrong pixels and their neighbours, as the paper writes it."""
    height, width = truth.shape
    weight = {
        (dy, dx): 1 / math.hypot(dy, dx)
        for dy in range(-2, 3)
        for dx in range(-2, 3)
        if (dy, dx) != (0, 0)
    }
    total = sum(weight.values())
    distortion = 0.0
    for y, x in np.argwhere(mask != truth):
        for (dy, dx), share in weight.items():
            if 0 <= y + dy < height and 0 <= x + dx < width:
                distortion += share / total * (truth[y + dy, x + dx] != mask[y, x])
    blocks = 0
    for y in range(0, height - 7, 8):
        for x in range(0, width - 7, 8):
            blocks += 0 < truth[y : y + 8, x : x + 8].sum() < 64
    return distortion, blocks


def test_worked_by_hand():
    truth = np.zeros((8, 16), bool)
    truth[:, :4] = True  # 32 of 128 pixels are ink
    mask = truth.copy()
    mask[0, 0] = False  # one missed
    mask[4, 11:14] = True  # three invented
    scores = binarization_scores(mask, truth)
    assert scores.precision == 31 / 34
    assert scores.recall == 31 / 32
    assert scores.f_measure == 2 * 31 / (32 + 34)
    assert scores.psnr == pytest.approx(10 * math.log10(128 / 4))
    assert scores.nrm == pytest.approx((1 / 32 + 3 / 96) / 2)


def test_drd_worked_by_hand():
    truth = np.zeros((16, 16), bool)
    truth[2, 2] = True  # one block of four holds ink and paper
    lone = truth.copy()
    lone[11, 11] = True  # every neighbour is paper: the whole weight, 1
    assert distance_reciprocal_distortion(lone, truth) == pytest.approx(1)
    beside = truth.copy()
    beside[2, 3] = True  # all neighbours but the ink on its left are offended
    total = 4 * (1 + 1 / math.sqrt(2) + 1 / 2 + 1 / math.sqrt(8)) + 8 / math.sqrt(5)
    assert distance_reciprocal_distortion(beside, truth) == pytest.approx(1 - 1 / total)


@given(pair=mask_pairs())
@settings(max_examples=60, deadline=None)
def test_drd_equals_its_definition(pair):
    distortion, blocks = drd_by_definition(*pair)
    if blocks:
        assert distance_reciprocal_distortion(*pair) == pytest.approx(distortion / blocks)
    elif (pair[0] != pair[1]).any():
        assert distance_reciprocal_distortion(*pair) == math.inf


@given(pair=mask_pairs())
@settings(max_examples=60, deadline=None)
def test_shares_equal_scikit_learn(pair):
    mask, truth = pair
    flat = truth.ravel(), mask.ravel()
    precision, recall = precision_recall(mask, truth)
    assert precision == pytest.approx(precision_score(*flat, zero_division=1))
    assert recall == pytest.approx(recall_score(*flat, zero_division=1))
    assert f_measure(mask, truth) == pytest.approx(f1_score(*flat, zero_division=1))
    missed = 1 - recall_score(*flat, zero_division=1)
    inked = 1 - recall_score(*flat, pos_label=False, zero_division=1)
    assert negative_rate_metric(mask, truth) == pytest.approx((missed + inked) / 2)


@given(pair=mask_pairs())
@settings(max_examples=50, deadline=None)
def test_psnr_equals_scikit_image(pair):
    mask, truth = pair
    if (mask == truth).all():
        assert psnr(mask, truth) == math.inf
    else:
        expected = peak_signal_noise_ratio(truth * 1.0, mask * 1.0, data_range=1)
        assert psnr(mask, truth) == pytest.approx(expected)


@given(pair=mask_pairs())
@settings(max_examples=50, deadline=None)
def test_only_the_true_mask_is_perfect(pair):
    mask, truth = pair
    perfect = binarization_scores(truth, truth)
    assert (perfect.f_measure, perfect.psnr, perfect.drd, perfect.nrm) == (1, math.inf, 0, 0)
    if (mask != truth).any():
        scores = binarization_scores(mask, truth)
        assert scores.f_measure < 1
        assert scores.psnr < math.inf
        assert scores.nrm > 0


def test_blank_pages():
    blank, inked = np.zeros((9, 9), bool), np.ones((9, 9), bool)
    assert f_measure(blank, blank) == 1
    assert f_measure(inked, blank) == 0
    assert f_measure(blank, inked) == 0
    assert psnr(inked, blank) == 0
    assert distance_reciprocal_distortion(inked, blank) == math.inf


def test_bad_arguments_are_named():
    truth = np.zeros((4, 4), bool)
    with pytest.raises(TypeError, match=r"mask must be bool.*uint8"):
        f_measure(truth.astype(np.uint8), truth)
    with pytest.raises(TypeError, match="truth must be bool"):
        psnr(truth, truth * 1.0)
    with pytest.raises(ValueError, match=r"mask and truth must have one shape, got \(4, 4\)"):
        f_measure(truth, truth[:2])
    with pytest.raises(ValueError, match=r"truth must have shape \(H, W\)"):
        negative_rate_metric(truth, np.zeros(4, bool))
    with pytest.raises(ValueError, match="not be empty"):
        distance_reciprocal_distortion(truth[:0], truth[:0])

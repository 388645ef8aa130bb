"""Colours of letters and ground: conversion, the learnt pairs and what is drawn from them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from skimage import color

from ocrlearn.data.synth import colours

RECIPE = Path(__file__).parents[2] / "recipes" / "scene_colours.py"


def test_lab_agrees_with_scikit_image():
    rng = np.random.default_rng(0)
    rgb = rng.random((50, 4, 3))
    rgb[0, 0], rgb[0, 1] = 0.0, 1.0
    np.testing.assert_allclose(colours.lab_to_rgb(color.rgb2lab(rgb)), rgb, atol=2e-4)


def test_colours_out_of_gamut_are_clipped():
    rgb = colours.lab_to_rgb([[50, 120, -120], [120, 0, 0], [-10, 0, 0]])
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    np.testing.assert_allclose(rgb[1], 1, atol=1e-3)
    np.testing.assert_allclose(rgb[2], 0, atol=1e-3)


def test_lab_wants_three_numbers():
    with pytest.raises(ValueError, match=r"lab must have shape \(\.\.\., 3\), got \(2,\)"):
        colours.lab_to_rgb([1, 2])


def test_learnt_pairs_are_colours_that_differ():
    pairs = colours.scene_pairs()
    assert len(pairs) >= 300
    first = np.array([pair[0] for pair in pairs])
    second = np.array([pair[1] for pair in pairs])
    spreads = np.array([pair[2:] for pair in pairs])
    assert min(first.min(), second.min()) >= 0
    assert max(first.max(), second.max()) <= 255
    assert np.abs(first - second).max(axis=1).min() > 8
    assert spreads.min() >= 0
    assert 1 < np.median(spreads) < 60
    assert len({pair[0] for pair in pairs}) > 300


def test_drawn_pairs_are_visible_either_way_round_and_repeat():
    rng = np.random.default_rng(5)
    numbers = rng.random((2000, 16))
    pairs = [colours.random_pair(iter(row.tolist())) for row in numbers]
    assert pairs[:20] == [colours.random_pair(iter(row.tolist())) for row in numbers[:20]]
    ink = np.array([pair.ink for pair in pairs])
    ground = np.array([pair.ground for pair in pairs])
    assert min(ink.min(), ground.min()) >= 0
    assert max(ink.max(), ground.max()) <= 255
    difference = np.abs(ink - ground).max(axis=1)
    assert np.percentile(difference, 1) > 25
    assert np.std(difference) > 30
    brighter = ink.mean(axis=1) > ground.mean(axis=1)
    assert 0.44 < brighter.mean() < 0.56
    saturation = np.ptp(ground, axis=1)
    assert 0.25 < (saturation > 60).mean() < 0.75


def test_every_draw_takes_sixteen_numbers():
    for seed in range(40):
        numbers = iter(np.random.default_rng(seed).random(17).tolist())
        colours.random_pair(numbers)
        assert len(list(numbers)) == 1


def test_two_colours_finds_the_two_halves_of_a_window():
    spec = importlib.util.spec_from_file_location("scene_colours", RECIPE)
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    rng = np.random.default_rng(1)
    window = np.empty((20, 30, 3))
    window[:, :12], window[:, 12:] = (30, 10, -5), (70, 0, 20)
    window += rng.normal(0, 2, window.shape)
    means, first = recipe.two_colours(window)
    order = np.argsort(means[:, 0])
    np.testing.assert_allclose(means[order], [(30, 10, -5), (70, 0, 20)], atol=1)
    assert first.mean() == pytest.approx(0.4 if order[0] == 0 else 0.6, abs=0.01)

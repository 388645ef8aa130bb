"""The small samples in datasets/samples, as a visitor finds them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from ocrlearn.data.samples import Clip, read_jsonl
from ocrlearn.data.synth.generators import GENERATORS

ROOT = Path(__file__).parents[2]


def load_recipe():
    path = ROOT / "recipes" / "data_samples.py"
    spec = importlib.util.spec_from_file_location("data_samples", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECIPE = load_recipe()


def test_every_generator_but_that_of_plain_pages_has_samples():
    assert set(RECIPE.KINDS) == set(GENERATORS) - {"pages"}
    assert {folder.name for folder in RECIPE.FOLDER.iterdir()} == set(RECIPE.KINDS)


@pytest.mark.parametrize("name", RECIPE.KINDS)
def test_samples_are_there_with_their_truth(name):
    count, _, _ = RECIPE.KINDS[name]
    items = list(read_jsonl(RECIPE.FOLDER / name / "labels.jsonl"))
    assert len(items) == count
    for item in items:
        if isinstance(item, Clip):
            frames = sorted(item.frames.iterdir())
            assert len(frames) >= 8
            assert item.label
            continue
        pixels = item.pixels()
        assert (item.width, item.height) == pixels.shape[1::-1]
        assert item.text or item.masks
        for mask in item.masks:
            assert item.mask(mask).shape == pixels.shape[:2]
            assert item.mask(mask).any()


@pytest.mark.parametrize("name", sorted(set(RECIPE.KINDS) - {"documents", "scenes"}))
def test_the_generator_still_makes_them(name):
    _, _, options = RECIPE.KINDS[name]
    kept = next(read_jsonl(RECIPE.FOLDER / name / "labels.jsonl"))
    made = GENERATORS[name].make(RECIPE.SEED, 0, **options)
    assert (made.text, made.label) == (kept.text, kept.label)
    if isinstance(made, Clip):
        return
    # Other versions of Pillow, NumPy or the fonts may round otherwise, not draw otherwise.
    assert made.pixels().shape == kept.pixels().shape
    assert np.abs(made.pixels().astype(int) - kept.pixels()).mean() < 12


def test_they_are_a_few_megabytes():
    sizes = [path.stat().st_size for path in RECIPE.FOLDER.rglob("*") if path.is_file()]
    assert sum(sizes) < 5e6

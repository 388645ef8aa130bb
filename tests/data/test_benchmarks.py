import json

import numpy as np
import pytest
from PIL import Image

from ocrlearn.data.benchmarks import (
    GENERATED,
    PHOTOGRAPH_TEXT,
    folder_benchmark,
    photograph,
    photograph_benchmark,
)
from ocrlearn.data.synth.lines import render_line


@pytest.mark.parametrize("name", ["lines_clean", "lines_scanned", "lines_photographed"])
def test_generated_sets_are_fixed_and_labelled(name):
    benchmark = GENERATED[name]
    first, second = benchmark.images(2)
    again = benchmark.image(1)
    np.testing.assert_array_equal(second.image, again.image)
    assert second.text == again.text != first.text
    assert first.page.text == first.text
    assert first.ink.shape == first.image.shape[:2]
    assert len(list(benchmark.images(3))) == 3
    assert benchmark.size == 40


def test_looks_show_the_same_lines():
    texts = {GENERATED[f"lines_{look}"].image(0).text for look in ("clean", "scanned")}
    assert len(texts) == 1


def test_benchmark_lines_are_not_training_lines():
    training = {render_line(2026, index).text for index in range(20)}
    assert not training & {sample.text for sample in GENERATED["lines_clean"].images(20)}


def test_photograph_is_the_one_that_scikit_image_ships():
    skimage_data = pytest.importorskip("skimage.data")
    sample = photograph()
    np.testing.assert_array_equal(sample.image, skimage_data.page())
    assert sample.text == PHOTOGRAPH_TEXT
    assert sample.text.count("\n") == 6
    assert [s.name for s in photograph_benchmark().images()] == ["skimage.data.page()"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(2):
        Image.new("L", (20 + number, 10), 200).save(tmp_path / "images" / f"{number}.png")
    labels = [{"file": f"images/{n}.png", "text": f"text {n}", "other": 1} for n in range(2)]
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)) + "\n\n")
    return tmp_path


def test_folder(folder):
    benchmark = folder_benchmark("mine", folder)
    assert (benchmark.name, benchmark.size, benchmark.unit) == ("mine", 2, "line")
    samples = list(benchmark.images())
    assert [sample.text for sample in samples] == ["text 0", "text 1"]
    assert [sample.image.shape[1] for sample in samples] == [20, 21]
    assert samples[0].page is None


def test_folder_of_pages(folder):
    with (folder / "labels.jsonl").open("a") as file:
        file.write(json.dumps({"file": "images/0.png", "text": "two\nlines"}))
    assert folder_benchmark("mine", folder).unit == "page"
    assert folder_benchmark("mine", folder, unit="line").unit == "line"
    with pytest.raises(ValueError, match="unit must be one of"):
        folder_benchmark("mine", folder, unit="word")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"labels.jsonl, line 4: not JSON"),
        ("[1]", r"line 4: expected an object, got list"),
        ('{"file": "images/0.png"}', r"line 4: 'text' must be a string, got None"),
        ('{"file": 3, "text": ""}', r"line 4: 'file' must be a string, got 3"),
        ('{"file": "gone.png", "text": ""}', r"line 4: file not found"),
        ('{"file": "../x.png", "text": ""}', r"line 4: '../x.png' lies outside the folder"),
        ('{"file": "/etc/passwd", "text": ""}', r"line 4: '/etc/passwd' lies outside"),
    ],
)
def test_malformed_labels_are_named_with_their_line(folder, line, message):
    with (folder / "labels.jsonl").open("a") as file:
        file.write(line)
    with pytest.raises(ValueError, match=message):
        folder_benchmark("mine", folder)


def test_folder_without_labels(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"labels\.jsonl"):
        folder_benchmark("mine", tmp_path)
    (tmp_path / "labels.jsonl").write_text("\n")
    with pytest.raises(ValueError, match="no labels"):
        folder_benchmark("mine", tmp_path)

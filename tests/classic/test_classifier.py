"""Logistic regression: scikit-learn agrees; weights survive the file, and wrong files are named."""

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression

from ocrlearn.classic.classifier import LinearClassifier, fit_logistic_regression, log_softmax


def clouds(seed=0, count=900):
    """Three overlapping clouds of points in five dimensions."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    centres = rng.normal(size=(3, 5)) * 1.5
    return (centres[labels] + rng.normal(size=(count, 5))).astype(np.float32), labels


def test_log_softmax_does_not_overflow():
    found = log_softmax(np.array([[1000.0, 1000.0], [0.0, -1000.0]]))
    np.testing.assert_allclose(found, [[-np.log(2), -np.log(2)], [0, -1000]])


def test_scikit_learn_agrees():
    x, y = clouds()
    decay = 0.01
    ours = fit_logistic_regression(x, y, "abc", epochs=500, batch=300, rate=0.02, decay=decay)
    standard = (x - ours.mean) / ours.scale
    # Their C multiplies the summed loss, our decay the penalty beside the mean loss.
    theirs = LogisticRegression(C=1 / (decay * len(x)), max_iter=1000).fit(standard, y)
    np.testing.assert_allclose(
        np.exp(ours.log_probabilities(x)), theirs.predict_proba(standard), atol=0.02
    )


def test_variants_learn_what_no_single_direction_can():
    # Class 1 lies on both sides of class 0.
    rng = np.random.default_rng(1)
    place = rng.integers(0, 3, 600)
    x = ((place - 1) * 4 + rng.normal(size=600))[:, None].astype(np.float32)
    y = (place != 1).astype(int)
    plain = fit_logistic_regression(x, y, "ab", epochs=20, batch=64, rate=0.05)
    split = fit_logistic_regression(
        x, y, "ab", (place == 2).astype(int), epochs=20, batch=64, rate=0.05
    )
    accuracy = [float((m.log_probabilities(x).argmax(1) == y).mean()) for m in (plain, split)]
    assert accuracy[0] < 0.8
    assert accuracy[1] > 0.93
    np.testing.assert_allclose(np.exp(split.log_probabilities(x)).sum(axis=1), 1, atol=1e-4)


def test_training_does_not_depend_on_anything_but_the_seed():
    x, y = clouds()
    weights = [fit_logistic_regression(x, y, "abc", epochs=2, seed=s).weight for s in (5, 5, 6)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert np.abs(weights[0] - weights[2]).max() > 0


def test_saved_and_loaded(tmp_path):
    x, y = clouds()
    model = fit_logistic_regression(x, y, ["a", "ß", ""], epochs=2, config={"cell": 8})
    model.save(tmp_path / "w.safetensors")
    back = LinearClassifier.load(tmp_path / "w.safetensors", {"cell": 8})
    assert back.classes == ["a", "ß", ""]
    np.testing.assert_allclose(back.log_probabilities(x), model.log_probabilities(x), atol=5e-3)


def test_loading_says_in_words_what_differs(tmp_path):
    x, y = clouds()
    path = tmp_path / "w.safetensors"
    fit_logistic_regression(x, y, "abc", epochs=1, config={"cell": 8, "bins": 9}).save(path)
    with pytest.raises(ValueError, match="cell is 8 in the file and 6 here; x_height is None"):
        LinearClassifier.load(path, {"cell": 6, "bins": 9, "x_height": 20})
    with pytest.raises(FileNotFoundError, match="no file of classifier weights at"):
        LinearClassifier.load(tmp_path / "none.safetensors")
    path.write_bytes(b"these are no weights")
    with pytest.raises(ValueError, match="holds no weights of a linear classifier"):
        LinearClassifier.load(path)
    save_file({"mean": np.zeros(3, np.float32)}, str(path))
    with pytest.raises(ValueError, match="holds no weights of a linear classifier"):
        LinearClassifier.load(path)


def test_bad_arguments_are_named():
    x, y = clouds()
    model = fit_logistic_regression(x, y, "abc", epochs=1)
    with pytest.raises(ValueError, match=r"features must have shape \(N, 5\), got \(2, 4\)"):
        model.log_probabilities(np.zeros((2, 4)))
    assert model.log_probabilities(np.zeros((0, 5))).shape == (0, 3)
    with pytest.raises(ValueError, match="labels must have shape"):
        fit_logistic_regression(x, y[:-1], "abc")
    with pytest.raises(ValueError, match="indices into the 2 classes"):
        fit_logistic_regression(x, y, "ab")
    with pytest.raises(ValueError, match="epochs"):
        fit_logistic_regression(x, y, "abc", epochs=0)
    with pytest.raises(ValueError, match="variants"):
        fit_logistic_regression(x, y, "abc", -np.ones(len(y), int))

"""A linear classifier that gives probabilities: multinomial logistic regression.

Each class has a weight vector; its score is the dot product with the features, and the softmax of
the scores are the class probabilities. A class may have several vectors, one for each *variant*: an
``a`` looks so different in Times, in italics and on a typewriter that no one direction in feature
space fits all. The probability of the class is then the sum over its variants. Being trained on
likelihood, the probabilities are honest enough to be multiplied along a text line, which is what
the reader's dynamic programming does with them. (The margins of a linear SVM, by which Dalal and
Triggs told persons from other things, would have to be calibrated first.)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ocrlearn._validate import check_number

__all__ = ["LinearClassifier", "fit_logistic_regression", "log_softmax"]


def log_softmax(scores: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Logarithm of the softmax along the last axis, safe from overflow."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """Class scores ``(features - mean) / scale @ weight + bias``.

    Attributes
    ----------
    classes
        Names of the C classes.
    mean, scale
        float32 ``(D,)``, of the training features.
    weight, bias
        float32 ``(D, V * C)`` and ``(V * C,)``: all classes of the first variant, then all of the
        second, and so on.
    config
        How the features were made and how the weights were trained; compared on loading.
    """

    classes: Sequence[str]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    config: Mapping[str, Any]

    def log_probabilities(self, features: Any) -> NDArray[np.float32]:
        """Logarithms of the class probabilities, ``(N, C)``, for features ``(N, D)``."""
        array = np.asarray(features, dtype=np.float32)
        if array.ndim != 2 or array.shape[1] != len(self.mean):
            raise ValueError(
                f"features must have shape (N, {len(self.mean)}), got {array.shape}; "
                "were they made with another configuration?"
            )
        scores = ((array - self.mean) / self.scale) @ self.weight + self.bias
        variants = len(self.bias) // len(self.classes)
        by_variant = log_softmax(scores).reshape(-1, variants, len(self.classes))
        return np.logaddexp.reduce(by_variant, axis=1).astype(np.float32)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file whose header carries `classes` and `config` as JSON.

        The weights are stored as float16, which costs no accuracy and halves the file.
        """
        tensors: dict[str, NDArray[Any]] = {
            "mean": self.mean.astype(np.float32),
            "scale": self.scale.astype(np.float32),
            "weight": self.weight.astype(np.float16),
            "bias": self.bias.astype(np.float32),
        }
        header = {
            "classes": json.dumps(list(self.classes), ensure_ascii=False),
            "config": json.dumps(dict(self.config), ensure_ascii=False),
        }
        save_file(tensors, str(path), metadata=header)

    @classmethod
    def load(
        cls, path: str | Path, expected: Mapping[str, Any] | None = None
    ) -> "LinearClassifier":
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path
            A safetensors file.
        expected
            Configuration the caller relies on; every entry must be in the file with the same value.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is no such file, tensors are missing or do not fit together, or an expected entry
            differs; the message names all that differ.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no file of classifier weights at {path}")
        try:
            with safe_open(str(path), framework="numpy") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            classes = json.loads(header["classes"])
            config = json.loads(header["config"])
            mean, scale, bias = (tensors[name] for name in ("mean", "scale", "bias"))
            weight = tensors["weight"].astype(np.float32)
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} holds no weights of a linear classifier: {error}") from error
        fits = weight.ndim == 2 and len(scale) == len(mean) == len(weight)
        if not fits or weight.shape[1] % max(1, len(classes)) or weight.shape[1:] != bias.shape:
            raise ValueError(
                f"{path}: a weight of shape {weight.shape} does not fit {len(mean)} features and "
                f"{len(classes)} classes"
            )
        differing = [
            f"{name} is {config.get(name)!r} in the file and {value!r} here"
            for name, value in (expected or {}).items()
            if config.get(name) != value
        ]
        if differing:
            raise ValueError(
                f"{path} was made for another configuration: {'; '.join(differing)}. "
                "Train it again with its recipe, or use the version of ocrlearn it came from"
            )
        return cls(classes, mean, scale, weight, bias, config)


def fit_logistic_regression(
    features: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[str],
    variants: NDArray[np.integer[Any]] | None = None,
    *,
    epochs: int = 6,
    batch: int = 512,
    rate: float = 2e-3,
    decay: float = 1e-4,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
    progress: Any = None,
) -> LinearClassifier:
    """Train a multinomial logistic regression by Adam on minibatches.

    Minimises the mean of ``-log p(label)`` plus ``decay / 2`` times the squared length of the
    weights, with a step that falls linearly to zero. The problem is convex; minibatches are used
    because the features of a few hundred thousand glyphs do not fit a laptop's memory as floats.

    Parameters
    ----------
    features
        ``(N, D)``, any float type; standardised here.
    labels
        ``(N,)`` integers, indices into `classes`.
    classes
        Names of the classes.
    variants
        ``(N,)`` integers from 0: which variant of its class each sample shows; all the same by
        default. Each variant of each class is learned as a class of its own.
    epochs, batch, rate
        Passes over the data, size of a minibatch, first step size.
    decay
        Weight of the penalty on squared weights.
    seed
        Of the shuffling.
    config
        Stored with the result.
    progress
        Called as ``progress(epoch, mean loss)`` after each epoch.

    References
    ----------
    Diederik P. Kingma and Jimmy Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
    """
    count, dimension = features.shape
    if labels.shape != (count,):
        raise ValueError(f"labels must have shape ({count},), got {labels.shape}")
    if count == 0 or labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"labels must be indices into the {len(classes)} classes, at least one")
    if variants is None:
        variants = np.zeros(count, dtype=np.intp)
    if variants.shape != (count,) or variants.min() < 0:
        raise ValueError(f"variants must be {count} integers from 0, got shape {variants.shape}")
    targets = variants.astype(np.intp) * len(classes) + labels
    outputs = len(classes) * (int(variants.max()) + 1)
    check_number(epochs, "epochs", low=1, integer=True)
    random = np.random.default_rng(seed)
    some = random.permutation(count)[:50_000]
    sample = features[np.sort(some)].astype(np.float32)
    mean = sample.mean(axis=0)
    scale = np.maximum(sample.std(axis=0), 1e-3).astype(np.float32)
    weight = np.zeros((dimension, outputs), dtype=np.float32)
    bias = np.zeros(outputs, dtype=np.float32)
    moments = [np.zeros_like(p) for p in (weight, bias, weight, bias)]
    steps = epochs * -(-count // batch)
    step = 0
    for epoch in range(epochs):
        order = random.permutation(count)
        total = 0.0
        for first in range(0, count, batch):
            index = order[first : first + batch]
            x = (features[index].astype(np.float32) - mean) / scale
            log_p = log_softmax(x @ weight + bias)
            rows = np.arange(len(index))
            total -= float(log_p[rows, targets[index]].sum())
            error = np.exp(log_p)
            error[rows, targets[index]] -= 1
            error /= len(index)
            step += 1
            now = rate * (1 - (step - 1) / steps)
            gradients = (x.T @ error + decay * weight, error.sum(axis=0))
            for value, gradient, first_moment, second_moment in zip(
                (weight, bias), gradients, moments[:2], moments[2:], strict=True
            ):
                first_moment += 0.1 * (gradient - first_moment)
                second_moment += 0.001 * (gradient**2 - second_moment)
                corrected = second_moment / (1 - 0.999**step)
                value -= now * (first_moment / (1 - 0.9**step)) / (np.sqrt(corrected) + 1e-8)
        if progress is not None:
            progress(epoch, total / count)
    return LinearClassifier(list(classes), mean, scale, weight, bias, dict(config or {}))

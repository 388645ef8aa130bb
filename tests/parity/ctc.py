"""CTC: losses and gradients, of log-probabilities and of logits."""

import functools
from typing import Any

import numpy as np

from ocrlearn.ops.ctc import KERNELS, LOSS_RUNGS, RUNGS
from parity import Case, Operation

# How far apart two rungs may be: relative for losses, absolute for gradients, which lie in [-1, 1].
TOLERANCE = {"float32": 2e-5, "float64": 1e-9}


def agree(result: Any, expected: Any) -> None:
    """Compare losses, or losses and a gradient, with one tolerance for each dtype."""
    if not isinstance(expected, tuple):
        result, expected = (result,), (expected,)
    for one, other, relative in zip(result, expected, (True, False), strict=False):
        assert one.dtype == other.dtype
        assert not np.isnan(other).any()
        tolerance = TOLERANCE[str(other.dtype)]
        np.testing.assert_allclose(one, other, rtol=tolerance if relative else 0.0, atol=tolerance)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def arguments(
    frames: int,
    batch: int,
    classes: int,
    longest: int,
    *,
    seed: int = 0,
    blank: int = 0,
    dtype: str = "float64",
    spread: float = 2.0,
    logits: bool = False,
) -> tuple[Any, ...]:
    """Random scores, and targets of random lengths whose padding is no label at all."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=spread, size=(frames, batch, classes))
    scores = scores if logits else log_softmax(scores)
    labels = np.array([c for c in range(classes) if c != blank])
    target_lengths = rng.integers(0, longest + 1, batch).astype(np.int32)
    targets = labels[rng.integers(0, len(labels), (batch, longest))].astype(np.int32)
    targets[np.arange(longest) >= target_lengths[:, None]] = -1
    input_lengths = rng.integers(frames // 2, frames + 1, batch).astype(np.int32)
    return scores.astype(dtype), targets, input_lengths, target_lengths, blank


def fixed(
    scores: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0
) -> tuple[Any, ...]:
    whole = [np.array(x, np.int32) for x in (targets, input_lengths, target_lengths)]
    return np.asarray(scores), *whole, blank


def with_zeros() -> tuple[Any, ...]:
    """Classes of probability 0 that close some walks, or all of them (the last sample)."""
    scores, targets, lengths, target_lengths, blank = arguments(9, 4, 4, 3, seed=5)
    scores[2, 0, 1:] = -np.inf
    scores[4, 1, 0] = -np.inf
    scores[3, 3] = -np.inf
    return scores, targets, np.full_like(lengths, 9), target_lengths, blank


def far_apart() -> tuple[Any, ...]:
    """A network that is sure and wrong: products of its probabilities underflow even a double."""
    scores = np.full((6, 3, 4), -1500.0)
    scores[:, 0, 3] = 0.0  # sure of a class that the target does not hold
    scores[:, 1, 0] = 0.0
    scores[0, 1, 2] = -900.0
    scores[5, 1, 1] = -800.0
    scores[:, 2, 1] = 0.0  # sure of one letter, which the target has twice
    return fixed(scores, [[1, 2, 1], [2, 1, -1], [1, 1, -1]], [6, 6, 6], [3, 2, 2])


def masked() -> tuple[Any, ...]:
    """Logits of -inf: classes ruled out, and a frame beyond the samples that has none."""
    logits, targets, _, target_lengths, blank = arguments(6, 3, 40, 2, seed=5, logits=True)
    logits[:, :, 30:] = -np.inf
    logits[2, 0, 0] = -np.inf
    logits[5] = -np.inf
    targets = np.where(targets > 0, targets % 25 + 1, targets)
    return logits, targets.astype(np.int32), np.full(3, 5, np.int32), target_lengths, blank


def sure_path() -> tuple[Any, ...]:
    """A network that is sure and right: what walks far from its path have is no measure for it."""
    labels = np.arange(1, 25)  # 49 states, more than a warp
    scores = np.full((60, 1, 25), -200.3, np.float32)
    scores[np.arange(60), 0, labels[np.arange(60) * 24 // 60]] = -0.01
    return fixed(scores, labels[None], [60], [24])


def sure_of_one(chosen: int) -> tuple[Any, ...]:
    """Logits whose exponentials overflow unless the greatest, that of `chosen`, is subtracted."""
    logits, *rest = arguments(3, 1, 128, 2, seed=6, logits=True)
    logits[..., chosen] += 2000.0
    return logits, *rest


def every_other(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same scores as every other element of a wider array."""
    scores = args[0]
    wide = np.full((*scores.shape[:-1], 2 * scores.shape[-1]), np.nan, scores.dtype)
    wide[..., ::2] = scores
    return wide[..., ::2], *args[1:]


RANDOM = arguments(11, 4, 5, 3, seed=1)
CASES = [
    Case("float64", RANDOM),
    Case("float32", arguments(11, 4, 5, 3, seed=1, dtype="float32")),
    Case("blank-last", arguments(9, 3, 5, 3, seed=2, blank=4)),
    Case("blank-between", arguments(9, 3, 5, 3, seed=2, blank=2, dtype="float32")),
    Case("non-contiguous", every_other(RANDOM)),
    Case("repeats", fixed(RANDOM[0], [[2, 2, 2]] * 4, [11, 6, 5, 4], [3, 3, 3, 3])),
    Case("one-label-everywhere", fixed(RANDOM[0], [[1, 2, 1]] * 4, [11, 4, 3, 2], [3, 3, 3, 3])),
    Case("empty-targets", fixed(RANDOM[0], np.zeros((4, 0)), [11, 1, 0, 7], [0] * 4)),
    Case("one-frame", fixed(RANDOM[0][:1], [[1, 1]] * 4, [1, 1, 1, 0], [0, 1, 2, 1])),
    Case("no-frames", fixed(RANDOM[0][:0], [[1]] * 4, [0] * 4, [0, 1, 0, 1])),
    Case("no-samples", fixed(RANDOM[0][:, :0], np.zeros((0, 2)), [], [])),
    Case("blank-only", fixed(np.zeros((3, 2, 1)), np.zeros((2, 0)), [3, 2], [0, 0])),
    Case("constant", fixed(np.full((7, 1, 3), -np.log(3.0)), [[1, 2]], [7], [2])),
    Case("zeros", with_zeros()),
    Case("far-apart", far_apart()),
    Case("unnormalised", (RANDOM[0] + 400.0, *RANDOM[1:])),
    Case("two-warps", arguments(24, 2, 40, 20, seed=3, dtype="float32")),
    Case("sure-path", sure_path()),
    Case("real-size", arguments(64, 4, 90, 25, seed=4, dtype="float32"), small=False),
    # 521 states, so each thread of the block of 256 has three.
    Case("states-beyond-the-block", arguments(530, 1, 5, 260, seed=7), small=False),
]
LOGITS = [
    Case("float64", arguments(7, 3, 6, 3, seed=1, logits=True)),
    Case("float32", arguments(7, 3, 6, 3, seed=1, dtype="float32", logits=True)),
    Case("many-classes", arguments(3, 2, 300, 2, seed=1, dtype="float32", logits=True)),
    Case(
        "large", (arguments(5, 2, 4, 2, seed=3, logits=True)[0] * 300, *arguments(5, 2, 4, 2)[1:])
    ),
    *(Case(f"sure-of-class-{chosen}", sure_of_one(chosen)) for chosen in (5, 100)),
    Case("masked", masked()),
    Case("impossible", fixed(RANDOM[0][:2], [[1, 1]] * 4, [2, 2, 0, 1], [2, 1, 0, 2])),
    Case("no-samples", fixed(RANDOM[0][:, :0], np.zeros((0, 2)), [], [])),
]


def torch_ctc(
    scores: np.ndarray,
    targets: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    blank: int,
    from_logits: bool = False,
) -> Any:
    """torch's losses, and its gradient with respect to the log-probabilities or the logits.

    torch's own gradient of log-probabilities has already in it what a log-softmax would subtract,
    exp(log_probs), which is taken away. In float32 torch's sums drift, by 7e-5 in 64 frames, so it
    is always given float64.
    """
    import torch

    if not scores.size or not np.isfinite(scores).all():
        return None  # torch takes no empty batch, and gives NaN for probabilities of 0
    if scores.max() > 100 and not from_logits:
        return None  # exp(log_probs) overflows
    dtype = scores.dtype
    scores = np.ascontiguousarray(scores, np.float64)
    leaf = torch.tensor(scores, requires_grad=True)
    losses = torch.nn.functional.ctc_loss(
        torch.log_softmax(leaf, -1) if from_logits else leaf,
        torch.tensor(np.maximum(targets, 0)),
        torch.tensor(input_lengths),
        torch.tensor(target_lengths),
        blank=blank,
        reduction="none",
    )
    (gradient,) = torch.autograd.grad(torch.where(losses.isinf(), 0.0, losses).sum(), leaf)
    found = gradient.numpy()
    frames = np.arange(len(scores))[:, None]
    learned = (frames < input_lengths) & np.isfinite(losses.detach().numpy())
    if not from_logits:
        found = found - np.exp(scores)
    found = np.where(learned[..., None], found, 0.0)
    return losses.detach().numpy().astype(dtype), found.astype(dtype)


def torch_losses(*args: Any) -> Any:
    answer = torch_ctc(*args)
    return None if answer is None else answer[0]


OPERATIONS = [
    Operation(
        "ctc_loss_and_gradient",
        rungs=RUNGS,
        cases=CASES,
        compare=agree,
        oracle=torch_ctc,
        kernels=KERNELS,
    ),
    Operation(
        "ctc_loss",
        rungs=LOSS_RUNGS,
        cases=CASES[:9],
        compare=agree,
        oracle=torch_losses,
        kernels=KERNELS,
    ),
    Operation(
        "ctc_loss_from_logits",
        rungs={name: functools.partial(rung, from_logits=True) for name, rung in RUNGS.items()},
        cases=LOGITS,
        compare=agree,
        oracle=functools.partial(torch_ctc, from_logits=True),
        kernels=KERNELS,
    ),
]

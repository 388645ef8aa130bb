"""Connectionist temporal classification: losses and gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.ops import ctc

TORCH = "torch"


def batch(
    seed: int, frames: int, samples: int, classes: int, *, logits: bool = False
) -> tuple[Any, ...]:
    """Scores of an untrained network, and targets of 10 to 25 labels."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((frames, samples, classes), dtype=np.float32)
    if not logits:
        scores -= np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    target_lengths = rng.integers(10, 26, samples).astype(np.int32)
    targets = rng.integers(1, classes, (samples, 25)).astype(np.int32)
    return scores, targets, np.full(samples, frames, np.int32), target_lengths, 0


def by_torch(scores: Any, *rest: Any, from_logits: bool = False) -> Callable[[], Any]:
    """Prepare torch's losses and gradient with respect to `scores`, all tensors but the blank."""
    import torch

    targets, input_lengths, target_lengths, blank = rest
    leaf = scores.detach().requires_grad_()

    def run() -> Any:
        log_probs = torch.log_softmax(leaf, -1) if from_logits else leaf
        losses = torch.nn.functional.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, blank, reduction="none"
        )
        (gradient,) = torch.autograd.grad(losses.sum(), leaf)
        return losses.detach(), gradient

    return run


def loss_and_gradient(frames: int, samples: int, classes: int, from_logits: bool) -> Runners:
    """One batch for the library and for torch, on two cores each."""
    import torch

    arguments = batch(0, frames, samples, classes, logits=from_logits)
    theirs = by_torch(*map(torch.from_numpy, arguments[:4]), 0, from_logits=from_logits)
    ours = ctc.ctc_loss_from_logits if from_logits else ctc.ctc_loss_and_gradient
    return {OURS: lambda: ours(*arguments), TORCH: theirs}


def same_losses(ours: Any, theirs: Any) -> bool:
    """Whether the losses agree to four digits."""
    return bool(np.allclose(ours[0], theirs[0].numpy(), rtol=1e-4))


def same_loss_and_logit_gradient(ours: Any, theirs: Any) -> bool:
    """Whether losses and gradients agree; torch's sums in float32 drift by some 1e-4."""
    return same_losses(ours, theirs) and bool(np.abs(ours[1] - theirs[1].numpy()).max() < 2e-3)


def same_up_to_the_softmax(ours: Any, theirs: Any) -> bool:
    """Compare sums over classes: exp(log_probs), which torch's gradient has in it, sums to 1."""
    frames_sum = ours[1].sum(axis=2) + 1, theirs[1].numpy().sum(axis=2)
    return same_losses(ours, theirs) and bool(np.abs(frames_sum[0] - frames_sum[1]).max() < 5e-3)


CPU = [
    CpuCase(
        name=f"{name}, {classes:,} classes",
        size=f"T={frames}, B={samples}, C={classes}, 10 to 25 labels",
        runners=lambda size=(frames, samples, classes, logits): loss_and_gradient(*size),
        agree=same_loss_and_logit_gradient if logits else same_up_to_the_softmax,
        bars={TORCH: 1.5},
    )
    for name, logits in [("CTC loss and gradient", False), ("CTC from logits", True)]
    for frames, samples, classes in [(128, 64, 100), (64, 32, 6000)]
]


def close(result: Any, expected: Any) -> None:
    """Compare losses relatively and gradients, which lie in [-1, 1], absolutely."""
    np.testing.assert_allclose(result[0], expected[0], rtol=2e-5)
    np.testing.assert_allclose(result[1], expected[1], atol=1e-4)


def torch_peer(from_logits: bool) -> Callable[..., Callable[[], Any]]:
    """Make torch's peer of one of the two cases below."""

    def prepare(*args: Any) -> Callable[[], Any]:
        import torch

        scores, targets, input_lengths, target_lengths = map(torch.from_dlpack, args[:4])
        # Lengths on the CPU, as torch wants them: else it copies them there, and waits, every time.
        lengths = input_lengths.cpu(), target_lengths.cpu()
        return by_torch(scores, targets.long(), *lengths, args[4], from_logits=from_logits)

    return prepare


FRAMES, SAMPLES, CLASSES, LONGEST = 256, 256, 6000, 25
ROWS = FRAMES * SAMPLES
STATES = 2 * LONGEST + 1
# Tables of both directions, written and read, and the 32-byte sectors of the classes of about
# 17.5 labels and the blank, read by both directions, the second time from the L2 cache.
SWEEP_BYTES = ROWS * (2 * 2 * STATES * 4 + 18.5 * 32)
SWEEP_OPERATIONS = ROWS * 36 * 2 * 12  # three exponentials, a logarithm and a few more, each state

GPU = [
    GpuCase(
        name="CTC loss and gradient",
        size=f"T={FRAMES}, B={SAMPLES}, C={CLASSES}, 10 to 25 labels",
        rungs=ctc.RUNGS,
        make=lambda seed: batch(seed, FRAMES, SAMPLES, CLASSES),
        small=lambda seed: batch(seed, 64, 8, 200),
        compare=close,
        bytes=ROWS * CLASSES * 4 + SWEEP_BYTES,  # the gradient is written; log_probs only gathered
        operations=SWEEP_OPERATIONS,
        peers={TORCH: torch_peer(from_logits=False)},
    ),
    GpuCase(
        name="CTC from logits",
        size=f"T={FRAMES}, B={SAMPLES}, C={CLASSES}, 10 to 25 labels",
        rungs=ctc.RUNGS,
        make=lambda seed: batch(seed, FRAMES, SAMPLES, CLASSES, logits=True),
        small=lambda seed: batch(seed, 64, 8, 200, logits=True),
        compare=close,
        options={"from_logits": True},
        # Logits are read for their normaliser and again for the softmax, the gradient is written.
        bytes=3 * ROWS * CLASSES * 4 + SWEEP_BYTES,
        operations=SWEEP_OPERATIONS + 5 * ROWS * CLASSES,
        peers={TORCH: torch_peer(from_logits=True)},
    ),
]

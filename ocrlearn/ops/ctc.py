"""Connectionist temporal classification: the loss of a text whose place in time is unknown.

A network reads a line of text frame by frame, and says for every frame how probable each class is:
the characters, and one more, the *blank*. A sequence of one class per frame is an *alignment*; it
spells the text that remains when repeats are merged and blanks dropped, so ``--hh-e-ll-lo`` spells
*hello*. The probability of a text is the sum over all alignments that spell it, and the loss is
its negative logarithm.

There are exponentially many alignments, but they all walk through the same few states: the labels
of the text with a blank before, between and after them, ``2 L + 1`` in all. From one frame to the
next a walk stays, moves to the next state, or skips a blank between two different labels. So the
sum is found by dynamic programming: ``alpha[t, s]`` collects all walks that reach state ``s`` at
frame ``t``, and ``beta[t, s]`` all ways to go on from there. Their product over the total is the
*occupancy* of the state, the probability that the walk is there, and the gradient of the loss with
respect to a log-probability is minus the occupancy of its class.

Alex Graves, Santiago Fernández, Faustino Gomez and Jürgen Schmidhuber, "Connectionist Temporal
Classification: Labelling Unsegmented Sequence Data with Recurrent Neural Networks", ICML 2006.

**Deviations from the paper.**

- The paper's backward variable counts the frame it stands at, as the forward variable does, and
  divides that frame out again (equation 15). Ours begins with the frame after, as Rabiner's does,
  so that a class of probability 0 is not divided by.
- The paper gives the gradient with respect to the network's outputs before the softmax. That is
  :func:`ctc_loss_from_logits`; :func:`ctc_loss_and_gradient` stops at the log-probabilities.
- The paper rescales both variables at every frame so that they do not underflow. The reference adds
  logarithms instead. The fast path rescales, and repeats in logarithms the rare sample for which it
  cannot show that nothing was lost. The kernels do both: logarithms, shifted every few frames.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, is_cupy, pick
from ocrlearn._validate import check_number
from ocrlearn.ops._c_types import c_type
from ocrlearn.text import ctc_collapse

__all__ = [
    "KERNELS",
    "LOSS_RUNGS",
    "RUNGS",
    "best_path_decode",
    "check_ctc_feasible",
    "ctc_backward",
    "ctc_feasible",
    "ctc_forward",
    "ctc_loss",
    "ctc_loss_and_gradient",
    "ctc_loss_from_logits",
]

KERNELS = cuda.KernelFile.beside(__file__)

Result = tuple[Any, Any]


# --- The reference --------------------------------------------------------------------------------


def _extended(target: NDArray[np.integer], blank: int) -> NDArray[np.int64]:
    """Return the class of every state: labels with blanks before, between and after them."""
    states = np.full(2 * len(target) + 1, blank, np.int64)
    states[1::2] = target
    return states


def _can_skip(states: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which states may be entered from two before: labels that differ from the label before."""
    skip = np.zeros(len(states), np.bool_)
    skip[3::2] = states[3::2] != states[1:-2:2]
    return skip


def _later(row: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    """Move the row `by` states towards the end; -inf moves in."""
    moved = np.full(len(row), -np.inf)
    moved[by:] = row[: len(row) - by]
    return moved


def _check_sample(
    log_probs: ArrayLike, target: ArrayLike, blank: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return one sample's log-probabilities and the classes of its states, checked."""
    frames = np.asarray(log_probs, np.float64)
    if frames.ndim != 2 or frames.shape[1] < 1:
        raise ValueError(f"log_probs must have shape (T, C) with C >= 1, got {frames.shape}")
    classes = frames.shape[1]
    blank = int(check_number(blank, "blank", low=0, high=classes - 1, integer=True))
    labels = np.asarray(target)
    if labels.ndim != 1:
        raise ValueError(f"target must have shape (L,), got {labels.shape}")
    if labels.size and labels.dtype.kind not in "iu":
        raise TypeError(f"target must be integers, got dtype {labels.dtype}")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"target must lie in [0, {classes}), got labels from {labels.min()} to {labels.max()}"
        )
    if (labels == blank).any():
        raise ValueError(f"target must not hold the blank, {blank}")
    return frames, _extended(labels, blank)


def ctc_forward(log_probs: ArrayLike, target: ArrayLike, blank: int = 0) -> NDArray[np.float64]:
    """Log-probabilities of reaching each state at each frame: the forward variable.

    Parameters
    ----------
    log_probs
        ``(T, C)`` natural logarithms of the class probabilities of one sample.
    target
        ``(L,)`` integers: its labels, without blanks.
    blank
        The class of the blank.

    Returns
    -------
    alpha
        ``(T, 2 L + 1)`` float64: the logarithm of the sum over all walks that are in state s at
        frame t, of the probabilities of their frames 0 to t. Odd states are labels, even ones
        blanks. The probability of the text is that of the last two states at the last frame.

    Raises
    ------
    TypeError
        If `target` does not hold integers.
    ValueError
        If a shape is wrong, or a label or the blank is no class, or a label is the blank.
    """
    frames, states = _check_sample(log_probs, target, blank)
    skip = _can_skip(states)
    alpha = np.full((len(frames), len(states)), -np.inf)
    alpha[:1, :2] = frames[:1, states[:2]]  # a walk begins in the first blank or the first label
    for t in range(1, len(frames)):
        stay, step = alpha[t - 1], _later(alpha[t - 1], 1)
        jump = np.where(skip, _later(alpha[t - 1], 2), -np.inf)
        alpha[t] = np.logaddexp(np.logaddexp(stay, step), jump) + frames[t, states]
    return alpha


def ctc_backward(log_probs: ArrayLike, target: ArrayLike, blank: int = 0) -> NDArray[np.float64]:
    """Log-probabilities of finishing from each state after each frame: the backward variable.

    Takes the arguments of :func:`ctc_forward` and raises the same errors.

    Returns
    -------
    beta
        ``(T, 2 L + 1)`` float64: the logarithm of the sum over all walks that go on from state s
        at frame t to the end, of the probabilities of their frames t + 1 to T - 1. So
        ``alpha + beta``, summed over the states, is the log-probability of the text at every frame.
    """
    frames, states = _check_sample(log_probs, target, blank)
    skip = _can_skip(states)
    beta = np.full((len(frames), len(states)), -np.inf)
    beta[-1:, -2:] = 0.0  # a walk ends in the last label or the last blank
    for t in range(len(frames) - 2, -1, -1):
        arriving = beta[t + 1] + frames[t + 1, states]
        stay, step = arriving, _later(arriving[::-1], 1)[::-1]
        jump = _later(np.where(skip, arriving, -np.inf)[::-1], 2)[::-1]
        beta[t] = np.logaddexp(np.logaddexp(stay, step), jump)
    return beta


def _log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):  # a frame that is not used may be anything
        shifted = np.asarray(logits, np.float64)
        shifted = shifted - shifted.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _loss_reference(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
) -> Any:
    losses = np.zeros(len(targets))
    for b, (frames, length) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        if frames == 0:
            losses[b] = np.inf if length else 0.0
            continue
        alpha = ctc_forward(log_probs[:frames, b], targets[b, :length], blank)
        losses[b] = 0.0 - np.logaddexp.reduce(alpha[-1, -2:])
    return losses.astype(log_probs.dtype)


def _reference(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    from_logits: bool = False,
) -> Result:
    """Sum in logarithms, sample by sample; the tables of the lesson."""
    scores = _log_softmax(log_probs) if from_logits and log_probs.size else log_probs
    losses = np.zeros(len(targets))
    gradient = np.zeros(log_probs.shape)
    for b, (frames, length) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        sample, target = scores[:frames, b], targets[b, :length]
        if frames == 0:
            losses[b] = np.inf if length else 0.0
            continue
        alpha = ctc_forward(sample, target, blank)
        beta = ctc_backward(sample, target, blank)
        losses[b] = 0.0 - np.logaddexp.reduce(alpha[-1, -2:])
        if losses[b] == np.inf:
            continue
        occupancy = np.exp(alpha + beta + losses[b])
        if from_logits:
            gradient[:frames, b] = np.exp(sample)
        for s, label in enumerate(_extended(target, blank)):
            gradient[:frames, b, label] -= occupancy[:, s]
    return losses.astype(log_probs.dtype), gradient.astype(log_probs.dtype)


# --- The fast rung --------------------------------------------------------------------------------


def _softmax(logits: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the softmax of every frame and the logarithm of what it is divided by."""
    largest = logits.max(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):  # a frame that is not used may be anything
        softmax = logits - largest
        np.exp(softmax, out=softmax)
        total = softmax.sum(axis=-1, keepdims=True, dtype=np.float64)
        softmax /= total.astype(logits.dtype)
        return softmax, (largest + np.log(total))[..., 0]


def _loss_fast(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
) -> Any:
    from ocrlearn.ops._ctc_numba import forward_backward

    scores = np.ascontiguousarray(log_probs)
    losses = np.empty(len(targets), log_probs.dtype)
    no_shift = np.zeros(scores.shape[:2])
    nothing = np.empty((0, 0, 0), log_probs.dtype)
    forward_backward(
        scores, no_shift, targets, input_lengths, target_lengths, blank, losses, nothing
    )
    return losses


def _fast(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    from_logits: bool = False,
) -> Result:
    """Rescaled probabilities instead of logarithms, samples in parallel; compiled by Numba."""
    from ocrlearn.ops._ctc_numba import forward_backward

    scores = np.ascontiguousarray(log_probs)
    losses = np.empty(len(targets), scores.dtype)
    if from_logits and scores.size:
        gradient, normaliser = _softmax(scores)
    else:
        gradient = np.zeros_like(scores)
        normaliser = np.zeros(scores.shape[:2])
    forward_backward(
        scores, normaliser, targets, input_lengths, target_lengths, blank, losses, gradient
    )
    return losses, gradient


# --- The CUDA rung --------------------------------------------------------------------------------

MAX_BLOCK = 256
STATES_PER_THREAD = (1, 4)  # the variants that ctc.cu lists
MAX_LABELS = (MAX_BLOCK * STATES_PER_THREAD[-1] - 1) // 2


class _Batch:
    """The arguments of the kernels, made contiguous, and the launches."""

    def __init__(
        self,
        log_probs: Any,
        targets: Any,
        input_lengths: Any,
        target_lengths: Any,
        blank: int,
        from_logits: bool,
    ) -> None:
        xp = array_module(log_probs)
        self.frames, self.batch, self.classes = log_probs.shape
        self.longest = targets.shape[1]
        if self.longest > MAX_LABELS:
            raise ValueError(
                f"targets may be up to {MAX_LABELS} labels long on the cuda rung, "
                f"got shape {targets.shape}; cut off padding that no sample needs"
            )
        self.real = c_type(log_probs.dtype)
        self.log_probs = xp.ascontiguousarray(log_probs)
        self.log_norm = xp.zeros((self.frames, self.batch), log_probs.dtype)
        self.lengths = {
            "targets": xp.ascontiguousarray(targets),
            "input_lengths": xp.ascontiguousarray(input_lengths),
            "target_lengths": xp.ascontiguousarray(target_lengths),
        }
        self.sizes = {
            "frames": self.frames,
            "batch": self.batch,
            "longest": self.longest,
            "classes": self.classes,
            "blank": blank,
        }
        self.from_logits = from_logits
        if from_logits:
            self._normalise()

    def _kernel(self, name: str, per_thread: int = 1) -> Any:
        return KERNELS.kernel(name, Real=self.real, PerThread=per_thread)

    def _normalise(self) -> None:
        cuda.launch(
            self._kernel("log_normaliser"),
            self.frames * self.batch,
            128,
            logits=self.log_probs,
            rows=self.frames * self.batch,
            classes=self.classes,
            log_norm=self.log_norm,
        )

    def sweep(self, directions: int) -> tuple[Any, Any]:
        """Losses and the tables of alpha and, for two directions, beta."""
        states = 2 * self.longest + 1
        block = min(MAX_BLOCK, 32 * -(-states // 32))
        per_thread = next(n for n in STATES_PER_THREAD if n * block >= states)
        shape = (directions, self.frames, self.batch, states)
        tables = cuda.empty(shape, self.log_probs.dtype, like=self.log_probs)
        losses = cuda.empty(self.batch, "float64", like=self.log_probs)
        cuda.launch(
            self._kernel("forward_backward", per_thread),
            (self.batch, directions),
            block,
            shared_memory=2 * (states + 2) * self.log_probs.dtype.itemsize,
            log_probs=self.log_probs,
            log_norm=self.log_norm,
            **self.lengths,
            **self.sizes,
            tables=tables,
            losses=losses,
        )
        return losses, tables

    def gradient(self, losses: Any, tables: Any) -> Any:
        first_same = cuda.empty((self.batch, self.longest), "int32", like=self.log_probs)
        next_same = cuda.empty((self.batch, self.longest), "int32", like=self.log_probs)
        cuda.launch(
            self._kernel("link_repeats"),
            (self.batch,),
            64,
            targets=self.lengths["targets"],
            target_lengths=self.lengths["target_lengths"],
            batch=self.batch,
            longest=self.longest,
            first_same=first_same,
            next_same=next_same,
        )
        gradient = cuda.empty(self.log_probs.shape, self.log_probs.dtype, like=self.log_probs)
        cuda.launch(
            self._kernel("occupancy_gradient"),
            self.frames * self.batch,
            128 if self.classes <= 1024 else 256,
            shared_memory=(2 * self.longest + 1) * self.log_probs.dtype.itemsize,
            scores=self.log_probs,
            log_norm=self.log_norm,
            tables=tables,
            losses=losses,
            **self.lengths,
            first_same=first_same,
            next_same=next_same,
            **self.sizes,
            from_logits=int(self.from_logits),
            gradient=gradient,
        )
        return gradient


def _loss_cuda(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
) -> Any:
    batch = _Batch(log_probs, targets, input_lengths, target_lengths, blank, False)
    losses, _ = batch.sweep(directions=1)
    return losses.astype(log_probs.dtype)


def _cuda(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    from_logits: bool = False,
) -> Result:
    batch = _Batch(log_probs, targets, input_lengths, target_lengths, blank, from_logits)
    losses, tables = batch.sweep(directions=2)
    return losses.astype(log_probs.dtype), batch.gradient(losses, tables)


RUNGS = {"reference": _reference, "fast": _fast, "cuda": _cuda}
LOSS_RUNGS = {"reference": _loss_reference, "fast": _loss_fast, "cuda": _loss_cuda}


# --- Public functions -----------------------------------------------------------------------------


def _check_integers(array: Any, name: str, shape: tuple[int | None, ...], words: str) -> Any:
    """Return an array or a list as int32 after checking its dtype, its shape and that it fits.

    Of an array of 64 bits on a GPU the values are not looked at: the upper halves are cut off.
    """
    if not hasattr(array, "dtype"):
        array = np.asarray(array)
    array_module(array)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    fits = len(array.shape) == len(shape) and all(
        wanted in (None, side) for wanted, side in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} must have shape {words}, got {array.shape}")
    if not is_cupy(array) and array.size:
        limits = np.iinfo(np.int32)
        if not limits.min <= array.min() <= array.max() <= limits.max:
            raise ValueError(
                f"{name} must fit int32, got values from {array.min()} to {array.max()}"
            )
    return array.astype(np.int32, copy=False)


def _check_within(array: Any, name: str, high: int, what: str) -> None:
    """Check that lengths lie in [0, high]; a CuPy array is not waited for."""
    if isinstance(array, np.ndarray) and array.size and not 0 <= array.min() <= array.max() <= high:
        raise ValueError(
            f"{name} must lie in [0, {high}], {what}, "
            f"got values from {array.min()} to {array.max()}"
        )


def _check_targets(
    targets: Any, target_lengths: Any, samples: int | None = None
) -> tuple[Any, Any]:
    """Check the targets and their lengths for `samples` samples."""
    batch = "B" if samples is None else str(samples)
    targets = _check_integers(targets, "targets", (samples, None), f"({batch}, S)")
    target_lengths = _check_integers(
        target_lengths, "target_lengths", targets.shape[:1], f"({len(targets)},)"
    )
    _check_within(target_lengths, "target_lengths", targets.shape[1], "the width of targets")
    return targets, target_lengths


def _check(
    scores: Any, name: str, targets: Any, input_lengths: Any, target_lengths: Any, blank: Any
) -> tuple[Any, Any, Any, Any, int]:
    """Check and convert the arguments that all of the losses share."""
    if not hasattr(scores, "dtype") or scores.dtype not in (np.float32, np.float64):
        came = getattr(scores, "dtype", type(scores).__name__)
        raise TypeError(f"{name} must be a float32 or float64 array, got {came}")
    array_module(scores)
    if scores.ndim != 3 or scores.shape[2] < 1:
        raise ValueError(f"{name} must have shape (T, B, C) with C >= 1, got {scores.shape}")
    frames, samples, classes = scores.shape
    blank = int(check_number(blank, "blank", low=0, high=classes - 1, integer=True))
    targets, target_lengths = _check_targets(targets, target_lengths, samples)
    input_lengths = _check_integers(input_lengths, "input_lengths", (samples,), f"({samples},)")
    array_module(scores, targets, input_lengths, target_lengths)
    _check_within(input_lengths, "input_lengths", frames, f"the frames of {name}")
    if isinstance(targets, np.ndarray):
        used = targets[np.arange(targets.shape[1]) < target_lengths[:, None]]
        if used.size and not 0 <= used.min() <= used.max() < classes:
            raise ValueError(
                f"targets must lie in [0, {classes}), the classes of {name}, "
                f"got labels from {used.min()} to {used.max()}"
            )
        if (used == blank).any():
            raise ValueError(f"targets must not hold the blank, {blank}")
    return scores, targets, input_lengths, target_lengths, blank


def _refuse_nan(losses: Any, name: str) -> None:
    """Raise if a NaN or +inf in the scores has reached a loss; CuPy arrays are not waited for."""
    if isinstance(losses, np.ndarray):
        bad = np.flatnonzero(np.isnan(losses) | (losses == -np.inf))
        if bad.size:
            raise ValueError(f"{name} must be numbers or -inf, got NaN or +inf in sample {bad[0]}")


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    *,
    rung: str | None = None,
) -> Any:
    """Negative log-probability of every target, as :func:`ctc_loss_and_gradient` returns it.

    Takes the same arguments and raises the same errors. On a GPU it takes half the work.
    """
    arguments = _check(log_probs, "log_probs", targets, input_lengths, target_lengths, blank)
    losses = pick(LOSS_RUNGS, *arguments[:4], rung=rung)(*arguments)
    _refuse_nan(losses, "log_probs")
    return losses


def ctc_loss_and_gradient(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    *,
    rung: str | None = None,
) -> Result:
    """Negative log-probability of every target, and its gradient.

    Parameters
    ----------
    log_probs
        ``(T, B, C)`` float32 or float64, natural logarithms: of frame t of sample b, how probable
        class c is. -inf is allowed. They need not sum to 1, and the loss may then be negative.
    targets
        ``(B, S)`` integers: the labels of each sample, in [0, C) and not the blank. What lies
        beyond a target's length is ignored. Beside NumPy arrays, lists will do for the integers.
    input_lengths
        ``(B,)`` integers in [0, T]: frames of each sample. Those beyond are ignored.
    target_lengths
        ``(B,)`` integers in [0, S]: labels of each sample. An empty target is spelled by blanks.
    blank
        The class of the blank.
    rung
        "reference", "fast" or "cuda"; see :func:`ocrlearn._dispatch.pick`.

    Returns
    -------
    losses
        ``(B,)`` of the dtype of `log_probs`. Infinite where no alignment of positive probability
        spells the target, as when it needs more frames than there are (:func:`ctc_feasible`).
    gradient
        ``(T, B, C)`` of the dtype of `log_probs`: the derivative of each sample's loss with respect
        to its log-probabilities, taken as independent variables. That is minus the occupancy of the
        class, so each frame sums to -1. It is 0 beyond a sample's length and where the loss is
        infinite, so that one impossible sample cannot spoil a batch; never NaN.

    Raises
    ------
    TypeError
        If a dtype is wrong, or NumPy and CuPy arrays are mixed.
    ValueError
        If a shape, a length, a label or the blank is out of range, or `log_probs` holds NaN or
        +inf where it is used. Values in CuPy arrays are not looked at, which would make the CPU
        wait for the GPU: there a wrong label or length reads memory that is not its own.

    Notes
    -----
    ``torch.nn.functional.ctc_loss`` returns another gradient for the same arguments,
    ``exp(log_probs) - occupancy``: it takes for granted that a log-softmax lies below and already
    puts in what that will subtract. Passed back through a log-softmax the two agree, since its
    derivative takes ``exp(log_probs)`` times the sum of the frame away: that sum is -1 for ours and
    0 for torch's.

    Examples
    --------
    >>> frames = np.log(np.full((2, 1, 2), 0.5))
    >>> target = np.array([[1]]), np.array([2]), np.array([1])
    >>> losses, gradient = ctc_loss_and_gradient(frames, *target)
    >>> np.exp(-losses).round(3)  # 11, 1- and -1 spell "1", each with probability 1/4
    array([0.75])
    """
    arguments = _check(log_probs, "log_probs", targets, input_lengths, target_lengths, blank)
    losses, gradient = pick(RUNGS, *arguments[:4], rung=rung)(*arguments)
    _refuse_nan(losses, "log_probs")
    return losses, gradient


def ctc_loss_from_logits(
    logits: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    *,
    rung: str | None = None,
) -> Result:
    """Softmax and CTC in one: losses, and the gradient with respect to a network's raw outputs.

    As :func:`ctc_loss_and_gradient` of the log-softmax of `logits`, but the log-probabilities are
    never stored.

    Parameters
    ----------
    logits
        ``(T, B, C)`` float32 or float64. -inf rules a class out; not all of a frame may be.
    targets, input_lengths, target_lengths, blank, rung
        As for :func:`ctc_loss_and_gradient`.

    Returns
    -------
    losses
        ``(B,)`` of the dtype of `logits`.
    gradient
        ``(T, B, C)`` of the same dtype: ``softmax(logits) - occupancy``, equation 16 of the paper;
        0 beyond a sample's length and where the loss is infinite.

    Raises
    ------
    TypeError, ValueError
        As :func:`ctc_loss_and_gradient`.
    """
    arguments = _check(logits, "logits", targets, input_lengths, target_lengths, blank)
    losses, gradient = pick(RUNGS, *arguments[:4], rung=rung)(*arguments, True)
    _refuse_nan(losses, "logits")
    return losses, gradient


def _frames_needed(targets: Any, target_lengths: Any) -> Any:
    """One frame a label, and one more for the blank between two equal labels."""
    xp = array_module(targets, target_lengths)
    inside = xp.arange(1, max(targets.shape[1], 1)) < target_lengths[:, None]
    repeats = (targets[:, 1:] == targets[:, :-1]) & inside
    return target_lengths + repeats.sum(axis=1)


def ctc_feasible(targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
    """Whether each target can be spelled in its number of frames at all.

    A target needs one frame a label, and one more for the blank between every two equal labels in a
    row. With fewer its loss is infinite whatever the network says, and teaches nothing.

    Parameters
    ----------
    targets, input_lengths, target_lengths
        As in :func:`ctc_loss_and_gradient`.

    Returns
    -------
    feasible
        ``(B,)`` bool.

    Raises
    ------
    TypeError
        If a dtype is wrong, or NumPy and CuPy arrays are mixed.
    ValueError
        If a shape or a length is wrong.

    Examples
    --------
    >>> ctc_feasible([[1, 2], [1, 1]], [2, 2], [2, 2])  # "11" needs a blank between
    array([ True, False])
    """
    targets, target_lengths = _check_targets(targets, target_lengths)
    input_lengths = _check_integers(
        input_lengths, "input_lengths", targets.shape[:1], f"({len(targets)},)"
    )
    array_module(targets, input_lengths, target_lengths)
    return _frames_needed(targets, target_lengths) <= input_lengths


def check_ctc_feasible(targets: Any, input_lengths: Any, target_lengths: Any) -> None:
    """Raise ValueError if a target has too few frames, and name the first.

    For a data set, before training: the loss itself gives infinity and a gradient of 0, because in
    the middle of a training run one bad sample should cost one sample.

    Parameters
    ----------
    targets, input_lengths, target_lengths
        As in :func:`ctc_loss_and_gradient`. Of CuPy arrays the answer is waited for.

    Raises
    ------
    ValueError
        If a target has too few frames, see :func:`ctc_feasible`, or an argument is wrong.
    """
    feasible = ctc_feasible(targets, input_lengths, target_lengths)
    if bool(feasible.all()):
        return
    sample = int((~feasible).argmax())
    needed = int(_frames_needed(*_check_targets(targets, target_lengths))[sample])
    raise ValueError(
        f"{int((~feasible).sum())} of {len(feasible)} targets cannot be spelled in their frames; "
        f"the first is sample {sample}: its {int(target_lengths[sample])} labels need {needed} "
        f"frames, one more between equal neighbours, and input_lengths gives it "
        f"{int(input_lengths[sample])}"
    )


def best_path_decode(
    log_probs: Any, input_lengths: Any | None = None, blank: int = 0
) -> list[NDArray[np.intp]]:
    """Read the most probable class of every frame, merge repeats and drop blanks.

    The best alignment, not the best text: a text with many good alignments may be more probable.
    Section 3.2 of the paper.

    Parameters
    ----------
    log_probs
        ``(T, B, C)`` scores of any kind that is larger for better classes, NumPy or CuPy. Of
        equally good classes the first is read.
    input_lengths
        ``(B,)`` frames of each sample, all by default.
    blank
        The class of the blank.

    Returns
    -------
    labels
        For each sample its labels, on the CPU.

    Raises
    ------
    TypeError
        If `log_probs` is no array, or `input_lengths` are no integers.
    ValueError
        If a shape, a length or the blank is out of range.

    Examples
    --------
    >>> frames = np.eye(3)[[1, 1, 0, 1, 2]][:, None]  # five frames of one sample
    >>> best_path_decode(frames)
    [array([1, 1, 2])]
    """
    if not hasattr(log_probs, "dtype"):
        raise TypeError(f"log_probs must be a NumPy or CuPy array, got {type(log_probs).__name__}")
    on_gpu = array_module(log_probs) is not np
    if log_probs.ndim != 3 or log_probs.shape[2] < 1:
        raise ValueError(f"log_probs must have shape (T, B, C) with C >= 1, got {log_probs.shape}")
    frames, samples, classes = log_probs.shape
    blank = int(check_number(blank, "blank", low=0, high=classes - 1, integer=True))
    paths = log_probs.argmax(axis=2)
    paths = paths.get() if on_gpu else paths
    if input_lengths is None:
        return [ctc_collapse(path, blank) for path in paths.T]
    lengths = _check_integers(input_lengths, "input_lengths", (samples,), f"({samples},)")
    lengths = lengths.get() if is_cupy(lengths) else lengths
    _check_within(lengths, "input_lengths", frames, "the frames of log_probs")
    return [ctc_collapse(paths[:n, b], blank) for b, n in enumerate(lengths)]

"""The compiled sweeps of :mod:`ocrlearn.ops.ctc`, apart so that Numba is imported on first use.

Adding logarithms takes three exponentials and a logarithm for every state and frame. Multiplying
probabilities takes none, if they are rescaled at every frame so that they sum to 1 (Lawrence R.
Rabiner, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition",
Proceedings of the IEEE, 1989). What is lost is range: a double holds no probability below 1e-308,
and a walk that is that improbable now may still become the only one that can finish. So a sample is
done in logarithms again unless it is shown that this did not happen.

It is shown thus. With the same factors in both directions, ``alpha[t, s] * beta[t, s]`` is the
share of the walks through (t, s) in all walks. A product that falls below 1e-308 before it is
divided by its frame's total is lost; where no total is below 1e-100 and no beta above 1e100, the
walks lost at one (t, s) are at most 1e-308 * 1e100 * 1e100 = 1e-108 of all.
"""

from typing import Any

import numpy as np
from numba import njit, prange

__all__ = ["forward_backward"]

LEAST_TOTAL = 1e-100
GREATEST_BETA = 1e100


@njit(cache=True, nogil=True)
def _band(frame: int, frames: int, states: int) -> tuple[int, int]:
    """States that can be reached from the start by `frame`, and from which the end is in reach."""
    return max(0, states - 2 * (frames - frame)), min(states, 2 * frame + 2)


@njit(cache=True, nogil=True)
def _emissions(scores: Any, normaliser: Any, b: int, frames: int, labels: Any) -> Any:
    """Probabilities of the blank and each label, over the largest of the frame, and its logarithm.

    ``labels[0]`` is the blank, so that state s emits column ``(s + 1) // 2`` where s is odd and
    column 0 where it is even.
    """
    emission = np.empty((frames, len(labels)))
    largest = np.empty(frames)
    for t in range(frames):
        high = -np.inf
        for k in range(len(labels)):
            high = max(high, scores[t, b, labels[k]])
        for k in range(len(labels)):
            emission[t, k] = np.exp(scores[t, b, labels[k]] - high)
        largest[t] = high - normaliser[t, b]
    return emission, largest


@njit(cache=True, nogil=True)
def _scaled(
    emission: Any, largest: Any, labels: Any, alpha: Any, beta: Any, factor: Any
) -> tuple[float, bool]:
    """Fill `alpha` and `beta`; return the log-probability and whether it can be relied on."""
    frames, states = alpha.shape
    log_total = 0.0
    for t in range(frames):
        low, high = _band(t, frames, states)
        total = 0.0
        for s in range(low, high):
            if t == 0:
                value = 1.0
            else:
                value = alpha[t - 1, s]
                if s >= 1:
                    value += alpha[t - 1, s - 1]
                if s >= 3 and s % 2 == 1 and labels[(s + 1) // 2] != labels[(s - 1) // 2]:
                    value += alpha[t - 1, s - 2]
            value *= emission[t, (s + 1) // 2 if s % 2 == 1 else 0]
            alpha[t, s] = value
            total += value
        if not total >= LEAST_TOTAL:  # also where total is NaN
            return 0.0, False
        factor[t] = 1.0 / total
        log_total += np.log(total) + largest[t]
        for s in range(low, high):
            alpha[t, s] *= factor[t]
    for s in range(max(0, states - 2), states):
        beta[frames - 1, s] = 1.0
    for t in range(frames - 2, -1, -1):
        low, high = _band(t, frames, states)
        greatest = 0.0
        for s in range(low, high):
            value = beta[t + 1, s] * emission[t + 1, (s + 1) // 2 if s % 2 == 1 else 0]
            if s + 1 < states:
                value += beta[t + 1, s + 1] * emission[t + 1, (s + 2) // 2 if s % 2 == 0 else 0]
            if s + 2 < states and s % 2 == 1 and labels[(s + 3) // 2] != labels[(s + 1) // 2]:
                value += beta[t + 1, s + 2] * emission[t + 1, (s + 3) // 2]
            value *= factor[t + 1]
            beta[t, s] = value
            greatest = max(greatest, value)
        if not greatest <= GREATEST_BETA:
            return 0.0, False
    return log_total, True


@njit(cache=True, nogil=True)
def _log_add(a: float, b: float, c: float) -> float:
    high = max(a, b, c)
    if high == -np.inf:
        return a + b + c
    return high + np.log(np.exp(a - high) + np.exp(b - high) + np.exp(c - high))


@njit(cache=True, nogil=True)
def _logarithmic(scores: Any, normaliser: Any, b: int, labels: Any, alpha: Any, beta: Any) -> float:
    """As :func:`_scaled` in logarithms; then replace alpha by the occupancies and beta by 1."""
    frames, states = alpha.shape
    alpha[:] = -np.inf
    beta[:] = -np.inf
    for t in range(frames):
        low, high = _band(t, frames, states)
        for s in range(low, high):
            value = 0.0
            if t > 0:
                step = alpha[t - 1, s - 1] if s >= 1 else -np.inf
                jump = -np.inf
                if s >= 3 and s % 2 == 1 and labels[(s + 1) // 2] != labels[(s - 1) // 2]:
                    jump = alpha[t - 1, s - 2]
                value = _log_add(alpha[t - 1, s], step, jump)
            label = labels[(s + 1) // 2 if s % 2 == 1 else 0]
            alpha[t, s] = value + scores[t, b, label] - normaliser[t, b]
    last = alpha[frames - 1]
    log_total = _log_add(last[states - 1], last[states - 2] if states > 1 else -np.inf, -np.inf)
    beta[frames - 1, max(0, states - 2) :] = 0.0
    for t in range(frames - 2, -1, -1):
        low, high = _band(t, frames, states)
        for s in range(low, high):
            ahead = beta[t + 1, s] + scores[t + 1, b, labels[(s + 1) // 2 if s % 2 == 1 else 0]]
            step, jump = -np.inf, -np.inf
            if s + 1 < states:
                label = labels[(s + 2) // 2 if s % 2 == 0 else 0]
                step = beta[t + 1, s + 1] + scores[t + 1, b, label]
            if s + 2 < states and s % 2 == 1 and labels[(s + 3) // 2] != labels[(s + 1) // 2]:
                jump = beta[t + 1, s + 2] + scores[t + 1, b, labels[(s + 3) // 2]]
            beta[t, s] = _log_add(ahead, step, jump) - normaliser[t + 1, b]
    if log_total > -np.inf:
        for t in range(frames):
            for s in range(states):
                alpha[t, s] = np.exp(alpha[t, s] + beta[t, s] - log_total)
                beta[t, s] = 1.0
    return log_total


@njit(cache=True, nogil=True)
def _subtract_occupancies(gradient: Any, b: int, labels: Any, alpha: Any, beta: Any) -> None:
    frames, states = alpha.shape
    for t in range(frames):
        low, high = _band(t, frames, states)
        blank = 0.0
        for s in range(low, high):
            occupancy = alpha[t, s] * beta[t, s]
            if s % 2 == 0:
                blank += occupancy
            else:
                gradient[t, b, labels[(s + 1) // 2]] -= occupancy
        gradient[t, b, labels[0]] -= blank


@njit(cache=True, nogil=True, parallel=True)
def forward_backward(
    scores: Any,
    normaliser: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    losses: Any,
    gradient: Any,
) -> None:
    """Losses of all samples; their occupancies are subtracted from `gradient` if it is not empty.

    The log-probability of class c is ``scores[t, b, c] - normaliser[t, b]``. Where there is nothing
    to learn, beyond a sample's length or where its loss is infinite, the gradient is set to 0.
    """
    for b in prange(len(losses)):
        frames, length = input_lengths[b], target_lengths[b]
        learned = 0
        if frames == 0:
            losses[b] = np.inf if length > 0 else 0.0
        else:
            labels = np.empty(length + 1, np.int64)
            labels[0] = blank
            labels[1:] = targets[b, :length]
            alpha = np.zeros((frames, 2 * length + 1))
            beta = np.zeros((frames, 2 * length + 1))
            emission, largest = _emissions(scores, normaliser, b, frames, labels)
            log_total, reliable = _scaled(emission, largest, labels, alpha, beta, np.empty(frames))
            if not reliable:
                log_total = _logarithmic(scores, normaliser, b, labels, alpha, beta)
            losses[b] = 0.0 - log_total
            if gradient.size > 0 and log_total > -np.inf:
                learned = frames
                _subtract_occupancies(gradient, b, labels, alpha, beta)
        if gradient.size > 0:
            gradient[learned:, b] = 0.0

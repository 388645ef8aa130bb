"""How good is a result: the measures the competitions score with.

Binarisation is scored as in the Document Image Binarization Contests (DIBCO, since 2009): every
pixel of the ink mask against a mask made with care, ink being the class to find.

=======================================  ================  =====================================
measure                                  best, worst       what it sees
=======================================  ================  =====================================
:func:`f_measure`                        1, 0              ink missed and ink invented, alike
:func:`psnr`                             infinity, 0 dB    the share of wrong pixels
:func:`distance_reciprocal_distortion`   0, unbounded      how much the eye minds them
:func:`negative_rate_metric`             0, 1              the mean of both error rates
=======================================  ================  =====================================

The contests print the F-measure in percent; here it is a fraction. Their pseudo-F-measure is left
out: since 2013 it weights the pixels with files written by a program whose source is not published,
and the measure of that name in the earlier contests is another.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BinarizationScores",
    "binarization_scores",
    "distance_reciprocal_distortion",
    "f_measure",
    "negative_rate_metric",
    "precision_recall",
    "psnr",
]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class BinarizationScores:
    """Every measure of one ink mask; see the functions of the same names."""

    f_measure: float
    precision: float
    recall: float
    psnr: float
    drd: float
    nrm: float


def binarization_scores(mask: Any, truth: Any) -> BinarizationScores:
    """Score the ink mask `mask` against `truth` by all measures of this module.

    Parameters
    ----------
    mask, truth
        ``(H, W)`` bool, True = ink, of one shape.

    Raises
    ------
    TypeError
        If a mask is not bool.
    ValueError
        If a mask is empty or does not have two axes, or the shapes differ.
    """
    precision, recall = precision_recall(mask, truth)
    return BinarizationScores(
        f_measure=f_measure(mask, truth),
        precision=precision,
        recall=recall,
        psnr=psnr(mask, truth),
        drd=distance_reciprocal_distortion(mask, truth),
        nrm=negative_rate_metric(mask, truth),
    )


def precision_recall(mask: Any, truth: Any) -> tuple[float, float]:
    """Share of the mask's ink that is true, and share of the true ink that the mask has.

    Arguments as for :func:`binarization_scores`. Where there is nothing to take a share of, the
    share is 1: a mask without ink invents nothing, a blank page has nothing to miss.
    """
    mask, truth = _check_masks(mask, truth)
    found = int((mask & truth).sum())
    return _share(found, int(mask.sum())), _share(found, int(truth.sum()))


def f_measure(mask: Any, truth: Any) -> float:
    """Harmonic mean of precision and recall, ``2 TP / (2 TP + FP + FN)``.

    Arguments as for :func:`binarization_scores`. 1 where neither mask has any ink.
    """
    mask, truth = _check_masks(mask, truth)
    return _share(2 * int((mask & truth).sum()), int(mask.sum()) + int(truth.sum()))


def psnr(mask: Any, truth: Any) -> float:
    """Peak signal-to-noise ratio in decibels, ``10 log10(1 / share of wrong pixels)``.

    Arguments as for :func:`binarization_scores`. Ink and paper differ by 1, the peak. Infinite for
    equal masks. A page has little ink, so even the blank mask scores well: compare only on the same
    page.
    """
    mask, truth = _check_masks(mask, truth)
    wrong = float((mask != truth).mean())
    return -10 * float(np.log10(wrong)) if wrong else float("inf")


def distance_reciprocal_distortion(mask: Any, truth: Any) -> float:
    """Distortion as the eye sees it: a wrong pixel counts by how many neighbours it offends.

    A pixel flipped at the edge of a stroke is hardly seen, the same pixel in the middle of a stroke
    or alone on blank paper is. Each wrong pixel therefore adds the share of its 5 x 5 neighbourhood
    in `truth` that differs from the pixel's wrong value, neighbours weighted by the reciprocal of
    their distance. The sum is divided by the number of 8 x 8 blocks of `truth` that hold both ink
    and paper, which makes pages with much and little text comparable.

    Arguments as for :func:`binarization_scores`.

    Returns
    -------
    float
        0 for equal masks, about 1 to 10 for a usable page. Infinite where the masks differ and
        `truth` has no block with both ink and paper.

    Notes
    -----
    The paper leaves open what happens at the border. Here neighbours outside the image agree with
    everything, and blocks that do not fit in fully are not counted.

    References
    ----------
    H. Lu, A. C. Kot and Y. Q. Shi, "Distance-Reciprocal Distortion Measure for Binary Document
    Images", IEEE Signal Processing Letters, 2004.
    """
    mask, truth = _check_masks(mask, truth)
    if (mask == truth).all():
        return 0.0
    offsets = np.arange(-2, 3)
    distance = np.hypot(offsets[:, None], offsets)
    weights = np.divide(1, distance, out=np.zeros((5, 5)), where=distance > 0)
    weights /= weights.sum()

    y, x = np.nonzero(mask != truth)
    wrong_value = mask[y, x]
    padded, inside = np.pad(truth, 2), np.pad(np.ones_like(truth), 2)
    distortion = 0.0
    for row in range(5):
        for column in range(5):
            neighbour = padded[y + row, x + column]
            offended = (neighbour != wrong_value) & inside[y + row, x + column]
            distortion += weights[row, column] * int(offended.sum())

    height, width = (side // 8 for side in truth.shape)
    ink_in_block = truth[: 8 * height, : 8 * width].reshape(height, 8, width, 8).sum(axis=(1, 3))
    mixed_blocks = int(((ink_in_block > 0) & (ink_in_block < 64)).sum())
    return float(distortion) / mixed_blocks if mixed_blocks else float("inf")


def negative_rate_metric(mask: Any, truth: Any) -> float:
    """Mean of the share of true ink missed and the share of true paper inked.

    Arguments as for :func:`binarization_scores`. Where there is no true ink, or no true paper, that
    share is 0.
    """
    mask, truth = _check_masks(mask, truth)
    missed = 1 - _share(int((mask & truth).sum()), int(truth.sum()))
    inked = 1 - _share(int((~mask & ~truth).sum()), int((~truth).sum()))
    return (missed + inked) / 2


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _check_masks(mask: Any, truth: Any) -> tuple[Mask, Mask]:
    arrays = []
    for name, value in (("mask", mask), ("truth", truth)):
        array = np.asarray(value)
        if array.dtype != np.bool_:
            raise TypeError(f"{name} must be bool, True where there is ink, got {array.dtype}")
        if array.ndim != 2 or array.size == 0:
            raise ValueError(f"{name} must have shape (H, W) and not be empty, got {array.shape}")
        arrays.append(array)
    if arrays[0].shape != arrays[1].shape:
        raise ValueError(
            f"mask and truth must have one shape, got {arrays[0].shape} and {arrays[1].shape}"
        )
    return arrays[0], arrays[1]

"""Exercises of a chapter that exists for the tests alone."""

import numpy as np

from ocrlearn.course.exercise import Exercise, require, require_close


def check_ink_share(ink_share, rng):
    """Try a page of random greys at a random threshold, some pixels lying right on it."""
    image = rng.integers(0, 256, size=rng.integers(5, 20, size=2), dtype=np.uint8)
    threshold = int(image[0, 0])
    got = ink_share(image, threshold)
    share = (image < threshold).mean()
    require(
        got is None or np.ndim(got) or got <= 1,
        "A share lies between 0 and 1: divide by the number of pixels.",
    )
    require(
        got is None or np.ndim(got) or abs(got - (image <= threshold).mean()) > 1e-9,
        "A pixel right at the threshold is not darker than it: use `<`.",
    )
    require_close(got, share, "Ink is dark: count the pixels below the threshold.", atol=1e-9)


def check_all_right(answer, rng):
    """Compare with the product."""
    require(
        abs(answer - 0.18) > 1e-6, "Errors do not add up like this: think of all letters right."
    )
    require(answer != 0.99, "That is one letter.")
    require_close(answer, 0.99**18, "Independent letters: multiply their probabilities.", atol=1e-6)


EXERCISES = [
    Exercise(
        number="1.1",
        title="The share of ink",
        stars=1,
        hints=["`image < threshold` is an array of booleans.", "The mean of booleans is a share."],
        check=check_ink_share,
        wrong={
            "counts": (lambda image, threshold: (image < threshold).sum(), "divide by the number"),
            "includes the threshold": (
                lambda image, threshold: (image <= threshold).mean(),
                "not darker",
            ),
            "counts paper": (lambda image, threshold: (image > threshold).mean(), "Ink is dark"),
            "forgets to return": (lambda image, threshold: None, "is there a `return`"),
        },
        praise="Thresholding in one line.",
    ),
    Exercise(
        number="1.2",
        title="Eighteen letters",
        stars=1,
        hints=["All eighteen must be right."],
        check=check_all_right,
        wrong={
            "adds errors": (0.18, "do not add up"),
            "one letter": (0.99, "one letter"),
            "seventeen": (0.99**17, "multiply"),
        },
        rounds=1,
    ),
]

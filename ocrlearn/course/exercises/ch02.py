"""Exercises of chapter 02, "Cleaning a page"."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ocrlearn.course.exercise import Exercise, require, require_close
from ocrlearn.geometry import transform_points

# --- 2.1 Where a homography carries a point -------------------------------------------------------


def check_carry(carry: Callable[..., Any], rng: np.random.Generator) -> None:
    """Carry random points by a matrix that moves and tilts, and compare with the usual mistakes."""
    points = rng.uniform(20, 200, size=(int(rng.integers(3, 7)), 2))
    matrix = np.eye(3) + rng.uniform(0.02, 0.2, (3, 3))
    matrix[:2, 2] = rng.uniform(20, 60, 2)
    matrix[2] = [*rng.uniform(0.001, 0.004, 2), 1]
    wanted = transform_points(points, matrix)
    got = carry(points.copy(), matrix.copy())
    require(got is not None, "Nothing came back: does the function end with `return`?")
    shape = np.shape(got)
    require(
        shape != (len(points), 3),
        "Three columns came back. The third is the denominator of the other two, not part of the answer.",
    )
    with_one = np.column_stack([points, np.ones(len(points))])
    require(
        not _close(got, (with_one @ matrix.T)[:, :2]),
        "The numerators are right. Now divide: a tilted plane is drawn smaller where it is further away.",
    )
    transposed = with_one @ matrix
    require(
        not _close(got, transposed[:, :2] / transposed[:, 2:]),
        "The matrix acts on columns: row 0 holds a, b, c of the formula. Points in rows meet its transpose.",
    )
    require(
        not _close(got, transform_points(points, np.linalg.inv(matrix))),
        "That is the way back: no inverse is needed to go where the matrix goes.",
    )
    require(
        not _close(got, wanted[:, ::-1]),
        "Points are (x, y), x first; an array is indexed the other way round, but this is no array of pixels.",
    )
    require_close(got, wanted, "Compare with the two fractions above, term by term.", atol=1e-6)


def _close(got: Any, value: NDArray[Any]) -> bool:
    return np.shape(got) == value.shape and bool(np.allclose(got, value, rtol=1e-9, atol=1e-9))


def _homogeneous(points: Any, matrix: Any) -> Any:
    return np.column_stack([points, np.ones(len(points))]) @ matrix.T


def _carry_transposed(points: Any, matrix: Any) -> Any:
    carried = _homogeneous(points, matrix.T)
    return carried[:, :2] / carried[:, 2:]


CARRY = Exercise(
    number="2.1",
    title="Where a homography carries a point",
    stars=1,
    hints=[
        (
            "Write (x, y, 1) for (x, y). What does the matrix make of that, and which part of the two "
            "fractions is its third component?"
        ),
        (
            "`np.column_stack([points, np.ones(len(points))])` has the points in its rows, so the product "
            "is with `matrix.T`."
        ),
        "`carried[:, :2] / carried[:, 2:]`",
    ],
    check=check_carry,
    wrong={
        "forgets to divide": (lambda p, m: _homogeneous(p, m)[:, :2], "drawn smaller where"),
        "multiplies from the wrong side": (_carry_transposed, "acts on columns"),
        "goes the way back": (lambda p, m: transform_points(p, np.linalg.inv(m)), "the way back"),
        "returns y first": (lambda p, m: transform_points(p, m)[:, ::-1], "x first"),
        "returns the denominator as well": (
            lambda p, m: _homogeneous(p, m) / _homogeneous(p, m)[:, 2:],
            "Three columns",
        ),
        "forgets to return": (lambda p, m: None, "end with `return`"),
    },
    praise="The division is what makes parallel lines meet. Everything else is a matrix product.",
)


# --- 2.2 The map of a clipped histogram -----------------------------------------------------------


def check_clipped_map(clipped_map: Callable[..., Any], rng: np.random.Generator) -> None:
    """Draw the histogram of a page: a sharp hump of paper, a low one of ink."""
    counts = np.full(256, 2) + rng.integers(0, 3, 256)
    paper = int(rng.integers(150, 220))
    counts[paper - 3 : paper + 4] += rng.integers(600, 900, 7)
    counts[20:60] += rng.integers(5, 15, 40)
    limit = int(rng.integers(60, 90))
    total = int(counts.sum())
    clipped = np.minimum(counts, limit)
    dealt = clipped + (total - clipped.sum()) / 256
    wanted = np.cumsum(dealt) * 255 / total
    got = clipped_map(counts.copy(), limit)
    require(got is not None, "The function returned nothing: is there a `return`?")
    values = np.asarray(got, dtype=float)
    require(values.shape == (256,), f"256 new levels are wanted, got shape {values.shape}.")
    require(
        not np.allclose(values, dealt) and not np.allclose(values, dealt * 255 / total),
        "Those are the slopes of the map. The map itself is their running sum.",
    )
    require(
        not np.allclose(values, np.cumsum(counts) * 255 / total),
        f"The steepest step is {np.diff(values).max():.0f} levels, as it is without a limit. Where is "
        "`limit` used?",
    )
    require(
        not np.allclose(values, np.cumsum(clipped) * 255 / total),
        f"Your map ends at {values[-1]:.1f}, not at 255: what was cut off has not been dealt out.",
    )
    require(
        not np.allclose(values, np.cumsum(clipped) * 255 / clipped.sum()),
        "Your map ends at 255, but because all of it was stretched, and stretching makes the slope steeper "
        "than the limit again. Add the same to every level instead.",
    )
    require(
        not np.allclose(values, np.minimum(np.cumsum(counts), limit) * 255 / total)
        and not np.allclose(values, np.minimum(np.cumsum(counts), limit) * 255 / limit),
        "You cut the running sum. It is the counts that are to be cut, before they are summed.",
    )
    require_close(
        values,
        wanted,
        f"The excess is {total - clipped.sum()}, and each of 256 levels gets the same part of it.",
        atol=1e-6,
    )


def _dealt_to_unclipped(counts: Any, limit: Any) -> Any:
    below = counts < limit
    excess = np.maximum(counts - limit, 0).sum()
    return (
        np.cumsum(np.minimum(counts, limit) + below * (excess / below.sum())) * 255 / counts.sum()
    )


def _unsummed(counts: Any, limit: Any) -> Any:
    clipped = np.minimum(counts, limit)
    return (clipped + (counts.sum() - clipped.sum()) / 256) * 255 / counts.sum()


CLIPPED_MAP = Exercise(
    number="2.2",
    title="A map with bounded slope",
    stars=2,
    hints=[
        "`np.minimum(counts, limit)` cuts. How many pixels has that lost in all?",
        "Add a 256th of the loss to every level. The total is now what it was.",
        "`np.cumsum(dealt) * 255 / counts.sum()`",
    ],
    check=check_clipped_map,
    wrong={
        "does not clip": (lambda c, limit: np.cumsum(c) * 255 / c.sum(), "without a limit"),
        "throws the excess away": (
            lambda c, limit: np.cumsum(np.minimum(c, limit)) * 255 / c.sum(),
            "has not been dealt out",
        ),
        "stretches instead of dealing": (
            lambda c, limit: np.cumsum(np.minimum(c, limit)) * 255 / np.minimum(c, limit).sum(),
            "was stretched",
        ),
        "clips the sum": (
            lambda c, limit: np.minimum(np.cumsum(c), limit) * 255 / c.sum(),
            "cut the running sum",
        ),
        "forgets to sum": (_unsummed, "their running sum"),
        "deals only to low levels": (_dealt_to_unclipped, "each of 256 levels"),
        "forgets to return": (lambda c, limit: None, "is there a `return`"),
    },
    praise="Tiles and the blending of their maps are all that CLAHE adds to this.",
)


# --- 2.3 Bug hunt: Sauvola's threshold ------------------------------------------------------------


Mask = NDArray[np.bool_]

_FAULTS = {
    "overflow": (
        "Squares are wrong. Of what dtype is `image**2` if the image is uint8, and what is 200 squared there? "
        "Print it: 40000 does not fit."
    ),
    "variance": (
        "The threshold is far from any grey value. A standard deviation is in grey levels; what you have is in "
        "grey levels squared."
    ),
    "bright": "Paper is called ink, and ink paper. Ink is dark: on which side of the threshold is that?",
    "constant": (
        "The middle of the page is right, its border is not. What does the filter take to lie outside the page?"
    ),
}


def _find_ink(image: Any, window: int, k: float, faults: tuple[str, ...] = ()) -> Mask:
    """Return Sauvola's mask, made with some of the faults."""
    mode = "constant" if "constant" in faults else "mirror"
    gray = image if "overflow" in faults else image.astype(float)
    mean = ndimage.uniform_filter(gray, window, mode=mode)
    mean_square = ndimage.uniform_filter(gray**2, window, mode=mode)
    spread = np.maximum(mean_square - mean**2, 0)
    spread = spread if "variance" in faults else np.sqrt(spread)
    threshold = mean * (1 + k * (spread / 127.5 - 1))
    return image > threshold if "bright" in faults else image <= threshold


def check_find_ink(find_ink: Callable[..., Any], rng: np.random.Generator) -> None:
    """Compare with the mask of each set of faults; the first fault of the set is spoken of."""
    image = rng.normal(200, 4, size=(48, 64)).clip(0, 255).astype(np.uint8)
    for left in range(1, 60, 8):
        image[2:44, left : left + 4] = rng.integers(30, 190, size=(42, 4))
    window, k = 15, float(rng.uniform(0.25, 0.35))
    got = find_ink(image.copy(), window, k)
    require(got is not None, "Your function returned nothing: is there a `return`?")
    mask = np.asarray(got)
    require(
        mask.shape == image.shape and mask.dtype == np.bool_,
        f"A mask is wanted, bool of shape {image.shape}; got {mask.dtype} of shape {mask.shape}.",
    )
    wrong = mask != _find_ink(image, window, k)
    if wrong.mean() < 0.001:  # rounding may tip a pixel that lies on its threshold
        return
    for number in (1, 2, 3, 4):
        for faults in combinations(_FAULTS, number):
            same = (mask == _find_ink(image, window, k, faults)).mean() > 0.999
            require(not same, _FAULTS[faults[0]])
    require(
        not wrong.any(),
        f"{wrong.sum()} pixels are wrong. Compare each line with the formula above.",
    )


def _with_faults(*faults: str) -> Callable[[Any, int, float], Any]:
    return lambda image, window, k: _find_ink(image, window, k, faults)


HUNT = Exercise(
    number="2.3",
    title="Bug hunt: four faults in a threshold",
    stars=2,
    hints=[
        "Begin with the types: of what dtype is `image**2`, and how large can it become?",
        (
            "Then the formula: $s$ is a standard deviation. And then the last line: which pixels are ink, "
            "the darker or the brighter ones?"
        ),
        (
            "Last, the border: `mode='constant'` continues the page with black. `mode='mirror'` continues it "
            "with itself."
        ),
    ],
    check=check_find_ink,
    wrong={
        "leaves the overflow": (_with_faults("overflow"), "if the image is uint8"),
        "leaves the variance": (_with_faults("variance"), "grey levels squared"),
        "leaves the wrong side": (_with_faults("bright"), "Ink is dark"),
        "leaves the black border": (_with_faults("constant"), "lie outside the page"),
        "returns the threshold": (lambda image, window, k: image.astype(float), "A mask is wanted"),
        "forgets to return": (lambda image, window, k: None, "is there a `return`"),
    },
    praise="Types, units, polarity, borders: most faults in image processing are one of these four.",
    stub="""\
mean = ndimage.uniform_filter(image, window, mode="constant")
mean_square = ndimage.uniform_filter(image**2, window, mode="constant")
spread = np.maximum(mean_square - mean**2, 0)
threshold = mean * (1 + k * (spread / 127.5 - 1))
return image > threshold""",
)


EXERCISES = [CARRY, CLIPPED_MAP, HUNT]

"""Bilateral filtering and the message of the fully connected CRF."""

from typing import Any

import numpy as np

from ocrlearn.ops import bilateral
from parity import Case, Operation, close


def picture(height: int, width: int, channels: int = 0, seed: int = 0) -> np.ndarray:
    """A step edge in noise, float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    shape = (height, width, channels) if channels else (height, width)
    noise = rng.normal(0, 0.1, shape)
    step = 0.3 + 0.4 * (np.add.outer(np.arange(height), np.arange(width)) > (height + width) / 2)
    step = step[..., None] if channels else step
    return np.clip(step + noise, 0, 1).astype(np.float32)


def to_bytes(image: np.ndarray) -> np.ndarray:
    return np.rint(255 * image).astype(np.uint8)


def labels(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, height, width)).astype(np.float32)


FILTER_CASES = [
    Case("gray", (picture(11, 37), 3.0, 0.1, 5)),
    Case("RGB", (picture(13, 35, 3), 2.0, 0.2, 4)),
    Case("gray bytes", (to_bytes(picture(17, 33)), 3.0, 25.0, 5)),
    Case("RGB bytes", (to_bytes(picture(9, 40, 3)), 2.0, 30.0, 3)),
    Case("large", (picture(40, 70), 4.0, 0.1, 12), small=False),
    Case("large RGB", (picture(30, 70, 3), 4.0, 0.1, 9), small=False),
    Case("radius over the image", (picture(5, 7), 3.0, 0.1, 12)),
    Case("radius 0", (picture(9, 33), 3.0, 0.1, 0)),
    Case("one pixel", (picture(1, 1), 3.0, 0.1, 5)),
    Case("one row", (picture(1, 40), 3.0, 0.1, 5)),
    Case("one column", (picture(20, 1), 3.0, 0.1, 5)),
    Case("constant", (np.full((10, 34), 0.25, np.float32), 3.0, 0.1, 5)),
    Case(
        "black and white", (((np.indices((10, 34)).sum(0) % 2) * 255).astype(np.uint8), 3.0, 1.0, 5)
    ),
    Case("float64", (picture(9, 33).astype(np.float64), 3.0, 0.1, 5)),
    Case("not contiguous", (np.repeat(picture(9, 33), 2, 1)[:, ::2], 3.0, 0.1, 5)),
    Case("wide range", (picture(9, 33), 3.0, 100.0, 5)),
]


def weights_of_all_pairs(image: Any, spatial: float, colour: float, radius: int) -> np.ndarray:
    """One matrix of the weight of every pixel for every other, from SciPy's distances."""
    from scipy.spatial.distance import cdist

    height, width = image.shape[:2]
    place = np.indices((height, width)).reshape(2, -1).T.astype(float)
    value = image.reshape(height * width, -1).astype(float)
    apart = cdist(place, place, "sqeuclidean")
    unlike = cdist(value, value, "sqeuclidean")
    weight = np.exp(-apart / (2 * spatial**2) - unlike / (2 * colour**2))
    weight[apart > radius**2 + 0.5] = 0
    return weight


def filter_by_all_pairs(image: Any, spatial: float, colour: float, radius: int) -> Any:
    weight = weights_of_all_pairs(image, spatial, colour, radius)
    mean = weight @ image.reshape(len(weight), -1) / weight.sum(axis=1, keepdims=True)
    mean = np.rint(mean) if image.dtype == np.uint8 else mean
    return mean.reshape(image.shape).astype(image.dtype)


def message_by_all_pairs(guide: Any, values: Any, alpha: float, beta: float, radius: int) -> Any:
    weight = weights_of_all_pairs(guide, alpha, beta, radius)
    return (values.reshape(len(values), -1) @ weight).reshape(values.shape)


def near(result: Any, expected: Any) -> None:
    """Floats within rounding; bytes within one level, where a mean lies between two."""
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    if result.dtype == np.uint8:
        difference = np.abs(result.astype(int) - expected)
        assert difference.max() <= 1
        assert np.mean(difference > 0) < 0.01
    else:
        np.testing.assert_allclose(result, expected, atol=3e-6)


def message_case(
    name: str,
    guide: np.ndarray,
    count: int,
    alpha: float,
    beta: float,
    radius: int,
    small: bool = True,
) -> Case:
    values = labels(count, *guide.shape[:2], seed=count)
    return Case(name, (guide, values, alpha, beta, radius), small=small)


MESSAGE_CASES = [
    message_case("two labels", picture(11, 37), 2, 8.0, 0.1, 48),
    message_case("five labels, RGB", to_bytes(picture(9, 33, 3)), 5, 6.0, 13.0, 12),
    message_case("one label, RGB", picture(10, 34, 3), 1, 80.0, 0.05, 44),
    message_case("one label", picture(10, 34), 1, 3.0, 0.1, 9),
    message_case("three labels, narrow", picture(17, 65), 3, 3.0, 0.1, 5),
    # The third row of tiles needs one row, the last, of the first.
    message_case("radius of a tile and a row", picture(17, 5), 1, 6.0, 0.2, 9),
    message_case("two labels, RGB", picture(10, 40, 3), 2, 20.0, 0.2, 50, small=False),
    message_case("one pixel", picture(1, 1), 2, 8.0, 0.1, 2),
    message_case("one row", picture(1, 70), 2, 8.0, 0.1, 71),
    message_case("radius 0", picture(5, 6), 4, 8.0, 0.1, 0),
]


OPERATIONS = [
    Operation(
        "bilateral filter",
        rungs=bilateral.FILTER_RUNGS,
        cases=FILTER_CASES,
        compare=near,
        oracle=filter_by_all_pairs,
        kernels=bilateral.KERNELS,
    ),
    Operation(
        "bilateral message",
        rungs=bilateral.MESSAGE_RUNGS,
        cases=MESSAGE_CASES,
        compare=close(rtol=3e-5, atol=1e-5),
        oracle=message_by_all_pairs,
        kernels=bilateral.KERNELS,
    ),
]

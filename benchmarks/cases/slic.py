"""SLIC superpixels of a photograph."""

import numpy as np

from cases import OURS, CpuCase, GpuCase, Runners
from ocrlearn.cluster.slic import LAB_RUNGS, RUNGS, slic

SKIMAGE = "scikit-image"


def photograph() -> np.ndarray:
    """Return a photograph of 512 x 512 pixels in RGB."""
    from skimage import data

    return data.astronaut()


def of_a_photograph() -> Runners:
    """400 superpixels in 10 iterations, from RGB to connected labels."""
    from skimage import segmentation

    image = photograph()
    return {
        OURS: lambda: slic(image, 400, 10.0, 10),
        SKIMAGE: lambda: segmentation.slic(image, 400, 10.0, 10, start_label=0),
    }


def explained_variation(labels: np.ndarray, image: np.ndarray) -> float:
    """Share of the variance of the colours that is left when superpixels get their mean colours."""
    colours = image.reshape(-1, 3).astype(np.float64)
    counts = np.bincount(labels.ravel())[:, None]
    sums = np.stack([np.bincount(labels.ravel(), channel) for channel in colours.T], axis=1)
    between = (sums**2 / counts).sum() / len(colours) - (colours.mean(axis=0) ** 2).sum()
    return float(between / colours.var(axis=0).sum())


def as_good(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Labels cannot be the same; ours must explain as much of the image, to two hundredths."""
    image = photograph()
    return explained_variation(ours, image) > explained_variation(theirs, image) - 0.02


CPU = [
    CpuCase(
        "SLIC",
        "512 x 512 RGB, K = 400, 10 iterations",
        of_a_photograph,
        as_good,
        {SKIMAGE: 0.25},
    )
]


def blobs(seed: int, size: int) -> np.ndarray:
    """Return a smooth colour image with noise, `size` pixels a side."""
    random = np.random.default_rng(seed)
    y, x = np.ogrid[:size, :size]
    image = np.empty((size, size, 3), np.uint8)
    for channel in range(3):
        a, b = random.uniform(0, 6, 2)
        wave = 127 + 100 * np.sin(x / 70 + a) * np.cos(y / 50 + b)
        image[..., channel] = wave + random.integers(-20, 21, (size, size))
    return image


def same(result: np.ndarray, expected: np.ndarray) -> None:
    """Colours are whole multiples of 1 / 256, and clusters are summed in integers."""
    np.testing.assert_array_equal(result, expected)


def nearly_same_colour(result: np.ndarray, expected: np.ndarray) -> None:
    """Compare colours: from tables they may be a multiple of 1 / 256 more or less."""
    np.testing.assert_allclose(result, expected, rtol=0, atol=1)


SIDE = 4096
PIXELS, CLUSTERS, ITERATIONS = SIDE**2, 4096, 10

# Each iteration reads the colours as 6 bytes and writes labels of 4; before, 3 bytes become 6, and
# after, labels are read and written. A distance takes 5 differences, 6 products, 4 sums and one
# comparison, none of them fused; 9 are computed for each pixel. No maintained GPU library has SLIC.
GPU = [
    GpuCase(
        "SLIC",
        "4,096 x 4,096 RGB, K = 4,096, 10 iterations",
        RUNGS,
        make=lambda seed: (blobs(seed, SIDE), CLUSTERS, 10.0, ITERATIONS, True),
        small=lambda seed: (blobs(seed, 200), 50, 10.0, 5, True),
        compare=same,
        bytes=PIXELS * (9 + 10 * ITERATIONS + 8),
        operations=PIXELS * ITERATIONS * 9 * 16,
    ),
    GpuCase(
        "RGB to CIELAB",
        "4,096 x 4,096",
        LAB_RUNGS,
        make=lambda seed: (blobs(seed, SIDE),),
        small=lambda seed: (blobs(seed, 200),),
        compare=nearly_same_colour,
        bytes=PIXELS * 9,
        operations=PIXELS * 60,
    ),
]

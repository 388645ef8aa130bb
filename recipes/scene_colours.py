"""Learn which two colours meet in photographs: makes ``ocrlearn/data/synth/colours.json``.

Synthetic words need colours of letters and ground. As in SynthText (Gupta, Vedaldi and Zisserman,
"Synthetic data for text localisation in natural images", CVPR 2016), small regions are divided into
two colours by K-means in CIE L*a*b*, and the two means are kept with the spread of their lightness.
SynthText divides crops of real words; this recipe divides windows of the colour photographs that
scikit-image ships in its wheel, so that anyone can repeat it without a download.

Usage, from the root of the repository: ``python recipes/scene_colours.py``. It takes seconds, and
the same versions of the photographs give the same file.
"""

import json
from pathlib import Path

import numpy as np

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "stereo_motorcycle")
SEED = 4
PAIRS_PER_PHOTOGRAPH = 70
LEAST_SHARE = 0.15  # of a window, for the smaller of the two colours
LEAST_DIFFERENCE = 15.0  # between the colours, in L*a*b*: what is easily told apart
OUTPUT = Path(__file__).parents[1] / "ocrlearn" / "data" / "synth" / "colours.json"


def photographs():
    """Colour photographs of scikit-image by name, as L*a*b*."""
    from skimage import color, data

    for name in PHOTOGRAPHS:
        picture = getattr(data, name)()
        picture = picture[0] if isinstance(picture, tuple) else picture  # of two eyes, the left
        yield name, color.rgb2lab(picture[..., :3])


def two_colours(window, rounds=12):
    """K-means with two means: the means ``(2, 3)``, and which pixels ``(N,)`` belong to the first.

    It starts from the pixels at the 10th and 90th percentile along the widest axis.
    """
    pixels = window.reshape(-1, 3)
    centred = pixels - pixels.mean(axis=0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    order = np.argsort(centred @ axis, kind="stable")
    means = pixels[order[[len(order) // 10, -len(order) // 10]]]
    for _ in range(rounds):
        distances = ((pixels[:, None] - means) ** 2).sum(axis=-1)
        first = distances[:, 0] < distances[:, 1]
        if first.all() or not first.any():
            break
        means = np.stack([pixels[first].mean(axis=0), pixels[~first].mean(axis=0)])
    return means, first


def pairs_of(picture, rng, number):
    """Rows ``[[L, a, b, spread of L], [L, a, b, spread of L]]``, one of each accepted window."""
    pairs = []
    for _ in range(100 * number):
        height, width = rng.integers(12, 60), rng.integers(20, 120)
        top = rng.integers(picture.shape[0] - height)
        left = rng.integers(picture.shape[1] - width)
        window = picture[top : top + height, left : left + width]
        means, first = two_colours(window)
        share = first.mean()
        if not LEAST_SHARE <= share <= 1 - LEAST_SHARE:
            continue
        if np.linalg.norm(means[0] - means[1]) < LEAST_DIFFERENCE:
            continue
        lightness = window.reshape(-1, 3)[:, 0]
        spreads = lightness[first].std(), lightness[~first].std()
        pairs.append([[*means[k].round(1).tolist(), round(float(spreads[k]), 1)] for k in range(2)])
        if len(pairs) == number:
            return pairs
    raise RuntimeError(f"found only {len(pairs)} of {number} pairs: the photograph is too plain")


def main():
    """Write the file and say what is in it."""
    pairs = []
    for number, (name, picture) in enumerate(photographs()):
        found = pairs_of(picture, np.random.default_rng([SEED, number]), PAIRS_PER_PHOTOGRAPH)
        print(f"{name}: {len(found)} pairs from {picture.shape[1]} x {picture.shape[0]} pixels")
        pairs += found
    table = np.array(pairs)
    differences = np.abs(table[:, 0, 0] - table[:, 1, 0])
    print(f"difference of lightness: quartiles {np.percentile(differences, [25, 50, 75]).round(1)}")
    rows = ",\n".join(f"    {json.dumps(pair)}" for pair in pairs)
    description = (
        "Two colours that meet in photographs: L*, a*, b*, standard deviation of L*; "
        "made by recipes/scene_colours.py"
    )
    OUTPUT.write_text(
        f'{{\n  "description": {json.dumps(description)},\n  "pairs": [\n{rows}\n  ]\n}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()

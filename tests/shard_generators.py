"""Generators for the tests of shards and streams: other processes import them by name."""

import os
import time

import numpy as np

from ocrlearn.data.samples import Clip, Sample, TextInstance
from ocrlearn.data.synth.texts import seeded_generator

LABELS = ("round", "square", "long")


def tiny(seed, index, *, size=8):
    """A picture of noise with a mask of each kind; sizes, texts and labels differ."""
    rng = seeded_generator(seed, index, "training", "test")
    shape = (size + index % 3, size + index % 5)
    word = TextInstance(np.array([[1, 1], [4, 1], [4, 3.5], [1, 3.5]], np.float32), f"w{index}")
    return Sample(
        rng.integers(0, 256, (*shape, 3) if index % 2 else shape, dtype=np.uint8),
        text=f"{seed}: {index} é 字\nnext line" if index % 4 else None,
        label=LABELS[index % 3],
        instances=(word,),
        masks={
            "ink": rng.random(shape) < 0.5,
            "classes": rng.integers(0, 256, shape, dtype=np.uint8),
            "objects": rng.integers(0, 65536, shape, dtype=np.uint16),
        },
        details={"index": index, "nested": {"seed": seed}},
    )


def tiny_clip(seed, index, *, frames=4):
    rng = seeded_generator(seed, index, "training", "test")
    pixels = rng.integers(0, 256, (frames, 6, 8, 3), dtype=np.uint8)
    return Clip(
        pixels,
        label="Pushing [something]",
        text="pushing a box",
        placeholders=("a box",),
        frame_rate=12.0,
        details={"index": index},
    )


def slow(seed, index):
    """Take the time that the environment asks for, so that there is some for being killed in."""
    time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
    return tiny(seed, index)


def mortal(seed, index):
    if index == 5:
        os._exit(9)
    return tiny(seed, index)


def unsound(seed, index):
    return Sample(np.zeros((4, 4), np.uint8), details={"value": float("nan")} if index == 3 else {})


def failing(seed, index):
    if index == 3:
        raise ArithmeticError("no third sample")
    return tiny(seed, index)


def number(seed, index):
    return index

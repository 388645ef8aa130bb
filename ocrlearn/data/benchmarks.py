"""The fixed sets on which every method of the course is scored.

Most are generated: seeded, from the "benchmark" split of :mod:`ocrlearn.data.synth`, which shares
neither prose nor seeds with what is trained, and with a truth that is exact to the pixel. One is a
real photograph that scikit-image ships. Folders of real images with their text join through
:func:`folder_benchmark`; none is needed.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice
from ocrlearn.document import Page

__all__ = [
    "GENERATED",
    "PHOTOGRAPH_TEXT",
    "Benchmark",
    "LabelledImage",
    "folder_benchmark",
    "photograph",
    "photograph_benchmark",
]

_SEED = 2026

PHOTOGRAPH_TEXT = """\
Region-based segmentation
Let us first determine markers of the coins and the
background. These markers are pixels that we can label
unambiguously as either object or background. Here,
the markers are found at the two extreme parts of the
histogram of grey values:
>>> markers = np.zeros_like(coins)"""
"""What stands on the photograph of :func:`photograph`. A line below it, cut through by the border
of the picture, does not belong to the truth."""


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image with what is known about it.

    Attributes
    ----------
    name
        For messages and lists of errors.
    image
        ``(H, W)`` or ``(H, W, 3)`` uint8.
    text
        The truth, with a newline between lines.
    page
        The truth with its places, where they are known.
    ink
        ``(H, W)`` bool, True where there is ink, where that is known.
    """

    name: str
    image: NDArray[np.uint8]
    text: str
    page: Page | None = None
    ink: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Benchmark:
    """A fixed, ordered set of labelled images.

    Attributes
    ----------
    name
        What the user types.
    title
        What tables call it.
    description
        One line: what it is made of.
    unit
        "line" or "page": what one image holds.
    size
        How many images.
    image
        Function of a number from 0 to size - 1 to that image.
    """

    name: str
    title: str
    description: str
    unit: str
    size: int
    image: Callable[[int], LabelledImage]

    def images(self, limit: int | None = None) -> Iterator[LabelledImage]:
        """Yield the images, at most the first `limit`."""
        for index in range(self.size if limit is None else min(limit, self.size)):
            yield self.image(index)


# ---------------------------------------------------------------------------------------------
# Generated sets


def _generated(unit: str, look: str, size: int, description: str) -> Benchmark:
    name = f"{unit}s_{look}"
    return Benchmark(
        name=name,
        title=f"{look} {unit}s",
        description=description,
        unit=unit,
        size=size,
        image=partial(_rendered, unit, look, name),
    )


def _rendered(unit: str, look: str, name: str, index: int) -> LabelledImage:
    from ocrlearn.data.synth.lines import render_line
    from ocrlearn.data.synth.pages import render_page

    render: Callable[..., Any] = render_line if unit == "line" else render_page
    made = render(_SEED, index, look=look, split="benchmark")
    return LabelledImage(f"{name}/{index}", made.image, made.text, made.page, made.ink)


GENERATED: Mapping[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        _generated("line", "clean", 40, "printed lines as rendered, black on white"),
        _generated("line", "scanned", 40, "the same lines cut from scans, half of them one-bit"),
        _generated("line", "photographed", 40, "the same lines cut from photographs"),
        _generated("page", "scanned", 4, "whole pages, a little skewed, gray or one-bit"),
        _generated("page", "photographed", 4, "the same pages on a table, in uneven light"),
    )
}
"""The generated sets by name."""


# ---------------------------------------------------------------------------------------------
# A real photograph


def photograph() -> LabelledImage:
    """Return the photograph of a page that scikit-image ships as ``skimage.data.page()``.

    384 x 191 pixels, gray, in strongly uneven light: seven lines of its documentation. The file is
    read from the installed package; scikit-image itself is not imported.

    Raises
    ------
    ModuleNotFoundError
        If scikit-image is not installed.
    """
    from ocrlearn.image.read import read

    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "the photograph comes with scikit-image; pip install 'ocrlearn[course]' brings it",
            name="skimage",
        )
    image = read(Path(package.origin).parent / "data" / "page.png", mode="gray")
    return LabelledImage("skimage.data.page()", image, PHOTOGRAPH_TEXT)


def photograph_benchmark() -> Benchmark:
    """Return the benchmark that holds the one image of :func:`photograph`."""
    return Benchmark(
        name="photograph",
        title="a real photograph",
        description="skimage.data.page(): seven lines in uneven light, 384 x 191 pixels",
        unit="page",
        size=1,
        image=lambda index: photograph(),
    )


# ---------------------------------------------------------------------------------------------
# Folders


def folder_benchmark(name: str, folder: str | Path, *, unit: str | None = None) -> Benchmark:
    """Make a benchmark of a folder of images with their text.

    Parameters
    ----------
    name
        What tables call it.
    folder
        Holds ``labels.jsonl``: on each line an object with the keys "file", a path below the
        folder, and "text". Other keys are ignored.
    unit
        "line" or "page"; by default "line" if every text is one line.

    Raises
    ------
    FileNotFoundError
        If there is no ``labels.jsonl``.
    ValueError
        If a label is malformed, names a file outside the folder, or one that is missing. The
        message tells file and line.
    """
    root = Path(folder)
    path = root / "labels.jsonl"
    if not path.is_file():
        raise FileNotFoundError(f"benchmark {name!r} needs labels, found no file {path}")
    labels = [
        _label(root, path, number, line)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if line.strip()
    ]
    if not labels:
        raise ValueError(f"{path}: no labels in it")
    if unit is None:
        unit = "page" if any("\n" in text.strip() for _, text in labels) else "line"
    check_choice(unit, "unit", ("line", "page"))

    def image(index: int) -> LabelledImage:
        from ocrlearn.image.read import read

        file, text = labels[index]
        return LabelledImage(str(file.relative_to(root)), read(file), text)

    return Benchmark(name, name, f"folder {root.name}", unit, len(labels), image)


def _label(root: Path, path: Path, number: int, line: str) -> tuple[Path, str]:
    """Read one line of ``labels.jsonl``: the image's path and its text."""
    where = f"{path}, line {number}"
    try:
        label = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: not JSON: {error.msg}") from None
    if not isinstance(label, dict):
        raise ValueError(f"{where}: expected an object, got {type(label).__name__}")
    for key in ("file", "text"):
        if not isinstance(label.get(key), str):
            raise ValueError(f"{where}: {key!r} must be a string, got {label.get(key)!r}")
    file = root / label["file"]
    if not file.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{where}: {label['file']!r} lies outside the folder")
    if not file.is_file():
        raise ValueError(f"{where}: file not found: {file}")
    return file, label["text"]

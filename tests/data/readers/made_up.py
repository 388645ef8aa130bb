"""Tiny folders of data sets, made up in their owners' formats, and samples in a form to compare."""

from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from ocrlearn.data.samples import Sample, TextInstance, check_sample


def image(path: Path, size: tuple[int, int] = (8, 6)) -> Path:
    """Write a gray image of the given width and height, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, 128).save(path)
    return path


def text_file(path: Path, text: str, *, bom: bool = False, crlf: bool = False) -> Path:
    """Write `text` in UTF-8, with a byte-order mark and CRLF where asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.replace("\n", "\r\n") if crlf else text
    path.write_bytes(data.encode("utf-8-sig" if bom else "utf-8"))
    return path


def corners(*numbers: float) -> list[list[float]]:
    """Turn ``x0, y0, x1, y1, ...`` into pairs."""
    return np.reshape(numbers, (-1, 2)).astype(float).tolist()


def upright(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    """Return the corners of a box as those of a quad, clockwise from the top-left."""
    return corners(left, top, right, top, right, bottom, left, bottom)


def plain(instance: TextInstance) -> dict:
    """Return what is set in an instance, as values that ``==`` compares exactly."""
    fields = {"polygon": instance.polygon.tolist(), "text": instance.text, "level": instance.level}
    for name in ("ignore", "language", "attributes"):
        if getattr(instance, name):
            fields[name] = getattr(instance, name)
    if instance.parts:
        fields["parts"] = [plain(part) for part in instance.parts]
    return fields


def checked(samples) -> list[Sample]:
    """Return all samples after checking that each is sound and that its image can be read."""
    found = list(samples)
    for sample in found:
        check_sample(sample)
        assert sample.pixels().shape[0] > 0
    return found


# Transcriptions as they come: any characters but line ends, control characters and lone surrogates.
transcriptions = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=8
)
coordinates = st.integers(-50, 4000)


@st.composite
def convex_quads(draw) -> list[int]:
    """Draw the eight numbers of a clockwise quad with an area: a box whose corners are moved."""
    left, top = draw(coordinates), draw(coordinates)
    width, height = draw(st.integers(10, 300)), draw(st.integers(10, 300))
    slack = [draw(st.integers(-3, 3)) for _ in range(8)]
    box = [left, top, left + width, top, left + width, top + height, left, top + height]
    return [side + shift for side, shift in zip(box, slack, strict=True)]

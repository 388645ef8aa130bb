"""Pages of text drawn at twice their size, so that they can be turned or bent before shrinking."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"

PROSE = (
    "A page from a novel has its letters in their usual proportions. There are many more of those "
    "that rise than of those that hang below the line, and a few dozen words are enough to tell "
    "which way is up. Whoever laid this sheet on the scanner was in a hurry, so it lies askew. "
)


@pytest.fixture(scope="session")
def text_page():
    """Return a function that draws a page of prose, dark on white: a PIL image, 2x too large."""

    def draw(
        width: int = 480,
        height: int = 320,
        size: int = 16,
        *,
        font: str = "DejaVuSerif.ttf",
        lines: int = 100,
        text: str = PROSE,
    ) -> Image.Image:
        face = ImageFont.truetype(str(FONTS / font), 2 * size)
        page = Image.new("L", (2 * width, 2 * height), 255)
        pen = ImageDraw.Draw(page)
        margin, y = 2 * size, 2 * size
        words = iter((text * 20).split())
        line = next(words)
        while lines and y + 3 * size < 2 * height - margin:
            word = next(words)
            if pen.textlength(f"{line} {word}", font=face) < 2 * width - 2 * margin:
                line = f"{line} {word}"
                continue
            pen.text((margin, y), line, font=face, fill=0)
            line, y, lines = word, y + 3 * size, lines - 1
        return page

    return draw


@pytest.fixture(scope="session")
def shrink():
    """Return a function that halves a PIL image, turned first, into a uint8 array."""

    def halve(page: Image.Image, degrees: float = 0.0) -> np.ndarray:
        turned = page.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=255)
        size = (page.width // 2, page.height // 2)
        return np.asarray(turned.resize(size, Image.Resampling.BOX))

    return halve

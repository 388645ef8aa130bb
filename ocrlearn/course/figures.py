"""The look of the course's figures: one style, one palette, alt text for every picture.

A chapter calls :func:`use_style` once, draws with matplotlib as usual, and ends each figure with
:func:`show`, which needs the alt text:

>>> figure, axes = figures.subplots(1, 2)  # doctest: +SKIP
>>> axes[0].plot(recall, precision)  # doctest: +SKIP
>>> figures.show(figure, alt="Precision falls from 1 to 0.6 as recall grows.")  # doctest: +SKIP

Grids of pictures need one call, :func:`show_images`.

Figures lie on a light card of their own, so that they read the same on a white and on a black page;
the palette is the eight-colour one of Okabe and Ito ("Color universal design", 2008), whose colours
remain distinct under the common colour vision deficiencies. A picture is stored as PNG of at most
150 kB: palette colours are used where full colours would be larger.
"""

import base64
import html
import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from ocrlearn._validate import check_image, check_number
from ocrlearn.course._show import display

__all__ = [
    "BLUE",
    "CARD",
    "GREEN",
    "INK",
    "ORANGE",
    "PALETTE",
    "PINK",
    "SKY",
    "STYLE",
    "VERMILION",
    "YELLOW",
    "Picture",
    "draw_quads",
    "encode_png",
    "show",
    "show_images",
    "subplots",
    "use_style",
]

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
SKY = "#56B4E9"
PINK = "#CC79A7"
YELLOW = "#F0E442"
INK = "#22262B"
CARD = "#FCFBF7"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, SKY, PINK, INK)
"""The colours of lines, in order. Yellow is kept for marks on dark pictures."""

LIMIT = 150_000
"""The most bytes of one picture."""

WIDTH = 8.0
"""Width of a figure in inches; at the style's 110 dots an inch 880 pixels."""

STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#8A8F98",
    "axes.facecolor": CARD,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=list(PALETTE)),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "figure.facecolor": CARD,
    "figure.figsize": (WIDTH, 3.2),
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": "#E3E1DA",
    "grid.linewidth": 0.8,
    "image.cmap": "gray",
    "image.interpolation": "antialiased",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "savefig.facecolor": CARD,
    "text.color": INK,
    "xtick.color": "#565B64",
    "xtick.labelsize": 8.5,
    "ytick.color": "#565B64",
    "ytick.labelsize": 8.5,
}
"""The rcParams of the course."""


def use_style() -> None:
    """Make the course's style matplotlib's default in this process."""
    plt.rcParams.update(STYLE)


def subplots(
    rows: int = 1, columns: int = 1, *, height: float | None = None, **options: Any
) -> tuple[Figure, Any]:
    """Return ``plt.subplots`` of the course's width, `height` inches high (3.2 for each row)."""
    use_style()
    size = (WIDTH, 3.2 * rows if height is None else height)
    return plt.subplots(rows, columns, figsize=size, **options)


class Picture:
    """A PNG with its alt text, as Jupyter shows and stores it.

    It is stored as HTML with the PNG inside. A bare ``image/png`` output has a place for alt text
    in its metadata, but JupyterLab, myst-nb and nbconvert's present template do not look there;
    all of them, and JupyterLab even before a notebook is trusted, honour ``<img alt="...">``. The
    alt text is also the plain-text form, which is what a reader without pictures gets.
    """

    def __init__(self, png: bytes, alt: str) -> None:
        if not isinstance(alt, str) or not alt.strip():
            raise ValueError("alt must say in words what the picture shows, got nothing")
        self.png = png
        self.alt = " ".join(alt.split())

    def __repr__(self) -> str:
        return f"[Picture: {self.alt}]"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        return (
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(self.alt)}" '
            'style="max-width: 100%; height: auto;">'
        )


def show(figure: Figure, *, alt: str) -> None:
    """Show a figure and close it.

    Parameters
    ----------
    figure
        A matplotlib figure.
    alt
        What the picture shows and what there is to see in it, in one or two sentences, for those
        who cannot see it. Required.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"figure must be a matplotlib figure, got {type(figure).__name__}")
    try:
        picture = Picture(encode_png(figure), alt)
    finally:
        plt.close(figure)
    display(picture)


def show_images(
    images: Sequence[Any],
    captions: Sequence[str] | None = None,
    *,
    alt: str,
    columns: int | None = None,
    height: float | None = None,
    title: str = "",
) -> None:
    """Show images in a grid.

    Grey values are shown as they are, black for 0 and white for 255 or 1.0, never stretched; a
    boolean image is an ink mask and its ink is drawn dark. Images smaller than their place are
    enlarged without smoothing, so that pixels can be seen.

    Parameters
    ----------
    images
        Each ``(H, W)`` or ``(H, W, 3)``, uint8, bool or float in [0, 1].
    captions
        One for each, written above it.
    alt
        Alt text of the whole picture. Required.
    columns
        By default all in one row up to four, then four to a row.
    height
        In inches; by default what the shapes ask for.
    title
        Above all.
    """
    arrays = [check_image(image, f"images[{i}]") for i, image in enumerate(images)]
    if not arrays:
        raise ValueError("images must hold at least one image, got none")
    if captions is not None and len(captions) != len(arrays):
        raise ValueError(f"captions must be {len(arrays)}, one for each image, got {len(captions)}")
    across = int(
        check_number(
            min(4, len(arrays)) if columns is None else columns, "columns", low=1, integer=True
        )
    )
    down = math.ceil(len(arrays) / across)
    heights = []  # of the rows, in inches: each as high as its tallest image
    for start in range(0, len(arrays), across):
        tallest = max(a.shape[0] / a.shape[1] for a in arrays[start : start + across])
        heights.append(min(WIDTH / across * tallest, 6.0) + (0.3 if captions else 0.1))
    figure, axes = subplots(
        down,
        across,
        height=height or sum(heights) + 0.3 * bool(title),
        squeeze=False,
        height_ratios=heights,
    )
    for axis in axes.flat[len(arrays) :]:
        axis.set_axis_off()
    for i, (axis, array) in enumerate(zip(axes.flat, arrays, strict=False)):
        _draw_image(axis, array)
        if captions:
            axis.set_title(captions[i], loc="center", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11)
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    if height is None and drawn is not None:
        figure.set_size_inches(WIDTH, drawn.height + 0.12)
    show(figure, alt=alt)


def draw_quads(
    axis: Any,
    quads: Any,
    labels: Sequence[str] | None = None,
    *,
    color: str = VERMILION,
    width: float = 1.5,
) -> None:
    """Draw quads ``(N, 4, 2)``, points (x, y) in pixels, on an axis that shows an image."""
    for i, quad in enumerate(np.asarray(quads, dtype=float).reshape(-1, 4, 2)):
        axis.add_patch(plt.Polygon(quad, closed=True, fill=False, edgecolor=color, linewidth=width))
        if labels is not None:
            axis.annotate(labels[i], quad[0], color=color, fontsize=8, va="bottom")


def encode_png(figure: Figure, limit: int = LIMIT) -> bytes:
    """Return the figure as PNG of at most `limit` bytes.

    96 palette colours, which no eye misses in a diagram or a grey photograph and which halve the
    file; where that does not fit, 48, then fewer pixels.

    Raises
    ------
    ValueError
        If even half as many dots an inch do not make it small enough.
    """
    for scale in (1.0, 0.85, 0.7, 0.5):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=figure.dpi * scale, metadata={"Software": None})
        image = Image.open(buffer).convert("RGB")
        for colours in (96, 48):
            encoded = _png(_quantise(image, colours))
            if len(encoded) <= limit:
                return encoded
            if len(encoded) > 2 * limit:
                break  # fewer colours will not halve it
    raise ValueError(
        f"the picture does not fit in {limit // 1000} kB; show fewer or smaller images"
    )


def _quantise(image: Image.Image, colours: int) -> Image.Image:
    # The median cut alone forgets colours that few pixels have, such as a thin orange frame on a
    # grey photograph; rounds of k-means move the palette back to them.
    return image.quantize(
        colours, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE
    )


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _draw_image(axis: Any, array: NDArray[Any]) -> None:
    """Draw one checked image on an axis, unstretched."""
    shown = ~array if array.dtype == np.bool_ else array
    top = 255 if shown.dtype == np.uint8 else 1
    enlarged = max(shown.shape[:2]) < 300
    axis.imshow(
        shown.astype(np.uint8) if shown.dtype == np.bool_ else shown,
        cmap="gray",
        vmin=0,
        vmax=top,
        interpolation="nearest" if enlarged else "antialiased",
    )
    axis.set(xticks=[], yticks=[])
    axis.grid(visible=False)
    for spine in axis.spines.values():  # white paper on a light card needs an edge
        spine.set(visible=True, color="#C9C6BC", linewidth=0.8)

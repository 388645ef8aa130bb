"""Players: an algorithm step by step, with a slider, in a page that needs no kernel.

A player is one piece of HTML that holds its frames, its captions and its few lines of script; it
loads nothing, so that it works on a static site, in a saved notebook and off line.

>>> from ocrlearn.course import figures, player  # doctest: +SKIP
>>> steps = player.Recorder()  # doctest: +SKIP
>>> for step in range(8):  # doctest: +SKIP
...     figure, axis = figures.subplots(height=3)
...     axis.bar(range(8), counts[step])
...     steps.add(figure, caption=f"After {step} rows", alt="The histogram grows.")
>>> steps.play(alt="A histogram grows row by row.")  # doctest: +SKIP

Where scripts do not run (JupyterLab before a notebook is trusted, GitHub), the first frame and its
caption stand still.
"""

import base64
import hashlib
import html
import io
import json
import string
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ocrlearn._validate import check_image, check_number
from ocrlearn.course._show import display
from ocrlearn.image.convert import to_uint8

__all__ = ["Player", "Recorder", "play"]

LIMIT = 1_000_000
"""The most bytes of one player."""


class Player:
    """Frames with captions, shown one at a time.

    Parameters
    ----------
    frames
        At least two, all of one size: images ``(H, W)`` or ``(H, W, 3)``, uint8, bool (True is ink,
        drawn dark) or float in [0, 1]; or matplotlib figures.
    captions
        One for each frame: what happens in this step.
    alt
        What the player as a whole shows, for those who cannot see it. Required.
    alts
        What each frame shows, where its caption does not say it. By default `alt` and the caption.
    fps
        Frames a second while playing.
    scale
        Enlarge images by this whole number, without smoothing.

    Raises
    ------
    ValueError
        If the frames differ in size, numbers do not match, or the player exceeds 1 MB.
    """

    def __init__(
        self,
        frames: Sequence[Any],
        captions: Sequence[str],
        *,
        alt: str,
        alts: Sequence[str] | None = None,
        fps: float = 2.0,
        scale: int = 1,
    ) -> None:
        if len(frames) < 2:
            raise ValueError(f"frames must be at least two, got {len(frames)}")
        if not isinstance(alt, str) or not alt.strip():
            raise ValueError("alt must say in words what the player shows, got nothing")
        for name, texts in (("captions", captions), ("alts", alts)):
            if texts is not None and len(texts) != len(frames):
                raise ValueError(
                    f"{name} must be {len(frames)}, one for each frame, got {len(texts)}"
                )
        check_number(fps, "fps", low=0, high=30, low_open=True)
        factor = int(check_number(scale, "scale", low=1, high=16, integer=True))
        pictures = [_picture(frame, i, factor) for i, frame in enumerate(frames)]
        sizes = sorted({picture.size for picture in pictures})
        if len(sizes) > 1:
            raise ValueError(f"frames must have one size, got (width, height) {sizes}")
        self.alt = " ".join(alt.split())
        self.captions = tuple(captions)
        self.html = _page(pictures, self.captions, self.alt, alts, float(fps))
        if len(self.html) > LIMIT:
            raise ValueError(
                f"a player may take {LIMIT // 1000} kB, this one takes {len(self.html) // 1000}; "
                "show fewer frames, smaller ones, or fewer colours"
            )

    def __repr__(self) -> str:
        return f"[Player, {len(self.captions)} steps: {self.alt}]"

    def _repr_html_(self) -> str:
        return self.html


def play(frames: Sequence[Any], captions: Sequence[str], *, alt: str, **options: Any) -> None:
    """Show a :class:`Player`."""
    display(Player(frames, captions, alt=alt, **options))


class Recorder:
    """Collects the frames of a player while an algorithm runs."""

    def __init__(self) -> None:
        self._frames: list[Any] = []
        self._captions: list[str] = []
        self._alts: list[str] = []

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: Any, caption: str, alt: str = "") -> None:
        """Add a frame, an image or a matplotlib figure, with its caption.

        A figure is drawn at once and closed.
        """
        drawn = isinstance(frame, Figure)
        self._frames.append(_draw(frame) if drawn else np.array(check_image(frame, "frame")))
        self._captions.append(caption)
        self._alts.append(alt)

    def play(self, *, alt: str, **options: Any) -> None:
        """Show what was collected; `options` as for :class:`Player`."""
        alts = [
            own or f"{alt} {text}" for own, text in zip(self._alts, self._captions, strict=True)
        ]
        play(self._frames, self._captions, alt=alt, alts=alts, **options)


def _picture(frame: Any, position: int, scale: int) -> Image.Image:
    """Return one frame as an image of at most 256 colours."""
    if isinstance(frame, Figure):
        frame = _draw(frame)
    array = check_image(frame, f"frames[{position}]")
    array = to_uint8(~array if array.dtype == np.bool_ else array)
    array = array.repeat(scale, axis=0).repeat(scale, axis=1)
    picture = Image.fromarray(array)
    if picture.mode == "L":
        return picture
    return picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _draw(figure: Figure) -> Any:
    """Return a figure as an RGB array and close it."""
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi)
    plt.close(figure)
    return np.array(Image.open(buffer).convert("RGB"))


def _encode(picture: Image.Image) -> str:
    """Return the picture as a data URI: PNG or lossless WebP, whichever is smaller."""
    encoded = []
    for kind, options in (("png", {"optimize": True}), ("webp", {"lossless": True, "quality": 90})):
        buffer = io.BytesIO()
        picture.save(buffer, format=kind, **options)
        encoded.append((kind, buffer.getvalue()))
    kind, data = min(encoded, key=lambda item: len(item[1]))
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _page(
    pictures: Sequence[Image.Image],
    captions: Sequence[str],
    alt: str,
    alts: Sequence[str] | None,
    fps: float,
) -> str:
    """Return the player's HTML."""
    alts = alts or [f"{alt} {caption}" for caption in captions]
    images = [_encode(picture) for picture in pictures]
    frames = [
        {"image": image, "caption": caption, "alt": " ".join(text.split())}
        for image, caption, text in zip(["", *images[1:]], captions, alts, strict=True)
    ]
    # In a script element nothing is an entity and only "</" could end it early.
    packed = json.dumps(frames, ensure_ascii=False).replace("<", "\\u003c")
    template = resources.files("ocrlearn.course").joinpath("player.html").read_text("utf-8")
    width, height = pictures[0].size
    return string.Template(template).substitute(
        id="player-" + hashlib.sha256((images[0] + packed).encode()).hexdigest()[:12],
        first=images[0],  # not among the frames: the script finds it in the page
        alt=html.escape(frames[0]["alt"]),
        caption=html.escape(captions[0]),
        frames=packed,
        width=width,
        height=height,
        last=len(frames) - 1,
        total=len(frames),
        interval=round(1000 / fps),
    )

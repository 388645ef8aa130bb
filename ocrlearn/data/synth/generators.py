"""Every generator by its name, for the command line, shards and contact sheets.

>>> from ocrlearn.data.synth.generators import GENERATORS
>>> sample = GENERATORS["words"].make(seed=0, index=7)
>>> sample.text
'Exile'

All generators are functions of ``(seed, index)`` and options that are named. The same call gives
the same sample on every machine with the same versions of NumPy, SciPy, Pillow and the fonts, in
whatever order and by however many workers samples are made.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ocrlearn.data.samples import Clip, Sample, sample_from_page

__all__ = ["GENERATORS", "Generator", "render_line_sample", "render_page_sample"]


@dataclass(frozen=True)
class Generator:
    """A generator of samples.

    Attributes
    ----------
    name
        What the user types.
    description
        One line: what it makes.
    target
        Where its function is, ``"package.module:function"``, as
        :func:`ocrlearn.data.shards.write_shards` takes it.
    """

    name: str
    description: str
    target: str

    @property
    def function(self) -> Callable[..., Sample | Clip]:
        """The function ``(seed, index, *, split, ...)``; its module is imported when asked for."""
        module, _, name = self.target.partition(":")
        function: Callable[..., Sample | Clip] = getattr(importlib.import_module(module), name)
        return function

    def make(self, seed: int, index: int, **options: Any) -> Sample | Clip:
        """Make sample `index` of `seed`."""
        return self.function(seed, index, **options)


def render_line_sample(
    seed: int = 0, index: int = 0, *, split: str = "training", look: str = "scanned"
) -> Sample:
    """Return a line of :func:`~ocrlearn.data.synth.lines.render_line` as a sample."""
    from ocrlearn.data.synth.lines import render_line

    made = render_line(seed, index, split=split, look=look)
    return _sample(made)


def render_page_sample(
    seed: int = 0, index: int = 0, *, split: str = "training", look: str = "scanned"
) -> Sample:
    """Return a page of :func:`~ocrlearn.data.synth.pages.render_page` as a sample."""
    from ocrlearn.data.synth.pages import render_page

    made = render_page(seed, index, split=split, look=look)
    return _sample(made)


def _sample(made: Any) -> Sample:
    details = {"look": made.look, "fonts": list(made.fonts), **made.details}
    return sample_from_page(made.image, made.page, masks={"ink": made.ink}, details=details)


def _generator(name: str, module: str, function: str, description: str) -> Generator:
    return Generator(name, description, f"ocrlearn.data.synth.{module}:{function}")


GENERATORS: dict[str, Generator] = {
    generator.name: generator
    for generator in (
        _generator("characters", "characters", "render_character", "single letters and digits"),
        _generator("words", "words", "render_word", "cropped words of signs and shops"),
        _generator("lines", "generators", "render_line_sample", "printed lines of English"),
        _generator("chinese-lines", "chinese", "render_chinese_line", "printed lines of Chinese"),
        _generator("pages", "generators", "render_page_sample", "pages of prose and code"),
        _generator("documents", "documents", "document_sample", "pages with tables and figures"),
        _generator("scenes", "scenes", "render_scene", "photographs with signs and lettering"),
        _generator("plates", "plates", "render_plate", "Chinese number plates"),
        _generator("captchas", "captchas", "render_captcha", "captchas of four degrees"),
        _generator("objects", "objects", "render_objects", "scenes for segmentation"),
        _generator("clips", "clips", "render_clip", "short videos of actions"),
    )
}
"""The generators by name."""

"""Readers of public data sets, each in the format in which its owner gives it away.

Nothing is downloaded here: :data:`READERS` knows how to read a folder that is already there.

>>> from ocrlearn.data.readers import READERS
>>> sorted(READERS["icdar2015"].splits)
['test', 'train']

Every reader is one pure function, ``read_xxx(folder, split="train")``, in a module of the set's
name whose docstring describes the owner's folders and lines. It checks its arguments and finds its
files when it is called, then gives :class:`~ocrlearn.data.samples.Sample` or
:class:`~ocrlearn.data.samples.Clip` one by one, always in the same order, and leaves pixels on
disk. What is not there raises ``FileNotFoundError`` with what was expected where; what is not as
the owner promises raises :class:`DataFormatError` with file and line. Nothing is silently dropped:
what the owner marks as not to be scored comes as ``ignore=True``.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ocrlearn._lazy import attach
from ocrlearn.data.samples import Clip, DataFormatError, Sample

__all__ = ["KINDS", "READERS", "DataFormatError", "Reader"]

KINDS = ("detection", "recognition", "segmentation", "video")
"""What a set is for. Sets for detection mostly come with transcriptions as well."""


@dataclass(frozen=True)
class Reader:
    """How to read one data set.

    Attributes
    ----------
    name
        Its name here, such as "icdar2015".
    title
        Its name in the literature.
    kind
        One of :data:`KINDS`.
    splits
        What may be asked for as `split`.
    module
        The module that holds ``read_<name>``; the set's own name unless it says otherwise.
    """

    name: str
    title: str
    kind: str
    splits: tuple[str, ...] = ("train", "test")
    module: str = ""

    @property
    def home(self) -> str:
        """Name of the module that reads the set, within this package."""
        return self.module or self.name

    @property
    def read(self) -> Callable[..., Iterator[Sample | Clip]]:
        """The function ``read_<name>(folder, split, ...)``; its module is imported when asked."""
        module = importlib.import_module(f"{__name__}.{self.home}")
        function: Callable[..., Iterator[Sample | Clip]] = getattr(module, f"read_{self.name}")
        return function


_LISTED = ("train", "val", "test")
_CCPD = (*_LISTED, "base", "blur", "challenge", "db", "fn", "np", "rotate", "tilt", "weather")

_ALL = (
    # Images with text
    Reader("icdar2003", "ICDAR 2003 Robust Reading", "detection"),
    Reader(
        "icdar2003_characters", "ICDAR 2003 cropped characters", "recognition", module="icdar2003"
    ),
    Reader("icdar2003_words", "ICDAR 2003 cropped words", "recognition", module="icdar2003"),
    Reader("icdar2013", "ICDAR 2013 Focused Scene Text", "detection"),
    Reader("icdar2013_words", "ICDAR 2013 cropped words", "recognition", module="icdar2013"),
    Reader("icdar2015", "ICDAR 2015 Incidental Scene Text", "detection"),
    Reader("icdar2015_words", "ICDAR 2015 cropped words", "recognition", module="icdar2015"),
    Reader("mlt2017", "MLT-2017", "detection", ("train", "val", "test")),
    Reader("rctw17", "RCTW-17", "detection"),
    Reader("mtwi2018", "MTWI 2018", "detection"),
    Reader("total_text", "Total-Text", "detection"),
    Reader(
        "ctw",
        "Chinese Text in the Wild (CTW)",
        "detection",
        ("train", "val", "test_cls", "test_det"),
    ),
    Reader("coco_text", "COCO-Text", "detection", ("train", "val", "test")),
    Reader("svt", "Street View Text (SVT)", "detection"),
    Reader("td500", "MSRA-TD500", "detection"),
    # Words, lines and plates
    Reader("iiit5k", "IIIT 5K-Word", "recognition"),
    Reader("svtp", "SVT-Perspective", "recognition", ("test",)),
    Reader("cute80", "CUTE80", "recognition", ("test",)),
    Reader("synth90k", "Synth90k (MJSynth)", "recognition", ("train", "validation", "test", "all")),
    Reader("caffe_ocr", "Chinese lines of caffe_ocr", "recognition"),
    Reader("fsns", "French Street Name Signs", "recognition", ("train", "validation", "test")),
    Reader(
        "ccpd",
        "Chinese City Parking Dataset",
        "detection",
        _CCPD,
    ),
    Reader("synthtext", "SynthText in the Wild", "detection", ("train",)),
    Reader("ccpd_green", "CCPD-Green", "detection", _LISTED, "ccpd"),
    # Images with masks
    Reader("bsds500", "BSDS500", "segmentation", _LISTED),
    Reader("camvid", "CamVid", "segmentation", (*_LISTED, "all")),
    Reader(
        "dibco",
        "DIBCO",
        "segmentation",
        ("all", "2009", "2010", "2011", "2012", "2013", "2014", "2016", "2017", "2018", "2019"),
    ),
    # Clips
    Reader("ucf101", "UCF101", "video"),
    Reader("hmdb51", "HMDB51", "video", ("train", "test", "unused")),
    Reader(
        "something_v1",
        "Something-Something V1",
        "video",
        ("train", "validation", "test"),
        "something",
    ),
    Reader(
        "something_v2",
        "Something-Something V2",
        "video",
        ("train", "validation", "test"),
        "something",
    ),
)

READERS: dict[str, Reader] = {reader.name: reader for reader in _ALL}
"""Every reader by its name."""

_load, _, _functions = attach(
    __name__, {f"read_{reader.name}": reader.home for reader in READERS.values()}
)


def __getattr__(name: str) -> Any:
    return _load(name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_functions])

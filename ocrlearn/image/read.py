"""Read image files safely, and write them whole or not at all.

An image file is input from outside: it may be cut short, mislabelled, or made to harm. Pillow does
the decoding, and this module stands around it: only seven common formats are opened, a picture's
size is checked before its pixels are decoded, and whatever goes wrong inside a decoder comes out as
one exception, :class:`ImageReadError`, whose message names the file, what is wrong with it and what
to do. What comes in is always a plain uint8 array, upright, with transparency laid over white.

>>> from ocrlearn.image import read
>>> page = read("page.jpg")  # doctest: +SKIP
"""

import math
import os
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from ocrlearn._validate import check_choice, check_image, check_number
from ocrlearn.image.convert import to_gray, to_uint8

__all__ = ["MAX_PIXELS", "ImageReadError", "read", "read_pages", "write"]

MAX_PIXELS = 75_000_000
"""Most pixels a file may declare by default. An A3 sheet scanned at 600 dots per inch has 70
million. Within it, decoding any file takes less than one gibibyte of memory."""

MAX_SIDE = 100_000
"""Longest side in pixels. No page is longer, and some decoders go by the row."""

MAX_JPEG_SEGMENTS = {"scans": 100, "EXIF blocks": 16, "segments": 10_000}
"""Most parts of a JPEG file. A few bytes can ask for one more pass over the whole image, a scan, so
that without a limit a small file takes minutes; encoders make about ten."""

MAX_TAG_NUMBERS = 2**20
"""Most numbers in the tags of a TIFF page. The largest page in the smallest tiles there are, of
16 x 16 pixels, has two for each tile, 590,000."""

MAX_TEXT_SAMPLES = 2**22
"""Most samples of a PNM file that writes them as text, which is slow to take apart."""

BAND_PIXELS = 2**20
"""Pixels are converted in bands of rows of about this size, to need little memory at a time."""

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]

# Each format is known by how its files begin, whatever they are called. Pillow opens some forty
# more, mostly rare ones whose decoders have seen little hostile input; they are left out.
_BEGINNINGS = {
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "WebP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "GIF": re.compile(rb"GIF8[79]a"),
    "BMP": re.compile(rb"BM"),
    "PNM": re.compile(rb"P[1-6][\s#]"),
}

_PLUGINS: dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}

# What people hand over instead, with what to do about it.
_NOT_IMAGES = {
    re.compile(rb"%PDF"): "a PDF document; render its pages first",
    re.compile(rb".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL): (
        "a HEIC photograph; export it as JPEG"
    ),
    re.compile(rb".{4}ftypavi[fs]", re.DOTALL): "an AVIF image; export it as PNG or JPEG",
    re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"): "a JPEG 2000 image; save it as PNG or TIFF",
    re.compile(rb"8BPS"): "a Photoshop document; export it as PNG or JPEG",
    re.compile(rb"\s*<(\?xml|svg)"): "an XML or SVG document; export it as PNG",
    re.compile(rb"\s*<(!DOCTYPE|html)", re.IGNORECASE): (
        "a web page, perhaps saved in place of the image it shows; download the image itself"
    ),
    re.compile(rb"PK\x03\x04|\x1f\x8b"): "a compressed archive; unpack it first",
}

# Maps the image as it is shown to a view of it as it is stored, by the EXIF orientation. Filling
# such a view with the stored rows turns the picture without a second copy.
_STORED_VIEW: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda shown: shown,
    2: np.fliplr,
    3: lambda shown: np.rot90(shown, 2),
    4: np.flipud,
    5: lambda shown: np.swapaxes(shown, 0, 1),
    6: lambda shown: np.rot90(shown, 1),
    7: lambda shown: np.swapaxes(np.rot90(shown, 2), 0, 1),
    8: lambda shown: np.rot90(shown, -1),
}

# A marker in a JPEG file, but for those within the data of a scan: a stuffed 0xff and restarts.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")

# Size of a number of each TIFF type, by its code; types of bytes and text are left out.
_TIFF_NUMBER_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}

_ORIENTATION, _BITS_PER_SAMPLE, _PHOTOMETRIC = 274, 258, 262  # TIFF and EXIF tags
_TILE_WIDTH, _TILE_LENGTH = 322, 323

_GRAY_MODES = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_COLOUR_MODES = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr")


class ImageReadError(ValueError):
    """A file that cannot be read as an image; the message names it and says what is wrong."""


def read(
    source: Source, *, mode: str = "rgb", max_pixels: int = MAX_PIXELS, upright: bool = True
) -> NDArray[np.uint8]:
    """Read one image from a file, from bytes, or from an open binary file.

    PNG, JPEG, TIFF, WebP, GIF, BMP and PNM (``.pbm``, ``.pgm``, ``.ppm``) files are read, and told
    apart by their first bytes, not their names. Of several pages or frames the first is read; see
    :func:`read_pages`.

    Parameters
    ----------
    source
        Path; or the content of a file as bytes; or a file open in binary mode, such as
        ``sys.stdin.buffer``, which need not be seekable and is read to its end.
    mode
        "rgb" always gives ``(H, W, 3)``. "gray" always gives ``(H, W)``, the luma (see
        :func:`~ocrlearn.image.to_gray`). "keep" gives ``(H, W)`` where the file declares a gray
        image and ``(H, W, 3)`` otherwise.
    max_pixels
        Greatest width x height a file may declare; half of it for WebP, whose decoder keeps several
        copies. The file itself may hold at most 4 bytes per pixel of this. Beyond twice
        ``PIL.Image.MAX_IMAGE_PIXELS`` some of Pillow's decoders refuse whatever is asked here.
    upright
        Whether to turn the image as its EXIF orientation says. False leaves it as it is stored,
        which is how the labels of data sets count their pixels. (TIFF files are always turned.)

    Returns
    -------
    array
        uint8 in [0, 255], contiguous, as the image is meant to be seen:

        - turned and mirrored as the EXIF orientation says, unless `upright` is False;
        - palettes resolved, and transparency composited over white;
        - 1-bit images as 0 and 255, 16-bit (and 12-bit) gray scaled from its full range, 16-bit
          colour by its high bytes;
        - CMYK, also in Adobe's inverted JPEG, converted to RGB without regard to ink profiles;
        - wider integers and floats, whose range no file declares, scaled from [0, white], with
          white the first of 1, 255, 65535 and the image's maximum that is not exceeded; from
          [minimum, maximum] where there are negative values.

        Colour profiles (ICC) and gamma are ignored: the numbers in the file are taken for sRGB.

    Raises
    ------
    ImageReadError
        If the content is not an image of a known format, is damaged or cut short, is too large, or
        needs more memory than there is. A file is never half read, unless the program has set
        ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES``.
    OSError
        If the file cannot be opened: FileNotFoundError, PermissionError, IsADirectoryError.
    TypeError
        If `source` is none of the above, or is a file open in text mode.
    ValueError
        If `mode` or `max_pixels` is not as described above.
    """
    return next(_pages(source, mode, max_pixels, upright))


def read_pages(
    source: Source, *, mode: str = "rgb", max_pixels: int = MAX_PIXELS
) -> Iterator[NDArray[np.uint8]]:
    """Read the pages of a TIFF file one after another; of any other file, its one image.

    A page is decoded when it is asked for, so that a long document needs the memory of one page.
    Frames of an animation, and the second picture that some phones hide in a JPEG file, are not
    pages; only the first is given.

    Parameters
    ----------
    source, mode, max_pixels
        As for :func:`read`; the limit is for each page.

    Yields
    ------
    array
        As :func:`read` returns.

    Raises
    ------
    ImageReadError, OSError, TypeError, ValueError
        As for :func:`read`. A damaged page raises when its turn comes, after the pages before it.
    """
    return _pages(source, mode, max_pixels)


def write(path: str | os.PathLike[str], image: Any, *, quality: int = 90) -> None:
    """Write an image to a file, in the format that the suffix of its name asks for.

    The file is written under a temporary name beside it and moved into place when it is complete,
    so that nobody sees half a file and an old one survives a failure.

    Parameters
    ----------
    path
        Ending in ``.png``, ``.jpg``, ``.jpeg``, ``.tif``, ``.tiff``, ``.webp``, ``.bmp``, ``.pgm``
        or ``.ppm``, in either case of letters.
    image
        ``(H, W)`` or ``(H, W, 3)``; uint8, bool or float in [0, 1]. Written with 8 bits a channel.
    quality
        Of JPEG and WebP, 1 to 95.

    Raises
    ------
    ValueError, TypeError
        If the suffix is none of these, or an argument is not as described above.
    OSError
        If the file cannot be written.
    """
    path = Path(path)
    suffix = check_choice(path.suffix.lower(), "the suffix of path", _WRITTEN_FORMATS)
    percent = int(check_number(quality, "quality", low=1, high=95, integer=True))
    array = check_image(image)
    pixels = array.astype(np.uint8) * np.uint8(255) if array.dtype == np.bool_ else to_uint8(array)
    options = {"quality": percent} if suffix in (".jpg", ".jpeg", ".webp") else {}
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        Image.fromarray(pixels).save(unfinished, format=_WRITTEN_FORMATS[suffix], **options)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


_WRITTEN_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".pgm": "PPM",
    ".ppm": "PPM",
}


# --- From a source to the bytes of a file --------------------------------------------------------


def _load(source: Any, max_bytes: int) -> tuple[str, bytes]:
    """Return a name for `source` to use in messages, and its content."""
    if isinstance(source, bytes | bytearray | memoryview):
        name, content = "<bytes>", bytes(source[: max_bytes + 1])
    elif isinstance(source, str | os.PathLike):
        name = os.fsdecode(source)
        with open(source, "rb") as file:
            content = file.read(max_bytes + 1)
    elif callable(getattr(source, "read", None)):
        name = str(getattr(source, "name", "<stream>"))
        content = _read_stream(source, max_bytes + 1)
    else:
        raise TypeError(
            "source must be a path, the bytes of a file, or a file open in binary mode, "
            f"got {type(source).__name__}"
        )
    if not content:
        raise ImageReadError(f"{name}: the file is empty")
    if len(content) > max_bytes:
        raise ImageReadError(
            f"{name}: the file holds more than {max_bytes} bytes; reduce or split it, "
            "or raise max_pixels"
        )
    return name, content


def _read_stream(stream: Any, count: int) -> bytes:
    """Read at most `count` bytes; a pipe may give them in pieces."""
    pieces = []
    while count > 0 and (piece := stream.read(count)):
        if not isinstance(piece, bytes):
            raise TypeError(
                "source must be open in binary mode, but reading it gave "
                f"{type(piece).__name__}; use open(path, 'rb') or sys.stdin.buffer"
            )
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _recognise(name: str, content: bytes) -> str:
    """Return the name of the format that the content begins like."""
    for format_name, beginning in _BEGINNINGS.items():
        if beginning.match(content):
            return format_name
    for beginning, advice in _NOT_IMAGES.items():
        if beginning.match(content):
            raise ImageReadError(f"{name}: not an image this reader opens, but {advice}")
    raise ImageReadError(
        f"{name}: not an image of a known format ({', '.join(_BEGINNINGS)}); "
        f"it begins with {content[:8]!r}"
    )


# --- From the bytes of a file to pixels ----------------------------------------------------------


def _pages(
    source: Source, mode: str, max_pixels: int, upright: bool = True
) -> Iterator[NDArray[np.uint8]]:
    check_choice(mode, "mode", ("rgb", "gray", "keep"))
    limit = int(check_number(max_pixels, "max_pixels", low=1, integer=True))
    name, content = _load(source, 4 * limit + 2**24)  # and room for metadata in small ones
    format_name = _recognise(name, content)
    return _decoded_pages(name, format_name, content, mode, limit, upright)


def _decoded_pages(
    name: str, format_name: str, content: bytes, mode: str, limit: int, upright: bool
) -> Iterator[NDArray[np.uint8]]:
    with _decoder_errors(name, format_name):
        image = _open(name, format_name, content, limit)
    page = 1
    while True:
        label = name if page == 1 else f"{name}, page {page}"
        with _decoder_errors(label, format_name):
            _check_size(label, *image.size, limit)
            if format_name == "TIFF":
                _check_tiles(label, image, limit)
            image.load()
            pixels = _to_array(label, image, mode, _orientation(image) if upright else 1)
        yield pixels
        if format_name != "TIFF":
            return
        with _decoder_errors(f"{name}, page {page + 1}", format_name):
            following = image.tag_v2.next  # type: ignore[attr-defined]
            if following:
                _check_tiff_tags(f"{name}, page {page + 1}", content, following)
            try:
                image.seek(page)
            except EOFError:
                return
        page += 1


@contextmanager
def _decoder_errors(name: str, format_name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an :class:`ImageReadError`, and keep its warnings quiet.

    Decoders raise what their parsing happens to meet (SyntaxError, struct.error, OverflowError,
    AssertionError and more), and it all means that the file is broken; hence the broad ``except``.
    Their warnings are about metadata, which is not used here.
    """
    try:
        with _no_warnings:
            yield
    except ImageReadError:
        raise
    except MemoryError:
        raise ImageReadError(
            f"{name}: decoding this {format_name} file needs more memory than there is"
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageReadError(f"{name}: too large for its decoder ({error})") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageReadError(
            f"{name}: this {format_name} file is damaged, cut short, or of an unsupported kind "
            f"({reason}); fetch it again, or open it in an image editor and save it as PNG"
        ) from None


class _NoWarnings:
    """Ignores warnings while any thread is inside.

    Python's ``catch_warnings`` restores what it found on entering. Of two threads that overlap, the
    second finds what the first has set, and so warnings would stay ignored for good.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


_no_warnings = _NoWarnings()


def _open(name: str, format_name: str, content: bytes, limit: int) -> Image.Image:
    """Open an image without decoding its pixels, refusing what already costs much to open."""
    if format_name == "PNM":
        return _open_pnm(name, content, limit)
    if format_name == "JPEG":
        _check_jpeg_segments(name, content)
    if format_name == "TIFF":
        _check_tiff_tags(name, content)
    if format_name == "WebP" and (size := _webp_size(content)):
        _check_size(name, *size, limit // 2)
    return _PLUGINS[format_name](BytesIO(content))


def _check_jpeg_segments(name: str, content: bytes) -> None:
    """Refuse a JPEG file of very many scans or segments, which take time out of proportion."""
    counts = {"scans": 0, "EXIF blocks": 0, "segments": 0}
    place = 2
    while (marker := _JPEG_MARKER.search(content, place)) and marker[1] != b"\xd9":  # end of image
        place = marker.end()
        counts["segments"] += 1
        counts["scans"] += marker[1] == b"\xda"
        counts["EXIF blocks"] += marker[1] == b"\xe1" and content.startswith(b"Exif", place + 2)
        for kind, most in MAX_JPEG_SEGMENTS.items():
            if counts[kind] > most:
                raise ImageReadError(f"{name}: this JPEG file has more than {most} {kind}")
        if marker[1] != b"\xd8":  # start of image: the only one without a length
            place += int.from_bytes(content[place : place + 2], "big")


def _check_tiff_tags(name: str, content: bytes, place: int | None = None) -> None:
    """Refuse a TIFF directory with very many numbers in its tags, such as places of strips.

    Pillow makes Python objects of them, which take some forty times the room they have in the file.
    The directory begins at `place`; the first one where the header says.
    """
    order = "<" if content.startswith(b"II") else ">"
    if 43 in content[2:4]:  # BigTIFF: counts and places have 64 bits, and a header comes between
        length, entry, pointer, pointer_place = "Q", "HHQ8x", "Q", 8
    else:
        length, entry, pointer, pointer_place = "H", "HHI4x", "I", 4
    if place is None:
        (place,) = struct.unpack_from(order + pointer, content, pointer_place)
    (entries,) = struct.unpack_from(order + length, content, place)
    numbers = 0
    for index in range(min(entries, 2**16)):  # tags are 16-bit numbers
        start = place + struct.calcsize(order + length) + index * struct.calcsize(order + entry)
        _, kind, count = struct.unpack_from(order + entry, content, start)
        size = _TIFF_NUMBER_BYTES.get(kind, 0)
        if 0 < count * size <= len(content):  # Pillow does not read what cannot be there
            numbers += count
    if numbers > MAX_TAG_NUMBERS:
        raise ImageReadError(
            f"{name}: this TIFF file holds {numbers} numbers in its tags, "
            f"more than the {MAX_TAG_NUMBERS} allowed; save it in fewer strips"
        )


def _webp_size(content: bytes) -> tuple[int, int] | None:
    """Return the size in a WebP header: its decoder sets memory aside as soon as it is opened."""
    kind, header = content[12:16], content[20:30]
    if len(header) < 10:
        return None
    if kind == b"VP8X":  # flags (4 bytes), width - 1, height - 1 (3 bytes each)
        return (
            int.from_bytes(header[4:7], "little") + 1,
            int.from_bytes(header[7:10], "little") + 1,
        )
    if kind == b"VP8L":  # signature (1 byte), width - 1, height - 1 (14 bits each)
        bits = int.from_bytes(header[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":  # frame tag and start code (6 bytes), width, height (14 bits of 2 bytes)
        return (
            int.from_bytes(header[6:8], "little") & 0x3FFF,
            int.from_bytes(header[8:10], "little") & 0x3FFF,
        )
    return None


def _check_size(name: str, width: int, height: int, limit: int) -> None:
    if width < 1 or height < 1:
        raise ImageReadError(f"{name}: the image is empty, {width} x {height} pixels")
    if max(width, height) > MAX_SIDE:
        raise ImageReadError(
            f"{name}: the image is {width} x {height} pixels; "
            f"no side may be longer than {MAX_SIDE}, cut it into pieces"
        )
    if width * height > limit:
        raise ImageReadError(
            f"{name}: the image is {width} x {height} pixels, more than the {limit} allowed; "
            "reduce it, or raise max_pixels if you trust the file"
        )


def _check_tiles(name: str, image: Any, limit: int) -> None:
    """Refuse a TIFF file with tiles so large that one of them would not fit the limit."""
    width, length = (image.tag_v2.get(tag, 1) for tag in (_TILE_WIDTH, _TILE_LENGTH))
    if width * length > limit:
        raise ImageReadError(f"{name}: this TIFF file has tiles of {width} x {length} pixels")


def _to_array(name: str, image: Image.Image, mode: str, orientation: int) -> NDArray[np.uint8]:
    """Convert a loaded image to an array, turned from how EXIF says that it is stored."""
    if image.mode not in _GRAY_MODES + _COLOUR_MODES:
        raise ImageReadError(
            f"{name}: the colour mode {image.mode} is not supported; save it as gray or RGB"
        )
    gray = mode == "gray" or (mode == "keep" and image.mode in _GRAY_MODES)
    width, height = image.size if orientation < 5 else image.size[::-1]
    shown = np.empty((height, width) if gray else (height, width, 3), np.uint8)
    stored = _STORED_VIEW[orientation](shown)
    scale = _gray_scale(image)
    rows = max(BAND_PIXELS // image.width, 1)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        band = _band_pixels(image.crop((0, top, image.width, bottom)), scale)
        if gray:
            stored[top:bottom] = to_gray(band)
        else:
            stored[top:bottom] = band if band.ndim == 3 else band[:, :, None]
    return shown


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8, or 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # broken metadata does not make the picture worse
        return 1
    return value if isinstance(value, int) and value in _STORED_VIEW else 1


def _gray_scale(image: Any) -> tuple[float, float] | None:
    """Return which values mean black and white in an image of more than 8 bits a pixel."""
    if image.mode.startswith("I;16"):
        bits = image.tag_v2.get(_BITS_PER_SAMPLE, (16,))[0] if hasattr(image, "tag_v2") else 16
        black, white = 0.0, float(2**bits - 1)
    elif image.mode in ("I", "F"):
        low, high = (float(value) for value in image.getextrema())
        white = next((white for white in (1.0, 255.0, 65535.0) if high <= white), high)
        black, white = (0.0, white) if low >= 0 else (low, max(high, low + 1))
    else:
        return None
    white_is_zero = hasattr(image, "tag_v2") and image.tag_v2.get(_PHOTOMETRIC) == 0
    return (white, black) if white_is_zero else (black, white)


def _band_pixels(band: Image.Image, scale: tuple[float, float] | None) -> NDArray[np.uint8]:
    """Convert some rows to uint8, ``(H, W)`` if their mode is gray and ``(H, W, 3)`` if not."""
    if scale is not None:
        return _scaled(np.asarray(band), *scale, band.info.get("transparency"))
    gray = band.mode in _GRAY_MODES
    if band.has_transparency_data:
        if band.mode in ("La", "RGBa"):  # colours multiplied by their alpha
            band = band.convert(band.mode.replace("a", "A"))
        over_white = _over_white(np.asarray(band.convert("RGBA")))
        return over_white[:, :, 0] if gray else over_white
    return np.asarray(band.convert("L" if gray else "RGB"))


def _scaled(
    values: NDArray[Any], black: float, white: float, transparent: Any
) -> NDArray[np.uint8]:
    """Map [black, white] to [0, 255], and the value that stands for transparency to white."""
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not finite")
    levels = np.clip((values.astype(np.float64) - black) / (white - black), 0, 1) * 255
    if isinstance(transparent, int):
        levels[values == transparent] = 255
    return np.round(levels).astype(np.uint8)


def _over_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    colour, alpha = rgba[:, :, :3].astype(np.uint16), rgba[:, :, 3:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


# --- PNM -----------------------------------------------------------------------------------------
#
# Pillow reads these too, but most kinds of them sample by sample in Python: seconds to a megabyte.

_PNM_NUMBER = re.compile(rb"(?:\s|#[^\n]*\n)*(\d{1,9})")  # after white space and comments
_PNM_KINDS = {1: "bits", 2: "gray", 3: "rgb", 4: "bits", 5: "gray", 6: "rgb"}  # 1 to 3 as text


def _open_pnm(name: str, content: bytes, limit: int) -> Image.Image:
    """Decode a PNM file: "P" and its kind; width, height, and but for bits the maximum; samples."""
    kind = int(content[1:2])
    holds, as_text = _PNM_KINDS[kind], kind <= 3
    numbers: list[int] = []
    place = 2
    for _ in range(2 if holds == "bits" else 3):
        match = _PNM_NUMBER.match(content, place)
        if match is None:
            raise ValueError("its header is incomplete")
        numbers.append(int(match[1]))
        place = match.end()
    width, height, maximum = numbers if holds != "bits" else (*numbers, 1)
    _check_size(name, width, height, limit)
    if not 1 <= maximum <= 65535:
        raise ValueError(f"its maximum is {maximum}, not 1 to 65535")

    shape = (height, width, 3) if holds == "rgb" else (height, width)
    if as_text:
        samples = _pnm_text_samples(name, content[place:], holds, math.prod(shape)).reshape(shape)
    elif holds == "bits":
        row_bytes = -(-width // 8)
        packed = np.frombuffer(content, np.uint8, height * row_bytes, place + 1)
        samples = np.unpackbits(packed.reshape(height, row_bytes), axis=1, count=width)
    else:
        dtype = np.dtype(">u2" if maximum > 255 else "u1")
        samples = np.frombuffer(content, dtype, math.prod(shape), place + 1).reshape(shape)
    if holds == "bits":
        samples = 1 - samples  # a set bit is black
    return Image.fromarray(_pnm_levels(samples, maximum))


def _pnm_text_samples(name: str, text: bytes, holds: str, count: int) -> NDArray[Any]:
    """Return the first `count` samples of a PNM file that writes them as decimal numbers."""
    if count > MAX_TEXT_SAMPLES:
        raise ImageReadError(
            f"{name}: this PNM file writes {count} samples as text, more than the "
            f"{MAX_TEXT_SAMPLES} allowed; save it in binary form or as PNG"
        )
    text = re.sub(rb"#[^\n]*", b" ", text)
    if holds == "bits":  # nothing need stand between bits
        samples = np.frombuffer(text.translate(None, b" \t\r\n\v\f"), np.uint8, count) - ord("0")
    else:
        samples = np.array([int(number) for number in text.split(None, count)[:count]])
    highest = 1 if holds == "bits" else 65535
    if samples.size < count or samples.min() < 0 or samples.max() > highest:
        raise ValueError(f"there are not {count} samples between 0 and {highest}")
    return samples


def _pnm_levels(samples: NDArray[Any], maximum: int) -> NDArray[np.uint8]:
    """Scale samples from [0, maximum] to [0, 255], band by band; greater ones are white."""
    if maximum == 255 and samples.dtype == np.uint8:
        return samples
    level_of = np.round(np.minimum(np.arange(65536) * 255 / maximum, 255)).astype(np.uint8)
    levels = np.empty(samples.shape, np.uint8)
    rows = max(BAND_PIXELS // samples.shape[1], 1)
    for top in range(0, len(samples), rows):
        levels[top : top + rows] = level_of[samples[top : top + rows]]
    return levels

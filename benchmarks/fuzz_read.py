"""Feed 2,000 broken and odd image files to `ocrlearn.image.read`, and see what comes out.

    python benchmarks/fuzz_read.py [--count 2000] [--seed 0] [--keep FOLDER]

Every file must come out as a valid image or as an ImageReadError with a clear message: no other
exception, no crash of the process, no warning, nothing that takes longer than the time limit, no
more than 1 GiB of memory; and a file cut short must never come out as half an image. The files are
made here, with a fixed seed, from small valid files of every format: cut, bent, spliced, and built
by hand to declare what is not there. They are read one after another in a child process, which
measures itself, runs with all warnings turned into errors and cannot allocate more than the bar.

Prints a table, names every file that failed, and exits with status 1 if any did.
"""

import argparse
import hashlib
import io
import itertools
import json
import random
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ocrlearn.image.read import ImageReadError, read

SECONDS = 10.0
"""A file that takes longer is counted as a hang."""

MEBIBYTES = 1024
"""Greatest memory that reading one file may take."""


@dataclass(frozen=True)
class Case:
    """A file: what was done to it, a name, its bytes, and the whole file if it was only cut."""

    kind: str
    name: str
    content: bytes
    whole: bytes | None = None


# --- Valid files ---------------------------------------------------------------------------------


def valid_files() -> dict[str, bytes]:
    """Return small valid files, of every format and most of their modes, by name."""
    y, x = np.mgrid[:37, :53]
    gray = ((x * 7 + y * 3) % 256).astype(np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, gray.shape, np.uint8)
    rgb = np.dstack([gray, noise, 255 - gray])
    light, colour = Image.fromarray(gray), Image.fromarray(rgb)
    alpha = Image.fromarray(np.dstack([rgb, noise]))
    light_alpha = Image.merge("LA", [light, light.rotate(180)])
    bits, palette = light.convert("1"), colour.quantize(31)
    deep = Image.fromarray(gray.astype(np.uint16) * 257)
    inks = colour.convert("CMYK")
    floats = Image.fromarray(gray.astype(np.float32) / 255)
    exif = Image.Exif()
    exif[274] = 6
    plan: list[tuple[str, Image.Image, str, dict[str, object]]] = [
        ("gray.png", light, "PNG", {}),
        ("rgb.png", colour, "PNG", {"exif": exif}),
        ("rgba.png", alpha, "PNG", {}),
        ("gray-alpha.png", light_alpha, "PNG", {}),
        ("bits.png", bits, "PNG", {}),
        ("palette.png", palette, "PNG", {"transparency": bytes(range(31))}),
        ("deep.png", deep, "PNG", {}),
        ("key.png", colour, "PNG", {"transparency": (0, 0, 255), "icc_profile": bytes(300)}),
        ("moving.png", colour, "PNG", {"save_all": True, "append_images": [colour.rotate(90)]}),
        ("gray.jpg", light, "JPEG", {}),
        ("rgb.jpg", colour, "JPEG", {"exif": exif}),
        ("progressive.jpg", colour, "JPEG", {"progressive": True, "subsampling": 0}),
        ("cmyk.jpg", inks, "JPEG", {}),
        ("restart.jpg", colour, "JPEG", {"restart_marker_rows": 1, "comment": b"hello"}),
        ("rgb.gif", palette, "GIF", {}),
        ("key.gif", palette, "GIF", {"transparency": 3, "interlace": 1}),
        ("moving.gif", palette, "GIF", {"save_all": True, "append_images": [light, bits]}),
        ("gray.bmp", light, "BMP", {}),
        ("rgb.bmp", colour, "BMP", {}),
        ("palette.bmp", palette, "BMP", {}),
        ("bits.bmp", bits, "BMP", {}),
        ("lossy.webp", colour, "WEBP", {"exif": exif}),
        ("lossless.webp", alpha, "WEBP", {"lossless": True}),
        ("moving.webp", colour, "WEBP", {"save_all": True, "append_images": [colour.rotate(90)]}),
        ("bits.pbm", bits, "PPM", {}),
        ("gray.pgm", light, "PPM", {}),
        ("deep.pgm", deep, "PPM", {}),
        ("rgb.ppm", colour, "PPM", {}),
        ("raw.tif", colour, "TIFF", {"tiffinfo": {274: 6}}),
        ("lzw.tif", colour, "TIFF", {"compression": "tiff_lzw"}),
        ("deflate.tif", alpha, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("jpeg.tif", colour, "TIFF", {"compression": "jpeg"}),
        ("fax.tif", bits, "TIFF", {"compression": "group4"}),
        ("packbits.tif", palette, "TIFF", {"compression": "packbits"}),
        ("deep.tif", deep, "TIFF", {"compression": "tiff_lzw"}),
        ("float.tif", floats, "TIFF", {}),
        ("cmyk.tif", inks, "TIFF", {"compression": "tiff_lzw"}),
        ("lab.tif", colour.convert("LAB"), "TIFF", {"icc_profile": b""}),
        ("pages.tif", colour, "TIFF", {"save_all": True, "append_images": [light, bits]}),
        ("big.tif", colour, "TIFF", {"big_tiff": True, "compression": "tiff_lzw"}),
    ]
    files = {}
    for name, image, file_format, options in plan:
        file = io.BytesIO()
        image.save(file, file_format, **options)
        files[name] = file.getvalue()
    numbers = b" ".join(b"%d" % value for value in gray.ravel())
    files["text.pgm"] = b"P2\n# by hand\n53 37\n255\n" + numbers
    files["text.pbm"] = b"P1 53 37 " + b"".join(b"%d" % (value & 1) for value in gray.ravel())
    return files


# --- Files bent at random ------------------------------------------------------------------------


def cut(content: bytes, chance: random.Random) -> bytes:
    """Keep the beginning: a few bytes, all but a few, or any number."""
    end = chance.choice(
        [
            chance.randrange(1, min(64, len(content))),
            len(content) - chance.randrange(1, min(64, len(content))),
            chance.randrange(1, len(content)),
        ]
    )
    return content[:end]


def flip_bits(content: bytes, chance: random.Random) -> bytes:
    """Flip one to twenty bits, in half of the files only near the beginning."""
    bent = bytearray(content)
    reach = chance.choice([len(bent), min(len(bent), 200)])
    for _ in range(chance.choice([1, 2, 5, 20])):
        bent[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    return bytes(bent)


def overwrite(content: bytes, chance: random.Random) -> bytes:
    """Replace a few bytes in a row by zeros, ones, random bytes, or the greatest signed number."""
    length = chance.choice([1, 2, 4, 8, 30])
    start = chance.randrange(max(len(content) - length, 1))
    filling = chance.choice([bytes(length), b"\xff" * length, chance.randbytes(length)])
    if length == 4:
        filling = chance.choice([filling, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"])
    return content[:start] + filling + content[start + length :]


def rearrange(content: bytes, chance: random.Random) -> bytes:
    """Delete, repeat, or insert a stretch of bytes."""
    start, end = sorted(chance.randrange(len(content)) for _ in range(2))
    middle = chance.choice([b"", content[start:end] * 2, chance.randbytes(end - start)])
    return content[:start] + middle + content[end:]


def bend_png_chunk(content: bytes, chance: random.Random) -> bytes:
    """Bend the data of one PNG chunk and mend its checksum, so that the decoder goes on reading."""
    chunks = list(png_chunks(content))
    number = chance.randrange(len(chunks))
    kind, data = chunks[number]
    bend = chance.choice([cut, flip_bits, overwrite])
    chunks[number] = kind, bend(data, chance) if len(data) > 1 else data + b"\0"
    return png(*chunks)


BENDS = {
    "cut short": cut,
    "bits flipped": flip_bits,
    "bytes overwritten": overwrite,
    "bytes rearranged": rearrange,
}


def bent_files(chance: random.Random) -> Iterator[Case]:
    """Yield bent files without end, each kind of bend and each valid file in turn."""
    files = valid_files()
    names = list(files)
    for number in itertools.count():
        for name, content in files.items():
            for kind, bend in BENDS.items():
                # A decimal number that is cut in two is still a number: text cannot tell.
                whole = content if bend is cut and not name.startswith("text") else None
                yield Case(kind, f"{kind} {number} {name}", bend(content, chance), whole)
            if name.endswith(".png"):
                bent = bend_png_chunk(content, chance)
                yield Case("chunk bent", f"chunk bent {number} {name}", bent)
            other = chance.choice(names)
            head = chance.choice([4, 8, 16, 40])
            spliced = files[other][:head] + content[head:]
            yield Case("wrong header", f"header {number} of {other} on {name}", spliced)


# --- Files built by hand -------------------------------------------------------------------------


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks of a PNG file, each as its kind and data."""
    place = 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        place += length + 12


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG file of the given chunks."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in chunks:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        parts += [struct.pack(">I", len(data)), kind, data, checksum]
    return b"".join(parts)


def png_header(
    width: int, height: int, depth: int = 8, colour: int = 0, interlace: int = 0
) -> tuple[bytes, bytes]:
    """Return the IHDR chunk of a PNG file."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)


def tiff(
    tags: dict[int, tuple[int, int, bytes]], data: bytes = bytes(64), following: int = 0
) -> bytes:
    """Return a little-endian TIFF file; tags map to type, count, and four bytes of value."""
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count) + value
        for tag, (kind, count, value) in sorted(tags.items())
    )
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + directory + data


def long(value: int) -> tuple[int, int, bytes]:
    """Return a TIFF value of one 32-bit number."""
    return 4, 1, struct.pack("<I", value)


def gray_tags(width: int, height: int, compression: int = 1) -> dict[int, tuple[int, int, bytes]]:
    """Return the tags of an 8-bit gray TIFF image in one strip at byte 200."""
    numbers = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: 200, 277: 1}
    return {tag: long(value) for tag, value in (numbers | {278: height, 279: 64}).items()}


def gif(width: int, height: int, frame: bytes) -> bytes:
    """Return a GIF file with a palette of two colours."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame + b";"


def gif_frame(left: int, top: int, width: int, height: int, data: bytes) -> bytes:
    """Return one frame of a GIF file."""
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0) + data


def bmp(
    width: int, height: int, bits: int = 24, compression: int = 0, colours: int = 0, size: int = 40
) -> bytes:
    """Return a BMP file with no more than its header and a few pixels."""
    sizes = struct.pack("<IiiHHI", size, width, height, 1, bits, compression)
    return (
        b"BM"
        + struct.pack("<IHHI", 0, 0, 0, 54)
        + sizes
        + struct.pack("<IiiII", 0, 0, 0, colours, 0)
        + bytes(64)
    )


def webp(kind: bytes, header: bytes) -> bytes:
    """Return a WebP file of one chunk."""
    chunk = kind + struct.pack("<I", len(header)) + header
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def jpeg_sized(content: bytes, width: int, height: int) -> bytes:
    """Return a JPEG file with another size in its header."""
    place = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    return content[: place + 5] + struct.pack(">HH", height, width) + content[place + 9 :]


def jpeg_with(content: bytes, marker: int, data: bytes, times: int = 1) -> bytes:
    """Return a JPEG file with one more segment after its beginning, or several alike."""
    segment = struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
    return content[:2] + segment * times + content[2:]


def exif_block(entries: list[tuple[int, int, int, bytes]]) -> bytes:
    """Return EXIF data with the given tags."""
    return b"Exif\0\0" + tiff({tag: (kind, count, v) for tag, kind, count, v in entries})


def built_files(heavy: bool = True) -> Iterator[Case]:
    """Yield files that declare what is not there, or much more than there is.

    Those that make the decoder take its time and its memory can be left out.
    """
    files = valid_files()
    for name, content in files.items():
        yield Case("valid", name, content)
    sizes = [
        (0, 0),
        (0, 5),
        (5, 0),
        (1, 2**31 - 1),
        (2**31 - 1, 1),
        (65535, 65535),
        (100_001, 2),
        (6124, 6124),
        (8661, 8661),
        (2**32 - 1, 2**32 - 1),
    ]
    if heavy:
        sizes.append((8600, 8600))
    for width, height in sizes:
        label = f"{width} x {height}"
        yield from (
            Case("size", f"{label} {name}", content)
            for name, content in sized_files(files, width, height)
        )
    for kind, parts in {
        "png": odd_png_files(files),
        "jpeg": odd_jpeg_files(files),
        "tiff": odd_tiff_files(),
        "gif, bmp, webp": odd_other_files(files),
        "not images": not_images(),
        "bombs": bombs() if heavy else (),
    }.items():
        for number, content in enumerate(parts):
            yield Case(kind, f"{kind} {number}", content)


def sized_files(files: dict[str, bytes], width: int, height: int) -> Iterator[tuple[str, bytes]]:
    """Yield a file of each format that declares the given size."""
    some = zlib.compress(bytes(1000))
    for depth, colour, interlace in [(1, 0, 0), (16, 0, 0), (8, 2, 1), (16, 6, 0)]:
        header = png_header(width, height, depth, colour, interlace)
        yield f"png {depth} {colour}", png(header, (b"IDAT", some), (b"IEND", b""))
    yield "text pgm", b"P2 %d %d 255 1 2 3" % (width, height)
    yield "pbm", b"P4 %d %d " % (width, height) + bytes(100)
    yield "ppm", b"P6 %d %d 255 " % (width, height) + bytes(100)
    for compression in (1, 5, 7, 8, 32773):
        yield f"tiff {compression}", tiff(gray_tags(width, height, compression), bytes(300))
    tiles = gray_tags(5, 5, 8) | {322: long(width), 323: long(height), 324: long(200)}
    yield "tiff tiles", tiff(tiles, some * 20)
    if max(width, height) < 2**31:
        yield "bmp", bmp(width, height)
        yield "bmp flipped", bmp(width, -height, 8)
        yield "bmp run length", bmp(width, height, 8, 1)
    if max(width, height) < 2**16:
        frame = gif_frame(0, 0, width, height, b"\x02\x03\x84\x51\x00\x00")
        yield "gif", gif(width, height, frame)
        yield "gif frame", gif(5, 5, gif_frame(60, 60, width, height, b"\x02\x01\x04\x00"))
        for name in ("gray.jpg", "progressive.jpg", "cmyk.jpg"):
            yield name, jpeg_sized(files[name], width, height)
    if min(width, height) > 0 and max(width, height) <= 2**24:
        canvas = bytes(4) + b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
        yield "webp canvas", webp(b"VP8X", canvas)
        bits = ((width - 1) & 0x3FFF) | ((height - 1) & 0x3FFF) << 14
        yield "webp lossless", webp(b"VP8L", b"\x2f" + struct.pack("<I", bits) + bytes(30))
        corner = struct.pack("<HH", width & 0x3FFF, height & 0x3FFF)
        yield "webp lossy", webp(b"VP8 ", b"\x10\x00\x00\x9d\x01\x2a" + corner + bytes(30))


def odd_png_files(files: dict[str, bytes]) -> Iterator[bytes]:
    """Yield PNG files with odd chunks: huge profiles and texts, bad palettes, wrong orders."""
    header, pixels, end = png_header(8, 8), (b"IDAT", zlib.compress(bytes(72))), (b"IEND", b"")
    packed = zlib.compress(bytes(50_000_000), 1)
    yield png(header, (b"iCCP", b"a\0\0" + packed), pixels, end)
    yield png(header, (b"zTXt", b"a\0\0" + packed), pixels, end)
    yield png(header, (b"iTXt", b"a\0\1\0\0\0" + packed), pixels, end)
    yield png(header, *[(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000), 1))] * 100, pixels, end)
    yield png(header, pixels, (b"zTXt", b"a\0\0" + packed), end)
    yield png(header, *[(b"tEXt", b"key\0value")] * 30_000, pixels, end)
    yield png(header, *[(b"IDAT", b"")] * 30_000, pixels, end)
    yield png(header, *[(b"prVt", bytes(9))] * 30_000, pixels, end)
    yield png(header, pixels, pixels, end)
    yield png(header, end)
    yield png(pixels, header, end)
    yield png(header, header, pixels, end)
    yield png(header, pixels)
    yield png(header, (b"IDAT", zlib.compress(bytes(71))), end)
    yield png(header, (b"IDAT", packed), end)
    yield png(header, (b"IDAT", b"not deflate"), end)
    yield png(header, (b"tRNS", b""), pixels, end)
    yield png(header, (b"tRNS", b"\xff\xff"), pixels, end)
    for depth, colour in itertools.product((0, 1, 3, 4, 16, 32), (0, 1, 2, 3, 4, 6, 7)):
        yield png(png_header(8, 8, depth, colour), pixels, end)
    palette = png_header(8, 8, 8, 3)
    yield png(palette, pixels, end)
    for length in (0, 1, 2, 3, 767, 768, 769, 30_000):
        yield png(palette, (b"PLTE", bytes(length)), pixels, end)
        yield png(palette, (b"PLTE", bytes(6)), (b"tRNS", bytes(length)), pixels, end)
    yield png(palette, (b"PLTE", bytes(6)), (b"IDAT", zlib.compress(b"\0" + b"\xff" * 71)), end)
    yield png(header, (b"acTL", struct.pack(">II", 2**32 - 1, 0)), pixels, end)
    yield png(header, (b"acTL", b""), (b"fcTL", b""), pixels, (b"fdAT", b""), end)
    for data in (b"", b"II", b"II*\0\x08\0\0\0\xff\xff", exif_block([(274, 3, 1, b"\x63\0\0\0")])):
        yield png(header, (b"eXIf", data), pixels, end)
    yield files["rgb.png"] + files["rgb.png"]
    yield files["rgb.png"] + bytes(100_000)


def odd_jpeg_files(files: dict[str, bytes]) -> Iterator[bytes]:
    """Yield JPEG files with odd segments and broken metadata."""
    plain, progressive = files["gray.jpg"], files["progressive.jpg"]
    start, end = b"\xff\xd8", b"\xff\xd9"
    yield from (start, start + end, start + b"\xff" * 5000, start + b"\xff\xe1\xff\xff")
    yield plain[:-2]
    yield plain[:-2] + start + end
    scan = progressive.rfind(b"\xff\xda")
    for repeats in (50, 99, 2000):
        yield progressive[:-2] + progressive[scan:-2] * repeats + end
    for orientation in (0, 5, 9, 65535):
        entry = (274, 3, 1, struct.pack("<HH", orientation, 0))
        yield jpeg_with(plain, 0xE1, exif_block([entry]))
    for kind, count, value in [
        (2, 4, b"six\0"),
        (5, 1, b"\xff\xff\xff\xff"),
        (5, 2**29, bytes(4)),
        (12, 2**31, bytes(4)),
        (3, 0, bytes(4)),
        (99, 1, bytes(4)),
        (4, 2**32 - 1, bytes(4)),
    ]:
        yield jpeg_with(plain, 0xE1, exif_block([(274, kind, count, value)]))
    yield jpeg_with(plain, 0xE1, b"Exif\0\0")
    yield jpeg_with(plain, 0xE1, b"Exif\0\0" + bytes(8))
    yield jpeg_with(plain, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b'tiff:Orientation="6"')
    yield jpeg_with(plain, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<" * 60_000)
    yield jpeg_with(plain, 0xE2, b"ICC_PROFILE\0\xff\xff")
    yield jpeg_with(plain, 0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff")
    yield jpeg_with(plain, 0xED, b"Photoshop 3.0\0" + b"8BIM" * 10_000)
    yield jpeg_with(plain, 0xEE, b"Adobe\0d\0\0\0\0\x07")
    yield jpeg_with(plain, 0xE1, b"Exif\0\0" + bytes(60_000), times=200)
    # Each of the tags that fit into 64 kB points at the whole of the data.
    greedy = [(tag, 7, 60_000, struct.pack("<I", 8)) for tag in range(4900)]
    yield jpeg_with(plain, 0xE1, exif_block(greedy))


def odd_tiff_files() -> Iterator[bytes]:
    """Yield TIFF files with absurd tags, strips, tiles and directories."""
    yield from (b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"II+\0\x08\0\0\0")
    yield b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + b"\xff" * 8
    yield b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63) + b"\xff" * 8
    yield tiff({})
    tags = gray_tags(8, 8)
    yield tiff(tags, bytes(300))
    yield tiff(tags, bytes(300), following=8)
    yield tiff(tags, bytes(300), following=2**32 - 1)
    for tag in (256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 320, 322, 338, 339, 530):
        for value in (0, 2, 9, 65535, 2**32 - 1):
            yield tiff(tags | {tag: long(value)}, bytes(300))
        for kind, count in [(2, 5), (3, 2), (3, 2**31), (5, 1), (7, 0), (12, 1), (13, 9), (0, 1)]:
            yield tiff(tags | {tag: (kind, count, bytes(4))}, bytes(300))
        yield tiff({other: value for other, value in tags.items() if other != tag}, bytes(300))
    for compression in (2, 3, 4, 5, 6, 7, 8, 32773, 32809, 32946, 34676, 34925, 50000, 50001):
        yield tiff(gray_tags(8, 8, compression), bytes(300))
        yield tiff(gray_tags(8, 8, compression), random.Random(compression).randbytes(300))
    greedy = {tag: (7, 60_000, struct.pack("<I", 8)) for tag in range(1000, 61_000)}
    yield tiff(tags | greedy, bytes(300))
    strips = {273: (4, 200_000, struct.pack("<I", 200)), 278: long(1)}
    yield tiff(tags | strips, bytes(1_000_000))
    strips[273] = (4, 2_000_000, struct.pack("<I", 200))
    yield tiff(tags | strips, bytes(8_000_200))
    yield tiff(tags | {282: (5, 2_000_000, struct.pack("<I", 200))}, bytes(16_000_200))
    yield tiff(tags | {277: long(2**31), 258: (3, 2**31, bytes(4))}, bytes(300))
    yield tiff(gray_tags(60_000, 1000, 8) | {278: long(1)}, zlib.compress(bytes(10**6)))


def odd_other_files(files: dict[str, bytes]) -> Iterator[bytes]:
    """Yield odd GIF, BMP, WebP and PNM files."""
    yield gif(8, 8, b"")
    yield gif(8, 8, b"!\xff\x0bNETSCAPE2.0" + b"\x03\x01\0\0" * 30_000)
    yield gif(8, 8, b"!\xfe" + (b"\xff" + bytes(255)) * 5000 + b"\0")
    for code_size in (0, 1, 8, 11, 12, 13, 255):
        data = bytes([code_size]) + b"\x08" + b"\xff" * 8 + b"\0"
        yield gif(8, 8, gif_frame(0, 0, 8, 8, data))
    yield gif(8, 8, gif_frame(0, 0, 0, 0, b"\x02\0"))
    yield gif(8, 8, gif_frame(1, 1, 1, 1, b"\x02\x02\x44\x01\0") * 20_000)
    for bits in (0, 1, 2, 4, 8, 15, 16, 24, 32, 64):
        for compression in range(7):
            yield bmp(8, 8, bits, compression)
    for colours in (1, 3, 256, 257, 65536, 2**31):
        yield bmp(8, 8, 8, 0, colours)
    for size in (0, 4, 12, 16, 52, 64, 108, 124, 2**31):
        yield bmp(8, 8, size=size)
    yield bmp(30_000, 2000, 8, 1)[:54] + bytes(1024) + b"\0\x02\xff\xff" * 5000
    yield webp(b"VP8X", bytes(10)) + files["lossy.webp"]
    yield webp(b"VP8L", b"\x2f" + b"\xff" * 40)
    yield webp(b"ICCP", bytes(100))
    yield from (b"P1", b"P5\n", b"P5 # no end", b"P6 8 8", b"P6 8 8 0 " + bytes(192))
    yield from (b"P6 8 8 65536 " + bytes(400), b"P3 2 2 255 1 2 x", b"P2 2 2 9 1 2 3 -4")
    yield from (b"P1 2 2 1 0 2 0", b"P2 2 2 9 " + b"9" * 9000, b"P5 08 8 0255 " + bytes(64))
    yield from (b"P2 2 2 9" + b" " * 10**6, b"P2#" + b"#" * 10**6, b"P4 1 1 1")


def not_images() -> Iterator[bytes]:
    """Yield what is not an image at all, whatever it is called."""
    yield from (b"", b"\0", b"\n", b"\x89", b"\xff\xd8", b"BM", b"RIFF", b"GIF89a", b"II*", b"P5")
    yield from (b"Dear Sir or Madam,\n" * 100, "καλημέρα".encode(), "text".encode("utf-16"))
    yield from (b"%PDF-1.7\n", b"<?xml version='1.0'?><svg/>", b"<!doctype html><html>", b"8BPS\0")
    yield from (b"PK\x03\x04" + bytes(30), b"\x1f\x8b" + bytes(30), b"\0\0\0\x18ftypheic")
    yield from (b"\0\0\0\x1cftypavif", b"\0\0\0\x0cjP  \r\n", b"\x7fELF" + bytes(99), bytes(10**6))
    yield from (random.Random(size).randbytes(size) for size in (1, 9, 100, 10_000, 1_000_000))


def bombs() -> Iterator[bytes]:
    """Yield small files of as many pixels as are allowed, and one of a giant tile."""
    rows = zlib.compress(bytes((8660 * 3 + 1) * 8660), 1)
    yield png(png_header(8660, 8660, 8, 2), (b"IDAT", rows), (b"IEND", b""))
    plan: list[tuple[tuple[int, int], str, str, dict[str, object]]] = [
        ((6123, 6123), "RGB", "WEBP", {"lossless": True, "quality": 0, "method": 0}),
        ((8660, 8660), "CMYK", "JPEG", {"progressive": True}),
        ((8660, 8660), "P", "GIF", {"transparency": 0}),
        ((8660, 8660), "RGB", "TIFF", {"compression": "tiff_lzw", "tiffinfo": {274: 6}}),
    ]
    for size, mode, file_format, options in plan:
        file = io.BytesIO()
        Image.new(mode, size).save(file, file_format, **options)
        yield file.getvalue()
    tiles = gray_tags(16, 16, 8) | {322: long(60_000), 323: long(60_000), 324: long(300)}
    yield tiff(tiles, zlib.compress(bytes(10**8), 1))


def cases(count: int, seed: int = 0, heavy: bool = True) -> list[Case]:
    """Return `count` files: the valid ones, those built by hand, and the rest bent at random."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = list(built_files(heavy))
        chance = random.Random(seed)
        if count < len(built):
            return chance.sample(built, count)
        return built + list(itertools.islice(bent_files(chance), count - len(built)))


# --- Reading them --------------------------------------------------------------------------------


def worker() -> None:
    """Read files from standard input, each after its length, and report on each in one line."""
    limit_memory()
    warnings.simplefilter("error")
    while head := sys.stdin.buffer.read(8):
        content = sys.stdin.buffer.read(int.from_bytes(head, "big"))
        reset_peak_memory()
        began, memory = time.perf_counter(), peak_memory()
        report = examine(content)
        report["seconds"] = time.perf_counter() - began
        report["mebibytes"] = max(peak_memory() - memory, 0.0)
        print(json.dumps(report), flush=True)


def examine(content: bytes) -> dict[str, object]:
    """Read one file and say what came out."""
    try:
        pixels = read(content)
    except ImageReadError as error:
        message = str(error)
        if "more memory" in message:
            return {"outcome": "out of memory", "detail": message}
        clear = message.startswith("<bytes>: ") and message.isprintable() and len(message) < 500
        return {"outcome": "refused" if clear else "unclear message", "detail": message}
    except BaseException as error:
        return {"outcome": "escaped", "detail": f"{type(error).__name__}: {error}"}
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        return {"outcome": "not an image", "detail": f"{pixels.dtype} {pixels.shape}"}
    return {"outcome": "image", "detail": hashlib.sha256(pixels.data).hexdigest()}


def limit_memory() -> None:
    """Make allocations of more than the bar fail, where the operating system can."""
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEBIBYTES * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def reset_peak_memory() -> None:
    """Start counting the peak anew, where the operating system can."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> float:
    """Return the greatest memory this process has held, in MiB."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    if sys.platform == "win32":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


class Reader:
    """A child process that reads files; one that hangs or dies is replaced."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def read(self, content: bytes) -> dict[str, object]:
        """Return the child's report on one file."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__, "--worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # libtiff writes its complaints there
            )
            self.read(b"")  # wait until it has started
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(SECONDS if content else 60, give_up)
        timer.start()
        try:
            process.stdin.write(len(content).to_bytes(8, "big") + content)
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        timer.cancel()
        if line:
            report: dict[str, object] = json.loads(line)
            return report
        status = process.wait()
        self._process = None
        outcome = "hang" if late.is_set() else "crash"
        return {
            "outcome": outcome,
            "detail": f"status {status}",
            "seconds": SECONDS,
            "mebibytes": 0,
        }


def run(files: list[Case]) -> list[tuple[Case, dict[str, object]]]:
    """Read all files and return the report on each; "half an image" is found here."""
    digests: dict[bytes, object] = {}
    reports = []
    with Reader() as reader:
        for case in files:
            report = reader.read(case.content)
            if case.whole is not None and report["outcome"] == "image":
                if case.whole not in digests:
                    digests[case.whole] = reader.read(case.whole)["detail"]
                if report["detail"] != digests[case.whole]:
                    report["outcome"] = "half an image"
            if report["outcome"] == "refused" and case.kind == "valid" and "LAB" not in str(report):
                report["outcome"] = "valid file refused"
            if float(str(report["mebibytes"])) > MEBIBYTES:
                report["outcome"] = "too much memory"
            reports.append((case, report))
    return reports


def failures(reports: list[tuple[Case, dict[str, object]]]) -> list[str]:
    """Return one line for each file that neither became an image nor was refused clearly."""
    return [
        f"{case.name}: {report['outcome']} ({report['detail']})"
        for case, report in reports
        if report["outcome"] not in ("image", "refused")
    ]


def table(reports: list[tuple[Case, dict[str, object]]]) -> str:
    """Return a summary by kind of file."""
    lines = [
        f"{'kind':20}{'files':>7}{'image':>7}{'refused':>9}{'failed':>8}{'s max':>8}{'MiB max':>9}"
    ]
    kinds = dict.fromkeys(case.kind for case, _ in reports)
    for kind in [*kinds, "all"]:
        chosen = [report for case, report in reports if kind in (case.kind, "all")]
        outcomes = Counter(str(report["outcome"]) for report in chosen)
        failed = len(chosen) - outcomes["image"] - outcomes["refused"]
        seconds = max(float(str(report["seconds"])) for report in chosen)
        memory = max(float(str(report["mebibytes"])) for report in chosen)
        lines.append(
            f"{kind:20}{len(chosen):7}{outcomes['image']:7}{outcomes['refused']:9}{failed:8}"
            f"{seconds:8.2f}{memory:9.0f}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="number of files (2000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random bends (0)")
    parser.add_argument("--keep", type=Path, help="write the files that failed into this folder")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker()
        return 0
    began = time.perf_counter()
    files = cases(options.count, options.seed)
    made = time.perf_counter()
    reports = run(files)
    print(table(reports))
    print(f"made in {made - began:.1f} s, read in {time.perf_counter() - made:.1f} s")
    failed = failures(reports)
    print("\n".join(failed) or "every file became an image or was refused with a clear message")
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        for number, (case, report) in enumerate(reports):
            if report["outcome"] not in ("image", "refused"):
                (options.keep / f"{number}-{case.kind}").write_bytes(case.content)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

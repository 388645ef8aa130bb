"""Reading images: what every kind of file becomes, and what each fault is called."""

import io
import os
import pickle
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import ocrlearn.image
from ocrlearn.image.convert import to_gray, to_uint8
from ocrlearn.image.read import MAX_PIXELS, ImageReadError, read, read_pages, write

GRAY = ((np.arange(11)[:, None] * 17 + np.arange(7) * 5) % 256).astype(np.uint8)
RGB = np.dstack([GRAY, 255 - GRAY, GRAY[::-1]])
NOISE = np.random.default_rng(4).integers(0, 256, (23, 31, 4), np.uint8)


def encode(image, file_format="PNG", **options):
    """Return a file's bytes; `image` is an array or a Pillow image."""
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(file, file_format, **options)
    return file.getvalue()


def png(*chunks):
    file = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        checksum = zlib.crc32(kind + data)
        file += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
    return file


def tiff(tags, data):
    """A little-endian TIFF file whose strip of data begins at byte 200."""
    tags = {273: 200, 277: 1, 279: len(data), **tags}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return head.ljust(200, b"\0") + data


# Formats and modes


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_formats_keep_every_value(file_format):
    np.testing.assert_array_equal(read(encode(RGB, file_format)), RGB)
    gray = encode(GRAY, file_format)
    np.testing.assert_array_equal(read(gray), np.dstack([GRAY] * 3))
    np.testing.assert_array_equal(read(gray, mode="gray"), GRAY)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
def test_compressed_tiff(compression):
    np.testing.assert_array_equal(read(encode(RGB, "TIFF", compression=compression)), RGB)


def test_lossless_webp_and_gif():
    np.testing.assert_array_equal(read(encode(RGB, "WEBP", lossless=True)), RGB)
    few = Image.fromarray(RGB).quantize(8)
    np.testing.assert_array_equal(read(encode(few, "GIF")), np.asarray(few.convert("RGB")))


def test_jpeg_agrees_with_opencv():
    smooth = cv2.GaussianBlur(NOISE[:, :, :3], (0, 0), 3)
    for options in ({}, {"progressive": True}, {"subsampling": 0}):
        content = encode(smooth, "JPEG", **options)
        theirs = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        # Both decoders are libjpeg-turbo; a level or two of difference is its version.
        np.testing.assert_allclose(read(content).astype(int), theirs, atol=2)


def test_modes():
    colour, gray = encode(RGB), encode(GRAY)
    np.testing.assert_array_equal(read(colour, mode="gray"), to_gray(RGB))
    np.testing.assert_array_equal(read(colour, mode="keep"), RGB)
    np.testing.assert_array_equal(read(gray, mode="keep"), GRAY)
    assert read(encode(Image.fromarray(RGB).quantize(4)), mode="keep").shape == RGB.shape
    with pytest.raises(ValueError, match="mode must be one of 'rgb', 'gray', 'keep', got 'bgr'"):
        read(gray, mode="bgr")


def test_the_content_decides_and_not_the_name(tmp_path):
    path = tmp_path / "page.jpg"
    path.write_bytes(encode(RGB, "PNG"))
    np.testing.assert_array_equal(read(path), RGB)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_orientation(orientation, file_format):
    exif = Image.Exif()
    exif[274] = orientation
    lossless = {"lossless": True} if file_format == "WEBP" else {}
    content = encode(RGB, file_format, exif=exif, **lossless)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    for mode, expected in [("rgb", np.asarray(shown)), ("gray", to_gray(np.asarray(shown)))]:
        pixels = read(content, mode=mode)
        np.testing.assert_array_equal(pixels, expected)
        assert pixels.flags.c_contiguous


def test_orientation_by_hand():
    # 6 means that the top row of the stored image is the right-hand column of the picture.
    stored = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
    exif = Image.Exif()
    exif[274] = 6
    shown = read(encode(stored, exif=exif), mode="gray")
    np.testing.assert_array_equal(shown, [[40, 10], [50, 20], [60, 30]])
    np.testing.assert_array_equal(
        read(encode(stored, exif=exif), mode="gray", upright=False), stored
    )


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_impossible_orientation_is_upright(value):
    exif = Image.Exif()
    exif[274] = value
    np.testing.assert_array_equal(read(encode(RGB, exif=exif)), RGB)


def test_bands_of_rows_join(monkeypatch):
    module = sys.modules["ocrlearn.image.read"]
    exif = Image.Exif()
    exif[274] = 8
    content = encode(RGB, exif=exif)
    whole = read(content)
    monkeypatch.setattr(module, "BAND_PIXELS", 3 * RGB.shape[1])  # 11 rows: 3, 3, 3 and 2
    np.testing.assert_array_equal(read(content), whole)


# Transparency, palettes, depths, inks


def test_alpha_is_laid_over_white():
    pixels = np.array([[[0, 100, 200, 0], [0, 100, 200, 51], [0, 100, 200, 255]]], np.uint8)
    # A fifth of the colour and four fifths of white: (0 + 1020) / 5, (100 + 1020) / 5, ...
    expected = [[[255, 255, 255], [204, 224, 244], [0, 100, 200]]]
    for file_format in ("PNG", "TIFF"):
        np.testing.assert_array_equal(read(encode(pixels, file_format)), expected)
    np.testing.assert_array_equal(read(encode(pixels, "WEBP", lossless=True, exact=True)), expected)


def test_gray_with_alpha():
    gray, alpha = Image.fromarray(GRAY), Image.new("L", GRAY.shape[::-1], 51)
    content = encode(Image.merge("LA", [gray, alpha]))
    expected = np.round((GRAY.astype(float) + 4 * 255) / 5)
    for mode in ("gray", "keep"):
        np.testing.assert_array_equal(read(content, mode=mode), expected)
    np.testing.assert_array_equal(read(content), np.dstack([expected] * 3))


def test_alpha_compositing_rounds_to_nearest():
    pixels = read(encode(NOISE))
    colour, alpha = NOISE[:, :, :3].astype(float), NOISE[:, :, 3:] / 255
    np.testing.assert_array_equal(pixels, np.round(colour * alpha + 255 * (1 - alpha)))


def test_palette_with_transparent_entries():
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([10, 20, 30, 0, 0, 0, 200, 100, 0])
    np.testing.assert_array_equal(read(encode(image)), [[[10, 20, 30], [0, 0, 0], [200, 100, 0]]])
    halves = encode(image, transparency=bytes([255, 0, 51]))
    expected = [[[10, 20, 30], [255, 255, 255], [244, 224, 204]]]
    np.testing.assert_array_equal(read(halves), expected)
    np.testing.assert_array_equal(
        read(encode(image, "GIF", transparency=1))[0, :2], [[10, 20, 30], [255, 255, 255]]
    )


def test_transparent_colour():
    header = struct.pack(">IIBBBBB", 3, 1, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes([0, 9, 50, 9]))
    gray = png((b"IHDR", header), (b"tRNS", b"\0\x09"), (b"IDAT", data), (b"IEND", b""))
    np.testing.assert_array_equal(read(gray, mode="keep"), [[255, 50, 255]])


def test_transparent_bit():
    header = struct.pack(">IIBBBBB", 3, 1, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes([0, 0b10100000]))
    for key, expected in [(0, [255, 255, 255]), (1, [255, 0, 255])]:
        chunks = (b"tRNS", bytes([0, key])), (b"IDAT", data), (b"IEND", b"")
        pixels = read(png((b"IHDR", header), *chunks), mode="keep")
        np.testing.assert_array_equal(pixels, [expected])


def test_transparent_value_of_16_bits():
    header = struct.pack(">IIBBBBB", 3, 1, 16, 0, 0, 0, 0)
    data = zlib.compress(b"\0" + struct.pack(">HHH", 257, 258, 514))
    gray = png((b"IHDR", header), (b"tRNS", b"\x01\x02"), (b"IDAT", data), (b"IEND", b""))
    np.testing.assert_array_equal(read(gray, mode="keep"), [[1, 255, 2]])


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit(file_format):
    bits = GRAY > 100
    pixels = read(encode(Image.fromarray(bits), file_format), mode="gray")
    np.testing.assert_array_equal(pixels, bits * 255)


def test_fax():
    bits = np.kron(GRAY > 100, np.ones((3, 9))).astype(bool)
    content = encode(Image.fromarray(bits), "TIFF", compression="group4")
    np.testing.assert_array_equal(read(content, mode="gray"), bits * 255)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_from_their_whole_range(file_format):
    deep = np.arange(0, 65536, 13, dtype=np.uint16)[:5000].reshape(50, 100)
    pixels = read(encode(deep, file_format), mode="keep")
    np.testing.assert_array_equal(pixels, to_uint8(deep))
    dark = read(encode(deep // 300, file_format), mode="keep")  # the range is not the image's own
    np.testing.assert_array_equal(dark, to_uint8(deep // 300))


def test_sixteen_bits_in_either_byte_order():
    values = np.array([[0, 256, 65535]], np.uint16)
    little = tiff({256: 3, 257: 1, 258: 16, 262: 1}, values.astype("<u2").tobytes())
    np.testing.assert_array_equal(read(little, mode="keep"), [[0, 1, 255]])
    entries = {256: 3, 257: 1, 258: 16, 259: 1, 262: 1, 273: 200, 277: 1, 279: 6}
    big = b"MM\0*" + struct.pack(">IH", 8, len(entries))
    big += b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in entries.items())
    big = big.ljust(200, b"\0") + values.astype(">u2").tobytes()
    np.testing.assert_array_equal(read(big, mode="keep"), [[0, 1, 255]])


def test_white_is_zero():
    values = np.array([[0, 256, 65535]], "<u2").tobytes()
    inverted = tiff({256: 3, 257: 1, 258: 16, 262: 0}, values)
    np.testing.assert_array_equal(read(inverted, mode="keep"), [[255, 254, 0]])
    inverted = tiff({256: 3, 257: 1, 258: 8, 262: 0}, bytes([0, 1, 255]))
    np.testing.assert_array_equal(read(inverted, mode="keep"), [[255, 254, 0]])


def test_twelve_bits():
    packed = bytes([0x00, 0x07, 0xFF, 0xFF, 0xF0, 0x10])  # 000 7ff fff 010
    content = tiff({256: 4, 257: 1, 258: 12, 262: 1}, packed)
    np.testing.assert_array_equal(read(content, mode="keep"), [[0, 127, 255, 1]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.0, 0.5, 1.0]], [[0, 128, 255]]),
        ([[0.0, 0.0, 0.25]], [[0, 0, 64]]),  # within [0, 1]: not stretched
        ([[0.0, 51.0, 255.0]], [[0, 51, 255]]),
        ([[0.0, 257.0, 65535.0]], [[0, 1, 255]]),
        ([[0.0, 50_000.0, 100_000.0]], [[0, 128, 255]]),
        ([[-1.0, 0.0, 1.0]], [[0, 128, 255]]),
        ([[0.0, 0.0, 0.0]], [[0, 0, 0]]),
        ([[-3.0, -3.0, -3.0]], [[0, 0, 0]]),
    ],
)
def test_numbers_without_a_declared_range(values, expected):
    content = encode(np.array(values, np.float32), "TIFF")
    np.testing.assert_array_equal(read(content, mode="keep"), expected)
    if np.array_equal(values, np.round(values)):
        content = encode(np.array(values, np.int32), "TIFF")
        np.testing.assert_array_equal(read(content, mode="keep"), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_float_that_is_not_finite(bad):
    with pytest.raises(ImageReadError, match="it holds values that are not finite"):
        read(encode(np.array([[0, bad]], np.float32), "TIFF"))


def test_cmyk_tiff_by_hand():
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [51, 0, 0, 51]]], np.uint8)
    pixels = read(encode(Image.fromarray(inks, "CMYK"), "TIFF"))
    # No ink; no red; no light; a fifth less red, and a fifth less of all.
    expected = [[[255, 255, 255], [0, 255, 255], [0, 0, 0], [163, 204, 204]]]
    np.testing.assert_allclose(pixels.astype(int), expected, atol=1)


def test_inverted_cmyk_jpeg_agrees_with_opencv():
    smooth = cv2.GaussianBlur(NOISE[:, :, :3], (0, 0), 3)
    content = encode(Image.fromarray(smooth).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in content
    theirs = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    np.testing.assert_allclose(read(content).astype(int), theirs, atol=4)


def test_lab_is_refused_by_name():
    with pytest.raises(ImageReadError, match="colour mode LAB is not supported; save it as gray"):
        read(encode(Image.fromarray(RGB).convert("LAB"), "TIFF"))


# PNM, which is decoded here


@pytest.mark.parametrize("maximum", [1, 2, 100, 255, 256, 4095, 65535])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("as_text", [False, True])
def test_pnm(maximum, channels, as_text):
    rng = np.random.default_rng(maximum)
    samples = rng.integers(0, maximum + 1, (5, 7, channels))
    kind = {(1, True): 2, (3, True): 3, (1, False): 5, (3, False): 6}[channels, as_text]
    head = b"P%d # a comment\n7 5\n# and another\n%d\n" % (kind, maximum)
    if as_text:
        body = b"\n".join(b"%d" % sample for sample in samples.ravel())
    else:
        body = samples.astype(">u2" if maximum > 255 else "u1").tobytes()
    expected = np.round(samples * 255 / maximum).astype(np.uint8)
    pixels = read(head + body, mode="keep")
    np.testing.assert_array_equal(pixels, expected if channels == 3 else expected[:, :, 0])


@pytest.mark.parametrize("content", [b"P1 3 2 101 01 1", b"P1#\n3 2\n1 0 1 # !\n011"])
def test_bits_as_text_need_no_space_between_them(content):
    np.testing.assert_array_equal(read(content, mode="keep"), [[0, 255, 0], [255, 0, 0]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"P5 3", "its header is incomplete"),
        (b"P5 3 2 0 abcdef", "its maximum is 0, not 1 to 65535"),
        (b"P5 0 2 9 abcdef", "the image is empty, 0 x 2 pixels"),
        (b"P5 3 2 9 abcde", "buffer is smaller than requested size"),
        (b"P2 3 2 9 1 2 3 4 5", "there are not 6 samples between 0 and 65535"),
        (b"P2 3 2 9 1 2 3 4 5 -6", "there are not 6 samples between 0 and 65535"),
        (b"P2 3 2 9 1 2 3 4 5 x", "invalid literal for int"),
        (b"P1 3 2 1 0 1 0 1 2", "there are not 6 samples between 0 and 1"),
        (b"P2 3000 2000 9 1 2", "writes 6000000 samples as text, more than the 4194304 allowed"),
    ],
)
def test_broken_pnm(content, message):
    with pytest.raises(ImageReadError, match=message):
        read(content)


# Pages and frames


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "lime", "blue")]
    for file_format in ("GIF", "PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if file_format == "WEBP" else {}
        content = encode(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
        assert (read(content) == [255, 0, 0]).all()
        pages = list(read_pages(content))
        assert len(pages) == (3 if file_format == "TIFF" else 1)


def test_pages_of_different_kinds():
    images = [Image.fromarray(RGB), Image.fromarray(GRAY[:4]), Image.fromarray(GRAY > 100)]
    content = encode(images[0], "TIFF", save_all=True, append_images=images[1:])
    pages = list(read_pages(content, mode="keep"))
    for page, expected in zip(pages, [RGB, GRAY[:4], (GRAY > 100) * 255], strict=True):
        np.testing.assert_array_equal(page, expected)


def test_a_damaged_page_is_named_after_those_before_it():
    images = [Image.fromarray(RGB), Image.fromarray(GRAY), Image.fromarray(RGB)]
    content = encode(images[0], "TIFF", save_all=True, append_images=images[1:])
    width = struct.pack("<HHII", 256, 4, 1, RGB.shape[1])  # tag, type, count, value
    directories = [place for place in range(len(content)) if content.startswith(width, place)]
    assert len(directories) == 3
    broken = bytearray(content)
    broken[directories[1] + 8 : directories[1] + 10] = b"\0\0"
    pages = read_pages(bytes(broken))
    np.testing.assert_array_equal(next(pages), RGB)
    with pytest.raises(ImageReadError, match=r"^<bytes>, page 2: "):
        next(pages)


# Sources


def test_sources(tmp_path):
    content = encode(RGB)
    path = tmp_path / "page.png"
    path.write_bytes(content)
    sources = [path, str(path), content, bytearray(content), memoryview(content)]
    for source in [*sources, io.BytesIO(content)]:
        np.testing.assert_array_equal(read(source), RGB)
    with path.open("rb") as file:
        np.testing.assert_array_equal(read(file), RGB)


def test_a_pipe_gives_its_content_in_pieces():
    content = encode(NOISE, "BMP")
    reading, writing = os.pipe()

    def feed():
        with open(writing, "wb", buffering=0) as pipe:
            for place in range(0, len(content), 500):
                pipe.write(content[place : place + 500])

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open(reading, "rb", buffering=0) as pipe:
        pixels = read(pipe)
    feeder.join()
    np.testing.assert_array_equal(pixels, read(content))


def test_wrong_sources():
    with pytest.raises(TypeError, match=r"source must be a path, the bytes of a file, .*got int"):
        read(3)
    with pytest.raises(TypeError, match=r"open in binary mode, .*gave str; use open\(path, 'rb'\)"):
        read(io.StringIO("text"))


def test_files_that_cannot_be_opened_raise_as_open_does(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        read(tmp_path / "nowhere.png")
    with pytest.raises((IsADirectoryError, PermissionError)):
        read(tmp_path)


def test_empty_file(tmp_path):
    path = tmp_path / "empty.png"
    path.touch()
    with pytest.raises(ImageReadError, match=r"empty\.png: the file is empty$"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Dear Sir,", "it begins with b'Dear Sir'"),
        (b"%PDF-1.7", "but a PDF document; render its pages first"),
        (b"\0\0\0\x18ftypheic", "but a HEIC photograph; export it as JPEG"),
        (b"\0\0\0\x1cftypavif", "but an AVIF image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "but a JPEG 2000 image"),
        (b"8BPS\0\1", "but a Photoshop document"),
        (b"<svg xmlns=", "but an XML or SVG document"),
        (b"<!DOCTYPE html>", "but a web page, perhaps saved in place of the image"),
        (b"PK\3\4", "but a compressed archive"),
    ],
)
def test_what_is_not_an_image_is_called_by_its_name(tmp_path, content, message):
    path = tmp_path / "page.png"
    path.write_bytes(content)
    with pytest.raises(ImageReadError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: not an image")


# Limits


def test_too_many_pixels_are_refused_before_they_are_decoded():
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    content = png((b"IHDR", header), (b"IDAT", b"never looked at"), (b"IEND", b""))
    with pytest.raises(
        ImageReadError,
        match=f"is 20000 x 20000 pixels, more than the {MAX_PIXELS} allowed; reduce it, or raise",
    ):
        read(content)


def test_the_limit_is_a_parameter():
    content = encode(GRAY)
    np.testing.assert_array_equal(read(content, mode="gray", max_pixels=GRAY.size), GRAY)
    with pytest.raises(ImageReadError, match=f"more than the {GRAY.size - 1} allowed"):
        read(content, max_pixels=GRAY.size - 1)
    for bad, error in [(0, ValueError), (1.5, ValueError), ("many", TypeError)]:
        with pytest.raises(error, match="max_pixels must"):
            read(content, max_pixels=bad)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_webp_gets_half_the_limit(lossless, alpha):
    content = encode(NOISE if alpha else NOISE[:, :, :3], "WEBP", lossless=lossless)
    size = NOISE.shape[0] * NOISE.shape[1]
    assert read(content, max_pixels=2 * size).shape == (23, 31, 3)
    with pytest.raises(ImageReadError, match=f"31 x 23 pixels, more than the {size - 1} allowed"):
        read(content, max_pixels=2 * size - 1)


def test_no_side_may_be_absurdly_long():
    header = struct.pack(">IIBBBBB", 100_001, 1, 1, 0, 0, 0, 0)
    content = png((b"IHDR", header), (b"IDAT", zlib.compress(bytes(13_000))), (b"IEND", b""))
    with pytest.raises(ImageReadError, match="no side may be longer than 100000"):
        read(content)


def test_a_stream_without_end_is_refused():
    class Endless(io.RawIOBase):
        name = "endless"

        def read(self, size=-1):
            return b"P" * min(size, 2**16)

    with pytest.raises(ImageReadError, match=r"^endless: the file holds more than 16777620 bytes"):
        read(Endless(), max_pixels=101)


def test_jpeg_with_a_thousand_scans():
    content = encode(RGB, "JPEG", progressive=True)
    last = content.rfind(b"\xff\xda")
    with pytest.raises(ImageReadError, match="more than 100 scans"):
        read(content[:-2] + content[last:-2] * 1000 + b"\xff\xd9")
    with pytest.raises(ImageReadError, match="more than 10000 segments"):
        read(content[:2] + b"\xff\xfe\0\2" * 10_001 + content[2:])


def test_what_follows_a_jpeg_does_not_count():
    content = encode(RGB, "JPEG")
    film = b"\xff\xda" * 1000  # phones append a film to a photograph
    np.testing.assert_array_equal(read(content + film), read(content))


def test_tiff_with_a_giant_tile():
    tags = {256: 3, 257: 1, 258: 8, 259: 8, 262: 1, 322: 60_000, 323: 60_000, 324: 200, 325: 9}
    with pytest.raises(ImageReadError, match="tiles of 60000 x 60000 pixels"):
        read(tiff(tags, zlib.compress(bytes(1000))))


def test_pillows_own_limit_is_not_touched_and_its_warning_not_passed_on(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GRAY.size - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for file_format in ("PNG", "GIF", "TIFF", "WEBP"):
            assert read(encode(GRAY, file_format)).shape == RGB.shape
    assert GRAY.size - 1 == Image.MAX_IMAGE_PIXELS


def test_threads_leave_the_filters_of_warnings_as_they_were():
    content = encode(NOISE)
    before = list(warnings.filters)
    threads = [
        threading.Thread(target=lambda: [read(content) for _ in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_memory_that_is_not_there(monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "crop", fail)
    with pytest.raises(ImageReadError, match="decoding this PNG file needs more memory than"):
        read(encode(RGB))


def test_no_rare_decoder_is_loaded():
    code = (
        "import sys, io; from ocrlearn.image import read, ImageReadError\n"
        "for content in (b'', b'%!PS-Adobe', b'II*\\0'):\n"
        "    try: read(content)\n"
        "    except ImageReadError: pass\n"
        "print([name for name in sys.modules if name.startswith('PIL.')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "PIL.PngImagePlugin" in loaded.stdout
    for rare in ("Eps", "Fli", "Psd", "Icns", "Jpeg2K", "Pcd", "Wmf"):
        assert f"PIL.{rare}ImagePlugin" not in loaded.stdout


# Damage


LOSSLESS = {
    "gray.png": encode(NOISE[:, :, 0]),
    "rgba.png": encode(NOISE),
    "palette.gif": encode(Image.fromarray(NOISE[:, :, :3]).quantize(20), "GIF", interlace=1),
    "rgb.bmp": encode(NOISE[:, :, :3], "BMP"),
    "rgb.ppm": encode(NOISE[:, :, :3], "PPM"),
    "raw.tif": encode(NOISE[:, :, :3], "TIFF"),
    "lzw.tif": encode(NOISE[:, :, :3], "TIFF", compression="tiff_lzw"),
    "fax.tif": encode(Image.fromarray(NOISE[:, :, 0] > 99), "TIFF", compression="group4"),
    "rgba.webp": encode(NOISE, "WEBP", lossless=True),
    "progressive.jpg": encode(NOISE[:, :, :3], "JPEG", progressive=True),
    "baseline.jpg": encode(NOISE[:, :, :3], "JPEG"),
}


@pytest.mark.parametrize("name", LOSSLESS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_file_cut_short_is_refused_or_complete(name, data):
    content = LOSSLESS[name]
    end = data.draw(st.integers(1, len(content) - 1))
    try:
        pixels = read(content[:end])
    except ImageReadError:
        return
    # What was cut off was not needed: an end marker, or metadata that some formats put last.
    np.testing.assert_array_equal(pixels, read(content))
    assert end > len(content) // 2


BEGINNINGS = [
    *(b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF89a", b"BM"),
    *(b"RIFF0000WEBPVP8 ", b"RIFF0000WEBPVP8X", b"P1 ", b"P2 ", b"P4 3 3 ", b"P6 2 2 255 "),
]


@given(beginning=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=300))
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_an_image_or_a_clear_error(beginning, rest):
    failure = None
    try:
        pixels = read(beginning + rest)
    except ImageReadError as error:
        failure = error
    if failure is None:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
    else:
        assert str(failure).startswith("<bytes>: ")
        assert str(failure).isprintable()
        assert "Traceback" not in str(failure)
        assert failure.__suppress_context__ or failure.__context__ is None


def test_damage_is_named(tmp_path):
    path = tmp_path / "page.png"
    content = encode(NOISE)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(
        ImageReadError,
        match=r"page\.png: this PNG file is damaged, cut short, or of an unsupported kind "
        r"\(image file is truncated.*\); fetch it again, or open it in an image editor and save it",
    ):
        read(path)


def test_broken_metadata_does_not_spoil_the_picture():
    content = encode(RGB)
    end = content.rfind(b"IEND") - 4
    for block in (b"", b"II", b"II*\0\x08\0\0\0\xff\xff", b"nonsense"):
        chunk = struct.pack(">I", len(block)) + b"eXIf" + block
        chunk += struct.pack(">I", zlib.crc32(b"eXIf" + block))
        np.testing.assert_array_equal(read(content[:end] + chunk + content[end:]), RGB)


def test_error_is_a_value_error_that_can_be_pickled():
    assert issubclass(ImageReadError, ValueError)
    error = pickle.loads(pickle.dumps(ImageReadError("page.png: the file is empty")))
    assert str(error) == "page.png: the file is empty"


# Writing


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".tif", ".tiff", ".bmp", ".ppm"])
def test_what_is_written_is_read_back(tmp_path, suffix):
    path = tmp_path / f"page{suffix}"
    write(path, RGB)
    np.testing.assert_array_equal(read(path), RGB)
    write(path, GRAY.T)  # over the old file, and not contiguous
    np.testing.assert_array_equal(read(path, mode="gray"), GRAY.T)
    write(str(path), GRAY > 100)
    np.testing.assert_array_equal(read(path, mode="gray"), (GRAY > 100) * 255)
    write(path, GRAY / 255)
    np.testing.assert_array_equal(read(path, mode="gray"), GRAY)
    assert os.listdir(tmp_path) == [path.name]


def test_quality(tmp_path):
    sizes = []
    for quality in (20, 90):
        for suffix in (".jpg", ".jpeg", ".webp"):
            path = tmp_path / f"page{suffix}"
            write(path, NOISE[:, :, :3], quality=quality)
            sizes.append(path.stat().st_size)
    assert all(low < high for low, high in zip(sizes[:3], sizes[3:], strict=True))


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "page.png"
    write(path, GRAY)

    def fail(self, file, **_):
        Path(file).write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="no space left"):
        write(path, RGB)
    np.testing.assert_array_equal(read(path, mode="gray"), GRAY)
    assert os.listdir(tmp_path) == ["page.png"]


def test_wrong_arguments_of_write(tmp_path):
    with pytest.raises(ValueError, match=r"the suffix of path must be one of '.png'.*got '.gif'"):
        write(tmp_path / "page.gif", RGB)
    with pytest.raises(ValueError, match="quality must lie in"):
        write(tmp_path / "page.jpg", RGB, quality=101)
    with pytest.raises(ValueError, match="image must have shape"):
        write(tmp_path / "page.png", NOISE)
    assert not os.listdir(tmp_path)


# The package


@pytest.mark.parametrize("name", ocrlearn.image.__all__)
def test_every_export_exists(name):
    value = getattr(ocrlearn.image, name)
    if name in ocrlearn.image._EXPORTS:
        module = sys.modules[f"ocrlearn.image.{ocrlearn.image._EXPORTS[name]}"]
        assert value is vars(module)[name]
        assert name in module.__all__


def test_functions_are_not_hidden_by_their_modules():
    code = (
        "import importlib, ocrlearn.image as image\n"
        "for name in sorted({*image._EXPORTS} & {*image._EXPORTS.values()}):\n"
        "    importlib.import_module(f'ocrlearn.image.{name}')\n"
        "    assert callable(getattr(image, name)), name\n"
        "from ocrlearn.image import read\n"
        "assert image.read is read\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = ocrlearn.image.nothing

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from ocrlearn.image.convert import LUMA, to_float, to_gray, to_uint8

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))
rgb_shapes = shapes.map(lambda shape: (*shape, 3))
bytes_images = hnp.arrays(np.uint8, shapes | rgb_shapes)
EVERY_BYTE = np.arange(256, dtype=np.uint8).reshape(16, 16)


# --- to_float


def test_to_float_by_hand():
    image = np.array([[0, 51, 255]], dtype=np.uint8)
    result = to_float(image)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [[0, 0.2, 1]], rtol=1e-7)
    np.testing.assert_array_equal(to_float(np.array([[True, False]])), [[1, 0]])
    assert to_float(np.array([[True]])).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_to_float_returns_floats_as_they_are(dtype):
    image = np.full((2, 3), 0.5, dtype=dtype)
    assert to_float(image) is image


# --- to_uint8


def test_to_uint8_by_hand():
    image = np.array([[0.0, 0.2, 0.5, 1.0]])
    np.testing.assert_array_equal(to_uint8(image), [[0, 51, 128, 255]])
    np.testing.assert_array_equal(to_uint8(np.array([[True, False]])), [[255, 0]])
    assert to_uint8(EVERY_BYTE) is EVERY_BYTE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_byte_survives_the_way_through_floats(dtype):
    np.testing.assert_array_equal(to_uint8(to_float(EVERY_BYTE).astype(dtype)), EVERY_BYTE)


def test_16_bits_are_rounded_to_the_nearest_of_8():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    wanted = np.round(every / 65535 * 255)
    result = to_uint8(every)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, wanted)
    rgb = np.stack([every] * 3, axis=-1)
    np.testing.assert_array_equal(to_uint8(rgb)[..., 1], wanted)


@pytest.mark.parametrize("shape", [(5,), (0, 4), (4, 4, 2)])
def test_16_bit_images_need_the_shape_of_an_image(shape):
    with pytest.raises(ValueError, match="image must"):
        to_uint8(np.zeros(shape, dtype=np.uint16))


# --- to_gray


def every_colour(step):
    """All colours whose channels are multiples of `step`, and pure white, as one image."""
    levels = np.unique(np.append(np.arange(0, 256, step), 255)).astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    return colours.reshape(-1, len(levels), 3)


def test_to_gray_of_bytes_is_pillows():
    colours = every_colour(3)
    wanted = np.asarray(Image.fromarray(colours).convert("L"))
    np.testing.assert_array_equal(to_gray(colours), wanted)


def test_to_gray_of_bytes_is_opencvs_to_one_level():
    colours = every_colour(3)
    wanted = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY).astype(int)
    assert np.abs(to_gray(colours) - wanted).max() <= 1


def test_to_gray_of_bytes_is_the_rounded_luma():
    colours = every_colour(5)
    assert np.abs(to_gray(colours) - colours.astype(float) @ LUMA).max() <= 0.501


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_to_gray_of_floats_keeps_the_dtype(dtype):
    image = np.random.default_rng(0).uniform(0, 1, (6, 5, 3)).astype(dtype)
    gray = to_gray(image)
    assert gray.dtype == dtype
    np.testing.assert_allclose(gray, image.astype(float) @ LUMA, rtol=4 * np.finfo(dtype).eps)


def test_pure_colours():
    colours = np.eye(3)[np.newaxis]
    np.testing.assert_allclose(to_gray(colours), [LUMA], rtol=1e-12)
    np.testing.assert_array_equal(to_gray((colours * 255).astype(np.uint8)), [[76, 150, 29]])


def test_gray_stays_gray():
    for image in (EVERY_BYTE, to_float(EVERY_BYTE)):
        rgb = np.stack([image] * 3, axis=-1)
        np.testing.assert_allclose(to_gray(rgb), image, rtol=1e-6)
    white = np.ones((3, 3, 3), dtype=np.float32)
    assert to_gray(white).max() <= 1
    np.testing.assert_allclose(to_gray(white), 1, rtol=1e-6)


def test_to_gray_of_gray_images_is_no_copy():
    assert to_gray(EVERY_BYTE) is EVERY_BYTE


def test_to_gray_of_masks_gives_bytes():
    mask = np.array([[True, False]])
    np.testing.assert_array_equal(to_gray(mask), [[255, 0]])
    assert to_gray(mask).dtype == np.uint8
    rgb = np.zeros((1, 2, 3), dtype=bool)
    rgb[0, 0] = True
    np.testing.assert_array_equal(to_gray(rgb), [[255, 0]])


# --- All of them


@given(bytes_images)
def test_conversions_leave_their_argument_alone(image):
    before = image.copy()
    for convert in (to_float, to_uint8, to_gray):
        convert(image)
        convert(image[::-1, ::-1])
    np.testing.assert_array_equal(image, before)


@given(bytes_images)
def test_conversions_do_not_mind_views(image):
    view = np.repeat(image, 2, axis=1)[:, ::2]
    for convert in (to_float, to_uint8, to_gray):
        np.testing.assert_array_equal(convert(view), convert(image))


@pytest.mark.parametrize("convert", [to_float, to_uint8, to_gray])
def test_conversions_refuse_what_is_no_image(convert):
    with pytest.raises(ValueError, match="at least 1 x 1"):
        convert(np.zeros((0, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"got \(4, 4, 4\)"):
        convert(np.zeros((4, 4, 4), dtype=np.uint8))
    with pytest.raises(ValueError, match="float image must lie in"):
        convert(np.full((2, 2), 255.0))
    with pytest.raises(TypeError, match="got dtype int64"):
        convert(np.zeros((2, 2), dtype=np.int64))

"""The classical reader on rendered text: what is read, where it is, and what is refused."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrlearn.classic.reader import ClassicalReader, ReaderConfig, _space_threshold
from ocrlearn.data.synth.fonts import matplotlib_font_folder
from ocrlearn.geometry import is_clockwise
from ocrlearn.text import cer

TEXT = ["A reader looks at the page,", "finds 3 lines and cuts them", "into letters: (a) and (b)."]


def page(lines, size=28, font="DejaVuSans.ttf", shape=(220, 520), paper=235, ink=20):
    """Gray picture of text lines, 50 pixels apart."""
    face = ImageFont.truetype(str(matplotlib_font_folder() / font), size)
    picture = Image.new("L", shape[::-1], paper)
    for index, text in enumerate(lines):
        ImageDraw.Draw(picture).text((30, 60 + 50 * index), text, font=face, fill=ink, anchor="ls")
    return np.asarray(picture)


@pytest.fixture(scope="module")
def reader():
    return ClassicalReader.load()


@pytest.mark.parametrize(
    "font", ["DejaVuSans.ttf", "DejaVuSerif-Italic.ttf", "STIXGeneral.ttf", "DejaVuSansMono.ttf"]
)
def test_reads_clean_print(reader, font):
    found = reader.read(page(TEXT, size=26, font=font))
    assert cer("\n".join(TEXT), found.text) < 0.04
    assert found.method == "classical"
    assert len(found.lines) == 3


def test_each_configuration_reads_what_it_can():
    image = page(TEXT)
    for cuts, language, name in [
        ("components", False, "components"),
        ("oversegment", False, "lattice"),
        ("oversegment", True, "classical"),
    ]:
        found = ClassicalReader.load(ReaderConfig(cuts=cuts, language=language)).read(image)
        assert found.method == name
        assert cer("\n".join(TEXT), found.text) < 0.25


def test_touching_letters_need_cuts():
    # Letters set so tight that they touch: one component each word.
    face = ImageFont.truetype(str(matplotlib_font_folder() / "DejaVuSans-Bold.ttf"), 30)
    picture = Image.new("L", (420, 80), 255)
    x = 20
    for character in "number seven":
        ImageDraw.Draw(picture).text((x, 52), character, font=face, fill=0, anchor="ls")
        x += face.getlength(character) * (1 if character == " " else 0.85)
    image = np.asarray(picture)
    whole = ClassicalReader.load(ReaderConfig(cuts="components", language=False)).read(image)
    cut = ClassicalReader.load().read(image)
    assert cer("number seven", whole.text) > 0.3
    assert cer("number seven", cut.text) <= 0.1


def test_places_are_in_the_image_as_given(reader):
    image = page(["one two"], shape=(120, 300))
    (line,) = reader.read(image).lines
    assert [word.text for word in line.words] == ["one", "two"]
    rows, cols = np.nonzero(image < 128)
    np.testing.assert_allclose(line.quad[0], [cols.min() - 0.5, rows.min() - 0.5], atol=1.5)
    np.testing.assert_allclose(line.quad[2], [cols.max() + 0.5, rows.max() + 0.5], atol=1.5)
    for word in line.words:
        assert is_clockwise(word.quad)
        assert "".join(character.text for character in word.characters) == word.text
        for character in word.characters:
            assert 0 <= character.score <= 1
            assert character.quad.shape == (4, 2)
            assert character.quad.dtype == np.float32
            # Inside its word, up to a pixel.
            assert character.quad[0, 0] > word.quad[0, 0] - 1
            assert character.quad[2, 0] < word.quad[2, 0] + 1
    lefts = [character.quad[0, 0] for word in line.words for character in word.characters]
    assert lefts == sorted(lefts)


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_pages_on_their_side_or_head_are_turned(reader, quarter_turns):
    image = page(TEXT)
    upright = reader.read(image)
    found = reader.read(np.rot90(image, quarter_turns))
    assert cer("\n".join(TEXT), found.text) < 0.04
    expected = [0, np.pi / 2, np.pi, -np.pi / 2][quarter_turns]
    assert np.cos(found.angle - expected) > 0.9999  # pi and -pi are one angle
    assert "turned" in found.notes[0]
    # The first corner of the first line, carried along by the turn.
    x, y = upright.lines[0].quad[0]
    height, width = image.shape
    for _ in range(quarter_turns):
        x, y, width, height = y, width - 1 - x, height, width
    np.testing.assert_allclose(found.lines[0].quad[0], [x, y], atol=2.5)


def test_turning_can_be_switched_off():
    reader = ClassicalReader.load(ReaderConfig(language=False, any_side_up=False))
    found = reader.read(np.rot90(page(TEXT), 2))
    assert found.angle == pytest.approx(0, abs=0.01)
    assert cer("\n".join(TEXT), found.text) > 0.5


@pytest.mark.parametrize("degrees", [-6, 5])
def test_slightly_turned_pages_are_levelled(reader, degrees):
    picture = Image.fromarray(page(TEXT, paper=255))
    turned = np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255))
    found = reader.read(turned)
    assert cer("\n".join(TEXT), found.text) < 0.05
    assert found.angle == pytest.approx(np.radians(degrees), abs=np.radians(0.5))


def test_uneven_light_colour_floats_and_reversed_print(reader):
    image = page(TEXT)
    ramp = np.linspace(0.35, 1, image.shape[1])
    truth = "\n".join(TEXT)
    for variant in (
        (image * ramp).astype(np.uint8),
        np.dstack([image] * 3),
        image / 255,
        (image / 255).astype(np.float32),
        255 - image,
        image // 3,
        image > 128,
    ):
        assert cer(truth, reader.read(variant).text) < 0.04


@pytest.mark.parametrize("size", [11, 60])
def test_small_and_large_print(reader, size):
    shape = (60 + 3 * 50, 560) if size < 20 else (240, 1100)
    lines = TEXT if size < 20 else TEXT[:1]
    found = reader.read(page(lines, size=size, shape=shape))
    assert cer("\n".join(lines), found.text) < 0.08


def test_a_single_line_cut_tight_is_read_and_a_line_cut_through_is_not(reader):
    image = page(TEXT)
    rows = np.flatnonzero((image < 128).any(axis=1))
    first = rows[: np.flatnonzero(np.diff(rows) > 1)[0] + 1]
    tight = reader.read(image[first.min() : first.max() + 1, 25:])
    assert cer(TEXT[0], tight.text) < 0.1
    below = reader.read(image[: 60 + 2 * 50 - 10])
    assert len(below.lines) == 2
    assert any("cut by the border" in note for note in below.notes)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1), np.uint8),
        np.full((40, 60), 255, np.uint8),
        np.zeros((40, 60), np.uint8),
        np.eye(30, dtype=np.uint8) * 255,
    ],
)
def test_pages_without_text_are_empty(reader, image):
    found = reader.read(image)
    assert (found.height, found.width) == image.shape
    assert len(found.text) <= 2


def test_noise_is_no_text(reader):
    rng = np.random.default_rng(0)
    found = reader.read(rng.integers(0, 256, (80, 120), dtype=np.uint8))
    assert len(found.text) < 12


def test_input_is_not_modified_and_may_be_non_contiguous(reader):
    image = page(TEXT)
    double = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    view = double[::2, ::2]
    before = view.copy()
    assert reader.read(view).text == reader.read(image).text
    np.testing.assert_array_equal(view, before)


def test_space_threshold_lies_between_the_groups():
    rng = np.random.default_rng(0)
    gaps = np.concatenate([rng.normal(0.12, 0.03, 60), rng.normal(0.7, 0.08, 12)])
    assert 0.3 <= _space_threshold(gaps) < 0.6
    wide = np.concatenate([rng.normal(0.4, 0.03, 60), rng.normal(1.2, 0.08, 12)])
    assert 0.55 < _space_threshold(wide) <= 0.8
    assert _space_threshold(np.zeros(0)) == 0.45


def test_bad_arguments_are_named(tmp_path):
    with pytest.raises(ValueError, match="cuts must be one of 'components', 'oversegment'"):
        ReaderConfig(cuts="all")
    with pytest.raises(ValueError, match="beam"):
        ReaderConfig(beam=0)
    with pytest.raises(ValueError, match="language_weight"):
        ReaderConfig(language_weight=-1)
    with pytest.raises(FileNotFoundError, match="no file of classifier weights"):
        ClassicalReader.load(weights=tmp_path / "none.safetensors")
    reader = ClassicalReader.load(ReaderConfig(language=False))
    with pytest.raises(ValueError, match="image must have shape"):
        reader.read(np.zeros((3, 3, 4)))

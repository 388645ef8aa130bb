import io
import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from ocrlearn.course import figures


@pytest.fixture(autouse=True)
def fresh_style():
    with plt.rc_context():
        figures.use_style()
        yield
    plt.close("all")


def decode(png):
    return np.array(Image.open(io.BytesIO(png)).convert("RGB"))


def shown(monkeypatch, call):
    """Return the picture that `call` shows."""
    seen = []
    monkeypatch.setattr(figures, "display", seen.append)
    call()
    (picture,) = seen
    return picture


def luminance(colour):
    """Relative luminance as defined by WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    bright, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_text_is_readable_on_the_card():
    for key in ("text.color", "axes.labelcolor", "xtick.color", "ytick.color"):
        assert contrast(figures.STYLE[key], figures.CARD) > 4.5, key  # WCAG AA


def test_card_is_opaque_so_that_black_pages_do_not_shine_through():
    figure, axis = figures.subplots(height=2)
    axis.plot([0, 1])
    image = Image.open(io.BytesIO(figures.encode_png(figure)))
    assert image.mode in ("RGB", "P")
    assert "transparency" not in image.info
    corner = tuple(int(figures.CARD[i : i + 2], 16) for i in (1, 3, 5))
    assert image.convert("RGB").getpixel((1, 1)) == corner


@pytest.mark.parametrize("kind", ["protan", "deutan"])
def test_palette_stays_apart_for_the_colour_blind(kind):
    # Simulation matrices for full dichromacy of Vienot, Brettel and Mollon, "Digital video
    # colourmaps for checking the legibility of displays by dichromats", 1999, in linear RGB.
    matrix = {
        "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }[kind]
    from skimage.color import rgb2lab

    colours = []
    for colour in figures.PALETTE:
        rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        seen = np.clip(np.asarray(matrix) @ rgb**2.2, 0, 1) ** (1 / 2.2)
        colours.append(rgb2lab(seen[None, None])[0, 0])
    distances = [np.linalg.norm(a - b) for i, a in enumerate(colours) for b in colours[i + 1 :]]
    assert min(distances) > 10  # about four just noticeable differences


def test_picture_carries_its_alt_text(monkeypatch):
    figure, axis = figures.subplots(height=2)
    axis.plot([0, 1])
    alt = 'A line rises from 0 to 1;\n  "straight" & <steep>.'
    picture = shown(monkeypatch, lambda: figures.show(figure, alt=alt))
    images = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            images.append((tag, dict(attrs)))

    Reader().feed(picture._repr_html_())
    ((tag, attributes),) = images
    assert tag == "img"
    assert attributes["alt"] == 'A line rises from 0 to 1; "straight" & <steep>.'
    assert re.match(r"data:image/png;base64,[A-Za-z0-9+/=]+$", attributes["src"])
    assert repr(picture) == f"[Picture: {attributes['alt']}]"
    assert not plt.get_fignums()


@pytest.mark.parametrize("alt", ["", "  ", None])
def test_alt_text_is_required(alt):
    figure, _ = figures.subplots()
    with pytest.raises(ValueError, match="alt must say in words"):
        figures.show(figure, alt=alt)
    assert not plt.get_fignums()
    with pytest.raises(TypeError):
        figures.show(figure)


def test_only_figures_are_shown():
    with pytest.raises(TypeError, match="figure must be a matplotlib figure, got int"):
        figures.show(3, alt="three")


def test_noise_is_made_to_fit():
    rng = np.random.default_rng(0)
    figure, axis = figures.subplots(height=4)
    axis.imshow(rng.random((300, 500, 3)))
    figure.set_dpi(60)
    encoded = figures.encode_png(figure, limit=30_000)
    assert 10_000 < len(encoded) <= 30_000
    figure, axis = figures.subplots(height=1)
    axis.imshow(rng.random((100, 100, 3)))
    with pytest.raises(ValueError, match="does not fit in 1 kB"):
        figures.encode_png(figure, limit=1_000)


def test_encoding_is_deterministic():
    def draw():
        figure, axis = figures.subplots(height=2)
        axis.plot(np.arange(5) ** 2, label="squares")
        axis.legend()
        return figures.encode_png(figure)

    assert draw() == draw()


def test_grey_values_are_not_stretched(monkeypatch):
    faint = np.full((30, 40), 200, np.uint8)
    faint[10:20, 10:20] = 210
    picture = shown(monkeypatch, lambda: figures.show_images([faint], alt="faint"))
    values = set(decode(picture.png)[..., 0].ravel().tolist())
    assert {200, 210} <= values
    assert 0 not in values


def test_every_kind_of_image_comes_out_right(monkeypatch):
    ramp = np.tile(np.linspace(0, 1, 20, dtype=np.float32), (10, 1))
    colour = np.zeros((10, 20, 3), np.uint8)
    colour[..., 0] = 255
    ink = np.zeros((10, 20), bool)
    ink[:, :10] = True
    picture = shown(
        monkeypatch,
        lambda: figures.show_images([ramp, colour, ink], ["a", "b", "c"], alt="x", title="t"),
    )
    pixels = decode(picture.png)
    height, width = pixels.shape[:2]
    middle = pixels[height * 6 // 10]
    assert tuple(middle[width // 2]) == (255, 0, 0)
    assert tuple(middle[width * 3 // 4]) == (0, 0, 0)  # ink, left half of the third
    assert tuple(middle[width * 95 // 100]) == (255, 255, 255)
    left = middle[: width // 3, 0].astype(int)
    assert left[12:-12].min() < 30
    assert left[12:-12].max() > 225


def test_grid_has_as_many_places_as_asked(monkeypatch):
    images = [np.zeros((10, 10), np.uint8)] * 5
    wide = shown(monkeypatch, lambda: figures.show_images(images, alt="five", columns=5))
    tall = shown(monkeypatch, lambda: figures.show_images(images, alt="five", columns=2))
    assert decode(wide.png).shape[1] == decode(tall.png).shape[1]
    assert decode(tall.png).shape[0] > 3 * decode(wide.png).shape[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "at least one image"),
        (([np.zeros((4, 4), np.uint8)], ["a", "b"]), "captions must be 1, one for each image"),
        (([np.zeros((4, 4, 2), np.uint8)],), r"images\[0\] must have shape"),
        (([np.full((4, 4), 2.0)],), r"float images\[0\] must lie in"),
    ],
)
def test_bad_images_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        figures.show_images(*arguments, alt="x")


def test_quads_are_drawn_where_they_lie(monkeypatch):
    _, axis = figures.subplots(height=4)
    axis.imshow(np.full((40, 80), 255, np.uint8), cmap="gray", vmin=0, vmax=255)
    quads = np.array([[[10, 10], [60, 10], [60, 30], [10, 30]]], np.float32)
    figures.draw_quads(axis, quads, ["word"])
    (polygon,) = axis.patches
    np.testing.assert_array_equal(polygon.get_xy()[:4], quads[0])
    assert axis.texts[0].get_text() == "word"

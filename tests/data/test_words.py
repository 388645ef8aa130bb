"""Synthetic words: what they say, that they repeat exactly, and that their labels fit the ink."""

import dataclasses
import string
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from ocrlearn import geometry
from ocrlearn.data.samples import check_sample
from ocrlearn.data.synth import _word_plans, degrade, find_fonts, word_texts, words
from ocrlearn.data.synth import _words_numba as kernels
from ocrlearn.data.synth import atlas as atlases
from ocrlearn.data.synth._word_textures import textures
from ocrlearn.data.synth.texts import seeded_generator

CONTENT = frozenset(string.ascii_letters + string.digits)


def chance(seed, index=0):
    return word_texts.Chance(seeded_generator(seed, index, "training", "test"))


def plan_of(index, *, height=32, text=None, seed=7):
    """A word as it is decided, for tests that draw parts of it."""
    return words._decide(seed, index, "training", text, height, atlases.typefaces(), "scene", [])


# --- atlas ----------------------------------------------------------------------------------------


def test_distances_agree_with_scipy():
    rng = np.random.default_rng(3)
    ink = ndimage.gaussian_filter(rng.random((70, 93)), 4) > 0.5
    inside = ndimage.distance_transform_edt(ink) - 0.5
    outside = 0.5 - ndimage.distance_transform_edt(~ink)
    wanted = np.where(ink, inside, outside)[2::4, 2::4]
    np.testing.assert_allclose(atlases._signed_distances(ink, 4), wanted, atol=1e-5)


def test_atlas_measures_the_letters():
    face = next(f for f in atlases.typefaces() if f.name == "DejaVu Sans Book")
    letters = atlases.atlas(face)
    assert letters is atlases.atlas(face)
    # 1493 of 2048 units: the height of capitals in DejaVu Sans; 1120: that of small letters.
    assert letters.cap_height == pytest.approx(1493 / 2048, abs=1 / 64)
    assert letters.x_height == pytest.approx(1120 / 2048, abs=1.5 / 64)
    assert letters.advances[letters.rows["H"]] == pytest.approx(1540 / 2048, abs=1 / 256)
    # The vertical stroke of "l" is 184 units wide.
    profile = letters.field("l")[35]
    assert 2 * profile.max() == pytest.approx(184 / 2048, abs=1 / 64)
    assert letters.stem == pytest.approx(201 / 2048, abs=1 / 64)  # that of "H"


def test_every_face_knows_letters_and_digits_and_no_two_look_alike():
    faces = atlases.typefaces()
    assert {"PDFium Helvetica Regular", "DejaVu Sans Book"} <= {face.name for face in faces}
    for face in faces[:: len(faces) // 4]:
        assert face.characters >= CONTENT
        letters = atlases.atlas(face)
        drawn = {letters.field(c).tobytes() for c in "AGRS2358acegs"}
        assert len(drawn) == 13


def test_pens_follow_advance_and_kerning():
    font = next(f for f in find_fonts() if f.name == "DejaVu Sans Book")
    letters = atlases.atlas(atlases.typeface(font))
    rows = np.array([letters.rows[c] for c in "AVA"])
    pens = atlases.pen_positions(letters, rows)
    advances = letters.advances[rows]
    assert pens[1] < advances[0] - 0.02  # A and V move together
    assert pens[-1] == pytest.approx(
        advances.sum() + letters.kerning[rows[0], rows[1]] * 2, abs=0.02
    )


# --- text -----------------------------------------------------------------------------------------


def test_cases_and_kinds_are_those_of_signs():
    texts = [word_texts.word_text(chance(1, index)) for index in range(3000)]
    lettered = [text for text in texts if any(c.isalpha() for c in text)]
    share = {
        "upper": np.mean([text.isupper() for text in lettered]),
        "title": np.mean([text.istitle() and not text.isupper() for text in lettered]),
        "lower": np.mean([text.islower() for text in lettered]),
        "digits": np.mean([any(c.isdigit() for c in text) for text in texts]),
    }
    assert share["upper"] == pytest.approx(0.44, abs=0.05)
    assert share["title"] == pytest.approx(0.28, abs=0.05)
    assert share["lower"] == pytest.approx(0.24, abs=0.05)
    assert 0.07 < share["digits"] < 0.16
    assert set("".join(texts)) >= CONTENT
    assert set("".join(texts)) <= atlases.CHARACTERS
    assert len(set(texts)) > 2300  # "the" does not crowd out the rest
    assert not any(text.startswith((")", "]")) or text.endswith(("(", "[")) for text in texts)


def test_the_benchmark_has_words_that_training_lacks():
    training, _ = word_texts._flattened("training", 0.3)
    benchmark, _ = word_texts._flattened("benchmark", 0.3)
    new = {word.lower() for word in benchmark} - {word.lower() for word in training}
    assert len(new) > 1000


# --- repeatability --------------------------------------------------------------------------------


def test_a_word_depends_on_its_number_alone():
    order = [5, 0, 3, 1, 4, 2]
    alone = [words.render_word(3, index, masks=True) for index in range(6)]
    shuffled = dict(zip(order, words.render_words(3, order, masks=True), strict=True))
    with ThreadPoolExecutor(2) as pool:
        threaded = list(pool.map(lambda index: words.render_word(3, index), range(6)))
    batch, widths, texts = words.word_arrays(3, 0, 6)
    for index, sample in enumerate(alone):
        image = sample.image
        assert np.array_equal(image, shuffled[index].image)
        assert np.array_equal(sample.masks["ink"], shuffled[index].masks["ink"])
        assert np.array_equal(image, threaded[index].image)
        assert widths[index] == image.shape[1]
        assert np.array_equal(image, batch[index, :, : widths[index]])
        assert texts[index] == sample.text


def test_seed_index_and_split_all_count():
    pictures = {
        words.render_word(seed, index, split=split, text="Same").image.tobytes()
        for seed in (0, 1)
        for index in (0, 1)
        for split in ("training", "benchmark")
    }
    assert len(pictures) == 8


def test_giving_the_text_does_not_change_the_look():
    for index in range(5):
        free = words.render_word(11, index)
        given = words.render_word(11, index, text=free.text)
        assert np.array_equal(free.image, given.image)


# --- labels ---------------------------------------------------------------------------------------


def share_of_quad_filled(quad, ink):
    """IoU of a quad with the smallest quad around the ink that has the same sides.

    The homography from the quad to the unit square carries the ink's pixels, each a small square,
    into the quad's own frame; there the smallest quad is an upright box. Nothing of the renderer's
    own map is used. Parts outside the image cannot have ink and are cut off on both sides.
    """
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    rows = []
    for (x, y), (s, t) in zip(np.asarray(quad, float), unit, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -s * x, -s * y, -s], [0, 0, 0, x, y, 1, -t * x, -t * y, -t]]
    matrix = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    y, x = np.nonzero(ink)
    if not len(x):
        return 0.0
    # The edge of the ink runs about half-way between inked centres and others.
    points = np.concatenate(
        [np.stack([x + dx, y + dy], 1) for dx in (-0.5, 0.5) for dy in (-0.5, 0.5)]
    )
    carried = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    carried = carried[:, :2] / carried[:, 2:]
    low, high = carried.min(axis=0), carried.max(axis=0)
    box = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    back = np.column_stack([box, np.ones(4)]) @ np.linalg.inv(matrix).T
    return clipped_iou(quad, back[:, :2] / back[:, 2:], ink.shape)


def clipped_iou(one, two, shape):
    height, width = shape
    frame = geometry.box_to_quad(np.array([-0.5, -0.5, width - 0.5, height - 0.5]))
    one = geometry.clip_polygon(np.asarray(one, float), frame)
    two = geometry.clip_polygon(np.asarray(two, float), frame)
    return float(geometry.polygon_iou(one, two)) if len(one) > 2 and len(two) > 2 else 0.0


def test_outlines_of_words_fit_their_ink():
    """IoU above 0.9 for 99 of 100 words; those on bent lines have a test of their own."""
    overlaps = []
    for index in range(400):
        sample = words.render_word(21, index, height=48, masks=True)
        word = sample.instances[0]
        if len(word.polygon) == 4:
            overlaps.append(share_of_quad_filled(word.polygon, sample.masks["ink"]))
    assert len(overlaps) >= 300
    assert np.mean(np.array(overlaps) > 0.9) >= 0.99
    assert np.median(overlaps) > 0.97


def looked_at_closely(plan, number, quad):
    """Ink of one character, and its quad, in a window where its strokes are many pixels wide."""
    low, high = quad.min(axis=0) - 1, quad.max(axis=0) + 1
    sides = np.linalg.norm(quad - np.roll(quad, 1, axis=0), axis=1)
    zoom = min(40 / sides.min(), 500 / (high - low).max())
    scaled = words._scaled_geometry(plan)
    window = np.array([[zoom, 0, -zoom * low[0]], [0, zoom, -zoom * low[1]], [0, 0, 1]])
    scaled[0]["forth"] = window @ scaled[0]["forth"]
    scaled[0]["back"] = np.linalg.inv(scaled[0]["forth"])
    width, height = np.ceil(zoom * (high - low)).astype(int) + 1
    closer = dataclasses.replace(plan, output=(int(height), int(width)))
    return words._ink(closer, scaled, number), zoom * (quad - low)


def test_outlines_of_characters_fit_the_ink_of_each():
    overlaps = []
    for index in range(80):
        plan = plan_of(index, seed=23)
        for number, part in enumerate(words._sample(plan, True, False).instances[0].parts):
            ink, quad = looked_at_closely(plan, number, part.polygon)
            overlaps.append(share_of_quad_filled(quad, ink))
    assert len(overlaps) >= 300
    assert np.mean(np.array(overlaps) > 0.9) >= 0.99
    assert np.median(overlaps) > 0.96


def test_bent_outlines_hold_the_ink_and_are_tight_where_it_is_unbent():
    checked = 0
    for index in range(120):
        plan = plan_of(index, height=64, seed=29)
        sample = words._sample(plan, True, True)
        outline = sample.instances[0].polygon
        if len(outline) == 4:
            continue
        checked += 1
        assert len(outline) == 26
        y, x = np.nonzero(sample.masks["ink"])
        points = np.stack([x, y], axis=1).astype(float)
        held = np.mean([geometry.point_in_polygon(p, outline) for p in points[::29]])
        assert held > 0.97
        u, v = kernels.look_back(words._scaled_geometry(plan), *plan.output)
        left, top, right, bottom = _word_plans.around(plan.boxes)
        inked = u[y, x], v[y, x]
        edge = 2.5 / float(plan.look[0]["scale"]) * plan.size[0] / 64  # pixels, in ems
        if (outline > 0).all() and (outline < np.array([sample.width, 64]) - 1).all():
            assert inked[0].min() == pytest.approx(left, abs=edge)
            assert inked[0].max() == pytest.approx(right, abs=edge)
            assert inked[1].min() == pytest.approx(top, abs=edge)
            assert inked[1].max() == pytest.approx(bottom, abs=edge)
    assert checked >= 15


def test_the_ink_mask_lies_where_the_picture_is_dark():
    """Black on white without effects: mask and picture agree pixel by pixel."""
    for index in range(20):
        sample = words.render_word(2, index, realism="plain", masks=True)
        grey = sample.image[..., 0]
        ink = sample.masks["ink"]
        assert grey[ink].max() <= 128
        assert grey[~ink].min() >= 127
        assert (sample.image == grey[..., None]).all()
        assert sample.image.max() == 255


def test_samples_are_valid_and_characters_lie_in_reading_order():
    for index in range(40):
        sample = words.render_word(13, index, masks=True)
        check_sample(sample)
        word = sample.instances[0]
        assert "".join(part.text for part in word.parts) == sample.text == word.text
        assert sample.masks["ink"].any()
        centres = [part.polygon.mean(axis=0) for part in word.parts]
        steps = np.diff(centres, axis=0)[:, 0] if len(centres) > 1 else np.ones(1)
        assert np.mean(steps > 0) > 0.6
        assert geometry.is_clockwise(word.polygon)


def test_there_and_back():
    """The two directions of the map agree for every kind of bending."""
    for index in range(60):
        plan = plan_of(index, seed=31)
        u, v = kernels.look_back(plan.geometry, *plan.size)
        rows, columns = [0, plan.size[0] - 1, 7], [0, plan.size[1] - 1, plan.size[1] // 3]
        flat = np.stack([u[rows, columns], v[rows, columns]], axis=1).astype(float)
        seen = kernels.to_image(plan.geometry, flat)
        np.testing.assert_allclose(seen, np.stack([columns, rows], axis=1), atol=2e-3)


# --- pixels ---------------------------------------------------------------------------------------


def picture(shape=(24, 40), seed=0):
    return np.random.default_rng(seed).random((*shape, 3)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 1.7])
def test_gaussian_blur_is_that_of_degrade(sigma):
    image = picture()
    fast = kernels.gaussian(image, sigma, sigma)
    np.testing.assert_allclose(fast, degrade.gaussian_blur(image, sigma), atol=0.01)


def test_defocus_and_motion_are_those_of_degrade():
    image = picture()
    inner = (slice(4, -4), slice(4, -4))
    for radius in (0.8, 1.9):
        wanted = degrade.defocus_blur(image, radius)
        np.testing.assert_allclose(kernels.defocus(image, radius)[inner], wanted[inner], atol=0.03)
    for length, angle in ((3.0, 0.0), (4.5, 0.7)):
        wanted = degrade.motion_blur(image, length, angle=angle)
        fast = kernels.motion(image, length, angle)
        np.testing.assert_allclose(fast[inner], wanted[inner], atol=0.02)


def test_noise_has_the_promised_strength():
    for level in (0.0, 64.0, 255.0):
        flat = np.full((120, 160, 3), level, np.float32)
        # Half the contrast about the middle keeps all values inside [0, 255].
        noisy = kernels.expose(flat, 99, 8.0, 3.0, 0.5, 0.5, 0.0)
        share = np.sqrt(9 + 64 * level / 255)
        assert noisy.std() == pytest.approx(share / 2, rel=0.05)
        assert noisy.mean() == pytest.approx((level - 127.5) / 2 + 127.5, abs=0.2)
    red, green = noisy[..., 0].ravel().astype(float), noisy[..., 1].ravel().astype(float)
    assert np.corrcoef(red, green)[0, 1] == pytest.approx(0.75, abs=0.03)  # 1 - 0.5**2
    assert abs(np.corrcoef(red[:-1], red[1:])[0, 1]) < 0.03


def test_letters_are_drawn_by_their_field():
    """A bar of a known thickness, half covered at its edges; bolder by what was asked."""
    face = next(f for f in atlases.typefaces() if f.name == "DejaVu Sans Book")
    plan = _word_plans.plan_plain(chance(0), "I", 64, (face,))
    image = words._draw(plan)
    dark = (255.0 - image[32, :, 0]) / 255
    scale = plan.geometry[0]["forth"][0, 0]
    assert dark.sum() == pytest.approx(201 / 2048 * scale, abs=0.35)
    plan.manner.weight = 0.02
    bolder = (255.0 - words._draw(plan)[32, :, 0]) / 255
    assert bolder.sum() - dark.sum() == pytest.approx(0.04 * scale, abs=0.1)


def test_textures_repeat_without_a_seam():
    bank = textures()
    assert bank.dtype == np.float32
    np.testing.assert_allclose(bank.mean(axis=(1, 2)), 0, atol=0.1)
    across = np.abs(bank[:, :, 0] - bank[:, :, -1]).mean(axis=1)
    inside = np.abs(np.diff(bank, axis=2)).mean(axis=(1, 2))
    steepest = np.abs(np.diff(bank, axis=2)).mean(axis=1).max(axis=1)
    assert (across < np.maximum(3 * inside, 1.01 * steepest)).all()


def test_words_are_varied_and_can_be_told_from_their_ground():
    light_on_dark, contrasts = 0, []
    for index in range(200):
        sample = words.render_word(17, index, height=48, masks=True)
        grey = sample.image.astype(float).mean(axis=2)
        ink = sample.masks["ink"]
        near = ndimage.binary_dilation(ink, iterations=6) & ~ndimage.binary_dilation(
            ink, iterations=2
        )
        if ink.sum() < 20 or near.sum() < 20:
            continue
        light_on_dark += grey[ink].mean() > grey[near].mean()
        colour = sample.image[ink].mean(axis=0) - sample.image[near].mean(axis=0)
        contrasts.append(np.abs(colour).max())
    assert 0.35 < light_on_dark / len(contrasts) < 0.65
    assert np.median(contrasts) > 45
    assert np.mean(np.array(contrasts) < 8) < 0.08
    assert np.percentile(contrasts, 10) < 48  # and some are hard; measured 40


# --- arguments ------------------------------------------------------------------------------------


def test_sizes_and_colours_are_as_asked():
    sample = words.render_word(0, 4, height=40, colour=False)
    assert sample.image.shape == (40, sample.width)
    assert sample.image.dtype == np.uint8
    batch, widths, texts = words.word_arrays(0, 10, 7, width=64, colour=False)
    assert batch.shape == (7, 32, 64)
    assert batch.dtype == np.uint8
    assert widths.max() <= 64
    assert len(texts) == 7
    for row, wide in zip(batch, widths, strict=True):
        assert (row[:, wide:] == row[:, wide - 1 : wide]).all()


@pytest.mark.parametrize("realism", words.REALISMS)
def test_a_very_long_word_is_narrower_and_whole(realism):
    sample = words.render_word(0, 1, text="W" * 90, realism=realism)
    height, width = sample.image.shape[:2]
    low, high = sample.instances[0].polygon.min(axis=0), sample.instances[0].polygon.max(axis=0)
    assert width <= 24 * height
    assert (low > -0.5).all()
    assert (high < (width - 0.5, height - 0.5)).all()


@pytest.mark.parametrize("text", ["a\u00a0b", "a\tb", "\n", " "])
def test_no_kind_of_space_is_in_a_word(text):
    with pytest.raises(ValueError, match="text must be one word without spaces"):
        words.render_word(0, 0, text=text)


def test_backgrounds_show_through():
    green = np.zeros((60, 200, 3), np.uint8)
    green[..., 1] = 150
    greener = 0
    for index in range(12):
        plain = words.render_word(1, index, text="leaf").image.reshape(-1, 3).mean(axis=0)
        shown = words.render_word(1, index, text="leaf", backgrounds=[green]).image
        greener += shown.reshape(-1, 3).mean(axis=0)[1] - shown[..., [0, 2]].mean() > max(
            5.0, plain[1] - plain[[0, 2]].mean()
        )
    assert greener >= 9


def test_one_font_can_be_asked_for():
    fonts = [font for font in find_fonts() if font.family == "STIXGeneral"]
    names = {words.render_word(0, index, fonts=fonts).details["font"] for index in range(12)}
    assert len(names) > 1
    assert all(name.startswith("STIXGeneral") for name in names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"realism": "cartoon"}, "realism"),
        ({"height": 4}, "height"),
        ({"text": "two words"}, "text"),
        ({"text": ""}, "text"),
        ({"text": "naïve 漢".replace(" ", "")}, "no font covers.*'ï漢'"),
        ({"split": "test"}, "split"),
        ({"fonts": []}, "fonts"),
        ({"backgrounds": [np.zeros((2, 2), np.uint8)]}, r"backgrounds\[0\]"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        words.render_word(0, 0, **options)


def test_backgrounds_may_be_files(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    path = tmp_path / "wall.png"
    Image.fromarray(picture).save(path)
    for index in range(3):
        expected = words.render_word(1, index, backgrounds=[picture]).image
        assert np.array_equal(words.render_word(1, index, backgrounds=[path]).image, expected)
        assert np.array_equal(words.render_word(1, index, backgrounds=[str(path)]).image, expected)
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        words.render_word(1, 0, backgrounds=[tmp_path / "missing.png"])


def test_large_photographs_are_reduced(tmp_path):
    path = tmp_path / "large.png"
    Image.new("RGB", (3000, 1500), "green").save(path)
    assert _word_plans._file(path).shape == (512, 1024, 3)


def test_backgrounds_may_be_one_array_but_not_one_path(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 40, 60, 3)).astype(np.uint8)
    shown, expected = (
        words.render_word(1, 0, backgrounds=given).image for given in (pictures, list(pictures))
    )
    assert np.array_equal(shown, expected)
    with pytest.raises(TypeError, match=r"backgrounds must be a sequence.*wall\.png"):
        words.render_word(1, 0, backgrounds=str(tmp_path / "wall.png"))


def test_floating_backgrounds_are_refused():
    with pytest.raises(TypeError, match=r"backgrounds\[0\] must be uint8"):
        words.render_word(0, 0, backgrounds=[np.zeros((9, 9))])

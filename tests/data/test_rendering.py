"""Lines and pages: labels are checked against the ink itself, and everything is repeatable."""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ocrlearn.data.synth import looks
from ocrlearn.data.synth.fonts import find_fonts
from ocrlearn.data.synth.lines import pick_font, render_line, set_line
from ocrlearn.data.synth.looks import LOOKS
from ocrlearn.data.synth.pages import render_page
from ocrlearn.geometry import point_in_polygon
from ocrlearn.image.rectify import homography

FONTS = {font.name: font for font in find_fonts()}


@cache
def page(look, index=0):
    return render_page(7, index, look=look)


def characters(rendered):
    return [c for line in rendered.page.lines for word in line.words for c in word.characters]


# --- Labels against ink ---------------------------------------------------------------------------


def ink_box_overlap(ink, quad, reach):
    """IoU of a quad and of the ink around it, in the frame in which the quad is the unit square.

    Ink up to `reach` pixels outside is taken, so that a quad that is too small is found out as well
    as one that is too large.
    """
    to_unit = homography(quad, [[0, 0], [1, 0], [1, 1], [0, 1]])
    left, top = np.maximum(np.floor(quad.min(axis=0) - reach - 1), 0).astype(int)
    right, bottom = np.ceil(quad.max(axis=0) + reach + 1).astype(int)
    y, x = np.nonzero(ink[top : bottom + 1, left : right + 1])
    # Corners of the ink's pixels, not their centres: a stem one pixel wide has a width.
    half = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    points = (np.column_stack([x + left, y + top])[:, None] + half).reshape(-1, 2)
    carried = np.column_stack([points, np.ones(len(points))]) @ to_unit.T
    u, v = (carried[:, :2] / carried[:, 2:]).T
    reach_u = reach / np.linalg.norm(quad[1] - quad[0])
    reach_v = reach / np.linalg.norm(quad[3] - quad[0])
    near = (u > -reach_u) & (u < 1 + reach_u) & (v > -reach_v) & (v < 1 + reach_v)
    if not near.any():
        return 0.0
    u, v = u[near], v[near]
    width = min(u.max(), 1) - max(u.min(), 0)
    height = min(v.max(), 1) - max(v.min(), 0)
    return width * height / (np.ptp(u) * np.ptp(v) + 1 - width * height)


def character_overlaps(look):
    """IoU of quad and ink of letters set apart, so that each one's ink can be told from the others.

    They are large, because the ink mask knows the edges of ink to half a pixel only; places do not
    depend on size.
    """
    text = "Quick fox, jumps; 13 dogs! (Why?) AV"
    overlaps = []
    for index, name in enumerate(
        ("DejaVu Sans Book", "Computer Modern Italic", "STIXGeneral Bold")
    ):
        rendered = render_line(
            3, index, look=look, text=text, font=FONTS[name], size=110, tracking=0.5
        )
        overlaps += [ink_box_overlap(rendered.ink, c.quad, 12) for c in characters(rendered)]
    assert len(overlaps) == 3 * len(text.replace(" ", ""))
    return np.array(overlaps)


@pytest.mark.parametrize("look", LOOKS)
def test_quads_of_characters_hold_the_ink_that_the_font_draws(look, monkeypatch):
    def print_perfectly(sheet, rng, details):
        details["ink_spread"] = 0.0
        return sheet.coverage

    monkeypatch.setattr(looks, "_print", print_perfectly)
    overlaps = character_overlaps(look)
    assert np.mean(overlaps > 0.9) >= 0.99, np.sort(overlaps)[:10]


@pytest.mark.parametrize("look", ["scanned", "photographed"])
def test_quads_of_characters_follow_ink_that_runs(look):
    """Edges move as the quads do; the tails of commas and hairline serifs may give way."""
    overlaps = character_overlaps(look)
    assert np.mean(overlaps > 0.85) >= 0.95, np.sort(overlaps)[:10]


@pytest.mark.parametrize("look", LOOKS)
def test_quads_of_words_hold_their_ink_on_pages(look):
    """On pages of ordinary size every side of a word's quad is within a pixel of its ink."""
    rendered = page(look)
    overlaps = [
        ink_box_overlap(rendered.ink, word.quad, 3)
        for line in rendered.page.lines
        for word in line.words
        if len(word.text) > 3
    ]
    assert len(overlaps) > 100
    # A word of 20 x 80 pixels whose mask is off by half a pixel on every side has 0.93.
    assert np.median(overlaps) > 0.93
    assert np.mean(np.array(overlaps) > 0.8) > 0.98


@pytest.mark.parametrize("look", LOOKS)
def test_all_ink_lies_in_the_lines(look):
    rendered = page(look)
    y, x = np.nonzero(rendered.ink)
    covered = np.zeros(len(x), dtype=bool)
    for line in rendered.page.lines:
        centre = line.quad.mean(axis=0)
        larger = centre + (line.quad - centre) * (1 + 6 / np.ptp(line.quad, axis=0))
        covered |= point_in_polygon(np.column_stack([x, y]), larger)
    assert covered.mean() > 0.999


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_ink_is_dark_around_what_is_not(look):
    rendered = page(look)
    gray = rendered.image if rendered.image.ndim == 2 else rendered.image.mean(axis=-1)
    for line in rendered.page.lines[::5]:
        left, top = np.maximum(line.quad.min(axis=0).astype(int), 0)
        right, bottom = line.quad.max(axis=0).astype(int)
        box = np.s_[top:bottom, left:right]
        ink = rendered.ink[box]
        assert gray[box][ink].mean() + 30 < gray[box][~ink].mean()


@pytest.mark.parametrize("look", LOOKS)
def test_truth_is_consistent(look):
    rendered = page(look)
    height, width = rendered.image.shape[:2]
    assert (rendered.page.width, rendered.page.height) == (width, height)
    assert rendered.ink.shape == (height, width)
    assert rendered.image.dtype == np.uint8
    for line in rendered.page.lines:
        assert line.quad.dtype == np.float32
        assert line.score == 1
        for word in line.words:
            assert word.text == "".join(c.text for c in word.characters)
            assert " " not in word.text
            inside = point_in_polygon(
                np.array([c.quad.mean(axis=0) for c in word.characters]), line.quad
            )
            assert inside.all()
    flat = np.concatenate([c.quad for c in characters(rendered)])
    assert flat.min() > -0.5
    assert flat[:, 0].max() < width
    assert flat[:, 1].max() < height


# --- Repeatable -----------------------------------------------------------------------------------


def digest(rendered):
    content = rendered.image.tobytes() + rendered.text.encode()
    quads = np.concatenate([c.quad for c in characters(rendered)])
    return hashlib.sha256(content + quads.tobytes()).hexdigest()


@pytest.mark.parametrize("look", LOOKS)
def test_same_seed_and_index_give_the_same_bytes_in_any_order(look):
    forwards = [digest(render_line(11, index, look=look)) for index in range(4)]
    backwards = [digest(render_line(11, index, look=look)) for index in reversed(range(4))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 4
    assert digest(render_line(12, 0, look=look)) != forwards[0]
    assert digest(render_line(11, 0, look=look, split="benchmark")) != forwards[0]


def test_pages_are_repeatable():
    first = render_page(7, 0, look="photographed", dpi=72)
    render_page(7, 1, look="scanned", dpi=72)
    again = render_page(7, 0, look="photographed", dpi=72)
    np.testing.assert_array_equal(first.image, again.image)
    assert digest(first) == digest(again)


def test_a_page_in_another_look_is_the_same_page():
    texts = {page(look).text for look in LOOKS}
    assert len(texts) == 1
    assert len({page(look).fonts for look in LOOKS}) == 1


# --- What pages are like --------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [1, 2])
def test_columns_and_justification(columns):
    rendered = render_page(5, 1, columns=columns, justified=True)
    quads = np.array([line.quad for line in rendered.page.lines])
    wide = quads[(quads[:, 1, 0] - quads[:, 0, 0]) > 0.75 * rendered.page.width / columns / 1.4]
    _, counts = np.unique(np.round(wide[:, 1, 0] / 3), return_counts=True)
    # Most full lines end at one margin per column.
    assert np.sort(counts)[-2 * columns :].sum() > 0.6 * len(wide)
    margins, counts = np.unique(np.round(wide[:, 0, 0] / 8), return_counts=True)
    margins = margins[counts >= 4] * 8  # where several lines begin; not the running head
    assert (np.ptp(margins) > rendered.page.width / 4) == (columns == 2)


def test_reading_order_is_column_by_column():
    rendered = render_page(5, 1, columns=2)
    middle = rendered.page.width / 2
    body = [line.quad for line in rendered.page.lines if len(line.words) > 2]
    left = [quad[0, 0] < middle for quad in body]
    switches = np.count_nonzero(np.diff(np.array(left, dtype=int)))
    assert switches <= 3  # head, first column, second column, and nothing back and forth


def test_no_paragraph_stands_twice_on_a_page():
    for index in range(3):
        lines = [
            line.text for line in render_page(5, index, dpi=72).page.lines if len(line.words) > 5
        ]
        assert len(lines) == len(set(lines))


def test_angle_of_a_scan_is_its_skew():
    for index in range(5):
        scan = render_page(9, index, look="scanned", dpi=72)
        assert np.rad2deg(scan.page.angle) == pytest.approx(scan.details["skew_degrees"])
        top_left, top_right = scan.page.lines[0].quad[:2].astype(float)
        rise = np.rad2deg(np.arctan2(top_left[1] - top_right[1], top_right[0] - top_left[0]))
        assert rise == pytest.approx(scan.page.angle * 180 / np.pi, abs=1e-3)


# --- Lines ----------------------------------------------------------------------------------------


def test_characters_stand_where_widths_and_kerning_put_them():
    font = FONTS["DejaVu Serif Book"]
    rendered = render_line(text="AVA II", font=font, size=100, tracking=0)
    places = [c.quad[0, 0] for c in characters(rendered)]
    words, starts, width = set_line("AVA II", font, 100)
    assert words[0].pens[1] == pytest.approx(100 * (1479 - 102) / 2048)  # A's width, A-V kerning
    assert starts[1] == pytest.approx(words[0].width + 100 * 651 / 2048)  # and the space
    # The two As look alike, so that the distance of their ink is that of their pens.
    assert places[2] - places[0] == pytest.approx(words[0].pens[2], abs=0.26)
    assert places[4] - places[3] == pytest.approx(words[1].pens[1], abs=0.26)
    assert width == pytest.approx(starts[1] + words[1].width)


def test_words_and_spaces_are_kept():
    rendered = render_line(text="  two   words ", look="scanned")
    assert rendered.text == "two words"
    assert [word.text for word in rendered.page.lines[0].words] == ["two", "words"]


def test_fonts_are_chosen_among_those_that_cover_the_text():
    rng = np.random.default_rng(0)
    drawn = {pick_font(rng, "a < b").name for _ in range(60)}
    assert "Computer Modern Roman" not in drawn
    assert len(drawn) > 8
    only = [FONTS["Computer Modern Roman"]]
    with pytest.raises(ValueError, match="none at all has '<'"):
        pick_font(rng, "a < b", only)
    assert render_line(0, 0, fonts=only, text="plain").fonts == ("Computer Modern Roman",)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: render_line(look="faxed"), "look must be one of"),
        (lambda: render_line(text="  "), "text must hold"),
        (lambda: render_line(text="\u4e2d"), "no font covers"),
        (lambda: render_line(-1), "seed must lie in"),
        (lambda: render_line(size=1), "size must lie in"),
        (lambda: render_page(split="test"), "split must be one of"),
        (lambda: render_page(columns=3), "columns must lie in"),
        (lambda: render_page(dpi=5), "dpi must lie in"),
        (lambda: render_line(fonts=[]), "fonts must hold at least one font"),
        (lambda: render_page(fonts=[]), "fonts must hold at least one font"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "fonts", ["fonts", Path("fonts"), [Path("font.ttf")], FONTS["STIXGeneral Regular"]]
)
@pytest.mark.parametrize("render", [render_line, render_page])
def test_what_are_no_fonts_is_refused(render, fonts):
    with pytest.raises(TypeError, match=r"fonts must"):
        render(fonts=fonts)


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="text must be a str"):
        render_line(text=7)

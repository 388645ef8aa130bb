from collections import Counter

import numpy as np
import pytest
from shapely.geometry import Polygon

from ocrlearn.data.samples import check_sample
from ocrlearn.data.synth.chinese import (
    chinese_characters,
    chinese_text,
    chinese_vocabulary,
    render_chinese_line,
)
from ocrlearn.data.synth.fonts import find_fonts, gb2312_characters
from ocrlearn.data.synth.glyph_bank import GlyphBank

LOOKS = ("clean", "scanned", "photographed")


# ---------------------------------------------------------------------------------------------
# Text


def test_vocabularies_and_their_splits():
    training, cumulative = chinese_vocabulary("training")
    benchmark, _ = chinese_vocabulary("benchmark")
    assert training[:500] == benchmark[:500]
    held_out = set(benchmark) - set(training)
    assert not set(training) - set(benchmark)
    assert 0.08 < len(held_out) / len(benchmark) < 0.12
    assert set("".join(benchmark)) <= set(chinese_characters())
    assert {"的", "中国", "我们", "没有"} <= set(training[:50])
    assert cumulative[-1] == 1
    assert np.all(np.diff(cumulative) > 0)


def test_characters_that_are_written():
    assert set(gb2312_characters(1)) < set(chinese_characters())
    assert len(chinese_characters()) == 4755
    assert set(chinese_characters()) <= GlyphBank.load().characters


def test_running_text_looks_like_a_newspaper():
    rng = np.random.default_rng(0)
    lines = [chinese_text(rng, 10) for _ in range(600)]
    assert {len(line) for line in lines} == {10}
    counts = Counter("".join(lines))
    share = {
        "Chinese": sum(n for c, n in counts.items() if "一" <= c <= "龥") / 6000,
        "digits": sum(n for c, n in counts.items() if c.isdigit()) / 6000,
        "Latin": sum(n for c, n in counts.items() if c.isascii() and c.isalpha()) / 6000,
        "marks": sum(counts[c] for c in "，。、：；！？") / 6000,
    }
    assert 0.72 < share["Chinese"] < 0.92
    assert 0.01 < share["digits"] < 0.08
    assert 0.002 < share["Latin"] < 0.05
    assert 0.06 < share["marks"] < 0.18
    assert all(line[0] not in "，。、！？：；”）》" for line in lines)
    assert counts.most_common(2)[0][0] in "的，"
    assert GlyphBank.load().characters.issuperset(counts)


def test_vertical_text_has_nothing_that_would_have_to_be_turned():
    rng = np.random.default_rng(1)
    text = "".join(chinese_text(rng, 20, vertical=True) for _ in range(200))
    assert all("一" <= c <= "龥" or c in "，。、！？" for c in text)


def test_rare_characters_are_dealt_out_evenly():
    from ocrlearn.data.synth.chinese import _with_rare

    rng = np.random.default_rng(0)
    dealt = Counter()
    for index in range(476):
        dealt.update(_with_rare(rng, "我" * 10, 1.0, 7, index, "training"))
    assert set(dealt) == set(chinese_characters())
    assert max(dealt.values()) == 2  # the last line begins the second deck
    some = "".join(_with_rare(rng, "我，" * 5, 0.3, 7, index, "training") for index in range(200))
    assert some[1::2] == "，" * 1000  # marks stay
    assert 0.25 < sum(c != "我" for c in some[::2]) / 1000 < 0.35


# ---------------------------------------------------------------------------------------------
# Lines


@pytest.mark.parametrize("look", LOOKS)
def test_labels_fit_text_and_image(look):
    for index in range(6):
        sample = render_chinese_line(2, index, look=look, rare=0.5)
        check_sample(sample)
        (line,) = sample.instances
        assert line.level == "line"
        assert line.text == sample.text == "".join(part.text for part in line.parts)
        assert len(sample.text) == 10
        assert {part.level for part in line.parts} == {"character"}
        left = [part.quad[:, 0].mean() for part in line.parts]
        assert left == sorted(left)
        height, width = sample.pixels().shape[:2]
        assert (sample.width, sample.height) == (width, height)
        assert line.quad.min() > -1
        assert np.all(line.quad.max(axis=0) < (width, height))
        assert sample.mask("ink").shape == (height, width)
        assert sample.pixels().ndim == (3 if look == "photographed" else 2)


@pytest.mark.parametrize(
    ("look", "vertical"),
    [("clean", False), ("photographed", False), ("clean", True), ("photographed", True)],
)
def test_quads_hold_their_ink(look, vertical):
    """The box around the ink, seen along the sides of a quad, is the quad."""
    overlaps = []
    sans = GlyphBank.load().face("sans")  # printing may lose the hairlines of the other
    for index in range(12):
        sample = render_chinese_line(
            4, index, look=look, text="国语永远雷鸣森林", font=sans, size=60, vertical=vertical
        )
        ink = sample.mask("ink")
        quads = [part.quad for part in sample.instances[0].parts]
        overlaps += [_overlap_with_ink(ink, quad) for quad in quads]
        outline = Polygon(sample.instances[0].quad).buffer(1.0)
        assert all(outline.contains(Polygon(quad).buffer(-0.5)) for quad in quads)
    assert np.mean(np.array(overlaps) > 0.9) > 0.99, sorted(overlaps)[:5]


def _overlap_with_ink(ink, quad):
    """IoU of `quad` and the smallest parallelogram along its sides that holds the ink near it."""
    origin = quad.mean(axis=0).astype(np.float64)
    across = (quad[1] + quad[2] - quad[0] - quad[3]) / 4
    down = (quad[2] + quad[3] - quad[0] - quad[1]) / 4
    y, x = np.nonzero(ink)
    u, v = np.linalg.solve(np.stack([across, down], axis=1), np.stack([x, y]) - origin[:, None])
    near = (np.abs(u) < 1.04) & (np.abs(v) < 1.04)  # neighbours stand further away
    half_u, half_v = 0.5 / np.linalg.norm(across), 0.5 / np.linalg.norm(down)
    u, v = u[near], v[near]
    u0, u1, v0, v1 = u.min() - half_u, u.max() + half_u, v.min() - half_v, v.max() + half_v
    corners = [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]
    found = Polygon([origin + a * across + b * down for a, b in corners])
    given = Polygon(quad)
    return found.intersection(given).area / found.union(given).area


@pytest.mark.parametrize("look", LOOKS)
def test_the_same_arguments_give_the_same_line(look):
    first = render_chinese_line(5, 3, look=look, rare=0.3)
    render_chinese_line(5, 4, look=look)
    second = render_chinese_line(5, 3, look=look, rare=0.3)
    np.testing.assert_array_equal(first.pixels(), second.pixels())
    np.testing.assert_array_equal(first.instances[0].polygon, second.instances[0].polygon)
    assert first.details == second.details
    assert render_chinese_line(5, 3, rare=0.3).text == first.text  # in another look as well
    assert render_chinese_line(5, 3, split="benchmark").text != first.text


def test_text_size_and_font_as_asked_for():
    sample = render_chinese_line(0, 0, text=" 中国  2024 ", size=30)
    assert sample.text == "中国 2024"
    assert [part.text for part in sample.instances[0].parts] == list("中国2024")
    assert sample.details["size"] == 30
    box = sample.instances[0].parts[1].quad
    assert 24 < np.ptp(box[:, 0]) < 30
    assert 24 < np.ptp(box[:, 1]) < 30
    serif = GlyphBank.load().face("serif")
    assert render_chinese_line(0, 0, font=serif).details["font"] == "Noto Serif CJK SC"


def test_vertical_lines_run_down():
    sample = render_chinese_line(0, 1, vertical=True, characters=6, size=40)
    height, width = sample.pixels().shape[:2]
    assert height > 3.5 * width
    centres = np.array([part.quad.mean(axis=0) for part in sample.instances[0].parts])
    assert np.all(np.diff(centres[:, 1]) > 0)
    assert sample.details["vertical"]


def test_an_installed_font_prints_what_it_has():
    font = next(font for font in find_fonts() if font.name == "DejaVu Sans Book")
    sample = render_chinese_line(0, 0, text="GDP 5%", font=font)
    assert sample.details["font"] == "DejaVu Sans Book"
    with pytest.raises(ValueError, match=r"DejaVu Sans Book.*中"):
        render_chinese_line(0, 0, text="中", font=font)
    with pytest.raises(ValueError, match="DejaVu Sans Book"):
        render_chinese_line(0, 0, font=font)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"look": "faxed"}, "look"),
        ({"split": "test"}, "split"),
        ({"characters": 0}, "characters"),
        ({"rare": 1.5}, "rare"),
        ({"text": "  "}, "text"),
        ({"text": "中㊣"}, "㊣"),
        ({"size": 1}, "size"),
    ],
)
def test_errors_name_the_argument(arguments, named):
    with pytest.raises(ValueError, match=named):
        render_chinese_line(0, 0, **arguments)

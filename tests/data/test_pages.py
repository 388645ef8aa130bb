"""Documents: regions, tables and figures against what is printed; quads against ink."""

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from shapely.geometry import Polygon

from ocrlearn.data.samples import check_sample, page_from_sample
from ocrlearn.data.synth import documents, looks
from ocrlearn.data.synth._region_sheet import REGION_KINDS, RegionSheet, printable
from ocrlearn.data.synth.degrade import Crease
from ocrlearn.data.synth.documents import document_sample, render_document
from ocrlearn.data.synth.figures import FIGURES, draw_figure, halftone
from ocrlearn.data.synth.fonts import find_fonts
from ocrlearn.data.synth.looks import LOOKS
from ocrlearn.data.synth.page_parts import draw_style
from ocrlearn.data.synth.tables import TABLE_RULES, draw_table, make_table
from ocrlearn.geometry import is_clockwise, point_in_polygon
from ocrlearn.image.rectify import homography

FONTS = {font.name: font for font in find_fonts()}
STYLE = draw_style(np.random.default_rng(0), dpi=150)


@cache
def document(look="clean", index=3, folds=False):
    return render_document(4, index, look=look, dpi=100, tables=1, figures=2, folds=folds)


# --- Labels against ink ---------------------------------------------------------------------------


def overlap(ink, quad):
    """IoU of a quad and of the ink in and closely around it, in the frame of the quad."""
    to_unit = homography(quad, [[0, 0], [1, 0], [1, 1], [0, 1]])
    left, top = np.maximum(np.floor(quad.min(axis=0) - 4), 0).astype(int)
    right, bottom = np.ceil(quad.max(axis=0) + 4).astype(int)
    y, x = np.nonzero(ink[top : bottom + 1, left : right + 1])
    half = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    points = (np.column_stack([x + left, y + top])[:, None] + half).reshape(-1, 2)
    carried = np.column_stack([points, np.ones(len(points))]) @ to_unit.T
    u, v = (carried[:, :2] / carried[:, 2:]).T
    reach = 3 / np.hypot(*(quad[1] - quad[0])), 3 / np.hypot(*(quad[3] - quad[0]))
    near = (np.abs(u - 0.5) < 0.5 + reach[0]) & (np.abs(v - 0.5) < 0.5 + reach[1])
    u, v = u[near], v[near]
    common = (min(u.max(), 1) - max(u.min(), 0)) * (min(v.max(), 1) - max(v.min(), 0))
    return common / (np.ptp(u) * np.ptp(v) + 1 - common)


@pytest.mark.parametrize(
    "creases",
    [(), (Crease("horizontal", 0.4, 0.2), Crease("vertical", 0.5, -0.15))],
    ids=["flat", "folded"],
)
def test_quads_of_words_hold_the_ink_of_a_photographed_page(creases, monkeypatch):
    """With ink that neither runs nor breaks, and no rule or dot but words on the page."""

    def print_perfectly(sheet, rng, details):
        details["ink_spread"] = 0.0
        return sheet.coverage

    monkeypatch.setattr(looks, "_print", print_perfectly)
    monkeypatch.setattr(documents.degrade, "crease_wear", lambda image, *_, **__: image)
    sheet = RegionSheet((640, 900))
    font = FONTS["DejaVu Serif Book"]
    for row in range(5):
        sheet.text("Photographed sheets bend words", font, 46, 60, 120 * (row + 1))
    rendered = documents._expose(sheet, "photographed", np.random.default_rng(3), creases)
    words = [word for line in rendered.page.lines for word in line.words]
    overlaps = np.array([overlap(rendered.ink, word.quad) for word in words])
    assert len(overlaps) == 20
    assert np.mean(overlaps > 0.9) >= 0.99, np.sort(overlaps)[:5]
    assert np.median(overlaps) > 0.93


@pytest.mark.parametrize("look", LOOKS)
def test_quads_of_words_hold_their_ink_on_documents(look):
    """Of words of paragraphs and lists, next to which no rule can stand."""
    rendered = render_document(4, 3, look=look, dpi=170, tables=0, figures=0, columns=1)
    overlaps = [
        overlap(rendered.ink, word.quad)
        for number, line in enumerate(rendered.page.lines)
        for word in line.words
        if len(word.text) > 3 and rendered.kind_of_line(number) in ("paragraph", "list", "heading")
    ]
    assert len(overlaps) > 30
    assert np.median(overlaps) > 0.85  # words of 15 pixels, masks known to half a pixel
    assert np.mean(np.array(overlaps) > 0.6) > 0.95


@pytest.mark.parametrize("look", LOOKS)
def test_all_ink_lies_in_regions(look):
    """But for the rules of footnotes and the thickness of frames."""
    rendered = document(look, 3)
    y, x = np.nonzero(rendered.ink)
    points = np.column_stack([x, y]).astype(float)
    inside = np.zeros(len(points), bool)
    for region in rendered.regions:
        centre = region.polygon.mean(axis=0)
        larger = centre + (region.polygon - centre) * (1 + 8 / np.ptp(region.polygon, axis=0))
        inside |= point_in_polygon(points, larger)
    assert inside.mean() > 0.99


@pytest.mark.parametrize("look", LOOKS)
def test_regions_hold_their_lines_and_every_line_has_one(look):
    rendered = document(look, 3)
    seen = set()
    for region in rendered.regions:
        assert region.kind in REGION_KINDS
        assert region.polygon.dtype == np.float32
        assert is_clockwise(region.polygon)
        outline = Polygon(region.polygon).buffer(3)
        for number in region.lines:
            quad = Polygon(rendered.page.lines[number].quad)
            assert outline.intersection(quad).area > 0.97 * quad.area
        seen.update(region.lines)
        assert (region.cell is not None) == (region.kind == "cell")
    assert seen == set(range(len(rendered.page.lines)))
    for number in range(len(rendered.page.lines)):
        assert rendered.kind_of_line(number) in REGION_KINDS


def test_regions_do_not_overlap_but_cells_and_their_table():
    for index in range(4):
        rendered = document("clean", index)
        outer = [region for region in rendered.regions if region.kind != "cell"]
        for place, one in enumerate(outer):
            for other in outer[place + 1 :]:
                shared = Polygon(one.polygon).intersection(Polygon(other.polygon)).area
                assert shared < 0.03 * min(
                    Polygon(one.polygon).area, Polygon(other.polygon).area
                ), (index, one.kind, other.kind)


def test_every_kind_of_region_occurs():
    kinds = {region.kind for index in range(4) for region in document("clean", index).regions}
    kinds |= {
        r.kind
        for index in range(12)
        for r in render_document(1, index, dpi=72, tables=0, figures=0).regions
    }
    assert kinds == set(REGION_KINDS)


def test_tables_and_figures_come_with_captions():
    for index in range(4):
        rendered = document("clean", index)
        kinds = [region.kind for region in rendered.regions if region.kind != "cell"]
        for place, kind in enumerate(kinds):
            if kind == "table":
                assert kinds[place - 1] == "caption"
            if kind == "figure":
                assert kinds[place + 1] == "caption"
        captions = [region for region in rendered.regions if region.kind == "caption"]
        for caption in captions:
            first = rendered.page.lines[caption.lines[0]].words[0].text
            assert first in ("Table", "TABLE", "Figure", "Fig.")


def test_none_are_set_where_none_are_wanted():
    for index in range(3):
        rendered = render_document(4, index, dpi=72, tables=0, figures=0)
        assert not {"table", "figure", "caption"} & {region.kind for region in rendered.regions}


# --- Folds ----------------------------------------------------------------------------------------


def test_folds_bend_photographs_and_are_told():
    folded = document("photographed", 3, folds=True)
    flat = document("photographed", 3)
    assert folded.details["creases"]
    assert "creases" not in flat.details
    assert folded.text == flat.text
    assert folded.point_map.matrix is None
    outline = next(r for r in folded.regions if r.kind in ("figure", "table")).polygon
    assert len(outline) == 64


def test_a_scanner_presses_folds_flat():
    scan = document("scanned", 3, folds=True)
    flat = document("scanned", 3)
    height, width = scan.image.shape[:2]
    corners = np.array([[50, 50], [width - 50, height - 50.0]])
    angle = np.deg2rad(scan.details["skew_degrees"])
    assert flat.image.shape[:2] == (height, width)
    middle = np.array([width / 2, height / 2])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = (scan.point_map(corners) - middle) @ turn + middle
    np.testing.assert_allclose(back, corners, atol=0.02 * height)


# --- Tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_cells_take_every_place_once(seed):
    table = make_table(STYLE, np.random.default_rng(seed), "training", 700)
    taken = np.zeros((table.rows, len(table.column_widths)), int)
    for cell in table.cells:
        taken[cell.row : cell.row + cell.rows, cell.column : cell.column + cell.columns] += 1
    np.testing.assert_array_equal(taken, 1)
    assert table.rules in TABLE_RULES
    heads = [cell.bold for cell in table.cells if cell.row < table.head]
    assert all(heads)


def test_tables_span_and_their_numbers_are_aligned():
    spans, aligned = set(), 0
    for seed in range(14):
        table = make_table(STYLE, np.random.default_rng(seed), "training", 900)
        spans |= {(cell.rows, cell.columns) for cell in table.cells}
        sheet = RegionSheet((1200, 1200))
        draw_table(sheet, table, STYLE, 100, 100)
        assert sheet.regions[0].kind == "table"
        ends = {}
        for region in sheet.regions[1:]:
            row, column, _, columns = region.cell
            for number in region.lines:
                quad = sheet.lines[number].quad
                left, top = region.polygon[0]
                right, bottom = region.polygon[2]
                assert quad[:, 0].min() > left - 1
                assert quad[:, 0].max() < right + 1
                assert quad[:, 1].min() > top - 1
                assert quad[:, 1].max() < bottom + 1
                if row >= table.head and sheet.lines[number].text[-1].isdigit() and columns == 1:
                    ends.setdefault(column, []).append(quad[1, 0])
        for places in ends.values():
            assert np.ptp(places) < 0.35 * table.size  # digits differ in their side bearings
            aligned += len(places) > 2
    assert aligned > 10
    assert {(1, 1), (2, 1)} < spans
    assert any(columns > 1 for _, columns in spans)


def test_a_grid_is_open_where_a_cell_spans():
    for seed in range(200):
        table = make_table(STYLE, np.random.default_rng(seed), "training", 900)
        wide = [cell for cell in table.cells if cell.columns > 1]
        if table.rules == "grid" and wide:
            break
    sheet = RegionSheet((1200, 1200))
    draw_table(sheet, table, STYLE, 100.0, 100.0)
    x = 100 + np.cumsum([0, *table.column_widths])
    cell = wide[0]
    inner = round(x[cell.column + 1])
    spanned = sheet.coverage[104 : round(100 + table.row_height) - 4, inner - 1 : inner + 2]
    below = sheet.coverage[
        round(100 + table.row_height) + 4 : round(100 + 2 * table.row_height) - 4,
        inner - 1 : inner + 2,
    ]
    assert below.max(axis=1).min() > 0.4  # a rule from top to bottom
    assert spanned.max(axis=1).min() < 0.1  # here only letters may stand


def test_rules_under_rows_do_not_cross_a_label_of_two_rows():
    for seed in range(300):
        table = make_table(STYLE, np.random.default_rng(seed), "training", 900)
        tall = [cell for cell in table.cells if cell.row >= table.head and cell.rows > 1]
        if table.rules == "rows" and tall:
            break
    sheet = RegionSheet((1200, 1200))
    draw_table(
        sheet, replace(table, cells=tuple(replace(c, text="") for c in table.cells)), STYLE, 50, 50
    )
    x = np.round(50 + np.cumsum([0, *table.column_widths])).astype(int)
    label = tall[0]
    inked = [
        sheet.coverage[round(50 + row * table.row_height), x[0] + 3 : x[-1] - 2] > 0.4
        for row in range(table.head, table.rows + 1)
    ]
    for row, ink in enumerate(inked, start=table.head):
        own = x[label.column + 1] - x[0] - 6
        if row == label.row + 1:
            assert not ink[:own].any()
            assert ink[own + 6 :].all()
        else:
            assert ink.all()


# --- Figures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tone", [0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
def test_halftone_keeps_the_tone(tone):
    dots = halftone(np.full((300, 300), tone, np.float32), 300)
    assert dots.mean() == pytest.approx(tone, abs=0.02)
    assert np.mean((dots < 0.05) | (dots > 0.95)) > (0.6 if 0 < tone < 1 else 0.999)


def test_halftone_has_its_ruling_at_45_degrees():
    dots = halftone(np.full((400, 400), 0.3, np.float32), 400, ruling=50)
    spectrum = np.abs(np.fft.fft2(dots - dots.mean()))
    row, column = np.unravel_index(spectrum[:200, :200].argmax(), (200, 200))
    assert row == column  # waves along the diagonal
    # 50 rows an inch over an inch of picture, along each of two diagonals.
    assert np.hypot(row, column) == pytest.approx(50, abs=2)


@pytest.mark.parametrize("kind", FIGURES)
def test_figures_stay_in_their_box_and_are_labelled(kind):
    for seed in range(3):
        sheet = RegionSheet((500, 700))
        box = (60.0, 50.0, 620.0, 430.0)
        draw_figure(sheet, STYLE, np.random.default_rng(seed), "training", box, kind)
        outside = sheet.coverage.copy()
        outside[47:434, 57:624] = 0
        assert outside.sum() == 0
        assert sheet.coverage.sum() > 1000
        (region,) = sheet.regions
        assert region.kind == "figure"
        assert (len(region.lines) > 0) == (kind != "photograph")
        quads = [Polygon(line.quad) for line in sheet.lines]
        for place, one in enumerate(quads):
            for other in quads[place + 1 :]:
                assert one.intersection(other).area < 0.2 * min(one.area, other.area)


def test_rules_cover_pixels_by_their_share():
    sheet = RegionSheet((6, 8))
    sheet.fill(0.5, 0.75, 3.5, 2.0)
    np.testing.assert_allclose(sheet.coverage[1, 1:4], 0.75)
    np.testing.assert_allclose(sheet.coverage[2, 1:4], 0.5)
    assert sheet.coverage.sum() == pytest.approx(3 * 1.25)
    sheet.fill(-5, -5, 20, 20)
    assert sheet.coverage.min() == 1
    sheet.fill(9, 9, 12, 12)  # beyond the sheet


def test_printable_leaves_out_what_the_font_lacks():
    assert printable("a <  b", FONTS["Computer Modern Roman"]) == "a b"


# --- Samples, repeatability, errors ---------------------------------------------------------------


def test_document_sample_tells_all():
    sample = document_sample(4, 1, look="scanned", dpi=72, tables=1)
    rendered = render_document(4, 1, look="scanned", dpi=72, tables=1)
    check_sample(sample)
    assert sample.text == rendered.text
    np.testing.assert_array_equal(sample.image, rendered.image)
    assert len(sample.details["regions"]) == len(rendered.regions)
    for number, line in enumerate(sample.instances):
        assert line.level == "line"
        assert line.attributes == (rendered.kind_of_line(number),)
        assert " ".join(word.text for word in line.parts) == line.text
    assert page_from_sample(sample).text == rendered.page.text


def digest(rendered):
    quads = [line.quad for line in rendered.page.lines] + [r.polygon for r in rendered.regions]
    content = rendered.image.tobytes() + np.concatenate(quads).tobytes() + rendered.text.encode()
    return hashlib.sha256(content).hexdigest()


def test_same_seed_and_index_give_the_same_bytes_in_any_order():
    def make(index, look="scanned"):
        return digest(render_document(9, index, look=look, dpi=72, tables=0, figures=1))

    forwards = [make(index) for index in range(2)]
    backwards = [make(index) for index in reversed(range(2))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 2
    assert digest(render_document(9, 0, split="benchmark", dpi=72)) != make(0, "clean")


def test_a_document_in_another_look_is_the_same_document():
    assert len({document(look, 3).text for look in LOOKS}) == 1
    kinds = {tuple(region.kind for region in document(look, 3).regions) for look in LOOKS}
    assert len(kinds) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: render_document(look="faxed"), "look must be one of"),
        (lambda: render_document(columns=3), "columns must lie in"),
        (lambda: render_document(tables=5), "tables must lie in"),
        (lambda: render_document(figures=-1), "figures must lie in"),
        (lambda: render_document(dpi=20), "dpi must lie in"),
        (lambda: render_document(split="test"), "split must be one of"),
        (lambda: document_sample(-1), "seed must lie in"),
        (lambda: halftone(np.zeros((3, 3, 3)), 100), "tone must have shape"),
        (lambda: halftone(np.zeros((3, 3)), 0), "dpi must lie in"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

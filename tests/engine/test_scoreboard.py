import json
import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from shapely import Polygon

from ocrlearn.document import Line, Page, Word
from ocrlearn.engine import scoreboard as board
from ocrlearn.engine.scoreboard import Finding, Score
from ocrlearn.geometry import box_to_quad, rotated_box_to_quad


def page(*lines):
    """Page of lines given as (text, box)."""
    made = []
    for text, box in lines:
        quad = box_to_quad(np.array(box, np.float32))
        made.append(Line(quad, [Word(word, quad, 1.0) for word in text.split()]))
    return Page(made, 100, 100)


@dataclass
class Sample:
    image: np.ndarray
    text: str
    page: Page | None = None
    ink: np.ndarray | None = None


class Parrot:
    """Reads what it was told to, in turn."""

    def __init__(self, *pages):
        self.pages = list(pages)
        self.calls = 0

    def read(self, image):
        self.calls += 1
        return self.pages[int(image[0, 0])]


def image(number):
    return np.full((4, 4), number, np.uint8)


def test_reading_by_hand():
    truth = [page(("the cat", [0, 0, 10, 4])), page(("sat", [0, 0, 10, 4]), ("up", [0, 6, 9, 9]))]
    samples = [Sample(image(n), p.text, p) for n, p in enumerate(truth)]
    reader = Parrot(
        page(("the hat", [0, 0, 10, 4])),  # one of seven characters, one of two words
        page(("sat", [0, 0, 10, 3])),  # IoU 3/4; the second line is missing: " up"
    )
    steps = []
    score = board.score_reading(
        reader,
        samples,
        method="parrot",
        benchmark="b",
        unit="page",
        parameters=5,
        after_each=lambda: steps.append(1),
    )
    assert score.cer == pytest.approx((1 + 3) / (7 + 6))
    assert score.wer == pytest.approx((1 + 1) / (2 + 2))
    assert score.lines == Finding(matched=2, found=2, present=3)
    assert (score.images, score.parameters, score.method) == (2, 5, "parrot")
    assert len(steps) == 2
    assert reader.calls == 3  # the first image twice
    assert score.milliseconds >= 0


def test_lines_are_not_scored_as_found_where_the_image_is_a_line_or_has_no_places():
    one = page(("a", [0, 0, 1, 1]))
    common = {"method": "m", "benchmark": "b"}
    as_line = board.score_reading(Parrot(one), [Sample(image(0), "a", one)], unit="line", **common)
    unknown = board.score_reading(Parrot(one), [Sample(image(0), "a")], unit="page", **common)
    assert as_line.lines is None
    assert unknown.lines is None
    with pytest.raises(ValueError, match="'b' holds no samples"):
        board.score_reading(Parrot(), [], unit="line", **common)


# --- Finding --------------------------------------------------------------------------------------


def test_finding_by_hand():
    finding = Finding(matched=6, found=8, present=12)
    assert finding.precision == 0.75
    assert finding.recall == 0.5
    assert finding.f == pytest.approx(0.6)
    assert Finding(0, 0, 5).precision == Finding(0, 5, 0).recall == Finding(0, 0, 0).f == 0


def test_a_line_found_twice_counts_once_and_the_better_one_counts():
    there = [box_to_quad([0, 0, 10, 2])]
    found = [box_to_quad([0, 0, 10, 3]), box_to_quad([0, 0, 10, 2])]
    assert board.find_overlaps(found, there) == [(1, 0)]


def test_overlap_of_just_one_half():
    there = [box_to_quad([0, 0, 10, 2])]
    assert board.find_overlaps([box_to_quad([0, 0, 5, 2])], there) == [(0, 0)]
    assert board.find_overlaps([box_to_quad([0, 0, 4.99, 2])], there) == []
    assert board.find_overlaps([], there) == board.find_overlaps(there, []) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_matching_against_shapely_and_the_best_assignment(seed, number_found, number_present):
    rng = np.random.default_rng(seed)

    def quads(number):
        boxes = np.column_stack(
            [
                rng.uniform(0, 20, (number, 2)),
                rng.uniform(5, 20, (number, 2)),
                rng.uniform(-1, 1, number),
            ]
        )
        return list(rotated_box_to_quad(boxes))

    found, present = quads(number_found), quads(number_present)
    overlap = np.array(
        [
            [Polygon(a).intersection(Polygon(b)).area / Polygon(a).union(Polygon(b)).area]
            for a in found
            for b in present
        ]
    ).reshape(number_found, number_present)
    matches = board.find_overlaps(found, present, 0.3)
    assert len({i for i, _ in matches}) == len({j for _, j in matches}) == len(matches)
    assert all(overlap[i, j] > 0.3 - 1e-6 for i, j in matches)
    # Greedy matching leaves no pair that could still be added, and is at least half the best.
    rest = overlap.copy()
    for i, j in matches:
        rest[i, :] = rest[:, j] = 0
    assert (rest < 0.3 + 1e-6).all()
    allowed = overlap > 0.3 + 1e-6
    best = allowed[linear_sum_assignment(allowed, maximize=True)].sum()
    assert len(matches) >= best / 2


# --- Ink ------------------------------------------------------------------------------------------


def test_score_binarization():
    ink = np.eye(6, dtype=bool)
    picture = np.where(ink, 0, 255).astype(np.uint8)
    samples = [Sample(picture, "", ink=ink), Sample(picture, "", ink=~ink)]
    common = {"method": "m", "benchmark": "b", "unit": "page"}
    score = board.score_binarization(lambda image: image < 128, samples, **common)
    assert score.ink_f == 0.5
    assert score.cer is None
    with pytest.raises(ValueError, match="does not know the ink"):
        board.score_binarization(lambda image: image < 128, [Sample(picture, "")], **common)


# --- Keeping and printing -------------------------------------------------------------------------

SCORES = [
    Score("lines", "slow", "line", 4, 12.34, cer=0.25, wer=0.5, parameters=12345),
    Score("lines", "fast", "line", 4, 1.2, cer=0.0512, wer=0.2),
    Score("pages", "slow", "page", 2, 2000.0, cer=0.1, wer=0.2, lines=Finding(1, 2, 4)),
    Score("pages", "other", "page", 2, 3.0, cer=0.4, wer=0.6, peer=True),
    Score("pages", "otsu", "page", 2, 3.0, ink_f=0.7),
]


def test_scores_survive_the_file(tmp_path):
    path = tmp_path / "scores.json"
    board.save_scores(SCORES, path, machine={"processor": "an abacus"})
    scores, machine = board.load_scores(path)
    assert scores == SCORES
    assert machine == {"processor": "an abacus"}


def test_files_that_are_no_scores_are_named(tmp_path):
    path = tmp_path / "scores.json"
    with pytest.raises(FileNotFoundError, match="make scoreboard"):
        board.load_scores(path)
    for content in ("{", "[]", '{"scores": [{}], "machine": {}}'):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"scores\.json: not a record of scores"):
            board.load_scores(path)
    board.save_scores(SCORES, path, machine={})
    record = json.loads(path.read_text())
    record["scores"][0]["surprise"] = 1
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"unknown fields .*surprise"):
        board.load_scores(path)


def test_glance_table_by_hand():
    table = board.glance_table(SCORES, {"slow": "Slow one", "lines": "clean lines"})
    assert table.splitlines() == [
        "| method         | clean lines |      pages |",
        "| -------------- | ----------: | ---------: |",
        "| Slow one       |      25.0 % | **10.0 %** |",
        "| fast           |   **5.1 %** |          – |",
        "| *other (peer)* |           – |     40.0 % |",
    ]


def test_detail_table_leaves_out_empty_columns():
    header, _, *rows = board.detail_table(SCORES[:2]).splitlines()
    assert [cell.strip() for cell in header.strip("|").split("|")] == [
        "benchmark",
        "method",
        "images",
        "CER",
        "word errors",
        "ms per image",
        "parameters",
    ]
    assert re.search(r"25\.0 % +\| +50\.0 % +\| +12 +\| +12,345 \|$", rows[0])
    with_lines = board.detail_table(SCORES)
    assert "| lines P | lines R | lines F | ink F |" in re.sub(" +", " ", with_lines)
    assert "50.0 %" in with_lines.splitlines()[4]  # one of two found
    assert "25.0 %" in with_lines.splitlines()[4]  # one of four there


def test_markers():
    document = "a\n<!-- t begin -->\nold\n<!-- t end -->\nz\n"
    new = board.replace_between_markers(document, "t", "new\nrows\n")
    assert new == "a\n<!-- t begin -->\nnew\nrows\n<!-- t end -->\nz\n"
    assert board.replace_between_markers(new, "t", "new\nrows") == new
    with pytest.raises(ValueError, match="<!-- x begin -->"):
        board.replace_between_markers(document, "x", "")
    with pytest.raises(ValueError, match="once, got 2"):
        board.replace_between_markers(document + document, "t", "")
    with pytest.raises(ValueError, match="before"):
        board.replace_between_markers("<!-- t end --><!-- t begin -->", "t", "")


def test_the_tables_in_the_documentation_are_those_of_the_stored_scores():
    path = board.results_path()
    document = (path.parents[2] / "docs" / "scoreboard.md").read_text(encoding="utf-8")
    scores, machine = board.load_scores()
    for score in scores:
        if score.cer is not None:
            assert f"{100 * score.cer:.1f} %" in document
    for value in machine.values():
        assert value in document

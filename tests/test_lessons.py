"""Every chapter of the course: header, notebook, exercises, code shown.

That the outputs still hold is for nbval to say: ``make test`` runs every notebook as well.
"""

from pathlib import Path

import nbformat
import pytest

from ocrlearn.course import build, proof
from ocrlearn.course.chapters import chapters, read_chapter
from ocrlearn.course.exercise import all_exercises
from ocrlearn.course.notebook import read_lesson

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "lessons").glob("*.py"))
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def this_course(monkeypatch):
    monkeypatch.delenv("OCRLEARN_HOME", raising=False)


@each_lesson
def test_notebook_is_in_step_with_its_lesson(lesson):
    assert build.problems(read_chapter(lesson)) == []


@each_lesson
def test_exercises_and_shown_code_are_proven(lesson):
    assert proof.chapter_problems(read_chapter(lesson)) == []


@each_lesson
def test_chapter_has_what_every_chapter_has(lesson):
    """Enough to see, enough to do, and something that is claimed and compared."""
    chapter = read_chapter(lesson)
    code = [cell for cell in read_lesson(chapter).cells if cell.cell_type == "code"]
    assert 2 <= sum("### BEGIN SOLUTION" in cell.source for cell in code) <= 4
    assert any("claim(" in cell.source for cell in code)
    assert any("nbval-check-output" in cell.metadata.get("tags", []) for cell in code)
    built = nbformat.read(chapter.notebook, as_version=4)
    outputs = [output for cell in built.cells for output in cell.get("outputs", [])]
    pages = [output.get("data", {}).get("text/html", "") for output in outputs]
    assert sum(page.count("<img ") for page in pages) >= 4


def test_chapters_have_different_numbers():
    chapters(ROOT)


def test_every_notebook_has_its_lesson():
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks <= {path.stem for path in LESSONS}


def test_every_exercise_module_has_its_lesson():
    numbers = {int(path.name[:2]) for path in LESSONS}
    assert {int(exercise.number.partition(".")[0]) for exercise in all_exercises()} <= numbers

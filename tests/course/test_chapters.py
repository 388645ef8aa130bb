import re

import pytest

from ocrlearn.course import chapters


def rewrite(course, old, new):
    lesson = course / "lessons" / "02_ink.py"
    text = lesson.read_text("utf-8")
    assert old in text
    lesson.write_text(text.replace(old, new, 1), "utf-8")


def test_header_is_read(course):
    (chapter,) = chapters.chapters(course)
    assert (chapter.number, chapter.code, chapter.name) == (2, "02", "02_ink")
    assert chapter.title == "Counting ink"
    assert (chapter.part, chapter.minutes, chapter.budget) == ("I", 40, 90)
    assert chapter.needs == ("chapter 01", "indexing arrays: `a[y, x]`")
    assert chapter.outcomes[0] == "tell ink from paper with one threshold"
    assert chapter.notebook == course / "notebooks" / "02_ink.ipynb"


def test_budget_is_90_seconds_unless_told(course):
    rewrite(course, "#     budget: 90\n", "")
    assert chapters.find_chapter(2, course).budget == 90


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("#     title: Counting ink\n", "", "02_ink.py: the header lacks title"),
        ("title: Counting ink", "title: 7", "title must be text, got 7"),
        ("part: I", "part: IX", "part must be one of I, II, III, IV, V, VI, VII, VIII, got 'IX'"),
        ("minutes: 40", "minutes: soon", "minutes must be a whole number from 1 to 240"),
        ("budget: 90", "budget: 0", "budget must be a whole number from 1 to 600, got 0"),
        ("budget: 90", "budjet: 90", "does not know budjet; it knows title, summary"),
        ("[chapter 01, ", "[chapter 01, key: value, ", "needs must be a list of texts"),
        ("ocrlearn:", "other:", "must begin with a header"),
    ],
)
def test_faulty_header_is_named(course, old, new, message):
    rewrite(course, old, new)
    with pytest.raises(ValueError, match=re.escape(message)):
        chapters.chapters(course)


def test_file_name_is_checked(course):
    lesson = course / "lessons" / "02_ink.py"
    lesson.rename(lesson.with_name("ink.py"))
    with pytest.raises(ValueError, match="a lesson is called NN_topic"):
        chapters.chapters(course)


def test_two_lessons_of_one_number(course):
    lesson = course / "lessons" / "02_ink.py"
    lesson.with_name("02_other.py").write_text(lesson.read_text("utf-8"), "utf-8")
    with pytest.raises(ValueError, match=r"02_ink\.py and 02_other\.py share a number"):
        chapters.chapters(course)


def test_chapter_is_found_by_number(course):
    for number in (2, "2", "02"):
        assert chapters.find_chapter(number, course).number == 2
    with pytest.raises(LookupError, match="there is no chapter 7; there are 02"):
        chapters.find_chapter(7, course)


def test_home_without_lessons_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("OCRLEARN_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="set OCRLEARN_HOME"):
        chapters.home()

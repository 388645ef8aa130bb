import nbformat
import pytest

from ocrlearn.course import notebook
from ocrlearn.course.chapters import find_chapter


@pytest.fixture
def chapter(course):
    return find_chapter(2, course)


def add_to_lesson(chapter, text):
    with open(chapter.lesson, "a", encoding="utf-8") as file:
        file.write(text)


def test_composing_is_deterministic(chapter):
    assert nbformat.writes(notebook.compose(chapter)) == nbformat.writes(notebook.compose(chapter))


def test_notebook_is_valid_and_ids_are_unique(chapter):
    made = notebook.compose(chapter)
    nbformat.validate(made)
    ids = [cell.id for cell in made.cells]
    assert len(set(ids)) == len(ids)


def test_ids_survive_an_insertion(chapter):
    before = {cell.source: cell.id for cell in notebook.compose(chapter).cells}
    text = chapter.lesson.read_text("utf-8")
    chapter.lesson.write_text(text.replace("\n# %%\n", "\n# %%\nprint(1)\n\n# %%\n", 1), "utf-8")
    after = {cell.source: cell.id for cell in notebook.compose(chapter).cells}
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()


def test_equal_cells_get_different_ids(chapter):
    add_to_lesson(chapter, "\n# %%\nprint(1)\n\n# %%\nprint(1)\n")
    first, second = notebook.compose(chapter).cells[-2:]
    assert first.source == second.source
    assert first.id != second.id


def test_frame_shows_the_header(chapter):
    frame = notebook.compose(chapter).cells[0].source
    assert frame.startswith("# 02 · Counting ink\n")
    assert "`40 minutes`" in frame
    assert "`runs within 90 s on two cores`" in frame
    assert "- sum any rectangle with four look-ups" in frame
    assert "chapter 01; indexing arrays: `a[y, x]`." in frame


def test_solution_is_replaced_by_a_stub(chapter):
    sources = [cell.source for cell in notebook.compose(chapter).cells]
    (stub,) = [source for source in sources if source.startswith("def ink_share")]
    assert stub.split("\n") == [
        "def ink_share(image, threshold):",
        '    """Return the share of pixels of `image` darker than `threshold`."""',
        "    # Your code here, in place of the next line. Stuck? Open a hint above.",
        "    raise NotImplementedError",
    ]
    assert not any("SOLUTION" in source for source in sources)


def test_heading_is_completed_and_hints_folded(chapter):
    (text,) = [
        cell.source
        for cell in notebook.compose(chapter).cells
        if cell.source.startswith("## Exercise")
    ]
    assert text.startswith("## Exercise 2.1 · The share of ink ★☆☆\n\nWrite `ink_share")
    assert text.count("<details><summary>Hint") == 2


def test_heading_may_stand_below_other_text(chapter):
    text = chapter.lesson.read_text("utf-8")
    text = text.replace("# ## Exercise 2.1\n", "# So much for that.\n#\n# ### Exercise 2.1\n")
    chapter.lesson.write_text(text, "utf-8")
    (cell,) = [c for c in notebook.compose(chapter).cells if "### Exercise" in c.source]
    assert cell.source.startswith("So much for that.\n\n### Exercise 2.1 · The share of ink ★☆☆\n")
    assert cell.source.endswith("</details>")


def test_tags_are_kept_and_nothing_else(chapter):
    add_to_lesson(chapter, '\n# %% tags=["a-tag"] slideshow={"slide_type": "skip"}\nprint(1)\n')
    assert notebook.compose(chapter).cells[-1].metadata == {"tags": ["a-tag"]}


def test_hash_follows_lesson_and_exercises(chapter, course):
    first = notebook.source_hash(chapter)
    exercises = course / "exercises" / "ch02.py"
    text = exercises.read_text("utf-8")
    exercises.write_text(text.replace("Its mean", "Their mean"), "utf-8")
    second = notebook.source_hash(chapter)
    add_to_lesson(chapter, "\n# one more remark\n")
    third = notebook.source_hash(chapter)
    assert len({first, second, third}) == 3
    exercises.write_text(text, "utf-8")
    assert notebook.source_hash(chapter) != first


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('check("2.1", ink_share)', "pass", "the lesson checks exercises none"),
        ('check("2.1", ink_share)', 'check("2.2", ink_share)', "the lesson checks exercises 2.2"),
        ("## Exercise 2.1", "## An exercise", "needs a line '## Exercise N.M'"),
        ("def ink_share(", "def other(", "must define the name that the next check"),
        ("    ### END SOLUTION\n", "", "needs one '### BEGIN SOLUTION'"),
        ("np.mean(image < threshold)\n", "np.mean(\n", r"02_ink.py: code cell \d+, line 4: "),
    ],
)
def test_ill_fitting_exercises_are_explained(chapter, old, new, message):
    text = chapter.lesson.read_text("utf-8")
    assert old in text
    chapter.lesson.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ValueError, match=message):
        notebook.compose(chapter)


def test_teacher_gets_solutions_and_the_metadata_of_nbgrader(chapter, tmp_path, capsys):
    from ocrlearn.course import build

    assert build.main(["02", "--nbgrader", str(tmp_path / "source")]) == 0
    written = tmp_path / "source" / "02_ink" / "02_ink.ipynb"
    assert capsys.readouterr().out == f"{written}\n"
    notebook_for_teachers = nbformat.read(written, as_version=4)
    nbformat.validate(notebook_for_teachers)
    marked = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in notebook_for_teachers.cells
        if "nbgrader" in cell.metadata
    }
    assert set(marked) == {"answer-2-1", "check-2-1"}
    answer, check = marked["answer-2-1"], marked["check-2-1"]
    assert "    ### BEGIN SOLUTION\n    return np.mean(image < threshold)" in answer.source
    assert answer.metadata.nbgrader == {
        "grade": False,
        "grade_id": "answer-2-1",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }
    assert check.metadata.nbgrader == {
        "grade": True,
        "grade_id": "check-2-1",
        "locked": True,
        "points": 1,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }

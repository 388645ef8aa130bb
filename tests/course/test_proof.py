import pytest

from ocrlearn.course import proof
from ocrlearn.course.chapters import find_chapter


def problems(course):
    return proof.chapter_problems(find_chapter(2, course))


def test_guide_example_is_proven(course):
    assert problems(course) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "lessons/02_ink.py",
            "    return np.mean(image < threshold)\n",
            "    return np.mean(image > threshold)\n",
            "its solution is wrong",
        ),
        (
            "lessons/02_ink.py",
            "def ink_share(image, threshold):",
            "def ink_share(image, threshold=table[0, 0]):",
            "does not run alone: NameError: name 'table' is not defined",
        ),
        (
            "lessons/02_ink.py",
            "    ### BEGIN SOLUTION\n",
            "    share = np.mean(image < threshold)\n    return share\n    ### BEGIN SOLUTION\n",
            "its stub is solved instead of inviting",
        ),
        (
            "exercises/ch02.py",
            "lambda image, t: np.mean(image <= t)",
            "lambda image, t: np.mean(image < t)",
            "the wrong answer 'on the threshold' is solved",
        ),
        (
            "exercises/ch02.py",
            '"divide by the number"',
            '"something else"',
            "the wrong answer 'counts' must hear 'something else'",
        ),
        (
            "exercises/ch02.py",
            'lambda image, t: np.mean(image > t), "Ink is dark"',
            'lambda image, t: 2 * np.sum(image > t), "divide by"',
            "hear the same, 'divide by'",
        ),
        (
            "lessons/02_ink.py",
            "image.dtype.kind",
            "image.dtype.char",
            "differs from the library",
        ),
        (
            "lessons/02_ink.py",
            "integral.integral_image_reference",
            "integral.no_such_thing",
            "the library has no function or class ocrlearn.ops.integral.no_such_thing",
        ),
        (
            "lessons/02_ink.py",
            "integral_image_reference\n",
            "integral_image_reference\n\n",
            "must stand directly above",
        ),
        ("lessons/02_ink.py", "# ## Summary", "# ## The end", "no section '## Summary'"),
        ("lessons/02_ink.py", "# ## References", "# ## Sources", "no section '## References'"),
        ("lessons/02_ink.py", "# ## A page\n", "# ## A page\n# ![](x.png)\n", "no alt text"),
        (
            "lessons/02_ink.py",
            "# ## A page\n",
            "# ## A page\n# See [there](03_absent.ipynb).\n",
            "a link leads nowhere: 03_absent.ipynb",
        ),
        (
            "lessons/02_ink.py",
            "# ## Exercise 2.1\n",
            "# ## Question\n",
            "needs a line '## Exercise N.M'",
        ),
    ],
)
def test_every_fault_is_found(course, file, old, new, message):
    path = course / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    assert any(message in problem for problem in problems(course)), problems(course)


def test_good_links_are_accepted(course):
    lesson = course / "lessons" / "02_ink.py"
    (course / "notebooks" / "01_journey.ipynb").touch()
    links = "[a](01_journey.ipynb#part) [b](https://x.org/y) [c](../exercises/ch02.py) [d](#here)"
    text = lesson.read_text("utf-8").replace("# ## A page\n", f"# ## A page\n# {links}\n")
    lesson.write_text(text, "utf-8")
    assert problems(course) == []

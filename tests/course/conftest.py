"""A course of one chapter, made from the example in docs/writing-a-chapter.md."""

import importlib
import re
import sys
from pathlib import Path

import pytest

import ocrlearn.course.exercises

GUIDE = Path(__file__).parents[2] / "docs" / "writing-a-chapter.md"


def guide_examples() -> tuple[str, str]:
    """Return the guide's lesson and its exercise module."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    lesson = next(block for block in blocks if block.startswith("# ---"))
    exercises = next(block for block in blocks if "EXERCISES = [" in block)
    return lesson, exercises


def write_course(root: Path) -> Path:
    lesson, exercises = guide_examples()
    for folder in ("lessons", "notebooks", "exercises"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "lessons" / "02_ink.py").write_text(lesson, "utf-8")
    (root / "exercises" / "ch02.py").write_text(exercises, "utf-8")
    return root


def forget_exercises() -> None:
    """Drop imported exercise modules, so that the next import looks at the course in use."""
    for name in [name for name in sys.modules if name.startswith("ocrlearn.course.exercises.")]:
        del sys.modules[name]
    for name in [name for name in vars(ocrlearn.course.exercises) if re.fullmatch(r"ch\d\d", name)]:
        delattr(ocrlearn.course.exercises, name)
    importlib.invalidate_caches()


def use_course(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `root` the course of this process and of the kernels it starts."""
    monkeypatch.setenv("OCRLEARN_HOME", str(root))
    monkeypatch.setattr(ocrlearn.course.exercises, "__path__", [str(root / "exercises")])


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A fresh course, not built."""
    forget_exercises()
    root = write_course(tmp_path / "course")
    use_course(root, monkeypatch)
    yield root
    forget_exercises()


@pytest.fixture(scope="session")
def built_once(tmp_path_factory):
    """The course, built; not to be changed."""
    from ocrlearn.course import build, chapters

    root = write_course(tmp_path_factory.mktemp("built") / "course")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_exercises()
        use_course(root, monkeypatch)
        (chapter,) = chapters.chapters(root)
        build.build(chapter)
        forget_exercises()
    return root


@pytest.fixture
def built(built_once, tmp_path, monkeypatch):
    """A copy of the built course, to be changed at will."""
    import shutil

    forget_exercises()
    root = tmp_path / "course"
    shutil.copytree(built_once, root)
    use_course(root, monkeypatch)
    yield root
    forget_exercises()

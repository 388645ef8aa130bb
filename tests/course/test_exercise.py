import numpy as np
import pytest

from ocrlearn.course import exercise
from ocrlearn.course.exercise import Exercise, WrongAnswer, require, require_close


def check_double(double, rng):
    x = int(rng.integers(3, 100))
    require(double(x) != x * x, "Double, not square: x + x.")
    require_close(double(x), 2 * x, "Twice the number is wanted.")


def make(**changes):
    fields = {
        "number": "2.9",
        "title": "Doubling",
        "stars": 2,
        "hints": ["Add.", "x + x"],
        "check": check_double,
        "wrong": {"a": (1, "1"), "b": (2, "2"), "c": (3, "3")},
        "praise": "Now halve.",
    }
    return Exercise(**{**fields, **changes})


def unsolved(*_):
    raise NotImplementedError


def test_verdicts():
    assert str(exercise.grade(make(), lambda x: 2 * x)) == "✓ Exercise 2.9: solved.\nNow halve."
    wrong = exercise.grade(make(), lambda x: x * x, seed=3)
    assert str(wrong).split("\n") == [
        "✗ Exercise 2.9: not yet.",
        "Double, not square: x + x.",
        'The same input again: check("2.9", ..., seed=3)',
    ]
    for stub in (unsolved, ...):
        verdict = exercise.grade(make(), stub)
        assert verdict.status == "unsolved"
        assert "“Doubling” (★★☆)" in verdict.message
        assert "`ocrlearn hint 2.9`" in verdict.message


def test_inputs_are_drawn_afresh_and_a_seed_repeats_them():
    seen = []

    def remember(answer, rng):
        seen.append(int(rng.integers(0, 2**62)))

    spy = make(check=remember, rounds=4)
    exercise.grade(spy, None)
    exercise.grade(spy, None)
    assert len(set(seen)) == 8
    exercise.grade(spy, None, seed=5)
    exercise.grade(spy, None, seed=5)
    assert seen[8] == seen[9]
    assert len(seen) == 10


def test_printed_seed_repeats_the_failure():
    def sometimes(answer, rng):
        require(rng.random() < 0.6, "An unlucky number.")

    unlucky = make(check=sometimes, rounds=40)
    verdict = exercise.grade(unlucky, None)
    assert exercise.grade(unlucky, None, seed=verdict.seed) == verdict


def test_error_in_the_answer_names_its_line():
    def broken(x):
        y = x
        return y[0]

    message = exercise.grade(make(), broken).message
    assert "Your code raised TypeError: 'int' object is not subscriptable" in message
    assert message.endswith("return y[0]")


def test_unusable_answer_is_not_a_crash():
    message = exercise.grade(make(), 7).message
    assert "The check could not work with your answer" in message
    assert "'int' object is not callable" in message


@pytest.mark.parametrize(
    ("got", "message"),
    [
        (None, "is there a `return`"),
        ([1, 2], r"shape \(2,\), and shape \(3,\) is wanted"),
        ([[1], [2, 3]], r"array of shape \(3,\) is wanted"),
        (["a", "b", "c"], "Numbers are wanted"),
        ([1, 2, 4], r"count again\ngot    \[1, 2, 4\]\nwanted \[1, 2, 3\]"),
        ([1, 2, np.nan], "count again"),
    ],
)
def test_require_close_explains(got, message):
    with pytest.raises(WrongAnswer, match=message):
        require_close(got, [1, 2, 3], "count again")


def test_require_close_accepts_within_tolerance():
    require_close(np.float32(0.3), 0.30001, "no", atol=1e-3)
    require_close([np.nan, 1], [np.nan, 1], "no")
    with pytest.raises(WrongAnswer, match="One number is wanted, got an array"):
        require_close([1.0, 2.0], 1.0, "no")
    with pytest.raises(WrongAnswer, match="no"):
        require_close(0.3, 0.301, "no", atol=1e-4)


def test_check_prints_and_does_not_raise(course, capsys, monkeypatch):
    for name in ("NBGRADER_EXECUTION", "NBGRADER_VALIDATING", "OCRLEARN_STRICT"):
        monkeypatch.delenv(name, raising=False)
    exercise.check("2.1", unsolved)
    exercise.check("2.1", lambda image, threshold: np.mean(image > threshold))
    exercise.check("2.1", lambda image, threshold: np.mean(image < threshold))
    out = capsys.readouterr().out
    assert "waiting for you" in out
    assert "✗ Exercise 2.1: not yet.\nInk is dark" in out
    assert "That is thresholding, in one line." in out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NBGRADER_EXECUTION", "autograde"),
        ("NBGRADER_EXECUTION", "validate"),
        ("NBGRADER_VALIDATING", "1"),
        ("OCRLEARN_STRICT", "1"),
    ],
)
def test_check_raises_under_nbgrader(course, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongAnswer, match="waiting for you"):
        exercise.check("2.1", unsolved)
    with pytest.raises(WrongAnswer, match="Ink is dark"):
        exercise.check("2.1", lambda image, threshold: np.mean(image > threshold))
    exercise.check("2.1", lambda image, threshold: np.mean(image < threshold))


def test_hints_are_graded(course, capsys):
    exercise.hint("2.1")
    assert capsys.readouterr().out == (
        "Hint 1 of 2 to exercise 2.1\n`image < threshold` is an array of booleans.\n\n"
        'Not enough? `hint("2.1", 2)` says more.\n'
    )
    exercise.hint("2.1", 2)
    assert capsys.readouterr().out.endswith("Its mean is a share.\n")
    with pytest.raises(ValueError, match=r"has hints 1 to 2, got level 3"):
        exercise.hint("2.1", 3)


@pytest.mark.parametrize("number", ["2.7", "7.1", "seven", "2"])
def test_unknown_exercise_lists_those_there_are(course, number):
    with pytest.raises(LookupError, match=rf"no exercise '{number}'; there are 2\.1"):
        exercise.check(number, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": "2"}, "numbered like '6.2'"),
        ({"stars": 4}, "stars must be 1, 2 or 3"),
        ({"hints": []}, "one to three texts"),
        ({"hints": "Add."}, "one to three texts"),
        ({"hints": list("abcd")}, "one to three texts"),
        ({"wrong": {"a": (1, "1"), "b": (2, "2")}}, "at least three wrong answers, got 2"),
    ],
)
def test_declaration_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('number="2.1"', 'number="3.1"', "lists exercise 3.1 of another chapter"),
        ("EXERCISES = [", "EXERCISES = 2 * [", "lists exercise 2.1 twice"),
    ],
)
def test_module_is_checked(course, old, new, message):
    module = course / "exercises" / "ch02.py"
    module.write_text(module.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(ValueError, match=message):
        exercise.load_exercises(2)


def test_html_is_escaped_and_sets_code():
    shown = exercise.Verdict("2.9", "wrong", "use `a < b` & not <b>", 3)._repr_html_()
    assert "<code>a &lt; b</code> &amp; not &lt;b&gt;" in shown
    assert "seed=3" in shown

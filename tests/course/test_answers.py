import nbformat
import pytest

from ocrlearn.course import answers


def code(*sources):
    return [nbformat.v4.new_code_cell(source) for source in sources]


def test_tasks_are_found_by_their_checks():
    cells = [
        *code("import math", "def f(x):\n    return x", 'check("2.1", f)', "y = 3"),
        nbformat.v4.new_markdown_cell('check("9.9", f)'),
        *code('course.check("2.2", y, seed=4)', "check(number, f)", "# check('2.3', f)"),
    ]
    assert answers.find_tasks(cells) == [
        answers.Task("2.1", "f", 1, 2),
        answers.Task("2.2", "y", 3, 5),
    ]


def test_last_definition_before_the_check_counts():
    cells = code("f = 1", "f = 2", 'check("2.1", f)', "f = 3")
    (task,) = answers.find_tasks(cells)
    assert answers.run_answer(cells, task) == 2


def test_only_definitions_before_the_answer_are_run():
    cells = code(
        "import math\nPAPER = 230\nSIZES = (1, 2)\nraise SystemExit",
        "%matplotlib inline\n!ls\nslow = compute()\nslow[0] = 1",
        "def double(x, times=slow):\n    return 0",
        "def twice(x):\n    return 2 * x",
        "def answer(x):\n    return math.floor(twice(x)) + PAPER + SIZES[1]",
        'check("2.1", answer)',
    )
    (task,) = answers.find_tasks(cells)
    assert answers.run_answer(cells, task)(1.2) == 2 + 230 + 2


def test_missing_or_broken_answers_raise():
    cells = code('check("2.1", f)')
    with pytest.raises(LookupError, match="no cell before"):
        answers.run_answer(cells, answers.find_tasks(cells)[0])
    cells = code("f = 1 / 0", 'check("2.1", f)')
    with pytest.raises(ZeroDivisionError):
        answers.run_answer(cells, answers.find_tasks(cells)[0])


def test_cells_that_are_not_python_are_passed_over():
    cells = code("%%bash\nls -l *.png", "f = 1", 'check("2.1", f)')
    assert answers.find_tasks(cells) == [answers.Task("2.1", "f", 1, 2)]


def test_stub_keeps_what_stands_around_the_marks():
    source = (
        "class Stack:\n    def push(self, x):\n        self.n = 1\n        ### BEGIN SOLUTION\n"
        "        self.items.append(x)\n\n        ### END SOLUTION\n\nstack = Stack()"
    )
    assert answers.stub_cell(source, "6.2").split("\n") == [
        "class Stack:",
        "    def push(self, x):",
        "        self.n = 1",
        "        # Your code here, in place of the next line. Stuck? Open a hint above.",
        "        raise NotImplementedError",
        "",
        "stack = Stack()",
    ]


def test_stub_of_values_binds_their_names():
    source = "### BEGIN SOLUTION\na, b = 1, 2\nc: int = 3\na += 1\n### END SOLUTION\nprint(a)"
    assert answers.stub_cell(source, "6.2").split("\n") == [
        "# Your value here, in place of the dots. Stuck? Open a hint above.",
        "a = ...",
        "b = ...",
        "c = ...",
        "print(a)",
    ]


def test_own_stub_is_indented_like_the_solution():
    source = "def f(x):\n    ### BEGIN SOLUTION\n    return x + 1\n    ### END SOLUTION"
    stub = "if x > 0:\n    return x - 1  # mend me\n\nreturn x"
    assert answers.stub_cell(source, "6.2", stub).split("\n") == [
        "def f(x):",
        "    if x > 0:",
        "        return x - 1  # mend me",
        "",
        "    return x",
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", "needs one '### BEGIN SOLUTION'"),
        ("### END SOLUTION\nx = 1\n### BEGIN SOLUTION", "needs one"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION", "needs one"),
        ("### BEGIN SOLUTION\ndef f():\n    pass\n### END SOLUTION", "inside the function"),
    ],
)
def test_misplaced_marks_are_explained(source, message):
    with pytest.raises(ValueError, match=f"exercise 6.2: .*{message}"):
        answers.stub_cell(source, "6.2")


def test_solution_drops_the_marks_only():
    source = "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
    assert answers.solution(source) == "def f(x):\n    return x"

"""Exercise cells in lessons and notebooks: where they are, their solutions, their stubs, a run.

In a lesson an exercise is a markdown cell with the line ``## Exercise 2.1``, a code cell with the
solution between nbgrader's marks, and a code cell that checks it::

    # %%
    def threshold(image):
        ### BEGIN SOLUTION
        return image.mean()
        ### END SOLUTION

    # %%
    check("2.1", threshold)

The learner's notebook holds a stub where the solution was. Nothing here runs a whole chapter: to
try a solution, :func:`run_answer` executes the imports, functions, classes and literal constants of
the cells before it, and the answer's own cell.
"""

import ast
import contextlib
import linecache
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ocrlearn.course.exercise import Exercise

__all__ = ["BEGIN", "END", "Task", "find_tasks", "run_answer", "solution", "stub_cell"]

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
HEADING = re.compile(r"^(?P<text>#{2,4} Exercise (?P<number>\d+\.\d+))[ \t]*$", re.MULTILINE)
"""The heading of an exercise in a lesson; its title comes from the exercise module."""


@dataclass(frozen=True)
class Task:
    """An exercise as it stands in a notebook.

    Attributes
    ----------
    number
        As in the check, e.g. "2.1".
    name
        What is checked: the name the learner's cell defines.
    answer_cell, check_cell
        Positions in the list of cells. The answer's cell is the last before the check that binds
        the name; None if there is none.
    """

    number: str
    name: str
    answer_cell: int | None
    check_cell: int


def find_tasks(cells: Sequence[Any]) -> list[Task]:
    """Return the exercises that the code cells check with ``check("N.M", name)``, in order."""
    tasks = []
    for position, cell in enumerate(cells):
        for number, name in _checks(cell):
            binding = [i for i in range(position + 1) if name in _bound_names(_parse(cells[i]))]
            tasks.append(Task(number, name, binding[-1] if binding else None, position))
    return tasks


def run_answer(cells: Sequence[Any], task: Task) -> Any:
    """Return what the answer's cell defines under the task's name.

    The cells before it contribute their imports, functions, classes and constants only, so the
    result does not depend on anything that takes long.

    Raises
    ------
    LookupError
        If no cell defines the name.
    Exception
        Whatever the answer's cell raises when it runs, SyntaxError included.
    """
    if task.answer_cell is None:
        for cell in cells[: task.check_cell]:
            if cell.cell_type == "code" and task.name in cell.source:
                ast.parse(_plain(cell.source), f"<answer {task.number}>")
        raise LookupError(f"no cell before check({task.number!r}, ...) defines {task.name}")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for position in range(task.answer_cell):
        for statement in _parse(cells[position]).body:
            if _is_definition(statement):
                # What rests on a computed value, such as a default, is left undefined like it.
                with contextlib.suppress(NameError):
                    _execute(ast.Module([statement], []), "", f"<cell {position + 1}>", namespace)
    source = _plain(cells[task.answer_cell].source)
    file = f"<answer {task.number}>"
    _execute(ast.parse(source, file), source, file, namespace)
    return namespace[task.name]


def solution(source: str) -> str:
    """Return the source of a lesson's answer cell without the marks."""
    return "\n".join(line for line in source.split("\n") if line.strip() not in (BEGIN, END))


def stub_cell(source: str, number: str, stub: str | None = None) -> str:
    """Return the source of an answer cell with a stub in place of its solution.

    Inside a function the stub raises NotImplementedError, which the check takes for an invitation;
    at the top level it binds the solution's names to an Ellipsis.

    Parameters
    ----------
    source
        Of the lesson's cell.
    number
        Of the exercise.
    stub
        The exercise's own stub, if it has one.

    Raises
    ------
    ValueError
        If the marks are missing, repeated or crossed, or a whole function lies between them.
    """
    lines = source.split("\n")
    begins = [i for i, line in enumerate(lines) if line.strip() == BEGIN]
    ends = [i for i, line in enumerate(lines) if line.strip() == END]
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise ValueError(
            f"exercise {number}: its cell needs one {BEGIN!r} and, below it, one {END!r}"
        )
    first, last = begins[0], ends[0]
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    if stub is not None:
        body = [indent + line if line else "" for line in stub.strip("\n").split("\n")]
    elif indent:
        body = [
            f"{indent}# Your code here, in place of the next line. Stuck? Open a hint above.",
            f"{indent}raise NotImplementedError",
        ]
    else:
        tree = ast.parse("\n".join(lines[first + 1 : last]))
        if any(isinstance(s, ast.FunctionDef | ast.ClassDef) for s in tree.body):
            raise ValueError(
                f"exercise {number}: put the marks inside the function, below its docstring, "
                "so that the learner keeps the signature"
            )
        body = [
            "# Your value here, in place of the dots. Stuck? Open a hint above.",
            *(f"{name} = ..." for name in _bound_names(tree)),
        ]
    return "\n".join([*lines[:first], *body, *lines[last + 1 :]])


def check_frame(cells: Sequence[Any], exercises: Sequence[Exercise], where: str) -> list[Task]:
    """Return the tasks of a lesson after checking that they and `exercises` fit together.

    Raises
    ------
    ValueError
        If a cell is not Python, a check has no exercise, an exercise no check, a check no solution
        above it, a solution no check below it, or the headings do not match.
    """
    for position, cell in enumerate(cells, start=1):
        if cell.cell_type == "code" and not cell.source.startswith("%%"):
            try:
                ast.parse(_plain(cell.source))
            except SyntaxError as error:
                raise ValueError(
                    f"{where}: code cell {position}, line {error.lineno}: {error.msg}: {error.text}"
                ) from None
    tasks = find_tasks(cells)
    checked = [task.number for task in tasks]
    listed = [exercise.number for exercise in exercises]
    if checked != listed:
        raise ValueError(
            f"{where}: the lesson checks exercises {', '.join(checked) or 'none'}; its exercise "
            f"module lists {', '.join(listed) or 'none'}; they must agree, in order"
        )
    marked = [
        i for i, cell in enumerate(cells) if cell.cell_type == "code" and BEGIN in cell.source
    ]
    answers = [task.answer_cell for task in tasks]
    if marked != answers:
        raise ValueError(
            f"{where}: every cell with {BEGIN!r} must define the name that the next check cell "
            f"checks; marked cells {marked}, cells that define a checked name {answers}"
        )
    headings = [number for cell in cells if (number := exercise_heading(cell))]
    if headings != listed:
        raise ValueError(
            f"{where}: every exercise needs a line '## Exercise N.M', alone, in a markdown cell of "
            f"its own; there are {', '.join(headings) or 'none'} for {', '.join(listed)}"
        )
    return tasks


def exercise_heading(cell: Any) -> str | None:
    """Return the number in ``## Exercise 2.1``, a line of a markdown cell, or None."""
    match = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
    return match["number"] if match else None


def _checks(cell: Any) -> list[tuple[str, str]]:
    """Return number and name of every ``check("N.M", name)`` in a cell."""
    found = []
    for node in ast.walk(_parse(cell)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name | ast.Attribute)
            and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == "check"
            and len(node.args) >= 2
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
            and isinstance(node.args[1], ast.Name)
        ):
            found.append((node.args[0].value, node.args[1].id))
    return found


def _parse(cell: Any) -> ast.Module:
    """Parse a code cell; an empty module for other cells and for what is not Python."""
    if cell.cell_type != "code":
        return ast.Module([], [])
    try:
        return ast.parse(_plain(cell.source))
    except SyntaxError:
        return ast.Module([], [])


def _plain(source: str) -> str:
    """Blank out IPython's line magics and shell escapes, keeping the line numbers."""
    return re.sub(r"^[ \t]*[%!].*$", "", source, flags=re.MULTILINE)


def _bound_names(tree: ast.Module) -> list[str]:
    """Return the names that the top-level statements of a cell define or assign, in order."""
    names: list[str] = []
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.append(statement.name)
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                names += [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
    return list(dict.fromkeys(names))


def _is_definition(statement: ast.stmt) -> bool:
    """Whether a statement can be run on its own: an import, a function, a class, a constant."""
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
        return True
    if isinstance(statement, ast.Assign) and all(
        isinstance(target, ast.Name | ast.Tuple) for target in statement.targets
    ):
        try:
            ast.literal_eval(statement.value)
        except ValueError:
            return False
        return True
    return False


def _execute(tree: ast.Module, source: str, file: str, namespace: dict[str, Any]) -> None:
    """Run `tree` so that a traceback can show the lines of `source`."""
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(tree, file, "exec"), namespace)

"""Proof that code written out in a chapter is the library's own.

A function or class in a lesson that carries a mark on the line above it,

    # same-as: ocrlearn.image.binarize._otsu_reference
    def otsu(image):
        ...

must have the same syntax tree as the one it names. Layout, comments, docstrings, type annotations
and the function's own name may differ, nothing else: a chapter shows the code without the
signature's types and explains it in prose.
"""

import ast
import importlib.util
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Mark", "difference", "find_marks"]

_MARK = re.compile(r"#\s*same-as:\s*([\w.]+)\s*$")


@dataclass(frozen=True)
class Mark:
    """A marked definition: the library name it claims to equal, and its source in the chapter."""

    target: str
    source: str


def find_marks(cells: Sequence[Any]) -> Iterator[Mark]:
    """Yield the marks in the code cells of a lesson or notebook.

    Raises
    ------
    ValueError
        If a mark does not stand directly above a function or class.
    """
    for cell in cells:
        if cell.cell_type != "code" or "same-as:" not in cell.source:
            continue
        lines = cell.source.split("\n")
        starts = {_first_line(node): node for node in ast.parse(cell.source).body}
        for number, line in enumerate(lines, start=1):
            match = _MARK.match(line)
            if match is None:
                continue
            node = starts.get(number + 1)
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                raise ValueError(f"{line.strip()!r} must stand directly above a function or class")
            yield Mark(match[1], "\n".join(lines[number : node.end_lineno]))


def difference(mark: Mark) -> str:
    """Return in what the marked source differs from the library's; empty if in nothing.

    Raises
    ------
    LookupError
        If the library has nothing of that name.
    """
    here = _normalise(ast.parse(mark.source).body[0])
    there = _normalise(_library_node(mark.target))
    if ast.dump(here) == ast.dump(there):
        return ""
    import difflib

    lines = difflib.unified_diff(
        ast.unparse(there).split("\n"),
        ast.unparse(here).split("\n"),
        mark.target,
        "the chapter",
        lineterm="",
    )
    return "\n".join(lines)


def _library_node(target: str) -> ast.stmt:
    """Find the definition of a dotted name by reading its module, without importing it."""
    parts = target.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            spec = importlib.util.find_spec(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        if spec is None or spec.origin is None:
            continue
        body = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
        node: ast.stmt | None = None
        for name in parts[cut:]:
            named = [
                item
                for item in body
                if isinstance(item, ast.FunctionDef | ast.ClassDef) and item.name == name
            ]
            node = named[-1] if named else None
            if node is None:
                break
            body = node.body
        if node is not None:
            return node
    raise LookupError(f"same-as: the library has no function or class {target}")


def _first_line(node: ast.stmt) -> int:
    """Line on which a statement begins, its decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


class _Bare(ast.NodeTransformer):
    """Removes docstrings and annotations."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        self._drop_docstring(node)
        self.generic_visit(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._drop_docstring(node)
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is None:
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    @staticmethod
    def _drop_docstring(node: ast.FunctionDef | ast.ClassDef) -> None:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]


def _normalise(node: ast.stmt) -> ast.AST:
    bare = ast.fix_missing_locations(_Bare().visit(node))
    name = bare.name
    for inner in ast.walk(bare):
        if isinstance(inner, ast.Name) and inner.id == name:
            inner.id = "_itself_"
    bare.name = "_itself_"
    return bare

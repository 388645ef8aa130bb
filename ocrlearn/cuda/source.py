"""A ``.cu`` file, and what its text says about the kernels in it.

Every kernel of the library lives in a plain ``.cu`` file beside the module that launches it, and the
file says all that is needed to check a launch:

.. code-block:: cuda

    // Variants: D=3; D=5
    // Budget: 32 registers
    extern "C" __global__ void __launch_bounds__(256)
    assign(const float* points,   // [count * D]
           const float* centres,  // [clusters * D]
           int count, int clusters,
           int* labels)           // [count]

The declaration gives every parameter's name and type; a comment in square brackets after a pointer
says how many items it must point to; *Variants* lists the ``-D`` definitions under which the file is
compiled and tested; and *Budget* is the greatest number of registers the compiler may use.

The type ``Index`` is ours: it is ``int`` where 31 bits can number every item of every array, and
``long long`` where they cannot. A 32-bit index is faster and takes half the registers, and an image
of 3 GB is rare, so :func:`ocrlearn.cuda.launch` chooses at each launch.
"""

import ast
import functools
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Kernel", "KernelFile", "Parameter", "evaluate_size"]

# C's scalar types and the NumPy dtypes of the same size. "Index" is resolved at launch.
SCALARS: dict[str, str] = {
    "bool": "bool",
    "char": "int8",
    "signed char": "int8",
    "unsigned char": "uint8",
    "short": "int16",
    "unsigned short": "uint16",
    "int": "int32",
    "unsigned": "uint32",
    "unsigned int": "uint32",
    "long long": "int64",
    "unsigned long long": "uint64",
    "float": "float32",
    "double": "float64",
}
# The vector types of CUDA, such as float4: their scalar type by name.
VECTORS: dict[str, str] = {
    "char": "int8",
    "uchar": "uint8",
    "short": "int16",
    "ushort": "uint16",
    "int": "int32",
    "uint": "uint32",
    "float": "float32",
    "double": "float64",
}

_DECLARATION = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+'
    r"(?:__launch_bounds__\s*\((?P<bounds>[^)]*)\)\s*)?"
    r"(?P<name>\w+)\s*\("
)
_PARAMETER = re.compile(r"(?P<text>[^,/]+)(?:,|$)[ \t]*(?://(?P<comment>[^\n]*))?")
_SIZE = re.compile(r"\[(?P<size>[^\]]+)\]")
_VARIANTS = re.compile(r"^//\s*Variants:\s*(?P<text>.+)$", re.MULTILINE)
_BUDGET = re.compile(r"//\s*Budget:\s*(?P<registers>\d+)\s+registers(?P<reason>[^\n]*)")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel, as declared.

    Attributes
    ----------
    name
        Its name in the source.
    type
        Its C type without ``const`` and the asterisk, such as ``"unsigned char"`` or ``"float4"``.
    pointer
        Whether it points to an array.
    constant
        Whether what it points to is ``const``: the kernel does not write it.
    size
        How many items it must point to, an expression such as ``"height * width"``; empty where the
        source does not say.
    """

    name: str
    type: str
    pointer: bool
    constant: bool
    size: str

    def dtype(self, index: str = "int32") -> tuple[np.dtype[Any], int]:
        """Return the NumPy dtype of one scalar, and how many make one item (4 for ``float4``)."""
        if self.type == "Index":
            return np.dtype(index), 1
        if self.type in SCALARS:
            return np.dtype(SCALARS[self.type]), 1
        vector = re.fullmatch(r"([a-z]+)([234])", self.type)
        if vector and vector[1] in VECTORS:
            return np.dtype(VECTORS[vector[1]]), int(vector[2])
        known = ", ".join([*SCALARS, "Index"])
        raise ValueError(
            f"parameter {self.name} has the type {self.type!r}, which is none of {known} "
            "nor a vector type such as float4"
        )


@dataclass(frozen=True)
class Declaration:
    """What a file says about one kernel: parameters, register budget and the line it starts in."""

    name: str
    parameters: tuple[Parameter, ...]
    registers: int | None
    reason: str
    line: int


@dataclass(frozen=True)
class Kernel:
    """One kernel of a file under certain definitions: what :func:`ocrlearn.cuda.launch` takes."""

    file: "KernelFile"
    declaration: Declaration
    defines: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The kernel's name in the source."""
        return self.declaration.name

    @functools.cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, with types that a definition names (``-DReal=double``) put in."""
        types = dict(self.defines)
        return tuple(
            Parameter(p.name, types.get(p.type, p.type), p.pointer, p.constant, p.size)
            for p in self.declaration.parameters
        )

    def __str__(self) -> str:
        defines = "".join(f" -D{name}={value}" for name, value in self.defines)
        return f"{self.file.name}:{self.name}{defines}"


def _parse_parameter(text: str, comment: str) -> Parameter:
    """Read one parameter, ``const float* __restrict__ image``, and the size in its comment."""
    words = re.sub(r"__restrict__|volatile|\brestrict\b", " ", text).replace("*", " * ").split()
    constant = "const" in words
    pointer = "*" in words
    words = [word for word in words if word not in ("const", "*")]
    if len(words) < 2:
        raise ValueError(f"cannot read the kernel parameter {text.strip()!r}")
    size = _SIZE.search(comment)
    return Parameter(
        name=words[-1],
        type=" ".join(words[:-1]),
        pointer=pointer,
        constant=constant,
        size=size["size"].strip() if size and pointer else "",
    )


def _closing(text: str, start: int) -> int:
    """Return the place of the parenthesis that closes the one before `start`, past comments."""
    depth, place = 1, start
    while depth:
        if text.startswith("//", place):
            place = text.find("\n", place)
        if place < 0 or place >= len(text):
            raise ValueError("a kernel's parameter list is not closed")
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        place += 1
    return place - 1


def _parse(text: str) -> dict[str, Declaration]:
    """Find the kernels of a source text."""
    kernels: dict[str, Declaration] = {}
    end_of_last = 0
    for match in _DECLARATION.finditer(text):
        close = _closing(text, match.end())
        # The comment of the last parameter stands after the closing parenthesis.
        end_of_line = text.find("\n", close)
        after = text[close + 1 : end_of_line if end_of_line >= 0 else len(text)]
        parameters = []
        listed = text[match.end() : close]
        for found in _PARAMETER.finditer(listed):
            if not found["text"].strip():
                continue
            last = found.end() >= len(listed.rstrip())
            parameters.append(_parse_parameter(found["text"], found["comment"] or (after * last)))
        budgets = list(_BUDGET.finditer(text, end_of_last, match.start()))
        kernels[match["name"]] = Declaration(
            name=match["name"],
            parameters=tuple(parameters),
            registers=int(budgets[-1]["registers"]) if budgets else None,
            reason=budgets[-1]["reason"].strip(" .,:;") if budgets else "",
            line=text.count("\n", 0, match.start()) + 1,
        )
        end_of_last = close
    return kernels


@dataclass(frozen=True, eq=False)
class KernelFile:
    """A CUDA source: its text, the kernels in it and the variants to compile.

    >>> KERNELS = KernelFile.beside(__file__)  # components.cu beside components.py # doctest: +SKIP
    >>> launch(KERNELS.kernel("merge"), grid, block, ...)  # doctest: +SKIP

    Attributes
    ----------
    name
        The file's name, used in messages.
    text
        The source.
    kernels
        What it declares, by name.
    variants
        The sets of definitions that are compiled and tested; one empty set where none is listed.
    """

    name: str
    text: str = field(repr=False)
    kernels: Mapping[str, Declaration] = field(init=False, repr=False)
    variants: tuple[dict[str, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernels", _parse(self.text))
        found = _VARIANTS.search(self.text)
        variants = found["text"].split(";") if found else [""]
        object.__setattr__(
            self,
            "variants",
            tuple(
                dict(definition.strip().split("=", 1) for definition in variant.split(","))
                if variant.strip()
                else {}
                for variant in variants
            ),
        )

    @classmethod
    def beside(cls, module_file: str) -> "KernelFile":
        """Read the ``.cu`` file of the same stem beside a module, given the module's ``__file__``."""
        return cls.read(Path(module_file).with_suffix(".cu"))

    @classmethod
    def read(cls, path: str | Path) -> "KernelFile":
        """Read a ``.cu`` file."""
        path = Path(path)
        return cls(path.name, path.read_text(encoding="utf-8"))

    def kernel(self, name: str, **defines: str | int) -> Kernel:
        """Return the kernel `name`, compiled with ``-Dkey=value`` for every keyword.

        Raises
        ------
        ValueError
            If the file has no such kernel.
        """
        if name not in self.kernels:
            raise ValueError(
                f"{self.name} has no kernel {name!r}; it has {', '.join(self.kernels)}"
            )
        return Kernel(self, self.kernels[name], _sorted(defines))


def _sorted(defines: Mapping[str, str | int]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, str(value)) for key, value in defines.items()))


_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,  # C's division of whole numbers
    ast.FloorDiv: operator.floordiv,
}


def evaluate_size(expression: str, names: Mapping[str, int]) -> int:
    """Work out a size such as ``"(height + 1) * width"`` from the launch's scalars.

    Only whole numbers, names, ``+ - * /`` and parentheses are understood; ``gridDim.x`` and
    ``blockDim.x`` are names too. Nothing is evaluated as Python.

    Raises
    ------
    ValueError
        If the expression holds anything else, or an unknown name.
    """

    def value(node: ast.AST) -> int:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return int(_OPERATORS[type(node.op)](value(node.left), value(node.right)))
        if isinstance(node, ast.Name | ast.Attribute):
            name = ast.unparse(node)
            if name in names:
                return names[name]
            raise ValueError(
                f"the size {expression!r} names {name!r}; known are {', '.join(names)}"
            )
        raise ValueError(f"the size {expression!r} may hold whole numbers, names and + - * / only")

    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"the size {expression!r} cannot be read: {error.msg}") from None
    return value(tree.body)

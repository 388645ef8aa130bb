"""A ``.cu`` file, and what its text says about the kernels in it.

Every kernel of the library lives in a plain ``.cu`` file beside the module that launches it, and
the file says all that is needed to check a launch:

.. code-block:: cuda

    // Variants: D=3; D=5
    // Budget: 32 registers
    extern "C" __global__ void __launch_bounds__(256)
    assign(const float* points,   // [count * D]
           const float* centres,  // [clusters * D]
           int count, int clusters,
           int* labels)           // [count]

The declaration gives every parameter's name and type; a comment in square brackets after a pointer
says how many items it must point to; *Variants* lists the ``-D`` definitions under which the file
is compiled and tested; and *Budget* is the greatest number of registers the compiler may use.

The comment may stand after the parameter, before it or on a line of its own above it; a size may
name scalar parameters, ``-D`` definitions, constants of the file (``#define TILE 16``,
``constexpr int TILE = 16;``), ``gridDim.x`` and ``blockDim.x``, joined by ``+ - * /`` and
parentheses.

The type ``Index`` is ours: it is ``int`` where 31 bits can number every item of every array, and
``long long`` where they cannot. A 32-bit index is faster and takes half the registers, and an image
of 3 GB is rare, so :func:`ocrlearn.cuda.launch` chooses at each launch.
"""

import ast
import dataclasses
import functools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "Kernel",
    "KernelFile",
    "Parameter",
    "blank_comments",
    "compile_options",
    "evaluate_size",
]

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
    "size_t": "uint64",
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

_BOUNDS = r"(?:__launch_bounds__\s*\((?:[^()]|\([^()]*\))*\)\s*)?"
_DECLARATION = re.compile(
    rf'(?P<linkage>\bextern\s+"C"\s+)?{_BOUNDS}\b__global__\s+{_BOUNDS}void\s+{_BOUNDS}'
    r"(?P<name>\w+)\s*\("
)
_BOUND = re.compile(r"__launch_bounds__\s*\((?P<threads>(?:[^(),]|\([^()]*\))*)")
_COMMENT_OR_STRING = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)
_CONSTANT = re.compile(
    r"^[ \t]*(?:#[ \t]*define[ \t]+(\w+)[ \t]+"
    r"|(?:static[ \t]+)?constexpr[ \t]+\w+[ \t]+(\w+)[ \t]*=[ \t]*)"
    r"\(?(\d+)[uU]?\)?[ \t]*;?[ \t]*$",
    re.MULTILINE,
)
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
    restrict
        Whether it is ``__restrict__``: what it points to is reached by no other parameter, or is
        not written.
    """

    name: str
    type: str
    pointer: bool
    constant: bool
    size: str
    restrict: bool = False

    def dtype(self, index: str = "int32") -> tuple[np.dtype[Any], int]:
        """Return the NumPy dtype of one scalar, and how many make one item (4 for ``float4``)."""
        found = _dtype(self.type, index)
        if found is None:
            known = ", ".join([*SCALARS, "Index"])
            raise ValueError(
                f"parameter {self.name} has the type {self.type!r}, which is none of {known} "
                "nor a vector type such as float4"
            )
        return found


@functools.cache
def _dtype(type_: str, index: str) -> tuple[np.dtype[Any], int] | None:
    if type_ == "Index":
        return np.dtype(index), 1
    if type_ in SCALARS:
        return np.dtype(SCALARS[type_]), 1
    vector = re.fullmatch(r"([a-z]+)([234])", type_)
    if vector and vector[1] in VECTORS:
        return np.dtype(VECTORS[vector[1]]), int(vector[2])
    return None


@dataclass(frozen=True)
class Declaration:
    """What a file says about one kernel.

    Its parameters, register budget, the line it starts in, and the greatest number of threads of a
    block in its ``__launch_bounds__``, an expression, "" where there is none.
    """

    name: str
    parameters: tuple[Parameter, ...]
    registers: int | None
    reason: str
    line: int
    bound: str = ""


@dataclass(frozen=True, eq=False)
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
            dataclasses.replace(parameter, type=types.get(parameter.type, parameter.type))
            for parameter in self.declaration.parameters
        )

    @functools.cached_property
    def constants(self) -> dict[str, int]:
        """The file's constants and the definitions, which come first, as whole numbers by name."""
        defined = {name: int(text) for name, text in self.defines if text.lstrip("-").isdigit()}
        return {**self.file.constants, **defined}

    @functools.cached_property
    def most_threads(self) -> int | None:
        """The most threads of a block by its ``__launch_bounds__``; None if it has none."""
        if not self.declaration.bound:
            return None
        try:
            return evaluate_size(self.declaration.bound, self.constants)
        except ValueError:  # an expression that only the compiler can work out
            return None

    def __str__(self) -> str:
        defines = "".join(f" -D{name}={value}" for name, value in self.defines)
        return f"{self.file.name}:{self.name}{defines}"


def blank_comments(text: str, *, strings: bool = False) -> str:
    """Return the text with comments, and strings if wanted, replaced by spaces; all places stay."""

    def blank(match: re.Match[str]) -> str:
        found = match[0]
        if strings or found.startswith(("//", "/*")):
            return re.sub(r"[^\n]", " ", found)
        return found

    return _COMMENT_OR_STRING.sub(blank, text)


def _parse_parameter(text: str, comments: str) -> Parameter:
    """Read one parameter, ``const float* __restrict__ image``, and the size in its comments."""
    shown = " ".join(text.split())
    words = re.sub(r"\[\s*\]\s*$", "", text)  # "float values[]" is "float* values"
    pointers = text.count("*") + (words != text)
    words = re.sub(r"\b(?:__restrict__|__restrict|volatile)\b", " ", words)
    before, _, after = words.rpartition("*") if "*" in words else ("", "", words)
    constant = pointers > 0 and "const" in (before or after).split()
    names = [
        word for word in f"{before} {after}".split() if word not in ("const", "__grid_constant__")
    ]
    if len(names) < 2 or pointers > 1 or not all(re.fullmatch(r"\w+", word) for word in names):
        raise ValueError(
            f"cannot read the kernel parameter {shown!r}: "
            "it must be a scalar or a pointer to scalars"
        )
    size = _SIZE.search(comments)
    return Parameter(
        name=names[-1],
        type=_plain_type(names[:-1]),
        pointer=pointers == 1,
        constant=constant,
        size=size["size"].strip() if size and pointers else "",
        restrict="__restrict" in text,
    )


def _plain_type(words: list[str]) -> str:
    """Write ``long long int`` as ``long long``, ``short int`` as ``short`` and so on."""
    if len(words) > 1 and words[-1] == "int":
        words = words[:-1]
    text = " ".join(words)
    return {"signed": "int", "signed short": "short", "signed long long": "long long"}.get(
        text, text
    )


def _closing(plain: str, start: int) -> int:
    """Return the place of the parenthesis that closes the one before `start`."""
    depth = 1
    for place in range(start, len(plain)):
        depth += {"(": 1, ")": -1}.get(plain[place], 0)
        if depth == 0:
            return place
    raise ValueError("a kernel's parameter list is not closed")


def _parameters(text: str, plain: str, begin: int, close: int) -> tuple[Parameter, ...]:
    """Read the parameters between two parentheses, with the comments that belong to each.

    A comment belongs to the parameter before it on its line; where it stands first on its line, or
    before any parameter of it, to the one that follows.
    """
    ends = [place for place in range(begin, close) if plain[place] == ","] + [close]
    parameters = []
    start = comments_start = begin
    for end in ends:
        declared = plain[start:end]
        line_end = plain.find("\n", end)
        line_end = len(plain) if line_end < 0 else line_end
        comments_end = line_end if plain[end + 1 : line_end].strip() in ("", "{") else end
        if declared.strip() and declared.strip() != "void":
            comments = [
                match[0]
                for match in _COMMENT_OR_STRING.finditer(text, comments_start, comments_end)
                if match[0].startswith(("//", "/*"))
            ]
            parameters.append(_parse_parameter(declared, " ".join(reversed(comments))))
        start, comments_start = end + 1, comments_end
    return tuple(parameters)


def _parse(text: str) -> tuple[dict[str, Declaration], tuple[str, ...]]:
    """Find the kernels of a source text, and the names of those that are not ``extern "C"``."""
    plain = blank_comments(text)
    in_linkage_block = re.search(r'\bextern\s+"C"\s*\{', plain)
    kernels: dict[str, Declaration] = {}
    mangled = []
    end_of_last = 0
    for match in _DECLARATION.finditer(plain):
        close = _closing(plain, match.end())
        if plain[close + 1 :].lstrip().startswith(";"):
            continue  # declared here, defined elsewhere
        if not match["linkage"] and not (
            in_linkage_block and in_linkage_block.end() < match.start()
        ):
            mangled.append(match["name"])
            continue
        budgets = list(_BUDGET.finditer(text, end_of_last, match.start()))
        bound = _BOUND.search(match[0])
        kernels[match["name"]] = Declaration(
            name=match["name"],
            parameters=_parameters(text, plain, match.end(), close),
            registers=int(budgets[-1]["registers"]) if budgets else None,
            reason=budgets[-1]["reason"].strip(" .,:;") if budgets else "",
            line=text.count("\n", 0, match.start()) + 1,
            bound=bound["threads"].strip() if bound else "",
        )
        end_of_last = close
    return kernels, tuple(mangled)


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
    constants
        Whole numbers that it defines by ``#define`` or ``constexpr``, by name.
    variants
        The sets of definitions that are compiled and tested; one empty set where none is listed.
    """

    name: str
    text: str = field(repr=False)
    kernels: Mapping[str, Declaration] = field(init=False, repr=False)
    variants: tuple[dict[str, str], ...] = field(init=False)
    constants: Mapping[str, int] = field(init=False, repr=False)
    _mangled: tuple[str, ...] = field(init=False, repr=False)
    _made: dict[Any, Kernel] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        kernels, mangled = _parse(self.text)
        object.__setattr__(self, "kernels", kernels)
        object.__setattr__(self, "_mangled", mangled)
        constants = _CONSTANT.findall(blank_comments(self.text))
        object.__setattr__(self, "constants", {a or b: int(value) for a, b, value in constants})
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
        """Read the ``.cu`` file of the same stem beside a module, given its ``__file__``."""
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
        key = (name, tuple(defines.items()))
        if key not in self._made:
            if name in self._mangled:
                raise ValueError(
                    f'{self.name}: write extern "C" before the kernel {name!r}, '
                    "so that it can be found by its name"
                )
            if name not in self.kernels:
                raise ValueError(
                    f"{self.name} has no kernel {name!r}; "
                    f"it has {', '.join(self.kernels) or 'none'}"
                )
            self._made[key] = Kernel(self, self.kernels[name], _sorted(defines))
        return self._made[key]


def _sorted(defines: Mapping[str, str | int]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, str(value)) for key, value in defines.items()))


def compile_options(defines: Sequence[tuple[str, str]], index: str) -> tuple[str, ...]:
    """Return the options a source is compiled with: by CuPy, by the emulator, by the compile check.

    `index` is the dtype of ``Index``, "int32" or "int64".
    """
    wide = "long long" if index == "int64" else "int"
    return ("-std=c++17", f"-DIndex={wide}", *(f"-D{key}={value}" for key, value in defines))


_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
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
    try:
        return _size_function(expression)(names)
    except KeyError as error:
        raise ValueError(
            f"the size {expression!r} names {error.args[0]!r}; known are {', '.join(names)}"
        ) from None
    except ZeroDivisionError:
        raise ValueError(f"the size {expression!r} divides by zero") from None


_Size = Callable[[Mapping[str, int]], int]


@functools.cache
def _size_function(expression: str) -> _Size:
    """Read a size once; the function returned works it out."""

    def read(node: ast.AST) -> _Size:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            number = node.value
            return lambda names: number
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            perform, left, right = _OPERATORS[type(node.op)], read(node.left), read(node.right)
            return lambda names: perform(left(names), right(names))
        if isinstance(node, ast.Name | ast.Attribute):
            name = ast.unparse(node)
            return lambda names: names[name]
        raise ValueError(f"the size {expression!r} may hold whole numbers, names and + - * / only")

    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"the size {expression!r} cannot be read: {error.msg}") from None
    return read(tree.body)

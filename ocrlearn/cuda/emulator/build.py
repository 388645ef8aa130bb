"""Compile a ``.cu`` text for the CPU and keep the result.

A kernel becomes a shared library in three steps. The declarations of ``__shared__`` arrays, the one
thing of the dialect that C++ macros cannot express, are rewritten (:func:`translate`). The text is
compiled after ``dialect.h``, with ``#line`` so that messages and findings name the learner's own
lines. The library is linked to the runtime, which is built once for each kind of build: *plain* for
full speed, *fused* with the rounding of a GPU, *instrumented* for everything that must see each
memory access.

Libraries are kept in ``$OCRLEARN_CACHE/emulator``, or ``~/.cache/ocrlearn/emulator``, under a name
made of the hash of all that goes into them. Building the runtime takes one to four seconds, once; a
file of kernels takes one to three; finding them again takes a millisecond. A library is written
under a temporary name and then renamed, so several processes may build at once. Where the folder
cannot be written, a temporary one serves until the process ends.
"""

import atexit
import ctypes
import functools
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ocrlearn.cuda.source import blank_comments

__all__ = [
    "Build",
    "EmulatorError",
    "Library",
    "find_lines",
    "library",
    "translate",
    "why_no_emulator",
]

Build = Literal["plain", "fused", "instrumented"]

HERE = Path(__file__).parent
RUNTIME_SOURCES = {
    "plain": ["runtime.cpp"],
    "fused": ["runtime.cpp"],
    "instrumented": ["runtime.cpp", "checker.cpp", "profiler.cpp", "-DEMULATOR_INSTRUMENTED"],
}
COMMON_FLAGS = [
    "-std=c++17",
    "-fPIC",
    "-w",
    "-ftls-model=initial-exec",  # threadIdx is read often: no function call to find it
    "-U_FORTIFY_SOURCE",  # its longjmp refuses to jump between stacks
    "-fno-stack-protector",
]
KERNEL_FLAGS = [
    "-fvisibility=hidden",  # a kernel named "connect" is not the C library's connect()
    "-ffp-contract=off",  # a * b + c is rounded twice unless the kernel says fmaf
    "-fno-strict-aliasing",  # kernels read a float's bits through an int pointer
]
BUILD_FLAGS = {
    "plain": ["-O2"],
    # a * b + c is rounded once, as NVIDIA's compiler does; __fmul_rn is never fused.
    "fused": ["-O2", "-ffp-contract=fast", *(["-mfma"] if platform.machine() == "x86_64" else [])],
    # Our own runtime answers the calls that these put before every access and at every branch. A
    # float4 is loaded in one access (no scalar replacement), as on a GPU.
    "instrumented": [
        "-O1",
        "-gdwarf-4",
        "-fno-tree-sra",
        "-fsanitize=thread",
        "-fsanitize-coverage=trace-pc",
        "-fsanitize=integer-divide-by-zero",
        "-DEMULATOR_INSTRUMENTED",
    ],
}
GCC_FLAGS = [
    "--param=tsan-distinguish-volatile=1",
    "--param=tsan-instrument-func-entry-exit=0",
]
CLANG_FLAGS = [
    "-mllvm",
    "-tsan-distinguish-volatile=1",
    "-mllvm",
    "-tsan-instrument-func-entry-exit=0",
]


class EmulatorError(RuntimeError):
    """The emulator cannot be built or cannot run a kernel."""


class Library:
    """A compiled file of kernels and the runtime it is linked to, loaded into this process."""

    def __init__(self, path: Path, runtime: ctypes.CDLL) -> None:
        self.path = path
        self.runtime = runtime
        self.kernels = _open(path)


# ---- the compiler --------------------------------------------------------------------------------

NO_COMPILER = """\
the CUDA emulator needs a C++ compiler and finds none ({names}). Install one:
    Debian, Ubuntu, WSL    sudo apt install g++
    Fedora                 sudo dnf install gcc-c++
    conda                  conda install -c conda-forge gxx binutils
or name one in the environment variable CXX."""

NOT_LINUX = """\
the CUDA emulator runs on Linux, this is {system}. On Windows use WSL, on macOS a Linux container
or a notebook server on Linux: the emulator relies on how Linux loads libraries and switches
stacks."""


@functools.cache
def _find_compiler(named: str) -> tuple[str, ...]:
    """Return the command of the compiler that CXX names, or of g++ or clang++."""
    if sys.platform != "linux":
        raise EmulatorError(NOT_LINUX.format(system=platform.system()))
    wanted = [shlex.split(named)] if named.strip() else [["g++"], ["clang++"]]
    for command in wanted:
        if shutil.which(command[0]):
            return tuple(command)
    raise EmulatorError(NO_COMPILER.format(names=" or ".join(command[0] for command in wanted)))


def why_no_emulator() -> str:
    """Return "" where kernels can be emulated, and otherwise why not and what would help."""
    try:
        _find_compiler(os.environ.get("CXX", ""))
    except EmulatorError as error:
        return str(error)
    return ""


@functools.cache
def _compiler_version(command: tuple[str, ...]) -> str:
    result = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return result.stdout


def _compile(command: Sequence[str]) -> str:
    """Run the compiler; return its messages if it fails, and "" if not."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=_c_locale())
    return (result.stderr or "the compiler failed without a word") if result.returncode else ""


def _c_locale() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}


def _explain(messages: str, name: str, text: str) -> str:
    """Keep the errors in the learner's own lines, and show these lines.

    Of a brace that is never closed, the error is in no line of the learner's, but a note is.
    """
    lines = text.splitlines()
    shown: list[str] = []
    for kind in (r"(?:fatal )?error: .*", r"note: to match this .*"):
        if shown:
            break
        for found in re.finditer(rf"^(.*?):(\d+):(\d+): ({kind})$", messages, re.MULTILINE):
            file, line, column = found[1], int(found[2]), int(found[3])
            if file == name and 0 < line <= len(lines):
                message = found[0]
                if found[4].startswith("note"):
                    message = f"{file}:{line}:{column}: error: this is never closed"
                shown.append(f"{message}\n    {lines[line - 1]}\n    {' ' * (column - 1)}^")
    return "the kernel does not compile:\n" + ("\n".join(shown[:5]) or messages.strip()[-2000:])


@functools.cache
def can_fuse() -> bool:
    """Whether this processor multiplies and adds in one step, as all from about 2013 on do."""
    if platform.machine() != "x86_64":
        return True
    try:
        described = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return re.search(r"^flags\s*:.*\bfma\b", described, re.MULTILINE) is not None


# ---- the cache -----------------------------------------------------------------------------------


def _wanted_folder() -> Path | None:
    """Return the cache folder, whether it exists or not; None for a user without a home."""
    cache = os.environ.get("OCRLEARN_CACHE", "")
    try:
        return (Path(cache) if cache else Path.home() / ".cache" / "ocrlearn") / "emulator"
    except RuntimeError:
        return None


@functools.cache
def _usable_folder(wanted: Path | None) -> Path:
    """Return the cache folder, or a temporary one where it cannot be written."""
    try:
        if wanted is None:
            raise OSError("there is no home folder")
        wanted.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=wanted):
            pass
    except OSError:
        temporary = Path(tempfile.mkdtemp(prefix="ocrlearn-emulator-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return temporary
    return wanted


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


@functools.cache
def _sources() -> str:
    """Return the hash of the dialect and the runtime."""
    files = sorted(path for path in HERE.iterdir() if path.suffix in (".h", ".cpp"))
    return _hash([(path.name, path.read_bytes()) for path in files])


def _keep(folder: Path, name: str, command: Sequence[str]) -> Path:
    """Return the library `name` of the cache, built by `command` if it is not there."""
    path = folder / name
    if not path.exists():
        part = folder / f"{name}.{uuid.uuid4().hex}.part"
        try:
            if messages := _compile([*command, "-o", str(part)]):
                raise EmulatorError(f"the emulator cannot be built:\n{messages.strip()[-2000:]}")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


# ---- building ------------------------------------------------------------------------------------


def _runtime_path(build: Build, compiler: tuple[str, ...], folder: Path) -> Path:
    parts = [str(HERE / part) if part.endswith(".cpp") else part for part in RUNTIME_SOURCES[build]]
    command = [*compiler, *COMMON_FLAGS, "-O2", "-shared", *parts, "-pthread"]
    key = _hash(_sources(), build, compiler, _compiler_version(compiler))
    return _keep(folder, f"runtime_{build}_{key}.so", command)


@functools.cache
def _load_runtime(path: Path) -> ctypes.CDLL:
    return _open(path)


def _open(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise EmulatorError(
            f"the emulator's library cannot be loaded: {error}. Delete the folder {path.parent}, "
            "or name another in OCRLEARN_CACHE: it must be on a disk from which programs may be run"
        ) from error


@functools.lru_cache(maxsize=256)
def _load(
    text: str, name: str, kernels: tuple[str, ...], options: tuple[str, ...], build: Build,
    compiler: tuple[str, ...], folder: Path,
) -> Library:  # fmt: skip
    runtime = _runtime_path(build, compiler, folder)
    special: list[str] = []
    if build == "instrumented":
        special = CLANG_FLAGS if "clang" in _compiler_version(compiler) else GCC_FLAGS
    shown = name.replace("\\", "/").replace('"', "'")
    exports = "\n".join(f"EMULATOR_EXPORT({kernel})" for kernel in kernels)
    unit = (
        f'#include "{HERE / "dialect.h"}"\n'
        f'#line 1 "{shown}"\n{translate(text)}\n'
        f'#line 1 "exports of {shown}"\n{exports}\n'
    )
    flags = [*KERNEL_FLAGS, *BUILD_FLAGS[build], *special, *options]
    library_name = f"kernel_{build}_{_hash(unit, runtime.name, flags)}.so"
    path = folder / library_name
    if not path.exists():
        with tempfile.TemporaryDirectory(prefix="ocrlearn-") as scratch:
            source, compiled = Path(scratch, "kernels.cpp"), Path(scratch, "kernels.o")
            source.write_text(unit, encoding="utf-8")
            # Compiled with a sanitizer but linked without: our runtime takes its library's place.
            compiling = [*compiler, *COMMON_FLAGS, *flags, "-c", str(source), "-o", str(compiled)]
            if messages := _compile(compiling):
                raise EmulatorError(_explain(messages, shown, text))
            link = [*compiler, "-shared", str(compiled), f"-L{folder}", f"-l:{runtime.name}",
                    "-Wl,-rpath,$ORIGIN"]  # fmt: skip
            _keep(folder, library_name, link)
    return Library(path, _load_runtime(runtime))


def library(
    text: str, name: str, kernels: tuple[str, ...], options: tuple[str, ...], build: Build
) -> Library:
    """Return the compiled form of a ``.cu`` text, from memory, from the cache or from the compiler.

    Parameters
    ----------
    text, name
        The source, and the file name that messages show.
    kernels
        The names of its kernels.
    options
        ``-D`` definitions.
    build
        "plain", "fused" or "instrumented".

    Raises
    ------
    EmulatorError
        If there is no compiler, or the text does not compile; the message shows its lines.
    """
    compiler = _find_compiler(os.environ.get("CXX", ""))
    return _load(text, name, kernels, options, build, compiler, _usable_folder(_wanted_folder()))


# ---- __shared__ arrays ---------------------------------------------------------------------------

_SHARED = re.compile(
    r"(?P<before>(?:\b(?:extern|static|volatile|const)\s+)*)\b__shared__\b(?P<declared>[^;]*);"
)
_ALIGNED = re.compile(r"\b(?:__align__|alignas)\s*\(\s*\w+\s*\)")
_DECLARATOR = re.compile(
    r"(?P<type>.*?)(?P<stars>[\s*]*)\b(?P<name>[A-Za-z_]\w*)\s*(?P<sides>(?:\[[^\]]*\]\s*)*)$",
    re.DOTALL,
)


def translate(text: str) -> str:
    """Rewrite the declarations of ``__shared__`` variables for ``dialect.h``.

    ``__shared__ float a[32], b;`` becomes
    ``EMULATOR_SHARED(a, float[32]); EMULATOR_SHARED(b, float);``. Line breaks stay, so that all
    that follows keeps its line number.
    """
    plain = blank_comments(text, strings=True)
    out: list[str] = []
    end = 0
    for match in _SHARED.finditer(plain):
        before, declared = match["before"].split(), match["declared"]
        dynamic = "extern" in before
        type_ = "volatile " if "volatile" in before else ""
        declarations = []
        for number, piece in enumerate(_split_top_level(_ALIGNED.sub(" ", declared))):
            found = _DECLARATOR.match(piece)
            if not found:
                raise EmulatorError(f"cannot read the declaration {' '.join(match[0].split())!r}")
            if number == 0:
                type_ += " ".join(found["type"].split())
            macro = "EMULATOR_DYNAMIC_SHARED" if dynamic else "EMULATOR_SHARED"
            shape = "".join(found["stars"].split()) + " ".join(found["sides"].split())
            declarations.append(f"{macro}({found['name']}, {type_}{shape});")
        out += [text[end : match.start()], " ".join(declarations), "\n" * match[0].count("\n")]
        end = match.end()
    return "".join(out) + text[end:]


def _split_top_level(text: str) -> list[str]:
    """Split at the commas that stand in no brackets, so that ``Pair<int, float> a, b`` is two."""
    pieces, depth = [""], 0
    for letter in text:
        depth += (letter in "<([{") - (letter in ">)]}")
        if letter == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces


# ---- from instructions back to lines -------------------------------------------------------------


def find_lines(path: Path, name: str, codes: Sequence[int]) -> dict[int, int]:
    """Return the line of the source `name` in which each address of a library's code lies.

    Where a function is inlined, the innermost line of the learner's own file is meant. An address
    is missing from the answer if its line cannot be found, or there is no ``addr2line``.
    """
    if not codes or not shutil.which("addr2line"):
        return {}
    command = ["addr2line", "-a", "-i", "-e", str(path), *(hex(code) for code in codes)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=_c_locale())
    lines: dict[int, int] = {}
    code = -1
    for text in result.stdout.splitlines():
        if re.fullmatch(r"0x[0-9a-f]+", text):
            code = int(text, 16)
            continue
        place = re.match(r"(?P<file>.*):(?P<line>\d+)", text)
        if place and Path(place["file"]).name == Path(name).name and code not in lines:
            lines[code] = int(place["line"])
    return lines

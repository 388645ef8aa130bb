"""Kernels written in chapters: compiled, examined, and tried for an exercise."""

import ast
import json
import sys

import cupy_stand_in
import jupytext
import numpy as np
import pytest

from ocrlearn import cuda
from ocrlearn._dispatch import array_module
from ocrlearn.course import kernels
from ocrlearn.course.chapters import home
from ocrlearn.course.exercise import WrongAnswer
from ocrlearn.cuda import _launch
from ocrlearn.cuda import compile as compile_check

COUNT = r"""
extern "C" __global__ void
count_above(const int* numbers,  // [count]
            int count, int least,
            int* result)         // [1]
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count && numbers[i] >= least)
        atomicAdd(result, 1);
}
"""
RACY = COUNT.replace("atomicAdd(result, 1)", "*result += 1")
numbers = np.arange(100, dtype=np.int32)


def launch(file, result):
    cuda.launch(
        file.kernel("count_above"), 4, 32, numbers=numbers, count=100, least=60, result=result
    )


def try_text(text, **changed):
    arguments = {"numbers": numbers, "count": 100, "least": 60, "result": np.zeros(1, np.int32)}
    return kernels.try_kernel(text, "count_above", 4, 32, **{**arguments, **changed})


def chapter_kernels():
    """Yield every kernel text of the chapters, `kernels.source("name.cu", text)`, by name."""
    for lesson in sorted((home() / "lessons").glob("*.py")):
        cells = [c.source for c in jupytext.read(lesson).cells if c.cell_type == "code"]
        for node in (node for cell in cells for node in ast.walk(ast.parse(cell))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "kernels.source":
                name, text = (ast.literal_eval(argument) for argument in node.args)
                yield pytest.param(name, text, id=f"{lesson.stem}:{name}")


@pytest.mark.parametrize(("name", "text"), list(chapter_kernels()))
def test_kernels_of_the_chapters_compile_for_gpus(name, text):
    """As they would on a GPU; K and COLUMNS are definitions that chapter 34 gives at the launch."""
    if compile_check.why_no_compiler():
        pytest.skip(compile_check.why_no_compiler())
    file = kernels.source(name, "#define K 6\n#define COLUMNS 33\n" + text)
    reports = list(compile_check.compile_file(file))
    assert {report.kernel.partition(":")[2] for report in reports} == set(file.kernels)
    assert all(report.spilled == 0 for report in reports)


def test_lines_are_counted_from_the_first_that_is_not_empty():
    assert kernels.source("a.cu", COUNT).kernels["count_above"].line == 1


def test_examine_prints_the_finding_and_its_line(capsys):
    file = kernels.source("a.cu", RACY)
    found = kernels.examine(file, lambda: launch(file, np.zeros(1, np.int32)))
    assert [finding.kind for finding in found] == ["race"]
    printed = capsys.readouterr().out
    assert "race on result[0]" in printed
    assert "    8 |         *result += 1;" in printed


def test_examine_says_when_there_is_nothing(capsys):
    file = kernels.source("a.cu", COUNT)
    assert kernels.examine(file, lambda: launch(file, np.zeros(1, np.int32))) == []
    assert capsys.readouterr().out == "nothing found\n"


def test_examine_goes_on_after_a_fault_that_ends_the_kernel(capsys):
    file = kernels.source("a.cu", COUNT.replace("i < count && ", ""))
    found = kernels.examine(file, lambda: launch(file, np.zeros(1, np.int32)))
    assert found[-1].kind == "out-of-bounds"


def test_a_right_kernel_is_tried_and_clean():
    result = np.zeros(1, np.int32)
    kernels.require_clean(try_text(COUNT, result=result))
    assert result[0] == 40


def test_a_finding_is_told_with_its_line():
    with pytest.raises(
        WrongAnswer, match=r"race on result\[0\](.|\n)*8 \|         \*result \+= 1;"
    ):
        kernels.require_clean(try_text(RACY))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "wanted as a text, got NoneType"),
        (
            COUNT.replace("count_above", "count_all"),
            "'count_above'.* only count_all. It must begin",
        ),
        (COUNT.replace('extern "C" ', ""), r"'count_above' in your text\. It must begin: extern"),
        ("", "no kernel 'count_above'"),
        (COUNT.replace("int least", "float least, int more"), "cannot be launched.*missing more"),
        (COUNT.replace("atomicAdd", "atomicPlus"), "does not compile(.|\n)*atomicPlus"),
    ],
)
def test_what_cannot_be_run_is_told(text, message):
    with pytest.raises(WrongAnswer, match=message):
        try_text(text)


def test_a_stub_invites():
    with pytest.raises(NotImplementedError):
        try_text(
            COUNT[: COUNT.index("{")] + "{\n    // Your code here, in place of this line.\n}\n"
        )


def test_code_beside_the_comment_of_the_stub_is_tried():
    result = np.zeros(1, np.int32)
    try_text(
        COUNT.replace("int i =", "// Your code here, in place of this line.\nint i ="),
        result=result,
    )
    assert result[0] == 40


def test_without_a_compiler_the_reason_is_told(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(WrongAnswer, match=r"finds none \(no-such-compiler\)"):
        try_text(COUNT)


def test_without_a_gpu_the_reason_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(cuda, "why_no_gpu", lambda: "CuPy is not installed.")
    kernels.also_on_gpu(np.negative, numbers)
    assert capsys.readouterr().out == "in the emulator only: CuPy is not installed.\n"


@pytest.fixture
def gpu(monkeypatch):
    """A GPU that is none: arrays like CuPy's, kernels in the emulator."""
    monkeypatch.setitem(sys.modules, "cupy", cupy_stand_in.make_module())
    monkeypatch.setattr(cuda, "why_no_gpu", lambda: "")
    monkeypatch.setattr(cuda, "gpu_name", lambda: "Some GPU")
    _launch._raw_kernel.cache_clear()
    yield
    _launch._raw_kernel.cache_clear()


def count_above(numbers):
    result = array_module(numbers).zeros(1, np.int32)
    file = kernels.source("a.cu", COUNT)
    cuda.launch(
        file.kernel("count_above"), 4, 32, numbers=numbers, count=100, least=60, result=result
    )
    return result


def test_with_a_gpu_the_same_code_runs_there(capsys, gpu):
    kernels.also_on_gpu(count_above, numbers)
    assert capsys.readouterr().out == "the same on a GPU: Some GPU\n"


def test_an_answer_that_differs_on_the_gpu_stops_the_chapter(gpu):
    with pytest.raises(AssertionError):
        kernels.also_on_gpu(
            lambda a: count_above(a) + (0 if isinstance(a, np.ndarray) else 1), numbers
        )


def test_recorded_timings_name_the_hardware(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(kernels, "home", lambda: tmp_path)
    kernels.show_recorded()
    assert "Nothing has been measured" in capsys.readouterr().out
    folder = tmp_path / "benchmarks" / "results"
    folder.mkdir(parents=True)
    case = {
        "case": "components",
        "size": "4096 x 4096",
        "milliseconds": {"ocrlearn": 0.1234, "CuPy": 1.5},
        "floor": 0.07,
    }
    recorded = {"gpu": "Some GPU", "date": "2027-01-02T03:04:05", "cases": [case]}
    (folder / "cuda.json").write_text(json.dumps(recorded), "utf-8")
    kernels.show_recorded()
    assert capsys.readouterr().out == (
        "measured on Some GPU, 2027-01-02\n"
        "components, 4096 x 4096: ocrlearn 0.123 ms, CuPy 1.5 ms; floor 0.07 ms\n"
    )

"""Every kernel of the library compiles for three architectures, within its registers."""

import pytest

from ocrlearn.cuda import KernelFile
from ocrlearn.cuda import compile as compiling

needs_nvrtc = pytest.mark.skipif(
    bool(compiling.why_no_compiler()), reason=compiling.why_no_compiler()
)

GOOD = """
// Budget: 32 registers
extern "C" __global__ void __launch_bounds__(256)
scale(const float* values, // [count]
      int count, float factor,
      float* result)       // [count]
{
    Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) result[i] = factor * values[i];
}
"""


def reports(text: str, **options) -> list[compiling.Compiled]:
    return list(compiling.compile_file(KernelFile("test.cu", text), **options))


@needs_nvrtc
@pytest.mark.parametrize("path", compiling.kernel_files(), ids=lambda path: path.stem)
def test_kernels_of_the_library_keep_to_their_budgets(path):
    file = KernelFile.read(path)
    compiled = list(compiling.compile_file(file))
    assert len(compiled) == len(file.kernels) * len(file.variants) * len(compiling.ARCHITECTURES)
    assert [report.problem for report in compiled if report.problem] == []


@pytest.mark.parametrize("path", compiling.kernel_files(), ids=lambda path: path.stem)
def test_kernels_of_the_library_state_the_size_of_every_array(path):
    file = KernelFile.read(path)
    assert file.kernels
    for declaration in file.kernels.values():
        for parameter in declaration.parameters:
            assert parameter.size or not parameter.pointer, f"{path.name}:{declaration.name}"


def test_the_library_has_kernels():
    assert compiling.kernel_files()


@needs_nvrtc
def test_one_report_for_each_architecture():
    compiled = reports(GOOD)
    assert [report.architecture for report in compiled] == ["sm_75", "sm_80", "sm_90"]
    for report in compiled:
        assert report.kernel == "test.cu:scale"
        assert 0 < report.registers <= 32
        assert (report.spilled, report.shared_memory, report.problem) == (0, 0, "")
    assert str(compiled[0]).startswith("test.cu:scale sm_75: ")


@needs_nvrtc
def test_variants_are_compiled_each():
    compiled = reports("// Variants: N=1; N=2\n" + GOOD, architectures=["sm_90"])
    assert [report.kernel for report in compiled] == [
        "test.cu:scale -DN=1",
        "test.cu:scale -DN=2",
    ]


@needs_nvrtc
def test_too_many_registers_are_a_problem():
    (report,) = reports(GOOD.replace("32 registers", "4 registers"), architectures=["sm_80"])
    assert "registers, the budget is 4" in report.problem


@needs_nvrtc
def test_a_missing_budget_is_a_problem():
    (report,) = reports(GOOD.replace("// Budget", "// Bucket"), architectures=["sm_80"])
    assert report.problem == "test.cu:scale on sm_80: the source states no register budget"


SPILLS = """
// Budget: 255 registers{reason}
extern "C" __global__ void __launch_bounds__(1024)
gather(const float* values, int count, float* result) // [count]
{{
    float kept[96];
    #pragma unroll
    for (int i = 0; i < 96; ++i) kept[i] = values[threadIdx.x + 1024 * i];
    for (int round = 0; round < count; ++round) {{
        #pragma unroll
        for (int i = 0; i < 96; ++i) kept[i] = kept[i] * kept[(7 * i + 1) % 96] + kept[95 - i];
    }}
    float sum = 0;
    #pragma unroll
    for (int i = 0; i < 96; ++i) sum += kept[i];
    result[threadIdx.x] = sum;
}}
"""


@needs_nvrtc
def test_spilling_needs_a_reason():
    (report,) = reports(SPILLS.format(reason=""), architectures=["sm_80"])
    assert report.spilled > 0
    assert "and the source gives no reason" in report.problem
    (excused,) = reports(SPILLS.format(reason=", spills: 96 values"), architectures=["sm_80"])
    assert excused.spilled > 0
    assert not excused.problem
    assert excused.reason == "spills: 96 values"


@needs_nvrtc
def test_a_source_that_does_not_compile_shows_the_compilers_words():
    with pytest.raises(compiling.CompileError, match=r'(?s)test.cu.*"nonsense" is undefined'):
        reports(GOOD.replace("factor * values[i]", "nonsense"))


@needs_nvrtc
def test_the_command_prints_a_table_and_fails_on_a_problem(tmp_path, capsys):
    path = tmp_path / "scale.cu"
    path.write_text(GOOD)
    assert compiling.main([str(path)]) == 0
    assert "scale" in capsys.readouterr().out
    path.write_text(GOOD.replace("32 registers", "4 registers"))
    assert compiling.main([str(path)]) == 1
    assert "the budget is 4" in capsys.readouterr().err


def test_without_nvrtc_there_is_a_reason(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cuda.bindings", None)
    assert "pip install cuda-bindings nvidia-cuda-nvrtc" in compiling.why_no_compiler()
    with pytest.raises(compiling.CompileError, match="NVRTC is not installed"):
        reports(GOOD)

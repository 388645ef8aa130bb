"""A ``.cu`` text says what its kernels take, however it is laid out."""

import pytest

from ocrlearn.cuda.source import (
    KernelFile,
    Parameter,
    blank_comments,
    compile_options,
    evaluate_size,
)


def parameters(text: str) -> tuple[Parameter, ...]:
    file = KernelFile("t.cu", text)
    [declaration] = file.kernels.values()
    return declaration.parameters


def declared(listed: str) -> tuple[Parameter, ...]:
    return parameters(f'extern "C" __global__ void f({listed}) {{}}')


# ---- where a kernel is declared ------------------------------------------------------------------


@pytest.mark.parametrize("head", [
    'extern "C" __global__ void f(',
    'extern "C" __global__ void __launch_bounds__(256) f(',
    'extern "C" __global__ void\n__launch_bounds__(256)\nf (',
    'extern "C" __global__ __launch_bounds__(256, 2) void f(',
    'extern "C" __launch_bounds__(256) __global__ void f(',
    'extern  "C"\n__global__\nvoid\nf(',
    'extern "C" /* linkage */ __global__ void // result\nf(',
    'extern "C" {\n__device__ int g() { return 1; }\n__global__ void f(',
])  # fmt: skip
def test_every_way_to_declare_a_kernel(head: str):
    file = KernelFile("t.cu", f"{head}int n) {{}}")
    assert list(file.kernels) == ["f"]
    assert [p.name for p in file.kernels["f"].parameters] == ["n"]
    bounded = "__launch_bounds__" in head
    assert file.kernel("f").most_threads == (256 if bounded else None)


def test_launch_bounds_may_name_definitions_and_constants():
    text = """
    #define WIDTH 32
    constexpr int HEIGHT = 8;
    #ifndef DEPTH
    #define DEPTH 2 // planes
    #endif
    extern "C" __global__ void __launch_bounds__(WIDTH * (HEIGHT / 2) * DEPTH) f(int n) {}
    extern "C" __global__ void __launch_bounds__(THREADS) g(int n) {}
    """
    file = KernelFile("t.cu", text)
    assert file.constants == {"WIDTH": 32, "HEIGHT": 8, "DEPTH": 2}
    assert file.kernel("f").most_threads == 256
    assert file.kernel("f", DEPTH=1).most_threads == 128
    assert file.kernel("g", THREADS=64).most_threads == 64
    assert file.kernel("g").most_threads is None  # only the compiler knows


def test_several_kernels_and_what_is_no_kernel():
    file = KernelFile("t.cu", """
    // extern "C" __global__ void commented(int n) {}
    const char* text = "extern 'C' __global__ void quoted(int n) {}";
    extern "C" __global__ void announced(int n);
    __device__ void helper(int n) {}
    extern "C" __global__ void first(int n) { helper(n); }
    template <int N> __global__ void generic(int n) {}
    extern "C" __global__ void announced(int n) {}
    """)  # fmt: skip
    assert list(file.kernels) == ["first", "announced"]
    assert file.kernels["first"].line == 6
    assert file.kernels["announced"].line == 8


def test_a_kernel_that_is_not_there():
    file = KernelFile(
        "t.cu", '__global__ void bare(int n) {}\nextern "C" __global__ void f(int n) {}'
    )
    with pytest.raises(ValueError, match=r"t\.cu has no kernel 'g'; it has f"):
        file.kernel("g")
    with pytest.raises(ValueError, match=r't\.cu: write extern "C" before the kernel'):
        file.kernel("bare")
    with pytest.raises(ValueError, match=r"e\.cu has no kernel 'f'; it has none"):
        KernelFile("e.cu", "").kernel("f")


def test_a_list_that_is_not_closed():
    with pytest.raises(ValueError, match="parameter list is not closed"):
        KernelFile("t.cu", 'extern "C" __global__ void f(int n')


# ---- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "type_", "pointer", "constant", "restrict"), [
    ("int p", "int", False, False, False),
    ("const int p", "int", False, False, False),
    ("float* p", "float", True, False, False),
    ("float *p", "float", True, False, False),
    ("float * const p", "float", True, False, False),
    ("const float* p", "float", True, True, False),
    ("float const* p", "float", True, True, False),
    ("const float* const p", "float", True, True, False),
    ("const float* __restrict__ p", "float", True, True, True),
    ("const float *__restrict__ const p", "float", True, True, True),
    ("volatile int* p", "int", True, False, False),
    ("const volatile int* p", "int", True, True, False),
    ("unsigned char* p", "unsigned char", True, False, False),
    ("const unsigned long long int* p", "unsigned long long", True, True, False),
    ("unsigned p", "unsigned", False, False, False),
    ("short int p", "short", False, False, False),
    ("long long int p", "long long", False, False, False),
    ("float4* p", "float4", True, False, False),
    ("float p[]", "float", True, False, False),
    ("const float p[]", "float", True, True, False),
    ("size_t p", "size_t", False, False, False),
])  # fmt: skip
def test_types(text: str, type_: str, pointer: bool, constant: bool, restrict: bool):
    [found] = declared(text)
    assert found == Parameter("p", type_, pointer, constant, "", restrict)


@pytest.mark.parametrize("text", ["float** p", "float&", "int", "void (*p)(int)", "float& p"])
def test_parameters_that_cannot_be_read(text: str):
    with pytest.raises(ValueError, match="cannot read the kernel parameter"):
        declared(text)


def test_no_parameters():
    assert declared("") == declared("void") == declared("  /* none */ ") == ()


LAYOUTS = {
    "after each": """
        const float* image,  // [height * width] in [0, 1]
        int height, int width,
        int* labels)  // [height * width]
    {}""",
    "after each, the brace on the line": """
        const float* image,  // [height * width]
        int height, int width,
        int* labels) {  // [height * width]
    }""",
    "before each": """
        // [height * width]
        const float* image,
        // how large it is, in pixels
        int height, int width,
        // the result, [height * width],
        // -1 for background
        int* labels) {}""",
    "in one line": """
        const float* image /* [height * width] */, int height, int width,
        /* [height * width] */ int* labels) {}""",
    "commas and parentheses in comments": """
        const float* image,  // [height * width], see (a, b)
        int height,  // rows, at least 1 (one)
        int width,   // columns
        int* labels  // [height * width] :-)
    ) {}""",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_sizes_in_comments(name: str):
    found = parameters('extern "C" __global__ void f(' + LAYOUTS[name])
    assert [(p.name, p.size) for p in found] == [
        ("image", "height * width"), ("height", ""), ("width", ""), ("labels", "height * width"),
    ]  # fmt: skip


def test_a_definition_may_name_a_type():
    file = KernelFile("t.cu", 'extern "C" __global__ void f(const Real* x, Real y) {}')
    assert [p.type for p in file.kernel("f", Real="double").parameters] == ["double"] * 2
    assert [p.type for p in file.kernel("f").parameters] == ["Real"] * 2
    with pytest.raises(ValueError, match="parameter x has the type 'Real', which is none of bool"):
        file.kernel("f").parameters[0].dtype()


def test_dtypes():
    [index, vector] = declared("Index n, const uchar3* p")
    assert index.dtype() == ("int32", 1)
    assert index.dtype("int64") == ("int64", 1)
    assert vector.dtype() == ("uint8", 3)


# ---- the rest of the text ------------------------------------------------------------------------


def test_variants_and_budgets():
    file = KernelFile("t.cu", """
// Variants: D=3; D=5, Real=double
// Budget: 32 registers
extern "C" __global__ void f(int n) {}
extern "C" __global__ void g(int n) {}
// Budget: 64 registers, spills: the table does not fit
extern "C" __global__ void h(int n) {}
""")  # fmt: skip
    assert file.variants == ({"D": "3"}, {"D": "5", "Real": "double"})
    assert [k.registers for k in file.kernels.values()] == [32, None, 64]
    assert file.kernels["h"].reason == "spills: the table does not fit"
    assert KernelFile("t.cu", "").variants == ({},)


def test_the_same_kernel_is_made_once():
    file = KernelFile("t.cu", 'extern "C" __global__ void f(int n) {}')
    assert file.kernel("f", D=3) is file.kernel("f", D=3)
    assert str(file.kernel("f", D=3, B="x")) == "t.cu:f -DB=x -DD=3"


def test_comments_are_blanked_in_place():
    text = 'a // b\nc /* d\ne */ f "// g" \'"\' // h'
    blanked = blank_comments(text)
    assert blanked == 'a     \nc     \n     f "// g" \'"\'     '
    assert len(blank_comments(text, strings=True)) == len(text)
    assert "g" not in blank_comments(text, strings=True)


def test_compile_options():
    assert compile_options((("D", "3"),), "int32") == ("-std=c++17", "-DIndex=int", "-DD=3")
    assert compile_options((), "int64") == ("-std=c++17", "-DIndex=long long")


# ---- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("expression", "value"), [
    ("7", 7), ("n", 10), ("n * width", 30), ("(n + 1) * width - 2", 31), ("n / width", 3),
    ("gridDim.x * 2", 8),
])  # fmt: skip
def test_sizes(expression: str, value: int):
    assert evaluate_size(expression, {"n": 10, "width": 3, "gridDim.x": 4}) == value


@pytest.mark.parametrize(("expression", "message"), [
    ("m", "names 'm'; known are n, zero"),
    ("n ** 2", r"may hold whole numbers, names and \+ - \* / only"),
    ("__import__('os')", "may hold whole numbers"),
    ("0.5 * n", "may hold whole numbers"),
    ("n *", "cannot be read"),
    ("n / zero", "divides by zero"),
])  # fmt: skip
def test_sizes_that_cannot_be_worked_out(expression: str, message: str):
    with pytest.raises(ValueError, match=message):
        evaluate_size(expression, {"n": 10, "zero": 0})

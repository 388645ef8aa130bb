"""The emulator: kernels give the right numbers, mistakes are found and named, memory is counted."""

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ocrlearn import cuda
from ocrlearn.cuda import emulator
from ocrlearn.cuda.emulator import build

KERNELS = Path(__file__).parent / "kernels"
TOUR = cuda.KernelFile.read(KERNELS / "tour.cu")
TRANSPOSE = cuda.KernelFile.read(KERNELS / "transpose.cu")

EVERY_WAY = [
    ("fast", "forward"), ("fast", "reversed"), ("fast", "random"), ("fast", "preempting"),
    ("check", "forward"), ("check", "random"), ("check", "preempting"), ("profile", "forward"),
]  # fmt: skip


def kernel(text: str) -> cuda.Kernel:
    """Return the only kernel of a text."""
    file = cuda.KernelFile("example.cu", text)
    [name] = file.kernels
    return file.kernel(name)


def find(text: str, grid=1, block=32, **arguments) -> list[cuda.Finding]:
    """Run the only kernel of a text in check mode; return what is found."""
    with cuda.emulation("check", raise_faults=False) as run:
        cuda.launch(kernel(text), grid, block, **arguments)
    return run.findings


def find_one(text: str, grid=1, block=32, **arguments) -> cuda.Finding:
    [finding] = find(text, grid, block, **arguments)
    return finding


# ---- the tour: the dialect against NumPy ---------------------------------------------------------


@pytest.fixture(params=EVERY_WAY, ids=lambda way: "-".join(way))
def anyhow(request):
    """Run the test in every mode and schedule; nothing may be found."""
    mode, schedule = request.param
    with cuda.emulation(mode, schedule, seed=1) as run:
        yield
    assert not run.findings


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.usefixtures("anyhow")
class TestTour:
    def test_vector_types(self, rng):
        values = rng.random((100, 4), np.float32)
        result = np.zeros_like(values)
        cuda.launch(TOUR.kernel("reverse_lanes"), 1, 128, **{"from": values}, to=result, count=100)
        np.testing.assert_array_equal(result, values[:, ::-1])

    def test_templates_and_two_dimensional_shared_arrays(self, rng):
        values, total = rng.random(32), np.zeros(1)
        cuda.launch(TOUR.kernel("sum_of_squares"), 1, 32, values=values, total=total)
        np.testing.assert_allclose(total, (values**2).sum(), rtol=1e-12)

    def test_shared_arrays_of_structures_and_of_bytes(self, rng):
        values = rng.integers(0, 1000, (64, 2), dtype=np.int32)
        result = np.zeros_like(values)
        cuda.launch(TOUR.kernel("swap_pairs"), 1, 64, **{"from": values}, to=result)
        swapped = values[::-1, ::-1] + np.stack([0 * values[::-1, 0], values[::-1, 0] % 2], axis=1)
        np.testing.assert_array_equal(result, swapped)

    def test_constant_memory(self, rng):
        values = rng.random(1000, np.float32)
        result = np.zeros_like(values)
        cuda.launch(TOUR.kernel("blur"), 8, 128, **{"from": values}, to=result, count=1000)
        expected = np.convolve(values, [0.25, 0.5, 0.25], "valid")
        np.testing.assert_allclose(result[1:-1], expected, rtol=1e-6)

    def test_device_variables_live_on_between_launches(self):
        before = np.zeros((2, 5), np.int32)
        for row in before:
            cuda.launch(TOUR.kernel("count_visits"), 5, 32, before=row)
        first = before.min()
        assert sorted(before.ravel()) == list(range(first, first + 10))

    def test_warp_scan(self, rng):
        values = rng.integers(0, 99, 64, dtype=np.int32)
        result = np.zeros_like(values)
        cuda.launch(TOUR.kernel("scan_warp"), 1, 64, **{"from": values}, to=result)
        np.testing.assert_array_equal(result.reshape(2, 32), values.reshape(2, 32).cumsum(axis=1))

    def test_shuffles(self, rng):
        values = rng.integers(0, 99, 32, dtype=np.int32)
        result = np.zeros((5, 32), np.int32)
        cuda.launch(TOUR.kernel("shuffles"), 1, 32, **{"from": values}, to=result)
        lane = np.arange(32)
        np.testing.assert_array_equal(result[0], values[3])
        np.testing.assert_array_equal(result[1], values[lane ^ 5])
        np.testing.assert_array_equal(result[2], values[np.where(lane % 8 < 6, lane + 2, lane)])
        np.testing.assert_array_equal(result[3], values[np.where(lane % 8 >= 2, lane - 2, lane)])
        np.testing.assert_array_equal(result[4], values.max())

    def test_votes(self, rng):
        values = rng.integers(82, 95, 32, dtype=np.int32)
        result = np.zeros((6, 32), np.uint32)
        cuda.launch(TOUR.kernel("votes"), 1, 32, **{"from": values}, to=result)
        powers = 1 << np.arange(32, dtype=np.uint32)
        np.testing.assert_array_equal(result[0], (values == values[:, None]) @ powers)
        np.testing.assert_array_equal(result[1], (values > 90).any())
        np.testing.assert_array_equal(result[2], (values > 80).all())
        np.testing.assert_array_equal(result[3], (values % 2 == 1) @ powers)
        np.testing.assert_array_equal(result[4], (values % 2).sum())
        np.testing.assert_array_equal(result[5], (values == 90).any() + 2 * (values > 80).all())

    def test_bits(self, rng):
        values = rng.integers(0, 2**32, 32, dtype=np.uint32)
        values[:2] = 0, 1
        result = np.zeros((4, 32), np.int32)
        cuda.launch(TOUR.kernel("bits"), 1, 32, **{"from": values}, to=result)
        assert result[0].tolist() == [int(v).bit_count() for v in values]
        assert result[1].tolist() == [32 - int(v).bit_length() for v in values]
        assert result[2].tolist() == [(int(v) & -int(v)).bit_length() for v in values]
        assert result[3].view(np.uint32).tolist() == [int(f"{v:032b}"[::-1], 2) for v in values]

    def test_atomics(self, rng):
        values = rng.integers(-999, 999, 256, dtype=np.int32)
        result = np.array([5, 5, 10**6, -(10**6), -1, 0, 0, 0], np.int32)
        cuda.launch(TOUR.kernel("atomics"), 1, 256, values=values, results=result)
        assert result.tolist() == [
            5 + values.sum(), 5 - values.sum(), values.min(), values.max(),
            np.bitwise_and.reduce(values), np.bitwise_or.reduce(values),
            np.bitwise_xor.reduce(values), 7,
        ]  # fmt: skip

    def test_the_last_block_adds_what_all_have_written(self, rng):
        values, total = rng.random(5000, np.float32), np.zeros(1, np.float32)
        cuda.launch(
            TOUR.kernel("sum_by_last_block"), 20, 128, values=values, total=total, count=5000,
            partial=np.zeros(20, np.float32), ticket=np.zeros(1, np.uint32),
        )  # fmt: skip
        np.testing.assert_allclose(total, values.sum(), rtol=1e-5)

    def test_barriers_in_a_loop_and_two_arrays_in_dynamic_memory(self, rng):
        values = rng.integers(0, 10**6, 1000, dtype=np.int32)
        maxima = cuda.empty(1000, np.int32, like=values)
        cuda.launch(TOUR.kernel("running_maximum"), 1, 1024, values=values, count=1000,
                    maxima=maxima, shared_memory=8 * 1000)  # fmt: skip
        np.testing.assert_array_equal(maxima, np.maximum.accumulate(values))

    def test_a_warp_of_sixteen_lanes(self):
        values, sums = np.arange(48, dtype=np.int32), np.zeros(2, np.int32)
        cuda.launch(TOUR.kernel("sum_part_of_a_warp"), 1, 48, values=values, sums=sums)
        assert sums.tolist() == [values[:32].sum(), values[32:].sum()]

    def test_three_axes(self):
        numbers, sides = np.full(2 * 3 * 4 * 5 * 6 * 7, -1, np.int32), np.zeros(6, np.int32)
        cuda.launch(
            TOUR.kernel("number_threads"), (2, 3, 4), (5, 6, 7), numbers=numbers, sides=sides
        )
        assert sides.tolist() == [2, 3, 4, 5, 6, 7]
        expected = np.arange(24)[:, None] * 10000 + np.arange(210)
        np.testing.assert_array_equal(numbers.reshape(24, 210), expected)


def test_every_kernel_of_the_tour_is_in_a_test():
    text = Path(__file__).read_text(encoding="utf-8")
    for name in TOUR.kernels:
        assert f'TOUR.kernel("{name}")' in text


# ---- schedules -----------------------------------------------------------------------------------

# Which ticket does each block and thread draw? The order in which they run.
ORDER = """
extern "C" __global__ void draw(int* next, int* tickets) {
    tickets[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(next, 1);
}
"""


def order(schedule: str, seed: int = 0, mode: str = "fast", launches: int = 1) -> list[int]:
    tickets = np.zeros(6 * 40, np.int32)
    with cuda.emulation(mode, schedule, seed):
        for _ in range(launches):
            cuda.launch(kernel(ORDER), 6, 40, next=np.zeros(1, np.int32), tickets=tickets)
    assert sorted(tickets) == list(range(240))
    return tickets.tolist()


def test_forward_and_reversed():
    assert order("forward") == list(range(240))
    assert order("reversed") == list(range(240))[::-1]


@pytest.mark.parametrize("schedule", ["random", "preempting"])
@pytest.mark.parametrize("mode", ["fast", "check"])
def test_a_seed_gives_the_same_order_again(mode: str, schedule: str):
    assert order(schedule, 1, mode) == order(schedule, 1, mode)
    assert order(schedule, 1, mode) != order(schedule, 2, mode)
    assert order(schedule, 1, mode) != list(range(240))


def test_each_launch_has_an_order_of_its_own():
    assert order("random", 1, launches=2) != order("random", 1, launches=1)


def test_preempting_interrupts_threads_between_accesses():
    text = 'extern "C" __global__ void add(int* total) { int old = *total; *total = old + 1; }'
    totals = []
    for schedule in ("forward", "preempting"):
        total = np.zeros(1, np.int32)
        with cuda.emulation("fast", schedule) as run:
            cuda.launch(kernel(text), 1, 256, total=total)
        assert not run.findings  # fast mode does not look
        totals.append(int(total[0]))
    assert totals[0] == 256 > totals[1]


def test_several_operating_system_threads():
    text = """
    extern "C" __global__ void count(int* total) {
        __shared__ int part;
        if (threadIdx.x == 0) part = 0;
        __syncthreads();
        atomicAdd(&part, 1);
        __syncthreads();
        if (threadIdx.x == 0) atomicAdd(total, part);
    }"""
    total = np.zeros(1, np.int32)
    with cuda.emulation(threads=4):
        cuda.launch(kernel(text), 500, 96, total=total)
    assert total[0] == 500 * 96


def test_launches_from_several_python_threads():
    def total(mode: str) -> int:
        values, sum_ = np.ones(48, np.int32), np.zeros(2, np.int32)
        for _ in range(20):
            with cuda.emulation(mode) as run:
                cuda.launch(TOUR.kernel("sum_part_of_a_warp"), 1, 48, values=values, sums=sum_)
            assert not run.findings
        return int(sum_.sum())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(total, ["fast", "check", "fast", "profile"] * 2)) == [48] * 8


@pytest.mark.parametrize(("options", "message"), [
    ({"mode": "quick"}, "mode must be one of fast, check, profile, got 'quick'"),
    ({"schedule": "chaos"}, "schedule must be one of forward, .*, got 'chaos'"),
    ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
    ({"threads": 0}, "threads must be a whole number of at least 1, got 0"),
])  # fmt: skip
def test_wrong_options(options: dict, message: str):
    with pytest.raises(ValueError, match=message), cuda.emulation(**options):
        pass


def test_the_launches_are_listed_and_emulations_nest():
    with cuda.emulation() as outer:
        order("forward")
        total = np.zeros(1, np.int32)
        cuda.launch(kernel(ORDER), 1, 1, next=total, tickets=np.zeros(1, np.int32))
    assert outer.launches == ["draw"]
    assert emulator.current() is None


# ---- findings ------------------------------------------------------------------------------------


def test_a_finding_says_where_what_who_and_what_to_do():
    finding = find_one("""extern "C" __global__ void shift(int* values) {
    // the neighbour's value
    int next = values[threadIdx.x + 1];
    values[threadIdx.x] = next;
}""", block=64, values=np.zeros(65, np.int32))  # fmt: skip
    assert (finding.kind, finding.kernel, finding.file) == ("race", "shift", "example.cu")
    assert (finding.line, finding.source) == (3, "int next = values[threadIdx.x + 1];") or (
        finding.line, finding.source) == (4, "values[threadIdx.x] = next;")  # fmt: skip
    assert set(finding.lines) == {3, 4}
    assert (finding.array, finding.element) == ("values", 1)
    now, before = finding.participants
    assert {now.action, before.action} == {"reads", "writes"}
    assert {now.thread, before.thread} == {(0, 0, 0), (1, 0, 0)}
    assert now.block == before.block == (0, 0, 0)
    assert str(finding) == (
        "example.cu:4: `values[threadIdx.x] = next;`: race on values[1]: thread 1 of block 0 "
        "writes it here, thread 0 of block 0 reads it in line 3, "
        "`int next = values[threadIdx.x + 1];`, and nothing puts one before the other. "
        "Put __syncthreads() (or __syncwarp(), in one warp) between them, "
        "or use an atomic operation."
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.line = 1  # type: ignore[misc]


def test_a_fault_raises_with_its_findings():
    text = 'extern "C" __global__ void over(int* values) { values[threadIdx.x] = 1; }'
    with cuda.emulation("check") as run, pytest.raises(cuda.KernelFault) as caught:
        cuda.launch(kernel(text), 1, 8, values=np.zeros(7, np.int32))
    assert isinstance(caught.value, cuda.EmulatorError)
    assert caught.value.findings == tuple(run.findings)
    assert caught.value.findings[0].kind == "out-of-bounds"


OVER = 'extern "C" __global__ void over(int* values, int at) { values[at] = 1; }'


@pytest.mark.parametrize("at", [-1, 6, 7])
def test_out_of_bounds(at: int):
    values = np.zeros(8, np.int32)[1:7]  # of its memory, only these six are the kernel's
    finding = find_one(OVER, 1, 1, values=values, at=at)
    assert (finding.kind, finding.array, finding.element) == ("out-of-bounds", "values", at)
    assert f"writes values[{at}] (4 bytes), but values has 6 elements, 0 to 5" in str(finding)


def test_an_array_of_no_items_is_out_of_bounds_everywhere():
    finding = find_one(OVER, 1, 1, values=np.zeros(0, np.int32), at=0)
    assert (finding.kind, finding.array, finding.element) == ("out-of-bounds", "values", 0)


def test_an_element_of_an_image_is_named_by_row_and_column():
    text = 'extern "C" __global__ void both(int* image) { image[13] = threadIdx.x; }'
    finding = find_one(text, image=np.zeros((3, 5), np.int32))
    assert "race on image[13] (at (2, 3))" in finding.message


def test_dynamic_shared_memory_that_the_launch_did_not_give():
    text = """extern "C" __global__ void fill() {
        extern __shared__ float buffer[];
        buffer[threadIdx.x] = 1;
    }"""
    finding = find_one(text)
    assert (finding.kind, finding.array, finding.line) == ("out-of-bounds", "buffer", 3)
    assert "shared_memory=" in finding.message


def test_more_shared_memory_than_there_is():
    text = 'extern "C" __global__ void big(int* n) { __shared__ int s[12289]; s[0] = *n; }'
    finding = find_one(text, n=np.zeros(1, np.int32))
    assert finding.kind == "shared memory"
    assert "49156 bytes with s, and 49152 are the most" in finding.message


def test_uninitialised_shared_memory():
    text = """extern "C" __global__ void half(int* out) {
        __shared__ int s[32];
        if (threadIdx.x < 16) s[threadIdx.x] = 1;
        __syncthreads();
        out[threadIdx.x] = s[threadIdx.x];
    }"""
    finding = find_one(text, out=np.zeros(32, np.int32))
    assert (finding.kind, finding.line, finding.array) == ("uninitialised", 5, "s")
    assert finding.element >= 16


def test_barriers_in_different_lines():
    text = """extern "C" __global__ void diverge() {
        if (threadIdx.x < 7)
            __syncthreads();
        else
            __syncthreads();
    }"""
    finding = find_one(text)
    assert finding.kind == "divergent barrier"
    assert set(finding.lines) == {3, 5}
    assert "move it out of the branch" in finding.message


def test_an_early_return_before_a_barrier():
    text = """extern "C" __global__ void leave(int* n) {
        if (threadIdx.x >= 20) return;
        __syncthreads();
        n[threadIdx.x] = 1;
    }"""
    n = np.zeros(20, np.int32)
    finding = find_one(text, n=n)
    assert (finding.kind, finding.line) == ("divergent barrier", 3)
    assert "12 of the block's 32 threads have returned" in finding.message
    assert n.all()  # as on a GPU since Volta, the others went on


def test_a_deadlock():
    text = """extern "C" __global__ void stuck() {
        if (threadIdx.x == 0)
            __syncthreads();
        else
            while (true) __syncwarp(0xfffffffe);
    }"""
    with cuda.emulation("check", raise_faults=False) as run:
        cuda.launch(kernel(text.replace("while (true) __syncwarp(0xfffffffe)",
                                        "__syncwarp()")), 1, 32)  # fmt: skip
    [finding] = run.findings
    assert finding.kind == "warp-mask"
    assert "waits here for lanes 0 of its warp" in finding.message
    assert "1 thread waiting at a barrier in line 3" in finding.message


def test_a_mask_that_waits_for_lanes_that_have_gone():
    text = """extern "C" __global__ void gone(int* out) {
        if (threadIdx.x >= 8) return;
        out[threadIdx.x] = __shfl_sync(0xffffffffu, (int)threadIdx.x, 0);
    }"""
    finding = find_one(text, out=np.zeros(32, np.int32))
    assert (finding.kind, finding.line) == ("warp-mask", 3)
    assert "lanes 8-31" in finding.message


def test_a_lane_that_is_not_in_its_own_mask():
    text = 'extern "C" __global__ void other() { __syncwarp(0x0000ffff); }'
    finding = find_one(text)
    assert finding.kind == "warp-mask"
    assert "lane 16, calls a warp operation with the mask 0x0000ffff" in finding.message


def test_lanes_with_different_masks():
    text = """extern "C" __global__ void differ() {
        if (threadIdx.x < 4) __syncwarp(0xffffffff);
        else __syncwarp(0xfffffff0 | 0xf);
        if (threadIdx.x < 4) __syncwarp(0x000000ff);
        else __syncwarp(0xffffffff);
    }"""
    assert [finding.kind for finding in find(text)] == ["warp-mask"]


def test_a_failed_assertion():
    text = """extern "C" __global__ void check(int n) {

        assert(n == 3);
    }"""
    assert not find(text, n=3)
    finding = find_one(text, grid=2, n=4)
    assert (finding.kind, finding.line) == ("trap", 3)
    assert finding.message == "assert(n == 3) in thread 0 of block 0."


@pytest.mark.parametrize("operator", ["/", "%"])
def test_a_division_by_zero(operator):
    """The processor would end the whole process."""
    text = f"""extern "C" __global__ void divide(int n, int* out) {{
        out[threadIdx.x] = 7 {operator}
            n;
    }}"""
    assert not find(text, n=3, out=np.zeros(32, np.int32))
    finding = find_one(text, n=0, out=np.zeros(32, np.int32))
    assert finding.kind == "trap"
    assert finding.line in (2, 3)
    assert finding.message == "division by zero in thread 0 of block 0."


def test_a_null_pointer():
    text = """extern "C" __global__ void forget(int* out) {
        int* place = nullptr;
        if (out[0])
            place = out;
        *place = 3;
    }"""
    finding = find_one(text, out=np.zeros(1, np.int32))
    assert (finding.kind, finding.line, finding.array) == ("out-of-bounds", 5, "")
    assert "thread 0 of block 0 writes memory of no array: a pointer is null" in finding.message


@pytest.mark.parametrize(
    "loop",
    ["while (*flag == 0);", "while (true) {}", "do ; while (*flag == 0);", "for (;;) ;"],
)
def test_an_empty_loop_that_never_ends(loop):
    """Nothing is left of it that the compiler would report."""
    text = f"""extern "C" __global__ void spin(int* flag) {{
        {loop}
    }}"""
    finding = find_one(text, block=1, flag=np.zeros(1, np.int32))
    assert (finding.kind, finding.line) == ("endless loop", 2)


def test_a_loop_with_a_barrier_that_never_ends():
    text = """extern "C" __global__ void reduce(int* out) {
        for (int half = 16; half > 0; half = half)
            __syncthreads();
        out[0] = 1;
    }"""
    finding = find_one(text, out=np.zeros(1, np.int32))
    assert finding.kind == "endless loop"
    assert finding.line in (2, 3)
    assert "is still here after 100000 barriers" in finding.message


def test_loops_may_stand_in_any_branch():
    """Check mode adds a step to every loop; an `else` after one must stay with its `if`."""
    text = """extern "C" __global__ void branch(int n, int* out) {
        int sum = 0;
        if (n > 0)
            for (int i = 0, j = 1; i < n; ++i, ++j)
                if (i % 2)
                    sum += j;
                else
                    do sum += 100; while (sum < 0);
        else
            while (n < 0)
                n += 1, sum -= 1;
        out[0] = sum;
    }"""
    for n, wanted in ((4, 206), (-3, -3)):
        out = np.zeros(1, np.int32)
        assert not find(text, block=1, n=n, out=out)
        assert out[0] == wanted


def test_a_loop_that_never_ends():
    text = """extern "C" __global__ void spin(int* flag) {
        while (((volatile int*)flag)[0] == 0)
            ;
    }"""
    finding = find_one(text, 1, 2, flag=np.zeros(1, np.int32))
    assert finding.kind == "endless loop"
    assert finding.line in (2, 3)


def test_waiting_for_another_thread_of_the_block_ends():
    text = """extern "C" __global__ void hand_over(volatile int* flag, int* out) {
        if (threadIdx.x == 0) while (flag[0] == 0) ;
        if (threadIdx.x == 40) flag[0] = 1;
        out[threadIdx.x] = 1;
    }"""
    out = np.zeros(64, np.int32)
    assert not find(text, 1, 64, flag=np.zeros(1, np.int32), out=out)
    assert out.all()


# ---- what is ordered, and what is not ------------------------------------------------------------

REVERSE = """extern "C" __global__ void reverse(int* out) {{
    __shared__ int s[64];
    s[threadIdx.x] = threadIdx.x;
    {barrier};
    out[threadIdx.x] = s[threadIdx.x ^ 31];
}}"""


def test_syncwarp_orders_memory_and_a_shuffle_does_not():
    out = np.zeros(64, np.int32)
    assert not find(REVERSE.format(barrier="__syncwarp()"), 1, 64, out=out)
    np.testing.assert_array_equal(out, np.arange(64) ^ 31)
    kinds = {f.kind for f in find(REVERSE.format(barrier="__shfl_sync(~0u, 1, 0)"), 1, 64, out=out)}
    assert kinds == {"race"}


def test_syncwarp_orders_the_lanes_of_its_mask_only():
    text = """extern "C" __global__ void two_groups(int* out) {
        __shared__ int s[32];
        int i = threadIdx.x;
        s[i] = i;
        __syncwarp(i < 16 ? 0x0000ffff : 0xffff0000);
        out[i] = s[i ^ PARTNER];
    }"""
    for partner, races in ((15, 0), (16, 1)):
        found = find(text.replace("PARTNER", str(partner)), out=np.zeros(32, np.int32))
        assert [f.kind for f in found if f.kind == "race"] == ["race"] * races


def test_neighbouring_bytes_are_no_race():
    text = """extern "C" __global__ void bytes(unsigned char* out) {
        __shared__ unsigned char s[64];
        s[threadIdx.x] = threadIdx.x;
        out[threadIdx.x] = s[threadIdx.x];
    }"""
    assert not find(text, 1, 64, out=np.zeros(64, np.uint8))


def test_an_atomic_protects_only_from_atomics():
    text = """extern "C" __global__ void mixed(int* total) {
        if (threadIdx.x == 0) *total = 1;
        else atomicAdd(total, 1);
    }"""
    finding = find_one(text, total=np.zeros(1, np.int32))
    assert finding.kind == "race"
    assert "make both atomic" in finding.message
    assert {p.atomic for p in finding.participants} == {True, False}


FENCE = """extern "C" __global__ void hand_over(QUALIFIER int* data, unsigned* flag, int* out) {
    if (blockIdx.x == 0) { data[0] = 5; __threadfence(); atomicExch(flag, 1u); }
    else if (atomicAdd(flag, 0u)) { __threadfence(); out[0] = data[0]; }
}"""


def test_a_hand_over_behind_a_fence_needs_volatile_data():
    for qualifier, count in (("", 1), ("volatile", 0)):
        arrays = {"data": np.zeros(1, np.int32), "flag": np.zeros(1, np.uint32),
                  "out": np.zeros(1, np.int32)}  # fmt: skip
        assert len(find(FENCE.replace("QUALIFIER", qualifier), 2, 1, **arrays)) == count
        assert arrays["out"][0] == 5


def test_a_race_on_a_device_variable():
    text = """__device__ int counter;
    extern "C" __global__ void count() { counter = counter + 1; }"""
    findings = find(text)
    assert {f.kind for f in findings} == {"race"}
    assert "a __device__ variable" in findings[0].message


# ---- arrays that nothing has written -------------------------------------------------------------

COPY = cuda.KernelFile("copy.cu", """
extern "C" __global__ void copy(const int* from, int* to, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) to[i] = from[i];
}""")  # fmt: skip


def copy(source: np.ndarray, target: np.ndarray, count: int | None = None) -> None:
    cuda.launch(COPY.kernel("copy"), 1, 64, **{"from": source}, to=target,
                count=source.size if count is None else count)  # fmt: skip


LIKE = np.zeros(1)


def test_reading_a_fresh_array_is_reported():
    with cuda.emulation("check", raise_faults=False) as run:
        fresh = cuda.empty((4, 5), np.int32, like=LIKE)
        copy(fresh, np.zeros(20, np.int32))
    [finding] = run.findings
    assert (finding.kind, finding.array, finding.line) == ("uninitialised", "from", 4)
    assert "from[0] (at (0, 0)), which nothing has written" in finding.message


def test_what_a_kernel_has_written_stays_written():
    with cuda.emulation("check") as run:
        fresh = cuda.empty(20, np.int32, like=LIKE)
        copy(np.arange(20, dtype=np.int32), fresh)
        copy(fresh, np.zeros(20, np.int32))
        copy(fresh.reshape(4, 5)[2:], np.zeros(10, np.int32))
    assert not run.findings


def test_what_it_has_not_written_is_found_through_views():
    with cuda.emulation("check", raise_faults=False) as run:
        fresh = cuda.empty((4, 5), np.int32, like=LIKE)
        copy(np.arange(20, dtype=np.int32), fresh, count=12)
        copy(fresh[:2], np.zeros(10, np.int32))
        assert not run.findings
        copy(fresh[2:].ravel(), np.zeros(10, np.int32))
    [finding] = run.findings
    assert (finding.kind, finding.element) == ("uninitialised", 2)


def test_what_the_host_has_written_counts():
    with cuda.emulation("check") as run:
        for write in (
            lambda a: a.fill(0),
            lambda a: a.__setitem__(slice(None), -1),
            lambda a: a.__setitem__(slice(0, 20), np.arange(20)),
        ):
            fresh = cuda.empty(20, np.int32, like=LIKE)
            write(fresh)
            copy(fresh, np.zeros(20, np.int32))
    assert not run.findings


def test_an_array_that_is_gone_leaves_nothing_behind():
    from ocrlearn.cuda.emulator import memory

    with cuda.emulation("check"):
        before = len(memory._fresh)
        fresh = cuda.empty(20, np.int32, like=LIKE)
        view = fresh[3:]
        del fresh
        assert len(memory._fresh) == before + 1  # the view keeps it alive
        del view
        assert len(memory._fresh) == before


def test_an_atomic_update_reads_and_an_exchange_does_not():
    text = 'extern "C" __global__ void f(int* p) { OPERATION(&p[threadIdx.x], 1); }'
    for operation, count in (("atomicAdd", 1), ("atomicExch", 0)):
        with cuda.emulation("check", raise_faults=False) as run:
            fresh = cuda.empty(32, np.int32, like=LIKE)
            cuda.launch(kernel(text.replace("OPERATION", operation)), 1, 32, p=fresh)
        assert len(run.findings) == count


# ---- the profile ---------------------------------------------------------------------------------


def profile(file: cuda.KernelFile, name: str, grid, block, **arguments) -> dict:
    """Return the rows of one launch by (memory, access)."""
    with cuda.emulation("profile") as run:
        cuda.launch(file.kernel(name), grid, block, **arguments)
    rows = {(row.memory, row.access): row for row in run.profile}
    assert len(rows) == len(run.profile)
    return rows


@pytest.mark.parametrize(("name", "store_sectors", "shared_load"), [
    ("naive", 32, None),  # 32 floats of a column: each in a sector of its own
    ("tiled", 4, 32),  # 32 floats side by side are 128 bytes; a column of the tile is one bank
    ("padded", 4, 1),
])  # fmt: skip
def test_three_transposes(name: str, store_sectors: int, shared_load: int | None):
    matrix = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)
    result = np.zeros_like(matrix)
    rows = profile(TRANSPOSE, name, (2, 2), (32, 32), **{"from": matrix}, to=result, size=64)
    np.testing.assert_array_equal(result, matrix.T)
    load, store = rows["global", "load"], rows["global", "store"]
    for row in rows.values():
        assert row.requests == 4 * 32  # four blocks of 32 warps
        assert (row.accesses, row.size, row.contention) == (64 * 64, 4, 0)
        assert row.source == TRANSPOSE.text.splitlines()[row.line - 1].strip()
    assert (load.per_request, load.ideal_per_request, load.efficiency) == (4, 4, 1)
    assert (store.per_request, store.ideal_per_request) == (store_sectors, 4)
    assert load.source.startswith("float value = from[")
    assert store.source.startswith("to[")
    assert load.bytes_used == load.bytes_moved == 64 * 64 * 4
    assert store.bytes_moved == 64 * 64 * 4 * store_sectors // 4
    if shared_load:
        assert rows["shared", "store"].conflict == 1
        assert rows["shared", "load"].conflict == shared_load
        assert rows["shared", "load"].per_request == shared_load
    else:
        assert len(rows) == 2


GATHER = cuda.KernelFile("gather.cu", """
extern "C" __global__ void gather(const TYPE* from, TYPE* to, int stride, int offset) {
    TYPE value = from[threadIdx.x * stride + offset];
    to[threadIdx.x] = value;
}""")  # fmt: skip


@pytest.mark.parametrize(("type_", "lanes", "stride", "offset", "sectors", "ideal"), [
    ("float", 1, 1, 0, 4, 4),
    ("float", 1, 0, 0, 1, 1),  # all read one float: broadcast
    ("float", 1, 2, 0, 8, 4),  # every other float: half of each sector is wasted
    ("float", 1, 8, 0, 32, 4),  # one float of each sector
    ("float", 1, 1, 1, 5, 4),  # 128 bytes that begin 4 bytes late lie in five sectors
    ("float", 1, 1, 8, 4, 4),  # 32 bytes late: a whole sector
    ("float2", 2, 1, 0, 8, 8),
    ("float4", 4, 1, 0, 16, 16),  # 32 lanes of 16 bytes: 512 bytes
    ("float4", 4, 2, 0, 32, 16),
    ("double", 1, 1, 0, 8, 8),
    ("unsigned char", 1, 1, 0, 1, 1),  # 32 bytes
    ("unsigned char", 1, 1, 1, 2, 1),
])  # fmt: skip
def test_sectors_of_a_request(type_, lanes, stride, offset, sectors, ideal):
    dtype = {"double": np.float64, "unsigned char": np.uint8}.get(type_, np.float32)
    source, target = np.zeros(4096, dtype), np.zeros(32 * lanes, dtype)
    with cuda.emulation("profile") as run:
        cuda.launch(GATHER.kernel("gather", TYPE=type_), 1, 32, **{"from": source}, to=target,
                    stride=stride, offset=offset)  # fmt: skip
    [load] = [row for row in run.profile if row.access == "load"]
    assert load.size == dtype().itemsize * lanes
    assert (load.requests, load.transactions, load.ideal) == (1, sectors, ideal)
    assert load.line == 3


def test_a_slice_begins_where_it_would_on_a_gpu():
    source, target = np.zeros(100, np.float32), np.zeros(32, np.float32)
    for start, sectors in ((0, 4), (1, 5), (8, 4)):
        with cuda.emulation("profile") as run:
            cuda.launch(
                GATHER.kernel("gather", TYPE="float"), 1, 32,
                **{"from": source[start : start + 32]}, to=target, stride=1, offset=0,
            )  # fmt: skip
        assert [r.transactions for r in run.profile if r.access == "load"] == [sectors]


@pytest.mark.parametrize(("type_", "index", "wavefronts", "ideal"), [
    ("float", "i", 1, 1),
    ("float", "0", 1, 1),  # one word for all: broadcast
    ("float", "i / 2", 1, 1),  # pairs read the same word
    ("float", "2 * i", 2, 1),  # words 0 and 32 lie in bank 0
    ("float", "8 * i", 8, 1),
    ("float", "32 * i", 32, 1),
    ("float", "33 * i", 1, 1),
    ("unsigned char", "i", 1, 1),  # four lanes read one word
    ("double", "i", 2, 2),  # half a warp at a time, 128 bytes
    ("double", "16 * i", 32, 2),
    ("float4", "i", 4, 4),  # a quarter at a time
    ("float4", "8 * i", 32, 4),
])  # fmt: skip
def test_bank_conflicts(type_, index, wavefronts, ideal):
    text = """extern "C" __global__ void banks(float* out) {
        __shared__ __align__(16) TYPE s[1056 * 4 / sizeof(TYPE)];
        int i = threadIdx.x;
        TYPE value = s[INDEX];
        out[i] = *(float*)&value;
    }""".replace("TYPE", type_).replace("INDEX", index)
    rows = profile(cuda.KernelFile("banks.cu", text), "banks", 1, 32, out=np.zeros(32, np.float32))
    load = rows["shared", "load"]
    assert (load.requests, load.transactions, load.ideal) == (1, wavefronts, ideal)
    assert load.conflict == wavefronts / ideal


def test_contention_of_atomics():
    text = """extern "C" __global__ void histogram(const int* bin, int* counts) {
        __shared__ int first;
        if (threadIdx.x == 0) first = 0;
        __syncthreads();
        atomicAdd(&first, 1);
        atomicAdd(&counts[bin[blockIdx.x * blockDim.x + threadIdx.x]], 1);
    }"""
    bins = np.repeat(np.arange(4, dtype=np.int32), [1, 2, 100, 25])
    rows = profile(cuda.KernelFile("h.cu", text), "histogram", 2, 64, bin=bins,
                   counts=np.zeros(4, np.int32))  # fmt: skip
    assert rows["global", "atomic"].contention == 100
    assert rows["shared", "atomic"].contention == 64  # of one block


def test_the_table_names_lines_and_counts():
    matrix = np.zeros((32, 32), np.float32)
    with cuda.emulation("profile") as run:
        cuda.launch(TRANSPOSE.kernel("naive"), 1, (32, 32), **{"from": matrix},
                    to=matrix.copy(), size=32)  # fmt: skip
    table = cuda.profile_table(run.profile).splitlines()
    assert table[0].split() == ["line", "access", "requests", "per", "request", "ideal", "moved",
                                "source"]  # fmt: skip
    assert table[1].split()[:8] == ["10", "global", "load", "4", "B", "32", "4", "sectors"]
    assert table[2].split()[:8] == ["11", "global", "store", "4", "B", "32", "32", "sectors"]
    assert "32.8 kB" in table[2]
    assert table[2].endswith("to[x * size + y] = value;")


# ---- building ------------------------------------------------------------------------------------

TINY = 'extern "C" __global__ void tiny(int* out) {{ out[0] = {answer}; }}'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("OCRLEARN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def answer(text: str) -> int:
    out = np.zeros(1, np.int32)
    cuda.launch(kernel(text), 1, 1, out=out)
    return int(out[0])


def test_a_library_is_built_once_and_kept(cache):
    assert answer(TINY.format(answer=1)) == 1
    kept = {path.name: path.stat().st_mtime_ns for path in (cache / "emulator").iterdir()}
    assert sorted(name.split("_")[0] for name in kept) == ["kernel", "runtime"]
    build._load.cache_clear()
    assert answer(TINY.format(answer=1)) == 1
    assert kept == {path.name: path.stat().st_mtime_ns for path in (cache / "emulator").iterdir()}
    assert answer(TINY.format(answer=2)) == 2
    assert len(list((cache / "emulator").iterdir())) == 3


def test_processes_may_build_at_once(cache):
    program = (
        "import numpy as np; from ocrlearn import cuda; out = np.zeros(1, np.int32); "
        f"file = cuda.KernelFile('t.cu', {TINY.format(answer=9)!r}); "
        "cuda.launch(file.kernel('tiny'), 1, 1, out=out); print(out[0])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["9"] * 3
    assert len(list((cache / "emulator").iterdir())) == 2  # nothing half-built is left


def test_a_folder_that_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    monkeypatch.setenv("OCRLEARN_CACHE", str(in_the_way))
    assert answer(TINY.format(answer=3)) == 3
    assert in_the_way.read_text() == "not a folder"


def test_a_user_without_a_home_gets_a_temporary_folder(monkeypatch):
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("OCRLEARN_CACHE", raising=False)
    monkeypatch.setattr(build.Path, "home", no_home)
    assert build._wanted_folder() is None
    assert build._usable_folder(None).name.startswith("ocrlearn-emulator-")


def test_a_library_that_cannot_be_loaded_says_what_to_do(tmp_path):
    broken = tmp_path / "kernel_plain_0.so"
    broken.write_bytes(b"not a library")
    with pytest.raises(cuda.EmulatorError, match=r"cannot be loaded: .* OCRLEARN_CACHE"):
        build._open(broken)


def test_no_compiler(cache, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    build._find_compiler.cache_clear()
    with pytest.raises(cuda.EmulatorError, match=r"finds none \(g\+\+ or clang\+\+\)") as caught:
        answer(TINY.format(answer=4))
    assert "sudo apt install g++" in str(caught.value)
    assert "sudo dnf install gcc-c++" in str(caught.value)
    build._find_compiler.cache_clear()


def test_the_compiler_that_cxx_names(cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler -O3")
    with pytest.raises(cuda.EmulatorError, match=r"finds none \(no-such-compiler\)"):
        answer(TINY.format(answer=5))
    monkeypatch.setenv("CXX", "g++ -DANSWER=6")
    assert answer(TINY.format(answer="ANSWER")) == 6


def test_another_system_is_told_what_to_do(cache, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    build._find_compiler.cache_clear()
    with pytest.raises(cuda.EmulatorError, match="on macOS a Linux container"):
        answer(TINY.format(answer=7))
    build._find_compiler.cache_clear()


def test_a_kernel_that_does_not_compile_shows_its_own_lines():
    text = """extern "C" __global__ void wrong(float* out) {
    __shared__ float
        s[32];
    out[threadIdx.x] = s[threadIdx.x] + missing;
}"""
    with pytest.raises(cuda.EmulatorError) as caught:
        cuda.launch(kernel(text), 1, 32, out=np.zeros(32, np.float32))
    message = str(caught.value)
    assert message.startswith("the kernel does not compile:\nexample.cu:4:")
    assert "'missing' was not declared" in message
    assert "out[threadIdx.x] = s[threadIdx.x] + missing;" in message
    assert "dialect.h" not in message
    assert message.splitlines()[-1].index("^") == message.splitlines()[-2].index("missing")
    assert len(message.splitlines()) == 4


def test_a_brace_that_is_never_closed_is_shown():
    text = 'extern "C" __global__ void wrong(float* out)\n{\n    out[0] = 1;\n'
    with pytest.raises(cuda.EmulatorError) as caught:
        cuda.launch(kernel(text), 1, 1, out=np.zeros(1, np.float32))
    assert str(caught.value).endswith("example.cu:2:1: error: this is never closed\n    {\n    ^")


@pytest.mark.parametrize(("declared", "rewritten"), [
    ("__shared__ float a;", "EMULATOR_SHARED(a, float);"),
    ("__shared__ float a[4][8], b[2];",
     "EMULATOR_SHARED(a, float[4][8]); EMULATOR_SHARED(b, float[2]);"),
    ("static __shared__ Pair<int, float> p[2];", "EMULATOR_SHARED(p, Pair<int, float>[2]);"),
    ("volatile __shared__ int v[N + 1];", "EMULATOR_SHARED(v, volatile int[N + 1]);"),
    ("__shared__ volatile int v;", "EMULATOR_SHARED(v, volatile int);"),
    ("__shared__ __align__(16) unsigned char c[64];", "EMULATOR_SHARED(c, unsigned char[64]);"),
    ("__shared__ alignas(16) float a[4];", "EMULATOR_SHARED(a, float[4]);"),
    ("extern __shared__ double d[];", "EMULATOR_DYNAMIC_SHARED(d, double[]);"),
    ("extern __shared__ __align__(16) float4 d[];", "EMULATOR_DYNAMIC_SHARED(d, float4[]);"),
    ("__shared__ float // rows\n  a[4]; // x", "EMULATOR_SHARED(a, float[4]);\n // x"),
    ('// __shared__ float a;\nputs("__shared__ x;");', None),
])  # fmt: skip
def test_declarations_of_shared_arrays(declared: str, rewritten: str | None):
    assert build.translate(declared) == (declared if rewritten is None else rewritten)

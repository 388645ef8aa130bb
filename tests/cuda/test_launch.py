"""A wrong launch is refused: the message names the argument, what came and what is wanted."""

import contextlib
import re
import types

import numpy as np
import pytest

from ocrlearn import cuda
from ocrlearn.cuda import _launch

FILE = cuda.KernelFile("scale.cu", """
extern "C" __global__ void __launch_bounds__(256)
scale(const float* __restrict__ from,  // [height * width]
      float* __restrict__ to,          // [height * width]
      int height, int width, float factor)
{
    Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < (Index)height * width) to[i] = factor * from[i];
}
extern "C" __global__ void index_bytes(int* bytes) { bytes[0] = sizeof(Index); }
extern "C" __global__ void shift(float* from, float* to, int count) {
    if (threadIdx.x < count) to[threadIdx.x] = from[threadIdx.x];
}
extern "C" __global__ void whole(unsigned char* out, unsigned char value) { out[0] = value; }
extern "C" __global__ void flag(bool* out, bool value) { out[0] = value; }
extern "C" __global__ void pairs(const float2* points,  // [count]
                                 int count) {}
""")  # fmt: skip


def scale(grid=1, block=32, shared_memory=0, **changed) -> np.ndarray:
    """Launch `scale` on a good set of arguments, some of them changed or (by ...) left out."""
    arguments = {"from": np.ones((4, 5), np.float32), "to": np.zeros((4, 5), np.float32),
                 "height": 4, "width": 5, "factor": 2.0}  # fmt: skip
    arguments |= changed
    arguments = {name: value for name, value in arguments.items() if value is not ...}
    cuda.launch(FILE.kernel("scale"), grid, block, shared_memory=shared_memory, **arguments)
    return arguments["to"]


def test_a_good_launch():
    np.testing.assert_array_equal(scale(), np.full((4, 5), 2.0))
    np.testing.assert_array_equal(scale((2,), (16, 1)), np.full((4, 5), 2.0))


@pytest.mark.parametrize(("changed", "message"), [
    ({"to": ...}, "takes from, to, height, width, factor: missing to"),
    ({"depth": 1}, "unknown depth"),
    ({"from": [1.0] * 20}, "from must be an array, got list"),
    ({"from": np.float32(1)}, "from must be an array, got float32"),
    ({"from": None}, "from must be an array, got NoneType"),
    ({"from": np.ones((4, 5))}, "from must have dtype float32 for float*, got float64"),
    ({"height": 4.0}, "height must be a whole number for int, got 4.0"),
    ({"height": "4"}, "height must be a number for int, got str"),
    ({"height": np.ones(1, int)}, "height must be a number for int, got ndarray"),
    ({"grid": 1.5}, "grid must hold whole numbers, got 1.5"),
    ({"block": True}, "block must hold whole numbers, got True"),
    ({"shared_memory": 1.0}, "shared_memory must be a whole number, got 1.0"),
])  # fmt: skip
def test_wrong_types(changed: dict, message: str):
    with pytest.raises(TypeError, match=re.escape(message)) as caught:
        scale(**changed)
    assert str(caught.value).startswith("scale.cu:scale")


READ_ONLY = np.zeros((4, 5), np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(("changed", "message"), [
    ({"from": np.ones((5, 4), np.float32).T}, "from must be C-contiguous, got strides (4, 16)"),
    ({"from": np.ones((4, 10), np.float32)[:, ::2]}, "from must be C-contiguous"),
    ({"from": np.ones(19, np.float32)},
     "from must hold [height * width] = 20 items, got 19 in shape (19,)"),
    ({"height": 5}, "from must hold [height * width] = 25 items, got 20 in shape (4, 5)"),
    ({"to": READ_ONLY}, "to is written by the kernel, but the array is read-only"),
    ({"height": 2**31},
     "height = 2147483648 does not fit int, which holds -2147483648 to 2147483647"),
    ({"factor": 1e39}, "factor = 1e+39 does not fit float, which holds up to 3.4e+38"),
    ({"grid": (1, 2, 3, 4)}, "grid must have 1 to 3 numbers, got (1, 2, 3, 4)"),
    ({"grid": ()}, "grid must have 1 to 3 numbers, got ()"),
    ({"grid": -1}, "grid along x must be 0 to 2147483647, got -1"),
    ({"grid": (1, 65536)}, "grid along y must be 0 to 65535, got 65536"),
    ({"block": 0}, "block along x must be 1 to 1024, got 0"),
    ({"block": (1, 1, 65)}, "block along z must be 1 to 64, got 65"),
    ({"block": (64, 32)}, "a block has 1 to 1024 threads, got (64, 32, 1), 2048"),
    ({"block": 512}, "its __launch_bounds__ allow blocks of 256 threads, got (512, 1, 1), 512"),
    ({"shared_memory": -1}, "shared_memory must be at least 0, got -1"),
    ({"shared_memory": 227 * 1024 + 1}, "shared_memory must be at most 232448 bytes"),
])  # fmt: skip
def test_wrong_values(changed: dict, message: str):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        scale(**changed)
    assert str(caught.value).startswith("scale.cu:scale")


def test_a_read_only_array_may_be_read():
    source = np.ones((4, 5), np.float32)
    source.flags.writeable = False
    np.testing.assert_array_equal(scale(**{"from": source}), np.full((4, 5), 2.0))


def test_arrays_that_share_memory_against_a_promise():
    memory = np.ones(30, np.float32)
    message = re.escape(
        "from and to share memory, but the kernel is compiled for arrays that do not"
    )
    for start in (0, 1, 19):
        with pytest.raises(ValueError, match=message):
            scale(
                **{"from": memory[:20], "to": memory[start : start + 20][:20]}, height=1, width=11
            )
    scale(**{"from": memory[:10], "to": memory[10:20]}, height=1, width=10)
    np.testing.assert_array_equal(memory[10:20], 2)


def test_the_extent_of_an_array_on_a_gpu_is_its_pointers():
    class Memory:
        ptr = 4096

    class OnGpu:
        data, nbytes = Memory(), 80

    assert _launch._extent(OnGpu()) == (4096, 4176)


def test_arrays_may_share_memory_where_nothing_is_promised():
    memory = np.arange(8, dtype=np.float32)
    cuda.launch(FILE.kernel("shift"), 1, 32, **{"from": memory, "to": memory}, count=8)
    np.testing.assert_array_equal(memory, np.arange(8))


def test_a_grid_of_no_blocks_does_nothing():
    for grid in (0, (3, 0)):
        assert not scale(grid).any()
    empty = np.zeros((0, 5), np.float32)
    scale(0, **{"from": empty, "to": empty.copy()}, height=0)
    with pytest.raises(TypeError, match="missing to"):  # still checked
        scale(0, to=...)


def test_scalars_are_converted():
    out = np.zeros(1, np.uint8)
    for value in (7, np.int64(7), np.array(7), np.uint8(7)):
        out[:] = 0
        cuda.launch(FILE.kernel("whole"), 1, 1, out=out, value=value)
        assert out[0] == 7
    with pytest.raises(
        ValueError, match="value = 256 does not fit unsigned char, which holds 0 to 255"
    ):
        cuda.launch(FILE.kernel("whole"), 1, 1, out=out, value=256)
    np.testing.assert_array_equal(scale(factor=3), np.full((4, 5), 3.0))
    assert np.isinf(scale(factor=np.inf)).all()


def test_bools():
    out = np.zeros(1, bool)
    cuda.launch(FILE.kernel("flag"), 1, 1, out=out, value=np.True_)
    assert out[0]
    with pytest.raises(ValueError, match="value = 2 does not fit bool, which holds 0 to 1"):
        cuda.launch(FILE.kernel("flag"), 1, 1, out=out, value=2)
    cuda.launch(FILE.kernel("whole"), 1, 1, out=out, value=0)  # a bool array is bytes of 0 and 1
    assert not out[0]


def test_vectors_take_whole_items():
    cuda.launch(FILE.kernel("pairs"), 1, 1, points=np.zeros((5, 2), np.float32), count=5)
    with pytest.raises(ValueError, match=r"points must hold whole items of 2 for float2\*, got 9"):
        cuda.launch(FILE.kernel("pairs"), 1, 1, points=np.zeros(9, np.float32), count=4)
    with pytest.raises(ValueError, match=r"points must hold \[count\] = 6 items, got 5"):
        cuda.launch(FILE.kernel("pairs"), 1, 1, points=np.zeros((5, 2), np.float32), count=6)


def test_a_launch_like_one_before_is_checked_where_it_differs():
    scale()
    np.testing.assert_array_equal(scale(factor=-0.0), np.zeros((4, 5)))
    assert np.signbit(scale(factor=-0.0)).all()  # though 0.0 is equal
    assert not np.signbit(scale(factor=0.0)).any()
    for wrong in (4.0, np.float32(4), np.array(4.0)):
        with pytest.raises(TypeError, match="height must be a whole number"):
            scale(height=wrong)
    with pytest.raises(ValueError, match="from must be C-contiguous"):
        scale(**{"from": np.ones((5, 4), np.float32).T})
    both = np.ones((4, 5), np.float32)
    with pytest.raises(ValueError, match="share memory"):
        scale(**{"from": both, "to": both})


def test_vectors_must_be_aligned():
    whole = np.zeros(9, np.float32)
    at = -whole.__array_interface__["data"][0] // 4 % 2  # where a multiple of eight bytes lies
    kernel = FILE.kernel("pairs")
    cuda.launch(kernel, 1, 1, points=whole[at : at + 8], count=4)
    with pytest.raises(ValueError, match="points must begin at a multiple of 8 bytes for float2"):
        cuda.launch(kernel, 1, 1, points=whole[1 - at : 1 - at + 8], count=4)


def test_shared_memory_of_both_kinds_counts_together(cupy):
    arguments = {name: cupy.zeros((4, 5), np.float32) for name in ("from", "to")}
    arguments |= {"height": 4, "width": 5, "factor": 2.0}
    # With the 512 bytes that the stand-in's kernels declare this is more than a GPU gives unasked.
    cuda.launch(FILE.kernel("scale"), 1, 32, shared_memory=48 * 1024, **arguments)
    with pytest.raises(ValueError, match="with 512 declared in the source, is more than this GPU"):
        cuda.launch(FILE.kernel("scale"), 1, 32, shared_memory=227 * 1024, **arguments)


def test_arrays_must_lie_on_the_current_gpu(cupy, monkeypatch):
    far = property(lambda array: types.SimpleNamespace(id=1))
    monkeypatch.setattr(cupy.ndarray, "device", far)
    arrays = {name: cupy.zeros((4, 5), np.float32) for name in ("from", "to")}
    with pytest.raises(ValueError, match="is on GPU 1 but the current one is 0"):
        cuda.launch(FILE.kernel("scale"), 1, 32, **arrays, height=4, width=5, factor=2.0)


def test_the_index_is_wide_where_it_must_be():
    bytes_ = np.zeros(1, np.int32)

    def index_bytes() -> int:
        cuda.launch(FILE.kernel("index_bytes"), 1, 1, bytes=bytes_)
        return int(bytes_[0])

    assert index_bytes() == 4
    with cuda.emulation(wide_index=True):
        assert index_bytes() == 8
    assert _launch._index_type([np.broadcast_to(np.int8(0), (2**31,))], 1) == "int64"
    assert _launch._index_type([], 2**31) == "int64"
    assert _launch._index_type([np.zeros(9)], 256) == "int32"


def test_blocks_for():
    assert cuda.blocks_for(0, 256) == (0,)
    assert cuda.blocks_for(1, 256) == (1,)
    assert cuda.blocks_for(257, 256) == (2,)
    assert cuda.blocks_for((1000, 30), (32, 8)) == (32, 4)
    with pytest.raises(ValueError, match=r"size \(5, 5\) and block \(4,\) must have the same"):
        cuda.blocks_for((5, 5), 4)
    with pytest.raises(ValueError, match="block must hold whole numbers of at least 1"):
        cuda.blocks_for(5, 0)


def test_empty_is_an_array_of_the_same_library():
    array = cuda.empty((3, 4), np.int16, like=np.zeros(1))
    assert (type(array), array.shape, array.dtype) == (np.ndarray, (3, 4), np.int16)


def test_debugging_waits_and_blames_the_launch(cupy, monkeypatch):
    def fail():
        raise RuntimeError("an illegal memory access")

    def launch():
        cuda.launch(FILE.kernel("flag"), 1, 1, out=cupy.zeros(1, np.bool_), value=True)

    monkeypatch.delenv("OCRLEARN_CUDA_DEBUG", raising=False)
    stream = types.SimpleNamespace(synchronize=fail)
    monkeypatch.setattr(cupy.cuda, "get_current_stream", lambda: stream)
    blame = "scale.cu:flag failed on the GPU: an illegal memory access"
    launch()  # nobody waits
    with cuda.debugging():
        with cuda.debugging(False):
            launch()
        with pytest.raises(RuntimeError, match=blame):
            launch()
    launch()
    for value, waits in (("0", False), ("1", True)):
        monkeypatch.setenv("OCRLEARN_CUDA_DEBUG", value)
        with pytest.raises(RuntimeError, match=blame) if waits else contextlib.nullcontext():
            launch()

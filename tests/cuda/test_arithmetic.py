"""Numbers in the emulator come out as on a GPU where the difference can be seen."""

import numpy as np
import pytest

from ocrlearn import cuda
from ocrlearn.cuda.emulator import build

FILE = cuda.KernelFile("arithmetic.cu", """
extern "C" __global__ void fusible(float u, float v, float rounded,
                                   float* out)  // [3]
{
    out[0] = u * v - rounded;
}
extern "C" __global__ void kept_apart(float u, float v, float rounded,
                                      float* out)  // [3]
{
    out[0] = __fmul_rn(u, v) - rounded;
    out[1] = __fsub_rn(u * v, rounded);
    out[2] = __fadd_rn(u * v, -rounded);
}
extern "C" __global__ void extremes(const float* v,  // [2]
                                    float* out)      // [4]
{
    out[0] = min(v[0], v[1]);
    out[1] = min(v[1], v[0]);
    out[2] = max(v[0], v[1]);
    out[3] = max(v[1], v[0]);
}
""")  # fmt: skip


U, V = 1 + 2.0**-12, 1 + 2.0**-13
ROUNDED = float(np.float32(U) * np.float32(V))  # the product does not fit a float


def differences(kernel: str, **how) -> list[float]:
    """Return the difference between the product and its rounded form, as a kernel finds it."""
    out = np.zeros(3, np.float32)
    with cuda.emulation(**how):
        cuda.launch(FILE.kernel(kernel), 1, 1, u=U, v=V, rounded=ROUNDED, out=out)
    return out.tolist()


@pytest.mark.skipif(not build.can_fuse(), reason="this processor cannot fuse")
def test_products_are_fused_on_demand_but_not_where_they_are_rounded():
    assert U * V != ROUNDED
    assert differences("fusible") == differences("kept_apart") == [0, 0, 0]
    assert differences("fusible", fused=True) == [U * V - ROUNDED, 0, 0]
    assert differences("kept_apart", fused=True) == [0, 0, 0]


def test_fused_arithmetic_is_for_the_fast_mode():
    with pytest.raises(ValueError, match="fused arithmetic needs the mode 'fast'"):
        differences("fusible", fused=True, mode="check")


def test_a_number_wins_over_nan():
    out = np.empty(4, np.float32)
    cuda.launch(FILE.kernel("extremes"), 1, 1, v=np.array([np.nan, 2], np.float32), out=out)
    np.testing.assert_array_equal(out, [2, 2, 2, 2])

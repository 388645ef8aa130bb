import subprocess
import sys
import types

import numpy as np
import pytest

from ocrlearn._dispatch import array_module, pick


@pytest.fixture
def cupy(monkeypatch):
    """A stand-in for CuPy: a module of that name with an array type of its own."""
    module = types.ModuleType("cupy")
    module.ndarray = type("ndarray", (), {"__module__": "cupy"})
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


class Tensor:
    """Looks like an array of a third library."""

    shape = (3,)
    __module__ = "torch"


RUNGS = {"reference": lambda: "reference", "fast": lambda: "fast", "cuda": lambda: "cuda"}
CPU_RUNGS = {name: RUNGS[name] for name in ("reference", "fast")}


def test_numpy_arrays_belong_to_numpy():
    assert array_module(np.zeros(3)) is np
    assert array_module(np.zeros(3), np.zeros((2, 2), dtype=bool)) is np
    assert array_module(np.ma.masked_array([1, 2])) is np


def test_cupy_arrays_belong_to_cupy(cupy):
    assert array_module(cupy.ndarray()) is cupy
    assert array_module(cupy.ndarray(), cupy.ndarray()) is cupy


def test_arrays_from_inside_cupy_belong_to_cupy(cupy):
    inner = type("ndarray", (), {"__module__": "cupy._core.core"})
    assert array_module(inner()) is cupy


@pytest.mark.parametrize("scalar", [None, 1, 2.5, 1j, True, np.float32(3), np.int64(3), np.True_])
def test_scalars_do_not_decide(cupy, scalar):
    assert array_module(scalar) is np
    assert array_module(np.zeros(3), scalar) is np
    assert array_module(scalar, cupy.ndarray()) is cupy


def test_nothing_at_all_is_numpy():
    assert array_module() is np


def test_mixtures_are_refused(cupy):
    for arrays in [(np.zeros(3), cupy.ndarray()), (cupy.ndarray(), 1, np.zeros(3))]:
        with pytest.raises(TypeError, match="mixture of NumPy and CuPy arrays; move them"):
            array_module(*arrays)
        with pytest.raises(TypeError, match="mixture"):
            pick(RUNGS, *arrays)


@pytest.mark.parametrize(
    ("stranger", "kind"),
    [([1, 2], "builtins.list"), ("text", "builtins.str"), (Tensor(), r"torch\.Tensor")],
)
def test_other_types_are_refused_by_name(stranger, kind):
    for arrays in [(stranger,), (np.zeros(3), stranger)]:
        with pytest.raises(TypeError, match=f"expected NumPy or CuPy arrays, got {kind}"):
            array_module(*arrays)


def test_a_stranger_among_cupy_arrays_is_named_too(cupy):
    with pytest.raises(TypeError, match=r"got torch\.Tensor; convert it first"):
        array_module(cupy.ndarray(), Tensor())


def test_pick_takes_the_rung_for_the_arrays(cupy):
    assert pick(RUNGS, np.zeros(3))() == "fast"
    assert pick(RUNGS, cupy.ndarray())() == "cuda"
    assert pick(RUNGS)() == "fast"
    assert pick(RUNGS, 3, None)() == "fast"


def test_pick_takes_the_rung_asked_for(cupy):
    assert pick(RUNGS, np.zeros(3), rung="reference")() == "reference"
    assert pick(RUNGS, np.zeros(3), rung="fast")() == "fast"
    assert pick(RUNGS, cupy.ndarray(), rung="cuda")() == "cuda"
    assert pick(RUNGS, rung="cuda")() == "cuda"
    assert pick(RUNGS, np.zeros(3), rung="cuda")() == "cuda"  # in the emulator


def test_pick_refuses_rungs_that_do_not_exist(cupy):
    with pytest.raises(ValueError, match=r"no rung 'numba' .*there are reference, fast$"):
        pick(CPU_RUNGS, np.zeros(3), rung="numba")
    with pytest.raises(ValueError, match="no rung 'cuda' for this operation"):
        pick(CPU_RUNGS, cupy.ndarray())


def test_pick_refuses_arrays_of_the_wrong_side(cupy):
    with pytest.raises(TypeError, match="'reference' rung works on NumPy arrays, got CuPy"):
        pick(RUNGS, cupy.ndarray(), rung="reference")


def test_dispatch_imports_no_gpu_library():
    code = (
        "import sys, numpy as np; from ocrlearn._dispatch import array_module, pick;"
        "array_module(np.zeros(3)); pick({'fast': print}, np.zeros(3));"
        "print(*{'cupy', 'torch', 'numba'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""

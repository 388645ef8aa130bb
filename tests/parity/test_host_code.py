"""The CUDA rungs' host code works on CuPy arrays, tried on a strict stand-in for CuPy."""

import inspect
from typing import Any

import cupy_stand_in
import numpy as np
import pytest

from parity import Case, Operation, operations

SMALL_ON_CUDA = [
    pytest.param(op, case, id=f"{op}-{case}")
    for op in operations()
    for case in op.cases
    if "cuda" in op.rungs and case.small
]


def to_gpu(cupy: Any, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return cupy.asarray(value)
    if isinstance(value, tuple | list):
        return type(value)(to_gpu(cupy, item) for item in value)
    return value


def leaves(value: Any) -> list[Any]:
    """Everything a result is made of."""
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in leaves(item)]
    if hasattr(value, "__dataclass_fields__"):
        return [
            leaf for name in value.__dataclass_fields__ for leaf in leaves(getattr(value, name))
        ]
    return [value]


def from_gpu(value: Any) -> Any:
    from parity import test_parity

    return test_parity.from_gpu(value)


@pytest.mark.parametrize(("op", "case"), SMALL_ON_CUDA)
def test_cupy_in_cupy_out(cupy, op: Operation, case: Case):
    result = op.rungs["cuda"](*to_gpu(cupy, case.args), **case.kwargs)
    for leaf in leaves(result):
        assert not isinstance(leaf, np.ndarray), "a NumPy array among the results"
    op.compare(from_gpu(result), op.rungs["cuda"](*case.args, **case.kwargs))


def test_the_stand_in_refuses_what_cupy_refuses(cupy):
    array = cupy.asarray(np.arange(3.0))
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(array)
    with pytest.raises(TypeError):
        np.sqrt(array)
    with pytest.raises(TypeError, match=r"numpy\.sum"):
        np.sum(array)
    with pytest.raises(TypeError):
        np.arange(3) + array
    with pytest.raises(TypeError, match="mixed with CuPy"):
        array[np.array([0, 1])]
    with pytest.raises(TypeError, match="iterating"):
        list(array)
    with pytest.raises(TypeError, match=r"cupy\.zeros takes shape, dtype, order"):
        cupy.zeros(3, like=array)
    with pytest.raises(AttributeError):
        _ = cupy.unwrap
    assert isinstance(array.sum(), cupy.ndarray)
    assert float(array.sum()) == 3


def test_the_stand_in_has_what_cupy_has():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    for module, functions in ((cupy, cupy_stand_in.FUNCTIONS), (cupy.fft, cupy_stand_in.FFT)):
        for name, parameters in functions.items():
            signature = inspect.signature(getattr(module, name))
            assert set(parameters.split()) <= set(signature.parameters), name
    for name in cupy_stand_in.UFUNCS:
        assert isinstance(getattr(cupy, name), cupy.ufunc), name
    for name in cupy_stand_in.METHODS.split():
        assert hasattr(cupy.ndarray, name), name

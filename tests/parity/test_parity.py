"""Every core operation gives one answer, whichever rung performs it: see ``__init__.py``."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ocrlearn import cuda
from ocrlearn.cuda.emulator.build import can_fuse
from parity import Case, Operation, operations

ALL = operations()


def pairs(wanted: Callable[[Operation, Case], bool] = lambda op, case: True) -> list[Any]:
    """Return every operation with every case of it that is wanted."""
    return [
        pytest.param(op, case, id=f"{op}-{case}")
        for op in ALL
        for case in op.cases
        if wanted(op, case)
    ]


PAIRS = pairs()
ON_CUDA = pairs(lambda op, case: "cuda" in op.rungs)
SMALL_ON_CUDA = pairs(lambda op, case: "cuda" in op.rungs and case.small)
WITH_ORACLE = pairs(lambda op, case: op.oracle is not None)
WITH_KERNELS = [pytest.param(op, id=str(op)) for op in ALL if "cuda" in op.rungs]

_expected: dict[tuple[str, str], Any] = {}


def copied(value: Any) -> Any:
    """Copy arrays with their memory layout, so that a non-contiguous case stays one."""
    if isinstance(value, np.ndarray):
        copy = np.empty_like(value, subok=False)
        if not value.flags.c_contiguous and not value.flags.f_contiguous:
            wide = np.empty((*value.shape[:-1], 2 * value.shape[-1]), value.dtype)
            copy = wide[..., ::2]
        copy[...] = value
        return copy
    if isinstance(value, tuple | list):
        return type(value)(copied(item) for item in value)
    return value


def in_column_order(value: Any) -> Any:
    """Lay arrays out as Fortran does, which NumPy and CuPy keep up through much arithmetic."""
    if isinstance(value, np.ndarray):
        return np.asfortranarray(value) if value.ndim > 1 else value
    if isinstance(value, tuple | list):
        return type(value)(in_column_order(item) for item in value)
    return value


def run(op: Operation, case: Case, rung: str) -> Any:
    """Run a rung and prove that it leaves its inputs alone."""
    args = copied(case.args)
    result = op.rungs[rung](*args, **case.kwargs)
    for before, after in zip(case.args, args, strict=True):
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(after, before, err_msg=f"{op} changed its input")
    return result


def reference(op: Operation, case: Case) -> Any:
    key = (op.name, case.name)
    if key not in _expected:
        _expected[key] = run(op, case, "reference")
    return _expected[key]


def test_every_operation_is_here_once():
    assert len({op.name for op in ALL}) == len(ALL) > 0
    for op in ALL:
        assert len({case.name for case in op.cases}) == len(op.cases), f"{op}: two cases, one name"


@pytest.mark.parametrize(("op", "case"), PAIRS)
def test_fast_rung_equals_the_reference(op: Operation, case: Case):
    op.compare(run(op, case, "fast"), reference(op, case))


@pytest.mark.parametrize(("op", "case"), ON_CUDA)
def test_kernels_equal_the_reference(op: Operation, case: Case):
    op.compare(run(op, case, "cuda"), reference(op, case))


@pytest.mark.parametrize(("op", "case"), SMALL_ON_CUDA)
def test_kernels_have_no_fault(op: Operation, case: Case):
    with cuda.emulation(mode="check"):
        result = run(op, case, "cuda")
    op.compare(result, reference(op, case))


@pytest.mark.parametrize("schedule", ["reversed", "random", "preempting"])
@pytest.mark.parametrize(("op", "case"), SMALL_ON_CUDA)
def test_kernels_do_not_depend_on_the_schedule(op: Operation, case: Case, schedule: str):
    mode = "check" if schedule == "preempting" else "fast"  # only checked memory can be preempted
    with cuda.emulation(mode=mode, schedule=schedule, seed=1):
        result = run(op, case, "cuda")
    op.compare(result, reference(op, case))


@pytest.mark.skipif(not can_fuse(), reason="this processor cannot fuse a product with a sum")
@pytest.mark.parametrize(("op", "case"), SMALL_ON_CUDA)
def test_kernels_do_not_depend_on_how_products_are_rounded(op: Operation, case: Case):
    with cuda.emulation(fused=True):  # as a GPU rounds
        result = run(op, case, "cuda")
    op.compare(result, reference(op, case))


@pytest.mark.parametrize("op", WITH_KERNELS)
def test_kernels_work_with_64_bit_indices(op: Operation):
    for case in op.cases[:2]:
        with cuda.emulation(wide_index=True):
            result = run(op, case, "cuda")
        op.compare(result, reference(op, case))


@pytest.mark.parametrize("op", WITH_KERNELS)
def test_kernels_take_arrays_in_column_order(op: Operation):
    for case in op.cases[:2]:
        result = op.rungs["cuda"](*in_column_order(case.args), **case.kwargs)
        op.compare(result, reference(op, case))


@pytest.mark.parametrize("op", WITH_KERNELS)
def test_every_kernel_of_the_file_is_executed(op: Operation):
    if op.kernels is None:
        pytest.skip("its kernels are counted with another operation of the file")
    launched: set[str] = set()
    for other in ALL:
        if other.kernels is not op.kernels or "cuda" not in other.rungs:
            continue
        for case in other.cases:
            if launched >= set(op.kernels.kernels):
                break
            with cuda.emulation() as emulation:
                run(other, case, "cuda")
            launched.update(emulation.launches)
    assert set(op.kernels.kernels) - launched == set()


@pytest.mark.parametrize("op", WITH_KERNELS)
def test_on_a_gpu(op: Operation):
    if reason := cuda.why_no_gpu():
        pytest.skip(reason)
    for case in op.cases:
        with cuda.debugging():
            result = op.rungs["cuda"](*to_gpu(case.args), **case.kwargs)
        op.compare(from_gpu(result), reference(op, case))


@pytest.mark.parametrize(("op", "case"), WITH_ORACLE)
def test_reference_agrees_with_an_independent_implementation(op: Operation, case: Case):
    answer = op.oracle(*copied(case.args), **case.kwargs)
    if answer is None:
        pytest.skip("the oracle does not perform this case")
    (op.compare_oracle or op.compare)(reference(op, case), answer)


def to_gpu(value: Any) -> Any:
    import cupy

    if isinstance(value, np.ndarray):
        return cupy.asarray(value)
    if isinstance(value, tuple | list):
        return type(value)(to_gpu(item) for item in value)
    return value


def from_gpu(value: Any) -> Any:
    if hasattr(value, "get") and hasattr(value, "dtype"):
        return value.get()
    if isinstance(value, tuple | list):
        return type(value)(from_gpu(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: from_gpu(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value

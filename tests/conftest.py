"""What all tests share: hypothesis's settings, a stand-in for CuPy, and computers without g++."""

import os
import sys
from collections.abc import Generator
from types import ModuleType
from typing import Any

import cupy_stand_in
import pytest
from hypothesis import settings

from ocrlearn import cuda
from ocrlearn.cuda import _launch

# The same examples every time, and no deadline.
settings.register_profile("ocrlearn", deadline=None, derandomize=True)
settings.load_profile("ocrlearn")

# Where kernels cannot be emulated, what needs them is skipped; never in continuous integration.
NO_EMULATOR = "" if os.environ.get("CI") else cuda.why_no_emulator().splitlines()[:1]
NEED_EMULATOR = {"34_cuda.ipynb", "test_emulator.py"}


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Generator[ModuleType]:
    """Put a stand-in, which refuses what CuPy refuses, in CuPy's place; it emulates the kernels."""
    module = cupy_stand_in.make_module()
    monkeypatch.setitem(sys.modules, "cupy", module)
    _launch._raw_kernel.cache_clear()
    yield module
    _launch._raw_kernel.cache_clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if NO_EMULATOR and item.path.name in NEED_EMULATOR:
            item.add_marker(pytest.mark.skip(reason=NO_EMULATOR[0]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    try:
        return (yield)
    except cuda.EmulatorError:
        if NO_EMULATOR:
            pytest.skip(NO_EMULATOR[0])
        raise

"""Whether CUDA kernels can run on a GPU here, and if not, why not and what would help."""

import ctypes
import functools
import sys

__all__ = ["driver_version", "gpu_name", "what_would_help", "why_no_gpu"]

_NOT_INSTALLED = "CuPy is not installed."
_NOT_IMPORTED = "CuPy cannot be imported"
_TRIAL = 'extern "C" __global__ void trial(int* answer) { *answer = 7; }'


@functools.cache
def why_no_gpu() -> str:
    """Return "" where kernels run on a GPU, and otherwise one sentence that says why they do not.

    CuPy is imported, a device is asked for, and a kernel of one thread is compiled, launched and
    its answer read back, so that an empty string means that everything works. The answer is kept.
    Never raises: a broken installation is a reason like any other.
    """
    try:
        import cupy
    except ImportError as error:
        if error.name == "cupy":
            return _NOT_INSTALLED
        return f"{_NOT_IMPORTED}: {_first_line(error)}."
    except Exception as error:
        return f"{_NOT_IMPORTED}: {_first_line(error)}."
    try:
        if cupy.cuda.runtime.getDeviceCount() == 0:
            return "CuPy sees no CUDA device."
        answer = cupy.zeros(1, "int32")
        cupy.RawModule(code=_TRIAL).get_function("trial")((1,), (1,), (answer,))
        if int(answer[0]) != 7:
            return "A trial kernel gave a wrong answer."
    except Exception as error:
        return f"CuPy is installed, but finds no working GPU: {_first_line(error)}."
    return ""


def gpu_name() -> str:
    """Return the name of CuPy's current GPU, such as "NVIDIA H100 80GB HBM3"."""
    import cupy

    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def driver_version() -> tuple[int, int] | None:
    """Return the newest CUDA version that NVIDIA's driver supports, or None without a driver.

    The driver is asked directly, without CuPy.
    """
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    version = ctypes.c_int()
    try:
        if ctypes.CDLL(name).cuDriverGetVersion(ctypes.byref(version)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return version.value // 1000, version.value % 1000 // 10  # 12040 is 12.4


def what_would_help() -> str:
    """Return a sentence or two of advice for where :func:`why_no_gpu` gives a reason, else ""."""
    reason = why_no_gpu()
    if not reason:
        return ""
    driver = driver_version()
    if driver is None:
        return "No NVIDIA driver is loaded; every kernel runs on the CPU in the emulator instead."
    supported = f"The driver supports CUDA {driver[0]}.{driver[1]}"
    if driver[0] < 12:
        return f"{supported}; CuPy needs 12 or later: update NVIDIA's driver."
    package = "cupy-cuda13x" if driver[0] >= 13 else "cupy-cuda12x"
    install = f'pip install "{package}[ctk]"'
    if reason.startswith((_NOT_INSTALLED, _NOT_IMPORTED)):
        return f"{supported}: install CuPy with {install}."
    return (
        f"{supported}. Does nvidia-smi list a GPU that CUDA_VISIBLE_DEVICES does not hide? "
        f"If so, CuPy may miss a part: {install}."
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0].rstrip('.')}" if text else type(error).__name__

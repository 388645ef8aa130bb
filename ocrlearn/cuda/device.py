"""Whether CUDA kernels can run on a GPU here, and if not, why not."""

import functools

__all__ = ["why_no_gpu"]

_TRIAL = 'extern "C" __global__ void trial(int* answer) { *answer = 7; }'


@functools.cache
def why_no_gpu() -> str:
    """Return "" where kernels run on a GPU, and otherwise one sentence that says why they do not.

    CuPy is imported, a device is asked for, and a kernel of one thread is compiled, launched and its
    answer read back, so that an empty string means that everything works. The answer is kept. Never
    raises: a broken installation is a reason like any other.
    """
    try:
        import cupy
    except ImportError as error:
        if error.name == "cupy":
            return "CuPy is not installed."
        return f"CuPy cannot be imported: {_first_line(error)}."
    except Exception as error:
        return f"CuPy cannot be imported: {_first_line(error)}."
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


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0].rstrip('.')}" if text else type(error).__name__

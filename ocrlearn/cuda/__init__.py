"""CUDA kernels: launch them on a GPU with CuPy, or run and debug them on the CPU.

>>> from ocrlearn import cuda
>>> print(cuda.why_no_gpu())  # doctest: +SKIP
CuPy is not installed.
>>> with cuda.emulation(mode="check"):  # doctest: +SKIP
...     labels, count = connected_components(mask, rung="cuda")  # NumPy arrays: the emulator
"""

from ocrlearn._lazy import attach

_EXPORTS = {
    "DEFAULT_SHARED_MEMORY": "_launch",
    "Emulation": "emulator",
    "EmulatorError": "emulator",
    "Finding": "emulator",
    "Kernel": "source",
    "KernelFault": "emulator",
    "KernelFile": "source",
    "ProfileRow": "emulator",
    "blocks_for": "_launch",
    "debugging": "_launch",
    "empty": "_launch",
    "emulation": "emulator",
    "gpu_name": "device",
    "launch": "_launch",
    "profile_table": "emulator",
    "what_would_help": "device",
    "why_no_emulator": "emulator",
    "why_no_gpu": "device",
}
_MODULES = ("compile", "device", "emulator", "source")

__getattr__, __dir__, __all__ = attach(__name__, _EXPORTS, _MODULES)

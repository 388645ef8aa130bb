"""Run CUDA kernels' own source on the CPU, find the mistakes in it, and count what it costs.
"""

from ocrlearn.cuda.emulator.build import EmulatorError
from ocrlearn.cuda.emulator.findings import Finding, KernelFault, Participant
from ocrlearn.cuda.emulator.profile import ProfileRow, profile_table
from ocrlearn.cuda.emulator.run import (
    Emulation,
    current,
    emulation,
    execute,
    mark_uninitialized,
)

__all__ = [
    "Emulation",
    "EmulatorError",
    "Finding",
    "KernelFault",
    "Participant",
    "ProfileRow",
    "current",
    "emulation",
    "execute",
    "mark_uninitialized",
    "profile_table",
]

"""Run CUDA kernels' own source on the CPU, find the mistakes in it, and count what it costs.

A kernel launched on NumPy arrays runs here, with no GPU and no CUDA installation:

>>> from ocrlearn import cuda
>>> with cuda.emulation("check") as run:  # doctest: +SKIP
...     labels, count = connected_components(mask, rung="cuda")
>>> with cuda.emulation("profile") as run:  # doctest: +SKIP
...     transpose(matrix)
>>> print(cuda.profile_table(run.profile))  # doctest: +SKIP

How it works, in the order in which to read it:

``dialect.h``
    gives a C++ compiler the words of CUDA: ``threadIdx``, barriers, warp operations, atomics,
    vector types and mathematics.
``build.py``
    compiles the kernel's text after that header, once, and keeps the library. The first launch of a
    file of kernels takes one to three seconds for this, the very first one to four more for the
    runtime; from then on both come from ``~/.cache/ocrlearn/emulator`` (or
    ``$OCRLEARN_CACHE/emulator``). The environment variable CXX names another compiler than g++.
``runtime.cpp``
    runs blocks one after the other, and every CUDA thread of a block on a fibre of its own, which
    stops at barriers and warp operations.
``checker.cpp``
    sees every access to memory in check mode, and decides which are races, overruns or reads of
    what nothing has written.
``profiler.cpp``
    puts the accesses of a warp together in profile mode, and counts sectors and bank conflicts.
``memory.py``
    remembers which elements of arrays from :func:`ocrlearn.cuda.empty` have been written.
``findings.py``, ``profile.py``
    turn what the runtime reports into :class:`Finding` and :class:`ProfileRow`, with the lines of
    the source and, for findings, what to do.
``run.py``
    :func:`emulation` chooses mode and schedule; :func:`execute` performs a launch.

Known limits:

- It runs on Linux with g++ (tested with version 12; the flags of clang++ are there, but untested).
  On Windows use WSL, on macOS a Linux container.
- Not understood: inline PTX, textures, half precision, cooperative groups, grid-wide barriers, CUB
  and other libraries of CUDA. Atomics are of 32 and 64 bits. ``memcpy`` and ``memset`` inside a
  kernel run, but the checker does not see them.
- Floating-point functions round as the CPU's do, and ``a * b + c`` is rounded twice where a GPU
  rounds once, unless ``emulation(fused=True)`` asks for it: write ``fmaf`` or ``__fmul_rn`` where
  it matters, and compare with tolerances.
- Memory is never seen in another order than a thread wrote it. Data that one block hands to another
  behind ``__threadfence()`` must be read and written by atomic or volatile accesses; otherwise it
  is reported as a race, also where the fence makes it right.
- The checker keeps two reads of each element, so of several races on one element it may name only
  some. An index that is wrong but inside its array breaks no rule: only the answer shows it.
- In fast mode a wild index ends the Python process, and a kernel that never ends, be it that one
  thread waits in a loop for another, cannot be interrupted: run a new kernel in check mode first.
  Check mode lets a waiting thread's block go on, and reports a thread that goes through 50 million
  branches without coming to a barrier, or a block that passes 100,000 barriers.
- A value read by a shuffle from a lane that takes no part is undefined on a GPU; here it is a
  conspicuous number (bytes 0xCD) and not reported.
- A CUDA thread has 256 KiB for local arrays and calls.
- The profile counts what the kernel asks for, before any cache. The lanes' accesses are joined into
  requests by instruction and by the how-manieth time a lane executes it, which is what a GPU does
  while the lanes of a warp stay together.
- Launches from several Python threads wait for each other.
"""

from ocrlearn.cuda.emulator.build import EmulatorError, why_no_emulator
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
    "why_no_emulator",
]

"""What a kernel asks of a GPU's memory, line by line.

A *request* is one load, store or atomic operation of a warp. In global memory it moves *sectors* of
32 bytes; a warp whose 32 lanes read 32 floats side by side needs 4, and one whose lanes read 32
floats far apart needs 32. In shared memory it takes *wavefronts*: one where the words lie in
different banks or are the same word, *n* where one bank must deliver *n* words (an *n*-way bank
conflict).

The counts are of what the kernel asks for. A GPU's caches may answer part of it, and its compiler
may join or drop accesses.
"""

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ocrlearn.cuda.emulator.build import find_lines
from ocrlearn.cuda.source import Kernel

__all__ = ["ProfileRow", "collect", "profile_table"]

SECTOR = 32
ACTIONS: tuple[Any, ...] = ("", "load", "store", "atomic")


@dataclass(frozen=True)
class ProfileRow:
    """The cost of one kind of access in one line of a kernel, over a whole launch.

    Attributes
    ----------
    kernel, line, source
        The kernel's name, the line from 1 (0 where it is not known) and its text.
    memory
        "global" or "shared".
    access
        "load", "store" or "atomic".
    size
        Bytes that one thread accesses at once: 4 for a float, 16 for a float4.
    requests
        How many times a warp made this access.
    accesses
        The same, counted in threads.
    transactions
        Sectors of 32 bytes for global memory, wavefronts for shared memory.
    ideal
        The fewest transactions that could have served: the bytes touched, packed in sectors; for
        shared memory, no bank conflict.
    contention
        The most atomic operations that any one address received: they are performed one by one. For
        shared memory, within one block. 0 for loads and stores.
    """

    kernel: str
    line: int
    source: str
    memory: Literal["global", "shared"]
    access: Literal["load", "store", "atomic"]
    size: int
    requests: int
    accesses: int
    transactions: int
    ideal: int
    contention: int = 0

    @property
    def per_request(self) -> float:
        """Sectors or wavefronts of one request, on average."""
        return self.transactions / self.requests

    @property
    def ideal_per_request(self) -> float:
        """The fewest sectors or wavefronts that could serve one request, on average."""
        return self.ideal / self.requests

    @property
    def efficiency(self) -> float:
        """The ideal over what was needed, 0 to 1."""
        return self.ideal / self.transactions

    @property
    def conflict(self) -> float:
        """How many ways the shared memory's banks conflict, 1.0 for none; 1.0 for global memory."""
        return self.transactions / self.ideal if self.memory == "shared" else 1.0

    @property
    def bytes_used(self) -> int:
        """Bytes that the threads load or store."""
        return self.accesses * self.size

    @property
    def bytes_moved(self) -> int:
        """Bytes of all sectors of global memory; 0 for shared memory."""
        return self.transactions * SECTOR if self.memory == "global" else 0

    def __str__(self) -> str:
        return profile_table([self])


class Cost(ctypes.Structure):
    """What one instruction has cost, as profiler.cpp counts it."""

    _fields_ = (
        ("code", ctypes.c_uint32),
        ("bytes", ctypes.c_uint32),
        ("shared", ctypes.c_int32),
        ("action", ctypes.c_int32),
        ("requests", ctypes.c_uint64),
        ("accesses", ctypes.c_uint64),
        ("transactions", ctypes.c_uint64),
        ("ideal", ctypes.c_uint64),
        ("contention", ctypes.c_uint64),
    )


def collect(costs: Sequence[Cost], kernel: Kernel, library_path: Any) -> list[ProfileRow]:
    """Add the costs of the instructions of each line, and return the rows in the order of lines."""
    lines = find_lines(library_path, kernel.file.name, sorted({cost.code for cost in costs}))
    texts = kernel.file.text.splitlines()
    sums: dict[tuple[Any, ...], list[int]] = {}
    for cost in costs:
        key = (lines.get(cost.code, 0), bool(cost.shared), cost.action, cost.bytes)
        total = sums.setdefault(key, [0, 0, 0, 0, 0])
        numbers = (cost.requests, cost.accesses, cost.transactions, cost.ideal)
        total[:4] = [a + b for a, b in zip(total, numbers, strict=False)]
        total[4] = max(total[4], cost.contention)
    return [
        ProfileRow(
            kernel=kernel.name,
            line=line,
            source=texts[line - 1].strip() if 0 < line <= len(texts) else "",
            memory="shared" if shared else "global",
            access=ACTIONS[action],
            size=size,
            requests=total[0],
            accesses=total[1],
            transactions=total[2],
            ideal=total[3],
            contention=total[4],
        )
        for (line, shared, action, size), total in sorted(sums.items())
    ]


def profile_table(rows: Iterable[ProfileRow], width: int = 100) -> str:
    """Return the rows as a table of plain text, for ``print``.

    >>> print(cuda.profile_table(emulation.profile))  # doctest: +SKIP
    """
    rows = list(rows)
    head = ("line", "access", "requests", "per request", "ideal", "moved", "source")
    cells = [head]
    for row in rows:
        unit = "sector" if row.memory == "global" else "wavefront"
        per_request = f"{row.per_request:.4g}"
        per_request += f" {unit}" if per_request == "1" else f" {unit}s"
        if row.contention > 1:
            per_request += f", {row.contention} on one address"
        cells.append((
            str(row.line),
            f"{row.memory} {row.access} {row.size} B",
            str(row.requests),
            per_request,
            f"{row.ideal_per_request:.4g}",
            _bytes_text(row.bytes_moved) if row.memory == "global" else "",
            row.source,
        ))  # fmt: skip
    sizes = [max(len(line[column]) for line in cells) for column in range(len(head) - 1)]
    left = (1, 3, 6)
    lines = []
    for line in cells:
        parts = [cell.ljust(size) if column in left else cell.rjust(size)
                 for column, (cell, size) in enumerate(zip(line, sizes, strict=False))]  # fmt: skip
        lines.append("  ".join([*parts, line[-1]])[:width].rstrip())
    return "\n".join(lines)


def _bytes_text(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.3g} {unit}"

"""What the checker finds, in words that say what to do."""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ocrlearn.cuda.emulator.build import EmulatorError, find_lines
from ocrlearn.cuda.source import Kernel

__all__ = ["Fault", "Finding", "KernelFault", "Kind", "Participant", "describe"]

Kind = Literal[
    "race", "out-of-bounds", "uninitialised", "divergent barrier", "deadlock", "warp-mask", "trap",
    "endless loop", "shared memory",
]  # fmt: skip
Index = tuple[int, int, int]


@dataclass(frozen=True)
class Participant:
    """One thread's part in a finding: who, what and where.

    Attributes
    ----------
    action
        "reads", "writes" or "updates" (atomically); for a barrier or a warp operation, "waits".
    atomic
        Whether the access is atomic or volatile.
    block, thread
        Its ``blockIdx`` and ``threadIdx``, (x, y, z).
    line, source
        The line of the source, from 1 (0 where it is not known), and its text.
    """

    action: str
    atomic: bool
    block: Index
    thread: Index
    line: int
    source: str


@dataclass(frozen=True)
class Finding:
    """One fault of a kernel.

    ``str(finding)`` begins with the place (file, line and the line's text), then says what is wrong
    there and what to do.

    Attributes
    ----------
    kind
        "race", "out-of-bounds", "uninitialised" (a read of what nothing has written), "divergent
        barrier", "deadlock", "warp-mask", "trap" (a failed assert, or a whole number
        divided by zero), "endless loop" or "shared memory" (too much of it).
    kernel, file
        The kernel's name and its file's.
    line, source
        The line of the source, from 1 (0 where it is not known), and its text.
    message
        What is wrong and what to do.
    participants
        The threads concerned; for a race two, the one that came second before the one that came
        first.
    array, element
        The array and the number of its element, counted from 0 in the array's flat order; "" and
        None where it is not about an array.
    """

    kind: Kind
    kernel: str
    file: str
    line: int
    source: str
    message: str
    participants: tuple[Participant, ...] = ()
    array: str = ""
    element: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: `{self.source}`" if self.line else self.file
        return f"{place}: {self.message}"

    @property
    def lines(self) -> tuple[int, ...]:
        """All lines concerned, that of the finding first."""
        lines = [self.line, *(p.line for p in self.participants)]
        return tuple(dict.fromkeys(line for line in lines if line))


class KernelFault(EmulatorError):  # noqa: N818 - the kernel's fault, not an error of ours
    """A kernel does what it must not: a race, an overrun, a deadlock.

    Attributes
    ----------
    findings
        What was found, a tuple of :class:`Finding`.
    """

    def __init__(self, kernel: Kernel | str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(f"{kernel}:\n" + "\n".join(str(finding) for finding in findings))


# ---- faults as the runtime reports them (runtime.h) ----------------------------------------------

(RACE, OUT_OF_BOUNDS, UNINITIALISED, DIVERGENT_BARRIER, EARLY_RETURN, DEADLOCK, ABSENT_LANES,
 NOT_IN_MASK, MASKS_DIFFER, TRAP, ENDLESS_LOOP, SHARED_MEMORY) = range(12)  # fmt: skip
KINDS: dict[int, Kind] = {
    RACE: "race",
    OUT_OF_BOUNDS: "out-of-bounds",
    UNINITIALISED: "uninitialised",
    DIVERGENT_BARRIER: "divergent barrier",
    EARLY_RETURN: "divergent barrier",
    DEADLOCK: "deadlock",
    ABSENT_LANES: "warp-mask",
    NOT_IN_MASK: "warp-mask",
    MASKS_DIFFER: "warp-mask",
    TRAP: "trap",
    ENDLESS_LOOP: "endless loop",
    SHARED_MEMORY: "shared memory",
}
ACTIONS = ("waits", "reads", "writes", "updates")
STATES = (
    "not started",
    "running",
    "waiting at a barrier",
    "waiting at a warp operation",
    "returned",
)


class Part(ctypes.Structure):
    """One thread's part in a fault."""

    _fields_ = (
        ("block", ctypes.c_uint64),
        ("thread", ctypes.c_uint32),
        ("code", ctypes.c_uint32),
        ("line", ctypes.c_int32),
        ("action", ctypes.c_int32),
        ("atomic", ctypes.c_int32),
        ("mask", ctypes.c_uint32),
    )


class Group(ctypes.Structure):
    """How many threads are in one state."""

    _fields_ = (
        ("state", ctypes.c_int32),
        ("line", ctypes.c_int32),
        ("count", ctypes.c_uint32),
        ("first", ctypes.c_uint32),
    )


class Fault(ctypes.Structure):
    """One fault."""

    _fields_ = (
        ("kind", ctypes.c_int32),
        ("groups_used", ctypes.c_int32),
        ("part", Part),
        ("other", Part),
        ("element", ctypes.c_int64),
        ("elements", ctypes.c_int64),
        ("bytes", ctypes.c_uint64),
        ("name", ctypes.c_char * 64),
        ("groups", Group * 6),
    )


# ---- words ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Launch:
    """What is needed to put a fault in words."""

    kernel: Kernel
    grid: Index
    block: Index
    shapes: Mapping[str, tuple[int, ...]]
    lines: Mapping[int, int]  # of instructions
    source: Sequence[str]

    def text(self, line: int) -> str:
        return self.source[line - 1].strip() if 0 < line <= len(self.source) else ""

    def participant(self, part: Any) -> Participant:
        line = part.line or self.lines.get(part.code, 0)
        return Participant(
            action=ACTIONS[part.action],
            atomic=bool(part.atomic),
            block=_unravel(part.block, self.grid),
            thread=_unravel(part.thread, self.block),
            line=line,
            source=self.text(line),
        )

    def name(self, who: Participant) -> str:
        return f"thread {_short(who.thread, self.block)} of block {_short(who.block, self.grid)}"

    def element(self, array: str, element: int) -> str:
        """Name an element as the kernel does, by one number, and by row and column too."""
        shape = self.shapes.get(array, ())
        if len(shape) < 2 or not 0 <= element < _product(shape):
            return f"{array}[{element}]"
        place: list[int] = []
        for side in reversed(shape):
            element, index = divmod(element, side)
            place.insert(0, index)
        flat = 0
        for index, side in zip(place, shape, strict=True):
            flat = flat * side + index
        return f"{array}[{flat}] (at {tuple(place)})"


def _product(sides: Sequence[int]) -> int:
    product = 1
    for side in sides:
        product *= side
    return product


def _unravel(number: int, sides: Index) -> Index:
    return number % sides[0], number // sides[0] % sides[1], number // sides[0] // sides[1]


def _short(index: Index, sides: Index) -> str:
    """Write an index as one number where the grid or block has one axis."""
    if sides[1] == sides[2] == 1:
        return str(index[0])
    return str(index[:2] if sides[2] == 1 else index)


def describe(
    faults: Sequence[Fault],
    kernel: Kernel,
    grid: Index,
    block: Index,
    shapes: Mapping[str, tuple[int, ...]],
    library_path: Any,
) -> list[Finding]:
    """Turn the faults of one launch into findings, each pair of lines once."""
    codes = {part.code for fault in faults for part in (fault.part, fault.other) if part.code}
    lines = find_lines(library_path, kernel.file.name, sorted(codes)) if codes else {}
    launch = Launch(kernel, grid, block, shapes, lines, kernel.file.text.splitlines())
    findings: dict[Any, Finding] = {}
    for fault in faults:
        finding = _describe(fault, launch)
        key = (finding.kind, frozenset(finding.lines), finding.array)
        findings.setdefault(key, finding)
    return list(findings.values())


def _describe(fault: Fault, launch: Launch) -> Finding:
    first = launch.participant(fault.part)
    other = launch.participant(fault.other)
    array = fault.name.decode(errors="replace")
    participants: tuple[Participant, ...] = (first,)
    element = None
    if fault.kind == RACE:
        message = _race(fault, launch, first, other, array)
        participants, element = (first, other), fault.element
    elif fault.kind == OUT_OF_BOUNDS:
        message = _out_of_bounds(fault, launch, first, array)
        element = fault.element
    elif fault.kind == UNINITIALISED:
        message = _uninitialised(fault, launch, first, array)
        element = fault.element
    elif fault.kind == TRAP:
        message = f"{array} in {launch.name(first)}."
        array = ""
    elif fault.kind == SHARED_MEMORY:
        message = (
            f"the block's shared arrays take {fault.bytes} bytes with {array}, and "
            f"{fault.elements} are the most there can be. Use smaller tiles."
        )
        participants = ()
    else:
        message = _waiting(fault, launch, first, other)
        array = ""
        if fault.kind in (MASKS_DIFFER, DIVERGENT_BARRIER):
            participants = (first, other)
    return Finding(
        kind=KINDS[fault.kind],
        kernel=launch.kernel.name,
        file=launch.kernel.file.name,
        line=first.line,
        source=first.source,
        message=message,
        participants=participants,
        array=array,
        element=element,
    )


def _act(who: Participant) -> str:
    return f"{who.action} it atomically" if who.action == "updates" else f"{who.action} it"


def _race(fault: Fault, launch: Launch, now: Participant, before: Participant, array: str) -> str:
    where = "here too" if before.line == now.line else f"in line {before.line}, `{before.source}`"
    if not before.line:
        where = "elsewhere"
    text = (
        f"race on {launch.element(array, fault.element)}: {launch.name(now)} {_act(now)} here, "
        f"{launch.name(before)} {_act(before)} {where}, and nothing puts one before the other. "
    )
    if now.atomic != before.atomic:
        return text + (
            "An atomic operation protects only from other atomic operations: "
            "make both atomic (a read may be volatile instead), or put a barrier between them."
        )
    if now.block != before.block:
        return text + (
            "Blocks run in any order and at once: use an atomic operation, or make two launches."
        )
    same_warp = fault.part.thread // 32 == fault.other.thread // 32
    barrier = "__syncthreads() (or __syncwarp(), in one warp)" if same_warp else "__syncthreads()"
    return text + f"Put {barrier} between them, or use an atomic operation."


def _out_of_bounds(fault: Fault, launch: Launch, who: Participant, array: str) -> str:
    text = (
        f"out of bounds: {launch.name(who)} {who.action} {array}[{fault.element}] "
        f"({fault.bytes} byte{'s' * (fault.bytes > 1)}), but {array} has {fault.elements} elements"
    )
    text += f", 0 to {fault.elements - 1}. " if fault.elements else ". "
    if not array:
        return (
            f"out of bounds: {launch.name(who)} {who.action} memory of no array: "
            "a pointer is null or was never set."
        )
    if array not in launch.shapes and fault.elements == 0:
        return text + "Give the launch its dynamic shared memory, in bytes: shared_memory=..."
    return text + "Compare the index with the array's size before using it."


def _uninitialised(fault: Fault, launch: Launch, who: Participant, array: str) -> str:
    text = (
        f"uninitialised read: {launch.name(who)} reads {launch.element(array, fault.element)}, "
        "which nothing has written. "
    )
    if array in launch.shapes:
        return text + "Write it first, in this kernel or an earlier one, or start with xp.zeros."
    return text + (
        "Shared memory holds garbage when a block starts: write it first, "
        "with a __syncthreads() before another thread reads it."
    )


def _waiting(fault: Fault, launch: Launch, who: Participant, other: Participant) -> str:
    """Describe what went wrong where threads wait for each other."""
    if fault.kind == DIVERGENT_BARRIER:
        return (
            "divergent barrier: some threads of a block wait here and others in line "
            f"{other.line}, `{other.source}`. All must come to the same barrier: "
            "move it out of the branch."
        )
    if fault.kind == EARLY_RETURN:
        return (
            f"divergent barrier: {fault.element} of the block's {fault.elements} threads have "
            "returned without coming to this barrier. All must come to it: put the work in a "
            "condition and leave the barrier outside, instead of returning early."
        )
    if fault.kind == ENDLESS_LOOP:
        if fault.elements:
            return (
                f"endless loop: {launch.name(who)} is still here after {fault.elements} barriers. "
                "Does the loop's condition ever change?"
            )
        return (
            f"endless loop: {launch.name(who)} is still here after 50 million branches without "
            "waiting. Does the loop's condition ever change, or does it wait for another block?"
        )
    if fault.kind == NOT_IN_MASK:
        return (
            f"warp mask: {launch.name(who)}, lane {fault.part.thread % 32}, calls a warp operation "
            f"with the mask 0x{fault.part.mask:08x}, in which it is not. Every lane that calls "
            "must be in the mask."
        )
    if fault.kind == MASKS_DIFFER:
        return (
            f"warp mask: {launch.name(who)} comes here with the mask 0x{fault.part.mask:08x}, "
            f"while {launch.name(other)} of its warp waits in line {other.line} with the mask "
            f"0x{fault.other.mask:08x}. All lanes of a mask must call the same operation with it."
        )
    if fault.kind == ABSENT_LANES:
        return (
            f"warp mask: {launch.name(who)} waits here for lanes {_lanes(fault.other.mask)} of its "
            f"warp, which are in the mask 0x{fault.part.mask:08x} but never come: "
            f"{_groups(fault)}. Call it where all lanes of the mask take part."
        )
    return (
        f"deadlock in block {_short(who.block, launch.grid)}: no thread can go on: "
        f"{_groups(fault)}. All threads of a block must come to the same barriers."
    )


def _lanes(mask: int) -> str:
    """Write a mask as lane numbers, "0-3, 7"."""
    runs: list[list[int]] = []
    for lane in (lane for lane in range(32) if mask >> lane & 1):
        if runs and runs[-1][1] == lane - 1:
            runs[-1][1] = lane
        else:
            runs.append([lane, lane])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _groups(fault: Fault) -> str:
    parts = []
    for group in fault.groups[: fault.groups_used]:
        where = f" in line {group.line}" if group.line else ""
        plural = "thread" if group.count == 1 else "threads"
        parts.append(f"{group.count} {plural} {STATES[group.state]}{where}")
    return ", ".join(parts)

"""Check and time every CUDA kernel on the GPU of this machine, beside its peers and its roofline.

The cases stand in ``benchmarks/cases``. Each kernel is first compared with the plain reference on a
small input; then it is timed at full size on several inputs, with CUDA events, after warming up.
The *floor* is the least time the operation could take on this GPU: the bytes it must move over the
bandwidth of a plain copy, measured in the same run, or its arithmetic over the GPU's peak,
whichever is longer. See `python benchmarks/cuda.py --help`.
"""

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from cases import GpuCase, collect
from machine import RESULTS, describe_machine, markdown_table, write_into_docs
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ocrlearn import cuda

# CuPy and torch import NVIDIA's package "cuda", which this file must not be taken for.
HERE = Path(__file__).resolve().parent
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]

TARGET = RESULTS / "cuda.json"
PACKAGES = [
    "ocrlearn",
    "numpy",
    "cupy-cuda12x",
    "cupy-cuda13x",
    "torch",
    "torchvision",
    "cucim",
    "kornia",
]
SEEDS = (0, 1, 2)

# Single-precision lanes of a multiprocessor by compute capability; each does two operations a
# cycle. CUDA C++ Programming Guide, "Arithmetic Instructions".
LANES = {75: 64, 80: 64, 86: 128, 87: 128, 89: 128, 90: 128, 100: 128, 120: 128}

HELP = """
Check every CUDA kernel against the reference, and time it on this machine's GPU.

Needs a GPU and CuPy; [bold]ocrlearn doctor[/] says what is missing. Peers that are
not installed are left out.

[bold]Examples[/], each after [bold]python benchmarks/cuda.py[/]:

  (nothing)             check and time everything; keep results/cuda.json
  --only nms            the cases whose name holds this word
  --check-only          only compare with the reference
  --emulate             compare with the reference in the emulator, without a GPU
  --floors              write the floors on an H100 and a T4 into docs/speed.md
"""

# Bytes and single-precision operations a second, from NVIDIA's data sheets of the SXM5 H100 and the
# T4; for the floors of GPUs that are not here.
KNOWN_GPUS = {"H100 SXM": (3.35e12, 67e12), "T4": (320e9, 8.1e12)}


def milliseconds(run: Callable[[], Any], rounds: int) -> float:
    """Time one function on the GPU with events and return the median, after three calls."""
    import cupy

    for _ in range(3):
        run()
    times = []
    for _ in range(rounds):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(cupy.cuda.get_elapsed_time(start, end))
    return statistics.median(times)


def describe_gpu() -> dict[str, Any]:
    """Find the GPU's name, its peak of arithmetic and the bandwidth of a copy."""
    import cupy

    device = cupy.cuda.Device()
    attributes = device.attributes
    capability = int(device.compute_capability)
    lanes = LANES.get(capability, 128)
    clock = 1000 * attributes["ClockRate"]  # given in kHz
    source = cupy.zeros(2**28, cupy.float32)
    target = cupy.empty_like(source)
    copying = milliseconds(lambda: cupy.copyto(target, source), 20)
    return {
        "gpu": cuda.gpu_name(),
        "capability": capability,
        "operations per second": 2.0 * lanes * attributes["MultiProcessorCount"] * clock,
        "bytes per second": 2 * source.nbytes / (copying / 1000),
        "driver": cupy.cuda.runtime.driverGetVersion(),
    }


def move(arguments: tuple[Any, ...], to_gpu: bool) -> tuple[Any, ...]:
    """Copy the arrays among the arguments to the GPU, or leave them to the emulator."""
    if not to_gpu:
        return arguments
    import cupy

    return tuple(cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments)


def to_host(value: Any) -> Any:
    """Copy a result back."""
    if isinstance(value, tuple | list):
        return type(value)(to_host(item) for item in value)
    if hasattr(value, "__dataclass_fields__"):
        fields = {name: to_host(getattr(value, name)) for name in value.__dataclass_fields__}
        return type(value)(**fields)
    return value.get() if hasattr(value, "get") else value


def check(case: GpuCase, on_gpu: bool) -> None:
    """Compare the CUDA rung with the reference on every seed."""
    for seed in SEEDS:
        arguments = case.small(seed)
        expected = case.rungs["reference"](*arguments, **case.options)
        result = case.rungs["cuda"](*move(arguments, on_gpu), **case.options)
        case.compare(to_host(result), expected)


def floor_of(case: GpuCase, bandwidth: float, operations: float) -> tuple[float, str]:
    """Return the least milliseconds the operation can take, and what bounds it."""
    by_bytes = 1000 * case.bytes / bandwidth
    by_operations = 1000 * case.operations / operations
    return max(by_bytes, by_operations), "bytes" if by_bytes >= by_operations else "arithmetic"


def make_floors(cases: list[GpuCase]) -> str:
    """Write the table of floors, which needs no GPU."""
    rows = []
    for case in cases:
        floors = [floor_of(case, *rates) for rates in KNOWN_GPUS.values()]
        cells = [f"{floor:.3f} ({bound})" for floor, bound in floors]
        numbers = [f"{case.bytes / 1e6:,.1f}", f"{case.operations / 1e9:,.2f}"]
        rows.append([case.name, case.size, *numbers, *cells])
    rates = "; ".join(
        f"{name}: {bandwidth / 1e12:g} TB/s, {operations / 1e12:g} TFLOP/s"
        for name, (bandwidth, operations) in KNOWN_GPUS.items()
    )
    header = ["operation", "size", "MB", "10⁹ operations", *(f"{n}, ms" for n in KNOWN_GPUS)]
    return f"{rates}.\n\n" + markdown_table(header, rows)


def measure(case: GpuCase, gpu: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Time the kernel and its peers on several inputs, and return a row of the results."""
    times: dict[str, list[float]] = {"ocrlearn": []}
    for seed in SEEDS:
        arguments = move(case.make(seed), True)
        run = case.rungs["cuda"]
        times["ocrlearn"].append(
            milliseconds(lambda run=run, a=arguments: run(*a, **case.options), rounds)
        )
        for name, prepare in case.peers.items():
            try:
                peer = prepare(*arguments)
            except ImportError:
                continue
            times.setdefault(name, []).append(milliseconds(peer, rounds))
    medians = {name: statistics.median(values) for name, values in times.items()}
    floor, bound = floor_of(case, gpu["bytes per second"], gpu["operations per second"])
    return {
        "case": case.name,
        "size": case.size,
        "milliseconds": {name: round(value, 4) for name, value in medians.items()},
        "floor": round(floor, 4),
        "bound": bound,
        "of the roofline": round(floor / medians["ocrlearn"], 3),
    }


HEADER = ["operation", "size", "ours, ms", "floor, ms", "of the roofline", "peers, ms"]


def describe(row: dict[str, Any]) -> list[str]:
    """One line of the tables."""
    peers = [f"{n} {t:.3f}" for n, t in row["milliseconds"].items() if n != "ocrlearn"]
    return [
        row["case"],
        row["size"],
        f"{row['milliseconds']['ocrlearn']:.3f}",
        f"{row['floor']:.3f} ({row['bound']})",
        f"{100 * row['of the roofline']:.0f} %",
        "; ".join(peers) or "no peer",
    ]


def make_table(rows: list[dict[str, Any]], gpu: str) -> Table:
    """One line a case."""
    table = Table(title=f"Median milliseconds on {gpu}")
    for column in HEADER:
        table.add_column(column)
    for row in rows:
        table.add_row(*describe(row))
    return table


def make_page(result: dict[str, Any]) -> str:
    """Write the part of the docs that shows the results."""
    intro = (
        f"Measured on {result['gpu']} on {result['date'][:10]}; a plain copy moves "
        f"{result['bytes per second'] / 1e12:.2f} TB/s there. "
        + ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        + "."
    )
    return intro + "\n\n" + markdown_table(HEADER, [describe(row) for row in result["cases"]])


def main(
    only: Annotated[str, typer.Option(help="Only cases whose name holds this.")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="How often each input is timed.")] = 30,
    check_only: Annotated[bool, typer.Option("--check-only", help="Do not time.")] = False,
    emulate: Annotated[bool, typer.Option("--emulate", help="Check in the emulator.")] = False,
    floors: Annotated[bool, typer.Option("--floors", help="Only write the floors.")] = False,
    save: Annotated[bool, typer.Option(help=f"Write {TARGET.name} if all were timed.")] = True,
) -> None:
    """Run the benchmark; what the options mean is said where they stand, and by --help."""
    reason = "" if emulate or floors else cuda.why_no_gpu()
    if reason:
        raise SystemExit(f"{reason} {cuda.what_would_help()} (--emulate checks without a GPU.)")
    everything: list[GpuCase] = collect("GPU")
    cases = [case for case in everything if only.casefold() in case.name.casefold()]
    if not cases:
        names = ", ".join(case.name for case in everything)
        raise typer.BadParameter(f"no case is called {only!r}; there are {names}")
    if floors:
        write_into_docs("floors", make_floors(everything))
        return
    console = Console(stderr=True)
    for case in track(cases, "checking", transient=True, console=console):
        try:
            check(case, on_gpu=not emulate)
        except AssertionError as error:
            raise SystemExit(f"{case.name} differs from the reference:\n{error}") from error
    console.print(f"{len(cases)} operations agree with the reference.")
    if check_only or emulate:
        return
    gpu = describe_gpu()
    rows = []
    for case in track(cases, "timing", transient=True, console=console):
        rows.append(measure(case, gpu, rounds))
        console.print("  ".join(describe(rows[-1])))
    Console().print(make_table(rows, gpu["gpu"]))
    if save and len(cases) == len(everything):
        result = {**describe_machine(PACKAGES), **gpu, "rounds": rounds, "cases": rows}
        RESULTS.mkdir(exist_ok=True)
        TARGET.write_text(json.dumps(result, indent=2) + "\n")
        write_into_docs("cuda", make_page(result))
        Console().print(f"Written to {TARGET} and docs/speed.md")


if __name__ == "__main__":
    app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)
    app.command(help=HELP)(main)
    app()

"""Time the library's operations on the CPU against well-known libraries, in one run.

The cases stand in ``benchmarks/cases``, one module for each operation. Before anything is timed,
the outputs of all peers are compared. Then the peers take turns, in changing order, so that
whatever else the machine does hits all of them; what counts is the median. See
`python benchmarks/cpu.py --help`.
"""

import json
import os
import statistics
import time
from typing import Annotated, Any

import numpy as np
import typer
from cases import OURS, CpuCase, Runners, collect
from machine import RESULTS, describe_machine, markdown_table, write_into_docs
from rich.console import Console
from rich.progress import track
from rich.table import Table

TARGET = RESULTS / "cpu.json"
PACKAGES = [
    "ocrlearn",
    "numpy",
    "numba",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "opencv-python-headless",
    "PyMaxflow",
    "shapely",
    "torch",
]

HELP = """
Time the library's operations on the CPU against its peers.

Outputs are compared before anything is timed; then the peers take turns.
The ratio is our median over the peer's: below 1, ours is faster.

[bold]Examples[/], each after [bold]python benchmarks/cpu.py[/]:

  (nothing)               time everything; keep results/cpu.json
  --only components       time the cases whose name holds this word
  --rounds 5 --no-save    a quick look
"""


def milliseconds(runners: Runners, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Time every runner once a round, each round beginning with another one.

    There are `rounds` rounds, or fewer (but at least five) if they would take more than `seconds`.
    """
    names = list(runners)
    start = time.perf_counter()
    for run in runners.values():
        for _ in range(2):  # compile, fill caches
            run()
    one_round = (time.perf_counter() - start) / 2
    rounds = max(5, min(rounds, int(seconds / one_round)))
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            runners[name]()
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def measure(case: CpuCase, rounds: int, seconds: float) -> dict[str, Any]:
    """Check that the peers of `case` agree, time them, and return a row of the results."""
    runners = case.runners()
    ours = runners[OURS]()
    for name, run in runners.items():
        if name != OURS and not case.agree(ours, run()):
            raise SystemExit(f"{case.name}: the output of {name} differs from ours; nothing timed")
    times = milliseconds(runners, rounds, seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {name: medians[OURS] / median for name, median in medians.items() if name != OURS}
    return {
        "case": case.name,
        "size": case.size,
        "rounds": len(times[OURS]),
        "milliseconds": {name: round(median, 3) for name, median in medians.items()},
        "quartiles": {
            name: [round(float(q), 3) for q in np.percentile(values, [25, 75])]
            for name, values in times.items()
        },
        "ratios": {name: round(ratio, 3) for name, ratio in ratios.items()},
        "bars": dict(case.bars),
        "met": all(ratios[name] <= bar for name, bar in case.bars.items()),
    }


def describe(row: dict[str, Any]) -> list[str]:
    """One line of the tables: case, size, our time, then each peer's time and ratio."""
    peers = [
        f"{name} {row['milliseconds'][name]:.2f} ms: {ratio:.2f}"
        + (f" (bar {row['bars'][name]:g})" if name in row["bars"] else "")
        for name, ratio in row["ratios"].items()
    ]
    return [row["case"], row["size"], f"{row['milliseconds'][OURS]:.2f}", "; ".join(peers)]


HEADER = ["operation", "size", "ours, ms", "peers: our time as a part of theirs"]


def make_table(rows: list[dict[str, Any]]) -> Table:
    """One line a case, red where a bar is missed."""
    table = Table(title="Median milliseconds, and ratios to the peers")
    for column in HEADER:
        table.add_column(column)
    for row in rows:
        table.add_row(*describe(row), style="" if row["met"] else "red")
    return table


def make_page(result: dict[str, Any]) -> str:
    """Write the part of the docs that shows the results."""
    machine = (
        f"Measured on {result['processor']}, {result['threads']} threads, Python "
        f"{result['python']}, on {result['date'][:10]}: "
        + ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        + "."
    )
    return machine + "\n\n" + markdown_table(HEADER, [describe(row) for row in result["cases"]])


def main(
    only: Annotated[str, typer.Option(help="Time the cases whose name holds this.")] = "",
    rounds: Annotated[int, typer.Option(min=5, help="How often each peer is timed.")] = 31,
    seconds: Annotated[float, typer.Option(min=1, help="About the longest time for a case.")] = 30,
    threads: Annotated[int, typer.Option(min=1, help="Threads that each peer may use.")] = 2,
    save: Annotated[bool, typer.Option(help=f"Write {TARGET.name} if all were timed.")] = True,
) -> None:
    """Run the benchmark; what the options mean is said where they stand, and by --help."""
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)  # read when the libraries are imported
    import cv2

    cv2.setNumThreads(threads)
    machine = describe_machine(PACKAGES)
    everything: list[CpuCase] = collect("CPU")
    cases = [case for case in everything if only.casefold() in case.name.casefold()]
    if not cases:
        names = ", ".join(case.name for case in everything)
        raise typer.BadParameter(f"no case is called {only!r}; there are {names}")
    console = Console(stderr=True)
    rows = []
    for case in track(cases, "timing", transient=True, console=console):
        rows.append(measure(case, rounds, seconds))
        console.print("  ".join(describe(rows[-1])))
    Console().print(make_table(rows))
    if save and len(cases) == len(everything):
        result = {**machine, "threads": threads, "cases": rows}
        RESULTS.mkdir(exist_ok=True)
        TARGET.write_text(json.dumps(result, indent=2) + "\n")
        write_into_docs("cpu", make_page(result))
        Console().print(f"Written to {TARGET} and docs/speed.md")


if __name__ == "__main__":
    app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)
    app.command(help=HELP)(main)
    app()

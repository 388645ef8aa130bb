"""Time the library's operations on the CPU against scikit-image, SciPy and OpenCV, in one run.

Every operation works on the same page: skimage.data.page(), a photograph of printed text of
191 x 384 pixels, tiled to 1528 x 1536. Before anything is timed, the outputs of all peers are
compared. Then the peers take turns, in changing order, so that whatever else the machine does hits
all of them; what counts is the median. See `python benchmarks/cpu.py --help`.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

RESULTS = Path(__file__).parent / "results" / "cpu.json"
OURS, SKIMAGE, SCIPY, OPENCV = "ocrlearn", "scikit-image", "SciPy", "OpenCV"
PACKAGES = ("ocrlearn", "numpy", "numba", "scikit-image", "scipy", "opencv-python-headless")

HELP = """
Time the library's operations on the CPU against its peers.

A photograph of printed text, skimage.data.page(), is tiled to 1528 x 1536.
Outputs are compared before anything is timed; then the peers take turns.
The ratio is our median over the peer's: below 1, ours is faster. Only
OpenCV, and CLAHE of ours, use several threads.

[bold]Examples[/], each after [bold]python benchmarks/cpu.py[/]:

  (nothing)               time everything; keep results/cpu.json
  --only components       time the cases whose name holds this word
  --rounds 5 --no-save    a quick look
"""

Runners = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Case:
    """One operation: who performs it, when two outputs agree, and how fast it is meant to be.

    `runners` takes the page and returns a function without arguments for each peer. `agree` takes
    the library's output and a peer's. The bar reads: the library takes at most `bar` times as long
    as the peer `against`.
    """

    name: str
    runners: Callable[[Any], Runners]
    agree: Callable[[Any, Any], bool]
    against: str
    bar: float


# Imports wait until the number of threads is set, so they stand inside the functions.


def otsu(page: Any) -> Runners:
    """From the page to the ink mask by Otsu's threshold."""
    import cv2
    from skimage.filters import threshold_otsu

    from ocrlearn.image.binarize import binarize

    return {
        OURS: lambda: binarize(page, "otsu"),
        SKIMAGE: lambda: page <= threshold_otsu(page),
        OPENCV: lambda: cv2.threshold(page, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)[1],
    }


def sauvola(page: Any) -> Runners:
    """From the page to the ink mask by Sauvola's threshold in windows of 25 x 25 pixels."""
    from skimage.filters import threshold_sauvola

    from ocrlearn.image.binarize import binarize

    return {
        OURS: lambda: binarize(page, "sauvola", window=25, k=0.2),
        SKIMAGE: lambda: page <= threshold_sauvola(page, window_size=25, k=0.2),
    }


def clahe(page: Any) -> Runners:
    """CLAHE with 8 x 8 tiles and a clip limit of 2."""
    import cv2

    from ocrlearn.image.enhance import clahe

    opencv = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8))
    return {
        OURS: lambda: clahe(page, clip_limit=2.0, tiles=(8, 8)),
        OPENCV: lambda: opencv.apply(page),
    }


def components(page: Any) -> Runners:
    """Label image of the page's ink with 8 neighbours, and the number of components."""
    import cv2
    from scipy import ndimage
    from skimage.measure import label

    from ocrlearn.image.binarize import binarize
    from ocrlearn.ops import connected_components

    ink = binarize(page, "sauvola")
    ink_bytes = ink.astype(np.uint8)
    eight = np.ones((3, 3), bool)
    return {
        OURS: lambda: connected_components(ink, 8)[0],
        SKIMAGE: lambda: label(ink, connectivity=2),
        SCIPY: lambda: ndimage.label(ink, eight)[0],
        OPENCV: lambda: cv2.connectedComponents(ink_bytes, connectivity=8)[1],
    }


def components_with_stats(page: Any) -> Runners:
    """Label image, boxes, areas and centroids of the page's ink with 8 neighbours."""
    import cv2

    from ocrlearn.image.binarize import binarize
    from ocrlearn.ops import connected_components_with_stats

    ink = binarize(page, "sauvola")
    ink_bytes = ink.astype(np.uint8)
    return {
        OURS: lambda: connected_components_with_stats(ink, 8),
        OPENCV: lambda: cv2.connectedComponentsWithStats(ink_bytes, connectivity=8)[1:],
    }


def same_mask(ours: Any, theirs: Any) -> bool:
    """Whether two ink masks are equal (OpenCV's holds 255 for ink)."""
    return bool((ours == (theirs != 0)).all())


def same_gray(ours: Any, theirs: Any) -> bool:
    """Whether two gray images differ by at most one level."""
    return int(np.abs(ours.astype(int) - theirs).max()) <= 1


def same_labels(ours: Any, theirs: Any) -> bool:
    """Whether two label images name the same components, in whatever order."""
    pairs = np.unique(np.stack([ours.ravel(), theirs.ravel()]), axis=1)
    return len(pairs[0]) == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))


def same_stats(ours: Any, theirs: Any) -> bool:
    """Whether labels agree, and with them every component's box, area and centroid."""
    labels, stats = ours
    their_labels, their_stats, their_centroids = theirs
    order = np.zeros(len(stats), int)
    order[labels] = their_labels
    table = np.stack([stats.left, stats.top, stats.width, stats.height, stats.area], axis=1)
    return (
        same_labels(labels, their_labels)
        and bool((table == their_stats[order]).all())
        and np.allclose(stats.centroid, their_centroids[order])
    )


CASES = [
    Case("Otsu", otsu, same_mask, OPENCV, 1.5),
    Case("Sauvola", sauvola, same_mask, SKIMAGE, 0.2),
    Case("CLAHE", clahe, same_gray, OPENCV, 1.5),
    Case("components", components, same_labels, OPENCV, 1.5),
    Case("components with stats", components_with_stats, same_stats, OPENCV, 1.5),
]


def make_page() -> Any:
    """Return the page of every case: (1528, 1536) uint8."""
    from skimage.data import page

    return np.tile(page(), (8, 4))


def milliseconds(runners: Runners, rounds: int, describe: str) -> dict[str, list[float]]:
    """Time every runner once a round, each round beginning with another one."""
    names = list(runners)
    for run in runners.values():
        for _ in range(3):  # compile, fill caches
            run()
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in track(range(rounds), describe, transient=True, console=Console(stderr=True)):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            runners[name]()
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def measure(case: Case, page: Any, rounds: int) -> dict[str, Any]:
    """Check that the peers of `case` agree, time them, and return a row of the results."""
    runners = case.runners(page)
    ours = runners[OURS]()
    for name, run in runners.items():
        if name != OURS and not case.agree(ours, run()):
            raise SystemExit(f"{case.name}: the output of {name} differs from ours; nothing timed")
    times = milliseconds(runners, rounds, case.name)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians[OURS] / medians[case.against]
    return {
        "case": case.name,
        "milliseconds": {name: round(median, 3) for name, median in medians.items()},
        "quartiles": {
            name: [round(float(q), 3) for q in np.percentile(values, [25, 75])]
            for name, values in times.items()
        },
        "against": case.against,
        "ratio": round(ratio, 3),
        "bar": case.bar,
        "met": ratio <= case.bar,
    }


def describe_machine(threads: int) -> dict[str, Any]:
    """Hardware, load, system and versions, as far as they can be told without extra packages."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [row for row in cpuinfo.read_text().splitlines() if row.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": model,
        "cores": os.cpu_count(),
        "threads": threads,
        "load": [round(load, 1) for load in os.getloadavg()],  # of the last 1, 5, 15 minutes
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def make_table(rows: list[dict[str, Any]]) -> Table:
    """One line a case: everybody's median, and the ratio against its bar."""
    peers = (OURS, SKIMAGE, SCIPY, OPENCV)
    table = Table(
        title="Median milliseconds on a page of 1528 x 1536",
        caption="ratio to OpenCV where it is among the peers, else to scikit-image",
    )
    table.add_column("case")
    for column in (*peers, "ratio", "bar"):
        table.add_column(column, justify="right")
    for row in rows:
        medians = row["milliseconds"]
        cells = (f"{medians[peer]:.2f}" if peer in medians else "" for peer in peers)
        colour = "green" if row["met"] else "red"
        table.add_row(row["case"], *cells, f"[{colour}]{row['ratio']:.2f}[/]", f"{row['bar']:.2f}")
    return table


def main(
    only: Annotated[str, typer.Option(help="Time the cases whose name holds this.")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="How often each peer is timed.")] = 31,
    threads: Annotated[int, typer.Option(min=1, help="Threads that each peer may use.")] = 2,
    save: Annotated[bool, typer.Option(help=f"Write {RESULTS.name} if all were timed.")] = True,
) -> None:
    """Run the benchmark; what the options mean is said where they stand, and by --help."""
    os.environ["NUMBA_NUM_THREADS"] = str(threads)  # read when Numba is imported
    import cv2

    cv2.setNumThreads(threads)
    machine = describe_machine(threads)
    page = make_page()
    cases = [case for case in CASES if only.casefold() in case.name.casefold()]
    if not cases:
        names = ", ".join(case.name for case in CASES)
        raise typer.BadParameter(f"no case is called {only!r}; there are {names}")
    rows = [measure(case, page, rounds) for case in cases]
    Console().print(make_table(rows))
    if save and len(cases) == len(CASES):
        RESULTS.parent.mkdir(exist_ok=True)
        result = {**machine, "rounds": rounds, "page": list(page.shape)}
        RESULTS.write_text(json.dumps({**result, "cases": rows}, indent=2) + "\n")
        Console().print(f"Written to {RESULTS}")


if __name__ == "__main__":
    app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)
    app.command(help=HELP)(main)
    app()

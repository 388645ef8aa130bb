"""Measure samples a second: written to shards, read back, and made on the fly.

What is asked of a stream is that training does not wait for it. Reading is measured with plain
tarfile beside ours, which shows what decoding the pictures and the labels costs.
"""

import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer
from machine import RESULTS, describe_machine, markdown_table
from rich.console import Console

from ocrlearn.data.shards import write_shards
from ocrlearn.data.stream import generate_stream, read_shards

TARGET = RESULTS / "stream.json"
PACKAGES = ["ocrlearn", "numpy", "scipy", "numba", "pillow"]
GENERATORS = {
    "words": ("ocrlearn.data.synth.words:render_word", {}),
    "objects": ("ocrlearn.data.synth.objects:render_objects", {"size": [128, 128]}),
    "clips": ("ocrlearn.data.synth.clips:render_clip", {"size": [64, 64]}),
}

Row = dict[str, Any]


def measure(what: str, work: Callable[[], tuple[int, float]], **told: Any) -> Row:
    """Run `work`, which returns samples and seconds; also note the processor time it took here."""
    before = time.process_time()
    samples, seconds = work()
    processor = time.process_time() - before
    alone = told["processes"] == 1
    return {
        "what": what,
        **told,
        "samples": samples,
        "per_second": round(samples / seconds, 1),
        "per_processor_second": round(samples / processor, 1) if alone else None,
    }


def timed(items: Callable[[], Iterable[Any]]) -> tuple[int, float]:
    """Take all items and return how many there were, and how long it took."""
    start = time.perf_counter()
    number = number_of(items())
    return number, time.perf_counter() - start


def number_of(items: Iterable[Any]) -> int:
    """Take all items and return how many there were."""
    return sum(1 for _ in items)


def read_part(folder: str, number: int, parts: int) -> tuple[int, float]:
    """Read what falls to one of several readers."""
    return timed(lambda: read_shards(folder, shuffle_buffer=500, part=(number, parts)))


def read_in_processes(folder: Path, parts: int) -> tuple[int, float]:
    """Read a folder by several readers, each in its own process; their start does not count."""
    with ProcessPoolExecutor(parts, mp_context=get_context("spawn")) as pool:
        list(pool.map(read_part, [str(folder)] * parts, range(parts), [parts] * parts))
        read = list(pool.map(read_part, [str(folder)] * parts, range(parts), [parts] * parts))
    return sum(number for number, _ in read), max(seconds for _, seconds in read)


def read_plainly(folder: Path) -> Iterable[str]:
    """Read all bytes of all members, and nothing else; yield each key once."""
    for path in folder.glob("*.tar"):
        key = ""
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                archive.extractfile(member).read()
                if (own := member.name.partition(".")[0]) != key:
                    key = own
                    yield key


def measure_generator(name: str, count: int, workers: int, folder: Path) -> list[Row]:
    """Make, write and read samples of one generator, and say how fast each went."""
    generate, options = GENERATORS[name]
    home = folder / name

    def write() -> tuple[int, float]:
        start = time.perf_counter()
        write_shards(
            generate,
            home,
            count,
            options=options,
            workers=workers,
            shard_size=max(1, count // (4 * workers)),
        )
        return count, time.perf_counter() - start

    def stream(processes: int) -> tuple[int, float]:
        first = 16 * processes  # which wait for the processes to start
        made = generate_stream(
            generate, count=first + count, options=options, workers=processes, chunk=16
        )
        number_of(islice(made, first))
        return timed(lambda: made)

    rows = [
        measure("made on the fly", lambda: stream(1), generator=name, processes=1),
        measure("made on the fly", lambda: stream(workers), generator=name, processes=workers),
        measure("written to shards", write, generator=name, processes=workers),
        measure(
            "read plainly (tarfile)",
            lambda: timed(lambda: read_plainly(home)),
            generator=name,
            processes=1,
        ),
        measure("read", lambda: timed(lambda: read_shards(home)), generator=name, processes=1),
        measure(
            "read, shuffled",
            lambda: read_in_processes(home, workers),
            generator=name,
            processes=workers,
        ),
    ]
    size = sum(path.stat().st_size for path in home.glob("*.tar"))
    for row in rows:
        row["bytes_per_sample"] = round(size / count)
    return rows


def main(
    count: Annotated[int, typer.Option(help="Words; of objects and clips a fortieth.")] = 8000,
    workers: Annotated[int, typer.Option(help="Processes.")] = os.cpu_count() or 1,
    save: Annotated[bool, typer.Option(help="Keep results/stream.json.")] = True,
) -> None:
    """Measure samples a second: written to shards, read back, and made on the fly.

    The start of the processes counts where shards are written, and nowhere else. With others at
    work on the machine, samples per second of processor time say more than samples per second.
    """
    machine = describe_machine(PACKAGES)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in GENERATORS:
            number = count if name == "words" else max(16, count // 40)
            rows += measure_generator(name, number, workers, Path(folder))
    machine["load_after"] = [round(load, 1) for load in os.getloadavg()]
    header = ["generator", "what", "processes", "samples/s", "samples per CPU second"]
    keys = ("generator", "what", "processes", "per_second", "per_processor_second")
    Console().print(markdown_table(header, [[str(row[key] or "") for key in keys] for row in rows]))
    if save:
        TARGET.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)

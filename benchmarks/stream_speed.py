"""Measure samples a second: written to shards, read back, and made on the fly.

What is asked of a stream is that training does not wait for it. Reading is measured with plain
tarfile beside ours, which shows what decoding the pictures and the labels costs.
"""

import json
import os
import resource
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
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


def processor_seconds() -> float:
    """Processor time of this process and of those it has waited for."""
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(who) for who in both]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def measure(what: str, work: Callable[[], int], **told: Any) -> Row:
    """Time `work`, which returns how many samples it went through."""
    before, start = processor_seconds(), time.perf_counter()
    samples = work()
    seconds, processor = time.perf_counter() - start, processor_seconds() - before
    return {
        "what": what,
        **told,
        "samples": samples,
        "per_second": round(samples / seconds, 1),
        "per_processor_second": round(samples / processor, 1),
    }


def number_of(items: Iterable[Any]) -> int:
    """Take all items and return how many there were."""
    return sum(1 for _ in items)


def read_part(folder: str, number: int, parts: int) -> int:
    """Read what falls to one of several readers."""
    return number_of(read_shards(folder, shuffle_buffer=500, part=(number, parts)))


def read_in_processes(folder: Path, parts: int) -> int:
    """Read a folder by several readers, each in its own process."""
    with ProcessPoolExecutor(parts, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(read_part, [str(folder)] * parts, range(parts), [parts] * parts))


def read_plainly(folder: Path) -> int:
    """Read all bytes of all members, and nothing else."""
    keys = set()
    for path in folder.glob("*.tar"):
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                archive.extractfile(member).read()
                keys.add(member.name.partition(".")[0])
    return len(keys)


def measure_generator(name: str, count: int, workers: int, folder: Path) -> list[Row]:
    """Make, write and read samples of one generator, and say how fast each went."""
    generate, options = GENERATORS[name]
    home = folder / name

    def write() -> int:
        write_shards(
            generate,
            home,
            count,
            options=options,
            workers=workers,
            shard_size=max(1, count // (4 * workers)),
        )
        return count

    def stream(processes: int) -> int:
        return number_of(
            generate_stream(generate, count=count, options=options, workers=processes, chunk=16)
        )

    next(generate_stream(generate, count=1, options=options, workers=1))  # compile, fill caches
    rows = [
        measure("made on the fly", lambda: stream(1), generator=name, processes=1),
        measure("made on the fly", lambda: stream(workers), generator=name, processes=workers),
        measure("written to shards", write, generator=name, processes=workers),
        measure("read plainly (tarfile)", lambda: read_plainly(home), generator=name, processes=1),
        measure("read", lambda: number_of(read_shards(home)), generator=name, processes=1),
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

    The start of the processes counts. With others at work on the machine, samples per second of
    processor time say more than samples per second.
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
    Console().print(markdown_table(header, [[str(row[key]) for key in keys] for row in rows]))
    if save:
        TARGET.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)

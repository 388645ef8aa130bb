"""Samples one after another: from shards on the disk, or made on the fly in other processes.

Both streams are in an order that seed and arguments decide, whatever the number of processes, and
hold only a few samples in memory at a time.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from itertools import count as count_from
from pathlib import Path
from typing import Any

import numpy as np

from ocrlearn._validate import check_number
from ocrlearn.data._generate import (
    Generate,
    generator_name,
    make,
    process_pool,
    worker_died,
    worker_number,
)
from ocrlearn.data.samples import Clip, Sample
from ocrlearn.data.shards import list_shards, read_shard

__all__ = ["generate_stream", "read_shards"]

Item = Sample | Clip


# --- From shards ----------------------------------------------------------------------------------


def read_shards(
    source: str | Path | Sequence[str | Path],
    *,
    shuffle_buffer: int = 0,
    seed: int = 0,
    repeat: bool = False,
    part: tuple[int, int] = (0, 1),
    epoch: int = 0,
) -> Iterator[Item]:
    """Yield samples from shards, with their pictures decoded.

    Shuffling is done twice, as it must be for files that are read from front to back: each epoch
    takes the shards in another order, and samples wait in a buffer from which chance picks the
    next. A buffer of a few shards mixes well; one much smaller than a shard keeps neighbours near
    each other.

    Parameters
    ----------
    source
        A folder that :func:`~ocrlearn.data.shards.write_shards` filled, one with any WebDataset
        shards, or a list of files.
    shuffle_buffer
        Samples that wait; 0 leaves everything in the order in which it was written.
    seed
        Decides the order together with the number of the epoch and, within the buffer, the part.
    repeat
        Begin a new epoch at the end of each, forever.
    part
        ``(i, n)``: of n readers (ranks times their workers), the i-th. Every epoch deals the shards
        out to all n, so that together they read every sample once. Readers may differ by a shard.
    epoch
        The first epoch, to go on where an earlier run ended.

    Raises
    ------
    ValueError
        If an argument is not as described above, or there are fewer shards than readers.
    DataFormatError, OSError
        If a shard cannot be read; see :func:`~ocrlearn.data.shards.read_shard`. All that the
        manifest tells is checked at the call, the content when its turn comes.
    """
    files = list_shards(source)
    check_number(shuffle_buffer, "shuffle_buffer", low=0, integer=True)
    check_number(seed, "seed", low=0, integer=True)
    check_number(epoch, "epoch", low=0, integer=True)
    number, parts = part
    check_number(parts, "part[1]", low=1, integer=True)
    check_number(number, "part[0]", low=0, high=parts - 1, integer=True)
    if len(files) < parts:
        raise ValueError(
            f"part must not ask for more readers than shards, got {parts} readers for "
            f"{len(files)} shards; write smaller shards"
        )
    epochs = count_from(epoch) if repeat else range(epoch, epoch + 1)
    return _read_epochs(files, epochs, shuffle_buffer, seed, number, parts)


def _read_epochs(
    files: Sequence[Path], epochs: Any, buffer: int, seed: int, number: int, parts: int
) -> Iterator[Item]:
    for epoch in epochs:
        order = np.arange(len(files))
        if buffer:
            order = _generator(seed, epoch).permutation(order)
        samples = (item for place in order[number::parts] for item in read_shard(files[place]))
        if buffer:
            yield from _shuffled(samples, buffer, _generator(seed, epoch, number))
        else:
            yield from samples


def _generator(seed: int, epoch: int, *part: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, epoch], spawn_key=part))


def _shuffled(
    samples: Iterator[Item], buffer: int, generator: np.random.Generator
) -> Iterator[Item]:
    """Yield each sample once, out of a buffer from which chance picks the next."""
    waiting: list[Item] = []
    for item in samples:
        if len(waiting) < buffer:
            waiting.append(item)
            continue
        place = int(generator.integers(buffer))
        waiting[place], item = item, waiting[place]
        yield item
    generator.shuffle(waiting)
    yield from waiting


# --- On the fly -----------------------------------------------------------------------------------


def generate_stream(
    generate: Generate,
    seed: int = 0,
    start: int = 0,
    *,
    count: int | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int | None = None,
    chunk: int = 16,
    ahead: int = 4,
) -> Iterator[Item]:
    """Yield samples `start`, `start` + 1, ... of a generator, made in background processes.

    The samples and their order are those of ``generate(seed, index, **options)`` called here one
    after another, whatever the number of processes. To go on later, give the index of the next as
    `start`. Closing the iterator (``close()``, or the end of its last reference) ends the
    processes; so does the end of this one.

    Parameters
    ----------
    generate, options
        As for :func:`~ocrlearn.data.shards.write_shards`.
    seed, start
        Which samples.
    count
        How many; None for no end.
    workers
        Processes; None for one on each core. 1 works in this process.
    chunk
        Samples that a process makes before it sends them: sending has a price of its own.
    ahead
        Chunks per process that may be under way or wait to be read. It bounds the memory that the
        stream takes: ``workers * ahead * chunk`` samples.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described above; at the call. What `generate` raises comes when
        the sample's turn comes.
    RuntimeError
        If a worker died.
    """
    generator_name(generate)  # refuses what other processes could not load
    check_number(seed, "seed", low=0, integer=True)
    check_number(start, "start", low=0, integer=True)
    check_number(chunk, "chunk", low=1, integer=True)
    check_number(ahead, "ahead", low=1, integer=True)
    if count is not None:
        check_number(count, "count", low=0, integer=True)
    fixed = dict(options or {})
    processes = worker_number(workers)
    if processes == 1:
        indices = count_from(start) if count is None else iter(range(start, start + count))
        return (make(generate, seed, index, fixed) for index in indices)
    chunks = _chunks(start, count, chunk)
    return _from_processes(generate, seed, fixed, chunks, processes, processes * ahead)


def _chunks(start: int, count: int | None, size: int) -> Iterator[range]:
    if count is None:
        return (range(first, first + size) for first in count_from(start, size))
    stop = start + count
    return (range(first, min(first + size, stop)) for first in range(start, stop, size))


def _from_processes(
    generate: Generate,
    seed: int,
    options: Mapping[str, Any],
    chunks: Iterator[range],
    workers: int,
    ahead: int,
) -> Iterator[Item]:
    """Keep `ahead` chunks under way, and yield them in order."""
    pool = process_pool(workers)
    under_way: deque[Future[list[Item]]] = deque()
    try:
        for indices in chunks:
            under_way.append(pool.submit(_make_chunk, generate, seed, indices, options))
            if len(under_way) == ahead:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    except BrokenProcessPool as error:
        worker_died(error)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _make_chunk(
    generate: Generate, seed: int, indices: range, options: Mapping[str, Any]
) -> list[Item]:
    return [make(generate, seed, index, options) for index in indices]

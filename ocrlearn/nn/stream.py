"""Samples for ``torch.utils.data.DataLoader``: read in parts, or made by number.

Both classes are thin. They take the functions that read and make samples, as this layer knows
nothing of data sets, and see to what a data loader asks for: to its workers and ranks having no
sample in common, and to an order that does not depend on their number where that can be had.

>>> read = functools.partial(read_shards, "shards/words", shuffle_buffer=4000)  # doctest: +SKIP
>>> loader = DataLoader(PartsDataset(read, transform=prepare), batch_size=64,
...                     num_workers=4)  # doctest: +SKIP
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from torch.utils.data import Dataset, IterableDataset, get_worker_info

from ocrlearn._validate import check_number

__all__ = ["GeneratedDataset", "PartsDataset"]


class _ReadsParts(Protocol):
    def __call__(self, *, part: tuple[int, int], epoch: int) -> Iterator[Any]: ...


def _unchanged(item: Any) -> Any:
    return item


class PartsDataset(IterableDataset[Any]):
    """What `read` yields, dealt out among the workers of all ranks.

    The order depends on the number of workers, each of which reads its own shards.

    Parameters
    ----------
    read
        Called as ``read(part=(i, n), epoch=e)`` in each worker, such as a ``functools.partial`` of
        ``ocrlearn.data.stream.read_shards``. It is pickled to the workers.
    transform
        Makes of each sample what batches are made of; it is pickled too.
    rank, ranks
        Number of this process among those that train together, and how many there are. Workers of
        a loader are counted within. Ranks may get numbers of samples that differ by a shard, so
        that training in step needs a fixed number of steps.
    """

    def __init__(
        self,
        read: _ReadsParts,
        *,
        transform: Callable[[Any], Any] | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.read = read
        self.transform = transform or _unchanged
        self.ranks = int(check_number(ranks, "ranks", low=1, integer=True))
        self.rank = int(check_number(rank, "rank", low=0, high=ranks - 1, integer=True))
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration reads.

        Workers that a loader keeps (``persistent_workers=True``) do not hear of it; for them let
        `read` repeat.
        """
        self.epoch = int(check_number(epoch, "epoch", low=0, integer=True))

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        part = (self.rank * workers + number, self.ranks * workers)
        return map(self.transform, self.read(part=part, epoch=self.epoch))


class GeneratedDataset(Dataset[Any]):
    """Samples `start` to ``start + count - 1`` of a seeded generator, made when asked for.

    This one is addressed by number and not a stream, because a generator can make any sample at
    any time: the data loader's own sampler then decides the order, the same for any number of
    workers, deals out to ranks (``DistributedSampler``) and resumes.

    Parameters
    ----------
    make
        Called as ``make(seed, index)`` in the workers; it is pickled to them.
    count, start
        Which samples. For training on samples that are never repeated, give each epoch a `start`
        where the one before ended.
    seed
        First argument of `make`.
    transform
        As for :class:`PartsDataset`.
    """

    def __init__(
        self,
        make: Callable[[int, int], Any],
        count: int,
        *,
        start: int = 0,
        seed: int = 0,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.make = make
        self.count = int(check_number(count, "count", low=0, integer=True))
        self.start = int(check_number(start, "start", low=0, integer=True))
        self.seed = int(check_number(seed, "seed", low=0, integer=True))
        self.transform = transform or _unchanged

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Any:
        place = number + self.count if number < 0 else number
        if not 0 <= place < self.count:
            raise IndexError(f"there are {self.count} samples, and none is number {number}")
        return self.transform(self.make(self.seed, self.start + place))

import functools

import pytest
import shard_generators as generators
import torch
from torch.utils.data import DataLoader

from ocrlearn.data.shards import write_shards
from ocrlearn.data.stream import read_shards
from ocrlearn.nn.stream import GeneratedDataset, PartsDataset


def number(sample):
    return torch.tensor(sample.details["index"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("shards")
    write_shards(generators.tiny, home, 23, shard_size=3, workers=1)
    return home


def load(dataset, **arguments):
    batches = DataLoader(dataset, batch_size=2, **arguments)
    return torch.cat(list(batches)).tolist()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("ranks", [1, 2])
def test_workers_and_ranks_have_no_sample_in_common(folder, workers, ranks):
    read = functools.partial(read_shards, folder, shuffle_buffer=4)
    dealt = [
        load(PartsDataset(read, transform=number, rank=rank, ranks=ranks), num_workers=workers)
        for rank in range(ranks)
    ]
    assert sorted(number for part in dealt for number in part) == list(range(23))


def test_epochs_differ_and_come_again(folder):
    dataset = PartsDataset(functools.partial(read_shards, folder, shuffle_buffer=9))
    orders = []
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        orders.append([sample.details["index"] for sample in dataset])
    assert orders[0] != orders[1]
    assert orders[0] == orders[2]


@pytest.mark.parametrize("workers", [0, 2])
def test_made_samples_come_in_the_order_of_their_numbers(workers):
    dataset = GeneratedDataset(generators.tiny, 9, start=4, seed=2, transform=number)
    assert len(dataset) == 9
    assert load(dataset, num_workers=workers) == list(range(4, 13))


def test_numbers_beyond_the_end_are_refused():
    dataset = GeneratedDataset(generators.tiny, 3, transform=number)
    assert dataset[-1] == 2
    for place in (3, -4):
        with pytest.raises(IndexError, match="there are 3 samples"):
            dataset[place]
    with pytest.raises(ValueError, match="rank"):
        PartsDataset(functools.partial(read_shards, "."), rank=2, ranks=2)

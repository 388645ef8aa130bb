"""What every reader of the registry promises, whatever it reads."""

import inspect

import pytest

from ocrlearn.data import readers
from ocrlearn.data.readers import KINDS, READERS, DataFormatError


@pytest.mark.parametrize("reader", READERS.values(), ids=list(READERS))
def test_its_function_takes_a_folder_and_a_split(reader):
    assert reader.kind in KINDS
    assert getattr(readers, f"read_{reader.name}") is reader.read
    folder, split, *others = inspect.signature(reader.read).parameters.values()
    assert (folder.name, split.name) == ("folder", "split")
    assert split.default in reader.splits
    assert all(other.default is not inspect.Parameter.empty for other in others)
    assert all(other.kind is inspect.Parameter.KEYWORD_ONLY for other in others)


@pytest.mark.parametrize(
    ("reader", "split"),
    [(reader, split) for reader in READERS.values() for split in reader.splits],
    ids=lambda value: getattr(value, "name", value),
)
def test_an_empty_folder_is_an_error_at_once_that_names_it(tmp_path, reader, split):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        reader.read(tmp_path, split)
    with pytest.raises(FileNotFoundError, match="none"):
        reader.read(tmp_path / "none", split)


@pytest.mark.parametrize("reader", READERS.values(), ids=list(READERS))
def test_another_split_is_refused_with_those_there_are(tmp_path, reader):
    with pytest.raises(ValueError, match="split must be one of") as caught:
        reader.read(tmp_path, "everything")
    assert not isinstance(caught.value, DataFormatError)
    for split in reader.splits:
        assert repr(split) in str(caught.value)


def test_no_name_is_given_twice():
    assert len(readers._ALL) == len(READERS)


def test_readers_can_be_taken_from_the_package():
    assert readers.read_icdar2015 is READERS["icdar2015"].read
    assert {"READERS", "read_svt"} <= set(dir(readers))
    with pytest.raises(AttributeError, match="read_nothing"):
        _ = readers.read_nothing

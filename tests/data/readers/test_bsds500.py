"""BSDS500: several people's maps of one photograph, in MATLAB files."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from PIL import Image
from scipy.io import savemat

from ocrlearn.data.readers.bsds500 import read_bsds500, read_masks
from ocrlearn.data.samples import DataFormatError, check_sample

REGIONS = [np.array([[1, 1, 2], [1, 3, 300]]), np.array([[1, 1, 1], [2, 2, 2]])]


def people(maps):
    """Return the owner's row of cells, each a structure of two maps."""
    row = np.empty((1, len(maps)), dtype=object)
    for place, (regions, borders) in enumerate(maps):
        row[0, place] = {"Segmentation": regions, "Boundaries": borders}
    return row


def nobody():
    """Return a row of one cell, which holds a structure without a record."""
    row = np.empty((1, 1), dtype=object)
    row[0, 0] = np.empty((1, 0), dtype=[("Segmentation", object), ("Boundaries", object)])
    return row


def borders(regions):
    return (np.diff(regions, axis=1, append=regions[:, -1:]) != 0).astype(np.uint8)


def whole(regions):
    return people([(r.astype(np.uint16), borders(r)) for r in regions])


@pytest.fixture
def data(tmp_path):
    data = tmp_path / "BSR" / "BSDS500" / "data"
    for kind in ("images", "groundTruth"):
        (data / kind / "train").mkdir(parents=True)
    Image.fromarray(np.zeros((2, 3, 3), dtype=np.uint8)).save(data / "images/train/2092.jpg")
    (data / "images" / "train" / "Thumbs.db").touch()
    savemat(data / "groundTruth/train/2092.mat", {"groundTruth": whole(REGIONS)})
    return data


def test_maps_of_every_person(tmp_path, data):
    (sample,) = read_bsds500(tmp_path)
    check_sample(sample)
    assert sample.image == data / "images" / "train" / "2092.jpg"
    assert (sample.width, sample.height) == (3, 2)
    assert list(sample.masks) == [
        "segmentation_1",
        "boundaries_1",
        "segmentation_2",
        "boundaries_2",
    ]
    for number, regions in enumerate(REGIONS, start=1):
        assert sample.mask(f"segmentation_{number}").dtype == np.uint16
        np.testing.assert_array_equal(sample.mask(f"segmentation_{number}"), regions)
        assert sample.mask(f"boundaries_{number}").dtype == bool
        np.testing.assert_array_equal(sample.mask(f"boundaries_{number}"), borders(regions) == 1)


def test_maps_left_on_disk_and_any_folder_on_the_way(tmp_path, data):
    for folder in (tmp_path, tmp_path / "BSR", data.parent, data):
        (sample,) = read_bsds500(folder, load_masks=False)
        assert sample.masks == {}
        assert list(read_masks(sample.details["truth"])) != []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(nps.arrays(np.uint16, (2, 3)), min_size=1, max_size=4))
def test_what_was_written_is_read(tmp_path, regions):
    savemat(tmp_path / "1.mat", {"groundTruth": whole(regions)})
    masks = read_masks(tmp_path / "1.mat")
    assert len(masks) == 2 * len(regions)
    for number, numbers in enumerate(regions, start=1):
        np.testing.assert_array_equal(masks[f"segmentation_{number}"], numbers)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"other": 1}, "expected the variable groundTruth, got"),
        ({"groundTruth": np.arange(3)}, "groundTruth: expected a row of cells"),
        ({"groundTruth": people([])}, "expected at least one segmentation"),
        ({"groundTruth": whole(REGIONS)[0, 0]}, "groundTruth: expected a row of cells"),
        (
            {"groundTruth": people([(np.ones((2, 3)) * 0.5, np.zeros((2, 3), np.uint8))])},
            r"groundTruth 1, Segmentation: expected whole numbers of shape \(H, W\), got float64",
        ),
        (
            {"groundTruth": people([(REGIONS[0], np.zeros((3, 3), np.uint8))])},
            r"groundTruth 1, Boundaries: expected whole numbers of shape \(2, 3\)",
        ),
        (
            {"groundTruth": whole([REGIONS[0], np.ones((3, 3), int)])},
            r"groundTruth 2, Segmentation: expected whole numbers of shape \(2, 3\)",
        ),
        (
            {"groundTruth": people([(REGIONS[0] - 2, borders(REGIONS[0]))])},
            "groundTruth 1, Segmentation: expected numbers from 0 to 65535",
        ),
        (
            {"groundTruth": nobody()},
            "groundTruth 1: expected one structure, got 0",
        ),
    ],
)
def test_malformed_files(tmp_path, data, variables, said):
    savemat(data / "groundTruth" / "train" / "2092.mat", variables)
    with pytest.raises(DataFormatError, match=rf"2092\.mat.*{said}"):
        list(read_bsds500(tmp_path))


def test_what_is_missing_is_said_at_once(tmp_path, data):
    with pytest.raises(FileNotFoundError, match="data/images/val"):
        read_bsds500(tmp_path, "val")
    with pytest.raises(ValueError, match="split must be one of"):
        read_bsds500(tmp_path, "validation")
    (data / "groundTruth" / "train" / "2092.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"2092\.jpg has no label file"):
        read_bsds500(tmp_path)
    with pytest.raises(FileNotFoundError, match="BSR/BSDS500/data/images/train"):
        read_bsds500(data / "images")

"""CamVid: colours to numbers, eleven classes of 32, splits by the names of frames."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from PIL import Image

from ocrlearn.data.readers.camvid import (
    CLASSES_11,
    UNLABELLED,
    read_camvid,
    read_colors,
    read_mask,
)
from ocrlearn.data.samples import DataFormatError, check_sample

NAMES = sorted({part for parts in CLASSES_11.values() for part in parts} | {"Void"})
COLORS = {name: (8 * number, 255 - number, number) for number, name in enumerate(NAMES)}
FRAMES = {
    "Seq05VD_f00000": "test",
    "0001TP_006690": "train",
    "0001TP_008520": "train",
    "0001TP_008550": "test",
    "0006R0_f00930": "train",
    "0016E5_00390": "train",
    "0016E5_07959": "val",
    "0016E5_08159": "val",
    "0016E5_08640": "train",
}
PAINTED = np.array([["Sky", "Void", "Car"], ["Truck_Bus", "Archway", "Bicyclist"]])


@pytest.fixture
def folder(tmp_path):
    """Make the owner's layout."""
    (tmp_path / "701_StillsRaw_full").mkdir()
    (tmp_path / "LabeledApproved_full").mkdir()
    pixels = np.array([[COLORS[name] for name in row] for row in PAINTED], dtype=np.uint8)
    for frame in FRAMES:
        Image.fromarray(pixels).save(tmp_path / "701_StillsRaw_full" / f"{frame}.png")
        Image.fromarray(pixels).save(tmp_path / "LabeledApproved_full" / f"{frame}_L.png")
    write_colors(tmp_path, COLORS)
    return tmp_path


def write_colors(folder, colors):
    rows = [f"{r} {g} {b}\t\t{name}" for name, (r, g, b) in colors.items()]
    (folder / "label_colors.txt").write_bytes("\r\n".join(rows).encode())


def test_there_are_32_classes_of_which_eleven_unite_31():
    assert len(NAMES) == 32
    assert len(CLASSES_11) == UNLABELLED == 11


@pytest.mark.parametrize("split", ["train", "val", "test", "all"])
def test_frames_are_divided_by_their_names(folder, split):
    names = [sample.image.stem for sample in read_camvid(folder, split)]
    assert names == [frame for frame, home in FRAMES.items() if split in ("all", home)]


def test_eleven_classes_in_segnets_order(folder):
    sample = next(read_camvid(folder))
    check_sample(sample)
    assert (sample.width, sample.height) == (3, 2)
    # Sky is 0, Building 1, Car 8 and Bicyclist 10; Void is none.
    np.testing.assert_array_equal(sample.mask("classes"), [[0, 11, 8], [8, 1, 10]])
    assert sample.mask("classes").dtype == np.uint8


def test_32_classes_in_the_order_of_the_file(folder):
    sample = next(read_camvid(folder, classes=32))
    expected = [[NAMES.index(name) for name in row] for row in PAINTED]
    np.testing.assert_array_equal(sample.mask("classes"), expected)


def test_masks_left_on_disk(folder):
    sample = next(read_camvid(folder, load_masks=False))
    assert sample.masks == {}
    numbers = {color: number for number, color in enumerate(COLORS.values())}
    mask = read_mask(sample.details["truth"], numbers)
    np.testing.assert_array_equal(mask[0], [NAMES.index(name) for name in PAINTED[0]])


@settings(max_examples=30)
@given(nps.arrays(np.uint8, nps.array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 31)))
def test_any_map_comes_back_from_its_colours(tmp_path_factory, classes):
    palette = np.array(list(COLORS.values()), dtype=np.uint8)
    path = tmp_path_factory.getbasetemp() / "colours.png"
    Image.fromarray(palette[classes]).save(path)
    numbers = {color: number for number, color in enumerate(COLORS.values())}
    np.testing.assert_array_equal(read_mask(path, numbers), classes)


def test_segnets_layout(tmp_path):
    for split in ("train", "val", "test"):
        for kind in (split, f"{split}annot"):
            (tmp_path / kind).mkdir()
            pixels = np.full((2, 3), 11, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / kind / f"0016E5_{split}.png")
    (sample,) = read_camvid(tmp_path, "val")
    check_sample(sample)
    assert sample.image == tmp_path / "val" / "0016E5_val.png"
    np.testing.assert_array_equal(sample.mask("classes"), np.full((2, 3), UNLABELLED))
    assert len(list(read_camvid(tmp_path, "all"))) == 3
    with pytest.raises(ValueError, match="classes must be 11 in SegNet's layout"):
        read_camvid(tmp_path, classes=32)
    (tmp_path / "valannot" / "0016E5_val.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"0016E5_val\.png has no label file"):
        list(read_camvid(tmp_path, "val"))


def test_a_colour_of_no_class(folder):
    path = folder / "LabeledApproved_full" / "0001TP_006690_L.png"
    pixels = np.array(Image.open(path))
    pixels[1, 2] = (1, 2, 3)
    Image.fromarray(pixels).save(path)
    with pytest.raises(DataFormatError, match=r"_L\.png: .*got \(1, 2, 3\) at x = 2, y = 1"):
        list(read_camvid(folder))


@pytest.mark.parametrize("size", [(0, 5), (60_000, 60_000)])
def test_labels_of_an_impossible_size_are_named(folder, size):
    path = folder / "LabeledApproved_full" / "0001TP_006690_L.png"
    content = path.read_bytes()
    header = b"IHDR" + struct.pack(">II", *size) + content[24:29]
    path.write_bytes(content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:])
    with pytest.raises(DataFormatError, match=r"0001TP_006690_L\.png: expected a picture"):
        list(read_camvid(folder))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0 0 256 New", "expected three numbers from 0 to 255 and the name"),
        ("0 0 New", "expected three numbers"),
        ("0 0 0", "expected three numbers"),
        ("0 0 1 Sky", "expected a new class and a new colour"),
        ("8 254 1 New", "expected a new class and a new colour"),
    ],
)
def test_malformed_tables(folder, row, said):
    path = folder / "label_colors.txt"
    path.write_bytes(path.read_bytes() + b"\n" + row.encode())
    with pytest.raises(DataFormatError, match=rf"label_colors\.txt, line 33: {said}"):
        read_colors(path)


def test_a_table_that_lacks_a_class(folder):
    write_colors(folder, {name: color for name, color in COLORS.items() if name != "Tunnel"})
    with pytest.raises(DataFormatError, match=r"label_colors\.txt: .* got no Tunnel"):
        read_camvid(folder)


def test_a_frame_of_no_sequence(folder):
    for kind, ending in (("701_StillsRaw_full", ""), ("LabeledApproved_full", "_L")):
        path = folder / kind / f"0001TP_006690{ending}.png"
        path.rename(path.with_name(f"holiday_12{ending}.png"))
    with pytest.raises(DataFormatError, match=r"holiday_12\.png: expected a frame named like"):
        read_camvid(folder)
    assert len(list(read_camvid(folder, "all"))) == len(FRAMES)


def test_what_is_missing_is_said_at_once(folder):
    with pytest.raises(ValueError, match="classes must be 11 or 32, got 12"):
        read_camvid(folder, classes=12)
    (folder / "LabeledApproved_full" / "0001TP_006690_L.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"0001TP_006690\.png has no label file"):
        read_camvid(folder)
    with pytest.raises(FileNotFoundError, match="701_StillsRaw_full"):
        read_camvid(folder / "LabeledApproved_full")
    (folder / "701_StillsRaw_full" / "0001TP_006690.png").unlink()
    (folder / "label_colors.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"label_colors\.txt"):
        read_camvid(folder)

"""CCPD: everything stands in the name."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrlearn import geometry
from ocrlearn.data.readers.ccpd import (
    LETTERS,
    LETTERS_AND_DIGITS,
    PROVINCES,
    read_ccpd,
    read_ccpd_green,
)
from ocrlearn.data.samples import DataFormatError, check_sample

# The example of the owner's README, whose plate is 皖AY339S.
NAME = "025-95_113-154&383_386&473-386&473_177&454_154&383_363&402-0_0_22_27_27_33_16-37-15.jpg"
GREEN = (
    "04248420772058823519-90_262-200&481_496&570-496&570_209&559_200&481_482&488-"
    "0_0_3_24_28_24_31_33-108-23.jpg"
)


@pytest.fixture
def folder(tmp_path):
    for part in ("ccpd_base", "ccpd_np", "splits"):
        (tmp_path / "CCPD2019" / part).mkdir(parents=True)
    return tmp_path


def test_the_owners_example(folder):
    (folder / "CCPD2019" / "splits" / "train.txt").write_text(f"ccpd_base/{NAME}\n")
    (sample,) = read_ccpd(folder)
    check_sample(sample)
    assert sample.image == folder / "CCPD2019" / "ccpd_base" / NAME
    (plate,) = sample.instances
    assert plate.text == "皖AY339S"
    # The name begins at the bottom right; a quad begins at the text's own top-left.
    np.testing.assert_array_equal(plate.polygon, [[154, 383], [363, 402], [386, 473], [177, 454]])
    assert geometry.is_clockwise(plate.polygon)
    assert sample.details == {
        "area": 0.025,
        "tilt": [95, 113],
        "box": [154, 383, 386, 473],
        "brightness": 37,
        "blurriness": 15,
    }
    # The area really is the digits behind "0.": that of the box in a picture of 720 x 1160.
    assert sample.details["area"] == pytest.approx(
        (386 - 154) * (473 - 383) / (720 * 1160), rel=0.01
    )


def test_green_plates_have_eight_characters(tmp_path):
    (tmp_path / "ccpd_green" / "val").mkdir(parents=True)
    (tmp_path / "ccpd_green" / "val" / GREEN).touch()
    (sample,) = read_ccpd_green(tmp_path, "val")
    check_sample(sample)
    assert sample.instances[0].text == "皖AD04079"
    assert sample.details["area"] == pytest.approx(0.0424842)


def test_sub_sets_are_read_in_order(folder):
    base = folder / "CCPD2019" / "ccpd_base"
    names = [NAME.replace("025", area) for area in ("9", "10", "25")]
    for name in names:
        (base / name).touch()
    images = [sample.image.name for sample in read_ccpd(folder / "CCPD2019", "base")]
    assert images == names


def test_cars_without_plates(folder):
    (folder / "CCPD2019" / "ccpd_np" / "1000.jpg").touch()
    (sample,) = read_ccpd(folder, "np")
    assert (sample.instances, sample.details) == ((), {})


def test_the_last_of_each_table_is_no_character(folder):
    last = f"{len(PROVINCES) - 1}_{len(LETTERS) - 1}_0_{len(LETTERS_AND_DIGITS) - 1}_1_2_3"
    name = NAME.replace("0_0_22_27_27_33_16", last)
    (folder / "CCPD2019" / "splits" / "val.txt").write_text(f"ccpd_base/{name}\n")
    (sample,) = read_ccpd(folder, "val")
    assert sample.instances[0].text == "ABCD"


points = st.tuples(st.integers(0, 720), st.integers(0, 1160))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(*[st.integers(0, n - 2) for n in (34, 25, 35, 35, 35, 35, 35)]),
    st.integers(0, 700),
    st.integers(0, 1100),
    st.integers(1, 20),
    st.integers(1, 60),
)
def test_what_was_written_is_read(folder, plate, x, y, width, height):
    quad = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    corners = "_".join(f"{a}&{b}" for a, b in [quad[2], quad[3], quad[0], quad[1]])
    fields = ["01", "90_90", "1&2_3&4", corners, "_".join(map(str, plate)), "1", "2"]
    (folder / "CCPD2019" / "splits" / "train.txt").write_text(f"ccpd_base/{'-'.join(fields)}.jpg\n")
    (sample,) = read_ccpd(folder)
    np.testing.assert_array_equal(sample.instances[0].polygon, quad)
    expected = PROVINCES[plate[0]] + LETTERS[plate[1]]
    assert sample.instances[0].text == expected + "".join(LETTERS_AND_DIGITS[n] for n in plate[2:])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("-37-15", "-37", "expected a name of 7 fields separated by -, got 6"),
        ("025-", "x-", "area: expected at most 40 digits, got 'x'"),
        ("95_113", "95", "tilt: expected 2 whole numbers, got '95'"),
        ("154&383_386&473-", "154&383-", "box: expected 2 points"),
        ("154&383_386&473-", "154_383_386_473-", "box: expected 2 points"),
        ("177&454", "177&x", "corners: expected at most 9 digits, got 'x'"),
        ("_363&402", "", "corners: expected 4 points"),
        ("0_0_22_27_27_33_16", "0_0_22_27_27_33", "characters: expected 7 whole numbers"),
        ("0_0_22_27_27_33_16", "34_0_22_27_27_33_16", "expected a number below 34, got 34"),
        ("0_0_22_27_27_33_16", "0_25_22_27_27_33_16", "expected a number below 25, got 25"),
        ("0_0_22_27_27_33_16", "0_0_22_27_27_33_35", "expected a number below 35, got 35"),
        ("ccpd_base/", "../", "expected a path inside"),
    ],
)
def test_malformed_names(folder, old, new, said):
    name = f"ccpd_base/{NAME}"
    assert old in name
    (folder / "CCPD2019" / "splits" / "train.txt").write_text(f"{name}\n{name.replace(old, new)}\n")
    samples = read_ccpd(folder)
    next(samples)
    with pytest.raises(DataFormatError, match=f"train.txt, line 2.*{said}"):
        next(samples)


def test_a_blue_plate_among_the_green(tmp_path):
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / NAME).touch()
    with pytest.raises(DataFormatError, match="expected 8 whole numbers"):
        list(read_ccpd_green(tmp_path, "test"))


def test_what_is_missing_is_said_at_once(folder):
    with pytest.raises(FileNotFoundError, match=r"splits/test\.txt"):
        read_ccpd(folder, "test")
    with pytest.raises(FileNotFoundError, match="ccpd_blur"):
        read_ccpd(folder, "blur")
    with pytest.raises(ValueError, match="split must be one of"):
        read_ccpd(folder, "green")

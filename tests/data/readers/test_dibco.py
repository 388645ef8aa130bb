"""DIBCO: ten years, ten layouts; ink is dark."""

import numpy as np
import pytest
from PIL import Image

from ocrlearn.data.readers.dibco import YEARS, read_dibco, read_ink
from ocrlearn.data.samples import DataFormatError, check_sample

LAYOUTS = {
    "2009": [
        (
            "DIBC02009_Test_images-handwritten/H01.bmp",
            "DIBCO2009-GT-Test-images_handwritten/H01.tiff",
        ),
        ("DIBCO2009_Test_images-printed/P01.bmp", "DIBCO2009-GT-Test-images_printed/P01.tiff"),
    ],
    "2010": [("H01.tif", "H01_estGT.tiff"), ("H02.png", "H02_estGT.tiff")],
    "2011": [
        ("DIBCO11-handwritten/HW1.png", "DIBCO11-handwritten/HW1_GT.tiff"),
        ("PR1.png", "PR1_GT.tiff"),
    ],
    "2012": [("H01.png", "H01_GT.tif"), ("H14.png", "H14_GT.tif")],
    "2013": [
        ("OriginalImages/HW01.png", "GTimages/HW01_estGT.tiff"),
        ("OriginalImages/PR08.bmp", "GTimages/PR08_estGT.tiff"),
    ],
    "2014": [("original_images/H01.png", "GT/H01_estGT.tiff"), ("H10.png", "H10_estGT.tiff")],
    "2016": [
        ("DIPCO2016_dataset/1.bmp", "DIPCO2016_Dataset_GT/1_gt.bmp"),
        ("DIPCO2016_dataset/10.bmp", "DIPCO2016_Dataset_GT/10_gt.bmp"),
    ],
    "2017": [("Dataset/1.bmp", "GT/1_gt.bmp"), ("Dataset/20.bmp", "GT/20_gt.bmp")],
    "2018": [("dataset/1.bmp", "gt/1_gt.bmp"), ("dataset/2.bmp", "gt/2_gt.bmp")],
    "2019": [("Dataset/1.bmp", "GT/1.bmp"), ("Dataset/11.bmp", "GT/11.bmp")],
}
PAGE = np.full((3, 4, 3), 200, dtype=np.uint8)
INK = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]], dtype=bool)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_contest(folder, year):
    for image, truth in LAYOUTS[year]:
        write(folder / image, PAGE)
        write(folder / truth, ~INK)  # bool arrays are written with one bit a pixel


def test_every_year_has_a_layout_here():
    assert tuple(LAYOUTS) == YEARS


@pytest.mark.parametrize("year", YEARS)
def test_the_layouts(tmp_path, year):
    contest = tmp_path / f"DIBCO-{year}"
    write_contest(contest, year)
    write(contest / "H01_skelGT.tiff", ~INK)
    (contest / "1_PWeights.dat").touch()
    samples = list(read_dibco(contest))
    assert {s.image for s in samples} == {contest / image for image, _ in LAYOUTS[year]}
    for sample in samples:
        check_sample(sample)
        assert sample.details["year"] == year
        truth = dict(LAYOUTS[year])[sample.image.relative_to(contest).as_posix()]
        assert sample.details["truth"] == str(contest / truth)
        assert (sample.width, sample.height) == (4, 3)
        np.testing.assert_array_equal(sample.mask("ink"), INK)
        assert sample.mask("ink").dtype == bool


def test_several_contests_in_one_folder(tmp_path):
    for year in ("2017", "2016", "2013"):  # all of 2016 and 2017 have a 1.bmp
        write_contest(tmp_path / f"contest {year}", year)
    years = [sample.details["year"] for sample in read_dibco(tmp_path)]
    assert years == ["2013"] * 2 + ["2016"] * 2 + ["2017"] * 2
    names = [sample.image.name for sample in read_dibco(tmp_path, "2016")]
    assert names == ["1.bmp", "10.bmp"]


def test_archives_unpacked_side_by_side(tmp_path):
    write_contest(tmp_path, "2009")
    assert len(list(read_dibco(tmp_path, "2009"))) == 2


def test_masks_left_on_disk(tmp_path):
    write_contest(tmp_path, "2012")
    first, _ = read_dibco(tmp_path, load_masks=False)
    assert (first.masks, first.width) == ({}, None)
    np.testing.assert_array_equal(read_ink(first.details["truth"]), INK)
    assert "year" not in first.details  # no folder tells


@pytest.mark.parametrize("kind", ["one bit", "grey", "colour", "palette"])
def test_truths_of_every_kind(tmp_path, kind):
    grey = np.where(INK, 0, 255).astype(np.uint8)
    image = Image.fromarray(grey)
    modes = {"one bit": "1", "grey": "L", "colour": "RGB", "palette": "P"}
    image.convert(modes[kind]).save(tmp_path / "1_gt.bmp")
    np.testing.assert_array_equal(read_ink(tmp_path / "1_gt.bmp"), INK)


@pytest.mark.parametrize("end", [0, 20, 40, 60])
def test_a_truth_that_is_damaged_is_named(tmp_path, end):
    write_contest(tmp_path / "2017", "2017")
    truth = tmp_path / "2017" / "GT" / "20_gt.bmp"
    truth.write_bytes(truth.read_bytes()[:end])
    with pytest.raises(DataFormatError, match=r"20_gt\.bmp: expected a picture"):
        list(read_dibco(tmp_path))
    with pytest.raises(FileNotFoundError):
        read_ink(tmp_path / "none.bmp")


def test_what_is_missing_is_said_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read_dibco(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="there are no images in"):
        read_dibco(tmp_path)
    write_contest(tmp_path / "2017", "2017")
    with pytest.raises(FileNotFoundError, match="there are no images of 2019"):
        read_dibco(tmp_path, "2019")
    with pytest.raises(ValueError, match="split must be one of"):
        read_dibco(tmp_path, "2015")
    (tmp_path / "2017" / "GT" / "20_gt.bmp").unlink()
    with pytest.raises(FileNotFoundError, match=r"20\.bmp has no truth"):
        read_dibco(tmp_path)
    (tmp_path / "2017" / "Dataset" / "20.bmp").unlink()
    (tmp_path / "2017" / "Dataset" / "1.bmp").unlink()
    write(tmp_path / "2017" / "Dataset" / "2.bmp", PAGE)
    with pytest.raises(FileNotFoundError, match=r"has no (truth|image)"):
        read_dibco(tmp_path)


def test_two_images_that_cannot_be_told_apart(tmp_path):
    write_contest(tmp_path / "track A", "2019")
    write_contest(tmp_path / "track B", "2019")
    with pytest.raises(DataFormatError, match="stand for one sample; expected a folder for each"):
        read_dibco(tmp_path)


def test_a_link_that_leads_out(tmp_path):
    write(tmp_path / "outside" / "1.bmp", PAGE)
    write_contest(tmp_path / "2018", "2018")
    (tmp_path / "2018" / "dataset" / "3.bmp").symlink_to(tmp_path / "outside" / "1.bmp")
    with pytest.raises(DataFormatError, match="a link that leads out"):
        read_dibco(tmp_path / "2018")

"""Checking a folder: made-up sets in the owners' formats, whole and with every kind of flaw."""

import numpy as np
import pytest
from PIL import Image

from ocrlearn.data import check, contact
from ocrlearn.data.check import Report, Tally, check_folder, check_samples
from ocrlearn.data.contact import contact_sheet, draw_samples
from ocrlearn.data.samples import Clip, Sample, TextInstance


def quad(x0, y0, x1, y1) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


@pytest.fixture
def icdar2015(tmp_path):
    """Four images for training in the owner's format."""
    (tmp_path / "train_images").mkdir()
    (tmp_path / "train_gt").mkdir()
    for number in range(1, 5):
        image = Image.new("RGB", (100, 60), (number * 20, 90, 30))
        image.save(tmp_path / "train_images" / f"img_{number}.jpg")
        lines = ["10,10,50,10,50,30,10,30,Caf\u00e9, bar", "60,10,90,10,90,30,60,30,###"]
        path = tmp_path / "train_gt" / f"gt_img_{number}.txt"
        path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    return tmp_path


def kinds(report: Report) -> set[str]:
    return set(report.counts)


# --- Folders


def test_a_folder_is_counted_and_compared_with_the_card(icdar2015):
    report = check_folder("icdar2015", icdar2015)
    tally = report.tallies["train"]
    assert (tally.samples, tally.instances, tally.ignored, tally.texts) == (4, 8, 4, 4)
    assert tally.longest == len("Café, bar")
    assert tally.characters["a"] == 8
    assert tally.complete
    assert "test" in report.absent
    assert kinds(report) == {"another number of samples than the card says"}
    assert not report.sound
    assert "4 are there, it says 1,000 (Robust Reading Competition)" in report.text()


def test_with_a_limit_numbers_are_not_compared(icdar2015):
    report = check_folder("icdar2015", icdar2015, limit=2)
    assert report.tallies["train"].samples == 2
    assert report.sound
    assert report.text().endswith("\nsound")


def test_a_line_that_is_wrong_is_named_with_its_number(icdar2015):
    path = icdar2015 / "train_gt" / "gt_img_3.txt"
    path.write_text("10,10,50,10,50,30,10,30,fine\n10,10,fifty,10,50,30,10,30,bad\n")
    report = check_folder("icdar2015", icdar2015)
    problem = next(p for p in report.problems if "format" in p.kind)
    assert str(path) in problem.where
    assert "line 2" in problem.where
    assert not report.tallies["train"].complete
    assert "not read to the end" in report.text()


def test_a_damaged_image_is_named(icdar2015):
    path = icdar2015 / "train_images" / "img_2.jpg"
    path.write_bytes(path.read_bytes()[:300])
    report = check_folder("icdar2015", icdar2015, limit=4)
    assert kinds(report) == {"an image cannot be read"}
    assert report.problems[0].where == str(path)
    assert not report.sound
    path.write_text("no image")
    assert kinds(check_folder("icdar2015", icdar2015, limit=4)) == {"an image cannot be read"}


def test_flaws_of_the_owner_are_remarks(icdar2015):
    path = icdar2015 / "train_gt" / "gt_img_1.txt"
    path.write_text("10,10,150,10,150,30,10,30,long\n-1,10,50,10,50,30,-1,30,on the border\n")
    report = check_folder("icdar2015", icdar2015, limit=4)
    assert report.counts == {"a polygon lies outside of its image": 1}
    assert "instances[0]: x 10 to 150, y 10 to 30 in 100 x 60 pixels" in report.text()
    assert report.sound


def test_names_and_folders_that_are_not_there(icdar2015, tmp_path):
    with pytest.raises(LookupError, match="no data set 'icdar1999'; there are bsds500"):
        check_folder("icdar1999", icdar2015)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_folder("icdar2015", tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match="nothing of icdar2015 is in"):
        check_folder("icdar2015", empty)
    with pytest.raises(ValueError, match="limit must lie in"):
        check_folder("icdar2015", icdar2015, limit=0)


def test_lists_of_nothing_are_not_sound(tmp_path):
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "train.txt").write_text("")
    report = check_folder("ccpd", tmp_path, limit=5)
    assert report.tallies["ccpd train"].samples == 0
    assert not report.sound


def test_samples_are_drawn_by_seed(icdar2015):
    def drawn(seed):
        report = check_folder("icdar2015", icdar2015, choose=2, seed=seed)
        return [sample.name for sample in report.chosen]

    assert len(drawn(0)) == 2
    assert drawn(0) == drawn(0)
    assert len({tuple(drawn(seed)) for seed in range(10)}) > 1


def test_samples_of_splits_that_overlap_are_drawn_once(tmp_path):
    folder = tmp_path / "DIBCO-2011"
    folder.mkdir()
    for number in range(2):
        Image.new("L", (40, 30), 200).save(folder / f"HW{number}.png")
        Image.new("L", (40, 30), 255).save(folder / f"HW{number}_GT.png")
    report = check_folder("dibco", tmp_path, choose=8)
    assert report.tallies.keys() == {"all", "2011"}
    assert len(report.chosen) == 2


def test_a_set_of_several_readers(tmp_path):
    folder = tmp_path / "20bn-something-something-v1" / "7"
    folder.mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(folder / "00001.jpg")
    for part, line in {"labels": "Holding something", "train": "7;Holding something"}.items():
        (tmp_path / f"something-something-v1-{part}.csv").write_text(line + "\n")
    report = check_folder("something", tmp_path)
    assert report.tallies["something_v1 train"].labels == {"Holding something": 1}
    assert "something_v2 train" in report.absent
    assert report.sound


# --- Samples


def problems_of(*samples):
    report, tally = Report("made up", None), Tally()
    passed = list(check_samples(samples, report, tally))
    assert len(passed) == len(samples)
    return report


def saved(path, size=(50, 40)):
    Image.new("RGB", size).save(path)
    return path


PIXELS = np.zeros((40, 50, 3), np.uint8)


def flawed(kind: str, folder) -> Sample | Clip:
    image = saved(folder / "a.png")
    (folder / "empty").mkdir()
    (folder / "empty.avi").write_bytes(b"")
    instance = TextInstance(quad(1, 1, 20, 10), "a")
    nan = TextInstance(quad(1, 1, np.nan, 10), "a")
    part = TextInstance(quad(1, 1, 20, 90), "a", level="word")
    return {
        "an image is not there": lambda: Sample(folder / "none.png"),
        "labels are not as they should be": lambda: Sample(image, instances=(nan,)),
        "an image has another size": lambda: Sample(image, width=51, height=40),
        "a mask is not there": lambda: Sample(image, masks={"ink": folder / "none.png"}),
        "a mask has another size": lambda: Sample(image, masks={"ink": np.ones((4, 5), bool)}),
        "a text is empty": lambda: Sample(image, instances=(TextInstance(quad(1, 1, 9, 9), " "),)),
        "a polygon lies outside": lambda: Sample(
            PIXELS, instances=(TextInstance(quad(1, 1, 20, 30), "a", "line", parts=(part,)),)
        ),
        "a clip is not there": lambda: Clip(folder / "none.avi"),
        "a clip has no frames": lambda: Clip(folder / "empty"),
        "a clip is an empty file": lambda: Clip(folder / "empty.avi"),
        "a clip": lambda: Clip(folder / ("long" * 99)),
        "": lambda: Sample(image, instances=(instance,), width=50, height=40),
    }[kind]()


@pytest.mark.parametrize(
    "kind",
    [
        "an image is not there",
        "labels are not as they should be",
        "an image has another size",
        "a mask is not there",
        "a mask has another size",
        "a text is empty",
        "a polygon lies outside",
        "a clip is not there",
        "a clip has no frames",
        "a clip is an empty file",
        "a clip",  # whose name is too long for a file
        "",
    ],
)
def test_every_flaw_is_found_and_nothing_else(tmp_path, kind):
    report = problems_of(flawed(kind, tmp_path))
    assert len(report.problems) == bool(kind)
    assert all(problem.kind.startswith(kind) for problem in report.problems)


def test_an_ignored_text_may_be_empty(tmp_path):
    instance = TextInstance(quad(1, 1, 9, 9), "", ignore=True)
    assert problems_of(Sample(PIXELS, instances=(instance,))).problems == []


def test_many_problems_of_a_kind_are_counted_and_some_are_listed(tmp_path):
    report = problems_of(*(Sample(tmp_path / f"{number}.png") for number in range(50)))
    assert report.counts["an image is not there"] == 50
    assert len(report.problems) == check._MOST
    report.folder, report.name = tmp_path, "made up"
    assert "and 30 more" in report.text()


def test_classes_and_languages_are_counted():
    tally = Tally()
    for label, language in [("a", "Latin"), ("b", "Latin"), ("a", "")]:
        instance = TextInstance(quad(1, 1, 9, 9), None, language=language)
        tally.add(Sample(PIXELS, "two\nlines", (instance,), label=label))
    assert tally.labels == {"a": 2, "b": 1}
    assert tally.languages == {"Latin": 2}
    assert (tally.untranscribed, tally.texts, tally.longest) == (3, 3, 9)


# --- Contact sheets


def test_drawing_samples_is_fair():
    samples = [Sample(PIXELS, text=str(number)) for number in range(6)]
    seen = np.zeros(6)
    for seed in range(600):
        drawn = [int(sample.text) for sample in draw_samples(samples, 2, seed)]
        assert drawn == sorted(set(drawn))
        seen[drawn] += 1
    # Each is drawn 200 times of 600 on average; the standard deviation is 11.5.
    assert np.abs(seen - 200).max() < 5 * 11.5


def test_a_sheet_holds_all_samples_in_cells():
    samples = [Sample(np.full((48, 64, 3), 10 * number, np.uint8)) for number in range(5)]
    sheet = contact_sheet(samples, columns=3, cell=(64, 48))
    step = (48 + contact._CAPTION + 8, 64 + 8)
    assert sheet.shape == (2 * step[0] + 8, 3 * step[1] + 8, 3)
    for number in range(5):
        row, column = divmod(number, 3)
        y, x = 8 + row * step[0] + 24, 8 + column * step[1] + 32
        assert (sheet[y, x] == 10 * number).all()


def test_outlines_lie_where_the_text_is():
    image = np.full((60, 80, 3), 200, np.uint8)
    shown = {}
    for level, ignore in [("line", False), ("word", False), ("character", False), ("word", True)]:
        instance = TextInstance(quad(20, 15, 60, 45), None, level, ignore)
        sheet = contact_sheet([Sample(image, instances=(instance,))], cell=(80, 60))
        cell = sheet[8:68, 8:88].astype(int)
        drawn = np.abs(cell - 200).max(axis=2) > 60
        ys, xs = np.nonzero(drawn)
        reach = 1 if level == "character" else 4  # the dot at the first corner is wider
        assert abs(xs.min() - 20) <= reach
        assert abs(ys.min() - 15) <= reach
        assert abs(xs.max() - 60) <= 1
        assert abs(ys.max() - 45) <= 1
        assert not drawn[22:38, 27:53].any()
        shown[level, ignore] = tuple(cell[30, 60])
    assert len(set(shown.values())) == 4


def test_masks_tint_what_they_cover():
    image = np.full((60, 80, 3), 200, np.uint8)
    ink = np.zeros((60, 80), bool)
    ink[:, :40] = True
    sheet = contact_sheet([Sample(image, masks={"ink": ink})], cell=(80, 60))[8:68, 8:88]
    assert (sheet[:, 45:] == 200).all()
    assert (sheet[:, :35] != 200).any(axis=2).all()
    classes = np.zeros((60, 80), np.uint8)
    classes[:, 20:40], classes[:, 40:] = 3, 4
    sheet = contact_sheet([Sample(image, masks={"classes": classes})], cell=(80, 60))[8:68, 8:88]
    assert (sheet[:, :15] == 200).all()
    assert np.abs(sheet[30, 30].astype(int) - sheet[30, 60]).max() > 30


def test_a_clip_is_a_strip_from_left_to_right(tmp_path):
    frames = np.stack([np.full((20, 20, 3), 10 + 40 * number, np.uint8) for number in range(6)])
    sheet = contact_sheet([Clip(frames, "rising")], cell=(96, 64))[8:72, 8:104]
    centres = [sheet[16 + 32 * (number // 3), 16 + 32 * (number % 3), 0] for number in range(6)]
    assert centres == [10 + 40 * number for number in range(6)]
    for number in range(3):
        Image.fromarray(frames[number]).save(tmp_path / f"{number:05d}.png")
    sheet = contact_sheet([Clip(tmp_path)], cell=(96, 64))
    assert sheet.shape[2] == 3


def test_what_cannot_be_read_is_named_in_its_cell_and_the_rest_is_drawn(tmp_path):
    good = Sample(np.full((48, 64), 77, np.uint8), text="文 ק \u0001")
    lost = [Sample(tmp_path / "none.png"), Clip(tmp_path / "none.avi"), Clip(tmp_path)]
    sheet = contact_sheet([*lost, good], columns=4, cell=(64, 48))
    assert (sheet[8 + 24, 8 + 3 * 72 + 32] == 77).all()
    for number in range(3):
        assert (sheet[8 : 8 + 48, 8 + number * 72 : 72 + number * 72] != 255).any()


def test_sheets_refuse_nonsense():
    with pytest.raises(ValueError, match="at least one sample"):
        contact_sheet([])
    with pytest.raises(ValueError, match="columns"):
        contact_sheet([Sample(PIXELS)], columns=0)
    with pytest.raises(ValueError, match=r"cell\[1\]"):
        contact_sheet([Sample(PIXELS)], cell=(64, 4))
    with pytest.raises(ValueError, match="count"):
        contact_sheet([Sample(PIXELS)], count=0)

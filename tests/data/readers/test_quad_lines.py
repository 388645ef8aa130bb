"""Sets of one format with variations, ``x1,y1,...,x4,y4,...,text``: ICDAR 2015, MLT, RCTW, MTWI."""

import pytest
from data.readers.made_up import (
    checked,
    convex_quads,
    coordinates,
    corners,
    image,
    plain,
    text_file,
    transcriptions,
    upright,
)
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn import geometry
from ocrlearn.data.readers import DataFormatError, icdar2015, mlt2017, mtwi2018, rctw17
from ocrlearn.data.readers._files import Line

LAYOUTS = {
    "icdar2015": ("ch4_training_images", "ch4_training_localization_transcription_gt", "gt_"),
    "mlt2017": ("train_images", "ch8_training_localization_transcription_gt_v2", "gt_"),
    "rctw17": ("train_images", "train_gts", ""),
    "mtwi2018": ("image_train", "txt_train", ""),
}
READ = {
    "icdar2015": icdar2015.read_icdar2015,
    "mlt2017": mlt2017.read_mlt2017,
    "rctw17": rctw17.read_rctw17,
    "mtwi2018": mtwi2018.read_mtwi2018,
}
QUAD = "10,10,90,12,90,40,10,38"
REST = {"icdar2015": "a", "mlt2017": "Latin,a", "rctw17": '0,"a"', "mtwi2018": "a"}


def made(root, name, text, stem="img_7", suffix=".jpg", **form):
    """Write one image with its labels, and return what the reader makes of the first."""
    images, labels, prefix = LAYOUTS[name]
    image(root / images / f"{stem}{suffix}")
    text_file(root / labels / f"{prefix}{stem}.txt", text, **form)
    (sample,) = checked(READ[name](root))
    assert sample.image == root / images / f"{stem}{suffix}"
    return [plain(instance) for instance in sample.instances]


# --- Exact samples --------------------------------------------------------------------------------


def test_icdar2015(tmp_path):
    text = (
        "377,117,463,117,465,130,378,130,Genaxis, Theatre\n"
        "493,115,519,115,519,131,493,131,###\n"
        '10,10,10,38,90,40,90,12, "a\\ \n'  # counter-clockwise, and nothing is escaped
    )
    assert made(tmp_path, "icdar2015", text, bom=True, crlf=True) == [
        {
            "polygon": corners(377, 117, 463, 117, 465, 130, 378, 130),
            "text": "Genaxis, Theatre",
            "level": "word",
        },
        {
            "polygon": upright(493, 115, 519, 131),
            "text": None,
            "level": "word",
            "ignore": True,
        },
        {"polygon": corners(10, 10, 90, 12, 90, 40, 10, 38), "text": ' "a\\ ', "level": "word"},
    ]


@pytest.mark.parametrize(
    "labels", ["Challenge4_Test_Task4_GT", "Challenge4_Test_Task1_GT", "test_gt"]
)
def test_icdar2015_test_folders(tmp_path, labels):
    image(tmp_path / "ch4_test_images" / "img_1.jpg")
    text_file(tmp_path / labels / "gt_img_1.txt", f"{QUAD},x", bom=True)
    (sample,) = checked(icdar2015.read_icdar2015(tmp_path, "test"))
    assert [word.text for word in sample.instances] == ["x"]


def test_icdar2015_cropped_words(tmp_path):
    crops = tmp_path / "ch4_training_word_images_gt"
    image(crops / "word_1.png"), image(crops / "word_2.png")
    text = 'word_1.png, "Genaxis, Theatre"\nword_2.png, "[\\"06\\"]"\n'
    text_file(crops / "gt.txt", text, bom=True, crlf=True)
    image(tmp_path / "ch4_test_word_images_gt" / "word_1.png")
    text_file(tmp_path / "Challenge4_Test_Task3_GT.txt", 'word_1.png, "Ré"', bom=True)
    words = checked(icdar2015.read_icdar2015_words(tmp_path))
    assert [word.text for word in words] == ["Genaxis, Theatre", '["06"]']
    assert [word.text for word in checked(icdar2015.read_icdar2015_words(tmp_path, "test"))] == [
        "Ré"
    ]


def test_mlt2017(tmp_path):
    text = f"{QUAD},Latin,a,b\n{QUAD},Arabic,متحف\n{QUAD},Korean,###\n{QUAD},None,-\n"
    quad = corners(10, 10, 90, 12, 90, 40, 10, 38)
    assert made(tmp_path, "mlt2017", text, suffix=".gif", crlf=True) == [
        {"polygon": quad, "text": "a,b", "level": "word", "language": "Latin"},
        {"polygon": quad, "text": "متحف", "level": "word", "language": "Arabic"},
        {"polygon": quad, "text": None, "level": "word", "language": "Korean", "ignore": True},
        {"polygon": quad, "text": "-", "level": "word", "language": "None"},
    ]


def test_mlt2017_in_its_parts(tmp_path):
    for number, part in ((1001, 2), (1, 1)):
        image(tmp_path / f"ch8_training_images_{part}" / f"img_{number}.jpg")
        text_file(tmp_path / "train_gt" / f"gt_img_{number}.txt", f"{QUAD},Latin,{number}")
    samples = checked(mlt2017.read_mlt2017(tmp_path))
    assert [sample.instances[0].text for sample in samples] == ["1", "1001"]
    image(tmp_path / "ch8_training_images_3" / "img_1.png")
    with pytest.raises(DataFormatError, match=r"img_1\.png and .*img_1\.jpg stand for one sample"):
        mlt2017.read_mlt2017(tmp_path)


def test_mlt2017_validation(tmp_path):
    image(tmp_path / "ch8_validation_images" / "img_1.png")
    text_file(tmp_path / "val_gt" / "gt_img_1.txt", f"{QUAD},Bangla,ক")
    (sample,) = checked(mlt2017.read_mlt2017(tmp_path, "val"))
    assert sample.instances[0].language == "Bangla"


def test_rctw17(tmp_path):
    quad = corners(10, 10, 90, 12, 90, 40, 10, 38)
    text = f'{QUAD},0,"大酒店"\n{QUAD},1,"看,不清"\n{QUAD},0,"###"\n{QUAD},0,"a"b"\n'
    assert made(tmp_path, "rctw17", text, "image_3", bom=True) == [
        {"polygon": quad, "text": "大酒店", "level": "line"},
        {
            "polygon": quad,
            "text": "看,不清",
            "level": "line",
            "ignore": True,
            "attributes": ("difficult",),
        },
        {"polygon": quad, "text": None, "level": "line", "ignore": True},
        {"polygon": quad, "text": 'a"b', "level": "line"},
    ]


def test_mtwi2018(tmp_path):
    text = (
        "10.0,10.0,10.0,40.0,90.5,40.0,90.5,10.0,包邮,全国\n45.5,227,12,182,184,13.25,234,50,###\n"
    )
    assert made(tmp_path, "mtwi2018", text, "tb.x.1") == [
        {"polygon": upright(10, 10, 90.5, 40), "text": "包邮,全国", "level": "line"},
        {
            "polygon": corners(12, 182, 184, 13.25, 234, 50, 45.5, 227),
            "text": None,
            "level": "line",
            "ignore": True,
        },
    ]


@pytest.mark.parametrize(
    ("read", "images"),
    [
        (mlt2017.read_mlt2017, "ch8_test_images"),
        (rctw17.read_rctw17, "test_images"),
        (mtwi2018.read_mtwi2018, "mtwi_2018_test/image_test"),
    ],
)
def test_test_images_come_without_truth(tmp_path, read, images):
    for number in (10, 9):
        image(tmp_path / images / f"ts_{number}.jpg")
    samples = checked(read(tmp_path, "test"))
    assert [(s.image.stem, s.instances) for s in samples] == [("ts_9", ()), ("ts_10", ())]


# --- What was written is read ---------------------------------------------------------------------


@given(convex_quads(), transcriptions)
def test_quads_and_texts_survive(numbers, text):
    head = ",".join(map(str, numbers))
    readers = {
        icdar2015._read_word: f"{head},{text}",
        mlt2017._read_word: f"{head},Japanese,{text}",
        rctw17._read_line: f'{head},0,"{text}"',
    }
    for read, line in readers.items():
        instance = read(Line("gt.txt", 1, line))
        assert instance.text == text
        assert instance.polygon.tolist() == corners(*numbers)
        assert not instance.ignore


@given(
    st.tuples(coordinates, coordinates),
    st.tuples(st.integers(40, 900), st.integers(8, 25)),
    st.floats(-0.95, 0.95),
    st.integers(0, 3),
    st.booleans(),
)
def test_a_tilted_line_is_put_in_order_whatever_the_order_of_its_corners(
    center, size, angle, start, backwards
):
    # The owner joins the corners round the shape, from anywhere and either way.
    quad = geometry.rotated_box_to_quad((*center, *size, angle)).astype("f4")
    listed = [quad[(start + step * (-1 if backwards else 1)) % 4] for step in range(4)]
    numbers = ",".join(repr(float(value)) for corner in listed for value in corner)
    instance = mtwi2018._read_line(Line("gt.txt", 1, f"{numbers},text"))
    assert instance.polygon.tolist() == quad.tolist()


def test_a_column_begins_at_its_top_left():
    column = upright(10, 10, 40, 200)
    for start in range(4):
        turned = column[start:] + column[:start]
        numbers = ",".join(str(value) for corner in turned for value in corner)
        assert mtwi2018._read_line(Line("gt.txt", 1, f"{numbers},招牌")).polygon.tolist() == column


# --- What is not as it should be ------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(
    "quad",
    ["10,10,90,12,90,40,10", "10,10,90,12,90,40,10,x", "10,10,90,12,90,40,10,inf", "1e39," * 8],
)
def test_malformed_corners_are_named(tmp_path, name, quad):
    line = f"{quad.rstrip(',')},{REST[name]}"
    with pytest.raises(DataFormatError, match=r"img_7\.txt, line 2: (expected 8 numbers|corners)"):
        made(tmp_path, name, f"{QUAD},{REST[name]}\n{line}\n")


@pytest.mark.parametrize(
    ("name", "rest", "message"),
    [
        ("mlt2017", "Latin", "expected 8 numbers and a script and a text"),
        ("mlt2017", "latin,a", "expected a script out of Arabic, .* got 'latin'"),
        ("rctw17", '2,"a"', "expected 0 or 1 as \"difficult\" in the ninth field, got '2'"),
        ("rctw17", "0,a", "expected a text in quotation marks after the ninth comma, got 'a'"),
        ("rctw17", '0,"', "expected a text in quotation marks"),
        ("rctw17", '"a"', "expected 8 numbers and 0 or 1 and a text in quotation marks"),
    ],
)
def test_malformed_rests_are_named(tmp_path, name, rest, message):
    with pytest.raises(DataFormatError, match=rf"img_7\.txt, line 1: {message}"):
        made(tmp_path, name, f"{QUAD},{rest}\n")


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_image_without_labels_and_labels_without_image_are_reported(tmp_path, name):
    made(tmp_path, name, f"{QUAD},{REST[name]}")
    images, labels, prefix = LAYOUTS[name]
    extra = image(tmp_path / images / "img_8.jpg")
    with pytest.raises(FileNotFoundError, match=r"img_8\.jpg has no label file in"):
        READ[name](tmp_path)
    extra.unlink()
    text_file(tmp_path / labels / f"{prefix}img_9.txt", "")
    with pytest.raises(FileNotFoundError, match=r"img_9\.txt has no image in"):
        READ[name](tmp_path)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_linked_image_outside_is_refused(tmp_path, name):
    made(tmp_path / "set", name, f"{QUAD},{REST[name]}")
    images, labels, prefix = LAYOUTS[name]
    (tmp_path / "set" / images / "img_8.jpg").symlink_to(image(tmp_path / "secret.jpg"))
    text_file(tmp_path / "set" / labels / f"{prefix}img_8.txt", "")
    with pytest.raises(DataFormatError, match="link that leads out of"):
        READ[name](tmp_path / "set")

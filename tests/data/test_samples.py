import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocrlearn.data.samples import (
    Clip,
    DataFormatError,
    Sample,
    TextInstance,
    check_sample,
    page_from_sample,
    read_jsonl,
    sample_from_json,
    sample_from_page,
    sample_to_json,
    save_samples,
    write_jsonl,
)
from ocrlearn.data.shards import from_members, to_members
from ocrlearn.data.synth import render_line

QUAD = np.array([[0, 0], [9, 1], [9, 5], [0, 4]], np.float32)


def same(one, other):
    """Whether two samples agree in everything, arrays and polygons to the last bit."""
    assert type(one) is type(other)
    for name in one.__dataclass_fields__:
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
        elif name in ("instances", "parts"):
            assert len(a) == len(b)
            for left, right in zip(a, b, strict=True):
                same(left, right)
        else:
            assert a == b, name


# --- JSON -----------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=8)
coordinates = st.floats(-1e6, 1e6, width=32)
polygons = st.lists(st.tuples(coordinates, coordinates), min_size=4, max_size=7).map(
    lambda points: np.array(points, np.float32)
)


def instances(level="line"):
    lower = {"line": "word", "word": "character"}
    parts = (
        st.lists(st.deferred(lambda: instances(lower[level])), max_size=2).map(tuple)
        if level in lower
        else st.just(())
    )
    return st.builds(
        TextInstance,
        polygon=polygons,
        text=st.none() | texts,
        level=st.just(level),
        ignore=st.booleans(),
        language=texts,
        parts=parts,
        attributes=st.lists(texts, max_size=2).map(tuple),
    )


details = st.dictionaries(texts, st.none() | st.booleans() | st.integers() | texts, max_size=2)
names = st.text("abcXYZ019_看 ", min_size=1, max_size=8).map(lambda name: name + ".png")


@given(st.data())
def test_samples_survive_json(data):
    folder = Path("set")
    sample = Sample(
        image=folder / "images" / data.draw(names),
        text=data.draw(st.none() | texts),
        label=data.draw(st.none() | texts),
        instances=data.draw(st.lists(instances(), max_size=3).map(tuple)),
        width=data.draw(st.none() | st.integers(1, 10**6)),
        height=data.draw(st.none() | st.integers(1, 10**6)),
        lexicon=data.draw(st.lists(texts, max_size=3).map(tuple)),
        masks={"ink": folder / data.draw(names)},
        details=data.draw(details),
    )
    line = sample_to_json(sample, folder)
    assert "\n" not in line
    same(sample_from_json(line, folder), sample)


@given(st.data())
def test_clips_survive_json(data):
    folder = Path("set")
    clip = Clip(
        frames=folder / "video.webm",
        label=data.draw(st.none() | texts),
        name=data.draw(texts),
        text=data.draw(st.none() | texts),
        placeholders=data.draw(st.lists(texts, max_size=3).map(tuple)),
        frame_rate=data.draw(st.none() | st.floats(0.5, 120)),
        details=data.draw(details),
    )
    same(sample_from_json(sample_to_json(clip, folder), folder), clip)


def test_what_is_not_known_is_not_written(tmp_path):
    assert json.loads(sample_to_json(Sample(tmp_path / "a.png"), tmp_path)) == {"file": "a.png"}


def test_the_form_of_other_programs_is_read(tmp_path):
    sample = sample_from_json('{"file": "scans/1.png", "text": "Dear Sir"}', tmp_path)
    assert (sample.image, sample.text) == (tmp_path / "scans" / "1.png", "Dear Sir")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "the field 'file' is missing"),
        ({"file": 3}, "file must be a string, got 3"),
        ({"file": "a.png", "txt": "x"}, "the sample has unknown fields: 'txt'"),
        ({"file": "../a.png"}, "file must be a path inside the folder"),
        ({"file": "a/../../b.png"}, "file must be a path inside the folder"),
        ({"file": "/etc/passwd"}, "file must be a path inside the folder"),
        ({"file": "C:/a.png"}, "file must be a path inside the folder"),
        ({"file": "a\\..\\b.png"}, "file must be a path inside the folder"),
        ({"file": "."}, "file must be a path inside the folder"),
        ({"file": "a.png", "masks": {"ink": "../b"}}, r"masks\['ink'\] must be a path inside"),
        ({"file": "a.png", "masks": {"i/k": "b.png"}}, "a mask's name must be made of letters"),
        ({"file": "a.png", "masks": ["b.png"]}, "masks must be an object, got "),
        ({"file": "a.png", "width": 0}, "width must be a whole number of at least 1, got 0"),
        (
            {"file": "a.png", "instances": [{"polygon": [[0, 0], [1, 0], [1, 1]]}]},
            r"instances\[0\].polygon must be at least four \[x, y\] pairs",
        ),
        (
            {"file": "a.png", "instances": [{"polygon": QUAD.tolist(), "level": "letter"}]},
            r"instances\[0\].level must be one of line, word, character, got 'letter'",
        ),
        (
            {
                "file": "a.png",
                "instances": [
                    {
                        "polygon": QUAD.tolist(),
                        "parts": [{"polygon": QUAD.tolist(), "level": "word"}],
                    }
                ],
            },
            r"instances\[0\].parts\[0\].level must be one of character, got 'word'",
        ),
        (
            {"file": "a.png", "instances": [{"polygon": QUAD.tolist(), "ignore": "yes"}]},
            r"instances\[0\].ignore must be true or false, got 'yes'",
        ),
        ({"clip": "a.avi", "frame_rate": 0}, "frame_rate must be positive, got 0.0"),
        ({"clip": "a.avi", "placeholders": [1]}, r"placeholders\[0\] must be a string, got 1"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(record, message, tmp_path):
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"file": "good.png"}\n\n' + json.dumps(record) + "\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match=rf"labels.jsonl, line 3: .*{message}"):
        list(read_jsonl(labels))


@pytest.mark.parametrize("line", ["{", "[]", "nonsense", '{"file": "a.png", "details": NaN}'])
def test_what_is_not_json_is_refused(line):
    with pytest.raises(ValueError, match=r"the sample|details"):
        sample_from_json(line)


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    (tmp_path / "labels.jsonl").write_bytes(b'{"file": "a.png"}\n{"file": "\xff.png"}\n')
    with pytest.raises(DataFormatError, match=r"labels.jsonl, line 2: .*utf-8"):
        list(read_jsonl(tmp_path / "labels.jsonl"))


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    (tmp_path / "labels.jsonl").write_bytes(b'\xef\xbb\xbf{"file": "a.png"}\r\n')
    [sample] = read_jsonl(tmp_path / "labels.jsonl")
    assert sample.image == tmp_path / "a.png"


def test_a_failure_leaves_the_old_file(tmp_path):
    labels = tmp_path / "labels.jsonl"
    assert write_jsonl(labels, [Sample(tmp_path / "a.png")]) == 1
    before = labels.read_bytes()
    with pytest.raises(ValueError, match=r"sample 2: image must lie in the folder"):
        write_jsonl(labels, [Sample(tmp_path / "b.png"), Sample(tmp_path.parent / "c.png")])
    assert labels.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["labels.jsonl"]


@pytest.mark.parametrize("name", ["12:30.png", "a\\b.png", "."])
def test_no_name_is_written_that_would_not_be_read(name, tmp_path):
    with pytest.raises(ValueError, match=r"image must be a path in the folder .* without"):
        sample_to_json(Sample(tmp_path / name), tmp_path)


# --- Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [300, 490, 700, 990, 100_000])
def test_what_is_nested_too_deeply_is_told(depth):
    part = '{"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]], "parts": ['
    with pytest.raises(ValueError, match=r"nested too deeply|level must be one of"):
        sample_from_json('{"file": "a", "instances": [' + part * depth + "]}" * depth + "]}")
    details = '{"file": "a", "details": {"x":' + "[" * depth + "]" * depth + "}}"
    if depth < 1000:  # how much is too deep depends on the Python
        with contextlib.suppress(ValueError):
            sample_from_json(details)
        return
    with pytest.raises(ValueError, match=r"nested too deeply|recursion"):
        sample_from_json(details)


def test_pixels_masks_and_frames_survive_files(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (7, 9, 3), np.uint8)
    sample = Sample(
        image,
        text="a",
        masks={
            "ink": rng.random((7, 9)) < 0.5,
            "classes": rng.integers(0, 256, (7, 9), np.uint8),
            "objects": rng.integers(0, 60_000, (7, 9)).astype(np.int32),
            "few": rng.integers(0, 9, (7, 9), np.uint16),
        },
    )
    clip = Clip(rng.integers(0, 256, (3, 6, 5, 3), np.uint8), label="wave")
    save_samples(tmp_path, [sample, clip])
    read_sample, read_clip = read_jsonl(tmp_path / "labels.jsonl")
    np.testing.assert_array_equal(read_sample.pixels(), image)
    for name, mask in sample.masks.items():
        np.testing.assert_array_equal(read_sample.mask(name), mask)
    assert read_sample.mask("ink").dtype == bool
    assert read_sample.mask("classes").dtype == np.uint8
    assert read_sample.mask("few").dtype == np.uint16
    assert read_sample.size() == (9, 7)
    frames = sorted(read_clip.frames.iterdir())
    assert [frame.name for frame in frames] == ["00001.png", "00002.png", "00003.png"]
    for frame, wanted in zip(frames, clip.frames, strict=True):
        np.testing.assert_array_equal(Sample(frame).pixels(), wanted)


def test_a_photograph_is_not_turned_away_from_its_labels(tmp_path):
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :8] = 255  # at the top left of what is stored
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[274] = 6  # "turn me by 90 degrees"
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    sample = Sample(tmp_path / "a.jpg", instances=(TextInstance(QUAD, "a"),))
    assert sample.pixels().shape == (16, 32, 3)
    assert sample.pixels()[:6, :6].min() > 200
    assert sample.size() == (32, 16)
    back = from_members("0", to_members("0", sample, ".png"))
    np.testing.assert_array_equal(back.pixels(), sample.pixels())


def test_the_size_of_a_file_comes_from_its_header(tmp_path):
    save_samples(tmp_path, [Sample(np.zeros((4, 6), np.uint8))])
    assert Sample(tmp_path / "images" / "000000.png").size() == (6, 4)


def test_an_absent_mask_is_told():
    with pytest.raises(KeyError, match="there is no mask 'ink'; there are classes"):
        Sample(np.zeros((2, 2), np.uint8), masks={"classes": np.zeros((2, 2), int)}).mask("ink")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Sample("a.png"), "image must be a path or an array, got 'a.png'"),
        (Sample(np.zeros((2, 2))), r"image must be \(H, W\) or \(H, W, 3\) uint8"),
        (
            Sample(np.zeros((2, 3), np.uint8), width=3),
            "width and height must be those of the image",
        ),
        (
            Sample(np.zeros((2, 3), np.uint8), masks={"ink": np.zeros((3, 2), bool)}),
            r"masks\['ink'\] must be of the image's shape \(2, 3\)",
        ),
        (
            Sample(np.zeros((2, 3), np.uint8), masks={"ink": np.zeros((2, 3))}),
            r"masks\['ink'\] must be a path or \(H, W\) of truth values or whole numbers",
        ),
        (
            Sample(np.zeros((2, 3), np.uint8), details={"a": {1}}),
            "details must be values that JSON",
        ),
        (
            Sample(np.zeros((2, 3), np.uint8), instances=(TextInstance(QUAD * np.nan),)),
            r"instances\[0\].polygon must be finite",
        ),
        (
            Sample(
                np.zeros((2, 3), np.uint8),
                instances=(TextInstance(QUAD, ignore=np.bool_(True)),),  # type: ignore[arg-type]
            ),
            r"instances\[0\].ignore must be a bool, got np.True_",
        ),
        (Sample(np.zeros((0, 3), np.uint8)), "image must be .* of at least one pixel"),
        (Sample(Path("a.png"), width=2.5), "width must be a whole number of at least 1, got 2.5"),
        (Sample(Path("a.png"), height="3"), "height must be a whole number of at least 1"),
        (Sample(Path("a.png"), lexicon="abc"), "lexicon must be a tuple of strings, got 'abc'"),
        (
            Sample(Path("a.png"), instances=("a",)),
            r"instances\[0\] must be a TextInstance, got 'a'",
        ),
        (
            Sample(Path("a.png"), instances=(TextInstance(QUAD, language=3),)),
            r"instances\[0\].language must be a string, got 3",
        ),
        (
            Sample(Path("a.png"), instances=(TextInstance(QUAD, attributes="occluded"),)),
            r"instances\[0\].attributes must be a tuple of strings, got 'occluded'",
        ),
        (Clip(Path("a.avi"), name=3), "name must be a string, got 3"),
        (Clip(Path("a.avi"), frame_rate="3"), "frame_rate must be positive, got '3'"),
        (Clip(np.zeros((0, 4, 4, 3), np.uint8)), "frames must be .* of at least one pixel"),
        (Clip(np.zeros((2, 4, 4), np.uint8)), r"frames must be \(T, H, W, 3\) uint8"),
    ],
)
def test_a_wrong_sample_is_named(item, message):
    with pytest.raises(ValueError, match=message):
        check_sample(item)


def test_another_type_is_refused():
    with pytest.raises(TypeError, match="item must be a Sample or a Clip, got str"):
        check_sample("a.png")


# --- Places ---------------------------------------------------------------------------------------


def test_a_quad_is_its_own_quad():
    assert TextInstance(QUAD).quad is QUAD


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_quad_of_a_polygon_begins_where_the_reading_begins(turns):
    upper = np.column_stack([np.arange(5) * 4.0, np.zeros(5)])
    lower = upper[::-1] + np.array([0, 6])
    angle = turns * np.pi / 2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    polygon = (np.concatenate([upper, lower]) @ turn.T).astype(np.float32)
    quad = TextInstance(polygon).quad
    assert quad.dtype == np.float32
    np.testing.assert_allclose(quad, polygon[[0, 4, 5, 9]], atol=1e-4)


def test_pages_become_samples_and_pages_again():
    made = render_line(3, 1, look="scanned")
    sample = sample_from_page(made.image, made.page, masks={"ink": made.ink})
    check_sample(sample)
    assert sample.text == made.text
    page = page_from_sample(sample)
    assert page.text == made.page.text
    for line, wanted in zip(page.lines, made.page.lines, strict=True):
        np.testing.assert_array_equal(line.quad, wanted.quad)
        for word, true_word in zip(line.words, wanted.words, strict=True):
            np.testing.assert_array_equal(word.quad, true_word.quad)
            assert "".join(c.text for c in word.characters) == true_word.text


def test_what_is_to_be_ignored_is_on_no_page():
    word = TextInstance(QUAD, "seen")
    hidden = TextInstance(QUAD, "###", ignore=True)
    silent = TextInstance(QUAD)
    image = np.zeros((10, 10), np.uint8)
    page = page_from_sample(Sample(image, instances=(word, hidden, silent)))
    assert page.text == "seen"
    assert (page.width, page.height) == (10, 10)

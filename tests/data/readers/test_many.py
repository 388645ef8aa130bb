"""Paths of many files: the same answers as those of one, with fewer looks at the disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrlearn.data.readers._files import inside
from ocrlearn.data.readers._many import ManyFiles
from ocrlearn.data.samples import DataFormatError


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except DataFormatError as error:
        return str(error)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("set")
    outside = tmp_path_factory.mktemp("outside")
    (base / "a" / "b").mkdir(parents=True)
    (outside / "secret.jpg").touch()
    (base / "a" / "link.jpg").symlink_to(outside / "secret.jpg")
    (base / "a" / "within.jpg").symlink_to(base / "a" / "b")
    (base / "out").symlink_to(outside)
    return base


PARTS = st.sampled_from(
    ["a", "b", "x.jpg", "link.jpg", "within.jpg", "out", "..", ".", "", "C:", "\\", "\0", "é"]
)


@given(st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), min_size=1, max_size=6))
def test_every_answer_is_that_of_inside(folder, names):
    many = ManyFiles(folder)
    for name in names:
        place = "list.txt, line 1"
        assert outcome(many.inside, name, place) == outcome(inside, folder, name, place)


def test_links_that_lead_out_are_refused(folder):
    many = ManyFiles(folder)
    assert many.inside("a/x.jpg", "") == folder / "a" / "x.jpg"
    for name in ("a/link.jpg", "out/secret.jpg", "/etc/passwd", "a/../../x.jpg"):
        with pytest.raises(DataFormatError, match=r"line 7: "):
            many.inside(name, "line 7")

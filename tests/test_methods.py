"""The dictionary of methods: complete, in step with itself, and cheap until it is used."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from ocrlearn.document import Page
from ocrlearn.methods import METHODS, Method


def test_the_methods_of_the_first_part():
    assert list(METHODS)[:3] == ["components", "lattice", "classical"]


@pytest.mark.parametrize("name", METHODS)
def test_every_entry_is_complete(name):
    method = METHODS[name]
    assert method.name == name
    assert method.title
    assert method.description
    assert len(method.description) <= 80
    assert not method.description.endswith(".")
    assert 1 <= method.chapter <= 36


def test_methods_come_in_the_order_of_their_chapters():
    chapters = [method.chapter for method in METHODS.values()]
    assert chapters == sorted(chapters)


def test_a_method_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        METHODS["classical"].name = "other"  # type: ignore[misc]


def test_listing_methods_loads_none_of_them():
    code = "import sys, ocrlearn.methods; print(*[m for m in sys.modules if 'classic' in m])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("name", METHODS)
def test_every_method_reads(name):
    """Each loads with what is shipped and returns a page that carries its name."""
    reader = METHODS[name].load()
    page = reader.read(np.full((40, 60), 255, np.uint8))
    assert isinstance(page, Page)
    assert (page.width, page.height, page.text) == (60, 40, "")
    assert page.method == name


def test_a_method_made_by_hand():
    class Silent:
        def read(self, image):
            return Page([], image.shape[1], image.shape[0], "silent")

    method = Method("silent", "Silence", "says nothing", 1, Silent)
    assert method.load().read(np.zeros((2, 3))).width == 3

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ocrlearn.course import figures, player


class Reader(HTMLParser):
    """Collects the elements of a page and the text inside them; complains of what is not closed."""

    VOID = ("img", "input")

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self.open = [], {}, []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def frames(page):
    packed = re.search(r'<script type="application/json" class="frames">(.*?)</script>', page)
    stored = json.loads(packed[1])
    assert stored[0]["image"] == ""  # the script takes it from the page
    (first,) = Reader(page).all("img")
    stored[0]["image"] = first["src"]
    return stored


def pixels(uri):
    data = base64.b64decode(uri.partition(",")[2])
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.fixture
def steps():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (12, 20), dtype=np.uint8) for _ in range(3)]


@pytest.fixture
def page(steps):
    return player.Player(steps, ["one", "a < b & c", "</script>"], alt='A "thing" moves.').html


def test_page_has_one_slider_and_one_button(page):
    reader = Reader(page)
    (slider,) = reader.all("input")
    assert slider["type"] == "range"
    assert (slider["min"], slider["max"], slider["value"], slider["step"]) == ("0", "2", "0", "1")
    assert slider["aria-label"]
    assert len(reader.all("button")) == 1
    assert len(reader.all("script")) == 2
    assert page.count("</script>") == 2  # the caption of that name did not end one


def test_page_loads_nothing(page):
    for word in ("http:", "https:", "//cdn", "import(", "<link", "fetch(", "url("):
        assert word not in page
    assert all(image["src"].startswith("data:image/") for image in Reader(page).all("img"))


def test_first_frame_stands_without_scripts(page, steps):
    reader = Reader(page)
    (image,) = reader.all("img")
    assert image["alt"] == 'A "thing" moves. one'
    np.testing.assert_array_equal(pixels(image["src"])[..., 0], steps[0])
    assert reader.texts["figcaption"].strip() == "one"
    controls = next(a for a in reader.all("div") if a.get("class") == "controls")
    assert "hidden" in controls  # the script shows them


def test_frames_captions_and_alts_are_all_there(page, steps):
    stored = frames(page)
    assert [frame["caption"] for frame in stored] == ["one", "a < b & c", "</script>"]
    assert stored[1]["alt"] == 'A "thing" moves. a < b & c'
    for frame, step in zip(stored, steps, strict=True):
        np.testing.assert_array_equal(pixels(frame["image"])[..., 0], step)


def test_two_players_do_not_share_an_id(steps):
    one = player.Player(steps, ["a", "b", "c"], alt="x").html
    other = player.Player(steps, ["a", "b", "d"], alt="x").html
    ids = [Reader(page).all("figure")[0]["id"] for page in (one, other)]
    assert ids[0] != ids[1]
    assert player.Player(steps, ["a", "b", "c"], alt="x").html == one


def test_ink_is_dark_and_scale_enlarges():
    ink = np.zeros((2, 3), bool)
    ink[0, 0] = True
    stored = frames(player.Player([ink, ~ink], ["a", "b"], alt="x", scale=4).html)
    first = pixels(stored[0]["image"])[..., 0]
    assert first.shape == (8, 12)
    assert (first[:4, :4] == 0).all()
    assert (first[4:] == 255).all()


def test_recorder_draws_figures_at_once(monkeypatch):
    seen = []
    monkeypatch.setattr(player, "display", seen.append)
    steps = player.Recorder()
    for step in range(3):
        figure, axis = figures.subplots(height=2)
        axis.bar(range(3), [step, 1, 2])
        steps.add(figure, caption=f"step {step}", alt="A bar." if step == 1 else "")
    assert len(steps) == 3
    steps.play(alt="Bars grow.", fps=4)
    (shown,) = seen
    assert repr(shown) == "[Player, 3 steps: Bars grow.]"
    assert [frame["alt"] for frame in frames(shown.html)] == [
        "Bars grow. step 0",
        "A bar.",
        "Bars grow. step 2",
    ]
    assert "}, 250);" in shown.html
    assert len(shown.html) < 100_000


def test_recorder_keeps_what_it_was_given():
    image = np.zeros((4, 4), np.uint8)
    steps = player.Recorder()
    steps.add(image, "black")
    image[:] = 255
    assert steps._frames[0].max() == 0


def test_inputs_are_not_modified(steps):
    before = [step.copy() for step in steps]
    player.Player(steps, ["a", "b", "c"], alt="x", scale=2)
    for one, other in zip(steps, before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": [np.zeros((4, 4), np.uint8)]}, "frames must be at least two, got 1"),
        ({"captions": ["a"]}, "captions must be 2, one for each frame, got 1"),
        ({"alts": ["a"]}, "alts must be 2"),
        ({"alt": " "}, "alt must say in words"),
        ({"fps": 0}, "fps must lie in"),
        ({"scale": 0}, "scale must lie in"),
        (
            {"frames": [np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)]},
            "must have one size",
        ),
        ({"frames": [np.zeros((4, 4), np.uint8), np.zeros(4)]}, r"frames\[1\] must have shape"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"frames": [np.zeros((4, 4), np.uint8)] * 2, "captions": ["a", "b"], "alt": "x"}
    with pytest.raises(ValueError, match=message):
        player.Player(**{**arguments, **change})


def test_too_large_a_player_is_refused():
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (700, 700), dtype=np.uint8) for _ in range(3)]
    with pytest.raises(ValueError, match="a player may take 1000 kB, this one takes 19"):
        player.Player(noise, ["a", "b", "c"], alt="noise")

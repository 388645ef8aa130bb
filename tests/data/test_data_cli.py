"""``ocrlearn data ...`` as a user meets it: output, files, refusals, exit status."""

import json
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ocrlearn import cli
from ocrlearn.data import fetch as fetching
from ocrlearn.data.cards import card_names, card_page, find_card
from ocrlearn.data.samples import Clip, Sample, TextInstance, read_jsonl
from ocrlearn.data.shards import list_shards, read_shard
from ocrlearn.data.synth.generators import GENERATORS, Generator


def tiny(seed=0, index=0, *, split="training", grey=10, broken=False):
    """A generator for these tests: one word on a grey ground that tells seed and index."""
    if broken:
        raise OSError("the disk is full")
    image = np.full((24, 48), grey + seed + index, np.uint8)
    quad = np.array([[4, 4], [40, 4], [40, 20], [4, 20]], np.float32)
    return Sample(image, f"{split}{index}", (TextInstance(quad, f"{split}{index}"),))


def flicker(seed=0, index=0):
    return Clip(np.full((3, 16, 16, 3), index, np.uint8), "flicker")


@pytest.fixture(autouse=True)
def _tiny_generators(monkeypatch):
    for function in (tiny, flicker):
        target = f"{__name__}:{function.__name__}"
        made = Generator(function.__name__, "for tests", target)
        monkeypatch.setitem(GENERATORS, function.__name__, made)


def run(*arguments, input=None):  # noqa: A002
    return CliRunner().invoke(
        cli.app, ["data", *map(str, arguments)], input=input, env={"COLUMNS": "200"}
    )


def one_line(result) -> str:
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


# --- list and show


def test_the_list_names_every_set():
    result = run("list")
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert set(card_names()) <= set(rows)
    assert "Creative Commons" in rows["icdar2015"]
    assert rows["icdar2015"].rstrip().endswith("sign up")
    assert rows["svt"].rstrip().endswith("fetch")
    assert rows["caffe_ocr"].rstrip().endswith("by hand")


def test_the_list_can_be_cut_to_a_task():
    rows = run("list", "--task", "video").stdout
    assert all(name in rows for name in ("ucf101", "hmdb51", "something"))
    assert "svt" not in rows
    result = run("list", "--task", "cooking")
    assert result.exit_code == 2
    assert "there is no 'cooking'" in result.stderr


@pytest.mark.parametrize("name", ["svt", "icdar2015", "caffe_ocr"])
def test_show_prints_the_card(name):
    result = run("show", name)
    assert (result.exit_code, result.stdout) == (0, card_page(find_card(name)))


@pytest.mark.parametrize("command", ["show", "fetch", "check"])
def test_an_unknown_set_is_one_sentence(command, tmp_path):
    result = run(command, "icdar1999", *([tmp_path] if command == "check" else []))
    assert result.exit_code == 2
    assert one_line(result).startswith("ocrlearn: there is no data set 'icdar1999'; there are ")


# --- fetch


def test_fetch_explains_what_a_login_is_needed_for(tmp_path):
    result = run("fetch", "icdar2015", "--to", tmp_path, "--yes")
    assert result.exit_code == 1
    assert "Sign up at the Robust Reading Competition" in result.stderr
    assert result.stdout == ""


def test_fetch_asks_for_consent(tmp_path):
    result = run("fetch", "svt", "--to", tmp_path, input="y\n")  # standard input is no terminal
    assert result.exit_code == 1
    assert find_card("svt").terms in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_fetch_hands_its_arguments_on_and_says_what_comes_next(tmp_path, monkeypatch):
    asked = []

    def pretend(name, folder, **options):
        asked.append((name, folder, options))
        return folder / name

    monkeypatch.setattr(fetching, "fetch", pretend)
    result = run("fetch", "svtp", "--to", tmp_path, "-y", "-q", "--mirror", "https://a.org/x")
    assert result.exit_code == 0
    options = {"mirrors": ["https://a.org/x"], "accept_terms": True, "quiet": True}
    assert asked == [("svtp", tmp_path, options)]
    assert result.stdout == f"{tmp_path / 'svtp'}\n"
    assert find_card("svtp").by_hand in result.stderr
    assert f"ocrlearn data check svtp {tmp_path / 'svtp'}" in result.stderr


# --- check


@pytest.fixture
def svtp(tmp_path):
    folder = tmp_path / "svtp"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (40, 20), (9, 9, 9 * number)).save(folder / f"{number}.jpg")
    (folder / "list.txt").write_text("0.jpg ONE\n1.jpg TWO\n2.jpg THREE\n")
    return folder


def test_check_counts_compares_and_draws(svtp, tmp_path):
    sheet = tmp_path / "sheet.png"
    result = run("check", "svtp", svtp, "--sheet", sheet)
    assert result.exit_code == 1
    assert "test: 3 samples; 3 transcribed with " in result.stdout
    assert "3 are there, it says 645 (MMOCR, ASTER) or 639 (surveys)" in result.stdout
    with Image.open(sheet) as image:
        assert image.size[0] > 3 * 320
    result = run("check", "svtp", svtp, "--limit", 3)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "sound")


def test_check_names_file_and_line(svtp):
    (svtp / "list.txt").write_text("0.jpg ONE\n1.jpg\n")
    result = run("check", "svtp", svtp, "--limit", 9)
    assert result.exit_code == 1
    assert f"{svtp / 'list.txt'}, line 2" in result.stdout


def test_check_of_nothing_is_one_sentence(tmp_path):
    result = run("check", "svtp", tmp_path)
    assert result.exit_code == 1
    assert one_line(result).startswith(f"ocrlearn: nothing of svtp is in {tmp_path}")


@pytest.mark.parametrize("sheet", ["look.gif", "no/such/folder/look.png"])
def test_sheets_that_cannot_be_meant_are_refused_before_the_work(svtp, tmp_path, sheet):
    result = run("check", "svtp", svtp, "--sheet", tmp_path / sheet)
    assert result.exit_code == 2
    assert result.stdout == ""


# --- make


def test_make_writes_pictures_labels_and_a_sheet(tmp_path):
    folder, sheet = tmp_path / "made", tmp_path / "sheet.jpg"
    options = ("--option", "grey=100", "--option", "split=benchmark", "--sheet", sheet)
    result = run("make", "tiny", folder, "--count", 5, "--seed", 3, "--workers", 1, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"5 samples in {folder / 'labels.jsonl'}\n"
    samples = list(read_jsonl(folder / "labels.jsonl"))
    assert [sample.text for sample in samples] == [f"benchmark{index}" for index in range(5)]
    assert [sample.pixels().max() for sample in samples] == [103, 104, 105, 106, 107]
    with Image.open(sheet) as image:
        assert image.width > 1000


@pytest.mark.parametrize(
    ("more", "said"), [((), "1 sample in "), (("--shards",), "1 sample in 1 shard in ")]
)
def test_one_is_no_plural(tmp_path, more, said):
    result = run("make", "tiny", tmp_path / "made", "--count", 1, "--workers", 1, *more)
    assert result.stdout.startswith(said + str(tmp_path))


@pytest.mark.parametrize("more", [(), ("--shards",)])
def test_make_refuses_a_file_in_place_of_a_folder(tmp_path, more):
    (tmp_path / "made").write_text("precious")
    result = run("make", "tiny", tmp_path / "made", *more)
    assert result.exit_code == 2
    assert "is not a folder" in result.output
    assert (tmp_path / "made").read_text() == "precious"


def test_make_refuses_a_folder_that_holds_something(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    result = run("make", "tiny", tmp_path, "--workers", 1)
    assert result.exit_code == 2
    assert one_line(result) == (
        f"ocrlearn: {tmp_path} is not empty; name a new folder, or remove what an interrupted "
        "command left there\n"
    )
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_make_writes_shards_and_goes_on_with_those_that_are_missing(tmp_path):
    arguments = ("make", "tiny", tmp_path / "shards", "--shards", "--shard-size", 2,
                 "--count", 5, "--workers", 1, "-q")  # fmt: skip
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"5 samples in 3 shards in {tmp_path / 'shards'}\n"
    shards = list_shards(tmp_path / "shards")
    whole = [path.read_bytes() for path in shards]
    shards[1].unlink()
    assert run(*arguments).exit_code == 0
    assert [path.read_bytes() for path in shards] == whole
    texts = [sample.text for path in shards for sample in read_shard(path)]
    assert texts == [f"training{index}" for index in range(5)]


def test_make_writes_clips(tmp_path):
    result = run("make", "flicker", tmp_path / "made", "--count", 2, "--workers", 1)
    assert result.exit_code == 0, result.output
    lines = (tmp_path / "made" / "labels.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["flicker", "flicker"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nothing"], 2, "there is no generator 'nothing'; there are\n"),
        (["tiny", "--jsonl", "--shards"], 2, "exclude each other"),
        (["tiny", "--scheduler", "tcp://a:1"], 2, "add --shards"),
        (["tiny", "--count", "0"], 2, "count"),
        (["tiny", "--option", "grey"], 2, "must look like KEY=VALUE, got 'grey'"),
        (["tiny", "--option", "colour=3"], 2, "--option colour is unknown here; there are "),
        (["tiny", "--option", "broken=true"], 1, "the disk is full"),
    ],
)
def test_make_says_in_one_sentence_what_is_wrong(tmp_path, arguments, status, message):
    name, *options = arguments
    result = run("make", name, tmp_path / "made", *options, "--workers", 1)
    assert result.exit_code == status, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no such signal on this system")
def test_a_pipe_that_breaks_under_the_work_is_told(tmp_path):
    """A worker that is killed breaks the pipe to it; that must not end the command silently."""
    program = f"""
import os
from ocrlearn.cli import main
from ocrlearn.data.synth.generators import GENERATORS, Generator

def broken(seed, index):
    reader, writer = os.pipe()
    os.close(reader)
    os.write(writer, b"x")

GENERATORS["broken"] = Generator("broken", "", "program:broken")
if __name__ == "__main__":
    import sys
    sys.path.insert(0, {str(tmp_path)!r})
    sys.argv = ["ocrlearn", "data", "make", "broken", {str(tmp_path / "made")!r}, "--workers", "1"]
    main()
"""
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done
    assert "Broken pipe" in done.stderr


def test_a_wrong_generator_lists_what_there_is(tmp_path):
    result = run("make", "nothing", tmp_path / "made")
    for name, generator in GENERATORS.items():
        assert re.search(rf"^  {name} +{re.escape(generator.description)}$", result.stderr, re.M)


@pytest.mark.parametrize("command", ["list", "show", "fetch", "check", "make"])
def test_help_teaches_with_examples(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"ocrlearn data {command}" in result.stdout

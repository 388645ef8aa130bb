import functools
import hashlib
import io
import itertools
import json
import os
import signal
import struct
import subprocess
import sys
import tarfile
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shard_generators as generators
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ocrlearn.data import shards
from ocrlearn.data._generate import generator_name, resolve
from ocrlearn.data.samples import Clip, DataFormatError, Sample
from ocrlearn.data.shards import check_shards, list_shards, read_shard, write_shards
from ocrlearn.data.stream import generate_stream, read_shards
from ocrlearn.data.synth.generators import GENERATORS
from ocrlearn.data.synth.objects import render_objects

TESTS = str(Path(generators.__file__).parent)


def write(folder, count=10, generate=generators.tiny, **arguments):
    return write_shards(
        generate, folder, count, **{"shard_size": 4, "workers": 1, "seed": 3, **arguments}
    )


def assert_same(left, right):
    """Compare two samples or clips by all they hold."""
    assert type(left) is type(right)
    if isinstance(left, Clip):
        np.testing.assert_array_equal(left.frames, right.frames)
        assert (left.label, left.text, left.placeholders, left.frame_rate) == (
            right.label,
            right.text,
            right.placeholders,
            right.frame_rate,
        )
    else:
        np.testing.assert_array_equal(left.image, right.image)
        assert (left.text, left.label, left.lexicon) == (right.text, right.label, right.lexicon)
        assert left.masks.keys() == right.masks.keys()
        for name in left.masks:
            assert left.mask(name).dtype == right.mask(name).dtype
            np.testing.assert_array_equal(left.mask(name), right.mask(name))
        assert [one.text for one in left.instances] == [one.text for one in right.instances]
        for one, other in zip(left.instances, right.instances, strict=True):
            np.testing.assert_array_equal(one.polygon, other.polygon)
    assert left.details == right.details


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


# --- The form -------------------------------------------------------------------------------------


def test_samples_come_back_as_they_were(tmp_path):
    write(tmp_path)
    samples = list(read_shards(tmp_path))
    assert len(samples) == 10
    for index, sample in enumerate(samples):
        assert_same(sample, generators.tiny(3, index))


def test_clips_come_back_as_they_were(tmp_path):
    write(tmp_path, 3, generators.tiny_clip)
    for index, clip in enumerate(read_shards(tmp_path)):
        assert_same(clip, generators.tiny_clip(3, index))


def test_a_shard_is_a_plain_tar_as_webdataset_has_it(tmp_path):
    paths = write(tmp_path, classes=generators.LABELS)
    assert [path.name for path in paths] == [f"shard-{i:06d}.tar" for i in range(3)]
    keys = []
    for path in paths:
        content = path.read_bytes()
        assert content[257:263] == b"ustar\0"
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:  # no compression
            members = archive.getmembers()
            for member in members:
                assert member.isreg()
                owner = (member.mtime, member.uid, member.gid, member.uname, member.gname)
                assert owner == (0, 0, 0, "", "")
            names = [member.name for member in members]
            index = int(names[0].partition(".")[0])
            text = generators.tiny(3, index).text
            assert names[:5] == [
                f"{index:09d}.{end}"
                for end in ("png", "ink.png", "classes.png", "objects.png", "json")
            ]
            label = archive.extractfile(f"{index:09d}.cls").read()
            assert int(label) == index % 3
            if text is not None:
                assert archive.extractfile(f"{index:09d}.txt").read().decode() == text
            picture = Image.open(archive.extractfile(names[0]))
            np.testing.assert_array_equal(picture, generators.tiny(3, index).image)
            runs = [name.partition(".")[0] for name in names]
            keys += [key for key, before in zip(runs, ["", *runs], strict=False) if key != before]
    assert keys == [f"{index:09d}" for index in range(10)]  # each once, its members together


def test_webdataset_reads_our_shards(tmp_path):
    webdataset = pytest.importorskip("webdataset")
    paths = write(tmp_path, classes=generators.LABELS)
    read = webdataset.WebDataset([str(path) for path in paths], shardshuffle=False)
    samples = list(read.decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == [f"{i:09d}" for i in range(10)]
    for index, sample in enumerate(samples):
        expected = generators.tiny(3, index)
        pixels = sample["png"] if index % 2 else sample["png"][..., 0]
        np.testing.assert_array_equal(pixels, expected.image)
        assert sample["cls"] == index % 3
        assert sample.get("txt") == expected.text


def test_shards_of_others_are_read(tmp_path):
    picture = generators.tiny(0, 1).image
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "PNG")
    with tarfile.open(tmp_path / "theirs.tar", "w") as archive:
        add_directory = tarfile.TarInfo("train")
        add_directory.type = tarfile.DIRTYPE
        archive.addfile(add_directory)
        for name, content in {
            "train/n01.x/a1.png": encoded.getvalue(),
            "train/n01.x/a1.cls": b"7",
            "train/n01.x/a1.json": b'{"source": "web"}',
            "train/n01.x/b2.cls": b"8",
            "train/n01.x/b2.txt": "naïve".encode(),
            "train/n01.x/b2.PNG": encoded.getvalue(),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    first, second = read_shards(tmp_path)
    np.testing.assert_array_equal(first.image, picture)
    assert (first.label, first.text) == ("7", None)
    assert first.details == {"source": "web", "key": "train/n01.x/a1"}
    assert (second.label, second.text) == ("8", "naïve")


def test_pictures_may_be_jpeg_and_masks_stay_exact(tmp_path):
    write(tmp_path, 2, suffix=".jpg", options={"size": 32})
    for index, sample in enumerate(read_shards(tmp_path)):
        expected = generators.tiny(3, index, size=32)
        assert sample.image.shape == expected.image.shape
        for name in expected.masks:
            np.testing.assert_array_equal(sample.mask(name), expected.mask(name))


def test_a_generator_may_be_given_by_its_short_name(tmp_path):
    write(tmp_path, 2, "objects", options={"size": [32, 48]})
    for index, sample in enumerate(read_shards(tmp_path)):
        assert_same(sample, render_objects(3, index, size=(32, 48)))
    write(tmp_path, 2, render_objects, options={"size": (32, 48)})  # the same, in other words
    with pytest.raises(ValueError, match=r"must be one of captchas, .*, or 'package"):
        write(tmp_path / "other", 2, "nonsense")


@pytest.mark.parametrize("name", GENERATORS)
def test_short_names_lead_to_the_functions_of_generators(name):
    assert resolve(name) is resolve(generator_name(name)) is GENERATORS[name].function


def test_files_are_taken_as_they_are(tmp_path):
    picture = tmp_path / "a.jpg"
    Image.fromarray(generators.tiny(0, 1, size=20).image).save(picture, "JPEG")
    members = shards.to_members("k", Sample(picture, text="t"), ".png")
    assert members["k.jpg"] == picture.read_bytes()
    assert shards.from_members("k", members).text == "t"


@settings(max_examples=40, deadline=None)
@given(
    text=st.none() | st.text(),
    mask=st.sampled_from([np.bool_, np.uint8, np.uint16, np.int64]),
    high=st.sampled_from([2, 256, 65536]),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_members_hold_everything(text, mask, high, shape):
    rng = np.random.default_rng(0)
    values = rng.integers(0, min(high, 256 if mask == np.uint8 else high), shape).astype(mask)
    sample = Sample(rng.integers(0, 256, shape, dtype=np.uint8), text=text, masks={"m": values})
    if text is not None and any("\ud800" <= character <= "\udfff" for character in text):
        return  # half a surrogate pair is no text
    back = shards.from_members("0", shards.to_members("0", sample, ".png"))
    assert back.text == text
    np.testing.assert_array_equal(back.image, sample.image)
    np.testing.assert_array_equal(back.mask("m"), values)
    assert back.mask("m").dtype == (mask if mask != np.int64 else back.mask("m").dtype)


def test_every_name_of_a_mask_can_be_a_member():
    mask = np.eye(3, dtype=bool)
    sample = Sample(np.zeros((3, 3), np.uint8), masks={"ink-2": mask, "3": ~mask, "png": mask})
    back = shards.from_members("0", shards.to_members("0", sample, ".png"))
    assert_same(back, shards.from_members("0", shards.to_members("0", back, ".png")))
    np.testing.assert_array_equal(back.mask("ink-2"), mask)
    np.testing.assert_array_equal(back.mask("3"), ~mask)


# --- Reproducible, in parallel, resumed -----------------------------------------------------------


def test_the_number_of_workers_changes_no_byte(tmp_path):
    write(tmp_path / "one")
    write(tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_missing_and_shortened_shards_are_made_again_and_others_left(tmp_path):
    first, second, third = write(tmp_path)
    expected = contents(tmp_path)
    second.unlink()
    third.write_bytes(third.read_bytes()[:5000])
    (tmp_path / ".shard-000001.tar.0.part").write_bytes(b"half a shard")
    (tmp_path / ".shards.json.0.part").write_bytes(b"half a manifest")
    before = first.stat().st_mtime_ns
    write(tmp_path)
    assert contents(tmp_path) == expected
    assert first.stat().st_mtime_ns == before


def test_resumed_after_a_kill_without_a_lost_or_doubled_sample(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = "'shard_generators:slow', folder, 120, shard_size=8, seed=5, workers=2"
    program = f"""
import sys
sys.path.insert(0, {TESTS!r})
from ocrlearn.data.shards import write_shards
if __name__ == "__main__":
    folder = {str(killed)!r}
    write_shards({arguments}, progress=False)
"""
    script = tmp_path / "program.py"
    script.write_text(program)
    writer = subprocess.Popen([sys.executable, script], env={**os.environ, "SLOW_SECONDS": "0.1"})
    wait_for(lambda: len(list(killed.glob("*.tar"))) >= 3)
    children = child_processes(writer.pid)
    writer.send_signal(signal.SIGKILL)
    assert writer.wait() == -signal.SIGKILL
    wait_for(lambda: not any(is_running(child) for child in children))
    done = {path.name: path.stat().st_mtime_ns for path in killed.glob("*.tar")}
    assert 3 <= len(done) < 15

    for folder in (whole, killed):
        write_shards(
            "shard_generators:slow", folder, 120, shard_size=8, seed=5, workers=1, progress=False
        )
    assert contents(whole) == contents(killed)
    for name, time_of_writing in done.items():
        assert (killed / name).stat().st_mtime_ns == time_of_writing
    counted = Counter(sample.details["index"] for sample in read_shards(killed))
    assert counted == Counter(range(120))


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C reaches all processes of a terminal")
def test_ctrl_c_begins_no_further_shard(tmp_path):
    folder = tmp_path / "made"
    program = f"""
import sys
sys.path.insert(0, {TESTS!r})
from ocrlearn.data.shards import write_shards
if __name__ == "__main__":
    write_shards('shard_generators:slow', {str(folder)!r}, 60, shard_size=10, workers=2)
"""
    script = tmp_path / "program.py"
    script.write_text(program)
    writer = subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "SLOW_SECONDS": "2"},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: len(list(folder.glob(".shard-*.part"))) == 2)
    os.killpg(writer.pid, signal.SIGINT)
    assert writer.wait(60) != 0
    assert [path.name for path in folder.iterdir()] == ["shards.json"]


def wait_for(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def child_processes(pid):
    """Processes whose parent is `pid`, where the system tells (Linux)."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(status.parent.name))
    return found


def is_running(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 4}, "seed is 3 there and 4 here"),
        ({"generate": generators.tiny_clip}, "generator is 'shard_generators:tiny' there"),
        ({"options": {"size": 9}}, "options is"),
        ({"shard_size": 5}, "shard_size is 4"),
        ({"count": 11}, "count is 10"),
        ({"suffix": ".jpg"}, "suffix is"),
    ],
)
def test_another_call_is_refused_in_words(tmp_path, change, named):
    write(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=named):
        write(tmp_path, **change)
    assert contents(tmp_path) == before


def test_a_call_that_made_nothing_stands_in_nobodys_way(tmp_path):
    with pytest.raises(TypeError, match="sise"):
        write(tmp_path, options={"sise": 9})
    assert len(write(tmp_path, options={"size": 9})) == 3
    assert len(list(read_shards(tmp_path))) == 10


def test_other_versions_are_refused(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(shards, "version", lambda name: "0.0")
    with pytest.raises(ValueError, match="versions is"):
        write(tmp_path)


def test_strange_shards_are_not_overwritten(tmp_path):
    (tmp_path / "shard-000000.tar").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"were not written by this function"):
        write(tmp_path)


def test_the_manifest_tells_what_there_is(tmp_path):
    paths = write(tmp_path, options={"size": 9})
    manifest = json.loads((tmp_path / "shards.json").read_text())
    assert manifest["generator"] == "shard_generators:tiny"
    assert (manifest["seed"], manifest["count"]) == (3, 10)
    assert manifest["options"] == {"size": 9}
    assert {"ocrlearn", "numpy", "pillow"} <= manifest["versions"].keys()
    for path, entry in zip(paths, manifest["shards"], strict=True):
        content = path.read_bytes()
        assert entry["bytes"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert [entry["samples"] for entry in manifest["shards"]] == [4, 4, 2]
    assert check_shards(tmp_path) == []


def test_a_flipped_bit_is_found(tmp_path):
    _, damaged, _ = write(tmp_path)
    content = bytearray(damaged.read_bytes())
    content[700] ^= 1
    damaged.write_bytes(content)
    (problem,) = check_shards(tmp_path)
    assert damaged.name in problem


def test_a_cluster_writes_the_same_bytes(tmp_path):
    distributed = pytest.importorskip("distributed")
    write(tmp_path / "here")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        write(tmp_path / "there", scheduler=cluster.scheduler_address)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def test_what_a_lost_worker_of_a_cluster_left_is_removed(tmp_path, monkeypatch):
    pytest.importorskip("distributed")

    def lose_a_worker(plan, missing, scheduler):
        (tmp_path / ".shard-000000.tar.0123.part").write_bytes(b"half of it")
        yield from ((shard, shards._write_shard(plan, shard)) for shard in missing)

    monkeypatch.setattr(shards, "_on_cluster", lose_a_worker)
    paths = write(tmp_path, scheduler="tcp://127.0.0.1:8786")
    assert sorted(tmp_path.iterdir()) == [*paths, tmp_path / "shards.json"]


@pytest.mark.parametrize("address", ["nonsense", "http://10.0.0.1:8786", "tcp://10.0.0.1:port"])
def test_what_is_no_address_is_refused_at_once(tmp_path, address):
    pytest.importorskip("distributed")
    with pytest.raises(ValueError, match=f"scheduler must be an address .*got '{address}'"):
        write(tmp_path / "new", scheduler=address)
    assert not (tmp_path / "new").exists()


# --- What goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_an_unsound_sample_is_named_and_what_is_finished_stays(tmp_path, workers):
    with pytest.raises(ValueError, match=r"sample 3 of seed 3: details"):
        write(tmp_path, 8, generators.unsound, shard_size=2, workers=workers)
    assert (tmp_path / "shard-000000.tar").exists()
    assert not (tmp_path / "shard-000001.tar").exists()
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(DataFormatError, match="of its 4 shards"):
        read_shards(tmp_path)


def test_a_worker_that_dies_is_reported(tmp_path):
    with pytest.raises(RuntimeError, match="a worker process ended"):
        write(tmp_path, 8, generators.mortal, workers=2)


def test_what_generates_must_be_findable_by_others(tmp_path):
    def nested(seed, index):
        return generators.tiny(seed, index)

    for generate in (nested, lambda seed, index: None, functools.partial(generators.tiny, size=9)):
        with pytest.raises(TypeError, match="defined at the top of a module"):
            write(tmp_path, generate=generate)
    with pytest.raises(ValueError, match="cannot be loaded"):
        write(tmp_path, generate="nowhere_at_all:f")
    with pytest.raises(TypeError, match="must return a Sample or a Clip, got int"):
        write(tmp_path, generate=generators.number)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"count": 0}, "count"),
        ({"seed": -1}, "seed"),
        ({"shard_size": 0}, "shard_size"),
        ({"suffix": ".gif"}, "suffix"),
        ({"workers": 0}, "workers"),
        ({"options": {"size": float("nan")}}, "options"),
        ({"classes": ("round", "square")}, "sample 2 of seed 3: label"),
    ],
)
def test_bad_arguments_are_named(tmp_path, arguments, named):
    with pytest.raises(ValueError, match=named):
        write(tmp_path, **arguments)


def make_tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_damaged_shards_name_file_and_sample(tmp_path):
    members = list(shards.to_members("000000000", generators.tiny(0, 0), ".png").items())
    path = tmp_path / "s.tar"
    cases = {
        r"s\.tar, sample 000000000: 000000000\.ink\.png is not among": [
            member for member in members if "ink" not in member[0]
        ],
        r"s\.tar, sample 000000000: .*(damaged|cut short|truncated)": [
            (members[0][0], members[0][1][:60]),
            *members[1:],
        ],
        r"there is no picture among": [("a.txt", b"text")],
        r"the JSON cannot be read": [*members[:4], ("000000000.json", b"{")],
        r"twice in one sample": [members[0], *members],
        r"the sample has unknown fields: 'fil'": [
            *members[:4],
            ("000000000.json", b'{"file": "000000000.png", "fil": 1}'),
        ],
        r"file must be a path inside": [
            *members[:4],
            ("000000000.json", b'{"file": "../../etc/passwd"}'),
        ],
        r"height and width are \(9, 9\), and those of the picture \(8, 8\)": [
            *members[:4],
            (
                "000000000.json",
                b'{"file": "000000000.png", "width": 9, "height": 9}',
            ),
        ],
        r"mask 'ink' cannot be decoded: it is \(2, 2\) and the image \(8, 8\)": [
            (name, png("1", (2, 2)) if "ink" in name else content) for name, content in members
        ],
        r"mask 'ink' cannot be decoded: a mask must have one channel, got mode 'RGB'": [
            (name, png("RGB", (8, 8)) if "ink" in name else content) for name, content in members
        ],
        r"mask 'ink' cannot be decoded: .*bomb": [
            (name, swollen(png("1", (8, 8))) if "ink" in name else content)
            for name, content in members
        ],
    }
    for message, content in cases.items():
        with pytest.raises(DataFormatError, match=message):
            list(read_shard(make_tar(path, content)))


def png(mode, size):
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG")
    return buffer.getvalue()


def swollen(content):
    """Let a PNG say that it has 60,000 x 60,000 pixels."""
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"GNU.sparse.map": "0,0", "GNU.sparse.size": "99999999999"}, "a.png has holes"),
     ({"size": "9" * 30}, "")],
)  # fmt: skip
def test_sizes_that_cannot_be_are_refused(tmp_path, fields, message):
    with tarfile.open(tmp_path / "s.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.png")
        info.pax_headers = fields
        archive.addfile(info)
    with pytest.raises(DataFormatError, match=f"s.tar is not a sound tar archive: .*{message}"):
        list(read_shard(tmp_path / "s.tar"))


def test_truncated_and_foreign_files_are_refused(tmp_path):
    (path,) = write(tmp_path, 4)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataFormatError, match="should have"):
        read_shards(tmp_path)
    with pytest.raises(DataFormatError, match="not a sound tar"):
        list(read_shards(path))  # the file alone: found when its turn comes
    path.write_bytes(content[:700])  # within a member
    with pytest.raises(DataFormatError, match="not a sound tar"):
        list(read_shard(path))
    path.write_bytes(b"no tar at all" * 100)
    with pytest.raises(DataFormatError, match="not a sound tar"):
        list(read_shard(path))
    (tmp_path / "shards.json").write_text("{")
    with pytest.raises(DataFormatError, match=r"shards\.json"):
        list_shards(tmp_path)
    (tmp_path / "shards.json").write_text('{"shards": [{"name": "../x.tar"}]}')
    with pytest.raises(DataFormatError, match=r"shards\[0\]\.name"):
        list_shards(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no shard"):
        list_shards(tmp_path / "nothing")


# --- Reading streams ------------------------------------------------------------------------------


def indices(samples):
    return [sample.details["index"] for sample in samples]


def test_every_sample_once_whatever_the_buffer_and_parts(tmp_path):
    write(tmp_path, 23)
    for buffer in (0, 1, 3, 50):
        for parts in (1, 2, 3):
            dealt = [
                indices(read_shards(tmp_path, shuffle_buffer=buffer, seed=1, part=(i, parts)))
                for i in range(parts)
            ]
            assert sorted(itertools.chain.from_iterable(dealt)) == list(range(23))


def test_shuffling_is_seeded_and_differs_by_epoch(tmp_path):
    write(tmp_path, 23)

    def order(**arguments):
        return indices(read_shards(tmp_path, shuffle_buffer=8, **arguments))

    assert order(seed=1) == order(seed=1)
    assert order(seed=1) != order(seed=2)
    assert order(seed=1) != list(range(23))
    repeated = read_shards(tmp_path, shuffle_buffer=8, seed=1, repeat=True)
    epochs = [indices(next(repeated) for _ in range(23)) for _ in range(3)]
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert epochs[2] == order(seed=1, epoch=2)


def test_parts_are_checked(tmp_path):
    write(tmp_path)
    with pytest.raises(ValueError, match="4 readers for 3 shards"):
        read_shards(tmp_path, part=(0, 4))
    with pytest.raises(ValueError, match=r"part\[0\]"):
        read_shards(tmp_path, part=(2, 2))


def test_made_on_the_fly_in_order_by_any_number_of_processes():
    alone = list(generate_stream(generators.tiny, 3, 2, count=21, workers=1))
    together = list(generate_stream(generators.tiny, 3, 2, count=21, workers=2, chunk=4))
    assert indices(alone) == list(range(2, 23))
    for left, right in zip(alone, together, strict=True):
        assert_same(left, right)


def test_an_endless_stream_ends_its_processes_when_closed():
    stream = generate_stream("shard_generators:tiny", workers=2, chunk=2)
    assert indices(next(stream) for _ in range(5)) == [0, 1, 2, 3, 4]
    children = child_processes(os.getpid())
    stream.close()
    wait_for(lambda: not any(is_running(child) for child in children if child_is_worker(child)))


def child_is_worker(pid):
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_what_a_generator_raises_comes_when_its_turn_comes():
    stream = generate_stream(generators.failing, workers=2, chunk=3)
    assert indices(next(stream) for _ in range(3)) == [0, 1, 2]
    with pytest.raises(ArithmeticError, match="no third sample"):
        next(stream)
    with pytest.raises(RuntimeError, match="a worker process ended"):
        list(generate_stream(generators.mortal, count=8, workers=2))


def test_the_stream_checks_its_arguments_at_the_call():
    with pytest.raises(TypeError, match="generate"):
        generate_stream(lambda seed, index: None)
    with pytest.raises(ValueError, match="start"):
        generate_stream(generators.tiny, 0, -1)
    with pytest.raises(ValueError, match="chunk"):
        generate_stream(generators.tiny, chunk=0)

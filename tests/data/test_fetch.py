"""Downloads from a small server that can do all that servers do: resume, break off, lie, redirect.

No test leaves this machine.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import lzma
import os
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.data import fetch as fetching
from ocrlearn.data.cards import Card, DataFile, find_card
from ocrlearn.data.fetch import FetchError, download, fetch, fetch_card
from ocrlearn.data.unpack import Limits, UnpackError, is_archive, unpack

DATA = np.random.default_rng(0).integers(0, 256, 1_000_000, dtype=np.uint8).tobytes()
OTHER = DATA[::-1]
SOME = DATA[:60_000]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.files``; what is special about a path is told by its first folder."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        kind, _, name = self.path.strip("/").rpartition("/")
        server = self.server
        server.seen.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
        count = sum(path == self.path for path, *_ in server.seen)
        if kind == "moved":
            return self.answer(302, b"", Location=f"/plain/{name}")
        if kind == "missing" or name not in server.files:
            return self.answer(404, b"none")
        if kind == "busy" and count < 3:
            return self.answer(503, b"later", **{"Retry-After": "0"})
        if kind == "page":
            return self.answer(200, b"<html>log in</html>", **{"Content-Type": "text/html"})
        data = server.files[name]
        tags = {"ETag": f'"{sha256(data)[:8]}"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
        if kind == "weak":
            tags = {"ETag": 'W/"1"'}
        if kind == "untold":
            tags = {}
        start = self.start(kind, data, tags)
        if start is not None and start >= len(data):
            return self.answer(416, b"", **{"Content-Range": f"bytes */{len(data)}"})
        headers, body = dict(tags), data
        if start is not None:
            body = data[start:]
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = {"cut": 400_000, "stuck": 100_000}.get(kind)
        return self.answer(206 if start is not None else 200, body, cut=cut, **headers)

    def start(self, kind: str, data: bytes, tags: dict[str, str]) -> int | None:
        """Where to begin, if only a part is asked for of the version that is here."""
        asked = self.headers.get("Range")
        if asked is None or kind in ("stuck", "norange"):
            return None
        if self.headers.get("If-Range") not in tags.values():
            return None
        return int(asked.removeprefix("bytes=").partition("-")[0])

    def answer(self, status: int, body: bytes, cut: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client may have seen enough
            self.wfile.write(body[:cut])
        if cut is not None and cut < len(body):
            self.close_connection = True


@pytest.fixture
def server():
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.files = {"data.bin": DATA, "other.bin": OTHER}
    running.seen = []
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def get(server, path, *kinds, name="data.bin", **options):
    urls = [f"{server.url}/{kind}/{name}" for kind in kinds]
    return download(urls, path, wait=0, quiet=True, **options)


# --- One file


def test_a_file_arrives_whole_and_leaves_nothing_behind(server, tmp_path):
    path = get(server, tmp_path / "new" / "data.bin", "plain", sha256=sha256(DATA), size=len(DATA))
    assert path.read_bytes() == DATA
    assert os.listdir(path.parent) == ["data.bin"]


def test_a_file_that_is_there_and_right_is_not_asked_for(server, tmp_path):
    (tmp_path / "data.bin").write_bytes(DATA)
    get(server, tmp_path / "data.bin", "plain", md5=hashlib.md5(DATA).hexdigest())
    assert server.seen == []


def test_a_connection_that_breaks_off_is_resumed_where_it_broke(server, tmp_path):
    get(server, tmp_path / "data.bin", "cut", sha256=sha256(DATA))
    assert (tmp_path / "data.bin").read_bytes() == DATA
    assert [asked for _, asked, _ in server.seen] == [None, "bytes=400000-", "bytes=800000-"]


def test_an_interrupted_download_is_resumed_by_the_next_call(server, tmp_path):
    with pytest.raises(FetchError, match="broke off at 400,000 of 1,000,000 bytes, 1 times"):
        get(server, tmp_path / "data.bin", "cut", attempts=1)
    assert (tmp_path / "data.bin.part").stat().st_size == 400_000
    assert not (tmp_path / "data.bin").exists()
    note = tmp_path / "data.bin.part.json"
    # The next call meets the same address, healthy again.
    record = json.loads(note.read_text())
    note.write_text(json.dumps({**record, "url": f"{server.url}/plain/data.bin"}))
    get(server, tmp_path / "data.bin", "plain", sha256=sha256(DATA))
    assert server.seen[-1][1] == "bytes=400000-"
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_a_file_that_changed_meanwhile_is_begun_again(server, tmp_path):
    with pytest.raises(FetchError):
        get(server, tmp_path / "data.bin", "cut", attempts=1)
    server.files["data.bin"] = OTHER
    get(server, tmp_path / "data.bin", "cut")
    assert (tmp_path / "data.bin").read_bytes() == OTHER


def test_a_part_of_unknown_version_is_begun_again(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(b"from who knows where")
    get(server, tmp_path / "data.bin", "plain")
    assert (tmp_path / "data.bin").read_bytes() == DATA
    assert server.seen[0][1] is None


@pytest.mark.parametrize("kind", ["weak", "untold"])
def test_without_a_strong_version_nothing_is_resumed(server, tmp_path, kind):
    (tmp_path / "data.bin.part").write_bytes(OTHER[:1000])
    note = {"url": f"{server.url}/{kind}/data.bin", "version": ""}
    (tmp_path / "data.bin.part.json").write_text(json.dumps(note))
    get(server, tmp_path / "data.bin", kind)
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_a_server_that_cannot_resume_sends_all_again(server, tmp_path):
    with pytest.raises(FetchError, match="3 times in a row"):
        get(server, tmp_path / "data.bin", "stuck", attempts=3)
    assert len(server.seen) == 3
    get(server, tmp_path / "data.bin", "norange")
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_a_part_that_is_too_long_is_begun_again(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(DATA + b"more")
    note = {"url": f"{server.url}/plain/data.bin", "version": f'"{sha256(DATA)[:8]}"'}
    (tmp_path / "data.bin.part.json").write_text(json.dumps(note))
    get(server, tmp_path / "data.bin", "plain")
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_redirects_are_followed(server, tmp_path):
    get(server, tmp_path / "data.bin", "moved", sha256=sha256(DATA))
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_a_redirect_to_a_file_on_this_machine_is_not_followed(server, tmp_path):
    handler = fetching._SafeRedirects()
    request = fetching.urllib.request.Request("https://example.org/a.zip")
    for address in ("file:///etc/passwd", "ftp://example.org/a", "http://example.org/a"):
        with pytest.raises(fetching._UnusableError, match="no protected connection"):
            handler.redirect_request(request, None, 302, "", {}, address)


def test_a_busy_server_is_asked_again(server, tmp_path):
    get(server, tmp_path / "data.bin", "busy")
    assert len(server.seen) == 3


def test_a_wrong_checksum_is_refused_and_the_next_mirror_asked(server, tmp_path):
    urls = [f"{server.url}/plain/other.bin", f"{server.url}/plain/data.bin"]
    with pytest.raises(FetchError, match=r"other\.bin: it has another checksum"):
        download(urls[:1], tmp_path / "data.bin", sha256=sha256(DATA), quiet=True)
    assert os.listdir(tmp_path) == []
    download(urls, tmp_path / "data.bin", sha256=sha256(DATA), quiet=True)
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_a_wrong_size_is_refused_before_the_download(server, tmp_path):
    with pytest.raises(FetchError, match="1,000,000 bytes there, not 999,999"):
        get(server, tmp_path / "data.bin", "plain", size=999_999)
    assert not (tmp_path / "data.bin.part").exists()


def test_mirrors_are_asked_in_order_and_every_refusal_is_told(server, tmp_path):
    get(server, tmp_path / "data.bin", "missing", "page", "plain")
    kinds = [path.split("/")[1] for path, *_ in server.seen]
    assert kinds == ["missing", "page", "plain"]
    with pytest.raises(FetchError) as error:
        get(server, tmp_path / "b.bin", "missing", "page")
    assert "404" in str(error.value)
    assert "a web page came in place of the file" in str(error.value)


def test_nobody_at_an_address_is_told(tmp_path):
    with pytest.raises(FetchError, match="no connection"):
        download(["http://127.0.0.1:9/a"], tmp_path / "a", attempts=2, wait=0, quiet=True)


def test_addresses_of_other_kinds_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must begin with https"):
        download(["file:///etc/passwd"], tmp_path / "a")


def test_what_the_disk_cannot_hold_is_not_begun(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(FetchError, match=r"0\.00 GB are needed in .* and 0\.00 GB are free"):
        get(server, tmp_path / "data.bin", "plain")
    assert not (tmp_path / "data.bin.part").exists()


# --- A whole set


def make_zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


@pytest.fixture
def card(server) -> Card:
    archive = make_zip(images__a="one", labels__a="two")
    server.files["set.zip"] = archive
    server.files["list.txt"] = b"a one\n"
    files = (
        DataFile("set.zip", (f"{server.url}/plain/set.zip",), len(archive), sha256(archive),
                 registry="this test", into="data"),
        DataFile("list.txt", (f"{server.url}/plain/list.txt",), into="data"),
    )  # fmt: skip
    return dataclasses.replace(find_card("svt"), name="made_up", files=files)


def get_set(card, folder, **options):
    return fetch_card(card, folder, accept_terms=True, quiet=True, wait=0, **options)


def test_a_set_is_fetched_unpacked_and_not_fetched_twice(server, card, tmp_path):
    folder = get_set(card, tmp_path)
    assert folder == tmp_path / "made_up"
    assert (folder / "data" / "images" / "a").read_bytes() == b"one"
    assert (folder / "data" / "list.txt").read_bytes() == b"a one\n"
    assert sorted(os.listdir(folder)) == [".fetched.json", "data"]
    asked = len(server.seen)
    assert get_set(card, tmp_path) == folder
    assert len(server.seen) == asked


def test_a_set_goes_on_with_the_file_that_is_missing(server, card, tmp_path):
    healthy = server.files.pop("list.txt")
    with pytest.raises(FetchError, match=r"list\.txt could not be downloaded"):
        get_set(card, tmp_path)
    server.files["list.txt"] = healthy
    get_set(card, tmp_path)
    assert sum(path.endswith("set.zip") for path, *_ in server.seen) == 1


def test_a_new_checksum_on_the_card_fetches_that_file_again(server, card, tmp_path):
    folder = get_set(card, tmp_path)
    server.files["set.zip"] = make_zip(images__a="new")
    first = dataclasses.replace(
        card.files[0], sha256=sha256(server.files["set.zip"]), size=len(server.files["set.zip"])
    )
    get_set(dataclasses.replace(card, files=(first, card.files[1])), tmp_path)
    assert (folder / "data" / "images" / "a").read_bytes() == b"new"


def test_mirrors_are_asked_before_the_owner(server, card, tmp_path):
    get_set(card, tmp_path, mirrors=[f"{server.url}/missing", f"{server.url}/moved/"])
    paths = [path for path, *_ in server.seen]
    assert paths[:3] == ["/missing/set.zip", "/moved/set.zip", "/plain/set.zip"]


def test_terms_are_shown_and_must_be_accepted(server, card, tmp_path):
    with pytest.raises(FetchError) as error:
        fetch_card(card, tmp_path, quiet=True)
    assert card.terms in str(error.value)
    assert "--yes" in str(error.value)
    assert server.seen == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("answer", "agrees"), [("y\n", True), ("\n", False), ("no\n", False)])
def test_on_a_terminal_the_user_is_asked(server, card, tmp_path, monkeypatch, answer, agrees):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stderr", shown)
    if agrees:
        fetch_card(card, tmp_path, quiet=True)
    else:
        with pytest.raises(FetchError, match="not accepted"):
            fetch_card(card, tmp_path, quiet=True)
    assert card.terms in shown.getvalue()
    assert bool(server.seen) == agrees


def test_a_set_behind_a_login_says_what_to_do(tmp_path):
    with pytest.raises(FetchError) as error:
        fetch("icdar2015", tmp_path, accept_terms=True)
    text = str(error.value)
    assert "after a login only" in text
    assert "Sign up at the Robust Reading Competition" in text
    assert str(tmp_path / "icdar2015") in text
    assert "ch4_training_images.zip" in text


def test_a_set_without_files_shows_what_the_reader_expects(tmp_path):
    with pytest.raises(FetchError, match="The reader expects in"):
        fetch("caffe_ocr", tmp_path, accept_terms=True)


def test_files_put_there_by_hand_are_checked_and_unpacked(server, card, tmp_path):
    locked = dataclasses.replace(
        card,
        download="registration",
        by_hand="Sign up.",
        files=tuple(dataclasses.replace(file, urls=()) for file in card.files),
    )
    folder = tmp_path / "made_up"
    folder.mkdir()
    (folder / "list.txt").write_bytes(b"a one\n")
    (folder / "set.zip").write_bytes(b"not it")
    whole = server.files["set.zip"]
    with pytest.raises(FetchError, match=rf"set\.zip has 6 bytes, not {len(whole):,}"):
        get_set(locked, tmp_path)
    (folder / "set.zip").write_bytes(bytes(len(whole)))
    with pytest.raises(FetchError, match=r"set\.zip has another checksum than this test gives"):
        get_set(locked, tmp_path)
    (folder / "set.zip").write_bytes(server.files["set.zip"])
    killed = folder / "data" / ".unpacking-abc"
    killed.mkdir(parents=True)
    (killed / "a").write_bytes(b"half")
    get_set(locked, tmp_path)
    assert not killed.exists()
    assert (folder / "data" / "labels" / "a").read_bytes() == b"two"
    assert (folder / "set.zip").exists()  # what the user put there stays
    assert server.seen == []


def test_unknown_sets_are_named(tmp_path):
    with pytest.raises(LookupError, match=r"no data set 'icdar1999'; there are .*icdar2003"):
        fetch("icdar1999", tmp_path)


# --- Archives


def tar_bytes(fill: Callable[[tarfile.TarFile], None], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        fill(archive)
    return buffer.getvalue()


def add(name: str, data: bytes = b"x", **fields):
    def fill(archive: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        for key, value in fields.items():
            setattr(member, key, value)
        archive.addfile(member, io.BytesIO(data))

    return fill


def saved(tmp_path, name: str, data: bytes):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "zip"])
def test_every_kind_of_archive_is_unpacked(tmp_path, kind):
    if kind == "zip":
        data = make_zip(deep__er__a=SOME, b=b"")
    else:
        mode = {"tar": "w:", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}.get(kind, "w:gz")

        def fill(archive):
            add("./", b"", type=tarfile.DIRTYPE)(archive)
            add("deep/er/a", SOME)(archive)
            add("b", b"")(archive)

        data = tar_bytes(fill, mode)
    archive = saved(tmp_path, f"a.{kind}", data)
    assert is_archive(archive.name)
    seen = []
    names = unpack(archive, tmp_path / "out", progress=seen.append)
    assert [str(name) for name in names] == ["deep/er/a", "b"]
    assert (tmp_path / "out" / "deep" / "er" / "a").read_bytes() == SOME
    assert (tmp_path / "out" / "b").read_bytes() == b""
    assert sum(seen) == len(SOME)
    assert sorted(os.listdir(tmp_path / "out")) == ["b", "deep"]


BAD_NAMES = ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "C:/out.txt", "..\\out.txt", "a\nb"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_names_that_lead_out_are_refused_and_nothing_is_written(tmp_path, name, kind):
    def fill(archive):
        add("good")(archive)
        add(name)(archive)

    data = make_zip(**{"good": b"x", name: b"x"}) if kind == "zip" else tar_bytes(fill)
    archive = saved(tmp_path, f"a.{kind}", data)
    with pytest.raises(UnpackError, match="leads out of its folder"):
        unpack(archive, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []
    assert sorted(os.listdir(tmp_path)) == [f"a.{kind}", "out"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("ab./\\\n:é", min_size=1, max_size=8), min_size=1, max_size=4))
def test_whatever_the_names_nothing_lands_outside(tmp_path_factory, names):
    room = tmp_path_factory.mktemp("room")
    archive = saved(room, "a.zip", make_zip(**dict.fromkeys(names, b"x")))
    try:
        written = unpack(archive, room / "deep" / "out")
    except UnpackError:
        written = []
    assert sorted(os.listdir(room)) == ["a.zip", "deep"]
    assert os.listdir(room / "deep") == ["out"]
    found = [path for path in (room / "deep" / "out").rglob("*") if path.is_file()]
    assert {room / "deep" / "out" / name for name in written} == set(found)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc"},
        {"type": tarfile.SYMTYPE, "linkname": "good"},
        {"type": tarfile.LNKTYPE, "linkname": "good"},
        {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3},
        {"type": tarfile.FIFOTYPE},
    ],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path, fields):
    archive = saved(tmp_path, "a.tar", tar_bytes(add("bad", b"", **fields), "w:"))
    with pytest.raises(UnpackError, match="a link or a device"):
        unpack(archive, tmp_path / "out")


def test_links_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnpackError, match="a link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_link_in_the_target_is_not_followed_out_of_it(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    archive = saved(tmp_path, "a.zip", make_zip(sub__a=b"x"))
    with pytest.raises(UnpackError, match="a link that leads out"):
        unpack(archive, tmp_path / "out")
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz", "headers"])
def test_bombs_are_refused(tmp_path, kind):
    zeros = bytes(8_000_000)
    name = "a.tar.xz" if kind == "headers" else f"a.{kind}"
    if kind == "zip":
        data = make_zip(a=zeros)
    elif kind == "headers":  # no member at all: the stream itself swells
        member = tarfile.TarInfo("a")
        member.pax_headers = {"comment": "0" * 8_000_000}
        data = lzma.compress(member.tobuf(tarfile.PAX_FORMAT))
    else:
        data = tar_bytes(add("a", zeros), "w:gz" if kind == "tar.gz" else "w:xz")
    archive = saved(tmp_path, name, data)
    with pytest.raises(UnpackError, match="swells to more than"):
        unpack(archive, tmp_path / "out", limits=Limits(allowance=1_000_000))
    assert os.listdir(tmp_path / "out") == []


def test_too_many_members_are_refused(tmp_path):
    archive = saved(tmp_path, "a.zip", make_zip(**{f"f{i}": b"" for i in range(20)}))
    with pytest.raises(UnpackError, match="more than 10 files"):
        unpack(archive, tmp_path / "out", limits=Limits(members=10))


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz", "tar"])
def test_damaged_archives_are_named(tmp_path, kind):
    whole = make_zip(a=SOME) if kind == "zip" else tar_bytes(
        add("a", SOME), {"tar": "w:", "tar.xz": "w:xz"}.get(kind, "w:gz")
    )  # fmt: skip
    archive = saved(tmp_path, f"a.{kind}", whole[: len(whole) // 2])
    with pytest.raises(UnpackError, match="is damaged"):
        unpack(archive, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (46, b"\xff", "is damaged: 'utf-8' codec can't decode"),  # the first byte of the name
        (42, b"\xff\xff\xff\x7f", "is damaged"),  # where its contents lie
        (6, b"\xff", "cannot be unpacked here: zip file version"),
        (28, b"\x00\x00", "damaged|leads out"),  # the length of the name
    ],
)
def test_a_zip_whose_directory_was_changed_is_damaged(tmp_path, at, value, message):
    data = bytearray(make_zip(é=DATA))
    start = data.rindex(b"PK\x01\x02") + at
    data[start : start + len(value)] = value
    with pytest.raises(UnpackError, match=message):
        unpack(saved(tmp_path, "a.zip", bytes(data)), tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_a_zip_whose_contents_were_changed_is_damaged(tmp_path):
    data = bytearray(make_zip(a=DATA))
    data[500_000] ^= 0xFF
    with pytest.raises(UnpackError, match="is damaged"):
        unpack(saved(tmp_path, "a.zip", bytes(data)), tmp_path / "out")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_a_tar_whose_contents_were_changed_is_damaged(tmp_path, kind):
    """Of gzip only the checksum tells, which stands behind the archive's own end."""
    noise = np.random.default_rng(0).bytes(300_000)
    data = bytearray(tar_bytes(add("a", noise), f"w:{kind}"))
    data[150_000] ^= 0xFF
    with pytest.raises(UnpackError, match=f"a.tar.{kind} is damaged"):
        unpack(saved(tmp_path, f"a.tar.{kind}", bytes(data)), tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_a_file_that_is_also_a_folder_is_refused(tmp_path):
    archive = saved(tmp_path, "a.zip", make_zip(a=b"x", a__b=b"x"))
    with pytest.raises(UnpackError, match="a file and a folder of one name"):
        unpack(archive, tmp_path / "out")


def test_permissions_are_not_taken_over(tmp_path):
    archive = saved(tmp_path, "a.tar", tar_bytes(add("a", mode=0o6777), "w:"))
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "a").stat().st_mode & 0o6111 == 0


def test_a_refused_archive_of_a_set_is_told_in_one_sentence(server, card, tmp_path):
    server.files["set.zip"] = make_zip(**{"../evil": b"x"})
    file = dataclasses.replace(card.files[0], sha256="", registry="", size=None)
    with pytest.raises(FetchError, match="leads out of its folder"):
        get_set(dataclasses.replace(card, files=(file,)), tmp_path)
    assert not (tmp_path / "evil").exists()

"""Download public data sets: with consent, resumed after an interruption, checked, unpacked safely.

>>> from ocrlearn.data.fetch import fetch
>>> folder = fetch("svt")  # doctest: +SKIP

What may be downloaded stands on the set's card (:mod:`ocrlearn.data.cards`). A set whose owner
wants a login is downloaded by hand; :func:`fetch` then says how, and checks and unpacks the files
when it is called again. Into ``FOLDER/NAME`` go the unpacked files and ``.fetched.json``, which
records what is complete, so that a second call does nothing; remove it to fetch all anew.

A file arrives under a name that ends in ``.part`` and gets its own only when it is whole and its
checksum right. An interrupted download goes on where it stopped if the server says that the file is
still the same (``ETag``, ``Last-Modified``), and begins again otherwise.
"""

import email.message
import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrlearn import __version__
from ocrlearn.data.cards import Card, DataFile, find_card
from ocrlearn.data.unpack import ROOM, UnpackError, is_archive, unpack

__all__ = ["FetchError", "download", "fetch", "fetch_card"]

MARKER = ".fetched.json"

_CHUNK = 1 << 18
_PAUSE = 60.0  # seconds that a server may ask us to wait
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


class FetchError(Exception):
    """A set that cannot be had; the message says why, and what to do."""


def fetch(
    name: str,
    folder: str | Path = "datasets/downloads",
    *,
    mirrors: Sequence[str] | None = None,
    accept_terms: bool = False,
    quiet: bool = False,
) -> Path:
    """Download a public data set, check it and unpack it.

    One call at a time may work on a set in a folder.

    Parameters
    ----------
    name
        One of :func:`ocrlearn.data.cards.card_names`.
    folder
        Where sets are kept; this one goes into a folder of its name.
    mirrors
        Addresses of folders that hold copies of the set's files, tried in this order before those
        on the card.
    accept_terms
        Whether you have read the owner's terms and accept them. If not, they are shown and you are
        asked, where there is a terminal to ask on.
    quiet
        No progress bars.

    Returns
    -------
    Path
        The folder of the set, to give to its reader.

    Raises
    ------
    LookupError
        If there is no such set.
    FetchError
        If it has to be downloaded by hand, the terms are not accepted, no address gives the file,
        its checksum is wrong, the archive must not be unpacked, or the disk is too small.
    OSError
        If files cannot be written.
    """
    return fetch_card(
        find_card(name), folder, mirrors=mirrors, accept_terms=accept_terms, quiet=quiet
    )


def fetch_card(
    card: Card,
    folder: str | Path,
    *,
    mirrors: Sequence[str] | None = None,
    accept_terms: bool = False,
    quiet: bool = False,
    wait: float = 1.0,
) -> Path:
    """Download the set that a card describes; as :func:`fetch`, which finds the card.

    `wait` is the pause in seconds before a failed transfer is tried again; it doubles every time.
    """
    target = Path(folder) / card.name
    done = _Done(target / MARKER)
    missing = [file for file in card.files if not done.has(file)]
    if card.files and not missing:
        return target
    by_hand = not card.by_program and not mirrors
    if by_hand and not (missing and all((target / file.name).is_file() for file in missing)):
        raise FetchError(_what_to_do(card, target, missing))
    if not accept_terms:
        _ask(card)
    target.mkdir(parents=True, exist_ok=True)
    _check_space(missing, target)
    for file in missing:
        path = target / file.name
        if not by_hand:
            urls = (*_on_mirrors(file, mirrors or ()), *file.urls)
            download(
                urls, path, size=file.size, sha256=file.sha256, md5=file.md5, wait=wait, quiet=quiet
            )
        elif not _is_right(path, file):
            raise FetchError(_what_is_wrong(path, file))
        _put_in_place(path, file, target, keep=by_hand, quiet=quiet)
        done.add(file)
    return target


def _what_is_wrong(path: Path, file: DataFile) -> str:
    """Say why a file that was put there by hand is not the one that is wanted."""
    found = path.stat().st_size
    if file.size is not None and found != file.size:
        return f"{path} has {found:,} bytes, not {file.size:,}; its download may be incomplete"
    return f"{path} has another checksum than {file.registry} gives for it"


def _on_mirrors(file: DataFile, mirrors: Sequence[str]) -> list[str]:
    return [f"{mirror.rstrip('/')}/{urllib.parse.quote(file.name)}" for mirror in mirrors]


def _put_in_place(path: Path, file: DataFile, target: Path, *, keep: bool, quiet: bool) -> None:
    """Unpack an archive, or move a single file to where the reader looks for it."""
    inner = target / file.into
    if file.unpack and is_archive(file.name):
        for room in inner.glob(f"{ROOM}*"):  # of a call that was killed
            shutil.rmtree(room, ignore_errors=True)
        try:
            with _bar(f"unpacking {file.name}", quiet) as bar:
                unpack(path, inner, progress=bar.update)
        except UnpackError as error:
            raise FetchError(str(error)) from None
        if not keep:
            path.unlink()
    elif file.into:
        inner.mkdir(parents=True, exist_ok=True)
        os.replace(path, inner / file.name)


def _bar(name: str, quiet: bool, total: int | None = None, initial: int = 0) -> Any:
    """Return a progress bar that counts bytes, shown on a terminal only."""
    from tqdm import tqdm

    return tqdm(
        desc=name,
        total=total,
        initial=initial,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=quiet or not sys.stderr.isatty(),
    )


class _Done:
    """The record of which files of a set are complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # a damaged record only costs a second download
            record = {}
        self._files: dict[str, Any] = record if isinstance(record, dict) else {}

    def has(self, file: DataFile) -> bool:
        return self._files.get(file.name) == self._state(file)

    def add(self, file: DataFile) -> None:
        self._files[file.name] = self._state(file)
        _write_whole(self._path, json.dumps(self._files, indent=1))

    @staticmethod
    def _state(file: DataFile) -> dict[str, str]:
        """Return what a later card must agree with, if the file is not to be fetched again."""
        return {"sha256": file.sha256, "md5": file.md5, "into": file.into}


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


# --- Before the download --------------------------------------------------------------------------


def _what_to_do(card: Card, target: Path, missing: Sequence[DataFile]) -> str:
    why = {
        "open": "no program can download",
        "registration": "the owner gives away after a login only",
        "dead": "the owner gives away no more",
    }[card.download]
    parts = [f"{card.title} is a set that {why}: {card.address}", card.by_hand]
    if missing:
        names = "".join(f"\n  {file.name}" for file in missing)
        parts.append(
            f"Put these files into {target} and run this again, to have them checked and "
            f"unpacked:{names}"
        )
    else:
        layout = "".join(f"\n  {line}" for line in card.layout.splitlines())
        parts.append(f"The reader expects in {target}:{layout}")
    return "\n\n".join(part for part in parts if part)


def _ask(card: Card) -> None:
    """Show the terms and go on only with consent."""
    source = f"\n(Source: {card.terms_source})" if card.terms_source else ""
    terms = f"{card.title}, {card.owner}\n\nTerms: {card.terms}{source}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise FetchError(
            f"{terms}\n\nNothing was downloaded, because there is nobody to ask whether these "
            "terms are accepted; accept_terms=True, or --yes on the command line, says so"
        )
    sys.stderr.write(f"{terms}\n\nTo download: {card.size}. Accept and go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise FetchError("the terms were not accepted; nothing was downloaded")


def _check_space(files: Sequence[DataFile], target: Path) -> None:
    """Refuse what the disk cannot hold, as far as the card tells sizes: archive and contents."""
    needed = sum((file.size or 0) * (2 if is_archive(file.name) else 1) for file in files)
    _need_space(needed, target)


def _need_space(needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FetchError(
            f"{needed / 1e9:.2f} GB are needed in {folder}, and {free / 1e9:.2f} GB are free"
        )


# --- One file -------------------------------------------------------------------------------------


def download(
    urls: Sequence[str],
    path: str | Path,
    *,
    size: int | None = None,
    sha256: str = "",
    md5: str = "",
    attempts: int = 5,
    wait: float = 1.0,
    timeout: float = 60.0,
    quiet: bool = False,
) -> Path:
    """Download a file from the first of several addresses that gives it whole.

    Parameters
    ----------
    urls
        Addresses of the same file, tried in this order.
    path
        Where it goes. If it is there already and its checksum is right, nothing is downloaded.
    size
        In bytes, if known.
    sha256, md5
        Checksums, if known.
    attempts
        How often an address is tried that breaks off without having given anything more.
    wait
        Pause in seconds before the second attempt; it doubles with every further one.
    timeout
        Seconds without an answer after which an attempt has failed.
    quiet
        No progress bar.

    Raises
    ------
    ValueError
        If an address begins with neither http:// nor https://.
    FetchError
        If no address gives the file; the message tells what each said.
    """
    path = Path(path)
    file = DataFile(path.name, tuple(urls), size, sha256, md5)
    for url in urls:
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"urls must begin with https:// or http://, got {url!r}")
    if path.is_file() and (sha256 or md5) and _is_right(path, file):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        try:
            _from_one(_Transfer(url, path, file, timeout, quiet), attempts, wait)
        except _UnusableError as error:
            failures.append(f"{url}: {error}")
        else:
            return path
    told = "".join(f"\n  {failure}" for failure in failures) or "\n  there is no address"
    raise FetchError(f"{path.name} could not be downloaded:{told}")


class _UnusableError(Exception):
    """An address that does not give the file; trying it again would not help."""


class _BrokenError(Exception):
    """A transfer that failed half-way; trying again may help."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


def _from_one(transfer: "_Transfer", attempts: int, wait: float) -> None:
    """Try one address until the file is whole, or `attempts` in a row have brought nothing."""
    failed, most = 0, transfer.had()
    while True:
        try:
            transfer.run()
            return
        except _BrokenError as error:
            failed = 1 if transfer.had() > most else failed + 1
            most = max(most, transfer.had())
            if failed >= attempts:
                raise _UnusableError(f"{error}, {failed} times in a row") from None
            time.sleep(max(error.pause, wait * 2 ** (failed - 1)))


@dataclass
class _Transfer:
    """One file from one address."""

    url: str
    path: Path
    file: DataFile
    timeout: float
    quiet: bool

    @property
    def part(self) -> Path:
        return self.path.with_name(self.path.name + ".part")

    @property
    def note(self) -> Path:
        """Where it is written down which version of the file the part belongs to."""
        return self.path.with_name(self.path.name + ".part.json")

    def had(self) -> int:
        """Return how many bytes are there."""
        return self.part.stat().st_size if self.part.exists() else 0

    def run(self) -> None:
        """Transfer what is missing, check the whole and give it its name.

        Raises
        ------
        _BrokenError, _UnusableError
            If that fails; a part that can be continued is left behind.
        """
        version = self._version_of_part()
        if not version:
            self._forget()
        with _plain_failures(), self._open(version) as response:
            total, sums = self._receive(response)
        if total is not None and self.had() < total:
            raise _BrokenError(f"the connection broke off at {self.had():,} of {total:,} bytes")
        self._accept(sums)

    def _version_of_part(self) -> str:
        """Return the tag or date of the version that the part belongs to; empty: begin again."""
        if not self.had() or not self.note.exists():
            return ""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except ValueError:
            return ""
        if not isinstance(note, dict) or note.get("url") != self.url:
            return ""
        version = note.get("version")
        return version if isinstance(version, str) else ""

    @contextmanager
    def _open(self, version: str) -> Iterator[Any]:
        headers = {"User-Agent": f"ocrlearn/{__version__}", "Accept-Encoding": "identity"}
        if version:
            headers |= {"Range": f"bytes={self.had()}-", "If-Range": version}
        request = urllib.request.Request(self.url, headers=headers)
        try:
            with _OPENER.open(request, timeout=self.timeout) as response:
                yield response
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and version:
                self._forget()  # there is nothing behind the part: it was whole, or is wrong
                raise _BrokenError("the server has no more of it; begun again") from None
            raise

    def _receive(self, response: Any) -> tuple[int | None, "_Sums"]:
        """Write what comes; return the size of the whole, if the server tells, and its sums."""
        headers = response.headers
        resumed = response.status == http.client.PARTIAL_CONTENT
        if resumed:
            start, total = _range(headers.get("Content-Range", ""))
            if start != self.had():
                self._forget()
                raise _BrokenError("the server went on at another place than asked for")
        else:
            self._forget()
            total = _whole_number(headers.get("Content-Length"))
            self._refuse_web_page(headers)
            _write_whole(self.note, json.dumps({"url": self.url, "version": _version(headers)}))
        if total is not None:
            if self.file.size is not None and total != self.file.size:
                self._forget()
                raise _UnusableError(f"it has {total:,} bytes there, not {self.file.size:,}")
            _need_space(total - self.had(), self.path.parent)
        sums = _Sums(self.file)
        if resumed:
            sums.feed(self.part)
        with (
            open(self.part, "ab") as target,
            _bar(self.path.name, self.quiet, total, self.had()) as bar,
        ):
            while chunk := response.read(_CHUNK):
                target.write(chunk)
                sums.update(chunk)
                bar.update(len(chunk))
        return total, sums

    def _refuse_web_page(self, headers: email.message.Message) -> None:
        page = headers.get_content_type() == "text/html"
        if page and not self.path.name.lower().endswith((".html", ".htm")):
            raise _UnusableError("a web page came in place of the file: a login, or a dead link")

    def _accept(self, sums: "_Sums") -> None:
        """Give the file its name, if it is what it should be."""
        size = self.file.size
        if size is not None and self.had() != size:
            found = self.had()
            self._forget()
            raise _UnusableError(f"{found:,} bytes came, not {size:,}")
        if not sums.agree():
            self._forget()
            raise _UnusableError("it has another checksum than it should")
        os.replace(self.part, self.path)
        self.note.unlink(missing_ok=True)

    def _forget(self) -> None:
        """Throw the part away: it is of another version, or wrong."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


@contextmanager
def _plain_failures() -> Iterator[None]:
    """Sort what can go wrong on the way into what may pass and what will not."""
    try:
        yield
    except urllib.error.HTTPError as error:
        reason = f"the server says {error.code} {error.reason}"
        if error.code in _TRANSIENT:
            asked = _whole_number(error.headers.get("Retry-After")) or 0
            raise _BrokenError(reason, min(asked, _PAUSE)) from None
        raise _UnusableError(reason) from None
    except urllib.error.URLError as error:
        raise _BrokenError(f"no connection ({error.reason})") from None
    except (http.client.HTTPException, ssl.SSLError, ConnectionError, TimeoutError) as error:
        raise _BrokenError(f"the connection broke off ({type(error).__name__})") from None


def _range(header: str) -> tuple[int | None, int | None]:
    """Return first byte and size of the whole from ``bytes 100-199/1000``."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", header.strip())
    if not match:
        return None, None
    return int(match[1]), _whole_number(match[2])


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None


def _version(headers: email.message.Message) -> str:
    """Return what ``If-Range`` accepts: a strong tag, else a date. Weak tags tell too little."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified", "")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from a protected connection to an open one."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urllib.parse.urlsplit(newurl).scheme
        if scheme != "https" and (scheme != "http" or req.type == "https"):
            raise _UnusableError(f"it leads on to {newurl}, which is no protected connection")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_SafeRedirects)


# --- Checksums ------------------------------------------------------------------------------------


class _Sums:
    """The checksums of a file that are known, computed as its bytes come in."""

    def __init__(self, file: DataFile) -> None:
        wanted = {"sha256": file.sha256, "md5": file.md5}
        self._wanted = {kind: value for kind, value in wanted.items() if value}
        self._sums = {kind: hashlib.new(kind, usedforsecurity=False) for kind in self._wanted}

    def update(self, data: bytes) -> None:
        for digest in self._sums.values():
            digest.update(data)

    def feed(self, path: Path) -> None:
        """Take in what a file holds."""
        if self._sums:
            with open(path, "rb") as source:
                while chunk := source.read(_CHUNK):
                    self.update(chunk)

    def agree(self) -> bool:
        return all(self._sums[kind].hexdigest() == value for kind, value in self._wanted.items())


def _is_right(path: Path, file: DataFile) -> bool:
    """Whether a file has the size and the checksums it should have, as far as they are known."""
    if file.size is not None and path.stat().st_size != file.size:
        return False
    sums = _Sums(file)
    sums.feed(path)
    return sums.agree()

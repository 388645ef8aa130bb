"""Unpack archives from elsewhere without trusting them.

An archive may name files outside of the folder it is unpacked into, hold links that lead out of it,
devices, or a few kilobytes that swell to fill the disk. :func:`unpack` writes plain files and
folders inside its target and refuses everything else with a sentence. The files appear in the
target only when the whole archive has been unpacked beside it.
"""

import bz2
import errno
import gzip
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

__all__ = ["ROOM", "Limits", "UnpackError", "is_archive", "unpack"]

ROOM = ".unpacking-"
"""How the names of folders begin that an unpacking which was killed leaves behind."""

_TAR = re.compile(r"\.(tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)
_COMPRESSIONS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_CHUNK = 1 << 20
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    gzip.BadGzipFile,
)


class UnpackError(Exception):
    """An archive that is damaged, or that must not be unpacked."""


@dataclass(frozen=True)
class Limits:
    """When an archive is taken for a bomb.

    Attributes
    ----------
    ratio
        How many times larger than the archive its contents may be. Scanned text shrinks to a
        twentieth, labels to a fiftieth; bombs begin at a thousand.
    allowance
        Bytes that any archive may come to, whatever its size.
    members
        Number of files and folders. Synth90k, the largest set in use, has nine million.
    """

    ratio: float = 200.0
    allowance: int = 64 << 20
    members: int = 20_000_000

    def largest(self, archive: Path) -> int:
        """Return the bytes that `archive` may come to."""
        return max(self.allowance, int(self.ratio * archive.stat().st_size))


def is_archive(name: str) -> bool:
    """Whether a file of that name can be unpacked: zip, tar, tar.gz, tar.bz2 or tar.xz."""
    return name.lower().endswith(".zip") or bool(_TAR.search(name))


def unpack(
    archive: str | Path,
    folder: str | Path,
    *,
    limits: Limits | None = None,
    progress: Callable[[int], Any] | None = None,
) -> list[PurePosixPath]:
    """Unpack a zip or tar archive into a folder.

    Files that are there already are replaced. Times, owners and permissions are not taken over.

    Parameters
    ----------
    archive
        Its name says of which kind it is.
    folder
        Made if need be.
    limits
        What it may come to at most.
    progress
        Told of every so many bytes that have been written.

    Returns
    -------
    list of PurePosixPath
        The files, relative to `folder`, in the archive's order.

    Raises
    ------
    UnpackError
        If the archive is damaged, encrypted or too large, or if a member's name leads out of
        `folder` or is a link or a device. Nothing has been written into `folder` then.
    OSError
        If files cannot be written.
    """
    archive, folder = Path(archive), Path(folder)
    limits = limits or Limits()
    folder.mkdir(parents=True, exist_ok=True)
    counter = _Counter(archive, folder, limits, progress or (lambda _: None))
    with tempfile.TemporaryDirectory(prefix=ROOM, dir=folder) as room:
        names = []
        try:
            members = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
            for name, source in members(archive, counter):
                _write(Path(room) / name, source, counter)
                names.append(name)
        except _DAMAGE as error:
            raise UnpackError(f"{archive} is damaged: {error}") from None
        except OSError as error:
            if error.errno is None:  # the bz2 module's "Invalid data stream"
                raise UnpackError(f"{archive} is damaged: {error}") from None
            if not isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
                raise
            raise UnpackError(f"{archive} holds a file and a folder of one name: {error}") from None
        for name in dict.fromkeys(names):
            _move(Path(room) / name, folder, name)
    return names


class _Counter:
    """Counts what comes out of an archive, and stops what comes to too much."""

    def __init__(
        self, archive: Path, folder: Path, limits: Limits, progress: Callable[[int], Any]
    ) -> None:
        self.archive = archive
        self._folder = folder
        self._most_bytes = limits.largest(archive)
        self._most_members = limits.members
        self._progress = progress
        self._members = 0
        self._streamed = 0
        self._written = 0

    def member(self) -> None:
        self._members += 1
        if self._members > self._most_members:
            raise UnpackError(f"{self.archive} holds more than {self._most_members:,} files")

    def streamed(self, amount: int) -> None:
        """Count what came out of the compression, the archive's own headers included."""
        self._streamed += amount
        self._check(self._streamed)

    def written(self, amount: int) -> None:
        self._written += amount
        self._check(self._written)
        self._progress(amount)

    def declared(self, total: int) -> None:
        """Refuse at once what says itself that it is too large, for the rule or for the disk."""
        self._check(total)
        free = shutil.disk_usage(self._folder).free
        if total > free:
            raise UnpackError(
                f"{self.archive} comes to {total / 1e9:.2f} GB; only {free / 1e9:.2f} GB are free"
            )

    def _check(self, total: int) -> None:
        if total > self._most_bytes:
            raise UnpackError(
                f"{self.archive} swells to more than {self._most_bytes / 1e6:,.0f} MB, far more "
                "than its size allows for: it may be meant to fill the disk"
            )


# --- Names ----------------------------------------------------------------------------------------


def _safe_name(name: str, archive: Path) -> PurePosixPath:
    """Return a member's name as a path inside the target; refuse one that leads out of it."""
    plain = name.replace("\\", "/")
    path = PurePosixPath(plain)
    parts = path.parts
    unfit = (
        not parts
        or path.is_absolute()
        or ".." in parts
        or any(":" in part or any(ord(char) < 32 for char in part) for part in parts)
    )
    if unfit:
        raise UnpackError(f"{archive} holds {name!r}, whose name leads out of its folder")
    return path


def _move(source: Path, folder: Path, name: PurePosixPath) -> None:
    """Move an unpacked file into the target, unless a link there leads somewhere else."""
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise UnpackError(f"{target.parent} is a link that leads out of {folder}")
    os.replace(source, target)


def _write(path: Path, source: IO[bytes], counter: _Counter) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as target:
        while chunk := source.read(_CHUNK):
            counter.written(len(chunk))
            target.write(chunk)


# --- Zip ------------------------------------------------------------------------------------------


def _zip_members(archive: Path, counter: _Counter) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    with ExitStack() as files:
        with _zip_faults(archive):
            opened = files.enter_context(zipfile.ZipFile(archive))
        infos = opened.infolist()
        counter.declared(sum(info.file_size for info in infos))
        for info in infos:
            counter.member()
            with _zip_faults(archive):
                if info.filename and info.is_dir():
                    continue  # folders are made for the files in them
                name = _zip_name(archive, info)
                source = opened.open(info)
            with source:
                yield name, source


def _zip_name(archive: Path, info: zipfile.ZipInfo) -> PurePosixPath:
    """Return the name of a plain file that is not encrypted; refuse everything else."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnpackError(f"{archive} holds {info.filename!r}, a link or a device")
    if info.flag_bits & 0x1:
        raise UnpackError(f"{archive} is encrypted: it needs a password")
    return _safe_name(info.filename, archive)


@contextmanager
def _zip_faults(archive: Path) -> Iterator[None]:
    """Name what Python's zipfile lets through of a damaged archive's directory."""
    try:
        yield
    except NotImplementedError as error:
        raise UnpackError(f"{archive} cannot be unpacked here: {error}") from None
    except (ValueError, struct.error) as error:  # names that are not UTF-8, for one
        raise UnpackError(f"{archive} is damaged: {error}") from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's first byte
            raise
        raise UnpackError(f"{archive} is damaged: it points to outside of itself") from None


# --- Tar ------------------------------------------------------------------------------------------


def _tar_members(archive: Path, counter: _Counter) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    with _decompressed(archive) as stream:
        plain = _Counted(stream, counter)
        # "r|" reads it once from front to back; an archive of many files is not listed first.
        with tarfile.open(fileobj=plain, mode="r|") as opened:  # type: ignore[call-overload]
            yield from _tar_files(archive, opened, counter)
        # A tar archive ends before its compression does, whose checksum stands at the very end.
        while plain.read(_CHUNK):
            pass


def _tar_files(
    archive: Path, opened: tarfile.TarFile, counter: _Counter
) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    for member in opened:
        counter.member()
        if not member.isdir() and not member.isreg():
            raise UnpackError(f"{archive} holds {member.name!r}, a link or a device")
        if member.isdir():
            continue
        name = _safe_name(member.name, archive)
        if hasattr(tarfile, "data_filter"):  # a second opinion, from Python 3.11.4 on
            tarfile.data_filter(member, str(archive.parent))
        source = opened.extractfile(member)
        assert source is not None
        yield name, source


@contextmanager
def _decompressed(archive: Path) -> Iterator[IO[bytes]]:
    """Open a tar archive and undo its compression, told by its first bytes."""
    with ExitStack() as files:
        stream: Any = files.enter_context(open(archive, "rb"))
        start = stream.read(6)
        stream.seek(0)
        for mark, opener in _COMPRESSIONS.items():
            if start.startswith(mark):
                stream = files.enter_context(opener(stream))
        yield stream


class _Counted:
    """A stream that reports what is read from it, so that a bomb of headers is caught as well."""

    def __init__(self, stream: IO[bytes], counter: _Counter) -> None:
        self._stream = stream
        self._counter = counter

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._counter.streamed(len(data))
        return data

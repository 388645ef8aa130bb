"""Many samples in few files: tar archives as WebDataset has them, written once, read in one sweep.

A million small files are slow to open, copy and list. A *shard* is a plain tar file with a thousand
samples or so; reading it from front to back is what disks and networks do best, and shuffling is
done by order of shards and in a buffer (:func:`ocrlearn.data.stream.read_shards`). The convention
is WebDataset's (A. Aizman, G. Maltby, T. Breuel, "High performance I/O for large scale deep
learning", IEEE Big Data, 2019), so that its readers, and those of others, read ours:

- an uncompressed POSIX (ustar) archive with regular files only;
- a file's name up to its first dot is the *key*, the rest says what it is;
- the files of one sample share a key and stand next to each other.

=========================  =========================================================================
member                     holds
=========================  =========================================================================
``KEY.png`` or ``.jpg``    the picture
``KEY.NAME.png``           the mask of that name, of 1, 8 or 16 bits
``KEY.frames.00001.png``   a frame of a clip, counted from 1
``KEY.json``               the sample as :mod:`ocrlearn.data.samples` writes it, naming the others
``KEY.txt``                its text in UTF-8, where it has one: a label for programs that know
                           nothing of the JSON
``KEY.cls``                the number of its label among `classes`, where these are given
=========================  =========================================================================

The key of a sample is its index in nine digits. Members bear no dates and no owners, so that the
same samples give the same bytes.

**Killed and resumed.** A shard is written under a temporary name, brought to the disk (``fsync``)
and then renamed: what has its final name is complete. Running the same call again makes the shards
that are missing and leaves the others alone; as every sample depends on seed and index alone, none
is lost, doubled or different. ``shards.json`` says what the folder holds, with a SHA-256 for every
shard, and a call that would put something else beside it is refused.
"""

import hashlib
import io
import json
import os
import platform
import tarfile
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ocrlearn._fields import Fields
from ocrlearn._validate import check_choice, check_number
from ocrlearn.data._generate import (
    Generate,
    generator_name,
    make,
    process_pool,
    worker_died,
    worker_number,
)
from ocrlearn.data.samples import (
    Clip,
    DataFormatError,
    Sample,
    check_sample,
    mask_picture,
    mask_values,
    sample_from_json,
    sample_to_json,
)

__all__ = ["check_shards", "list_shards", "read_shard", "write_shards"]

MANIFEST = "shards.json"
SUFFIXES = (".png", ".jpg")

_PNG_LEVEL = 1  # 4 times as fast as Pillow's usual 6, and files of noisy pictures 2 % larger
_JPEG_QUALITY = 92
_MANIFEST_SECONDS = 2.0  # shards that were finished since are found by looking

Members = dict[str, bytes]
Item = Sample | Clip


# --- Writing --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """All that decides what stands in a folder of shards."""

    generate: Generate
    options: Mapping[str, Any]
    seed: int
    count: int
    shard_size: int
    suffix: str
    classes: tuple[str, ...]
    folder: Path

    @property
    def shards(self) -> int:
        return -(-self.count // self.shard_size)

    def name(self, shard: int) -> str:
        return f"shard-{shard:06d}.tar"

    def indices(self, shard: int) -> range:
        start = shard * self.shard_size
        return range(start, min(start + self.shard_size, self.count))

    def record(self) -> dict[str, Any]:
        """Return what a second call must agree on, as JSON has it."""
        record = {
            "generator": generator_name(self.generate),
            "options": dict(self.options),
            "seed": self.seed,
            "count": self.count,
            "shard_size": self.shard_size,
            "suffix": self.suffix,
            "classes": list(self.classes),
            "versions": _versions(),
        }
        try:
            return json.loads(json.dumps(record, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ValueError(f"options must be values that JSON can hold: {error}") from None


@dataclass(frozen=True)
class _Written:
    """A finished shard."""

    name: str
    size: int
    sha256: str


def write_shards(
    generate: Generate,
    folder: str | Path,
    count: int,
    *,
    seed: int = 0,
    shard_size: int = 1000,
    options: Mapping[str, Any] | None = None,
    suffix: str = ".png",
    classes: Sequence[str] = (),
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> list[Path]:
    """Make samples 0 to `count` - 1 of a generator and write them as shards.

    Parameters
    ----------
    generate
        The name of a generator, ``"package.module:function"``, or a function defined at the top of
        a module. It is called as ``generate(seed, index, **options)``, returns a
        :class:`~ocrlearn.data.samples.Sample` or :class:`~ocrlearn.data.samples.Clip`, and must
        depend on its arguments alone.
    folder
        Made if it does not exist. If it holds shards of the same call, the missing ones are made.
        One call at a time may write to a folder.
    count
        Number of samples.
    seed
        First argument of `generate`.
    shard_size
        Samples in a shard; the last may have fewer.
    options
        Further arguments of `generate`, by name; values that JSON can hold, for the manifest.
    suffix
        ".png", or ".jpg" (quality 92) for pictures and frames that may lose a little. Pictures that
        are PNG or JPEG files already are taken as they are.
    classes
        All class names, if members ``KEY.cls`` with a label's number are wanted.
    workers
        Processes on this machine; None for one on each core. 1 works in this process.
    scheduler
        Address of a Dask scheduler such as ``"tcp://10.0.0.1:8786"``: its workers make the shards,
        as many as there are; `workers` does not count then. All must see `folder` under the same
        path and have the same packages. Needs the extra ``dask``.
    progress
        Show a bar; None shows it on a terminal.

    Returns
    -------
    list of Path
        The shards in order.

    Raises
    ------
    ValueError
        If an argument is not as described above, a sample is not sound (the message names its
        index), or the folder holds something else.
    RuntimeError
        If a worker died. What is finished stays, and the same call goes on from there.
    ImportError
        If a scheduler is given and Dask is not installed.
    OSError
        If files cannot be written, or the scheduler does not answer.
    """
    plan = _Plan(
        generate=generate,
        options=dict(options or {}),
        seed=int(check_number(seed, "seed", low=0, integer=True)),
        count=int(check_number(count, "count", low=1, high=10**9, integer=True)),
        shard_size=int(check_number(shard_size, "shard_size", low=1, integer=True)),
        suffix=check_choice(suffix, "suffix", SUFFIXES),
        classes=tuple(classes),
        folder=Path(os.path.abspath(folder)),
    )
    processes = worker_number(workers)
    if scheduler is not None:
        _check_address(scheduler)
    record = plan.record()
    plan.folder.mkdir(parents=True, exist_ok=True)
    finished = _resume(plan, record)
    missing = [shard for shard in range(plan.shards) if plan.name(shard) not in finished]
    saved = time.monotonic()
    with (
        closing(_make_shards(plan, missing, processes, scheduler)) as results,
        tqdm(
            total=plan.count,
            initial=plan.count - sum(len(plan.indices(shard)) for shard in missing),
            unit=" samples",
            disable=None if progress is None else not progress,
        ) as bar,
    ):
        for shard, written in results:
            finished[written.name] = written
            bar.update(len(plan.indices(shard)))
            if time.monotonic() - saved > _MANIFEST_SECONDS:
                _write_manifest(plan, record, finished)
                saved = time.monotonic()
    _write_manifest(plan, record, finished)
    _remove_unfinished(plan.folder)  # of workers of a cluster that were lost on the way
    return [plan.folder / plan.name(shard) for shard in range(plan.shards)]


def _make_shards(
    plan: _Plan, missing: Sequence[int], workers: int, scheduler: str | None
) -> Generator[tuple[int, _Written], None, None]:
    """Write the missing shards wherever that is to happen; yield each when it is finished."""
    if missing and scheduler is not None:
        yield from _on_cluster(plan, missing, scheduler)
    elif missing and workers > 1:
        yield from _in_processes(plan, missing, min(workers, len(missing)))
    else:
        yield from ((shard, _write_shard(plan, shard)) for shard in missing)


def _in_processes(
    plan: _Plan, missing: Sequence[int], workers: int
) -> Iterator[tuple[int, _Written]]:
    pool = process_pool(workers)
    try:
        shards = {pool.submit(_write_shard, plan, shard): shard for shard in missing}
        for future in as_completed(shards):
            yield shards[future], future.result()
    except BrokenProcessPool as error:
        worker_died(error)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _remove_unfinished(plan.folder)


def _check_address(scheduler: str) -> None:
    """Refuse an address that cannot be one: a Dask client would try for a minute and more."""
    try:
        from distributed.comm import resolve_address
    except ImportError:
        raise ImportError("scheduler needs Dask: pip install 'ocrlearn[dask]'") from None
    try:
        resolve_address(scheduler)
    except ValueError as error:
        wanted = "an address such as tcp://10.0.0.1:8786"
        raise ValueError(f"scheduler must be {wanted}, got {scheduler!r}: {error}") from None
    except OSError as error:
        raise ConnectionError(f"scheduler {scheduler!r} cannot be found: {error}") from None


def _on_cluster(
    plan: _Plan, missing: Sequence[int], scheduler: str
) -> Iterator[tuple[int, _Written]]:
    """Let the workers of a Dask cluster write.

    Dask runs a task a second time when it loses the worker that had it. Both write the same bytes
    under temporary names of their own, and whichever renames last changes nothing.
    """
    from distributed import Client
    from distributed import as_completed as completed

    with Client(scheduler, set_as_default=False) as client:
        futures = client.map(lambda shard: _write_shard(plan, shard), missing, pure=False)
        shards = dict(zip(futures, missing, strict=True))
        try:
            for future in completed(futures, loop=client.loop):
                yield shards[future], future.result()
        finally:
            client.cancel(futures)


def _write_shard(plan: _Plan, shard: int) -> _Written:
    """Write one shard to the end, under a temporary name until it is complete."""
    target = plan.folder / plan.name(shard)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        with unfinished.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
                for index in plan.indices(shard):
                    for name, content in _sound_members(plan, index).items():
                        archive.addfile(_header(name, content), io.BytesIO(content))
            file.flush()
            os.fsync(file.fileno())
        written = _measure(unfinished, target.name)
        unfinished.replace(target)
        _sync_folder(plan.folder)
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def _sound_members(plan: _Plan, index: int) -> Members:
    """Make one sample and encode it; errors say which it was."""
    try:
        item = make(plan.generate, plan.seed, index, plan.options)
        return to_members(f"{index:09d}", item, plan.suffix, plan.classes)
    except ValueError as error:
        raise ValueError(f"sample {index} of seed {plan.seed}: {error}") from error


def _header(name: str, content: bytes) -> tarfile.TarInfo:
    """Describe a member: no date, no owner, readable by all."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o644
    return info


def _measure(path: Path, name: str) -> _Written:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _Written(name, path.stat().st_size, digest)


def _sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- The manifest ---------------------------------------------------------------------------------


def _versions() -> dict[str, str]:
    """Versions of what may change a sample's bytes."""
    packages = ("ocrlearn", "numpy", "scipy", "pillow")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def _resume(plan: _Plan, record: Mapping[str, Any]) -> dict[str, _Written]:
    """Find the finished shards of `plan`, after a check that the folder is its own."""
    path = plan.folder / MANIFEST
    if path.exists():
        found, listed = _read_manifest(path)
        if listed or any(plan.folder.glob("*.tar")):
            _refuse_other(plan.folder, found, record)
        else:  # a call that failed at its first sample, perhaps for an option that was misspelt
            _write_manifest(plan, record, listed)
    elif strange := sorted(plan.folder.glob("*.tar")):
        raise ValueError(
            f"{plan.folder} holds {strange[0].name} and no {MANIFEST}: these shards were not "
            "written by this function; choose another folder"
        )
    else:
        listed = {}
        _write_manifest(plan, record, listed)
    _remove_unfinished(plan.folder)
    finished = {}
    for shard in range(plan.shards):
        name = plan.name(shard)
        file = plan.folder / name
        if not file.exists():
            continue
        if name not in listed:  # finished after the manifest was last written
            finished[name] = _measure(file, name)
        elif file.stat().st_size == listed[name].size:
            finished[name] = listed[name]
    return finished


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed writers left; none may be at work."""
    for pattern in (".shard-*.tar.*.part", f".{MANIFEST}.*.part"):
        for leftover in folder.glob(pattern):
            leftover.unlink(missing_ok=True)


def _refuse_other(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        if found.get(name) == value:
            continue
        raise ValueError(
            f"{folder} holds shards of another kind: {name} is {found.get(name)!r} there and "
            f"{value!r} here; the same call goes on with them, another needs another folder"
        )


def _write_manifest(
    plan: _Plan, record: Mapping[str, Any], finished: Mapping[str, _Written]
) -> None:
    shards = [
        {"name": name, "samples": len(plan.indices(shard)), "bytes": one.size, "sha256": one.sha256}
        for shard in range(plan.shards)
        if (one := finished.get(name := plan.name(shard))) is not None
    ]
    text = json.dumps({**record, "shards": shards}, indent=1, ensure_ascii=False) + "\n"
    unfinished = plan.folder / f".{MANIFEST}.{uuid.uuid4().hex}.part"
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(plan.folder / MANIFEST)
    finally:
        unfinished.unlink(missing_ok=True)


def _read_manifest(path: Path) -> tuple[dict[str, Any], dict[str, _Written]]:
    """Read a manifest: what the folder holds, and its finished shards by name."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        fields = Fields(record, "the manifest")
        shards = fields.items("shards", _read_entry)
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{path}: {error}") from None
    return record, {shard.name: shard for shard in shards}


def _read_entry(fields: Fields) -> _Written:
    name = fields.string("name")
    if "/" in name or "\\" in name or not name.endswith(".tar"):
        raise fields.wrong("name", name, "the name of a tar file in this folder")
    return _Written(name, fields.count("bytes"), fields.string("sha256"))


def list_shards(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the shards of a folder in order, or the given files.

    Of a folder with a manifest every shard must be there in its full size; of another, all files
    ``*.tar`` are taken in order of their names.

    Raises
    ------
    DataFormatError
        If the manifest is damaged, or tells that shards are missing, cut short or not made yet.
    FileNotFoundError
        If there is no shard.
    """
    if not isinstance(source, str | Path):
        files = [Path(file) for file in source]
    elif (folder := Path(source)).is_dir():
        files = _listed(folder) if (folder / MANIFEST).exists() else sorted(folder.glob("*.tar"))
    else:
        files = [folder]
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"there is no shard {file}")
    if not files:
        raise FileNotFoundError(f"there is no shard in {source}")
    return files


def _listed(folder: Path) -> list[Path]:
    record, shards = _read_manifest(folder / MANIFEST)
    for name, shard in shards.items():
        file = folder / name
        size = file.stat().st_size if file.is_file() else 0
        if size != shard.size:
            raise DataFormatError(
                f"{file} has {size} bytes and should have {shard.size}; write_shards, called "
                "again, makes it anew"
            )
    fields = Fields(record, "the manifest")
    wanted = -(-fields.count("count") // fields.count("shard_size"))
    if len(shards) != wanted:
        raise DataFormatError(
            f"{folder} has {len(shards)} of its {wanted} shards; write_shards, called again, makes "
            "the rest"
        )
    return [folder / name for name in shards]


def check_shards(folder: str | Path) -> list[str]:
    """Read every byte of a folder of shards and compare it with the manifest's SHA-256.

    Returns
    -------
    list of str
        A sentence for each shard that is damaged; empty if all are sound.

    Raises
    ------
    DataFormatError, FileNotFoundError
        As for :func:`list_shards`; also where there is no manifest.
    """
    home = Path(folder)
    _, shards = _read_manifest(home / MANIFEST)
    list_shards(home)
    return [
        f"{home / name} is damaged: its SHA-256 is not that of {MANIFEST}"
        for name, shard in shards.items()
        if _measure(home / name, name) != shard
    ]


# --- One sample as members ------------------------------------------------------------------------


def to_members(key: str, item: Item, suffix: str, classes: Sequence[str] = ()) -> Members:
    """Encode a sample as the files of a shard, by name, in order; pictures come first.

    Raises
    ------
    ValueError
        If the sample is not sound, its label is none of `classes`, or a clip's frames are a file.
    """
    check_sample(item)
    encoded = _clip_members if isinstance(item, Clip) else _sample_members
    members, described = encoded(key, item, suffix)  # type: ignore[arg-type]
    members[f"{key}.json"] = sample_to_json(described).encode()
    if item.text is not None:
        members[f"{key}.txt"] = item.text.encode()
    if classes:
        label = check_choice(item.label, "label", classes)
        members[f"{key}.cls"] = str(list(classes).index(label)).encode()
    return members


def _sample_members(key: str, sample: Sample, suffix: str) -> tuple[Members, Sample]:
    if isinstance(sample.image, Path) and sample.image.suffix.lower() in (".png", ".jpg", ".jpeg"):
        suffix, content = sample.image.suffix.lower(), sample.image.read_bytes()
    else:
        content = _encode_picture(sample.pixels(), suffix)
    image = f"{key}{suffix}"
    masks = {name: f"{key}.{name}.png" for name in sample.masks}
    members = {image: content}
    members.update({file: _encode_mask(sample.mask(name), name) for name, file in masks.items()})
    width, height = sample.size()
    described = replace(
        sample,
        image=Path(image),
        masks={name: Path(file) for name, file in masks.items()},
        width=width,
        height=height,
    )
    return members, described


def _clip_members(key: str, clip: Clip, suffix: str) -> tuple[Members, Clip]:
    if isinstance(clip.frames, Path):
        raise ValueError(f"frames must be an array to be put into a shard, got {clip.frames}")
    members = {
        f"{key}.frames.{number:05d}{suffix}": _encode_picture(frame, suffix)
        for number, frame in enumerate(clip.frames, start=1)
    }
    return members, replace(clip, frames=Path(f"{key}.frames"))


def _encode_picture(image: NDArray[np.uint8], suffix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".png":
        Image.fromarray(image).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    else:
        Image.fromarray(image).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def _encode_mask(mask: NDArray[Any], name: str) -> bytes:
    buffer = io.BytesIO()
    mask_picture(mask, name).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()


# --- Reading one shard ----------------------------------------------------------------------------


def read_shard(path: str | Path) -> Iterator[Item]:
    """Yield the samples of one shard in order, with their pictures in memory.

    Shards that others wrote are read as well: a picture (png, jpg, jpeg, webp, bmp, tif, tiff, pgm,
    ppm) gives the image, ``txt`` the text, ``cls`` the label, as it stands, and ``json`` the
    details; the key goes to ``details["key"]``. Nothing is unpacked to the disk, nothing unpickled.

    Raises
    ------
    DataFormatError
        If the file is not a sound tar archive or a sample not sound; the message names file and
        key.
    OSError
        If the file cannot be read.
    """
    for key, members in _grouped(Path(path)):
        try:
            yield from_members(key, members)
        except ValueError as error:
            raise DataFormatError(f"{path}, sample {key}: {error}") from None


def _grouped(path: Path) -> Iterator[tuple[str, Members]]:
    """Yield key and members of each sample of a shard."""
    key, members = "", Members()
    try:
        with tarfile.open(path, "r:") as archive:
            _require_end(path)
            for member in archive:
                folder, slash, file = member.name.rpartition("/")
                stem, dot, _ = file.partition(".")
                if not (member.isreg() and stem and dot) or member.name.startswith("__"):
                    continue
                if member.issparse():  # a few bytes that say they are many
                    raise tarfile.ReadError(f"{member.name} has holes")
                if (own := folder + slash + stem) != key:
                    if members:
                        yield key, members
                    key, members = own, {}
                if member.name in members:
                    raise DataFormatError(f"{path} holds {member.name} twice in one sample")
                content = archive.extractfile(member)
                members[member.name] = content.read() if content else b""
    except DataFormatError:
        raise
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise DataFormatError(f"{path} is not a sound tar archive: {error}") from None
    if members:
        yield key, members


def _require_end(path: Path) -> None:
    """Refuse an archive that was cut off between two members, which tarfile takes for its end."""
    with path.open("rb") as file:
        file.seek(-tarfile.BLOCKSIZE, os.SEEK_END)
        if file.read() != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it is cut short, as the blocks that mark its end are missing")


def from_members(key: str, members: Members) -> Item:
    """Decode what :func:`to_members` or another program made of a sample.

    Raises
    ------
    ValueError
        If a member is missing or not what its name or the JSON says.
    """
    text = members.get(f"{key}.json")
    if text is not None and _is_ours(text):
        item = sample_from_json(text)
        return (
            _decode_clip(item, members) if isinstance(item, Clip) else _decode_sample(item, members)
        )
    return _decode_foreign(key, members, text)


def _is_ours(text: bytes) -> bool:
    record = _json_object(text)
    return isinstance(record.get("file"), str) or isinstance(record.get("clip"), str)


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the JSON cannot be read: {error}") from None
    return record if isinstance(record, dict) else {"json": record}


def _decode_sample(sample: Sample, members: Members) -> Sample:
    image = _decode_picture(_member(members, sample.image))
    masks = {
        name: _decode_mask(_member(members, mask), name, image.shape[:2])
        for name, mask in sample.masks.items()
    }
    shape = (sample.height or image.shape[0], sample.width or image.shape[1])
    if shape != image.shape[:2]:
        raise ValueError(
            f"height and width are {shape}, and those of the picture {image.shape[:2]}"
        )
    return replace(sample, image=image, masks=masks)


def _decode_clip(clip: Clip, members: Members) -> Clip:
    frames = [
        _decode_picture(content, mode="rgb")
        for name, content in sorted(members.items())
        if name.startswith(f"{clip.frames}.")
    ]
    if len({frame.shape for frame in frames}) != 1:
        raise ValueError(f"the frames of {clip.frames} must be there and of one size")
    return replace(clip, frames=np.stack(frames))


def _decode_foreign(key: str, members: Members, text: bytes | None) -> Sample:
    pictures = {"png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "pgm", "ppm"}
    image = next((m for m in members if m.removeprefix(f"{key}.").lower() in pictures), None)
    if image is None:
        raise ValueError(f"there is no picture among {', '.join(sorted(members))}")
    caption, label = members.get(f"{key}.txt"), members.get(f"{key}.cls")
    return Sample(
        _decode_picture(members[image]),
        text=None if caption is None else caption.decode("utf-8"),
        label=None if label is None else label.decode("utf-8").strip(),
        details={**({} if text is None else _json_object(text)), "key": key},
    )


def _member(members: Members, path: Any) -> bytes:
    name = path.as_posix()
    if name not in members:
        raise ValueError(f"{name} is not among {', '.join(sorted(members))}")
    return members[name]


def _decode_picture(content: bytes, mode: str = "keep") -> NDArray[np.uint8]:
    from ocrlearn.image import read

    return read(content, mode=mode, upright=False)


def _decode_mask(content: bytes, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            if image.size != (shape[1], shape[0]):
                raise ValueError(f"it is {image.size} and the image {(shape[1], shape[0])}")
            return mask_values(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"mask {name!r} cannot be decoded: {error}") from None

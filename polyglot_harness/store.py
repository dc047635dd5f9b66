"""The store: ``<root>/<stage>/<readable key>-<digest>/``, where finished work is found again.

The digest covers everything that a stage's output depends on, so a changed input is another
folder and an unchanged one is never computed twice. ``record.json`` is written last, atomically:
a folder without a fitting record is unfinished work, to be resumed. A lock file lets two runs that
need the same stage share it: the second waits, and then finds it done.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from polyglot_harness.errors import HarnessError, StageError, StoreError, first_line
from polyglot_harness.files import read_json_record
from polyglot_harness.provenance import provenance
from polyglot_harness.spec import Measurement, Pairs, StageRecord, digest, pairs

RECORD = "record.json"
LOCK = ".lock"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DISK_ERRORS = (
    *FULL, errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EIO,
)  # fmt: skip
Work = Callable[[Path], "Result"]
_held: dict[Path, FileLock] = {}
"""Locks of whole stores, held until this process ends."""


class Result:
    """What a stage's work hands to its record."""

    def __init__(
        self, counts: Mapping[str, Any] | None = None, measurements: tuple[Measurement, ...] = ()
    ) -> None:
        """Keep counts and measurements."""
        self.counts = pairs(dict(counts or {}))
        self.measurements = measurements


def hold(root: Path) -> None:
    """Keep other processes from working on a store until this one ends; again, it does nothing.

    Raises:
        StageError: If another process is working on it.
        StoreError: If the disk refuses.
    """
    if root.resolve() in _held:
        return
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StageError(
                f"{root}: another process is working on this folder; wait until it ends, or give "
                "another --output_path"
            ) from None
    _held[root.resolve()] = lock


def stage_folder(root: Path, stage: str, key: str, inputs: Pairs) -> Path:
    """Return the folder of a stage's output."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", key)[:80]
    return root / stage / f"{readable}-{digest([stage, inputs])}"


def complete_record(folder: Path, inputs: Pairs) -> StageRecord | None:
    """Return the record if the stage is complete for these inputs, else None.

    Raises:
        StoreError: If there is a record that cannot be read.
    """
    path = folder / RECORD
    if not path.exists():
        return None
    record = read_record(path)
    fits = record.status == "complete" and digest(record.inputs) == digest(inputs)
    return record if fits and _outputs_exist(folder, record) else None


def read_record(path: Path) -> StageRecord:
    """Read a record.

    Raises:
        StoreError: If the file is damaged; the remedy is named.
    """
    remedy = "delete this file to have the stage checked and, where needed, made again"
    return read_json_record(path, StageRecord, remedy)


def run_stage(
    root: Path, stage: str, key: str, inputs: Pairs, work: Work
) -> tuple[Path, StageRecord, bool]:
    """Return a stage's folder and record, doing its work only if it is not there.

    Args:
        root: The store.
        stage: Name of the stage, e.g. ``"generate"``.
        key: Readable part of the folder's name.
        inputs: Everything that the output depends on.
        work: Called with the folder; leaves its files there. What an earlier, interrupted call
            left is still there, so that it can be resumed.

    Returns:
        Folder, record, and whether it was reused.

    Raises:
        StoreError: If the disk is full or not writable.
        HarnessError: What `work` raised, after a record with status ``failed`` was left.
    """
    folder = stage_folder(root, stage, key, inputs)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with disk_errors(folder), FileLock(folder / LOCK):
        record = complete_record(folder, inputs)
        if record:
            return folder, record, True
        started = time.monotonic()
        try:
            result = work(folder)
        except Exception as error:
            failure = _as_harness_error(error, f"{stage} {key}")
            _write_record(folder, stage, key, inputs, Result(), started, error=str(failure))
            raise failure from error
        record = _write_record(folder, stage, key, inputs, result, started)
        return folder, record, False


def _as_harness_error(error: Exception, what: str) -> Exception:
    """Return the error as one of ours; an error of the disk is left to `disk_errors`."""
    if isinstance(error, HarnessError) or getattr(error, "errno", None) in DISK_ERRORS:
        return error
    line = first_line(error) if str(error).strip() else ""
    return StageError(f"{what}: {type(error).__name__}: {line}")


def _write_record(
    folder: Path, stage: str, key: str, inputs: Pairs, result: Result, started: float,
    error: str | None = None,
) -> StageRecord:  # fmt: skip
    record = StageRecord(
        stage=stage,
        key=key,
        inputs=inputs,
        outputs=_hashes(folder) if error is None else (),
        counts=result.counts,
        measurements=result.measurements,
        seconds=round(time.monotonic() - started, 3),
        status="complete" if error is None else "failed",
        error=error or "",
        provenance=pairs(provenance()),
    )
    write_atomically(folder / RECORD, record.model_dump_json(indent=1) + "\n")
    return record


def _hashes(folder: Path) -> Pairs:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in (RECORD, LOCK))
    # a kill while a file was replaced leaves its temporary file
    files = [p for p in files if p.suffix != ".tmp"]
    return tuple((str(p.relative_to(folder)), file_sha256(p)) for p in files)


def _outputs_exist(folder: Path, record: StageRecord) -> bool:
    return all((folder / name).exists() for name, _ in record.outputs)


def verify_output(folder: Path, record: StageRecord, name: str) -> Path:
    """Return the path of an output file after checking it against the record's sha256.

    Raises:
        StoreError: If it is not what the stage wrote.
    """
    path = folder / name
    if not path.exists() or file_sha256(path) != dict(record.outputs).get(name):
        raise StoreError(
            f"{path}: not the file that the stage wrote (cut short or edited); "
            f"delete {folder} to have it made again"
        )
    return path


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write a text file such that a reader sees the old or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            # what a full disk left; it would be taken for output of the stage
            temporary.unlink(missing_ok=True)


class disk_errors:  # noqa: N801 - reads as a statement: with disk_errors(path)
    """Turn an error of the disk into one line that says what to do."""

    def __init__(self, path: Path) -> None:
        """Name the path that is written."""
        self.path = path

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise StoreError for what a user can mend."""
        if not isinstance(error, OSError):
            return
        if error.errno in FULL:
            raise StoreError(
                f"{self.path}: no space left on the disk; what was finished is kept: free some "
                "space (or choose another --output_path) and give the same command again"
            ) from error
        if error.errno in DISK_ERRORS:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from error

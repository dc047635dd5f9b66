"""Results files of several runs, put into one folder without loss and without doubles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.leaderboard.records import ResultsFile, Row
from polyglot_harness.leaderboard.result_files import file_text, json_files, read_in, results_path
from polyglot_harness.spec import canonical_json
from polyglot_harness.store import LOCK, disk_errors, write_atomically

NOT_COMPARED = ("provenance", "examples")
"""Fields of a row that differ between two makings of the same result."""


@dataclass
class Merged:
    """What a merge did."""

    written: list[Path] = field(default_factory=list)
    """Files that were made or changed."""
    added: int = 0
    """Rows that were not there before."""
    unchanged: int = 0
    replaced: int = 0


def merge_results(root: Path, files: Iterable[ResultsFile], *, replace: bool = False) -> Merged:
    """Add results to a folder of results files; rows are the same if their signatures are.

    The facts of teacher and student are those that come last. Two merges into one folder at once
    wait for each other; each file is written as a whole or not at all.

    Args:
        root: The folder; made if it is not there.
        files: What to add.
        replace: Whether a row may take the place of another one of the same signature.

    Raises:
        ConfigError: If a row differs from that of the same signature, misses no less than it, and
            `replace` is false: both and the first field that differs are named.
        StoreError: If a file that is there is damaged (with `replace` it is written anew), or the
            disk is full or not writable.
    """
    merged = Merged()
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    with disk_errors(root), FileLock(root / LOCK):
        for file in files:
            _merge(root, file, merged, replace=replace)
    return merged


def write_results(root: Path, files: Iterable[ResultsFile]) -> list[Path]:
    """Make a folder hold these results files and no others, e.g. that of a run; return the paths.

    Raises:
        StoreError: If the disk is full or not writable.
    """
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    with disk_errors(root), FileLock(root / LOCK):
        texts = {root / results_path(file): file_text(file) for file in files}
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)
        for stale in set(json_files(root)) - set(texts):
            stale.unlink()
    return sorted(texts)


def _merge(root: Path, file: ResultsFile, merged: Merged, *, replace: bool) -> None:
    path = root / results_path(file)
    before = _read(root, path, replace=replace)
    rows = {row.signature: row for row in before.rows} if before else {}
    for row in file.rows:
        there = rows.get(row.signature)
        if there is None:
            merged.added += 1
        elif not (differing := first_difference(there, row)):
            merged.unchanged += 1
            continue
        elif not replace and len(row.missing) >= len(there.missing):
            raise ConfigError(
                f"{path}: there is another row of the same signature, which differs in "
                f"{differing}: {row.signature}; keep one, or give --replace for the new one"
            )
        else:
            merged.replaced += 1
        rows[row.signature] = row
    text = file_text(file.model_copy(update={"rows": tuple(rows.values())}))
    if before is None or file_text(before) != text:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
        merged.written.append(path)


def _read(root: Path, path: Path, *, replace: bool) -> ResultsFile | None:
    try:
        return read_in(root, path) if path.exists() else None
    except StoreError:
        if not replace:
            raise
        return None


def first_difference(a: Row, b: Row) -> str:
    """Return e.g. ``raw (0.4, not 0.5)``; "" if only what `NOT_COMPARED` names differs."""
    for name in Row.model_fields:
        left, right = getattr(a, name), getattr(b, name)
        if name in NOT_COMPARED or left == right:
            continue
        if canonical_json(left) != canonical_json(right):
            return f"{name} ({left!r:.40}, not {right!r:.40})"
    return ""

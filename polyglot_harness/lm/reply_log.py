"""The log of a teacher's replies: appended as they arrive, never rewritten.

One log holds whatever a teacher ever answered in one language by one strategy. A row is found again
by the hash of its request, so a larger ``--limit``, other checks or a changed seed example ask only
for what was never asked. A row is handed to the system at once, so that a kill loses nothing, and
synced to the disk by the chunk, so that a power cut loses no more than a chunk.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from filelock import FileLock, Timeout

from polyglot_harness.errors import StageError, StoreError
from polyglot_harness.files import json_line
from polyglot_harness.lm.exchange import Request
from polyglot_harness.spec import key_hash
from polyglot_harness.store import disk_errors

LOG = "replies.jsonl"
SYNC_ROWS, SYNC_SECONDS = 64, 1.0


def request_key(request: Request) -> str:
    """Return the hash of all that decides the reply to a request (16 hex digits)."""
    settings = json.dumps(dict(request.gen_kwargs), sort_keys=True, default=str)
    schema = json.dumps(request.schema, sort_keys=True) if request.schema else ""
    parts = (request.context, settings, schema, request.seed, request.index, request.attempt)
    return key_hash(*parts).hex()[:16]


class ReplyLog:
    """An open log: an index of the rows in memory (about 150 bytes a row), the rows on disk."""

    def __init__(self, folder: Path) -> None:
        """Open (or begin) the log of a folder for this process alone.

        Raises:
            StageError: If another process has it open.
            StoreError: If a line before the last is damaged, or the disk refuses.
        """
        self.path = folder / LOG
        self._lock = FileLock(folder / ".lock")
        self._offsets: dict[int, int] = {}
        self._unsynced, self._synced_at = 0, time.monotonic()
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise StageError(f"{folder}: another process is writing it; let it end") from None
            with ExitStack() as opened:
                opened.callback(self._lock.release)
                self._file: BinaryIO = opened.enter_context(self.path.open("a+b", buffering=0))
                self._end = self._scan()
                self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        """Return the log."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Sync and close."""
        with self._opened:
            self.sync()

    def find(self, key: str) -> int:
        """Return where the last row of a key begins, or -1."""
        return self._offsets.get(int(key, 16), -1)

    def read(self, offset: int) -> dict[str, Any]:
        """Return the row that begins at `offset`."""
        size = 4096
        parts: list[bytes] = []
        while True:
            part = os.pread(self._file.fileno(), size, offset + sum(map(len, parts)))
            line, end, _ = part.partition(b"\n")
            parts.append(line)
            if end or not part:
                row: dict[str, Any] = json.loads(b"".join(parts))
                return row
            size = 65536

    def append(self, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Append rows, each with a ``key``; return where each begins."""
        lines = [json_line(row).encode() for row in rows]
        with disk_errors(self.path):
            _write_all(self._file, b"".join(lines))
        offsets = []
        for row, line in zip(rows, lines, strict=True):
            self._offsets[int(row["key"], 16)] = self._end
            offsets.append(self._end)
            self._end += len(line)
        self._unsynced += len(rows)
        if self._unsynced >= SYNC_ROWS or time.monotonic() - self._synced_at > SYNC_SECONDS:
            self.sync()
        return offsets

    def sync(self) -> None:
        """Have the disk hold all rows."""
        if self._unsynced:
            with disk_errors(self.path):
                os.fsync(self._file.fileno())
        self._unsynced, self._synced_at = 0, time.monotonic()

    def _scan(self) -> int:
        """Index the rows; cut off a torn last line (a kill while writing); return the end."""
        offset = 0
        with self.path.open("rb") as file:
            # iteration is by line feeds alone: a reply may hold other line separators
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    self._file.truncate(offset)
                    break
                try:
                    self._offsets[_key_of(line)] = offset
                except (ValueError, KeyError, TypeError):
                    raise StoreError(
                        f"{self.path}:{number}: damaged line; delete the line to have its reply "
                        "made again"
                    ) from None
                offset += len(line)
        return offset


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of it: an unbuffered write may take a part (a disk that is nearly full)."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _key_of(line: bytes) -> int:
    row = json.loads(line)
    if not isinstance(row["reply"], str):
        raise TypeError
    return int(row["key"], 16)

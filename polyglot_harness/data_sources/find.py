"""What the DATA of a command stands for: a table of files, or of the `datasets` library."""

from __future__ import annotations

import glob
from pathlib import Path

from polyglot_harness.data_sources import hub
from polyglot_harness.data_sources.tables import (
    SUFFIXES,
    FileTable,
    Table,
    is_csv,
    is_parquet,
    is_table,
)
from polyglot_harness.errors import ConfigError

VALID = (
    "a folder of `run` or `generate`, one with examples.jsonl, .jsonl, .json, .csv, .tsv, .parquet "
    "files (also .gz) or folders of them, or a data set (hf:ORG/NAME[:CONFIG][@SPLIT], or a folder "
    "of save_to_disk)"
)


def find_table(text: str) -> Table:
    """Return the table of a file, a folder, a pattern or a data set's name.

    Raises:
        ConfigError: If there is none.
    """
    path = Path(text)
    if path.is_file():
        if not is_table(path):
            raise ConfigError(f"{path}: not a file of data; DATA may be {VALID}")
        return FileTable(text, (path,))
    saved, at, _ = text.rpartition("@")
    if hub.is_saved(path) or (at and hub.is_saved(Path(saved))):
        return hub.load(text)
    if path.is_dir():
        return FileTable(text, _files_in(path))
    matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 (of absolute patterns, too)
    if matches:
        files = (f for p in map(Path, matches) for f in ([p] if p.is_file() else _files_in(p)))
        return FileTable(text, tuple(files))
    if is_table(path) or not hub.looks_like_hub(text):
        raise ConfigError(f"{text}: no such file or folder; DATA may be {VALID}")
    return hub.load(text)


def short_name(text: str) -> str:
    """Return the last part of a path or of a hub's name, without the file's suffix."""
    name = text.removeprefix(hub.PREFIX).rstrip("/").rpartition("/")[2] or text
    suffix = next((s for s in sorted(SUFFIXES, key=len)[::-1] if name.lower().endswith(s)), "")
    return name[: len(name) - len(suffix)] or name


def _files_in(folder: Path) -> tuple[Path, ...]:
    """Return the Parquet files below a folder; without any, those of JSON; or else those of CSV."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_table(path)]
    parquet = [path for path in files if is_parquet(path)]
    found = parquet or [path for path in files if not is_csv(path)] or files
    if not found:
        raise ConfigError(f"{folder}: holds no data; DATA may be {VALID}")
    return tuple(found)

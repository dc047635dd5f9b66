"""Rows of JSON Lines, JSON, CSV and Parquet files, one after another: files may be of any size.

Only a JSON array is read as a whole.
"""

from __future__ import annotations

import gzip
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

from polyglot_harness.data_sources import csv_files
from polyglot_harness.data_sources.opened import opened
from polyglot_harness.errors import ConfigError, first_line
from polyglot_harness.files import json_object, parse_json
from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.store import file_sha256

JSON_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
SUFFIXES = (*JSON_SUFFIXES, ".parquet", *csv_files.SUFFIXES)
PEEK = 100
"""Rows whose columns stand for those of a file of JSON."""
BUFFER = 1 << 20
"""Bytes of a column of Parquet that are read ahead."""
Rows = Iterator[dict[str, Any]]


class Table(Protocol):
    """A data set: rows that can be read more than once."""

    @property
    def name(self) -> str:
        """What the user called it."""

    @property
    def identity(self) -> Any:
        """What stands for its contents in a digest."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns."""

    def rows(self, columns: Collection[str]) -> Rows:
        """Yield the rows, with these columns at least."""


@dataclass(frozen=True)
class FileTable:
    """The rows of some files, in their order."""

    name: str
    paths: tuple[Path, ...]

    @cached_property
    def identity(self) -> Any:
        """Digests of the files."""
        return [file_sha256(path) for path in self.paths]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of the first file."""
        path = self.paths[0]
        if is_parquet(path):
            return _parquet_columns(path)
        if is_csv(path):
            return csv_files.csv_columns(path)
        return tuple(dict.fromkeys(key for row in islice(_json_rows(path), PEEK) for key in row))

    def rows(self, columns: Collection[str]) -> Rows:
        """Yield the rows of all files."""
        for path in self.paths:
            if is_parquet(path):
                yield from _parquet_rows(path, columns)
            else:
                yield from csv_files.csv_rows(path) if is_csv(path) else _json_rows(path)


def is_parquet(path: Path) -> bool:
    """Whether the name is that of a Parquet file."""
    return path.name.lower().endswith(".parquet")


def is_csv(path: Path) -> bool:
    """Whether the name is that of a CSV file."""
    return path.name.lower().endswith(csv_files.SUFFIXES)


def is_table(path: Path) -> bool:
    """Whether the name is that of a file that can be read."""
    return path.name.lower().endswith(SUFFIXES)


def _json_rows(path: Path) -> Rows:
    with opened(path) as file:
        if _is_array(file):
            yield from _array(file.read(), path)
            return
        file.seek(0)
        for number, line in enumerate(file, 1):
            if line.strip():
                where = f"{path}:{number}"
                yield json_object(parse_json(line, where), where)


def _is_array(file: IO[bytes] | gzip.GzipFile) -> bool:
    """Whether the first sign is a bracket; leaves the file at it."""
    while (byte := file.read(1)).isspace():
        pass
    if byte:
        file.seek(-1, 1)
    return byte == b"["


def _array(data: bytes, path: Path) -> Rows:
    for number, row in enumerate(parse_json(data, str(path)), 1):
        yield json_object(row, f"{path}: item {number}")


def _parquet_columns(path: Path) -> tuple[str, ...]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return tuple(parquet.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{path}: not a Parquet file: {first_line(error)}") from None


def _parquet_rows(path: Path, columns: Collection[str]) -> Rows:
    import pyarrow as pa
    from pyarrow import parquet

    wanted = [name for name in _parquet_columns(path) if name in columns]
    number = 0
    try:
        # else a row group is read as a whole, and many files have only one
        with parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False) as file:
            for batch in file.iter_batches(BLOCK, columns=wanted, use_threads=False):
                yield from batch.to_pylist()
                number += len(batch)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: in rows {number}-{number + BLOCK}: not UTF-8: {error}"
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{path}: from row {number} on: damaged: {first_line(error)}") from None

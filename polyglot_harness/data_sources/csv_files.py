"""Rows of CSV files as spreadsheets export them.

UTF-8 with or without a byte order mark; delimited by commas, semicolons or tabs, whichever divides
the header into most columns; texts in quotation marks may hold line breaks. Excel's first line
``sep=;`` is understood.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from polyglot_harness.data_sources.opened import opened
from polyglot_harness.errors import ConfigError

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
DELIMITERS = (",", ";", "\t")
MAX_NAME = 200
"""Characters of a column's name; a longer one is a text, so the header is missing."""
MAX_FIELD = 1 << 27
"""Characters of a field; the csv module's own limit is less than a long text."""
HEADER_LINES = 100
"""Lines that a header may stretch over."""
SEP = re.compile(r"sep=(.)\s*")


def csv_columns(path: Path) -> tuple[str, ...]:
    """Return the names in the header of a CSV file; none of an empty file.

    Raises:
        ConfigError: If it has no header, or is not UTF-8; the message names file and line.
    """
    with opened(path) as file:
        return tuple(name for name in next(_table(file, path), ()) if name)


def csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a CSV file by column; an empty field is None, empty lines are skipped.

    Raises:
        ConfigError: If a line is not UTF-8, has more fields than the header, or a quotation mark
            is not closed; the message names file and line.
    """
    with opened(path) as file:
        table = _table(file, path)
        names = next(table, [])
        for fields in table:
            padded = chain(fields, [""] * (len(names) - len(fields)))
            yield {name: field or None for name, field in zip(names, padded, strict=False) if name}


def _table(file: IO[bytes] | gzip.GzipFile, path: Path) -> Iterator[list[str]]:
    """Yield the names of the columns, then the fields of each row."""
    skipped, delimiter = _dialect(list(islice(_lines(file, path), HEADER_LINES)))
    file.seek(0)
    csv.field_size_limit(MAX_FIELD)
    lines = islice(_lines(file, path), skipped, None)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    width = 0
    while True:
        where = f"{path}:{reader.line_num + skipped + 1}"
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ConfigError(
                f'{where}: not valid CSV: {error} (in quoted text, " is written as "")'
            ) from None
        if not any(map(str.strip, fields)):
            continue
        if not width:
            fields = _names(fields, where)
            width = len(fields)
        if any(map(str.strip, fields[width:])):
            raise ConfigError(
                f"{where}: {len(fields)} fields, but the header has {width}; a text with "
                f"{delimiter!r} in it must stand in quotation marks"
            )
        yield fields


def _lines(file: IO[bytes] | gzip.GzipFile, path: Path) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"{path}:{number}: not UTF-8: {error}; in Excel, save it as 'CSV UTF-8'"
            ) from None


def _dialect(beginning: list[str]) -> tuple[int, str]:
    """Return how many lines to skip, and the delimiter."""
    if beginning and (said := SEP.fullmatch(beginning[0])):
        return 1, said[1]
    return 0, max(DELIMITERS, key=lambda delimiter: _width(beginning, delimiter))


def _width(lines: list[str], delimiter: str) -> int:
    try:
        return next((len(fields) for fields in csv.reader(lines, delimiter=delimiter) if fields), 0)
    except csv.Error:
        return 0


def _names(fields: list[str], where: str) -> list[str]:
    names = [" ".join(field.split()) for field in fields]
    if long := next((name for name in names if len(name) > MAX_NAME), ""):
        raise ConfigError(
            f"{where}: the first row must hold the names of the columns, found {long[:40]!r}..."
        )
    if doubles := {name for name in names if name and names.count(name) > 1}:
        raise ConfigError(f"{where}: two columns are called {min(doubles)!r}")
    return names

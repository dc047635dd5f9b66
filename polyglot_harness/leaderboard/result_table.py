"""All results files as one table of columns: what boards are made of.

A million rows as objects would be gigabytes; as columns they are a few hundred megabytes. Answers,
examples and rejections stay in the files, and are read where they are asked for.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.leaderboard.records import (
    ResultsFile,
    Row,
    StudentFacts,
    TaskItems,
    TeacherFacts,
)
from polyglot_harness.leaderboard.result_files import below, find_files, read_in
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.signature import parse_signature

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS = (
    "raw", "raw_stderr", "base", "reference", "gain", "gain_stderr", "gap", "gap_stderr",
    "pgr", "pgr_stderr", "z", "n_items", "n_examples", "n_replies", "cost_usd", "tokens_in",
    "tokens_out",
)  # fmt: skip
"""Fields of `Row` that are columns of float64; missing is null."""
_NAN = float("nan")
_numbers = attrgetter(*NUMBERS)
TEXTS = ("language", "signature", "mixture", "strategies", "source", "flags", "missing", "path")
"""Columns of text, dictionary-encoded."""
Progress = Callable[[int, int], None]
"""Called with (files read, files in all)."""


@dataclass(frozen=True)
class ResultsTable:
    """All rows of all files."""

    rows: pa.Table
    """A line a row, files in sorted order: ``teacher_id``, ``student_id`` (int32), `TEXTS`,
    ``seed`` (int64 or null), ``row`` (int32, its number in its file), ``has_items`` (bool),
    `NUMBERS`, and of each measurement ``m:<name>`` and ``m:<name>:stderr``, of each correlation
    ``c:<a>:<b>`` (float64). Missing is null."""
    teachers: tuple[TeacherFacts, ...]
    """By ``teacher_id``; a name and revision comes once, with the facts of its first file."""
    students: tuple[StudentFacts, ...]
    """By ``student_id``, likewise."""
    root: Path
    """What ``path`` is relative to; a single file is its own root, and its path is ``.``."""


class _Columns:
    """Columns that grow row by row; NaN stands for missing until the end."""

    def __init__(self) -> None:
        self.n = 0
        self.fixed = array("d")
        """`NUMBERS` of one row after the other."""
        self.measured: dict[str, array[float]] = {}
        """Value and error of one row after the other; shorter where the last rows have none."""
        self.correlated: dict[str, array[float]] = {}
        self.integers = {name: array("i") for name in ("teacher_id", "student_id", "row")}
        self.seeds: list[int | None] = []
        self.has_items = bytearray()
        self.codes = {name: array("i") for name in TEXTS}
        self.words: dict[str, dict[str, int]] = {name: {} for name in TEXTS}

    def number(self, columns: dict[str, array[float]], name: str, *values: float | None) -> None:
        """Put one or more values of this row into a column that only some rows have."""
        column = columns.get(name)
        if column is None:
            column = columns[name] = array("d")
        behind = self.n * len(values) - len(column)
        if behind > 0:
            column.extend([_NAN] * behind)
        if behind >= 0:  # the first of two measurements of a name counts
            column.extend([_NAN if value is None else value for value in values])

    def text(self, name: str, value: str) -> None:
        words = self.words[name]
        self.codes[name].append(words.setdefault(value, len(words)))

    def add(self, row: Row, number: int, teacher: int, student: int, lang: str, path: str) -> None:
        self.fixed.extend([_NAN if value is None else value for value in _numbers(row)])
        for m in row.measurements:
            self.number(self.measured, m.name, m.value, m.stderr)
        for a, b, value in row.correlations:
            self.number(self.correlated, f"{a}:{b}", value)
        self.integers["teacher_id"].append(teacher)
        self.integers["student_id"].append(student)
        self.integers["row"].append(number)
        self.seeds.append(row.seed)
        self.has_items.append(bool(row.items))
        texts = (
            lang, row.signature, row.mixture, "+".join(row.strategies), row.source,
            ";".join(row.flags), ";".join(row.missing), path,
        )  # fmt: skip
        for name, text in zip(TEXTS, texts, strict=True):
            self.text(name, text)
        self.n += 1

    def whole(self, column: array[float], width: int) -> FloatArray:
        """Return a column with its last rows filled up, [rows, width]."""
        column.extend([_NAN] * (self.n * width - len(column)))
        return np.frombuffer(column).reshape(-1, width)

    def table(self) -> pa.Table:
        import pyarrow as pa

        columns: dict[str, Any] = {
            name: pa.array(np.frombuffer(codes, dtype=np.int32))
            for name, codes in self.integers.items()
        }
        for name in TEXTS:
            codes = pa.array(np.frombuffer(self.codes[name], dtype=np.int32))
            words = pa.array(list(self.words[name]), pa.string())
            columns[name] = pa.DictionaryArray.from_arrays(codes, words)
        columns["seed"] = pa.array(self.seeds, pa.int64())
        columns["has_items"] = pa.array(np.frombuffer(self.has_items, dtype=np.bool_))
        fixed = np.frombuffer(self.fixed).reshape(-1, len(NUMBERS))
        for name, numbers in zip(NUMBERS, fixed.T, strict=True):
            columns[name] = pa.array(np.ascontiguousarray(numbers), from_pandas=True)
        for name, found in sorted(self.measured.items()):
            value, stderr = self.whole(found, 2).T
            columns[f"m:{name}"] = pa.array(np.ascontiguousarray(value), from_pandas=True)
            columns[f"m:{name}:stderr"] = pa.array(np.ascontiguousarray(stderr), from_pandas=True)
        for name, found in sorted(self.correlated.items()):
            columns[f"c:{name}"] = pa.array(self.whole(found, 1)[:, 0], from_pandas=True)
        return pa.table(columns)


def read_table(path: Path, progress: Progress | None = None) -> ResultsTable:
    """Read all results files below a folder into one table.

    Args:
        path: One file, a folder of them, a run folder or a leaderboard.
        progress: Called now and then.

    Raises:
        ConfigError: If there is none.
        StoreError: If one is damaged; see `read_file`. The first one found is named.
    """
    root, paths = find_files(path)
    columns = _Columns()
    teachers: dict[tuple[str, str], int] = {}
    students: dict[tuple[str, str], int] = {}
    facts: tuple[list[TeacherFacts], list[StudentFacts]] = ([], [])
    signatures: set[str] = set()
    with _no_collector():
        for done, found in enumerate(paths, 1):
            file = read_in(root, found)
            teacher, student = file.teacher, file.student
            i = teachers.setdefault((teacher.name, teacher.revision), len(teachers))
            j = students.setdefault((student.name, student.revision), len(students))
            if i == len(facts[0]):
                facts[0].append(teacher)
            if j == len(facts[1]):
                facts[1].append(student)
            _check_signatures(found, file, signatures)
            relative = below(root, found)
            for number, row in enumerate(file.rows):
                columns.add(row, number, i, j, file.language, relative)
            if progress and (done % 256 == 0 or done == len(paths)):
                progress(done, len(paths))
    return ResultsTable(columns.table(), tuple(facts[0]), tuple(facts[1]), root)


def _check_signatures(path: Path, file: ResultsFile, known: set[str]) -> None:
    for number, row in enumerate(file.rows):
        if row.signature not in known:
            try:
                parse_signature(row.signature)
            except ConfigError as error:
                raise StoreError(f"{path}: row {number}: {error}") from None
            known.add(row.signature)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Keep the garbage collector away from millions of records that have no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_rows(table: ResultsTable, rows: Sequence[int]) -> list[Row]:
    """Read whole rows again from their files, each file once.

    Args:
        table: All rows.
        rows: Numbers of lines of `table.rows`.

    Returns:
        The rows, in the order asked for.

    Raises:
        StoreError: If a file has changed since the table was read.
    """
    lines = np.asarray(rows, dtype=np.int64)
    chosen = table.rows.select(["path", "row", "signature"]).take(lines)
    paths, numbers, signatures = (column.to_pylist() for column in chosen.columns)
    wanted: dict[str, list[int]] = {}
    for place, path in enumerate(paths):
        wanted.setdefault(path, []).append(place)
    found: dict[int, Row] = {}
    for path, places in wanted.items():
        file = read_in(table.root, table.root / path if path != "." else table.root)
        for place in places:
            row = file.rows[numbers[place]] if numbers[place] < len(file.rows) else None
            if row is None or row.signature != signatures[place]:
                raise StoreError(f"{table.root / path}: changed while it was read; start again")
            found[place] = row
    return [found[place] for place in range(len(paths))]


def read_items_of(table: ResultsTable, rows: Sequence[int]) -> list[tuple[TaskItems, ...]]:
    """Read the answers of rows, each file once; see `read_rows`."""
    return [row.items for row in read_rows(table, rows)]

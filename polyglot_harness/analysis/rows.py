"""Cells to be analysed, from run folders or from anybody's table, as rows of names and numbers."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.files import jsonl_rows

KEYS = ("teacher", "language", "student")
SCORES = ("raw", "gain", "pgr", "z", "score", "stable")
"""What a leaderboard says of a cell beside its measurements."""
TABLES = (".csv", ".jsonl", ".parquet")
_EMPTY = ("", "na", "nan", "none", "null")


@dataclass(frozen=True)
class Row:
    """One cell: a teacher's data in a language, and what became of a student trained on them."""

    teacher: str
    language: str
    student: str
    values: Mapping[str, Any]
    """Column -> number, text or None."""
    where: str
    """File and line, for errors."""
    model: str = ""
    """What the teacher's card loads, where it is known."""
    signature: str = ""
    flags: tuple[str, ...] = field(default=())
    """What is wrong with its anchors (see `scoring.pgr`)."""


def read_rows(paths: Iterable[Path]) -> list[Row]:
    """Read the cells of run folders, leaderboards and tables.

    Args:
        paths: Folders with a ``leaderboard.json``, such files, or tables (.csv, .jsonl, .parquet)
            with the columns ``teacher`` and ``language``.

    Raises:
        ConfigError: If a file is missing or is no such table, or a cell is there twice.
        StoreError: If a leaderboard is damaged.
    """
    rows: list[Row] = []
    for path in paths:
        rows += _table(path) if path.suffix in TABLES else _leaderboard(path)
    if not rows:
        raise ConfigError("no cells to analyse: the input has no rows")
    seen: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        first = seen.setdefault((row.teacher, row.language, row.student), row)
        if first is not row:
            raise ConfigError(
                f"two cells of {row.teacher} in {row.language}"
                + (f" with student {row.student}" if row.student else "")
                + f": {first.where} and {row.where}; keep one"
            )
    return rows


def number(row: Row, name: str) -> float | None:
    """Return the number in a column, None where it is missing.

    Raises:
        ConfigError: If it is text or infinite.
    """
    try:
        found = _parsed(row.values.get(name))
    except (TypeError, ValueError):
        value = row.values[name]
        raise ConfigError(f"{row.where}: {name} is {value!r:.40}, not a number") from None
    if found is not None and math.isinf(found):
        raise ConfigError(f"{row.where}: {name} is {found}")
    return found


def is_numeric(rows: Iterable[Row], name: str) -> bool:
    """Whether a column holds numbers only (infinite ones too), and at least one."""
    try:
        return any([_parsed(row.values.get(name)) is not None for row in rows])
    except (TypeError, ValueError):
        return False


def _parsed(value: Any) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in _EMPTY):
        return None
    found = float(value)
    return None if math.isnan(found) else found


def _leaderboard(path: Path) -> list[Row]:
    from polyglot_harness.leaderboard.files import JSON, read_leaderboard

    file = path / JSON if path.is_dir() else path
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder")
    if not file.is_file():
        raise ConfigError(f"{path}: no {JSON} in it; make it with: polyglot-harness score {path}")
    if file.suffix != ".json":
        raise ConfigError(
            f"{path}: expected a run folder, a {JSON}, or a table ({', '.join(TABLES)})"
        )
    models = _models(file.parent)
    return [
        Row(
            teacher=score.teacher,
            language=score.language,
            student=score.student,
            values={
                **{m.name: m.value for m in reversed(score.measurements)},
                **{name: getattr(score, name) for name in SCORES},
            },
            where=f"{file}: {score.teacher} ({score.language})",
            model=models.get(score.teacher, ""),
            signature=score.signature,
            flags=score.flags,
        )
        for score in read_leaderboard(file).scores
    ]


def _models(root: Path) -> dict[str, str]:
    """Return what each teacher's card loads, from the run's spec where there is one."""
    try:
        teachers = json.loads((root / "run.json").read_text(encoding="utf-8"))["teachers"]
        cards = {t["name"]: dict(map(tuple, t["model_args"])) for t in teachers}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {name: str(args.get("pretrained") or args.get("model") or "")
            for name, args in cards.items()}  # fmt: skip


def _table(path: Path) -> list[Row]:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    reader = {".csv": _csv, ".jsonl": jsonl_rows, ".parquet": _parquet}[path.suffix]
    rows = []
    for line, values in reader(path):
        where = f"{path}:{line}"
        for key in KEYS[:2]:
            if not values.get(key):
                raise ConfigError(f"{where}: no {key!r}; a table has a column for it in every row")
        teacher, language, student = (str(values.get(key) or "") for key in KEYS)
        rest = {name: value for name, value in values.items() if name not in KEYS}
        flags = tuple(flag for flag in str(values.get("flags") or "").split(";") if flag)
        rows.append(Row(teacher, language, student, rest, where, flags=flags))
    return rows


def _csv(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                if None in row or None in row.values():
                    raise ConfigError(f"{path}:{reader.line_num}: not as many fields as the header")
                yield reader.line_num, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a CSV file in UTF-8: {error}") from None


def _parquet(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(enumerate(pq.read_table(path).to_pylist(), 1))
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None

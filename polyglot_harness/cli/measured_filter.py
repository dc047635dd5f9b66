"""``measure --where ... --save FILE``: the rows whose values, as measured, fulfil conditions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.data_sources.data import TableData
from polyglot_harness.errors import ConfigError
from polyglot_harness.export.where import Condition, fulfilled
from polyglot_harness.files import jsonl_rows
from polyglot_harness.intrinsic.samples import StageData
from polyglot_harness.intrinsic.table import VALUES
from polyglot_harness.store import disk_errors

if TYPE_CHECKING:
    from polyglot_harness.cli.measured_data import Cell
    from polyglot_harness.stages import Done


def check_save(path: Path | None, conditions: Sequence[Condition]) -> None:
    """Raise ConfigError if one of the flags lacks the other, or the file is there."""
    if bool(path) != bool(conditions):
        raise ConfigError("--where and --save go together: --where CONDITION --save FILE.jsonl")
    if path and path.exists():
        raise ConfigError(f"--save {path}: is there; choose another name, or delete it")


def save(path: Path, found: Sequence[tuple[Cell, Done]], conditions: Sequence[Condition]) -> str:
    """Write the rows of all cells that fulfil the conditions; return a line on how many.

    Raises:
        ConfigError: If a column is unknown.
        StoreError: If the disk is full or not writable.
    """
    kept = total = 0
    temporary = path.with_name(f".{path.name}.tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # replace: rows of JSON may hold halves of surrogate pairs
            with temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
                for cell, done in found:
                    values = fulfilled(done.folder / VALUES, conditions)
                    for row, (_, held) in zip(_rows(cell), values, strict=True):
                        total += 1
                        if held:
                            kept += 1
                            # str: of Parquet there may be dates and the like
                            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return f"{path}: {kept} of {total} examples fulfil {' '.join(map(str, conditions))}"


def _rows(cell: Cell) -> Iterator[dict[str, Any]]:
    """Yield the rows of a cell as they are in its files."""
    if isinstance(cell.data, StageData):
        for path, _ in cell.data.files:
            for _, row in jsonl_rows(path):
                yield row
    elif isinstance(cell.data, TableData):
        yield from cell.data.rows()

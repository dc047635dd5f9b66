"""What ``measure`` prints: a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.csv_cells import csv_cell
from polyglot_harness.spec import Measurement

if TYPE_CHECKING:
    from rich.table import Table

    from polyglot_harness.cli.measured_data import Cell
    from polyglot_harness.stages import Done

    Measured = Sequence[tuple[Cell, Done]]

NOTHING = "—"
FIELDS = ("value", "stderr", "low", "high", "n")


def show(found: Measured, form: str, pages: Sequence[Path]) -> None:
    """Print what was measured, and where it is.

    Args:
        found: Cells and their stages.
        form: ``table``, ``json`` or ``csv``; with the latter two nothing else is printed.
        pages: Reports, in the order of the cells; none if none were asked for.
    """
    text = {"json": _json, "csv": _csv}.get(form)
    if text:
        print(text(found, pages), end="")  # noqa: T201
    elif found:
        _show_tables(found, pages)


def _show_tables(found: Measured, pages: Sequence[Path]) -> None:
    from polyglot_harness.cli.console import table_console

    console = table_console(120 + 24 * (len(found) - 1))
    console.print(_one(*found[0]) if len(found) == 1 else _side_by_side(found))
    for _, done in found:
        for name in ("record.json", "values.parquet"):
            console.print(f"{done.folder}/{name}", soft_wrap=True)
    for page in pages:
        console.print(str(page), soft_wrap=True)


def _table(title: str, columns: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(title=title)
    table.add_column("metric", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    return table


def _one(cell: Cell, done: Done) -> Table:
    table = _table(
        f"{cell.name} {cell.pack.code}: {_counted(len(cell.data))}",
        ("value", "± stderr", "95 % interval", "n"),
    )
    for name, m in _labelled(done).items():
        interval = NOTHING if m.low is None else f"{_number(m.low)} – {_number(m.high)}"
        table.add_row(name, _number(m.value), _number(m.stderr), interval, f"{m.n:,}")
    return table


def _side_by_side(found: Measured) -> Table:
    """A column a cell; intervals are in the records."""
    heads = [f"{c.name} {c.pack.code}\n{_counted(len(c.data))}" for c, _ in found]
    table = _table("value ± stderr (n)", heads)
    columns = [_labelled(done) for _, done in found]
    for name in dict.fromkeys(name for column in columns for name in column):
        there = [column.get(name) for column in columns]
        table.add_row(name, *(_words(m) for m in there))
    return table


def _counted(n: int) -> str:
    return f"{n:,} example{'' if n == 1 else 's'}"


def _words(m: Measurement | None) -> str:
    if m is None:
        return NOTHING
    stderr = "" if m.stderr is None else f" ± {_number(m.stderr)}"
    return f"{_number(m.value)}{stderr} ({m.n:,})"


def _labelled(done: Done) -> dict[str, Measurement]:
    """Return measurements by name; those that share one are told apart by their parameters."""
    shared = Counter(m.name for m in done.record.measurements)
    return {
        m.name
        if shared[m.name] == 1
        else f"{m.name} ({', '.join(f'{k}={v}' for k, v in m.params)})": m
        for m in done.record.measurements
    }


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 0.0995 or value == 0 else f"{value:.2g}"


def _json(found: Measured, pages: Sequence[Path]) -> str:
    cells = [
        {
            "name": cell.name,
            "language": cell.pack.code,
            "data": cell.source,
            "examples": len(cell.data),
            "left_out": list(cell.notes),
            "measurements": [m.model_dump(mode="json") for m in done.record.measurements],
            "record": f"{done.folder}/record.json",
            "values": f"{done.folder}/values.parquet",
            **({"report": str(pages[number])} if pages else {}),
        }
        for number, (cell, done) in enumerate(found)
    ]
    return json.dumps(cells, ensure_ascii=False, indent=1) + "\n"


def _csv(found: Measured, pages: Sequence[Path]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["name", "language", "metric", *FIELDS])
    for cell, done in found:
        for name, m in _labelled(done).items():
            row: list[Any] = [getattr(m, field) for field in FIELDS]
            writer.writerow(map(csv_cell, [cell.name, cell.pack.code, name, *row]))
    return out.getvalue()

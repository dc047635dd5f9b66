"""Results of record as one flat table for others: Parquet, CSV, JSONL, or a data set of the hub."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness import __version__
from polyglot_harness.csv_cells import csv_cell
from polyglot_harness.leaderboard.records import Row, StudentFacts, TeacherFacts
from polyglot_harness.leaderboard.results import (
    ResultsTable,
    merge_results,
    read_files,
    read_table,
)
from polyglot_harness.markdown import escape, front_matter, table
from polyglot_harness.spec import Record
from polyglot_harness.store import disk_errors

if TYPE_CHECKING:
    import pyarrow as pa

INTEGERS = ("n_items", "n_examples", "n_replies", "tokens_in", "tokens_out")
_OWN = ("teacher_id", "student_id", "row", "path", "has_items")
"""Columns that lead back to the files."""
TAG = "polyglot-harness-results"


def flat_table(paths: Sequence[Path]) -> pa.Table:
    """Return all results as one table: a line a row of a results file, facts of models joined.

    Args:
        paths: Folders of results files, run folders, leaderboards, or files; several are merged,
            so that a row that is in two of them is there once.

    Returns:
        ``teacher``, ``teacher_<fact>``, ``student``, ``student_<fact>``, ``language``, the
        conditions and numbers of `Row`, then each measurement and its ``<name>_stderr``, and
        ``corr:<a>:<b>``. Missing is null.

    Raises:
        ConfigError: If there is none, or two hold different rows of the same signature.
        StoreError: If a file is damaged.
    """
    if len(paths) == 1:
        return _flat(read_table(paths[0]))
    with tempfile.TemporaryDirectory(prefix="polyglot-export-") as temporary:
        for path in paths:
            merge_results(Path(temporary), (file for _, file in read_files(path)))
        return _flat(read_table(Path(temporary)))


def _flat(found: ResultsTable) -> pa.Table:
    import pyarrow as pa

    rows = found.rows
    columns = {
        **_facts("teacher", rows["teacher_id"], found.teachers),
        **_facts("student", rows["student_id"], found.students),
    }
    for name in rows.column_names:
        if name not in _OWN:
            column = rows[name].cast(pa.int64()) if name in INTEGERS else rows[name]
            columns[_name(name, columns)] = column
    return pa.table(columns)


def _facts(who: str, ids: Any, known: Sequence[Record]) -> dict[str, Any]:
    """Return a column a fact, dictionary-encoded where it is text."""
    import pyarrow as pa

    columns = {}
    facts = TeacherFacts if who == "teacher" else StudentFacts
    for field, info in facts.model_fields.items():
        number = info.annotation is not str
        values = pa.array([getattr(one, field) for one in known], pa.float64() if number else None)
        column = values.take(ids)
        name = who if field == "name" else f"{who}_{field}"
        columns[name] = column if number else column.dictionary_encode()
    return columns


def _name(name: str, taken: Mapping[str, Any]) -> str:
    """Return a column's name: of a measurement its own, where no other column has it."""
    if not name.startswith(("m:", "c:")):
        return name
    kind, rest = name.split(":", 1)
    if kind == "c":
        return f"corr:{rest}"
    own = f"{rest.removesuffix(':stderr')}_stderr" if rest.endswith(":stderr") else rest
    return f"measured:{own}" if own in taken or own in Row.model_fields else own


def write_parquet(path: Path, rows: pa.Table) -> None:
    """Write the table as Parquet."""
    import pyarrow.parquet as pq

    pq.write_table(rows, path)


def write_csv(path: Path, rows: pa.Table) -> None:
    """Write the table as CSV; no text can begin a formula, see `csv_cells`."""
    import pyarrow as pa
    import pyarrow.csv as csv

    def safe(column: Any) -> Any:
        if not pa.types.is_dictionary(column.type):
            return column
        whole = column.combine_chunks()
        words = pa.array([csv_cell(word) for word in whole.dictionary.to_pylist()], pa.string())
        return pa.DictionaryArray.from_arrays(whole.indices, words).cast(pa.string())

    names = [csv_cell(name) for name in rows.column_names]
    csv.write_csv(pa.table([safe(column) for column in rows.columns], names=names), path)


def write_jsonl(path: Path, rows: pa.Table) -> None:
    """Write the table as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        for batch in rows.to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


FORMS: Mapping[str, Callable[[Path, pa.Table], None]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "jsonl": write_jsonl,
}


def write_form(path: Path, rows: pa.Table, form: str) -> None:
    """Write the table, as a whole or not at all.

    Raises:
        StoreError: If the disk is full or not writable.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
            made = Path(temporary, path.name)
            FORMS[form](made, rows)
            made.replace(path)


def write_dataset(folder: Path, rows: pa.Table, name: str) -> None:
    """Write the data set of the hub: ``README.md`` and ``data/results.parquet``.

    Args:
        folder: Where; it is there.
        rows: The table.
        name: What ``load_dataset`` is given in the card's example.
    """
    with disk_errors(folder):
        (folder / "data").mkdir()
        write_parquet(folder / "data" / "results.parquet", rows)
        (folder / "README.md").write_text(dataset_card(rows, name), encoding="utf-8")


def dataset_card(rows: pa.Table, name: str) -> str:
    """Return the card of the data set: what is in it, under which conditions it was measured."""
    languages, teachers, students, conditions = (
        _known(rows[column]) for column in ("language", "teacher", "student", "signature")
    )
    title = "Teachers of synthetic data, measured"
    head = {
        "pretty_name": title,
        "language": [code for code in languages if len(code) == 2],
        "tags": ["leaderboard", "synthetic-data", "sft", TAG],
        "configs": [{"config_name": "default", "data_files": "data/results.parquet"}],
    }
    counts = [("rows", rows.num_rows), ("teachers", len(teachers)), ("languages", len(languages)),
              ("students", len(students)), ("conditions", len(conditions))]  # fmt: skip
    licences = sorted(set(zip(rows["teacher"].to_pylist(), rows["teacher_licence"].to_pylist(),
                              strict=True)))  # fmt: skip
    return "\n\n".join(
        [
            front_matter(head),
            f"# {title}",
            f"Results of record of [polyglot-harness](https://github.com/polyglot-harness/"
            f"polyglot-harness) {__version__}: a row is one teacher, student and language under "
            "one condition (`signature`). Rows may be compared only if their signatures differ in "
            "nothing but the seed and what a language brings with it. Scores and ranks are not in "
            "here: they depend on who else is on a board.",
            table((("what", "number"), counts)),
            f'```python\nfrom datasets import load_dataset\n\nrows = load_dataset("{name}", '
            'split="train")\n```',
            "## Columns\n\n" + table((("column", "type"), _columns(rows))),
            "## Teachers\n\n"
            + table((("teacher", "licence"), ((t, said or "not stated") for t, said in licences))),
            "## Languages\n\n" + escape(", ".join(languages)),
        ]
    ) + "\n"  # fmt: skip


def _known(column: Any) -> list[str]:
    return sorted(column.unique().to_pylist())


def _columns(rows: pa.Table) -> Iterable[tuple[str, str]]:
    for field in rows.schema:
        yield field.name, "text" if "dictionary" in str(field.type) else str(field.type)

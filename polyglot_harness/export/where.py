"""``export --where``: only examples whose values, as measured, fulfil some conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from polyglot_harness.errors import ConfigError, StageError, unknown_name
from polyglot_harness.export.collect import Part, Selection
from polyglot_harness.intrinsic.table import TEXTS, VALUES
from polyglot_harness.spec import StageRecord
from polyglot_harness.store import RECORD, file_sha256, read_record

COMPARISONS = {
    "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal", "==": "equal",
    "!=": "not_equal",
}  # fmt: skip
"""Sign -> function of pyarrow.compute."""
_CONDITION = re.compile(r"\s*([^\s<>=!,]+)\s*(<=|>=|==|!=|<|>)\s*([^\s<>=!,]+)\s*(?:,|\s|$)")


class Condition(NamedTuple):
    """A bound on a column of ``values.parquet``; a missing value does not fulfil it."""

    column: str
    sign: str
    bound: float

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.column}{self.sign}{self.bound:g}"


def parse_conditions(text: str) -> tuple[Condition, ...]:
    """Read e.g. ``perplexity<80 known_words>=0.8``; all of them must hold.

    Raises:
        ConfigError: If it cannot be read.
    """
    found, position = [], 0
    while text[position:].strip():
        match = _CONDITION.match(text, position)
        try:
            assert match
            found.append(Condition(match[1], match[2], float(match[3])))
        except (AssertionError, ValueError):
            raise ConfigError(
                f"--where: expected conditions such as 'perplexity<80 known_words>=0.8' (signs: "
                f"{' '.join(COMPARISONS)}), got {text[position:].strip()!r:.80}"
            ) from None
        position = match.end()
    return tuple(found)


def filtered(selection: Selection, root: Path, conditions: Sequence[Condition]) -> Selection:
    """Return the data without the examples that do not fulfil the conditions.

    Args:
        selection: The data.
        root: The run folder; of measurements of the same data the latest one is taken that has a
            column.
        conditions: All must hold.

    Raises:
        ConfigError: If a column is unknown; those that there are, are listed.
        StageError: If a teacher's data were not measured.
    """
    parts = tuple(replace(part, keep=_kept(part, root, conditions)) for part in selection.parts)
    return replace(selection, parts=parts, where=" ".join(map(str, conditions)))


def passing(values: Path, conditions: Sequence[Condition]) -> frozenset[str]:
    """Return the ids of the examples that fulfil all conditions."""
    return frozenset(key for key, held in fulfilled(values, conditions) if held)


def fulfilled(values: Path, conditions: Sequence[Condition]) -> Iterator[tuple[str, bool]]:
    """Yield id and whether all conditions are fulfilled, in the order of the examples.

    Raises:
        ConfigError: If a column is unknown; those that there are, are listed.
    """
    import pyarrow.compute as pc
    from pyarrow import parquet

    check_columns(conditions, parquet.read_schema(values).names)
    columns = dict.fromkeys(condition.column for condition in conditions)
    with parquet.ParquetFile(values) as file:
        for batch in file.iter_batches(columns=["id", *columns]):
            held = [True] * len(batch)
            for column, sign, bound in conditions:
                found = getattr(pc, COMPARISONS[sign])(batch[column], bound)
                there = pc.fill_null(found, False).to_pylist()
                held = [a and b for a, b in zip(held, there, strict=True)]
            yield from zip(batch["id"].to_pylist(), held, strict=True)


def check_columns(conditions: Sequence[Condition], columns: Iterable[str]) -> None:
    """Raise ConfigError for a condition on what is no column of values."""
    known = set(columns) - set(TEXTS)
    for condition in conditions:
        if condition.column not in known:
            raise unknown_name("column of the values in --where:", condition.column, known)


def _kept(part: Part, root: Path, conditions: Sequence[Condition]) -> frozenset[str]:
    """Return the ids of a part's examples that fulfil all conditions."""
    from pyarrow import parquet

    latest: dict[str, Path] = {}
    for folder in _measured(part, root):
        for name in parquet.read_schema(folder / VALUES).names:
            latest.setdefault(name, folder / VALUES)
    if not latest:
        raise StageError(
            f"{part.teacher.name} {part.pack.code}: --where needs the values of each example, and "
            f"these data were not measured; first: polyglot-harness measure {root}"
        )
    check_columns(conditions, latest)
    return frozenset.intersection(*(passing(latest[c.column], (c,)) for c in conditions))


def _measured(part: Part, root: Path) -> Iterator[Path]:
    """Yield the folders of measurements of data that these are a part of, the latest first."""
    files = [file_sha256(part.examples), file_sha256(part.rejections)]
    records = sorted((root / "measure").glob(f"*/{RECORD}"), key=_age)
    for path in records:
        record = read_record(path)
        of_cell = record.key == f"{part.teacher.name}-{part.pack.code}"
        if record.status == "complete" and of_cell and files in _data_of(record):
            yield path.parent


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def _data_of(record: StageRecord) -> list[Any]:
    """Return the digests of the files that were measured, the first of `StageData.identity`."""
    for _, inputs in record.inputs:
        files, *_ = dict(inputs)["data"]
        # data of others have identities of other forms
        return files if isinstance(files, list) else []
    return []

"""The table of all values: a row an example, a column a value, as a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyglot_harness.intrinsic.samples import Data, blocks
from polyglot_harness.intrinsic.values import Values

VALUES = "values.parquet"
TEXTS = ("id", "language", "strategy")
"""Columns that are no values."""


def write_table(path: Path, data: Data, language: str, metrics: Sequence[Values]) -> None:
    """Write ids, strategies and all values, in the order of the samples.

    Args:
        path: The file.
        data: The samples.
        language: Code, for the column ``language``.
        metrics: Values of metrics; one without rows has no value of single examples.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    there = [values for values in metrics if values.columns]
    names = [name for values in there for name in values.columns]
    schema = pa.schema(
        [*((name, pa.string()) for name in TEXTS), *((name, pa.float64()) for name in names)]
    )
    temporary = path.with_suffix(".tmp")
    with pq.ParquetWriter(temporary, schema) as writer:
        for rows in _rows(data, language, there):
            writer.write_table(pa.table(rows, schema=schema))
    temporary.replace(path)


def _rows(data: Data, language: str, metrics: Sequence[Values]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    streams = [values.blocks() for values in metrics]
    for block in blocks(data):
        rows: dict[str, Any] = {
            "id": [sample.id for sample in block],
            "language": [language] * len(block),
            "strategy": [sample.strategy for sample in block],
        }
        for values, stream in zip(metrics, streams, strict=True):
            found = next(stream)
            for name, column in zip(values.columns, found.T, strict=True):
                # NaN would be a number to whoever filters by it
                rows[name] = pa.array(column, mask=~np.isfinite(column))
        yield rows

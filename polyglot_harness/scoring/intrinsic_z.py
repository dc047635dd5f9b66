"""The intrinsic half of the Polyglot Score: a mean of z-scores over a pool (arXiv 2604.11290).

A z-score says how a teacher's data compare with those of the other teachers of the pool, so it
moves when a teacher joins. Hence the pool is named beside every z: either the cells at hand, those
of the same language (``cells@<digest>``; the paper pools all languages), or a frozen pool file,
with which old numbers stay as they are. In a pool of two, every z-score is -1, 0 or 1 by
construction.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import parse_record
from polyglot_harness.spec import Record, digest

_ZERO = 1e-12  # a smaller sd is rounding
Metrics = Mapping[str, float | None]
"""Metric -> value as measured; None, not finite or absent: missing."""


def _as_is(value: float) -> float:
    return value


def _negative_log(perplexity: float) -> float:
    return -math.log1p(perplexity)


METRICS: dict[str, Callable[[float], float]] = {
    "prompt_distinct_ri": _as_is,
    "response_distinct_ri": _as_is,
    "perplexity": _negative_log,
    "rubric_score": _as_is,
}
"""Metric -> how its value enters z, such that higher is better."""


@dataclass(frozen=True)
class Pool:
    """Mean and sd that z-scores are taken against."""

    name: str
    moments: tuple[tuple[str, float, float], ...]
    """(metric, mean, population sd), of the values as they enter z: of -log1p(perplexity)."""
    size: int | None = None
    """Number of cells, of the metric that fewest have; None if a frozen pool does not say."""

    @property
    def label(self) -> str:
        """Return the name, and which metrics are no part of z."""
        absent = [m for m in METRICS if m not in {name for name, *_ in self.moments}]
        return self.name + (f" without {', '.join(absent)}" if absent else "")


def pool_of(cells: Sequence[Metrics]) -> Pool:
    """Return the pool of the cells at hand; their order does not matter.

    Args:
        cells: The metrics of each cell of one language. A metric enters with the cells that have
            it; one that no cell has is no part of z, and the pool's label says so.
    """
    rows = [_oriented(cell) for cell in cells]
    columns = {m: [row[m] for row in rows if m in row] for m in METRICS}
    moments = tuple(
        (metric, statistics.fmean(values), statistics.pstdev(values))
        for metric, values in columns.items()
        if values
    )
    members = sorted(tuple(sorted(row.items())) for row in rows)
    size = min((len(values) for values in columns.values() if values), default=0)
    return Pool(f"cells@{digest(members)[:8]}", moments, size)


def z_of(cell: Metrics, pool: Pool) -> float | None:
    """Return the mean z-score of a cell over the pool's metrics.

    Returns:
        None if the cell misses one of them (see `missing_metrics`), or if the pool has none.
    """
    if not pool.moments or missing_metrics(cell, pool):
        return None
    row = _oriented(cell)
    return statistics.fmean(standardise(row[m], mean, sd) for m, mean, sd in pool.moments)


def missing_metrics(cell: Metrics, pool: Pool) -> tuple[str, ...]:
    """Return the pool's metrics that the cell does not have."""
    row = _oriented(cell)
    return tuple(metric for metric, *_ in pool.moments if metric not in row)


def standardise(value: float, mean: float, sd: float) -> float:
    """Return (value - mean) / sd; 0 where all values of the pool are the same."""
    return (value - mean) / sd if sd > _ZERO else 0.0


def _oriented(cell: Metrics) -> dict[str, float]:
    """Return the metrics that are there, as they enter z."""
    found = {m: cell.get(m) for m in METRICS}
    return {m: METRICS[m](v) for m, v in found.items() if v is not None and math.isfinite(v)}


_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _PoolFile(Record):
    name: str = Field(min_length=1)
    mean: dict[str, _Finite]
    sd: dict[str, Annotated[_Finite, Field(ge=0)]]
    n: int | None = Field(None, ge=1)


def load_pool(path: Path) -> Pool:
    """Read a frozen pool: ``{"name": ..., "mean": {metric: ...}, "sd": {metric: ...}}``.

    Mean and sd of ``perplexity`` are those of -log1p(perplexity). An optional ``n`` is the number
    of cells that the pool was made of. Each metric of the file is part of z.

    Raises:
        ConfigError: If the file is missing, no JSON object, or not of this form.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not a frozen pool: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: not a frozen pool: expected a JSON object")
    file = parse_record(_PoolFile, data, str(path))
    if not file.mean or set(file.mean) != set(file.sd):
        raise ConfigError(f"{path}: mean and sd must name the same metrics, at least one")
    for metric in file.mean:
        if metric not in METRICS:
            raise unknown_name(f"metric in {path}", metric, METRICS)
    moments = tuple((m, file.mean[m], file.sd[m]) for m in METRICS if m in file.mean)
    return Pool(file.name, moments, file.n)

"""The intrinsic half of the Polyglot Score: a mean of z-scores over a pool (arXiv 2604.11290).

A z-score says how a teacher's data compare with those of the other teachers of the pool, so it
moves when a teacher joins. Hence the pool is named beside every z: either the cells at hand, those
of the same language (``cells@<digest>``; the paper pools all languages), or a frozen pool file,
with which old numbers stay as they are. In a pool of two, every z-score is -1, 0 or 1 by
construction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polyglot_harness.errors import unknown_name
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.spec import digest

_ZERO = 1e-12  # a smaller sd is rounding
Metrics = Mapping[str, float | None]
"""Metric -> value as measured; None, not finite or absent: missing."""


def _as_is(value: float) -> float:
    return value


def _negative_log(perplexity: float) -> float:
    return -math.log1p(perplexity) if perplexity > 0 else math.nan


METRICS: dict[str, Callable[[float], float]] = {
    "prompt_distinct_ri": _as_is,
    "response_distinct_ri": _as_is,
    "perplexity": _negative_log,
    "rubric_score": _as_is,
}
"""Metric -> how its value enters z, such that higher is better."""
PERPLEXITY = list(METRICS).index("perplexity")


@dataclass(frozen=True)
class Pool:
    """Mean and sd that z-scores are taken against."""

    name: str
    moments: tuple[tuple[str, float, float], ...]
    """(metric, mean, population sd), of the values as they enter z: of -log1p(perplexity)."""
    size: int | None = None
    """Number of cells, of the metric that fewest have; None if a frozen pool does not say."""
    languages: tuple[tuple[str, Pool], ...] = ()
    """A frozen pool of each language, in place of `moments`."""

    @property
    def label(self) -> str:
        """Return the name, and which metrics are no part of z."""
        absent = [m for m in METRICS if m not in {name for name, *_ in self.moments}]
        return self.name + (f" without {', '.join(absent)}" if absent else "")

    def of(self, language: str) -> Pool:
        """Return the pool of a language.

        Raises:
            ConfigError: If the pool is by language and has not this one.
        """
        if not self.languages:
            return self
        by_language = dict(self.languages)
        if language not in by_language:
            raise unknown_name(f"language of pool {self.name}", language, by_language)
        return by_language[language]


def oriented(metrics: FloatArray) -> FloatArray:
    """Return metrics as they enter z: higher is better.

    Args:
        metrics: [..., M] in the order of `METRICS`, as measured; not finite is missing.

    Returns:
        [..., M]; NaN where missing.
    """
    found = np.where(np.isfinite(metrics), metrics, np.nan)
    for m, orient in enumerate(METRICS.values()):
        if orient is not _as_is:
            # math's logarithm, not numpy's: digests of pools must not hang on the last bit
            column = [orient(v) for v in found[..., m].ravel().tolist()]
            found[..., m] = np.reshape(column, found.shape[:-1])
    return found


def pool_of_rows(rows: FloatArray) -> Pool:
    """Return the pool of the cells at hand; their order does not matter.

    Args:
        rows: [cells, M], oriented. A metric enters with the cells that have it; one that no cell
            has is no part of z, and the pool's label says so.
    """
    # sums in one order, for they are rounded
    columns = [(name, np.sort(rows[np.isfinite(rows[:, m]), m])) for m, name in enumerate(METRICS)]
    moments = tuple((m, float(v.mean()), float(v.std())) for m, v in columns if v.size)
    names = sorted((name, m) for m, name in enumerate(METRICS))
    members = sorted(
        tuple((name, row[m]) for name, m in names if not math.isnan(row[m]))
        for row in rows.tolist()
    )
    size = min((v.size for _, v in columns if v.size), default=0)
    return Pool(f"cells@{digest(members)[:8]}", moments, size)


def pool_of(cells: Sequence[Metrics]) -> Pool:
    """Return the pool of the cells at hand, see `pool_of_rows`."""
    return pool_of_rows(oriented(metric_rows(cells)))


def metric_rows(cells: Sequence[Metrics]) -> FloatArray:
    """Return the metrics of cells as measured, [cells, M]; NaN where missing."""
    rows = [[np.nan if (v := cell.get(m)) is None else v for m in METRICS] for cell in cells]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(METRICS))


def z_rows(rows: FloatArray, pool: Pool) -> FloatArray:
    """Return the mean z-score of each cell over the pool's metrics.

    Args:
        rows: [..., M], oriented.
        pool: Of their language.

    Returns:
        [...]; NaN for a cell that misses one of the metrics, and everywhere if the pool has none.
    """
    if not pool.moments:
        return np.full(rows.shape[:-1], np.nan)
    columns, means, sds = moment_arrays(pool)
    found: FloatArray = scaled(rows[..., columns], means, sds).mean(axis=-1)
    return found


def moment_arrays(pool: Pool) -> tuple[list[int], FloatArray, FloatArray]:
    """Return which columns of `METRICS` are in the pool, their means and sds."""
    order = {name: m for m, name in enumerate(METRICS)}
    columns = [order[metric] for metric, *_ in pool.moments]
    return columns, np.array([m[1] for m in pool.moments]), np.array([m[2] for m in pool.moments])


def scaled(values: FloatArray, mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Return (values - mean) / sd; 0 where all values of the pool are the same."""
    flat = sd <= _ZERO
    return np.where(flat, values * 0.0, (values - mean) / np.where(flat, 1.0, sd))


def z_of(cell: Metrics, pool: Pool) -> float | None:
    """Return the mean z-score of a cell over the pool's metrics.

    Returns:
        None if the cell misses one of them (see `missing_metrics`), or if the pool has none.
    """
    z = float(z_rows(oriented(metric_rows([cell])), pool)[0])
    return None if math.isnan(z) else z


def missing_metrics(cell: Metrics, pool: Pool) -> tuple[str, ...]:
    """Return the pool's metrics that the cell does not have."""
    found = dict(zip(METRICS, oriented(metric_rows([cell]))[0], strict=True))
    return tuple(metric for metric, *_ in pool.moments if math.isnan(found[metric]))

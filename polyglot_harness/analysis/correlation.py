"""Spearman's rank correlation of each metric with the outcome, by language and over all.

Pooled over languages it mixes two questions, which language and which teacher; the mean over
languages of the correlations within each asks only the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from polyglot_harness.analysis.frame import FloatArray, Frame, flat
from polyglot_harness.analysis.resampling import (
    SEED,
    IntArray,
    p_value,
    percentiles,
    shuffles,
    weights,
)

MIN_CELLS = 4
SIGNIFICANT = 0.05
"""q below which tables and figures mark a coefficient."""
POOLED, WITHIN = "all", "mean"
"""Beside the languages: all cells together, and the mean of the languages' correlations."""
_ZERO = 1e-9  # a smaller variance of ranks is rounding


@dataclass(frozen=True)
class Correlation:
    """One coefficient."""

    metric: str
    language: str
    """Code, `POOLED` or `WITHIN`."""
    rho: float | None
    n: int
    low: float | None = None
    """95 % bootstrap interval over teachers."""
    high: float | None = None
    p_value: float | None = None
    """Two-sided, by permutation; of `WITHIN` within languages."""
    q_value: float | None = None
    """Benjamini-Hochberg over all metrics and languages (`POOLED` and `WITHIN` by themselves)."""
    reason: str = ""
    """Why there is no number."""


@dataclass(frozen=True)
class _Sampled:
    """A coefficient, and what it is under resamples and permutations."""

    rho: float
    resampled: FloatArray
    """[`RESAMPLES`]; NaN where all drawn are the same."""
    permuted: FloatArray
    """[`PERMUTATIONS`]."""


def correlations(data: Frame) -> tuple[Correlation, ...]:
    """Correlate every metric with the outcome: in each language, pooled, and as a mean."""
    drawn = weights(data.teacher)
    languages = sorted(set(data.language))
    parts: list[Correlation] = []
    totals: list[Correlation] = []
    for column in range(len(data.metrics)):
        sampled = []
        for number, language in enumerate(languages):
            rows = np.flatnonzero(np.array(data.language) == language)
            found, part = _correlate(data, column, rows, language, drawn, SEED + 1 + number)
            parts.append(found)
            sampled += [part] if part else []
        if len(languages) > 1:
            every = np.arange(len(data.y))
            totals.append(_correlate(data, column, every, POOLED, drawn, SEED)[0])
            totals.append(_mean(data, column, sampled))
    return (*_adjusted(parts), *_adjusted(totals))


def _correlate(
    data: Frame, column: int, rows: IntArray, name: str, drawn: FloatArray, seed: int
) -> tuple[Correlation, _Sampled | None]:
    x, y, label, n = data.x[rows, column], data.y[rows], data.metrics[column], len(rows)
    if n < MIN_CELLS:
        reason = f"{n} cells, {MIN_CELLS} are the least"
        return Correlation(label, name, None, n, reason=reason), None
    if flat(x) or flat(y):
        reason = f"{label if flat(x) else data.outcome} is constant"
        return Correlation(label, name, None, n, reason=reason), None
    whole = weighted_spearman(x, y, np.ones((1, n)))
    sampled = _Sampled(
        float(whole[0]),
        weighted_spearman(x, y, drawn[:, rows]),
        _unit_ranks(x)[shuffles(None, n, seed)] @ _unit_ranks(y),
    )
    return _described(label, name, n, [data.teacher[r] for r in rows], sampled), sampled


def _mean(data: Frame, column: int, parts: list[_Sampled]) -> Correlation:
    """Return the mean over the languages that have a coefficient."""
    label, n = data.metrics[column], len(data.y)
    if not parts:
        return Correlation(label, WITHIN, None, n, reason="no language has a coefficient")
    resampled = np.array([part.resampled for part in parts])
    there = ~np.isnan(resampled)
    count = there.sum(axis=0)
    sums = np.where(there, resampled, 0.0).sum(axis=0)
    sampled = _Sampled(
        float(np.mean([part.rho for part in parts])),
        np.where(count > 0, sums / np.maximum(count, 1), np.nan),
        np.mean([part.permuted for part in parts], axis=0),
    )
    return _described(label, WITHIN, n, data.teacher, sampled)


def _described(
    metric: str, name: str, n: int, teachers: tuple[str, ...] | list[str], found: _Sampled
) -> Correlation:
    bounds = percentiles(teachers, found.resampled)
    low, high = (float(b) for b in bounds) if bounds else (None, None)
    p = p_value(abs(found.rho), np.abs(found.permuted))
    return Correlation(metric, name, found.rho, n, low, high, p)


def weighted_spearman(x: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the rank correlation of samples given by how often each value is in them.

    Args:
        x: [n].
        y: [n].
        weight: Whole numbers, [samples, n].

    Returns:
        [samples]; ties have their mean rank; NaN where all x or all y of a sample are the same.
    """
    a, b = weight @ _below(x), weight @ _below(y)
    total = weight.sum(axis=1, keepdims=True)
    # a sample that drew nobody of a language
    total = np.where(total > 0, total, np.nan)
    a = a - (weight * a).sum(axis=1, keepdims=True) / total
    b = b - (weight * b).sum(axis=1, keepdims=True) / total
    variances = (weight * a * a).sum(axis=1) * (weight * b * b).sum(axis=1)
    known = variances > _ZERO
    rho = (weight * a * b).sum(axis=1) / np.sqrt(np.where(known, variances, 1.0))
    found: FloatArray = np.where(known, rho, np.nan)
    return found


def _below(values: FloatArray) -> FloatArray:
    """Return [j, i]: 1 where value j is below value i, a half where they are equal."""
    left, right = values[:, None], values[None, :]
    below: FloatArray = (left < right) + 0.5 * (left == right)
    return below


def _unit_ranks(values: FloatArray) -> FloatArray:
    """Return ranks with mean 0 and length 1, so that a product is a correlation."""
    ranks = _below(values).sum(axis=0)
    centred: FloatArray = ranks - ranks.mean()
    return centred / np.linalg.norm(centred)


def _adjusted(found: list[Correlation]) -> list[Correlation]:
    """Add q values over those that have a p value."""
    from scipy.stats import false_discovery_control

    tested = [c.p_value for c in found if c.p_value is not None]
    adjusted = iter(false_discovery_control(tested) if tested else ())
    return [replace(c, q_value=float(next(adjusted))) if c.p_value is not None else c
            for c in found]  # fmt: skip

"""How teachers compare: ranks, their aggregates over languages, and pairs of teachers.

Two teachers closer than `TIE` are tied, so that rounding breaks no tie. Teachers that lack a
language have no aggregate, and no part in those of others: ranks within a language are among the
teachers that have all languages, so that an incomplete row moves nobody.
"""

from __future__ import annotations

import numpy as np

from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.options import Aggregate

TIE = 1e-9
EXACT_PAIRS = 60
"""Up to so many teachers every pair is compared draw by draw."""
_TAIL = 0.1  # per cent of draws at each end that do not enter a variance


def ranks(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rank along the first axis, the largest first.

    Args:
        values: [T, ...], without NaN.

    Returns:
        How many are ahead of each, and how many are level with or ahead of it, itself included:
        1 + the first is its rank, and what it shares a rank with lies between the two.
    """
    count = len(values)
    order = np.argsort(-values, axis=0, kind="stable")
    best = np.take_along_axis(values, order, axis=0)
    place = np.arange(count).reshape(-1, *[1] * (values.ndim - 1))
    gap = best[:-1] - best[1:] > TIE
    edge = np.ones((1, *values.shape[1:]), dtype=bool)
    first = np.maximum.accumulate(np.where(np.concatenate([edge, gap]), place, 0), axis=0)
    last = np.where(np.concatenate([gap, edge]), place + 1, count)
    last = np.minimum.accumulate(last[::-1], axis=0)[::-1]
    ahead, level = np.empty(values.shape), np.empty(values.shape)
    np.put_along_axis(ahead, order, first.astype(float), axis=0)
    np.put_along_axis(level, order, last.astype(float), axis=0)
    return ahead, level


def standing(values: FloatArray, aggregate: Aggregate) -> FloatArray:
    """Return what one language adds to an aggregate over languages, which is the mean of these.

    Args:
        values: [T, ...], without NaN.
        aggregate: ``mean``: the value itself; ``borda``: the share of the other teachers that each
            is ahead of, a tie counted half, 1 where there is no other; ``mrr``: 1 / rank.

    Returns:
        [T, ...].
    """
    if aggregate == "mean":
        return values
    ahead, level = ranks(values)
    if aggregate == "mrr":
        return 1.0 / (1.0 + ahead)
    others = len(values) - 1
    return (len(values) - (ahead + level + 1) / 2) / others if others else np.ones_like(ahead)


def aggregate_of(values: FloatArray, aggregate: Aggregate) -> FloatArray:
    """Return the aggregate of each teacher.

    Args:
        values: [T, L]; NaN is missing.
        aggregate: How languages are joined.

    Returns:
        [T]; NaN for a teacher that lacks a language, or where there is none.
    """
    complete = np.isfinite(values).all(axis=1) & (values.shape[1] > 0)
    found = np.full(len(values), np.nan)
    if complete.any():
        found[complete] = np.mean([standing(v, aggregate) for v in values[complete].T], axis=0)
    return found


def compared(draws: FloatArray, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compare every two teachers.

    The p of a pair is twice the share of draws that contradict the observed order. Where none
    does, and for more than `EXACT_PAIRS` teachers, it is that of a normal with the variance of the
    difference over the draws (less the outermost, for PGR has poles), which can tell 1e-3 from
    1e-9: a correction for thousands of pairs needs that.

    Args:
        draws: [T, R], without NaN.
        points: [T], what was observed.

    Returns:
        Probability that the row's teacher is better than the column's, ties counted half, and
        two-sided p before correction: both [T, T], NaN on the diagonal of p.
    """
    count, resamples = draws.shape
    if not count:
        return np.zeros((0, 0)), np.zeros((0, 0))
    low, high = np.percentile(draws, [_TAIL, 100 - _TAIL], axis=1)
    better, p = by_normal(
        points, np.atleast_2d(np.cov(np.clip(draws, low[:, None], high[:, None])))
    )
    if count <= EXACT_PAIRS:
        for i in range(count):
            apart = draws[i] - draws
            ahead, behind = (apart > TIE).mean(axis=1), (apart < -TIE).mean(axis=1)
            better[i] = (1 + ahead - behind) / 2
        share = 2 * np.minimum(better, 1 - better)
        p = np.where(share > 0, share, np.minimum(np.maximum(p, 0), 2 / (resamples + 2)))
    return better, p


def by_normal(points: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compare every two teachers whose errors are normal; see `compared`.

    Args:
        points: [T].
        covariance: [T, T].
    """
    from scipy.special import ndtr

    variance = np.diag(covariance)
    sd = np.sqrt(np.maximum(variance[:, None] + variance - 2 * covariance, 0.0))
    apart = points[:, None] - points
    known = sd > TIE
    score = np.where(known, apart / np.where(known, sd, 1.0), np.copysign(np.inf, apart))
    score = np.where(np.abs(apart) <= TIE, 0.0, score)
    return ndtr(score), 2 * ndtr(-np.abs(score))


def holm(p: FloatArray) -> FloatArray:
    """Correct p for their number, step down (Holm 1979).

    Args:
        p: [N], none missing.

    Returns:
        [N], in the same order.
    """
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return corrected


def holm_of_pairs(p: FloatArray) -> FloatArray:
    """Correct the p of all pairs; see `holm`.

    Args:
        p: [T, T], symmetric; NaN for a pair that was not compared.

    Returns:
        [T, T], symmetric; NaN likewise, and on the diagonal.
    """
    upper = np.triu_indices(len(p), 1)
    pairs = p[upper]
    compared = np.isfinite(pairs)
    pairs[compared] = holm(pairs[compared])
    found = np.full_like(p, np.nan)
    found[upper] = pairs
    return np.fmax(found, found.T)

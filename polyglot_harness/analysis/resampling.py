"""Resamples of whole teachers, and permutations: all seeded, all over rows of one order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from polyglot_harness.analysis.frame import FloatArray

IntArray = npt.NDArray[np.int64]
SEED = 0
RESAMPLES = 1000
PERMUTATIONS = 2000
MIN_TEACHERS = 5
"""Fewer can be drawn in too few ways for an interval."""
_TIE = 1e-12  # a permuted statistic this close to the observed one is as great


def codes(labels: Sequence[str]) -> IntArray:
    """Return labels as numbers 0, 1, ... in sorted order."""
    return np.unique(np.array(labels), return_inverse=True)[1].astype(np.int64)


def clusters(labels: Sequence[str]) -> Iterator[IntArray]:
    """Yield the rows of `RESAMPLES` bootstrap samples of whole teachers (with replacement).

    The rows of a teacher stand or fall together, as they are not independent.
    """
    groups = codes(labels)
    members = [np.flatnonzero(groups == g) for g in range(groups.max() + 1)]
    rng = np.random.default_rng(SEED)
    for _ in range(RESAMPLES):
        drawn = rng.integers(len(members), size=len(members))
        yield np.concatenate([members[g] for g in drawn])


def weights(labels: Sequence[str]) -> FloatArray:
    """Return the same samples as counts: how often each row is in each, [`RESAMPLES`, n]."""
    n = len(labels)
    return np.array([np.bincount(rows, minlength=n) for rows in clusters(labels)], dtype=np.float64)


def interval(
    labels: Sequence[str], statistic: Callable[[IntArray], FloatArray | float]
) -> tuple[FloatArray, FloatArray] | None:
    """Return the 2.5 % and 97.5 % percentiles of a statistic over resampled teachers.

    Args:
        labels: Teacher of each row.
        statistic: From row numbers to an array of any shape; NaN where a resample has no value.

    Returns:
        None where there is none, see `percentiles`.
    """
    if len(set(labels)) < MIN_TEACHERS:
        return None
    return percentiles(labels, np.array([statistic(rows) for rows in clusters(labels)]))


def percentiles(
    labels: Sequence[str], resampled: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Return the 2.5 % and 97.5 % percentiles of a statistic, [`RESAMPLES`, ...].

    Returns:
        None with fewer than `MIN_TEACHERS` teachers, or if a tenth of the resamples has no value.
    """
    if len(set(labels)) < MIN_TEACHERS or np.isnan(resampled).mean(axis=0).max() > 0.1:
        return None
    low, high = np.nanpercentile(resampled, [2.5, 97.5], axis=0)
    return low, high


def shuffles(labels: IntArray | None, n: int, seed: int = SEED) -> IntArray:
    """Return permutations of row numbers, [`PERMUTATIONS`, n], within labels if given."""
    rng = np.random.default_rng(seed)
    rows = np.tile(np.arange(n), (PERMUTATIONS, 1))
    groups = np.zeros(n, np.int64) if labels is None else labels
    for group in np.unique(groups):
        part = np.flatnonzero(groups == group)
        rows[:, part] = rng.permuted(rows[:, part], axis=1)
    return rows


def p_value(observed: float, permuted: FloatArray) -> float:
    """Return the share of permutations at least as great, the observed one counted in."""
    return float((1 + (permuted >= observed - _TIE).sum()) / (1 + len(permuted)))

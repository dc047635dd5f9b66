"""Resampled means: of items, the same ones for all models, and of what other seeds would give.

Items are drawn with replacement within each task (the tasks are fixed, strata), and every model is
averaged over the same draws: differences between models are paired. Drawing is by integer indices
that are counted, so that all models of a task need one matrix product a block of draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from polyglot_harness.scoring.grid import LanguageItems
from polyglot_harness.scoring.items import FloatArray

BLOCK = 1 << 20
"""Drawn items in memory at a time."""
_FEW = 20
"""Where items have so many times fewer patterns, their numbers are drawn in place of the items."""


@dataclass(frozen=True)
class Answers:
    """The answers to one language's items, averaged over seeds, and how much seeds move them."""

    tasks: tuple[FloatArray, ...]
    """One array a task, [T + 2, items]: teachers, base, reference; NaN for one without answers."""
    seed_sd: FloatArray
    """[T + 2]: standard error, of the mean over tasks, that comes of the choice of seeds."""
    seed_df: int
    """Degrees of freedom of `seed_sd`; 0 where there is one seed."""


def answers_of(items: LanguageItems) -> Answers:
    """Stack the answers of all models of a language."""
    count = len(items.tasks)
    models = [
        np.concatenate([student, *(_anchor(a, t, student) for a in (items.base, items.reference))])
        for t, student in zip(range(count), items.student, strict=True)
    ]
    sd, df = _seed_error(models)
    return Answers(tuple(m.mean(axis=1) for m in models), sd, df)


def _anchor(anchor: tuple[FloatArray, ...] | None, task: int, student: FloatArray) -> FloatArray:
    """Return the answers of an anchor as [1, K, items], NaN where they are not stored."""
    return np.full((1, *student.shape[1:]), np.nan) if anchor is None else anchor[task][None]


def _seed_error(tasks: list[FloatArray]) -> tuple[FloatArray, int]:
    """Return the part of the error of a mean over K seeds that items do not account for.

    A mean over K seeds has the variance ``(s + e / n) / K`` beside that of its items: s between
    seeds, e of single answers. The bootstrap over items counts e already, so s alone is wanted:
    the variance between the seeds' means less e / n, by analysis of variance. Drawing replicates
    (K of K) would count e twice, and with two or three seeds has hardly any degrees of freedom;
    here s is one number for all trained models of the language, with K - 1 of each.

    Args:
        tasks: One array a task, [T + 2, K, items].

    Returns:
        [T + 2], 0 for a model without that part (an anchor that is the same for all seeds), and
        the degrees of freedom.
    """
    models, k, _ = tasks[0].shape
    none = np.zeros(models)
    if k < 2:
        return none, 0
    means = np.mean([t.mean(axis=2) for t in tasks], axis=0)
    within = np.zeros(models)
    for t in tasks:
        n = t.shape[2]
        rest = t - t.mean(axis=1, keepdims=True) - t.mean(axis=2, keepdims=True)
        rest += t.mean(axis=(1, 2), keepdims=True)
        if n > 1:
            within += (rest**2).sum(axis=(1, 2)) / ((k - 1) * (n - 1)) / n / len(tasks) ** 2
    trained = np.isfinite(means).all(axis=1)
    trained[-2:] &= np.ptp(means[-2:], axis=1) > 0
    if not trained.any():
        return none, 0
    between = float(np.mean((means.var(axis=1, ddof=1) - within)[trained]))
    return np.where(trained, math.sqrt(max(between, 0.0) / k), 0.0), int(trained.sum()) * (k - 1)


def resampled_means(
    values: FloatArray, resamples: int, rng: np.random.Generator, *, block: int = BLOCK
) -> FloatArray:
    """Draw the items of a task with replacement, the same for all models.

    Deviations from the observed mean are stretched by ``sqrt(n / (n - 1))``, so that the variance
    over resamples is the unbiased one of `items.estimate`.

    Args:
        values: [models, items], two items at least.
        resamples: How many.
        rng: Of the draws.
        block: Drawn items in memory at a time.

    Returns:
        [models, resamples].
    """
    n = values.shape[1]
    known = np.isfinite(values).all(axis=1)
    patterns, counts = np.unique(values[known], axis=1, return_counts=True)
    if len(counts) * _FEW < n:
        drawn = rng.multinomial(n, counts / n, size=resamples)
        found = patterns @ drawn.T / n
    else:
        found = _by_index(values[known], resamples, rng, block)
    observed = values[known].mean(axis=1, keepdims=True)
    means = np.full((len(values), resamples), np.nan)
    means[known] = observed + (found - observed) * math.sqrt(n / (n - 1))
    return means


def _by_index(
    values: FloatArray, resamples: int, rng: np.random.Generator, block: int
) -> FloatArray:
    models, n = values.shape
    small = np.uint16 if n <= 1 << 16 else np.uint32
    rows = max(1, block // n)
    starts = (np.arange(rows) * n)[:, None]
    means = np.empty((models, resamples))
    for first in range(0, resamples, rows):
        some = min(rows, resamples - first)
        places = rng.integers(0, n, (some, n), dtype=small) + starts[:some]
        counts = np.bincount(places.ravel(), minlength=some * n).reshape(some, n)
        means[:, first : first + some] = values @ counts.T.astype(np.float64) / n
    return means


def seed_shifts(answers: Answers, resamples: int, rng: np.random.Generator) -> FloatArray | None:
    """Draw what other seeds would add to each model's mean.

    A t distribution, for `Answers.seed_sd` is itself an estimate: one scale a draw for all models.

    Returns:
        [models, resamples]; None where there is one seed.
    """
    if not answers.seed_df:
        return None
    scale = np.sqrt(answers.seed_df / rng.chisquare(answers.seed_df, resamples))
    normal = rng.standard_normal((len(answers.seed_sd), resamples))
    return answers.seed_sd[:, None] * normal * scale

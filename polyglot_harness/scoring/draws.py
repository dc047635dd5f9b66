"""What the cells of one language might have been: joint draws of all that scores are made of.

Answers are resampled by item where they are stored (`resampling`), else drawn from normals with the
stored standard errors. The intrinsic metrics of a cell are drawn from normals with their standard
errors over examples and their correlations; perplexity on the scale of its logarithm, so that it
stays positive. A pool of the cells at hand moves with each draw, a frozen one does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from polyglot_harness.scoring.grid import BoolArray, Grid, LanguageItems, column, finite, joined
from polyglot_harness.scoring.intrinsic_z import PERPLEXITY, Pool, moment_arrays, oriented, scaled
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.pgr import MAX_NONPOSITIVE, Method
from polyglot_harness.scoring.resampling import answers_of, resampled_means, seed_shifts

_ZERO = 1e-12  # a smaller gap is rounding


@dataclass(frozen=True)
class Drawn:
    """A quantity of all teachers in one language."""

    values: FloatArray
    """[T, R]; one whose error is not known stays what it is, a missing one is NaN."""
    known: BoolArray
    """[T]: whether its error is known."""


Rng = Callable[[str], np.random.Generator]


@dataclass(frozen=True)
class How:
    """How a language is drawn."""

    pool: Pool
    """Of the language."""
    moving: bool
    """Whether the pool is the cells at hand, and moves with them."""
    alpha: float
    pgr_method: Method
    resamples: int


def draw_language(grid: Grid, j: int, how: How, rng: Rng) -> dict[str, Drawn]:
    """Draw all quantities of a language.

    Args:
        grid: The board.
        j: Which of its languages.
        how: How it is drawn.
        rng: Makes a generator for each part, so that one part's draws do not move another's.

    Returns:
        Those of `grid.QUANTITIES` by name.
    """
    items = grid.items[j] if grid.items else None
    stored = {} if items is None else _resampled(items, how, rng)
    found = {
        name: _else_normal(stored.get(name), grid, j, name, how, rng)
        for name in ("raw", "gain", "pgr")
    }
    gain = found["gain"]
    found["z"] = _z(grid, j, how, rng("metrics"))
    found["gain_z"] = _standardised(gain.values, column(grid, "gain")[:, j], gain.known)
    z, pgr, gain_z = found["z"], found["pgr"], found["gain_z"]
    known = (z.known | (how.alpha == 0)) & (pgr.known | (how.alpha == 1))
    found["score"] = Drawn(joined(z.values, pgr.values, how.alpha), known)
    found["stable"] = Drawn((z.values + gain_z.values) / 2, z.known & gain_z.known)
    return found


def _else_normal(stored: Drawn | None, grid: Grid, j: int, name: str, how: How, rng: Rng) -> Drawn:
    """Draw from normals with the stored standard errors what answers do not give."""
    value, stderr = column(grid, name)[:, j], column(grid, f"{name}_stderr")[:, j]
    resampled = np.zeros(len(value), dtype=bool) if stored is None else stored.known
    normal = np.isfinite(value) & np.isfinite(stderr) & ~resampled
    draws = np.repeat(value[:, None], how.resamples, axis=1)
    if stored is not None:
        draws[resampled] = stored.values[resampled]
    noise = rng(name).standard_normal((int(normal.sum()), how.resamples))
    draws[normal] += stderr[normal, None] * noise
    return Drawn(draws, resampled | normal)


def _resampled(items: LanguageItems, how: How, rng: Rng) -> dict[str, Drawn]:
    """Draw items, the same for all; {} where a task has fewer than two."""
    answers = answers_of(items)
    if min((task.shape[1] for task in answers.tasks), default=0) < 2:
        return {}
    draw = rng("items")
    shifts = seed_shifts(answers, how.resamples, rng("seeds"))
    mean = np.zeros((len(answers.seed_sd), how.resamples))
    by_task = []
    for task in answers.tasks:
        means = resampled_means(task, how.resamples, draw) + (0.0 if shifts is None else shifts)
        mean += means / len(answers.tasks)
        if how.pgr_method == "mean-of-ratios":
            by_task.append(_ratio(means))
    ratios = by_task or [_ratio(mean)]
    pgr, gap = np.mean([r for r, _ in ratios], axis=0), np.min([g for _, g in ratios], axis=0)
    gap_known = bool(np.isfinite(gap).all() and np.mean(gap <= _ZERO) <= MAX_NONPOSITIVE)
    found = {"raw": mean[:-2], "gain": mean[:-2] - mean[-2], "pgr": pgr}
    pole = np.abs(gap) <= _ZERO
    if pole.any() and not pole.all():
        # a gap of just zero has no ratio: another draw stands in its place
        order = np.arange(how.resamples)
        order[pole] = draw.choice(np.flatnonzero(~pole), int(pole.sum()))
        found = {name: values[:, order] for name, values in found.items()}
    known = {name: finite(values) for name, values in found.items()}
    return {name: Drawn(values, known[name] & (name != "pgr" or gap_known))
            for name, values in found.items()}  # fmt: skip


def _ratio(means: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return PGR [T, R] and the gap [R] of means [T + 2, R]; PGR is NaN over a gap of zero."""
    gap = means[-1] - means[-2]
    sound = np.where(np.abs(gap) > _ZERO, gap, np.nan)
    return (means[:-2] - means[-2]) / sound, gap


def _z(grid: Grid, j: int, how: How, rng: np.random.Generator) -> Drawn:
    """Draw the pool's metrics, then z; a z that was given as such has no error."""
    given = column(grid, "z")[:, j]
    if not how.pool.moments:
        return Drawn(np.repeat(given[:, None], how.resamples, axis=1), np.zeros(len(given), bool))
    columns, means, sds = moment_arrays(how.pool)
    values, errors = grid.metrics[:, j], grid.metric_stderrs[:, j]
    known = finite(values[:, columns] + errors[:, columns])
    draws = _metrics(values, errors, correlations_of(grid, j), how.resamples, rng)[:, columns]
    if how.moving:
        observed = oriented(values)[:, columns]
        parts = [_standardised(draws[:, m], observed[:, m], known) for m in range(len(columns))]
        known = np.logical_and.reduce([p.known for p in parts])
        return Drawn(np.mean([p.values for p in parts], axis=0), known)
    return Drawn(scaled(draws, means[:, None], sds[:, None]).mean(axis=1), known)


def correlations_of(grid: Grid, j: int) -> FloatArray:
    """Return the correlations between metrics in language number j, [T, M, M]."""
    count = grid.metrics.shape[2]
    if grid.correlations is None:
        return np.broadcast_to(np.eye(count), (len(grid.teachers), count, count))
    found: FloatArray = np.nan_to_num(grid.correlations[:, j], nan=0.0)
    found[:, range(count), range(count)] = 1.0
    return found


def _metrics(
    values: FloatArray,
    errors: FloatArray,
    correlations: FloatArray,
    resamples: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Draw metrics as they enter z, [T, M, R]; a metric without an error stays what it is."""
    roots, vectors = np.linalg.eigh(correlations)
    # estimated pair by pair they may be no correlations of anything: the nearest that are
    factor = vectors * np.sqrt(np.maximum(roots, 0.0))[:, None, :]
    factor /= np.linalg.norm(factor, axis=2, keepdims=True)
    noise = factor @ rng.standard_normal((*values.shape, resamples))
    errors = np.where(np.isfinite(errors), errors, 0.0)
    draws: FloatArray = values[..., None] + errors[..., None] * noise
    there = values[:, PERPLEXITY] > 0
    perplexity, error = values[there, PERPLEXITY], errors[there, PERPLEXITY]
    log = np.log(perplexity)[:, None] + (error / perplexity)[:, None] * noise[there, PERPLEXITY]
    draws[:, PERPLEXITY] = np.nan
    draws[there, PERPLEXITY] = -np.logaddexp(0.0, log)
    return draws


def _standardised(draws: FloatArray, observed: FloatArray, known: BoolArray) -> Drawn:
    """Return z-scores among the teachers that have a value, in each draw.

    What was observed has an error already, and a draw adds it once more: the spread within a draw
    is too large, its z-scores are too near to 0. They are stretched until their means over the
    draws are the observed ones, by at most the root of 2, which is where all spread is error. None
    can exceed the root of n - 1.

    Args:
        draws: [T, R].
        observed: [T].
        known: [T].

    Returns:
        No error is known of one teacher alone, whose z-score is 0 by construction.
    """
    there = finite(draws) & np.isfinite(observed)
    n = int(there.sum())
    if n < 2:
        return Drawn(np.where(there[:, None], 0.0, np.nan) * draws, np.zeros_like(known))
    own = observed[there]
    found = scaled(draws, draws[there].mean(axis=0), draws[there].std(axis=0))
    target, centre = scaled(own, own.mean(), own.std()), found[there].mean(axis=1)
    stretch = np.clip(target @ centre / max(centre @ centre, _ZERO), 1.0, math.sqrt(2))
    limit = math.sqrt(n - 1)
    return Drawn(np.clip(stretch * found, -limit, limit), known & there)

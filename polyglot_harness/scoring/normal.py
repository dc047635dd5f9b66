"""Errors in closed form, for large boards whose answers are not stored.

The stored standard errors are taken as normal and independent between teachers and languages. The
error of a z-score over a pool of n cells is linear in those of its cells, to first order (delta
method): ``dz = (I - 11'/n - zz'/n) dx / s``, for mean and sd of the pool move with each of them. So
the covariance between teachers is a diagonal and a few columns: no draws are needed but for ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polyglot_harness.scoring.comparing import by_normal, compared, standing
from polyglot_harness.scoring.draws import correlations_of
from polyglot_harness.scoring.grid import QUANTITIES, BoolArray, Grid, column
from polyglot_harness.scoring.intrinsic_z import (
    PERPLEXITY,
    Pool,
    moment_arrays,
    oriented,
    scaled,
)
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.problem import Found, Problem

RANK_DRAWS = 2000
"""Draws of ranks, at most."""
_TWO_SIDED = 1.959963984540054  # of 95 % of a normal


@dataclass(frozen=True)
class Error:
    """Errors of a quantity in one language: covariance ``diag(own) + left @ right.T``."""

    own: FloatArray
    """[T]."""
    left: FloatArray
    """[T, k]."""
    right: FloatArray
    """[T, k]."""
    known: BoolArray
    """[T]."""

    @property
    def variance(self) -> FloatArray:
        """[T]; NaN where not known."""
        found = np.maximum(self.own + (self.left * self.right).sum(axis=1), 0.0)
        return np.where(self.known, found, np.nan)

    @property
    def covariance(self) -> FloatArray:
        """[T, T]; without error where not known."""
        found = np.diag(self.own) + self.left @ self.right.T
        return found * self.known[:, None] * self.known


@dataclass(frozen=True)
class _Columns:
    """What is standardised: the pool's metrics, and last the gain."""

    z: FloatArray
    """[T, C]; 0 where missing."""
    covariance: FloatArray
    """[T, C, C], in units of the pools' sd; 0 where not known."""
    known: BoolArray
    """[T, C]."""
    spread: FloatArray
    """[T, C, 2]: 1 and z, over the root of n, in the pools that move; else 0."""


def language_errors(
    grid: Grid, j: int, pool: Pool, *, moving: bool, alpha: float
) -> Mapping[str, Error]:
    """Return the errors of all of `grid.QUANTITIES` in language number j.

    Args:
        grid: The board.
        j: Which of its languages.
        pool: Of that language.
        moving: Whether the pool is the cells at hand.
        alpha: Weight of z in the score.
    """
    plain = {name: _plain(grid, j, name) for name in ("raw", "gain", "pgr")}
    columns = _columns(grid, j, pool, moving)
    count = columns.z.shape[1] - 1
    metrics, gain = np.zeros(count + 1), np.zeros(count + 1)
    metrics[:count], gain[-1] = 1 / max(count, 1), 1.0
    pgr = plain["pgr"]
    has_z = bool(count)
    z, stable = _linear(columns, metrics, has_z), _linear(columns, (metrics + gain) / 2, has_z)
    part = _linear(columns, alpha * metrics, has_z or alpha == 0)
    own = part.own + np.where(pgr.known, (1 - alpha) ** 2 * pgr.own, 0.0)
    score = Error(own, part.left, part.right, part.known & (pgr.known | (alpha == 1)))
    gain_z = _linear(columns, gain, True)
    return {**plain, "z": z, "gain_z": gain_z, "score": score, "stable": stable}


def _plain(grid: Grid, j: int, name: str) -> Error:
    value, stderr = column(grid, name)[:, j], column(grid, f"{name}_stderr")[:, j]
    none = np.zeros((len(value), 0))
    return Error(stderr**2, none, none, np.isfinite(value) & np.isfinite(stderr))


def _columns(grid: Grid, j: int, pool: Pool, moving: bool) -> _Columns:
    metrics, means, sds = moment_arrays(pool)
    gain, gain_error = column(grid, "gain")[:, j], column(grid, "gain_stderr")[:, j]
    gains = gain[np.isfinite(gain)]
    means = np.append(means, gains.mean() if gains.size else 0.0)
    sds = np.append(sds, gains.std() if gains.size else 0.0)
    measured, errors = grid.metrics[:, j], grid.metric_stderrs[:, j].copy()
    # d(-log(1 + p)) = -dp / (1 + p)
    errors[:, PERPLEXITY] /= -(1 + measured[:, PERPLEXITY])
    values = np.column_stack([oriented(measured)[:, metrics], gain])
    errors = np.column_stack([errors[:, metrics], gain_error])
    there = np.isfinite(values)
    moves = np.append(np.full(len(metrics), moving), True)
    known = there & np.isfinite(errors) & (~moves | (there.sum(axis=0) > 1))
    flat = sds <= 1e-12
    errors = np.where(known & ~flat, errors, 0.0) / np.where(flat, 1.0, sds)
    correlations = np.zeros((len(values), len(sds), len(sds)))
    correlations[:, :-1, :-1] = correlations_of(grid, j)[:, metrics][:, :, metrics]
    correlations[:, -1, -1] = 1.0
    z = np.where(there, scaled(values, means, sds), 0.0)
    spread = np.stack([there, z], axis=2) * moves[:, None]
    return _Columns(
        z=z,
        covariance=correlations * errors[:, :, None] * errors[:, None, :],
        known=known,
        spread=spread / np.sqrt(np.maximum(there.sum(axis=0), 1))[:, None],
    )


def _linear(columns: _Columns, weights: FloatArray, has_parts: bool) -> Error:
    """Return the error of the weighted sum of the columns' z-scores."""
    count = len(weights)
    terms = columns.covariance @ weights
    own = terms @ weights
    spread = columns.spread
    left = (spread * weights[:, None]).reshape(len(own), 2 * count)
    cross = (spread * terms[:, :, None]).reshape(len(own), 2 * count)
    inner = np.einsum("tak,tab,tbl->akbl", spread, columns.covariance, spread, optimize=True)
    inner = inner.reshape(2 * count, 2 * count)
    known = np.logical_and.reduce(columns.known[:, weights != 0], axis=1) & has_parts
    return Error(own, np.hstack([left, cross]), np.hstack([left @ inner - cross, -left]), known)


def closed_form(problem: Problem) -> Found:
    """Return intervals from variances, and ranks from draws of what teachers are ranked by."""
    grid, options = problem.grid, problem.options
    quantity, count = problem.quantity, len(grid.languages)
    points = problem.points()
    complete = np.isfinite(points)
    variances = {q: np.full(complete.shape + (count,), np.nan) for q in QUANTITIES}
    draws = min(options.resamples, RANK_DRAWS)
    stood = np.zeros((int(complete.sum()), draws))
    ranking = []
    for j, language in enumerate(grid.languages):
        pool = problem.pools[j]
        errors = language_errors(grid, j, pool, moving=problem.moving, alpha=options.alpha)
        for name, error in errors.items():
            variances[name][:, j] = error.variance
        ranking.append(errors[quantity])
        if options.aggregate != "mean":
            values = problem.values(quantity)[complete, j]
            covariance = errors[quantity].covariance[np.ix_(complete, complete)]
            drawn = _draw(values, covariance, draws, problem.rng(language))
            stood += standing(drawn, options.aggregate) / count
    sure = np.isfinite(variances[quantity][complete]).all(axis=1)
    ranked = points[complete]
    if options.aggregate == "mean":
        total = _added(ranking)[np.ix_(complete, complete)] / count**2
        stood = _draw(ranked, total, draws, problem.rng("ranks"))
        pairs = by_normal(ranked[sure], total[np.ix_(sure, sure)])
    else:
        pairs = compared(stood[sure], ranked[sure])
    values = {q: problem.values(q) for q in QUANTITIES}
    cells = {q: _interval(values[q], variances[q]) for q in QUANTITIES}
    means = {
        q: _interval(values[q].mean(axis=1), variances[q].sum(axis=1) / count**2)
        for q in QUANTITIES
    }
    return Found(cells, means, stood, sure, *pairs)


def _added(errors: Sequence[Error]) -> FloatArray:
    """Return the covariance of a sum over languages, [T, T]: in one product, not one a language."""
    sides = (np.hstack([getattr(e, side) * e.known[:, None] for e in errors])
             for side in ("left", "right"))  # fmt: skip
    left, right = sides
    own = np.sum([np.where(e.known, e.own, 0.0) for e in errors], axis=0)
    found: FloatArray = np.diag(own) + left @ right.T
    return found


def _interval(values: FloatArray, variances: FloatArray) -> FloatArray:
    half = _TWO_SIDED * np.sqrt(variances)
    return np.stack([values - half, values + half])


def _draw(
    points: FloatArray, covariance: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Draw from a normal, [n, draws]."""
    # z-scores of a pool add up to nothing: the covariance is singular but for this
    ridge = 1e-12 * max(float(np.trace(covariance)), 1e-12)
    root = np.linalg.cholesky(covariance + ridge * np.eye(len(points)))
    return points[:, None] + root @ rng.standard_normal((len(points), draws))

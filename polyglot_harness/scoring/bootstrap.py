"""Intervals of every number of a board, and how sure its order is.

One set of draws serves everything: in each, items are resampled (the same for all models), metrics
are drawn, and z, PGR, scores, means over languages and ranks are made anew. What has no known error
has no interval. Large boards without stored answers are done in closed form (`normal`).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from polyglot_harness.scoring.comparing import compared, holm_of_pairs, ranks, standing
from polyglot_harness.scoring.draws import How, draw_language
from polyglot_harness.scoring.grid import (
    MIN_POOL,
    QUANTITIES,
    Grid,
    GridScores,
    RankedBy,
    Uncertainty,
    language_pools,
    ranked_by,
)
from polyglot_harness.scoring.intrinsic_z import Pool
from polyglot_harness.scoring.normal import closed_form
from polyglot_harness.scoring.options import RESAMPLES, Aggregate, Scoring
from polyglot_harness.scoring.pgr import Method
from polyglot_harness.scoring.problem import Found, Problem

LARGE = 1000
"""Cells above which a board without answers is done in closed form."""
MOST, LEAST = 2_000_000, 1000
"""Draws times teachers, above which there are fewer draws, and the fewest: memory is bounded."""
_TAILS = (2.5, 97.5)


def uncertainty(
    grid: Grid,
    scores: GridScores,
    *,
    alpha: float = 0.5,
    pool: Pool | None = None,
    pgr_method: Method = "ratio-of-means",
    by: RankedBy | None = None,
    aggregate: Aggregate = "mean",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Uncertainty:
    """Say how far the numbers of a board may be trusted.

    Args:
        grid: What was measured.
        scores: Its scores, by `grid.score_grid` with the same alpha and pool.
        alpha: Weight of the intrinsic z.
        pool: A frozen pool; None for the cells at hand, with which z moves in each draw.
        pgr_method: How PGR is averaged over tasks.
        by: What teachers are ranked by; None for `grid.ranked_by`.
        aggregate: How languages are joined.
        resamples: Draws; 0 for none: then nothing has an interval. Of more than 200 teachers there
            are fewer, which `Uncertainty.resamples` tells.
        seed: Of the draws; a language's depend on nothing but it and the language's code.

    Returns:
        95 % intervals, ranks and pairs. NaN where an error is not known: of a cell that lacks a
        standard error, of a PGR whose gap is not positive in 95 % of the draws; likewise of their
        means. Ranks and pairs are of the teachers that have every language.

    Raises:
        ConfigError: If an option is not valid.
    """
    draws = min(resamples, max(LEAST, MOST // max(len(grid.teachers), 1)))
    options = Scoring(alpha, pool, pgr_method, aggregate, draws, seed)
    problem = Problem(grid, scores, options, by or ranked_by(grid), language_pools(grid, pool))
    size = len(grid.teachers) * len(grid.languages)
    if not size or not draws:
        return _joined(problem, None, "no intervals: nothing was resampled")
    answers = sum(items is not None for items in grid.items)
    if size > LARGE and not answers:
        how = "normal errors in closed form; ranks from draws of them"
        return _joined(problem, closed_form(problem), how)
    how = f"{draws:,} draws: percentile intervals; items resampled, the same for all models"
    if not answers:
        how = f"{draws:,} draws from normals with the stored standard errors"
    elif answers < len(grid.languages):
        how += f" (of {answers} of {len(grid.languages)} languages; of the others normal errors)"
    return _joined(problem, _drawn(problem), how)


def _drawn(problem: Problem) -> Found:
    """Draw language by language; what is kept of each is intervals and sums."""
    grid, options = problem.grid, problem.options
    teachers, languages = len(grid.teachers), len(grid.languages)
    points = problem.points()
    complete = np.isfinite(points)
    cells = {q: np.full((2, teachers, languages), np.nan) for q in QUANTITIES}
    means = {q: np.full((2, teachers), np.nan) for q in QUANTITIES}
    known = {q: np.ones(teachers, dtype=bool) for q in QUANTITIES}
    sums = {q: np.zeros((teachers, options.resamples)) for q in QUANTITIES}
    stood = np.zeros((int(complete.sum()), options.resamples))
    for j, language in enumerate(grid.languages):
        how = How(
            problem.pools[j], problem.moving, options.alpha, options.pgr_method, options.resamples
        )
        drawn = draw_language(grid, j, how, partial(problem.rng, language))
        for name, found in drawn.items():
            sure = found.known
            cells[name][:, sure, j] = np.percentile(found.values[sure], _TAILS, axis=1)
            known[name] &= sure
            sums[name] += found.values / languages
        if complete.any():
            values = drawn[problem.quantity].values[complete]
            stood += standing(values, options.aggregate) / languages
    for name, total in sums.items():
        means[name][:, known[name]] = np.percentile(total[known[name]], _TAILS, axis=1)
    sure = known[problem.quantity][complete]
    return Found(cells, means, stood, sure, *compared(stood[sure], points[complete][sure]))


def _joined(problem: Problem, found: Found | None, method: str) -> Uncertainty:
    """Put what was found of the complete teachers in its places."""
    teachers, languages = len(problem.grid.teachers), len(problem.grid.languages)
    placed, better = np.full((2, teachers), np.nan), np.full((teachers, teachers), np.nan)
    p = better.copy()
    if found is None:
        cells = {q: np.full((2, teachers, languages), np.nan) for q in QUANTITIES}
        means = {q: np.full((2, teachers), np.nan) for q in QUANTITIES}
        return Uncertainty(cells, means, placed, better, p, 0, method)
    if found.sure.any():
        sure = np.flatnonzero(np.isfinite(problem.points()))[found.sure]
        rank = 1 + ranks(found.standing)[0][found.sure]
        placed[0, sure] = np.percentile(rank, _TAILS[0], axis=1, method="lower")
        placed[1, sure] = np.percentile(rank, _TAILS[1], axis=1, method="higher")
        better[np.ix_(sure, sure)], p[np.ix_(sure, sure)] = found.better, found.p
        np.fill_diagonal(better, np.nan)
    return Uncertainty(
        found.cells, found.means, placed, better, holm_of_pairs(p), problem.options.resamples,
        method, _notes(problem, found),
    )  # fmt: skip


def _notes(problem: Problem, found: Found) -> tuple[str, ...]:
    """Say what the intervals do not hold."""
    notes = []
    if problem.moving and any(0 < (pool.size or 0) < MIN_POOL for pool in problem.pools):
        notes.append(f"z-scores over fewer than {MIN_POOL} cells are near -1, 0 and 1 in each draw")
    unsure = int((~found.sure).sum())
    if unsure:
        notes.append(f"{unsure} teacher(s) without rank interval: a standard error is missing")
    return tuple(notes)

"""A board as arrays: T teachers by L languages, one student, one condition (but for the seed).

Everything that is computed of a whole board is computed of this, without a loop over cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from polyglot_harness.scoring.intrinsic_z import Pool, oriented, pool_of_rows, scaled, z_rows
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.options import check_alpha

BoolArray = npt.NDArray[np.bool_]
VALUES = ("raw", "base", "reference", "gain", "gap", "pgr")
"""Each with its standard error as e.g. ``raw_stderr`` (base and reference: none)."""
QUANTITIES = ("raw", "gain", "pgr", "z", "gain_z", "score", "stable")
"""What has an interval, of each cell and of each teacher's mean over languages."""
RankedBy = Literal["polyglot", "stable"]
MIN_POOL = 5
"""Cells (with a gain, with the metrics) below which z-scores are flagged: two give -1 and 1."""
GIVEN = "given"
"""Label of the pool where z is taken as a foreign program gave it."""


def or_none(value: float) -> float | None:
    """Return a number of an array as records have it: None where it is missing."""
    return float(value) if math.isfinite(value) else None


def or_nan(value: float | None) -> float:
    """Return a number of a record as arrays have it: NaN where it is missing."""
    return math.nan if value is None else value


@dataclass(frozen=True)
class LanguageItems:
    """The answers in one language: the same place is the same item for all.

    K is the number of seeds (replicates); all teachers of a board have the same.
    """

    tasks: tuple[str, ...]
    student: tuple[FloatArray, ...]
    """One array a task, [T, K, items]; NaN for a teacher without answers."""
    base: tuple[FloatArray, ...] | None
    """One array a task, [K, items]; None where it is not stored."""
    reference: tuple[FloatArray, ...] | None
    """Likewise."""


@dataclass(frozen=True)
class Grid:
    """What was measured; NaN is missing."""

    teachers: tuple[str, ...]
    languages: tuple[str, ...]
    values: Mapping[str, FloatArray]
    """Name (of `VALUES`, and their ``_stderr``) -> [T, L]; means over seeds where there are more.

    ``z`` may be there too: of foreign results without metrics.
    """
    metrics: FloatArray
    """[T, L, M], M in the order of `intrinsic_z.METRICS`, as measured (perplexity, not its log)."""
    metric_stderrs: FloatArray
    """[T, L, M]."""
    correlations: FloatArray | None = None
    """[T, L, M, M]; None for independent metrics."""
    unsound: BoolArray | None = None
    """[T, L]: whether the cell's anchor is flagged as weak or inverted; None for nowhere."""
    items: tuple[LanguageItems | None, ...] = ()
    """By language; () or None where answers are not stored."""
    present: BoolArray | None = None
    """[T, L]: whether there is a cell, be it a failed one; None for wherever there is a number."""

    @cached_property
    def own_pools(self) -> tuple[Pool, ...]:
        """The pool of each language, of its own cells; see `language_pools`."""
        return tuple(map(pool_of_rows, np.moveaxis(oriented(self.metrics), 1, 0)))

    def there(self) -> BoolArray:
        """Return which cells there are, [T, L]; see `present`."""
        if self.present is not None:
            return self.present
        found = np.isfinite(self.metrics).any(axis=2)
        for values in self.values.values():
            found |= np.isfinite(values)
        return np.asarray(found, dtype=np.bool_)

    def place(self, teacher: str, language: str) -> tuple[int, int]:
        """Return the indices of a cell."""
        return self.teachers.index(teacher), self.languages.index(language)


@dataclass(frozen=True)
class GridScores:
    """What a board says of each cell; NaN is missing."""

    z: FloatArray
    """[T, L]."""
    gain_z: FloatArray
    score: FloatArray
    stable: FloatArray
    pools: tuple[str, ...]
    """Label of the pool by language."""
    small: BoolArray
    """[T, L]: whether the z-scores are of fewer than `MIN_POOL` cells."""
    score_stderr: FloatArray | None = None
    """[T, L]: standard error of the PGR part of the score; that of z is not in it."""


@dataclass(frozen=True)
class Uncertainty:
    """95 % intervals, and how teachers compare; NaN is missing."""

    cells: Mapping[str, FloatArray]
    """Quantity (of `QUANTITIES`) -> [2, T, L]: low and high."""
    means: Mapping[str, FloatArray]
    """Quantity -> [2, T], of the mean over the board's languages; NaN for an incomplete one."""
    ranks: FloatArray
    """[2, T]: low and high of the rank by the quantity that the board is ranked by."""
    better: FloatArray
    """[T, T]: probability that the row's teacher is better than the column's, ties counted half."""
    p_holm: FloatArray
    """[T, T]: two-sided p of the difference, corrected by Holm over all pairs; symmetric."""
    resamples: int
    method: str
    """How it was made, in a sentence, for the legend."""
    notes: tuple[str, ...] = field(default=())


def ranked_by(grid: Grid) -> RankedBy:
    """Return what a board is ranked by: the stable score if the anchor of any cell is unsound."""
    return "stable" if grid.unsound is not None and grid.unsound.any() else "polyglot"


def score_grid(grid: Grid, *, alpha: float = 0.5, pool: Pool | None = None) -> GridScores:
    """Score all cells of a board.

    Args:
        grid: What was measured.
        alpha: Weight of the intrinsic z, 0 to 1.
        pool: A frozen pool; by default each language's own cells. In a language where no cell has
            a metric, z is as `Grid.values` gives it.

    Returns:
        The scores. A cell that misses a metric of its pool has no z, one that is the only one of
        its language with a gain no gain_z, one that misses a part of a score not that score.

    Raises:
        ConfigError: If alpha is not within 0 to 1, or the pool has not one of the languages.
    """
    check_alpha(alpha)
    shape = (len(grid.teachers), len(grid.languages))
    rows, pools = oriented(grid.metrics), language_pools(grid, pool)
    z, gain_z, small = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    gain, given = column(grid, "gain"), column(grid, "z")
    for j, own in enumerate(pools):
        z[:, j] = given[:, j] if own.name == GIVEN else z_rows(rows[:, j], own)
        gains = np.sort(gain[np.isfinite(gain[:, j]), j])
        if gains.size > 1:
            gain_z[:, j] = scaled(gain[:, j], gains.mean(), gains.std())
        small[:, j] = min(gains.size, gains.size if own.size is None else own.size) < MIN_POOL
    pgr_stderr = column(grid, "pgr_stderr")
    score = joined(z, column(grid, "pgr"), alpha)
    return GridScores(
        z=z,
        gain_z=gain_z,
        score=score,
        stable=(z + gain_z) / 2,
        pools=tuple(GIVEN if own.name == GIVEN else own.label for own in pools),
        small=small,
        score_stderr=np.where(np.isfinite(score), (1 - alpha) * pgr_stderr, np.nan),
    )


def joined(z: FloatArray, pgr: FloatArray, alpha: float) -> FloatArray:
    """Return alpha * z + (1 - alpha) * PGR; a part without weight may be missing."""
    if alpha == 0:
        return pgr
    return z if alpha == 1 else alpha * z + (1 - alpha) * pgr


def language_pools(grid: Grid, pool: Pool | None = None) -> tuple[Pool, ...]:
    """Return the pool of each language, frozen or of its own cells; see `score_grid`."""
    given = np.isfinite(column(grid, "z"))

    def of(j: int, language: str) -> Pool:
        if given[:, j].any() and not grid.own_pools[j].moments:
            return Pool(GIVEN, (), int(given[:, j].sum()))
        return grid.own_pools[j] if pool is None else pool.of(language)

    return tuple(of(j, language) for j, language in enumerate(grid.languages))


def finite(values: FloatArray) -> BoolArray:
    """Return where all along the last axis is a number."""
    return np.asarray(np.isfinite(values).all(axis=-1), dtype=np.bool_)


def column(grid: Grid, name: str) -> FloatArray:
    """Return the values of that name, [T, L]; NaN where nobody measured them."""
    found = grid.values.get(name)
    return np.full((len(grid.teachers), len(grid.languages)), np.nan) if found is None else found

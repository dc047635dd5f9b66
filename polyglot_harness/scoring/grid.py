"""A board as arrays: T teachers by L languages, one student, one condition (but for the seed).

Everything that is computed of a whole board is computed of this, without a loop over cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from polyglot_harness.scoring.items import FloatArray

BoolArray = npt.NDArray[np.bool_]
VALUES = ("raw", "base", "reference", "gain", "gap", "pgr")
"""Each with its standard error as e.g. ``raw_stderr`` (base and reference: none)."""
QUANTITIES = ("raw", "gain", "pgr", "z", "gain_z", "score", "stable")
"""What has an interval, of each cell and of each teacher's mean over languages."""


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
    """[T, L]: whether the z-scores are of fewer than `polyglot.MIN_POOL` cells."""


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

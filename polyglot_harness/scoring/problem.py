"""What the two ways to uncertainty, draws and closed form, are given and give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polyglot_harness.scoring.comparing import aggregate_of
from polyglot_harness.scoring.grid import BoolArray, Grid, GridScores, RankedBy, column
from polyglot_harness.scoring.intrinsic_z import Pool
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.options import Scoring
from polyglot_harness.spec import key_hash


@dataclass(frozen=True)
class Problem:
    """A board, its scores, and how they were made."""

    grid: Grid
    scores: GridScores
    options: Scoring
    by: RankedBy
    pools: tuple[Pool, ...]
    """By language."""

    @property
    def quantity(self) -> str:
        """What teachers are ranked by."""
        return "score" if self.by == "polyglot" else "stable"

    @property
    def moving(self) -> bool:
        """Whether pools are the cells at hand."""
        return self.options.pool is None

    def values(self, name: str) -> FloatArray:
        """Return a quantity as observed, [T, L]."""
        found: FloatArray | None = getattr(self.scores, name, None)
        return column(self.grid, name) if found is None else found

    def points(self) -> FloatArray:
        """Return the aggregate over languages that teachers are ranked by, [T]."""
        return aggregate_of(self.values(self.quantity), self.options.aggregate)

    def rng(self, *name: str) -> np.random.Generator:
        """Return a generator that depends on the seed and a name alone."""
        return np.random.default_rng(
            int.from_bytes(key_hash("uncertainty", self.options.seed, *name)[:16])
        )


@dataclass(frozen=True)
class Found:
    """Intervals, and how the n teachers that have every language compare."""

    cells: Mapping[str, FloatArray]
    """As in `grid.Uncertainty`."""
    means: Mapping[str, FloatArray]
    """Likewise."""
    standing: FloatArray
    """[n, draws] of what they are ranked by."""
    sure: BoolArray
    """[n]: whether the error of that is known."""
    better: FloatArray
    """[sure, sure]."""
    p: FloatArray
    """[sure, sure], before correction."""

"""How scores are made of what was measured: all that may be chosen, in one frozen record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.scoring.intrinsic_z import Pool
from polyglot_harness.scoring.pgr import Method, check_method

Aggregate = Literal["mean", "borda", "mrr"]
"""How languages are joined into one order of the teachers: by the mean of the score, by the mean
share of the others that a teacher is ahead of, or by the mean of 1 / rank."""
AGGREGATES: tuple[Aggregate, ...] = ("mean", "borda", "mrr")
RESAMPLES = 10_000


@dataclass(frozen=True)
class Scoring:
    """What `score_cells`, `bootstrap.uncertainty` and `ranking.rank_grid` are told.

    Raises:
        ConfigError: If a value is not one that the field allows.
    """

    alpha: float = 0.5
    """Weight of the intrinsic z, 0 to 1."""
    pool: Pool | None = None
    """A frozen pool; None for each language's own cells."""
    pgr_method: Method = "ratio-of-means"
    aggregate: Aggregate = "mean"
    resamples: int = RESAMPLES
    """Of the bootstrap; 0 for no intervals."""
    seed: int = 0
    """Of the bootstrap."""

    def __post_init__(self) -> None:
        """Check the values."""
        check_alpha(self.alpha)
        check_method(self.pgr_method)
        if self.aggregate not in AGGREGATES:
            raise unknown_name("aggregate", self.aggregate, AGGREGATES)
        if self.resamples < 0 or self.resamples == 1:
            raise ConfigError(f"resamples must be 0 or at least 2, got {self.resamples}")


def check_alpha(alpha: float) -> None:
    """Raise ConfigError unless `alpha` is within 0 to 1."""
    if not 0 <= alpha <= 1:
        raise ConfigError(f"alpha must be within 0 to 1, got {alpha}")

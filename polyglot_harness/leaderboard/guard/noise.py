"""From a difference to the probability that it is chance: seeds, t tests, Holm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polyglot_harness.leaderboard.guard.differences import Difference, Noise, Spread, welch

MIN_DF = 8
"""With fewer degrees of freedom between seeds their variance is not estimated: a t test with so few
would find nothing at all among many."""
ASSUMED_SD = 0.01
"""Of accuracy, where nothing tells what a seed does: without it, seeds that move all items by as
little as half a point make one rerun in eight a false alarm."""


@dataclass(frozen=True)
class SeedNoise:
    """What a seed does to all items of a cell together."""

    variance: float = 0.0
    df: float = math.inf
    between: float = 0.0
    """Variance between replicates that `variance` was taken from; its error is that of this."""


def seed_noise(spreads: Sequence[Spread]) -> SeedNoise:
    """Estimate it from all cells with replicates, as if it were the same for all.

    Returns:
        The mean excess of the variance between replicates, not below 0, weighted by degrees of
        freedom; nothing below `MIN_DF` of them.
    """
    df = sum(s.df for s in spreads)
    if df < MIN_DF:
        return SeedNoise()
    between = math.fsum(s.between * s.df for s in spreads) / df
    within = math.fsum(s.within * s.df for s in spreads) / df
    return SeedNoise(max(0.0, between - within), df, between)


def total(noise: Noise, seed: SeedNoise) -> tuple[float, float]:
    """Return the standard error of a difference, seeds included, and its degrees of freedom."""
    variance = noise.variance + noise.seeds * seed.variance
    doubt = 0.0
    if math.isfinite(noise.df):
        doubt += noise.variance**2 / noise.df
    if math.isfinite(seed.df):
        doubt += (noise.seeds * seed.between) ** 2 / seed.df
    return math.sqrt(variance), variance**2 / doubt if doubt > 0 else math.inf


def tails(better: float, stderr: float, df: float) -> tuple[float, float]:
    """Return the one-sided p of a difference below 0 and of one above it, by a t test."""
    if better == 0:
        return 1.0, 1.0
    if stderr == 0:  # both sides say that they have no error
        return (0.0, 1.0) if better < 0 else (1.0, 0.0)
    from scipy.special import ndtr, stdtr

    t = better / stderr
    if math.isfinite(df):
        return float(stdtr(df, t)), float(stdtr(df, -t))
    return float(ndtr(t)), float(ndtr(-t))


def mean_difference(parts: Sequence[Difference]) -> Difference:
    """Return the mean of a number's differences in several languages, which are independent.

    The means of the values themselves are arithmetic ones, also of what is compared as a ratio.
    """
    n = len(parts)
    noises = [p.noise for p in parts if p.noise]
    noise = None
    if len(noises) == n:
        shares = [(x.variance / n**2, x.df) for x in noises]
        variance, seeds = math.fsum(v for v, _ in shares), math.fsum(x.seeds for x in noises)
        noise = Noise(variance, welch(shares), seeds / n**2)
    return Difference(
        before=math.fsum(p.before for p in parts) / n,
        after=math.fsum(p.after for p in parts) / n,
        better=math.fsum(p.better for p in parts) / n,
        noise=noise,
        method=f"mean of {n} languages",
    )

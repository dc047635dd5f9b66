"""Win rates: in how many per cent of prompts one of two is better, ties counted half; 50 = parity.

The interval of one language is Tango's score interval (Tango 1998, "Equivalence test and confidence
interval for the difference in proportions for the paired-sample design"): wins and losses are the
discordant pairs of a paired design, ties its concordant ones, and a win rate is half of one plus
the difference of the two proportions. Of ties and few prompts a bootstrap makes too little: it
calls 5 wins of 5 certain. The p-value is that of the exact sign test, which leaves ties out
(McNemar's exact test). It is a little stricter than the interval, which may just miss 50 where the
test does not reject; what is called better has p < 0.05.

A mean over languages has the distances of its languages' bounds, squared and summed (MOVER: Zou &
Donner 2008). They are widened by as much as prompts that share their id, as translations of one
another do, make the mean vary more than independent ones would.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from polyglot_harness.intrinsic.estimate import LEVEL

WIN, TIE, LOSS = 1.0, 0.5, 0.0
"""Scores of a prompt."""
PARITY = 50.0
SIGNIFICANT = 1 - LEVEL
_EDGE = 1e-9
"""How close to its ends the range of differences is searched: at the ends all variance is gone."""


class Outcomes(NamedTuple):
    """How often the first of two won, neither won, and the second won."""

    wins: int = 0
    ties: int = 0
    losses: int = 0

    @property
    def n(self) -> int:
        """How often they were compared."""
        return sum(self)


class Rate(NamedTuple):
    """A win rate in per cent; all but `n` are None where nothing was compared."""

    value: float | None
    stderr: float | None
    low: float | None
    high: float | None
    n: int


NOTHING = Rate(None, None, None, None, 0)


def win_rate(found: Outcomes) -> Rate:
    """Return the win rate with its standard error and 95 % interval.

    Args:
        found: The outcomes of independent prompts.
    """
    n = found.n
    if not n:
        return NOTHING
    value = (found.wins + found.ties / 2) / n
    squares = found.wins * (1 - value) ** 2 + found.ties * (0.5 - value) ** 2
    squares += found.losses * value**2
    stderr = 100 * math.sqrt(squares / (n - 1) / n) if n > 1 else None
    low, high = (50 * (1 + bound) for bound in _difference(found))
    return Rate(100 * value, stderr, low, high, n)


def sign_test(found: Outcomes) -> float | None:
    """Return the two-sided p-value of as many wins as losses; None where nothing was compared."""
    from scipy.stats import binomtest

    if not found.n:
        return None
    decided = found.wins + found.losses
    return float(binomtest(found.wins, decided).pvalue) if decided else 1.0


def mean_rate(scores: Sequence[Mapping[str, float]]) -> Rate:
    """Return the mean win rate over languages, each with the same weight.

    Args:
        scores: For each language, id of a prompt -> `WIN`, `TIE` or `LOSS`. Prompts of several
            languages that share an id are taken for translations of one another.

    Returns:
        No value if a language has none: a mean is never partial. `n` is of all prompts.
    """
    rates = [win_rate(outcomes(language.values())) for language in scores]
    n = sum(rate.n for rate in rates)
    if not rates or not all(rate.n for rate in rates):
        return NOTHING._replace(n=n)
    values, lows, highs = (
        np.array([getattr(r, f) for r in rates]) for f in ("value", "low", "high")
    )
    independent, clustered = _variances(scores)
    wider = max(1.0, math.sqrt(clustered / independent)) if independent else 1.0
    value = float(values.mean())
    down, up = (wider * math.hypot(*(values - b)) / len(rates) for b in (lows, highs))
    stderr = wider * math.sqrt(independent) / len(rates) if min(r.n for r in rates) > 1 else None
    return Rate(value, stderr, max(0.0, value - down), min(100.0, value + up), n)


def outcomes(scores: Iterable[float]) -> Outcomes:
    """Count scores of `WIN`, `TIE` and `LOSS`."""
    counted = Counter(scores)
    return Outcomes(counted[WIN], counted[TIE], counted[LOSS])


def _variances(scores: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """Return the variance of the sum of rates, of independent prompts, and with shared ids."""
    independent, by_id = 0.0, defaultdict[str, float](float)
    for language in scores:
        n = len(language)
        mean = sum(language.values()) / n
        for key, score in language.items():
            share = 100 * (score - mean) / math.sqrt(n * max(n - 1, 1))
            independent += share**2
            by_id[key] += share
    return independent, sum(share**2 for share in by_id.values())


def _difference(found: Outcomes) -> tuple[float, float]:
    """Return the bounds of the difference of the shares of wins and losses (-1 to 1)."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    z = float(norm.ppf((1 + LEVEL) / 2))

    def bound(z: float) -> float:
        return float(brentq(lambda delta: _score(found, delta) - z, _EDGE - 1, 1 - _EDGE))

    low = -1.0 if found.losses == found.n else bound(z)
    high = 1.0 if found.wins == found.n else bound(-z)
    return low, high


def _score(found: Outcomes, delta: float) -> float:
    """Return Tango's statistic: standard normal if `delta` is the true difference."""
    wins, _, losses = found
    n = found.n
    # the likeliest share of losses at this difference
    b = (2 * n - wins + losses) * delta - wins - losses
    share = (math.sqrt(b * b + 8 * n * losses * delta * (1 - delta)) - b) / (4 * n)
    variance = n * (2 * share + delta * (1 - delta))
    return (wins - losses - n * delta) / math.sqrt(variance)

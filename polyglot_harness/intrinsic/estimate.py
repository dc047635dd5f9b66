"""Means, ratios and shares with their uncertainty, in one memory for any number of examples.

Standard errors are exact. Intervals are 95 % percentile intervals of a Poisson bootstrap over
examples (Chamandy et al. 2012, "Estimating uncertainty for massive data streams"): in each of
`RESAMPLES` resamples an example counts a Poisson(1) number of times, so a resample is a sum over
the stream. The weights of the i-th example are the same for each metric and each data set: what two
metrics say of one example stays together. Of more than `UNITS` examples, groups of consecutive ones
are drawn instead, which leaves the interval as wide as it was and bounds its cost. Shares of yes
and no get Wilson's interval (Wilson 1927), for a bootstrap calls 0 of 5 certain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import Measurement, Pairs

RESAMPLES = 1000
UNITS = 16 * BLOCK
"""At most so many examples, or groups of them, are drawn."""
LEVEL = 0.95
Floats = NDArray[np.float64]
Blocks = Callable[[], Iterable[Floats]]
"""Opens the stream: arrays of at most `BLOCK` rows, all but the last of exactly so many."""


def mean(
    name: str, language: str, values: Values, column: str, *, degree: int = 1, params: Pairs = ()
) -> Measurement:
    """Return the mean of a column over the examples that have a value.

    Args:
        name: Of the measurement.
        language: Code.
        values: Values of each example.
        column: Which of them.
        degree: 2 if the column holds, for each example, the mean of a symmetric function over its
            pairs with all others (a U-statistic of degree 2): an example then stands in its own
            value and in those of others, and the error is that of the jackknife.
        params: Of the measurement.
    """
    return _mean(name, language, lambda: (b[:, 0] for b in values.blocks(column)), degree, params)


def mean_of(name: str, language: str, values: Sequence[float], params: Pairs = ()) -> Measurement:
    """Return the mean of a list of values."""
    array = np.asarray(values, dtype=float)
    cut = [array[i : i + BLOCK] for i in range(0, len(array), BLOCK)]
    return _mean(name, language, lambda: cut, 1, params)


def ratio(
    name: str,
    language: str,
    values: Values,
    columns: tuple[str, str],
    *,
    transform: Callable[[float], float] = float,
    params: Pairs = (),
) -> Measurement:
    """Return transform(sum of one column / sum of another), e.g. a token-weighted mean.

    Args:
        name: Of the measurement.
        language: Code.
        values: Values of each example; one that misses either counts for nothing.
        columns: Numerator and denominator.
        transform: Increasing function of the ratio, e.g. `math.exp`.
        params: Of the measurement.
    """

    def blocks() -> Iterator[Floats]:
        for block in values.blocks(*columns):
            yield np.where(np.isfinite(block).all(axis=1, keepdims=True), block, 0.0)

    n, total = 0, np.zeros(2)
    for block in values.blocks(*columns):
        n += int(np.isfinite(block).all(axis=1).sum())
    for block in blocks():
        total += block.sum(axis=0)
    if n == 0 or total[1] == 0:
        return Measurement(
            name=name, language=language, value=None, stderr=None, n=n, params=params
        )
    found = total[0] / total[1]
    value = transform(float(found))
    if n == 1:
        return _plain(name, language, value, n, params)
    residual = sum(float(((b[:, 0] - found * b[:, 1]) ** 2).sum()) for b in blocks())
    stderr = math.sqrt(residual * n / (n - 1)) / abs(float(total[1]))
    low, high = interval(_resampled(blocks))
    step = 1e-6 * max(abs(float(found)), 1e-6)
    slope = (transform(float(found) + step) - transform(float(found) - step)) / (2 * step)
    return Measurement(
        name=name, language=language, value=value, stderr=abs(slope) * stderr, n=n,
        low=transform(low), high=transform(high), params=params,
    )  # fmt: skip


def share(name: str, language: str, successes: int, n: int, params: Pairs = ()) -> Measurement:
    """Return the share of successes among `n`, with Wilson's interval."""
    if n == 0:
        return Measurement(
            name=name, language=language, value=None, stderr=None, n=0, params=params
        )
    from scipy.stats import binomtest

    value = successes / n
    found = binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return Measurement(
        name=name, language=language, value=value, n=n, params=params,
        stderr=math.sqrt(value * (1 - value) / (n - 1)) if n > 1 else None,
        low=float(found.low), high=float(found.high),
    )  # fmt: skip


def share_of(
    name: str, language: str, values: Values, column: str, params: Pairs = ()
) -> Measurement:
    """Return the share of ones in a column of ones and noughts, as `share` does."""
    successes = n = 0
    for block in values.blocks(column):
        n += int(np.isfinite(block).sum())
        successes += int(np.nansum(block))
    return share(name, language, successes, n, params)


def _mean(name: str, language: str, blocks: Blocks, degree: int, params: Pairs) -> Measurement:
    n, total = 0, 0.0
    for block in blocks():
        there = block[np.isfinite(block)]
        n, total = n + len(there), total + float(there.sum())
    if n == 0:
        return Measurement(
            name=name, language=language, value=None, stderr=None, n=0, params=params
        )
    value = total / n
    # n - degree: the jackknife of degree 2 rests on (n - 1) / (n - 2)
    if n <= degree:
        return _plain(name, language, value, n, params)
    squares = sum(float(((b[np.isfinite(b)] - value) ** 2).sum()) for b in blocks())
    factor = degree * (n - 1) / (n - degree) if degree > 1 else 1.0
    stderr = factor * math.sqrt(squares / (n - 1) / n)
    low, high = interval(_resampled(lambda: map(_with_counts, blocks())))
    return Measurement(
        name=name, language=language, value=value, stderr=stderr, n=n,
        low=value + factor * (low - value), high=value + factor * (high - value), params=params,
    )  # fmt: skip


def _plain(name: str, language: str, value: float | None, n: int, params: Pairs) -> Measurement:
    """Return a measurement whose uncertainty is not known."""
    return Measurement(name=name, language=language, value=value, stderr=None, n=n, params=params)


def _with_counts(block: Floats) -> Floats:
    """Return the values, 0 where missing, beside 1 or 0 for whether they are there."""
    there = np.isfinite(block)
    return np.column_stack([np.where(there, block, 0.0), there.astype(float)])


def _resampled(blocks: Blocks) -> Floats:
    """Return the ratio of the two columns' sums in each resample; NaN where nothing was drawn."""
    sums = np.zeros((RESAMPLES, 2))
    units = _units(blocks)
    for number, start in enumerate(range(0, len(units), BLOCK)):
        unit = units[start : start + BLOCK]
        sums += weights(number)[:, : len(unit)].astype(float) @ unit
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[:, 0] / sums[:, 1]


def _units(blocks: Blocks) -> Floats:
    """Return the rows, or the sums of groups of consecutive ones: [at most UNITS, 2]."""
    rows = sum(len(block) for block in blocks())
    size = max(1, math.ceil(rows / UNITS))
    units = np.zeros((math.ceil(rows / size), 2))
    first = 0
    for block in blocks():
        np.add.at(units, np.arange(first, first + len(block)) // size, block)
        first += len(block)
    return units


def interval(resampled: ArrayLike) -> tuple[float, float]:
    """Return the bounds of a percentile interval at `LEVEL`; NaNs are passed over."""
    tail = 50 * (1 - LEVEL)
    low, high = np.nanpercentile(np.asarray(resampled), [tail, 100 - tail])
    return float(low), float(high)


@lru_cache(maxsize=UNITS // BLOCK)
def weights(number: int) -> NDArray[np.uint8]:
    """Return how often each example of a block counts in each resample: [RESAMPLES, BLOCK]."""
    from scipy.stats import poisson

    # Poisson(1) as 2^16 equally likely values: its probabilities to 1e-5
    table = poisson.ppf((np.arange(1 << 16) + 0.5) / (1 << 16), 1.0).astype(np.uint8)
    draws = np.random.default_rng(number).integers(0, 1 << 16, (RESAMPLES, BLOCK), np.uint16)
    return np.take(table, draws)

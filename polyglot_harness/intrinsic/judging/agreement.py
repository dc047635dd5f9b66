"""Agreement of judges: Krippendorff's alpha (ordinal), and quadratic weighted kappa of two.

Both are 1 where judges agree, 0 where they agree no more than by chance, and None where all
ratings are equal, for then nothing tells agreement from chance. alpha = 1 - observed / expected
disagreement (Krippendorff 2011, "Computing Krippendorff's alpha-reliability"; ordinal: the squared
number of ratings between two levels); kappa: Cohen 1968, by scikit-learn.

Both follow from how often judges gave each pair of ratings, a table that can be summed over
examples: memory does not grow with them, and a resample of the bootstrap (see `estimate`) is a
weighted sum. The library krippendorff needs all examples at once and knows no weights, so alpha is
computed here.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import MissingDependency
from polyglot_harness.intrinsic.estimate import RESAMPLES, interval, weights
from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.spec import Measurement, Pairs

Floats = NDArray[np.float64]


def agreement(
    name: str,
    language: str,
    ratings: NDArray[np.int64],
    levels: int,
    params: Pairs = (),
    *,
    with_kappa: bool = True,
) -> tuple[Measurement, ...]:
    """Return ``<name>_alpha``, and of two judges ``<name>_kappa`` if wanted.

    Args:
        name: Of what was rated.
        language: Code.
        ratings: [examples, judges], whole numbers from 0 to `levels` - 1.
        levels: How many ratings there are.
        params: Of the measurements.
        with_kappa: Compute kappa too: its 1000 resamples take seconds.
    """
    total, resampled = _tables(ratings, levels)
    values = [("alpha", alpha(total), alpha(resampled))]
    if with_kappa and ratings.shape[1] == 2:
        values.append(("kappa", kappa(total), np.array([kappa(table) for table in resampled])))
    return tuple(
        _measurement(f"{name}_{kind}", language, len(ratings), float(value), draws, params)
        for kind, value, draws in values
    )


def require() -> None:
    """Raise MissingDependency if the agreement cannot be computed: before judges are paid."""
    _cohen_kappa_score()


def alpha(tables: Floats) -> Any:
    """Return Krippendorff's alpha of one table or of each; NaN where all ratings are equal.

    Args:
        tables: [..., levels, levels]: how often a pair of ratings was given to one example, each
            pair of judges counted 1 / (judges - 1).
    """
    coincidences = tables + np.swapaxes(tables, -1, -2)
    given = coincidences.sum(-1)
    middle = given.cumsum(-1) - given / 2
    distance = (middle[..., :, None] - middle[..., None, :]) ** 2
    observed = (coincidences * distance).sum((-1, -2))
    chance = (given[..., :, None] * given[..., None, :] * distance).sum((-1, -2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - (given.sum(-1) - 1) * observed / np.where(chance > 0, chance, np.nan)


def kappa(table: Floats) -> float:
    """Return the quadratic weighted kappa of two judges; NaN where all ratings are equal.

    Args:
        table: [levels, levels]: how often the first judge gave a rating and the second another.
    """
    first, second = np.nonzero(table)
    if len({*first.tolist(), *second.tolist()}) < 2:
        return float("nan")
    return float(
        _cohen_kappa_score()(
            first, second, labels=range(len(table)), weights="quadratic",
            sample_weight=table[first, second],
        )
    )  # fmt: skip


def _cohen_kappa_score() -> Any:
    try:
        from sklearn.metrics import cohen_kappa_score
    except ImportError:
        raise MissingDependency("scikit-learn", "analysis") from None
    return cohen_kappa_score


def _tables(ratings: NDArray[np.int64], levels: int) -> tuple[Floats, Floats]:
    """Return the table of pairs of ratings, and that of each resample."""
    judges = ratings.shape[1]
    total, resampled = np.zeros(levels**2), np.zeros((RESAMPLES, levels**2))
    for number, start in enumerate(range(0, len(ratings), BLOCK)):
        block = ratings[start : start + BLOCK]
        drawn = weights(number)
        for first, second in combinations(range(judges), 2):
            cells = block[:, first] * levels + block[:, second]
            order = np.argsort(cells)
            filled, begins, counts = np.unique(cells[order], return_index=True, return_counts=True)
            total[filled] += counts / (judges - 1)
            sums = np.add.reduceat(drawn[:, order], begins, axis=1)
            resampled[:, filled] += sums / (judges - 1)
    return total.reshape(levels, levels), resampled.reshape(-1, levels, levels)


def _measurement(
    name: str, language: str, n: int, value: float, draws: Floats, params: Pairs
) -> Measurement:
    draws = draws[np.isfinite(draws)]
    known = bool(np.isfinite(value))
    spread = known and n > 1 and len(draws) > 1
    low, high = interval(draws) if spread else (None, None)
    return Measurement(
        name=name, language=language, n=n, params=params,
        value=value if known else None,
        stderr=float(draws.std(ddof=1)) if spread else None,
        low=low,
        high=high,
    )  # fmt: skip

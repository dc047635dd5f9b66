"""Regression of an outcome on principal components, in sample and out of sample.

``R2 = 1 - sum (y - y_hat)^2 / sum (y - y_bar)^2``. In sample both sums are over the rows of the
fit. Out of sample every row is predicted by a fit that has not seen it (its standardisation and
its components neither), and ``y_bar`` is the mean of the rows that this fit has seen: 0 is as good
as always saying the mean of the others, less is worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyglot_harness.analysis.frame import FloatArray, Frame
from polyglot_harness.analysis.pca import Components, components
from polyglot_harness.analysis.resampling import (
    IntArray,
    codes,
    interval,
    p_value,
    shuffles,
)

ROWS_PER_PREDICTOR = 10
"""The rule of thumb below which a fit is called over-fitted before it is looked at."""
SCHEMES = ("leave_one_out", "leave_teacher_out", "leave_language_out")


@dataclass(frozen=True)
class Fit:
    """A least-squares fit on the first components."""

    pca: Components
    coefficients: FloatArray
    """Of the components, [k], in units of the outcome."""
    intercept: float

    @property
    def betas(self) -> FloatArray:
        """Return what one standard deviation of each metric adds to the outcome, [p]."""
        return self.coefficients @ self.pca.vectors[: len(self.coefficients)]

    def predict(self, x: FloatArray) -> FloatArray:
        """Return the outcome of metrics [n, p] as [n]."""
        scores = self.pca.scores(x)[:, : len(self.coefficients)]
        return self.intercept + scores @ self.coefficients


@dataclass(frozen=True)
class OutOfSample:
    """What one way of holding rows out gives."""

    r2: float | None
    low: float | None = None
    """95 % bootstrap interval over teachers, the fits taken as they are."""
    high: float | None = None
    folds: int = 0
    reason: str = ""
    """Why there is no number."""
    predicted: FloatArray | None = None
    """[n]."""


@dataclass(frozen=True)
class Chance:
    """In-sample R2 where outcome and metrics have nothing to do with each other."""

    mean: float
    q95: float
    p_value: float


@dataclass(frozen=True)
class Regression:
    """All that is known of one regression."""

    k: int
    """Predictors: components in the fit."""
    fit: Fit
    in_sample: float | None
    """None where the fit has as many parameters as rows."""
    adjusted: float | None
    """``1 - (1 - R2) (n - 1) / (n - k - 1)``."""
    predicted: FloatArray
    """In sample, [n]."""
    out_of_sample: dict[str, OutOfSample]
    """By scheme, of `SCHEMES`."""
    chance: Chance | None = None
    """The outcome permuted over all rows."""
    chance_within: Chance | None = None
    """The outcome permuted within languages, whose levels stay."""


def fit(x: FloatArray, y: FloatArray, k: int) -> Fit:
    """Regress y [n] on the first k components of x [n, p], or on as many as there are."""
    pca = components(x)
    scores = pca.scores(x)[:, :k]
    centre = float(y.mean())
    # components are uncorrelated and centred: each coefficient stands for itself
    coefficients = scores.T @ (y - centre) / len(y) / pca.variance[:k]
    return Fit(pca, coefficients, centre)


def r_squared(y: FloatArray, predicted: FloatArray, baseline: FloatArray | float) -> float:
    """Return ``1 - sum (y - predicted)^2 / sum (y - baseline)^2``; NaN over nothing."""
    total = float(((y - baseline) ** 2).sum())
    return 1 - float(((y - predicted) ** 2).sum()) / total if total > 0 else float("nan")


def held_out(
    x: FloatArray, y: FloatArray, labels: Sequence[str], k: int
) -> tuple[FloatArray, FloatArray]:
    """Predict the rows of each label by a fit on all others.

    Returns:
        Predictions and, of each row, the mean outcome of its training rows; both [n].
    """
    groups = codes(labels)
    predicted, baseline = np.empty_like(y), np.empty_like(y)
    for group in range(groups.max() + 1):
        out = groups == group
        predicted[out] = fit(x[~out], y[~out], k).predict(x[out])
        baseline[out] = y[~out].mean()
    return predicted, baseline


def regress(data: Frame, k: int, *, full: bool = True) -> Regression:
    """Regress the outcome on the first k components, in every way of holding rows out.

    Args:
        data: The cells.
        k: Components, at most the rank.
        full: Also make intervals and permutations.
    """
    x, y, n = data.x, data.y, len(data.y)
    found = fit(x, y, k)
    predicted = found.predict(x)
    saturated = k >= n - 1
    r2 = None if saturated else r_squared(y, predicted, found.intercept)
    return Regression(
        k=k,
        fit=found,
        in_sample=r2,
        adjusted=None if r2 is None else 1 - (1 - r2) * (n - 1) / (n - k - 1),
        predicted=predicted,
        out_of_sample={s: _out_of_sample(data, s, k, full=full) for s in SCHEMES},
        chance=_chance(data, found, k, None) if full and not saturated else None,
        chance_within=_chance(data, found, k, codes(data.language))
        if full and not saturated and len(set(data.language)) > 1
        else None,
    )


def _out_of_sample(data: Frame, scheme: str, k: int, *, full: bool) -> OutOfSample:
    labels, kind = {
        "leave_one_out": ([f"{i:09d}" for i in range(len(data.y))], "cell"),
        "leave_teacher_out": (list(data.teacher), "teacher"),
        "leave_language_out": (list(data.language), "language"),
    }[scheme]
    groups = codes(labels)
    folds = int(groups.max()) + 1
    if folds < 2:
        return OutOfSample(None, folds=folds, reason=f"only one {kind}: {labels[0]}")
    if len(labels) - np.bincount(groups).max() < 2:
        return OutOfSample(None, folds=folds, reason="a fold has fewer than two rows to learn from")
    predicted, baseline = held_out(data.x, data.y, labels, k)
    bounds = None
    if full:
        bounds = interval(
            data.teacher,
            lambda rows: r_squared(data.y[rows], predicted[rows], baseline[rows]),
        )
    low, high = (float(b) for b in bounds) if bounds else (None, None)
    return OutOfSample(
        r_squared(data.y, predicted, baseline), low, high, folds, predicted=predicted
    )


def _chance(data: Frame, found: Fit, k: int, labels: IntArray | None) -> Chance:
    """Permute the outcome; the fit of all permutations is one projection."""
    scores = found.pca.scores(data.x)[:, :k]
    basis = np.linalg.qr(scores - scores.mean(axis=0))[0]
    y = (data.y - data.y.mean()) / np.linalg.norm(data.y - data.y.mean())
    permuted = ((y[shuffles(labels, len(y))] @ basis) ** 2).sum(axis=1)
    observed = float(((y @ basis) ** 2).sum())
    return Chance(
        float(permuted.mean()), float(np.percentile(permuted, 95)), p_value(observed, permuted)
    )


def between_languages(data: Frame) -> float | None:
    """Return the share of the outcome's variance that lies between languages (eta squared)."""
    groups = codes(data.language)
    if groups.max() == 0:
        return None
    sums = np.bincount(groups, weights=data.y)
    return r_squared(data.y, (sums / np.bincount(groups))[groups], float(data.y.mean()))


def warnings(data: Frame, result: Regression) -> list[str]:
    """Say in plain words what speaks against reading the in-sample R2."""
    n, k = len(data.y), result.k
    found = []
    if n - k <= 1:
        found.append(
            f"{n} cells for {k} predictors and an intercept: the fit goes through every point, so "
            "there is no in-sample R2 to report"
        )
    elif n < ROWS_PER_PREDICTOR * k:
        found.append(
            f"{n} cells are few for {k} predictors (rule of thumb: {ROWS_PER_PREDICTOR} a "
            f"predictor): by chance alone the in-sample R2 would be about {k / (n - 1):.2f}"
        )
    between = between_languages(data)
    if between is not None and between > 0.5:
        found.append(
            f"{between:.0%} of the variance of {data.outcome} lies between languages: numbers over "
            "all cells say more of the languages than of the teachers"
        )
    rank = len(result.fit.pca.variance)
    if rank < min(len(data.metrics), n - 1):
        found.append(f"the {len(data.metrics)} metrics are collinear: they make {rank} components")
    elif rank < len(data.metrics):
        found.append(f"{n} cells make at most {rank} components of {len(data.metrics)} metrics")
    if result.in_sample is not None and result.in_sample > 1 - 1e-9 and n > k + 2:
        found.append(
            f"{data.outcome} is a linear combination of the metrics to the last digit: does it "
            "contain them?"
        )
    return found

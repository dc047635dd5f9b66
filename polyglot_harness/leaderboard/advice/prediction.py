"""What a cell that nobody measured would show, and how surely: a random-effects model of all cells.

    y = mu + teacher + language + student + teacher x language + teacher x student
        + language x student + family match + cell + noise

All effects are Gaussian, so given their standard deviations the posterior is linear algebra. The
standard deviations are not known either, least of all from few cells: they have half-t priors, and
the answer is averaged over their posterior by importance sampling around its mode. See
docs/recommend.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polyglot_harness.scoring.items import FloatArray

IntArray = npt.NDArray[np.int64]
EFFECTS = (
    "teacher", "language", "student", "teacher x language", "teacher x student",
    "language x student", "cell", "family match",
)  # fmt: skip
PRIOR = (1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
"""Scales of the priors of `EFFECTS`, and of measurements of unknown error: what is particular to a
combination is thought to be half as large as what is common to many."""
DRAWS, FEWER, MANY = 512, 128, 150
"""Draws of the standard deviations; of more than `MANY` cells fewer will do: these say more."""
TAILS = 4.0
"""Degrees of freedom of the half-t priors, and of what draws come from."""
MEAN_SCALES = 4.0
"""Standard deviation of mu, in scales of the prior."""


@dataclass(frozen=True)
class Cells:
    """Which cells: one number of each kind a cell, [n]."""

    teacher: IntArray
    language: IntArray
    student: IntArray
    match: FloatArray
    """1 where teacher and student are known to be of one family, else 0."""

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.teacher)

    def take(self, which: npt.NDArray[np.int64]) -> Cells:
        """Return some of the cells."""
        return Cells(
            self.teacher[which], self.language[which], self.student[which], self.match[which]
        )


@dataclass(frozen=True)
class Fit:
    """The model of measured cells: draws of its standard deviations, and their weights."""

    cells: Cells
    values: FloatArray
    """[n]."""
    noise: FloatArray
    """Known variance of each measurement, [n]; 0 where it is not known."""
    unknown: FloatArray
    """1 for a measurement whose error is not known, else 0, [n]; their variance is estimated."""
    deviations: FloatArray
    """[draws, effects + 1], the last of measurements of unknown error."""
    weights: FloatArray
    """Of the draws; they sum to 1."""
    scale: float
    """Of the priors, in the unit of the values."""

    @property
    def draws(self) -> float:
        """Effective number of draws."""
        return float(1 / (self.weights**2).sum())


@dataclass(frozen=True)
class LeftOut:
    """Each measurement, predicted from all others; arrays are [n]."""

    mean: FloatArray
    place: FloatArray
    """Where the measurement lies in its predictive distribution, 0 to 1; uniform if all is well."""

    def coverage(self, share: float) -> float:
        """Return the share of measurements within their central interval of `share`."""
        return float((np.abs(self.place - 0.5) <= share / 2).mean())


def shared_effects(a: Cells, b: Cells) -> FloatArray:
    """Return for each of `EFFECTS` which cells of `a` and `b` have it in common, [E, n, m]."""
    teacher = a.teacher[:, None] == b.teacher
    language = a.language[:, None] == b.language
    student = a.student[:, None] == b.student
    return np.stack(
        [
            teacher, language, student, teacher & language, teacher & student, language & student,
            teacher & language & student, np.outer(a.match, b.match),
        ]
    ).astype(np.float64)  # fmt: skip


def fit(cells: Cells, values: FloatArray, stderrs: FloatArray, scale: float, seed: int = 0) -> Fit:
    """Learn how large the effects are.

    Args:
        cells: What was measured, at least one.
        values: Measurements, [n].
        stderrs: Their standard errors, [n]; NaN where they are not known.
        scale: Size of an effect that would surprise nobody, in the unit of the values.
        seed: Of the draws.
    """
    from scipy.optimize import minimize

    unknown = np.isnan(stderrs).astype(np.float64)
    noise = np.nan_to_num(stderrs) ** 2
    model = _Likelihood(
        np.concatenate([shared_effects(cells, cells), np.diag(unknown)[None]]),
        values, noise + (1e-3 * scale) ** 2, scale,
    )  # fmt: skip
    start = np.full(len(model.effects), np.log(scale / 2))
    bounds = [(np.log(scale * 1e-2), np.log(scale * 1e2))] * len(start)
    mode = minimize(model.loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    rng = np.random.default_rng(seed)
    logs, weights = _sampled(model, mode, _spread(model, mode), scale, rng)
    centre = weights @ logs
    spread = np.cov(logs.T, aweights=weights) + 1e-4 * np.eye(len(mode))
    logs, weights = _sampled(model, centre, _root(spread), scale, rng)
    return Fit(cells, values, model.noise, unknown, np.exp(logs), weights, scale)


def _sampled(
    model: _Likelihood, centre: FloatArray, root: FloatArray, scale: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw from a t distribution; return the draws, and their weights for the posterior."""
    half = (DRAWS if len(model.y) <= MANY else FEWER) // 2
    normal = rng.standard_normal((half, len(centre)))
    stretch = np.sqrt(TAILS / rng.chisquare(TAILS, half))[:, None]
    steps = np.concatenate([normal * stretch, -normal * stretch])
    logs = np.clip(centre + steps @ root.T, np.log(scale * 1e-4), np.log(scale * 1e3))
    proposal = -(TAILS + len(centre)) / 2 * np.log1p((steps**2).sum(axis=1) / TAILS)
    surplus = np.array([-model.loss(u, slope=False)[0] for u in logs]) - proposal
    return logs, _weights(surplus)


def _weights(logs: FloatArray) -> FloatArray:
    """Return weights that sum to 1 over the first axis.

    A few draws must not speak for all: truncated importance sampling (Ionides 2008).
    """
    weights = np.exp(logs - logs.max(axis=0))
    weights = np.minimum(weights, weights.mean(axis=0) * np.sqrt(len(weights)))
    normalised: FloatArray = weights / weights.sum(axis=0)
    return normalised


class _Likelihood:
    """Minus the log posterior of the logarithms of the standard deviations, mu integrated out."""

    def __init__(self, effects: FloatArray, y: FloatArray, noise: FloatArray, scale: float) -> None:
        self.effects, self.y, self.noise = effects, y, noise
        self.scales = scale * np.array(PRIOR)
        self.fixed = np.diag(noise) + (MEAN_SCALES * scale) ** 2

    def loss(self, logs: FloatArray, slope: bool = True) -> tuple[float, FloatArray]:
        """Return it and its gradient."""
        variances = np.exp(2 * logs)
        covariance = self.fixed + np.tensordot(variances, self.effects, axes=1)
        root = np.linalg.cholesky(covariance)
        ratio = variances / (TAILS * self.scales**2)
        prior = float((logs - (TAILS + 1) / 2 * np.log1p(ratio)).sum())
        half = np.linalg.solve(root, self.y)
        value = 0.5 * float(half @ half) + float(np.log(np.diag(root)).sum()) - prior
        if not slope:
            return value, logs
        inverse = np.linalg.inv(covariance)
        alpha = inverse @ self.y
        change = np.einsum("i,kij,j->k", alpha, self.effects, alpha)
        change -= np.einsum("kij,ij->k", self.effects, inverse)
        prior_slope = 1 - (TAILS + 1) * ratio / (1 + ratio)
        return value, -variances * change - prior_slope


def _spread(model: _Likelihood, mode: FloatArray) -> FloatArray:
    """Return a root of the covariance of the posterior near its mode, from its curvature."""
    step = 1e-3
    slopes = [
        (model.loss(mode + step * e)[1] - model.loss(mode - step * e)[1]) / (2 * step)
        for e in np.eye(len(mode))
    ]
    curvature, axes = np.linalg.eigh((np.array(slopes) + np.array(slopes).T) / 2)
    # where the data say little the prior does: one unit of a logarithm, and never more than 1.5
    root: FloatArray = axes / np.sqrt(np.maximum(curvature, 1 / 1.5**2))
    return root


def moments(model: Fit, targets: Cells) -> tuple[FloatArray, FloatArray]:
    """Return the posterior mean, [m], and covariance, [m, m], of the true values of cells."""
    mean = np.zeros(len(targets))
    second = np.zeros((len(targets), len(targets)))
    for weight, centre, covariance in _posteriors(model, targets, np.arange(len(model.weights))):
        mean += weight * centre
        second += weight * (covariance + np.outer(centre, centre))
    return mean, second - np.outer(mean, mean)


def draw(model: Fit, targets: Cells, count: int, seed: int = 0) -> FloatArray:
    """Draw the true values of cells together from their posterior, [count, m]."""
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(count, model.weights)
    used = np.flatnonzero(counts)
    samples = [
        centre + rng.standard_normal((n, len(targets))) @ _root(covariance).T
        for n, (_, centre, covariance) in zip(
            counts[used], _posteriors(model, targets, used), strict=True
        )
    ]
    return np.concatenate(samples)


def _root(covariance: FloatArray) -> FloatArray:
    jitter = 1e-9 * max(float(np.trace(covariance)) / len(covariance), 1e-12)
    root = np.linalg.cholesky(covariance + jitter * np.eye(len(covariance)))
    return root.astype(np.float64, copy=False)


def _posteriors(
    model: Fit, targets: Cells, which: IntArray
) -> Iterator[tuple[float, FloatArray, FloatArray]]:
    """Yield (weight, mean, covariance) of targets for draws of the standard deviations."""
    measured = shared_effects(model.cells, model.cells)
    across = shared_effects(targets, model.cells)
    prior = shared_effects(targets, targets)
    mu = (MEAN_SCALES * model.scale) ** 2
    for i in which:
        variances = model.deviations[i] ** 2
        covariance = _total(measured, variances, mu) + np.diag(
            model.noise + variances[-1] * model.unknown
        )
        cross = _total(across, variances, mu)
        gain = np.linalg.solve(covariance, cross.T).T
        own = _total(prior, variances, mu) - gain @ cross.T
        yield float(model.weights[i]), gain @ model.values, (own + own.T) / 2


def _total(effects: FloatArray, variances: FloatArray, mu: float) -> FloatArray:
    total: FloatArray = mu + np.tensordot(variances[: len(effects)], effects, axes=1)
    return total


def leave_one_out(model: Fit) -> LeftOut:
    """Predict each measurement from the others, in closed form.

    The draws are weighted anew for each, by what the measurement itself had added to them.
    """
    from scipy.special import ndtr

    effects = shared_effects(model.cells, model.cells)
    mu = (MEAN_SCALES * model.scale) ** 2
    means, places, logs = [], [], []
    for variances, weight in zip(model.deviations**2, model.weights, strict=True):
        covariance = _total(effects, variances, mu)
        covariance += np.diag(model.noise + variances[-1] * model.unknown)
        inverse = np.linalg.inv(covariance)
        variance = 1 / np.diag(inverse)
        residual = variance * (inverse @ model.values)
        means.append(model.values - residual)
        places.append(ndtr(residual / np.sqrt(variance)))
        density = -0.5 * (residual**2 / variance + np.log(variance))
        logs.append(np.log(weight + 1e-300) - density)
    weights = _weights(np.array(logs))
    return LeftOut((weights * means).sum(axis=0), (weights * places).sum(axis=0))


def typical_noise(model: Fit) -> float:
    """Return the variance that a further measurement may be expected to have."""
    estimated = float(model.weights @ model.deviations[:, -1] ** 2)
    return float(np.median(model.noise + estimated * model.unknown))

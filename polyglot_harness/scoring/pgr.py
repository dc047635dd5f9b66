"""Performance gap recovered, (student - base) / (reference - base), and how far to trust it.

PGR is from AgoraBench (arXiv 2412.03679); arXiv 2604.11290 averages it over benchmarks in two
ways: its code divides mean scores (``ratio-of-means``), its text averages the ratios of the single
benchmarks (``mean-of-ratios``). Either is meaningless where the gap below the line is not clearly
positive: over an inverted gap the worse student gets the higher PGR. Such a gap is flagged.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np

from polyglot_harness.errors import unknown_name
from polyglot_harness.scoring.items import Arrays, Estimate, FloatArray, estimate, subtract

Method = Literal["ratio-of-means", "mean-of-ratios"]
ANCHOR_INVERTED = "anchor_inverted"
ANCHOR_WEAK = "anchor_weak"
ANCHOR_INCONSISTENT = "anchor_inconsistent"
"""Published PGR that no single pair of anchors gives."""
ANCHOR_FLAGS = (ANCHOR_INVERTED, ANCHOR_WEAK, ANCHOR_INCONSISTENT)
MARGIN = 2.0
"""Standard errors of the gap by which it must exceed zero."""
MAX_NONPOSITIVE = 0.05
"""Share of resampled gaps at or below zero above which PGR has no standard error."""
_ZERO = 1e-12  # a smaller gap is rounding
_ONE_SIGMA = (0.158655, 0.841345)  # what lies within one standard deviation of a normal


def check_method(method: str) -> None:
    """Raise ConfigError unless `method` is one of `Method`."""
    if method not in get_args(Method):
        raise unknown_name("PGR method", method, get_args(Method))


def recovered(
    student: Arrays,
    base: Arrays,
    reference: Arrays,
    *,
    method: Method = "ratio-of-means",
    seed: int = 0,
    resamples: int = 2000,
) -> Estimate:
    """Return PGR (1: the student has reached the reference) and its standard error.

    The error is half the width of the central 68.27 % of a paired bootstrap over items, stratified
    by task: for a normal distribution that is the standard deviation, and unlike the standard
    deviation it exists for a ratio, whose tails are heavy. It is None where a task has fewer than
    two items, and where more than 5 % of the resampled gaps (in ``mean-of-ratios``: of the
    smallest gap of a task) are not positive, for then the ratio's pole lies among the resamples.

    Args:
        student: Aligned accuracies, one array a task.
        base: The same of the base model.
        reference: The same of the reference.
        method: How tasks are averaged.
        seed: Of the bootstrap.
        resamples: Of the bootstrap.

    Returns:
        PGR, None where a gap is zero, with its standard error or None.

    Raises:
        ConfigError: If `method` is unknown.
    """
    check_method(method)
    tasks = [np.stack(three) for three in zip(student, base, reference, strict=True)]
    value = float(_ratio(np.stack([t.mean(axis=1) for t in tasks]), method)[0])
    if not math.isfinite(value):
        return Estimate()
    if min(t.shape[1] for t in tasks) < 2:
        return Estimate(value)
    ratios, gaps = _ratio(bootstrap_means(tasks, seed=seed, resamples=resamples), method)
    if np.mean(gaps <= _ZERO) > MAX_NONPOSITIVE:
        return Estimate(value)
    low, high = np.quantile(ratios[np.isfinite(ratios)], _ONE_SIGMA)
    return Estimate(value, float(high - low) / 2)


def bootstrap_means(tasks: list[FloatArray], *, seed: int, resamples: int) -> FloatArray:
    """Resample the items of each task; the same items for all models (a paired bootstrap).

    Items with the same accuracies under all models are interchangeable, so their number is drawn
    instead of the items: exact, and with right-or-wrong items at most 8 counts a resample.

    Args:
        tasks: One array a task, shape (models, items).
        seed: Of the generator.
        resamples: How many.

    Returns:
        Means over the resampled items, shape (resamples, tasks, models).
    """
    rng = np.random.default_rng(seed)
    means = []
    for values in tasks:
        n = values.shape[1]
        patterns, counts = np.unique(values, axis=1, return_counts=True)
        drawn = rng.multinomial(n, counts / n, size=resamples)
        means.append(drawn @ patterns.T / n)
    return np.stack(means, axis=1)


def _ratio(means: FloatArray, method: Method) -> tuple[FloatArray, FloatArray]:
    """Return PGR and the smallest gap it divides by.

    Args:
        means: Shape (..., tasks, 3): student, base, reference.
        method: How tasks are averaged.

    Returns:
        Two arrays of shape (...); PGR is not finite where a gap is zero.
    """
    if method == "ratio-of-means":
        means = means.mean(axis=-2, keepdims=True)
    gain = means[..., 0] - means[..., 1]
    gap = means[..., 2] - means[..., 1]
    ratios = np.full(gap.shape, np.nan)
    np.divide(gain, gap, out=ratios, where=np.abs(gap) > _ZERO)
    return ratios.mean(axis=-1), gap.min(axis=-1)


def anchor_flags(
    base: Arrays, reference: Arrays, method: Method = "ratio-of-means"
) -> tuple[str, ...]:
    """Say what is wrong with the gap, or with one of the gaps, that PGR divides by.

    Returns:
        ``anchor_inverted``: not positive; ``anchor_weak``: positive by less than `MARGIN` standard
        errors (or by an unknown number of them, with one item a task); () if sound.

    Raises:
        ConfigError: If `method` is unknown.
    """
    check_method(method)
    gap = subtract(reference, base)
    gaps = [gap] if method == "ratio-of-means" else [(task,) for task in gap]
    found = [gap_flag(estimate(g)) for g in gaps]
    worst = [flag for flag in (ANCHOR_INVERTED, ANCHOR_WEAK) if flag in found]
    return tuple(worst[:1])


def gap_flag(gap: Estimate) -> str:
    """Say what is wrong with a gap; "" if it is sound."""
    if gap.value is None or gap.value <= _ZERO:
        return ANCHOR_INVERTED
    weak = gap.stderr is None or gap.value < MARGIN * gap.stderr
    return ANCHOR_WEAK if weak else ""

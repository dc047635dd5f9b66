"""Does a larger teacher teach better? Regressions on the logarithm of its parameters.

The unit of the slope is the outcome's, per doubling of parameters. Cells of one teacher share its
size, so their number overstates what is known: beside the plain error stands that clustered by
teacher, the mixed model (random intercept of the language), and the regression over the teachers'
means.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polyglot_harness.analysis.frame import FloatArray, Frame, flat
from polyglot_harness.analysis.regression import held_out, r_squared
from polyglot_harness.analysis.resampling import codes
from polyglot_harness.errors import MissingDependency, first_line

MIN_SIZES = 3


@dataclass(frozen=True)
class Slope:
    """One fit of the outcome on log2 of the size."""

    model: str
    n: int
    """Points in the fit; 0 where there is none."""
    per_doubling: float | None = None
    stderr: float | None = None
    low: float | None = None
    """95 % interval."""
    high: float | None = None
    p_value: float | None = None
    intercept: float | None = None
    """At a billion parameters."""
    r2: float | None = None
    """In sample."""
    r2_leave_teacher_out: float | None = None
    language_sd: float | None = None
    """Of the random intercepts."""
    converged: bool | None = None
    problems: tuple[str, ...] = ()
    """What the fit complained of, or why there is none."""


@dataclass(frozen=True)
class SizeRegression:
    """The fits of one outcome or metric."""

    name: str
    teachers: int
    """With a known size."""
    slopes: tuple[Slope, ...]


def size_regression(data: Frame, name: str, values: FloatArray) -> SizeRegression:
    """Regress values [n] on log2 of the teachers' billions of parameters.

    Args:
        data: The cells; those without a size are left out.
        name: What the values are.
        values: The outcome, or a metric.

    Raises:
        MissingDependency: If statsmodels is not there.
    """
    try:
        import statsmodels.api  # noqa: F401
    except ImportError as error:
        raise MissingDependency("statsmodels", "analysis") from error
    known = np.flatnonzero(~np.isnan(data.size_b))
    y, x = values[known], np.log2(data.size_b[known])
    teacher = [data.teacher[i] for i in known]
    language = [data.language[i] for i in known]
    sizes = len(set(x.tolist()))
    models = ("ols", "mixed", "teacher_means")
    if sizes < MIN_SIZES or flat(y):
        reason = (
            f"{name} is constant" if sizes >= MIN_SIZES
            else f"{sizes} different known sizes, {MIN_SIZES} are the least"
        )  # fmt: skip
        none = tuple(Slope(model, 0, problems=(reason,)) for model in models)
        return SizeRegression(name, len(set(teacher)), none)
    slopes = (
        _ols("ols", x, y, teacher),
        _mixed(x, y, language),
        _teacher_means(x, y, teacher, language),
    )
    return SizeRegression(name, len(set(teacher)), slopes)


def _ols(model: str, x: FloatArray, y: FloatArray, teacher: list[str]) -> Slope:
    """Fit by least squares, the error clustered where a teacher has several rows."""
    from statsmodels.api import OLS, add_constant

    fitted = OLS(y, add_constant(x)).fit()
    shown = fitted
    if len(set(teacher)) < len(teacher):
        groups = {"groups": codes(teacher)}
        shown = fitted.get_robustcov_results("cluster", use_t=True, **groups)
    predicted, baseline = held_out(x[:, None], y, teacher, 1)
    return Slope(
        model,
        len(y),
        *_of(shown.params[1], shown.bse[1], shown.conf_int()[1], shown.pvalues[1]),
        intercept=float(fitted.params[0]),
        r2=float(fitted.rsquared),
        r2_leave_teacher_out=r_squared(y, predicted, baseline),
    )


def _mixed(x: FloatArray, y: FloatArray, language: list[str]) -> Slope:
    """Fit with a random intercept for each language, by REML; report what it complains of."""
    from statsmodels.api import MixedLM, add_constant

    none = Slope("mixed", 0)
    if len(set(language)) < 2:
        return replace(none, problems=(f"only one language: {language[0]}",))
    unit = float(y.std())  # the optimiser's steps suit values around 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = MixedLM(y / unit, add_constant(x), groups=codes(language))
            # one variance to be found: without derivatives it is found where they fail
            fitted = model.fit(reml=True, method="powell")
            bounds = fitted.conf_int()[1]
            numbers = _of(
                fitted.fe_params[1] * unit, fitted.bse_fe[1] * unit, bounds * unit,
                fitted.pvalues[1],
            )  # fmt: skip
            variance = float(fitted.cov_re[0, 0])
        except (np.linalg.LinAlgError, ValueError) as error:
            return replace(none, converged=False, problems=(first_line(error),))
    return Slope(
        "mixed",
        len(y),
        *numbers,
        intercept=float(fitted.fe_params[0]) * unit,
        language_sd=float(np.sqrt(variance)) * unit,
        converged=bool(fitted.converged),
        problems=tuple(dict.fromkeys(first_line(w.message) for w in caught)),  # type: ignore[arg-type]
    )


def _teacher_means(x: FloatArray, y: FloatArray, teacher: list[str], language: list[str]) -> Slope:
    """Fit one point a teacher: the mean of what is left when the languages' means are taken off.

    The intercept is relative to them.
    """
    of_language, of_teacher = codes(language), codes(teacher)
    level = np.bincount(of_language, weights=y) / np.bincount(of_language)
    rest = y - level[of_language]
    count = np.bincount(of_teacher)
    means = np.bincount(of_teacher, weights=rest) / count
    sizes = np.bincount(of_teacher, weights=x) / count
    if flat(means):
        return Slope("teacher_means", 0, problems=("the means are all the same",))
    return _ols("teacher_means", sizes, means, sorted(set(teacher)))


def _of(
    slope: Any, stderr: Any, bounds: Any, p: Any
) -> tuple[float | None, float | None, float | None, float | None, float | None]:
    """Return the numbers of a slope, None for what is not finite."""
    numbers = (float(v) for v in (slope, stderr, bounds[0], bounds[1], p))
    first, second, third, fourth, fifth = (v if np.isfinite(v) else None for v in numbers)
    return first, second, third, fourth, fifth

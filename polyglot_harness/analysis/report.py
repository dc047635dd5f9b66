"""One analysis with all its parts, and its form as JSON: the same input, the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from polyglot_harness import __version__
from polyglot_harness.analysis.correlation import Correlation, correlations
from polyglot_harness.analysis.frame import FloatArray, Frame
from polyglot_harness.analysis.pca import components
from polyglot_harness.analysis.regression import (
    Regression,
    between_languages,
    fit,
    regress,
    warnings,
)
from polyglot_harness.analysis.resampling import MIN_TEACHERS, PERMUTATIONS, RESAMPLES, SEED
from polyglot_harness.analysis.resampling import interval as bootstrap
from polyglot_harness.analysis.size import SizeRegression, size_regression
from polyglot_harness.errors import ConfigError

SCHEMA_VERSION = 1
DEFINITIONS = {
    "r2": "1 - sum (y - y_hat)^2 / sum (y - y_bar)^2; out of sample y_hat and y_bar come from the "
    "rows that are not held out, and so do means, scales and components; it can be negative",
    "leave_one_out": "each cell held out by itself",
    "leave_teacher_out": "all cells of a teacher held out together",
    "leave_language_out": "all cells of a language held out together",
    "interval": f"95 %, percentiles of {RESAMPLES} bootstrap samples of whole teachers, seed "
    f"{SEED}; none with fewer than {MIN_TEACHERS} teachers",
    "chance": f"in-sample R2 of {PERMUTATIONS} permutations of the outcome, seed {SEED}; "
    "chance_within permutes within languages",
    "betas": "change of the outcome for one standard deviation of a metric, the others held",
    "per_doubling": "change of the outcome for twice the parameters",
    "rho": "Spearman; p by permutation; q by Benjamini-Hochberg over the table",
}
_DIGITS = 10
_LIBRARIES = ("numpy", "scipy", "statsmodels")
Bounds = tuple[FloatArray, FloatArray] | None


@dataclass(frozen=True)
class Analysis:
    """Everything about one outcome."""

    data: Frame
    regression: Regression
    """With the number of components that was asked for."""
    by_components: tuple[Regression, ...]
    """With 1, 2, ... components, without intervals."""
    betas: Bounds
    """95 % interval of `Fit.betas`."""
    explained: Bounds
    """95 % interval of the components' shares of the variance."""
    between_languages: float | None
    """Share of the outcome's variance."""
    correlations: tuple[Correlation, ...]
    sizes: tuple[SizeRegression, ...]
    """Of the outcome, then of each metric."""
    warnings: tuple[str, ...]


def analyse(data: Frame, n_components: int | None = None) -> Analysis:
    """Analyse an outcome.

    Args:
        data: The cells.
        n_components: In the regression; None for all that there are.

    Raises:
        ConfigError: If there are not so many components.
        MissingDependency: If a library of the extra ``analysis`` is not there.
    """
    rank = len(components(data.x).variance)
    k = rank if n_components is None else n_components
    if k > rank:
        raise ConfigError(f"--components {k}: these metrics and cells make {rank}")
    result = regress(data, k)
    named = [(data.outcome, data.y), *zip(data.metrics, data.x.T, strict=True)]
    return Analysis(
        data=data,
        regression=result,
        by_components=tuple(regress(data, i, full=False) for i in range(1, rank + 1)),
        betas=_betas(data, k),
        explained=_explained(data, rank),
        between_languages=between_languages(data),
        correlations=correlations(data),
        sizes=tuple(size_regression(data, name, values) for name, values in named),
        warnings=(*warnings(data, result), *_caution(data)),
    )


def _caution(data: Frame) -> list[str]:
    few = len(set(data.teacher))
    if few >= MIN_TEACHERS:
        return []
    return [f"{few} teachers are too few to resample: there are no intervals"]


def _betas(data: Frame, k: int) -> Bounds:
    return bootstrap(data.teacher, lambda rows: fit(data.x[rows], data.y[rows], k).betas)


def _explained(data: Frame, rank: int) -> Bounds:
    def shares(rows: Any) -> FloatArray:
        ratio = components(data.x[rows]).ratio
        return np.pad(ratio, (0, rank - len(ratio)))

    return bootstrap(data.teacher, shares)


def as_json(
    analyses: tuple[Analysis, ...], inputs: Mapping[str, str], published: dict[str, Any] | None
) -> str:
    """Return all numbers as JSON.

    Args:
        analyses: One an outcome.
        inputs: File name -> sha256.
        published: Checks of the released results, if they were asked for.
    """
    report = {
        "schema_version": SCHEMA_VERSION,
        "inputs": inputs,
        "versions": {"polyglot_harness": __version__, **{n: version(n) for n in _LIBRARIES}},
        "definitions": DEFINITIONS,
        "analyses": [_analysis(a) for a in analyses],
        **({} if published is None else {"published": published}),
    }
    return json.dumps(plain(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _analysis(a: Analysis) -> dict[str, Any]:
    data, circular = a.data, a.data.circular
    pca = a.regression.fit.pca
    return {
        "outcome": data.outcome,
        "circular": circular,
        "metrics": data.metrics,
        "n": len(data.y),
        "teachers": sorted(set(data.teacher)),
        "languages": sorted(set(data.language)),
        "notes": data.notes,
        "left_out": data.left_out,
        "warnings": a.warnings,
        "outcome_variance_between_languages": a.between_languages,
        "pca": {
            "explained_variance_ratio": pca.ratio,
            "explained_variance_ratio_interval": a.explained,
            "cumulative": np.cumsum(pca.ratio),
            "mean": pca.mean,
            "scale": pca.scale,
            "components": pca.vectors,
            "loadings": pca.loadings,
        },
        "regression": {
            "circular": circular,
            **_regression(a.regression),
            "intercept": a.regression.fit.intercept,
            "coefficients": a.regression.fit.coefficients,
            "betas": a.regression.fit.betas,
            "betas_interval": a.betas,
            "chance": a.regression.chance,
            "chance_within": a.regression.chance_within,
        },
        "by_components": [{"circular": circular, **_regression(r)} for r in a.by_components],
        "spearman": [{"circular": circular, **plain(c)} for c in a.correlations],
        "size": {
            "teachers": [
                {"teacher": t, "billions": size, "from": source}
                for t, size, source in data.size_sources
            ],
            "regressions": [
                {"circular": circular and s.name == data.outcome, **plain(s)} for s in a.sizes
            ],
        },
        "cells": _cells(a),
    }


def _regression(result: Regression) -> dict[str, Any]:
    schemes = {
        name: {k: v for k, v in plain(found).items() if k != "predicted"}
        for name, found in result.out_of_sample.items()
    }
    return {
        "predictors": result.k,
        "r2": {"in_sample": result.in_sample, "adjusted": result.adjusted, **schemes},
    }


def _cells(a: Analysis) -> list[dict[str, Any]]:
    columns = {"in_sample": a.regression.predicted}
    for name, found in a.regression.out_of_sample.items():
        if found.predicted is not None:
            columns[name] = found.predicted
    return [
        {
            "teacher": teacher,
            "language": language,
            "observed": a.data.y[i],
            "predicted": {name: values[i] for name, values in columns.items()},
        }
        for i, (teacher, language) in enumerate(zip(a.data.teacher, a.data.language, strict=True))
    ]


def plain(value: Any) -> Any:
    """Return what JSON can hold: lists for arrays, ten significant digits, None for NaN."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        # the last digits are those of the linear algebra library, not of the data
        return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
    return value

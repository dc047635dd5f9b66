"""Numbers of the data themselves: one metric a file, found by name.

Each metric is a function of `MeasureInput` to `Measurement`s; it is imported when it is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from polyglot_harness.errors import unknown_name
from polyglot_harness.spec import Example, LanguagePack, Measurement, Rejection


@dataclass(frozen=True)
class MeasureInput:
    """What a metric may look at."""

    pack: LanguagePack
    examples: tuple[Example, ...]
    """Accepted examples of one teacher in one language, all strategies."""
    rejections: tuple[Rejection, ...]
    embedder: Callable[[], Any]
    """Loads the sentence embedder when first called."""
    perplexity_lm: Callable[[], Any]
    """Loads the base LM when first called."""
    limit: int | None = None
    """At most so many examples for metrics that run a language model; None for all."""
    progress: Callable[[int, int], None] = lambda done, total: None


METRICS_VERSION = 1
"""Raised when a metric changes its numbers, so that they are computed again."""
METRICS = {
    "acceptance_rate": "polyglot_harness.intrinsic.acceptance",
    "distinct_ri": "polyglot_harness.intrinsic.distinct_ri",
    "known_words": "polyglot_harness.intrinsic.known_words",
    "language_fidelity": "polyglot_harness.intrinsic.fidelity",
    "length": "polyglot_harness.intrinsic.length",
    "perplexity": "polyglot_harness.intrinsic.perplexity",
}


def check_metrics(names: tuple[str, ...]) -> None:
    """Raise ConfigError for a name that is no metric."""
    for name in names:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)


def describe(name: str) -> str:
    """Return the first line of a metric's docstring."""
    return (importlib.import_module(METRICS[name]).__doc__ or "").strip().split("\n")[0]


def measure(names: tuple[str, ...], data: MeasureInput) -> tuple[Measurement, ...]:
    """Compute metrics in the order of `names`."""
    check_metrics(names)
    found: list[Measurement] = []
    for name in names:
        found += importlib.import_module(METRICS[name]).measure(data)
    return tuple(found)


def mean_measurement(name: str, language: str, values: list[float]) -> Measurement:
    """Return the mean of per-example values with its standard error."""
    n = len(values)
    if n == 0:
        return Measurement(name=name, language=language, value=None, stderr=None, n=0)
    mean = sum(values) / n
    variance = sum((v - mean) ** 2 for v in values) / (n - 1) if n > 1 else None
    stderr = None if variance is None else (variance / n) ** 0.5
    return Measurement(name=name, language=language, value=mean, stderr=stderr, n=n)

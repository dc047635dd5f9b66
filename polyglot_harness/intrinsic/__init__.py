"""Numbers of the data themselves: one metric a file, found by name.

A metric is a module with ``measure(data, values)`` that returns a tuple of `Measurement`s. It
goes through the samples block by block, adds what it finds of each to `values`, and returns its
measurements. It may have ``depends_on(spec, pack)``: settings that change its numbers, for its
digest. There ``versions`` of libraries and what is the ``pack``'s stand under these names: they
are no part of the metrics' field of a run's signature. It may have a ``VERSION``, raised when
its numbers change (1 without), and a ``BLOCK``, where it adds fewer values at once than
`samples.BLOCK`, because they are dear. It is imported when it is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import unknown_name
from polyglot_harness.intrinsic.samples import BLOCK, Data
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.lm.tally import Spending
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec, TeacherCard

Part = Literal["prompt", "response"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class MeasureInput:
    """What a metric may look at. Models are loaded when their function is first called."""

    pack: LanguagePack
    data: Data
    """Accepted examples of one teacher in one language, all strategies; or data of others."""
    spec: RunSpec
    """Settings of the metrics."""
    vectors: Callable[[Part], NDArray[np.float32]]
    """Unit vectors of all prompts or responses, [n, d], mapped from the disk."""
    perplexity_lm: Callable[[], Any]
    """The base LM, an lm-eval ``LM``."""
    judge_lm: Callable[[TeacherCard], Any]
    """The lm-eval ``LM`` of a judge."""
    judgements: Callable[[TeacherCard], Path]
    """The folder where all replies of a judge are kept."""
    spending: Spending = field(default_factory=Spending)
    """What the job may cost, and has cost: judges are paid from it."""
    free: Callable[[], None] = lambda: None
    """Frees the language model that is in memory, before a metric loads one of its own."""
    progress: Callable[[int, int], None] = lambda done, total: None
    """Told of the samples that are done, and of their number."""


METRICS = {
    name: f"polyglot_harness.intrinsic.{name}"
    for name in (
        "acceptance_rate",
        "format",
        "length",
        "known_words",
        "language_fidelity",
        "code_switching",
        "repetition",
        "lexical_diversity",
        "translationese",
        "distinct_ri",
        "vendi",
        "perplexity",
        "rubric",
        "difficulty",
        "reward",
        "translation_overlap",
        "comet",
    )
}

NEEDED = {
    "rubric": "judge",
    "difficulty": "judge",
    "reward": "reward_model",
    "comet": "comet_model",
}
"""Metric -> flag of the command line without which it cannot be computed."""


def check_metrics(names: tuple[str, ...]) -> None:
    """Raise ConfigError for a name that is no metric."""
    for name in names:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)


def describe(name: str) -> str:
    """Return the first line of a metric's docstring."""
    return (importlib.import_module(METRICS[name]).__doc__ or "").strip().split("\n")[0]


def depends_on(name: str, spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return what a metric's numbers depend on beside the data, for a digest."""
    module = importlib.import_module(METRICS[name])
    settings = module.depends_on(spec, pack) if hasattr(module, "depends_on") else {}
    return {"version": getattr(module, "VERSION", 1), "language": pack.code, **settings}


def measure(name: str, data: MeasureInput, folder: Path) -> tuple[Measurement, ...]:
    """Compute one metric; what an interrupted run left of its values in the folder is kept."""
    module = importlib.import_module(METRICS[name])
    values = Values.resume(folder, getattr(module, "BLOCK", BLOCK))
    found: tuple[Measurement, ...] = module.measure(data, values)
    return found

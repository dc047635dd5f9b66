"""COMET: translation quality by neural models; about 0-1 by most models, higher is better.

Of prompts that the translate strategy made of a source: by models that need no reference
(COMETKiwi, arXiv 2209.06243) for all, by the others (COMET-22, ACL 2022.wmt-1.52) where there is a
human translation. The models are unbabel-comet's, run by its own command (`comet_adapter`). A text
is one segment, whatever its length: models read 512 tokens of it, and were trained on sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness import comet_adapter
from polyglot_harness.comet_adapter import Segment
from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import mean
from polyglot_harness.intrinsic.samples import BLOCK, Sample, spread
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

CHUNK = 4 * BLOCK
"""Samples of one run of the program, which loads the model each time."""


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the models, how much they read, and the program's version."""
    return {
        "models": list(spec.comet_models),
        "limit": spec.metric_limit,
        "versions": {"unbabel-comet": comet_adapter.comet_version(), "device": spec.device},
    }


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``comet_MODEL`` for each model."""
    spec, code, n = data.spec, data.pack.code, len(data.data)
    if not spec.comet_models:
        raise ConfigError("the metric comet needs a model: --comet_model")
    columns = column_names(spec.comet_models)
    needed = {model: comet_adapter.needs_reference(model) for model in spec.comet_models}
    chosen = {
        model: _chosen(map(eligible(referenced), data.data.samples()), n, spec.metric_limit)
        for model, referenced in needed.items()
    }
    samples = data.data.samples(values.rows)
    while chunk := list(islice(samples, CHUNK)):
        scores = {
            column: _scores(model, chunk, chosen[model][values.rows :], needed[model], spec.device)
            for column, model in columns.items()
        }
        values.add(**scores)
        data.progress(values.rows, n)
    version = comet_adapter.comet_version()
    return tuple(
        mean(
            column, code, values, column,
            params=(
                ("model", model), ("references", needed[model]),
                ("unbabel-comet", version), ("precision", "float16"),
            ),
        )
        for column, model in columns.items()
    )  # fmt: skip


def column_names(models: Iterable[str]) -> dict[str, str]:
    """Return the models by the names of their columns.

    Raises:
        ConfigError: If two have the same.
    """
    found: dict[str, str] = {}
    for model in models:
        path = comet_adapter.checkpoint(model) or Path(model)
        parts = [part for part in path.parts if part not in ("checkpoints", "model.ckpt")]
        name = f"comet_{parts[-1].removesuffix('.ckpt')}"
        if name in found:
            raise ConfigError(f"COMET models {found[name]} and {model} have the same name: {name}")
        found[name] = model
    return found


def eligible(referenced: bool) -> Callable[[Sample], bool]:
    """Return what tells whether a sample can be scored, with or without a reference."""

    def check(sample: Sample) -> bool:
        parts = (sample.source, sample.prompt, *([sample.reference] if referenced else []))
        return all(part.strip() for part in parts)

    return check


def _chosen(can: Iterable[bool], n: int, limit: int | None) -> NDArray[np.bool_]:
    """Return which samples are scored: at most `limit` of those that can be."""
    numbers = np.flatnonzero(np.fromiter(can, dtype=bool, count=n))
    found = np.zeros(n, dtype=bool)
    found[numbers[sorted(spread(len(numbers), limit))]] = True
    return found


def _scores(
    model: str,
    samples: list[Sample],
    chosen: NDArray[np.bool_],
    referenced: bool,
    device: str | None,
) -> NDArray[np.float64]:
    """Return the scores of the chosen samples, NaN for the others."""
    rows = np.flatnonzero(chosen[: len(samples)])
    segments = [
        Segment(s.source, s.prompt, s.reference if referenced else "")
        for s in (samples[i] for i in rows)
    ]
    found = np.full(len(samples), np.nan)
    found[rows] = comet_adapter.score(model, segments, device)
    return found

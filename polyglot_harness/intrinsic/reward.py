"""Reward: mean and spread of responses under a reward model; any range, higher is better.

The reward of a response r to a prompt p is the one logit of a sequence classifier that reads p and
r as a user's and an assistant's turn (Bradley-Terry reward models: arXiv 2203.02155, section 3.5).
Its scale is the model's own: rewards of different models cannot be compared. ``reward_sd`` is the
population standard deviation over the examples, as in CroCo (arXiv 2605.26293). A pair that is
longer than the model's context loses the beginning of its prompt and counts in
``reward_truncated``; a response that is longer by itself has no reward.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import RESAMPLES, interval, mean, share_of, weights
from polyglot_harness.intrinsic.samples import blocks, spread
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.provenance import relevant
from polyglot_harness.spec import LanguagePack, Measurement, Pairs, RunSpec

Floats = NDArray[np.float64]

BLOCK = 256
"""An interruption loses at most so many."""


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the model, and how much it reads."""
    from polyglot_harness.lm.load import model_identity

    return {
        "model": model_identity(spec.reward_model),
        "limit": spec.metric_limit,
        # where it runs changes rounding, and what is rounded
        "versions": {**dict(relevant("torch", "transformers")), "device": spec.device},
    }


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``reward``, ``reward_sd`` and ``reward_truncated``."""
    from polyglot_harness.lm.load import model_identity
    from polyglot_harness.lm.reward_model import load_reward_model, score

    spec, code, n = data.spec, data.pack.code, len(data.data)
    if not spec.reward_model:
        raise ConfigError("the metric reward needs a reward model: --reward_model")

    @cache
    def model() -> Any:
        data.free()
        return load_reward_model(spec.reward_model, spec.device)

    chosen = spread(n, spec.metric_limit)
    for block in blocks(data.data, values.rows, BLOCK):
        rows = [i for i in range(len(block)) if values.rows + i in chosen]
        rewards, truncated = np.full((2, len(block)), np.nan)
        if rows:
            found = score(model(), [(block[i].prompt, block[i].response) for i in rows])
            rewards[rows] = [math.nan if r.value is None else r.value for r in found]
            truncated[rows] = [r.truncated for r in found]
        values.add(reward=rewards, reward_truncated=truncated)
        data.progress(values.rows, n)
    params: Pairs = (("model", model_identity(spec.reward_model)),)
    return (
        mean("reward", code, values, "reward", params=params),
        deviation("reward_sd", code, values, "reward", params),
        share_of("reward_truncated", code, values, "reward_truncated", params),
    )


def deviation(
    name: str, language: str, values: Values, column: str, params: Pairs = ()
) -> Measurement:
    """Return the population standard deviation of a column, with bootstrap error and interval.

    None for fewer than two values: one alone tells nothing of spread.
    """
    n, total = 0, 0.0
    for block in values.blocks(column):
        n, total = n + int(np.isfinite(block).sum()), total + float(np.nansum(block))
    if n < 2:
        return Measurement(
            name=name, language=language, value=None, stderr=None, n=n, params=params
        )
    # powers of the distance from the mean: raw ones would cancel
    sums, resampled = np.zeros(3), np.zeros((RESAMPLES, 3))
    for number, block in enumerate(values.blocks(column)):
        there = np.isfinite(block[:, 0])
        distance = np.where(there, block[:, 0] - total / n, 0.0)
        powers = np.column_stack([there.astype(float), distance, distance**2])
        sums += powers.sum(axis=0)
        resampled += weights(number)[:, : len(block)] @ powers
    drawn = _deviation(resampled[resampled[:, 0] > 0])
    low, high = interval(drawn)
    return Measurement(
        name=name, language=language, value=float(_deviation(sums[None])[0]),
        stderr=float(drawn.std(ddof=1)), n=n, low=low, high=high, params=params,
    )  # fmt: skip


def _deviation(sums: Floats) -> Floats:
    """Return the deviation from rows of n, sum and sum of squares."""
    n, first, second = sums.T
    deviations: Floats = np.sqrt(np.maximum(second / n - (first / n) ** 2, 0.0))
    return deviations

"""Does a reward model rank usefully within a language? Numbers by language, with intervals.

CroCo (arXiv 2605.26293) finds that a reward model trained on English preferences ranks usefully
within most languages. What can be told without a judge or a person: how far apart it puts a
prompt's responses, whether it ranks those in the prompt's language above the others, and whether it
merely counts length. The unit is the prompt: a value a prompt, its mean over prompts, intervals by
a bootstrap over prompts (shares: Wilson's; see `intrinsic.estimate`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.intrinsic.estimate import mean_of, share
from polyglot_harness.intrinsic.reward import deviation
from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.preference.pairs import Pair, Scored
from polyglot_harness.spec import Measurement, Pairs

Floats = NDArray[np.float64]
MEANINGS = {
    "reward_mean": "mean reward",
    "reward_sd_between": "standard deviation of the prompts' mean rewards",
    "reward_sd_within": "standard deviation of the rewards of one prompt's responses",
    "spread": "reward of chosen minus rejected",
    "in_language": "share of responses that are in the prompt's language",
    "fidelity_agreement": "how often a response in the language has a higher reward than one that "
    "is not, same prompt (0.5: the rewards are blind to it)",
    "length_correlation": "Spearman's correlation of reward and length within a prompt",
    "chosen_in_language": "share of chosen responses that are in the prompt's language",
    "rejected_in_language": "share of rejected responses that are in the prompt's language",
    "chosen_length": "characters of chosen responses",
    "rejected_length": "characters of rejected responses",
    "chosen_cut": "share of chosen responses that ran out of tokens",
}
"""Measurement -> what it is."""


class OfPrompt(NamedTuple):
    """What the candidates of one prompt in one language say; NaN where that is nothing."""

    mean: float
    variance: float
    """Of the rewards, population."""
    agreement: float
    """Share of (in the language, not in it) pairs in which the first has the higher reward."""
    correlation: float
    """Spearman's, of reward and length in characters."""


class OfPair(NamedTuple):
    """What one pair says."""

    spread: float
    chosen_in_language: bool
    rejected_in_language: bool
    chosen_length: int
    rejected_length: int
    chosen_cut: bool


@dataclass
class Found:
    """All that is kept of one language: a few numbers a prompt, two a candidate."""

    prompts: list[OfPrompt] = field(default_factory=list)
    pairs: list[OfPair] = field(default_factory=list)
    centred: list[Floats] = field(default_factory=list)
    """Rewards less their prompt's mean, an array a prompt."""
    fluent: list[NDArray[np.bool_]] = field(default_factory=list)
    """Whether each of these responses is in the prompt's language."""

    def add(self, pool: Sequence[Scored], fluent: Sequence[bool]) -> None:
        """Count a prompt's candidates.

        Args:
            pool: Of one prompt and language.
            fluent: Whether each is in the prompt's language.
        """
        there = [math.isfinite(candidate.reward) for candidate in pool]
        rewards = np.array([c.reward for c, ok in zip(pool, there, strict=True) if ok])
        if not len(rewards):
            return
        own = np.array([f for f, ok in zip(fluent, there, strict=True) if ok], dtype=bool)
        lengths = [len(c.answer.response) for c, ok in zip(pool, there, strict=True) if ok]
        self.prompts.append(
            OfPrompt(
                float(rewards.mean()),
                float(rewards.var()) if len(rewards) > 1 else math.nan,
                agreement(rewards[own], rewards[~own]),
                rank_correlation(rewards, np.array(lengths, dtype=float)),
            )
        )
        self.centred.append(rewards - rewards.mean())
        self.fluent.append(own)

    def add_pair(self, pair: Pair, chosen_in_language: bool, rejected_in_language: bool) -> None:
        """Count a pair."""
        chosen, rejected = pair
        self.pairs.append(
            OfPair(
                chosen.reward - rejected.reward,
                chosen_in_language,
                rejected_in_language,
                len(chosen.answer.response),
                len(rejected.answer.response),
                chosen.answer.finish_reason == "length",
            )
        )


def agreement(higher: Floats, lower: Floats) -> float:
    """Return the share of pairs in which the first is higher, ties as half; NaN without pairs.

    The probability of superiority, or area under the ROC curve (Mann and Whitney 1947).
    """
    if not len(higher) or not len(lower):
        return math.nan
    differences = higher[:, None] - lower[None, :]
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def rank_correlation(a: Floats, b: Floats) -> float:
    """Return Spearman's rank correlation; NaN for fewer than three values, or equal ones."""
    from scipy.stats import rankdata

    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def summarise(found: Found, language: str, params: Pairs = ()) -> tuple[Measurement, ...]:
    """Return the numbers of a language, in the order of `MEANINGS`.

    Args:
        found: What its prompts and pairs say.
        language: Code.
        params: Of the measurements: the reward, the rule.
    """
    prompts = np.array(found.prompts, dtype=float).reshape(-1, 4)
    pairs = np.array(found.pairs, dtype=float).reshape(-1, 6)

    def mean(name: str, values: Floats) -> Measurement:
        return mean_of(name, language, values[np.isfinite(values)].tolist(), params)

    def part(name: str, values: Floats) -> Measurement:
        return share(name, language, int(values.sum()), len(values), params)

    measured = (
        mean("reward_mean", prompts[:, 0]),
        deviation("reward_sd_between", language, cast(Any, _Column(prompts[:, 0])), "", params),
        _root(mean("reward_sd_within", prompts[:, 1])),
        mean("spread", pairs[:, 0]),
        mean("in_language", np.array([own.mean() for own in found.fluent])),
        mean("fidelity_agreement", prompts[:, 2]),
        mean("length_correlation", prompts[:, 3]),
        part("chosen_in_language", pairs[:, 1]),
        part("rejected_in_language", pairs[:, 2]),
        mean("chosen_length", pairs[:, 3]),
        mean("rejected_length", pairs[:, 4]),
        part("chosen_cut", pairs[:, 5]),
    )
    assert tuple(m.name for m in measured) == tuple(MEANINGS)
    return measured


class _Column:
    """Values in memory, read as those on disk are."""

    def __init__(self, values: Floats) -> None:
        self._values = values

    def blocks(self, *names: str) -> Iterator[Floats]:
        """Yield arrays of shape (at most BLOCK, 1)."""
        for start in range(0, len(self._values), BLOCK):
            yield self._values[start : start + BLOCK, None]


def _root(variance: Measurement) -> Measurement:
    """Return the root of a mean variance, with its error by the delta method."""
    if variance.value is None:
        return variance
    value = math.sqrt(variance.value)
    roots = {
        name: None if bound is None else math.sqrt(max(bound, 0.0))
        for name, bound in (("low", variance.low), ("high", variance.high))
    }
    known = variance.stderr is not None and value > 0
    stderr = cast(float, variance.stderr) / (2 * value) if known else None
    return variance.model_copy(update={"value": value, "stderr": stderr, **roots})


def verdict(measured: Sequence[Measurement], language_name: str) -> str:
    """Return in a sentence whether the rewards rank usefully within a language.

    Args:
        measured: As `summarise` gives them.
        language_name: For people.
    """
    found = {m.name: m for m in measured}
    fidelity, length = found["fidelity_agreement"], found["length_correlation"]
    return f"{language_name}: the rewards {_fidelity(fidelity)}; they {_length(length)}."


def _fidelity(m: Measurement) -> str:
    if m.value is None:
        return "cannot be judged by language (no prompt has responses both in it and not)"
    shown = _shown(m)
    if m.low is None or m.high is None or m.low <= 0.5 <= m.high:
        return f"do not tell responses in the language from others, as far as can be seen {shown}"
    word = "above" if m.value > 0.5 else "below"
    return f"rank responses in the language {word} others {shown}"


def _length(m: Measurement) -> str:
    if m.value is None:
        return "cannot be compared with lengths"
    shown = _shown(m)
    if m.low is None or m.high is None or m.low <= 0 <= m.high:
        return f"show no bias for length {shown}"
    return f"favour {'longer' if m.value > 0 else 'shorter'} responses {shown}"


def _shown(m: Measurement) -> str:
    bounds = "" if m.low is None else f" [{m.low:.2f}, {m.high:.2f}]"
    return f"({m.value:.2f}{bounds}, {m.n} prompts)"

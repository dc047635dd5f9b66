"""Pairs of a chosen and a rejected response out of a prompt's candidates.

The rules are those of CroCo (arXiv 2605.26293) as its authors' code has them
(github.com/jjzha/CroCo, ``src/prepare_fine_tuning_data.py``): chosen is the highest reward;
rejected is the candidate whose reward is nearest to a target, of those strictly below the chosen
one. The target of ``mu-2sigma`` is the mean minus two population standard deviations of all
rewards of the pool, of ``q1`` the first quartile (numpy's linear one), of ``min`` the lowest. Of
equal rewards, and of equal distances, the earlier candidate is taken. Texts that were sampled
several times count as often as they were sampled, as there: mean and deviation are those of the
policy's samples. Only a rejected text that equals the chosen one is passed over, since rounding can
tell apart the rewards of equal texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.spec import Answer, Preference

Rule = Literal["mu-2sigma", "q1", "min"]
RULES: tuple[Rule, ...] = get_args(Rule)
Pool = Literal["in_lang", "all_lang"]
POOLS: tuple[Pool, ...] = get_args(Pool)
REASONS = ("no_answer", "no_reward", "too_few_candidates", "all_identical", "no_spread")
"""Why a prompt has no pair."""
Floats = NDArray[np.float64]


class Scored(NamedTuple):
    """A candidate with its reward."""

    answer: Answer
    reward: float
    """NaN where there is none."""


class Pair(NamedTuple):
    """Two candidates of a pool."""

    chosen: Scored
    rejected: Scored


def target(rewards: Floats, rule: Rule) -> float:
    """Return the reward that a rejected response should have.

    Args:
        rewards: Of all candidates of the pool, finite: [n], n >= 1.
        rule: Where below the chosen one.
    """
    if rule == "mu-2sigma":
        return float(rewards.mean() - 2 * rewards.std())
    return float(np.percentile(rewards, 25) if rule == "q1" else rewards.min())


def choose(pool: Sequence[Scored], rule: Rule) -> Pair | str:
    """Return the pair of a pool, or the reason (one of `REASONS`) why there is none.

    Args:
        pool: Candidates of one prompt, in the order of samples.
        rule: Which one is rejected.
    """
    if not pool:
        return "no_answer"
    rated = [candidate for candidate in pool if np.isfinite(candidate.reward)]
    if len(rated) < 2:
        return "too_few_candidates" if rated or len(pool) < 2 else "no_reward"
    if len({candidate.answer.response for candidate in rated}) == 1:
        return "all_identical"
    rewards = np.array([candidate.reward for candidate in rated])
    chosen = rated[int(rewards.argmax())]
    wanted = target(rewards, rule)
    # a stable sort: of two at one distance the earlier stays first
    for number in np.argsort(np.abs(rewards - wanted), kind="stable"):
        candidate = rated[number]
        if candidate.reward < chosen.reward and candidate.answer.response != chosen.answer.response:
            return Pair(chosen, candidate)
    return "no_spread"


def preference(pair: Pair, pool: Pool) -> Preference:
    """Return a pair as training takes it: with the prompt of the chosen response.

    In a pool of several languages the chosen response decides the language of the prompt, as in the
    authors' code (``--prompt_source chosen``).
    """
    chosen, rejected = pair
    question = chosen.answer.question_id
    return Preference(
        id=question if pool == "all_lang" else f"{chosen.answer.language}:{question}",
        language=chosen.answer.language,
        prompt=chosen.answer.prompt,
        chosen=chosen.answer.response,
        rejected=rejected.answer.response,
        chosen_reward=chosen.reward,
        rejected_reward=rejected.reward,
    )

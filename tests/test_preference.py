"""Pairs and statistics of CroCo: numbers worked out by hand, and what holds for any numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_harness.preference.candidates import by_language, by_prompt
from polyglot_harness.preference.pairs import (
    POOLS,
    REASONS,
    RULES,
    Pair,
    Rule,
    Scored,
    choose,
    preference,
    target,
)
from polyglot_harness.preference.plot import plot
from polyglot_harness.preference.statistics import (
    MEANINGS,
    Found,
    agreement,
    rank_correlation,
    summarise,
    verdict,
)
from polyglot_harness.spec import Answer, Measurement

NAN = math.nan
NO = (None, None)


def candidate(
    reward: float, text: str, *, sample: int = 0, language: str = "de", end: Any = "stop"
) -> Scored:
    answer = Answer(
        id=f"q#{sample}", question_id="q", language=language, prompt=f"{language}?", response=text,
        sample=sample, finish_reason=end,
    )  # fmt: skip
    return Scored(answer, reward)


def pool_of(rewards: list[float], texts: str = "") -> list[Scored]:
    """Candidates whose texts differ, or are the letters of `texts`."""
    names = texts or [str(i) for i in range(len(rewards))]
    return [
        candidate(reward, text, sample=i)
        for i, (reward, text) in enumerate(zip(rewards, names, strict=True))
    ]


def samples(outcome: Pair | str) -> tuple[int, int] | str:
    if isinstance(outcome, str):
        return outcome
    return outcome.chosen.answer.sample, outcome.rejected.answer.sample


# --- pairs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rewards", "mu", "q1", "low"),
    [
        # mean 2.5, sd sqrt(1.25): 2.5 - 2.236 = 0.264
        ([1, 2, 3, 4], 0.2639320225, 1.75, 1),
        # mean 0, sd 2: the population's; the sample's would be 2.309
        ([2, -2, 2, -2], -4, -2, -2),
        ([5], 5, 5, 5),
        ([0, 0, 0, 10], 2.5 - 2 * math.sqrt(18.75), 0, 0),
    ],
)
def test_targets(rewards: list[float], mu: float, q1: float, low: float) -> None:
    found = [target(np.array(rewards, dtype=float), rule) for rule in ("mu-2sigma", "q1", "min")]
    assert found == pytest.approx([mu, q1, low], abs=1e-9)


TEN = [9.0, 1.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0, 0.0]
"""Mean 4.5, sd sqrt(8.25) = 2.872: target -1.245; first quartile 2.25."""
SKEWED = [10.0, 9.0, 9.5, 9.2, 9.8, 9.1, 9.6, 6.0, 3.0, 9.4]
"""Mean 8.46, sd 2.0645: target 4.331, to which 3.0 is nearer (1.331) than 6.0 (1.669)."""


@pytest.mark.parametrize(
    ("rewards", "texts", "rule", "expected"),
    [
        (TEN, "", "mu-2sigma", (0, 9)),
        (TEN, "", "q1", (0, 2)),
        (TEN, "", "min", (0, 9)),
        (SKEWED, "", "mu-2sigma", (0, 8)),
        # the quartile is 9.025: 9.0 is nearer than 9.1
        (SKEWED, "", "q1", (0, 1)),
        (SKEWED, "", "min", (0, 8)),
        # ties: the earliest of the highest, the earliest of the nearest
        ([1, 3, 3, 1], "", "mu-2sigma", (1, 0)),
        ([3, 1, 2, 2, 1], "", "q1", (0, 1)),
        # two candidates: the target is below both
        ([1, 2], "", "mu-2sigma", (1, 0)),
        # a missing reward counts for nothing: neither mean nor choice
        ([NAN, 1, 2, 3, 4, NAN], "", "mu-2sigma", (4, 1)),
        # equal texts count as often as they were sampled: mean 0.75, sd 0.433
        ([0, 1, 1, 1], "abbb", "mu-2sigma", (1, 0)),
        # rounding told equal texts apart: the pair is of different ones
        ([1.0, 0.9999999, 0.5, 0.5], "aabb", "q1", (0, 2)),
        ([1.0, 0.9999999, 0.9999998], "aab", "min", (0, 2)),
        # no pair
        ([], "", "mu-2sigma", "no_answer"),
        ([1], "", "min", "too_few_candidates"),
        ([NAN], "", "min", "too_few_candidates"),
        ([1, NAN], "", "min", "too_few_candidates"),
        ([NAN, NAN], "", "q1", "no_reward"),
        ([2, 1], "aa", "min", "all_identical"),
        ([2, 2, 2], "abc", "mu-2sigma", "no_spread"),
        ([2, 1, 2], "aab", "mu-2sigma", "no_spread"),
    ],
)
def test_pairs(rewards: Any, texts: str, rule: Rule, expected: Any) -> None:
    assert samples(choose(pool_of(list(map(float, rewards)), texts), rule)) == expected


finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(
    rewards=st.lists(st.one_of(finite, st.just(NAN)), max_size=20),
    rule=st.sampled_from(RULES),
    copies=st.integers(1, 4),
)
def test_what_holds_for_any_pair(rewards: list[float], rule: Rule, copies: int) -> None:
    pool = [candidate(r, str(i // copies), sample=i) for i, r in enumerate(rewards)]
    outcome = choose(pool, rule)
    there = [r for r in rewards if not math.isnan(r)]
    if isinstance(outcome, str):
        assert outcome in REASONS
        assert len(set(there)) < 2 or copies > 1
        return
    chosen, rejected = outcome
    assert chosen.reward == max(there) > rejected.reward
    assert chosen.answer.response != rejected.answer.response
    wanted = target(np.array(there), rule)
    nearer = [c for c in pool if abs(c.reward - wanted) < abs(rejected.reward - wanted)]
    assert all(
        c.reward >= chosen.reward or c.answer.response == chosen.answer.response for c in nearer
    )


@given(
    rewards=st.lists(st.integers(-1000, 1000), min_size=2, max_size=12),
    rule=st.sampled_from(("q1", "min")),
)
def test_shift_and_scale_change_no_pair(rewards: list[int], rule: Rule) -> None:
    """Rewards have no scale of their own; 4 r + 8 is exact in binary, so that ties stay ties."""
    before, after = (pool_of([a * r + b for r in rewards]) for a, b in ((1.0, 0.0), (4.0, 8.0)))
    assert samples(choose(before, rule)) == samples(choose(after, rule))


@pytest.mark.parametrize("pool", POOLS)
def test_a_preference_has_the_prompt_of_the_chosen(pool: Any) -> None:
    pair = Pair(candidate(2.0, "ja", language="id"), candidate(1.0, "nein", sample=3))
    found = preference(pair, pool)
    assert found.id == {"in_lang": "id:q", "all_lang": "q"}[pool]
    assert (found.language, found.prompt, found.chosen, found.rejected) == (
        "id",
        "id?",
        "ja",
        "nein",
    )
    assert (found.chosen_reward, found.rejected_reward) == (2.0, 1.0)


# --- candidates on disk ------------------------------------------------------------------------


def write(folder: Path, language: str, rows: list[tuple[str, float | None]]) -> tuple[Path, Path]:
    from polyglot_harness.files import write_jsonl

    answers = folder / f"{language}.jsonl", folder / f"{language}-rewards.jsonl"
    write_jsonl(
        answers[0],
        [
            Answer(id=f"{q}#{i}", question_id=q, language=language, prompt=q, response=f"{i}",
                   sample=i, finish_reason="stop")
            for i, (q, _) in enumerate(rows)
        ],
    )  # fmt: skip
    write_jsonl(answers[1], [{"id": "x", "reward": reward} for _, reward in rows])
    return answers


def test_pools_of_one_and_of_all_languages(tmp_path: Path) -> None:
    files = {
        "de": write(tmp_path, "de", [("a", 1.0), ("a", None), ("c", 2.0)]),
        "id": write(tmp_path, "id", [("a", 3.0), ("b", 4.0)]),
    }
    asked = {"de": ("a", "b", "c"), "id": ("a", "b")}
    alone = [(*key, [c.reward for c in pool]) for *key, pool in by_language(files, asked)]
    assert alone[1:] == [
        ("de", "b", []), ("de", "c", [2.0]), ("id", "a", [3.0]), ("id", "b", [4.0]),
    ]  # fmt: skip
    assert alone[0][:2] == ("de", "a") and alone[0][2][0] == 1.0 and math.isnan(alone[0][2][1])
    together = [
        (name, [(c.answer.language, c.answer.sample) for c in pool])
        for _, name, pool in by_prompt(files, asked)
    ]
    assert together == [
        ("a", [("de", 0), ("de", 1), ("id", 0)]), ("b", [("id", 1)]), ("c", [("de", 2)]),
    ]  # fmt: skip


# --- statistics --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ([3, 4], [1, 2], 1.0),
        ([1, 2], [3, 4], 0.0),
        ([1, 3], [2], 0.5),
        ([2], [2], 0.5),
        ([3, 1], [2, 0], 0.75),
        ([], [1], NAN),
        ([1], [], NAN),
    ],
)
def test_agreement(own: list[float], others: list[float], expected: float) -> None:
    found = agreement(np.array(own, dtype=float), np.array(others, dtype=float))
    assert found == pytest.approx(expected, nan_ok=True)


@given(
    a=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    b=st.lists(st.integers(0, 5), min_size=1, max_size=12),
)
def test_agreement_is_the_statistic_of_mann_and_whitney(a: list[int], b: list[int]) -> None:
    from scipy.stats import mannwhitneyu

    expected = mannwhitneyu(a, b).statistic / (len(a) * len(b))
    assert agreement(np.array(a, dtype=float), np.array(b, dtype=float)) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=12))
def test_rank_correlation_is_spearmans(rows: list[tuple[int, int]]) -> None:
    from scipy.stats import spearmanr

    a, b = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert math.isnan(rank_correlation(a, b))
    else:
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)


def found_of() -> Found:
    """Two prompts: rewards rank the language and length perfectly in one, the reverse in one."""
    found = Found()
    # rewards 3, 2, 1, 0 of texts of 4, 3, 2, 1 characters; the first two in the language
    good = [candidate(r, "x" * n, sample=i) for i, (r, n) in enumerate(zip((3, 2, 1, 0), (4, 3, 2, 1), strict=True))]  # fmt: skip  # noqa: E501
    found.add(good, [True, True, False, False])
    # one in the language, with the lowest reward, the longest
    bad = [candidate(r, "x" * n, sample=i) for i, (r, n) in enumerate(zip((1, 3, 5, NAN), (9, 5, 2, 7), strict=True))]  # fmt: skip  # noqa: E501
    found.add(bad, [True, False, False, True])
    found.add_pair(Pair(good[0], good[3]), True, False)
    found.add_pair(Pair(candidate(5, "xx", end="length"), bad[0]), False, True)
    return found


def test_statistics_by_hand() -> None:
    values = {m.name: (m.value, m.n) for m in summarise(found_of(), "de")}
    expected = {
        "reward_mean": (2.25, 2),  # of 1.5 and 3
        "reward_sd_between": (0.75, 2),
        # variances 1.25 and 8/3
        "reward_sd_within": (math.sqrt((1.25 + 8 / 3) / 2), 2),
        "spread": (3.5, 2),  # 3 and 4
        "in_language": ((1 / 2 + 1 / 3) / 2, 2),  # without the one that has no reward
        "fidelity_agreement": (0.5, 2),  # 1 and 0
        "length_correlation": (0.0, 2),  # 1 and -1
        "chosen_in_language": (0.5, 2),
        "rejected_in_language": (0.5, 2),
        "chosen_length": (3.0, 2),  # 4 and 2
        "rejected_length": (5.0, 2),  # 1 and 9
        "chosen_cut": (0.5, 2),
    }
    assert values.keys() == expected.keys() == MEANINGS.keys()
    for name, (value, n) in expected.items():
        assert values[name] == (pytest.approx(value), n), name


def test_nothing_found_is_none_and_not_nought() -> None:
    for measured in summarise(Found(), "de"):
        assert (measured.value, measured.n) == (None, 0)
    found = Found()
    found.add([candidate(NAN, "x"), candidate(NAN, "y")], [True, True])
    assert found.prompts == []
    # one reward alone has no spread; all in the language: nothing to agree on
    found.add([candidate(1.0, "x")], [True])
    values = {m.name: m.value for m in summarise(found, "de")}
    assert [values[n] for n in ("reward_mean", "in_language")] == [1.0, 1.0]
    for name in ("reward_sd_within", "fidelity_agreement", "length_correlation", "spread"):
        assert values[name] is None


def test_intervals_hold_what_they_say() -> None:
    """Of 60 draws of 40 prompts about 95 % of the intervals hold the truth."""
    rng = np.random.default_rng(0)
    held = {"reward_mean": 0, "reward_sd_within": 0, "length_correlation": 0}
    truth = {"reward_mean": 0.0, "reward_sd_within": math.sqrt(15 / 16), "length_correlation": 0.0}
    for _ in range(60):
        found = Found()
        for _ in range(40):
            rewards = rng.normal() + rng.normal(size=16)
            texts = ["x" * int(n) for n in rng.integers(1, 200, 16)]
            pool = [candidate(r, t, sample=i) for i, (r, t) in enumerate(zip(rewards, texts, strict=True))]  # fmt: skip  # noqa: E501
            found.add(pool, [True] * 16)
        for m in summarise(found, "de"):
            if m.name in held:
                assert m.low is not None and m.high is not None
                held[m.name] += m.low <= truth[m.name] <= m.high
    # a binomial of 60 and 0.95 is below 50 once in 10,000 draws
    assert all(50 <= n <= 60 for n in held.values()), held


def measure(name: str, value: float | None, low: float | None, high: float | None) -> Measurement:
    return Measurement(name=name, language="de", value=value, stderr=None, n=9, low=low, high=high)


@pytest.mark.parametrize(
    ("fidelity", "length", "words"),
    [
        ((0.9, 0.8, 0.95), (0.1, -0.1, 0.3), ("above others (0.90 [0.80, 0.95], 9", "no bias")),
        ((0.2, 0.1, 0.3), (0.4, 0.2, 0.6), ("below others", "favour longer")),
        ((0.6, 0.4, 0.7), (-0.4, -0.6, -0.2), ("do not tell", "favour shorter")),
        ((0.9, None, None), (None, None, None), ("do not tell", "cannot be compared")),
        ((None, None, None), (0.1, -0.1, 0.3), ("cannot be judged by language", "no bias")),
    ],
)
def test_the_verdict_in_words(fidelity: Any, length: Any, words: tuple[str, str]) -> None:
    said = verdict(
        [measure("fidelity_agreement", *fidelity), measure("length_correlation", *length)], "German"
    )
    assert said.startswith("German: the rewards ") and all(word in said for word in words)


def test_the_same_numbers_make_the_same_picture(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        plot({"de": found_of(), "id": Found()}, tmp_path / name, "hf:x")
    first = (tmp_path / "one.svg").read_bytes()
    assert first == (tmp_path / "two.svg").read_bytes()
    assert b"<svg" in first and len(first) > 2000
    plot({"de": Found()}, tmp_path / "none.svg", "hf:x")

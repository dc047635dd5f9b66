"""From candidates to pairs: found again, resumed, and every prompt without a pair is told why."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from toy_lms import spec_of

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.preference.rewards import Scorer, scorer_of
from polyglot_harness.reporting import Quiet
from polyglot_harness.spec import Answer
from polyglot_harness.stages.answering import given_answers
from polyglot_harness.stages.preferring import BLOCK, PLOT, SKIPPED, pair, pairs_of, reward
from polyglot_harness.stages.workshop import Done, Workshop

DE, ID = load_pack("de"), load_pack("id")
GERMAN = [seed.response for seed in DE.seeds]
INDONESIAN = [seed.response for seed in ID.seeds]
BY_LENGTH = """
calls = []
def score(prompts, responses, language):
    calls.append(len(prompts))
    if len(calls) == DIES_AT:
        raise KeyboardInterrupt
    return [None if "?" in r else float(len(r)) for r in responses]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "runs", spec_of(1), ModelPool(), Quiet())


@pytest.fixture
def by_length(tmp_path: Path) -> Callable[..., Scorer]:
    def make(dies_at: int = 0) -> Scorer:
        path = tmp_path / "reward.py"
        path.write_text(BY_LENGTH.replace("DIES_AT", str(dies_at)))
        scorer = scorer_of(f"python:{path}:score")
        return scorer

    return make


def answers(language: str, texts: dict[str, Sequence[str]]) -> tuple[Answer, ...]:
    return tuple(
        Answer(id=f"{name}#{i}", question_id=name, language=language, prompt=f"{name}?",
               response=text, sample=i, finish_reason="stop")
        for name, group in texts.items()
        for i, text in enumerate(group)
    )  # fmt: skip


def rows(done: Done, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (done.folder / name).read_text().splitlines()]


def test_rewards_are_made_once_and_a_killed_scoring_goes_on(
    shop: Workshop, by_length: Callable[..., Scorer], tmp_path: Path
) -> None:
    many = answers("de", {f"q{i:03}": ["a" * (i + 1), "?"] for i in range(BLOCK)})
    answered = given_answers(shop, "x", DE, many)
    scorer = by_length(dies_at=2)
    with pytest.raises(KeyboardInterrupt):
        reward(shop, "x", DE, answered, scorer)
    # the file of a function decides its identity: the same function, that dies no more
    module = scorer._function.__globals__  # type: ignore[attr-defined]
    module["calls"][:] = [0] * 10
    done = reward(shop, "x", DE, answered, scorer)
    assert module["calls"][10:] == [BLOCK], "the first block was on disk"
    found = rows(done, "rewards.jsonl")
    assert [row["id"] for row in found] == [a.id for a in many]
    assert [row["reward"] for row in found] == [None if "?" in a.response else len(a.response)
                                                for a in many]  # fmt: skip
    assert dict(done.record.counts) == {"answers": 128, "rewarded": 64, "no_reward": 64}
    assert reward(shop, "x", DE, answered, scorer).reused
    other = given_answers(shop, "x", DE, many[:-1])
    assert reward(shop, "x", DE, other, scorer).folder != done.folder


def test_no_reward_at_all_is_an_error(shop: Workshop, by_length: Callable[..., Scorer]) -> None:
    answered = given_answers(shop, "x", DE, answers("de", {"q": ["?", "??"]}))
    with pytest.raises(StageError, match="gave none of 2 answers a reward"):
        reward(shop, "x", DE, answered, by_length())


def test_pairs_and_why_there_are_none(shop: Workshop, by_length: Callable[..., Scorer]) -> None:
    given = {
        "a": ["kurz", "etwas laenger", "am allerlaengsten hier"],
        "b": ["eins", "eins"],
        "c": ["eins", "zwei"],
        "d": ["?", "??"],
        "f": ["allein"],
    }
    answered = given_answers(shop, "x", DE, answers("de", given))
    scorer = by_length()
    scored = reward(shop, "x", DE, answered, scorer)
    asked = {"de": ("a", "b", "c", "d", "e", "f")}

    def made(**changes: Any) -> Done:
        chosen = {"rule": "mu-2sigma", "pool": "in_lang", "reward_name": "length", **changes}
        return pair(shop, "x", [(DE, answered, scored)], asked, **chosen)

    done = made()
    assert rows(done, SKIPPED) == [
        {"id": name, "language": "de", "reason": reason}
        for name, reason in [("b", "all_identical"), ("c", "no_spread"), ("d", "no_reward"),
                             ("e", "no_answer"), ("f", "too_few_candidates")]
    ]  # fmt: skip
    assert dict(done.record.counts) == {
        "prompts": 6, "pairs": 1, "skipped_all_identical": 1, "skipped_no_spread": 1,
        "skipped_no_reward": 1, "skipped_no_answer": 1, "skipped_too_few_candidates": 1,
    }  # fmt: skip
    (only,) = pairs_of(done)
    assert (only.id, only.prompt, only.chosen, only.rejected) == (
        "de:a", "a?", "am allerlaengsten hier", "kurz",
    )  # fmt: skip
    assert (only.chosen_reward, only.rejected_reward) == (22.0, 4.0)
    assert (done.folder / PLOT).stat().st_size > 1000
    told = json.loads((done.folder / "reward_statistics.json").read_text())
    assert told["reward"] == "length"
    assert [m["name"] for m in told["statistics"]] == [m.name for m in done.record.measurements]
    length = next(m for m in told["statistics"] if m["name"] == "length_correlation")
    assert (length["value"], length["n"]) == (1.0, 1)
    assert made().reused and not made(rule="q1").reused


def test_a_pool_of_all_languages(shop: Workshop, by_length: Callable[..., Scorer]) -> None:
    given = {
        "de": {"a": [GERMAN[0], GERMAN[1][:60]], "b": [GERMAN[2], GERMAN[3][:50]]},
        "id": {"a": [INDONESIAN[0][:30], INDONESIAN[1] * 3], "b": [INDONESIAN[2][:40]]},
    }
    parts, scorer = [], by_length()
    for pack in (DE, ID):
        answered = given_answers(shop, "x", pack, answers(pack.code, given[pack.code]))
        parts.append((pack, answered, reward(shop, "x", pack, answered, scorer)))
    asked = {code: tuple(of) for code, of in given.items()}
    done = pair(shop, "x", parts, asked, rule="min", pool="all_lang", reward_name="length")
    found = {p.id: p for p in pairs_of(done)}
    lengths = {name: [len(t) for of in given.values() for t in of[name]] for name in "ab"}
    assert {name: (p.chosen_reward, p.rejected_reward) for name, p in found.items()} == {
        name: (max(of), min(of)) for name, of in lengths.items()
    }
    assert found["a"].language == "id" and found["b"].language == "de"
    assert found["a"].rejected == INDONESIAN[0][:30] and found["b"].rejected == INDONESIAN[2][:40]
    measured = {(m.language, m.name): m for m in done.record.measurements}
    # the rejected one of "b" answers the prompt in the other language
    assert measured["de", "rejected_in_language"].value == 0.0
    assert measured["id", "rejected_in_language"].value == 1.0
    assert measured["de", "in_language"].value == measured["id", "in_language"].value == 1.0


def test_languages_without_a_prompt_in_common_share_no_pool(
    shop: Workshop, by_length: Callable[..., Scorer]
) -> None:
    answered = given_answers(shop, "x", DE, answers("de", {"a": ["x", "yy"]}))
    parts = [(DE, answered, reward(shop, "x", DE, answered, by_length()))]
    asked = {"de": ("de-001",), "id": ("id-001",)}
    with pytest.raises(ConfigError, match="no prompt's id stands in two of the languages de, id"):
        pair(shop, "x", parts, asked, rule="min", pool="all_lang", reward_name="length")


def test_no_pair_at_all_is_an_error(shop: Workshop, by_length: Callable[..., Scorer]) -> None:
    answered = given_answers(shop, "x", DE, answers("de", {"a": ["eins", "zwei"]}))
    scored = reward(shop, "x", DE, answered, by_length())
    with pytest.raises(StageError, match=r"no pair from 1 prompts \(1 no_spread\); see .*skipped"):
        pair(shop, "x", [(DE, answered, scored)], {"de": ("a",)}, rule="q1", pool="in_lang",
             reward_name="length")  # fmt: skip

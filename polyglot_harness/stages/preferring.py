"""The stages of CroCo before its training: candidates get rewards, rewards make pairs.

Three stages, so that another reward model samples nothing anew, and another rule scores nothing
anew: *answer* (`stages.answering`), *reward*, *pairs*.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import ConfigError, MissingDependency, StageError
from polyglot_harness.files import json_line, jsonl_rows, read_jsonl
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.language_id import identify
from polyglot_harness.lm.answering import ANSWERS
from polyglot_harness.preference.candidates import Asked, by_language, by_prompt
from polyglot_harness.preference.pairs import Pair, Pool, Rule, Scored, choose, preference
from polyglot_harness.preference.rewards import Scorer
from polyglot_harness.preference.statistics import MEANINGS, Found, summarise
from polyglot_harness.provenance import relevant
from polyglot_harness.reporting import Progress
from polyglot_harness.spec import LanguagePack, Measurement, Preference, digest, pairs
from polyglot_harness.stages.workshop import Done, Workshop
from polyglot_harness.store import (
    Result,
    disk_errors,
    verify_output,
    write_atomically,
)

PAIRS, SKIPPED, REWARDS = "pairs.jsonl", "skipped.jsonl", "rewards.jsonl"
STATISTICS, PLOT = "reward_statistics.json", "rewards.svg"
BLOCK = 64
"""Candidates that an interruption of the rewards loses at most."""
VERSION = 1
"""Raised when rewards become other pairs."""


def reward(shop: Workshop, name: str, pack: LanguagePack, answered: Done, scorer: Scorer) -> Done:
    """Score all answers of a stage.

    Args:
        shop: The run.
        name: Readable name of whose answers they are.
        pack: Their language.
        answered: A stage of `answering.answer`.
        scorer: What scores.

    Returns:
        The stage, whose ``rewards.jsonl`` has a row an answer, in their order: id and reward, null
        where there is none.

    Raises:
        StageError: If not one answer has a reward.
        HarnessError: What stopped the scorer; whole blocks of what it had scored are kept.
    """

    def work(folder: Path, progress: Progress) -> Result:
        # what sampled would take the memory of what scores
        shop.pool.release()
        path = verify_output(answered.folder, answered.record, ANSWERS)
        total = int(dict(answered.record.counts)["answers"])
        values = Values.resume(folder, BLOCK)
        rows = islice(jsonl_rows(path), values.rows, None)
        while block := [row for _, row in islice(rows, BLOCK)]:
            prompts, responses = ([row[part] for row in block] for part in ("prompt", "response"))
            values.add(reward=scorer.score(prompts, responses, pack.code))
            progress(values.rows, total)
        rewards = values.array("reward")
        missing = int(np.isnan(rewards).sum())
        if missing == len(rewards):
            raise StageError(f"{scorer.name} gave none of {total} answers a reward")
        _write_rewards(path, rewards, folder / REWARDS)
        return Result({"answers": total, "rewarded": total - missing, "no_reward": missing})

    inputs = pairs(
        {
            "answers": dict(answered.record.outputs)[ANSWERS],
            "language": pack.code,
            "reward": digest(scorer.identity),
        }
    )
    total = int(dict(answered.record.counts)["answers"])
    return shop.run(
        "reward", f"{name}-{pack.code}", inputs, work, f"reward {name} {pack.code}", total
    )


def _write_rewards(answers: Path, rewards: NDArray[np.float64], path: Path) -> None:
    with disk_errors(path), path.open("w", encoding="utf-8") as file:
        for (_, row), value in zip(jsonl_rows(answers), rewards.tolist(), strict=True):
            shown = None if np.isnan(value) else value
            file.write(json_line({"id": row["id"], "reward": shown}))


def pair(
    shop: Workshop,
    name: str,
    parts: Sequence[tuple[LanguagePack, Done, Done]],
    asked: Asked,
    *,
    rule: Rule,
    pool: Pool,
    reward_name: str,
) -> Done:
    """Choose pairs, and say how the rewards rank.

    Args:
        shop: The run.
        name: Readable name of whose answers they are.
        parts: Of each language the pack, its answers and their rewards.
        asked: Language -> ids of its prompts, sorted, to count those without an answer.
        rule: Which candidate is rejected.
        pool: ``in_lang``: a pair is of one prompt and language; ``all_lang``: of all languages'
            candidates to the prompts of one id.
        reward_name: For people.

    Returns:
        The stage: ``pairs.jsonl``, ``skipped.jsonl`` (prompts without a pair, with the reason),
        ``reward_statistics.json`` and ``rewards.svg``; the record has counts and measurements.

    Raises:
        ConfigError: If languages are to share pools, but no prompt's id stands in two of them.
        StageError: If no prompt has a pair.
    """
    if pool == "all_lang":
        check_shared(asked)
    ids = [name for names in asked.values() for name in names]
    total = len(set(ids)) if pool == "all_lang" else len(ids)

    def work(folder: Path, progress: Progress) -> Result:
        files = {
            pack.code: (
                verify_output(answered.folder, answered.record, ANSWERS),
                verify_output(rewarded.folder, rewarded.record, REWARDS),
            )
            for pack, answered, rewarded in parts
        }
        found = {code: Found() for code in files}
        skipped: list[dict[str, str]] = []
        kept: list[Preference] = []
        pools = (by_prompt if pool == "all_lang" else by_language)(files, asked)
        for language, question, candidates in pools:
            fluent = _fluent(candidates)
            _count(found, candidates, fluent)
            outcome = choose(candidates, rule)
            if isinstance(outcome, Pair):
                kept.append(preference(outcome, pool))
                found[kept[-1].language].add_pair(outcome, *_in_language(outcome, fluent))
            else:
                skipped.append({"id": question, "language": language, "reason": outcome})
            progress(len(kept) + len(skipped), total)
        measured = tuple(
            m
            for code, of in found.items()
            for m in summarise(of, code, pairs({"reward": reward_name, "rule": rule}))
        )
        _write(folder, kept, skipped, measured, found, reward_name)
        reasons = Counter(f"skipped_{row['reason']}" for row in skipped)
        if not kept:
            why = ", ".join(f"{n} {key.removeprefix('skipped_')}" for key, n in reasons.items())
            raise StageError(f"no pair from {total} prompts ({why}); see {folder / SKIPPED}")
        return Result({"prompts": total, "pairs": len(kept), **reasons}, measured)

    inputs = pairs(
        {
            "parts": [
                [pack.code, dict(a.record.outputs)[ANSWERS], dict(r.record.outputs)[REWARDS]]
                for pack, a, r in parts
            ],
            "asked": digest([[code, list(ids)] for code, ids in asked.items()]),
            "rule": rule,
            "pool": pool,
            "reward": reward_name,
            "version": VERSION,
            "versions": relevant("py3langid"),
        }
    )
    title = f"pairs of {name} ({rule}, {pool})"
    return shop.run("pairs", f"{name}-{rule}-{pool}", inputs, work, title, total)


def pairs_of(done: Done) -> tuple[Preference, ...]:
    """Read the pairs of a stage, checked against its record."""
    return read_jsonl(verify_output(done.folder, done.record, PAIRS), Preference)


def check_shared(asked: Asked) -> None:
    """Raise ConfigError unless languages share prompts, as a pool of all of them needs."""
    counts = Counter(name for ids in asked.values() for name in set(ids))
    if all(n < 2 for n in counts.values()):
        raise ConfigError(
            f"--pool all_lang: no prompt's id stands in two of the languages {', '.join(asked)}; "
            "give the same prompts in each of them, a translation under the id of its original: "
            "--prompts de=de.jsonl id=id.jsonl (the packs' own prompts are not parallel)"
        )


def _fluent(candidates: Sequence[Scored]) -> dict[tuple[str, str], bool]:
    """Return which responses are in the language of their prompt, by id and language."""
    said: dict[tuple[str, str], bool] = {}
    found = {}
    for answer, _ in candidates:
        key = answer.response, answer.language
        if key not in said:
            said[key] = identify(answer.response, answer.language) == answer.language
        found[answer.id, answer.language] = said[key]
    return found


def _in_language(pair: Pair, fluent: Mapping[tuple[str, str], bool]) -> tuple[bool, bool]:
    """Return whether chosen and rejected are in the language of the pair's prompt."""
    (chosen, _), (rejected, _) = pair
    same = rejected.language == chosen.language
    return fluent[chosen.id, chosen.language], same and fluent[rejected.id, rejected.language]


def _count(
    found: Mapping[str, Found], candidates: Sequence[Scored], fluent: Mapping[tuple[str, str], bool]
) -> None:
    """Count the candidates of a pool, language by language."""
    for language, group in groupby(candidates, key=lambda candidate: candidate.answer.language):
        pool = tuple(group)
        found[language].add(pool, [fluent[c.answer.id, language] for c in pool])


def _write(
    folder: Path,
    kept: Sequence[Preference],
    skipped: Sequence[Mapping[str, str]],
    measured: Sequence[Measurement],
    found: Mapping[str, Found],
    reward_name: str,
) -> None:
    from polyglot_harness.preference.plot import plot

    write_atomically(folder / PAIRS, "".join(map(json_line, kept)))
    write_atomically(folder / SKIPPED, "".join(map(json_line, skipped)))
    rows: list[dict[str, Any]] = [
        {**m.model_dump(mode="json", exclude={"params"}), "meaning": MEANINGS[m.name]}
        for m in measured
    ]
    text = json.dumps({"reward": reward_name, "statistics": rows}, ensure_ascii=False, indent=1)
    write_atomically(folder / STATISTICS, text + "\n")
    # the numbers are worth more than their picture
    with suppress(MissingDependency), disk_errors(folder):
        plot(found, folder / PLOT, reward_name)

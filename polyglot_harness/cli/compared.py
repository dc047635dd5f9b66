"""What ``compare`` goes through: prompts by language, the answers of both sides, the judgements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from polyglot_harness.cli.compared_sides import Side
from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.languages import load_pack

if TYPE_CHECKING:
    from polyglot_harness.data_sources.prompts import Prompt
    from polyglot_harness.executors.local import LocalExecutor
    from polyglot_harness.intrinsic.judging.side_by_side import Contest
    from polyglot_harness.spec import LanguagePack, TeacherCard
    from polyglot_harness.stages import Done, Workshop

Answers = Mapping[str, str]
"""Id of a prompt -> answer."""


@dataclass(frozen=True)
class Plan:
    """What is compared."""

    a: Side
    b: Side
    prompts: Mapping[str, Sequence[Prompt]]
    """Code of a language -> its prompts."""
    packs: Mapping[str, LanguagePack]
    notes: tuple[str, ...] = ()
    """What a reader of the numbers must know."""

    @property
    def name(self) -> str:
        """Readable name of both."""
        return f"{self.a.name}-vs-{self.b.name}"


@dataclass(frozen=True)
class Compared:
    """What one judge found."""

    judge: str
    done: Mapping[str, Done]
    """By language; one that failed is missing."""
    unanswered: Mapping[str, tuple[int, int]]
    """Language -> prompts that A, and that B, gave no answer to."""


def plan_of(
    sides: tuple[Side, Side],
    prompts: Sequence[str] | None,
    languages: Sequence[str] | None,
    include_path: str | None,
    limit: int | None,
) -> Plan:
    """Return what is compared.

    Args:
        sides: A and B.
        prompts: As ``--prompts``; None for those of files, or else the packs' seeds.
        languages: Codes; None for all that there are prompts of.
        include_path: A further folder of packs.
        limit: Prompts a language; None for all.

    Raises:
        ConfigError: If there are no prompts in a language.
    """
    found = _prompts(sides, prompts, languages, include_path)
    by_language: dict[str, list[Prompt]] = {}
    for prompt in found:
        by_language.setdefault(prompt.language, []).append(prompt)
    for code, group in by_language.items():
        if doubled := [name for name, n in Counter(p.id for p in group).items() if n > 1]:
            raise ConfigError(f"two prompts in {code!r} have the id {doubled[0]!r}")
    for code in languages or ():
        if code not in by_language:
            there = ", ".join(sorted(by_language)) or "none"
            raise ConfigError(f"no prompts in {code!r} (there are prompts in: {there})")
    chosen = {code: by_language[code][:limit] for code in languages or by_language}
    packs = {code: load_pack(code, include_path) for code in chosen}
    return Plan(*sides, chosen, packs, tuple(_notes(sides, chosen)))


def _prompts(
    sides: tuple[Side, Side],
    prompts: Sequence[str] | None,
    languages: Sequence[str] | None,
    include_path: str | None,
) -> list[Prompt]:
    from polyglot_harness.data_sources.prompts import Prompt, read_prompts
    from polyglot_harness.languages import target_codes

    if prompts:
        one = languages[0] if languages and len(languages) == 1 else None
        return [p for text in prompts for p in read_prompts(text, include_path=include_path,
                                                            language=one)]  # fmt: skip
    files = [side.answers for side in sides if side.card is None]
    if files:
        both = [key for key in files[0] if all(key in answers for answers in files)]
        if not both:
            raise ConfigError(f"{sides[0].name} and {sides[1].name} answer no prompt in common")
        return [Prompt(files[0][key].id, *key) for key in both]
    packs = [load_pack(code, include_path) for code in languages or target_codes(include_path)]
    return [Prompt(seed.id, pack.code, seed.prompt) for pack in packs for seed in pack.seeds]


def _notes(sides: tuple[Side, Side], prompts: Mapping[str, Sequence[Prompt]]) -> list[str]:
    asked = {(p.language, p.prompt) for group in prompts.values() for p in group}
    notes = []
    for side in sides:
        if known := sum(prompt in side.trained_on for _, prompt in asked):
            notes.append(
                f"{side.name} was trained on {known} of the {len(asked)} prompts: its answers to "
                "them say little of others; give --prompts that it has not seen"
            )
    a, b = (side.answers.keys() for side in sides)
    if a and b and (alone := {key for key in a ^ b if key[0] in prompts}):
        notes.append(f"prompts left out, as only one of the files answers them: {len(alone)}")
    return notes


def answers_of_all(
    shop: Workshop, plan: Plan, executor: LocalExecutor
) -> dict[str, tuple[Answers, Answers]]:
    """Return the answers of A and of B by language; a language that failed is missing."""
    given = [
        executor.map(
            "answer",
            partial(_answers, shop, plan, side),
            {f"{code} by {side.name}": code for code in plan.prompts},
        )
        for side in (plan.a, plan.b)
    ]
    found = {}
    for code in plan.prompts:
        both = [
            of.get(f"{code} by {side.name}")
            for of, side in zip(given, (plan.a, plan.b), strict=True)
        ]
        if both[0] is not None and both[1] is not None:
            found[code] = both[0], both[1]
    return found


def _answers(shop: Workshop, plan: Plan, side: Side, code: str) -> Answers:
    from polyglot_harness.stages.answering import answer, answers_of

    prompts = plan.prompts[code]
    if side.card is None:
        keys = {p.id: (code, p.prompt) for p in prompts}
        return {
            name: side.answers[key].response for name, key in keys.items() if key in side.answers
        }
    questions = [(p.id, p.prompt) for p in prompts]
    done = answer(shop, side.card, plan.packs[code], questions, gen_kwargs=shop.spec.gen_kwargs)
    return {a.question_id: a.response for a in answers_of(done)}


def contests_of(prompts: Sequence[Prompt], a: Answers, b: Answers) -> list[Contest]:
    """Return the prompts that both answered, with the answers."""
    from polyglot_harness.intrinsic.judging.side_by_side import Contest

    return [Contest(p.id, p.prompt, a[p.id], b[p.id]) for p in prompts if p.id in a and p.id in b]


def judged_by(
    shop: Workshop,
    plan: Plan,
    answers: Mapping[str, tuple[Answers, Answers]],
    judge: TeacherCard | None,
    executor: LocalExecutor,
) -> Compared:
    """Return what a judge, or the reward model where there is none, says of all languages."""
    from polyglot_harness.stages.comparing import compare, compare_rewards

    def judged(code: str) -> Done:
        contests = contests_of(plan.prompts[code], *answers[code])
        if not contests:
            raise StageError(f"no prompt in {code!r} has an answer of both")
        if judge is None:
            return compare_rewards(shop, plan.name, plan.packs[code], contests)
        return compare(shop, plan.name, plan.packs[code], contests, judge)

    name = judge.name if judge else shop.spec.reward_model
    done = executor.map("compare", judged, {f"{code} by {name}": code for code in answers})
    lacking = {
        code: (len(plan.prompts[code]) - len(a), len(plan.prompts[code]) - len(b))
        for code, (a, b) in answers.items()
    }
    by_code = {code: done[key] for code in answers if (key := f"{code} by {name}") in done}
    return Compared(name, by_code, lacking)

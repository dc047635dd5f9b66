"""What ``prefer`` goes through: prompts by language, whose candidates, and what scores them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.languages import load_pack
from polyglot_harness.preference.rewards import Scorer, scorer_of
from polyglot_harness.spec import Answer, LanguagePack, Pairs, RunSpec, TeacherCard, pairs
from polyglot_harness.teachers import is_served, load_teacher, teacher_from_flags, teacher_names

if TYPE_CHECKING:
    from polyglot_harness.stages import Done, Workshop

Question = tuple[str, str]
"""Id and prompt."""


@dataclass(frozen=True)
class Plan:
    """What is sampled, and how it is scored."""

    name: str
    """Readable name of whose responses they are."""
    asked: Mapping[str, Sequence[Question]]
    """Language -> prompts, by id."""
    packs: Mapping[str, LanguagePack]
    scorer: Scorer
    samples: int
    gen_kwargs: Pairs
    card: TeacherCard | None
    """Of the model that is asked; None for responses that are there."""
    given: Mapping[str, Sequence[Answer]] = field(default_factory=dict)
    """Language -> responses that are there, in the order of prompts and samples."""
    weights: Path | None = None
    """Of the student, where it is not the untrained one."""

    @property
    def ids(self) -> dict[str, tuple[str, ...]]:
        """Language -> ids of its prompts."""
        return {code: tuple(name for name, _ in asked) for code, asked in self.asked.items()}


def plan_of(args: argparse.Namespace, spec: RunSpec) -> Plan:
    """Return what the flags ask for; all that can be checked is checked.

    Raises:
        ConfigError: If a name is unknown, or there are no prompts in a language.
    """
    from polyglot_harness.cli.spec_checks import check_teachers
    from polyglot_harness.stages import check_base, find_weights
    from polyglot_harness.stages.answering import policy
    from polyglot_harness.stages.preferring import check_shared

    weights = find_weights(args.adapter) if args.adapter else None
    if weights:
        check_base(spec.student, weights)
    scorer = scorer_of(args.reward, spec.device)
    card: TeacherCard | None = policy(spec.student, weights)
    given: dict[str, list[Answer]] = {}
    if args.candidates_from:
        card = _teacher(args.candidates_from, args.candidates_args)
        if card is None:
            given = _given(args.candidates_from, args.include_path, args.languages)
    name = card.name if card else _short(args.candidates_from)
    asked = _asked(args, spec, given)
    if card:
        check_teachers(spec.model_copy(update={"teachers": (card,)}))
        _check_price(card, args.max_cost)
        if args.samples < 2:
            raise ConfigError("--samples 1: a pair needs at least two responses to a prompt")
    if args.pool == "all_lang":
        check_shared({code: [name for name, _ in questions] for code, questions in asked.items()})
    packs = {code: load_pack(code, args.include_path) for code in asked}
    kept = {code: _in_order(given.get(code, ()), questions) for code, questions in asked.items()}
    return Plan(
        name, asked, packs, scorer, args.samples, pairs(args.gen_kwargs), card, kept, weights
    )


def candidates(shop: Workshop, plan: Plan, code: str) -> Done:
    """Return the stage of a language's candidates."""
    from polyglot_harness.stages.answering import answer, given_answers

    pack = plan.packs[code]
    if plan.card is None:
        return given_answers(shop, plan.name, pack, plan.given[code])
    return answer(
        shop, plan.card, pack, plan.asked[code], samples=plan.samples, gen_kwargs=plan.gen_kwargs
    )


def _teacher(text: str, arguments: dict[str, Any] | None) -> TeacherCard | None:
    """Return the card that ``--candidates_from`` stands for; None for a file."""
    if arguments is not None:
        return teacher_from_flags(text, arguments, "--candidates")
    if text in teacher_names() or text.endswith(".toml"):
        return load_teacher(text)
    if not Path(text).exists() and ":" not in text and "=" not in text:
        raise ConfigError(
            f"--candidates_from {text}: no such file, and no teacher card "
            f"({', '.join(teacher_names())}); a model type needs --candidates_args"
        )
    return None


def _given(
    text: str, include_path: str | None, languages: Sequence[str] | None
) -> dict[str, list[Answer]]:
    """Read responses: answers of our own, or examples of any source; by language."""
    from polyglot_harness.data_sources.examples import read_examples
    from polyglot_harness.files import read_jsonl
    from polyglot_harness.lm.answering import ANSWERS

    path = Path(text) / ANSWERS if Path(text).is_dir() else Path(text)
    found: dict[str, list[Answer]] = {}
    if path.name == ANSWERS and path.is_file():
        for row in read_jsonl(path, Answer):
            found.setdefault(row.language, []).append(row)
        return found
    one = languages[0] if languages and len(languages) == 1 else None
    questions: dict[tuple[str, str], str] = {}
    for e in read_examples(text, include_path=include_path, language=one):
        question = questions.setdefault((e.language, e.prompt), e.id)
        found.setdefault(e.language, []).append(
            Answer(
                id=e.id,
                question_id=question,
                language=e.language,
                prompt=e.prompt,
                response=e.response,
                finish_reason=e.finish_reason,
            )  # fmt: skip
        )
    return found


def _asked(
    args: argparse.Namespace, spec: RunSpec, given: Mapping[str, Sequence[Answer]]
) -> dict[str, tuple[Question, ...]]:
    """Return the prompts of each language, sorted by id.

    Sorted, so that the prompts of several languages can be read side by side.
    """
    found: dict[str, dict[str, str]] = {}
    for name, language, prompt in _prompts(args, spec, given):
        if found.setdefault(language, {}).setdefault(name, prompt) != prompt:
            raise ConfigError(f"two prompts in {language!r} have the id {name!r}")
    languages = args.languages or tuple(found)
    for code in languages:
        if code not in found:
            there = ", ".join(sorted(found)) or "none"
            raise ConfigError(f"no prompts in {code!r} (there are prompts in: {there})")
    return {code: tuple(sorted(found[code].items()))[: args.limit] for code in languages}


def _prompts(
    args: argparse.Namespace, spec: RunSpec, given: Mapping[str, Sequence[Answer]]
) -> list[tuple[str, str, str]]:
    """Return id, language and text: as ``--prompts`` says, or of the responses, or the seeds'."""
    from polyglot_harness.data_sources.prompts import read_prompts

    if args.prompts:
        one = args.languages[0] if args.languages and len(args.languages) == 1 else None
        return [
            (prompt.id, prompt.language, prompt.prompt)
            for text in args.prompts
            for prompt in read_prompts(text, include_path=args.include_path, language=one)
        ]
    if given:
        return [(a.question_id, a.language, a.prompt) for rows in given.values() for a in rows]
    packs = [load_pack(code, args.include_path) for code in spec.languages]
    return [(seed.id, pack.code, seed.prompt) for pack in packs for seed in pack.seeds]


def _in_order(rows: Sequence[Answer], questions: Sequence[Question]) -> tuple[Answer, ...]:
    """Return the responses to the prompts, which they are found by, numbered anew."""
    by_prompt: dict[str, list[Answer]] = {}
    for row in rows:
        by_prompt.setdefault(row.prompt, []).append(row)
    return tuple(
        row.model_copy(update={"id": f"{name}#{i}", "question_id": name, "sample": i})
        for name, prompt in questions
        for i, row in enumerate(by_prompt.get(prompt, ()))
    )


def _check_price(card: TeacherCard, max_cost: float | None) -> None:
    """Raise ConfigError for a server whose price nobody knows: --max_cost would not hold."""
    if max_cost is not None and is_served(card.model) and None in (card.price_in, card.price_out):
        raise ConfigError(
            f"--max_cost: {card.name!r} has no price; give price_in and price_out (dollars per "
            "million tokens) in its card or in --candidates_args"
        )


def _short(text: str) -> str:
    from polyglot_harness.data_sources.find import short_name

    return text.replace(":", "-") if text.startswith("gold:") else short_name(text)

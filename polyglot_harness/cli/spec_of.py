"""From parsed flags to a `RunSpec`; every name is checked before any work begins."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.cli.flags import (
    DEFAULT_EMBEDDER,
    DEFAULT_METRICS,
    DEFAULT_PERPLEXITY_MODEL,
    DEFAULT_STRATEGIES,
    DEFAULT_STUDENT,
)
from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import parse_record
from polyglot_harness.intrinsic import NEEDED, check_metrics
from polyglot_harness.languages import check_strategy, load_pack, target_codes
from polyglot_harness.lm.hub_mirror import use_mirror
from polyglot_harness.lm.tally import Spending
from polyglot_harness.scoring.mixtures import ENGLISH
from polyglot_harness.spec import (
    Checks,
    Pairs,
    RunSpec,
    StudentCard,
    TeacherCard,
    pairs,
)
from polyglot_harness.strategies.given import given_file
from polyglot_harness.students import check_trainable, load_recipe, load_student
from polyglot_harness.teachers import (
    is_served,
    load_teacher,
    teacher_from_flags,
    teacher_names,
    with_concurrency,
)


def spec_of(args: argparse.Namespace) -> RunSpec:
    """Build the spec of a run from flags; a flag that a subcommand lacks takes its default.

    Raises:
        ConfigError: If a teacher, language, strategy, metric, student, recipe or model is unknown.
    """
    given = vars(args)
    use_mirror(given.get("offline_data"))
    languages = given.get("languages") or target_codes(args.include_path)
    packs = [load_pack(code, args.include_path) for code in languages]
    strategies = given.get("strategies", DEFAULT_STRATEGIES)
    for strategy in given.get("strategies", ()):
        for pack in packs:
            check_strategy(pack, strategy)
    metrics = given.get("metrics", DEFAULT_METRICS)
    check_metrics(metrics)
    _check_needed(given, metrics)
    student = student_of(given)
    if "recipe" in given:
        check_trainable(student)
    teachers, judges = teachers_of(given), judges_of(given)
    reference = given.get("reference") or student.reference
    perplexity_model = given.get("perplexity_model", DEFAULT_PERPLEXITY_MODEL)
    embedder = given.get("embedder", DEFAULT_EMBEDDER)
    read = [perplexity_model, given.get("reward_model", ""), *given.get("comet_model", ())]
    # "sentence-transformers:MODEL"; a server's model is none of ours
    read.append("" if embedder.startswith("openai:") else embedder.partition(":")[2])
    read += [] if is_served(student.model) else [student.pretrained]
    _offline_if_all_local(
        [*read, *([] if reference == "gold" else [reference])],
        (*teachers, *judges),
    )
    if given.get("teacher_args"):
        from polyglot_harness.lm.load import check_model_type

        check_model_type(teachers[0].model)
    return RunSpec(
        teachers=teachers,
        languages=languages,
        strategies=strategies,
        limit=given.get("limit") or 1,
        seed=args.seed,
        gen_kwargs=pairs(given.get("gen_kwargs") or {}),
        student=student,
        reference=reference,
        recipe=load_recipe(given.get("recipe", "demo"), given.get("recipe_args")),
        **_mixtures(given, languages),
        tasks=given.get("tasks", ()),
        eval_limit=given.get("eval_limit"),
        num_fewshot=given.get("num_fewshot"),
        metrics=metrics,
        metric_limit=given.get("metric_limit"),
        embedder=embedder,
        perplexity_model=perplexity_model,
        perplexity_backend=given.get("perplexity_backend", "hf"),
        perplexity_args=pairs(given.get("perplexity_args") or {}),
        perplexity_form=given.get("perplexity_form", "plain"),
        perplexity_max_length=given.get("perplexity_max_length"),
        judges=judges,
        judge_attempts=given.get("judge_attempts", 3),
        reward_model=given.get("reward_model", ""),
        comet_models=given.get("comet_model", ()),
        batch_size=args.batch_size,
        device=args.device,
        apply_chat_template=given.get("apply_chat_template"),
        system_instruction=given.get("system_instruction"),
        include_path=args.include_path,
        chunk_size=given.get("chunk_size", 16),
        instruction_language=given.get("instruction_language", "en"),
        given=_given(given.get("given"), strategies, languages),
        max_attempts=given.get("max_attempts", 1),
        checks=parse_record(Checks, given.get("checks") or {}, "--checks"),
        alpha=given.get("alpha", 0.5),
    )


def _mixtures(given: dict[str, Any], languages: tuple[str, ...]) -> dict[str, Any]:
    """Check the flags of mixtures, and read the English set.

    Raises:
        ConfigError: If a mixture, language or the English set is unknown, or one is missing.
    """
    texts = given.get("mixture", ("alone",))
    english = tuple(given.get("english", ()))
    also = given.get("also_evaluate")
    if texts == ("alone",):
        for flag in ("english", "mix_budget", "also_evaluate"):
            if given.get(flag):
                raise ConfigError(f"--{flag} goes with --mixture, e.g. --mixture pinch:0,pinch:40")
        return {}
    from polyglot_harness.training.mixing import parse_mixture

    mixtures = tuple(parse_mixture(text) for text in texts)
    if not any(mixture.kind == "alone" or mixture.amount for mixture in mixtures):
        raise ConfigError("--mixture: English alone compares no teachers; add e.g. pinch:40")
    if not english:
        raise ConfigError("--mixture needs --english DATA, e.g. gold:en or a file of examples")
    if ENGLISH in languages:
        raise ConfigError(
            "--languages: en is the language of the set that others are mixed into; name it in "
            "--also_evaluate"
        )
    also = (ENGLISH,) if also is None else tuple(also)
    for code in also:
        load_pack(code, given.get("include_path"))
    return {
        "mixtures": mixtures,
        "english": english,
        "mix_budget": given.get("mix_budget"),
        "also_evaluate": also,
    }


def _given(
    given: dict[str, str] | None, strategies: tuple[str, ...], languages: tuple[str, ...]
) -> Pairs:
    """Check ``--given``: strategies that are asked and start from prompts, and files."""
    files = pairs(given or {})
    able = [strategy for strategy in strategies if strategy != "generate"]
    for strategy, _ in files:
        if strategy not in able:
            raise unknown_name("strategy of --given", strategy, able)
        for code in languages:
            given_file(files, strategy, code)
    return files


def spending_of(args: argparse.Namespace, spec: RunSpec) -> Spending:
    """Return the money of the job.

    Raises:
        ConfigError: If there is a limit, but a teacher or judge whose price nobody knows.
    """
    limit = vars(args).get("max_cost")
    paid = [*(("teacher", t) for t in spec.teachers), *(("judge", j) for j in spec.judges)]
    for role, card in paid if limit is not None else ():
        if card.price_in is None or card.price_out is None:
            raise ConfigError(
                f"--max_cost: {role} {card.name!r} has no price; give price_in and price_out "
                f"(dollars per million tokens) in its card or in --{role}_args"
            )
    return Spending(limit)


def _offline_if_all_local(names: list[str], teachers: tuple[TeacherCard, ...]) -> None:
    """Ask no hub where no model of the run is from one: no look-ups, no waiting for time-outs.

    Must come before the libraries of the hub are imported: they read the variable then. The tasks'
    data sets may be from the hub all the same: `lm.hub_data` switches it on for them.
    """
    from polyglot_harness.lm.hub_data import MODELS_ONLY
    from polyglot_harness.models import load_catalog

    if any(name in os.environ for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")):
        return

    served = [dict(t.model_args) for t in teachers]
    names = [*names, *(str(args.get("pretrained", "")) for args in served)]
    if all(name in load_catalog() or Path(name).exists() for name in names if name):
        os.environ |= {"HF_HUB_OFFLINE": "1", MODELS_ONLY: "1"}


def teachers_of(given: dict[str, Any]) -> tuple[TeacherCard, ...]:
    """Return the cards that ``--teacher`` and ``--teacher_args`` stand for."""
    names = given.get("teacher")
    if names is None:
        if "teacher" in given and given.get("teacher_args"):
            names = ("hf",)
        elif "teacher" in given:
            raise ConfigError(
                f"--teacher is needed: a card ({', '.join(teacher_names())}) or an lm-eval model "
                "type with --teacher_args"
            )
        else:
            return ()
    cards = _cards("--teacher", names, given.get("teacher_args"))
    if given.get("concurrency") is None:
        return cards
    return tuple(with_concurrency(card, given["concurrency"]) for card in cards)


def judges_of(given: dict[str, Any]) -> tuple[TeacherCard, ...]:
    """Return the cards that ``--judge`` and ``--judge_args`` stand for."""
    names, args = given.get("judge"), given.get("judge_args")
    if names is None and args is None:
        return ()
    cards = _cards("--judge", names or ("hf",), args)
    if len({card.name for card in cards}) < len(cards):
        raise ConfigError("--judge: two judges have one name; each needs its own")
    return cards


def _check_needed(given: dict[str, Any], metrics: tuple[str, ...]) -> None:
    """Raise ConfigError for a metric whose judge or model is not given."""
    for metric in metrics:
        flag = NEEDED.get(metric)
        if flag and not given.get(flag) and not given.get(f"{flag}_args"):
            raise ConfigError(f"--metrics {metric} needs --{flag} (see --help)")


def _cards(flag: str, names: Sequence[str], args: dict[str, Any] | None) -> tuple[TeacherCard, ...]:
    """Return cards by name, or the one of a model type with its arguments."""
    if args is None:
        return tuple(load_teacher(name) for name in names)
    if len(names) != 1:
        raise ConfigError(f"{flag}_args goes with one {flag}, an lm-eval model type")
    return (teacher_from_flags(names[0], args, flag),)


def student_of(given: dict[str, Any]) -> StudentCard:
    """Return the card that ``--student`` and ``--student_args`` stand for."""
    overrides = given.get("student_args")
    name = given.get("student")
    if name is None and not (overrides and {"pretrained", "model"} & overrides.keys()):
        name = DEFAULT_STUDENT
    return load_student(name, overrides)

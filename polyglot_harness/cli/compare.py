"""``compare``: which of two models, or of two files of answers, answers better."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli import flags
from polyglot_harness.cli.values import KeyValues, Names, positive

if TYPE_CHECKING:
    from polyglot_harness.cli.compared import Compared, Plan
    from polyglot_harness.spec import TeacherCard
    from polyglot_harness.stages import Workshop

EPILOG = """\
examples:
  # a student against the base that it was trained from, by a judge behind a server
  polyglot-harness compare runs/stages/train/NAME base --student gemma-3-270m --languages de,en \\
      --judge openai-compatible --judge_args model=NAME,base_url=http://127.0.0.1:8000/v1

  # by a reward model; the prompts are yours
  polyglot-harness compare ADAPTER base --languages de --reward_model DIR --prompts de=mine.csv

  # two files of answers to the same prompts, by two judges
  polyglot-harness compare ours.jsonl theirs.jsonl --judge card-one,card-two

  # what that would ask for
  polyglot-harness compare ... --dry_run

A and B are each: base (the untrained student of --student), a folder of `train` or `prefer`, an
adapter or a model, a teacher card (see: ls teachers), an lm-eval model type with --a_args or
--b_args, or answers: gold:CODE, .jsonl, .json, .csv, .parquet files or a folder of them (columns as
in `measure`; CODE=FILE says the language of rows that do not).

A judge is asked twice for each prompt, the second time with the answers swapped. An answer wins if
it is chosen both times; all else is a tie; a judgement that cannot be read is missing, and so is
its prompt. The win rate is wins and half the ties in per cent: 50 is parity. Answers and
judgements are kept and found again. Exit status: 0 all compared, 2 wrong input, 3 a package is
missing, 4 a language failed, the money is spent or another process is at work in the folder, 5 the
disk, 130 stopped by Ctrl-C.
"""
GREEDY = {"temperature": 0.0}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "compare",
        help="side by side: which of two models answers better, by a judge or a reward model",
        description="Have two models answer the same prompts, and a judge (in both orders) or a "
        "reward model say which\nanswer is better: win rates with 95 % intervals, by language and "
        "over all languages.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", metavar="A", help="whose win rate is told")
    parser.add_argument("b", metavar="B", help="what it is compared with")
    for letter in "ab":
        parser.add_argument(
            f"--{letter}_args", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
            help=f"{letter.upper()} is an lm-eval model type with these arguments, e.g. "
            "pretrained=... or model=...,base_url=... (default: none)",
        )  # fmt: skip
    flags.language_flag(parser)
    _prompt_flags(parser)
    _judge_flags(parser)
    flags.student_flags(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=("table", "json", "csv"), default="table",
                       help="of what is printed (default: %(default)s)")  # fmt: skip
    group.add_argument("--dry_run", action="store_true",
                       help="say what would be asked, and stop")  # fmt: skip
    flags.common_flags(parser)
    return parser


def _prompt_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("prompts and answers")
    group.add_argument(
        "--prompts", nargs="+", default=None, metavar="FILE|gold:CODE",
        help="what is answered: files with a column prompt (CODE=FILE says their language), or a "
        "pack's seeds (default: the prompts of A or B where these are files, else the seeds)",
    )  # fmt: skip
    group.add_argument("--limit", "-L", type=positive, default=None, metavar="N",
                       help="prompts a language, the first ones (default: all)")  # fmt: skip
    group.add_argument(
        "--gen_kwargs", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="how A and B answer (default: temperature=0 max_gen_toks=256)",
    )  # fmt: skip
    group.add_argument("--system_instruction", default=None, metavar="TEXT",
                       help="system prompt of A and B (default: none)")  # fmt: skip


def _judge_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("judges: one or more, or a reward model")
    group.add_argument(
        "--judge", nargs="+", action=Names, metavar="NAME", default=None,
        help="teacher cards, TOML files, or one lm-eval model type with --judge_args; each gives a "
        "table of its own (default: none)",
    )  # fmt: skip
    group.add_argument(
        "--judge_args", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="arguments of the judge's model type, e.g. model=...,base_url=... (default: none)",
    )  # fmt: skip
    group.add_argument(
        "--judge_attempts", type=positive, default=3, metavar="N",
        help="ask so often while a judgement cannot be read (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--reward_model", default="", metavar="MODEL",
        help="sequence-classification model of one label, path or hub name: the higher reward "
        "wins (default: none)",
    )  # fmt: skip
    group.add_argument(
        "--chunk_size", type=positive, default=16, metavar="N",
        help="requests per chunk of a model in this process (default: %(default)s)",
    )  # fmt: skip
    flags.cost_flag(group)


def execute(args: argparse.Namespace) -> int:
    """Compare and print."""
    from polyglot_harness.cli.compared_output import show, show_plan
    from polyglot_harness.store import hold

    shop, plan = _plan(args)
    for note in plan.notes:
        print(f"polyglot-harness: {note}", file=sys.stderr)  # noqa: T201
    if args.dry_run:
        show_plan(shop, plan)
        return 0
    hold(shop.root)
    found, status = _compare(shop, plan)
    if any(compared.done for compared in found) or args.format != "table":
        show(plan, found, args.format)
    return status


def _plan(args: argparse.Namespace) -> tuple[Workshop, Plan]:
    from dataclasses import replace

    from polyglot_harness.cli.compared import plan_of
    from polyglot_harness.cli.compared_sides import sides_of
    from polyglot_harness.cli.spec_checks import check_teachers
    from polyglot_harness.cli.spec_of import student_of
    from polyglot_harness.cli.stage import workshop
    from polyglot_harness.data_sources.hub import ask_the_hub
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.models import resolve

    if not (args.judge or args.judge_args or args.reward_model):
        raise ConfigError("--judge or --reward_model is needed: who says which answer is better")
    args.gen_kwargs = {**GREEDY, **(args.gen_kwargs or {})}
    texts, arguments = (args.a, args.b), (args.a_args, args.b_args)
    named = [text for text, given in zip(texts, arguments, strict=True) if given is None]
    ask_the_hub([*named, *(args.prompts or ())])
    one = args.languages[0] if args.languages and len(args.languages) == 1 else None
    sides = sides_of(texts, arguments, student_of(vars(args)), args.include_path, one)
    _let_hub_answer([side.card for side in sides if side.card])
    plan = plan_of(sides, args.prompts, args.languages, args.include_path, args.limit)
    args.languages, args.limit = tuple(plan.prompts), max(map(len, plan.prompts.values()))
    shop = workshop(args)
    asked = tuple(side.card for side in sides if side.card)
    check_teachers(shop.spec.model_copy(update={"teachers": asked}))
    if args.reward_model:
        resolve(args.reward_model)
    for card in asked if args.max_cost is not None else ():
        _check_price(card)
    same = {(judge.model, judge.model_args) for judge in shop.spec.judges}
    own = [card.name for card in asked if (card.model, card.model_args) in same]
    notes = [f"{name} judges its own answers: judges favour these" for name in own]
    return shop, replace(plan, notes=(*plan.notes, *notes))


def _let_hub_answer(cards: Sequence[TeacherCard]) -> None:
    """Let the libraries ask the hub where A or B is of it: the spec knows student and judges."""
    from polyglot_harness.models import load_catalog

    names = [str(dict(card.model_args).get("pretrained", "")) for card in cards]
    if any(name and name not in load_catalog() and not Path(name).exists() for name in names):
        os.environ.setdefault("HF_HUB_OFFLINE", os.environ.get("TRANSFORMERS_OFFLINE", "0"))


def _check_price(card: TeacherCard) -> None:
    """Raise ConfigError for a server whose price nobody knows: --max_cost would not hold."""
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.teachers import is_served

    if is_served(card.model) and None in (card.price_in, card.price_out):
        raise ConfigError(
            f"--max_cost: {card.name!r} has no price; give price_in and price_out (dollars per "
            "million tokens) in its card or in --a_args, --b_args"
        )


def _compare(shop: Workshop, plan: Plan) -> tuple[Sequence[Compared], int]:
    """Answer, then judge: a model is loaded once. A language that fails does not stop others.

    Returns:
        What was found, and the exit status: that of the first error if nothing was.
    """
    from polyglot_harness.cli.compared import answers_of_all, judged_by
    from polyglot_harness.executors.local import LocalExecutor

    executor = LocalExecutor(shop.reporter)
    answers = answers_of_all(shop, plan, executor)
    judges = [*shop.spec.judges, *([None] if shop.spec.reward_model else [])]
    found = [judged_by(shop, plan, answers, judge, executor) for judge in judges]
    if not executor.errors:
        return found, 0
    first = next(iter(executor.errors.values()))
    return found, 4 if any(compared.done for compared in found) else first.exit_status

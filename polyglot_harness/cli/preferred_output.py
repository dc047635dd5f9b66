"""What ``prefer`` prints: the plan, how the rewards rank, the pairs, the training."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyglot_harness.cli.preferred import Plan
    from polyglot_harness.spec import Measurement
    from polyglot_harness.stages import Done, Workshop

NOTHING = "—"
ROWS = {
    "reward_sd_within": "sd of rewards within a prompt",
    "reward_sd_between": "sd of prompts' mean rewards",
    "in_language": "responses in the language",
    "fidelity_agreement": "ranks them above others (0.5: blind)",
    "length_correlation": "rank correlation with length",
    "spread": "chosen - rejected",
    "chosen_in_language": "chosen in the language",
    "rejected_in_language": "rejected in the language",
    "chosen_cut": "chosen ran out of tokens",
}
"""Measurement -> its row; the others are in the JSON file."""


def show_plan(shop: Workshop, plan: Plan) -> None:
    """Print what would be asked; nothing is loaded or written."""
    from rich.table import Table

    from polyglot_harness.cli.console import table_console
    from polyglot_harness.lm.tally import estimate_tokens, price
    from polyglot_harness.stages.answering import settings_of

    console = table_console()
    table = Table(title=f"What would be sampled in {shop.root}")
    for column in ("language", "prompts", "responses by", "requests", "tokens in", "at most out"):
        table.add_column(column, justify="left" if column[0] in "lr" and column != "requests"
                         else "right", overflow="fold")  # fmt: skip
    cost = 0.0
    for code, asked in plan.asked.items():
        if plan.card is None:
            table.add_row(code, str(len(asked)), plan.name, "0", "0", "0")
            continue
        requests = len(asked) * plan.samples
        most = requests * int(settings_of(plan.card, plan.gen_kwargs)["max_gen_toks"])
        tokens = plan.samples * sum(estimate_tokens(prompt) for _, prompt in asked)
        cost += price(plan.card, tokens, most)
        table.add_row(code, f"{len(asked):,}", plan.name, f"{requests:,}", f"{tokens:,}",
                      f"{most:,}")  # fmt: skip
    console.print(table)
    lines = [f"Reward:   {plan.scorer.name}"]
    lines += [f"Cost:     at most ${cost:,.2f}"] if cost else []
    recipe = shop.spec.recipe
    lines.append(f"Training: {shop.spec.student.name}, recipe {recipe.name}: {recipe.method}, "
                 f"{recipe.tuning}, learning rate {recipe.learning_rate:g}")  # fmt: skip
    lines.append("Tokens are estimated (four bytes of UTF-8 each). Nothing was asked.")
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def show_pairs(plan: Plan, answered: Mapping[str, Done], made: Done) -> None:
    """Print how the rewards rank in each language, how many pairs there are, and where."""
    from rich.markup import escape
    from rich.table import Table

    from polyglot_harness.cli.console import table_console
    from polyglot_harness.preference.statistics import verdict
    from polyglot_harness.stages.preferring import PAIRS, SKIPPED, STATISTICS

    console = table_console()
    table = Table(title=escape(f"Rewards by {plan.scorer.name}; 95 % intervals over prompts"))
    measured = {code: _of(made, code) for code in answered}
    table.add_column("")
    for code in measured:
        table.add_column(code, justify="right")
    table.add_row("prompts", *(str(len(plan.asked[code])) for code in measured))
    responses = (str(dict(done.record.counts)["answers"]) for done in answered.values())
    table.add_row("responses", *responses)
    for name, words in ROWS.items():
        table.add_row(words, *(_cell(found[name]) for found in measured.values()))
    console.print(table)
    lines = [verdict(tuple(found.values()), plan.packs[code].name)
             for code, found in measured.items()]  # fmt: skip
    for line in [*lines, _counted(made)]:
        console.print(line, soft_wrap=True, markup=False)
    for name in (PAIRS, SKIPPED, STATISTICS):
        console.print(f"{made.folder}/{name}", soft_wrap=True, markup=False)


def _of(made: Done, code: str) -> dict[str, Measurement]:
    return {m.name: m for m in made.record.measurements if m.language == code}


def _cell(m: Measurement) -> str:
    if m.value is None:
        return NOTHING
    return f"{m.value:.2f}" + ("" if m.low is None else f" [{m.low:.2f}, {m.high:.2f}]")


def _counted(made: Done) -> str:
    """Return how many pairs there are, and why some prompts have none."""
    counts = dict(made.record.counts)
    reasons = {k.removeprefix("skipped_"): n for k, n in counts.items() if k.startswith("skipped_")}
    skipped = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items()))
    told = f"{counts['pairs']} pairs from {counts['prompts']} prompts"
    return f"{told} ({skipped})." if skipped else f"{told}."


def show_training(args: argparse.Namespace, plan: Plan, done: Done) -> None:
    """Print what the training did, how to evaluate and compare it, and where it lies."""
    from polyglot_harness import stages

    weights = stages.trained_folder(done)
    languages = ["--languages", ",".join(plan.asked)]
    student = ["--student", args.student] if args.student else []
    if args.student_args:
        student += ["--student_args", *(f"{k}={v}" for k, v in args.student_args.items())]
    before = str(plan.weights) if plan.weights else "base"
    evaluate = ["evaluate", *student, "--adapter", str(weights), *languages]
    compare = ["compare", str(weights), before, *student, *languages, "--judge", "NAME"]
    print(_summary(done))  # noqa: T201
    print(f"Evaluate: {shlex.join(['polyglot-harness', *evaluate])}")  # noqa: T201
    print(f"Compare:  {shlex.join(['polyglot-harness', *compare])}")  # noqa: T201
    print(weights)  # noqa: T201


def _summary(done: Done) -> str:
    """Return in a line what a training did, by DPO or by SFT."""
    counts = dict(done.record.counts)
    what = "pairs" if "pairs" in counts else "examples"
    parts = [f"{counts[what]} {what}", f"{counts['steps']} steps",
             f"loss {counts['first_loss']:.3f} -> {counts['final_loss']:.3f}"]  # fmt: skip
    if (margin := counts.get("held_out_margin")) is not None:
        parts.append(f"implicit margin of {counts['held_out']} held-out pairs 0 -> {margin:.3f}")
    return ", ".join(parts)

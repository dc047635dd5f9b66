"""``train --dry_run``: what a student would be trained on, and what is done already."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyglot_harness.spec import Example, Recipe
    from polyglot_harness.stages import Workshop

SAMPLE = 256
"""Examples whose tokens are counted to estimate those of all."""


def show_train_plan(
    shop: Workshop,
    name: str,
    examples: Sequence[Example],
    chosen: Sequence[Example],
    adapter: Path | None,
    recipe: Recipe | None = None,
) -> None:
    """Print examples by language and strategy, tokens, steps, and how far the training is."""
    from polyglot_harness.cli.console import table_console

    student, recipe = shop.spec.student, recipe or shop.spec.recipe
    console = table_console()
    console.print(shares_table(examples, chosen))
    lines = [
        f"Student:  {student.name} ({student.pretrained}), recipe {recipe.name}: {recipe.method}, "
        f"{recipe.tuning}, learning rate {recipe.learning_rate:g}",
        f"Tokens:   {token_words(student, recipe, chosen)}",
        f"Steps:    {_steps(recipe, len(chosen))}",
        f"Done:     {progress_words(shop, name, chosen, recipe, adapter)}",
        "Nothing was trained.",
    ]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def shares_table(examples: Sequence[Example], chosen: Sequence[Example]) -> Any:
    """Return a table of what there is and what is drawn, by language and strategy."""
    from rich.table import Table

    there = Counter((e.language, e.strategy) for e in examples)
    drawn = Counter((e.language, e.strategy) for e in chosen)
    table = Table(title="Examples")
    for column in ("language", "strategy", "there are", "drawn"):
        table.add_column(column, justify="right" if column[0] in "td" else "left")
    for language, strategy in sorted(there):
        key = (language, strategy)
        table.add_row(language, strategy, str(there[key]), str(drawn[key]))
    table.add_section()
    table.add_row("all", "", str(len(examples)), str(len(chosen)))
    return table


def token_words(student: Any, recipe: Recipe, chosen: Sequence[Example]) -> str:
    """Say how long examples are, by the student's tokenizer where it is here."""
    from polyglot_harness.errors import HarnessError
    from polyglot_harness.intrinsic.samples import spread
    from polyglot_harness.models import is_pulled, load_catalog, resolve
    from polyglot_harness.training.base import load_tokenizer
    from polyglot_harness.training.encoding import encode

    here = Path(student.pretrained).is_dir() or (
        student.pretrained in load_catalog() and is_pulled(student.pretrained)
    )
    if not here or not chosen:
        return "not counted: the student's tokenizer is not on this machine"
    try:
        tokenizer = load_tokenizer(resolve(student.pretrained), student)
    except HarnessError as error:
        return f"not counted: {error}"
    looked_at = [chosen[i] for i in sorted(spread(len(chosen), SAMPLE))]
    lengths = [len(encode(tokenizer, example).tokens) for example in looked_at]
    long = sum(length > recipe.max_length for length in lengths)
    mean = sum(lengths) / len(lengths)
    return (
        f"{mean:.0f} an example, {max(lengths)} at most, about "
        f"{mean * len(chosen) * recipe.epochs:,.0f} in all (of {len(lengths)} looked at, {long} "
        f"are longer than max_length={recipe.max_length} and would be left out)"
    )


def _steps(recipe: Recipe, n: int) -> str:
    if recipe.packing:
        return "as many as packed batches there are"
    steps = math.ceil(max(0, n - recipe.held_out) / recipe.batch_size) * recipe.epochs
    return (
        f"{math.ceil(steps)}, each on {recipe.batch_size} examples; a checkpoint every "
        f"{recipe.save_steps}"
    )


def progress_words(
    shop: Workshop, name: str, chosen: Sequence[Example], recipe: Recipe, adapter: Path | None
) -> str:
    """Say how far a training is."""
    from polyglot_harness import stages
    from polyglot_harness.spec import digest
    from polyglot_harness.store import complete_record, stage_folder

    student = shop.spec.student
    inputs = stages.training_inputs(shop, student, recipe, digest(list(chosen)), adapter)
    folder = stage_folder(shop.root, "train", f"{student.name}-on-{name}", inputs)
    if complete_record(folder, inputs):
        return f"all of it, in {folder}"
    found = [int(p.name.rpartition("-")[2]) for p in folder.glob("checkpoints/checkpoint-*")]
    return f"up to step {max(found)}, in {folder}" if found else "nothing"

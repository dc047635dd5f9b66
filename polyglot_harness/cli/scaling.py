"""``train --scales``: does more data help?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyglot_harness.spec import Example, LanguagePack
    from polyglot_harness.stages import Workshop


def scale(
    args: argparse.Namespace,
    shop: Workshop,
    name: str,
    examples: Sequence[Example],
    adapter: Path | None,
) -> int:
    """Train a student a size, print how they compare, and where the figures are."""
    from polyglot_harness.cli.console import table_console
    from polyglot_harness.stages.scaling import PLOT, SCALING, nested_samples, scale_students

    samples = nested_samples(shop, examples, args.scales)
    if samples.too_many:
        left_out = ", ".join(map(str, samples.too_many))
        most = len(examples) - samples.unusable - len(samples.held_out)
        print(f"polyglot-harness: left out: {left_out} (there are {most} examples to train on)",  # noqa: T201
              file=sys.stderr)  # fmt: skip
    packs = _packs(args, examples) if args.evaluate else []
    if args.dry_run:
        from polyglot_harness.cli.train_plan import show_train_plan

        for size, chosen in samples.by_size.items():
            recipe = shop.spec.recipe.model_copy(
                update={"held_out": len(samples.held_out), "max_train_samples": size}
            )
            show_train_plan(
                shop, f"{name}-{size}", examples, (*samples.held_out, *chosen), adapter, recipe
            )
        return 0
    done, points = scale_students(shop, name, samples, packs=packs, adapter=adapter)
    console = table_console()
    console.print(_table(points, len(samples.held_out)))
    for file in (SCALING, PLOT):
        if (done.folder / file).exists():
            print(done.folder / file)  # noqa: T201
    return 0


def _packs(args: argparse.Namespace, examples: Sequence[Example]) -> list[LanguagePack]:
    """Return the languages to evaluate in: those asked for, or else those of the examples."""
    from polyglot_harness.languages import load_pack, pack_folders

    there = pack_folders(args.include_path)
    own = sorted({example.language for example in examples} & there.keys())
    return [load_pack(code, args.include_path) for code in args.languages or own]


def _table(points: Sequence[dict[str, Any]], held_out: int) -> Any:
    from rich.table import Table

    languages = sorted(points[0]["scores"])
    table = Table(title=f"Students by number of examples ({held_out} held out)")
    for column in ("examples", "steps", "held-out loss", "± stderr", *(
        f"{part}{language}" for language in languages for part in ("score ", "± ")
    )):  # fmt: skip
        table.add_column(column, justify="right")
    for point in points:
        scores = [point["scores"][language] for language in languages]
        table.add_row(
            str(point["examples"] or "base"), str(point["steps"] or "—"),
            _number(point["held_out_loss"], 4), _number(point["held_out_loss_stderr"], 4),
            *(_number(score[part], 3) for score in scores for part in ("mean", "stderr")),
        )  # fmt: skip
    return table


def _number(value: float | None, digits: int) -> str:
    return "—" if value is None else f"{value:.{digits}f}"

"""``measure --dry_run``: what would be measured, and with which models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyglot_harness.cli.measured_data import Cell
    from polyglot_harness.spec import RunSpec
    from polyglot_harness.stages import Workshop

MODELS: dict[str, Callable[[RunSpec], tuple[str, ...]]] = {
    "distinct_ri": lambda spec: (spec.embedder,),
    "vendi": lambda spec: (spec.embedder,),
    "perplexity": lambda spec: (spec.perplexity_model,),
    "rubric": lambda spec: tuple(judge.name for judge in spec.judges),
    "difficulty": lambda spec: tuple(judge.name for judge in spec.judges),
    "reward": lambda spec: (spec.reward_model,),
    "comet": lambda spec: spec.comet_models,
}
"""Metric -> models that it loads or asks; others need none."""


def show_measure_plan(shop: Workshop, cells: Sequence[Cell]) -> None:
    """Print cells, metrics and models; nothing is loaded or written."""
    from rich.table import Table

    from polyglot_harness.cli.console import table_console

    console = table_console()
    table = Table(title=f"What would be measured in {shop.root}")
    for column in ("data", "language", "examples", "source", "state"):
        table.add_column(column, justify="right" if column == "examples" else "left",
                         overflow="fold")  # fmt: skip
    for cell in cells:
        state = "finished" if _finished(shop, cell) else "to do"
        table.add_row(cell.name, cell.pack.code, f"{len(cell.data):,}", cell.source, state)
    console.print(table)
    metrics = Table()
    for column in ("metric", "models"):
        metrics.add_column(column, overflow="fold")
    for metric in shop.spec.metrics:
        models = MODELS[metric](shop.spec) if metric in MODELS else ("none",)
        metrics.add_row(metric, ", ".join(models))
    console.print(metrics)
    console.print("Nothing was measured.")


def _finished(shop: Workshop, cell: Cell) -> bool:
    from polyglot_harness import stages
    from polyglot_harness.errors import HarnessError

    try:
        stages.measure_data(replace(shop, only_finished=True), cell.name, cell.pack, cell.data)
    except HarnessError:
        return False
    return True

"""The end of a run: tables, files, their reading, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from polyglot_harness.pipeline import Outcome
    from polyglot_harness.spec import RunSpec


def finish(outcome: Outcome, spec: RunSpec, root: Path) -> int:
    """Write the leaderboard, print the tables; return 4 if a cell failed."""
    from polyglot_harness.cli.console import table_console
    from polyglot_harness.leaderboard.collect import results_of
    from polyglot_harness.leaderboard.results import RESULTS, write_results

    console = table_console()
    several = len(outcome.boards) + bool(outcome.mixtures) > 1
    files: list[Path] = []
    for name in outcome.boards:
        folder = root / "mixtures" / name.replace(":", "-") if files else root
        files += _board(outcome, name, folder, console, several=several)
    if outcome.mixtures:
        files += _mixtures(outcome, root, console)
    results = write_results(root / RESULTS, results_of(outcome, spec))
    console.print(f"Ranking:   {', '.join(str(path) for path in files)}", soft_wrap=True)
    console.print(f"Results:   {root / RESULTS} ({len(results)} files), for `leaderboard build`")
    console.print(f"Data:      {root}/generate/*/examples.jsonl (rejected: rejections.jsonl)")
    console.print(f"Students:  {root}/train/*/adapter, item scores {root}/evaluate/*/items.jsonl")
    if outcome.errors:
        for title, error in outcome.errors.items():
            console.print(f"[red]failed[/]: {title}: {error}", soft_wrap=True)
        console.print("Next: mend the cause and give the same command again; the rest is kept.")
        return 4
    console.print(
        f"Next: read {root / 'LEADERBOARD.md'}, look at the examples, then raise --limit or add a "
        f"teacher with --update; finished work is kept. Beside other runs: polyglot-harness "
        f"leaderboard build {root} RUN ...",
        soft_wrap=True,
    )
    return 0


def _board(
    outcome: Outcome, name: str, folder: Path, console: Console, *, several: bool
) -> list[Path]:
    """Print and write the ranking of one mixture."""
    from polyglot_harness.leaderboard.files import write_leaderboard
    from polyglot_harness.leaderboard.reading import reading
    from polyglot_harness.leaderboard.render import terminal_tables
    from polyglot_harness.provenance import provenance
    from polyglot_harness.spec import pairs

    scores, ranking = outcome.boards[name].scores, outcome.boards[name].ranking
    files = write_leaderboard(folder, scores, ranking, pairs(provenance()))
    if several:
        console.rule(f"mixture {name}")
    for table in terminal_tables(scores, ranking):
        console.print(table)
        console.print()
    console.print(reading(scores, ranking), soft_wrap=True)
    console.print()
    return list(files)


def _mixtures(outcome: Outcome, root: Path, console: Console) -> list[Path]:
    """Print and write what mixtures do to English and to other languages."""
    from polyglot_harness.leaderboard.mixtures import (
        mixture_reading,
        mixture_table,
        write_mixtures,
    )

    console.rule("languages mixed in, unseen languages, English")
    console.print(mixture_table(outcome.mixtures))
    console.print()
    console.print(mixture_reading(outcome.mixtures), soft_wrap=True, markup=False)
    console.print()
    return write_mixtures(root, outcome.mixtures)

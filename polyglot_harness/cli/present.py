"""The end of a run: tables, files, their reading, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyglot_harness.pipeline import Outcome
    from polyglot_harness.spec import RunSpec


def finish(outcome: Outcome, spec: RunSpec, root: Path) -> int:
    """Write the leaderboard, print the tables; return 4 if a cell failed."""
    from polyglot_harness.cli.console import table_console
    from polyglot_harness.leaderboard.files import write_leaderboard
    from polyglot_harness.leaderboard.reading import reading
    from polyglot_harness.leaderboard.render import terminal_tables
    from polyglot_harness.provenance import provenance
    from polyglot_harness.spec import pairs

    console = table_console()
    assert outcome.ranking is not None
    files = write_leaderboard(root, outcome.scores, outcome.ranking, pairs(provenance()))
    for table in terminal_tables(outcome.scores, outcome.ranking):
        console.print(table)
        console.print()
    console.print(reading(outcome.scores, outcome.ranking), soft_wrap=True)
    console.print()
    console.print(f"Ranking:   {', '.join(str(path) for path in files)}", soft_wrap=True)
    console.print(f"Data:      {root}/generate/*/examples.jsonl (rejected: rejections.jsonl)")
    console.print(f"Students:  {root}/train/*/adapter, item scores {root}/evaluate/*/items.jsonl")
    if outcome.errors:
        for title, error in outcome.errors.items():
            console.print(f"[red]failed[/]: {title}: {error}", soft_wrap=True)
        console.print("Next: mend the cause and give the same command again; the rest is kept.")
        return 4
    console.print(
        f"Next: read {files[1].name}, look at the examples, then raise --limit or add a teacher "
        "with --update; finished work is kept."
    )
    return 0

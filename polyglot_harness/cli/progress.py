"""Progress in the terminal: a bar for the stage at work, a line for each that is finished."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from polyglot_harness.reporting import Progress as Report


class Terminal:
    """A `Reporter` on a rich console; where it is no terminal, finished stages are plain lines."""

    def __init__(self, console: Console | None = None) -> None:
        """Report to `console`, stderr by default, so that stdout holds results only."""
        self.console = console or Console(stderr=True, highlight=False)

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Report]:
        """Show a bar while the stage runs, and a line when it is done."""
        started = time.monotonic()
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        shown = self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=not shown) as bar:
            task = bar.add_task(title, total=total or None)

            def report(done: int, whole: int) -> None:
                bar.update(task, completed=done, total=whole or None)

            yield report
        self.console.print(f"[green]✓[/] {title}  [dim]{time.monotonic() - started:.1f} s[/]")

    def reused(self, title: str) -> None:
        """Say that the stage was found complete."""
        self.console.print(f"[dim]= {title}  (found finished)[/]")

    def failed(self, title: str, error: Exception) -> None:
        """Say which cell failed and why."""
        self.console.print("[red]✗[/]", end=" ")
        self.console.print(f"{title}: {error}", markup=False)
        if os.environ.get("POLYGLOT_DEBUG"):
            self.console.print("".join(traceback.format_exception(error)), markup=False)

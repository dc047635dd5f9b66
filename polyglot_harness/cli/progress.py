"""Progress in the terminal: a bar for the stage at work, a line for each that is finished."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from polyglot_harness.reporting import Progress as Report

LINE_SECONDS = 15.0
"""Between two lines on the same stage where stderr is no terminal."""


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
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20),
            MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        shown = self.console.is_terminal
        with _Bars(*columns, console=self.console, transient=True, disable=not shown) as bar:
            state = _State(bar, bar.add_task(title, total=total or None, note=""), title, shown)
            yield state.report
        note = f"  {state.note}" if state.note else ""
        took = time.monotonic() - started
        self.console.print(f"[green]✓[/] {title}  [dim]{took:.1f} s{note}[/]", soft_wrap=True)

    def reused(self, title: str) -> None:
        """Say that the stage was found complete."""
        self._line(f"[dim]= {title}  (found finished)[/]")

    def failed(self, title: str, error: Exception) -> None:
        """Say which cell failed and why."""
        self.console.print("[red]✗[/]", end=" ")
        self._line(f"{title}: {error}", markup=False)
        if os.environ.get("POLYGLOT_DEBUG"):
            self._line("".join(traceback.format_exception(error)), markup=False)

    def _line(self, text: str, *, markup: bool = True) -> None:
        # a message is one line, however wide the console is
        self.console.print(text, markup=markup, soft_wrap=True)


class _Bars(Progress):
    """Bars with a note below, which may be longer than what is left of the bar's line."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bars, then their notes."""
        yield from super().get_renderables()
        for task in self.tasks:
            if task.fields["note"]:
                yield Text(f"  {task.fields['note']}", style="dim", overflow="fold")


class _State:
    """What a bar shows; without a terminal, a line now and then."""

    def __init__(self, bar: Progress, task: TaskID, title: str, shown: bool) -> None:
        self.bar, self.task, self.title, self.shown = bar, task, title, shown
        self.note = ""
        self.next = time.monotonic() + (0 if shown else LINE_SECONDS)

    def report(self, done: int, total: int, note: str = "") -> None:
        """Take the state; show it at most ten times a second."""
        self.note = note or self.note
        now = time.monotonic()
        if now < self.next and done != total:
            return
        if self.shown:
            self.next = now + 0.1
            self.bar.update(self.task, completed=done, total=total or None, note=self.note)
        elif now >= self.next:
            self.next = now + LINE_SECONDS
            left = f" of {total}" if total else ""
            self.bar.console.print(f"  {self.title}: {done}{left}  {self.note}", soft_wrap=True)

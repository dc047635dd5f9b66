"""What stages tell of their progress: a protocol here, the terminal in `cli.progress`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


class Reporter(Protocol):
    """Hears what a run does."""

    def stage(self, title: str, total: int | None = None) -> AbstractContextManager[Progress]:
        """A stage begins; the context yields the function that reports its progress."""

    def reused(self, title: str) -> None:
        """A stage was found complete."""

    def failed(self, title: str, error: Exception) -> None:
        """A stage failed; the run goes on with the other cells."""


class Quiet:
    """Says nothing."""

    def stage(self, title: str, total: int | None = None) -> AbstractContextManager[Progress]:
        """Report nothing."""
        return nullcontext(lambda done, total: None)

    def reused(self, title: str) -> None:
        """Report nothing."""

    def failed(self, title: str, error: Exception) -> None:
        """Report nothing."""

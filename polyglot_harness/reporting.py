"""What stages tell of their progress: a protocol here, the terminal in `cli.progress`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """Hears how far a stage is."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """So much of so much is done; `note` says more, "" leaves the last one standing."""


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
        return nullcontext(ignore)

    def reused(self, title: str) -> None:
        """Report nothing."""

    def failed(self, title: str, error: Exception) -> None:
        """Report nothing."""


class Within:
    """Reports the parts of a stage in the note of its own progress."""

    def __init__(self, progress: Progress, done: int, total: int) -> None:
        """Report to `progress` of a stage of which so many parts are done."""
        self._tell = progress
        self._done, self._total = done, total

    def stage(self, title: str, total: int | None = None) -> AbstractContextManager[Progress]:
        """Report a part."""

        def progress(done: int, total: int, note: str = "") -> None:
            self._tell(self._done, self._total, f"{title} {done}/{total} {note}".rstrip())

        self._tell(self._done, self._total, title)
        return nullcontext(progress)

    def reused(self, title: str) -> None:
        """Report nothing."""

    def failed(self, title: str, error: Exception) -> None:
        """Report nothing."""


def ignore(done: int, total: int, note: str = "") -> None:
    """Hear nothing."""

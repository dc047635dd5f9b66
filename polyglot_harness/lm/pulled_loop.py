"""An event loop that runs only while the consumer of a generator waits: no thread of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from polyglot_harness.errors import StageError

T = TypeVar("T")


class _Loop(asyncio.SelectorEventLoop):
    """Its clock can stand still."""

    def __init__(self) -> None:
        self.stood_still = 0.0
        super().__init__()

    def time(self) -> float:
        return super().time() - self.stood_still


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report as asyncio does, but not the interrupt that a task happened to meet: it was raised."""
    if not isinstance(context.get("exception"), (KeyboardInterrupt, SystemExit)):
        loop.default_exception_handler(context)


class PulledLoop:
    """A loop to be run from outside, a piece at a time."""

    def __init__(self) -> None:
        """Make the loop.

        Raises:
            StageError: If this thread runs another one, which would forbid ours to run.
        """
        if asyncio._get_running_loop() is not None:
            raise StageError("an event loop runs in this thread (a notebook?); use another thread")
        self.loop = _Loop()
        self.loop.set_exception_handler(_report)
        self._wake: asyncio.Future[None] | None = None
        self._ran_at = time.monotonic()

    def time(self) -> float:
        """Return seconds; those that the consumer spent with what it got are left out."""
        return self.loop.time()

    def run(self, awaitable: Awaitable[T]) -> T:
        """Run until it is done."""
        try:
            return self.loop.run_until_complete(awaitable)
        except (KeyboardInterrupt, SystemExit):
            # a stop that was due when the interrupt came would end the next run too soon
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
            raise
        finally:
            self._ran_at = time.monotonic()

    def idle_for(self) -> float:
        """Return the seconds since the loop last ran."""
        return time.monotonic() - self._ran_at

    def wait(self, until: float | None) -> None:
        """Run until `wake` is called, or it is `until` by `time`."""
        self._wake = self.loop.create_future()
        timer = None if until is None else self.loop.call_at(until, self.wake)
        try:
            self.run(self._wake)
        finally:
            if timer:
                timer.cancel()

    def wake(self) -> None:
        """End `wait`."""
        if self._wake and not self._wake.done():
            self._wake.set_result(None)

    def turn(self) -> None:
        """Do what can be done without waiting."""
        self.run(asyncio.sleep(0))

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop the clock, so that no timeout counts the time that the consumer takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            still = time.monotonic() - began
            self.loop.stood_still += still
        if still > 1:
            self.turn()  # see which connections were closed meanwhile, before one is used

    def close(self, session: Any) -> None:
        """Cancel all tasks, close the session if there is one, and leave nothing open."""

        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if session is not None:
                await session.close()
            await asyncio.sleep(0)  # transports close in the turn after

        try:
            self.run(end())
            self.run(self.loop.shutdown_asyncgens())
            self.run(self.loop.shutdown_default_executor())
        finally:
            self.loop.close()

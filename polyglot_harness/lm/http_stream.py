"""Keep a server busy: send requests, retry, give up where nothing helps, yield what arrives.

A reply that has arrived keeps its place in the window until the consumer is done with it, and then
the next request is sent: a kill never costs more replies than may be in flight.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from polyglot_harness.errors import HarnessError, StageError
from polyglot_harness.lm.concurrency import START, Sent
from polyglot_harness.lm.exchange import Reply, Request
from polyglot_harness.lm.http_outcome import (
    Answer,
    Fatal,
    Outcome,
    Reject,
    Retry,
    Server,
    Without,
    of_exception,
    of_response,
)
from polyglot_harness.lm.http_wire import Known, Wire
from polyglot_harness.lm.patience import LONGEST_ASKED, Patience, given_up
from polyglot_harness.lm.pulled_loop import PulledLoop

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)

TURN_SECONDS = 0.005
"""So long the consumer may keep back what it made room for: a turn of the loop costs time."""
REFUSED_IN_A_ROW = 3
"""After so many refusals with no answer between, a Retry-After holds for all requests; before, only
for the one that was refused."""
FAILED_IN_A_ROW = 20
"""More requests than this that fail one after another end the run."""
REJECTED_AT_FIRST = 5
"""If so many first answers all say that the request is wrong, the run ends: it is how we ask."""


@dataclass(slots=True)
class _Job:
    """A request until it has its reply."""

    request: Request
    begun: float
    sends: int = 0
    counted: int = 0
    """Sends that count against `Patience.max_retries`."""


class Stream:
    """One run of requests."""

    def __init__(
        self,
        requests: Iterator[Request],
        *,
        wire: Wire,
        server: Server,
        known: Known,
        patience: Patience,
        kept: bool,
    ) -> None:
        """Prepare; nothing is sent before `replies` is iterated.

        Args:
            requests: Taken one by one, as they can be sent.
            wire: How they are sent.
            server: For messages.
            known: What is known of the server.
            patience: How long to try.
            kept: The consumer keeps the replies; for messages.
        """
        self.requests = requests
        self.wire = wire
        self.server = server
        self.known = known
        self.patience = patience
        self.kept = kept
        self.loop = PulledLoop()
        self.session: aiohttp.ClientSession | None = None
        self.exhausted = False
        self.flying: set[asyncio.Task[None]] = set()
        self.waiting: list[tuple[float, int, _Job]] = []
        """A heap, by the time of the next try."""
        self.order = itertools.count()
        self.arrived: deque[tuple[Request, Reply]] = deque()
        self.failure: BaseException | None = None
        self.last_heard = self.loop.time()
        self.knocking = False
        self.refused_in_a_row = 0
        self.failed_in_a_row = 0
        self.handed_out = 0

    def replies(self) -> Iterator[tuple[Request, Reply]]:
        """Yield requests with their replies in the order of arrival; see `exchange.Streaming`."""
        try:
            self.session = self.loop.run(self._open())
            while self.failure is None:
                self._guarded(self._top_up)
                yield from self._hand_out()
                if self.exhausted and not (self.flying or self.waiting or self.arrived):
                    break
                self._guarded(self._wait)
            yield from self._hand_out()
            if isinstance(self.failure, Exception):
                self._guarded(self._wait_for_paid)
                yield from self._hand_out()
            if self.failure:
                raise self.failure
        finally:
            self.loop.close(self.session)

    async def _open(self) -> aiohttp.ClientSession:
        return self.wire.session()

    def _hand_out(self) -> Iterator[tuple[Request, Reply]]:
        """Yield what has arrived; as long as all is well, send after each one what has room."""
        while self.arrived:
            self.handed_out += 1
            with self.loop.standing_still():
                yield self.arrived.popleft()
            if self.failure is None:
                self._guarded(self._top_up)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Take a step; an error, an interrupt too, is raised when all is handed out."""
        try:
            step()
        except BaseException as error:
            self.failure = error

    # --- sending

    def _top_up(self) -> None:
        """Send what the window allows: retries that are due, then new requests."""
        before = len(self.flying)
        while self._has_room() and (job := self._next_job()):
            task = self.loop.loop.create_task(self._work(job))
            self.flying.add(task)
            task.add_done_callback(self._landed)
        if len(self.flying) > before and self.loop.idle_for() > TURN_SECONDS:
            self.loop.turn()  # the bytes leave, though the consumer is slow

    def _has_room(self, own: int = 0) -> bool:
        return len(self.flying) - own + len(self.arrived) < self.known.window.size

    def _next_job(self) -> _Job | None:
        now = self.loop.time()
        if self.waiting and self.waiting[0][0] <= now:
            return heapq.heappop(self.waiting)[2]
        window = self.known.window
        crowd = len(self.waiting) >= max(START, window.size)
        if self.exhausted or crowd or window.paused(_now()):
            return None
        request = next(self.requests, None)
        self.exhausted = request is None
        return _Job(request, now) if request else None

    async def _work(self, first: _Job) -> None:
        """Send one request after another, for as long as the window has room."""
        job: _Job | None = first
        while job:
            await self._try(job, self.known.window.send(_now()))
            self.loop.wake()
            # its own place, which it still has, is not free
            fits = self.failure is None and self._has_room(1)
            job = self._next_job() if fits else None

    async def _try(self, job: _Job, sent: Sent) -> None:
        """Send a request once, and settle what comes of it."""
        import aiohttp

        assert self.session is not None
        body, fields = self.wire.body(job.request)
        job.sends += 1
        outcome: Outcome
        try:
            async with self.session.post(self.wire.url, data=body, allow_redirects=False) as got:
                content = await got.read()
            outcome = of_response(got.status, got.headers, content, self.server, fields)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            outcome = of_exception(error, self.server, self.patience.timeout)
        self._settle(job, sent, outcome)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self.flying.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.failure = self.failure or error
        self.loop.wake()

    # --- settling

    def _settle(self, job: _Job, sent: Sent, outcome: Outcome) -> None:
        window, now = self.known.window, _now()
        if not isinstance(outcome, Retry) or outcome.heard:
            self.known.heard, self.last_heard = True, self.loop.time()
            self.knocking = False
        match outcome:
            case Retry():
                self.refused_in_a_row += 1
                if outcome.congested:
                    window.congested(sent, now)
                self._retry(job, outcome)
            case Without():
                self.wire.without(outcome)
                job.sends -= 1
                self._later(job, 0.0)
            case Fatal():
                self._fail(outcome.line, outcome.error)
            case Answer() | Reject():
                self.refused_in_a_row = 0
                if isinstance(outcome, Answer):  # a refusal is too quick to tell of the load
                    window.answered(sent, now, full=not self._has_room())
                self._arrive(job, outcome.reply)
                self._watch_first(outcome.reply)

    def _retry(self, job: _Job, outcome: Retry) -> None:
        """Have a job wait for its next try, or give it up."""
        now, patience = self.loop.time(), self.patience
        job.counted += outcome.counts
        wait = patience.wait(job.sends, outcome.after, knocking=not outcome.counts)
        if outcome.after is not None and self.refused_in_a_row >= REFUSED_IN_A_ROW:
            self.known.window.pause(_now() + min(outcome.after, LONGEST_ASKED))
        silent, limit = now - self.last_heard, patience.unreachable(self.known.heard)
        if not outcome.counts and not self.knocking:
            self.knocking = True
            _log.warning(
                "no server answers at %s (%s); trying for %d s",
                self.server.url,
                outcome.cause,
                limit,
            )
        if not outcome.heard and silent >= limit:
            self._fail(self._nobody(outcome.cause))
        elif job.counted > patience.max_retries or (
            outcome.counts and now + wait > job.begun + patience.retry_seconds
        ):
            self._arrive(job, Reply("", error=given_up(outcome.cause, job.sends)))
        else:
            self._later(job, wait)

    def _later(self, job: _Job, seconds: float) -> None:
        heapq.heappush(self.waiting, (self.loop.time() + seconds, next(self.order), job))

    def _arrive(self, job: _Job, reply: Reply) -> None:
        self.arrived.append((job.request, replace(reply, tries=job.sends)))
        self.failed_in_a_row = self.failed_in_a_row + 1 if reply.error else 0
        if self.failed_in_a_row > FAILED_IN_A_ROW:
            self._fail(
                f"{self.failed_in_a_row} requests to {self.server.model!r} at {self.server.url}"
                f" failed one after another; the last one: {reply.error}"
            )

    def _watch_first(self, reply: Reply) -> None:
        first = self.known.first
        if len(first) < REJECTED_AT_FIRST:
            first.append(bool(reply.error))
            if len(first) == REJECTED_AT_FIRST and all(first):
                self._fail(
                    f"{self.server.url} takes none of the requests to {self.server.model!r};"
                    f" it says: {reply.error}"
                )

    def _fail(self, line: str, kind: type[HarnessError] = StageError) -> None:
        self.failure = self.failure or kind(line)

    def _nobody(self, cause: str) -> str:
        count = self.handed_out + len(self.arrived)
        kept = f"; {count} {'reply was' if count == 1 else 'replies were'} kept"
        return (
            f"no server answers at {self.server.url} ({cause}){kept if self.kept else ''};"
            " start it and give the same command again"
        )

    # --- waiting

    def _wait(self) -> None:
        """Run the loop until something has come, or something can be sent."""
        if self.arrived or self.failure:
            return
        times = [self.waiting[0][0]] if self.waiting else []
        pause = self.known.window.paused_until - _now()
        if pause > 0 and not self.exhausted:
            times.append(self.loop.time() + pause)
        full = not self._has_room()
        self.loop.wait(None if full or not times else min(times))

    def _wait_for_paid(self) -> None:
        """Give what is in flight a moment to arrive, although the run has failed."""
        if self.flying:
            self.loop.run(asyncio.wait(tuple(self.flying), timeout=self.patience.grace_seconds))


def _now() -> float:
    return time.monotonic()

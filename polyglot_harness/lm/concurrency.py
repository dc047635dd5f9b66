"""How many requests may be in flight at once: AIMD, as TCP does it. Pure, no clock of its own.

Additive increase and multiplicative decrease converges to a fair and efficient share (Chiu and
Jain 1989, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance"). It begins
with TCP's slow start and, as there, reacts to congestion once a round trip (RFC 5681). A server
that queues instead of refusing shows by its latency: beyond its capacity more requests in flight
wait longer and come back no sooner (Little's law).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

START = 16
"""Window at first; TCP begins with ten segments (RFC 6928)."""
GENTLE = 0.85
"""Decrease where latency says that requests queue."""
HURT = 0.9
"""Throughput over that of the window before a gentle decrease, below which it did harm."""
SLOW = 2.0
"""Latency over the best one, from which they may be queueing."""
BETTER = 1.05
"""Throughput over that of the smaller window, from which the larger one was worth it."""
SMOOTH = 0.5
"""Weight of the last round in the latency."""
MIN_ROUND = 24
"""Answers in a round; fewer say too little about latency and throughput."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request on its way."""

    at: float
    window: float
    """Size of the window when it was sent."""


@dataclass(slots=True)
class _Round:
    """The answers of about one round trip."""

    length: float
    count: int = 0
    windows: float = 0.0
    seconds: float = 0.0

    @property
    def window(self) -> float:
        """Mean window under which they were sent."""
        return self.windows / self.count

    @property
    def latency(self) -> float:
        """Mean seconds from request to answer."""
        return self.seconds / self.count

    @property
    def rate(self) -> float:
        """Answers a second by Little's law; to count them against a clock is far noisier."""
        return self.windows / self.seconds


class Window:
    """The number of requests that may be in flight, and the pause that a server has asked for.

    All times are seconds of one monotonic clock, which the caller reads.
    """

    def __init__(self, ceiling: int, *, fixed: bool = False) -> None:
        """Begin with a slow start.

        Args:
            ceiling: The most that may be in flight.
            fixed: Always `ceiling`; only pauses are heeded.
        """
        self.ceiling = ceiling
        self.fixed = fixed
        self.slow_start = not fixed
        self.paused_until = 0.0
        self._size = float(ceiling if fixed else min(START, ceiling))
        self._cut_at = 0.0
        self._latency = 0.0
        self._best = math.inf
        self._before: _Round | None = None
        self._shrunk_from: _Round | None = None
        self._unsettled = 0 if fixed else self.size
        self._round = self._next_round()

    @property
    def size(self) -> int:
        """Requests that may be in flight, at least 1."""
        return int(self._size)

    def paused(self, now: float) -> bool:
        """Whether nothing new may be sent."""
        return now < self.paused_until

    def pause(self, until: float) -> None:
        """Send nothing new before `until`: the server said when to come back."""
        self.paused_until = max(self.paused_until, until)

    def send(self, now: float) -> Sent:
        """Return what `answered` or `congested` will want to know of a request sent now."""
        return Sent(now, self._size)

    def answered(self, sent: Sent, now: float, *, full: bool) -> None:
        """Take note of an answer.

        Args:
            sent: What `send` returned.
            now: When the answer came.
            full: The window was full until then; one that is not used need not grow.
        """
        if self.fixed or sent.at < self._cut_at:
            return  # an answer from before the cut tells of the larger window
        if full:
            step = 1.0 if self.slow_start else 1.0 / self._size
            self._size = min(float(self.ceiling), self._size + step)
        if self._unsettled > 0:
            self._unsettled -= 1
            return
        done = self._round
        done.count += 1
        done.windows += sent.window
        done.seconds += max(now - sent.at, 1e-6)
        if done.count >= done.length:
            self._round = self._next_round()
            self._judge(done, now)

    def congested(self, sent: Sent, now: float) -> None:
        """Halve the window, unless the request was sent before the last cut could show."""
        if not self.fixed and sent.at >= self._cut_at:
            self._before = self._shrunk_from = None
            self._cut(self._size / 2, now)

    def _judge(self, done: _Round, now: float) -> None:
        """Shrink the window if it grew, latency is high, and throughput is not better for it."""
        shrunk_from, self._shrunk_from = self._shrunk_from, None
        if shrunk_from and done.rate < HURT * shrunk_from.rate:
            # fewer in flight brought fewer answers, so none had queued: requests take longer now
            self._best = self._latency = done.latency
        self._latency += (done.latency - self._latency) * (SMOOTH if self._latency else 1.0)
        self._best = min(self._best, self._latency)
        before, self._before = self._before, done
        if (
            before
            and before.window < done.window
            and self._latency > SLOW * self._best
            and done.rate <= BETTER * before.rate
        ):
            self._before, self._shrunk_from = None, done
            self._cut(GENTLE * done.window, now)
            self._round.length *= 2  # the next verdict turns on a small difference

    def _cut(self, size: float, now: float) -> None:
        self._size = max(1.0, size)
        self.slow_start = False
        self._cut_at = now
        # what comes back first is what was short: not a fair sample of the latency
        self._unsettled = self.size
        self._round = self._next_round()

    def _next_round(self) -> _Round:
        return _Round(max(MIN_ROUND, self._size))

"""How long to try a request again, and how long to wait in between."""

from __future__ import annotations

import random
from dataclasses import dataclass

LONGEST_WAIT = 60.0
"""Seconds of the longest wait between two tries."""
LONGEST_KNOCK = 5.0
"""Seconds of it where nobody is there: a server that starts is soon found."""
LONGEST_ASKED = 120.0
"""Seconds of it where the server asks for more: some name an hour while they restart."""
_JITTER = random.Random()  # noqa: S311 - not the global source, whose draws belong to the run


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try; all times in seconds."""

    timeout: float
    """For one try."""
    max_retries: int
    """Tries of one request after the first."""
    retry_seconds: float
    """For all tries of one request."""
    unreachable_seconds: float | None
    """In which nobody is there; None for `retry_seconds`, but at most 60 at the start."""
    backoff_seconds: float
    """Longest wait before the second try; it doubles with each one."""
    grace_seconds: float
    """For what is in flight when the run fails: it may be paid for."""

    def unreachable(self, ever_heard: bool) -> float:
        """Return for how long nobody may be there."""
        if self.unreachable_seconds is not None:
            return self.unreachable_seconds
        return self.retry_seconds if ever_heard else min(self.retry_seconds, 60.0)

    def wait(self, sends: int, asked: float | None, *, knocking: bool) -> float:
        """Draw the seconds until the next try: exponential backoff with full jitter.

        Jitter keeps those that failed together from coming back together (M. Brooker 2015,
        "Exponential Backoff And Jitter").

        Args:
            sends: Tries so far.
            asked: Seconds that the server asked for.
            knocking: Nobody was there.
        """
        longest = LONGEST_KNOCK if knocking else LONGEST_WAIT
        doubled = self.backoff_seconds * 2.0 ** min(sends - 1, 20)
        drawn = _JITTER.uniform(0.0, min(longest, doubled))
        if asked is None:
            return drawn
        return min(asked, LONGEST_ASKED) + min(drawn, self.backoff_seconds)


def given_up(cause: str, tries: int) -> str:
    """Return why a request has no reply, with the number of tries behind the status."""
    status, _, words = cause.partition(": ")
    count = f"{status} after {tries} {'try' if tries == 1 else 'tries'}"
    return f"{count}: {words}" if words else count

"""What a cell has received so far, and what that cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyglot_harness.spec import TeacherCard


@dataclass
class Spending:
    """Money of a whole job; shared by its cells."""

    max_cost: float | None = None
    """US dollars; None for no limit."""
    spent: float = 0.0

    def reached(self, expected: float) -> bool:
        """Whether nothing more may be sent, given what is expected of it and what is in flight."""
        if self.max_cost is None:
            return False
        return self.spent >= self.max_cost or self.spent + expected > self.max_cost


@dataclass
class Tally:
    """Counts of one cell. Tokens that nobody reported are estimated, and counted as such."""

    teacher: TeacherCard
    total: int
    """Documents."""
    spending: Spending
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: int = 0
    """Replies whose tokens were estimated."""
    retries: int = 0
    cost: float = 0.0
    asked: int = 0
    """Replies that arrived in this process; the others were on disk."""
    started: float = field(default_factory=time.monotonic)
    fresh_tokens: int = 0

    def add(self, row: Mapping[str, Any], *, fresh: bool) -> None:
        """Count a row of the log."""
        if row["reason"]:
            self.rejected[row["reason"]] += 1
        else:
            self.accepted += 1
        tokens_in, tokens_out = row["tokens_in"], row["tokens_out"]
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.estimated += row["estimated"]
        self.retries += row["tries"] - 1
        cost = price(self.teacher, tokens_in, tokens_out)
        self.cost += cost
        self.spending.spent += cost
        if fresh:
            self.asked += 1
            self.fresh_tokens += tokens_out

    @property
    def done(self) -> int:
        """Replies so far."""
        return self.accepted + self.rejected.total()

    @property
    def mean_cost(self) -> float:
        """US dollars per reply so far; 0 before the first."""
        return self.cost / self.done if self.done else 0.0

    def note(self) -> str:
        """Return the state as a short text: accepted, rejections, speed, cost."""
        parts = [f"{self.accepted} accepted"]
        parts += [f"{n} {reason}" for reason, n in self.rejected.most_common(4)]
        if len(self.rejected) > 4:
            others = sum(n for _, n in self.rejected.most_common()[4:])
            parts.append(f"{others} other")
        seconds = time.monotonic() - self.started
        if self.asked and seconds > 0.5:
            parts.append(f"{self.asked / seconds:.1f} replies/s")
            parts.append(f"{self.fresh_tokens / seconds:.0f} tokens/s")
        if self.cost:
            parts.append(f"${self.cost:.4f}")
        return ", ".join(parts)

    def counts(self) -> dict[str, Any]:
        """Return the counts of a stage's record."""
        counts: dict[str, Any] = {
            "requests": self.total,
            "replies": self.done,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "tokens_estimated": self.estimated,
            "retries": self.retries,
        }
        if self.teacher.price_in is not None or self.teacher.price_out is not None:
            counts["cost_usd"] = round(self.cost, 6)
        return counts


def price(teacher: TeacherCard, tokens_in: float, tokens_out: float) -> float:
    """Return US dollars for tokens at a teacher's prices; an unknown price counts nothing."""
    return (tokens_in * (teacher.price_in or 0) + tokens_out * (teacher.price_out or 0)) / 1e6


def estimate_tokens(text: str) -> int:
    """Estimate tokens where nobody counts them: four bytes of UTF-8 each, at least one."""
    return max(1, len(text.encode(errors="replace")) // 4)

"""Which teachers will do: licence, size, budget."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from polyglot_harness.leaderboard.advice.costs import Cost
from polyglot_harness.leaderboard.records import TeacherFacts


@dataclass(frozen=True)
class Filters:
    """None, or (), is no filter."""

    budget: float | None = None
    """Dollars for all examples."""
    licences: tuple[str, ...] = ()
    """Patterns such as ``apache*``, in any case."""
    max_size: float | None = None
    """Billions of parameters."""


def refused(facts: TeacherFacts, cost: Cost, filters: Filters) -> str:
    """Return why a teacher will not do, "" if it will.

    A cost or a size that is not known is no reason (it is marked elsewhere); a licence is: what is
    not known to be allowed is not allowed.
    """
    if filters.licences:
        licence = facts.licence.lower()
        if not licence:
            return "its licence is not known"
        if not any(fnmatchcase(licence, pattern.lower()) for pattern in filters.licences):
            return f"licence {facts.licence}"
    if filters.max_size is not None and facts.size_b is not None:
        if facts.size_b > filters.max_size:
            return f"{facts.size_b:g}B parameters, over {filters.max_size:g}B"
    if filters.budget is None or cost.usd is None:
        return ""
    if cost.usd > filters.budget * (1 + 1e-9):
        return f"expected to cost ${cost.usd:,.2f}, over ${filters.budget:,.2f}"
    return ""

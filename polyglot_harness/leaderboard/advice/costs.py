"""What so many accepted examples of a teacher cost, from what earlier ones cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyglot_harness.leaderboard.advice.knowledge import NORMAL_95, Known
from polyglot_harness.spec import Record

NO_PRICE = "no price in a card"
NOT_COUNTED = "cost and tokens were not stored"
NO_EXAMPLE = "none of its replies was accepted"


class Cost(Record):
    """Dollars; None is not known."""

    usd: float | None = None
    low: float | None = None
    """Of the 95 % interval."""
    high: float | None = None
    source: str
    """What it was taken from, or why it is not known."""


def cost_of(cells: Sequence[Known], language: str, examples: int) -> Cost:
    """Return what so many accepted examples of a teacher in a language may cost.

    Its own cells in the language count; if there is none with a cost, those in other languages, and
    how much these differ widens the interval. Within a cell only the share of accepted replies is
    taken as uncertain.

    Args:
        cells: All of the teacher, under one condition.
        language: Which.
        examples: How many.
    """
    priced = [(c, dollars) for c in cells if (dollars := _dollars(c)) is not None]
    if not priced:
        return Cost(source=_why_not(cells))
    usable = [(c, d) for c, d in priced if c.counts["n_examples"] > 0]
    if not usable:
        return Cost(source=NO_EXAMPLE)
    own = [(c, d) for c, d in usable if c.language == language]
    used = own or usable
    logs = np.array([np.log(max(d, 1e-12) / c.counts["n_examples"]) for c, d in used])
    variance = float(np.mean([_acceptance_error(c) ** 2 for c, _ in used])) / len(used)
    if not own:
        # a new language is as far from their mean as they are from one another
        variance += float(logs.var(ddof=1)) * (1 + 1 / len(logs)) if len(logs) > 1 else 0.0
    middle, half = float(logs.mean()), NORMAL_95 * np.sqrt(variance)
    usd, low, high = (examples * float(np.exp(middle + side * half)) for side in (0, -1, 1))
    where = (
        language if own else f"other languages: {', '.join(sorted({c.language for c, _ in used}))}"
    )
    return Cost(usd=usd, low=low, high=high, source=f"measured in {where}")


def cell_cost(cells: Sequence[Known], language: str) -> float | None:
    """Return what the data of a further cell like the teacher's others may cost."""
    priced = [(c, dollars) for c in cells if (dollars := _dollars(c)) is not None]
    own = [d for c, d in priced if c.language == language]
    return float(np.mean(own or [d for _, d in priced])) if priced else None


def _dollars(cell: Known) -> float | None:
    """Return what all replies of a cell cost, as stored or by the prices of the card."""
    if np.isfinite(cell.counts["cost_usd"]):
        return cell.counts["cost_usd"]
    sides = (
        (cell.counts["tokens_in"], cell.teacher.price_in),
        (cell.counts["tokens_out"], cell.teacher.price_out),
    )
    parts = [tokens * price / 1e6 for tokens, price in sides if price is not None]
    return sum(parts) if len(parts) == 2 and np.isfinite(parts).all() else None


def _acceptance_error(cell: Known) -> float:
    """Return the standard error of the logarithm of the share of accepted replies."""
    accepted, replies = cell.counts["n_examples"], cell.counts["n_replies"]
    if not (np.isfinite(replies) and 0 < accepted < replies):
        return 0.0
    return float(np.sqrt((1 - accepted / replies) / accepted))


def _why_not(cells: Sequence[Known]) -> str:
    facts = [c.teacher for c in cells]
    unpriced = all(f.price_in is None or f.price_out is None for f in facts)
    return NO_PRICE if unpriced else NOT_COUNTED

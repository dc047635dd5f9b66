"""Rows that are on no board although they share its conditions: each with the difference named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.results import ResultsTable

MOST_LINES = 100
"""Of a board; further ones are counted."""


class Leftover(NamedTuple):
    """A row and why it is left out."""

    row: int
    why: Literal["variant", "seed", "twice"]
    winner: int = 0
    """The variant that the board has, where the row's is another."""


def describe(
    rows: Sequence[Leftover], table: ResultsTable, codes: Any, seeds: Any
) -> tuple[str, ...]:
    """Return a line a teacher and reason, e.g. ``a (de): pack b235, the board has 91fe``.

    Args:
        rows: What is left out.
        table: All results.
        codes: The table's columns as integers, see `grouping`.
        seeds: Those of the board.
    """
    languages: dict[tuple[str, str], set[str]] = defaultdict(set)
    for left in rows:
        name = table.teachers[codes.teacher[left.row]].name
        reason = _reason(left, codes, seeds)
        languages[name, reason].add(codes.languages[codes.language[left.row]])
    lines = [
        f"{name} ({', '.join(sorted(found))}): {reason}"
        for (name, reason), found in sorted(languages.items())
    ]
    more = len(lines) - MOST_LINES
    return (*lines[:MOST_LINES], *((f"and {more} more",) if more > 0 else ()))


def _reason(left: Leftover, codes: Any, seeds: Any) -> str:
    if left.why == "twice":
        return "there twice, the first is used"
    if left.why == "seed":
        mine, *kept = (_seed(s) for s in (codes.seed[left.row], *seeds))
        return f"seed {mine}, which not all cells have (shared: {', '.join(kept)})"
    mine, theirs = codes.variants[codes.variant[left.row]], codes.variants[left.winner]
    return "; ".join(
        f"{field} {mine.get(field, 'none')}, the board has {theirs.get(field, 'none')}"
        for field in sorted({*mine, *theirs})
        if mine.get(field) != theirs.get(field)
    )


def _seed(seed: int) -> str:
    return "none" if seed == np.iinfo(np.int64).min else str(seed)

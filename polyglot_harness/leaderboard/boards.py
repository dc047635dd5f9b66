"""Boards: rows that may be compared, scored and ranked together.

Rows belong to one board if they agree in student and signature in everything but the teacher, the
seed, and what a language brings with it (its pack, its tasks).
"""

from __future__ import annotations

from dataclasses import dataclass

from polyglot_harness.leaderboard.ranking import Ranking
from polyglot_harness.leaderboard.records import StudentFacts, TeacherFacts
from polyglot_harness.scoring.grid import Grid, GridScores, Uncertainty
from polyglot_harness.scoring.items import FloatArray


@dataclass(frozen=True)
class ScoredBoard:
    """One board. Arrays are [T, L] in the order of `teachers` and `languages`; NaN is missing."""

    key: str
    """Readable and unique, e.g. ``smollm2-135m-alone-1f2e3d4c``; safe as a file name."""
    title: str
    """What distinguishes it from the other boards, in a few words."""
    student: StudentFacts
    conditions: tuple[tuple[str, str], ...]
    """Fields of the signature that all rows share."""
    mixture: str
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    """Of which the rows are means."""
    signatures: tuple[str, ...]
    """By language; ``seed:1+2`` of several."""
    teachers: tuple[TeacherFacts, ...]
    languages: tuple[str, ...]
    grid: Grid
    scores: GridScores
    uncertainty: Uncertainty
    ranking: Ranking
    """Best first; its order is not that of `teachers`."""
    flags: tuple[tuple[tuple[str, ...], ...], ...]
    """[T][L]: flags of each cell."""
    cost_usd: FloatArray
    n_examples: FloatArray
    acceptance: FloatArray
    n_items: FloatArray
    left_out: tuple[str, ...] = ()
    """Rows of this condition that are not ranked with it, each with the difference named."""

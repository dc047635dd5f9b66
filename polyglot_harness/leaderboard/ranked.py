"""What a ranking is: teachers in order, and how they compare two by two."""

from __future__ import annotations

from polyglot_harness.scoring.grid import RankedBy
from polyglot_harness.scoring.options import Aggregate
from polyglot_harness.spec import Interval, Record


class TeacherRow(Record):
    """A teacher over all languages of the run; a number is None unless each of them has it."""

    teacher: str
    rank: int | None
    """1 is best, equal values share a rank; None where the value ranked by is missing."""
    languages: tuple[str, ...]
    """Those in which the teacher has a cell."""
    acceptance_rate: float | None
    raw: float | None
    raw_stderr: float | None
    gain: float | None
    gain_stderr: float | None
    pgr: float | None
    pgr_stderr: float | None
    z: float | None
    score: float | None
    score_stderr: float | None
    stable: float | None
    flags: tuple[str, ...] = ()
    """Of any of its cells."""
    intervals: tuple[Interval, ...] = ()
    """Of the means over languages."""
    rank_low: float | None = None
    """Best rank within the 95 % interval of ranks."""
    rank_high: float | None = None
    borda: float | None = None
    """Mean over languages of the share of the other teachers that it is ahead of, 0 to 1; like
    `mrr` of what the board is ranked by, among the teachers that have every language."""
    mrr: float | None = None
    """Mean over languages of 1 / rank."""
    cost_usd: float | None = None
    """Of all its cells."""


class Pair(Record):
    """Two teachers compared."""

    a: str
    b: str
    better: float
    """Probability that a is better than b."""
    p_holm: float
    """Two-sided p of the difference, corrected by Holm over all pairs of the board."""


class Ranking(Record):
    """The teachers, best first; those that cannot be ranked come last."""

    ranked_by: RankedBy
    reason: str
    """Why it is ranked by this, in a sentence."""
    languages: tuple[str, ...]
    rows: tuple[TeacherRow, ...]
    aggregate: Aggregate = "mean"
    """How languages are joined."""
    pairs: tuple[Pair, ...] = ()
    """Of every two teachers; of a large board only those next to each other, and with the first."""
    uncertainty: str = ""
    """How intervals were made, in a sentence."""

"""From the scores of cells to one row a teacher, ranked, if they may be compared at all.

Teachers are ranked by the mean Polyglot Score (arXiv 2604.11290) over languages, unless the anchor
of some language is weak or inverted: PGR then says nothing, and the stable score decides. A mean
over languages exists only where every language of the run has the number.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Literal

from polyglot_harness.errors import ConfigError
from polyglot_harness.scoring.pgr import ANCHOR_INVERTED, ANCHOR_WEAK
from polyglot_harness.signature import diff_signatures
from polyglot_harness.spec import Interval, PolyglotScore, Record

Aggregate = Literal["mean", "borda", "mrr"]
ANCHOR_FLAGS = (ANCHOR_INVERTED, ANCHOR_WEAK)
PER_LANGUAGE = ("lang", "pack", "tasks", "pool")
"""Fields of a signature that may differ between languages; within one, only the teacher may."""


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
    """Mean over languages of the share of the other teachers that it is ahead of, 0 to 1."""
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

    ranked_by: Literal["polyglot", "stable"]
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


def rank(scores: Sequence[PolyglotScore]) -> Ranking:
    """Rank the teachers.

    Args:
        scores: The cells of one student: at most one a teacher and language.

    Raises:
        ConfigError: If the cells were made under different conditions (signature, student, pool);
            the differing field is named. Nothing is ranked then.
    """
    check_comparable(scores)
    languages = tuple(sorted({s.language for s in scores}))
    flagged = sorted({s.language for s in scores if set(s.flags) & set(ANCHOR_FLAGS)})
    by: Literal["polyglot", "stable"] = "stable" if flagged else "polyglot"
    teachers = sorted({s.teacher for s in scores})
    rows = [_row(t, [s for s in scores if s.teacher == t], languages) for t in teachers]
    reason = (
        f"by the stable score, because the anchor is weak or inverted in: {', '.join(flagged)}"
        if flagged
        else "by the Polyglot Score: no anchor is flagged"
    )
    return Ranking(ranked_by=by, reason=reason, languages=languages, rows=_ranked(rows, by))


def check_comparable(scores: Sequence[PolyglotScore]) -> None:
    """Refuse cells that were not made under the same conditions, or that are there twice.

    Raises:
        ConfigError: It names the first pair found and the field in which they differ.
    """
    seen: dict[str, PolyglotScore] = {}
    cells: set[tuple[str, str]] = set()
    for score in scores:
        if (score.teacher, score.language) in cells:
            raise ConfigError(f"two cells of {score.teacher} in {score.language}: keep one")
        cells.add((score.teacher, score.language))
        _compare(seen.setdefault(score.language, score), score)
        _compare(scores[0], score)


def _compare(a: PolyglotScore, b: PolyglotScore) -> None:
    same_language = a.language == b.language
    ignore = ("teacher", "lang") if same_language else ("teacher", *PER_LANGUAGE)
    fields = diff_signatures(a.signature, b.signature, ignore)
    if a.student != b.student:
        fields.append("student")
    if same_language and a.pool != b.pool and "pool" not in fields:
        fields.append("pool")
    if fields:
        raise ConfigError(
            f"not ranked together: {a.teacher} ({a.language}) and {b.teacher} ({b.language}) "
            f"differ in {', '.join(fields)}"
        )


def _row(teacher: str, cells: Sequence[PolyglotScore], languages: Sequence[str]) -> TeacherRow:
    n = len(languages)
    return TeacherRow(
        teacher=teacher,
        rank=None,
        languages=tuple(sorted(c.language for c in cells)),
        acceptance_rate=_mean((measured(c, "acceptance_rate") for c in cells), n),
        raw=_mean((c.raw for c in cells), n),
        raw_stderr=_mean_stderr((c.raw_stderr for c in cells), n),
        gain=_mean((c.gain for c in cells), n),
        gain_stderr=_mean_stderr((c.gain_stderr for c in cells), n),
        pgr=_mean((c.pgr for c in cells), n),
        pgr_stderr=_mean_stderr((c.pgr_stderr for c in cells), n),
        z=_mean((c.z for c in cells), n),
        score=_mean((c.score for c in cells), n),
        score_stderr=_mean_stderr((c.score_stderr for c in cells), n),
        stable=_mean((c.stable for c in cells), n),
        flags=tuple(sorted({flag for c in cells for flag in c.flags})),
    )


def measured(cell: PolyglotScore, name: str) -> float | None:
    """Return the value of the cell's measurement of that name, None if there is none."""
    return next((m.value for m in cell.measurements if m.name == name), None)


def _mean(values: Iterable[float | None], n: int) -> float | None:
    """Return the mean of n values; None if one is missing."""
    known = [v for v in values if v is not None]
    return statistics.fmean(known) if len(known) == n else None


def _mean_stderr(errors: Iterable[float | None], n: int) -> float | None:
    """Return the standard error of a mean over languages, their items taken as independent."""
    known = [e for e in errors if e is not None]
    return math.hypot(*known) / n if len(known) == n else None


def _ranked(
    rows: Sequence[TeacherRow], by: Literal["polyglot", "stable"]
) -> tuple[TeacherRow, ...]:
    value = {r.teacher: r.score if by == "polyglot" else r.stable for r in rows}
    known = [v for v in value.values() if v is not None]

    def place(row: TeacherRow) -> int | None:
        mine = value[row.teacher]
        return None if mine is None else 1 + sum(v > mine for v in known)

    placed = [row.model_copy(update={"rank": place(row)}) for row in rows]
    return tuple(sorted(placed, key=lambda r: (r.rank is None, r.rank or 0, r.teacher)))

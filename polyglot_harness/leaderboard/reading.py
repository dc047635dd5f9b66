"""The leaderboard read aloud: two sentences for someone who sees such a table for the first time.

The first compares the two best teachers by the accuracy that their students gained: a difference
counts as real from two standard errors on. The error of the difference is taken as
``sqrt(se1^2 + se2^2)``; as both gains share the base, whose error is in each, that errs on the
side of caution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from polyglot_harness.leaderboard.ranking import Ranking, TeacherRow
from polyglot_harness.leaderboard.tables import points
from polyglot_harness.scoring.pgr import ANCHOR_INVERTED, ANCHOR_WEAK
from polyglot_harness.scoring.polyglot import SMALL_POOL
from polyglot_harness.spec import PolyglotScore

NOISE = 2.0
"""Standard errors up to which a difference is called noise."""
_SCORE_NAMES = {"polyglot": "Polyglot Score", "stable": "stable score"}
_GAIN = "+z.1f"


def reading(scores: Sequence[PolyglotScore], ranking: Ranking) -> str:
    """Return two sentences: which teacher is ahead, and what to trust.

    Args:
        scores: The cells.
        ranking: Their ranking.
    """
    return f"{_who_is_ahead(ranking)} {_what_was_gained(scores, ranking)}"


def _who_is_ahead(ranking: Ranking) -> str:
    name = _SCORE_NAMES[ranking.ranked_by]
    rows = ranking.rows
    if not rows:
        return "No teacher has been measured yet."
    if len(rows) == 1:
        return f"Only one teacher, {rows[0].teacher}, was measured, so there is none to compare."
    if rows[0].rank is None:
        return f"No teacher can be ranked, because the {name} of each lacks a part."
    first, second = rows[0], rows[1]
    if second.rank is None:
        return f"Only {first.teacher} can be ranked, because the {name} of the others lacks a part."
    place = "shares the first rank" if second.rank == 1 else "ranks first"
    return f"{first.teacher} {place} by the {name}{_lead(first, second)}{_unranked(rows)}."


def _unranked(rows: Sequence[TeacherRow]) -> str:
    names = ", ".join(r.teacher for r in rows if r.rank is None)
    return f" (not ranked, as a number is missing: {names})" if names else ""


def _lead(first: TeacherRow, second: TeacherRow) -> str:
    """Compare the gains of two teachers' students, as the end of a sentence."""
    errors = (first.gain_stderr, second.gain_stderr)
    if first.gain is None or second.gain is None:
        return f", but the gains of its students and of those of {second.teacher} are incomplete"
    lead = first.gain - second.gain
    known = [e for e in errors if e is not None]
    error = math.hypot(*known) if len(known) == 2 else None
    amount = points(abs(lead), error)
    if error is None or abs(lead) <= NOISE * error:
        return (
            f", but the difference between its students and those of {second.teacher} "
            f"({points(lead, error, _GAIN)} points of accuracy) is "
            + ("of unknown uncertainty" if error is None else "within noise")
        )
    if lead > 0:
        return f", and its students are {amount} points of accuracy ahead of {second.teacher}'s"
    return f", although its students are {amount} points of accuracy behind {second.teacher}'s"


def _what_was_gained(scores: Sequence[PolyglotScore], ranking: Ranking) -> str:
    gains = {r: r.gain for r in ranking.rows if r.gain is not None}
    verdict = _verdict(scores)
    if not gains:
        return f"What the students gained over the base model is not known, {verdict}."
    gained = sorted(gains, key=lambda r: gains[r], reverse=True)
    best, worst = gained[0], gained[-1]
    amounts = f"{points(best.gain, best.gain_stderr, _GAIN)} points with {best.teacher}"
    if worst is not best:
        more = "between " if len(gained) > 2 else ""
        low = f"{points(worst.gain, worst.gain_stderr, _GAIN)} with {worst.teacher}"
        amounts = f"{more}{amounts} and {low}"
    return f"Over the base model the students gained {amounts} (± one standard error), {verdict}."


def _verdict(scores: Sequence[PolyglotScore]) -> str:
    """Say which anchors are unsound, and hence what to trust."""
    kinds = (("inverted", ANCHOR_INVERTED), ("weak", ANCHOR_WEAK))
    found = {word: sorted({s.language for s in scores if flag in s.flags}) for word, flag in kinds}
    parts = [f"{word} in {', '.join(langs)}" for word, langs in found.items() if langs]
    small = any(SMALL_POOL in s.flags for s in scores)
    if parts:
        stable = "" if small else " and the stable score"
        return (
            f"but the anchor is {' and '.join(parts)}, so trust the gains{stable}, "
            "not PGR and the Polyglot Score"
        )
    if not scores or any(s.gap is None for s in scores):
        return "but an anchor is missing, so trust the gains that are there, not the ranking"
    if small:
        return (
            "and every anchor is sound, so PGR can be trusted, while z-scores of so few teachers, "
            "and the Polyglot Score with them, say little more than the order"
        )
    return "and every anchor is sound, so PGR and the Polyglot Score can be read as they stand"

"""The leaderboard read aloud: two sentences for someone who sees such a table for the first time.

The first says who is ahead, and whether the resamples tell the two best apart: they do if the
difference is significant at 5 % after Holm's correction for all pairs of the board.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from polyglot_harness.leaderboard.ranking import ANCHOR_FLAGS, Pair, Ranking, TeacherRow
from polyglot_harness.leaderboard.tables import interval_of, p_value, probability, rated
from polyglot_harness.scoring.grid import column
from polyglot_harness.scoring.polyglot import SMALL_POOL
from polyglot_harness.spec import PolyglotScore

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.boards import ScoredBoard

LEVEL = 0.05
"""Of a difference that counts as one."""
NAMES = 5
"""Of a list; further ones are counted."""
_SCORE_NAMES = {"polyglot": "Polyglot Score", "stable": "stable score"}
_JOINED = {"mean": "", "borda": " (languages joined by Borda)", "mrr": " (by mean reciprocal rank)"}


class _Anchors(NamedTuple):
    """What is known of the anchors, and of the pools."""

    flags: set[tuple[str, str]]
    """(Language, flag)."""
    missing: bool
    """Whether one is not there."""


def reading(scores: Sequence[PolyglotScore], ranking: Ranking) -> str:
    """Return two sentences: which teacher is ahead, and what to trust.

    Args:
        scores: The cells.
        ranking: Their ranking.
    """
    state = _Anchors(
        {(s.language, flag) for s in scores for flag in s.flags},
        not scores or any(s.gap is None for s in scores),
    )
    return f"{who_is_ahead(ranking)} {_what_was_gained(state, ranking)}"


def board_reading(board: ScoredBoard) -> str:
    """Return the same of a board, without making records of its cells."""
    flagged = {(j, flags) for line in board.flags for j, flags in enumerate(line)}
    present, gap = board.grid.present, column(board.grid, "gap")
    state = _Anchors(
        {(board.languages[j], flag) for j, flags in flagged for flag in flags},
        bool(np.isnan(gap if present is None else gap[present]).any()),
    )
    return f"{who_is_ahead(board.ranking)} {_what_was_gained(state, board.ranking)}"


def who_is_ahead(ranking: Ranking) -> str:
    """Return the first sentence."""
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
    by = name + _JOINED[ranking.aggregate]
    return f"{first.teacher} {place} by the {by}{_lead(ranking)}{_unranked(rows)}."


def listed(names: Sequence[str]) -> str:
    """Return names in a row; a long row is cut and says so."""
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")


def _unranked(rows: Sequence[TeacherRow]) -> str:
    names = listed([r.teacher for r in rows if r.rank is None])
    return f" (not ranked, as a number is missing: {names})" if names else ""


def _lead(ranking: Ranking) -> str:
    """Say how sure it is that the first is better than the second, as the end of a sentence."""
    first, second, *others = ranking.rows
    pair = _pair(ranking, first.teacher, second.teacher)
    if pair is None:
        return f"; how surely it is ahead of {second.teacher} is not known"
    if SMALL_POOL in first.flags:
        # of two cells each z-score is -1 or 1: a sure order would pass for a sure difference
        return (
            f", ahead of {second.teacher} (P(better) {probability(pair.better)}), but z-scores of "
            "so few teachers say who is ahead and not by how much: compare the gains"
        )
    doubt = (
        f"P(better) {probability(pair.better)}, p {p_value(pair.p_holm)} after Holm's correction"
    )
    rivals = listed([r.teacher for r in others if r.rank_low is not None and r.rank_low <= 1])
    more = f"; the rank interval also reaches 1 for {rivals}" if rivals else ""
    if pair.p_holm < LEVEL:
        return f", ahead of {second.teacher} beyond noise ({doubt}){more}"
    return f", but {second.teacher} is not told apart from it ({doubt}){more}"


def _pair(ranking: Ranking, a: str, b: str) -> Pair | None:
    for pair in ranking.pairs:
        if (pair.a, pair.b) == (a, b):
            return pair
        if (pair.a, pair.b) == (b, a):
            return Pair(a=a, b=b, better=1 - pair.better, p_holm=pair.p_holm)
    return None


def _what_was_gained(anchors: _Anchors, ranking: Ranking) -> str:
    gains = {r.teacher: (r.gain, r) for r in ranking.rows if r.gain is not None}
    verdict = _verdict(anchors)
    if not gains:
        return f"What the students gained over the base model is not known, {verdict}."
    ordered = [row for _, row in sorted(gains.values(), key=lambda g: -g[0])]
    best, worst = ordered[0], ordered[-1]
    amounts = f"{_gain(best)} points with {best.teacher}"
    if worst is not best:
        more = "between " if len(ordered) > 2 else ""
        amounts = f"{more}{amounts} and {_gain(worst)} with {worst.teacher}"
    sure = all(interval_of(row, "gain") for row in (best, worst))
    unit = "95 % intervals" if sure else "± one standard error"
    return f"Over the base model the students gained {amounts} ({unit}), {verdict}."


def _gain(row: TeacherRow) -> str:
    return rated(row, "gain", "+z.1f", 100)


def _verdict(anchors: _Anchors) -> str:
    """Say which anchors are unsound, and hence what to trust."""
    parts = []
    for flag in ANCHOR_FLAGS:
        languages = sorted(code for code, found in anchors.flags if found == flag)
        if languages:
            parts.append(f"{flag.removeprefix('anchor_')} in {listed(languages)}")
    small = any(flag == SMALL_POOL for _, flag in anchors.flags)
    if parts:
        stable = "" if small else " and the stable score"
        return (
            f"but the anchor is {' and '.join(parts)}, so trust the gains{stable}, "
            "not PGR and the Polyglot Score"
        )
    if anchors.missing:
        return "but an anchor is missing, so trust the gains that are there, not the ranking"
    if small:
        return (
            "and every anchor is sound, so PGR can be trusted, while z-scores of so few teachers, "
            "and the Polyglot Score with them, say little more than the order"
        )
    return "and every anchor is sound, so PGR and the Polyglot Score can be read as they stand"

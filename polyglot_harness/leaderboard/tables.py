"""The tables of the leaderboard as plain text cells, for the terminal and for Markdown alike.

A struck-through cell is written as in Markdown, ``~~0.42~~``. Intervals are written ``[low, high]``
and hold 95 %; ``±`` stands for one standard error, where there is no interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from polyglot_harness.leaderboard.ranking import (
    ANCHOR_FLAGS,
    Pair,
    Ranking,
    TeacherRow,
    measured,
)
from polyglot_harness.spec import PolyglotScore

MISSING = "—"
MOST_CODES = 12
"""Languages that a title names; of more it gives the number."""
FLAG_LETTERS = {
    "anchor_inverted": "I",
    "anchor_weak": "W",
    "anchor_inconsistent": "X",
    "small_pool": "S",
}
MISSING_LETTER = "M"
FLAG_KEY = (
    "I anchor inverted, W anchor weak, X anchor inconsistent, S small pool, M something is missing"
)
SCORE_HEADERS = {"polyglot": "Polyglot", "stable": "Stable"}
SCORE_FIELDS = {"polyglot": "score", "stable": "stable"}
R = TypeVar("R")
Rated = TeacherRow | PolyglotScore


@dataclass(frozen=True)
class Column(Generic[R]):
    """A header and how a row's cell is written."""

    header: str
    cell: Callable[[R], str]
    left: bool = False


@dataclass(frozen=True)
class Grid:
    """A table of text."""

    title: str
    headers: tuple[str, ...]
    left: tuple[bool, ...]
    """Which columns are aligned left; the others right."""
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    """Said below the table."""


def teacher_grid(ranking: Ranking, *, short: bool = False, limit: int | None = None) -> Grid:
    """Return the table by teacher, best first.

    Args:
        ranking: Who.
        short: Give an interval to the gain and to the score that ranks only.
        limit: At most so many teachers; how many are left out is noted.
    """
    languages = ", ".join(ranking.languages[:MOST_CODES]) or "no language"
    if len(ranking.languages) > MOST_CODES:
        languages = f"{len(ranking.languages)} languages"
    means = f"means over {languages}; ranked {ranking.reason}"
    columns = _teacher_columns(ranking, short=short)
    return limited(grid_of(f"Teachers ({means})", columns, ranking.rows), limit)


def limited(grid: Grid, limit: int | None) -> Grid:
    """Return the first rows of a table; it says how many there are more."""
    more = len(grid.rows) - limit if limit is not None else 0
    if more <= 0:
        return grid
    return replace(grid, rows=grid.rows[:limit], note=f"and {more} more")


def pair_grid(ranking: Ranking, pairs: Sequence[Pair]) -> Grid:
    """Return the table of pairs of teachers."""
    score = SCORE_HEADERS[ranking.ranked_by]
    columns = (
        Column[Pair]("A", lambda p: p.a, left=True),
        Column[Pair]("B", lambda p: p.b, left=True),
        Column[Pair]("P(A better)", lambda p: probability(p.better)),
        Column[Pair]("p (Holm)", lambda p: p_value(p.p_holm)),
    )
    return grid_of(f"Pairs (by {score})", columns, pairs)


def cell_grid(scores: Sequence[PolyglotScore], ranking: Ranking, *, short: bool = False) -> Grid:
    """Return the table by cell: language by language, teachers in their ranking."""
    place = {row.teacher: i for i, row in enumerate(ranking.rows)}
    rows = sorted(scores, key=lambda s: (s.language, place.get(s.teacher, len(place)), s.teacher))
    return grid_of("Cells", _cell_columns(ranking, short=short), rows)


def anchor_grid(scores: Sequence[PolyglotScore]) -> Grid:
    """Return the table of the anchors by language."""
    fullest: dict[str, PolyglotScore] = {}
    for score in scores:
        best = fullest.setdefault(score.language, score)
        if (score.gap is not None, score.n_items) > (best.gap is not None, best.n_items):
            fullest[score.language] = score
    return grid_of("Anchors", _ANCHOR_COLUMNS, [fullest[code] for code in sorted(fullest)])


def grid_of(title: str, columns: Sequence[Column[R]], rows: Sequence[R]) -> Grid:
    """Return the table of rows."""
    return Grid(
        title=title,
        headers=tuple(c.header for c in columns),
        left=tuple(c.left for c in columns),
        rows=tuple(tuple(c.cell(row) for c in columns) for row in rows),
    )


def number(value: float | None, form: str) -> str:
    """Format a number; None as a dash."""
    return MISSING if value is None else format(value, form)


def with_error(value: float | None, stderr: float | None, form: str) -> str:
    """Format a number and its standard error; a missing error is shown as missing."""
    if value is None:
        return MISSING
    return f"{value:{form}} ± {number(stderr, form.replace('+', ''))}"


def points(value: float | None, stderr: float | None, form: str = ".1f") -> str:
    """Format accuracies as points, 100 times themselves."""
    return with_error(_times_100(value), _times_100(stderr), form)


def interval_of(row: Rated, name: str) -> tuple[float, float] | None:
    """Return the 95 % interval of one of a row's numbers, None if there is none."""
    return next(((low, high) for n, low, high in row.intervals if n == name), None)


def rated(row: Rated, name: str, form: str, scale: float = 1) -> str:
    """Format a number with its 95 % interval, else with its standard error if it may have one."""
    value, between = getattr(row, name), interval_of(row, name)
    if value is None:
        return MISSING
    if between is not None:
        low, high = (f"{end * scale:{form}}" for end in between)
        return f"{value * scale:{form}} [{low}, {high}]"
    if not hasattr(row, f"{name}_stderr"):
        return f"{value * scale:{form}}"
    stderr = getattr(row, f"{name}_stderr")
    return with_error(value * scale, None if stderr is None else stderr * scale, form)


def probability(value: float) -> str:
    """Format a probability; what is not 0 or 1 is not written as such."""
    return "> 0.99" if 0.995 <= value < 1 else "< 0.01" if 0 < value < 0.005 else f"{value:.2f}"


def p_value(value: float) -> str:
    """Format a p-value."""
    return "< 0.001" if value < 0.0005 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def ranks(row: TeacherRow) -> str:
    """Format the 95 % interval of a rank, e.g. ``1-3``."""
    if row.rank_low is None or row.rank_high is None:
        return MISSING
    low, high = f"{row.rank_low:.0f}", f"{row.rank_high:.0f}"
    return low if low == high else f"{low}-{high}"


def dollars(value: float | None) -> str:
    """Format a cost in US dollars."""
    if value is None:
        return MISSING
    if 0 < value < 0.001:
        return "< $0.001"
    return f"${value:,.0f}" if value >= 100 else f"${value:.2f}" if value >= 1 else f"${value:.2g}"


def score_text(row: Rated, ranking: Ranking) -> str:
    """Format the score that ranks, with its interval."""
    if ranking.ranked_by == "polyglot":
        return unless_flagged(row, rated(row, "score", "+z.2f"))
    return rated(row, "stable", "+z.2f")


def unless_flagged(row: Rated, text: str) -> str:
    """Strike a number that rests on a weak or inverted anchor."""
    flagged = set(row.flags) & set(ANCHOR_FLAGS)
    return f"~~{text}~~" if flagged and text != MISSING else text


def _times_100(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _flags(row: Rated) -> str:
    return "".join(FLAG_LETTERS.get(flag, "?") for flag in row.flags)


def _cell_flags(score: PolyglotScore) -> str:
    return _flags(score) + (MISSING_LETTER if score.missing else "")


def _verdict(score: PolyglotScore) -> str:
    """Say in a word whether PGR over these anchors means anything."""
    if score.gap is None:
        return MISSING
    return ", ".join(f for f in score.flags if f in ANCHOR_FLAGS) or "sound"


def _metric(name: str, form: str) -> Callable[[PolyglotScore], str]:
    return lambda score: number(measured(score, name), form)


def _perplexity(score: PolyglotScore) -> str:
    value = measured(score, "perplexity")
    return number(value, ".1f" if value is None or value < 1000 else ".2g")


def _student_columns(ranking: Ranking, *, short: bool) -> tuple[Column[Any], ...]:
    """Return what teachers and cells have in common: what became of the students."""
    by = ranking.ranked_by

    def written(name: str, form: str, *, whole: bool) -> Callable[[Rated], str]:
        if whole:
            return lambda r: rated(r, name, form)
        return lambda r: number(getattr(r, name), form)

    pgr = written("pgr", ".2f", whole=not short)
    score = written("score", "+z.2f", whole=not short or by == "polyglot")
    return (
        Column("Raw", lambda r: points(r.raw, r.raw_stderr)),
        Column("Gain", lambda r: rated(r, "gain", "+z.1f", 100)),
        Column("PGR", lambda r: unless_flagged(r, pgr(r))),
        Column("z", written("z", "+z.2f", whole=not short)),
        Column("Polyglot", lambda r: unless_flagged(r, score(r))),
        Column("Stable", written("stable", "+z.2f", whole=not short or by == "stable")),
    )


def _teacher_columns(ranking: Ranking, *, short: bool) -> tuple[Column[TeacherRow], ...]:
    joined = {
        "borda": Column[TeacherRow]("Borda", lambda r: number(r.borda, ".2f")),
        "mrr": Column[TeacherRow]("MRR", lambda r: number(r.mrr, ".2f")),
    }
    extra = joined.get(ranking.aggregate)
    ranked = any(r.rank_low is not None for r in ranking.rows)
    priced = any(r.cost_usd is not None for r in ranking.rows)
    return (
        Column("#", lambda r: number(r.rank, "d")),
        *((Column("Ranks", ranks),) if ranked else ()),
        Column("Teacher", lambda r: r.teacher, left=True),
        Column("Langs", lambda r: str(len(r.languages))),
        Column("Accept", lambda r: number(r.acceptance_rate, ".0%")),
        *((extra,) if extra else ()),
        *_student_columns(ranking, short=short),
        *((Column[TeacherRow]("Cost", lambda r: dollars(r.cost_usd)),) if priced else ()),
        Column("Flags", _flags, left=True),
    )


def _cell_columns(ranking: Ranking, *, short: bool) -> tuple[Column[PolyglotScore], ...]:
    return (
        Column("Teacher", lambda s: s.teacher, left=True),
        Column("Lang", lambda s: s.language, left=True),
        Column("Accept", _metric("acceptance_rate", ".0%")),
        Column("d prompts", _metric("prompt_distinct_ri", ".3f")),
        Column("d resp.", _metric("response_distinct_ri", ".3f")),
        Column("PPL", _perplexity),
        *_student_columns(ranking, short=short),
        Column("Flags", _cell_flags, left=True),
    )


_ANCHOR_COLUMNS: tuple[Column[PolyglotScore], ...] = (
    Column("Lang", lambda s: s.language, left=True),
    Column("Base", lambda s: number(_times_100(s.base), ".1f")),
    Column("Reference", lambda s: number(_times_100(s.reference), ".1f")),
    Column("Gap", lambda s: points(s.gap, s.gap_stderr, "+z.1f")),
    Column("Items", lambda s: str(s.n_items)),
    Column("Verdict", _verdict, left=True),
)

"""The tables of the leaderboard as plain text cells, for the terminal and for Markdown alike.

A struck-through cell is written as in Markdown, ``~~0.42~~``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from polyglot_harness.leaderboard.ranking import (
    ANCHOR_FLAGS,
    Ranking,
    TeacherRow,
    measured,
)
from polyglot_harness.spec import PolyglotScore

MISSING = "—"
FLAG_LETTERS = {"anchor_inverted": "I", "anchor_weak": "W", "small_pool": "S"}
MISSING_LETTER = "M"
FLAG_KEY = "I anchor inverted, W anchor weak, S small pool, M something is missing"
R = TypeVar("R")


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


def teacher_grid(ranking: Ranking) -> Grid:
    """Return the table by teacher, best first."""
    means = f"means over {', '.join(ranking.languages) or 'no language'}; ranked {ranking.reason}"
    return grid_of(f"Teachers ({means})", _TEACHER_COLUMNS, ranking.rows)


def cell_grid(scores: Sequence[PolyglotScore], ranking: Ranking) -> Grid:
    """Return the table by cell: language by language, teachers in their ranking."""
    place = {row.teacher: i for i, row in enumerate(ranking.rows)}
    rows = sorted(scores, key=lambda s: (s.language, place.get(s.teacher, len(place)), s.teacher))
    return grid_of("Cells", _CELL_COLUMNS, rows)


def anchor_grid(scores: Sequence[PolyglotScore]) -> Grid:
    """Return the table of the anchors by language."""
    languages = sorted({s.language for s in scores})
    rows = [
        max((s for s in scores if s.language == language), key=lambda s: s.n_items)
        for language in languages
    ]
    return grid_of("Anchors", _ANCHOR_COLUMNS, rows)


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


def _times_100(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _unless_flagged(row: TeacherRow | PolyglotScore, text: str) -> str:
    """Strike a number that rests on a weak or inverted anchor."""
    flagged = set(row.flags) & set(ANCHOR_FLAGS)
    return f"~~{text}~~" if flagged and text != MISSING else text


def _pgr(row: TeacherRow | PolyglotScore) -> str:
    return _unless_flagged(row, with_error(row.pgr, row.pgr_stderr, ".2f"))


def _flags(row: TeacherRow | PolyglotScore) -> str:
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


_TEACHER_COLUMNS: tuple[Column[TeacherRow], ...] = (
    Column("#", lambda r: number(r.rank, "d")),
    Column("Teacher", lambda r: r.teacher, left=True),
    Column("Langs", lambda r: str(len(r.languages))),
    Column("Accept", lambda r: number(r.acceptance_rate, ".0%")),
    Column("Raw", lambda r: points(r.raw, r.raw_stderr)),
    Column("Gain", lambda r: points(r.gain, r.gain_stderr, "+z.1f")),
    Column("PGR", _pgr),
    Column("z", lambda r: number(r.z, "+z.2f")),
    Column("Polyglot", lambda r: _unless_flagged(r, with_error(r.score, r.score_stderr, "+z.2f"))),
    Column("Stable", lambda r: number(r.stable, "+z.2f")),
    Column("Flags", _flags, left=True),
)
_CELL_COLUMNS: tuple[Column[PolyglotScore], ...] = (
    Column("Teacher", lambda s: s.teacher, left=True),
    Column("Lang", lambda s: s.language, left=True),
    Column("Accept", _metric("acceptance_rate", ".0%")),
    Column("d prompts", _metric("prompt_distinct_ri", ".3f")),
    Column("d resp.", _metric("response_distinct_ri", ".3f")),
    Column("PPL", _perplexity),
    Column("Raw", lambda s: points(s.raw, s.raw_stderr)),
    Column("Gain", lambda s: points(s.gain, s.gain_stderr, "+z.1f")),
    Column("PGR", _pgr),
    Column("z", lambda s: number(s.z, "+z.2f")),
    Column("Polyglot", lambda s: _unless_flagged(s, number(s.score, "+z.2f"))),
    Column("Stable", lambda s: number(s.stable, "+z.2f")),
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

"""Other looks at boards: by language, by student, by strategy, by cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from polyglot_harness.leaderboard.boards import ACCEPTED
from polyglot_harness.leaderboard.ranking import TeacherRow
from polyglot_harness.leaderboard.shown import Shown
from polyglot_harness.leaderboard.tables import (
    MISSING,
    SCORE_HEADERS,
    Column,
    Grid,
    dollars,
    grid_of,
    limited,
    number,
    ranks,
    rated,
    score_text,
)
from polyglot_harness.spec import PolyglotScore

T = TypeVar("T")
LANGUAGES_WIDE = 4
"""Languages side by side, so that intervals fit 100 columns."""
BOARDS_WIDE = 3


def by_language(board: Shown, limit: int | None) -> list[Grid]:
    """Return the score that ranks by teacher and language, some languages a table."""
    cells = {(cell.teacher, cell.language): cell for cell in board.scores}
    header = SCORE_HEADERS[board.ranking.ranked_by]
    grids = []
    for codes in _parts(board.ranking.languages, LANGUAGES_WIDE):
        columns = [Column[TeacherRow](code, _cell_text(board, cells, code)) for code in codes]
        title = f"{board.title}: {header} by language"
        grids.append(_teachers(board, title, columns, limit))
    return grids


def by_student(boards: Sequence[Shown], limit: int | None) -> list[Grid]:
    """Return the mean gain in points by teacher and board, named by its student."""
    return _across(boards, "Gain by student (points)", limit, lambda board: board.title)


def by_strategy(boards: Sequence[Shown], limit: int | None) -> list[Grid]:
    """Return the share of replies that became examples, and the gain, by sets of strategies."""
    grids = _across(
        boards, "Gain by strategies (points)", limit,
        lambda board: f"{board.strategies or board.title} ({board.student})",
    )  # fmt: skip
    for board in boards:
        names = sorted(
            {m.name for cell in board.scores for m in cell.measurements
             if m.name.startswith(ACCEPTED)}
        )  # fmt: skip
        if names:
            columns = [
                Column[TeacherRow](n.removeprefix(ACCEPTED), _accepted(board, n)) for n in names
            ]
            title = f"{board.title}: accepted by strategy"
            grids.append(_teachers(board, title, columns, limit))
    return grids


def by_cost(board: Shown, limit: int | None) -> Grid:
    """Return teachers by what their data cost, the Pareto front of cost and score marked."""
    rows = sorted(
        board.ranking.rows,
        key=lambda r: (r.cost_usd is None, r.cost_usd or 0.0, r.rank is None, r.rank or 0),
    )
    front = pareto_front(board)
    columns = (
        Column[TeacherRow]("Teacher", lambda r: r.teacher, left=True),
        Column[TeacherRow]("Cost", lambda r: dollars(r.cost_usd)),
        Column[TeacherRow]("Front", lambda r: "◆" if r.teacher in front else ""),
        Column[TeacherRow](
            SCORE_HEADERS[board.ranking.ranked_by], lambda r: score_text(r, board.ranking)
        ),
        Column[TeacherRow]("Gain", lambda r: rated(r, "gain", "+z.1f", 100)),
        Column[TeacherRow]("#", lambda r: number(r.rank, "d")),
        Column[TeacherRow]("Ranks", ranks),
    )
    return limited(grid_of(f"{board.title}: by cost", columns, rows), limit)


def pareto_front(board: Shown) -> frozenset[str]:
    """Return the ranked teachers with a cost that no other beats in both cost and score."""
    name = "score" if board.ranking.ranked_by == "polyglot" else "stable"
    known = [
        (row.cost_usd, value, row.teacher)
        for row in board.ranking.rows
        if row.rank is not None
        and row.cost_usd is not None
        and (value := getattr(row, name)) is not None
    ]
    return frozenset(
        teacher
        for cost, value, teacher in known
        if not any(c <= cost and v >= value and (c, v) != (cost, value) for c, v, _ in known)
    )


def _parts(names: Sequence[T], wide: int) -> list[Sequence[T]]:
    return [names[i : i + wide] for i in range(0, len(names), wide)]


def _teachers(
    board: Shown, title: str, columns: Sequence[Column[TeacherRow]], limit: int | None
) -> Grid:
    first = (
        Column[TeacherRow]("#", lambda r: number(r.rank, "d")),
        Column[TeacherRow]("Teacher", lambda r: r.teacher, left=True),
    )
    return limited(grid_of(title, (*first, *columns), board.ranking.rows), limit)


def _cell_text(
    board: Shown, cells: dict[tuple[str, str], PolyglotScore], code: str
) -> Callable[[TeacherRow], str]:
    def written(row: TeacherRow) -> str:
        cell = cells.get((row.teacher, code))
        return MISSING if cell is None else score_text(cell, board.ranking)

    return written


def _accepted(board: Shown, name: str) -> Callable[[TeacherRow], str]:
    """Return the mean over languages; missing where one lacks it."""
    found: dict[str, list[float | None]] = {}
    for cell in board.scores:
        value = next((m.value for m in cell.measurements if m.name == name), None)
        found.setdefault(cell.teacher, []).append(value)

    def written(row: TeacherRow) -> str:
        values = found.get(row.teacher, [])
        known = [value for value in values if value is not None]
        whole = known and len(known) == len(board.ranking.languages)
        return f"{sum(known) / len(known):.0%}" if whole else MISSING

    return written


def _across(
    boards: Sequence[Shown], title: str, limit: int | None, head: Callable[[Shown], str]
) -> list[Grid]:
    """Return the gain by teacher and board, some boards a table."""
    grids = []
    for part in _parts(boards, BOARDS_WIDE):
        rows = {(board.key, row.teacher): row for board in part for row in board.ranking.rows}
        teachers = list(dict.fromkeys(teacher for _, teacher in rows))
        columns = (
            Column[str]("Teacher", lambda t: t, left=True),
            *(Column[str](head(board), _gain(board.key, rows)) for board in part),
        )
        grids.append(limited(grid_of(title, columns, teachers), limit))
    return grids


def _gain(key: str, rows: Mapping[tuple[str, str], TeacherRow]) -> Callable[[str], str]:
    def written(teacher: str) -> str:
        row = rows.get((key, teacher))
        return MISSING if row is None else rated(row, "gain", "+z.1f", 100)

    return written

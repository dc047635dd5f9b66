"""A board as it is shown: its ranking, and the cells of its first teachers as records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from polyglot_harness.leaderboard.boards import ACCEPTED, ScoredBoard
from polyglot_harness.leaderboard.files import Board
from polyglot_harness.leaderboard.ranking import Ranking
from polyglot_harness.scoring.grid import QUANTITIES, or_none
from polyglot_harness.scoring.intrinsic_z import METRICS
from polyglot_harness.spec import Interval, Measurement, PolyglotScore

NUMBERS = (
    "raw", "raw_stderr", "gain", "gain_stderr", "base", "reference", "gap", "gap_stderr", "pgr",
    "pgr_stderr",
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """What tables are made of, whether it comes from results or from a leaderboard.json."""

    key: str
    title: str
    student: str
    strategies: str
    """Joined by ``+``; "" where it is not known."""
    ranking: Ranking
    scores: tuple[PolyglotScore, ...]
    """Of the first teachers of the ranking."""
    left_out: tuple[str, ...] = ()


def shown(board: ScoredBoard, teachers: int) -> Shown:
    """Return a board with the cells of its first so many teachers."""
    return Shown(
        key=board.key,
        title=board.title,
        student=board.student.name,
        strategies="+".join(board.strategies),
        ranking=board.ranking,
        scores=cells_of(board, teachers),
        left_out=board.left_out,
    )


def shown_file(board: Board, title: str) -> Shown:
    """Return the board of a leaderboard.json."""
    students = sorted({score.student for score in board.scores})
    return Shown(
        key=title,
        title=title,
        student=", ".join(students),
        strategies="",
        ranking=board.ranking,
        scores=board.scores,
    )


def cells_of(board: ScoredBoard, teachers: int) -> tuple[PolyglotScore, ...]:
    """Return the cells of the first so many teachers of the ranking, as records."""
    place = {name: i for i, name in enumerate(board.grid.teachers)}
    first = [place[row.teacher] for row in board.ranking.rows[:teachers]]
    there = board.grid.there()
    return tuple(
        _cell(board, t, i) for t in first for i in range(len(board.languages)) if there[t, i]
    )


def _cell(board: ScoredBoard, t: int, i: int) -> PolyglotScore:
    values, scores = board.grid.values, board.scores
    name, language = board.grid.teachers[t], board.languages[i]
    numbers: dict[str, Any] = {n: or_none(values[n][t, i]) for n in NUMBERS}
    parts = {"z": scores.z, "score": scores.score, "stable": scores.stable}
    made: dict[str, Any] = {n: or_none(part[t, i]) for n, part in parts.items()}
    lacking = [n for n, v in {"z": made["z"], "pgr": numbers["pgr"]}.items() if v is None]
    return PolyglotScore.model_construct(
        teacher=name,
        language=language,
        student=board.student.name,
        signature=board.signatures[i],
        **numbers,
        **made,
        score_stderr=None,
        flags=board.flags[t][i],
        missing=tuple(lacking),
        pool=scores.pools[i],
        n_items=int(or_none(board.n_items[t, i]) or 0),
        measurements=_measurements(board, t, i),
        intervals=_intervals(board, t, i),
    )


def _measurements(board: ScoredBoard, t: int, i: int) -> tuple[Measurement, ...]:
    grid = board.grid
    found = [("acceptance_rate", board.acceptance[t, i], math.nan)]
    found += [
        (f"{ACCEPTED}{name}", share[t, i], math.nan) for name, share in board.accepted.items()
    ]
    found += [
        (m, grid.metrics[t, i, k], grid.metric_stderrs[t, i, k]) for k, m in enumerate(METRICS)
    ]
    n = int(or_none(board.n_examples[t, i]) or 0)
    return tuple(
        Measurement.model_construct(
            name=name,
            language=board.languages[i],
            value=or_none(value),
            stderr=or_none(stderr),
            n=n,
        )
        for name, value, stderr in found
        if not math.isnan(value)
    )


def _intervals(board: ScoredBoard, t: int, i: int) -> tuple[Interval, ...]:
    cells = board.uncertainty.cells
    ends = ((q, *cells[q][:, t, i].tolist()) for q in QUANTITIES if q in cells)
    return tuple((q, low, high) for q, low, high in ends if not math.isnan(low + high))

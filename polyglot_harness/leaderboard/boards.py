"""Boards: rows that may be compared, scored and ranked together.

Rows belong to one board if they agree in student and signature in everything but the teacher, the
seed, and what a language brings with it (its pack, its tasks); see `grouping`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from polyglot_harness.errors import unknown_name
from polyglot_harness.leaderboard.grouping import Group, group_rows
from polyglot_harness.leaderboard.ranking import Ranking, rank_grid
from polyglot_harness.leaderboard.records import StudentFacts, TeacherFacts
from polyglot_harness.leaderboard.replicates import Replicates, grid_of
from polyglot_harness.leaderboard.titles import titles
from polyglot_harness.scoring.bootstrap import uncertainty
from polyglot_harness.scoring.grid import BoolArray, Grid, GridScores, Uncertainty, score_grid
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.options import Scoring
from polyglot_harness.scoring.polyglot import SMALL_POOL

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.results import ResultsTable

Flags = tuple[tuple[tuple[str, ...], ...], ...]
ACCEPTED = "acceptance_rate_"
"""Begins the name of the measurement of a single strategy."""


@dataclass(frozen=True)
class BoardOptions(Scoring):
    """How boards are scored, and of which rows they are made."""

    languages: tuple[str, ...] = ()
    """Only these; () for all."""
    students: tuple[str, ...] = ()
    """Only those of these names; () for all."""


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
    """Its teachers are named as they are shown: with the revision where there are two of a name."""
    scores: GridScores
    uncertainty: Uncertainty
    ranking: Ranking
    """Best first; its order is not that of `teachers`."""
    flags: Flags
    """[T][L]: flags of each cell."""
    cost_usd: FloatArray
    n_examples: FloatArray
    acceptance: FloatArray
    n_items: FloatArray
    accepted: Mapping[str, FloatArray] = field(default_factory=dict)
    """Strategy -> share of its replies that became examples, [T, L]."""
    left_out: tuple[str, ...] = ()
    """Rows of this condition that are not ranked with it, each with the difference named."""


def make_boards(table: ResultsTable, options: BoardOptions | None = None) -> Iterator[ScoredBoard]:
    """Yield the boards of a table, the largest first; one is in memory at a time.

    Args:
        table: All results.
        options: How they are scored, and of which rows they are made.

    Raises:
        ConfigError: If no row is of a language or a student that the options name.
    """
    groups = board_groups(table, options)
    for group, title in zip(groups, board_titles(table, groups), strict=True):
        yield score_group(table, group, title, options)


def board_groups(table: ResultsTable, options: BoardOptions | None = None) -> list[Group]:
    """Return the rows of each board, without scoring them.

    Raises:
        ConfigError: If no row is of a language or a student that the options name.
    """
    options = options or BoardOptions()
    _check_known("language", options.languages, _languages(table))
    _check_known("student", options.students, [s.name for s in table.students])
    return group_rows(table, languages=options.languages, students=options.students)


def _languages(table: ResultsTable) -> list[str]:
    return [str(language) for language in table.rows.column("language").unique().to_pylist()]


def _check_known(kind: str, asked: Sequence[str], valid: Sequence[str]) -> None:
    for name in asked:
        if name not in valid:
            raise unknown_name(kind, name, set(valid))


def board_titles(table: ResultsTable, groups: Sequence[Group]) -> list[str]:
    """Return a title for each board: what tells it from the others."""
    students = [table.students[group.student] for group in groups]
    revisions = Counter(name for name, _ in {(s.name, s.revision) for s in students})
    return titles(
        [
            {
                "student": student.name
                + (f"@{student.revision[:12] or '?'}" if revisions[student.name] > 1 else ""),
                "mixture": group.mixture,
                **dict(group.conditions),
                **({"seed": ", ".join(map(str, group.seeds)) or "none"} if group.split else {}),
            }
            for group, student in zip(groups, students, strict=True)
        ]
    )


def score_group(
    table: ResultsTable, group: Group, title: str, options: BoardOptions | None = None
) -> ScoredBoard:
    """Score and rank the rows of one board."""
    options = options or BoardOptions()
    rows = Replicates(table, group)
    grid = grid_of(rows, pgr_method=options.pgr_method)
    scores = score_grid(grid, alpha=options.alpha, pool=options.pool)
    doubt = uncertainty(
        grid,
        scores,
        alpha=options.alpha,
        pool=options.pool,
        pgr_method=options.pgr_method,
        aggregate=options.aggregate,
        resamples=options.resamples,
        seed=options.seed,
    )
    flags = _flags(rows, scores.small & rows.there.any(axis=2))
    cost, acceptance = rows.mean("cost_usd"), _acceptance(rows)
    ranking = rank_grid(
        grid,
        scores,
        doubt,
        aggregate=options.aggregate,
        flags=flags,
        acceptance=acceptance,
        cost_usd=cost,
    )
    one_row = int(rows.numbers[0])
    joined = table.rows.column("strategies")[one_row].as_py()
    strategies = tuple(filter(None, joined.split("+")))
    return ScoredBoard(
        key=group.key,
        title=title,
        student=table.students[group.student],
        conditions=group.conditions,
        mixture=group.mixture,
        strategies=strategies,
        seeds=group.seeds,
        signatures=group.signatures,
        teachers=tuple(table.teachers[i] for i in group.teachers),
        languages=group.languages,
        grid=grid,
        scores=scores,
        uncertainty=doubt,
        ranking=ranking,
        flags=flags,
        cost_usd=cost,
        n_examples=rows.mean("n_examples"),
        acceptance=acceptance,
        accepted={name: rows.mean(f"m:{ACCEPTED}{name}") for name in strategies},
        n_items=rows.mean("n_items"),
        left_out=group.left_out,
    )


def _flags(rows: Replicates, small: BoolArray) -> Flags:
    """Return the flags of each cell, with that of a small pool."""
    number, sets = rows.flag_sets
    every = [*sets, *((*flags, SMALL_POOL) for flags in sets)]
    codes: Any = np.where(small, number + len(sets), number).tolist()
    return tuple(tuple(every[code] for code in line) for line in codes)


def _acceptance(rows: Replicates) -> FloatArray:
    """Return the share of replies that became examples, [T, L], as measured or as counted."""
    measured = rows.mean("m:acceptance_rate")
    with np.errstate(divide="ignore", invalid="ignore"):
        counted = rows.mean("n_examples") / rows.mean("n_replies")
    counted[~np.isfinite(counted)] = np.nan
    return np.where(np.isnan(measured), counted, measured)

"""From the scores of cells to one row a teacher, ranked, if they may be compared at all.

Teachers are ranked by the mean Polyglot Score (arXiv 2604.11290) over languages, unless the anchor
of some language is weak or inverted: PGR then says nothing, and the stable score decides. A mean
over languages exists only where every language of the board has the number; a teacher that lacks
one is not ranked, and has no part in the ranks of others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from polyglot_harness.leaderboard.comparable import PER_LANGUAGE, check_comparable
from polyglot_harness.leaderboard.ranked import Pair, Ranking, TeacherRow
from polyglot_harness.scoring.bootstrap import uncertainty as uncertainty_of
from polyglot_harness.scoring.cells import Anchors, Cell
from polyglot_harness.scoring.comparing import EXACT_PAIRS, aggregate_of, ranks
from polyglot_harness.scoring.grid import (
    QUANTITIES,
    Grid,
    GridScores,
    Uncertainty,
    column,
    or_none,
    ranked_by,
)
from polyglot_harness.scoring.intrinsic_z import METRICS
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.options import Aggregate, Scoring
from polyglot_harness.scoring.pgr import ANCHOR_FLAGS
from polyglot_harness.scoring.polyglot import score_run
from polyglot_harness.spec import Interval, PolyglotScore

__all__ = [
    "ANCHOR_FLAGS",
    "PER_LANGUAGE",
    "Aggregate",
    "Pair",
    "Ranking",
    "TeacherRow",
    "check_comparable",
    "grid_of_scores",
    "intervals",
    "measured",
    "rank",
    "rank_grid",
    "score_and_rank",
]
_JOINED = {"mean": "", "borda": ", languages joined by Borda",
           "mrr": ", languages joined by mean reciprocal rank"}  # fmt: skip


def score_and_rank(
    cells: Sequence[Cell], anchors: Mapping[str, Anchors], scoring: Scoring
) -> tuple[tuple[PolyglotScore, ...], Ranking]:
    """Score the cells of a run, with intervals, and rank its teachers.

    Args:
        cells: One a teacher and language, of one student.
        anchors: Language -> anchors of this student.
        scoring: How.

    Raises:
        ConfigError: If the cells may not be compared, or the anchors are not their own.
        StageError: If student and anchors differ in the items of a task.
    """
    found = score_run(cells, anchors, scoring)
    check_comparable(found.cells)
    doubt = uncertainty_of(
        found.grid, found.scores, alpha=scoring.alpha, pool=scoring.pool,
        pgr_method=scoring.pgr_method, aggregate=scoring.aggregate, resamples=scoring.resamples,
        seed=scoring.seed,
    )  # fmt: skip
    scores = tuple(
        cell.model_copy(
            update={
                "intervals": intervals(doubt.cells, found.grid.place(cell.teacher, cell.language))
            }
        )
        for cell in found.cells
    )
    return scores, _rank_cells(scores, found.grid, found.scores, doubt, scoring.aggregate)


def rank(scores: Sequence[PolyglotScore], *, aggregate: Aggregate = "mean") -> Ranking:
    """Rank the teachers of scores that are made already, without intervals.

    Args:
        scores: The cells of one student: at most one a teacher and language.
        aggregate: How languages are joined.

    Raises:
        ConfigError: If the cells were made under different conditions (signature, student, pool);
            the differing field is named. Nothing is ranked then.
    """
    check_comparable(scores)
    grid, made = grid_of_scores(scores)
    return _rank_cells(scores, grid, made, None, aggregate)


def rank_grid(
    grid: Grid,
    scores: GridScores,
    uncertainty: Uncertainty | None,
    *,
    aggregate: Aggregate = "mean",
    flags: Sequence[Sequence[tuple[str, ...]]] = (),
    acceptance: FloatArray | None = None,
    cost_usd: FloatArray | None = None,
) -> Ranking:
    """Rank the teachers of a board.

    Args:
        grid: What was measured.
        scores: Its scores.
        uncertainty: Made with the same aggregate; None for no intervals.
        aggregate: How languages are joined.
        flags: [T][L]: of each cell; () for none.
        acceptance: [T, L], share of replies that became examples; NaN is missing.
        cost_usd: [T, L], dollars; NaN is missing.
    """
    by = ranked_by(grid)
    values = scores.score if by == "polyglot" else scores.stable
    points = aggregate_of(values, aggregate)
    ranked = np.isfinite(points)
    places = np.full(len(points), np.nan)
    places[ranked] = 1 + ranks(points[ranked])[0]
    last = np.where(ranked, places, np.inf)
    order = sorted(range(len(points)), key=lambda i: (last[i], grid.teachers[i]))
    numbers = {
        "rank": places,
        "acceptance_rate": _mean(acceptance),
        "borda": aggregate_of(values, "borda"),
        "mrr": aggregate_of(values, "mrr"),
        "cost_usd": None if cost_usd is None else cost_usd.sum(axis=1),
        "score_stderr": _mean_error(scores.score_stderr),
        **{name: _mean(getattr(scores, name)) for name in ("z", "score", "stable")},
        **{name: _mean(column(grid, name)) for name in ("raw", "gain", "pgr")},
        **{f"{n}_stderr": _mean_error(column(grid, f"{n}_stderr")) for n in ("raw", "gain", "pgr")},
    }
    if uncertainty is not None:
        numbers |= {"rank_low": uncertainty.ranks[0], "rank_high": uncertainty.ranks[1]}
    there = grid.there()
    codes = np.array(grid.languages, dtype=object)
    rows = tuple(
        TeacherRow.model_validate(
            {
                "teacher": grid.teachers[i],
                "languages": tuple(codes[there[i]]),
                "flags": tuple(sorted({f for cell in flags[i] for f in cell})) if flags else (),
                "intervals": intervals(uncertainty.means, i) if uncertainty else (),
                **{n: None if v is None else or_none(v[i]) for n, v in numbers.items()},
            }
        )
        for i in order
    )
    flagged = () if grid.unsound is None else tuple(codes[np.any(grid.unsound, axis=0)])
    return Ranking(
        ranked_by=by,
        reason=(
            f"by the stable score{_JOINED[aggregate]}, because the anchor is not sound in: "
            f"{', '.join(flagged)}"
            if flagged
            else f"by the Polyglot Score{_JOINED[aggregate]}: no anchor is flagged"
        ),
        languages=grid.languages,
        rows=rows,
        aggregate=aggregate,
        pairs=_pairs(grid.teachers, uncertainty, order) if uncertainty else (),
        uncertainty="; ".join((uncertainty.method, *uncertainty.notes)) if uncertainty else "",
    )


def intervals(
    found: Mapping[str, FloatArray], place: int | tuple[int, int]
) -> tuple[Interval, ...]:
    """Return the intervals that are known of a cell, or of a teacher's means."""
    ends = ((name, *found[name][(slice(None), *np.atleast_1d(place))].tolist())
            for name in QUANTITIES)  # fmt: skip
    return tuple((name, low, high) for name, low, high in ends if np.isfinite(low + high))


def _pairs(
    teachers: Sequence[str], uncertainty: Uncertainty, order: Sequence[int]
) -> tuple[Pair, ...]:
    """Return all pairs of a small board, else neighbours and pairs with the first; best first."""
    count = len(order)
    places = [(i, j) for i in range(count) for j in range(i + 1, count)
              if count <= EXACT_PAIRS or i == 0 or j == i + 1]  # fmt: skip
    pairs = []
    for i, j in places:
        a, b = order[i], order[j]
        better, p = float(uncertainty.better[a, b]), float(uncertainty.p_holm[a, b])
        if np.isfinite(better) and np.isfinite(p):
            pairs.append(Pair(a=teachers[a], b=teachers[b], better=better, p_holm=p))
    return tuple(pairs)


def _rank_cells(
    cells: Sequence[PolyglotScore],
    grid: Grid,
    scores: GridScores,
    uncertainty: Uncertainty | None,
    aggregate: Aggregate,
) -> Ranking:
    """Rank, with what only the cells know: their flags, and what share of replies was accepted."""
    shape = (len(grid.teachers), len(grid.languages))
    acceptance = np.full(shape, np.nan)
    flags: list[list[tuple[str, ...]]] = [[()] * shape[1] for _ in range(shape[0])]
    for cell in cells:
        i, j = grid.place(cell.teacher, cell.language)
        flags[i][j] = cell.flags
        rate = measured(cell, "acceptance_rate")
        acceptance[i, j] = np.nan if rate is None else rate
    return rank_grid(
        grid, scores, uncertainty, aggregate=aggregate, flags=flags, acceptance=acceptance
    )


def grid_of_scores(
    cells: Sequence[PolyglotScore],
) -> tuple[Grid, GridScores]:
    """Return the board of cells that are scored already."""
    teachers = tuple(sorted({cell.teacher for cell in cells}))
    languages = tuple(sorted({cell.language for cell in cells}))
    shape = (len(teachers), len(languages))
    names = ("raw", "gain", "pgr", "z", "score", "stable")
    errors = tuple(f"{name}_stderr" for name in ("raw", "gain", "pgr", "score"))
    found = {name: np.full(shape, np.nan) for name in (*names, *errors)}
    unsound, present = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    nothing = np.full((*shape, len(METRICS)), np.nan)
    grid = Grid(teachers, languages, found, nothing, nothing, unsound=unsound, present=present)
    for cell in cells:
        place = grid.place(cell.teacher, cell.language)
        present[place], unsound[place] = True, bool(set(cell.flags) & set(ANCHOR_FLAGS))
        for name, array in found.items():
            value = getattr(cell, name)
            array[place] = np.nan if value is None else value
    made = GridScores(
        z=found["z"], gain_z=np.full(shape, np.nan), score=found["score"], stable=found["stable"],
        pools=(), small=np.zeros(shape, dtype=bool), score_stderr=found["score_stderr"],
    )  # fmt: skip
    return grid, made


def measured(cell: PolyglotScore, name: str) -> float | None:
    """Return the value of the cell's measurement of that name, None if there is none."""
    return next((m.value for m in cell.measurements if m.name == name), None)


def _mean(values: FloatArray | None) -> FloatArray | None:
    """Return the means over languages; NaN for a teacher that lacks one."""
    return None if values is None or not values.shape[1] else values.mean(axis=1)


def _mean_error(errors: FloatArray | None) -> FloatArray | None:
    """Return the standard errors of means over languages, their items taken as independent."""
    if errors is None or not errors.shape[1]:
        return None
    found: FloatArray = np.sqrt((errors**2).sum(axis=1)) / errors.shape[1]
    return found

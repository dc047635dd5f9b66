"""The Polyglot Score of each cell, alpha * z + (1 - alpha) * PGR (arXiv 2604.11290), with parts.

The parts are kept beside the score, because a weak or inverted anchor makes PGR, and with it the
score, meaningless; the *stable* score does without the reference: it is the mean of the intrinsic
z and of the z-score of the gain over the base, within one language and student.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyglot_harness.scoring.cell_grid import grid_of_cells
from polyglot_harness.scoring.cells import Anchors, Cell, check_anchors
from polyglot_harness.scoring.extrinsic import Extrinsic, extrinsic
from polyglot_harness.scoring.grid import Grid, GridScores, language_pools, or_none, score_grid
from polyglot_harness.scoring.intrinsic_z import Metrics, Pool, missing_metrics
from polyglot_harness.scoring.options import Scoring
from polyglot_harness.scoring.pgr import Method
from polyglot_harness.spec import PolyglotScore

__all__ = ["SMALL_POOL", "Anchors", "Cell", "ScoredRun", "polyglot_score", "score_cells",
           "score_run"]  # fmt: skip
SMALL_POOL = "small_pool"


def score_cells(
    cells: Sequence[Cell],
    anchors: Mapping[str, Anchors],
    *,
    alpha: float = 0.5,
    pgr_method: Method = "ratio-of-means",
    pool: Pool | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> tuple[PolyglotScore, ...]:
    """Score the cells of one student.

    Args:
        cells: One a teacher and language.
        anchors: Language -> anchors of this student.
        alpha: Weight of the intrinsic z, 0 to 1.
        pgr_method: How PGR is averaged over tasks.
        pool: A frozen pool; by default each language's own cells.
        seed: Of the bootstrap; each cell starts from it, so the order of cells does not matter.
        resamples: Of the bootstrap.

    Returns:
        One score a cell, in their order, over the tasks that student and anchors share. A value is
        None where a part is missing; `missing` names the part and what it lacks, and each task
        that is left out with those who lack it. `score_stderr` is that of the PGR part: the error
        of z is not in it.

    Raises:
        ConfigError: If there are several students, a bad option, or anchors that `check_anchors`
            refuses.
        StageError: If student and anchors share no task, or differ in the items of one.
    """
    scoring = Scoring(alpha=alpha, pgr_method=pgr_method, pool=pool, seed=seed)
    return score_run(cells, anchors, scoring, pgr_resamples=resamples).cells


@dataclass(frozen=True)
class ScoredRun:
    """The cells of a run, and the board they make."""

    cells: tuple[PolyglotScore, ...]
    grid: Grid
    scores: GridScores


def score_run(
    cells: Sequence[Cell],
    anchors: Mapping[str, Anchors],
    scoring: Scoring,
    *,
    pgr_resamples: int = 2000,
) -> ScoredRun:
    """Score the cells of one student as `score_cells` does, and return the board beside them.

    Args:
        cells: One a teacher and language.
        anchors: Language -> anchors of this student.
        scoring: How; its resamples are not used.
        pgr_resamples: Of the bootstrap of PGR's standard error.
    """
    check_anchors(cells, anchors)
    found = [
        extrinsic(cell, anchors[cell.language], scoring.pgr_method, scoring.seed, pgr_resamples)
        for cell in cells
    ]
    teachers = tuple(sorted({cell.teacher for cell in cells}))
    languages = tuple(sorted({cell.language for cell in cells}))
    grid = grid_of_cells(teachers, languages, cells, found, anchors)
    scores = score_grid(grid, alpha=scoring.alpha, pool=scoring.pool)
    pools = language_pools(grid, scoring.pool)
    joined = []
    for cell, answers in zip(cells, found, strict=True):
        place = grid.place(cell.teacher, cell.language)
        joined.append(_join(cell, answers, scores, place, pools[place[1]]))
    return ScoredRun(tuple(joined), grid, scores)


def polyglot_score(z: float | None, pgr: float | None, alpha: float = 0.5) -> float | None:
    """Return alpha * z + (1 - alpha) * PGR; None if a part that has weight is None."""
    weighted = [(w, part) for w, part in ((alpha, z), (1 - alpha, pgr)) if w > 0]
    parts = [w * part for w, part in weighted if part is not None]
    return sum(parts) if len(parts) == len(weighted) else None


def _join(
    cell: Cell, found: Extrinsic, scores: GridScores, place: tuple[int, int], pool: Pool
) -> PolyglotScore:
    metrics: Metrics = {m.name: m.value for m in cell.measurements}
    z, pgr = or_none(scores.z[place]), found.pgr
    parts = tuple(name for name, part in (("z", z), ("pgr", pgr.value)) if part is None)
    return PolyglotScore(
        teacher=cell.teacher,
        language=cell.language,
        student=cell.student,
        signature=cell.signature,
        **found.numbers(),
        z=z,
        score=or_none(scores.score[place]),
        score_stderr=None if scores.score_stderr is None else or_none(scores.score_stderr[place]),
        stable=or_none(scores.stable[place]),
        flags=found.flags + ((SMALL_POOL,) if scores.small[place] else ()),
        missing=parts + found.missing + missing_metrics(metrics, pool),
        pool=pool.label,
        n_items=found.n_items,
        measurements=cell.measurements,
    )

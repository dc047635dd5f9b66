"""The Polyglot Score of each cell, alpha * z + (1 - alpha) * PGR (arXiv 2604.11290), with parts.

The parts are kept beside the score, because a weak or inverted anchor makes PGR, and with it the
score, meaningless; the *stable* score does without the reference: it is the mean of the intrinsic
z and of the z-score of the gain over the base, within one language and student.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyglot_harness.errors import ConfigError
from polyglot_harness.scoring.intrinsic_z import (
    Metrics,
    Pool,
    missing_metrics,
    pool_of,
    standardise,
    z_of,
)
from polyglot_harness.scoring.items import (
    Arrays,
    Estimate,
    Items,
    align,
    count,
    estimate,
    shared,
    subtract,
)
from polyglot_harness.scoring.pgr import Method, anchor_flags, check_method, recovered
from polyglot_harness.spec import Measurement, PolyglotScore

SMALL_POOL = "small_pool"
MIN_POOL = 5
"""Cells (with a gain, with the metrics) below which z-scores are flagged: two give -1 and 1."""
_NOTHING = Estimate()


@dataclass(frozen=True)
class Cell:
    """One teacher in one language: its student's answers and what was measured of its data."""

    teacher: str
    language: str
    student: str
    signature: str
    items: Items | None
    """None if the student could not be trained or evaluated."""
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True)
class Anchors:
    """The base (lower) and the reference (upper) on the student's items; None if missing."""

    base: Items | None = None
    reference: Items | None = None


@dataclass(frozen=True)
class _Extrinsic:
    """What the answers of student, base and reference say."""

    raw: Estimate = _NOTHING
    base: Estimate = _NOTHING
    reference: Estimate = _NOTHING
    gain: Estimate = _NOTHING
    gap: Estimate = _NOTHING
    pgr: Estimate = _NOTHING
    flags: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    n_items: int = 0


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
        ConfigError: If there are several students, whose anchors differ, or a bad option.
        StageError: If student and anchors share no task, or differ in the items of one.
    """
    students = sorted({cell.student for cell in cells})
    if len(students) > 1:
        raise ConfigError(
            f"score one student at a time: anchors are a student's own ({', '.join(students)})"
        )
    if not 0 <= alpha <= 1:
        raise ConfigError(f"alpha must be within 0 to 1, got {alpha}")
    check_method(pgr_method)
    found = [
        _extrinsic(cell, anchors.get(cell.language, Anchors()), pgr_method, seed, resamples)
        for cell in cells
    ]
    scores: list[PolyglotScore] = []
    for cell, extrinsic in zip(cells, found, strict=True):
        peers = [i for i, c in enumerate(cells) if c.language == cell.language]
        cell_pool = pool or pool_of([_metrics(cells[i]) for i in peers])
        gains = [g for i in peers if (g := found[i].gain.value) is not None]
        gain_z = _gain_z(extrinsic.gain.value, gains)
        sizes = [len(gains)] + ([] if cell_pool.size is None else [cell_pool.size])
        small = min(sizes) < MIN_POOL
        scores.append(_join(cell, extrinsic, cell_pool, gain_z, alpha, small))
    return tuple(scores)


def polyglot_score(z: float | None, pgr: float | None, alpha: float = 0.5) -> float | None:
    """Return alpha * z + (1 - alpha) * PGR; None if a part that has weight is None."""
    weighted = [(w, part) for w, part in ((alpha, z), (1 - alpha, pgr)) if w > 0]
    parts = [w * part for w, part in weighted if part is not None]
    return sum(parts) if len(parts) == len(weighted) else None


def _extrinsic(
    cell: Cell, anchors: Anchors, method: Method, seed: int, resamples: int
) -> _Extrinsic:
    parts = {"student": cell.items, "base": anchors.base, "reference": anchors.reference}
    present = {name: items for name, items in parts.items() if items is not None}
    where = f"{cell.teacher}, {cell.language}"
    common, left_out = shared(present, where)
    arrays = align(common, where)
    student, base, reference = (arrays.get(name) for name in parts)
    pgr = _NOTHING
    flags: tuple[str, ...] = ()
    if base and reference:
        flags = anchor_flags(base, reference, method)
        if student:
            pgr = recovered(student, base, reference, method=method, seed=seed, resamples=resamples)
    return _Extrinsic(
        raw=_estimate(student),
        base=_estimate(base),
        reference=_estimate(reference),
        gain=_paired(student, base),
        gap=_paired(reference, base),
        pgr=pgr,
        flags=flags,
        missing=(*(name for name in parts if name not in present), *left_out),
        n_items=count(student) if student else 0,
    )


def _estimate(arrays: Arrays | None) -> Estimate:
    return estimate(arrays) if arrays else _NOTHING


def _paired(upper: Arrays | None, lower: Arrays | None) -> Estimate:
    return estimate(subtract(upper, lower)) if upper and lower else _NOTHING


def _metrics(cell: Cell) -> Metrics:
    return {m.name: m.value for m in cell.measurements}


def _gain_z(gain: float | None, gains: Sequence[float]) -> float | None:
    """Return the z-score of a gain among those of its language; None with fewer than two."""
    if gain is None or len(gains) < 2:
        return None
    return standardise(gain, statistics.fmean(gains), statistics.pstdev(gains))


def _join(
    cell: Cell, found: _Extrinsic, pool: Pool, gain_z: float | None, alpha: float, small: bool
) -> PolyglotScore:
    metrics = _metrics(cell)
    z, pgr = z_of(metrics, pool), found.pgr
    score = polyglot_score(z, pgr.value, alpha)
    stderr = None if score is None or pgr.stderr is None else (1 - alpha) * pgr.stderr
    parts = tuple(name for name, part in (("z", z), ("pgr", pgr.value)) if part is None)
    return PolyglotScore(
        teacher=cell.teacher,
        language=cell.language,
        student=cell.student,
        signature=cell.signature,
        raw=found.raw.value,
        raw_stderr=found.raw.stderr,
        gain=found.gain.value,
        gain_stderr=found.gain.stderr,
        base=found.base.value,
        reference=found.reference.value,
        gap=found.gap.value,
        gap_stderr=found.gap.stderr,
        pgr=pgr.value,
        pgr_stderr=pgr.stderr,
        z=z,
        score=score,
        score_stderr=stderr,
        stable=None if z is None or gain_z is None else (z + gain_z) / 2,
        flags=found.flags + ((SMALL_POOL,) if small else ()),
        missing=parts + found.missing + missing_metrics(metrics, pool),
        pool=pool.label,
        n_items=found.n_items,
        measurements=cell.measurements,
    )

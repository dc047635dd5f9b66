"""Advice: which teacher for a student in a language, how surely, and what to measure next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polyglot_harness.leaderboard.advice.costs import Cost, cell_cost, cost_of
from polyglot_harness.leaderboard.advice.knowledge import (
    LARGEST,
    SCALES,
    By,
    Chosen,
    Known,
    choose,
    teacher_labels,
)
from polyglot_harness.leaderboard.advice.prediction import (
    Cells,
    Fit,
    draw,
    fit,
    leave_one_out,
    moments,
)
from polyglot_harness.leaderboard.advice.reading import note, notes, nothing, sure
from polyglot_harness.leaderboard.advice.record import Advice, Advised, Calibration, Removed
from polyglot_harness.leaderboard.advice.wanted import Filters, refused
from polyglot_harness.leaderboard.advice.worth import Next, Who, next_measurements
from polyglot_harness.leaderboard.records import StudentFacts, TeacherFacts
from polyglot_harness.scoring.items import FloatArray

MOST_CELLS = 400
"""Cells that the model takes; beyond them those of the student in the language, then of either."""
SAMPLES = 20_000
INTERVALS = ("low_80", "high_80", "low_95", "high_95")


@dataclass(frozen=True)
class _Names:
    """Numbers of what cells are of."""

    teachers: tuple[Who, ...]
    languages: tuple[str, ...]
    students: tuple[str, ...]
    families: dict[str, str]
    facts: dict[Who, TeacherFacts]

    def cells(self, of: Sequence[tuple[Who, str, str]]) -> Cells:
        """Return (teacher, language, student) as numbers."""
        family = [self.facts[who].family for who, _, _ in of]
        match = [bool(f) and f == self.families[s] for f, (_, _, s) in zip(family, of, strict=True)]
        return Cells(
            np.array([self.teachers.index(t) for t, _, _ in of], dtype=np.int64),
            np.array([self.languages.index(x) for _, x, _ in of], dtype=np.int64),
            np.array([self.students.index(s) for _, _, s in of], dtype=np.int64),
            np.array(match, dtype=np.float64),
        )


@dataclass(frozen=True)
class _Case:
    """A question, and what is known of it."""

    language: str
    student: str
    used: tuple[Known, ...]
    names: _Names
    model: Fit
    labels: dict[Who, str]
    own: dict[Who, list[Known]]
    """The cells of each teacher."""


def advise(
    known: Sequence[Known],
    language: str,
    student: StudentFacts,
    *,
    by: By = "gain",
    examples: int = 10_000,
    filters: Filters | None = None,
    measurements: int = 5,
    seed: int = 0,
) -> Advice:
    """Rank the teachers for a student in a language.

    Args:
        known: All that was measured.
        language: Code of the language.
        student: Who is to be taught; it need not have been measured.
        by: What teachers are ranked by.
        examples: Accepted examples that are to be paid for.
        filters: Which teachers will not do.
        measurements: How many further ones to advise.
        seed: Of all draws.
    """
    filters = filters or Filters()
    advice = Advice(language=language, student=student.name, by=by, examples=examples, sure="")
    chosen = choose(known, language, student.name, by)
    if chosen is None:
        return advice.model_copy(update={"sure": nothing(known, by)})
    case = _case(_nearest(chosen.cells, language, student.name), language, student, by, seed)
    costs = {who: cost_of(cells, language, examples) for who, cells in case.own.items()}
    why = {who: refused(case.names.facts[who], costs[who], filters) for who in case.own}
    kept = [who for who in case.own if not why[who]]
    advice = advice.model_copy(
        update={
            "sure": "No teacher is left.",
            "condition": "|".join(f"{name}:{value}" for name, value in chosen.condition),
            "n_cells": len(case.used),
            "calibration": _calibration(case.model),
            "removed": tuple(Removed(teacher=case.labels[w], why=t) for w, t in why.items() if t),
            "notes": notes(chosen, case.used, language, student),
        }
    )
    if not kept:
        return advice
    targets = case.names.cells([(who, language, student.name) for who in kept])
    mean = moments(case.model, targets)[0]
    order = np.argsort(-mean, kind="stable")
    kept = [kept[i] for i in order]
    samples = draw(case.model, targets, SAMPLES, seed)[:, order]
    rows = _rows(case, kept, mean[order], samples, costs, filters)
    return advice.model_copy(
        update={
            "rows": rows,
            "sure": sure(samples, rows[0].p_best, by),
            "next": _further(case, kept, [r.p_best for r in rows], chosen, measurements),
            "most": float(samples.max(axis=1).mean() - samples[:, 0].mean()),
        }
    )


def _case(
    used: tuple[Known, ...], language: str, student: StudentFacts, by: By, seed: int
) -> _Case:
    """Fit the model to cells."""
    names = _names(used, language, student)
    labels = teacher_labels(used)
    model = fit(
        names.cells([(c.who, c.language, c.student.name) for c in used]),
        np.array([c.value for c in used]),
        np.array([_error(c, by) for c in used]),
        SCALES[by],
        seed,
    )
    own = {who: [c for c in used if c.who == who] for who in labels}
    return _Case(language, student.name, used, names, model, labels, own)


def _rows(
    case: _Case,
    kept: Sequence[Who],
    mean: FloatArray,
    samples: FloatArray,
    costs: Mapping[Who, Cost],
    filters: Filters,
) -> tuple[Advised, ...]:
    """Return the teachers, given in their order with means and draws of their true values."""
    best = np.bincount(samples.argmax(axis=1), minlength=len(kept)) / len(samples)
    ends = np.quantile(samples, (0.1, 0.9, 0.025, 0.975), axis=0)
    facts = [case.names.facts[who] for who in kept]
    return tuple(
        Advised(
            rank=i + 1,
            teacher=case.labels[who],
            revision=who[1],
            expected=float(mean[i]),
            **dict(zip(INTERVALS, ends[:, i].tolist(), strict=True)),
            p_best=float(best[i]),
            measured=any(
                (c.language, c.student.name) == (case.language, case.student) for c in case.own[who]
            ),
            cells=len(case.own[who]),
            cost=costs[who],
            licence=facts[i].licence,
            size_b=facts[i].size_b,
            note=note(costs[who], facts[i], filters),
        )
        for i, who in enumerate(kept)
    )


def _further(
    case: _Case, kept: Sequence[Who], best: Sequence[float], chosen: Chosen, top: int
) -> tuple[Next, ...]:
    languages = case.names.languages
    return next_measurements(
        case.model,
        case.names.cells,
        kept,
        [kept[i] for i in np.argsort(-np.array(best), kind="stable")],
        case.language,
        case.student,
        labels=case.labels,
        cells={(c.who, c.language, c.student.name): c for c in case.used},
        costs={(who, x): cell_cost(case.own[who], x) for who in kept for x in languages},
        condition=dict(chosen.condition),
        top=top,
    )


def _nearest(cells: Sequence[Known], language: str, student: str) -> tuple[Known, ...]:
    """Return the cells that say most of a student in a language, `MOST_CELLS` or all its own."""

    def distance(cell: Known) -> tuple[bool, bool]:
        return cell.student.name != student, cell.language != language

    exact = sum(distance(c) == (False, False) for c in cells)
    nearest = sorted(cells, key=lambda c: (sum(distance(c)), distance(c)))
    return tuple(nearest[: max(MOST_CELLS, exact)])


def _names(cells: Sequence[Known], language: str, student: StudentFacts) -> _Names:
    families = {c.student.name: c.student.family for c in cells}
    families[student.name] = student.family or families.get(student.name, "")
    return _Names(
        teachers=tuple(sorted({c.who for c in cells})),
        languages=tuple(sorted({language, *(c.language for c in cells)})),
        students=tuple(sorted(families)),
        families=families,
        facts={c.who: c.teacher for c in cells},
    )


def _error(cell: Known, by: By) -> float:
    """Return a cell's standard error; of a gain at least that of one item answered otherwise."""
    if not 0 <= cell.stderr <= LARGEST[by]:
        return np.nan
    items = cell.counts["n_items"]
    return max(cell.stderr, 1 / items) if by == "gain" and items > 0 else cell.stderr


def _calibration(model: Fit) -> Calibration | None:
    n = len(model.cells)
    if n < 3:
        return None
    left_out = leave_one_out(model)
    others = ~np.eye(n, dtype=bool)
    language, student = model.cells.language, model.cells.student
    same = others & (language[:, None] == language) & (student[:, None] == student)
    same = np.where(same.any(axis=1, keepdims=True), same, others)
    baseline = same @ model.values / same.sum(axis=1)
    return Calibration(
        n=n,
        mean_error=_distance(left_out.mean, model.values),
        baseline=_distance(baseline, model.values),
        within_80=left_out.coverage(0.8),
        within_95=left_out.coverage(0.95),
    )


def _distance(a: FloatArray, b: FloatArray) -> float:
    return float(np.abs(a - b).mean())

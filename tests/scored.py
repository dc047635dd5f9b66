"""Cells and answers of which scores are made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from polyglot_harness.scoring import (
    METRICS,
    Cell,
    Grid,
    Items,
    Uncertainty,
    estimate,
    recovered,
    score_grid,
    uncertainty,
)
from polyglot_harness.scoring.grid import VALUES, LanguageItems
from polyglot_harness.scoring.items import Arrays, FloatArray, subtract
from polyglot_harness.spec import Measurement

LANGUAGES = ("ar", "cs", "de", "es", "id", "ja", "ko", "tl")
ERRORS = tuple(f"{name}_stderr" for name in ("raw", "gain", "gap", "pgr"))


def items(**tasks: list[float]) -> Items:
    return {task: {f"q{i}": v for i, v in enumerate(values)} for task, values in tasks.items()}


# means of a and b: student .75 .5, base .25 0, reference 1 .5
STUDENT = items(a=[1, 1, 1, 0], b=[1, 0])
BASE = items(a=[1, 0, 0, 0], b=[0, 0])
REFERENCE = items(a=[1, 1, 1, 1], b=[1, 0])


def measurements(language: str = "de", **values: float | None) -> tuple[Measurement, ...]:
    return tuple(
        Measurement(name=name, language=language, value=value, stderr=None, n=10)
        for name, value in values.items()
    )


def cell(
    teacher: str = "t",
    answers: Items | None = STUDENT,
    language: str = "de",
    **values: float | None,
) -> Cell:
    return Cell(teacher, language, "s", f"lang:{language}", answers, measurements(**values))


def board(
    teachers: int = 4,
    languages: int = 2,
    *,
    tasks: int = 2,
    n: int = 100,
    seeds: int = 1,
    seed: int = 0,
    stored: bool = True,
    spread: float = 0.1,
    error: float = 0.01,
    seed_sd: float = 0.0,
) -> Grid:
    """A board of right-or-wrong items paired by difficulty, base .4, reference .7; seeded.

    Teacher i is as good as its place among `spread` says, in answers and in metrics.

    Args:
        teachers: T.
        languages: L.
        tasks: Of each language.
        n: Items of a task.
        seeds: K.
        seed: Of all draws.
        stored: Whether answers are there; else standard errors alone.
        spread: Sd of the teachers' true accuracies, and (times 10) of their log-perplexities.
        error: Standard error of each metric.
        seed_sd: Sd of a student's true accuracy over seeds.
    """
    rng = np.random.default_rng(seed)
    skill = spread * rng.standard_normal(teachers) * (teachers > 1)
    found = [_answers(rng, skill, tasks, n, seeds, seed_sd) for _ in range(languages)]
    values = {name: np.empty((teachers, languages)) for name in (*VALUES, *ERRORS)}
    for j, items in enumerate(found):
        for i in range(teachers):
            parts = ([t[i] for t in items.student], items.base or (), items.reference or ())
            student, base, reference = map(over_seeds, parts)
            gain, gap = estimate(subtract(student, base)), estimate(subtract(reference, base))
            raw, pgr = estimate(student), recovered(student, base, reference, resamples=200)
            for name, got in (("raw", raw), ("gain", gain), ("gap", gap), ("pgr", pgr)):
                values[name][i, j] = np.nan if got.value is None else got.value
                values[f"{name}_stderr"][i, j] = np.nan if got.stderr is None else got.stderr
            values["base"][i, j], values["reference"][i, j] = (
                estimate(part).value for part in (base, reference))  # fmt: skip
    noise = rng.standard_normal((teachers, languages, len(METRICS)))
    centre = np.array([0.3, 0.3, 10.0, 3.0])
    truth = skill[:, None, None] * np.array([1.0, 1.0, -20.0, 5.0])
    return Grid(
        tuple(f"t{i:03}" for i in range(teachers)), LANGUAGES[:languages], values,
        centre + truth + error * noise, np.full((teachers, languages, len(METRICS)), error),
        items=tuple(found) if stored else (),
    )  # fmt: skip


def _answers(
    rng: np.random.Generator, skill: FloatArray, tasks: int, n: int, seeds: int, seed_sd: float
) -> LanguageItems:
    students, bases, references = [], [], []
    moved = 0.55 + skill[:, None] + seed_sd * rng.standard_normal((len(skill), seeds))
    for _ in range(tasks):
        difficulty = rng.random(n)

        def answer(level: FloatArray, difficulty: FloatArray = difficulty) -> FloatArray:
            shape = (*level.shape, n)
            return (0.5 * difficulty + 0.5 * rng.random(shape) < level[..., None]).astype(float)

        students.append(answer(moved))
        bases.append(np.repeat(answer(np.array([0.4])), seeds, axis=0))
        references.append(np.repeat(answer(np.array([0.7])), seeds, axis=0))
    names = tuple(f"task{t}" for t in range(tasks))
    return LanguageItems(names, tuple(students), tuple(bases), tuple(references))


def over_seeds(tasks: Sequence[FloatArray]) -> Arrays:
    """Average answers [K, items] of each task over seeds."""
    return tuple(task.mean(axis=0) for task in tasks)


def doubt(grid: Grid, **options: Any) -> Uncertainty:
    """Score a board and say how sure it is."""
    scores = score_grid(grid, alpha=options.get("alpha", 0.5), pool=options.get("pool"))
    return uncertainty(grid, scores, **{"resamples": 2000, **options})

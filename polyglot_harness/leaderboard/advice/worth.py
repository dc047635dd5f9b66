"""What a further measurement is worth: the knowledge gradient (Frazier, Powell, Dayanik 2009).

A measurement is worth what it is expected to add to the true value of the teacher that is then
chosen. One that cannot change the choice is worth nothing, however uncertain its cell.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from polyglot_harness.leaderboard.advice.knowledge import Known
from polyglot_harness.leaderboard.advice.prediction import Cells, Fit, moments, typical_noise
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.spec import Record

Who = tuple[str, str]
NEIGHBOURS = 10
"""Teachers, the likeliest best ones, whose cells in other languages and students are considered."""
POINTS = 2001
"""Of the normal distribution, at the middles of so many equal parts."""
NOTHING = 1e-9
"""Worth that is rounding."""
STRATEGIES = {"gen": "generate", "tr": "translate", "resp": "respond", "refine": "refine"}


class Next(Record):
    """A measurement to make."""

    teacher: str
    language: str
    student: str
    worth: float
    """Expected improvement of the true value of the teacher that is chosen."""
    cost_usd: float | None
    """Of the teacher's replies; None is not known. The student's training is not in it."""
    worth_per_usd: float | None
    again: bool
    """Whether the cell is measured already: then with other items, or another seed."""
    command: str


def next_measurements(
    model: Fit,
    number: Callable[[Sequence[tuple[Who, str, str]]], Cells],
    candidates: Sequence[Who],
    likely: Sequence[Who],
    language: str,
    student: str,
    *,
    labels: Mapping[Who, str],
    cells: Mapping[tuple[Who, str, str], Known],
    costs: Mapping[tuple[Who, str], float | None],
    condition: Mapping[str, str],
    top: int = 5,
) -> tuple[Next, ...]:
    """Return the measurements that are worth most, best first.

    Args:
        model: What is known.
        number: Numbers cells for the model.
        candidates: Teachers that may be chosen.
        likely: The same, the likeliest best first.
        language: In which the teacher is to teach.
        student: Whom.
        labels: How teachers are shown.
        cells: What was measured.
        costs: Dollars for the replies of a cell, by teacher and language.
        condition: Fields of the signature under which all cells were made.
        top: How many.
    """
    languages = sorted({x for _, x, _ in cells} - {language})
    students = sorted({s for _, _, s in cells} - {student})
    options = [(who, language, student) for who in candidates]
    for who in likely[:NEIGHBOURS]:
        options += [(who, other, student) for other in languages]
        options += [(who, language, other) for other in students]
    _, covariance = moments(model, number(options))
    mean, _ = moments(model, number(options[: len(candidates)]))
    worth = knowledge_gradient(mean, covariance[: len(candidates)], np.diag(covariance),
                               typical_noise(model))  # fmt: skip
    order = [i for i in np.argsort(-worth, kind="stable")[:top] if worth[i] > NOTHING]
    return tuple(
        _next(options[i], float(worth[i]), labels, cells.get(options[i]), costs, condition)
        for i in order
    )


def knowledge_gradient(
    mean: FloatArray, covariance: FloatArray, variance: FloatArray, noise: float
) -> FloatArray:
    """Return what one measurement of each option is worth, [m].

    Args:
        mean: Of the true values of the candidates, [n].
        covariance: Between them and the options, [n, m].
        variance: Of the true values of the options, [m].
        noise: Variance of a measurement.
    """
    from scipy.special import ndtri

    z = ndtri((np.arange(POINTS) + 0.5) / POINTS)
    step = covariance / np.sqrt(np.maximum(variance + noise, 1e-300))
    gains = [
        (mean[:, None] + np.outer(option, z)).max(axis=0).mean() - mean.max() for option in step.T
    ]
    worth: FloatArray = np.maximum(np.array(gains), 0.0)
    return worth


def _next(
    option: tuple[Who, str, str],
    worth: float,
    labels: Mapping[Who, str],
    measured: Known | None,
    costs: Mapping[tuple[Who, str], float | None],
    condition: Mapping[str, str],
) -> Next:
    who, language, student = option
    usd = costs[who, language]
    return Next(
        teacher=labels[who],
        language=language,
        student=student,
        worth=worth,
        cost_usd=usd,
        worth_per_usd=worth / usd if usd else None,
        again=measured is not None,
        command=run_command(
            who[0], language, student, condition, measured.seeds if measured else None
        ),
    )


def run_command(
    teacher: str,
    language: str,
    student: str,
    condition: Mapping[str, str] | None = None,
    seeds: Sequence[int] | None = None,
) -> str:
    """Return the command that measures a cell, under the condition where it can be said by flags.

    Args:
        teacher: Name of a card.
        language: Code.
        student: Name of a card.
        condition: Fields of the signature.
        seeds: Those with which the cell was measured already; None if it was not.
    """
    condition = condition or {}
    parts = ["polyglot-harness", "run", "--teacher", teacher, "--languages", language]
    parts += ["--student", student]
    strategies = [STRATEGIES.get(s, "") for s in condition.get("strat", "").split("+")]
    if all(strategies):
        parts += ["--strategies", ",".join(strategies)]
    if condition.get("n", "").isdecimal():
        parts += ["--limit", condition["n"]]
    if recipe := condition.get("sft", "").partition("@")[0]:
        parts += ["--recipe", recipe]
    if seeds is not None:
        parts += ["--seed", str(max(seeds, default=0) + 1)]
    return shlex.join(parts)

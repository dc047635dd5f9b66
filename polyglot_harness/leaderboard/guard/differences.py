"""How far a number has moved, and by how much it moves when nothing has changed.

Where both sides answered the same items, they are compared item by item: under the hypothesis that
nothing has changed the two answers to an item may be swapped, so a difference d_i has mean 0 and
variance E d_i^2, and a mean over T tasks of n_t items has ``sum_t sum_i d_i^2 / n_t^2 / T^2``
(McNemar 1947, as a score test, stratified by task). It contains the independent flips of items that
another seed brings, and no variance of which items were asked, for they are the same. Elsewhere the
sides' own standard errors stand in, as if independent; that is too wide where they are not.

What a seed does to all items together is in neither. It shows between replicates: `Spread`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyglot_harness.leaderboard.guard.cells import Number
from polyglot_harness.leaderboard.guard.guarded import RAW, Guarded
from polyglot_harness.leaderboard.guard.matching import Group, Match
from polyglot_harness.leaderboard.results import decode
from polyglot_harness.scoring.items import FloatArray


@dataclass(frozen=True)
class Noise:
    """Variance of a difference, on the scale of `Guarded.scaled`."""

    variance: float
    """Without what a seed does to all items together."""
    df: float
    """Degrees of freedom of that estimate; infinite if the normal distribution serves."""
    seeds: float
    """How often the variance of a seed enters: 1 / K before + 1 / K after."""


@dataclass(frozen=True)
class Spread:
    """Replicates of a group."""

    between: float
    """Variance of their values, unbiased."""
    within: float
    """What of it items or examples explain that each replicate draws for itself."""
    df: int


@dataclass(frozen=True)
class Difference:
    """A number before and after."""

    before: float
    after: float
    better: float
    """after - before on the scale of `Guarded.scaled`: positive is better."""
    noise: Noise | None
    """None where a side has no standard error."""
    method: str
    """What the noise was taken from, in a few words."""
    spreads: tuple[Spread, ...] = ()
    """Of the sides that have replicates."""


def difference(match: Match, what: Guarded) -> Difference | None:
    """Return how a number has moved; None where a side (or a replicate of it) misses it."""
    before, after = (_numbers(g, what.name) for g in (match.before, match.after))
    if before is None or after is None:
        return None
    if what.name == RAW and (paired := _by_item(match)):
        return paired
    return _by_error(before, after, what)


def _numbers(group: Group, name: str) -> list[Number] | None:
    found = [c.numbers[name] for c in group.cells if name in c.numbers]
    return found if len(found) == len(group.cells) else None


def _by_item(match: Match) -> Difference | None:
    tasks = _shared_tasks(match)
    if not tasks:
        return None
    before, after = (_answers(g, tasks) for g in (match.before, match.after))
    moved = [a.mean(axis=0) - b.mean(axis=0) for a, b in zip(after, before, strict=True)]
    n = sum(d.size for d in moved)
    noise = Noise(_mean_variance([d**2 for d in moved]), math.inf, _seeds(match))
    others = len({t for g in (match.before, match.after) for c in g.cells for t in c.items})
    of = f"{len(tasks)} of {others}" if others > len(tasks) else str(len(tasks))
    return Difference(
        before=_mean(before),
        after=_mean(after),
        better=float(np.mean([d.mean() for d in moved])),
        noise=noise,
        method=f"paired, {n:,} items of {of} task{'s' * (others > 1)}",
        spreads=tuple(_item_spread(side) for side in (before, after) if len(side[0]) > 1),
    )


def _shared_tasks(match: Match) -> list[str]:
    """Return the tasks of which all replicates of both sides answered the same items."""
    first, *others = (*match.before.cells, *match.after.cells)
    return [
        task
        for task, (ids, answers) in first.items.items()
        if len(answers)
        and all(
            task in c.items and c.items[task][0] == ids and len(c.items[task][1]) == len(answers)
            for c in others
        )
    ]


def _answers(group: Group, tasks: Sequence[str]) -> list[FloatArray]:
    """Return one array a task, [replicates, items]."""
    return [np.stack([decode(cell.items[task][1]) for cell in group.cells]) for task in tasks]


def _mean(answers: Sequence[FloatArray]) -> float:
    return float(np.mean([a.mean() for a in answers]))


def _mean_variance(variances: Sequence[FloatArray]) -> float:
    """Return the variance of a mean over tasks of means over items, from those of the items."""
    return math.fsum(float(v.sum()) / v.size**2 for v in variances) / len(variances) ** 2


def _item_spread(answers: Sequence[FloatArray]) -> Spread:
    runs = np.mean([a.mean(axis=1) for a in answers], axis=0)
    within = _mean_variance([a.var(axis=0, ddof=1) for a in answers])
    return Spread(float(runs.var(ddof=1)), within, len(runs) - 1)


def _seeds(match: Match) -> float:
    return 1 / len(match.before.cells) + 1 / len(match.after.cells)


def _by_error(
    before: Sequence[Number], after: Sequence[Number], what: Guarded
) -> Difference | None:
    sides = [_scaled(side, what) for side in (before, after)]
    if any(not math.isfinite(v) for values, _ in sides for v in values):
        return None
    low, high = (math.fsum(values) / len(values) for values, _ in sides)
    return Difference(
        before=math.fsum(n.value for n in before) / len(before),
        after=math.fsum(n.value for n in after) / len(after),
        better=high - low,
        noise=_error_noise((before, after), sides),
        method="standard errors",
        spreads=tuple(
            Spread(float(np.var(values, ddof=1)), math.fsum(e**2 for e in errors) / len(errors),
                   len(values) - 1)
            for values, errors in sides if len(values) > 1 and errors
        ),
    )  # fmt: skip


def _scaled(side: Sequence[Number], what: Guarded) -> tuple[list[float], list[float]]:
    """Return values and standard errors of replicates; no errors if one is missing."""
    if what.ratio and any(number.value <= 0 for number in side):
        return [math.nan], []
    errors = [n.log_stderr if what.ratio else n.stderr for n in side]
    known = [e for e in errors if e is not None]
    return [what.scaled(n.value) for n in side], known if len(known) == len(errors) else []


def _error_noise(
    numbers: Sequence[Sequence[Number]], sides: Sequence[tuple[list[float], list[float]]]
) -> Noise | None:
    if not all(errors for _, errors in sides):
        return None
    parts = [
        (e**2 / len(errors) ** 2, number.n - 1)
        for side, (_, errors) in zip(numbers, sides, strict=True)
        for number, e in zip(side, errors, strict=True)
    ]
    variance = math.fsum(v for v, _ in parts)
    return Noise(variance, welch(parts), math.fsum(1 / len(side) for side in numbers))


def welch(parts: Sequence[tuple[float, float]]) -> float:
    """Return the degrees of freedom of a sum of estimated variances (Welch 1947).

    Args:
        parts: (variance, degrees of freedom); below 1 these are not known, and taken as infinite.
    """
    doubt = math.fsum(v**2 / df for v, df in parts if df >= 1)
    return math.fsum(v for v, _ in parts) ** 2 / doubt if doubt > 0 else math.inf

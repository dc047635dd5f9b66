"""Accuracies of single items: checked, aligned, and averaged with a standard error.

Student, base and reference answer the same items, so every comparison here is paired by item. A
mean over fewer items than the others have would be another number: it is refused, never returned.
Means are over the tasks that all have (a student behind a server does fewer); what is left out
for that is named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polyglot_harness.errors import StageError

Items = Mapping[str, Mapping[str, float]]
"""Task -> item id -> accuracy, 0 to 1."""
FloatArray = npt.NDArray[np.float64]
Arrays = tuple[FloatArray, ...]
"""One array a task, shape (items of the task,)."""


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error, in the same unit; None where there is none."""

    value: float | None = None
    stderr: float | None = None


def shared(parts: Mapping[str, Items], where: str = "") -> tuple[dict[str, Items], tuple[str, ...]]:
    """Return each part's items of the tasks that all parts have, and what is left out.

    Args:
        parts: Name of the part -> its items.
        where: What is scored; it starts the message of an error.

    Returns:
        Name -> items, and e.g. ``"task:polyglot_mgsm_de (reference)"``, where the reference lacks
        that task, by name of the task.

    Raises:
        StageError: If a part has no task, or there is none that all have.
    """
    tasks = sorted({task for items in parts.values() for task in items})
    lacking = {t: [name for name, items in parts.items() if t not in items] for t in tasks}
    common = [task for task in tasks if not lacking[task]]
    prefix = f"{where}: " if where else ""
    for name, items in parts.items():
        if not items:
            raise StageError(f"{prefix}{name}: no tasks were evaluated")
    if parts and not common:
        had = "; ".join(f"{name}: {', '.join(sorted(items))}" for name, items in parts.items())
        raise StageError(f"{prefix}no task was evaluated for all of them ({had})")
    return (
        {name: {task: items[task] for task in common} for name, items in parts.items()},
        tuple(f"task:{t} ({', '.join(lacking[t])})" for t in tasks if lacking[t]),
    )


def align(parts: Mapping[str, Items], where: str = "") -> dict[str, Arrays]:
    """Turn items into arrays in which the same place is the same item for every part.

    Args:
        parts: Name of the part (e.g. ``"student"``, ``"base"``) -> its items.
        where: What is scored; it starts the message of an error.

    Returns:
        Name -> one array a task, tasks and items in sorted order.

    Raises:
        StageError: If the parts differ in tasks or items, if there are none, or if an accuracy is
            not within 0 to 1.
    """
    prefix = f"{where}: " if where else ""
    for name, items in parts.items():
        _check_values(prefix + name, items)
    names = list(parts)
    for other in names[1:]:
        difference = _difference(names[0], parts[names[0]], other, parts[other])
        if difference:
            raise StageError(f"{prefix}{difference}; a mean over a part of them is not comparable")
    return {name: _arrays(items) for name, items in parts.items()}


def _arrays(items: Items) -> Arrays:
    return tuple(
        np.array([items[task][item] for item in sorted(items[task])], dtype=np.float64)
        for task in sorted(items)
    )


def _check_values(where: str, items: Items) -> None:
    if not items:
        raise StageError(f"{where}: no tasks were evaluated")
    for task, values in items.items():
        if not values:
            raise StageError(f"{where}: task {task} has no items")
        wrong = next((i for i, v in values.items() if not 0 <= v <= 1), None)
        if wrong is not None:
            raise StageError(
                f"{where}: task {task}, item {wrong}: accuracy {values[wrong]} is not within 0 to 1"
            )


def _difference(name: str, items: Items, other: str, others: Items) -> str:
    """Say in which tasks or items two parts differ; "" if in none."""
    for left, mine, right, theirs in (name, items, other, others), (other, others, name, items):
        extra = sorted(set(mine) - set(theirs))
        if extra:
            return f"task {extra[0]} was evaluated for {left} but not for {right}"
        for task in sorted(mine):
            ids = sorted(set(mine[task]) - set(theirs.get(task, ())))
            if ids:
                shown = ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")
                return f"task {task}: {len(ids)} item(s) of {left} not of {right} ({shown})"
    return ""


def subtract(left: Arrays, right: Arrays) -> Arrays:
    """Return the differences, item by item."""
    return tuple(a - b for a, b in zip(left, right, strict=True))


def count(arrays: Arrays) -> int:
    """Return the number of items over all tasks."""
    return sum(a.size for a in arrays)


def estimate(arrays: Arrays) -> Estimate:
    """Return the unweighted mean over tasks of the mean over items, with its standard error.

    The items of a task are a sample, the tasks are fixed (strata): with T tasks of n_t items the
    error is ``sqrt(sum_t var_t / n_t) / T``, var_t unbiased (n_t - 1). Given paired differences
    (`subtract`) it is the paired error. It is None if a task has fewer than two items.
    """
    value = float(np.mean([a.mean() for a in arrays]))
    if min(a.size for a in arrays) < 2:
        return Estimate(value)
    variance = math.fsum(float(a.var(ddof=1)) / a.size for a in arrays)
    return Estimate(value, math.sqrt(variance) / len(arrays))

"""What a file of benchmark results says of a model, whichever program wrote it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.scoring.items import Estimate

ACCURACIES = (
    "acc", "acc_norm", "exact_match", "em", "quasi_exact_match", "qem", "extractive_match", "f1",
)  # fmt: skip
"""Metrics of both programs that are shares of right answers; others are to be named."""


@dataclass(frozen=True)
class TaskScores:
    """A model's answers to the items of a task; accuracies are 0 to 1."""

    metric: str
    conditions: tuple[tuple[str, str], ...]
    """What must agree for two models to be compared: version, shots."""
    mean: Estimate
    n: int
    """Documents; 0 where it is not said."""
    items: Mapping[str, float] | None = None
    """Item -> accuracy; None where the answers are not stored."""
    asked: Mapping[str, str] | None = None
    """Document -> digest of question and right answer."""
    prompts: str = ""
    """Digest of what the model read; it differs where chat templates do."""


@dataclass(frozen=True)
class Evaluation:
    """A file of results."""

    path: Path
    sha256: str
    model: str
    tasks: Mapping[str, TaskScores]
    """Those that were wanted."""
    offered: tuple[str, ...]
    """All tasks of the file."""
    said: Mapping[str, Any]
    """Date, versions: as the file gives them."""


def choose_metric(task: str, found: Sequence[str], wanted: Mapping[str, str], where: str) -> str:
    """Return the metric that is a task's accuracy.

    Args:
        task: Its name.
        found: Its metrics, ``name`` or ``name,filter``, the program's own first one first.
        wanted: Task, or "" for all others, -> ``name`` or ``name,filter``.
        where: Starts the message of an error.

    Returns:
        The one that is wanted, or else the first one that is an accuracy by its name.

    Raises:
        ConfigError: If there is none.
    """
    name = wanted.get(task) or wanted.get("")
    if name:
        match = next((m for m in found if name in (m, m.partition(",")[0])), None)
        if match is None:
            raise ConfigError(f"{where}: {unknown_name(f'metric of {task}', name, found)}")
        return match
    known = next((m for m in found if m.partition(",")[0] in ACCURACIES), None)
    if known is None:
        raise ConfigError(
            f"{where}: {task}: none of its metrics ({', '.join(found) or 'none'}) is known to be "
            "an accuracy; name one with --metric TASK=NAME"
        )
    return known


def check_mean(values: Iterable[float], reported: float, what: str) -> None:
    """Raise ConfigError unless the reported mean is that of the values."""
    found = list(values)
    mean = math.fsum(found) / len(found)
    if abs(mean - reported) > 1e-6:
        raise ConfigError(
            f"{what}: the answers have a mean of {mean:.6g}, the results say {reported:.6g}: not "
            "of one run, or no plain mean; name another one with --metric TASK=NAME"
        )


def chosen_tasks(names: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Return those of a file's tasks that are wanted, sorted; all for ()."""
    return sorted(set(names) & set(wanted) if wanted else set(names))

"""What a check is asked, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from polyglot_harness.leaderboard.guard.differences import Difference
from polyglot_harness.leaderboard.guard.guarded import DEFAULT, Guarded
from polyglot_harness.leaderboard.guard.matching import Group

Outcome = Literal[
    "regression", "vanished", "changed", "unknown", "unsure", "improvement", "new", "same"
]
MEAN = "mean"
"""Stands for the language of a mean over languages."""


@dataclass(frozen=True)
class Options:
    """How strict the check is."""

    metrics: tuple[str, ...] = DEFAULT
    tolerances: Mapping[str, float] = field(default_factory=dict)
    """Name -> tolerance, over the defaults (`guarded.TOLERANCES`)."""
    level: float = 0.05
    """Probability of a false alarm of the whole check."""
    seed_sd: float | None = None
    """Of the student's accuracy: what a seed does to all items together; None to estimate it."""
    allow_missing: bool = False
    allow_change: tuple[str, ...] = ()
    """Fields of the signature."""
    strict: bool = False
    """Fail where it cannot be told."""


@dataclass(frozen=True)
class Finding:
    """What has become of one number of a cell, or of the cell as a whole."""

    outcome: Outcome
    group: Group
    """Of the baseline; of the candidate where it is new."""
    language: str
    """`MEAN` for the mean over languages."""
    after: Group | None = None
    """Of the candidate."""
    metric: Guarded | None = None
    """None for a cell that vanished, is new, or whose conditions changed."""
    moved: Difference | None = None
    stderr: float | None = None
    """Of the difference, on the scale of `Guarded.scaled`, seeds included."""
    tails: tuple[float, float] | None = None
    """One-sided p that it is no worse, and no better, each tested alone."""
    p: float | None = None
    """The p of the direction in which it moved, corrected by Holm."""
    changes: tuple[tuple[str, str, str], ...] = ()
    """Field of the signature, its value before, its value after."""


@dataclass(frozen=True)
class Report:
    """All findings, and what else is to be said."""

    findings: tuple[Finding, ...]
    """In the order of `Outcome`; within it the surest first."""
    notes: tuple[str, ...]
    failing: frozenset[Outcome]
    level: float

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Return what the check fails for."""
        return tuple(f for f in self.findings if f.outcome in self.failing)

"""The answer of `recommend`, as its JSON has it."""

from __future__ import annotations

from polyglot_harness.leaderboard.advice.costs import Cost
from polyglot_harness.leaderboard.advice.knowledge import By
from polyglot_harness.leaderboard.advice.worth import Next
from polyglot_harness.spec import Record


class Advised(Record):
    """A teacher, and what its student is expected to reach."""

    rank: int
    teacher: str
    revision: str
    expected: float
    """Posterior mean; gains are shares of items, 0.01 is a point."""
    low_80: float
    high_80: float
    low_95: float
    high_95: float
    p_best: float
    """Probability that no other teacher that was kept is better."""
    measured: bool
    """With this student in this language; else predicted."""
    cells: int
    """Of this teacher, of whatever student and language."""
    cost: Cost
    licence: str
    size_b: float | None
    note: str = ""


class Calibration(Record):
    """How well the model predicts each measured cell from all the others."""

    n: int
    mean_error: float
    """Mean absolute error."""
    baseline: float
    """The same of the mean of the other cells of the same student and language, or of all where
    there is no other."""
    within_80: float
    within_95: float


class Removed(Record):
    """A teacher that is not ranked."""

    teacher: str
    why: str


class Advice(Record):
    """What is recommended; `rows` is empty if nothing is known."""

    language: str
    student: str
    by: By
    examples: int
    sure: str
    """How sure it is, in sentences."""
    condition: str = ""
    """Part of the signature that all cells share."""
    n_cells: int = 0
    """That the model was made of."""
    rows: tuple[Advised, ...] = ()
    removed: tuple[Removed, ...] = ()
    next: tuple[Next, ...] = ()
    most: float = 0.0
    """What knowing everything would add to the expected value of the best choice."""
    calibration: Calibration | None = None
    notes: tuple[str, ...] = ()

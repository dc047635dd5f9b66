"""Results of record: what was measured of a teacher, before it is compared with any other.

A file ``<teacher>/<revision>/<student>/<language>.json`` holds the facts of both models and one row
for each condition (signature). Nothing in it depends on which other teachers are there: z-scores,
scores and ranks are made anew whenever a board is built (see `leaderboard.boards`).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator

from polyglot_harness.spec import Measurement, Pairs, Record

SCHEMA_VERSION = 2
"""Of results files and of leaderboard.json; older ones are migrated step by step."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Accuracies = Annotated[str, Field(pattern=r"^[01]+$")] | tuple[Share, ...]
"""One accuracy an item, in the order of their sorted ids: ``"0110"`` where each is 0 or 1."""


class TeacherFacts(Record):
    """Who taught."""

    name: str = Field(min_length=1)
    revision: str = Field(min_length=1)
    """Commit of the weights where the card pins one, else a digest of all that shapes replies."""
    model: str = ""
    """The lm-eval backend and the model it was asked for, e.g. ``hf:google/gemma-3-270m``."""
    family: str = ""
    licence: str = ""
    url: str = ""
    notes: str = ""
    size_b: Annotated[Finite, Field(gt=0)] | None = None
    """Billions of parameters."""
    price_in: Annotated[Finite, Field(ge=0)] | None = None
    """US dollars per million tokens, as in the card."""
    price_out: Annotated[Finite, Field(ge=0)] | None = None


class StudentFacts(Record):
    """Who was taught."""

    name: str = Field(min_length=1)
    revision: str = ""
    family: str = ""
    licence: str = ""
    url: str = ""
    size_b: Annotated[Finite, Field(gt=0)] | None = None


class TaskItems(Record):
    """The answers of student, base and reference to the items of a task."""

    task: str = Field(min_length=1)
    ids: str
    """`spec.digest` of the sorted item ids: answers are paired only where it is the same."""
    student: Accuracies
    base: Accuracies | None = None
    reference: Accuracies | None = None


class Shown(Record):
    """An accepted example, to be looked at."""

    strategy: str
    prompt: str
    response: str
    finish_reason: str = ""
    cut: bool = False
    """Whether a text is only the beginning."""


class Row(Record):
    """One cell under one condition. Accuracies are shares, 0 to 1; None is missing."""

    signature: str
    """See `signature`; the teacher is not part of it."""
    mixture: str = "alone"
    seed: int | None = None
    """Rows that differ in nothing but the seed are replicates."""
    strategies: tuple[str, ...] = ()
    raw: Finite | None = None
    """Mean accuracy of the student over tasks."""
    raw_stderr: Finite | None = None
    base: Finite | None = None
    reference: Finite | None = None
    gain: Finite | None = None
    """raw - base, its error paired by item."""
    gain_stderr: Finite | None = None
    gap: Finite | None = None
    """reference - base, likewise."""
    gap_stderr: Finite | None = None
    pgr: Finite | None = None
    pgr_stderr: Finite | None = None
    z: Finite | None = None
    """Only of foreign results that give z without its metrics; else it is made with the board."""
    flags: tuple[str, ...] = ()
    """Of the anchors."""
    missing: tuple[str, ...] = ()
    n_items: int = Field(0, ge=0)
    n_examples: int | None = Field(None, ge=0)
    """Accepted examples that the teacher wrote."""
    n_replies: int | None = Field(None, ge=0)
    """Replies that the teacher gave."""
    cost_usd: Annotated[Finite, Field(ge=0)] | None = None
    """What all replies cost by the prices of the card; None where it has none."""
    tokens_in: int | None = Field(None, ge=0)
    tokens_out: int | None = Field(None, ge=0)
    measurements: tuple[Measurement, ...] = ()
    correlations: tuple[tuple[str, str, Finite], ...] = ()
    """Between the examples' parts in two intrinsic metrics, -1 to 1; a pair not named has 0."""
    rejections: tuple[tuple[str, int], ...] = ()
    """Reason -> replies."""
    items: tuple[TaskItems, ...] = ()
    """By task, sorted; () where the answers are not stored."""
    examples: tuple[Shown, ...] = ()
    source: str = "polyglot-harness"
    """Which program measured it, e.g. ``lm-eval``."""
    provenance: Pairs = ()

    @field_validator("measurements")
    @classmethod
    def _finite(cls, found: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        for m in found:
            for value in (m.value, m.stderr, m.low, m.high):
                if value is not None and not math.isfinite(value):
                    raise ValueError(f"{m.name} is {value}, expected a number or null")
        return found


class ResultsFile(Record):
    """All rows of a teacher, at one revision, with a student in a language."""

    schema_version: Literal[2] = 2
    sha256: str = ""
    """Over the bytes of the file with 64 zeros in its place."""
    teacher: TeacherFacts
    student: StudentFacts
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    rows: tuple[Row, ...]
    """Sorted by signature; none comes twice."""

    @field_validator("rows")
    @classmethod
    def _once(cls, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        signatures = [row.signature for row in rows]
        if len(set(signatures)) < len(signatures):
            twice = next(s for s in signatures if signatures.count(s) > 1)
            raise ValueError(f"two rows of the same signature: {twice}")
        return rows

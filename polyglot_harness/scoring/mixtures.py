"""What a mixture does to the languages in it, to others, and to English (arXiv 2401.01854)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from polyglot_harness.scoring.items import Estimate, Items, align, count, estimate, shared, subtract
from polyglot_harness.spec import Mixture, Record

ENGLISH = "en"
CONTROL = "english"
"""Stands for the teacher of a student whose mixture holds no teacher's data."""
Role = Literal["seen", "unseen", "english"]
ROLES: tuple[Role, ...] = ("seen", "unseen", "english")


@dataclass(frozen=True)
class MixedStudent:
    """The answers of the student of a teacher and mixture."""

    teacher: str
    """`CONTROL` where the mixture holds English alone."""
    mixture: Mixture
    items: Mapping[str, Items]
    """By language; one that failed is missing."""


class MixtureRow(Record):
    """The student of a teacher and mixture in one language, or in the mean of several."""

    teacher: str
    """``english`` where the mixture holds English alone."""
    mixture: str
    role: Role
    """Whether the language is in the mixture beside English."""
    languages: tuple[str, ...]
    raw: float | None
    """Mean accuracy over the tasks, 0 to 1."""
    raw_stderr: float | None
    gain: float | None
    """raw minus the untrained base's, paired by item."""
    gain_stderr: float | None
    change: float | None
    """raw minus that of the student of English alone (``pinch:0``), paired by item; None where the
    run has none."""
    change_stderr: float | None
    n_items: int


def mixture_rows(
    students: Sequence[MixedStudent], base: Mapping[str, Items], seen: Sequence[str]
) -> tuple[MixtureRow, ...]:
    """Return a row a student and language, each compared with the base and with English alone.

    Args:
        students: Of all mixtures.
        base: The untrained student's items by language.
        seen: The languages that are mixed in.

    Raises:
        StageError: If two students answered different items of a language.
    """
    control = next((s.items for s in students if s.teacher == CONTROL), {})
    return tuple(
        _row(student, code, items, base.get(code), control.get(code), _role(code, seen))
        for student in students
        for code, items in student.items.items()
    )


def mean_rows(rows: Sequence[MixtureRow]) -> tuple[MixtureRow, ...]:
    """Return the means over the languages of each role; None where one lacks the number."""
    means = []
    for teacher, mixture in dict.fromkeys((row.teacher, row.mixture) for row in rows):
        for role in ROLES:
            key = (teacher, mixture, role)
            group = [row for row in rows if (row.teacher, row.mixture, row.role) == key]
            if group:
                means.append(_mean(group))
    return tuple(means)


def _role(code: str, seen: Sequence[str]) -> Role:
    if code == ENGLISH:
        return "english"
    return "seen" if code in seen else "unseen"


def _row(
    student: MixedStudent, code: str, items: Items, base: Items | None, control: Items | None,
    role: Role,
) -> MixtureRow:  # fmt: skip
    raw, gain, change = Estimate(), Estimate(), Estimate()
    where = f"{student.teacher} {student.mixture} ({code})"
    parts = {"student": items}
    parts |= {"base": base} if base else {}
    parts |= {"english": control} if control else {}
    arrays = align(shared(parts, where)[0], where)
    raw = estimate(arrays["student"])
    if base:
        gain = estimate(subtract(arrays["student"], arrays["base"]))
    if control and student.teacher != CONTROL:
        change = estimate(subtract(arrays["student"], arrays["english"]))
    return MixtureRow(
        teacher=student.teacher,
        mixture=str(student.mixture),
        role=role,
        languages=(code,),
        raw=raw.value,
        raw_stderr=raw.stderr,
        gain=gain.value,
        gain_stderr=gain.stderr,
        change=change.value,
        change_stderr=change.stderr,
        n_items=count(arrays["student"]),
    )


def _mean(rows: Sequence[MixtureRow]) -> MixtureRow:
    """Languages are fixed and their items independent: errors add in squares."""
    found: dict[str, float | None] = {}
    for name in ("raw", "gain", "change"):
        values = [getattr(row, name) for row in rows]
        errors = [getattr(row, f"{name}_stderr") for row in rows]
        found[name] = None if None in values else math.fsum(values) / len(rows)
        found[f"{name}_stderr"] = (
            None if None in errors else math.sqrt(math.fsum(e * e for e in errors)) / len(rows)
        )
    first = rows[0]
    return MixtureRow(
        teacher=first.teacher,
        mixture=first.mixture,
        role=first.role,
        languages=tuple(code for row in rows for code in row.languages),
        n_items=sum(row.n_items for row in rows),
        **found,
    )

"""Cells and their anchors: what a score is made of, checked before any is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyglot_harness.errors import ConfigError
from polyglot_harness.scoring.items import Items
from polyglot_harness.signature import parse_signature
from polyglot_harness.spec import Measurement


@dataclass(frozen=True)
class Cell:
    """One teacher in one language: its student's answers and what was measured of its data."""

    teacher: str
    language: str
    student: str
    signature: str
    items: Items | None
    """None if the student could not be trained or evaluated."""
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True)
class Anchors:
    """The base (lower) and the reference (upper) on the student's items."""

    base: Items | None = None
    """None if missing, for which `failed` must give a reason; likewise `reference`."""
    reference: Items | None = None
    student: str = ""
    """Whose they are; "" if that is not known."""
    tasks: str = ""
    """The field ``tasks`` of the signature that they were evaluated under; "" if not known."""
    failed: str = ""
    """Why one is missing, e.g. the error of the stage: then cells are shown as incomplete."""


def check_anchors(cells: Sequence[Cell], anchors: Mapping[str, Anchors]) -> None:
    """Refuse anchors that are not the cells' own, or that are missing without a reason.

    Raises:
        ConfigError: If cells are of several students or come twice, or if the anchors of a language
            are another student's, of other tasks, or missing.
    """
    students = sorted({cell.student for cell in cells})
    if len(students) > 1:
        raise ConfigError(
            f"score one student at a time: anchors are a student's own ({', '.join(students)})"
        )
    seen: set[tuple[str, str]] = set()
    for cell in cells:
        if (cell.teacher, cell.language) in seen:
            raise ConfigError(f"two cells of {cell.teacher} in {cell.language}: keep one")
        seen.add((cell.teacher, cell.language))
        own = anchors.get(cell.language, Anchors())
        where = f"{cell.teacher}, {cell.language}"
        if own.student and own.student != cell.student:
            raise ConfigError(
                f"{where}: anchors are a student's own: these are of {own.student}, the cell is of "
                f"{cell.student}; evaluate base and reference of {cell.student}"
            )
        tasks = parse_signature(cell.signature).get("tasks", "")
        if own.tasks and tasks and own.tasks != tasks:
            raise ConfigError(
                f"{where}: the anchors were evaluated on tasks:{own.tasks}, the student on "
                f"tasks:{tasks}; evaluate both alike"
            )
        parts = {"base": own.base, "reference": own.reference}
        missing = [name for name, items in parts.items() if items is None]
        if missing and not own.failed:
            raise ConfigError(
                f"{where}: no answers of the {' and the '.join(missing)} of {cell.student}: "
                "evaluate them on the same tasks, or say in Anchors.failed why they are missing"
            )

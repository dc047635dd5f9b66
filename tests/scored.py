"""Cells and answers of which scores are made by hand."""

from __future__ import annotations

from polyglot_harness.scoring import Cell, Items
from polyglot_harness.spec import Measurement


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

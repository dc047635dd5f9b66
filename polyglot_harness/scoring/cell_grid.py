"""The cells of a run as a board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from polyglot_harness.scoring.cells import Anchors, Cell
from polyglot_harness.scoring.extrinsic import Extrinsic
from polyglot_harness.scoring.grid import VALUES, Grid, LanguageItems, or_nan
from polyglot_harness.scoring.intrinsic_z import METRICS
from polyglot_harness.scoring.items import Estimate, Items, align, shared
from polyglot_harness.scoring.pgr import ANCHOR_FLAGS

_WITH_ERROR = tuple(name for name in VALUES if name not in ("base", "reference"))
_ORDER = {name: m for m, name in enumerate(METRICS)}


def grid_of_cells(
    teachers: tuple[str, ...],
    languages: tuple[str, ...],
    cells: Sequence[Cell],
    found: Sequence[Extrinsic],
    anchors: Mapping[str, Anchors],
) -> Grid:
    """Return the board of cells.

    Args:
        teachers: In the order of the board.
        languages: Likewise.
        cells: At most one a teacher and language.
        found: What the answers of each cell say.
        anchors: By language.
    """
    shape = (len(teachers), len(languages))
    names = (*VALUES, *(f"{name}_stderr" for name in _WITH_ERROR))
    values = {name: np.full(shape, np.nan) for name in names}
    metrics, errors = (np.full((*shape, len(METRICS)), np.nan) for _ in range(2))
    unsound, present = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    rows = {teacher: i for i, teacher in enumerate(teachers)}
    columns = {language: j for j, language in enumerate(languages)}
    answers: list[list[Items | None]] = [[None] * len(teachers) for _ in languages]
    for cell, own in zip(cells, found, strict=True):
        place = i, j = rows[cell.teacher], columns[cell.language]
        for name in VALUES:
            estimated: Estimate = getattr(own, name)
            values[name][place] = or_nan(estimated.value)
            if name in _WITH_ERROR:
                values[f"{name}_stderr"][place] = or_nan(estimated.stderr)
        for measured in cell.measurements:
            if measured.name in METRICS:
                m = _ORDER[measured.name]
                metrics[i, j, m] = or_nan(measured.value)
                errors[i, j, m] = or_nan(measured.stderr)
        unsound[place], present[place] = bool(set(own.flags) & set(ANCHOR_FLAGS)), True
        answers[j][i] = cell.items
    items = tuple(
        _language_items(students, anchors[language])
        for students, language in zip(answers, languages, strict=True)
    )
    return Grid(
        teachers, languages, values, metrics, errors, unsound=unsound, items=items, present=present
    )


def _language_items(students: Sequence[Items | None], anchors: Anchors) -> LanguageItems | None:
    """Return the answers of a language as arrays; None where students did different tasks."""
    there = {str(i): items for i, items in enumerate(students) if items is not None}
    if len({tuple(sorted(items)) for items in there.values()}) != 1:
        return None
    own = {"base": anchors.base, "reference": anchors.reference}
    parts = there | {name: items for name, items in own.items() if items is not None}
    common, _ = shared(parts)
    arrays = align(common)
    empty = tuple(np.full_like(task, np.nan) for task in arrays[next(iter(there))])
    stacked = zip(*(arrays.get(str(i), empty) for i in range(len(students))), strict=True)
    base, reference = (
        None if (found := arrays.get(name)) is None else tuple(task[None] for task in found)
        for name in own
    )
    return LanguageItems(
        tasks=tuple(sorted(next(iter(common.values())))),
        student=tuple(np.stack(task)[:, None] for task in stacked),
        base=base,
        reference=reference,
    )

"""From rows of the table to the arrays of a board: one cell a teacher and language.

Where a cell has several seeds its values are their means. The students of all seeds answer the same
items, so the error of the mean over seeds is not smaller by the root of their number: it is given
as the mean of their errors, which is never too small. The data of each seed are new, so errors of
intrinsic metrics do fall. With stored answers the bootstrap takes both from the answers themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from polyglot_harness.leaderboard.grouping import Group, IntArray
from polyglot_harness.leaderboard.ranking import ANCHOR_FLAGS
from polyglot_harness.scoring.grid import VALUES, BoolArray, Grid, LanguageItems
from polyglot_harness.scoring.intrinsic_z import METRICS
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.pgr import Method

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.records import TaskItems
    from polyglot_harness.leaderboard.results import ResultsTable


class Replicates:
    """The columns of a board's rows, as arrays [T, L, K]."""

    def __init__(self, table: ResultsTable, group: Group) -> None:
        """Take the rows of one board out of the table."""
        self.table, self.group = table, group
        self.there = group.rows >= 0
        """[T, L, K]."""
        self.numbers = group.rows[self.there]
        """Of the table's lines, flat."""
        self._lines = pa.array(self.numbers)

    def column(self, name: str) -> FloatArray:
        """Return a column of numbers, [T, L, K]; NaN is missing."""
        found = np.full(self.there.shape, np.nan)
        if name in self.table.rows.column_names:
            taken = self.table.rows.column(name).take(self._lines)
            found[self.there] = taken.to_numpy(zero_copy_only=False)
        return found

    def mean(self, name: str) -> FloatArray:
        """Return the means over seeds, [T, L]: NaN unless each seed has the number."""
        mean: FloatArray = self.column(name).mean(axis=2)
        return mean

    def independent_error(self, name: str) -> FloatArray:
        """Return the errors of means over seeds whose errors are independent, [T, L]."""
        errors = self.column(name)
        error: FloatArray = np.sqrt((errors**2).sum(axis=2)) / errors.shape[2]
        return error

    @cached_property
    def flag_sets(self) -> tuple[IntArray, list[tuple[str, ...]]]:
        """Return the flags of each cell, of any seed: numbers of sets [T, L], and the sets."""
        array: Any = self.table.rows.column("flags").take(self._lines).combine_chunks()
        words = [tuple(filter(None, text.split(";"))) for text in array.dictionary.to_pylist()]
        codes: IntArray = np.full(self.there.shape, len(words), dtype=np.int64)
        codes[self.there] = array.indices.to_numpy()
        words.append(())
        if codes.shape[2] == 1:
            return codes[:, :, 0], words
        cells, number = np.unique(codes.reshape(-1, codes.shape[2]), axis=0, return_inverse=True)
        sets = [tuple(dict.fromkeys(f for c in cell for f in words[c])) for cell in cells.tolist()]
        return number.reshape(codes.shape[:2]), sets

    def has_items(self) -> BoolArray:
        """Return which rows have stored answers, [T, L, K]."""
        found = np.zeros(self.there.shape, dtype=bool)
        taken = self.table.rows.column("has_items").take(self._lines)
        found[self.there] = taken.to_numpy(zero_copy_only=False)
        return found


def grid_of(rows: Replicates, *, pgr_method: Method = "ratio-of-means") -> Grid:
    """Return a board's arrays, with the answers of its students where they are stored.

    Args:
        rows: Those of the board.
        pgr_method: ``mean-of-ratios`` makes PGR anew from the answers; it is missing without them.
    """
    values = {name: rows.mean(name) for name in VALUES}
    values |= {
        f"{name}_stderr": rows.mean(f"{name}_stderr")
        for name in VALUES
        if name not in ("base", "reference")
    }
    z = rows.mean("z")
    if np.isfinite(z).any():
        values["z"] = z
    items = _items(rows)
    if pgr_method == "mean-of-ratios":
        values["pgr"] = _mean_of_ratios(items, values["pgr"])
        values["pgr_stderr"] = np.full_like(values["pgr"], np.nan)
    return Grid(
        teachers=rows.group.names,
        languages=rows.group.languages,
        values=values,
        metrics=np.stack([rows.mean(f"m:{m}") for m in METRICS], axis=2),
        metric_stderrs=np.stack([rows.independent_error(f"m:{m}:stderr") for m in METRICS], axis=2),
        correlations=_correlations(rows),
        unsound=_unsound(rows),
        items=items,
        present=np.asarray(rows.there.any(axis=2), dtype=np.bool_),
    )


def _unsound(rows: Replicates) -> BoolArray:
    """Return which cells have an anchor that is flagged, [T, L]."""
    number, sets = rows.flag_sets
    return np.array([bool(set(flags) & set(ANCHOR_FLAGS)) for flags in sets], dtype=bool)[number]


def _correlations(rows: Replicates) -> FloatArray | None:
    """Return the correlations between metrics, [T, L, M, M]; None if there are none."""
    names, columns = list(METRICS), set(rows.table.rows.column_names)
    there = [
        (i, j, f"c:{a}:{b}")
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i != j and f"c:{a}:{b}" in columns
    ]
    if not there:
        return None
    found = np.zeros((*rows.there.shape[:2], len(names), len(names)))
    found[..., range(len(names)), range(len(names))] = 1.0
    for i, j, name in there:
        value = np.nan_to_num(rows.column(name)).mean(axis=2)
        found[..., i, j] = found[..., j, i] = np.where(value != 0, value, found[..., i, j])
    return found


def _items(rows: Replicates) -> tuple[LanguageItems | None, ...]:
    """Read the answers of a board, by language; () where there are none."""
    from polyglot_harness.leaderboard.results import read_items_of

    stored = rows.has_items().all(axis=2)
    if not stored.any():
        return ()
    wanted = rows.group.rows[stored]
    found = iter(read_items_of(rows.table, wanted.ravel().tolist()))
    cells: list[dict[int, list[tuple[TaskItems, ...]]]] = [{} for _ in rows.group.languages]
    for t, language in np.argwhere(stored).tolist():
        cells[language][t] = [next(found) for _ in range(wanted.shape[1])]
    return tuple(_aligned(cell, len(rows.group.teachers)) for cell in cells)


def _aligned(cells: dict[int, list[tuple[TaskItems, ...]]], teachers: int) -> LanguageItems | None:
    """Return the answers of one language as arrays; None if there are none.

    Answers are paired only with those to the same items, of students of the same anchors: teachers
    whose rows have others than most have count as without answers.
    """
    from polyglot_harness.leaderboard.results import decode

    kinds = {t: kind for t, seeds in cells.items() if (kind := _kind(seeds))}
    if not kinds:
        return None
    most = max(Counter(kinds.values()).items(), key=lambda kind: (kind[1], repr(kind[0])))[0]
    alike = [t for t, kind in kinds.items() if kind == most]
    first = cells[alike[0]]
    tasks = tuple(task.task for task in first[0])
    student: list[FloatArray] = []
    for i in range(len(tasks)):
        answers = [[decode(seed[i].student) for seed in cells[t]] for t in alike]
        task = np.full((teachers, len(first), len(answers[0][0])), np.nan)
        task[alike] = answers
        student.append(task)
    anchors: dict[str, tuple[FloatArray, ...] | None] = {}
    for who in ("base", "reference"):
        known = all(getattr(task, who) is not None for seed in first for task in seed)
        anchors[who] = (
            tuple(
                np.array([decode(getattr(seed[i], who)) for seed in first])
                for i in range(len(tasks))
            )
            if known
            else None
        )
    return LanguageItems(tasks, tuple(student), anchors["base"], anchors["reference"])


def _kind(seeds: Sequence[tuple[TaskItems, ...]]) -> tuple[object, ...]:
    """Return what must be the same before answers are paired; () if its own seeds differ."""
    tasks = [[(task.task, task.ids, len(task.student)) for task in seed] for seed in seeds]
    anchors = ((a, task) for seed in seeds for task in seed for a in (task.base, task.reference))
    whole = all(a is None or len(a) == len(task.student) for a, task in anchors)
    if not whole or any(seed != tasks[0] for seed in tasks):
        return ()
    return tuple(
        tuple((task.task, task.ids, len(task.student), task.base, task.reference) for task in seed)
        for seed in seeds
    )


def _mean_of_ratios(items: Sequence[LanguageItems | None], like: FloatArray) -> FloatArray:
    """Return PGR, [T, L]: the mean over tasks of (student - base) / (reference - base)."""
    found = np.full_like(like, np.nan)
    for language, answers in enumerate(items):
        if answers is None or answers.base is None or answers.reference is None:
            continue
        ratios = []
        for student, base, reference in zip(
            answers.student, answers.base, answers.reference, strict=True
        ):
            low = base.mean(axis=1)
            gap = reference.mean(axis=1) - low
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios.append((student.mean(axis=2) - low) / gap)
        mean = np.mean(ratios, axis=(0, 2))
        found[:, language] = np.where(np.isfinite(mean), mean, np.nan)
    return found

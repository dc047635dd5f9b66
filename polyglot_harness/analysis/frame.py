"""From rows to arrays without gaps: what is left out is said, nothing is filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polyglot_harness.analysis.rows import SCORES, Row, is_numeric, number
from polyglot_harness.analysis.sizes import teacher_sizes
from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.leaderboard.ranking import ANCHOR_FLAGS, PER_LANGUAGE
from polyglot_harness.signature import diff_signatures

FloatArray = npt.NDArray[np.float64]
PAPER_METRICS = (
    "prompt_distinct_ri", "response_distinct_ri", "perplexity", "rubric_score", "prompt_length",
    "response_length",
)  # fmt: skip
"""The six of the principal components in arXiv 2604.11290, section 5."""
CIRCULAR = ("z", "score", "stable", "z_score", "pg_score", "polyglot_score")
"""Outcomes that contain the intrinsic z, which is made of the metrics."""
_OF_STUDENT = ("raw", "gain", "pgr", "score", "stable", "pg_score", "polyglot_score")
"""What contains the student's performance: no metric of the data."""
_OF_PGR = ("pgr", "score", "pg_score", "polyglot_score")
_NO_METRIC = (
    *SCORES, *CIRCULAR, "size_b", "signature", "base", "reference", "gap", "pool", "n_items",
    "flags", "missing", "seed", "n",
)  # fmt: skip
_NO_METRIC_END = re.compile(r"_(stderr|low|high|n)$")
_FLAT = 1e-12  # a relative spread below this is rounding
MIN_ROWS = 4
_SHOWN = 4  # of the cells that are left out; analysis.json names all


@dataclass(frozen=True)
class Frame:
    """n cells that have all of p metrics and the outcome, sorted by language and teacher."""

    teacher: tuple[str, ...]
    language: tuple[str, ...]
    metrics: tuple[str, ...]
    x: FloatArray
    """Metrics, [n, p]."""
    outcome: str
    y: FloatArray
    """Outcome, [n]."""
    size_b: FloatArray
    """Billions of parameters, [n]; NaN where not known."""
    size_sources: tuple[tuple[str, float | None, str], ...]
    """(teacher, billions or None, where that comes from)."""
    circular: bool
    notes: tuple[str, ...]
    """What was chosen, what was left out, and what to be careful of."""
    left_out: tuple[str, ...] = ()
    """Each cell that misses a value, and which."""


def frame(
    rows: Sequence[Row],
    *,
    outcome: str | None = None,
    metrics: Sequence[str] | None = None,
    student: str | None = None,
    logs: Sequence[str] = (),
    sizes: Mapping[str, object] | None = None,
    allow_circular: bool = False,
) -> Frame:
    """Choose columns and complete rows.

    Args:
        rows: Cells.
        outcome: Column to be explained; by default gain, or else raw.
        metrics: Columns to explain it by; by default those of the paper that are there, or else
            every column of numbers that is no score.
        student: Which one, where there are several.
        logs: Metrics of which the natural logarithm is taken.
        sizes: Teacher -> billions of parameters, over what names say.
        allow_circular: Whether outcome and metrics may contain each other.

    Raises:
        ConfigError: If a name is unknown, the outcome is circular or constant, a value is not a
            finite number, or fewer than `MIN_ROWS` cells are complete.
    """
    rows = sorted(_of_student(rows, student), key=lambda r: (r.language, r.teacher))
    columns = list(dict.fromkeys(name for row in rows for name in row.values))
    target = _target(rows, columns, outcome)
    names, notes = _metrics(rows, columns, metrics, target)
    circular = _is_circular(target, names, allow=allow_circular)
    names, empty = _without_empty(rows, names, explicit=metrics is not None)
    kept, gaps = _complete(rows, names, target)
    x = np.array([[number(row, name) for name in names] for row in kept], dtype=np.float64)
    x = _logged(x, names, logs)
    y = np.array([number(row, target) for row in kept], dtype=np.float64)
    if flat(y):
        raise ConfigError(f"outcome {target!r} is the same in all {len(kept)} cells")
    varying = [i for i in range(len(names)) if not flat(x[:, i])]
    constant = [n for i, n in enumerate(names) if i not in varying]
    if constant:
        notes.append(f"left out as constant: {', '.join(constant)}")
    if not varying:
        raise ConfigError(f"all metrics are constant: {', '.join(names)}")
    found = teacher_sizes(rows, sizes or {})
    return Frame(
        teacher=tuple(r.teacher for r in kept),
        language=tuple(r.language for r in kept),
        metrics=tuple(f"ln {names[i]}" if names[i] in logs else names[i] for i in varying),
        x=x[:, varying],
        outcome=target,
        y=y,
        size_b=np.array([found[r.teacher][0] or np.nan for r in kept]),
        size_sources=tuple((name, *found[name]) for name in sorted({r.teacher for r in kept})),
        circular=circular,
        notes=(*notes, *empty, *_gap_notes(gaps, rows), *_cautions(kept, target)),
        left_out=tuple(gaps),
    )


def flat(values: FloatArray) -> bool:
    """Whether values differ by no more than rounding."""
    return bool(np.ptp(values) <= _FLAT * max(float(np.abs(values).max()), 1e-300))


def _of_student(rows: Sequence[Row], student: str | None) -> list[Row]:
    students = sorted({row.student for row in rows})
    if student is None and len(students) > 1:
        raise ConfigError(
            f"cells of several students; choose one by --student: {', '.join(students)}"
        )
    if student is not None and student not in students:
        raise unknown_name("student", student, students)
    return [row for row in rows if student in (None, row.student)]


def _target(rows: Sequence[Row], columns: Sequence[str], outcome: str | None) -> str:
    target = outcome or next((n for n in ("gain", "raw") if is_numeric(rows, n)), "")
    if not target:
        raise ConfigError("no column gain or raw: say by --outcome what is to be explained")
    if target not in columns:
        raise unknown_name("outcome", target, (c for c in columns if is_numeric(rows, c)))
    return target


def _is_circular(target: str, names: Sequence[str], *, allow: bool) -> bool:
    """Whether outcome and metrics contain each other, by their names; refuse it if not allowed."""
    remedy = "; or give --allow_circular, and every number is marked as circular"
    of_student = [n for n in names if n.lower() in _OF_STUDENT]
    why = ""
    if target.lower() in CIRCULAR:
        why = (
            f"outcome {target!r} contains the intrinsic z, which is made of the metrics: part of "
            f"what they explain is themselves. Take raw, gain or pgr{remedy}"
        )
    elif target.lower() in _OF_STUDENT and of_student:
        why = f"{', '.join(of_student)} and the outcome {target!r} are the same students{remedy}"
    if why and not allow:
        raise ConfigError(why)
    return bool(why)


def _metrics(
    rows: Sequence[Row], columns: Sequence[str], asked: Sequence[str] | None, target: str
) -> tuple[list[str], list[str]]:
    """Return the metrics, and a note where they were not asked for by name."""
    if asked is not None:
        for name in asked:
            if name not in columns:
                raise unknown_name("metric", name, (c for c in columns if is_numeric(rows, c)))
        if target in asked:
            raise ConfigError(f"{target!r} is both the outcome and a metric")
        return list(asked), []
    there = [n for n in columns if n != target and is_numeric(rows, n)]
    names = [n for n in PAPER_METRICS if n in there]
    which = "those of arXiv 2604.11290 that are here"
    if not names:
        which = "every column of numbers that is no score"
        names = [n for n in there if n not in _NO_METRIC and not _NO_METRIC_END.search(n)]
    if not names:
        raise ConfigError(f"no column to explain {target!r} by; columns: {', '.join(columns)}")
    return names, [f"metrics, {which}: {', '.join(names)}"]


def _without_empty(
    rows: Sequence[Row], names: Sequence[str], *, explicit: bool
) -> tuple[list[str], list[str]]:
    """Return the metrics that a cell has at all, and a note of the others."""
    empty = [n for n in names if all(number(row, n) is None for row in rows)]
    if empty and (explicit or len(empty) == len(names)):
        raise ConfigError(f"no cell has a value of {', '.join(empty)}")
    notes = [f"left out, as no cell has it: {', '.join(empty)}"] if empty else []
    return [n for n in names if n not in empty], notes


def _complete(
    rows: Sequence[Row], names: Sequence[str], target: str
) -> tuple[list[Row], list[str]]:
    """Return the rows that have all values, and what the others miss."""
    kept, gaps = [], []
    for row in rows:
        missing = [n for n in (*names, target) if number(row, n) is None]
        if missing:
            gaps.append(f"{row.teacher} {row.language} ({', '.join(missing)})")
        else:
            kept.append(row)
    if len(kept) < MIN_ROWS:
        why = _gap_notes(gaps, rows) or ["add teachers or languages"]
        raise ConfigError(f"{len(kept)} complete cells, {MIN_ROWS} are the least: {why[0]}")
    return kept, gaps


def _gap_notes(gaps: Sequence[str], rows: Sequence[Row]) -> list[str]:
    more = f"; and {len(gaps) - _SHOWN} more" if len(gaps) > _SHOWN else ""
    shown = "; ".join(gaps[:_SHOWN])
    left_out = f"left out, {len(gaps)} of {len(rows)} cells miss a value: {shown}{more}"
    return [left_out] if gaps else []


def _logged(x: FloatArray, names: Sequence[str], logs: Sequence[str]) -> FloatArray:
    x = x.copy()
    for name in logs:
        if name not in names:
            raise unknown_name("metric of --log", name, names)
        column = x[:, list(names).index(name)]
        if column.min() <= 0:
            raise ConfigError(f"--log {name}: it has values of 0 or less")
        x[:, list(names).index(name)] = np.log(column)
    return x


def _cautions(rows: Sequence[Row], target: str) -> list[str]:
    """Return what the conditions of the cells say against the numbers."""
    notes = []
    flagged = sorted({r.language for r in rows if set(r.flags) & set(ANCHOR_FLAGS)})
    if flagged and target.lower() in _OF_PGR:
        notes.append(
            f"{target} rests on an anchor that is not sound in: {', '.join(flagged)}; over an "
            "inverted one the worse student has the higher PGR"
        )
    first: dict[str, Row] = {}
    fields: list[str] = []
    for row in rows:
        same = first.setdefault(row.language, row)
        fields += diff_signatures(same.signature, row.signature, ("teacher", "lang"))
        fields += diff_signatures(rows[0].signature, row.signature, ("teacher", *PER_LANGUAGE))
    if fields:
        differing = ", ".join(dict.fromkeys(fields))
        notes.append(f"the cells were not made under the same conditions: differ in {differing}")
    return notes

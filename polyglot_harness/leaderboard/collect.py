"""From the outcome of a run to results files: all that was measured, nothing that is relative."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from polyglot_harness import stages
from polyglot_harness.errors import StoreError
from polyglot_harness.intrinsic.table import VALUES
from polyglot_harness.leaderboard.facts import student_facts, teacher_facts
from polyglot_harness.leaderboard.records import ResultsFile, Row, Shown, TaskItems
from polyglot_harness.leaderboard.result_files import encode
from polyglot_harness.scoring.cells import Anchors, Cell
from polyglot_harness.scoring.extrinsic import extrinsic
from polyglot_harness.scoring.items import Items
from polyglot_harness.scoring.pgr import Method
from polyglot_harness.spec import RunSpec, digest
from polyglot_harness.stages import Done
from polyglot_harness.store import verify_output

if TYPE_CHECKING:
    from polyglot_harness.pipeline import CellData, Outcome

REJECTED = "rejected_"
PARTS = {
    "prompt_distinct_ri": "prompt_distance",
    "response_distinct_ri": "response_distance",
    "perplexity": "perplexity",
    "rubric_score": "rubric_score",
}
"""Metric of z -> the column of ``values.parquet`` whose mean over examples it is."""
SHOWN = 3
"""Examples a strategy that are put into the file."""
CUT = 600
"""Characters of their texts."""
MIN_PAIRS = 3
PGR_METHOD: Method = "ratio-of-means"
PGR_RESAMPLES = 2000


def results_of(outcome: Outcome, spec: RunSpec) -> list[ResultsFile]:
    """Return a file for each teacher and language, with a row for each mixture.

    A cell that failed has what was finished, and says what is missing.

    Raises:
        StoreError: If a file is not what its stage wrote.
    """
    rows: dict[str, list[Row]] = {name: [] for name in outcome.cells}
    for mixture, board in outcome.boards.items():
        answers = outcome.answers.get(mixture, {})
        for score in board.scores:
            name = f"{score.teacher} {score.language}"
            anchors = outcome.anchors.get(score.language, Anchors())
            own = Cell(
                teacher=score.teacher,
                language=score.language,
                student=score.student,
                signature=score.signature,
                items=answers.get(name),
                measurements=score.measurements,
            )
            rows[name].append(_row(own, anchors, mixture, spec, outcome.cells[name]))
    student = student_facts(spec.student)
    return [
        ResultsFile(
            teacher=teacher_facts(cell.teacher),
            student=student,
            language=cell.language,
            rows=tuple(rows[name]),
        )
        for name, cell in outcome.cells.items()
        if rows[name]
    ]


def _row(own: Cell, anchors: Anchors, mixture: str, spec: RunSpec, cell: CellData) -> Row:
    """Return a row, made anew by the defaults: how a board is scored has no part in it."""
    found = extrinsic(own, anchors, PGR_METHOD, spec.seed, PGR_RESAMPLES)
    last = cell.measured or (cell.generated[-1] if cell.generated else None)
    parts = {"data": cell.generated, "measurements": cell.measured}
    lacking = [name for name, there in parts.items() if not there]
    lacking += [] if found.pgr.value is not None else ["pgr"]
    return Row(
        signature=own.signature,
        mixture=mixture,
        seed=spec.seed,
        strategies=spec.strategies,
        **found.numbers(),
        flags=found.flags,
        missing=(*lacking, *found.missing),
        n_items=found.n_items,
        measurements=own.measurements,
        correlations=_correlations(cell.measured) if cell.measured else (),
        items=task_items(own.items, anchors),
        examples=_shown(cell.generated),
        provenance=last.record.provenance if last else (),
        **_counts(cell.generated),
    )


def task_items(student: Items | None, anchors: Anchors) -> tuple[TaskItems, ...]:
    """Return the answers of student and anchors by task; () without a student.

    An anchor that was asked other items in a task has no answers there.
    """

    def of(items: Items | None, task: str, ids: Sequence[str]) -> Any:
        mine = (items or {}).get(task, {})
        return encode(mine[i] for i in ids) if sorted(mine) == ids else None

    found = []
    for task in sorted(student or {}):
        ids = sorted((student or {})[task])
        found.append(
            TaskItems(
                task=task,
                ids=digest(ids),
                student=of(student, task, ids),
                base=of(anchors.base, task, ids),
                reference=of(anchors.reference, task, ids),
            )
        )
    return tuple(found)


def _counts(generated: Sequence[Done]) -> dict[str, Any]:
    """Return the fields that generate stages counted; nothing of none."""
    if not generated:
        return {}
    counts: Counter[str] = Counter()
    for done in generated:
        counts.update(dict(done.record.counts))
    rejected = {k.removeprefix(REJECTED): n for k, n in counts.items() if k.startswith(REJECTED)}
    return {
        "n_examples": counts["accepted"],
        "n_replies": counts["replies"],
        # the count is there where the card has a price
        "cost_usd": round(counts["cost_usd"], 6) if "cost_usd" in counts else None,
        "tokens_in": counts["tokens_in"],
        "tokens_out": counts["tokens_out"],
        "rejections": tuple(sorted(rejected.items())),
    }


def _shown(generated: Sequence[Done]) -> tuple[Shown, ...]:
    return tuple(
        Shown(
            strategy=example.strategy,
            prompt=example.prompt[:CUT],
            response=example.response[:CUT],
            cut=max(len(example.prompt), len(example.response)) > CUT,
            finish_reason=example.finish_reason,
        )
        for done in generated
        for example in stages.examples_of(done)[:SHOWN]
    )


def _correlations(measured: Done) -> tuple[tuple[str, str, float], ...]:
    """Return the correlations of metrics of z between their parts of single examples.

    Over the examples that have both; a pair of which one does not vary, or that fewer than
    `MIN_PAIRS` examples have, is left out.
    """
    values = _read_values(verify_output(measured.folder, measured.record, VALUES))
    found = []
    for a, b in combinations(values, 2):
        both = np.isfinite(values[a]) & np.isfinite(values[b])
        x, y = values[a][both], values[b][both]
        if x.size >= MIN_PAIRS and x.std() > 0 and y.std() > 0:
            found.append((a, b, round(float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1)), 6)))
    return tuple(found)


def _read_values(path: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        there = pq.read_schema(path).names
        columns = {metric: name for metric, name in PARTS.items() if name in there}
        table = pq.read_table(path, columns=list(columns.values()))
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None
    return {metric: table[name].to_numpy() for metric, name in columns.items()}

"""Boards for the page, of any size, drawn from a seed: no results file is needed for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from polyglot_harness.leaderboard.boards import ScoredBoard
from polyglot_harness.leaderboard.ranking import Pair, Ranking, TeacherRow
from polyglot_harness.leaderboard.records import StudentFacts, TeacherFacts
from polyglot_harness.leaderboard.results import ResultsTable
from polyglot_harness.scoring.grid import QUANTITIES, VALUES, Grid, GridScores, Uncertainty
from polyglot_harness.scoring.pgr import ANCHOR_WEAK
from polyglot_harness.scoring.polyglot import SMALL_POOL

CODES = (
    "ar bg bn ca cs da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id it ja ka kk kn ko "
    "lt lv mk ml mr ms nb nl pa pl pt ro ru sk sl sq sr sv sw ta"
).split()
LICENCES = ("Apache-2.0", "MIT", "Gemma terms", "")


def facts(names: Sequence[str]) -> tuple[TeacherFacts, ...]:
    return tuple(
        TeacherFacts(
            name=name,
            revision=f"r{i}",
            family=f"family-{i % 7}",
            licence=LICENCES[i % 4],
            size_b=None if i % 9 == 8 else round(0.135 * 1.7 ** (i % 12), 3),
            url="https://example.org/model",
        )
        for i, name in enumerate(names)
    )


def scored_board(
    names: Sequence[str],
    languages: Sequence[str] = ("de", "es"),
    *,
    key: str = "s-alone-1",
    student: str = "s",
    strategies: Sequence[str] = ("generate", "translate"),
    unsound: bool = False,
    prices: bool = True,
    missing: Sequence[tuple[int, int]] = (),
    left_out: Sequence[str] = (),
) -> ScoredBoard:
    """A ranked board; `missing` are (teacher, language) without any number."""
    n, m = len(names), len(languages)
    rng = np.random.default_rng(7)
    skill = np.linspace(1, -1, n)[:, None] if n > 1 else np.zeros((1, 1))
    z, gain_z = (skill + rng.normal(0, 0.3, (n, m)) for _ in range(2))
    gain = 0.1 + 0.05 * gain_z
    hole = np.zeros((n, m), bool)
    for cell in missing:
        hole[cell] = True
    values = {"raw": 0.3 + gain, "gain": gain, "pgr": gain / 0.2, "z": z, "gain_z": gain_z}
    values["score"] = (values["pgr"] + z) / 2
    values["stable"] = (z + gain_z) / 2
    values = {name: np.where(hole, np.nan, v) for name, v in values.items()}
    measured = {v: np.full((n, m), np.nan) for q in VALUES for v in (q, f"{q}_stderr")}
    measured |= {q: values[q] for q in ("raw", "gain", "pgr")}
    bad = np.zeros((n, m), bool)
    bad[:, 0] = unsound
    by = "stable" if unsound else "score"
    means = {name: v.mean(axis=1) for name, v in values.items()}
    better = means[by]
    ranks = np.array([1 + (better > b).sum() if b == b else np.nan for b in better], float)
    cost = (
        np.where(hole, np.nan, rng.uniform(0.01, 3, (n, m))) if prices else np.full((n, m), np.nan)
    )
    flags = tuple(
        tuple((ANCHOR_WEAK,) if bad[t, j] else (SMALL_POOL,) if n < 5 else () for j in range(m))
        for t in range(n)
    )  # fmt: skip

    def known(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    rows = [
        TeacherRow(
            teacher=names[t], rank=None if np.isnan(ranks[t]) else int(ranks[t]),
            languages=tuple(languages), acceptance_rate=0.8, raw_stderr=None, gain_stderr=None,
            pgr_stderr=None, score_stderr=None,
            flags=tuple(sorted({f for c in flags[t] for f in c})),
            rank_low=known(np.maximum(1, ranks[t] - 2)),
            rank_high=known(np.minimum(n, ranks[t] + 2)),
            borda=0.5, mrr=0.5, cost_usd=known(cost[t].sum()),
            **{q: known(means[q][t]) for q in ("raw", "gain", "pgr", "z", "score", "stable")},
        )
        for t in range(n)
    ]  # fmt: skip
    rows.sort(key=lambda row: (row.rank is None, row.rank or 0, row.teacher))
    teachers = facts(names)
    return ScoredBoard(
        key=key, title=f"{student}, {'+'.join(strategies)}", student=StudentFacts(name=student),
        conditions=(("n", "16"), ("sft", "demo@2658")), mixture="alone",
        strategies=tuple(strategies), seeds=(0, 1),
        signatures=tuple(f"lang:{code}|n:16" for code in languages), teachers=teachers,
        languages=tuple(languages),
        grid=Grid(tuple(names), tuple(languages), measured,
                  np.full((n, m, 4), np.nan), np.full((n, m, 4), np.nan), unsound=bad),
        scores=GridScores(values["z"], values["gain_z"], values["score"], values["stable"],
                          tuple("cells@1" for _ in languages), np.full((n, m), n < 5)),
        uncertainty=Uncertainty(
            {q: np.stack([values[q] - 0.3, values[q] + 0.3]) for q in QUANTITIES},
            {q: np.stack([means[q] - 0.2, means[q] + 0.2]) for q in QUANTITIES},
            np.stack([np.maximum(1, ranks - 2), np.minimum(n, ranks + 2)]),
            np.full((n, n), 0.5), np.ones((n, n)), 1000, "Intervals of a paired bootstrap.",
        ),
        ranking=Ranking(
            ranked_by="stable" if unsound else "polyglot", reason="by a score of the test",
            languages=tuple(languages), rows=tuple(rows),
            pairs=(Pair(a=names[0], b=names[1], better=0.9, p_holm=0.04),) if n > 1 else (),
        ),
        flags=flags, cost_usd=cost, n_examples=np.where(hole, np.nan, 24.0),
        acceptance=np.where(hole, np.nan, 0.8), n_items=np.where(hole, np.nan, 180.0),
        left_out=tuple(left_out),
    )  # fmt: skip


def empty_table(teachers: Sequence[TeacherFacts], root: Path) -> ResultsTable:
    """A table without rows, that knows the teachers."""
    from polyglot_harness.leaderboard.results import NUMBERS, TEXTS

    columns: Mapping[str, pa.DataType] = {
        "teacher_id": pa.int32(), "student_id": pa.int32(), "seed": pa.int64(), "row": pa.int32(),
        "has_items": pa.bool_(), **{name: pa.float64() for name in NUMBERS},
    }  # fmt: skip
    arrays = {name: pa.array([], kind) for name, kind in columns.items()}
    arrays |= {name: pa.array([], pa.string()).dictionary_encode() for name in TEXTS}
    return ResultsTable(pa.table(arrays), tuple(teachers), (), root)

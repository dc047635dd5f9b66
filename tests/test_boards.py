"""Boards from results files: the same numbers as of cells, replicates, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boards import METRICS as MEASURED
from boards import results_file, row, write_file, write_folder

from polyglot_harness.errors import ConfigError
from polyglot_harness.leaderboard.boards import BoardOptions, ScoredBoard, make_boards
from polyglot_harness.leaderboard.records import ResultsFile, Row, TaskItems
from polyglot_harness.leaderboard.results import decode, encode, read_files, read_table
from polyglot_harness.scoring import METRICS, Anchors, Cell, score_cells
from polyglot_harness.scoring.items import Items
from polyglot_harness.scoring.pgr import Method
from polyglot_harness.spec import PolyglotScore, digest

TASKS = {"mmlu": 24, "mgsm": 16}
TEACHERS = {"A": 0.4, "B": 0.6, "C": 0.5}
NONE: dict[str, None] = dict.fromkeys(
    ("raw", "raw_stderr", "base", "reference", "gain", "gain_stderr", "gap", "gap_stderr", "pgr",
     "pgr_stderr"),
)  # fmt: skip


def boards_of(root: Path, *files: ResultsFile, **options: Any) -> list[ScoredBoard]:
    for file in files:
        write_file(root, file)
    return list(make_boards(read_table(root), BoardOptions(**{"resamples": 200, **options})))


def made(teacher: str = "A", language: str = "de", *rows: Row, **of: Any) -> ResultsFile:
    """A file of the rows, or of one that is made."""
    return results_file(
        teacher, language, rows=rows or None, **({} if rows else {"tasks": TASKS}), **of
    )


def seeds(teacher: str, *of: int, language: str = "de", **changes: Any) -> list[Row]:
    return [row(language, teacher=teacher, seed=seed, tasks=TASKS, **changes) for seed in of]


def items_of(tasks: Sequence[TaskItems], who: str) -> Items:
    return {
        task.task: {f"{i:04}": v for i, v in enumerate(decode(getattr(task, who)).tolist())}
        for task in tasks
    }


def scored_cells(root: Path, **options: Any) -> dict[tuple[str, str], PolyglotScore]:
    """The same cells, scored from their answers as a run scores them."""
    files = [file for _, file in read_files(root)]
    anchors = {
        file.language: Anchors(*(items_of(file.rows[0].items, w) for w in ("base", "reference")))
        for file in files
    }
    cells = [
        Cell(
            file.teacher.name, file.language, file.student.name, file.rows[0].signature,
            items_of(file.rows[0].items, "student"), file.rows[0].measurements,
        )
        for file in files
    ]  # fmt: skip
    return {(c.teacher, c.language): c for c in score_cells(cells, anchors, **options)}


@pytest.mark.parametrize("method", ["ratio-of-means", "mean-of-ratios"])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_a_board_says_what_its_cells_say(tmp_path: Path, alpha: float, method: Method) -> None:
    root = write_folder(tmp_path, TEACHERS, ("de", "es"), tasks=TASKS)
    (board,) = boards_of(root, alpha=alpha, pgr_method=method)
    cells = scored_cells(root, alpha=alpha, pgr_method=method)
    assert len(cells) == 6
    for (teacher, language), cell in cells.items():
        t, j = board.grid.place(teacher, language)
        values = {n: board.grid.values[n][t, j] for n in ("raw", "gain", "gap", "base", "pgr")}
        scores = {n: getattr(board.scores, n)[t, j] for n in ("z", "score", "stable")}
        expected = {name: getattr(cell, name) for name in (*values, *scores)}
        assert {**values, **scores} == pytest.approx(expected, abs=1e-12)
        assert board.flags[t][j] == cell.flags
        assert board.scores.pools[j] == cell.pool
    assert board.teachers[1].model == "hf:B"
    assert board.languages == ("de", "es") and board.strategies == ("generate", "translate")
    means = {r.teacher: r.score for r in board.ranking.rows}
    for t in "ABC":
        own = [cell.score for (teacher, _), cell in cells.items() if teacher == t]
        assert means[t] == pytest.approx(np.mean([score for score in own if score is not None]))


def test_costs_and_counts(tmp_path: Path) -> None:
    bare = row(teacher="B", tasks=TASKS, cost_usd=None, n_replies=None, metrics={})
    kept = tuple(m for m in bare.measurements if m.name != "acceptance_rate")
    counted = row(teacher="C", tasks=TASKS, cost_usd=0.0, n_examples=8)
    (board,) = boards_of(
        tmp_path,
        made("A", "de", row(teacher="A", tasks=TASKS, cost_usd=1.5)),
        made("B", "de", bare.model_copy(update={"measurements": kept})),
        made("C", "de", counted.model_copy(update={"measurements": kept})),
    )
    assert board.cost_usd[:, 0] == pytest.approx([1.5, math.nan, 0.0], nan_ok=True)
    assert board.n_examples[:, 0].tolist() == [24, 24, 8] and set(board.n_items[:, 0]) == {40}
    measured = next(m.value for m in row(teacher="A", tasks=TASKS).measurements)
    assert board.acceptance[:, 0] == pytest.approx([measured, math.nan, 8 / 32], nan_ok=True)
    assert [r.cost_usd for r in sorted(board.ranking.rows, key=lambda r: r.teacher)] == [
        1.5,
        None,
        0,
    ]


def test_a_cell_is_the_mean_of_its_seeds(tmp_path: Path) -> None:
    rows = {t: seeds(t, 0, 1, 2) for t in "AB"}
    (board,) = boards_of(tmp_path, *(made(t, "de", *rows[t]) for t in "AB"))
    assert board.seeds == (0, 1, 2)
    for t, name in enumerate("AB"):
        for field in ("raw", "gain", "pgr", "cost_usd"):
            array = board.cost_usd if field == "cost_usd" else board.grid.values[field]
            own = [getattr(r, field) for r in rows[name]]
            assert array[t, 0] == pytest.approx(np.mean(own))
        assert board.grid.values["gain_stderr"][t, 0] == pytest.approx(
            np.mean([r.gain_stderr for r in rows[name]])
        )
        for k, metric in enumerate(METRICS):
            found = [next(m for m in r.measurements if m.name == metric) for r in rows[name]]
            assert board.grid.metrics[t, 0, k] == pytest.approx(np.mean([m.value for m in found]))
            errors = [m.stderr or 0 for m in found]
            assert board.grid.metric_stderrs[t, 0, k] == pytest.approx(math.hypot(*errors) / 3)
    (items,) = board.grid.items
    assert items is not None and items.tasks == ("mgsm", "mmlu")
    assert [task.shape for task in items.student] == [(2, 3, 16), (2, 3, 24)]
    assert items.student[1][1, 2].tolist() == decode(rows["B"][2].items[1].student).tolist()
    assert items.base is not None and items.base[1][0].tolist() == items.base[1][2].tolist()


def test_a_cell_has_the_flags_of_all_its_seeds(tmp_path: Path) -> None:
    rows = [r.model_copy(update={"flags": flags}) for r, flags in zip(
        seeds("A", 0, 1), (("anchor_weak",), ("anchor_inconsistent", "anchor_weak")), strict=True
    )]  # fmt: skip
    sound = [r.model_copy(update={"flags": ()}) for r in seeds("B", 0, 1)]
    spanish = made("B", "es", *seeds("B", 0, 1, language="es", reference=0.9))
    (board,) = boards_of(tmp_path, made("A", "de", *rows), made("B", "de", *sound), spanish)
    assert board.flags == (
        (("anchor_weak", "anchor_inconsistent", "small_pool"), ()),
        (("small_pool",), ("small_pool",)),
    )
    assert board.grid.unsound is not None
    assert board.grid.unsound.tolist() == [[True, False], [False, False]]
    assert board.grid.present is not None
    assert board.grid.present.tolist() == [[True, False], [True, True]]


def test_a_number_that_one_seed_lacks_is_missing(tmp_path: Path) -> None:
    whole, part = seeds("A", 0), seeds("A", 1, pgr=None, gain_stderr=None, items=False)
    (board,) = boards_of(tmp_path, made("A", "de", *whole, *part))
    assert np.isnan(board.grid.values["pgr"]).all() and np.isnan(board.scores.score).all()
    assert np.isnan(board.grid.values["gain_stderr"]).all()
    assert np.isfinite(board.grid.values["gain"]).all()
    assert board.grid.items == ()


def test_seeds_do_not_make_the_same_items_more(tmp_path: Path) -> None:
    """Three students that answer all alike are no surer than one of them."""
    (one,) = seeds("A", 0)
    (other,) = seeds("B", 0)

    def copies(found: Row, count: int) -> list[Row]:
        return [
            found.model_copy(
                update={"seed": s, "signature": found.signature.replace("seed:0", f"seed:{s}")}
            )
            for s in range(count)
        ]

    def width(folder: str, count: int, *, items: bool) -> float:
        files = [made(t, "de", *copies(r, count)) for t, r in (("A", one), ("B", other))]
        if not items:
            files = [
                f.model_copy(
                    update={"rows": tuple(r.model_copy(update={"items": ()}) for r in f.rows)}
                )
                for f in files
            ]
        (board,) = boards_of(tmp_path / folder, *files, resamples=4000)
        low, high = board.uncertainty.cells["raw"][:, 0, 0]
        return float(high - low)

    for items in (True, False):
        alone = width(f"one-{items}", 1, items=items)
        assert width(f"three-{items}", 3, items=items) == pytest.approx(alone, rel=0.05)


def changed(found: Row, **task: Any) -> Row:
    first, *others = found.items
    return found.model_copy(update={"items": (first.model_copy(update=task), *others)})


@pytest.mark.parametrize(
    "task",
    [
        {"ids": digest("others")},
        {"task": "another"},
        {"base": "1" * 16},
        {"student": "10" * 9, "base": "10" * 9, "reference": "10" * 9},
        {"student": "10" * 9},
        {"reference": "1" * 5},
    ],
)
def test_answers_to_other_items_are_not_paired(tmp_path: Path, task: dict[str, str]) -> None:
    files = [made("A"), made("B"), made("C", "de", changed(*seeds("C", 0), **task))]
    (board,) = boards_of(tmp_path, *files)
    (items,) = board.grid.items
    assert items is not None and [t.shape[0] for t in items.student] == [3, 3]
    assert all(np.isnan(t[2]).all() and np.isfinite(t[:2]).all() for t in items.student)
    assert np.isfinite(board.uncertainty.cells["gain"]).all()


def test_seeds_with_other_items_are_not_stacked(tmp_path: Path) -> None:
    first, second = seeds("A", 0, 1)
    odd = changed(second, student="1" * 9, base="1" * 9, reference="1" * 9)
    (board,) = boards_of(tmp_path, made("A", "de", first, odd), made("B", "de", *seeds("B", 0, 1)))
    (items,) = board.grid.items
    assert items is not None and np.isnan(items.student[0][0]).all()
    (alone,) = boards_of(tmp_path / "alone", made("A", "de", first, odd))
    assert alone.grid.items == (None,)


def test_accuracies_that_are_no_verdicts(tmp_path: Path) -> None:
    (found,) = seeds("A", 0)
    shares = [i / 16 for i in range(16)]
    (board,) = boards_of(tmp_path, made("A", "de", changed(found, student=encode(shares))))
    (items,) = board.grid.items
    assert items is not None and items.student[0][0, 0].tolist() == shares


def test_one_teacher(tmp_path: Path) -> None:
    (board,) = boards_of(tmp_path, made("A"))
    assert [r.rank for r in board.ranking.rows] == [1]
    assert board.ranking.pairs == () and "small_pool" in board.flags[0][0]
    assert np.isnan(board.scores.stable).all() and board.scores.z[0, 0] == 0


def test_nothing_was_measured(tmp_path: Path) -> None:
    empty = Row(signature="lang:de|n:16", missing=("train",))
    (board,) = boards_of(tmp_path, made("A", "de", empty), made("B", "de", empty))
    assert [(r.rank, r.languages) for r in board.ranking.rows] == [(None, ("de",))] * 2
    assert np.isnan(board.uncertainty.ranks).all() and np.isnan(board.cost_usd).all()


def test_a_failed_cell_beside_measured_ones(tmp_path: Path) -> None:
    (whole,) = seeds("B", 0, items=False, measurements=(), missing=("train",))
    failed = whole.model_copy(update=NONE)
    (board,) = boards_of(tmp_path, made("A"), made("B", "de", failed), made("C"))
    ranks = {r.teacher: r.rank for r in board.ranking.rows}
    assert sorted(filter(None, ranks.values())) == [1, 2] and ranks["B"] is None


def test_foreign_results_give_z_without_metrics(tmp_path: Path) -> None:
    rows = [row(teacher=t, items=False, z=z, measurements=()) for t, z in (("A", 1.0), ("B", -1.0))]
    (board,) = boards_of(tmp_path, *(made(t, "de", r) for t, r in zip("AB", rows, strict=True)))
    assert board.scores.z[:, 0].tolist() == [1.0, -1.0] and board.scores.pools == ("given",)


def test_mean_of_ratios_needs_answers(tmp_path: Path) -> None:
    files = [made("A"), made("B", "de", *seeds("B", 0, items=False))]
    (board,) = boards_of(tmp_path, *files, pgr_method="mean-of-ratios")
    pgr = board.grid.values["pgr"][:, 0]
    assert math.isfinite(pgr[0]) and math.isnan(pgr[1])


def test_correlations_reach_the_grid(tmp_path: Path) -> None:
    bare = seeds("B", 0, correlations=())
    (board,) = boards_of(tmp_path, made("A"), made("B", "de", *bare))
    places = tuple(list(METRICS).index(m) for m in ("perplexity", "response_distinct_ri"))
    assert board.grid.correlations is not None
    own, none = board.grid.correlations[:, 0]
    assert own[places] == own[places[::-1]] == -0.2
    assert np.array_equal(none, np.eye(len(METRICS))) and set(METRICS) <= set(MEASURED)


def test_unsound_anchors_are_ranked_by_the_stable_score(tmp_path: Path) -> None:
    files = [made(t, l, *seeds(t, 0, language=l, reference=0.25 if l == "es" else 0.9, skill=s))
             for t, s in TEACHERS.items() for l in ("de", "es")]  # fmt: skip # noqa: E741
    (board,) = boards_of(tmp_path, *files)
    assert board.ranking.ranked_by == "stable" and board.ranking.reason.endswith(": es")
    assert board.grid.unsound is not None and board.grid.unsound.tolist() == [[False, True]] * 3


def test_filters(tmp_path: Path) -> None:
    write_folder(tmp_path, TEACHERS, ("de", "es"), students=("s", "t"), tasks=TASKS)
    (board,) = boards_of(tmp_path, languages=("es",), students=("t",))
    assert (board.languages, board.student.name, board.title) == (("es",), "t", "t")
    for options in ({"languages": ("xx",)}, {"students": ("x",)}):
        with pytest.raises(ConfigError, match=r"unknown (language|student) 'xx?'"):
            boards_of(tmp_path, **options)


def test_the_same_results_make_the_same_board(tmp_path: Path) -> None:
    files = [made(t, l) for t in "ABC" for l in ("de", "es")]  # noqa: E741
    one, other = boards_of(tmp_path / "x", *files), boards_of(tmp_path / "y", *files[::-1])
    for a, b in zip(one, other, strict=True):
        assert (a.key, a.title, a.ranking, a.flags) == (b.key, b.title, b.ranking, b.flags)
        assert all(np.array_equal(a.uncertainty.cells[q], b.uncertainty.cells[q], equal_nan=True)
                   for q in a.uncertainty.cells)  # fmt: skip


def test_one_board_at_a_time(tmp_path: Path) -> None:
    """Nothing is scored before it is asked for: damage to later files is not seen."""
    write_folder(tmp_path, TEACHERS, ("de",), students=("s", "t"), tasks=TASKS)
    boards = make_boards(read_table(tmp_path), BoardOptions(resamples=100))
    assert next(boards).student.name == "s"
    for path in tmp_path.glob("*/*/t/*.json"):
        path.write_text("{", encoding="utf-8")
    with pytest.raises(Exception, match=r"t.de.json"):
        next(boards)

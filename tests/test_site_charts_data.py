"""What the charts over all boards are made of: families, sizes, components, alpha."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boards import write_folder
from scipy import stats
from site_boards import empty_table, scored_board

from polyglot_harness.analysis.frame import PAPER_METRICS
from polyglot_harness.analysis.pca import components
from polyglot_harness.leaderboard.boards import BoardOptions, ScoredBoard, make_boards
from polyglot_harness.leaderboard.results import read_table
from polyglot_harness.leaderboard.site.across import across, clustered_mean, lead_over_others
from polyglot_harness.leaderboard.site.loadings import CELLS_A_METRIC, loadings, published
from polyglot_harness.leaderboard.site.robustness import robustness
from polyglot_harness.scoring.robustness import alpha_robustness

NAN = float("nan")


def board(families: list[str], gain: Any, *, student: str = "f", **changes: Any) -> ScoredBoard:
    """A board of teachers A, B, ... with the given gains [T][L]."""
    gain = np.array(gain, dtype=float)
    found = scored_board([chr(65 + i) for i in range(len(families))], ("de", "es")[: gain.shape[1]])
    return replace(
        found,
        teachers=tuple(
            t.model_copy(update={"family": f})
            for t, f in zip(found.teachers, families, strict=True)
        ),
        student=found.student.model_copy(update={"family": student}),
        grid=replace(found.grid, values={**found.grid.values, "gain": gain}),
        **changes,
    )


def joined(tmp_path: Path, *boards: ScoredBoard) -> dict[str, Any]:
    found = across(empty_table(boards[0].teachers if boards else (), tmp_path), boards)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


@pytest.mark.parametrize(
    ("gain", "families", "lead"),
    [
        ([[0.1], [0.3]], "ab", [[-0.2], [0.2]]),
        ([[0.1], [0.3], [0.5]], "abb", [[-0.3], [0.2], [0.4]]),
        ([[0.1], [0.3]], "aa", [[NAN], [NAN]]),
        ([[0.1, 0.2], [NAN, 0.6]], "ab", [[NAN, -0.4], [NAN, 0.4]]),
    ],
)
def test_lead_is_over_other_families_in_the_same_language(
    gain: Any, families: str, lead: Any
) -> None:
    found = lead_over_others(np.array(gain), np.array(list(families)))
    np.testing.assert_allclose(found, lead, atol=1e-12)


def test_interval_of_equal_clusters_is_that_of_their_means() -> None:
    values = np.random.default_rng(1).normal(0.1, 0.02, (5, 4))
    found = clustered_mean(np.full(5, 4.0), values.sum(1))
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values.mean(1)))
    assert [found["mean"], found["low"], found["high"]] == pytest.approx(
        [values.mean(), low, high], rel=1e-3
    )


@pytest.mark.parametrize(("counts", "mean"), [([], None), ([0.0], None), ([2.0], 0.5)])
def test_fewer_than_two_clusters_have_no_interval(counts: list[float], mean: float | None) -> None:
    found = clustered_mean(np.array(counts), np.ones(len(counts)))
    assert found == {"mean": mean, "low": None, "high": None}


def test_families_are_joined_over_boards(tmp_path: Path) -> None:
    first = board(["f", "g", ""], [[0.1, 0.2], [0.3, NAN], [0.9, 0.9]])
    second = board(["f", "g", "g"], [[0.4], [0.1], [0.26]])
    found = joined(tmp_path, first, second)["families"]
    assert (found["teachers"], found["students"], found["left_out"]) == (["f", "g"], ["f"], 2)
    f, g = found["cells"]
    assert (f["n"], f["teachers"], f["gain"]["mean"]) == (3, 1, 0.2333)
    assert (f["gain"]["low"], g["gain"]["mean"]) == (None, 0.22)
    assert (g["n"], g["teachers"], g["n_lead"]) == (3, 2, 3)
    assert g["gain"]["low"] < 0.22 < g["gain"]["high"]


def test_student_without_a_family_is_left_out(tmp_path: Path) -> None:
    found = joined(tmp_path, board(["f"], [[0.1, 0.2]], student=""))["families"]
    assert (found["cells"], found["left_out"]) == ([], 2)


def sized(n: str, gain: Any, **conditions: str) -> ScoredBoard:
    return board(
        ["f", "g"],
        gain,
        conditions=(("n", n), *conditions.items()),
        key=f"k{n}",
        n_examples=np.full((2, 2), NAN),
    )


def test_series_join_boards_that_differ_in_size_alone(tmp_path: Path) -> None:
    found = joined(
        tmp_path,
        sized("64", [[0.2, 0.3], [0.1, 0.1]], sft="a"),
        sized("16", [[0.1, 0.2], [0.1, NAN]], sft="a"),
        sized("32", [[0.1, 0.2], [0.1, 0.1]], sft="b"),
    )["scaling"]
    (series,) = found["series"]
    assert (series["teacher"], series["conditions"], found["left_out"]) == ("A", "sft:a", 0)
    assert [(p["n"], p["gain"], p["board"]) for p in series["points"]] == [
        (16.0, 0.15, "k16"), (64.0, 0.25, "k64"),
    ]  # fmt: skip


def test_examples_that_were_accepted_count_not_those_asked_for(tmp_path: Path) -> None:
    made = [replace(sized(n, [[0.1, 0.2]] * 2), n_examples=np.full((2, 2), float(n) / 2))
            for n in ("16", "64")]  # fmt: skip
    points = joined(tmp_path, *made)["scaling"]["series"][0]["points"]
    assert [(p["n"], p["asked"]) for p in points] == [(8.0, 16.0), (32.0, 64.0)]


def test_nothing_makes_nothing(tmp_path: Path) -> None:
    found = joined(tmp_path)
    assert found["families"] == {"teachers": [], "students": [], "cells": [], "left_out": 0}
    assert found["scaling"] == {"series": [], "left_out": 0}
    assert (found["pca"]["n"], found["pca"]["loadings"]) == (0, [])


def test_loadings_are_those_of_the_analysis(tmp_path: Path) -> None:
    names = [f"T{i}" for i in range(9)]
    table = read_table(write_folder(tmp_path, names, students=("s", "t")))
    found = loadings(table)
    assert found["metrics"] == list(PAPER_METRICS[:4])
    assert found["left_out"] == list(PAPER_METRICS[4:])
    assert (found["n"], found["needed"]) == (18, 4 * CELLS_A_METRIC)  # two students, the same data
    columns = [table.rows.column(f"m:{m}").to_numpy() for m in found["metrics"]]
    expected = components(np.unique(np.stack(columns, axis=1), axis=0))
    np.testing.assert_allclose(found["loadings"], expected.loadings, atol=1e-3)
    np.testing.assert_allclose(found["ratio"], expected.ratio, atol=1e-3)


@pytest.mark.parametrize(
    ("metrics", "constant", "n"),
    [({}, [], 4), ({"perplexity": 9.0}, ["perplexity"], 4)],
)
def test_too_few_cells_make_no_components(
    tmp_path: Path, metrics: dict[str, float], constant: list[str], n: int
) -> None:
    found = loadings(read_table(write_folder(tmp_path, ["A", "B"], metrics=metrics)))
    assert (found["loadings"], found["ratio"], found["n"]) == ([], [], n)
    assert found["constant"] == constant
    assert found["needed"] == CELLS_A_METRIC * len(found["metrics"]) > n


def test_published_loadings_are_correlations() -> None:
    found = published()
    assert found["metrics"] == list(PAPER_METRICS)
    squares = np.array(found["loadings"]) ** 2
    np.testing.assert_allclose(squares.sum(0), 1, atol=2e-3)  # all components explain a metric
    np.testing.assert_allclose(squares.sum(1) / 6, found["ratio"], atol=2e-3)


def test_alpha_is_judged_by_teachers_with_all_languages(tmp_path: Path) -> None:
    root = write_folder(tmp_path, {"A": 0.3, "B": 0.5, "C": 0.4, "D": 0.45})
    (made,) = make_boards(read_table(root), BoardOptions(resamples=100))
    found = robustness(made)
    rho = alpha_robustness(made.scores.z, made.grid.values["pgr"], over="teachers")
    np.testing.assert_allclose(found["rho"], rho, atol=1e-4)
    z = made.scores.z.copy()
    z[:2, 0] = NAN
    holed = robustness(replace(made, scores=replace(made.scores, z=z)))
    assert (holed["n"], holed["rho"]) == (2, [])

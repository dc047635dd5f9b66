"""Boards as arrays: z over pools, scores, robustness, frozen pools."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scored import BASE, REFERENCE, STUDENT, board, cell

from polyglot_harness.errors import ConfigError
from polyglot_harness.scoring import (
    METRICS,
    Anchors,
    Grid,
    Pool,
    Scoring,
    alpha_robustness,
    frozen_text,
    load_pool,
    pool_of,
    ranked_by,
    score_grid,
    score_run,
    z_of,
)
from polyglot_harness.scoring.grid import GIVEN, column, language_pools
from polyglot_harness.scoring.items import FloatArray

ANCHORS = {"de": Anchors(BASE, REFERENCE), "ja": Anchors(BASE, REFERENCE)}


def bare(values: dict[str, FloatArray], **changes: object) -> Grid:
    """A board of values without metrics."""
    teachers, languages = next(iter(values.values())).shape
    nothing = np.full((teachers, languages, len(METRICS)), np.nan)
    grid = Grid(tuple(f"t{i}" for i in range(teachers)), ("de", "ja", "cs")[:languages], values,
                nothing, nothing)  # fmt: skip
    return replace(grid, **changes)  # type: ignore[arg-type]


def test_z_of_a_grid_is_that_of_its_cells() -> None:
    grid = board(6, 2)
    scores = score_grid(grid)
    for j in range(2):
        cells = [dict(zip(METRICS, row, strict=True)) for row in grid.metrics[:, j].tolist()]
        pool = pool_of(cells)
        assert scores.pools[j] == pool.label
        assert scores.z[:, j] == pytest.approx([z_of(c, pool) for c in cells], abs=1e-14)
        gain = column(grid, "gain")[:, j]
        assert scores.gain_z[:, j] == pytest.approx((gain - gain.mean()) / gain.std())
    assert scores.stable == pytest.approx((scores.z + scores.gain_z) / 2)
    assert scores.score == pytest.approx(0.5 * scores.z + 0.5 * column(grid, "pgr"))


def test_the_label_of_a_pool_is_as_it_was() -> None:
    """``pool_of`` of version 0.1.0 gave these eight digits."""
    cells = [{"perplexity": 3.0 + i, "prompt_distinct_ri": 0.1 * i} for i in range(3)]
    assert pool_of(cells).name == "cells@8c219b80"


def test_a_cell_without_a_metric_has_no_z_and_moves_no_other_metric() -> None:
    grid = board(5, 1)
    grid.metrics[4, 0, 3] = np.nan
    scores = score_grid(grid)
    assert np.isnan(scores.z[4, 0]) and np.isnan(scores.score[4, 0])
    assert np.isfinite(scores.z[:4]).all()
    assert not scores.small[0, 0] or pool_size(grid) < 5


def pool_size(grid: Grid) -> int:
    return language_pools(grid)[0].size or 0


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_part_without_weight_may_be_missing(alpha: float) -> None:
    grid = board(3, 1)
    missing = grid.metrics if alpha == 0 else grid.values["pgr"]
    missing[:] = np.nan
    assert np.isfinite(score_grid(grid, alpha=alpha).score).all()
    assert np.isnan(score_grid(grid, alpha=0.5).score).all()


def test_z_as_it_was_given() -> None:
    z, pgr = np.array([[1.0, np.nan], [-1.0, 2.0]]), np.array([[0.5, 0.5], [0.1, 0.2]])
    scores = score_grid(bare({"z": z, "pgr": pgr}))
    assert scores.pools == (GIVEN, GIVEN)
    assert scores.z == pytest.approx(z, nan_ok=True)
    assert scores.score == pytest.approx((z + pgr) / 2, nan_ok=True)
    assert scores.small.all()


def test_a_given_z_is_no_match_for_measured_metrics() -> None:
    grid = board(3, 1)
    given = replace(grid, values={**grid.values, "z": np.full((3, 1), 9.0)})
    assert score_grid(given).z == pytest.approx(score_grid(grid).z)


@pytest.mark.parametrize(
    ("teachers", "languages"), [(0, 0), (0, 2), (1, 1)], ids=["nothing", "nobody", "one"]
)
def test_small_boards(teachers: int, languages: int) -> None:
    scores = score_grid(board(teachers, languages))
    assert scores.z.shape == (teachers, languages)
    assert np.isnan(scores.gain_z).all() and np.isnan(scores.stable).all()
    assert (scores.z == 0).all()


def test_a_board_without_any_number() -> None:
    scores = score_grid(bare({"gain": np.full((3, 2), np.nan)}))
    for values in (scores.z, scores.gain_z, scores.score, scores.stable):
        assert np.isnan(values).all()


def test_ranked_by_the_stable_score_if_any_anchor_is_unsound() -> None:
    grid = board(2, 2)
    unsound = np.zeros((2, 2), dtype=bool)
    assert ranked_by(grid) == ranked_by(replace(grid, unsound=unsound)) == "polyglot"
    unsound[1, 0] = True
    assert ranked_by(replace(grid, unsound=unsound)) == "stable"


def test_bad_alpha() -> None:
    with pytest.raises(ConfigError, match="alpha must be within 0 to 1, got nan"):
        score_grid(board(1, 1), alpha=float("nan"))


def test_cells_of_a_run_as_a_board() -> None:
    cells = [cell("b", rubric_score=3.0), cell("a", None, rubric_score=2.0),
             cell("b", language="ja", rubric_score=1.0)]  # fmt: skip
    run = score_run(cells, ANCHORS, Scoring())
    assert (run.grid.teachers, run.grid.languages) == (("a", "b"), ("de", "ja"))
    assert run.grid.present is not None
    assert run.grid.present.tolist() == [[True, False], [True, True]]
    german = run.grid.items[0]
    assert german is not None and german.base is not None
    assert [task.shape for task in german.student] == [(2, 1, 4), (2, 1, 2)]
    assert german.student[0][1, 0].tolist() == list(STUDENT["a"].values())
    assert np.isnan(german.student[0][0]).all()
    assert german.base[0].tolist() == [list(BASE["a"].values())]
    assert column(run.grid, "gain")[1, 0] == run.cells[0].gain


def test_students_of_different_tasks_have_no_items_in_common() -> None:
    cells = [cell("a", STUDENT), cell("b", {"a": STUDENT["a"]})]
    run = score_run(cells, ANCHORS, Scoring())
    assert run.grid.items == (None,)


# --- frozen pools ------------------------------------------------------------------------------


def test_freezing_a_pool_changes_no_number(tmp_path: Path) -> None:
    grid = board(5, 2)
    before = score_grid(grid)
    path = tmp_path / "pool.json"
    path.write_text(frozen_text("v1", dict(zip(grid.languages, language_pools(grid), strict=True))))
    pool = load_pool(path)
    after = score_grid(grid, pool=pool)
    assert (after.z == before.z).all()
    assert after.pools[0].startswith("v1@") and after.pools[0] == after.pools[1]
    more = board(6, 2, seed=1)
    more.metrics[:5] = grid.metrics
    assert (score_grid(more, pool=pool).z[:5] == before.z).all()
    with pytest.raises(ConfigError, match="unknown language of pool v1@.*'de'; valid: ar, cs"):
        score_grid(board(2, 3), pool=pool)


def test_pools_of_one_name_are_told_apart() -> None:
    one, other = (frozen_text("v1", {"de": language_pools(board(3, 1, seed=s))[0]}) for s in (0, 1))
    assert json.loads(one)["name"] != json.loads(other)["name"]


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        ({}, "no pool to freeze"),
        ({"de": pool_of([{}])}, "no pool to freeze"),
        ({"de": pool_of([{"perplexity": 3.0}])}, "de: a pool of 1 cell cannot be frozen"),
    ],
)
def test_what_cannot_be_frozen(pools: dict[str, Pool], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        frozen_text("v1", pools)


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ({}, "languages"),
        ({"de": {"mean": {"perplexity": 1}}}, "'languages.de.sd' is missing"),
        ({"de": {"mean": {"ppl": 1}, "sd": {"ppl": 1}}}, r"unknown metric in .*\(de\)"),
        ({"de": {"mean": {}, "sd": {}}}, r"\(de\): mean and sd must name the same metrics"),
    ],
)
def test_a_frozen_pool_by_language_is_checked(
    languages: object, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "pool.json"
    path.write_text(json.dumps({"name": "v1", "languages": languages}))
    with pytest.raises(ConfigError, match=message) as caught:
        load_pool(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("perplexity", [0.0, -3.0, np.inf])
def test_a_perplexity_that_cannot_be_is_missing(perplexity: float) -> None:
    assert z_of({"perplexity": perplexity}, pool_of([{"perplexity": 3.0}])) is None


# --- robustness --------------------------------------------------------------------------------


def test_robustness_with_ties_and_gaps() -> None:
    z, pgr = np.array([[3.0], [2.0], [1.0], [np.nan]]), np.array([[1.0], [1.0], [2.0], [5.0]])
    found = alpha_robustness(z, pgr, (0, 1))
    # ranks 1.5 1.5 3 and 3 2 1, of the three that have both
    assert found == pytest.approx(np.array([[1, -np.sqrt(3) / 2], [-np.sqrt(3) / 2, 1]]))


def test_robustness_over_teachers_is_of_complete_ones() -> None:
    z = np.array([[3.0, 1.0], [2.0, np.nan], [1.0, 0.0]])
    found = alpha_robustness(z, -z, (0, 1), over="teachers")
    assert found == pytest.approx(np.array([[1, -1], [-1, 1]]))


def test_no_robustness_of_nothing() -> None:
    assert np.isnan(alpha_robustness(np.ones((1, 1)), np.ones((1, 1)))).all()
    same = alpha_robustness(np.ones((3, 1)), np.arange(3.0)[:, None], (0, 1))
    assert same[0, 0] == pytest.approx(1) and np.isnan(same[1]).all()
    with pytest.raises(ConfigError, match="alpha must be within"):
        alpha_robustness(np.ones((3, 1)), np.ones((3, 1)), (2,))

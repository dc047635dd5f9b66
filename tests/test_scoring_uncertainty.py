"""Intervals, ranks and pairs against closed forms, scipy, and simulated truth."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scored import board, doubt

from polyglot_harness.errors import ConfigError
from polyglot_harness.scoring import METRICS, Grid, Pool, score_grid, uncertainty
from polyglot_harness.scoring import bootstrap as bootstrap_module
from polyglot_harness.scoring.grid import QUANTITIES, LanguageItems, column
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.resampling import answers_of, resampled_means

UNIT = Pool("unit", tuple((m, 0.0, 1.0) for m in METRICS))
EXTRINSIC = ("raw", "gain", "pgr")


def width(found: FloatArray) -> FloatArray:
    return found[1] - found[0]


def items_of(grid: Grid, j: int = 0) -> LanguageItems:
    items = grid.items[j]
    assert items is not None
    return items


# --- against what is known ---------------------------------------------------------------------


@pytest.mark.parametrize(("name", "rel"), [("raw", 0.04), ("gain", 0.04), ("pgr", 0.2)])
@pytest.mark.parametrize("stored", [True, False])
def test_intervals_are_as_wide_as_the_closed_form(name: str, rel: float, stored: bool) -> None:
    grid = board(3, 2, n=400, stored=stored)
    found = doubt(grid, resamples=8000)
    stderr = column(grid, f"{name}_stderr")
    assert width(found.cells[name]) == pytest.approx(2 * 1.96 * stderr, rel=rel)
    mean = np.sqrt((stderr**2).sum(axis=1)) / 2
    assert width(found.means[name]) == pytest.approx(2 * 1.96 * mean, rel=rel)


def test_one_number_against_scipy() -> None:
    from scipy.stats import bootstrap

    grid = board(2, 1, tasks=1, n=150)
    items = items_of(grid)
    assert items.base is not None
    pair = (items.student[0][0, 0], items.base[0][0])
    theirs = bootstrap(
        pair, lambda a, b, axis: a.mean(axis) - b.mean(axis), paired=True, vectorized=True,
        n_resamples=9999, method="percentile", random_state=0,
    ).confidence_interval  # fmt: skip
    ours = doubt(grid, resamples=9999).cells["gain"][:, 0, 0]
    assert ours == pytest.approx([theirs.low, theirs.high], abs=0.06 * (theirs.high - theirs.low))


@pytest.mark.parametrize("n", [40, 1000], ids=["by index", "by pattern"])
def test_resampled_means_have_the_exact_covariance(n: int) -> None:
    rng = np.random.default_rng(0)
    values = (rng.random((3, n)) < np.array([[0.3], [0.5], [0.8]])).astype(float)
    values[1] = np.maximum(values[0], values[1])
    means = resampled_means(np.vstack([values, np.full(n, np.nan)]), 20_000, rng, block=999)
    assert np.isnan(means[3]).all()
    # its own error is that of 20,000 draws: 1 % of a sd
    assert np.cov(means[:3]) * n == pytest.approx(np.cov(values), abs=0.01)
    assert means[:3].mean(axis=1) == pytest.approx(values.mean(axis=1), abs=0.05 / math.sqrt(n))


def test_errors_of_metrics_in_a_frozen_pool() -> None:
    """z = (a + b - log(1 + p) + r) / 4 over the unit pool, so its variance is known."""
    grid = board(2, 1, error=0.05)
    grid.metrics[:, :, 2] = 10.0
    errors = np.array([0.05, 0.05, 0.05 / 11, 0.05])
    independent = math.sqrt((errors**2).sum()) / 4
    assert half(grid) == pytest.approx(independent, rel=0.04)
    # -log p falls as p grows: its correlation with the others changes its sign
    together = replace(grid, correlations=np.ones((2, 1, 4, 4)))
    assert half(together) == pytest.approx((0.05 + 0.05 - 0.05 / 11 + 0.05) / 4, rel=0.04)
    # no correlations of anything: the nearest that are, and nothing that is not finite
    impossible = np.full((2, 1, 4, 4), -1.0)
    impossible[:, :, 0, 1] = impossible[:, :, 1, 0] = np.nan
    assert 0 < half(replace(grid, correlations=impossible)) < independent


def half(grid: Grid) -> float:
    """Half the width of the first z's interval, in standard errors of a normal."""
    return float(width(doubt(grid, pool=UNIT, resamples=8000).cells["z"])[0, 0]) / 2 / 1.96


def test_perplexity_stays_positive() -> None:
    grid = board(2, 1)
    grid.metrics[:, :, 2], grid.metric_stderrs[:, :, 2] = 1.5, 5.0
    low, high = doubt(grid, pool=replace(UNIT, moments=(("perplexity", 0.0, 1.0),))).cells["z"]
    assert np.isfinite(low).all() and (high < 0).all()  # -log1p(p) < 0 for p > 0


@pytest.mark.parametrize("aggregate", ["mean", "borda"])
def test_the_closed_form_of_large_boards(aggregate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = board(30, 3, stored=False, spread=0.05, seed=3)
    grid = replace(grid, correlations=np.full((30, 3, 4, 4), 0.4))
    options = {"aggregate": aggregate, "resamples": 6000}
    drawn = doubt(grid, **options)
    monkeypatch.setattr(bootstrap_module, "LARGE", 0)
    closed = doubt(grid, **options)
    assert "closed form" in closed.method and "closed form" not in drawn.method
    for name in QUANTITIES:
        assert width(closed.means[name]) == pytest.approx(width(drawn.means[name]), rel=0.12)
        assert width(closed.cells[name]).mean() == pytest.approx(
            width(drawn.cells[name]).mean(), rel=0.05
        )
    off = ~np.eye(30, dtype=bool)
    assert np.abs(closed.better - drawn.better)[off].max() < 0.06
    assert np.abs(closed.ranks - drawn.ranks).max() <= 2
    frozen = doubt(grid, pool=UNIT, **options)
    monkeypatch.setattr(bootstrap_module, "LARGE", 1000)
    assert width(frozen.means["z"]) == pytest.approx(
        width(doubt(grid, pool=UNIT, **options).means["z"]), rel=0.08
    )


def test_p_can_be_small_enough_for_every_pair_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = board(70, 8, stored=False, n=50)
    monkeypatch.setattr(bootstrap_module, "LARGE", 0)
    p = doubt(grid).p_holm[np.triu_indices(70, 1)]
    assert np.isfinite(p).all() and (p <= 1).all()
    assert p.min() < 1e-9 and p.max() == 1.0


# --- against simulated truth -------------------------------------------------------------------


def accuracy(level: FloatArray | float) -> FloatArray:
    """P(.5 u + .5 v < level) of two uniform numbers, which is how `scored.board` answers."""
    p = np.asarray(level, dtype=float)
    return np.where(p < 0.5, 2 * p * p, 1 - 2 * (1 - p) ** 2)


def truth(teachers: int, seed: int, spread: float) -> dict[str, FloatArray]:
    """What `scored.board` draws from, of each teacher."""
    skill = spread * np.random.default_rng(seed).standard_normal(teachers)
    raw = accuracy(0.55 + skill)
    gain, gap = raw - accuracy(0.4), accuracy(0.7) - accuracy(0.4)
    metrics = np.array([0.3, 0.3, 10.0, 3.0]) + skill[:, None] * np.array([1.0, 1.0, -20.0, 5.0])
    metrics[:, 2] = -np.log1p(metrics[:, 2])
    z = ((metrics - metrics.mean(axis=0)) / metrics.std(axis=0)).mean(axis=1)
    gain_z, pgr = (gain - gain.mean()) / gain.std(), gain / gap
    return {"raw": raw, "gain": gain, "pgr": pgr, "z": z, "gain_z": gain_z,
            "score": (z + pgr) / 2, "stable": (z + gain_z) / 2}  # fmt: skip


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"seeds": 3, "seed_sd": 0.03},
        {"stored": False},
    ],
    ids=["items", "items and seeds", "standard errors"],
)
def test_coverage(how: dict[str, Any]) -> None:
    """95 % intervals hold the truth in 95 % of 100 boards of 10 cells, within 3 errors of 100.

    Without answers the error that all share through the base is taken as each teacher's own, so
    that what compares them, gain_z and with it stable, errs on the wide side.
    """
    hits: dict[str, list[FloatArray]] = {name: [] for name in QUANTITIES}
    for seed in range(100):
        found = doubt(board(5, 2, error=0.02, seed=seed, **how), resamples=500, seed=seed)
        for name, true in truth(5, seed, 0.1).items():
            low, high = found.cells[name] + np.array([-1e-9, 1e-9])[:, None, None]
            hits[name].append((low <= true[:, None]) & (true[:, None] <= high))
    shares = {name: float(np.mean(hit)) for name, hit in hits.items()}
    for name, share in shares.items():
        wide = not how.get("stored", True) and name in ("gain_z", "stable")
        assert 0.91 <= share <= (1.0 if wide else 0.98), shares


@pytest.mark.parametrize("by", ["polyglot", "stable"])
def test_equal_teachers_are_seldom_told_apart(by: Any) -> None:
    """In at most 5 % of boards, but for chance, is any of ten pairs significant."""
    alarms = 0
    for seed in range(100):
        grid = board(5, 2, spread=0.0, error=0.02, seed=seed)
        alarms += bool(np.nanmin(doubt(grid, resamples=400, seed=seed, by=by).p_holm) < 0.05)
    assert alarms <= 9


# --- pairing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("by", ["polyglot", "stable"])
def test_a_teacher_that_equals_another_item_by_item(graded: bool, by: Any) -> None:
    grid = board(3, 2)
    for items in grid.items:
        assert items is not None
        for task in items.student:
            if graded:
                task *= np.random.default_rng(0).random(task.shape)
            task[2] = task[0]
    for name in EXTRINSIC:
        grid.values[name][2] = grid.values[name][0]
    grid.metrics[2], grid.metric_stderrs[:] = grid.metrics[0], 0.0
    found = doubt(grid, by=by)
    assert (found.better[0, 2], found.better[2, 0], found.p_holm[0, 2]) == (0.5, 0.5, 1.0)
    assert np.isnan(np.diag(found.better)).all() and np.isnan(np.diag(found.p_holm)).all()
    assert (found.ranks[:, 0] == found.ranks[:, 2]).all()


def test_pairing_makes_differences_sharper() -> None:
    """Students that fail the same items differ by less than their own intervals suggest."""
    grid = board(2, 1, tasks=1, n=300)
    task = items_of(grid).student[0]
    task[1] = task[0]
    task[1, 0, np.flatnonzero(task[0, 0] == 1)[:12]] = 0
    raw = task.mean(axis=(1, 2))
    for name in EXTRINSIC:
        grid.values[name][:] = raw[:, None]
    found = doubt(grid, alpha=0)
    low, high = found.cells["raw"][:, :, 0]
    assert low[0] < high[1]  # the intervals overlap
    assert found.p_holm[0, 1] < 0.01 and found.better[0, 1] > 0.99


# --- seeds -------------------------------------------------------------------------------------


def test_a_seed_repeats_all_and_a_language_depends_on_no_other() -> None:
    grid = board(3, 2)
    one, again, other = (doubt(grid, seed=seed) for seed in (1, 1, 2))
    for name in QUANTITIES:
        assert (one.cells[name] == again.cells[name]).all()
        assert (one.cells[name] != other.cells[name]).any()
    alone = Grid(grid.teachers, grid.languages[1:],
                 {n: v[:, 1:] for n, v in grid.values.items()}, grid.metrics[:, 1:],
                 grid.metric_stderrs[:, 1:], items=grid.items[1:])  # fmt: skip
    assert (doubt(alone, seed=1).cells["score"][:, :, 0] == one.cells["score"][:, :, 1]).all()


def test_seeds_widen_the_interval_by_what_they_move() -> None:
    """Items of 3 seeds count once; a seed sd of s adds s^2 / 3 to the variance."""
    grid = board(30, 1, seeds=3, seed_sd=0.05, tasks=1, n=200)
    answers = answers_of(items_of(grid))
    # accuracy grows with 4 (1 - level) at levels near .55: about 1.8 times the sd of the level
    assert answers.seed_sd[:30] == pytest.approx(1.8 * 0.05 / math.sqrt(3), rel=0.2)
    assert (answers.seed_sd[30:] == 0).all()  # anchors that are the same for all seeds
    assert answers.seed_df == 60
    still = answers_of(items_of(board(30, 1, seeds=3, tasks=1, n=200)))
    assert still.seed_sd.max() < 0.012
    sd = width(doubt(grid).cells["raw"])[:, 0] / 2 / 1.96
    own = np.sqrt([t.var(ddof=1) / 200 for t in answers.tasks[0][:30]])
    assert sd == pytest.approx(np.hypot(own, answers.seed_sd[:30]), rel=0.1)


def test_two_seeds_of_one_teacher_say_little() -> None:
    one, two = (doubt(board(1, 1, seeds=k, seed_sd=0.1, seed=3)) for k in (1, 2))
    assert width(two.cells["raw"]) > 2 * width(one.cells["raw"])


# --- what has no interval ----------------------------------------------------------------------


def test_an_inverted_anchor_leaves_pgr_without_interval() -> None:
    grid = board(3, 2)
    items = tuple(replace(i, base=i.reference, reference=i.base) for i in grid.items if i)
    grid.values["pgr"][:] = -1.0
    grid.values["pgr_stderr"][:] = np.nan
    grid = replace(grid, items=items, unsound=np.ones((3, 2), dtype=bool))
    found = doubt(grid)
    for name in ("pgr", "score"):
        assert np.isnan(found.cells[name]).all() and np.isnan(found.means[name]).all()
    for name in ("raw", "gain", "z", "gain_z", "stable"):
        assert np.isfinite(found.cells[name]).all()
    assert np.isfinite(found.ranks).all()
    assert np.isnan(doubt(grid, by="polyglot").ranks).all()


@pytest.mark.parametrize("stored", [True, False])
def test_an_unknown_error_is_never_an_interval_of_no_width(stored: bool) -> None:
    grid = board(4, 2, stored=stored)
    grid.metric_stderrs[1, 0, 3] = np.nan
    found = doubt(grid)
    for name in ("z", "score", "stable"):
        assert np.isnan(found.cells[name][:, 1, 0]).all()
        assert np.isnan(found.means[name][:, 1]).all()
        assert (width(found.cells[name])[0] > 0).all()
    assert np.isfinite(found.cells["raw"]).all()
    assert np.isnan(found.ranks[:, 1]).all() and np.isfinite(found.ranks[:, [0, 2, 3]]).all()
    assert np.isnan(found.better[1]).all() and np.isnan(found.p_holm[:, 1]).all()
    assert "1 teacher(s) without rank interval" in found.notes[-1]


def test_one_item_a_task_has_no_error() -> None:
    grid = board(3, 1, n=2)
    items = items_of(grid)
    one = [tuple(t[..., :1] for t in part or ()) for part in (
        items.student, items.base, items.reference)]  # fmt: skip
    grid = replace(grid, items=(LanguageItems(items.tasks, *one),))
    for name in EXTRINSIC:
        grid.values[f"{name}_stderr"][:] = np.nan
        assert np.isnan(doubt(grid).cells[name]).all()


def test_a_teacher_without_answers_has_none_and_moves_nobody() -> None:
    grid = board(4, 2)
    less = board(4, 2)
    for name in less.values:
        less.values[name][3, 1] = np.nan
    for task in items_of(less, 1).student:
        task[3] = np.nan
    full, found = doubt(grid, pool=UNIT), doubt(less, pool=UNIT)
    assert np.isnan(found.cells["gain"][:, 3, 1]).all() and np.isnan(found.ranks[:, 3]).all()
    assert np.isfinite(found.cells["z"]).all()
    assert (found.cells["score"][:, :3] == full.cells["score"][:, :3]).all()
    three = board(4, 2)
    keep = Grid(three.teachers[:3], three.languages,
                {n: v[:3] for n, v in three.values.items()}, three.metrics[:3],
                three.metric_stderrs[:3])  # fmt: skip
    assert (found.ranks[:, :3] <= 3).all()
    assert np.isfinite(doubt(keep, pool=UNIT).ranks).all()


@pytest.mark.parametrize(("teachers", "languages"), [(0, 0), (0, 2), (1, 1), (2, 1)])
def test_boards_of_hardly_anybody(teachers: int, languages: int) -> None:
    found = doubt(board(teachers, languages))
    assert found.cells["raw"].shape == (2, teachers, languages)
    assert found.better.shape == (teachers, teachers)
    if teachers == 1:
        assert np.isfinite(found.cells["pgr"]).all()
        for name in ("z", "gain_z", "score", "stable"):  # 0 by construction
            assert np.isnan(found.cells[name]).all()
    if teachers == 2:
        assert (np.abs(found.cells["z"]) <= 1).all()


def test_nothing_measured() -> None:
    grid = board(3, 2, stored=False)
    for values in (*grid.values.values(), grid.metrics):
        values[:] = np.nan
    found = doubt(grid)
    assert all(np.isnan(v).all() for v in (*found.cells.values(), *found.means.values()))
    assert np.isnan(found.better).all() and np.isnan(found.ranks).all()


def test_no_resamples() -> None:
    found = doubt(board(3, 1), resamples=0)
    assert found.resamples == 0 and found.method.startswith("no intervals")
    assert np.isnan(found.cells["raw"]).all() and np.isnan(found.p_holm).all()


def test_memory_bounds_the_draws_of_many_teachers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap_module, "MOST", 6000)
    monkeypatch.setattr(bootstrap_module, "LEAST", 1200)
    grid = board(3, 1)
    assert [doubt(grid, resamples=r).resamples for r in (0, 500, 5000)] == [0, 500, 2000]
    assert doubt(board(6, 1), resamples=5000).method.startswith("1,200 draws")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 2.0}, "alpha must be within 0 to 1"),
        ({"pgr_method": "mean"}, "unknown PGR method 'mean'"),
        ({"aggregate": "median"}, "unknown aggregate 'median'.*; valid: borda, mean, mrr"),
        ({"resamples": -1}, "resamples must be 0 or at least 2, got -1"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    grid = board(2, 1)
    with pytest.raises(ConfigError, match=message):
        uncertainty(grid, score_grid(grid), **options)

"""Scores by hand. Where a value has a derivation, it stands beside it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scored import BASE, REFERENCE, STUDENT, cell, items, measurements

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.scoring import (
    Anchors,
    Cell,
    Items,
    Pool,
    align,
    anchor_flags,
    estimate,
    polyglot_score,
    recovered,
    score_cells,
)
from polyglot_harness.scoring.items import Arrays, FloatArray, count, subtract
from polyglot_harness.scoring.pgr import Method, bootstrap_means
from polyglot_harness.spec import PolyglotScore

THREE = align({"student": STUDENT, "base": BASE, "reference": REFERENCE})


# --- items -------------------------------------------------------------------------------------


def test_mean_over_tasks_of_means_over_items() -> None:
    raw = estimate(THREE["student"])
    assert raw.value == 0.625
    # var a = 1/4, over 4 items; var b = 1/2, over 2
    assert raw.stderr == pytest.approx(math.sqrt(1 / 16 + 1 / 4) / 2)
    assert count(THREE["student"]) == 6


def test_paired_differences() -> None:
    gain = estimate(subtract(THREE["student"], THREE["base"]))
    assert gain.value == 0.5
    # differences a: 0 1 1 0, var 1/3; b: 1 0, var 1/2
    assert gain.stderr == pytest.approx(math.sqrt(1 / 12 + 1 / 4) / 2)


def test_one_item_has_a_mean_and_no_error() -> None:
    got = estimate(align({"s": items(a=[1], b=[0, 1])})["s"])
    assert (got.value, got.stderr) == (0.75, None)


def test_items_are_aligned_by_id_not_by_order() -> None:
    got = align({"x": {"t": {"p": 0.0, "q": 1.0}}, "y": {"t": {"q": 1.0, "p": 0.0}}})
    assert [a.tolist() for a in got["x"]] == [a.tolist() for a in got["y"]] == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"student": items(a=[1]), "base": items(a=[1], b=[1])}, "task b was evaluated for base "),
        ({"student": items(a=[1], b=[1]), "base": items(a=[1])}, "b was evaluated for student"),
        ({"student": items(a=[1]), "base": items(a=[1, 1, 0])}, r"a: 2 item\(s\) of base not of s"),
        ({"student": items(a=[1, 0]), "base": items(a=[1])}, r"a: 1 item\(s\) of student .*\(q1\)"),
        ({"student": {}}, "de: student: no tasks were evaluated"),
        ({"student": {"a": {}}}, "task a has no items"),
        ({"student": items(a=[1, 1.5])}, "item q1: accuracy 1.5 is not within 0 to 1"),
        ({"student": items(a=[math.nan])}, "accuracy nan is not within 0 to 1"),
    ],
)
def test_items_that_do_not_fit_are_refused(parts: dict[str, Items], message: str) -> None:
    with pytest.raises(StageError, match=message):
        align(parts, "de")


# --- PGR ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "pgr"),
    [
        ("ratio-of-means", 0.5 / 0.625),
        ("mean-of-ratios", (0.5 / 0.75 + 0.5 / 0.5) / 2),
    ],
)
def test_pgr_by_hand(method: Method, pgr: float) -> None:
    assert recovered(**THREE, method=method).value == pytest.approx(pgr, abs=1e-15)


def test_unknown_method() -> None:
    with pytest.raises(ConfigError, match="unknown PGR method 'mean'; valid: mean-of-ratios, rat"):
        recovered(**THREE, method="mean")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("base", "reference", "method", "flags"),
    [
        ([0, 0, 0, 0], [1, 1, 1, 1], "ratio-of-means", ()),  # gap 1, error 0
        ([1, 1, 0, 0], [0, 1, 0, 0], "ratio-of-means", ("anchor_inverted",)),
        ([1, 0, 0, 0], [0, 1, 0, 0], "ratio-of-means", ("anchor_inverted",)),  # gap 0
        ([0, 0, 0, 0], [1, 0, 0, 0], "ratio-of-means", ("anchor_weak",)),  # 1/4, error 1/4
        ([0], [1], "ratio-of-means", ("anchor_weak",)),  # no error known
    ],
)
def test_anchor_flags(
    base: list[float], reference: list[float], method: Method, flags: tuple[str, ...]
) -> None:
    arrays = align({"b": items(t=base), "r": items(t=reference)})
    assert anchor_flags(arrays["b"], arrays["r"], method) == flags


def test_mean_of_ratios_is_flagged_for_one_bad_task() -> None:
    parts = align(
        {"b": items(x=[0] * 8, y=[1, 0, 0, 0]), "r": items(x=[1] * 8, y=[0, 0, 0, 0])},
    )
    assert anchor_flags(parts["b"], parts["r"]) == ()  # gap (1 - 1/4) / 2, error 1/8
    assert anchor_flags(parts["b"], parts["r"], "mean-of-ratios") == ("anchor_inverted",)


def test_a_gap_of_two_errors_is_sound() -> None:
    # 0.625 against an error of 0.2795: 2.2
    assert anchor_flags(THREE["base"], THREE["reference"]) == ()


def test_no_pgr_over_a_gap_of_zero() -> None:
    got = recovered(THREE["student"], THREE["base"], THREE["base"])
    assert (got.value, got.stderr) == (None, None)


def test_no_error_where_the_resampled_gap_may_be_negative() -> None:
    parts = align(
        {"s": items(t=[1, 1, 0, 0]), "b": items(t=[0, 1, 0, 0]), "r": items(t=[1, 0, 0, 1])}
    )
    got = recovered(parts["s"], parts["b"], parts["r"])
    assert (got.value, got.stderr) == (1.0, None)


def test_no_error_of_single_items() -> None:
    parts = align({"s": items(t=[0.5]), "b": items(t=[0]), "r": items(t=[1])})
    assert recovered(parts["s"], parts["b"], parts["r"]).stderr is None


def simulated(seed: int, n: int = 300, *, graded: bool = False) -> tuple[Arrays, Arrays, Arrays]:
    """Student, base, reference of two tasks, paired by a difficulty; the true PGR is 0.5."""
    rng = np.random.default_rng(seed)

    def answers(level: float, difficulty: FloatArray) -> FloatArray:
        if graded:
            return np.clip(level - 0.3 * difficulty + 0.1 * rng.random(difficulty.size), 0, 1)
        return (0.6 * difficulty + 0.4 * rng.random(difficulty.size) < level).astype(float)

    tasks = [rng.random(n), rng.random(n)]
    # P(.6 u + .4 v < x) is linear in x within .4 to .6, so .5 is half way
    student, base, reference = (
        tuple(answers(level, task) for task in tasks) for level in (0.5, 0.4, 0.6)
    )
    return student, base, reference


@pytest.mark.parametrize("graded", [False, True])
def test_bootstrap_error_of_a_mean_is_the_analytic_one(graded: bool) -> None:
    three = simulated(1, graded=graded)
    tasks = [np.stack(t) for t in zip(*three, strict=True)]
    means = bootstrap_means(tasks, seed=0, resamples=8000).mean(axis=1)
    for i, arrays in enumerate(three):
        assert means[:, i].std() == pytest.approx(estimate(arrays).stderr, rel=0.03)
    gain = means[:, 0] - means[:, 1]
    assert gain.std() == pytest.approx(estimate(subtract(three[0], three[1])).stderr, rel=0.03)


@pytest.mark.parametrize("graded", [False, True])
def test_bootstrap_error_of_pgr_is_that_of_the_delta_method(graded: bool) -> None:
    student, base, reference = simulated(2, n=1500, graded=graded)
    got = recovered(student, base, reference, resamples=8000)
    gap = subtract(reference, base)
    assert got.value is not None
    residual = subtract(subtract(student, base), tuple(got.value * g for g in gap))
    stderr, mean_gap = estimate(residual).stderr, estimate(gap).value
    assert stderr is not None and mean_gap is not None
    assert got.stderr == pytest.approx(stderr / mean_gap, rel=0.05)


def test_two_errors_cover_the_true_pgr() -> None:
    hits = []
    for seed in range(300):
        got = recovered(*simulated(seed), seed=seed, resamples=500)
        assert got.value is not None and got.stderr is not None
        hits.append(abs(got.value - 0.5) <= 1.96 * got.stderr)
    assert 0.92 <= np.mean(hits) <= 0.98


def test_bootstrap_is_seeded() -> None:
    three = simulated(3)
    assert recovered(*three, seed=1) == recovered(*three, seed=1)
    assert recovered(*three, seed=1) != recovered(*three, seed=2)


# --- Polyglot Score ----------------------------------------------------------------------------

ANCHORS = {"de": Anchors(BASE, REFERENCE)}
METRICS = {
    "prompt_distinct_ri": 0.2,
    "response_distinct_ri": 0.3,
    "perplexity": 9.0,
    "rubric_score": 3.0,
}


def by_hand() -> tuple[PolyglotScore, ...]:
    """Two teachers; the second is better by each metric, its student no better than the base."""
    better = {
        "prompt_distinct_ri": 0.3,
        "response_distinct_ri": 0.4,
        "perplexity": 5.0,
        "rubric_score": 4.0,
    }
    return score_cells([cell("a", **METRICS), cell("b", BASE, **better)], ANCHORS)


def test_scores_by_hand() -> None:
    a, b = by_hand()
    assert (a.raw, a.base, a.reference, a.gain, a.gap) == (0.625, 0.125, 0.75, 0.5, 0.625)
    assert a.gap_stderr == pytest.approx(math.sqrt(1 / 16 + 1 / 4) / 2)
    assert a.gain_stderr == pytest.approx(math.sqrt(1 / 3) / 2)
    assert (a.pgr, b.pgr) == (pytest.approx(0.8), 0.0)
    assert (a.z, b.z) == (pytest.approx(-1), pytest.approx(1))
    assert (a.score, b.score) == (pytest.approx(-0.1), pytest.approx(0.5))
    assert (a.stable, b.stable) == (pytest.approx(0), pytest.approx(0))  # gain z: 1 and -1
    assert (a.flags, a.missing, a.n_items) == (("small_pool",), (), 6)
    assert a.pool.startswith("cells@") and a.pool == b.pool
    assert a.measurements == measurements(**METRICS)


def test_the_score_carries_the_error_of_its_pgr_part() -> None:
    student, base, reference = (
        {f"t{i}": {str(j): float(v) for j, v in enumerate(task)} for i, task in enumerate(part)}
        for part in simulated(5)
    )
    cells = [cell("a", student, **METRICS)]
    (got,) = score_cells(cells, {"de": Anchors(base, reference)}, alpha=0.25)
    assert got.pgr_stderr is not None
    assert got.score_stderr == pytest.approx(0.75 * got.pgr_stderr)


@pytest.mark.parametrize(
    ("z", "pgr", "alpha", "score"),
    [
        (1.0, 0.5, 0.5, 0.75),
        (1.0, 0.5, 0.2, 0.6),
        (1.0, None, 0.5, None),
        (None, 0.5, 0.5, None),
        (1.0, None, 1.0, 1.0),  # a part without weight is not needed
        (None, 0.5, 0.0, 0.5),
    ],
)
def test_polyglot_score(
    z: float | None, pgr: float | None, alpha: float, score: float | None
) -> None:
    assert polyglot_score(z, pgr, alpha) == (None if score is None else pytest.approx(score))


def test_missing_parts_are_named() -> None:
    metrics = {**METRICS, "rubric_score": None}
    cells = [cell("a", **METRICS), cell("b", None, **METRICS), cell("c", **metrics)]
    a, b, c = score_cells(cells, ANCHORS)
    assert a.missing == () and a.score is not None
    assert b.missing == ("pgr", "student")
    assert (b.raw, b.gain, b.pgr, b.score, b.stable, b.n_items) == (None,) * 5 + (0,)
    assert (b.gap, b.z) == (0.625, 0.0)
    assert c.missing == ("z", "rubric_score")
    assert (c.z, c.score, c.stable, c.pgr) == (None, None, None, a.pgr)


def test_missing_anchors_are_named() -> None:
    (got,) = score_cells([cell(**METRICS)], {"de": Anchors(BASE, failed="out of memory")})
    assert got.missing == ("pgr", "reference")
    assert (got.gain, got.gap, got.pgr) == (0.5, None, None)
    (got,) = score_cells([cell(**METRICS)], {"de": Anchors(failed="out of memory")})
    assert got.missing == ("pgr", "base", "reference")
    assert (got.raw, got.gain) == (0.625, None)


@pytest.mark.parametrize(
    ("anchors", "message"),
    [
        ({}, "t, de: no answers of the base and the reference of s: evaluate them"),
        ({"de": Anchors(BASE)}, "t, de: no answers of the reference of s"),
        ({"ja": ANCHORS["de"]}, "t, de: no answers of the base and the reference"),
        ({"de": replace(ANCHORS["de"], student="x")}, "these are of x, the cell is of s; evaluate"),
        ({"de": replace(ANCHORS["de"], tasks="1")}, "evaluated on tasks:1, the student on tasks:2"),
    ],
)
def test_anchors_of_others_are_never_borrowed(anchors: dict[str, Anchors], message: str) -> None:
    own = replace(cell(**METRICS), signature="lang:de|tasks:2")
    with pytest.raises(ConfigError, match=message):
        score_cells([own], anchors)


def test_anchors_that_say_whose_they_are() -> None:
    own = replace(cell(**METRICS), signature="lang:de|tasks:2")
    named = {"de": replace(ANCHORS["de"], student="s", tasks="2")}
    assert score_cells([own], named) == score_cells([own], ANCHORS)


def test_a_cell_that_comes_twice() -> None:
    with pytest.raises(ConfigError, match="two cells of t in de: keep one"):
        score_cells([cell(), cell()], ANCHORS)


def test_one_cell_has_no_stable_score() -> None:
    (got,) = score_cells([cell(**METRICS)], ANCHORS)
    assert (got.z, got.stable) == (0.0, None)


def test_pools_are_within_a_language() -> None:
    cells = [cell("a", rubric_score=1.0), cell("b", rubric_score=3.0)]
    more = [cell("a", language="ja", rubric_score=4.0), cell("b", language="ja", rubric_score=5.0)]
    both = {"de": ANCHORS["de"], "ja": ANCHORS["de"]}
    assert score_cells(cells + more, both)[:2] == score_cells(cells, both)


@pytest.mark.parametrize(("n", "flags"), [(4, ("small_pool",)), (5, ())])
def test_small_pool(n: int, flags: tuple[str, ...]) -> None:
    cells = [cell(f"t{i}", **METRICS) for i in range(n)]
    assert {got.flags for got in score_cells(cells, ANCHORS)} == {flags}
    frozen = Pool("v1", (("rubric_score", 3.0, 1.0),), size=60)
    assert {got.flags for got in score_cells(cells, ANCHORS, pool=frozen)} == {flags}


def test_an_inverted_anchor_is_flagged_and_its_parts_are_kept() -> None:
    (got,) = score_cells([cell(**METRICS)], {"de": Anchors(REFERENCE, BASE)})
    assert got.flags == ("anchor_inverted", "small_pool")
    assert (got.gap, got.gain, got.pgr) == (-0.625, -0.125, pytest.approx(0.2))
    assert got.pgr_stderr is None


def test_the_order_of_cells_does_not_matter() -> None:
    cells = [cell("a", **METRICS), cell("b", BASE, **METRICS)]
    assert score_cells(cells[::-1], ANCHORS) == score_cells(cells, ANCHORS)[::-1]


def test_several_students_are_refused() -> None:
    cells = [cell(), Cell("t", "ja", "other", "", STUDENT)]
    with pytest.raises(ConfigError, match=r"one student at a time.*\(other, s\)"):
        score_cells(cells, ANCHORS)


def test_bad_alpha() -> None:
    with pytest.raises(ConfigError, match="alpha must be within 0 to 1, got 2"):
        score_cells([cell()], ANCHORS, alpha=2)


def test_means_are_over_the_tasks_that_all_share() -> None:
    less = Anchors(BASE, {"a": REFERENCE["a"], "c": {"q0": 1.0}})
    (got,) = score_cells([cell(**METRICS)], {"de": less})
    # of task a alone: student .75, base .25, reference 1
    assert (got.raw, got.base, got.reference, got.n_items) == (0.75, 0.25, 1.0, 4)
    assert (got.gain, got.gap, got.pgr) == (0.5, 0.75, pytest.approx(2 / 3))
    assert got.missing == ("task:b (reference)", "task:c (student, base)")
    assert score_cells([cell(**METRICS)], ANCHORS)[0].missing == ()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        # items of a shared task must be equal
        (items(a=[1, 1, 1]), r"t, de: task a: 1 item\(s\) of base not of student \(q3\)"),
        (items(z=[1]), r"t, de: no task was evaluated for all of them \(student: z; base: a, b; "),
        ({}, "t, de: student: no tasks were evaluated"),
    ],
)
def test_other_items_than_the_anchors_are_refused(answers: Items, message: str) -> None:
    with pytest.raises(StageError, match=message):
        score_cells([cell(answers=answers)], ANCHORS)

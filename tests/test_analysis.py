"""What the metrics say of the students: against known answers, other implementations, bad input."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from grids import Make, grid, noise, r2s
from hypothesis import given, settings
from hypothesis import strategies as st

from polyglot_harness.analysis.correlation import correlations, weighted_spearman
from polyglot_harness.analysis.frame import frame
from polyglot_harness.analysis.pca import components
from polyglot_harness.analysis.regression import held_out, r_squared, regress, warnings
from polyglot_harness.analysis.report import analyse, as_json
from polyglot_harness.analysis.resampling import interval, weights
from polyglot_harness.analysis.rows import Row
from polyglot_harness.analysis.size import size_regression
from polyglot_harness.errors import ConfigError


def linear(i: int, j: int, rng: np.random.Generator) -> dict[str, float]:
    """The outcome is the common factor of two metrics; a third has nothing to do with it."""
    quality = rng.normal()
    return {"a": quality, "b": 5 - 2 * quality, "c": rng.normal(), "raw": 0.4 + 0.1 * quality}


# --- known answers -----------------------------------------------------------------------------


def test_an_outcome_of_pure_noise_is_explained_in_sample_only() -> None:
    data = frame(grid(noise(30)))
    found = regress(data, 30)
    assert found.in_sample is not None and found.in_sample > 0.4
    assert found.adjusted is not None and abs(found.adjusted) < 0.3
    assert all(out.r2 is not None and out.r2 < 0 for out in found.out_of_sample.values())
    assert found.chance is not None and found.chance.p_value > 0.05
    assert found.chance.mean == pytest.approx(30 / 59, abs=0.01)  # k / (n - 1)
    assert any("60 cells are few for 30 predictors" in w for w in warnings(data, found))


def test_an_outcome_that_is_a_component_is_explained_everywhere() -> None:
    data = frame(grid(linear))
    found = regress(data, 2)
    assert found.in_sample == pytest.approx(1)
    for out in found.out_of_sample.values():
        assert (out.r2, out.low) == (pytest.approx(1), pytest.approx(1))
    assert found.chance is not None and found.chance.p_value == pytest.approx(1 / 2001)
    said = " ".join(warnings(data, found))
    assert "3 metrics are collinear: they make 2 components" in said
    assert "raw is a linear combination of the metrics" in said


def of_group(group: int) -> Make:
    """A metric that names the language (0) or the teacher (1), and an outcome that goes with it."""

    def make(i: int, j: int, rng: np.random.Generator) -> dict[str, float]:
        member = (j, i % 6)[group]
        level = (0.0, 5.0, 1.0, 4.0, 0.5, 3.0)[member]
        named = {f"is{m}": float(m == member) + 0.05 * rng.normal() for m in range(6)}
        return {**named, "raw": level + 0.1 * rng.normal()}

    return make


@pytest.mark.parametrize(
    ("group", "easy", "hard"),
    [
        (0, "leave_teacher_out", "leave_language_out"),
        (1, "leave_language_out", "leave_teacher_out"),
    ],
)
def test_what_drives_the_outcome_shows_when_it_is_held_out(
    group: int, easy: str, hard: str
) -> None:
    found = r2s(frame(grid(of_group(group), teachers=6)), 6)
    for name in ("in_sample", "leave_one_out", easy):
        assert found[name] == pytest.approx(0.99, abs=0.02)
    assert found[hard] < 0.2  # type: ignore[operator]


def test_definition_out_of_sample_by_hand() -> None:
    # y = 0 1 5 at x = 0 1 2; without one: y_hat -3, 2.5, 2 and y_bar 3, 2.5, .5
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 5.0])
    predicted, baseline = held_out(x, y, ["a", "b", "c"], 1)
    assert predicted == pytest.approx([-3, 2.5, 2])
    assert baseline == pytest.approx([3, 2.5, 0.5])
    assert r_squared(y, predicted, baseline) == pytest.approx(
        1 - (9 + 2.25 + 9) / (9 + 2.25 + 20.25)
    )


# --- other implementations ---------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 5])
def test_agrees_with_scikit_learn(k: int) -> None:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(1)
    mix = rng.normal(size=(5, 5))
    rows = grid(lambda i, j, _: {**dict(zip("abcde", mix @ rng.normal(size=5), strict=True)),
                                 "raw": rng.normal() + i / 5})  # fmt: skip
    data = frame(rows)
    x, y = data.x, data.y
    model = make_pipeline(StandardScaler(), PCA(k), LinearRegression()).fit(x, y)
    ours = regress(data, k, full=False)
    assert ours.fit.pca.ratio[:k] == pytest.approx(model[1].explained_variance_ratio_)
    assert np.abs(ours.fit.pca.vectors[:k]) == pytest.approx(np.abs(model[1].components_))
    assert ours.in_sample == pytest.approx(model.score(x, y))
    assert ours.fit.intercept == pytest.approx(model[2].intercept_)
    assert ours.fit.betas == pytest.approx(model[2].coef_ @ model[1].components_)
    for name, split, groups in (
        ("leave_one_out", LeaveOneOut(), None),
        ("leave_teacher_out", LeaveOneGroupOut(), data.teacher),
        ("leave_language_out", LeaveOneGroupOut(), data.language),
    ):
        theirs = cross_val_predict(model, x, y, cv=split, groups=groups)
        assert ours.out_of_sample[name].predicted == pytest.approx(theirs)


def test_loadings_are_correlations() -> None:
    x = frame(grid(linear)).x
    pca = components(x)
    scores = pca.scores(x)
    for c, m in itertools.product(range(2), range(3)):
        assert pca.loadings[c, m] == pytest.approx(np.corrcoef(scores[:, c], x[:, m])[0, 1])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)), min_size=2,
                max_size=12))  # fmt: skip
def test_weighted_spearman_is_that_of_the_repeated_values(
    cells: list[tuple[int, int, int]],
) -> None:
    from scipy.stats import spearmanr

    x, y, w = (np.array(c, dtype=float) for c in zip(*cells, strict=True))
    ours = weighted_spearman(x, y, w[None])[0]
    a, b = np.repeat(x, w.astype(int)), np.repeat(y, w.astype(int))
    if len(set(a)) < 2 or len(set(b)) < 2:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


def test_permutation_p_is_near_the_exact_one() -> None:
    from scipy.stats import spearmanr

    rows = grid(lambda i, j, rng: {"m": float(i), "raw": (3.0, 1.0, 2.0, 5.0, 4.0, 6.0)[i]},
                teachers=6, languages=1)  # fmt: skip
    (found,) = correlations(frame(rows))
    data = frame(rows)
    x, y = data.x[:, 0], data.y
    exact = np.mean([abs(spearmanr(p, y).statistic) >= found.rho - 1e-9
                     for p in itertools.permutations(x)])  # type: ignore[operator]  # fmt: skip
    assert found.rho == pytest.approx(spearmanr(x, y).statistic)
    assert found.p_value == pytest.approx(exact, abs=0.02)
    assert found.q_value == found.p_value


def test_pooled_and_within_languages_ask_two_questions() -> None:
    # languages with a higher metric have a higher outcome, yet within each it is the reverse
    rows = grid(lambda i, j, rng: {"m": 100.0 * j + i, "raw": 100.0 * j - i})
    found = {c.language: c for c in correlations(frame(rows))}
    assert found["all"].rho > 0.9  # type: ignore[operator]
    assert found["mean"].rho == found["de"].rho == pytest.approx(-1)
    assert (found["mean"].low, found["mean"].high) == (pytest.approx(-1), pytest.approx(-1))


def test_size_regression_agrees_with_statsmodels() -> None:
    import pandas as pd
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(3)
    level = rng.normal(size=6)

    def make(i: int, j: int, _: np.random.Generator) -> dict[str, float]:
        return {"m": rng.normal(), "raw": 0.3 * i + level[j] + 0.5 * rng.normal()}

    data = frame(grid(make))
    table = pd.DataFrame({"y": data.y, "x": np.log2(data.size_b), "g": np.array(data.language)})
    ols, mixed, means = size_regression(data, "raw", data.y).slopes
    plain = smf.ols("y ~ x", table).fit()
    teachers = np.unique(data.teacher, return_inverse=True)[1]
    robust = smf.ols("y ~ x", table).fit(cov_type="cluster", use_t=True,
                                         cov_kwds={"groups": teachers})  # fmt: skip
    theirs = smf.mixedlm("y ~ x", table, groups=table["g"]).fit()
    assert (ols.per_doubling, ols.r2) == (
        pytest.approx(plain.params["x"]),
        pytest.approx(plain.rsquared),
    )
    assert (ols.stderr, ols.p_value) == (
        pytest.approx(robust.bse["x"]),
        pytest.approx(robust.pvalues["x"]),
    )
    assert mixed.per_doubling == pytest.approx(theirs.params["x"], rel=1e-4)
    assert mixed.stderr == pytest.approx(theirs.bse["x"], rel=1e-3)
    assert mixed.language_sd == pytest.approx(np.sqrt(theirs.cov_re.iloc[0, 0]), rel=1e-2)
    assert (mixed.converged, mixed.problems) == (True, ())
    assert means.n == 10 and means.per_doubling == pytest.approx(ols.per_doubling)
    assert 0.2 < ols.per_doubling < 0.4  # type: ignore[operator]


def test_a_mixed_model_at_the_edge_says_so() -> None:
    # no language differs from another: the variance of the intercepts is 0
    data = frame(grid(lambda i, j, rng: {"m": rng.normal(), "raw": i + (-1.0) ** (i + j)}))
    mixed = size_regression(data, "raw", data.y).slopes[1]
    assert mixed.problems and mixed.language_sd == pytest.approx(0, abs=1e-3)


# --- invariances -------------------------------------------------------------------------------

GRID = grid(lambda i, j, rng: {"a": rng.normal(), "b": rng.normal(), "raw": rng.normal() + i})


def report(rows: list[Row]) -> str:
    return as_json((analyse(frame(rows)),), {}, None)


@settings(max_examples=3, deadline=None)
@given(st.permutations(range(len(GRID))))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    assert report([GRID[i] for i in order]) == report(GRID)


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.booleans())
def test_the_unit_of_a_metric_does_not_matter(scale: float, shift: float, flip: bool) -> None:
    scale *= -1 if flip else 1
    rows = [replace(r, values={**r.values, "a": scale * r.values["a"] + shift}) for r in GRID]
    ours, theirs = r2s(frame(rows), 2), r2s(frame(GRID), 2)
    assert ours == pytest.approx(theirs, abs=1e-7)


def test_teachers_are_resampled_whole() -> None:
    labels = ["a", "b", "a", "c", "b", "d", "e"]
    counts = weights(labels)
    assert (counts[:, 0] == counts[:, 2]).all() and (counts[:, 1] == counts[:, 4]).all()
    assert counts.mean() == pytest.approx(1, abs=0.05)
    assert interval(labels[:5], lambda rows: 0.0) is None  # three teachers


# --- little, missing and broken data -----------------------------------------------------------


def test_fewer_cells_than_components() -> None:
    data = frame(grid(noise(6), teachers=2, languages=2))
    found = analyse(data)
    assert found.regression.k == 3
    assert (found.regression.in_sample, found.regression.adjusted, found.regression.chance) == (
        None,
    ) * 3
    assert found.regression.out_of_sample["leave_one_out"].r2 is not None
    assert "the fit goes through every point" in found.warnings[0]
    assert any("4 cells make at most 3 components" in w for w in found.warnings)
    assert found.betas is None and found.explained is None
    json.loads(as_json((found,), {}, None))


def test_one_language() -> None:
    found = analyse(frame(grid(noise(2), languages=1)))
    out = found.regression.out_of_sample["leave_language_out"]
    assert (out.r2, out.reason) == (None, "only one language: ar")
    assert {c.language for c in found.correlations} == {"ar"}
    assert found.sizes[0].slopes[1].problems == ("only one language: ar",)
    assert found.between_languages is None and found.regression.chance_within is None


def test_one_teacher() -> None:
    found = analyse(frame(grid(noise(1), teachers=1)))
    assert found.regression.out_of_sample["leave_teacher_out"].reason == "only one teacher: t0-1b"
    assert "1 different known sizes" in found.sizes[0].slopes[0].problems[0]


def test_what_is_left_out_is_said() -> None:
    rows = grid(lambda i, j, rng: {"m": None if (i, j) == (1, 2) else rng.normal(), "flat": 3.0,
                                   "never": "", "raw": rng.normal()})  # fmt: skip
    data = frame(rows)
    assert len(data.y) == 59 and data.metrics == ("m",)
    assert data.left_out == ("t1-2b de (m)",)
    assert "left out as constant: flat" in data.notes
    assert "left out, 1 of 60 cells miss a value: t1-2b de (m)" in data.notes


def changed(**values: Any) -> list[Row]:
    """GRID with other values in its first row."""
    first = GRID[0]
    return [
        Row(first.teacher, first.language, "", {**first.values, **values}, "f.csv:2"),
        *GRID[1:],
    ]


@pytest.mark.parametrize(
    ("rows", "choice", "message"),
    [
        (changed(a=math.inf), {}, r"^f.csv:2: a is inf$"),
        (changed(a="many"), {"metrics": ["a"]}, r"^f.csv:2: a is 'many', not a number$"),
        (GRID, {"outcome": "rwa"}, r"unknown outcome 'rwa' \(did you mean 'raw'\?\); valid: a, b,"),
        (GRID, {"metrics": ["c"]}, r"unknown metric 'c'.*valid: a, b, raw"),
        (GRID, {"metrics": ["raw"]}, r"'raw' is both the outcome and a metric"),
        (GRID, {"logs": ["a"]}, r"--log a: it has values of 0 or less"),
        (GRID, {"logs": ["x"]}, r"unknown metric of --log 'x'"),
        (GRID, {"student": "s"}, r"unknown student 's'"),
        (GRID, {"sizes": {"nobody": 3}}, r"unknown teacher of --sizes 'nobody'"),
        (GRID, {"sizes": {"t0-1b": -3}}, r"--sizes t0-1b: expected billions .* got -3"),
        (GRID[:3], {}, r"^3 complete cells, 4 are the least"),
        (changed(score=1.0), {"outcome": "score"}, r"'score' contains the intrinsic z.*--allow_"),
        (changed(pgr=1.0), {"metrics": ["a", "pgr"]}, r"^pgr and the outcome 'raw' are the"),
        (changed(raw=None)[:4], {}, r"3 complete cells.*left out, 1 of 4 cells .* ar \(raw\)$"),
        (grid(lambda i, j, rng: {"m": i, "raw": 0.1 + 0.2}), {}, r"'raw' is the same in all 60"),
        (grid(lambda i, j, rng: {"m": 0.3, "raw": i}), {}, r"all metrics are constant: m"),
        (grid(lambda i, j, rng: {"raw": i}), {}, r"no column to explain 'raw' by"),
        (grid(lambda i, j, rng: {"m": i}), {}, r"no column gain or raw: say by --outcome"),
        ([*GRID, Row("x", "de", "other", {}, "x")], {}, r"several students; choose one"),
    ],
)  # fmt: skip
def test_bad_input(rows: list[Row], choice: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        frame(rows, **choice)


def test_a_circular_outcome_is_marked_everywhere() -> None:
    rows = grid(lambda i, j, rng: {"m": rng.normal(), "score": rng.normal()})
    data = frame(rows, outcome="score", allow_circular=True)
    (found,) = json.loads(as_json((analyse(data),), {}, None))["analyses"]
    marks = [found, found["regression"], *found["by_components"], *found["spearman"],
             found["size"]["regressions"][0]]  # fmt: skip
    assert all(block["circular"] is True for block in marks)


def test_components_of_the_regression() -> None:
    assert analyse(frame(GRID), 1).regression.k == 1
    with pytest.raises(ConfigError, match="--components 3: these metrics and cells make 2"):
        analyse(frame(GRID), 3)

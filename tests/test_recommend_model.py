"""The model behind `recommend`: intervals that hold, closed forms that agree with brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from polyglot_harness.analysis.published import published_rows
from polyglot_harness.leaderboard.advice.prediction import (
    Cells,
    draw,
    fit,
    leave_one_out,
    moments,
    shared_effects,
    typical_noise,
)
from polyglot_harness.leaderboard.advice.worth import knowledge_gradient

SCALE = 0.02


def grid(teachers: int, languages: int, students: int = 1) -> Cells:
    sizes = np.meshgrid(*map(np.arange, (teachers, languages, students)), indexing="ij")
    teacher, language, student = (axis.ravel() for axis in sizes)
    return Cells(teacher, language, student, (teacher == student).astype(float))


def truth(cells: Cells, deviations: tuple[float, ...], rng: np.random.Generator) -> np.ndarray:
    covariance = np.tensordot(np.square(deviations), shared_effects(cells, cells), axes=1)
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(cells)))
    return np.asarray(0.02 + root @ rng.standard_normal(len(cells)))


# standard deviations: teacher, language, student, t x l, t x s, l x s, cell, family match
@pytest.mark.parametrize(
    ("shape", "deviations", "known", "least"),
    [
        ((10, 6, 1), (0.01, 0.02, 0, 0.01, 0, 0, 0, 0), True, 0.72),
        ((10, 6, 1), (0.01, 0.02, 0, 0.01, 0, 0, 0, 0), False, 0.72),
        ((5, 3, 2), (0.02, 0.03, 0.02, 0.01, 0.01, 0.01, 0.005, 0), True, 0.72),
        ((6, 4, 2), (0.02, 0.02, 0.01, 0, 0.01, 0, 0, 0.02), True, 0.72),
        (
            (10, 6, 1),
            (0.1, 0.15, 0, 0.05, 0, 0, 0.05, 0),
            True,
            0.7,
        ),  # five times as large as expected
    ],
)
def test_intervals_of_unmeasured_cells_hold(
    shape: tuple[int, ...], deviations: tuple[float, ...], known: bool, least: float
) -> None:
    inside, left_out = [], []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        cells = grid(*shape)
        true = truth(cells, deviations, rng)
        seen = rng.random(len(cells)) < 0.6
        y = (true + 0.01 * rng.standard_normal(len(cells)))[seen]
        stderrs = np.full(len(y), 0.01 if known else np.nan)
        model = fit(cells.take(np.flatnonzero(seen)), y, stderrs, SCALE)
        assert model.draws > 10
        samples = draw(model, cells.take(np.flatnonzero(~seen)), 2000)
        place = (samples < true[~seen]).mean(axis=0)
        inside += [np.abs(place - 0.5) <= share / 2 for share in (0.8, 0.95)]
        found = leave_one_out(model)
        left_out.append((found.coverage(0.8), found.coverage(0.95)))
    within_80, within_95 = (np.concatenate(inside[i::2]).mean() for i in (0, 1))
    assert least <= within_80 <= 0.9
    assert 0.91 <= within_95 <= 0.99
    assert np.mean(left_out, axis=0) == pytest.approx((0.8, 0.95), abs=0.07)


def test_leaving_out_in_closed_form_is_leaving_out() -> None:
    rng = np.random.default_rng(3)
    cells = grid(5, 4)
    y = truth(cells, (0.02, 0.03, 0, 0.01, 0, 0, 0, 0), rng)
    stderrs = np.where(rng.random(len(y)) < 0.5, 0.005, np.nan)
    found = leave_one_out(fit(cells, y, stderrs, SCALE))
    for i in range(0, len(y), 4):
        rest = np.delete(np.arange(len(y)), i)
        mean, _ = moments(fit(cells.take(rest), y[rest], stderrs[rest], SCALE),
                          cells.take(np.array([i])))  # fmt: skip
        assert found.mean[i] == pytest.approx(mean[0], abs=0.003)


def test_a_measured_cell_counts_as_itself() -> None:
    cells = grid(4, 3)
    y = np.linspace(-0.1, 0.1, len(cells))
    model = fit(cells, y, np.full(len(y), 1e-4), SCALE)
    mean, covariance = moments(model, cells)
    assert mean == pytest.approx(y, abs=2e-4)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(1e-4, rel=0.2)


def test_what_is_further_away_is_less_sure() -> None:
    cells = grid(4, 3, 2)
    rng = np.random.default_rng(0)
    y = truth(cells, (0.02, 0.02, 0.02, 0.01, 0.01, 0.01, 0.005, 0), rng)
    model = fit(cells, y, np.full(len(y), 0.003), SCALE)
    targets = Cells(
        np.array([0, 0, 0, 9]), np.array([0, 9, 9, 9]), np.array([0, 0, 9, 9]), np.zeros(4)
    )
    deviations = np.sqrt(np.diag(moments(model, targets)[1]))
    assert (np.diff(deviations) > 0).all()


def test_draws_agree_with_moments() -> None:
    cells = grid(3, 2)
    model = fit(cells, np.array([0.01, 0.02, 0.0, 0.03, 0.05, 0.04]), np.full(6, 0.01), SCALE)
    mean, covariance = moments(model, cells)
    samples = draw(model, cells, 40_000)
    assert samples.mean(axis=0) == pytest.approx(mean, abs=3e-4)
    assert np.cov(samples.T) == pytest.approx(covariance, abs=1e-5)


def test_the_family_match_is_learnt() -> None:
    cells = grid(6, 4, 4)
    y = 0.05 * cells.match
    model = fit(cells, y, np.full(len(y), 0.002), SCALE)
    new = Cells(np.array([20, 20]), np.array([0, 0]), np.array([0, 0]), np.array([1.0, 0.0]))
    mean, _ = moments(model, new)
    assert mean[0] - mean[1] == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("y", [[0.0], [0.3, -0.3], [0.01] * 5, [1.0, -1.0, 1.0, -1.0]])
def test_few_constant_or_wild_cells_give_finite_answers(y: list[float]) -> None:
    cells = grid(len(y), 1)
    for stderr in (0.0, 0.01, np.nan):
        model = fit(cells, np.array(y), np.full(len(y), stderr), SCALE)
        mean, covariance = moments(model, cells)
        assert np.isfinite(mean).all()
        assert np.isfinite(covariance).all()
        assert np.isfinite(draw(model, cells, 100)).all()
        assert typical_noise(model) > 0


@pytest.mark.parametrize("apart", [0.0, 0.01, 0.05])
def test_knowledge_gradient_of_two_is_the_closed_form(apart: float) -> None:
    mean, sd, noise = np.array([apart, 0.0]), 0.02, 0.01**2
    covariance = np.array([[0.0], [sd**2]])
    found = knowledge_gradient(mean, covariance, np.array([sd**2]), noise)
    step = sd**2 / np.sqrt(sd**2 + noise)
    expected = step * norm.pdf(apart / step) - apart * norm.cdf(-apart / step)
    assert found == pytest.approx([expected], abs=2e-6)


def test_a_measurement_that_cannot_change_the_choice_is_worth_nothing() -> None:
    mean = np.array([0.1, 0.0])
    alike = np.array([[1e-4, 0.0], [1e-4, 1e-8]])  # moves both alike; moves the second a little
    assert knowledge_gradient(mean, alike, np.array([1e-4, 1e-8]), 1e-4) == pytest.approx([0, 0])


def test_the_figures_of_the_released_cells_in_the_docs() -> None:
    rows = [r for r in published_rows()[0] if r.values["gain"] is not None]
    teachers, languages = (sorted({getattr(r, n) for r in rows}) for n in ("teacher", "language"))
    cells = Cells(
        np.array([teachers.index(r.teacher) for r in rows]),
        np.array([languages.index(r.language) for r in rows]),
        np.zeros(len(rows), dtype=np.int64),
        np.zeros(len(rows)),
    )
    y = np.array([float(r.values["gain"]) for r in rows])
    found = leave_one_out(fit(cells, y, np.full(len(y), np.nan), SCALE))
    error = 100 * (found.mean - y)
    assert len(y) == 50
    assert np.abs(error).mean() == pytest.approx(0.96, abs=0.03)
    assert np.sqrt((error**2).mean()) == pytest.approx(1.27, abs=0.03)
    assert found.coverage(0.8) == pytest.approx(0.84, abs=0.03)
    assert found.coverage(0.95) == pytest.approx(0.96, abs=0.03)
    others = replace(cells, teacher=np.zeros_like(cells.teacher))  # the language alone
    assert (shared_effects(others, others)[1].sum(axis=1) == 10).all()

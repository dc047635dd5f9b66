"""Means, ratios, shares and their uncertainty, against their definitions."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyglot_harness.intrinsic.estimate import (
    RESAMPLES,
    UNITS,
    mean,
    mean_of,
    ratio,
    share,
    weights,
)
from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.intrinsic.values import Values

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
FINITE = st.floats(-1e6, 1e6)


def column(folder: Path, **columns: list[float | None]) -> Values:
    """Values of one metric, added block by block."""
    folder.mkdir(parents=True, exist_ok=True)
    values = Values(folder)
    n = len(next(iter(columns.values())))
    for start in range(0, n, BLOCK):
        values.add(**{name: rows[start : start + BLOCK] for name, rows in columns.items()})
    return values


@pytest.mark.parametrize(
    ("values", "expected", "stderr"),
    [
        ([], None, None),
        ([3.0], 3.0, None),
        ([1.0, 3.0], 2.0, 1.0),  # variance 2, / 2, root
        ([0.0, 0.0, 1.0, 1.0], 0.5, math.sqrt(1 / 3 / 4)),
        ([2.0, 2.0, 2.0], 2.0, 0.0),
    ],
)
def test_a_mean_with_its_standard_error(
    values: list[float], expected: float | None, stderr: float | None
) -> None:
    found = mean_of("m", "de", values)
    assert (found.name, found.language, found.n, found.params) == ("m", "de", len(values), ())
    assert found.value == expected
    assert found.stderr == (None if stderr is None else pytest.approx(stderr, rel=1e-15))
    assert (found.low is None) == (found.high is None) == (stderr is None)


@PROPERTY
@given(st.lists(FINITE, min_size=2, max_size=50))
def test_the_interval_lies_within_the_values_and_around_the_mean(values: list[float]) -> None:
    found = mean_of("m", "de", values)
    assert found.value == pytest.approx(math.fsum(values) / len(values), rel=1e-9, abs=1e-9)
    assert found.low is not None
    assert found.high is not None
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack
    assert found.low <= found.value + slack
    assert found.high >= found.value - slack


def test_missing_values_count_for_nothing(tmp_path: Path) -> None:
    some = column(tmp_path / "a", x=[1.0, None, 3.0, math.nan, 8.0])
    found = mean("m", "de", some, "x")
    assert (found.value, found.n) == (4.0, 3)
    assert found.stderr == pytest.approx(np.std([1, 3, 8], ddof=1) / math.sqrt(3))
    nothing = mean("m", "de", column(tmp_path / "b", x=[None, None]), "x")
    assert (nothing.value, nothing.stderr, nothing.low, nothing.n) == (None, None, None, 0)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        found = mean_of("m", "de", rng.exponential(2.0, 80).tolist())
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 2.0 <= found.high
    # 95 % nominal; the percentile bootstrap of 80 skewed values is a little short of it
    assert 0.90 <= hits / 200 <= 0.98


def test_the_interval_is_that_of_the_multinomial_bootstrap() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=300)
    found = mean_of("m", "de", values.tolist())
    means = values[rng.integers(0, 300, (20_000, 300))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.015)
    assert found.high == pytest.approx(high, abs=0.015)


def test_each_example_has_its_own_weights() -> None:
    first, second = weights(0), weights(1)
    assert first.shape == (RESAMPLES, BLOCK)
    assert (first != second).any()
    assert (weights(0) == first).all()
    # Poisson(1): mean, variance and share of nought
    assert first.mean() == pytest.approx(1.0, abs=0.005)
    assert first.var() == pytest.approx(1.0, abs=0.01)
    assert (first == 0).mean() == pytest.approx(math.exp(-1), abs=0.002)


def test_blocks_do_not_change_a_mean(tmp_path: Path) -> None:
    rows = np.random.default_rng(2).normal(size=3 * BLOCK + 17).tolist()
    found = mean("m", "de", column(tmp_path, x=rows), "x")
    assert found == mean_of("m", "de", rows)
    assert found.value == pytest.approx(np.mean(rows), abs=1e-12)
    assert found.stderr == pytest.approx(np.std(rows, ddof=1) / math.sqrt(len(rows)), rel=1e-9)


def test_groups_are_drawn_where_there_are_many(tmp_path: Path) -> None:
    rows = np.random.default_rng(3).exponential(size=UNITS + 5).tolist()
    found = mean("m", "de", column(tmp_path, x=rows), "x")
    assert found.stderr is not None
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.stderr, rel=0.1)


def u_statistic(x: np.ndarray) -> float:
    """The mean of |a - b| over all pairs (Gini's mean difference)."""
    return float(np.mean([abs(a - b) for a, b in combinations(x, 2)]))


@pytest.mark.parametrize("n", [3, 4, 11, 40])
def test_a_u_statistic_has_the_error_of_the_jackknife(n: int, tmp_path: Path) -> None:
    x = np.random.default_rng(n).exponential(size=n)
    each = [
        float(np.mean([abs(a - b) for j, b in enumerate(x) if j != i])) for i, a in enumerate(x)
    ]
    found = mean("m", "de", column(tmp_path, x=each), "x", degree=2)
    assert found.value == pytest.approx(u_statistic(x))
    left_out = np.array([u_statistic(np.delete(x, i)) for i in range(n)])
    jackknife = math.sqrt((n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum()))
    assert found.stderr == pytest.approx(jackknife, rel=1e-9)


def test_a_u_statistic_of_two_has_no_error(tmp_path: Path) -> None:
    found = mean("m", "de", column(tmp_path, x=[1.0, 1.0]), "x", degree=2)
    assert (found.value, found.stderr, found.low, found.n) == (1.0, None, None, 2)


def test_a_ratio_by_hand(tmp_path: Path) -> None:
    values = column(tmp_path, nats=[2.0, 6.0, None, 4.0], tokens=[1.0, 2.0, 5.0, 3.0])
    found = ratio("r", "de", values, ("nats", "tokens"))
    assert (found.value, found.n) == (2.0, 3)
    # residuals x - 2 y: 0, 2, -2; root of 8 * 3 / 2, over 6
    assert found.stderr == pytest.approx(math.sqrt(12) / 6)
    assert found.low is not None
    assert found.high is not None
    assert 4 / 3 <= found.low <= 2.0 <= found.high <= 3.0
    grown = ratio("r", "de", values, ("nats", "tokens"), transform=math.exp)
    assert grown.value == pytest.approx(math.exp(2.0))
    assert grown.stderr == pytest.approx(math.exp(2.0) * math.sqrt(12) / 6, rel=1e-5)
    assert (grown.low, grown.high) == (math.exp(found.low), math.exp(found.high))


@pytest.mark.parametrize(
    ("nats", "tokens", "value", "n"),
    [([], [], None, 0), ([None], [1.0], None, 0), ([0.0], [0.0], None, 1), ([3.0], [2.0], 1.5, 1)],
)
def test_a_ratio_of_too_little(
    nats: list[float | None], tokens: list[float | None], value: float | None, n: int,
    tmp_path: Path,
) -> None:  # fmt: skip
    found = ratio("r", "de", column(tmp_path, a=nats, b=tokens), ("a", "b"))
    assert (found.value, found.n, found.stderr, found.low) == (value, n, None, None)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # scipy.stats.binomtest(k, n).proportion_ci(method="wilson"); 0 of n is not certain
        (0, 5, 0.0, 0.4344825),
        (5, 5, 0.5655175, 1.0),
        (3, 6, 0.1876158, 0.8123842),
        (90, 100, 0.8256343, 0.9447708),
    ],
)
def test_a_share_has_wilsons_interval(successes: int, n: int, low: float, high: float) -> None:
    found = share("s", "de", successes, n)
    assert found.value == successes / n
    assert found.low == pytest.approx(low, abs=1e-6)
    assert found.high == pytest.approx(high, abs=1e-6)


def test_a_share_of_nothing_is_missing() -> None:
    found = share("s", "de", 0, 0)
    assert (found.value, found.stderr, found.low, found.high, found.n) == (None,) * 4 + (0,)

"""The numbers behind the charts of the corpus report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measuring import ListData, rejection

from polyglot_harness.languages import load_pack
from polyglot_harness.report.charts import (
    LEFT,
    RIGHT,
    WIDTH,
    histogram,
    interval,
    number,
    ticks,
    with_error,
)
from polyglot_harness.report.columns import column
from polyglot_harness.report.projection import project
from polyglot_harness.report.texts import read_rejections
from polyglot_harness.report.values import TAIL, distribution, shuffled, tails
from polyglot_harness.spec import Measurement

NAN = float("nan")
VALUES = st.floats(-1e100, 1e100) | st.just(NAN) | st.integers(0, 20).map(float)
CODES = np.zeros(8, dtype=np.int8)


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        ([1, 2, 2, 3, 3, 3, 5, NAN], [0.5, 1.5, 2.5, 3.5, 4.5, 5.5], [1, 2, 3, 0, 1]),
        ([0, 1, 1, 1, 0, 0, 0, 0], [-0.5, 0.5, 1.5], [5, 3]),
        ([7.0] * 8, [6.5, 7.5], [8]),
    ],
)
def test_bins_of_whole_numbers(values: list[float], edges: list[float], counts: list[int]) -> None:
    found = distribution(np.array(values, dtype=float), CODES, 1)
    assert found is not None
    assert (found.edges.tolist(), found.counts[0].tolist(), found.scale) == (edges, counts, "whole")


@given(st.lists(VALUES, max_size=40))
@settings(derandomize=True, deadline=None)
def test_any_values_can_be_drawn(values: list[float]) -> None:
    array = np.array(values, dtype=float)
    codes = (np.arange(len(array)) % 2).astype(np.int8)
    found = distribution(array, codes, 2)
    assert (found is None) == (tails(array, shuffled(len(array))) is None)
    if found is None:
        assert np.isnan(array).all()
        return
    assert (np.diff(found.edges) > 0).all()
    assert found.counts.sum() + sum(found.missing) == len(array)
    drawn = histogram(found, ["generate", "respond"])
    assert all(LEFT <= tick.at <= WIDTH - RIGHT for tick in drawn.ticks)
    assert sum(f.bars.count("M") for f in drawn.facets) == (found.counts > 0).sum()


def test_far_values_are_counted_not_drawn() -> None:
    values = np.append(np.linspace(0, 1, 999), 1e9)
    found = distribution(values, np.zeros(1000, dtype=np.int8), 1)
    assert found is not None
    assert found.beyond == 1 and found.edges[-1] < 3 and found.counts.sum() == 1000


def test_skewed_values_get_a_log_axis() -> None:
    values = np.geomspace(1, 1e6, 500)
    found = distribution(values, np.zeros(500, dtype=np.int8), 1)
    assert found is not None and found.scale == "log"
    assert found.counts.sum() == 500 and found.counts.max() < 25


def test_strategies_and_missing_values_are_counted_apart() -> None:
    values = np.array([1.5, 2.5, NAN, 4.5, NAN, NAN])
    found = distribution(values, np.array([0, 0, 0, 1, 1, 2], dtype=np.int8), 3)
    assert found is not None
    assert found.missing == (1, 1, 1)
    assert found.counts.sum(axis=1).tolist() == [2, 1, 0]
    assert found.quartiles[0].tolist() == [1.75, 2.0, 2.25]
    assert np.isnan(found.quartiles[2]).all()


def test_tails_are_the_ends_and_the_middle() -> None:
    values = np.arange(101.0)
    values[50] = NAN
    found = tails(values, shuffled(101))
    assert found is not None
    assert found.lowest.tolist() == [0, 1, 2, 3]
    assert found.highest.tolist() == [100, 99, 98, 97]
    assert sorted(found.typical.tolist()) in ([48, 49, 51, 52], [49, 51, 52, 53])
    assert found.tied == (1, 1, 1)


def test_chance_chooses_among_the_tied() -> None:
    values = np.array([0.0] * 5 + [1.0] * 1000)
    found = tails(values, shuffled(len(values)))
    assert found is not None
    assert found.tied == (5, 1000, 1000)
    assert len(set(found.highest.tolist())) == TAIL
    assert found.highest.tolist() != sorted(found.highest.tolist(), reverse=True)


@pytest.mark.parametrize(
    ("low", "high", "log", "expected"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3, 7, False, [-2, 0, 2, 4, 6]),
        (12, 61, False, [20, 30, 40, 50, 60]),
        (0.97, 1.0, False, [0.97, 0.98, 0.99, 1.0]),
        (1, 12, True, [1, 2, 5, 10]),
        (1.5, 2e6, True, [10, 1000, 100000]),
    ],
)
def test_ticks_are_round(low: float, high: float, log: bool, expected: list[float]) -> None:
    assert ticks(low, high, log) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(0), "0"),
        (number(-0.25), "\N{MINUS SIGN}0.25"),
        (number(12345.6), "12,346"),
        (number(2.5e6), "2.5e6"),
        (number(0.00002), "2e\N{MINUS SIGN}5"),
        (with_error(0.87312, 0.0042), "0.8731"),
        (with_error(1234.56, 25.0), "1,235"),
        (with_error(0.5, None), "0.5"),
        (with_error(0.5, 0.0), "0.5"),
    ],
)
def test_numbers_have_the_digits_that_count(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("name", "value", "low", "high", "expected"),
    [
        ("known_words", 0.5, 0.25, 0.75, (25.0, 50.0, 50.0, ("0", "1"))),
        ("rubric", 3.0, 2.0, 4.0, (25.0, 50.0, 50.0, ("1", "5"))),
        ("perplexity", 20.0, 15.0, 30.0, (37.5, 37.5, 50.0, ("0", "40"))),
        ("reward", -1.0, -2.0, 0.0, None),
        ("prompt_vendi", 3.0, None, None, None),
    ],
)
def test_intervals_are_drawn_where_there_is_a_scale(
    name: str, value: float, low: float | None, high: float | None, expected: Any
) -> None:
    of = Measurement(name=name, language="de", value=value, stderr=1.0, n=9, low=low, high=high)
    found = interval(of, column(name, load_pack("de")))
    assert (found and (found.low, found.width, found.value, found.scale)) == expected


def test_the_map_keeps_clusters_apart() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(3, 32)
    x = np.repeat(centres, 40, axis=0) + rng.normal(scale=0.05, size=(120, 32))
    points, method = project(x.astype(np.float32))
    assert method == "t-SNE"
    middles = points.reshape(3, 40, 2).mean(axis=1)
    spread = points.reshape(3, 40, 2).std(axis=1).max()
    gaps = [np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > 2 * spread
    assert (project(x.astype(np.float32))[0] == points).all()


def test_shown_rejections_are_a_fair_sample() -> None:
    rejected = [rejection(i, str(i), reason=f"reason_{i % 40}") for i in range(40 * 100)]
    reasons = read_rejections(ListData([], rejected))
    places = [int(r.reply) // 40 for reason in reasons for r in reason.shown]
    assert len(places) == 40 * 4
    assert 35 < np.mean(places) < 65 and min(places) < 10 and max(places) > 90

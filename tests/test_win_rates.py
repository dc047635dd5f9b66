"""Win rates: published values, hand-computed ones, and how often intervals hold the truth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pytest
from scipy.stats import binomtest, multinomial

from polyglot_harness.intrinsic.judging.win_rates import (
    LOSS,
    TIE,
    WIN,
    Outcomes,
    mean_rate,
    outcomes,
    sign_test,
    win_rate,
)


@pytest.mark.parametrize(
    ("found", "low", "high"),
    [
        # R: contingencytables 3.1.0, Tango_asymptotic_score_CI_paired_2x2(cavo_2012)
        (Outcomes(6, 139, 16), -0.1240, -0.0054),
        # Fagerland, Lydersen, Laake 2014, "Recommended tests and confidence intervals for paired
        # binomial proportions": data of Bentur et al., turned round; to three decimals
        (Outcomes(7, 13, 1), 0.0260, 0.5172),
    ],
)
def test_intervals_that_were_published(found: Outcomes, low: float, high: float) -> None:
    rate = win_rate(found)
    differences = [2 * bound / 100 - 1 for bound in (rate.low, rate.high)]
    assert differences == pytest.approx([low, high], abs=6e-5)


@pytest.mark.parametrize(("wins", "losses"), [(5, 0), (0, 5), (3, 9), (20, 20), (1, 0), (400, 9)])
def test_without_ties_it_is_wilsons(wins: int, losses: int) -> None:
    rate = win_rate(Outcomes(wins, 0, losses))
    wilson = binomtest(wins, wins + losses).proportion_ci(method="wilson")
    assert [rate.low, rate.high] == pytest.approx([100 * wilson.low, 100 * wilson.high], abs=1e-5)


def closed_form(found: Outcomes) -> tuple[float, float]:
    """Tango's bounds as roots of a quartic (Yang, Sun, Hardin 2013), by another road than ours.

    (d - n x)^2 = z^2 n (2 q(x) + x (1 - x)), the square root in q taken away by squaring again.
    """
    wins, _, losses = found
    n, d, z2 = found.n, wins - losses, 1.959963984540054**2
    x = np.polynomial.Polynomial([0, 1])
    b = (2 * n - d) * x - (wins + losses)
    # 2 q = (sqrt(b^2 - 8 n c) - b) / 2n with c = -losses x (1 - x)
    left = (d - n * x) ** 2 * 2 / z2 - 2 * n * x * (1 - x) + b
    roots = (left**2 - b**2 - 8 * n * losses * x * (1 - x)).roots()
    real = sorted(float(r.real) for r in roots if abs(r.imag) < 1e-7 and -1 <= r.real <= 1)
    return real[0], real[-1]


@pytest.mark.parametrize("found", [(7, 13, 1), (12, 3, 9), (0, 24, 0), (2, 30, 2), (50, 100, 30)])
def test_bounds_solve_the_quartic(found: tuple[int, int, int]) -> None:
    rate = win_rate(Outcomes(*found))
    bounds = [50 * (1 + bound) for bound in closed_form(Outcomes(*found))]
    assert [rate.low, rate.high] == pytest.approx(bounds, abs=1e-4)


def test_value_and_error_by_hand() -> None:
    # 2 wins, 1 tie, 1 loss: scores 1, 1, .5, 0: mean .625, variance (2 * .140625 + .015625 +
    # .390625) / 3 = .229167, error sqrt(.229167 / 4) = .239357
    rate = win_rate(Outcomes(2, 1, 1))
    assert (rate.value, rate.n) == (62.5, 4)
    assert rate.stderr == pytest.approx(23.9357, abs=1e-4)


def test_turned_round_it_is_the_other_half() -> None:
    for found in itertools.product((0, 1, 4), repeat=3):
        if sum(found):
            one, two = win_rate(Outcomes(*found)), win_rate(Outcomes(*found[::-1]))
            assert one.value == pytest.approx(100 - two.value)
            assert [one.low, one.high] == pytest.approx([100 - two.high, 100 - two.low], abs=1e-5)
            assert 0 <= one.low <= one.value <= one.high <= 100


def test_few_prompts() -> None:
    assert win_rate(Outcomes()) == (None, None, None, None, 0)
    one = win_rate(Outcomes(1, 0, 0))
    assert (one.value, one.stderr, one.n) == (100, None, 1) and one.low < 50
    # nothing but ties is no certainty
    ties = win_rate(Outcomes(0, 24, 0))
    assert (ties.value, ties.low, ties.high) == pytest.approx((50, 43.1012, 56.8988), abs=1e-4)


@pytest.mark.parametrize(
    ("found", "p"),
    [
        ((5, 0, 0), 2 / 32),
        ((6, 99, 0), 2 / 64),
        ((7, 13, 1), 2 * (1 + 8) / 256),
        ((3, 5, 3), 1.0),
        ((0, 8, 0), 1.0),
        ((0, 0, 0), None),
    ],
)
def test_sign_test(found: tuple[int, int, int], p: float | None) -> None:
    expected = None if p is None else pytest.approx(p)
    assert sign_test(Outcomes(*found)) == expected


@pytest.mark.parametrize("n", [12, 24, 40])
@pytest.mark.parametrize(
    "shares",
    [(0.3, 0.4, 0.3), (0.5, 0.2, 0.3), (0.2, 0.7, 0.1), (0.7, 0.2, 0.1), (0.05, 0.9, 0.05)],
)
def test_the_interval_holds_the_truth(n: int, shares: tuple[float, float, float]) -> None:
    """Exactly: the probabilities of all outcomes whose interval holds the true rate."""
    truth = 100 * (shares[0] + shares[1] / 2)
    found, low, high, p = all_outcomes(n)
    chance = multinomial.pmf(found, n, shares)
    assert chance.sum() == pytest.approx(1)
    covered = chance[(low <= truth) & (truth <= high)].sum()
    # where nearly all are ties, the few other outcomes jump over 95 %
    assert 0.93 < covered < (0.98 if shares[1] < 0.8 else 0.999)
    if truth == 50:
        assert chance[p < 0.05].sum() < 0.05, "what is called better by chance"


@cache
def all_outcomes(n: int) -> tuple[np.ndarray, ...]:
    found = [Outcomes(w, n - w - k, k) for w in range(n + 1) for k in range(n + 1 - w)]
    rates = [win_rate(each) for each in found]
    return (
        np.array(found),
        np.array([rate.low for rate in rates]),
        np.array([rate.high for rate in rates]),
        np.array([sign_test(each) for each in found]),
    )


# --- over languages ----------------------------------------------------------------------------

Scores = Mapping[str, float]


def language(*found: float, code: str = "") -> Scores:
    return {f"{code}{i}": score for i, score in enumerate(found)}


def test_mean_of_languages_by_hand() -> None:
    a = language(WIN, WIN, WIN, TIE, code="a")  # 87.5
    b = language(WIN, LOSS, code="b")  # 50
    one, two = win_rate(outcomes(a.values())), win_rate(outcomes(b.values()))
    mean = mean_rate([a, b])
    assert (mean.value, mean.n) == (68.75, 6)
    down = math.hypot(one.value - one.low, two.value - two.low) / 2
    up = math.hypot(one.high - one.value, two.high - two.value) / 2
    assert (mean.low, mean.high) == pytest.approx((68.75 - down, min(100, 68.75 + up)))
    assert mean.stderr == pytest.approx(math.hypot(one.stderr, two.stderr) / 2)


def test_translations_of_the_same_prompts_tell_no_more_than_one_language() -> None:
    found = language(*[WIN, TIE, LOSS, WIN] * 6)
    alone = mean_rate([found])
    assert alone == pytest.approx(win_rate(outcomes(found.values())))
    same = mean_rate([found] * 4)
    assert (same.value, same.low, same.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert same.stderr == pytest.approx(alone.stderr)
    other = mean_rate([{f"{i}-{k}": v for k, v in found.items()} for i in range(4)])
    assert other.high - other.value == pytest.approx((alone.high - alone.value) / 2)


@pytest.mark.parametrize("scores", [[], [{}], [language(WIN, LOSS), {}]])
def test_no_mean_is_partial(scores: Sequence[Scores]) -> None:
    mean = mean_rate(scores)
    assert (mean.value, mean.low, mean.n) == (None, None, sum(map(len, scores)))


@pytest.mark.parametrize("shared", [False, True])
def test_the_interval_of_a_mean_holds_the_truth(shared: bool) -> None:
    """300 sets of three languages of 24 prompts, whose outcomes go together if ids are shared."""
    rng = np.random.default_rng(7)
    truth, held = 100 * (0.45 + 0.3 / 2), 0
    for _ in range(300):
        common = rng.random(24)
        groups = []
        for code in "abc":
            # half of the prompts go as they go in the other languages
            own = np.where(shared & (rng.random(24) < 0.5), common, rng.random(24))
            drawn = np.select([own < 0.45, own < 0.75], [WIN, TIE], LOSS)
            groups.append(language(*drawn.tolist(), code="" if shared else code))
        mean = mean_rate(groups)
        held += mean.low <= truth <= mean.high
    assert 0.92 < held / 300 < 0.985

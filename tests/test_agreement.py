"""Agreement of judges, against the libraries and against values that can be seen."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from polyglot_harness.intrinsic.estimate import weights
from polyglot_harness.intrinsic.judging.agreement import _tables, agreement, alpha, kappa


@st.composite
def ratings(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Return ratings [examples, judges] and the number of levels."""
    levels, judges = draw(st.integers(2, 13)), draw(st.integers(2, 4))
    rows = st.lists(st.integers(0, levels - 1), min_size=judges, max_size=judges)
    return np.array(draw(st.lists(rows, min_size=1, max_size=30))), levels


@settings(deadline=None)
@given(ratings())
def test_alpha_and_kappa_are_those_of_the_libraries(given: tuple[np.ndarray, int]) -> None:
    table, levels = given
    assume(len(np.unique(table)) > 1)
    total, _ = _tables(table, levels)
    theirs = krippendorff.alpha(table.T, level_of_measurement="ordinal")
    assert float(alpha(total)) == pytest.approx(theirs, abs=1e-9)
    if table.shape[1] == 2:
        theirs = cohen_kappa_score(*table.T, labels=range(levels), weights="quadratic")
        assert kappa(total) == pytest.approx(theirs, abs=1e-9)


def test_a_resample_is_the_library_at_repeated_examples() -> None:
    table = np.random.default_rng(1).integers(0, 5, (1200, 3))
    _, resampled = _tables(table, 5)
    for number in (0, 500, 999):
        counts = np.concatenate([weights(0)[number], weights(1)[number]])[:1200].astype(int)
        theirs = krippendorff.alpha(
            np.repeat(table, counts, axis=0).T, level_of_measurement="ordinal"
        )
        assert float(alpha(resampled[number])) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], 1.0),
        ([0, 4, 0, 4], [4, 0, 4, 0], -0.75),
        ([0], [4], 0.0),
        ([2, 2, 2], [2, 2, 2], None),
        ([], [], None),
    ],
)
def test_values_that_can_be_seen(first: list[int], second: list[int], expected: float) -> None:
    # of four pairs that are all opposite: 1 - (8 - 1) * 8 / 32 = -0.75
    table = np.array([first, second], dtype=np.int64).T
    found = {m.name: m for m in agreement("x", "de", table, 5)}
    assert found["x_alpha"].value == (None if expected is None else pytest.approx(expected))
    assert found["x_alpha"].n == len(first)
    if expected is None:
        assert found["x_kappa"].value is None and found["x_alpha"].stderr is None
    for m in found.values():
        assert m.value is None or (m.low is None) == (m.n < 2)


def test_the_standard_error_is_the_spread_of_new_samples() -> None:
    rng = np.random.default_rng(3)

    def draw() -> np.ndarray:
        truth = rng.integers(0, 5, (500, 1))
        return np.clip(truth + rng.integers(-1, 2, (500, 2)), 0, 4)

    def counted(table: np.ndarray) -> np.ndarray:
        return np.bincount(table[:, 0] * 5 + table[:, 1], minlength=25).reshape(5, 5).astype(float)

    many = alpha(np.array([counted(draw()) for _ in range(1000)]))
    (found,) = agreement("x", "de", draw(), 5, with_kappa=False)
    assert found.value is not None and found.stderr is not None
    assert found.stderr == pytest.approx(float(np.std(many)), rel=0.25)
    assert found.low is not None and found.high is not None
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.stderr, rel=0.1)

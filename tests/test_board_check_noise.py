"""How often reruns raise a false alarm, and how often a true drop is found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from polyglot_harness.leaderboard.guard import Cell, Number, Options, check
from polyglot_harness.leaderboard.results import encode
from polyglot_harness.scoring.comparing import holm
from polyglot_harness.scoring.items import FloatArray

RAW = Options(metrics=("raw",))
Drop = Callable[[int, int], float]


def board(rng: np.random.Generator, hard: FloatArray, seed: int, *, teachers: int = 10,
          shift_sd: float = 0.0, drop: Drop = lambda t, lang: 0.0,
          items: bool = True) -> list[Cell]:  # fmt: skip
    """One run: items of `hard` [languages, tasks, items] answered with their own difficulty."""
    cells = []
    for teacher in range(teachers):
        for language, logits in enumerate(hard):
            moved = rng.normal(0, shift_sd) - drop(teacher, language)
            p = np.clip(1 / (1 + np.exp(logits)) + moved, 0, 1)
            answers = (rng.random(p.shape) < p).astype(float)
            stderr = np.sqrt(answers.var(axis=1, ddof=1).sum() / p.shape[1]) / len(p)
            stored = {f"t{i}": ("ids", encode(a)) for i, a in enumerate(answers)} if items else {}
            cells.append(Cell(
                f"T{teacher}", "r", "s", f"l{language}", f"lang:l{language}|seed:{seed}",
                numbers={"raw": Number(float(answers.mean()), float(stderr), p.size)},
                items=stored,
            ))  # fmt: skip
    return cells


def alarms(
    options: Options = RAW,
    *,
    n: int = 100,
    shape: tuple[int, ...] = (6, 3, 100),
    drop: Drop = lambda t, lang: 0.0,
    seeds: int = 1,
    **of_board: object,
) -> float:
    """Return the share of checks that fail, each of other items."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(n):
        hard = rng.normal(0, 2.5, shape)
        before = [c for s in range(seeds) for c in board(rng, hard, s, **of_board)]  # type: ignore[arg-type]
        after = [c for s in range(seeds, 2 * seeds)
                 for c in board(rng, hard, s, drop=drop, **of_board)]  # type: ignore[arg-type]  # fmt: skip
        found += bool(check(before, after, options).failures)
    return found / n


@pytest.mark.parametrize("shift_sd", [0.0, 0.005])
@pytest.mark.parametrize("items", [True, False], ids=["items", "errors"])
def test_reruns_raise_an_alarm_in_at_most_5_per_cent(items: bool, shift_sd: float) -> None:
    """Whether a seed moves single items only, or all of a cell together by half a point."""
    assert alarms(n=120, items=items, shift_sd=shift_sd) <= 0.05


def test_items_alone_are_tested_at_the_level() -> None:
    assert alarms(Options(("raw",), seed_sd=0.0), n=300) <= 0.05
    assert alarms(Options(("raw",), seed_sd=0.0), n=40, shift_sd=0.01) > 0.05


def test_a_drop_of_5_points_is_found() -> None:
    assert alarms(n=25, shape=(6, 6, 200), drop=lambda t, lang: 0.05 * (t == 0)) >= 0.95


def test_seeds_that_shift_all_items_need_their_sd() -> None:
    assert alarms(n=40, shape=(6, 6, 200), shift_sd=0.02) > 0.2
    assert alarms(Options(("raw",), seed_sd=0.02), n=40, shift_sd=0.02) <= 0.05


def test_replicates_tell_what_a_seed_does() -> None:
    assert alarms(n=20, seeds=3, shift_sd=0.02) <= 0.05


def test_holm_against_a_table() -> None:
    # Holm 1979: 4 x .01, max(3 x .02, ...), max(2 x .03, ...), .04 -> not below what came before
    np.testing.assert_allclose(holm(np.array([0.03, 0.01, 0.04, 0.02])), [0.06, 0.04, 0.06, 0.06])

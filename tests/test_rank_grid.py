"""Rankings of boards: aggregates over languages, ties, incomplete rows, pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scored import BASE, REFERENCE, STUDENT, board, cell, doubt, items

from polyglot_harness.errors import ConfigError
from polyglot_harness.leaderboard.ranking import Ranking, rank, rank_grid, score_and_rank
from polyglot_harness.scoring import METRICS, Anchors, Grid, GridScores, Scoring, score_grid
from polyglot_harness.scoring.comparing import aggregate_of, holm_of_pairs, ranks
from polyglot_harness.scoring.items import FloatArray

NAN = np.nan
# b leads in two languages of three, a by far in one; d lacks one
TABLE = np.array([[9.0, 1.0, 1.0], [2.0, 2.0, 2.0], [1.0, 1.0, 0.0], [8.0, NAN, 8.0]])
ANCHORS = {"de": Anchors(BASE, REFERENCE), "ja": Anchors(BASE, REFERENCE)}


def scored(values: FloatArray) -> tuple[Grid, GridScores]:
    """A board of given Polyglot Scores."""
    teachers, languages = values.shape
    nothing = np.full((teachers, languages, len(METRICS)), NAN)
    grid = Grid(tuple("abcd"[:teachers]), ("de", "ja", "cs")[:languages], {"pgr": values},
                nothing, nothing)  # fmt: skip
    return grid, score_grid(grid, alpha=0)


@pytest.mark.parametrize(
    ("aggregate", "points", "order"),
    [
        ("mean", [11 / 3, 2, 2 / 3, NAN], ["a", "b", "c", "d"]),
        # shares of the two others: a 1, 1/4 (level with c), 1/2; b 1/2, 1, 1; c 0, 1/4, 0
        ("borda", [7 / 12, 5 / 6, 1 / 12, NAN], ["b", "a", "c", "d"]),
        # ranks: a 1 2 2; b 2 1 1; c 3 2 3
        ("mrr", [2 / 3, 5 / 6, 7 / 18, NAN], ["b", "a", "c", "d"]),
    ],
)
def test_aggregates_by_hand(aggregate: Any, points: list[float], order: list[str]) -> None:
    assert aggregate_of(TABLE, aggregate) == pytest.approx(points, nan_ok=True)
    ranking = rank_grid(*scored(TABLE), None, aggregate=aggregate)
    assert [r.teacher for r in ranking.rows] == order
    assert [r.rank for r in ranking.rows] == [1, 2, 3, None]
    assert ranking.aggregate == aggregate
    a = next(r for r in ranking.rows if r.teacher == "a")
    assert (a.borda, a.mrr) == (pytest.approx(7 / 12), pytest.approx(2 / 3))
    d = ranking.rows[-1]
    assert (d.score, d.borda, d.mrr, d.languages) == (None, None, None, ("de", "cs"))


@pytest.mark.parametrize("aggregate", ["mean", "borda", "mrr"])
def test_an_incomplete_teacher_moves_nobody(aggregate: Any) -> None:
    with_d = rank_grid(*scored(TABLE), None, aggregate=aggregate)
    without = rank_grid(*scored(TABLE[:3]), None, aggregate=aggregate)
    assert with_d.rows[:3] == without.rows


@pytest.mark.parametrize(
    ("values", "ahead", "level"),
    [
        ([1.0, 3.0, 2.0], [2, 0, 1], [3, 1, 2]),
        ([1.0, 1.0, 2.0], [1, 1, 0], [3, 3, 1]),
        ([1.0, 1.0 + 1e-12, 1.0], [0, 0, 0], [3, 3, 3]),
        ([5.0], [0], [1]),
        ([], [], []),
    ],
)
def test_ranks(values: list[float], ahead: list[int], level: list[int]) -> None:
    found = ranks(np.array(values))
    assert (found[0].tolist(), found[1].tolist()) == (ahead, level)


def test_ranks_of_many_draws_at_once() -> None:
    values = np.random.default_rng(0).integers(0, 4, (6, 500)).astype(float)
    ahead, level = ranks(values)
    assert (ahead == (values[None] > values[:, None]).sum(axis=1)).all()
    assert (level == (values[None] >= values[:, None]).sum(axis=1)).all()


def test_holm_by_hand() -> None:
    """p .01 .04 .03 of three pairs: 3 x .01, then 2 x .03, and .04 is no less than that."""
    p = np.array([[NAN, 0.01, 0.04, NAN], [0.01, NAN, 0.03, NAN], [0.04, 0.03, NAN, NAN],
                  [NAN] * 4])  # fmt: skip
    found = holm_of_pairs(p)
    assert found[0, 1] == pytest.approx(0.03)
    assert found[0, 2] == found[2, 0] == found[1, 2] == pytest.approx(0.06)
    assert np.isnan(found[3]).all() and np.isnan(np.diag(found)).all()
    assert holm_of_pairs(np.array([[NAN, 0.9], [0.9, NAN]]))[0, 1] == pytest.approx(0.9)


def ranked(grid: Grid, **options: Any) -> Ranking:
    scores = score_grid(grid)
    return rank_grid(grid, scores, doubt(grid, resamples=500), **options)


def test_rows_carry_intervals_ranks_and_costs() -> None:
    grid = board(4, 2)
    cost = np.array([[1.0, 2.0], [0.0, 0.0], [1.0, NAN], [NAN, NAN]])
    ranking = ranked(grid, cost_usd=cost, acceptance=np.full((4, 2), 0.5))
    rows = {r.teacher: r for r in ranking.rows}
    assert [rows[f"t00{i}"].cost_usd for i in range(4)] == [3.0, 0.0, None, None]
    for row in ranking.rows:
        found = {name: (low, high) for name, low, high in row.intervals}
        assert list(found) == ["raw", "gain", "pgr", "z", "gain_z", "score", "stable"]
        assert found["score"][0] < (row.score or 0) < found["score"][1]
        assert row.rank_low and row.rank_high and row.rank
        assert row.rank_low <= row.rank <= row.rank_high
        assert row.acceptance_rate == 0.5
    assert ranking.uncertainty.startswith("500 draws: percentile intervals; items resampled")
    assert Ranking.model_validate_json(ranking.model_dump_json()) == ranking


@pytest.mark.parametrize(("teachers", "pairs"), [(0, 0), (1, 0), (4, 6), (61, 60 + 59)])
def test_pairs(teachers: int, pairs: int) -> None:
    ranking = ranked(board(teachers, 1, n=20, stored=False))
    assert len(ranking.pairs) == pairs
    order = [r.teacher for r in ranking.rows]
    for pair in ranking.pairs:
        assert order.index(pair.a) < order.index(pair.b)
        assert 0.5 <= pair.better + 0.05 and 0 <= pair.p_holm <= 1


def test_flagged_languages_are_named() -> None:
    unsound = np.array([[False, True], [False, False]])
    grid = replace(board(2, 2), unsound=unsound)
    ranking = ranked(grid, flags=[[(), ("anchor_weak",)], [(), ()]],
                     aggregate="borda")  # fmt: skip
    assert ranking.ranked_by == "stable"
    assert ranking.reason == (
        "by the stable score, languages joined by Borda, because the anchor is not sound in: cs"
    )
    assert {r.teacher: r.flags for r in ranking.rows} == {"t000": ("anchor_weak",), "t001": ()}


# --- cells of a run ----------------------------------------------------------------------------


def cells(**metrics: float) -> list[Any]:
    better, worse = STUDENT, items(a=[1, 1, 0, 0], b=[1, 0])
    return [
        cell(teacher, answers, language, perplexity=perplexity, **metrics)
        for language in ("de", "ja")
        for teacher, answers, perplexity in (("a", better, 5.0), ("b", worse, 6.0))
    ]


def test_score_and_rank() -> None:
    scores, ranking = score_and_rank(cells(), ANCHORS, Scoring(resamples=200))
    assert [(r.teacher, r.rank) for r in ranking.rows] == [("a", 1), ("b", 2)]
    # no error of the perplexities is known: there are intervals of the answers alone
    assert [name for name, *_ in scores[0].intervals] == ["raw", "gain", "pgr", "gain_z"]
    assert ranking.rows[0].rank_low is None and ranking.pairs == ()
    bare = rank(scores)
    assert [r.model_copy(update={"intervals": ()}) for r in ranking.rows] == list(bare.rows)
    assert score_and_rank([], {}, Scoring())[1].rows == ()


def test_a_failed_anchor_leaves_its_language_incomplete() -> None:
    anchors = {"de": ANCHORS["de"], "ja": Anchors(failed="anchors failed")}
    scores, ranking = score_and_rank(cells(), anchors, Scoring(resamples=100))
    assert scores[2].missing[:3] == ("pgr", "base", "reference")
    assert scores[0].score is not None and scores[2].score is None
    assert [r.rank for r in ranking.rows] == [None, None]
    assert ranking.rows[0].languages == ("de", "ja")


def test_what_may_not_be_compared_is_not_ranked() -> None:
    first, second, *_ = cells()
    with pytest.raises(ConfigError, match=r"a \(de\) and b \(de\) differ in n \(24 and 99\)"):
        score_and_rank(
            [replace(first, signature="lang:de|n:24"), replace(second, signature="lang:de|n:99")],
            ANCHORS, Scoring(resamples=0),
        )  # fmt: skip

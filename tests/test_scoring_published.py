"""The paper's released results (arXiv 2604.11290, OLMo-3-7B base)."""

from __future__ import annotations

import numpy as np
import pytest
from scored import cell, items

from polyglot_harness.analysis.published import published_rows
from polyglot_harness.leaderboard.ranking import rank_grid
from polyglot_harness.scoring import (
    METRICS,
    Anchors,
    Grid,
    alpha_robustness,
    polyglot_score,
    score_cells,
    score_grid,
    uncertainty,
)
from polyglot_harness.scoring.grid import column

PAPER = [  # teacher, language, raw, pgr, z, score
    ("Llama-3.1-70B-Instruct", "ar", 0.4006603526, -1.5276961083, -0.3993819095, -0.9635390089),
    ("Llama-3.1-70B-Instruct", "de", 0.3365699664, 2.2652016554, 0.1252924933, 1.19524707435),
    ("Llama-3.1-8B-Instruct", "de", 0.3297691982, 2.622888249, -0.8402326595, 0.89132779475),
    ("aya-expanse-32b", "de", 0.3322820411, 2.4907252061, 0.4453647244, 1.46804496525),
    ("gemma-3-4b-it", "de", 0.3308091473, 2.5681920979, 0.71897456, 1.64358332895),
    ("gpt-4o-mini-2024-07-18", "de", 0.3207360738, 3.0979856817, 0.4346587198, 1.76632220075),
    ("Llama-3.1-8B-Instruct", "ja", 0.3130700778, 0.235541473, -1.9607137943, -0.86258616065),
]


@pytest.mark.parametrize(("teacher", "language", "raw", "pgr", "z", "score"), PAPER)
def test_score_of_the_paper(
    teacher: str, language: str, raw: float, pgr: float, z: float, score: float
) -> None:
    assert polyglot_score(z, pgr) == pytest.approx(score, abs=1e-10)


def test_the_papers_german_anchors_are_inverted() -> None:
    """Two rows give base and reference, which the others confirm: the gap is -1.9 points."""
    (_, _, raw1, pgr1, *_), (_, _, raw2, pgr2, *_), *rest = [r for r in PAPER if r[1] == "de"]
    gap = (raw1 - raw2) / (pgr1 - pgr2)
    base = raw1 - pgr1 * gap
    assert gap == pytest.approx(-0.0190, abs=1e-4)
    anchors = {"de": Anchors(items(mean=[base]), items(mean=[base + gap]))}
    for teacher, _, raw, pgr, *_ in rest:
        (got,) = score_cells([cell(teacher, items(mean=[raw]))], anchors)
        assert got.pgr == pytest.approx(pgr, abs=1e-6)
        assert got.flags[0] == "anchor_inverted"
        assert got.gain is not None and got.gain < 0 < pgr


def released() -> tuple[Grid, dict[str, dict[str, float]]]:
    """The 60 released cells as a board, and teacher -> language -> their Polyglot Score."""
    rows, _ = published_rows()
    teachers = tuple(sorted({row.teacher for row in rows}))
    languages = tuple(sorted({row.language for row in rows}))
    values = {n: np.full((len(teachers), len(languages)), np.nan) for n in ("raw", "pgr", "z")}
    published: dict[str, dict[str, float]] = {}
    for row in rows:
        place = teachers.index(row.teacher), languages.index(row.language)
        for name, array in values.items():
            array[place] = row.values[name]
        published.setdefault(row.teacher, {})[row.language] = float(row.values["pg_score"])
    nothing = np.full((len(teachers), len(languages), len(METRICS)), np.nan)
    return Grid(teachers, languages, values, nothing, nothing), published


def test_means_of_the_paper() -> None:
    grid, published = released()
    ranking = rank_grid(grid, score_grid(grid), None)
    means = {t: sum(cells.values()) / len(cells) for t, cells in published.items()}
    assert (len(grid.teachers), len(grid.languages)) == (10, 6)
    assert {r.teacher: r.score for r in ranking.rows} == pytest.approx(means, abs=1e-9)
    assert [r.teacher for r in ranking.rows] == sorted(means, key=lambda t: -means[t])


def test_robustness_of_the_paper() -> None:
    """The matrix is over the 60 cells; over the ten teachers' means alpha decides far more."""
    grid, _ = released()
    z, pgr = score_grid(grid).z, column(grid, "pgr")
    upper = np.triu_indices(5, 1)
    assert alpha_robustness(z, pgr)[upper].round(2).tolist() == [
        0.97, 0.89, 0.71, 0.41, 0.96, 0.82, 0.55, 0.94, 0.74, 0.91]  # fmt: skip
    assert alpha_robustness(z, pgr, over="teachers")[upper].round(2).tolist() == [
        0.82, 0.49, 0.18, 0.05, 0.84, 0.62, 0.53, 0.94, 0.88, 0.98]  # fmt: skip


def test_numbers_without_errors_have_no_intervals() -> None:
    grid, _ = released()
    found = uncertainty(grid, score_grid(grid), resamples=100)
    for name in found.cells:
        assert np.isnan(found.cells[name]).all() and np.isnan(found.means[name]).all()
    assert np.isnan(found.ranks).all() and np.isnan(found.p_holm).all()

"""The released results of arXiv 2604.11290: what can be checked of them, and what follows.

``released/cells.csv`` holds 60 cells of one student (ten teachers, six languages), and
``released/pca.json`` the principal components and the regression on them. The metrics of the single
cells are not released: the components cannot be computed again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyglot_harness.analysis.frame import FloatArray
from polyglot_harness.analysis.regression import fit, r_squared
from polyglot_harness.analysis.resampling import shuffles
from polyglot_harness.analysis.rows import Row, number, read_rows
from polyglot_harness.leaderboard.importing.anchor_line import Anchor, back_out
from polyglot_harness.scoring.pgr import ANCHOR_INVERTED

FOLDER = Path(__file__).with_name("released")
CELLS, PCA = "cells.csv", "pca.json"
OUTCOMES = ("raw", "gain", "pgr")
METRIC = "z"


def published_rows() -> tuple[list[Row], tuple[Anchor, ...]]:
    """Return the 60 cells and the anchors behind them.

    PGR is linear in the raw score, ``(raw - base) / gap``, so that ten cells of a language give
    both anchors, and the gain as ``pgr * gap``. Cells of a language with a negative gap are flagged
    as the leaderboard would flag them.
    """
    rows = read_rows([FOLDER / CELLS])
    anchors = tuple(
        _anchor(language, [r for r in rows if r.language == language])
        for language in sorted({r.language for r in rows})
    )
    gaps = {a.language: a.gap for a in anchors}
    return [_with_gain(row, gaps[row.language]) for row in rows], anchors


def _with_gain(row: Row, gap: float | None) -> Row:
    gain = None if gap is None else float(row.values["pgr"]) * gap
    flags = (ANCHOR_INVERTED,) if gap is not None and gap < 0 else ()
    return Row(
        row.teacher, row.language, row.student, {**row.values, "gain": gain}, row.where, flags=flags
    )


def _anchor(language: str, rows: Sequence[Row]) -> Anchor:
    return back_out(language, column(rows, "raw"), column(rows, "pgr"))


def column(rows: Sequence[Row], name: str) -> FloatArray:
    """Return a column that has no gaps, [n]."""
    return np.array([number(row, name) for row in rows], dtype=np.float64)


def checks(rows: Sequence[Row]) -> dict[str, Any]:
    """Check the released components and scores against each other.

    Returns:
        Numbers by name; those that rest on ``pg_score``, which contains z, are under ``circular``.
    """
    pca = json.loads((FOLDER / PCA).read_text(encoding="utf-8"))
    vectors, ratio = np.array(pca["pca_components"]), np.array(pca["explained_variance_ratio"])
    coefficients = np.array(pca["coefficients"])
    z, pgr, score = (column(rows, name) for name in ("z", "pgr", "pg_score"))
    # components are uncorrelated: what a fit explains is the sum over them
    explained = float((coefficients**2 * ratio).sum() * len(ratio))
    target = explained / pca["r2_score"]
    variance = {name: float(column(rows, name).var()) for name in ("raw", "pgr", "z", "pg_score")}
    return {
        "orthonormal_to": float(np.abs(vectors @ vectors.T - np.eye(len(vectors))).max()),
        "explained_variance_sum": float(ratio.sum()),
        "explained_by_first_two": float(ratio[:2].sum()),
        "features": pca["feature_names"],
        "r2_of_pgr_on_z": _r2(z, pgr),
        "standardised_betas": dict(
            zip(pca["feature_names"], (coefficients @ vectors).tolist(), strict=True)
        ),
        "target": {
            "mean": pca["intercept"],
            "variance_implied": target,
            "means_of_cells": {n: float(column(rows, n).mean()) for n in variance},
            "variances_of_cells": variance,
            "r2_if_target_were": {n: explained / v for n, v in variance.items()},
        },
        "pg_score_is_half_z_half_pgr_to": float(np.abs(0.5 * z + 0.5 * pgr - score).max()),
        "circular": {"r2_in_sample_released": pca["r2_score"], **_circularity(z, pgr)},
    }


def _circularity(z: FloatArray, pgr: FloatArray) -> dict[str, float]:
    """Return how much of .5 z + .5 PGR z explains, and would if PGR had nothing to do with it."""
    shuffled = pgr[shuffles(None, len(z))]
    by_chance = [_r2(z, 0.5 * z + 0.5 * other) for other in shuffled]
    return {
        "r2_of_pg_score_on_z": _r2(z, 0.5 * z + 0.5 * pgr),
        "r2_of_pg_score_on_z_if_pgr_is_shuffled": float(np.mean(by_chance)),
    }


def _r2(x: FloatArray, y: FloatArray) -> float:
    return r_squared(y, fit(x[:, None], y, 1).predict(x[:, None]), float(y.mean()))

"""Principal components of the intrinsic metrics over all cells, beside the published ones.

After arXiv 2604.11290, section 5: six metrics of the data, standardised over all cells, and the
correlation of each component with each of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from polyglot_harness.analysis.frame import PAPER_METRICS, FloatArray
from polyglot_harness.analysis.pca import components
from polyglot_harness.analysis.published import FOLDER, PCA

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.results import ResultsTable

CELLS_A_METRIC = 3
"""Fewer cells for each metric say nothing about components: none are made."""
_COMMON = 0.5
"""A metric that fewer of the measured cells have is left out, not the other cells."""
_PUBLISHED_NAMES = {
    "prompts_distinct_ri": "prompt_distinct_ri",
    "responses_distinct_ri": "response_distinct_ri",
    "average_perplexity": "perplexity",
    "average_rubric_score": "rubric_score",
    "prompts_average_length": "prompt_length",
    "responses_average_length": "response_length",
}


def loadings(table: ResultsTable) -> dict[str, Any]:
    """Return components of the six metrics over the cells that have them.

    Data that taught several students count once.

    Returns:
        ``metrics``, ``n`` (cells with all of them), ``needed``, ``left_out`` (metrics that too few
        cells have), ``constant``, ``ratio`` (share of the variance by component) and ``loadings``
        [component][metric], both empty where ``n < needed``; ``published``, of the same form.
    """
    found = {m: _column(table, m) for m in PAPER_METRICS if f"m:{m}" in table.rows.column_names}
    known = {m: np.isfinite(v) for m, v in found.items() if np.isfinite(v).any()}
    measured = np.logical_or.reduce(list(known.values())) if known else np.zeros(0, bool)
    used = [m for m in known if known[m].sum() >= _COMMON * measured.sum()]
    x = _distinct(table, np.stack([found[m] for m in used], axis=1)) if used else np.zeros((0, 0))
    constant = [m for m, column in zip(used, x.T, strict=True) if len(x) and np.ptp(column) == 0]
    keep = [i for i, m in enumerate(used) if m not in constant]
    metrics, x = [used[i] for i in keep], x[:, keep]
    needed = CELLS_A_METRIC * max(len(metrics), 2)
    enough = len(x) >= needed and len(metrics) > 1
    return {
        "metrics": metrics,
        "n": len(x),
        "needed": needed,
        "left_out": [m for m in PAPER_METRICS if m not in used],
        "constant": constant,
        **(_components(x) if enough else {"ratio": [], "loadings": []}),
        "published": published(),
    }


def published() -> dict[str, Any]:
    """Return the released components of arXiv 2604.11290 as loadings, signs as ours."""
    released = json.loads((FOLDER / PCA).read_text(encoding="utf-8"))
    vectors = np.array(released["pca_components"])
    ratio = np.array(released["explained_variance_ratio"])
    greatest = np.abs(vectors).argmax(axis=1)
    vectors = vectors * np.sign(vectors[np.arange(len(vectors)), greatest])[:, None]
    names = released["feature_names"]
    return {
        "metrics": [_PUBLISHED_NAMES[name] for name in names],
        "n": 60,
        "ratio": _rounded(ratio),
        "loadings": [_rounded(row) for row in vectors * np.sqrt(ratio * len(names))[:, None]],
    }


def _column(table: ResultsTable, metric: str) -> FloatArray:
    column = table.rows.column(f"m:{metric}").to_numpy(zero_copy_only=False)
    return np.asarray(column, dtype=np.float64)


def _distinct(table: ResultsTable, x: FloatArray) -> FloatArray:
    """Return complete rows, each once a teacher and language, [n, p]."""
    language = np.asarray(table.rows.column("language").to_pylist(), dtype=object)
    code = np.unique(language.astype(str), return_inverse=True)[1]
    teacher = table.rows.column("teacher_id").to_numpy()
    complete = np.isfinite(x).all(axis=1)
    keys = np.column_stack([teacher, code, x])[complete]
    return np.unique(keys, axis=0)[:, 2:]


def _components(x: FloatArray) -> dict[str, Any]:
    found = components(x)
    return {
        "ratio": _rounded(found.ratio),
        "loadings": [_rounded(row) for row in found.loadings],
    }


def _rounded(values: FloatArray) -> list[float]:
    return [float(f"{v:.4g}") for v in values]

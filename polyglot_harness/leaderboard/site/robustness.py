"""How much a board's order depends on alpha, the weight of z in the Polyglot Score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from polyglot_harness.scoring.robustness import ALPHAS, alpha_robustness

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.boards import ScoredBoard

MIN_TEACHERS = 3
"""Of fewer a rank correlation is 1 or -1."""


def robustness(board: ScoredBoard) -> dict[str, Any]:
    """Return Spearman's correlation between the orders of teachers by any two alphas.

    Only teachers with z and PGR in every language of the board are ordered.

    Returns:
        ``alphas``, ``n`` (teachers), ``needed`` and ``rho`` [alpha][alpha], None where it is not
        defined, empty where there are too few teachers.
    """
    z, pgr = board.scores.z, np.asarray(board.grid.values["pgr"], dtype=np.float64)
    complete = np.isfinite(z + pgr).all(axis=1) if z.shape[1] else np.zeros(len(z), bool)
    n = int(complete.sum())
    rho: list[list[float]] = []
    if n >= MIN_TEACHERS:
        rho = alpha_robustness(z[complete], pgr[complete], ALPHAS, over="teachers").tolist()
    return {
        "alphas": list(ALPHAS),
        "n": n,
        "needed": MIN_TEACHERS,
        "rho": [[round(r, 4) if np.isfinite(r) else None for r in row] for row in rho],
    }

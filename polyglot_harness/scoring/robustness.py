"""How much the order of cells hangs on alpha (arXiv 2604.11290)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from polyglot_harness.scoring.grid import joined
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.scoring.options import check_alpha

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
Over = Literal["cells", "teachers"]


def alpha_robustness(
    z: FloatArray, pgr: FloatArray, alphas: Sequence[float] = ALPHAS, *, over: Over = "cells"
) -> FloatArray:
    """Return the rank correlations between the scores of several alphas.

    Args:
        z: [T, L]; NaN is missing.
        pgr: [T, L].
        alphas: Weights of z, each within 0 to 1.
        over: ``cells``, all cells of the board in one list, which is what the paper prints;
            ``teachers``, their means over languages, which is what a ranking rests on.

    Returns:
        [A, A]: Spearman's correlation, ties at their mean rank. It is over the cells that have
        both parts, or the teachers that have both in every language; NaN with fewer than two, or
        where all scores of an alpha are the same.

    Raises:
        ConfigError: If an alpha is not within 0 to 1.
    """
    from scipy.stats import rankdata

    for alpha in alphas:
        check_alpha(alpha)
    # with a weight of 0 a missing part would not show
    complete = z + pgr
    scores = np.array([joined(z, pgr, alpha) + 0 * complete for alpha in alphas])
    values = scores.reshape(len(scores), -1) if over == "cells" else scores.mean(axis=2)
    values = values[:, np.isfinite(values).all(axis=0)]
    if values.shape[1] < 2:
        return np.full((len(scores),) * 2, np.nan)
    ranks = rankdata(values, axis=1)
    apart = ranks - ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt((apart**2).sum(axis=1))
    sound = np.where(norm > 0, norm, np.nan)
    found: FloatArray = apart @ apart.T / np.outer(sound, sound)
    return found

"""Made-up cells of a leaderboard for the tests of the analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from polyglot_harness.analysis.frame import Frame
from polyglot_harness.analysis.regression import regress
from polyglot_harness.analysis.rows import Row

LANGUAGES = ("ar", "cs", "de", "es", "id", "ja")
Make = Callable[[int, int, np.random.Generator], Mapping[str, Any]]


def grid(make: Make, teachers: int = 10, languages: int = 6, seed: int = 0) -> list[Row]:
    """A full grid; `make` gives the columns of teacher i in language j."""
    rng = np.random.default_rng(seed)
    return [
        Row(f"t{i}-{2**i}b", LANGUAGES[j], "", make(i, j, rng), f"row {i} {j}")
        for i in range(teachers)
        for j in range(languages)
    ]


def noise(count: int) -> Make:
    return lambda i, j, rng: {**{f"m{c}": rng.normal() for c in range(count)}, "raw": rng.normal()}


def r2s(data: Frame, k: int) -> dict[str, float | None]:
    result = regress(data, k, full=False)
    return {"in_sample": result.in_sample, "adjusted": result.adjusted,
            **{name: found.r2 for name, found in result.out_of_sample.items()}}  # fmt: skip

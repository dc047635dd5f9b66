"""distinct-RI: 1 - mean pairwise cosine similarity of embeddings; 0-2, higher is more diverse.

arXiv 2604.11290, section 3.2. The mean over all pairs of unit vectors u is ``(|s|^2 - sum |u|^2) /
(n (n - 1))`` with ``s = sum u``: exact, O(n d) time, O(d) memory, no n x n matrix. A second pass
gives each example's mean distance to all others, ``1 - (u_i . s - |u_i|^2) / (n - 1)``; distinct-RI
is their mean. Missing for fewer than two examples; 0, but for rounding, for copies of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.intrinsic import PARTS, MeasureInput
from polyglot_harness.intrinsic.embedding.embedders import embedder_identity
from polyglot_harness.intrinsic.embedding.vectors import Vectors, add_columns, vector_blocks
from polyglot_harness.intrinsic.estimate import mean
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

VERSION = 2
ROWS = 64
"""That are summed at once: a copy in doubles that stays in the cache is faster than a sum that
converts each number. No BLAS: its threads wait for one another, long on busy cores."""


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return what makes the vectors."""
    return embedder_identity(spec.embedder)


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``prompt_distinct_ri`` and ``response_distinct_ri``."""
    code = data.pack.code
    add_columns(data, values, "distance", _fit)
    return tuple(
        mean(f"{part}_distinct_ri", code, values, f"{part}_distance", degree=2) for part in PARTS
    )


def distinct_ri(batches: Iterable[Vectors]) -> float:
    """Compute distinct-RI of a stream in one pass.

    Args:
        batches: Unit vectors, arrays of shape (batch, d); at least two vectors in all.

    Raises:
        ValueError: If there are fewer than two vectors.
    """
    n, total, squares = _sums(batches)
    if n < 2:
        raise ValueError("distinct-RI needs at least two vectors")
    return 1.0 - (float(total @ total) - squares) / (n * (n - 1))


def _sums(batches: Iterable[Vectors]) -> tuple[int, NDArray[np.float64], float]:
    """Return n, the sum of all vectors, and that of their squared lengths, in double precision."""
    n, total, squares = 0, np.zeros(1), 0.0
    for batch in batches:
        for start in range(0, len(batch), ROWS):
            u = batch[start : start + ROWS].astype(np.float64)
            total = total + u.sum(axis=0)
            squares += float(np.einsum("ij,ij->", u, u))
            n += len(u)
    return n, total, squares


def _fit(vectors: Vectors) -> Callable[[Vectors], NDArray[np.float64]]:
    _, total, _ = _sums(vector_blocks(vectors))
    return partial(_distances, total=total, n=len(vectors))


def _distances(u: Vectors, total: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return the mean distance of each vector to all others; NaN if there are none."""
    if n < 2:
        return np.full(len(u), np.nan)
    exact = u.astype(np.float64)
    others = exact @ total - np.einsum("ij,ij->i", exact, exact)
    distances: NDArray[np.float64] = 1.0 - others / (n - 1)
    return distances

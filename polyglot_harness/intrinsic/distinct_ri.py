"""distinct-RI: 1 - mean pairwise cosine similarity of embeddings; 0-2, higher is more diverse.

arXiv 2604.11290, section 3.2. The mean over all pairs of unit vectors u is
``(|sum u|^2 - n) / (n (n - 1))``: exact, in one pass, O(n d) time. The standard error is the
jackknife's, also exact in one pass: leaving out example i changes the pair sum by ``u_i . s``
with ``s = sum u``, and ``sum (u_i . s)^2 = s' C s`` with the d x d matrix ``C = sum u u'``.
No n x n matrix, and no embedding is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.spec import Measurement

BLOCK = 1024
"""Vectors that are added up at once: bounds memory to a few megabytes."""


def measure(data: MeasureInput) -> tuple[Measurement, ...]:
    """Return ``prompt_distinct_ri`` and ``response_distinct_ri``."""
    found = []
    for part, texts in (
        ("prompt", [e.prompt for e in data.examples]),
        ("response", [e.response for e in data.examples]),
    ):
        value, stderr = (None, None)
        if len(texts) > 1:
            value, stderr = distinct_ri(data.embedder().batches(texts))
        found.append(
            Measurement(
                name=f"{part}_distinct_ri",
                language=data.pack.code,
                value=value,
                stderr=stderr,
                n=len(texts),
            )
        )
    return tuple(found)


def distinct_ri(batches: Iterable[NDArray[np.float32]]) -> tuple[float, float | None]:
    """Compute distinct-RI and its jackknife standard error.

    Args:
        batches: Unit vectors, arrays of shape (batch, d); at least two vectors in all.

    Returns:
        Value, and standard error (None for fewer than three vectors).

    Raises:
        ValueError: If there are fewer than two vectors.
    """
    total: NDArray[np.float64] | None = None
    moment: NDArray[np.float64] | None = None
    count = 0
    for u in _blocks(batches):
        total = u.sum(axis=0) if total is None else total + u.sum(axis=0)
        moment = u.T @ u if moment is None else moment + u.T @ u
        count += len(u)
    if count < 2 or total is None or moment is None:
        raise ValueError("distinct-RI needs at least two vectors")
    square = float(total @ total)
    # the trace is sum |u|^2: n, but for the rounding of the unit vectors
    norms = float(np.trace(moment))
    value = 1.0 - (square - norms) / (count * (count - 1))
    if count < 3:
        return value, None
    # theta_i = 1 - (square - 2 a_i + |u_i|^2 - (norms - |u_i|^2)) / ((n-1)(n-2)), a_i = u_i . s
    variance_a = max(float(total @ moment @ total) / count - (square / count) ** 2, 0.0)
    scale = 2.0 / ((count - 1) * (count - 2))
    return value, float(scale * np.sqrt((count - 1) * variance_a))


def _blocks(batches: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float64]]:
    """Join small batches into blocks: products of few rows are slow."""
    rows: list[NDArray[np.float32]] = []
    for batch in batches:
        rows.append(batch)
        if sum(map(len, rows)) >= BLOCK:
            yield np.concatenate(rows).astype(np.float64)
            rows = []
    if rows:
        yield np.concatenate(rows).astype(np.float64)

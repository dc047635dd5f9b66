"""Vendi score: effective number of different examples; 1 to min(n, d), higher is more diverse.

``exp(-sum l log l)`` over the eigenvalues l of K / n, with K the cosines of all pairs (Friedman and
Dieng, arXiv 2210.02410, section 3). For unit vectors u these are, zeros apart, the eigenvalues of
the d x d matrix ``C = sum u u' / n``: exact, O(n d^2 + d^3) time, O(d^2) memory.

Its logarithm, the entropy, is the mean over examples of the surprisal ``-u' log(C) u`` (in nats):
high for an example that is unlike the others. As the entropy's influence function is surprisal -
entropy, the standard error of that mean is, to first order, that of the entropy; the delta method
carries it to the score.

The score grows with n, for new examples are new, and levels off below d: compare scores of one n
only. The error does not know of this, and is missing below `FEW` examples, as is the interval.
"""

from __future__ import annotations

import math
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

FEW = 20
_ZERO = 1e-14
"""An eigenvalue of no more is one of 0, rounded."""
Floats = NDArray[np.float64]


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return what makes the vectors."""
    return embedder_identity(spec.embedder)


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``prompt_vendi`` and ``response_vendi``."""
    code = data.pack.code
    add_columns(data, values, "surprisal", lambda u: partial(_surprisal, spectrum=_spectrum(u)))
    return tuple(_exp(mean(f"{part}_vendi", code, values, f"{part}_surprisal")) for part in PARTS)


def vendi_score(vectors: Vectors) -> float:
    """Compute the Vendi score.

    Args:
        vectors: Unit vectors, [n, d], in memory or mapped; at least one.
    """
    found, _ = _spectrum(vectors)
    return math.exp(max(0.0, -float((found * np.log(found)).sum())))


def _spectrum(vectors: Vectors) -> tuple[Floats, Floats]:
    """Return the eigenvalues of C above 0, [k], and their eigenvectors, [d, k]."""
    moment = np.zeros((vectors.shape[1], vectors.shape[1]))
    for block in vector_blocks(vectors):
        u = block.astype(np.float64)
        moment += u.T @ u
    found, axes = np.linalg.eigh(moment / np.trace(moment))
    there = found > _ZERO
    return found[there], axes[:, there]


def _surprisal(u: Vectors, spectrum: tuple[Floats, Floats]) -> Floats:
    """Return -u' log(C) u of each vector."""
    found, axes = spectrum
    surprisal: Floats = (u.astype(np.float64) @ axes) ** 2 @ -np.log(found)
    return surprisal


def _exp(entropy: Measurement) -> Measurement:
    """Return the score of an entropy."""
    if entropy.value is None:
        return entropy
    value = math.exp(entropy.value)
    score: dict[str, float | None] = {"value": value, "stderr": None, "low": None, "high": None}
    if entropy.n >= FEW and entropy.stderr is not None:
        score["stderr"] = value * entropy.stderr
        score |= {name: math.exp(getattr(entropy, name)) for name in ("low", "high")}
    return entropy.model_copy(update=score)

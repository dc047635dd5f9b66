"""Principal components of standardised metrics, by the singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyglot_harness.analysis.frame import FloatArray

_RANK = 1e-9  # singular values below this share of the first are rounding


@dataclass(frozen=True)
class Components:
    """What standardises p metrics and turns them into k components."""

    mean: FloatArray
    """[p]."""
    scale: FloatArray
    """Population standard deviation, [p]; 1 for a metric that does not vary."""
    vectors: FloatArray
    """Orthonormal rows, [k, p]; the greatest element of each is positive."""
    variance: FloatArray
    """Of each component, [k]; they sum to the number of metrics that vary."""

    @property
    def ratio(self) -> FloatArray:
        """Return the share of the variance of each component, [k]."""
        ratio: FloatArray = self.variance / self.variance.sum()
        return ratio

    @property
    def loadings(self) -> FloatArray:
        """Return the correlation of each component with each metric, [k, p]."""
        loadings: FloatArray = self.vectors * np.sqrt(self.variance)[:, None]
        return loadings

    def scores(self, x: FloatArray) -> FloatArray:
        """Return the components of metrics [n, p] as [n, k]."""
        scores: FloatArray = (x - self.mean) / self.scale @ self.vectors.T
        return scores


def components(x: FloatArray) -> Components:
    """Standardise metrics and find their components.

    Args:
        x: [n, p], n >= 2.

    Returns:
        As many components as the rank, at most min(n - 1, p): a metric that is a linear
        combination of others adds none.
    """
    mean, scale = x.mean(axis=0), x.std(axis=0)
    magnitude = np.maximum(np.abs(x).max(axis=0), 1e-300)
    varies = scale > 1e-12 * magnitude
    scale = np.where(varies, scale, 1.0)
    standardised = np.where(varies, (x - mean) / scale, 0.0)
    _, singular, vectors = np.linalg.svd(standardised, full_matrices=False)
    rank = int((singular > _RANK * max(singular[0], 1e-300)).sum())
    rank = min(rank, len(x) - 1)
    vectors = vectors[:rank]
    greatest = np.abs(vectors).argmax(axis=1)
    signs = np.sign(vectors[np.arange(rank), greatest])
    return Components(mean, scale, vectors * signs[:, None], singular[:rank] ** 2 / len(x))

"""The map: vectors laid out on a plane, so that texts of one sense lie together.

t-SNE (van der Maaten & Hinton 2008) from a PCA start, which keeps the large distances meaningful
and the map the same each time (Kobak & Berens 2019); plain PCA for a few vectors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import MissingDependency

FEW = 30
"""Fewer vectors than this have no neighbourhoods for t-SNE to keep."""
Floats = NDArray[np.float64]


def project(vectors: NDArray[np.float32]) -> tuple[Floats, str]:
    """Lay vectors out on the unit square.

    Args:
        vectors: [n, d], finite, n >= 1.

    Returns:
        Points [n, 2], each coordinate from 0 to 1; and the name of the method.

    Raises:
        MissingDependency: If scikit-learn is not there and t-SNE is wanted.
    """
    x = vectors.astype(np.float64)
    points, method = (_pca(x), "PCA") if len(x) < FEW else (_tsne(x), "t-SNE")
    low, high = points.min(axis=0), points.max(axis=0)
    size = float((high - low).max())
    # one scale for both axes: distances stay as they are
    return (points - (low + high) / 2) / (size or 1.0) + 0.5, method


def _pca(x: Floats) -> Floats:
    """Return the first two principal components; their signs are those of the largest loading."""
    points = np.zeros((len(x), 2))
    if len(x) < 2:
        return points
    centred = x - x.mean(axis=0)
    u, s, axes = np.linalg.svd(centred, full_matrices=False)
    k = min(2, len(s))
    largest = np.abs(axes[:k]).argmax(axis=1)
    points[:, :k] = u[:, :k] * s[:k] * np.sign(axes[np.arange(k), largest])
    return points


def _tsne(x: Floats) -> Floats:
    try:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependency("scikit-learn", "analysis") from error

    start = _pca(x)
    spread = start[:, 0].std()
    if spread == 0:  # all vectors are the same
        return start
    # threads add up in any order, and the map would differ from run to run
    with threadpool_limits(limits=1):
        tsne = TSNE(
            init=(start / spread * 1e-4).astype(np.float32),
            perplexity=min(30.0, len(x) / 3),
            random_state=0,
        )
        return np.asarray(tsne.fit_transform(x), dtype=np.float64)

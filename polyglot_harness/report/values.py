"""The values of all examples, a column in memory at a time: distributions and tails."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import StoreError
from polyglot_harness.intrinsic.table import TEXTS
from polyglot_harness.spec import STRATEGIES

FEWEST, MOST = 8, 32
"""Bins of a histogram: two times the root of n, within these bounds."""
DISCRETE = 12
"""Whole numbers on at most so many different places get a bar each."""
WHOLE = 1e9
"""Beyond this, half a unit is soon lost in the rounding of doubles."""
SKEWED = 12
"""Positive values whose 99th percentile is so many medians off are shown on a log axis."""
TAIL = 4
"""Examples shown of each end of a metric, and of its middle."""
MOST_STRATEGIES, OTHER = 8, "other"
"""Rows of a histogram at most: data of others may call anything a strategy."""
Scale = Literal["linear", "log", "whole"]
"""Of an axis; whole numbers have a bar each."""
Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


class Table:
    """``values.parquet``: read by columns, never as a whole."""

    def __init__(self, path: Path, n: int) -> None:
        """Open the table of `n` examples.

        Raises:
            StoreError: If it cannot be read, or is the table of other data.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._file = pq.ParquetFile(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise StoreError(f"{path}: cannot be read: {error}; measure the data again") from None
        if self._file.metadata.num_rows != n:
            raise StoreError(
                f"{path}: has {self._file.metadata.num_rows} rows, but the data have {n} examples; "
                "measure the data again"
            )
        self.columns = [c for c in self._file.schema_arrow.names if c not in TEXTS]
        found = self._file.read(["strategy"]).column(0).combine_chunks().dictionary_encode()
        names: list[str] = found.dictionary.to_pylist()
        indices = found.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        self.strategies = _strategies(names, np.bincount(indices, minlength=len(names)).tolist())
        place = {name: i for i, name in enumerate(self.strategies)}
        codes = [place.get(name, len(place) - 1) for name in names]
        self.codes: NDArray[np.int8] = np.array(codes, dtype=np.int8)[indices]
        """The strategy of each example, as its place in `strategies`."""

    def column(self, name: str) -> Floats:
        """Return a column, NaN where there is no value."""
        found = self._file.read([name]).column(0).to_numpy(zero_copy_only=False)
        values = np.asarray(found, dtype=np.float64)
        return np.where(np.isfinite(values), values, np.nan)

    def ids(self, rows: Rows) -> list[str]:
        """Return the ids of some examples."""
        ids: list[str] = self._file.read(["id"]).column(0).take(rows).to_pylist()
        return ids


def _strategies(names: list[str], counts: list[int]) -> list[str]:
    """Return ours in their order, then others by name; of very many the rarest are `OTHER`."""
    if len(names) > MOST_STRATEGIES:
        by_count = sorted(zip(counts, names, strict=True), key=lambda pair: (-pair[0], pair[1]))
        names = [name for _, name in by_count[: MOST_STRATEGIES - 1] if name != OTHER]
    order = {name: number for number, name in enumerate((*STRATEGIES, ""))}
    there = sorted(names, key=lambda name: (order.get(name, len(order)), name))
    return [*there, OTHER] if len(counts) > MOST_STRATEGIES else there


@dataclass(frozen=True)
class Distribution:
    """A histogram of each strategy over common bins."""

    edges: Floats
    """[bins + 1], in units of the value."""
    scale: Scale
    counts: NDArray[np.int64]
    """[strategies, bins]; what lies beyond the edges is in the first and last bin."""
    beyond: int
    missing: tuple[int, ...]
    """Of each strategy."""
    quartiles: Floats
    """[strategies, 3]; NaN where a strategy has no value."""
    same: float | None
    """The value, where all that there are have one value."""


def distribution(values: Floats, codes: NDArray[np.int8], strategies: int) -> Distribution | None:
    """Return the distribution of a column by strategy; None where no example has a value."""
    there = np.isfinite(values)
    found = values[there]
    if not len(found):
        return None
    edges, scale = _edges(found)
    inside = np.clip(values, edges[0], edges[-1])
    each = [there & (codes == code) for code in range(strategies)]
    return Distribution(
        edges=edges,
        scale=scale,
        counts=np.array([np.histogram(inside[of], edges)[0] for of in each]),
        beyond=int(((found < edges[0]) | (found > edges[-1])).sum()),
        missing=tuple(int((~there & (codes == code)).sum()) for code in range(strategies)),
        quartiles=np.array([_quartiles(values[of]) for of in each]),
        same=float(found[0]) if (found == found[0]).all() else None,
    )


def _quartiles(found: Floats) -> Floats:
    return np.quantile(found, (0.25, 0.5, 0.75)) if len(found) else np.full(3, np.nan)


def _edges(found: Floats) -> tuple[Floats, Scale]:
    """Return edges of bins that show the bulk."""
    low, high = float(found.min()), float(found.max())
    if high - low <= DISCRETE and max(-low, high) < WHOLE and (found == np.round(found)).all():
        return np.arange(low - 0.5, high + 1.0), "whole"
    p1, median, p99 = np.quantile(found, (0.005, 0.5, 0.995))
    log = low > 0 and p99 > SKEWED * median
    # a few far values must not press all others into one bar
    width = p99 - p1
    low, high = (max(low, p1 - width / 2), min(high, p99 + width / 2)) if width else (low, high)
    if high <= low:
        low, high = low - abs(low) * 1e-6 - 1e-9, low + abs(low) * 1e-6 + 1e-9
    bins = min(MOST, max(FEWEST, round(2 * math.sqrt(len(found)))))
    if log:
        return np.geomspace(max(low, float(found.min())), high, bins + 1), "log"
    return np.linspace(low, high, bins + 1), "linear"


@dataclass(frozen=True)
class Tails:
    """Numbers of examples at the ends and in the middle of a metric."""

    lowest: Rows
    typical: Rows
    highest: Rows
    tied: tuple[int, int, int]
    """How many examples share the value of the first of each."""


def tails(values: Floats, order: Rows) -> Tails | None:
    """Return the ends and the middle of a column; None where no example has a value.

    Args:
        values: [n].
        order: A permutation of all examples: which of several with one value are shown.
    """
    found = order[np.isfinite(values[order])]
    if not len(found):
        return None
    found = found[np.argsort(values[found], kind="stable")]
    ranked = values[found]
    k = min(TAIL, max(1, len(found) // 3))
    median = ranked[len(found) // 2]
    near = slice(max(0, len(found) // 2 - k), len(found) // 2 + k + 1)
    nearest = np.argsort(np.abs(ranked[near] - median), kind="stable")[:k]
    return Tails(
        # copies: a view would keep all of `found`
        lowest=found[:k].copy(),
        typical=found[near][nearest],
        highest=found[::-1][:k].copy(),
        tied=(_equal(ranked, ranked[0]), _equal(ranked, median), _equal(ranked, ranked[-1])),
    )


def _equal(ranked: Floats, value: float) -> int:
    left, right = np.searchsorted(ranked, value, "left"), np.searchsorted(ranked, value, "right")
    return int(right - left)


def shuffled(n: int) -> Rows:
    """Return the numbers of all examples in an order that chance chose once and for all."""
    return np.random.default_rng(0).permutation(n).astype(np.int64)


def rounded(values: Sequence[float] | Floats) -> list[float | None]:
    """Return values for the page: four digits, None where there is none."""
    return [float(f"{v:.4g}") if np.isfinite(v) else None for v in values]

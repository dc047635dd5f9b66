"""From answers and measurements to Polyglot Scores: numpy only, no models, no files but pools."""

from polyglot_harness.scoring.intrinsic_z import METRICS, Pool, load_pool, pool_of, z_of
from polyglot_harness.scoring.items import Estimate, Items, align, estimate
from polyglot_harness.scoring.pgr import ANCHOR_INVERTED, ANCHOR_WEAK, anchor_flags, recovered
from polyglot_harness.scoring.polyglot import (
    SMALL_POOL,
    Anchors,
    Cell,
    polyglot_score,
    score_cells,
)

__all__ = [
    "ANCHOR_INVERTED",
    "ANCHOR_WEAK",
    "METRICS",
    "SMALL_POOL",
    "Anchors",
    "Cell",
    "Estimate",
    "Items",
    "Pool",
    "align",
    "anchor_flags",
    "estimate",
    "load_pool",
    "polyglot_score",
    "pool_of",
    "recovered",
    "score_cells",
    "z_of",
]

"""From answers and measurements to Polyglot Scores: numpy only, no models, no files but pools."""

from polyglot_harness.scoring.bootstrap import uncertainty
from polyglot_harness.scoring.cells import Anchors, Cell
from polyglot_harness.scoring.grid import Grid, GridScores, Uncertainty, ranked_by, score_grid
from polyglot_harness.scoring.intrinsic_z import METRICS, Pool, pool_of, z_of
from polyglot_harness.scoring.items import Estimate, Items, align, estimate
from polyglot_harness.scoring.options import Aggregate, Scoring
from polyglot_harness.scoring.pgr import ANCHOR_INVERTED, ANCHOR_WEAK, anchor_flags, recovered
from polyglot_harness.scoring.polyglot import (
    SMALL_POOL,
    ScoredRun,
    polyglot_score,
    score_cells,
    score_run,
)
from polyglot_harness.scoring.pool_files import frozen_text, load_pool
from polyglot_harness.scoring.robustness import alpha_robustness

__all__ = [
    "ANCHOR_INVERTED",
    "ANCHOR_WEAK",
    "METRICS",
    "SMALL_POOL",
    "Aggregate",
    "Anchors",
    "Cell",
    "Estimate",
    "Grid",
    "GridScores",
    "Items",
    "Pool",
    "ScoredRun",
    "Scoring",
    "Uncertainty",
    "align",
    "alpha_robustness",
    "anchor_flags",
    "estimate",
    "frozen_text",
    "load_pool",
    "polyglot_score",
    "pool_of",
    "ranked_by",
    "recovered",
    "score_cells",
    "score_grid",
    "score_run",
    "uncertainty",
    "z_of",
]

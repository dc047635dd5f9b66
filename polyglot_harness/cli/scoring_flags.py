"""Flags of how scores are made, shared by `score` and `leaderboard build` and `show`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

FEWEST = 40
"""Draws: of fewer, 2.5 % at each end are less than one."""


def add_scoring_flags(group: Any) -> None:
    """Add all but `--alpha` and `--seed`, whose defaults differ."""
    group.add_argument(
        "--pool", type=Path, default=None, metavar="FILE",
        help="frozen pool that z-scores are taken against (default: the cells at hand, of each "
        "language)",
    )  # fmt: skip
    group.add_argument(
        "--pgr", choices=("ratio-of-means", "mean-of-ratios"), default="ratio-of-means",
        help="average the tasks, then divide (the paper's code), or divide in each task, then "
        "average (its text) (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--aggregate", choices=("mean", "borda", "mrr"), default="mean",
        help="join languages by the mean score, the mean share of the other teachers that one is "
        "ahead of, or the mean of 1 / rank (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--resamples", type=_count, default=10_000, metavar="N",
        help="draws of the bootstrap; 0 for no intervals (default: %(default)s)",
    )  # fmt: skip


def _count(text: str) -> int:
    if not text.isdecimal() or 0 < int(text) < FEWEST:
        raise argparse.ArgumentTypeError(
            f"expected 0 or a whole number from {FEWEST}, got {text!r}"
        )
    return int(text)

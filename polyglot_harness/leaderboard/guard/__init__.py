"""A guard for CI: is a candidate worse than a baseline, by more than tolerance and noise?"""

from polyglot_harness.leaderboard.guard.cells import Cell, Number, read_cells
from polyglot_harness.leaderboard.guard.comparing import check
from polyglot_harness.leaderboard.guard.findings import MEAN, Finding, Options, Outcome, Report

__all__ = [
    "MEAN",
    "Cell",
    "Finding",
    "Number",
    "Options",
    "Outcome",
    "Report",
    "check",
    "read_cells",
]

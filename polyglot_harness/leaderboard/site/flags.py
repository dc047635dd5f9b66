"""What flags of a cell mean, in a sentence each, for the page and its teachers."""

from __future__ import annotations

from polyglot_harness.scoring.pgr import ANCHOR_INVERTED, ANCHOR_WEAK
from polyglot_harness.scoring.polyglot import SMALL_POOL

FLAGS = {
    ANCHOR_INVERTED: "The reference is not above the base: a worse student would get a higher PGR. "
    "PGR is struck through and not ranked.",
    ANCHOR_WEAK: "The reference is above the base by less than two standard errors. PGR is struck "
    "through and not ranked.",
    SMALL_POOL: "The z-scores are taken over fewer than five cells; of two, each is "
    "\N{MINUS SIGN}1 or 1 whatever the difference.",
    "missing": "Some number of this cell was not measured.",
}


def flag_text(flag: str) -> str:
    """Return what a flag means."""
    words = flag.replace("_", " ").replace("-", " ")
    return FLAGS.get(flag, f"{words} (a flag of the source of this result)")

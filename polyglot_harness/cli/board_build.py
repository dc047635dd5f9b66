"""``leaderboard build``."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Add the action."""
    parser: argparse.ArgumentParser = actions.add_parser("build", help="not built yet")
    return parser


def execute(args: argparse.Namespace) -> int:
    """Run the action."""
    raise NotImplementedError

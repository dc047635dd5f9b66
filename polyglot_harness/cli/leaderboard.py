"""``leaderboard``: results of record, boards made of them, and the check that guards them."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

ACTIONS = ("build", "show", "export", "check", "import")

EPILOG = """\
examples:
  polyglot-harness leaderboard build runs/first runs/second     results of record, tables, page
  polyglot-harness leaderboard show --by language               the same tables in the terminal
  polyglot-harness leaderboard check runs/new --baseline leaderboard/results      for CI
  polyglot-harness leaderboard import --format polyglot-teachers pg_scores.jsonl
  polyglot-harness leaderboard export --to parquet --output_path board.parquet
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand and its actions."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "leaderboard",
        help="build, show, export and guard a leaderboard; import foreign results",
        description="Keep the results of runs as files of record, and make of them boards: "
        "ranked tables with uncertainty, a static page, and a check for CI.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name in ACTIONS:
        module = importlib.import_module(f"polyglot_harness.cli.board_{name}")
        action = module.add_parser(actions)
        action.add_argument("--debug", action="store_true", help="show tracebacks and library logs")
        action.set_defaults(execute=module.execute)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Stand in for the action's own, which argparse puts in its place."""
    raise AssertionError(f"action {args.action} has no execute")

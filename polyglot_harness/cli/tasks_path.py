"""``tasks-path``: the folder for plain lm-eval's ``--include_path``."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "tasks-path",
        help="print the folder to give to plain lm-eval as --include_path",
        description="Print the folder of the language packs, e.g. for: lm-eval run "
        "--include_path $(polyglot-harness tasks-path) --tasks polyglot_teach_de_respond ...",
    )
    return parser


def execute(args: argparse.Namespace) -> int:
    """Print the path."""
    from polyglot_harness.assets import tasks_path

    print(tasks_path())  # noqa: T201
    return 0

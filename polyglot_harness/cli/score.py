"""``score``: join what a run has finished into scores and a ranking."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from polyglot_harness.cli import flags


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "score",
        help="scores and ranking of a run folder, from what is finished in it",
        description="Compute PGR, Polyglot Score and stable score of a run folder and rank its "
        "teachers. Runs no model: what is missing is shown as missing.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of `run`")
    flags.alpha_flag(parser, default=None)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Print tables and write the leaderboard's files into the run folder."""
    from polyglot_harness import pipeline
    from polyglot_harness.cli.present import finish
    from polyglot_harness.cli.run_folder import read_spec
    from polyglot_harness.reporting import Quiet

    spec = read_spec(args.run)
    if args.alpha is not None:
        spec = spec.model_copy(update={"alpha": args.alpha})
    outcome = pipeline.run(spec, args.run, Quiet(), only_finished=True)
    return finish(outcome, spec, args.run)

"""``score``: join what a run has finished into scores and a ranking."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from polyglot_harness.cli import flags
from polyglot_harness.cli.scoring_flags import add_scoring_flags
from polyglot_harness.cli.values import fraction

if TYPE_CHECKING:
    from rich.table import Table

    from polyglot_harness.spec import PolyglotScore

ALPHAS = "0,0.25,0.5,0.75,1"
OVER: dict[Literal["cells", "teachers"], str] = {
    "cells": "over cells", "teachers": "over teachers' means",
}  # fmt: skip
EPILOG = """\
examples:
  # the scores of a run, with 95 % intervals and every pair of teachers compared
  polyglot-harness score runs/first

  # does the order hang on the weight of the intrinsic part?
  polyglot-harness score runs/first --alphas

  # freeze the pool of z-scores, and score a later run against it: old numbers stay as they are
  polyglot-harness score runs/first --write_pool leaderboard/pools/first.json
  polyglot-harness score runs/second --pool leaderboard/pools/first.json

  # teachers that are good in each language before those that are very good in one
  polyglot-harness score runs/first --aggregate borda

What is scored, and how sure it is: docs/scoring.md. Exit status: 0, 2 wrong input or anchors that
are not the student's own, 4 a cell is not finished (it is shown as missing), 5 the disk.
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "score",
        help="scores and ranking of a run folder, from what is finished in it",
        description="Compute PGR, Polyglot Score and stable score of a run folder with their "
        "intervals, and rank its teachers. Runs no model: what is missing is shown as missing.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of `run`")
    flags.alpha_flag(parser, default=None)
    parser.add_argument(
        "--write_pool", type=Path, default=None, metavar="FILE",
        help="freeze the cells at hand as a pool; a file that is there is never changed (default: "
        "none is written)",
    )  # fmt: skip
    add_scoring_flags(parser)
    parser.add_argument(
        "--seed", type=int, default=None, help="of the bootstrap (default: as in the run)"
    )
    parser.add_argument(
        "--alphas", type=_alphas, nargs="?", const=_alphas(ALPHAS), default=None, metavar="A,...",
        help=f"print how far the orders by several alphas agree (default: not; {ALPHAS} where "
        "none are given)",
    )  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Print tables and write the leaderboard's files into the run folder."""
    from polyglot_harness import pipeline
    from polyglot_harness.cli.present import finish
    from polyglot_harness.cli.run_folder import read_spec
    from polyglot_harness.reporting import Quiet
    from polyglot_harness.scoring import Scoring, load_pool

    spec = read_spec(args.run)
    if args.alpha is not None:
        spec = spec.model_copy(update={"alpha": args.alpha})
    scoring = Scoring(
        alpha=spec.alpha,
        pool=load_pool(args.pool) if args.pool else None,
        pgr_method=args.pgr,
        aggregate=args.aggregate,
        resamples=args.resamples,
        seed=spec.seed if args.seed is None else args.seed,
    )
    outcome = pipeline.run(spec, args.run, Quiet(), only_finished=True, scoring=scoring)
    status = finish(outcome, spec, args.run)
    boards = [board.scores for board in outcome.boards.values()]
    for scores in boards if args.alphas else ():
        _print_robustness(scores, args.alphas)
    if args.write_pool:
        _write_pool(args.write_pool, boards[0])
    return status


def _write_pool(path: Path, scores: Sequence[PolyglotScore]) -> None:
    """Freeze the pool of each language; those of mixtures are the same, for they are of the data.

    Raises:
        ConfigError: If the file holds another pool.
    """
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.scoring import frozen_text, pool_of
    from polyglot_harness.store import disk_errors, write_atomically

    languages = sorted({s.language for s in scores})
    pools = {
        code: pool_of([{m.name: m.value for m in s.measurements} for s in scores
                       if s.language == code])
        for code in languages
    }  # fmt: skip
    text = frozen_text(path.stem, pools)
    if path.exists() and not (path.is_file() and path.read_bytes() == text.encode()):
        raise ConfigError(f"{path}: is no pool file, or holds another pool, which never changes; "
                          "give --write_pool another name")  # fmt: skip
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    print(f"Pool:      {path} ({', '.join(pools)}), for --pool")  # noqa: T201


def _print_robustness(scores: Sequence[PolyglotScore], alphas: Sequence[float]) -> None:
    """Print how far the orders by several alphas agree, over cells and over teachers' means."""
    from polyglot_harness.cli.console import table_console
    from polyglot_harness.leaderboard.ranking import grid_of_scores
    from polyglot_harness.scoring import alpha_robustness

    grid, made = grid_of_scores(scores)
    console = table_console()
    for over in OVER:
        found = alpha_robustness(made.z, grid.values["pgr"], alphas, over=over)
        console.print(f"Spearman's correlation of the Polyglot Scores, {OVER[over]}:")
        console.print(_matrix(alphas, found.tolist()))


def _matrix(alphas: Sequence[float], found: Sequence[Sequence[float]]) -> Table:
    from rich.table import Table

    table = Table("alpha")
    for alpha in alphas:
        table.add_column(f"{alpha:g}", justify="right")
    for alpha, row in zip(alphas, found, strict=True):
        table.add_row(f"{alpha:g}", *("—" if isnan(r) else f"{r:.2f}" for r in row))
    return table


def _alphas(text: str) -> tuple[float, ...]:
    return tuple(dict.fromkeys(fraction(part.strip()) for part in text.split(",")))

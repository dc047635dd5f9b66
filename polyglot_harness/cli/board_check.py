"""``leaderboard check``: fail where a candidate is worse than a baseline."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli.values import KeyValues, Names

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.guard import Options, Report

EPILOG = """\
examples:
  polyglot-harness leaderboard check runs/new --baseline leaderboard/results
  polyglot-harness leaderboard check runs/new --baseline runs/old/leaderboard.json \\
      --tolerance raw=0.02,perplexity=0.1 --allow_change version
  # in a job of GitHub Actions
  polyglot-harness leaderboard check runs/new --baseline leaderboard/results \\
      --junit check.xml --summary "$GITHUB_STEP_SUMMARY"

A number regresses if it is worse by more than its tolerance, and by more than noise: a one-sided
test, item by item where both sides hold the answers, corrected by Holm over all that is compared.
What a seed does to all items together is estimated from replicates, given by --seed_sd, or else
taken as one point; see docs/ci.md.

Exit status: 0 nothing is worse, 2 wrong input, 5 a damaged file, 6 a regression, a cell that
vanished, or conditions (the signature) that changed.
"""


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Add the action."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "check",
        help="for CI: fail (exit 6) where results are worse than a baseline",
        description="Compare results with a baseline, and fail on what is worse by more than "
        "tolerance and noise,\non cells that vanished and on conditions that changed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = "run folder, folder of results files, results file or leaderboard.json"
    parser.add_argument("candidate", type=Path, metavar="CANDIDATE", help=what)
    parser.add_argument("--baseline", type=Path, required=True, metavar="FILE|DIR", help=what)
    parser.add_argument(
        "--metrics", nargs="+", action=Names, metavar="NAME", default=None,
        help="raw (the student's accuracy) and names of measurements (default: raw, "
        "acceptance_rate and those of the intrinsic z, where measured)",
    )  # fmt: skip
    parser.add_argument(
        "--tolerance", nargs="+", action=KeyValues, metavar="NAME=X", default=None,
        help="how much worse is no matter, in the number's unit; of a perplexity its share "
        "(default: raw=0.01, acceptance_rate=0.05, *_distinct_ri=0.01, perplexity=0.05, "
        "rubric_score=0.1)",
    )  # fmt: skip
    parser.add_argument(
        "--level", type=_level, default=0.05, metavar="P",
        help="probability of a false alarm of the whole check (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seed_sd", type=_seed_sd, default=None, metavar="SD",
        help="of raw: sd of what a seed does to all items of a cell together, e.g. 0.01 for a "
        "point, 0 for none (default: estimated from replicates, else 0.01)",
    )  # fmt: skip
    _verdict_flags(parser)
    return parser


def _verdict_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--allow_missing", action="store_true",
                        help="cells may vanish (default: they may not)")  # fmt: skip
    parser.add_argument(
        "--allow_change", nargs="+", action=Names, metavar="FIELD", default=(),
        help="fields of the signature that may change, e.g. version (default: none but the seed)",
    )  # fmt: skip
    parser.add_argument(
        "--strict", action="store_true",
        help="fail, too, where it cannot be told (default: only say so)",
    )  # fmt: skip
    for flag, what in (("junit", "JUnit XML"), ("summary", "Markdown"), ("json", "JSON")):
        more = "; added to the end of $GITHUB_STEP_SUMMARY" if flag == "summary" else ""
        parser.add_argument(
            f"--{flag}", type=Path, default=None, metavar="FILE",
            help=f"write the findings as {what}{more} (default: not written)",
        )  # fmt: skip


def execute(args: argparse.Namespace) -> int:
    """Compare, print, write; raise RegressionFound last."""
    from polyglot_harness.errors import RegressionFound
    from polyglot_harness.leaderboard.guard import check, read_cells
    from polyglot_harness.leaderboard.guard.guarded import guarded
    from polyglot_harness.leaderboard.guard.words import headline

    options = _options(args)
    guarded(options.metrics, options.tolerances)  # a wrong flag is told before files are read
    baseline = read_cells(args.baseline, options.metrics)
    report = check(baseline, read_cells(args.candidate, options.metrics), options)
    _show(report)
    _write(report, args)
    if report.failures:
        raise RegressionFound(headline(report))
    return 0


def _options(args: argparse.Namespace) -> Options:
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.leaderboard.guard import Options

    tolerances = args.tolerance or {}
    for name, value in tolerances.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"--tolerance {name}: expected a number, got {value!r}")
    return Options(
        metrics=args.metrics or Options.metrics,
        tolerances=tolerances,
        level=args.level,
        seed_sd=args.seed_sd,
        allow_missing=args.allow_missing,
        allow_change=tuple(args.allow_change),
        strict=args.strict,
    )


def _level(text: str) -> float:
    return _between(text, 1.0)


def _seed_sd(text: str) -> float:
    return 0.0 if text == "0" else _between(text, 1.0)


def _between(text: str, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None
    if not 0 < value < most:
        raise argparse.ArgumentTypeError(f"must be between 0 and {most:g}, got {text}")
    return value


def _show(report: Report) -> None:
    from rich.table import Table
    from rich.text import Text

    from polyglot_harness.cli.console import table_console
    from polyglot_harness.leaderboard.guard.words import (
        TITLES,
        chance,
        headline,
        mean_name,
        plain,
        values,
        where,
        why,
    )

    console = table_console(150)
    shown = [f for f in report.findings if f.outcome != "same"]
    if shown:
        table = Table(title="What moved (before and after: the mean over seeds)")
        heads = (
            "",
            "teacher",
            "student",
            "lang",
            "number",
            "before",
            "after",
            "change",
            "p",
            "why",
        )
        for head in heads:
            numeric = head in ("before", "after", "change", "p")
            table.add_column(head, justify="right" if numeric else "left", overflow="fold")
        for f in shown:
            teacher, student, language, metric = where(f)
            names = (TITLES[f.outcome], teacher, student, mean_name(language), metric)
            table.add_row(*map(Text, (*names, *values(f), chance(f), why(f))))
        console.print(table)
    for line in (*report.notes, headline(report)):
        console.print(plain(line), soft_wrap=True, markup=False)


def _write(report: Report, args: argparse.Namespace) -> None:
    from polyglot_harness.leaderboard.guard.junit import junit
    from polyglot_harness.leaderboard.guard.summary import LIMIT, as_json, markdown
    from polyglot_harness.store import disk_errors, write_atomically

    if args.junit:
        write_atomically(args.junit, junit(report))
    if args.json:
        write_atomically(args.json, as_json(report))
    if not args.summary:
        return
    if str(args.summary) != os.environ.get("GITHUB_STEP_SUMMARY"):
        write_atomically(args.summary, markdown(report))
        return
    with disk_errors(args.summary):
        there = args.summary.stat().st_size if args.summary.exists() else 0
        with args.summary.open("a", encoding="utf-8") as file:
            file.write(markdown(report, LIMIT - there))

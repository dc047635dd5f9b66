"""``validate``: all that can be checked of a pack without a model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from polyglot_harness.cli import flags

FORMATS = ("text", "json", "github")
EPILOG = """\
examples:
  # what init-language wrote: the lines that are left to fill in
  polyglot-harness validate packs/vi

  # every task built and rendered, those on data sets of the hub, too
  polyglot-harness validate tasks/de --offline_data mirror

  # in CI, with notes at the lines of a pull request (examples/validate-packs.yml)
  polyglot-harness validate --strict --format github tasks/vi
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "validate",
        help="check language packs: safe, complete, in their language",
        description="Check language packs as far as no model is needed, name file, line and "
        "remedy of each fault, and say what cannot be measured yet. Exit status 2 if there are "
        "errors.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folder", nargs="*", type=Path, metavar="DIR",
        help="packs, or folders of packs (default: the built-in packs)",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="take warnings for errors")
    parser.add_argument(
        "--format", choices=FORMATS, default="text", metavar="FORMAT",
        help="text, json, or github (annotations of GitHub Actions)",
    )  # fmt: skip
    flags.offline_data_flag(parser)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Print findings and coverage."""
    from polyglot_harness.lm.hub_mirror import use_mirror
    from polyglot_harness.validation import validate
    from polyglot_harness.validation.output import show

    use_mirror(args.offline_data)
    report = validate(args.folder)
    show(report, args.format)
    failing = report.findings if args.strict else report.errors
    return 2 if failing else 0

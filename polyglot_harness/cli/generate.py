"""``generate``: have teachers write SFT data."""

from __future__ import annotations

import argparse
from typing import Any

from polyglot_harness.cli import flags


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "generate",
        help="have teachers write SFT data in the languages",
        description="Have teachers write SFT data; accepted examples and rejections with their "
        "reasons are kept as JSONL. A killed run goes on where it was.",
    )
    flags.language_flag(parser)
    flags.teacher_flags(parser)
    flags.common_flags(parser)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Run the stage for every teacher, language and strategy."""
    from polyglot_harness import stages
    from polyglot_harness.cli.stage import workshop
    from polyglot_harness.executors.local import LocalExecutor
    from polyglot_harness.files import EXAMPLES
    from polyglot_harness.languages import load_pack

    shop = workshop(args)
    spec = shop.spec
    cells = {
        f"{teacher.name} {code} {strategy}": (
            teacher,
            load_pack(code, spec.include_path),
            strategy,
        )
        for teacher in spec.teachers
        for code in spec.languages
        for strategy in spec.strategies
    }
    executor = LocalExecutor(shop.reporter)
    finished = executor.map("generate", lambda cell: stages.generate(shop, *cell), cells)
    for done in finished.values():
        counts = dict(done.record.counts)
        accepted = f"{counts['accepted']}/{counts['requests']} accepted"
        print(f"{accepted}  {done.folder}/{EXAMPLES}")  # noqa: T201
    return 4 if executor.errors else 0

"""``measure``: intrinsic metrics of data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from polyglot_harness.cli import flags


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "measure",
        help="intrinsic metrics of SFT data",
        description="Measure examples: diversity, perplexity, length, language fidelity, "
        "acceptance. DATA is a file of examples, or a folder of `generate` with its rejections.",
    )
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA",
                        help="examples.jsonl files or folders that hold one")  # fmt: skip
    flags.language_flag(parser)
    flags.metric_flags(parser)
    flags.common_flags(parser)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Measure and print a table."""
    from rich.console import Console
    from rich.table import Table

    from polyglot_harness import stages
    from polyglot_harness.cli.stage import one_language, workshop
    from polyglot_harness.languages import load_pack

    code = one_language(args)
    shop = workshop(args)
    pack = load_pack(code, args.include_path)
    data = stages.stage_data(shop.spec, code, [_files(path) for path in args.data])
    done = stages.measure_data(shop, "data", pack, data)
    table = Table(title=f"{code}: {', '.join(str(p) for p in args.data)}")
    for column in ("metric", "value", "± stderr", "n"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for m in done.record.measurements:
        value = "—" if m.value is None else f"{m.value:.3f}"
        table.add_row(m.name, value, "—" if m.stderr is None else f"{m.stderr:.3f}", str(m.n))
    Console(highlight=False).print(table)
    print(f"{done.folder}/record.json")  # noqa: T201
    return 0


def _files(path: Path) -> tuple[Path, Path | None]:
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.files import EXAMPLES, REJECTIONS

    examples = path / EXAMPLES if path.is_dir() else path
    if not examples.is_file():
        raise ConfigError(f"{examples}: no such file")
    rejections = examples.with_name(REJECTIONS)
    return examples, rejections if path.is_dir() and rejections.is_file() else None

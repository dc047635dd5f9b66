"""``evaluate``: a student on lm-eval tasks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from polyglot_harness.cli import flags


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="evaluate a student with lm-eval tasks",
        description="Evaluate a base model, or a trained student (--adapter), on the tasks of a "
        "language; the score of every item is kept.",
    )
    parser.add_argument("--adapter", type=Path, default=None, metavar="DIR",
                        help="adapter folder of `train`")  # fmt: skip
    flags.language_flag(parser)
    flags.student_flags(parser)
    flags.evaluation_flags(parser)
    flags.common_flags(parser)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Evaluate and print a table."""
    from rich.console import Console
    from rich.table import Table

    from polyglot_harness import stages
    from polyglot_harness.cli.stage import workshop
    from polyglot_harness.languages import load_pack

    shop = workshop(args)
    student = shop.spec.student
    model_args, identity = stages.base_args(student), stages.base_identity(student)
    if args.adapter:
        model_args = stages.adapter_args(student, args.adapter)
        identity += f"+{_weights_sha256(args.adapter)}"
    table = Table(title=f"{student.name}{' with ' + str(args.adapter) if args.adapter else ''}")
    for column in ("language", "task", "score", "± stderr", "n"):
        table.add_column(column, justify="left" if column in ("language", "task") else "right")
    folders = []
    for code in shop.spec.languages:
        pack = load_pack(code, args.include_path)
        done = stages.evaluate(shop, student.name, model_args, identity, pack)
        folders.append(done.folder)
        for m in done.record.measurements:
            table.add_row(code, m.name, f"{m.value:.3f}", f"{m.stderr or 0:.3f}", str(m.n))
    Console(highlight=False).print(table)
    for folder in folders:
        print(f"{folder}/items.jsonl")  # noqa: T201
    return 0


def _weights_sha256(adapter: Path) -> str:
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.store import file_sha256

    weights = adapter / "adapter_model.safetensors"
    if not weights.is_file():
        raise ConfigError(f"--adapter {adapter}: no adapter_model.safetensors in it")
    return file_sha256(weights)

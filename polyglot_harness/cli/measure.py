"""``measure``: intrinsic metrics of data, ours or anybody's."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli import flags
from polyglot_harness.cli.values import KeyValues

if TYPE_CHECKING:
    from polyglot_harness.cli.measured_data import Cell
    from polyglot_harness.stages import Done, Workshop

EPILOG = """\
examples:
  polyglot-harness measure runs/first                        a run: a column a teacher x language
  polyglot-harness measure mine.jsonl theirs.parquet --languages de --metrics length,known_words
  polyglot-harness measure hf:org/name:config@train --columns prompt=question response=answer
  polyglot-harness measure mine.jsonl --languages de --report html
  polyglot-harness measure mine.jsonl --languages de --where "known_words>=0.9" --save good.jsonl

Columns that are found: prompt and response; messages (role, content); conversations (from, value);
instruction, input and output; prompt and completion. Also, where there are any: id, language (rows
are divided by it), strategy, source and reference (of translations).

Values of each example are in values.parquet; what a run accepted is filtered by them with
`export --where`. Finished metrics are found again; a killed one goes on where it was. Exit status:
0 all measured, 2 wrong input, 3 a package is missing, 4 a metric or cell failed or another process
is at work in the folder, 5 the disk, 130 stopped by Ctrl-C.
"""
REPORT = "report.html"
EMBEDDED = ("distinct_ri", "vendi")
"""Metrics that need vectors, which the map of the report shows."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "measure",
        help="intrinsic metrics of SFT data, ours or anybody's",
        description="Measure examples: diversity, perplexity, length, language, repetition, ...; "
        "each number with its\nstandard error, interval and n, and the values of each example. "
        "DATA is a folder of `run` or\n`generate`, a folder with examples.jsonl, a JSONL, JSON or "
        "Parquet file (or a folder of them), or a\nHugging Face data set.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", nargs="*", metavar="DATA", help="what to measure")
    parser.add_argument("--data", nargs="+", default=[], metavar="DATA", dest="more_data",
                        help="the same, as a flag")  # fmt: skip
    flags.language_flag(parser)
    parser.add_argument(
        "--columns", nargs="+", action=KeyValues, metavar="NAME=COLUMN", default=None,
        help="where data of others have it, e.g. prompt=question response=answer; language=none "
        "passes a column over",
    )  # fmt: skip
    flags.metric_flags(parser)
    flags.cost_flag(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=("table", "json", "csv"), default="table",
                       help="of what is printed (default: %(default)s)")  # fmt: skip
    group.add_argument("--report", choices=("html", "none"), default="none",
                       help="html: also a page with distributions, examples and a map of the "
                       "prompts for each teacher and language")  # fmt: skip
    group.add_argument("--where", nargs="+", default=[], metavar="CONDITION",
                       help="with --save: what an example's values must be, e.g. 'perplexity<80 "
                       "known_words>=0.8'; a missing value does not do")  # fmt: skip
    group.add_argument("--save", type=Path, default=None, metavar="FILE.jsonl",
                       help="write the rows of DATA that fulfil --where, as they are")  # fmt: skip
    group.add_argument("--dry_run", action="store_true",
                       help="say what would be measured, and stop")  # fmt: skip
    flags.common_flags(parser)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Measure and print."""
    from polyglot_harness.cli.measured_data import run_folders
    from polyglot_harness.cli.measured_filter import check_save, save
    from polyglot_harness.cli.measured_output import show
    from polyglot_harness.cli.stage import default_root
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.export.where import parse_conditions
    from polyglot_harness.store import hold

    texts = [*args.data, *args.more_data]
    if not texts:
        raise ConfigError("DATA is needed: what to measure (see: polyglot-harness measure --help)")
    conditions = parse_conditions(" ".join(args.where))
    check_save(args.save, conditions)
    runs = run_folders(texts)
    args.output_path = args.output_path or (runs[0] if len(texts) == 1 and runs else default_root())
    shop, cells = _cells(args, texts)
    if args.dry_run:
        from polyglot_harness.cli.measure_plan import show_measure_plan

        show_measure_plan(shop, cells)
        return 0
    hold(shop.root)
    finished, status = _measure(shop, cells)
    pages = [_report(shop, cell, done) for cell, done in finished] if args.report == "html" else []
    show(finished, args.format, pages)
    if args.save:
        _say(save(args.save, finished, conditions))
    return status


def _cells(args: argparse.Namespace, texts: list[str]) -> tuple[Workshop, list[Cell]]:
    from polyglot_harness.cli.measured_data import Wanted, cells_of
    from polyglot_harness.cli.spec_checks import check_metric_models, check_teachers
    from polyglot_harness.cli.stage import workshop
    from polyglot_harness.data_sources.hub import ask_the_hub

    ask_the_hub(texts)
    shop = workshop(args)
    check_teachers(shop.spec)
    check_metric_models(shop.spec)
    columns = {k: None if v is None else str(v) for k, v in (args.columns or {}).items()}
    wanted = Wanted(args.languages or (), columns, shop.spec, shop.reporter)
    cells = cells_of(texts, wanted)
    for cell in cells:
        for note in cell.notes:
            _say(f"{cell.source}: {note}")
    return shop, cells


def _measure(shop: Workshop, cells: list[Cell]) -> tuple[list[tuple[Cell, Done]], int]:
    """Measure all cells; one that fails does not stop the others, but the only one does."""
    from polyglot_harness import stages
    from polyglot_harness.executors.local import LocalExecutor

    def measured(cell: Cell) -> tuple[Cell, Done]:
        return cell, stages.measure_data(shop, cell.name, cell.pack, cell.data)

    if len(cells) == 1:
        return [measured(cells[0])], 0
    executor = LocalExecutor(shop.reporter)
    named = {f"{cell.name} {cell.pack.code}": cell for cell in cells}
    return list(executor.map("measure", measured, named).values()), 4 if executor.errors else 0


def _report(shop: Workshop, cell: Cell, done: Done) -> Path:
    """Write the page of a cell; it has a map if a metric that needs vectors was asked for."""
    from polyglot_harness import __version__
    from polyglot_harness.intrinsic.table import VALUES
    from polyglot_harness.report import write_report
    from polyglot_harness.stages.measuring import vectors

    embedded = set(EMBEDDED) & set(shop.spec.metrics)
    path = done.folder / REPORT
    title = f"{cell.name}, {cell.pack.name}"
    with shop.reporter.stage(f"report {title}"):
        write_report(
            path,
            title=title,
            pack=cell.pack,
            data=cell.data,
            values=done.folder / VALUES,
            measurements=done.record.measurements,
            vectors=(lambda part: vectors(shop, cell.name, cell.pack, cell.data, part))
            if embedded
            else None,
            generated={"data": cell.source, "made by": f"polyglot-harness {__version__}"},
        )
    return path


def _say(line: str) -> None:
    print(f"polyglot-harness: {line}", file=sys.stderr)  # noqa: T201

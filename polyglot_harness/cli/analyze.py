"""``analyze``: what the metrics of the data say of the students trained on them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli.values import KeyValues, Names, positive

if TYPE_CHECKING:
    from polyglot_harness.analysis.report import Analysis
    from polyglot_harness.analysis.rows import Row

EPILOG = """\
examples:
  polyglot-harness analyze runs/first                              runs/first/analysis/
  polyglot-harness analyze runs/a runs/b --outcome raw --metrics perplexity,rubric_score
  polyglot-harness analyze cells.csv --outcome accuracy --log perplexity --sizes my-model=8
  polyglot-harness analyze --published                             the paper's released numbers

A table has a row a cell and the columns teacher, language, metrics, an outcome and, if there are,
student and size_b (billions of parameters of the teacher).
"""
PUBLISHED_FOLDER = Path("analysis-published")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "analyze",
        help="do the metrics predict the students? components, regressions, correlations, sizes",
        description="Explain an outcome of the students by the metrics of their data: principal "
        "components, regression\non them in and out of sample, rank correlations by language, and "
        "the size of the teachers.\nWrites analysis.json and figures (SVG and PNG). Runs no model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", nargs="*", type=Path, metavar="INPUT",
                        help="folders of `run`, or tables (.csv, .jsonl, .parquet)")  # fmt: skip
    parser.add_argument("--published", action="store_true",
                        help="analyse the released cells of arXiv 2604.11290 and check its "
                        "components")  # fmt: skip
    parser.add_argument("--outcome", nargs="+", action=Names, metavar="NAME", default=None,
                        help="raw, gain, pgr, or a column (default: gain, or else "
                        "raw)")  # fmt: skip
    parser.add_argument("--metrics", nargs="+", action=Names, metavar="NAME", default=None,
                        help="what it is explained by (default: those of the paper that are "
                        "there, or else all columns of numbers)")  # fmt: skip
    parser.add_argument("--log", nargs="+", action=Names, metavar="NAME", default=(),
                        help="metrics to take the logarithm of")  # fmt: skip
    parser.add_argument("--components", type=positive, default=None, metavar="K",
                        help="predictors of the regression (default: all components)")  # fmt: skip
    parser.add_argument("--student", default=None, metavar="NAME",
                        help="which, if there are several")  # fmt: skip
    parser.add_argument("--sizes", nargs="+", action=KeyValues, metavar="TEACHER=B", default=None,
                        help="billions of parameters, where neither a column nor a name says "
                        "it")  # fmt: skip
    parser.add_argument("--allow_circular", action="store_true",
                        help="let the outcome share parts with the metrics (z, score, stable); "
                        "every number is marked")  # fmt: skip
    parser.add_argument("--output_path", "-o", type=Path, default=None, metavar="DIR",
                        help="folder of the files (default: analysis/ in the first run folder or "
                        "beside the first table)")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Analyse, print tables, write files."""
    from polyglot_harness.analysis import published
    from polyglot_harness.analysis.frame import frame
    from polyglot_harness.analysis.report import analyse, as_json
    from polyglot_harness.analysis.rows import read_rows
    from polyglot_harness.store import disk_errors, file_sha256, write_atomically

    _check(args)
    checks: dict[str, Any] | None = None
    if args.published:
        rows, anchors = published.published_rows()
        checks = {"source": "arXiv 2604.11290", "anchors": anchors, **published.checks(rows)}
        files = [published.FOLDER / published.CELLS, published.FOLDER / published.PCA]
    else:
        rows = read_rows(args.input)
        files = [_file(path) for path in args.input]
    analyses = tuple(analyse(frame(rows, **choice), args.components) for choice in _choices(args))
    inputs = {f"{i}: {path.name}": file_sha256(path) for i, path in enumerate(files, 1)}
    folder = _folder(args)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        figures = _plot(analyses, folder)
    write_atomically(folder / "analysis.json", as_json(analyses, inputs, checks))
    _print(analyses, rows, checks)
    print(f"{folder / 'analysis.json'}  figures: {', '.join(p.name for p in figures)} (and .png)")  # noqa: T201
    return 0


def _check(args: argparse.Namespace) -> None:
    from importlib.util import find_spec

    from polyglot_harness.errors import ConfigError, MissingDependency

    for package in ("statsmodels", "matplotlib"):
        if find_spec(package) is None:
            raise MissingDependency(package, "analysis")

    if args.published == bool(args.input):
        raise ConfigError("give run folders or tables to analyse, or else --published")
    if args.published and args.student:
        raise ConfigError("--student does not go with --published: it has only one")


def _choices(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the arguments of `frame` for each outcome."""
    from polyglot_harness.analysis import published

    metrics, outcomes = args.metrics, args.outcome or (None,)
    if args.published:
        metrics, outcomes = metrics or (published.METRIC,), args.outcome or published.OUTCOMES
    common = {
        "metrics": metrics, "student": args.student, "logs": args.log, "sizes": args.sizes,
        "allow_circular": args.allow_circular,
    }  # fmt: skip
    return [{"outcome": outcome, **common} for outcome in outcomes]


def _file(path: Path) -> Path:
    from polyglot_harness.leaderboard.files import JSON

    return path / JSON if path.is_dir() else path


def _folder(args: argparse.Namespace) -> Path:
    if args.output_path:
        return Path(args.output_path)
    if args.published:
        return PUBLISHED_FOLDER
    first: Path = args.input[0]
    return (first if first.is_dir() else first.parent) / "analysis"


def _plot(analyses: tuple[Analysis, ...], folder: Path) -> list[Path]:
    from polyglot_harness.analysis.plots import plot

    several = len(analyses) > 1
    return [
        path
        for analysis in analyses
        for path in plot(
            analysis,
            folder,
            "-" + re.sub(r"[^\w.]+", "_", analysis.data.outcome) if several else "",
        )
    ]


def _print(analyses: tuple[Analysis, ...], rows: list[Row], checks: dict[str, Any] | None) -> None:
    from polyglot_harness.analysis.tables import published_table, reading, tables
    from polyglot_harness.cli.console import table_console

    console = table_console(140)
    if checks:
        console.print(published_table(checks))
    for analysis in analyses:
        data = analysis.data
        console.print(
            f"\n[bold]{data.outcome}[/] of {len(data.y)} of {len(rows)} cells: "
            f"{len(set(data.teacher))} teachers, {len(set(data.language))} languages",
            soft_wrap=True,
        )
        for note in data.notes:
            console.print(f"note: {note}", soft_wrap=True, markup=False)
        for warning in analysis.warnings:
            console.print(f"warning: {warning}", style="yellow", soft_wrap=True, markup=False)
        for table in tables(analysis):
            console.print(table)
        console.print(reading(analysis), soft_wrap=True)
    unknown = [t for t, size, _ in analyses[0].data.size_sources if size is None]
    if unknown:
        console.print(f"size not known, left out of its regression: {', '.join(unknown)} "
                      "(--sizes TEACHER=B)", soft_wrap=True)  # fmt: skip

"""``leaderboard build``: results of record, and of them boards, tables and the page."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli import flags
from polyglot_harness.cli.scoring_flags import add_scoring_flags
from polyglot_harness.cli.values import Names

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.boards import BoardOptions, ScoredBoard
    from polyglot_harness.leaderboard.document import CellsFile, Document
    from polyglot_harness.leaderboard.results import ResultsTable
    from polyglot_harness.reporting import Progress

TITLE = "Which model should teach?"
READ = 3
"""Boards whose reading is printed."""
EPILOG = """\
examples:
  # the results of two runs join those of record; then everything is made anew
  polyglot-harness leaderboard build runs/first runs/second

  # what would be added, and nothing written
  polyglot-harness leaderboard build runs/third --dry_run

  # tables and page again, of what is there, with another weight, of two languages
  polyglot-harness leaderboard build --alpha 0.25 --languages de,cs -o runs/other \\
      --results leaderboard/results

Rows of equal signature (but for teacher and seed) make a board; others are never ranked together.
Written: results/<teacher>/<revision>/<student>/<language>.json (docs/results-format.md),
LEADERBOARD.md, leaderboard.csv, and site/, a page that opens from the disk or from GitHub Pages
(docs/page.md). Exit status: 0, 2 wrong input, 3 plotly is missing, 5 a damaged file or the disk.
"""


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Add the action."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "build",
        help="add results of runs to those of record; make tables and the page of all of them",
        description="Merge results of runs into results of record, group them into boards, score "
        "and rank each with its uncertainty, and write Markdown, CSV and a static page.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="RUN",
        help="folders of `run`, of results files, or such files (default: none, rebuild only)",
    )  # fmt: skip
    parser.add_argument(
        "--output_path", "-o", type=Path, default=Path("leaderboard"), metavar="DIR",
        help="where it is written (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--results", type=Path, default=None, metavar="DIR",
                        help="results of record (default: results in --output_path)")  # fmt: skip
    parser.add_argument("--replace", action="store_true",
                        help="put rows in the place of others of the same signature (default: "
                        "an error that names both)")  # fmt: skip
    parser.add_argument("--languages", action=Names, nargs="+", default=(), metavar="CODE,...",
                        help="boards of these only (default: all)")  # fmt: skip
    parser.add_argument("--students", action=Names, nargs="+", default=(), metavar="NAME,...",
                        help="boards of these only (default: all)")  # fmt: skip
    flags.alpha_flag(parser)
    add_scoring_flags(parser)
    parser.add_argument("--seed", type=int, default=0,
                        help="of the bootstrap (default: %(default)s)")  # fmt: skip
    parser.add_argument("--title", default=TITLE, help="heading of both (default: %(default)r)")
    parser.add_argument("--examples", type=int, default=3, metavar="N",
                        help="sample generations of each language on a teacher's page "
                        "(default: %(default)s)")  # fmt: skip
    parser.add_argument("--no_page", action="store_true", help="tables only (default: both)")
    parser.add_argument("--dry_run", action="store_true",
                        help="read everything, say what would be done, and stop")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Merge, build, and print where everything lies."""
    from polyglot_harness.cli.progress import Terminal

    results = args.results or args.output_path / "results"
    if args.dry_run:
        return _say_what(args, results)
    if not args.no_page:
        # before any work: the page needs a package
        from polyglot_harness.leaderboard.site import plotly_path

        plotly_path()
    options = board_options(args)
    terminal = Terminal()
    if args.paths:
        _merge(args, results)
    with terminal.stage("read results") as progress:
        table = _read(results, progress)
    with terminal.stage("boards") as progress:
        readings = _write(args, table, options, progress)
    for reading in readings[:READ]:
        print(f"\n{reading}")  # noqa: T201
    if len(readings) > READ:
        print(f"\nand {len(readings) - READ} more boards")  # noqa: T201
    out = args.output_path
    made = [out / "LEADERBOARD.md", out / "leaderboard.csv"]
    made += [] if args.no_page else [out / "site" / "index.html"]
    rows = f"{table.rows.num_rows:,} rows, boards: {len(readings):,}"
    print(f"\n{rows}: {', '.join(map(str, made))}")  # noqa: T201
    return 0


def board_options(args: argparse.Namespace) -> BoardOptions:
    """Return how boards are made, of the flags."""
    from polyglot_harness.leaderboard.boards import BoardOptions
    from polyglot_harness.scoring import load_pool

    return BoardOptions(
        alpha=args.alpha,
        pool=load_pool(args.pool) if args.pool else None,
        pgr_method=args.pgr,
        aggregate=args.aggregate,
        resamples=args.resamples,
        seed=args.seed,
        languages=tuple(args.languages),
        students=tuple(args.students),
    )


def _merge(args: argparse.Namespace, results: Path) -> None:
    """Add the rows of all paths, after all were read once: one that is damaged adds nothing."""
    from polyglot_harness.leaderboard.results import merge_results, read_files

    for path in args.paths:
        for _ in read_files(path):
            pass
    for path in args.paths:
        merged = merge_results(
            results, (file for _, file in read_files(path)), replace=args.replace
        )
        print(f"{path}: {merged.added} rows added, {merged.replaced} replaced, "  # noqa: T201
              f"{merged.unchanged} there already")  # fmt: skip


def _say_what(args: argparse.Namespace, results: Path) -> int:
    from polyglot_harness.leaderboard.results import read_files

    known = {}
    if results.is_dir() and any(results.rglob("*.json")):
        known = _signatures(read_files(results))
    print(f"{results}: {sum(map(len, known.values()))} rows")  # noqa: T201
    for path in args.paths:
        found = _signatures(read_files(path))
        new = sum(len(rows - known.get(key, set())) for key, rows in found.items())
        total = sum(map(len, found.values()))
        print(f"{path}: {total} rows, {new} of them new")  # noqa: T201
    print(f"would write LEADERBOARD.md, leaderboard.csv{'' if args.no_page else ', site/'} "  # noqa: T201
          f"to {args.output_path}")  # fmt: skip
    return 0


def _signatures(files: Any) -> dict[tuple[str, ...], set[str]]:
    return {
        (file.teacher.name, file.teacher.revision, file.student.name, file.language): {
            row.signature for row in file.rows
        }
        for _, file in files
    }


def _read(results: Path, progress: Progress) -> ResultsTable:
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.leaderboard.results import read_table

    if not results.is_dir():
        raise ConfigError(
            f"{results}: no results of record yet; give folders of runs: polyglot-harness "
            "leaderboard build RUN"
        )
    table = read_table(results, lambda done, total: progress(done, total, "files"))
    if not table.rows.num_rows:
        raise ConfigError(f"{results}: its files hold no rows, so there is no teacher to rank")
    return table


def _write(
    args: argparse.Namespace, table: ResultsTable, options: BoardOptions, progress: Progress
) -> list[str]:
    """Write all files in one pass over the boards; return the boards' readings."""
    from polyglot_harness.leaderboard.document import documents

    readings: list[str] = []
    with documents(args.output_path, args.title) as (document, cells):
        boards = _noted(table, options, document, cells, readings, progress)
        if args.no_page:
            for _ in boards:
                pass
        else:
            from polyglot_harness.leaderboard.site import write_site

            write_site(
                args.output_path / "site", boards, table, title=args.title, examples=args.examples
            )
    return readings


def _noted(
    table: ResultsTable, options: BoardOptions, document: Document, cells: CellsFile,
    readings: list[str], progress: Progress,
) -> Iterator[ScoredBoard]:  # fmt: skip
    """Yield each board after it was noted in the files."""
    from polyglot_harness.leaderboard.boards import board_groups, board_titles, score_group

    groups = board_groups(table, options)
    titles = board_titles(table, groups)
    for number, (group, title) in enumerate(zip(groups, titles, strict=True), 1):
        board = score_group(table, group, title, options)
        readings.append(f"{title}: {document.add(board)}")
        cells.add(board)
        progress(number, len(groups), title)
        yield board

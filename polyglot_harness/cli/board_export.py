"""``leaderboard export``: results of record as one flat table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

EPILOG = """\
examples:
  polyglot-harness leaderboard export                                       results.parquet
  polyglot-harness leaderboard export --to csv --output_path board.csv
  polyglot-harness leaderboard export runs/first runs/second --to jsonl
  polyglot-harness leaderboard export --to hub --repo_id my-org/results --private --dry_run

then:
  pandas.read_parquet("results.parquet").groupby(["student", "teacher"]).gain.mean()
  polyglot-harness analyze board.csv --outcome gain
"""


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Add the action."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "export",
        help="all results as one flat table: parquet, csv, jsonl, or on the Hugging Face Hub",
        description="Write all rows of results files as one table: facts of teacher and student, "
        "conditions, numbers with their errors, and each measurement. Nothing relative (z, score, "
        "rank) is in it. Columns: docs/results-format.md.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", default=[Path("leaderboard/results")],
        help="folders of `run`, of results files, or such files; several are merged (default: "
        "leaderboard/results)",
    )  # fmt: skip
    parser.add_argument("--to", choices=("parquet", "csv", "jsonl", "hub"), default="parquet",
                        help="form; hub uploads parquet and a card (default: parquet)")  # fmt: skip
    parser.add_argument("--output_path", "-o", type=Path, default=None, metavar="FILE",
                        help="file to write (default: results.<form> in this folder)")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true",
                        help="replace FILE, or the data set of the repository (default: "
                        "refuse)")  # fmt: skip
    parser.add_argument("--repo_id", metavar="ORG/NAME", default=None,
                        help="repository for --to hub; the token is that of `hf auth login` or of "
                        "HF_TOKEN (default: none)")  # fmt: skip
    parser.add_argument("--private", action="store_true",
                        help="create the repository private (default: public)")  # fmt: skip
    parser.add_argument("--dry_run", action="store_true",
                        help="read everything, say what would be written, and stop")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Export, and print where to."""
    from polyglot_harness.leaderboard.exporting import flat_table, write_form

    dest = _destination(args)
    rows = flat_table(args.paths)
    said = _summary(rows)
    if args.dry_run:
        print(f"would write {said} to {dest}; columns:\n  " + ", ".join(rows.column_names))  # noqa: T201
        return 0
    if args.to == "hub":
        dest = _upload(args, rows, said)
    else:
        write_form(dest, rows, args.to)
    print(f"{said}: {dest}")  # noqa: T201
    return 0


def _destination(args: argparse.Namespace) -> Any:
    """Return the file or address that is written to, checked before any work is done."""
    from polyglot_harness.errors import ConfigError

    if args.to == "hub":
        if args.output_path:
            raise ConfigError("--output_path goes with --to parquet, csv or jsonl; hub: --repo_id")
        if not args.repo_id:
            raise ConfigError("--to hub needs --repo_id ORG/NAME")
        if not args.dry_run:
            from polyglot_harness.export.hub import check_hub

            check_hub(args.repo_id)
        return args.repo_id
    if args.repo_id or args.private:
        raise ConfigError("--repo_id and --private go with --to hub")
    path: Path = args.output_path or Path(f"results.{args.to}")
    if path.is_dir():
        raise ConfigError(f"--output_path {path}: is a folder; name a file")
    if path.exists() and not args.overwrite and not args.dry_run:
        raise ConfigError(f"--output_path {path}: is there already; give --overwrite to replace it")
    return path


def _upload(args: argparse.Namespace, rows: pa.Table, said: str) -> str:
    import tempfile

    from polyglot_harness.export.hub import upload
    from polyglot_harness.leaderboard.exporting import write_dataset

    with tempfile.TemporaryDirectory(prefix="polyglot-export-") as temporary:
        write_dataset(Path(temporary), rows, args.repo_id)
        return upload(
            Path(temporary), args.repo_id, said, private=args.private, overwrite=args.overwrite
        )


def _summary(rows: pa.Table) -> str:
    teachers, languages = (len(rows[name].unique()) for name in ("teacher", "language"))
    return f"{rows.num_rows} rows (teachers: {teachers}, languages: {languages})"

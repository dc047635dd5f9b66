"""``export``: the accepted data of a run as a data set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli.values import Names

if TYPE_CHECKING:
    from polyglot_harness.export.collect import Selection
    from polyglot_harness.export.folder import DataFile

EPILOG = """\
examples:
  polyglot-harness export --output_path runs/first                 runs/first/export/parquet
  polyglot-harness export --output_path runs/first --to jsonl --dest sft --languages de,ja
  polyglot-harness export --output_path runs/first --where "perplexity<80 known_words>=0.8"
  polyglot-harness export --output_path runs/first --to hub --repo_id my-org/sft-de --private

then:
  datasets.load_dataset("runs/first/export/parquet", split="train")          all languages
  datasets.load_dataset("runs/first/export/parquet", "de", split="train")    one of them
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="accepted data as a data set: parquet, jsonl, or on the Hugging Face Hub",
        description="Write the accepted examples of a folder of `run` or `generate` in the "
        "`messages` form\nwith their provenance: data/<language>/<teacher>.<form>, and a data set "
        "card (README.md)\nwith licences, counts and metrics. Runs no model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output_path", "-o", type=Path, required=True, metavar="RUN",
                        help="folder of `run` or `generate`")  # fmt: skip
    parser.add_argument("--to", choices=("parquet", "jsonl", "hub"), default="parquet",
                        help="form; hub uploads parquet (default: parquet)")  # fmt: skip
    parser.add_argument("--dest", type=Path, metavar="DIR",
                        help="folder of the data set (default: RUN/export/<form>)")  # fmt: skip
    parser.add_argument("--repo_id", metavar="ORG/NAME",
                        help="repository for --to hub; the token is that of `hf auth login` or of "
                        "HF_TOKEN")  # fmt: skip
    parser.add_argument("--private", action="store_true", help="create the repository private")
    group = parser.add_argument_group("which data (default: all of the run)")
    for flag, what in (
        ("--teacher", "names of teachers"),
        ("--languages", "ISO 639-1 codes"),
        ("--strategies", "generate, translate, ..."),
    ):
        group.add_argument(flag, nargs="+", action=Names, metavar="NAME", help=what)
    group.add_argument("--where", nargs="+", metavar="CONDITION",
                       help="only examples whose values (columns of measure/*/values.parquet) "
                       "fulfil all of these, e.g. 'perplexity<80 known_words>=0.8'; a missing "
                       "value does not")  # fmt: skip
    group.add_argument("--partial", action="store_true",
                       help="leave out what is not finished instead of giving up")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true",
                        help="replace an earlier export in DIR, or README.md and data/ of the "
                        "repository")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Export, and print where to."""
    from polyglot_harness.export.folder import in_place_of, write_dataset

    _check_flags(args)
    selection = _selection(args)
    if args.to == "hub":
        return _to_hub(args, selection)
    dest = args.dest or args.output_path / "export" / args.to
    with in_place_of(dest, overwrite=args.overwrite) as folder:
        files = write_dataset(folder, selection, args.to, "path/to/this/folder")
    print(f"{_summary(files, selection)}  {dest}")  # noqa: T201
    return 0


def _to_hub(args: argparse.Namespace, selection: Selection) -> int:
    import tempfile

    from polyglot_harness.export.folder import write_dataset
    from polyglot_harness.export.hub import upload
    from polyglot_harness.store import disk_errors

    with tempfile.TemporaryDirectory(prefix="polyglot-export-") as temporary:
        folder = Path(temporary)
        with disk_errors(folder):
            files = write_dataset(folder, selection, "parquet", args.repo_id)
        url = upload(
            folder,
            args.repo_id,
            _summary(files, selection),
            private=args.private,
            overwrite=args.overwrite,
        )
    print(f"{_summary(files, selection)}  {url}")  # noqa: T201
    return 0


def _check_flags(args: argparse.Namespace) -> None:
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.export.hub import check_hub

    to_hub = args.to == "hub"
    if to_hub and args.dest:
        raise ConfigError("--dest goes with --to parquet or jsonl; --to hub needs --repo_id")
    if not to_hub and (args.repo_id or args.private):
        raise ConfigError("--repo_id and --private go with --to hub")
    if to_hub and not args.repo_id:
        raise ConfigError("--to hub needs --repo_id ORG/NAME")
    if to_hub:
        check_hub(args.repo_id)


def _selection(args: argparse.Namespace) -> Selection:
    from polyglot_harness.cli.run_folder import read_data_spec
    from polyglot_harness.errors import StageError
    from polyglot_harness.export.collect import collect
    from polyglot_harness.export.where import filtered, parse_conditions

    conditions = parse_conditions(" ".join(args.where or ()))
    found = collect(
        args.output_path,
        read_data_spec(args.output_path),
        teachers=args.teacher,
        languages=args.languages,
        strategies=args.strategies,
    )
    for what, why in found.missing:
        print(f"polyglot-harness: {what}: {why}", file=sys.stderr)  # noqa: T201
    if not found.parts:
        raise StageError(f"{args.output_path}: nothing of this is finished; finish the run first")
    if found.missing and not args.partial:
        raise StageError(
            f"{args.output_path}: {len(found.missing)} of "
            f"{len(found.missing) + len(found.parts)} stages are not finished; finish the run, or "
            "choose what is (--teacher, --languages, --strategies), or give --partial to export "
            "the rest"
        )
    return filtered(found, args.output_path, conditions) if conditions else found


def _summary(files: list[DataFile], selection: Selection) -> str:
    languages = len({file.language for file in files})
    teachers = len({file.teacher for file in files})
    examples = sum(file.rows for file in files)
    removed = f" (--where left out {selection.accepted - examples})" if selection.where else ""
    return f"{examples} examples, teachers: {teachers}, languages: {languages}{removed}"

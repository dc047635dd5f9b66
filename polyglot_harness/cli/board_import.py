"""``leaderboard import``: results of other programs become rows with their provenance."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli.values import Names

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.importing import Imported, Request
    from polyglot_harness.leaderboard.records import ResultsFile

FORMATS = ("polyglot-teachers", "lm-eval", "lighteval")
EPILOG = """\
examples:
  # the released scores of arXiv 2604.11290, audited; nothing is written
  polyglot-harness leaderboard import --format polyglot-teachers pg_scores_base_olmo3.jsonl \\
      --student olmo3-7b-base --dry_run --report audit.md

  # a student that was trained elsewhere: its results, its base's and a reference's
  polyglot-harness leaderboard import --format lm-eval student/results_DATE.json \\
      --base base/results_DATE.json --reference instruct/results_DATE.json --teacher my-teacher

  polyglot-harness leaderboard import --format lighteval results/MODEL/results_DATE.json \\
      --base results/BASE/results_DATE.json --teacher my-teacher --language de --metric acc

Answers are paired by item where samples (lm-eval: samples_TASK_DATE.jsonl beside the results,
written with --log_samples; lighteval: --save-details) are there for all; else means are compared.
Imported rows are ranked only among rows of the same source, base, reference, tasks and answers of
the anchors. A row that is there already is left as it is; another one of the same signature is an
error. Exit status: 0 imported, 2 wrong input, 5 the disk, or a results file that is damaged.
"""


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Add the action."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "import",
        help="make rows of released scores, of lm-eval's or of lighteval's results",
        description="Read results that other programs wrote, check them, and add them to a folder "
        "of results files.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="of the student")
    parser.add_argument("--format", required=True, choices=FORMATS, metavar="FORMAT",
                        help=", ".join(FORMATS))  # fmt: skip
    _said_flags(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "--results", type=Path, default=Path("leaderboard/results"), metavar="DIR",
        help="folder of results files that the rows are added to (default: %(default)s)",
    )  # fmt: skip
    group.add_argument("--report", type=Path, default=None, metavar="FILE",
                       help="write what was found as Markdown, too (default: none)")  # fmt: skip
    group.add_argument("--replace", action="store_true",
                       help="put rows in the place of others of the same signature "
                       "(default: an error)")  # fmt: skip
    group.add_argument("--dry_run", action="store_true",
                       help="read and check, write no results (default: write them)")  # fmt: skip
    return parser


def _said_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what the files do not say")
    group.add_argument("--teacher", default="", metavar="NAME",
                       help="who wrote the training data (default: none; lm-eval and lighteval "
                       "need it)")  # fmt: skip
    group.add_argument("--revision", default="unknown", metavar="NAME",
                       help="of the teacher (default: %(default)s)")  # fmt: skip
    group.add_argument("--student", default="", metavar="NAME",
                       help="the base model that was trained (default: the model of --base; "
                       "polyglot-teachers needs it)")  # fmt: skip
    group.add_argument("--language", default="", metavar="CODE",
                       help="of the tasks (default: of the pack that has them)")  # fmt: skip
    group.add_argument("--base", nargs="+", type=Path, default=[], metavar="FILE",
                       help="results of the untrained student (default: none)")  # fmt: skip
    group.add_argument("--reference", nargs="+", type=Path, default=[], metavar="FILE",
                       help="results of the upper anchor (default: none)")  # fmt: skip
    group.add_argument("--tasks", nargs="+", action=Names, default=(), metavar="NAME",
                       help="those to be read (default: all of the student's)")  # fmt: skip
    group.add_argument("--metric", nargs="+", default=[], metavar="NAME|TASK=NAME",
                       help="what is a task's accuracy, e.g. acc_norm (default: its first metric "
                       "that is an accuracy by its name)")  # fmt: skip
    group.add_argument("--seed", type=int, default=None, metavar="N",
                       help="of the student's training; rows that differ in it are replicates "
                       "(default: not known)")  # fmt: skip
    group.add_argument("--include_path", default=None, metavar="DIR",
                       help="further folder of language packs (default: none)")  # fmt: skip


def execute(args: argparse.Namespace) -> int:
    """Read, say what was found, and write."""
    from polyglot_harness.leaderboard.importing import read

    found = read(args.format, _request(args))
    _print(found)
    if args.report:
        _write_report(args.report, args.format, [*args.files, *args.base, *args.reference], found)
    if args.dry_run:
        print(f"not written (--dry_run): {_count(found.files)}")  # noqa: T201
        return 0
    _write(args.results, found.files, replace=args.replace)
    return 0


def _request(args: argparse.Namespace) -> Request:
    from polyglot_harness.leaderboard.importing import Request

    return Request(
        files=tuple(args.files),
        teacher=args.teacher,
        revision=args.revision,
        student=args.student,
        language=args.language,
        base=tuple(args.base),
        reference=tuple(args.reference),
        tasks=tuple(args.tasks),
        metrics=_metrics(args.metric),
        seed=args.seed,
        include_path=args.include_path,
    )


def _metrics(given: Sequence[str]) -> dict[str, str]:
    """Return task, or "" for all others, -> metric."""
    from polyglot_harness.errors import ConfigError

    found: dict[str, str] = {}
    for text in given:
        task, equals, metric = text.rpartition("=")
        if not metric or (equals and not task) or task in found:
            raise ConfigError(f"--metric {text}: expected NAME, once, or TASK=NAME, once a task")
        found[task] = metric
    return found


def _print(found: Imported) -> None:
    from polyglot_harness.cli.console import table_console
    from polyglot_harness.leaderboard.render import terminal_table

    console = table_console()
    for table in found.tables:
        console.print(terminal_table(table))
        console.print()
    for note in found.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)


def _write_report(path: Path, name: str, files: Sequence[Path], found: Imported) -> None:
    from polyglot_harness.leaderboard.render import markdown_table
    from polyglot_harness.markdown import escape
    from polyglot_harness.store import disk_errors, file_sha256, write_atomically

    read = [f"- {escape(file.name)}, sha256 `{file_sha256(file)}`" for file in files]
    parts = [
        f"# Import of {name} results",
        "\n".join(read),
        *(f"## {escape(table.title)}\n\n{markdown_table(table)}" for table in found.tables),
        "## Notes\n\n" + ("\n".join(f"- {escape(note)}" for note in found.notes) or "None."),
    ]
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "\n\n".join(parts) + "\n")
    print(path)  # noqa: T201


def _write(root: Path, files: Sequence[ResultsFile], *, replace: bool) -> None:
    from polyglot_harness.leaderboard.results import merge_results

    merged = merge_results(root, files, replace=replace)
    print(f"{root}: rows: {merged.added} added, {merged.unchanged} already there, "  # noqa: T201
          f"{merged.replaced} replaced")  # fmt: skip


def _count(files: Sequence[ResultsFile]) -> str:
    teachers = {f.teacher.name for f in files}
    languages = ", ".join(sorted({f.language for f in files}))
    return f"rows: {len(files)}, teachers: {len(teachers)}, languages: {languages}"

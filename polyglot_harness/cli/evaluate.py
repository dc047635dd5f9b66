"""``evaluate``: a student on lm-eval tasks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli import flags

if TYPE_CHECKING:
    from rich.table import Table

    from polyglot_harness.spec import Measurement

COLUMNS = ("language", "task", "metric", "shots", "score", "± stderr", "n")
EPILOG = """\
examples:
  # KoBEST, one table for each number of examples
  polyglot-harness evaluate --student polyglot-ko-1.3b --languages ko --num_fewshot 0,5,10,50

  # what `train` made, in German and, to see what it cost, in English
  polyglot-harness evaluate --adapter runs/stages/train/... --languages de,en

  # the tasks of arXiv 2604.11290, out of a mirror of the hub's data sets
  polyglot-harness evaluate --languages de,ja --tasks polyglot_student_{lang} --offline_data DIR

  # a student behind a server: tasks that generate; the others are named and left out
  polyglot-harness evaluate --languages de --tasks polyglot_student_{lang} --student_args \\
      model=local-chat-completions,base_url=http://localhost:8000/v1,pretrained=ORG/MODEL
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="evaluate a student with lm-eval tasks",
        description="Evaluate a base model, a trained student (--adapter), or a model behind a "
        "server, on the tasks of a language: all metrics of each task; the score of every item is "
        "kept.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--adapter", type=Path, default=None, metavar="DIR",
                        help="what `train` wrote: its adapter/ or model/, or the folder that holds "
                        "it (default: the student untrained)")  # fmt: skip
    flags.language_flag(parser)
    flags.student_flags(parser)
    flags.evaluation_flags(parser, several=True)
    flags.common_flags(parser)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Evaluate and print a table."""
    from dataclasses import replace

    from rich.table import Table

    from polyglot_harness import stages
    from polyglot_harness.cli.console import table_console
    from polyglot_harness.cli.stage import workshop
    from polyglot_harness.languages import load_pack
    from polyglot_harness.lm.index import task_manager
    from polyglot_harness.students import check_trainable

    shots, args.num_fewshot = args.num_fewshot or (None,), None
    _take_student(args)
    shop = workshop(args)
    student = shop.spec.student
    model_args, identity = stages.base_args(student), stages.base_identity(student)
    if args.adapter:
        check_trainable(student)
        weights = stages.find_weights(args.adapter)
        stages.check_base(student, weights)
        model_args = stages.trained_args(student, weights)
        identity = stages.trained_identity(student, weights)
    table = Table(title=f"{student.name}{' with ' + str(args.adapter) if args.adapter else ''}")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:3] else "right")
    folders: list[Path] = []
    measured: list[Measurement] = []
    packs = [load_pack(code, args.include_path) for code in shop.spec.languages]
    # a task that the last language lacks is an error before the first one is evaluated
    named = {task: None for pack in packs for task in stages.student_tasks(shop.spec, pack)}
    task_manager(list(named), include_path=args.include_path)
    for pack in packs:
        for number in shots:
            at = replace(shop, spec=shop.spec.model_copy(update={"num_fewshot": number}))
            done = stages.evaluate(at, student.name, model_args, identity, pack)
            folders.append(done.folder)
            measured += done.record.measurements
            _add_rows(table, done.record.measurements)
            if _alike(done.record.measurements):
                _add_mean(table, pack.code, done.folder)
    console = table_console()
    console.print(table)
    for line in [*_notes(measured), *_fixed_shots(measured, shots)]:
        console.print(line, soft_wrap=True, markup=False)
    for folder in folders:
        print(f"{folder}/items.jsonl")  # noqa: T201
    return 0


def _take_student(args: argparse.Namespace) -> None:
    """Where no student is named, take that which the weights say they were trained from."""
    from polyglot_harness.stages.weights import student_of_weights

    if args.adapter and args.student is None and not args.student_args:
        args.student = student_of_weights(args.adapter)


def _add_rows(table: Table, measured: Sequence[Measurement]) -> None:
    """Add a row a measurement; those beside a task's own stand below it, indented."""
    for m in measured:
        task, _, part = m.name.partition(":")
        params = dict(m.params)
        table.add_row(
            m.language,
            f"  {part}" if part else task,
            str(params.get("metric", "")),
            str(params.get("num_fewshot", "")),
            "—" if m.value is None else f"{m.value:.3f}",
            "—" if m.stderr is None else f"{m.stderr:.3f}",
            str(m.n),
        )


def _alike(measured: Sequence[Measurement]) -> bool:
    """Whether the tasks have one metric: accuracies and chrF do not add up to one number."""
    own = [m for m in measured if ":" not in m.name and m.value is not None]
    return len({dict(m.params).get("metric") for m in own}) == 1


def _add_mean(table: Table, language: str, folder: Path) -> None:
    """Add the language's mean, as scores take it: of tasks, each the mean of its items.

    No mean is added of tasks that make no score: without a number per item, or not of 0 to 1.
    """
    from polyglot_harness.errors import StageError
    from polyglot_harness.lm.evaluate import ITEMS, read_items
    from polyglot_harness.scoring.items import align, count, estimate

    try:
        arrays = align({language: read_items(folder / ITEMS)})[language]
    except StageError:
        return
    mean = estimate(arrays)
    if len(arrays) > 1 and mean.value is not None:
        error = "—" if mean.stderr is None else f"{mean.stderr:.3f}"
        title = f"mean of {len(arrays)} tasks"
        table.add_row(language, title, "", "", f"{mean.value:.3f}", error, str(count(arrays)))


def _notes(measured: list[Measurement]) -> list[str]:
    """Return a line for each reason that something has no value, with what it concerns."""
    concerned: dict[str, list[str]] = {}
    for m in measured:
        if note := dict(m.params).get("note"):
            concerned.setdefault(str(note), []).append(m.name)
    return [f"No value ({note}): {', '.join(names)}" for note, names in concerned.items()]


def _fixed_shots(measured: list[Measurement], shots: tuple[int | None, ...]) -> list[str]:
    """Say which tasks fix 0 examples, whatever was asked for."""
    own = {m.name: dict(m.params).get("num_fewshot", shots[0]) for m in measured}
    fixed = [name for name, number in own.items() if ":" not in name and number not in shots]
    if shots == (None,) or not fixed:
        return []
    return [f"These tasks fix 0 examples, whatever --num_fewshot says: {', '.join(fixed)}"]

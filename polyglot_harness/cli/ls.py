"""``ls``: what is there."""

from __future__ import annotations

import argparse
from typing import Any

KINDS = (
    "languages", "teachers", "strategies", "checks", "metrics", "students", "recipes", "tasks",
)  # fmt: skip


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "ls",
        help=f"list {', '.join(KINDS)}",
        description="List what the names on the command line may be.",
    )
    parser.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--include_path", default=None, metavar="DIR",
                        help="further folder of packs and YAMLs")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Print a table."""
    from rich.console import Console
    from rich.table import Table

    columns, rows = globals()[f"_{args.kind}"](args.include_path)
    table = Table()
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)
    return 0


def _languages(include_path: str | None) -> Any:
    from polyglot_harness.languages import load_pack, pack_folders

    packs = [load_pack(code, include_path) for code in sorted(pack_folders(include_path))]
    return ("code", "name", "own name", "script", "seeds", "student tasks"), [
        (p.code, p.name, p.own_name, p.script, str(len(p.seeds)), ", ".join(p.student_tasks))
        for p in packs
    ]


def _teachers(include_path: str | None) -> Any:
    from polyglot_harness.teachers import load_teacher, teacher_names

    cards = [load_teacher(name) for name in teacher_names()]
    return ("name", "model", "form", "licence", "notes"), [
        (c.name, c.model, c.form, c.licence, c.notes) for c in cards
    ]


def _strategies(include_path: str | None) -> Any:
    from polyglot_harness.strategies import DESCRIPTIONS

    return ("name", "what it does"), list(DESCRIPTIONS.items())


def _checks(include_path: str | None) -> Any:
    from polyglot_harness.spec import Checks

    return ("check", "default", "what"), [
        (name, str(field.default), " ".join((field.description or "").split()))
        for name, field in Checks.model_fields.items()
    ]


def _metrics(include_path: str | None) -> Any:
    from polyglot_harness.intrinsic import METRICS, describe

    return ("name", "what it is"), [(name, describe(name)) for name in METRICS]


def _students(include_path: str | None) -> Any:
    from polyglot_harness.students import load_student, student_names

    cards = [load_student(name) for name in student_names()]
    return ("name", "pretrained", "reference", "licence", "notes"), [
        (c.name, c.pretrained, c.reference, c.licence, c.notes) for c in cards
    ]


def _recipes(include_path: str | None) -> Any:
    from polyglot_harness.students import load_recipe, recipe_names

    recipes = [load_recipe(name) for name in recipe_names()]
    return ("name", "learning rate", "epochs", "LoRA r", "max length"), [
        (r.name, f"{r.learning_rate:g}", f"{r.epochs:g}", str(r.lora_r), str(r.max_length))
        for r in recipes
    ]


def _tasks(include_path: str | None) -> Any:
    from polyglot_harness.lm.index import task_manager

    manager = task_manager((), include_path=include_path)
    groups = set(manager.all_groups)
    return ("name", "kind"), [
        (name, "group" if name in groups else "task") for name in manager.all_tasks
    ]

"""``ls``: what is there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from polyglot_harness.cli import ls_data

KINDS = (
    "languages", "teachers", "strategies", "checks", "metrics", "students", "recipes", "tasks",
    "data",
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
    tasks = parser.add_argument_group("only for tasks and data")
    tasks.add_argument("--languages", default=None, metavar="CODES",
                       help="only tasks of these packs, e.g. de,ja")  # fmt: skip
    tasks.add_argument("--match", default=None, metavar="GLOB",
                       help="only names like this, e.g. 'polyglot_*_de'")  # fmt: skip
    tasks.add_argument("--all", action="store_true", help="tasks: lm-eval's own, too")
    ls_data.add_flags(parser)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Print a table."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if args.kind == "data":
        return ls_data.show(args)
    if args.kind == "tasks":
        columns, rows = _tasks(args.include_path, args.languages, args.match, args.all)
    elif args.languages or args.match or args.all:
        args.parser.error("--languages, --match and --all are only for: ls tasks, ls data")
    else:
        columns, rows = globals()[f"_{args.kind}"](args.include_path)
    table = Table()
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0 and not args.all)
    for row in rows:
        table.add_row(*map(escape, row))  # cards of others may hold markup
    Console(highlight=False).print(table)
    return 0


def _languages(include_path: str | None) -> Any:
    from polyglot_harness.languages import load_pack, pack_folders

    packs = [load_pack(code, include_path) for code in sorted(pack_folders(include_path))]
    fields = ("code", "name", "own_name", "script", "role")
    return (*(field.replace("_", " ") for field in fields), "seeds", "student tasks"), [
        (*(getattr(p, field) for field in fields), str(len(p.seeds)), ", ".join(p.student_tasks))
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
    return ("name", "family", "pretrained", "reference", "licence", "notes"), [
        (c.name, c.family, c.pretrained, c.reference, c.licence, c.notes) for c in cards
    ]


def _recipes(include_path: str | None) -> Any:
    from polyglot_harness.students import load_recipe, recipe_names

    recipes = [load_recipe(name) for name in recipe_names()]
    return ("name", "method", "tuning", "learning rate", "epochs", "LoRA r", "max length"), [
        (
            r.name,
            r.method,
            r.tuning,
            f"{r.learning_rate:g}",
            f"{r.epochs:g}",
            str(r.lora_r),
            str(r.max_length),
        )  # fmt: skip
        for r in recipes
    ]


def _tasks(
    include_path: str | None, languages: str | None, match: str | None, everything: bool
) -> Any:
    from fnmatch import fnmatchcase

    from polyglot_harness.errors import unknown_name
    from polyglot_harness.languages import pack_folders
    from polyglot_harness.lm.builtin_names import builtin_names
    from polyglot_harness.lm.index import pack_names

    packs = pack_folders(include_path)
    wanted = [code.strip() for code in languages.split(",")] if languages else None
    for code in wanted or ():
        if code not in packs:
            raise unknown_name("language", code, packs)
    own = pack_names(include_path)
    rows = []
    for name, found in sorted((builtin_names() | own if everything else own).items()):
        language = _language(found.path, packs) if name in own else ""
        if (wanted is None or language in wanted) and fnmatchcase(name, match or "*"):
            shots = str(found.num_fewshot or 0) if found.kind == "task" else ""
            rows.append((name, found.kind, language, shots))
    return ("name", "kind", "language", "few-shots"), rows


def _language(path: str | None, packs: dict[str, Path]) -> str:
    """Return the code of the pack that a YAML is of; "" if none, or for a tag."""
    folders = Path(path).resolve().parents if path else ()
    return next((code for code, folder in packs.items() if folder in folders), "")

"""``init-language``: write the skeleton of a language pack."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

FIELDS = {
    "name": "English name", "own_name": "the language's name in the language",
    "script": "ISO 15924, e.g. Latn", "iso639_3": "ISO 639-3 code",
}  # fmt: skip


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "init-language",
        help="write the skeleton of a language pack",
        description="Write a language pack, all but what only a speaker can write: that is marked "
        "TODO, and found by: polyglot-harness validate. No file is ever overwritten.",
    )
    parser.add_argument("code", metavar="CODE", help="ISO 639-1, e.g. vi")
    parser.add_argument(
        "-o", "--output", type=Path, default=None, metavar="DIR",
        help="folder of packs (default: tasks/ of a checkout, elsewhere ./packs)",
    )  # fmt: skip
    known = parser.add_argument_group("what is known better than by CLDR")
    for field, what in FIELDS.items():
        known.add_argument(f"--{field}", default=None, metavar="TEXT", help=what)
    known.add_argument("--direction", choices=("ltr", "rtl"), default=None, help="ltr or rtl")
    known.add_argument("--length_unit", choices=("words", "characters"), default=None,
                       help="what lengths are counted in")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Write the files, list them, and say what comes next."""
    from polyglot_harness.skeleton import pack_files, write_pack
    from polyglot_harness.skeleton.benchmarks import benchmarks
    from polyglot_harness.skeleton.facts import facts

    given = {name: getattr(args, name) for name in (*FIELDS, "direction", "length_unit")}
    known = facts(args.code, **given)
    root = args.output or _packs()
    written = write_pack(root / args.code, pack_files(known, benchmarks(known)))
    for path in written:
        print(path)  # noqa: T201
    _warn(args.code)
    print(_next(root, args.code))  # noqa: T201
    return 0


def _packs() -> Path:
    """Return where a new pack goes: the checkout, if there is one."""
    from polyglot_harness.assets import PACKAGE, tasks_path

    folder = tasks_path()
    ours = not folder.resolve().is_relative_to(PACKAGE) and os.access(folder, os.W_OK)
    return folder if ours else Path("packs")


def _warn(code: str) -> None:
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.language_id import identify

    try:
        identify("a", code)
    except ConfigError:
        print(  # noqa: T201
            f"polyglot-harness: warning: the language identifier does not know {code!r}, so a run "
            "cannot tell whether replies are in it, and stops (docs/language-identification.md)",
            file=sys.stderr,
        )


def _next(root: Path, code: str) -> str:
    from polyglot_harness.assets import tasks_path

    folder = root / code
    include = "" if root.resolve() == tasks_path().resolve() else f" --include_path {root}"
    return f"""
next:
  1. fill in what is marked TODO: {folder}/pack.toml, seeds.jsonl, ... ({folder}/README.md)
  2. polyglot-harness validate {folder}
  3. polyglot-harness run{include} --languages {code} --teacher gemma-3-270m --limit 8 --dry_run"""

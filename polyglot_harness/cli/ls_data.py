"""``ls data``: the data sets of the hub that tasks need, and how a mirror is filled with them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from polyglot_harness.cli import flags

if TYPE_CHECKING:
    from polyglot_harness.lm.hub_data import Source

COLUMNS = {
    "data set": 16, "configurations": 12, "revision": 8, "licence": 7, "tasks": 5, "here": 4,
}  # fmt: skip
"""Columns of the table, and how narrow each may become."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add what only this kind knows."""
    group = parser.add_argument_group("only for data")
    flags.tasks_flag(group)
    flags.offline_data_flag(group)
    group.add_argument(
        "--commands", action="store_true",
        help="print the commands that download the data sets into a mirror",
    )  # fmt: skip


def show(args: argparse.Namespace) -> int:
    """Print a table, or commands."""
    from polyglot_harness.lm.hub_data import data_sources
    from polyglot_harness.lm.hub_mirror import MIRROR_VARIABLE
    from polyglot_harness.lm.index import task_configs, task_manager

    if args.offline_data is not None:
        # it may not exist yet: this command says how to make it
        os.environ[MIRROR_VARIABLE] = str(args.offline_data.expanduser().absolute())
    tasks = _tasks(args)
    sources = data_sources(task_configs(task_manager(tasks, include_path=args.include_path), tasks))
    by_name: dict[str, list[Source]] = {}
    for source in sources:
        by_name.setdefault(source.current, []).append(source)
    (_print_commands if args.commands else _print_table)(dict(sorted(by_name.items())))
    return 0


def _tasks(args: argparse.Namespace) -> list[str]:
    """Return ``--tasks``, or else all names that the packs of the languages define."""
    from fnmatch import fnmatchcase

    from polyglot_harness.errors import unknown_name
    from polyglot_harness.languages import pack_folders
    from polyglot_harness.lm.index import pack_names

    packs = pack_folders(args.include_path)
    codes = [code.strip() for code in args.languages.split(",")] if args.languages else list(packs)
    for code in codes:
        if code not in packs:
            raise unknown_name("language", code, packs)
    if args.tasks:
        return list(dict.fromkeys(t.replace("{lang}", code) for code in codes for t in args.tasks))
    return [
        name
        for name, found in sorted(pack_names(args.include_path).items())
        if found.path
        and any(packs[code] in Path(found.path).resolve().parents for code in codes)
        and fnmatchcase(name, args.match or "*")
    ]


def _print_table(by_name: dict[str, list[Source]]) -> None:
    from rich.table import Table

    from polyglot_harness.cli.console import table_console
    from polyglot_harness.lm.hub_mirror import mirror
    from polyglot_harness.lm.hub_pins import pin

    where = mirror()
    table = Table()
    for column, width in COLUMNS.items():
        if where or column != "here":
            table.add_column(column, overflow="fold", min_width=width)
    notes = []
    for name, sources in by_name.items():
        known = pin(name)
        revisions = dict.fromkeys(source.revision[:7] or "newest" for source in sources)
        row = (
            name + (" (gated)" if known.gated else ""),
            ", ".join(dict.fromkeys(str(s.config or "—") for s in sources)),
            ", ".join(revisions),
            known.licence or "—",
            str(len({task for s in sources for task in s.tasks})),
            _here(sources),
        )
        table.add_row(*row if where else row[:-1])
        notes += [f"{name}: {known.note}"] if known.note else []
    console = table_console()
    console.print(table)
    for note in notes:
        console.print(note, soft_wrap=True)
    console.print(
        f"Mirror: {where}" if where else "No mirror: data sets are loaded from the hub.",
        soft_wrap=True,
    )


def _here(sources: list[Source]) -> str:
    """Say whether the mirror holds what is needed."""
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.lm.hub_mirror import folder_of, mirror

    if mirror() is None:
        return ""
    if not folder_of(sources[0].path).is_dir():
        return "no"
    missing = []
    for source in sources:
        try:
            source.identity()
        except ConfigError:
            missing.append(source.config or "—")
    return f"not {', '.join(missing)}" if missing else "yes"


def _print_commands(by_name: dict[str, list[Source]]) -> None:
    from polyglot_harness.lm.hub_mirror import download_command, mirror
    from polyglot_harness.lm.hub_pins import pin

    root = str(mirror() or "$POLYGLOT_DATA")
    for name, sources in by_name.items():
        if pin(name).gated:
            print(f"# first accept the terms: https://huggingface.co/datasets/{name}")  # noqa: T201
        revisions = {source.revision for source in sources}
        # a folder holds one revision; of several the pinned one
        print(download_command(name, "" if len(revisions) > 1 else revisions.pop(), root))  # noqa: T201

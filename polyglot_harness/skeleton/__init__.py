"""A new language pack, all but what only a speaker can write (``polyglot-harness init-language``).

The files are templates in ``files/`` (Jinja, with ``<< >>`` and ``<% %>``, for the packs hold Jinja
themselves). In a file's name LANG stands for the code and STRATEGY for each strategy. A template
that comes to nothing is not written. What is left to be filled in says TODO; `validate` refuses it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.assets import PACKAGE, tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import read_toml
from polyglot_harness.languages import SHARED_TEMPLATES
from polyglot_harness.skeleton.benchmarks import Benchmarks
from polyglot_harness.skeleton.facts import Facts
from polyglot_harness.spec import CATEGORIES, STRATEGIES

TEMPLATES = PACKAGE / "skeleton" / "files"
_INCLUDED = re.compile(r"^include: (?:\.\./)?(_\w+_yaml)$", re.MULTILINE)


def pack_files(facts: Facts, benchmarks: Benchmarks) -> dict[str, str]:
    """Return what a new pack holds, by path.

    Args:
        facts: What is known of the language.
        benchmarks: What lm-eval and the hub have for it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        variable_start_string="<<", variable_end_string=">>",
        block_start_string="<%", block_end_string="%>",
        comment_start_string="<#", comment_end_string="#>",
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML
    )  # fmt: skip
    instructions = read_toml(tasks_path() / SHARED_TEMPLATES)["chat"]
    known: dict[str, Any] = {
        **facts._asdict(), **benchmarks._asdict(), "categories": CATEGORIES,
        # respond shows the bare prompt in any language
        "instructions": {k: v.strip() for k, v in instructions.items() if k != "respond"},
    }  # fmt: skip
    found: dict[str, str] = {}
    for template in sorted(environment.list_templates()):
        for path, more in _paths(template, facts.code):
            text = environment.get_template(template).render(known, **more)
            found |= {path: text} if text.strip() else {}
    return found


def _paths(template: str, code: str) -> Iterator[tuple[str, dict[str, str]]]:
    path = template.replace("LANG", code)
    if "STRATEGY" not in path:
        yield path, {}
        return
    for strategy in STRATEGIES:
        yield path.replace("STRATEGY", strategy), {"strategy": strategy}


def write_pack(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write a new pack, and beside it the shared templates, if they do not lie there.

    Args:
        folder: The pack's.
        files: Text by path (`pack_files`).

    Returns:
        What was written.

    Raises:
        ConfigError: If any of it exists, or cannot be written; an existing file is never changed.
    """
    beside = folder.parent.resolve() == tasks_path().resolve()
    shared = [] if beside else _shared_templates(files.values())
    _refuse_existing(folder, files, shared)
    missing = [path for path in shared if not (folder.parent / path.name).exists()]
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        for path in missing:
            shutil.copyfile(path, folder.parent / path.name)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from error
    return [folder.parent / path.name for path in missing] + [folder / name for name in files]


def _shared_templates(texts: Iterable[str]) -> list[Path]:
    """Return the templates that YAMLs include, and those of the embedded suite."""
    found = {path.name for path in tasks_path().glob("_mini_*_yaml")}
    wanted = found | {name for text in texts for name in _INCLUDED.findall(text)}
    while (
        more := {
            name
            for path in wanted
            for name in _INCLUDED.findall((tasks_path() / path).read_text(encoding="utf-8"))
        }
        - wanted
    ):
        wanted |= more
    return [tasks_path() / name for name in sorted(wanted)]


def _refuse_existing(folder: Path, files: dict[str, str], shared: Sequence[Path]) -> None:
    for path in (folder / name for name in files):
        if path.exists() or path.is_symlink():
            raise ConfigError(
                f"{path}: exists, and is not overwritten; --output names another place"
            )
    for path in shared:
        beside = folder.parent / path.name
        if beside.exists() and beside.read_bytes() != path.read_bytes():
            raise ConfigError(
                f"{beside}: differs from the shared template of this version; take it out, or copy "
                "it from $(polyglot-harness tasks-path)"
            )

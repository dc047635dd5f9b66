"""Read lm-eval's YAMLs as data, and say what is wrong with one: lm-eval drops it without a word.

``!function`` stays text and nothing is imported; what is merged is what lm-eval merges.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.yaml_names import Loader, tags_of, yaml_files

Parsed = dict[Path, dict[str, Any]]
"""What was read of each file: many tasks include the same few."""


def read_config(path: Path, parsed: Parsed | None = None) -> dict[str, Any]:
    """Return a YAML's configuration, what it includes merged under it.

    Args:
        path: The file.
        parsed: Files that were read before; those read now are added.

    Returns:
        A mapping whose values are shared with `parsed`; functions as ``"!function utils.score"``.

    Raises:
        ConfigError: If a file is no YAML mapping, or an included one is missing or included twice;
            the message holds file, line and remedy.
    """
    return _merged(path.resolve(), {} if parsed is None else parsed, set())


def read_folder(folder: Path, parsed: Parsed | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Return path and configuration of every YAML below a folder, in lm-eval's order.

    Args:
        folder: What holds the YAMLs.
        parsed: As in `read_config`.

    Raises:
        ConfigError: As `read_config`; and if one is neither task nor group, or two have one name.
    """
    parsed = {} if parsed is None else parsed
    files = [(path, read_config(Path(path), parsed)) for path in yaml_files(folder)]
    owners: dict[str, str] = {}
    for path, config in files:
        name = _name(path, config)
        if name in owners:
            raise _shared(path, name, owners[name])
        owners[name] = path
    for path, config in files:
        for tag in tags_of(config) if "group" not in config else ():
            if tag in owners:
                raise _shared(path, tag, owners[tag])
    return files


def _shared(path: str, name: str, other: str) -> ConfigError:
    return ConfigError(f"{line_of(path, name)}: {name!r} is also the name of {other}; rename one")


def _name(path: str, config: dict[str, Any]) -> str:
    """Return the name that a YAML gives to its task or group."""
    key = "group" if "group" in config and "class" not in config else "task"
    if key not in config:
        raise ConfigError(
            f"{path}, line 1: neither a task nor a group: give it 'task: NAME' or 'group: NAME'; a "
            "template that others include has no suffix .yaml"
        )
    name = config[key]
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{line_of(path, key)}: '{key}:' takes a name, got {name!r:.80}")
    if key == "group" and not isinstance(config.get("task"), list):
        raise ConfigError(f"{line_of(path, 'task')}: 'task:' of a group takes a list of names")
    return name


def line_of(path: str | Path, word: str) -> str:
    """Return "file, line N" of the first line that holds a word, or of line 1."""
    lines = Path(path).read_text(encoding="utf-8", errors="replace").split("\n")
    whole = re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])")
    return f"{path}, line {next((n for n, line in enumerate(lines, 1) if whole.search(line)), 1)}"


def _merged(path: Path, parsed: Parsed, seen: set[Path]) -> dict[str, Any]:
    # `seen` is one for all that a task includes: lm-eval refuses a template on two ways, too
    seen.add(path)
    if path not in parsed:
        parsed[path] = _parse(path)
    config = dict(parsed[path])
    included = config.pop("include", [])
    merged: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        if not isinstance(name, str):
            raise ConfigError(f"{line_of(path, 'include')}: 'include:' takes file names")
        below = (path.parent / name).resolve()
        if not below.is_file():
            raise ConfigError(
                f"{line_of(path, name)}: included file {name!r} is missing; put it at {below} or "
                "correct the name"
            )
        if below in seen:
            raise ConfigError(f"{line_of(path, name)}: {name!r} is included twice; once is enough")
        merged |= _merged(below, parsed, seen)
        merged.pop("task_list", None)
    return merged | config


def _parse(path: Path) -> dict[str, Any]:
    try:
        config = yaml.load(path.read_bytes(), Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else f"{path}, line 1"
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        raise ConfigError(f"{where}: not valid YAML: {problem}; correct this line") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if not isinstance(config, dict):
        found = "nothing" if config is None else f"a {type(config).__name__}"
        raise ConfigError(f"{path}, line 1: expected 'key: value' lines, found {found}")
    return config

"""Find tasks, groups and tags in a tree of lm-eval YAMLs without parsing them.

Six keys at column 0, of a file and of what it includes, say what lm-eval's index would say of it.
To read them line by line takes a third of a second for lm-eval's 13,986 files, most of it spent in
opening them; a YAML parser needs ten times as long and more (benchmarks/task_index.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

IGNORED = {"__pycache__", ".ipynb_checkpoints", ".git"}
"""Folders that lm-eval does not look into."""
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEY = re.compile(rb"""^["']?(task|group|tag|class|include|num_fewshot)["']?[ \t]*:(.*)$""", re.M)
_PLAIN = re.compile(r"""(["']?)([A-Za-z_][\w./+-]*)\1(?:\s+#.*)?\Z""")
_NOT_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


class Loader(_SafeLoader):  # type: ignore[misc]
    """Knows lm-eval's one tag, which stays text."""


yaml.add_constructor(
    "!function", lambda loader, node: f"!function {loader.construct_scalar(node)}", Loader=Loader
)


class Name(NamedTuple):
    """What a name stands for."""

    kind: str
    """task, group or tag."""
    path: str | None
    """The YAML; None for a tag."""
    members: tuple[str, ...] = ()
    """The tasks of a tag."""
    num_fewshot: int | None = None
    """As the YAML of a task says."""


def yaml_files(root: Path) -> list[str]:
    """Return the paths of all ``*.yaml`` below a folder, in the order of lm-eval's index."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in IGNORED]
        found += [f"{folder}/{name}" for name in files if name.endswith(".yaml")]
    return sorted(found)


def scan(root: Path) -> dict[str, Name]:
    """Return all names of a folder; the first of several files with one name wins, as in lm-eval.

    Args:
        root: The folder. Files that lm-eval skips (neither task nor group) are skipped.
    """
    return names((path, keys) for path, keys in headers(yaml_files(root)) if keys)


def headers(paths: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each file with its six keys and those that it includes; {} where one is missing.

    Args:
        paths: Of YAMLs.
    """
    read: dict[str, dict[str, Any]] = {}
    for path in paths:
        yield path, _merged(path, read, ())


def names(files: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Name]:
    """Return what lm-eval's index would hold of files and their keys, in this order."""
    found: dict[str, Name] = {}
    members: dict[str, list[str]] = {}
    for path, keys in files:
        is_group = "group" in keys and "class" not in keys
        name = keys.get("group" if is_group else "task")
        if not isinstance(name, str) or name in found or name in members:
            continue
        shots = keys.get("num_fewshot")
        found[name] = Name(
            "group" if is_group else "task",
            path,
            num_fewshot=shots if isinstance(shots, int) and not is_group else None,
        )
        if not is_group:
            for tag in tags_of(keys):
                members.setdefault(tag, []).append(name)
    # a tag that is also the name of a task or group is no tag to lm-eval
    tags = {tag: Name("tag", None, tuple(sorted(m))) for tag, m in members.items()}
    return tags | found


def tags_of(keys: Mapping[str, Any]) -> list[str]:
    """Return the tags of a task's configuration."""
    tag = keys.get("tag")
    return [t for t in (tag if isinstance(tag, list) else [tag]) if isinstance(t, str)]


def _merged(path: str, read: dict[str, dict[str, Any]], above: tuple[str, ...]) -> dict[str, Any]:
    """Return the keys of a file over those that it includes; nothing where lm-eval would fail."""
    try:
        if path not in read:
            with open(path, "rb") as file:  # noqa: PTH123 - 14,000 Paths take time
                read[path] = _keys(file.read())
    except OSError:
        return {}
    keys = dict(read[path])
    included = keys.pop("include", None)
    merged: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        if not isinstance(name, str):
            continue
        below = os.path.normpath(os.path.join(os.path.dirname(path), name))  # noqa: PTH118, PTH120
        if below in above or not os.path.isfile(below):  # noqa: PTH113
            return {}
        merged |= _merged(below, read, (*above, path))
    return merged | keys


def _keys(text: bytes) -> dict[str, Any]:
    return {
        match[1].decode(): _value(match[2].decode("utf-8", "replace").strip(), text[match.end() :])
        for match in _KEY.finditer(text)
    }


def _value(text: str, following: bytes) -> Any:
    """Return a plain word as it stands, the rest as YAML says."""
    plain = _PLAIN.match(text)
    if plain and (plain[1] or plain[2].lower() not in _NOT_TEXT):
        return plain[2]
    if not text or text[0] in "#[{|>\"'":
        # a block: what is indented, and a list's items, which need not be
        block = re.match(rb"(?:[ \t]*\n|\n|[ \t].*\n?|-[ \t].*\n?|#.*\n?)*", following)
        text += "\n" + (block[0].decode("utf-8", "replace") if block else "")
    try:
        return yaml.load(text, Loader)  # noqa: S506
    except yaml.YAMLError:
        return None

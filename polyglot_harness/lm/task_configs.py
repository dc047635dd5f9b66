"""What lm-eval would build its tasks of, as data: nothing is built, loaded or imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from polyglot_harness.lm.yaml_config import Parsed, read_config

STRUCTURE = ("tag", "group", "task_list")
"""Keys that place a task among others; they are not of its configuration."""


def task_configs(manager: Any, tasks: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the configuration of every single task that `tasks` stand for.

    Args:
        manager: Of `task_manager`.
        tasks: Names of tasks, groups or tags that it knows.

    Returns:
        Task -> configuration, as lm-eval would give it to the task: includes merged, the settings
        of groups over them, the manager's metadata added; functions and classes are text,
        ``"!function utils.score"``. Of a task in Python it is what its YAML says.
    """
    found = _Configs(manager)
    return {config["task"]: config for task in tasks for config in found.of(task, overrides={})}


class _Configs:
    """Walks groups and tags as `lm_eval.tasks._factory.TaskFactory` does."""

    def __init__(self, manager: Any) -> None:
        self._entries: Mapping[str, Any] = manager.task_index
        self._metadata = dict(manager.metadata or {})
        self._parsed: Parsed = {}

    def of(self, name: str, overrides: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the configurations of a name."""
        entry = self._entries[name]
        if entry.yaml_path is None:
            for member in sorted(entry.tags):
                yield from self.of(member, overrides)
            return
        config = read_config(entry.yaml_path, self._parsed)
        if "group" in config and "class" not in config:
            yield from self._of_group(name, config, overrides)
        else:
            yield self._task({**config, **overrides}, str(entry.yaml_path))

    def _of_group(
        self, group: str, config: Mapping[str, Any], overrides: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        from lm_eval.tasks._factory import GROUP_FIELD_NAMES

        given = {k: v for k, v in config.items() if k not in GROUP_FIELD_NAMES} | dict(overrides)
        members = config.get("task")
        for member in members if isinstance(members, list) else ():
            inline = member if isinstance(member, dict) else {}
            if "group" in inline:
                if inline["group"] in self._entries:
                    own = {k: v for k, v in inline.items() if k != "group"}
                    yield from self.of(inline["group"], {**given, **own})
                else:
                    yield from self._of_group(f"{group}::{inline['group']}", inline, given)
                continue
            name: Any = inline.get("task", member)
            settings = {**given, **inline}
            if name not in self._entries:
                yield self._task({**settings, "task": f"{group}::{name}"}, None)
            elif self._entries[name].kind.name == "GROUP":
                yield from self.of(name, settings)
            elif self._entries[name].yaml_path is None:
                for task in sorted(self._entries[name].tags):
                    yield from self.of(task, {"task": task, **settings})
            else:
                yield from self.of(name, {"task": name, **settings})

    def _task(self, config: Mapping[str, Any], source: str | None) -> dict[str, Any]:
        config = {key: deepcopy(v) for key, v in config.items() if key not in STRUCTURE}
        metadata = config.get("metadata") or {}
        metadata = metadata if isinstance(metadata, dict) else {"_metadata": metadata}
        config["metadata"] = metadata | self._metadata
        if source:
            config["metadata"]["config_source"] = source
        return config

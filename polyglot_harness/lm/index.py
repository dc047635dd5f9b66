"""Index only the lm-eval tasks that are asked for.

lm-eval's own index of some 14,000 YAMLs takes seconds, cold up to half a minute; ours of the packs,
a moment (benchmarks/task_index.py). The built-in tasks are indexed only where a name is not found
in the packs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError, first_line, unknown_name


def task_manager(
    tasks: Sequence[str],
    *,
    include_path: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Return a TaskManager that knows all `tasks`.

    Args:
        tasks: Names of tasks, groups or tags.
        include_path: A further folder of YAMLs.
        metadata: Passed to the tasks.

    Raises:
        ConfigError: If a name is unknown.
    """
    from lm_eval.tasks import TaskManager

    # each custom data set would be announced with a warning
    logging.getLogger("lm_eval.api.task").setLevel(logging.ERROR)
    paths = [str(tasks_path()), *([include_path] if include_path else [])]
    manager = TaskManager(include_path=paths, include_defaults=False, metadata=dict(metadata or {}))
    if all(name in manager.all_tasks for name in tasks):
        return manager
    manager = TaskManager(include_path=paths, include_defaults=True, metadata=dict(metadata or {}))
    for name in tasks:
        if name not in manager.all_tasks:
            raise unknown_name("task", name, _near(name, manager.all_tasks))
    return manager


def check_yaml(folder: Path) -> None:
    """Check the syntax of a pack's YAMLs: lm-eval would drop a broken one without a word.

    Raises:
        ConfigError: If one is broken; the message holds file and line.
    """
    import yaml

    for path in sorted(folder.glob("*.yaml")):
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{path}, line {mark.line + 1}" if mark else str(path)
            problem = getattr(error, "problem", None) or "unreadable"
            raise ConfigError(f"{where}: not valid YAML: {problem}") from None
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value == "include" and not (folder / str(value.value)).is_file():
                line = value.start_mark.line + 1
                raise ConfigError(f"{path}, line {line}: included file {value.value!r} is missing")


def load_tasks(manager: Any, tasks: Sequence[str]) -> Any:
    """Load tasks; what lm-eval cannot build becomes a ConfigError."""
    try:
        return manager.load(list(tasks))
    except (KeyError, ValueError, TypeError, OSError) as error:
        names = ", ".join(tasks)
        raise ConfigError(f"task {names} cannot be built: {first_line(error)}") from error


def _near(name: str, names: Sequence[str]) -> list[str]:
    """Return names worth listing: thousands would bury the message."""
    import difflib

    return difflib.get_close_matches(name, names, n=8, cutoff=0.3) or list(names)[:8]
